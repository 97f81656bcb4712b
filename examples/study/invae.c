/* study invae: cells of several batches whose invariant and spurious latent variables are known; which models find them, and keep them
   apart? */
#include "studies.h"

#include "invae_study.h"

#include "../base/fail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- options ---- */

#define FIELD(name) offsetof(invae_settings, name)
#define STUDY(name) STUDY_OFFSET(FIELD(study), name)

static const option options[] = {
    { NULL, OPTION_HEADING, 0, NULL, "Data", 0, 0, NULL },
    { "simulation", OPTION_TEXT, FIELD(simulation), "WORD",
      "shift: batches move what is spurious, and one of them is not seen in training; public: what the method's public code simulates, by "
      "its protocol [both]", 0, 0, "shift|public" },
    { "cells", OPTION_INT, FIELD(cells), "N",
      "cells of four batches, three of which are seen, and half of those train; of public 600 at most [4000]", 200, 100000, NULL },
    { "genes", OPTION_INT, FIELD(genes), "N", "genes [500]", 40, 20000, NULL },
    { "unseen-shift", OPTION_REAL, FIELD(unseen_shift), "N",
      "what the spurious means of the unseen batch, (4, 3), are multiplied by [1.5]", 0, 100, NULL },
    { NULL, OPTION_HEADING, 0, NULL, "What to run", 0, 0, NULL },
    { "rows", OPTION_TEXT, FIELD(rows), "LIST",
      "with commas between, of truth, pca, vae, cvae, published, invae, ci, ci-no-dropout, nfinvae, inject-ci [all]", 0, 0, NULL },
    { "own", OPTION_TEXT, FIELD(own), "LIST",
      "options of invae, NAME=VALUE with commas between, of all rows that do not say otherwise [invariant_dim=8,spurious_dim=2]", 0, 0,
      NULL },
    { "seeds", OPTION_INT, STUDY(seeds), "N", "data sets, of seeds SEED, SEED + 1, ..., each with models of that seed [3]", 1, 1000, NULL },
    { "seed", OPTION_SEED, STUDY(seed), "SEED", "first seed [0]", 0, 0, NULL },
    STUDY_OUTPUT_OPTIONS(FIELD(study), "rows and simulations"),
};

static const command about = {
    .name = "study invae", .usage = "[OPTION]...",
    .about = "Which models of cells of several batches find what is invariant and what is spurious where both are known, and keep\n"
             "them apart?  On cells that no network saw.",
    .examples = "  study invae --seeds 5 --out results\n"
                "  study invae --simulation shift --rows pca,invae,ci --epochs 50 --out results\n",
    .options = options, .option_count = sizeof options / sizeof *options,
    .library = 1, .library_offset = STUDY(options),
    .notes = "--epochs is 100 where nothing is said, of all rows; other defaults are those of method invae.\n" STUDY_NOTES,
};

/* ---- rows ---- */

#define APART "inject=none,invariance=5"
static const integrator rows[] = {
    { INTEGRATOR_TRUTH, "truth", "the true ones", ISK_ROBUST, 0, NULL, NULL },
    { INTEGRATOR_PCA, "pca", "PCA 20", ISK_ROBUST, 0, NULL, NULL },
    { INTEGRATOR_INVAE, "vae", "VAE", ISK_ROBUST, 0, "inject=none,invariance=0", NULL },
    { INTEGRATOR_INVAE, "cvae", "conditional VAE", ISK_ROBUST, GIVEN_BATCH, "inject=batch,invariance=0,spurious_dim=0", NULL },
    { INTEGRATOR_INVAE, "published", "inVAE as published", ISK_PAPER, GIVEN_BOTH, NULL, NULL },
    { INTEGRATOR_INVAE, "invae", "invae, default", ISK_ROBUST, GIVEN_BOTH, NULL, NULL },
    { INTEGRATOR_INVAE, "ci", "no inject, invariance 5", ISK_ROBUST, GIVEN_BOTH, APART, NULL },
    { INTEGRATOR_INVAE, "ci-no-dropout", "no inject, invariance 5, dropout 0", ISK_ROBUST, GIVEN_BOTH, APART ",dropout=0", NULL },
    { INTEGRATOR_INVAE, "nfinvae", "NFinVAE as published", ISK_PAPER, GIVEN_BOTH, "prior=nonfactorised", NULL },
    { INTEGRATOR_INVAE, "inject-ci", "inject, invariance 5, no spurious", ISK_ROBUST, GIVEN_BOTH,
      "inject=batch,invariance=5,spurious_dim=0", NULL },
};
enum { ROW_COUNT = sizeof rows / sizeof *rows };

/* ---- the study ---- */

typedef struct job {
    integration_study st;           /* first: it is what study_run is given */
    invae_settings s;
    invae_data d;
    char (*words)[64];
    double validation;
} job;

static simulation_kind kind_of(const job *j, int data) { return (simulation_kind)(data / j->s.study.seeds); }
static uint64_t seed_of(const job *j, int data) { return j->s.study.seed + (uint64_t)(data % j->s.study.seeds); }

static isk_status open_data(void *user, int data) {
    job *j = user;
    invae_settings s = j->s;
    if (kind_of(j, data) == SIMULATION_PUBLIC) { s.cells = s.cells < 600 ? s.cells : 600; }     /* as there: 100 of each group */
    return invae_simulate(&j->d, j->st.w.context, &s, kind_of(j, data), seed_of(j, data), j->validation);
}

static void close_data(void *user) { invae_data_free(&((job *)user)->d); }

static isk_status judge(void *user, int data, const integrator *row, const sweep_record *to, const char *checkpoint) {
    job *j = user;
    study *w = &j->st.w;
    const uint64_t seed = seed_of(j, data);
    integrator as = *row;
    embedding e = { .all = { NULL, 0, 0 } };
    isk_model *model = NULL;
    isk_status status;
    /* its authors' settings for their simulation */
    if (kind_of(j, data) == SIMULATION_PUBLIC && row->preset == ISK_PAPER) { as.preset = ISK_SIMULATION; }
    if (row->kind == INTEGRATOR_TRUTH) {
        status = invae_embed_truth(&j->d, w->context, &e);
    } else if (row->kind == INTEGRATOR_PCA) {
        status = embed_by_pca(w->context, &j->d.c, seed, &e);
    } else {
        status = integrator_train(w, &as, j->s.own, &j->d.c, seed, checkpoint, &model);
        if (status == ISK_OK && !integration_trained(&j->st, to, model)) {
            isk_model_close(model);
            return ISK_OK;
        }
        if (status == ISK_OK) { status = embed_by_model(w->context, model, &j->d.c, &as, 0, &e); }
    }
    if (status == ISK_OK) { status = invae_judge(w->context, &j->d, kind_of(j, data), &e, seed, &j->st.r, to); }
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
    invae_report(&j->st, &report);
    invae_tsv(&j->st, &found);
    status = output_text(&w->out, "invae.tsv", &found);
    status = status == ISK_OK ? study_write(w, &results, &report) : isk_set_error(w->context, status, "%s", w->out.error);
    text_free(&results);
    text_free(&report);
    text_free(&found);
    return status;
}

/* ---- what results depend on ---- */

/* Of both simulations, whether they are run or not, so that --resume may add one. */
static isk_status name_data(job *j) {
    const int seeds = j->s.study.seeds, count = SIMULATIONS * seeds;
    j->words = calloc((size_t)count, sizeof *j->words);
    j->st.data_names = calloc((size_t)count, sizeof *j->st.data_names);
    if (!j->words || !j->st.data_names) { return no_memory(j->st.w.context, "the data sets"); }
    for (int i = 0; i < count; i++) {
        snprintf(j->words[i], sizeof j->words[i], "%s-%llu", simulation_names[i / seeds], (unsigned long long)seed_of(j, i));
        j->st.data_names[i] = j->words[i];
    }
    j->st.data_count = count;
    return ISK_OK;
}

static int asks(const void *user, int data, const integrator *row) {
    const job *j = user;
    (void)row;
    return !j->s.simulation || strcmp(j->s.simulation, simulation_names[kind_of(j, data)]) == 0;
}

static isk_status prepare(job *j) {
    configuration *c = &j->st.w.c;
    isk_options resolved = j->s.study.options;
    isk_status status = study_prepare(&j->st.w);
    if (status == ISK_OK) { status = can_write(j->st.w.context, j->s.study.json); }
    if (status == ISK_OK) { status = integration_choose(&j->st, j->s.rows, rows, ROW_COUNT); }
    if (status == ISK_OK) { status = name_data(j); }
    if (status == ISK_OK) { status = isk_options_resolve(j->st.w.context, ISK_INVAE, &resolved, ISK_ROBUST); }
    if (status != ISK_OK) { return status; }
    j->validation = resolved.validation;
    j->st.job = j;
    j->st.open = open_data;
    j->st.judge = judge;
    j->st.asks = asks;
    j->st.close = close_data;
    j->st.write = write_files;
    invae_fields(&j->st.r);
    configuration_add(c, "version", ISK_VERSION, 1);
    configuration_number(c, "cells", j->s.cells);
    configuration_number(c, "genes", j->s.genes);
    configuration_number(c, "unseen_shift", j->s.unseen_shift);
    c->n = j->s.cells;
    return integration_configure(&j->st, j->s.own);
}

static isk_status run(void *user) {
    job *j = user;
    isk_status status = prepare(j);
    if (status == ISK_OK) { status = integration_run(&j->st); }
    if (status != ISK_OK) { return status; }
    invae_print(&j->st);
    return integration_end(&j->st);
}

int study_invae(int argc, char **argv) {
    job *j = calloc(1, sizeof *j);
    int code;
    if (!j) { return fail("study invae", ISK_MEMORY, NULL); }
    j->s = (invae_settings){ .cells = 4000, .genes = 500, .unseen_shift = 1.5, .own = "invariant_dim=8,spurious_dim=2",
                             .study = { .seeds = 3, .methods = "invae", .preset = "robust", .device = DEVICE_DEFAULTS } };
    j->s.study.options.epochs = 100;
    code = options_parse(&about, argc - 1, argv + 1, &j->s);
    if (code < 0 && (code = study_check(&about, &j->s.study)) == 0) {
        j->st.w = (study){ .command = &about, .s = &j->s.study, .resumable = 1, .argc = argc, .argv = argv };
        code = study_run(&j->st.w, run, j);
        integration_free(&j->st);
        free(j->words);
    }
    free(j);
    return code;
}
