/* Which links `--capture` means. */
#ifndef DUET_RUNNER_CAPTURES_H
#define DUET_RUNNER_CAPTURES_H

#include "runner/suite.h"

/* Has the links of a case captured whose names stand in `names`, with commas between them; all
 * where that is NULL. They are then carried by duet, which does to the same packets what a guest
 * would have done; but for those with tc netem, which goes on, and what it lets through is
 * captured. ENOENT: none of the suites has a link of such a name. */
int captures_choose(struct suite *const suites[], size_t count, const char *names,
                    struct error *error);

#endif
