/* A carried link whose settings are changed while it runs. */
#include "carrier_fixture.h"

#include "net/build.h"

#include <netinet/tcp.h>

static int change(struct fixture *fixture, unsigned end, const char *name, const char *text,
                  uint64_t numbers[2], struct error *error)
{
    const struct impair_named named = {name, text};
    struct impair_round rounds[2] = {{0}};

    rounds[end] = (struct impair_round){&named, 1};
    return carrier_change(fixture->carrier, rounds, numbers, error);
}

static void change_to(struct fixture *fixture, unsigned end, const char *name, const char *text)
{
    uint64_t numbers[2];
    struct error error;

    if (change(fixture, end, name, text, numbers, &error) < 0)
        fail_msg("%s", error.message);
}

/* What has come is one frame more than at the last call. */
static void expect_passes(struct fixture *fixture, unsigned end, bool passes)
{
    cleanup_buffer struct buffer expected = {0};
    static uint32_t number = 1;

    if (passes)
        put_frame(&expected, number, 60);
    buffer_clear(&fixture->peers[1 - end].received);
    send_frame(fixture, end, number++, 60);
    assert_received(fixture, 1 - end, &expected);
}

static void a_change_counts_from_the_next_frame_on(void **state)
{
    struct fixture *fixture = *state;
    const struct impair_named loss = {"loss", "100%"};
    const struct impair_round rounds[2] = {{0}, {&loss, 1}};
    uint64_t numbers[2];

    make_joined(fixture);
    for (int i = 0; i < 3; i++)
        expect_passes(fixture, 0, true);
    expect_passes(fixture, 1, true);
    assert_int_equal(carrier_change(fixture->carrier, rounds, numbers, NULL), 0);
    assert_int_equal(numbers[0], 3);
    assert_int_equal(numbers[1], 1);
    expect_passes(fixture, 0, true);
    expect_passes(fixture, 1, false);
    change_to(fixture, 1, "loss", "0");
    expect_passes(fixture, 1, true);
    assert_int_equal(carrier_counters(fixture->carrier, 1).causes[IMPAIR_LOSS], 1);
}

static void what_is_not_named_stays(void **state)
{
    struct fixture *fixture = *state;

    fixture->settings.delay.mean_ns = 10 * NS_PER_MS;
    make_joined(fixture);
    change_to(fixture, 0, "down", "true");
    assert_true(carrier_settings(fixture->carrier, 0)->down);
    assert_false(carrier_settings(fixture->carrier, 1)->down);
    change_to(fixture, 0, "down", "false");
    assert_int_equal(carrier_settings(fixture->carrier, 0)->delay.mean_ns, 10 * NS_PER_MS);
    expect_passes(fixture, 0, false);
    virtual_time_pass(fixture->loop, 11 * NS_PER_MS);
    assert_int_equal(receive(fixture, 1)->length, FRAME_HEADER + 60);
}

static void one_direction_that_cannot_be_leaves_the_other_alone(void **state)
{
    const struct impair_named named[] = {{"loss", "100%"}, {"jitter", "1ms"}};
    const struct impair_round rounds[2] = {{&named[0], 1}, {&named[1], 1}};
    struct fixture *fixture = *state;
    uint64_t numbers[2];
    struct error error = {0};

    make_joined(fixture);
    assert_int_equal(carrier_change(fixture->carrier, rounds, numbers, &error), -EINVAL);
    assert_memory_equal(error.message, "jitter: ", 8);
    assert_true(impair_is_none(carrier_settings(fixture->carrier, 0)));
    expect_passes(fixture, 0, true);
}

/* A step of the plan sets all of a direction, and what comes then changes that. */
static void a_change_is_of_what_the_plan_has_set(void **state)
{
    struct fixture *fixture = *state;
    const struct impair_settings lossy = {.loss.random.ppb = 1000000000};
    const struct impair_settings slow = {.delay.mean_ns = NS_PER_S};
    const struct impair_step steps[] = {
        {.by_packet = true, .packet = 2, .settings = {&lossy, NULL}},
        {.by_packet = true, .packet = 4, .settings = {&slow, NULL}},
    };
    const struct impair_plan plan = {steps, array_size(steps)};

    fixture->options.plan = &plan;
    make_joined(fixture);
    change_to(fixture, 0, "jitter", "none");
    expect_passes(fixture, 0, true);
    expect_passes(fixture, 0, true);
    expect_passes(fixture, 0, false);
    change_to(fixture, 0, "blackhole", "true");
    assert_int_equal(carrier_settings(fixture->carrier, 0)->loss.random.ppb, 1000000000);
    change_to(fixture, 0, "loss", "none");
    expect_passes(fixture, 0, false);
    assert_int_equal(carrier_counters(fixture->carrier, 0).causes[IMPAIR_BLACKHOLE], 1);
    expect_passes(fixture, 0, false); /* comes a second later */
    assert_int_equal(carrier_settings(fixture->carrier, 0)->delay.mean_ns, NS_PER_S);
    assert_false(carrier_settings(fixture->carrier, 0)->blackhole);
}

/* What is on the wire arrives when it should have, and what waits for the rate leaves at the new
 * one. */
static void what_waits_leaves_at_the_new_rate(void **state)
{
    struct fixture *fixture = *state;

    fixture->settings.rate.bps = 8;
    fixture->settings.queue.limit_packets = 10;
    make_joined(fixture);
    expect_passes(fixture, 0, false);
    expect_passes(fixture, 0, false);
    change_to(fixture, 0, "rate", "none");
    virtual_time_pass(fixture->loop, 61 * NS_PER_S);
    assert_int_equal(receive(fixture, 1)->length, 2 * (FRAME_HEADER + 60));
}

static void put_syn(struct buffer *stream)
{
    struct ethernet_header ethernet = {.destination = {2, 1}, .source = {2, 2}};
    struct ipv4_header ipv4 = {.source = {10, 0, 0, 1}, .destination = {10, 0, 0, 2}, .hops = 64};
    struct tcp_header tcp = {.source_port = 1000, .destination_port = 80, .flags = TH_SYN};
    struct build build;
    uint8_t bytes[128];
    int length;

    build_start(&build, bytes, sizeof bytes);
    build_ethernet(&build, &ethernet);
    build_ipv4(&build, &ipv4);
    build_tcp(&build, &tcp);
    length = build_finish(&build);
    assert_true(length > 0);
    put_length(stream, (uint32_t)length);
    buffer_append(stream, bytes, (size_t)length);
}

/* Many: each would stay in flight, and the carrier awake, if nobody took it. */
static void a_reset_goes_to_where_the_packet_came_from(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer syn = {0};
    struct packet reset = {.link = PACKET_LINK_ETHERNET};
    const struct buffer *received;

    make_joined(fixture);
    put_syn(&syn);
    change_to(fixture, 0, "rules.0.action", "reset");
    for (int i = 0; i < 10000; i++) {
        send_all(fixture, 0, &syn);
        buffer_clear(&fixture->peers[0].received);
        received = receive(fixture, 0);
        assert_int_equal(received->length, FRAME_HEADER + 14 + 20 + 20);
    }
    reset.bytes = (uint8_t *)received->data + FRAME_HEADER;
    reset.length = (uint32_t)received->length - FRAME_HEADER;
    packet_parse(&reset);
    assert_int_equal(packet_tcp_flags(&reset), TH_RST | TH_ACK);
    assert_int_equal(packet_destination_port(&reset), 1000);
    assert_int_equal(receive(fixture, 1)->length, 0);
    assert_counts(fixture, 0, 10000, 0);
    assert_counts(fixture, 1, 0, 10000);
    assert_int_equal(carrier_counters(fixture->carrier, 0).causes[IMPAIR_RESET], 10000);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_change_counts_from_the_next_frame_on),
        TEST(what_is_not_named_stays),
        TEST(one_direction_that_cannot_be_leaves_the_other_alone),
        TEST(a_change_is_of_what_the_plan_has_set),
        TEST(what_waits_leaves_at_the_new_rate),
        TEST(a_reset_goes_to_where_the_packet_came_from),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
