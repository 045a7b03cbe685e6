/* Verdicts: what became of a step, a node, a case. */
#ifndef DUET_RESULTS_VERDICT_H
#define DUET_RESULTS_VERDICT_H

#include <stdbool.h>

/* In order of precedence, cause before consequence: where several hold, the first is the verdict.
 *
 * Once duet itself failed, nothing that it saw can be believed. A dead QEMU explains whatever its
 * guest and its peers did afterwards; then the guest kernel's own end (panic, the memory ran out,
 * an oops) explains a guest that stands still, and all of these explain links that did not behave.
 * Links that did not behave (invalid) explain a timeout and a failed check. A timeout outranks a
 * failure because the checks of a step that never ended mean little. `passed` is last, so that a
 * case is green only where every part of it is, and `error` is 0, so that a verdict nobody set is
 * never green. */
enum verdict {
    VERDICT_ERROR,       /* duet, or its init in the guest, could not do its job */
    VERDICT_QEMU_DIED,   /* QEMU ended without being asked to */
    VERDICT_PANIC,       /* the guest's kernel panicked */
    VERDICT_OOM,         /* the guest ran out of memory */
    VERDICT_OOPS,        /* the guest's kernel reported a bug of its own and went on */
    VERDICT_NO_PROGRESS, /* the guest stopped, without a word */
    VERDICT_INVALID,     /* the network was not what the case asks for: says nothing about it */
    VERDICT_TIMEOUT,     /* a step, or the case, took longer than it may */
    VERDICT_FAILED,      /* the test says no */
    VERDICT_SKIPPED,     /* not run, on purpose */
    VERDICT_PASSED,
    VERDICT_COUNT
};

/* As in results.json: "passed", "qemu_died", …; "error" for a value outside the enumeration. */
const char *verdict_name(enum verdict verdict);
/* False, and *verdict untouched, for a name that is none. */
bool verdict_from_name(const char *name, enum verdict *verdict);
/* The one of the two that takes precedence. */
enum verdict verdict_worse(enum verdict a, enum verdict b);
/* Neither passed nor skipped. */
bool verdict_is_bad(enum verdict verdict);

#endif
