/* Settings that cannot be: which field is named, and what was expected of it. */
#include "tests/unit/impair_fixture.h"

#include <errno.h>

/* `name` is the field, and `message` stands in the message. */
static void refused(const struct impair_settings *settings, const char *name, const char *message)
{
    struct impair_mistake mistake = {0};
    struct error error = {0};

    assert_int_equal(impair_check(settings, FIXTURE_MTU, &mistake, &error), -EINVAL);
    assert_string_equal(mistake.field, name);
    if (!strstr(error.message, message) || strstr(error.message, name) != error.message)
        fail_msg("%s: \"%s\" is not in \"%s\"", name, message, error.message);
}

static void accepted(const struct impair_settings *settings)
{
    struct error error = {0};

    if (impair_check(settings, FIXTURE_MTU, NULL, &error) != 0)
        fail_msg("%s", error.message);
}

#define REFUSED(name, message, ...) refused(&(struct impair_settings){__VA_ARGS__}, name, message)
#define ACCEPTED(...)               accepted(&(struct impair_settings){__VA_ARGS__})

static void shares_above_all_are_refused(void **state)
{
    (void)state;

    REFUSED("loss", "found 120%, expected 0% to 100%", .loss.random.ppb = percent(120));
    REFUSED("duplicate", "120%", .duplicate.ppb = percent(120));
    REFUSED("corrupt", "120%", .corrupt.chance.ppb = percent(120));
    REFUSED("reorder", "120%", .reorder.chance.ppb = percent(120), .delay.mean_ns = 1);
    REFUSED("loss.gemodel.p", "120%", .loss.gemodel.p = percent(120));
    REFUSED("loss.gemodel.1-h", "120%", .loss.gemodel.bad_loss_ppb = percent(120));
    REFUSED("loss.state.p23", "120%", .loss.state.p23 = percent(120));
    REFUSED("loss.state.p14", "with p13", .loss.state = {.p13 = percent(60), .p14 = percent(50)});
    REFUSED("loss.state.p32", "with p31", .loss.state = {.p31 = percent(60), .p32 = percent(50)});
    REFUSED("loss", "model number 9", .loss.model = 9);
    ACCEPTED(.loss.random.ppb = RANDOM_PPB, .duplicate.ppb = RANDOM_PPB);
}

static void a_correlation_of_all_is_refused(void **state)
{
    (void)state;

    REFUSED("loss.correlation", "less than 100%", .loss.random.correlation_ppb = RANDOM_PPB);
    REFUSED("delay.correlation", "less than 100%", .delay.correlation_ppb = RANDOM_PPB);
    REFUSED("duplicate.correlation", "less than", .duplicate.correlation_ppb = RANDOM_PPB);
    REFUSED("corrupt.correlation", "less than", .corrupt.chance.correlation_ppb = RANDOM_PPB);
    REFUSED("reorder.correlation", "less than", .reorder.chance.correlation_ppb = RANDOM_PPB);
    ACCEPTED(.loss.random = {1, RANDOM_PPB - 1});
}

static void impossible_times_are_refused(void **state)
{
    static const int16_t table[1];
    (void)state;

    /* A negative number that somebody let through is one, too. */
    REFUSED("delay", "(1 h)", .delay.mean_ns = (uint64_t)-1);
    REFUSED("jitter", "expected at most delay, 5 ns", .delay = {.mean_ns = 5, .jitter_ns = 6});
    REFUSED("distribution", "number 9", .delay.distribution = 9);
    REFUSED("distribution", "table of 0 entries", .delay.distribution = IMPAIR_TABLE);
    REFUSED("distribution", "table of 16385 entries",
            .delay = {.distribution = IMPAIR_TABLE, .table = table, .table_count = 16385});
    REFUSED("slot", "(1 h)", .slot.interval.mean_ns = IMPAIR_NS_MAX + 1);
    REFUSED("slot.jitter", "expected at most slot",
            .slot.interval = {.mean_ns = 5, .jitter_ns = 6});
    REFUSED("slot", "found a limit", .slot.packets = 5);
    ACCEPTED(.delay = {.mean_ns = IMPAIR_NS_MAX, .jitter_ns = IMPAIR_NS_MAX});
    ACCEPTED(.delay = {.distribution = IMPAIR_TABLE, .table = table, .table_count = 1});
}

static void what_needs_something_else_is_refused_without_it(void **state)
{
    (void)state;

    REFUSED("reorder", "found no delay", .reorder.chance.ppb = 1);
    REFUSED("reorder", "found no delay", .reorder.gap = 5);
    REFUSED("burst", "found no rate", .rate.burst_bytes = 5);
    REFUSED("queue", "found no rate", .queue.limit_packets = 5);
    REFUSED("queue", "found no rate", .queue.codel = true);
    REFUSED("queue.codel", "found none", .rate.bps = 1000000, .queue.target_ns = 1);
    ACCEPTED(.delay.mean_ns = 1, .reorder.gap = 5);
}

static void ranges_outside_a_packet_are_refused(void **state)
{
    (void)state;

    REFUSED("corrupt.bits", "at most 16", .corrupt.flips = 17);
    REFUSED("corrupt.bits", "at most the 2", .corrupt = {.flips = 3, .bit_count = 2});
    REFUSED("corrupt.range", "less than 12000", .corrupt.first_bit = 12000);
    REFUSED("corrupt.range", "found bits 11999 to 12000, expected less than 12000",
            .corrupt = {.first_bit = 11999, .bit_count = 2});
    REFUSED("mtu", "found 67, expected 68 to 65535", .mtu = 67);
    REFUSED("mtu", "found 65536", .mtu = 65536);
    ACCEPTED(.corrupt = {.first_bit = 11999, .bit_count = 1});
    ACCEPTED(.mtu = 68);
}

static void rates_that_are_none_are_refused(void **state)
{
    (void)state;

    REFUSED("rate", "at most", .rate.bps = IMPAIR_BPS_MAX + 1);
    REFUSED("rate.overhead", "expected -65535 to 65535", .rate.overhead_bytes = 65536);
    REFUSED("rate.overhead", "1500 bytes", .rate = {.bps = 1, .overhead_bytes = -1500});
    REFUSED("rate.cell", "at most", .rate.cell_bytes = 65536);
    REFUSED("rate.cell_overhead", "a cell below 0",
            .rate = {.cell_bytes = 48, .cell_overhead_bytes = -48});
    ACCEPTED(.rate = {.bps = 1, .overhead_bytes = -14, .cell_bytes = 48, .cell_overhead_bytes = 5});
}

static void queues_that_can_hold_no_packet_are_refused(void **state)
{
    (void)state;

    REFUSED("queue.bytes", "at least 1514", .rate.bps = 1000000, .queue.limit_bytes = 1513);
    REFUSED("queue.bytes", "at most", .rate.bps = 1000000,
            .queue.limit_bytes = IMPAIR_QUEUE_BYTES_MAX + 1);
    REFUSED("queue.time", "at least 12112000 ns", .rate.bps = 1000000, .queue.limit_ns = 12111999);
    REFUSED("queue.target", "less than the interval, 100000000 ns", .rate.bps = 1,
            .queue = {.codel = true, .target_ns = 100000000});
    REFUSED("queue.interval", "at most", .rate.bps = 1,
            .queue = {.codel = true, .interval_ns = IMPAIR_CODEL_INTERVAL_MAX + 1});
    ACCEPTED(.rate.bps = 1000000,
             .queue = {
                 .limit_bytes = 1514, .limit_ns = 12112000, .limit_packets = 1, .codel = true});
}

static void rule_refused(struct impair_rule rule, const char *name, const char *message)
{
    struct impair_rule rules[2] = {{0}, rule};
    struct impair_settings settings = {.rules = rules, .rule_count = 2};
    struct impair_mistake mistake = {0};
    struct error error = {0};

    assert_int_equal(impair_check(&settings, FIXTURE_MTU, &mistake, &error), -EINVAL);
    assert_string_equal(mistake.field, name);
    assert_int_equal(mistake.rule, 1);
    if (!strstr(error.message, message) || !strstr(error.message, "in rule 2"))
        fail_msg("%s: \"%s\" is not in \"%s\"", name, message, error.message);
}

#define RULE_REFUSED(name, message, ...)                                                           \
    rule_refused((struct impair_rule){__VA_ARGS__}, "rules." name, message)

static void rules_that_match_nothing_are_refused(void **state)
{
    static const struct impair_prefix ipv4 = {.network = PACKET_NETWORK_IPV4},
                                      ipv6 = {.network = PACKET_NETWORK_IPV6};
    (void)state;

    RULE_REFUSED("network", "IPv4 or IPv6", .network = 9);
    RULE_REFUSED("network", "IPv4 or IPv6", .network = PACKET_NETWORK_ARP, .protocol = 6);
    RULE_REFUSED("network", "IPv4 or IPv6", .network = PACKET_NETWORK_ARP, .source_port = {1, 1});
    RULE_REFUSED("source", "32 bits", .source = {PACKET_NETWORK_IPV4, 33, {0}});
    RULE_REFUSED("source", "128 bits", .source = {PACKET_NETWORK_IPV6, 129, {0}});
    RULE_REFUSED("source", "behind the prefix", .source = {PACKET_NETWORK_IPV4, 24, {10, 0, 0, 1}});
    RULE_REFUSED("destination", "one family", .source = ipv4, .destination = ipv6);
    RULE_REFUSED("source", "one family", .network = PACKET_NETWORK_IPV6, .source = ipv4);
    RULE_REFUSED("source_port", "lower port", .source_port = {2, 1});
    RULE_REFUSED("destination_port", "lower port", .destination_port = {2, 0});
    RULE_REFUSED("protocol", "ports", .protocol = IPPROTO_ICMP, .source_port = {1, 1});
    RULE_REFUSED("protocol", "flags", .protocol = IPPROTO_UDP, .tcp_mask = 1);
    RULE_REFUSED("protocol", "resets", .protocol = IPPROTO_UDP, .action = IMPAIR_ACT_RESET);
    RULE_REFUSED("tcp_flags", "does not count", .tcp_mask = 2, .tcp_flags = 3);
    RULE_REFUSED("size", "smaller size", .size_least = 100, .size_most = 99);
    RULE_REFUSED("size", "MTU", .size_least = 1501);
    RULE_REFUSED("size", "MTU", .size_most = 19);
    RULE_REFUSED("every", "nth", .every = 2);
    RULE_REFUSED("share", "100%", .share_ppb = RANDOM_PPB + 1);
}

static void patterns_and_actions_that_cannot_be_are_refused(void **state)
{
    struct impair_pattern good = {.length = 1, .mask = {1}};
    struct impair_pattern behind = {.length = 2, .mask = {1}, .offset = 1499};
    struct impair_pattern anywhere = {.length = 1, .mask = {1}, .anywhere = true};
    (void)state;

    RULE_REFUSED("pattern", "32 bytes", .pattern = {.length = 33});
    RULE_REFUSED("pattern", "a bit that counts", .pattern = {.length = 3});
    RULE_REFUSED("pattern", "a part", .pattern = {.length = 3, .part = 9});
    RULE_REFUSED("pattern", "inside a packet", .pattern = behind);
    RULE_REFUSED("action", "that there is", .action = 9);
    RULE_REFUSED("delay", "more than 0 ns", .action = IMPAIR_ACT_DELAY);
    RULE_REFUSED("copies", "at most 7", .action = IMPAIR_ACT_DUPLICATE, .copies = 8);
    RULE_REFUSED("reset", "sender", .action = IMPAIR_ACT_RESET, .reset = 9);
    RULE_REFUSED("mangle", "bytes to set", .action = IMPAIR_ACT_MANGLE);
    RULE_REFUSED("mangle", "one offset", .action = IMPAIR_ACT_MANGLE, .mangle = anywhere);
    RULE_REFUSED("mangle", "inside a packet", .action = IMPAIR_ACT_MANGLE, .mangle = behind);
    ACCEPTED(.rules = &(
                 struct impair_rule){.pattern = good, .mangle = good, .action = IMPAIR_ACT_MANGLE},
             .rule_count = 1);
}

static void too_many_rules_are_refused(void **state)
{
    static const struct impair_rule rules[IMPAIR_RULES_MAX + 1];
    (void)state;

    REFUSED("rules", "found 65, expected at most 64", .rules = rules, .rule_count = 65);
    ACCEPTED(.rules = rules, .rule_count = 64);
}

static void zero_is_none_and_anything_else_is_not(void **state)
{
    static const struct impair_settings some[] = {
        {.down = true},
        {.blackhole = true},
        {.mtu = 1280},
        {.delay.mean_ns = 1},
        {.loss.random.ppb = 1},
        {.loss = {.model = IMPAIR_LOSS_GEMODEL, .gemodel.p = 1}},
        {.loss = {.model = IMPAIR_LOSS_STATE, .state.p14 = 1}},
        {.duplicate.ppb = 1},
        {.corrupt.chance.ppb = 1},
        {.rate.bps = 1},
        {.slot.interval.mean_ns = 1},
        {.rule_count = 1},
    };
    (void)state;

    assert_true(impair_is_none(&(struct impair_settings){0}));
    assert_true(impair_is_none(&(struct impair_settings){.loss.gemodel.p = 1}));
    for (size_t i = 0; i < array_size(some); i++)
        assert_false(impair_is_none(&some[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_above_all_are_refused),
        cmocka_unit_test(a_correlation_of_all_is_refused),
        cmocka_unit_test(impossible_times_are_refused),
        cmocka_unit_test(what_needs_something_else_is_refused_without_it),
        cmocka_unit_test(ranges_outside_a_packet_are_refused),
        cmocka_unit_test(rates_that_are_none_are_refused),
        cmocka_unit_test(queues_that_can_hold_no_packet_are_refused),
        cmocka_unit_test(rules_that_match_nothing_are_refused),
        cmocka_unit_test(patterns_and_actions_that_cannot_be_are_refused),
        cmocka_unit_test(too_many_rules_are_refused),
        cmocka_unit_test(zero_is_none_and_anything_else_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
