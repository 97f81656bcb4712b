#include "explained.h"

#include "../base/sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one modality ---- */

/* SUMMARY is NaN where a cell lacks the modality, which the fused features are not; nothing is told from it.  For EXPLAINED_OTHER C of
   the other modalities stand before it instead, the first at 0. */
enum { SHARED, SPECIFIC, FUSED, SUMMARY, BLOCKS };
typedef char there_is_a_place_for_each_other[ISK_MAX_VIEWS - 1 <= SUMMARY ? 1 : -1];

/* The blocks that a way tells from; 0 where one of them is not there. */
static int blocks_of(explained_way way, const isk_matrix *all, isk_matrix *blocks) {
    const int both = way == EXPLAINED_BOTH, other = way == EXPLAINED_OTHER;
    const int taken[BLOCKS] = { way == EXPLAINED_SHARED || both || other, way == EXPLAINED_SPECIFIC || both || (other && all[1].data),
                                way == EXPLAINED_FUSED || (other && all[2].data), 0 };
    int there = 1;
    for (int b = 0; b < BLOCKS; b++) {
        blocks[b] = taken[b] ? all[b] : (isk_matrix){ NULL, 0, 0 };
        there = there && (!taken[b] || all[b].data);
    }
    return there;
}

/* One modality's cells, and what is to be told of them. */
typedef struct told {
    isk_context *context;
    isk_matrix blocks[BLOCKS], y;
    whole_rows rows;
    isk_part scored;
    uint8_t *constant;              /* [y.cols] over the scored cells: R^2 has no meaning then */
    int other;                      /* 1: from the other modalities */
} told;

/* Marks what is constant over the scored rows; the number of features that are not. */
static int64_t find_constant(told *t) {
    const isk_scalar *first = NULL;
    int64_t varying = 0;
    memset(t->constant, 1, (size_t)t->y.cols);
    for (int64_t i = 0; i < t->rows.count; i++) {
        const isk_scalar *row = t->y.data + i * t->y.cols;
        if (t->rows.part[i] != t->scored) { continue; }
        first = first ? first : row;
        for (int64_t j = 0; j < t->y.cols; j++) { t->constant[j] = t->constant[j] && row[j] == first[j]; }
    }
    for (int64_t j = 0; j < t->y.cols; j++) { varying += !t->constant[j]; }
    return varying;
}

static isk_status tell(told *t, const isk_matrix *blocks, double *r2) {
    const isk_matrix x = join_divided(t->context, blocks, BLOCKS, &t->rows, NULL);      /* as they are: they are standardized there */
    double pooled;
    isk_status status = x.data ? isk_ridge_r2(t->context, &(isk_regression_desc){ .x = x, .y = t->y, .part = t->rows.part,
                                                                                  .scored = t->scored,
                                                                                  .column_r2 = r2 }, &pooled)
                               : no_memory(t->context, "R^2 of the features");
    for (int64_t j = 0; j < t->y.cols && status == ISK_OK; j++) { r2[j] = t->constant[j] ? NAN : r2[j]; }
    matrix_free(x);
    return status;
}

static isk_status tell_all(told *t, explained_modality *m) {
    const int64_t varying = find_constant(t);
    isk_status status = ISK_OK;
    m->count = t->y.cols;
    for (int way = 0; way < EXPLAINED_WAYS && status == ISK_OK; way++) {
        isk_matrix blocks[BLOCKS];
        if ((way == EXPLAINED_OTHER) != t->other || !blocks_of((explained_way)way, t->blocks, blocks)) { continue; }
        m->r2[way] = malloc(sizeof *m->r2[way] * (size_t)m->count);
        if (!m->r2[way]) { return no_memory(t->context, "R^2 of the features"); }
        for (int64_t j = 0; j < m->count; j++) { m->r2[way][j] = NAN; }
        if (varying) { status = tell(t, blocks, m->r2[way]); }
    }
    return status;
}

static isk_status explain(told *t, const dataset *d, int view, explained_modality *m) {
    const isk_matrix all = recipe_features(&d->v.in[view]);
    int64_t count[3] = { 0, 0, 0 };
    isk_status status = whole_rows_find(t->context, t->blocks, BLOCKS, d->part, &t->rows);
    const int whole = t->rows.count == all.rows;            /* then there is no need of a copy, which may be large */
    if (status != ISK_OK) { return status; }
    for (int64_t i = 0; i < t->rows.count; i++) { count[t->rows.part[i]]++; }
    t->scored = count[ISK_TEST] ? ISK_TEST : ISK_VALIDATION;
    if (!t->other) { m->scored_cells = count[t->scored]; }
    if (!count[ISK_TRAIN] || !count[t->scored]) { return ISK_OK; }
    t->y = whole ? all : join_divided(t->context, &all, 1, &t->rows, NULL);
    t->constant = malloc((size_t)all.cols + 1);
    status = t->y.data && t->constant ? tell_all(t, m) : no_memory(t->context, "R^2 of the features");
    if (!whole) { matrix_free(t->y); }
    free(t->constant);
    return status;
}

static isk_status explain_by_others(isk_context *context, const dataset *d, const features *f, int view, explained_modality *m) {
    told t = { .context = context, .blocks = { [SUMMARY] = d->v.summary[view] }, .other = 1 };
    isk_status status;
    int count = 0;
    for (int i = 0; i < d->v.count; i++) {
        if (i != view && f->m[FEATURE_C + i].data) { t.blocks[count++] = f->m[FEATURE_C + i]; }
    }
    if (!count) { return ISK_OK; }
    status = explain(&t, d, view, m);
    whole_rows_free(&t.rows);
    return status;
}

/* ---- all of them ---- */

isk_status explained_make(explained *e, isk_context *context, const dataset *d, const features *f, const char *const *modalities) {
    isk_status status = ISK_OK;
    memset(e, 0, sizeof *e);
    for (int view = 0; view < d->v.count && status == ISK_OK; view++) {
        explained_modality *m = &e->list[e->count];
        told t = { .context = context, .blocks = { [SHARED] = f->m[FEATURE_C + view], [SPECIFIC] = f->m[FEATURE_Z + view],
                                                   [FUSED] = f->m[FEATURE_FUSED], [SUMMARY] = d->v.summary[view] } };
        if (!recipe_features(&d->v.in[view]).data || (!t.blocks[SHARED].data && !t.blocks[SPECIFIC].data && !t.blocks[FUSED].data)) {
            continue;
        }
        *m = (explained_modality){ .name = modalities[view], .features = &d->v.in[view].column_names };
        status = explain(&t, d, view, m);
        whole_rows_free(&t.rows);
        if (!m->count) { continue; }
        e->count++;
        if (status == ISK_OK) { status = explain_by_others(context, d, f, view, m); }
    }
    if (status != ISK_OK) { explained_free(e); }
    return status;
}

void explained_free(explained *e) {
    for (int i = 0; i < e->count; i++) {
        for (int way = 0; way < EXPLAINED_WAYS; way++) { free(e->list[i].r2[way]); }
    }
    memset(e, 0, sizeof *e);
}

double explained_added(const explained_modality *m, int64_t feature) {
    double *const *r2 = m->r2;
    if (!r2[EXPLAINED_SPECIFIC]) { return NAN; }
    return r2[EXPLAINED_BOTH] ? r2[EXPLAINED_BOTH][feature] - r2[EXPLAINED_SHARED][feature] : r2[EXPLAINED_SPECIFIC][feature];
}

int64_t explained_most_added(const explained_modality *m) {
    int64_t most = -1;
    for (int64_t j = 0; j < m->count; j++) {
        if (explained_added(m, j) > (most < 0 ? 0 : explained_added(m, most))) { most = j; }
    }
    return most;
}

/* ---- output ---- */

const char *explained_feature(const explained_modality *m, int64_t feature, char buffer[32]) {
    const char *name = names_get(m->features, feature);
    snprintf(buffer, 32, "%lld", (long long)feature + 1);
    return name ? name : buffer;
}

static int any_fused(const explained *e) {
    int any = 0;
    for (int i = 0; i < e->count; i++) { any = any || e->list[i].r2[EXPLAINED_FUSED]; }
    return any;
}

void explained_tsv(const explained *e, text *out) {
    static const sheet_column columns[] = { { .key = "modality" }, { .key = "feature" }, { .key = "r2_shared", .form = SHEET_REAL },
                                            { .key = "r2_specific", .form = SHEET_REAL }, { .key = "r2_both", .form = SHEET_REAL },
                                            { .key = "r2_other", .form = SHEET_REAL },
                                            { .key = "r2_fused", .form = SHEET_REAL } };
    const int ways = any_fused(e) ? EXPLAINED_WAYS : EXPLAINED_FUSED;
    sheet s = { .columns = columns, .column_count = 2 + ways };
    char number[32];
    for (int i = 0; i < e->count; i++) {
        const explained_modality *m = &e->list[i];
        for (int64_t j = 0; j < m->count; j++) {
            sheet_row(&s);
            sheet_words(&s, m->name);
            if (names_get(m->features, j)) {
                sheet_words(&s, names_get(m->features, j));
            } else {
                sheet_format(&s, "%s", explained_feature(m, j, number));
            }
            for (int way = 0; way < ways; way++) { sheet_number(&s, m->r2[way] ? m->r2[way][j] : NAN); }
        }
    }
    sheet_tsv(&s, out);
    sheet_free(&s);
}
