/* A round of changes as somebody names it: settings by their flat names, each with its text
 * (net/impair_field.h). What is not named stays as it is in force. */
#ifndef DUET_NET_IMPAIR_ROUND_H
#define DUET_NET_IMPAIR_ROUND_H

#include "net/impair_config.h"

/* This name has the one text "none": everything is taken away before the rest of the round is set,
 * wherever it stands in it. */
#define IMPAIR_ROUND_ALL "all"

struct impair_named {
    const char *name, *text;
};

/* Without items it changes nothing. */
struct impair_round {
    const struct impair_named *items;
    size_t count;
};

/* Makes *next, which is none, what is in force after the round where `now` was before it; the
 * caller frees it. On a link whose packets have up to `mtu` bytes. Errors: impair_field_set's and
 * impair_config_end's; *next is none then. */
int impair_round_make(const struct impair_config *now, const struct impair_round *round,
                      uint32_t mtu, struct impair_config *next, struct error *error);

#endif
