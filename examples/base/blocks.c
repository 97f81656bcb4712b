#include "blocks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void matrix_free(isk_matrix m) { free((void *)(uintptr_t)m.data); }

isk_status blocks_check(isk_context *context, const char *name, const isk_matrix *parts, int count, int64_t rows) {
    for (int k = 0; k < count; k++) {
        const isk_matrix m = parts[k];
        if (!m.data) { continue; }
        if (m.rows != rows || m.cols < 1) {
            return isk_set_error(context, ISK_SHAPE, "block %d of %s is [%lld, %lld]; it must have %lld rows and at least one column",
                                 k + 1, name, (long long)m.rows, (long long)m.cols, (long long)rows);
        }
        for (int64_t i = 0; i < m.rows; i++) {
            for (int64_t j = 0; j < m.cols && !isnan(m.data[i * m.cols]); j++) {
                if (isfinite(m.data[i * m.cols + j])) { continue; }
                return isk_set_error(context, ISK_DATA, "block %d of %s holds %s in row %lld, column %lld (from 0); of a row that is "
                                     "missing the first value is NaN", k + 1, name, isnan(m.data[i * m.cols + j]) ? "a NaN" : "an infinity",
                                     (long long)i, (long long)j);
            }
        }
    }
    return ISK_OK;
}

/* ---- rows ---- */

void pick_rows(isk_matrix from, const int64_t *index, int64_t rows, isk_scalar *to) {
    for (int64_t i = 0; i < rows; i++) {
        memcpy(to + i * from.cols, from.data + index[i] * from.cols, sizeof *to * (size_t)from.cols);
    }
}

isk_status whole_rows_find(isk_context *context, const isk_matrix *parts, int count, const uint8_t *part, whole_rows *rows) {
    int64_t all = 0;
    for (int k = 0; k < count; k++) { all = parts[k].data ? parts[k].rows : all; }
    *rows = (whole_rows){ 0, malloc(sizeof *rows->index * ((size_t)all + 1)), malloc((size_t)all + 1) };
    if (!rows->index || !rows->part) {
        whole_rows_free(rows);
        return isk_set_error(context, ISK_MEMORY, "no memory for %lld rows", (long long)all);
    }
    for (int64_t i = 0; i < all; i++) {
        int there = 1;
        for (int k = 0; k < count; k++) { there = there && !(parts[k].data && isnan(parts[k].data[i * parts[k].cols])); }
        if (!there) { continue; }
        rows->part[rows->count] = part ? part[i] : ISK_TRAIN;
        rows->index[rows->count++] = i;
    }
    return ISK_OK;
}

void whole_rows_free(whole_rows *rows) {
    free(rows->index);
    free(rows->part);
    *rows = (whole_rows){ 0, NULL, NULL };
}

int32_t *whole_rows_labels(const whole_rows *rows, const int32_t *labels) {
    int32_t *own = malloc(sizeof *own * ((size_t)rows->count + 1));
    for (int64_t i = 0; i < rows->count && own; i++) { own[i] = labels[rows->index[i]]; }
    return own;
}

/* ---- side by side ---- */

/* Root of the sum of the columns' variances. */
static double total_deviation(isk_matrix m, const whole_rows *rows) {
    double total = 0;
    for (int64_t j = 0; j < m.cols; j++) {
        double mean = 0, square = 0;
        for (int64_t i = 0; i < rows->count; i++) { mean += (double)m.data[rows->index[i] * m.cols + j] / (double)rows->count; }
        for (int64_t i = 0; i < rows->count; i++) {
            double left = (double)m.data[rows->index[i] * m.cols + j] - mean;
            square += left * left / (double)rows->count;
        }
        total += square;
    }
    return sqrt(total);
}

void block_divisors(const isk_matrix *parts, int count, const whole_rows *rows, double *divisors) {
    int there = 0;
    for (int k = 0; k < count; k++) { there += parts[k].data != NULL; }
    for (int k = 0; k < count; k++) {
        divisors[k] = there > 1 && parts[k].data ? total_deviation(parts[k], rows) : 1;
        if (!(divisors[k] > 0)) { divisors[k] = 1; }
    }
}

static void divide_columns(isk_scalar *data, isk_matrix all, int64_t first, int64_t cols, double divisor) {
    for (int64_t i = 0; i < all.rows; i++) {
        for (int64_t j = first; j < first + cols; j++) { data[i * all.cols + j] = (isk_scalar)((double)data[i * all.cols + j] / divisor); }
    }
}

isk_matrix join_divided(isk_context *context, const isk_matrix *parts, int count, const whole_rows *rows, const double *divisors) {
    isk_matrix picked[2 * ISK_MAX_VIEWS], joined = { NULL, rows->count, 0 };
    double by[2 * ISK_MAX_VIEWS];
    isk_scalar *data;
    int n = 0, failed = 0;
    for (int k = 0; k < count; k++) {
        if (!parts[k].data || !rows->count) { continue; }
        data = malloc(sizeof *data * (size_t)rows->count * (size_t)parts[k].cols);
        failed |= !data;
        if (data) { pick_rows(parts[k], rows->index, rows->count, data); }
        joined.cols += parts[k].cols;
        by[n] = divisors ? divisors[k] : 1;
        picked[n++] = (isk_matrix){ data, rows->count, parts[k].cols };
    }
    data = n && !failed ? malloc(sizeof *data * (size_t)joined.rows * (size_t)joined.cols) : NULL;
    if (data && isk_join_columns(context, picked, n, data) == ISK_OK) { joined.data = data; }
    for (int64_t k = 0, first = 0; k < n; first += picked[k++].cols) {
        if (joined.data) { divide_columns(data, joined, first, picked[k].cols, by[k]); }
        matrix_free(picked[k]);
    }
    if (!joined.data) { free(data); }
    return joined;
}

isk_matrix join_whole_rows(isk_context *context, const isk_matrix *parts, int count, const whole_rows *rows) {
    double divisors[2 * ISK_MAX_VIEWS];
    block_divisors(parts, count, rows, divisors);
    return join_divided(context, parts, count, rows, divisors);
}
