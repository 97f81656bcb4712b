/* How good are features?  A linear probe for what they keep; regressions for leakage and completeness. */
#include "probe.h"

#include "../runs/evaluation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- fields ---- */

typedef struct field_name { char text[64]; } field_name;

static const char *labels_name(int which, probe_side side, field_name *name) {
    const metric *m = &metrics[which];
    snprintf(name->text, sizeof name->text, "%s%s%s", side == PROBE_TEST ? "test" : "validation", m->studied ? m->studied : "_",
             m->studied ? "" : m->key);
    return name->text;
}

static const char *views_name(int which, int completeness, field_name *name) {
    snprintf(name->text, sizeof name->text, "%s_%s", completeness ? "completeness" : "leakage", metrics[which].key);
    return name->text;
}

int probe_labels_field(const records *r, int metric_of_labels, probe_side side) {
    field_name name;
    return records_field(r, labels_name(metric_of_labels, side, &name));
}

int probe_leakage_field(const records *r, int metric_of_matrix) {
    field_name name;
    return records_field(r, views_name(metric_of_matrix, 0, &name));
}

int probe_completeness_field(const records *r, int metric_of_matrix) {
    field_name name;
    return records_field(r, views_name(metric_of_matrix, 1, &name));
}

void probe_fields(records *r, const probe_data *d) {
    field_name name;
    r->number = "dim";
    for (int m = metric_of_labels(-1); m < metric_count; m = metric_of_labels(m)) {
        for (int side = PROBE_VALIDATION; side <= PROBE_TEST && !metrics[m].fit_alone; side++) {
            records_add_field(r, labels_name(m, (probe_side)side, &name), d->task_count);
        }
    }
    for (int completeness = 0; completeness < 2; completeness++) {
        for (int m = metric_of_matrix(-1); m < metric_count; m = metric_of_matrix(m)) {
            records_add_field(r, views_name(m, completeness, &name), d->v.count);
        }
    }
    records_add_field(r, PROBE_SECONDS, 0);
    records_add_field(r, PROBE_DIVERGED, 0);
}

/* ---- probes ---- */

static isk_status probe_task_on(isk_context *context, const probe_settings *s, isk_matrix x, const whole_rows *rows,
                                const probe_task *task, int index, const records *r, const sweep_record *to, int model) {
    int32_t *codes = whole_rows_labels(rows, task->labels.codes);
    label_question q = { .context = NULL };
    isk_status status = codes ? ISK_OK : no_memory(context, "labels");
    if (codes) {
        status = label_question_open(&q, context, &(isk_probe_desc){ .x = x, .labels = codes, .part = rows->part, .c = s->c,
                                                                     .standardize = strcmp(s->probe, "standardized") == 0 });
    }
    for (int side = PROBE_VALIDATION; side <= PROBE_TEST && status == ISK_OK; side++) {
        double values[MOST_METRICS];
        q.scored = side == PROBE_TEST ? ISK_TEST : ISK_VALIDATION;
        status = metrics_ask_labels(&q, 0, values);
        for (int m = metric_of_labels(-1); m < metric_count; m = metric_of_labels(m)) {
            if (!metrics[m].fit_alone) { records_at(r, to, model, probe_labels_field(r, m, (probe_side)side))[index] = values[m]; }
        }
    }
    label_question_free(&q);
    free(codes);
    return status;
}

/* Of the rows that are there in all of `parts`, side by side as they are. */
static isk_status probe_tasks(isk_context *context, const probe_data *d, const probe_settings *s, const isk_matrix *parts, int count,
                              const records *r, const sweep_record *to, int model) {
    whole_rows rows;
    isk_matrix all;
    isk_status status = whole_rows_find(context, parts, count, d->part, &rows);
    if (status != ISK_OK) { return status; }
    all = join_divided(context, parts, count, &rows, NULL);
    if (!rows.count) {
        status = isk_set_error(context, ISK_DATA, "no sample is there in every view, so nothing can be probed");
    } else if (!all.data) {
        status = no_memory(context, "features");
    }
    for (int t = 0; t < d->task_count && status == ISK_OK; t++) {
        status = probe_task_on(context, s, all, &rows, &d->tasks[t], t, r, to, model);
    }
    matrix_free(all);
    whole_rows_free(&rows);
    return status;
}

/* ---- regressions ---- */

static isk_status judge_view(isk_context *context, const probe_data *d, const features *f, int view,
                             uint64_t seed, const records *r, const sweep_record *to, int model) {
    evaluation_input in = { .views = d->v.count, .fused = f->m[FEATURE_FUSED], .part = d->part, .unseen = (unseen_way)d->unseen };
    double leakage[MOST_METRICS], completeness[MOST_METRICS];
    isk_status status;
    for (int i = 0; i < d->v.count; i++) {
        in.x[i] = d->v.summary[i];
        in.c[i] = f->m[FEATURE_C + i];
        in.z[i] = f->m[FEATURE_Z + i];
    }
    status = evaluate_view(context, &in, view, ISK_TEST, seed, leakage, completeness);
    for (int m = metric_of_matrix(-1); m < metric_count && status == ISK_OK; m = metric_of_matrix(m)) {
        records_at(r, to, model, probe_leakage_field(r, m))[view] = leakage[m];
        records_at(r, to, model, probe_completeness_field(r, m))[view] = completeness[m];
    }
    return status;
}

/* ---- the whole ---- */

isk_status probe_judge(isk_context *context, const probe_data *d, const probe_settings *s, const features *f,
                       uint64_t seed, const records *r, const sweep_record *to, int model) {
    isk_matrix parts[2 * ISK_MAX_VIEWS + 1];
    int count = 0;
    isk_status status;
    for (int i = 0; i < d->v.count; i++) {
        if (!f) { parts[count++] = d->v.summary[i]; }
        if (f && f->m[FEATURE_C + i].data) { parts[count++] = f->m[FEATURE_C + i]; }
        if (f && f->m[FEATURE_Z + i].data) { parts[count++] = f->m[FEATURE_Z + i]; }
    }
    if (f && f->m[FEATURE_FUSED].data) { parts[count++] = f->m[FEATURE_FUSED]; }
    status = probe_tasks(context, d, s, parts, count, r, to, model);
    for (int i = 0; i < d->v.count && f && status == ISK_OK; i++) {
        status = judge_view(context, d, f, i, seed, r, to, model);
    }
    return status;
}

void probe_majority(const probe_data *d, const records *r, const sweep_record *to) {
    double *test = records_at(r, to, 0, probe_labels_field(r, METRIC_ACCURACY, PROBE_TEST));
    for (int t = 0; t < d->task_count; t++) { test[t] = d->tasks[t].majority; }
}
