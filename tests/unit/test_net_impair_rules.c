/* Rules: which packets they pick, and what they do with these. */
#include "net/checksum.h"
#include "net/impair_rule.h"

#include "tests/unit/impair_fixture.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>

/* What a packet of a test is made of. */
struct spec {
    const char *source, *destination; /* of either family */
    uint8_t protocol;
    uint16_t source_port, destination_port;
    uint8_t flags;
    uint32_t sequence, acknowledgement;
    const char *payload; /* may be NULL */
    bool ethernet;
};

static const struct spec http = {
    "10.0.0.1", "10.1.2.3", IPPROTO_TCP,      40000, 80, TH_ACK | TH_PUSH,
    1000,       2000,       "GET / HTTP/1.1", false};

static void build_ends(struct build *build, const struct spec *spec)
{
    struct ipv4_header ipv4 = {.hops = 64, .protocol = spec->protocol};
    struct ipv6_header ipv6 = {.hops = 64, .protocol = spec->protocol};
    bool is_ipv6 = strchr(spec->source, ':');
    int family = is_ipv6 ? AF_INET6 : AF_INET;

    if (spec->ethernet) {
        struct ethernet_header ethernet = {
            .destination = {2, 0, 0, 0, 0, 2},
            .source = {2, 0, 0, 0, 0, 1},
            .vlans = {{ETHERTYPE_OF_VLAN, 7}},
            .vlan_count = 1,
            .ethertype = is_ipv6 ? ETHERTYPE_OF_IPV6 : ETHERTYPE_OF_IPV4,
        };

        build_ethernet(build, &ethernet);
    }
    assert_int_equal(inet_pton(family, spec->source, is_ipv6 ? ipv6.source : ipv4.source), 1);
    assert_int_equal(
        inet_pton(family, spec->destination, is_ipv6 ? ipv6.destination : ipv4.destination), 1);
    if (is_ipv6)
        build_ipv6(build, &ipv6);
    else
        build_ipv4(build, &ipv4);
}

static struct packet *make(struct fixture *fixture, const struct spec *spec)
{
    struct packet *packet;
    struct build build;

    assert_int_equal(pool_take(&fixture->pool, &packet, 1), 1);
    packet->link = spec->ethernet ? PACKET_LINK_ETHERNET : PACKET_LINK_IP;
    packet->time_ns = 0;
    build_start(&build, packet->bytes, fixture->pool.room);
    build_ends(&build, spec);
    if (spec->protocol == IPPROTO_TCP)
        build_tcp(&build, &(struct tcp_header){.source_port = spec->source_port,
                                               .destination_port = spec->destination_port,
                                               .sequence = spec->sequence,
                                               .acknowledgement = spec->acknowledgement,
                                               .flags = spec->flags});
    else if (spec->protocol == IPPROTO_UDP)
        build_udp(&build, &(struct udp_header){spec->source_port, spec->destination_port});
    else
        build_icmp(&build, &(struct icmp_header){.type = ICMP_TYPE_ECHO});
    if (spec->payload)
        build_bytes(&build, spec->payload, strlen(spec->payload));
    packet->length = (uint32_t)build_finish(&build);
    assert_int_equal(packet_parse(packet), PACKET_SOUND);
    return packet;
}

static bool matches(const struct impair_rule *rule, const struct spec *spec)
{
    struct fixture fixture;
    struct packet *packet;
    bool result;

    fixture_init(&fixture, 1);
    packet = make(&fixture, spec);
    result = impair_rule_matches(rule, packet);
    pool_give(&fixture.pool, &packet, 1);
    fixture_free(&fixture);
    return result;
}

static struct impair_prefix prefix(const char *address, uint8_t bits)
{
    bool is_ipv6 = strchr(address, ':');
    struct impair_prefix made = {.network = is_ipv6 ? PACKET_NETWORK_IPV6 : PACKET_NETWORK_IPV4,
                                 .bits = bits};

    assert_int_equal(inet_pton(is_ipv6 ? AF_INET6 : AF_INET, address, made.address), 1);
    return made;
}

static struct impair_pattern pattern(enum impair_part part, uint32_t offset, const char *text,
                                     bool anywhere)
{
    struct impair_pattern made = {
        .part = part, .offset = offset, .anywhere = anywhere, .length = (uint8_t)strlen(text)};

    memcpy(made.bytes, text, made.length);
    memset(made.mask, 0xff, made.length);
    return made;
}

/* Sends each of these through a link with this one rule. */
static void start(struct fixture *fixture, const struct impair_rule *rules, size_t count)
{
    struct impair_settings settings = {.rules = rules, .rule_count = count};

    fixture_init(fixture, 1);
    fixture_set(fixture, &settings);
}

/* -- What is picked ---------------------------------------------------------------------------- */

static void an_empty_rule_picks_everything(void **state)
{
    struct spec icmp = {.source = "::1", .destination = "::2", .protocol = IPPROTO_ICMPV6};
    (void)state;

    assert_true(matches(&(struct impair_rule){0}, &http));
    assert_true(matches(&(struct impair_rule){0}, &icmp));
}

static void prefixes_pick_to_the_bit(void **state)
{
    struct spec ipv6 = {"fd00:0:0:8000::1", "fd00::2", IPPROTO_UDP, 1, 2, 0, 0, 0, NULL, false};
    (void)state;

    assert_true(matches(&(struct impair_rule){.destination = prefix("10.1.2.3", 32)}, &http));
    assert_true(matches(&(struct impair_rule){.destination = prefix("10.1.2.2", 31)}, &http));
    assert_false(matches(&(struct impair_rule){.destination = prefix("10.1.2.2", 32)}, &http));
    assert_false(matches(&(struct impair_rule){.destination = prefix("10.1.2.4", 30)}, &http));
    assert_true(matches(&(struct impair_rule){.source = prefix("10.0.0.0", 9)}, &http));
    assert_false(matches(&(struct impair_rule){.source = prefix("10.128.0.0", 9)}, &http));
    assert_true(matches(&(struct impair_rule){.source = prefix("0.0.0.0", 0)}, &http));
    assert_false(matches(&(struct impair_rule){.source = prefix("::", 0)}, &http));
    assert_true(matches(&(struct impair_rule){.source = prefix("fd00:0:0:8000::", 49)}, &ipv6));
    assert_false(matches(&(struct impair_rule){.source = prefix("fd00::", 49)}, &ipv6));
    assert_false(matches(&(struct impair_rule){.source = prefix("0.0.0.0", 0)}, &ipv6));
}

static void ports_and_protocols_pick(void **state)
{
    struct spec udp = http, icmp = http;
    struct impair_rule ports = {.destination_port = {80, 90}};
    (void)state;

    udp.protocol = IPPROTO_UDP;
    icmp.protocol = IPPROTO_ICMP;
    assert_true(matches(&ports, &http));
    assert_true(matches(&ports, &udp));
    assert_false(matches(&ports, &icmp));
    ports.protocol = IPPROTO_UDP;
    assert_false(matches(&ports, &http));
    assert_true(matches(&ports, &udp));
    assert_false(matches(&(struct impair_rule){.destination_port = {81, 90}}, &http));
    assert_false(matches(&(struct impair_rule){.destination_port = {1, 79}}, &http));
    assert_true(matches(&(struct impair_rule){.source_port = {0, 40000}}, &http));
    assert_false(matches(&(struct impair_rule){.source_port = {0, 39999}}, &http));
    assert_true(matches(&(struct impair_rule){.network = PACKET_NETWORK_IPV4}, &http));
    assert_false(matches(&(struct impair_rule){.network = PACKET_NETWORK_IPV6}, &http));
}

static void tcp_flags_pick_by_mask(void **state)
{
    struct impair_rule syn = {.tcp_mask = TH_SYN | TH_ACK, .tcp_flags = TH_SYN};
    struct spec packet = http;
    (void)state;

    assert_false(matches(&syn, &packet));
    packet.flags = TH_SYN;
    assert_true(matches(&syn, &packet));
    packet.flags = TH_SYN | TH_PUSH;
    assert_true(matches(&syn, &packet));
    packet.flags = TH_SYN | TH_ACK;
    assert_false(matches(&syn, &packet));
    packet.protocol = IPPROTO_UDP;
    assert_false(matches(&(struct impair_rule){.tcp_mask = TH_SYN}, &packet));
}

static void sizes_pick_by_the_networks_bytes(void **state)
{
    struct spec framed = http;
    uint32_t bytes = 20 + 20 + 14;
    (void)state;

    framed.ethernet = true;
    for (int i = 0; i < 2; i++) {
        const struct spec *spec = i ? &framed : &http;

        assert_true(matches(&(struct impair_rule){.size_least = bytes}, spec));
        assert_false(matches(&(struct impair_rule){.size_least = bytes + 1}, spec));
        assert_true(matches(&(struct impair_rule){.size_most = bytes}, spec));
        assert_false(matches(&(struct impair_rule){.size_most = bytes - 1}, spec));
    }
}

static void patterns_pick_where_they_say(void **state)
{
    struct impair_rule rule = {.pattern = pattern(IMPAIR_PART_PAYLOAD, 0, "GET ", false)};
    struct spec other = http, framed = http;
    (void)state;

    framed.ethernet = true;
    other.payload = "xGET ";
    assert_true(matches(&rule, &http));
    assert_true(matches(&rule, &framed));
    assert_false(matches(&rule, &other));
    rule.pattern.anywhere = true;
    assert_true(matches(&rule, &other));
    rule.pattern.offset = 2;
    assert_false(matches(&rule, &other));
    rule.pattern = pattern(IMPAIR_PART_PAYLOAD, 10, "/1.1", false);
    assert_true(matches(&rule, &http));
    rule.pattern.offset = 11; /* ends behind the packet */
    assert_false(matches(&rule, &http));
    rule.pattern = pattern(IMPAIR_PART_TRANSPORT, 2, "\1P", false); /* no such port */
    assert_false(matches(&rule, &http));
    rule.pattern.bytes[0] = 0;
    assert_true(matches(&rule, &http));
    rule.pattern = pattern(IMPAIR_PART_NETWORK, 12, "\12", false);
    assert_true(matches(&rule, &framed));
    rule.pattern = pattern(IMPAIR_PART_LINK, 12, "\201", false);
    assert_true(matches(&rule, &framed));
    assert_false(matches(&rule, &http));
}

static void a_mask_says_which_bits_count(void **state)
{
    struct impair_rule rule = {.pattern = pattern(IMPAIR_PART_PAYLOAD, 0, "get", false)};
    (void)state;

    assert_false(matches(&rule, &http));
    memset(rule.pattern.mask, 0xdf, 3);
    assert_true(matches(&rule, &http));
    rule.pattern = pattern(IMPAIR_PART_PAYLOAD, 0, "p/1", true);
    memset(rule.pattern.mask, 0xdf, 3);
    assert_true(matches(&rule, &http));
}

/* A later fragment has no ports, and its payload is not where a pattern looks. */
static void what_is_not_there_is_not_picked(void **state)
{
    uint8_t bytes[] = {0x45, 0, 0,  28, 0, 0, 0, 10, 64, 17, 0, 0, 10, 0,
                       0,    1, 10, 0,  0, 2, 0, 80, 0,  80, 1, 2, 3,  4};
    struct packet fragment = {.bytes = bytes, .length = sizeof bytes, .link = PACKET_LINK_IP};
    struct packet empty = {.link = PACKET_LINK_IP};
    uint16_t sum = checksum_fold(checksum_add(0, bytes, 20));
    (void)state;

    memcpy(bytes + 10, &sum, sizeof sum);
    assert_int_equal(packet_parse(&fragment), PACKET_SOUND);
    assert_int_equal(packet_parse(&empty), PACKET_EMPTY);
    assert_true(matches(
        &(struct impair_rule){.protocol = IPPROTO_UDP},
        &(struct spec){"10.0.0.1", "10.0.0.2", IPPROTO_UDP, 80, 80, 0, 0, 0, "1234", false}));
    assert_true(impair_rule_matches(&(struct impair_rule){.protocol = IPPROTO_UDP}, &fragment));
    assert_false(impair_rule_matches(&(struct impair_rule){.source_port = {80, 80}}, &fragment));
    assert_false(impair_rule_matches(
        &(struct impair_rule){.pattern = pattern(IMPAIR_PART_PAYLOAD, 0, "\1", true)}, &fragment));
    assert_true(impair_rule_matches(&(struct impair_rule){0}, &empty));
    assert_false(impair_rule_matches(&(struct impair_rule){.protocol = 6}, &empty));
    assert_false(impair_rule_matches(
        &(struct impair_rule){.pattern = pattern(IMPAIR_PART_NETWORK, 0, "\1", true)}, &empty));
}

/* -- The nth of a flow ------------------------------------------------------------------------- */

static void the_nth_is_counted_for_each_flow(void **state)
{
    static const struct impair_rule rule = {.nth = 3, .every = 4, .action = IMPAIR_ACT_DROP};
    struct fixture fixture;
    struct spec spec = http;
    (void)state;

    start(&fixture, &rule, 1);
    for (unsigned i = 0; i < 12; i++)
        for (uint16_t flow = 0; flow < 50; flow++) {
            spec.source_port = 1000 + flow;
            fixture_take(&fixture, make(&fixture, &spec));
            fixture_finish(&fixture);
        }
    for (size_t i = 0; i < fixture.count; i++) {
        uint64_t place = fixture.verdicts[i].number / 50 + 1;

        assert_int_equal(fixture.verdicts[i].why,
                         place == 3 || place == 7 || place == 11 ? IMPAIR_WHY(IMPAIR_RULE) : 0);
        assert_int_equal(fixture.verdicts[i].rule, fixture.verdicts[i].why ? 1 : 0);
    }
    fixture_free(&fixture);
}

/* With less room than flows, those that rest are forgotten, and nothing else happens. */
static void a_crowded_table_forgets_those_that_rest(void **state)
{
    static const struct impair_rule rule = {.nth = 2, .action = IMPAIR_ACT_DROP};
    struct impair_settings settings = {.rules = &rule, .rule_count = 1};
    struct fixture fixture;
    struct spec spec = http;
    (void)state;

    fixture_init_with(&fixture, (struct impair_options){.flight = 64, .flows = 4});
    fixture_set(&fixture, &settings);
    for (uint16_t flow = 0; flow < 100; flow++) {
        spec.source_port = 1000 + flow;
        fixture_take(&fixture, make(&fixture, &spec));
        fixture_finish(&fixture);
    }
    spec.source_port = 1000 + 99;
    fixture_take(&fixture, make(&fixture, &spec));
    spec.source_port = 1000;
    fixture_take(&fixture, make(&fixture, &spec));
    fixture_finish(&fixture);
    assert_int_equal(fixture_count(&fixture, IMPAIR_RULE), 1);
    assert_int_equal(fixture.verdicts[100].why, IMPAIR_WHY(IMPAIR_RULE));
    fixture_free(&fixture);
}

static void a_share_of_those_picked_and_a_limit(void **state)
{
    struct impair_rule rule = {.share_ppb = percent(25), .action = IMPAIR_ACT_DROP};
    struct fixture fixture;
    (void)state;

    start(&fixture, &rule, 1);
    fixture_stream(&fixture, 10000, 100, 1);
    assert_share(fixture_count(&fixture, IMPAIR_RULE), 10000, 0.25);
    fixture_free(&fixture);
    rule.share_ppb = 0;
    rule.limit = 7;
    start(&fixture, &rule, 1);
    fixture_stream(&fixture, 100, 100, 1);
    assert_int_equal(fixture_count(&fixture, IMPAIR_RULE), 7);
    fixture_free(&fixture);
}

/* A change of something else does not let a rule act again; a change of the rule does. */
static void a_rule_that_stays_keeps_its_count(void **state)
{
    static struct impair_rule rule = {.limit = 2, .action = IMPAIR_ACT_DROP};
    struct impair_settings settings = {.rules = &rule, .rule_count = 1};
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture_stream(&fixture, 10, 100, 1);
    settings.delay.mean_ns = FIXTURE_MS;
    fixture_set(&fixture, &settings);
    fixture_stream(&fixture, 10, 100, 1);
    assert_int_equal(fixture_count(&fixture, IMPAIR_RULE), 2);
    rule.limit = 3;
    fixture_set(&fixture, &settings);
    fixture_stream(&fixture, 10, 100, 1);
    assert_int_equal(fixture_count(&fixture, IMPAIR_RULE), 5);
    fixture_free(&fixture);
}

/* -- What is done ------------------------------------------------------------------------------ */

static void rules_delay_and_duplicate_until_one_ends_it(void **state)
{
    static const struct impair_rule rules[] = {
        {.action = IMPAIR_ACT_DELAY, .delay_ns = 3 * FIXTURE_MS},
        {.action = IMPAIR_ACT_DUPLICATE, .copies = 2},
        {.action = IMPAIR_ACT_DELAY, .delay_ns = 4 * FIXTURE_MS},
        {.action = IMPAIR_ACT_DROP, .destination_port = {80, 80}},
        {.action = IMPAIR_ACT_DUPLICATE},
    };
    struct spec dns = http;
    struct fixture fixture;
    (void)state;

    dns.destination_port = 53;
    start(&fixture, rules, array_size(rules));
    fixture_take(&fixture, make(&fixture, &http));
    fixture_take(&fixture, make(&fixture, &dns));
    fixture_finish(&fixture);
    assert_int_equal(fixture.count, 1 + 4);
    assert_int_equal(fixture.verdicts[0].why, IMPAIR_WHY(IMPAIR_RULE) | IMPAIR_WHY(IMPAIR_HELD));
    assert_int_equal(fixture.verdicts[0].rule, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(fixture.verdicts[1 + i].due_ns - FIXTURE_START, 7 * FIXTURE_MS);
        assert_int_equal(fixture.verdicts[1 + i].copy, i);
        assert_int_equal(fixture.verdicts[1 + i].rule, 5);
    }
    fixture_free(&fixture);
}

static void mangled_packets_have_right_checksums_unless_told_otherwise(void **state)
{
    struct impair_rule rule = {.action = IMPAIR_ACT_MANGLE,
                               .mangle = pattern(IMPAIR_PART_PAYLOAD, 0, "PUT ", false)};
    struct spec specs[] = {http, http};
    struct packet *out[1];
    struct fixture fixture;
    (void)state;

    specs[1].source = "fd00::1";
    specs[1].destination = "fd00::2";
    specs[1].ethernet = true;
    for (size_t i = 0; i < 4; i++) {
        rule.keep_checksums = i / 2;
        start(&fixture, &rule, 1);
        fixture_take(&fixture, make(&fixture, &specs[i % 2]));
        assert_int_equal(fixture_due(&fixture, fixture.now_ns, out, 1), 1);
        assert_memory_equal(packet_payload(out[0]), "PUT / HTTP/1.1", 14);
        assert_int_equal(checksum_right(out[0]), !rule.keep_checksums);
        assert_int_equal(fixture.verdicts[0].why, IMPAIR_WHY(IMPAIR_MANGLED));
        pool_give(&fixture.pool, out, 1);
        fixture_free(&fixture);
    }
}

static void no_offload_mends_what_was_mangled(void **state)
{
    struct impair_rule rule = {.action = IMPAIR_ACT_MANGLE,
                               .mangle = pattern(IMPAIR_PART_PAYLOAD, 0, "PUT ", false),
                               .keep_checksums = true};
    struct packet *packet, *out[1];
    struct fixture fixture;
    uint16_t sum;
    (void)state;

    start(&fixture, &rule, 1);
    packet = make(&fixture, &http);
    sum = (uint16_t)~checksum_fold(checksum_pseudo(packet, IPPROTO_TCP, 34));
    packet->checksum = PACKET_CHECKSUM_PARTIAL;
    packet->checksum_start = 20;
    packet->checksum_at = 36;
    memcpy(packet->bytes + 36, &sum, sizeof sum);
    fixture_take(&fixture, packet);
    assert_int_equal(fixture_due(&fixture, fixture.now_ns, out, 1), 1);
    assert_int_equal(out[0]->checksum, PACKET_CHECKSUM_WHOLE);
    assert_false(checksum_right(out[0]));
    memcpy(out[0]->bytes + 40, "GET ", 4);
    assert_true(checksum_right(out[0]));
    pool_give(&fixture.pool, out, 1);
    fixture_free(&fixture);
}

/* The TTL, of which IPv4's own checksum knows; and bits of a byte. */
static void a_mangled_header_is_sound(void **state)
{
    struct impair_rule rule = {.action = IMPAIR_ACT_MANGLE,
                               .mangle = pattern(IMPAIR_PART_NETWORK, 8, "\001", false)};
    struct packet *out[1];
    struct fixture fixture;
    (void)state;

    rule.mangle.mask[0] = 0xc1;
    start(&fixture, &rule, 1);
    fixture_take(&fixture, make(&fixture, &http));
    assert_int_equal(fixture_due(&fixture, fixture.now_ns, out, 1), 1);
    assert_int_equal(out[0]->flaw, PACKET_SOUND);
    assert_int_equal(packet_hops(out[0]), 1);
    pool_give(&fixture.pool, out, 1);
    fixture_free(&fixture);
}

static void a_packet_that_is_too_short_to_mangle_is_left_alone(void **state)
{
    struct impair_rule rule = {.action = IMPAIR_ACT_MANGLE,
                               .mangle = pattern(IMPAIR_PART_PAYLOAD, 12, "xyz", false)};
    struct fixture fixture;
    (void)state;

    start(&fixture, &rule, 1);
    fixture_take(&fixture, make(&fixture, &http));
    fixture_finish(&fixture);
    assert_int_equal(fixture.verdicts[0].why, 0);
    assert_int_equal(fixture.verdicts[0].rule, 0);
    fixture_free(&fixture);
}

/* -- Resets ------------------------------------------------------------------------------------ */

static void check_reset(const struct packet *reset, bool back, uint8_t flags, uint32_t sequence,
                        uint32_t acknowledgement)
{
    assert_int_equal(reset->flaw, PACKET_SOUND);
    assert_true(checksum_right(reset));
    assert_int_equal(packet_tcp_flags(reset), flags);
    assert_int_equal(packet_tcp_sequence(reset), sequence);
    assert_int_equal(packet_tcp_acknowledgement(reset), acknowledgement);
    assert_int_equal(packet_source_port(reset), back ? 80 : 40000);
    assert_int_equal(packet_destination_port(reset), back ? 40000 : 80);
    assert_int_equal(packet_payload_length(reset), 0);
}

/* RFC 9293, 3.10.7.1: with an ACK the sequence is what it acknowledged. */
static void a_reset_goes_back_to_the_sender(void **state)
{
    static const struct impair_rule rule = {.action = IMPAIR_ACT_RESET};
    struct spec specs[] = {http, http, http, http, http};
    struct fixture fixture;
    (void)state;

    specs[4].flags = TH_FIN;
    specs[4].payload = "123456";
    specs[1].ethernet = true;
    specs[2].source = "fd00::1";
    specs[2].destination = "fd00::2";
    specs[3].flags = TH_SYN;
    specs[3].payload = "12345";
    for (size_t i = 0; i < array_size(specs); i++) {
        struct packet *out[2];

        start(&fixture, &rule, 1);
        fixture_take(&fixture, make(&fixture, &specs[i]));
        assert_int_equal(impair_due(fixture.impair, fixture.now_ns, out, 2), 0);
        assert_int_equal(impair_next_ns(fixture.impair), 0);
        assert_int_equal(impair_back(fixture.impair, fixture.now_ns, out, 2), 1);
        if (i >= 3)
            check_reset(out[0], true, TH_RST | TH_ACK, 0, (i == 3 ? 1005 : 1006) + 1);
        else
            check_reset(out[0], true, TH_RST, 2000, 0);
        if (i == 1) {
            assert_memory_equal(out[0]->bytes, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
            assert_int_equal(packet_vlan(out[0], 0), 7);
        }
        assert_int_equal(fixture.count, 2);
        assert_int_equal(fixture.verdicts[0].why, IMPAIR_WHY(IMPAIR_RESET));
        assert_int_equal(fixture.verdicts[1].why, IMPAIR_WHY(IMPAIR_FORGED));
        assert_true(fixture.verdicts[1].back);
        pool_give(&fixture.pool, out, 1);
        fixture_free(&fixture);
    }
}

static void a_reset_goes_on_to_the_receiver_and_waits_as_packets_do(void **state)
{
    static const struct impair_rule rule = {.action = IMPAIR_ACT_RESET, .reset = IMPAIR_RESET_BOTH};
    struct impair_settings settings = {
        .rules = &rule, .rule_count = 1, .delay = {.mean_ns = 10 * FIXTURE_MS}};
    struct fixture fixture;
    struct packet *out[2];
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture_take(&fixture, make(&fixture, &http));
    assert_int_equal(impair_back(fixture.impair, fixture.now_ns, out, 2), 1);
    check_reset(out[0], true, TH_RST, 2000, 0);
    pool_give(&fixture.pool, out, 1);
    assert_int_equal(impair_next_ns(fixture.impair), FIXTURE_START + 10 * FIXTURE_MS);
    assert_int_equal(fixture_due(&fixture, FIXTURE_START + 10 * FIXTURE_MS, out, 2), 1);
    check_reset(out[0], false, TH_RST | TH_ACK, 1000, 2000);
    assert_memory_equal(packet_source(out[0]), "\12\0\0\1", 4);
    pool_give(&fixture.pool, out, 1);
    assert_int_equal(fixture_count(&fixture, IMPAIR_FORGED), 2);
    fixture_free(&fixture);
}

static void nothing_answers_a_reset_and_only_tcp_is_reset(void **state)
{
    static const struct impair_rule rule = {.action = IMPAIR_ACT_RESET};
    struct spec reset = http, udp = http;
    struct fixture fixture;
    (void)state;

    reset.flags = TH_RST;
    udp.protocol = IPPROTO_UDP;
    start(&fixture, &rule, 1);
    fixture_take(&fixture, make(&fixture, &reset));
    fixture_take(&fixture, make(&fixture, &udp));
    fixture_finish(&fixture);
    assert_int_equal(fixture.count, 2);
    assert_int_equal(fixture.verdicts[0].why, IMPAIR_WHY(IMPAIR_RESET));
    assert_int_equal(fixture.verdicts[1].why, 0);
    fixture_free(&fixture);
}

static void a_reset_without_a_buffer_is_missed(void **state)
{
    static const struct impair_rule rule = {.action = IMPAIR_ACT_RESET};
    struct packet *packets[FIXTURE_FLIGHT + 64], *packet;
    struct fixture fixture;
    size_t taken;
    (void)state;

    start(&fixture, &rule, 1);
    packet = make(&fixture, &http);
    taken = pool_take(&fixture.pool, packets, array_size(packets));
    fixture_take(&fixture, packet);
    assert_int_equal(fixture.verdicts[0].why, IMPAIR_WHY(IMPAIR_RESET) | IMPAIR_WHY(IMPAIR_UNMADE));
    pool_give(&fixture.pool, packets, taken);
    fixture_free(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_rule_picks_everything),
        cmocka_unit_test(prefixes_pick_to_the_bit),
        cmocka_unit_test(ports_and_protocols_pick),
        cmocka_unit_test(tcp_flags_pick_by_mask),
        cmocka_unit_test(sizes_pick_by_the_networks_bytes),
        cmocka_unit_test(patterns_pick_where_they_say),
        cmocka_unit_test(a_mask_says_which_bits_count),
        cmocka_unit_test(what_is_not_there_is_not_picked),
        cmocka_unit_test(the_nth_is_counted_for_each_flow),
        cmocka_unit_test(a_crowded_table_forgets_those_that_rest),
        cmocka_unit_test(a_share_of_those_picked_and_a_limit),
        cmocka_unit_test(a_rule_that_stays_keeps_its_count),
        cmocka_unit_test(rules_delay_and_duplicate_until_one_ends_it),
        cmocka_unit_test(mangled_packets_have_right_checksums_unless_told_otherwise),
        cmocka_unit_test(no_offload_mends_what_was_mangled),
        cmocka_unit_test(a_mangled_header_is_sound),
        cmocka_unit_test(a_packet_that_is_too_short_to_mangle_is_left_alone),
        cmocka_unit_test(a_reset_goes_back_to_the_sender),
        cmocka_unit_test(a_reset_goes_on_to_the_receiver_and_waits_as_packets_do),
        cmocka_unit_test(nothing_answers_a_reset_and_only_tcp_is_reset),
        cmocka_unit_test(a_reset_without_a_buffer_is_missed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
