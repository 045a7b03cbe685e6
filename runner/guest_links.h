/* The links that one node's init carries, as the host has them: what it says of packets goes into
 * files, and what it counts is asked for.
 *
 * The order of things: guest_links_open before STARTPOD is sent, which names the streams;
 * guest_links_ask now and then; guest_links_close before DESTROYPOD. */
#ifndef DUET_RUNNER_GUEST_LINKS_H
#define DUET_RUNNER_GUEST_LINKS_H

#include "runner/suite.h"
#include "vm/control.h"

struct guest_links;

struct guest_links_options {
    struct loop *loop;
    const struct suite_case *suite_case;
    size_t node;            /* index */
    char *const (*logs)[2]; /* of each link of the case: absolute paths by direction; copied */
    size_t most;            /* bytes of a log; what comes beyond is dropped */
};

/* NULL where the node carries none. Errors: those of making the files. */
int guest_links_new(const struct guest_links_options *options, struct guest_links **links,
                    struct error *error);
/* NULL is fine, for all of these. */
void guest_links_free(struct guest_links *links);

/* Expects what comes on the streams of STARTPOD. Before any command of the channel. */
void guest_links_open(struct guest_links *links, struct control *control);
/* Asks for the counters. Nothing else is told of it. */
void guest_links_ask(struct guest_links *links);
/* Ends the links: `closed` is called once they have said all, or nothing more can come of them; it
 * may be called before this returns. */
void guest_links_close(struct guest_links *links, void (*closed)(void *context), void *context);
/* The machine is gone: what has not come counts for nothing, and `closed` is not called any more.
 * Any number of times. */
void guest_links_end(struct guest_links *links);
/* Writes the files to their end, which may wait for a disk: after guest_links_end another thread
 * than the loop's may do it. The first error of a file. */
int guest_links_finish(struct guest_links *links, struct error *error);

/* What is known of a link of the case, by direction; NULL: it is not carried here, or never said
 * so. *is_last: it is what it counted at its end. */
const struct control_way *guest_links_ways(const struct guest_links *links, size_t link,
                                           bool *is_last);

/* Whether one of its logs has reached its limit, and is only the beginning. */
bool guest_links_is_cut(const struct guest_links *links, size_t link);

/* The stream of a direction's verdicts, of the `nth` link (from 0) that a node carries. */
uint64_t guest_links_stream(size_t nth, unsigned direction);
/* Whether that end's node carries the link. */
bool guest_links_carries(const struct suite_link *link, unsigned end);
/* Whether it is asked for what it counts: of one that it carries, or whose netem it has. */
bool guest_links_counts(const struct suite_link *link, unsigned end);

#endif
