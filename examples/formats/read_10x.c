/* Folders of 10x Genomics: matrix.mtx, features.tsv or genes.tsv, barcodes.tsv, each plain or gzip, all with one prefix or none. */
#include "cells.h"
#include "stranger.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- which files ---- */

enum { MATRIX, FEATURES, BARCODES, FILES };
static const char *const wanted[FILES] = { "matrix.mtx", "features.tsv or genes.tsv", "barcodes.tsv" };

/* Of two that are there the first is read. */
static const struct { int file; const char *end; } ends[] = {
    { MATRIX, "matrix.mtx.gz" }, { MATRIX, "matrix.mtx" }, { FEATURES, "features.tsv.gz" }, { FEATURES, "features.tsv" },
    { FEATURES, "genes.tsv.gz" }, { FEATURES, "genes.tsv" }, { BARCODES, "barcodes.tsv.gz" }, { BARCODES, "barcodes.tsv" }
};
enum { ENDS = sizeof ends / sizeof *ends };

typedef struct folder {
    isk_context *context;
    const char *path;
    char *folder, *prefix;          /* prefix: of the files' names, as the path says; "" none */
    names files;                    /* in the folder that begin with the prefix and have one of the ends, in alphabetical order */
    names prefixes;                 /* of the matrices among them */
    int is_matrix;                  /* the path is that of the matrix itself */
    char *file[FILES];
} folder;

static void folder_free(folder *f) {
    free(f->folder);
    free(f->prefix);
    names_free(&f->files);
    names_free(&f->prefixes);
    for (int i = 0; i < FILES; i++) { free(f->file[i]); }
    memset(f, 0, sizeof *f);
}

static char *join(const char *a, const char *b, const char *c) {
    const size_t room = strlen(a) + strlen(b) + strlen(c) + 1;
    char *joined = malloc(room);
    if (joined) { snprintf(joined, room, "%s%s%s", a, b, c); }
    return joined;
}

static int is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Which end a file's name has; -1: none.  length: of what stands before it. */
static int end_of(const char *name, size_t *length) {
    const size_t whole = strlen(name);
    for (int i = 0; i < ENDS; i++) {
        const size_t end = strlen(ends[i].end);
        if (whole < end || strcmp(name + whole - end, ends[i].end) != 0) { continue; }
        *length = whole - end;
        return i;
    }
    return -1;
}

/* A path is a folder, or a folder and a prefix, or that of the matrix itself. */
static int split_path(folder *f) {
    const char *slash = strrchr(f->path, '/'), *base = slash ? slash + 1 : f->path;
    size_t length = strlen(base);
    if (is_folder(f->path)) {
        f->folder = join(f->path, f->path[strlen(f->path) - 1] == '/' ? "" : "/", "");
        f->prefix = join("", "", "");
    } else {
        const int end = end_of(base, &length);
        f->is_matrix = end >= 0 && ends[end].file == MATRIX;
        if (!f->is_matrix) { length = strlen(base); }
        f->folder = slash ? join(f->path, "", "") : join("./", "", "");
        if (f->folder && slash) { f->folder[slash + 1 - f->path] = 0; }
        f->prefix = join(base, "", "");
        if (f->prefix) { f->prefix[length] = 0; }
    }
    return f->folder && f->prefix;
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Names in order, however the folder gives them. */
static int sort_names(names *n) {
    const char **order = malloc(sizeof *order * (size_t)(n->count > 0 ? n->count : 1));
    names sorted = { 0 };
    int done = order != NULL;
    for (int64_t i = 0; i < n->count && done; i++) { order[i] = names_get(n, i); }
    if (done && n->count > 1) { qsort(order, (size_t)n->count, sizeof *order, by_bytes); }
    for (int64_t i = 0; i < n->count && done; i++) { done = names_add(&sorted, order[i]); }
    free(order);
    names_free(n);
    *n = sorted;
    return done;
}

static int add_prefix(folder *f, const char *name, size_t length) {
    char *prefix = join(name, "", "");
    int done = prefix != NULL;
    if (done) {
        prefix[length] = 0;
        done = names_find(&f->prefixes, prefix) >= 0 || names_add(&f->prefixes, prefix);
    }
    free(prefix);
    return done;
}

/* 0: out of memory; a folder that cannot be opened has no files. */
static int list_files(folder *f) {
    DIR *listing = opendir(f->folder);
    const struct dirent *entry;
    int done = 1;
    while (listing && done && (entry = readdir(listing)) != NULL) {
        size_t length;
        if (strncmp(entry->d_name, f->prefix, strlen(f->prefix)) != 0 || end_of(entry->d_name, &length) < 0) { continue; }
        done = names_add(&f->files, entry->d_name);
    }
    if (listing) { closedir(listing); }
    done = done && sort_names(&f->files);
    for (int64_t i = 0; i < f->files.count && done; i++) {
        size_t length = 0;
        const int end = end_of(names_get(&f->files, i), &length);
        if (ends[end].file == MATRIX) { done = add_prefix(f, names_get(&f->files, i), length); }
    }
    return done;
}

/* "'a', 'b' and 3 more" */
static void list_names(const names *n, text *out) {
    enum { LISTED = 6 };
    shown s;
    for (int64_t i = 0; i < n->count && i < LISTED; i++) {
        text_format(out, "%s'%s'", i == 0 ? "" : i + 1 == n->count ? " and " : ", ", show(&s, names_get(n, i)));
    }
    if (n->count > LISTED) { text_format(out, " and %lld more", (long long)n->count - LISTED); }
}

/* "GSM1_RNA_3P-" is of RNA: one of its words is a kind. */
static modality_kind kind_of_prefix(const char *prefix) {
    while (*prefix) {
        const size_t length = strcspn(prefix, "_-. ");
        char word[32];
        modality_kind kind;
        snprintf(word, sizeof word, "%.*s", (int)(length < 31 ? length : 31), prefix);
        kind = modality_kind_of(word);
        if (kind != MODALITY_OTHER) { return kind; }
        prefix += length + (prefix[length] != 0);
    }
    return MODALITY_OTHER;
}

/* The options that read the first matrix of each kind; what is returned says how many kinds there are. */
static int list_options(const folder *f, text *out) {
    static const modality_kind order[] = { MODALITY_RNA, MODALITY_PROTEIN, MODALITY_ATAC };
    int kinds = 0;
    for (size_t k = 0; k < sizeof order / sizeof *order; k++) {
        int64_t i = 0;
        while (i < f->prefixes.count && kind_of_prefix(names_get(&f->prefixes, i)) != order[k]) { i++; }
        if (i == f->prefixes.count) { continue; }
        text_format(out, "%s--%s-file %s%s", kinds++ ? " " : "", modality_kind_name(order[k]), f->folder, names_get(&f->prefixes, i));
    }
    return kinds;
}

static isk_status several_prefixes(const folder *f) {
    text list = { 0 }, options = { 0 };
    isk_status status;
    list_names(&f->prefixes, &list);
    if (list_options(f, &options) > 1 && !options.failed && !list.failed) {
        status = isk_set_error(f->context, ISK_DATA, "%s: holds several matrices, whose names begin with %s; read one for each modality: "
                               "%s", f->path, list.data, options.data);
        text_free(&list);
        text_free(&options);
        return status;
    }
    list.failed |= options.failed;
    text_free(&options);
    status = list.failed ? no_memory(f->context, f->path)
                         : isk_set_error(f->context, ISK_DATA, "%s: holds several matrices, whose names begin with %s; add the wanted one "
                                         "to the path, as in %s%s", f->path, list.data, f->folder,
                                         names_get(&f->prefixes, f->prefixes.count - 1));
    text_free(&list);
    return status;
}

static isk_status file_is_missing(const folder *f, const char *prefix, int file) {
    text list = { 0 };
    isk_status status = file == MATRIX && !*prefix ? stranger_refuse(f->context, f->path, "") : ISK_OK;
    if (status != ISK_OK) { return status; }
    text_add(&list, "");
    if (f->files.count > 0) { text_add(&list, "; it holds "); }
    list_names(&f->files, &list);
    if (f->files.count == 0) { text_add(&list, "; it holds none of the files of a 10x folder"); }
    status = list.failed ? no_memory(f->context, f->path)
                         : isk_set_error(f->context, ISK_DATA, "%s: has no %s%s%s%s (plain or .gz)%s", f->path, wanted[file],
                                         *prefix ? " behind '" : "", prefix, *prefix ? "'" : "", list.data);
    text_free(&list);
    return status;
}

static isk_status find_files(folder *f) {
    const char *prefix;
    if (!split_path(f) || !list_files(f)) { return no_memory(f->context, f->path); }
    /* DIR/sample names one folder's file even where DIR/sample2 begins alike */
    prefix = names_find(&f->prefixes, f->prefix) >= 0 ? f->prefix : names_get(&f->prefixes, 0);
    if (f->prefixes.count == 0) { return file_is_missing(f, f->prefix, MATRIX); }
    if (f->prefixes.count > 1 && (prefix != f->prefix || (!*prefix && !f->is_matrix))) { return several_prefixes(f); }
    for (int i = 0; i < ENDS; i++) {
        char *name;
        if (f->file[ends[i].file]) { continue; }
        name = join(prefix, ends[i].end, "");
        if (!name) { return no_memory(f->context, f->path); }
        if (names_find(&f->files, name) >= 0) {
            f->file[ends[i].file] = join(f->folder, name, "");
            if (!f->file[ends[i].file]) {
                free(name);
                return no_memory(f->context, f->path);
            }
        }
        free(name);
    }
    for (int i = 0; i < FILES; i++) {
        if (!f->file[i]) { return file_is_missing(f, prefix, i); }
    }
    return ISK_OK;
}

int tenx_is(const char *path) {
    folder f = { .path = path };
    int is = is_folder(path);
    if (!is) { is = *path && split_path(&f) && (*f.prefix || f.is_matrix) && list_files(&f) && f.prefixes.count > 0; }
    folder_free(&f);
    return is;
}

/* ---- names ---- */

typedef struct features {
    names ids, names, types;        /* [cols]; ids and types count 0: the file has none */
} features;

static void features_free(features *f) {
    names_free(&f->ids);
    names_free(&f->names);
    names_free(&f->types);
}

/* Fields between tabs, each ended by a zero where the tab was; of more than `most` the rest is left out.  What counts is how many
   there are. */
static int split_fields(char *line, char **parts, int most) {
    int count = 0;
    for (;;) {
        char *tab = strchr(line, '\t');
        if (count < most) { parts[count] = line; }
        count++;
        if (!tab) { return count; }
        *tab = 0;
        line = tab + 1;
    }
}

/* id; id, name; id, name, type, and what else (Cell Ranger ARC: chromosome, start, end). */
static isk_status add_feature(isk_context *context, const char *path, int64_t number, char **parts, int count, features *f) {
    static const char *const what[] = { "id", "name", "feature type" };
    for (int i = 0; i < count && i < 3; i++) {
        if (*parts[i]) { continue; }
        return isk_set_error(context, ISK_DATA, "%s: line %lld has an empty %s", path, (long long)number, what[i]);
    }
    if (!names_add(&f->names, parts[count > 1]) || (count > 1 && !names_add(&f->ids, parts[0])) ||
        (count > 2 && !names_add(&f->types, parts[2]))) {
        return no_memory(context, path);
    }
    return ISK_OK;
}

static isk_status read_features(isk_context *context, const char *path, features *f) {
    lines l;
    int64_t empty = 0;
    int columns = 0;
    isk_status status = lines_open(context, path, &l);
    while (status == ISK_OK) {
        char *line, *parts[3];
        size_t length;
        int count;
        status = lines_next(&l, &line, &length);
        if (status != ISK_OK || !line) { break; }
        if (length == 0) {
            empty = empty ? empty : l.number;
            continue;
        }
        count = split_fields(line, parts, 3);
        columns = columns ? columns : count;
        if (empty) {
            status = isk_set_error(context, ISK_DATA, "%s: line %lld is empty where a feature is due", path, (long long)empty);
        } else if (count != columns) {
            status = isk_set_error(context, ISK_DATA, "%s: line %lld has %d field%s between tabs where line 1 has %d", path,
                                   (long long)l.number, count, count == 1 ? "" : "s", columns);
        } else {
            status = add_feature(context, path, l.number, parts, count, f);
        }
    }
    lines_close(&l);
    return status;
}

static isk_status read_barcodes(isk_context *context, const char *path, names *n) {
    name_index x = { 0 };
    int64_t before, twice = -1;
    shown s;
    isk_status status = names_read(context, path, n);
    for (int64_t i = 0; i < n->count && status == ISK_OK; i++) {
        if (!strchr(names_get(n, i), '\t')) { continue; }
        status = isk_set_error(context, ISK_DATA, "%s: line %lld has several fields between tabs where one barcode is due", path,
                               (long long)i + 1);
    }
    if (status == ISK_OK && !name_index_update(&x, n)) { status = no_memory(context, path); }
    if (status == ISK_OK) { twice = name_index_twice(&x, &before); }
    if (twice >= 0) {
        status = isk_set_error(context, ISK_DATA, "%s: barcode '%s' stands on lines %lld and %lld; each cell must have one of its own",
                               path, show(&s, names_get(n, twice)), (long long)before + 1, (long long)twice + 1);
    }
    name_index_free(&x);
    return status;
}

/* ---- modalities ---- */

typedef struct tenx {
    folder files;
    features of;
    names barcodes;
    int64_t cells, features, entries;       /* as the matrix announces */
    names types;                    /* each feature type once, in the order of the file */
    name_index type_index;
    int32_t *type;                  /* [features] which of them a feature has */
} tenx;

static void tenx_free(tenx *t) {
    folder_free(&t->files);
    features_free(&t->of);
    names_free(&t->barcodes);
    names_free(&t->types);
    name_index_free(&t->type_index);
    free(t->type);
}

static isk_status read_names_of(tenx *t) {
    isk_context *context = t->files.context;
    char *const *file = t->files.file;
    isk_status status = read_barcodes(context, file[BARCODES], &t->barcodes);
    if (status == ISK_OK) { status = read_features(context, file[FEATURES], &t->of); }
    if (status == ISK_OK) { status = mtx_size(context, file[MATRIX], 1, &t->cells, &t->features, &t->entries); }
    if (status == ISK_OK && t->of.names.count != t->features) {
        status = isk_set_error(context, ISK_SHAPE, "%s: has %lld features, but %s has %lld rows", file[FEATURES],
                               (long long)t->of.names.count, file[MATRIX], (long long)t->features);
    }
    if (status == ISK_OK && t->barcodes.count != t->cells) {
        status = isk_set_error(context, ISK_SHAPE, "%s: has %lld barcodes, but %s has %lld columns", file[BARCODES],
                               (long long)t->barcodes.count, file[MATRIX], (long long)t->cells);
    }
    if (status == ISK_OK && (t->cells == 0 || t->features == 0)) {
        status = isk_set_error(context, ISK_DATA, "%s: holds no values: %lld features, %lld cells", file[MATRIX], (long long)t->features,
                               (long long)t->cells);
    }
    return status;
}

/* Numbers the feature types.  Without any, all are genes. */
static isk_status find_types(tenx *t) {
    const char *path = t->files.file[FEATURES];
    t->type = malloc(sizeof *t->type * (size_t)t->features);
    if (!t->type) { return no_memory(t->files.context, path); }
    for (int64_t i = 0; i < t->features; i++) {
        const char *type = t->of.types.count > 0 ? names_get(&t->of.types, i) : "Gene Expression";
        int64_t found = name_index_find(&t->type_index, type);
        if (found < 0) {
            found = t->types.count;
            if (found == INT32_MAX || !names_add(&t->types, type) || !name_index_update(&t->type_index, &t->types)) {
                return no_memory(t->files.context, path);
            }
        }
        t->type[i] = (int32_t)found;
    }
    return ISK_OK;
}

/* One feature type: its names, ids and, of the whole matrix, columns. */
static isk_status make_modality(const tenx *t, int32_t type, const sparse *all, modality *m) {
    isk_context *context = t->files.context;
    int64_t *columns = malloc(sizeof *columns * (size_t)t->features), count = 0;
    isk_status status = columns && names_copy(&m->in.row_names, &t->barcodes) ? ISK_OK : no_memory(context, t->files.path);
    for (int64_t i = 0; i < t->features && status == ISK_OK; i++) {
        if (t->type[i] != type) { continue; }
        columns[count++] = i;
        if (!names_add(&m->in.column_names, names_get(&t->of.names, i)) ||
            (t->of.ids.count > 0 && !names_add(&m->ids, names_get(&t->of.ids, i)))) {
            status = no_memory(context, t->files.path);
        }
    }
    if (status == ISK_OK && !names_make_unique(&m->in.column_names)) { status = no_memory(context, t->files.path); }
    if (status == ISK_OK) { status = sparse_select(context, t->files.path, all, columns, count, &m->in.sparse); }
    free(columns);
    m->in.context = context;
    m->in.path = t->files.path;
    m->in.rows = t->cells;
    m->in.cols = count;
    m->in.is_sparse = 1;
    snprintf(m->in.about, sizeof m->in.about, "a 10x folder");
    return status;
}

/* Sizes are said and checked before values are read.  Entries are not known of each type: they are said to be those of the first. */
static isk_status say_size(const tenx *t, const read_desc *desc, const modality *called, const uint8_t *want) {
    extent parts[ISK_MAX_VIEWS] = { { 0 } };
    int count = 0;
    for (int32_t k = 0; k < t->types.count && count < ISK_MAX_VIEWS; k++) {
        int64_t cols = 0;
        if (!want[k]) { continue; }
        for (int64_t i = 0; i < t->features; i++) { cols += t->type[i] == k; }
        parts[count] = (extent){ t->cells, cols, count == 0 ? t->entries : 0, 1, called[k].name, SPARSE_READING };
        count++;
    }
    return memory_check(t->files.context, desc, t->files.path, parts, count);
}

static isk_status choose_types(const tenx *t, const read_desc *desc, cells *c, modality *called, uint8_t *want) {
    modality **list = calloc((size_t)t->types.count + 1, sizeof *list);
    int64_t chosen = -1;
    isk_status status = list ? ISK_OK : no_memory(t->files.context, t->files.path);
    for (int32_t k = 0; k < t->types.count && status == ISK_OK; k++) {
        list[k] = &called[k];
        modality_call(&called[k], NULL, names_get(&t->types, k));
        called[k].likely = t->of.types.count == 0;
        if (!cells_offer(c, &called[k])) { status = no_memory(t->files.context, t->files.path); }
    }
    for (int32_t k = 0; k < t->types.count && status == ISK_OK; k++) { want[k] = cells_want(c, desc, &called[k]) > 0; }
    if (status == ISK_OK) { status = cells_choose(c, desc, list, t->types.count, &chosen); }
    for (int32_t k = 0; k < t->types.count && chosen >= 0; k++) { want[k] = k == chosen; }
    free(list);
    return status;
}

static isk_status read_modalities(tenx *t, const read_desc *desc, cells *c) {
    isk_context *context = t->files.context;
    const size_t types = (size_t)t->types.count;
    modality *called = calloc(types + 1, sizeof *called);           /* their names alone */
    uint8_t *want = calloc(types + 1, 1);
    sparse all = { 0 };
    isk_status status = called && want ? choose_types(t, desc, c, called, want) : no_memory(context, t->files.path);
    const int any = status == ISK_OK && memchr(want, 1, types);
    if (any) { status = say_size(t, desc, called, want); }
    if (status == ISK_OK && any) { status = mtx_read(context, t->files.file[MATRIX], 1, &all); }
    for (int32_t k = 0; k < t->types.count && status == ISK_OK; k++) {
        modality m;
        if (!want[k]) { continue; }
        m = called[k];
        status = make_modality(t, k, &all, &m);
        if (status == ISK_OK) {
            status = cells_add(c, &m);
        } else {
            modality_free(&m);
        }
    }
    sparse_free(&all);
    free(called);
    free(want);
    return status;
}

isk_status tenx_read(isk_context *context, const char *path, const read_desc *desc, cells *c) {
    tenx t = { .files = { .context = context, .path = path } };
    isk_status status = find_files(&t.files);
    if (status == ISK_OK) { status = read_names_of(&t); }
    if (status == ISK_OK) { status = find_types(&t); }
    if (status == ISK_OK) { status = read_modalities(&t, desc, c); }
    for (int i = 0; i < FILES && status == ISK_OK; i++) {
        if (!names_add(&c->files, t.files.file[i])) { status = no_memory(context, path); }
    }
    tenx_free(&t);
    return status;
}
