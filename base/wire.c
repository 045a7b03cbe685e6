#include "base/wire.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

static uint32_t load_u32(const char *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof value);
    return be32toh(value);
}

static uint64_t load_u64(const char *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof value);
    return be64toh(value);
}

static void append_u32(struct buffer *out, uint32_t value)
{
    uint32_t wire = htobe32(value);

    buffer_append(out, &wire, sizeof wire);
}

static int check_length(const char *port, uint32_t length, uint32_t header, uint32_t max,
                        struct error *error)
{
    if (length < header || length > max)
        return error_set(error, EBADMSG,
                         "%s: a frame says it has %" PRIu32 " bytes; %" PRIu32 " to %" PRIu32
                         " are possible",
                         port, length, header, max);
    return 0;
}

int wire_ctl_read(const void *bytes, size_t count, struct wire_ctl *frame, struct error *error)
{
    const char *at = bytes;
    uint32_t length;
    int code;

    if (count < WIRE_CTL_HEADER)
        return 0;
    length = load_u32(at + 4);
    code = check_length(WIRE_CTL_PORT, length, WIRE_CTL_HEADER, WIRE_CTL_MAX, error);
    if (code < 0)
        return code;
    if (count < length)
        return 0;
    *frame = (struct wire_ctl){.code = load_u32(at),
                               .payload = at + WIRE_CTL_HEADER,
                               .payload_length = length - WIRE_CTL_HEADER};
    return (int)length;
}

int wire_io_read(const void *bytes, size_t count, struct wire_io *frame, struct error *error)
{
    const char *at = bytes;
    uint32_t length;
    int code;

    if (count < WIRE_IO_HEADER)
        return 0;
    length = load_u32(at + 8);
    code = check_length(WIRE_IO_PORT, length, WIRE_IO_HEADER, WIRE_IO_MAX, error);
    if (code < 0)
        return code;
    if (count < length)
        return 0;
    *frame = (struct wire_io){
        .stream = load_u64(at), .data = at + WIRE_IO_HEADER, .length = length - WIRE_IO_HEADER};
    return (int)length;
}

int wire_ctl_write(struct buffer *out, uint32_t code, const void *payload, size_t count,
                   struct error *error)
{
    if (count > WIRE_CTL_MAX - WIRE_CTL_HEADER)
        return error_set(error, EMSGSIZE, "%s: a payload of %zu bytes is over the limit of %d",
                         WIRE_CTL_PORT, count, WIRE_CTL_MAX - WIRE_CTL_HEADER);
    append_u32(out, code);
    append_u32(out, (uint32_t)(count + WIRE_CTL_HEADER));
    buffer_append(out, payload, count);
    return 0;
}

int wire_io_check(size_t count, struct error *error)
{
    if (count > WIRE_IO_MAX - WIRE_IO_HEADER)
        return error_set(error, EMSGSIZE, "%s: %zu bytes are over the limit of %d", WIRE_IO_PORT,
                         count, WIRE_IO_MAX - WIRE_IO_HEADER);
    return 0;
}

int wire_io_write(struct buffer *out, uint64_t stream, const void *data, size_t count,
                  struct error *error)
{
    char header[WIRE_IO_HEADER];
    int code = wire_io_check(count, error);

    if (code < 0)
        return code;
    wire_io_header(header, stream, count);
    buffer_append(out, header, sizeof header);
    buffer_append(out, data, count);
    return 0;
}

void wire_io_header(void *at, uint64_t stream, size_t count)
{
    uint64_t wire_stream = htobe64(stream);
    uint32_t wire_length = htobe32((uint32_t)(count + WIRE_IO_HEADER));

    memcpy(at, &wire_stream, sizeof wire_stream);
    memcpy((char *)at + sizeof wire_stream, &wire_length, sizeof wire_length);
}
