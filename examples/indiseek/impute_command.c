/* indiseek impute */
#include "commands.h"

#include "../cells/impute.h"
#include "follow.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    follow_settings follow;
    const char *from, *to;
    int neighbours, epochs;
    uint64_t seed;
} settings;

#define FIELD(name) offsetof(settings, name)
static const option impute_options[] = {
    FOLLOW_MODEL(FIELD(follow), "what `indiseek run` wrote: the cells of which both modalities are known"),
    { "to", OPTION_TEXT, FIELD(to), "NAME", "the modality to predict [protein, or the second one]", 0, 0, NULL },
    { "from", OPTION_TEXT, FIELD(from), "NAME", "the modality to predict it from [rna, or the first other one]", 0, 0, NULL },
    { "neighbours", OPTION_INT, FIELD(neighbours), "K", "of the baseline: mean of the K nearest training cells [10]", 1, 10000, NULL },
    { "epochs", OPTION_INT, FIELD(epochs), "N", "most passes of a decoder over the training cells [100]", 1, 1000000, NULL },
    { "seed", OPTION_SEED, FIELD(seed), "N", "decides the decoders' first weights [0]", 0, 0, NULL },
    FOLLOW_OPTIONS(FIELD(follow), "New cells; without PATH all cells of the run are predicted",
                   "gets imputed.npy (cells x features, in the units after normalization: CLR, log counts), imputed_cells.txt, "
                   "imputed_features.txt, imputation.tsv (how well each feature is told on held-out cells) and imputation.json",
                   "what is in DIR/imputation.json"),
};

static const command impute_command = {
    .name = "indiseek impute", .usage = "--model DIR [PATH] --out DIR [OPTION]...",
    .about = "Predicts one modality from another one's features: a decoder is trained from C, and from (C, Z), to the features of\n"
             "the other modality, and judged on held-out cells beside the mean of the nearest cells.",
    .examples = "  indiseek impute --model results --out imputed\n"
                "  indiseek impute --model results rna_only.h5ad --to protein --out imputed\n",
    .options = impute_options, .option_count = sizeof impute_options / sizeof *impute_options,
    .notes = "New cells need the modality that is predicted from alone.\n",
};

const command *impute_table_get(void) { return &impute_command; }

typedef struct job {
    settings s;
    follow w;
    int from, to;
    isk_scalar *target;             /* prepared features of the modality, NaN where it was not measured */
    isk_matrix targets;
    imputation found;
} job;

/* ---- which ---- */

static int modality_named(const job *j, const char *name) {
    for (int i = 0; i < j->w.r.a.c.count; i++) {
        if (strcmp(j->w.r.a.c.modality[i].name, name) == 0) { return i; }
    }
    return -1;
}

static isk_status find_modality(const job *j, const char *what, const char *name, int *view) {
    nearest best = nearest_to(name);
    *view = modality_named(j, name);
    if (*view >= 0) { return ISK_OK; }
    for (int i = 0; i < j->w.r.a.c.count; i++) { nearest_consider(&best, j->w.r.a.c.modality[i].name); }
    return isk_set_error(j->w.context, ISK_ARGUMENT, "%s: the run has no modality '%s'%s%s%s", what, name,
                         best.word ? "; did you mean '" : "", best.word ? best.word : "", best.word ? "'?" : "");
}

static isk_status find_modalities(job *j) {
    isk_status status = ISK_OK;
    j->to = modality_named(j, "protein");
    if (j->to < 0) { j->to = 1; }
    if (j->s.to) { status = find_modality(j, "--to", j->s.to, &j->to); }
    j->from = modality_named(j, "rna");
    if (j->from < 0 || j->from == j->to) { j->from = j->to == 0; }
    if (status == ISK_OK && j->s.from) { status = find_modality(j, "--from", j->s.from, &j->from); }
    if (status == ISK_OK && j->from == j->to) {
        status = isk_set_error(j->w.context, ISK_ARGUMENT, "--from and --to are both '%s'", j->w.r.a.c.modality[j->to].name);
    }
    return status;
}

/* ---- prediction ---- */

static isk_status make_target(job *j) {
    const isk_matrix x = recipe_features(&j->w.r.a.d.v.in[j->to]);
    const uint8_t *present = j->w.r.a.d.v.present[j->to];
    j->target = malloc(sizeof *j->target * ((size_t)x.rows * (size_t)x.cols + 1));
    if (!j->target) { return no_memory(j->w.context, "the target"); }
    memcpy(j->target, x.data, sizeof *j->target * (size_t)x.rows * (size_t)x.cols);
    for (int64_t i = 0; i < x.rows; i++) {
        if (present && !present[i]) { j->target[i * x.cols] = (isk_scalar)NAN; }
    }
    j->targets = (isk_matrix){ j->target, x.rows, x.cols };
    return ISK_OK;
}

static impute_input input_of(const features *f, const views *v, int view) {
    return (impute_input){ .c = f->m[FEATURE_C + view], .z = f->m[FEATURE_Z + view], .components = v->summary[view] };
}

static isk_status predict(job *j) {
    impute_desc desc = { .from = input_of(&j->w.r.f, &j->w.r.a.d.v, j->from), .target = j->targets, .part = j->w.r.a.d.part,
                         .k = j->s.neighbours, .epochs = j->s.epochs, .seed = j->s.seed };
    if (j->w.has_new) { desc.query = input_of(&j->w.n.f, &j->w.n.a.d.v, j->from); }
    if (j->w.has_new && !desc.query.c.data) {
        return isk_set_error(j->w.context, ISK_DATA, "the new cells have no %s, from which %s is to be predicted",
                             j->w.r.a.c.modality[j->from].name, j->w.r.a.c.modality[j->to].name);
    }
    return impute_modality(j->w.context, &desc, &j->found);
}

/* ---- output ---- */

/* z-scores, where there are any, back to what the norm made, in place. */
static void unscale(const recipe *r, isk_scalar *values, int64_t rows) {
    for (int64_t i = 0; i < rows && r->inverse; i++) {
        isk_scalar *row = values + i * r->cols;
        for (int64_t k = 0; k < r->cols; k++) { row[k] = r->inverse[k] > 0 ? row[k] / r->inverse[k] + r->mean[k] : row[k] + r->mean[k]; }
    }
}

static isk_status write_names(job *j, const char *file, const names *list) {
    text out = { 0 };
    isk_status status;
    for (int64_t i = 0; i < list->count; i++) {
        text_line(&out, names_get(list, i));
        text_add(&out, "\n");
    }
    status = output_text(&j->w.out, file, &out);
    text_free(&out);
    return status;
}

static isk_status write_predictions(job *j) {
    const impute_way way = j->found.way[IMPUTE_CZ].predictions ? IMPUTE_CZ : IMPUTE_C;
    const int64_t rows = j->w.has_new ? j->found.query_rows : j->found.rows;
    isk_scalar *values = j->w.has_new ? j->found.way[way].query : j->found.way[way].predictions;
    isk_status status;
    if (!values) {
        return isk_set_error(j->w.context, ISK_DATA, "the model has no features of %s to predict from", j->w.r.a.c.modality[j->from].name);
    }
    unscale(&j->w.r.a.d.v.recipe[j->to], values, rows);
    status = output_matrix(&j->w.out, "imputed.npy", (isk_matrix){ values, rows, j->found.features });
    if (status == ISK_OK) { status = write_names(j, "imputed_cells.txt", j->w.has_new ? &j->w.n.a.c.names : &j->w.r.a.c.names); }
    return status == ISK_OK ? write_names(j, "imputed_features.txt", &j->w.r.a.d.v.in[j->to].column_names) : status;
}

static isk_status write_all(job *j) {
    text rows = { 0 }, json = { 0 };
    isk_status status;
    imputation_tsv(&j->found, &j->w.r.a.d.v.in[j->to].column_names, &rows);
    text_add(&json, "{");
    text_json_key(&json, "from");
    text_json_string(&json, j->w.r.a.c.modality[j->from].name);
    text_json_key(&json, "to");
    text_json_string(&json, j->w.r.a.c.modality[j->to].name);
    imputation_json(&j->found, &json);
    text_add(&json, "}\n");
    status = output_text(&j->w.out, "imputation.tsv", &rows);
    if (status == ISK_OK) { status = output_text(&j->w.out, "imputation.json", &json); }
    if (status == ISK_OK) { status = write_predictions(j); }
    if (status == ISK_OK) { status = follow_commit(&j->w, &json); }
    text_free(&rows);
    text_free(&json);
    return status;
}

static isk_status run(job *j) {
    isk_status status = follow_read(&j->w, NULL, "imputed.npy imputed_cells.txt imputed_features.txt imputation.tsv imputation.json");
    if (status == ISK_OK) { status = find_modalities(j); }
    if (status == ISK_OK) { status = make_target(j); }
    if (status == ISK_OK) { status = predict(j); }
    return status == ISK_OK ? write_all(j) : status;
}

static void say(const job *j) {
    text words = { 0 };
    if (follow_is_silent(&j->w)) { return; }
    imputation_text(&j->found, &j->w.r.a.d.v.in[j->to].column_names, &words);
    printf("%s from %s\n%simputed.npy and imputation.tsv are in %s\n", j->w.r.a.c.modality[j->to].name, j->w.r.a.c.modality[j->from].name,
           words.data ? words.data : "", j->s.follow.out);
    text_free(&words);
}

int command_impute(int argc, char **argv) {
    job j = { .s = { .follow = FOLLOW_DEFAULTS } };
    int code = options_parse(&impute_command, argc - 1, argv + 1, &j.s);
    if (code < 0) { code = follow_open(&j.w, &j.s.follow, impute_command.name); }
    if (code >= 0) { return code; }
    code = follow_finish(&j.w, run(&j));
    if (code == 0) { say(&j); }
    imputation_free(&j.found);
    free(j.target);
    follow_close(&j.w);
    return code;
}
