/* Planted data of three views, and what tests of methods on it share: a context of one thread and one of two, fits, features and how
   well they tell what was planted.  Include after indiseek.h and hostile.h. */
#ifndef PLANTED_H
#define PLANTED_H

#include "two_views.h"

enum { ROWS = 500, NEW = 60, SHARED = 2, DIM = 6, C_DIM = 4, MOST_COLS = 90, VIEWS = 3 };

static isk_context *context, *twice;        /* one thread, two */
static char warnings[4000];

/* X_i = (shared, own_i) M_i + noise; the last NEW rows are new. */
static isk_scalar data[VIEWS][ROWS * MOST_COLS], shared[ROWS * SHARED], own[VIEWS][ROWS * 2];
static uint8_t split[ROWS];
static int cols_of[VIEWS];

static UNUSED_FUNCTION void on_log(void *user, isk_level level, const char *message) {
    const size_t used = strlen(warnings);
    (void)user;
    if (level == ISK_WARNING) { snprintf(warnings + used, sizeof warnings - used, "%s\n", message); }
}

static UNUSED_FUNCTION void ok(isk_status status) {
    if (status != ISK_OK) { fail_msg("%s / %s", isk_error(context), isk_error(twice)); }
}

static UNUSED_FUNCTION void plant(int cols1, int cols2, int cols3, double noise) {
    static double mix[VIEWS][SHARED + 2][MOST_COLS];
    uint64_t seed = 5;
    int view, i, j, k;
    cols_of[0] = cols1;
    cols_of[1] = cols2;
    cols_of[2] = cols3;
    for (view = 0; view < VIEWS; view++) {
        for (k = 0; k < SHARED + 2; k++) {
            for (j = 0; j < cols_of[view]; j++) { mix[view][k][j] = gaussian(&seed); }
        }
    }
    for (i = 0; i < ROWS; i++) {
        for (k = 0; k < SHARED; k++) { shared[i * SHARED + k] = (isk_scalar)gaussian(&seed); }
        for (view = 0; view < VIEWS; view++) {
            for (k = 0; k < 2; k++) { own[view][i * 2 + k] = (isk_scalar)gaussian(&seed); }
            for (j = 0; j < cols_of[view]; j++) {
                double x = 3 + view + noise * gaussian(&seed);
                for (k = 0; k < SHARED; k++) { x += (double)shared[i * SHARED + k] * mix[view][k][j]; }
                for (k = 0; k < 2; k++) { x += (double)own[view][i * 2 + k] * mix[view][SHARED + k][j]; }
                data[view][i * cols_of[view] + j] = (isk_scalar)x;
            }
        }
        split[i] = (uint8_t)(i >= ROWS - NEW ? ISK_TEST : i % 5 == 4 ? ISK_VALIDATION : ISK_TRAIN);
    }
}

static UNUSED_FUNCTION int begin(void **state) {
    isk_context_desc desc;
    (void)state;
    memset(&desc, 0, sizeof desc);
    desc.device = ISK_DEVICE_CPU;
    desc.log = on_log;
    desc.threads = 1;
    context = isk_open(&desc);
    desc.threads = 2;
    twice = isk_open(&desc);
    warnings[0] = 0;
    plant(12, 10, 14, 0.2);
    return context && twice ? 0 : -1;
}

static UNUSED_FUNCTION int end(void **state) {
    (void)state;
    isk_close(context);
    isk_close(twice);
    return 0;
}

static UNUSED_FUNCTION isk_fit_desc fit_of(const isk_method *method, int views) {
    isk_fit_desc fit;
    int view;
    memset(&fit, 0, sizeof fit);
    fit.method = method;
    fit.view_count = views;
    fit.split = split;
    fit.seed = 3;
    fit.options.dim = DIM;
    fit.options.shared_dim = C_DIM;
    for (view = 0; view < views; view++) { fit.views[view].x = matrix_of(data[view], ROWS, cols_of[view]); }
    return fit;
}

static UNUSED_FUNCTION isk_model *fitted(isk_context *owner, const isk_fit_desc *fit) {
    isk_model *model = NULL;
    ok(isk_fit(owner, fit, &model));
    return model;
}

typedef struct features { isk_scalar c[VIEWS][ROWS * C_DIM], z[VIEWS][ROWS * DIM], g[VIEWS][ROWS * MOST_COLS]; } features;

static UNUSED_FUNCTION void features_of(const isk_model *model, const isk_fit_desc *fit, features *out) {
    isk_transform_desc desc;
    int view;
    memset(&desc, 0, sizeof desc);
    memset(out, 0, sizeof *out);
    for (view = 0; view < isk_model_views(model); view++) {
        desc.views[view] = fit->views[view];
        assert_int_equal(isk_model_cols(model, ISK_ROLE_SHARED, view), C_DIM);
        assert_int_equal(isk_model_cols(model, ISK_ROLE_SPECIFIC, view), cols_of[view] < DIM ? cols_of[view] : DIM);
        ask(&desc, ISK_ROLE_SHARED, view, out->c[view]);
        ask(&desc, ISK_ROLE_SPECIFIC, view, out->z[view]);
        ask(&desc, ISK_ROLE_RECONSTRUCTION, view, out->g[view]);
    }
    ok(isk_transform(model, &desc));
}

static UNUSED_FUNCTION double number(const isk_model *model, const char *name, int view) {
    return isk_report_value(isk_model_report(model), name, view);
}

static UNUSED_FUNCTION double ridge(const isk_scalar *x, int x_cols, const isk_scalar *y, int y_cols) {
    isk_regression_desc desc;
    double r2;
    memset(&desc, 0, sizeof desc);
    desc.x = matrix_of(x, ROWS, x_cols);
    desc.y = matrix_of(y, ROWS, y_cols);
    desc.part = split;
    ok(isk_ridge_r2(context, &desc, &r2));
    return r2;
}

/* One tensor of a file, of view `view` where its name has %d. */
static UNUSED_FUNCTION void read_tensor(const isk_safetensors *file, const char *name, int view, int rows, int cols, double *out) {
    static isk_scalar values[MOST_COLS * MOST_COLS];
    char numbered[40];
    int i;
    snprintf(numbered, sizeof numbered, name, view + 1);
    ok(isk_safetensors_read(file, numbered, 0, (uint64_t)(rows * cols), values));
    for (i = 0; i < rows * cols; i++) { out[i] = (double)values[i]; }
}

static UNUSED_FUNCTION void refuse(const isk_fit_desc *fit, isk_status due, const char *sentence) {
    isk_model *model;
    expect(context, isk_fit(context, fit, &model), due, sentence);
    assert_null(model);
}

static UNUSED_FUNCTION isk_status fit_and_close(isk_context *owner, void *argument) {
    isk_model *model;
    isk_status status = isk_fit(owner, argument, &model);
    isk_model_close(model);
    return status;
}

#endif
