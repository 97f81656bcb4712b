/* Method invae on planted counts: z_inv tells types and little of the batch, z_spur tells the batch; rows without label are given one;
   the encoder that sees expression alone is moved by no covariate; what asks for which data; the same bits for any threads, in sweeps,
   resumed, saved and loaded; warm-up, preset paper, no label at all; what it refuses.  Its formulas: tests/oracle/test_invae_oracle.c. */

#include "indiseek.h"
#include "tests/base/hostile.h"
#include "two_views.h"

enum { ROWS = 400, GENES = 40, TYPES = 3, BATCHES = 2, INV = 4, SPUR = 2, LATENT = INV + SPUR };

static isk_context *context, *twice;        /* one thread, two */

/* Cells of three types in two batches: a tenth of the genes for each type, others for the batch, and one number that is to stay. */
static isk_scalar x[ROWS * GENES], label[ROWS * TYPES], some[ROWS * TYPES], batch[ROWS * BATCHES], age[ROWS], total[ROWS];
static int type_of[ROWS];
static uint8_t split[ROWS];

static void ok(isk_status status) {
    if (status != ISK_OK) { fail_msg("%s / %s", isk_error(context), isk_error(twice)); }
}

/* Gamma of a shape of 2 or more, mean 1: a sum of exponentials. */
static double varied(uint64_t *seed, int shape) {
    double sum = 0;
    int i;
    for (i = 0; i < shape; i++) { sum -= log(1 - uniform(seed)); }
    return sum / shape;
}

static double poisson(uint64_t *seed, double mean) {
    double product = uniform(seed), count = 0;
    const double end = exp(-mean);
    for (; product > end; count++) { product *= uniform(seed); }
    return count;
}

static void plant(uint64_t seed) {
    static double of_type[TYPES][GENES], of_batch[BATCHES][GENES], base[GENES];
    int i, j, k;
    for (j = 0; j < GENES; j++) {
        base[j] = exp(1.3 + 0.6 * gaussian(&seed));
        for (k = 0; k < TYPES; k++) { of_type[k][j] = j % 5 < 3 ? exp(1.0 * gaussian(&seed)) : 1; }
        for (k = 0; k < BATCHES; k++) { of_batch[k][j] = j % 5 > 1 ? exp(0.8 * gaussian(&seed)) : 1; }
    }
    memset(label, 0, sizeof label);
    memset(batch, 0, sizeof batch);
    memset(some, 0, sizeof some);
    for (i = 0; i < ROWS; i++) {
        const int which = uniform(&seed) < 0.5, type = type_of[i] = (int)(uniform(&seed) * TYPES);
        const double size = exp(0.3 * gaussian(&seed));
        label[i * TYPES + type] = 1;
        batch[i * BATCHES + which] = 1;
        if (i % 3 > 0) { some[i * TYPES + type] = 1; }
        age[i] = (isk_scalar)gaussian(&seed);
        total[i] = 0;
        for (j = 0; j < GENES; j++) {
            const double mean = size * base[j] * of_type[type][j] * of_batch[which][j];
            x[i * GENES + j] = (isk_scalar)poisson(&seed, mean * varied(&seed, 4));
            total[i] += x[i * GENES + j];
        }
        split[i] = (uint8_t)(i % 4 == 3 ? ISK_TEST : ISK_TRAIN);
    }
}

static int begin(void **state) {
    isk_context_desc desc;
    (void)state;
    memset(&desc, 0, sizeof desc);
    desc.device = ISK_DEVICE_CPU;
    desc.threads = 1;
    context = isk_open(&desc);
    desc.threads = 2;
    twice = isk_open(&desc);
    plant(1);
    return context && twice ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    isk_close(context);
    isk_close(twice);
    return 0;
}

static void set(isk_fit_desc *fit, const char *settings) {
    char text[400], *word, *next;
    snprintf(text, sizeof text, "%s", settings);
    for (word = text; *word; word = next) {
        char *value = strchr(word, '=');
        next = word + strcspn(word, " ");
        if (*next) { *next++ = 0; }
        *value++ = 0;
        ok(isk_option_set(context, ISK_INVAE, &fit->options, word, value));
    }
}

static void give(isk_extra *extras, const char *name, const isk_scalar *values, int cols) {
    while (extras->name && strcmp(extras->name, name) != 0) { extras++; }
    extras->name = name;
    extras->values = matrix_of(values, ROWS, cols);
}

/* Both covariates; of all cells but every fourth. */
static isk_fit_desc fit_of(const char *settings) {
    isk_fit_desc fit;
    memset(&fit, 0, sizeof fit);
    fit.method = ISK_INVAE;
    fit.view_count = 1;
    fit.views[0].x = matrix_of(x, ROWS, GENES);
    fit.split = split;
    fit.seed = 3;
    give(fit.extras, "label", label, TYPES);
    give(fit.extras, "batch", batch, BATCHES);
    set(&fit, "invariant_dim=4 spurious_dim=2 width=32 batch=64 epochs=3 patience=0 schedule=constant");
    set(&fit, "prior_variance=learned invariance=5 classification=0");
    set(&fit, settings);
    return fit;
}

static isk_model *fitted(isk_context *owner, const isk_fit_desc *fit) {
    isk_model *model = NULL;
    ok(isk_fit(owner, fit, &model));
    return model;
}

static double number(const isk_model *model, const char *name) { return isk_report_value(isk_model_report(model), name, 0); }

typedef struct latent { isk_scalar inv[ROWS * INV], spur[ROWS * SPUR], logvar[ROWS * LATENT]; } latent;

static isk_transform_desc latent_asked(latent *out) {
    isk_transform_desc desc;
    memset(&desc, 0, sizeof desc);
    memset(out, 0, sizeof *out);
    desc.views[0].x = matrix_of(x, ROWS, GENES);
    desc.out[0].name = "invariant1";
    desc.out[0].values = out->inv;
    desc.out[1].name = "spurious1";
    desc.out[1].values = out->spur;
    desc.out[2].name = "logvar1";
    desc.out[2].values = out->logvar;
    return desc;
}

/* No covariate is given. */
static void latent_of(const isk_model *model, latent *out) {
    isk_transform_desc desc = latent_asked(out);
    ok(isk_transform(model, &desc));
}

/* What a line tells of y, on the cells that were not trained on. */
static double told(const isk_scalar *z, int cols, const isk_scalar *y, int y_cols) {
    isk_regression_desc desc;
    double r2;
    memset(&desc, 0, sizeof desc);
    desc.x = matrix_of(z, ROWS, cols);
    desc.y = matrix_of(y, ROWS, y_cols);
    desc.part = split;
    ok(isk_ridge_r2(context, &desc, &r2));
    return r2;
}

/* ---- what it is for ---- */

#if defined(__SANITIZE_ADDRESS__)
    #define SANITIZED 1
#elif defined(__has_feature)
    #if __has_feature(address_sanitizer)
        #define SANITIZED 1
    #endif
#endif
#ifdef SANITIZED
#define WHOLE_TRAININGS do { print_message("# skipped: whole trainings take too long under the sanitizers\n"); skip(); } while (0)
#else
#define WHOLE_TRAININGS (void)0
#endif

/* The batch lies in z_spur where there is one.  Where there is none, z_inv carries it, unless invariance asks that it should not. */
static void tells_types_apart_and_batches_elsewhere(void **state) {
    static latent z;
    int seed;
    (void)state;
    WHOLE_TRAININGS;
    for (seed = 1; seed <= 3; seed++) {
        static const char *const settings[] = { "", "spurious_dim=0 invariance=0", "spurious_dim=0 invariance=20" };
        double types[3], leaked[3], elsewhere = 0;
        int k;
        plant((uint64_t)seed);
        for (k = 0; k < 3; k++) {
            isk_fit_desc fit = fit_of("epochs=100 rate=0.005 inject=none");
            isk_transform_desc desc = latent_asked(&z);
            isk_model *model;
            set(&fit, settings[k]);
            fit.seed = (uint64_t)seed;
            model = fitted(twice, &fit);
            if (k > 0) { desc.out[1].name = NULL; }
            ok(isk_transform(model, &desc));
            types[k] = told(z.inv, INV, label, TYPES);
            leaked[k] = told(z.inv, INV, batch, BATCHES);
            if (k == 0) { elsewhere = told(z.spur, SPUR, batch, BATCHES); }
            isk_model_close(model);
        }
        print_message("# types %.2f %.2f %.2f, batch from z_inv %.2f %.2f %.2f, from z_spur %.2f\n", types[0], types[1], types[2],
                      leaked[0], leaked[1], leaked[2], elsewhere);
        assert_true(types[0] > 0.75 && types[1] > 0.75 && types[2] > 0.75);
        assert_true(leaked[0] < 0.2 && elsewhere > 0.6);
        assert_true(leaked[1] > 0.4 && leaked[2] < leaked[1] - 0.2);
    }
}

/* A third of the cells that are trained on has no label; they are given theirs, and so are new ones. */
static void names_what_is_unlabelled(void **state) {
    static isk_scalar probability[ROWS * TYPES];
    isk_fit_desc fit;
    int seed;
    (void)state;
    WHOLE_TRAININGS;
    for (seed = 1; seed <= 3; seed++) {
        isk_transform_desc desc;
        isk_model *model;
        int i, k, asked[2] = { 0 }, right[2] = { 0 };
        plant((uint64_t)seed);
        fit = fit_of("epochs=100 rate=0.005 classification=1");
        fit.seed = (uint64_t)seed;
        give(fit.extras, "label", some, TYPES);
        model = fitted(twice, &fit);
        memset(&desc, 0, sizeof desc);
        desc.views[0] = fit.views[0];
        desc.out[0].name = "label1";
        desc.out[0].values = probability;
        ok(isk_transform(model, &desc));
        for (i = 0; i < ROWS; i++) {
            const isk_scalar *p = probability + i * TYPES;
            int best = 0;
            double sum = 0;
            for (k = 0; k < TYPES; k++) {
                sum += (double)p[k];
                if (p[k] > p[best]) { best = k; }
            }
            assert_true(fabs(sum - 1) < 1e-5);
            if (i % 3 > 0 && split[i] == ISK_TRAIN) { continue; }
            asked[split[i] == ISK_TEST]++;
            right[split[i] == ISK_TEST] += best == type_of[i];
        }
        print_message("# right: %d of %d that were trained on, %d of %d new ones\n", right[0], asked[0], right[1], asked[1]);
        for (k = 0; k < 2; k++) { assert_true(asked[k] > 50 && right[k] > 0.85 * asked[k]); }
        isk_model_close(model);
    }
}

/* ---- what is made from what ---- */

static void covariates_do_not_move_latent_variables(void **state) {
    static latent z, other;
    static isk_scalar turned[ROWS * TYPES], turned_batch[ROWS * BATCHES];
    isk_fit_desc fit = fit_of("");
    isk_model *model = fitted(context, &fit);
    isk_transform_desc desc;
    int i, j;
    (void)state;
    latent_of(model, &z);
    for (i = 0; i < ROWS; i++) {
        for (j = 0; j < TYPES; j++) { turned[i * TYPES + j] = label[(i + 7) % ROWS * TYPES + j]; }
        for (j = 0; j < BATCHES; j++) { turned_batch[i * BATCHES + j] = batch[(i + 11) % ROWS * BATCHES + j]; }
    }
    for (i = 0; i < 2; i++) {
        desc = latent_asked(&other);
        give(desc.extras, "label", i ? turned : label, TYPES);
        give(desc.extras, "batch", i ? turned_batch : batch, BATCHES);
        ok(isk_transform(model, &desc));
        assert_memory_equal(&z, &other, sizeof z);
    }
    isk_model_close(model);

    /* the encoder that sees them is moved, and asks for them */
    set(&fit, "encoder=published");
    model = fitted(context, &fit);
    expect(context, isk_transform(model, &desc), ISK_OK, "");
    latent_asked(&z);
    desc = latent_asked(&z);
    expect(context, isk_transform(model, &desc), ISK_ARGUMENT, "transform: invariant1 is asked for without label; set desc->extras");
    give(desc.extras, "label", label, TYPES);
    expect(context, isk_transform(model, &desc), ISK_ARGUMENT, "transform: invariant1 is asked for without batch; set desc->extras");
    give(desc.extras, "batch", batch, BATCHES);
    ok(isk_transform(model, &desc));
    assert_true(memcmp(z.inv, other.inv, sizeof z.inv) != 0);
    isk_model_close(model);
}

/* Each output asks for what it is made from, and for nothing else. */
static void each_output_asks_for_its_own(void **state) {
    static isk_scalar out[ROWS * GENES], again[ROWS * GENES], twice_total[ROWS];
    static const struct { const char *settings, *output, *lacks; } cases[] = {
        { "inject=none", "denoised1", NULL }, { "inject=none", "reconstruction1", "library" }, { "", "denoised1", "batch" },
        { "", "reconstruction1", "batch" }, { "", "invariant1", NULL }, { "", "spurious1", NULL }, { "", "logvar1", NULL },
        { "", "label1", "invariant" },
    };
    size_t k;
    int i, j;
    (void)state;
    for (k = 0; k < COUNT(cases); k++) {
        isk_fit_desc fit = fit_of(cases[k].settings);
        isk_transform_desc desc;
        isk_model *model;
        char sentence[120];
        give(fit.extras, "library", total, 1);
        give(fit.extras, "invariant", age, 1);
        model = fitted(context, &fit);
        memset(&desc, 0, sizeof desc);
        desc.views[0] = fit.views[0];
        desc.out[0].name = cases[k].output;
        desc.out[0].values = out;
        snprintf(sentence, sizeof sentence, "transform: %s is asked for without %s; set desc->extras", cases[k].output, cases[k].lacks);
        if (cases[k].lacks) {
            expect(context, isk_transform(model, &desc), ISK_ARGUMENT, sentence);
        } else {
            ok(isk_transform(model, &desc));
        }
        isk_model_close(model);
    }
    /* what is given back adds up to the library, and the part of each gene to 1 */
    for (i = 0; i < ROWS; i++) { twice_total[i] = 2 * total[i]; }
    for (k = 0; k < 2; k++) {
        isk_fit_desc fit = fit_of("");
        isk_transform_desc desc;
        isk_model *model;
        if (k) { give(fit.extras, "library", twice_total, 1); }
        model = fitted(context, &fit);
        memset(&desc, 0, sizeof desc);
        desc.views[0] = fit.views[0];
        desc.out[0].name = "denoised1";
        desc.out[0].values = out;
        desc.out[1].name = "reconstruction1";
        desc.out[1].values = again;
        memcpy(desc.extras, fit.extras, sizeof desc.extras);
        ok(isk_transform(model, &desc));
        for (i = 0; i < ROWS; i++) {
            double parts = 0, sum = 0;
            for (j = 0; j < GENES; j++) {
                parts += (double)out[i * GENES + j];
                sum += (double)again[i * GENES + j];
            }
            assert_true(fabs(parts - 1) < 1e-5 && fabs(sum / (double)(k ? twice_total : total)[i] - 1) < 1e-5);
        }
        isk_model_close(model);
    }
}

/* ---- the same bits ---- */

/* Rows that lack a label, dropout, a warm-up: everything that draws or counts. */
static const char *const eventful = "encoder=dropout kl=sampled total_correlation=1 warm_up=2 dropout=0.2 epochs=6";

static void latent_of_all(const isk_model *model, const isk_fit_desc *fit, latent *out) {
    isk_transform_desc desc = latent_asked(out);
    memcpy(desc.extras, fit->extras, sizeof desc.extras);
    ok(isk_transform(model, &desc));
}

static void threads_and_company_leave_no_trace(void **state) {
    static latent z, other;
    isk_sweep_desc sweep;
    isk_model *models[3];
    int i;
    (void)state;
    memset(&sweep, 0, sizeof sweep);
    sweep.fit = fit_of(eventful);
    sweep.seed_count = 3;
    give(sweep.fit.extras, "label", some, TYPES);
    ok(isk_sweep(twice, &sweep, models));
    for (i = 0; i < 3; i++) {
        isk_fit_desc fit = sweep.fit;
        isk_model *alone;
        fit.seed += (uint64_t)i;
        alone = fitted(context, &fit);
        same_model(context, alone, models[i], "alone and in a sweep");
        latent_of_all(alone, &fit, &z);
        latent_of_all(models[i], &fit, &other);
        assert_memory_equal(&z, &other, sizeof z);
        assert_true(number(alone, "nll") == number(models[i], "nll") && number(alone, "invariance") == number(models[i], "invariance"));
        isk_model_close(alone);
        isk_model_close(models[i]);
    }
}

static int stop_after, epochs_seen;

static void stop(void *user, const isk_progress *progress) {
    (void)progress;
    if (++epochs_seen == stop_after) { isk_interrupt(*(isk_context **)user); }
}

/* Stopped within the warm-up and after it, and resumed. */
static void stops_leave_no_trace(void **state) {
    isk_sweep_desc sweep;
    isk_model *model, *resumed;
    isk_context_desc desc;
    isk_context *watched;
    (void)state;
    memset(&desc, 0, sizeof desc);
    desc.device = ISK_DEVICE_CPU;
    desc.threads = 2;
    desc.progress = stop;
    desc.user = &watched;
    watched = isk_open(&desc);
    assert_non_null(watched);
    memset(&sweep, 0, sizeof sweep);
    sweep.fit = fit_of(eventful);
    give(sweep.fit.extras, "label", some, TYPES);
    model = fitted(context, &sweep.fit);
    sweep.fit.checkpoint = scratch("invae.stopped");
    sweep.fit.checkpoint_every = 1;
    for (stop_after = 1; stop_after < 6; stop_after += 2) {
        remove(sweep.fit.checkpoint);
        epochs_seen = 0;
        assert_int_equal(isk_resume(watched, &sweep, &resumed), ISK_INTERRUPTED);
        ok(isk_resume(context, &sweep, &resumed));
        same_model(context, model, resumed, "resumed");
        isk_model_close(resumed);
    }
    remove(sweep.fit.checkpoint);
    isk_model_close(model);
    isk_close(watched);
}

/* Loaded where no data is at hand: all that it gives is the same. */
static void loaded_is_saved(void **state) {
    static const char *const settings[] = {
        "", "likelihood=zinb encoder=published", "prior=nonfactorised", "networks=published", "likelihood=poisson"
    };
    static latent z, other;
    static isk_scalar back[2][ROWS * GENES];
    size_t k;
    (void)state;
    for (k = 0; k < COUNT(settings); k++) {
        isk_fit_desc fit = fit_of(settings[k]);
        isk_model *model = fitted(context, &fit), *loaded;
        const char *path = scratch("invae.safetensors");
        isk_transform_desc desc = latent_asked(&z);
        memcpy(desc.extras, fit.extras, sizeof desc.extras);
        desc.out[3].name = "reconstruction1";
        desc.out[3].values = back[0];
        ok(isk_transform(model, &desc));
        ok(isk_save(model, path));
        isk_model_close(model);
        ok(isk_load(twice, path, &loaded));
        desc = latent_asked(&other);
        memcpy(desc.extras, fit.extras, sizeof desc.extras);
        desc.out[3].name = "reconstruction1";
        desc.out[3].values = back[1];
        ok(isk_transform(loaded, &desc));
        assert_memory_equal(&z, &other, sizeof z);
        assert_memory_equal(back[0], back[1], sizeof back[0]);
        isk_model_close(loaded);
        remove(path);
    }
}

/* ---- options ---- */

static void trains_in_every_mode(void **state) {
    static const char *const settings[] = {
        "likelihood=zinb prior_mean=zero", "likelihood=poisson prior_variance=one input=normalized", "prior_mean=zero prior_variance=one",
        "prior=nonfactorised kl=sampled score_penalty=0.1", "networks=published total_correlation=1", "encoder=dropout classification=1",
        "prior=nonfactorised networks=published", "spurious_dim=0", "inject=none norm=layer layers=3", "norm=none activation=gelu",
        "validation=0.2 patience=2",
    };
    static latent z;
    size_t k;
    int i;
    (void)state;
    for (k = 0; k < COUNT(settings); k++) {
        isk_fit_desc fit = fit_of(settings[k]);
        isk_transform_desc desc = latent_asked(&z);
        isk_model *model;
        if (k == COUNT(settings) - 1) { fit.split = NULL; }
        model = fitted(context, &fit);
        memcpy(desc.extras, fit.extras, sizeof desc.extras);
        desc.out[1].name = "logvar1";
        desc.out[1].values = z.logvar;
        desc.out[2].name = NULL;
        ok(isk_transform(model, &desc));
        for (i = 0; i < ROWS * INV; i++) { assert_true(isfinite((double)z.inv[i]) && isfinite((double)z.logvar[i])); }
        assert_true(isfinite(number(model, "nll")) || fit.split);       /* of held-out rows, where there are any */
        assert_true(isfinite(number(model, "kl")) && number(model, "invariance") >= 0 && number(model, "epochs") == 3);
        isk_model_close(model);
    }
}

static void presets(void **state) {
    static latent z;
    isk_fit_desc fit = fit_of("");
    isk_options options;
    isk_model *model;
    int i;
    (void)state;
    memset(&options, 0, sizeof options);
    memset(&fit.options, 0, sizeof fit.options);
    fit.preset = ISK_PAPER;
    set(&fit, "epochs=2 invariant_dim=4 spurious_dim=2");
    model = fitted(context, &fit);
    {
        isk_transform_desc desc = latent_asked(&z);
        memcpy(desc.extras, fit.extras, sizeof desc.extras);
        ok(isk_transform(model, &desc));
    }
    for (i = 0; i < ROWS * SPUR; i++) { assert_true(isfinite((double)z.spur[i])); }
    isk_model_close(model);
    ok(isk_options_resolve(context, ISK_INVAE, &options, ISK_PAPER));
    assert_true(options.batch == 256 && options.epochs == 500 && options.patience <= 0 && options.norm == ISK_NORM_BATCH);
    assert_true(fabs(options.rate - 1e-3) < 1e-9 && fabs(options.dropout - 0.1) < 1e-9 && fabs(options.weight_decay - 1e-4) < 1e-9);
    memset(&options, 0, sizeof options);
    ok(isk_options_resolve(context, ISK_INVAE, &options, ISK_ROBUST));
    assert_true(options.batch == 128 && options.epochs == 400 && options.patience == 45 && options.width == 128 && options.layers == 2);
}

/* With a warm-up that never ends the divergences weigh next to nothing, and are larger for it. */
static void warm_up(void **state) {
    double kl[2], spurious[2];
    int k;
    (void)state;
    for (k = 0; k < 2; k++) {
        isk_fit_desc fit = fit_of(k ? "epochs=20 rate=0.005 warm_up=100000" : "epochs=20 rate=0.005");
        isk_model *model = fitted(context, &fit);
        kl[k] = number(model, "kl");
        spurious[k] = number(model, "kl_spurious");
        isk_model_close(model);
    }
    assert_true(kl[1] > 2 * kl[0] && spurious[1] > 2 * spurious[0]);
}

/* No row has a label: all of them are of the mixture. */
static void no_label_at_all(void **state) {
    static isk_scalar none[ROWS * TYPES], out[ROWS * TYPES];
    isk_fit_desc fit = fit_of("");
    isk_transform_desc desc;
    isk_model *model;
    int i, k;
    (void)state;
    give(fit.extras, "label", none, TYPES);
    model = fitted(context, &fit);
    assert_true(isfinite(number(model, "kl")) && isfinite(number(model, "invariance")));
    memset(&desc, 0, sizeof desc);
    desc.views[0] = fit.views[0];
    desc.out[0].name = "label1";
    desc.out[0].values = out;
    ok(isk_transform(model, &desc));
    for (i = 0; i < ROWS; i++) {
        double sum = 0;
        for (k = 0; k < TYPES; k++) { sum += (double)out[i * TYPES + k]; }
        assert_true(fabs(sum - 1) < 1e-5);
    }
    isk_model_close(model);
}

/* What stands in rows that were not measured is nothing to it, and comes out as NaN. */
static void rows_that_are_absent(void **state) {
    static isk_scalar garbage[ROWS * GENES];
    static uint8_t present[ROWS];
    static latent z, other;
    isk_fit_desc fit = fit_of("total_correlation=1");
    isk_transform_desc desc;
    isk_model *one, *two;
    int i;
    (void)state;
    for (i = 0; i < ROWS; i++) { present[i] = i % 7 != 2; }
    for (i = 0; i < ROWS * GENES; i++) { garbage[i] = present[i / GENES] ? x[i] : (isk_scalar)-0.5; }
    fit.views[0].present = present;
    one = fitted(context, &fit);
    fit.views[0].x.data = garbage;
    two = fitted(twice, &fit);
    desc = latent_asked(&z);
    desc.views[0] = fit.views[0];
    ok(isk_transform(one, &desc));
    desc = latent_asked(&other);
    desc.views[0] = fit.views[0];
    ok(isk_transform(two, &desc));
    assert_memory_equal(&z, &other, sizeof z);
    for (i = 0; i < ROWS; i++) { assert_int_equal(isnan((double)z.inv[i * INV]) != 0, !present[i]); }
    isk_model_close(one);
    isk_model_close(two);
}

/* Held-out rows that are absent leave the mean of those that are not as it is, over however many epochs: eight terms, and the rows. */
static void held_out_rows_that_are_absent(void **state) {
    static isk_scalar noise[ROWS * LATENT];
    static uint8_t part[2][ROWS], present[ROWS];
    double nll[2], kl[2];
    uint64_t seed = 4;
    int i, k;
    (void)state;
    for (i = 0; i < ROWS * LATENT; i++) { noise[i] = (isk_scalar)gaussian(&seed); }
    for (i = 0; i < ROWS; i++) {
        present[i] = i % 8 != 3;
        part[1][i] = (uint8_t)(i % 4 == 3 ? ISK_VALIDATION : ISK_TRAIN);
        part[0][i] = (uint8_t)(present[i] ? part[1][i] : ISK_TEST);
    }
    for (k = 0; k < 2; k++) {
        isk_fit_desc fit = fit_of("epochs=4");
        isk_model *model;
        give(fit.extras, "noise", noise, LATENT);
        fit.split = part[k];
        if (k) { fit.views[0].present = present; }
        model = fitted(context, &fit);
        nll[k] = number(model, "nll");
        kl[k] = number(model, "kl");
        isk_model_close(model);
    }
    assert_true(isfinite(nll[0]) && fabs(nll[1] - nll[0]) < 1e-4 * fabs(nll[0]) && fabs(kl[1] - kl[0]) < 1e-4 * fabs(kl[0]));
}

/* ---- what it refuses ---- */

static void refuse(const isk_fit_desc *fit, isk_status due, const char *sentence) {
    isk_model *model;
    expect(context, isk_fit(context, fit, &model), due, sentence);
    assert_null(model);
}

static void without(isk_fit_desc *fit, const char *name) {
    int i;
    for (i = 0; fit->extras[i].name && strcmp(fit->extras[i].name, name) != 0; i++) {}
    memmove(fit->extras + i, fit->extras + i + 1, (size_t)(ISK_MAX_EXTRAS - 1 - i) * sizeof *fit->extras);
    memset(fit->extras + ISK_MAX_EXTRAS - 1, 0, sizeof *fit->extras);
}

static void counts_or_any_numbers(void **state) {
    static isk_scalar odd[ROWS * GENES];
    isk_fit_desc fit = fit_of("");
    isk_transform_desc desc;
    isk_model *model;
    static latent z;
    (void)state;
    memcpy(odd, x, sizeof odd);
    odd[3 * GENES + 4] = (isk_scalar)-2.5;
    fit.views[0].x.data = odd;
    refuse(&fit, ISK_DATA, "view 1: row 4, column 5 is -2.5; the method needs counts, whole numbers from 0 on");
    odd[3 * GENES + 4] = (isk_scalar)2.5;
    set(&fit, "likelihood=poisson");
    refuse(&fit, ISK_DATA, "view 1: row 4, column 5 is 2.5; the method needs counts, whole numbers from 0 on");
    set(&fit, "likelihood=gaussian");
    odd[0] = -7;
    model = fitted(context, &fit);
    desc = latent_asked(&z);
    desc.views[0] = fit.views[0];
    ok(isk_transform(model, &desc));
    isk_model_close(model);
    fit = fit_of("");
    model = fitted(context, &fit);
    expect(context, isk_transform(model, &desc), ISK_DATA,
           "view 1: row 1, column 1 is -7; the method needs counts, whole numbers from 0 on");
    isk_model_close(model);
}

static void what_it_refuses(void **state) {
    isk_fit_desc fit = fit_of("invariant_dim=30 spurious_dim=11");
    (void)state;
    refuse(&fit, ISK_ARGUMENT, "there are 41 latent variables (invariant_dim 30, spurious_dim 11), and 40 features to learn them from; "
           "choose fewer");
    fit = fit_of("");
    give(fit.extras, "library", label, TYPES);
    refuse(&fit, ISK_SHAPE, "extra library has 3 columns and noise 0; they take 1, and one for each of 6 latent variables");
    fit = fit_of("");
    give(fit.extras, "noise", label, TYPES);
    refuse(&fit, ISK_SHAPE, "extra library has 0 columns and noise 3; they take 1, and one for each of 6 latent variables");
    fit = fit_of("total_correlation=1 spurious_dim=0");
    refuse(&fit, ISK_ARGUMENT, "total_correlation is of z_inv and z_spur, and spurious_dim is 0; set one of them");
    fit = fit_of("prior=nonfactorised");
    without(&fit, "label");
    refuse(&fit, ISK_ARGUMENT, "prior nonfactorised needs covariates that stay: extras label or invariant");
    fit = fit_of("prior=nonfactorised activation=gelu");
    refuse(&fit, ISK_ARGUMENT, "prior nonfactorised takes activation relu alone: its second derivatives must be 0");
    fit = fit_of("layers=1");
    refuse(&fit, ISK_ARGUMENT, "layers is 1; the encoder of invae has at least 2");
    fit = fit_of("");
    fit.view_count = 2;
    fit.views[1].x = fit.views[0].x;
    refuse(&fit, ISK_ARGUMENT, "view_count is 2; method invae takes 1");
    fit = fit_of("");
    give(fit.extras, "donor", batch, BATCHES);
    refuse(&fit, ISK_ARGUMENT, "method invae has no use for 'donor'");
}

static isk_status fit_and_close(isk_context *owner, void *argument) {
    isk_model *model;
    isk_status status = isk_fit(owner, argument, &model);
    isk_model_close(model);
    return status;
}

static void no_memory_leaves_nothing_behind(void **state) {
    isk_fit_desc fit = fit_of("epochs=1 width=4 total_correlation=1 warm_up=1");
    isk_context *scarce = scarce_context();
    (void)state;
    fit.views[0].x = matrix_of(x, 20, GENES);
    fit.extras[0].values.rows = fit.extras[1].values.rows = 20;
    give(fit.extras, "invariant", age, 1);
    fit.extras[2].values.rows = 20;
    fit.split = NULL;
    sweep_memory(scarce, fit_and_close, &fit);
    isk_close(scarce);
}

#define invae(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        invae(tells_types_apart_and_batches_elsewhere),
        invae(names_what_is_unlabelled),
        invae(covariates_do_not_move_latent_variables),
        invae(each_output_asks_for_its_own),
        invae(threads_and_company_leave_no_trace),
        invae(stops_leave_no_trace),
        invae(loaded_is_saved),
        invae(trains_in_every_mode),
        invae(presets),
        invae(warm_up),
        invae(no_label_at_all),
        invae(rows_that_are_absent),
        invae(held_out_rows_that_are_absent),
        invae(counts_or_any_numbers),
        invae(what_it_refuses),
        invae(no_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests_name("invae", tests, NULL, NULL);
}
