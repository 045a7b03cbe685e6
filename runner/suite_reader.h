/* Inside the loader: how a YAML value becomes a member of the model.
 *
 * One table (suite_keys.c) holds every key: where it may stand, its type, unit, range, default,
 * and the function that reads it into its member. section_read applies a mapping to a target by
 * that table; applied twice, the later mapping changes what the earlier one set, which is how a
 * case overrides its suite. */
#ifndef DUET_RUNNER_SUITE_READER_H
#define DUET_RUNNER_SUITE_READER_H

#include "net/impair_config.h"
#include "runner/arena.h"
#include "runner/suite.h"
#include "runner/yaml.h"

enum section {
    IN_SUITE = 1 << 0,
    IN_CASE = 1 << 1,
    IN_MATRIX = 1 << 2,
    IN_NODE = 1 << 3,
    IN_STEP = 1 << 4,
    IN_EXPECT = 1 << 5,
    IN_BACKGROUND = 1 << 6,
    IN_READY = 1 << 7,
    IN_FILE = 1 << 8,
    IN_ROUTE = 1 << 9,
    IN_LINK = 1 << 10,
    IN_IMPAIR = 1 << 11,
    IN_INIT = 1 << 12,
    IN_TOKENS = 1 << 13,
    IN_NETWORK = 1 << 14,
    IN_CHANGE = 1 << 15,
    IN_RULE = 1 << 16,
    IN_STEP_IMPAIR = 1 << 17,
    IN_METRIC = 1 << 18,
    IN_SHRUNK = 1 << 19,
};

struct binding {
    const char *name;
    const struct yaml_node *value;
};

/* The variables that a value may name; the first that has the name counts. */
struct scope {
    const struct binding *matrix;
    size_t matrix_count;
    const struct yaml_node *case_vars;  /* a mapping, or NULL */
    const struct yaml_node *suite_vars; /* likewise */
    const char *suite;                  /* ${suite}, ${case}, ${node}; NULL outside of one */
    const char *case_name;
    const char *node;
};

struct reader {
    const char *file;
    const char *directory;
    struct arena *memory;  /* of the suite */
    struct arena *scratch; /* of the tree and of what variables expand to */
    struct error *error;
    struct scope scope;
    size_t values_left; /* what may yet be read and written out, over all cases */
    size_t bytes_left;
    const struct yaml_node *nodes;  /* the case's nodes by name, in order */
    const struct suite_case *built; /* the case being read: its links are complete */
    size_t node;                    /* the index of the node being read */
    struct link_notes *link_notes;  /* of the built case's links */
};

/* What decides who carries a link, once all nodes are read. */
struct link_notes {
    const struct yaml_node *carrier; /* its value; NULL where the file gives none */
    const struct yaml_node *impair;  /* likewise */
};

struct suite_key;
typedef int (*key_read)(struct reader *reader, const struct suite_key *key,
                        const struct yaml_node *value, void *field);

struct suite_key {
    const char *name;
    unsigned where;   /* enum section, or-ed */
    const char *type; /* as the reference calls it */
    const char *unit;
    const char *least, *most; /* range, as written in a file; NULL for none */
    const char *fallback;     /* the default, as written in a file; NULL for none */
    unsigned required;        /* the sections, or-ed, that cannot do without it */
    const char *example;      /* as written in a file, flow style */
    const char *summary;
    key_read read;
    size_t offset; /* of the member, in the section's target */
};

/* What a suite's and a case's mappings are read into. */
struct case_build {
    struct suite_case out;
    char *name, *summary;
    char *cmdline;
    bool suite_is_explicit;
    struct suite_pairs env;
    struct suite_init init;
    struct suite_texts kernels;
    const struct yaml_node *vars, *matrix, *cases, *defaults, *nodes, *links;
};

struct link_build {
    struct suite_link out;
    const struct yaml_node *nodes, *subnet, *addresses, *carrier, *impair;
};

struct shrunk_build {
    char *suite, *case_name, *kernels;
    bool has_seed;
    uint64_t seed;
    const struct yaml_node *impair;
};

struct change_build {
    uint64_t packet, after_ns;
    const struct yaml_node *of;
};

struct file_build {
    struct suite_file out;
    const struct yaml_node *from;
    bool optional;
};

struct ready_build {
    unsigned tcp, udp;
    char *path, *output, *command;
};

struct route_build {
    const struct yaml_node *to, *via;
};

/* suite_keys.c */
const struct suite_key *suite_keys(size_t *count);
/* Fills in the defaults of a section, then applies what `map` says. */
int section_defaults(struct reader *reader, enum section where, void *target);
int section_read(struct reader *reader, enum section where, const struct yaml_node *map,
                 void *target);
/* Applies one key of `map`; one that is not there is passed over. */
int section_read_one(struct reader *reader, enum section where, const struct yaml_node *map,
                     const char *name, void *target);
/* That `map` is a mapping which has no keys but the section's, and all that it must have. */
int section_check(struct reader *reader, enum section where, const struct yaml_node *map);

/* suite_values.c: the readers of single values */
int read_text(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_script(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_line(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_name(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_duration(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_size(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_percent(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_count(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_number(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_bool(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_names_adding(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_env(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_sysctl(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_sha256(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_mode(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_signal(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_guest_path(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_skip(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
/* Keeps the value itself, for the section's owner to read. */
int read_keep(struct reader *, const struct suite_key *, const struct yaml_node *, void *);

/* suite_kernel.c: both give a struct suite_texts, so that the one replaces the other */
int read_kernel(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_kernels(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
/* That `map` (NULL is fine) has not both keys. */
int kernels_check_keys(struct reader *reader, const struct yaml_node *map);
/* What --kernel names: kernels with commas between them. The commas of a URL before its #sha256=
 * are its own; so are those of a path to something that is there. EINVAL says what is wrong. */
int kernels_from_option(struct arena *memory, const char *text, struct suite_texts *kernels,
                        struct error *error);
/* What each is called in the name of a case: unique, without commas; a name is itself. */
struct suite_texts kernels_labels(struct arena *memory, const struct suite_texts *kernels);

/* suite_node.c and suite_link.c: those of structures; their field is the whole target */
int read_init(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_tokens(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_network(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_run(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_steps(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_expect(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_background(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_ready(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_files(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_after(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_routes(struct reader *, const struct suite_key *, const struct yaml_node *, void *);

/* suite_metric.c; the field of read_metrics is the whole target */
int read_metrics(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_measure(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
int read_bound(struct reader *, const struct suite_key *, const struct yaml_node *, void *);

/* suite_values.c: helpers */
__attribute__((format(printf, 3, 4))) int
reader_fail(struct reader *reader, const struct yaml_node *at, const char *format, ...);
/* "KEY: FOUND: expected EXPECTED" */
int reader_expected(struct reader *reader, const struct suite_key *key,
                    const struct yaml_node *value, const char *expected);
/* Puts "FILE:LINE:COLUMN: KEY: " before a message that another module left. */
int reader_context(struct reader *reader, const struct yaml_node *at, const char *key);
/* That the list or mapping is one; `what` says what of. */
int reader_list(struct reader *reader, const struct yaml_node *value, const char *key,
                const char *what);
int reader_map(struct reader *reader, const struct yaml_node *value, const char *key,
               const char *what);
/* The resolved text of an item of a list or of a value in a free mapping. */
int reader_text(struct reader *reader, const struct yaml_node *value, const char *key,
                const char **text);
/* `name` of a suite, case, step …: letters, digits, `.`, `_`, `-`, at most 64. */
int reader_check_name(struct reader *reader, const struct yaml_node *at, const char *what,
                      const char *name);
/* The index of the case's node that `value` names. */
int reader_node(struct reader *reader, const struct yaml_node *value, const char *key,
                size_t *index);
/* The keys of `map` (NULL is fine) as an array in scratch, for suggestions. */
const char *const *reader_keys(struct reader *reader, const struct yaml_node *map, size_t *count);
struct suite_position position_of(const struct yaml_node *node);

/* suite_vars.c */
/* Replaces the variables in `value`: the value itself, a scalar in scratch, or, where it is
 * nothing but one variable, that variable's value whatever its kind. */
int reader_resolve(struct reader *reader, const struct yaml_node *value,
                   const struct yaml_node **resolved);
/* That `vars` is a mapping of good names that are free. */
int reader_check_vars(struct reader *reader, const struct yaml_node *vars);
int reader_check_variable(struct reader *reader, const struct yaml_node *name);

/* suite_matrix.c */
/* Reads one case; its variables are in the reader's scope, as is its name, which is not kept. */
typedef int (*matrix_fn)(void *context, const struct suite_pairs *variables);
/* That the matrix is one, before anything is made from it. */
int matrix_check(struct reader *reader, const struct yaml_node *matrix);
/* Calls `call` for every combination of `matrix` (NULL: one, without variables). `prefix` is the
 * name of the case in `cases`, or NULL. */
int matrix_expand(struct reader *reader, const struct yaml_node *matrix, const char *prefix,
                  matrix_fn call, void *context);
/* Gives every case its slug; two cases of one name are an error at `at`. */
int matrix_name_cases(struct reader *reader, const struct yaml_node *at, struct suite_case *cases,
                      size_t count);

/* suite_node.c, suite_link.c, suite_check.c */
int suite_read_links(struct reader *reader, const struct yaml_node *links, struct suite_case *out);
/* `layers` are mappings or NULL, each over the one before; `node` has what the case gives it. */
int suite_read_node(struct reader *reader, const struct yaml_node *name,
                    const struct yaml_node *const layers[], size_t layer_count,
                    struct suite_node *node);
/* Circles and unreachable nodes; fills in whether the case tests anything. */
int suite_check_case(struct reader *reader, struct suite_case *built);

/* suite_settings.c: mappings of an impairment's settings */
struct setting {
    const char *name; /* flat: "loss.gemodel.p" */
    const char *text;
    const struct yaml_node *key, *value;
};

/* What a mapping names, of each direction of a link. */
struct settings {
    const struct yaml_node *at;
    struct setting *items[2];
    size_t counts[2];
};

/* Reads `map`, which may have keys of `where` beside the settings: these are left alone, but for
 * `from`. */
int settings_read(struct reader *reader, enum section where, const struct suite_link *link,
                  const struct yaml_node *map, struct settings *settings);
/* One round of changes in a direction; what cannot be is an error at its value. */
int settings_apply(struct reader *reader, const struct settings *settings,
                   const struct suite_link *link, unsigned direction, struct impair_config *config);
/* A copy whose rules and tables are the suite's. */
struct impair_settings settings_keep(struct reader *reader, const struct impair_settings *settings);
/* Appends the rows of the reference: of IN_IMPAIR, or of IN_RULE. */
void settings_describe(enum section where, struct buffer *out);

/* suite_impair.c */
/* `impair` of a link, whose ends, carrier and MTU are known. */
int suite_read_impair(struct reader *reader, const struct yaml_node *value,
                      struct suite_link *link);
/* `impair` of a step; the case's links are known. */
int read_step_impair(struct reader *, const struct suite_key *, const struct yaml_node *, void *);

/* suite_carrier.c */
int read_carrier(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
/* Who carries each link, when all links and nodes are known. */
int suite_choose_carriers(struct reader *reader, struct suite_case *built);

/* A case of a case of …: more than people write, and an end for a file that names itself. */
enum { SUITE_SHRUNK_DEPTH_MAX = 8 };

/* How a file is loaded. */
struct suite_how {
    unsigned depth;                /* so many files that are cases of another one led to it */
    const char *kernels;           /* as for suite_load */
    const struct suite_pairs *set; /* as for suite_load_set; or NULL */
    bool unnamed;                  /* as for suite_load_unnamed */
};

/* suite_shrunk.c */
int read_seed(struct reader *, const struct suite_key *, const struct yaml_node *, void *);
/* Reads a file with the key `shrunk` into *suite, which the caller frees, and which has the one
 * case and is otherwise the other file's. */
int suite_read_shrunk(struct reader *reader, const struct yaml_node *root,
                      const struct suite_how *how, struct suite **suite, struct error *error);

/* suite_load.c */
int suite_load_how(const char *path, const struct suite_how *how, struct suite **suite,
                   struct error *error);

/* suite_address.c */
/* "10.0.0.5/24"; without "/…" the prefix is the whole address. EINVAL says what is wrong. */
int suite_address_parse(const char *text, struct suite_address *address, struct error *error);
unsigned address_bits(const struct suite_address *address);
/* The first address of the subnet that `address` is in. */
struct suite_address address_network(const struct suite_address *address);
/* The `index`-th host from 0 of `subnet`; ERANGE where it has no such. */
int address_host(const struct suite_address *subnet, unsigned index, struct suite_address *address,
                 struct error *error);
bool address_in(const struct suite_address *address, const struct suite_address *subnet);
bool address_equal(const struct suite_address *a, const struct suite_address *b);
/* That a node can have it: no loopback, multicast, network or broadcast address. */
int address_check_host(const struct suite_address *address, struct error *error);

#endif
