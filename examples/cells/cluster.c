#include "cluster.h"

#include "../base/sheet.h"
#include "leiden.h"
#include "wnn.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLUSTER_NEIGHBOURS = 20 };   /* as Seurat's, the cell itself among them */

/* One more embedding of all views, of some of whose blocks. */
static int add_joint(const char *name, int views, const isk_matrix *c, const isk_matrix *z, cluster_embedding *to) {
    int blocks = 0, there = 0;
    *to = (cluster_embedding){ .name = "" };
    snprintf(to->name, sizeof to->name, "%s", name);
    for (int i = 0; i < views; i++) {
        const isk_matrix both[2] = { c ? c[i] : (isk_matrix){ NULL, 0, 0 }, z ? z[i] : (isk_matrix){ NULL, 0, 0 } };
        const int before = blocks;
        for (int k = 0; k < 2; k++) {
            if (!both[k].data) { continue; }
            to->view_of[blocks] = there;
            to->blocks[blocks++] = both[k];
        }
        there += blocks > before;
    }
    to->views = there > 1 ? there : 0;
    return blocks > 0;
}

int cluster_embeddings(int views, const char *const *view_names, const isk_matrix *c, const isk_matrix *z, cluster_embedding *embeddings) {
    int count = 0, shared = 0, specific = 0;
    for (int i = 0; i < views; i++) {
        if (c[i].data) {
            shared++;
            embeddings[count] = (cluster_embedding){ .blocks = { c[i] } };
            snprintf(embeddings[count++].name, sizeof embeddings->name, "shared_%.50s", view_names[i]);
        }
        if (z[i].data) {
            specific++;
            embeddings[count] = (cluster_embedding){ .blocks = { z[i] } };
            snprintf(embeddings[count++].name, sizeof embeddings->name, "specific_%.50s", view_names[i]);
        }
        if (c[i].data && z[i].data) {
            embeddings[count] = (cluster_embedding){ .blocks = { c[i], z[i] } };
            snprintf(embeddings[count++].name, sizeof embeddings->name, "%.60s", view_names[i]);
        }
    }
    if (shared > 1) { count += add_joint("shared", views, c, NULL, &embeddings[count]); }
    if (specific > 1) { count += add_joint("specific", views, NULL, z, &embeddings[count]); }
    if (views > 1) { count += add_joint("all", views, c, z, &embeddings[count]); }
    return count;
}

static isk_status check(isk_context *context, const cluster_desc *desc) {
    isk_status status = ISK_OK;
    if (desc->rows < 1 || desc->starts < 0 || desc->seeds < 0) {
        return isk_set_error(context, ISK_ARGUMENT, "rows is %lld, starts %d, seeds %d; there must be a row, and the others may not be "
                                                    "negative",
                             (long long)desc->rows, desc->starts, desc->seeds);
    }
    for (int e = 0; e < desc->embedding_count && status == ISK_OK; e++) {
        int there = 0;
        for (int b = 0; b < CLUSTER_BLOCKS; b++) { there |= desc->embeddings[e].blocks[b].data != NULL; }
        if (!there) { return isk_set_error(context, ISK_ARGUMENT, "embedding %s has no features", desc->embeddings[e].name); }
        status = blocks_check(context, desc->embeddings[e].name, desc->embeddings[e].blocks, CLUSTER_BLOCKS, desc->rows);
    }
    for (int l = 0; l < desc->label_count && status == ISK_OK; l++) {
        if (!desc->labels[l].codes) { status = isk_set_error(context, ISK_ARGUMENT, "labels %s have no codes", desc->labels[l].name); }
    }
    return status;
}

static isk_status out_of_memory(isk_context *context) { return isk_set_error(context, ISK_MEMORY, "clusters: out of memory"); }

/* Only the rows that count: of the part, and labelled. */
static void keep_scored(whole_rows *rows, const cluster_desc *desc, const int32_t *codes) {
    const int scored = desc->scored ? (int)desc->scored : ISK_TEST;
    int64_t kept = 0;
    for (int64_t i = 0; i < rows->count; i++) {
        const int64_t row = rows->index[i];
        if (codes[row] >= 0 && (!desc->part || desc->part[row] == scored)) { rows->index[kept++] = row; }
    }
    rows->count = kept;
}

static int by_code(const void *a, const void *b) {
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Different codes; sorted [rows] is overwritten. */
static int count_labels(int32_t *sorted, int64_t rows) {
    int count = rows > 0;
    qsort(sorted, (size_t)rows, sizeof *sorted, by_code);
    for (int64_t i = 1; i < rows; i++) { count += sorted[i] != sorted[i - 1]; }
    return count;
}

/* Mean and standard deviation of runs. */
static void summarise(const double *values, int count, double *mean, double *deviation) {
    double squares = 0;
    *mean = 0;
    for (int i = 0; i < count; i++) { *mean += values[i] / count; }
    for (int i = 0; i < count; i++) { squares += (values[i] - *mean) * (values[i] - *mean); }
    *deviation = count > 1 ? sqrt(squares / (count - 1)) : NAN;
}

static isk_status run_seeds(isk_context *context, const cluster_desc *desc, isk_matrix x, const int32_t *truth, int32_t *found,
                            cluster_row *row) {
    const int seeds = desc->seeds ? desc->seeds : 1;
    double *ari = calloc(2 * (size_t)seeds, sizeof *ari), *nmi = ari + seeds;
    isk_status status = ari ? ISK_OK : out_of_memory(context);
    for (int s = 0; s < seeds && status == ISK_OK; s++) {
        status = isk_kmeans(context, &(isk_kmeans_desc){ .x = x, .clusters = row->k, .starts = desc->starts, .labels = found,
                                                         .seed = desc->seed + (uint64_t)s });
        if (status == ISK_OK) { status = isk_compare_labels(context, truth, found, x.rows, &ari[s], &nmi[s]); }
    }
    if (status == ISK_OK) {
        summarise(ari, seeds, &row->ari, &row->ari_deviation);
        summarise(nmi, seeds, &row->nmi, &row->nmi_deviation);
    }
    free(ari);
    return status;
}

/* The modalities' features of these rows, each of its blocks side by side. */
static isk_status pick_views(isk_context *context, const cluster_embedding *e, const whole_rows *rows, isk_matrix *views) {
    for (int v = 0; v < e->views; v++) {
        isk_matrix blocks[CLUSTER_BLOCKS];
        for (int b = 0; b < CLUSTER_BLOCKS; b++) { blocks[b] = e->view_of[b] == v ? e->blocks[b] : (isk_matrix){ NULL, 0, 0 }; }
        views[v] = join_whole_rows(context, blocks, CLUSTER_BLOCKS, rows);
        if (!views[v].data) { return out_of_memory(context); }
    }
    return ISK_OK;
}

/* Clusters of those rows in the graph of their joint neighbours; wanted 0: of resolution 1. */
static isk_status joint_clusters(isk_context *context, const cluster_embedding *e, const whole_rows *rows, int wanted, uint64_t seed,
                                 int32_t *found, int *count) {
    /* Of few rows fewer: where all are neighbours of all there is one cluster. */
    const int k = rows->count < 5 * 2 ? 2 : (int)(rows->count / 5 < CLUSTER_NEIGHBOURS ? rows->count / 5 : CLUSTER_NEIGHBOURS);
    wnn_desc joint = { .view_count = e->views, .k = k, .indices = malloc(sizeof *joint.indices * (size_t)(rows->count * k)) };
    leiden_desc clusters = { .rows = rows->count, .k = k, .near = joint.indices, .clusters = wanted, .seed = seed, .labels = found };
    isk_status status = joint.indices ? pick_views(context, e, rows, joint.views) : out_of_memory(context);
    if (status == ISK_OK) { status = wnn_weights(context, &joint); }
    if (status == ISK_OK) { status = leiden(context, &clusters); }
    *count = clusters.count;
    for (int v = 0; v < e->views; v++) { matrix_free(joint.views[v]); }
    free(joint.indices);
    return status;
}

static isk_status run_leiden(isk_context *context, const cluster_desc *desc, const cluster_embedding *e, const whole_rows *rows,
                             const int32_t *truth, int32_t *found, cluster_row *row) {
    isk_status status = joint_clusters(context, e, rows, row->k, desc->seed, found, &row->k);
    return status == ISK_OK ? isk_compare_labels(context, truth, found, rows->count, &row->ari, &row->nmi) : status;
}

static isk_status run_kmeans(isk_context *context, const cluster_desc *desc, const cluster_embedding *e, const whole_rows *rows,
                             const int32_t *truth, int32_t *found, cluster_row *row) {
    const isk_matrix x = join_whole_rows(context, e->blocks, CLUSTER_BLOCKS, rows);
    isk_status status = x.data ? run_seeds(context, desc, x, truth, found, row) : out_of_memory(context);
    matrix_free(x);
    return status;
}

static isk_status score(isk_context *context, const cluster_desc *desc, const cluster_embedding *e, const int32_t *codes,
                        cluster_row *row) {
    whole_rows rows;
    int32_t *truth = NULL, *found = NULL;
    isk_status status = whole_rows_find(context, e->blocks, CLUSTER_BLOCKS, NULL, &rows);
    if (status != ISK_OK) { return status; }
    keep_scored(&rows, desc, codes);
    truth = whole_rows_labels(&rows, codes);
    found = whole_rows_labels(&rows, codes);                /* to count them; then the clusters */
    if (!truth || !found) { status = out_of_memory(context); }
    if (status == ISK_OK) {
        row->cells = rows.count;
        row->k = count_labels(found, rows.count);
    }
    if (status == ISK_OK && row->k > 1) { status = (row->leiden ? run_leiden : run_kmeans)(context, desc, e, &rows, truth, found, row); }
    free(truth);
    free(found);
    whole_rows_free(&rows);
    return status;
}

static int with_leiden(const cluster_desc *desc, int embedding) {
    return desc->leiden && leiden_available() && desc->embeddings[embedding].views > 1;
}

int cluster_row_count(const cluster_desc *desc) {
    int count = 0;
    for (int e = 0; e < desc->embedding_count; e++) { count += (1 + with_leiden(desc, e)) * desc->label_count; }
    return count;
}

isk_status cluster_scores(isk_context *context, const cluster_desc *desc, cluster_row *rows) {
    isk_status status = check(context, desc);
    for (int e = 0; e < desc->embedding_count && status == ISK_OK; e++) {
        for (int i = 0; i < (1 + with_leiden(desc, e)) * desc->label_count && status == ISK_OK; i++, rows++) {
            const cluster_label *label = &desc->labels[i % desc->label_count];
            *rows = (cluster_row){ desc->embeddings[e].name, label->name, i >= desc->label_count, 0, 0, NAN, NAN, NAN, NAN };
            status = score(context, desc, &desc->embeddings[e], label->codes, rows);
        }
    }
    return status;
}

isk_status cluster_joint(isk_context *context, const cluster_embedding *embedding, uint64_t seed, int32_t *labels, int *count) {
    const int64_t n = embedding->blocks[0].rows;
    whole_rows rows;
    int32_t *found;
    isk_status status = whole_rows_find(context, embedding->blocks, CLUSTER_BLOCKS, NULL, &rows);
    *count = 0;
    if (status != ISK_OK || !leiden_available() || embedding->views < 2 || rows.count < CLUSTER_NEIGHBOURS) {
        whole_rows_free(&rows);
        return status;
    }
    found = malloc(sizeof *found * (size_t)rows.count);
    status = found ? joint_clusters(context, embedding, &rows, 0, seed, found, count) : out_of_memory(context);
    for (int64_t i = 0; i < n; i++) { labels[i] = -1; }
    for (int64_t i = 0; i < rows.count && status == ISK_OK; i++) { labels[rows.index[i]] = found[i]; }
    free(found);
    whole_rows_free(&rows);
    return status;
}

/* ---- output ---- */

/* One table, of which the terminal shows a part. */
static void make_sheet(const cluster_row *rows, int count, sheet *s) {
    static const sheet_column columns[] = {
        { .key = "embedding", .words = "clusters of" }, { .key = "algorithm", .words = "by" },
        { .key = "label", .words = "labels" },
        { .key = "cells", .form = SHEET_COUNT }, { .key = "k", .words = "k", .form = SHEET_COUNT, .width = 4 },
        { .key = "ari", .words = "ARI", .form = SHEET_REAL, .width = 9 }, { .key = "ari_deviation", .form = SHEET_REAL },
        { .key = "nmi", .words = "NMI", .form = SHEET_REAL, .width = 9 }, { .key = "nmi_deviation", .form = SHEET_REAL },
    };
    *s = (sheet){ .columns = columns, .column_count = sizeof columns / sizeof *columns };
    for (int i = 0; i < count; i++) {
        sheet_row(s);
        sheet_words(s, rows[i].embedding);
        sheet_words(s, rows[i].leiden ? "leiden" : "k-means");
        sheet_words(s, rows[i].label);
        sheet_number(s, (double)rows[i].cells);
        sheet_number(s, rows[i].k);
        sheet_number(s, rows[i].ari);
        sheet_number(s, rows[i].ari_deviation);
        sheet_number(s, rows[i].nmi);
        sheet_number(s, rows[i].nmi_deviation);
    }
}

void cluster_tsv(const cluster_row *rows, int count, text *out) {
    sheet s;
    make_sheet(rows, count, &s);
    sheet_tsv(&s, out);
    sheet_free(&s);
}

void cluster_json(const cluster_row *rows, int count, text *out) {
    sheet s;
    make_sheet(rows, count, &s);
    sheet_json(&s, "  ", out);
    sheet_free(&s);
}

void cluster_text(const cluster_row *rows, int count, text *out) {
    sheet s;
    make_sheet(rows, count, &s);
    sheet_text(&s, out);
    sheet_free(&s);
}
