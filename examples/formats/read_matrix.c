/* Modalities from a file of one matrix, and what a table says of cells. */
#include "cells.h"
#include "stranger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- names of a matrix ---- */

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

/* Of features without a header, as 10x Genomics lists them, id, name and type: the second column, where it tells them apart. */
static isk_status feature_column(isk_context *context, const char *path, const frame *f, int64_t *col) {
    names second = { 0 };
    name_index x = { 0 };
    int64_t different = 0;
    int done = 1;
    *col = f->header ? name_column(f) : 0;
    if (f->header || f->cols < 2) { return ISK_OK; }
    for (int64_t r = 0; r < f->rows && done; r++) {
        if (name_index_find(&x, frame_get(f, r, 1)) >= 0) { continue; }
        done = names_add(&second, frame_get(f, r, 1)) && name_index_update(&x, &second);
        different++;
    }
    if (2 * different > f->rows) { *col = 1; }
    name_index_free(&x);
    names_free(&second);
    return done ? ISK_OK : no_memory(context, path);
}

static isk_status take_names(isk_context *context, const char *path, const frame *f, int64_t col, names *n) {
    for (int64_t r = 0; r < f->rows; r++) {
        const char *name = frame_get(f, r, col);
        if (!*name) { return isk_set_error(context, ISK_DATA, "%s: row %lld has no name", path, (long long)r + 1); }
        if (!names_add(n, name)) { return no_memory(context, path); }
    }
    return ISK_OK;
}

/* As many names as are due: a line more than that is a header.  They are those of the cells or features of `of`. */
static isk_status read_names(isk_context *context, const char *path, int64_t due, int of_features, const char *of, names *n) {
    frame f;
    int64_t col = 0;
    isk_status status = frame_read(context, path, &f);
    if (status != ISK_OK) { return status; }
    if (f.rows == due + 1) { frame_head(&f); }
    if (f.rows != due) {
        status = isk_set_error(context, ISK_SHAPE, "%s: has %lld names where %s has %lld %s", path, (long long)f.rows, of, (long long)due,
                               of_features ? "features" : "cells");
    }
    names_free(n);
    if (status == ISK_OK && of_features) { status = feature_column(context, path, &f, &col); }
    if (status == ISK_OK && !of_features && f.header) { col = name_column(&f); }
    if (status == ISK_OK) { status = take_names(context, path, &f, col, n); }
    frame_free(&f);
    return status;
}

static isk_status name_features(isk_context *context, const char *features, const char *of, input *in) {
    isk_status status = ISK_OK;
    if (features) { status = read_names(context, features, in->cols, 1, of, &in->column_names); }
    for (int64_t c = in->column_names.count; c < in->cols && status == ISK_OK; c++) {
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)c + 1);
        if (!names_add(&in->column_names, number)) { status = no_memory(context, of); }
    }
    if (status == ISK_OK && !names_make_unique(&in->column_names)) { status = no_memory(context, of); }
    return status;
}

/* ---- files of names beside a matrix that has none ---- */

enum { CELL_NAMES, FEATURE_NAMES, NAMED };
typedef struct beside { char path[NAMED][4400]; } beside;       /* "": there is none */

/* The first of `words` with a prefix of so many bytes of the matrix's path before it that is a file; 0: none. */
static int find_beside(const char *matrix, size_t prefix, const char *const *words, char path[4400]) {
    static const char *const ends[] = { ".tsv.gz", ".tsv", ".txt.gz", ".txt" };
    for (; *words; words++) {
        for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
            snprintf(path, 4400, "%.*s%s%s", (int)prefix, matrix, *words, ends[k]);
            if (access(path, R_OK) == 0) { return 1; }
        }
    }
    *path = 0;
    return 0;
}

/* Of counts.mtx first counts.barcodes.txt, then GSM1_barcodes.txt of GSM1_counts.mtx; what has no prefix, or only that, may be of another
   matrix: `sure` says that it is not. */
static void find_names(const char *matrix, beside *b, int *sure) {
    static const char *const cell_words[] = { "barcodes", "cells", NULL };
    static const char *const feature_words[] = { "features", "genes", "proteins", "peaks", NULL };
    const char *const *const words[NAMED] = { cell_words, feature_words };
    const char *slash = strrchr(matrix, '/'), *base = slash ? slash + 1 : matrix;
    const size_t folder = (size_t)(base - matrix);
    size_t stem = strlen(matrix), shorter;
    char own[4096];
    *b->path[CELL_NAMES] = *b->path[FEATURE_NAMES] = 0;
    if (stem >= sizeof own - 1) { return; }
    if (stem > folder + 3 && strcmp(matrix + stem - 3, ".gz") == 0) { stem -= 3; }
    while (stem > folder && matrix[stem] != '.') { stem--; }
    if (stem == folder) { stem = strlen(matrix); }
    for (shorter = stem; shorter > folder && !strchr("._-", matrix[shorter - 1]); shorter--) {}
    *sure = 1;
    for (const char *separator = "._-"; *separator; separator++) {
        snprintf(own, sizeof own, "%.*s%c", (int)stem, matrix, *separator);
        for (int k = 0; k < NAMED; k++) {
            if (!*b->path[k]) { find_beside(own, stem + 1, words[k], b->path[k]); }
        }
    }
    if (*b->path[CELL_NAMES] || *b->path[FEATURE_NAMES]) { return; }
    *sure = 0;
    for (int k = 0; k < NAMED; k++) {
        if (!find_beside(matrix, shorter, words[k], b->path[k]) && shorter > folder) { find_beside(matrix, folder, words[k], b->path[k]); }
    }
}

/* How many names a file has, one more where it has a header. */
static isk_status count_names(isk_context *context, const char *path, int64_t *count) {
    frame f;
    const isk_status status = frame_read(context, path, &f);
    if (status != ISK_OK) { return status; }
    *count = f.rows;
    frame_free(&f);
    return ISK_OK;
}

/* How many of the lists (count -1: there is none) have as many names as a matrix of that size needs, a header apart; -1: not all may. */
static int count_fitting(const int64_t count[NAMED], int64_t cells_due, int64_t features_due) {
    const int64_t due[NAMED] = { cells_due, features_due };
    int fitting = 0;
    for (int k = 0; k < NAMED; k++) {
        if (count[k] >= 0 && count[k] != due[k] && count[k] != due[k] + 1) { return -1; }
        fitting += count[k] == due[k];
    }
    return fitting;
}

/* Files that are read together: which way a table lies is told by the others. */
enum { MOST_FILES = ISK_MAX_VIEWS + 1 };            /* one too many is refused when it is added */
typedef struct batch {
    isk_context *context;
    const matrix_source *sources;
    const read_desc *desc;
    const names *known;             /* cells, or NULL */
    modality m[MOST_FILES];
    cells from[MOST_FILES];         /* what else a file says that is no matrix; path NULL: it is one */
    beside beside[MOST_FILES];      /* of a matrix, the names that it has from */
    unsigned named;                 /* bits of those whose names are settled */
    int count;                      /* that are read */
    unsigned unsaid;                /* bits of those whose size is still to be said */
} batch;

static extent extent_of(const modality *m) {
    const input *in = &m->in;
    return (extent){ in->rows, in->cols, in->is_sparse ? in->sparse.count : in->rows * in->cols, in->is_sparse, m->name, 0 };
}

/* What is there already, without those whose size is still to be said. */
static int list_read(const batch *b, const cells *c, unsigned unsaid, extent parts[2 * MOST_FILES]) {
    int count = 0;
    for (int i = 0; i < c->count; i++) { parts[count++] = extent_of(&c->modality[i]); }
    for (int i = 0; i < b->count; i++) {
        if (!(unsaid >> i & 1)) { parts[count++] = extent_of(&b->m[i]); }
    }
    return count;
}

/* The limit is for all: for what is to come, or what has just been read and is still to be said, beside what was read before.  A silent one
   says nothing yet. */
static isk_status check_size(const batch *b, const cells *c, const input_extent *next, int silent) {
    extent before[2 * MOST_FILES], parts[MOST_FILES];
    const unsigned unsaid = next ? 0 : b->unsaid;
    read_desc desc = *b->desc;
    int count = 0;
    for (int i = 0; i < b->count; i++) {
        if (unsaid >> i & 1) { parts[count++] = extent_of(&b->m[i]); }
    }
    if (next) {
        parts[count++] = (extent){ next->rows, next->cols, next->count, next->is_sparse, b->m[b->count].name,
                                   next->is_sparse ? SPARSE_READING : 0 };
    }
    desc.beside = before;
    desc.beside_count = list_read(b, c, unsaid, before);
    if (silent) { desc.bar = NULL; }
    return memory_check(b->context, &desc, b->sources[next ? b->count : b->count - 1].path, parts, count);
}

/* A file that may hold several modalities and knows the names of its cells and features, and more of the cells. */
static isk_status read_one_of(batch *b, const cells *c) {
    const matrix_source *source = &b->sources[b->count];
    extent parts[2 * MOST_FILES];
    read_desc desc = *b->desc;
    cells *from = &b->from[b->count];
    isk_status status;
    if (source->along == CELLS_IN_COLUMNS) {
        return isk_set_error(b->context, ISK_ARGUMENT, "%s: says itself which of its names are cells; --transpose is for matrices",
                             source->path);
    }
    desc.modalities = NULL;
    desc.only = &source->kind;
    desc.beside = parts;
    desc.beside_count = list_read(b, c, 0, parts);
    status = cells_load(from, b->context, source->path, &desc);
    if (status != ISK_OK) { return status; }
    b->m[b->count++] = from->modality[0];
    from->count = 0;
    memset(&from->modality[0], 0, sizeof from->modality[0]);
    return ISK_OK;
}

/* Names that the line gives. */
static void take_given(batch *b) {
    const char *const given[NAMED] = { b->sources[b->count].cells, b->sources[b->count].features };
    for (int k = 0; k < NAMED; k++) {
        char *path = b->beside[b->count].path[k];
        snprintf(path, sizeof b->beside->path[k], "%s", given[k] ? given[k] : "");
    }
}

/* Which files name a matrix, and whether its columns are the cells, as their numbers say where nothing else does. */
static isk_status find_way(batch *b, const input_extent *size, int *turned) {
    const matrix_source *source = &b->sources[b->count];
    beside *own = &b->beside[b->count], found;
    int64_t count[NAMED] = { -1, -1 };
    int sure = 1, guessed = 0, straight, other;
    isk_status status = ISK_OK;
    find_names(source->path, &found, &sure);
    for (int k = 0; k < NAMED && status == ISK_OK; k++) {
        if (!*own->path[k] && *found.path[k]) {
            memcpy(own->path[k], found.path[k], sizeof found.path[k]);
            guessed |= !sure << k;
        }
        if (*own->path[k]) { status = count_names(b->context, own->path[k], &count[k]); }
    }
    if (status != ISK_OK) { return status; }
    straight = count_fitting(count, size->rows, size->cols);
    other = count_fitting(count, size->cols, size->rows);
    if (source->along == CELLS_FOUND) { *turned = other > 0 && other > straight; }
    for (int k = 0; k < NAMED; k++) {
        if (guessed >> k & 1 && (*turned ? other : straight) < 0) { *own->path[k] = 0; }
    }
    return ISK_OK;
}

/* What the line gives goes before what the file has. */
static isk_status name_sides(batch *b, int i) {
    const char *path = b->sources[i].path, *cells_by = b->beside[i].path[CELL_NAMES], *features_by = b->beside[i].path[FEATURE_NAMES];
    input *in = &b->m[i].in;
    isk_status status = ISK_OK;
    b->named |= 1u << i;
    if (*cells_by) { status = read_names(b->context, cells_by, in->rows, 0, path, &in->row_names); }
    if (status == ISK_OK) { status = name_features(b->context, *features_by ? features_by : NULL, path, in); }
    if (status == ISK_OK && b->desc->bar && (*cells_by || *features_by)) {
        progress_say(b->desc->bar, "%s: named by %s%s%s: taken as %lld cells x %lld features", path, cells_by,
                     *cells_by && *features_by ? " and " : "", features_by, (long long)in->rows, (long long)in->cols);
    }
    return status;
}

/* What it takes is said before it is read where the file tells that at once; of text, when it is known which way it lies. */
static isk_status read_next(batch *b, const cells *c) {
    const matrix_source *source = &b->sources[b->count];
    int turned = source->along == CELLS_IN_COLUMNS;
    modality *m = &b->m[b->count];
    input_extent size;
    isk_status status;
    take_given(b);
    if (cells_is(source->path)) { return read_one_of(b, c); }
    status = stranger_refuse(b->context, source->path, "");
    if (status == ISK_OK) { status = input_size(b->context, source->path, 0, &size); }
    if (status == ISK_OK && size.rows > 0) { status = find_way(b, &size, &turned); }
    if (status != ISK_OK) { return status; }
    modality_call_file(m, source->path, source->kind);
    if (turned) { size = (input_extent){ size.cols, size.rows, size.count, size.is_sparse }; }
    if (size.rows > 0) { status = check_size(b, c, &size, 0); }
    if (status == ISK_OK) { status = input_read(b->context, source->path, &(input_desc){ .transpose = turned }, &m->in); }
    if (status == ISK_OK && size.rows > 0) { status = name_sides(b, b->count); }
    if (status != ISK_OK) { return status; }
    if (size.rows == 0) { b->unsaid |= 1u << b->count; }
    b->count++;
    return size.rows > 0 ? ISK_OK : check_size(b, c, NULL, 1);
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
        if (b->sources[i].along != CELLS_FOUND || *b->beside[i].path[CELL_NAMES] || b->from[i].path || in->is_sparse) { continue; }
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
    const char *path = b->sources[i].path;
    cells *from = &b->from[i];
    isk_status status = b->named >> i & 1 ? ISK_OK : name_sides(b, i);
    for (int k = 0; k < NAMED && status == ISK_OK; k++) {
        const char *named_by = b->beside[i].path[k];
        if (*named_by && !names_add(&c->files, named_by)) { status = no_memory(b->context, path); }
    }
    if (status == ISK_OK && !from->path && !names_add(&c->files, path)) { status = no_memory(b->context, path); }
    for (int64_t k = 0; k < from->files.count && status == ISK_OK; k++) {
        if (!names_add(&c->files, names_get(&from->files, k))) { status = no_memory(b->context, path); }
    }
    if (status == ISK_OK) { status = cells_add(c, &b->m[i]); }
    for (int64_t k = 0; k < from->table_count && status == ISK_OK; k++) {
        if (!from->tables[k].path) { from->tables[k].path = path; }
        status = cells_add_table(c, &from->tables[k]);
    }
    return status;
}

/* What is chosen in files that have such a thing stands in one of them at least. */
static isk_status check_chosen(const batch *b) {
    int layers = 0, obsms = 0;
    for (int i = 0; i < b->count; i++) {
        layers += b->from[i].layers;
        obsms += b->from[i].obsms;
    }
    return cells_check_chosen(b->context, b->desc, layers, obsms);
}

/* Whether two files that were read are one, and the same of it was taken.  0 too where the system does not say. */
static int is_same(const batch *b, int i, int k) {
    struct stat first, second;
    const names *x = &b->m[i].in.column_names, *y = &b->m[k].in.column_names;
    if (stat(b->sources[i].path, &first) != 0 || stat(b->sources[k].path, &second) != 0) { return 0; }
    if (first.st_dev != second.st_dev || first.st_ino != second.st_ino || b->m[i].in.cols != b->m[k].in.cols) { return 0; }
    for (int64_t j = 0; j < x->count && j < y->count; j++) {
        if (strcmp(names_get(x, j), names_get(y, j)) != 0) { return 0; }
    }
    return 1;
}

/* One matrix as two modalities would share everything, which looks like a finding. */
static isk_status check_different(const batch *b) {
    for (int i = 0; i < b->count; i++) {
        for (int k = 0; k < i; k++) {
            if (!is_same(b, k, i)) { continue; }
            return isk_set_error(b->context, ISK_ARGUMENT, "%s: is given for %s and for %s, with the same features", b->sources[i].path,
                                 modality_kind_name(b->sources[k].kind), modality_kind_name(b->sources[i].kind));
        }
    }
    return ISK_OK;
}

isk_status matrices_read(isk_context *context, const matrix_source *sources, int count, const names *known, const read_desc *desc,
                         cells *c) {
    batch *b = calloc(1, sizeof *b);
    isk_status status = ISK_OK;
    if (!b) { return no_memory(context, sources[0].path); }
    *b = (batch){ .context = context, .sources = sources, .desc = desc, .known = known };
    while (b->count < count && b->count < MOST_FILES && status == ISK_OK) { status = read_next(b, c); }
    if (status == ISK_OK) { status = check_chosen(b); }
    if (status == ISK_OK) { status = find_ways(b); }
    if (status == ISK_OK) { status = check_different(b); }
    if (status == ISK_OK && b->unsaid) { status = check_size(b, c, NULL, 0); }
    for (int i = 0; i < b->count && status == ISK_OK; i++) { status = add_next(b, c, i); }
    for (int i = 0; i < MOST_FILES; i++) {
        modality_free(&b->m[i]);
        cells_free(&b->from[i]);
    }
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
        status = take_names(context, path, &f, names_at, &t->cells);
    }
    for (int64_t col = 0; col < f.cols && status == ISK_OK; col++) {
        if (col != names_at) { status = add_column(context, path, &f, col, t); }
    }
    frame_free(&f);
    if (status != ISK_OK) { cell_table_free(t); }
    return status;
}
