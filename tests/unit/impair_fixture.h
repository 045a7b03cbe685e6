/* One direction of an impaired link under test: packets with a number in them go in, verdicts are
 * kept, what comes out is looked at by the caller or given back. Time is what the test says. */
#ifndef DUET_TESTS_IMPAIR_FIXTURE_H
#define DUET_TESTS_IMPAIR_FIXTURE_H

#include "base/memory.h"
#include "net/build.h"
#include "net/impair.h"
#include "net/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FIXTURE_MS    UINT64_C(1000000)
#define FIXTURE_S     UINT64_C(1000000000)
#define FIXTURE_START UINT64_C(5000000000) /* some time, not 0 */

enum {
    FIXTURE_MTU = 1500,
    FIXTURE_HEADERS = 28, /* IPv4 and UDP */
    FIXTURE_FLIGHT = 4096,
};

struct fixture {
    struct pool pool;
    void *memory;
    struct impair *impair;
    struct impair_verdict *verdicts; /* in the order in which they became final */
    size_t count, capacity;
    uint64_t now_ns;
    uint32_t sent; /* is in each packet's payload */
};

static inline void fixture_note(void *context, const struct impair_verdict *verdict,
                                const struct packet *packet)
{
    struct fixture *fixture = context;

    assert_int_equal(packet->length, verdict->length);
    if (fixture->count == fixture->capacity) {
        fixture->capacity = fixture->capacity ? 2 * fixture->capacity : 1024;
        fixture->verdicts =
            xreallocarray(fixture->verdicts, fixture->capacity, sizeof *fixture->verdicts);
    }
    fixture->verdicts[fixture->count++] = *verdict;
}

static inline void fixture_init_with(struct fixture *fixture, struct impair_options options)
{
    *fixture = (struct fixture){.now_ns = FIXTURE_START};
    pool_init(&fixture->pool, options.flight + 64, 2048);
    options.pool = &fixture->pool;
    options.note = fixture_note;
    options.context = fixture;
    fixture->memory = xmalloc(impair_size(&options));
    fixture->impair = impair_init(fixture->memory, &options);
}

static inline void fixture_init(struct fixture *fixture, uint64_t seed)
{
    fixture_init_with(fixture, (struct impair_options){.seed = seed, .flight = FIXTURE_FLIGHT});
}

/* Every packet must be back where it came from. */
static inline void fixture_free(struct fixture *fixture)
{
    impair_flush(fixture->impair, fixture->now_ns);
    assert_int_equal(impair_in_flight(fixture->impair), 0);
    assert_int_equal(fixture->pool.free_count, fixture->pool.count);
    pool_free(&fixture->pool);
    free(fixture->memory);
    free(fixture->verdicts);
}

static inline void fixture_set(struct fixture *fixture, const struct impair_settings *settings)
{
    struct error error = {0};

    if (impair_check(settings, FIXTURE_MTU, NULL, &error) != 0)
        fail_msg("%s", error.message);
    impair_set(fixture->impair, fixture->now_ns, settings);
}

/* A packet of UDP over IPv4 with `bytes` of IP in all, numbered, that has not been taken. */
static inline struct packet *fixture_packet_of(struct fixture *fixture, uint32_t bytes)
{
    static const struct ipv4_header ipv4 = {
        .source = {10, 0, 0, 1}, .destination = {10, 0, 0, 2}, .hops = 64, .protocol = IPPROTO_UDP};
    static const struct udp_header udp = {.source_port = 4000, .destination_port = 9};
    static uint8_t zeros[2048];
    struct packet *packet;
    struct build build;

    assert_int_equal(pool_take(&fixture->pool, &packet, 1), 1);
    packet->link = PACKET_LINK_IP;
    packet->time_ns = 0;
    build_start(&build, packet->bytes, fixture->pool.room);
    build_ipv4(&build, &ipv4);
    build_udp(&build, &udp);
    bytes_store32(zeros, fixture->sent++);
    build_bytes(&build, zeros, bytes - FIXTURE_HEADERS);
    packet->length = (uint32_t)build_finish(&build);
    assert_int_equal(packet->length, bytes);
    assert_int_equal(packet_parse(packet), PACKET_SOUND);
    return packet;
}

static inline uint32_t fixture_number(const struct packet *packet)
{
    return bytes_load32(packet->bytes + FIXTURE_HEADERS);
}

static inline void fixture_take(struct fixture *fixture, struct packet *packet)
{
    impair_take(fixture->impair, fixture->now_ns, &packet, 1);
}

static inline void fixture_send(struct fixture *fixture, uint32_t bytes)
{
    fixture_take(fixture, fixture_packet_of(fixture, bytes));
}

/* What is due by `now_ns`, which becomes the time; at most `max` packets, the caller's to give. */
static inline size_t fixture_due(struct fixture *fixture, uint64_t now_ns, struct packet *packets[],
                                 size_t max)
{
    fixture->now_ns = now_ns;
    return impair_due(fixture->impair, now_ns, packets, max);
}

/* Lets all that is due by `now_ns` come out, each at its time, and gives it back. */
static inline void fixture_run(struct fixture *fixture, uint64_t now_ns)
{
    struct packet *packets[32];
    uint64_t next_ns = impair_next_ns(fixture->impair);

    while (next_ns <= now_ns) {
        size_t count;

        if (next_ns > fixture->now_ns)
            fixture->now_ns = next_ns;
        count = impair_due(fixture->impair, fixture->now_ns, packets, array_size(packets));
        pool_give(&fixture->pool, packets, count);
        next_ns = impair_next_ns(fixture->impair);
    }
    fixture->now_ns = now_ns;
}

/* `count` packets, `gap_ns` apart, each out as soon as it may. */
static inline void fixture_stream(struct fixture *fixture, size_t count, uint32_t bytes,
                                  uint64_t gap_ns)
{
    for (size_t i = 0; i < count; i++) {
        fixture_send(fixture, bytes);
        fixture_run(fixture, fixture->now_ns + gap_ns);
    }
}

static inline void fixture_finish(struct fixture *fixture)
{
    fixture_run(fixture, IMPAIR_NEVER - 1);
}

/* How often this was said of a packet. */
static inline uint64_t fixture_count(const struct fixture *fixture, enum impair_cause cause)
{
    uint64_t count = 0;

    for (size_t i = 0; i < fixture->count; i++)
        count += (fixture->verdicts[i].why & IMPAIR_WHY(cause)) != 0;
    assert_int_equal(count, impair_counters(fixture->impair)->causes[cause]);
    return count;
}

/* Five standard deviations of a binomial count: with the fixed seeds it holds or it does not. */
static inline void assert_share(uint64_t hits, uint64_t of, double share)
{
    double off = (double)hits - (double)of * share;

    if (off * off > 25 * (double)of * share * (1 - share))
        fail_msg("%llu of %llu, expected about %g", (unsigned long long)hits,
                 (unsigned long long)of, share * (double)of);
}

static inline uint32_t percent(double value)
{
    return (uint32_t)(value * 1e7 + 0.5);
}

#endif
