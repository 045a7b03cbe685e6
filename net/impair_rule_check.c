/* Whether a rule can pick a packet at all. */
#include "net/impair_settings.h"
#include "net/random.h"

enum {
    LINK_BYTES_MAX = 14 + 4 * PACKET_VLANS_MAX,
    IP_BYTES_MIN = 20,
};

static const char *prefix_mistake(const struct impair_prefix *prefix)
{
    unsigned most = prefix->network == PACKET_NETWORK_IPV4 ? 32 : 128;

    if (prefix->network == PACKET_NETWORK_NONE)
        return NULL;
    if (prefix->network != PACKET_NETWORK_IPV4 && prefix->network != PACKET_NETWORK_IPV6)
        return "an address of IPv4 or IPv6";
    if (prefix->bits > most)
        return most == 32 ? "a prefix of at most 32 bits" : "a prefix of at most 128 bits";
    for (unsigned bit = prefix->bits; bit < 8 * PACKET_ADDRESS_MAX; bit++)
        if (prefix->address[bit / 8] & (0x80 >> bit % 8))
            return "an address with no bits set behind the prefix";
    return NULL;
}

static bool differ(uint8_t a, uint8_t b)
{
    return a && b && a != b;
}

static const char *network_mistake(const struct impair_rule *rule, const char **expected)
{
    bool asks_ip = rule->protocol || rule->source.network || rule->destination.network;

    if (rule->network > PACKET_NETWORK_IPV6 || (rule->network == PACKET_NETWORK_ARP && asks_ip)) {
        *expected = "IPv4 or IPv6, which have protocols and such addresses";
        return "network";
    }
    *expected = prefix_mistake(&rule->source);
    if (*expected)
        return "source";
    *expected = prefix_mistake(&rule->destination);
    if (*expected)
        return "destination";
    *expected = "addresses of one family";
    if (differ(rule->network, rule->source.network))
        return "source";
    if (differ(rule->network, rule->destination.network) ||
        differ(rule->source.network, rule->destination.network))
        return "destination";
    return NULL;
}

static const char *transport_mistake(const struct impair_rule *rule, const char **expected)
{
    bool tcp = rule->tcp_mask || rule->tcp_flags || rule->action == IMPAIR_ACT_RESET;
    bool ports = rule->source_port.high || rule->destination_port.high;

    *expected = "a range from a lower port to a higher";
    if (rule->source_port.low > rule->source_port.high)
        return "source_port";
    if (rule->destination_port.low > rule->destination_port.high)
        return "destination_port";
    if (tcp && rule->protocol && rule->protocol != IPPROTO_TCP) {
        *expected = "tcp, which alone has flags and resets";
        return "protocol";
    }
    if (ports && rule->protocol && rule->protocol != IPPROTO_TCP && rule->protocol != IPPROTO_UDP) {
        *expected = "tcp or udp, which alone have ports";
        return "protocol";
    }
    if ((tcp || ports) && rule->network == PACKET_NETWORK_ARP) {
        *expected = "IPv4 or IPv6, which carry tcp and udp";
        return "network";
    }
    if (rule->tcp_flags & ~rule->tcp_mask) {
        *expected = "no flag set that does not count";
        return "tcp_flags";
    }
    return NULL;
}

static bool is_empty(const struct impair_pattern *pattern)
{
    for (size_t i = 0; i < pattern->length && i < IMPAIR_PATTERN_MAX; i++)
        if (pattern->mask[i])
            return false;
    return true;
}

static const char *pattern_mistake(const struct impair_pattern *pattern, uint32_t mtu)
{
    uint64_t room = (uint64_t)mtu + (pattern->part == IMPAIR_PART_LINK ? LINK_BYTES_MAX : 0);

    if (pattern->length > IMPAIR_PATTERN_MAX)
        return "at most 32 bytes";
    if ((unsigned)pattern->part >= IMPAIR_PARTS)
        return "a part that there is";
    if (is_empty(pattern))
        return "a bit that counts";
    if ((uint64_t)pattern->offset + pattern->length > room)
        return "bytes inside a packet of the MTU";
    return NULL;
}

static const char *action_mistake(const struct impair_rule *rule, uint32_t mtu,
                                  const char **expected)
{
    *expected = "an action that there is";
    if ((unsigned)rule->action >= IMPAIR_ACTIONS)
        return "action";
    *expected = "more than 0 ns, at most an hour";
    if (rule->action == IMPAIR_ACT_DELAY && (!rule->delay_ns || rule->delay_ns > IMPAIR_NS_MAX))
        return "delay";
    *expected = "at most 7";
    if (rule->copies > IMPAIR_COPIES_MAX)
        return "copies";
    *expected = "sender, receiver or both";
    if ((unsigned)rule->reset >= IMPAIR_RESETS)
        return "reset";
    if (rule->action != IMPAIR_ACT_MANGLE)
        return NULL;
    *expected = rule->mangle.anywhere ? "one offset" : "the bytes to set";
    if (rule->mangle.anywhere || !rule->mangle.length)
        return "mangle";
    *expected = pattern_mistake(&rule->mangle, mtu);
    return *expected ? "mangle" : NULL;
}

const char *impair_rule_mistake(const struct impair_rule *rule, uint32_t mtu, const char **expected)
{
    const char *field = network_mistake(rule, expected);

    if (!field)
        field = transport_mistake(rule, expected);
    if (!field)
        field = action_mistake(rule, mtu, expected);
    if (field)
        return field;
    *expected = "a range from a smaller size to a larger, which packets of the MTU can have";
    if (rule->size_most && (rule->size_most < rule->size_least || rule->size_most < IP_BYTES_MIN))
        return "size";
    if (rule->size_least > mtu)
        return "size";
    *expected = "nth, from which it counts";
    if (rule->every && !rule->nth)
        return "every";
    *expected = "0% to 100%";
    if (rule->share_ppb > RANDOM_PPB)
        return "share";
    *expected = rule->pattern.length ? pattern_mistake(&rule->pattern, mtu) : NULL;
    return *expected ? "pattern" : NULL;
}
