/* Kernel modules for the guest, in the order in which they must be loaded. */
#include "base/fs.h"
#include "base/memory.h"
#include "initrd/archive.h"
#include "initrd/elf_object.h"
#include "initrd/module_tree.h"

#include <errno.h>
#include <string.h>

enum { DEPTH_MAX = 64, WORDS_MAX = 256 };

struct module {
    char name[MODULE_NAME_BYTES];
    char *release;
    char *path;    /* below /lib/modules/<release> */
    size_t *needs; /* indexes of what it needs, all of it, in the order to load them */
    size_t needs_count;
    struct buffer aliases; /* lines of modules.alias */
};

struct words {
    char name[WORDS_MAX][MODULE_NAME_BYTES];
    size_t count;
};

/* What is being resolved now, to see a circle. */
struct chain {
    const char *name;
    const struct chain *above;
    int depth;
};

void modules_free(struct initrd *initrd)
{
    for (size_t i = 0; i < initrd->module_count; i++) {
        struct module *module = initrd->modules[i];

        free(module->release);
        free(module->path);
        free(module->needs);
        buffer_free(&module->aliases);
        free(module);
    }
    free(initrd->modules);
}

static size_t loaded(const struct initrd *initrd, const char *name)
{
    size_t i;

    for (i = 0; i < initrd->module_count; i++)
        if (strcmp(initrd->modules[i]->name, name) == 0)
            break;
    return i;
}

static void take_words(struct words *words, const char *text, size_t length, const char *between)
{
    cleanup_free char *copy = xstrndup(text, length);
    char *state = NULL;

    for (char *word = strtok_r(copy, between, &state); word && words->count < WORDS_MAX;
         word = strtok_r(NULL, between, &state))
        if (module_name(word, words->name[words->count]))
            words->count++;
}

static void take_depends(void *context, const char *value)
{
    take_words(context, value, strlen(value), ",");
}

/* "pre: a b post: c" */
static void take_softdep(void *context, const char *value)
{
    const char *pre = strstr(value, "pre:");
    const char *post;

    if (!pre)
        return;
    pre += strlen("pre:");
    post = strstr(pre, "post:");
    take_words(context, pre, post ? (size_t)(post - pre) : strlen(pre), " \t");
}

static void take_alias(void *context, const char *value)
{
    struct module *module = context;

    buffer_printf(&module->aliases, "alias %s %s\n", value, module->name);
}

static void need(struct module *module, size_t index)
{
    for (size_t i = 0; i < module->needs_count; i++)
        if (module->needs[i] == index)
            return;
    module->needs = xreallocarray(module->needs, module->needs_count + 1, sizeof(size_t));
    module->needs[module->needs_count++] = index;
}

static int missing(const struct module_tree *tree, const char *name, const struct chain *chain,
                   struct error *error)
{
    const char *nearest = module_tree_nearest(tree, name);

    return error_set(error, ENOENT, "%s%sno kernel module \"%s\" in %s%s%s%s",
                     chain ? chain->name : "", chain ? " needs it: " : "", name, tree->directory,
                     nearest ? ": did you mean \"" : "", nearest ? nearest : "",
                     nearest ? "\"?" : "");
}

static int load(struct initrd *initrd, const struct module_tree *tree, const char *name,
                bool optional, const struct chain *above, struct error *error);

static int load_all(struct initrd *initrd, const struct module_tree *tree,
                    const struct words *words, bool optional, const struct chain *chain,
                    struct error *error)
{
    int code = 0;

    for (size_t i = 0; code == 0 && i < words->count; i++)
        code = load(initrd, tree, words->name[i], optional, chain, error);
    return code;
}

/* Adds what is known of the module, its dependencies being there. */
static int append(struct initrd *initrd, const struct module_tree *tree,
                  const struct module_file *file, const struct buffer *bytes,
                  const struct words *depends, struct error *error)
{
    const char *release = strrchr(tree->directory, '/') + 1;
    struct module *module = xcalloc(1, sizeof *module);
    cleanup_free char *guest = NULL;

    memcpy(module->name, file->name, sizeof module->name);
    module->release = xstrdup(release);
    module->path = xstrndup(file->path, (size_t)(strstr(file->path, ".ko") + 3 - file->path));
    for (size_t i = 0; i < depends->count; i++) {
        size_t index = loaded(initrd, depends->name[i]);

        if (index == initrd->module_count)
            continue; /* built in */
        for (size_t j = 0; j < initrd->modules[index]->needs_count; j++)
            need(module, initrd->modules[index]->needs[j]);
        need(module, index);
    }
    initrd->modules = xreallocarray(initrd->modules, initrd->module_count + 1, sizeof(void *));
    initrd->modules[initrd->module_count++] = module;
    guest = xasprintf("/lib/modules/%s/%s", release, module->path);
    if (elf_modinfo(bytes->data, bytes->length, "alias", take_alias, module, error) < 0)
        return error_context(error, "%s/%s", tree->directory, file->path);
    /* A packed module is kept as it was unpacked. */
    if (strcmp(file->path, module->path) != 0)
        return initrd_add_bytes(initrd, guest, bytes->data, bytes->length, 0644, error);
    {
        cleanup_free char *host = xasprintf("%s/%s", tree->directory, file->path);

        return initrd_add_file(initrd, host, guest, error);
    }
}

static int load(struct initrd *initrd, const struct module_tree *tree, const char *name,
                bool optional, const struct chain *above, struct error *error)
{
    const struct module_file *file = module_tree_find(tree, name);
    struct chain chain = {name, above, above ? above->depth + 1 : 0};
    cleanup_free struct words *depends = xcalloc(1, sizeof *depends);
    cleanup_free struct words *before = xcalloc(1, sizeof *before);
    cleanup_buffer struct buffer bytes = {0};
    int code;

    if (loaded(initrd, name) < initrd->module_count || module_tree_builtin(tree, name))
        return 0;
    for (const struct chain *at = above; at; at = at->above)
        if (strcmp(at->name, name) == 0 || chain.depth > DEPTH_MAX)
            return optional ? 0
                            : error_set(error, ELOOP, "kernel modules %s and %s need each other",
                                        at->name, above->name);
    if (!file)
        return optional ? 0 : missing(tree, name, above, error);
    code = module_tree_read(tree, file, &bytes, error);
    if (code < 0)
        return code;
    if (elf_modinfo(bytes.data, bytes.length, "depends", take_depends, depends, error) < 0 ||
        elf_modinfo(bytes.data, bytes.length, "softdep", take_softdep, before, error) < 0)
        return error_context(error, "%s/%s", tree->directory, file->path);
    code = load_all(initrd, tree, depends, false, &chain, error);
    if (code == 0)
        code = load_all(initrd, tree, before, true, &chain, error);
    return code < 0 ? code : append(initrd, tree, file, &bytes, depends, error);
}

/* modules.dep has each module with what it needs, the last to load first. */
static void describe(const struct initrd *initrd, struct buffer *order, struct buffer *dep,
                     struct buffer *alias)
{
    for (size_t i = 0; i < initrd->module_count; i++) {
        const struct module *module = initrd->modules[i];

        buffer_printf(order, "/lib/modules/%s/%s\n", module->release, module->path);
        buffer_printf(dep, "%s:", module->path);
        for (size_t j = module->needs_count; j > 0; j--)
            buffer_printf(dep, " %s", initrd->modules[module->needs[j - 1]]->path);
        buffer_append_text(dep, "\n");
        buffer_append(alias, module->aliases.data, module->aliases.length);
    }
}

static int put_text(struct initrd *initrd, const char *release, const char *name,
                    const struct buffer *text, struct error *error)
{
    cleanup_free char *path = xasprintf("/lib/modules/%s/%s", release, name);

    return archive_replace_bytes(initrd, path, text->data ? text->data : "", text->length, 0644,
                                 error);
}

static int write_lists(struct initrd *initrd, const struct module_tree *tree, const char *release,
                       struct error *error)
{
    cleanup_free char *builtin = xasprintf("%s/modules.builtin", tree->directory);
    cleanup_free char *builtin_guest = xasprintf("/lib/modules/%s/modules.builtin", release);
    cleanup_buffer struct buffer order = {0}, dep = {0}, alias = {0};
    int code;

    describe(initrd, &order, &dep, &alias);
    code = archive_replace_bytes(initrd, "/etc/duet/modules", order.data ? order.data : "",
                                 order.length, 0644, error);
    if (code == 0)
        code = put_text(initrd, release, "modules.dep", &dep, error);
    if (code == 0)
        code = put_text(initrd, release, "modules.alias", &alias, error);
    if (code == 0)
        code = put_text(initrd, release, "modules.symbols", &(struct buffer){0}, error);
    if (code == 0 && fs_exists(builtin))
        code = initrd_add_file(initrd, builtin, builtin_guest, error);
    return code;
}

static int add_modules(struct initrd *initrd, const char *module_root, const char *release,
                       const char *const names[], size_t count, bool optional, struct error *error)
{
    __attribute__((cleanup(module_tree_free))) struct module_tree tree = {0};
    int code;

    if (initrd->module_count > 0 && strcmp(initrd->modules[0]->release, release) != 0)
        return error_set(error, EINVAL, "an initrd with modules of kernel %s and of kernel %s",
                         initrd->modules[0]->release, release);
    code = module_tree_open(module_root, release, &tree, error);
    for (size_t i = 0; code == 0 && i < count; i++) {
        char name[MODULE_NAME_BYTES];

        if (module_name(names[i], name))
            code = load(initrd, &tree, name, optional, NULL, error);
        else
            code = error_set(error, EINVAL, "\"%s\" is not a module's name", names[i]);
    }
    return code < 0 ? code : write_lists(initrd, &tree, release, error);
}

int initrd_add_modules(struct initrd *initrd, const char *module_root, const char *release,
                       const char *const names[], size_t count, struct error *error)
{
    return add_modules(initrd, module_root, release, names, count, false, error);
}

int initrd_add_optional_modules(struct initrd *initrd, const char *module_root, const char *release,
                                const char *const names[], size_t count, struct error *error)
{
    return add_modules(initrd, module_root, release, names, count, true, error);
}
