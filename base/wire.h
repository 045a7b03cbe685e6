/* Framing of the control channel: the two virtio-serial ports `duet.ctl` and `duet.io` that a node
 * has, in hyperstart's format. Compiled into the host and into the guest's init.
 *
 * ctl: 8-byte header, big-endian: u32 code, u32 total length, header included; then JSON.
 * io:  12-byte header, big-endian: u64 stream, u32 total length, header included; then bytes.
 *      A frame without bytes closes its stream; one byte after that is the exit status. */
#ifndef DUET_BASE_WIRE_H
#define DUET_BASE_WIRE_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WIRE_CTL_HEADER = 8,
    WIRE_IO_HEADER = 12,
    WIRE_CTL_MAX = 1 << 20, /* bytes of one ctl frame, header included */
    WIRE_IO_MAX = 1 << 16,  /* bytes of one io frame, header included */
    WIRE_WINDOW = 1 << 18,  /* bytes that may be on their way on a stream from the guest at first */
    WIRE_PROTOCOL = 2,      /* the version of docs/control-channel.md */
};

/* Ids and stream numbers: every JSON library holds these exactly. */
#define WIRE_ID_MAX   (UINT64_C(1) << 53)

#define WIRE_CTL_PORT "duet.ctl"
#define WIRE_IO_PORT  "duet.io"

/* hyperstart's codes; those of duet's own start at 64. */
enum wire_code {
    WIRE_VERSION = 0,
    WIRE_STARTPOD = 1,
    WIRE_DESTROYPOD = 4,
    WIRE_RESTARTCONTAINER = 5,
    WIRE_EXECCMD = 6,
    WIRE_CMDFINISHED = 7,
    WIRE_READY = 8,
    WIRE_ACK = 9,
    WIRE_ERROR = 10,
    WIRE_WINSIZE = 11,
    WIRE_PING = 12,
    WIRE_FINISHPOD = 13,
    WIRE_NEXT = 14,
    WIRE_WRITEFILE = 15,
    WIRE_READFILE = 16,
    WIRE_NEWCONTAINER = 17,
    WIRE_KILLCONTAINER = 18,
    WIRE_ONLINECPUMEM = 19,
    WIRE_SETUPINTERFACE = 20,
    WIRE_SETUPROUTE = 21,
    WIRE_REMOVECONTAINER = 22,
    WIRE_CMDREADY = 64, /* guest to host: a background process is ready */
    WIRE_FAILED = 65,   /* guest to host: init itself has failed */
    WIRE_SETLINK = 66,
    WIRE_LINKSTATE = 67,
    WIRE_CLOSELINK = 68,
};

struct wire_ctl {
    uint32_t code;
    const char *payload; /* inside the input; not NUL-terminated */
    size_t payload_length;
};

struct wire_io {
    uint64_t stream;
    const char *data; /* inside the input */
    size_t length;
};

/* Reads one frame from the front of `bytes`. Returns how many bytes it took, 0 where the frame is
 * not complete yet, or -EBADMSG for a length below the header or above the limit: the peer lies,
 * and nothing after that can be trusted. */
int wire_ctl_read(const void *bytes, size_t count, struct wire_ctl *frame, struct error *error);
int wire_io_read(const void *bytes, size_t count, struct wire_io *frame, struct error *error);

/* Appends one frame. The payload must fit under the limit; larger is EMSGSIZE and nothing is
 * appended. */
int wire_ctl_write(struct buffer *out, uint32_t code, const void *payload, size_t count,
                   struct error *error);
int wire_io_write(struct buffer *out, uint64_t stream, const void *data, size_t count,
                  struct error *error);
/* Whether `count` bytes fit into one io frame: 0 or EMSGSIZE. */
int wire_io_check(size_t count, struct error *error);
/* Writes the header of an io frame of `count` bytes, which fit and follow it. */
void wire_io_header(void *at, uint64_t stream, size_t count);

#endif
