/* Capture files by their formats: a walk through the blocks finds what was put in, and no byte goes
 * behind the buffer. */
#include "base/base.h"
#include "net/pcapng.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static uint32_t load32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t load64(const uint8_t *at)
{
    return load32(at) | (uint64_t)load32(at + 4) << 32;
}

static uint16_t load16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

/* The value of an option behind `at`, or NULL; every option lies in the block, and an end option
 * ends them. */
static const uint8_t *option(const uint8_t *block, size_t at, uint16_t code, uint16_t *length)
{
    size_t end = load32(block + 4) - 4;
    const uint8_t *found = NULL;

    for (;;) {
        assert_true(at + 4 <= end);
        if (load16(block + at) == 0)
            break;
        if (load16(block + at) == code) {
            *length = load16(block + at + 2);
            found = block + at + 4;
        }
        at += 4 + (load16(block + at + 2) + 3u) / 4 * 4;
    }
    assert_int_equal(load16(block + at + 2), 0);
    assert_int_equal(at + 4, end);
    return found;
}

static void assert_block(const uint8_t *block, int length, uint32_t type)
{
    assert_true(length > 0 && length % 4 == 0);
    assert_int_equal(load32(block), type);
    assert_int_equal(load32(block + 4), length);
    assert_int_equal(load32(block + length - 4), length);
}

static void assert_text(const uint8_t *block, size_t at, uint16_t code, const char *text)
{
    uint16_t length = 0;
    const uint8_t *found = option(block, at, code, &length);

    assert_non_null(found);
    assert_int_equal(length, strlen(text));
    assert_memory_equal(found, text, length);
}

static void a_section_says_who_made_it(void **state)
{
    uint8_t block[256];
    int length = pcapng_section(block, sizeof block, "duet 1");
    (void)state;

    assert_block(block, length, 0x0a0d0d0a);
    assert_int_equal(load32(block + 8), 0x1a2b3c4d);
    assert_int_equal(load16(block + 12), 1);
    assert_true(load64(block + 16) == UINT64_MAX);
    assert_text(block, 24, 4, "duet 1");
}

static void an_interface_has_its_name_and_nanoseconds(void **state)
{
    static const struct capture_interface interface = {.name = "entry-exit",
                                                       .description = "entry to exit",
                                                       .link = CAPTURE_RAW_IP,
                                                       .snap_length = 96};
    uint8_t block[256];
    uint16_t length = 0;
    const uint8_t *resolution;
    (void)state;

    assert_block(block, pcapng_interface(block, sizeof block, &interface), 1);
    assert_int_equal(load16(block + 8), 101);
    assert_int_equal(load32(block + 12), 96);
    assert_text(block, 16, 2, "entry-exit");
    assert_text(block, 16, 3, "entry to exit");
    resolution = option(block, 16, 9, &length);
    assert_int_equal(length, 1);
    assert_int_equal(*resolution, 9);
}

static void a_packet_has_its_bytes_comment_and_counts(void **state)
{
    struct capture_packet packet = {.interface = 3,
                                    .time_ns = UINT64_C(0x123456789abcdef0),
                                    .bytes = "abcdefghij",
                                    .length = 10,
                                    .direction = CAPTURE_OUTBOUND,
                                    .dropped = 7,
                                    .comment = "lost: loss"};
    uint8_t block[256];
    uint16_t length = 0;
    (void)state;

    assert_block(block, pcapng_packet(block, sizeof block, &packet), 6);
    assert_int_equal(load32(block + 8), 3);
    assert_int_equal(load32(block + 12), 0x12345678);
    assert_int_equal(load32(block + 16), 0x9abcdef0);
    assert_int_equal(load32(block + 20), 10);
    assert_int_equal(load32(block + 24), 10);
    assert_memory_equal(block + 28, "abcdefghij\0\0", 12);
    assert_text(block, 40, 1, "lost: loss");
    assert_int_equal(load32(option(block, 40, 2, &length)), 2);
    assert_int_equal(load64(option(block, 40, 4, &length)), 7);
    packet = (struct capture_packet){.bytes = "abcdefghij", .length = 10, .snap_length = 4};
    assert_block(block, pcapng_packet(block, sizeof block, &packet), 6);
    assert_int_equal(load32(block + 20), 4);
    assert_int_equal(load32(block + 24), 10);
    assert_null(option(block, 32, 1, &length));
    assert_null(option(block, 32, 2, &length));
    assert_null(option(block, 32, 4, &length));
}

static void statistics_have_both_counts(void **state)
{
    static const struct capture_statistics statistics = {
        .interface = 1, .time_ns = 9, .start_ns = 5, .received = 1000, .dropped = 3};
    uint8_t block[256];
    uint16_t length = 0;
    (void)state;

    assert_block(block, pcapng_statistics(block, sizeof block, &statistics), 5);
    assert_int_equal(load32(option(block, 20, 2, &length) + 4), 5);
    assert_int_equal(load32(option(block, 20, 3, &length) + 4), 9);
    assert_int_equal(load64(option(block, 20, 4, &length)), 1000);
    assert_int_equal(load64(option(block, 20, 5, &length)), 3);
}

static void a_long_text_is_cut_between_two_characters(void **state)
{
    char text[2 * CAPTURE_TEXT_MAX] = "";
    struct capture_packet packet = {.bytes = "", .comment = text};
    uint8_t block[CAPTURE_OVERHEAD];
    uint16_t length = 0;
    (void)state;

    text[0] = 'x';
    for (size_t i = 1; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    assert_block(block, pcapng_packet(block, sizeof block, &packet), 6);
    assert_non_null(option(block, 28, 1, &length));
    assert_int_equal(length, CAPTURE_TEXT_MAX - 1);
}

/* Into every room that is too small, the bytes behind it untouched; and then into the least that is
 * enough. */
static void nothing_is_written_behind_the_buffer(void **state)
{
    static const struct capture_interface interface = {.name = "a", .link = CAPTURE_ETHERNET};
    static const struct capture_packet packet = {
        .bytes = "abcde", .length = 5, .comment = "c", .dropped = 1, .direction = CAPTURE_INBOUND};
    static const struct capture_statistics statistics = {.comment = "c"};
    (void)state;

    for (int kind = 0; kind < 6; kind++)
        for (size_t capacity = 0;; capacity++) {
            cleanup_free uint8_t *room = xmalloc(capacity ? capacity : 1);
            int length = kind == 0   ? pcapng_section(room, capacity, "d")
                         : kind == 1 ? pcapng_interface(room, capacity, &interface)
                         : kind == 2 ? pcapng_packet(room, capacity, &packet)
                         : kind == 3 ? pcapng_statistics(room, capacity, &statistics)
                         : kind == 4 ? pcap_header(room, capacity, CAPTURE_ETHERNET, 0)
                                     : pcap_packet(room, capacity, &packet);

            if (length >= 0) {
                assert_int_equal(length, capacity);
                break;
            }
            assert_int_equal(length, -ENOSPC);
            assert_true(capacity < 256);
        }
}

static void the_overhead_is_enough_for_any_block(void **state)
{
    static char text[4096];
    static uint8_t room[CAPTURE_OVERHEAD + 7];
    struct capture_interface interface = {.name = text, .description = text};
    struct capture_packet packet = {
        .bytes = "1234567", .length = 7, .comment = text, .dropped = 1, .direction = 1};
    struct capture_statistics statistics = {.comment = text};
    (void)state;

    memset(text, 'x', sizeof text - 1);
    assert_true(pcapng_section(room, CAPTURE_OVERHEAD, text) > 0);
    assert_true(pcapng_interface(room, CAPTURE_OVERHEAD, &interface) > 0);
    assert_true(pcapng_packet(room, CAPTURE_OVERHEAD + 7, &packet) > 0);
    assert_true(pcapng_statistics(room, CAPTURE_OVERHEAD, &statistics) > 0);
}

static void pcap_has_seconds_and_nanoseconds(void **state)
{
    static const struct capture_packet packet = {
        .time_ns = UINT64_C(1700000000123456789), .bytes = "abcde", .length = 5, .snap_length = 3};
    uint8_t bytes[64];
    (void)state;

    assert_int_equal(pcap_header(bytes, sizeof bytes, CAPTURE_ETHERNET, 3), 24);
    assert_int_equal(load32(bytes), 0xa1b23c4d);
    assert_int_equal(load16(bytes + 4), 2);
    assert_int_equal(load16(bytes + 6), 4);
    assert_int_equal(load32(bytes + 16), 3);
    assert_int_equal(load32(bytes + 20), 1);
    assert_int_equal(pcap_packet(bytes, sizeof bytes, &packet), 19);
    assert_int_equal(load32(bytes), 1700000000);
    assert_int_equal(load32(bytes + 4), 123456789);
    assert_int_equal(load32(bytes + 8), 3);
    assert_int_equal(load32(bytes + 12), 5);
    assert_memory_equal(bytes + 16, "abc", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_section_says_who_made_it),
        cmocka_unit_test(an_interface_has_its_name_and_nanoseconds),
        cmocka_unit_test(a_packet_has_its_bytes_comment_and_counts),
        cmocka_unit_test(statistics_have_both_counts),
        cmocka_unit_test(a_long_text_is_cut_between_two_characters),
        cmocka_unit_test(nothing_is_written_behind_the_buffer),
        cmocka_unit_test(the_overhead_is_enough_for_any_block),
        cmocka_unit_test(pcap_has_seconds_and_nanoseconds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
