#include "net/verdict_log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum {
    KIND_PACKET,
    KIND_FLOW,
    KIND_MISSING,
    KIND_UPKEEP,
    KIND_MASK = 3,
    HAS_COPY = 1 << 2,
    HAS_NUMBER = 1 << 3,
    HAS_WHY = 1 << 4,
    HAS_RULE = 1 << 5,
    HAS_FLOW = 1 << 6,
    GOES_BACK = 1 << 7,
    VARINT_MAX = 10,
};

static const char magic[] = "duetvlog";

/* What `why` says that the kind does not. */
static uint32_t why_beside_class(const struct impair_verdict *verdict)
{
    return verdict->why & ~IMPAIR_WHY(IMPAIR_UPKEEP);
}

/* -- Writing ----------------------------------------------------------------------------------- */

static uint8_t *put_little(uint8_t *at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        *at++ = (uint8_t)(value >> 8 * i);
    return at;
}

static uint8_t *put_varint(uint8_t *at, uint64_t value)
{
    for (; value > 0x7f; value >>= 7)
        *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

/* to - from, which wraps around as the reader's sum does. */
static uint8_t *put_difference(uint8_t *at, uint64_t from, uint64_t to)
{
    uint64_t difference = to - from;

    return put_varint(at, difference << 1 ^ (difference >> 63 ? UINT64_MAX : 0));
}

void verdict_log_begin(struct verdict_log *log, const struct verdict_log_header *header,
                       uint8_t bytes[static VERDICT_LOG_HEADER])
{
    uint8_t *at = bytes;

    memset(log, 0, sizeof *log);
    log->in_ns = header->base_ns;
    memset(bytes, 0, VERDICT_LOG_HEADER);
    memcpy(at, magic, 8);
    at = put_little(at + 8, VERDICT_LOG_VERSION, 2);
    at = put_little(at, VERDICT_LOG_HEADER, 2);
    at = put_little(at, header->direction, 4);
    at = put_little(at, header->seed, 8);
    at = put_little(at, header->link, 8);
    put_little(at, header->base_ns, 8);
}

static size_t address_bytes(uint8_t network)
{
    return network == PACKET_NETWORK_IPV6 ? 16 : 4;
}

/* The flow's number, which is made known first where it is not. */
static uint8_t *put_flow(struct verdict_log *log, uint8_t *at, const struct packet_flow *flow,
                         uint8_t *number)
{
    struct verdict_log_flow *slot;
    size_t bytes = address_bytes(flow->network);

    *number = (uint8_t)packet_flow_hash(flow, 0);
    slot = &log->flows[*number];
    if (slot->known && packet_flow_equal(&slot->flow, flow))
        return at;
    slot->known = true;
    slot->flow = *flow;
    *at++ = KIND_FLOW;
    *at++ = *number;
    *at++ = flow->network;
    *at++ = flow->protocol;
    memcpy(at, flow->source, bytes);
    memcpy(at + bytes, flow->destination, bytes);
    at = put_little(at + 2 * bytes, flow->source_port, 2);
    return put_little(at, flow->destination_port, 2);
}

static uint8_t first_byte(const struct impair_verdict *verdict, uint64_t expected, bool has_flow)
{
    return (uint8_t)((impair_class(verdict) == IMPAIR_OWN ? KIND_UPKEEP : KIND_PACKET) |
                     (verdict->copy ? HAS_COPY : 0) |
                     (verdict->number != expected ? HAS_NUMBER : 0) |
                     (why_beside_class(verdict) ? HAS_WHY : 0) | (verdict->rule ? HAS_RULE : 0) |
                     (has_flow ? HAS_FLOW : 0) | (verdict->back ? GOES_BACK : 0));
}

size_t verdict_log_end(struct verdict_log *log, uint8_t bytes[static VERDICT_LOG_RECORD_MAX])
{
    uint8_t *at = bytes;

    if (!log->missing)
        return 0;
    *at++ = KIND_MISSING;
    at = put_varint(at, log->missing);
    log->missing = 0;
    return (size_t)(at - bytes);
}

size_t verdict_log_write(struct verdict_log *log, const struct impair_verdict *verdict,
                         const struct packet_flow *flow,
                         uint8_t bytes[static VERDICT_LOG_RECORD_MAX])
{
    uint64_t *expected = &log->numbers[impair_class(verdict)];
    uint8_t *at = bytes, number = 0;
    bool has_flow = flow && flow->network >= PACKET_NETWORK_IPV4;

    at += verdict_log_end(log, at);
    if (has_flow)
        at = put_flow(log, at, flow, &number);
    *at++ = first_byte(verdict, *expected, has_flow);
    if (verdict->copy)
        at = put_varint(at, verdict->copy);
    if (verdict->number != *expected)
        at = put_difference(at, *expected, verdict->number);
    at = put_difference(at, log->in_ns, verdict->in_ns);
    at = put_difference(at, verdict->in_ns, verdict->due_ns);
    at = put_difference(at, verdict->due_ns, verdict->out_ns);
    at = put_varint(at, verdict->length);
    if (why_beside_class(verdict))
        at = put_varint(at, why_beside_class(verdict));
    if (verdict->rule)
        at = put_varint(at, verdict->rule);
    if (has_flow)
        *at++ = number;
    *expected = verdict->number + 1;
    log->in_ns = verdict->in_ns;
    return (size_t)(at - bytes);
}

void verdict_log_skip(struct verdict_log *log)
{
    log->missing++;
}

/* -- Reading ----------------------------------------------------------------------------------- */

/* Each get_* returns false where the bytes end, or, with `bad` set, where they are none. */
struct cursor {
    const uint8_t *at, *end;
    bool bad;
};

static bool get_little(struct cursor *cursor, uint64_t *value, size_t bytes)
{
    if ((size_t)(cursor->end - cursor->at) < bytes)
        return false;
    *value = 0;
    for (size_t i = 0; i < bytes; i++)
        *value |= (uint64_t)*cursor->at++ << 8 * i;
    return true;
}

static bool get_varint(struct cursor *cursor, uint64_t most, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < VARINT_MAX; i++) {
        uint8_t byte;

        if (cursor->at == cursor->end)
            return false;
        byte = *cursor->at++;
        if (i == VARINT_MAX - 1 && byte > 1)
            break;
        *value |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (!(byte & 0x80)) {
            cursor->bad = *value > most;
            return !cursor->bad;
        }
    }
    cursor->bad = true;
    return false;
}

static bool get_difference(struct cursor *cursor, uint64_t from, uint64_t *to)
{
    uint64_t value;

    if (!get_varint(cursor, UINT64_MAX, &value))
        return false;
    *to = from + (value >> 1 ^ (value & 1 ? UINT64_MAX : 0));
    return true;
}

int verdict_log_open(struct verdict_reader *reader, const void *bytes, size_t length,
                     struct error *error)
{
    struct cursor cursor = {.at = bytes, .end = (const uint8_t *)bytes + length};
    uint64_t version = 0, header_bytes = 0, direction = 0;

    if (length < VERDICT_LOG_HEADER || memcmp(bytes, magic, 8) != 0)
        return error_set(error, EBADMSG, "this is no verdict log: it does not begin with \"%s\"",
                         magic);
    memset(reader, 0, sizeof *reader);
    cursor.at += 8;
    get_little(&cursor, &version, 2);
    get_little(&cursor, &header_bytes, 2);
    get_little(&cursor, &direction, 4);
    get_little(&cursor, &reader->header.seed, 8);
    get_little(&cursor, &reader->header.link, 8);
    get_little(&cursor, &reader->header.base_ns, 8);
    if (version != VERDICT_LOG_VERSION)
        return error_set(error, EBADMSG,
                         "a verdict log of version %" PRIu64 ", expected version %d", version,
                         VERDICT_LOG_VERSION);
    if (header_bytes < VERDICT_LOG_HEADER || header_bytes > length)
        return error_set(error, EBADMSG,
                         "a verdict log with a header of %" PRIu64 " bytes, expected %d to %zu",
                         header_bytes, VERDICT_LOG_HEADER, length);
    reader->header.direction = (unsigned)direction;
    reader->bytes = bytes;
    reader->length = length;
    reader->at = header_bytes;
    reader->in_ns = reader->header.base_ns;
    return 0;
}

static bool get_flow(struct verdict_reader *reader, struct cursor *cursor)
{
    struct packet_flow flow = {0};
    uint64_t number, network, protocol, source_port, destination_port;
    size_t bytes;

    if (!get_little(cursor, &number, 1) || !get_little(cursor, &network, 1) ||
        !get_little(cursor, &protocol, 1))
        return false;
    if (network != PACKET_NETWORK_IPV4 && network != PACKET_NETWORK_IPV6) {
        cursor->bad = true;
        return false;
    }
    flow.network = (uint8_t)network;
    flow.protocol = (uint8_t)protocol;
    bytes = address_bytes(flow.network);
    if ((size_t)(cursor->end - cursor->at) < 2 * bytes)
        return false;
    memcpy(flow.source, cursor->at, bytes);
    memcpy(flow.destination, cursor->at + bytes, bytes);
    cursor->at += 2 * bytes;
    if (!get_little(cursor, &source_port, 2) || !get_little(cursor, &destination_port, 2))
        return false;
    flow.source_port = (uint16_t)source_port;
    flow.destination_port = (uint16_t)destination_port;
    reader->flows[number] = (struct verdict_log_flow){.known = true, .flow = flow};
    return true;
}

static bool get_flow_number(const struct verdict_reader *reader, struct cursor *cursor,
                            struct verdict_log_entry *entry)
{
    uint64_t number;

    if (!get_little(cursor, &number, 1))
        return false;
    cursor->bad = !reader->flows[number].known;
    entry->has_flow = true;
    entry->flow = reader->flows[number].flow;
    return !cursor->bad;
}

static bool get_packet(struct verdict_reader *reader, struct cursor *cursor, uint8_t first,
                       struct verdict_log_entry *entry)
{
    bool is_upkeep = (first & KIND_MASK) == KIND_UPKEEP;
    uint64_t *expected = &reader->numbers[is_upkeep ? IMPAIR_OWN : IMPAIR_DATA];
    struct impair_verdict *verdict = &entry->verdict;
    uint64_t copy = 0, why = 0, rule = 0, length;

    *entry =
        (struct verdict_log_entry){.verdict.number = *expected, .verdict.back = first & GOES_BACK};
    if (((first & HAS_COPY) && !get_varint(cursor, UINT8_MAX, &copy)) ||
        ((first & HAS_NUMBER) && !get_difference(cursor, *expected, &verdict->number)) ||
        !get_difference(cursor, reader->in_ns, &verdict->in_ns) ||
        !get_difference(cursor, verdict->in_ns, &verdict->due_ns) ||
        !get_difference(cursor, verdict->due_ns, &verdict->out_ns) ||
        !get_varint(cursor, UINT32_MAX, &length) ||
        ((first & HAS_WHY) && !get_varint(cursor, UINT32_MAX, &why)) ||
        ((first & HAS_RULE) && !get_varint(cursor, UINT8_MAX, &rule)) ||
        ((first & HAS_FLOW) && !get_flow_number(reader, cursor, entry)))
        return false;
    verdict->copy = (uint8_t)copy;
    verdict->length = (uint32_t)length;
    verdict->why = (uint32_t)why;
    verdict->rule = (uint8_t)rule;
    cursor->bad = verdict->why & ~(IMPAIR_WHY_ALL & ~IMPAIR_WHY(IMPAIR_UPKEEP));
    if (is_upkeep)
        verdict->why |= IMPAIR_WHY(IMPAIR_UPKEEP);
    *expected = verdict->number + 1;
    reader->in_ns = verdict->in_ns;
    return !cursor->bad;
}

int verdict_log_next(struct verdict_reader *reader, struct verdict_log_entry *entry,
                     struct error *error)
{
    while (reader->at < reader->length) {
        struct cursor cursor = {.at = reader->bytes + reader->at,
                                .end = reader->bytes + reader->length};
        uint8_t first = *cursor.at++;
        struct verdict_log_entry read;
        uint64_t missing;
        bool is_packet = false, done;

        switch (first & KIND_MASK) {
        case KIND_FLOW:
            done = get_flow(reader, &cursor);
            break;
        case KIND_MISSING:
            done = get_varint(&cursor, UINT64_MAX, &missing);
            reader->missing += done ? missing : 0;
            break;
        default:
            is_packet = true;
            done = get_packet(reader, &cursor, first, &read);
            break;
        }
        if (cursor.bad)
            return error_set(error, EBADMSG, "byte %zu of the verdict log begins no record",
                             reader->at);
        reader->cut = !done;
        if (!done)
            return 0;
        reader->at = (size_t)(cursor.at - reader->bytes);
        if (is_packet) {
            *entry = read;
            return 1;
        }
    }
    return 0;
}
