/* What a guest's agent says on ctl, and what it is asked: docs/control-channel.md. Pure. */
#ifndef DUET_VM_CONTROL_MESSAGE_H
#define DUET_VM_CONTROL_MESSAGE_H

#include "vm/control.h"

enum {
    MESSAGE_REASON_MAX = 512,
    MESSAGE_KERNEL_MAX = 65, /* struct utsname */
    MESSAGE_TICK_DEVICE_MAX = 32,
    MESSAGE_ENTROPY_SIZE = 64,
};

struct control_message {
    enum wire_code code;          /* READY, ACK, ERROR, NEXT, CMDREADY, CMDFINISHED or FAILED */
    uint64_t id;                  /* not of READY, NEXT, FAILED */
    uint32_t request;             /* ACK, ERROR: the code that is answered */
    uint64_t stream;              /* NEXT; ERROR of a NEXT, 0 where it has none */
    uint64_t bytes;               /* NEXT */
    uint64_t base;                /* READY of a hub; else 0 */
    uint64_t uptime_ms;           /* READY */
    uint64_t clock_ns;            /* READY, ACK of PING; else 0 */
    uint64_t busy_ns;             /* ACK of PING; 0: not known */
    uint64_t cpus, memory_blocks; /* ACK of ONLINECPUMEM */
    uint64_t size;                /* ACK of READFILE, bytes */
    unsigned mode;                /* likewise */
    int status, signal;           /* CMDFINISHED; `status` is 128 + signal where there was one */
    bool timed_out;
    uint64_t duration_ms, stdout_bytes, stderr_bytes;
    struct control_way ways[2]; /* ACK of SETLINK, LINKSTATE and CLOSELINK; … */
    uint64_t steps;             /* … likewise, planned changes that were made */
    bool has_tick_device;       /* READY: the next two are known */
    uint64_t tick_hz;
    char tick_device[MESSAGE_TICK_DEVICE_MAX]; /* cut where longer, as the next two */
    char kernel[MESSAGE_KERNEL_MAX];           /* READY */
    char reason[MESSAGE_REASON_MAX];           /* ERROR, FAILED */
};

/* Reads what the guest sent. EBADMSG, with what was found and what was expected, for anything that
 * docs/control-channel.md does not have; EPROTO for an agent of another version. */
int control_message_read(const struct wire_ctl *frame, struct control_message *message,
                         struct error *error);

/* Each makes a payload that the caller frees. */
/* `fields` as in control_request. */
char *control_message_plain(uint64_t id, const char *fields);
/* `pod` as in control_configure; `time_ns` is CLOCK_REALTIME, in ns since 1970. */
char *control_message_pod(uint64_t id, const char *pod, uint64_t time_ns,
                          const uint8_t entropy[static MESSAGE_ENTROPY_SIZE]);
char *control_message_next(uint64_t stream, uint64_t bytes);
/* `stream` is that of stdin and stdout, the one above it of stderr. */
char *control_message_exec(uint64_t id, uint64_t stream, const struct control_exec *exec);
char *control_message_container(uint64_t id, uint64_t stream,
                                const struct control_container *container);
/* `container` may be NULL, and `mode` negative where there is none. */
char *control_message_file(uint64_t id, uint64_t stream, const char *path, int mode,
                           const char *container);

#endif
