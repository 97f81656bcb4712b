#include "variable.h"

#include "../base/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- local regression ---- */

typedef struct point { double x, y; int64_t index; } point;

/* Points of one x together, as most genes of few counts are: sums instead of points, so that a fit costs what is distinct. */
typedef struct cloud {
    point *points;                  /* [count], x ascending */
    int64_t count, groups;
    double *x, *size, *sum;         /* [groups] x, points and sum of their y */
    int64_t *group;                 /* [count] of a point */
} cloud;

static int by_x(const void *a, const void *b) {
    const point *one = a, *two = b;
    return one->x < two->x ? -1 : one->x > two->x ? 1 : one->index < two->index ? -1 : one->index > two->index;
}

static void cloud_free(cloud *c) {
    free(c->points);
    free(c->x);
    free(c->group);
}

static isk_status cloud_open(isk_context *context, const double *x, const double *y, int64_t count, cloud *c) {
    const size_t room = (size_t)count + 1;
    memset(c, 0, sizeof *c);
    c->count = count;
    c->points = malloc(room * sizeof *c->points);
    c->x = calloc(room, 3 * sizeof *c->x);
    c->group = malloc(room * sizeof *c->group);
    if (!c->points || !c->x || !c->group) {
        cloud_free(c);
        return no_memory(context, "local regression");
    }
    c->size = c->x + count;
    c->sum = c->size + count;
    for (int64_t i = 0; i < count; i++) { c->points[i] = (point){ x[i], y[i], i }; }
    qsort(c->points, (size_t)count, sizeof *c->points, by_x);
    for (int64_t i = 0; i < count; i++) {
        if (i == 0 || c->points[i].x > c->points[i - 1].x) { c->x[c->groups++] = c->points[i].x; }
        c->group[i] = c->groups - 1;
        c->size[c->groups - 1]++;
        c->sum[c->groups - 1] += c->points[i].y;
    }
    return ISK_OK;
}

/* Value and slope at t = 0 of the weighted parabola whose moments are s[k] = sum w t^k and v[k] = sum w y t^k: the normal equations
   by LDL'.  A power that the points do not tell from the lower ones is left out. */
static void parabola_at_zero(const double s[5], const double v[3], double *value, double *slope) {
    double l[3][3] = { { 0 } }, d[3] = { 0 }, b[3];
    for (int i = 0; i < 3; i++) {
        b[i] = v[i];
        d[i] = s[2 * i];
        for (int j = 0; j < i; j++) {
            double a = s[i + j];
            for (int k = 0; k < j; k++) { a -= l[i][k] * d[k] * l[j][k]; }
            l[i][j] = d[j] > 0 ? a / d[j] : 0;
            d[i] -= l[i][j] * l[i][j] * d[j];
            b[i] -= l[i][j] * b[j];
        }
        if (!(d[i] > 1e-12 * s[2 * i])) { d[i] = 0; }
    }
    for (int i = 2; i >= 0; i--) {
        b[i] = d[i] > 0 ? b[i] / d[i] : 0;
        for (int j = i + 1; j < 3; j++) { b[i] -= d[i] > 0 ? l[j][i] * b[j] : 0; }
    }
    *value = b[0];
    *slope = b[1];
}

typedef struct vertex { double x, value, slope; } vertex;

/* The fit at one x from the groups first .. last, which hold its nearest points, all within `width`; their mean where all stand at
   that distance. */
static vertex fit_groups(const cloud *c, double x, double width, int64_t first, int64_t last) {
    double s[5] = { 0 }, v[3] = { 0 }, points = 0, sum = 0;
    vertex fit = { x, 0, 0 };
    for (int64_t g = first; g <= last; g++) {
        const double t = width > 0 ? (c->x[g] - x) / width : 0, far = fabs(t), cube = 1 - far * far * far;
        const double weight = far < 1 ? cube * cube * cube : 0, n = weight * c->size[g], y = weight * c->sum[g], tt = t * t;
        points += c->size[g];
        sum += c->sum[g];
        s[0] += n;
        s[1] += n * t;
        s[2] += n * tt;
        s[3] += n * tt * t;
        s[4] += n * tt * tt;
        v[0] += y;
        v[1] += y * t;
        v[2] += y * tt;
    }
    if (!(s[0] > 0)) { return (vertex){ x, sum / points, 0 }; }
    parabola_at_zero(s, v, &fit.value, &fit.slope);
    fit.slope = width > 0 ? fit.slope / width : 0;
    return fit;
}

/* The fit at any x from its `near` nearest points. */
static vertex fit_at(const cloud *c, double x, int64_t near) {
    int64_t first = 0;
    double left, right;
    while (first + near < c->count && c->points[first + near].x - x < x - c->points[first].x) { first++; }
    left = fabs(x - c->points[first].x);
    right = fabs(c->points[first + near - 1].x - x);
    return fit_groups(c, x, left > right ? left : right, c->group[first], c->group[first + near - 1]);
}

/* Where loess cuts the points first .. last, which lie between low and high: in their middle, beside points of one x, until no
   piece has more than `most` points.  Adds to cuts[*count].  loessf.f: ehg129, ehg124 */
static void cut(const cloud *c, int64_t first, int64_t last, double low, double high, int64_t most, double *cuts, int64_t *count) {
    const int64_t middle = (first + last + 2) / 2 - 1;          /* of numbers from 1, as loess has them */
    int64_t at = middle;
    double x;
    if (last - first + 1 <= most) { return; }
    for (int64_t offset = 0; middle + offset < last && middle + offset >= first; offset = offset > 0 ? -offset : 1 - offset) {
        if (c->points[middle + offset].x == c->points[middle + offset + 1].x) { continue; }
        at = middle + offset;
        break;
    }
    x = (c->points[at].x + c->points[at + 1].x) / 2;
    if (x == low || x == high) { return; }
    cuts[(*count)++] = x;
    cut(c, first, at, low, x, most, cuts, count);
    cut(c, at + 1, last, x, high, most, cuts, count);
}

/* Cubic through the values and slopes of both vertices (Hermite). */
static double between(const vertex *a, const vertex *b, double x) {
    const double width = b->x - a->x, t = (x - a->x) / width, u = 1 - t;
    return u * u * (1 + 2 * t) * a->value + t * t * (1 + 2 * u) * b->value + (u * u * t * a->slope - t * t * u * b->slope) * width;
}

/* Both ends of a box that is a little wider than the points, and the cuts between; ascending.  Their number. */
static int64_t place_vertices(const cloud *c, double span, double *places) {
    const double low = c->points[0].x, high = c->points[c->count - 1].x, far = fabs(low) > fabs(high) ? fabs(low) : fabs(high);
    const double least = far * 1e-3 + 1e-30, margin = 0.005 * (high - low > least ? high - low : least);
    const int64_t share = (int64_t)(span * 0.2 * (double)c->count), most = share > 1 ? share : 1;
    int64_t count = 2;
    places[0] = low - margin;
    places[1] = high + margin;
    cut(c, 0, c->count - 1, places[0], places[1], most, places, &count);
    sort_reals(places, count);
    return count;
}

isk_status local_regression(isk_context *context, const double *x, const double *y, int64_t count, double span, double *fit) {
    const int64_t share = (int64_t)(span * (double)count + 1e-5), near = share < 1 ? 1 : share < count ? share : count;
    double *places = malloc(sizeof *places * ((size_t)count + 2));
    cloud c;
    vertex a, b;
    int64_t vertices, next = 1;
    isk_status status = places ? cloud_open(context, x, y, count, &c) : no_memory(context, "local regression");
    if (status != ISK_OK || count == 0) {
        if (status == ISK_OK) { cloud_free(&c); }
        free(places);
        return status;
    }
    vertices = place_vertices(&c, span, places);
    a = fit_at(&c, places[0], near);
    b = fit_at(&c, places[1], near);
    for (int64_t i = 0; i < count; i++) {
        while (c.points[i].x > b.x && next + 1 < vertices) {
            a = b;
            b = fit_at(&c, places[++next], near);
        }
        fit[c.points[i].index] = between(&a, &b, c.points[i].x);
    }
    cloud_free(&c);
    free(places);
    return ISK_OK;
}

/* ---- moments of columns ---- */

int64_t training_rows(const input *in, const uint8_t *part) {
    int64_t count = 0;
    for (int64_t i = 0; i < in->rows; i++) { count += part[i] == ISK_TRAIN; }
    return count;
}

void column_sums(const input *in, const uint8_t *part, double *sums) {
    for (int64_t i = 0; i < in->rows; i++) {
        const input_row row = input_row_of(in, i);
        for (int64_t k = 0; k < row.count && part[i] == ISK_TRAIN; k++) { sums[row.columns ? row.columns[k] : k] += (double)row.values[k]; }
    }
}

/* Sums over the training rows of ((x - mean) / deviation)^2, its root cut from above at `limit`; columns of deviation 0 get 0.
   seen [cols] is for the work: values that are stored; the others are zeros. */
static void add_squares(const input *in, const uint8_t *part, const double *mean, const double *deviation, double limit, double *squares,
                        double *seen) {
    const double rows = (double)training_rows(in, part);
    memset(squares, 0, sizeof *squares * (size_t)in->cols);
    memset(seen, 0, sizeof *seen * (size_t)in->cols);
    for (int64_t i = 0; i < in->rows; i++) {
        const input_row row = input_row_of(in, i);
        for (int64_t k = 0; k < row.count && part[i] == ISK_TRAIN; k++) {
            const int64_t j = row.columns ? row.columns[k] : k;
            const double scale = deviation ? deviation[j] : 1, z = scale > 0 ? ((double)row.values[k] - mean[j]) / scale : 0;
            squares[j] += z < limit ? z * z : limit * limit;
            seen[j]++;
        }
    }
    for (int64_t j = 0; j < in->cols; j++) {
        const double scale = deviation ? deviation[j] : 1, z = scale > 0 ? -mean[j] / scale : 0;
        squares[j] += (rows - seen[j]) * z * z;
    }
}

/* The deviation that a column of its mean is expected to have; 0 of columns that never change. */
static isk_status expect_deviations(const input *in, const double *mean, const double *variance, double *expected) {
    double *x = malloc(sizeof *x * ((size_t)in->cols * 3 + 1)), *y = x + in->cols, *fit = y + in->cols;
    int64_t count = 0;
    isk_status status;
    if (!x) { return no_memory(in->context, in->path); }
    for (int64_t j = 0; j < in->cols; j++) {
        if (!(variance[j] > 0)) { continue; }
        x[count] = log10(mean[j]);
        y[count++] = log10(variance[j]);
    }
    status = local_regression(in->context, x, y, count, 0.3, fit);
    count = 0;
    for (int64_t j = 0; j < in->cols && status == ISK_OK; j++) { expected[j] = variance[j] > 0 ? sqrt(pow(10, fit[count++])) : 0; }
    free(x);
    return status;
}

isk_status variability_measure(const input *in, const uint8_t *part, const variability *v) {
    const double rows = (double)training_rows(in, part), most = rows > 1 ? rows - 1 : 1;
    double *expected = malloc(sizeof *expected * ((size_t)in->cols * 2 + 1)), *seen = expected + in->cols;
    isk_status status;
    if (!expected) { return no_memory(in->context, in->path); }
    memset(v->mean, 0, sizeof *v->mean * (size_t)in->cols);
    column_sums(in, part, v->mean);
    for (int64_t j = 0; j < in->cols; j++) { v->mean[j] /= rows > 0 ? rows : 1; }
    add_squares(in, part, v->mean, NULL, INFINITY, v->variance, seen);
    for (int64_t j = 0; j < in->cols; j++) {
        v->variance[j] /= most;
        if (!(v->variance[j] > 1e-14 * v->mean[j] * v->mean[j])) { v->variance[j] = 0; }           /* the sum's rounding */
    }
    status = expect_deviations(in, v->mean, v->variance, expected);
    if (status == ISK_OK) { add_squares(in, part, v->mean, expected, sqrt(rows), v->standardized, seen); }
    for (int64_t j = 0; j < in->cols && status == ISK_OK; j++) { v->standardized[j] /= most; }
    free(expected);
    return status;
}

/* ---- the largest ---- */

typedef struct ranked { double value; int64_t column; } ranked;

static int by_value(const void *a, const void *b) {
    const ranked *one = a, *two = b;
    return one->value > two->value ? -1 : one->value < two->value ? 1 : one->column < two->column ? -1 : one->column > two->column;
}

static int by_column(const void *a, const void *b) {
    const int64_t one = *(const int64_t *)a, two = *(const int64_t *)b;
    return one < two ? -1 : one > two;
}

static isk_status largest(const input *in, const double *values, int64_t count, int64_t *columns) {
    ranked *all = malloc(sizeof *all * ((size_t)in->cols + 1));
    if (!all) { return no_memory(in->context, in->path); }
    for (int64_t j = 0; j < in->cols; j++) { all[j] = (ranked){ values[j], j }; }
    qsort(all, (size_t)in->cols, sizeof *all, by_value);
    for (int64_t k = 0; k < count; k++) { columns[k] = all[k].column; }
    qsort(columns, (size_t)count, sizeof *columns, by_column);
    free(all);
    return ISK_OK;
}

isk_status variable_columns(const input *in, const uint8_t *part, int64_t count, int64_t *columns) {
    double *memory = malloc(sizeof *memory * ((size_t)in->cols * 3 + 1));
    const variability v = { memory, memory + in->cols, memory + 2 * in->cols };
    isk_status status = memory ? variability_measure(in, part, &v) : no_memory(in->context, in->path);
    if (status == ISK_OK) { status = largest(in, v.standardized, count, columns); }
    free(memory);
    return status;
}

/* ---- by batches ---- */

typedef struct voted { int64_t column; int votes; double rank; } voted;

static int by_votes(const void *a, const void *b) {
    const voted *one = a, *two = b;
    if (one->votes != two->votes) { return one->votes > two->votes ? -1 : 1; }
    if (one->rank < two->rank || one->rank > two->rank) { return one->rank < two->rank ? -1 : 1; }
    return one->column < two->column ? -1 : one->column > two->column;
}

/* Ranks from 0 of the columns of one batch that are among its `count` first, NaN of others. */
static isk_status rank_columns(const input *in, const uint8_t *own, int64_t count, double *ranks) {
    double *memory = malloc(sizeof *memory * ((size_t)in->cols * 3 + 1));
    ranked *all = malloc(sizeof *all * ((size_t)in->cols + 1));
    const variability v = { memory, memory + in->cols, memory + 2 * in->cols };
    isk_status status = memory && all ? variability_measure(in, own, &v) : no_memory(in->context, in->path);
    for (int64_t j = 0; j < in->cols && status == ISK_OK; j++) {
        all[j] = (ranked){ v.standardized[j], j };
        ranks[j] = NAN;
    }
    if (status == ISK_OK) { qsort(all, (size_t)in->cols, sizeof *all, by_value); }
    for (int64_t k = 0; k < count && status == ISK_OK; k++) {
        if (all[k].value > 0) { ranks[all[k].column] = (double)k; }
    }
    free(all);
    free(memory);
    return status;
}

isk_status variable_columns_by_batch(const input *in, const uint8_t *part, const int32_t *codes, int batches, int64_t count,
                                     int64_t *columns, int64_t *found) {
    const size_t cols = (size_t)in->cols;
    double *ranks = malloc(sizeof *ranks * (cols * (size_t)batches + 1)), *own = malloc(sizeof *own * 2 * ((size_t)batches + 1));
    uint8_t *of_batch = malloc((size_t)in->rows + 1);
    voted *all = malloc(sizeof *all * (cols + 1));
    isk_status status = ranks && own && of_batch && all ? ISK_OK : no_memory(in->context, in->path);
    *found = 0;
    for (int b = 0; b < batches && status == ISK_OK; b++) {
        for (int64_t i = 0; i < in->rows; i++) { of_batch[i] = (uint8_t)(part[i] == ISK_TRAIN && codes[i] == b ? ISK_TRAIN : ISK_TEST); }
        for (size_t j = 0; j < cols; j++) { ranks[(size_t)b * cols + j] = NAN; }
        if (training_rows(in, of_batch) > 1) { status = rank_columns(in, of_batch, count, ranks + (size_t)b * cols); }
    }
    for (int64_t j = 0; j < in->cols && status == ISK_OK; j++) {
        all[j] = (voted){ .column = j };
        for (int b = 0; b < batches; b++) {
            own[b] = ranks[(size_t)b * cols + (size_t)j];
            all[j].votes += isfinite(own[b]) != 0;
        }
        all[j].rank = all[j].votes ? median_of(own, batches, own + batches) : INFINITY;
        *found += all[j].votes > 0;
    }
    if (status == ISK_OK) {
        qsort(all, cols, sizeof *all, by_votes);
        *found = *found < count ? *found : count;
        for (int64_t k = 0; k < *found; k++) { columns[k] = all[k].column; }
        qsort(columns, (size_t)*found, sizeof *columns, by_column);
    }
    free(ranks);
    free(own);
    free(of_batch);
    free(all);
    return status;
}

isk_status counted_columns(const input *in, const uint8_t *part, int64_t count, int64_t *columns) {
    double *sums = calloc((size_t)in->cols + 1, sizeof *sums);
    isk_status status = ISK_OK;
    if (!sums) { return no_memory(in->context, in->path); }
    column_sums(in, part, sums);
    status = largest(in, sums, count, columns);
    free(sums);
    return status;
}
