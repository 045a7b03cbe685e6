/* The control channel's framing, and digests. */
#include "base/digest.h"
#include "base/memory.h"
#include "base/wire.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void a_ctl_frame_has_the_bytes_of_the_format(void **state)
{
    static const char expected[] = "\0\0\0\x06\0\0\0\x0a{}";
    cleanup_buffer struct buffer out = {0};
    struct error error = {0};
    (void)state;

    assert_int_equal(wire_ctl_write(&out, WIRE_EXECCMD, "{}", 2, &error), 0);
    assert_int_equal(out.length, 10);
    assert_memory_equal(out.data, expected, 10);
}

static void an_io_frame_has_the_bytes_of_the_format(void **state)
{
    static const char expected[] = "\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\x0dx";
    cleanup_buffer struct buffer out = {0};
    struct error error = {0};
    (void)state;

    assert_int_equal(wire_io_write(&out, 0x0102030405060708u, "x", 1, &error), 0);
    assert_int_equal(out.length, 13);
    assert_memory_equal(out.data, expected, 13);
}

static void frames_come_back_as_they_were_written(void **state)
{
    cleanup_buffer struct buffer out = {0};
    struct wire_ctl first, second;
    struct error error = {0};
    int taken;
    (void)state;

    assert_int_equal(wire_ctl_write(&out, WIRE_READY, NULL, 0, &error), 0);
    assert_int_equal(wire_ctl_write(&out, WIRE_ERROR, "\0no", 3, &error), 0);
    taken = wire_ctl_read(out.data, out.length, &first, &error);
    assert_int_equal(taken, WIRE_CTL_HEADER);
    assert_int_equal(first.code, WIRE_READY);
    assert_int_equal(first.payload_length, 0);
    assert_int_equal(wire_ctl_read(out.data + taken, out.length - (size_t)taken, &second, &error),
                     WIRE_CTL_HEADER + 3);
    assert_int_equal(second.code, WIRE_ERROR);
    assert_int_equal(second.payload_length, 3);
    assert_memory_equal(second.payload, "\0no", 3);
}

/* Every prefix of a frame is an incomplete one; the copy's exact size shows a read past it. */
static void a_part_of_a_frame_waits_for_the_rest(void **state)
{
    cleanup_buffer struct buffer ctl = {0};
    cleanup_buffer struct buffer io = {0};
    struct error error = {0};
    (void)state;

    wire_ctl_write(&ctl, WIRE_PING, "payload", 7, &error);
    wire_io_write(&io, 9, "payload", 7, &error);
    for (size_t count = 0; count < ctl.length; count++) {
        cleanup_free char *part = xmalloc(count);
        struct wire_ctl frame = {.code = 77};

        memcpy(part, ctl.data, count);
        assert_int_equal(wire_ctl_read(part, count, &frame, &error), 0);
        assert_int_equal(frame.code, 77);
    }
    for (size_t count = 0; count < io.length; count++) {
        cleanup_free char *part = xmalloc(count);
        struct wire_io frame = {.stream = 77};

        memcpy(part, io.data, count);
        assert_int_equal(wire_io_read(part, count, &frame, &error), 0);
        assert_int_equal(frame.stream, 77);
    }
}

static void set_length(char *at, uint32_t length)
{
    for (int i = 0; i < 4; i++)
        at[i] = (char)(length >> (24 - 8 * i));
}

static void a_length_that_lies_is_refused_from_the_header_alone(void **state)
{
    static const uint32_t ctl_lies[] = {0, 7, WIRE_CTL_MAX + 1, 0x7fffffff, 0x80000000, UINT32_MAX};
    static const uint32_t io_lies[] = {0, 11, WIRE_IO_MAX + 1, 0x7fffffff, 0x80000000, UINT32_MAX};
    char header[WIRE_IO_HEADER] = {0};
    struct error error = {0};
    (void)state;

    for (size_t i = 0; i < array_size(ctl_lies); i++) {
        struct wire_ctl frame;

        set_length(header + 4, ctl_lies[i]);
        assert_int_equal(wire_ctl_read(header, WIRE_CTL_HEADER, &frame, &error), -EBADMSG);
        assert_non_null(strstr(error.message, WIRE_CTL_PORT));
    }
    for (size_t i = 0; i < array_size(io_lies); i++) {
        struct wire_io frame;

        set_length(header + 8, io_lies[i]);
        assert_int_equal(wire_io_read(header, WIRE_IO_HEADER, &frame, &error), -EBADMSG);
        assert_non_null(strstr(error.message, WIRE_IO_PORT));
    }
}

static void the_largest_frame_fits_and_no_larger(void **state)
{
    cleanup_free char *bytes = xcalloc(1, WIRE_CTL_MAX);
    cleanup_buffer struct buffer out = {0};
    struct wire_ctl ctl;
    struct wire_io io;
    struct error error = {0};
    (void)state;

    assert_int_equal(
        wire_ctl_write(&out, WIRE_ACK, bytes, WIRE_CTL_MAX - WIRE_CTL_HEADER + 1, &error),
        -EMSGSIZE);
    assert_int_equal(wire_io_write(&out, 1, bytes, WIRE_IO_MAX - WIRE_IO_HEADER + 1, &error),
                     -EMSGSIZE);
    assert_int_equal(out.length, 0);
    assert_int_equal(wire_ctl_write(&out, WIRE_ACK, bytes, WIRE_CTL_MAX - WIRE_CTL_HEADER, &error),
                     0);
    assert_int_equal(wire_ctl_read(out.data, out.length, &ctl, &error), WIRE_CTL_MAX);
    buffer_clear(&out);
    assert_int_equal(wire_io_write(&out, 1, bytes, WIRE_IO_MAX - WIRE_IO_HEADER, &error), 0);
    assert_int_equal(wire_io_read(out.data, out.length, &io, &error), WIRE_IO_MAX);
}

/* FIPS 180-4's examples, as NIST publishes them. */
static void digests_of_the_standards_examples(void **state)
{
    static const struct {
        const char *text, *hex;
    } examples[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    char hex[DIGEST_HEX_SIZE];
    (void)state;

    for (size_t i = 0; i < array_size(examples); i++) {
        digest_bytes(examples[i].text, strlen(examples[i].text), hex);
        assert_string_equal(hex, examples[i].hex);
    }
}

static void a_digest_in_pieces_is_that_of_the_whole(void **state)
{
    static const char million_a[] =
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
    char hex[DIGEST_HEX_SIZE], piece[1000];
    struct digest *digest = digest_new();
    (void)state;

    memset(piece, 'a', sizeof piece);
    for (int i = 0; i < 1000; i++)
        digest_update(digest, piece, sizeof piece);
    digest_finish(digest, hex);
    assert_string_equal(hex, million_a);
    digest_free(digest_new());
    digest_free(NULL);
}

static void fields_keep_their_borders(void **state)
{
    char one[DIGEST_HEX_SIZE], other[DIGEST_HEX_SIZE];
    struct digest *digest = digest_new();
    (void)state;

    digest_update_field(digest, "ab");
    digest_update_field(digest, "c");
    digest_finish(digest, one);
    digest = digest_new();
    digest_update_field(digest, "a");
    digest_update_field(digest, "bc");
    digest_finish(digest, other);
    assert_string_not_equal(one, other);
}

static void a_digest_of_a_file(void **state)
{
    char path[] = "/tmp/duet-digest-XXXXXX";
    char hex[DIGEST_HEX_SIZE] = "untouched";
    struct error error = {0};
    int fd = mkstemp(path);
    (void)state;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "abc", 3), 3);
    close(fd);
    assert_int_equal(digest_file("/nonexistent/file", hex, &error), -ENOENT);
    assert_string_equal(hex, "untouched");
    assert_non_null(strstr(error.message, "/nonexistent/file"));
    assert_int_equal(digest_file("/", hex, &error), -EISDIR);
    assert_int_equal(digest_file(path, hex, &error), 0);
    unlink(path);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ctl_frame_has_the_bytes_of_the_format),
        cmocka_unit_test(an_io_frame_has_the_bytes_of_the_format),
        cmocka_unit_test(frames_come_back_as_they_were_written),
        cmocka_unit_test(a_part_of_a_frame_waits_for_the_rest),
        cmocka_unit_test(a_length_that_lies_is_refused_from_the_header_alone),
        cmocka_unit_test(the_largest_frame_fits_and_no_larger),
        cmocka_unit_test(digests_of_the_standards_examples),
        cmocka_unit_test(a_digest_in_pieces_is_that_of_the_whole),
        cmocka_unit_test(fields_keep_their_borders),
        cmocka_unit_test(a_digest_of_a_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
