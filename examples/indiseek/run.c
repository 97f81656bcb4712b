/* indiseek run: from a single-cell data set to features, figures and files */
#include "commands.h"

#include "run.h"
#include "run_report.h"
#include "../formats/hdf5.h"
#include "../formats/write_cells.h"
#include "../runs/methods.h"


#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FIELD(name) offsetof(run_settings, name)
static const option run_options[] = {
    { NULL, OPTION_HEADING, 0, NULL, "Input: PATH is a 10x folder, .h5, .h5ad or .h5mu", 0, 0, NULL },
    SOURCE_READ_OPTIONS(FIELD(source)),
    SOURCE_LABEL_OPTIONS(FIELD(source)),
    SOURCE_PREPARE_OPTIONS(FIELD(source)),
    { NULL, OPTION_HEADING, 0, NULL, "Scores and pictures", 0, 0, NULL },
    FINDING_OPTIONS(FIELD(findings)),
    { NULL, OPTION_HEADING, 0, NULL, "Output", 0, 0, NULL },
    { "out", OPTION_TEXT, FIELD(training.out), "DIR",
      "gets report.html, adata.h5ad and mdata.h5mu (with HDF5), cells.tsv, c1, ..., z1, ... .npy, umap.tsv, theta.tsv, explained.tsv, "
      "technical.tsv, metrics.json, model.safetensors, config.json, log.jsonl; made if missing", 0, 0, NULL },
    { "no-h5", OPTION_FLAG, FIELD(without_files), NULL, "neither adata.h5ad nor mdata.h5mu", 0, 0, NULL },
    { "no-counts", OPTION_FLAG, FIELD(without_counts), NULL, "they hold the features, and not the counts again", 0, 0, NULL },
    TRAINING_OPTIONS(FIELD(training)),
};

static const command run_command = {
    .name = "indiseek run", .usage = "PATH --out DIR [OPTION]...",
    .about = "From a CITE-seq or multiome data set to what its modalities share and what is specific to each: reads, prepares\n"
             "as Seurat does, trains, and writes features, scores, UMAPs and a report.",
    .examples = "  indiseek run --10x filtered_feature_bc_matrix --out results\n"
                "  indiseek run cells.h5mu --labels cell_type --coarse lineage --group donor --out results\n"
                "  indiseek run cells.h5ad --rna hvg=3000,pca=100 --protein clr=protein --lambda 1,10,100 --choose knee --out results\n"
                "  indiseek run --rna-file rna.csv.gz --protein-file adt.csv.gz --cells cells.csv --labels type --out results\n"
                "  indiseek run --rna-file geo/GSM1_RNA_ --protein-file geo/GSM2_ADT_ --drop-features 'rna:MT-*' --out results\n",
    .options = run_options, .option_count = sizeof run_options / sizeof *run_options,
    .library = 1, .library_offset = FIELD(training.options),
    .notes = "Cells are matched by name; their order does not matter, and what was not measured in a cell is masked.\n"
             "Ctrl-C stops after the current round and leaves a checkpoint for --resume.\n",
};

const command *run_table_get(void) {
    training_describe();
    return &run_command;
}

/* ---- before training ---- */

/* Which modality is which view, for those who load the model. */
static isk_status name_views(run_job *j) {
    isk_status status = ISK_OK;
    for (int i = 0; i < j->a.c.count && status == ISK_OK; i++) {
        char key[32];
        snprintf(key, sizeof key, "user.x%d.modality", i + 1);
        status = isk_model_put_text(j->t.model, key, j->a.c.modality[i].name);
    }
    return status;
}

/* ---- output ---- */

static isk_status write_config(run_job *j) {
    run_settings copy = *j->s;
    source_paths memory;
    char folder[8400];
    copy.training.resume = copy.training.quiet = 0;
    copy.training.json = NULL;
    source_settings_anywhere(&copy.source, &memory);
    copy.training.out = training_path(copy.training.out, folder, sizeof folder);
    return training_write_config(&j->t, &run_command, &copy);
}

static void metrics_json(const run_job *j, text *out) {
    text_add(out, "{\n  ");
    text_json_key(out, "method");
    text_json_string(out, j->s->training.method);
    text_json_member(out, "lambda", methods_lambda(j->t.model));
    text_json_key(out, "seed");
    text_format(out, "%llu", (unsigned long long)isk_model_seed(j->t.model));
    text_json_key(out, "cells");
    text_format(out, "%lld", (long long)j->a.d.rows);
    if (j->json_members) { j->json_members(j->user, out); }
    verdicts_json(&j->verdicts, out);
    findings_json(&j->found, &j->a, out);
    choice_json(&j->t.choice, out);
    stability_json(&j->stable, out);
    evaluation_json(&j->scores, isk_model_report(j->t.model), out);
    text_add(out, "\n}\n");
}

/* ---- files of the field ---- */

/* What is known of each result: pairs for uns/indiseek. */
enum { MOST_FACTS = 8 + MOST_HASHED };
typedef struct facts {
    cell_fact list[MOST_FACTS];
    int count;
    char lambda[32], seed[32];
    text config;
} facts;

static void add_fact(facts *f, const char *name, const char *value) {
    if (value && f->count < MOST_FACTS) { f->list[f->count++] = (cell_fact){ name, value }; }
}

static void make_facts(const run_job *j, facts *f) {
    run_settings copy = *j->s;
    for (int i = 0; i < j->made.count; i++) { add_fact(f, j->made.name[i], j->made.hash[i]); }
    copy.training.resume = copy.training.quiet = 0;
    copy.training.json = NULL;
    snprintf(f->lambda, sizeof f->lambda, "%g", methods_lambda(j->t.model));
    snprintf(f->seed, sizeof f->seed, "%llu", (unsigned long long)isk_model_seed(j->t.model));
    text_add(&f->config, "{");
    options_write(&run_command, &copy, &f->config);
    text_add(&f->config, "}");
    add_fact(f, "version", ISK_VERSION);
    add_fact(f, "method", j->s->training.method);
    add_fact(f, "preset", j->s->training.preset);
    if (isk_model_method(j->t.model)->can & ISK_HAS_LAMBDA) { add_fact(f, "lambda", f->lambda); }
    add_fact(f, "seed", f->seed);
    add_fact(f, "trained_on", isk_device_text(j->t.context));
    add_fact(f, "config", f->config.data);
}

enum { MOST_EMBEDDED = FEATURE_COUNT + MOST_PICTURES };
typedef struct embedded {
    cell_embedding list[MOST_EMBEDDED];
    isk_scalar *own[MOST_PICTURES];
    names columns[FEATURE_COUNT];   /* what each coordinate of features follows */
    int count, owned;
} embedded;

static isk_status make_embedded(const run_job *j, embedded *e) {
    for (int i = 0; i < FEATURE_COUNT; i++) {
        static const char *const words[] = { "X_indiseek_shared", "X_indiseek_specific", "X_indiseek_fused" };
        const int kind = i >= FEATURE_FUSED ? 2 : i >= FEATURE_Z ? 1 : 0, view = i - (kind ? FEATURE_Z : FEATURE_C);
        cell_embedding *to = &e->list[e->count];
        if (!j->f.m[i].data || (kind < 2 && view >= j->a.d.v.count)) { continue; }
        *to = (cell_embedding){ .of = kind == 2 ? -1 : view, .values = j->f.m[i], .columns = &e->columns[i] };
        if (!coordinate_names(&j->coordinates, i, j->f.m[i].cols, &e->columns[i])) { return no_memory(j->t.context, "the files"); }
        snprintf(to->name, sizeof to->name, "%s", words[kind]);
        e->count++;
    }
    for (int i = 0; i < j->found.pictures.count; i++) {
        const picture *p = &j->found.pictures.list[i];
        cell_embedding *to = &e->list[e->count];
        isk_scalar *values = malloc(sizeof *values * 2 * ((size_t)j->a.d.rows + 1));
        if (!values) { return no_memory(j->t.context, "the files"); }
        for (int64_t k = 0; k < 2 * j->a.d.rows; k++) { values[k] = (isk_scalar)p->points[k]; }
        e->own[e->owned++] = values;
        *to = (cell_embedding){ .of = p->of, .values = { values, j->a.d.rows, 2 } };
        snprintf(to->name, sizeof to->name, "X_umap_%s", p->key);
        e->count++;
    }
    return ISK_OK;
}

static int ends_with(const char *path, const char *end) {
    const size_t length = strlen(path), tail = strlen(end);
    return length >= tail && strcmp(path + length - tail, end) == 0;
}

/* The user's own file gets the results beside what is in it; the other form is made afresh. */
static isk_status write_form(run_job *j, const cell_results *r, const char *name, const char *end,
                             isk_status (*write)(isk_context *, const char *, const cell_results *)) {
    const char *path = j->s->source.path;
    char staged[4200];
    output_stage(&j->t.out, name, staged, sizeof staged);
    if (path && h5_is(path) && ends_with(path, end)) { return h5_add(j->t.context, path, staged, r); }
    return write(j->t.context, staged, r);
}

static isk_status write_h5(run_job *j, const cell_results *r) {
    isk_status status = ISK_OK;
    if (j->s->without_files) { return ISK_OK; }
    if (!hdf5_available()) {
        progress_say(&j->t.bar, "no adata.h5ad and mdata.h5mu: this program was made without HDF5 (libhdf5-dev)");
        return ISK_OK;
    }
    status = write_form(j, r, "adata.h5ad", ".h5ad", h5ad_write);
    return status == ISK_OK ? write_form(j, r, "mdata.h5mu", ".h5mu", h5mu_write) : status;
}

static isk_status write_tables(run_job *j, const cell_results *r) {
    text out = { 0 };
    isk_status status;
    cell_columns_tsv(r, &out);
    status = output_text(&j->t.out, "cells.tsv", &out);
    text_free(&out);
    if (status == ISK_OK && j->found.has_theta) {
        findings_theta_tsv(&j->found, &j->a, &out);
        status = output_text(&j->t.out, "theta.tsv", &out);
        text_free(&out);
    }
    if (status == ISK_OK && j->found.explained.count) {
        explained_tsv(&j->found.explained, &out);
        status = output_text(&j->t.out, "explained.tsv", &out);
        text_free(&out);
    }
    if (status == ISK_OK) { status = coordinates_write(&j->coordinates, &j->t.out); }
    if (status == ISK_OK && j->found.technical.count) {
        technical_tsv(&j->found.technical, &out);
        status = output_text(&j->t.out, "technical.tsv", &out);
        text_free(&out);
    }
    if (status == ISK_OK && j->found.cluster_count) {
        cluster_tsv(j->found.clusters, j->found.cluster_count, &out);
        status = output_text(&j->t.out, "clusters.tsv", &out);
        text_free(&out);
    }
    if (status == ISK_OK && j->found.pictures.count) {
        findings_umap_tsv(&j->found, &j->a, &out);
        status = output_text(&j->t.out, "umap.tsv", &out);
        text_free(&out);
    }
    return status;
}

static isk_status write_cells(run_job *j) {
    facts known = { .count = 0 };
    embedded e = { .count = 0 };
    cell_table columns = { .count = 0 };
    isk_status status = findings_columns(&j->found, &j->a, &columns);
    make_facts(j, &known);
    if (status == ISK_OK) { status = make_embedded(j, &e); }
    if (status == ISK_OK) {
        const cell_results r = { .cells = &j->a.c, .embeddings = e.list, .embedding_count = e.count, .columns = columns.columns,
                                 .column_count = (int)columns.count, .facts = known.list, .fact_count = known.count,
                                 .without_counts = j->s->without_counts };
        status = write_tables(j, &r);
        if (status == ISK_OK) { status = write_h5(j, &r); }
    }
    for (int i = 0; i < e.owned; i++) { free(e.own[i]); }
    for (int i = 0; i < FEATURE_COUNT; i++) { names_free(&e.columns[i]); }
    cell_table_free(&columns);
    text_free(&known.config);
    return status;
}

static isk_status write_report(run_job *j) {
    text page = { 0 };
    isk_status status = run_report(j, &page);
    if (status == ISK_OK) { status = output_text(&j->t.out, "report.html", &page); }
    text_free(&page);
    return status;
}

static isk_status find_provenance(run_job *j) {
    const names *files = &j->a.c.files;
    const char *paths[MOST_HASHED];
    int count = 0;
    for (int64_t i = 0; i < files->count && count < MOST_HASHED; i++) { paths[count++] = names_get(files, i); }
    return provenance_make(&j->made, j->t.context, j->argc, j->argv, paths, count);
}

static void find_verdicts(run_job *j) {
    text warnings = { 0 };
    training_warnings(&j->t, &warnings);
    verdicts_make(&j->verdicts, &(verdicts_desc){ .scores = &j->scores, .model = j->t.model, .clusters = j->found.clusters,
                                                  .cluster_count = j->found.cluster_count, .warnings = warnings.data });
    text_free(&warnings);
}

/* Everything beside its name first; only when all is there do the files take their names. */
static isk_status write_all(run_job *j) {
    text scores = { 0 };
    isk_status status = name_views(j);
    metrics_json(j, &scores);
    if (status == ISK_OK) { status = training_write(&j->t, &j->a.d); }
    for (int i = 0; i < FEATURE_COUNT && status == ISK_OK; i++) {
        if (j->f.m[i].data) { status = output_matrix(&j->t.out, feature_files[i], j->f.m[i]); }
    }
    if (status == ISK_OK) { status = write_config(j); }
    if (status == ISK_OK) { status = output_text(&j->t.out, "metrics.json", &scores); }
    if (status == ISK_OK) { status = write_cells(j); }
    if (status == ISK_OK) { status = write_report(j); }
    if (status == ISK_OK) { status = training_commit(&j->t, &scores); }
    text_free(&scores);
    return status;
}

/* ---- the whole ---- */

isk_status run_all(run_job *j) {
    training *t = &j->t;
    isk_status status = *isk_error(t->context) ? ISK_DEVICE : training_names(t);
    if (status == ISK_OK) { status = training_folder(t, RESULT_NAMES); }
    output_reads(&t->out, j->s->source.path);
    output_reads(&t->out, j->s->source.cells);
    output_reads(&t->out, j->s->source.split);
    for (int i = 0; i < SOURCE_KINDS; i++) {
        output_reads(&t->out, j->s->source.file[i]);
        output_reads(&t->out, j->s->source.named_cells[i]);
        output_reads(&t->out, j->s->source.named_features[i]);
    }
    if (status == ISK_OK) { status = source_read(&j->a, t->context, &j->s->source, &t->bar); }
    if (status == ISK_OK) { status = source_divide(&j->a, t->s->options.validation); }
    if (status == ISK_OK) { status = source_prepare(&j->a); }
    if (status == ISK_OK) {
        source_say(&j->a);
        views_warn(&j->a.d.v, &t->bar);
    }
    if (status == ISK_OK) { status = training_begin(t, &j->a.d); }
    if (status == ISK_OK) { status = training_run(t, &j->a.d); }
    if (status != ISK_OK) { return status; }
    progress_say(&t->bar, "trained in %s; scoring", duration(isk_model_report(t->model)->seconds, (char[32]){ 0 }));
    status = features_of_trained(&j->f, t->context, t->model, &j->a.d.v, 1);
    if (status == ISK_OK) { status = features_score(&j->f, t->context, &j->a.d, &j->scores); }
    if (status == ISK_OK) { status = findings_make(&j->found, &j->a, &j->f, &j->s->findings, t->s->device.threads, &t->bar); }
    if (status == ISK_OK) { status = stability_train(&j->stable, t, &j->a.d, &j->f); }
    if (status == ISK_OK) {
        status = coordinates_make(&j->coordinates, t->context, &j->a.d, &j->f, &j->stable, j->found.modality);
    }
    if (status == ISK_OK && j->judge) { status = j->judge(j->user, j); }
    if (status == ISK_OK) { status = find_provenance(j); }
    if (status != ISK_OK) { return status; }
    find_verdicts(j);
    return write_all(j);
}

static void say_results(const run_job *j) {
    text scores = { 0 };
    if (j->s->training.quiet || is_standard_output(j->s->training.json)) { return; }
    if (j->print) { j->print(j->user); }
    choice_text(&j->t.choice, &scores);
    evaluation_text(&j->scores, j->a.d.has_labels, &scores);
    text_add(&scores, "\n");
    verdicts_text(&j->verdicts, &scores);
    text_add(&scores, "\n");
    findings_text(&j->found, &j->a, &scores);
    stability_text(&j->stable, &scores);
    printf("\n%s\nresults are in %s; open %s/report.html\n", scores.data ? scores.data : "", j->s->training.out, j->s->training.out);
    text_free(&scores);
}

int run_finish(run_job *j, isk_status status, const char *program, int argc, char **argv) {
    const int code = training_finish(&j->t, status, program, argc, argv);
    if (status == ISK_OK) { say_results(j); }
    verdicts_free(&j->verdicts);
    provenance_free(&j->made);
    findings_free(&j->found);
    stability_free(&j->stable);
    coordinates_free(&j->coordinates);
    features_free(&j->f);
    source_free(&j->a);
    training_close(&j->t);
    return code;
}

int command_run(int argc, char **argv) {
    run_settings s = RUN_DEFAULTS;
    run_job j = { .s = &s, .argc = argc, .argv = argv };
    int code;
    run_table_get();
    code = options_parse(&run_command, argc - 1, argv + 1, &s);
    if (code < 0) { code = source_check_line(&s.source, run_command.name); }
    if (code >= 0) { return code; }
    if (!s.training.out) { return usage_error(run_command.name, "--out DIR is missing"); }
    code = training_check_line(&s.training, run_command.name, s.source.labels != NULL, argc, argv);
    if (code >= 0) { return code; }
    s.training.seed = s.source.seed;
    code = training_open(&j.t, &s.training, run_command.name);
    return code >= 0 ? code : run_finish(&j, run_all(&j), run_command.name, argc, argv);
}
