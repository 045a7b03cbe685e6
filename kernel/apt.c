#include "kernel/apt.h"

#include "base/fs.h"
#include "base/memory.h"
#include "kernel/command.h"
#include "kernel/provider.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

enum { ARGUMENTS_MAX = 24 };

/* A command line that owns its strings. */
struct arguments {
    char *text[ARGUMENTS_MAX + 1];
    size_t count;
};

static void arguments_free(struct arguments *arguments)
{
    for (size_t i = 0; i < arguments->count; i++)
        free(arguments->text[i]);
}

#define cleanup_arguments __attribute__((cleanup(arguments_free)))

static void add(struct arguments *arguments, char *text)
{
    if (arguments->count < ARGUMENTS_MAX)
        arguments->text[arguments->count++] = text;
    else
        free(text);
}

void kernel_package_free(struct kernel_package *package)
{
    free(package->name);
    free(package->version);
    *package = (struct kernel_package){0};
}

/* The machine's hooks after an update (appstream, packagekit, docker's cleaning) are about the
 * machine's lists, and none of duet's business. */
static int write_configuration(const char *directory, char **path, struct error *error)
{
    static const char text[] = "#clear APT::Update::Pre-Invoke;\n"
                               "#clear APT::Update::Post-Invoke;\n"
                               "#clear APT::Update::Post-Invoke-Success;\n"
                               "Acquire::Languages \"none\";\n"
                               "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n";
    cleanup_free char *file = xasprintf("%s/apt.conf", directory);
    int code = fs_write(file, text, sizeof text - 1, 0644, error);

    if (code == 0)
        *path = steal_pointer(&file);
    return code;
}

static int add_own_lists(const struct kernel_options *options, struct arguments *arguments,
                         struct error *error)
{
    cleanup_free char *directory = xasprintf("%s/kernel/apt", options->cache_dir);
    cleanup_free char *lists = xasprintf("%s/lists/partial", directory);
    cleanup_free char *archives = xasprintf("%s/cache/archives/partial", directory);
    char *configuration = NULL;
    int code = fs_mkdirs(lists, 0755, error);

    if (code == 0)
        code = fs_mkdirs(archives, 0755, error);
    if (code == 0)
        code = write_configuration(directory, &configuration, error);
    if (code < 0)
        return code;
    add(arguments, xstrdup("-c"));
    add(arguments, configuration);
    add(arguments, xstrdup("-o"));
    add(arguments, xasprintf("Dir::State::lists=%s/lists", directory));
    add(arguments, xstrdup("-o"));
    add(arguments, xasprintf("Dir::Cache=%s/cache", directory));
    return 0;
}

static int begin(const struct kernel_options *options, const char *program, bool own_lists,
                 struct arguments *arguments, struct error *error)
{
    add(arguments, xstrdup(program));
    return own_lists ? add_own_lists(options, arguments, error) : 0;
}

char *kernel_control_field(const char *text, const char *field)
{
    size_t length = strlen(field);

    for (const char *line = text; line && *line && *line != '\n';) {
        const char *end = strchrnul(line, '\n');

        if (strncmp(line, field, length) == 0 && line[length] == ':') {
            const char *value = line + length + 1;

            value += strspn(value, " \t");
            return xstrndup(value, value < end ? (size_t)(end - value) : 0);
        }
        line = *end ? end + 1 : end;
    }
    return NULL;
}

static int show(const struct kernel_options *options, bool own_lists, const char *package,
                struct buffer *stanza, struct error *error)
{
    cleanup_arguments struct arguments arguments = {0};
    struct kernel_command command = {.argv = (const char *const *)arguments.text, .out = stanza};
    int code = begin(options, "apt-cache", own_lists, &arguments, error);

    add(&arguments, xstrdup("show"));
    add(&arguments, xstrdup("--no-all-versions"));
    add(&arguments, xstrdup(package));
    if (code == 0)
        code = kernel_command_run(options, &command, error);
    if (code == -EIO)
        return error_context(error, "cannot ask apt about %s", package);
    if (code == 0 && stanza->length == 0)
        return error_set(error, ENOENT, "apt does not know the package %s", package);
    return code;
}

/* "linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2), …" -> the name; NULL where there is none. */
static char *find_dependency(const char *depends, const char *family)
{
    for (const char *at = depends; at; at = strchr(at, ',')) {
        at += strspn(at, ", ");
        if (strncmp(at, family, strlen(family)) == 0)
            return xstrndup(at, strcspn(at, " ,:|("));
    }
    return NULL;
}

static int resolve_meta(const struct kernel_options *options, bool own_lists, const char *meta,
                        const char *family, char **name, struct error *error)
{
    cleanup_buffer struct buffer stanza = {0};
    cleanup_free char *depends = NULL;
    int code = show(options, own_lists, meta, &stanza, error);

    if (code < 0)
        return code;
    depends = kernel_control_field(stanza.data, "Depends");
    *name = depends ? find_dependency(depends, family) : NULL;
    if (!*name)
        return error_set(error, EIO, "the package %s depends on no %s…, but on \"%s\"", meta,
                         family, depends ? depends : "");
    return 0;
}

int kernel_apt_find(const struct kernel_options *options, bool own_lists, const char *meta,
                    const char *family, struct kernel_package *package, struct error *error)
{
    cleanup_buffer struct buffer stanza = {0};
    cleanup_free char *name = NULL;
    cleanup_free char *version = NULL;
    cleanup_free char *digest = NULL;
    cleanup_free char *size = NULL;
    int code = resolve_meta(options, own_lists, meta, family, &name, error);

    if (code == 0)
        code = show(options, own_lists, name, &stanza, error);
    if (code < 0)
        return code;
    version = kernel_control_field(stanza.data, "Version");
    digest = kernel_control_field(stanza.data, "SHA256");
    size = kernel_control_field(stanza.data, "Size");
    if (!version || !digest || strlen(digest) != DIGEST_HEX_SIZE - 1 ||
        strspn(digest, "0123456789abcdef") != DIGEST_HEX_SIZE - 1)
        return error_set(error, EIO, "apt does not tell the version and the SHA256 of %s", name);
    *package = (struct kernel_package){.name = steal_pointer(&name),
                                       .version = steal_pointer(&version),
                                       .size = size ? strtoull(size, NULL, 10) : 0};
    memcpy(package->digest, digest, DIGEST_HEX_SIZE);
    return 0;
}

int kernel_apt_update(const struct kernel_options *options, struct buffer *complaints,
                      struct error *error)
{
    cleanup_buffer struct buffer err = {0};
    cleanup_arguments struct arguments arguments = {0};
    struct kernel_command command = {.argv = (const char *const *)arguments.text, .err = &err};
    int code = begin(options, "apt-get", true, &arguments, error);

    if (code < 0)
        return code;
    add(&arguments, xstrdup("update"));
    code = kernel_command_run(options, &command, error);
    if (code == 0)
        kernel_command_complaints(&err, complaints);
    return code;
}

struct watcher {
    const struct kernel_options *options;
    const struct kernel_package *package;
};

/* apt's status lines (APT::Status-Fd in apt.conf(5)): "dlstatus:<item>:<percent>:<text>". */
static void on_status(void *context, const char *line)
{
    const struct watcher *watcher = context;
    uint64_t size = watcher->package->size;
    const char *item = strncmp(line, "dlstatus:", 9) == 0 ? strchr(line + 9, ':') : NULL;
    double percent = item ? strtod(item + 1, NULL) : -1;

    if (percent >= 0 && percent <= 100)
        kernel_progress(watcher->options, (uint64_t)(percent / 100 * (double)size), size,
                        "downloading %s", watcher->package->name);
}

static int find_package(const char *directory, char **path, struct error *error)
{
    cleanup_free char *pattern = xasprintf("%s/*.deb", directory);
    glob_t found;

    if (glob(pattern, 0, NULL, &found) != 0)
        return error_set(error, EIO, "apt-get download ended well and left no package");
    *path = xstrdup(found.gl_pathv[0]);
    globfree(&found);
    return 0;
}

static int check(const struct kernel_package *package, const char *path, struct error *error)
{
    char digest[DIGEST_HEX_SIZE];
    int code = digest_file(path, digest, error);

    if (code == 0 && strcmp(digest, package->digest) != 0)
        return error_set(error, EBADMSG, "the SHA-256 of %s is %s; apt's lists say %s", path,
                         digest, package->digest);
    return code;
}

int kernel_apt_download(const struct kernel_options *options, bool own_lists,
                        const struct kernel_package *package, const char *directory, char **path,
                        struct error *error)
{
    cleanup_arguments struct arguments arguments = {0};
    cleanup_free char *file = NULL;
    struct watcher watcher = {options, package};
    struct kernel_command command = {.argv = (const char *const *)arguments.text,
                                     .directory = directory,
                                     .line = on_status,
                                     .context = &watcher};
    int code = begin(options, "apt-get", own_lists, &arguments, error);

    if (code < 0)
        return code;
    add(&arguments, xstrdup("-o"));
    add(&arguments, xstrdup("APT::Status-Fd=1"));
    add(&arguments, xstrdup("download"));
    add(&arguments, xasprintf("%s=%s", package->name, package->version));
    code = kernel_command_run(options, &command, error);
    if (code == 0)
        code = find_package(directory, &file, error);
    if (code == 0)
        code = check(package, file, error);
    if (code == 0)
        *path = steal_pointer(&file);
    return code;
}
