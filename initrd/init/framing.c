#include "initrd/init/framing.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

/* Drops what it can of a frame that is skipped. Returns how much. */
static size_t skip(struct framing *framing, size_t count)
{
    size_t skipped = framing->skip < count ? (size_t)framing->skip : count;

    framing->skip -= skipped;
    return skipped;
}

/* The header is gone; of a frame that says that it is too long, as much follows as it says. */
static void begin_skip(struct framing *framing, const char *length_at, size_t header)
{
    uint32_t length;

    memcpy(&length, length_at, sizeof length);
    length = be32toh(length);
    framing->skip = length < header ? 0 : length - header;
}

int framing_ctl(struct framing *framing, const void *bytes, size_t count, struct wire_ctl *frame,
                size_t *taken, struct error *error)
{
    size_t skipped = skip(framing, count);
    const char *at = (const char *)bytes + skipped;
    int n = wire_ctl_read(at, count - skipped, frame, error);

    *taken = skipped;
    if (n >= 0) {
        *taken += (size_t)n;
        return n > 0;
    }
    *frame = (struct wire_ctl){0};
    memcpy(&frame->code, at, sizeof frame->code);
    frame->code = be32toh(frame->code);
    begin_skip(framing, at + sizeof frame->code, WIRE_CTL_HEADER);
    *taken += WIRE_CTL_HEADER;
    return n;
}

int framing_io(struct framing *framing, const void *bytes, size_t count, struct wire_io *frame,
               size_t *taken, struct error *error)
{
    size_t skipped = skip(framing, count);
    const char *at = (const char *)bytes + skipped;
    int n = wire_io_read(at, count - skipped, frame, error);

    *taken = skipped;
    if (n >= 0) {
        *taken += (size_t)n;
        return n > 0;
    }
    *frame = (struct wire_io){0};
    memcpy(&frame->stream, at, sizeof frame->stream);
    frame->stream = be64toh(frame->stream);
    begin_skip(framing, at + sizeof frame->stream, WIRE_IO_HEADER);
    *taken += WIRE_IO_HEADER;
    return n;
}
