#include "runner/capacity.h"

#include "base/fs.h"
#include "base/memory.h"

#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 16 };

/* Sets *value to the number behind `key` in `text`, lines of "KEY NUMBER". */
static bool find_number(const char *text, const char *key, uint64_t *value)
{
    size_t length = strlen(key);

    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, length) == 0)
            return sscanf(line + length, "%" SCNu64, value) == 1;
    }
    return false;
}

static bool read_text(const char *directory, const char *name, struct buffer *text)
{
    cleanup_free char *path = xasprintf("%s/%s", directory, name);

    return fs_read(path, TEXT_MAX, text, NULL) == 0 && text->data;
}

static bool read_number(const char *directory, const char *name, uint64_t *value)
{
    cleanup_buffer struct buffer text = {0};

    return read_text(directory, name, &text) && sscanf(text.data, "%" SCNu64, value) == 1;
}

/* -- cgroups ----------------------------------------------------------------------------------- */

static void limit_memory(const char *group, uint64_t *available)
{
    cleanup_buffer struct buffer stat = {0};
    uint64_t max, current, cached = 0, left;

    /* "max" is no number: no limit. */
    if (!read_number(group, "memory.max", &max) || !read_number(group, "memory.current", &current))
        return;
    /* Pages of files that the kernel drops before it runs out count as used. */
    if (read_text(group, "memory.stat", &stat))
        find_number(stat.data, "inactive_file ", &cached);
    current -= cached < current ? cached : current;
    left = current < max ? max - current : 0;
    *available = left < *available ? left : *available;
}

static void limit_cores(const char *group, size_t *cores)
{
    cleanup_buffer struct buffer text = {0};
    uint64_t quota, period;

    if (!read_text(group, "cpu.max", &text) ||
        sscanf(text.data, "%" SCNu64 " %" SCNu64, &quota, &period) != 2 || period == 0)
        return;
    if (quota / period < *cores)
        *cores = (size_t)(quota / period);
}

/* cgroups(7): the line of version 2 is "0::/PATH". */
static char *own_group(const char *root)
{
    cleanup_free char *proc = xasprintf("%s/proc/self", root);
    cleanup_buffer struct buffer text = {0};
    const char *line;

    if (!read_text(proc, "cgroup", &text))
        return NULL;
    line = strncmp(text.data, "0::/", 4) == 0 ? text.data : strstr(text.data, "\n0::/");
    if (!line)
        return NULL;
    line = strchr(line, '/');
    return xstrndup(line, strcspn(line, "\n"));
}

static void limit_by_groups(const char *root, size_t *cores, uint64_t *available)
{
    cleanup_free char *group = own_group(root);
    char *slash;

    while (group && (slash = strrchr(group, '/'))) {
        cleanup_free char *directory = xasprintf("%s/sys/fs/cgroup%s", root, group);

        limit_memory(directory, available);
        limit_cores(directory, cores);
        *slash = '\0';
    }
}

/* -- The machine ------------------------------------------------------------------------------- */

static size_t count_cores(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (size_t)CPU_COUNT(&set);
    return (size_t)sysconf(_SC_NPROCESSORS_ONLN); /* more than a cpu_set_t has */
}

static uint64_t available_memory(const char *root)
{
    cleanup_free char *proc = xasprintf("%s/proc", root);
    cleanup_buffer struct buffer text = {0};
    uint64_t kib;

    if (read_text(proc, "meminfo", &text) && find_number(text.data, "MemAvailable:", &kib))
        return kib << 10;
    return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

void capacity_read(const char *root, struct capacity *capacity)
{
    size_t cores = count_cores();
    uint64_t available = available_memory(root);

    limit_by_groups(root, &cores, &available);
    capacity->cores = cores > 0 ? cores : 1;
    capacity->memory_bytes = available / 5 * 4;
}
