/* indiseek run: from a single-cell data set to features, figures and files */
#include "commands.h"

#include "findings.h"
#include "run_report.h"
#include "source.h"
#include "training.h"
#include "write_cells.h"

#include "../common/hash.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct settings {
    source_settings source;
    training_settings training;
    finding_settings findings;
    const char *json;
    int without_files, without_counts;
} settings;

#define FIELD(name) offsetof(settings, name)
static const option run_options[] = {
    { NULL, OPTION_HEADING, 0, NULL, "Input: PATH is a 10x folder, .h5, .h5ad or .h5mu", 0, 0, NULL },
    SOURCE_READ_OPTIONS(FIELD(source)),
    SOURCE_LABEL_OPTIONS(FIELD(source)),
    SOURCE_PREPARE_OPTIONS(FIELD(source)),
    { NULL, OPTION_HEADING, 0, NULL, "Scores and pictures", 0, 0, NULL },
    FINDING_OPTIONS(FIELD(findings)),
    { NULL, OPTION_HEADING, 0, NULL, "Output", 0, 0, NULL },
    { "out", OPTION_TEXT, FIELD(training.out), "DIR",
      "gets report.html, adata.h5ad and mdata.h5mu (with HDF5), cells.tsv, c1, ..., z1, ... .npy, umap.tsv, theta.tsv, metrics.json, "
      "model.safetensors, config.json, log.jsonl; made if missing", 0, 0, NULL },
    { "json", OPTION_TEXT, FIELD(json), "FILE", "metrics.json to this file too; - is standard output", 0, 0, NULL },
    { "no-h5", OPTION_FLAG, FIELD(without_files), NULL, "neither adata.h5ad nor mdata.h5mu", 0, 0, NULL },
    { "no-counts", OPTION_FLAG, FIELD(without_counts), NULL, "they hold the features, and not the counts again", 0, 0, NULL },
    TRAINING_OPTIONS(FIELD(training)),
};

static const command run_command = {
    .name = "indiseek run", .usage = "PATH --out DIR [OPTION]...",
    .about = "From a CITE-seq or multiome data set to what its modalities share and what is specific to each: reads, prepares as Seurat\n"
             "does, trains, and writes features, scores, UMAPs and a report.",
    .examples = "  indiseek run --10x filtered_feature_bc_matrix --out results\n"
                "  indiseek run cells.h5mu --labels cell_type --coarse lineage --group donor --out results\n"
                "  indiseek run cells.h5ad --rna hvg=3000,pca=100 --protein clr=protein --lambda 1,10,100 --choose knee --out results\n"
                "  indiseek run --rna-file rna.csv.gz --protein-file adt.csv.gz --cells cells.csv --labels type --out results\n",
    .options = run_options, .option_count = sizeof run_options / sizeof *run_options,
    .library = 1, .library_offset = FIELD(training.options),
    .notes = "Cells are matched by name; their order does not matter, and what was not measured in a cell is masked.\n"
             "Ctrl-C stops after the current round and leaves a checkpoint for --resume.\n",
};

const command *run_describe(void) {
    training_describe();
    return &run_command;
}

typedef struct job {
    settings s;
    training t;
    source a;
    features f;
    evaluation scores;
    findings found;
    hash_text hash[2 + SOURCE_KINDS];
    const char *hashed[2 + SOURCE_KINDS];
} job;

/* ---- provenance ---- */

/* Of each file that is read; a folder's are many and are told by their sizes in the log alone. */
static isk_status hash_inputs(job *j) {
    const source_settings *s = &j->s.source;
    const char *paths[2 + SOURCE_KINDS] = { s->path ? s->path : s->tenx, s->cells };
    isk_status status = ISK_OK;
    int count = 0;
    for (int i = 0; i < SOURCE_KINDS; i++) { paths[2 + i] = s->file[i]; }
    for (int i = 0; i < 2 + SOURCE_KINDS && status == ISK_OK; i++) {
        struct stat state;
        if (!paths[i] || stat(paths[i], &state) != 0 || !S_ISREG(state.st_mode)) { continue; }
        status = hash_file(j->t.context, paths[i], &j->hash[count]);
        j->hashed[count++] = paths[i];
    }
    return status;
}

/* ---- output ---- */

static isk_status write_config(job *j) {
    settings copy = j->s;
    source_paths memory;
    char folder[8400];
    copy.training.resume = copy.training.quiet = 0;
    source_settings_anywhere(&copy.source, &memory);
    copy.training.out = training_path(copy.training.out, folder, sizeof folder);
    return training_write_config(&j->t, &run_command, &copy);
}

static void metrics_json(const job *j, text *out) {
    text_add(out, "{\n  ");
    text_json_key(out, "method");
    text_json_string(out, j->s.training.method);
    text_json_key(out, "lambda");
    text_json_number(out, isk_model_options(j->t.model)->lambda);
    text_json_key(out, "seed");
    text_format(out, "%llu", (unsigned long long)isk_model_seed(j->t.model));
    text_json_key(out, "cells");
    text_format(out, "%lld", (long long)j->a.d.rows);
    findings_json(&j->found, out);
    choice_json(&j->t.choice, out);
    evaluation_json(&j->scores, isk_model_report(j->t.model), out);
    text_add(out, "\n}\n");
}

static isk_status write_metrics(job *j) {
    text out = { 0 };
    isk_status status;
    metrics_json(j, &out);
    status = output_text(&j->t.out, "metrics.json", &out);
    if (status == ISK_OK && j->s.json && strcmp(j->s.json, "-") != 0) { status = write_text(j->t.context, j->s.json, &out); }
    if (status == ISK_OK && j->s.json && strcmp(j->s.json, "-") == 0) { fputs(out.data, stdout); }
    text_free(&out);
    return status;
}
