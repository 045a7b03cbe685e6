#include "initrd/init/modules.h"

#include "base/memory.h"
#include "initrd/init/files.h"
#include "initrd/init/moddep.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/module.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

static bool is_compressed(const char *path)
{
    const char *suffix = strrchr(path, '.');

    return suffix && strcmp(suffix, ".ko") != 0;
}

static int load(const char *path, struct error *error)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    int flags = is_compressed(path) ? MODULE_INIT_COMPRESSED_FILE : 0;

    if (fd < 0 || (syscall(SYS_finit_module, fd, "", flags) < 0 && errno != EEXIST))
        return error_errno(error, "cannot load %s", path);
    return 0;
}

int modules_load_listed(struct error *error)
{
    cleanup_buffer struct buffer list = {0};
    char *at, *path;
    int code;

    if (access(MODULES_LIST, F_OK) < 0 && errno == ENOENT)
        return 0;
    code = files_read(MODULES_LIST, &list, error);
    at = list.data;
    while (code == 0 && (path = strsep(&at, "\n")))
        if (*path)
            code = load(path, error);
    return code;
}

struct loading {
    const char *directory;
    struct error *error;
};

static int load_relative(void *context, const char *path)
{
    const struct loading *loading = context;
    cleanup_free char *whole =
        path[0] == '/' ? xstrdup(path) : xasprintf("%s/%s", loading->directory, path);

    return load(whole, loading->error);
}

/* A kernel whose modules are all in the initrd's list may come without modules.builtin. */
static bool is_builtin(const char *directory, const char *name)
{
    cleanup_free char *path = xasprintf("%s/modules.builtin", directory);
    cleanup_buffer struct buffer builtin = {0};

    return files_read(path, &builtin, NULL) == 0 && moddep_builtin(builtin.data, name);
}

int modules_load_named(char *const names[], size_t count, struct error *error)
{
    struct loading loading = {.error = error};
    cleanup_buffer struct buffer dependencies = {0};
    cleanup_free char *directory = NULL;
    cleanup_free char *path = NULL;
    struct utsname system;
    int code;

    if (count == 0)
        return 0;
    uname(&system);
    directory = xasprintf("/lib/modules/%s", system.release);
    path = xasprintf("%s/modules.dep", directory);
    loading.directory = directory;
    code = files_read(path, &dependencies, error);
    for (size_t i = 0; code >= 0 && i < count; i++) {
        code = moddep_each(dependencies.data, names[i], load_relative, &loading);
        if (code == 0 && !is_builtin(directory, names[i]))
            return error_set(error, ENOENT, "cannot load the module %s: it is not in %s", names[i],
                             path);
    }
    return code < 0 ? code : 0;
}
