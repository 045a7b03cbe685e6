/* The kernels that the cases of a run want. */
#ifndef DUET_RUNNER_CASES_KERNELS_H
#define DUET_RUNNER_CASES_KERNELS_H

#include "runner/cases.h"

/* Gives each item its kernel, which the session keeps, or the `trouble` of not having it, which the
 * caller frees; to those that are skipped, neither. *first is the first that could be had, by which
 * the accelerator is decided, or NULL. What cannot be had is the trouble of the cases that want it,
 * and no error while there is another: ENOENT, with the first trouble. */
int cases_get_kernels(struct session *session, struct cases_item *items, size_t count,
                      const struct kernel **first, struct error *error);
/* The first before `index` that wants the same kernel and was asked for it; or NULL. */
const struct cases_item *cases_kernel_earlier(const struct cases_item *items, size_t index);

#endif
