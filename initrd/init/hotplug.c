#include "initrd/init/hotplug.h"

#include "base/memory.h"
#include "initrd/init/files.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* Documentation/ABI/testing/sysfs-devices-system-cpu and -memory. */
struct kind {
    const char *directory;
    const char *prefix;    /* of the entries, a number follows */
    const char *attribute; /* of an entry */
    const char *on;        /* its value */
};

static const struct kind cpus = {"/sys/devices/system/cpu", "cpu", "online", "1"};
static const struct kind memory = {"/sys/devices/system/memory", "memory", "state", "online"};

static bool is_one(const struct kind *kind, const char *name)
{
    size_t length = strlen(kind->prefix);

    return strncmp(name, kind->prefix, length) == 0 && isdigit((unsigned char)name[length]);
}

/* One that cannot be switched has no such attribute, and is on. */
static int switch_on(const struct kind *kind, const char *name, struct error *error)
{
    cleanup_free char *path = xasprintf("%s/%s/%s", kind->directory, name, kind->attribute);
    cleanup_buffer struct buffer value = {0};
    size_t length = strlen(kind->on);

    if (access(path, F_OK) < 0)
        return 0;
    if (files_read(path, &value, error) < 0)
        return -error->code;
    if (strncmp(value.data, kind->on, length) == 0)
        return 0;
    return files_set(path, kind->on, error);
}

static int switch_all_on(const struct kind *kind, uint64_t *count, struct error *error)
{
    DIR *stream = opendir(kind->directory);
    const struct dirent *entry;
    int code = 0;

    *count = 0;
    if (!stream)
        return errno == ENOENT ? 0 : error_errno(error, "cannot read %s", kind->directory);
    while (code == 0 && (entry = readdir(stream))) {
        if (!is_one(kind, entry->d_name))
            continue;
        code = switch_on(kind, entry->d_name, error);
        ++*count;
    }
    closedir(stream);
    return code;
}

int hotplug_online(struct hotplug *hotplug, struct error *error)
{
    int code = switch_all_on(&cpus, &hotplug->cpus, error);

    return code < 0 ? code : switch_all_on(&memory, &hotplug->memory_blocks, error);
}
