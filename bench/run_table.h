/* The table of `make bench`. */
#ifndef DUET_BENCH_RUN_TABLE_H
#define DUET_BENCH_RUN_TABLE_H

#include "base/buffer.h"
#include "runner/terminal.h"

#include <cjson/cJSON.h>

/* How many of the bounds that were looked at are kept, and the names of the others. */
struct run_bounds {
    size_t met, missed;
    struct buffer names; /* of the missed ones: ", NAME" each */
};

void run_table_head(const struct terminal *terminal);
/* Before the rows of the bench program. */
void run_table_group(const struct terminal *terminal, const char *name);
/* `measure` has a name and a value; its members `wanted` and `met` (docs/bench.md) are counted. */
void run_table_row(const struct terminal *terminal, const cJSON *measure,
                   struct run_bounds *bounds);
void run_table_bounds(const struct terminal *terminal, const struct run_bounds *bounds);

#endif
