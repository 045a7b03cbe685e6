/* What init says, as JSON. Pure: appends to a buffer. */
#ifndef DUET_INIT_REPLY_H
#define DUET_INIT_REPLY_H

#include "base/buffer.h"
#include "initrd/init/tick_device.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a command ended. */
struct finish {
    int status; /* exit status, or 128 + signal */
    int signal; /* 0: it exited */
    bool timed_out;
    uint64_t duration_ms;
    uint64_t stdout_bytes; /* sent on the io port when this is sent */
    uint64_t stderr_bytes;
};

/* `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD, and control
 * characters escapes, so the result is one line and always valid. */
void reply_string(struct buffer *out, const char *text);

/* One whole ctl frame each. A reason is cut to what a frame holds. */
/* `tick` NULL: it is not known. */
void reply_ready(struct buffer *out, const char *kernel, uint64_t uptime_ms, uint64_t clock_ns,
                 const struct tick_device *tick);
void reply_ack(struct buffer *out, uint32_t code, uint64_t id);
/* An ACK that says more. */
struct reply_field {
    const char *name;
    uint64_t value;
};
void reply_ack_with(struct buffer *out, uint32_t code, uint64_t id,
                    const struct reply_field fields[], size_t count);
/* With members as JSON has them: "\"ways\":[]". */
void reply_ack_members(struct buffer *out, uint32_t code, uint64_t id, const char *members);
void reply_error(struct buffer *out, uint32_t code, uint64_t id, const char *reason);
/* About what came on a stream of io. A number that no stream can have is left out. */
void reply_stream_error(struct buffer *out, uint64_t stream, const char *reason);
void reply_next(struct buffer *out, uint64_t stream, uint64_t bytes);
void reply_command_ready(struct buffer *out, uint64_t id, uint64_t after_ms);
void reply_finished(struct buffer *out, uint64_t id, const struct finish *finish);
void reply_failed(struct buffer *out, const char *reason);

/* The lines of the console, each with a newline before it: whatever was being printed there, the
 * token starts a line. `node` is NULL where the node has no name yet. */
void reply_ready_line(struct buffer *out, const char *prefix);
void reply_failure_line(struct buffer *out, const char *prefix, const char *node,
                        const char *reason);

#endif
