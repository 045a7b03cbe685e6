#include "initrd/init/netem.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "initrd/init/netlink.h"
#include "net/impair_netem.h"

#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* linux/pkt_sched.h of Linux 6.7. */
enum { NETEM_PRNG_SEED = TCA_NETEM_SLOT_DIST + 1 };

static const char kind[] = "netem";

/* -- Messages ---------------------------------------------------------------------------------- */

/* So that what follows is aligned. */
static void pad(struct buffer *message)
{
    static const char zeros[NLMSG_ALIGNTO];

    buffer_append(message, zeros, NLMSG_ALIGN(message->length) - message->length);
}

static void add(struct buffer *message, uint16_t type, const void *data, size_t size)
{
    struct rtattr attribute = {.rta_type = type, .rta_len = (uint16_t)RTA_LENGTH(size)};

    buffer_append(message, &attribute, sizeof attribute);
    buffer_append(message, data, size);
    pad(message);
}

/* Begins an attribute of attributes; returns where, for finish. */
static size_t begin(struct buffer *message, uint16_t type)
{
    size_t start = message->length;

    add(message, type, NULL, 0);
    return start;
}

static void finish(struct buffer *message, size_t start)
{
    struct rtattr *attribute = (void *)(message->data + start);

    attribute->rta_len = (uint16_t)(message->length - start);
}

static void add_loss(struct buffer *message, const struct impair_netem *netem)
{
    size_t start;

    if (netem->loss_model == IMPAIR_LOSS_RANDOM)
        return;
    start = begin(message, TCA_NETEM_LOSS);
    if (netem->loss_model == IMPAIR_LOSS_GEMODEL)
        add(message, NETEM_LOSS_GE, &netem->gemodel, sizeof netem->gemodel);
    else
        add(message, NETEM_LOSS_GI, &netem->state, sizeof netem->state);
    finish(message, start);
}

static void add_table(struct buffer *message, uint16_t type, const struct impair_spread *spread)
{
    cleanup_free int16_t *table = xcalloc(IMPAIR_TABLE_MAX, sizeof *table);
    size_t count = impair_netem_table(spread, table);

    if (count > 0)
        add(message, type, table, count * sizeof *table);
}

static void add_options(struct buffer *message, const struct impair_settings *settings,
                        uint64_t seed)
{
    size_t start = begin(message, TCA_OPTIONS);
    struct impair_netem netem;

    impair_netem_make(settings, &netem);
    buffer_append(message, &netem.options, sizeof netem.options);
    pad(message);
    add(message, TCA_NETEM_LATENCY64, &netem.latency_ns, sizeof netem.latency_ns);
    add(message, TCA_NETEM_JITTER64, &netem.jitter_ns, sizeof netem.jitter_ns);
    add(message, TCA_NETEM_CORR, &netem.correlations, sizeof netem.correlations);
    add(message, TCA_NETEM_REORDER, &netem.reorder, sizeof netem.reorder);
    add(message, TCA_NETEM_CORRUPT, &netem.corrupt, sizeof netem.corrupt);
    add(message, TCA_NETEM_RATE, &netem.rate, sizeof netem.rate);
    add(message, TCA_NETEM_RATE64, &netem.rate_bytes, sizeof netem.rate_bytes);
    add(message, TCA_NETEM_SLOT, &netem.slot, sizeof netem.slot);
    add(message, NETEM_PRNG_SEED, &seed, sizeof seed);
    add_loss(message, &netem);
    add_table(message, TCA_NETEM_DELAY_DIST, &settings->delay);
    add_table(message, TCA_NETEM_SLOT_DIST, &settings->slot.interval);
    finish(message, start);
}

int netem_set(int netlink, int index, const char *name, const struct impair_settings *settings,
              uint64_t seed, struct error *error)
{
    const struct tcmsg root = {
        .tcm_family = AF_UNSPEC, .tcm_ifindex = index, .tcm_parent = TC_H_ROOT};
    struct nlmsghdr header = {.nlmsg_type = RTM_NEWQDISC,
                              .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE};
    cleanup_buffer struct buffer message = {0};
    int code;

    buffer_append(&message, &header, sizeof header);
    buffer_append(&message, &root, sizeof root);
    add(&message, TCA_KIND, kind, sizeof kind);
    add_options(&message, settings, seed);
    ((struct nlmsghdr *)(void *)message.data)->nlmsg_len = (uint32_t)message.length;
    code = netlink_ask(netlink, (void *)message.data, error);
    if (code == -ENOENT)
        return error_set(error, EOPNOTSUPP,
                         "link %s: this kernel has no netem (CONFIG_NET_SCH_NETEM, the module "
                         "sch_netem): `carrier: guest` and `carrier: host` do without",
                         name);
    return code < 0 ? error_context(error, "link %s: cannot set tc netem", name) : 0;
}

/* -- Counters ---------------------------------------------------------------------------------- */

struct search {
    int index;
    bool found;
    struct netem_counters *counters;
};

static void read_stats(const void *stats, size_t length, struct netem_counters *counters)
{
    struct gnet_stats_basic basic = {0};
    struct gnet_stats_queue queue = {0};
    size_t size;
    const void *found = netlink_nested(stats, length, TCA_STATS_BASIC, &size);

    if (found)
        memcpy(&basic, found, size < sizeof basic ? size : sizeof basic);
    counters->packets_out = basic.packets;
    counters->bytes_out = basic.bytes;
    /* Where 32 bits do not hold them. */
    found = netlink_nested(stats, length, TCA_STATS_PKT64, &size);
    if (found && size == sizeof counters->packets_out)
        memcpy(&counters->packets_out, found, size);
    found = netlink_nested(stats, length, TCA_STATS_QUEUE, &size);
    if (found)
        memcpy(&queue, found, size < sizeof queue ? size : sizeof queue);
    counters->dropped = queue.drops;
    counters->packets_waiting = queue.qlen;
    counters->bytes_waiting = queue.backlog;
}

static int match_qdisc(void *context, const struct nlmsghdr *header)
{
    struct search *search = context;
    const struct tcmsg *qdisc = NLMSG_DATA(header);
    size_t name_size = 0, stats_size = 0;
    const char *name;
    const void *stats;

    if (header->nlmsg_type != RTM_NEWQDISC || header->nlmsg_len < NLMSG_LENGTH(sizeof *qdisc) ||
        qdisc->tcm_ifindex != search->index || qdisc->tcm_parent != TC_H_ROOT)
        return 0;
    name = netlink_attribute(header, sizeof *qdisc, TCA_KIND, &name_size);
    stats = netlink_attribute(header, sizeof *qdisc, TCA_STATS2, &stats_size);
    if (!name || name_size != sizeof kind || memcmp(name, kind, name_size) != 0 || !stats)
        return 0;
    read_stats(stats, stats_size, search->counters);
    search->found = true;
    return 0;
}

int netem_read(int netlink, int index, const char *name, struct netem_counters *counters,
               struct error *error)
{
    const struct tcmsg any = {.tcm_family = AF_UNSPEC, .tcm_ifindex = index};
    struct search search = {.index = index, .counters = counters};
    struct netlink_message message;
    int code;

    netlink_begin(&message, RTM_GETQDISC, 0, &any, sizeof any);
    code = netlink_dump(netlink, &message, match_qdisc, &search, error);
    if (code < 0)
        return error_context(error, "link %s: cannot read what tc netem counts", name);
    return search.found ? 0 : error_set(error, ENOENT, "link %s has no tc netem", name);
}
