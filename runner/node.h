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
                         STEPS, DONE or HELD */
    NODE_STEPS,       /* one after another; the last one passed -> DONE */
    NODE_TOKEN,       /* a foreign or raw init runs; its result token says passed -> DONE */
    NODE_HELD,        /* it is up and kept for somebody; node_stop -> STOPPING */
    NODE_DONE,        /* it has said that it passed; node_stop -> STOPPING, from any state */
    NODE_STOPPING,    /* processes end, the guest powers off; QEMU is gone -> GONE */
    NODE_GONE,        /* nothing of it is left */
};

/* From QEMU's start to READY. A template has as much for QEMU's start, and to be saved. */
#define NODE_BOOT_NS (120 * NS_PER_S)

struct node;
struct guest_links;
struct link_control;

struct node_options {
    struct loop *loop;
    struct vm_host *host;
    const struct suite_case *suite_case;
    const struct suite_node *spec;
    const struct vm_spec *machine; /* until node_free */
    const char *pod;               /* pod_make's, likewise */
    struct guest_links *links;     /* that its init carries, until node_free; NULL: none */
    struct link_control *control;  /* of the case's links, likewise; NULL: no step changes any */
    uint64_t seed;                 /* of the run */
    bool hold;                     /* no steps are run: it is kept when it is up */
    const char *directory;         /* of the node's files: absolute, exists */
    const char *relative;          /* the same, from the run's directory */
    void (*changed)(void *context);
    /* Those of the case, in its order, whose CPU time is measured: all are there until the first is
     * freed, and then no loop runs until all are. NULL: nobody measures it. */
    struct node *const *nodes;
    /* Its guest stood still for so long, by its clock or by its silence; NULL: nobody asks. */
    void (*stalled)(void *context, const char *name, uint64_t since_ns, uint64_t length_ns);
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

/* Its guest sent what is no frame to a link that duet carries. */
void node_link_lied(struct node *node, const char *message);

/* Somebody has the case now: nothing that comes from here on is a fault or is judged, and no
 * further step starts. */
void node_freeze(struct node *node);

/* What another user of its control channel is sent: control.h's other_ctl and other_io. */
struct node_others {
    void (*ctl)(void *context, uint64_t base, const struct wire_ctl *frame);
    void (*io)(void *context, uint64_t base, const struct wire_io *frame);
    void *context;
};
/* One at a time; until then, and with NULL again, there are no other users. */
void node_share(struct node *node, const struct node_others *others);
/* What is printed in a node, and becomes of it. */
struct node_listener {
    void (*console)(void *context, const char *bytes, size_t count);
    /* By the background process of that name, on either of its outputs. */
    void (*output)(void *context, const char *process, const char *bytes, size_t count);
    /* Since node_freeze: what would have been a fault. NULL: nobody is told. */
    void (*fate)(void *context, const char *what);
    void *context;
};
/* Calls what is printed from now on, as it comes. One at a time; NULL ends it. */
void node_listen(struct node *node, const struct node_listener *listener);
/* Calls what was printed up to now, as far as it is kept in memory: the console, then one process
 * after another. */
void node_replay(const struct node *node, const struct node_listener *listener);
/* The environment of every command in it: DUET_NODE and the like, then the suite's `env`. Of a name
 * that is there twice the later one holds. The caller frees the array, not what is in it. */
struct suite_pairs node_environment(const struct node *node);
/* Its channel, while duet's init serves there; else NULL. */
struct control *node_control(struct node *node);
/* Its machine, from node_start to node_free; NULL where it could not be asked for. */
struct vm *node_vm(struct node *node);

enum node_state node_state(const struct node *node);
const char *node_name(const struct node *node);
/* CPU time that its machine has used; 0: not known. */
uint64_t node_cpu_ms(const struct node *node);
bool node_is_up(const struct node *node); /* its background processes are ready, or were */
bool node_is_ready(
    const struct node *node);              /* its guest has become it, or has said that it is up */
bool node_passed(const struct node *node); /* it said so; a fault may still be there */
/* That of its fault; without one passed, or skipped where it did not come to say so. */
enum verdict node_verdict(const struct node *node);
/* What that fault is; NULL without one. */
const char *node_reason(const struct node *node);
/* When its fault came, by clock_ns; UINT64_MAX without one. */
uint64_t node_fault_ns(const struct node *node);
/* A fault after which the case cannot go on. */
bool node_is_lost(const struct node *node);
/* Its kernel has measured its timer wrong, by a tenth at most, each time that it booted. */
bool node_timer_is_off(const struct node *node);
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
