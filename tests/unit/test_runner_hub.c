/* The hub's connections: who is answered, what is asked for, and what is refused. */
#include "hub_fixture.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* -- Status ------------------------------------------------------------------------------------ */

static void check_text(const cJSON *json, const char *key, const char *expected)
{
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, key)), expected);
}

static cJSON *ask_status(struct fixture *fixture)
{
    int fd = user_asks(fixture, "{\"open\":\"status\"}");
    cJSON *json = user_hears(fd);
    char byte;

    fixture_settle(fixture);
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
    close(fd);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(json, "ok")));
    return json;
}

static void status_says_what_there_is(void **state)
{
    struct fixture *fixture = *state;
    cJSON *json = ask_status(fixture);
    const cJSON *nodes = cJSON_GetObjectItem(json, "nodes");
    const cJSON *a = cJSON_GetArrayItem(nodes, 0);
    cleanup_free char *addresses = NULL;
    cleanup_free char *links = NULL;

    check_text(json, "suite", "s");
    check_text(json, "case", fixture->suite->cases[0].name);
    check_text(json, "path", "s.yaml");
    check_text(json, "state", "up");
    check_text(json, "directory", "/evidence");
    assert_int_equal(cJSON_GetObjectItem(json, "pid")->valueint, getpid());
    assert_int_equal(strlen(cJSON_GetStringValue(cJSON_GetObjectItem(json, "started"))), 20);
    assert_int_equal(cJSON_GetArraySize(nodes), HUB_NODES);
    check_text(a, "name", "a");
    check_text(a, "state", "up");
    check_text(a, "console", "/evidence/a/console.log.gz");
    assert_int_equal(cJSON_GetObjectItem(a, "pid")->valueint, 4711);
    addresses = cJSON_PrintUnformatted(cJSON_GetObjectItem(a, "addresses"));
    assert_string_equal(addresses, "[\"10.0.0.1/24\",\"fd00::1/64\"]");
    check_text(cJSON_GetArrayItem(nodes, 1), "name", "b");
    links = cJSON_PrintUnformatted(cJSON_GetObjectItem(json, "links"));
    assert_string_equal(links, "[\"a-b\",\"host\",\"guest\"]");
    cJSON_Delete(json);
}

static void status_says_what_became_of_it(void **state)
{
    struct fixture *fixture = *state;
    const cJSON *nodes;
    cJSON *json;

    hub_free(steal_pointer(&fixture->hub));
    fixture_open_hub(fixture, HUB_PAUSED);
    machine_ends(fixture->vms[1], VM_END_DIED, -1, 9);
    json = ask_status(fixture);
    nodes = cJSON_GetObjectItem(json, "nodes");
    check_text(json, "state", "paused");
    check_text(cJSON_GetArrayItem(nodes, 0), "state", "paused");
    check_text(cJSON_GetArrayItem(nodes, 1), "state", "gone");
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(nodes, 1), "pid")->valueint, 0);
    cJSON_Delete(json);
}

static void a_suite_s_file_is_named_by_its_whole_path(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *real = NULL;
    cleanup_free char *path =
        xasprintf("%s/../%s/s.yaml", fixture->directory, strrchr(fixture->directory, '/') + 1);
    char *given = fixture->suite->path;
    cJSON *json;

    directory_write(fixture->directory, "s.yaml", HUB_YAML, 0644);
    real = realpath(path, NULL);
    hub_free(steal_pointer(&fixture->hub));
    fixture->suite->path = path;
    fixture_open_hub(fixture, HUB_HELD);
    fixture->suite->path = given;
    json = ask_status(fixture);
    check_text(json, "path", real);
    check_text(json, "state", "held");
    cJSON_Delete(json);
}

/* -- Lines ------------------------------------------------------------------------------------- */

static void what_is_no_request_is_refused(void **state)
{
    static const struct {
        const char *line, *reason;
    } lines[] = {
        {"", "the hub: a request is a line with a JSON object that says what to \"open\""},
        {"GET / HTTP/1.1",
         "the hub: a request is a line with a JSON object that says what to \"open\""},
        {"[1]", "the hub: a request is a line with a JSON object that says what to \"open\""},
        {"{\"open\":7}",
         "the hub: a request is a line with a JSON object that says what to \"open\""},
        {"{\"open\":\"door\"}", "the hub: there is no \"door\" to open"},
        {"{\"open\":\"ctl\"}", "the hub: \"node\" of \"ctl\" is missing"},
        {"{\"open\":\"ctl\",\"node\":[]}", "the hub: \"node\" of \"ctl\" is no text"},
        {"{\"open\":\"ctl\",\"node\":\"c\"}", "the case has no node \"c\""},
        {"{\"open\":\"console\",\"node\":\"\"}", "the case has no node \"\""},
        {"{\"open\":\"logs\",\"node\":\"a/echo\"}", "the case has no node \"a/echo\""},
        {"{\"open\":\"status\",\"node\":\"a\"}", "the hub: \"node\" of \"status\" is not known"},
        {"{\"open\":\"status\",\"more\":1}",
         "the hub: a field of \"status\" is not known, or given twice"},
        {"{\"open\":\"down\",\"open\":\"down\"}",
         "the hub: a field of \"down\" is not known, or given twice"},
        {"{\"open\":\"io\"}", "the hub: \"client\" of \"io\" is missing"},
        {"{\"open\":\"io\",\"client\":0}",
         "the hub: \"client\" of \"io\" is no number of a client"},
        {"{\"open\":\"io\",\"client\":1.5}",
         "the hub: \"client\" of \"io\" is no number of a client"},
        {"{\"open\":\"io\",\"client\":1048576}",
         "the hub: \"client\" of \"io\" is no number of a client"},
        {"{\"open\":\"io\",\"client\":7}", "the hub: there is no client 7"},
        {"{\"open\":\"impair\",\"set\":{\"loss\":\"1%\"}}",
         "the hub: \"link\" of \"impair\" is missing"},
        {"{\"open\":\"impair\",\"link\":\"a-b\"}", "the hub: \"set\" of \"impair\" is missing"},
        {"{\"open\":\"impair\",\"link\":\"a-b\",\"set\":{}}",
         "the hub: \"set\" of \"impair\" is no object of settings"},
        {"{\"open\":\"impair\",\"link\":\"a-b\",\"set\":[\"loss\"]}",
         "the hub: \"set\" of \"impair\" is no object of settings"},
        {"{\"open\":\"impair\",\"link\":\"a-b\",\"set\":{\"loss\":\"1%\",\"mtu\":70}}",
         "the hub: \"set\" of \"impair\" is an object with something that is no text"},
        {"{\"open\":\"impair\",\"link\":\"a-b\",\"from\":1,\"set\":{\"loss\":\"1%\"}}",
         "the hub: \"from\" of \"impair\" is no text"},
        {"{\"open\":\"links\",\"link\":\"a-b\"}", "the hub: \"link\" of \"links\" is not known"},
        {"{\"open\":\"impair\",\"link\":\"b-a\",\"set\":{\"loss\":\"1%\"}}",
         "the case has no link \"b-a\""},
        {"{\"open\":\"impair\",\"link\":\"a-b\",\"from\":\"c\",\"set\":{\"loss\":\"1%\"}}",
         "link a-b: \"c\" is at neither end of it; its nodes are a and b"},
        {"{\"open\":\"logs\",\"follow\":1}",
         "the hub: \"follow\" of \"logs\" is neither true nor false"},
        {"{\"open\":\"debug\",\"node\":\"a\",\"halt\":\"yes\"}",
         "the hub: \"halt\" of \"debug\" is neither true nor false"},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(lines); i++)
        user_is_refused(fixture, user_asks(fixture, lines[i].line), lines[i].reason);
    assert_int_equal(fixture->downs, 0);
}

static void a_line_that_is_too_long_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char text[HUB_LINE_MAX];
    int fd = user_connects(fixture);

    memset(text, ' ', sizeof text);
    user_sends(fd, text, HUB_LINE_MAX - 1);
    fixture_settle(fixture);
    user_sends(fd, text, 1);
    fixture_settle(fixture);
    user_is_refused(fixture, fd, "the hub: a request has 4096 bytes at most");
}

static void a_line_may_be_as_long_as_that_and_come_in_pieces(void **state)
{
    static const char request[] = "{\"open\":\"status\"}";
    struct fixture *fixture = *state;
    char text[HUB_LINE_MAX];
    int fd = user_connects(fixture);

    memset(text, ' ', sizeof text);
    memcpy(text, request, strlen(request));
    text[HUB_LINE_MAX - 1] = '\n';
    for (size_t i = 0; i < sizeof text; i += 512) {
        user_sends(fd, text + i, 512);
        fixture_settle(fixture);
    }
    user_hears_ok(fd);
    close(fd);
}

static void a_client_that_sends_no_line_is_let_go(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer in = {0};
    int fd = user_connects(fixture);

    user_sends(fd, "{\"open\":", 8);
    virtual_time_pass(fixture->loop, 9 * NS_PER_S);
    assert_false(user_receives(fd, &in));
    virtual_time_pass(fixture->loop, 2 * NS_PER_S);
    assert_true(user_receives(fd, &in));
    assert_int_equal(in.length, 0);
    close(fd);
}

static void clients_that_leave_at_once_are_no_trouble(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < 3; i++) {
        int fd = user_connects(fixture);

        if (i > 0)
            user_sends(fd, "{\"open\":\"status\"}\n", i == 1 ? 9 : 18);
        close(fd);
    }
    fixture_settle(fixture);
    assert_int_equal(fixture->hub->link_count, 0);
    cJSON_Delete(ask_status(fixture));
}

static void one_way_may_be_closed_behind_a_request(void **state)
{
    struct fixture *fixture = *state;
    int fd = user_connects(fixture);

    user_sends(fd, "{\"open\":\"status\"}\n", 18);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    fixture_settle(fixture);
    user_hears_ok(fd);
    close(fd);
}

/* -- How many, and who ------------------------------------------------------------------------- */

static void there_is_a_most_of_connections(void **state)
{
    struct fixture *fixture = *state;
    int fds[HUB_LINKS_MAX];

    for (size_t i = 0; i < array_size(fds); i++) {
        fds[i] = user_connects(fixture);
        fixture_settle(fixture);
    }
    user_is_refused(fixture, user_asks(fixture, "{\"open\":\"status\"}"),
                    "the hub has 128 connections, which are the most that it takes");
    close(fds[0]);
    fixture_settle(fixture);
    cJSON_Delete(ask_status(fixture));
    for (size_t i = 1; i < array_size(fds); i++)
        close(fds[i]);
}

static void a_host_without_files_is_waited_for(void **state)
{
    struct fixture *fixture = *state;
    struct rlimit before, now;
    cJSON *json;
    int fd = user_connects(fixture);

    user_sends(fd, "{\"open\":\"status\"}\n", 18);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    now = (struct rlimit){.rlim_cur = (rlim_t)fd, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    virtual_time_pass(fixture->loop, 3 * NS_PER_S);
    assert_int_equal(fixture->hub->link_count, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    virtual_time_pass(fixture->loop, 2 * NS_PER_S);
    json = user_hears(fd);
    check_text(json, "state", "up");
    cJSON_Delete(json);
    close(fd);
}

static void only_the_user_can_enter(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *path = xasprintf("%s/hub", fixture->directory);
    struct stat info;

    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

/* Connects as nobody; its exit status is 0 where it was hung up on without a word. */
static pid_t connect_as_nobody(const struct fixture *fixture)
{
    pid_t pid = fork();
    char byte;
    int fd;

    if (pid != 0)
        return pid;
    if (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0)
        _exit(2);
    fd = user_connects(fixture);
    fcntl(fd, F_SETFL, 0);
    send(fd, "{\"open\":\"down\"}\n", 16, MSG_NOSIGNAL); /* or it is hung up already */
    _exit(recv(fd, &byte, 1, 0) > 0);
}

static void nobody_else_is_answered(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *path = xasprintf("%s/hub", fixture->directory);
    int status;
    pid_t pid;

    if (geteuid() != 0)
        skip(); /* only root can be somebody else */
    assert_int_equal(chmod(fixture->directory, 0711), 0);
    assert_int_equal(chmod(path, 0666), 0);
    pid = connect_as_nobody(fixture);
    virtual_time.real_waits = 1;
    fixture_settle(fixture);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(fixture->downs, 0);
}

/* -- Down -------------------------------------------------------------------------------------- */

static void down_is_passed_on_and_the_connection_ends_with_the_hub(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer in = {0};
    int first = user_asks(fixture, "{\"open\":\"down\"}");
    int second = user_asks(fixture, "{\"open\":\"down\"}");

    user_hears_ok(first);
    user_hears_ok(second);
    assert_int_equal(fixture->downs, 2);
    virtual_time_pass(fixture->loop, 60 * NS_PER_S);
    assert_false(user_receives(first, &in));
    close(second);
    fixture_settle(fixture);
    hub_free(steal_pointer(&fixture->hub));
    assert_true(user_receives(first, &in));
    assert_int_equal(in.length, 0);
    assert_false(directory_has(fixture->directory, "hub"));
    close(first);
}

static void the_hub_may_be_freed_where_it_says_down(void **state)
{
    struct fixture *fixture = *state;
    int fd;

    fixture->free_on_down = true;
    fd = user_asks(fixture, "{\"open\":\"down\"}");
    assert_null(fixture->hub);
    user_hears_ok(fd);
    close(fd);
}

static void a_directory_has_one_hub(void **state)
{
    struct fixture *fixture = *state;
    struct hub_options options = fixture->hub->options;
    struct hub *second = NULL;
    struct error error;

    assert_int_equal(hub_new(&options, &second, &error), -EADDRINUSE);
    assert_null(second);
    assert_non_null(strstr(error.message, "cannot listen on "));
    cJSON_Delete(ask_status(fixture)); /* of the first, which is untouched */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(status_says_what_there_is),
        TEST(status_says_what_became_of_it),
        TEST(a_suite_s_file_is_named_by_its_whole_path),
        TEST(what_is_no_request_is_refused),
        TEST(a_line_that_is_too_long_is_refused),
        TEST(a_line_may_be_as_long_as_that_and_come_in_pieces),
        TEST(a_client_that_sends_no_line_is_let_go),
        TEST(clients_that_leave_at_once_are_no_trouble),
        TEST(one_way_may_be_closed_behind_a_request),
        TEST(there_is_a_most_of_connections),
        TEST(a_host_without_files_is_waited_for),
        TEST(only_the_user_can_enter),
        TEST(nobody_else_is_answered),
        TEST(down_is_passed_on_and_the_connection_ends_with_the_hub),
        TEST(the_hub_may_be_freed_where_it_says_down),
        TEST(a_directory_has_one_hub),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
