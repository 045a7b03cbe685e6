/* What case_links.c (life, captures and logs) and case_links_result.c (findings) share. */
#ifndef DUET_RUNNER_CASE_LINKS_INTERNAL_H
#define DUET_RUNNER_CASE_LINKS_INTERNAL_H

#include "base/buffer.h"
#include "runner/case_links.h"
#include "runner/log_measure.h"

struct case_link {
    struct case_links *links;
    const struct suite_link *spec;
    struct carrier *carrier;            /* NULL: duet does not carry it */
    char *logs[2];                      /* as struct way_result's */
    struct impair_measure *measures[2]; /* NULL: nobody measures */
    struct log_changes changes[2];      /* of what a guest carries */
    bool measured;                      /* to the end */
    char *unreadable;                   /* why the guest's log is none; or NULL */
    char *capture_path;                 /* as struct link_result's; NULL: nothing is captured */
    struct capture *capture;
    struct buffer comment; /* of a packet in it */
};

struct case_links {
    struct case_links_options options;
    struct case_link *items; /* as the case's */
    size_t count;
    uint64_t epoch_ns;          /* clock_ns() and this are the time since 1970 */
    struct timer *flush;        /* of the captures, for who reads along */
    bool flushing;              /* it runs */
    struct guest_links **nodes; /* as the case's: what their inits carry */
    bool ended;
    atomic_bool cancelled;
};

/* The name of the node at that end. */
const char *case_link_node(const struct case_link *link, unsigned end);

#endif
