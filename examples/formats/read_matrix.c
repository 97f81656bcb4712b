/* Modalities from a file of one matrix, and what a table says of cells. */
#include "cells.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names beside a matrix ---- */

/* The column of a table with a header that holds the cells' names. */
static int64_t name_column(const frame *f) {
    static const char *const words[] = { "barcode", "barcodes", "cell", "index" };
    if (!*frame_header(f, 0)) { return 0; }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        for (int64_t col = 0; col < f->cols; col++) {
            if (same_words(frame_header(f, col), words[i])) { return col; }
        }
    }
    return 0;
}

static isk_status take_names(isk_context *context, const char *path, const frame *f, names *n) {
    const int64_t col = f->header ? name_column(f) : 0;
    for (int64_t r = 0; r < f->rows; r++) {
        const char *name = frame_get(f, r, col);
        if (!*name) { return isk_set_error(context, ISK_DATA, "%s: row %lld has no name", path, (long long)r + 1); }
        if (!names_add(n, name)) { return no_memory(context, path); }
    }
    return ISK_OK;
}

/* As many names as are due: a line more than that is a header.  `what` are the cells or features of `of`. */
static isk_status read_names(isk_context *context, const char *path, int64_t due, const char *what, const char *of, names *n) {
    frame f;
    isk_status status = frame_read(context, path, &f);
    if (status != ISK_OK) { return status; }
    if (f.rows == due + 1) { frame_head(&f); }
    if (f.rows != due) {
        status = isk_set_error(context, ISK_SHAPE, "%s: has %lld names where %s has %lld %s", path, (long long)f.rows, of, (long long)due,
                               what);
    }
    names_free(n);
    if (status == ISK_OK) { status = take_names(context, path, &f, n); }
    frame_free(&f);
    return status;
}

static isk_status name_features(isk_context *context, const matrix_source *source, input *in) {
    isk_status status = ISK_OK;
    if (source->features) { status = read_names(context, source->features, in->cols, "features", source->path, &in->column_names); }
    for (int64_t c = in->column_names.count; c < in->cols && status == ISK_OK; c++) {
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)c + 1);
        if (!names_add(&in->column_names, number)) { status = no_memory(context, source->path); }
    }
    if (status == ISK_OK && !names_make_unique(&in->column_names)) { status = no_memory(context, source->path); }
    return status;
}

/* ---- a matrix ---- */

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static void call_matrix(modality *m, const matrix_source *source) {
    const char *base = base_name(source->path);
    char stem[32];
    snprintf(stem, sizeof stem, "%.*s", (int)strcspn(base, "."), base);
    modality_call(m, base, source->kind != MODALITY_OTHER ? modality_kind_name(source->kind) : stem);
}

/* What has been read beside what is to come: the limit is for all. */
static isk_status check_size(isk_context *context, const read_desc *desc, const cells *c, const char *path, const modality *m,
                             const input_extent *e) {
    extent parts[ISK_MAX_VIEWS + 1];
    int count = 0;
    for (; count < c->count; count++) {
        const input *in = &c->modality[count].in;
        parts[count] = (extent){ in->rows, in->cols, in->is_sparse ? in->sparse.count : in->rows * in->cols, in->is_sparse,
                                 c->modality[count].name, 0 };
    }
    parts[count++] = (extent){ e->rows, e->cols, e->count, e->is_sparse, m->name, e->is_sparse ? SPARSE_READING : 0 };
    return memory_check(context, desc, path, parts, count);
}

isk_status matrix_read(isk_context *context, const matrix_source *source, const read_desc *desc, cells *c) {
    modality m = { 0 };
    input_extent size;
    isk_status status = input_size(context, source->path, source->transpose, &size);
    const int known = size.rows > 0;
    if (status != ISK_OK) { return status; }
    call_matrix(&m, source);
    if (known) { status = check_size(context, desc, c, source->path, &m, &size); }
    if (status == ISK_OK) { status = input_read(context, source->path, &(input_desc){ .transpose = source->transpose }, &m.in); }
    if (status == ISK_OK && !known) {
        size = (input_extent){ m.in.rows, m.in.cols, m.in.rows * m.in.cols, 0 };
        status = check_size(context, desc, c, source->path, &m, &size);
    }
    if (status == ISK_OK && source->cells) {
        status = read_names(context, source->cells, m.in.rows, "cells", source->path, &m.in.row_names);
    }
    if (status == ISK_OK) { status = name_features(context, source, &m.in); }
    if (status == ISK_OK && !names_add(&c->files, source->path)) { status = no_memory(context, source->path); }
    if (status == ISK_OK) { return cells_add(c, &m); }
    input_free(&m.in);
    return status;
}

/* ---- what is known of cells ---- */

static isk_status add_column(isk_context *context, const char *path, const frame *f, int64_t col, cell_table *t) {
    const char *name = frame_header(f, col);
    char number[40];
    cell_column *column;
    shown s;
    if (!*name) {
        snprintf(number, sizeof number, "column_%lld", (long long)col + 1);
        name = number;
    }
    for (int64_t i = 0; i < t->count; i++) {
        if (strcmp(t->columns[i].name, name) == 0) {
            return isk_set_error(context, ISK_DATA, "%s: two columns are called '%s'", path, show(&s, name));
        }
    }
    column = cell_table_add(t, name);
    if (!column) { return no_memory(context, path); }
    return frame_column(context, path, f, col, &column->numbers, &column->classes);
}

isk_status cell_table_read(isk_context *context, const char *path, cell_table *t) {
    frame f;
    isk_status status = frame_read(context, path, &f);
    int64_t names_at = 0;
    memset(t, 0, sizeof *t);
    if (status != ISK_OK) { return status; }
    frame_head(&f);
    t->path = path;
    if (f.rows == 0) { status = isk_set_error(context, ISK_DATA, "%s: has a header but no rows", path); }
    if (status == ISK_OK) {
        names_at = name_column(&f);
        status = take_names(context, path, &f, &t->cells);
    }
    for (int64_t col = 0; col < f.cols && status == ISK_OK; col++) {
        if (col != names_at) { status = add_column(context, path, &f, col, t); }
    }
    frame_free(&f);
    if (status != ISK_OK) { cell_table_free(t); }
    return status;
}
