#include "results.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const feature_files[FEATURE_COUNT] = { "c1.npy", "c2.npy", "c3.npy", "c4.npy", "z1.npy", "z2.npy", "z3.npy", "z4.npy",
                                                   "fused.npy" };

const char *feature_name(int of, char buffer[16]) {
    snprintf(buffer, 16, "%c%d", of < FEATURE_Z ? 'C' : 'Z', of % ISK_MAX_VIEWS + 1);
    return of == FEATURE_FUSED ? "fused" : buffer;
}

static int make_matrix(isk_matrix *m, int64_t rows, int64_t cols, isk_scalar **values) {
    *values = NULL;
    if (rows < 1 || cols < 1) { return 1; }
    *values = malloc(sizeof **values * (size_t)rows * (size_t)cols);
    *m = (isk_matrix){ *values, rows, cols };
    return *values != NULL;
}

/* The output of that role and view, asked of `desc`; 1 also where the model has none. */
static int ask(isk_transform_desc *desc, int *asked, const isk_model *model, isk_role role, int view, int64_t rows, isk_matrix *m) {
    for (int i = 0; i < isk_model_output_count(model); i++) {
        const isk_output_info *info = isk_model_output(model, i);
        isk_output *out = &desc->out[*asked];
        if (info->role != role || info->view != view || rows < 1) { continue; }
        out->name = info->name;
        (*asked)++;
        return make_matrix(m, rows, info->cols, &out->values);
    }
    return 1;
}

/* Features of all views take every view of each row: one that has no file is zeros, absent in all rows. */
static isk_status fuse(isk_context *context, const isk_model *model, const views *v, isk_transform_desc *desc) {
    uint8_t *absent = calloc((size_t)v->rows + 1, 1);
    isk_scalar *zeros[ISK_MAX_VIEWS] = { NULL };
    isk_status status = ISK_OK;
    int ok = absent != NULL;
    for (int i = 0; i < isk_model_views(model) && ok; i++) {
        const int cols = isk_model_view_cols(model, i);
        if (desc->views[i].x.data) { continue; }
        zeros[i] = calloc((size_t)v->rows * (size_t)cols + 1, sizeof *zeros[i]);
        ok = zeros[i] != NULL;
        desc->views[i] = (isk_view){ .x = { zeros[i], v->rows, cols }, .present = absent };
    }
    status = ok ? isk_transform(model, desc) : isk_set_error(context, ISK_MEMORY, "no memory for the features");
    for (int i = 0; i < ISK_MAX_VIEWS; i++) { free(zeros[i]); }
    free(absent);
    return status;
}

isk_status features_make(features *f, isk_context *context, const isk_model *model, const views *v, int reconstruct) {
    isk_transform_desc desc = { .extras = { { NULL, { NULL, 0, 0 } } } };
    int asked = 0, ok;
    memset(f, 0, sizeof *f);
    reconstruct = reconstruct && isk_model_options(model)->reduce == ISK_REDUCE_NONE;       /* else not of X */
    ok = ask(&desc, &asked, model, ISK_ROLE_FUSED, ISK_NONE, v->rows, &f->m[FEATURE_FUSED]);
    for (int i = 0; i < isk_model_views(model); i++) {
        const int64_t rows = v->x[i].data ? v->x[i].rows : 0;
        desc.views[i] = view_of(v, i);
        ok = ok && ask(&desc, &asked, model, ISK_ROLE_SHARED, i, rows, &f->m[FEATURE_C + i]) &&
             ask(&desc, &asked, model, ISK_ROLE_SPECIFIC, i, rows, &f->m[FEATURE_Z + i]) &&
             ask(&desc, &asked, model, ISK_ROLE_RECONSTRUCTION, i, reconstruct ? rows : 0, &f->reconstruction[i]);
    }
    if (!ok) { return isk_set_error(context, ISK_MEMORY, "no memory for the features"); }
    return f->m[FEATURE_FUSED].data ? fuse(context, model, v, &desc) : isk_transform(model, &desc);
}

/* The first row that was measured and is not finite all the same; -1: there is none. */
static int64_t not_finite(isk_matrix m, const uint8_t *present) {
    for (int64_t i = 0; i < m.rows && m.data; i++) {
        for (int64_t k = 0; k < m.cols && (!present || present[i]); k++) {
            if (!isfinite(m.data[i * m.cols + k])) { return i; }
        }
    }
    return -1;
}

isk_status features_of_trained(features *f, isk_context *context, const isk_model *model, const views *v, int reconstruct) {
    isk_status status = features_make(f, context, model, v, reconstruct);
    for (int of = 0; of < FEATURE_FUSED && status == ISK_OK; of++) {
        char name[16];
        const int64_t row = not_finite(f->m[of], v->present[of % ISK_MAX_VIEWS]);
        if (row < 0) { continue; }
        status = isk_set_error(context, ISK_DIVERGED, "training diverged: %s of row %lld (from 0) is not finite; smaller learning rates or "
                               "--clip-norm 1 may help", feature_name(of, name), (long long)row);
    }
    return status;
}

void features_free(features *f) {
    for (int i = 0; i < FEATURE_COUNT; i++) { free((void *)(uintptr_t)f->m[i].data); }
    for (int i = 0; i < ISK_MAX_VIEWS; i++) { free((void *)(uintptr_t)f->reconstruction[i].data); }
    memset(f, 0, sizeof *f);
}

void features_judged(const features *f, const dataset *d, evaluation_input *judged) {
    *judged = (evaluation_input){ .views = d->v.count > 2 ? d->v.count : 2, .fused = f->m[FEATURE_FUSED],
                                  .labels = d->has_labels ? d->labels.codes : NULL, .part = d->part };
    for (int i = 0; i < ISK_MAX_VIEWS; i++) {
        const isk_matrix made = f->reconstruction[i];
        judged->x[i] = d->v.summary[i];
        judged->sequence[i] = d->v.recipe[i].steps > 1;
        judged->c[i] = f->m[FEATURE_C + i];
        judged->z[i] = f->m[FEATURE_Z + i];
        if ((judged->c[i].data || judged->z[i].data) && i >= judged->views) { judged->views = i + 1; }
        judged->reconstruction[i] = made;
        if (made.cols == d->v.summary[i].cols) { judged->target[i] = d->v.summary[i]; }
        if (d->v.recipe[i].steps && made.cols == d->v.x[i].cols) {
            judged->target[i] = d->v.x[i];
            judged->steps[i] = d->v.recipe[i].steps;
            judged->lengths[i] = d->v.in[i].lengths;
        }
    }
}

isk_status features_score(const features *f, isk_context *context, const dataset *d, evaluation *scores) {
    evaluation_input judged;
    isk_status status;
    features_judged(f, d, &judged);
    judged.with_emptiness = 1;
    status = evaluate(context, &judged, scores);
    return status == ISK_MEMORY ? isk_set_error(context, status, "no memory for the scores") : status;
}
