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

static void kill_names_a_container_instead(void **state)
{
    struct request *request =
        accepts(WIRE_KILLCONTAINER, "{\"id\":2,\"container\":\"web\",\"signal\":64}");

    (void)state;
    assert_string_equal(request->container, "web");
    assert_int_equal(request->target, 0);
    request_free(request);
    refuses_with_id(WIRE_KILLCONTAINER,
                    "{\"id\":2,\"target\":1,\"container\":\"web\",\"signal\":9}", 2, "both");
}

static void a_terminal_is_its_own_standard_error(void **state)
{
    static const char size[] = "\"terminal\":{\"rows\":24,\"columns\":80}";
    struct request *request =
        accepts(WIRE_EXECCMD, "{\"id\":1,\"name\":\"n\",\"argv\":[\"a\"],\"stdout\":1,\"stdin\":1,"
                              "\"terminal\":{\"rows\":24,\"columns\":65535}}");
    char json[256];

    (void)state;
    assert_true(request->exec.terminal);
    assert_int_equal(request->exec.rows, 24);
    assert_int_equal(request->exec.columns, 65535);
    assert_int_equal(request->exec.stdin_stream, 1);
    assert_int_equal(request->exec.stderr_stream, 0);
    request_free(request);
    snprintf(json, sizeof json, "{\"id\":5,\"name\":\"n\",\"argv\":[\"a\"],\"stdout\":1,%s}", size);
    refuses_with_id(WIRE_EXECCMD, json, 5, "\"stdin\" is missing");
    exec_refuses("\"stdin\":1,\"terminal\":{\"rows\":24,\"columns\":80}", "no \"stderr\"");
    exec_refuses("\"terminal\":true", "\"terminal\": it is a boolean");
    exec_refuses("\"terminal\":{\"rows\":24}", "\"columns\" is missing");
    exec_refuses("\"terminal\":{\"rows\":0,\"columns\":80}", "\"rows\" is 0");
    exec_refuses("\"terminal\":{\"rows\":1,\"columns\":65536}", "65536");
    exec_refuses("\"terminal\":{\"rows\":1,\"columns\":1,\"x\":1}", "\"x\"");
    exec_refuses("\"stdin\":0", "stdin");
}

static void streams_fit_the_command_that_is_restarted(void **state)
{
    const struct exec_request plain = {.stdout_stream = 1, .stderr_stream = 2};
    const struct exec_request typed = {.stdin_stream = 1, .stdout_stream = 1};
    struct error error = {0};

    (void)state;
    assert_int_equal(request_check_streams(&plain, false, &error), 0);
    assert_int_equal(request_check_streams(&typed, true, &error), 0);
    assert_int_equal(request_check_streams(&plain, true, &error), -EINVAL);
    assert_int_equal(request_check_streams(&typed, false, &error), -EINVAL);
}

static void version_and_size_are_numbers(void **state)
{
    struct request *request = accepts(WIRE_VERSION, "{\"id\":1,\"version\":2}");

    (void)state;
    assert_int_equal(request->version, 2);
    request_free(request);
    request = accepts(WIRE_WINSIZE, "{\"id\":1,\"target\":7,\"rows\":50,\"columns\":132}");
    assert_int_equal(request->target, 7);
    assert_int_equal(request->rows, 50);
    assert_int_equal(request->columns, 132);
    request_free(request);
    refuses_with_id(WIRE_VERSION, "{\"id\":1}", 1, "\"version\" is missing");
    refuses_with_id(WIRE_VERSION, "{\"id\":1,\"version\":\"2\"}", 1, "a string");
    refuses_with_id(WIRE_WINSIZE, "{\"id\":1,\"target\":7,\"rows\":0,\"columns\":1}", 1, "rows");
}

static void next_has_no_id(void **state)
{
    struct request *request = accepts(WIRE_NEXT, "{\"stream\":3,\"bytes\":9007199254740992}");

    (void)state;
    assert_int_equal(request->stream, 3);
    assert_int_equal(request->bytes, INT64_C(1) << 53);
    request_free(request);
    refuses_with_id(WIRE_NEXT, "{\"id\":1,\"stream\":3,\"bytes\":1}", 0, "\"id\"");
    refuses_with_id(WIRE_NEXT, "{\"stream\":3,\"bytes\":0}", 0, "bytes");
    refuses_with_id(WIRE_NEXT, "{\"stream\":0,\"bytes\":1}", 0, "stream");
}

static void files_have_a_path_and_a_stream(void **state)
{
    struct request *request =
        accepts(WIRE_WRITEFILE,
                "{\"id\":1,\"path\":\"/a b\",\"mode\":4095,\"stream\":9,\"container\":\"c\"}");

    (void)state;
    assert_string_equal(request->path, "/a b");
    assert_int_equal(request->mode, 07777);
    assert_int_equal(request->stream, 9);
    assert_string_equal(request->container, "c");
    request_free(request);
    request = accepts(WIRE_READFILE, "{\"id\":1,\"path\":\"/x\",\"stream\":9}");
    assert_null(request->container);
    request_free(request);
    refuses_with_id(WIRE_WRITEFILE, "{\"id\":1,\"path\":\"/x\",\"stream\":9}", 1, "mode");
    refuses_with_id(WIRE_WRITEFILE, "{\"id\":1,\"path\":\"/x\",\"mode\":4096,\"stream\":9}", 1,
                    "mode");
    refuses_with_id(WIRE_READFILE, "{\"id\":1,\"path\":\"x\",\"stream\":9}", 1, "absolute");
    refuses_with_id(WIRE_READFILE, "{\"id\":1,\"path\":\"/x\"}", 1, "stream");
    refuses_with_id(WIRE_READFILE, "{\"id\":1,\"path\":\"/x\",\"stream\":1,\"mode\":1}", 1, "mode");
}

#define CONTAINER                                                                                  \
    "\"name\":\"n\",\"argv\":[\"a\"],\"stdout\":1,\"stderr\":2,\"container\":\"web.1_x-y\""

static void a_container_has_a_root_and_a_command(void **state)
{
    struct request *request =
        accepts(WIRE_NEWCONTAINER, "{\"id\":1," CONTAINER ",\"root\":\"/srv\",\"overlay\":true,"
                                   "\"network\":true,\"hostname\":\"h\"}");

    (void)state;
    assert_string_equal(request->container, "web.1_x-y");
    assert_string_equal(request->root, "/srv");
    assert_string_equal(request->hostname, "h");
    assert_true(request->overlay);
    assert_true(request->network);
    assert_string_equal(request->exec.argv[0], "a");
    request_free(request);
    request = accepts(WIRE_NEWCONTAINER, "{\"id\":1," CONTAINER ",\"root\":\"/\"}");
    assert_string_equal(request->hostname, "web.1_x-y");
    assert_false(request->overlay);
    assert_false(request->network);
    request_free(request);
    refuses_with_id(WIRE_NEWCONTAINER, "{\"id\":1," CONTAINER "}", 1, "\"root\" is missing");
    refuses_with_id(WIRE_NEWCONTAINER, "{\"id\":1," CONTAINER ",\"root\":\"srv\"}", 1, "absolute");
    refuses_with_id(WIRE_NEWCONTAINER, "{\"id\":1," CONTAINER ",\"root\":\"/\",\"overlay\":1}", 1,
                    "overlay");
    refuses_with_id(WIRE_NEWCONTAINER, "{\"id\":1,\"container\":\"a/b\"}", 1, "a/b");
    refuses_with_id(WIRE_NEWCONTAINER, "{\"id\":1,\"container\":\"\"}", 1, "empty");
    refuses_with_id(WIRE_NEWCONTAINER, "{\"id\":1,\"container\":\"web\",\"root\":\"/\"}", 1,
                    "name");
}

static void containers_are_restarted_and_removed_by_name(void **state)
{
    struct request *request =
        accepts(WIRE_RESTARTCONTAINER,
                "{\"id\":9,\"container\":\"web\",\"stdout\":5,\"stderr\":6,\"stdin\":5}");

    (void)state;
    assert_string_equal(request->container, "web");
    assert_int_equal(request->exec.stdout_stream, 5);
    assert_int_equal(request->exec.stderr_stream, 6);
    assert_int_equal(request->exec.stdin_stream, 5);
    request_free(request);
    request_free(accepts(WIRE_REMOVECONTAINER, "{\"id\":9,\"container\":\"web\"}"));
    refuses_with_id(WIRE_RESTARTCONTAINER, "{\"id\":9,\"container\":\"web\"}", 9, "stdout");
    refuses_with_id(WIRE_REMOVECONTAINER, "{\"id\":9}", 9, "\"container\" is missing");
}

/* A STARTPOD with `fields` beside the ones that must be there. */
#define POD                                                                                        \
    "{\"id\":1,\"hostname\":\"h\",\"time_ns\":\"1\",\"entropy\":"                                  \
    "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\","

static void a_pod_starts_with_containers(void **state)
{
    struct request *request =
        accepts(WIRE_STARTPOD, POD "\"containers\":[{\"id\":2," CONTAINER ",\"root\":\"/srv\"}]}");

    (void)state;
    assert_int_equal(request->container_count, 1);
    assert_int_equal(request->containers[0]->id, 2);
    assert_int_equal(request->containers[0]->code, WIRE_NEWCONTAINER);
    assert_string_equal(request->containers[0]->root, "/srv");
    request_free(request);
    refuses_with_id(WIRE_STARTPOD, POD "\"containers\":{}}", 1, "containers");
    refuses_with_id(WIRE_STARTPOD, POD "\"containers\":[{\"id\":2}]}", 1, "\"containers\"[0]");
    refuses_with_id(WIRE_STARTPOD, POD "\"containers\":[{\"id\":1," CONTAINER ",\"root\":\"/\"}]}",
                    1, "STARTPOD itself");
    refuses_with_id(WIRE_STARTPOD,
                    POD "\"containers\":[{\"id\":2," CONTAINER ",\"root\":\"/\"},"
                        "{\"id\":3," CONTAINER ",\"root\":\"/\"}]}",
                    1, "two containers are named");
}

static void a_pod_says_how_names_are_found(void **state)
{
    struct request *request =
        accepts(WIRE_STARTPOD, POD "\"dns\":{\"nameservers\":[\"10.0.0.1\",\"fd00::1\"],"
                                   "\"search\":[\"test\",\"a.test\"]}}");
    const struct pod_dns *dns = &request->pod.dns;

    (void)state;
    assert_true(dns->given);
    assert_int_equal(dns->nameservers.count, 2);
    assert_int_equal(dns->search_count, 2);
    assert_string_equal(dns->search[1], "a.test");
    request_free(request);
    request = accepts(WIRE_STARTPOD, POD "\"dns\":{}}");
    assert_true(request->pod.dns.given);
    request_free(request);
    refuses_with_id(WIRE_STARTPOD, POD "\"dns\":[]}", 1, "\"dns\"");
    refuses_with_id(WIRE_STARTPOD, POD "\"dns\":{\"nameservers\":[\"x\"]}}", 1, "\"x\"");
    refuses_with_id(WIRE_STARTPOD, POD "\"dns\":{\"search\":[\"a b\"]}}", 1, "a domain name");
    refuses_with_id(WIRE_STARTPOD, POD "\"dns\":{\"search\":[\"a\\nb\"]}}", 1, "a domain name");
    refuses_with_id(WIRE_STARTPOD, POD "\"dns\":{\"port\":53}}", 1, "port");
}

static void interfaces_and_routes_come_later_too(void **state)
{
    struct request *request =
        accepts(WIRE_SETUPINTERFACE, "{\"id\":1,\"device\":\"52:54:00:00:00:01\","
                                     "\"mac\":\"52:54:00:00:00:02\",\"name\":\"eth1\",\"mtu\":1400,"
                                     "\"addresses\":[\"10.0.0.1/24\"]}");

    (void)state;
    assert_int_equal(request->pod.interface_count, 1);
    assert_string_equal(request->pod.interfaces[0].name, "eth1");
    assert_int_equal(request->pod.interfaces[0].mtu, 1400);
    request_free(request);
    request =
        accepts(WIRE_SETUPROUTE, "{\"id\":1,\"routes\":[{\"to\":\"default\",\"via\":\"::1\"}]}");
    assert_int_equal(request->pod.route_count, 1);
    request_free(request);
    refuses_with_id(WIRE_SETUPINTERFACE, "{\"id\":1,\"device\":\"52:54:00:00:00:01\"}", 1, "mac");
    refuses_with_id(WIRE_SETUPINTERFACE, "{\"id\":1,\"x\":1}", 1, "\"x\"");
    refuses_with_id(WIRE_SETUPROUTE, "{\"id\":1}", 1, "\"routes\" is missing");
    refuses_with_id(WIRE_SETUPROUTE, "{\"id\":1,\"routes\":[{\"to\":\"default\"}]}", 1, "routes");
}

static void a_request_lives_as_long_as_anybody_needs_it(void **state)
{
    struct request *request = accepts(WIRE_PING, "{\"id\":3}");

    (void)state;
    assert_ptr_equal(request_share(request), request);
    request_free(request);
    assert_int_equal(request->id, 3);
    request_free(request);
}

static void ping_and_the_end_are_bare(void **state)
{
    (void)state;
    request_free(accepts(WIRE_FINISHPOD, "{\"id\":3}"));
    request_free(accepts(WIRE_ONLINECPUMEM, "{\"id\":3}"));
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
        cmocka_unit_test(kill_names_a_container_instead),
        cmocka_unit_test(a_terminal_is_its_own_standard_error),
        cmocka_unit_test(streams_fit_the_command_that_is_restarted),
        cmocka_unit_test(version_and_size_are_numbers),
        cmocka_unit_test(next_has_no_id),
        cmocka_unit_test(files_have_a_path_and_a_stream),
        cmocka_unit_test(a_container_has_a_root_and_a_command),
        cmocka_unit_test(containers_are_restarted_and_removed_by_name),
        cmocka_unit_test(a_pod_starts_with_containers),
        cmocka_unit_test(a_pod_says_how_names_are_found),
        cmocka_unit_test(interfaces_and_routes_come_later_too),
        cmocka_unit_test(a_request_lives_as_long_as_anybody_needs_it),
        cmocka_unit_test(ping_and_the_end_are_bare),
        cmocka_unit_test(what_is_no_request_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
