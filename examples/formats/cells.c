#include "cells.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- kinds and names of modalities ---- */

static const char *const kind_names[] = { "other", "rna", "protein", "atac" };

const char *modality_kind_name(modality_kind kind) { return kind_names[kind]; }

modality_kind modality_kind_of(const char *words) {
    static const struct { modality_kind kind; const char *words; } known[] = {
        { MODALITY_RNA, "rna" }, { MODALITY_RNA, "gene expression" }, { MODALITY_RNA, "gex" }, { MODALITY_RNA, "genes" },
        { MODALITY_RNA, "gene" }, { MODALITY_RNA, "scrna" }, { MODALITY_RNA, "mrna" }, { MODALITY_RNA, "gene_expression" },
        { MODALITY_PROTEIN, "protein" }, { MODALITY_PROTEIN, "proteins" }, { MODALITY_PROTEIN, "prot" }, { MODALITY_PROTEIN, "adt" },
        { MODALITY_PROTEIN, "adts" }, { MODALITY_PROTEIN, "antibody capture" }, { MODALITY_PROTEIN, "antibody_capture" },
        { MODALITY_PROTEIN, "protein_expression" }, { MODALITY_PROTEIN, "protein expression" }, { MODALITY_PROTEIN, "protein_counts" },
        { MODALITY_ATAC, "atac" }, { MODALITY_ATAC, "peaks" }, { MODALITY_ATAC, "chromatin accessibility" },
        { MODALITY_ATAC, "chromatin_accessibility" }, { MODALITY_ATAC, "scatac" }
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (same_words(words, known[i].words)) { return known[i].kind; }
    }
    return MODALITY_OTHER;
}

void modality_call_file(modality *m, const char *path, modality_kind kind) {
    const char *slash = strrchr(path, '/'), *base = slash && slash[1] ? slash + 1 : path;
    char stem[32];
    snprintf(stem, sizeof stem, "%.*s", (int)strcspn(base, "."), base);
    modality_call(m, base, kind != MODALITY_OTHER ? modality_kind_name(kind) : stem);
}

void modality_call(modality *m, const char *key, const char *words) {
    size_t length = 0;
    snprintf(m->key, sizeof m->key, "%s", key ? key : words);
    m->kind = modality_kind_of(words);
    if (m->kind != MODALITY_OTHER) { words = modality_kind_name(m->kind); }
    for (; *words && length + 1 < sizeof m->name; words++) {
        const char c = *words >= 'A' && *words <= 'Z' ? (char)(*words - 'A' + 'a') : *words;
        m->name[length++] = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_';
    }
    m->name[length] = 0;
    if (length == 0) { strcpy(m->name, modality_kind_name(MODALITY_OTHER)); }
}

/* ---- tables ---- */

cell_column *cell_table_add(cell_table *t, const char *name) {
    cell_column *column;
    char *copy = malloc(strlen(name) + 1);
    if (!copy || !make_room((void **)&t->columns, &t->capacity, t->count + 1, sizeof *t->columns)) {
        free(copy);
        return NULL;
    }
    strcpy(copy, name);
    column = &t->columns[t->count++];
    memset(column, 0, sizeof *column);
    column->name = copy;
    return column;
}

void cell_table_free(cell_table *t) {
    for (int64_t i = 0; i < t->count; i++) {
        free(t->columns[i].name);
        free(t->columns[i].numbers);
        labels_free(&t->columns[i].classes);
    }
    free(t->columns);
    names_free(&t->cells);
    memset(t, 0, sizeof *t);
}

static const cell_column *column_of(const cell_table *t, const char *name) {
    for (int64_t i = 0; i < t->count; i++) {
        if (strcmp(t->columns[i].name, name) == 0) { return &t->columns[i]; }
    }
    return NULL;
}

const cell_column *cells_column(const cells *c, const char *name) { return column_of(&c->table, name); }

isk_status cell_column_classes(isk_context *context, const cell_column *column, int64_t rows, labels *l) {
    names words = { 0 };
    isk_status status = ISK_OK;
    if (!column->numbers) { return labels_copy(context, &column->classes, l); }
    memset(l, 0, sizeof *l);
    for (int64_t i = 0; i < rows && status == ISK_OK; i++) {
        text word = { 0 };
        if (isfinite(column->numbers[i])) { text_number(&word, column->numbers[i], 15); }
        if (word.failed || !names_add(&words, word.data ? word.data : "")) { status = no_memory(context, column->name); }
        text_free(&word);
    }
    if (status == ISK_OK) { status = labels_from_names(context, column->name, &words, l); }
    names_free(&words);
    return status;
}

/* ---- what a source gives ---- */

void modality_free(modality *m) {
    input_free(&m->in);
    input_free(&m->aside);
    names_free(&m->ids);
    memset(m, 0, sizeof *m);
}

static const char *path_of(const cells *c, const modality *m) { return m->in.path ? m->in.path : c->path ? c->path : "the data"; }

static isk_status check_modality(const cells *c, const modality *m) {
    shown a, b;
    for (int i = 0; i < c->count; i++) {
        const modality *other = &c->modality[i];
        if (strcmp(other->name, m->name) != 0 && (m->kind == MODALITY_OTHER || m->kind != other->kind)) { continue; }
        return isk_set_error(c->context, ISK_DATA, "%s: '%s' and '%s' are both the modality %s; choose one of them by --modalities, which "
                             "takes these names", path_of(c, m),
                             show(&a, other->key), show(&b, m->key), m->name);
    }
    if (c->count == ISK_MAX_VIEWS) {
        return isk_set_error(c->context, ISK_DATA, "%s: '%s' is one modality more than the %d that can be used; say which are wanted",
                             path_of(c, m), show(&a, m->key), ISK_MAX_VIEWS);
    }
    if (m->in.row_names.count > 0 && m->in.row_names.count != m->in.rows) {
        return isk_set_error(c->context, ISK_DATA, "%s: %s has %lld cells but %lld names of cells", path_of(c, m), m->name,
                             (long long)m->in.rows, (long long)m->in.row_names.count);
    }
    return ISK_OK;
}

isk_status cells_add(cells *c, modality *m) {
    const isk_status status = check_modality(c, m);
    if (status == ISK_OK) {
        c->modality[c->count++] = *m;
        memset(m, 0, sizeof *m);
    } else {
        modality_free(m);
    }
    return status;
}

isk_status cells_add_table(cells *c, cell_table *t) {
    if (!make_room((void **)&c->tables, &c->table_capacity, c->table_count + 1, sizeof *c->tables)) {
        cell_table_free(t);
        return no_memory(c->context, c->path ? c->path : "a table of cells");
    }
    c->tables[c->table_count++] = *t;
    memset(t, 0, sizeof *t);
    return ISK_OK;
}

void cells_free(cells *c) {
    for (int i = 0; i < ISK_MAX_VIEWS; i++) {
        modality_free(&c->modality[i]);
        free(c->present[i]);
    }
    for (int64_t i = 0; i < c->table_count; i++) { cell_table_free(&c->tables[i]); }
    free(c->tables);
    cell_table_free(&c->table);
    names_free(&c->names);
    free(c->offered);
    names_free(&c->files);
    memset(c, 0, sizeof *c);
}

/* ---- one list of cells ---- */

/* Either all modalities name their cells or none does, and then all have as many. */
static isk_status check_named(const cells *c) {
    const modality *first = &c->modality[0];
    if (c->count == 0) { return isk_set_error(c->context, ISK_DATA, "%s: holds no modality", c->path ? c->path : "the data"); }
    for (int i = 1; i < c->count; i++) {
        const modality *m = &c->modality[i];
        const modality *with = first->in.row_names.count > 0 ? first : m, *without = with == first ? m : first;
        if ((first->in.row_names.count > 0) != (m->in.row_names.count > 0)) {
            return isk_set_error(c->context, ISK_DATA, "%s: %s has no names of its cells, so they cannot be found among those of %s; "
                                 "--%s-cells FILE names them", path_of(c, without), without->name, with->name,
                                 modality_kind_name(without->kind));
        }
        if (first->in.row_names.count == 0 && first->in.rows != m->in.rows) {
            const modality *turned = m->in.cols == first->in.rows ? m : m->in.rows == first->in.cols ? first : NULL;
            return isk_set_error(c->context, ISK_DATA, "%s: has %lld rows (%s) where %s has %lld (%s), and neither names its cells; %s%s",
                                 path_of(c, m), (long long)m->in.rows, m->name, path_of(c, first), (long long)first->in.rows, first->name,
                                 turned ? "if columns are the cells, say --transpose " : "give names to both",
                                 turned ? modality_kind_name(turned->kind) : "");
        }
    }
    return ISK_OK;
}

static isk_status out_of_memory(const cells *c) { return no_memory(c->context, c->path ? c->path : "the cells"); }

/* An index of names that each stand once. */
static isk_status index_once(const cells *c, const char *path, const char *what, const names *n, name_index *x) {
    int64_t before, twice;
    shown name;
    if (!name_index_update(x, n)) { return out_of_memory(c); }
    twice = name_index_twice(x, &before);
    if (twice < 0) { return ISK_OK; }
    return isk_set_error(c->context, ISK_DATA, "%s: cell '%s' stands twice%s%s, in rows %lld and %lld; a name must be that of one cell%s",
                         path, show(&name, names_get(n, twice)), *what ? " in " : "", what, (long long)before + 1, (long long)twice + 1,
                         c->pairing.strip_suffix ? ", also after --strip-suffix" : "");
}

/* Adds the cells of modality i that are not yet among the rows. */
static isk_status add_cells(cells *c, int i, name_index *all) {
    const modality *m = &c->modality[i];
    const names *n = &m->in.row_names;
    name_index own = { 0 };
    isk_status status = index_once(c, path_of(c, m), m->name, n, &own);
    name_index_free(&own);
    for (int64_t r = 0; r < n->count && status == ISK_OK; r++) {
        const char *name = names_get(n, r);
        if (name_index_find(all, name) < 0 && !names_add(&c->names, name)) { status = out_of_memory(c); }
    }
    return status == ISK_OK && !name_index_update(all, &c->names) ? out_of_memory(c) : status;
}

/* Cells of which no file gives names. */
static isk_status number_cells(cells *c) {
    for (int i = 0; i < c->count; i++) {
        names *n = &c->modality[i].in.row_names;
        for (int64_t r = n->count; r < c->modality[i].in.rows; r++) {
            char number[24];
            snprintf(number, sizeof number, "%lld", (long long)r + 1);
            if (!names_add(n, number)) { return out_of_memory(c); }
        }
    }
    return ISK_OK;
}

/* ---- which cells have which modalities ---- */

/* has [rows]: bit i of a cell that modality i has. */
static isk_status find_members(const cells *c, uint8_t *has) {
    for (int i = 0; i < c->count; i++) {
        name_index own = { 0 };
        if (!name_index_update(&own, &c->modality[i].in.row_names)) { return out_of_memory(c); }
        for (int64_t r = 0; r < c->names.count; r++) {
            const int64_t place = name_index_find(&own, names_get(&c->names, r));
            if (place >= 0 && (!c->present[i] || c->present[i][place])) { has[r] |= (uint8_t)(1 << i); }
        }
        name_index_free(&own);
    }
    return ISK_OK;
}

/* Cells that have one of the modalities whose bits are in `of`, and of those that have one of `with`. */
static int64_t count_members(const cells *c, const uint8_t *has, int of, int with) {
    int64_t count = 0;
    for (int64_t r = 0; r < c->names.count; r++) { count += (has[r] & of) && (has[r] & with); }
    return count;
}

/* Names of the cells that have one of these modalities; 0: out of memory. */
static int names_of_members(const cells *c, const uint8_t *has, int of, names *n) {
    int done = 1;
    for (int64_t r = 0; r < c->names.count && done; r++) { done = !(has[r] & of) || names_add(n, names_get(&c->names, r)); }
    return done;
}

/* How many cells of modality i have another one too, and their names. */
typedef struct pairs {
    const modality *m;
    const char *with;               /* what the others are called */
    int64_t own, others, both, smaller;
    names own_names, other_names;
} pairs;

static void pairs_count(const cells *c, const uint8_t *has, int i, pairs *p) {
    const int own = 1 << i, rest = (1 << c->count) - 1 - own;
    *p = (pairs){ .m = &c->modality[i], .with = c->count == 2 ? c->modality[1 - i].name : "the other modalities" };
    p->own = count_members(c, has, own, own);
    p->others = count_members(c, has, rest, rest);
    p->both = count_members(c, has, own, rest);
    p->smaller = p->own < p->others ? p->own : p->others;
}

/* cause: "", or what is likely to be wrong with the names */
static isk_status refuse_pairs(const cells *c, const pairs *p, const char *cause) {
    text words = { 0 };
    shown own, other, column;
    isk_status status;
    if (p->both == 0) {
        text_format(&words, "no cell of %s, whose first is '%s', is among the others, whose first is '%s'", p->m->name,
                    show(&own, names_get(&p->own_names, 0)), show(&other, names_get(&p->other_names, 0)));
    } else {
        text_format(&words, "only %lld of the %lld cells of %s are among the %lld of %s, too few to learn from (%d and %g %% are the "
                    "least)", (long long)p->both, (long long)p->own, p->m->name, (long long)p->others, p->with, LEAST_PAIRED,
                    100 * LEAST_PAIRED_PART);
    }
    if (p->m->fits_neither && !*cause) {
        text_format(&words, ", nor is a column, whose first is '%s'", show(&column, names_get(&p->m->in.column_names, 0)));
    }
    text_format(&words, "; %s", *cause ? cause : "the names of cells must agree");
    status = words.failed ? out_of_memory(c) : isk_set_error(c->context, ISK_DATA, "%s: %s", path_of(c, p->m), words.data);
    text_free(&words);
    return status;
}

/* Few names that agree, of a small modality all of them, may also be what two tables of features x cells have in common. */
static isk_status judge_pairs(const cells *c, const uint8_t *has, int i) {
    const int own = 1 << i, rest = (1 << c->count) - 1 - own;
    pairs p;
    int most_lack;
    text cause = { 0 };
    isk_status status = ISK_OK;
    pairs_count(c, has, i, &p);
    most_lack = 2 * p.both < p.smaller;
    if (!most_lack && (p.both >= LEAST_PAIRED || 2 * p.both >= p.own + p.others - p.both)) { return ISK_OK; }
    text_add(&cause, "");
    if (!names_of_members(c, has, own, &p.own_names) || !names_of_members(c, has, rest, &p.other_names) ||
        !pairing_cause(&p.own_names, &p.other_names, p.smaller, p.both, &cause)) {
        status = out_of_memory(c);
    } else if (most_lack && (p.both < LEAST_PAIRED || (double)p.both < LEAST_PAIRED_PART * (double)p.smaller)) {
        status = refuse_pairs(c, &p, cause.data);
    } else if (c->bar) {
        progress_warn(c->bar, "only %lld of the %lld cells of %s are among the %lld of %s: what they share is learned from these alone%s%s",
                      (long long)p.both, (long long)p.own, p.m->name, (long long)p.others, p.with, *cause.data ? "; " : "", cause.data);
    }
    names_free(&p.own_names);
    names_free(&p.other_names);
    text_free(&cause);
    return status;
}

/* A cell that loses its bits is left out.  Antibodies are also counted in droplets that hold no cell, which are most of a file that nobody
   filtered. */
static void drop_empty(const cells *c, uint8_t *has) {
    int64_t most = 0, with_rna, all = 0, empty = 0;
    int rna = 0;
    while (rna < c->count && c->modality[rna].kind != MODALITY_RNA) { rna++; }
    if (rna == c->count || c->pairing.keep_empty) { return; }
    with_rna = count_members(c, has, 1 << rna, 1 << rna);
    for (int i = 0; i < c->count; i++) {
        const int64_t own = count_members(c, has, 1 << i, 1 << i);
        most = own > most ? own : most;
    }
    if (most <= EMPTY_TIMES * with_rna) { return; }
    for (int64_t r = 0; r < c->names.count; r++) {
        all += has[r] != 0;
        if (has[r] & 1 << rna) { continue; }
        empty += has[r] != 0;
        has[r] = 0;
    }
    if (c->bar) {
        progress_warn(c->bar, "%lld of %lld cells have no RNA: they are left out as empty droplets; --keep-empty keeps them",
                      (long long)empty, (long long)all);
    }
}

static void drop_unpaired(const cells *c, uint8_t *has) {
    const int all = (1 << c->count) - 1;
    int64_t there = 0, left = 0;
    for (int64_t r = 0; r < c->names.count; r++) {
        there += has[r] != 0;
        if (has[r] != all) { has[r] = 0; }
        left += has[r] != 0;
    }
    if (c->bar && left < there) {
        progress_say(c->bar, "%lld of %lld cells have all modalities: the others are left out", (long long)left, (long long)there);
    }
}

/* Before rows move, which for many empty droplets would take much memory. */
static isk_status choose_cells(cells *c) {
    uint8_t *has = calloc((size_t)c->names.count + 1, sizeof *has);
    names kept = { 0 };
    isk_status status = has ? find_members(c, has) : out_of_memory(c);
    /* of two modalities one tells it all */
    for (int i = c->count - 1; i >= (c->count <= 2) && status == ISK_OK; i--) { status = judge_pairs(c, has, i); }
    if (status == ISK_OK) { drop_empty(c, has); }
    if (status == ISK_OK && c->pairing.paired) { drop_unpaired(c, has); }
    if (status == ISK_OK && !names_of_members(c, has, (1 << c->count) - 1, &kept)) { status = out_of_memory(c); }
    free(has);
    if (status == ISK_OK && kept.count == 0) {
        status = isk_set_error(c->context, ISK_DATA, "%s: no cell has all modalities, which --paired asks for",
                               c->path ? c->path : "the data");
    }
    if (status != ISK_OK || kept.count == c->names.count) {
        names_free(&kept);
        return status;
    }
    names_free(&c->names);
    c->names = kept;
    return ISK_OK;
}

/* ---- rows move to their places ---- */

/* place [rows]: the row of `n` that each cell is, -1 where it is none of them; NULL where all keep theirs. */
static isk_status find_places(const cells *c, const names *n, const name_index *x, int64_t **place, int64_t *found) {
    int same = n->count == c->names.count;
    *found = 0;
    *place = malloc(sizeof **place * (size_t)(c->names.count > 0 ? c->names.count : 1));
    if (!*place) { return out_of_memory(c); }
    for (int64_t r = 0; r < c->names.count; r++) {
        (*place)[r] = name_index_find(x, names_get(&c->names, r));
        *found += (*place)[r] >= 0;
        same = same && (*place)[r] == r;
    }
    if (same) {
        free(*place);
        *place = NULL;
    }
    return ISK_OK;
}

/* Whether rows stay where they are, and others only follow. */
static int only_appended(const int64_t *place, int64_t rows, int64_t before) {
    for (int64_t r = 0; r < rows; r++) {
        if (place[r] != (r < before ? r : -1)) { return 0; }
    }
    return rows >= before;
}

/* Entries in the order of the new rows, whose starts are made; 0: out of memory. */
static int move_entries(sparse *m, const int64_t *place, int64_t rows, const int64_t *starts) {
    const size_t count = (size_t)(starts[rows] > 0 ? starts[rows] : 1);
    int32_t *columns = malloc(count * sizeof *columns);
    isk_scalar *values = malloc(count * sizeof *values);
    if (!columns || !values) {
        free(columns);
        free(values);
        return 0;
    }
    for (int64_t r = 0; r < rows; r++) {
        const size_t length = (size_t)(starts[r + 1] - starts[r]);
        if (length == 0) { continue; }
        memcpy(columns + starts[r], m->columns + m->starts[place[r]], length * sizeof *columns);
        memcpy(values + starts[r], m->values + m->starts[place[r]], length * sizeof *values);
    }
    free(m->columns);
    free(m->values);
    m->columns = columns;
    m->values = values;
    return 1;
}

static int move_sparse(sparse *m, const int64_t *place, int64_t rows) {
    int64_t *starts = malloc(sizeof *starts * (size_t)(rows + 1));
    if (!starts) { return 0; }
    starts[0] = 0;
    for (int64_t r = 0; r < rows; r++) {
        starts[r + 1] = starts[r] + (place[r] < 0 ? 0 : m->starts[place[r] + 1] - m->starts[place[r]]);
    }
    if (!only_appended(place, rows, m->rows) && !move_entries(m, place, rows, starts)) {
        free(starts);
        return 0;
    }
    free(m->starts);
    m->starts = starts;
    m->rows = rows;
    m->count = starts[rows];
    return 1;
}

static int move_dense(input *in, const int64_t *place, int64_t rows) {
    const size_t cols = (size_t)in->cols;
    isk_scalar *values;
    if (cols > 0 && (uint64_t)rows >= PTRDIFF_MAX / sizeof *values / cols) { return 0; }
    values = calloc((size_t)rows * cols + 1, sizeof *values);
    if (!values) { return 0; }
    for (int64_t r = 0; r < rows; r++) {
        if (place[r] >= 0) { memcpy(values + (size_t)r * cols, in->values + (size_t)place[r] * cols, cols * sizeof *values); }
    }
    free(in->values);
    in->values = values;
    return 1;
}

static int move_input(input *in, const int64_t *place, int64_t rows) {
    if (!(in->is_sparse ? move_sparse(&in->sparse, place, rows) : move_dense(in, place, rows))) { return 0; }
    in->rows = rows;
    return 1;
}

/* Which rows were measured: those that have a place, and were before.  0: out of memory. */
static int move_present(uint8_t **present, const int64_t *place, int64_t rows) {
    uint8_t *moved = malloc((size_t)(rows > 0 ? rows : 1));
    int absent = 0;
    if (!moved) { return 0; }
    for (int64_t r = 0; r < rows; r++) {
        moved[r] = place[r] >= 0 && (!*present || (*present)[place[r]]);
        absent |= !moved[r];
    }
    free(*present);
    *present = moved;
    if (!absent) {
        free(moved);
        *present = NULL;
    }
    return 1;
}

/* Puts modality i on the rows of all. */
static isk_status move_modality(cells *c, int i) {
    input *in = &c->modality[i].in, *aside = &c->modality[i].aside;
    const int64_t rows = c->names.count;
    name_index own = { 0 };
    int64_t *place = NULL, found;
    isk_status status = name_index_update(&own, &in->row_names) ? find_places(c, &in->row_names, &own, &place, &found) : out_of_memory(c);
    name_index_free(&own);
    if (status == ISK_OK && place) {
        names moved;
        int done = names_copy(&moved, &c->names);
        if (done) {
            names_free(&in->row_names);
            in->row_names = moved;
            done = move_input(in, place, rows) && (aside->cols == 0 || move_input(aside, place, rows)) &&
                   move_present(&c->present[i], place, rows);
        }
        if (!done) { status = out_of_memory(c); }
    }
    free(place);
    return status;
}

/* ---- columns follow ---- */

/* Leaves out classes that no row has; 0: out of memory. */
static int drop_unused(labels *l) {
    int32_t *becomes = calloc((size_t)l->count + 1, sizeof *becomes);
    names kept = { 0 };
    int done = becomes != NULL;
    for (int64_t r = 0; r < l->rows && done; r++) {
        if (l->codes[r] >= 0) { becomes[l->codes[r]] = 1; }
    }
    for (int i = 0; i < l->count && done; i++) {
        if (!becomes[i]) { continue; }
        becomes[i] = (int32_t)kept.count;
        done = names_add(&kept, names_get(&l->classes, i));
    }
    for (int64_t r = 0; r < l->rows && done; r++) {
        if (l->codes[r] >= 0) { l->codes[r] = becomes[l->codes[r]]; }
    }
    free(becomes);
    if (!done) {
        names_free(&kept);
        return 0;
    }
    names_free(&l->classes);
    l->classes = kept;
    l->count = (int)kept.count;
    return 1;
}

static int move_numbers(double **numbers, const int64_t *place, int64_t rows) {
    double *moved = malloc(sizeof *moved * (size_t)(rows > 0 ? rows : 1));
    if (!moved) { return 0; }
    for (int64_t r = 0; r < rows; r++) { moved[r] = place[r] < 0 ? (double)NAN : (*numbers)[place[r]]; }
    free(*numbers);
    *numbers = moved;
    return 1;
}

static int move_classes(labels *l, const int64_t *place, int64_t rows) {
    int32_t *moved = malloc(sizeof *moved * (size_t)(rows > 0 ? rows : 1));
    if (!moved) { return 0; }
    l->missing = 0;
    for (int64_t r = 0; r < rows; r++) {
        moved[r] = place[r] < 0 ? -1 : l->codes[place[r]];
        l->missing += moved[r] < 0;
    }
    free(l->codes);
    l->codes = moved;
    l->rows = rows;
    return 1;
}

/* ---- columns of one name ---- */

/* Where the rows of a column come from in another: at `place`, or all as they stand. */
static int64_t placed(const int64_t *place, int64_t row) { return place ? place[row] : row; }

/* For each class of `from` the number of that of `to` which has its name, -1: none; 0: out of memory. */
static int same_classes(const labels *to, const labels *from, int32_t **same) {
    name_index x = { 0 };
    int done = name_index_update(&x, &to->classes);
    *same = done ? malloc(sizeof **same * ((size_t)from->count + 1)) : NULL;
    for (int i = 0; i < from->count && *same; i++) { (*same)[i] = (int32_t)name_index_find(&x, names_get(&from->classes, i)); }
    name_index_free(&x);
    return *same != NULL;
}

/* Whether two columns say otherwise of a cell; same: of their classes. */
static int disagree(const cell_column *to, const cell_column *from, const int32_t *same, const int64_t *place, int64_t rows) {
    if (!to->numbers != !from->numbers) { return 1; }
    for (int64_t r = 0; r < rows; r++) {
        const int64_t at = placed(place, r);
        if (at < 0) { continue; }
        if (to->numbers) {
            if (!isnan(to->numbers[r]) && !isnan(from->numbers[at]) && to->numbers[r] != from->numbers[at]) { return 1; }
        } else if (to->classes.codes[r] >= 0 && from->classes.codes[at] >= 0 && to->classes.codes[r] != same[from->classes.codes[at]]) {
            return 1;
        }
    }
    return 0;
}

/* Takes what `to` does not know; a class that it has not yet follows its own.  0: out of memory. */
static int fill(cell_column *to, const cell_column *from, int32_t *same, const int64_t *place, int64_t rows) {
    labels *l = &to->classes;
    for (int64_t r = 0; r < rows; r++) {
        const int64_t at = placed(place, r);
        int32_t code;
        if (at < 0) { continue; }
        if (to->numbers) {
            if (isnan(to->numbers[r])) { to->numbers[r] = from->numbers[at]; }
            continue;
        }
        code = from->classes.codes[at];
        if (l->codes[r] >= 0 || code < 0) { continue; }
        if (same[code] < 0) {
            if (!names_add(&l->classes, names_get(&from->classes.classes, code))) { return 0; }
            same[code] = l->count++;
        }
        l->codes[r] = same[code];
        l->missing--;
    }
    return 1;
}

/* *agrees 0: nothing is filled. */
static int fill_column(cell_column *to, const cell_column *from, const int64_t *place, int64_t rows, int *agrees) {
    int32_t *same = NULL;
    int done = to->numbers || from->numbers || same_classes(&to->classes, &from->classes, &same);
    *agrees = done && !disagree(to, from, same, place, rows);
    if (*agrees) { done = fill(to, from, same, place, rows); }
    free(same);
    return done;
}

/* The table of all rows, while it is made; its columns from `open` on are of tables that are equally trusted, and fill each other. */
typedef struct merged {
    cell_table table;
    const cell_table **owner;       /* of each column */
    int64_t open, capacity;
} merged;

/* A column of another table becomes one of `to`; 0: out of memory. */
static int move_column(merged *to, const cell_table *from, cell_column *column, const int64_t *place, int64_t rows) {
    const int room = make_room((void **)&to->owner, &to->capacity, to->table.count + 1, sizeof *to->owner);
    cell_column *taken = room ? cell_table_add(&to->table, column->name) : NULL;
    if (!taken) { return 0; }
    to->owner[to->table.count - 1] = from;
    taken->numbers = column->numbers;
    taken->classes = column->classes;
    column->numbers = NULL;
    memset(&column->classes, 0, sizeof column->classes);
    if (place && !(taken->numbers ? move_numbers(&taken->numbers, place, rows) : move_classes(&taken->classes, place, rows))) { return 0; }
    return taken->numbers || drop_unused(&taken->classes);
}

/* Moves the columns of a table, whose rows are at `place`, that `to` does not have yet.  `differ` gets the names of those that it has, and
   that say otherwise. */
static int take_columns(merged *to, cell_table *from, const int64_t *place, int64_t rows, names *differ) {
    int done = 1;
    for (int64_t i = 0; i < from->count && done; i++) {
        cell_column *column = &from->columns[i];
        const cell_column *there = column_of(&to->table, column->name);
        const int64_t at = there ? there - to->table.columns : -1;
        int agrees = 1;
        if (!there) {
            done = move_column(to, from, column, place, rows);
        } else if (at >= to->open) {
            done = fill_column(&to->table.columns[at], column, place, rows, &agrees);
        }
        if (done && !agrees) { done = names_add(differ, column->name); }
    }
    return done;
}

static const char *called(const cell_table *t) { return *t->at ? t->at : t->path ? t->path : "the table of cells"; }

/* One line for each table that another contradicts. */
static void say_what_differs(const cells *c, const merged *m, const cell_table *t, const names *differ) {
    enum { FEW = 8 };
    for (const cell_table *other = c->tables; other < t && c->bar && differ->count > 0; other++) {
        text list = { 0 };
        int64_t count = 0;
        for (int64_t i = 0; i < differ->count; i++) {
            shown name;
            if (m->owner[column_of(&m->table, names_get(differ, i)) - m->table.columns] != other) { continue; }
            if (count++ < FEW) { text_format(&list, "%s%s", count > 1 ? ", " : "", show(&name, names_get(differ, i))); }
        }
        if (count > FEW) { text_format(&list, " and %lld more", (long long)count - FEW); }
        if (count > 0) {
            progress_warn(c->bar, "%s: %s and %s disagree in %s %s; what %s says is taken, also where it says nothing", c->path ? c->path :
                          "the data", called(other), called(t), count > 1 ? "columns" : "column", list.data ? list.data : "",
                          called(other));
        }
        text_free(&list);
    }
}

static isk_status match_table(cells *c, merged *to, cell_table *t) {
    const char *path = t->path ? t->path : c->path ? c->path : "a table of cells";
    name_index own = { 0 };
    names differ = { 0 };
    int64_t *place = NULL, found = 0;
    isk_status status = index_once(c, path, "", &t->cells, &own);
    if (status == ISK_OK) { status = find_places(c, &t->cells, &own, &place, &found); }
    if (status == ISK_OK && found == 0 && t->cells.count > 0) {
        shown a, b;
        text cause = { 0 };
        status = !pairing_cause(&t->cells, &c->names, t->cells.count < c->names.count ? t->cells.count : c->names.count, 0, &cause) ?
                 out_of_memory(c) :
                 isk_set_error(c->context, ISK_DATA, "%s: none of its %lld cells, whose first is '%s', is in the data, whose first is "
                               "'%s'; %s", path, (long long)t->cells.count, show(&a, names_get(&t->cells, 0)),
                               show(&b, names_get(&c->names, 0)), cause.data ? cause.data : "the names of cells must agree");
        text_free(&cause);
    }
    if (status == ISK_OK && t->cells.count > 0 && !take_columns(to, t, place, c->names.count, &differ)) { status = out_of_memory(c); }
    if (status == ISK_OK) { say_what_differs(c, to, t, &differ); }
    names_free(&differ);
    free(place);
    name_index_free(&own);
    return status;
}

/* After those that are to be first, what was matched before is the most important table. */
static isk_status match_tables(cells *c) {
    merged all = { .open = INT64_MAX };
    isk_status status = names_copy(&all.table.cells, &c->names) ? ISK_OK : out_of_memory(c);
    for (int64_t i = 0; i < c->table_count && status == ISK_OK; i++) {
        if (c->tables[i].first) { status = match_table(c, &all, &c->tables[i]); }
    }
    if (status == ISK_OK && c->table.count > 0) { status = match_table(c, &all, &c->table); }
    all.open = all.table.count;
    for (int64_t i = 0; i < c->table_count && status == ISK_OK; i++) {
        if (!c->tables[i].first) { status = match_table(c, &all, &c->tables[i]); }
    }
    for (int64_t i = 0; i < c->table_count; i++) { cell_table_free(&c->tables[i]); }
    c->table_count = 0;
    cell_table_free(&c->table);
    free(all.owner);
    c->table = all.table;
    return status;
}

isk_status cells_match(cells *c) {
    name_index all = { 0 };
    isk_status status = check_named(c);
    if (status == ISK_OK) { status = number_cells(c); }
    if (status == ISK_OK && c->pairing.strip_suffix) {
        for (int i = 0; i < c->count; i++) { names_strip_suffix(&c->modality[i].in.row_names); }
        for (int64_t i = 0; i < c->table_count; i++) { names_strip_suffix(&c->tables[i].cells); }
    }
    if (status == ISK_OK && !name_index_update(&all, &c->names)) { status = out_of_memory(c); }
    for (int i = c->matched; i < c->count && status == ISK_OK; i++) { status = add_cells(c, i, &all); }
    name_index_free(&all);
    if (status == ISK_OK && c->matched < c->count) { status = choose_cells(c); }
    for (int i = 0; i < c->count && status == ISK_OK; i++) { status = move_modality(c, i); }
    c->rows = c->names.count;
    c->matched = c->count;
    return status == ISK_OK ? match_tables(c) : status;
}

isk_status cells_keep(cells *c, const uint8_t *kept) {
    names left = { 0 };
    isk_status status = ISK_OK;
    for (int64_t r = 0; r < c->rows && status == ISK_OK; r++) {
        if (kept[r] && !names_add(&left, names_get(&c->names, r))) { status = out_of_memory(c); }
    }
    if (status != ISK_OK) {
        names_free(&left);
        return status;
    }
    names_free(&c->names);
    c->names = left;
    for (int i = 0; i < c->count && status == ISK_OK; i++) { status = move_modality(c, i); }
    c->rows = c->names.count;
    return status == ISK_OK ? match_tables(c) : status;
}
