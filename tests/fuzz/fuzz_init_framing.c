/* The guest's end of both ports: whatever the host sends is read to its end, each frame lies within
 * it, and cutting the bytes into other pieces (the first byte says how) finds the same. */
#include "base/memory.h"
#include "initrd/init/framing.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A digest of what was found is enough to tell two readings apart. */
struct reading {
    struct framing framing;
    struct buffer in;
    uint64_t found;
};

static void note(struct reading *reading, uint64_t number, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;

    reading->found = (reading->found ^ number) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < count; i++)
        reading->found = (reading->found ^ at[i]) * UINT64_C(0x100000001b3);
}

static int take_ctl(struct reading *reading, size_t *taken)
{
    struct wire_ctl frame;
    struct error error;
    int code =
        framing_ctl(&reading->framing, reading->in.data, reading->in.length, &frame, taken, &error);

    if (code != 0)
        note(reading, frame.code + (code < 0), frame.payload, frame.payload_length);
    return code;
}

static int take_io(struct reading *reading, size_t *taken)
{
    struct wire_io frame;
    struct error error;
    int code =
        framing_io(&reading->framing, reading->in.data, reading->in.length, &frame, taken, &error);

    if (code != 0)
        note(reading, frame.stream + (code < 0), frame.data, frame.length);
    return code;
}

static uint64_t read_all(int (*take)(struct reading *, size_t *), const uint8_t *data, size_t size,
                         size_t piece)
{
    struct reading reading = {0};

    for (size_t at = 0; at < size; at += piece) {
        size_t taken = 0;
        int code = 1;

        buffer_append(&reading.in, data + at, size - at < piece ? size - at : piece);
        while (code != 0) {
            code = take(&reading, &taken);
            if (taken > reading.in.length || (code != 0 && taken == 0) ||
                (code < 0 && code != -EBADMSG))
                abort();
            buffer_consume(&reading.in, taken);
        }
    }
    note(&reading, reading.framing.skip, NULL, 0);
    buffer_free(&reading.in);
    return reading.found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t piece;

    if (size < 2)
        return 0;
    piece = (size_t)data[0] + 1;
    data++;
    size--;
    if (read_all(take_ctl, data, size, piece) != read_all(take_ctl, data, size, size) ||
        read_all(take_io, data, size, piece) != read_all(take_io, data, size, size))
        abort();
    return 0;
}
