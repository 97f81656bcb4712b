/* study integrate: how well do models mix the batches of one's own cells and keep labels apart, judged on cells whose labels they did not
   see? */
#include "studies.h"

#include "integrate_study.h"

#include "../base/blocks.h"
#include "../base/fail.h"
#include "../formats/input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- options ---- */

#define FIELD(name) offsetof(integrate_settings, name)
#define STUDY(name) STUDY_OFFSET(FIELD(study), name)

static const option options[] = {
    { NULL, OPTION_HEADING, 0, NULL, "Data", 0, 0, NULL },
    { "counts", OPTION_TEXT, FIELD(counts), "FILE", "cells x genes: .npy, .mtx, a table as text, also packed by gzip", 0, 0, NULL },
    { "transpose", OPTION_FLAG, FIELD(transpose), NULL, "the file is genes x cells", 0, 0, NULL },
    { "batches", OPTION_TEXT, FIELD(batches), "FILE:COLUMN", "the batch of each cell", 0, 0, NULL },
    { "labels", OPTION_TEXT, FIELD(labels), "FILE:COLUMN", "its label, where it has one; without labels what needs them is left out", 0, 0,
      NULL },
    { "genes", OPTION_INT, FIELD(genes), "N", "genes that vary most; 0: all [2000]", 0, 1000000, NULL },
    { "hide", OPTION_REAL, FIELD(hide), "PART",
      "part of the labelled cells whose labels no model sees, every batch and label alike, drawn by each seed: what is scored on these is "
      "what a model finds, not what it was told [0.5]", 0, 0.95, NULL },
    { "left-out", OPTION_INT, FIELD(left_out), "N",
      "batches that are left out in turn, to tell their labels from the others; 0: none [all]", 0, 100000, NULL },
    { "write", OPTION_TEXT, FIELD(write), "DIR",
      "nothing is trained: DIR gets counts.npy, pca.npy and cells.tsv (batch, label, label_SEED with those that are hidden empty), for "
      "other programs", 0, 0, NULL },
    { NULL, OPTION_HEADING, 0, NULL, "What to run", 0, 0, NULL },
    { "rows", OPTION_TEXT, FIELD(rows), "LIST",
      "with commas between, of pca, vae, cvae, published, invae, unlabelled, ci, inject-ci, strong, classified [all]", 0, 0, NULL },
    { "external", OPTION_TEXT, FIELD(external), "NAME=FILE,...",
      "embeddings that another program made, .npy of [cells, any]; # in FILE stands for the seed", 0, 0, NULL },
    { "own", OPTION_TEXT, FIELD(own), "LIST",
      "options of invae, NAME=VALUE with commas between, of all rows that do not say otherwise", 0, 0, NULL },
    { "seeds", OPTION_INT, STUDY(seeds), "N", "models of each, of seeds SEED, SEED + 1, ..., which hide other cells [3]", 1, 1000, NULL },
    { "seed", OPTION_SEED, STUDY(seed), "SEED", "first seed [0]", 0, 0, NULL },
    STUDY_OUTPUT_OPTIONS(FIELD(study), "rows and batches left out"),
};

static const command about = {
    .name = "study integrate", .usage = "--counts FILE --batches FILE:COLUMN [--labels FILE:COLUMN] [OPTION]...",
    .about = "How well do models mix the batches of your cells and keep labels apart?  All ten metrics of scib-metrics, on cells\n"
             "whose labels were hidden and on all, and labels of each batch told from those of the others.",
    .examples = "  study integrate --counts counts.npy --batches cells.tsv:batch --labels cells.tsv:type --out results\n"
                "  study integrate --counts counts.npy --batches cells.tsv:batch --labels cells.tsv:type --write data\n"
                "  study integrate ... --external harmony=data/harmony.npy,scvi=data/scvi-#.npy --out results\n",
    .options = options, .option_count = sizeof options / sizeof *options,
    .library = 1, .library_offset = STUDY(options),
    .notes = "--epochs is 200 where nothing is said, of all rows; other defaults are those of method invae.\n" STUDY_NOTES,
};

/* ---- rows ---- */

static const integrator rows[] = {
    { INTEGRATOR_PCA, "pca", "PCA 20", ISK_ROBUST, 0, NULL, NULL },
    { INTEGRATOR_INVAE, "vae", "VAE", ISK_ROBUST, 0, "inject=none,invariance=0", NULL },
    { INTEGRATOR_INVAE, "cvae", "conditional VAE", ISK_ROBUST, GIVEN_BATCH, "inject=batch,invariance=0,spurious_dim=0", NULL },
    { INTEGRATOR_INVAE, "published", "inVAE as published", ISK_PAPER, GIVEN_BOTH, NULL, NULL },
    { INTEGRATOR_INVAE, "invae", "invae, default", ISK_ROBUST, GIVEN_BOTH, NULL, NULL },
    { INTEGRATOR_INVAE, "unlabelled", "invae without labels", ISK_ROBUST, GIVEN_BATCH, NULL, NULL },
    { INTEGRATOR_INVAE, "ci", "no inject, invariance 5", ISK_ROBUST, GIVEN_BOTH, "inject=none,invariance=5", NULL },
    { INTEGRATOR_INVAE, "inject-ci", "inject, invariance 5, no spurious", ISK_ROBUST, GIVEN_BOTH,
      "inject=batch,invariance=5,spurious_dim=0", NULL },
    { INTEGRATOR_INVAE, "strong", "invae, invariance 20", ISK_ROBUST, GIVEN_BOTH, "invariance=20", NULL },
    { INTEGRATOR_INVAE, "classified", "invae, classification 10", ISK_ROBUST, GIVEN_BOTH, "classification=10", NULL },
};
enum { ROW_COUNT = sizeof rows / sizeof *rows, MOST_EXTERNAL = MOST_INTEGRATORS - ROW_COUNT };

/* ---- the study ---- */

typedef struct job {
    integration_study st;           /* first: it is what study_run is given */
    integrate_settings s;
    integrate_data d;
    integrator external[MOST_EXTERNAL];
    char *texts[MOST_EXTERNAL];     /* their NAME=FILE */
    int external_count;
    char (*words)[128];
    double validation;
} job;

static int per_seed(const job *j) { return 1 + j->d.c.batches; }
static uint64_t seed_of(const job *j, int data) { return j->s.study.seed + (uint64_t)(data / per_seed(j)); }
static int left_out(const job *j, int data) { return data % per_seed(j) - 1; }           /* -1: no batch is */

static isk_status open_data(void *user, int data) {
    job *j = user;
    isk_context *context = j->st.w.context;
    return left_out(j, data) < 0 ? integrate_hide(&j->d, context, j->s.hide, j->validation, seed_of(j, data))
                                 : integrate_leave_out(&j->d, context, left_out(j, data), j->validation, seed_of(j, data));
}

static void close_data(void *user) { integrate_data_close(&((job *)user)->d); }

static int asks(const void *user, int data, const integrator *row) {
    const job *j = user;
    const int out = left_out(j, data);
    return out < 0 || (row->kind != INTEGRATOR_EXTERNAL && j->d.c.labels && out < j->s.left_out);
}

/* FILE of an external row, # being the seed. */
static void external_path(const integrator *row, uint64_t seed, char *path, size_t size) {
    const char *mark = strchr(row->file, '#');
    if (mark) {
        snprintf(path, size, "%.*s%llu%s", (int)(mark - row->file), row->file, (unsigned long long)seed, mark + 1);
    } else {
        snprintf(path, size, "%s", row->file);
    }
}

static isk_status read_external(const job *j, const integrator *row, uint64_t seed, embedding *e) {
    char path[4200];
    isk_status status;
    external_path(row, seed, path, sizeof path);
    status = input_numbers(j->st.w.context, path, j->d.c.counts.rows, &e->invariant);
    e->all = e->invariant;
    return status == ISK_OK ? blocks_check(j->st.w.context, path, &e->invariant, 1, j->d.c.counts.rows) : status;
}

/* Scores of a model that labels are inputs of: a second time without them. */
static isk_status judge_unlabelled(job *j, const isk_model *model, const integrator *row, uint64_t seed, const sweep_record *to) {
    embedding e;
    isk_status status = embed_by_model(j->st.w.context, model, &j->d.now, row, 1, &e);
    if (status == ISK_OK) { status = integrate_judge_all(j->st.w.context, &j->d, e.invariant, SCORES_UNKNOWN, seed, &j->st.r, to); }
    embedding_free(&e);
    return status;
}

static isk_status judge(void *user, int data, const integrator *given, const sweep_record *to, const char *checkpoint) {
    job *j = user;
    isk_context *context = j->st.w.context;
    const uint64_t seed = seed_of(j, data);
    integrator row = *given;
    embedding e = { .all = { NULL, 0, 0 } };
    isk_model *model = NULL;
    isk_status status;
    if (!j->d.c.labels) { row.given &= ~(unsigned)GIVEN_LABEL; }
    if (row.kind == INTEGRATOR_PCA) {
        status = embed_by_pca(context, &j->d.now, seed, &e);
    } else if (row.kind == INTEGRATOR_EXTERNAL) {
        status = read_external(j, &row, seed, &e);
    } else {
        status = integrator_train(&j->st.w, &row, j->s.own, &j->d.now, seed, checkpoint, &model);
        if (status == ISK_OK && !integration_trained(&j->st, to, model)) {
            isk_model_close(model);
            return ISK_OK;
        }
        if (status == ISK_OK) { status = embed_by_model(context, model, &j->d.now, &row, 0, &e); }
    }
    if (status == ISK_OK && progress_stopped()) { status = isk_set_error(context, ISK_INTERRUPTED, "stopped while scoring"); }
    if (status == ISK_OK && left_out(j, data) < 0) {
        status = integrate_judge(context, &j->d, &e, seed, &j->st.r, to);
        if (status == ISK_OK && row.preset == ISK_PAPER && row.given & GIVEN_LABEL) {
            status = judge_unlabelled(j, model, &row, seed, to);
        }
    } else if (status == ISK_OK) {
        status = integrate_judge_transfer(context, &j->d, &e, &j->st.r, to);
    }
    embedding_free(&e);
    isk_model_close(model);
    return status;
}

static isk_status write_files(void *user) {
    job *j = user;
    study *w = &j->st.w;
    text results = { 0 }, report = { 0 }, found = { 0 };
    isk_status status;
    records_write(&j->st.r, &w->c, &results);
    integrate_report(&j->st, &j->d, &j->s, &report);
    integrate_tsv(&j->st, &found);
    status = output_text(&w->out, "integrate.tsv", &found);
    status = status == ISK_OK ? study_write(w, &results, &report) : isk_set_error(w->context, status, "%s", w->out.error);
    text_free(&results);
    text_free(&report);
    text_free(&found);
    return status;
}

/* ---- rows and data sets ---- */

static isk_status find_external(job *j) {
    isk_context *context = j->st.w.context;
    for (const char *at = j->s.external; at;) {
        const size_t length = strcspn(at, ","), name_length = strcspn(at, "=,");
        integrator *row = &j->external[j->external_count];
        if (name_length == 0 || name_length >= 48 || length < name_length + 2 || length > 4000) {
            return isk_set_error(context, ISK_ARGUMENT, "--external is '%s'; it must be NAME=FILE, with commas between", j->s.external);
        }
        if (j->external_count == MOST_EXTERNAL) {
            return isk_set_error(context, ISK_ARGUMENT, "--external names more than %d files", MOST_EXTERNAL);
        }
        if (!(j->texts[j->external_count] = calloc(length + 1, 1))) { return no_memory(context, "--external"); }
        memcpy(j->texts[j->external_count], at, length);
        j->texts[j->external_count][name_length] = 0;
        *row = (integrator){ INTEGRATOR_EXTERNAL, j->texts[j->external_count], j->texts[j->external_count], ISK_ROBUST, 0, NULL,
                             j->texts[j->external_count] + name_length + 1 };
        j->external_count++;
        for (int i = 0; i < ROW_COUNT + j->external_count - 1; i++) {
            if (strcmp(i < ROW_COUNT ? rows[i].name : j->external[i - ROW_COUNT].name, row->name) == 0) {
                return isk_set_error(context, ISK_ARGUMENT, "--external %s: there is a row of that name already", row->name);
            }
        }
        for (int k = 0; k < j->s.study.seeds; k++) {        /* before hours of work */
            char path[4200];
            external_path(row, j->s.study.seed + (uint64_t)k, path, sizeof path);
            if (access(path, F_OK) != 0) { return isk_set_error(context, ISK_IO, "--external %s: there is no %s", row->name, path); }
        }
        j->st.rows[j->st.row_count++] = row;
        at = at[length] ? at + length + 1 : NULL;
    }
    return ISK_OK;
}

/* Of all batches, whether they are left out or not, so that --resume may add some. */
static isk_status name_data(job *j) {
    const int count = j->s.study.seeds * per_seed(j);
    j->words = calloc((size_t)count, sizeof *j->words);
    j->st.data_names = calloc((size_t)count, sizeof *j->st.data_names);
    if (!j->words || !j->st.data_names) { return no_memory(j->st.w.context, "the data sets"); }
    for (int i = 0; i < count; i++) {
        shown batch = { "" };
        if (left_out(j, i) >= 0) { show(&batch, names_get(&j->d.batches.classes, left_out(j, i))); }
        snprintf(j->words[i], sizeof j->words[i], "%llu%s%s", (unsigned long long)seed_of(j, i), left_out(j, i) < 0 ? "" : " without ",
                 batch.text);
        j->st.data_names[i] = j->words[i];
    }
    j->st.data_count = count;
    return ISK_OK;
}

static void configure(job *j) {
    configuration *c = &j->st.w.c;
    char words[32];
    configuration_add(c, "version", ISK_VERSION, 1);
    configuration_number(c, "genes", j->s.genes);
    configuration_number(c, "hide", j->s.hide);
    snprintf(words, sizeof words, "%016llx", (unsigned long long)integrate_checksum(&j->d));
    configuration_add(c, "data", words, 1);
    c->n = j->d.c.counts.rows;
    j->st.job = j;
    j->st.open = open_data;
    j->st.judge = judge;
    j->st.asks = asks;
    j->st.close = close_data;
    j->st.write = write_files;
}

static isk_status prepare(job *j) {
    isk_context *context = j->st.w.context;
    isk_options resolved = j->s.study.options;
    isk_status status = study_prepare(&j->st.w);
    if (status == ISK_OK) { status = can_write(context, j->s.study.json); }
    if (status == ISK_OK) { status = integration_choose(&j->st, j->s.rows, rows, ROW_COUNT); }
    if (status == ISK_OK) { status = find_external(j); }
    if (status == ISK_OK) { status = isk_options_resolve(context, ISK_INVAE, &resolved, ISK_ROBUST); }
    if (status == ISK_OK) { status = integrate_read(&j->d, context, &j->s, &j->st.w.bar); }
    j->validation = resolved.validation;
    if (status == ISK_OK) { status = name_data(j); }
    if (status != ISK_OK) { return status; }
    integrate_fields(&j->st.r);
    configure(j);
    return integration_configure(&j->st, j->s.own);
}

static isk_status run(void *user) {
    job *j = user;
    isk_status status = prepare(j);
    if (status == ISK_OK && j->s.write) { return integrate_write(&j->d, j->st.w.context, &j->s); }
    if (status == ISK_OK) { status = integration_run(&j->st); }
    if (status != ISK_OK) { return status; }
    integrate_print(&j->st, &j->d);
    return integration_end(&j->st);
}

/* What the table of options cannot say; 0 or the exit code. */
static int check(const integrate_settings *s) {
    if (!s->counts) { return usage_error(about.name, "--counts is missing: cells x genes"); }
    if (!s->batches) { return usage_error(about.name, "--batches is missing: what is to be integrated"); }
    return study_check(&about, &s->study);
}

int study_integrate(int argc, char **argv) {
    job *j = calloc(1, sizeof *j);
    int code;
    if (!j) { return fail(about.name, ISK_MEMORY, NULL); }
    j->s = (integrate_settings){ .genes = 2000, .hide = 0.5, .left_out = 100000,
                                 .study = { .seeds = 3, .methods = "invae", .preset = "robust", .device = DEVICE_DEFAULTS } };
    j->s.study.options.epochs = 200;
    code = options_parse(&about, argc - 1, argv + 1, &j->s);
    if (code < 0 && (code = check(&j->s)) == 0) {
        j->st.w = (study){ .command = &about, .s = &j->s.study, .resumable = 1, .argc = argc, .argv = argv };
        code = study_run(&j->st.w, run, j);
        integration_free(&j->st);
        integrate_data_free(&j->d);
        for (int i = 0; i < j->external_count; i++) { free(j->texts[i]); }
        free(j->words);
    }
    free(j);
    return code;
}
