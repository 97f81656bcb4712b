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

/* Files that are read together: which way a table lies is told by the others. */
enum { MOST_FILES = ISK_MAX_VIEWS + 1 };            /* one too many is refused when it is added */
typedef struct batch {
    isk_context *context;
    const matrix_source *sources;
    const read_desc *desc;
    const names *known;             /* cells, or NULL */
    modality m[MOST_FILES];
    int count;                      /* that are read */
    int unsaid;                     /* 1: what it takes is still to be said */
} batch;

/* What has been read beside what is to come: the limit is for all.  A silent one says nothing yet. */
static isk_status check_size(const batch *b, const cells *c, int upto, const input_extent *next, int silent) {
    extent parts[2 * MOST_FILES];
    read_desc desc = *b->desc;
    int count = 0;
    for (int i = 0; i < c->count + upto; i++) {
        const modality *m = i < c->count ? &c->modality[i] : &b->m[i - c->count];
        const input *in = &m->in;
        parts[count++] = (extent){ in->rows, in->cols, in->is_sparse ? in->sparse.count : in->rows * in->cols, in->is_sparse, m->name, 0 };
    }
    if (next) {
        parts[count++] = (extent){ next->rows, next->cols, next->count, next->is_sparse, b->m[upto].name,
                                   next->is_sparse ? SPARSE_READING : 0 };
    }
    if (silent) { desc.bar = NULL; }
    return memory_check(b->context, &desc, b->sources[next ? upto : upto - 1].path, parts, count);
}

/* What it takes is said before it is read where the file tells that at once; of text, when it is known which way it lies. */
static isk_status read_next(batch *b, const cells *c) {
    const matrix_source *source = &b->sources[b->count];
    const int turned = source->along == CELLS_IN_COLUMNS;
    modality *m = &b->m[b->count];
    input_extent size;
    isk_status status = input_size(b->context, source->path, turned, &size);
    if (status != ISK_OK) { return status; }
    call_matrix(m, source);
    if (size.rows > 0) { status = check_size(b, c, b->count, &size, 0); }
    if (status == ISK_OK) { status = input_read(b->context, source->path, &(input_desc){ .transpose = turned }, &m->in); }
    if (status == ISK_OK) { b->count++; }
    if (status != ISK_OK || size.rows > 0) { return status; }
    b->unsaid = 1;
    return check_size(b, c, b->count, NULL, 1);
}

/* ---- which way tables lie ---- */

/* The names of either side of each table, and those that are known: how much two lists are alike, as the part that both have of what
   either has.  That is large for the same cells, and small for features of which another table has some, as genes that are called as
   antibodies.  Names go without a suffix, so that cells that only have one are not taken for others. */
enum { ROW_NAMES, COLUMN_NAMES, SIDES, LISTS = SIDES * MOST_FILES + 1, KNOWN = LISTS - 1 };
#define LEAST_ALIKE 0.3             /* of cells in columns, where barcodes do not tell */
typedef struct sides {
    names list[LISTS];
    double alike[LISTS][LISTS];
} sides;

static void sides_free(sides *s) {
    for (int i = 0; i < LISTS; i++) { names_free(&s->list[i]); }
}

static int compare_sides(sides *s, int i) {
    name_index x = { 0 };
    const int done = name_index_update(&x, &s->list[i]);
    for (int k = i + 1; k < LISTS && done; k++) {
        int64_t both = 0, any;
        for (int64_t r = 0; r < s->list[k].count && s->list[i].count > 0; r++) {
            both += name_index_find(&x, names_get(&s->list[k], r)) >= 0;
        }
        any = s->list[i].count + s->list[k].count - both;
        s->alike[i][k] = s->alike[k][i] = any > 0 ? (double)both / (double)any : 0;
    }
    name_index_free(&x);
    return done;
}

static int take_side(const names *from, names *to) {
    if (!names_copy(to, from)) { return 0; }
    names_strip_suffix(to);
    return 1;
}

static int sides_make(const batch *b, sides *s) {
    int done = !b->known || take_side(b->known, &s->list[KNOWN]);
    for (int i = 0; i < b->count && done; i++) {
        done = take_side(&b->m[i].in.row_names, &s->list[SIDES * i + ROW_NAMES]) &&
               take_side(&b->m[i].in.column_names, &s->list[SIDES * i + COLUMN_NAMES]);
    }
    for (int i = 0; i < LISTS && done; i++) { done = compare_sides(s, i); }
    return done;
}

static int are_barcodes(const names *n) {
    int64_t count = 0;
    for (int64_t i = 0; i < n->count; i++) { count += is_barcode(names_get(n, i)); }
    return 2 * count > n->count;
}

/* How much the cells of table i are those of other tables and those known, when bit i of `turned` says that they are its columns. */
static double agreement(const batch *b, const sides *s, int turned, int i) {
    const int own = SIDES * i + (turned >> i & 1);
    double sum = s->alike[own][KNOWN];
    for (int k = 0; k < b->count; k++) { sum += k == i ? 0 : s->alike[own][SIDES * k + (turned >> k & 1)]; }
    return sum;
}

static double agreement_of_all(const batch *b, const sides *s, int turned) {
    double sum = 0;
    for (int i = 0; i < b->count; i++) { sum += agreement(b, s, turned, i) + s->alike[SIDES * i + (turned >> i & 1)][KNOWN]; }
    return sum / 2;                 /* of two tables it is counted from both, of one and those known here too */
}

/* Of the ways in which the tables that are `open` may lie the one whose cells agree most; but cells are rows unless another way is clearly
   better: features that two tables have in common say only that both lie the same way. */
static int best_way(const batch *b, const sides *s, int open, int turned) {
    const double given = agreement_of_all(b, s, turned);
    double best = 2 * given > LEAST_ALIKE ? 2 * given : LEAST_ALIKE;
    int found = turned;
    for (int way = 1; way < 1 << b->count; way++) {
        const double sum = way & ~open ? 0 : agreement_of_all(b, s, turned | way);
        if (sum > best) {
            best = sum;
            found = turned | way;
        }
    }
    return found;
}

static isk_status turn(batch *b, const sides *s, int i, int by_barcodes) {
    const int own = SIDES * i + COLUMN_NAMES;
    input *in = &b->m[i].in;
    const isk_status status = input_transpose(in);
    if (status == ISK_OK && b->desc->bar) {
        progress_say(b->desc->bar, "%s: columns are the cells, as %s: taken as %lld cells x %lld features; --transpose none reads rows as "
                     "cells", in->path, by_barcodes ? "their names are barcodes" : s->alike[own][KNOWN] > 0 ? "--cells names them" :
                     "another file names them so", (long long)in->rows, (long long)in->cols);
    }
    return status;
}

/* Barcodes tell at once; what they leave open the other names tell. */
static isk_status find_ways(batch *b) {
    sides *s = calloc(1, sizeof *s);
    int open = 0, turned = 0, by_barcodes;
    isk_status status = s && sides_make(b, s) ? ISK_OK : no_memory(b->context, b->sources[0].path);
    for (int i = 0; i < b->count && status == ISK_OK; i++) {
        const input *in = &b->m[i].in;
        const int rows = are_barcodes(&in->row_names), columns = are_barcodes(&in->column_names);
        if (b->sources[i].along != CELLS_FOUND || b->sources[i].cells || in->is_sparse) { continue; }
        if (columns && !rows) { turned |= 1 << i; } else if (rows == columns) { open |= 1 << i; }
    }
    by_barcodes = turned;
    if (status == ISK_OK) { turned = best_way(b, s, open, turned); }
    for (int i = 0; i < b->count && status == ISK_OK; i++) {
        b->m[i].fits_neither = open >> i & 1 && agreement(b, s, turned | 1 << i, i) + agreement(b, s, turned & ~(1 << i), i) <= 0;
        if (turned >> i & 1) { status = turn(b, s, i, by_barcodes >> i & 1); }
    }
    if (s) { sides_free(s); }
    free(s);
    return status;
}

static isk_status add_next(batch *b, cells *c, int i) {
    const matrix_source *source = &b->sources[i];
    modality *m = &b->m[i];
    isk_status status = ISK_OK;
    if (source->cells) { status = read_names(b->context, source->cells, m->in.rows, "cells", source->path, &m->in.row_names); }
    if (status == ISK_OK) { status = name_features(b->context, source, &m->in); }
    if (status == ISK_OK && !names_add(&c->files, source->path)) { status = no_memory(b->context, source->path); }
    return status == ISK_OK ? cells_add(c, m) : status;
}

isk_status matrices_read(isk_context *context, const matrix_source *sources, int count, const names *known, const read_desc *desc,
                         cells *c) {
    batch *b = calloc(1, sizeof *b);
    isk_status status = ISK_OK;
    if (!b) { return no_memory(context, sources[0].path); }
    *b = (batch){ .context = context, .sources = sources, .desc = desc, .known = known };
    while (b->count < count && b->count < MOST_FILES && status == ISK_OK) { status = read_next(b, c); }
    if (status == ISK_OK) { status = find_ways(b); }
    if (status == ISK_OK && b->unsaid) { status = check_size(b, c, b->count, NULL, 0); }
    for (int i = 0; i < b->count && status == ISK_OK; i++) { status = add_next(b, c, i); }
    for (int i = 0; i < MOST_FILES; i++) { modality_free(&b->m[i]); }
    free(b);
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
