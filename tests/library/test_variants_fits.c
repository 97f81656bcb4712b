/* Whole fits of the variants of the methods: NCE-CLUB, contrasts by concatenation, components of residuals, CoMM, reduced views.
   They learn what they should; the same bits whatever the threads and the interruptions, saved or not; what is refused, and how. */

#include "indiseek.h"
#include "tests/base/hostile.h"
#include "two_views.h"

enum { ROWS = 600, STEPS = 3, FEATURES = 2, COLS1 = 6, COLS2 = STEPS * FEATURES, TARGET_COLS = 2, COMMON = 2 };

#include "fits.h"

static isk_scalar data[2][ROWS * 6], target[ROWS * TARGET_COLS], common[ROWS * COMMON], kept_factor[ROWS], dropped_factor[ROWS];
static uint8_t there[2][ROWS], known[ROWS], split[ROWS];
static int32_t lengths[ROWS];
static int stop_after;                      /* rounds until the next fit is interrupted; 0: never */
static char stages_seen[200];               /* of progress, each once in a row */
static int records, bad_records;

static void on_progress(void *user, const isk_progress *progress) {
    size_t used = strlen(stages_seen), length = strlen(progress->stage);
    (void)user;
    if (used + length + 2 < sizeof stages_seen && (used < length || strcmp(stages_seen + used - length, progress->stage) != 0)) {
        snprintf(stages_seen + used, sizeof stages_seen - used, "%s%s", used ? " " : "", progress->stage);
    }
    if (stop_after > 0 && --stop_after == 0) { isk_interrupt(context); }
}

static isk_status any_member(void *user, const char *key, isk_json_kind kind, const char *value) {
    (void)user;
    (void)key;
    (void)kind;
    (void)value;
    return ISK_OK;
}

static void on_record(void *user, const char *json) {
    isk_context *reader = isk_open(NULL);   /* the one that trains is busy */
    (void)user;
    records++;
    if (isk_json_object(reader, "record", json, strlen(json), any_member, NULL) != ISK_OK) {
        if (bad_records++ == 0) { print_message("%s in %s\n", isk_error(reader), json); }
    }
    isk_close(reader);
}

/* Two factors that both views have; view 1 has two of its own, of which the target knows one; view 2 has one. */
static int open_context(void **state) {
    isk_context_desc desc = { .threads = 1, .progress = on_progress, .record = on_record };
    uint64_t seed = 21;
    int row, col;
    (void)state;
    context = isk_open(&desc);
    twice = isk_open(&(isk_context_desc){ .threads = 2 });
    for (row = 0; row < ROWS; row++) {
        double s[2] = { gaussian(&seed), gaussian(&seed) }, a = gaussian(&seed), b = gaussian(&seed), own = gaussian(&seed);
        const double first[COLS1] = { s[0], s[1], a, b, s[0] + a, s[1] - b };
        for (col = 0; col < COLS1; col++) { data[0][row * COLS1 + col] = (isk_scalar)(first[col] + 0.1 * gaussian(&seed)); }
        for (col = 0; col < COLS2; col++) {
            data[1][row * COLS2 + col] = (isk_scalar)(tanh(s[col % 2]) + (col < 2 ? own : 0) + 0.1 * gaussian(&seed));
        }
        target[row * 2] = (isk_scalar)(s[0] + 0.1 * gaussian(&seed));
        target[row * 2 + 1] = (isk_scalar)(a + 0.1 * gaussian(&seed));
        common[row * 2] = (isk_scalar)s[0];
        common[row * 2 + 1] = (isk_scalar)s[1];
        kept_factor[row] = (isk_scalar)a;
        dropped_factor[row] = (isk_scalar)b;
        lengths[row] = 1 + (int)(STEPS * uniform(&seed));
        there[0][row] = uniform(&seed) > 0.2;
        there[1][row] = uniform(&seed) > 0.2;
        known[row] = uniform(&seed) > 0.2;
        split[row] = (uint8_t)(row % 3 == 2 ? ISK_TEST : row % 9 == 4 ? ISK_VALIDATION : ISK_TRAIN);
    }
    return context && twice ? 0 : -1;
}

/* ---- fits -------------------------------------------------------------------------------------------------------------------------- */

enum { ABSENT = 1, SEQUENCE = 2, KNOWN = 4 };       /* rows that lack views; view 2 is a sequence; rows whose target is unknown */

static const char small[] = "batch=64 layers=3 width=16 dim=4 shared_dim=3 epochs=5 shared_epochs=5 residual_epochs=4 diagnoses=0 blocks=1 "
                            "token_width=8 feed_forward=8 tokens=3 fusion_heads=2 project_width=16 project_dim=8";

static isk_fit_desc pair(const isk_method *method, int what, const char *settings) {
    isk_fit_desc fit;
    memset(&fit, 0, sizeof fit);
    fit.method = method;
    fit.view_count = 2;
    fit.seed = 5;
    fit.split = split;
    fit.views[0].x = matrix_of(data[0], ROWS, COLS1);
    fit.views[1].x = matrix_of(data[1], ROWS, COLS2);
    if (what & ABSENT) { fit.views[0].present = there[0]; fit.views[1].present = there[1]; }
    if (what & SEQUENCE) { fit.views[1].steps = STEPS; fit.views[1].lengths = lengths; }
    if (what & KNOWN) { fit.target_present = known; }
    set_options(context, &fit.options, small);
    set_options(context, &fit.options, settings);
    if (fit.options.reduce == ISK_REDUCE_TARGET) { fit.target = matrix_of(target, ROWS, TARGET_COLS); }
    return fit;
}

/* An augmentation of the caller's; `user` says how it fails. */
typedef struct augmentation { int calls, fail_at; isk_scalar poison; char order[100]; } augmentation;

static isk_status augment(void *user, int view, int copy, isk_scalar *values, int64_t rows, int64_t cols) {
    augmentation *how = user;
    uint64_t seed = (uint64_t)(100 * view + copy);
    int64_t i;
    size_t used = strlen(how->order);
    snprintf(how->order + used, sizeof how->order - used, "%d%d ", view, copy);
    if (how->calls++ == how->fail_at) { return ISK_IO; }
    for (i = 0; i < rows * cols; i++) { values[i] += (isk_scalar)(0.3 * gaussian(&seed)); }
    if (how->poison != 0) { values[2 * cols + 1] = how->poison; }
    return ISK_OK;
}

static const struct { const isk_method *method; int what, copies; const char *settings; } cases[] = {
    { ISK_COMM, 0, 0, "" },
    { ISK_COMM, SEQUENCE | ABSENT, 0, "positions=learned norm=batch patience=2" },
    { ISK_COMM, SEQUENCE, 0, "reduce=augment pool=mean" },
    { ISK_RESIDUAL, 0, 0, "dim=5" },
    { ISK_RESIDUAL, SEQUENCE | ABSENT, 0, "dim=50" },
    { ISK_RESIDUAL, 0, 0, "reduce=target" },
    { ISK_INDISEEK, KNOWN | ABSENT, 0, "reduce=target critic=nce" },
    { ISK_INDISEEK, SEQUENCE | ABSENT, 0, "reduce=target critic=nce critic_inner=per_epoch critic_steps=1" },
    { ISK_CLIP, SEQUENCE, 0, "reduce=augment padding=seen pool=last_padded" },
    { ISK_INDISEEK, ABSENT, 4, "reduce=augment shared_keep=last" },
    { ISK_RESIDUAL_INDISEEK, 0, 8, "reduce=augment" },
    { ISK_FACTORIZEDCL, SEQUENCE, 0, "contrast=concat critic=nce" },
    { ISK_INFODISEN, ABSENT, 0, "contrast_sides=one contrast_temperature=learned standardize=none" },
};

static isk_fit_desc fit_of(int i, augmentation *how) {
    isk_fit_desc fit = pair(cases[i].method, cases[i].what, cases[i].settings);
    memset(how, 0, sizeof *how);
    how->fail_at = -1;
    if (cases[i].copies > 0) {
        fit.augment = augment;
        fit.augment_user = how;
        fit.augment_copies = cases[i].copies;
    }
    return fit;
}

/* ---- the same bits ----------------------------------------------------------------------------------------------- */

static void same_bits(void **state) {
    static features f, due;
    int i, seed;
    (void)state;
    for (i = 0; i < (int)COUNT(cases); i++) {
        const char *path = SCRATCH "/variants_model.safetensors";
        augmentation how;
        isk_fit_desc fit = fit_of(i, &how);
        isk_sweep_desc sweep;
        isk_model *one, *models[3] = { NULL, NULL, NULL }, *other;
        isk_status status = ISK_INTERRUPTED;
        char what[120];
        int stops;
        snprintf(what, sizeof what, "%s %s", isk_method_name(cases[i].method), cases[i].settings);
        memset(&sweep, 0, sizeof sweep);
        sweep.fit = fit;
        one = fitted(context, &fit);
        features_of(one, &fit, &due);
        sweep.seed_count = 3;               /* two threads, with company */
        sweep.fit.seed--;
        ok(isk_sweep(twice, &sweep, models));
        same_model(context, one, models[1], what);
        for (seed = 0; seed < 3; seed++) { isk_model_close(models[seed]); }

        sweep.fit = fit;
        sweep.seed_count = 0;
        sweep.fit.checkpoint = SCRATCH "/variants_checkpoint.safetensors";
        remove(sweep.fit.checkpoint);
        for (stops = 0; status == ISK_INTERRUPTED; stops++) {
            assert_true(stops < 60);
            stop_after = 2;
            status = isk_resume(context, &sweep, &other);
        }
        stop_after = 0;
        ok(status);
        assert_true(stops > 1);
        same_model(context, one, other, what);
        isk_model_close(other);
        remove(sweep.fit.checkpoint);

        ok(isk_save(one, path));
        ok(isk_load(twice, path, &other));
        features_of(other, &fit, &f);
        if (memcmp(&f, &due, sizeof f) != 0) { fail_msg("%s: features of the loaded model differ", what); }
        assert_int_equal(isk_model_cols(other, ISK_ROLE_FUSED, ISK_NONE), cases[i].method == ISK_COMM ? 8 : 0);
        assert_int_equal(isk_model_cols(other, ISK_ROLE_SHARED, 0), cases[i].method == ISK_COMM ? 0 : 3);
        assert_int_equal(isk_model_cols(other, ISK_ROLE_SPECIFIC, 0), isk_model_cols(one, ISK_ROLE_SPECIFIC, 0));
        assert_int_equal(isk_model_view_cols(other, 0), COLS1);
        assert_int_equal(isk_model_view_steps(other, 1), cases[i].what & SEQUENCE ? STEPS : 1);
        isk_model_close(other);
        isk_model_close(one);
        remove(path);
    }
}

/* Features of a row are those of the row, whatever else is in the call. */
static void a_row_is_a_row(void **state) {
    static features all, alone;
    int i, k, view, col;
    (void)state;
    for (i = 0; i < (int)COUNT(cases); i++) {
        augmentation how;
        isk_fit_desc fit = fit_of(i, &how), one = fit;
        isk_model *model = fitted(context, &fit);
        features_of(model, &fit, &all);
        for (k = 0; k < 6; k++) {
            static const int rows[6] = { 0, 1, 255, 256, 300, ROWS - 1 };
            int row = rows[k];
            for (view = 0; view < 2; view++) {
                int cols = view ? COLS2 : COLS1;
                one.views[view].x = matrix_of(data[view] + row * cols, 1, cols);
                if (fit.views[view].present) { one.views[view].present = there[view] + row; }
                if (fit.views[view].lengths) { one.views[view].lengths = lengths + row; }
            }
            features_of(model, &one, &alone);
            for (view = 0; view < 2; view++) {
                const struct { const isk_scalar *all, *alone; int cols; } parts[4] = {
                    { all.c[view], alone.c[view], isk_model_cols(model, ISK_ROLE_SHARED, view) },
                    { all.z[view], alone.z[view], isk_model_cols(model, ISK_ROLE_SPECIFIC, view) },
                    { all.g[view], alone.g[view], isk_model_cols(model, ISK_ROLE_RECONSTRUCTION, view) },
                    { all.fused, alone.fused, isk_model_cols(model, ISK_ROLE_FUSED, ISK_NONE) },
                };
                int p;
                for (p = 0; p < 4; p++) {
                    for (col = 0; col < parts[p].cols; col++) {
                        double a = (double)parts[p].all[row * parts[p].cols + col], b = (double)parts[p].alone[col];
                        if (a != a && b != b) { continue; }
                        if (!(fabs(a - b) <= 1e-6 * (1 + fabs(a)))) {
                            fail_msg("%s: row %d, part %d: %g and %g", cases[i].settings, row, p, a, b);
                        }
                    }
                }
            }
        }
        isk_model_close(model);
    }
}

/* ---- what is not there has no say -------------------------------------------------------------------------------- */

static void garbage_changes_nothing(void **state) {
    static const isk_scalar garbage[] = { 0, (isk_scalar)1e30, NAN, INFINITY };
    static isk_scalar copy[2][ROWS * 6], unknown[ROWS * TARGET_COLS];
    static features f, due;
    int i, g, row, view, col;
    (void)state;
    for (i = 0; i < (int)COUNT(cases); i++) {
        isk_model *first = NULL;
        if (!(cases[i].what & (ABSENT | KNOWN))) { continue; }
        for (g = 0; g < (int)COUNT(garbage); g++) {
            augmentation how;
            isk_fit_desc fit = fit_of(i, &how);
            isk_model *model;
            for (view = 0; view < 2; view++) {
                int cols = (int)fit.views[view].x.cols;
                for (row = 0; row < ROWS; row++) {
                    int missing = fit.views[view].present && !there[view][row];
                    int from = missing ? 0 : fit.views[view].lengths ? lengths[row] * FEATURES : cols;
                    for (col = 0; col < cols; col++) {
                        copy[view][row * cols + col] = col < from ? data[view][row * cols + col] : garbage[g];
                    }
                }
                fit.views[view].x.data = copy[view];
            }
            if (fit.target.data) {
                for (row = 0; row < ROWS * TARGET_COLS; row++) {
                    unknown[row] = fit.target_present && !known[row / TARGET_COLS] ? garbage[g] : target[row];
                }
                fit.target.data = unknown;
            }
            model = fitted(context, &fit);
            features_of(model, &fit, g ? &f : &due);
            if (g == 0) {
                first = model;
                continue;
            }
            if (memcmp(&f, &due, sizeof f) != 0) { fail_msg("%s, garbage %g: features differ", cases[i].settings, (double)garbage[g]); }
            same_model(context, first, model, cases[i].settings);
            isk_model_close(model);
        }
        isk_model_close(first);
    }
}

/* ---- what callers see -------------------------------------------------------------------------------------------- */

static int measured(const isk_report *report, const char *name, int view) {
    double value = isk_report_value(report, name, view);
    return value - value == 0;
}

static void records_and_progress(void **state) {
    static const char *const due[COUNT(cases)] = {
        "fused", "fused", "reduced fused", "shared mean spread", "shared mean spread", "reduced shared mean spread",
        "reduced shared specific",
        "reduced shared specific", "reduced shared", "reduced shared specific", "reduced shared mean spread specific", "shared specific",
        "shared specific",
    };
    int i;
    (void)state;
    for (i = 0; i < (int)COUNT(cases); i++) {
        augmentation how;
        isk_fit_desc fit = fit_of(i, &how);
        const isk_report *report;
        isk_model *model;
        stages_seen[0] = 0;
        records = bad_records = 0;
        model = fitted(context, &fit);
        report = isk_model_report(model);
        assert_string_equal(stages_seen, due[i]);
        assert_int_equal(bad_records, 0);
        assert_true(records >= 3);
        assert_int_equal(report->status, ISK_OK);
        assert_true(measured(report, "shared_loss", ISK_NONE) && measured(report, "shared_validation_loss", ISK_NONE));
        assert_int_equal(measured(report, "temperature", ISK_NONE), cases[i].method != ISK_COMM);
        assert_int_equal(measured(report, "club", 0), isk_model_cols(model, ISK_ROLE_SPECIFIC, 0) > 0 && cases[i].method != ISK_RESIDUAL &&
                                                      cases[i].method != ISK_INFODISEN);
        if (strstr(cases[i].settings, "critic=nce")) { assert_false(measured(report, "saturation", 0)); }
        isk_model_close(model);
    }
}

/* Copies are asked for in order, for every view; with 0 for their number, four. */
static void copies_in_order(void **state) {
    augmentation how = { 0, -1, 0, "" };
    isk_fit_desc fit = pair(ISK_CLIP, 0, "reduce=augment");
    isk_model *model;
    (void)state;
    fit.augment = augment;
    fit.augment_user = &how;
    model = fitted(context, &fit);
    assert_string_equal(how.order, "00 01 02 03 10 11 12 13 ");
    isk_model_close(model);
    how.order[0] = 0;
    fit.augment_copies = 2;
    model = fitted(context, &fit);
    assert_string_equal(how.order, "00 01 10 11 ");
    isk_model_close(model);
    how.order[0] = 0;
    fit.options.reduce = 0;                 /* nothing asks for copies */
    model = fitted(context, &fit);
    assert_string_equal(how.order, "");
    isk_model_close(model);
}

static void other_data_is_other_data(void **state) {
    static isk_scalar other[ROWS * TARGET_COLS];
    static uint8_t changed[ROWS];
    int what;
    (void)state;
    for (what = 0; what < 4; what++) {
        augmentation how = { 0, -1, 0, "" };
        isk_sweep_desc sweep;
        isk_model *model;
        memset(&sweep, 0, sizeof sweep);
        sweep.fit = pair(ISK_CLIP, KNOWN, what < 3 ? "reduce=target" : "reduce=augment");
        sweep.fit.checkpoint = SCRATCH "/variants_other.safetensors";
        if (what == 3) {
            sweep.fit.augment = augment;
            sweep.fit.augment_user = &how;
        } else {
            memcpy(other, target, sizeof other);
            memcpy(changed, known, sizeof changed);
            sweep.fit.target.data = other;
            sweep.fit.target_present = changed;
        }
        remove(sweep.fit.checkpoint);
        stop_after = 2;
        assert_int_equal(isk_resume(context, &sweep, &model), ISK_INTERRUPTED);
        stop_after = 0;
        if (what == 0) { other[2 * 7] += changed[7] ? 1 : 0; other[2 * 8] += 1; changed[8] = 1; }
        if (what == 1) { changed[3] ^= 1; }
        if (what == 2) { sweep.fit.target_present = NULL; }
        if (what == 3) { how.poison = 3; }
        assert_int_equal(isk_resume(context, &sweep, &model), ISK_MISMATCH);
        remove(sweep.fit.checkpoint);
    }
}

/* ---- what fits learn --------------------------------------------------------------------------------------------- */

/* R^2 on the test rows of columns y from x, by a ridge or by a small network. */
static double explained(const isk_scalar *x, int x_cols, const isk_scalar *y, int y_cols, int network) {
    isk_regression_desc regression;
    double r2;
    memset(&regression, 0, sizeof regression);
    regression.x = matrix_of(x, ROWS, x_cols);
    regression.y = matrix_of(y, ROWS, y_cols);
    regression.part = split;
    ok((network ? isk_mlp_r2 : isk_ridge_r2)(context, &regression, &r2));
    return r2;
}

static const char thorough[] = "shared_epochs=40 epochs=40 residual_epochs=40 width=32 rate=0.003 shared_rate=0.003 critic_rate=0.003 ";

static isk_model *learned(const isk_method *method, const char *settings, features *out) {
    char all[300];
    isk_fit_desc fit;
    isk_model *model;
    snprintf(all, sizeof all, "%s%s", thorough, settings);
    fit = pair(method, 0, all);
    model = fitted(context, &fit);
    features_of(model, &fit, out);
    return model;
}

/* How much of C2 the specific features of view 1 tell; and how much of view 1 they and C1 tell. */
static double leakage(const isk_method *method, const char *settings, double *complete) {
    static features f;
    static isk_scalar both[ROWS * MOST];
    isk_model *model = learned(method, settings, &f);
    int z = isk_model_cols(model, ISK_ROLE_SPECIFIC, 0), c = isk_model_cols(model, ISK_ROLE_SHARED, 0), row;
    double leaked = explained(f.z[0], z, f.c[1], c, 1);
    for (row = 0; row < ROWS; row++) {
        memcpy(both + row * (z + c), f.z[0] + row * z, (size_t)z * sizeof *both);
        memcpy(both + row * (z + c) + z, f.c[0] + row * c, (size_t)c * sizeof *both);
    }
    *complete = explained(both, z + c, data[0], COLS1, 1);
    isk_model_close(model);
    return leaked;
}

static void other_critics_and_residuals_leak_less(void **state) {
    double complete[4], coded = leakage(ISK_INDISEEK, "lambda=1e6", &complete[0]),
        gaussian_critic = leakage(ISK_INDISEEK, "lambda=10", &complete[1]);
    double nce = leakage(ISK_INDISEEK, "lambda=10 critic=nce", &complete[2]), components = leakage(ISK_RESIDUAL, "", &complete[3]);
    (void)state;
    print_message("# leakage: autoencoder %.3f, gaussian critic %.3f, nce %.3f, residual %.3f\n", coded, gaussian_critic, nce, components);
    print_message("# completeness: %.3f, %.3f, %.3f, %.3f\n", complete[0], complete[1], complete[2], complete[3]);
    assert_true(coded > 0.3);
    assert_true(nce < 0.6 * coded);
    assert_true(components < 0.5 * coded);
    assert_true(complete[2] > 0.7 && complete[3] > 0.7);
}

static void fused_features_hold_what_is_shared(void **state) {
    static features f;
    isk_model *model = learned(ISK_COMM, "fusion_tau=0.2", &f);
    double shared = explained(f.fused, isk_model_cols(model, ISK_ROLE_FUSED, ISK_NONE), common, COMMON, 0);
    (void)state;
    print_message("# common factors from fused features: R^2 %.3f\n", shared);
    assert_true(shared > 0.6);
    isk_model_close(model);
}

/* What the target does not have is gone from the features, what it has is not. */
static void a_reduction_drops_what_the_target_lacks(void **state) {
    static features f;
    static isk_scalar both[ROWS * MOST];
    double kept[2], dropped[2];
    int reduced, row;
    (void)state;
    for (reduced = 0; reduced < 2; reduced++) {
        isk_model *model = learned(ISK_INDISEEK, reduced ? "reduce=target" : "", &f);
        for (row = 0; row < ROWS; row++) {
            memcpy(both + row * 7, f.z[0] + row * 4, 4 * sizeof *both);
            memcpy(both + row * 7 + 4, f.c[0] + row * 3, 3 * sizeof *both);
        }
        kept[reduced] = explained(both, 7, kept_factor, 1, 1);
        dropped[reduced] = explained(both, 7, dropped_factor, 1, 1);
        isk_model_close(model);
    }
    print_message("# factor of the target: R^2 %.3f, reduced %.3f; factor of view 1 alone: %.3f, reduced %.3f\n", kept[0], kept[1],
                  dropped[0], dropped[1]);
    assert_true(kept[0] > 0.7 && dropped[0] > 0.7);
    assert_true(kept[1] > 0.6 && dropped[1] < 0.3);
}

/* ---- what is refused --------------------------------------------------------------------------------------------- */

static void refuse(const isk_fit_desc *fit, isk_status due, const char *sentence) {
    isk_model *model = (isk_model *)1;
    expect(context, isk_fit(context, fit, &model), due, sentence);
    assert_null(model);
}

static void bad_input_is_named(void **state) {
    static isk_scalar other[ROWS * TARGET_COLS];
    static const int wrong[] = { -2, -1, 1, 3, 7, 9, 10 };
    augmentation how = { 0, -1, 0, "" };
    isk_fit_desc fit;
    char due[200];
    int i;
    (void)state;
    fit = pair(ISK_INDISEEK, 0, "");
    fit.options.reduce = ISK_REDUCE_TARGET;
    refuse(&fit, ISK_ARGUMENT, "reduce=target needs a target: set desc->target");
    fit = pair(ISK_INDISEEK, 0, "reduce=target");
    fit.target.rows--;
    refuse(&fit, ISK_SHAPE, "target 1 has 599 rows, view 1 has 600; rows must be the same samples");
    fit.target.rows++;
    fit.target.cols = 0;
    refuse(&fit, ISK_SHAPE, "target 1 is empty: 600 x 0");
    memcpy(other, target, sizeof other);
    other[7] = NAN;
    fit.target = matrix_of(other, ROWS, TARGET_COLS);
    refuse(&fit, ISK_DATA, "target 1: row 4, column 2 is not a number; remove or impute it");
    other[7] = INFINITY;
    refuse(&fit, ISK_DATA, "target 1: row 4, column 2 is infinite; remove or impute it");
    fit = pair(ISK_INDISEEK, 0, "reduce=target");
    fit.views[0].given = fit.views[1].given = matrix_of(common, ROWS, COMMON);
    refuse(&fit, ISK_ARGUMENT, "reduce changes the views that the given shared features belong to; learn them instead");
    for (i = 0; i < (int)COUNT(wrong); i++) {
        fit = pair(ISK_INDISEEK, 0, "reduce=augment");
        fit.augment = augment;
        fit.augment_user = &how;
        fit.augment_copies = wrong[i];
        snprintf(due, sizeof due, "augment_copies is %d; it must be 2, 4, 6 or 8", wrong[i]);
        refuse(&fit, ISK_ARGUMENT, due);
    }
    fit.augment_copies = 2;
    how.fail_at = 3;
    how.calls = 0;
    refuse(&fit, ISK_IO, "augment failed for view 2, copy 1");
    how.fail_at = -1;
    how.poison = NAN;
    refuse(&fit, ISK_DATA, "augmented view 1: row 3, column 2 is not a number; remove or impute it");
    how.poison = -INFINITY;
    refuse(&fit, ISK_DATA, "augmented view 1: row 3, column 2 is infinite; remove or impute it");

    fit = pair(ISK_COMM, 0, "fusion_heads=3");
    refuse(&fit, ISK_ARGUMENT, "token_width is 8, which 3 fusion_heads do not divide");
    fit = pair(ISK_COMM, SEQUENCE, "heads=5");
    refuse(&fit, ISK_ARGUMENT, "token_width is 8, which 5 heads do not divide");
    fit = pair(ISK_COMM, 0, "heads=5");             /* there is no sequence */
    isk_model_close(fitted(context, &fit));
    fit = pair(ISK_CLIP, 0, "fusion_heads=3");      /* nothing is fused */
    isk_model_close(fitted(context, &fit));
    fit = pair(ISK_COMM, 0, "");
    fit.views[0].given = fit.views[1].given = matrix_of(common, ROWS, COMMON);
    refuse(&fit, ISK_ARGUMENT, "method comm has no use for given shared features");
    fit.view_count = 1;
    refuse(&fit, ISK_ARGUMENT, "method comm has no use for given shared features");
    memset(&fit.views[0].given, 0, sizeof fit.views[0].given);
    refuse(&fit, ISK_ARGUMENT, "view_count is 1; it must be from 2 to 4");
    fit = pair(ISK_RESIDUAL, 0, "");
    fit.views[0].given = fit.views[1].given = matrix_of(common, ROWS, COMMON);
    refuse(&fit, ISK_ARGUMENT, "method residual works on what its own C_i leaves of X_i, so it takes no given shared features");
    fit = pair(ISK_RESIDUAL, SEQUENCE, "decode=pooled");
    refuse(&fit, ISK_ARGUMENT, "method residual gives back X2 from its residuals, step by step; choose decode flat");
    fit = pair(ISK_INFODISEN, 0, "ortho=cos");
    refuse(&fit, ISK_ARGUMENT, "ortho cos and cos2 compare Z1 with C coordinate by coordinate, but dim is 4 and C has 3; make them equal, "
                               "or choose frob");
    fit = pair(ISK_INFODISEN, 0, "ortho=cos2 dim=2");
    fit.views[0].given = matrix_of(common, ROWS, 2);
    fit.views[1].given = matrix_of(common, ROWS, 1);
    refuse(&fit, ISK_ARGUMENT, "ortho cos and cos2 compare Z2 with C coordinate by coordinate, but dim is 2 and C has 1; make them equal, "
                               "or choose frob");
}

static void transform_refuses(void **state) {
    static features f;
    static isk_scalar wide[ROWS * 7];
    isk_fit_desc fit = pair(ISK_COMM, 0, "epochs=1");
    isk_model *model = fitted(context, &fit);
    isk_transform_desc desc = asked(model, &fit, &f);
    (void)state;
    ask(&desc, ISK_ROLE_SHARED, 0, f.c[0]);
    expect(context, isk_transform(model, &desc), ISK_ARGUMENT,
           "transform: this model of method comm has no output 'shared1'; it has fused");
    desc = asked(model, &fit, &f);
    ask(&desc, ISK_ROLE_SPECIFIC, 1, f.z[0]);
    expect(context, isk_transform(model, &desc), ISK_ARGUMENT,
           "transform: this model of method comm has no output 'specific2'; it has fused");
    desc = asked(model, &fit, &f);
    desc.views[1].x.data = NULL;
    expect(context, isk_transform(model, &desc), ISK_ARGUMENT,
           "transform: fused is asked for without the data of view 2; rows without a view are marked by `present`");
    desc = asked(model, &fit, &f);
    ask(&desc, ISK_ROLE_FUSED, ISK_NONE, NULL);
    expect(context, isk_transform(model, &desc), ISK_ARGUMENT, "transform: no output is asked for; set desc->out");
    desc = asked(model, &fit, &f);
    desc.views[1].x.rows--;
    expect(context, isk_transform(model, &desc), ISK_SHAPE,
           "transform: view 2 has 599 rows, view 1 has 600; rows must be the same samples");
    isk_model_close(model);
    fit = pair(ISK_RESIDUAL, 0, "epochs=1 shared_epochs=1 residual_epochs=1");
    model = fitted(context, &fit);
    desc = asked(model, &fit, &f);
    ask(&desc, ISK_ROLE_FUSED, ISK_NONE, f.fused);
    expect(context, isk_transform(model, &desc), ISK_ARGUMENT, "transform: this model of method residual has no output 'fused'; it has "
           "shared1, specific1, shared2 and specific2");
    desc = asked(model, &fit, &f);
    ask(&desc, ISK_ROLE_RECONSTRUCTION, 0, f.g[0]);
    expect(context, isk_transform(model, &desc), ISK_ARGUMENT, "transform: this model of method residual has no output "
           "'reconstruction1'; it has shared1, specific1, shared2 and specific2");
    isk_model_close(model);
    fit = pair(ISK_INDISEEK, 0, "epochs=1 shared_epochs=1 reduce=target");
    model = fitted(context, &fit);
    desc = asked(model, &fit, &f);
    desc.views[0].x = matrix_of(wide, ROWS, 7);     /* the view's own columns, not those of its reduction */
    expect(context, isk_transform(model, &desc), ISK_SHAPE, "transform: view 1 has 7 columns; the model was trained on 6");
    desc.views[0].x = matrix_of(wide, ROWS, 3);
    expect(context, isk_transform(model, &desc), ISK_SHAPE, "transform: view 1 has 3 columns; the model was trained on 6");
    isk_model_close(model);
}

/* ---- odd sizes, and memory that runs out ------------------------------------------------------------------------- */

static void odd_sizes(void **state) {
    static features f;
    static uint8_t few[ROWS];
    int i, rows, row;
    (void)state;
    for (i = 0; i < (int)COUNT(cases); i++) {
        for (rows = 2; rows <= 9; rows += rows == 2 ? 1 : 6) {
            augmentation how;
            isk_fit_desc fit = fit_of(i, &how);
            isk_model *model;
            fit.split = NULL;
            fit.views[0].present = fit.views[1].present = fit.target_present = NULL;
            for (row = 0; row < 2; row++) { fit.views[row].x.rows = rows; }
            if (fit.target.data) { fit.target.rows = rows; }
            model = fitted(context, &fit);
            features_of(model, &fit, &f);
            isk_model_close(model);
        }
    }
    /* a target that no row, or one row, has: nothing is learned of it, and nothing is not finite */
    for (i = 0; i < 2; i++) {
        isk_fit_desc fit = pair(ISK_INDISEEK, 0, "reduce=target");
        isk_model *model;
        memset(few, 0, sizeof few);
        few[1] = (uint8_t)i;
        fit.target_present = few;
        model = fitted(context, &fit);
        features_of(model, &fit, &f);
        for (row = 0; row < ROWS * 4; row++) { assert_true(f.z[0][row] == f.z[0][row]); }
        isk_model_close(model);
    }
    {                                       /* constant views have no residuals to speak of */
        static isk_scalar constant[ROWS * 6];
        isk_fit_desc fit = pair(ISK_RESIDUAL, 0, "");
        isk_model *model;
        for (row = 0; row < ROWS * 6; row++) { constant[row] = 1; }
        fit.views[0].x.data = constant;
        model = fitted(context, &fit);
        features_of(model, &fit, &f);
        for (row = 0; row < ROWS * 4; row++) { assert_true(f.z[0][row] - f.z[0][row] == 0); }
        isk_model_close(model);
    }
}

/* Losses that are finite to the last, and residuals beyond all numbers: the last stage, which has no loss, says so, not "x holds ...". */
static void a_stage_without_loss_diverges(void **state) {
    isk_fit_desc fit = pair(ISK_RESIDUAL, 0, "rate=1000 shared_rate=1000");
    isk_model *model = NULL;
    (void)state;
    assert_int_equal(isk_fit(context, &fit, &model), ISK_DIVERGED);
    assert_non_null(model);
    assert_int_equal(isk_model_report(model)->status, ISK_DIVERGED);
    assert_string_equal(isk_model_report(model)->message, "diverged before stage components1: what it begins with is not finite");
    isk_model_close(model);
}

static isk_status one_life(isk_context *scarce, void *argument) {
    static features f;
    const isk_fit_desc *fit = argument;
    isk_transform_desc desc;
    isk_model *model = NULL;
    isk_status status = isk_fit(scarce, fit, &model);
    if (status != ISK_OK) {
        assert_null(model);
        return status;
    }
    desc = asked(model, fit, &f);
    status = isk_transform(model, &desc);
    isk_model_close(model);
    return status;
}

static void memory_that_runs_out(void **state) {
    static const int which[] = { 1, 4, 6, 9 };
    isk_context *scarce = scarce_context();
    size_t k;
    (void)state;
    for (k = 0; k < COUNT(which); k++) {
        augmentation how;
        isk_fit_desc fit = fit_of(which[k], &how);
        set_options(context, &fit.options, "epochs=1 shared_epochs=1 residual_epochs=1 width=4");
        fit.views[0].x.rows = fit.views[1].x.rows = 24;
        fit.target.rows = fit.target.data ? 24 : 0;
        sweep_memory(scarce, one_life, &fit);
    }
    isk_close(scarce);
    assert_int_equal(supply.live, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits),
        cmocka_unit_test(a_row_is_a_row),
        cmocka_unit_test(garbage_changes_nothing),
        cmocka_unit_test(records_and_progress),
        cmocka_unit_test(copies_in_order),
        cmocka_unit_test(other_data_is_other_data),
        cmocka_unit_test(other_critics_and_residuals_leak_less),
        cmocka_unit_test(a_stage_without_loss_diverges),
        cmocka_unit_test(fused_features_hold_what_is_shared),
        cmocka_unit_test(a_reduction_drops_what_the_target_lacks),
        cmocka_unit_test(bad_input_is_named),
        cmocka_unit_test(transform_refuses),
        cmocka_unit_test(odd_sizes),
        cmocka_unit_test(memory_that_runs_out),
    };
    return cmocka_run_group_tests_name("variants_fits", tests, open_context, close_context);
}
