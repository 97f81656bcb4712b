/* indiseek evaluate */
#include "commands.h"

#include "../runs/methods.h"
#include "../runs/results.h"

#include "../report/verdicts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct settings {
    data_settings data;
    const char *folder, *feature[FEATURE_COUNT], *json;
    int threads, quiet;
} settings;

#define FIELD(name) offsetof(settings, name)
#define FEATURE(name, index, words) { name, OPTION_TEXT, FIELD(feature) + (index) * sizeof(const char *), "FILE", words, 0, 0, NULL }
static const option evaluate_options[] = {
    DATA_OPTIONS(FIELD(data)),
    { "DIR", OPTION_ARGUMENT, FIELD(folder), NULL, NULL, 0, 0, NULL },
    { NULL, OPTION_HEADING, 0, NULL, "Features (of a folder: its own)", 0, 0, NULL },
    FEATURE("c1", FEATURE_C, "shared features of view 1, one row a sample; NaN in rows of which it was not measured"),
    FEATURE("c2", FEATURE_C + 1, "shared features of view 2"),
    FEATURE("c3", FEATURE_C + 2, "of view 3"),
    FEATURE("c4", FEATURE_C + 3, "of view 4"),
    FEATURE("z1", FEATURE_Z, "specific features of view 1"),
    FEATURE("z2", FEATURE_Z + 1, "specific features of view 2"),
    FEATURE("z3", FEATURE_Z + 2, "of view 3"),
    FEATURE("z4", FEATURE_Z + 3, "of view 4"),
    FEATURE("fused", FEATURE_FUSED, "one representation of all views, as of method comm"),
    { "json", OPTION_TEXT, FIELD(json), "FILE", "the scores, in the form of metrics.json; - is standard output, and no table is printed",
      0, 0, NULL },
    { "threads", OPTION_INT, FIELD(threads), "N", "threads, 0 is one per processor [0]", 0, 256, NULL },
    { "quiet", OPTION_FLAG, FIELD(quiet), NULL, "the scores alone", 0, 0, NULL },
};

static const command about = {
    .name = "indiseek evaluate", .usage = "[DIR] [OPTION]...",
    .about = "Scores features: how well they tell labels, what Z says about C of the other views (leakage), and what\n"
             "(Z, C) say about X (completeness).  DIR is a folder made by `indiseek fit`.",
    .examples = "  indiseek evaluate results\n"
                "  indiseek evaluate results --labels cells.tsv:donor --json donor.json\n"
                "  indiseek evaluate --c1 c1.npy --c2 c2.npy --z1 z1.npy --z2 z2.npy --labels cells.tsv:type\n",
};
static option_table evaluate_table;
static const command *const evaluate_command = &evaluate_table.command;

const command *evaluate_table_get(void) {
    option_table_make(&evaluate_table, &about, "Inputs and labels (of a folder: those of its config.json and split.tsv)",
                      FIELD(data.views), 1, evaluate_options, (int)(sizeof evaluate_options / sizeof *evaluate_options));
    return evaluate_command;
}

typedef struct job {
    settings s;
    isk_context *context;
    progress bar;
    dataset d;
    input in[FEATURE_COUNT];
    features f;                     /* values belong to `in`, reconstructions to `decoded` */
    features decoded;
    isk_model *model;
    char paths[FEATURE_COUNT][4200], split[4200];
    data_settings line;             /* what the command line names by itself */
    evaluation scores;
    verdicts verdicts;
} job;

/* ---- settings ---- */

/* A folder's config.json first, then what the line says. */
static int read_settings(job *j, int argc, char **argv) {
    settings defaults = { .data = DATA_DEFAULTS };
    char path[4200], sentence[400];
    int code;
    view_defaults(&defaults.data.views);
    j->s = defaults;
    code = options_parse(evaluate_command, argc - 1, argv + 1, &j->s);
    if (code >= 0 || !j->s.folder) { return code; }
    j->line = j->s.data;
    snprintf(path, sizeof path, "%s/config.json", j->s.folder);
    if (output_awaited(j->s.folder, sentence, sizeof sentence)) { return fail(evaluate_command->name, ISK_IO, sentence); }
    j->s = defaults;
    code = options_read(evaluate_command, path, 1, &j->s);
    if (code) { return code; }
    j->s.data.split = j->s.data.group = NULL;               /* split.tsv holds what came of them */
    if (j->line.labels) { j->s.data.ignore = NULL; }          /* that name belonged to the labels of the fit */
    return options_parse(evaluate_command, argc - 1, argv + 1, &j->s);
}

/* The files of the folder that the line does not name. */
static void find_files(job *j) {
    for (int i = 0; i < FEATURE_COUNT && j->s.folder; i++) {
        snprintf(j->paths[i], sizeof j->paths[i], "%s/%s", j->s.folder, feature_files[i]);
        if (!j->s.feature[i] && access(j->paths[i], R_OK) == 0) { j->s.feature[i] = j->paths[i]; }
    }
    if (j->s.folder && !j->s.data.split) {
        snprintf(j->split, sizeof j->split, "%s/split.tsv", j->s.folder);
        j->s.data.split = j->split;
    }
}

static int there(const char *file_and_column) { return !file_and_column || input_labels_there(file_and_column); }

/* What config.json names may have gone since: its part is left out.  What the line names must be there. */
static void drop_what_is_gone(job *j) {
    data_settings *data = &j->s.data;
    view_settings *v = &data->views;
    for (int view = 0; view < ISK_MAX_VIEWS; view++) {
        if (j->line.views.x[view] || !v->x[view]) { continue; }
        if (access(v->x[view], R_OK) == 0 && there(v->present[view]) && there(v->lengths[view])) { continue; }
        progress_warn(&j->bar, "%s cannot be read; what needs x%d is left out (--x%d FILE names it)",
                      access(v->x[view], R_OK) != 0 ? v->x[view] : !there(v->present[view]) ? v->present[view] : v->lengths[view],
                      view + 1, view + 1);
        v->x[view] = v->present[view] = v->lengths[view] = NULL;
    }
    if (j->line.labels || !data->labels || input_labels_there(data->labels)) { return; }
    progress_warn(&j->bar, "%s cannot be read; what needs labels is left out (--labels FILE:COLUMN names them)",
                  data->labels);
    data->labels = data->ignore = NULL;
}

/* ---- reading ---- */

/* A row that is not there is NaN in all columns. */
static isk_status check_features(const job *j, const input *in) {
    for (int64_t i = 0; i < in->rows; i++) {
        const isk_scalar *row = in->values + i * in->cols;
        for (int64_t k = 0; k < in->cols; k++) {
            if (isnan(row[k]) ? isnan(row[0]) : isfinite(row[k]) && !isnan(row[0])) { continue; }
            return isk_set_error(j->context, ISK_DATA, "%s: row %lld, column %lld is %s; a row without features is NaN in all columns",
                                 in->path, (long long)i + 1, (long long)k + 1, isnan(row[k]) ? "NaN" : isfinite(row[k]) ? "a number"
                                 : "infinite");
        }
    }
    return ISK_OK;
}

static isk_status read_features(job *j, int64_t *rows) {
    *rows = 0;
    for (int i = 0; i < FEATURE_COUNT; i++) {
        isk_status status;
        if (!j->s.feature[i]) { continue; }
        status = input_read(j->context, j->s.feature[i], &(input_desc){ .missing = 1 }, &j->in[i]);
        if (status == ISK_OK) { status = input_dense(&j->in[i]); }
        if (status == ISK_OK) { status = check_features(j, &j->in[i]); }
        if (status != ISK_OK) { return status; }
        if (*rows && j->in[i].rows != *rows) {
            return isk_set_error(j->context, ISK_SHAPE, "%s has %lld rows where the other features have %lld",
                                 j->s.feature[i], (long long)j->in[i].rows, (long long)*rows);
        }
        *rows = j->in[i].rows;
        j->f.m[i] = (isk_matrix){ j->in[i].values, j->in[i].rows, j->in[i].cols };
    }
    return *rows
               ? ISK_OK
               : isk_set_error(j->context, ISK_ARGUMENT, "there are no features: give DIR, or --c1, --c2, --z1, --z2");
}

/* The model's own decoder, when the folder has a model and all its inputs are here. */
static isk_status decode(job *j) {
    char path[4200];
    isk_status status;
    if (!j->s.folder) { return ISK_OK; }
    snprintf(path, sizeof path, "%s/model.safetensors", j->s.folder);
    if (access(path, R_OK) != 0) { return ISK_OK; }
    status = isk_load(j->context, path, &j->model);
    for (int i = 0; i < ISK_MAX_VIEWS && status == ISK_OK; i++) {
        if (!j->d.v.x[i].data != (i >= isk_model_views(j->model))) {
            isk_model_close(j->model);
            j->model = NULL;
            return ISK_OK;
        }
    }
    if (status == ISK_OK) { status = features_make(&j->decoded, j->context, j->model, &j->d.v, 1); }
    for (int view = 0; view < ISK_MAX_VIEWS; view++) { j->f.reconstruction[view] = j->decoded.reconstruction[view]; }
    return status;
}

static isk_status run(job *j) {
    int64_t rows = 0;
    isk_status status;
    find_files(j);
    drop_what_is_gone(j);
    status = can_write(j->context, j->s.json);
    if (status == ISK_OK && j->s.folder) { status = output_verify(j->context, j->s.folder, READ_NAMES); }
    if (status == ISK_OK) { status = read_features(j, &rows); }
    if (status == ISK_OK) { status = data_read(&j->d, j->context, &j->s.data, 0, rows, &j->bar); }
    if (status == ISK_OK) { status = decode(j); }
    if (status == ISK_OK) { status = features_score(&j->f, j->context, &j->d, &j->scores); }
    if (status == ISK_OK) { verdicts_make(&j->verdicts, &(verdicts_desc){ .scores = &j->scores, .model = j->model }); }
    return status;
}

/* ---- output ---- */

static isk_status report(job *j) {
    text out = { 0 };
    isk_status status = ISK_OK;
    if (!is_standard_output(j->s.json)) {
        evaluation_text(&j->scores, j->d.has_labels, &out);
        text_add(&out, "\n");
        verdicts_text(&j->verdicts, &out);
        printf("%s", out.data ? out.data : "");
        text_free(&out);
    }
    if (j->s.json) {
        text_add(&out, "{");
        verdicts_json(&j->verdicts, &out);
        evaluation_json(&j->scores, j->model ? isk_model_report(j->model) : NULL, &out);
        text_add(&out, "\n}\n");
        status = write_text(j->context, j->s.json, &out);
        text_free(&out);
    }
    return status;
}

int command_evaluate(int argc, char **argv) {
    job j = { .context = NULL };
    isk_context_desc desc = { 0 };
    isk_status status;
    int code;
    evaluate_table_get();
    code = read_settings(&j, argc, argv);
    if (code >= 0) { return code; }
    progress_open(&j.bar, j.s.quiet);
    progress_attach(&j.bar, &desc);
    desc.threads = j.s.threads;
    desc.device = ISK_DEVICE_CPU;           /* nothing is trained */
    j.context = methods_open(&desc);
    if (!j.context) { return fail(evaluate_command->name, ISK_MEMORY, NULL); }
    status = run(&j);
    if (status == ISK_OK) { status = report(&j); }
    code = status == ISK_OK ? 0 : fail(evaluate_command->name, status, isk_error(j.context));
    for (int i = 0; i < FEATURE_COUNT; i++) { input_free(&j.in[i]); }
    verdicts_free(&j.verdicts);
    features_free(&j.decoded);
    isk_model_close(j.model);
    data_free(&j.d);
    progress_close(&j.bar);
    isk_close(j.context);
    return code;
}
