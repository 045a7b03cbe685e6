/* One node of a case while it runs: its machine, the conversation with its init, what it found.
 *
 * A fault may come in every state; the worst one by verdict.h's precedence is kept. After each
 * change that may matter to the case, `changed` is called. */
#ifndef DUET_RUNNER_NODE_H
#define DUET_RUNNER_NODE_H

#include "results/results.h"
#include "runner/suite.h"
#include "vm/vm.h"

#include <stdbool.h>

/* What happens in a state, and what ends it. A node has duet's init, or a foreign one that duet's
 * starts, or a raw one that the kernel starts. */
enum node_state {
    NODE_IDLE,        /* nothing yet; node_start -> STARTING */
    NODE_STARTING,    /* libvirt creates the machine; it runs -> BOOTING, a raw one's -> TOKEN; a
                         fork goes on where its template said READY */
    NODE_BOOTING,     /* READY -> CONFIGURING, a foreign one's -> WAITING, a template's -> SAVING */
    NODE_CONFIGURING, /* the guest becomes the node; it did -> WAITING, a foreign one's -> TOKEN */
    NODE_SAVING,      /* a template: libvirt saves the machine; it did, or did not -> STOPPING */
    NODE_WAITING,     /* for the nodes it comes after; node_go -> BACKGROUND, STEPS or DONE, a
                         foreign one's -> CONFIGURING: nothing holds it back after that */
    NODE_BACKGROUND,  /* processes start, one after another; the last is ready, the node up ->
                         STEPS or DONE */
    NODE_STEPS,       /* one after another; the last one passed -> DONE */
    NODE_TOKEN,       /* a foreign or raw init runs; its result token says passed -> DONE */
    NODE_DONE,        /* it has said that it passed; node_stop -> STOPPING, from any state */
    NODE_STOPPING,    /* processes end, the guest powers off; QEMU is gone -> GONE */
    NODE_GONE,        /* nothing of it is left */
};

/* From QEMU's start to READY. A template has as much for QEMU's start, and to be saved. */
#define NODE_BOOT_NS (120 * NS_PER_S)

struct node;

struct node_options {
    struct loop *loop;
    struct vm_host *host;
    const struct suite_case *suite_case;
    const struct suite_node *spec;
    const struct vm_spec *machine; /* until node_free */
    const char *pod;               /* pod_make's, likewise */
    uint64_t seed;                 /* of the run */
    const char *directory;         /* of the node's files: absolute, exists */
    const char *relative;          /* the same, from the run's directory */
    void (*changed)(void *context);
    void *context;
};

int node_new(const struct node_options *options, struct node **node, struct error *error);
/* Before node_start or when GONE. NULL is fine. */
void node_free(struct node *node);

/* Starts the machine. A failure is the node's fault, not the caller's. */
void node_start(struct node *node);
/* The nodes it comes after are up. */
void node_go(struct node *node);
/* The case has no more time: a fault that says what the node was at. */
void node_time_out(struct node *node, uint64_t timeout_ns);
/* Ends the node's processes and its machine; at once where `now` is true. Any number of times. */
void node_stop(struct node *node, bool now);

enum node_state node_state(const struct node *node);
const char *node_name(const struct node *node);
bool node_is_up(const struct node *node); /* its background processes are ready, or were */
bool node_is_ready(
    const struct node *node);              /* its guest has become it, or has said that it is up */
bool node_passed(const struct node *node); /* it said so; a fault may still be there */
/* That of its fault; without one passed, or skipped where it did not come to say so. */
enum verdict node_verdict(const struct node *node);
/* When its fault came, by clock_ns; UINT64_MAX without one. */
uint64_t node_fault_ns(const struct node *node);
/* A fault after which the case cannot go on. */
bool node_is_lost(const struct node *node);
/* When GONE, why the machine could not be saved, or could not be forked, though it may well boot;
 * else NULL. That is no fault of a template. */
const char *node_refusal(const struct node *node);
/* What it is at, for progress: "booting", "step 2/3 transfer". */
void node_activity(const struct node *node, char *text, size_t size);
/* The last `lines` lines of its console. */
void node_console_tail(const struct node *node, size_t lines, struct buffer *out);

/* Fills `result` when GONE (or never started). Once. */
void node_result(struct node *node, struct node_result *result);

#endif
