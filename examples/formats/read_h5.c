#include "cells.h"
#include "hdf5.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The signature stands at the beginning, or behind a block of 512, 1024, ... bytes that is the user's own (as in .h5mu). */
int h5_is(const char *path) {
    FILE *file = fopen(path, "rb");
    int found = 0;
    for (long at = 0; file && !found && at <= 4096; at = at ? 2 * at : 512) {
        char start[8];
        if (fseek(file, at, SEEK_SET) != 0 || fread(start, 1, sizeof start, file) != sizeof start) { break; }
        found = memcmp(start, "\x89HDF\r\n\x1A\n", sizeof start) == 0;
    }
    if (file) { fclose(file); }
    return found;
}

#ifndef INDISEEK_HAVE_HDF5

isk_status h5_read(isk_context *context, const char *path, const read_desc *desc, cells *c) {
    (void)desc;
    (void)c;
    return hdf5_missing(context, path);
}

#else

typedef enum layout { DENSE, BY_ROWS, BY_COLUMNS, FRAME } layout;

/* A modality that is to be read: all is there but its values. */
typedef struct part {
    modality m;
    char at[HDF5_PATH];             /* of the values */
    layout layout;
    extent extent;
    int64_t *columns;               /* [m.in.cols] of a matrix that holds other modalities too, its own; NULL: all */
    int64_t all;                    /* columns of that matrix */
} part;

/* First everything but the values is read, then the memory is reckoned, then values are read. */
typedef struct source {
    hdf5 *file;
    const read_desc *desc;
    cells *cells;
    part *parts;
    int64_t count, capacity;
    input whole;                    /* a matrix that holds several modalities, while they are taken out of it */
    char whole_at[HDF5_PATH];
} source;

static void part_free(part *p) {
    modality_free(&p->m);
    free(p->columns);
    memset(p, 0, sizeof *p);
}

static void source_free(source *s) {
    for (int64_t i = 0; i < s->count; i++) { part_free(&s->parts[i]); }
    free(s->parts);
    input_free(&s->whole);
    hdf5_close(s->file);
}

static isk_status out_of_memory(const source *s) { return no_memory(s->file->context, s->file->path); }

/* Takes the part, also when it fails. */
static isk_status add_part(source *s, part *p) {
    if (!make_room((void **)&s->parts, &s->capacity, s->count + 1, sizeof *s->parts)) {
        part_free(p);
        return out_of_memory(s);
    }
    s->parts[s->count++] = *p;
    memset(p, 0, sizeof *p);
    return ISK_OK;
}

/* ---- data frames: obs, var, and those of obsm ---- */

/* A text attribute into a buffer; "" when there is none. */
static isk_status attribute(const source *s, const char *at, const char *name, char *buffer, size_t size) {
    names n;
    isk_status status = hdf5_attribute(s->file, at, name, &n);
    snprintf(buffer, size, "%s", status == ISK_OK && n.count > 0 ? names_get(&n, 0) : "");
    if (status == ISK_OK) { names_free(&n); }
    return status;
}

/* Where the data_frame keeps the names of its rows; "" when it does not say. */
static isk_status index_path(const source *s, const char *data_frame, char buffer[HDF5_PATH]) {
    char name[256];
    isk_status status = attribute(s, data_frame, "_index", name, sizeof name);
    if (status != ISK_OK) { return status; }
    if (!*name) { strcpy(name, hdf5_is(s->file, data_frame, "_index") ? "_index" : "index"); }
    hdf5_at(buffer, data_frame, name);
    return ISK_OK;
}

/* Texts that all must be there, such as names: a list, or what pandas calls nullable, values beside a mask. */
static isk_status read_words(const source *s, const char *at, names *n) {
    char path[HDF5_PATH];
    int64_t *masked;
    isk_status status;
    memset(n, 0, sizeof *n);
    if (hdf5_look(s->file, at).kind != HDF5_GROUP || !hdf5_is(s->file, at, "values")) { return hdf5_names(s->file, at, n); }
    status = hdf5_names(s->file, hdf5_at(path, at, "values"), n);
    if (status != ISK_OK || !hdf5_is(s->file, at, "mask")) { return status; }
    masked = calloc((size_t)n->count + 1, sizeof *masked);
    status = masked ? hdf5_whole(s->file, hdf5_at(path, at, "mask"), n->count, masked) : out_of_memory(s);
    for (int64_t i = 0; i < n->count && status == ISK_OK; i++) {
        if (masked[i]) { status = hdf5_fail(s->file, ISK_DATA, at, "entry %lld is missing, and each must have a name", (long long)i); }
    }
    free(masked);
    if (status != ISK_OK) { names_free(n); }
    return status;
}

/* Each category takes some hundred bytes here, and in a small file that is packed well there may be millions.  What is needed is no more
   than one for each cell; of others pandas keeps some after cells were taken away. */
static isk_status check_classes(const source *s, const char *categories, int64_t rows) {
    enum { MOST_UNUSED = 100000 };
    char path[HDF5_PATH];
    const int nullable = hdf5_look(s->file, categories).kind == HDF5_GROUP;
    const int64_t count = hdf5_look(s->file, nullable ? hdf5_at(path, categories, "values") : categories).rows;
    if (count <= rows || count <= MOST_UNUSED) { return ISK_OK; }
    return hdf5_fail(s->file, ISK_UNSUPPORTED, categories, "has %lld entries for %lld rows; of more than %d at most as many as rows are "
                     "read: drop the others by cat.remove_unused_categories() of pandas", (long long)count, (long long)rows, MOST_UNUSED);
}

/* Codes and classes.  `codes` and `categories` are paths. */
static isk_status read_classes(const source *s, const char *codes, const char *categories, int64_t rows, labels *l) {
    int64_t *values = calloc((size_t)rows + 1, sizeof *values);
    isk_status status = values ? hdf5_whole(s->file, codes, rows, values) : out_of_memory(s);
    memset(l, 0, sizeof *l);
    l->rows = rows;
    if (status == ISK_OK) { status = check_classes(s, categories, rows); }
    if (status == ISK_OK) { status = read_words(s, categories, &l->classes); }
    if (status == ISK_OK && (l->classes.count >= INT32_MAX || !names_make_unique(&l->classes))) { status = out_of_memory(s); }
    l->count = status == ISK_OK ? (int)l->classes.count : 0;
    l->codes = malloc(sizeof *l->codes * (size_t)(rows + 1));
    if (status == ISK_OK && !l->codes) { status = out_of_memory(s); }
    for (int64_t i = 0; i < rows && status == ISK_OK; i++) {
        if (values[i] < -1 || values[i] >= l->count) {
            status = hdf5_fail(s->file, ISK_DATA, codes, "entry %lld is %lld, but there are %d categories", (long long)i,
                               (long long)values[i], l->count);
        } else {
            l->codes[i] = (int32_t)values[i];
            l->missing += values[i] < 0;
        }
    }
    free(values);
    if (status != ISK_OK) { labels_free(l); }
    return status;
}

/* masked [rows] 1: missing; NULL: none is */
static isk_status read_texts(const source *s, const char *at, int64_t rows, const int64_t *masked, labels *l) {
    names read, texts = { 0 };
    isk_status status = hdf5_names(s->file, at, &read);
    if (status != ISK_OK) { return status; }
    if (read.count != rows) {
        status = hdf5_fail(s->file, ISK_DATA, at, "has %lld values where %lld are due", (long long)read.count, (long long)rows);
    }
    for (int64_t i = 0; i < rows && status == ISK_OK; i++) {
        if (!names_add(&texts, masked && masked[i] ? "" : names_get(&read, i))) { status = out_of_memory(s); }
    }
    if (status == ISK_OK) { status = labels_from_names(s->file->context, s->file->path, &texts, l); }
    names_free(&read);
    names_free(&texts);
    return status;
}

static isk_status read_numbers(const source *s, const char *at, int64_t rows, const int64_t *masked, double **numbers) {
    isk_status status;
    *numbers = calloc((size_t)rows + 1, sizeof **numbers);
    status = *numbers ? hdf5_doubles(s->file, at, rows, *numbers) : out_of_memory(s);
    for (int64_t i = 0; i < rows && status == ISK_OK && masked; i++) {
        if (masked[i]) { (*numbers)[i] = NAN; }
    }
    if (status != ISK_OK) {
        free(*numbers);
        *numbers = NULL;
    }
    return status;
}

/* A dataset as a column; *known 0: of a kind that is no column. */
static isk_status read_plain(const source *s, const char *at, int64_t rows, const int64_t *masked, cell_column *column, int *known) {
    const hdf5_shape shape = hdf5_look(s->file, at);
    *known = shape.dimensions == 1;
    switch (shape.kind) {
    case HDF5_INTEGER: case HDF5_FLOAT: return *known ? read_numbers(s, at, rows, masked, &column->numbers) : ISK_OK;
    case HDF5_TEXT: case HDF5_BOOLEAN: return *known ? read_texts(s, at, rows, masked, &column->classes) : ISK_OK;
    default: *known = 0; return s->file->status;
    }
}

/* What pandas calls nullable: values and a mask. */
static isk_status read_masked(const source *s, const char *at, int64_t rows, cell_column *column, int *known) {
    char path[HDF5_PATH];
    int64_t *masked = calloc((size_t)rows + 1, sizeof *masked);
    isk_status status = masked ? ISK_OK : out_of_memory(s);
    if (status == ISK_OK && hdf5_is(s->file, at, "mask")) {
        status = hdf5_whole(s->file, hdf5_at(path, at, "mask"), rows, masked);
    }
    if (status == ISK_OK) { status = read_plain(s, hdf5_at(path, at, "values"), rows, masked, column, known); }
    free(masked);
    return status;
}

/* One column of a data_frame, in all the ways that AnnData has written them since 0.7; *known 0: it is none of them. */
static isk_status read_column(const source *s, const char *data_frame, const char *name, int64_t rows, cell_column *column, int *known) {
    char at[HDF5_PATH], codes[HDF5_PATH], categories[HDF5_PATH];
    *known = 1;
    if (hdf5_look(s->file, hdf5_at(at, data_frame, name)).kind != HDF5_GROUP) {
        hdf5_at(categories, hdf5_at(codes, data_frame, "__categories"), name);
        if (hdf5_look(s->file, categories).kind == HDF5_NOTHING) { return read_plain(s, at, rows, NULL, column, known); }
        return read_classes(s, at, categories, rows, &column->classes);
    }
    if (hdf5_is(s->file, at, "values")) { return read_masked(s, at, rows, column, known); }
    *known = hdf5_is(s->file, at, "codes") && hdf5_is(s->file, at, "categories");
    if (!*known) { return s->file->status; }
    return read_classes(s, hdf5_at(codes, at, "codes"), hdf5_at(categories, at, "categories"), rows, &column->classes);
}

/* A text for each row, "" where there is none; empty when there is no such column. */
static isk_status column_texts(const source *s, const char *data_frame, const char *name, int64_t rows, names *n) {
    cell_column column = { 0 };
    int known = 0;
    isk_status status = ISK_OK;
    memset(n, 0, sizeof *n);
    if (hdf5_is(s->file, data_frame, name)) { status = read_column(s, data_frame, name, rows, &column, &known); }
    for (int64_t i = 0; i < rows && status == ISK_OK && known && !column.numbers; i++) {
        const int32_t code = column.classes.codes[i];
        if (!names_add(n, code < 0 ? "" : names_get(&column.classes.classes, code))) { status = out_of_memory(s); }
    }
    free(column.numbers);
    labels_free(&column.classes);
    if (status != ISK_OK) { names_free(n); }
    return status;
}

/* The names of the rows of a data_frame. */
static isk_status read_index(const source *s, const char *data_frame, names *n) {
    char at[HDF5_PATH];
    const hdf5_shape shape = hdf5_look(s->file, data_frame);
    isk_status status;
    memset(n, 0, sizeof *n);
    if (shape.kind == HDF5_NOTHING) { return hdf5_fail(s->file, ISK_DATA, data_frame, "is not there"); }
    if (shape.kind != HDF5_GROUP) {
        return hdf5_fail(s->file, ISK_UNSUPPORTED, data_frame, "is a table as AnnData before 0.7 wrote it; read the file with "
                         "anndata.read_h5ad and write it again");
    }
    status = index_path(s, data_frame, at);
    if (status == ISK_OK && hdf5_is(s->file, at, "codes")) {                   /* a categorical index: as a column */
        char codes[HDF5_PATH];
        const int64_t rows = hdf5_look(s->file, hdf5_at(codes, at, "codes")).rows;
        return column_texts(s, data_frame, at + strlen(data_frame) + (*data_frame != 0), rows, n);
    }
    return status == ISK_OK ? read_words(s, at, n) : status;
}

isk_status hdf5_frame_index(hdf5 *f, const char *data_frame, names *n) {
    const source s = { .file = f };
    return read_index(&s, data_frame, n);
}

/* The columns of a data_frame, in their order. */
static isk_status frame_columns(const source *s, const char *data_frame, names *n) {
    isk_status status = hdf5_attribute(s->file, data_frame, "column-order", n);
    names all = { 0 };
    char index[HDF5_PATH], path[HDF5_PATH];
    if (status != ISK_OK || n->count > 0) { return status; }
    status = hdf5_list(s->file, data_frame, &all);
    if (status == ISK_OK) { status = index_path(s, data_frame, index); }
    for (int64_t i = 0; i < all.count && status == ISK_OK; i++) {
        const char *name = names_get(&all, i);
        if (strcmp(name, "__categories") == 0 || strcmp(hdf5_at(path, data_frame, name), index) == 0) { continue; }
        if (!names_add(n, name)) { status = out_of_memory(s); }
    }
    names_free(&all);
    if (status != ISK_OK) { names_free(n); }
    return status;
}

/* obs as a table of cells; columns of kinds that are not read are left out and said. */
static isk_status add_table(source *s, const char *data_frame) {
    cell_table t = { .count = 0 };
    names columns = { 0 };
    isk_status status = read_index(s, data_frame, &t.cells);
    snprintf(t.at, sizeof t.at, "%s", data_frame);
    if (status == ISK_OK) { status = frame_columns(s, data_frame, &columns); }
    for (int64_t i = 0; i < columns.count && status == ISK_OK; i++) {
        const char *name = names_get(&columns, i);
        cell_column read = { 0 }, *column;
        int known;
        status = read_column(s, data_frame, name, t.cells.count, &read, &known);
        if (status != ISK_OK) { break; }
        if (!known) {
            shown word;
            if (s->desc->bar) {
                progress_warn(s->desc->bar, "%s: %s: column '%s' is of a kind that is not read; it is left out", s->file->path, data_frame,
                              show(&word, name));
            }
            continue;
        }
        column = cell_table_add(&t, name);
        if (column) {
            column->numbers = read.numbers;
            column->classes = read.classes;
        } else {
            free(read.numbers);
            labels_free(&read.classes);
            status = out_of_memory(s);
        }
    }
    names_free(&columns);
    if (status == ISK_OK) { return cells_add_table(s->cells, &t); }
    cell_table_free(&t);
    return status;
}

/* ---- what a matrix is, before its values are read ---- */

/* How a group or dataset holds a matrix, and its size. */
static isk_status look_at_matrix(const source *s, const char *at, layout *how, extent *size) {
    const hdf5_shape shape = hdf5_look(s->file, at);
    char format[40], path[HDF5_PATH];
    int64_t sizes[2] = { 0, 0 };
    int found = 0;
    isk_status status;
    *size = (extent){ .rows = shape.rows, .cols = shape.cols };
    *how = DENSE;
    if (shape.kind == HDF5_NOTHING) { return hdf5_fail(s->file, ISK_DATA, at, "is not there"); }
    if (shape.kind != HDF5_GROUP) {
        return shape.dimensions == 2 ? ISK_OK : hdf5_fail(s->file, ISK_DATA, at, "has %d dimensions where a matrix has 2",
                                                          shape.dimensions);
    }
    status = attribute(s, at, "encoding-type", format, sizeof format);
    if (status == ISK_OK && !*format) { status = attribute(s, at, "h5sparse_format", format, sizeof format); }
    if (status != ISK_OK) { return status; }
    if (strcmp(format, "csr_matrix") != 0 && strcmp(format, "csr") != 0 && strcmp(format, "csc_matrix") != 0 &&
        strcmp(format, "csc") != 0) {
        shown word;
        return hdf5_fail(s->file, ISK_UNSUPPORTED, at, "is of the kind '%s'; arrays, csr_matrix and csc_matrix are read",
                         show(&word, format));
    }
    *how = format[2] == 'r' ? BY_ROWS : BY_COLUMNS;
    status = hdf5_attribute_whole(s->file, at, "shape", sizes, 2, &found);
    if (status == ISK_OK && !found) { status = hdf5_attribute_whole(s->file, at, "h5sparse_shape", sizes, 2, &found); }
    if (status == ISK_OK && !found) { status = hdf5_fail(s->file, ISK_DATA, at, "does not say its shape"); }
    *size = (extent){ .rows = sizes[0], .cols = sizes[1], .count = hdf5_look(s->file, hdf5_at(path, at, "indices")).rows, .is_sparse = 1 };
    return status;
}

/* Cells and features have names, one each. */
static isk_status check_extent(const source *s, const char *at, const extent *size, int64_t rows, int64_t features) {
    if (size->rows != rows || size->cols != features) {
        return hdf5_fail(s->file, ISK_DATA, at, "is %lld x %lld, but there are names of %lld cells and %lld features",
                         (long long)size->rows, (long long)size->cols, (long long)rows, (long long)features);
    }
    if (rows > 0 && features > 0) { return ISK_OK; }
    return hdf5_fail(s->file, ISK_DATA, at, "holds no values: %lld cells, %lld features", (long long)rows, (long long)features);
}

/* ---- the values ---- */

static isk_status read_matrix(const source *s, const part *p, int64_t rows, int64_t cols, input *in) {
    in->is_sparse = p->layout != DENSE;
    if (p->layout == DENSE) { return hdf5_matrix(s->file, p->at, rows, cols, &in->values); }
    return hdf5_sparse(s->file, p->at, p->layout == BY_COLUMNS, rows, cols, &in->sparse);
}

/* The columns of an obsm data_frame become those of a matrix. */
static isk_status read_frame(const source *s, part *p) {
    input *in = &p->m.in;
    names columns;
    double *column = calloc((size_t)in->rows + 1, sizeof *column);
    isk_status status = frame_columns(s, p->at, &columns);
    if (status != ISK_OK) { free(column); return status; }
    in->values = (uint64_t)in->rows < PTRDIFF_MAX / sizeof *in->values / (uint64_t)in->cols ?
                 malloc((size_t)(in->rows * in->cols) * sizeof *in->values) : NULL;
    if (!column || !in->values) { status = out_of_memory(s); }
    for (int64_t j = 0; j < in->cols && status == ISK_OK; j++) {
        char at[HDF5_PATH];
        status = hdf5_doubles(s->file, hdf5_at(at, p->at, names_get(&columns, j)), in->rows, column);
        for (int64_t i = 0; i < in->rows && status == ISK_OK; i++) {
            const isk_scalar value = (isk_scalar)column[i];
            in->values[i * in->cols + j] = value;
            if (!isfinite(value)) {
                status = hdf5_fail(s->file, ISK_DATA, at, "row %lld is %s", (long long)i, isnan(value) ? "missing (NaN)" :
                                   "infinite, or beyond the range of numbers");
            }
        }
    }
    free(column);
    names_free(&columns);
    return status;
}

/* Out of a matrix that holds other modalities too. */
static isk_status take_columns(source *s, part *p) {
    input *in = &p->m.in, *whole = &s->whole;
    if (strcmp(s->whole_at, p->at) != 0) {
        isk_status status;
        input_free(whole);
        *whole = (input){ .context = s->file->context, .path = s->file->path, .rows = in->rows, .cols = p->all };
        status = read_matrix(s, p, in->rows, p->all, whole);
        if (status != ISK_OK) { return status; }
        strcpy(s->whole_at, p->at);
    }
    in->is_sparse = whole->is_sparse;
    if (in->is_sparse) { return sparse_select(s->file->context, s->file->path, &whole->sparse, p->columns, in->cols, &in->sparse); }
    in->values = malloc((size_t)(in->rows * in->cols) * sizeof *in->values);
    if (!in->values) { return out_of_memory(s); }
    for (int64_t i = 0; i < in->rows; i++) {
        for (int64_t j = 0; j < in->cols; j++) { in->values[i * in->cols + j] = whole->values[i * p->all + p->columns[j]]; }
    }
    return ISK_OK;
}

static isk_status read_values(source *s, part *p) {
    if (p->layout == FRAME) { return read_frame(s, p); }
    return p->columns ? take_columns(s, p) : read_matrix(s, p, p->m.in.rows, p->m.in.cols, &p->m.in);
}

/* ---- a matrix becomes one modality, or as many as its features have types ---- */

typedef struct matrix_plan {
    const char *at, *key, *words;   /* of the values; of a modality whose features have no types */
    layout layout;
    extent extent;
    names cells, features, ids, types;
    const char *about;
    int likely;                     /* words is a guess */
} matrix_plan;

static void plan_free(matrix_plan *p) {
    names_free(&p->cells);
    names_free(&p->features);
    names_free(&p->ids);
    names_free(&p->types);
}

/* The features of one type, or all when type is NULL.  0: out of memory. */
static int choose_features(part *part_, const matrix_plan *p, const char *type) {
    input *in = &part_->m.in;
    int done = names_copy(&in->row_names, &p->cells);
    if (type) {
        part_->columns = malloc(sizeof *part_->columns * (size_t)p->features.count);
        done = done && part_->columns;
    }
    for (int64_t j = 0; j < p->features.count && done; j++) {
        if (type && strcmp(names_get(&p->types, j), type) != 0) { continue; }
        if (type) { part_->columns[in->cols] = j; }
        in->cols++;
        done = names_add(&in->column_names, names_get(&p->features, j)) &&
            (p->ids.count == 0 || names_add(&part_->m.ids, names_get(&p->ids, j)));
    }
    return done && names_make_unique(&in->column_names);
}

/* How many entries a type has is not known before they are read: its share of the features.  What is turned or taken out of a larger
   matrix is there twice for a while. */
static void set_extent(part *new, const matrix_plan *p, int split) {
    const double share = split ? (double)new->m.in.cols / (double)p->features.count : 1;
    const int64_t all = p->extent.is_sparse ? p->extent.count : p->cells.count * p->features.count;
    const double each = (double)sizeof(isk_scalar) + (p->extent.is_sparse ? (double)sizeof(int32_t) : 0);
    new->extent = (extent){ .rows = new->m.in.rows, .cols = new->m.in.cols, .count = (int64_t)((double)all * share),
                            .is_sparse = p->extent.is_sparse };
    if (p->layout == BY_COLUMNS || split) { new->extent.reading = 2 * each; }
    if (split && p->extent.is_sparse) { new->extent.reading = each + SPARSE_READING; }
}

/* The modality of one type. */
static isk_status plan_part(source *s, const matrix_plan *p, const char *key, const char *words, const char *type) {
    part new = { .layout = p->layout, .all = p->features.count };
    modality_call(&new.m, key, words);
    new.m.likely = p->likely;
    new.m.in.context = s->file->context;
    new.m.in.path = s->file->path;
    new.m.in.rows = p->cells.count;
    snprintf(new.m.in.about, sizeof new.m.in.about, "%s", p->about);
    snprintf(new.at, sizeof new.at, "%s", p->at);
    if (!choose_features(&new, p, type)) {
        part_free(&new);
        return out_of_memory(s);
    }
    set_extent(&new, p, type != NULL);
    return add_part(s, &new);
}

/* A name that says no kind gives way to the only type of the features, where that says one. */
static const char *words_of(const char *name, const char *type) {
    return modality_kind_of(name) == MODALITY_OTHER && modality_kind_of(type) != MODALITY_OTHER ? type : name;
}

static isk_status plan_matrix(source *s, const matrix_plan *p, int split) {
    names types = { 0 };
    isk_status status = check_extent(s, p->at, &p->extent, p->cells.count, p->features.count);
    for (int64_t j = 0; j < p->types.count && status == ISK_OK; j++) {
        const char *type = names_get(&p->types, j);
        if (j > 0 && strcmp(type, names_get(&p->types, j - 1)) == 0) { continue; }
        if (names_find(&types, type) < 0 && !names_add(&types, type)) { status = out_of_memory(s); }
        if (types.count > 64) { break; }                    /* no types at all */
    }
    if (status == ISK_OK && split && types.count > 1 && types.count <= 64) {
        for (int64_t i = 0; i < types.count && status == ISK_OK; i++) {
            const char *type = names_get(&types, i);
            status = plan_part(s, p, type, *type ? type : "other", type);
        }
    } else if (status == ISK_OK) {
        const char *only = types.count == 1 ? names_get(&types, 0) : "";
        const int says = split && *only && modality_kind_of(p->words) == MODALITY_OTHER;
        status = plan_part(s, p, p->key ? p->key : *only ? only : p->words, says ? only : words_of(p->words, only), NULL);
    }
    names_free(&types);
    return status;
}

/* ---- 10x Genomics ---- */

/* A list of `group`, or of nothing when it is optional and not there. */
static isk_status read_list(const source *s, const char *group, const char *name, int64_t due, int optional, names *n) {
    char at[HDF5_PATH];
    isk_status status;
    memset(n, 0, sizeof *n);
    if (optional && !hdf5_is(s->file, group, name)) { return ISK_OK; }
    status = hdf5_names(s->file, hdf5_at(at, group, name), n);
    if (status == ISK_OK && due >= 0 && n->count != due) {
        status = hdf5_fail(s->file, ISK_DATA, at, "has %lld entries where there are %lld features", (long long)n->count, (long long)due);
        names_free(n);
    }
    return status;
}

/* Genes x cells by columns, which is cells x genes by rows.  Version 3 has its lists in `features`, version 2 in the group itself. */
static isk_status plan_tenx(source *s, const char *group, int version) {
    matrix_plan p = { .at = group, .layout = BY_ROWS, .words = version == 2 ? "Gene Expression" : "other", .likely = version == 2 };
    char lists[HDF5_PATH], at[HDF5_PATH];
    int64_t shape[2] = { 0, 0 };
    isk_status status = read_list(s, group, "barcodes", -1, 0, &p.cells);
    hdf5_at(lists, group, "features");
    p.about = version == 2 ? "10x Genomics .h5, version 2" : "10x Genomics .h5, version 3";
    if (status == ISK_OK) { status = read_list(s, version == 2 ? group : lists, version == 2 ? "genes" : "id", -1, 0, &p.ids); }
    if (status == ISK_OK) {
        status = read_list(s, version == 2 ? group : lists, version == 2 ? "gene_names" : "name", p.ids.count, 0, &p.features);
    }
    if (status == ISK_OK && version != 2) { status = read_list(s, lists, "feature_type", p.ids.count, 1, &p.types); }
    if (status == ISK_OK) { status = hdf5_whole(s->file, hdf5_at(at, group, "shape"), 2, shape); }
    p.extent = (extent){ .rows = shape[1], .cols = shape[0], .count = hdf5_look(s->file, hdf5_at(at, group, "indices")).rows,
                         .is_sparse = 1 };
    if (status == ISK_OK) { status = plan_matrix(s, &p, 1); }
    plan_free(&p);
    return status;
}

/* The groups of the root that are genomes of version 2. */
static isk_status find_genomes(const source *s, names *genomes) {
    names all;
    isk_status status = hdf5_list(s->file, "", &all);
    memset(genomes, 0, sizeof *genomes);
    if (status != ISK_OK) { return status; }
    for (int64_t i = 0; i < all.count && status == ISK_OK; i++) {
        const char *name = names_get(&all, i);
        if (!hdf5_is(s->file, name, "genes") || !hdf5_is(s->file, name, "barcodes") || !hdf5_is(s->file, name, "indptr")) { continue; }
        if (!names_add(genomes, name)) { status = out_of_memory(s); }
    }
    names_free(&all);
    return status;
}

static void join(text *t, const names *n) {
    for (int64_t i = 0; i < n->count && i < 12; i++) {
        shown word;
        text_format(t, "%s%s", i ? ", " : "", show(&word, names_get(n, i)));
    }
    if (n->count > 12) { text_add(t, ", ..."); }
    if (n->count == 0) { text_add(t, "nothing"); }
}

static isk_status plan_old_tenx(source *s) {
    names genomes, all = { 0 };
    text t = { 0 };
    isk_status status = find_genomes(s, &genomes);
    if (status == ISK_OK && genomes.count == 1) {
        status = plan_tenx(s, names_get(&genomes, 0), 2);
    } else if (status == ISK_OK && genomes.count > 1) {
        join(&t, &genomes);
        status = hdf5_fail(s->file, ISK_UNSUPPORTED, NULL, "holds %lld genomes (%s), each with its own cells; write a file of one of them",
                           (long long)genomes.count, t.data ? t.data : "");
    } else if (status == ISK_OK) {
        status = hdf5_list(s->file, "", &all);
        if (status == ISK_OK) {
            join(&t, &all);
            status = hdf5_fail(s->file, ISK_UNSUPPORTED, NULL,
                               "is an HDF5 file, but none of 10x Genomics (it has no group matrix), AnnData "
                               "(obs and var) or MuData (mod); it holds %s", t.data ? t.data : "");
        }
    }
    text_free(&t);
    names_free(&all);
    names_free(&genomes);
    return status;
}

/* ---- AnnData ---- */

/* chr1:9800-10100, chr1-9800-10100, GL000194.1_55000_56000: where a peak stands in the genome. */
static int is_place(const char *name) {
    static const char digits[] = "0123456789";
    const size_t length = strlen(name);
    size_t at = length, run = 0;
    for (int i = 0; i < 2; i++) {
        for (run = 0; at > 0 && strchr(digits, name[at - 1]); run++) { at--; }
        if (run == 0 || at < 2 || !strchr(":-_", name[at - 1])) { return 0; }
        at--;
    }
    return 1;
}

/* Of a matrix that says nothing of its features, "atac" when they are called like peaks, else "rna". */
static const char *likely_kind(const names *features) {
    int64_t places = 0;
    for (int64_t j = 0; j < features->count; j++) { places += is_place(names_get(features, j)); }
    return places > features->count / 2 ? "atac" : "rna";
}

static isk_status no_layer(const source *s, const char *prefix) {
    char layers[HDF5_PATH];
    text t = { 0 };
    names all = { 0 };
    shown word;
    isk_status status = ISK_OK;
    hdf5_at(layers, prefix, "layers");
    if (hdf5_is(s->file, prefix, "layers")) { status = hdf5_list(s->file, layers, &all); }
    join(&t, &all);
    if (status == ISK_OK) {
        status = hdf5_fail(s->file, ISK_DATA, prefix, "has no layer '%s'; its layers are: %s%s", show(&word, s->desc->layer),
                           t.data ? t.data : "", hdf5_is(s->file, prefix, "raw/X") ? "; and raw" : "");
    }
    text_free(&t);
    names_free(&all);
    return status;
}

/* Where the values are and which data_frame has the names of the features; `at` is "" where there are none.  `fall_back`: X where there is
   no such layer. */
static isk_status find_values(source *s, const char *prefix, int fall_back, char at[HDF5_PATH], char var[HDF5_PATH]) {
    char layers[HDF5_PATH];
    const char *layer = s->desc->layer;
    hdf5_at(at, prefix, "X");
    hdf5_at(var, prefix, "var");
    if (layer && strcmp(layer, "raw") == 0) {
        if (hdf5_is(s->file, prefix, "raw/X")) {
            hdf5_at(at, prefix, "raw/X");
            hdf5_at(var, prefix, "raw/var");
            s->cells->layers++;
            return ISK_OK;
        }
    } else if (layer && hdf5_is(s->file, hdf5_at(layers, prefix, "layers"), layer)) {
        hdf5_at(at, layers, layer);
        s->cells->layers++;
        return ISK_OK;
    }
    if (layer && !fall_back) { return no_layer(s, prefix); }
    if (!hdf5_is(s->file, prefix, "X")) { at[0] = 0; }
    return s->file->status;
}

/* What a file of several modalities has beside them, such as the receptors of T cells, is left out, unless it was asked for. */
static isk_status leave_out(const source *s, const char *prefix, const char *why) {
    shown word;
    if (s->desc->modalities) { return hdf5_fail(s->file, ISK_DATA, prefix, "%s; leave it out of --modalities", why); }
    if (s->desc->bar) { progress_say(s->desc->bar, "%s: %s: %s; it is left out", s->file->path, show(&word, prefix), why); }
    return ISK_OK;
}

/* X, or what is taken instead.  words: what says the kind; NULL: of a file of one AnnData, which its features say. */
static isk_status plan_values(source *s, const char *prefix, const char *words, int fall_back) {
    matrix_plan p = { .key = words ? prefix : NULL, .words = words, .about = words ? "MuData" : "AnnData" };
    char at[HDF5_PATH], var[HDF5_PATH], obs[HDF5_PATH];
    isk_status status = find_values(s, prefix, fall_back, at, var);
    p.at = at;
    if (status == ISK_OK && !*at && words) { return leave_out(s, prefix, "has no X"); }
    if (status == ISK_OK && !*at) { status = hdf5_fail(s->file, ISK_DATA, prefix, "has no X; name one of its layers instead"); }
    if (status == ISK_OK) { status = look_at_matrix(s, at, &p.layout, &p.extent); }
    if (status == ISK_OK && words && (p.extent.rows == 0 || p.extent.cols == 0)) {
        return leave_out(s, prefix, p.extent.cols == 0 ? "has no features" : "has no cells");
    }
    if (status == ISK_OK) { status = read_index(s, hdf5_at(obs, prefix, "obs"), &p.cells); }
    if (status == ISK_OK) { status = read_index(s, var, &p.features); }
    if (status == ISK_OK) { status = column_texts(s, var, "gene_ids", p.features.count, &p.ids); }
    if (status == ISK_OK) { status = column_texts(s, var, "feature_types", p.features.count, &p.types); }
    if (!words) {
        p.likely = p.types.count == 0;
        p.words = p.likely ? likely_kind(&p.features) : "other";
    }
    if (status == ISK_OK) { status = plan_matrix(s, &p, !words); }
    plan_free(&p);
    return status;
}

/* The data_frame of an obsm must be of the same cells in the same order. */
static isk_status check_frame_cells(const source *s, const char *at, const names *due) {
    names n;
    isk_status status = read_index(s, at, &n);
    shown a, b;
    if (status == ISK_OK && n.count != due->count) {
        status = hdf5_fail(s->file, ISK_DATA, at, "has %lld cells where obs has %lld", (long long)n.count, (long long)due->count);
    }
    for (int64_t i = 0; i < n.count && status == ISK_OK; i++) {
        if (strcmp(names_get(&n, i), names_get(due, i)) == 0) { continue; }
        status = hdf5_fail(s->file, ISK_DATA, at, "row %lld is cell '%s' where obs has '%s'", (long long)i, show(&a, names_get(&n, i)),
                           show(&b, names_get(due, i)));
    }
    names_free(&n);
    return status;
}

/* Names of the columns of an obsm, and how it is held; an array has none, and they are NAME_1, NAME_2, ... */
static isk_status look_at_obsm(const source *s, matrix_plan *p, const char *key) {
    char format[40];
    isk_status status = attribute(s, p->at, "encoding-type", format, sizeof format);
    if (status != ISK_OK) { return status; }
    if (strcmp(format, "dataframe") == 0) {
        p->layout = FRAME;
        status = check_frame_cells(s, p->at, &p->cells);
        if (status == ISK_OK) { status = frame_columns(s, p->at, &p->features); }
        p->extent = (extent){ .rows = p->cells.count, .cols = p->features.count };
        return status;
    }
    status = look_at_matrix(s, p->at, &p->layout, &p->extent);
    if (status == ISK_OK && p->extent.cols > 100000) {
        status = hdf5_fail(s->file, ISK_UNSUPPORTED, p->at, "has %lld columns without names; at most 100000 are read",
                           (long long)p->extent.cols);
    }
    for (int64_t j = 0; j < p->extent.cols && status == ISK_OK; j++) {
        char name[128];
        snprintf(name, sizeof name, "%.96s_%lld", key, (long long)j + 1);
        if (!names_add(&p->features, name)) { status = out_of_memory(s); }
    }
    return status;
}

/* desc->obsm: KEY or NAME=KEY */
static isk_status plan_obsm(source *s) {
    const char *wanted = s->desc->obsm, *equals = wanted ? strchr(wanted, '=') : NULL, *key = equals ? equals + 1 : wanted;
    char at[HDF5_PATH], words[96];
    matrix_plan p = { .at = at, .key = at, .words = words, .about = "AnnData, obsm" };
    isk_status status;
    if (wanted && !*wanted) { return ISK_OK; }
    if (!wanted) {
        key = hdf5_is(s->file, "obsm", "protein_expression") ? "protein_expression" : "protein_counts";      /* of others; of our own */
        if (!hdf5_is(s->file, "obsm", key)) { return ISK_OK; }
    }
    hdf5_at(at, "obsm", key);
    snprintf(words, sizeof words, "%.*s", equals ? (int)(equals - wanted < 90 ? equals - wanted : 90) : 90, equals ? wanted : key);
    if (!hdf5_is(s->file, "obsm", key)) { return hdf5_fail(s->file, ISK_DATA, at, "is not there"); }
    s->cells->obsms++;
    status = read_index(s, "obs", &p.cells);
    if (status == ISK_OK) { status = look_at_obsm(s, &p, key); }
    if (status == ISK_OK) { status = plan_matrix(s, &p, 0); }
    plan_free(&p);
    return status;
}

static isk_status plan_anndata(source *s) {
    isk_status status = plan_values(s, "", NULL, s->desc->only != NULL);        /* another file may have the layer */
    if (status == ISK_OK) { status = plan_obsm(s); }
    return status == ISK_OK ? add_table(s, "obs") : status;
}

/* ---- MuData ---- */

/* Whether any modality has the layer that is wanted; the others give X. */
static isk_status check_layer(const source *s, const names *order) {
    const char *layer = s->desc->layer;
    char prefix[HDF5_PATH], layers[HDF5_PATH];
    shown word;
    if (!layer || s->desc->only) { return ISK_OK; }
    for (int64_t i = 0; i < order->count; i++) {
        hdf5_at(prefix, "mod", names_get(order, i));
        if (strcmp(layer, "raw") == 0 ? hdf5_is(s->file, prefix, "raw/X") : hdf5_is(s->file, hdf5_at(layers, prefix, "layers"), layer)) {
            return ISK_OK;
        }
    }
    return hdf5_fail(s->file, ISK_DATA, NULL, "no modality has a layer '%s'", show(&word, layer));
}

/* The only type of the features, or "". */
static isk_status only_type(const source *s, const char *var, char type[96]) {
    char at[HDF5_PATH], list[HDF5_PATH];
    names types = { 0 };
    isk_status status;
    int same = 1;
    hdf5_at(at, var, "feature_types");
    hdf5_at(list, at, hdf5_is(s->file, at, "codes") ? "codes" : "values");
    status = column_texts(s, var, "feature_types", hdf5_look(s->file, hdf5_is(s->file, "", list) ? list : at).rows, &types);
    for (int64_t j = 1; j < types.count && same; j++) { same = strcmp(names_get(&types, j), names_get(&types, 0)) == 0; }
    snprintf(type, 96, "%s", types.count > 0 && same ? names_get(&types, 0) : "");
    names_free(&types);
    return status;
}

/* What plan_values will call a modality; of one whose name says its kind nothing more is looked at. */
static isk_status call_modality(const source *s, const char *name, modality *m) {
    char prefix[HDF5_PATH], var[HDF5_PATH], type[96] = "";
    isk_status status = ISK_OK;
    hdf5_at(prefix, "mod", name);
    if (modality_kind_of(name) == MODALITY_OTHER) { status = only_type(s, hdf5_at(var, prefix, "var"), type); }
    memset(m, 0, sizeof *m);
    modality_call(m, prefix, words_of(name, type));
    return status;
}

static isk_status plan_mudata(source *s) {
    names order;
    modality m;
    isk_status status = hdf5_attribute(s->file, "mod", "mod-order", &order);
    if (status == ISK_OK && order.count == 0) { status = hdf5_list(s->file, "mod", &order); }
    if (status != ISK_OK) { return status; }
    status = check_layer(s, &order);
    if (status == ISK_OK && hdf5_is(s->file, "", "obs")) { status = add_table(s, "obs"); }
    for (int64_t i = 0; i < order.count && status == ISK_OK; i++) {
        status = call_modality(s, names_get(&order, i), &m);
        if (status == ISK_OK && !cells_offer(s->cells, &m)) { status = out_of_memory(s); }
    }
    for (int64_t i = 0; i < order.count && status == ISK_OK; i++) {
        char prefix[HDF5_PATH], obs[HDF5_PATH];
        const int64_t before = s->count;
        status = call_modality(s, names_get(&order, i), &m);
        if (status != ISK_OK || !cells_want(s->cells, s->desc, &m)) { continue; }
        status = plan_values(s, hdf5_at(prefix, "mod", names_get(&order, i)), names_get(&order, i), 1);
        if (status == ISK_OK && s->count > before) { status = add_table(s, hdf5_at(obs, prefix, "obs")); }
    }
    names_free(&order);
    return status;
}

/* ---- all of them ---- */

/* HDF5 of other programs, by two things that it holds. */
static isk_status refuse_others(const source *s) {
    static const struct { const char *one, *two, *what; } others[] = {
        { "row_attrs", "col_attrs", "is a loom file; write it as .h5ad: scanpy.read_loom(FILE).write_h5ad(\"cells.h5ad\")" },
        { "assays", "cell.names", "is an h5Seurat file; write it as .h5ad: in R SeuratDisk::Convert(FILE, dest = \"h5ad\")" },
        { "barcode_info", "umi", "is molecule_info.h5 of Cell Ranger; give the filtered_feature_bc_matrix.h5 beside it" },
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (hdf5_is(s->file, "", others[i].one) && hdf5_is(s->file, "", others[i].two)) {
            return hdf5_fail(s->file, ISK_UNSUPPORTED, NULL, "%s", others[i].what);
        }
    }
    return ISK_OK;
}

static isk_status plan(source *s) {
    const isk_status status = refuse_others(s);
    if (status != ISK_OK) { return status; }
    if (hdf5_look(s->file, "mod").kind == HDF5_GROUP) { return plan_mudata(s); }
    if (hdf5_is(s->file, "", "obs") && hdf5_is(s->file, "", "var")) { return plan_anndata(s); }
    if (hdf5_is(s->file, "matrix", "barcodes")) { return plan_tenx(s, "matrix", 3); }
    return plan_old_tenx(s);
}

/* All have been offered before the first is asked for. */
static isk_status choose_parts(source *s) {
    int64_t kept = 0;
    for (int64_t i = 0; i < s->count; i++) {
        if (!cells_offer(s->cells, &s->parts[i].m)) { return out_of_memory(s); }
    }
    for (int64_t i = 0; i < s->count; i++) {
        if (cells_want(s->cells, s->desc, &s->parts[i].m)) { s->parts[kept++] = s->parts[i]; } else { part_free(&s->parts[i]); }
    }
    s->count = kept;
    return ISK_OK;
}

/* Of a file that is to give one modality the others go. */
static isk_status choose_part(source *s) {
    modality **list = calloc((size_t)s->count + 1, sizeof *list);
    int64_t chosen = -1;
    isk_status status = list ? ISK_OK : out_of_memory(s);
    for (int64_t i = 0; i < s->count && list; i++) { list[i] = &s->parts[i].m; }
    if (status == ISK_OK) { status = cells_choose(s->cells, s->desc, list, s->count, &chosen); }
    free(list);
    if (chosen < 0 || status != ISK_OK) { return status; }
    for (int64_t i = 0; i < s->count; i++) {
        if (i != chosen) { part_free(&s->parts[i]); }
    }
    s->parts[0] = s->parts[chosen];
    s->count = 1;
    return ISK_OK;
}

static isk_status check_memory(const source *s) {
    extent *parts = malloc(sizeof *parts * (size_t)(s->count > 0 ? s->count : 1));
    isk_status status = parts ? ISK_OK : out_of_memory(s);
    for (int64_t i = 0; i < s->count && parts; i++) {
        parts[i] = s->parts[i].extent;
        parts[i].name = s->parts[i].m.name;
    }
    if (status == ISK_OK && s->count > 0) { status = memory_check(s->file->context, s->desc, s->file->path, parts, (int)s->count); }
    free(parts);
    return status;
}

isk_status h5_read(isk_context *context, const char *path, const read_desc *desc, cells *c) {
    static const read_desc defaults = { 0 };
    hdf5 file;
    source s = { .file = &file, .desc = desc ? desc : &defaults, .cells = c };
    isk_status status = hdf5_open(context, path, &file);
    if (status == ISK_OK) { status = plan(&s); }
    if (status == ISK_OK) { status = choose_parts(&s); }
    if (status == ISK_OK) { status = choose_part(&s); }
    if (status == ISK_OK) { status = check_memory(&s); }
    for (int64_t i = 0; i < s.count && status == ISK_OK; i++) {
        status = read_values(&s, &s.parts[i]);
        if (status == ISK_OK) { status = cells_add(c, &s.parts[i].m); }
    }
    if (status == ISK_OK) { status = file.status; }
    if (status == ISK_OK && !names_add(&c->files, path)) { status = out_of_memory(&s); }
    source_free(&s);
    return status;
}

#endif
