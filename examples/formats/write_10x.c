#include "write_10x.h"

#include <math.h>

static isk_status check_parts(const output *out, const tenx_part *parts, int count) {
    const int64_t rows = parts[0].in->rows;
    for (int i = 0; i < count; i++) {
        const input *in = parts[i].in;
        if (in->rows != rows) {
            return isk_set_error(out->context, ISK_SHAPE, "%s: %lld cells have %s, %lld have %s; a folder of 10x Genomics holds all of "
                                                          "the same cells",
                                 out->folder, (long long)rows, parts[0].type, (long long)in->rows, parts[i].type);
        }
    }
    for (int i = 0; i < count; i++) {
        const input *in = parts[i].in;
        if (in->column_names.count != in->cols || (parts[i].ids && parts[i].ids->count != in->cols) ||
            (i == 0 && in->row_names.count != rows)) {
            return isk_set_error(out->context, ISK_SHAPE, "%s: cells and features of %s need a name each", out->folder, parts[i].type);
        }
    }
    return ISK_OK;
}

/* Values that are not 0, and whether all are whole numbers. */
static int64_t count_values(const input *in, int *whole) {
    const int64_t stored = in->is_sparse ? in->sparse.count : in->rows * in->cols;
    const isk_scalar *values = in->is_sparse ? in->sparse.values : in->values;
    int64_t count = 0;
    for (int64_t i = 0; i < stored; i++) {
        count += values[i] != 0;
        if ((double)values[i] != floor((double)values[i]) || fabs((double)values[i]) > 9e15) { *whole = 0; }
    }
    return count;
}

static void add_value(text *t, int64_t feature, int64_t cell, double value, int whole) {
    if (value == 0) { return; }
    text_format(t, "%lld %lld ", (long long)feature + 1, (long long)cell + 1);
    if (whole) { text_format(t, "%lld\n", (long long)value); return; }
    text_number(t, value, 9);
    text_add(t, "\n");
}

static void add_cell(text *t, const input *in, int64_t cell, int64_t first, int whole) {
    if (in->is_sparse) {
        const sparse *m = &in->sparse;
        for (int64_t i = m->starts[cell]; i < m->starts[cell + 1]; i++) {
            add_value(t, first + m->columns[i], cell, (double)m->values[i], whole);
        }
        return;
    }
    for (int64_t j = 0; j < in->cols; j++) { add_value(t, first + j, cell, (double)in->values[cell * in->cols + j], whole); }
}

static isk_status write_matrix(output *out, const tenx_part *parts, int count) {
    int64_t features = 0, values = 0;
    const int64_t rows = parts[0].in->rows;
    int whole = 1;
    text t = { 0 };
    isk_status status;
    for (int i = 0; i < count; i++) {
        features += parts[i].in->cols;
        values += count_values(parts[i].in, &whole);
    }
    text_format(&t, "%%%%MatrixMarket matrix coordinate %s general\n%lld %lld %lld\n", whole ? "integer" : "real", (long long)features,
                (long long)rows, (long long)values);
    for (int64_t cell = 0; cell < rows; cell++) {
        int64_t first = 0;
        for (int i = 0; i < count; i++) {
            add_cell(&t, parts[i].in, cell, first, whole);
            first += parts[i].in->cols;
        }
    }
    status = output_text(out, "matrix.mtx", &t);
    text_free(&t);
    return status;
}

static isk_status write_features(output *out, const tenx_part *parts, int count) {
    text t = { 0 };
    isk_status status;
    for (int i = 0; i < count; i++) {
        const names *features = &parts[i].in->column_names;
        for (int64_t j = 0; j < features->count; j++) {
            text_format(&t, "%s\t%s\t%s\n", names_get(parts[i].ids ? parts[i].ids : features, j), names_get(features, j), parts[i].type);
        }
    }
    status = output_text(out, "features.tsv", &t);
    text_free(&t);
    return status;
}

static isk_status write_barcodes(output *out, const names *cells) {
    text t = { 0 };
    isk_status status;
    for (int64_t i = 0; i < cells->count; i++) { text_format(&t, "%s\n", names_get(cells, i)); }
    status = output_text(out, "barcodes.tsv", &t);
    text_free(&t);
    return status;
}

isk_status write_10x(output *out, const tenx_part *parts, int count) {
    isk_status status = check_parts(out, parts, count);
    if (status == ISK_OK) { status = write_matrix(out, parts, count); }
    if (status == ISK_OK) { status = write_features(out, parts, count); }
    return status == ISK_OK ? write_barcodes(out, &parts[0].in->row_names) : status;
}
