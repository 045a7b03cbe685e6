/* Any bytes as a stream of frames: cut into pieces they are the same frames as in one. */
#include "vm/frame.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    ROOM = 64,
    INPUT = 256, /* bytes that a reader keeps; more than FRAME_HEADER + ROOM */
};

static void add(uint64_t *digest, enum frame_kind kind, const struct frame *frame)
{
    *digest = *digest * 31 + (uint64_t)kind + frame->length;
    for (uint32_t i = 0; kind == FRAME_WHOLE && i < frame->length; i++)
        *digest = *digest * 31 + frame->bytes[i];
}

/* Reads what `input` begins with; false where it lies. */
static bool take(struct frame_reader *reader, uint8_t *input, size_t *length, uint64_t *digest)
{
    enum frame_kind kind;
    struct frame frame;
    size_t at = 0;

    while ((kind = frame_next(reader, input, *length, &at, &frame)) != FRAME_NONE) {
        if (at > *length)
            abort();
        add(digest, kind, &frame);
        if (kind == FRAME_LIE)
            return false;
    }
    *length -= at;
    memmove(input, input + at, *length);
    return true;
}

static uint64_t read_in_pieces(const uint8_t *data, size_t size, size_t piece)
{
    struct frame_reader reader = {.room = ROOM};
    uint64_t digest = 0;
    uint8_t input[INPUT];
    size_t length = 0;

    while (size > 0) {
        size_t count = piece < size ? piece : size;

        if (count > sizeof input - length)
            abort(); /* a reader always has room for the rest of a frame */
        memcpy(input + length, data, count);
        length += count;
        data += count;
        size -= count;
        if (!take(&reader, input, &length, &digest))
            break;
    }
    return digest;
}

/* The first byte says how long the pieces are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    if (read_in_pieces(data + 1, size - 1, INPUT - FRAME_HEADER - ROOM) !=
        read_in_pieces(data + 1, size - 1, 1 + data[0] % 64))
        abort();
    return 0;
}
