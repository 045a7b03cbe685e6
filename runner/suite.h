/* Scenario files: the model of a suite and how it is loaded. docs/scenario.md is the reference.
 *
 * A suite is loaded once, strictly, into cases that share nothing with each other: every
 * variable is replaced, every default filled in, every address given. */
#ifndef DUET_RUNNER_SUITE_H
#define DUET_RUNNER_SUITE_H

#include "base/buffer.h"
#include "base/error.h"

#include "net/impair_plan.h"
#include "results/metric.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SUITE_CASES_MAX = 10000,
    SUITE_NODES_MAX = 64,
    SUITE_LINKS_MAX = 256,
    SUITE_KERNELS_MAX = 64, /* of one case, before it is one case for each */
};

struct suite_position {
    unsigned line, column; /* in the suite's file, from 1 */
};

struct suite_texts {
    char **items;
    size_t count;
};

struct suite_pair {
    char *name;
    char *value;
};

struct suite_pairs {
    struct suite_pair *items; /* names are unique */
    size_t count;
};

/* Somebody else's PID 1 or script. */
struct suite_init {
    char *directory; /* on the host, absolute; NULL where the guest runs duet's own init alone */
    char *run;       /* in the directory, from its "/" */
    bool raw;        /* `run` is PID 1 itself; else duet's init prepares the node, then runs it */
};

enum suite_file_kind {
    SUITE_FILE_PROGRAM, /* an executable file of the host: brings its shared libraries */
    SUITE_FILE_DATA,    /* another file of the host */
    SUITE_FILE_TREE,    /* a directory of the host with all that is in it */
    SUITE_FILE_CONTENT, /* `content` */
};

enum { SUITE_MODE_KEPT = -1 };

struct suite_file {
    enum suite_file_kind kind;
    char *from;    /* absolute path on the host; NULL for SUITE_FILE_CONTENT */
    char *to;      /* absolute path in the guest */
    char *content; /* NULL for the others */
    int mode;      /* permission bits, or SUITE_MODE_KEPT: as on the host */
    struct suite_position at;
};

enum suite_ready_kind {
    SUITE_READY_STARTED, /* running is ready */
    SUITE_READY_TCP,     /* something listens on `port` */
    SUITE_READY_UDP,     /* something is bound to `port` */
    SUITE_READY_PATH,    /* `text` exists in the guest */
    SUITE_READY_OUTPUT,  /* `text` appeared in its standard output or error */
    SUITE_READY_COMMAND, /* the shell command `text` succeeds */
};

struct suite_ready {
    enum suite_ready_kind kind;
    uint16_t port; /* host byte order; 0 where the kind has none */
    char *text;    /* NULL where the kind has none */
};

struct suite_background {
    char *name; /* unique in its node */
    char *run;  /* shell script */
    struct suite_pairs env;
    struct suite_ready ready;
    uint64_t ready_timeout_ns;
    int stop_signal; /* number on Linux, x86 */
    struct suite_position at;
};

/* What a step has to do; NULL is not asked for. */
struct suite_expect {
    unsigned status;     /* exit status, 128 + signal */
    char *output;        /* standard output, byte for byte */
    char *output_sha256; /* of standard output: 64 lower-case hexadecimal digits */
    char *output_has;    /* somewhere in standard output */
};

/* What a step changes on a link when it starts. */
struct suite_step_impair {
    size_t link; /* index */
    /* Of each direction, what is named: impair_field_set takes it, in one round. None: it stays. */
    struct suite_pairs named[2];
    struct suite_position at;
};

/* What the standard output of a step is. */
enum suite_measure {
    SUITE_MEASURES_NOTHING, /* its own affair: metric tokens may be in it */
    SUITE_MEASURES_IPERF3,  /* results of `iperf3 -J` */
    SUITE_MEASURES_METRICS, /* metric tokens, one at least, each named STEP or STEP.NAME */
};

struct suite_step {
    char *name; /* unique in its node */
    char *run;  /* shell script */
    struct suite_pairs env;
    uint64_t timeout_ns; /* 0: the case's alone */
    struct suite_expect expect;
    struct suite_step_impair *impairs; /* one for a link */
    size_t impair_count;
    enum suite_measure measures;
    struct suite_position at;
};

/* An address of a link's end, or a destination; the family says which member counts. */
struct suite_address {
    int family; /* AF_INET or AF_INET6 */
    union {
        struct in_addr v4;
        struct in6_addr v6;
        uint8_t bytes[16]; /* network byte order */
    };
    unsigned prefix;                 /* bits */
    char text[INET6_ADDRSTRLEN + 4]; /* "10.0.0.1/24" */
};

struct suite_route {
    struct suite_address to;  /* 0.0.0.0/0 or ::/0 for `default` */
    struct suite_address via; /* in a subnet of one of the node's links; prefix is that subnet's */
};

struct suite_node {
    char *name; /* RFC 1123 host name of one label, lower case */
    uint64_t memory_bytes;
    unsigned cpus;
    char *cmdline; /* further kernel parameters, or the empty string */
    struct suite_init init;
    struct suite_file *files;
    size_t file_count;
    struct suite_texts modules;          /* kernel modules to load, in this order */
    struct suite_pairs sysctls;          /* "net.ipv4.ip_forward": "1" */
    struct suite_pairs env;              /* of all its steps and background processes */
    struct suite_background *background; /* in the order to start them */
    size_t background_count;
    struct suite_step *steps; /* in the order to run them */
    size_t step_count;
    size_t *after; /* nodes whose background must be ready before this one starts; no circles */
    size_t after_count;
    struct suite_route *routes;
    size_t route_count;
    bool is_router; /* the packet core routes between its links; its kernel has no network */
    struct suite_position at;
};

enum { SUITE_ADDRESSES_MAX = 8 }; /* of one end */

struct suite_end {
    size_t node;        /* index */
    char interface[16]; /* "eth0": the node's links in the file's order */
    uint8_t mac[6];     /* unique in its case, the same in every run */
    struct suite_address addresses[SUITE_ADDRESSES_MAX];
    size_t address_count;
};

/* Who has a link's packets in hand between its NICs. */
enum suite_carrier {
    SUITE_CARRIER_DIRECT, /* nobody: no impairment */
    SUITE_CARRIER_GUEST,  /* the init of one end, a router's first, for both directions */
    SUITE_CARRIER_HOST,   /* duet's own process */
    SUITE_CARRIER_NETEM,  /* each sender's kernel, for its own direction */
};

struct suite_link {
    char *name; /* unique in its case */
    struct suite_end ends[2];
    unsigned mtu;
    enum suite_carrier carrier;
    unsigned carrier_end;             /* of SUITE_CARRIER_GUEST: whose init it is */
    struct impair_settings impair[2]; /* direction 0 is from the first end, 1 from the second */
    struct impair_plan changes;
    bool captured; /* all that goes through it; set by captures_choose */
    struct suite_position at;
    struct suite_position impair_at; /* line 0 where the file gives none */
};

/* What a case bears of a host that is too slow for it, before its network counts as wrong. */
struct suite_network {
    uint64_t late_ns;  /* later than that is late; 0: nothing is */
    uint32_t late_ppb; /* that share of a direction's packets may be */
    uint64_t stall_ns; /* for so long nobody may stand still who carries a link; 0: for ever */
};

/* What a metric may not come to. */
struct suite_metric {
    char *name; /* unique in its case */
    struct metric_bounds bounds;
};

struct suite_tokens {
    char *result; /* prefix of a result token's line */
    char *ready;  /* prefix of a ready token's line */
};

struct suite_case {
    char *name; /* unique in its suite: "tcp,loss=0.5%,delay=5ms" */
    char *slug; /* the name as one file's name: [A-Za-z0-9._=+~-], at most 100 bytes, unique */
    struct suite_texts tags; /* the suite's included */
    char *skip;              /* the reason, or NULL */
    bool is_explicit;        /* run only where cases are chosen, and it is */
    uint64_t timeout_ns;
    char *kernel; /* what kernel_get takes */
    struct suite_network network;
    struct suite_tokens tokens;
    struct suite_metric *metrics;
    size_t metric_count;
    struct suite_pairs variables; /* the matrix's choice, as texts */
    struct suite_node *nodes;     /* in the file's order */
    size_t node_count;
    struct suite_link *links;
    size_t link_count;
    char *idle; /* why nothing in it could ever fail, with file, line and column; or NULL */
};

struct suite {
    char *name;
    char *summary; /* may be empty */
    char *path;    /* as it was given */
    char *digest;  /* SHA-256 of the file, hexadecimal; of a case of another suite, of that of this
                      file and that suite's, one behind the other */
    char *kernels; /* over what the file says, as they were given; NULL: none */
    bool has_seed; /* the file says which: */
    uint64_t seed;
    char *directory; /* absolute: relative paths of the host start here */
    struct suite_texts tags;
    bool is_explicit;         /* run only where it is named */
    struct suite_case *cases; /* in the file's order, the matrix's first key outermost */
    size_t case_count;
    struct arena *memory; /* holds all of the above */
};

/* Loads the file at `path`. `kernels` is what --kernel says: one kernel or several with commas
 * between them, in place of all that the file says; NULL for none. The caller frees *suite with
 * suite_free. A mistake in the file is
 * EINVAL (ENOENT for a file that is not there, EFBIG for too large) with the first one as
 * "FILE:LINE:COLUMN: what was found, what was expected"; other codes are open's and read's. */
int suite_load(const char *path, const char *kernels, struct suite **suite, struct error *error);

/* As suite_load; each of `set` takes the place of the variable of its name in the suite's `vars:`,
 * which must have it. */
int suite_load_set(const char *path, const char *kernels, const struct suite_pairs *set,
                   struct suite **suite, struct error *error);

/* As suite_load, of a file that nobody named: an explicit suite is without its cases then, and what
 * these need on this machine need not be there. */
int suite_load_unnamed(const char *path, const char *kernels, struct suite **suite,
                       struct error *error);

/* Whether the case can fail, as those must that are run for a verdict, and not kept up for a person
 * alone. EINVAL, as suite_load. */
int suite_check_runs(const struct suite_case *suite_case, struct error *error);

/* As suite_load, from memory and with the file's own kernels. `path` is the name for messages;
 * relative paths of the host start in `directory`. */
int suite_load_text(const char *path, const char *directory, const char *text, size_t length,
                    struct suite **suite, struct error *error);

/* "direct", "guest", "host" or "netem". */
const char *suite_carrier_name(enum suite_carrier carrier);
/* Whether its frames go through duet: to be carried, or to be captured alone. */
bool suite_link_meets_host(const struct suite_link *link);

/* NULL is fine. */
void suite_free(struct suite *suite);

/* Appends the Markdown tables of every key: docs/scenario.md has them word for word. */
void suite_describe_keys(struct buffer *out);

#endif
