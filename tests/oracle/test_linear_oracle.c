/* Methods cca and ajive, and transport without its maps, against numpy: tests/oracle/linear.py, which says what is in the vectors.  What
   they give of rows that were trained on, held out and new; numbers of dimensions; what ajive holds a direction to. */
/* build: float double */

#define INDISEEK_IMPLEMENTATION
#define INDISEEK_NO_CUDA
#include "indiseek.h"

#include "vectors.h"

enum { ROWS = 240, VIEWS = 3, C_DIM = 4, DIM = 4, STEP = 5, SEED = 3, MOST_COLS = 12 };
static const int cols_of[VIEWS] = { 12, 9, 7 };
typedef struct known_case { const char *name; int views, absent; } known_case;
static const known_case cases[] = { { "two", 2, 0 }, { "some", 2, 1 }, { "three", 3, 1 } };

/* Of J and what is made of it: 1e-6 in double, as the library adds 1e-7 to the diagonal of least squares. */
static const double of_rest = sizeof(isk_scalar) == sizeof(double) ? 1e-6 : 5e-5;

static isk_scalar data[VIEWS][ROWS * MOST_COLS], lacking[VIEWS][ROWS * MOST_COLS];     /* lacking: NaN where the view is absent */
static uint8_t part[ROWS], present[VIEWS][ROWS];

static int open_vectors(void **state) {
    isk_scalar values[ROWS];
    char name[16];
    int view, i;
    (void)state;
    if (open_file("tests/oracle/linear.safetensors") != 0) { return -1; }
    load("part", ROWS, values);
    for (i = 0; i < ROWS; i++) { part[i] = (uint8_t)values[i]; }
    for (view = 0; view < VIEWS; view++) {
        snprintf(name, sizeof name, "x%d", view + 1);
        load(name, (uint64_t)(ROWS * cols_of[view]), data[view]);
        snprintf(name, sizeof name, "present%d", view + 1);
        load(name, ROWS, values);
        for (i = 0; i < ROWS; i++) { present[view][i] = (uint8_t)values[i]; }
        for (i = 0; i < ROWS * cols_of[view]; i++) {
            lacking[view][i] = present[view][i / cols_of[view]] ? data[view][i] : (isk_scalar)NAN;
        }
    }
    return 0;
}

static isk_matrix matrix_of(const isk_scalar *values, int rows, int cols) {
    isk_matrix matrix;
    memset(&matrix, 0, sizeof matrix);
    matrix.data = values;
    matrix.rows = rows;
    matrix.cols = cols;
    return matrix;
}

static int absent(const known_case *of, int view, int row) { return of->absent && !present[view][row]; }

static isk_fit_desc fit_of(const isk_method *method, const known_case *of) {
    isk_fit_desc fit;
    int view;
    memset(&fit, 0, sizeof fit);
    fit.method = method;
    fit.view_count = of->views;
    fit.split = part;
    fit.seed = SEED;
    fit.options.shared_dim = C_DIM;
    fit.options.dim = DIM;
    for (view = 0; view < of->views; view++) {
        fit.views[view].x = matrix_of(of->absent ? lacking[view] : data[view], ROWS, cols_of[view]);
        fit.views[view].present = of->absent ? present[view] : NULL;
    }
    return fit;
}

typedef struct features {
    isk_scalar c[VIEWS][ROWS * C_DIM], j[VIEWS][ROWS * MOST_COLS], z[VIEWS][ROWS * DIM], g[VIEWS][ROWS * MOST_COLS];
    double deviations[VIEWS][DIM];
} features;

/* J_i and the deviations of components are none of the outputs: they come from the numbers of the file, which has weights as [out, in]. */
static void read_file(const isk_model *model, const known_case *of, features *f) {
    static isk_scalar base[MOST_COLS], joint[MOST_COLS * C_DIM], back[MOST_COLS * DIM];
    const char *path = scratch("linear_oracle.safetensors");
    isk_safetensors *file;
    char name[32];
    int view, row, i, k;
    ok(isk_save(model, path));
    ok(isk_safetensors_open(context, path, &file));
    for (view = 0; view < of->views; view++) {
        const int cols = cols_of[view];
        snprintf(name, sizeof name, "joint%d.mean", view + 1);
        ok(isk_safetensors_read(file, name, 0, (uint64_t)cols, base));
        snprintf(name, sizeof name, "joint%d.weight", view + 1);
        ok(isk_safetensors_read(file, name, 0, (uint64_t)(cols * C_DIM), joint));
        snprintf(name, sizeof name, "decoder%d.weight", view + 1);
        ok(isk_safetensors_read(file, name, 0, (uint64_t)(cols * DIM), back));
        for (row = 0; row < ROWS; row++) {
            for (i = 0; i < cols; i++) {
                double sum = (double)base[i];
                for (k = 0; k < C_DIM; k++) { sum += (double)f->c[view][row * C_DIM + k] * (double)joint[i * C_DIM + k]; }
                f->j[view][row * cols + i] = (isk_scalar)sum;
            }
        }
        for (k = 0; k < DIM; k++) {
            double power = 0;
            for (i = 0; i < cols; i++) { power += (double)back[i * DIM + k] * (double)back[i * DIM + k]; }
            f->deviations[view][k] = sqrt(power);
        }
    }
    isk_safetensors_close(file);
    remove(path);
}

static void features_of(const isk_model *model, const isk_fit_desc *fit, features *f) {
    static const char *const names[3][VIEWS] = {
        { "shared1", "shared2", "shared3" }, { "specific1", "specific2", "specific3" },
        { "reconstruction1", "reconstruction2", "reconstruction3" },
    };
    isk_transform_desc desc;
    int view, at = 0;
    memset(&desc, 0, sizeof desc);
    memset(f, 0, sizeof *f);
    for (view = 0; view < fit->view_count; view++) {
        assert_int_equal(isk_model_cols(model, ISK_ROLE_SPECIFIC, view), DIM);
        desc.views[view] = fit->views[view];
        desc.out[at].name = names[0][view];
        desc.out[at++].values = f->c[view];
        desc.out[at].name = names[1][view];
        desc.out[at++].values = f->z[view];
        desc.out[at].name = names[2][view];
        desc.out[at++].values = f->g[view];
    }
    ok(isk_transform(model, &desc));
}

/* ---- numbers ---- */

/* common: the views have one number. */
static void compare_numbers(const isk_model *model, const known_case *of, const char *method, const char *what, int common) {
    isk_scalar due[VIEWS];
    char name[64];
    int view;
    snprintf(name, sizeof name, "%s.%s.%s", method, of->name, what);
    load(name, (uint64_t)of->views, due);
    for (view = 0; view < of->views; view++) {
        const double ours = isk_report_value(isk_model_report(model), what, common ? ISK_NONE : view);
        compare_one("number", name, view, ours, (double)due[view]);
    }
}

/* ---- features ---- */

/* The rows that are in the vectors, column k of them times signs[k]. */
static void compare_rows(const known_case *of, const char *method, char what, int view, int cols, const isk_scalar *ours,
                         const double *signs) {
    static isk_scalar due[ROWS / STEP * MOST_COLS];
    char name[64];
    int row, k;
    snprintf(name, sizeof name, "%s.%s.%c%d", method, of->name, what, view + 1);
    load(name, (uint64_t)(ROWS / STEP * cols), due);
    for (row = 0; row < ROWS; row += STEP) {
        if (absent(of, view, row)) { continue; }
        for (k = 0; k < cols; k++) {
            const int at = row / STEP * cols + k;
            compare_one("value", name, at, (double)ours[row * cols + k] * (signs ? signs[k] : 1), (double)due[at]);
        }
    }
}

/* Nothing says which way the directions of ajive run: only that they run alike in all views. */
static void signs_of(const known_case *of, const features *f, double *signs) {
    static isk_scalar due[ROWS / STEP * C_DIM];
    char name[64];
    int row, k;
    snprintf(name, sizeof name, "ajive.%s.c1", of->name);
    load(name, ROWS / STEP * C_DIM, due);
    for (k = 0; k < C_DIM; k++) {
        double product = 0;
        for (row = 0; row < ROWS; row += STEP) {
            product += absent(of, 0, row) ? 0 : (double)f->c[0][row * C_DIM + k] * (double)due[row / STEP * C_DIM + k];
        }
        signs[k] = product < 0 ? -1 : 1;
    }
}

static void compare_method(const isk_method *method, const known_case *of) {
    static features f;
    const isk_fit_desc fit = fit_of(method, of);
    const char *name = method == ISK_CCA ? "cca" : "ajive";
    const int common = method == ISK_AJIVE || of->views == 2;
    double signs[C_DIM];
    isk_scalar deviations[DIM];
    const double of_shared = tolerance;
    isk_model *model;
    char full[64];
    int view, k;
    ok(isk_fit(context, &fit, &model));
    features_of(model, &fit, &f);
    read_file(model, of, &f);
    if (method == ISK_AJIVE) { signs_of(of, &f, signs); }
    worst = 0;
    compare_numbers(model, of, name, "shared_dims", common);
    compare_numbers(model, of, name, "shared_correlation", common);
    compare_numbers(model, of, name, "specific_dims", 0);
    if (method == ISK_AJIVE) { compare_numbers(model, of, name, "signal_dims", 0); }
    for (view = 0; view < of->views; view++) {
        compare_rows(of, name, 'c', view, C_DIM, f.c[view], method == ISK_AJIVE ? signs : NULL);
    }
    print_message("%s.%s: what is shared within %.1e, ", name, of->name, worst);
    worst = 0;
    tolerance = of_rest;
    compare_numbers(model, of, name, "validation_r2", 0);
    for (view = 0; view < of->views; view++) {
        compare_rows(of, name, 'j', view, cols_of[view], f.j[view], NULL);
        compare_rows(of, name, 'z', view, DIM, f.z[view], NULL);
        compare_rows(of, name, 'g', view, cols_of[view], f.g[view], NULL);
        snprintf(full, sizeof full, "%s.%s.deviations%d", name, of->name, view + 1);
        load(full, DIM, deviations);
        for (k = 0; k < DIM; k++) { compare_one("deviation", full, k, f.deviations[view][k], (double)deviations[k]); }
    }
    print_message("the rest %.1e\n", worst);
    tolerance = of_shared;
    isk_model_close(model);
}

static void cca(void **state) {
    size_t i;
    (void)state;
    for (i = 0; i < COUNT(cases); i++) { compare_method(ISK_CCA, &cases[i]); }
}

static void ajive(void **state) {
    size_t i;
    (void)state;
    for (i = 0; i < COUNT(cases); i++) { compare_method(ISK_AJIVE, &cases[i]); }
}

/* Where nothing is moved C says nothing of u, and W has nothing to turn: Z is that of cca in the units of X. */
static void transport_without_maps(void **state) {
    static features f;
    const double of_shared = tolerance;
    isk_scalar deviations[DIM];
    char name[64];
    size_t i;
    int view, row, k;
    (void)state;
    for (i = 0; i < COUNT(cases); i++) {
        isk_fit_desc fit = fit_of(ISK_TRANSPORT, &cases[i]);
        isk_model *model;
        fit.options.transport = ISK_NONE;
        fit.options.transport_terms = ISK_NONE;
        fit.options.transport_epochs = ISK_NONE;
        fit.options.transport_maps = 1;
        ok(isk_fit(context, &fit, &model));
        features_of(model, &fit, &f);
        worst = 0;
        for (view = 0; view < cases[i].views; view++) {
            snprintf(name, sizeof name, "cca.%s.deviations%d", cases[i].name, view + 1);
            load(name, DIM, deviations);
            for (row = 0; row < ROWS; row++) {
                for (k = 0; k < DIM; k++) { f.z[view][row * DIM + k] /= deviations[k]; }
            }
            compare_rows(&cases[i], "cca", 'c', view, C_DIM, f.c[view], NULL);
            tolerance = of_rest;
            compare_rows(&cases[i], "cca", 'z', view, DIM, f.z[view], NULL);
            tolerance = of_shared;
        }
        print_message("transport, %s: within %.1e\n", cases[i].name, worst);
        isk_model_close(model);
    }
}

/* ---- what ajive holds a direction to ---- */

/* Room for the draws. */
static void take_room(isk__ajive *ajive, isk__blocks *blocks) {
    const size_t square = (size_t)ajive->total * (size_t)ajive->total;
    ajive->gram = isk__take_doubles(blocks, 3 * square);
    ajive->values = isk__take_doubles(blocks, (size_t)ajive->total);
    ok(isk__blocks_status(blocks, "a test"));
    ajive->vectors = ajive->gram + square;
    ajive->work = ajive->vectors + square;
}

/* by_noise: the mean over seeds of the larger of both, which in these data is that of noise. */
static void compare_bounds(isk__decomposition *d, isk__ajive *ajive, const char *at_random, const char *by_noise) {
    enum { DRAWS = 4000, SEEDS = 40 };
    static double drawn[DRAWS];
    isk__random random = isk__random_open(SEED, 0);
    double bound, sum = 0, all;
    int i;
    for (i = 0; i < DRAWS; i++) { ok(isk__ajive_random(context, d, ajive, &random, &drawn[i])); }
    qsort(drawn, DRAWS, sizeof *drawn, isk__doubles_order);
    all = drawn[DRAWS * 95 / 100 - 1];
    for (i = 0; i < SEEDS; i++) {
        d->seed = (uint64_t)i;
        ok(isk__ajive_bound(context, d, ajive, &bound));
        sum += bound / SEEDS;
    }
    print_message("%s: %.4f, due %.4f; %s: %.4f, due %.4f\n", at_random, all, load_one(at_random), by_noise, sum, load_one(by_noise));
    assert_true(fabs(all - load_one(at_random)) < 0.01);
    assert_true(fabs(sum - load_one(by_noise)) < 0.01);
}

static void bounds_of(const known_case *of) {
    static isk_scalar mean[VIEWS][MOST_COLS], thresholds[VIEWS];
    static uint8_t parts[VIEWS][ROWS];
    isk__blocks blocks = isk__blocks_open(context);
    isk__decomposition d;
    isk__ajive ajive;
    char name[2][64];
    int view, i;
    memset(&d, 0, sizeof d);
    memset(&ajive, 0, sizeof ajive);
    d.view_count = of->views;
    ajive.part = (uint8_t *)isk__take(&blocks, ROWS, 1);
    ajive.list = isk__take_ints(&blocks, ROWS);
    for (view = 0; view < of->views; view++) {
        for (i = 0; i < ROWS; i++) { parts[view][i] = (uint8_t)(absent(of, view, i) ? ISK_TEST : part[i]); }
        d.x[view] = matrix_of(data[view], ROWS, cols_of[view]);
        d.part[view] = parts[view];
        d.mean[view] = mean[view];
    }
    isk__rows_together(&d, ajive.part);
    ajive.rows = isk__rows_of_part(ajive.part, NULL, ROWS, ISK_TRAIN, ajive.list);
    snprintf(name[0], sizeof name[0], "ajive.%s.thresholds", of->name);
    load(name[0], (uint64_t)of->views, thresholds);
    for (view = 0; view < of->views; view++) {
        ok(isk__ajive_signal(context, &d, &ajive, view, &blocks));
        ajive.total += ajive.view[view].signal;
        /* not exactly: it counts one row less, as many as are left where means are taken away */
        assert_true(fabs(ajive.view[view].threshold / (double)thresholds[view] - 1) < 1e-3);
    }
    take_room(&ajive, &blocks);
    snprintf(name[0], sizeof name[0], "ajive.%s.random", of->name);
    snprintf(name[1], sizeof name[1], "ajive.%s.noise", of->name);
    compare_bounds(&d, &ajive, name[0], name[1]);
    ok(isk__blocks_close(&blocks, ISK_OK));
}

static void ajive_bounds(void **state) {
    size_t i;
    (void)state;
    for (i = 0; i < COUNT(cases); i++) { bounds_of(&cases[i]); }
}

/* From singular values alone: more columns than rows. */
static void ajive_bounds_of_wide_views(void **state) {
    static const int cols[2] = { 80, 60 }, signal[2] = { 3, 2 };
    static double values[2][2][30];
    isk_scalar given[30];
    isk__blocks blocks = isk__blocks_open(context);
    isk__decomposition d;
    isk__ajive ajive;
    char name[32];
    int view, which, i;
    (void)state;
    memset(&d, 0, sizeof d);
    memset(&ajive, 0, sizeof ajive);
    d.view_count = 2;
    ajive.rows = 30;
    for (view = 0; view < 2; view++) {
        isk__ajive_view *of = &ajive.view[view];
        of->signal = signal[view];
        of->others = ajive.rows - 1 - of->signal;
        of->cols = cols[view];
        of->singular = values[view][0];
        of->noise = values[view][1];
        for (which = 0; which < 2; which++) {
            const int count = which ? of->others : of->signal;
            snprintf(name, sizeof name, which ? "wide.noise%d" : "wide.signal%d", view + 1);
            load(name, (uint64_t)count, given);
            for (i = 0; i < count; i++) { values[view][which][i] = (double)given[i]; }
        }
        ajive.total += of->signal;
    }
    take_room(&ajive, &blocks);
    compare_bounds(&d, &ajive, "wide.random", "wide.bound");
    ok(isk__blocks_close(&blocks, ISK_OK));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cca),
        cmocka_unit_test(ajive),
        cmocka_unit_test(transport_without_maps),
        cmocka_unit_test(ajive_bounds),
        cmocka_unit_test(ajive_bounds_of_wide_views),
    };
    return cmocka_run_group_tests_name("linear_oracle", tests, open_vectors, close_vectors);
}
