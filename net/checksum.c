/* Words are summed in 64 bits, in which their carries collect until the end: a packet has too few
 * to overflow that. Two vectors at once keep the adders busy. */
#include "net/checksum.h"

typedef uint64_t vector __attribute__((vector_size(16)));

static inline vector load(const uint8_t *at)
{
    vector words;

    memcpy(&words, at, sizeof words);
    return words;
}

static inline vector halves(vector words)
{
    return (words & UINT32_MAX) + (words >> 32);
}

checksum_sum checksum_add(checksum_sum sum, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    vector a = {0, 0}, b = {0, 0};
    uint64_t word;

    for (; count >= 2 * sizeof a; count -= 2 * sizeof a, at += 2 * sizeof a) {
        a += halves(load(at));
        b += halves(load(at + sizeof a));
    }
    a += b;
    sum += a[0] + a[1];
    for (; count >= sizeof word; count -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        sum += (word & UINT32_MAX) + (word >> 32);
    }
    word = 0;
    if (count > 0)
        memcpy(&word, at, count);
    return sum + (word & UINT32_MAX) + (word >> 32);
}

checksum_sum checksum_pseudo(const struct packet *packet, uint8_t protocol, size_t length)
{
    checksum_sum sum = (checksum_sum)htobe16(protocol) + htobe32((uint32_t)length);

    return checksum_add(sum, packet_source(packet), 2 * packet_address_bytes(packet));
}

void checksum_update(uint8_t *at, const void *from, const void *to, size_t count)
{
    const uint8_t *old = from;
    checksum_sum sum;
    uint16_t word;

    memcpy(&word, at, sizeof word);
    sum = checksum_add((uint16_t)~word, to, count);
    for (size_t i = 0; i + sizeof word <= count; i += sizeof word) {
        memcpy(&word, old + i, sizeof word);
        sum += (uint16_t)~word;
    }
    word = checksum_fold(sum);
    memcpy(at, &word, sizeof word);
}

/* Where the transport's checksum is, from its header on. */
static size_t checksum_offset(const struct packet *packet)
{
    switch (packet->transport) {
    case PACKET_TRANSPORT_TCP:
        return 16;
    case PACKET_TRANSPORT_UDP:
        return 6;
    default:
        return 2;
    }
}

/* UDP may end before IP does; the rest is not summed. */
static size_t summed_length(const struct packet *packet)
{
    if (packet->transport == PACKET_TRANSPORT_UDP)
        return bytes_load16(packet_transport(packet) + 4);
    return packet->end - packet->transport_at;
}

/* Of the header and what follows, the checksum included. */
static checksum_sum transport_sum(const struct packet *packet)
{
    size_t length = summed_length(packet);
    checksum_sum sum = 0;

    if (packet->transport != PACKET_TRANSPORT_ICMP)
        sum = checksum_pseudo(packet, packet->protocol, length);
    return checksum_add(sum, packet_transport(packet), length);
}

static bool has_checksum(const struct packet *packet)
{
    return packet->transport != PACKET_TRANSPORT_NONE && !(packet->flags & PACKET_FRAGMENT);
}

static bool has_no_udp_checksum(const struct packet *packet)
{
    return packet->transport == PACKET_TRANSPORT_UDP && packet->network == PACKET_NETWORK_IPV4 &&
           bytes_load16(packet_transport(packet) + 6) == 0;
}

bool checksum_right(const struct packet *packet)
{
    if (packet->checksum != PACKET_CHECKSUM_WHOLE || !has_checksum(packet) ||
        has_no_udp_checksum(packet))
        return true;
    /* Over IPv6, 0 is no checksum but a mistake (RFC 8200, 8.1), although the sum may be right. */
    if (packet->transport == PACKET_TRANSPORT_UDP &&
        bytes_load16(packet_transport(packet) + 6) == 0)
        return false;
    return checksum_fold(transport_sum(packet)) == 0;
}

void checksum_write(struct packet *packet)
{
    uint8_t *at = packet->bytes + packet->transport_at + checksum_offset(packet);
    uint16_t word = 0;

    if (!has_checksum(packet) || has_no_udp_checksum(packet))
        return;
    memcpy(at, &word, sizeof word);
    word = checksum_fold(transport_sum(packet));
    if (word == 0 && packet->transport == PACKET_TRANSPORT_UDP)
        word = UINT16_MAX;
    memcpy(at, &word, sizeof word);
    packet->checksum = PACKET_CHECKSUM_WHOLE;
}

/* What was parsed must stay true: the sum may replace the transport's, or lie behind IP's headers
 * where there is no transport. */
static bool may_be_finished(const struct packet *packet)
{
    if (packet->checksum_start > packet->length ||
        (size_t)packet->checksum_at + sizeof(uint16_t) > packet->length)
        return false;
    if (packet->transport == PACKET_TRANSPORT_NONE)
        return packet->checksum_at >= packet->transport_at;
    return packet->checksum_at == packet->transport_at + checksum_offset(packet);
}

void checksum_finish(struct packet *packet)
{
    uint16_t word;

    if (packet->checksum != PACKET_CHECKSUM_PARTIAL)
        return;
    packet->checksum = PACKET_CHECKSUM_WHOLE;
    if (!may_be_finished(packet))
        return;
    word = checksum_fold(checksum_add(0, packet->bytes + packet->checksum_start,
                                      packet->length - packet->checksum_start));
    /* Both are zero to a receiver, but to one of UDP this one is a checksum. */
    if (word == 0)
        word = UINT16_MAX;
    memcpy(packet->bytes + packet->checksum_at, &word, sizeof word);
}
