/* indiseek fit */
#include "commands.h"

#include "choose.h"
#include "results.h"
#include "../common/split.h"

#include "../common/curves.h"
#include "../common/device.h"
#include "../common/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct settings {
    data_settings data;
    device_settings device;
    const char *method, *preset, *out, *config, *choose, *json;
    real_list lambdas;
    int seeds, checkpoint_every, resume, quiet;
    isk_options options;
} settings;

#define FIELD(name) offsetof(settings, name)
/* Made from the library's tables. */
static char method_words[400], method_choices[200], preset_choices[80];
static const option fit_options[] = {
    DATA_OPTIONS(FIELD(data)),
    { NULL, OPTION_HEADING, 0, NULL, "What else training is told (option reduce)", 0, 0, NULL },
    { "target", OPTION_TEXT, FIELD(data.target), "FILE:COLUMN",
      "with --reduce target: one label a row, as one more modality: each view gives way to what it shares with that; rows without one "
      "are told nothing", 0, 0, NULL },
    { "target-numbers", OPTION_FLAG, FIELD(data.target_numbers), NULL,
      "the target is numbers, standardised by the training rows: a column, or all columns of a .npy", 0, 0, NULL },
    { NULL, OPTION_HEADING, 0, NULL, "Output", 0, 0, NULL },
    { "out", OPTION_TEXT, FIELD(out), "DIR",
      "gets c1, c2, ..., z1, z2, ... .npy of all rows (of method comm: fused.npy), split.tsv, model.safetensors, config.json, "
      "log.jsonl, metrics.json and report.html; made if missing",
      0, 0, NULL },
    { "json", OPTION_TEXT, FIELD(json), "FILE", "what is in DIR/metrics.json; - is standard output, and no table is printed", 0, 0, NULL },
    { "resume", OPTION_FLAG, FIELD(resume), NULL, "go on from DIR/checkpoint.safetensors; without one, start afresh", 0,
      0, NULL },
    { "checkpoint-every", OPTION_INT, FIELD(checkpoint_every), "N", "rounds of epochs between checkpoints [10]", 1, 1e9,
      NULL },
    { "quiet", OPTION_FLAG, FIELD(quiet), NULL, "warnings and errors only", 0, 0, NULL },
    { NULL, OPTION_HEADING, 0, NULL, "Training", 0, 0, NULL },
    { "method", OPTION_NAME, FIELD(method), "NAME", method_words, 0, 0, method_choices },
    { "preset", OPTION_NAME, FIELD(preset), "NAME",
      "where all options below have their defaults from: robust, paper or "
      "simulation [robust]",
      0, 0, preset_choices },
    { "lambda", OPTION_REALS, FIELD(lambdas), "LIST",
      "weight of the term that keeps X_i in (Z_i, C_i) [10]; with several numbers, commas between, --choose keeps one model", 0,
      1e9, NULL },
    { "choose", OPTION_TEXT, FIELD(choose), "WORD",
      "which lambda, by the validation rows: knee, where more completeness begins to cost more leakage; probe, the best accuracy of "
      "the labels; none: there is one lambda [none]; without --lambda it tries 0.1,1,10,100",
      0, 0, "none|knee|probe" },
    { "seeds", OPTION_INT, FIELD(seeds), "N", "models for each lambda, of which the first is kept, seeds --seed, --seed + 1, ... [1]",
      1, 1000, NULL },
    { "config", OPTION_CONFIG, FIELD(config), "FILE",
      "options from a flat JSON object, such as DIR/config.json; the command line "
      "has the last word",
      0, 0, NULL },
    { "lr", OPTION_ALIAS, 0, "rate", NULL, 0, 0, NULL },
    DEVICE_OPTIONS(FIELD(device)),
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
    .library = 1, .library_offset = FIELD(options),
    .notes = "Moments and components of the preparation come from the training rows alone and are kept in the model.\n"
             "Ctrl-C stops after the current round and leaves a checkpoint for --resume.\n",
};

static option_table fit_table;
static const command *const fit_command = &fit_table.command;

/* The command, with the views' options and the methods that there are. */
static void make_command(void) {
    text words = { 0 }, methods = { 0 }, presets = { 0 };
    for (int i = 0; i < ISK_METHOD_COUNT; i++) { text_format(&methods, "%s%s", i ? "|" : "", isk_method_name((isk_method)i)); }
    for (int i = 0; i < ISK_PRESET_COUNT; i++) { text_format(&presets, "%s%s", i ? "|" : "", isk_preset_name((isk_preset)i)); }
    snprintf(method_choices, sizeof method_choices, "%s", methods.data ? methods.data : "");
    snprintf(preset_choices, sizeof preset_choices, "%s", presets.data ? presets.data : "");
    text_free(&methods);
    text_free(&presets);
    for (int i = 0; i < ISK_METHOD_COUNT; i++) {
        text_format(&words, "%s%s", i == 0 ? "" : i < ISK_METHOD_COUNT - 1 ? ", " : " or ", isk_method_name((isk_method)i));
    }
    text_add(&words, " [what the preset recommends:");
    for (int i = 0; i < ISK_PRESET_COUNT; i++) {
        text_format(&words, "%s %s %s", i ? "," : "", isk_preset_name((isk_preset)i), isk_method_name(isk_preset_method((isk_preset)i)));
    }
    text_add(&words, "]");
    snprintf(method_words, sizeof method_words, "%s", words.data ? words.data : "");
    text_free(&words);
    option_table_make(&fit_table, &about, "Input", FIELD(data.views), 1, fit_options, (int)(sizeof fit_options / sizeof *fit_options));
}

const command *fit_table_get(void) {
    make_command();
    return fit_command;
}

typedef struct job {
    settings s;
    int argc;
    char **argv;
    isk_context *context;
    progress bar;
    output out;
    dataset d;
    isk_fit_desc fit;
    isk_model *model;               /* that is kept */
    choice choice;
    features f;
    evaluation scores;
    char log_path[4200], checkpoint[4200];
} job;

/* ---- before training ---- */

/* Is there a sweep, of which one model is kept? */
static int chooses(const job *j) { return strcmp(j->s.choose, "none") != 0; }

static isk_status find_names(job *j) {
    isk_status status = isk_preset_find(j->context, j->s.preset, &j->fit.preset);
    if (!j->s.method && status == ISK_OK) { j->s.method = isk_method_name(isk_preset_method(j->fit.preset)); }
    if (status == ISK_OK) { status = isk_method_find(j->context, j->s.method, &j->fit.method); }
    if (status == ISK_OK && chooses(j) && (j->fit.method == ISK_CLIP || j->fit.method == ISK_RESIDUAL)) {
        status = isk_set_error(j->context, ISK_ARGUMENT, "method %s has no lambda to choose", j->s.method);
    }
    if (status == ISK_OK && chooses(j) && j->fit.method == ISK_COMM) {
        status = isk_set_error(j->context, ISK_ARGUMENT, "method comm has no specific features, whose leakage and completeness choose a lambda");
    }
    if (status == ISK_OK && !j->s.data.target != (j->s.options.reduce != ISK_REDUCE_TARGET)) {
        status = isk_set_error(j->context, ISK_ARGUMENT, "%s", j->s.data.target ? "--target needs --reduce target: labels for scores are "
                               "--labels" : "--reduce target needs --target FILE:COLUMN");
    }
    if (status == ISK_OK) { status = views_contiguous(j->context, &j->s.data.views); }
    if (status == ISK_OK && j->s.lambdas.count == 1) {
        j->s.options.lambda = j->s.lambdas.value[0] > 0 ? j->s.lambdas.value[0] : ISK_NONE;
    }
    if (status == ISK_OK) { status = isk_options_resolve(j->context, &j->s.options, j->fit.preset); }
    if (j->s.lambdas.count < 2) {
        j->s.lambdas.value[0] = j->s.options.lambda;
        j->s.lambdas.count = 1;
    }
    return status;
}

static isk_status folder_open(job *j) {
    isk_status status = output_open(&j->out, j->context, j->s.out);
    if (status != ISK_OK) { return isk_set_error(j->context, status, "%s", j->out.error); }
    output_path(&j->out, "checkpoint.safetensors", j->checkpoint, sizeof j->checkpoint);
    output_path(&j->out, "log.jsonl.new", j->log_path, sizeof j->log_path);
    return ISK_OK;
}

/* A run that starts afresh does not write over the checkpoint of another. */
static void checkpoint_keep(job *j) {
    char previous[4200];
    output_path(&j->out, "checkpoint.previous.safetensors", previous, sizeof previous);
    if (!j->s.resume && rename(j->checkpoint, previous) == 0) {
        progress_warn(
            &j->bar,
            "%s holds the checkpoint of a run that was stopped; it is kept as %s, --resume would have gone on "
            "with it",
            j->s.out, previous);
    }
}

/* Cuts off half a line that a killed run left at the end of its log. */
static void log_mend(const char *path) {
    FILE *log = fopen(path, "rb");
    off_t whole = 0, at = 0;
    if (!log) { return; }
    for (int c; (c = getc(log)) != EOF;) {
        at++;
        if (c == '\n') { whole = at; }
    }
    fclose(log);
    if (whole < at && truncate(path, whole) != 0) { return; }           /* half a line is no harm to its readers */
}

static isk_status log_open(job *j) {
    text line = { 0 };
    if (j->s.resume) { log_mend(j->log_path); }
    j->bar.log = fopen(j->log_path, j->s.resume ? "ab" : "wb");
    if (!j->bar.log) {
        return isk_set_error(j->context, ISK_IO, "%s cannot be written: %s", j->log_path, strerror(errno));
    }
    text_add(&line, "{\"event\": \"start\"");
    text_json_key(&line, "version");
    text_json_string(&line, ISK_VERSION);
    text_json_key(&line, "device");
    text_json_string(&line, isk_device_text(j->context));
    text_add(&line, "}");
    if (line.data) { fprintf(j->bar.log, "%s\n", line.data); }
    text_free(&line);
    return ISK_OK;
}

/* ---- training ---- */

/* Keeps one model of a sweep and lets the others go. */
static isk_status keep_one(job *j, isk_model **models, int count) {
    isk_status status;
    int kept = 0;
    if (chooses(j)) {
        progress_say(&j->bar, "trained %d models; measuring leakage and completeness", count);
        status = choice_make(&j->choice, j->context, models, count, &j->d, j->s.choose);
        kept = j->choice.model;
        if (status == ISK_OK) { progress_say(&j->bar, "lambda %g is kept", isk_model_options(models[kept])->lambda); }
    } else {
        status = isk_model_report(models[0])->status;
        if (status != ISK_OK) {
            status = isk_set_error(j->context, status, "%s; a smaller --rate or --clip-norm 1 may help (log: %s)",
                                   isk_model_report(models[0])->message, j->log_path);
        }
    }
    for (int i = 0; i < count; i++) {
        if (status == ISK_OK && i == kept) { j->model = models[i]; } else { isk_model_close(models[i]); }
    }
    return status;
}

/* A choice needs validation rows, which is better known before the training than after. */
static isk_status check_choice(const job *j) {
    if (!chooses(j) || memchr(j->d.part, ISK_VALIDATION, (size_t)j->d.rows)) { return ISK_OK; }
    return isk_set_error(j->context, ISK_DATA, "--choose needs validation rows, and there are none: give --validation 0.1, or name some "
                         "in --split");
}

static isk_status train(job *j) {
    isk_sweep_desc sweep = { 0 };
    isk_model **models;
    isk_status status;
    int count;
    views_give(&j->d.v, &j->fit);
    j->fit.target = j->d.target;
    j->fit.target_present = j->d.target_present;
    j->fit.split = j->d.part;
    j->fit.seed = j->s.data.seed;
    j->fit.options = j->s.options;
    j->fit.checkpoint = j->checkpoint;
    j->fit.checkpoint_every = j->s.checkpoint_every;
    sweep.fit = j->fit;
    if (chooses(j)) {
        sweep.lambdas = j->s.lambdas.value;
        sweep.lambda_count = j->s.lambdas.count;
        sweep.seed_count = j->s.seeds;
    }
    count = isk_sweep_models(&sweep);
    j->bar.single = count == 1;
    if (progress_stopped()) { return isk_set_error(j->context, ISK_INTERRUPTED, "stopped before training"); }
    models = calloc((size_t)count, sizeof *models);
    if (!models) { return isk_set_error(j->context, ISK_MEMORY, "no memory for %d models", count); }
    if (chooses(j)) {
        progress_say(&j->bar, "%s, preset %s, %d lambdas, %d seed%s from %llu on %s", j->s.method, j->s.preset, j->s.lambdas.count,
                     j->s.seeds, j->s.seeds == 1 ? "" : "s", (unsigned long long)j->fit.seed, isk_device_text(j->context));
    } else {
        progress_say(&j->bar, "%s, preset %s, lambda %g, seed %llu on %s", j->s.method, j->s.preset, j->s.options.lambda,
                     (unsigned long long)j->fit.seed, isk_device_text(j->context));
    }
    status = j->s.resume ? isk_resume(j->context, &sweep, models) : isk_sweep(j->context, &sweep, models);
    progress_end(&j->bar);
    if (status == ISK_OK) { status = keep_one(j, models, count); }
    free(models);
    return status;
}

/* ---- results ---- */

/* The path, or FILE:COLUMN, as it reads from every folder; into a buffer of `size`. */
static const char *from_anywhere(const char *path, char *buffer, size_t size) {
    size_t length;
    if (!path || *path == '/' || !getcwd(buffer, size)) { return path; }
    length = strlen(buffer);
    snprintf(buffer + length, size - length, "/%s", path);
    return buffer;
}

/* config.json: what would repeat this run, from any folder. */
static isk_status write_config(job *j) {
    settings copy = j->s;
    view_settings *v = &copy.data.views;
    const char **paths[3 * ISK_MAX_VIEWS + 5] = { &copy.data.labels, &copy.data.group, &copy.data.split, &copy.data.target, &copy.out };
    char buffers[sizeof paths / sizeof *paths][8400];
    text out = { 0 };
    isk_status status;
    copy.resume = copy.quiet = 0;
    copy.json = NULL;
    for (int i = 0; i < ISK_MAX_VIEWS; i++) {
        paths[5 + 3 * i] = &v->x[i];
        paths[6 + 3 * i] = &v->lengths[i];
        paths[7 + 3 * i] = &v->present[i];
        if (!v->x[i]) { v->norm[i] = NULL; }
    }
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        *paths[i] = from_anywhere(*paths[i], buffers[i], sizeof buffers[i]);
    }
    text_add(&out, "{\n  ");
    text_json_key(&out, "indiseek");
    text_json_string(&out, ISK_VERSION);
    text_add(&out, "\n  ");
    text_json_key(&out, "trained_on");
    text_json_string(&out, isk_device_text(j->context));
    options_write(fit_command, &copy, &out);
    text_add(&out, "\n}\n");
    status = output_text(&j->out, "config.json", &out);
    text_free(&out);
    return status;
}

static void metrics(const job *j, text *out) {
    text_add(out, "{\n  ");
    text_json_key(out, "method");
    text_json_string(out, j->s.method);
    text_json_key(out, "lambda");
    text_json_number(out, isk_model_options(j->model)->lambda);
    text_json_key(out, "seed");
    text_format(out, "%llu", (unsigned long long)isk_model_seed(j->model));
    choice_json(&j->choice, out);
    evaluation_json(&j->scores, isk_model_report(j->model), out);
    text_add(out, "\n}\n");
}

static isk_status write_metrics(job *j) {
    text out = { 0 };
    isk_status status;
    metrics(j, &out);
    status = output_text(&j->out, "metrics.json", &out);
    text_free(&out);
    return status;
}

static isk_status write_json(const job *j) {
    text out = { 0 };
    isk_status status;
    if (!j->s.json) { return ISK_OK; }
    metrics(j, &out);
    status = write_text(j->context, j->s.json, &out);
    text_free(&out);
    return status;
}

static isk_status write_choice(job *j) {
    text out = { 0 };
    isk_status status;
    if (!chooses(j)) { return ISK_OK; }
    choice_csv(&j->choice, &out);
    status = output_text(&j->out, "tradeoff.csv", &out);
    text_free(&out);
    return status;
}

/* Of what was warned of, what concerns the model that is kept. */
static void own_warnings(const job *j, text *out) {
    char own[32];
    snprintf(own, sizeof own, "model %d of ", j->choice.model + 1);
    for (const char *line = j->bar.warnings.data; line && *line; line += strcspn(line, "\n") + 1) {
        const char *colon = strstr(line, ": ");             /* "model 2 of 8 (lambda 0.1, seed 0): Z1 ..." */
        size_t skip = strncmp(line, own, strlen(own)) == 0 && colon ? (size_t)(colon + 2 - line) : 0;
        if (!skip && strncmp(line, "model ", 6) == 0) { continue; }
        text_add_bytes(out, line + skip, strcspn(line + skip, "\n") + 1);
    }
}

static isk_status write_report(job *j) {
    char words[ISK_MAX_VIEWS][96], length[32];
    const isk_report *training = isk_model_report(j->model);
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
    text page = { 0 }, warnings = { 0 };
    curves course;
    isk_status status = curves_read(j->context, j->log_path, j->choice.model, &course);
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
    text_format(&lead, " features. Method %s, lambda %g, seed %llu; trained in %s on %s.", j->s.method,
                isk_model_options(j->model)->lambda, (unsigned long long)isk_model_seed(j->model), duration(training->seconds, length),
                isk_device_text(j->context));
    memcpy(facts + count, (const char *[]){ "method", j->s.method, "preset", j->s.preset, j->s.data.target ? "target" : NULL,
                                            j->s.data.target, NULL }, 7 * sizeof *facts);
    page_begin(&page, "Shared and specific features", lead.data ? lead.data : "");
    own_warnings(j, &warnings);
    report_verdicts(&page, &j->scores, j->model, warnings.data);
    report_scores(&page, &j->scores, j->d.has_labels);
    choice_page(&j->choice, &page);
    status = report_embeddings(&page, j->context, &embeddings);
    report_curves(&page, &course);
    report_settings(&page, facts, isk_model_options(j->model));
    page_end(&page);
    if (status == ISK_OK) { status = output_text(&j->out, "report.html", &page); }
    text_free(&page);
    text_free(&lead);
    text_free(&warnings);
    curves_free(&course);
    return status;
}

static isk_status write_model(job *j) {
    char path[4200];
    isk_status status = ISK_OK;
    for (int view = 0; view < j->d.v.count && status == ISK_OK; view++) {
        status = recipe_put(&j->d.v.recipe[view], j->model, view);
    }
    if (status == ISK_OK) {
        status = isk_save(j->model, output_stage(&j->out, "model.safetensors", path, sizeof path));
    }
    return status;
}

/* Everything beside its name first; only when all is there do the files take their names. */
static isk_status write_all(job *j) {
    text split = { 0 };
    int unwritten;
    isk_status status = write_model(j);
    for (int i = 0; i < FEATURE_COUNT && status == ISK_OK; i++) {
        if (j->f.m[i].data) { status = output_matrix(&j->out, feature_files[i], j->f.m[i]); }
    }
    split_write(j->d.part, j->d.rows, &split);
    if (status == ISK_OK) { status = output_text(&j->out, "split.tsv", &split); }
    text_free(&split);
    if (status == ISK_OK) { status = write_config(j); }
    if (status == ISK_OK) { status = write_metrics(j); }
    if (status == ISK_OK) { status = write_choice(j); }
    if (status == ISK_OK) { status = write_report(j); }
    if (status != ISK_OK) { return status; }
    unwritten = ferror(j->bar.log);
    if (fclose(j->bar.log) != 0 || unwritten) {
        status = isk_set_error(j->context, ISK_IO, "%s cannot be written: is the disk full?", j->log_path);
    }
    j->bar.log = NULL;
    if (status == ISK_OK) {
        char path[4200];
        output_stage(&j->out, "log.jsonl", path, sizeof path);
        status = output_commit(&j->out);
        if (status != ISK_OK) { return isk_set_error(j->context, status, "%s", j->out.error); }
        unlink(j->checkpoint);                              /* the run is complete: nothing is left to resume */
        features_tidy(&j->f, &j->out);
        if (!chooses(j)) { remove(output_path(&j->out, "tradeoff.csv", path, sizeof path)); }     /* of another run */
        output_tidy(&j->out);
    }
    return status;
}

static isk_status run(job *j) {
    /* isk_open leaves its sentence when there is no GPU for --device cuda: no folder is made then. */
    isk_status status = *isk_error(j->context) ? ISK_DEVICE : find_names(j);
    if (status == ISK_OK) { status = can_write(j->context, j->s.json); }
    if (status == ISK_OK) { status = folder_open(j); }
    if (status == ISK_OK) { status = data_read(&j->d, j->context, &j->s.data, j->s.options.validation, 0, &j->bar); }
    if (status == ISK_OK) { status = check_choice(j); }
    if (status == ISK_OK) { checkpoint_keep(j); }
    if (status == ISK_OK) { status = log_open(j); }
    if (status == ISK_OK) { status = train(j); }
    if (status != ISK_OK) { return status; }
    progress_say(&j->bar, "trained in %s; scoring", duration(isk_model_report(j->model)->seconds, (char[32]){ 0 }));
    status = features_make(&j->f, j->context, j->model, &j->d.v, 1);
    if (status == ISK_OK) { status = features_score(&j->f, j->context, &j->d, &j->scores); }
    if (status == ISK_OK) { status = write_all(j); }
    return status == ISK_OK ? write_json(j) : status;
}

/* ---- what is said at the end ---- */

static void say_results(const job *j) {
    text scores = { 0 };
    if (j->s.quiet || is_standard_output(j->s.json)) { return; }
    if (j->scores.fused) {
        printf("\nmethod %s learns one representation of all views: there is fused.npy, and no c1, z1, ... .npy\n", j->s.method);
    }
    choice_text(&j->choice, &scores);
    evaluation_text(&j->scores, j->d.has_labels, &scores);
    printf("\n%s\nfeatures, model and metrics are in %s; open %s/report.html\n", scores.data ? scores.data : "",
           j->s.out, j->s.out);
    text_free(&scores);
}

static int finish(job *j, isk_status status) {
    int code = 0;
    progress_end(&j->bar);
    output_drop(&j->out);
    if (j->bar.log) {
        fclose(j->bar.log);
        if (status != ISK_DIVERGED && access(j->checkpoint, F_OK) != 0) { unlink(j->log_path); }    /* of no use alone */
    }
    if (status != ISK_OK) {
        code = fail(fit_command->name, status, *isk_error(j->context) ? isk_error(j->context) : NULL);
        if (status == ISK_INTERRUPTED) { say_how_to_resume(j->argc, j->argv); }
    } else {
        say_results(j);
    }
    features_free(&j->f);
    choice_free(&j->choice);
    isk_model_close(j->model);
    data_free(&j->d);
    progress_close(&j->bar);
    isk_close(j->context);
    return code;
}

static int on_line(int argc, char **argv, const char *name) {
    const size_t length = strlen(name);
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], name, length) == 0 && (!argv[i][length] || argv[i][length] == '=')) { return 1; }
    }
    return 0;
}

/* One lambda on the line takes the place of a choice that a file of options asks for. */
static void take_one_lambda(settings *s, int argc, char **argv) {
    if (s->lambdas.count != 1 || !on_line(argc, argv, "--lambda") || on_line(argc, argv, "--choose")) { return; }
    s->choose = "none";
    if (!on_line(argc, argv, "--seeds")) { s->seeds = 1; }
}

/* Do --lambda, --choose and --seeds go together?  Fills in the lambdas to try; returns -1 to go on, else the exit code. */
static int check_line(settings *s) {
    static const double usual[] = { 0.1, 1, 10, 100 };
    if (strcmp(s->choose, "none") == 0) {
        if (s->lambdas.count > 1) {
            return usage_error(fit_command->name, "--lambda has %d numbers: --choose knee or --choose probe says which model is kept",
                               s->lambdas.count);
        }
        return s->seeds > 1 ? usage_error(fit_command->name, "--seeds %d needs --choose knee or --choose probe", s->seeds) : -1;
    }
    if (s->lambdas.count == 1) {
        return usage_error(fit_command->name, "--choose %s needs several numbers in --lambda; for one lambda it is --choose none", s->choose);
    }
    if (strcmp(s->choose, "probe") == 0 && !s->data.labels) { return usage_error(fit_command->name, "--choose probe needs --labels"); }
    for (size_t i = 0; !s->lambdas.count && i < sizeof usual / sizeof *usual; i++) { s->lambdas.value[i] = usual[i]; }
    if (!s->lambdas.count) { s->lambdas.count = (int)(sizeof usual / sizeof *usual); }
    return -1;
}

int command_fit(int argc, char **argv) {
    job j = { .s = { .data = DATA_DEFAULTS,
                     .preset = "robust",
                     .choose = "none",
                     .seeds = 1,
                     .device = DEVICE_DEFAULTS,
                     .checkpoint_every = 10 },
              .argc = argc,
              .argv = argv };
    isk_context_desc desc = { 0 };
    isk_status status;
    int code;
    make_command();
    view_defaults(&j.s.data.views);
    code = options_parse(fit_command, argc - 1, argv + 1, &j.s);
    if (code >= 0) { return code; }
    if (!j.s.data.views.x[0]) { return usage_error(fit_command->name, "--x1 FILE is missing"); }
    if (!j.s.data.views.x[1]) { return usage_error(fit_command->name, "--x2 FILE is missing"); }
    if (!j.s.out) { return usage_error(fit_command->name, "--out DIR is missing"); }
    if (j.s.data.target_numbers && !j.s.data.target) { return usage_error(fit_command->name, "--target-numbers needs --target"); }
    if (j.s.data.ignore && !j.s.data.labels) { return usage_error(fit_command->name, "--label-ignore needs --labels"); }
    take_one_lambda(&j.s, argc, argv);
    code = check_line(&j.s);
    if (code >= 0) { return code; }
    progress_open(&j.bar, j.s.quiet);
    progress_attach(&j.bar, &desc);
    device_apply(&j.s.device, &desc);
    j.context = isk_open(&desc);
    if (!j.context) { return fail(fit_command->name, ISK_MEMORY, NULL); }
    progress_watch(j.context);
    status = run(&j);
    return finish(&j, status);
}
