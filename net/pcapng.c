#include "net/pcapng.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum block_type {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_STATISTICS = 5,
    BLOCK_PACKET = 6,
};

enum option {
    OPTION_END = 0,
    OPTION_COMMENT = 1,
    SECTION_APPLICATION = 4,
    INTERFACE_NAME = 2,
    INTERFACE_DESCRIPTION = 3,
    INTERFACE_TIME_RESOLUTION = 9,
    PACKET_FLAGS = 2,
    PACKET_DROPS = 4,
    STATISTICS_START = 2,
    STATISTICS_END = 3,
    STATISTICS_RECEIVED = 4,
    STATISTICS_DROPPED = 5,
};

enum { NANOSECONDS = 9 }; /* the resolution is 10^-9 */

/* A block that grows in the caller's buffer; what does not fit is remembered. */
struct block {
    uint8_t *bytes;
    size_t length, capacity;
    bool failed;
};

static void put(struct block *block, const void *bytes, size_t count)
{
    if (block->failed || block->capacity - block->length < count) {
        block->failed = true;
        return;
    }
    if (count > 0)
        memcpy(block->bytes + block->length, bytes, count);
    block->length += count;
}

static void put_little(struct block *block, uint64_t value, size_t count)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    put(block, bytes, count);
}

static void pad(struct block *block)
{
    static const uint8_t zeros[4];

    put(block, zeros, -block->length & 3);
}

/* -- pcapng ------------------------------------------------------------------------------------ */

static struct block begin(void *buffer, size_t capacity, enum block_type type)
{
    struct block block = {.bytes = buffer, .capacity = capacity};

    put_little(&block, type, 4);
    put_little(&block, 0, 4); /* the length, which `finish` knows */
    return block;
}

static int finish(struct block *block)
{
    uint32_t total = (uint32_t)block->length + 4;

    put_little(block, total, 4);
    if (block->failed)
        return -ENOSPC;
    for (size_t i = 0; i < 4; i++)
        block->bytes[4 + i] = (uint8_t)(total >> 8 * i);
    return (int)total;
}

static void put_option(struct block *block, enum option option, const void *bytes, size_t count)
{
    put_little(block, option, 2);
    put_little(block, count, 2);
    put(block, bytes, count);
    pad(block);
}

/* A text that is too long is cut, and not within a character of UTF-8. */
static void put_text(struct block *block, enum option option, const char *text)
{
    size_t length;

    if (!text)
        return;
    length = strnlen(text, CAPTURE_TEXT_MAX + 1);
    if (length > CAPTURE_TEXT_MAX) {
        length = CAPTURE_TEXT_MAX;
        while (length > 0 && ((uint8_t)text[length] & 0xc0) == 0x80)
            length--;
    }
    put_option(block, option, text, length);
}

static void put_count(struct block *block, enum option option, uint64_t value)
{
    put_little(block, option, 2);
    put_little(block, 8, 2);
    put_little(block, value, 8);
}

/* High half first, whatever the byte order: so the format has it. */
static void put_time(struct block *block, uint64_t ns)
{
    put_little(block, ns >> 32, 4);
    put_little(block, ns & UINT32_MAX, 4);
}

static void put_time_option(struct block *block, enum option option, uint64_t ns)
{
    put_little(block, option, 2);
    put_little(block, 8, 2);
    put_time(block, ns);
}

static uint32_t snap_of(uint32_t snap_length)
{
    return snap_length && snap_length < CAPTURE_SNAP_MAX ? snap_length : CAPTURE_SNAP_MAX;
}

static uint32_t captured_of(const struct capture_packet *packet)
{
    uint32_t snap_length = snap_of(packet->snap_length);

    return packet->length < snap_length ? packet->length : snap_length;
}

int pcapng_section(void *buffer, size_t capacity, const char *application)
{
    struct block block = begin(buffer, capacity, BLOCK_SECTION);

    put_little(&block, 0x1a2b3c4d, 4); /* in the byte order of the section */
    put_little(&block, 1, 2);          /* version 1.0 */
    put_little(&block, 0, 2);
    put_little(&block, UINT64_MAX, 8); /* the section's length is not known */
    put_text(&block, SECTION_APPLICATION, application);
    put_option(&block, OPTION_END, NULL, 0);
    return finish(&block);
}

int pcapng_interface(void *buffer, size_t capacity, const struct capture_interface *interface)
{
    struct block block = begin(buffer, capacity, BLOCK_INTERFACE);
    uint8_t resolution = NANOSECONDS;

    put_little(&block, interface->link, 2);
    put_little(&block, 0, 2);
    put_little(&block, snap_of(interface->snap_length), 4);
    put_text(&block, INTERFACE_NAME, interface->name);
    put_text(&block, INTERFACE_DESCRIPTION, interface->description);
    put_option(&block, INTERFACE_TIME_RESOLUTION, &resolution, 1);
    put_option(&block, OPTION_END, NULL, 0);
    return finish(&block);
}

int pcapng_packet(void *buffer, size_t capacity, const struct capture_packet *packet)
{
    struct block block = begin(buffer, capacity, BLOCK_PACKET);
    uint32_t captured = captured_of(packet);

    put_little(&block, packet->interface, 4);
    put_time(&block, packet->time_ns);
    put_little(&block, captured, 4);
    put_little(&block, packet->length, 4);
    put(&block, packet->bytes, captured);
    pad(&block);
    put_text(&block, OPTION_COMMENT, packet->comment);
    if (packet->direction != CAPTURE_UNKNOWN) {
        put_little(&block, PACKET_FLAGS, 2);
        put_little(&block, 4, 2);
        put_little(&block, packet->direction, 4);
    }
    if (packet->dropped)
        put_count(&block, PACKET_DROPS, packet->dropped);
    put_option(&block, OPTION_END, NULL, 0);
    return finish(&block);
}

int pcapng_statistics(void *buffer, size_t capacity, const struct capture_statistics *statistics)
{
    struct block block = begin(buffer, capacity, BLOCK_STATISTICS);

    put_little(&block, statistics->interface, 4);
    put_time(&block, statistics->time_ns);
    put_text(&block, OPTION_COMMENT, statistics->comment);
    put_time_option(&block, STATISTICS_START, statistics->start_ns);
    put_time_option(&block, STATISTICS_END, statistics->time_ns);
    put_count(&block, STATISTICS_RECEIVED, statistics->received);
    put_count(&block, STATISTICS_DROPPED, statistics->dropped);
    put_option(&block, OPTION_END, NULL, 0);
    return finish(&block);
}

/* -- pcap -------------------------------------------------------------------------------------- */

static int finish_pcap(const struct block *block)
{
    return block->failed ? -ENOSPC : (int)block->length;
}

int pcap_header(void *buffer, size_t capacity, enum capture_link link, uint32_t snap_length)
{
    struct block block = {.bytes = buffer, .capacity = capacity};

    put_little(&block, 0xa1b23c4d, 4); /* nanoseconds */
    put_little(&block, 2, 2);          /* version 2.4 */
    put_little(&block, 4, 2);
    put_little(&block, 0, 8); /* two fields that are no longer used */
    put_little(&block, snap_of(snap_length), 4);
    put_little(&block, link, 4);
    return finish_pcap(&block);
}

int pcap_packet(void *buffer, size_t capacity, const struct capture_packet *packet)
{
    struct block block = {.bytes = buffer, .capacity = capacity};
    uint32_t captured = captured_of(packet);

    put_little(&block, packet->time_ns / 1000000000, 4);
    put_little(&block, packet->time_ns % 1000000000, 4);
    put_little(&block, captured, 4);
    put_little(&block, packet->length, 4);
    put(&block, packet->bytes, captured);
    return finish_pcap(&block);
}
