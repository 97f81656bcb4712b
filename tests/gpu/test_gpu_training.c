/* Training on a CUDA device: what a fit gives there and on the CPU, graphs of launches beside one block a model, sweeps that do
   not fit, and everything that can go wrong.  The device is the stand-in of tests/gpu/emulator, or with INDISEEK_TEST_GPU=1 the one
   in the machine; tests of faults then are skipped. */
/* build: standin */

#define INDISEEK_IMPLEMENTATION
#include "indiseek.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <dirent.h>
#include <cmocka.h>

#include "tests/base/hostile.h"
#include "tests/library/own_method.h"
#include "tests/library/two_views.h"
#include "emulator/standin.h"

enum { ROWS = 96, MOST_RECORDS = 400 };

static const char *library;         /* the stand-in, or NULL: the real one */
static char cache[600];
static standin_reset_function *reset;
static standin_count_function *count;

/* ---- contexts whose records are kept ---- */

typedef struct diary { int count; char *lines[MOST_RECORDS]; char warnings[2000], notes[2000]; } diary;

static void keep_record(void *user, const char *json) {
    diary *d = user;
    if (d->count < MOST_RECORDS) { d->lines[d->count++] = strdup(json); }
}

static void keep_log(void *user, isk_level level, const char *message) {
    diary *d = user;
    char *to = level == ISK_WARNING ? d->warnings : d->notes;
    size_t used = strlen(to);
    snprintf(to + used, 2000 - used, "%s\n", message);
}

static void forget(diary *d) {
    int i;
    for (i = 0; i < d->count; i++) { free(d->lines[i]); }
    memset(d, 0, sizeof *d);
}

static isk_context *open_on(isk_device device, isk_trainer trainer, diary *d) {
    isk_context_desc desc;
    isk_context *context;
    memset(&desc, 0, sizeof desc);
    memset(d, 0, sizeof *d);
    desc.threads = 1;
    desc.device = device;
    desc.cuda.trainer = trainer;
    desc.cuda.graph_rounds = 4;
    desc.record = keep_record;
    desc.log = keep_log;
    desc.user = d;
    context = isk_open(&desc);
    assert_non_null(context);
    return context;
}

/* A sweep over lambdas and seeds; its records are in the diary. */
static void train(isk_context *context, const char *settings, int lambdas, int seeds, isk_model **models) {
    static const double values[] = { 1, 10, 0.1 };
    isk_sweep_desc sweep;
    memset(&sweep, 0, sizeof sweep);
    sweep.fit = small_fit(context, ROWS, settings);
    sweep.lambdas = values;
    sweep.lambda_count = lambdas;
    sweep.seed_count = seeds;
    if (isk_sweep(context, &sweep, models) != ISK_OK) { fail_msg("%s: %s", settings, isk_error(context)); }
}

static void close_models(isk_model **models, int n) {
    int i;
    for (i = 0; i < n; i++) { isk_model_close(models[i]); }
}

/* Two lines of the log say the same: words alike, numbers within `relative` of each other (of 1 where they are small). */
static void same_record(const char *what, const char *a, const char *b, double relative) {
    const char *at = a, *bt = b;
    while (*at && *bt) {
        double x, y;
        size_t m = isk_parse_number(at, strlen(at), &x), n = isk_parse_number(bt, strlen(bt), &y);
        if (m > 0 && n > 0) {
            double scale = fabs(x) > 1 ? fabs(x) : 1;
            if (!(fabs(x - y) <= relative * scale)) { fail_msg("%s: %g and %g in\n%s\n%s", what, x, y, a, b); }
            at += m;
            bt += n;
            continue;
        }
        if (*at != *bt) { fail_msg("%s:\n%s\n%s", what, a, b); }
        at++;
        bt++;
    }
    assert_int_equal(*at, *bt);
}

/* The GPU takes the models of a stage together, the CPU one stage after the other: find the line of the same epoch. */
static const char *record_like(const diary *d, const char *line) {
    size_t length = (size_t)(strstr(line, ", \"loss\"") ? strstr(line, ", \"loss\"") - line : 0);
    int i;
    if (strstr(line, "\"critic_loss\"")) { length = (size_t)(strstr(line, ", \"critic_loss\"") - line); }
    for (i = 0; i < d->count; i++) {
        if (strncmp(d->lines[i], line, length) == 0) { return d->lines[i]; }
    }
    fail_msg("there is no record like %s", line);
    return "";
}

static void same_diaries(const char *what, const diary *a, const diary *b, double relative) {
    int i;
    assert_true(a->count > 0);
    assert_int_equal(a->count, b->count);
    for (i = 0; i < a->count; i++) { same_record(what, a->lines[i], record_like(b, a->lines[i]), relative); }
}

/* ---- the same numbers ---- */

/* Linear methods have nothing to train. */
static int trains(const isk_method *method) { return method != ISK_CCA && method != ISK_AJIVE; }

/* 20 steps of CLIP, then of what every method learns on it, 5 batches an epoch. */
static void losses_as_on_the_cpu(void **state) {
    int m;
    (void)state;
    /* the linear ones and transport on one of them stand last, and below */
    for (m = 0; m < isk_method_count(NULL) && (isk_method_get(NULL, m)->groups & ISK_READS(NETWORK)); m++) {
        static diary cpu, gpu;
        const isk_method *method = isk_method_get(NULL, m);
        const isk__family_info *family = method->own;
        int residual = family && family->residual, steps = family && family->keep != ISK__KEEP_NONE;
        isk_context *a = open_on(ISK_DEVICE_CPU, ISK_TRAINER_AUTO, &cpu), *b = open_on(ISK_DEVICE_CUDA, ISK_TRAINER_AUTO, &gpu);
        /* dividing a Z of small deviation by it makes rounding much larger, and a contrast at tau 0.07 again */
        const char *more = residual || (steps && family->keep == ISK__KEEP_CONTRAST) ? "standardize=none" : "";
        /* rounding switches rectifiers of the small head, after which double and float part as well: small steps */
        const char *fused = "token_width=8 tokens=3 fusion_heads=2 project_width=12 project_dim=6 optimizer=sgd rate=0.00003";
        isk_fit_desc fit = small_fit(a, ROWS, "batch=18 epochs=4 shared_epochs=4 residual_epochs=3 diagnoses=0");
        isk_model *one, *other;
        fit.method = method;
        set_options(a, &fit.options, method->can & ISK_LEARNS_FUSED ? fused : more);
        if (isk_fit(a, &fit, &one) != ISK_OK) { fail_msg("%s", isk_error(a)); }
        if (isk_fit(b, &fit, &other) != ISK_OK) { fail_msg("%s", isk_error(b)); }
        /* the shared stage; two regressions a view on residuals; the specific features of each view, where they are trained */
        assert_int_equal(cpu.count, 4 + (residual ? 2 * 2 * 3 : 0) + (steps ? 2 * 4 : 0));
        same_diaries(method->name, &cpu, &gpu, 1e-4);
        isk_model_close(one);
        isk_model_close(other);
        isk_close(a);
        isk_close(b);
        forget(&cpu);
        forget(&gpu);
    }
}

/* Every part that options bring in. */
static void options_as_on_the_cpu(void **state) {
    static const char *const settings[] = {
        "standardize=none critic_inner=per_epoch critic_steps=2", "club=permutation logvar=clamp", "dropout=0.2 activation=gelu",
        /* by SGD: a bias before a batch norm has gradient 0 but for rounding, and Adam makes steps of whatever size out of that */
        "norm=batch activation=tanh optimizer=sgd", "norm=layer activation=quick_gelu", "optimizer=sgd schedule=constant clip_norm=0.5",
        "optimizer=adamw weight_decay=0.01 schedule=plateau", "patience=1 stop_on=reconstruction", "power=batch last_batch=drop",
        "temperature=fixed shared_keep=last shared_scale=raw logvar=none", "diagnoses=1 diagnosis_epochs=1", "batch=43 activation=linear"
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        static diary cpu, gpu;
        char text[300];
        isk_context *a = open_on(ISK_DEVICE_CPU, ISK_TRAINER_AUTO, &cpu), *b = open_on(ISK_DEVICE_CUDA, ISK_TRAINER_GRAPH, &gpu);
        isk_model *one, *other;
        snprintf(text, sizeof text, "epochs=2 shared_epochs=2 diagnoses=0 %s", settings[i]);
        train(a, text, 1, 1, &one);
        train(b, text, 1, 1, &other);
        same_diaries(settings[i], &cpu, &gpu, 1e-3);
        isk_model_close(one);
        isk_model_close(other);
        isk_close(a);
        isk_close(b);
        forget(&cpu);
        forget(&gpu);
    }
}

/* Other data: a second view of two steps, a third view, rows that lack views, a target that some rows lack. */
enum { SEQUENCE = 1, ABSENT = 2, THIRD = 4, KNOWN = 8 };

static isk_fit_desc other_fit(isk_context *context, const isk_method *method, int what, const char *settings) {
    static uint8_t there[3][ROWS], known[ROWS];
    static int32_t lengths[ROWS];
    isk_fit_desc fit = small_fit(context, ROWS, "epochs=2 shared_epochs=2 residual_epochs=2 diagnoses=0 token_width=8 feed_forward=8 "
                                                "blocks=1 tokens=3 fusion_heads=2 project_width=12 project_dim=6");
    int i, view;
    for (i = 0; i < ROWS; i++) {
        for (view = 0; view < 3; view++) { there[view][i] = (i * 7 + view * 3) % 5 > 0; }
        lengths[i] = i % 3 ? 1 + i % 2 : 2;
        known[i] = i % 6 > 0;
    }
    fit.method = method;
    set_options(context, &fit.options, settings);
    if (what & THIRD) {
        fit.view_count = 3;
        fit.views[2].x = matrix_of(given1, ROWS, GIVEN_COLS);
    }
    if (what & SEQUENCE) {
        fit.views[1].steps = 2;
        fit.views[1].lengths = lengths;
    }
    for (view = 0; view < fit.view_count && (what & ABSENT); view++) { fit.views[view].present = there[view]; }
    if (fit.options.reduce == ISK_REDUCE_TARGET) { fit.target = matrix_of(given2, ROWS, GIVEN_COLS); }
    if (what & KNOWN) { fit.target_present = known; }
    return fit;
}

/* The features of both models, as far as the method has them, within `relative` of each other. */
static void same_features(const char *what, isk_context *context, const isk_model *one, const isk_model *other, const isk_fit_desc *fit,
                          double relative) {
    static isk_scalar values[2][2][ISK_MAX_VIEWS][ROWS * 16];
    const isk_model *models[2] = { one, other };
    int m, view, i, part;
    memset(values, 0, sizeof values);
    for (m = 0; m < 2; m++) {
        isk_transform_desc desc;
        memset(&desc, 0, sizeof desc);
        for (view = 0; view < fit->view_count; view++) {
            desc.views[view] = fit->views[view];
            ask_if_there(&desc, one, ISK_ROLE_SHARED, view, values[m][0][view]);
            ask_if_there(&desc, one, ISK_ROLE_SPECIFIC, view, values[m][1][view]);
        }
        ask_if_there(&desc, one, ISK_ROLE_FUSED, ISK_NONE, values[m][0][0]);
        memcpy(desc.extras, fit->extras, sizeof desc.extras);
        if (isk_transform(models[m], &desc) != ISK_OK) { fail_msg("%s", isk_error(context)); }
    }
    for (part = 0; part < 2; part++) {
        for (view = 0; view < fit->view_count; view++) {
            for (i = 0; i < ROWS * 16; i++) {
                double a = (double)values[0][part][view][i], b = (double)values[1][part][view][i];
                if (a != a && b != b) { continue; }
                if (!(fabs(a - b) <= relative * (1 + fabs(a)))) { fail_msg("%s: view %d, part %d: %g and %g", what, view + 1, part, a, b); }
            }
        }
    }
}

static void variants_as_on_the_cpu(void **state) {
    static const struct { const isk_method *method; int what; const char *settings; } cases[] = {
        { ISK_INDISEEK, SEQUENCE | ABSENT, "standardize=none pool=mean" },
        { ISK_INDISEEK, THIRD | ABSENT, "others=mean critic_inner=per_epoch critic_steps=1" },
        { ISK_INDISEEK, THIRD, "critic=nce critic_steps=2" }, { ISK_FACTORIZEDCL, SEQUENCE | ABSENT, "contrast=concat standardize=none" },
        { ISK_INFODISEN, ABSENT, "contrast_sides=one contrast_temperature=learned standardize=none contrast_tau=0.5" },
        { ISK_INDISEEK, ABSENT | KNOWN, "reduce=target standardize=none" }, { ISK_CLIP, SEQUENCE, "reduce=augment" },
        { ISK_CLIP, SEQUENCE, "positions=learned pool=cls padding=seen" },
        { ISK_CLIP, SEQUENCE | ABSENT, "positions=sincos pool=last_padded padding=seen norm_place=first attention_dropout=0" },
        /* by SGD: Adam makes steps of whatever size out of the rounding of a gradient that is 0 before a batch norm; and slowly: its
           small head has rectifiers that rounding switches, after which double and float go their own ways too */
        { ISK_COMM, 0, "optimizer=sgd rate=0.0003" }, { ISK_COMM, SEQUENCE | ABSENT, "optimizer=sgd rate=0.0003 patience=1" },
        { ISK_COMM, THIRD | SEQUENCE, "optimizer=sgd rate=0.003 augment=none fusion_blocks=2" },
        { ISK_RESIDUAL, 0, "dim=3" }, { ISK_RESIDUAL, SEQUENCE | ABSENT, "dim=3" }, { ISK_RESIDUAL, KNOWN, "reduce=target dim=2" },
        { ISK_CCA, ABSENT, "dim=3" }, { ISK_AJIVE, THIRD | ABSENT, "dim=3" },
        { ISK_TRANSPORT, 0, "dim=3 batch=8 transport_epochs=1 transport_maps=2" },
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static diary cpu, gpu;
        isk_context *a = open_on(ISK_DEVICE_CPU, ISK_TRAINER_AUTO, &cpu), *b = open_on(ISK_DEVICE_CUDA, ISK_TRAINER_GRAPH, &gpu);
        isk_fit_desc fit = other_fit(a, cases[i].method, cases[i].what, cases[i].settings);
        isk_model *one, *other;
        char what[200];
        snprintf(what, sizeof what, "%s %s", isk_method_name(cases[i].method), cases[i].settings);
        if (isk_fit(a, &fit, &one) != ISK_OK) { fail_msg("%s: %s", what, isk_error(a)); }
        if (isk_fit(b, &fit, &other) != ISK_OK) { fail_msg("%s: %s", what, isk_error(b)); }
        if (trains(cases[i].method)) { same_diaries(what, &cpu, &gpu, 1e-3); }
        same_features(what, a, one, other, &fit, 0.02);
        isk_model_close(one);
        isk_model_close(other);
        isk_close(a);
        isk_close(b);
        forget(&cpu);
        forget(&gpu);
    }
}

/* Counts of one view with covariates, of which some rows lack the label and some the view, by graphs and by blocks: every likelihood,
   prior and term. */
enum { GENES = 12, TYPES = 3 };

static isk_fit_desc counts_fit(isk_context *context, const char *settings) {
    static isk_scalar x[ROWS * GENES], label[ROWS * TYPES], batch[ROWS * 2], age[ROWS];
    static uint8_t there[ROWS];
    const char *const names[] = { "label", "batch", "invariant" };
    char words[300], *word, *next;
    isk_fit_desc fit;
    int i, j;
    memset(&fit, 0, sizeof fit);
    memset(label, 0, sizeof label);
    memset(batch, 0, sizeof batch);
    for (i = 0; i < ROWS; i++) {
        for (j = 0; j < GENES; j++) {
            const double rise = (double)(j < VIEW1_COLS ? view1[i * VIEW1_COLS + j] : view2[i * VIEW2_COLS + j % VIEW2_COLS]);
            x[i * GENES + j] = (isk_scalar)floor(3 * exp(0.7 * rise) + (j == i % TYPES ? 6 : 0));
        }
        if (i % 4 > 0) { label[i * TYPES + i % TYPES] = 1; }
        batch[i * 2 + i % 5 / 3] = 1;
        age[i] = given1[i * GIVEN_COLS];
        there[i] = i % 9 != 5;
    }
    fit.method = ISK_INVAE;
    fit.view_count = 1;
    fit.views[0].x = matrix_of(x, ROWS, GENES);
    fit.views[0].present = there;
    fit.seed = 7;
    for (i = 0; i < 3; i++) { fit.extras[i].name = names[i]; }
    fit.extras[0].values = matrix_of(label, ROWS, TYPES);
    fit.extras[1].values = matrix_of(batch, ROWS, 2);
    fit.extras[2].values = matrix_of(age, ROWS, 1);
    snprintf(words, sizeof words, "batch=32 epochs=3 width=12 invariant_dim=3 spurious_dim=2 patience=0 prior_variance=learned "
             "invariance=5 classification=0 %s", settings);
    for (word = words; *word; word = next) {
        char *value = strchr(word, '=');
        next = word + strcspn(word, " ");
        if (*next) { *next++ = 0; }
        *value++ = 0;
        if (isk_option_set(context, ISK_INVAE, &fit.options, word, value) != ISK_OK) { fail_msg("%s", isk_error(context)); }
    }
    return fit;
}

/* Each output of both models within 2 parts of 100. */
static void same_outputs(const char *what, isk_context *context, const isk_model *one, const isk_model *other, const isk_fit_desc *fit) {
    static isk_scalar values[2][ISK_MAX_OUTPUTS][ROWS * GENES];
    const isk_model *models[2] = { one, other };
    int m, k, i;
    memset(values, 0, sizeof values);
    for (m = 0; m < 2; m++) {
        isk_transform_desc desc;
        memset(&desc, 0, sizeof desc);
        desc.views[0] = fit->views[0];
        memcpy(desc.extras, fit->extras, sizeof desc.extras);
        for (k = 0; k < isk_model_output_count(one); k++) {
            desc.out[k].name = isk_model_output(one, k)->name;
            desc.out[k].values = values[m][k];
        }
        if (isk_transform(models[m], &desc) != ISK_OK) { fail_msg("%s", isk_error(context)); }
    }
    for (k = 0; k < isk_model_output_count(one); k++) {
        for (i = 0; i < ROWS * isk_model_output(one, k)->cols; i++) {
            double a = (double)values[0][k][i], b = (double)values[1][k][i];
            if (a != a && b != b) { continue; }
            if (!(fabs(a - b) <= 0.02 * (1 + fabs(a)))) { fail_msg("%s: %s: %g and %g", what, isk_model_output(one, k)->name, a, b); }
        }
    }
}

static void invae_as_on_the_cpu(void **state) {
    static const char *const settings[] = {
        "classification=1", "likelihood=zinb encoder=dropout total_correlation=1 kl=sampled warm_up=2",
        "likelihood=poisson prior=nonfactorised input=normalized", "networks=published likelihood=gaussian", "inject=none prior_mean=zero",
    };
    static const isk_trainer trainers[] = { ISK_TRAINER_GRAPH, ISK_TRAINER_BLOCK };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        static diary cpu, gpu;
        isk_context *a = open_on(ISK_DEVICE_CPU, ISK_TRAINER_AUTO, &cpu), *b = open_on(ISK_DEVICE_CUDA, trainers[i % 2], &gpu);
        isk_fit_desc fit = counts_fit(a, settings[i]);
        isk_model *one, *other;
        if (isk_fit(a, &fit, &one) != ISK_OK) { fail_msg("%s: %s", settings[i], isk_error(a)); }
        if (isk_fit(b, &fit, &other) != ISK_OK) { fail_msg("%s: %s", settings[i], isk_error(b)); }
        same_diaries(settings[i], &cpu, &gpu, 1e-3);
        if (gpu.notes[0]) { print_message("# %s: %s", settings[i], gpu.notes); }
        same_outputs(settings[i], a, one, other, &fit);
        isk_model_close(one);
        isk_model_close(other);
        isk_close(a);
        isk_close(b);
        forget(&cpu);
        forget(&gpu);
    }
}

/* A method of a user's own, with data beside the views, by graphs and by blocks; saved there, loaded here. */
static void own_method_as_on_the_cpu(void **state) {
    static const isk_trainer trainers[] = { ISK_TRAINER_GRAPH, ISK_TRAINER_BLOCK };
    static isk_scalar weights[ROWS], values[2][2][ROWS * 4];
    size_t t;
    int i;
    (void)state;
    for (i = 0; i < ROWS; i++) { weights[i] = (isk_scalar)(0.5 + i % 3); }
    for (t = 0; t < COUNT(trainers); t++) {
        static diary cpu, gpu;
        isk_context *a = open_on(ISK_DEVICE_CPU, ISK_TRAINER_AUTO, &cpu), *b = open_on(ISK_DEVICE_CUDA, trainers[t], &gpu);
        const char *path = scratch("own_on_gpu.safetensors");
        isk_sweep_desc sweep;
        isk_model *ones[2], *others[2], *loaded;
        memset(&sweep, 0, sizeof sweep);
        sweep.fit = small_fit(a, ROWS, "epochs=4 patience=3");
        sweep.fit.method = &coder;
        sweep.fit.extras[0].name = "covariates";
        sweep.fit.extras[0].values = matrix_of(given1, ROWS, GIVEN_COLS);
        sweep.fit.extras[1].name = "weights";
        sweep.fit.extras[1].values = matrix_of(weights, ROWS, 1);
        assert_int_equal(isk_option_set(a, &coder, &sweep.fit.options, "rounds", "2"), ISK_OK);
        sweep.seed_count = 2;
        if (isk_sweep(a, &sweep, ones) != ISK_OK) { fail_msg("%s", isk_error(a)); }
        if (isk_sweep(b, &sweep, others) != ISK_OK) { fail_msg("%s", isk_error(b)); }
        assert_int_equal(cpu.count, 2 * 2 * 4);
        same_diaries("own method", &cpu, &gpu, 1e-4);
        if (gpu.notes[0]) { fail_msg("%s", gpu.notes); }
        same_features("own method", a, ones[1], others[1], &sweep.fit, 1e-3);
        assert_int_equal(isk_method_add(a, &coder), ISK_OK);
        if (isk_save(others[0], path) != ISK_OK) { fail_msg("%s", isk_error(b)); }
        if (isk_load(a, path, &loaded) != ISK_OK) { fail_msg("%s", isk_error(a)); }
        for (i = 0; i < 2; i++) {
            isk_transform_desc desc;
            memset(&desc, 0, sizeof desc);
            memcpy(desc.views, sweep.fit.views, sizeof desc.views);
            memcpy(desc.extras, sweep.fit.extras, sizeof desc.extras);
            ask(&desc, ISK_ROLE_SPECIFIC, 0, values[i][0]);
            ask(&desc, ISK_ROLE_SPECIFIC, 1, values[i][1]);
            if (isk_transform(i ? loaded : others[0], &desc) != ISK_OK) { fail_msg("%s", isk_error(i ? a : b)); }
        }
        assert_memory_equal(values[0], values[1], sizeof values[0]);
        isk_model_close(loaded);
        remove(path);
        close_models(ones, 2);
        close_models(others, 2);
        isk_close(a);
        isk_close(b);
        forget(&cpu);
        forget(&gpu);
    }
}

/* CoMM, residuals and a reduction by one block a model, and in company. */
static void variants_by_blocks(void **state) {
    static const struct { const isk_method *method; int what; const char *settings; } cases[] = {
        { ISK_COMM, 0, "optimizer=sgd rate=0.003" }, { ISK_COMM, SEQUENCE | ABSENT, "optimizer=sgd rate=0.0003" },
        { ISK_RESIDUAL, ABSENT, "dim=3" }, { ISK_INDISEEK, KNOWN, "reduce=target critic=nce critic_steps=1" },
        { ISK_TRANSPORT, ABSENT, "dim=3 batch=8 transport_epochs=1 transport_maps=2" },
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static diary by_graph, by_block;
        isk_context *a = open_on(ISK_DEVICE_CUDA, ISK_TRAINER_GRAPH, &by_graph),
            *b = open_on(ISK_DEVICE_CUDA, ISK_TRAINER_BLOCK, &by_block);
        isk_sweep_desc sweep;
        isk_model *graphs[2], *blocks[2], *one;
        memset(&sweep, 0, sizeof sweep);
        sweep.fit = other_fit(a, cases[i].method, cases[i].what, cases[i].settings);
        sweep.seed_count = 2;
        if (isk_sweep(a, &sweep, graphs) != ISK_OK) { fail_msg("%s: %s", cases[i].settings, isk_error(a)); }
        if (isk_sweep(b, &sweep, blocks) != ISK_OK) { fail_msg("%s: %s", cases[i].settings, isk_error(b)); }
        same_diaries(cases[i].settings, &by_graph, &by_block, 1e-3);
        if (by_block.notes[0]) { print_message("# %s: %s", isk_method_name(cases[i].method), by_block.notes); }
        same_features(cases[i].settings, a, graphs[1], blocks[1], &sweep.fit, 0.02);
        if (isk_fit(a, &sweep.fit, &one) != ISK_OK) { fail_msg("%s: %s", cases[i].settings, isk_error(a)); }
        same_model(a, graphs[0], one, "alone and in a sweep");
        isk_model_close(one);
        close_models(graphs, 2);
        close_models(blocks, 2);
        isk_close(a);
        isk_close(b);
        forget(&by_graph);
        forget(&by_block);
    }
}

static void graphs_and_blocks(void **state) {
    static diary by_graph, by_block, alone;
    isk_context *a = open_on(ISK_DEVICE_CUDA, ISK_TRAINER_GRAPH, &by_graph), *b = open_on(ISK_DEVICE_CUDA, ISK_TRAINER_BLOCK, &by_block);
    isk_context *c = open_on(ISK_DEVICE_CUDA, ISK_TRAINER_GRAPH, &alone);
    isk_model *graphs[6], *blocks[6], *one;
    int i;
    (void)state;
    train(a, "epochs=2 shared_epochs=2 diagnoses=1 diagnosis_epochs=1", 3, 2, graphs);
    train(b, "epochs=2 shared_epochs=2 diagnoses=1 diagnosis_epochs=1", 3, 2, blocks);
    same_diaries("graphs and blocks", &by_graph, &by_block, 1e-4);
    assert_string_equal(by_block.notes, "");
    /* a model of a sweep is the model alone, to the bit: it does not matter how many are trained beside it */
    train(c, "epochs=2 shared_epochs=2 diagnoses=1 diagnosis_epochs=1", 1, 1, &one);
    same_model(c, graphs[0], one, "alone and in a sweep");
    isk_model_close(one);
    for (i = 0; i < 6; i++) { assert_int_equal(isk_model_report(blocks[i])->status, ISK_OK); }
    close_models(graphs, 6);
    close_models(blocks, 6);
    isk_close(a);
    isk_close(b);
    isk_close(c);
    forget(&by_graph);
    forget(&by_block);
    forget(&alone);
}

/* What is too large for one block goes by graphs, and that is said once. */
static void block_trainer_gives_way(void **state) {
    static diary d;
    isk_context *context = open_on(ISK_DEVICE_CUDA, ISK_TRAINER_BLOCK, &d);
    isk_model *models[2];
    (void)state;
    train(context, "epochs=1 shared_epochs=1 diagnoses=0 width=520 layers=2", 1, 2, models);
    assert_string_equal(d.notes, "training by CUDA graphs, not by one block a model: a product is larger than one block should do\n");
    close_models(models, 2);
    isk_close(context);
    forget(&d);
}

static void stop_after_three(void *user, const isk_progress *progress) {
    isk_context **context = user;
    if (progress->epoch == 3) { isk_interrupt(*context); }
}

static void resumed_as_never_stopped(void **state) {
    static diary d;
    const char *path = scratch("gpu.checkpoint"), *settings = "epochs=5 shared_epochs=5 diagnoses=1 diagnosis_epochs=1";
    isk_context *context = open_on(ISK_DEVICE_CUDA, ISK_TRAINER_GRAPH, &d), *stopping;
    isk_context_desc desc;
    isk_sweep_desc sweep;
    isk_model *whole, *resumed;
    (void)state;
    train(context, settings, 1, 1, &whole);
    memset(&desc, 0, sizeof desc);
    desc.threads = 1;
    desc.device = ISK_DEVICE_CUDA;
    desc.cuda.trainer = ISK_TRAINER_GRAPH;
    desc.progress = stop_after_three;
    desc.user = &stopping;
    stopping = isk_open(&desc);
    memset(&sweep, 0, sizeof sweep);
    sweep.fit = small_fit(stopping, ROWS, settings);
    sweep.fit.options.lambda = 1;
    sweep.fit.checkpoint = path;
    assert_int_equal(isk_sweep(stopping, &sweep, &resumed), ISK_INTERRUPTED);
    isk_close(stopping);
    if (isk_resume(context, &sweep, &resumed) != ISK_OK) { fail_msg("%s", isk_error(context)); }
    same_model(context, whole, resumed, "resumed");
    remove(path);
    isk_model_close(whole);
    isk_model_close(resumed);
    isk_close(context);
    forget(&d);
}

/* ---- what goes wrong ---- */

static void fault(const char *name, const char *value) {
    setenv(name, value, 1);
    reset();
}

static void no_fault(const char *name) {
    unsetenv(name);
    reset();
}

/* A context that asks for cuda says why it cannot; one that may choose takes the CPU and says so when it trains. */
static void refused(const char *sentence) {
    static diary d;
    isk_context *context = open_on(ISK_DEVICE_CUDA, ISK_TRAINER_AUTO, &d);
    isk_fit_desc fit = small_fit(context, ROWS, "epochs=1 shared_epochs=1 diagnoses=0");
    isk_cuda_info info;
    isk_model *model = NULL;
    assert_int_equal(isk_fit(context, &fit, &model), ISK_DEVICE);
    assert_null(model);
    if (!strstr(isk_error(context), sentence)) { fail_msg("'%s' is not in '%s'", sentence, isk_error(context)); }
    isk_close(context);
    isk_cuda_info_get(&info);
    assert_int_equal(info.usable, 0);
    if (!strstr(info.missing, sentence)) { fail_msg("'%s' is not in '%s'", sentence, info.missing); }
    context = open_on(ISK_DEVICE_AUTO, ISK_TRAINER_AUTO, &d);
    assert_int_equal(isk_fit(context, &fit, &model), ISK_OK);
    isk_model_close(model);
    assert_int_equal(isk_fit(context, &fit, &model), ISK_OK);
    isk_model_close(model);
    assert_non_null(strstr(d.notes, "running on the cpu"));
    assert_non_null(strstr(d.notes, sentence));
    assert_null(strstr(strstr(d.notes, sentence) + 1, sentence));       /* once */
    isk_close(context);
    forget(&d);
}

/* A test that fails halfway leaves no fault to the next one. */
static int without_faults(void **state) {
    static const char *const names[] = { "STANDIN_DRIVER", "STANDIN_DEVICES", "STANDIN_INIT", "STANDIN_ARCH", "STANDIN_MEMORY",
                                         "STANDIN_FAIL_ALLOC", "STANDIN_FAIL_LAUNCH", "STANDIN_FAIL_COPY",
                                         "STANDIN_FAIL_LOAD", "STANDIN_FAIL_COMPILE" };
    size_t i;
    (void)state;
    if (!library) { return 0; }
    for (i = 0; i < sizeof names / sizeof names[0]; i++) { unsetenv(names[i]); }
    setenv("INDISEEK_CUDA_LIB", library, 1);
    setenv("INDISEEK_NVRTC_LIB", library, 1);
    setenv("INDISEEK_CACHE_DIR", cache, 1);
    reset();
    return 0;
}

static void parts_that_are_missing(void **state) {
    (void)state;
    if (!library) {
        print_message("# skipped: without the stand-in for driver and NVRTC there is no GPU path to test\n");
        skip();
    }
    setenv("INDISEEK_CUDA_LIB", "build/no-such-driver.so", 1);
    refused("there is no GPU driver");
    setenv("INDISEEK_CUDA_LIB", "libm.so.6", 1);
    refused("is too old: it has no cuInit");
    setenv("INDISEEK_CUDA_LIB", library, 1);
    setenv("INDISEEK_NVRTC_LIB", "build/no-such-nvrtc.so", 1);
    refused("NVRTC, which compiles the kernels, is not there");
    setenv("INDISEEK_NVRTC_LIB", "libm.so.6", 1);
    refused("cannot be used: it has no nvrtcVersion");
    setenv("INDISEEK_NVRTC_LIB", library, 1);
    fault("STANDIN_DRIVER", "11040");
    refused("the GPU driver is too old: it knows CUDA 11.4");
    no_fault("STANDIN_DRIVER");
    fault("STANDIN_DRIVER", "12040");
    refused("is newer than the driver, which knows CUDA 12.4");
    no_fault("STANDIN_DRIVER");
    fault("STANDIN_DEVICES", "0");
    refused("finds no GPU");
    no_fault("STANDIN_DEVICES");
    fault("STANDIN_INIT", "999");
    refused("does not start");
    no_fault("STANDIN_INIT");
    fault("STANDIN_ARCH", "70");
    refused("has compute capability 7.0; 7.5 (Turing) or newer is needed");
    no_fault("STANDIN_ARCH");
}

static isk_status try_fit(const char *settings, int models, int auto_split, char *error, size_t size, const char *checkpoint,
                          isk_model **made) {
    isk_context_desc desc;
    isk_context *context;
    isk_sweep_desc sweep;
    isk_status status;
    memset(&desc, 0, sizeof desc);
    desc.threads = 1;
    desc.device = ISK_DEVICE_CUDA;
    desc.cuda.auto_split = auto_split;
    context = isk_open(&desc);
    memset(&sweep, 0, sizeof sweep);
    sweep.fit = small_fit(context, ROWS, settings);
    sweep.fit.checkpoint = checkpoint;
    sweep.fit.checkpoint_every = 1;
    sweep.seed_count = models;
    status = isk_sweep(context, &sweep, made);
    snprintf(error, size, "%s", isk_error(context));
    if (status == ISK_OK) { close_models(made, models); }
    isk_close(context);
    return status;
}

static void memory_that_is_not_enough(void **state) {
    isk_model *models[6];
    standin_counts counts;
    char error[600];
    int n;
    (void)state;
    if (!library) {
        print_message("# skipped: without the stand-in for driver and NVRTC there is no GPU path to test\n");
        skip();
    }
    fault("STANDIN_MEMORY", "700000");
    assert_int_equal(try_fit("epochs=1 shared_epochs=1 diagnoses=0", 6, 0, error, sizeof error, NULL, models), ISK_MEMORY);
    if (!strstr(error, "6 models ask for") || !strstr(error, "would fit; train fewer at once")) { fail_msg("%s", error); }
    assert_int_equal(try_fit("epochs=1 shared_epochs=1 diagnoses=0", 6, 1, error, sizeof error, NULL, models), ISK_OK);
    no_fault("STANDIN_MEMORY");
    fault("STANDIN_MEMORY", "20000");
    assert_int_equal(try_fit("epochs=1 shared_epochs=1 diagnoses=0", 1, 1, error, sizeof error, NULL, models), ISK_MEMORY);
    if (!strstr(error, "1 model asks for") || !strstr(error, "use device cpu")) { fail_msg("%s", error); }
    no_fault("STANDIN_MEMORY");
    for (n = 1; n < 9; n++) {               /* whichever allocation fails: a clean end, and nothing is kept */
        char number[16];
        snprintf(number, sizeof number, "%d", n);
        fault("STANDIN_FAIL_ALLOC", number);
        if (try_fit("epochs=1 shared_epochs=1 diagnoses=0", 2, 0, error, sizeof error, NULL, models) != ISK_OK) {
            if (!strstr(error, "out of device memory")) { fail_msg("allocation %d: %s", n, error); }
        }
        count(&counts);
        assert_int_equal(counts.live_allocations, 0);
        no_fault("STANDIN_FAIL_ALLOC");
    }
}

static void device_lost_in_training(void **state) {
    const char *path = scratch("lost.checkpoint"), *settings = "epochs=3 shared_epochs=3 diagnoses=0";
    isk_model *model, *lost;
    isk_context_desc desc;
    isk_context *context;
    isk_sweep_desc sweep;
    char error[600];
    (void)state;
    if (!library) {
        print_message("# skipped: without the stand-in for driver and NVRTC there is no GPU path to test\n");
        skip();
    }
    fault("STANDIN_FAIL_LAUNCH", "900");
    assert_int_equal(try_fit(settings, 1, 0, error, sizeof error, path, &lost), ISK_DEVICE);
    if (!strstr(error, "CUDA_ERROR_LAUNCH_FAILED") || !strstr(error, "resume from ")) { fail_msg("%s", error); }
    no_fault("STANDIN_FAIL_LAUNCH");
    memset(&desc, 0, sizeof desc);
    desc.threads = 1;
    desc.device = ISK_DEVICE_CUDA;
    context = isk_open(&desc);
    memset(&sweep, 0, sizeof sweep);
    sweep.fit = small_fit(context, ROWS, settings);
    if (isk_sweep(context, &sweep, &model) != ISK_OK) { fail_msg("%s", isk_error(context)); }
    sweep.fit.checkpoint = path;
    if (isk_resume(context, &sweep, &lost) != ISK_OK) { fail_msg("%s", isk_error(context)); }
    same_model(context, model, lost, "after a lost device");
    remove(path);
    isk_model_close(model);
    isk_model_close(lost);
    isk_close(context);
}

/* Whichever copy from the device does not arrive, no model comes of it, and the checkpoint is one to go on from. */
static void copies_that_do_not_arrive(void **state) {
    const char *path = scratch("copies.checkpoint"), *settings =
        "epochs=2 shared_epochs=2 diagnoses=0 validation=0.2 batch=64 critic_steps=1";
    isk_context_desc desc;
    isk_context *context;
    isk_sweep_desc sweep;
    isk_model *whole, *model;
    standin_counts counts;
    long long copies;
    char error[600], number[16];
    int n;
    (void)state;
    if (!library) {
        print_message("# skipped: without the stand-in for driver and NVRTC there is no GPU path to test\n");
        skip();
    }
    memset(&desc, 0, sizeof desc);
    desc.threads = 1;
    desc.device = ISK_DEVICE_CUDA;
    context = isk_open(&desc);
    memset(&sweep, 0, sizeof sweep);
    sweep.fit = small_fit(context, ROWS, settings);
    sweep.fit.checkpoint = path;
    sweep.fit.checkpoint_every = 1;
    reset();
    if (isk_sweep(context, &sweep, &whole) != ISK_OK) { fail_msg("%s", isk_error(context)); }
    count(&counts);
    copies = counts.to_host;
    assert_true(copies > 10);
    for (n = 1; n <= copies; n++) {
        remove(path);
        snprintf(number, sizeof number, "%d", n);
        fault("STANDIN_FAIL_COPY", number);
        if (try_fit(settings, 1, 0, error, sizeof error, path, &model) != ISK_DEVICE) { fail_msg("copy %d of %lld: %s", n, copies, error); }
        if (!strstr(error, "resume from ")) { fail_msg("copy %d: %s", n, error); }
        no_fault("STANDIN_FAIL_COPY");
        if (n % 4 && n < copies - 2) { continue; }
        if (isk_resume(context, &sweep, &model) != ISK_OK) { fail_msg("copy %d: %s", n, isk_error(context)); }
        same_model(context, whole, model, number);
        isk_model_close(model);
    }
    remove(path);
    isk_model_close(whole);
    isk_close(context);
}

/* ---- the cache of compiled kernels ---- */

/* How many files of the folder end so; each is given to `work`, if any. */
static int files_like(const char *folder, const char *ending, void (*work)(const char *path)) {
    DIR *open = opendir(folder);
    struct dirent *entry;
    int found = 0;
    while (open && (entry = readdir(open)) != NULL) {
        size_t length = strlen(entry->d_name), end = strlen(ending);
        char path[1000];
        if (length < end || strcmp(entry->d_name + length - end, ending) != 0) { continue; }
        found++;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (work) { work(path); }
    }
    if (open) { closedir(open); }
    return found;
}

static void damage(const char *path) {
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, 200, SEEK_SET);
    fputc('!', file);
    fputc('?', file);
    fclose(file);
}

static void erase(const char *path) { remove(path); }

/* A block kernel that does not compile: `auto` trains by graphs and says so, who asked for blocks is told why not. */
static void blocks_that_do_not_compile(void **state) {
    static diary d;
    const char *folder = scratch("blocks");
    isk_model *models[16];
    isk_context *context;
    isk_sweep_desc sweep;
    (void)state;
    if (!library) {
        print_message("# skipped: without the stand-in for driver and NVRTC there is no GPU path to test\n");
        skip();
    }
    setenv("INDISEEK_CACHE_DIR", folder, 1);
    fault("STANDIN_FAIL_COMPILE", "block");
    context = open_on(ISK_DEVICE_CUDA, ISK_TRAINER_AUTO, &d);
    train(context, "epochs=1 shared_epochs=1 diagnoses=0", 1, 16, models);
    if (!strstr(d.notes, "training by CUDA graphs") || !strstr(d.notes, "\"block\"")) { fail_msg("%s", d.notes); }
    close_models(models, 16);
    isk_close(context);
    forget(&d);
    context = open_on(ISK_DEVICE_CUDA, ISK_TRAINER_BLOCK, &d);
    memset(&sweep, 0, sizeof sweep);
    sweep.fit = small_fit(context, ROWS, "epochs=1 shared_epochs=1 diagnoses=0");
    assert_int_equal(isk_sweep(context, &sweep, models), ISK_DEVICE);
    assert_non_null(strstr(isk_error(context), "cannot compile the kernels \"block\""));
    isk_close(context);
    forget(&d);
    files_like(folder, ".log", erase);
    files_like(folder, ".cubin", erase);
    rmdir(folder);
}

static void compiled_once(void **state) {
    const char *folder = scratch("kernels"), *settings = "epochs=1 shared_epochs=1 diagnoses=0";
    standin_counts counts;
    isk_model *model;
    char error[600];
    long long first;
    (void)state;
    if (!library) {
        print_message("# skipped: without the stand-in for driver and NVRTC there is no GPU path to test\n");
        skip();
    }
    setenv("INDISEEK_CACHE_DIR", folder, 1);
    reset();
    assert_int_equal(try_fit(settings, 1, 0, error, sizeof error, NULL, &model), ISK_OK);
    count(&counts);
    first = counts.compiled;
    assert_true(first > 0);
    assert_int_equal(files_like(folder, ".cubin", NULL), first);
    reset();
    assert_int_equal(try_fit(settings, 1, 0, error, sizeof error, NULL, &model), ISK_OK);
    count(&counts);
    assert_int_equal(counts.compiled, 0);
    files_like(folder, ".cubin", damage);   /* a damaged entry is as good as none, and mended */
    reset();
    assert_int_equal(try_fit(settings, 1, 0, error, sizeof error, NULL, &model), ISK_OK);
    count(&counts);
    assert_int_equal(counts.compiled, first);
    fault("STANDIN_FAIL_LOAD", "1");        /* code that the driver refuses is compiled again */
    assert_int_equal(try_fit(settings, 1, 0, error, sizeof error, NULL, &model), ISK_OK);
    no_fault("STANDIN_FAIL_LOAD");
    files_like(folder, ".cubin", erase);
    setenv("INDISEEK_CACHE_DIR", "/dev/null/nowhere", 1);
    assert_int_equal(try_fit(settings, 1, 0, error, sizeof error, NULL, &model), ISK_OK);
    setenv("INDISEEK_CACHE_DIR", folder, 1);
    fault("STANDIN_FAIL_COMPILE", "gemm");
    assert_int_equal(try_fit(settings, 1, 0, error, sizeof error, NULL, &model), ISK_DEVICE);
    if (!strstr(error, "cannot compile the kernels \"gemm\"")) { fail_msg("%s", error); }
    assert_int_equal(files_like(folder, ".log", NULL), 1);
    no_fault("STANDIN_FAIL_COMPILE");
    files_like(folder, ".log", erase);
    files_like(folder, ".cubin", erase);
    rmdir(folder);
    setenv("INDISEEK_CACHE_DIR", cache, 1);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_as_on_the_cpu),
        cmocka_unit_test(options_as_on_the_cpu),
        cmocka_unit_test(variants_as_on_the_cpu),
        cmocka_unit_test(invae_as_on_the_cpu),
        cmocka_unit_test(own_method_as_on_the_cpu),
        cmocka_unit_test(variants_by_blocks),
        cmocka_unit_test(graphs_and_blocks),
        cmocka_unit_test(block_trainer_gives_way),
        cmocka_unit_test(resumed_as_never_stopped),
        cmocka_unit_test_teardown(parts_that_are_missing, without_faults),
        cmocka_unit_test_teardown(memory_that_is_not_enough, without_faults),
        cmocka_unit_test_teardown(blocks_that_do_not_compile, without_faults),
        cmocka_unit_test_teardown(device_lost_in_training, without_faults),
        cmocka_unit_test_teardown(copies_that_do_not_arrive, without_faults),
        cmocka_unit_test_teardown(compiled_once, without_faults),
    };
    const char *real = getenv("INDISEEK_TEST_GPU");
    (void)argc;
    make_views(3);
    if (!real || strcmp(real, "1") != 0) {
        void *handle = dlopen(standin_path(argv[0]), RTLD_NOW | RTLD_LOCAL), *function;
        if (!handle) { print_message("# %s\n", dlerror()); return 1; }
        library = standin_path(argv[0]);
        function = dlsym(handle, "standin_reset");
        memcpy(&reset, &function, sizeof reset);
        function = dlsym(handle, "standin_count");
        memcpy(&count, &function, sizeof count);
        setenv("INDISEEK_CUDA_LIB", library, 1);
        setenv("INDISEEK_NVRTC_LIB", library, 1);
        setenv("STANDIN_QUIET", "1", 1);
        snprintf(cache, sizeof cache, "%.*sstandin-cache", (int)(strrchr(library, '/') - library) + 1, library);
        setenv("INDISEEK_CACHE_DIR", cache, 1);
    }
    return cmocka_run_group_tests_name("gpu_training", tests, NULL, NULL);
}
