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

/* ---- matching: by potentials of rows and columns and shortest augmenting paths, places from 1 ---- */

typedef struct matching {
    const double *value;
    int rows, cols, places;         /* places: columns, and as many more as rows need */
    double *of_row, *of_place, *least;
    int *row_at, *before;           /* row_at[0]: the row to be matched */
    char *used;
} matching;

static double cost(const matching *m, int row, int place) { return place > m->cols ? 0 : -m->value[(row - 1) * m->cols + place - 1]; }

/* The free place that is reached at the least cost. */
static int shortest_path(matching *m) {
    int at = 0;
    for (int j = 0; j <= m->places; j++) {
        m->least[j] = INFINITY;
        m->used[j] = 0;
    }
    while (m->row_at[at]) {
        const int row = m->row_at[at];
        double step = INFINITY;
        int next = 0;
        m->used[at] = 1;
        for (int j = 1; j <= m->places; j++) {
            const double more = m->used[j] ? INFINITY : cost(m, row, j) - m->of_row[row] - m->of_place[j];
            if (m->used[j]) { continue; }
            if (more < m->least[j]) {
                m->least[j] = more;
                m->before[j] = at;
            }
            if (m->least[j] < step) {
                step = m->least[j];
                next = j;
            }
        }
        for (int j = 0; j <= m->places; j++) {
            if (m->used[j]) {
                m->of_row[m->row_at[j]] += step;
                m->of_place[j] -= step;
            } else {
                m->least[j] -= step;
            }
        }
        at = next;
    }
    return at;
}

double best_matching(const double *value, int rows, int cols) {
    const int places = cols > rows ? cols : rows;
    const size_t count = (size_t)places + 1;
    double *reals = calloc(3 * count, sizeof *reals), sum = 0;
    int *whole = calloc(2 * count, sizeof *whole);
    char *used = calloc(count, 1);
    matching m = { value, rows, cols, places, reals, reals + count, reals + 2 * count, whole, whole + count, used };
    for (int i = 1; i <= rows && reals && whole && used; i++) {
        int at;
        m.row_at[0] = i;
        for (at = shortest_path(&m); at; at = m.before[at]) { m.row_at[at] = m.row_at[m.before[at]]; }
    }
    for (int j = 1; j <= places && reals && whole && used; j++) { sum += m.row_at[j] ? -cost(&m, m.row_at[j], j) : 0; }
    if (!reals || !whole || !used) { sum = NAN; }
    free(reals);
    free(whole);
    free(used);
    return sum;
}
