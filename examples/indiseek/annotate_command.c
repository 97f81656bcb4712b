/* indiseek annotate */
#include "commands.h"

#include "../cells/annotate.h"
#include "follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    follow_settings follow;
    const char *labels, *features;
    int neighbours, weighted;
    double least;
} settings;

#define FIELD(name) offsetof(settings, name)
static const option annotate_options[] = {
    FOLLOW_MODEL(FIELD(follow), "what `indiseek run` wrote: the cells whose types are known"),
    { "labels", OPTION_TEXT, FIELD(labels), "COLUMN", "which types to carry over [those of the run]", 0, 0, NULL },
    { "features", OPTION_TEXT, FIELD(features), "WORD",
      "where cells are compared: shared, C of every modality; all, C and Z; specific, Z alone [shared]", 0, 0, "shared|all|specific" },
    { "neighbours", OPTION_INT, FIELD(neighbours), "K", "that vote [15]", 1, 10000, NULL },
    { "weighted", OPTION_FLAG, FIELD(weighted), NULL, "a vote weighs 1 / distance", 0, 0, NULL },
    { "least", OPTION_REAL, FIELD(least), "PART", "cells of less confidence are unassigned [0]", 0, 1, NULL },
    FOLLOW_OPTIONS(FIELD(follow), "New cells; without PATH the held-out cells of the run are named, to see how well it does",
                   "gets annotation.tsv and annotation.json; of new cells their features, c1, z1, ... .npy, too",
                   "what is in DIR/annotation.json"),
};

static const command annotate_command = {
    .name = "indiseek annotate", .usage = "--model DIR [PATH] --out DIR [OPTION]...",
    .about = "Names new cells: types of the cells of a run are carried over in its features, by the nearest cells' votes and by a\n"
             "logistic regression, each with a confidence.  Where the truth is known too, it says how well that went.",
    .examples = "  indiseek annotate --model results --10x new_sample --out annotated\n"
                "  indiseek annotate --model results --out held_out\n",
    .options = annotate_options, .option_count = sizeof annotate_options / sizeof *annotate_options,
    .notes = "New cells may lack a modality; where they differ in what they lack, only those are named that have all that any of\n"
             "them has.  Features are matched by name.  The baseline compares cells in the prepared inputs instead.\n",
};

const command *annotate_table_get(void) { return &annotate_command; }

typedef struct job {
    settings s;
    follow w;
    names cells;                    /* of the query */
    names types;                    /* of the reference, then those that only the new cells have */
    int32_t *reference, *truth;     /* labels; truth NULL: not known */
    annotation found, baseline;
} job;

/* ---- reference and query ---- */

/* Labels of the reference: without new cells those of the held-out cells are put aside, to be found again. */
static isk_status take_labels(job *j) {
    const dataset *d = &j->w.r.a.d;
    int64_t held = 0;
    j->reference = malloc(sizeof *j->reference * ((size_t)d->rows + 1));
    if (!j->reference) { return no_memory(j->w.context, "the labels"); }
    memcpy(j->reference, d->labels.codes, sizeof *j->reference * (size_t)d->rows);
    for (int64_t i = 0; i < d->rows && !j->w.has_new; i++) {
        if (d->part[i] != ISK_TEST) { continue; }
        j->reference[i] = -1;
        held++;
    }
    if (!j->w.has_new && !held) {
        return isk_set_error(j->w.context, ISK_DATA, "%s held no cells out: name new cells by PATH, or run it with --test 0.2",
                             j->s.follow.model);
    }
    return ISK_OK;
}

/* The reference's types, to which take_truth adds those that it lacks. */
static isk_status take_types(job *j) {
    const dataset *d = &j->w.r.a.d;
    int ok = 1;
    for (int i = 0; i < d->labels.count && ok; i++) { ok = names_add(&j->types, d->names[i]); }
    return ok ? ISK_OK : no_memory(j->w.context, "the types");
}

/* Truth of new cells, where they have a column of that name. */
static isk_status take_truth(job *j) {
    const cells *c = &j->w.n.a.c;
    const cell_column *column;
    int32_t *code_of;
    isk_status status;
    int ok = 1;
    if (!cells_column(c, j->w.r.s.source.labels)) { return ISK_OK; }
    status = source_classes(&j->w.n.a, "--labels", j->w.r.s.source.labels, &column);
    if (status != ISK_OK) { return status; }
    code_of = malloc(sizeof *code_of * ((size_t)column->classes.count + 1));
    j->truth = malloc(sizeof *j->truth * ((size_t)c->rows + 1));
    for (int i = 0; i < column->classes.count && code_of && j->truth && ok; i++) {
        const char *name = names_get(&column->classes.classes, i);
        int64_t code = names_find(&j->types, name);
        if (code < 0) {
            code = j->types.count;
            ok = names_add(&j->types, name);
        }
        if (j->w.r.s.source.ignore && strcmp(name, j->w.r.s.source.ignore) == 0) { code = -1; }
        code_of[i] = (int32_t)code;
    }
    if (!code_of || !j->truth || !ok) { status = no_memory(j->w.context, "the labels"); }
    for (int64_t i = 0; i < c->rows && status == ISK_OK; i++) {
        j->truth[i] = column->classes.codes[i] < 0 ? -1 : code_of[column->classes.codes[i]];
    }
    free(code_of);
    return status;
}

/* Cells that the reference holds already find themselves, and say nothing of how well new ones are named. */
static isk_status warn_of_known(job *j) {
    name_index known = { 0 };
    int64_t twice = 0;
    if (!name_index_update(&known, &j->w.r.a.c.names)) { return no_memory(j->w.context, "the names of cells"); }
    for (int64_t i = 0; i < j->w.n.a.c.rows; i++) { twice += name_index_find(&known, names_get(&j->w.n.a.c.names, i)) >= 0; }
    name_index_free(&known);
    if (twice) {
        progress_warn(&j->w.bar, "%lld of the %lld new cells have names of the run's own: what they are told by may be themselves",
                      (long long)twice, (long long)j->w.n.a.c.rows);
    }
    return ISK_OK;
}

/* Rows of a part of a matrix, in a matrix of its own; data NULL where that one is. */
static isk_status rows_of_part(isk_context *context, isk_matrix x, const uint8_t *part, isk_part which, isk_matrix *rows) {
    isk_scalar *values;
    int64_t count = 0;
    *rows = (isk_matrix){ NULL, 0, 0 };
    if (!x.data) { return ISK_OK; }
    values = malloc(sizeof *values * ((size_t)x.rows * (size_t)x.cols + 1));
    if (!values) { return no_memory(context, "the held-out cells"); }
    for (int64_t i = 0; i < x.rows; i++) {
        if (part[i] == which) { memcpy(values + count++ * x.cols, x.data + i * x.cols, sizeof *values * (size_t)x.cols); }
    }
    *rows = (isk_matrix){ values, count, x.cols };
    return ISK_OK;
}

static isk_status held_out(job *j) {
    const dataset *d = &j->w.r.a.d;
    int64_t count = 0;
    int ok = 1;
    j->truth = malloc(sizeof *j->truth * ((size_t)d->rows + 1));
    if (!j->truth) { return no_memory(j->w.context, "the labels"); }
    for (int64_t i = 0; i < d->rows && ok; i++) {
        if (d->part[i] != ISK_TEST) { continue; }
        j->truth[count++] = d->labels.codes[i];
        ok = names_add(&j->cells, names_get(&j->w.r.a.c.names, i));
    }
    return ok ? ISK_OK : no_memory(j->w.context, "the names of cells");
}

/* One annotation from blocks of the reference, of which the query is the same of new cells or of the held-out ones. */
static isk_status annotate_by(job *j, const isk_matrix *blocks, const isk_matrix *others, int count, annotation *a) {
    const dataset *d = &j->w.r.a.d;
    annotate_desc desc = { .labels = j->reference, .truth = j->truth, .classes = (int)j->types.count, .k = j->s.neighbours,
                           .weighted = j->s.weighted,
                           .least = j->s.least };
    isk_status status = ISK_OK;
    for (int i = 0; i < count && status == ISK_OK; i++) {
        if (!blocks[i].data || (j->w.has_new && !others[i].data)) { continue; }
        desc.reference[i] = blocks[i];
        if (j->w.has_new) { desc.query[i] = others[i]; } else { status = rows_of_part(j->w.context, blocks[i], d->part, ISK_TEST,
                                                                                      &desc.query[i]); }
    }
    if (status == ISK_OK) { status = annotate_cells(j->w.context, &desc, a); }
    for (int i = 0; i < count && !j->w.has_new; i++) { matrix_free(desc.query[i]); }
    return status;
}

static isk_status annotate_all(job *j) {
    isk_matrix blocks[ANNOTATE_BLOCKS] = { { NULL, 0, 0 } }, others[ANNOTATE_BLOCKS] = { { NULL, 0, 0 } };
    const int shared = strcmp(j->s.features, "specific") != 0, specific = strcmp(j->s.features, "shared") != 0;
    isk_status status;
    for (int i = 0; i < ISK_MAX_VIEWS; i++) {
        if (shared) {
            blocks[i] = j->w.r.f.m[FEATURE_C + i];
            others[i] = j->w.n.f.m[FEATURE_C + i];
        }
        if (specific) {
            blocks[ISK_MAX_VIEWS + i] = j->w.r.f.m[FEATURE_Z + i];
            others[ISK_MAX_VIEWS + i] = j->w.n.f.m[FEATURE_Z + i];
        }
    }
    if (j->w.r.f.m[FEATURE_FUSED].data) {
        blocks[0] = j->w.r.f.m[FEATURE_FUSED];
        others[0] = j->w.n.f.m[FEATURE_FUSED];
    }
    status = annotate_by(j, blocks, others, ANNOTATE_BLOCKS, &j->found);
    return status == ISK_OK ? annotate_by(j, j->w.r.a.d.v.summary, j->w.n.a.d.v.summary, ISK_MAX_VIEWS, &j->baseline) : status;
}

/* ---- output ---- */

static void json_of(const job *j, text *out) {
    text_add(out, "{");
    text_json_key(out, "labels");
    text_json_string(out, j->w.r.s.source.labels);
    text_json_key(out, "features");
    text_json_string(out, j->s.features);
    annotation_json(&j->found, &j->types, out);
    text_json_key(out, "baseline");
    text_add(out, "{");
    annotation_json(&j->baseline, &j->types, out);
    text_add(out, "}}\n");
}

static isk_status write_all(job *j) {
    const names *list = j->w.has_new ? &j->w.n.a.c.names : &j->cells;
    text rows = { 0 }, json = { 0 };
    isk_status status;
    annotation_tsv(&j->found, list, &j->types, j->truth, &rows);
    json_of(j, &json);
    status = output_text(&j->w.out, "annotation.tsv", &rows);
    if (status == ISK_OK) { status = output_text(&j->w.out, "annotation.json", &json); }
    for (int i = 0; i < FEATURE_COUNT && status == ISK_OK && j->w.has_new; i++) {
        if (j->w.n.f.m[i].data) { status = output_matrix(&j->w.out, feature_files[i], j->w.n.f.m[i]); }
    }
    if (status == ISK_OK) { status = follow_commit(&j->w, &json); }
    text_free(&rows);
    text_free(&json);
    return status;
}

static isk_status run(job *j) {
    isk_status status = follow_read(&j->w, j->s.labels, "annotation.tsv annotation.json " FEATURE_NAMES);
    if (status == ISK_OK && !j->w.r.a.d.has_labels) {
        status = isk_set_error(j->w.context, ISK_ARGUMENT, "%s was run without --labels; --labels COLUMN says which types to carry over",
                               j->s.follow.model);
    }
    if (status == ISK_OK) { status = take_labels(j); }
    if (status == ISK_OK) { status = take_types(j); }
    if (status == ISK_OK) { status = j->w.has_new ? take_truth(j) : held_out(j); }
    if (status == ISK_OK && j->w.has_new) { status = warn_of_known(j); }
    if (status == ISK_OK) { status = annotate_all(j); }
    return status == ISK_OK ? write_all(j) : status;
}

static void say(const job *j) {
    text words = { 0 };
    if (follow_is_silent(&j->w)) { return; }
    annotation_text(&j->found, &j->types, &words);
    if (j->truth) {
        text_add(&words, "the same in the inputs as prepared:\n");
        annotation_text(&j->baseline, &j->types, &words);
    }
    printf("%sannotation.tsv is in %s\n", words.data ? words.data : "", j->s.follow.out);
    text_free(&words);
}

int command_annotate(int argc, char **argv) {
    job j = { .s = { .features = "shared", .neighbours = 15, .follow = FOLLOW_DEFAULTS } };
    int code = options_parse(&annotate_command, argc - 1, argv + 1, &j.s);
    if (code < 0) { code = follow_open(&j.w, &j.s.follow, annotate_command.name); }
    if (code >= 0) { return code; }
    code = follow_finish(&j.w, run(&j));
    if (code == 0) { say(&j); }
    annotation_free(&j.found);
    annotation_free(&j.baseline);
    names_free(&j.cells);
    names_free(&j.types);
    free(j.reference);
    free(j.truth);
    follow_close(&j.w);
    return code;
}
