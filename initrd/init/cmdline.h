/* What init is told when it boots: the `duet.*` keys of the kernel command line, which are the same
 * for every node of an image. Pure: no I/O.
 *
 * Keys, each `duet.KEY=VALUE`; docs/control-channel.md has the whole table. Any byte of a value
 * may be written as %XX (RFC 3986, 2.1); it is decoded before the value is taken apart, and a bare
 * `%` is an error. Words without the prefix `duet.` are the kernel's and are skipped. */
#ifndef DUET_INIT_CMDLINE_H
#define DUET_INIT_CMDLINE_H

#include "base/error.h"

#include <stddef.h>

struct config {
    char *exec; /* a foreign init, absolute, or NULL */
    char *result_prefix;
    char *ready_prefix;
    char **modules;
    size_t module_count;
};

/* The configuration of an empty command line. */
void config_init(struct config *config);
void config_free(struct config *config);

/* Adds what `cmdline` says to `config`, which config_init made. EINVAL for an unknown key or a
 * malformed value, with the word in the message. After a failure `config` holds what came before
 * the mistake, so that the report carries the right prefix. */
int cmdline_parse(const char *cmdline, struct config *config, struct error *error);

#endif
