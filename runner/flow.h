/* The user's standard streams on the loop. They are shared with the shell that started duet, so
 * O_NONBLOCK is not set on them: what can be opened once more is, and of what cannot be only so
 * much is asked as it promised to take. */
#ifndef DUET_RUNNER_FLOW_H
#define DUET_RUNNER_FLOW_H

#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>

enum { FLOW_CHUNK = 1 << 15 }; /* bytes that are read at once */

/* -- Out --------------------------------------------------------------------------------------- */

struct sink;

struct sink_calls {
    /* `count` of the bytes are written: from sink_write or the loop. */
    void (*taken)(void *context, size_t count);
    /* Nothing more can be written, and the rest is dropped, as taken; `code` is a negative errno,
     * -EPIPE where the reader went away. Once, from the loop. NULL: nobody cares. */
    void (*failed)(void *context, int code);
};

/* `fd` stays the caller's. `calls` stays valid. */
int sink_new(struct loop *loop, int fd, const struct sink_calls *calls, void *context,
             struct sink **sink, struct error *error);
/* Keeps what cannot be written yet. */
void sink_write(struct sink *sink, const char *bytes, size_t count);
/* Nothing is kept. */
bool sink_is_empty(const struct sink *sink);
/* Drops what is kept. NULL is fine. */
void sink_free(struct sink *sink);

/* -- In ---------------------------------------------------------------------------------------- */

struct source;

struct source_calls {
    void (*bytes)(void *context, const char *bytes, size_t count); /* at most FLOW_CHUNK */
    /* Its end; `code` is a negative errno where it could not be read. Once. */
    void (*ended)(void *context, int code);
};

/* `fd` stays the caller's, and `calls` valid. Reads from source_go on; calls come from the loop. */
int source_new(struct loop *loop, int fd, const struct source_calls *calls, void *context,
               struct source **source, struct error *error);
/* Goes on reading, or stops; any number of times. */
void source_go(struct source *source);
void source_stop(struct source *source);
/* NULL is fine. */
void source_free(struct source *source);

/* -- Both -------------------------------------------------------------------------------------- */

/* The terminal or pipe `fd` opened once more, with `flags` (O_RDONLY or O_WRONLY) and O_NONBLOCK;
 * -1 where it is none or that cannot be. The caller closes it. */
int flow_reopen(int fd, int flags);

#endif
