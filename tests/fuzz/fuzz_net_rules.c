/* A rule and packets, of any bytes: what the check lets through picks and acts without reading or
 * writing behind a packet, what has been mangled is what it is parsed as, and a pattern at a place
 * is found by the same pattern anywhere from that place on. */
#include "net/impair_rules.h"

#include "base/memory.h"

#include "tests/fuzz/impair_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 1600, MTU = 1500 };

/* In memory of its own, so that the sanitizer sees its end. */
static struct packet exact_copy(const struct packet *packet)
{
    struct packet copy = *packet;

    copy.bytes = xmalloc(packet->length ? packet->length : 1);
    memcpy(copy.bytes, packet->bytes, packet->length);
    return copy;
}

static void check_rule(struct rules *rules, uint64_t n, const struct packet *packet)
{
    struct packet copy = exact_copy(packet), again;
    const struct impair_rule *rule = &rules->set[0];
    bool matches = impair_rule_matches(rule, &copy);
    struct rules_order order;

    if (matches) {
        struct impair_rule anywhere = *rule;

        anywhere.pattern.anywhere = true;
        if (!impair_rule_matches(&anywhere, &copy))
            abort();
    }
    rules_apply(rules, packet_is_upkeep(packet) ? IMPAIR_OWN : IMPAIR_DATA, n, &copy, &order);
    if (order.last && !matches)
        abort();
    if (order.mangled) {
        again = copy;
        packet_parse(&again);
        if (again.flaw != copy.flaw || again.end != copy.end)
            abort();
    }
    free(copy.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, data + size};
    struct impair_rule rule = input_rule(&input);
    struct impair_settings settings = {.rules = &rule, .rule_count = 1};
    static const struct draw_owner owner = {.seed = 1, .link = 2};
    struct rules_flow flows[IMPAIR_CLASSES * RULES_WAYS];
    struct rules *rules;
    struct pool pool;

    if (impair_check(&settings, MTU, NULL, NULL) != 0)
        return 0;
    rules = xmalloc(sizeof *rules);
    pool_init(&pool, 1, ROOM);
    rules_init(rules, &owner, flows, 1);
    rules_set(rules, &rule, 1);
    for (uint64_t n = 0; n < 16 && input.at < input.end; n++) {
        struct packet *packet = input_packet(&input, &pool);

        check_rule(rules, n, packet);
        pool_give(&pool, &packet, 1);
    }
    pool_free(&pool);
    free(rules);
    return 0;
}
