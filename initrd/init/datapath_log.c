#include "initrd/init/datapath_log.h"

#include "base/memory.h"

#include <errno.h>
#include <unistd.h>

enum {
    BUFFER = 1 << 16,
    FULL_ENOUGH = BUFFER / 2, /* bytes that are worth a write */
};

struct datapath_log {
    int fd;
    bool ended; /* what was skipped last has been told of */
    struct verdict_log log;
    size_t length;
    uint8_t bytes[BUFFER];
};

struct datapath_log *datapath_log_new(int fd, const struct verdict_log_header *header)
{
    struct datapath_log *log = xmalloc(sizeof *log);

    log->fd = fd;
    log->ended = false;
    verdict_log_begin(&log->log, header, log->bytes);
    log->length = VERDICT_LOG_HEADER;
    return log;
}

bool datapath_log_flush(struct datapath_log *log)
{
    size_t at = 0;

    while (at < log->length) {
        ssize_t n = write(log->fd, log->bytes + at, log->length - at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        at += (size_t)n;
    }
    log->length -= at;
    memmove(log->bytes, log->bytes + at, log->length);
    return log->length > 0;
}

void datapath_log_add(struct datapath_log *log, const struct impair_verdict *verdict,
                      const struct packet *packet)
{
    struct packet_flow flow;

    if (log->length >= FULL_ENOUGH)
        datapath_log_flush(log);
    if (sizeof log->bytes - log->length < VERDICT_LOG_RECORD_MAX) {
        verdict_log_skip(&log->log);
        return;
    }
    packet_flow(packet, &flow);
    log->length += verdict_log_write(&log->log, verdict, &flow, log->bytes + log->length);
}

bool datapath_log_waits(const struct datapath_log *log)
{
    return log->length > 0;
}

bool datapath_log_end(struct datapath_log *log)
{
    bool some_left = datapath_log_flush(log);

    if (some_left || log->ended)
        return some_left;
    log->length = verdict_log_end(&log->log, log->bytes);
    log->ended = true;
    return datapath_log_flush(log);
}

void datapath_log_free(struct datapath_log *log)
{
    if (!log)
        return;
    close(log->fd);
    free(log);
}
