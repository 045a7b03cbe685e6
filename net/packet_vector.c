/* Parses vectors. Most packets are alike, and for these there is a straight way: all that is not as
 * usual takes packet_parse's. */
#include "net/headers.h"
#include "net/packet.h"

enum {
    ETHERNET_BYTES = 14,
    IPV4_BYTES = 20,
    UDP_BYTES = 8,
    TCP_BYTES = 20,
    PREFETCH = 8, /* packets ahead */
};

/* Whether the checksum in a header of these 20 bytes is right: their sum is zero, all ones. */
static inline bool words_sum_to_zero(uint64_t a, uint64_t b, uint32_t c)
{
    uint64_t sum = a + b;
    uint32_t low, half;

    sum += sum < b;
    sum += c;
    sum += sum < c;
    low = (uint32_t)sum;
    half = low + (uint32_t)(sum >> 32);
    half += half < low;
    /* The upper half of this is the sum of both halves, with its carry. */
    half += half << 16 | half >> 16;
    return half >> 16 == UINT16_MAX;
}

enum usual { USUAL_UDP, USUAL_TCP, USUAL_TCP_TIMESTAMP, USUALS };

#define USUAL(at, is_tcp, header)                                                                  \
    {                                                                                              \
        .network_at = (at), .transport_at = (at) + IPV4_BYTES,                                     \
        .payload_at = (at) + IPV4_BYTES + (header), .network = PACKET_NETWORK_IPV4,                \
        .transport = (is_tcp) ? PACKET_TRANSPORT_TCP : PACKET_TRANSPORT_UDP,                       \
        .protocol = (is_tcp) ? IPPROTO_TCP : IPPROTO_UDP                                           \
    }
#define USUALS_AT(at)                                                                              \
    {                                                                                              \
        [USUAL_UDP] = USUAL(at, 0, UDP_BYTES), [USUAL_TCP] = USUAL(at, 1, TCP_BYTES),              \
        [USUAL_TCP_TIMESTAMP] = USUAL(at, 1, TCP_BYTES + 12)                                       \
    }

/* All that a view says of such a packet but its end. */
static const struct packet usual_views[][USUALS] = {
    [PACKET_LINK_ETHERNET] = USUALS_AT(ETHERNET_BYTES),
    [PACKET_LINK_IP] = USUALS_AT(0),
};

/* What `left` bytes at `at`, which IP says are of `protocol`, are; USUALS: nothing usual. */
static inline enum usual usual_transport(const uint8_t *at, size_t left, uint8_t protocol)
{
    if (protocol == IPPROTO_UDP)
        return bytes_load16(at + 4) - (size_t)UDP_BYTES <= left - UDP_BYTES ? USUAL_UDP : USUALS;
    if (protocol != IPPROTO_TCP || left < TCP_BYTES)
        return USUALS;
    if (at[12] >> 4 == 5)
        return USUAL_TCP;
    return at[12] >> 4 == 8 && left >= TCP_BYTES + 12 &&
                   bytes_load32(at + TCP_BYTES) == PACKET_TCP_TIMESTAMP
               ? USUAL_TCP_TIMESTAMP
               : USUALS;
}

/* Whether the packet is what most are: a sound IPv4 one without options, no fragment, of UDP or
 * TCP, without tags, to one host. Then it is parsed, and as packet_parse would have. */
static inline bool parse_usual(struct packet *packet)
{
    enum { FROM = offsetof(struct packet, network_at), TO = offsetof(struct packet, vlans) + 1 };
    /* Of the first 8 bytes: version and header length, fragment offset and flag. */
    const uint64_t mask = htobe64(UINT64_C(0xff00000000003fff));
    const uint64_t plain = htobe64(UINT64_C(0x4500000000000000));
    size_t at = packet->link == PACKET_LINK_ETHERNET ? ETHERNET_BYTES : 0;
    const uint8_t *header = packet->bytes + at;
    size_t left = packet->length - at;
    const struct packet *views = usual_views[at > 0 ? PACKET_LINK_ETHERNET : PACKET_LINK_IP];
    enum usual usual;
    size_t length;
    uint64_t a, b;
    uint32_t c;

    /* One comparison of both ends: what is too short wraps around. */
    if (left - IPV4_BYTES - UDP_BYTES > PACKET_BYTES_MAX - ETHERNET_BYTES - IPV4_BYTES - UDP_BYTES)
        return false;
    if (at > 0 && (bytes_load16(header - 2) != ETHERTYPE_OF_IPV4 || packet->bytes[0] & 1))
        return false;
    memcpy(&a, header, sizeof a);
    memcpy(&b, header + 8, sizeof b);
    memcpy(&c, header + 16, sizeof c);
    length = bytes_load16(header + 2);
    if ((a & mask) != plain || length > left || length < IPV4_BYTES + UDP_BYTES ||
        !words_sum_to_zero(a, b, c))
        return false;
    usual = usual_transport(header + IPV4_BYTES, length - IPV4_BYTES, header[9]);
    if (usual == USUALS)
        return false;
    packet->end = (uint32_t)(at + length);
    memcpy((uint8_t *)packet + FROM, (const uint8_t *)&views[usual] + FROM, TO - FROM);
    return true;
}

void packets_parse(struct packet *const packets[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        __builtin_prefetch(packets[i + PREFETCH < count ? i + PREFETCH : i]->bytes);
        if (!parse_usual(packets[i]))
            packet_parse(packets[i]);
    }
}
