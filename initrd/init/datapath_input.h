/* Frames as they come from a TAP or from the packet socket of a NIC, with virtio's header before
 * each: what is one packet of the link goes where it stays, into a packet of the pool; what stands
 * for many goes into the input's own memory, or that of who reads, until the next are read. */
#ifndef DUET_INIT_DATAPATH_INPUT_H
#define DUET_INIT_DATAPATH_INPUT_H

#include "net/offload.h"
#include "net/pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { INPUT_FRAMES = 32 }; /* that are read at once */

struct input_frame;
struct mmsghdr;

struct input {
    struct packet *packets[INPUT_FRAMES]; /* parsed; with segment_bytes those that have pieces */
    size_t count;
    uint64_t lost_packets, lost_bytes; /* that no link has: longer, or with a wrong header */
    int fd;
    bool is_nic;
    size_t room; /* of the pool's packets */
    struct input_frame *frames;
    struct mmsghdr *messages;
    uint8_t *memory;
    uint8_t *large; /* where that of a TAP is in place of `memory`, or NULL */
};

void input_init(struct input *input, int fd, bool is_nic, size_t room);
void input_free(struct input *input);
/* Reads what is there, INPUT_FRAMES at most, in place of what was read before. Never blocks. Where
 * `large` is not NULL, a large frame of a TAP begins there: PACKET_BYTES_MAX bytes, written to up
 * to the next call. */
void input_read(struct input *input, struct pool *pool, uint8_t *large);

#endif
