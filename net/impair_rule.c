#include "net/impair_rule.h"

#include <string.h>

static bool prefix_matches(const struct impair_prefix *prefix, const struct packet *packet,
                           const uint8_t *address)
{
    unsigned whole = prefix->bits / 8, rest = prefix->bits % 8;

    if (prefix->network == PACKET_NETWORK_NONE)
        return true;
    if (prefix->network != packet->network || memcmp(address, prefix->address, whole) != 0)
        return false;
    return rest == 0 || (address[whole] ^ prefix->address[whole]) >> (8 - rest) == 0;
}

static bool ports_match(const struct impair_ports *ports, uint16_t port)
{
    return port >= ports->low && port <= ports->high;
}

static bool asks_ports(const struct impair_rule *rule)
{
    return rule->source_port.high || rule->destination_port.high;
}

/* What lies behind the network's header. */
static bool transport_matches(const struct impair_rule *rule, const struct packet *packet)
{
    if (asks_ports(rule)) {
        if (!packet_has_ports(packet))
            return false;
        if (rule->source_port.high && !ports_match(&rule->source_port, packet_source_port(packet)))
            return false;
        if (rule->destination_port.high &&
            !ports_match(&rule->destination_port, packet_destination_port(packet)))
            return false;
    }
    if (rule->tcp_mask || rule->action == IMPAIR_ACT_RESET) {
        if (packet->transport != PACKET_TRANSPORT_TCP)
            return false;
        return (packet_tcp_flags(packet) & rule->tcp_mask) == rule->tcp_flags;
    }
    return true;
}

static bool network_matches(const struct impair_rule *rule, const struct packet *packet)
{
    size_t length;

    if (rule->network && rule->network != packet->network)
        return false;
    if (rule->protocol || rule->source.network || rule->destination.network) {
        if (!packet_is_ip(packet))
            return false;
        if ((rule->protocol && rule->protocol != packet->protocol) ||
            !prefix_matches(&rule->source, packet, packet_source(packet)) ||
            !prefix_matches(&rule->destination, packet, packet_destination(packet)))
            return false;
    }
    if (!rule->size_least && !rule->size_most)
        return true;
    length = packet_network_length(packet);
    return length >= rule->size_least && (!rule->size_most || length <= rule->size_most);
}

bool impair_part_of(const struct packet *packet, enum impair_part part, size_t *start, size_t *end)
{
    bool has_network = packet->network != PACKET_NETWORK_NONE;

    *end = packet->end > packet->network_at ? packet->end : packet->length;
    switch (part) {
    case IMPAIR_PART_LINK:
        *start = 0;
        *end = packet->length;
        return true;
    case IMPAIR_PART_NETWORK:
        *start = packet->network_at;
        return *start < *end;
    case IMPAIR_PART_TRANSPORT:
        *start = packet->transport_at;
        return has_network && packet->transport != PACKET_TRANSPORT_NONE;
    default:
        *start = packet->payload_at;
        return has_network && packet->transport != PACKET_TRANSPORT_NONE;
    }
}

static bool is_at(const struct impair_pattern *pattern, const uint8_t *at)
{
    for (size_t i = 0; i < pattern->length; i++)
        if ((at[i] ^ pattern->bytes[i]) & pattern->mask[i])
            return false;
    return true;
}

static bool pattern_matches(const struct impair_pattern *pattern, const struct packet *packet)
{
    size_t start, end, last;

    if (!pattern->length)
        return true;
    if (!impair_part_of(packet, pattern->part, &start, &end) ||
        end - start < (size_t)pattern->offset + pattern->length)
        return false;
    start += pattern->offset;
    last = pattern->anywhere ? end - pattern->length : start;
    for (; start <= last; start++)
        if (is_at(pattern, packet->bytes + start))
            return true;
    return false;
}

bool impair_rule_matches(const struct impair_rule *rule, const struct packet *packet)
{
    return network_matches(rule, packet) && transport_matches(rule, packet) &&
           pattern_matches(&rule->pattern, packet);
}

static bool same_prefix(const struct impair_prefix *a, const struct impair_prefix *b)
{
    return a->network == b->network && a->bits == b->bits &&
           memcmp(a->address, b->address, sizeof a->address) == 0;
}

static bool same_ports(const struct impair_ports *a, const struct impair_ports *b)
{
    return a->low == b->low && a->high == b->high;
}

static bool same_pattern(const struct impair_pattern *a, const struct impair_pattern *b)
{
    return a->part == b->part && a->offset == b->offset && a->anywhere == b->anywhere &&
           a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0 &&
           memcmp(a->mask, b->mask, a->length) == 0;
}

bool impair_rule_equal(const struct impair_rule *a, const struct impair_rule *b)
{
    bool same_choice =
        a->network == b->network && a->protocol == b->protocol &&
        same_prefix(&a->source, &b->source) && same_prefix(&a->destination, &b->destination) &&
        same_ports(&a->source_port, &b->source_port) &&
        same_ports(&a->destination_port, &b->destination_port) && a->tcp_mask == b->tcp_mask &&
        a->tcp_flags == b->tcp_flags && a->size_least == b->size_least &&
        a->size_most == b->size_most && a->nth == b->nth && a->every == b->every &&
        same_pattern(&a->pattern, &b->pattern) && a->share_ppb == b->share_ppb &&
        a->limit == b->limit;

    return same_choice && a->action == b->action && a->delay_ns == b->delay_ns &&
           a->copies == b->copies && a->reset == b->reset && same_pattern(&a->mangle, &b->mangle) &&
           a->keep_checksums == b->keep_checksums;
}
