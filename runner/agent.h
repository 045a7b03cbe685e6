/* The host's words and the guest's answers on the control channel: docs/control-channel.md. Pure:
 * builds and reads payloads, sends nothing. */
#ifndef DUET_RUNNER_AGENT_H
#define DUET_RUNNER_AGENT_H

#include "base/error.h"
#include "base/wire.h"
#include "runner/suite.h"

enum { AGENT_VERSION = 1, AGENT_REASON_MAX = 512, AGENT_ENTROPY_SIZE = 64 };

/* A command to run in a node. What it points to stays the caller's. */
struct agent_command {
    uint64_t id; /* unique in the node's life, from 1 */
    const char *name;
    const char *script;               /* for /bin/sh */
    const struct suite_pairs *env[3]; /* each over the one before; may be NULL */
    const struct suite_ready *ready;  /* NULL: a step */
    uint64_t stdout_stream, stderr_stream;
    uint64_t timeout_ms; /* 0: none */
};

/* Each returns a payload that the caller frees. */
/* `pod` is pod_make's; `time_ns` is CLOCK_REALTIME, in ns since 1970. */
char *agent_startpod(uint64_t id, const char *pod, uint64_t time_ns,
                     const uint8_t entropy[static AGENT_ENTROPY_SIZE]);
char *agent_execcmd(const struct agent_command *command);
char *agent_kill(uint64_t id, uint64_t target, int signal_number);
char *agent_plain(uint64_t id); /* ping, destroypod */

struct agent_event {
    enum wire_code code; /* READY, ACK, ERROR, CMDREADY or CMDFINISHED */
    uint64_t id;
    uint32_t request;   /* ACK, ERROR: the code that is answered */
    uint64_t uptime_ms; /* READY */
    uint64_t clock_ns;  /* READY, ACK of a ping: the guest's CLOCK_MONOTONIC; else 0 */
    int status, signal; /* CMDFINISHED; `status` is 128 + signal where there was one */
    bool timed_out;
    uint64_t duration_ms, stdout_bytes, stderr_bytes;
    char reason[AGENT_REASON_MAX]; /* ERROR; cut where longer */
};

/* Reads what the guest sent. EBADMSG, with what was found and what was expected, for anything that
 * docs/control-channel.md does not have; EPROTO for an agent of another version. */
int agent_read(const struct wire_ctl *frame, struct agent_event *event, struct error *error);

#endif
