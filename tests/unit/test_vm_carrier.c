/* A carried link: what goes through, what does not, and who ends what. */
#include "carrier_fixture.h"

/* -- Unharmed ---------------------------------------------------------------------------------- */

static void frames_go_both_ways_in_order_and_unharmed(void **state)
{
    struct fixture *fixture = *state;
    struct buffer streams[2] = {{0}, {0}};

    make_joined(fixture);
    for (uint32_t round = 0; round < 20; round++)
        for (unsigned end = 0; end < 2; end++) {
            cleanup_buffer struct buffer stream = {0};

            for (uint32_t i = 0; i < 70; i++)
                put_frame(&stream, round * 70 + i, SHORTEST + (round * 331 + i * 97) % 1497);
            send_all(fixture, end, &stream);
            buffer_append(&streams[end], stream.data, stream.length);
            receive(fixture, 1 - end);
        }
    for (unsigned end = 0; end < 2; end++) {
        struct carrier_counters counters = carrier_counters(fixture->carrier, end);

        assert_received(fixture, 1 - end, &streams[end]);
        assert_counts(fixture, end, 1400, 1400);
        assert_int_equal(counters.bytes_in, streams[end].length - 1400 * FRAME_HEADER);
        assert_int_equal(counters.bytes_out, counters.bytes_in);
    }
    buffer_free(&streams[0]);
    buffer_free(&streams[1]);
}

static void a_frame_that_comes_byte_by_byte_goes_on_whole(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer stream = {0}, none = {0};

    make_joined(fixture);
    put_frame(&stream, 1, 60);
    for (size_t i = 0; i < stream.length; i++) {
        const struct buffer byte = {.data = stream.data + i, .length = 1};

        assert_received(fixture, 1, &none);
        send_all(fixture, 0, &byte);
    }
    assert_received(fixture, 1, &stream);
}

static void what_is_longer_than_the_mtu_is_lost_alone(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer stream = {0}, expected = {0};

    make_joined(fixture);
    put_frame(&expected, 1, 1500 + 14 + 4 * PACKET_VLANS_MAX);
    buffer_append(&stream, expected.data, expected.length);
    put_frame(&stream, 2, 1500 + 14 + 4 * PACKET_VLANS_MAX + 1);
    put_frame(&stream, 3, FRAME_MAX);
    put_frame(&stream, 4, 60);
    put_frame(&expected, 4, 60);
    send_all(fixture, 0, &stream);
    assert_received(fixture, 1, &expected);
    assert_counts(fixture, 0, 4, 2);
    assert_int_equal(carrier_counters(fixture->carrier, 0).too_long, 2);
}

/* -- Who does not do as expected --------------------------------------------------------------- */

static void lies(struct fixture *fixture, uint32_t length, const char *expected)
{
    cleanup_buffer struct buffer stream = {0}, before = {0};

    make_joined(fixture);
    put_frame(&before, 1, 60);
    buffer_append(&stream, before.data, before.length);
    put_length(&stream, length);
    put_frame(&stream, 2, 60);
    send_all(fixture, 0, &stream);
    assert_string_equal(fixture->lies, expected);
    assert_true(has_ended(fixture, 0));
    assert_received(fixture, 1, &before);
    /* The other end has done nothing wrong. */
    send_frame(fixture, 1, 3, 60);
    assert_false(has_ended(fixture, 1));
    assert_counts(fixture, 1, 1, 0);
    assert_int_equal(carrier_counters(fixture->carrier, 1).unread, 1);
}

static void a_frame_of_no_bytes_is_a_lie(void **state)
{
    lies(*state, 0, "0: a frame of 0 bytes, where 1 to 69632 are possible;");
}

static void a_frame_longer_than_any_is_a_lie(void **state)
{
    lies(*state, FRAME_MAX + 1, "0: a frame of 69633 bytes, where 1 to 69632 are possible;");
}

static uint32_t number_at(const struct buffer *stream, size_t at)
{
    return bytes_load32((const uint8_t *)stream->data + at + FRAME_HEADER + 14);
}

static void a_peer_that_does_not_read_loses_what_there_is_no_room_for(void **state)
{
    enum { FRAMES = 8000, LENGTH = 1514 };
    struct fixture *fixture = *state;
    const struct buffer *received;
    struct carrier_counters counters;

    make_joined(fixture);
    for (uint32_t i = 0; i < FRAMES; i++)
        send_frame(fixture, 0, i, LENGTH);
    counters = carrier_counters(fixture->carrier, 0);
    assert_int_equal(counters.packets_in, FRAMES);
    assert_true(counters.unread > 0);
    received = receive(fixture, 1);
    counters = carrier_counters(fixture->carrier, 0);
    assert_int_equal(counters.packets_out + counters.unread, FRAMES);
    assert_int_equal(received->length, counters.packets_out * (FRAME_HEADER + LENGTH));
    for (size_t i = 0; i < counters.packets_out; i++)
        assert_int_equal(number_at(received, i * (FRAME_HEADER + LENGTH)), i);
    /* Now that it reads, all is well again. */
    buffer_clear(&fixture->peers[1].received);
    send_frame(fixture, 0, FRAMES, 60);
    assert_int_equal(number_at(receive(fixture, 1), 0), FRAMES);
}

static void what_is_for_an_end_that_is_not_there_is_lost(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer expected = {0};

    make(fixture);
    join(fixture, 0);
    send_frame(fixture, 0, 1, 60);
    assert_int_equal(carrier_counters(fixture->carrier, 0).unread, 1);
    join(fixture, 1);
    send_frame(fixture, 0, 2, 60);
    put_frame(&expected, 2, 60);
    assert_received(fixture, 1, &expected);
    hang_up(&fixture->peers[1]);
    virtual_time_pass(fixture->loop, 0);
    send_frame(fixture, 0, 3, 60);
    assert_int_equal(carrier_counters(fixture->carrier, 0).unread, 2);
    assert_counts(fixture, 0, 3, 1);
    assert_false(has_ended(fixture, 0));
}

static void what_waits_for_an_end_that_goes_is_lost(void **state)
{
    struct fixture *fixture = *state;
    struct carrier_counters counters;

    make_joined(fixture);
    for (uint32_t i = 0; i < 1000; i++)
        send_frame(fixture, 0, i, 1514);
    hang_up(&fixture->peers[1]);
    virtual_time_pass(fixture->loop, 0);
    counters = carrier_counters(fixture->carrier, 0);
    assert_true(counters.unread > 0);
    assert_int_equal(counters.packets_out + counters.unread, 1000);
}

/* -- Impaired ---------------------------------------------------------------------------------- */

static void a_delay_is_kept(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer expected = {0}, none = {0};

    fixture->settings.delay.mean_ns = 50 * NS_PER_MS;
    make_joined(fixture);
    put_frame(&expected, 1, 60);
    send_frame(fixture, 0, 1, 60);
    virtual_time_pass(fixture->loop, 49 * NS_PER_MS);
    assert_received(fixture, 1, &none);
    virtual_time_pass(fixture->loop, 2 * NS_PER_MS);
    assert_received(fixture, 1, &expected);
}

/* Down from a packet on, and up again after a time without one. */
static void settings_change_as_planned(void **state)
{
    static const struct impair_settings down = {.down = true};
    static const struct impair_settings slow = {.delay.mean_ns = NS_PER_S};
    static const struct impair_settings up = {.down = false};
    static const struct impair_step steps[] = {
        {.by_packet = true, .packet = 2, .settings = {&slow, NULL}},
        {.by_packet = true, .packet = 3, .settings = {&down, &down}},
        {.after_ns = 2 * NS_PER_S, .settings = {&up, &up}},
    };
    const struct impair_plan plan = {steps, array_size(steps)};
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer stream = {0};
    struct buffer expected[2] = {{0}, {0}};
    struct impair_measure *measure = xmalloc(sizeof *measure);
    struct measured delay;

    impair_measure_init(measure, NS_PER_S);
    fixture->options.measures[0] = measure;
    fixture->options.plan = &plan;
    make_joined(fixture);
    for (uint32_t i = 0; i < 5; i++)
        put_frame(&stream, i, 60);
    for (uint32_t i = 0; i < 2; i++)
        put_frame(&expected[1], i, 60);
    send_all(fixture, 0, &stream);
    assert_received(fixture, 1, &expected[1]);
    send_frame(fixture, 1, 100, 60);
    assert_received(fixture, 0, &expected[0]);
    /* The one that is on its way arrives, though the link is down. */
    virtual_time_pass(fixture->loop, NS_PER_S);
    put_frame(&expected[1], 2, 60);
    assert_received(fixture, 1, &expected[1]);
    virtual_time_pass(fixture->loop, NS_PER_S);
    send_frame(fixture, 0, 5, 60);
    put_frame(&expected[1], 5, 60);
    send_frame(fixture, 1, 101, 60);
    put_frame(&expected[0], 101, 60);
    assert_received(fixture, 1, &expected[1]);
    assert_received(fixture, 0, &expected[0]);
    assert_int_equal(carrier_counters(fixture->carrier, 0).causes[IMPAIR_DOWN], 2);
    assert_int_equal(carrier_counters(fixture->carrier, 1).causes[IMPAIR_DOWN], 1);
    /* Each packet is measured against the settings that it met. */
    carrier_close(fixture->carrier, NULL);
    impair_measure_end(measure);
    assert_int_equal(measure->packets, 6);
    impair_measure_say(measure, MEASURE_DELAY_HALF, &delay);
    assert_int_equal(delay.trials, 4);
    assert_int_equal(delay.hits, 4);
    free(measure);
    buffer_free(&expected[1]);
    buffer_free(&expected[0]);
}

/* Frames that come one millisecond after another through a bad link, and what was said of them. */
static void judge(void **state, uint64_t seed, struct verdict_entries entries[static 2])
{
    struct fixture *fixture;

    set_up(state);
    fixture = *state;
    fixture->options.seed = seed;
    fixture->settings.loss.random.ppb = 300000000;
    fixture->settings.duplicate.ppb = 100000000;
    fixture->settings.delay.mean_ns = 5 * NS_PER_MS;
    fixture->settings.delay.jitter_ns = 5 * NS_PER_MS;
    make_joined(fixture);
    for (uint32_t i = 0; i < 500; i++) {
        send_frame(fixture, 0, i, 60);
        send_frame(fixture, 1, i, 60);
        virtual_time_pass(fixture->loop, NS_PER_MS);
    }
    virtual_time_pass(fixture->loop, NS_PER_S);
    for (unsigned i = 0; i < 2; i++)
        receive(fixture, i);
    assert_int_equal(carrier_close(fixture->carrier, NULL), 0);
    for (unsigned i = 0; i < 2; i++) {
        struct carrier_counters counters = carrier_counters(fixture->carrier, i);

        read_log(fixture, i, &entries[i]);
        assert_int_equal(counters.packets_out,
                         500 - counters.causes[IMPAIR_LOSS] + counters.causes[IMPAIR_COPY]);
        assert_int_equal(entries[i].count, 500 + counters.causes[IMPAIR_COPY]);
        assert_true(counters.causes[IMPAIR_LOSS] > 0 && counters.causes[IMPAIR_COPY] > 0);
    }
    tear_down(state);
}

static size_t differences(const struct verdict_entries *one, const struct verdict_entries *other)
{
    return verdict_entries_compare(one, other, VERDICT_DEFAULT | VERDICT_DELAY, NULL, NULL);
}

static void the_seed_decides_what_becomes_of_each(void **state)
{
    struct verdict_entries first[2], again[2], other[2];

    judge(state, 7, first);
    judge(state, 7, again);
    judge(state, 8, other);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(differences(&first[i], &again[i]), 0);
        assert_true(differences(&first[i], &other[i]) > 0);
    }
    assert_true(differences(&first[0], &first[1]) > 0);
    for (unsigned i = 0; i < 2; i++) {
        verdict_entries_free(&first[i]);
        verdict_entries_free(&again[i]);
        verdict_entries_free(&other[i]);
    }
}

/* -- The end ----------------------------------------------------------------------------------- */

/* What is on its way arrives as it would have; the other direction stays as it is. */
static void note_into(void *context, unsigned end, const struct impair_verdict *verdict,
                      const struct packet *packet)
{
    struct fixture *fixture = context;
    size_t length = strlen(fixture->lies);

    snprintf(fixture->lies + length, sizeof fixture->lies - length, "%u: %u of %u bytes%s;", end,
             (unsigned)verdict->number, packet->length, impair_delivered(verdict) ? "" : " lost");
}

static void whoever_asks_is_told_of_each_verdict(void **state)
{
    struct fixture *fixture = *state;
    const struct impair_named blackhole = {"blackhole", "true"};
    const struct impair_round rounds[2] = {{&blackhole, 1}, {0}};
    uint64_t numbers[2];

    fixture->options.note = note_into;
    fixture->options.logs[0] = NULL;
    make_joined(fixture);
    send_frame(fixture, 0, 1, 60);
    send_frame(fixture, 1, 2, 70);
    assert_int_equal(carrier_change(fixture->carrier, rounds, numbers, NULL), 0);
    send_frame(fixture, 0, 3, 80);
    assert_string_equal(fixture->lies, "0: 0 of 60 bytes;1: 0 of 70 bytes;0: 1 of 80 bytes lost;");
}

static void what_is_on_its_way_at_the_end_is_lost_and_said_so(void **state)
{
    struct fixture *fixture = *state;
    struct verdict_entries entries;

    fixture->settings.delay.mean_ns = NS_PER_S;
    make_joined(fixture);
    for (uint32_t i = 0; i < 10; i++)
        send_frame(fixture, 1, i, 60);
    assert_int_equal(carrier_close(fixture->carrier, NULL), 0);
    assert_true(has_ended(fixture, 0) && has_ended(fixture, 1));
    assert_counts(fixture, 1, 10, 0);
    assert_int_equal(carrier_counters(fixture->carrier, 1).causes[IMPAIR_FLUSHED], 10);
    read_log(fixture, 1, &entries);
    assert_int_equal(entries.count, 10);
    assert_int_equal(entries.header.seed, 7);
    assert_int_equal(entries.header.link, 3);
    assert_int_equal(entries.header.direction, 1);
    for (size_t i = 0; i < entries.count; i++)
        assert_int_equal(entries.items[i].verdict.why, IMPAIR_WHY(IMPAIR_FLUSHED));
    verdict_entries_free(&entries);
}

static void a_log_that_cannot_be_written_is_told_at_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};

    fixture->options.logs[1] = "/dev/full";
    make_joined(fixture);
    send_frame(fixture, 1, 1, 60);
    assert_int_equal(carrier_close(fixture->carrier, &error), -ENOSPC);
    assert_non_null(strstr(error.message, "/dev/full"));
    assert_counts(fixture, 1, 1, 1);
}

static void what_cannot_be_made_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};

    directory_write(fixture->directory, "end1", "", 0600);
    assert_int_equal(carrier_new(&fixture->options, &fixture->carrier, &error), -EADDRINUSE);
    assert_int_equal(access(fixture->peers[0].path, F_OK), -1);
    assert_int_equal(unlink(fixture->peers[1].path), 0);
    fixture->options.logs[0] = fixture->directory;
    assert_int_equal(carrier_new(&fixture->options, &fixture->carrier, &error), -EISDIR);
    assert_non_null(strstr(error.message, fixture->directory));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(frames_go_both_ways_in_order_and_unharmed),
        TEST(a_frame_that_comes_byte_by_byte_goes_on_whole),
        TEST(what_is_longer_than_the_mtu_is_lost_alone),
        TEST(a_frame_of_no_bytes_is_a_lie),
        TEST(a_frame_longer_than_any_is_a_lie),
        TEST(a_peer_that_does_not_read_loses_what_there_is_no_room_for),
        TEST(what_is_for_an_end_that_is_not_there_is_lost),
        TEST(what_waits_for_an_end_that_goes_is_lost),
        TEST(a_delay_is_kept),
        TEST(settings_change_as_planned),
        cmocka_unit_test(the_seed_decides_what_becomes_of_each),
        TEST(whoever_asks_is_told_of_each_verdict),
        TEST(what_is_on_its_way_at_the_end_is_lost_and_said_so),
        TEST(a_log_that_cannot_be_written_is_told_at_the_end),
        TEST(what_cannot_be_made_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
