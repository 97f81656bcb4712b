/* How good are features?  A linear probe for what they keep; regressions for leakage and completeness. */
#include "probe.h"

#include "../runs/evaluation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A further regression is one more row here and in the enum. */
const char *const regression_names[REGRESSION_COUNT] = { "ridge", "knn", "mlp" };
static isk_status (*const regressions[REGRESSION_COUNT])(isk_context *, const isk_regression_desc *, double *) = {
    isk_ridge_r2, isk_knn_r2, isk_mlp_r2
};

void probe_fields(records *r, const probe_data *d) {
    static const char *const accuracies[] = { "validation", "test", "validation_balanced", "test_balanced" };
    r->field_count = PROBE_FIELDS;
    for (int i = 0; i < 4; i++) {
        snprintf(r->fields[i].name, sizeof r->fields[i].name, "%s", accuracies[i]);
        r->fields[i].count = d->task_count;
    }
    for (int i = 0; i < REGRESSION_COUNT; i++) {
        record_field *leakage = &r->fields[PROBE_LEAKAGE + i], *completeness = &r->fields[PROBE_COMPLETENESS + i];
        snprintf(leakage->name, sizeof leakage->name, "leakage_%s", regression_names[i]);
        snprintf(completeness->name, sizeof completeness->name, "completeness_%s", regression_names[i]);
        leakage->count = completeness->count = d->v.count;
    }
    r->fields[PROBE_SECONDS] = (record_field){ "seconds", 0 };
    r->fields[PROBE_DIVERGED] = (record_field){ "diverged", 0 };
}

/* ---- features ---- */

static void release(isk_matrix *m) {
    free((void *)(uintptr_t)m->data);
    m->data = NULL;
}

void probe_features_free(probe_features *f) {
    for (int i = 0; i < ISK_MAX_VIEWS; i++) {
        release(&f->c[i]);
        release(&f->z[i]);
    }
    release(&f->fused);
}

static isk_scalar *make(isk_matrix *m, int64_t rows, int cols) {
    isk_scalar *values = malloc(sizeof *values * (size_t)rows * (size_t)cols + 1);
    *m = (isk_matrix){ values, rows, cols };
    return values;
}

/* The matrix that a feature goes to; NULL: it is of no interest here. */
static isk_matrix *place_of(probe_features *f, const isk_output_info *info) {
    return info->role == ISK_ROLE_SHARED     ? &f->c[info->view]
           : info->role == ISK_ROLE_SPECIFIC ? &f->z[info->view]
           : info->role == ISK_ROLE_FUSED    ? &f->fused
                                             : NULL;
}

isk_status probe_features_make(isk_context *context, const isk_model *model, const views *v, int64_t rows, probe_features *f) {
    isk_transform_desc desc = { .extras = { { NULL, { NULL, 0, 0 } } } };
    isk_status status = ISK_OK;
    int asked = 0;
    *f = (probe_features){ .fused = { NULL, 0, 0 } };
    for (int i = 0; i < isk_model_views(model); i++) {
        desc.views[i] = view_of(v, i);
        desc.views[i].x.rows = rows;
    }
    for (int i = 0; i < isk_model_output_count(model); i++) {
        const isk_output_info *info = isk_model_output(model, i);
        isk_matrix *m = place_of(f, info);
        if (!m) { continue; }
        desc.out[asked] = (isk_output){ info->name, make(m, rows, info->cols) };
        if (!desc.out[asked++].values) { status = no_memory(context, "features"); }
    }
    if (status == ISK_OK) { status = isk_transform(model, &desc); }
    if (status != ISK_OK) { probe_features_free(f); }
    return status;
}

/* ---- probes ---- */

/* Accuracies of one part of the rows. */
static isk_status score_part(isk_context *context, const whole_rows *rows, const probe_task *t, const int32_t *codes,
                             const int32_t *predicted, isk_part part, int32_t *truth, double *accuracy, double *balanced) {
    int64_t labelled = 0;
    for (int64_t i = 0; i < rows->count; i++) {
        truth[i] = rows->part[i] == part ? codes[i] : -1;
        labelled += truth[i] >= 0;
    }
    *accuracy = *balanced = NAN;
    if (!labelled) { return ISK_OK; }
    return isk_score_labels(context, truth, predicted, rows->count, t->labels.count, NULL, accuracy, balanced);
}

static isk_status probe_task_on(isk_context *context, const probe_settings *s, isk_matrix x, const whole_rows *rows,
                                const probe_task *task, int index, const records *r, const sweep_record *to, int model) {
    int32_t *codes = whole_rows_labels(rows, task->labels.codes), *predicted = malloc(sizeof *predicted * 2 * ((size_t)rows->count + 1));
    isk_status status = codes && predicted ? ISK_OK : no_memory(context, "predictions");
    isk_probe_report report;
    if (status == ISK_OK) {
        status = isk_probe(context, &(isk_probe_desc){ .x = x, .labels = codes, .part = rows->part, .c = s->c,
                                                       .standardise = strcmp(s->probe, "standardised") == 0,
                                                       .predicted = predicted }, &report);
    }
    for (int k = 0; k < 2 && status == ISK_OK; k++) {
        status = score_part(context, rows, task, codes, predicted, k ? ISK_TEST : ISK_VALIDATION, predicted + rows->count,
                            records_at(r, to, model, PROBE_VALIDATION + k) + index,
                            records_at(r, to, model, PROBE_VALIDATION_BALANCED + k) + index);
    }
    free(codes);
    free(predicted);
    return status;
}

/* Of the rows that are there in all of `parts`, side by side as they are. */
static isk_status probe_tasks(isk_context *context, const probe_data *d, const probe_settings *s, const isk_matrix *parts, int count,
                              const records *r, const sweep_record *to, int model) {
    isk_matrix picked[2 * ISK_MAX_VIEWS] = { { NULL, 0, 0 } }, all;
    whole_rows rows;
    isk_scalar *values = NULL;
    isk_status status = whole_rows_find(context, parts, count, d->part, &rows);
    int64_t cols = 0;
    if (status != ISK_OK) { return status; }
    for (int i = 0; i < count && status == ISK_OK; i++) {
        picked[i] = join_whole_rows(context, &parts[i], 1, &rows);
        cols += parts[i].cols;
        if (!picked[i].data) {
            status = rows.count ? no_memory(context, "features") : isk_set_error(context, ISK_DATA, "no sample is there in every view, so "
                                                                                 "nothing can be probed");
        }
    }
    if (status == ISK_OK && !(values = make(&all, rows.count, (int)cols))) { status = no_memory(context, "features"); }
    if (status == ISK_OK) { status = isk_join_columns(context, picked, count, values); }
    for (int t = 0; t < d->task_count && status == ISK_OK; t++) {
        status = probe_task_on(context, s, all, &rows, &d->tasks[t], t, r, to, model);
    }
    for (int i = 0; i < count; i++) { release(&picked[i]); }
    free(values);
    whole_rows_free(&rows);
    return status;
}

/* ---- regressions ---- */

/* `parts`: `count` matrices to tell from, then as many to be told.  `first`: field of the first regression.  A matrix that is
   absent, or a target without variance, leaves NaN. */
static isk_status regress(isk_context *context, const probe_data *d, const isk_matrix *parts, int count, uint64_t seed,
                          const records *r, const sweep_record *to, int model, int first, int view) {
    isk_matrix x, y;
    whole_rows rows;
    isk_status status = whole_rows_find(context, parts, 2 * count, d->part, &rows);
    if (status != ISK_OK) { return status; }
    x = join_whole_rows(context, parts, count, &rows);
    y = join_whole_rows(context, parts + count, count, &rows);
    if ((x.cols && !x.data) || (y.cols && !y.data)) { status = no_memory(context, "features"); }
    for (int i = 0; i < REGRESSION_COUNT && x.data && y.data && status == ISK_OK; i++) {
        double *r2 = records_at(r, to, model, first + i) + view;
        isk_regression_desc desc = { .x = x, .y = y, .part = rows.part, .seed = seed };
        status = regressions[i](context, &desc, r2);
        if (status == ISK_DATA || status == ISK_DIVERGED) {
            *r2 = NAN;
            status = ISK_OK;
        }
    }
    release(&x);
    release(&y);
    whole_rows_free(&rows);
    return status;
}

static isk_status judge_view(isk_context *context, const probe_data *d, const probe_features *f, int view,
                             uint64_t seed, const records *r, const sweep_record *to, int model) {
    enum { HALF = ISK_MAX_VIEWS };
    isk_matrix leakage[2 * HALF] = { f->z[view] }, completeness[2 * HALF] = { f->z[view], f->c[view], f->fused };
    isk_status status;
    for (int i = 0; i < d->v.count; i++) {
        if (i != view) { leakage[HALF + i] = f->c[i]; }
    }
    completeness[HALF] = d->v.summary[view];
    status = regress(context, d, leakage, HALF, seed, r, to, model, PROBE_LEAKAGE, view);
    return status == ISK_OK ? regress(context, d, completeness, HALF, seed, r, to, model, PROBE_COMPLETENESS, view) : status;
}

/* ---- the whole ---- */

isk_status probe_judge(isk_context *context, const probe_data *d, const probe_settings *s, const probe_features *f,
                       uint64_t seed, const records *r, const sweep_record *to, int model) {
    isk_matrix parts[2 * ISK_MAX_VIEWS + 1];
    int count = 0;
    isk_status status;
    for (int i = 0; i < d->v.count; i++) {
        if (!f) { parts[count++] = d->v.summary[i]; }
        if (f && f->c[i].data) { parts[count++] = f->c[i]; }
        if (f && f->z[i].data) { parts[count++] = f->z[i]; }
    }
    if (f && f->fused.data) { parts[count++] = f->fused; }
    status = probe_tasks(context, d, s, parts, count, r, to, model);
    for (int i = 0; i < d->v.count && f && status == ISK_OK; i++) {
        status = judge_view(context, d, f, i, seed, r, to, model);
    }
    return status;
}

void probe_majority(const probe_data *d, const records *r, const sweep_record *to) {
    for (int t = 0; t < d->task_count; t++) { records_at(r, to, 0, PROBE_TEST)[t] = d->tasks[t].majority; }
}
