/* A method of a user's own, own_method.h, is trained, swept, stopped early, resumed, saved, loaded and transformed like the library's;
   its options, extra data, check, numbers and warning; what a description may not be; options that a method has no use for. */

#include "indiseek.h"
#include "tests/base/hostile.h"
#include "changed.h"
#include "own_method.h"
#include "two_views.h"

enum { ROWS = 135, DIM = 4, MOST = ROWS * VIEW1_COLS };

static isk_context *context;                /* one thread, knows no coder */
static int stop_after;                      /* rounds until the next fit is interrupted; 0: never */
static char warnings[4000], stages[200];
static isk_scalar weights[ROWS];

static void on_log(void *user, isk_level level, const char *message) {
    size_t used = strlen(warnings);
    (void)user;
    if (level == ISK_WARNING) { snprintf(warnings + used, sizeof warnings - used, "%s\n", message); }
}

static void on_progress(void *user, const isk_progress *progress) {
    isk_context **owner = user;
    if (!strstr(stages, progress->stage)) { snprintf(stages + strlen(stages), sizeof stages - strlen(stages), "%s ", progress->stage); }
    if (stop_after > 0 && --stop_after == 0) { isk_interrupt(*owner); }
}

static isk_context *opened(int threads, isk_context **owner) {
    isk_context_desc desc = { .threads = threads, .device = ISK_DEVICE_CPU, .log = on_log, .progress = on_progress, .user = owner };
    return *owner = isk_open(&desc);
}

static int begin(void **state) {
    int i;
    (void)state;
    make_views(4);
    for (i = 0; i < ROWS; i++) { weights[i] = (isk_scalar)(0.5 + i % 3); }
    stop_after = 0;
    warnings[0] = stages[0] = 0;
    return opened(1, &context) ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    isk_close(context);
    return 0;
}

static void ok(isk_status status) {
    if (status != ISK_OK) { fail_msg("%s", isk_error(context)); }
}

static void set_own(isk_options *options, const char *name, const char *value) {
    ok(isk_option_set(context, &coder, options, name, value));
}

/* Both views, with covariates and weights. */
static isk_fit_desc coder_fit(const char *settings) {
    isk_fit_desc fit = small_fit(context, ROWS, "");
    fit.method = &coder;
    memset(&fit.options, 0, sizeof fit.options);            /* nothing that it has no use for */
    set_options(context, &fit.options, "batch=32 layers=3 width=12 dim=4 epochs=5");
    set_options(context, &fit.options, settings);
    fit.extras[0].name = "covariates";
    fit.extras[0].values = matrix_of(given1, ROWS, GIVEN_COLS);
    fit.extras[1].name = "weights";
    fit.extras[1].values = matrix_of(weights, ROWS, 1);
    return fit;
}

static isk_model *fitted(const isk_fit_desc *fit) {
    isk_model *model;
    ok(isk_fit(context, fit, &model));
    return model;
}

typedef struct features { isk_scalar z[2][MOST], length[2][ROWS], rebuilt[2][MOST]; } features;

static isk_transform_desc asked(const isk_model *model, features *out) {
    isk_transform_desc desc;
    int view;
    memset(&desc, 0, sizeof desc);
    memset(out, 0, sizeof *out);
    for (view = 0; view < isk_model_views(model); view++) {
        desc.views[view].x = matrix_of(view ? view2 : view1, ROWS, view ? VIEW2_COLS : VIEW1_COLS);
        ask(&desc, ISK_ROLE_SPECIFIC, view, out->z[view]);
        ask(&desc, ISK_ROLE_RECONSTRUCTION, view, out->rebuilt[view]);
        desc.out[4 + view].name = view ? "length2" : "length1";
        desc.out[4 + view].values = out->length[view];
    }
    if (isk_model_views(model) == 1) { desc.out[2] = desc.out[4]; }         /* a list ends where a name is NULL */
    desc.extras[0].name = "covariates";
    desc.extras[0].values = matrix_of(given1, ROWS, GIVEN_COLS);
    return desc;
}

static void features_of(const isk_model *model, features *out) {
    isk_transform_desc desc = asked(model, out);
    ok(isk_transform(model, &desc));
}

/* ---- trained like the library's ---------------------------------------------------------------------------------- */

static void fits_learn(void **state) {
    static features f;
    isk_fit_desc fit = coder_fit("epochs=60 rate=0.01 validation=0.2");
    isk_model *model = fitted(&fit);
    const isk_report *report = isk_model_report(model);
    int view, i, j;
    (void)state;
    features_of(model, &f);
    assert_string_equal(stages, "coder ");
    assert_int_equal(report->number_count, 4 * 2);
    for (view = 0; view < 2; view++) {
        const isk_output_info *info = isk_model_output(model, 3 * view + 1);
        int cols = view ? VIEW2_COLS : VIEW1_COLS;
        double left = 0, power = 0;
        assert_true(isk_report_value(report, "epochs", view) == 60 && isk_report_value(report, "left", view) < 0.4);
        assert_true(isk_report_value(report, "held_out", view) > 0 && isk_report_value(report, "r2", view) > 0.4);
        assert_int_equal(isk_model_cols(model, ISK_ROLE_SPECIFIC, view), DIM);
        assert_int_equal(isk_model_cols(model, ISK_ROLE_RECONSTRUCTION, view), cols);
        assert_string_equal(info->name, view ? "length2" : "length1");
        assert_true(info->role == ISK_ROLE_OTHER && info->view == view && info->cols == 1);
        for (i = 0; i < ROWS; i++) {
            double square = 0;
            for (j = 0; j < DIM; j++) {
                double z = (double)f.z[view][i * DIM + j];
                assert_true(fabs(z) <= 1);              /* bound is tanh */
                square += z * z;
            }
            assert_true(fabs(sqrt(square) - (double)f.length[view][i]) < 1e-5);
            for (j = 0; j < cols; j++) {
                double x = (double)(view ? view2 : view1)[i * cols + j], g = (double)f.rebuilt[view][i * cols + j];
                left += (x - g) * (x - g);
                power += x * x;
            }
        }
        assert_true(left / power < 0.4);
    }
    assert_int_equal(isk_model_output_count(model), 6);
    assert_string_equal(warnings, "");
    isk_model_close(model);
}

/* One view, which least_views allows; rows that lack a view; a sequence; without the weights, which need not be. */
static void other_data(void **state) {
    static uint8_t there[ROWS];
    static features f;
    int what, i;
    (void)state;
    for (i = 0; i < ROWS; i++) { there[i] = i % 5 > 0; }
    for (what = 0; what < 4; what++) {
        isk_fit_desc fit = coder_fit("token_width=8 feed_forward=8");
        isk_transform_desc desc;
        isk_model *model;
        if (what == 0) { fit.view_count = 1; }
        if (what == 1) { fit.views[1].present = there; }
        if (what == 2) { fit.views[0].steps = 3; }
        if (what == 3) { memset(&fit.extras[1], 0, sizeof fit.extras[1]); }
        model = fitted(&fit);
        desc = asked(model, &f);
        desc.views[1].present = what == 1 ? there : NULL;
        ok(isk_transform(model, &desc));
        assert_int_equal(isk_model_views(model), what == 0 ? 1 : 2);
        assert_int_equal(isk_model_view_steps(model, 0), what == 2 ? 3 : 1);
        for (i = 0; i < ROWS * DIM; i++) { assert_int_equal(f.z[1][i] == f.z[1][i], what != 1 || there[i / DIM]); }
        isk_model_close(model);
    }
}

/* Weights matter in training, and nowhere else. */
static void extras_are_seen(void **state) {
    static features f, g;
    isk_fit_desc fit = coder_fit(""), other = fit;
    isk_model *model = fitted(&fit), *unweighted, *told;
    isk_transform_desc desc;
    (void)state;
    features_of(model, &f);
    memset(&other.extras[1], 0, sizeof other.extras[1]);
    unweighted = fitted(&other);
    features_of(unweighted, &g);
    assert_memory_not_equal(f.z, g.z, sizeof f.z);
    desc = asked(model, &g);
    desc.extras[0].values = matrix_of(given2, ROWS, GIVEN_COLS);
    ok(isk_transform(model, &desc));
    assert_memory_equal(f.z, g.z, sizeof f.z);              /* the code is of X alone */
    assert_memory_not_equal(f.rebuilt, g.rebuilt, sizeof f.rebuilt);
    other = fit;                            /* in another order */
    other.extras[0] = fit.extras[1];
    other.extras[1] = fit.extras[0];
    told = fitted(&other);
    features_of(told, &g);
    assert_memory_equal(&f, &g, sizeof f);
    isk_model_close(model);
    isk_model_close(unweighted);
    isk_model_close(told);
}

static void threads_and_company_leave_no_trace(void **state) {
    isk_fit_desc fit = coder_fit("dropout=0.2 norm=batch");
    isk_model *one, *many[4];
    isk_context *several;
    isk_sweep_desc sweep;
    static const double rates[] = { 1e-3, 5e-3 };
    int i;
    (void)state;
    set_own(&fit.options, "rounds", "3");
    one = fitted(&fit);
    assert_non_null(opened(3, &several));
    memset(&sweep, 0, sizeof sweep);
    sweep.fit = fit;
    sweep.fit.seed--;
    sweep.seed_count = 2;
    sweep.rates = rates;
    sweep.rate_count = 2;
    if (isk_sweep(several, &sweep, many) != ISK_OK) { fail_msg("%s", isk_error(several)); }
    same_model(context, one, many[1], "sweep");             /* rate 0.001, seed 7 */
    for (i = 0; i < 4; i++) { isk_model_close(many[i]); }
    isk_model_close(one);
    isk_close(several);
}

/* `watch` is the error, of held-out rows. */
static void stops_early(void **state) {
    isk_fit_desc fit = coder_fit("schedule=constant epochs=200 patience=3 rate=0.03 validation=0.3"), again;
    isk_model *model = fitted(&fit), *short_run;
    const isk_report *report = isk_model_report(model);
    int view;
    (void)state;
    for (view = 0; view < 2; view++) {
        static features f, g;
        double epochs = isk_report_value(report, "epochs", view);
        assert_true(epochs > 3 && epochs < 200);
        again = fit;
        again.options.patience = 0;
        again.options.epochs = (int)epochs - 3;             /* the best one */
        short_run = fitted(&again);
        features_of(model, &f);
        features_of(short_run, &g);
        assert_memory_equal(f.z[view], g.z[view], sizeof f.z[view]);
        assert_true(isk_report_value(report, "held_out", view) == isk_report_value(isk_model_report(short_run), "held_out", view));
        assert_true(isk_report_value(report, "r2", view) == isk_report_value(isk_model_report(short_run), "r2", view));
        isk_model_close(short_run);
    }
    isk_model_close(model);
}

static void resumed_as_never_stopped(void **state) {
    isk_fit_desc fit = coder_fit("epochs=9 dropout=0.1 patience=4");
    isk_sweep_desc sweep;
    isk_model *whole, *model;
    isk_status status = ISK_INTERRUPTED;
    int stops;
    (void)state;
    set_own(&fit.options, "rounds", "2");
    whole = fitted(&fit);
    memset(&sweep, 0, sizeof sweep);
    sweep.fit = fit;
    sweep.fit.checkpoint = scratch("own.checkpoint");
    remove(sweep.fit.checkpoint);
    for (stops = 0; status == ISK_INTERRUPTED; stops++) {
        assert_true(stops < 20);
        stop_after = 2;
        status = isk_resume(context, &sweep, &model);
    }
    stop_after = 0;
    ok(status);
    assert_true(stops > 2);
    same_model(context, whole, model, "interrupted and resumed");
    isk_model_close(model);
    isk_model_close(whole);
    remove(sweep.fit.checkpoint);
}

/* ---- numbers that a stage without epochs leaves ---- */

static isk_status count_rows(isk_settling *settling, int view) {
    static const char *const names[] = { "trained", "held_out_rows", "other_rows" };
    isk_status status = isk_settling_number(settling, "seed", ISK_NONE, -1);
    int part, i;
    assert_int_equal(view, -1);
    for (view = 0; view < 2; view++) {
        uint8_t parts[ROWS];
        int64_t trained = isk_settling_rows(settling, view, parts);
        for (part = 0; part < 3; part++) {
            int count = 0;
            for (i = 0; i < ROWS; i++) { count += parts[i] == part; }
            if (part == ISK_TRAIN) { assert_int_equal(count, trained); }
            if (status == ISK_OK) { status = isk_settling_number(settling, names[part], view, count); }
        }
    }
    return status == ISK_OK ? isk_settling_number(settling, "seed", ISK_NONE, (double)isk_settling_seed(settling)) : status;
}

static isk_status counted_record(isk_recorder *r) {
    isk_stage_desc stage;
    memset(&stage, 0, sizeof stage);
    stage.name = "count";
    stage.settle = count_rows;
    isk_stage_add(r, &stage);
    return coder_record(r);
}

static const isk_number_info counted_numbers[] = {
    { "trained", "rows", 0, ISK_NUMBER_SETTLED, "count", NULL }, { "held_out_rows", NULL, 0, ISK_NUMBER_SETTLED, "count", NULL },
    { "other_rows", NULL, 0, ISK_NUMBER_SETTLED, "count", NULL }, { "seed", NULL, 1, ISK_NUMBER_SETTLED, "count", NULL },
    { "never_left", NULL, 1, ISK_NUMBER_SETTLED, "count", NULL }, { "epochs", NULL, 0, ISK_NUMBER_EPOCHS, "coder", NULL },
    { NULL, NULL, 0, ISK_NUMBER_TRAINED, NULL, NULL }
};

/* In the report: each that was left, of its view or of the whole model, the last of a name; the same of several models together, and
   of a run that was interrupted after the stage. */
static void settled_numbers(void **state) {
    isk_sweep_desc sweep;
    isk_model *models[2];
    isk_status status = ISK_INTERRUPTED;
    uint8_t present[ROWS], split[ROWS];
    isk_method counted = coder;
    int i, stops;
    (void)state;
    counted.name = "counted";
    counted.record = counted_record;
    counted.numbers = counted_numbers;
    memset(&sweep, 0, sizeof sweep);
    sweep.fit = coder_fit("epochs=4");
    sweep.fit.method = &counted;
    sweep.seed_count = 2;
    for (i = 0; i < ROWS; i++) {
        present[i] = i % 3 != 0;
        split[i] = (uint8_t)(i < 90 ? ISK_TRAIN : i < 120 ? ISK_VALIDATION : ISK_TEST);
    }
    sweep.fit.views[1].present = present;
    sweep.fit.split = split;
    sweep.fit.checkpoint = scratch("counted.checkpoint");
    remove(sweep.fit.checkpoint);
    for (stops = 0; status == ISK_INTERRUPTED; stops++) {
        assert_true(stops < 20);
        stop_after = 2;
        status = isk_resume(context, &sweep, models);
    }
    stop_after = 0;
    ok(status);
    assert_true(stops > 2);
    for (i = 0; i < 2; i++) {
        const isk_report *report = isk_model_report(models[i]);
        assert_int_equal(report->number_count, 2 * 3 + 1 + 2);
        assert_true(isk_report_value(report, "trained", 0) == 90 && isk_report_value(report, "held_out_rows", 0) == 30);
        assert_true(isk_report_value(report, "trained", 1) == 60 && isk_report_value(report, "held_out_rows", 1) == 20);
        assert_true(isk_report_value(report, "other_rows", 1) == ROWS - 80 && isnan(isk_report_value(report, "trained", ISK_NONE)));
        assert_true(isk_report_value(report, "seed", ISK_NONE) == (double)sweep.fit.seed + i);
        assert_true(isnan(isk_report_value(report, "never_left", ISK_NONE)) && isk_report_value(report, "epochs", 1) == 4);
        assert_string_equal(report->numbers[0].words, "rows");
        isk_model_close(models[i]);
    }
    remove(sweep.fit.checkpoint);
}

/* Its checkpoint knows its options and its extra data. */
static void resuming_with_something_else(void **state) {
    isk_fit_desc fit = coder_fit("");
    isk_sweep_desc sweep, other;
    isk_model *model;
    char due[300];
    (void)state;
    memset(&sweep, 0, sizeof sweep);
    sweep.fit = fit;
    sweep.fit.checkpoint = scratch("own_other.checkpoint");
    remove(sweep.fit.checkpoint);
    stop_after = 2;
    assert_int_equal(isk_resume(context, &sweep, &model), ISK_INTERRUPTED);
    other = sweep;
    set_own(&other.fit.options, "shrink", "0.5");
    snprintf(due, sizeof due, "%s: option.shrink is 0.1 in the checkpoint and 0.5 here; resume with what it was started with, or "
             "start afresh", sweep.fit.checkpoint);
    expect(context, isk_resume(context, &other, &model), ISK_MISMATCH, due);
    other = sweep;
    other.fit.extras[0].values = matrix_of(given2, ROWS, GIVEN_COLS);
    assert_int_equal(isk_resume(context, &other, &model), ISK_MISMATCH);
    other = sweep;
    memset(&other.fit.extras[1], 0, sizeof other.fit.extras[1]);
    assert_int_equal(isk_resume(context, &other, &model), ISK_MISMATCH);
    ok(isk_resume(context, &sweep, &model));
    isk_model_close(model);
    remove(sweep.fit.checkpoint);
}

/* ---- saved and loaded -------------------------------------------------------------------------------------------- */

static void loaded_is_saved(void **state) {
    static features f, g;
    isk_fit_desc fit = coder_fit("");
    const char *path = scratch("own.safetensors");
    isk_safetensors *file;
    isk_model *model, *loaded;
    char due[400], text[32];
    int i;
    (void)state;
    set_own(&fit.options, "shrink", "0.25");
    set_own(&fit.options, "bound", "none");
    model = fitted(&fit);
    features_of(model, &f);
    ok(isk_save(model, path));
    ok(isk_safetensors_open(context, path, &file));
    assert_string_equal(isk_safetensors_text(file, "method"), "coder");
    assert_string_equal(isk_safetensors_text(file, "option.shrink"), "0.25");
    assert_string_equal(isk_safetensors_text(file, "option.rounds"), "1");
    assert_string_equal(isk_safetensors_text(file, "option.bound"), "none");
    assert_string_equal(isk_safetensors_text(file, "extra.covariates.cols"), "2");
    assert_string_equal(isk_safetensors_text(file, "extra.weights.cols"), "1");
    assert_non_null(isk_safetensors_find(file, "encoder1.0.weight"));
    assert_non_null(isk_safetensors_find(file, "decoder2.4.bias"));
    isk_safetensors_close(file);

    snprintf(due, sizeof due, "%s: saved by indiseek " ISK_VERSION " with method 'coder', which indiseek " ISK_VERSION " does not know: "
             "use that version, or make the method known by isk_method_add", path);
    expect(context, isk_load(context, path, &loaded), ISK_DATA, due);
    assert_null(loaded);
    ok(isk_method_add(context, &coder));
    ok(isk_load(context, path, &loaded));
    assert_ptr_equal(isk_model_method(loaded), &coder);
    features_of(loaded, &g);
    assert_memory_equal(&f, &g, sizeof f);
    same_model(context, model, loaded, "loaded");
    for (i = 0; i < isk_option_count(&coder); i++) {
        char here[32];
        assert_string_equal(isk_option_text(&coder, isk_model_options(loaded), i, text),
                            isk_option_text(&coder, isk_model_options(model), i, here));
    }
    assert_int_equal(isk_model_report(loaded)->number_count, 0);
    assert_true(isnan(isk_report_value(isk_model_report(loaded), "left", 0)));
    isk_model_close(loaded);
    isk_model_close(model);
    remove(path);
}

/* An option that is younger than the file means what was done before it existed; others are never missing. */
static void younger_options(void **state) {
    static features f, g;
    isk_fit_desc fit = coder_fit("");
    const change without = { .drop = "option.bound" }, lost = { .drop = "option.shrink" }, odd = { .key = "option.rounds", .value = "4" };
    const char *path = scratch("own_old.safetensors");
    isk_model *model, *loaded;
    char text[32], due[300];
    int index = isk_option_count(&coder) - 1;
    (void)state;
    ok(isk_method_add(context, &coder));
    set_own(&fit.options, "bound", "none");
    model = fitted(&fit);
    features_of(model, &f);
    ok(isk_save(model, path));
    ok(isk_load(context, changed(context, path, &without), &loaded));
    assert_string_equal(isk_option_get(&coder, index)->name, "bound");
    assert_string_equal(isk_option_text(&coder, isk_model_options(loaded), index, text), "none");       /* though the preset's is tanh */
    features_of(loaded, &g);
    assert_memory_equal(&f, &g, sizeof f);
    isk_model_close(loaded);
    snprintf(due, sizeof due, "%s: metadata 'option.shrink' is missing", scratch("changed.safetensors"));
    expect(context, isk_load(context, changed(context, path, &lost), &loaded), ISK_DATA, due);
    snprintf(due, sizeof due, "%s: option rounds is 4; it must be from 1 to 3", scratch("changed.safetensors"));
    expect(context, isk_load(context, changed(context, path, &odd), &loaded), ISK_DATA, due);
    isk_model_close(model);
    remove(path);
    remove(scratch("changed.safetensors"));
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

static void options_by_name(void **state) {
    isk_options options;
    int first = isk_option_count(NULL), preset;
    char text[32];
    (void)state;
    assert_int_equal(isk_option_count(&coder), first + 3);
    assert_string_equal(isk_option_get(&coder, first)->name, "shrink");
    assert_int_equal(isk_option_get(&coder, first)->group, ISK_GROUP_OWN);
    assert_null(isk_option_get(&coder, first + 3));
    assert_null(isk_option_get(NULL, first));
    for (preset = 0; preset < ISK_PRESET_COUNT; preset++) {
        static const char *const due[][3] = { { "0.1", "1", "tanh" }, { "0.2", "2", "none" }, { "0.3", "1", "tanh" } };
        int i;
        memset(&options, 0, sizeof options);
        ok(isk_options_resolve(context, &coder, &options, (isk_preset)preset));
        for (i = 0; i < 3; i++) { assert_string_equal(isk_option_text(&coder, &options, first + i, text), due[preset][i]); }
    }
    memset(&options, 0, sizeof options);
    set_own(&options, "shrink", "0");
    assert_true(options.own[0] == ISK_NONE);
    ok(isk_options_resolve(context, &coder, &options, ISK_ROBUST));
    assert_true(options.own[0] == 0 && options.own[1] == 1 && options.own[2] == 2);
    set_own(&options, "lambda", "3");       /* the library's beside it */
    assert_true(options.lambda == 3);
    expect(context, isk_option_set(context, &coder, &options, "shrink", "11"), ISK_ARGUMENT,
           "option shrink is 11; it must be from 0 to 10");
    expect(context, isk_option_set(context, &coder, &options, "rounds", "1.5"), ISK_ARGUMENT,
           "option rounds is '1.5'; it must be a whole number from 1 to 3");
    expect(context, isk_option_set(context, &coder, &options, "bound", "relu"), ISK_ARGUMENT,
           "option bound is 'relu'; it must be one of none|tanh");
    expect(context, isk_option_set(context, NULL, &options, "shrink", "1"), ISK_ARGUMENT, "there is no option 'shrink'");
    expect(context, isk_option_set(context, ISK_INDISEEK, &options, "bound", "none"), ISK_ARGUMENT, "there is no option 'bound'");
}

/* What is set of a group that the method does not read is said by name; what has its preset's value is not. */
static void options_of_no_use(void **state) {
    static const char small[] = "batch=64 width=8 layers=2 shared_epochs=1 ", steps[] = "batch=64 width=8 layers=2 epochs=1 ";
    static const struct { const isk_method *method; const char *base, *settings, *due; } cases[] = {
        { ISK_CLIP, small, "fusion_heads=4", "option fusion_heads has no use for clip\n" },
        { ISK_CLIP, small, "fusion_heads=8 lambda=10", "" },
        { ISK_CLIP, small, "lambda=3 club=permutation", "option lambda has no use for clip\noption club has no use for clip\n" },
        { ISK_INDISEEK, small, "epochs=1 diagnoses=0 ortho=cos contrast_tau=0.5 residual_spread=none",
          "option residual_spread has no use for indiseek\noption ortho has no use for indiseek\n"
          "option contrast_tau has no use for indiseek\n" },
        { ISK_INDISEEK, small, "epochs=1 diagnoses=0 tau=0.1 lambda=3 power=batch critic_steps=2", "" },
        { ISK_RESIDUAL, small, "residual_epochs=1 critic_steps=2 decode=pooled",
          "option critic_steps has no use for residual\noption decode has no use for residual\n" },
        { &isk_transport, "batch=64 transport_epochs=1 transport_maps=1 ", "rate=0.01 epochs=3 shared_dim=7 tau=0.2 dim=3 others=mean",
          "option epochs has no use for transport\noption tau has no use for transport\noption others has no use for transport\n" },
        { ISK_COMM, steps, "tokens=2 fusion_heads=2 project_width=8 token_width=8 shared_dim=7",
          "option shared_dim has no use for comm\n" },
        { &coder, steps, "shared_dim=7 tokens=3", "option shared_dim has no use for coder\noption tokens has no use for coder\n" },
    };
    size_t i;
    (void)state;
    for (i = 0; i < COUNT(cases); i++) {
        isk_fit_desc fit = coder_fit("");
        isk_model *model;
        memset(&fit.options, 0, sizeof fit.options);
        set_options(context, &fit.options, cases[i].base);
        set_options(context, &fit.options, cases[i].settings);
        fit.method = cases[i].method;
        if (fit.method != &coder) { memset(fit.extras, 0, sizeof fit.extras); }
        warnings[0] = 0;
        model = fitted(&fit);
        if (strncmp(warnings, cases[i].due, strlen(cases[i].due)) != 0 || strstr(warnings + strlen(cases[i].due), "has no use")) {
            fail_msg("%s: got\n%sdue\n%s", cases[i].settings, warnings, cases[i].due);
        }
        isk_model_close(model);
    }
}

static void groups_have_headings(void **state) {
    int group, other, i;
    (void)state;
    for (group = 0; group < ISK_GROUP_COUNT; group++) {
        const char *heading = isk_option_group_heading((isk_option_group)group);
        assert_true(heading && strlen(heading) > 5);
        for (other = 0; other < group - 1; other++) { assert_string_not_equal(heading, isk_option_group_heading((isk_option_group)other)); }
    }
    assert_null(isk_option_group_heading(ISK_GROUP_COUNT));
    assert_null(isk_option_group_heading((isk_option_group)-1));
    for (i = 0; i < isk_option_count(NULL); i++) {          /* the library's own stand together, in the order of the groups */
        const isk_option_info *info = isk_option_get(NULL, i), *before = isk_option_get(NULL, i - 1);
        assert_true(info->group < ISK_GROUP_OWN && (!before || before->group <= info->group));
    }
    for (group = 0; group < ISK_GROUP_OWN; group++) {       /* and some method reads each of them */
        unsigned read = 0;
        for (i = 0; i < isk_method_count(NULL); i++) { read |= isk_method_get(NULL, i)->groups; }
        if (!(read >> group & 1)) { fail_msg("no method reads %s", isk_option_group_heading((isk_option_group)group)); }
    }
}

/* ---- the check, the warning, the extras -------------------------------------------------------------------------- */

static void refuse(const isk_fit_desc *fit, isk_status due, const char *sentence) {
    isk_model *model = (isk_model *)1;
    expect(context, isk_fit(context, fit, &model), due, sentence);
    assert_null(model);
}

static void what_it_refuses(void **state) {
    isk_fit_desc fit = coder_fit("dim=3");
    (void)state;
    refuse(&fit, ISK_ARGUMENT, "method coder takes an even dim, not 3");
    fit = coder_fit("");
    fit.options.own[1] = 7;
    refuse(&fit, ISK_ARGUMENT, "option rounds is 7; it must be from 1 to 3");
    fit = coder_fit("");
    fit.view_count = 0;
    refuse(&fit, ISK_ARGUMENT, "view_count is 0; it must be from 1 to 4");
    fit = coder_fit("");
    fit.views[0].given = fit.views[1].given = matrix_of(given1, ROWS, GIVEN_COLS);
    refuse(&fit, ISK_ARGUMENT, "method coder has no use for given shared features");
    fit = coder_fit("");
    memset(fit.extras, 0, sizeof fit.extras);
    refuse(&fit, ISK_ARGUMENT, "method coder needs covariates (what the decoder is told beside the code): set desc->extras");
    fit = coder_fit("");
    fit.extras[2].name = "sizes";
    fit.extras[2].values = fit.extras[1].values;
    refuse(&fit, ISK_ARGUMENT, "method coder has no use for 'sizes'");
    fit = coder_fit("");
    fit.extras[0].values.rows--;
    refuse(&fit, ISK_SHAPE, "covariates has 134 rows, view 1 has 135; rows must be the same samples");
    fit = coder_fit("");
    fit.extras[1].values.cols = 0;
    refuse(&fit, ISK_SHAPE, "weights is empty: 135 x 0");
    weights[6] = (isk_scalar)NAN;
    fit = coder_fit("");
    refuse(&fit, ISK_DATA, "weights: row 7, column 1 is not a number; remove or impute it");
    weights[6] = 1;
    fit = small_fit(context, ROWS, "");
    fit.extras[0].name = "covariates";
    fit.extras[0].values = matrix_of(given1, ROWS, GIVEN_COLS);
    refuse(&fit, ISK_ARGUMENT, "method indiseek has no use for 'covariates'");
}

/* A method of counts is given whole numbers from 0 on, where something was measured. */
static void counts_alone(void **state) {
    static isk_scalar counts[2][MOST];
    static uint8_t there[ROWS];
    isk_method method = coder;
    isk_fit_desc fit = coder_fit("epochs=1");
    int i;
    (void)state;
    method.can |= ISK_NEEDS_COUNTS;
    fit.method = &method;
    for (i = 0; i < MOST; i++) { counts[0][i] = counts[1][i] = (isk_scalar)(i * 7 % 5); }
    for (i = 0; i < ROWS; i++) { there[i] = i != 3; }
    fit.views[0].x.data = counts[0];
    fit.views[1].x.data = counts[1];
    isk_model_close(fitted(&fit));
    counts[1][3 * VIEW2_COLS + 1] = (isk_scalar)0.5;
    refuse(&fit, ISK_DATA, "view 2: row 4, column 2 is 0.5; the method needs counts, whole numbers from 0 on");
    counts[1][3 * VIEW2_COLS + 1] = -1;
    refuse(&fit, ISK_DATA, "view 2: row 4, column 2 is -1; the method needs counts, whole numbers from 0 on");
    fit.views[1].present = there;
    isk_model_close(fitted(&fit));
}

static void what_transform_refuses(void **state) {
    static features f;
    isk_fit_desc fit = coder_fit("epochs=1");
    isk_model *model = fitted(&fit);
    isk_transform_desc desc = asked(model, &f);
    (void)state;
    memset(desc.extras, 0, sizeof desc.extras);
    expect(context, isk_transform(model, &desc), ISK_ARGUMENT,
           "transform: reconstruction1 is asked for without covariates; set desc->extras");
    ask(&desc, ISK_ROLE_RECONSTRUCTION, 0, NULL);           /* what is made of X alone asks for nothing else */
    ask(&desc, ISK_ROLE_RECONSTRUCTION, 1, NULL);
    ok(isk_transform(model, &desc));
    desc.extras[0].name = "covariates";
    desc.extras[0].values = matrix_of(given1, 1, 1);
    ok(isk_transform(model, &desc));
    desc = asked(model, &f);
    desc.extras[0].values.cols = 1;
    expect(context, isk_transform(model, &desc), ISK_SHAPE, "transform: covariates has 1 columns; the model was trained on 2");
    desc = asked(model, &f);
    desc.extras[0].values.rows = ROWS - 1;
    expect(context, isk_transform(model, &desc), ISK_SHAPE, "covariates has 134 rows, view 1 has 135; rows must be the same samples");
    desc = asked(model, &f);
    desc.out[0].name = "shared1";
    expect(context, isk_transform(model, &desc), ISK_ARGUMENT, "transform: this model of method coder has no output 'shared1'; it has "
           "specific1, length1, reconstruction1, specific2, length2 and reconstruction2");
    isk_model_close(model);
}

/* Outputs of one view that are made from the other too, and shared features that are the covariates. */
static void mixed_outputs(isk_recorder *r, int view) {
    isk_output_add(r, ISK_ROLE_SHARED, NULL, isk_affine(isk_extra_rows(r, "covariates"), 2, 0));
    isk_output_add(r, ISK_ROLE_SPECIFIC, NULL, coder_code(r, view, isk_view_rows(r, view)));
}

static isk_status record_mixed(isk_recorder *r) {
    isk_stage_desc stage = { .name = "coder", .of_view = 1, .epochs = 5 };
    isk_status status = ISK_OK;
    int view;
    stage.passes[0].terms = coder_terms;
    stage.passes[0].labels[0] = "loss";
    for (view = 0; view < 2 && status == ISK_OK; view++) {
        stage.view = view;
        stage.passes[0].group = isk_numbered(r, "coder", view);
        isk_stage_add(r, &stage);
        status = isk_outputs(r, view, mixed_outputs);
    }
    return status;
}

static void what_outputs_are_made_from(void **state) {
    static isk_scalar values[2][ROWS * DIM];
    static uint8_t part[ROWS];
    isk_method method = coder;
    isk_fit_desc fit = coder_fit("validation=0");
    isk_transform_desc desc;
    isk_tradeoff_desc tradeoff;
    isk_tradeoff_report report;
    isk_tradeoff_point point;
    isk_model *model;
    int i;
    (void)state;
    method.record = record_mixed;
    fit.method = &method;
    model = fitted(&fit);
    memset(&desc, 0, sizeof desc);
    desc.views[0] = fit.views[0];
    desc.views[1] = fit.views[1];
    ask(&desc, ISK_ROLE_SHARED, 1, values[1]);
    expect(context, isk_transform(model, &desc), ISK_ARGUMENT, "transform: shared2 is asked for without covariates; set desc->extras");
    desc.extras[0] = fit.extras[0];
    ok(isk_transform(model, &desc));
    for (i = 0; i < ROWS * GIVEN_COLS; i++) { assert_true(values[1][i] == 2 * given1[i]); }

    for (i = 0; i < ROWS; i++) { part[i] = (uint8_t)(i % 3 ? ISK_TRAIN : ISK_VALIDATION); }
    memset(&tradeoff, 0, sizeof tradeoff);
    tradeoff.models = &model;
    tradeoff.model_count = 1;
    tradeoff.views[0] = fit.views[0];
    tradeoff.views[1] = fit.views[1];
    tradeoff.part = part;
    tradeoff.points = &point;
    expect(context, isk_tradeoff(context, &tradeoff, &report), ISK_ARGUMENT,
           "transform: shared1 is asked for without covariates; set desc->extras");
    tradeoff.extras[0] = fit.extras[0];
    ok(isk_tradeoff(context, &tradeoff, &report));
    assert_true(report.points == 1 && point.mean[ISK_LEAKAGE].mean > 0.1 && point.mean[ISK_COMPLETENESS].mean > 0);
    isk_model_close(model);
}

/* Rows of its own for options of all methods: other defaults, a narrower range; the rest stays as it is. */
static void defaults_of_its_own(void **state) {
    static const isk_option_info defaults[] = {
        ISK_OPTION_ROW(INT, DIM, dim, 6, 2, 8, 0, 2, 12, "", "coordinates of the code")
        ISK_OPTION_ROW(CHOICE, NETWORK, norm, 2, 1, 3, 0, 1, 3, "none|layer|batch", "normalization before each activation")
        ISK_OPTION_ROW(REAL, TRAINING, weight_decay, 0.5, 0, 0, 0, 0, 1, "", "weight decay")
        { NULL, NULL, NULL, ISK_OPTION_REAL, ISK_GROUP_OWN, { 0, 0, 0 }, 0, 0, 0 }
    };
    static const int dims[] = { 6, 2, 8 }, norms[] = { 2, 1, 3 };
    const int dim = isk_option_find(NULL, "dim"), layers = isk_option_find(NULL, "layers");
    isk_method method = coder;
    isk_options options, of_all;
    isk_fit_desc fit;
    isk_model *model;
    int preset;
    (void)state;
    method.defaults = defaults;
    assert_int_equal(isk_option_find(&method, "dim"), dim);
    assert_int_equal(isk_option_count(&method), isk_option_count(&coder));
    assert_ptr_equal(isk_option_get(&method, dim), &defaults[0]);
    assert_ptr_equal(isk_option_get(&method, layers), isk_option_get(NULL, layers));
    assert_ptr_not_equal(isk_option_get(&coder, dim), &defaults[0]);
    assert_ptr_equal(isk_option_get(NULL, dim), isk_option_get(&coder, dim));
    for (preset = 0; preset < ISK_PRESET_COUNT; preset++) {
        memset(&options, 0, sizeof options);
        memset(&of_all, 0, sizeof of_all);
        ok(isk_options_resolve(context, &method, &options, (isk_preset)preset));
        ok(isk_options_resolve(context, &coder, &of_all, (isk_preset)preset));
        assert_true(options.dim == dims[preset] && (int)options.norm == norms[preset]);
        assert_true(fabs(options.weight_decay - (preset ? 0 : 0.5)) <= 0);
        assert_true(options.layers == of_all.layers && options.batch == of_all.batch && fabs(options.rate - of_all.rate) <= 0);
    }
    memset(&options, 0, sizeof options);
    expect(context, isk_option_set(context, &method, &options, "dim", "14"), ISK_ARGUMENT,
           "option dim is 14; it must be from 2 to 12");
    ok(isk_option_set(context, &coder, &options, "dim", "14"));
    expect(context, isk_options_resolve(context, &method, &options, ISK_ROBUST), ISK_ARGUMENT, "option dim is 14; it must be from 2 to 12");
    ok(isk_options_resolve(context, &coder, &options, ISK_ROBUST));

    /* what it trains with, and what is of use is not warned of */
    fit = coder_fit("");
    memset(&fit.options, 0, sizeof fit.options);
    set_options(context, &fit.options, "batch=32 layers=2 width=12 epochs=1");
    fit.method = &method;
    warnings[0] = 0;
    model = fitted(&fit);
    assert_int_equal(isk_model_cols(model, ISK_ROLE_SPECIFIC, 0), 6);
    assert_null(strstr(warnings, "has no use"));
    isk_model_close(model);
}

/* Counts are asked for where the options of a fit need them. */
static int counts_when_bound(const isk_design *design) { return isk_own_option(design, "bound") > 1; }

static void counts_by_options(void **state) {
    isk_method method = coder;
    isk_fit_desc fit = coder_fit("epochs=1");
    isk_transform_desc desc;
    isk_model *model;
    static features f;
    char sentence[200];
    (void)state;
    method.can |= ISK_NEEDS_COUNTS;
    method.counts = counts_when_bound;
    fit.method = &method;
    snprintf(sentence, sizeof sentence, "view 1: row 1, column 1 is %g; the method needs counts, whole numbers from 0 on",
             (double)view1[0]);
    refuse(&fit, ISK_DATA, sentence);
    set_own(&fit.options, "bound", "none");
    model = fitted(&fit);
    desc = asked(model, &f);
    ok(isk_transform(model, &desc));
    isk_model_close(model);
    method.can &= ~(unsigned)ISK_NEEDS_COUNTS;      /* without the capability nobody asks */
    set_own(&fit.options, "bound", "tanh");
    isk_model_close(fitted(&fit));
}

/* Outputs of one call of isk_outputs that are made from different extras, and from a constant. */
static const isk_scalar constant_values[] = { 1, 2, 3, 4, 5, 6, 7, 8 };

static void grouped_outputs(isk_recorder *r, int view) {
    isk_tensor z = coder_code(r, view, isk_view_rows(r, view)), told = isk_row_sum(isk_extra_rows(r, "covariates"));
    if (view == 0) {
        isk_output_add(r, ISK_ROLE_OTHER, "plain", z);
        isk_output_add(r, ISK_ROLE_OTHER, "told", isk_add_rows(z, told));
        isk_output_add(r, ISK_ROLE_OTHER, "turned", isk_matmul(z, isk_constant(r, matrix_of(constant_values, DIM, 2))));
        isk_output_add(r, ISK_ROLE_OTHER, "weighed", isk_mul_rows(z, isk_extra_rows(r, "weights")));
        isk_output_add(r, ISK_ROLE_OTHER, "both", isk_mul_rows(isk_add_rows(z, told), isk_extra_rows(r, "weights")));
    }
    isk_output_add(r, ISK_ROLE_SPECIFIC, NULL, z);
}

static isk_status record_grouped(isk_recorder *r) {
    int view;
    for (view = 0; view < 2; view++) {
        isk_stage_desc stage = { .name = "coder", .of_view = 1, .epochs = 1 };
        stage.view = view;
        stage.passes[0].terms = coder_terms;
        stage.passes[0].labels[0] = "loss";
        stage.passes[0].group = isk_numbered(r, "coder", view);
        isk_stage_add(r, &stage);
        if (isk_outputs(r, view, grouped_outputs) != ISK_OK) { return ISK_OK; }
    }
    return ISK_OK;
}

static void outputs_ask_for_their_own_extras(void **state) {
    static const isk_extra_info both[] = { { "covariates", "", 1, 1 }, { "weights", "", 1, 1 }, { NULL, NULL, 0, 0 } };
    static const struct { const char *name; int told, weighed, cols; } outs[] = {
        { "plain1", 0, 0, DIM }, { "told1", 1, 0, DIM }, { "turned1", 0, 0, 2 }, { "weighed1", 0, 1, DIM }, { "both1", 1, 1, DIM },
        { "specific1", 0, 0, DIM },
    };
    static isk_scalar values[COUNT(outs)][ROWS * DIM], alone[ROWS * DIM];
    isk_method method = coder;
    isk_fit_desc fit = coder_fit("");
    isk_transform_desc desc;
    isk_model *model;
    size_t k;
    int i, j, c;
    (void)state;
    method.extras = both;
    method.record = record_grouped;
    method.numbers = NULL;
    method.warn = NULL;
    fit.method = &method;
    model = fitted(&fit);
    memset(&desc, 0, sizeof desc);
    desc.views[0] = fit.views[0];
    memcpy(desc.extras, fit.extras, sizeof desc.extras);
    for (k = 0; k < COUNT(outs); k++) {
        desc.out[k].name = outs[k].name;
        desc.out[k].values = values[k];
    }
    ok(isk_transform(model, &desc));
    for (i = 0; i < ROWS; i++) {
        double told = 0;
        for (c = 0; c < GIVEN_COLS; c++) { told += (double)given1[i * GIVEN_COLS + c]; }
        for (j = 0; j < DIM; j++) {
            const double z = (double)values[0][i * DIM + j], w = (double)weights[i];
            assert_true(fabs((double)values[1][i * DIM + j] - (z + told)) < 1e-5 && fabs((double)values[3][i * DIM + j] - z * w) < 1e-5);
            assert_true(fabs((double)values[4][i * DIM + j] - (z + told) * w) < 1e-4 && values[5][i * DIM + j] == values[0][i * DIM + j]);
        }
        for (c = 0; c < 2; c++) {
            double due = 0;
            for (j = 0; j < DIM; j++) { due += (double)values[0][i * DIM + j] * (double)constant_values[j * 2 + c]; }
            assert_true(fabs((double)values[2][i * 2 + c] - due) < 1e-4);
        }
    }
    /* each alone, with what it is made from, is the same to the bit; without is refused */
    for (k = 0; k < COUNT(outs); k++) {
        int without;
        for (without = 0; without < 2; without++) {
            char sentence[120];
            int needs = without ? outs[k].weighed : outs[k].told, place = 0;
            memset(&desc, 0, sizeof desc);
            desc.views[0] = fit.views[0];
            desc.out[0].name = outs[k].name;
            desc.out[0].values = alone;
            if (without == 1 && outs[k].told) { desc.extras[place++] = fit.extras[0]; }
            if (without == 0 && outs[k].weighed) { desc.extras[place++] = fit.extras[1]; }
            snprintf(sentence, sizeof sentence, "transform: %s is asked for without %s; set desc->extras", outs[k].name,
                     without ? "weights" : "covariates");
            if (needs) {
                expect(context, isk_transform(model, &desc), ISK_ARGUMENT, sentence);
                desc.extras[place] = fit.extras[without];
            }
            ok(isk_transform(model, &desc));
            assert_memory_equal(alone, values[k], (size_t)(ROWS * outs[k].cols) * sizeof *alone);
        }
    }
    isk_model_close(model);
}

/* Chooses no lambda: there is nothing shared that could leak. */
static void no_tradeoff(void **state) {
    isk_fit_desc fit = coder_fit("epochs=1");
    isk_model *model = fitted(&fit);
    isk_tradeoff_desc desc;
    isk_tradeoff_report report;
    isk_tradeoff_point point;
    static uint8_t part[ROWS];
    int i;
    (void)state;
    for (i = 0; i < ROWS; i++) { part[i] = (uint8_t)(i % 3); }
    memset(&desc, 0, sizeof desc);
    desc.models = &model;
    desc.model_count = 1;
    desc.views[0] = fit.views[0];
    desc.views[1] = fit.views[1];
    desc.part = part;
    desc.points = &point;
    expect(context, isk_tradeoff(context, &desc, &report), ISK_ARGUMENT,
           "method coder has no shared features, so nothing can leak and no lambda can be chosen");
    isk_model_close(model);
}

static void its_warning_is_heard(void **state) {
    isk_fit_desc fit = coder_fit("epochs=3 rate=0");
    isk_sweep_desc sweep;
    isk_model *models[2];
    (void)state;
    isk_model_close(fitted(&fit));
    assert_string_equal(warnings, "model 0: the code of view 1 holds nothing\nmodel 0: the code of view 2 holds nothing\n");
    warnings[0] = 0;
    memset(&sweep, 0, sizeof sweep);
    sweep.fit = fit;
    sweep.seed_count = 2;
    ok(isk_sweep(context, &sweep, models));
    assert_non_null(strstr(warnings, "model 2 of 2 (seed 8): the code of view 1 holds nothing\n"));
    isk_model_close(models[0]);
    isk_model_close(models[1]);
}

static void it_diverges_by_name(void **state) {
    isk_fit_desc fit = coder_fit("optimizer=sgd rate=1000 schedule=constant activation=linear epochs=9");
    isk_model *model;
    (void)state;
    set_own(&fit.options, "bound", "none");
    assert_int_equal(isk_fit(context, &fit, &model), ISK_DIVERGED);
    assert_non_null(model);
    assert_non_null(strstr(isk_error(context), " of stage coder"));
    assert_non_null(strstr(isk_error(context), " is not finite"));
    isk_model_close(model);
}

/* ---- descriptions ------------------------------------------------------------------------------------------------ */

static void known_by_name(void **state) {
    const isk_method *found;
    int count = isk_method_count(NULL);
    (void)state;
    assert_int_equal(isk_method_count(context), count);
    expect(context, isk_method_find(context, "coder", &found), ISK_ARGUMENT, "there is no method 'coder'; the methods are indiseek, "
           "indiseek0, clip, factorizedcl, infodisen, residual-indiseek, residual, comm, cca, ajive, transport and invae");
    ok(isk_method_add(context, &coder));
    ok(isk_method_add(context, &coder));    /* it is there already */
    assert_int_equal(isk_method_count(context), count + 1);
    assert_int_equal(isk_method_count(NULL), count);
    assert_ptr_equal(isk_method_get(context, count), &coder);
    assert_null(isk_method_get(NULL, count));
    ok(isk_method_find(context, "coder", &found));
    assert_ptr_equal(found, &coder);
    expect(context, isk_method_find(context, "vae", &found), ISK_ARGUMENT, "there is no method 'vae'; the methods are indiseek, indiseek0, "
           "clip, factorizedcl, infodisen, residual-indiseek, residual, comm, cca, ajive, transport, invae and coder");
    assert_null(found);
}

/* ---- memory that runs out ---------------------------------------------------------------------------------------- */

static isk_status one_life(isk_context *scarce, void *argument) {
    static features f;
    const char *path = SCRATCH "/own_scarce.safetensors";
    isk_fit_desc fit = *(const isk_fit_desc *)argument;
    isk_model *model = NULL, *loaded = NULL;
    isk_status status = isk_method_add(scarce, &coder);
    if (status == ISK_OK) { status = isk_fit(scarce, &fit, &model); }
    if (status == ISK_OK) { status = isk_save(model, path); }
    if (status == ISK_OK) { status = isk_load(scarce, path, &loaded); }
    if (status == ISK_OK) {
        isk_transform_desc desc = asked(loaded, &f);
        status = isk_transform(loaded, &desc);
    }
    isk_model_close(model);
    isk_model_close(loaded);
    return status;
}

static void no_memory_leaves_nothing_behind(void **state) {
    isk_context *scarce = scarce_context();
    isk_fit_desc fit = coder_fit("epochs=1 width=4 layers=2 batch=64 patience=1");
    (void)state;
    make_scratch();
    sweep_memory(scarce, one_life, &fit);
    isk_close(scarce);
    remove(SCRATCH "/own_scarce.safetensors");
}

#define own(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        own(fits_learn),
        own(other_data),
        own(extras_are_seen),
        own(threads_and_company_leave_no_trace),
        own(stops_early),
        own(resumed_as_never_stopped),
        own(settled_numbers),
        own(resuming_with_something_else),
        own(loaded_is_saved),
        own(younger_options),
        own(options_by_name),
        own(options_of_no_use),
        own(groups_have_headings),
        own(what_it_refuses),
        own(counts_alone),
        own(what_transform_refuses),
        own(what_outputs_are_made_from),
        own(defaults_of_its_own),
        own(counts_by_options),
        own(outputs_ask_for_their_own_extras),
        own(no_tradeoff),
        own(its_warning_is_heard),
        own(it_diverges_by_name),
        own(known_by_name),
        own(no_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests_name("own_method", tests, NULL, NULL);
}
