/* The result of a run, as a tree that owns all it points to.
 *
 * Every struct is empty when zero-initialised; texts are NULL where there is nothing to say, come
 * from malloc, may hold any bytes a guest wrote (the writers see to their encoding), and are freed
 * by run_result_free. The *_add functions return a zeroed new last element (whose verdict is thus
 * `error` until somebody knows better), valid until the next add to the same parent. Paths are
 * relative to the run's directory. Durations are in seconds. */
#ifndef DUET_RESULTS_MODEL_H
#define DUET_RESULTS_MODEL_H

#include "results/metric.h"
#include "results/token.h"
#include "results/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct kernel_info {
    char *name;    /* provider, path or URL, as the user gave it */
    char *release; /* as its modules directory is called */
    char *digest;  /* SHA-256, hexadecimal */
};

struct host_info {
    char *duet;      /* version */
    char *kernel;    /* release of the running kernel */
    char *cpu_model; /* as in /proc/cpuinfo */
    unsigned int cpus;
    uint64_t memory_bytes;
    char *qemu;                      /* version */
    char *libvirt;                   /* version */
    char *accel;                     /* "kvm" or "tcg" */
    struct kernel_info guest_kernel; /* the first that could be had: the accelerator is by it */
};

struct output_result {
    char *path;     /* where the bytes were written */
    uint64_t bytes; /* that the program wrote */
};

struct step_result {
    char *name;
    bool background;
    bool started;
    bool ended; /* `status` and `signal` are known */
    int status; /* exit status; meaningless where `signal` is not 0 */
    int signal; /* that ended it, or 0 */
    bool timed_out;
    enum verdict verdict;
    char *reason;
    double duration_s;
    struct output_result standard_output, standard_error;
    char *times;    /* the path of when they came, as theirs */
    char *expected; /* where a check failed: what it wanted … */
    char *found;    /* … and what there was */
};

/* Where a node's machine came from. */
enum node_start {
    START_NONE, /* there was none: its case ended before */
    START_BOOTED,
    START_FORKED, /* from a template that had booted */
};

struct node_result {
    char *name;
    enum verdict verdict;
    char *reason;
    enum node_start start;
    bool ready;     /* the node has told that it is */
    double ready_s; /* from its start */
    struct {
        char *path;              /* the whole log, compressed */
        uint64_t bytes;          /* that the guest wrote */
        uint64_t lost_from_ring; /* bytes that the ring no longer held at the end */
    } console;
    struct {
        pid_t pid;  /* 0: never started */
        bool ended; /* `status` and `signal` are known */
        int status;
        int signal;
    } qemu;
    struct step_result *steps;
    size_t step_count;
    struct result_token *tokens;
    size_t token_count;
    struct metrics metrics;
};

struct cause_result {
    char *name; /* "loss" */
    uint64_t packets;
};

/* How often something left to chance happened on one direction of a link, beside what was asked. */
struct share_result {
    const char *name;      /* a constant: "loss" */
    uint64_t trials, hits; /* packets that it could happen to; that it happened to */
    double expected;       /* hits */
    uint64_t least, most;  /* hits that are believed of a network that does as it was asked */
    bool believed;
};

/* Quantiles of times, to one per cent. */
struct times_result {
    uint64_t median_ns, p99_ns, max_ns;
};

/* What one direction of a link did, against what it was asked. */
struct measured_result {
    bool known;  /* each packet's verdict was seen */
    char *fault; /* how it did not do as asked; NULL where it did */
    struct share_result *shares;
    size_t share_count;
    uint64_t packets; /* with a time: `asked` and `late` are theirs */
    struct times_result asked, late;
    uint64_t timed, too_late;   /* packets that were to be delayed; those later than is fine */
    uint64_t unasked;           /* packets lost, or not duplicated, for want of room */
    double asked_bps, bps;      /* while packets waited; 0 where they did not long enough */
    double least_bps, most_bps; /* believed */
};

/* One setting of an impairment, by its name and in canonical text (net/impair_field.h). */
struct setting_result {
    char *name; /* "delay" */
    char *text; /* "5ms" */
};

/* One direction of a link: what was asked of it, and what duet saw. */
struct way_result {
    struct setting_result *impair; /* as the case began */
    size_t impair_count;
    uint64_t packets_in, bytes_in;   /* from the sender */
    uint64_t packets_out, bytes_out; /* to the receiver */
    struct cause_result *causes;     /* what was said of packets, lost or not */
    size_t cause_count;
    char *verdicts; /* the path of the log of verdicts */
    struct measured_result measured;
};

struct link_result {
    char *name;
    char *nodes[2];
    char *subnet; /* "10.0.0.0/24" */
    unsigned int mtu;
    char *capture;             /* the path of the capture of both directions; NULL: there is none */
    const char *carrier;       /* "direct", "guest", "host" or "netem"; never freed */
    bool carried;              /* by somebody who then has seen … */
    bool incomplete;           /* … but not all to the link's end … */
    struct way_result ways[2]; /* … what the node of that index sent */
};

/* A time in which duet, or a guest, stood still. */
struct stall_result {
    char *node;               /* whose guest; NULL: duet itself */
    double start_s, length_s; /* from the start of the case */
    /* duet's only. As struct stall has them; below 0: not known. */
    double cpu_s, stolen_s, pressure_s;
};

struct case_result {
    char *name;
    char *slug;                /* unique in the run; fit for a path */
    struct kernel_info kernel; /* `name` alone where the case did not come to need it */
    enum verdict verdict;
    char *reason;
    double duration_s;
    char *directory;
    struct metrics metrics; /* of all its nodes */
    struct node_result *nodes;
    size_t node_count;
    struct link_result *links;
    size_t link_count;
    struct stall_result *stalls;
    size_t stall_count;
};

/* What a run can be repeated by. */
struct suite_file_result {
    char *path;    /* absolute */
    char *digest;  /* SHA-256 of it, hexadecimal */
    char *kernels; /* over what it says; NULL: none */
};

struct run_result {
    char *suite;
    struct suite_file_result file;
    uint64_t seed;
    char *started; /* ISO 8601 with an offset: "2024-05-01T12:00:00Z" */
    double duration_s;
    struct host_info host;
    struct case_result *cases;
    size_t case_count;
};

struct case_result *run_result_add_case(struct run_result *run);
struct node_result *case_result_add_node(struct case_result *result);
struct link_result *case_result_add_link(struct case_result *result);
struct stall_result *case_result_add_stall(struct case_result *result);
struct share_result *measured_result_add_share(struct measured_result *measured);
/* Where `packets` is not 0. */
void way_result_add_cause(struct way_result *way, const char *name, uint64_t packets);
void way_result_add_setting(struct way_result *way, const char *name, const char *text);
/* Frees what it holds, of a way that never came into a result. */
void way_result_free(struct way_result *way);
struct step_result *node_result_add_step(struct node_result *node);
/* Takes what *token holds and leaves it empty. */
void node_result_add_token(struct node_result *node, struct result_token *token);

/* Frees what the run holds, not the struct; NULL is fine. The others are for results that never
 * came into a run. */
void run_result_free(struct run_result *run);
void case_result_free(struct case_result *result);
/* Frees what it holds, of a host that never came into a run. */
void host_info_free(struct host_info *host);
void node_result_free(struct node_result *node);

/* The program's exit status: 3 where a case is `error` or `invalid` (duet did not do what it was
 * asked to), else 1 where one is bad in another way, else 0 where one passed, else 4 (everything
 * was skipped, or there was nothing). */
int run_result_exit_status(const struct run_result *run);

#endif
