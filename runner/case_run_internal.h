/* What case_run.c (life) and case_run_result.c (findings) share. */
#ifndef DUET_RUNNER_CASE_RUN_INTERNAL_H
#define DUET_RUNNER_CASE_RUN_INTERNAL_H

#include "runner/case_run.h"

struct case_run {
    struct case_run_options options;
    struct case_links *links;
    struct link_control *link_control;
    struct node **nodes;
    size_t node_count;
    struct timer *timeout;
    struct timer *advance; /* fires at once: many changes of one moment are looked at together */
    bool started;          /* its time has begun; before that its nodes are only brought up */
    bool held, ending, cancelled, done;
    bool at_once;                  /* guests are not asked to end */
    uint64_t started_ns, ended_ns; /* held is ended, too */
    struct error trouble;          /* of its links' files, at the end */
    struct aside *settling;        /* these; NULL: not begun, or done */
    struct case_network *network;  /* since its time began; NULL before */
};

#endif
