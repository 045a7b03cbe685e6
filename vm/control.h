/* The host end of a node's control channel, as docs/control-channel.md has it.
 *
 * A channel (struct control) turns requests into frames and frames into calls. It does no I/O of
 * its own: frames go out through a `control_link` and come in by control_take_ctl and _io, so that
 * a machine's ports, two unix sockets (control_connect) and a test serve it alike. Everything
 * happens on the loop's thread. Nothing is called from inside the function that asks.
 *
 * What a guest sends that the protocol does not have (a length, a stream, a status, bytes that
 * nobody gave it room for) breaks the channel: `broken` is called, once, and what was asked before
 * is answered with it; nothing more is taken from that guest. */
#ifndef DUET_VM_CONTROL_H
#define DUET_VM_CONTROL_H

#include "base/error.h"
#include "base/loop.h"
#include "base/wire.h"
#include "net/impair_verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct control;

/* Each sends one whole frame or nothing; errors as port_send's. */
struct control_link {
    int (*send_ctl)(void *context, uint32_t code, const void *payload, size_t count,
                    struct error *error);
    int (*send_io)(void *context, uint64_t stream, const void *bytes, size_t count,
                   struct error *error);
};

struct control_ready {
    const char *kernel; /* release; until the call returns */
    uint64_t uptime_ms; /* CLOCK_BOOTTIME of the guest */
    uint64_t clock_ns;  /* its CLOCK_MONOTONIC */
    /* The name of what wakes its kernel when a timer is due, "" for nothing; NULL: it does not say.
     * Until the call returns. */
    const char *tick_device;
    uint64_t tick_hz; /* how fast the kernel takes that to count; 0 where not known */
};

struct control_calls {
    void (*ready)(void *context, const struct control_ready *ready);
    /* -EBADMSG: the guest broke the protocol; -EPROTO: it speaks another version; -EIO: its init
     * has failed; -EPIPE: the connection ended. */
    void (*broken)(void *context, int code, const char *message);
    /* Frames that are for another user of the same channel: ids and stream numbers whose upper
     * bits are not this one's `base`. False, or NULL: there is none, and they break the channel. */
    bool (*other_ctl)(void *context, uint64_t base, const struct wire_ctl *frame);
    bool (*other_io)(void *context, uint64_t base, const struct wire_io *frame);
};

struct control_options {
    struct loop *loop;
    struct control_link link;
    struct control_calls calls;
    void *context; /* of link and calls */
};

/* Users of one channel are told apart by the upper bits of ids and stream numbers. */
enum { CONTROL_BASE_SHIFT = 32 };
#define CONTROL_BASE_MAX ((UINT64_C(1) << 20) - 1)

/* Commands have the ids 1, 2, … and command N the streams 2 N (stdin, stdout, or the file) and
 * 2 N + 1 (stderr), all above `base` << CONTROL_BASE_SHIFT, which is 0 until READY names another.
 */
struct control *control_new(const struct control_options *options);
/* Connects to the two unix sockets of a mock agent, or of a node that `duet up` keeps. What
 * `options` has as its link is not used. Frames are read as they come. */
int control_connect(const struct control_options *options, const char *ctl_path,
                    const char *io_path, struct control **control, struct error *error);
/* Takes over two connected sockets, likewise. */
int control_connect_fds(const struct control_options *options, int ctl, int io,
                        struct control **control, struct error *error);
/* What was asked is not answered any more; commands are freed with it. Not from inside one of its
 * calls. NULL is fine. */
void control_free(struct control *control);

/* Frames from the guest. */
void control_take_ctl(struct control *control, const struct wire_ctl *frame);
void control_take_io(struct control *control, const struct wire_io *frame);
bool control_is_broken(const struct control *control);

/* -- Requests ---------------------------------------------------------------------------------- */

/* What the carrier of a link in a guest has done in one direction so far. */
struct control_way {
    uint64_t next;                   /* the number of the next packet of data */
    uint64_t packets_in, bytes_in;   /* from the sender */
    uint64_t packets_out, bytes_out; /* that the receiver took, duplicates included */
    uint64_t causes[IMPAIR_CAUSES];  /* as in struct impair_counters */
    uint64_t too_long, unread;       /* as in struct carrier_counters */
    uint64_t dropped;                /* in tc netem, which does not tell why */
};

struct control_answer {
    int code; /* 0: ACK; -EREMOTEIO: ERROR; -ETIMEDOUT; as `broken` where the channel broke */
    const char *reason;           /* where code < 0; until the call returns, as the next */
    uint64_t clock_ns;            /* of PING */
    uint64_t busy_ns;             /* of PING: CPU time that the guest has used; 0: not known */
    uint64_t cpus, memory_blocks; /* of ONLINECPUMEM */
    /* Of SETLINK, LINKSTATE and CLOSELINK, by direction; NULL of others. Until the call returns. */
    const struct control_way *ways;
    uint64_t steps; /* likewise: so many of the link's planned changes have been made */
};
typedef void (*control_answer_fn)(void *context, const struct control_answer *answer);

/* Sends a request without streams. `fields` is what its JSON object has beside the id, without
 * braces: "\"container\":\"web\"", or "" for none; see control_escape. `answer` is called once, at
 * the latest after `deadline_ns` from now (0: whenever it comes), unless control_free comes first;
 * NULL: nobody wants to know. Errors: what the link gives; then `answer` is not called. */
int control_request(struct control *control, enum wire_code code, const char *fields,
                    uint64_t deadline_ns, control_answer_fn answer, void *context,
                    struct error *error);
/* `text` as JSON, with its quotes. The caller frees it. */
char *control_escape(const char *text);

/* STARTPOD. `pod` is the object of its fields but for id, time and entropy, which this adds. */
int control_configure(struct control *control, const char *pod, uint64_t deadline_ns,
                      control_answer_fn answer, void *context, struct error *error);

/* -- Commands and files ------------------------------------------------------------------------ */

/* A command (EXECCMD, NEWCONTAINER) or a file on its way (WRITEFILE, READFILE). */
struct control_command;

enum control_output { CONTROL_STDOUT, CONTROL_STDERR }; /* a terminal's and a file's is STDOUT */

struct control_end {
    int code;           /* 0; -EREMOTEIO: refused, or the file could not be moved; as `broken` */
    const char *reason; /* where code < 0; until the call returns */
    int status, signal; /* of a command: `status` is 128 + signal where there was one */
    bool timed_out;
    uint64_t duration_ms, stdout_bytes, stderr_bytes;
    uint64_t size; /* bytes of a file that was read */
    unsigned mode; /* its permissions */
};

struct control_command_calls {
    /* It runs: exec has succeeded. Of commands only, as the next. */
    void (*started)(void *context);
    void (*ready)(void *context);
    /* `count` 0: the guest closed the stream. The bytes count as not taken until control_taken. */
    void (*output)(void *context, enum control_output output, const char *bytes, size_t count);
    /* control_feed takes bytes (again). */
    void (*room)(void *context);
    /* The guest says how it ended; of a command, output that it announced may still come. */
    void (*ended)(void *context, const struct control_end *end);
    /* Everything that `ended` announced has come, too; after `ended`. Output that a leftover child
     * prints may follow. The command may be freed from here on. */
    void (*complete)(void *context, const struct control_end *end);
};

enum control_readiness {
    CONTROL_NOT_ASKED,
    CONTROL_TCP,
    CONTROL_UDP,
    CONTROL_PATH,
    CONTROL_OUTPUT,
    CONTROL_COMMAND
};

struct control_terminal {
    unsigned rows, columns; /* 0: there is no terminal */
};

struct control_variable {
    const char *name, *value; /* a later one of the same name wins */
};

struct control_exec {
    const char *name;        /* for messages */
    const char *const *argv; /* ends with NULL */
    const struct control_variable *env;
    size_t env_count;
    const char *cwd;       /* NULL: / */
    const char *container; /* that it runs in; NULL: the node itself */
    uint64_t timeout_ms;   /* 0: none */
    bool background;
    enum control_readiness ready;
    unsigned ready_port;
    const char *ready_text;
    struct control_terminal terminal;
    bool input; /* it has a standard input that is fed; else /dev/null. A terminal has one */
};

/* Each sends its request. The command belongs to the caller, and NULL calls are fine. Errors: what
 * the link gives; E2BIG where the request does not fit into a frame. */
int control_exec(struct control *control, const struct control_exec *exec,
                 const struct control_command_calls *calls, void *context,
                 struct control_command **command, struct error *error);

struct control_container {
    const char *name, *root;
    bool overlay, network;
    struct control_exec exec; /* its own command; `container` is not used */
};
int control_run_container(struct control *control, const struct control_container *container,
                          const struct control_command_calls *calls, void *context,
                          struct control_command **command, struct error *error);

/* What a link that the guest carries sends of its two directions: CONTROL_STDOUT is of the first,
 * CONTROL_STDERR of the second. Of the calls there is only `output`. Nothing is sent to the guest,
 * whom STARTPOD names the streams: the Nth command has 2 N and 2 N + 1. */
struct control_command *control_open_link(struct control *control,
                                          const struct control_command_calls *calls, void *context);

/* Feed the file's bytes, then control_close. */
int control_write_file(struct control *control, const char *path, unsigned mode,
                       const char *container, const struct control_command_calls *calls,
                       void *context, struct control_command **command, struct error *error);
/* Its bytes come as output. */
int control_read_file(struct control *control, const char *path, const char *container,
                      const struct control_command_calls *calls, void *context,
                      struct control_command **command, struct error *error);

/* Sends as many bytes as the guest has room for, and returns how many that were: 0 before `room`,
 * after control_close and after the end. Never negative; a link that fails ends the channel. */
size_t control_feed(struct control_command *command, const void *bytes, size_t count);
/* The end of what is fed, when that was sent. Any number of times. */
void control_close(struct control_command *command);
/* `count` of the bytes that `output` gave need no more room here: the guest may send as many. */
void control_taken(struct control_command *command, enum control_output output, size_t count);
/* The terminal's new size. */
void control_resize(struct control_command *command, unsigned rows, unsigned columns);
/* KILLCONTAINER. A command that has ended is not there any more, which is no news. */
void control_signal(struct control_command *command, int signal_number);
/* Its id. */
uint64_t control_command_id(const struct control_command *command);
/* Forgets it: a command's input is closed, output that still comes is dropped. A command is not
 * ended by this; a file whose end was not fed is given up, and the one that was there stays. NULL
 * is fine. */
void control_command_free(struct control_command *command);

#endif
