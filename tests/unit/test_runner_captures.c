/* Which links are captured, and what is said where there is none of that name. */
#include "base/base.h"
#include "runner/captures.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char text[] = "name: s\n"
                           "nodes: {a: {run: work}, b: , c: }\n"
                           "matrix: {way: [here, there]}\n"
                           "links:\n"
                           "  - {nodes: [a, b], subnet: 10.0.0.0/24}\n"
                           "  - {name: wan, nodes: [b, c], subnet: 10.0.1.0/24, carrier: host}\n"
                           "  - {nodes: [c, a], subnet: 10.0.2.0/24}\n";

static int load(void **state)
{
    struct error error;

    if (suite_load_text("s.yaml", "/", text, strlen(text), (struct suite **)state, &error))
        fail_msg("%s", error.message);
    return 0;
}

static int unload(void **state)
{
    suite_free(*state);
    return 0;
}

static void assert_captured(void **state, bool first, bool second, bool third)
{
    struct suite *suite = *state;

    for (size_t i = 0; i < suite->case_count; i++) {
        const struct suite_link *links = suite->cases[i].links;

        assert_int_equal(links[0].captured, first);
        assert_int_equal(links[1].captured, second);
        assert_int_equal(links[2].captured, third);
        assert_int_equal(links[0].carrier == SUITE_CARRIER_HOST, first);
        assert_int_equal(links[1].carrier, SUITE_CARRIER_HOST);
    }
}

static void none_unless_that_is_asked_for(void **state)
{
    assert_captured(state, false, false, false);
}

static void all_of_every_case(void **state)
{
    assert_int_equal(captures_choose((struct suite **)state, 1, NULL, NULL), 0);
    assert_captured(state, true, true, true);
}

static void those_that_are_named(void **state)
{
    assert_int_equal(captures_choose((struct suite **)state, 1, "wan,a-b", NULL), 0);
    assert_captured(state, true, true, false);
}

static void refused(void **state, const char *names, const char *message)
{
    struct error error = {0};

    assert_int_equal(captures_choose((struct suite **)state, 1, names, &error), -ENOENT);
    assert_string_equal(error.message, message);
}

/* duet takes a guest's place, with the same seed; tc netem has none. */
static void who_carries_what_is_captured(void **state)
{
    static const char yaml[] =
        "name: s\n"
        "nodes: {a: {run: work}, b: }\n"
        "links:\n"
        "  - {name: one, nodes: [a, b], impair: {loss: 1%}}\n"
        "  - {name: two, nodes: [a, b], impair: {loss: 1%}, carrier: netem}\n";
    struct suite_link *links;
    struct suite *suite;
    struct error error;
    (void)state;

    if (suite_load_text("s.yaml", "/", yaml, strlen(yaml), &suite, &error))
        fail_msg("%s", error.message);
    links = suite->cases[0].links;
    assert_int_equal(links[0].carrier, SUITE_CARRIER_GUEST);
    assert_false(suite_link_meets_host(&links[0]));
    assert_false(suite_link_meets_host(&links[1]));
    assert_int_equal(captures_choose(&suite, 1, NULL, NULL), 0);
    assert_int_equal(links[0].carrier, SUITE_CARRIER_HOST);
    assert_int_equal(links[1].carrier, SUITE_CARRIER_NETEM);
    assert_true(suite_link_meets_host(&links[0]));
    assert_true(suite_link_meets_host(&links[1]));
    suite_free(suite);
}

static void a_name_that_no_link_has(void **state)
{
    refused(state, "wan,a-d", "--capture: no case has a link \"a-d\"; did you mean \"a-b\"?");
    refused(state, "internet", "--capture: no case has a link \"internet\"");
    refused(state, "", "--capture: no case has a link \"\"");
    refused(state, "wan,", "--capture: no case has a link \"\"");
}

static void no_link_at_all(void **state)
{
    static const char alone[] = "name: s\nnodes: {a: {run: work}}\n";
    struct suite *suite;
    struct error error = {0};
    (void)state;

    assert_int_equal(suite_load_text("s.yaml", "/", alone, strlen(alone), &suite, &error), 0);
    assert_int_equal(captures_choose(&suite, 1, NULL, &error), -ENOENT);
    assert_string_equal(error.message, "--capture: no case has a link");
    suite_free(suite);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, load, unload)
    const struct CMUnitTest tests[] = {
        TEST(none_unless_that_is_asked_for),
        TEST(all_of_every_case),
        TEST(those_that_are_named),
        TEST(a_name_that_no_link_has),
        cmocka_unit_test(who_carries_what_is_captured),
        cmocka_unit_test(no_link_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
