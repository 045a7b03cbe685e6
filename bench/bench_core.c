/* How fast the packet core is: parse, route, impair and enqueue, against copying the same packets
 * through a ring of the same size; and what flows and routes cost.
 *
 * A round is as many packets as may be in flight, in vectors. Before each, outside what is
 * measured, they are given their addresses, ports and hops, so that every round does the same. */
#include "base/base.h"
#include "bench/bench.h"
#include "net/net.h"

#include <errno.h>
#include <string.h>

enum {
    RING = INTERNET_FLIGHT_DEFAULT, /* packets */
    VECTOR = INTERNET_VECTOR,
    ROUNDS = 300, /* in one sample */
    SAMPLES = 9,
    SMALL = 64,
    LARGE = 1500,
    THOUSAND = 1000,
    MANY = 100000,
    LOSS_PPB = 10000000, /* 1 % */
};

struct core {
    struct pool pool;
    struct internet *internet;
    struct packet *packets[RING]; /* all of the pool */
    uint8_t *ring, *copies;       /* of the other side: RING and VECTOR slots */
    size_t slot;                  /* bytes of one */
    struct impair *impair;
    size_t size;
    uint32_t flows, routes;
    uint32_t flow; /* of the next packet */
    uint64_t round, lost;
};

/* -- Packets ----------------------------------------------------------------------------------- */

/* The prefix of each route: 24 bits that look like any, below 64.0.0.0. */
static uint32_t prefix_of(uint32_t route)
{
    return (0x01000000u + (route * 2654435761u >> 2 & 0x3effff00u)) & 0x3fffff00u;
}

static void build_packet(struct packet *packet, size_t size)
{
    static uint8_t payload[LARGE];
    struct ipv4_header ipv4 = {.source = {10, 0, 0, 1}, .hops = 64};
    struct udp_header udp = {.source_port = 1, .destination_port = 2};
    struct build build;

    build_start(&build, packet->bytes, size);
    build_ipv4(&build, &ipv4);
    build_udp(&build, &udp);
    build_bytes(&build, payload, size - 28);
    packet->length = (uint32_t)build_finish(&build);
    packet->link = PACKET_LINK_IP;
}

/* Addresses, ports and hops of the next flow; the payload's checksum is none of a router's. */
static void set_flow(struct core *core, struct packet *packet)
{
    uint32_t flow = core->flow++ % core->flows;
    uint8_t *header = packet->bytes;
    uint16_t sum = 0;

    packet->length = (uint32_t)core->size;
    header[8] = 64;
    bytes_store32(header + 12, 0x0a000000u | flow);
    bytes_store32(header + 16, prefix_of(flow % core->routes) | (flow / core->routes & 0xff));
    bytes_store16(header + 20, (uint16_t)flow);
    memcpy(header + 10, &sum, sizeof sum);
    sum = checksum_fold(checksum_add(0, header, 20));
    memcpy(header + 10, &sum, sizeof sum);
}

static void prepare(struct core *core)
{
    struct packet *lost[VECTOR];

    /* What was lost is in the pool again, and still among the packets. */
    while (pool_take(&core->pool, lost, VECTOR) > 0)
        ;
    for (size_t i = 0; i < RING; i++)
        set_flow(core, core->packets[i]);
}

/* -- A core ------------------------------------------------------------------------------------ */

static int add_routes(struct core *core, uint16_t nic, struct error *error)
{
    int code = 0;

    for (uint32_t i = 0; code == 0 && i < core->routes; i++) {
        struct route_prefix prefix = {.network = PACKET_NETWORK_IPV4, .length = 24};

        bytes_store32(prefix.address, prefix_of(i));
        code = internet_add_route(core->internet, nic, &prefix, error);
    }
    return code;
}

/* One direction of a link that loses packets by chance. */
static void open_impair(struct core *core)
{
    struct impair_options options = {.seed = 1, .pool = &core->pool};
    struct impair_settings settings = {.loss.random.ppb = LOSS_PPB};

    core->impair = impair_init(xmalloc(impair_size(&options)), &options);
    impair_set(core->impair, 0, &settings);
}

static int core_open(struct core *core, size_t size, uint32_t flows, uint32_t routes,
                     struct error *error)
{
    struct internet_options options = {.pool = &core->pool, .nics = 2};
    uint16_t in = 0, out = 0;
    int code;

    *core = (struct core){.size = size, .flows = flows, .routes = routes};
    core->slot = (size + 63) / 64 * 64;
    pool_init(&core->pool, RING, size);
    core->ring = xcalloc(RING, core->slot);
    core->copies = xcalloc(VECTOR, core->slot);
    pool_take(&core->pool, core->packets, RING);
    for (size_t i = 0; i < RING; i++)
        build_packet(core->packets[i], size);
    open_impair(core);
    code = internet_new(&options, &core->internet, error);
    if (code == 0)
        code = internet_add_nic(core->internet, NET_MTU_ETHERNET, false, &in, error);
    if (code == 0)
        code = internet_add_nic(core->internet, NET_MTU_ETHERNET, false, &out, error);
    return code == 0 ? add_routes(core, out, error) : code;
}

static void core_close(struct core *core)
{
    internet_free(core->internet);
    free(core->impair);
    free(core->ring);
    free(core->copies);
    pool_free(&core->pool);
}

/* -- What is measured -------------------------------------------------------------------------- */

/* Half a ring waits all the time, then the rest comes out. */
static size_t forward_round(struct core *core)
{
    struct packet *vector[VECTOR];
    size_t out = 0;

    for (size_t at = 0; at < RING; at += VECTOR) {
        size_t count;

        memcpy(vector, core->packets + at, sizeof vector);
        packets_parse(vector, VECTOR);
        count = impair_pass(core->impair, core->round, vector, VECTOR, VECTOR);
        internet_send(core->internet, 0, vector, count, core->round);
        if (at >= RING / 2)
            out += internet_receive(core->internet, 1, vector, VECTOR);
    }
    for (size_t count = 1; count > 0; out += count)
        count = internet_receive(core->internet, 1, vector, VECTOR);
    return out;
}

static void copy_in(struct core *core, size_t at)
{
    for (size_t i = at; i < at + VECTOR; i++)
        memcpy(core->ring + i * core->slot, core->packets[i]->bytes, core->size);
}

static void copy_out(struct core *core, size_t at)
{
    for (size_t i = 0; i < VECTOR; i++)
        memcpy(core->copies + i * core->slot, core->ring + (at + i) * core->slot, core->size);
    /* What was copied is somebody's. */
    __asm__ volatile("" : : "r"(core->copies) : "memory");
}

static size_t copy_round(struct core *core)
{
    size_t out = 0;

    for (size_t at = 0; at < RING; at += VECTOR) {
        copy_in(core, at);
        if (at >= RING / 2) {
            copy_out(core, out);
            out += VECTOR;
        }
    }
    for (; out < RING; out += VECTOR)
        copy_out(core, out);
    return out;
}

/* Packets that the link lost since it was asked last. */
static uint64_t lost_since(struct core *core)
{
    uint64_t before = core->lost;

    core->lost = impair_counters(core->impair)->causes[IMPAIR_LOSS];
    return core->lost - before;
}

/* The median round: a round takes some 20 us, so most of them are not interrupted. */
static int measure_ns(struct core *core, size_t (*round)(struct core *), double *ns,
                      struct error *error)
{
    double rounds[ROUNDS];

    for (size_t i = 0; i < ROUNDS; i++) {
        uint64_t start;
        size_t out;

        prepare(core);
        core->round++;
        start = clock_ns();
        out = round(core);
        rounds[i] = (double)(clock_ns() - start) / RING;
        if (out + lost_since(core) != RING)
            return error_set(error, EIO, "%zu packets came out of %d", out, RING);
    }
    *ns = bench_median(rounds, ROUNDS);
    return 0;
}

static int forward_ns(void *context, double *value, struct error *error)
{
    return measure_ns(context, forward_round, value, error);
}

static int to_rate(int code, double *value)
{
    if (code == 0)
        *value = 1e3 / *value;
    return code;
}

static int forward_rate(void *context, double *value, struct error *error)
{
    return to_rate(measure_ns(context, forward_round, value, error), value);
}

static int copy_rate(void *context, double *value, struct error *error)
{
    return to_rate(measure_ns(context, copy_round, value, error), value);
}

/* -- Measures ---------------------------------------------------------------------------------- */

static int compare_with_copy(const char *name, size_t size, struct error *error)
{
    struct bench_measure measure = {.name = name,
                                    .unit = "Mpackets/s",
                                    .n = SAMPLES,
                                    .baseline = "copying through a ring",
                                    .better = "higher"};
    struct core core;
    int code = core_open(&core, size, THOUSAND, 1, error);

    if (code == 0)
        code = bench_compare(&measure, &(struct bench_side){forward_rate, &core},
                             &(struct bench_side){copy_rate, &core}, error);
    core_close(&core);
    return code;
}

static int small_vs_copy(struct error *error)
{
    return compare_with_copy("core.64_vs_copy", SMALL, error);
}

static int large_vs_copy(struct error *error)
{
    return compare_with_copy("core.1500_vs_copy", LARGE, error);
}

static int measure_alone(const char *name, size_t size, struct error *error)
{
    struct core core;
    double ns[SAMPLES];
    int code = core_open(&core, size, THOUSAND, 1, error);

    for (int i = 0; code == 0 && i < SAMPLES; i++)
        code = forward_ns(&core, &ns[i], error);
    core_close(&core);
    if (code == 0)
        bench_emit(&(struct bench_measure){.name = name,
                                           .value = median_of(ns, SAMPLES),
                                           .unit = "ns/packet",
                                           .n = SAMPLES,
                                           .values = ns,
                                           .better = "lower"});
    return code;
}

static int small_ns(struct error *error)
{
    return measure_alone("core.64_ns", SMALL, error);
}

static int large_ns(struct error *error)
{
    return measure_alone("core.1500_ns", LARGE, error);
}

/* So many flows and routes against one of each that is given. */
static int compare_counts(const char *name, const char *baseline, uint32_t flows, uint32_t routes,
                          uint32_t base_flows, struct error *error)
{
    struct bench_measure measure = {
        .name = name, .unit = "ns/packet", .n = SAMPLES, .baseline = baseline, .better = "lower"};
    struct core many = {0}, one = {0};
    int code = core_open(&many, SMALL, flows, routes, error);

    if (code == 0)
        code = core_open(&one, SMALL, base_flows, 1, error);
    if (code == 0)
        code = bench_compare(&measure, &(struct bench_side){forward_ns, &many},
                             &(struct bench_side){forward_ns, &one}, error);
    core_close(&many);
    core_close(&one);
    return code;
}

static int flows_1k(struct error *error)
{
    return compare_counts("core.flows_1k", "1 flow", THOUSAND, 1, 1, error);
}

static int flows_100k(struct error *error)
{
    return compare_counts("core.flows_100k", "1 flow", MANY, 1, 1, error);
}

static int routes_1k(struct error *error)
{
    return compare_counts("core.routes_1k", "1 route", MANY, THOUSAND, MANY, error);
}

static int routes_100k(struct error *error)
{
    return compare_counts("core.routes_100k", "1 route", MANY, MANY, MANY, error);
}

int main(int argc, char **argv)
{
    static const struct bench_entry entries[] = {
        {"core.64_vs_copy", small_vs_copy}, {"core.1500_vs_copy", large_vs_copy},
        {"core.64_ns", small_ns},           {"core.1500_ns", large_ns},
        {"core.flows_1k", flows_1k},        {"core.flows_100k", flows_100k},
        {"core.routes_1k", routes_1k},      {"core.routes_100k", routes_100k},
    };

    return bench_main(argc, argv, entries, array_size(entries));
}
