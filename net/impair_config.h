/* Settings that own what they point to, and that are changed in rounds: impair_field_set for each
 * thing that is named, then impair_config_end. */
#ifndef DUET_NET_IMPAIR_CONFIG_H
#define DUET_NET_IMPAIR_CONFIG_H

#include "net/impair_settings.h"

enum { IMPAIR_QUEUE_PACKETS = 1000 }; /* in front of a rate that names no limit; as netem's */

/* Zero-initialised is none. It is copied with impair_config_copy only. */
struct impair_config {
    struct impair_settings settings; /* rules and tables are the config's own */
    struct impair_rule *rules;
    /* -- Of the round -------------------------------------------------------------------------- */
    uint64_t named;                /* bits: the index of a field; the last is for rules */
    uint64_t acting;               /* bits: the rules whose action has been named */
    enum impair_loss_model before; /* the loss model when the round began */
    bool had_rate;
};

/* NULL is fine. The config is none afterwards. */
void impair_config_free(struct impair_config *config);

/* Makes `config`, whatever it was, a copy of the settings, which have passed impair_check. They may
 * be its own. */
void impair_config_copy(struct impair_config *config, const struct impair_settings *settings);

/* Ends a round. What belongs to a setting that became none becomes none as well, unless the round
 * names it. Where the round brings a loss model or a rate, what it leaves out becomes netem's
 * default: r = 100 % - p, 1-h = 100 %; p31 = 100 % - p13, p23 = 100 %; a queue of
 * IMPAIR_QUEUE_PACKETS where it names no limit. Then as impair_check: `mtu`, EINVAL, *mistake,
 * which may be NULL. After an error the settings are not to be used. */
int impair_config_end(struct impair_config *config, uint32_t mtu, struct impair_mistake *mistake,
                      struct error *error);

#endif
