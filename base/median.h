/* The middle of numbers. */
#ifndef DUET_BASE_MEDIAN_H
#define DUET_BASE_MEDIAN_H

#include <stddef.h>

/* Ascending; none may be NaN. */
void median_sort(double *values, size_t count);
/* Of numbers in order, at least one; of an even number, between the two in the middle. */
double median_of_sorted(const double *ordered, size_t count);
/* The same of numbers in any order, which stay as they are. */
double median_of(const double *values, size_t count);

#endif
