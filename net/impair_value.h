/* The kinds of settings: how the text of each is read and written. For net/impair_field.c alone.
 *
 * `member` points at the setting itself, in a struct impair_settings or a struct impair_rule. */
#ifndef DUET_NET_IMPAIR_VALUE_H
#define DUET_NET_IMPAIR_VALUE_H

#include "base/buffer.h"
#include "net/impair_settings.h"

enum { IMPAIR_VALUE_MAX = sizeof(struct impair_pattern) }; /* bytes of the largest member */

struct impair_value {
    const char *type; /* as the reference calls it */
    const char *unit; /* the units there are; NULL for none */
    size_t size;      /* bytes of the member */
    bool number;      /* "0" is another word for "none" */
    /* EINVAL or ERANGE says what was found and what was expected; the member is then untouched.
     * What the member owned stays where it was. */
    int (*read)(const char *text, void *member, struct error *error);
    /* Appends what `read` takes for the very same. */
    void (*write)(const void *member, struct buffer *out);
    /* NULL: all bytes are zero, and zeroed. */
    bool (*is_none)(const void *member);
    void (*reset)(void *member); /* frees what the member owns */
};

/* impair_value.c: of settings */
extern const struct impair_value impair_value_yes, impair_value_count, impair_value_count_64,
    impair_value_time, impair_value_share, impair_value_size, impair_value_size_64,
    impair_value_length, impair_value_rate, impair_value_bits, impair_value_distribution;

/* impair_value_rule.c: of rules. That of `action` is never none. */
extern const struct impair_value impair_value_action, impair_value_reset, impair_value_network,
    impair_value_protocol, impair_value_prefix, impair_value_ports, impair_value_tcp_flags,
    impair_value_sizes, impair_value_pattern, impair_value_mangle;

/* Whether the member is none, and making it so. */
bool impair_value_is_none(const struct impair_value *kind, const void *member);
void impair_value_forget(const struct impair_value *kind, void *member);

/* -- Helpers of both files --------------------------------------------------------------------- */

/* The index of `text` in `names`; EINVAL lists them. */
int impair_value_choice(const char *text, const char *const names[], size_t count, size_t *index,
                        struct error *error);
/* A decimal number up to `most`. */
int impair_value_number(const char *text, uint64_t most, uint64_t *number, struct error *error);
/* "LOW-HIGH", "LOW-" (high is then UINT64_MAX), or one number, which is both. */
int impair_value_range(const char *text, uint64_t *low, uint64_t *high, struct error *error);

#endif
