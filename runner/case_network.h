/* Whether a case's network was what the case asks for, and who stood still while it ran. */
#ifndef DUET_RUNNER_CASE_NETWORK_H
#define DUET_RUNNER_CASE_NETWORK_H

#include "base/loop.h"
#include "results/results.h"
#include "runner/suite.h"

#include <stdbool.h>

struct case_network;

/* The case's time begins. `suite_case` is used until case_network_free. */
struct case_network *case_network_new(struct loop *loop, const struct suite_case *suite_case);
/* The guest of the node of that name, which stays, stood still, or duet did while it waited for
 * its answer. */
void case_network_stalled(struct case_network *network, const char *node, uint64_t since_ns,
                          uint64_t length_ns);
/* The case's time is over. */
void case_network_stop(struct case_network *network);
/* Adds the stalls to `result`, which has its links and a verdict, and makes that `invalid` where
 * the network was not as asked and explains it. `needs_host`: duet's process carries a link. */
void case_network_result(const struct case_network *network, bool needs_host,
                         struct case_result *result);
/* NULL is fine. */
void case_network_free(struct case_network *network);

#endif
