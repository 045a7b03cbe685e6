/* Buffers, rings and errors: the small things that everything else is made of. */
#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/ring.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void buffer_grows_and_ends_with_nul(void **state)
{
    cleanup_buffer struct buffer text = {0};
    (void)state;

    for (int i = 0; i < 1000; i++)
        buffer_printf(&text, "%03d,", i);
    assert_int_equal(text.length, 4000);
    assert_int_equal(strlen(text.data), 4000);
    assert_memory_equal(text.data + 4 * 999, "999,", 5);
}

static void buffer_keeps_nul_bytes(void **state)
{
    cleanup_buffer struct buffer bytes = {0};
    (void)state;

    buffer_append(&bytes, "a\0b", 3);
    buffer_append(&bytes, NULL, 0);
    assert_int_equal(bytes.length, 3);
    assert_memory_equal(bytes.data, "a\0b", 4);
}

static void buffer_consume_takes_from_the_front(void **state)
{
    cleanup_buffer struct buffer text = {0};
    (void)state;

    buffer_append_text(&text, "header:payload");
    buffer_consume(&text, 7);
    assert_string_equal(text.data, "payload");
    buffer_consume(&text, 100);
    assert_int_equal(text.length, 0);
    assert_string_equal(text.data, "");
}

static void buffer_consume_of_an_unused_buffer(void **state)
{
    struct buffer text = {0};
    (void)state;

    buffer_consume(&text, 5);
    buffer_clear(&text);
    assert_null(text.data);
    assert_int_equal(text.length, 0);
}

static void buffer_clear_keeps_the_memory(void **state)
{
    cleanup_buffer struct buffer text = {0};
    size_t capacity;
    (void)state;

    buffer_append_text(&text, "something");
    capacity = text.capacity;
    buffer_clear(&text);
    assert_int_equal(text.length, 0);
    assert_int_equal(text.capacity, capacity);
    assert_string_equal(text.data, "");
}

static void buffer_steal_never_gives_null(void **state)
{
    struct buffer text = {0};
    cleanup_free char *empty = buffer_steal(&text);
    cleanup_free char *full = NULL;
    (void)state;

    assert_string_equal(empty, "");
    buffer_append_text(&text, "mine");
    full = buffer_steal(&text);
    assert_string_equal(full, "mine");
    assert_null(text.data);
    assert_int_equal(text.length + text.capacity, 0);
}

static void assert_tail(const struct ring *ring, size_t lines, const char *expected)
{
    cleanup_buffer struct buffer out = {0};

    buffer_append_text(&out, "|");
    ring_tail(ring, lines, &out);
    assert_int_equal(out.length, strlen(expected) + 1);
    assert_memory_equal(out.data + 1, expected, strlen(expected));
}

static void ring_write_text(struct ring *ring, const char *text)
{
    ring_write(ring, text, strlen(text));
}

static void ring_keeps_the_newest(void **state)
{
    struct ring ring;
    (void)state;

    ring_init(&ring, 8);
    ring_write_text(&ring, "abcdef");
    assert_int_equal(ring_length(&ring), 6);
    assert_int_equal(ring_lost(&ring), 0);
    ring_write_text(&ring, "ghij");
    assert_int_equal(ring_length(&ring), 8);
    assert_int_equal(ring_lost(&ring), 2);
    assert_tail(&ring, 1, "cdefghij");
    ring_free(&ring);
}

static void ring_takes_more_than_it_holds(void **state)
{
    struct ring ring;
    (void)state;

    ring_init(&ring, 4);
    ring_write_text(&ring, "x");
    ring_write_text(&ring, "0123456789");
    assert_int_equal(ring_lost(&ring), 7);
    assert_tail(&ring, 1, "6789");
    ring_free(&ring);
}

/* Whatever the sizes of the writes, the ring is the end of the stream. */
static void ring_is_the_end_of_the_stream(void **state)
{
    char stream[4096];
    (void)state;

    for (size_t i = 0; i < sizeof stream; i++)
        stream[i] = (char)('A' + (i * 7 + i / 26) % 26);
    for (size_t capacity = 1; capacity <= 40; capacity++) {
        size_t at = 0;
        struct ring ring;

        ring_init(&ring, capacity);
        for (size_t step = 1; at + step <= sizeof stream; step = step % 50 + 1) {
            cleanup_buffer struct buffer out = {0};

            ring_write(&ring, stream + at, step);
            at += step;
            ring_tail(&ring, 1, &out);
            assert_int_equal(out.length, at < capacity ? at : capacity);
            assert_memory_equal(out.data, stream + at - out.length, out.length);
            assert_int_equal(ring_length(&ring) + ring_lost(&ring), at);
        }
        ring_free(&ring);
    }
}

static void assert_read(const struct ring *ring, uint64_t *position, size_t max, uint64_t lost,
                        const char *expected)
{
    cleanup_buffer struct buffer out = {0};

    buffer_append_text(&out, "|");
    assert_int_equal(ring_read(ring, position, max, &out), lost);
    assert_string_equal(out.data + 1, expected);
}

static void a_reader_of_a_ring_goes_on_where_it_was(void **state)
{
    uint64_t position = 0;
    struct ring ring;
    (void)state;

    ring_init(&ring, 8);
    assert_read(&ring, &position, 100, 0, "");
    ring_write_text(&ring, "abcdef");
    assert_read(&ring, &position, 2, 0, "ab");
    ring_write_text(&ring, "ghij");
    assert_read(&ring, &position, 5, 0, "cdefg");
    assert_read(&ring, &position, 100, 0, "hij");
    assert_read(&ring, &position, 100, 0, "");
    ring_write_text(&ring, "0123456789");
    assert_read(&ring, &position, 3, 2, "234");
    assert_read(&ring, &position, 100, 0, "56789");
    assert_int_equal(position, ring.written);
    ring_free(&ring);
}

static void ring_tail_counts_lines(void **state)
{
    struct ring ring;
    (void)state;

    ring_init(&ring, 64);
    assert_tail(&ring, 5, "");
    ring_write_text(&ring, "one\ntwo\nthree\n");
    assert_tail(&ring, 0, "");
    assert_tail(&ring, 1, "three\n");
    assert_tail(&ring, 2, "two\nthree\n");
    assert_tail(&ring, 9, "one\ntwo\nthree\n");
    ring_write_text(&ring, "begun");
    assert_tail(&ring, 1, "begun");
    assert_tail(&ring, 2, "three\nbegun");
    ring_write_text(&ring, "\n\n\n");
    assert_tail(&ring, 1, "\n");
    assert_tail(&ring, 3, "begun\n\n\n");
    ring_free(&ring);
}

static void ring_tail_across_the_seam(void **state)
{
    struct ring ring;
    (void)state;

    ring_init(&ring, 10);
    ring_write_text(&ring, "first\nab\ncdef\n");
    assert_tail(&ring, 1, "cdef\n");
    assert_tail(&ring, 2, "ab\ncdef\n");
    assert_tail(&ring, 3, "t\nab\ncdef\n");
    ring_free(&ring);
}

static void error_says_code_and_message(void **state)
{
    struct error error = {0};
    (void)state;

    assert_int_equal(error_set(&error, EINVAL, "%s is %d", "it", 7), -EINVAL);
    assert_int_equal(error.code, EINVAL);
    assert_string_equal(error.message, "it is 7");
    assert_int_equal(error_context(&error, "file.yaml:%d", 3), -EINVAL);
    assert_string_equal(error.message, "file.yaml:3: it is 7");
    errno = ENOENT;
    assert_int_equal(error_errno(&error, "cannot open %s", "x"), -ENOENT);
    assert_string_equal(error.message, "cannot open x: No such file or directory");
}

static void error_without_errno_is_still_an_error(void **state)
{
    struct error error = {0};
    (void)state;

    errno = 0;
    assert_int_equal(error_errno(&error, "it"), -EIO);
    assert_int_equal(error.code, EIO);
}

static void error_may_be_null(void **state)
{
    (void)state;
    errno = EPERM;
    assert_int_equal(error_errno(NULL, "x"), -EPERM);
    assert_int_equal(error_set(NULL, EINVAL, "x"), -EINVAL);
    assert_true(error_context(NULL, "x") < 0);
}

static void error_cuts_what_does_not_fit(void **state)
{
    struct error error = {0};
    cleanup_free char *big = xmalloc(3 * ERROR_MESSAGE_MAX);
    (void)state;

    memset(big, 'x', 3 * ERROR_MESSAGE_MAX);
    big[3 * ERROR_MESSAGE_MAX - 1] = '\0';
    error_set(&error, EINVAL, "%s", big);
    assert_int_equal(strlen(error.message), ERROR_MESSAGE_MAX - 1);
    error_context(&error, "where");
    assert_int_equal(strlen(error.message), ERROR_MESSAGE_MAX - 1);
    assert_memory_equal(error.message, "where: xxx", 10);
    error_context(&error, "%s", big);
    assert_int_equal(strlen(error.message), ERROR_MESSAGE_MAX - 1);
    assert_int_equal(error.code, EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_grows_and_ends_with_nul),
        cmocka_unit_test(buffer_keeps_nul_bytes),
        cmocka_unit_test(buffer_consume_takes_from_the_front),
        cmocka_unit_test(buffer_consume_of_an_unused_buffer),
        cmocka_unit_test(buffer_clear_keeps_the_memory),
        cmocka_unit_test(buffer_steal_never_gives_null),
        cmocka_unit_test(ring_keeps_the_newest),
        cmocka_unit_test(ring_takes_more_than_it_holds),
        cmocka_unit_test(ring_is_the_end_of_the_stream),
        cmocka_unit_test(a_reader_of_a_ring_goes_on_where_it_was),
        cmocka_unit_test(ring_tail_counts_lines),
        cmocka_unit_test(ring_tail_across_the_seam),
        cmocka_unit_test(error_says_code_and_message),
        cmocka_unit_test(error_without_errno_is_still_an_error),
        cmocka_unit_test(error_may_be_null),
        cmocka_unit_test(error_cuts_what_does_not_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
