/* study truth: how much of what is known to be true do methods find?  Difficulties x methods x lambdas x seeds on simulated cells. */
#include "studies.h"

#include "truth_study.h"

#include "../base/fail.h"
#include "../runs/methods.h"
#include "../runs/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- options ---- */

#define FIELD(name) offsetof(truth_settings, name)
#define STUDY(name) STUDY_OFFSET(FIELD(study), name)

static const option options[] = {
    { NULL, OPTION_HEADING, 0, NULL, "Data", 0, 0, NULL },
    { "difficulties", OPTION_TEXT, FIELD(difficulties), "LIST", "which, with commas between [plain,graded,curved,noisy]", 0, 0, NULL },
    { "cells", OPTION_INT, FIELD(cells), "N", "cells, half of which train [4000]", 40, 50000, NULL },
    { "genes", OPTION_INT, FIELD(genes), "N", "genes [2000]", 40, 100000, NULL },
    { "proteins", OPTION_INT, FIELD(proteins), "N", "proteins [30]", 10, 10000, NULL },
    { "write", OPTION_TEXT, FIELD(write), "DIR",
      "nothing is trained: DIR/DIFFICULTY-SEED gets the data as .npy, what is true of them, and which rows train", 0, 0, NULL },
    { NULL, OPTION_HEADING, 0, NULL, "What to run", 0, 0, NULL },
    { "methods", OPTION_TEXT, STUDY(methods), "LIST", "methods, with commas between [all that take these views]", 0, 0, NULL },
    { "external", OPTION_TEXT, FIELD(external), "NAME=DIR,...",
      "features that another program made of what --write wrote, from its training rows: c1.npy, c2.npy, z1.npy and z2.npy, or some "
      "of them, in DIR/DIFFICULTY-SEED; a row of the tables of that name", 0, 0, NULL },
    { "lambda", OPTION_REALS, STUDY(lambdas), "LIST", "the grid, with commas between [10]; a method without a lambda is run once", 0, 1e9,
      NULL },
    { "seeds", OPTION_INT, STUDY(seeds), "N",
      "data sets of each difficulty, of seeds SEED, SEED + 1, ... [3]; from 2 on each model is trained a second time, by the next seed, "
      "to say how stable it is", 1, 1000, NULL },
    { "seed", OPTION_SEED, STUDY(seed), "SEED", "first seed: of the data, their split and the training [0]", 0, 0, NULL },
    { "preset", OPTION_TEXT, STUDY(preset), "NAME",
      "where other options have their defaults from: robust, paper or simulation [robust]", 0, 0, NULL },
    STUDY_OUTPUT_OPTIONS(FIELD(study), "difficulties and methods"),
};

static const command about = {
    .name = "study truth", .usage = "[OPTION]...",
    .about = "How much of what is known to be true of simulated cells, measured as RNA and proteins, do the features of\n"
             "every method hold?  On cells that no network saw.",
    .examples = "  study truth --out results\n"
                "  study truth --difficulties graded,noisy --methods indiseek,residual-indiseek --lambda 1,10 --out results\n"
                "  study truth --write data; study truth --external mine=features --methods clip --out more\n",
    .options = options, .option_count = sizeof options / sizeof *options,
    .library = 1, .library_offset = STUDY(options), .notes = STUDY_NOTES,
};

/* ---- the study ---- */

typedef struct job {
    truth_settings s;
    study w;
    records r;
    const difficulty *how[DIFFICULTIES];
    int how_count;
    truth_row rows[MOST_TRUTH_ROWS];
    int row_count, kept;
    struct { char name[48], folder[4000]; } external[MOST_EXTERNAL];
    int external_count;
    char (*data_words)[64];         /* "plain-0": of all difficulties and seeds, by number - 1 */
    const char **data_names;
} job;

static isk_status find_difficulties(job *j) {
    const char *known[DIFFICULTIES + 1] = { NULL };
    for (int i = 0; i < DIFFICULTIES; i++) { known[i] = difficulties[i].name; }
    for (const char *at = j->s.difficulties; at;) {
        const char *comma = strchr(at, ','), *near;
        char name[64];
        int found = 0;
        snprintf(name, sizeof name, "%.*s", comma ? (int)(comma - at) : (int)strlen(at), at);
        while (found < DIFFICULTIES && strcmp(known[found], name) != 0) { found++; }
        if (found == DIFFICULTIES) {
            near = nearest_word(name, known);
            return isk_set_error(j->w.context, ISK_ARGUMENT, "there is no difficulty '%s'%s%s%s", name, near ? "; did you mean '" : "",
                                 near ? near : "", near ? "'?" : "");
        }
        for (int i = 0; i < j->how_count; i++) {
            if (j->how[i] == &difficulties[found]) {
                return isk_set_error(j->w.context, ISK_ARGUMENT, "--difficulties has %s twice", name);
            }
        }
        j->how[j->how_count++] = &difficulties[found];
        at = comma ? comma + 1 : NULL;
    }
    return ISK_OK;
}

static isk_status write_all(job *j) {
    isk_status status = ISK_OK;
    for (int i = 0; i < j->how_count * j->s.study.seeds && status == ISK_OK; i++) {
        const difficulty *how = j->how[i / j->s.study.seeds];
        const uint64_t seed = j->s.study.seed + (uint64_t)(i % j->s.study.seeds);
        truth_data d;
        status = truth_simulate(&d, j->w.context, &j->s, how, seed, j->w.resolved.validation);
        if (status == ISK_OK) { status = truth_write(&d, j->w.context, j->s.write, how, seed); }
        truth_data_free(&d);
        if (status == ISK_OK) { progress_say(&j->w.bar, "%s-%llu is written", how->name, (unsigned long long)seed); }
    }
    return status;
}

/* ---- rows ---- */

static void add_row(job *j, truth_row row) { j->rows[j->row_count++] = row; }

/* Of the library's whole table, methods that refuse such views are left out. */
static isk_status find_methods(job *j) {
    isk_context *context = j->w.context;
    truth_settings few = j->s;
    truth_data d;
    trial tried[ISK_MOST_METHODS];
    isk_status status;
    few.cells = few.cells < 400 ? few.cells : 400;
    status = truth_simulate(&d, context, &few, j->how[0], j->s.study.seed, j->w.resolved.validation);
    if (status == ISK_OK) { status = trials_make(context, &d.v, d.part, &j->w.sweep.fit, j->w.methods, j->w.method_count, tried); }
    truth_data_free(&d);
    for (int i = 0; i < j->w.method_count && status == ISK_OK; i++) {
        const char *name = isk_method_name(j->w.methods[i]);
        if (tried[i].status == ISK_OK) {
            add_row(j, (truth_row){ ROW_METHOD, j->w.methods[i], name, name, NULL, tried[i].has_lambda });
        } else if (tried[i].status == ISK_MEMORY || j->s.study.methods) {
            status = isk_set_error(context, tried[i].status, "%s: %s", name, tried[i].words);
        } else {
            progress_say(&j->w.bar, "%s is left out: %s", name, tried[i].words);
        }
    }
    return status;
}

static int is_row(const job *j, const char *name) {
    int found = 0;
    for (int i = 0; i < j->row_count; i++) { found |= strcmp(j->rows[i].name, name) == 0; }
    return found || methods_named(name) != NULL;
}

/* What must be there before hours of work: one file of four for each data set. */
static isk_status find_features(const job *j, const char *name, const char *folder) {
    static const int wanted[] = { FEATURE_C, FEATURE_C + 1, FEATURE_Z, FEATURE_Z + 1 };
    for (int i = 0; i < j->how_count * j->s.study.seeds; i++) {
        const char *data = j->data_names[truth_number(&j->w.c, j->how[i / j->s.study.seeds], i % j->s.study.seeds) - 1];
        char path[4200];
        int there = 0;
        for (int k = 0; k < 4; k++) {
            snprintf(path, sizeof path, "%s/%s/%s", folder, data, feature_files[wanted[k]]);
            there |= access(path, F_OK) == 0;
        }
        if (!there) {
            return isk_set_error(j->w.context, ISK_DATA, "--external %s: %s/%s has none of c1.npy, c2.npy, z1.npy and z2.npy", name,
                                 folder, data);
        }
    }
    return ISK_OK;
}

static isk_status find_external(job *j) {
    isk_status status = ISK_OK;
    for (const char *at = j->s.external; at && status == ISK_OK;) {
        const size_t length = strcspn(at, ","), name_length = strcspn(at, "=,");
        char *name = j->external[j->external_count].name, *folder = j->external[j->external_count].folder;
        if (name_length == 0 || name_length >= sizeof j->external[0].name || length < name_length + 2 ||
            length - name_length > sizeof j->external[0].folder) {
            return isk_set_error(j->w.context, ISK_ARGUMENT, "--external is '%s'; it must be NAME=DIR, with commas between", j->s.external);
        }
        if (j->external_count == MOST_EXTERNAL - 1) {
            return isk_set_error(j->w.context, ISK_ARGUMENT, "--external names more than %d folders", MOST_EXTERNAL - 1);
        }
        snprintf(name, sizeof j->external[0].name, "%.*s", (int)name_length, at);
        snprintf(folder, sizeof j->external[0].folder, "%.*s", (int)(length - name_length - 1), at + name_length + 1);
        if (is_row(j, name)) {
            return isk_set_error(j->w.context, ISK_ARGUMENT, "--external %s: there is a row of that name already", name);
        }
        status = find_features(j, name, folder);
        j->external_count++;
        add_row(j, (truth_row){ ROW_EXTERNAL, NULL, name, name, folder, 0 });
        at = at[length] ? at + length + 1 : NULL;
    }
    return status;
}

static isk_status find_rows(job *j) {
    isk_status status;
    add_row(j, (truth_row){ ROW_INPUTS, NULL, "inputs", "inputs, the ceiling", NULL, 0 });
    add_row(j, (truth_row){ ROW_AUTOENCODER, ISK_INDISEEK, "autoencoder", "autoencoder", NULL, 0 });
    status = find_methods(j);
    return status == ISK_OK ? find_external(j) : status;
}

/* ---- what results depend on ---- */

static isk_status name_data(job *j) {
    const int count = DIFFICULTIES * j->s.study.seeds;
    j->data_words = calloc((size_t)count, sizeof *j->data_words);
    j->data_names = calloc((size_t)count, sizeof *j->data_names);
    if (!j->data_words || !j->data_names) { return no_memory(j->w.context, "the data sets"); }
    for (int i = 0; i < count; i++) {
        const uint64_t seed = j->s.study.seed + (uint64_t)(i % j->s.study.seeds);
        snprintf(j->data_words[i], sizeof j->data_words[i], "%s-%llu", difficulties[i / j->s.study.seeds].name, (unsigned long long)seed);
        j->data_names[i] = j->data_words[i];
    }
    j->r.number = "data";
    j->r.number_first = 1;
    j->r.words = j->data_names;
    j->r.word_count = count;
    return ISK_OK;
}

static void configure(job *j) {
    configuration *c = &j->w.c;
    configuration_add(c, "version", ISK_VERSION, 1);
    configuration_number(c, "cells", j->s.cells);
    configuration_number(c, "genes", j->s.genes);
    configuration_number(c, "proteins", j->s.proteins);
    configuration_add(c, "told_from", TOLD_FROM_WORDS, 1);
    configuration_grid(c, j->s.study.preset);
    configuration_options(c, &j->w.resolved);
    c->n = j->s.cells;
}

/* ---- training and judging ---- */

static truth_tables tables_of(const job *j) { return (truth_tables){ &j->r, &j->w.c, j->rows, j->row_count, j->how, j->how_count }; }

static isk_status write_files(job *j) {
    const truth_tables t = tables_of(j);
    text results = { 0 }, report = { 0 }, rows = { 0 };
    isk_status status;
    records_write(&j->r, &j->w.c, &results);
    truth_report(&t, &report);
    truth_tsv(&t, &rows);
    status = output_text(&j->w.out, "truth.tsv", &rows);
    status = status == ISK_OK ? study_write(&j->w, &results, &report) : isk_set_error(j->w.context, status, "%s", j->w.out.error);
    text_free(&results);
    text_free(&report);
    text_free(&rows);
    return status;
}

/* The models of one lambda: the first is judged, the second, where there is one, says how stable it is. */
static isk_status judge_models(job *j, const truth_data *d, isk_model **models, int seeds, const sweep_record *to, int model) {
    const isk_report *report = isk_model_report(models[0]);
    features f = { .m = { { NULL, 0, 0 } } }, again = { .m = { { NULL, 0, 0 } } };
    isk_status status;
    *records_at(&j->r, to, model, records_field(&j->r, TRUTH_SECONDS)) = report->seconds;
    *records_at(&j->r, to, model, records_field(&j->r, TRUTH_DIVERGED)) = report->status != ISK_OK;
    if (report->status != ISK_OK) { return ISK_OK; }
    if (progress_stopped()) { return isk_set_error(j->w.context, ISK_INTERRUPTED, "stopped while scoring"); }
    status = features_make(&f, j->w.context, models[0], &d->v, 0);
    if (status == ISK_OK) { status = truth_judge(j->w.context, d, &f, isk_model_seed(models[0]), &j->r, to, model); }
    if (status == ISK_OK && seeds > 1 && isk_model_report(models[1])->status == ISK_OK) {
        status = features_make(&again, j->w.context, models[1], &d->v, 0);
        if (status == ISK_OK) { status = truth_judge_stability(j->w.context, d, &f, &again, &j->r, to, model); }
    }
    features_free(&f);
    features_free(&again);
    return status;
}

static isk_status run_sweep(job *j, const truth_data *d, const truth_row *row, uint64_t seed, const sweep_record *to,
                            const char *checkpoint) {
    static const double autoencoder[1] = { AUTOENCODER_LAMBDA };
    isk_sweep_desc sweep = j->w.sweep;
    isk_model **models;
    isk_status status;
    int count;
    views_give(&d->v, &sweep.fit);
    sweep.fit.method = row->method;
    sweep.fit.split = d->part;
    sweep.fit.seed = seed;
    sweep.fit.checkpoint = checkpoint;
    sweep.seed_count = j->s.study.seeds > 1 ? 2 : 1;
    if (!row->has_lambda) { sweep.lambda_count = 1; }
    if (row->kind == ROW_AUTOENCODER) { sweep.lambdas = autoencoder; }
    count = isk_sweep_models(&sweep);
    models = calloc((size_t)count + 1, sizeof *models);
    if (!models) { return no_memory(j->w.context, "models"); }
    status = checkpoint ? isk_resume(j->w.context, &sweep, models) : isk_sweep(j->w.context, &sweep, models);
    progress_end(&j->w.bar);
    for (int i = 0; i < records_models(to) && status == ISK_OK; i++) {
        status = judge_models(j, d, models + i * sweep.seed_count, sweep.seed_count, to, i);
    }
    for (int i = 0; i < count; i++) { isk_model_close(models[i]); }
    free(models);
    return status;
}

static isk_status judge_external(job *j, const truth_data *d, const truth_row *row, uint64_t seed, const sweep_record *to) {
    static const int wanted[] = { FEATURE_C, FEATURE_C + 1, FEATURE_Z, FEATURE_Z + 1 };
    features f = { .m = { { NULL, 0, 0 } } };
    isk_status status = ISK_OK;
    for (int k = 0; k < 4 && status == ISK_OK; k++) {
        char path[4200];
        isk_matrix *m = &f.m[wanted[k]];
        snprintf(path, sizeof path, "%s/%s/%s", row->folder, j->data_names[to->number - 1], feature_files[wanted[k]]);
        if (access(path, F_OK) != 0) { continue; }
        status = input_numbers(j->w.context, path, d->s.cells, m);
        if (status == ISK_OK) { status = blocks_check(j->w.context, path, m, 1, d->s.cells); }
    }
    if (status == ISK_OK) { status = truth_judge(j->w.context, d, &f, seed, &j->r, to, 0); }
    features_free(&f);
    return status;
}

static isk_status run_row(job *j, const truth_data *d, const truth_row *row, int number, uint64_t seed) {
    const study_settings *s = &j->s.study;
    char path[4200], name[128];
    const char *checkpoint = NULL;
    sweep_record *to = records_add(&j->r, row->name, number, s->lambdas.value, row->has_lambda ? s->lambdas.count : 0, 0);
    isk_status status = to ? ISK_OK : no_memory(j->w.context, "results");
    if (!to) { return status; }
    if (row->kind == ROW_INPUTS) {
        status = truth_judge(j->w.context, d, NULL, seed, &j->r, to, 0);
    } else if (row->kind == ROW_EXTERNAL) {
        status = judge_external(j, d, row, seed, to);
    } else {
        snprintf(name, sizeof name, "%s-%s", row->name, j->data_names[number - 1]);
        checkpoint = study_checkpoint(&j->w, name, path, sizeof path);
        status = run_sweep(j, d, row, seed, to, checkpoint);
    }
    if (status != ISK_OK) {
        records_drop(&j->r);
        return status;
    }
    study_made(&j->w);
    if (s->out) { status = write_files(j); }
    if (status == ISK_OK && checkpoint) { unlink(checkpoint); }
    return status;
}

/* Data are simulated where a row of them is left to do. */
static isk_status run_data(job *j, const difficulty *how, int at, int pieces_before) {
    const int number = truth_number(&j->w.c, how, at);
    const uint64_t seed = j->s.study.seed + (uint64_t)at;
    const char *data = j->data_names[number - 1];
    progress *bar = &j->w.bar;
    truth_data d = { .part = NULL };
    isk_status status = ISK_OK;
    for (int i = 0; i < j->row_count && status == ISK_OK; i++) {
        const truth_row *row = &j->rows[i];
        const double began = progress_clock();
        char what[128], time[32];
        snprintf(what, sizeof what, "%s, %s", row->name, data);
        bar->piece = pieces_before + i;
        bar->what = what;
        if (records_find(&j->r, row->name, number)) {
            progress_say(bar, "%s: finished before", what);
        } else if (progress_stopped()) {
            status = isk_set_error(j->w.context, ISK_INTERRUPTED, "stopped before %s", what);
        } else {
            if (!d.part) { status = truth_simulate(&d, j->w.context, &j->s, how, seed, j->w.resolved.validation); }
            if (status == ISK_OK) { status = run_row(j, &d, row, number, seed); }
            if (status == ISK_OK) { progress_say(bar, "%s: %s", what, duration(progress_clock() - began, time)); }
        }
        bar->what = NULL;
    }
    truth_data_free(&d);
    return status;
}

static isk_status run_all(job *j) {
    const int seeds = j->s.study.seeds, count = j->how_count * seeds;
    isk_status status = ISK_OK;
    j->w.bar.mute = 1;              /* the report says which models diverged */
    j->w.bar.pieces = count * j->row_count;
    progress_say(&j->w.bar, "%d data sets of %d cells by %d rows of the table, on %s", count, j->s.cells, j->row_count,
                 isk_device_text(j->w.context));
    for (int i = 0; i < count && status == ISK_OK; i++) { status = run_data(j, j->how[i / seeds], i % seeds, i * j->row_count); }
    return status;
}

/* ---- the whole ---- */

static isk_status read_results(void *user, const char *path) {
    job *j = user;
    isk_status status = records_read(&j->r, &j->w.c, j->w.context, path);
    j->kept = j->r.count;
    return status;
}

static isk_status prepare(job *j) {
    isk_status status = can_write(j->w.context, j->s.study.json);
    if (status == ISK_OK) { status = name_data(j); }
    if (status != ISK_OK) { return status; }
    truth_fields(&j->r);
    configure(j);
    return find_rows(j);
}

static isk_status run(void *user) {
    job *j = user;
    const char *out = j->s.study.out;
    isk_status status = study_prepare(&j->w);
    truth_tables t;
    if (status == ISK_OK) { status = find_difficulties(j); }
    if (status == ISK_OK && j->s.write) { return write_all(j); }
    if (status == ISK_OK) { status = prepare(j); }
    if (status == ISK_OK && out) { status = study_folder(&j->w, read_results, j); }
    if (status == ISK_OK) { status = run_all(j); }
    if (status == ISK_OK && out && j->kept == j->r.count) { status = write_files(j); }     /* nothing was left */
    if (status != ISK_OK) { return status; }
    t = tables_of(j);
    truth_print(&t);
    if (out) { printf("\nopen %s/report.html\n", out); }
    if (j->s.study.json) {
        text runs = { 0 };
        records_runs(&j->r, &j->w.c, "  ", &runs);
        text_add(&runs, "\n");
        status = write_text(j->w.context, j->s.study.json, &runs);
        text_free(&runs);
    }
    if (out) { output_tidy(&j->w.out); }
    return status;
}

int study_truth(int argc, char **argv) {
    job *j = calloc(1, sizeof *j);
    int code;
    if (!j) { return fail("study truth", ISK_MEMORY, NULL); }
    j->s = (truth_settings){ .difficulties = "plain,graded,curved,noisy", .cells = 4000, .genes = 2000, .proteins = 30,
                             .study = { .lambdas = { { 10 }, 1 }, .seeds = 3, .preset = "robust", .device = DEVICE_DEFAULTS } };
    code = options_parse(&about, argc - 1, argv + 1, &j->s);
    if (code < 0 && (code = study_check(&about, &j->s.study)) == 0) {
        j->w = (study){ .command = &about, .s = &j->s.study, .resumable = 1, .argc = argc, .argv = argv };
        code = study_run(&j->w, run, j);
        records_free(&j->r);
        free(j->data_words);
        free(j->data_names);
    }
    free(j);
    return code;
}
