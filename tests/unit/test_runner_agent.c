/* The host's words to init, and every answer that can be made of the guest's. */
#include "runner/agent.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* -- Requests ---------------------------------------------------------------------------------- */

static struct suite_pair case_env[] = {{(char *)"A", (char *)"1"}, {(char *)"B", (char *)"1"}};
static struct suite_pair node_env[] = {{(char *)"B", (char *)"2"}, {(char *)"C", (char *)"2"}};
static struct suite_pair step_env[] = {{(char *)"C", (char *)"3 \"q\"\n"}};

static void a_step_is_told_with_its_environment_in_layers(void **state)
{
    const struct suite_pairs layers[] = {{case_env, 2}, {node_env, 2}, {step_env, 1}};
    const struct agent_command command = {.id = 3,
                                          .name = "send \"it\"",
                                          .script = "printf '\\n' | cat\n",
                                          .env = {&layers[0], &layers[1], &layers[2]},
                                          .stdout_stream = 6,
                                          .stderr_stream = 7,
                                          .timeout_ms = 1500};
    cleanup_free char *text = agent_execcmd(&command);

    (void)state;
    assert_string_equal(
        text, "{\"id\":3,\"name\":\"send \\\"it\\\"\",\"argv\":[\"/bin/sh\",\"-c\",\"printf "
              "'\\\\n' | cat\\n\"],\"env\":{\"A\":\"1\",\"B\":\"2\",\"C\":\"3 \\\"q\\\"\\n\"},"
              "\"cwd\":\"/\",\"stdout\":6,\"stderr\":7,\"timeout_ms\":1500}");
}

static void a_background_process_says_when_it_is_ready(void **state)
{
    static const struct {
        struct suite_ready ready;
        const char *end;
    } kinds[] = {
        {{.kind = SUITE_READY_STARTED}, "\"background\":true}"},
        {{.kind = SUITE_READY_TCP, .port = 65535}, "\"ready\":{\"tcp\":65535}}"},
        {{.kind = SUITE_READY_UDP, .port = 53}, "\"ready\":{\"udp\":53}}"},
        {{.kind = SUITE_READY_PATH, .text = (char *)"/run/x"}, "\"ready\":{\"path\":\"/run/x\"}}"},
        {{.kind = SUITE_READY_OUTPUT, .text = (char *)"up"}, "\"ready\":{\"output\":\"up\"}}"},
        {{.kind = SUITE_READY_COMMAND, .text = (char *)"true"},
         "\"ready\":{\"command\":\"true\"}}"},
    };

    (void)state;
    for (size_t i = 0; i < array_size(kinds); i++) {
        const struct agent_command command = {
            .id = 1, .name = "n", .script = "s", .ready = &kinds[i].ready};
        cleanup_free char *text = agent_execcmd(&command);

        assert_non_null(strstr(text, "\"background\":true"));
        assert_string_equal(text + strlen(text) - strlen(kinds[i].end), kinds[i].end);
    }
}

static void a_guest_is_told_who_it_is_and_when(void **state)
{
    uint8_t entropy[AGENT_ENTROPY_SIZE] = {0x00, 0xff, [63] = 0x0a};
    cleanup_free char *text = agent_startpod(1000000, "{\"hostname\":\"n\"}", UINT64_MAX, entropy);
    cleanup_free char *expected =
        xasprintf("{\"id\":1000000,\"time_ns\":\"18446744073709551615\",\"entropy\":\"00ff%0*d0a\","
                  "\"hostname\":\"n\"}",
                  2 * 61, 0);

    (void)state;
    assert_string_equal(text, expected);
}

static void the_other_requests_are_short(void **state)
{
    cleanup_free char *kill = agent_kill(1000000, 9007199254740992, 2);
    cleanup_free char *plain = agent_plain(1000001);

    (void)state;
    assert_string_equal(kill, "{\"id\":1000000,\"target\":9007199254740992,\"signal\":2}");
    assert_string_equal(plain, "{\"id\":1000001}");
}

/* -- Answers ----------------------------------------------------------------------------------- */

static int read_text(uint32_t code, const char *text, struct agent_event *event,
                     struct error *error)
{
    const struct wire_ctl frame = {.code = code, .payload = text, .payload_length = strlen(text)};

    return agent_read(&frame, event, error);
}

static struct agent_event read_good(uint32_t code, const char *text)
{
    struct agent_event event = {0};
    struct error error = {0};

    if (read_text(code, text, &event, &error) < 0)
        fail_msg("%s", error.message);
    assert_int_equal(event.code, code);
    return event;
}

static void good_answers_are_read(void **state)
{
    struct agent_event event;

    (void)state;
    event = read_good(WIRE_READY, "{\"version\":1,\"kernel\":\"6.1\","
                                  "\"uptime_ms\":1500,\"clock_ns\":9007199254740992}");
    assert_int_equal(event.uptime_ms, 1500);
    assert_int_equal(event.clock_ns, 1ull << 53);
    event = read_good(WIRE_ACK, " {\"code\":6,\"id\":3}\n");
    assert_int_equal(event.request, WIRE_EXECCMD);
    assert_int_equal(event.id, 3);
    event = read_good(WIRE_ACK, "{\"code\":12,\"id\":1000000,\"clock_ns\":77}");
    assert_int_equal(event.clock_ns, 77);
    event = read_good(WIRE_ERROR, "{\"code\":6,\"id\":3,\"reason\":\"no \\u0073uch file\"}");
    assert_string_equal(event.reason, "no such file");
    event = read_good(WIRE_ERROR, "{\"code\":0,\"id\":0}");
    assert_string_equal(event.reason, "it gave no reason");
    event = read_good(WIRE_CMDREADY, "{\"id\":2,\"after_ms\":5}");
    assert_int_equal(event.id, 2);
    event = read_good(WIRE_CMDFINISHED,
                      "{\"id\":2,\"status\":143,\"signal\":15,\"timed_out\":true,"
                      "\"duration_ms\":10,\"stdout_bytes\":4294967296,\"stderr_bytes\":1}");
    assert_int_equal(event.status, 143);
    assert_int_equal(event.signal, 15);
    assert_true(event.timed_out);
    assert_int_equal(event.duration_ms, 10);
    assert_int_equal(event.stdout_bytes, 1ull << 32);
    assert_int_equal(event.stderr_bytes, 1);
}

static void a_long_reason_is_cut(void **state)
{
    cleanup_buffer struct buffer text = {0};
    struct agent_event event;

    (void)state;
    buffer_append_text(&text, "{\"code\":6,\"id\":3,\"reason\":\"");
    for (int i = 0; i < 100000; i++)
        buffer_append_text(&text, "r");
    buffer_append_text(&text, "\"}");
    event = read_good(WIRE_ERROR, text.data);
    assert_int_equal(strlen(event.reason), AGENT_REASON_MAX - 1);
}

/* Each is refused, says what is wrong, and leaves the event as it was. */
static void assert_refused(uint32_t code, const char *text, int expected, const char *message)
{
    struct agent_event event = {.id = 4711};
    struct error error = {0};

    assert_int_equal(read_text(code, text, &event, &error), expected);
    assert_int_equal(event.id, 4711);
    if (!strstr(error.message, message))
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
    assert_refused(WIRE_READY, "{\"version\":1}", -EBADMSG, "the guest's READY has no");
    assert_refused(WIRE_READY, "{\"uptime_ms\":1,\"clock_ns\":1}", -EBADMSG,
                   "the guest's READY has no \"version\"");
}

static void another_version_is_a_case_of_its_own(void **state)
{
    (void)state;
    assert_refused(WIRE_READY, "{\"version\":2,\"uptime_ms\":1,\"clock_ns\":1}", -EPROTO,
                   "the guest's init speaks version 2 of the control channel, this duet speaks 1");
    assert_refused(WIRE_READY, "{\"version\":0,\"uptime_ms\":1,\"clock_ns\":1}", -EPROTO,
                   "version 0");
}

static void requests_and_unknown_codes_are_no_answers(void **state)
{
    static const uint32_t codes[] = {0, WIRE_EXECCMD, WIRE_PING, 65, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < array_size(codes); i++)
        assert_refused(codes[i], "{}", -EBADMSG, ", which is no answer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_told_with_its_environment_in_layers),
        cmocka_unit_test(a_background_process_says_when_it_is_ready),
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
