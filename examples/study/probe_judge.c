/* How good are features?  A linear probe for what they keep; regressions for leakage and completeness. */
#include "probe.h"

#include "../common/evaluation.h"

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
}

static isk_scalar *make(isk_matrix *m, int64_t rows, int cols) {
    isk_scalar *values = cols > 0 ? malloc(sizeof *values * (size_t)rows * (size_t)cols) : NULL;
    *m = (isk_matrix){ values, rows, cols };
    return values;
}

isk_status probe_features_make(isk_context *context, const isk_model *model, const isk_matrix *x, probe_features *f) {
    isk_transform_desc desc = { 0 };
    isk_status status;
    *f = (probe_features){ .c = { { NULL, 0, 0 } } };
    for (int i = 0; i < isk_model_views(model); i++) {
        const int c = isk_model_shared_dim(model, i), z = isk_model_specific_dim(model, i);
        desc.views[i] = x[i];
        desc.shared[i] = make(&f->c[i], x[i].rows, c);
        desc.specific[i] = make(&f->z[i], x[i].rows, z);
        if ((c && !desc.shared[i]) || (z && !desc.specific[i])) {
            probe_features_free(f);
            return no_memory(context, "features");
        }
    }
    status = isk_transform(model, &desc);
    if (status != ISK_OK) { probe_features_free(f); }
    return status;
}

/* ---- probes ---- */

/* Accuracies of one part of the rows. */
static isk_status score_part(isk_context *context, const probe_data *d, const probe_task *t, const int32_t *predicted,
                             isk_part part, int32_t *truth, double *accuracy, double *balanced) {
    int64_t labelled = 0;
    isk_status status;
    for (int64_t i = 0; i < d->rows; i++) {
        truth[i] = d->part[i] == part ? t->labels.codes[i] : -1;
        labelled += truth[i] >= 0;
    }
    *accuracy = *balanced = NAN;
    if (!labelled) { return ISK_OK; }
    status = isk_score_labels(context, truth, predicted, d->rows, t->labels.count, NULL, accuracy, balanced);
    return status;
}

static isk_status probe_tasks(isk_context *context, const probe_data *d, const probe_settings *s, isk_matrix x,
                              const records *r, const sweep_record *to, int model) {
    int32_t *predicted = malloc(sizeof *predicted * 2 * (size_t)d->rows);
    isk_status status = predicted ? ISK_OK : no_memory(context, "predictions");
    for (int t = 0; t < d->task_count && status == ISK_OK; t++) {
        const probe_task *task = &d->tasks[t];
        isk_probe_report report;
        status = isk_probe(context, &(isk_probe_desc){ .x = x, .labels = task->labels.codes, .part = d->part, .c = s->c,
                                                       .standardise = strcmp(s->probe, "standardised") == 0,
                                                       .predicted = predicted }, &report);
        for (int k = 0; k < 2 && status == ISK_OK; k++) {
            status = score_part(context, d, task, predicted, k ? ISK_TEST : ISK_VALIDATION, predicted + d->rows,
                                records_at(r, to, model, PROBE_VALIDATION + k) + t,
                                records_at(r, to, model, PROBE_VALIDATION_BALANCED + k) + t);
        }
    }
    free(predicted);
    return status;
}

/* ---- regressions ---- */

/* `first`: field of the first regression.  A matrix that is absent, or a target without variance, leaves NaN. */
static isk_status regress(isk_context *context, const probe_data *d, isk_matrix x, isk_matrix y, uint64_t seed,
                          const records *r, const sweep_record *to, int model, int first, int view) {
    isk_status status = ISK_OK;
    for (int i = 0; i < REGRESSION_COUNT && x.data && y.data && status == ISK_OK; i++) {
        double *r2 = records_at(r, to, model, first + i) + view;
        isk_regression_desc desc = { .x = x, .y = y, .part = d->part, .seed = seed };
        status = regressions[i](context, &desc, r2);
        if (status == ISK_DATA || status == ISK_DIVERGED) {
            *r2 = NAN;
            status = ISK_OK;
        }
    }
    return status;
}

static isk_status judge_view(isk_context *context, const probe_data *d, const probe_features *f, int view,
                             uint64_t seed, const records *r, const sweep_record *to, int model) {
    const isk_matrix own[2] = { f->z[view], f->c[view] };
    isk_matrix others[ISK_MAX_VIEWS] = { { NULL, 0, 0 } }, other, joined = join_blocks(context, own, 2);
    isk_status status = ISK_OK;
    for (int i = 0; i < d->v.count; i++) {
        if (i != view) { others[i] = f->c[i]; }
    }
    other = join_blocks(context, others, d->v.count);
    if ((joined.cols && !joined.data) || (other.cols && !other.data)) { status = no_memory(context, "features"); }
    if (status == ISK_OK) {
        status = regress(context, d, f->z[view], other, seed, r, to, model, PROBE_LEAKAGE, view);
    }
    if (status == ISK_OK) {
        status = regress(context, d, joined, d->v.x[view], seed, r, to, model, PROBE_COMPLETENESS, view);
    }
    release(&joined);
    release(&other);
    return status;
}

/* ---- the whole ---- */

isk_status probe_judge(isk_context *context, const probe_data *d, const probe_settings *s, const probe_features *f,
                       uint64_t seed, const records *r, const sweep_record *to, int model) {
    isk_matrix parts[2 * ISK_MAX_VIEWS], all = { NULL, d->rows, 0 };
    isk_scalar *values;
    int count = 0;
    isk_status status;
    for (int i = 0; i < d->v.count; i++) {
        if (!f) { parts[count++] = d->v.x[i]; }
        if (f && f->c[i].data) { parts[count++] = f->c[i]; }
        if (f && f->z[i].data) { parts[count++] = f->z[i]; }
    }
    for (int i = 0; i < count; i++) { all.cols += parts[i].cols; }
    values = make(&all, d->rows, (int)all.cols);
    if (!values) { return no_memory(context, "features"); }
    status = isk_join_columns(context, parts, count, values);
    if (status == ISK_OK) { status = probe_tasks(context, d, s, all, r, to, model); }
    release(&all);
    for (int i = 0; i < d->v.count && f && status == ISK_OK; i++) {
        status = judge_view(context, d, f, i, seed, r, to, model);
    }
    return status;
}

void probe_majority(const probe_data *d, const records *r, const sweep_record *to) {
    for (int t = 0; t < d->task_count; t++) { records_at(r, to, 0, PROBE_TEST)[t] = d->tasks[t].majority; }
}
