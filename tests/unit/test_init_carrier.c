/* A link that a node carries: how STARTPOD and SETLINK say it, what the host reads of its answers,
 * and how the TCP inside a tunnel is cut. */
#include "base/memory.h"
#include "base/wire.h"
#include "initrd/init/datapath_cut.h"
#include "initrd/init/link_state.h"
#include "initrd/init/reply.h"
#include "initrd/init/request.h"
#include "tests/unit/net_fixture.h"
#include "vm/control_message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* -- STARTPOD ---------------------------------------------------------------------------------- */

#define ENTROPY   "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define INTERFACE "\"device\":\"02:00:00:00:00:01\",\"mac\":\"02:00:00:00:00:01\",\"name\":\"eth0\""
#define LINK      "\"link\":3,\"name\":\"a-b\",\"end\":1,\"seed\":\"18446744073709551615\""

static int parse(const char *interface, struct request **request, struct error *error)
{
    cleanup_free char *json =
        xasprintf("{\"id\":1,\"hostname\":\"a\",\"time_ns\":\"1\",\"entropy\":"
                  "\"" ENTROPY "\",\"interfaces\":[{" INTERFACE "%s}]}",
                  interface);
    uint64_t id;

    return request_parse(WIRE_STARTPOD, json, strlen(json), &id, request, error);
}

static void a_link_has_its_settings_changes_and_streams(void **state)
{
    struct request *request = NULL;
    struct error error = {0};
    const struct pod_carrier *carrier;

    (void)state;
    if (parse(",\"mtu\":1500,\"carrier\":{" LINK
              ",\"impair\":[{\"delay\":\"5ms\"},{\"loss\":\"1%\"}],"
              "\"verdicts\":[2,3],\"changes\":[{\"at\":200,\"of\":1,\"impair\":[null,{\"down\":"
              "\"true\"}]},{\"after_ns\":2000000000,\"impair\":[{\"delay\":\"9ms\"},null]}]}",
              &request, &error) != 0)
        fail_msg("%s", error.message);
    carrier = request->pod.interfaces[0].carrier;
    assert_int_equal(carrier->link, 3);
    assert_int_equal(carrier->end, 1);
    assert_true(carrier->seed == UINT64_MAX);
    assert_int_equal(carrier->configs[0].settings.delay.mean_ns, 5000000);
    assert_int_equal(carrier->configs[1].settings.loss.random.ppb, 10000000);
    assert_int_equal(carrier->verdicts[0], 2);
    assert_int_equal(carrier->verdicts[1], 3);
    assert_int_equal(carrier->step_count, 2);
    assert_true(carrier->steps[0].by_packet);
    assert_int_equal(carrier->steps[0].packet, 200);
    assert_int_equal(carrier->steps[0].direction, 1);
    assert_null(carrier->steps[0].settings[0]);
    assert_true(carrier->steps[0].settings[1]->down);
    assert_false(carrier->steps[1].by_packet);
    assert_int_equal(carrier->steps[1].after_ns, 2000000000);
    assert_int_equal(carrier->steps[1].settings[0]->delay.mean_ns, 9000000);
    assert_null(carrier->steps[1].settings[1]);
    request_free(request);
}

static void a_link_that_cannot_be_is_refused(void **state)
{
    static const struct {
        const char *interface, *message;
    } wrong[] = {
        {",\"carrier\":{" LINK "}", "\"carrier\" needs an \"mtu\""},
        {",\"mtu\":1500,\"carrier\":7", "\"carrier\": it is an integer"},
        {",\"mtu\":1500,\"carrier\":{}", "\"link\" is missing"},
        {",\"mtu\":1500,\"carrier\":{" LINK ",\"impair\":[{}]}", "no array of two"},
        {",\"mtu\":1500,\"carrier\":{" LINK ",\"impair\":[{},{\"loss\":\"101%\"}]}", "101%"},
        {",\"mtu\":1500,\"carrier\":{" LINK ",\"verdicts\":[0,1]}", "no number of a stream"},
        {",\"mtu\":1500,\"carrier\":{" LINK ",\"verdicts\":[4,4]}", "the same stream"},
        {",\"mtu\":1500,\"carrier\":{" LINK ",\"changes\":[{\"impair\":[null,null]}]}",
         "one of \"at\" and \"after_ns\""},
        {",\"mtu\":1500,\"carrier\":{" LINK ",\"changes\":[{\"at\":1,\"after_ns\":1}]}",
         "one of \"at\" and \"after_ns\""},
        {",\"mtu\":1500,\"carrier\":{" LINK ",\"changes\":[{\"at\":1,\"of\":2}]}",
         "0 to 1 are possible"},
        {",\"mtu\":1500,\"carrier\":{" LINK "},\"netem\":{\"end\":0,\"seed\":\"1\",\"impair\":{}}",
         "both \"carrier\" and \"netem\""},
    };

    (void)state;
    for (size_t i = 0; i < array_size(wrong); i++) {
        struct request *request = NULL;
        struct error error = {0};

        assert_int_equal(parse(wrong[i].interface, &request, &error), -EINVAL);
        if (!strstr(error.message, wrong[i].message))
            fail_msg("\"%s\" has no \"%s\"", error.message, wrong[i].message);
    }
}

static void a_direction_that_is_null_stays(void **state)
{
    json_t *json = json_loads("{\"impair\":[null,{\"loss\":\"2%\"}]}", 0, NULL);
    struct impair_config configs[2] = {0};
    struct error error = {0};
    unsigned named;

    (void)state;
    assert_int_equal(pod_carrier_change(json, 1500, configs, &named, &error), 0);
    assert_int_equal(named, 2);
    assert_true(impair_is_none(&configs[0].settings));
    assert_int_equal(configs[1].settings.loss.random.ppb, 20000000);
    impair_config_free(&configs[1]);
    json_decref(json);
}

/* -- Answers ----------------------------------------------------------------------------------- */

static void the_host_reads_what_a_link_has_done(void **state)
{
    struct link_way_state ways[2] = {{.next = 7, .packets_in = 9, .bytes_in = 900},
                                     {.packets_out = 4, .bytes_out = 400, .unread = 2}};
    cleanup_buffer struct buffer members = {0}, out = {0};
    struct control_message message;
    struct error error = {0};
    struct wire_ctl frame;

    (void)state;
    ways[0].causes[IMPAIR_LOSS] = 3;
    ways[1].too_long = 1;
    link_state_json(&members, ways);
    reply_ack_members(&out, WIRE_LINKSTATE, 5, members.data);
    assert_int_equal(wire_ctl_read(out.data, out.length, &frame, &error), out.length);
    if (control_message_read(&frame, &message, &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(message.ways[0].next, 7);
    assert_int_equal(message.ways[0].packets_in, 9);
    assert_int_equal(message.ways[0].bytes_in, 900);
    assert_int_equal(message.ways[0].causes[IMPAIR_LOSS], 3);
    assert_int_equal(message.ways[1].packets_out, 4);
    assert_int_equal(message.ways[1].bytes_out, 400);
    assert_int_equal(message.ways[1].too_long, 1);
    assert_int_equal(message.ways[1].unread, 2);
}

#define COUNTS "\"next\":0,\"packets_in\":0,\"bytes_in\":0,\"packets_out\":0,\"bytes_out\":0"

static void an_answer_without_both_directions_is_none(void **state)
{
    static const char *const wrong[] = {
        "{\"code\":67,\"id\":1}",
        "{\"code\":67,\"id\":1,\"ways\":[]}",
        "{\"code\":67,\"id\":1,\"ways\":[{},{}]}",
        "{\"code\":68,\"id\":1,\"ways\":[1,2]}",
        "{\"code\":66,\"id\":1,\"ways\":[{" COUNTS ",\"causes\":{\"loss\":-1}},{" COUNTS "}]}",
    };

    (void)state;
    for (size_t i = 0; i < array_size(wrong); i++) {
        const struct wire_ctl frame = {
            .code = WIRE_ACK, .payload = wrong[i], .payload_length = strlen(wrong[i])};
        struct control_message message;
        struct error error = {0};

        assert_int_equal(control_message_read(&frame, &message, &error), -EBADMSG);
    }
}

/* -- Tunnels ----------------------------------------------------------------------------------- */

enum { PAYLOAD = 5000, EACH = 1300, ROOM = 1500 + 14 };

/* TCP in IPv4 in IPv4, with GRE between where `gre` has bytes. Returns the whole's length. */
static size_t make_tunnelled(uint8_t bytes[static 8192], const uint8_t *gre, size_t gre_bytes)
{
    static uint8_t payload[PAYLOAD], inside[8192];
    uint64_t random = 1;
    struct build build;
    int length;

    fixture_fill(&random, payload, sizeof payload);
    build_start(&build, inside + gre_bytes, sizeof inside - gre_bytes);
    build_ipv4(&build, &(struct ipv4_header){.source = {10, 1}, .hops = 64, .identification = 7});
    build_tcp(&build, &(struct tcp_header){.source_port = 1, .destination_port = 2, .sequence = 5});
    build_bytes(&build, payload, sizeof payload);
    length = build_finish(&build);
    assert_true(length > 0);
    memcpy(inside, gre, gre_bytes);
    build_start(&build, bytes, 8192);
    build_ethernet(&build, &(struct ethernet_header){.ethertype = ETHERTYPE_OF_IPV4});
    build_ipv4(&build, &(struct ipv4_header){.source = {10},
                                             .hops = 64,
                                             .identification = 100,
                                             .protocol = gre_bytes ? IPPROTO_GRE : IPPROTO_IPIP});
    build_bytes(&build, inside, gre_bytes + (size_t)length);
    length = build_finish(&build);
    assert_true(length > 0);
    return (size_t)length;
}

static struct packet large_packet(uint8_t *bytes, size_t length, size_t inside)
{
    struct packet packet = fixture_packet(PACKET_LINK_ETHERNET, bytes, length);

    packet_parse(&packet);
    packet.segment_bytes = EACH;
    packet.checksum = PACKET_CHECKSUM_PARTIAL;
    packet.checksum_start = (uint16_t)(inside + 20);
    packet.checksum_at = (uint16_t)(inside + 20 + 16);
    return packet;
}

static void check_piece(struct packet *piece, const struct packet *whole, size_t inside, int index)
{
    struct packet inner = *piece;
    struct ipv4_header outer;

    assert_int_equal(piece->flaw, PACKET_SOUND);
    ipv4_read(piece, &outer);
    assert_int_equal(outer.identification, 100 + index);
    assert_int_equal(piece->end, piece->length);
    checksum_finish(piece);
    inner.bytes += inside;
    inner.length -= (uint32_t)inside;
    inner.link = PACKET_LINK_IP;
    assert_int_equal(packet_parse(&inner), PACKET_SOUND);
    assert_int_equal(inner.transport, PACKET_TRANSPORT_TCP);
    assert_true(checksum_right(&inner));
    assert_int_equal(packet_tcp_sequence(&inner), 5 + index * EACH);
    assert_memory_equal(packet_payload(&inner), whole->bytes + inside + 40 + (size_t)index * EACH,
                        packet_payload_length(&inner));
}

static void tcp_in_a_tunnel_is_cut_into_what_was_sent(void **state)
{
    static const uint8_t plain[] = {0, 0, 8, 0}, keyed[] = {0x20, 0, 8, 0, 1, 2, 3, 4};
    const struct {
        const uint8_t *gre;
        size_t gre_bytes;
    } tunnels[] = {{plain, 0}, {plain, sizeof plain}, {keyed, sizeof keyed}};

    (void)state;
    for (size_t i = 0; i < array_size(tunnels); i++) {
        size_t inside = 34 + tunnels[i].gre_bytes, payload_at, payload;
        uint8_t bytes[8192];
        size_t length = make_tunnelled(bytes, tunnels[i].gre, tunnels[i].gre_bytes);
        struct packet packet = large_packet(bytes, length, inside), *pieces[SEGMENTS_MAX];
        struct pool pool;
        int count;

        pool_init(&pool, 8, ROOM);
        assert_true(cut_is_possible(&packet, &payload_at, &payload));
        assert_int_equal(payload_at, inside + 40);
        assert_int_equal(payload, PAYLOAD);
        count = cut(&pool, &packet, pieces);
        assert_int_equal(count, 4);
        for (int piece = 0; piece < count; piece++)
            check_piece(pieces[piece], &packet, inside, piece);
        pool_free(&pool);
    }
}

static void a_tunnel_that_is_not_understood_is_not_cut(void **state)
{
    static const uint8_t summed[] = {0x80, 0, 8, 0, 0, 0, 0, 0}, other[] = {0, 0, 0x88, 0xb5};
    const struct {
        const uint8_t *gre;
        size_t gre_bytes;
    } tunnels[] = {{summed, sizeof summed}, {other, sizeof other}};

    (void)state;
    for (size_t i = 0; i < array_size(tunnels); i++) {
        size_t inside = 34 + tunnels[i].gre_bytes, payload_at, payload;
        uint8_t bytes[8192];
        size_t length = make_tunnelled(bytes, tunnels[i].gre, tunnels[i].gre_bytes);
        struct packet packet = large_packet(bytes, length, inside);

        assert_false(cut_is_possible(&packet, &payload_at, &payload));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_has_its_settings_changes_and_streams),
        cmocka_unit_test(a_link_that_cannot_be_is_refused),
        cmocka_unit_test(a_direction_that_is_null_stays),
        cmocka_unit_test(the_host_reads_what_a_link_has_done),
        cmocka_unit_test(an_answer_without_both_directions_is_none),
        cmocka_unit_test(tcp_in_a_tunnel_is_cut_into_what_was_sent),
        cmocka_unit_test(a_tunnel_that_is_not_understood_is_not_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
