/* The link's own upkeep is told from data, and whatever of it there is: no data packet's number,
 * draws or models are moved. */
#include "net/headers.h"
#include "tests/unit/impair_fixture.h"

enum { DATA = 3000, LENGTH = 200 };

/* -- Which is which ---------------------------------------------------------------------------- */

/* A frame to `destination` of `ethertype` with so much behind it. */
static void start(struct build *build, struct packet *packet, const uint8_t *destination,
                  uint16_t ethertype)
{
    struct ethernet_header ethernet = {.ethertype = ethertype};

    memcpy(ethernet.destination, destination, PACKET_MAC_BYTES);
    build_start(build, packet->bytes, LENGTH);
    build_ethernet(build, &ethernet);
}

static void finish(struct build *build, struct packet *packet)
{
    packet->length = (uint32_t)build_finish(build);
    packet->link = PACKET_LINK_ETHERNET;
    packet_parse(packet);
}

static const uint8_t some_mac[PACKET_MAC_BYTES] = {2, 0, 0, 0, 0, 1};

static bool frame_is_upkeep(const uint8_t *destination, uint16_t ethertype)
{
    static const uint8_t zeros[60];
    uint8_t bytes[LENGTH];
    struct packet packet = {.bytes = bytes};
    struct build build;

    start(&build, &packet, destination, ethertype);
    build_bytes(&build, zeros, sizeof zeros);
    finish(&build, &packet);
    return packet_is_upkeep(&packet);
}

static bool ipv4_is_upkeep(uint8_t protocol)
{
    static const uint8_t zeros[30];
    uint8_t bytes[LENGTH];
    struct packet packet = {.bytes = bytes};
    struct build build;

    start(&build, &packet, some_mac, ETHERTYPE_OF_IPV4);
    build_ipv4(&build, &(struct ipv4_header){.hops = 1, .protocol = protocol});
    build_bytes(&build, zeros, sizeof zeros);
    finish(&build, &packet);
    assert_int_equal(packet.network, PACKET_NETWORK_IPV4);
    return packet_is_upkeep(&packet);
}

static bool icmpv6_is_upkeep(uint8_t type)
{
    static const uint8_t zeros[40];
    uint8_t bytes[LENGTH];
    struct packet packet = {.bytes = bytes};
    struct build build;

    start(&build, &packet, some_mac, ETHERTYPE_OF_IPV6);
    build_ipv6(&build, &(struct ipv6_header){.hops = 255, .protocol = IPPROTO_ICMPV6});
    build_icmp(&build, &(struct icmp_header){.type = type});
    build_bytes(&build, zeros, packet_nd_bytes(type) ? packet_nd_bytes(type) - 8 : 20);
    finish(&build, &packet);
    assert_int_equal(packet.transport, PACKET_TRANSPORT_ICMPV6);
    return packet_is_upkeep(&packet);
}

static void upkeep_is_told_from_data(void **state)
{
    static const uint8_t reserved[PACKET_MAC_BYTES] = {0x01, 0x80, 0xc2, 0, 0, 0x0e};
    static const uint8_t beyond[PACKET_MAC_BYTES] = {0x01, 0x80, 0xc2, 0, 0, 0x10};
    (void)state;

    for (unsigned type = 0; type < 256; type++)
        assert_int_equal(icmpv6_is_upkeep((uint8_t)type),
                         (type >= 130 && type <= 137) || type == 143);
    for (unsigned protocol = 0; protocol < 256; protocol++)
        assert_int_equal(ipv4_is_upkeep((uint8_t)protocol), protocol == IPPROTO_IGMP);
    assert_true(frame_is_upkeep(some_mac, ETHERTYPE_OF_ARP)); /* of nonsense */
    assert_true(frame_is_upkeep(reserved, 0x88cc));           /* LLDP */
    assert_true(frame_is_upkeep(reserved, 38));               /* a length: spanning tree */
    assert_false(frame_is_upkeep(beyond, 0x88cc));
    assert_false(frame_is_upkeep(some_mac, 0x88e5));            /* MACsec */
    assert_false(frame_is_upkeep(some_mac, 0x8847));            /* MPLS */
    assert_false(frame_is_upkeep(some_mac, ETHERTYPE_OF_IPV4)); /* of nonsense */
}

/* An MLD report as a kernel sends it: behind hop-by-hop options, in a VLAN. */
static void upkeep_is_found_behind_tags_and_options(void **state)
{
    static const uint8_t router_alert[] = {5, 2, 0, 0, 1, 0};
    struct ethernet_header ethernet = {
        .vlans = {{ETHERTYPE_OF_VLAN, 7}}, .vlan_count = 1, .ethertype = ETHERTYPE_OF_IPV6};
    uint8_t bytes[LENGTH];
    struct packet packet = {.bytes = bytes};
    struct build build;
    (void)state;

    build_start(&build, bytes, sizeof bytes);
    build_ethernet(&build, &ethernet);
    build_ipv6(&build, &(struct ipv6_header){.hops = 1});
    build_ipv6_extension(&build, IPPROTO_HOPOPTS, router_alert, sizeof router_alert);
    build_icmp(&build, &(struct icmp_header){.type = 143});
    finish(&build, &packet);
    assert_int_equal(packet.flaw, PACKET_SOUND);
    assert_true(packet_is_upkeep(&packet));
}

/* -- What it does not move --------------------------------------------------------------------- */

static void make_arp(struct packet *packet)
{
    struct build build;

    start(&build, packet, some_mac, ETHERTYPE_OF_ARP);
    build_arp(&build, &(struct arp_header){.operation = ARP_REQUEST});
    finish(&build, packet);
}

static const struct impair_rule some = {
    .action = IMPAIR_ACT_DELAY, .delay_ns = 300 * FIXTURE_MS, .share_ppb = 300000000};
static const struct impair_rule third = {
    .action = IMPAIR_ACT_DUPLICATE, .protocol = IPPROTO_UDP, .nth = 3, .every = 3};

static struct impair_settings everything(const struct impair_rule *rules)
{
    return (struct impair_settings){
        .delay = {.mean_ns = 20 * FIXTURE_MS,
                  .jitter_ns = 5 * FIXTURE_MS,
                  .correlation_ppb = percent(30),
                  .distribution = IMPAIR_NORMAL},
        .loss = {.model = IMPAIR_LOSS_STATE,
                 .state = {.p13 = percent(5), .p31 = percent(40), .p23 = percent(30)}},
        .duplicate = {.ppb = percent(3), .correlation_ppb = percent(20)},
        .reorder = {.chance = {.ppb = percent(50)}, .gap = 10},
        .corrupt = {.chance = {.ppb = percent(5), .correlation_ppb = percent(10)}, .flips = 3},
        .rules = rules,
        .rule_count = 2};
}

struct outcome {
    uint64_t delay_ns;
    uint32_t why, seen;
};

enum { COPIES = 4 };

/* A stream of data with `upkeep` frames of ARP before each third packet, through take and due. */
static void run(size_t upkeep, struct outcome *data, struct outcome *arp)
{
    const struct impair_rule rules[] = {some, third};
    struct impair_settings settings = everything(rules);
    struct fixture fixture;

    fixture_init(&fixture, 7);
    fixture_set(&fixture, &settings);
    for (size_t i = 0; i < DATA; i++) {
        for (size_t j = 0; i % 3 == 0 && j < upkeep; j++) {
            struct packet *packet;

            assert_int_equal(pool_take(&fixture.pool, &packet, 1), 1);
            packet->time_ns = 0;
            make_arp(packet);
            fixture_take(&fixture, packet);
        }
        fixture_send(&fixture, 100);
        fixture_run(&fixture, fixture.now_ns + FIXTURE_MS);
    }
    fixture_finish(&fixture);
    for (size_t i = 0; i < fixture.count; i++) {
        const struct impair_verdict *verdict = &fixture.verdicts[i];
        struct outcome *of = impair_class(verdict) == IMPAIR_DATA ? data : arp;

        assert_true(verdict->number < DATA && verdict->copy < COPIES);
        of += verdict->number * COPIES + verdict->copy;
        assert_int_equal(of->seen++, 0);
        of->why = verdict->why;
        of->delay_ns = verdict->due_ns - verdict->in_ns;
    }
    fixture_free(&fixture);
}

static void no_data_packet_is_moved_by_upkeep(void **state)
{
    struct outcome *alone = xcalloc((size_t)DATA * COPIES, sizeof *alone);
    struct outcome *with = xcalloc((size_t)DATA * COPIES, sizeof *with);
    struct outcome *arp = xcalloc((size_t)DATA * COPIES, sizeof *arp);
    size_t lost = 0, arp_lost = 0, same = 0;
    (void)state;

    run(0, alone, arp);
    run(2, with, arp);
    assert_memory_equal(alone, with, (size_t)DATA * COPIES * sizeof *alone);
    for (size_t i = 0; i < DATA * 2 / 3; i++) {
        bool is_lost = alone[i * COPIES].why & IMPAIR_WHY(IMPAIR_LOSS);
        bool arp_is_lost = arp[i * COPIES].why & IMPAIR_WHY(IMPAIR_LOSS);

        assert_int_equal(arp[i * COPIES].seen, 1);
        lost += is_lost;
        arp_lost += arp_is_lost;
        same += is_lost && arp_is_lost;
    }
    /* The same probabilities, and other draws. */
    assert_in_range(lost, 100, 400);
    assert_in_range(arp_lost, 100, 400);
    assert_true(same < lost / 2 && same < arp_lost / 2);
    free(alone);
    free(with);
    free(arp);
}

/* How many of the data that follow an ARP each get through. */
static size_t data_behind_arp(const struct impair_rule *rule, size_t count)
{
    const struct impair_settings settings = {.rules = rule, .rule_count = 1};
    struct fixture fixture;
    size_t delivered = 0;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    for (size_t i = 0; i < count; i++) {
        struct packet *packet;

        assert_int_equal(pool_take(&fixture.pool, &packet, 1), 1);
        packet->time_ns = 0;
        make_arp(packet);
        fixture_take(&fixture, packet);
        fixture_send(&fixture, 100);
        fixture_run(&fixture, fixture.now_ns);
    }
    for (size_t i = 0; i < fixture.count; i++)
        delivered += impair_class(&fixture.verdicts[i]) == IMPAIR_DATA &&
                     !(fixture.verdicts[i].why & IMPAIR_WHY(IMPAIR_RULE));
    fixture_free(&fixture);
    return delivered;
}

static void upkeep_uses_up_no_limit_of_a_rule(void **state)
{
    (void)state;
    assert_int_equal(
        data_behind_arp(&(struct impair_rule){.action = IMPAIR_ACT_DROP, .limit = 1}, 3), 2);
    assert_int_equal(
        data_behind_arp(&(struct impair_rule){.action = IMPAIR_ACT_DROP, .limit = 3}, 3), 0);
}

/* IGMP of the host 10.0.0.`host`: a flow of its own. */
static void make_igmp(struct packet *packet, uint8_t host)
{
    static const uint8_t zeros[8];
    struct build build;

    start(&build, packet, some_mac, ETHERTYPE_OF_IPV4);
    build_ipv4(&build, &(struct ipv4_header){
                           .source = {10, 0, 0, host}, .hops = 1, .protocol = IPPROTO_IGMP});
    build_bytes(&build, zeros, sizeof zeros);
    finish(&build, packet);
}

/* Of no more flows than there is room for. */
static void upkeep_makes_no_flow_forgotten(void **state)
{
    const struct impair_rule rule = {
        .action = IMPAIR_ACT_DROP, .protocol = IPPROTO_UDP, .nth = 3, .every = 3};
    const struct impair_settings settings = {.rules = &rule, .rule_count = 1};
    struct fixture fixture;
    (void)state;

    fixture_init_with(&fixture, (struct impair_options){.flight = FIXTURE_FLIGHT, .flows = 4});
    fixture_set(&fixture, &settings);
    for (size_t i = 0; i < 9; i++) {
        fixture_send(&fixture, 100);
        for (uint8_t host = 0; host < 8; host++) {
            struct packet *packet;

            assert_int_equal(pool_take(&fixture.pool, &packet, 1), 1);
            packet->time_ns = 0;
            make_igmp(packet, host);
            fixture_take(&fixture, packet);
        }
        fixture_run(&fixture, fixture.now_ns);
    }
    assert_int_equal(fixture.count, 9 * 9);
    for (size_t i = 0; i < fixture.count; i++) {
        const struct impair_verdict *verdict = &fixture.verdicts[i];

        if (impair_class(verdict) == IMPAIR_DATA)
            assert_int_equal(verdict->why, verdict->number % 3 == 2 ? IMPAIR_WHY(IMPAIR_RULE) : 0);
    }
    fixture_free(&fixture);
}

/* Where nothing waits, and nobody watches. */
static void upkeep_that_passes_is_counted_and_numbered_by_itself(void **state)
{
    enum { ROUNDS = 400 };
    const struct impair_settings settings = {.loss.random.ppb = percent(20)};
    uint64_t delivered[2] = {0};
    (void)state;

    for (int with = 0; with < 2; with++) {
        struct fixture fixture;
        const struct impair_counters *counters;
        struct impair_options options = {.seed = 3};

        fixture_init(&fixture, 3);
        options.pool = &fixture.pool;
        free(fixture.memory);
        fixture.memory = xmalloc(impair_size(&options));
        fixture.impair = impair_init(fixture.memory, &options);
        counters = impair_counters(fixture.impair);
        fixture_set(&fixture, &settings);
        for (size_t i = 0; i < ROUNDS; i++) {
            struct packet *packets[2];
            size_t count = 1;

            packets[0] = fixture_packet_of(&fixture, 100);
            if (with && i % 2) {
                assert_int_equal(pool_take(&fixture.pool, &packets[1], 1), 1);
                packets[1]->time_ns = 0;
                make_arp(packets[1]);
                count++;
            }
            count = impair_pass(fixture.impair, fixture.now_ns, packets, count, 2);
            for (size_t j = 0; j < count; j++)
                delivered[with] +=
                    packet_is_upkeep(packets[j]) ? 0 : (uint64_t)fixture_number(packets[j]);
            pool_give(&fixture.pool, packets, count);
        }
        assert_int_equal(counters->causes[IMPAIR_UPKEEP], with ? ROUNDS / 2 : 0);
        assert_int_equal(counters->packets_in, with ? ROUNDS * 3 / 2 : ROUNDS);
        assert_int_equal(counters->packets_out + counters->causes[IMPAIR_LOSS],
                         counters->packets_in);
        fixture_free(&fixture);
    }
    assert_true(delivered[0] > 0 && delivered[0] == delivered[1]);
}

/* The queue and the rate are of both. */
static void upkeep_waits_in_the_same_queue(void **state)
{
    const struct impair_settings settings = {.rate.bps = 8000, .queue.limit_packets = 1};
    struct fixture fixture;
    struct packet *packet;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture_send(&fixture, 1000);
    fixture_send(&fixture, 1000);
    assert_int_equal(pool_take(&fixture.pool, &packet, 1), 1);
    packet->time_ns = 0;
    make_arp(packet);
    fixture_take(&fixture, packet);
    assert_int_equal(fixture.count, 1);
    assert_int_equal(fixture.verdicts[0].why, IMPAIR_WHY(IMPAIR_QUEUE) | IMPAIR_WHY(IMPAIR_UPKEEP));
    assert_int_equal(fixture.verdicts[0].number, 0);
    fixture_free(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(upkeep_is_told_from_data),
        cmocka_unit_test(upkeep_is_found_behind_tags_and_options),
        cmocka_unit_test(no_data_packet_is_moved_by_upkeep),
        cmocka_unit_test(upkeep_uses_up_no_limit_of_a_rule),
        cmocka_unit_test(upkeep_makes_no_flow_forgotten),
        cmocka_unit_test(upkeep_that_passes_is_counted_and_numbered_by_itself),
        cmocka_unit_test(upkeep_waits_in_the_same_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
