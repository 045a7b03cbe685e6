/* How init dies: with a reason, as a result. */
#ifndef DUET_INIT_FAIL_H
#define DUET_INIT_FAIL_H

#include "base/error.h"
#include "initrd/init/channel.h"

/* What the reports carry from now on; copied. The prefix comes first; without fail_node they name
 * no node. */
void fail_prefix(const char *result_prefix);
void fail_node(const char *node);
/* Has failures reported on ctl too; NULL for no longer. */
void fail_channel(struct channel *ctl);
/* Has SIGSEGV and its like in init itself reported as a result. */
int fail_catch_signals(struct error *error);
/* For a child of init: nothing is caught any more. */
void fail_release_signals(void);
/* Reports "init: <message>" on the console and on ctl, then powers off. */
void fail(const struct error *error) __attribute__((noreturn));
/* fail() if `code` is negative. */
void must(int code, const struct error *error);

#endif
