#include "net/fragment.h"

#include "net/checksum.h"

#include <errno.h>

enum { MORE = 0x2000 };

/* Each fragment has the options that say so (RFC 791, 3.1, the copied flag); returns the header's
 * length, which a padding makes a multiple of 4. */
static size_t copy_header(const struct packet *packet, uint8_t *to)
{
    struct packet_options options = packet_ipv4_options(packet);
    struct packet_option option;
    size_t length = 20;

    memcpy(to, packet_network(packet), length);
    while (packet_option_next(&options, &option)) {
        if (!(option.type & 0x80))
            continue;
        memcpy(to + length, option.data - 2, option.length + 2);
        length += option.length + 2;
    }
    while (length % 4 != 0)
        to[length++] = 0;
    to[0] = (uint8_t)(4 << 4 | length / 4);
    return length;
}

static void finish_header(uint8_t *header, size_t length, size_t offset, bool more)
{
    uint16_t sum = 0;

    bytes_store16(header + 2, (uint16_t)length);
    bytes_store16(header + 6, (uint16_t)(offset / 8 | (more ? MORE : 0)));
    memcpy(header + 10, &sum, sizeof sum);
    sum = checksum_fold(checksum_add(0, header, (size_t)(header[0] & 15) * 4));
    memcpy(header + 10, &sum, sizeof sum);
}

/* One that is not the first, with `count` bytes from `at` on. */
static void fill_fragment(struct packet *fragment, const struct packet *packet, const uint8_t *at,
                          size_t count, size_t offset, bool more)
{
    size_t header = copy_header(packet, fragment->bytes);

    memcpy(fragment->bytes + header, at, count);
    finish_header(fragment->bytes, header + count, offset, more);
    fragment->length = (uint32_t)(header + count);
    fragment->link = PACKET_LINK_IP;
    fragment->time_ns = packet->time_ns;
    packet_parse(fragment);
}

/* Bytes of the datagram in the first fragment and in each of the others, but for the last. */
struct cut {
    size_t first, each;
    size_t rest; /* how many others */
};

static struct cut make_cut(const struct packet *packet, size_t mtu)
{
    uint8_t header[60];
    size_t total = packet->end - packet->transport_at;
    struct cut cut = {
        .first = (mtu - (packet->transport_at - packet->network_at)) / 8 * 8,
        .each = (mtu - copy_header(packet, header)) / 8 * 8,
    };

    cut.rest = (total - cut.first + cut.each - 1) / cut.each;
    return cut;
}

size_t fragment_count(const struct packet *packet, size_t mtu)
{
    return make_cut(packet, mtu).rest + 1;
}

int fragment_ipv4(struct pool *pool, struct packet *packet, size_t mtu,
                  struct packet *rest[static FRAGMENTS_MAX])
{
    struct cut cut = make_cut(packet, mtu);
    size_t header = packet->transport_at - packet->network_at;
    size_t total = packet->end - packet->transport_at;
    size_t base = packet_fragment_offset(packet);
    bool more = packet_fragment_more(packet);

    if (cut.rest > FRAGMENTS_MAX)
        return -EMSGSIZE;
    if (cut.rest > pool->free_count || pool->room < mtu)
        return -ENOBUFS;
    checksum_finish(packet);
    pool_take(pool, rest, cut.rest);
    for (size_t i = 0; i < cut.rest; i++) {
        size_t at = cut.first + i * cut.each;
        size_t count = total - at < cut.each ? total - at : cut.each;

        fill_fragment(rest[i], packet, packet_network(packet) + header + at, count, base + at,
                      more || i + 1 < cut.rest);
    }
    finish_header(packet->bytes + packet->network_at, header + cut.first, base, true);
    packet->length = (uint32_t)(packet->network_at + header + cut.first);
    packet_parse(packet);
    return (int)cut.rest;
}
