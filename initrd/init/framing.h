/* Reads frames from a host that may be wrong about them: one with an impossible length is skipped,
 * and what follows is read as before. base/wire.h, which the host uses, gives up there. Pure. */
#ifndef DUET_INIT_FRAMING_H
#define DUET_INIT_FRAMING_H

#include "base/wire.h"

/* Zero-initialised is at the start of a stream. */
struct framing {
    uint64_t skip; /* bytes that are still to come of a frame that is dropped */
};

/* Looks at the front of `bytes`. *taken is how many of them are done with, always. 1: they were a
 * frame; 0: what is left is none yet; -EBADMSG: a frame with an impossible length begins there, of
 * which *frame has the code, or the stream, and nothing else. */
int framing_ctl(struct framing *framing, const void *bytes, size_t count, struct wire_ctl *frame,
                size_t *taken, struct error *error);
int framing_io(struct framing *framing, const void *bytes, size_t count, struct wire_io *frame,
               size_t *taken, struct error *error);

#endif
