/* Something that takes long, done by a thread of its own while the loop goes on. */
#ifndef DUET_BASE_ASIDE_H
#define DUET_BASE_ASIDE_H

#include "base/loop.h"

struct aside;

/* In the thread. What it returns is what `done` gets. */
typedef int (*aside_work_fn)(void *context, struct error *error);
/* From the loop, once. `error` is there until the call returns. May free the aside. */
typedef void (*aside_done_fn)(void *context, int code, const struct error *error);

/* Begins. Until `done` the context is the thread's. Errors: those of making a thread; then nothing
 * is called. */
int aside_start(struct loop *loop, aside_work_fn work, aside_done_fn done, void *context,
                struct aside **aside, struct error *error);
/* Waits until the work is done; `done` is not called after that. NULL is fine. */
void aside_free(struct aside *aside);

#endif
