#include "base/memory.h"
#include "initrd/init/framing.h"
#include "initrd/init/ids.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What was found in a text of frames, a line each. */
struct finds {
    struct framing framing;
    char text[256];
};

static void note(struct finds *finds, const char *format, unsigned long long number,
                 const char *data, size_t count)
{
    size_t length = strlen(finds->text);

    snprintf(finds->text + length, sizeof finds->text - length, format, number, (int)count, data);
}

/* Reads all of `bytes`, which come in pieces of `piece`. */
static void read_ctl(struct finds *finds, const char *bytes, size_t count, size_t piece)
{
    cleanup_buffer struct buffer in = {0};
    struct error error = {0};

    for (size_t at = 0; at < count; at += piece) {
        struct wire_ctl frame;
        size_t taken = 1;
        int code = 1;

        buffer_append(&in, bytes + at, count - at < piece ? count - at : piece);
        while (code != 0) {
            code = framing_ctl(&finds->framing, in.data, in.length, &frame, &taken, &error);
            if (code == 1)
                note(finds, "%llu:%.*s\n", frame.code, frame.payload, frame.payload_length);
            else if (code < 0)
                note(finds, "%llu!%.*s\n", frame.code, "", 0);
            buffer_consume(&in, taken);
        }
    }
    assert_int_equal(in.length, 0);
}

static void read_io(struct finds *finds, const char *bytes, size_t count, size_t piece)
{
    cleanup_buffer struct buffer in = {0};
    struct error error = {0};

    for (size_t at = 0; at < count; at += piece) {
        struct wire_io frame;
        size_t taken = 1;
        int code = 1;

        buffer_append(&in, bytes + at, count - at < piece ? count - at : piece);
        while (code != 0) {
            code = framing_io(&finds->framing, in.data, in.length, &frame, &taken, &error);
            if (code == 1)
                note(finds, "%llu:%.*s\n", frame.stream, frame.data, frame.length);
            else if (code < 0)
                note(finds, "%llu!%.*s\n", frame.stream, "", 0);
            buffer_consume(&in, taken);
        }
    }
    assert_int_equal(in.length, 0);
}

#define LENGTH(text) (sizeof(text) - 1)

static void ctl_goes_on_behind_a_frame_that_is_too_short(void **state)
{
    static const char bytes[] = "\0\0\0\7\0\0\0\7"
                                "\0\0\0\6\0\0\0\12{}"
                                "\0\0\0\5\0\0\0\0"
                                "\0\0\0\4\0\0\0\10";

    (void)state;
    for (size_t piece = 1; piece <= LENGTH(bytes); piece++) {
        struct finds finds = {0};

        read_ctl(&finds, bytes, LENGTH(bytes), piece);
        assert_string_equal(finds.text, "7!\n6:{}\n5!\n4:\n");
    }
}

static void ctl_goes_on_behind_a_frame_that_is_too_long(void **state)
{
    static const char head[] = "\0\0\0\7\0\20\0\1"; /* one more than the limit */
    static const char tail[] = "\0\0\0\6\0\0\0\12{}";
    static char bytes[LENGTH(head) + WIRE_CTL_MAX + 1 - WIRE_CTL_HEADER + LENGTH(tail)];

    (void)state;
    memset(bytes, 'x', sizeof bytes);
    memcpy(bytes, head, LENGTH(head));
    memcpy(bytes + sizeof bytes - LENGTH(tail), tail, LENGTH(tail));
    for (size_t piece = 4096; piece <= 4104; piece++) {
        struct finds finds = {0};

        read_ctl(&finds, bytes, sizeof bytes, piece);
        assert_string_equal(finds.text, "7!\n6:{}\n");
    }
}

static void io_goes_on_behind_frames_that_lie(void **state)
{
    static const char head[] = "\0\0\0\0\0\0\0\7\0\0\0\13"
                               "\0\0\0\0\0\0\0\10\0\0\0\15y"
                               "\0\0\0\0\0\0\0\11\0\1\0\1";
    static const char tail[] = "\0\0\1\0\0\0\0\1\0\0\0\14";
    static char bytes[LENGTH(head) + WIRE_IO_MAX + 1 - WIRE_IO_HEADER + LENGTH(tail)];

    (void)state;
    memset(bytes, 'x', sizeof bytes);
    memcpy(bytes, head, LENGTH(head));
    memcpy(bytes + sizeof bytes - LENGTH(tail), tail, LENGTH(tail));
    for (size_t piece = 1; piece < 100; piece++) {
        struct finds finds = {0};

        read_io(&finds, bytes, sizeof bytes, piece);
        assert_string_equal(finds.text, "7!\n8:y\n9!\n1099511627777:\n");
    }
}

static void the_longest_lie_is_outlived(void **state)
{
    static const char head[] = "\0\0\0\0\0\0\0\7\377\377\377\377";
    static const char junk[1 << 16];
    struct framing framing = {0};
    struct wire_io frame;
    struct error error;
    size_t taken = 0;
    uint64_t left = UINT32_MAX - WIRE_IO_HEADER;

    (void)state;
    assert_int_equal(framing_io(&framing, head, LENGTH(head), &frame, &taken, &error), -EBADMSG);
    assert_int_equal(frame.stream, 7);
    while (left > 0) {
        size_t count = left < sizeof junk ? (size_t)left : sizeof junk;

        assert_int_equal(framing_io(&framing, junk, count, &frame, &taken, &error), 0);
        assert_int_equal(taken, count);
        left -= count;
    }
    assert_int_equal(framing_io(&framing, "\0\0\0\0\0\0\0\5\0\0\0\14", 12, &frame, &taken, &error),
                     1);
    assert_int_equal(frame.stream, 5);
}

static void ids_are_found_in_whatever_order_they_came(void **state)
{
    struct ids ids = {0};

    (void)state;
    assert_false(ids_have(&ids, 1));
    for (uint64_t id = 1; id <= 300; id += 3)
        ids_add(&ids, id);
    for (uint64_t id = 299; id < 300; id -= 3)
        ids_add(&ids, id);
    ids_add(&ids, 2);
    assert_int_equal(ids.count, 200);
    for (uint64_t id = 0; id <= 302; id++)
        assert_int_equal(ids_have(&ids, id), id % 3 != 0 && id <= 300);
    ids_free(&ids);
    assert_false(ids_have(&ids, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ctl_goes_on_behind_a_frame_that_is_too_short),
        cmocka_unit_test(ctl_goes_on_behind_a_frame_that_is_too_long),
        cmocka_unit_test(io_goes_on_behind_frames_that_lie),
        cmocka_unit_test(the_longest_lie_is_outlived),
        cmocka_unit_test(ids_are_found_in_whatever_order_they_came),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
