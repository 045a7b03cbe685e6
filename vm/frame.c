#include "vm/frame.h"

#include "net/bytes.h"

static void skip(struct frame_reader *reader, size_t count, size_t *at)
{
    size_t here = count - *at < reader->skip ? count - *at : reader->skip;

    *at += here;
    reader->skip -= here;
}

enum frame_kind frame_next(struct frame_reader *reader, const uint8_t *bytes, size_t count,
                           size_t *at, struct frame *frame)
{
    uint32_t length;

    skip(reader, count, at);
    if (count - *at < FRAME_HEADER)
        return FRAME_NONE;
    length = bytes_load32(bytes + *at);
    *frame = (struct frame){.length = length};
    if (length == 0 || length > FRAME_MAX)
        return FRAME_LIE;
    if (length > reader->room) {
        *at += FRAME_HEADER;
        reader->skip = length;
        skip(reader, count, at);
        return FRAME_TOO_LONG;
    }
    if (count - *at - FRAME_HEADER < length)
        return FRAME_NONE;
    frame->bytes = bytes + *at + FRAME_HEADER;
    *at += FRAME_HEADER + (size_t)length;
    return FRAME_WHOLE;
}
