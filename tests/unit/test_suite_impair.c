/* Impairments of a suite: what each direction of a link is asked for, at first, later, and by
 * steps; who carries it; and mistakes with their places. */
#include "runner/suite.h"

#include "base/base.h"

#include "tests/unit/impair_same.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void free_suite(struct suite **suite)
{
    suite_free(*suite);
}

#define cleanup_suite __attribute__((cleanup(free_suite)))

static struct suite *load_in(const char *directory, const char *text)
{
    struct suite *suite = NULL;
    struct error error = {0};

    if (suite_load_text("test", directory, text, strlen(text), &suite, &error))
        fail_msg("%s\n%s", error.message, text);
    return suite;
}

/* Nodes a, b and c, and a link of the first two with `impair`. */
static char *with_impair(const char *impair)
{
    return xasprintf("nodes: {a: {run: x}, b: , c: }\n"
                     "links:\n"
                     "- nodes: [a, b]\n"
                     "  impair: %s\n"
                     "- nodes: [b, c]\n",
                     impair);
}

static void is_text(const struct impair_settings *settings, const char *expected)
{
    cleanup_buffer struct buffer text = settings_text(settings);

    assert_string_equal(text.data, expected);
}

/* `impair` comes to these settings from a, and from b. */
static void becomes(const char *impair, const char *from_a, const char *from_b)
{
    cleanup_free char *text = with_impair(impair);
    cleanup_suite struct suite *suite = load_in("/", text);
    const struct suite_link *link = suite->cases[0].links;

    is_text(&link->impair[0], from_a);
    is_text(&link->impair[1], from_b);
}

static void both_ways(const char *impair, const char *expected)
{
    becomes(impair, expected, expected);
}

static void settings_are_for_both_directions(void **state)
{
    (void)state;
    both_ways("{}", "");
    both_ways("{delay: 5ms, jitter: 2ms, loss: 1%}", "delay=5ms\njitter=2ms\nloss=1%\n");
    both_ways("{rate: 2mbit}", "rate=2mbit\nqueue.packets=1000\n");
    both_ways("{rate: 2mbit, queue: {packets: 5, codel: true}}",
              "rate=2mbit\nqueue.packets=5\nqueue.codel=true\n");
    both_ways("{loss: {gemodel: {p: 1%, 1-h: 70%}}}",
              "loss.gemodel.p=1%\nloss.gemodel.r=99%\nloss.gemodel.1-h=70%\nloss.gemodel.1-k=0%\n");
    both_ways("{loss: 1%, loss.correlation: 25%}", "loss=1%\nloss.correlation=25%\n");
    both_ways("{mtu: none, loss: 0, delay: 0s}", "");
}

static void a_direction_has_its_own_over_those_of_both(void **state)
{
    (void)state;
    becomes("{delay: 5ms, loss: 1%, from: {b: {loss: 5%, rate: 1mbit}}}", "delay=5ms\nloss=1%\n",
            "delay=5ms\nloss=5%\nrate=1mbit\nqueue.packets=1000\n");
    becomes("{from: {a: {blackhole: true}}}", "blackhole=true\n", "");
    becomes("{loss: 1%, loss.correlation: 5%, from: {a: {loss: {state: {p13: 2%, p31: 50%}}}}}",
            "loss.state.p13=2%\nloss.state.p31=50%\nloss.state.p32=0%\nloss.state.p23=100%\n"
            "loss.state.p14=0%\n",
            "loss=1%\nloss.correlation=5%\n");
    becomes("{jitter: 1ms, from: {a: {delay: 5ms}, b: {delay: 9ms}}}", "delay=5ms\njitter=1ms\n",
            "delay=9ms\njitter=1ms\n");
    becomes("{rules: [{action: drop, nth: 1}, {action: drop, nth: 2}],\n"
            "    from: {b: {rules: [{action: reset}]}}}",
            "rules.0.action=drop\nrules.0.nth=1\nrules.1.action=drop\nrules.1.nth=2\n",
            "rules.0.action=reset\n");
}

static void rules_are_lists(void **state)
{
    (void)state;
    both_ways("\n"
              "    rules:\n"
              "    - {action: drop, protocol: udp, destination_port: 53, limit: 1}\n"
              "    - action: delay\n"
              "      delay: 1s\n"
              "      tcp_flags: syn !ack\n"
              "      pattern: payload.. \"GET /\"",
              "rules.0.action=drop\nrules.0.protocol=udp\nrules.0.destination_port=53\n"
              "rules.0.limit=1\nrules.1.action=delay\nrules.1.tcp_flags=syn !ack\n"
              "rules.1.pattern=payload.. 474554202f\nrules.1.delay=1s\n");
    both_ways("{rules: []}", "");
    both_ways("{rules: none}", "");
}

static void a_distribution_is_a_name_a_list_or_a_file(void **state)
{
    char directory[] = "/tmp/duet-test-dist-XXXXXX";
    cleanup_free char *path = NULL, *text = NULL;
    cleanup_suite struct suite *suite = NULL;

    (void)state;
    both_ways("{delay: 5ms, jitter: 1ms, distribution: normal}",
              "delay=5ms\njitter=1ms\ndistribution=normal\n");
    both_ways("{delay: 5ms, jitter: 1ms, distribution: [-8192, 0, 8192]}",
              "delay=5ms\njitter=1ms\ndistribution=-8192 0 8192\n");
    assert_non_null(mkdtemp(directory));
    path = xasprintf("%s/wan.dist", directory);
    assert_int_equal(fs_write(path, "# a table\n-10 20\n 30 # end", 27, 0644, NULL), 0);
    text = with_impair("{delay: 5ms, jitter: 1ms, distribution: wan.dist}");
    suite = load_in(directory, text);
    is_text(&suite->cases[0].links[0].impair[1], "delay=5ms\njitter=1ms\ndistribution=-10 20 30\n");
    assert_int_equal(fs_remove_tree(directory, NULL), 0);
}

static void values_may_be_variables(void **state)
{
    cleanup_suite struct suite *suite = load_in(
        "/", "matrix:\n"
             "  loss: [0%, 5%]\n"
             "vars: {one: {action: drop, nth: 3}}\n"
             "nodes: {a: {run: x}, b: }\n"
             "links: [{nodes: [a, b], impair: {loss: \"${loss}\", rules: [\"${one}\"]}}]\n");

    (void)state;
    is_text(&suite->cases[0].links[0].impair[0], "rules.0.action=drop\nrules.0.nth=3\n");
    is_text(&suite->cases[1].links[0].impair[0], "loss=5%\nrules.0.action=drop\nrules.0.nth=3\n");
}

/* -- Changes and steps ------------------------------------------------------------------------- */

static void a_change_names_what_changes(void **state)
{
    cleanup_free char *text = with_impair("\n"
                                          "    delay: 5ms\n"
                                          "    changes:\n"
                                          "    - {at: 200, down: true}\n"
                                          "    - {after: 2s, down: false}\n"
                                          "    - {at: 7, of: b, from: {b: {loss: 5%}}}");
    cleanup_suite struct suite *suite = load_in("/", text);
    const struct suite_link *link = suite->cases[0].links;
    const struct impair_step *steps = link->changes.steps;

    (void)state;
    assert_int_equal(link->changes.count, 3);
    is_text(&link->impair[0], "delay=5ms\n");
    assert_true(steps[0].by_packet);
    assert_int_equal(steps[0].packet, 200);
    assert_int_equal(steps[0].direction, 0);
    is_text(steps[0].settings[0], "down=true\ndelay=5ms\n");
    is_text(steps[0].settings[1], "down=true\ndelay=5ms\n");
    assert_false(steps[1].by_packet);
    assert_int_equal(steps[1].after_ns, 2000000000);
    is_text(steps[1].settings[0], "delay=5ms\n");
    assert_true(steps[2].by_packet);
    assert_int_equal(steps[2].packet, 7);
    assert_int_equal(steps[2].direction, 1);
    assert_null(steps[2].settings[0]);
    is_text(steps[2].settings[1], "delay=5ms\nloss=5%\n");
}

static void a_step_changes_links(void **state)
{
    cleanup_suite struct suite *suite = load_in(
        "/", "nodes:\n"
             "  a:\n"
             "    steps:\n"
             "    - {run: x}\n"
             "    - {run: x, impair: {a-b: {loss: 5%, from: {b: {loss: none}}}, wan: {down: "
             "true}}}\n"
             "  b:\n"
             "links: [{nodes: [a, b]}, {nodes: [a, b], name: wan}, {nodes: [b, a]}]\n");
    const struct suite_step *steps = suite->cases[0].nodes[0].steps;
    const struct suite_step_impair *impairs = steps[1].impairs;

    (void)state;
    assert_int_equal(steps[0].impair_count, 0);
    assert_int_equal(steps[1].impair_count, 2);
    assert_int_equal(impairs[0].link, 0);
    assert_int_equal(impairs[0].named[0].count, 1);
    assert_string_equal(impairs[0].named[0].items[0].name, "loss");
    assert_string_equal(impairs[0].named[0].items[0].value, "5%");
    assert_string_equal(impairs[0].named[1].items[0].value, "none");
    assert_int_equal(impairs[1].link, 1);
    assert_string_equal(impairs[1].named[1].items[0].name, "down");
    assert_int_equal(suite->cases[0].links[0].carrier, SUITE_CARRIER_GUEST);
    assert_int_equal(suite->cases[0].links[1].carrier, SUITE_CARRIER_GUEST);
    assert_int_equal(suite->cases[0].links[2].carrier, SUITE_CARRIER_DIRECT);
}

/* -- Carriers ---------------------------------------------------------------------------------- */

/* Of one link with `more`, whose nodes a and b have what is given. */
static void carried_by(const char *a, const char *b, const char *more, enum suite_carrier carrier,
                       unsigned end)
{
    cleanup_free char *text = xasprintf("nodes: {a: {%s}, b: {%s}, c: {run: x}}\n"
                                        "links: [{nodes: [a, b]%s}, {nodes: [b, c]}]\n",
                                        a, b, more);
    cleanup_suite struct suite *suite = load_in("/", text);
    const struct suite_link *link = suite->cases[0].links;

    assert_string_equal(suite_carrier_name(link->carrier), suite_carrier_name(carrier));
    if (carrier == SUITE_CARRIER_GUEST)
        assert_int_equal(link->carrier_end, end);
}

static void a_link_has_a_carrier(void **state)
{
    static const char foreign[] = "init: {directory: /bin, run: /sh}";
    static const char raw[] = "init: {directory: /bin, run: /sh, raw: true}";

    (void)state;
    carried_by("", "", "", SUITE_CARRIER_DIRECT, 0);
    carried_by("", "", ", carrier: direct", SUITE_CARRIER_DIRECT, 0);
    carried_by("", "", ", carrier: direct, impair: {}", SUITE_CARRIER_DIRECT, 0);
    carried_by("", "", ", carrier: host", SUITE_CARRIER_HOST, 0);
    carried_by("", "", ", carrier: guest", SUITE_CARRIER_GUEST, 0);
    carried_by("", "", ", carrier: netem, impair: {loss: 1%}", SUITE_CARRIER_NETEM, 0);
    carried_by("", "", ", impair: {}", SUITE_CARRIER_GUEST, 0);
    carried_by("", "", ", impair: {loss: 1%}", SUITE_CARRIER_GUEST, 0);
    carried_by(foreign, "", ", impair: {loss: 1%}", SUITE_CARRIER_GUEST, 1);
    carried_by(raw, "", ", carrier: guest", SUITE_CARRIER_GUEST, 1);
    carried_by(foreign, raw, ", impair: {loss: 1%}", SUITE_CARRIER_HOST, 0);
    carried_by(foreign, raw, "", SUITE_CARRIER_DIRECT, 0);
    carried_by("router: true", "", "", SUITE_CARRIER_GUEST, 0);
    carried_by("", "router: true", "", SUITE_CARRIER_GUEST, 1);
    carried_by("", "router: true", ", impair: {loss: 1%}", SUITE_CARRIER_GUEST, 1);
    carried_by("router: true", "router: true", "", SUITE_CARRIER_GUEST, 0);
    carried_by(foreign, "router: true", ", carrier: guest", SUITE_CARRIER_GUEST, 1);
    carried_by("router: true", "", ", carrier: direct", SUITE_CARRIER_DIRECT, 0);
    carried_by("router: true", "", ", carrier: host", SUITE_CARRIER_HOST, 0);
}

/* -- Mistakes ---------------------------------------------------------------------------------- */

struct bad {
    const char *text, *message;
};

static void check_bad(const char *text, const char *message)
{
    struct suite *suite = NULL;
    struct error error = {0};
    int status = suite_load_text("s", "/", text, strlen(text), &suite, &error);

    if (!status) {
        suite_free(suite);
        fail_msg("it loads:\n%s", text);
    }
    if (strncmp(error.message, message, strlen(message)) != 0)
        fail_msg("%s\nexpected: %s\nfor:\n%s", error.message, message, text);
}

/* Mistakes in `impair`, whose value begins at 4:11. */
static void mistakes_have_their_place(void **state)
{
    static const struct bad all[] = {
        {"{loss: 120%}", "s:4:18: loss: \"120%\" is more than 100%"},
        {"{delay: -5ms}", "s:4:19: delay: \"-5ms\" is negative"},
        {"{rate: 0bit}", "s:4:18: rate: found \"0bit\", expected more than that"},
        {"{rate: 0}", "s:4:18: rate: "},
        {"{rate: 1mbit, queue: {packets: 0}}", "s:4:42: queue.packets: found \"0\", expected more"},
        {"{rate: 1mbit, queue: {bytes: 100B}}",
         "s:4:40: queue.bytes: found 100, expected at least"},
        {"{queue: {packets: 5}}", "s:4:29: queue: found no rate"},
        {"{queue: 5}", "s:4:19: queue: found \"5\", expected a mapping of settings"},
        {"{lose: 1%}", "s:4:12: unknown key \"lose\" in an impairment; did you mean \"loss\"?"},
        {"{loss: {gemodel: {q: 1%}}}",
         "s:4:29: unknown key \"loss.gemodel.q\" in an impairment; d"},
        {"{frobnicate: 1%}", "s:4:12: unknown key \"frobnicate\" in an impairment: docs/"},
        {"{form: {a: {}}}",
         "s:4:12: unknown key \"form\" in an impairment; did you mean \"from\"?"},
        {"{delay: }", "s:4:19: delay: found nothing, expected duration, as in 25ms"},
        {"{delay: [5ms]}", "s:4:19: delay: found a list, expected duration"},
        {"{jitter: {a: 1ms}}", "s:4:20: jitter: found a mapping, expected duration"},
        {"5ms", "s:4:11: found \"5ms\", expected the settings of an impairment"},
        {"{delay: 5ms, loss: 1%, loss: 2%}", "s:4:34: the key \"loss\" is here twice"},
        {"{delay: {correlation: 1%}, delay.correlation: 2%}",
         "s:4:38: delay.correlation: it was given in line 4 already"},
        {"{loss: {gemodel: {p: 1%}, state: {p13: 1%}}}",
         "s:4:50: loss.state.p13: found beside loss.gemodel.p, expected one loss model"},
        {"{mtu: 67}", "s:4:17: mtu: found 67, expected 68 to 65535"},
        {"{distribution: none.dist}", "s:4:26: distribution: cannot"},
        {"{distribution: /dev/null/x.dist}", "s:4:26: distribution: cannot"},
        {"{distribution: [1, x]}", "s:4:26: distribution: found \"x\" in a table"},
        {"{distribution: []}", "s:4:26: distribution: found an empty list"},
        {"{distribution: [[1]]}", "s:4:27: distribution: found a list, expected a text"},
        {"{rules: [{nth: 1}]}", "s:4:11: rules.action: in rule 1, found nothing"},
        {"{rules: [{acton: drop}]}",
         "s:4:21: unknown key \"acton\" in a rule; did you mean \"action\"?"},
        {"{rules: [drop]}", "s:4:20: rules.0: found \"drop\", expected a mapping"},
        {"{rules: {action: drop}}", "s:4:19: rules: found a mapping, expected a list of rules"},
        {"{rules: drop}", "s:4:19: rules: found \"drop\", expected none"},
        {"{rules: [{action: drop}, {action: drop, source: 10.0.0.1/8}]}",
         "s:4:59: rules.source: in rule 2, expected an address with no bits set"},
        {"{rules: [{action: drop, share: 0%}]}", "s:4:42: rules.0.share: found \"0%\", expected m"},
        {"{rules: [{action: reset, protocol: udp}]}",
         "s:4:46: rules.protocol: in rule 1, expected t"},
        {"{from: {c: {loss: 1%}}}", "s:4:19: from: the node \"c\" is no end of this link"},
        {"{from: {d: {loss: 1%}}}", "s:4:19: from: there is no node \"d\""},
        {"{from: {a: {from: {b: {}}}}}", "s:4:23: unknown key \"from\" in an impairment"},
        {"{from: {a: {changes: []}}}", "s:4:23: unknown key \"changes\" in an impairment"},
        {"{from: {b: {delay: 1ms, jitter: 2ms}}}", "s:4:43: jitter: found 2000000 ns, expected at"},
        {"{from: a}", "s:4:18: from: found \"a\", expected a mapping"},
    };

    (void)state;
    for (size_t i = 0; i < array_size(all); i++) {
        cleanup_free char *text = with_impair(all[i].text);

        check_bad(text, all[i].message);
    }
}

/* Mistakes in the first of `changes`, which begins at 4:22. */
static void changes_have_an_order_and_a_sense(void **state)
{
    static const struct bad all[] = {
        {"{down: true}", "s:4:22: a change with neither at nor after"},
        {"{at: 1, after: 1s, down: true}", "s:4:22: a change with both at and after"},
        {"{at: 1}", "s:4:22: a change without a setting"},
        {"{at: one, down: true}", "s:4:27: at: \"one\" is not a whole number"},
        {"{at: -1, down: true}", "s:4:27: at: \"-1\" is negative"},
        {"{after: 5, down: true}", "s:4:30: after: \"5\" has no unit"},
        {"{after: 1s, of: a, down: true}", "s:4:38: of: found with after, expected at"},
        {"{at: 1, of: c, down: true}", "s:4:34: of: the node \"c\" is no end of this link"},
        {"{at: 1, loss: 120%}", "s:4:36: loss: \"120%\""},
        {"{at: 1, jitter: 2ms}", "s:4:38: jitter: found 2000000 ns"},
        {"{at: 1, dwon: true}", "s:4:30: unknown key \"dwon\" in an impairment; did you mean"},
        {"{at: 1, changes: []}", "s:4:30: unknown key \"changes\""},
        {"{at: 9, down: true}, {after: 1s, down: false}, {at: 8, down: true}",
         "s:4:74: at: found 8 after 9 of an earlier change"},
        {"x", "s:4:22: found \"x\", expected the settings"},
    };

    (void)state;
    for (size_t i = 0; i < array_size(all); i++) {
        cleanup_free char *impair = xasprintf("{changes: [%s]}", all[i].text);
        cleanup_free char *text = with_impair(impair);

        check_bad(text, all[i].message);
    }
}

static void steps_change_links_that_there_are(void **state)
{
    static const struct bad all[] = {
        {"{a-c: {loss: 1%}}", "s:3:32: impair: there is no link \"a-c\"; did you mean \"a-b\"?"},
        {"{a-b: {loss: 1}}", "s:3:44: loss: \"1\" has no unit"},
        {"{a-b: {}}", "s:3:37: impair without a setting"},
        {"{a-b: {delay: none, jitter: 1ms}}", "s:3:59: jitter: found 1000000 ns"},
        {"{a-b: {changes: []}}", "s:3:38: unknown key \"changes\""},
        {"x", "s:3:31: impair: found \"x\", expected a mapping"},
    };

    (void)state;
    for (size_t i = 0; i < array_size(all); i++) {
        cleanup_free char *text = xasprintf("nodes:\n"
                                            "  a: {steps: [\n"
                                            "      {run: x,        impair: %s}]}\n"
                                            "  b:\n"
                                            "links: [{nodes: [a, b]}]\n",
                                            all[i].text);

        check_bad(text, all[i].message);
    }
}

static void a_carrier_must_be_able_to(void **state)
{
    static const char foreign[] = "init: {directory: /bin, run: /sh}";
    static const struct {
        const char *a, *more, *message;
    } all[] = {
        {"", "carrier: direct, impair: {loss: 1%}",
         "s:2:35: carrier: found direct, which lets every packet through as it came, with an "
         "impairment in line 2: expected guest, host or netem"},
        {"", "carrier: direct, impair: {changes: [{at: 1, down: true}]}",
         "s:2:35: carrier: found di"},
        {"steps: [{run: x, impair: {a-b: {down: true}}}]", "carrier: direct",
         "s:2:35: carrier: found direct, which lets every packet through as it came, with an "
         "impairment in line 1"},
        {foreign, "carrier: guest",
         "s:2:35: carrier: found guest, and both nodes have an init of their own: expected "
         "carrier: host"},
        {foreign, "carrier: netem, impair: {loss: 1%}",
         "s:2:35: carrier: found netem, which duet's init sets, and the node \"a\" has an init"},
        {"", "carrier: netem, impair: {rules: [{action: drop}]}", "s:2:68: rules: "},
        {"", "carrier: netem, impair: {changes: [{at: 1, down: true}]}",
         "s:2:60: changes: found with carrier: netem"},
        {"", "carrier: hots",
         "s:2:35: carrier: found \"hots\", expected direct, guest, host or netem"},
    };

    (void)state;
    for (size_t i = 0; i < array_size(all); i++) {
        cleanup_free char *text =
            xasprintf("nodes: {a: {%s}, b: {%s}, c: {run: x}}\n"
                      "links: [{nodes: [a, b],  %s}, {nodes: [b, c]}]\n",
                      all[i].a, all[i].a == foreign ? foreign : "", all[i].more);

        check_bad(text, all[i].message);
    }
}

#define TEST(function) cmocka_unit_test(function)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(settings_are_for_both_directions),
        TEST(a_direction_has_its_own_over_those_of_both),
        TEST(rules_are_lists),
        TEST(a_distribution_is_a_name_a_list_or_a_file),
        TEST(values_may_be_variables),
        TEST(a_change_names_what_changes),
        TEST(a_step_changes_links),
        TEST(a_link_has_a_carrier),
        TEST(mistakes_have_their_place),
        TEST(changes_have_an_order_and_a_sense),
        TEST(steps_change_links_that_there_are),
        TEST(a_carrier_must_be_able_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
