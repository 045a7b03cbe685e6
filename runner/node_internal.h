/* What node.c (life), node_talk.c (conversation), node_commands.c (background processes and steps),
 * node_listen.c (what is printed), node_metrics.c and node_cpu.c (what it measures),
 * node_boot.c (a boot that is no good),
 * node_end.c (the machine's end) and node_result.c (findings) share. */
#ifndef DUET_RUNNER_NODE_INTERNAL_H
#define DUET_RUNNER_NODE_INTERNAL_H

#include "runner/command.h"
#include "runner/node.h"
#include "runner/step_links.h"

#define CONFIGURE_NS     (30 * NS_PER_S) /* from STARTPOD to its ACK */
#define PING_NS          (2 * NS_PER_S)
#define HUSH_NS          NS_PER_S        /* one that is answered only then: the guest stood still */
#define SILENCE_NS       (20 * NS_PER_S) /* a ping unanswered for so long: no progress */
#define NODE_BACKSTOP_NS (15 * NS_PER_S) /* what the guest may be late with a step's timeout */
#define STOP_NS          (2 * NS_PER_S)  /* background processes with a stop signal of their own */
#define POWEROFF_NS      (8 * NS_PER_S)

enum { REASONS_MAX = 4096 }; /* bytes, of metrics */

enum { TOKENS_MAX = 64 }; /* of one node; a guest that sends more says nothing new */

/* A background process or a step that was started. */
struct node_command {
    struct node *node;
    struct command *command; /* NULL: it was not */
    struct control_command *running;
    struct scanner *scanner; /* of its standard output; NULL before there is any */
    size_t metrics;          /* tokens that it printed, good or bad */
};

struct node {
    struct node_options options;
    char *directory, *relative; /* what the options name */
    enum node_state state;
    struct vm *vm;
    struct control *control;
    struct scanner *scanner;
    struct node_others others; /* node_share */
    bool was_shared;
    struct node_listener listener; /* node_listen */
    bool frozen;                   /* node_freeze */

    enum verdict fault; /* VERDICT_PASSED: none */
    char *fault_reason;
    uint64_t fault_ns;
    bool lost; /* the case cannot go on with this node */
    bool said_passed;
    bool up, booted;
    uint64_t started_ns, ready_ns;
    unsigned reboots;         /* of a guest whose kernel measured its timer wrong */
    struct node_reset *reset; /* the last of these, until QEMU says how it went; or NULL */
    char *reset_trouble;      /* why that failed, and not because QEMU cannot; or NULL */
    bool timer_is_off;        /* it was gone on with, for want of better */

    struct timer *deadline; /* of the state or the command that runs */
    struct timer *ping;
    uint64_t ping_sent_ns; /* 0: answered */
    uint64_t answered_ns, cpu_at_answer_ms;
    bool clock_known;
    uint64_t clock_ahead_ns; /* the guest's clock of the host's, at the last answer … */
    uint64_t clock_doubt_ns; /* … which may be wrong by that: half of the way there and back */
    char *refusal;           /* why it is not saved, or not forked */

    struct suite_pair env_items[3]; /* DUET_NODE, DUET_CASE, DUET_SEED */
    char seed[24];
    struct node_command *commands; /* background, then steps */
    size_t command_count;
    size_t current; /* how many were started; the last of them runs in BACKGROUND, STEPS */
    size_t judged;  /* steps before this one have ended by themselves and were judged */
    struct step_links *step_links; /* what the last one waits for before it begins, or NULL */
    uint64_t command_started_ns;   /* of the last one, by the host's clock */
    bool stop_asked;               /* processes with a stop signal of their own were sent it */
    bool destroying;               /* DESTROYPOD was sent, or is when its links are closed */

    size_t blamed;      /* 1 + index of the background process that is the fault, or 0 */
    bool console_whole; /* init has said that it printed all that it will */
    bool cut_short;     /* duet itself ended the machine: its last line may be half of one */
    struct result_token *tokens;
    size_t token_count;
    struct metrics metrics;
    struct node_cpu *cpu; /* of each node of the case; NULL before a step measures it */
    size_t cpu_open;      /* answers that have not come */
    void (*cpu_known)(struct node *node);
    struct vm_gone gone;
};

/* Keeps the worse of the fault that is there and this one. `lost` ends the case. */
void node_fault(struct node *node, enum verdict verdict, bool lost, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void node_changed(struct node *node);
bool node_is_foreign(const struct node *node); /* raw or not */
bool node_is_raw(const struct node *node);

/* node_save.c, for templates and forks */
/* The guest of a template is up. */
void node_save(struct node *node);
/* A template is at `activity`, which is libvirt's or QEMU's to end, for too long. */
void node_give_up(struct node *node, const char *activity);
/* Its machine did not start; whether that is no fault of the node. */
bool node_refuses_start(struct node *node, const char *message);

/* node_boot.c */
/* The guest of a node that boots is up: goes on with it, or has it boot again where its kernel has
 * measured its timer wrong. */
void node_says_ready(struct node *node, const struct control_ready *ready);
/* Nobody waits for a reset any more. */
void node_forget_reset(struct node *node);

/* node_talk.c */
/* Its channel, before its machine starts. */
void node_open_channel(struct node *node);
void node_on_ctl(void *context, const struct wire_ctl *frame);
void node_on_io(void *context, const struct wire_io *frame);
void node_on_deadline(void *context);
void node_on_ping(void *context);
/* Its guest is up and waits to be told who it is. */
void node_booted(struct node *node);
/* Tells it. */
void node_configure(struct node *node);
/* Asks init to end: first the processes with a stop signal of their own, then all, then power. */
void node_ask_to_stop(struct node *node);
/* What became of a request that was to be sent. */
void node_sent(struct node *node, int code, const struct error *error);
/* Init's ERROR. */
void node_refused(struct node *node, const char *reason);
void node_start_deadline(struct node *node, uint64_t timeout_ns);

/* node_listen.c */
void node_tell_console(const struct node *node, const char *bytes, size_t count);
void node_tell_fate(const struct node *node, const char *what);
void node_tell_output(const struct node *node, const char *process, const char *bytes,
                      size_t count);

/* node_metrics.c */
/* A metric that is missing or cannot be believed: the node goes on, and fails. Each such reason is
 * kept, behind the ones before. */
void node_fault_metric(struct node *node, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A metric token that was found on the console. */
void node_take_metric(struct node *node, const struct scanner_event *event);
/* Looks for metric tokens in what command `index` printed; `count` 0 is its end. */
void node_scan_output(struct node *node, size_t index, const char *bytes, size_t count);
/* Reads what the measuring step `index`, which has ended, printed; negative where that is no
 * measurement, which is a fault then. `counts`: it ended well; else iperf3's results have no value,
 * and may say what went wrong. */
int node_read_measures(struct node *node, size_t index, bool counts);

/* node_cpu.c */
/* Asks all machines of the case how much CPU time they have used; `known` is called once, when all
 * that can answer have: at once, perhaps. One question at a time. */
void node_ask_cpu(struct node *node, void (*known)(struct node *node));
/* Adds what each has used between the last two questions as STEP.cpu_guest.NODE and
 * STEP.cpu_qemu.NODE, ns for each of the `bytes`, as far as that is known: of a guest from 30 ms
 * for each of its CPUs. EBADMSG for a name that is too long. */
int node_add_cpu(struct node *node, const char *step, double bytes, struct error *error);

/* node_end.c */
void node_on_gone(void *context, const struct vm_gone *gone);

/* node_commands.c */
/* NULL where command `index` is a background process. */
const struct suite_step *node_step_at(const struct node *node, size_t index);
/* Starts the next background process or step, or finds that there is none. */
void node_next_command(struct node *node);
void node_describe_command(const struct node *node, size_t index, char *text, size_t size);
/* Sends those that want another signal than DESTROYPOD's theirs; whether there are any. */
bool node_signal_background(struct node *node);
bool node_has_signalled_left(const struct node *node);
/* The first background process that is not ready in its time. */
void node_late_background(struct node *node);

#endif
