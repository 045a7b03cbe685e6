/* Requests of clients: what is read of them, what is refused, and what the guest is sent. */
#include "runner/hub_request.h"

#include "base/memory.h"
#include "vm/control.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BASE UINT64_C(1) /* its numbers are 4294967297 and so on */

static struct suite_pairs environment; /* of commands; none until a test has one */

static int read_bytes(uint32_t code, const char *text, size_t count, struct hub_request *request,
                      struct error *error)
{
    const struct wire_ctl frame = {.code = code, .payload = text, .payload_length = count};

    return hub_request_read(&frame, BASE, &environment, request, error);
}

static struct hub_request good(uint32_t code, const char *text)
{
    struct hub_request request;
    struct error error = {0};

    if (read_bytes(code, text, strlen(text), &request, &error) < 0)
        fail_msg("%s", error.message);
    return request;
}

static void sends(uint32_t code, const char *text, const char *expected)
{
    struct hub_request request = good(code, text);

    assert_string_equal(request.payload, expected);
    free(request.payload);
}

/* Returns the id that could be read. */
static uint64_t refused(uint32_t code, const char *text, const char *reason)
{
    struct hub_request request;
    struct error error = {0};

    assert_int_equal(read_bytes(code, text, strlen(text), &request, &error), -EINVAL);
    assert_string_equal(error.message, reason);
    assert_null(request.payload);
    return request.id;
}

static void a_command_has_its_nodes_environment(void **state)
{
    struct suite_pair items[] = {
        {(char *)"A", (char *)"1"}, {(char *)"B", (char *)"node"}, {(char *)"B", (char *)"case"}};

    (void)state;
    environment = (struct suite_pairs){items, array_size(items)};
    sends(WIRE_EXECCMD, "{\"id\":4294967297}",
          "{\"id\":4294967297,\"env\":{\"B\":\"case\",\"A\":\"1\"}}");
    sends(WIRE_EXECCMD, "{\"id\":4294967297,\"env\":{\"A\":\"own\"}}",
          "{\"id\":4294967297,\"env\":{\"A\":\"own\",\"B\":\"case\"}}");
    sends(WIRE_EXECCMD, "{\"id\":4294967297,\"env\":7}", "{\"id\":4294967297,\"env\":7}");
    sends(WIRE_PING, "{\"id\":4294967297}", "{\"id\":4294967297}");
    environment = (struct suite_pairs){0};
}

static void what_the_hub_has_to_know_is_read(void **state)
{
    struct hub_request request;

    (void)state;
    request = good(WIRE_EXECCMD, "{\"id\":4294967297,\"stdin\":4294967298,\"stdout\":4294967299,"
                                 "\"stderr\":4294967300}");
    assert_true(request.runs);
    assert_int_equal(request.id, 4294967297);
    assert_int_equal(request.in, 4294967298);
    assert_int_equal(request.out, 4294967299);
    assert_int_equal(request.err, 4294967300);
    free(request.payload);
    request = good(WIRE_WRITEFILE, "{\"id\":4294967297,\"stream\":4294967298}");
    assert_false(request.runs);
    assert_int_equal(request.in, 4294967298);
    assert_int_equal(request.out, 0);
    free(request.payload);
    request = good(WIRE_READFILE, "{\"id\":4294967297,\"stream\":4294967298}");
    assert_int_equal(request.in, 0);
    assert_int_equal(request.out, 4294967298);
    free(request.payload);
    request = good(WIRE_NEXT, "{\"stream\":8589934591,\"bytes\":9007199254740992}");
    assert_int_equal(request.stream, 8589934591);
    assert_int_equal(request.bytes, 9007199254740992);
    free(request.payload);
    for (uint32_t code = 0; code < 70; code++)
        if (code == WIRE_RESTARTCONTAINER || code == WIRE_NEWCONTAINER) {
            request = good(code, "{\"id\":4294967297,\"stdout\":4294967299}");
            assert_true(request.runs);
            free(request.payload);
        }
}

static void numbers_stand_above_the_base(void **state)
{
    (void)state;
    assert_int_equal(refused(WIRE_PING, "{\"id\":4294967296}",
                             "\"id\" is 4294967296; the numbers of this client are above 1 << 32"),
                     0);
    refused(WIRE_PING, "{\"id\":8589934592}",
            "\"id\" is 8589934592; the numbers of this client are above 1 << 32");
    refused(WIRE_PING, "{\"id\":1}", "\"id\" is 1; the numbers of this client are above 1 << 32");
    assert_int_equal(refused(WIRE_KILLCONTAINER, "{\"id\":4294967297,\"target\":1,\"signal\":9}",
                             "\"target\" is 1; the numbers of this client are above 1 << 32"),
                     4294967297);
    refused(WIRE_READFILE, "{\"id\":4294967297,\"stream\":2}",
            "\"stream\" is 2; the numbers of this client are above 1 << 32");
    refused(WIRE_NEXT, "{\"stream\":2,\"bytes\":1}",
            "\"stream\" is 2; the numbers of this client are above 1 << 32");
}

static void numbers_are_whole(void **state)
{
    static const char *const bad[] = {"0",    "-1",   "4294967297.5",     "\"4294967297\"",
                                      "true", "null", "9007199254740994", "1e300",
                                      "[]"};

    (void)state;
    for (size_t i = 0; i < array_size(bad); i++) {
        cleanup_free char *text = xasprintf("{\"id\":%s}", bad[i]);

        assert_int_equal(refused(WIRE_PING, text, "\"id\" is no whole number from 1 to 2^53"), 0);
    }
    refused(WIRE_PING, "{}", "\"id\" is missing");
    refused(WIRE_NEXT, "{\"stream\":4294967297}", "\"bytes\" is missing");
    refused(WIRE_NEXT, "{\"bytes\":1}", "\"stream\" is missing");
    refused(WIRE_EXECCMD, "{\"id\":4294967297,\"env\":[1,{\"x\":1.5}]}",
            "a number that is not whole, or larger than 2^53");
}

static void some_requests_are_the_topology_s_own(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 70; code++) {
        bool own = code == WIRE_STARTPOD || code == WIRE_FINISHPOD || code == WIRE_DESTROYPOD;

        if (own)
            assert_int_equal(refused(code, "{\"id\":4294967297}",
                                     "the node belongs to the duet that keeps it up: `duet down` "
                                     "ends it"),
                             4294967297);
    }
    refused(WIRE_READY, "{\"id\":4294967297}", "there is no request with code 8");
    refused(WIRE_CMDFINISHED, "{\"id\":4294967297}", "there is no request with code 7");
    refused(64, "{\"id\":4294967297}", "there is no request with code 64");
    refused(UINT32_MAX, "{\"id\":4294967297}", "there is no request with code 4294967295");
}

static void what_is_no_object_is_refused(void **state)
{
    static const char *const bad[] = {"", " ", "[]", "1", "nonsense", "{\"id\":4294967297"};

    (void)state;
    for (size_t i = 0; i < array_size(bad); i++)
        refused(WIRE_PING, bad[i], "the payload is no JSON object");
}

/* Of two fields of one name the agent refuses the request, and cJSON finds the first. */
static void no_field_is_given_twice(void **state)
{
    (void)state;
    refused(WIRE_PING, "{\"id\":4294967297,\"a\":1,\"id\":1}", "\"id\" is given twice");
    refused(WIRE_PING, "{\"id\":4294967297,\"\\u0069d\":1}", "\"id\" is given twice");
    refused(WIRE_PING, "{\"id\":4294967297,\"id\\u0000x\":1}", "\"id\" is given twice");
    refused(WIRE_PING, "{\"id\":4294967297,\"x\":[{\"y\":{\"z\":1,\"Z\":2,\"z\":3}}]}",
            "\"z\" is given twice");
}

static void the_guest_is_sent_what_it_can_read(void **state)
{
    const char bytes[] = "{\"id\":4294967297,\"a\":\"\xff\xc3\"}";
    struct hub_request request;

    (void)state;
    sends(WIRE_PING, " { \"id\" : 4294967297 }\n", "{\"id\":4294967297}");
    sends(WIRE_PING, "{\"id\":4.294967297e9,\"x\":[-1,1e3,{\"y\":9007199254740992}]}",
          "{\"id\":4294967297,\"x\":[-1,1000,{\"y\":9007199254740992}]}");
    sends(WIRE_PING, "{\"id\":4294967297,\"a\":\"\\u00e9\\n\\/\"}",
          "{\"id\":4294967297,\"a\":\"\xc3\xa9\\n/\"}");
    assert_int_equal(read_bytes(WIRE_PING, bytes, sizeof bytes - 1, &request, NULL), 0);
    assert_string_equal(request.payload, "{\"id\":4294967297,\"a\":\"\xef\xbf\xbd\xef\xbf\xbd\"}");
    free(request.payload);
}

/* An environment may be large, and is read in less time than it takes to send it. */
static void an_object_may_have_many_fields(void **state)
{
    cleanup_buffer struct buffer text = {0};
    struct hub_request request;

    (void)state;
    buffer_append_text(&text, "{\"id\":4294967297,\"env\":{\"a\":\"\"");
    for (int i = 0; text.length < (1 << 20) - 100; i++)
        buffer_printf(&text, ",\"%x\":\"\"", i + 0xb);
    buffer_append_text(&text, "}}");
    request = good(WIRE_EXECCMD, text.data);
    assert_string_equal(request.payload, text.data);
    free(request.payload);
}

static void nesting_has_an_end(void **state)
{
    cleanup_buffer struct buffer text = {0};

    (void)state;
    buffer_append_text(&text, "{\"id\":4294967297,\"x\":");
    for (int i = 0; i < 100000; i++)
        buffer_append_text(&text, "[");
    refused(WIRE_PING, text.data, "the payload is no JSON object");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_hub_has_to_know_is_read),
        cmocka_unit_test(a_command_has_its_nodes_environment),
        cmocka_unit_test(numbers_stand_above_the_base),
        cmocka_unit_test(numbers_are_whole),
        cmocka_unit_test(some_requests_are_the_topology_s_own),
        cmocka_unit_test(what_is_no_object_is_refused),
        cmocka_unit_test(no_field_is_given_twice),
        cmocka_unit_test(the_guest_is_sent_what_it_can_read),
        cmocka_unit_test(an_object_may_have_many_fields),
        cmocka_unit_test(nesting_has_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
