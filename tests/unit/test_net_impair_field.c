/* Settings as text: each by its name, all of them there and back, and what is refused. */
#include "net/impair_field.h"
#include "net/random.h"

#include "base/memory.h"

#include "tests/unit/impair_same.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { MTU = 1500 };

/* -- One at a time ----------------------------------------------------------------------------- */

static void begin(struct impair_config *config, const char *lines)
{
    struct error error = {0};

    if (set_lines(config, lines, &error) || impair_config_end(config, MTU, NULL, &error))
        fail_msg("%s: %s", lines, error.message);
}

static void is_text(const struct impair_config *config, const char *expected)
{
    cleanup_buffer struct buffer text = settings_text(&config->settings);

    assert_string_equal(text.data, expected);
}

/* The lines, in one round from nothing, are written as `expected`. */
static void becomes(const char *lines, const char *expected)
{
    struct impair_config config = {0};

    begin(&config, lines);
    is_text(&config, expected);
    impair_config_free(&config);
}

static void stays(const char *lines)
{
    becomes(lines, lines);
}

/* The line is refused with its name first and `part` in the message, and changes nothing. */
static void refused(const char *line, const char *part)
{
    struct impair_config config = {0};
    struct error error = {0};

    begin(&config, "delay=5ms\nrate=1mbit\nloss=1%\n");
    assert_true(set_lines(&config, line, &error) < 0);
    if (!strstr(error.message, part))
        fail_msg("%s: %s", line, error.message);
    is_text(&config, "delay=5ms\nloss=1%\nrate=1mbit\nqueue.packets=1000\n");
    impair_config_free(&config);
}

/* The lines are refused as a whole, at `field`. */
static void clash(const char *lines, const char *field, const char *part)
{
    struct impair_config config = {0};
    struct impair_mistake mistake = {0};
    struct error error = {0};

    assert_int_equal(set_lines(&config, lines, &error), 0);
    assert_int_equal(impair_config_end(&config, MTU, &mistake, &error), -EINVAL);
    assert_string_equal(mistake.field, field);
    if (!strstr(error.message, part))
        fail_msg("%s: %s", lines, error.message);
    impair_config_free(&config);
}

/* What a field needs beside it, so that its example can be. */
static const char *company(const char *name)
{
    static const struct {
        const char *field, *lines;
    } needs[] = {
        {"jitter", "delay=10ms\n"},
        {"reorder", "delay=10ms\n"},
        {"reorder.gap", "delay=10ms\n"},
        {"burst", "rate=2mbit\n"},
        {"queue.packets", "rate=2mbit\n"},
        {"queue.bytes", "rate=2mbit\n"},
        {"queue.time", "rate=2mbit\n"},
        {"queue.codel", "rate=2mbit\n"},
        {"queue.target", "rate=2mbit\nqueue.codel=true\n"},
        {"queue.interval", "rate=2mbit\nqueue.codel=true\n"},
        {"rate.cell_overhead", "rate.cell=53B\n"},
        {"slot.jitter", "slot=10ms\n"},
        {"slot.packets", "slot=10ms\n"},
        {"slot.bytes", "slot=10ms\n"},
        {"loss.state.p31", "loss.state.p13=1%\n"},
        {"loss.state.p32", "loss.state.p31=1%\n"},
    };

    for (size_t i = 0; i < array_size(needs); i++)
        if (!strcmp(needs[i].field, name))
            return needs[i].lines;
    return "";
}

static void every_example_is_taken_and_written_again(void **state)
{
    size_t count;
    const struct impair_field *fields = impair_fields(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        cleanup_free char *line = xasprintf("%s=%s\n", fields[i].name, fields[i].example);
        cleanup_free char *lines = xasprintf("%s%s", company(fields[i].name), line);
        struct impair_config config = {0};
        cleanup_buffer struct buffer text = {0};

        begin(&config, lines);
        text = settings_text(&config.settings);
        if (!strstr(text.data, line))
            fail_msg("%s is written as %s", line, text.data);
        impair_config_free(&config);
    }
}

static const char *action_of(const char *name)
{
    if (!strcmp(name, "delay"))
        return "rules.0.action=delay\n";
    if (!strcmp(name, "copies"))
        return "rules.0.action=duplicate\n";
    if (!strcmp(name, "reset"))
        return "rules.0.action=reset\n";
    if (!strcmp(name, "mangle") || !strcmp(name, "keep_checksums"))
        return "rules.0.action=mangle\nrules.0.mangle=payload 00\n";
    return !strcmp(name, "every") ? "rules.0.action=drop\nrules.0.nth=1\n"
                                  : "rules.0.action=drop\n";
}

static void every_rule_s_example_is_taken_and_written_again(void **state)
{
    size_t count;
    const struct impair_field *fields = impair_rule_fields(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        cleanup_free char *line = xasprintf("rules.0.%s=%s", fields[i].name, fields[i].example);
        cleanup_free char *lines = xasprintf("%s%s\n", action_of(fields[i].name), line);
        struct impair_config config = {0};
        cleanup_buffer struct buffer text = {0};

        begin(&config, lines);
        text = settings_text(&config.settings);
        if (!strstr(text.data, line))
            fail_msg("%s is written as %s", line, text.data);
        impair_config_free(&config);
    }
}

static void values_have_one_canonical_text(void **state)
{
    (void)state;
    becomes("delay=0.025s\nloss=00.50%\nrate=2000kbit\nqueue.packets=none\n",
            "delay=25ms\nloss=0.5%\nrate=2mbit\nqueue.packets=none\n");
    becomes("down=yes\nblackhole=no\n", "down=true\n");
    becomes("delay=10ms\njitter=1ms\ndistribution=-8192, 0,8192\n",
            "delay=10ms\njitter=1ms\ndistribution=-8192 0 8192\n");
    becomes("corrupt=1%\ncorrupt.range=64-64\n", "corrupt=1%\ncorrupt.range=64\n");
    stays("corrupt=1%\ncorrupt.range=64-\n");
    stays("corrupt=1%\ncorrupt.range=0-7\n");
    stays("rate=1mbit\nrate.overhead=-4B\nqueue.packets=1000\n");
    becomes("rules.0.action=drop\nrules.0.source=10.0.0.1\nrules.0.destination_port=80-80\n"
            "rules.0.protocol=6\nrules.0.tcp_flags=!ack,syn\nrules.0.size=40-40\n"
            "rules.0.pattern=payload+0  \"GET\"\n",
            "rules.0.action=drop\nrules.0.protocol=tcp\nrules.0.source=10.0.0.1/32\n"
            "rules.0.destination_port=80\nrules.0.tcp_flags=syn !ack\nrules.0.size=40\n"
            "rules.0.pattern=payload 474554\n");
    stays("rules.0.action=mangle\nrules.0.pattern=link+12.. 0800/ff00\nrules.0.limit=1\n"
          "rules.0.mangle=network+1 ff\nrules.1.action=reset\nrules.1.reset=both\n");
}

/* -- Rounds ------------------------------------------------------------------------------------ */

static void netem_s_defaults_are_filled_in(void **state)
{
    (void)state;
    becomes("loss.gemodel.p=1%\n", "loss.gemodel.p=1%\nloss.gemodel.r=99%\n"
                                   "loss.gemodel.1-h=100%\nloss.gemodel.1-k=0%\n");
    becomes("loss.gemodel.1-h=70%\nloss.gemodel.r=10%\nloss.gemodel.p=1%\n",
            "loss.gemodel.p=1%\nloss.gemodel.r=10%\nloss.gemodel.1-h=70%\nloss.gemodel.1-k=0%\n");
    becomes("loss.state.p13=1%\n", "loss.state.p13=1%\nloss.state.p31=99%\nloss.state.p32=0%\n"
                                   "loss.state.p23=100%\nloss.state.p14=0%\n");
    becomes("rate=2mbit\n", "rate=2mbit\nqueue.packets=1000\n");
    becomes("queue.bytes=64K\nrate=2mbit\n", "rate=2mbit\nqueue.bytes=64K\n");
    becomes("rate=2mbit\nqueue.packets=none\n", "rate=2mbit\nqueue.packets=none\n");
}

/* From `first` to `second` in a further round. */
static void then(const char *first, const char *second, const char *expected)
{
    struct impair_config config = {0};

    begin(&config, first);
    begin(&config, second);
    is_text(&config, expected);
    impair_config_free(&config);
}

static void a_round_changes_what_it_names(void **state)
{
    (void)state;
    then("delay=5ms\nloss=1%\n", "loss=2%\n", "delay=5ms\nloss=2%\n");
    then("delay=5ms\n", "", "delay=5ms\n");
    then("loss.gemodel.p=1%\n", "loss.gemodel.p=5%\n",
         "loss.gemodel.p=5%\nloss.gemodel.r=99%\nloss.gemodel.1-h=100%\nloss.gemodel.1-k=0%\n");
    then("loss.gemodel.p=1%\n", "loss=5%\n", "loss=5%\n");
    then("loss=5%\nloss.correlation=10%\n", "loss.state.p13=1%\nloss.state.p31=50%\n",
         "loss.state.p13=1%\nloss.state.p31=50%\nloss.state.p32=0%\nloss.state.p23=100%\n"
         "loss.state.p14=0%\n");
    then("loss.gemodel.p=1%\n", "loss.correlation=10%\nloss=5%\n",
         "loss=5%\nloss.correlation=10%\n");
    then("loss=1%\nloss.limit=3\n", "loss.gemodel.p=1%\n",
         "loss.gemodel.p=1%\nloss.gemodel.r=99%\nloss.gemodel.1-h=100%\nloss.gemodel.1-k=0%\n"
         "loss.limit=3\n");
    then("", "loss.limit=3\nloss.gemodel.p=1%\n",
         "loss.gemodel.p=1%\nloss.gemodel.r=99%\nloss.gemodel.1-h=100%\nloss.gemodel.1-k=0%\n"
         "loss.limit=3\n");
    then("rate=2mbit\nqueue.packets=none\n", "rate=1mbit\n", "rate=1mbit\nqueue.packets=none\n");
    then("rules.0.action=drop\nrules.1.action=drop\n", "rules.0.action=delay\nrules.0.delay=1s\n",
         "rules.0.action=delay\nrules.0.delay=1s\n");
    then("rules.0.action=drop\n", "delay=1ms\n", "delay=1ms\nrules.0.action=drop\n");
    then("delay=9ms\njitter=1ms\ndistribution=1 2 3\n", "distribution=4 5\n",
         "delay=9ms\njitter=1ms\ndistribution=4 5\n");
}

static void none_takes_along_what_belongs_to_it(void **state)
{
    (void)state;
    then("delay=9ms\njitter=1ms\ndelay.correlation=5%\ndistribution=1 2 3\n", "delay=0\n", "");
    then("loss=5%\nloss.correlation=10%\n", "loss=none\n", "");
    then("loss.gemodel.p=1%\nloss.limit=3\n", "loss=0%\n", "");
    then("rate=2mbit\nburst=3000B\nrate.cell=53B\nqueue.codel=true\nqueue.target=1ms\n",
         "rate=none\n", "");
    then("rate=2mbit\nqueue.codel=true\nqueue.target=1ms\n", "queue.codel=false\n",
         "rate=2mbit\nqueue.packets=1000\n");
    then("rate=2mbit\n", "rate=none\nrate.cell=53B\n", "rate.cell=53B\n");
    then("slot=5ms\nslot.packets=3\nslot.distribution=7 8\n", "slot=none\n", "");
    then("reorder=5%\nreorder.gap=3\ndelay=1ms\n", "reorder=none\n", "delay=1ms\n");
    then("rules.0.action=drop\n", "rules=none\n", "");
    then("down=true\nmtu=1400\n", "down=0\nmtu=none\n", "");
}

static void a_copy_owns_what_it_points_to(void **state)
{
    struct impair_config from = {0}, to = {0};

    (void)state;
    begin(&from, "delay=9ms\ndistribution=1 2 3\nslot=1ms\nslot.distribution=4\n"
                 "rules.0.action=drop\n");
    begin(&to, "slot=1ms\nslot.distribution=5\nrules.0.action=reset\n");
    impair_config_copy(&to, &from.settings);
    assert_ptr_not_equal(to.settings.delay.table, from.settings.delay.table);
    impair_config_free(&from);
    impair_config_copy(&to, &to.settings);
    is_text(&to, "delay=9ms\ndistribution=1 2 3\nslot=1ms\nslot.distribution=4\n"
                 "rules.0.action=drop\n");
    /* The model came in an earlier round, so that a further one fills nothing in. */
    begin(&to, "delay=none\n");
    is_text(&to, "slot=1ms\nslot.distribution=4\nrules.0.action=drop\n");
    impair_config_free(&to);
    is_text(&to, "");
}

/* -- Mistakes ---------------------------------------------------------------------------------- */

static void a_mistake_says_what_was_expected(void **state)
{
    (void)state;
    refused("loss=120%", "loss: \"120%\" is more than 100%");
    refused("delay=-5ms", "delay: \"-5ms\" is negative");
    refused("delay=5", "has no unit");
    refused("rate=0bit", "rate: found \"0bit\", expected more than that, or \"none\"");
    refused("rate=0", "rate: ");
    refused("queue.packets=0", "queue.packets: found \"0\", expected more");
    refused("queue.packets=4294967296", "at most 4294967295");
    refused("burst=4G", "is 4G or more");
    refused("rate.overhead=2G", "is 2G or more");
    refused("rate.overhead=--4B", "is negative");
    refused("corrupt.range=9-3", "from a lower bit to a higher");
    refused("corrupt.range=0-4294967295", "expected bits of a packet");
    refused("corrupt.range=-3", "expected a number");
    refused("distribution=gauss", "expected uniform, normal, pareto, paretonormal");
    refused("distribution=1 2 x", "found \"x\" in a table");
    refused("distribution=1 40000", "found \"40000\" in a table");
    refused("down=maybe", "down: found \"maybe\", expected true, false, yes or no");
    refused("rules=drop", "rules: found \"drop\", expected none");
    refused("rules.0.action=none", "found \"none\", expected drop, delay, duplicate, mangle or");
    refused("rules.0.protocol=icq", "expected tcp, udp, icmp");
    refused("rules.0.source=10.0.0.0/33", "expected an address or a subnet");
    refused("rules.0.source=ten", "expected an address or a subnet");
    refused("rules.0.destination_port=70000", "a port up to 65535");
    refused("rules.0.destination_port=0", "found \"0\", expected more than that");
    refused("rules.0.tcp_flags=syn !syn", "each once");
    refused("rules.0.tcp_flags=synack", "expected some of fin, syn");
    refused("rules.0.tcp_flags=", "expected more than that");
    refused("rules.0.size=9-3", "expected bytes of a packet");
    refused("rules.0.size=0-", "expected more than that");
    refused("rules.0.share=0%", "share: found \"0%\", expected more than that");
    refused("rules.0.pattern=body 00", "expected link, network, transport or payload");
    refused("rules.0.pattern=payload 0", "up to 32 bytes");
    refused("rules.0.pattern=payload 00/ffff", "up to 32 bytes");
    refused("rules.0.pattern=payload+4294967296 00", "an offset");
    refused("rules.0.pattern=payload \"\"", "up to 32 bytes");
    refused("rules.0.mangle=payload.. 00", "bytes to set");
}

static void there_is_no_setting_of_another_name(void **state)
{
    static const char *const names[] = {"",
                                        "dealy",
                                        "loss.",
                                        "rules.0",
                                        "rules.64.action",
                                        "rules.00.action",
                                        "rules.x.action",
                                        "rules.0.loss",
                                        "rules.-1.action",
                                        "rules.18446744073709551616.action"};

    (void)state;
    for (size_t i = 0; i < array_size(names); i++) {
        struct impair_config config = {0};
        struct error error = {0};

        assert_int_equal(impair_field_set(&config, names[i], "1%", &error), -ENOENT);
        assert_non_null(strstr(error.message, names[i]));
        impair_config_free(&config);
    }
}

static void there_is_one_loss_model(void **state)
{
    struct impair_config config = {0};
    struct error error = {0};

    (void)state;
    assert_int_equal(set_lines(&config, "loss.gemodel.p=1%\nloss=2%\n", &error), -EINVAL);
    assert_string_equal(error.message,
                        "loss: found beside loss.gemodel.p, expected one loss model");
    impair_config_free(&config);
}

static void a_round_ends_with_settings_that_can_be(void **state)
{
    (void)state;
    clash("jitter=5ms\n", "jitter", "expected at most delay");
    clash("reorder=5%\n", "reorder", "found no delay");
    clash("queue.packets=5\n", "queue", "found no rate");
    clash("rate=2mbit\nqueue.bytes=100B\n", "queue.bytes", "a packet of the MTU");
    clash("rules.1.action=drop\n", "rules.action", "in rule 1, found nothing");
    clash("rules.0.source=10.0.0.1/8\nrules.0.action=drop\n", "rules.source", "no bits set");
    clash("rules.0.action=drop\nrules.0.network=ipv4\nrules.0.source=fd00::1\n", "rules.source",
          "one family");
}

static void a_correlation_goes_with_its_model(void **state)
{
    struct impair_config config = {0};
    struct impair_mistake mistake;
    struct error error = {0};

    (void)state;
    begin(&config, "loss.gemodel.p=1%\n");
    assert_int_equal(impair_field_set(&config, "loss.correlation", "5%", &error), 0);
    assert_int_equal(impair_config_end(&config, MTU, &mistake, &error), -EINVAL);
    assert_string_equal(mistake.field, "loss.correlation");
    impair_config_free(&config);
}

/* -- Anything ---------------------------------------------------------------------------------- */

static uint64_t below(uint64_t *seed, uint64_t limit)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (*seed >> 16) % limit;
}

/* Zero as often as not. */
static uint64_t some(uint64_t *seed, uint64_t limit)
{
    return below(seed, 2) ? below(seed, limit) : 0;
}

static struct impair_chance any_chance(uint64_t *seed)
{
    return (struct impair_chance){(uint32_t)some(seed, RANDOM_PPB + 1),
                                  (uint32_t)some(seed, RANDOM_PPB)};
}

static struct impair_spread any_spread(uint64_t *seed, int16_t table[static 8])
{
    struct impair_spread spread;

    memset(&spread, 0, sizeof spread);
    spread.mean_ns = some(seed, IMPAIR_NS_MAX + 1);
    spread.jitter_ns = some(seed, spread.mean_ns + 1);
    spread.correlation_ppb = (uint32_t)some(seed, RANDOM_PPB);
    spread.distribution = (enum impair_distribution)some(seed, IMPAIR_DISTRIBUTIONS);
    if (spread.distribution != IMPAIR_TABLE)
        return spread;
    spread.table_count = 1 + (uint32_t)below(seed, 8);
    for (uint32_t i = 0; i < spread.table_count; i++)
        table[i] = (int16_t)below(seed, 65536);
    spread.table = table;
    return spread;
}

static void any_loss(uint64_t *seed, struct impair_loss *loss)
{
    loss->model = (enum impair_loss_model)below(seed, IMPAIR_LOSS_MODELS);
    loss->limit = some(seed, UINT64_MAX);
    if (loss->model == IMPAIR_LOSS_RANDOM)
        loss->random = any_chance(seed);
    if (loss->model == IMPAIR_LOSS_GEMODEL) {
        loss->gemodel.p = (uint32_t)some(seed, RANDOM_PPB + 1);
        loss->gemodel.r = (uint32_t)some(seed, RANDOM_PPB + 1);
        loss->gemodel.bad_loss_ppb = (uint32_t)some(seed, RANDOM_PPB + 1);
        loss->gemodel.good_loss_ppb = (uint32_t)some(seed, RANDOM_PPB + 1);
    }
    if (loss->model == IMPAIR_LOSS_STATE) {
        loss->state.p13 = (uint32_t)some(seed, RANDOM_PPB + 1);
        loss->state.p14 = (uint32_t)some(seed, RANDOM_PPB - loss->state.p13 + 1);
        loss->state.p31 = (uint32_t)some(seed, RANDOM_PPB + 1);
        loss->state.p32 = (uint32_t)some(seed, RANDOM_PPB - loss->state.p31 + 1);
        loss->state.p23 = (uint32_t)some(seed, RANDOM_PPB + 1);
    }
}

static void any_rate(uint64_t *seed, struct impair_settings *settings)
{
    struct impair_queue *queue = &settings->queue;

    settings->rate.overhead_bytes = (int32_t)some(seed, 200) - 100;
    settings->rate.cell_bytes = (uint32_t)some(seed, 65536);
    settings->rate.cell_overhead_bytes = (int32_t)some(seed, 200);
    settings->rate.bps = some(seed, IMPAIR_BPS_MAX);
    if (!settings->rate.bps)
        return;
    settings->rate.burst_bytes = (uint32_t)some(seed, UINT32_MAX);
    queue->limit_packets = (uint32_t)some(seed, UINT32_MAX);
    queue->limit_bytes = some(seed, IMPAIR_QUEUE_BYTES_MAX);
    queue->limit_ns = some(seed, IMPAIR_NS_MAX);
    queue->codel = below(seed, 2);
    if (queue->codel) {
        queue->interval_ns = some(seed, IMPAIR_CODEL_INTERVAL_MAX);
        queue->target_ns = some(seed, 1000000);
    }
}

static void any_pattern(uint64_t *seed, bool anywhere, struct impair_pattern *pattern)
{
    pattern->part = (enum impair_part)below(seed, IMPAIR_PARTS);
    pattern->offset = (uint32_t)some(seed, 100);
    pattern->anywhere = anywhere;
    pattern->length = (uint8_t)(1 + below(seed, IMPAIR_PATTERN_MAX));
    for (size_t i = 0; i < pattern->length; i++) {
        pattern->bytes[i] = (uint8_t)below(seed, 256);
        pattern->mask[i] = (uint8_t)(below(seed, 3) ? 0xff : below(seed, 256));
    }
}

static void any_prefix(uint64_t *seed, unsigned network, struct impair_prefix *prefix)
{
    if (network < PACKET_NETWORK_IPV4 || below(seed, 2))
        return;
    prefix->network = (uint8_t)network;
    prefix->bits = (uint8_t)below(seed, network == PACKET_NETWORK_IPV4 ? 33 : 129);
    for (unsigned bit = 0; bit < prefix->bits; bit++)
        prefix->address[bit / 8] |= (uint8_t)(below(seed, 2) << (7 - bit % 8));
}

static void any_ports(uint64_t *seed, struct impair_ports *ports)
{
    ports->high = (uint16_t)some(seed, 65536);
    ports->low = (uint16_t)some(seed, ports->high + 1u);
}

static void any_rule(uint64_t *seed, struct impair_rule *rule)
{
    unsigned network = (unsigned)below(seed, PACKET_NETWORK_IPV6 + 1);

    rule->action = (enum impair_action)below(seed, IMPAIR_ACTIONS);
    rule->network = (uint8_t)(below(seed, 2) ? network : 0);
    any_prefix(seed, network, &rule->source);
    any_prefix(seed, network, &rule->destination);
    if (below(seed, 2) && network != PACKET_NETWORK_ARP) {
        rule->protocol = IPPROTO_TCP;
        any_ports(seed, &rule->source_port);
        any_ports(seed, &rule->destination_port);
        rule->tcp_mask = (uint8_t)some(seed, 256);
        rule->tcp_flags = (uint8_t)(below(seed, 256) & rule->tcp_mask);
    } else if (rule->action != IMPAIR_ACT_RESET && network != PACKET_NETWORK_ARP) {
        rule->protocol = (uint8_t)some(seed, 256);
    }
    rule->size_least = (uint32_t)some(seed, MTU);
    rule->size_most = below(seed, 2) ? rule->size_least + 20 : 0;
    rule->nth = (uint32_t)some(seed, 1000);
    rule->every = rule->nth ? (uint32_t)some(seed, 1000) : 0;
    if (below(seed, 2))
        any_pattern(seed, below(seed, 2), &rule->pattern);
    rule->share_ppb = (uint32_t)some(seed, RANDOM_PPB + 1);
    rule->limit = some(seed, UINT64_MAX);
    rule->delay_ns = some(seed, IMPAIR_NS_MAX);
    rule->copies = (uint32_t)some(seed, IMPAIR_COPIES_MAX + 1);
    rule->reset = (enum impair_reset)some(seed, IMPAIR_RESETS);
    rule->keep_checksums = below(seed, 2);
    if (rule->action == IMPAIR_ACT_MANGLE)
        any_pattern(seed, false, &rule->mangle);
}

struct any {
    struct impair_settings settings;
    int16_t delay[8], slot[8];
    struct impair_rule rules[4];
};

static void any_settings(uint64_t *seed, struct any *any)
{
    struct impair_settings *settings = &any->settings;

    memset(any, 0, sizeof *any);
    settings->down = below(seed, 2);
    settings->blackhole = below(seed, 2);
    settings->mtu = below(seed, 2) ? 68 + (uint32_t)below(seed, 65000) : 0;
    settings->delay = any_spread(seed, any->delay);
    any_loss(seed, &settings->loss);
    settings->duplicate = any_chance(seed);
    settings->reorder = (struct impair_reorder){any_chance(seed), (uint32_t)some(seed, 100)};
    settings->corrupt =
        (struct impair_corrupt){any_chance(seed), (uint32_t)some(seed, 17),
                                (uint32_t)some(seed, 4000), (uint32_t)some(seed, 4000)};
    any_rate(seed, settings);
    settings->slot.interval = any_spread(seed, any->slot);
    settings->slot.packets = (uint32_t)some(seed, UINT32_MAX);
    settings->slot.bytes = some(seed, UINT64_MAX);
    settings->rules = any->rules;
    settings->rule_count = below(seed, 5);
    for (size_t i = 0; i < settings->rule_count; i++)
        any_rule(seed, &any->rules[i]);
}

static void any_settings_are_the_same_there_and_back(void **state)
{
    uint64_t seed = 5;
    unsigned checked = 0;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        struct any any;
        struct impair_config config = {0};
        cleanup_buffer struct buffer text = {0};

        any_settings(&seed, &any);
        if (impair_check(&any.settings, MTU, NULL, NULL))
            continue;
        text = settings_text(&any.settings);
        begin(&config, text.data);
        if (!same_settings(&config.settings, &any.settings))
            fail_msg("%u: not the same:\n%s", i, text.data);
        impair_config_free(&config);
        checked++;
    }
    assert_in_range(checked, 2000, 20000);
}

#define TEST(function) cmocka_unit_test(function)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_example_is_taken_and_written_again),
        TEST(every_rule_s_example_is_taken_and_written_again),
        TEST(values_have_one_canonical_text),
        TEST(netem_s_defaults_are_filled_in),
        TEST(a_round_changes_what_it_names),
        TEST(none_takes_along_what_belongs_to_it),
        TEST(a_copy_owns_what_it_points_to),
        TEST(a_mistake_says_what_was_expected),
        TEST(there_is_no_setting_of_another_name),
        TEST(there_is_one_loss_model),
        TEST(a_round_ends_with_settings_that_can_be),
        TEST(a_correlation_goes_with_its_model),
        TEST(any_settings_are_the_same_there_and_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
