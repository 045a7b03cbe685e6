#include "base/median.h"

#include "base/memory.h"

#include <string.h>

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

void median_sort(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
}

double median_of_sorted(const double *ordered, size_t count)
{
    if (count % 2)
        return ordered[count / 2];
    return ordered[count / 2 - 1] + (ordered[count / 2] - ordered[count / 2 - 1]) / 2;
}

double median_of(const double *values, size_t count)
{
    cleanup_free double *ordered = xreallocarray(NULL, count, sizeof *ordered);

    memcpy(ordered, values, count * sizeof *ordered);
    median_sort(ordered, count);
    return median_of_sorted(ordered, count);
}
