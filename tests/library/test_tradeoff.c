/* Choosing lambda: the knee on points made by hand; on simulated views leakage and completeness rise with lambda, and the report
   is what its parts measure; means over seeds, odd models, what is wrong is named, failing memory. */

#define INDISEEK_IMPLEMENTATION
#define INDISEEK_NO_CUDA
#include "indiseek.h"
#include "tests/base/hostile.h"
#include "two_views.h"

static isk_context *context;

static void ok(isk_status status) {
    if (status != ISK_OK) { fail_msg("%s", isk_error(context)); }
}

/* Its sentence holds this text. */
static void fails(isk_status status, isk_status due, const char *words) {
    if (status != due || !strstr(isk_error(context), words)) {
        fail_msg("%s: %s; wanted %s: %s", isk_status_text(status), isk_error(context), isk_status_text(due), words);
    }
}

/* ---- the knee ---- */

static void knees(void **state) {
    static const struct { int count, knee; double leakage[5], completeness[5]; } cases[] = {
        { 4, 2, { .1, .15, .2, .8 }, { .2, .5, .9, .95 } },             /* the bend */
        { 4, 1, { 100, 150, 200, 800 }, { -2, 5, 5.4, 6 } },            /* whatever the units */
        { 4, 2, { .8, .1, .2, .15 }, { .95, .2, .9, .5 } },             /* and the order */
        { 3, 2, { 0, .5, 1 }, { 0, .5, 1 } },                           /* a straight line: the most complete */
        { 4, 3, { .17, .18, .2, .34 }, { .675, .6751, .677, .7 } },     /* and where it bends the other way */
        { 5, 4, { .1, .3, .2, .4, .2 }, { .9, .95, .95, .8, .96 } },    /* a curve that turns back */
        { 3, 2, { .3, .3, .3 }, { .1, .2, .4 } },                       /* nothing leaks more: the most complete */
        { 3, 1, { .3, .1, .2 }, { .5, .5, .5 } },                       /* nothing is more complete: the least leakage */
        { 2, 1, { .1, .5 }, { .4, .8 } },                               /* two: the more complete */
        { 2, 0, { .1, .5 }, { .8, .4 } },                               /* unless the other is better in both */
        { 1, 0, { .3 }, { .4 } },
        { 3, 0, { .2, .2, .2 }, { .4, .4, .4 } },
        { 4, 3, { .1, NAN, .3, .2 }, { .2, .9, NAN, .9 } },             /* what was not measured is passed over */
        { 2, -1, { NAN, .1 }, { .2, NAN } },
        { 0, -1, { 0 }, { 0 } },
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        int knee = isk__knee(cases[i].leakage, cases[i].completeness, cases[i].count);
        if (knee != cases[i].knee) { fail_msg("case %d: the knee is %d and should be %d", (int)i, knee, cases[i].knee); }
    }
}

/* ---- sweeps ---- */

enum { ROWS = 600, LAMBDAS = 3, SEEDS = 2, MODELS = LAMBDAS * SEEDS };

static isk_model *models[MODELS];
static uint8_t part[ROWS];
static int32_t labels[ROWS];
static isk_tradeoff_point points[MODELS];

static void sweep_now(const char *settings, int lambdas, int seeds) {
    static const double lambda[LAMBDAS] = { 100, 0.1, 3 };              /* points come in rising order */
    isk_sweep_desc sweep;
    memset(&sweep, 0, sizeof sweep);
    sweep.fit = small_fit(context, ROWS, settings);
    sweep.fit.split = part;
    sweep.lambdas = lambda;
    sweep.lambda_count = lambdas;
    sweep.seed_count = seeds;
    ok(isk_sweep(context, &sweep, models));
}

static void close_models(void) {
    int i;
    for (i = 0; i < MODELS; i++) {
        isk_model_close(models[i]);
        models[i] = NULL;
    }
}

static isk_tradeoff_desc whole_desc(void) {
    isk_tradeoff_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.models = models;
    desc.model_count = MODELS;
    desc.views[0].x = matrix_of(view1, ROWS, VIEW1_COLS);
    desc.views[1].x = matrix_of(view2, ROWS, VIEW2_COLS);
    desc.part = part;
    desc.points = points;
    return desc;
}

static void divide_rows(void) {
    int i;
    for (i = 0; i < ROWS; i++) {
        part[i] = (uint8_t)(i % 4 == 1 ? ISK_VALIDATION : i % 4 == 3 ? ISK_TEST : ISK_TRAIN);
        labels[i] = view1[i * VIEW1_COLS + 4] > view1[i * VIEW1_COLS + 1];      /* of a factor of view 1 alone */
    }
}

static int begin(void **state) {
    isk_context_desc desc;
    (void)state;
    memset(&desc, 0, sizeof desc);
    desc.threads = 2;
    context = isk_open(&desc);
    make_views(3);
    divide_rows();
    return context == NULL;
}

static int end(void **state) {
    (void)state;
    isk_close(context);
    return 0;
}

static void more_of_both(void **state) {
    isk_tradeoff_desc desc = whole_desc();
    isk_tradeoff_report report;
    isk_tradeoff_point again[MODELS];
    int p, v, k;
    (void)state;
    sweep_now("epochs=30 shared_epochs=30 width=24", LAMBDAS, SEEDS);
    desc.labels = labels;
    ok(isk_tradeoff(context, &desc, &report));
    assert_int_equal(report.points, LAMBDAS);
    assert_true(points[0].lambda == 0.1 && points[1].lambda == 3 && points[2].lambda == 100);
    for (p = 0; p < LAMBDAS; p++) {
        const isk_tradeoff_point *point = &points[p];
        print_message("# lambda %g: leakage %.3f +- %.3f (CLUB %.2f), completeness %.3f +- %.3f, probe %.3f\n", point->lambda,
                      point->mean[ISK_LEAKAGE].mean, point->mean[ISK_LEAKAGE].error, point->mean[ISK_LEAKAGE_CLUB].mean,
                      point->mean[ISK_COMPLETENESS].mean, point->mean[ISK_COMPLETENESS].error, point->probe.mean);
        assert_true(point->models == SEEDS && point->diverged == 0 && point->mean[ISK_LEAKAGE].error > 0);
        for (k = 0; k < ISK_TRADEOFF_COUNT; k++) {
            assert_true(fabs(point->mean[k].mean - (point->view[0][k].mean + point->view[1][k].mean) / 2) < 1e-9);
            assert_true(isnan(point->view[2][k].mean));
        }
        for (v = 0; v < 2; v++) {
            for (k = ISK_LEAKAGE_RIDGE; k <= ISK_LEAKAGE_MLP; k++) {
                assert_true(point->view[v][ISK_LEAKAGE].mean >= point->view[v][k].mean - 1e-12);
            }
        }
        assert_true(point->probe.mean > 0.5 && point->probe.mean <= 1 && isnan(point->test.mean));
        assert_true(points[report.best_probe].probe.mean >= point->probe.mean);
    }
    assert_true(points[2].mean[ISK_LEAKAGE].mean > points[0].mean[ISK_LEAKAGE].mean);
    assert_true(points[2].mean[ISK_COMPLETENESS].mean > points[0].mean[ISK_COMPLETENESS].mean + 0.05);
    assert_true(report.knee >= 0 && report.knee < LAMBDAS && report.best_test == -1);
    memcpy(again, points, sizeof again);
    desc.reproduce_best_test = 1;
    desc.scored = ISK_TEST;
    ok(isk_tradeoff(context, &desc, &report));
    assert_true(report.best_test >= 0 && points[report.best_test].test.mean > 0.5);
    assert_true(points[1].probe.mean == again[1].probe.mean);          /* always on the validation rows */
    assert_true(points[1].mean[ISK_LEAKAGE].mean != again[1].mean[ISK_LEAKAGE].mean);
    close_models();
}

/* A point is what the metrics say of the model's features. */
static void points_are_what_the_metrics_say(void **state) {
    enum { D = 4, S = 3 };
    static isk_scalar c[2][ROWS * S], z[2][ROWS * D], both[ROWS * (D + S)];
    isk_tradeoff_desc desc = whole_desc();
    isk_tradeoff_report report;
    isk_transform_desc out;
    int v;
    (void)state;
    sweep_now("", 1, 1);
    desc.model_count = 1;
    ok(isk_tradeoff(context, &desc, &report));
    assert_true(report.points == 1 && report.knee == 0 && report.best_probe == -1 && isnan(points[0].mean[ISK_LEAKAGE].error));
    memset(&out, 0, sizeof out);
    for (v = 0; v < 2; v++) {
        out.views[v] = desc.views[v];
        ask(&out, ISK_ROLE_SHARED, v, c[v]);
        ask(&out, ISK_ROLE_SPECIFIC, v, z[v]);
    }
    ok(isk_transform(models[0], &out));
    for (v = 0; v < 2; v++) {
        isk_matrix parts[2];
        isk_regression_desc regression;
        double r2;
        memset(&regression, 0, sizeof regression);
        regression.x = matrix_of(z[v], ROWS, D);
        regression.y = matrix_of(c[1 - v], ROWS, S);
        regression.part = part;
        regression.scored = ISK_VALIDATION;
        regression.seed = 7;
        ok(isk_ridge_r2(context, &regression, &r2));
        assert_true(points[0].view[v][ISK_LEAKAGE_RIDGE].mean == r2);
        ok(isk_knn_r2(context, &regression, &r2));
        assert_true(points[0].view[v][ISK_LEAKAGE_KNN].mean == r2);
        ok(isk_mlp_r2(context, &regression, &r2));
        assert_true(points[0].view[v][ISK_LEAKAGE_MLP].mean == r2);
        parts[0] = regression.x;
        parts[1] = matrix_of(c[v], ROWS, S);
        ok(isk_join_columns(context, parts, 2, both));
        regression.x = matrix_of(both, ROWS, D + S);
        regression.y = desc.views[v].x;
        ok(isk_ridge_r2(context, &regression, &r2));
        assert_true(points[0].view[v][ISK_COMPLETENESS].mean == r2);
        assert_true(points[0].view[v][ISK_LEAKAGE_CLUB].mean == isk_report_value(isk_model_report(models[0]), "fresh_club", v));
    }
    close_models();
}

/* One view whose shared features are given; a model that diverged is left out. */
static void odd_models(void **state) {
    isk_tradeoff_desc desc = whole_desc();
    isk_tradeoff_report report;
    isk_fit_desc fit = small_fit(context, ROWS, "");
    isk_status status;
    (void)state;
    fit.split = part;
    fit.view_count = 1;
    memset(&fit.views[1], 0, sizeof fit.views[1]);
    fit.views[0].given = matrix_of(given1, ROWS, GIVEN_COLS);
    ok(isk_fit(context, &fit, &models[0]));
    desc.model_count = 1;
    memset(&desc.views[1], 0, sizeof desc.views[1]);
    fails(isk_tradeoff(context, &desc, &report), ISK_ARGUMENT, "views[0].given.data is NULL");
    desc.views[0].given = fit.views[0].given;
    ok(isk_tradeoff(context, &desc, &report));
    assert_true(points[0].mean[ISK_LEAKAGE].mean == points[0].view[0][ISK_LEAKAGE].mean && isnan(points[0].view[1][ISK_LEAKAGE].mean));
    fit.options.rate = 1e3;
    fit.options.optimizer = ISK_SGD;
    fit.seed = 8;
    status = isk_fit(context, &fit, &models[1]);
    assert_int_equal(status, ISK_DIVERGED);
    desc.models = models + 1;
    ok(isk_tradeoff(context, &desc, &report));
    assert_true(points[0].diverged == 1 && isnan(points[0].mean[ISK_LEAKAGE].mean) && report.knee == -1);
    desc.models = models;
    desc.model_count = 2;
    fails(isk_tradeoff(context, &desc, &report), ISK_ARGUMENT, "models[1] has another method, rate or number of views");
    close_models();
}

static void bad_input_is_named(void **state) {
    isk_tradeoff_desc desc = whole_desc();
    isk_tradeoff_report report;
    isk_fit_desc fit = small_fit(context, ROWS, "");
    (void)state;
    sweep_now("epochs=1 shared_epochs=1 diagnoses=0", 1, 1);
    fails(isk_tradeoff(context, &desc, &report), ISK_ARGUMENT, "models[1] is NULL");
    desc.model_count = 0;
    fails(isk_tradeoff(context, &desc, &report), ISK_ARGUMENT, "model_count is 0");
    desc.model_count = 1;
    desc.scored = (isk_part)5;
    fails(isk_tradeoff(context, &desc, &report), ISK_ARGUMENT, "scored 5");
    desc.scored = ISK_TRAIN;
    fails(isk_tradeoff(context, &desc, NULL), ISK_ARGUMENT, "report is NULL");
    desc.points = NULL;
    fails(isk_tradeoff(context, &desc, &report), ISK_ARGUMENT, "points is NULL");
    desc = whole_desc();
    desc.model_count = 1;
    desc.part = NULL;
    fails(isk_tradeoff(context, &desc, &report), ISK_ARGUMENT, "part is NULL");
    desc.part = part;
    desc.views[1].x.rows--;
    fails(isk_tradeoff(context, &desc, &report), ISK_SHAPE, "view 2 has 599 rows, view 1 has 600; rows must be the same samples");
    desc.views[1].x = matrix_of(view2, ROWS, VIEW2_COLS - 1);
    fails(isk_tradeoff(context, &desc, &report), ISK_SHAPE, "transform: view 2 has 3 columns");
    desc = whole_desc();
    desc.model_count = 1;
    memset(part, ISK_TRAIN, sizeof part);
    fails(isk_tradeoff(context, &desc, &report), ISK_DATA, "600 training rows and 0 validation rows");
    close_models();
    fit.method = ISK_CLIP;
    ok(isk_fit(context, &fit, &models[0]));
    fails(isk_tradeoff(context, &desc, &report), ISK_ARGUMENT, "method clip has no specific features");
    close_models();
    divide_rows();
}

static isk_status few_rows(isk_context *scarce, void *model) {
    isk_tradeoff_desc desc = whole_desc();
    isk_tradeoff_report report;
    isk_model *one = (isk_model *)model;
    desc.models = &one;
    desc.model_count = 1;
    desc.views[0].x.rows = desc.views[1].x.rows = 40;
    desc.labels = labels;
    return isk_tradeoff(scarce, &desc, &report);
}

static void no_memory_leaves_nothing_behind(void **state) {
    isk_context *scarce = scarce_context();
    isk_fit_desc fit = small_fit(scarce, ROWS, "epochs=1 shared_epochs=1 diagnoses=0");
    isk_model *model;
    (void)state;
    assert_int_equal(isk_fit(scarce, &fit, &model), ISK_OK);
    sweep_memory(scarce, few_rows, model);
    isk_model_close(model);
    isk_close(scarce);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knees),
        cmocka_unit_test(more_of_both),
        cmocka_unit_test(points_are_what_the_metrics_say),
        cmocka_unit_test(odd_models),
        cmocka_unit_test(bad_input_is_named),
        cmocka_unit_test(no_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests_name("tradeoff", tests, begin, end);
}
