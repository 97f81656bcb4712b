/* Means over runs, and which of several is best. */
#ifndef STATISTICS_H
#define STATISTICS_H

#include <stdint.h>

/* Runs that gave no number (NaN) are left out. */
typedef struct average {
    double mean;                    /* NaN without any */
    double error;                   /* standard error of the mean: deviation (n - 1) / sqrt(n); NaN below two runs */
    int count;
} average;

/* Of values[0], values[stride], ...: `count` of them. */
average average_of(const double *values, int count, int stride);
/* Index of the largest, the first of equal ones; -1 when there is no number. */
int largest_of(const double *values, int count);
/* Equal but for rounding: to 1e-12. */
int is_equal(double a, double b);
/* Ascending; none is NaN. */
void sort_reals(double *values, int64_t count);
/* The median of the finite values, NaN when there is none; work [count]. */
double median_of(const double *values, int64_t count, double *work);
/* The largest itself; NaN when there is no number. */
double largest_value(const double *values, int count);
/* The largest sum_i value[i, match[i]] where no column stands twice, Kuhn 1955: value [rows, cols].  A row that no column is left for
   counts 0.  NaN without memory. */
double best_matching(const double *value, int rows, int cols);

#endif
