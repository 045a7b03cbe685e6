/* A link with hostile settings, packets, clocks and callers: every packet comes out or is given
 * back, exactly once, with a verdict; none comes before it is due, and none is due that
 * impair_next_ns does not tell of. */
#include "base/memory.h"

#include "tests/fuzz/impair_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PACKETS = 96, FLIGHT = 40, ROOM = 1600, MTU = 1500, VECTOR = 8 };

struct noted {
    uint64_t lost, delivered, copies, forged;
};

static void note(void *context, const struct impair_verdict *verdict, const struct packet *packet)
{
    struct noted *noted = context;

    if (packet->length != verdict->length || verdict->due_ns < verdict->in_ns ||
        verdict->out_ns < verdict->due_ns || (verdict->why & ~IMPAIR_WHY_ALL))
        abort();
    noted->copies += (verdict->why & IMPAIR_WHY(IMPAIR_COPY)) != 0;
    noted->forged += (verdict->why & IMPAIR_WHY(IMPAIR_FORGED)) != 0;
    if (impair_delivered(verdict))
        noted->delivered++;
    else
        noted->lost++;
}

static void set(struct impair *impair, struct input *input, uint64_t now_ns)
{
    struct impair_rule rules[INPUT_RULES_MAX];
    struct impair_settings settings = input_settings(input, rules);

    if (impair_check(&settings, MTU, NULL, NULL) == 0)
        impair_set(impair, now_ns, &settings);
}

static void take(struct impair *impair, struct input *input, struct pool *pool, uint64_t now_ns)
{
    struct packet *packets[VECTOR];
    size_t count = 0, most = input_number(input, 1) % (VECTOR + 1);

    while (count < most && (packets[count] = input_packet(input, pool))) {
        packets[count]->time_ns = input_any(input);
        count++;
    }
    impair_take(impair, now_ns, packets, count);
}

/* Both in one: only what nobody else is before may go at once. */
static void pass(struct impair *impair, struct input *input, struct pool *pool, uint64_t now_ns)
{
    struct packet *packets[2 * VECTOR];
    size_t count = 0, most = input_number(input, 1) % (VECTOR + 1);

    while (count < most && (packets[count] = input_packet(input, pool)))
        count++;
    count = impair_pass(impair, now_ns, packets, count, array_size(packets));
    pool_give(pool, packets, count);
}

static void hand_on(struct impair *impair, struct pool *pool, uint64_t now_ns, uint64_t latest_ns)
{
    struct packet *packets[VECTOR];
    uint64_t before_ns = 0;
    size_t count = impair_due(impair, now_ns, packets, VECTOR);

    for (size_t i = 0; i < count; i++) {
        if (packets[i]->due_ns > latest_ns || packets[i]->due_ns < before_ns)
            abort();
        before_ns = packets[i]->due_ns;
    }
    if (count < VECTOR && impair_next_ns(impair) <= latest_ns && impair_next_ns(impair) != 0 &&
        impair_next_ns(impair) != IMPAIR_NEVER)
        abort();
    pool_give(pool, packets, count);
    count = impair_back(impair, now_ns, packets, VECTOR);
    pool_give(pool, packets, count);
}

static void run(struct impair *impair, struct input *input, struct pool *pool)
{
    uint64_t now_ns = input_any(input), latest_ns = 0;

    while (input->at < input->end) {
        uint64_t step = input_number(input, 1);

        now_ns += step & 64 ? input_any(input) : 0;
        if (step & 128)
            now_ns = now_ns > step ? now_ns - step : 0; /* a clock that was set back */
        latest_ns = now_ns > latest_ns ? now_ns : latest_ns;
        impair_take(impair, now_ns, NULL, 0);
        if (step & 1)
            set(impair, input, now_ns);
        if (step & 2)
            take(impair, input, pool, now_ns);
        if (step & 4)
            hand_on(impair, pool, now_ns, latest_ns);
        if (step & 32)
            pass(impair, input, pool, now_ns);
        if ((step & 24) == 24)
            impair_flush(impair, now_ns);
    }
    impair_flush(impair, now_ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, data + size};
    struct noted noted = {0};
    struct pool pool;
    struct impair_options options = {.seed = input_number(&input, 1),
                                     .flight = FLIGHT,
                                     .flows = 8,
                                     .pool = &pool,
                                     .note = note,
                                     .context = &noted};
    void *memory = xmalloc(impair_size(&options));
    struct impair *impair = impair_init(memory, &options);
    const struct impair_counters *counters = impair_counters(impair);

    pool_init(&pool, PACKETS, ROOM);
    run(impair, &input, &pool);
    if (pool.free_count != PACKETS || impair_in_flight(impair) != 0 ||
        impair_next_ns(impair) != IMPAIR_NEVER)
        abort();
    if (counters->packets_in + noted.copies + noted.forged != noted.lost + noted.delivered ||
        counters->packets_out != noted.delivered)
        abort();
    pool_free(&pool);
    free(memory);
    return 0;
}
