#include "base/fs.h"
#include "base/memory.h"
#include "base/process.h"
#include "initrd/archive.h"
#include "initrd/layout.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

static const struct {
    const char *path, *text;
} files[] = {
    {"/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"
                    "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"},
    {"/etc/group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"},
    {"/etc/shells", "/bin/sh\n"},
    {"/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n"
                           "networks: files\nprotocols: files\nservices: files\n"},
    {"/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"},
};

static const struct {
    const char *path;
    mode_t mode;
    unsigned int major, minor; /* Documentation/admin-guide/devices.txt */
} devices[] = {
    {"/dev/console", S_IFCHR | 0600, 5, 1},
    {"/dev/null", S_IFCHR | 0666, 1, 3},
};

static int add_fixed(struct initrd *initrd, struct error *error)
{
    size_t size;
    const void *image = initrd_init_image(&size);
    int code;

    layout_add(initrd);
    code = initrd_add_bytes(initrd, "/init", image, size, 0755, error);
    if (code == 0)
        code = initrd_add_symlink(initrd, "/sbin/init", "/init", error);
    if (code == 0)
        code = initrd_add_symlink(initrd, "/etc/mtab", "/proc/self/mounts", error);
    for (size_t i = 0; code == 0 && i < array_size(files); i++)
        code = initrd_add_bytes(initrd, files[i].path, files[i].text, strlen(files[i].text), 0644,
                                error);
    for (size_t i = 0; code == 0 && i < array_size(devices); i++)
        code = initrd_add_node(initrd, devices[i].path, devices[i].mode,
                               makedev(devices[i].major, devices[i].minor), error);
    return code;
}

/* `list` has a path per line, relative to the root. What is there already stays. */
static int add_applets(struct initrd *initrd, char *list, struct error *error)
{
    char *state = NULL;
    int code = 0;

    for (char *line = strtok_r(list, "\n", &state); code == 0 && line;
         line = strtok_r(NULL, "\n", &state)) {
        cleanup_free char *path = xasprintf("/%s", line);
        cleanup_free char *resolved = NULL;

        if (strcmp(line, "linuxrc") == 0)
            continue;
        code = archive_resolve(initrd, path, false, &resolved, error);
        if (code == 0 && !archive_find(initrd, resolved))
            code = initrd_add_symlink(initrd, path, "/bin/busybox", error);
    }
    return code;
}

/* Its env finds `true` without a PATH only where it does not look for programs first. */
static int check_preference(const char *busybox, struct error *error)
{
    const char *const probe[] = {busybox, "env", "-i", "PATH=/nonexistent", "true", NULL};
    cleanup_buffer struct buffer out = {0};

    if (process_run(probe, NULL, &out, NULL) < 0)
        return 0;
    return error_set(
        error, ENOTSUP,
        "%s runs its own applets in place of programs with their names, so that a "
        "suite's own `ip` would not be the one that runs: install the package busybox, "
        "which does not, instead of busybox-static",
        busybox);
}

int initrd_find_busybox(char **path, struct error *error)
{
    cleanup_free char *busybox = fs_find_program("busybox");
    int code;

    if (!busybox)
        return error_set(error, ENOENT, "no busybox on this machine: install the package busybox");
    code = check_preference(busybox, error);
    if (code == 0)
        *path = steal_pointer(&busybox);
    return code;
}

/* One path per line. */
static int list_applets(const char *busybox, struct buffer *applets, struct error *error)
{
    const char *const list[] = {busybox, "--list-full", NULL};
    int code = process_run(list, NULL, applets, error);

    if (code == 0 && applets->length == 0)
        return error_set(error, EIO, "%s --list-full lists nothing", busybox);
    return code;
}

static int add_busybox(struct initrd *initrd, struct error *error)
{
    cleanup_free char *busybox = NULL;
    cleanup_buffer struct buffer applets = {0};
    int code = initrd_find_busybox(&busybox, error);

    if (code == 0)
        code = list_applets(busybox, &applets, error);
    if (code == 0)
        code = initrd_add_program(initrd, busybox, "/bin/busybox", error);
    return code < 0 ? code : add_applets(initrd, applets.data, error);
}

/* The first directory of the guest's PATH (initrd/init/spawn.c) where this archive has a program of
 * that name, as its path; NULL where none has. */
static char *program_named(const struct initrd *initrd, const char *name)
{
    static const char *const directories[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                              "/usr/bin"};

    for (size_t i = 0; i < array_size(directories); i++) {
        char *path = xasprintf("%s/%s", directories[i], name);

        if (archive_has(initrd, path))
            return path;
        free(path);
    }
    return NULL;
}

int initrd_replace_applets(struct initrd *initrd, struct error *error)
{
    cleanup_free char *busybox = NULL;
    cleanup_buffer struct buffer applets = {0};
    char *state = NULL;
    int code = initrd_find_busybox(&busybox, error);

    if (code == 0)
        code = list_applets(busybox, &applets, error);
    for (char *line = code == 0 ? strtok_r(applets.data, "\n", &state) : NULL; code == 0 && line;
         line = strtok_r(NULL, "\n", &state)) {
        cleanup_free char *applet = xasprintf("/%s", line);
        cleanup_free char *program = program_named(initrd, strrchr(applet, '/') + 1);

        if (program && !archive_has(initrd, applet))
            code = initrd_add_symlink(initrd, applet, program, error);
    }
    return code;
}

static int add_everything(struct initrd *initrd, const struct initrd_base_options *options,
                          struct error *error)
{
    int code = add_fixed(initrd, error);

    if (code == 0)
        code = add_busybox(initrd, error);
    if (code < 0 || !options->release)
        return code;
    code = initrd_add_modules(initrd, options->module_root, options->release, options->modules,
                              options->module_count, error);
    if (code == 0 && options->optional_module_count > 0)
        code = initrd_add_optional_modules(initrd, options->module_root, options->release,
                                           options->optional_modules,
                                           options->optional_module_count, error);
    return code;
}

int initrd_base(const struct initrd_base_options *options, char **path, char *hex,
                struct error *error)
{
    struct initrd *initrd = initrd_new();
    int code = add_everything(initrd, options, error);

    if (code == 0)
        code = initrd_write_cached(initrd, options->cache_dir, options->level, path, hex, error);
    initrd_free(initrd);
    return code;
}
