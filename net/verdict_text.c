#include "net/verdict_text.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

static const char *protocol_name(const struct packet_flow *flow, char text[static 16])
{
    static const struct {
        uint8_t protocol;
        const char *name;
    } known[] = {
        {IPPROTO_ICMP, "icmp"},
        {IPPROTO_TCP, "tcp"},
        {IPPROTO_UDP, "udp"},
        {IPPROTO_ICMPV6, "icmpv6"},
    };

    for (size_t i = 0; i < array_size(known); i++)
        if (known[i].protocol == flow->protocol)
            return known[i].name;
    snprintf(text, 16, "protocol %u", flow->protocol);
    return text;
}

static void address_text(const struct packet_flow *flow, const uint8_t *address,
                         char text[static INET6_ADDRSTRLEN])
{
    inet_ntop(flow->network == PACKET_NETWORK_IPV6 ? AF_INET6 : AF_INET, address, text,
              INET6_ADDRSTRLEN);
}

static void append_end(struct buffer *out, const struct packet_flow *flow, const uint8_t *address,
                       uint16_t port)
{
    char text[INET6_ADDRSTRLEN];
    bool is_ipv6 = flow->network == PACKET_NETWORK_IPV6;

    address_text(flow, address, text);
    if (port)
        buffer_printf(out, is_ipv6 ? "[%s]:%u" : "%s:%u", text, port);
    else
        buffer_append_text(out, text);
}

/* "corrupted, copy 1". */
static void append_why(struct buffer *out, const struct impair_verdict *verdict)
{
    const char *before = ": ";

    for (unsigned cause = 0; cause < IMPAIR_CAUSES; cause++) {
        if (!(verdict->why & IMPAIR_WHY(cause)))
            continue;
        buffer_printf(out, "%s%s", before, impair_cause_name(cause));
        if (cause == IMPAIR_COPY)
            buffer_printf(out, " %u", verdict->copy);
        before = ", ";
    }
    if (verdict->rule)
        buffer_printf(out, "%sby rule %u", before, verdict->rule);
}

/* Signed: a clock may have been set back between two machines' logs. */
static double milliseconds(uint64_t from_ns, uint64_t to_ns)
{
    return (double)(int64_t)(to_ns - from_ns) / (double)NS_PER_MS;
}

void verdict_comment(struct buffer *out, const struct impair_verdict *verdict)
{
    if (!impair_delivered(verdict))
        buffer_append_text(out, "lost");
    else
        buffer_printf(out, "%s after %.3f ms", verdict->back ? "sent back" : "delivered",
                      milliseconds(verdict->in_ns, verdict->out_ns));
    append_why(out, verdict);
}

void verdict_text(struct buffer *out, const struct verdict_log_header *header,
                  const struct verdict_log_entry *entry)
{
    const struct impair_verdict *verdict = &entry->verdict;
    uint64_t since_ns = verdict->in_ns > header->base_ns ? verdict->in_ns - header->base_ns : 0;
    bool is_upkeep = impair_class(verdict) == IMPAIR_OWN;
    char protocol[16];

    buffer_printf(out, "%*" PRIu64 "%s  %6" PRIu64 ".%09" PRIu64 "  %5" PRIu32 " bytes  ",
                  is_upkeep ? 7 : 8, verdict->number, is_upkeep ? "u" : "", since_ns / NS_PER_S,
                  since_ns % NS_PER_S, verdict->length);
    if (entry->has_flow) {
        buffer_printf(out, "%s ", protocol_name(&entry->flow, protocol));
        append_end(out, &entry->flow, entry->flow.source, entry->flow.source_port);
        buffer_append_text(out, " > ");
        append_end(out, &entry->flow, entry->flow.destination, entry->flow.destination_port);
        buffer_append_text(out, "  ");
    }
    verdict_comment(out, verdict);
    buffer_append_text(out, "\n");
}

static void append_flow_json(struct buffer *out, const struct packet_flow *flow)
{
    char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN], protocol[16];

    address_text(flow, flow->source, source);
    address_text(flow, flow->destination, destination);
    buffer_printf(out,
                  ",\"flow\":{\"protocol\":\"%s\",\"source\":\"%s\",\"source_port\":%u,"
                  "\"destination\":\"%s\",\"destination_port\":%u}",
                  protocol_name(flow, protocol), source, flow->source_port, destination,
                  flow->destination_port);
}

void verdict_json(struct buffer *out, const struct verdict_log_entry *entry)
{
    const struct impair_verdict *verdict = &entry->verdict;
    const char *comma = "";

    buffer_printf(out,
                  "{\"number\":%" PRIu64 ",\"copy\":%u,\"in_ns\":%" PRIu64 ",\"due_ns\":%" PRIu64
                  ",\"out_ns\":%" PRIu64 ",\"length\":%" PRIu32 ",\"verdict\":\"%s\",\"why\":[",
                  verdict->number, verdict->copy, verdict->in_ns, verdict->due_ns, verdict->out_ns,
                  verdict->length,
                  !impair_delivered(verdict) ? "lost"
                  : verdict->back            ? "sent back"
                                             : "delivered");
    for (unsigned cause = 0; cause < IMPAIR_CAUSES; cause++) {
        if (!(verdict->why & IMPAIR_WHY(cause)))
            continue;
        buffer_printf(out, "%s\"%s\"", comma, impair_cause_name(cause));
        comma = ",";
    }
    buffer_append_text(out, "]");
    if (verdict->rule)
        buffer_printf(out, ",\"rule\":%u", verdict->rule);
    if (entry->has_flow)
        append_flow_json(out, &entry->flow);
    buffer_append_text(out, "}\n");
}

/* -- Whole logs -------------------------------------------------------------------------------- */

static int by_number(const struct verdict_log_entry *a, const struct verdict_log_entry *b)
{
    if (impair_class(&a->verdict) != impair_class(&b->verdict))
        return (int)impair_class(&a->verdict) - (int)impair_class(&b->verdict);
    if (a->verdict.number != b->verdict.number)
        return a->verdict.number < b->verdict.number ? -1 : 1;
    return (int)a->verdict.copy - (int)b->verdict.copy;
}

static int compare_entries(const void *a, const void *b)
{
    return by_number(a, b);
}

int verdict_entries_read(struct verdict_entries *entries, const void *bytes, size_t length,
                         struct error *error)
{
    struct verdict_reader *reader = xcalloc(1, sizeof *reader);
    struct verdict_entries read = {0};
    size_t capacity = 0;
    int status = verdict_log_open(reader, bytes, length, error);

    while (status >= 0) {
        /* A record has 5 bytes at least, so the log bounds the room. */
        if (read.count == capacity) {
            capacity = capacity ? 2 * capacity : 256;
            read.items = xreallocarray(read.items, capacity, sizeof *read.items);
        }
        status = verdict_log_next(reader, &read.items[read.count], error);
        if (status == 0)
            break;
        read.count += status > 0;
    }
    read.header = reader->header;
    read.missing = reader->missing;
    read.cut = reader->cut;
    free(reader);
    if (status < 0) {
        verdict_entries_free(&read);
        return status;
    }
    qsort(read.items, read.count, sizeof *read.items, compare_entries);
    *entries = read;
    return 0;
}

void verdict_entries_free(struct verdict_entries *entries)
{
    free(entries->items);
    *entries = (struct verdict_entries){0};
}

static bool is_same(const struct verdict_log_entry *one, const struct verdict_log_entry *other,
                    unsigned fields)
{
    const struct impair_verdict *a = &one->verdict, *b = &other->verdict;

    if ((fields & VERDICT_WHY) && (a->why != b->why || a->rule != b->rule || a->back != b->back))
        return false;
    if ((fields & VERDICT_LENGTH) && a->length != b->length)
        return false;
    if ((fields & VERDICT_FLOW) &&
        (one->has_flow != other->has_flow || !packet_flow_equal(&one->flow, &other->flow)))
        return false;
    return !(fields & VERDICT_DELAY) || a->due_ns - a->in_ns == b->due_ns - b->in_ns;
}

/* How many of the entries count: the first so many. */
static size_t count_of(const struct verdict_entries *entries, unsigned fields)
{
    size_t count = entries->count;

    while (!(fields & VERDICT_UPKEEP) && count > 0 &&
           impair_class(&entries->items[count - 1].verdict) == IMPAIR_OWN)
        count--;
    return count;
}

size_t verdict_entries_compare(const struct verdict_entries *one,
                               const struct verdict_entries *other, unsigned fields,
                               void (*differs)(void *context, const struct verdict_log_entry *one,
                                               const struct verdict_log_entry *other),
                               void *context)
{
    size_t one_count = count_of(one, fields), other_count = count_of(other, fields);
    size_t i = 0, j = 0, count = 0;

    while (i < one_count || j < other_count) {
        const struct verdict_log_entry *a = i < one_count ? &one->items[i] : NULL;
        const struct verdict_log_entry *b = j < other_count ? &other->items[j] : NULL;
        int order = !a ? 1 : !b ? -1 : by_number(a, b);

        i += order <= 0;
        j += order >= 0;
        if (order == 0 && is_same(a, b, fields))
            continue;
        count++;
        if (differs)
            differs(context, order <= 0 ? a : NULL, order >= 0 ? b : NULL);
    }
    return count;
}
