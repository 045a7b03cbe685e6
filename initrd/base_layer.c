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

static int add_busybox(struct initrd *initrd, struct error *error)
{
    cleanup_free char *busybox = fs_find_program("busybox");
    const char *const argv[] = {busybox, "--list-full", NULL};
    cleanup_buffer struct buffer list = {0};
    int code;

    if (!busybox)
        return error_set(error, ENOENT,
                         "no busybox on this machine: install the package busybox-static");
    code = initrd_add_program(initrd, busybox, "/bin/busybox", error);
    if (code == 0)
        code = process_run(argv, NULL, &list, error);
    if (code < 0)
        return code;
    if (list.length == 0)
        return error_set(error, EIO, "%s --list-full lists nothing", busybox);
    return add_applets(initrd, list.data, error);
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
