/* Addresses and subnets of IPv4 and IPv6. */
#include "runner/suite_reader.h"

#include "base/units.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

unsigned address_bits(const struct suite_address *address)
{
    return address->family == AF_INET ? 32 : 128;
}

static void write_text(struct suite_address *address)
{
    char text[INET6_ADDRSTRLEN] = "";

    inet_ntop(address->family, address->bytes, text, sizeof(text));
    snprintf(address->text, sizeof(address->text), "%s/%u", text, address->prefix);
}

int suite_address_parse(const char *text, struct suite_address *address, struct error *error)
{
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : strlen(text);
    char host[INET6_ADDRSTRLEN] = "";
    struct suite_address parsed = {.family = AF_INET6};
    uint64_t prefix;

    if (length < sizeof(host))
        memcpy(host, text, length);
    if (!strchr(host, ':'))
        parsed.family = AF_INET;
    if (inet_pton(parsed.family, host, parsed.bytes) != 1)
        return error_set(error, EINVAL,
                         "\"%.60s\" is not an address: expected one like 10.0.0.1/24 or fd00::1/64",
                         text);
    prefix = address_bits(&parsed);
    if (slash && (units_count(slash + 1, &prefix, NULL) || prefix > address_bits(&parsed)))
        return error_set(error, EINVAL,
                         "\"%.60s\" has the prefix length \"%.20s\": expected 0 to %u", text,
                         slash + 1, address_bits(&parsed));
    parsed.prefix = (unsigned)prefix;
    write_text(&parsed);
    *address = parsed;
    return 0;
}

static uint8_t prefix_byte(unsigned prefix, unsigned index)
{
    unsigned bits = prefix <= 8 * index ? 0 : prefix - 8 * index;

    return bits >= 8 ? 0xff : (uint8_t)(0xff00 >> bits);
}

struct suite_address address_network(const struct suite_address *address)
{
    struct suite_address network = *address;

    for (unsigned i = 0; i < address_bits(address) / 8; i++)
        network.bytes[i] &= prefix_byte(address->prefix, i);
    write_text(&network);
    return network;
}

int address_host(const struct suite_address *subnet, unsigned index, struct suite_address *address,
                 struct error *error)
{
    struct suite_address host = address_network(subnet);
    unsigned host_bits = address_bits(subnet) - subnet->prefix;
    /* A /31 or /127 is a point-to-point pair without a network address (RFC 3021, RFC 6164). */
    unsigned first = host_bits == 1 ? 0 : 1;
    unsigned number = first + index;
    unsigned last = subnet->family == AF_INET && host_bits > 1 ? 2 : 1;

    if (host_bits < 16 && number > (1u << host_bits) - last)
        return error_set(error, ERANGE, "the subnet %s is too small for its two nodes",
                         subnet->text);
    host.bytes[address_bits(subnet) / 8 - 1] |= (uint8_t)number;
    write_text(&host);
    *address = host;
    return 0;
}

bool address_in(const struct suite_address *address, const struct suite_address *subnet)
{
    if (address->family != subnet->family)
        return false;
    for (unsigned i = 0; i < address_bits(address) / 8; i++)
        if ((address->bytes[i] ^ subnet->bytes[i]) & prefix_byte(subnet->prefix, i))
            return false;
    return true;
}

bool address_equal(const struct suite_address *a, const struct suite_address *b)
{
    return a->family == b->family && !memcmp(a->bytes, b->bytes, address_bits(a) / 8);
}

static bool is_last(const struct suite_address *address)
{
    for (unsigned i = 0; i < address_bits(address) / 8; i++)
        if ((address->bytes[i] | prefix_byte(address->prefix, i)) != 0xff)
            return false;
    return true;
}

int address_check_host(const struct suite_address *address, struct error *error)
{
    struct suite_address network = address_network(address);
    const char *what = NULL;

    if (address->family == AF_INET) {
        if (address->bytes[0] == 0)
            what = "in 0.0.0.0/8, which means \"this network\"";
        else if (address->bytes[0] == 127)
            what = "a loopback address";
        else if (address->bytes[0] >= 224)
            what = "a multicast or reserved address";
        else if (address->prefix < 31 && address_equal(address, &network))
            what = "the address of its network";
        else if (address->prefix < 31 && is_last(address))
            what = "the broadcast address of its network";
    } else {
        if (address->bytes[0] == 0xff)
            what = "a multicast address";
        else if (IN6_IS_ADDR_LOOPBACK(&address->v6) || IN6_IS_ADDR_UNSPECIFIED(&address->v6))
            what = "the loopback or the unspecified address";
        else if (IN6_IS_ADDR_V4MAPPED(&address->v6))
            what = "an IPv4-mapped address";
        else if (address->prefix < 127 && address_equal(address, &network))
            what = "the subnet-router anycast address of its network";
    }
    if (what)
        return error_set(error, EINVAL, "%s is %s: a node cannot have it", address->text, what);
    return 0;
}
