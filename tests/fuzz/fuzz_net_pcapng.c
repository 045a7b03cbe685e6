/* Blocks of any packet, text and number into any room: they fit and are whole, or are refused. */
#include "net/pcapng.h"

#include "base/memory.h"

#include "tests/fuzz/impair_input.h"

#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t load32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* A text of the input's next bytes, or NULL; the caller frees it. */
static char *input_text(struct input *input)
{
    size_t length = input_number(input, 2) % 3000;
    char *text;

    if (length == 0)
        return NULL;
    text = xmalloc(length + 1);
    input_bytes(input, text, length);
    text[length] = '\0';
    return text;
}

/* Options of a block from `at` to its end: each inside it, and an end behind the last. */
static void check_options(const uint8_t *block, size_t at, size_t end)
{
    for (;;) {
        size_t length;

        if (at + 4 > end)
            abort();
        length = (size_t)block[at + 2] | (size_t)block[at + 3] << 8;
        if (block[at] == 0 && block[at + 1] == 0) {
            if (length != 0 || at + 4 != end)
                abort();
            return;
        }
        at += 4 + (length + 3) / 4 * 4;
    }
}

/* `fixed` bytes, and `padded` of a packet, come before the options. */
static void check_block(const uint8_t *block, int length, size_t capacity, size_t fixed,
                        size_t padded)
{
    if (length == -ENOSPC)
        return;
    if (length < 12 || (size_t)length > capacity || length % 4 != 0 ||
        load32(block + 4) != (uint32_t)length || load32(block + length - 4) != (uint32_t)length)
        abort();
    check_options(block, fixed + (padded + 3) / 4 * 4, (size_t)length - 4);
}

static void check_packet(struct input *input, uint8_t *room, size_t capacity, char *text)
{
    size_t left;
    struct capture_packet packet = {.interface = (uint32_t)input_any(input),
                                    .time_ns = input_any(input),
                                    .snap_length = (uint32_t)input_any(input),
                                    .direction = input_number(input, 1) % 3,
                                    .dropped = input_any(input),
                                    .comment = text};
    uint32_t captured;
    int length;

    left = (size_t)(input->end - input->at);
    packet.bytes = input->at;
    packet.length = (uint32_t)left;
    captured = packet.length;
    if (packet.snap_length && packet.snap_length < captured)
        captured = packet.snap_length;
    length = pcapng_packet(room, capacity, &packet);
    check_block(room, length, capacity, 28, captured);
    if (length > 0 && (load32(room + 20) != captured || load32(room + 24) != packet.length ||
                       memcmp(room + 28, packet.bytes, captured) != 0))
        abort();
    if (length < 0 && capacity >= (size_t)CAPTURE_OVERHEAD + captured)
        abort();
    length = pcap_packet(room, capacity, &packet);
    if (length >= 0 && (size_t)length != 16 + captured)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, data + size};
    size_t capacity = input_number(&input, 2) % 8192;
    cleanup_free uint8_t *room = xmalloc(capacity ? capacity : 1);
    cleanup_free char *text = input_text(&input);
    cleanup_free char *other = input_text(&input);
    struct capture_interface interface = {.name = text,
                                          .description = other,
                                          .link = CAPTURE_RAW_IP,
                                          .snap_length = (uint32_t)input_any(&input)};
    struct capture_statistics statistics = {
        .time_ns = input_any(&input), .received = input_any(&input), .comment = other};

    check_block(room, pcapng_section(room, capacity, text), capacity, 24, 0);
    check_block(room, pcapng_interface(room, capacity, &interface), capacity, 16, 0);
    check_block(room, pcapng_statistics(room, capacity, &statistics), capacity, 20, 0);
    check_packet(&input, room, capacity, text);
    return 0;
}
