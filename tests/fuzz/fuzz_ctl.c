/* The framing of ctl: every frame read lies within the input, and writing it gives it back. */
#include "base/wire.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t at = 0;
    struct wire_ctl frame;
    struct error error;
    int n;

    while ((n = wire_ctl_read(data + at, size - at, &frame, &error)) > 0) {
        struct buffer again = {0};

        if ((size_t)n > size - at || frame.payload_length + WIRE_CTL_HEADER != (size_t)n)
            abort();
        if (wire_ctl_write(&again, frame.code, frame.payload, frame.payload_length, &error) < 0 ||
            again.length != (size_t)n || memcmp(again.data, data + at, again.length) != 0)
            abort();
        buffer_free(&again);
        at += (size_t)n;
    }
    return 0;
}
