/* Bytes on their way from a pipe or a terminal to the host. */
#ifndef DUET_INIT_STREAM_H
#define DUET_INIT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agent;
struct process;

struct stream {
    struct agent *agent;
    struct process *process; /* NULL: it is of a link */
    uint64_t number;         /* on the wire; 0: there is no such stream */
    int fd;                  /* -1: at its end */
    bool terminal;
    struct watch *watch;
    uint64_t room;       /* bytes that the host takes */
    uint64_t sent;       /* bytes */
    uint64_t owed;       /* of what was in it when the process ended, not sent yet */
    bool parked;         /* waits for room at the host */
    struct stream *next; /* in the queue for room on io */
    bool queued;         /* is in it */
};

/* Takes over `fd`; nothing is read yet. */
void stream_open(struct stream *stream, struct process *process, uint64_t number, int fd,
                 bool terminal);
/* The same of what no process prints. */
void stream_open_link(struct stream *stream, struct agent *agent, uint64_t number, int fd);
/* Begins. A kernel that has no memory to watch it ends in fail(). */
void stream_start(struct stream *stream);
/* Forgets it without a word to the host. */
void stream_drop(struct stream *stream);
/* The host takes so many bytes more. The process may be gone afterwards. */
void stream_grant(struct stream *stream, uint64_t bytes);
/* The process has ended: notes how much of its output is still to come. The process may not go by
 * this. */
void stream_owe(struct stream *stream);
/* Closes the stream for the host: for errands, which do not do so by themselves. */
void stream_end(const struct stream *stream);
/* Sends the exit status as the one byte after the end of the stream. */
void stream_status(const struct stream *stream, int status);
/* Lets the streams that wait go on, in turn, as far as there is room. */
void streams_resume(struct agent *agent);

#endif
