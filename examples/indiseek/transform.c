/* indiseek transform */
#include "commands.h"

#include "../runs/methods.h"
#include "../runs/results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct settings {
    view_settings views;
    const char *model, *out, *json;
    int threads, quiet;
} settings;

#define FIELD(name) offsetof(settings, name)
static const option transform_options[] = {
    { "model", OPTION_TEXT, FIELD(model), "FILE", "what `indiseek fit` saved: model.safetensors, or its folder", 0, 0,
      NULL },
    { NULL, OPTION_HEADING, 0, NULL, "Output", 0, 0, NULL },
    { "out", OPTION_TEXT, FIELD(out), "DIR", "gets c1, ..., z1, ... .npy, or fused.npy; made if missing", 0, 0, NULL },
    { "json", OPTION_TEXT, FIELD(json), "FILE", "which files were written, with their rows and columns; - is standard output", 0, 0, NULL },
    { "threads", OPTION_INT, FIELD(threads), "N", "threads, 0 is one per processor [0]", 0, 256, NULL },
    { "quiet", OPTION_FLAG, FIELD(quiet), NULL, "warnings and errors only", 0, 0, NULL },
};

static const command about = {
    .name = "indiseek transform", .usage = "--model FILE [--x1 FILE] [--x2 FILE] ... --out DIR",
    .about = "Features of new samples.  Each row's features depend on that row alone.",
    .examples = "  indiseek transform --model results --x1 new_rna.npy --x2 new_protein.csv --out new_results\n"
                "  indiseek transform --model results/model.safetensors --x1 rna_only.npy --out rna_results\n",
    .notes = "One view is enough.  Values are prepared as in training: norm, moments and components are kept in the model, and whether\n"
             "the file holds features x samples too.\n",
};
static option_table transform_table;
static const command *const transform_command = &transform_table.command;

const command *transform_table_get(void) {
    option_table_make(&transform_table, &about, "Input", FIELD(views), 0, transform_options,
                      (int)(sizeof transform_options / sizeof *transform_options));
    return transform_command;
}

typedef struct job {
    settings s;
    isk_context *context;
    progress bar;
    output out;
    isk_model *model;
    views v;
    features f;
} job;

static isk_status load_model(job *j) {
    char path[4200];
    struct stat state;
    isk_status status = ISK_OK;
    int is_folder = stat(j->s.model, &state) == 0 && S_ISDIR(state.st_mode);
    snprintf(path, sizeof path, "%s%s", j->s.model, is_folder ? "/model.safetensors" : "");
    if (is_folder) { status = output_verify(j->context, j->s.model, "model.safetensors"); }
    return status == ISK_OK ? isk_load(j->context, path, &j->model) : status;
}

/* { "out": "results", "features": { "c1.npy": [120, 50], ... } } */
static isk_status write_json(const job *j) {
    text out = { 0 };
    isk_status status;
    if (!j->s.json) { return ISK_OK; }
    text_add(&out, "{");
    text_json_key(&out, "out");
    text_json_string(&out, j->s.out);
    text_json_key(&out, "features");
    text_add(&out, "{");
    for (int i = 0; i < FEATURE_COUNT; i++) {
        if (!j->f.m[i].data) { continue; }
        text_json_key(&out, feature_files[i]);
        text_format(&out, "[%lld, %lld]", (long long)j->f.m[i].rows, (long long)j->f.m[i].cols);
    }
    text_add(&out, "}}\n");
    status = write_text(j->context, j->s.json, &out);
    text_free(&out);
    return status;
}

static isk_status run(job *j) {
    isk_status status = load_model(j);
    if (status == ISK_OK) { status = can_write(j->context, j->s.json); }
    if (status == ISK_OK && (status = output_open(&j->out, j->context, j->s.out, FEATURE_NAMES, NULL)) != ISK_OK) {
        return isk_set_error(j->context, status, "%s", j->out.error);
    }
    if (status == ISK_OK) { status = views_recall(&j->v, j->context, j->model, &j->s.views); }
    if (status == ISK_OK) { status = views_read(&j->v, j->context, &j->s.views, 0); }
    if (status == ISK_OK) { status = views_apply(&j->v); }
    if (status == ISK_OK && output_has(&j->out, "model.safetensors")) {
        return isk_set_error(j->context, ISK_ARGUMENT, "%s is the folder of a run, whose features would be written over; name another",
                             j->s.out);
    }
    if (status == ISK_OK) { views_say(&j->v, &j->s.views, &j->bar); }
    if (status == ISK_OK) { status = features_make(&j->f, j->context, j->model, &j->v, 0); }
    for (int i = 0; i < FEATURE_COUNT && status == ISK_OK; i++) {
        if (j->f.m[i].data) { status = output_matrix(&j->out, feature_files[i], j->f.m[i]); }
    }
    if (status == ISK_OK && (status = output_commit(&j->out, FEATURE_NAMES)) != ISK_OK) {
        return isk_set_error(j->context, status, "%s", j->out.error);
    }
    return status == ISK_OK ? write_json(j) : status;
}

static int finish(job *j, isk_status status) {
    int code = 0;
    if (status != ISK_OK) {
        code = fail(transform_command->name, status, isk_error(j->context));
    } else if (!j->s.quiet && !is_standard_output(j->s.json)) {
        printf("features are in %s:", j->s.out);
        for (int i = 0; i < FEATURE_COUNT; i++) {
            isk_matrix m = j->f.m[i];
            if (m.data) { printf(" %s [%lld, %lld]", feature_files[i], (long long)m.rows, (long long)m.cols); }
        }
        printf("\n");
    }
    output_close(&j->out);
    features_free(&j->f);
    isk_model_close(j->model);
    views_free(&j->v);
    progress_close(&j->bar);
    isk_close(j->context);
    return code;
}

int command_transform(int argc, char **argv) {
    job j = { .s = { .model = NULL } };
    isk_context_desc desc = { 0 };
    isk_status status;
    int code, given = 0;
    transform_table_get();
    code = options_parse(transform_command, argc - 1, argv + 1, &j.s);
    if (code >= 0) { return code; }
    if (!j.s.model) { return usage_error(transform_command->name, "--model FILE is missing"); }
    for (int i = 0; i < ISK_MAX_VIEWS; i++) { given += j.s.views.x[i] != NULL; }
    if (!given) {
        return usage_error(transform_command->name, "--x1 FILE and --x2 FILE are both missing");
    }
    if (!j.s.out) { return usage_error(transform_command->name, "--out DIR is missing"); }
    progress_open(&j.bar, j.s.quiet);
    progress_attach(&j.bar, &desc);
    desc.threads = j.s.threads;
    desc.device = ISK_DEVICE_CPU;           /* nothing is trained */
    j.context = methods_open(&desc);
    if (!j.context) { return fail(transform_command->name, ISK_MEMORY, NULL); }
    status = run(&j);
    return finish(&j, status);
}
