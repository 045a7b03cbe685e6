/* How a check of settings says what cannot be: for who reads the message, and for who knows the
 * line. */
#ifndef DUET_NET_IMPAIR_REFUSE_H
#define DUET_NET_IMPAIR_REFUSE_H

#include "net/impair_settings.h"

struct impair_refusal {
    struct impair_mistake *mistake; /* or NULL */
    struct error *error;
};

/* Fills both: the message is the field's name, a colon and the text. Returns -EINVAL. */
int impair_refuse(const struct impair_refusal *refusal, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
