/* The hub's connections: who is answered, what is asked for, and what is refused. */
#include "hub_fixture.h"

#include <grp.h>
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
    cJSON_Delete(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(status_says_what_there_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
