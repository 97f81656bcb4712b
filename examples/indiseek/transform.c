/* indiseek transform */
#include "commands.h"

#include "results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct settings {
    const char *model, *x[2], *out;
    int transpose[2], threads, quiet;
} settings;

#define FIELD(name) offsetof(settings, name)
static const option transform_options[] = {
    { NULL, OPTION_HEADING, 0, NULL, "Input", 0, 0, NULL },
    { "model", OPTION_TEXT, FIELD(model), "FILE", "what `indiseek fit` saved: model.safetensors, or its folder", 0, 0,
      NULL },
    { "x1", OPTION_TEXT, FIELD(x[0]), "FILE", "new samples, with the features that the model was trained on", 0, 0,
      NULL },
    { "x2", OPTION_TEXT, FIELD(x[1]), "FILE", "the same of the other view; one of the two is enough", 0, 0, NULL },
    { "x1-transpose", OPTION_FLAG, FIELD(transpose[0]), NULL,
      "the file holds features x samples; as in training if not given", 0, 0, NULL },
    { "x2-transpose", OPTION_FLAG, FIELD(transpose[1]), NULL, "the same for x2", 0, 0, NULL },
    { NULL, OPTION_HEADING, 0, NULL, "Output", 0, 0, NULL },
    { "out", OPTION_TEXT, FIELD(out), "DIR", "gets c1, c2, z1, z2 .npy; made if missing", 0, 0, NULL },
    { "threads", OPTION_INT, FIELD(threads), "N", "threads, 0 is one per processor [0]", 0, 256, NULL },
    { "quiet", OPTION_FLAG, FIELD(quiet), NULL, "warnings and errors only", 0, 0, NULL },
};

static const command transform_command = {
    .name = "indiseek transform", .usage = "--model FILE [--x1 FILE] [--x2 FILE] --out DIR",
    .about = "Features of new samples.  Each row's features depend on that row alone.",
    .examples = "  indiseek transform --model results --x1 new_rna.npy --x2 new_protein.csv --out new_results\n"
                "  indiseek transform --model results/model.safetensors --x1 rna_only.npy --out rna_results\n",
    .options = transform_options, .option_count = sizeof transform_options / sizeof *transform_options,
    .notes = "Values are prepared as in training: norm, moments and components are kept in the model.\n",
};

typedef struct job {
    settings s;
    isk_context *context;
    progress bar;
    output out;
    isk_model *model;
    recipe recipe[2];
    input in[2];
    isk_matrix x[2];
    isk_scalar *own[2];
    features f;
} job;

static isk_status load_model(job *j) {
    char path[4200];
    struct stat about;
    int is_folder = stat(j->s.model, &about) == 0 && S_ISDIR(about.st_mode);
    snprintf(path, sizeof path, "%s%s", j->s.model, is_folder ? "/model.safetensors" : "");
    return isk_load(j->context, path, &j->model);
}

static isk_status prepare(job *j, int view) {
    static const char *const name_of[2] = { "x1", "x2" };
    char words[96];
    isk_status status = recipe_get(&j->recipe[view], j->context, j->model, view);
    int transpose = j->s.transpose[view] || j->recipe[view].transpose;
    if (status == ISK_OK) {
        status = input_read(j->context, j->s.x[view], &(input_desc){ .transpose = transpose }, &j->in[view]);
    }
    if (status == ISK_OK && view == 1 && j->s.x[0] && j->in[0].rows != j->in[1].rows) {
        return isk_set_error(j->context, ISK_SHAPE,
                             "%s has %lld samples, %s has %lld; rows must be the same samples in both", j->s.x[0],
                             (long long)j->in[0].rows, j->s.x[1], (long long)j->in[1].rows);
    }
    if (status == ISK_OK) {
        status = recipe_apply(&j->recipe[view], &j->in[view], name_of[view], &j->x[view], &j->own[view]);
    }
    if (status == ISK_OK) {
        progress_say(&j->bar, "%s  %s: %lld samples (%s); %s", name_of[view], j->s.x[view], (long long)j->in[view].rows,
                     j->in[view].about, recipe_words(&j->recipe[view], words));
    }
    return status;
}

static isk_status run(job *j) {
    isk_status status = load_model(j);
    if (status == ISK_OK && (status = output_open(&j->out, j->context, j->s.out)) != ISK_OK) {
        return isk_set_error(j->context, status, "%s", j->out.error);
    }
    for (int view = 0; view < 2 && status == ISK_OK; view++) {
        if (j->s.x[view]) { status = prepare(j, view); }
    }
    if (status == ISK_OK) { status = features_make(&j->f, j->context, j->model, j->x, 0); }
    for (int i = 0; i < 4 && status == ISK_OK; i++) {
        if (j->f.m[i].data) { status = output_matrix(&j->out, feature_files[i], j->f.m[i]); }
    }
    if (status == ISK_OK && (status = output_commit(&j->out)) != ISK_OK) {
        return isk_set_error(j->context, status, "%s", j->out.error);
    }
    if (status == ISK_OK) { features_tidy(&j->f, &j->out); }
    return status;
}

static int finish(job *j, isk_status status) {
    int code = 0;
    if (status != ISK_OK) {
        code = fail(transform_command.name, status, isk_error(j->context));
    } else if (!j->s.quiet) {
        printf("features are in %s:", j->s.out);
        for (int i = 0; i < 4; i++) {
            isk_matrix m = j->f.m[i];
            if (m.data) { printf(" %s [%lld, %lld]", feature_files[i], (long long)m.rows, (long long)m.cols); }
        }
        printf("\n");
    }
    output_drop(&j->out);
    features_free(&j->f);
    isk_model_close(j->model);
    for (int view = 0; view < 2; view++) {
        free(j->own[view]);
        input_free(&j->in[view]);
        recipe_free(&j->recipe[view]);
    }
    progress_close(&j->bar);
    isk_close(j->context);
    return code;
}

int command_transform(int argc, char **argv) {
    job j = { .s = { .model = NULL } };
    isk_context_desc desc = { 0 };
    isk_status status;
    int code = options_parse(&transform_command, argc - 1, argv + 1, &j.s);
    if (code >= 0) { return code; }
    if (!j.s.model) { return usage_error(transform_command.name, "--model FILE is missing"); }
    if (!j.s.x[0] && !j.s.x[1]) {
        return usage_error(transform_command.name, "--x1 FILE and --x2 FILE are both missing");
    }
    if (!j.s.out) { return usage_error(transform_command.name, "--out DIR is missing"); }
    progress_open(&j.bar, j.s.quiet);
    progress_attach(&j.bar, &desc);
    desc.threads = j.s.threads;
    desc.device = ISK_DEVICE_CPU;           /* nothing is trained */
    j.context = isk_open(&desc);
    if (!j.context) { return fail(transform_command.name, ISK_MEMORY, NULL); }
    status = run(&j);
    return finish(&j, status);
}
