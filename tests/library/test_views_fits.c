/* Fits of three views, one of them a sequence, of which rows lack some: they learn, whatever stands where nothing was measured; the
   same bits whatever the threads and the interruptions, saved or not; what is refused, and how. */

#include "indiseek.h"
#include "tests/base/hostile.h"
#include "two_views.h"

enum { ROWS = 400, TRIO = 3, STEPS = 4, FEATURES = 3, COMMON = 2, C_DIM = 3, Z_DIM = 4, MOST_COLS = STEPS * FEATURES, TOKEN = 8 };

#include "fits.h"

static const int cols_of[TRIO] = { 6, 5, STEPS * FEATURES };
static isk_scalar data[TRIO][ROWS * MOST_COLS], common[ROWS * COMMON];
static uint8_t there[TRIO][ROWS], split[ROWS];
static int32_t lengths[ROWS];
static int stop_after;                      /* rounds until the next fit is interrupted; 0: never */

static void on_progress(void *user, const isk_progress *progress) {
    (void)user;
    (void)progress;
    if (stop_after > 0 && --stop_after == 0) { isk_interrupt(context); }
}

/* Common factors in all views, one of its own in each; a sequence has them in every step. */
static int open_context(void **state) {
    isk_context_desc desc = { .threads = 1, .progress = on_progress };
    uint64_t seed = 11;
    int row, view, col;
    (void)state;
    context = isk_open(&desc);
    twice = isk_open(&(isk_context_desc){ .threads = 2 });
    for (row = 0; row < ROWS; row++) {
        for (col = 0; col < COMMON; col++) { common[row * COMMON + col] = (isk_scalar)gaussian(&seed); }
        lengths[row] = 1 + (int)(STEPS * uniform(&seed));
        split[row] = (uint8_t)(row % 4 == 3 ? ISK_TEST : row % 8 == 6 ? ISK_VALIDATION : ISK_TRAIN);
        for (view = 0; view < TRIO; view++) {
            double own = gaussian(&seed);
            there[view][row] = uniform(&seed) > 0.25;
            for (col = 0; col < cols_of[view]; col++) {
                double from = common[row * COMMON + col % COMMON];
                data[view][row * cols_of[view] + col] =
                    (isk_scalar)((view == 1 ? tanh(from) : from) + (col % 3 == 0 ? own : 0) + 0.2 * gaussian(&seed));
            }
        }
    }
    return context && twice ? 0 : -1;
}

enum { WHOLE = 0, ABSENT = 1, SEQUENCE = 2 };       /* what a fit has: rows that lack views, a third view that is a sequence */

static isk_fit_desc trio(const isk_method *method, int what, const char *settings) {
    isk_fit_desc fit;
    int view;
    memset(&fit, 0, sizeof fit);
    fit.method = method;
    fit.view_count = TRIO;
    fit.seed = 3;
    fit.split = split;
    for (view = 0; view < TRIO; view++) {
        fit.views[view].x = matrix_of(data[view], ROWS, cols_of[view]);
        if (what & ABSENT) { fit.views[view].present = there[view]; }
    }
    if (what & SEQUENCE) {
        fit.views[2].steps = STEPS;
        fit.views[2].lengths = lengths;
    }
    set_options(context, &fit.options, "batch=32 layers=3 width=16 dim=4 shared_dim=3 epochs=4 shared_epochs=5 residual_epochs=4 "
                                       "diagnoses=1 "
                                       "diagnosis_epochs=1 blocks=1 token_width=8 feed_forward=8 tokens=2 fusion_heads=2 project_width=12 "
                                       "project_dim=6");
    set_options(context, &fit.options, settings);
    return fit;
}

/* ---- what fits learn ------------------------------------------------------------------------------------------------------- */

/* Does a method learn C_i?  Else it learns fused features. */
static int has_shared(const isk_method *method) { return (method->can & ISK_LEARNS_SHARED) != 0; }
/* The next method that takes what these fits have; linear ones, without networks, take no sequence: test_linear.c,
   and some but one view. */
static int next_method(int m) {
    for (; m < isk_method_count(NULL); m++) {
        const isk_method *method = isk_method_get(NULL, m);
        if ((method->groups & ISK_READS(NETWORK)) && method->most_views != 1) { break; }
    }
    return m;
}

static double r2_of_common(const isk_scalar *c, int cols, const uint8_t *present) {
    static uint8_t part[ROWS];
    isk_regression_desc regression;
    static isk_scalar clean[ROWS * TOKEN];
    double r2;
    int row, col;
    for (row = 0; row < ROWS; row++) {
        part[row] = (uint8_t)(present && !present[row] ? ISK_VALIDATION : row % 4 == 3 ? ISK_TEST : ISK_TRAIN);
        for (col = 0; col < cols; col++) { clean[row * cols + col] = present && !present[row] ? 0 : c[row * cols + col]; }
    }
    memset(&regression, 0, sizeof regression);
    regression.x = matrix_of(clean, ROWS, cols);
    regression.y = matrix_of(common, ROWS, COMMON);
    regression.part = part;
    ok(isk_ridge_r2(context, &regression, &r2));
    return r2;
}

static void fits_learn(void **state) {
    static features f;
    static uint8_t any[ROWS];
    int m, what, view, row, col;
    (void)state;
    for (m = next_method(0); m < isk_method_count(NULL); m = next_method(m + 1)) {
        const isk_method *method = isk_method_get(NULL, m);
        for (what = WHOLE; what <= (ABSENT | SEQUENCE); what++) {
            isk_fit_desc fit = trio(method, what,
                                    has_shared(method) ? "shared_epochs=60 epochs=6 width=32 shared_rate=0.004 tau=0.2 others=mean"
                                                       : "epochs=30 rate=0.004");
            isk_model *model = fitted(context, &fit);
            features_of(model, &fit, &f);
            if (!has_shared(method)) {
                double r2;
                for (row = 0; row < ROWS; row++) {
                    for (any[row] = 0, view = 0; view < TRIO; view++) {
                        any[row] |= !fit.views[view].present || fit.views[view].present[row];
                    }
                    for (col = 0; col < TOKEN; col++) {
                        assert_int_equal(f.fused[row * TOKEN + col] == f.fused[row * TOKEN + col], any[row]);
                    }
                }
                r2 = r2_of_common(f.fused, TOKEN, any);
                if (r2 < 0.5) { fail_msg("method %s, data %d: R^2 of the common factors from its features is %g", method->name, what, r2); }
                isk_model_close(model);
                continue;
            }
            for (view = 0; view < TRIO; view++) {
                double r2 = r2_of_common(f.c[view], C_DIM, fit.views[view].present);
                if (r2 < 0.5) { fail_msg("method %s, data %d: R^2 from C%d is %g", method->name, what, view + 1, r2); }
                for (row = 0; row < ROWS; row++) {
                    int present = !fit.views[view].present || fit.views[view].present[row];
                    for (col = 0; col < C_DIM; col++) {
                        assert_int_equal(f.c[view][row * C_DIM + col] == f.c[view][row * C_DIM + col], present);
                    }
                    if (!isk_model_cols(model, ISK_ROLE_SPECIFIC, view)) { continue; }
                    for (col = 0; col < Z_DIM; col++) {
                        assert_int_equal(f.z[view][row * Z_DIM + col] == f.z[view][row * Z_DIM + col], present);
                    }
                    for (col = 0; col < isk_model_cols(model, ISK_ROLE_RECONSTRUCTION, view); col++) {
                        isk_scalar g = f.g[view][row * isk_model_cols(model, ISK_ROLE_RECONSTRUCTION, view) + col];
                        assert_int_equal(g == g, present);
                    }
                }
            }
            isk_model_close(model);
        }
    }
}

/* ---- what is not there has no say --------------------------------------------------------------------------------------------- */

/* Writes `value` wherever a fit has nothing. */
static void put_garbage(isk_fit_desc *fit, isk_scalar (*copy)[ROWS * MOST_COLS], isk_scalar value) {
    int view, row, col;
    for (view = 0; view < TRIO; view++) {
        for (row = 0; row < ROWS; row++) {
            const isk_view *of = &fit->views[view];
            int from = of->present && !of->present[row] ? 0 : of->lengths ? of->lengths[row] * FEATURES : cols_of[view];
            memcpy(copy[view] + row * cols_of[view], data[view] + row * cols_of[view], (size_t)cols_of[view] * sizeof(isk_scalar));
            for (col = from; col < cols_of[view]; col++) { copy[view][row * cols_of[view] + col] = value; }
        }
        fit->views[view].x.data = copy[view];
    }
}

static void garbage_changes_nothing(void **state) {
    static const isk_scalar garbage[] = { 0, (isk_scalar)1e30, (isk_scalar)-0.0, NAN, INFINITY };
    static isk_scalar copy[TRIO][ROWS * MOST_COLS];
    static features f, due;
    int m, what, g;
    (void)state;
    for (m = next_method(0); m < isk_method_count(NULL); m = next_method(m + 1)) {
        const isk_method *method = isk_method_get(NULL, m);
        for (what = ABSENT; what <= (ABSENT | SEQUENCE); what++) {
            isk_model *first = NULL;
            for (g = 0; g < (int)COUNT(garbage); g++) {
                isk_fit_desc fit = trio(method, what, "others=mean");
                isk_model *model;
                put_garbage(&fit, copy, garbage[g]);
                model = fitted(context, &fit);
                features_of(model, &fit, g ? &f : &due);
                if (g == 0) {
                    first = model;
                    continue;
                }
                if (memcmp(&f, &due, sizeof f) != 0) {
                    fail_msg("method %s, data %d, garbage %g: features differ", method->name, what, (double)garbage[g]);
                }
                same_model(context, first, model, "garbage");
                isk_model_close(model);
            }
            isk_model_close(first);
        }
    }
}

/* What transform gives of a row does not depend on which others are absent; C, Z and reconstruction of absent ones are NaN. */
static void transform_leaves_out(void **state) {
    static features all, some;
    int m, what, view;
    size_t i;
    (void)state;
    for (m = next_method(0); m < isk_method_count(NULL); m = next_method(m + 1)) {
        const isk_method *method = isk_method_get(NULL, m);
        if (!has_shared(method)) { continue; }          /* its features are of all views that a row has */
        for (what = WHOLE; what <= SEQUENCE; what += SEQUENCE) {
            isk_fit_desc fit = trio(method, what, "epochs=2 shared_epochs=2");
            isk_model *model = fitted(context, &fit);
            features_of(model, &fit, &all);
            for (view = 0; view < TRIO; view++) { fit.views[view].present = there[view]; }
            features_of(model, &fit, &some);
            for (view = 0; view < TRIO; view++) {
                struct { const isk_scalar *all, *some; int cols; } pairs[3];
                int p;
                pairs[0].all = all.c[view]; pairs[0].some = some.c[view]; pairs[0].cols = C_DIM;
                pairs[1].all = all.z[view]; pairs[1].some = some.z[view]; pairs[1].cols = isk_model_cols(model, ISK_ROLE_SPECIFIC, view);
                pairs[2].all = all.g[view]; pairs[2].some = some.g[view];
                pairs[2].cols = isk_model_cols(model, ISK_ROLE_RECONSTRUCTION, view);
                for (p = 0; p < 3; p++) {
                    for (i = 0; i < (size_t)(ROWS * pairs[p].cols); i++) {
                        if (there[view][i / (size_t)pairs[p].cols]) {
                            assert_memory_equal(pairs[p].all + i, pairs[p].some + i, sizeof(isk_scalar));
                        } else {
                            assert_true(pairs[p].some[i] != pairs[p].some[i]);
                        }
                    }
                }
            }
            isk_model_close(model);
        }
    }
}

/* Masks that say that all is there change nothing, not even the random numbers. */
static void all_present_is_none_absent(void **state) {
    static features f, due;
    static uint8_t ones[ROWS];
    int m, view;
    (void)state;
    memset(ones, 1, sizeof ones);
    for (m = next_method(0); m < isk_method_count(NULL); m = next_method(m + 1)) {
        const isk_method *method = isk_method_get(NULL, m);
        isk_fit_desc fit = trio(method, WHOLE, "norm=batch dropout=0.2");
        isk_model *model = fitted(context, &fit);
        features_of(model, &fit, &due);
        isk_model_close(model);
        for (view = 0; view < TRIO; view++) { fit.views[view].present = ones; }
        model = fitted(context, &fit);
        features_of(model, &fit, &f);
        if (memcmp(&f, &due, sizeof f) != 0) { fail_msg("method %s: features differ", method->name); }
        isk_model_close(model);
    }
}

/* ---- the same bits --------------------------------------------------------------------------------------------------------------- */

static void same_bits(void **state) {
    static features f, due;
    int m;
    (void)state;
    for (m = next_method(0); m < isk_method_count(NULL); m = next_method(m + 1)) {
        const isk_method *method = isk_method_get(NULL, m);
        isk_fit_desc fit = trio(method, ABSENT | SEQUENCE, m % 2 ? "others=mean" : "critic_inner=per_epoch dropout=0.2 norm=batch");
        isk_model *one = fitted(context, &fit), *other = fitted(twice, &fit);
        isk_sweep_desc sweep;
        const char *path = SCRATCH "/views_model.safetensors";
        isk_status status = ISK_INTERRUPTED;
        int stops;
        same_model(context, one, other, "two threads");
        features_of(one, &fit, &due);
        isk_model_close(other);

        memset(&sweep, 0, sizeof sweep);
        sweep.fit = fit;
        sweep.fit.checkpoint = SCRATCH "/views_checkpoint.safetensors";
        remove(sweep.fit.checkpoint);
        for (stops = 0; status == ISK_INTERRUPTED; stops++) {
            assert_true(stops < 40);
            stop_after = 2;
            status = isk_resume(context, &sweep, &other);
        }
        stop_after = 0;
        ok(status);
        assert_true(stops > 1);
        same_model(context, one, other, "interrupted and resumed");
        isk_model_close(other);
        remove(sweep.fit.checkpoint);

        ok(isk_save(one, path));
        ok(isk_load(twice, path, &other));
        features_of(other, &fit, &f);
        assert_memory_equal(&f, &due, sizeof f);
        assert_int_equal(isk_model_views(other), TRIO);
        assert_int_equal(isk_model_view_steps(other, 2), STEPS);
        assert_int_equal(isk_model_view_steps(other, 0), 1);
        assert_int_equal(isk_model_cols(other, ISK_ROLE_RECONSTRUCTION, 2), isk_model_cols(one, ISK_ROLE_RECONSTRUCTION, 2));
        isk_model_close(other);
        isk_model_close(one);
        remove(path);
    }
}

static void other_presence_is_other_data(void **state) {
    static uint8_t changed[ROWS];
    static int32_t shorter[ROWS];
    isk_sweep_desc sweep;
    isk_model *model;
    int what;
    (void)state;
    memcpy(changed, there[1], sizeof changed);
    memcpy(shorter, lengths, sizeof shorter);
    for (what = 0; what < 4; what++) {
        memset(&sweep, 0, sizeof sweep);
        sweep.fit = trio(ISK_INDISEEK, ABSENT | SEQUENCE, "");
        sweep.fit.checkpoint = SCRATCH "/views_other.safetensors";
        sweep.fit.views[1].present = changed;
        sweep.fit.views[2].lengths = shorter;
        remove(sweep.fit.checkpoint);
        stop_after = 3;
        assert_int_equal(isk_resume(context, &sweep, &model), ISK_INTERRUPTED);
        stop_after = 0;
        if (what == 0) { changed[5] ^= 1; }
        if (what == 1) { shorter[0] = shorter[0] == 1 ? 2 : 1; }
        if (what == 2) { sweep.fit.views[0].present = NULL; }
        if (what == 3) { sweep.fit.views[2].lengths = NULL; }
        assert_int_equal(isk_resume(context, &sweep, &model), ISK_MISMATCH);
        remove(sweep.fit.checkpoint);
    }
}

/* ---- sequences -------------------------------------------------------------------------------------------------------------------- */

static void same_features(const char *what, const isk_scalar *a, const isk_scalar *b, int cols) {
    int col;
    for (col = 0; col < cols; col++) {
        if (!(fabs((double)a[col] - (double)b[col]) <= 1e-6)) { fail_msg("%s: %g and %g", what, (double)a[col], (double)b[col]); }
    }
}

/* C, Z and reconstruction of a sample are its own: alone, in reverse order, in a larger crowd. */
static void sequences_stand_alone(void **state) {
    static const char *const settings[] = {
        "pool=last", "pool=mean norm_place=first", "pool=cls positions=learned", "pool=last_padded padding=seen",
        "pool=mean padding=seen positions=sincos", "pool=cls padding=seen", "pool=last decode=pooled", "pool=last padding=seen blocks=2",
    };
    static const int probes[] = { 0, 5, 255, 256, 399 };
    static features all, one;
    static isk_scalar turned[ROWS * MOST_COLS];
    static int32_t turned_lengths[ROWS];
    int s, p, row, col;
    (void)state;
    for (row = 0; row < ROWS; row++) {
        memcpy(turned + row * MOST_COLS, data[2] + (ROWS - 1 - row) * MOST_COLS, MOST_COLS * sizeof(isk_scalar));
        turned_lengths[row] = lengths[ROWS - 1 - row];
    }
    for (s = 0; s < (int)COUNT(settings); s++) {
        isk_fit_desc fit = trio(s % 2 ? ISK_INDISEEK : ISK_FACTORIZEDCL, SEQUENCE, settings[s]), other;
        isk_model *model;
        int targets;
        if (strstr(settings[s], "pooled")) { fit.method = ISK_INDISEEK; }
        model = fitted(context, &fit);
        targets = isk_model_cols(model, ISK_ROLE_RECONSTRUCTION, 2);
        assert_int_equal(targets, fit.method == ISK_FACTORIZEDCL ? 0 : strstr(settings[s], "pooled") ? FEATURES : MOST_COLS);
        features_of(model, &fit, &all);
        for (row = 0; row < ROWS; row++) {
            assert_true(fabs((double)all.c[2][row * C_DIM]) <= 1.001);
            for (col = FEATURES * lengths[row]; col < MOST_COLS && targets == MOST_COLS; col++) {
                assert_true(all.g[2][row * MOST_COLS + col] == 0);      /* no step, nothing to give back */
            }
        }
        other = fit;
        other.views[2].x.data = turned;
        other.views[2].lengths = turned_lengths;
        features_of(model, &other, &one);
        for (row = 0; row < ROWS; row++) {
            same_features("reversed C", one.c[2] + row * C_DIM, all.c[2] + (ROWS - 1 - row) * C_DIM, C_DIM);
            same_features("reversed Z", one.z[2] + row * Z_DIM, all.z[2] + (ROWS - 1 - row) * Z_DIM, Z_DIM);
        }
        for (p = 0; p < (int)COUNT(probes); p++) {
            isk_transform_desc desc;
            isk_scalar c[C_DIM], z[Z_DIM];
            memset(&desc, 0, sizeof desc);
            desc.views[2].x = matrix_of(data[2] + probes[p] * MOST_COLS, 1, MOST_COLS);
            desc.views[2].lengths = lengths + probes[p];
            ask(&desc, ISK_ROLE_SHARED, 2, c);
            ask(&desc, ISK_ROLE_SPECIFIC, 2, z);
            ok(isk_transform(model, &desc));
            same_features("C alone", c, all.c[2] + probes[p] * C_DIM, C_DIM);
            same_features("Z alone", z, all.z[2] + probes[p] * Z_DIM, Z_DIM);
        }
        isk_model_close(model);
    }
}

/* More padding, the same lengths, the same first weights: the same C. */
static void padding_changes_nothing(void **state) {
    static const char *const settings[] = { "pool=last", "pool=mean norm_place=first", "pool=cls blocks=2" };
    static isk_scalar wide[ROWS * 2 * MOST_COLS];
    static features f, due;
    int s, row;
    (void)state;
    for (row = 0; row < ROWS; row++) { memcpy(wide + row * 2 * MOST_COLS, data[2] + row * MOST_COLS, MOST_COLS * sizeof(isk_scalar)); }
    for (s = 0; s < (int)COUNT(settings); s++) {
        char text[200];
        isk_fit_desc fit;
        isk_model *model;
        snprintf(text, sizeof text, "attention_dropout=0 shared_rate=0 %s", settings[s]);
        fit = trio(ISK_CLIP, SEQUENCE, text);
        model = fitted(context, &fit);
        features_of(model, &fit, &due);
        isk_model_close(model);
        fit.views[2].x = matrix_of(wide, ROWS, 2 * MOST_COLS);
        fit.views[2].steps = 2 * STEPS;
        model = fitted(context, &fit);
        features_of(model, &fit, &f);
        for (row = 0; row < ROWS; row++) { same_features("C with more padding", f.c[2] + row * C_DIM, due.c[2] + row * C_DIM, C_DIM); }
        isk_model_close(model);
    }
}

/* ---- rows that lack almost everything --------------------------------------------------------------------------------------------- */

/* Data of two sources, one after the other: the first lacks view 2, the second lacks view 1; a few have all. */
static void sources_one_after_the_other(void **state) {
    static uint8_t first[ROWS], second[ROWS];
    static features f;
    int m, row;
    (void)state;
    for (row = 0; row < ROWS; row++) {
        first[row] = row < 240 && row != 17;
        second[row] = row >= 160 && row != 300;         /* rows 17 and 300 have nothing of either */
    }
    for (m = next_method(0); m < isk_method_count(NULL); m = next_method(m + 1)) {
        const isk_method *method = isk_method_get(NULL, m);
        isk_fit_desc fit = trio(method, WHOLE, "batch=8 power=batch");
        isk_model *model;
        fit.view_count = 2;
        fit.views[0].present = first;
        fit.views[1].present = second;
        model = fitted(context, &fit);
        assert_int_equal(isk_model_report(model)->status, ISK_OK);
        features_of(model, &fit, &f);
        for (row = 0; row < ROWS && has_shared(method); row++) {
            assert_int_equal(f.c[0][row * C_DIM] == f.c[0][row * C_DIM], first[row]);
            assert_int_equal(f.c[1][row * C_DIM] == f.c[1][row * C_DIM], second[row]);
        }
        isk_model_close(model);
    }
}

/* What is reported of held-out rows is of those that have the view, however they lie among the batches. */
static void reports_count_rows_that_are_there(void **state) {
    static uint8_t first[ROWS], second[ROWS];
    static features f;
    isk_fit_desc fit = trio(ISK_INDISEEK, WHOLE, "batch=8 epochs=10");
    isk_model *model;
    int row, col, view;
    (void)state;
    for (row = 0; row < ROWS; row++) {
        split[row] = (uint8_t)(row % 3 == 2 ? ISK_VALIDATION : ISK_TRAIN);
        first[row] = row < 240;
        second[row] = row >= 160;
    }
    fit.view_count = 2;
    fit.views[0].present = first;
    fit.views[1].present = second;
    model = fitted(context, &fit);
    features_of(model, &fit, &f);
    for (view = 0; view < 2; view++) {
        double mean[MOST_COLS] = { 0 }, left = 0, spread = 0, reported = isk_report_value(isk_model_report(model), "validation_r2", view);
        int count = 0, cols = cols_of[view];
        for (row = 0; row < ROWS; row++) {
            if (split[row] != ISK_TRAIN || !fit.views[view].present[row]) { continue; }
            for (col = 0; col < cols; col++) { mean[col] += data[view][row * cols + col]; }
            count++;
        }
        for (row = 0; row < ROWS; row++) {
            if (split[row] != ISK_VALIDATION || !fit.views[view].present[row]) { continue; }
            for (col = 0; col < cols; col++) {
                double x = data[view][row * cols + col], g = f.g[view][row * cols + col];
                left += (x - g) * (x - g);
                spread += (x - mean[col] / count) * (x - mean[col] / count);
            }
        }
        if (fabs(reported - (1 - left / spread)) > 1e-4) {
            fail_msg("view %d: R^2 is reported as %g, it is %g", view + 1, reported, 1 - left / spread);
        }
    }
    isk_model_close(model);
    for (row = 0; row < ROWS; row++) { split[row] = (uint8_t)(row % 4 == 3 ? ISK_TEST : row % 8 == 6 ? ISK_VALIDATION : ISK_TRAIN); }
}

/* ---- what is refused ---------------------------------------------------------------------------------------------------------------- */

static void refuse(const isk_fit_desc *fit, isk_status due, const char *sentence) {
    isk_model *model;
    expect(context, isk_fit(context, fit, &model), due, sentence);
}

static void bad_input_is_named(void **state) {
    static isk_scalar narrow[ROWS * 2];
    static uint8_t few[ROWS];
    int32_t lengths_now[ROWS];
    isk_fit_desc fit = trio(ISK_INDISEEK, SEQUENCE, "");
    int i;
    (void)state;
    memcpy(lengths_now, lengths, sizeof lengths_now);
    fit.views[2].lengths = lengths_now;
    lengths_now[6] = STEPS + 1;
    refuse(&fit, ISK_DATA, "view 3: the length of row 7 is 5; it must be from 0 to 4");
    lengths_now[6] = -1;
    refuse(&fit, ISK_DATA, "view 3: the length of row 7 is -1; it must be from 0 to 4");
    fit = trio(ISK_INDISEEK, SEQUENCE, "");
    fit.views[2].steps = 5;
    refuse(&fit, ISK_SHAPE, "view 3 has 12 columns, which are not 5 steps of the same features");
    fit.views[2].steps = -2;
    refuse(&fit, ISK_ARGUMENT, "views[2].steps is -2; it must be at least 0");
    fit.views[2].steps = STEPS;
    set_options(context, &fit.options, "token_width=8 heads=3");
    refuse(&fit, ISK_ARGUMENT, "token_width is 8, which 3 heads do not divide");
    fit = trio(ISK_INDISEEK, SEQUENCE, "pool=last_padded");
    refuse(&fit, ISK_ARGUMENT, "pool last_padded takes a step that padding masked leaves empty; choose padding seen, or pool last");
    fit = trio(ISK_INDISEEK, WHOLE, "others=mean");
    for (i = 0; i < TRIO; i++) { fit.views[i].given = matrix_of(i == 2 ? narrow : common, ROWS, i == 2 ? 1 : COMMON); }
    refuse(&fit, ISK_ARGUMENT, "others=mean averages C, but C1 has 2 columns and C3 has 1; choose concat");
    fit = trio(ISK_INDISEEK, WHOLE, "");
    fit.view_count = 5;
    refuse(&fit, ISK_ARGUMENT, "view_count is 5; it must be from 2 to 4, or 1 with given shared features");
    fit.view_count = 4;
    refuse(&fit, ISK_SHAPE, "view 4 is empty: 0 x 0");
    fit = trio(ISK_INDISEEK, WHOLE, "");
    fit.views[1].present = few;
    refuse(&fit, ISK_DATA, "view 2 is present in 0 training rows; at least 2 are needed");
    few[8] = few[3] = few[6] = 1;                       /* train, test, validation */
    refuse(&fit, ISK_DATA, "view 2 is present in 1 training row; at least 2 are needed");
    {                                                   /* view 2 is where the others are not */
        static uint8_t first[ROWS], second[ROWS];
        for (i = 0; i < ROWS; i++) { second[i] = !(first[i] = i < ROWS / 2); }
        fit.views[0].present = fit.views[2].present = first;
        fit.views[1].present = second;
        refuse(&fit, ISK_DATA, "view 2 is present together with another view in 0 training rows; what it shares is learned from such rows, "
               "at least 2");
    }
    fit = trio(ISK_RESIDUAL_INDISEEK, SEQUENCE, "decode=pooled");
    refuse(&fit, ISK_ARGUMENT, "method residual-indiseek gives back X3 from its residuals, step by step; choose decode flat");
    data[2][3 * MOST_COLS + 4] = NAN;                   /* row 4, second step */
    lengths_now[3] = 2;
    fit = trio(ISK_INDISEEK, SEQUENCE, "");
    fit.views[2].lengths = lengths_now;
    lengths_now[6] = 1;
    refuse(&fit, ISK_DATA, "view 3: row 4, column 5 is not a number; remove or impute it");
    data[2][3 * MOST_COLS + 4] = 0;
}

static void transform_refuses(void **state) {
    static features f;
    isk_fit_desc fit = trio(ISK_INDISEEK, SEQUENCE, "epochs=1 shared_epochs=1");
    isk_model *model = fitted(context, &fit);
    isk_transform_desc desc;
    int32_t lengths_now[ROWS];
    (void)state;
    memcpy(lengths_now, lengths, sizeof lengths_now);
    lengths_now[399] = 9;
    desc = asked(model, &fit, &f);
    desc.views[2].lengths = lengths_now;
    expect(context, isk_transform(model, &desc), ISK_DATA, "transform: view 3: the length of row 400 is 9; it must be from 0 to 4");
    desc = asked(model, &fit, &f);
    ask(&desc, ISK_ROLE_SHARED, 3, f.c[0]);
    expect(context, isk_transform(model, &desc), ISK_ARGUMENT, "transform: this model of method indiseek has no output 'shared4'; it has "
           "shared1, specific1, reconstruction1, shared2, specific2, reconstruction2, shared3, specific3 and reconstruction3");
    isk_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fits_learn),
        cmocka_unit_test(garbage_changes_nothing),
        cmocka_unit_test(transform_leaves_out),
        cmocka_unit_test(all_present_is_none_absent),
        cmocka_unit_test(same_bits),
        cmocka_unit_test(other_presence_is_other_data),
        cmocka_unit_test(sequences_stand_alone),
        cmocka_unit_test(padding_changes_nothing),
        cmocka_unit_test(sources_one_after_the_other),
        cmocka_unit_test(reports_count_rows_that_are_there),
        cmocka_unit_test(bad_input_is_named),
        cmocka_unit_test(transform_refuses),
    };
    return cmocka_run_group_tests_name("views_fits", tests, open_context, close_context);
}
