/* The parts of the mock agent. */
#ifndef DUET_TESTS_MOCK_INTERNAL_H
#define DUET_TESTS_MOCK_INTERNAL_H

#include "initrd/init/framing.h"
#include "initrd/init/ids.h"
#include "initrd/init/reply.h"
#include "initrd/init/request.h"
#include "tests/mock/mock_agent.h"

/* -- Sockets (mock_port.c) --------------------------------------------------------------------- */

struct mock_port {
    struct mock_agent *mock;
    bool is_io;
    char *path; /* that it listens on, or NULL */
    int listener, fd;
    struct watch *listening, *watch;
    uint32_t events; /* that are watched for */
    struct buffer in, out;
    size_t sent; /* bytes of `out` that are gone */
    struct framing framing;
};

int mock_port_listen(struct mock_port *port, const char *path, struct error *error);
int mock_port_connect(struct mock_port *port, int fd, struct error *error);
/* Ends the connection. */
void mock_port_drop(struct mock_port *port);
void mock_port_free(struct mock_port *port);
size_t mock_port_backlog(const struct mock_port *port);
/* Takes the frames that came, until so much waits on ctl that what the host says has to wait. */
void mock_port_take(struct mock_port *port);
bool mock_is_stalled(const struct mock_agent *mock);
/* Writes what the socket takes now. */
void mock_port_flush(struct mock_port *port);

/* -- What came (mock_record.c) ----------------------------------------------------------------- */

struct mock_record {
    struct buffer bytes; /* a struct head and what is kept of its bytes, for each message */
    uint64_t left_out;
};

/* `number` is the code or the stream; `bytes` NULL: the length is impossible, and none came. */
void mock_record_add(struct mock_record *record, bool is_io, uint64_t number, size_t length,
                     const void *bytes);
char *mock_record_take(struct mock_record *record);

/* -- Streams (mock_stream.c) ------------------------------------------------------------------- */

struct mock_job;

struct mock_stream {
    struct mock_stream *next;
    uint64_t number;
    bool to_host;
    struct mock_job *job; /* NULL: what still comes is dropped */
    uint64_t room;        /* bytes that its receiver has room for */
    uint64_t moved;       /* bytes so far */
    uint64_t taken;       /* to here: bytes that need no room, of which the host was not told yet */
    struct buffer queue;  /* to the host: not sent yet, from `at` on */
    size_t at;
    uint64_t zeros; /* behind the queue */
    bool floods;
};

struct mock_stream *mock_stream_new(struct mock_agent *mock, uint64_t number, bool to_host,
                                    struct mock_job *job);
void mock_stream_free(struct mock_agent *mock, struct mock_stream *stream);
struct mock_stream *mock_stream_find(const struct mock_agent *mock, uint64_t number, bool to_host);
uint64_t mock_stream_pending(const struct mock_stream *stream);
void mock_stream_append(struct mock_stream *stream, const void *bytes, size_t count);
/* Tells the host that there is room for so many more bytes. */
void mock_stream_grant(struct mock_agent *mock, struct mock_stream *stream, uint64_t bytes);
/* So many bytes of what came need no more room, of which the host is told in large steps. */
void mock_stream_taken(struct mock_agent *mock, struct mock_stream *stream, uint64_t bytes);
/* Sends what there is room for, a piece of each stream in turn. */
void mock_streams_pump(struct mock_agent *mock);
void mock_take_io(struct mock_agent *mock, const struct wire_io *frame);
/* NEXT. */
void mock_take_room(struct mock_agent *mock, const struct request *request);
/* ERROR about a stream to here; its input ends with that. */
void mock_stream_refuse(struct mock_agent *mock, uint64_t number, const char *reason);

/* -- Commands and files on their way (mock_job.c, mock_file.c) --------------------------------- */

struct mock_container {
    struct mock_container *next;
    struct request *request;
    struct mock_job *main; /* NULL: it is stopped */
};

struct mock_job {
    struct mock_job *next;
    struct mock_agent *mock;
    uint64_t id;
    uint32_t code; /* WIRE_EXECCMD, or that of the transfer */
    struct mock_container *container;
    struct mock_stream *out, *err; /* NULL: it has none */
    struct mock_stream *in;        /* NULL: none, or closed */
    struct mock_command plan;
    bool running;
    int status, signal;
    bool timed_out, terminal;
    enum ready_kind ready; /* READY_NONE: not asked, or said */
    char *ready_text;
    uint64_t start_ns;
    struct timer *deadline;
    uint64_t owed; /* bytes of input that are to be printed and were not sent yet */
    char *path;    /* of a transfer, in mock->files */
    unsigned mode;
    struct buffer content;
};

struct mock_file {
    struct mock_file *next;
    char *path;
    struct buffer content;
    unsigned mode;
};

/* Whether id and streams of a command that is to come are free. */
int mock_job_check(const struct mock_agent *mock, uint64_t id, const struct exec_request *streams,
                   struct error *error);
struct mock_job *mock_job_new(struct mock_agent *mock, uint64_t id, uint32_t code);
struct mock_job *mock_job_find(const struct mock_agent *mock, uint64_t id);
/* It runs; its ACK was sent. `exec` is copied from, `streams` as well. */
void mock_command_run(struct mock_agent *mock, uint64_t id, const struct exec_request *exec,
                      const struct exec_request *streams, struct mock_container *container);
void mock_job_print(struct mock_job *job, bool errors, const void *bytes, size_t count);
/* It may be gone after each of these. */
void mock_job_signal(struct mock_job *job, int number);
/* SIGTERM, and SIGKILL where that is not enough. */
void mock_job_terminate(struct mock_job *job);
void mock_job_end(struct mock_job *job, int status, int signal);
/* Bytes of its standard input, or of the file; 0: the end. */
void mock_job_input(struct mock_job *job, const char *bytes, size_t count);
/* Its input ends because of what came. */
void mock_job_refuse_input(struct mock_job *job, const char *reason);
/* `count` bytes of one of its streams are on their way. */
void mock_job_sent(struct mock_job *job, size_t count);
void mock_job_free(struct mock_job *job);

bool mock_job_is_file(const struct mock_job *job);
int mock_file_write(struct mock_agent *mock, const struct request *request, struct error *error);
int mock_file_read(struct mock_agent *mock, const struct request *request, struct error *error);
void mock_file_input(struct mock_job *job, const char *bytes, size_t count);
void mock_file_progress(struct mock_job *job);
/* ERROR, and the end of it. */
void mock_file_fail(struct mock_job *job, const char *reason);
void mock_files_free(struct mock_agent *mock);

/* -- Requests (mock_serve.c) ------------------------------------------------------------------- */

/* *container is NULL where `name` is. */
int mock_container_running(const struct mock_agent *mock, const char *name,
                           struct mock_container **container, struct error *error);
/* Its own command has ended, and with it all that runs in it. */
void mock_container_stopped(struct mock_agent *mock, struct mock_container *container);
void mock_serve(struct mock_agent *mock, const struct wire_ctl *frame);
/* A job is gone: goes on with what waited for that. */
void mock_job_gone(struct mock_agent *mock);
void mock_containers_free(struct mock_agent *mock);

/* -- What it is told (mock_control.c) ---------------------------------------------------------- */

/* Takes what the command does. */
struct mock_command mock_plan_take(struct mock_agent *mock, uint64_t id);
/* What the request of that id would have done, which was refused. */
void mock_plans_forget(struct mock_agent *mock, uint64_t id);
void mock_command_clear(struct mock_command *command);
void mock_plans_free(struct mock_agent *mock);

/* -- All of it (mock_agent.c) ------------------------------------------------------------------ */

/* What the next request with a code meets or, with `frame`, one that is taken later. */
struct mock_problem {
    struct mock_problem *next;
    struct mock_agent *mock;
    uint32_t code;
    enum mock_trouble trouble;
    char *reason;
    uint64_t delay_ns;
    struct buffer frame; /* its payload */
    struct timer *timer;
};

/* What a command to come does. */
struct mock_plan {
    struct mock_plan *next;
    struct mock_command command;
};

/* -- Links (mock_link.c) ----------------------------------------------------------------------- */

struct mock_link;

/* Those that the pod carries. */
void mock_links_add(struct mock_agent *mock, const struct pod *pod);
void mock_links_free(struct mock_agent *mock);
/* SETLINK, LINKSTATE or CLOSELINK. */
int mock_serve_link(struct mock_agent *mock, struct request *request, struct error *error);

struct mock_agent {
    struct mock_options options;
    struct mock_port ctl, io;
    struct mock_record record;
    struct mock_plan *plans;
    struct mock_problem *problems;
    struct mock_problem *late; /* requests that are taken later */
    bool closing;              /* the connection ends when all is sent */

    /* The machine, from here on. */
    bool assumed, configured;
    uint64_t finish_id, destroy_id; /* of the request; 0: none is at work */
    struct timer *destroy_timer;
    struct mock_stream *streams;
    struct mock_job *jobs;
    struct mock_container *containers;
    struct mock_file *files;
    struct mock_link *links;
    struct ids ids; /* of all jobs there ever were */
};

/* The connection has come, or gone. */
void mock_connected(struct mock_agent *mock);
void mock_disconnect(struct mock_agent *mock);
void mock_take_ctl(struct mock_agent *mock, const struct wire_ctl *frame);
/* Sends all that can be; the last thing that whoever was called by the loop or a user does. The
 * connection may be gone afterwards. */
void mock_flush(struct mock_agent *mock);

#endif
