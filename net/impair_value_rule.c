#include "net/impair_value.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

static const char *const actions[] = {"drop", "delay", "duplicate", "mangle", "reset"};
static const char *const resets[] = {"sender", "receiver", "both"};
static const char *const networks[] = {"none", "arp", "ipv4", "ipv6"}; /* enum packet_network */
static const char *const parts[] = {"network", "transport", "payload", "link"};

static const struct {
    const char *name;
    uint8_t number;
} protocols[] = {
    {"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"icmp", IPPROTO_ICMP}, {"icmpv6", IPPROTO_ICMPV6},
    {"gre", IPPROTO_GRE}, {"esp", IPPROTO_ESP}, {"ah", IPPROTO_AH},     {"sctp", IPPROTO_SCTP},
};

_Static_assert(array_size(actions) == IMPAIR_ACTIONS && array_size(resets) == IMPAIR_RESETS &&
                   array_size(parts) == IMPAIR_PARTS &&
                   array_size(networks) == PACKET_NETWORK_IPV6 + 1,
               "every value has its name");

/* -- Choices ----------------------------------------------------------------------------------- */

static int read_action(const char *text, void *member, struct error *error)
{
    size_t index;
    int status = impair_value_choice(text, actions, array_size(actions), &index, error);

    if (!status)
        *(enum impair_action *)member = (enum impair_action)index;
    return status;
}

static void write_action(const void *member, struct buffer *out)
{
    buffer_append_text(out, actions[*(const enum impair_action *)member]);
}

static bool is_never_none(const void *member)
{
    (void)member;
    return false;
}

static int read_reset(const char *text, void *member, struct error *error)
{
    size_t index;
    int status = impair_value_choice(text, resets, array_size(resets), &index, error);

    if (!status)
        *(enum impair_reset *)member = (enum impair_reset)index;
    return status;
}

static void write_reset(const void *member, struct buffer *out)
{
    buffer_append_text(out, resets[*(const enum impair_reset *)member]);
}

static int read_network(const char *text, void *member, struct error *error)
{
    size_t index;
    int status = impair_value_choice(text, networks + 1, array_size(networks) - 1, &index, error);

    if (!status)
        *(uint8_t *)member = (uint8_t)(index + 1);
    return status;
}

static void write_network(const void *member, struct buffer *out)
{
    buffer_append_text(out, networks[*(const uint8_t *)member]);
}

static int read_protocol(const char *text, void *member, struct error *error)
{
    uint64_t number;

    for (size_t i = 0; i < array_size(protocols); i++) {
        if (!strcmp(text, protocols[i].name)) {
            *(uint8_t *)member = protocols[i].number;
            return 0;
        }
    }
    if (impair_value_number(text, UINT8_MAX, &number, NULL))
        return error_set(error, EINVAL,
                         "found \"%.60s\", expected tcp, udp, icmp, icmpv6, gre, esp, ah, sctp or "
                         "a number up to 255",
                         text);
    *(uint8_t *)member = (uint8_t)number;
    return 0;
}

static void write_protocol(const void *member, struct buffer *out)
{
    uint8_t number = *(const uint8_t *)member;

    for (size_t i = 0; i < array_size(protocols); i++) {
        if (protocols[i].number == number) {
            buffer_append_text(out, protocols[i].name);
            return;
        }
    }
    buffer_printf(out, "%u", number);
}

/* -- Addresses, ports, flags, sizes ------------------------------------------------------------ */

static int read_prefix(const char *text, void *member, struct error *error)
{
    struct impair_prefix prefix = {0};
    size_t length = strcspn(text, "/");
    char address[INET6_ADDRSTRLEN];
    uint64_t bits;

    if (length < sizeof address) {
        memcpy(address, text, length);
        address[length] = '\0';
        if (inet_pton(AF_INET, address, prefix.address) == 1)
            prefix.network = PACKET_NETWORK_IPV4;
        else if (inet_pton(AF_INET6, address, prefix.address) == 1)
            prefix.network = PACKET_NETWORK_IPV6;
    }
    bits = prefix.network == PACKET_NETWORK_IPV4 ? 32 : 128;
    if (!prefix.network ||
        (text[length] && impair_value_number(text + length + 1, bits, &bits, NULL)))
        return error_set(error, EINVAL,
                         "found \"%.60s\", expected an address or a subnet, as in 10.0.0.0/24 or "
                         "fd00::1",
                         text);
    prefix.bits = (uint8_t)bits;
    *(struct impair_prefix *)member = prefix;
    return 0;
}

static void write_prefix(const void *member, struct buffer *out)
{
    const struct impair_prefix *prefix = member;
    char address[INET6_ADDRSTRLEN];

    inet_ntop(prefix->network == PACKET_NETWORK_IPV4 ? AF_INET : AF_INET6, prefix->address, address,
              sizeof address);
    buffer_printf(out, "%s/%u", address, prefix->bits);
}

static bool is_any_address(const void *member)
{
    const struct impair_prefix *prefix = member;

    return prefix->network == PACKET_NETWORK_NONE;
}

static int read_ports(const char *text, void *member, struct error *error)
{
    struct impair_ports *ports = member;
    uint64_t low, high;
    int status = impair_value_range(text, &low, &high, error);

    if (status)
        return status;
    if (high == UINT64_MAX)
        high = UINT16_MAX;
    if (low > high || high > UINT16_MAX)
        return error_set(error, EINVAL,
                         "found \"%.60s\", expected a port up to 65535, or two from the lower to "
                         "the higher",
                         text);
    *ports = (struct impair_ports){(uint16_t)low, (uint16_t)high};
    return 0;
}

static void write_ports(const void *member, struct buffer *out)
{
    const struct impair_ports *ports = member;

    buffer_printf(out, "%u", ports->low);
    if (ports->high != ports->low)
        buffer_printf(out, "-%u", ports->high);
}

/* In the order of their bits, from the lowest. */
static const char *const tcp_flags[] = {"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"};

/* "syn !ack": that one is set, and that one is not. */
static int read_tcp_flags(const char *text, void *member, struct error *error)
{
    uint8_t *out = member; /* the mask, then the flags */
    uint8_t mask = 0, flags = 0;

    for (const char *at = text + strspn(text, " ,"); *at; at += strspn(at, " ,")) {
        bool clear = *at == '!';
        size_t length = strcspn(at += clear, " ,"), bit = 0;

        while (bit < array_size(tcp_flags) &&
               (strlen(tcp_flags[bit]) != length || memcmp(tcp_flags[bit], at, length) != 0))
            bit++;
        if (bit == array_size(tcp_flags) || mask & 1 << bit)
            return error_set(error, EINVAL,
                             "found \"%.60s\", expected some of fin, syn, rst, psh, ack, urg, ece "
                             "and cwr, each once, with \"!\" before those that are not set",
                             text);
        mask |= (uint8_t)(1 << bit);
        flags |= (uint8_t)(!clear << bit);
        at += length;
    }
    out[0] = mask;
    out[1] = flags;
    return 0;
}

static void write_tcp_flags(const void *member, struct buffer *out)
{
    const uint8_t *in = member;
    const char *before = "";

    for (size_t bit = 0; bit < array_size(tcp_flags); bit++) {
        if (!(in[0] & 1 << bit))
            continue;
        buffer_printf(out, "%s%s%s", before, in[1] & 1 << bit ? "" : "!", tcp_flags[bit]);
        before = " ";
    }
}

/* The least and the most, as it is; no most is 0. */
static int read_sizes(const char *text, void *member, struct error *error)
{
    uint32_t *sizes = member;
    uint64_t low, high;
    int status = impair_value_range(text, &low, &high, error);

    if (status)
        return status;
    if (low > UINT32_MAX || high == 0 || high < low || (high != UINT64_MAX && high > UINT32_MAX))
        return error_set(error, EINVAL,
                         "found \"%.60s\", expected bytes of a packet, as in 1400-, 40-100 or 1500",
                         text);
    sizes[0] = (uint32_t)low;
    sizes[1] = high == UINT64_MAX ? 0 : (uint32_t)high;
    return 0;
}

static void write_sizes(const void *member, struct buffer *out)
{
    const uint32_t *sizes = member;

    buffer_printf(out, "%" PRIu32, sizes[0]);
    if (!sizes[1])
        buffer_append_text(out, "-");
    else if (sizes[1] != sizes[0])
        buffer_printf(out, "-%" PRIu32, sizes[1]);
}

/* -- Patterns ---------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Pairs of digits up to `end`; -1 where there is anything else, none, or too many. */
static int read_hex(const char *text, const char *end, uint8_t bytes[static IMPAIR_PATTERN_MAX])
{
    size_t count = (size_t)(end - text) / 2;

    if ((end - text) % 2 || count < 1 || count > IMPAIR_PATTERN_MAX)
        return -1;
    for (size_t i = 0; i < count; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return -1;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return (int)count;
}

/* `"GET /"`, or hexadecimal digits with, behind a slash, those of a mask. Whether it is that. */
static bool read_bytes(const char *text, struct impair_pattern *pattern)
{
    size_t length = strlen(text);
    const char *slash = text + strcspn(text, "/");
    int count, masked;

    if (text[0] == '"') {
        if (length < 3 || text[length - 1] != '"' || length - 2 > IMPAIR_PATTERN_MAX)
            return false;
        pattern->length = (uint8_t)(length - 2);
        memcpy(pattern->bytes, text + 1, pattern->length);
        memset(pattern->mask, 0xff, pattern->length);
        return true;
    }
    count = read_hex(text, slash, pattern->bytes);
    if (count < 0)
        return false;
    pattern->length = (uint8_t)count;
    memset(pattern->mask, 0xff, pattern->length);
    if (!*slash)
        return true;
    masked = read_hex(slash + 1, text + length, pattern->mask);
    return masked == count;
}

/* "payload+4.. ": where the bytes are, up to the blanks. NULL where it is not that. */
static const char *read_place(const char *text, struct impair_pattern *pattern)
{
    size_t part = 0, length = strcspn(text, "+. ");
    uint64_t offset = 0;

    while (part < array_size(parts) &&
           (strlen(parts[part]) != length || memcmp(parts[part], text, length) != 0))
        part++;
    if (part == array_size(parts))
        return NULL;
    text += length;
    if (*text == '+') {
        if (!isdigit((unsigned char)*++text))
            return NULL;
        for (; isdigit((unsigned char)*text); text++) {
            offset = offset * 10 + (uint64_t)(*text - '0');
            if (offset > UINT32_MAX)
                return NULL;
        }
    }
    pattern->anywhere = text[0] == '.' && text[1] == '.';
    text += pattern->anywhere ? 2 : 0;
    pattern->part = (enum impair_part)part;
    pattern->offset = (uint32_t)offset;
    return *text == ' ' ? text + strspn(text, " ") : NULL;
}

static int read_pattern(const char *text, void *member, struct error *error)
{
    struct impair_pattern pattern = {0};
    const char *bytes = read_place(text, &pattern);

    if (!bytes || !read_bytes(bytes, &pattern))
        return error_set(error, EINVAL,
                         "found \"%.80s\", expected link, network, transport or payload, an "
                         "offset, and up to 32 bytes, as in payload+4 0a0b/fff0, or payload.. "
                         "\"GET /\" for anywhere",
                         text);
    memcpy(member, &pattern, sizeof pattern);
    return 0;
}

static int read_mangle(const char *text, void *member, struct error *error)
{
    struct impair_pattern pattern = {0};
    const char *bytes = read_place(text, &pattern);

    if (!bytes || !read_bytes(bytes, &pattern) || pattern.anywhere)
        return error_set(error, EINVAL,
                         "found \"%.80s\", expected link, network, transport or payload, an "
                         "offset, and up to 32 bytes to set, as in payload+4 0a0b/fff0",
                         text);
    memcpy(member, &pattern, sizeof pattern);
    return 0;
}

static void write_hex(const uint8_t *bytes, size_t count, struct buffer *out)
{
    for (size_t i = 0; i < count; i++)
        buffer_printf(out, "%02x", bytes[i]);
}

static void write_pattern(const void *member, struct buffer *out)
{
    const struct impair_pattern *pattern = member;
    bool masked = false;

    buffer_append_text(out, parts[pattern->part]);
    if (pattern->offset)
        buffer_printf(out, "+%" PRIu32, pattern->offset);
    buffer_append_text(out, pattern->anywhere ? ".. " : " ");
    write_hex(pattern->bytes, pattern->length, out);
    for (size_t i = 0; i < pattern->length; i++)
        masked |= pattern->mask[i] != 0xff;
    if (!masked)
        return;
    buffer_append_text(out, "/");
    write_hex(pattern->mask, pattern->length, out);
}

static bool is_no_pattern(const void *member)
{
    const struct impair_pattern *pattern = member;

    return pattern->length == 0;
}

const struct impair_value impair_value_action = {.type = "action",
                                                 .unit = "drop delay duplicate mangle reset",
                                                 .size = sizeof(enum impair_action),
                                                 .read = read_action,
                                                 .write = write_action,
                                                 .is_none = is_never_none},
                          impair_value_reset = {.type = "whom",
                                                .unit = "sender receiver both",
                                                .size = sizeof(enum impair_reset),
                                                .read = read_reset,
                                                .write = write_reset},
                          impair_value_network = {.type = "network",
                                                  .unit = "ipv4 ipv6 arp",
                                                  .size = sizeof(uint8_t),
                                                  .read = read_network,
                                                  .write = write_network},
                          impair_value_protocol = {.type = "name or number",
                                                   .unit = "tcp udp icmp icmpv6 gre esp ah sctp",
                                                   .size = sizeof(uint8_t),
                                                   .read = read_protocol,
                                                   .write = write_protocol},
                          impair_value_prefix = {.type = "address or subnet",
                                                 .size = sizeof(struct impair_prefix),
                                                 .read = read_prefix,
                                                 .write = write_prefix,
                                                 .is_none = is_any_address},
                          impair_value_ports = {.type = "port, or range of ports",
                                                .size = sizeof(struct impair_ports),
                                                .read = read_ports,
                                                .write = write_ports},
                          impair_value_tcp_flags = {.type = "flags",
                                                    .unit = "fin syn rst psh ack urg ece cwr",
                                                    .size = 2 * sizeof(uint8_t),
                                                    .read = read_tcp_flags,
                                                    .write = write_tcp_flags},
                          impair_value_sizes = {.type = "bytes, or range of bytes",
                                                .size = 2 * sizeof(uint32_t),
                                                .read = read_sizes,
                                                .write = write_sizes},
                          impair_value_pattern = {.type = "place and bytes",
                                                  .size = sizeof(struct impair_pattern),
                                                  .read = read_pattern,
                                                  .write = write_pattern,
                                                  .is_none = is_no_pattern},
                          impair_value_mangle = {.type = "place and bytes",
                                                 .size = sizeof(struct impair_pattern),
                                                 .read = read_mangle,
                                                 .write = write_pattern,
                                                 .is_none = is_no_pattern};
