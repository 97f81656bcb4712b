/* Simulated two-view data whose truth is known: fit, look at what was found, and the paper's Settings 1 and 2. */
#include "common/evaluation.h"
#include "common/options.h"
#include "common/output.h"
#include "common/progress.h"
#include "common/report.h"
#include "common/settings.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 2000, COLS1 = 30, COLS2 = 20, CLUSTERS = 6, DIM = 6, SHARED_DIM = 12 };
enum { LEVELS = 7, TRUTHS = 3, FEATURES = 4 };

typedef struct settings {
    const char *out;
    int threads, quiet;
    uint64_t seed;
} settings;

#define FIELD(name) offsetof(settings, name)
static const option demo_options[] = {
    { NULL, OPTION_HEADING, 0, NULL, "Options", 0, 0, NULL },
    { "out", OPTION_TEXT, FIELD(out), "DIR", "where results go [build/demo-results]", 0, 0, NULL },
    { "seed", OPTION_SEED, FIELD(seed), "N", "decides all that is random [0]", 0, 0, NULL },
    { "threads", OPTION_INT, FIELD(threads), "N", "threads, 0 is one per processor [0]", 0, 256, NULL },
    { "quiet", OPTION_FLAG, FIELD(quiet), NULL, "no progress", 0, 0, NULL },
};
static const command demo_command = {
    .name = "demo",
    .usage = "[OPTION]...",
    .about = "Fits simulated two-view data with known truth, shows what was found, and runs Settings 1 and 2\n"
             "of the paper.",
    .examples = "  demo\n  demo --out /tmp/demo --seed 1\n",
    .options = demo_options,
    .option_count = sizeof demo_options / sizeof *demo_options,
};

typedef struct demo {
    settings s;
    isk_context *context;
    progress bar;
    output out;
    simulated data;
    isk_matrix x[2], feature[FEATURES], reconstruction[2];
    isk_scalar *memory;             /* of features and reconstructions */
    int32_t *labels;
    uint8_t *part;
    char names[CLUSTERS][32];
    const char *name_list[CLUSTERS];
    isk_model *model;
    evaluation scores;
    double truth[TRUTHS][FEATURES]; /* R^2 of each feature about the true factors, on test rows */
    setting_summary setting[2];
    char log_path[4200];
} demo;

static const char *const feature_names[FEATURES] = { "C1", "C2", "Z1", "Z2" };
static const char *const truth_names[TRUTHS] = { "position, seen by both views", "factor of view 1 alone",
                                                 "factor of view 2 alone" };

/* ---- data and fit ---- */

static isk_status make_data(demo *d) {
    const size_t cols[6] = { SHARED_DIM, SHARED_DIM, DIM, DIM, COLS1, COLS2 };
    isk_scalar *at;
    size_t total = 0;
    for (int i = 0; i < 6; i++) { total += cols[i] * ROWS; }
    d->labels = malloc(sizeof *d->labels * ROWS);
    d->part = malloc(ROWS);
    at = d->memory = malloc(sizeof *at * total);
    if (!d->labels || !d->part || !at || !simulate_two_views(&d->data, ROWS, COLS1, COLS2, CLUSTERS, 0.3, d->s.seed)) {
        return isk_set_error(d->context, ISK_MEMORY, "no memory for the data");
    }
    for (int i = 0; i < 6; i++) {
        isk_matrix *m = i < FEATURES ? &d->feature[i] : &d->reconstruction[i - FEATURES];
        *m = (isk_matrix){ at, ROWS, (int64_t)cols[i] };
        at += cols[i] * ROWS;
    }
    for (int i = 0; i < ROWS; i++) { d->labels[i] = d->data.cluster[i]; }
    for (int i = 0; i < CLUSTERS; i++) {
        snprintf(d->names[i], sizeof d->names[i], "cluster %d", i + 1);
        d->name_list[i] = d->names[i];
    }
    d->x[0] = (isk_matrix){ d->data.x1, ROWS, COLS1 };
    d->x[1] = (isk_matrix){ d->data.x2, ROWS, COLS2 };
    return isk_split(d->context, &(isk_split_desc){ .rows = ROWS, .labels = d->labels, .validation = 0.1, .test = 0.25,
                                                    .seed = d->s.seed, .part = d->part });
}

static isk_scalar *values(isk_matrix m) { return (isk_scalar *)(uintptr_t)m.data; }

static isk_status fit(demo *d) {
    isk_fit_desc desc = {
        .method = isk_preset_method(ISK_ROBUST),
        .views = { d->x[0], d->x[1] },
        .view_count = 2,
        .split = d->part,
        .seed = d->s.seed,
        .options = { .lambda = 10, .epochs = 80, .shared_epochs = 60, .dim = DIM, .shared_dim = SHARED_DIM },
    };
    isk_status status = isk_fit(d->context, &desc, &d->model);
    progress_end(&d->bar);
    if (status != ISK_OK) { return status; }
    return isk_transform(d->model, &(isk_transform_desc){
        .views = { d->x[0], d->x[1] }, .shared = { values(d->feature[0]), values(d->feature[1]) },
        .specific = { values(d->feature[2]), values(d->feature[3]) },
        .reconstruction = { values(d->reconstruction[0]), values(d->reconstruction[1]) } });
}

/* ---- what was found ---- */

static isk_status score(demo *d) {
    const isk_matrix truth[TRUTHS] = { { d->data.position, ROWS, SIMULATED_POSITION }, { d->data.only1, ROWS, 1 },
                                       { d->data.only2, ROWS, 1 } };
    const evaluation_input judged = {
        .views = 2, .x = { d->x[0], d->x[1] }, .c = { d->feature[0], d->feature[1] }, .z = { d->feature[2], d->feature[3] },
        .reconstruction = { d->reconstruction[0], d->reconstruction[1] }, .target = { d->x[0], d->x[1] }, .labels = d->labels, .part = d->part };
    isk_status status = evaluate(d->context, &judged, &d->scores);
    for (int t = 0; t < TRUTHS && status == ISK_OK; t++) {
        for (int f = 0; f < FEATURES && status == ISK_OK; f++) {
            isk_regression_desc desc = { .x = d->feature[f], .y = truth[t], .part = d->part };
            double ridge, knn;
            status = isk_ridge_r2(d->context, &desc, &ridge);
            if (status == ISK_OK) { status = isk_knn_r2(d->context, &desc, &knn); }
            if (status == ISK_OK) { d->truth[t][f] = fmax(fmax(ridge, knn), 0); }
        }
    }
    return status;
}

static void print_truth(const demo *d) {
    printf("\nHow much of the truth the features hold (R^2 on rows not trained on, best of linear and 10-NN)\n%-32s",
           "");
    for (int f = 0; f < FEATURES; f++) { printf("%8s", feature_names[f]); }
    for (int t = 0; t < TRUTHS; t++) {
        printf("\n%-32s", truth_names[t]);
        for (int f = 0; f < FEATURES; f++) { printf("%8.2f", d->truth[t][f]); }
    }
    printf("\nIdeal: C1 and C2 hold the position alone, Z1 the factor of view 1, Z2 that of view 2.\n\n");
}

static isk_status run_settings(demo *d) {
    enum { SEEDS = 2 };
    isk_status status = ISK_OK;
    d->bar.mute = 1;                /* Z is raw in the paper's simulations, and its warnings are no news here */
    for (int i = 0; i < 2 && status == ISK_OK; i++) {
        isk_sweep_desc sweep = { .fit = { .preset = ISK_SIMULATION, .seed = d->s.seed,
                                          .options = { .lambda = 0.1, .epochs = 24 } }, .seed_count = SEEDS };
        setting_run runs[SEEDS];
        progress_say(&d->bar, "setting %d: which coordinates of X does Z look at?", i + 1);
        status = setting_sweep(d->context, i + 1, 10000, 1000, &sweep, runs);
        progress_end(&d->bar);
        if (status == ISK_OK) { setting_summarise(runs, SEEDS, &d->setting[i]); }
    }
    return status;
}

static void print_settings(const demo *d) {
    printf("Importance of coordinates 1 to 6 for Z (the paper's simulations, lambda 0.1)\n");
    for (int i = 0; i < 2; i++) {
        printf("setting %d ", i + 1);
        for (int j = 0; j < SETTING_COLS; j++) { printf("%7.3f", d->setting[i].mean[j]); }
        printf("   %s %.3f\n", setting_share_words(i + 1), setting_share(i + 1, &d->setting[i]));
    }
}

/* ---- the report ---- */

/* Points of one embedding coloured by the level of a true factor. */
static isk_status draw_factor(text *page, demo *d, int feature, const isk_scalar *factor, const char *title,
                              int family) {
    static const char *const levels[LEVELS] = { "-2 or less", "about -1.3", "about -0.7", "about 0",
                                                "about 0.7",  "about 1.3",  "2 or more" };
    float *points = malloc(sizeof *points * 2 * ROWS);
    int64_t *rows = malloc(sizeof *rows * ROWS);
    int *level = malloc(sizeof *level * ROWS), count = 0;
    double share[2];
    char axis[2][32];
    isk_status status = ISK_MEMORY;
    if (points && rows && level) {
        for (int i = 0; i < ROWS; i++) {
            double place = floor((double)factor[i] * 1.5 + LEVELS / 2.0);
            if (d->part[i] != ISK_TEST) { continue; }
            level[count] = place < 0 ? 0 : place > LEVELS - 1 ? LEVELS - 1 : (int)place;
            rows[count++] = i;
        }
        status = plane_of(d->context, d->feature[feature], rows, count, points, share);
    }
    if (status == ISK_OK) {
        for (int i = 0; i < 2; i++) { snprintf(axis[i], sizeof axis[i], "PC %d (%.0f %%)", i + 1, 100 * share[i]); }
        chart_scatter(page, &(scatter_chart){ .title = title,
                                              .x_label = axis[0],
                                              .y_label = axis[1],
                                              .points = points,
                                              .label = level,
                                              .count = count,
                                              .labels = { levels, NULL, LEVELS, 1, family } });
    }
    free(points);
    free(rows);
    free(level);
    return status;
}

static isk_status truth_section(text *page, demo *d) {
    static const char *const header[] = { "true factor", "C1", "C2", "Z1", "Z2" };
    isk_status status;
    page_heading(page, "What was found of the truth");
    page_paragraph(
        page, "Each row of the data was made from a position in one of six clusters, which both views see, and one "
              "factor for each view that the other does not see; both through a random nonlinear map, with noise. "
              "The table says how much of the true factors' variance the features predict on held-out rows.");
    page_table_begin(page, header, FEATURES + 1);
    for (int t = 0; t < TRUTHS; t++) {
        page_row(page, truth_names[t]);
        for (int f = 0; f < FEATURES; f++) { page_cell_bar(page, d->truth[t][f], 2, 0, 1); }
    }
    page_table_end(page);
    page_paragraph(
        page, "Ideal: C1 and C2 hold the position alone, Z1 the factor of view 1, Z2 that of view 2. Below, specific "
              "features coloured by the factor of their own view, from low (blue) to high (orange).");
    page_grid_begin(page);
    status = draw_factor(page, d, 2, d->data.only1, "Z1, coloured by the factor of view 1", 1);
    if (status == ISK_OK) {
        status = draw_factor(page, d, 3, d->data.only2, "Z2, coloured by the factor of view 2", 1);
    }
    page_grid_end(page);
    return status;
}

static isk_status write_report(demo *d) {
    const report_embeddings_desc embeddings = {
        .features = { [FEATURE_C] = d->feature[0], [FEATURE_C + 1] = d->feature[1], [FEATURE_Z] = d->feature[2],
                      [FEATURE_Z + 1] = d->feature[3] },
        .labels = d->labels,
        .names = d->name_list,
        .label_count = CLUSTERS,
        .part = d->part,
        .scored = ISK_TEST,
    };
    const char *const facts[] = { "data", "simulated", "method", isk_method_name(isk_model_method(d->model)), "preset", "robust", NULL };
    text page = { 0 };
    curves course;
    isk_status status = curves_read(d->context, d->log_path, 0, &course);
    if (status != ISK_OK) { return status; }
    page_begin(&page, "IndiSeek on data whose truth is known",
               "2000 simulated samples, two views of 30 and 20 features; the method that preset robust recommends, residual IndiSeek.");
    report_verdicts(&page, &d->scores, d->model, NULL);
    status = truth_section(&page, d);
    if (status == ISK_OK) { status = report_embeddings(&page, d->context, &embeddings); }
    report_scores(&page, &d->scores, 1);
    page_heading(&page, "The paper's simulations");
    page_paragraph(
        &page, "One view X of six coordinates, the shared feature C given. In setting 1, C is made from coordinates 1 "
               "and 2, and Z should ignore these; in setting 2 it also determines 3 and 4, and Z should see 5 and 6 "
               "alone. Importance: how much Z changes when a coordinate is masked.");
    page_grid_begin(&page);
    for (int i = 0; i < 2; i++) { setting_chart(&page, i + 1, &d->setting[i], 1, 0); }
    page_grid_end(&page);
    report_curves(&page, &course);
    report_settings(&page, facts, isk_model_options(d->model));
    page_end(&page);
    if (status == ISK_OK) { status = output_text(&d->out, "report.html", &page); }
    text_free(&page);
    curves_free(&course);
    return status;
}

/* ---- files ---- */

static isk_status write_inputs(demo *d) {
    text labels = { 0 };
    isk_status status = output_matrix(&d->out, "x1.npy", d->x[0]);
    if (status == ISK_OK) { status = output_matrix(&d->out, "x2.npy", d->x[1]); }
    text_add(&labels, "cluster\tonly1\tonly2\n");
    for (int i = 0; i < ROWS; i++) {
        text_format(&labels, "%d\t", d->data.cluster[i] + 1);
        text_fixed(&labels, (double)d->data.only1[i], 4);
        text_add(&labels, "\t");
        text_fixed(&labels, (double)d->data.only2[i], 4);
        text_add(&labels, "\n");
    }
    if (status == ISK_OK) { status = output_text(&d->out, "truth.tsv", &labels); }
    text_free(&labels);
    return status;
}

static isk_status write_all(demo *d) {
    static const char *const files[FEATURES] = { "c1.npy", "c2.npy", "z1.npy", "z2.npy" };
    char path[4200];
    text metrics = { 0 };
    isk_status status = write_inputs(d);
    for (int i = 0; i < FEATURES && status == ISK_OK; i++) { status = output_matrix(&d->out, files[i], d->feature[i]); }
    if (status == ISK_OK) {
        status = isk_save(d->model, output_stage(&d->out, "model.safetensors", path, sizeof path));
    }
    text_add(&metrics, "{");
    evaluation_json(&d->scores, isk_model_report(d->model), &metrics);
    text_add(&metrics, "\n}\n");
    if (status == ISK_OK) { status = output_text(&d->out, "metrics.json", &metrics); }
    text_free(&metrics);
    if (status == ISK_OK) { status = write_report(d); }
    output_stage(&d->out, "log.jsonl", path, sizeof path);
    if (status == ISK_OK && (status = output_commit(&d->out)) != ISK_OK) {
        return isk_set_error(d->context, status, "%s", d->out.error);
    }
    return status;
}

static isk_status run(demo *d) {
    isk_status status = output_open(&d->out, d->context, d->s.out);
    if (status != ISK_OK) { return isk_set_error(d->context, status, "%s", d->out.error); }
    output_path(&d->out, "log.jsonl.new", d->log_path, sizeof d->log_path);
    if (!(d->bar.log = fopen(d->log_path, "wb"))) {
        return isk_set_error(d->context, ISK_IO, "%s cannot be written: %s", d->log_path, strerror(errno));
    }
    progress_say(&d->bar, "%d simulated samples, two views of %d and %d features, on %s", ROWS, COLS1, COLS2,
                 isk_device_text(d->context));
    status = make_data(d);
    if (status == ISK_OK) { status = fit(d); }
    fclose(d->bar.log);
    d->bar.log = NULL;
    if (status == ISK_OK) { status = score(d); }
    if (status == ISK_OK) { status = run_settings(d); }
    return status == ISK_OK ? write_all(d) : status;
}

int main(int argc, char **argv) {
    demo d = { .s = { .out = "build/demo-results" } };
    isk_context_desc desc = { 0 };
    isk_status status;
    double start = progress_clock();
    char seconds[32];
    int code = options_parse(&demo_command, argc, argv, &d.s);
    if (code >= 0) { return check_output(demo_command.name, code); }
    progress_open(&d.bar, d.s.quiet);
    progress_attach(&d.bar, &desc);
    d.bar.single = 1;
    desc.threads = d.s.threads;
    desc.device = ISK_DEVICE_CPU;           /* it takes seconds there, and its numbers are known */
    d.context = isk_open(&desc);
    if (!d.context) { return fail(demo_command.name, ISK_MEMORY, NULL); }
    progress_watch(d.context);
    status = run(&d);
    progress_end(&d.bar);
    if (status == ISK_OK) {
        print_truth(&d);
        print_settings(&d);
        duration(progress_clock() - start, seconds);
        printf("\nDone in %s. Look at %s/report.html\nThe same from files:\n", seconds, d.s.out);
        printf("  build/indiseek fit --x1 %s/x1.npy --x2 %s/x2.npy --labels %s/truth.tsv:cluster --out build/fit\n",
               d.s.out, d.s.out, d.s.out);
        code = 0;
    } else {
        code = fail(demo_command.name, status, isk_error(d.context));
        if (status == ISK_INTERRUPTED) { code = EXIT_FAILED; }         /* nothing is kept that could be resumed */
    }
    output_drop(&d.out);
    isk_model_close(d.model);
    simulated_free(&d.data);
    free(d.memory);
    free(d.labels);
    free(d.part);
    progress_close(&d.bar);
    isk_close(d.context);
    return check_output(demo_command.name, code);
}
