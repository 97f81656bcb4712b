/* Files of latents: what training and a query leave alike. */
#include "integrate.h"

#include "../formats/hdf5.h"
#include "../formats/write_cells.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- pictures ---- */

static void add_picture(pictures *p, isk_matrix x, const char *title, const char *key) {
    picture *q = &p->list[p->count];
    if (!x.data || x.cols < 1) { return; }
    *q = (picture){ .of = -1, .x = x };
    snprintf(q->title, sizeof q->title, "%s", title);
    snprintf(q->key, sizeof q->key, "%s", key);
    p->count++;
}

isk_status integrate_draw(integrate_job *j) {
    if (j->s->without_pictures) { return ISK_OK; }
    add_picture(&j->pictures, j->scores.of[INTEGRATION_BEFORE], "before: PCA of the counts", "before");
    add_picture(&j->pictures, j->made.invariant, "after: X_invae, invariant", "invae");
    add_picture(&j->pictures, j->made.spurious, "set aside: X_invae_spurious", "spurious");
    return pictures_make(&j->pictures, j->t.context, j->s->training.device.threads, j->s->gather.seed, &j->t.bar);
}

static isk_status write_umap(integrate_job *j) {
    char keys[2 * MOST_PICTURES][40];
    sheet_column columns[2 * MOST_PICTURES + 1] = { { .key = "cell" } };
    sheet s = { .columns = columns, .column_count = 1 };
    text out = { 0 };
    isk_status status;
    if (!j->pictures.count) { return ISK_OK; }
    for (int i = 0; i < 2 * j->pictures.count; i++) {
        snprintf(keys[i], sizeof keys[i], "umap_%s_%d", j->pictures.list[i / 2].key, i % 2 + 1);
        columns[s.column_count++] = (sheet_column){ .key = keys[i], .form = SHEET_REAL };
    }
    for (int64_t k = 0; k < j->g.c.rows; k++) {
        sheet_row(&s);
        sheet_words(&s, names_get(&j->g.c.names, k));
        for (int i = 0; i < 2 * j->pictures.count; i++) { sheet_number(&s, (double)j->pictures.list[i / 2].points[2 * k + i % 2]); }
    }
    sheet_tsv(&s, &out);
    sheet_free(&s);
    status = output_text(&j->t.out, "umap.tsv", &out);
    text_free(&out);
    return status;
}

/* ---- columns ---- */

static isk_status add_classes(integrate_job *j, cell_table *t, const char *name, const names *levels, const int32_t *codes) {
    cell_column *column = cell_table_add(t, name);
    if (!column) { return no_memory(j->t.context, "the files"); }
    column->classes = (labels){ .rows = j->g.c.rows, .count = (int)levels->count,
                                .codes = malloc(sizeof *codes * ((size_t)j->g.c.rows + 1)) };
    if (!column->classes.codes || !names_copy(&column->classes.classes, levels)) { return no_memory(j->t.context, "the files"); }
    memcpy(column->classes.codes, codes, sizeof *codes * (size_t)j->g.c.rows);
    return ISK_OK;
}

static isk_status add_numbers(integrate_job *j, cell_table *t, const char *name, const double *numbers, const uint8_t *flags) {
    cell_column *column = cell_table_add(t, name);
    if (!column || !(column->numbers = malloc(sizeof *numbers * ((size_t)j->g.c.rows + 1)))) {
        return no_memory(j->t.context, "the files");
    }
    for (int64_t i = 0; i < j->g.c.rows; i++) { column->numbers[i] = numbers ? numbers[i] : flags[i]; }
    return ISK_OK;
}

static isk_status add_parts(integrate_job *j, cell_table *t) {
    static const char *const words[] = { "train", "validation", "test" };
    names levels = { 0 };
    int32_t *codes = malloc(sizeof *codes * ((size_t)j->g.c.rows + 1));
    isk_status status = codes ? ISK_OK : no_memory(j->t.context, "the files");
    for (int i = 0; i < 3 && status == ISK_OK; i++) {
        if (!names_add(&levels, words[i])) { status = no_memory(j->t.context, "the files"); }
    }
    for (int64_t i = 0; i < j->g.c.rows && codes; i++) { codes[i] = j->g.part[i]; }
    if (status == ISK_OK) { status = add_classes(j, t, "indiseek_part", &levels, codes); }
    names_free(&levels);
    free(codes);
    return status;
}

static isk_status make_columns(integrate_job *j, cell_table *t) {
    const names *types = gathered_levels(&j->g, GATHERED_LABEL);
    isk_status status = j->g.part ? add_parts(j, t) : ISK_OK;
    if (status == ISK_OK && j->made.predicted && types) {
        status = add_classes(j, t, "indiseek_label", types, j->made.predicted);
        if (status == ISK_OK) { status = add_numbers(j, t, "indiseek_label_probability", j->made.probability, NULL); }
    }
    if (status == ISK_OK && j->g.hidden) { status = add_numbers(j, t, "indiseek_label_hidden", NULL, j->g.hidden); }
    return status;
}

/* ---- files of the field ---- */

static isk_status write_h5ad(integrate_job *j, const cell_results *r) {
    const word_list *files = &j->s->gather.files;
    const char *only = files->count == 1 ? files->word[0] : NULL, *end = only ? strrchr(only, '.') : NULL;
    char staged[4200];
    if (j->s->without_files) { return ISK_OK; }
    if (!hdf5_available()) {
        progress_say(&j->t.bar, "no adata.h5ad: this program was made without HDF5 (libhdf5-dev)");
        return ISK_OK;
    }
    output_stage(&j->t.out, "adata.h5ad", staged, sizeof staged);
    if (end && strcmp(end, ".h5ad") == 0 && h5_is(only)) { return h5_add(j->t.context, only, staged, r); }
    return h5ad_write(j->t.context, staged, r);
}

static isk_status make_points(integrate_job *j, cell_embedding *list, int *count, isk_scalar *own[MOST_PICTURES]) {
    for (int i = 0; i < j->pictures.count; i++) {
        const picture *p = &j->pictures.list[i];
        own[i] = malloc(sizeof **own * 2 * ((size_t)j->g.c.rows + 1));
        if (!own[i]) { return no_memory(j->t.context, "the files"); }
        for (int64_t k = 0; k < 2 * j->g.c.rows; k++) { own[i][k] = (isk_scalar)p->points[k]; }
        list[*count] = (cell_embedding){ .of = -1, .values = { own[i], j->g.c.rows, 2 } };
        snprintf(list[(*count)++].name, sizeof list->name, "X_umap_%s", p->key);
    }
    return ISK_OK;
}

static isk_status write_cells(integrate_job *j) {
    const isk_model *model = j->t.model;
    const cell_fact facts[] = { { "version", ISK_VERSION }, { "method", isk_method_name(isk_model_method(model)) },
                                { "trained_on", isk_device_text(j->t.context) }, { "denoised_as_batch", j->s->as_batch } };
    const cell_layer layer = { "denoised", j->made.denoised, &j->g.genes.names };
    cell_embedding list[2 + MOST_PICTURES];
    isk_scalar *own[MOST_PICTURES] = { NULL };
    cell_table columns = { .count = 0 };
    text out = { 0 };
    int count = 0;
    isk_status status = make_columns(j, &columns);
    if (j->made.invariant.data) { list[count++] = (cell_embedding){ .name = "X_invae", .of = -1, .values = j->made.invariant }; }
    if (j->made.spurious.data) { list[count++] = (cell_embedding){ .name = "X_invae_spurious", .of = -1, .values = j->made.spurious }; }
    if (status == ISK_OK) { status = make_points(j, list, &count, own); }
    if (status == ISK_OK) {
        const cell_results r = { .cells = &j->g.c, .embeddings = list, .embedding_count = count, .columns = columns.columns,
                                 .column_count = (int)columns.count, .facts = facts, .fact_count = j->s->as_batch ? 4 : 3,
                                 .layer = j->made.denoised.data ? &layer : NULL, .without_counts = j->s->without_counts };
        cell_columns_tsv(&r, &out);
        status = output_text(&j->t.out, "cells.tsv", &out);
        if (status == ISK_OK) { status = write_h5ad(j, &r); }
    }
    for (int i = 0; i < MOST_PICTURES; i++) { free(own[i]); }
    cell_table_free(&columns);
    text_free(&out);
    return status;
}

static isk_status write_genes(integrate_job *j) {
    const genes *g = &j->g.genes;
    text out = { 0 };
    isk_status status;
    text_add(&out, g->ids.count ? "gene\tid\n" : "gene\n");
    for (int64_t i = 0; i < g->names.count; i++) {
        text_tsv(&out, names_get(&g->names, i));
        if (g->ids.count) {
            text_add(&out, "\t");
            text_tsv(&out, names_get(&g->ids, i));
        }
        text_add(&out, "\n");
    }
    status = output_text(&j->t.out, "genes.tsv", &out);
    text_free(&out);
    return status;
}

isk_status integrate_write_results(integrate_job *j) {
    const struct { const char *name; isk_matrix m; } files[] = { { "invariant.npy", j->made.invariant }, { "spurious.npy",
                                                                                                           j->made.spurious },
                                                                 { "denoised.npy", j->made.denoised } };
    isk_status status = write_genes(j);
    for (size_t i = 0; i < sizeof files / sizeof *files && status == ISK_OK; i++) {
        if (files[i].m.data) { status = output_matrix(&j->t.out, files[i].name, files[i].m); }
    }
    if (status == ISK_OK) { status = write_umap(j); }
    return status == ISK_OK ? write_cells(j) : status;
}
