#include "base/wire.h"
#include "initrd/init/moddep.h"
#include "initrd/init/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The frame in `out` is whole, has `code`, and its payload is `json`. Frees `out`. */
static void is_frame(struct buffer *out, uint32_t code, const char *json)
{
    struct error error = {0};
    struct wire_ctl frame;

    assert_int_equal(wire_ctl_read(out->data, out->length, &frame, &error), (int)out->length);
    assert_int_equal(frame.code, code);
    assert_int_equal(frame.payload_length, strlen(json));
    assert_memory_equal(frame.payload, json, strlen(json));
    buffer_free(out);
}

static void string_is(const char *text, const char *json)
{
    struct buffer out = {0};

    reply_string(&out, text);
    assert_string_equal(out.data, json);
    buffer_free(&out);
}

static void strings_are_valid_json_whatever_they_are(void **state)
{
    (void)state;
    string_is("", "\"\"");
    string_is("a\"b\\c/", "\"a\\\"b\\\\c/\"");
    string_is("\n\x01\x7f", "\"\\u000a\\u0001\\u007f\"");
    string_is("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
              "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"");
    string_is("\xff\x80", "\"\\ufffd\\ufffd\"");
    string_is("\xc3", "\"\\ufffd\"");
    string_is("\xe2\x82", "\"\\ufffd\\ufffd\"");
    string_is("\xc0\xaf", "\"\\ufffd\\ufffd\"");
    string_is("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");
    string_is("\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
}

static void every_reply_is_one_frame(void **state)
{
    const struct finish finish = {.status = 143,
                                  .signal = 15,
                                  .timed_out = true,
                                  .duration_ms = 303,
                                  .stdout_bytes = 10000000000,
                                  .stderr_bytes = 4};
    const struct tick_device tick = {.name = "lapic", .hz = 62500000};
    struct buffer out = {0};

    (void)state;
    reply_ready(&out, "6.1.0", 1700, 1700000001, &tick);
    is_frame(&out, WIRE_READY,
             "{\"version\":2,\"kernel\":\"6.1.0\",\"uptime_ms\":1700,\"clock_ns\":1700000001,"
             "\"tick_device\":\"lapic\",\"tick_hz\":62500000}");
    reply_ready(&out, "6.1.0", 1700, 1700000001, NULL);
    is_frame(&out, WIRE_READY,
             "{\"version\":2,\"kernel\":\"6.1.0\",\"uptime_ms\":1700,\"clock_ns\":1700000001}");
    reply_ack(&out, WIRE_EXECCMD, 7);
    is_frame(&out, WIRE_ACK, "{\"code\":6,\"id\":7}");
    reply_ack_with(&out, WIRE_PING, 8, &(const struct reply_field){"clock_ns", 99}, 1);
    is_frame(&out, WIRE_ACK, "{\"code\":12,\"id\":8,\"clock_ns\":99}");
    reply_error(&out, 6, 9, "no \"x\"");
    is_frame(&out, WIRE_ERROR, "{\"code\":6,\"id\":9,\"reason\":\"no \\\"x\\\"\"}");
    reply_stream_error(&out, 11, "no room");
    is_frame(&out, WIRE_ERROR, "{\"code\":14,\"id\":0,\"stream\":11,\"reason\":\"no room\"}");
    reply_stream_error(&out, UINT64_MAX, "no such stream");
    is_frame(&out, WIRE_ERROR, "{\"code\":14,\"id\":0,\"reason\":\"no such stream\"}");
    reply_next(&out, 11, 131072);
    is_frame(&out, WIRE_NEXT, "{\"stream\":11,\"bytes\":131072}");
    reply_failed(&out, "init: no disk");
    is_frame(&out, WIRE_FAILED, "{\"reason\":\"init: no disk\"}");
    reply_command_ready(&out, 1, 57);
    is_frame(&out, WIRE_CMDREADY, "{\"id\":1,\"after_ms\":57}");
    reply_finished(&out, 1, &finish);
    is_frame(&out, WIRE_CMDFINISHED,
             "{\"id\":1,\"status\":143,\"signal\":15,\"timed_out\":true,\"duration_ms\":303,"
             "\"stdout_bytes\":10000000000,\"stderr_bytes\":4}");
}

static void a_long_reason_is_cut_to_what_fits(void **state)
{
    static char reason[2 * WIRE_CTL_MAX];
    struct buffer out = {0};
    struct error error = {0};
    struct wire_ctl frame;

    (void)state;
    memset(reason, 1, sizeof reason - 1);
    reply_error(&out, 6, 9, reason);
    assert_int_equal(wire_ctl_read(out.data, out.length, &frame, &error), (int)out.length);
    assert_int_equal(frame.code, WIRE_ERROR);
    buffer_free(&out);
}

static void tokens_begin_a_line_and_end_it(void **state)
{
    struct buffer out = {0};

    (void)state;
    reply_ready_line(&out, "R: ");
    assert_string_equal(out.data, "\nR: {}\n");
    buffer_clear(&out);
    reply_failure_line(&out, "X: ", "entry", "init: a\nb");
    assert_string_equal(out.data, "\nX: {\"verdict\":\"error\",\"node\":\"entry\","
                                  "\"reason\":\"init: a\\u000ab\"}\n");
    buffer_clear(&out);
    reply_failure_line(&out, "X: ", NULL, "init: early");
    assert_string_equal(out.data, "\nX: {\"verdict\":\"error\",\"reason\":\"init: early\"}\n");
    buffer_free(&out);
}

static const char moddep[] = "kernel/net/tun.ko:\n"
                             "kernel/wg/wireguard.ko: kernel/b/udp_tunnel.ko kernel/a/curve.ko\n"
                             "kernel/r/virtio-rng.ko.xz: kernel/c/virtio.ko.xz\n"
                             "kernel/broken.ko\n";

static int collect(void *context, const char *path)
{
    buffer_append_text(context, path);
    buffer_append_text(context, " ");
    return 0;
}

static int refuse(void *context, const char *path)
{
    (void)path;
    ++*(int *)context;
    return -7;
}

static void load_order_is(const char *name, const char *expected)
{
    struct buffer out = {0};

    assert_int_equal(moddep_each(moddep, name, collect, &out), 1);
    assert_string_equal(out.data, expected);
    buffer_free(&out);
}

static void modules_come_after_what_they_need(void **state)
{
    (void)state;
    load_order_is("wireguard", "kernel/a/curve.ko kernel/b/udp_tunnel.ko kernel/wg/wireguard.ko ");
    load_order_is("tun", "kernel/net/tun.ko ");
    load_order_is("virtio_rng", "kernel/c/virtio.ko.xz kernel/r/virtio-rng.ko.xz ");
}

static void a_module_is_not_mistaken_for_another(void **state)
{
    struct buffer out = {0};
    int calls = 0;

    (void)state;
    assert_int_equal(moddep_each(moddep, "wire", collect, &out), 0);
    assert_int_equal(moddep_each(moddep, "udp_tunnel", collect, &out), 0);
    assert_int_equal(moddep_each(moddep, "broken", collect, &out), 0);
    assert_int_equal(moddep_each("", "tun", collect, &out), 0);
    assert_null(out.data);
    assert_int_equal(moddep_each(moddep, "wireguard", refuse, &calls), -7);
    assert_int_equal(calls, 1);
    assert_true(moddep_builtin("kernel/a/ext-4.ko\nkernel/b/loop.ko", "ext_4"));
    assert_true(moddep_builtin("kernel/a/ext4.ko\nkernel/b/loop.ko", "loop"));
    assert_false(moddep_builtin("kernel/a/ext4.ko\n", "ext"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_valid_json_whatever_they_are),
        cmocka_unit_test(every_reply_is_one_frame),
        cmocka_unit_test(a_long_reason_is_cut_to_what_fits),
        cmocka_unit_test(tokens_begin_a_line_and_end_it),
        cmocka_unit_test(modules_come_after_what_they_need),
        cmocka_unit_test(a_module_is_not_mistaken_for_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
