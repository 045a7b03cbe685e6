/* Ethernet frames in a stream of bytes, as QEMU's -netdev stream has them: each is preceded by its
 * length, u32 big-endian (qemu, net/stream.c). */
#ifndef DUET_VM_FRAME_H
#define DUET_VM_FRAME_H

#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_HEADER = 4,         /* bytes of the length */
    FRAME_MAX = 4096 + 65536, /* bytes that QEMU makes or takes: its NET_BUFSIZE */
};

enum frame_kind {
    FRAME_NONE,     /* the next one is not there yet, or not all of it */
    FRAME_WHOLE,    /* one with its bytes */
    FRAME_TOO_LONG, /* one for which there is no room: `bytes` is NULL, and they are passed over */
    FRAME_LIE,      /* `length` is none: 0, or more than FRAME_MAX. Nothing comes after it */
};

struct frame {
    const uint8_t *bytes; /* where they were read from */
    uint32_t length;
};

/* What a reader knows from one call to the next. */
struct frame_reader {
    size_t room; /* bytes that a frame may have */
    size_t skip; /* bytes to come of one that had more */
};

/* Looks for a frame in the `count` bytes from *at on, and moves *at behind what is done with: what
 * is left at FRAME_NONE, less than FRAME_HEADER + room bytes, comes again before what follows. */
enum frame_kind frame_next(struct frame_reader *reader, const uint8_t *bytes, size_t count,
                           size_t *at, struct frame *frame);

#endif
