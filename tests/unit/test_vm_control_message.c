/* The host's words to a guest's agent, and every answer that can be made of the guest's. */
#include "vm/control_message.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* -- Requests ---------------------------------------------------------------------------------- */

static void a_command_is_told_with_its_environment(void **state)
{
    const char *const argv[] = {"/bin/sh", "-c", "printf '\\n' | cat\n", NULL};
    const struct control_variable env[] = {
        {"A", "1"}, {"B", "1"}, {"B", "2"}, {"C", "2"}, {"C", "3 \"q\"\n"}};
    const struct control_exec exec = {.name = "send \"it\"",
                                      .argv = argv,
                                      .env = env,
                                      .env_count = array_size(env),
                                      .timeout_ms = 1500};
    cleanup_free char *text = control_message_exec(3, 6, &exec);

    (void)state;
    assert_string_equal(
        text, "{\"id\":3,\"name\":\"send \\\"it\\\"\",\"argv\":[\"/bin/sh\",\"-c\",\"printf "
              "'\\\\n' | cat\\n\"],\"env\":{\"A\":\"1\",\"B\":\"2\",\"C\":\"3 \\\"q\\\"\\n\"},"
              "\"cwd\":\"/\",\"stdout\":6,\"stderr\":7,\"timeout_ms\":1500}");
}

static const char *const sh[] = {"sh", NULL};

static void a_background_process_says_when_it_is_ready(void **state)
{
    static const struct {
        struct control_exec exec;
        const char *end;
    } kinds[] = {
        {{.ready = CONTROL_NOT_ASKED}, "\"background\":true}"},
        {{.ready = CONTROL_TCP, .ready_port = 65535}, "\"ready\":{\"tcp\":65535}}"},
        {{.ready = CONTROL_UDP, .ready_port = 53}, "\"ready\":{\"udp\":53}}"},
        {{.ready = CONTROL_PATH, .ready_text = "/run/x"}, "\"ready\":{\"path\":\"/run/x\"}}"},
        {{.ready = CONTROL_OUTPUT, .ready_text = "up"}, "\"ready\":{\"output\":\"up\"}}"},
        {{.ready = CONTROL_COMMAND, .ready_text = "true"}, "\"ready\":{\"command\":\"true\"}}"},
    };

    (void)state;
    for (size_t i = 0; i < array_size(kinds); i++) {
        struct control_exec exec = kinds[i].exec;
        cleanup_free char *text = NULL;

        exec.name = "n";
        exec.argv = sh;
        exec.background = true;
        text = control_message_exec(1, 2, &exec);
        assert_non_null(strstr(text, "\"background\":true"));
        assert_string_equal(text + strlen(text) - strlen(kinds[i].end), kinds[i].end);
    }
}

static void a_terminal_has_input_and_one_output(void **state)
{
    const struct control_exec exec = {
        .name = "n", .argv = sh, .terminal = {.rows = 24, .columns = 80}, .container = "web"};
    cleanup_free char *text = control_message_exec(1, 2, &exec);

    (void)state;
    assert_string_equal(text, "{\"id\":1,\"name\":\"n\",\"argv\":[\"sh\"],\"env\":{},\"cwd\":\"/\","
                              "\"stdout\":2,\"stdin\":2,\"terminal\":{\"rows\":24,\"columns\":80},"
                              "\"timeout_ms\":0,\"container\":\"web\"}");
}

static void a_container_is_told_with_its_command(void **state)
{
    const struct control_container container = {
        .name = "web", .root = "/srv", .overlay = true, .exec = {.name = "n", .argv = sh}};
    cleanup_free char *text = control_message_container(1, 2, &container);

    (void)state;
    assert_string_equal(text, "{\"id\":1,\"name\":\"n\",\"argv\":[\"sh\"],\"env\":{},\"cwd\":\"/\","
                              "\"stdout\":2,\"stderr\":3,\"timeout_ms\":0,\"container\":\"web\","
                              "\"root\":\"/srv\",\"overlay\":true,\"network\":false}");
}

static void files_are_told_by_path(void **state)
{
    cleanup_free char *write = control_message_file(1, 2, "/a \"b\"", 0644, NULL);
    cleanup_free char *read = control_message_file(1, 2, "/a", -1, "web");

    (void)state;
    assert_string_equal(write, "{\"id\":1,\"path\":\"/a \\\"b\\\"\",\"mode\":420,\"stream\":2}");
    assert_string_equal(read, "{\"id\":1,\"path\":\"/a\",\"stream\":2,\"container\":\"web\"}");
}

static void a_guest_is_told_who_it_is_and_when(void **state)
{
    uint8_t entropy[MESSAGE_ENTROPY_SIZE] = {0x00, 0xff, [63] = 0x0a};
    cleanup_free char *text =
        control_message_pod(1000000, "{\"hostname\":\"n\"}", UINT64_MAX, entropy);
    cleanup_free char *expected =
        xasprintf("{\"id\":1000000,\"time_ns\":\"18446744073709551615\",\"entropy\":\"00ff%0*d0a\","
                  "\"hostname\":\"n\"}",
                  2 * 61, 0);

    (void)state;
    assert_string_equal(text, expected);
}

static void the_other_requests_are_short(void **state)
{
    cleanup_free char *kill = control_message_plain(1000000, "\"target\":9,\"signal\":2");
    cleanup_free char *ping = control_message_plain(1000001, "");
    cleanup_free char *next = control_message_next(9007199254740992, 131072);
    cleanup_free char *escaped = control_escape("a \"b\"\n");

    (void)state;
    assert_string_equal(kill, "{\"id\":1000000,\"target\":9,\"signal\":2}");
    assert_string_equal(ping, "{\"id\":1000001}");
    assert_string_equal(next, "{\"stream\":9007199254740992,\"bytes\":131072}");
    assert_string_equal(escaped, "\"a \\\"b\\\"\\n\"");
}

/* -- Answers ----------------------------------------------------------------------------------- */

static int read_text(uint32_t code, const char *text, struct control_message *message,
                     struct error *error)
{
    const struct wire_ctl frame = {.code = code, .payload = text, .payload_length = strlen(text)};

    return control_message_read(&frame, message, error);
}

static struct control_message read_good(uint32_t code, const char *text)
{
    struct control_message message = {0};
    struct error error = {0};

    if (read_text(code, text, &message, &error) < 0)
        fail_msg("%s", error.message);
    assert_int_equal(message.code, code);
    return message;
}

static void good_answers_are_read(void **state)
{
    struct control_message message;

    (void)state;
    message = read_good(WIRE_READY, "{\"version\":2,\"kernel\":\"6.1\","
                                    "\"uptime_ms\":1500,\"clock_ns\":9007199254740992}");
    assert_int_equal(message.uptime_ms, 1500);
    assert_int_equal(message.base, 0);
    assert_string_equal(message.kernel, "6.1");
    assert_int_equal(message.clock_ns, 1ull << 53);
    assert_false(message.has_tick_device);
    message = read_good(WIRE_READY, "{\"version\":2,\"kernel\":\"6.1\",\"uptime_ms\":1,"
                                    "\"clock_ns\":1,\"tick_device\":\"lapic\",\"tick_hz\":5}");
    assert_true(message.has_tick_device);
    assert_string_equal(message.tick_device, "lapic");
    assert_int_equal(message.tick_hz, 5);
    message = read_good(WIRE_READY, "{\"version\":2,\"kernel\":\"6.1\",\"uptime_ms\":1,"
                                    "\"clock_ns\":1,\"tick_device\":\"\"}");
    assert_true(message.has_tick_device);
    assert_string_equal(message.tick_device, "");
    assert_int_equal(message.tick_hz, 0);
    message = read_good(WIRE_READY, "{\"version\":2,\"kernel\":\"6.1\",\"uptime_ms\":1,"
                                    "\"clock_ns\":1,\"tick_device\":5}");
    assert_false(message.has_tick_device);
    message = read_good(WIRE_ACK, " {\"code\":6,\"id\":3}\n");
    assert_int_equal(message.request, WIRE_EXECCMD);
    assert_int_equal(message.id, 3);
    message = read_good(WIRE_ACK, "{\"code\":12,\"id\":1000000,\"clock_ns\":77}");
    assert_int_equal(message.clock_ns, 77);
    assert_int_equal(message.busy_ns, 0);
    message = read_good(WIRE_ACK, "{\"code\":12,\"id\":1,\"clock_ns\":77,\"busy_ns\":7}");
    assert_int_equal(message.busy_ns, 7);
    message = read_good(WIRE_ERROR, "{\"code\":6,\"id\":3,\"reason\":\"no \\u0073uch file\"}");
    assert_string_equal(message.reason, "no such file");
    message = read_good(WIRE_ERROR, "{\"code\":0,\"id\":0}");
    assert_string_equal(message.reason, "it gave no reason");
    message = read_good(WIRE_ERROR, "{\"code\":14,\"id\":0,\"stream\":7,\"reason\":\"no room\"}");
    assert_int_equal(message.stream, 7);
    message = read_good(WIRE_ACK, "{\"code\":16,\"id\":4,\"size\":5,\"mode\":420}");
    assert_int_equal(message.size, 5);
    assert_int_equal(message.mode, 0644);
    message = read_good(WIRE_ACK, "{\"code\":19,\"id\":4,\"cpus\":2,\"memory_blocks\":3}");
    assert_int_equal(message.cpus, 2);
    assert_int_equal(message.memory_blocks, 3);
    message = read_good(WIRE_NEXT, "{\"stream\":6,\"bytes\":131072}");
    assert_int_equal(message.stream, 6);
    assert_int_equal(message.bytes, 131072);
    message = read_good(WIRE_FAILED, "{\"reason\":\"no root\"}");
    assert_string_equal(message.reason, "no root");
    message = read_good(WIRE_CMDREADY, "{\"id\":2,\"after_ms\":5}");
    assert_int_equal(message.id, 2);
    message = read_good(WIRE_CMDFINISHED,
                        "{\"id\":2,\"status\":143,\"signal\":15,\"timed_out\":true,"
                        "\"duration_ms\":10,\"stdout_bytes\":4294967296,\"stderr_bytes\":1}");
    assert_int_equal(message.status, 143);
    assert_int_equal(message.signal, 15);
    assert_true(message.timed_out);
    assert_int_equal(message.duration_ms, 10);
    assert_int_equal(message.stdout_bytes, 1ull << 32);
    assert_int_equal(message.stderr_bytes, 1);
}

static void a_long_reason_is_cut(void **state)
{
    cleanup_buffer struct buffer text = {0};
    struct control_message message;

    (void)state;
    buffer_append_text(&text, "{\"code\":6,\"id\":3,\"reason\":\"");
    for (int i = 0; i < 100000; i++)
        buffer_append_text(&text, "r");
    buffer_append_text(&text, "\"}");
    message = read_good(WIRE_ERROR, text.data);
    assert_int_equal(strlen(message.reason), MESSAGE_REASON_MAX - 1);
}

/* Each is refused, says what is wrong, and leaves the message as it was. */
static void assert_refused(uint32_t code, const char *text, int expected, const char *words)
{
    struct control_message message = {.id = 4711};
    struct error error = {0};

    assert_int_equal(read_text(code, text, &message, &error), expected);
    assert_int_equal(message.id, 4711);
    if (!strstr(error.message, words))
        fail_msg("%s: %s", text, error.message);
}

static void what_is_no_object_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "{",
        "}",
        "[]",
        "null",
        "7",
        "\"{}\"",
        "{\"id\":2",
        "{id:2}",
        "\xff\xfe",
        "{\"id\":2}{\"id\":3}",
        "{\"id\":2} junk",
        "{'id':2}",
        "{\"id\":2,}",
    };

    (void)state;
    for (size_t i = 0; i < array_size(texts); i++)
        assert_refused(WIRE_CMDREADY, texts[i], -EBADMSG,
                       "the payload of a frame of code 64 from the guest is not a JSON object");
}

static void a_thousand_deep_is_refused(void **state)
{
    static const char *const levels[] = {"[", "{\"a\":"};

    (void)state;
    for (size_t i = 0; i < array_size(levels); i++) {
        cleanup_buffer struct buffer text = {0};

        buffer_append_text(&text, "{\"id\":2,\"x\":");
        for (int depth = 0; depth < 100000; depth++)
            buffer_append_text(&text, levels[i]);
        assert_refused(WIRE_CMDREADY, text.data, -EBADMSG, "is not a JSON object");
    }
}

static void numbers_that_are_none_are_refused(void **state)
{
    static const char *const values[] = {
        "-1",  "0.5", "9007199254740994",     "1e300", "1e999", "-0.1", "\"2\"", "true", "null",
        "[2]", "{}",  "18446744073709551616",
    };

    (void)state;
    for (size_t i = 0; i < array_size(values); i++) {
        cleanup_free char *text = xasprintf("{\"id\":%s}", values[i]);

        assert_refused(WIRE_CMDREADY, text, -EBADMSG,
                       "the guest's CMDREADY has a wrong \"id\"; expected a whole number from 0 to "
                       "9007199254740992");
    }
    assert_refused(WIRE_CMDREADY, "{\"ID\":2}", -EBADMSG, "the guest's CMDREADY has no \"id\"");
}

/* CMDFINISHED without one field each, and with the field wrong. */
static void each_field_of_an_end_is_needed(void **state)
{
    static const struct {
        const char *key, *good, *bad;
    } fields[] = {
        {"id", "2", "\"2\""},         {"status", "0", "256"},       {"signal", "0", "128"},
        {"timed_out", "false", "0"},  {"duration_ms", "1", "null"}, {"stdout_bytes", "1", "-1"},
        {"stderr_bytes", "1", "1.5"},
    };

    (void)state;
    for (size_t wrong = 0; wrong < array_size(fields) * 2; wrong++) {
        cleanup_buffer struct buffer text = {0};
        cleanup_free char *quoted = xasprintf("\"%s\"", fields[wrong / 2].key);

        for (size_t i = 0; i < array_size(fields); i++) {
            const char *value = i != wrong / 2 ? fields[i].good : fields[i].bad;

            if (i != wrong / 2 || wrong % 2)
                buffer_printf(&text, "%s\"%s\":%s", text.length ? "," : "{", fields[i].key, value);
        }
        buffer_append_text(&text, "}");
        assert_refused(WIRE_CMDFINISHED, text.data, -EBADMSG, quoted);
    }
}

static void a_signal_and_a_status_that_differ_are_refused(void **state)
{
    (void)state;
    assert_refused(WIRE_CMDFINISHED,
                   "{\"id\":2,\"status\":0,\"signal\":9,\"timed_out\":false,\"duration_ms\":1,"
                   "\"stdout_bytes\":0,\"stderr_bytes\":0}",
                   -EBADMSG,
                   "the guest says that a command ended by signal 9 with status 0; expected 137");
}

static void answers_need_what_they_answer(void **state)
{
    (void)state;
    assert_refused(WIRE_ACK, "{\"id\":2}", -EBADMSG, "the guest's ACK has no \"code\"");
    assert_refused(WIRE_ACK, "{\"code\":6}", -EBADMSG, "the guest's ACK has no \"id\"");
    assert_refused(WIRE_ACK, "{\"code\":4294967296,\"id\":1}", -EBADMSG,
                   "the guest's ACK has a wrong \"code\"");
    assert_refused(WIRE_ACK, "{\"code\":12,\"id\":1}", -EBADMSG,
                   "the guest's ACK has no \"clock_ns\"");
    assert_refused(WIRE_ERROR, "{\"code\":6}", -EBADMSG, "the guest's ERROR has no \"id\"");
    assert_refused(WIRE_READY, "{\"version\":2}", -EBADMSG, "the guest's READY has no");
    assert_refused(WIRE_READY, "{\"uptime_ms\":1,\"clock_ns\":1}", -EBADMSG,
                   "the guest's READY has no \"version\"");
}

static void another_version_is_a_case_of_its_own(void **state)
{
    (void)state;
    assert_refused(WIRE_READY, "{\"version\":1,\"uptime_ms\":1,\"clock_ns\":1}", -EPROTO,
                   "the guest's init speaks version 1 of the control channel, this duet speaks 2");
    assert_refused(WIRE_READY, "{\"version\":0,\"uptime_ms\":1,\"clock_ns\":1}", -EPROTO,
                   "version 0");
}

static void requests_and_unknown_codes_are_no_answers(void **state)
{
    static const uint32_t codes[] = {0, WIRE_EXECCMD, WIRE_PING, 66, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < array_size(codes); i++)
        assert_refused(codes[i], "{}", -EBADMSG, ", which is no answer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_told_with_its_environment),
        cmocka_unit_test(a_background_process_says_when_it_is_ready),
        cmocka_unit_test(a_terminal_has_input_and_one_output),
        cmocka_unit_test(a_container_is_told_with_its_command),
        cmocka_unit_test(files_are_told_by_path),
        cmocka_unit_test(a_guest_is_told_who_it_is_and_when),
        cmocka_unit_test(the_other_requests_are_short),
        cmocka_unit_test(good_answers_are_read),
        cmocka_unit_test(a_long_reason_is_cut),
        cmocka_unit_test(what_is_no_object_is_refused),
        cmocka_unit_test(a_thousand_deep_is_refused),
        cmocka_unit_test(numbers_that_are_none_are_refused),
        cmocka_unit_test(each_field_of_an_end_is_needed),
        cmocka_unit_test(a_signal_and_a_status_that_differ_are_refused),
        cmocka_unit_test(answers_need_what_they_answer),
        cmocka_unit_test(another_version_is_a_case_of_its_own),
        cmocka_unit_test(requests_and_unknown_codes_are_no_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
