/* How well are batches mixed and labels kept apart, and do labels of one batch tell those of another? */
#include "integrate_study.h"

#include "../base/blocks.h"

#include <stdlib.h>
#include <string.h>

void integrate_fields(records *r) {
    records_add_field(r, SCORES_HIDDEN, SCORES);
    records_add_field(r, SCORES_ALL, SCORES);
    records_add_field(r, SCORES_UNKNOWN, SCORES);
    records_add_field(r, TRANSFER_ACCURACY, TRANSFERS);
    records_add_field(r, TRANSFER_BALANCED, TRANSFERS);
}

/* ---- the ten metrics ---- */

static isk_status score(isk_context *context, const isk_integration_desc *desc, double *values) {
    isk_integration_report report;
    isk_status status = isk_integration(context, desc, &report);
    if (status != ISK_OK) { return status; }
    for (int i = 0; i < ISK_INTEGRATION_COUNT; i++) { values[i] = report.numbers[i].value; }
    values[ISK_INTEGRATION_COUNT] = report.batch;
    values[ISK_INTEGRATION_COUNT + 1] = report.bio;
    values[ISK_INTEGRATION_COUNT + 2] = report.total;
    return ISK_OK;
}

isk_status integrate_judge_all(isk_context *context, const integrate_data *d, isk_matrix x, const char *field, uint64_t seed,
                               const records *r, const sweep_record *to) {
    return score(context, &(isk_integration_desc){ .x = x, .labels = d->c.label, .batches = d->c.batch, .before = d->before, .seed = seed },
                 records_at(r, to, 0, records_field(r, field)));
}

/* Rows of that part of d->asked: some of a matrix, its labels and batches. */
typedef struct some_cells { isk_matrix x, before; int32_t *label, *batch; } some_cells;

static void some_cells_free(some_cells *s) {
    matrix_free(s->x);
    matrix_free(s->before);
    free(s->label);
    free(s->batch);
}

static isk_status pick_cells(isk_context *context, const integrate_data *d, isk_matrix x, isk_part part, some_cells *s) {
    const size_t rows = (size_t)x.rows;
    int64_t *index = malloc(sizeof *index * (rows + 1)), count = 0;
    isk_scalar *values = malloc(sizeof *values * (rows * (size_t)x.cols + 1));
    isk_scalar *before = malloc(sizeof *before * (rows * (size_t)d->before.cols + 1));
    *s = (some_cells){ { values, 0, x.cols }, { before, 0, d->before.cols }, malloc(sizeof *s->label * (rows + 1)),
                       malloc(sizeof *s->batch * (rows + 1)) };
    if (!index || !values || !before || !s->label || !s->batch) {
        free(index);
        return no_memory(context, "some of the cells");
    }
    for (int64_t i = 0; i < x.rows; i++) {
        if (d->asked[i] != part) { continue; }
        s->label[count] = d->c.label ? d->c.label[i] : -1;
        s->batch[count] = d->c.batch[i];
        index[count++] = i;
    }
    s->x.rows = s->before.rows = count;
    pick_rows(x, index, count, values);
    pick_rows(d->before, index, count, before);
    free(index);
    return ISK_OK;
}

isk_status integrate_judge(isk_context *context, const integrate_data *d, const embedding *e, uint64_t seed, const records *r,
                           const sweep_record *to) {
    some_cells hidden;
    isk_status status = integrate_judge_all(context, d, e->invariant, SCORES_ALL, seed, r, to);
    if (status != ISK_OK || !d->c.label || !memchr(d->asked, ISK_TEST, (size_t)d->c.counts.rows)) { return status; }
    status = pick_cells(context, d, e->invariant, ISK_TEST, &hidden);
    if (status == ISK_OK) {
        status = score(context, &(isk_integration_desc){ .x = hidden.x, .labels = hidden.label, .batches = hidden.batch,
                                                         .before = hidden.before, .seed = seed },
                       records_at(r, to, 0, records_field(r, SCORES_HIDDEN)));
    }
    some_cells_free(&hidden);
    return status;
}

/* ---- labels of a batch that was left out ---- */

static isk_status keep_scores(isk_context *context, const integrate_data *d, const int32_t *predicted, transfer at, const records *r,
                              const sweep_record *to) {
    int32_t *truth = malloc(sizeof *truth * ((size_t)d->c.counts.rows + 1));
    isk_status status = truth ? ISK_OK : no_memory(context, "labels");
    for (int64_t i = 0; i < d->c.counts.rows && truth; i++) { truth[i] = d->asked[i] == ISK_TEST ? d->c.label[i] : -1; }
    if (status == ISK_OK) {
        status = isk_score_labels(context, truth, predicted, d->c.counts.rows, d->c.labels, NULL,
                                  records_at(r, to, 0, records_field(r, TRANSFER_ACCURACY)) + at,
                                  records_at(r, to, 0, records_field(r, TRANSFER_BALANCED)) + at);
    }
    free(truth);
    return status == ISK_DATA ? ISK_OK : status;            /* no label in that batch: NaN */
}

static isk_status ask_probe(isk_context *context, const integrate_data *d, isk_matrix x, transfer at, const records *r,
                            const sweep_record *to) {
    int32_t *predicted = malloc(sizeof *predicted * ((size_t)x.rows + 1));
    isk_probe_report report;
    isk_status status = predicted ? isk_probe(context, &(isk_probe_desc){ .x = x, .labels = d->c.label, .part = d->asked, .standardize = 1,
                                                                           .predicted = predicted }, &report)
                                  : no_memory(context, "labels");
    if (status == ISK_OK) { status = keep_scores(context, d, predicted, at, r, to); }
    free(predicted);
    return status == ISK_DATA ? ISK_OK : status;
}

/* The most frequent label of `k` neighbours, of equals the nearer one's. */
static int32_t vote(const int32_t *neighbours, int k, const int32_t *label) {
    int32_t best = -1;
    int most = 0;
    for (int i = 0; i < k; i++) {
        int votes = 0;
        for (int j = 0; j < k; j++) { votes += label[neighbours[j]] == label[neighbours[i]]; }
        if (label[neighbours[i]] >= 0 && votes > most) {
            most = votes;
            best = label[neighbours[i]];
        }
    }
    return best;
}

static isk_status ask_neighbours(isk_context *context, const integrate_data *d, isk_matrix x, transfer at, const records *r,
                                 const sweep_record *to) {
    enum { NEIGHBOURS = 5 };
    some_cells known = { .label = NULL }, left = { .label = NULL };
    int32_t *indices = malloc(sizeof *indices * ((size_t)x.rows + 1) * NEIGHBOURS);
    int32_t *predicted = malloc(sizeof *predicted * ((size_t)x.rows + 1));
    isk_status status = indices && predicted ? pick_cells(context, d, x, ISK_TRAIN, &known) : no_memory(context, "neighbours");
    const int k = known.x.rows < NEIGHBOURS ? (int)known.x.rows : NEIGHBOURS;
    if (status == ISK_OK) { status = pick_cells(context, d, x, ISK_TEST, &left); }
    if (status == ISK_OK) {
        status = isk_knn(context, &(isk_knn_desc){ .queries = left.x, .references = known.x, .k = k, .indices = indices });
    }
    for (int64_t i = 0, q = 0; i < x.rows && status == ISK_OK; i++) {
        predicted[i] = d->asked[i] == ISK_TEST ? vote(indices + k * q++, k, known.label) : -1;
    }
    if (status == ISK_OK) { status = keep_scores(context, d, predicted, at, r, to); }
    some_cells_free(&known);
    some_cells_free(&left);
    free(indices);
    free(predicted);
    return status;
}

/* What the model itself takes for the most probable one. */
static isk_status ask_model(isk_context *context, const integrate_data *d, isk_matrix p, const records *r, const sweep_record *to) {
    int32_t *predicted = calloc((size_t)p.rows + 1, sizeof *predicted);
    isk_status status = predicted ? ISK_OK : no_memory(context, "labels");
    for (int64_t i = 0; i < p.rows && predicted; i++) {
        for (int32_t k = 1; k < p.cols; k++) {
            if (p.data[i * p.cols + k] > p.data[i * p.cols + predicted[i]]) { predicted[i] = k; }
        }
    }
    if (status == ISK_OK) { status = keep_scores(context, d, predicted, TRANSFER_OWN, r, to); }
    free(predicted);
    return status;
}

isk_status integrate_judge_transfer(isk_context *context, const integrate_data *d, const embedding *e, const records *r,
                                    const sweep_record *to) {
    isk_status status = ask_probe(context, d, e->invariant, TRANSFER_LINEAR_INV, r, to);
    if (status == ISK_OK) { status = ask_probe(context, d, e->all, TRANSFER_LINEAR_ALL, r, to); }
    if (status == ISK_OK) { status = ask_neighbours(context, d, e->invariant, TRANSFER_KNN_INV, r, to); }
    if (status == ISK_OK) { status = ask_neighbours(context, d, e->all, TRANSFER_KNN_ALL, r, to); }
    return status == ISK_OK && e->label.data ? ask_model(context, d, e->label, r, to) : status;
}
