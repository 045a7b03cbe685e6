/* The links of one case, as far as duet or a node's init carries them: made before its machines,
 * ended after them. */
#ifndef DUET_RUNNER_CASE_LINKS_H
#define DUET_RUNNER_CASE_LINKS_H

#include "results/results.h"
#include "runner/plan.h"
#include "runner/suite.h"

struct carrier;
struct control_way;
struct case_links;
struct guest_links;

struct case_links_options {
    struct loop *loop;
    const struct suite_case *suite_case;
    const struct plan *plan;
    uint64_t seed;              /* of the run */
    const char *run_directory;  /* absolute */
    const char *case_directory; /* from the run's directory, exists: logs go there */
    /* The node's guest sent what is no frame; nothing comes through that end any more. */
    void (*lied)(void *context, size_t node, const char *message);
    void *context;
};

/* Listens for the ends of each. */
int case_links_new(const struct case_links_options *options, struct case_links **links,
                   struct error *error);
/* Ends them, once the machines are gone. */
void case_links_end(struct case_links *links);
/* Whether case_links_close has something to do. */
bool case_links_have_files(const struct case_links *links);
/* Writes logs and captures to their end, once, after case_links_end. That may wait for a disk:
 * another thread may do it, while nobody does anything else with the links. The first error of a
 * file, with its link where that is known. */
int case_links_close(struct case_links *links, struct error *error);
/* After that: measures what guests carried, by their logs, which takes long; the same of threads.
 * ECANCELED, or the first error of a log, with its link. */
int case_links_measure(struct case_links *links, struct error *error);
/* From the loop: nobody waits for case_links_measure, which ends soon, or is not begun. */
void case_links_cancel(struct case_links *links);
/* What the node's init carries; NULL: nothing. */
struct guest_links *case_links_of_node(const struct case_links *links, size_t node);
/* Adds each link of the case, carried or not. */
void case_links_result(const struct case_links *links, struct case_result *result);
/* A guest that carries the link has these settings in force from that end, from the packet of data
 * of that number on, because somebody asked for it. */
void case_links_changed(struct case_links *links, size_t link, unsigned end, uint64_t number,
                        const struct impair_settings *settings);
/* Whether duet's own process carries any: they stand still where it does. */
bool case_links_need_host(const struct case_links *links);
/* The carrier of the link of that index; NULL where duet does not carry it, or not any more. */
struct carrier *case_links_carrier(const struct case_links *links, size_t link);
/* What the carrier of such a link has counted so far of what came from `end`. The caller frees it.
 */
void case_links_count(const struct case_links *links, size_t link, unsigned end,
                      struct way_result *way);
/* The same of what a guest says that it has counted. */
void case_links_count_guest(const struct control_way *counted, struct way_result *way);
/* NULL is fine. */
void case_links_free(struct case_links *links);

#endif
