#include "initrd/ld_search.h"

#include "base/fs.h"
#include "base/memory.h"

#include <ctype.h>
#include <glob.h>
#include <string.h>

enum { CONF_MAX = 1 << 20, CONF_DEPTH = 8 };

static const char *const defaults[] = {"/" GUEST_LIB, "/usr/" GUEST_LIB, "/lib", "/usr/lib"};
static const char default_guest[] = "/usr/" GUEST_LIB;

static void conf_read(const char *path, struct ld_conf *conf, int depth);

static void conf_include(const char *path, const char *pattern, struct ld_conf *conf, int depth)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *whole = pattern[0] == '/' || !slash
                                   ? xstrdup(pattern)
                                   : xasprintf("%.*s/%s", (int)(slash - path), path, pattern);
    glob_t found;

    if (depth < CONF_DEPTH && glob(whole, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            conf_read(found.gl_pathv[i], conf, depth + 1);
        globfree(&found);
    }
}

static void conf_line(const char *path, char *line, struct ld_conf *conf, int depth)
{
    char *end;

    line[strcspn(line, "#")] = '\0';
    line += strspn(line, " \t\r");
    for (end = line + strlen(line); end > line && isspace((unsigned char)end[-1]); end--)
        end[-1] = '\0';
    if (strncmp(line, "include", 7) == 0 && isspace((unsigned char)line[7])) {
        char *state = NULL;

        for (char *word = strtok_r(line + 8, " \t", &state); word;
             word = strtok_r(NULL, " \t", &state))
            conf_include(path, word, conf, depth);
    } else if (line[0] == '/') {
        line[strcspn(line, "=")] = '\0';
        conf->directories = xreallocarray(conf->directories, conf->count + 1, sizeof(char *));
        conf->directories[conf->count++] = xstrdup(line);
    }
}

static void conf_read(const char *path, struct ld_conf *conf, int depth)
{
    cleanup_buffer struct buffer text = {0};
    char *state = NULL;

    if (fs_read(path, CONF_MAX, &text, NULL) < 0 || !text.data)
        return;
    for (char *line = strtok_r(text.data, "\n", &state); line; line = strtok_r(NULL, "\n", &state))
        conf_line(path, line, conf, depth);
}

void ld_conf_read(const char *path, struct ld_conf *conf)
{
    *conf = (struct ld_conf){0};
    conf_read(path, conf, 0);
}

void ld_conf_free(struct ld_conf *conf)
{
    for (size_t i = 0; i < conf->count; i++)
        free(conf->directories[i]);
    free(conf->directories);
    *conf = (struct ld_conf){0};
}

char *ld_collapse(const char *path)
{
    struct buffer out = {0};
    const char *at = path;

    buffer_append(&out, "", 0);
    while (*(at += strspn(at, "/"))) {
        size_t length = strcspn(at, "/");

        if (length == 2 && strncmp(at, "..", 2) == 0) {
            const char *slash = out.length ? strrchr(out.data, '/') : NULL;

            out.length = slash ? (size_t)(slash - out.data) : 0;
            if (out.data)
                out.data[out.length] = '\0';
        } else if (length != 1 || at[0] != '.') {
            buffer_append(&out, "/", 1);
            buffer_append(&out, at, length);
        }
        at += length;
    }
    if (out.length == 0)
        buffer_append(&out, "/", 1);
    return buffer_steal(&out);
}

/* The length of the token `name` at `at`, as $NAME or ${NAME}; 0 where it is not there. */
static size_t token(const char *at, const char *name)
{
    size_t length = strlen(name);

    if (at[0] != '$')
        return 0;
    if (at[1] == '{')
        return strncmp(at + 2, name, length) == 0 && at[2 + length] == '}' ? length + 3 : 0;
    if (strncmp(at + 1, name, length) != 0)
        return 0;
    return isalnum((unsigned char)at[1 + length]) || at[1 + length] == '_' ? 0 : length + 1;
}

static char *expand(const char *text, size_t length, const char *origin)
{
    const struct {
        const char *name, *value;
    } tokens[] = {{"ORIGIN", origin}, {"LIB", GUEST_LIB}, {"PLATFORM", GUEST_PLATFORM}};
    struct buffer out = {0};

    buffer_append(&out, "", 0);
    for (size_t at = 0; at < length;) {
        size_t taken = 0;

        for (size_t i = 0; taken == 0 && i < array_size(tokens); i++) {
            taken = token(text + at, tokens[i].name);
            if (taken > 0)
                buffer_append_text(&out, tokens[i].value);
        }
        if (taken == 0)
            buffer_append(&out, text + at, taken = 1);
        at += taken;
    }
    return buffer_steal(&out);
}

static void add_directory(struct ld_directories *out, const char *host, const char *guest)
{
    out->list = xreallocarray(out->list, out->count + 1, sizeof *out->list);
    out->list[out->count++] = (struct ld_directory){xstrdup(host), xstrdup(guest)};
}

/* A DT_RPATH or DT_RUNPATH. What is relative would be so to whatever directory the program is
 * started in, and is passed over. */
static void add_path(struct ld_directories *out, const char *path, const struct ld_object *owner)
{
    while (path && *path) {
        size_t length = strcspn(path, ":");
        cleanup_free char *host = expand(path, length, owner->host_origin);
        cleanup_free char *guest = expand(path, length, owner->guest_origin);

        if (host[0] == '/' && guest[0] == '/') {
            cleanup_free char *collapsed = ld_collapse(guest);

            add_directory(out, host, collapsed);
        }
        path += length + strspn(path + length, ":");
    }
}

static const char *guest_of(const char *directory)
{
    for (size_t i = 0; i < array_size(defaults); i++)
        if (strcmp(directory, defaults[i]) == 0)
            return defaults[i];
    return default_guest;
}

void ld_directories_of(const struct ld_object *objects, size_t of, const struct ld_conf *conf,
                       struct ld_directories *out)
{
    *out = (struct ld_directories){0};
    /* DT_RPATH counts where there is no DT_RUNPATH, and so do those of who loaded the object. */
    for (size_t at = of; !objects[of].elf.runpath; at = objects[at].loader) {
        if (!objects[at].elf.runpath)
            add_path(out, objects[at].elf.rpath, &objects[at]);
        if (objects[at].loader == at)
            break;
    }
    add_path(out, objects[of].elf.runpath, &objects[of]);
    for (size_t i = 0; i < conf->count; i++)
        add_directory(out, conf->directories[i], guest_of(conf->directories[i]));
    for (size_t i = 0; i < array_size(defaults); i++)
        add_directory(out, defaults[i], defaults[i]);
}

void ld_directories_free(struct ld_directories *directories)
{
    for (size_t i = 0; i < directories->count; i++) {
        free(directories->list[i].host);
        free(directories->list[i].guest);
    }
    free(directories->list);
    *directories = (struct ld_directories){0};
}
