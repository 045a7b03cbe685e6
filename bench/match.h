/* Two records side by side: whether they may be compared, and how. */
#ifndef DUET_BENCH_MATCH_H
#define DUET_BENCH_MATCH_H

#include "base/buffer.h"
#include "bench/compare.h"
#include "bench/record.h"

/* A metric that both have. */
struct match_row {
    const struct record_metric *a, *b; /* of the records */
    struct comparison comparison;
    char *limit; /* which of the limits in b it is beyond, for people; NULL: none */
};

struct match {
    struct match_row *rows; /* in b's order */
    size_t count;
    double threshold; /* a share */
    double drift;     /* what the machine's speed changed by, from match_machine_ratio */
    bool one_session; /* the runs of a and of b took turns */
};

/* Appends a line for everything that makes their comparison mean little: another kind of file,
 * schema, suite, machine (processor, their number, accelerator). */
void match_obstacles(const struct record *a, const struct record *b, struct buffer *lines);
/* Appends a line for everything else that is not the same and may be the cause of a difference. */
void match_remarks(const struct record *a, const struct record *b, struct buffer *lines);
/* Compares the metrics of one name, one unit and one direction. The records must outlive *match,
 * which the caller frees. `threshold` is a share. */
void match_make(const struct record *a, const struct record *b, double threshold,
                struct match *match);
void match_free(struct match *match);
/* Whether one is slower, or beyond a limit. */
bool match_has_regression(const struct match *match);
/* Appends it as a JSON document, as docs/bench.md has it; `obstacles` and `remarks` are the lines
 * of the functions above. */
void match_write(const struct record *a, const struct record *b, const struct match *match,
                 const struct buffer *obstacles, const struct buffer *remarks, struct buffer *out);
/* The seed of what is drawn to give intervals: the same for everybody, so that what is printed of
 * the same files is the same. */
#define MATCH_SEED 1
/* By how much the machine itself was slower at b than at a, as a ratio of times; 1 where that is
 * not known. */
double match_machine_ratio(const struct record *a, const struct record *b);

#endif
