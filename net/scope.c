#include "net/scope.h"

const bool scope_is_plain_ipv4[256] = {
    [1 ... 126] = true, [128 ... 168] = true, [170 ... 223] = true};
const bool scope_is_plain_ipv6[256] = {[1 ... 0xfd] = true};

static enum scope scope_of_ipv4(const uint8_t *address)
{
    if (address[0] == 0)
        return SCOPE_UNSPECIFIED;
    if (address[0] == 127)
        return SCOPE_LOOPBACK;
    if (address[0] == 169 && address[1] == 254)
        return SCOPE_LINK;
    if (address[0] >= 240)
        return SCOPE_RESERVED;
    return address[0] >= 224 ? SCOPE_MULTICAST : SCOPE_GLOBAL;
}

static enum scope scope_of_ipv6(const uint8_t *address)
{
    static const uint8_t zero[15];

    if (address[0] == 0xff)
        return SCOPE_MULTICAST;
    if (address[0] == 0xfe && (address[1] & 0xc0) == 0x80)
        return SCOPE_LINK;
    if (address[15] > 1 || memcmp(address, zero, sizeof zero) != 0)
        return SCOPE_GLOBAL;
    return address[15] == 1 ? SCOPE_LOOPBACK : SCOPE_UNSPECIFIED;
}

enum scope scope_of(enum packet_network network, const uint8_t *address)
{
    return network == PACKET_NETWORK_IPV4 ? scope_of_ipv4(address) : scope_of_ipv6(address);
}
