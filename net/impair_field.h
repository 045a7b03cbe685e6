/* Every setting by its name, as text: what scenarios, the command line, the control channel and
 * results say.
 *
 * A name is flat: "delay", "loss.gemodel.p", "rules.0.action". docs/impairment.md has them all. A
 * value is text with its unit: "5ms", "0.5%", "2mbit". "none" takes a setting away, and so does "0"
 * where that cannot be mistaken for something else (a rate of 0 would let nothing through). */
#ifndef DUET_NET_IMPAIR_FIELD_H
#define DUET_NET_IMPAIR_FIELD_H

#include "net/impair_config.h"

struct impair_field {
    const char *name; /* of a rule's: without "rules.N." */
    const struct impair_value *kind;
    size_t offset;    /* in struct impair_settings, or in struct impair_rule */
    const char *head; /* the setting that takes this one along when it becomes none, or NULL */
    bool positive;    /* 0 is a mistake, since it would be taken for "none" */
    const char *example;
    const char *summary; /* one line */
};

/* In the order in which they are written; the names of rules' fields have no "rules.N." */
const struct impair_field *impair_fields(size_t *count);
const struct impair_field *impair_rule_fields(size_t *count);

/* The field of that name; of a rule's, *rule becomes which, else it is IMPAIR_RULES_MAX. NULL:
 * there is none. */
const struct impair_field *impair_field_find(const char *name, size_t *rule);

/* The loss model that a setting is of, of which there is one at a time; IMPAIR_LOSS_MODELS: of
 * none.
 */
enum impair_loss_model impair_field_model(const struct impair_field *field);

/* Sets one setting in a round of changes, which impair_config_end (net/impair_config.h) ends. What
 * is not named in the round stays, but for rules: the first one that is named takes all earlier
 * ones away, and "rules" has the one value "none". ENOENT: there is no setting of that name;
 * EINVAL, ERANGE or E2BIG: the message begins with the name and says what was found and what was
 * expected. The setting is untouched then. */
int impair_field_set(struct impair_config *config, const char *name, const char *text,
                     struct error *error);

typedef void (*impair_field_fn)(void *context, const char *name, const char *text);

/* Calls `call` for all that is not none, in canonical text: set in one round in a config that is
 * none, it gives the very same settings. They have passed impair_check. */
void impair_field_each(const struct impair_settings *settings, impair_field_fn call, void *context);

#endif
