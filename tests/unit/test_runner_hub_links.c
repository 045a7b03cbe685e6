/* The links of a kept topology: what the hub says of them, and what it changes, whoever carries
 * them. */
#include "hub_fixture.h"

#include <inttypes.h>

/* -- What is asked ----------------------------------------------------------------------------- */

static int asks_change(struct fixture *fixture, const char *link, const char *more)
{
    cleanup_free char *line = xasprintf("{\"open\":\"impair\",\"link\":\"%s\",%s}", link, more);

    return user_asks(fixture, line);
}

/* The answer is there, and the connection has ended behind it. */
static void hears(struct fixture *fixture, int fd, const char *expected)
{
    cleanup_buffer struct buffer in = {0};

    fixture_settle(fixture);
    assert_true(user_receives(fd, &in));
    assert_string_equal(in.data, expected);
    close(fd);
}

static cJSON *hears_links(struct fixture *fixture, int fd)
{
    cJSON *json = user_hears(fd);
    cJSON *links = cJSON_DetachItemFromObject(json, "links");

    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(json, "ok")));
    cJSON_Delete(json);
    fixture_settle(fixture);
    close(fd);
    return links;
}

static void assert_member(const cJSON *links, int index, const char *key, const char *expected)
{
    const cJSON *link = cJSON_GetArrayItem(links, index);
    cleanup_free char *text = cJSON_PrintUnformatted(cJSON_GetObjectItem(link, key));

    assert_string_equal(text, expected);
}

/* -- The guest that carries one ---------------------------------------------------------------- */

#define WAY(next)                                                                                  \
    "{\"next\":" #next ",\"packets_in\":7,\"bytes_in\":70,\"packets_out\":6,\"bytes_out\":60,"     \
    "\"causes\":{\"loss\":1}}"

static const struct fake_request *asked(struct fixture *fixture, enum wire_code code,
                                        const char *impair)
{
    const struct fake_request *request = next_request(fixture->vm);
    cleanup_free char *text = NULL;

    assert_non_null(request);
    assert_int_equal(request->code, code);
    assert_string_equal(request_text(request, "interface"), "eth2");
    text = cJSON_PrintUnformatted(cJSON_GetObjectItem(request->json, "impair"));
    if (impair)
        assert_string_equal(text, impair);
    else
        assert_null(text);
    assert_null(next_request(fixture->vms[1]));
    return request;
}

static void answers(struct fixture *fixture, const struct fake_request *request, uint64_t steps)
{
    guest_says(fixture->vm, WIRE_ACK,
               "{\"code\":%u,\"id\":%" PRIu64 ",\"steps\":%" PRIu64
               ",\"ways\":[" WAY(9) "," WAY(4) "]}",
               (unsigned)request->code, request_id(request), steps);
    fixture_settle(fixture);
}

/* What the hub says of the guest's settings when that has made so many planned changes. */
static void expect_in_force(struct fixture *fixture, uint64_t steps, const char *there,
                            const char *back)
{
    int fd = user_asks(fixture, "{\"open\":\"links\"}");
    cJSON *links;

    answers(fixture, asked(fixture, WIRE_LINKSTATE, NULL), steps);
    links = hears_links(fixture, fd);
    assert_member(cJSON_GetObjectItem(cJSON_GetArrayItem(links, 2), "directions"), 0, "impair",
                  there);
    assert_member(cJSON_GetObjectItem(cJSON_GetArrayItem(links, 2), "directions"), 1, "impair",
                  back);
    cJSON_Delete(links);
}

/* -- What is said of them ---------------------------------------------------------------------- */

static void links_say_what_they_are_like(void **state)
{
    struct fixture *fixture = *state;
    int fd = user_asks(fixture, "{\"open\":\"links\"}");
    cJSON *links;

    answers(fixture, asked(fixture, WIRE_LINKSTATE, NULL), 0);
    links = hears_links(fixture, fd);
    assert_int_equal(cJSON_GetArraySize(links), 3);
    assert_member(links, 0, "name", "\"a-b\"");
    assert_member(links, 0, "carrier", "\"direct\"");
    assert_member(links, 0, "state", "\"up\"");
    assert_member(links, 0, "directions", "[]");
    assert_member(links, 1, "carrier", "\"host\"");
    assert_member(links, 1, "nodes", "[\"a\",\"b\"]");
    assert_member(links, 1, "mtu", "1500");
    assert_member(links, 1, "directions",
                  "[{\"from\":\"a\",\"to\":\"b\",\"impair\":{},\"packets_in\":0,\"bytes_in\":0,"
                  "\"packets_out\":0,\"bytes_out\":0,\"causes\":{}},"
                  "{\"from\":\"b\",\"to\":\"a\",\"impair\":{},\"packets_in\":0,\"bytes_in\":0,"
                  "\"packets_out\":0,\"bytes_out\":0,\"causes\":{}}]");
    assert_member(links, 2, "carrier", "\"guest\"");
    assert_member(cJSON_GetObjectItem(cJSON_GetArrayItem(links, 2), "directions"), 1, "causes",
                  "{\"loss\":1}");
    cJSON_Delete(links);
}

static void one_that_does_not_answer_does_not_hide_the_others(void **state)
{
    struct fixture *fixture = *state;
    int fd = user_asks(fixture, "{\"open\":\"links\"}");
    cJSON *links;

    asked(fixture, WIRE_LINKSTATE, NULL);
    virtual_time_pass(fixture->loop, 9 * NS_PER_S);
    links = hears_links(fixture, fd);
    assert_int_equal(cJSON_GetArraySize(links), 3);
    assert_member(links, 1, "state", "\"up\"");
    assert_member(links, 2, "state", "\"unknown\"");
    assert_memory_equal(
        cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(links, 2), "error")),
        "link guest: ", 12);
    cJSON_Delete(links);
}

static int set_up_two_of_guests(void **state)
{
    return fixture_set_up_with(state,
                               HUB_YAML "  - {name: other, nodes: [a, b], carrier: guest}\n");
}

/* Nor does it delay them: a client waits for so long and no longer. */
static void all_are_asked_at_once(void **state)
{
    struct fixture *fixture = *state;
    int fd = user_asks(fixture, "{\"open\":\"links\"}");
    const struct fake_request *request;
    cJSON *links;

    assert_string_equal(request_text(next_request(fixture->vm), "interface"), "eth2");
    request = next_request(fixture->vm);
    assert_non_null(request);
    assert_int_equal(request->code, WIRE_LINKSTATE);
    assert_string_equal(request_text(request, "interface"), "eth3");
    answers(fixture, request, 0);
    virtual_time_pass(fixture->loop, 9 * NS_PER_S);
    links = hears_links(fixture, fd);
    assert_int_equal(cJSON_GetArraySize(links), 4);
    assert_member(links, 2, "name", "\"guest\"");
    assert_member(links, 2, "state", "\"unknown\"");
    assert_member(links, 3, "name", "\"other\"");
    assert_member(links, 3, "state", "\"up\"");
    cJSON_Delete(links);
}

/* -- Changes ----------------------------------------------------------------------------------- */

static void a_link_of_the_host_is_changed_at_once(void **state)
{
    struct fixture *fixture = *state;
    int fd = asks_change(fixture, "host", "\"set\":{\"loss\":\"5%\",\"delay\":\"1ms\"}");
    const struct carrier *carrier = case_links_carrier(fixture->links, 1);
    cJSON *links;

    hears(fixture, fd,
          "{\"ok\":true,\"link\":\"host\",\"nodes\":[\"a\",\"b\"],\"packets\":[0,0]}\n");
    fd = asks_change(fixture, "host", "\"from\":\"b\",\"set\":{\"down\":\"true\"}");
    hears(fixture, fd,
          "{\"ok\":true,\"link\":\"host\",\"nodes\":[\"a\",\"b\"],\"packets\":[null,0]}\n");
    assert_non_null(carrier);
    fd = user_asks(fixture, "{\"open\":\"links\"}");
    answers(fixture, asked(fixture, WIRE_LINKSTATE, NULL), 0);
    links = hears_links(fixture, fd);
    assert_member(links, 1, "state", "\"one way\"");
    assert_member(cJSON_GetObjectItem(cJSON_GetArrayItem(links, 1), "directions"), 0, "impair",
                  "{\"delay\":\"1ms\",\"loss\":\"5%\"}");
    assert_member(cJSON_GetObjectItem(cJSON_GetArrayItem(links, 1), "directions"), 1, "impair",
                  "{\"down\":\"true\",\"delay\":\"1ms\",\"loss\":\"5%\"}");
    cJSON_Delete(links);
}

static void what_cannot_be_is_refused(void **state)
{
    struct fixture *fixture = *state;

    user_is_refused(fixture, asks_change(fixture, "host", "\"set\":{\"loss\":\"x\"}"),
                    "link host: loss: \"x\" is not a percentage: expected a number and %, as in "
                    "\"0.5%\"");
    user_is_refused(fixture, asks_change(fixture, "host", "\"set\":{\"lossy\":\"1%\"}"),
                    "link host: unknown setting \"lossy\"");
    user_is_refused(fixture, asks_change(fixture, "a-b", "\"set\":{\"loss\":\"1%\"}"),
                    "link a-b: its machines are joined directly, and what they send cannot be "
                    "impaired: write `impair: {}` or `carrier: guest` on the link in the "
                    "scenario, and bring the case up anew");
    case_links_end(fixture->links);
    user_is_refused(fixture, asks_change(fixture, "host", "\"set\":{\"loss\":\"1%\"}"),
                    "link host: its case has ended");
}

static void a_guest_is_told_what_is_named(void **state)
{
    struct fixture *fixture = *state;
    int fd = asks_change(fixture, "guest", "\"from\":\"a\",\"set\":{\"mtu\":\"900\"}");
    cleanup_buffer struct buffer in = {0};

    assert_false(user_receives(fd, &in));
    assert_int_equal(in.length, 0);
    answers(fixture, asked(fixture, WIRE_SETLINK, "[{\"mtu\":\"900\"},null]"), 0);
    hears(fixture, fd,
          "{\"ok\":true,\"link\":\"guest\",\"nodes\":[\"a\",\"b\"],\"packets\":[9,null]}\n");
    expect_in_force(fixture, 0, "{\"mtu\":\"900\",\"loss\":\"1%\"}", "{\"loss\":\"1%\"}");
}

/* A planned change has complete settings: those of before are none of its business. */
static void changes_come_in_the_order_in_which_the_guest_made_them(void **state)
{
    struct fixture *fixture = *state;
    int first, second;

    expect_in_force(fixture, 0, "{\"loss\":\"1%\"}", "{\"loss\":\"1%\"}");
    first = asks_change(fixture, "guest", "\"set\":{\"mtu\":\"900\"}");
    answers(fixture, asked(fixture, WIRE_SETLINK, "[{\"mtu\":\"900\"},{\"mtu\":\"900\"}]"), 0);
    second = asks_change(fixture, "guest", "\"set\":{\"loss\":\"2%\"}");
    answers(fixture, asked(fixture, WIRE_SETLINK, "[{\"loss\":\"2%\"},{\"loss\":\"2%\"}]"), 1);
    close(first);
    close(second);
    expect_in_force(fixture, 1, "{\"delay\":\"5ms\",\"loss\":\"2%\"}",
                    "{\"down\":\"true\",\"delay\":\"5ms\",\"loss\":\"2%\"}");
}

static void a_guest_s_refusal_is_the_link_s(void **state)
{
    struct fixture *fixture = *state;
    int fd = asks_change(fixture, "guest", "\"set\":{\"mtu\":\"900\"}");
    const struct fake_request *request =
        asked(fixture, WIRE_SETLINK, "[{\"mtu\":\"900\"},{\"mtu\":\"900\"}]");

    guest_says(fixture->vm, WIRE_ERROR, "{\"code\":66,\"id\":%" PRIu64 ",\"reason\":\"no\"}",
               request_id(request));
    fixture_settle(fixture);
    user_is_refused(fixture, fd, "link guest: no");
    expect_in_force(fixture, 0, "{\"loss\":\"1%\"}", "{\"loss\":\"1%\"}");
}

static void a_guest_that_lies_about_planned_changes_is_found_out(void **state)
{
    struct fixture *fixture = *state;
    int fd = asks_change(fixture, "guest", "\"set\":{\"mtu\":\"900\"}");

    answers(fixture, asked(fixture, WIRE_SETLINK, "[{\"mtu\":\"900\"},{\"mtu\":\"900\"}]"), 2);
    user_is_refused(fixture, fd,
                    "link guest: its guest has made 2 planned changes, where there are 1");
}

/* What it does then is known, too. */
static void a_guest_may_be_late(void **state)
{
    struct fixture *fixture = *state;
    int fd = asks_change(fixture, "guest", "\"set\":{\"mtu\":\"900\"}");
    const struct fake_request *request =
        asked(fixture, WIRE_SETLINK, "[{\"mtu\":\"900\"},{\"mtu\":\"900\"}]");

    virtual_time_pass(fixture->loop, 9 * NS_PER_S);
    user_is_refused(fixture, fd,
                    "link guest: its guest does not answer, and may yet make the change");
    answers(fixture, request, 0);
    expect_in_force(fixture, 0, "{\"mtu\":\"900\",\"loss\":\"1%\"}",
                    "{\"mtu\":\"900\",\"loss\":\"1%\"}");
}

static void a_guest_that_is_gone_cannot_be_asked(void **state)
{
    struct fixture *fixture = *state;

    fixture_machine_ends(fixture, 0);
    user_is_refused(fixture, asks_change(fixture, "guest", "\"set\":{\"mtu\":\"900\"}"),
                    "link guest: a, whose init carries it, does not serve any more");
}

/* Whatever is answered then is for nobody, and what was changed is. */
static void clients_need_not_wait(void **state)
{
    struct fixture *fixture = *state;
    const struct fake_request *request;

    close(asks_change(fixture, "guest", "\"set\":{\"mtu\":\"900\"}"));
    request = asked(fixture, WIRE_SETLINK, "[{\"mtu\":\"900\"},{\"mtu\":\"900\"}]");
    fixture_settle(fixture);
    answers(fixture, request, 0);
    expect_in_force(fixture, 0, "{\"mtu\":\"900\",\"loss\":\"1%\"}",
                    "{\"mtu\":\"900\",\"loss\":\"1%\"}");
    close(user_asks(fixture, "{\"open\":\"links\"}"));
    close(asks_change(fixture, "host", "\"set\":{\"mtu\":\"900\"}"));
    hub_free(steal_pointer(&fixture->hub));
    answers(fixture, asked(fixture, WIRE_LINKSTATE, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(links_say_what_they_are_like),
        TEST(one_that_does_not_answer_does_not_hide_the_others),
        cmocka_unit_test_setup_teardown(all_are_asked_at_once, set_up_two_of_guests,
                                        fixture_tear_down),
        TEST(a_link_of_the_host_is_changed_at_once),
        TEST(what_cannot_be_is_refused),
        TEST(a_guest_is_told_what_is_named),
        TEST(changes_come_in_the_order_in_which_the_guest_made_them),
        TEST(a_guest_s_refusal_is_the_link_s),
        TEST(a_guest_that_lies_about_planned_changes_is_found_out),
        TEST(a_guest_may_be_late),
        TEST(a_guest_that_is_gone_cannot_be_asked),
        TEST(clients_need_not_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
