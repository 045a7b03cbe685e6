#include "base/wire.h"
#include "initrd/init/request.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct request *accepts(uint32_t code, const char *json)
{
    struct request *request = NULL;
    struct error error = {0};
    uint64_t id;

    if (request_parse(code, json, strlen(json), &id, &request, &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(request->code, code);
    assert_int_equal(request->id, id);
    return request;
}

static void refuses_with_id(uint32_t code, const char *json, uint64_t expected_id, const char *word)
{
    struct request *request = NULL;
    struct error error = {0};
    uint64_t id = 77;

    assert_int_equal(request_parse(code, json, strlen(json), &id, &request, &error), -EINVAL);
    assert_null(request);
    assert_int_equal(id, expected_id);
    if (!strstr(error.message, word))
        fail_msg("\"%s\" has no \"%s\"", error.message, word);
}

/* An EXECCMD with `fields` beside the ones that must be there. */
static void exec_refuses(const char *fields, const char *word)
{
    char json[512];

    snprintf(json, sizeof json,
             "{\"id\":5,\"name\":\"n\",\"argv\":[\"a\"],\"stdout\":1,\"stderr\":2,%s}", fields);
    refuses_with_id(WIRE_EXECCMD, json, 5, word);
}

static void exec_takes_every_field(void **state)
{
    struct request *request =
        accepts(WIRE_EXECCMD,
                "{\"id\":1,\"name\":\"echo\",\"argv\":[\"/bin/sh\",\"-c\",\"\"],"
                "\"env\":{\"K\":\"V=1\",\"E\":\"\"},\"cwd\":\"/tmp\",\"stdout\":11,\"stderr\":12,"
                "\"timeout_ms\":1500,\"background\":true,\"ready\":{\"tcp\":9999}}");
    const struct exec_request *exec = &request->exec;

    (void)state;
    assert_int_equal(request->id, 1);
    assert_string_equal(exec->name, "echo");
    assert_string_equal(exec->argv[0], "/bin/sh");
    assert_string_equal(exec->argv[2], "");
    assert_null(exec->argv[3]);
    assert_string_equal(exec->env[0], "K=V=1");
    assert_string_equal(exec->env[1], "E=");
    assert_null(exec->env[2]);
    assert_string_equal(exec->cwd, "/tmp");
    assert_int_equal(exec->stdout_stream, 11);
    assert_int_equal(exec->stderr_stream, 12);
    assert_int_equal(exec->timeout_ms, 1500);
    assert_true(exec->background);
    assert_int_equal(exec->ready, READY_TCP);
    assert_int_equal(exec->ready_port, 9999);
    request_free(request);
}

static void exec_has_defaults(void **state)
{
    struct request *request = accepts(
        WIRE_EXECCMD,
        "{\"id\":9007199254740992,\"name\":\"n\",\"argv\":[\"a\"],\"stdout\":1,\"stderr\":2}");

    (void)state;
    assert_int_equal(request->id, INT64_C(1) << 53);
    assert_null(request->exec.env[0]);
    assert_string_equal(request->exec.cwd, "/");
    assert_int_equal(request->exec.timeout_ms, 0);
    assert_false(request->exec.background);
    assert_int_equal(request->exec.ready, READY_NONE);
    request_free(request);
}

static void exec_knows_every_readiness(void **state)
{
    static const struct {
        const char *json;
        enum ready_kind kind;
    } kinds[] = {{"{\"udp\":53}", READY_UDP},
                 {"{\"path\":\"x\"}", READY_PATH},
                 {"{\"output\":\"x\"}", READY_OUTPUT},
                 {"{\"command\":\"x\"}", READY_COMMAND}};

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char json[256];
        struct request *request;

        snprintf(
            json, sizeof json,
            "{\"id\":1,\"name\":\"n\",\"argv\":[\"a\"],\"stdout\":1,\"stderr\":2,\"ready\":%s}",
            kinds[i].json);
        request = accepts(WIRE_EXECCMD, json);
        assert_int_equal(request->exec.ready, kinds[i].kind);
        if (kinds[i].kind == READY_UDP)
            assert_int_equal(request->exec.ready_port, 53);
        else
            assert_string_equal(request->exec.ready_text, "x");
        request_free(request);
    }
}

static void exec_refuses_what_it_does_not_understand(void **state)
{
    (void)state;
    exec_refuses("\"x\":1", "\"x\"");
    exec_refuses("\"env\":{\"A=B\":\"\"}", "A=B");
    exec_refuses("\"env\":{\"\":\"\"}", "variable");
    exec_refuses("\"env\":{\"A\":1}", "\"A\" is an integer");
    exec_refuses("\"env\":[]", "env");
    exec_refuses("\"cwd\":\"tmp\"", "absolute");
    exec_refuses("\"cwd\":\"\"", "empty");
    exec_refuses("\"cwd\":1", "cwd");
    exec_refuses("\"timeout_ms\":-1", "-1");
    exec_refuses("\"timeout_ms\":1.5", "real");
    exec_refuses("\"timeout_ms\":99999999999", "99999999999");
    exec_refuses("\"background\":1", "background");
    exec_refuses("\"ready\":null", "ready");
    exec_refuses("\"ready\":{}", "one field");
    exec_refuses("\"ready\":{\"tcp\":1,\"udp\":1}", "one field");
    exec_refuses("\"ready\":{\"sctp\":1}", "sctp");
    exec_refuses("\"ready\":{\"tcp\":0}", "tcp");
    exec_refuses("\"ready\":{\"tcp\":65536}", "65536");
    exec_refuses("\"ready\":{\"output\":\"\"}", "output");
}

static void exec_refuses_missing_and_wrong_fields(void **state)
{
    (void)state;
    refuses_with_id(WIRE_EXECCMD, "{\"id\":5}", 5, "\"name\" is missing");
    refuses_with_id(WIRE_EXECCMD, "{\"id\":5,\"name\":\"n\"}", 5, "\"argv\" is missing");
    refuses_with_id(WIRE_EXECCMD, "{\"id\":5,\"name\":\"n\",\"argv\":[]}", 5, "empty");
    refuses_with_id(WIRE_EXECCMD, "{\"id\":5,\"name\":\"n\",\"argv\":[\"\"]}", 5, "empty");
    refuses_with_id(WIRE_EXECCMD, "{\"id\":5,\"name\":\"n\",\"argv\":[\"a\",{}]}", 5, "[1]");
    refuses_with_id(WIRE_EXECCMD, "{\"id\":5,\"name\":\"n\",\"argv\":[\"a\"],\"stdout\":1}", 5,
                    "stderr");
    refuses_with_id(WIRE_EXECCMD,
                    "{\"id\":5,\"name\":\"n\",\"argv\":[\"a\"],\"stdout\":0,\"stderr\":1}", 5,
                    "stdout");
    refuses_with_id(WIRE_EXECCMD,
                    "{\"id\":5,\"name\":\"n\",\"argv\":[\"a\"],\"stdout\":1,\"stderr\":1}", 5,
                    "same stream");
}

static void kill_names_a_command_and_a_signal(void **state)
{
    struct request *request = accepts(WIRE_KILLCONTAINER, "{\"id\":2,\"target\":1,\"signal\":15}");

    (void)state;
    assert_int_equal(request->target, 1);
    assert_int_equal(request->signal, 15);
    request_free(request);
    refuses_with_id(WIRE_KILLCONTAINER, "{\"id\":2,\"target\":1,\"signal\":0}", 2, "signal");
    refuses_with_id(WIRE_KILLCONTAINER, "{\"id\":2,\"target\":1,\"signal\":65}", 2, "signal");
    refuses_with_id(WIRE_KILLCONTAINER, "{\"id\":2,\"signal\":9}", 2, "target");
}

static void ping_and_the_end_are_bare(void **state)
{
    (void)state;
    request_free(accepts(WIRE_PING, "{\"id\":3}"));
    request_free(accepts(WIRE_DESTROYPOD, "{\"id\":4}"));
    refuses_with_id(WIRE_PING, "{\"id\":3,\"x\":0}", 3, "\"x\"");
}

static void what_is_no_request_is_refused(void **state)
{
    static char deep[100000];

    (void)state;
    refuses_with_id(WIRE_PING, "", 0, "JSON");
    refuses_with_id(WIRE_PING, "{\"id\":1", 0, "JSON");
    refuses_with_id(WIRE_PING, "{\"id\":1} x", 0, "JSON");
    refuses_with_id(WIRE_PING, "[1]", 0, "array");
    refuses_with_id(WIRE_PING, "{}", 0, "\"id\" is missing");
    refuses_with_id(WIRE_PING, "{\"id\":\"1\"}", 0, "string");
    refuses_with_id(WIRE_PING, "{\"id\":0}", 0, "\"id\" is 0");
    refuses_with_id(WIRE_PING, "{\"id\":9007199254740993}", 0, "\"id\"");
    refuses_with_id(WIRE_PING, "{\"id\":1,\"id\":1}", 0, "duplicate");
    refuses_with_id(WIRE_PING, "{\"id\":1,\"a\":\"\xff\"}", 0, "JSON");
    refuses_with_id(99, "{\"id\":6}", 6, "99");
    refuses_with_id(WIRE_READY, "{\"id\":6}", 6, "unknown code");
    memset(deep, '[', sizeof deep - 1);
    refuses_with_id(WIRE_PING, deep, 0, "depth");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exec_takes_every_field),
        cmocka_unit_test(exec_has_defaults),
        cmocka_unit_test(exec_knows_every_readiness),
        cmocka_unit_test(exec_refuses_what_it_does_not_understand),
        cmocka_unit_test(exec_refuses_missing_and_wrong_fields),
        cmocka_unit_test(kill_names_a_command_and_a_signal),
        cmocka_unit_test(ping_and_the_end_are_bare),
        cmocka_unit_test(what_is_no_request_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
