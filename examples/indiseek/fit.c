/* indiseek fit */
#include "commands.h"

#include "../runs/coordinates.h"
#include "../runs/methods.h"
#include "../runs/provenance.h"

#include "../report/choice_page.h"
#include "../report/coordinates_page.h"
#include "../report/curves.h"
#include "../report/report.h"
#include "../report/verdicts.h"

#include <stdio.h>
#include <string.h>

typedef struct settings {
    data_settings data;
    training_settings training;
} settings;

#define FIELD(name) offsetof(settings, name)
static const option fit_options[] = {
    DATA_OPTIONS(FIELD(data)),
    { NULL, OPTION_HEADING, 0, NULL, "What else training is told (option reduce)", 0, 0, NULL },
    { "target", OPTION_TEXT, FIELD(data.target), "FILE:COLUMN",
      "with --reduce target: one label a row, as one more modality: each view gives way to what it shares with that; rows without one "
      "are told nothing", 0, 0, NULL },
    { "target-numbers", OPTION_FLAG, FIELD(data.target_numbers), NULL,
      "the target is numbers, standardized by the training rows: a column, or all columns of a .npy", 0, 0, NULL },
    { NULL, OPTION_HEADING, 0, NULL, "Output", 0, 0, NULL },
    { "out", OPTION_TEXT, FIELD(training.out), "DIR",
      "gets c1, c2, ..., z1, z2, ... .npy of all rows (of method comm: fused.npy), split.tsv, coordinates.tsv, "
      "model.safetensors, config.json, log.jsonl, metrics.json and report.html; made if missing",
      0, 0, NULL },
    TRAINING_OPTIONS(FIELD(training)),
};

static const command about = {
    .name = "indiseek fit", .usage = "--x1 FILE --x2 FILE [--x3 FILE [--x4 FILE]] --out DIR [OPTION]...",
    .about = "Learns what two to four measurements of the same samples share (C1, C2, ...) and what is specific to each\n"
             "(Z1, Z2, ...).",
    .examples = "  indiseek fit --x1 rna.npy --x2 protein.csv --labels cells.tsv:cell_type --out results\n"
                "  indiseek fit --x1 rna_counts.mtx.gz --x1-transpose --x1-norm log1p-cp10k --x1-pca 50 \\\n"
                "               --x2 adt_counts.npy --x2-norm clr --lambda 10 --out results\n"
                "  indiseek fit --x1 text.npy --x1-lengths words.npy --x2 sound.npy --x3 video.npy --x3-present seen.csv --out r\n"
                "  indiseek fit --config results/config.json --lambda 1 --out results-1\n"
                "  indiseek fit --x1 rna.npy --x2 protein.csv --lambda 1,10,100 --choose knee --out results\n",
    .library = 1, .library_offset = FIELD(training.options),
    .notes = "Moments and components of the preparation come from the training rows alone and are kept in the model.\n"
             "Ctrl-C stops after the current round and leaves a checkpoint for --resume.\n",
};

static option_table fit_table;
static const command *const fit_command = &fit_table.command;

/* The command, with the views' options and the methods that there are. */
static void make_command(void) {
    training_describe();
    option_table_make(&fit_table, &about, "Input", FIELD(data.views), 1, fit_options, (int)(sizeof fit_options / sizeof *fit_options));
}

const command *fit_table_get(void) {
    make_command();
    return fit_command;
}

typedef struct job {
    settings s;
    training t;
    dataset d;
    features f;
    evaluation scores;
    stability stable;
    coordinates coordinates;
    verdicts verdicts;
    provenance made;
    int argc;
    char **argv;
} job;

static const char *const view_names[ISK_MAX_VIEWS] = { "x1", "x2", "x3", "x4" };

/* ---- before training ---- */

static isk_status check_target(const job *j) {
    const char *target = j->s.data.target;
    if (!target != (j->s.training.options.reduce != ISK_REDUCE_TARGET)) {
        return isk_set_error(j->t.context, ISK_ARGUMENT, "%s", target ? "--target needs --reduce target: labels for scores are "
                             "--labels" : "--reduce target needs --target FILE:COLUMN");
    }
    return views_contiguous(j->t.context, &j->s.data.views);
}

/* ---- results ---- */

/* config.json: what would repeat this run, from any folder. */
static isk_status write_config(job *j) {
    settings copy = j->s;
    view_settings *v = &copy.data.views;
    const char **paths[3 * ISK_MAX_VIEWS + 5] = { &copy.data.labels, &copy.data.group, &copy.data.split, &copy.data.target,
                                                 &copy.training.out };
    char buffers[sizeof paths / sizeof *paths][8400];
    copy.training.resume = copy.training.quiet = 0;
    copy.training.json = NULL;
    for (int i = 0; i < ISK_MAX_VIEWS; i++) {
        paths[5 + 3 * i] = &v->x[i];
        paths[6 + 3 * i] = &v->lengths[i];
        paths[7 + 3 * i] = &v->present[i];
        if (!v->x[i]) { v->norm[i] = NULL; }
    }
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        *paths[i] = training_path(*paths[i], buffers[i], sizeof buffers[i]);
    }
    return training_write_config(&j->t, fit_command, &copy);
}

static void metrics_json(const job *j, text *out) {
    text_add(out, "{\n  ");
    text_json_key(out, "method");
    text_json_string(out, j->t.s->method);
    text_json_member(out, "lambda", methods_lambda(j->t.model));
    text_json_key(out, "seed");
    text_format(out, "%llu", (unsigned long long)isk_model_seed(j->t.model));
    verdicts_json(&j->verdicts, out);
    choice_json(&j->t.choice, out);
    stability_json(&j->stable, out);
    evaluation_json(&j->scores, isk_model_report(j->t.model), out);
    text_add(out, "\n}\n");
}

static isk_status write_report(job *j) {
    char words[ISK_MAX_VIEWS][RECIPE_WORDS], length[32], title[200];
    const isk_report *report = isk_model_report(j->t.model);
    report_embeddings_desc embeddings = {
        .labels = j->d.has_labels ? j->d.labels.codes : NULL,
        .names = j->d.names,
        .label_count = j->d.labels.count,
        .part = j->d.part,
        .scored = j->scores.scored,
    };
    static const char *const titles[ISK_MAX_VIEWS][2] = { { "x1", "x1 prepared" }, { "x2", "x2 prepared" }, { "x3", "x3 prepared" },
                                                         { "x4", "x4 prepared" } };
    const char *facts[4 * ISK_MAX_VIEWS + 7];
    int count = 0;
    text lead = { 0 };
    text page = { 0 };
    curves course;
    isk_status status = curves_read(j->t.context, j->t.log_path, j->t.choice.model, &course);
    if (status != ISK_OK) { return status; }
    for (int i = 0; i < FEATURE_COUNT; i++) { embeddings.features[i] = j->f.m[i]; }
    text_format(&lead, "%lld samples, ", (long long)j->d.rows);
    for (int i = 0; i < j->d.v.count; i++) {
        const recipe *r = &j->d.v.recipe[i];
        const char *paired[] = { titles[i][0], j->s.data.views.x[i], titles[i][1], recipe_words(r, words[i]) };
        memcpy(facts + count, paired, sizeof paired);
        count += 4;
        text_add(&lead, i == 0 ? "" : i + 1 < j->d.v.count ? ", " : " and ");
        if (r->steps) { text_format(&lead, "%d steps of ", r->steps); }
        text_format(&lead, "%lld", (long long)r->cols);
    }
    text_format(&lead, " features. Method %s%s, seed %llu; trained in %s on %s.", j->t.s->method,
                training_lambda(&j->t, isk_model_options(j->t.model)->lambda, (char[40]){ 0 }),
                (unsigned long long)isk_model_seed(j->t.model), duration(report->seconds, length), isk_device_text(j->t.context));
    memcpy(facts + count, (const char *[]){ "method", j->t.s->method, "preset", j->t.s->preset, j->s.data.target ? "target" : NULL,
                                            j->s.data.target, NULL }, 7 * sizeof *facts);
    snprintf(title, sizeof title, "%s: shared and specific features", j->made.data);
    page_begin(&page, title, lead.data ? lead.data : "");
    verdicts_page(&j->verdicts, &page);
    report_scores(&page, &j->scores, j->d.has_labels);
    choice_page(&j->t.choice, &page);
    coordinates_page(&j->coordinates, &j->stable, &page);
    status = report_embeddings(&page, j->t.context, &embeddings);
    report_curves(&page, &course);
    report_settings(&page, facts, j->t.model);
    report_provenance(&page, &j->made);
    page_end(&page);
    if (status == ISK_OK) { status = output_text(&j->t.out, "report.html", &page); }
    text_free(&page);
    text_free(&lead);
    curves_free(&course);
    return status;
}

static void find_verdicts(job *j) {
    text warnings = { 0 };
    training_warnings(&j->t, &warnings);
    verdicts_make(&j->verdicts, &(verdicts_desc){ .scores = &j->scores, .model = j->t.model, .warnings = warnings.data });
    text_free(&warnings);
}

/* Everything beside its name first; only when all is there do the files take their names. */
static isk_status write_all(job *j) {
    text scores = { 0 };
    isk_status status = training_write(&j->t, &j->d);
    metrics_json(j, &scores);
    for (int i = 0; i < FEATURE_COUNT && status == ISK_OK; i++) {
        if (j->f.m[i].data) { status = output_matrix(&j->t.out, feature_files[i], j->f.m[i]); }
    }
    if (status == ISK_OK) { status = write_config(j); }
    if (status == ISK_OK) { status = output_text(&j->t.out, "metrics.json", &scores); }
    if (status == ISK_OK) { status = coordinates_write(&j->coordinates, &j->t.out); }
    if (status == ISK_OK) { status = write_report(j); }
    if (status == ISK_OK) { status = training_commit(&j->t, &scores); }
    text_free(&scores);
    return status;
}

static isk_status run(job *j) {
    training *t = &j->t;
    /* isk_open leaves its sentence when there is no GPU for --device cuda: no folder is made then. */
    isk_status status = *isk_error(t->context) ? ISK_DEVICE : training_names(t);
    if (status == ISK_OK) { status = check_target(j); }
    if (status == ISK_OK) { status = training_folder(t, TRAINING_NAMES); }
    for (int i = 0; i < ISK_MAX_VIEWS; i++) { output_reads(&t->out, j->s.data.views.x[i]); }
    output_reads(&t->out, j->s.data.labels);
    output_reads(&t->out, j->s.data.group);
    output_reads(&t->out, j->s.data.split);
    output_reads(&t->out, j->s.data.target);
    if (status == ISK_OK) { status = data_read(&j->d, t->context, &j->s.data, t->s->options.validation, 0, &t->bar); }
    if (status == ISK_OK) { status = training_begin(t, &j->d); }
    if (status == ISK_OK) { status = training_run(t, &j->d); }
    if (status != ISK_OK) { return status; }
    progress_say(&t->bar, "trained in %s; scoring", duration(isk_model_report(t->model)->seconds, (char[32]){ 0 }));
    status = features_of_trained(&j->f, t->context, t->model, &j->d.v, 1);
    if (status == ISK_OK) { status = features_score(&j->f, t->context, &j->d, &j->scores); }
    if (status == ISK_OK) { status = stability_train(&j->stable, t, &j->d, &j->f); }
    if (status != ISK_OK) { return status; }
    find_verdicts(j);                       /* what is unstable is among them */
    status = coordinates_make(&j->coordinates, t->context, &j->d, &j->f, &j->stable, view_names);
    if (status == ISK_OK) { status = provenance_make(&j->made, t->context, j->argc, j->argv, j->s.data.views.x, ISK_MAX_VIEWS); }
    return status == ISK_OK ? write_all(j) : status;
}

/* ---- what is said at the end ---- */

static void say_results(const job *j) {
    text scores = { 0 };
    if (j->t.s->quiet || is_standard_output(j->t.s->json)) { return; }
    if (j->scores.fused) {
        printf("\nmethod %s learns one representation of all views: there is fused.npy, and no c1, z1, ... .npy\n", j->t.s->method);
    }
    choice_text(&j->t.choice, &scores);
    evaluation_text(&j->scores, j->d.has_labels, &scores);
    stability_text(&j->stable, &scores);
    text_add(&scores, "\n");
    verdicts_text(&j->verdicts, &scores);
    printf("\n%s\nfeatures, model and metrics are in %s; open %s/report.html\n", scores.data ? scores.data : "",
           j->t.s->out, j->t.s->out);
    text_free(&scores);
}

static int finish(job *j, isk_status status, int argc, char **argv) {
    const int code = training_finish(&j->t, status, fit_command->name, argc, argv);
    if (status == ISK_OK) { say_results(j); }
    stability_free(&j->stable);
    coordinates_free(&j->coordinates);
    verdicts_free(&j->verdicts);
    provenance_free(&j->made);
    features_free(&j->f);
    data_free(&j->d);
    training_close(&j->t);
    return code;
}

int command_fit(int argc, char **argv) {
    job j = { .s = { .data = DATA_DEFAULTS, .training = TRAINING_DEFAULTS }, .argc = argc, .argv = argv };
    training_settings *s = &j.s.training;
    const isk_method *method;
    int code;
    make_command();
    view_defaults(&j.s.data.views);
    code = options_parse(fit_command, argc - 1, argv + 1, &j.s);
    if (code >= 0) { return code; }
    if (!j.s.data.views.x[0]) { return usage_error(fit_command->name, "--x1 FILE is missing"); }
    method = methods_named(s->method);
    if (method && method->can & ISK_NEEDS_COUNTS) { view_keep_counts(&j.s.data.views); }
    if (!j.s.data.views.x[1] && !(method && method->least_views == 1)) { return usage_error(fit_command->name, "--x2 FILE is missing"); }
    if (!s->out) { return usage_error(fit_command->name, "--out DIR is missing"); }
    if (j.s.data.target_numbers && !j.s.data.target) { return usage_error(fit_command->name, "--target-numbers needs --target"); }
    if (j.s.data.ignore && !j.s.data.labels) { return usage_error(fit_command->name, "--label-ignore needs --labels"); }
    code = training_check_line(s, fit_command->name, j.s.data.labels != NULL, argc, argv);
    if (code >= 0) { return code; }
    s->seed = j.s.data.seed;
    code = training_open(&j.t, s, fit_command->name);
    return code >= 0 ? code : finish(&j, run(&j), argc, argv);
}
