/* indiseek integrate: cells of several batches in one space */
#include "integrate.h"

#include "../runs/methods.h"
#include "../runs/split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the line ---- */

#define FIELD(name) offsetof(integrate_settings, name)
static const option before[] = {
    { NULL, OPTION_HEADING, 0, NULL, "Input: FILE is whatever indiseek run reads as PATH or --rna-file; of it RNA is taken", 0, 0, NULL },
    GATHER_READ_OPTIONS(FIELD(gather)),
    { NULL, OPTION_HEADING, 0, NULL, "What is known of the cells", 0, 0, NULL },
    GATHER_KNOWN_OPTIONS(FIELD(gather)),
    { NULL, OPTION_HEADING, 0, NULL, "Genes", 0, 0, NULL },
    GATHER_GENE_OPTIONS(FIELD(gather)),
    { "seed", OPTION_SEED, FIELD(gather.seed), "N", "decides all that is random [0]", 0, 0, NULL },
    { NULL, OPTION_HEADING, 0, NULL, "New cells, without training", 0, 0, NULL },
    { "model", OPTION_TEXT, FIELD(model), "DIR", "what an earlier run wrote, or its model.safetensors: FILE is mapped by it", 0, 0, NULL },
    { "force", OPTION_FLAG, FIELD(gather.force), NULL, "also where more than a fifth of the model's genes are missing", 0, 0, NULL },
    { NULL, OPTION_HEADING, 0, NULL, "Output", 0, 0, NULL },
    { "out", OPTION_TEXT, FIELD(training.out), "DIR",
      "gets report.html, adata.h5ad (with HDF5), cells.tsv, invariant.npy, genes.tsv, umap.tsv, integration.tsv, told.tsv, "
      "metrics.json, model.safetensors, config.json, log.jsonl, and spurious.npy with --spurious-dim; made if missing", 0, 0, NULL },
    { "denoised", OPTION_FLAG, FIELD(denoised), NULL,
      "denoised.npy and layers/denoised too: what the model expects of each gene in 10000 counts, at the cell's own batch", 0, 0, NULL },
    { "as-batch", OPTION_TEXT, FIELD(as_batch), "LEVEL", "with --denoised, at this batch instead, or at the mean of all: mean", 0, 0,
      NULL },
    { "no-umap", OPTION_FLAG, FIELD(without_pictures), NULL, "no UMAPs", 0, 0, NULL },
    { "no-h5", OPTION_FLAG, FIELD(without_files), NULL, "no adata.h5ad", 0, 0, NULL },
    { "no-counts", OPTION_FLAG, FIELD(without_counts), NULL, "it holds the latents, and not the counts again", 0, 0, NULL },
    TRAINING_KEEPING_OPTIONS(FIELD(training), "metrics.json", "go on from DIR/checkpoint.safetensors; without one, start afresh"),
    TRAINING_PRESET_OPTION(FIELD(training)),
    TRAINING_DEVICE_OPTIONS(FIELD(training)),
};

static const command about = {
    .name = "indiseek integrate", .usage = "FILE... --batch COLUMN --out DIR [OPTION]...",
    .about = "Puts cells of several batches into one space: what is invariant, types and conditions, apart from what is of a batch.\n"
             "Counts in; latents for scanpy, predicted labels, a model that maps new cells and a report that says how far to trust\n"
             "them out.",
    .examples = "  indiseek integrate cells.h5ad --batch donor --labels cell_type --out results\n"
                "  indiseek integrate one.h5ad two.h5ad three.h5ad --invariant condition --out results\n"
                "  indiseek integrate cells.h5ad --batch donor --counts raw --genes 3000 --spurious percent_mito --out results\n"
                "  indiseek integrate --model results new.h5ad --out mapped\n",
    .library_offset = FIELD(training.options),
    .notes = "Genes are matched by their names; those that vary most are chosen within batches.  Labels may be missing for some cells\n"
             "or all.  Ctrl-C stops after the current round and leaves a checkpoint for --resume.\n",
};

/* The command with the method's options, those of the groups that it reads, as its own table has them. */
typedef struct typed_table {
    option rows[sizeof before / sizeof *before + 2 * MOST_TYPED];
    char words[MOST_TYPED][500];
    command command;
} typed_table;
static typed_table integrate_table;

/* The mini-batch gives its name to the batches of cells. */
static const char *typed_name(const isk_option_info *info) { return strcmp(info->name, "batch") == 0 ? "batch-size" : info->name; }

static void make_command(void) {
    const isk_method *method = methods_named(INTEGRATE_METHOD);
    const char *heading = NULL;
    command *c = &integrate_table.command;
    int count = (int)(sizeof before / sizeof *before);
    training_describe();
    *c = about;
    c->options = integrate_table.rows;
    memcpy(integrate_table.rows, before, sizeof before);
    for (int i = 0; i < isk_option_count(method) && i < MOST_TYPED && method; i++) {
        const isk_option_info *info = isk_option_get(method, i);
        const int by_word = info->kind == ISK_OPTION_CHOICE;
        const char *about_these = isk_option_group_heading(info->group);
        text words = { 0 };
        c->option_count = count;
        if (!((method->groups | ISK_READS(OWN)) >> info->group & 1) || options_find(c, typed_name(info))) { continue; }
        if (!heading || strcmp(heading, about_these) != 0) {
            integrate_table.rows[count++] = (option){ NULL, OPTION_HEADING, 0, NULL, heading = about_these, 0, 0, NULL };
        }
        option_words(info, &words);
        snprintf(integrate_table.words[i], sizeof integrate_table.words[i], "%s", words.data ? words.data : "");
        text_free(&words);
        integrate_table.rows[count++] = (option){ typed_name(info), OPTION_TEXT, FIELD(typed) + (size_t)i * sizeof(const char *),
                                                  by_word ? "WORD" : "N", integrate_table.words[i], 0, 0, by_word ? info->choices : NULL };
    }
    c->option_count = count;
}

const command *integrate_table_get(void) {
    make_command();
    return &integrate_table.command;
}

/* What was typed becomes the options of the fit. */
static isk_status set_options(const integrate_job *j) {
    const isk_method *method = methods_named(INTEGRATE_METHOD);
    isk_status status = ISK_OK;
    for (int i = 0; i < isk_option_count(method) && i < MOST_TYPED && status == ISK_OK; i++) {
        if (!j->s->typed[i]) { continue; }
        status = isk_option_set(j->t.context, method, &j->s->training.options, isk_option_get(method, i)->name, j->s->typed[i]);
    }
    return status;
}

const char *integrate_option(const isk_method *method, const isk_options *options, const char *name, char buffer[32]) {
    for (int i = isk_option_count(NULL); i < isk_option_count(method); i++) {
        if (strcmp(isk_option_get(method, i)->name, name) == 0) { return isk_option_text(method, options, i, buffer); }
    }
    return "";
}

static int is_counts(const isk_method *method, const isk_options *options) {
    char buffer[32];
    return strcmp(integrate_option(method, options, "likelihood", buffer), "gaussian") != 0;
}

/* ---- training ---- */

/* What training takes of the data. */
static dataset data_of(const gathered *g) {
    dataset d = { .rows = g->c.rows, .part = g->part };
    d.v.rows = g->c.rows;
    d.v.count = 1;
    d.v.x[0] = gathered_view(g).x;
    snprintf(d.v.name[0], sizeof d.v.name[0], "rna");
    return d;
}

static isk_status read_and_train(integrate_job *j) {
    training *t = &j->t;
    dataset d;
    isk_status status = gathered_read(&j->g, t->context, &j->s->gather, is_counts(t->fit.method, &t->s->options), t->s->options.validation,
                                      &t->bar);
    if (status == ISK_OK) {
        status = integrated_check_batch(t->context, gathered_levels(&j->g, GATHERED_BATCH), j->s->as_batch);
    }
    if (status != ISK_OK) { return status; }
    gathered_say(&j->g);
    d = data_of(&j->g);
    gathered_give(&j->g, t->fit.extras);
    status = training_begin(t, &d);
    return status == ISK_OK ? training_run(t, &d) : status;
}

/* ---- output ---- */

static isk_status write_config(integrate_job *j) {
    integrate_settings copy = *j->s;
    const isk_method *method = isk_model_method(j->t.model);
    char paths[MOST_WORDS][4200], known[4200], folder[4200], values[MOST_TYPED][32];
    for (int i = 0; i < isk_option_count(method) && i < MOST_TYPED; i++) {
        copy.typed[i] = isk_option_text(method, isk_model_options(j->t.model), i, values[i]);
    }
    copy.training.resume = copy.training.quiet = 0;
    copy.training.json = NULL;
    for (int i = 0; i < copy.gather.files.count; i++) {
        copy.gather.files.word[i] = training_path(copy.gather.files.word[i], paths[i], sizeof paths[i]);
    }
    copy.gather.cells = training_path(copy.gather.cells, known, sizeof known);
    copy.training.out = training_path(copy.training.out, folder, sizeof folder);
    return training_write_config(&j->t, &integrate_table.command, &copy);
}

static void metrics_json(const integrate_job *j, text *out) {
    const isk_report *r = isk_model_report(j->t.model);
    text_add(out, "{\n  ");
    text_json_key(out, "method");
    text_json_string(out, isk_method_name(isk_model_method(j->t.model)));
    text_json_key(out, "seed");
    text_format(out, "%llu", (unsigned long long)isk_model_seed(j->t.model));
    text_json_member(out, "cells", (double)j->g.c.rows);
    text_json_member(out, "genes", (double)j->g.genes.names.count);
    text_json_member(out, "seconds", r->seconds);
    integration_json(&j->scores, j->g.types != NULL, out);
    text_add(out, "\n  ");
    text_json_key(out, "training");
    text_add(out, "{");
    for (int i = 0; i < r->number_count; i++) { text_json_member(out, r->numbers[i].name, r->numbers[i].value); }
    text_add(out, "}\n}\n");
}

static isk_status find_provenance(integrate_job *j) {
    const names *files = &j->g.c.files;
    const char *paths[MOST_HASHED];
    int count = 0;
    for (int64_t i = 0; i < files->count && count < MOST_HASHED; i++) { paths[count++] = names_get(files, i); }
    return provenance_make(&j->provenance, j->t.context, j->argc, j->argv, paths, count);
}

static isk_status write_sheet(integrate_job *j, const char *name, sheet *s) {
    text out = { 0 };
    isk_status status;
    sheet_tsv(s, &out);
    sheet_free(s);
    status = output_text(&j->t.out, name, &out);
    text_free(&out);
    return status;
}

static isk_status write_scores(integrate_job *j) {
    sheet_column told[INTEGRATION_COLUMNS], ten[TEN_COLUMNS];
    sheet s;
    isk_status status;
    integration_sheet(&j->scores, j->g.types != NULL, told, &s);
    status = write_sheet(j, "told.tsv", &s);
    if (status != ISK_OK) { return status; }
    integration_ten_sheet(&j->scores, ten, &s);
    return write_sheet(j, "integration.tsv", &s);
}

static isk_status write_report(integrate_job *j) {
    text page = { 0 };
    isk_status status = integrate_report(j, &page);
    if (status == ISK_OK) { status = output_text(&j->t.out, "report.html", &page); }
    text_free(&page);
    return status;
}

static isk_status write_all(integrate_job *j) {
    const dataset d = data_of(&j->g);
    text scores = { 0 };
    isk_status status = gathered_put(&j->g, j->t.model);
    metrics_json(j, &scores);
    if (status == ISK_OK) { status = training_write(&j->t, &d); }
    if (status == ISK_OK) { status = write_config(j); }
    if (status == ISK_OK) { status = output_text(&j->t.out, "metrics.json", &scores); }
    if (status == ISK_OK) { status = write_scores(j); }
    if (status == ISK_OK) { status = integrate_write_results(j); }
    if (status == ISK_OK) { status = write_report(j); }
    if (status == ISK_OK) { status = training_commit(&j->t, &scores); }
    text_free(&scores);
    return status;
}

/* ---- the whole ---- */

static isk_status run(integrate_job *j) {
    training *t = &j->t;
    isk_status status = *isk_error(t->context) ? ISK_DEVICE : set_options(j);
    if (status == ISK_OK) { status = training_names(t); }
    if (status == ISK_OK) { status = training_folder(t, TRAINING_NAMES " " INTEGRATION_NAMES); }
    for (int i = 0; i < j->s->gather.files.count; i++) { output_reads(&t->out, j->s->gather.files.word[i]); }
    output_reads(&t->out, j->s->gather.cells);
    if (status == ISK_OK) { status = read_and_train(j); }
    if (status != ISK_OK) { return status; }
    progress_say(&t->bar, "trained in %s; scoring", duration(isk_model_report(t->model)->seconds, (char[32]){ 0 }));
    status = integrated_make(&j->made, t->context, t->model, &j->g, j->s->denoised || j->s->as_batch, j->s->as_batch);
    if (status == ISK_OK) { status = integration_make(&j->scores, t->context, &j->g, &j->made); }
    if (status == ISK_OK) { status = integrate_draw(j); }
    if (status == ISK_OK) { status = find_provenance(j); }
    return status == ISK_OK ? write_all(j) : status;
}

static void say_results(const integrate_job *j) {
    text words = { 0 };
    if (j->s->training.quiet || is_standard_output(j->s->training.json)) { return; }
    if (!j->s->model) {
        integration_text(&j->scores, j->g.types != NULL, &words);
        text_add(&words, "\n");
        integration_caveats(&j->scores, &j->g, &j->made, &words);
        printf("\n%s\nresults are in %s; open %s/report.html\n", words.data ? words.data : "", j->s->training.out, j->s->training.out);
    } else {
        printf("cells.tsv and invariant.npy are in %s\n", j->s->training.out);
    }
    text_free(&words);
}

static int finish(integrate_job *j, isk_status status, int argc, char **argv) {
    const int code = training_finish(&j->t, status, integrate_table.command.name, argc, argv);
    if (status == ISK_OK) { say_results(j); }
    provenance_free(&j->provenance);
    pictures_free(&j->pictures);
    integration_free(&j->scores);
    integrated_free(&j->made);
    gathered_free(&j->g);
    training_close(&j->t);
    return code;
}

static int check_line(const integrate_settings *s) {
    const char *program = integrate_table.command.name;
    if (!s->gather.files.count) { return usage_error(program, "FILE is missing: an .h5ad, .h5mu or .h5 file, a 10x folder, or a table"); }
    if (!s->training.out) { return usage_error(program, "--out DIR is missing"); }
    if (!methods_named(INTEGRATE_METHOD)) { return fail_as(EXIT_FAILED, program, "this build has no method " INTEGRATE_METHOD); }
    if (s->model && (s->gather.batch || s->gather.labels || s->gather.invariant || s->gather.spurious)) {
        return usage_error(program, "--model knows its columns; --batch, --labels, --invariant and --spurious are for training");
    }
    if (s->model && (s->training.json || s->training.resume)) {
        return usage_error(program, "%s is for training, and --model trains nothing", s->training.json ? "--json" : "--resume");
    }
    if (!s->model && s->gather.force) { return usage_error(program, "--force is for --model"); }
    return -1;
}

int command_integrate(int argc, char **argv) {
    integrate_settings s = INTEGRATE_DEFAULTS;
    integrate_job j = { .s = &s, .argc = argc, .argv = argv };
    int code;
    make_command();
    code = options_parse(&integrate_table.command, argc - 1, argv + 1, &s);
    if (code < 0) { code = check_line(&s); }
    if (code >= 0) { return code; }
    s.training.method = INTEGRATE_METHOD;
    s.training.seed = s.gather.seed;
    code = training_check_line(&s.training, integrate_table.command.name, 0, argc, argv);
    if (code < 0) { code = training_open(&j.t, &s.training, integrate_table.command.name); }
    if (code < 0) { code = finish(&j, s.model ? integrate_query(&j) : run(&j), argc, argv); }
    return code;
}
