#include "impute.h"

#include "../base/sheet.h"
#include "../base/statistics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 3 };                /* C, Z, principal components */

const char *impute_way_name(impute_way way) {
    static const char *const names_of[IMPUTE_WAYS] = { "c", "cz", "baseline" };
    return names_of[way];
}

/* ---- what is given ---- */

/* Blocks and the target, as whole_rows_find takes them. */
static void list_blocks(const impute_input *in, isk_matrix target, isk_matrix *blocks) {
    blocks[0] = in->c;
    blocks[1] = in->z;
    blocks[2] = in->components;
    blocks[BLOCKS] = target;
}

static isk_status check_query(isk_context *context, const isk_matrix *from, const isk_matrix *query, int64_t *rows) {
    static const char *const name[BLOCKS] = { "C", "Z", "principal components" };
    int given = 0;
    for (int b = 0; b < BLOCKS; b++) {
        given |= query[b].data != NULL;
        if (!*rows && query[b].data) { *rows = query[b].rows; }
    }
    for (int b = 0; b < BLOCKS && given; b++) {
        if (!from[b].data == !query[b].data && (!from[b].data || from[b].cols == query[b].cols)) { continue; }
        return isk_set_error(context, ISK_SHAPE, "%s has %lld columns in the cells trained on and %lld in the further ones; both must be "
                             "the same features", name[b], (long long)(from[b].data ? from[b].cols : 0),
                             (long long)(query[b].data ? query[b].cols : 0));
    }
    return blocks_check(context, "the further cells", query, BLOCKS, *rows);
}

static isk_status check(isk_context *context, const impute_desc *desc, const isk_matrix *from, const isk_matrix *query, imputation *m) {
    isk_status status;
    if (!desc->target.data || !desc->part || (!desc->from.c.data && !desc->from.components.data)) {
        return isk_set_error(context, ISK_ARGUMENT, "%s NULL", !desc->target.data ? "target.data is" : !desc->part ? "part is" :
                             "from.c.data and from.components.data are");
    }
    if (desc->k < 0) { return isk_set_error(context, ISK_ARGUMENT, "k is %d; it must not be negative", desc->k); }
    m->rows = desc->target.rows;
    m->features = desc->target.cols;
    status = blocks_check(context, "the cells", from, BLOCKS + 1, m->rows);
    if (status == ISK_OK) { status = check_query(context, from, query, &m->query_rows); }
    for (int64_t i = 0; i < m->rows && status == ISK_OK; i++) {
        if (desc->part[i] > ISK_TEST) {
            status = isk_set_error(context, ISK_DATA, "part[%lld] is %d; it must be an isk_part: 0, 1 or 2", (long long)i, desc->part[i]);
        }
    }
    return status;
}

/* Cells by what is there of them. */
typedef struct sides {
    isk_matrix from[BLOCKS + 1], query[BLOCKS + 1];
    whole_rows both, told, further;         /* inputs and target; inputs, of all cells; inputs, of the further cells */
} sides;

static isk_status sides_make(isk_context *context, const impute_desc *desc, sides *s, imputation *m) {
    int64_t count[3] = { 0, 0, 0 };
    isk_status status = whole_rows_find(context, s->from, BLOCKS + 1, desc->part, &s->both);
    if (status == ISK_OK) { status = whole_rows_find(context, s->from, BLOCKS, desc->part, &s->told); }
    if (status == ISK_OK) { status = whole_rows_find(context, s->query, BLOCKS, NULL, &s->further); }
    if (status != ISK_OK) { return status; }
    for (int64_t i = 0; i < s->both.count; i++) { count[s->both.part[i]]++; }
    if (!count[ISK_TRAIN]) {
        return isk_set_error(context, ISK_DATA, "no training cell has both modalities, so nothing can be learned; %lld cells of other "
                                                "parts have",
                             (long long)s->both.count);
    }
    m->scored = count[ISK_TEST] ? ISK_TEST : count[ISK_VALIDATION] ? ISK_VALIDATION : ISK_TRAIN;
    m->trained_on = count[ISK_TRAIN];
    m->stopped_on = m->scored == ISK_TEST ? count[ISK_VALIDATION] : 0;
    m->scored_on = m->scored == ISK_TRAIN ? 0 : count[m->scored];
    m->k = desc->k ? desc->k : 10;
    if (m->k > m->trained_on) {
        if (desc->k) {
            return isk_set_error(context, ISK_ARGUMENT, "k is %d, but %lld training cells have both modalities; give a smaller k", desc->k,
                                 (long long)m->trained_on);
        }
        m->k = (int)m->trained_on;
    }
    return ISK_OK;
}

/* ---- one way ---- */

static isk_status out_of_memory(isk_context *context) { return isk_set_error(context, ISK_MEMORY, "imputation: out of memory"); }

/* The blocks that a way tells from. */
static void blocks_of(impute_way way, const isk_matrix *all, isk_matrix *blocks) {
    blocks[0] = way == IMPUTE_BASELINE ? (isk_matrix){ NULL, 0, 0 } : all[0];
    blocks[1] = way == IMPUTE_CZ ? all[1] : (isk_matrix){ NULL, 0, 0 };
    blocks[2] = way == IMPUTE_BASELINE ? all[2] : (isk_matrix){ NULL, 0, 0 };
}

static int possible(impute_way way, const isk_matrix *from) {
    return way == IMPUTE_BASELINE ? from[2].data != NULL : from[0].data && (way == IMPUTE_C || from[1].data);
}

/* Rows to be told: all that are there, the further ones after them.  To be freed. */
static isk_matrix asked_rows(isk_context *context, impute_way way, const sides *s) {
    isk_matrix blocks[BLOCKS], further[BLOCKS], told, more = { NULL, 0, 0 };
    isk_scalar *all = NULL;
    blocks_of(way, s->from, blocks);
    blocks_of(way, s->query, further);
    told = join_divided(context, blocks, BLOCKS, &s->told, NULL);       /* as they are: the network standardizes */
    if (s->further.count) { more = join_divided(context, further, BLOCKS, &s->further, NULL); }
    if (told.data && (more.data || !s->further.count)) {
        all = malloc(sizeof *all * (size_t)(told.rows + s->further.count) * (size_t)told.cols);
    }
    if (all) {
        memcpy(all, told.data, sizeof *all * (size_t)told.rows * (size_t)told.cols);
        if (more.data) { memcpy(all + told.rows * told.cols, more.data, sizeof *all * (size_t)more.rows * (size_t)more.cols); }
    }
    matrix_free(told);
    matrix_free(more);
    return (isk_matrix){ all, told.rows + s->further.count, told.cols };
}

static isk_status predict(isk_context *context, impute_way way, const impute_desc *desc, const sides *s, isk_scalar *predictions,
                          imputation *m) {
    imputation_result *r = &m->way[way];
    isk_matrix blocks[BLOCKS];
    isk_regression_desc regression = { .part = s->both.part, .scored = m->scored == ISK_TRAIN ? ISK_TEST : m->scored, .k = m->k,
                                       .width = desc->width, .epochs = desc->epochs, .seed = desc->seed, .column_r2 = r->r2,
                                       .stop_on_validation = m->stopped_on > 0, .query_predictions = predictions };
    isk_status status;
    blocks_of(way, s->from, blocks);
    regression.x = join_divided(context, blocks, BLOCKS, &s->both, NULL);
    regression.y = join_divided(context, &s->from[BLOCKS], 1, &s->both, NULL);
    regression.queries = asked_rows(context, way, s);
    if (regression.x.data && regression.y.data && regression.queries.data) {
        double *const r2 = m->scored == ISK_TRAIN ? NULL : &r->pooled_r2;
        status = way == IMPUTE_BASELINE ? isk_knn_r2(context, &regression, r2) : isk_mlp_r2(context, &regression, r2);
    } else {
        status = out_of_memory(context);
    }
    matrix_free(regression.x);
    matrix_free(regression.y);
    matrix_free(regression.queries);
    return status;
}

/* Predictions of the rows that are there, to where they belong. */
static void put_rows(const whole_rows *rows, int64_t all, const isk_scalar *from, int64_t cols, isk_scalar *to) {
    for (int64_t i = 0; i < all * cols; i++) { to[i] = (isk_scalar)NAN; }
    for (int64_t i = 0; i < rows->count; i++) { memcpy(to + rows->index[i] * cols, from + i * cols, sizeof *to * (size_t)cols); }
}

/* Pearson's correlation of prediction and target of one feature over the scored cells. */
static double correlate(const impute_desc *desc, const sides *s, const imputation *m, const isk_scalar *predictions, int64_t feature) {
    double mean[2] = { 0, 0 }, squares[2] = { 0, 0 }, product = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t i = 0; i < s->both.count; i++) {
            const int64_t at = s->both.index[i] * m->features + feature;
            const double a = (double)predictions[at], b = (double)desc->target.data[at];
            if (s->both.part[i] != m->scored) { continue; }
            if (!pass) {
                mean[0] += a / (double)m->scored_on;
                mean[1] += b / (double)m->scored_on;
                continue;
            }
            squares[0] += (a - mean[0]) * (a - mean[0]);
            squares[1] += (b - mean[1]) * (b - mean[1]);
            product += (a - mean[0]) * (b - mean[1]);
        }
    }
    /* What is constant but for the mean's rounding has no correlation. */
    for (int side = 0; side < 2; side++) {
        if (!(squares[side] > 1e-24 * (1 + mean[side] * mean[side]) * (double)m->scored_on)) { return NAN; }
    }
    return product / sqrt(squares[0]) / sqrt(squares[1]);
}

static isk_status impute_by(isk_context *context, impute_way way, const impute_desc *desc, const sides *s, imputation *m) {
    imputation_result *r = &m->way[way];
    const size_t features = (size_t)m->features, told = (size_t)s->told.count;
    isk_scalar *all = malloc(sizeof *all * (told + (size_t)s->further.count) * features);
    double *work = malloc(sizeof *work * features);
    isk_status status = ISK_OK;
    r->pooled_r2 = r->median_correlation = NAN;
    r->predictions = malloc(sizeof *r->predictions * (size_t)m->rows * features);
    r->query = malloc(sizeof *r->query * (size_t)m->query_rows * features + 1);
    r->r2 = malloc(sizeof *r->r2 * features);
    r->correlation = malloc(sizeof *r->correlation * features);
    if (!all || !work || !r->predictions || !r->query || !r->r2 || !r->correlation) { status = out_of_memory(context); }
    for (size_t j = 0; j < features && status == ISK_OK; j++) { r->r2[j] = r->correlation[j] = NAN; }
    if (status == ISK_OK) { status = predict(context, way, desc, s, all, m); }
    if (status == ISK_OK) {
        put_rows(&s->told, m->rows, all, m->features, r->predictions);
        put_rows(&s->further, m->query_rows, all + told * features, m->features, r->query);
        for (int64_t j = 0; j < m->features && m->scored != ISK_TRAIN; j++) {
            r->correlation[j] = correlate(desc, s, m, r->predictions, j);
        }
        r->median_correlation = median_of(r->correlation, m->features, work);
    }
    free(all);
    free(work);
    return status;
}

isk_status impute_modality(isk_context *context, const impute_desc *desc, imputation *m) {
    sides s = { .told = { 0, NULL, NULL } };
    isk_status status;
    *m = (imputation){ .rows = 0 };
    list_blocks(&desc->from, desc->target, s.from);
    list_blocks(&desc->query, (isk_matrix){ NULL, 0, 0 }, s.query);
    status = check(context, desc, s.from, s.query, m);
    if (status == ISK_OK) { status = sides_make(context, desc, &s, m); }
    for (int way = 0; way < IMPUTE_WAYS && status == ISK_OK; way++) {
        if (possible((impute_way)way, s.from)) { status = impute_by(context, (impute_way)way, desc, &s, m); }
    }
    whole_rows_free(&s.both);
    whole_rows_free(&s.told);
    whole_rows_free(&s.further);
    if (status != ISK_OK) { imputation_free(m); }
    return status;
}

void imputation_free(imputation *m) {
    for (int way = 0; way < IMPUTE_WAYS; way++) {
        free(m->way[way].predictions);
        free(m->way[way].query);
        free(m->way[way].r2);
        free(m->way[way].correlation);
    }
    *m = (imputation){ .rows = 0 };
}

/* ---- output ---- */

void imputation_tsv(const imputation *m, const names *features, text *out) {
    static const char *const score[2] = { "r2", "correlation" };
    char keys[2 * IMPUTE_WAYS][32];
    sheet_column columns[2 * IMPUTE_WAYS + 1] = { { .key = "feature" } };
    sheet s = { .columns = columns, .column_count = 1 };
    for (int i = 0; i < 2 * IMPUTE_WAYS; i++) {
        const int way = i % IMPUTE_WAYS;
        if (!m->way[way].r2) { continue; }
        snprintf(keys[i], sizeof keys[i], "%s_%s", score[i / IMPUTE_WAYS], impute_way_name((impute_way)way));
        columns[s.column_count++] = (sheet_column){ .key = keys[i], .form = SHEET_REAL };
    }
    for (int64_t j = 0; j < m->features; j++) {
        sheet_row(&s);
        sheet_words(&s, names_get(features, j));
        for (int i = 0; i < 2 * IMPUTE_WAYS; i++) {
            const imputation_result *r = &m->way[i % IMPUTE_WAYS];
            if (r->r2) { sheet_number(&s, i < IMPUTE_WAYS ? r->r2[j] : r->correlation[j]); }
        }
    }
    sheet_tsv(&s, out);
    sheet_free(&s);
}

void imputation_json(const imputation *m, text *out) {
    static const char *const scored[] = { "none", "validation", "test" };
    text_add(out, "\n  ");
    text_json_member(out, "features", (double)m->features);
    text_json_member(out, "trained_on", (double)m->trained_on);
    text_json_member(out, "stopped_on", (double)m->stopped_on);
    text_json_member(out, "scored_cells", (double)m->scored_on);
    text_json_key(out, "scored_on");
    text_json_string(out, scored[m->scored]);
    text_json_member(out, "k", m->k);
    for (int way = 0; way < IMPUTE_WAYS; way++) {
        if (!m->way[way].r2) { continue; }
        text_add(out, "\n  ");
        text_json_key(out, impute_way_name((impute_way)way));
        text_add(out, "{");
        text_json_member(out, "r2", m->way[way].pooled_r2);
        text_json_member(out, "median_correlation", m->way[way].median_correlation);
        text_add(out, "}");
    }
}

enum { MOST_SHOWN = 40, SHOWN_OF_MANY = 10 };       /* features that are all printed; else so many at either end */

typedef struct ranked_feature { int64_t feature; double r2; } ranked_feature;

static int better_first(const void *a, const void *b) {
    const ranked_feature *x = a, *y = b;
    if (x->r2 < y->r2 || x->r2 > y->r2) { return x->r2 < y->r2 ? 1 : -1; }
    return (x->feature > y->feature) - (x->feature < y->feature);
}

/* What features are ranked by: (C, Z), or C, or the neighbours. */
static const double *ranking_r2(const imputation *m) {
    return m->way[IMPUTE_CZ].r2 ? m->way[IMPUTE_CZ].r2 : m->way[IMPUTE_C].r2 ? m->way[IMPUTE_C].r2 : m->way[IMPUTE_BASELINE].r2;
}

/* The features in the order in which they are printed, and how many: all of few in their own; of many those that are told best and
   worst, of which those without R^2 are neither.  NULL without memory; to be freed. */
static ranked_feature *features_shown(const imputation *m, int64_t *printed) {
    ranked_feature *list = malloc(sizeof *list * ((size_t)m->features + 1));
    const double *r2 = ranking_r2(m);
    int64_t count = 0;
    for (int64_t j = 0; j < m->features && list; j++) {
        if (m->features > MOST_SHOWN && !(r2 && isfinite(r2[j]))) { continue; }
        list[count++] = (ranked_feature){ j, r2 ? r2[j] : (double)NAN };
    }
    *printed = count;
    if (!list || m->features <= MOST_SHOWN) { return list; }
    qsort(list, (size_t)count, sizeof *list, better_first);
    if (count > 2 * SHOWN_OF_MANY) {
        memmove(list + SHOWN_OF_MANY, list + count - SHOWN_OF_MANY, sizeof *list * SHOWN_OF_MANY);
        *printed = 2 * SHOWN_OF_MANY;
    }
    return list;
}

static void r2_row(const imputation *m, const char *name, int64_t feature, sheet *s) {
    sheet_row(s);
    sheet_words(s, name);
    for (int way = 0; way < IMPUTE_WAYS; way++) {
        const imputation_result *r = &m->way[way];
        if (r->r2) { sheet_number(s, feature < 0 ? r->pooled_r2 : r->r2[feature]); }
    }
}

void imputation_text(const imputation *m, const names *features, text *out) {
    static const char *const words[IMPUTE_WAYS] = { "C", "(C, Z)", "neighbours" };
    sheet_column columns[IMPUTE_WAYS + 1] = { { .words = "R^2 from", .width = 14 } };
    sheet s = { .columns = columns, .column_count = 1 };
    ranked_feature *list;
    int64_t printed;
    if (m->scored == ISK_TRAIN) {
        text_add(out, "no cells are held out, so nothing was scored\n");
        return;
    }
    list = features_shown(m, &printed);
    if (!list) { out->failed = 1; return; }
    if (m->query_rows) { text_add(out, "on the run's held-out cells, with all their features:\n"); }
    for (int way = 0; way < IMPUTE_WAYS; way++) {
        if (m->way[way].r2) { columns[s.column_count++] = (sheet_column){ .words = words[way], .form = SHEET_REAL, .width = 12 }; }
    }
    r2_row(m, "all features", -1, &s);
    for (int64_t k = 0; k < printed; k++) {
        if (k == SHOWN_OF_MANY && printed < m->features) {
            sheet_row(&s);
            sheet_words(&s, "...");
        }
        r2_row(m, names_get(features, list[k].feature), list[k].feature, &s);
    }
    sheet_text(&s, out);
    sheet_free(&s);
    if (printed < m->features) {
        text_format(out, "(the features that are told best and worst, %lld of %lld; all of them are in imputation.tsv)\n",
                    (long long)printed, (long long)m->features);
    }
    free(list);
    text_format(out, "(trained on %lld cells, scored on %lld)\n", (long long)m->trained_on, (long long)m->scored_on);
}
