#include "net/impair_rules.h"

#include "net/impair_change.h"
#include "net/packet_flow.h"

#include <string.h>

uint32_t rules_flow_sets(uint32_t flows)
{
    uint32_t sets = 1;

    while (sets * RULES_WAYS < flows)
        sets *= 2;
    return sets;
}

void rules_init(struct rules *rules, const struct draw_owner *owner, struct rules_flow *flows,
                uint32_t flow_sets)
{
    size_t each = (size_t)RULES_WAYS * flow_sets;

    *rules = (struct rules){.flow_sets = flow_sets};
    memset(flows, 0, sizeof *flows * IMPAIR_CLASSES * each);
    for (unsigned i = 0; i < IMPAIR_CLASSES; i++) {
        struct draw_owner one = *owner;

        one.class = i;
        rules->flows[i] = flows + i * each;
        for (unsigned rule = 0; rule < IMPAIR_RULES_MAX; rule++)
            rules->key[i][rule] = draw_key(&one, DRAW_RULE + rule);
    }
    rules->flow_seed = draw_key(owner, DRAW_RULE + IMPAIR_RULES_MAX);
}

void rules_set(struct rules *rules, const struct impair_rule *set, size_t count)
{
    rules->counts_flows = false;
    for (size_t i = 0; i < count; i++) {
        if (i >= rules->count || !impair_rule_equal(&rules->set[i], &set[i]))
            for (unsigned class = 0; class < IMPAIR_CLASSES; class ++)
                rules->acted[class][i] = 0;
        rules->set[i] = set[i];
        rules->share[i] = random_threshold(set[i].share_ppb ? set[i].share_ppb : RANDOM_PPB);
        rules->counts_flows |= set[i].nth != 0;
    }
    rules->count = count;
}

/* Which one of its flow the packet is, from 1. */
static uint64_t count_flow(struct rules *rules, enum impair_class class,
                           const struct packet *packet)
{
    struct packet_flow flow;
    struct rules_flow *set, *found;
    uint64_t hash;

    packet_flow(packet, &flow);
    hash = packet_flow_hash(&flow, rules->flow_seed);
    set = &rules->flows[class][(hash & (rules->flow_sets - 1)) * RULES_WAYS];
    found = set;
    for (size_t i = 0; i < RULES_WAYS; i++) {
        if (set[i].packets && set[i].hash == hash) {
            found = &set[i];
            break;
        }
        if (!set[i].packets || (found->packets && set[i].last < found->last))
            found = &set[i];
    }
    if (!found->packets || found->hash != hash)
        *found = (struct rules_flow){.hash = hash};
    found->last = rules->counted++;
    return ++found->packets;
}

static bool is_nth(const struct impair_rule *rule, uint64_t place)
{
    if (!rule->nth || place == rule->nth)
        return true;
    return rule->every && place > rule->nth && (place - rule->nth) % rule->every == 0;
}

/* But for its share. */
static bool acts(const struct rules *rules, enum impair_class class, size_t i,
                 const struct packet *packet, uint64_t place)
{
    const struct impair_rule *rule = &rules->set[i];

    if (rule->limit && rules->acted[class][i] >= rule->limit)
        return false;
    return impair_rule_matches(rule, packet) && is_nth(rule, place);
}

void rules_apply(struct rules *rules, enum impair_class class, uint64_t n, struct packet *packet,
                 struct rules_order *order)
{
    uint64_t place = rules->counts_flows ? count_flow(rules, class, packet) : 0;

    *order = (struct rules_order){0};
    for (size_t i = 0; i < rules->count && !order->ending; i++) {
        const struct impair_rule *rule = &rules->set[i];

        if (!acts(rules, class, i, packet, place) ||
            !random_chance(random_at(rules->key[class][i], n), rules->share[i]))
            continue;
        switch (rule->action) {
        case IMPAIR_ACT_DELAY:
            order->delay_ns += rule->delay_ns;
            break;
        case IMPAIR_ACT_DUPLICATE:
            order->copies += rule->copies ? rule->copies : 1;
            break;
        case IMPAIR_ACT_MANGLE:
            if (!change_mangle(packet, &rule->mangle, rule->keep_checksums))
                continue;
            order->mangled = true;
            break;
        default:
            order->ending = rule;
            break;
        }
        rules->acted[class][i]++;
        order->last = (uint8_t)(i + 1);
    }
}
