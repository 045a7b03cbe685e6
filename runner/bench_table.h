/* Measurements for people: tables on standard output. */
#ifndef DUET_RUNNER_BENCH_TABLE_H
#define DUET_RUNNER_BENCH_TABLE_H

#include "bench/match.h"
#include "bench/record.h"
#include "runner/terminal.h"

/* A row for each metric: runs, median, its interval, how much the runs vary, each of them as a bar.
 */
void bench_table_record(const struct terminal *terminal, const struct record *record);
/* A row for each metric that both have: medians, ratio, its interval, which of two sessions is said
 * to be of these runs alone, and verdict. */
void bench_table_match(const struct terminal *terminal, const struct match *match);
/* The lines, each behind `indent`. */
void bench_table_lines(const struct terminal *terminal, const char *indent,
                       const struct buffer *lines);
/* Appends a value as the tables have it: at least four digits of it. */
void bench_table_value(double value, const char *unit, struct buffer *out);
/* Appends the interval of the median; "-" of too few runs. */
void bench_table_interval(const struct summary *summary, struct buffer *out);
/* Appends a bar for each value, as high as the value is between 0 and `most`; a middle dot for one
 * of 0 or below. The last 24 of them. */
void bench_table_bars(const double *values, size_t count, double most, struct buffer *out);

#endif
