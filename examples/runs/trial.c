#include "trial.h"

#include "methods.h"
#include "results.h"
#include "split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first training rows that have every view, so that it does not matter how the files are sorted.  0 without memory. */
enum { TRIAL_ROWS = 64 };
static int trial_views(const views *all, const uint8_t *part, views *few) {
    int64_t index[TRIAL_ROWS];
    *few = (views){ .rows = 0, .count = all->count };
    for (int64_t i = 0; i < all->rows && few->rows < TRIAL_ROWS; i++) {
        int there = part[i] == ISK_TRAIN;
        for (int v = 0; v < all->count; v++) { there = there && !(all->present[v] && !all->present[v][i]); }
        if (there) { index[few->rows++] = i; }
    }
    for (int v = 0; v < all->count; v++) {
        const int64_t cols = all->x[v].cols;
        few->recipe[v].steps = all->recipe[v].steps;
        few->own[v] = malloc(sizeof *few->own[v] * TRIAL_ROWS * (size_t)cols);
        few->in[v].lengths = all->in[v].lengths ? calloc(TRIAL_ROWS, sizeof *few->in[v].lengths) : NULL;
        if (!few->own[v] || (all->in[v].lengths && !few->in[v].lengths)) { return 0; }
        few->x[v] = (isk_matrix){ few->own[v], few->rows, cols };
        for (int64_t k = 0; k < few->rows; k++) {
            memcpy(few->own[v] + k * cols, all->x[v].data + index[k] * cols, sizeof *few->own[v] * (size_t)cols);
            if (few->in[v].lengths) { few->in[v].lengths[k] = all->in[v].lengths[index[k]]; }
        }
    }
    return 1;
}

/* validation: there are such rows. */
static void try_method(const isk_fit_desc *like, const isk_method *method, const views *few, int validation, trial *t) {
    isk_context *aside = methods_open(&(isk_context_desc){ .threads = 1, .device = ISK_DEVICE_CPU });
    isk_fit_desc fit = *like;
    isk_model *model = NULL;
    uint8_t part[TRIAL_ROWS] = { ISK_TRAIN };
    features f = { .m = { { NULL, 0, 0 } } };
    isk_options *o = &fit.options;
    *t = (trial){ .status = aside ? ISK_OK : ISK_MEMORY, .has_lambda = (method->can & ISK_HAS_LAMBDA) != 0 };
    if (aside && few->rows >= 2) {          /* else there is nothing to try on */
        fit.method = method;
        o->epochs = o->shared_epochs = o->residual_epochs = 1;
        o->diagnoses = ISK_NONE;
        o->batch = 32;
        o->last_batch = ISK_LAST_KEEP;
        views_give(few, &fit);
        for (int k = 7; k < TRIAL_ROWS && validation; k += 8) { part[k] = ISK_VALIDATION; }
        fit.split = part;
        t->status = isk_fit(aside, &fit, &model);
        if (t->status == ISK_OK) { t->status = features_make(&f, aside, model, few, 0); }
        if (t->status == ISK_SHAPE || t->status == ISK_DATA) { t->status = ISK_OK; }
        snprintf(t->words, sizeof t->words, "%s", isk_error(aside));
    }
    features_free(&f);
    isk_model_close(model);
    isk_close(aside);
}

isk_status trials_make(isk_context *context, const views *v, const uint8_t *part, const isk_fit_desc *fit,
                       const isk_method *const *methods, int count, trial *tried) {
    views few;
    const int copied = trial_views(v, part, &few), validation = split_count(part, v->rows, ISK_VALIDATION) > 0;
    for (int i = 0; i < count && copied; i++) { try_method(fit, methods[i], &few, validation, &tried[i]); }
    views_free(&few);
    return copied ? ISK_OK : no_memory(context, "a trial of every method");
}
