/* One file on its way into a node or out of it, from or to a descriptor here. On the loop's
 * thread. */
#ifndef DUET_RUNNER_TRANSFER_H
#define DUET_RUNNER_TRANSFER_H

#include "vm/control.h"

struct transfer;

struct transfer_end {
    int code; /* 0; -EREMOTEIO: the node could not; -EPIPE and the like: the channel ended; -EIO:
                 the descriptor here failed */
    const char *message; /* where code < 0; until the call returns */
    unsigned mode;       /* of a file that came out, 0 to 07777 */
};

struct transfer_calls {
    /* So many bytes are written there or here. */
    void (*moved)(void *context, uint64_t bytes);
    /* Once, from the loop: all is written, or nothing will be. May free the transfer. */
    void (*ended)(void *context, const struct transfer_end *end);
};

/* The file `path` in the node gets what `fd` has up to its end, and `mode`; it is what it was where
 * that fails. `fd` stays the caller's. Errors: as control_write_file's. */
int transfer_send(struct loop *loop, struct control *control, int fd, const char *path,
                  unsigned mode, const struct transfer_calls *calls, void *context,
                  struct transfer **transfer, struct error *error);
/* `fd` gets what the regular file `path` in the node has. */
int transfer_receive(struct loop *loop, struct control *control, const char *path, int fd,
                     const struct transfer_calls *calls, void *context, struct transfer **transfer,
                     struct error *error);
/* It ends, with -EIO and `message`, as soon as the node has left the file as it was. */
void transfer_cancel(struct transfer *transfer, const char *message);
/* The end of what was sent becomes that of the file: one that has not ended is to be cancelled
 * before. NULL is fine. */
void transfer_free(struct transfer *transfer);

#endif
