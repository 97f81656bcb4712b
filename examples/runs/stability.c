#include "stability.h"

#include "../base/lines.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one matrix told from another ---- */

isk_status stability_told(isk_context *context, const unseen_question *q, double *columns, double *r2) {
    const isk_matrix parts[2] = { q->x, q->y };
    whole_rows rows;
    isk_regression_desc desc = { .column_r2 = columns, .scored = ISK_TEST, .seed = q->seed };
    int64_t count[3] = { 0, 0, 0 };
    isk_status status;
    *r2 = NAN;
    for (int64_t j = 0; columns && j < q->y.cols; j++) { columns[j] = NAN; }
    if (!q->x.data || !q->y.data) { return ISK_OK; }
    status = whole_rows_find(context, parts, 2, q->part, &rows);
    if (status != ISK_OK) { return status; }
    for (int64_t i = 0; i < rows.count; i++) { count[rows.part[i]]++; }
    desc.stop_on_validation = count[ISK_TEST] >= LEAST_UNSEEN;
    if (desc.stop_on_validation) { status = rows_unseen(context, q->labels, &rows); }
    if (!desc.stop_on_validation && !count[ISK_TEST]) { desc.scored = ISK_VALIDATION; }
    if (status == ISK_OK && (desc.stop_on_validation || (count[ISK_TRAIN] && count[desc.scored]))) {
        desc.x = join_divided(context, parts, 1, &rows, NULL);
        desc.y = join_divided(context, parts + 1, 1, &rows, NULL);
        desc.part = rows.part;
        status = desc.x.data && desc.y.data ? metrics[METRIC_RIDGE].of_matrix(context, &desc, r2) : no_memory(context, "stability");
        if (status == ISK_DATA) { status = ISK_OK; }        /* a constant target cannot be explained */
        matrix_free(desc.x);
        matrix_free(desc.y);
    }
    whole_rows_free(&rows);
    return status;
}

/* ---- further seeds ---- */

isk_status stability_begin(stability *s, isk_context *context, const features *f) {
    memset(s, 0, sizeof *s);
    for (int i = 0; i < FEATURE_COUNT; i++) {
        s->mean[i] = f->m[i].data ? 0 : (double)NAN;
        if (!f->m[i].data) { continue; }
        s->columns[i] = f->m[i].cols;
        s->column[i] = calloc((size_t)f->m[i].cols + 1, sizeof *s->column[i]);
        if (!s->column[i]) { return no_memory(context, "stability"); }
    }
    return ISK_OK;
}

isk_status stability_add(stability *s, isk_context *context, const dataset *d, const features *f, const features *other) {
    isk_status status = ISK_OK;
    s->seeds++;
    for (int i = 0; i < FEATURE_COUNT && status == ISK_OK; i++) {
        const int64_t cols = f->m[i].cols;
        double *told = f->m[i].data ? malloc(sizeof *told * ((size_t)cols + 1)) : NULL, mean;
        if (!f->m[i].data) { continue; }
        status = told ? stability_told(context, &(unseen_question){ .x = other->m[i], .y = f->m[i], .part = d->part,
                                                                    .labels = d->has_labels ? d->labels.codes : NULL }, told, &mean)
                      : no_memory(context, "stability");
        for (int64_t j = 0; j < cols && status == ISK_OK; j++) { s->column[i][j] += told[j]; }
        if (status == ISK_OK) { s->mean[i] += mean; }
        free(told);
    }
    return status;
}

void stability_end(stability *s) {
    const int count = s->seeds - s->diverged;
    for (int i = 0; i < FEATURE_COUNT; i++) {
        s->mean[i] = count ? s->mean[i] / count : (double)NAN;
        for (int64_t j = 0; j < s->columns[i]; j++) { s->column[i][j] = count ? s->column[i][j] / count : (double)NAN; }
    }
}

void stability_free(stability *s) {
    for (int i = 0; i < FEATURE_COUNT; i++) { free(s->column[i]); }
    memset(s, 0, sizeof *s);
}

static isk_status judge(stability *s, training *t, const dataset *d, const features *f, isk_model *const *models, int count) {
    isk_status status = ISK_OK;
    for (int i = 0; i < count && status == ISK_OK; i++) {
        features other = { .m = { { NULL, 0, 0 } } };
        status = isk_model_report(models[i])->status;
        if (status == ISK_OK) { status = features_of_trained(&other, t->context, models[i], &d->v, 0); }
        if (status == ISK_OK) { status = stability_add(s, t->context, d, f, &other); }
        features_free(&other);
        if (status != ISK_DIVERGED) { continue; }
        s->seeds++;
        s->diverged++;
        status = ISK_OK;
    }
    return status;
}

/* What they warn of, and their course, are not those of the model that is kept. */
static isk_status train(training *t, isk_sweep_desc *sweep, isk_model **models) {
    progress *bar = &t->bar;
    FILE *log = bar->log;
    const size_t warned = bar->warnings.length;
    isk_status status;
    bar->log = NULL;
    bar->mute = 1;
    status = t->s->resume ? isk_resume(t->context, sweep, models) : isk_sweep(t->context, sweep, models);
    progress_end(bar);
    bar->mute = 0;
    bar->log = log;
    if (bar->warnings.data && bar->warnings.length > warned) { bar->warnings.data[bar->warnings.length = warned] = 0; }
    return status;
}

isk_status stability_train(stability *s, training *t, const dataset *d, const features *f) {
    const int count = t->s->stability;
    const double lambda = isk_model_options(t->model)->lambda;
    isk_sweep_desc sweep = { .fit = t->fit, .seed_count = count };
    char path[4200];
    isk_model **models;
    text warning = { 0 };
    isk_status status;
    memset(s, 0, sizeof *s);
    if (!count) { return ISK_OK; }
    sweep.fit.seed = isk_model_seed(t->model) + 1;
    sweep.fit.checkpoint = training_stability_checkpoint(t, path, sizeof path);
    if (training_chooses(t)) { sweep.fit.options.lambda = lambda > 0 ? lambda : ISK_NONE; }
    progress_say(&t->bar, "training %d further seeds from %llu, for stability", count, (unsigned long long)sweep.fit.seed);
    status = stability_begin(s, t->context, f);
    models = calloc((size_t)count, sizeof *models);
    if (status == ISK_OK) { status = models ? train(t, &sweep, models) : no_memory(t->context, "stability"); }
    if (status == ISK_OK) { status = judge(s, t, d, f, models, count); }
    for (int i = 0; i < count && models; i++) { isk_model_close(models[i]); }
    free(models);
    stability_end(s);
    stability_warning(s, &warning);
    if (status == ISK_OK && warning.data) {
        progress_warn(&t->bar, "%s", warning.data);
        text_format(&t->bar.warnings, "%s\n", warning.data);        /* for the report */
    }
    text_free(&warning);
    return status;
}

/* ---- output ---- */

/* Z first, which is what is asked about. */
static const int order[FEATURE_COUNT] = { FEATURE_Z, FEATURE_Z + 1, FEATURE_Z + 2, FEATURE_Z + 3, FEATURE_C, FEATURE_C + 1, FEATURE_C + 2,
                                          FEATURE_C + 3, FEATURE_FUSED };

static int is_known(const stability *s, int of) { return s->seeds > 0 && s->column[of] && isfinite(s->mean[of]); }

static void list_below(const stability *s, double bound, text *out) {
    char number[32], name[16];
    int listed = 0;
    for (int i = 0; i < FEATURE_COUNT; i++) {
        if (!is_known(s, order[i]) || !(s->mean[order[i]] < bound)) { continue; }
        text_format(out, "%s%s %s", listed++ ? ", " : "", feature_name(order[i], name), fixed(s->mean[order[i]], 2, number));
    }
}

void stability_warning(const stability *s, text *out) {
    text below = { 0 };
    list_below(s, LEAST_STABLE, &below);
    if (below.length) {
        text_format(out, "not stable (R^2 below 0.5): %s; training from another seed finds other features, so that what single coordinates "
                         "follow says more of the seed than of the data", below.data);
    }
    if (s->diverged) {
        text_format(out, "%s%d of %d further seeds diverged and say nothing of stability", below.length ? "; " : "", s->diverged, s->seeds);
    }
    text_free(&below);
}

void stability_text(const stability *s, text *out) {
    if (s->seeds == s->diverged) { return; }
    text_add(out, "stability: ");
    list_below(s, INFINITY, out);
    text_format(out, " (R^2 on held-out rows, from the features of %d further seeds)\n", s->seeds - s->diverged);
}

void stability_json(const stability *s, text *out) {
    char name[16];
    if (!s->seeds) { return; }
    text_add(out, "\n  ");
    text_json_key(out, "stability");
    text_add(out, "{");
    text_json_member(out, "seeds", s->seeds);
    text_json_member(out, "diverged", s->diverged);
    for (int i = 0; i < FEATURE_COUNT; i++) {
        if (!s->column[order[i]]) { continue; }
        text_add(out, "\n    ");
        text_json_key(out, feature_name(order[i], name));
        text_add(out, "{");
        text_json_member(out, "mean", s->mean[order[i]]);
        text_json_key(out, "coordinates");
        text_add(out, "[");
        for (int64_t j = 0; j < s->columns[order[i]]; j++) {
            text_add(out, j ? ", " : "");
            text_json_number(out, s->column[order[i]][j]);
        }
        text_add(out, "]}");
    }
    text_add(out, "}");
}
