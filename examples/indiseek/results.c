#include "results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const feature_files[4] = { "c1.npy", "c2.npy", "z1.npy", "z2.npy" };

static int make_matrix(isk_matrix *m, int64_t rows, int64_t cols, isk_scalar **values) {
    *values = NULL;
    if (rows < 1 || cols < 1) { return 1; }
    *values = malloc(sizeof **values * (size_t)rows * (size_t)cols);
    *m = (isk_matrix){ *values, rows, cols };
    return *values != NULL;
}

isk_status features_make(features *f, isk_context *context, const isk_model *model, const isk_matrix x[2],
                         int reconstruct) {
    isk_transform_desc desc = { .views = { x[0], x[1] } };
    int ok = 1;
    memset(f, 0, sizeof *f);
    for (int view = 0; view < 2; view++) {
        int64_t rows = x[view].data ? x[view].rows : 0;
        int dim = isk_model_specific_dim(model, view);
        ok = ok && make_matrix(&f->m[view], rows, isk_model_shared_dim(model, view), &desc.shared[view]) &&
             make_matrix(&f->m[2 + view], rows, dim, &desc.specific[view]) &&
             make_matrix(&f->reconstruction[view], reconstruct && isk_model_decodes(model) ? rows : 0, x[view].cols,
                         &desc.reconstruction[view]);
    }
    return ok ? isk_transform(model, &desc) : isk_set_error(context, ISK_MEMORY, "no memory for the features");
}

void features_free(features *f) {
    for (int i = 0; i < 4; i++) { free((void *)(uintptr_t)f->m[i].data); }
    for (int i = 0; i < 2; i++) { free((void *)(uintptr_t)f->reconstruction[i].data); }
    memset(f, 0, sizeof *f);
}

void features_tidy(const features *f, const output *out) {
    char path[4200];
    for (int i = 0; i < 4; i++) {
        if (!f->m[i].data) { remove(output_path(out, feature_files[i], path, sizeof path)); }
    }
}

isk_status features_score(const features *f, isk_context *context, const dataset *d, evaluation *scores) {
    evaluation_input judged = {
        .x = { d->x[0], d->x[1] }, .c = { f->m[0], f->m[1] }, .z = { f->m[2], f->m[3] },
        .reconstruction = { f->reconstruction[0], f->reconstruction[1] },
        .labels = d->has_labels ? d->labels.codes : NULL, .part = d->part,
    };
    isk_status status = evaluate(context, &judged, scores);
    return status == ISK_MEMORY ? isk_set_error(context, status, "no memory for the scores") : status;
}
