/* What of the typed bytes is for duet and not for the guest, as in ssh(1): behind a newline "~."
 * leaves, "~?" asks for help and "~~" is one "~". What the terminal itself answers in between is
 * not typed. Pure. */
#ifndef DUET_RUNNER_ESCAPE_H
#define DUET_RUNNER_ESCAPE_H

#include "base/buffer.h"

#include <stdbool.h>

enum escape_action { ESCAPE_NONE, ESCAPE_LEAVE, ESCAPE_HELP };

/* For a terminal that is raw. */
#define ESCAPE_HELP_TEXT                                                                           \
    "~?\r\n"                                                                                       \
    "Supported escape sequences, behind a newline:\r\n"                                            \
    " ~.   leave\r\n"                                                                              \
    " ~~   type the escape character\r\n"                                                          \
    " ~?   this list\r\n"

/* Zero-initialised is the beginning of a line. */
struct escape {
    bool mid_line;
    bool pending; /* a "~" came that may be one */
    int state;    /* within a sequence that the terminal sends */
    bool has_parameters;
};

/* Appends to `out` what is the guest's, up to an action at most. Returns how many of the bytes were
 * looked at; all of them where the action is none. */
size_t escape_feed(struct escape *escape, const char *bytes, size_t count, struct buffer *out,
                   enum escape_action *action);

#endif
