#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "write_cells.h"
#include "hdf5.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#ifndef INDISEEK_HAVE_HDF5

isk_status h5ad_write(isk_context *context, const char *path, const cell_results *r) {
    (void)r;
    return hdf5_missing(context, path);
}

isk_status h5mu_write(isk_context *context, const char *path, const cell_results *r) {
    (void)r;
    return hdf5_missing(context, path);
}

isk_status h5_add(isk_context *context, const char *source, const char *path, const cell_results *r) {
    (void)path;
    (void)r;
    return hdf5_missing(context, source);
}

#else

enum { MOST_COUNTS = 2000 };        /* features of a modality that is written as a data_frame beside the first */

/* Which rows of the results a data_frame of a file holds, in its order. */
typedef struct rows {
    int64_t count;
    int64_t *place;                 /* [count] the row of the results, -1: none; NULL: all, in their order */
    names names;                    /* empty where place is NULL */
} rows;

static void rows_free(rows *w) {
    free(w->place);
    names_free(&w->names);
    memset(w, 0, sizeof *w);
}

static int64_t place_of(const rows *w, int64_t i) { return w->place ? w->place[i] : i; }

static void out_of_memory(hdf5 *f) {
    if (f->status == ISK_OK) { f->status = no_memory(f->context, f->path); }
}

static void *items(hdf5 *f, int64_t count, size_t size) {
    void *block = (uint64_t)count < PTRDIFF_MAX / size ? calloc((size_t)(count > 0 ? count : 1), size) : NULL;
    if (!block) { out_of_memory(f); }
    return block;
}

/* ---- data frames ---- */

/* What stands in a file by that name: a slash would make a group, and a few names are taken. */
static const char *file_name(char buffer[HDF5_PATH], const char *name) {
    size_t length = 0;
    const int taken = !*name || strcmp(name, ".") == 0 || strcmp(name, "_index") == 0 || strcmp(name, "__categories") == 0;
    for (; name[length] && length < HDF5_PATH / 2; length++) { buffer[length] = (char)(name[length] == '/' ? '_' : name[length]); }
    if (taken) { buffer[length++] = '_'; }
    buffer[length] = 0;
    return buffer;
}

/* The same of a list, each once. */
static void file_names(hdf5 *f, const names *from, names *to) {
    char buffer[HDF5_PATH];
    int done = 1;
    memset(to, 0, sizeof *to);
    for (int64_t i = 0; i < from->count && done; i++) { done = names_add(to, file_name(buffer, names_get(from, i))); }
    if (!done || !names_make_unique(to)) { out_of_memory(f); }
}

/* columns: as file_names gives them */
static void put_frame(hdf5 *f, const char *at, const names *index, const names *columns) {
    char path[HDF5_PATH];
    hdf5_put_group(f, at, "dataframe", "0.2.0");
    hdf5_put_attribute(f, at, "_index", "_index");
    hdf5_put_attribute_names(f, at, "column-order", columns);
    hdf5_put_names(f, hdf5_at(path, at, "_index"), index);
}

static void put_numbers(hdf5 *f, const char *at, const double *numbers, const rows *w) {
    double *values = items(f, w->count, sizeof *values);
    for (int64_t i = 0; values && i < w->count; i++) { values[i] = place_of(w, i) < 0 ? (double)NAN : numbers[place_of(w, i)]; }
    hdf5_put_numbers(f, at, HDF5_DOUBLES, w->count, 0, values);
    free(values);
}

/* As a list of texts, which a data_frame of AnnData before 0.8 takes too. */
static void put_texts(hdf5 *f, const char *at, const labels *l, const rows *w) {
    names texts = { 0 };
    for (int64_t i = 0; i < w->count; i++) {
        const int32_t code = place_of(w, i) < 0 ? -1 : l->codes[place_of(w, i)];
        if (!names_add(&texts, code < 0 ? "" : names_get(&l->classes, code))) { out_of_memory(f); break; }
    }
    hdf5_put_names(f, at, &texts);
    names_free(&texts);
}

static void put_classes(hdf5 *f, const char *at, const labels *l, const rows *w) {
    char path[HDF5_PATH];
    int32_t *codes = items(f, w->count, sizeof *codes);
    for (int64_t i = 0; codes && i < w->count; i++) { codes[i] = place_of(w, i) < 0 ? -1 : l->codes[place_of(w, i)]; }
    hdf5_put_group(f, at, "categorical", "0.2.0");
    hdf5_put_attribute_boolean(f, at, "ordered", 0);
    hdf5_put_numbers(f, hdf5_at(path, at, "codes"), HDF5_INDICES, w->count, 0, codes);
    hdf5_put_names(f, hdf5_at(path, at, "categories"), &l->classes);
    free(codes);
}

static void put_column(hdf5 *f, const char *data_frame, const char *name, const cell_column *column, const rows *w) {
    char at[HDF5_PATH];
    hdf5_at(at, data_frame, name);
    if (column->numbers) { put_numbers(f, at, column->numbers, w); } else { put_classes(f, at, &column->classes, w); }
}

static int is_ours(const cell_results *r, const char *name) {
    for (int i = 0; i < r->column_count; i++) {
        if (strcmp(r->columns[i].name, name) == 0) { return 1; }
    }
    return 0;
}

/* What was known of the cells, then what is new. */
static void put_obs(hdf5 *f, const char *at, const cell_results *r) {
    const cell_table *t = &r->cells->table;
    const rows all = { .count = r->cells->rows };
    names plain = { 0 }, columns;
    int64_t next = 0;
    int done = 1;
    for (int64_t i = 0; i < t->count; i++) { done = done && (is_ours(r, t->columns[i].name) || names_add(&plain, t->columns[i].name)); }
    for (int i = 0; i < r->column_count; i++) { done = done && names_add(&plain, r->columns[i].name); }
    if (!done) { out_of_memory(f); }
    file_names(f, &plain, &columns);
    if (f->status == ISK_OK) { put_frame(f, at, &r->cells->names, &columns); }
    for (int64_t i = 0; i < t->count && f->status == ISK_OK; i++) {
        if (!is_ours(r, t->columns[i].name)) { put_column(f, at, names_get(&columns, next++), &t->columns[i], &all); }
    }
    for (int i = 0; i < r->column_count && f->status == ISK_OK; i++) {
        put_column(f, at, names_get(&columns, next++), &r->columns[i], &all);
    }
    names_free(&plain);
    names_free(&columns);
}

/* gene_ids and feature_types, as scanpy calls them. */
static void put_var(hdf5 *f, const char *at, const modality *m) {
    static const char *const types[] = { NULL, "Gene Expression", "Antibody Capture", "Peaks" };
    const rows all = { .count = m->in.cols };
    const char *type = types[m->kind];
    names columns = { 0 };
    char path[HDF5_PATH];
    if ((m->ids.count > 0 && !names_add(&columns, "gene_ids")) || (type && !names_add(&columns, "feature_types"))) { out_of_memory(f); }
    put_frame(f, at, &m->in.column_names, &columns);
    if (m->ids.count > 0) { hdf5_put_names(f, hdf5_at(path, at, "gene_ids"), &m->ids); }
    if (type) {
        labels l = { .rows = m->in.cols, .count = 1, .codes = items(f, m->in.cols, sizeof *l.codes) };
        if (!names_add(&l.classes, type)) { out_of_memory(f); }
        if (f->status == ISK_OK) { put_classes(f, hdf5_at(path, at, "feature_types"), &l, &all); }
        labels_free(&l);
    }
    names_free(&columns);
}

/* ---- matrices ---- */

/* Rows that are not there become NaN. */
static void put_rows(hdf5 *f, const char *at, const isk_scalar *data, int64_t cols, const rows *w) {
    const int64_t count = w->count;
    isk_scalar *values;
    if (!w->place) {
        hdf5_put_numbers(f, at, HDF5_SCALARS, count, cols, data);
        return;
    }
    values = cols == 0 || count < INT64_MAX / cols ? items(f, count * cols, sizeof *values) : NULL;
    if (!values) { out_of_memory(f); }
    for (int64_t i = 0; values && i < count; i++) {
        for (int64_t j = 0; j < cols; j++) { values[i * cols + j] = w->place[i] < 0 ? (isk_scalar)NAN : data[w->place[i] * cols + j]; }
    }
    hdf5_put_numbers(f, at, HDF5_SCALARS, count, cols, values);
    free(values);
}

/* Rows that are left out have no entries, so only the starts change. */
static void put_sparse(hdf5 *f, const char *at, const sparse *m, const rows *w, int empty) {
    sparse part = { w->count, m->cols, empty ? 0 : m->count, items(f, w->count + 1, sizeof *part.starts), m->columns, m->values };
    for (int64_t i = 0; part.starts && !empty && i < w->count; i++) { part.starts[i + 1] = m->starts[place_of(w, i) + 1]; }
    if (f->status == ISK_OK) { hdf5_put_sparse(f, at, &part); }
    free(part.starts);
}

static void put_values(hdf5 *f, const char *at, const cell_results *r, const input *in, const rows *w) {
    const sparse nothing = { .cols = in->cols };
    if (r->without_counts) {
        put_sparse(f, at, &nothing, w, 1);
    } else if (in->is_sparse) {
        put_sparse(f, at, &in->sparse, w, 0);
    } else {
        put_rows(f, at, in->values, in->cols, w);
    }
}

/* A modality beside the first, one column a feature; cells that it lacks are NaN. */
static void put_counts(hdf5 *f, const char *at, const cells *c, int of) {
    const input *in = &c->modality[of].in;
    const uint8_t *present = c->present[of];
    isk_scalar *column = items(f, c->rows, sizeof *column);
    names columns;
    sparse turned = { 0 };
    file_names(f, &in->column_names, &columns);
    if (in->is_sparse && !sparse_turn(&in->sparse, &turned)) { out_of_memory(f); }
    if (f->status == ISK_OK) { put_frame(f, at, &c->names, &columns); }
    for (int64_t j = 0; j < in->cols && f->status == ISK_OK; j++) {
        char path[HDF5_PATH];
        for (int64_t i = 0; i < c->rows; i++) { column[i] = in->is_sparse ? 0 : in->values[i * in->cols + j]; }
        for (int64_t k = in->is_sparse ? turned.starts[j] : 0; in->is_sparse && k < turned.starts[j + 1]; k++) {
            column[turned.columns[k]] = turned.values[k];
        }
        for (int64_t i = 0; i < c->rows && present; i++) { column[i] = present[i] ? column[i] : (isk_scalar)NAN; }
        hdf5_put_numbers(f, hdf5_at(path, at, names_get(&columns, j)), HDF5_SCALARS, c->rows, 0, column);
    }
    sparse_free(&turned);
    names_free(&columns);
    free(column);
}

/* ---- what both kinds of file have ---- */

static void put_dict(hdf5 *f, const char *group, const char *name) {
    char at[HDF5_PATH];
    hdf5_put_group(f, hdf5_at(at, group, name), "dict", "0.1.0");
}

static void need_dict(hdf5 *f, const char *group, const char *name) {
    if (f->status == ISK_OK && !hdf5_is(f, group, name)) { put_dict(f, group, name); }
}

/* Replaces what is there; before embeddings, which name their columns in it. */
static void put_facts(hdf5 *f, const cell_results *r) {
    char at[HDF5_PATH];
    hdf5_remove(f, "uns/indiseek");
    hdf5_put_group(f, "uns/indiseek", "dict", "0.1.0");
    for (int i = 0; i < r->fact_count; i++) { hdf5_put_text(f, hdf5_at(at, "uns/indiseek", r->facts[i].name), r->facts[i].value); }
}

/* Into GROUP/obsm, called NAME, or NAME_SUFFIX. */
static void put_embedding(hdf5 *f, const char *group, const cell_embedding *e, const char *suffix, const rows *w) {
    char name[96], path[HDF5_PATH], at[HDF5_PATH];
    snprintf(name, sizeof name, "%s%s%s", e->name, suffix ? "_" : "", suffix ? suffix : "");
    hdf5_at(at, hdf5_at(path, group, "obsm"), name);
    hdf5_remove(f, at);
    put_rows(f, at, e->values.data, e->values.cols, w);
    if (!e->columns) { return; }
    need_dict(f, group, "uns");
    need_dict(f, hdf5_at(path, group, "uns"), "indiseek");
    need_dict(f, hdf5_at(path, group, "uns/indiseek"), "columns");
    hdf5_at(at, hdf5_at(path, group, "uns/indiseek/columns"), name);
    hdf5_remove(f, at);
    hdf5_put_names(f, at, e->columns);
}

static const char *suffix_of(const cell_results *r, const cell_embedding *e) {
    return e->of < 0 ? NULL : r->cells->modality[e->of].name;
}

typedef struct placed_feature { int64_t column, from; } placed_feature;

static int by_column(const void *a, const void *b) {
    const placed_feature *one = a, *two = b;
    return one->column < two->column ? -1 : one->column > two->column;
}

/* Where the features of a layer stand in a data_frame of features, ascending; those that it lacks are passed over. */
static placed_feature *find_features(hdf5 *f, const cell_layer *l, const names *features, int64_t *count) {
    placed_feature *list = items(f, l->features->count, sizeof *list);
    name_index x = { 0 };
    *count = 0;
    if (list && !name_index_update(&x, features)) { out_of_memory(f); }
    for (int64_t j = 0; j < l->features->count && f->status == ISK_OK; j++) {
        const int64_t column = name_index_find(&x, names_get(l->features, j));
        if (column >= 0) { list[(*count)++] = (placed_feature){ column, j }; }
    }
    if (list) { qsort(list, (size_t)*count, sizeof *list, by_column); }
    name_index_free(&x);
    return list;
}

/* Of the shape of X, but only its own features have entries. */
static void put_layer(hdf5 *f, const cell_layer *l, const names *features, const rows *w) {
    int64_t count = 0, next = 0;
    placed_feature *list = l && f->status == ISK_OK ? find_features(f, l, features, &count) : NULL;
    sparse m = { .rows = w->count, .cols = features->count };
    char at[HDF5_PATH];
    if (!list || f->status != ISK_OK) {
        free(list);
        return;
    }
    m.starts = items(f, w->count + 1, sizeof *m.starts);
    m.columns = count == 0 || w->count < INT64_MAX / (count + 1) ? items(f, w->count * count, sizeof *m.columns) : NULL;
    m.values = m.columns ? items(f, w->count * count, sizeof *m.values) : NULL;
    if (!m.starts || !m.columns || !m.values) { out_of_memory(f); }
    for (int64_t i = 0; i < w->count && f->status == ISK_OK; i++) {
        for (int64_t k = 0; k < count && place_of(w, i) >= 0; k++) {
            m.columns[next] = (int32_t)list[k].column;
            m.values[next++] = l->values.data[place_of(w, i) * l->values.cols + list[k].from];
        }
        m.starts[i + 1] = next;
    }
    m.count = next;
    need_dict(f, "", "layers");
    hdf5_remove(f, hdf5_at(at, "layers", l->name));
    if (f->status == ISK_OK) { hdf5_put_sparse(f, at, &m); }
    sparse_free(&m);
    free(list);
}

/* ---- AnnData ---- */

isk_status h5ad_write(isk_context *context, const char *path, const cell_results *r) {
    static const char *const dicts[] = { "obsm", "varm", "obsp", "varp", "layers", "uns" };
    const cells *c = r->cells;
    const rows all = { .count = c->rows };
    hdf5 f;
    if (hdf5_create(context, path, 0, &f) != ISK_OK) { return f.status; }
    hdf5_put_group(&f, "", "anndata", "0.1.0");
    put_values(&f, "X", r, &c->modality[0].in, &all);
    put_obs(&f, "obs", r);
    put_var(&f, "var", &c->modality[0]);
    for (size_t i = 0; i < sizeof dicts / sizeof *dicts; i++) { put_dict(&f, "", dicts[i]); }
    put_facts(&f, r);
    put_layer(&f, r->layer, &c->modality[0].in.column_names, &all);
    for (int i = 0; i < r->embedding_count; i++) { put_embedding(&f, "", &r->embeddings[i], suffix_of(r, &r->embeddings[i]), &all); }
    for (int i = 1; i < c->count && !r->without_counts; i++) {
        char name[48], at[HDF5_PATH];
        if (c->modality[i].in.cols > MOST_COUNTS) { continue; }
        snprintf(name, sizeof name, "%s_counts", c->modality[i].name);
        put_counts(&f, hdf5_at(at, "obsm", name), c, i);
    }
    return hdf5_finish(&f);
}

/* ---- MuData ---- */

/* The cells that modality i has. */
static void present_rows(hdf5 *f, const cells *c, int i, rows *w) {
    const uint8_t *present = c->present[i];
    *w = (rows){ .count = c->rows };
    if (!present) { return; }
    w->place = items(f, c->rows, sizeof *w->place);
    w->count = 0;
    for (int64_t row = 0; row < c->rows && w->place; row++) {
        if (!present[row]) { continue; }
        w->place[w->count++] = row;
        if (!names_add(&w->names, names_get(&c->names, row))) { out_of_memory(f); }
    }
}

static void put_modality(hdf5 *f, const cell_results *r, int i) {
    static const char *const dicts[] = { "obsm", "varm", "obsp", "varp", "layers", "uns" };
    static const names none = { 0 };
    const modality *m = &r->cells->modality[i];
    char group[HDF5_PATH], at[HDF5_PATH];
    rows w;
    present_rows(f, r->cells, i, &w);
    hdf5_put_group(f, hdf5_at(group, "mod", m->name), "anndata", "0.1.0");
    if (f->status == ISK_OK) { put_values(f, hdf5_at(at, group, "X"), r, &m->in, &w); }
    put_frame(f, hdf5_at(at, group, "obs"), w.place ? &w.names : &r->cells->names, &none);
    put_var(f, hdf5_at(at, group, "var"), m);
    for (size_t k = 0; k < sizeof dicts / sizeof *dicts; k++) { put_dict(f, group, dicts[k]); }
    for (int e = 0; e < r->embedding_count && f->status == ISK_OK; e++) {
        if (r->embeddings[e].of == i) { put_embedding(f, group, &r->embeddings[e], NULL, &w); }
    }
    rows_free(&w);
}

/* Where each cell of the whole stands in a modality, from 1; 0: nowhere. */
static void put_obsmap(hdf5 *f, const cells *c) {
    int64_t *map = items(f, c->rows, sizeof *map);
    put_dict(f, "", "obsmap");
    for (int i = 0; i < c->count && map; i++) {
        char at[HDF5_PATH];
        int64_t next = 0;
        for (int64_t row = 0; row < c->rows; row++) { map[row] = !c->present[i] || c->present[i][row] ? ++next : 0; }
        hdf5_put_numbers(f, hdf5_at(at, "obsmap", c->modality[i].name), HDF5_WHOLE, c->rows, 0, map);
    }
    free(map);
}

/* The features of all modalities, one after the other, and where each stands in its own. */
static void put_all_var(hdf5 *f, const cells *c) {
    static const names none = { 0 };
    names all = { 0 };
    int64_t *map, before = 0;
    int done = 1;
    for (int i = 0; i < c->count; i++) {
        const names *n = &c->modality[i].in.column_names;
        for (int64_t j = 0; j < n->count; j++) { done = done && names_add(&all, names_get(n, j)); }
    }
    if (!done) { out_of_memory(f); }
    put_frame(f, "var", &all, &none);
    put_dict(f, "", "varmap");
    map = done ? items(f, all.count, sizeof *map) : NULL;       /* of a list that broke off it would be too short */
    for (int i = 0; i < c->count && map; i++) {
        const int64_t own = c->modality[i].in.cols;
        char at[HDF5_PATH];
        memset(map, 0, (size_t)all.count * sizeof *map);
        for (int64_t j = 0; j < own; j++) { map[before + j] = j + 1; }
        before += own;
        hdf5_put_numbers(f, hdf5_at(at, "varmap", c->modality[i].name), HDF5_WHOLE, all.count, 0, map);
    }
    free(map);
    names_free(&all);
}

static void put_modalities(hdf5 *f, const cell_results *r) {
    names order = { 0 };
    for (int i = 0; i < r->cells->count; i++) {
        if (!names_add(&order, r->cells->modality[i].name)) { out_of_memory(f); }
    }
    hdf5_put_group(f, "mod", NULL, NULL);
    hdf5_put_attribute_names(f, "mod", "mod-order", &order);
    names_free(&order);
    for (int i = 0; i < r->cells->count && f->status == ISK_OK; i++) { put_modality(f, r, i); }
}

/* What tells a .h5mu from other HDF5, in the 512 bytes before it. */
static isk_status put_signature(isk_context *context, const char *path) {
    char block[512] = { 0 };
    FILE *file = fopen(path, "r+b");
    int done = file != NULL;
    snprintf(block, sizeof block, "MuData (format-version=0.1.0;creator=indiseek;creator-version=" ISK_VERSION ")");
    done = done && fwrite(block, 1, sizeof block, file) == sizeof block;
    if (file && fclose(file) != 0) { done = 0; }
    return done ? ISK_OK : isk_set_error(context, ISK_IO, "%s: cannot be written; is the disk full?", path);
}

isk_status h5mu_write(isk_context *context, const char *path, const cell_results *r) {
    static const char *const dicts[] = { "obsm", "varm", "obsp", "varp", "uns" };
    const rows all = { .count = r->cells->rows };
    const int64_t axis = 0;                                 /* modalities share cells */
    hdf5 f;
    isk_status status;
    if (hdf5_create(context, path, 1, &f) != ISK_OK) { return f.status; }
    hdf5_put_group(&f, "", "MuData", "0.1.0");
    hdf5_put_attribute(&f, "", "encoder", "indiseek");
    hdf5_put_attribute(&f, "", "encoder-version", ISK_VERSION);
    hdf5_put_attribute_whole(&f, "", "axis", &axis, 0);
    put_modalities(&f, r);
    put_obs(&f, "obs", r);
    put_all_var(&f, r->cells);
    put_obsmap(&f, r->cells);
    for (size_t i = 0; i < sizeof dicts / sizeof *dicts; i++) { put_dict(&f, "", dicts[i]); }
    put_facts(&f, r);
    for (int i = 0; i < r->embedding_count; i++) {
        if (r->embeddings[i].of < 0) { put_embedding(&f, "", &r->embeddings[i], NULL, &all); }
    }
    status = hdf5_finish(&f);
    return status == ISK_OK ? put_signature(context, path) : status;
}

/* ---- a copy of the user's own file, with more in it ---- */

static isk_status copy_file(isk_context *context, const char *from, const char *to) {
    enum { PIECE = 1 << 20 };
    struct stat a, b;
    FILE *in, *out = NULL;
    char *buffer = malloc(PIECE);
    size_t got;
    isk_status status = buffer ? ISK_OK : no_memory(context, to);
    if (status == ISK_OK && stat(from, &a) == 0 && stat(to, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino) {
        status = isk_set_error(context, ISK_ARGUMENT, "%s: is the file that is to be copied; give the copy a name of its own", to);
    }
    in = status == ISK_OK ? fopen(from, "rb") : NULL;
    if (status == ISK_OK && !in) { status = isk_set_error(context, ISK_IO, "%s: cannot be opened", from); }
    out = status == ISK_OK ? fopen(to, "wb") : NULL;
    if (status == ISK_OK && !out) { status = isk_set_error(context, ISK_IO, "%s: cannot be made", to); }
    while (status == ISK_OK && (got = fread(buffer, 1, PIECE, in)) > 0) {
        if (fwrite(buffer, 1, got, out) != got) { status = isk_set_error(context, ISK_IO, "%s: cannot be written; is the disk full?", to); }
    }
    if (in && ferror(in)) { status = isk_set_error(context, ISK_IO, "%s: cannot be read", from); }
    if (in) { fclose(in); }
    if (out && fclose(out) != 0 && status == ISK_OK) {
        status = isk_set_error(context, ISK_IO, "%s: cannot be written; is the disk full?", to);
    }
    free(buffer);
    return status;
}

/* Which rows of the results the cells of a data_frame of the file are. */
static void find_rows(hdf5 *f, const char *data_frame, const cells *c, rows *w) {
    name_index x = { 0 };
    names own = { 0 };              /* as the results call them */
    int64_t found = 0;
    memset(w, 0, sizeof *w);
    if (f->status != ISK_OK) { return; }
    f->status = hdf5_frame_index(f, data_frame, &w->names);
    if (f->status == ISK_OK && !names_copy(&own, &w->names)) { out_of_memory(f); }
    if (c->pairing.strip_suffix) { names_strip_suffix(&own); }
    if (f->status == ISK_OK && !name_index_update(&x, &c->names)) { out_of_memory(f); }
    w->count = w->names.count;
    w->place = f->status == ISK_OK ? items(f, w->count, sizeof *w->place) : NULL;
    for (int64_t i = 0; w->place && i < w->count; i++) {
        w->place[i] = name_index_find(&x, names_get(&own, i));
        found += w->place[i] >= 0;
    }
    if (f->status == ISK_OK && found == 0) {
        f->status = hdf5_fail(f, ISK_DATA, data_frame, "none of its %lld cells is among those of the results", (long long)w->count);
    }
    name_index_free(&x);
    names_free(&own);
}

/* 1: a data_frame of AnnData 0.7, which keeps classes in another way */
static int is_old_frame(hdf5 *f, const char *data_frame) {
    names version;
    int old;
    f->status = hdf5_attribute(f, data_frame, "encoding-version", &version);
    if (f->status != ISK_OK) { return 0; }
    old = version.count > 0 && strcmp(names_get(&version, 0), "0.1.0") == 0;
    names_free(&version);
    return old;
}

static void add_columns(hdf5 *f, const char *data_frame, const cell_results *r, const rows *w) {
    const int old = f->status == ISK_OK && is_old_frame(f, data_frame);
    names order = { 0 };
    if (f->status == ISK_OK) { f->status = hdf5_attribute(f, data_frame, "column-order", &order); }
    for (int i = 0; i < r->column_count && f->status == ISK_OK; i++) {
        const cell_column *column = &r->columns[i];
        char at[HDF5_PATH];
        hdf5_remove(f, hdf5_at(at, data_frame, column->name));
        if (old && !column->numbers) { put_texts(f, at, &column->classes, w); } else { put_column(f, data_frame, column->name, column, w); }
        if (names_find(&order, column->name) < 0 && !names_add(&order, column->name)) { out_of_memory(f); }
    }
    hdf5_put_attribute_names(f, data_frame, "column-order", &order);
    names_free(&order);
}

/* The group of a .h5mu that a modality was read from; NULL: it was none. */
static const char *group_of(hdf5 *f, const cell_results *r, int of) {
    const char *key = of < 0 ? "" : r->cells->modality[of].key;
    return strncmp(key, "mod/", 4) == 0 && hdf5_is(f, "", key) ? key : NULL;
}

static void add_layer(hdf5 *f, const cell_results *r, const rows *w) {
    names features = { 0 };
    if (!r->layer || f->status != ISK_OK) { return; }
    f->status = hdf5_frame_index(f, "var", &features);
    put_layer(f, r->layer, &features, w);
    names_free(&features);
}

static void add_all(hdf5 *f, const cell_results *r) {
    const int mudata = hdf5_look(f, "mod").kind == HDF5_GROUP;
    rows whole = { 0 };
    find_rows(f, "obs", r->cells, &whole);
    add_columns(f, "obs", r, &whole);
    need_dict(f, "", "obsm");
    need_dict(f, "", "uns");
    put_facts(f, r);
    if (!mudata) { add_layer(f, r, &whole); }
    for (int i = 0; i < r->embedding_count && f->status == ISK_OK; i++) {
        const cell_embedding *e = &r->embeddings[i];
        const char *group = mudata ? group_of(f, r, e->of) : NULL;
        char obs[HDF5_PATH];
        rows own;
        if (!group) {
            put_embedding(f, "", e, suffix_of(r, e), &whole);
            continue;
        }
        find_rows(f, hdf5_at(obs, group, "obs"), r->cells, &own);
        need_dict(f, group, "obsm");
        if (f->status == ISK_OK) { put_embedding(f, group, e, NULL, &own); }
        rows_free(&own);
    }
    rows_free(&whole);
}

isk_status h5_add(isk_context *context, const char *source, const char *path, const cell_results *r) {
    hdf5 f;
    isk_status status = hdf5_open(context, source, &f);     /* says what is wrong with it by its own name */
    if (status == ISK_OK && (!hdf5_is(&f, "", "obs") || (!hdf5_is(&f, "", "var") && !hdf5_is(&f, "", "mod")))) {
        status = hdf5_fail(&f, ISK_UNSUPPORTED, NULL, "is neither .h5ad nor .h5mu, and nothing can be added to it");
    }
    if (status == ISK_OK) { status = f.status; }
    hdf5_close(&f);
    if (status == ISK_OK) { status = copy_file(context, source, path); }
    if (status != ISK_OK) { return status; }
    if (hdf5_append(context, path, &f) != ISK_OK) { return f.status; }
    add_all(&f, r);
    return hdf5_finish(&f);
}

#endif
