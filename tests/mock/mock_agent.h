/* An agent without a guest: speaks docs/control-channel.md on two unix sockets, for tests of
 * whoever talks to an agent. It runs nothing: a command is acknowledged, prints and ends as it was
 * told beforehand, and files are kept in memory. What it refuses, a guest refuses too, by the
 * guest's own parsers.
 *
 * Everything happens on the loop's thread. Each connection is a machine of its own, just booted. */
#ifndef DUET_TESTS_MOCK_AGENT_H
#define DUET_TESTS_MOCK_AGENT_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/loop.h"
#include "base/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mock_agent;

struct mock_options {
    struct loop *loop;
    unsigned version; /* of READY; 0: the true one */
    bool forgetful;   /* records no messages */
};

/* Listens on two paths, which must not be there, with mode 0600; they are unlinked at the end.
 * Serves one connection after the other; READY is sent when ctl is connected. */
int mock_agent_listen(const struct mock_options *options, const char *ctl_path, const char *io_path,
                      struct mock_agent **mock, struct error *error);
/* Takes over two connected unix sockets, on failure too. */
int mock_agent_connected(const struct mock_options *options, int ctl, int io,
                         struct mock_agent **mock, struct error *error);
/* NULL is fine. */
void mock_agent_free(struct mock_agent *mock);

/* What came since the last call, in order, as a JSON array on one line; the caller frees it.
 * {"port":"ctl","code":6,"name":"execcmd","payload":{…}} or, where the payload is not JSON, "text"
 * or "hex" instead; {"port":"io","stream":2,"length":5,"text":"hello"}, of at most 1 KiB of what
 * came. A frame with an impossible length has that and no payload. Beyond 16 MiB, messages are
 * counted only: {"left_out":N} is the last then. */
char *mock_agent_messages(struct mock_agent *mock);

/* -- Commands ---------------------------------------------------------------------------------- */

/* What a command does, in this order: one that says nothing ends at once with status 0. */
struct mock_command {
    uint64_t id;                  /* only the command of this id does it; 0: whichever comes */
    struct buffer output, errors; /* it prints this */
    uint64_t zeros;               /* and so many bytes of zeros on standard output */
    bool echo;                    /* it prints what its standard input has, until that ends */
    bool drains;                  /* it reads that and says nothing, until that ends */
    bool stays;                   /* it goes on until it is ended; else nothing reads its input */
    bool stubborn;                /* only SIGKILL ends it */
    int status;                   /* exit status, 0 to 255 */
    int signal;                   /* not 0: it dies of this signal instead */

    /* Lies. */
    bool unready;        /* it is never ready, although the request asks */
    bool floods;         /* its output does not care for room */
    bool lies;           /* the status on its stream is `stream_status` */
    int stream_status;   /* instead of the one that CMDFINISHED has */
    uint64_t bytes_more; /* that CMDFINISHED claims of standard output, and that do not come */
};

/* One more in the queue of those to come, to be filled in before the next call. Each command that
 * EXECCMD, NEWCONTAINER or RESTARTCONTAINER starts takes the first that is for it out of there. A
 * request that is refused takes none, but those for its id are gone with it. Stays the mock's. */
struct mock_command *mock_agent_plan(struct mock_agent *mock);

/* A command that runs prints, or ends. ESRCH where none of that id runs. */
int mock_agent_print(struct mock_agent *mock, uint64_t id, bool errors, const void *bytes,
                     size_t count, struct error *error);
int mock_agent_end(struct mock_agent *mock, uint64_t id, int status, int signal,
                   struct error *error);
/* A file that is on its way fails. ESRCH where none of that id is. */
int mock_agent_fail(struct mock_agent *mock, uint64_t id, const char *reason, struct error *error);

/* -- Trouble ----------------------------------------------------------------------------------- */

enum mock_trouble {
    MOCK_REFUSE,  /* ERROR with the reason */
    MOCK_SILENCE, /* it is as if it had not come */
    MOCK_DELAY,   /* it is taken later; others pass it */
    MOCK_CUT,     /* half of an ACK, and the connection ends */
};

/* The next request with that code meets this. Any number of times, in order. `reason` NULL: any */
void mock_agent_trouble(struct mock_agent *mock, uint32_t code, enum mock_trouble trouble,
                        const char *reason, uint64_t delay_ns);
/* The version in READY, of connections from now on; 0: the true one. */
void mock_agent_version(struct mock_agent *mock, unsigned version);

/* The rest is sent now. ENOTCONN where nobody is connected; EMSGSIZE. */
/* A ctl frame, whatever it says. */
int mock_agent_send_ctl(struct mock_agent *mock, uint32_t code, const char *payload,
                        struct error *error);
/* An io frame, of a stream that need not be there and without a look at its room. */
int mock_agent_send_io(struct mock_agent *mock, uint64_t stream, const void *bytes, size_t count,
                       struct error *error);
/* Bytes that are no frame, on ctl. */
int mock_agent_send_garbage(struct mock_agent *mock, struct error *error);
/* A header with that length in it. */
int mock_agent_lie(struct mock_agent *mock, bool on_io, uint32_t length, struct error *error);
/* Ends the connection, when all is sent. */
int mock_agent_hang_up(struct mock_agent *mock, struct error *error);

/* "execcmd" for 6, as in the document; NULL and -1 for what it does not have. */
const char *mock_code_name(uint32_t code);
int mock_code_find(const char *name);

/* -- Lines ------------------------------------------------------------------------------------- */

/* Does what a line of docs/mock-agent.md says, and returns the answer, a JSON object on one line;
 * the caller frees it. NULL for an empty line and a comment. */
char *mock_agent_line(struct mock_agent *mock, const char *line);

#endif
