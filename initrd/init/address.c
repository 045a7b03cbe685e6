#include "initrd/init/address.h"

#include "base/memory.h"
#include "initrd/init/hex.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static int parse_prefix(const char *text, unsigned long most, unsigned long *bits,
                        struct error *error)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long value = digits > 0 && digits <= 3 ? strtoul(text, NULL, 10) : most + 1;

    if (text[digits] || value > most)
        return error_set(error, EINVAL, "\"%s\" is not a prefix from 0 to %lu", text, most);
    *bits = value;
    return 0;
}

int address_parse(const char *text, struct address *out, struct error *error)
{
    struct address address = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
    const char *slash = strchrnul(text, '/');
    unsigned long bits = address.family == AF_INET ? 32 : 128;
    cleanup_free char *host = xstrndup(text, (size_t)(slash - text));

    if (inet_pton(address.family, host, address.bytes) != 1)
        return error_set(error, EINVAL, "\"%s\" is not an IPv4 or IPv6 address", host);
    if (*slash && parse_prefix(slash + 1, bits, &bits, error) < 0)
        return error_context(error, "\"%s\"", text);
    address.prefix = (uint8_t)bits;
    *out = address;
    return 0;
}

int address_parse_host(const char *text, struct address *address, struct error *error)
{
    if (strchr(text, '/'))
        return error_set(error, EINVAL, "\"%s\" has a prefix; expected a host's address", text);
    return address_parse(text, address, error);
}

const char *address_text(const struct address *address, char text[static INET6_ADDRSTRLEN])
{
    return inet_ntop(address->family, address->bytes, text, INET6_ADDRSTRLEN);
}

int address_parse_mac(const char *text, uint8_t mac[static MAC_SIZE], struct error *error)
{
    uint8_t bytes[MAC_SIZE];

    for (int i = 0; i < MAC_SIZE; i++) {
        const char *at = text + 3 * i;

        if (hex_decode(at, 1, &bytes[i]) < 0 || at[2] != (i < MAC_SIZE - 1 ? ':' : '\0'))
            return error_set(error, EINVAL,
                             "\"%s\" is not a MAC address of the form 52:54:00:00:00:01", text);
    }
    memcpy(mac, bytes, sizeof bytes);
    return 0;
}
