/* build: float double */
/* Methods cca and ajive: what they find in planted data, and nothing in shuffled ones; their formula; masks; more columns than rows; the
   same bits for any threads, in sweeps, saved and loaded; numbers and warnings; what they refuse. */

#include "indiseek.h"
#include "tests/base/hostile.h"
#include "planted.h"

/* The view whose number shared_dims is; ISK_NONE: the views have one. */
static int pairing(const isk_fit_desc *fit, int view) { return fit->method != ISK_AJIVE && fit->view_count > 2 ? view : ISK_NONE; }

/* ---- what they find ---- */

static void planted_is_found(void **state) {
    static const struct { const isk_method *method; int views; } cases[] = { { ISK_CCA, 2 }, { ISK_CCA, 3 }, { ISK_AJIVE, 2 },
                                                                               { ISK_AJIVE, 3 } };
    static features f;
    size_t m;
    int view, i, j;
    (void)state;
    for (m = 0; m < COUNT(cases); m++) {
        isk_fit_desc fit = fit_of(cases[m].method, cases[m].views);
        isk_model *model = fitted(context, &fit);
        features_of(model, &fit, &f);
        for (view = 0; view < cases[m].views; view++) {
            const int other = view == 0, of = pairing(&fit, view);
            assert_true(number(model, "shared_dims", of) == SHARED && number(model, "shared_correlation", of) > 0.97);
            assert_true(of == ISK_NONE || isnan(number(model, "shared_dims", ISK_NONE)));
            for (i = 0; i < ROWS; i++) {
                for (j = SHARED; j < C_DIM; j++) { assert_true(f.c[view][i * C_DIM + j] <= 0 && f.c[view][i * C_DIM + j] >= 0); }
            }
            assert_true(ridge(f.c[view], C_DIM, shared, SHARED) > 0.95);       /* C is what is shared, and only that */
            assert_true(ridge(f.c[view], C_DIM, own[view], 2) < 0.05);
            assert_true(ridge(f.z[view], DIM, own[view], 2) > 0.95);           /* Z what is not */
            assert_true(ridge(f.z[view], DIM, shared, SHARED) < 0.05);
            assert_true(ridge(f.z[view], DIM, f.c[other], C_DIM) < 0.05);
            assert_true(ridge(f.g[view], cols_of[view], data[view], cols_of[view]) > 0.97);
            assert_true(number(model, "validation_r2", view) > 0.95);
            if (cases[m].method == ISK_AJIVE) {             /* ranks are those that were planted */
                assert_true(number(model, "signal_dims", view) == SHARED + 2 && number(model, "specific_dims", view) == 2);
            }
        }
        assert_string_equal(warnings, "");
        isk_model_close(model);
    }
}

/* C of cca is what isk_cca says, by its validated correlations; with rows held out and without. */
static void cca_is_isk_cca(void **state) {
    static features f;
    static isk_scalar weights[2][MOST_COLS * C_DIM], mean[2][MOST_COLS], due[ROWS * C_DIM];
    double validated[C_DIM];
    int way, view, i, j, kept;
    (void)state;
    for (way = 0; way < 2; way++) {
        isk_fit_desc fit = fit_of(ISK_CCA, 2);
        isk_cca_desc cca;
        isk_model *model;
        for (i = 0; i < ROWS && way; i++) { split[i] = ISK_TRAIN; }
        fit.options.validation = ISK_NONE;
        memset(&cca, 0, sizeof cca);
        cca.x = fit.views[0].x;
        cca.y = fit.views[1].x;
        cca.part = split;
        cca.k = C_DIM;
        cca.seed = fit.seed;
        cca.x_mean = mean[0];
        cca.y_mean = mean[1];
        cca.x_weights = weights[0];
        cca.y_weights = weights[1];
        cca.validated = validated;
        cca.kept = &kept;
        ok(isk_cca(context, &cca));
        model = fitted(context, &fit);
        features_of(model, &fit, &f);
        assert_true(number(model, "shared_dims", ISK_NONE) == kept && number(model, "shared_correlation", ISK_NONE) == validated[0]);
        assert_int_equal(isnan(number(model, "validation_r2", 1)) != 0, way);
        for (view = 0; view < 2; view++) {
            ok(isk_pca_transform(context, fit.views[view].x, mean[view], weights[view], C_DIM, due));
            for (i = 0; i < ROWS; i++) {
                for (j = 0; j < C_DIM; j++) {
                    const double c = j < kept ? (double)due[i * C_DIM + j] * validated[j] : 0;
                    assert_true(fabs((double)f.c[view][i * C_DIM + j] - c) < 2e-4);
                }
            }
        }
        isk_model_close(model);
    }
}

/* Of three views C_i is that of X_i with the other two side by side; those have fewer columns than X_i, or more. */
static void cca_of_three_views(void **state) {
    static features f;
    static isk_scalar others[ROWS * 2 * MOST_COLS], weights[MOST_COLS * C_DIM], mean[MOST_COLS], due[ROWS * C_DIM];
    isk_fit_desc fit;
    isk_model *model;
    int view, i, j, v;
    (void)state;
    plant(30, 9, 7, 0.2);
    fit = fit_of(ISK_CCA, 3);
    model = fitted(context, &fit);
    features_of(model, &fit, &f);
    for (view = 0; view < 3; view++) {
        int cols = 0, kept;
        double validated[C_DIM];
        isk_cca_desc cca;
        for (v = 0; v < 3; v++) {
            for (i = 0; i < ROWS && v != view; i++) {
                for (j = 0; j < cols_of[v]; j++) {
                    others[i * (30 + 9 + 7 - cols_of[view]) + cols + j] = data[v][i * cols_of[v] + j];
                }
            }
            cols += v == view ? 0 : cols_of[v];
        }
        memset(&cca, 0, sizeof cca);
        cca.x = fit.views[view].x;
        cca.y = matrix_of(others, ROWS, cols);
        cca.part = split;
        cca.k = C_DIM;
        cca.seed = fit.seed;
        cca.x_mean = mean;
        cca.x_weights = weights;
        cca.validated = validated;
        cca.kept = &kept;
        ok(isk_cca(context, &cca));
        assert_true(number(model, "shared_dims", view) == kept && number(model, "shared_correlation", view) == validated[0]);
        ok(isk_pca_transform(context, cca.x, mean, weights, C_DIM, due));
        for (i = 0; i < ROWS * C_DIM; i++) {
            const double c = i % C_DIM < kept ? (double)due[i] * validated[i % C_DIM] : 0;
            assert_true(fabs((double)f.c[view][i] - c) < 2e-4);
        }
    }
    isk_model_close(model);
}

/* Two of three views share something that the third knows nothing of: all of it is in their C, none in that of the third. */
static void cca_of_two_among_three(void **state) {
    static features f;
    isk_fit_desc fit = fit_of(ISK_CCA, 3);
    isk_model *model;
    static isk_scalar alone[ROWS * MOST_COLS];
    int i, j;
    (void)state;
    for (i = 0; i < ROWS; i++) {
        for (j = 0; j < cols_of[2]; j++) { alone[i * cols_of[2] + j] = data[2][(i * 211 + 37) % ROWS * cols_of[2] + j]; }
    }
    fit.views[2].x.data = alone;
    model = fitted(context, &fit);
    features_of(model, &fit, &f);
    assert_true(number(model, "shared_dims", 0) == SHARED && number(model, "shared_dims", 1) == SHARED);
    assert_true(number(model, "shared_dims", 2) == 0);
    assert_true(ridge(f.c[0], C_DIM, shared, SHARED) > 0.95 && ridge(f.c[1], C_DIM, shared, SHARED) > 0.95);
    assert_string_equal(warnings, "model 0: nothing of X3 is shared: no pair of directions correlates on rows that it was not found on by "
                                  "more than chance, and 0.3; C3 is 0, and Z3 holds all of it\n");
    isk_model_close(model);
}

/* Of training rows: Z has mean 0, variance 1 and no correlation, with itself or C; X less what is given back is none of either. */
static void least_squares_and_components(void **state) {
    const isk_method *const methods[] = { ISK_CCA, ISK_AJIVE };
    static features f;
    size_t m;
    int view, i, j, k;
    (void)state;
    for (m = 0; m < COUNT(methods); m++) {
        isk_fit_desc fit = fit_of(methods[m], 2);
        isk_model *model = fitted(context, &fit);
        features_of(model, &fit, &f);
        for (view = 0; view < 2; view++) {
            const int dims = (int)number(model, "specific_dims", view), cols = cols_of[view];
            double count = 0, c_mean[C_DIM] = { 0 };
            for (i = 0; i < ROWS; i++) {
                count += split[i] == ISK_TRAIN;
                for (j = 0; j < C_DIM; j++) { c_mean[j] += split[i] == ISK_TRAIN ? (double)f.c[view][i * C_DIM + j] : 0; }
            }
            assert_true(dims >= 2 && dims <= DIM);
            for (j = 0; j < DIM; j++) {
                double sums[DIM] = { 0 }, with_c[C_DIM] = { 0 }, with_left[MOST_COLS] = { 0 }, mean = 0;
                for (i = 0; i < ROWS; i++) {
                    const double z = (double)f.z[view][i * DIM + j];
                    if (j >= dims) { assert_true(z <= 0 && z >= 0); }
                    if (split[i] != ISK_TRAIN) { continue; }
                    mean += z / count;
                    for (k = 0; k < DIM; k++) { sums[k] += z * (double)f.z[view][i * DIM + k] / (count - 1); }
                    for (k = 0; k < C_DIM; k++) { with_c[k] += z * ((double)f.c[view][i * C_DIM + k] - c_mean[k] / count) / count; }
                    for (k = 0; k < cols; k++) {
                        with_left[k] += z * (double)(data[view][i * cols + k] - f.g[view][i * cols + k]) / count;
                    }
                }
                assert_true(fabs(mean) < 1e-3);
                for (k = 0; k < DIM; k++) { assert_true(fabs(sums[k] - (k == j && j < dims)) < 2e-3); }
                for (k = 0; k < C_DIM; k++) { assert_true(fabs(with_c[k]) < 1e-3); }
                for (k = 0; k < cols; k++) { assert_true(fabs(with_left[k]) < 1e-3); }
            }
        }
        isk_model_close(model);
    }
    {                                       /* with all components, everything is given back, of new rows too */
        isk_fit_desc fit = fit_of(ISK_CCA, 2);
        isk_model *model;
        cols_of[1] = DIM;
        fit.views[1].x = matrix_of(data[1], ROWS, DIM);
        model = fitted(context, &fit);
        features_of(model, &fit, &f);
        for (i = 0; i < ROWS * DIM; i++) { assert_true(fabs((double)(data[1][i] - f.g[1][i])) < 1e-3); }
        isk_model_close(model);
    }
}

/* ---- their formula: from the numbers of the file, in double ---- */

static void transform_is_the_formula(void **state) {
    const isk_method *const methods[] = { ISK_CCA, ISK_AJIVE };
    static features f, again;
    static double mean[MOST_COLS], a[C_DIM * MOST_COLS], base[MOST_COLS], b[MOST_COLS * C_DIM], p[DIM * MOST_COLS], back[MOST_COLS * DIM];
    size_t m;
    int view, i, j, k;
    (void)state;
    for (m = 0; m < COUNT(methods); m++) {
        isk_fit_desc fit = fit_of(methods[m], 2);
        isk_model *model = fitted(context, &fit), *loaded;
        const char *path = scratch("linear.safetensors");
        isk_safetensors *file;
        features_of(model, &fit, &f);
        ok(isk_save(model, path));
        ok(isk_load(twice, path, &loaded));
        features_of(loaded, &fit, &again);
        assert_memory_equal(&f, &again, sizeof f);
        assert_ptr_equal(isk_model_method(loaded), methods[m]);
        assert_int_equal(isk_model_report(loaded)->number_count, 0);
        ok(isk_safetensors_open(context, path, &file));
        for (view = 0; view < 2; view++) {
            const int cols = cols_of[view];
            read_tensor(file, "shared%d.mean", view, 1, cols, mean);
            read_tensor(file, "shared%d.weight", view, C_DIM, cols, a);
            read_tensor(file, "joint%d.mean", view, 1, cols, base);
            read_tensor(file, "joint%d.weight", view, cols, C_DIM, b);
            read_tensor(file, "components%d.weight", view, DIM, cols, p);
            read_tensor(file, "decoder%d.weight", view, cols, DIM, back);
            for (i = 0; i < ROWS; i++) {
                const isk_scalar *x = &data[view][i * cols];
                double c[C_DIM], z[DIM], left[MOST_COLS];
                for (k = 0; k < C_DIM; k++) {
                    for (c[k] = 0, j = 0; j < cols; j++) { c[k] += ((double)x[j] - mean[j]) * a[k * cols + j]; }
                    assert_true(fabs(c[k] - (double)f.c[view][i * C_DIM + k]) < 1e-4);
                }
                for (j = 0; j < cols; j++) {
                    for (left[j] = (double)x[j] - base[j], k = 0; k < C_DIM; k++) { left[j] -= c[k] * b[j * C_DIM + k]; }
                }
                for (k = 0; k < DIM; k++) {
                    for (z[k] = 0, j = 0; j < cols; j++) { z[k] += left[j] * p[k * cols + j]; }
                    assert_true(fabs(z[k] - (double)f.z[view][i * DIM + k]) < 1e-3);
                }
                for (j = 0; j < cols; j++) {
                    double g = (double)x[j] - left[j];
                    for (k = 0; k < DIM; k++) { g += z[k] * back[j * DIM + k]; }
                    assert_true(fabs(g - (double)f.g[view][i * cols + j]) < 1e-3);
                }
            }
        }
        isk_safetensors_close(file);
        isk_model_close(loaded);
        isk_model_close(model);
        remove(path);
    }
}

/* ---- the same bits ---- */

static void threads_and_company_leave_no_trace(void **state) {
    const isk_method *const methods[] = { ISK_CCA, ISK_AJIVE };
    static features f, g;
    size_t m;
    int i;
    (void)state;
    for (m = 0; m < COUNT(methods); m++) {
        isk_sweep_desc sweep;
        isk_model *alone, *models[3];
        memset(&sweep, 0, sizeof sweep);
        sweep.fit = fit_of(methods[m], 2);
        sweep.fit.split = NULL;             /* rows are held out by the seed */
        sweep.seed_count = 3;
        sweep.fit.checkpoint = scratch("linear.checkpoint");
        remove(sweep.fit.checkpoint);
        ok(isk_resume(twice, &sweep, models));
        for (i = 0; i < 3; i++) {
            isk_fit_desc fit = sweep.fit;
            fit.checkpoint = NULL;
            fit.seed += (uint64_t)i;
            alone = fitted(context, &fit);
            features_of(alone, &fit, &f);
            features_of(models[i], &fit, &g);
            assert_memory_equal(&f, &g, sizeof f);
            assert_true(number(alone, "validation_r2", 1) == number(models[i], "validation_r2", 1));
            isk_model_close(alone);
            isk_model_close(models[i]);
        }
        ok(isk_resume(twice, &sweep, models));      /* once more, from where that ended */
        features_of(models[2], &sweep.fit, &f);
        assert_memory_equal(&f, &g, sizeof f);
        for (i = 0; i < 3; i++) { isk_model_close(models[i]); }
        remove(sweep.fit.checkpoint);
    }
}

/* ---- masks ---- */

/* What stands in rows that lack a view changes nothing; the fit of rows that have both is that of these rows alone. */
static void rows_that_lack_a_view(void **state) {
    static const struct { const isk_method *method; int views; } cases[] = { { ISK_CCA, 2 }, { ISK_CCA, 3 }, { ISK_AJIVE, 3 } };
    static uint8_t present[VIEWS][ROWS], only[ROWS];
    static isk_scalar garbage[VIEWS][ROWS * MOST_COLS];
    static features f, g;
    size_t m;
    int view, i, j;
    (void)state;
    for (i = 0; i < ROWS; i++) {
        only[i] = 1;
        for (view = 0; view < VIEWS; view++) {
            present[view][i] = (uint8_t)((i * 7 + view * 3) % 6 > 0);
            only[i] = only[i] && present[view][i];
        }
    }
    for (m = 0; m < COUNT(cases); m++) {
        isk_fit_desc fit = fit_of(cases[m].method, cases[m].views);
        isk_model *model, *other;
        for (view = 0; view < fit.view_count; view++) {
            const int cols = cols_of[view];
            for (i = 0; i < ROWS; i++) {
                for (j = 0; j < cols; j++) {
                    garbage[view][i * cols + j] = present[view][i] ? data[view][i * cols + j] : (isk_scalar)NAN;
                }
            }
            fit.views[view].present = present[view];
        }
        model = fitted(context, &fit);
        features_of(model, &fit, &f);
        for (view = 0; view < fit.view_count; view++) { fit.views[view].x.data = garbage[view]; }
        other = fitted(context, &fit);
        features_of(other, &fit, &g);
        assert_memory_equal(&f, &g, sizeof f);
        for (view = 0; view < fit.view_count; view++) {
            assert_true(number(model, "shared_dims", pairing(&fit, view)) == SHARED);
            assert_true(number(model, "validation_r2", view) > 0.95);
            for (i = 0; i < ROWS; i++) { assert_int_equal(isnan((double)f.z[view][i * DIM]) != 0, !present[view][i]); }
        }
        isk_model_close(other);
        isk_model_close(model);
    }
}

/* ---- few rows, nothing shared ---- */

static void more_columns_than_rows(void **state) {
    const isk_method *const methods[] = { ISK_CCA, ISK_AJIVE };
    static features f;
    size_t m;
    int view, i;
    (void)state;
    plant(90, 80, 7, 0.3);
    for (m = 0; m < COUNT(methods); m++) {
        isk_fit_desc fit = fit_of(methods[m], 2);
        isk_model *model;
        for (i = 0; i < ROWS; i++) { split[i] = (uint8_t)(i < 60 ? ISK_TRAIN : i < 90 ? ISK_VALIDATION : ISK_TEST); }
        model = fitted(context, &fit);
        features_of(model, &fit, &f);
        assert_true(number(model, "shared_dims", ISK_NONE) == SHARED);
        for (view = 0; view < 2; view++) {
            assert_true(number(model, "validation_r2", view) > 0.5);
            for (i = 0; i < ROWS * DIM; i++) { assert_false(isnan((double)f.z[view][i])); }
        }
        isk_model_close(model);
    }
}

static void nothing_is_shared(void **state) {
    static const struct { const isk_method *method; const char *why; } cases[] = {
        { ISK_CCA, "no pair of directions correlates on rows that it was not found on by more than chance, and 0.3" },
        { ISK_AJIVE, "the views' signals stand no closer to each other than random ones" },
    };
    static isk_scalar turned[ROWS * MOST_COLS];
    static features f;
    size_t m;
    int i, j;
    (void)state;
    for (i = 0; i < ROWS; i++) {
        for (j = 0; j < cols_of[1]; j++) { turned[i * cols_of[1] + j] = data[1][(i * 211 + 37) % ROWS * cols_of[1] + j]; }
    }
    for (m = 0; m < COUNT(cases); m++) {
        isk_fit_desc fit = fit_of(cases[m].method, 2);
        isk_model *model;
        char due[300];
        fit.views[1].x.data = turned;
        warnings[0] = 0;
        model = fitted(context, &fit);
        features_of(model, &fit, &f);
        snprintf(due, sizeof due, "model 0: nothing is shared: %s; C is 0, and Z holds all of X\n", cases[m].why);
        assert_string_equal(warnings, due);
        assert_true(number(model, "shared_dims", ISK_NONE) == 0);
        for (i = 0; i < ROWS * C_DIM; i++) { assert_true(f.c[0][i] <= 0 && f.c[0][i] >= 0 && f.c[1][i] <= 0 && f.c[1][i] >= 0); }
        assert_true(ridge(f.z[0], DIM, shared, SHARED) > 0.95 && ridge(f.z[0], DIM, own[0], 2) > 0.95);
        isk_model_close(model);
    }
}

/* One view twice: everything is shared, and nothing is left. */
static void all_is_shared(void **state) {
    static features f;
    isk_fit_desc fit = fit_of(ISK_CCA, 2);
    isk_model *model;
    int i;
    (void)state;
    cols_of[0] = cols_of[1] = C_DIM;
    fit.views[0].x = fit.views[1].x = matrix_of(data[0], ROWS, C_DIM);
    fit.options.dim = C_DIM;
    model = fitted(context, &fit);
    assert_true(number(model, "shared_dims", ISK_NONE) == C_DIM && number(model, "shared_correlation", ISK_NONE) > 0.999);
    assert_true(number(model, "validation_r2", 0) > 0.999 && number(model, "specific_dims", 1) == 0);
    assert_string_equal(warnings, "model 0: Z1 is 0: what C1 leaves of X1 varies no more than noise\n"
                                  "model 0: Z2 is 0: what C2 leaves of X2 varies no more than noise\n");
    assert_int_equal(isk_model_cols(model, ISK_ROLE_SPECIFIC, 0), C_DIM);
    features_of(model, &fit, &f);
    for (i = 0; i < ROWS * C_DIM; i++) { assert_true(fabs((double)(f.g[0][i] - data[0][i])) < 1e-2 && f.z[0][i] <= 0 && f.z[0][i] >= 0); }
    isk_model_close(model);
}

/* ---- what they refuse ---- */

static void what_they_refuse(void **state) {
    isk_fit_desc fit = fit_of(ISK_CCA, 2);
    static isk_scalar wide[8 * 2100];
    int i;
    (void)state;
    fit.views[1].steps = 2;
    refuse(&fit, ISK_UNSUPPORTED, "view 2 is a sequence of 2 steps; method cca takes one vector a row");
    fit = fit_of(ISK_AJIVE, 2);
    fit.options.reduce = ISK_REDUCE_AUGMENT;
    refuse(&fit, ISK_UNSUPPORTED, "method ajive takes X_i as they are; choose reduce none");
    fit = fit_of(ISK_CCA, 2);
    fit.views[0].given = fit.views[1].given = matrix_of(shared, ROWS, SHARED);
    refuse(&fit, ISK_ARGUMENT, "method cca has no use for given shared features");
    fit = fit_of(ISK_CCA, 2);
    for (i = 0; i < ROWS; i++) { split[i] = (uint8_t)(i < 3 ? ISK_TRAIN : i < 7 ? ISK_VALIDATION : ISK_TEST); }
    refuse(&fit, ISK_DATA, "there are 7 training and validation rows; canonical correlations need at least 10");
    fit.method = ISK_AJIVE;
    refuse(&fit, ISK_DATA, "there are 3 training rows that have every view; method ajive needs at least 4");
    for (i = 0; i < 8 * 2100; i++) { wide[i] = (isk_scalar)(i * i % 101); }
    fit.views[0].x = matrix_of(wide, 8, 2100);
    fit.views[1].x = matrix_of(data[1], 8, cols_of[1]);
    fit.split = NULL;
    refuse(&fit, ISK_ARGUMENT, "view 1 has 2100 columns; method ajive takes at most 2048: choose fewer of them");
    assert_string_equal(warnings, "");
    fit = fit_of(ISK_CCA, 2);               /* a trade-off over lambda is none */
    fit.options.lambda = 3;
    for (i = 0; i < ROWS; i++) { split[i] = (uint8_t)(i % 5 == 4 ? ISK_VALIDATION : ISK_TRAIN); }
    isk_model_close(fitted(context, &fit));
    assert_string_equal(warnings, "option lambda has no use for cca\n");
}

static void no_memory_leaves_nothing_behind(void **state) {
    const isk_method *const methods[] = { ISK_CCA, ISK_AJIVE };
    size_t m;
    (void)state;
    for (m = 0; m < COUNT(methods); m++) {
        isk_fit_desc fit = fit_of(methods[m], 2);
        isk_context *scarce = scarce_context();
        fit.views[0].x.rows = fit.views[1].x.rows = 60;
        fit.split = NULL;
        sweep_memory(scarce, fit_and_close, &fit);
        isk_close(scarce);
    }
}

#define linear(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        linear(planted_is_found),
        linear(cca_is_isk_cca),
        linear(cca_of_three_views),
        linear(cca_of_two_among_three),
        linear(least_squares_and_components),
        linear(transform_is_the_formula),
        linear(threads_and_company_leave_no_trace),
        linear(rows_that_lack_a_view),
        linear(more_columns_than_rows),
        linear(nothing_is_shared),
        linear(all_is_shared),
        linear(what_they_refuse),
        linear(no_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests_name("linear", tests, NULL, NULL);
}
