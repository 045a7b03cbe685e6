/* What tc-netem(8) can do of an impairment, and in which values: linux/pkt_sched.h, and iproute2's
 * q_netem.c for what these mean. Pure; init tells the kernel (initrd/init/netem.h). */
#ifndef DUET_NET_IMPAIR_NETEM_H
#define DUET_NET_IMPAIR_NETEM_H

#include "net/impair_settings.h"

#include <linux/pkt_sched.h>

enum {
    /* Packets that may be on their way where no queue.packets says otherwise. netem has one limit
     * for those that wait and those on the wire; duet's own carriers have room for as many. */
    IMPAIR_NETEM_LIMIT = 4096,
    IMPAIR_NETEM_TABLE = 4096, /* entries of a distribution that is computed; tc's have as many */
};

/* The attributes of one qdisc. All of them are sent each time: one that is left out would stay as
 * it was. */
struct impair_netem {
    struct tc_netem_qopt options;  /* times in the kernel's ticks of 64 ns, for kernels … */
    int64_t latency_ns, jitter_ns; /* … before these attributes */
    struct tc_netem_corr correlations;
    struct tc_netem_reorder reorder;
    struct tc_netem_corrupt corrupt;
    struct tc_netem_rate rate; /* bytes a second; UINT32_MAX where … */
    uint64_t rate_bytes;       /* … this is more */
    struct tc_netem_slot slot;
    enum impair_loss_model loss_model; /* IMPAIR_LOSS_RANDOM: options.loss */
    struct tc_netem_gemodel gemodel;
    struct tc_netem_gimodel state;
};

/* Whether netem can do all that the settings ask for, which have passed impair_check; if not,
 * EINVAL, with the message and *mistake (unless NULL) as impair_check has them. */
int impair_netem_check(const struct impair_settings *settings, struct impair_mistake *mistake,
                       struct error *error);

/* The values of settings that passed it. */
void impair_netem_make(const struct impair_settings *settings, struct impair_netem *netem);

/* The distribution table of a time that varies; returns how many entries it has, 0 where nothing
 * varies. Uniform ones have a table, too: netem has no other way to forget the one before. */
size_t impair_netem_table(const struct impair_spread *spread, int16_t table[IMPAIR_TABLE_MAX]);

#endif
