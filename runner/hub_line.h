/* The one line that a hub's client sends first: runner/hub.h. Pure. */
#ifndef DUET_RUNNER_HUB_LINE_H
#define DUET_RUNNER_HUB_LINE_H

#include "base/error.h"
#include "net/impair_round.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hub_open {
    HUB_OPEN_STATUS,
    HUB_OPEN_CTL,
    HUB_OPEN_IO,
    HUB_OPEN_CONSOLE,
    HUB_OPEN_LOGS,
    HUB_OPEN_DEBUG,
    HUB_OPEN_LINKS,
    HUB_OPEN_IMPAIR,
    HUB_OPEN_DOWN
};

struct hub_line {
    enum hub_open open;
    char *node;      /* NULL where none is given, as of LOGS it may be */
    uint64_t client; /* of IO */
    bool follow;     /* of LOGS; true where it is not given */
    bool halt;       /* of DEBUG */
    char *link;      /* of IMPAIR, as the rest */
    char *from;      /* the node; NULL: both directions */
    struct impair_named *set;
    size_t set_count; /* at least 1 */
};

/* `text` is without its newline. EINVAL for anything that the hub does not have; else the caller
 * frees the line. */
int hub_line_read(const char *text, size_t count, struct hub_line *line, struct error *error);
void hub_line_free(struct hub_line *line);

#endif
