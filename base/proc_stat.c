#include "base/proc_stat.h"

#include "base/fs.h"
#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The name stands in parentheses and may have some of its own. */
static bool parse(const char *text, struct proc_stat *stat)
{
    const char *begin = strchr(text, '('), *end = strrchr(text, ')');
    uint64_t ticks[4];
    int parent, session;

    if (!begin || !end || end < begin ||
        sscanf(end + 1,
               " %c %d %*d %d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64 " %" SCNu64
               " %" SCNu64,
               &stat->state, &parent, &session, &ticks[0], &ticks[1], &ticks[2], &ticks[3]) != 7)
        return false;
    snprintf(stat->name, sizeof stat->name, "%.*s", (int)(end - begin - 1), begin + 1);
    stat->parent = parent;
    stat->session = session;
    stat->ticks = ticks[0] + ticks[1];
    stat->children_ticks = ticks[2] + ticks[3];
    return true;
}

bool proc_stat_read(pid_t pid, struct proc_stat *stat)
{
    cleanup_free char *path = xasprintf("/proc/%d/stat", (int)pid);
    cleanup_buffer struct buffer text = {0};

    return fs_read(path, 4096, &text, NULL) == 0 && text.data && parse(text.data, stat);
}
