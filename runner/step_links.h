/* What a step changes on links before it runs. */
#ifndef DUET_RUNNER_STEP_LINKS_H
#define DUET_RUNNER_STEP_LINKS_H

#include "runner/link_control.h"

struct step_links;

/* Asks for all that `step` changes, which is something. `changed` is called once, from the loop,
 * when whoever carries these links has answered: `error` NULL, all is in force; else the first that
 * is not, with its link. The caller frees it then, or before. */
struct step_links *step_links_new(struct link_control *control, const struct suite_step *step,
                                  void (*changed)(void *context, const struct error *error),
                                  void *context);
/* Nobody waits any more. NULL is fine. */
void step_links_free(struct step_links *links);

#endif
