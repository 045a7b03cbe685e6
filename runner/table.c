#include "runner/table.h"

#include "base/memory.h"

#include <string.h>

void table_add(struct table *table, char *const cells[])
{
    size_t bytes = table->columns * sizeof *table->cells;

    table->cells = xreallocarray(table->cells, table->rows + 1, bytes);
    memcpy(table->cells + table->rows++ * table->columns, cells, bytes);
}

void table_add_titles(struct table *table, const char *const titles[])
{
    cleanup_free char **cells = xcalloc(table->columns, sizeof *cells);

    for (size_t c = 0; c < table->columns; c++)
        cells[c] = xstrdup(titles[c]);
    table_add(table, cells);
}

static int width_of(const struct table *table, size_t column)
{
    size_t width = 0;

    for (size_t r = 0; r < table->rows; r++) {
        size_t length = strlen(table->cells[r * table->columns + column]);

        width = length > width ? length : width;
    }
    return (int)width;
}

void table_print(const struct table *table, FILE *out)
{
    cleanup_free int *widths = xcalloc(table->columns, sizeof *widths);

    for (size_t c = 0; c + 1 < table->columns; c++)
        widths[c] = width_of(table, c);
    for (size_t r = 0; r < table->rows; r++) {
        char *const *row = table->cells + r * table->columns;

        for (size_t c = 0; c + 1 < table->columns; c++)
            fprintf(out, "%-*s  ", widths[c], row[c]);
        fprintf(out, "%s\n", row[table->columns - 1]);
    }
}

void table_free(struct table *table)
{
    for (size_t i = 0; i < table->rows * table->columns; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct table){.columns = table->columns};
}
