/* Frames in a stream of bytes, however it is cut. */
#include "vm/frame.h"

#include "base/buffer.h"
#include "net/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { ROOM = 8 };

static void put_length(struct buffer *stream, uint32_t length)
{
    uint8_t bytes[FRAME_HEADER];

    bytes_store32(bytes, length);
    buffer_append(stream, bytes, sizeof bytes);
}

static void put(struct buffer *stream, const char *text)
{
    put_length(stream, (uint32_t)strlen(text));
    buffer_append_text(stream, text);
}

/* What a reader makes of a stream that comes in pieces of `piece` bytes. */
static void read_in_pieces(const struct buffer *stream, size_t piece, struct buffer *out)
{
    struct frame_reader reader = {.room = ROOM};
    cleanup_buffer struct buffer input = {0};
    enum frame_kind kind = FRAME_NONE;
    struct frame frame;

    for (size_t from = 0; from < stream->length && kind != FRAME_LIE; from += piece) {
        size_t rest = stream->length - from, at = 0;

        buffer_append(&input, stream->data + from, rest < piece ? rest : piece);
        while ((kind = frame_next(&reader, (const uint8_t *)input.data, input.length, &at,
                                  &frame)) != FRAME_NONE) {
            if (kind == FRAME_LIE) {
                buffer_printf(out, "lie %u;", frame.length);
                return;
            }
            if (kind == FRAME_TOO_LONG)
                buffer_printf(out, "too long %u;", frame.length);
            else
                buffer_printf(out, "%.*s;", (int)frame.length, (const char *)frame.bytes);
        }
        buffer_consume(&input, at);
        assert_true(input.length < FRAME_HEADER + ROOM);
    }
    buffer_printf(out, "%zu left", input.length);
}

static void assert_read(const struct buffer *stream, const char *expected)
{
    for (size_t piece = 1; piece <= stream->length; piece++) {
        cleanup_buffer struct buffer out = {0};

        read_in_pieces(stream, piece, &out);
        assert_string_equal(out.data, expected);
    }
}

static void frames_are_found_however_the_stream_is_cut(void **state)
{
    cleanup_buffer struct buffer stream = {0};

    (void)state;
    put(&stream, "a");
    put(&stream, "12345678");
    put(&stream, "bc");
    put_length(&stream, 5);
    buffer_append_text(&stream, "cut");
    assert_read(&stream, "a;12345678;bc;7 left");
}

static void one_without_room_is_passed_over(void **state)
{
    cleanup_buffer struct buffer stream = {0};

    (void)state;
    put(&stream, "a");
    put(&stream, "123456789");
    put(&stream, "b");
    put(&stream, "a frame that is much longer than all pieces");
    put(&stream, "c");
    assert_read(&stream, "a;too long 9;b;too long 43;c;0 left");
}

static void a_length_that_lies_is_the_last(void **state)
{
    static const struct {
        uint32_t length;
        const char *expected;
    } lies[] = {
        {0, "a;lie 0;"}, {FRAME_MAX + 1, "a;lie 69633;"}, {UINT32_MAX, "a;lie 4294967295;"}};

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        cleanup_buffer struct buffer stream = {0};

        put(&stream, "a");
        put_length(&stream, lies[i].length);
        put(&stream, "b");
        assert_read(&stream, lies[i].expected);
    }
}

static void the_longest_that_there_can_be_is_no_lie(void **state)
{
    cleanup_buffer struct buffer stream = {0};

    (void)state;
    put_length(&stream, FRAME_MAX);
    assert_read(&stream, "too long 69632;0 left");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_found_however_the_stream_is_cut),
        cmocka_unit_test(one_without_room_is_passed_over),
        cmocka_unit_test(a_length_that_lies_is_the_last),
        cmocka_unit_test(the_longest_that_there_can_be_is_no_lie),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
