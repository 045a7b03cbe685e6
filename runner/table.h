/* Text in columns, each as wide as it must be. */
#ifndef DUET_RUNNER_TABLE_H
#define DUET_RUNNER_TABLE_H

#include <stddef.h>
#include <stdio.h>

struct table {
    size_t columns;
    char **cells; /* row by row */
    size_t rows;
};

/* Appends a row of `table->columns` texts, which are the table's then. */
void table_add(struct table *table, char *const cells[]);
/* Appends a row of copies. */
void table_add_titles(struct table *table, const char *const titles[]);
void table_print(const struct table *table, FILE *out);
void table_free(struct table *table);

#endif
