/* The output of a command, on its way from a pipe to the io port. */
#ifndef DUET_INIT_STREAM_H
#define DUET_INIT_STREAM_H

#include <stddef.h>
#include <stdint.h>

struct agent;
struct process;

struct stream {
    struct process *process;
    uint64_t number; /* on the wire */
    int fd;          /* -1: closed */
    struct watch *watch;
    uint64_t sent;       /* bytes */
    uint64_t owed;       /* of what was in the pipe when the process ended, not sent yet */
    struct stream *next; /* in the queue for room on io */
};

/* Takes over `fd`. A kernel that has no memory to watch it ends in fail(). */
void stream_open(struct stream *stream, struct process *process, uint64_t number, int fd);
/* The process has ended: notes how much of its output is still in the pipe. */
void stream_owe(struct stream *stream);
/* Sends the exit status as the one byte after the end of the stream. */
void stream_status(const struct stream *stream, int status);
/* Lets the streams that wait go on, in turn, as far as there is room. */
void streams_resume(struct agent *agent);

#endif
