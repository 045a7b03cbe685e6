/* Bytes on their way from the host to a pipe or a terminal: standard input, or a file's content. */
#ifndef DUET_INIT_INLET_H
#define DUET_INIT_INLET_H

#include "base/wire.h"

#include <stdbool.h>

struct agent;
struct process;

struct inlet {
    struct inlet *next;
    struct agent *agent;
    struct process *process; /* NULL: there is none any more */
    uint64_t number;         /* on the wire */
    int fd;                  /* -1: closed */
    bool terminal;
    struct watch *watch; /* NULL: nothing waits for room in the pipe */
    bool granted;        /* the host was told that it may send, and so it will close it */
    bool closed;         /* it has done so */
    bool over;           /* what comes is dropped */
    char last;           /* byte that came; before the first, an end of line */
    uint64_t room;       /* bytes that the host may send */
    uint64_t taken;      /* of which it was not told yet */
    struct buffer queue; /* came, and did not go into the pipe yet: from `at` on */
    size_t at;
};

/* Takes over `fd`. The host knows of no room yet. */
struct inlet *inlet_new(struct process *process, uint64_t number, int fd, bool terminal);
/* Tells the host that it may send. */
void inlet_start(struct inlet *inlet);
/* The process is not there any more. Where the host was told that it may send, it stays until the
 * host has closed it. */
void inlet_leave(struct inlet *inlet);

/* A frame from the host. What it may not send is an ERROR, and the input's end. */
void inlets_take(struct agent *agent, const struct wire_io *frame);
/* A frame of the stream was broken: the same. */
void inlets_refuse(struct agent *agent, uint64_t number, const char *reason);
/* NULL where that number is free. */
struct inlet *inlets_find(const struct agent *agent, uint64_t number);

#endif
