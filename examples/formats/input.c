#include "input.h"
#include "stranger.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- .npy ---- */

static int npy_is(const char *start, int64_t length) { return length >= 6 && memcmp(start, "\x93NUMPY", 6) == 0; }

static isk_status npy_read(input *in, const input_desc *desc) {
    isk_reader reader;
    isk_npy npy;
    isk_status status = isk_reader_open(in->context, in->path, &reader);
    if (status != ISK_OK) { return status; }
    status = isk_npy_open(in->context, &reader, &npy);
    if (status == ISK_OK && npy.dimensions == 3 && (!desc->sequences || desc->transpose || npy.steps > INT32_MAX)) {
        status = isk_set_error(in->context, ISK_SHAPE, "%s: holds sequences, %lld samples of %lld steps%s", in->path, (long long)npy.rows,
                               (long long)npy.steps, !desc->sequences ? "; a matrix is due" : desc->transpose ?
                               "; they cannot be transposed" : ", which are too many");
    }
    if (status == ISK_OK) {
        size_t count = (size_t)npy.rows * (size_t)npy.cols;         /* isk_npy_open has checked that it fits */
        in->rows = npy.rows;
        in->cols = npy.cols;
        in->steps = npy.dimensions == 3 ? (int)npy.steps : 0;
        in->values = malloc(count > 0 ? count * sizeof *in->values : 1);
        if (!in->values) { status = no_memory(in->context, in->path); }
    }
    if (status == ISK_OK) { status = isk_npy_read(in->context, &reader, &npy, desc->missing ? ISK_ALLOW_NONFINITE : 0, in->values); }
    isk_reader_close(&reader);
    return status;
}

static isk_status npy_size(isk_context *context, const char *path, int transpose, input_extent *extent) {
    isk_reader reader;
    isk_npy npy;
    isk_status status = isk_reader_open(context, path, &reader);
    if (status != ISK_OK) { return status; }
    status = isk_npy_open(context, &reader, &npy);
    isk_reader_close(&reader);
    if (status != ISK_OK) { return status; }
    *extent = (input_extent){ transpose ? npy.cols : npy.rows, transpose ? npy.rows : npy.cols, npy.rows * npy.cols, 0 };
    return ISK_OK;
}

static isk_status npy_labels(isk_context *context, const char *path, const char *column, int64_t rows, labels *l) {
    isk_reader reader;
    isk_npy npy;
    int32_t *codes = NULL;
    isk_status status = isk_reader_open(context, path, &reader);
    (void)column;                                                       /* it has one */
    if (status != ISK_OK) { return status; }
    status = isk_npy_open(context, &reader, &npy);
    if (status == ISK_OK && (npy.cols != 1 || npy.rows < 1)) {
        status = isk_set_error(context, ISK_SHAPE, "%s: is [%lld, %lld]; labels are one column", path, (long long)npy.rows,
                               (long long)npy.cols);
    }
    if (status == ISK_OK && rows > 0 && npy.rows != rows) {
        status = isk_set_error(context, ISK_SHAPE, "%s: has %lld labels where %lld rows are due", path, (long long)npy.rows,
                               (long long)rows);
    }
    if (status == ISK_OK) {
        codes = malloc((size_t)npy.rows * sizeof *codes);
        status = codes ? isk_npy_read_integers(context, &reader, &npy, codes) : no_memory(context, path);
    }
    if (status == ISK_OK) { status = labels_from_codes(context, path, codes, npy.rows, l); }
    free(codes);
    isk_reader_close(&reader);
    return status;
}

/* ---- .safetensors of one matrix ---- */

/* The length of the header, whose upper half is always zero, and the header, which is JSON. */
static int tensor_is(const char *start, int64_t length) { return length >= 9 && memcmp(start + 4, "\0\0\0\0{", 5) == 0; }

static isk_status tensor_read(input *in, const input_desc *desc) {
    isk_safetensors *file;
    isk_status status = isk_safetensors_open(in->context, in->path, &file);
    const int count = status == ISK_OK ? isk_safetensors_count(file) : 0;
    const isk_safetensors_entry *one = count > 0 ? isk_safetensors_get(file, 0) : NULL;
    if (status != ISK_OK) { return status; }
    if (count != 1 || one->dimensions != 2) {
        status = isk_set_error(in->context, ISK_SHAPE, "%s: holds %d tensor%s%s; one matrix is due", in->path, count,
                               count == 1 ? "" : "s", count == 1 ? ", which is no matrix" : "");
    } else {
        in->rows = one->shape[0];
        in->cols = one->shape[1];
        in->values = one->count < PTRDIFF_MAX / sizeof *in->values ? malloc((size_t)(one->count + 1) * sizeof *in->values) : NULL;
        status = !in->values ? no_memory(in->context, in->path)
                 : isk_safetensors_read(file, one->name, desc->missing ? ISK_ALLOW_NONFINITE : 0, one->count, in->values);
    }
    isk_safetensors_close(file);
    return status;
}

/* ---- Matrix Market ---- */

static int market_is(const char *start, int64_t length) { return length >= 2 && memcmp(start, "%%", 2) == 0; }

static isk_status market_read(input *in, const input_desc *desc) {
    isk_status status = mtx_read(in->context, in->path, desc->transpose, &in->sparse);
    const size_t used = strlen(in->about);
    if (desc->transpose) { snprintf(in->about + used, sizeof in->about - used, ", transposed"); }
    in->is_sparse = 1;
    in->rows = in->sparse.rows;
    in->cols = in->sparse.cols;
    return status;
}

static isk_status market_size(isk_context *context, const char *path, int transpose, input_extent *extent) {
    extent->is_sparse = 1;
    return mtx_size(context, path, transpose, &extent->rows, &extent->cols, &extent->count);
}

/* ---- tables as text ---- */

static int table_is(const char *start, int64_t length) {
    (void)start;
    (void)length;
    return 1;
}

static const char *delimiter_name(char delimiter) {
    return delimiter == '\t' ? "tab-separated text" : delimiter == ',' ? "comma-separated text" : delimiter == ';' ?
           "semicolon-separated text" : delimiter == ' ' ? "blank-separated text" : "text of one column";
}

static isk_status table_take(input *in, const input_desc *desc) {
    table t;
    table_desc how = desc->table;
    isk_status status;
    how.missing |= desc->missing;
    status = table_read(in->context, in->path, &how, &t);
    in->rows = t.rows;
    in->cols = t.cols;
    in->values = t.values;
    in->row_names = t.row_names;
    in->column_names = t.column_names;
    snprintf(in->about, sizeof in->about, "%s with%s header and %s row names", delimiter_name(t.delimiter),
             t.column_names.count ? " a" : "out", t.row_names.count ? "with" : "no");
    return status;
}

/* ---- which format ---- */

typedef struct matrix_format {
    const char *title;              /* as a file is called: "is a Matrix Market file" */
    const char *name;               /* in a list of formats */
    const char *help;               /* the same with what can be read of it */
    int is_text;                    /* 1: lines, plain or gzip; numbers are those of a column.  0: numbers are all columns */
    int (*is)(const char *start, int64_t length);       /* by the first 16 bytes; of text by the first line, which ends with a zero */
    isk_status (*read)(input *in, const input_desc *desc);      /* rows, cols and values; or sparse, which alone it transposes itself */
    isk_status (*size)(isk_context *context, const char *path, int transpose, input_extent *extent);    /* NULL: known once it is read */
    /* As labels_read does; NULL: there are none. */
    isk_status (*labels)(isk_context *context, const char *path, const char *column, int64_t rows, labels *l);
} matrix_format;

/* The first that takes a file reads it.  A new format is its functions and a row. */
static const matrix_format formats[] = {
    { ".npy", ".npy", ".npy (of sequences: samples x steps x features)", 0, npy_is, npy_read, npy_size, npy_labels },
    { ".safetensors", ".safetensors", ".safetensors (of one matrix)", 0, tensor_is, tensor_read, NULL, NULL },
    { "Matrix Market", ".mtx", ".mtx (also as .gz)", 1, market_is, market_read, market_size, NULL },
    { "text", "tables as text", "table as text (comma, tab, semicolon, blanks; also as .gz)", 1, table_is, table_take, NULL, labels_read },
};
enum { FORMATS = sizeof formats / sizeof *formats };

const char *input_formats(int with_labels, char list[FORMATS_WORDS]) {
    int left = 0;
    *list = 0;
    for (int i = 0; i < FORMATS; i++) { left += !with_labels || formats[i].labels; }
    for (int i = 0; i < FORMATS; i++) {
        const size_t used = strlen(list);
        if (with_labels && !formats[i].labels) { continue; }
        left--;
        snprintf(list + used, FORMATS_WORDS - used, "%s%s", formats[i].name, left > 1 ? ", " : left ? " and " : "");
    }
    return list;
}

const char *input_help(char list[FORMATS_WORDS]) {
    *list = 0;
    for (int i = 0; i < FORMATS; i++) {
        const size_t used = strlen(list);
        snprintf(list + used, FORMATS_WORDS - used, "%s%s", i == 0 ? "" : i + 1 < FORMATS ? ", " : " or ", formats[i].help);
    }
    return list;
}

static isk_status find_format(isk_context *context, const char *path, const matrix_format **result) {
    char start[16] = { 0 }, list[FORMATS_WORDS], also[FORMATS_WORDS + 12];
    isk_reader reader;
    lines l;
    char *line;
    size_t length;
    int64_t got;
    int i;
    isk_status status;
    snprintf(also, sizeof also, "; %s are read", input_formats(0, list));
    status = stranger_refuse(context, path, also);
    if (status == ISK_OK) { status = isk_reader_open(context, path, &reader); }
    if (status != ISK_OK) { return status; }
    got = reader.read(reader.user, 0, start, sizeof start);
    isk_reader_close(&reader);
    for (i = 0; i < FORMATS; i++) {
        if (!formats[i].is_text && formats[i].is(start, got)) { *result = &formats[i]; return ISK_OK; }
    }
    status = lines_open(context, path, &l);
    if (status == ISK_OK) { status = lines_next(&l, &line, &length); }
    for (i = 0; status == ISK_OK && !(formats[i].is_text && formats[i].is(line ? line : "", line ? (int64_t)length : 0)); i++) {}
    if (status == ISK_OK) { *result = &formats[i]; }
    lines_close(&l);
    return status;
}

/* ---- reading ---- */

/* [rows, cols] to [cols, rows], in squares that stay in the cache. */
isk_status input_transpose(input *in) {
    enum { SQUARE = 32 };
    const size_t used = strlen(in->about);
    int64_t rows = in->rows, cols = in->cols;
    isk_scalar *turned = malloc(rows * cols > 0 ? (size_t)(rows * cols) * sizeof *turned : 1);
    names swapped = in->row_names;
    if (!turned) { return no_memory(in->context, in->path); }
    for (int64_t r0 = 0; r0 < rows; r0 += SQUARE) {
        for (int64_t c0 = 0; c0 < cols; c0 += SQUARE) {
            for (int64_t r = r0; r < rows && r < r0 + SQUARE; r++) {
                for (int64_t c = c0; c < cols && c < c0 + SQUARE; c++) { turned[c * rows + r] = in->values[r * cols + c]; }
            }
        }
    }
    free(in->values);
    in->values = turned;
    in->rows = cols;
    in->cols = rows;
    in->row_names = in->column_names;
    in->column_names = swapped;
    snprintf(in->about + used, sizeof in->about - used, ", transposed");
    return ISK_OK;
}

isk_status input_read(isk_context *context, const char *path, const input_desc *desc, input *in) {
    static const input_desc defaults = { 0 };
    const matrix_format *format;
    isk_status status;
    if (!desc) { desc = &defaults; }
    memset(in, 0, sizeof *in);
    in->context = context;
    in->path = path;
    status = find_format(context, path, &format);
    if (status != ISK_OK) { return status; }
    snprintf(in->about, sizeof in->about, "%s", format->title);
    status = format->read(in, desc);
    if (status == ISK_OK && desc->transpose && !in->is_sparse) { status = input_transpose(in); }
    if (status == ISK_OK && (in->rows == 0 || in->cols == 0)) {
        status = isk_set_error(context, ISK_DATA, "%s: holds no values: %lld rows, %lld columns", path, (long long)in->rows,
                               (long long)in->cols);
    }
    if (status != ISK_OK) { input_free(in); }
    return status;
}

isk_status input_size(isk_context *context, const char *path, int transpose, input_extent *extent) {
    const matrix_format *format;
    isk_status status = find_format(context, path, &format);
    *extent = (input_extent){ 0 };
    return status == ISK_OK && format->size ? format->size(context, path, transpose, extent) : status;
}

void input_free(input *in) {
    free(in->values);
    free(in->lengths);
    sparse_free(&in->sparse);
    names_free(&in->row_names);
    names_free(&in->column_names);
    memset(in, 0, sizeof *in);
}

/* ---- what counts ---- */

static isk_status not_finite(const input *in, int64_t row, int64_t col) {
    const int64_t features = in->steps ? in->cols / in->steps : in->cols;
    char step[40] = "";
    if (in->steps) { snprintf(step, sizeof step, "step %lld, ", (long long)(col / features) + 1); }
    return isk_set_error(in->context, ISK_DATA, "%s: row %lld, %s%s %lld is %s", in->path, (long long)row + 1, step,
                         in->steps ? "feature" : "column", (long long)(col % features) + 1,
                         isnan(in->values[row * in->cols + col]) ? "missing (or NaN)" : "infinite");
}

isk_status input_check(input *in, const uint8_t *present) {
    const int64_t features = in->steps ? in->cols / in->steps : in->cols;
    if (in->is_sparse) { return ISK_OK; }                   /* its reader has checked it; what does not count is never looked at */
    for (int64_t i = 0; i < in->rows; i++) {
        const int64_t there = present && !present[i] ? 0 : in->steps && in->lengths ? in->lengths[i] * features : in->cols;
        for (int64_t j = 0; j < there; j++) {
            if (!isfinite(in->values[i * in->cols + j])) { return not_finite(in, i, j); }
        }
        for (int64_t j = there; j < in->cols; j++) { in->values[i * in->cols + j] = 0; }
    }
    return ISK_OK;
}

/* ---- transforms ---- */

input_row input_row_of(const input *in, int64_t row) {
    const int64_t start = in->is_sparse ? in->sparse.starts[row] : row * in->cols;
    if (!in->is_sparse) { return (input_row){ in->cols, NULL, in->values + start }; }
    return (input_row){ in->sparse.starts[row + 1] - start, in->sparse.columns + start, in->sparse.values + start };
}

isk_status input_dense(input *in) {
    if (!in->is_sparse) { return ISK_OK; }
    in->values = sparse_to_dense(&in->sparse);
    if (!in->values) {
        return isk_set_error(in->context, ISK_MEMORY, "%s: out of memory: %lld rows of %lld columns need %.0f MB", in->path,
                             (long long)in->rows, (long long)in->cols,
                             (double)in->rows * (double)in->cols * sizeof(isk_scalar) / 1e6);
    }
    sparse_free(&in->sparse);
    in->is_sparse = 0;
    return ISK_OK;
}

static isk_status select_names(input *in, const int64_t *columns, int64_t count) {
    names chosen = { 0 };
    for (int64_t k = 0; k < count && in->column_names.count > 0; k++) {
        if (!names_add(&chosen, columns[k] < 0 ? "" : names_get(&in->column_names, columns[k]))) {
            names_free(&chosen);
            return no_memory(in->context, in->path);
        }
    }
    names_free(&in->column_names);
    in->column_names = chosen;
    return ISK_OK;
}

isk_status input_select(input *in, const int64_t *columns, int64_t count) {
    isk_status status;
    if (in->is_sparse) {
        sparse chosen;
        status = sparse_select(in->context, in->path, &in->sparse, columns, count, &chosen);
        if (status != ISK_OK) { return status; }
        sparse_free(&in->sparse);
        in->sparse = chosen;
    } else {
        isk_scalar *values;
        for (int64_t k = 0; k < count; k++) {
            if (columns[k] < 0 || columns[k] >= in->cols) {
                return isk_set_error(in->context, ISK_ARGUMENT, "%s: column %lld was chosen, but there are %lld", in->path,
                                     (long long)columns[k] + 1, (long long)in->cols);
            }
        }
        if (count > 0 && (uint64_t)in->rows >= PTRDIFF_MAX / sizeof *values / (uint64_t)count) {
            return no_memory(in->context, in->path);
        }
        values = malloc(in->rows * count > 0 ? (size_t)(in->rows * count) * sizeof *values : 1);
        if (!values) { return no_memory(in->context, in->path); }
        for (int64_t r = 0; r < in->rows; r++) {
            for (int64_t k = 0; k < count; k++) { values[r * count + k] = in->values[r * in->cols + columns[k]]; }
        }
        free(in->values);
        in->values = values;
    }
    in->cols = count;
    return select_names(in, columns, count);
}

/* [rows, count] of zeros; NULL without memory. */
static isk_scalar *zeros(int64_t rows, int64_t count) {
    if (count > 0 && (uint64_t)rows >= PTRDIFF_MAX / sizeof(isk_scalar) / (uint64_t)count) { return NULL; }
    return calloc(rows * count > 0 ? (size_t)(rows * count) : 1, sizeof(isk_scalar));
}

isk_status input_dense_columns(input *in, const int64_t *columns, int64_t count) {
    isk_scalar *values;
    int64_t *place;
    if (!columns) { return input_dense(in); }
    values = zeros(in->rows, count);
    place = malloc(sizeof *place * ((size_t)in->cols + 1));             /* where a column of the file goes, each at most to one place */
    if (!values || !place) {
        free(values);
        free(place);
        return no_memory(in->context, in->path);
    }
    for (int64_t j = 0; j < in->cols; j++) { place[j] = -1; }
    for (int64_t k = 0; k < count; k++) {
        if (columns[k] >= 0) { place[columns[k]] = k; }
    }
    for (int64_t i = 0; i < in->rows; i++) {
        const input_row row = input_row_of(in, i);
        for (int64_t k = 0; k < row.count; k++) {
            const int64_t at = place[row.columns ? row.columns[k] : k];
            if (at >= 0) { values[i * count + at] = row.values[k]; }
        }
    }
    free(place);
    free(in->values);
    sparse_free(&in->sparse);
    in->values = values;
    in->is_sparse = 0;
    in->cols = count;
    return select_names(in, columns, count);
}

isk_status input_log1p_cp10k(input *in) {
    for (int64_t r = 0; r < in->rows; r++) {
        const input_row row = input_row_of(in, r);
        double sum = 0;
        for (int64_t i = 0; i < row.count; i++) {
            if (row.values[i] < 0) {
                return isk_set_error(in->context, ISK_DATA, "%s: row %lld, column %lld is %g where counts are due; turn the count "
                                     "transform off for values that are no counts", in->path, (long long)r + 1,
                                     (long long)(row.columns ? row.columns[i] : i) + 1, (double)row.values[i]);
            }
            sum += (double)row.values[i];
        }
        for (int64_t i = 0; i < row.count && sum > 0; i++) { row.values[i] = (isk_scalar)log1p((double)row.values[i] * (1e4 / sum)); }
    }
    return ISK_OK;
}

/* ---- labels ---- */

static int is_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file) { fclose(file); }
    return file != NULL;
}

/* FILE of FILE:COLUMN, to be freed, NULL without memory; *column is NULL where none is named. */
static char *labels_path(const char *file_and_column, const char **column) {
    const char *colon = strrchr(file_and_column, ':');
    size_t length = strlen(file_and_column) + 1;
    char *path = malloc(length);
    *column = NULL;
    if (!path) { return NULL; }
    memcpy(path, file_and_column, length);
    if (colon && colon > file_and_column && colon[1] && !is_file(path)) {
        path[colon - file_and_column] = 0;
        *column = colon + 1;
    }
    return path;
}

int input_labels_there(const char *file_and_column) {
    const char *column;
    char *path = labels_path(file_and_column, &column);
    int there = path && is_file(path);
    free(path);
    return there;
}

isk_status input_labels(isk_context *context, const char *file_and_column, int64_t rows, labels *l) {
    const char *column;
    char *path = labels_path(file_and_column, &column);
    const matrix_format *format;
    char list[FORMATS_WORDS];
    isk_status status;
    memset(l, 0, sizeof *l);
    if (!path) { return no_memory(context, file_and_column); }
    status = find_format(context, path, &format);
    if (status == ISK_OK && !format->labels) {
        status = isk_set_error(context, ISK_UNSUPPORTED, "%s: is a %s file; labels come from %s", path, format->title,
                               input_formats(1, list));
    }
    if (status == ISK_OK) { status = format->labels(context, path, column, rows, l); }
    free(path);
    return status;
}

/* ---- numbers, one a row ---- */

/* What stands in row `row`, as a number; 0 when it is none. */
static int number_of(const labels *l, int64_t row, double *value) {
    const char *text = l->codes[row] < 0 ? "" : names_get(&l->classes, l->codes[row]);
    const size_t length = strlen(text);
    return length > 0 && isk_parse_number(text, length, value) == length && isfinite(*value);
}

/* A first line that is no number, above numbers alone, is a header; where there are as many lines as values are due, one value is
   missing below it. */
static int under_header(const labels *l, const char *file_and_column) {
    double value;
    if (!is_file(file_and_column) || l->rows < 2 || l->codes[0] < 0 || number_of(l, 0, &value)) { return 0; }
    for (int64_t i = 1; i < l->rows; i++) {
        if (!number_of(l, i, &value)) { return 0; }
    }
    return 1;
}

isk_status input_whole(isk_context *context, const char *file_and_column, int64_t rows, const char *what, int low, int high,
                       int32_t **values) {
    labels l;
    isk_status status = input_labels(context, file_and_column, rows, &l);
    *values = NULL;
    if (status != ISK_OK) { return status; }
    *values = malloc(sizeof **values * (size_t)(l.rows > 0 ? l.rows : 1));
    if (!*values) { status = no_memory(context, file_and_column); }
    for (int64_t i = 0; i < l.rows && status == ISK_OK; i++) {
        const char *text = l.codes[i] < 0 ? "" : names_get(&l.classes, l.codes[i]);
        double value = 0;
        shown wrong;
        if (number_of(&l, i, &value) && value >= low && value <= high && value == floor(value)) {
            (*values)[i] = (int32_t)value;
        } else if (i == 0 && under_header(&l, file_and_column)) {
            status = isk_set_error(context, ISK_SHAPE, "%s: has %lld values under the header '%s' where %lld are due", file_and_column,
                                   (long long)l.rows - 1, show(&wrong, text), (long long)l.rows);
        } else {
            status = isk_set_error(context, ISK_DATA, "%s: row %lld is '%s'; %s is a whole number from %d to %d", file_and_column,
                                   (long long)i + 1, show(&wrong, text), what, low, high);
        }
    }
    labels_free(&l);
    if (status != ISK_OK) {
        free(*values);
        *values = NULL;
    }
    return status;
}

static isk_status column_numbers(isk_context *context, const char *file_and_column, int64_t rows, isk_matrix *values) {
    labels l;
    isk_scalar *data;
    isk_status status = input_labels(context, file_and_column, rows, &l);
    if (status != ISK_OK) { return status; }
    data = malloc(sizeof *data * (size_t)(l.rows > 0 ? l.rows : 1));
    if (!data) { status = no_memory(context, file_and_column); }
    for (int64_t i = 0; i < l.rows && status == ISK_OK; i++) {
        double value = NAN;
        shown wrong;
        if (l.codes[i] >= 0 && !number_of(&l, i, &value)) {
            status = isk_set_error(context, ISK_DATA, "%s: row %lld is '%s', which is no number", file_and_column, (long long)i + 1,
                                   show(&wrong, names_get(&l.classes, l.codes[i])));
        }
        data[i] = (isk_scalar)value;
    }
    if (status == ISK_OK) { *values = (isk_matrix){ data, l.rows, 1 }; } else { free(data); }
    labels_free(&l);
    return status;
}

isk_status input_numbers(isk_context *context, const char *file_and_column, int64_t rows, isk_matrix *values) {
    const matrix_format *format;
    input in;
    isk_status status;
    *values = (isk_matrix){ NULL, 0, 0 };
    if (!is_file(file_and_column)) { return column_numbers(context, file_and_column, rows, values); }
    status = find_format(context, file_and_column, &format);
    if (status != ISK_OK) { return status; }
    if (format->is_text) { return column_numbers(context, file_and_column, rows, values); }
    status = input_read(context, file_and_column, &(input_desc){ .missing = 1 }, &in);
    if (status == ISK_OK && in.rows != rows) {
        status = isk_set_error(context, ISK_SHAPE, "%s: has %lld rows where %lld are due", file_and_column, (long long)in.rows,
                               (long long)rows);
    }
    if (status == ISK_OK) {
        *values = (isk_matrix){ in.values, in.rows, in.cols };
        in.values = NULL;
    }
    input_free(&in);
    return status;
}
