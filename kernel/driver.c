#include "kernel/kernel.h"

#include "base/fs.h"
#include "base/memory.h"

#include <fts.h>
#include <string.h>
#include <sys/stat.h>

enum { BUILTIN_MAX = 4 << 20 }; /* bytes of modules.builtin; Debian's has 20 KiB */

/* The file names of modules have `-` and `_` as their authors liked; the kernel sees `_`. */
static bool same_module(const char *file, size_t length, const char *module)
{
    const char *suffix = memmem(file, length, ".ko", 3);
    size_t stem = suffix ? (size_t)(suffix - file) : 0;

    if (!suffix || stem != strlen(module) || (suffix[3] && !strchr(".\n", suffix[3])))
        return false;
    for (size_t i = 0; i < stem; i++) {
        bool dashes = strchr("-_", file[i]) && strchr("-_", module[i]);

        if (file[i] != module[i] && !dashes)
            return false;
    }
    return true;
}

static bool listed(const char *list, const char *module)
{
    for (const char *line = list; *line;) {
        const char *end = strchrnul(line, '\n');
        const char *slash = memrchr(line, '/', (size_t)(end - line));
        const char *file = slash ? slash + 1 : line;

        if (same_module(file, (size_t)(end - file), module))
            return true;
        line = *end ? end + 1 : end;
    }
    return false;
}

static bool has_file(char *tree, const char *module)
{
    char *paths[] = {tree, NULL};
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
    bool found = false;
    FTSENT *entry;

    if (!walk)
        return false;
    while (!found && (entry = fts_read(walk)))
        found = entry->fts_info != FTS_D && entry->fts_info != FTS_DP &&
                same_module(entry->fts_name, entry->fts_namelen, module);
    fts_close(walk);
    return found;
}

enum kernel_driver kernel_find_driver(const struct kernel *kernel, const char *module)
{
    cleanup_buffer struct buffer builtin = {0};
    cleanup_free char *tree = NULL;
    cleanup_free char *list = NULL;

    if (!kernel->module_root || !kernel->release)
        return KERNEL_DRIVER_UNKNOWN;
    tree = xasprintf("%s/lib/modules/%s", kernel->module_root, kernel->release);
    list = xasprintf("%s/modules.builtin", tree);
    if (has_file(tree, module))
        return KERNEL_DRIVER_MODULE;
    if (fs_read(list, BUILTIN_MAX, &builtin, NULL) < 0)
        return KERNEL_DRIVER_UNKNOWN;
    return listed(builtin.data, module) ? KERNEL_DRIVER_BUILTIN : KERNEL_DRIVER_ABSENT;
}
