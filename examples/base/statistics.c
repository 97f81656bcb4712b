#include "statistics.h"

#include <math.h>
#include <stdlib.h>

/* Welford 1962, so that close values far from zero keep their digits. */
average average_of(const double *values, int count, int stride) {
    average a = { 0, NAN, 0 };
    double squares = 0;
    for (int i = 0; i < count; i++) {
        const double value = values[(long)i * stride], before = a.mean;
        if (!isfinite(value)) { continue; }
        a.count++;
        a.mean += (value - before) / a.count;
        squares += (value - before) * (value - a.mean);
    }
    if (a.count == 0) { a.mean = NAN; }
    if (a.count > 1) { a.error = sqrt(squares / (a.count - 1) / a.count); }
    return a;
}

int largest_of(const double *values, int count) {
    int best = -1;
    for (int i = 0; i < count; i++) {
        if (isfinite(values[i]) && (best < 0 || values[i] > values[best])) { best = i; }
    }
    return best;
}

double largest_value(const double *values, int count) {
    const int best = largest_of(values, count);
    return best < 0 ? NAN : values[best];
}

int is_equal(double a, double b) { return fabs(a - b) <= 1e-12; }

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void sort_reals(double *values, int64_t count) { qsort(values, (size_t)count, sizeof *values, ascending); }

double median_of(const double *values, int64_t count, double *work) {
    int64_t n = 0;
    for (int64_t i = 0; i < count; i++) {
        if (isfinite(values[i])) { work[n++] = values[i]; }
    }
    sort_reals(work, n);
    return n ? 0.5 * (work[(n - 1) / 2] + work[n / 2]) : NAN;
}
