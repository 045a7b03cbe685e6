#include "net/headers.h"
#include "net/packet.h"

bool packet_option_next(struct packet_options *options, struct packet_option *option)
{
    size_t left, length;

    if (options->unit == 1)
        while (options->at < options->end && *options->at == 1)
            options->at++;
    left = (size_t)(options->end - options->at);
    if (left == 0 || (options->unit == 1 && *options->at == 0))
        return false;
    length = left < 2 ? 0 : options->at[1] * options->unit;
    if (length < 2 || length > left) {
        options->malformed = true;
        return false;
    }
    *option = (struct packet_option){
        .type = options->at[0], .data = options->at + 2, .length = length - 2};
    options->at += length;
    return true;
}

bool packet_options_sound(struct packet_options options)
{
    struct packet_option option;

    while (packet_option_next(&options, &option))
        ;
    return !options.malformed;
}

struct packet_options packet_ipv4_options(const struct packet *packet)
{
    const uint8_t *header = packet_network(packet);

    return (struct packet_options){
        .at = header + 20, .end = header + (size_t)(header[0] & 15) * 4, .unit = 1};
}

struct packet_options packet_tcp_options(const struct packet *packet)
{
    return (struct packet_options){
        .at = packet_transport(packet) + 20, .end = packet_payload(packet), .unit = 1};
}

size_t packet_nd_bytes(uint8_t type)
{
    switch (type) {
    case ICMPV6_TYPE_ROUTER_SOLICITATION:
        return 8;
    case ICMPV6_TYPE_ROUTER_ADVERTISEMENT:
        return 16;
    case ICMPV6_TYPE_NEIGHBOUR_SOLICITATION:
    case ICMPV6_TYPE_NEIGHBOUR_ADVERTISEMENT:
        return 24;
    case ICMPV6_TYPE_REDIRECT:
        return 40;
    default:
        return 0;
    }
}

struct packet_options packet_nd_options(const struct packet *packet)
{
    return (struct packet_options){.at = packet_transport(packet) +
                                         packet_nd_bytes(packet_icmp_type(packet)),
                                   .end = packet->bytes + packet->end,
                                   .unit = 8};
}
