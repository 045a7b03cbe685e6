#include "net/impair_field.h"
#include "net/impair_value.h"

#include "base/memory.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SETTING(field_name, member, value_kind, ...)                                               \
    {                                                                                              \
        .name = (field_name), .offset = offsetof(struct impair_settings, member),                  \
        .kind = &impair_value_##value_kind, __VA_ARGS__                                            \
    }

static const struct impair_field fields[] = {
    SETTING("down", down, yes, .example = "true",
            .summary = "What arrives is lost; what is on its way arrives."),
    SETTING("blackhole", blackhole, yes, .example = "true",
            .summary = "This direction swallows everything."),
    SETTING("mtu", mtu, count, .positive = true, .example = "1400",
            .summary = "Bytes; longer packets are lost without a word. Ethernet's header does not "
                       "count."),
    SETTING("delay", delay.mean_ns, time, .example = "25ms", .summary = "Added to every packet."),
    SETTING("jitter", delay.jitter_ns, time, .head = "delay", .example = "5ms",
            .summary = "How far the delay varies, at most `delay`."),
    SETTING("delay.correlation", delay.correlation_ppb, share, .head = "delay", .example = "25%",
            .summary = "How often the delay's draw is that of the packet before."),
    SETTING("distribution", delay, distribution, .head = "delay", .example = "normal",
            .summary = "Of the delay: `uniform`, `normal`, `pareto`, `paretonormal`, or a table: "
                       "whole numbers, 8192 being one jitter."),
    SETTING("loss", loss.random.ppb, share, .example = "0.5%",
            .summary = "Packets that never arrive, each by itself."),
    SETTING("loss.correlation", loss.random.correlation_ppb, share, .head = "loss",
            .example = "25%", .summary = "How often the draw is that of the packet before."),
    SETTING("loss.gemodel.p", loss.gemodel.p, share, .example = "1%",
            .summary = "Gilbert-Elliott: from good to bad."),
    SETTING("loss.gemodel.r", loss.gemodel.r, share, .example = "10%",
            .summary = "From bad to good. Default: 100 % - p."),
    SETTING("loss.gemodel.1-h", loss.gemodel.bad_loss_ppb, share, .example = "70%",
            .summary = "Loss when bad. Default: 100 %."),
    SETTING("loss.gemodel.1-k", loss.gemodel.good_loss_ppb, share, .example = "0.1%",
            .summary = "Loss when good. Default: 0 %."),
    SETTING("loss.state.p13", loss.state.p13, share, .example = "1%",
            .summary = "Four states: from good to lost in a burst."),
    SETTING("loss.state.p31", loss.state.p31, share, .example = "80%",
            .summary = "From lost in a burst to good. Default: 100 % - p13."),
    SETTING("loss.state.p32", loss.state.p32, share, .example = "10%",
            .summary = "From lost to good in a burst. Default: 0 %."),
    SETTING("loss.state.p23", loss.state.p23, share, .example = "50%",
            .summary = "From good to lost in a burst. Default: 100 %."),
    SETTING("loss.state.p14", loss.state.p14, share, .example = "0.5%",
            .summary = "From good to lost alone. Default: 0 %."),
    SETTING("loss.limit", loss.limit, count_64, .head = "loss", .positive = true, .example = "3",
            .summary = "After so many losses, of whichever model, no more are lost."),
    SETTING("duplicate", duplicate.ppb, share, .example = "1%",
            .summary = "Packets that arrive twice."),
    SETTING("duplicate.correlation", duplicate.correlation_ppb, share, .head = "duplicate",
            .example = "25%", .summary = "How often the draw is that of the packet before."),
    SETTING("reorder", reorder.chance.ppb, share, .example = "2%",
            .summary = "Packets that go without the delay, and so overtake others. Needs `delay`."),
    SETTING("reorder.correlation", reorder.chance.correlation_ppb, share, .head = "reorder",
            .example = "25%", .summary = "How often the draw is that of the packet before."),
    SETTING("reorder.gap", reorder.gap, count, .head = "reorder", .example = "5",
            .summary = "Packets, from one reordered to the next at least; alone: every so many."),
    SETTING("corrupt", corrupt.chance.ppb, share, .example = "0.1%",
            .summary = "Packets that arrive with wrong bits."),
    SETTING("corrupt.correlation", corrupt.chance.correlation_ppb, share, .head = "corrupt",
            .example = "25%", .summary = "How often the draw is that of the packet before."),
    SETTING("corrupt.bits", corrupt.flips, count, .head = "corrupt", .positive = true,
            .example = "2", .summary = "How many bits, at most 16. Default: one."),
    SETTING("corrupt.range", corrupt.first_bit, bits, .head = "corrupt", .positive = true,
            .example = "64-127",
            .summary = "The bits to choose from, from the network's header on, the highest of a "
                       "byte first. Default: all."),
    SETTING("rate", rate.bps, rate, .positive = true, .example = "2mbit",
            .summary = "What gets through. In front of it 1000 packets wait at most, unless "
                       "`queue` says otherwise."),
    SETTING("rate.overhead", rate.overhead_bytes, length, .head = "rate", .example = "-14B",
            .summary = "What a packet is taken to be longer by."),
    SETTING("rate.cell", rate.cell_bytes, size, .head = "rate", .example = "53B",
            .summary = "Packets are taken to be cut into cells of this size."),
    SETTING("rate.cell_overhead", rate.cell_overhead_bytes, length, .head = "rate", .example = "5B",
            .summary = "What each cell is longer by."),
    SETTING("burst", rate.burst_bytes, size, .head = "rate", .example = "15000B",
            .summary = "What may go at once after idle time. Needs `rate`."),
    SETTING("queue.packets", queue.limit_packets, count, .head = "rate", .positive = true,
            .example = "50", .summary = "How many may wait for the rate."),
    SETTING("queue.bytes", queue.limit_bytes, size_64, .head = "rate", .positive = true,
            .example = "64K", .summary = "How many bytes may wait, at least a packet of the MTU."),
    SETTING("queue.time", queue.limit_ns, time, .head = "rate", .positive = true, .example = "50ms",
            .summary = "How long one may have to wait."),
    SETTING("queue.codel", queue.codel, yes, .head = "rate", .example = "true",
            .summary = "CoDel (RFC 8289) drops at the head of the queue."),
    SETTING("queue.target", queue.target_ns, time, .head = "queue.codel", .positive = true,
            .example = "5ms", .summary = "CoDel's. Default: 5 ms."),
    SETTING("queue.interval", queue.interval_ns, time, .head = "queue.codel", .positive = true,
            .example = "100ms", .summary = "CoDel's. Default: 100 ms."),
    SETTING("slot", slot.interval.mean_ns, time, .example = "10ms",
            .summary = "Packets leave in slots only, so long one after the other."),
    SETTING("slot.jitter", slot.interval.jitter_ns, time, .head = "slot", .example = "2ms",
            .summary = "How far that varies."),
    SETTING("slot.correlation", slot.interval.correlation_ppb, share, .head = "slot",
            .example = "25%", .summary = "How often the draw is that of the slot before."),
    SETTING("slot.distribution", slot.interval, distribution, .head = "slot", .example = "normal",
            .summary = "Of that time, as `distribution`."),
    SETTING("slot.packets", slot.packets, count, .head = "slot", .positive = true, .example = "8",
            .summary = "How many packets a slot has room for."),
    SETTING("slot.bytes", slot.bytes, size_64, .head = "slot", .positive = true,
            .example = "12000B", .summary = "The slot ends with the packet that reaches this."),
};

_Static_assert(array_size(fields) < 64, "a bit for each in a round, and one for rules");

#define RULE(field_name, member, value_kind, ...)                                                  \
    {                                                                                              \
        .name = (field_name), .offset = offsetof(struct impair_rule, member),                      \
        .kind = &impair_value_##value_kind, __VA_ARGS__                                            \
    }

static const struct impair_field rule_fields[] = {
    RULE("action", action, action, .example = "drop",
         .summary = "What happens to a packet that is picked. `drop` and `reset` end the matter."),
    RULE("network", network, network, .example = "ipv4", .summary = "Only packets of this."),
    RULE("protocol", protocol, protocol, .positive = true, .example = "udp",
         .summary = "IP's protocol, behind extension headers."),
    RULE("source", source, prefix, .example = "10.0.0.0/24", .summary = "Where it comes from."),
    RULE("destination", destination, prefix, .example = "fd00::1", .summary = "Where it goes."),
    RULE("source_port", source_port, ports, .positive = true, .example = "1024-65535",
         .summary = "Of TCP and UDP."),
    RULE("destination_port", destination_port, ports, .positive = true, .example = "443",
         .summary = "Of TCP and UDP."),
    RULE("tcp_flags", tcp_mask, tcp_flags, .positive = true, .example = "syn !ack",
         .summary = "Flags that are set, and those with `!` that are not. The others do not "
                    "count."),
    RULE("size", size_least, sizes, .positive = true, .example = "1200-1500",
         .summary = "Bytes of the network's packet; `1200-` has no upper end."),
    RULE("nth", nth, count, .positive = true, .example = "3",
         .summary = "That packet of its flow in this direction, from 1."),
    RULE("every", every, count, .positive = true, .example = "10",
         .summary = "And so many later, again and again. Needs `nth`."),
    RULE("pattern", pattern, pattern, .example = "payload+4 0a0b/fff0",
         .summary = "Bytes, in hexadecimal with a mask or in double quotes, at an offset from "
                    "`link`, `network`, `transport` or `payload`; `payload.. \"GET /\"` is "
                    "anywhere from there on."),
    RULE("share", share_ppb, share, .positive = true, .example = "50%",
         .summary = "Of what is picked so far. Default: all."),
    RULE("limit", limit, count_64, .positive = true, .example = "1",
         .summary = "How often the rule acts. Default: always."),
    RULE("delay", delay_ns, time, .positive = true, .example = "200ms",
         .summary = "For `delay`: besides the link's."),
    RULE("copies", copies, count, .positive = true, .example = "2",
         .summary = "For `duplicate`: how many more, at most 7. Default: one."),
    RULE("reset", reset, reset, .example = "both",
         .summary = "For `reset`: whom it goes to. Default: `sender`."),
    RULE("mangle", mangle, mangle, .example = "payload+4 0a0b/fff0",
         .summary = "For `mangle`: the bytes to set, written as `pattern`."),
    RULE("keep_checksums", keep_checksums, yes, .example = "true",
         .summary = "For `mangle`: checksums are not made right again."),
};

const struct impair_field *impair_fields(size_t *count)
{
    *count = array_size(fields);
    return fields;
}

const struct impair_field *impair_rule_fields(size_t *count)
{
    *count = array_size(rule_fields);
    return rule_fields;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static const struct impair_field *find(const struct impair_field *items, size_t count,
                                       const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(items[i].name, name))
            return &items[i];
    return NULL;
}

const struct impair_field *impair_field_find(const char *name, size_t *rule)
{
    size_t index = 0;
    const char *at = name + 6;

    *rule = IMPAIR_RULES_MAX;
    if (!starts_with(name, "rules."))
        return find(fields, array_size(fields), name);
    if (!isdigit((unsigned char)*at) || (*at == '0' && at[1] != '.'))
        return NULL;
    for (; isdigit((unsigned char)*at) && index < IMPAIR_RULES_MAX; at++)
        index = index * 10 + (size_t)(*at - '0');
    if (*at != '.' || index >= IMPAIR_RULES_MAX)
        return NULL;
    *rule = index;
    return find(rule_fields, array_size(rule_fields), at + 1);
}

enum impair_loss_model impair_field_model(const struct impair_field *field)
{
    if (!strcmp(field->name, "loss.limit"))
        return IMPAIR_LOSS_MODELS;
    if (starts_with(field->name, "loss.gemodel."))
        return IMPAIR_LOSS_GEMODEL;
    if (starts_with(field->name, "loss.state."))
        return IMPAIR_LOSS_STATE;
    return starts_with(field->name, "loss") ? IMPAIR_LOSS_RANDOM : IMPAIR_LOSS_MODELS;
}

/* -- Writing ----------------------------------------------------------------------------------- */

struct writer {
    struct buffer text;
    impair_field_fn call;
    void *context;
};

static void write_value(struct writer *writer, const char *name, const struct impair_field *field,
                        const void *member)
{
    buffer_clear(&writer->text);
    field->kind->write(member, &writer->text);
    writer->call(writer->context, name, writer->text.data);
}

static void write_rule(struct writer *writer, const struct impair_rule *rule, size_t index)
{
    for (size_t i = 0; i < array_size(rule_fields); i++) {
        const struct impair_field *field = &rule_fields[i];
        const void *member = (const char *)rule + field->offset;
        char name[48];

        if (impair_value_is_none(field->kind, member))
            continue;
        snprintf(name, sizeof name, "rules.%zu.%s", index, field->name);
        write_value(writer, name, field, member);
    }
}

/* Whether leaving it out would not be the same: zeros of a model that has defaults are written,
 * too, and so is that a queue has no limit. */
static bool is_written(const struct impair_settings *settings, const struct impair_field *field)
{
    const struct impair_queue *queue = &settings->queue;
    const void *member = (const char *)settings + field->offset;
    enum impair_loss_model model = impair_field_model(field);

    if (model < IMPAIR_LOSS_MODELS && model != settings->loss.model)
        return false;
    if (model == IMPAIR_LOSS_GEMODEL || model == IMPAIR_LOSS_STATE)
        return true;
    if (member == &queue->limit_packets && settings->rate.bps && !queue->limit_bytes &&
        !queue->limit_ns)
        return true;
    return !impair_value_is_none(field->kind, member);
}

void impair_field_each(const struct impair_settings *settings, impair_field_fn call, void *context)
{
    struct writer writer = {.call = call, .context = context};

    for (size_t i = 0; i < array_size(fields); i++) {
        const void *member = (const char *)settings + fields[i].offset;

        if (!is_written(settings, &fields[i]))
            continue;
        if (fields[i].positive && impair_value_is_none(fields[i].kind, member))
            call(context, fields[i].name, "none");
        else
            write_value(&writer, fields[i].name, &fields[i], member);
    }
    for (size_t i = 0; i < settings->rule_count; i++)
        write_rule(&writer, &settings->rules[i], i);
    buffer_free(&writer.text);
}
