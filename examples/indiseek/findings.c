#include "findings.h"

#include "../base/sheet.h"
#include "../cells/leiden.h"
#include "../cells/wnn.h"
#include "../runs/split.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- weights ---- */

/* As many components as Seurat's vignette takes: 30 of RNA, 18 of proteins. */
static int components_for(modality_kind kind) { return kind == MODALITY_PROTEIN ? 18 : 30; }

/* The leading components of a modality in the rows that have all; of features without PCA, or of more than 50 of them, those are
   made first.  data NULL without memory. */
static isk_status leading(const source *a, int view, const whole_rows *rows, isk_matrix *x, isk_scalar **own) {
    enum { FEW = 50 };
    const int reduced = a->d.v.recipe[view].pca > 0;
    const isk_matrix all = join_whole_rows(a->context, &a->d.v.summary[view], 1, rows);
    const int wanted = components_for(a->c.modality[view].kind), take = all.cols < wanted ? (int)all.cols : wanted;
    isk_status status = ISK_OK;
    isk_scalar *mean = NULL, *loadings = NULL;
    *own = NULL;
    if (!all.data) { return no_memory(a->context, "the components"); }
    if (!reduced && all.cols <= FEW) {
        *x = all;
        *own = (isk_scalar *)(uintptr_t)all.data;
        return ISK_OK;
    }
    *own = malloc(sizeof **own * (size_t)all.rows * (size_t)take);
    *x = (isk_matrix){ *own, all.rows, take };
    if (reduced && *own) {
        for (int64_t i = 0; i < all.rows; i++) { memcpy(*own + i * take, all.data + i * all.cols, sizeof **own * (size_t)take); }
    } else if (*own) {
        mean = malloc(sizeof *mean * (size_t)all.cols);
        loadings = malloc(sizeof *loadings * (size_t)all.cols * (size_t)take);
        status = !mean || !loadings ? no_memory(a->context, "the components")
                                    /* as recipes */
                                    : isk_pca(a->context, &(isk_pca_desc){ .x = all, .k = take, .oversampling = 50, .iterations = 12,
                                                                         .mean = mean, .components = loadings });
        if (status == ISK_OK) { status = isk_pca_transform(a->context, all, mean, loadings, take, *own); }
        free(mean);
        free(loadings);
    } else {
        status = no_memory(a->context, "the components");
    }
    matrix_free(all);
    return status;
}

isk_status findings_weights(findings *n, const source *a) {
    enum { LEAST = 20 };
    wnn_desc desc = { .view_count = a->d.v.count };
    whole_rows rows;
    isk_scalar *own[ISK_MAX_VIEWS] = { NULL };
    isk_status status = whole_rows_find(a->context, a->d.v.summary, a->d.v.count, NULL, &rows);
    n->views = a->d.v.count;
    n->rows = a->d.rows;
    for (int i = 0; i < n->views; i++) { n->modality[i] = a->c.modality[i].name; }
    if (status != ISK_OK) { return status; }
    for (int i = 0; i < n->views && status == ISK_OK && rows.count >= LEAST; i++) {
        n->weight[i] = malloc(sizeof *n->weight[i] * ((size_t)n->rows + 1));
        desc.weights[i] = malloc(sizeof *desc.weights[i] * ((size_t)rows.count + 1));
        status = n->weight[i] && desc.weights[i] ? leading(a, i, &rows, &desc.views[i], &own[i]) : no_memory(a->context, "the weights");
    }
    if (status == ISK_OK && rows.count >= LEAST) { status = wnn_weights(a->context, &desc); }
    for (int i = 0; i < n->views; i++) {
        for (int64_t k = 0; n->weight[i] && k < n->rows; k++) { n->weight[i][k] = NAN; }
        for (int64_t k = 0; n->weight[i] && status == ISK_OK && k < rows.count; k++) { n->weight[i][rows.index[k]] = desc.weights[i][k]; }
        free(desc.weights[i]);
        free(own[i]);
    }
    whole_rows_free(&rows);
    return status;
}

/* ---- theta ---- */

/* Held-out cells are scored where there are some. */
static const uint8_t *scored_part(const source *a) { return memchr(a->d.part, ISK_TEST, (size_t)a->d.rows) ? a->d.part : NULL; }

isk_status findings_theta(const findings *n, const source *a, const features *f, const finding_settings *s, double *beta[2], double *values,
                          theta_result *result) {
    return theta_make(a->context, &(theta_desc){
        .z = { f ? f->m[FEATURE_Z] : a->d.v.summary[0], f ? f->m[FEATURE_Z + 1] : a->d.v.summary[1] }, .labels = a->d.labels.codes,
        .label_count = a->d.labels.count, .part = scored_part(a), .weight = n->weight[0], .least = s->least, .k = s->neighbours,
        .draws = s->draws, .seed = a->s->seed, .beta = { beta ? beta[0] : NULL, beta ? beta[1] : NULL }, .theta = values }, result);
}

static isk_status find_theta(findings *n, const source *a, const features *f, const finding_settings *s, progress *bar) {
    isk_status status;
    if (!a->d.has_labels || !f->m[FEATURE_Z].data || !f->m[FEATURE_Z + 1].data) { return ISK_OK; }
    n->theta_values = malloc(sizeof *n->theta_values * ((size_t)n->rows + 1));
    for (int i = 0; i < 2; i++) { n->beta[i] = malloc(sizeof *n->beta[i] * ((size_t)n->rows + 1)); }
    if (!n->theta_values || !n->beta[0] || !n->beta[1]) { return no_memory(a->context, "theta"); }
    status = findings_theta(n, a, f, s, n->beta, n->theta_values, &n->theta);
    if (status == ISK_OK) { status = findings_theta(n, a, NULL, s, NULL, NULL, &n->raw); }
    if (status == ISK_ARGUMENT) {               /* too few cells: everything else is still of use */
        progress_warn(bar, "theta is left out: %s", isk_error(a->context));
        theta_free(&n->theta);
        return ISK_OK;
    }
    n->has_theta = status == ISK_OK;
    return status;
}

/* ---- clusters ---- */

/* Of these the labels are known. */
static isk_status score_clusters(findings *n, const source *a, int embedding_count) {
    cluster_desc desc = { .rows = n->rows, .embeddings = n->embeddings, .embedding_count = embedding_count, .labels = n->labels,
                          .part = scored_part(a), .leiden = 1, .seed = a->s->seed };
    n->labels[desc.label_count++] = (cluster_label){ a->s->labels, a->d.labels.codes };
    if (a->coarse) { n->labels[desc.label_count++] = (cluster_label){ a->s->coarse, a->coarse->classes.codes }; }
    n->cluster_count = cluster_row_count(&desc);
    n->clusters = calloc((size_t)n->cluster_count + 1, sizeof *n->clusters);
    return n->clusters ? cluster_scores(a->context, &desc, n->clusters) : no_memory(a->context, "the clusters");
}

static isk_status find_clusters(findings *n, const source *a, const features *f, progress *bar) {
    isk_status status = ISK_OK;
    int count;
    n->embeddings = calloc(MOST_CLUSTERED, sizeof *n->embeddings);
    n->leiden = malloc(sizeof *n->leiden * ((size_t)n->rows + 1));
    if (!n->embeddings || !n->leiden) { return no_memory(a->context, "the clusters"); }
    count = cluster_embeddings(n->views, n->modality, f->m + FEATURE_C, f->m + FEATURE_Z, n->embeddings);
    if (!leiden_available()) { progress_say(bar, "no clusters by Leiden: this program was made without igraph (libigraph-dev, 0.10)"); }
    if (count) { status = cluster_joint(a->context, &n->embeddings[count - 1], a->s->seed, n->leiden, &n->leiden_count); }
    if (f->m[FEATURE_FUSED].data) {
        snprintf(n->embeddings[count].name, sizeof n->embeddings->name, "fused");
        n->embeddings[count++].blocks[0] = f->m[FEATURE_FUSED];
    }
    snprintf(n->embeddings[count].name, sizeof n->embeddings->name, "inputs");
    n->embeddings[count].views = n->views > 1 ? n->views : 0;
    for (int i = 0; i < n->views; i++) {
        n->embeddings[count].blocks[i] = a->d.v.summary[i];
        n->embeddings[count].view_of[i] = i;
    }
    count++;
    return status == ISK_OK && a->d.has_labels ? score_clusters(n, a, count) : status;
}

/* ---- technical factors ---- */

static isk_status find_technical(findings *n, const source *a, const features *f) {
    const isk_part asked = split_count(a->d.part, a->d.rows, ISK_TEST) ? ISK_TEST : ISK_VALIDATION;
    return technical_make(&n->technical, a->context, &(factors_desc){ .cells = &a->c, .recipe = a->d.v.recipe, .prepared = a->d.v.x,
                                                                      .part = a->d.part, .asked = asked, .group = a->s->group,
                                                                      .labels = a->s->labels, .seed = a->s->seed }, f, n->modality);
}

/* ---- all of it ---- */

isk_status findings_make(findings *n, const source *a, const features *f, const finding_settings *s, int threads, progress *bar) {
    isk_status status = findings_weights(n, a);
    n->least = s->least;
    n->neighbours = s->neighbours;
    if (status == ISK_OK) { status = find_theta(n, a, f, s, bar); }
    if (status == ISK_OK) { status = explained_make(&n->explained, a->context, &a->d, f, n->modality); }
    if (status == ISK_OK) { status = find_technical(n, a, f); }
    if (status == ISK_OK) { status = find_clusters(n, a, f, bar); }
    if (status == ISK_OK && !s->without_pictures) { status = pictures_plan(&n->pictures, a->context, &a->d, f, n->modality); }
    if (status == ISK_OK && n->pictures.count) { status = pictures_make(&n->pictures, a->context, threads, a->s->seed, bar); }
    return status;
}

void findings_free(findings *n) {
    for (int i = 0; i < ISK_MAX_VIEWS; i++) { free(n->weight[i]); }
    for (int i = 0; i < 2; i++) { free(n->beta[i]); }
    free(n->theta_values);
    theta_free(&n->theta);
    theta_free(&n->raw);
    explained_free(&n->explained);
    free(n->embeddings);
    free(n->clusters);
    free(n->leiden);
    pictures_free(&n->pictures);
    memset(n, 0, sizeof *n);
}

/* ---- output ---- */

/* A column of numbers, copied; 0: out of memory. */
static int add_numbers(cell_table *t, const char *name, const double *values, int64_t rows) {
    cell_column *column;
    if (!values) { return 1; }
    column = cell_table_add(t, name);
    if (!column) { return 0; }
    column->numbers = malloc(sizeof *values * ((size_t)rows + 1));
    if (column->numbers) { memcpy(column->numbers, values, sizeof *values * (size_t)rows); }
    return column->numbers != NULL;
}

static int add_part(cell_table *t, const uint8_t *part, int64_t rows) {
    static const char *const parts[] = { "train", "validation", "test" };
    cell_column *column = cell_table_add(t, "indiseek_part");
    int ok = column != NULL && (column->classes.codes = malloc(sizeof *column->classes.codes * ((size_t)rows + 1))) != NULL;
    for (int i = 0; i < 3 && ok; i++) { ok = names_add(&column->classes.classes, parts[i]); }
    for (int64_t i = 0; i < rows && ok; i++) { column->classes.codes[i] = part[i]; }
    if (ok) {
        column->classes.rows = rows;
        column->classes.count = 3;
    }
    return ok;
}

/* Clusters "1", "2", ..., the largest first. */
static int add_leiden(cell_table *t, const findings *n) {
    cell_column *column = cell_table_add(t, "indiseek_leiden");
    char name[16];
    int ok = column != NULL && (column->classes.codes = malloc(sizeof *column->classes.codes * ((size_t)n->rows + 1))) != NULL;
    for (int i = 0; i < n->leiden_count && ok; i++) {
        snprintf(name, sizeof name, "%d", i + 1);
        ok = names_add(&column->classes.classes, name);
    }
    if (ok) {
        memcpy(column->classes.codes, n->leiden, sizeof *n->leiden * (size_t)n->rows);
        column->classes.rows = n->rows;
        column->classes.count = n->leiden_count;
    }
    return ok;
}

isk_status findings_columns(const findings *n, const source *a, cell_table *t) {
    char name[80];
    int ok = add_part(t, a->d.part, n->rows);
    for (int i = 0; i < n->views && ok; i++) {
        snprintf(name, sizeof name, "indiseek_wnn_%s", n->modality[i]);
        ok = add_numbers(t, name, n->weight[i], n->rows);
    }
    if (ok && n->has_theta) { ok = add_numbers(t, "indiseek_theta", n->theta_values, n->rows); }
    for (int i = 0; i < 2 && ok && n->has_theta; i++) {
        snprintf(name, sizeof name, "indiseek_beta_%s", n->modality[i]);
        ok = add_numbers(t, name, n->beta[i], n->rows);
    }
    if (ok && n->leiden_count) { ok = add_leiden(t, n); }
    return ok ? ISK_OK : no_memory(a->context, "the columns of cells");
}

static void theta_json(const theta_result *r, const source *a, text *out) {
    text_add(out, "{");
    text_json_member(out, "rho", r->rho);
    text_json_member(out, "low", r->low);
    text_json_member(out, "high", r->high);
    text_json_key(out, "types_compared");
    text_format(out, "%d", r->compared);
    text_json_key(out, "types");
    text_add(out, "{");
    for (int i = 0; i < r->label_count; i++) {
        const theta_type *type = &r->types[i];
        text_json_key(out, a->d.names[i]);
        text_add(out, "{");
        text_json_member(out, "theta", type->theta);
        text_json_member(out, "weight", type->weight);
        text_json_key(out, "cells");
        text_format(out, "%lld", (long long)type->scored);
        text_json_key(out, "compared");
        text_add(out, type->compared ? "true}" : "false}");
    }
    text_add(out, "}}");
}

void findings_json(const findings *n, const source *a, text *out) {
    if (n->has_theta) {
        text_json_key(out, "theta");
        theta_json(&n->theta, a, out);
        text_json_key(out, "theta_of_inputs");
        theta_json(&n->raw, a, out);
    }
    if (n->technical.count) { technical_json(&n->technical, out); }
    if (n->cluster_count) {
        text_json_key(out, "clusters");
        cluster_json(n->clusters, n->cluster_count, out);
    }
}

/* Mean of a beta over the scored cells. */
static double mean_beta(const findings *n, int which) {
    double sum = 0, count = 0;
    for (int64_t i = 0; i < n->rows; i++) {
        if (!isfinite(n->beta[which][i])) { continue; }
        sum += n->beta[which][i];
        count++;
    }
    return count > 0 ? sum / count : NAN;
}

/* What beta would be if types stood at random among the scored cells: the sum of the squared shares of the types. */
static double chance_beta(const findings *n) {
    double sum = 0, all = (double)n->theta.scored;
    for (int i = 0; i < n->theta.label_count; i++) {
        sum += (double)n->theta.types[i].scored * (double)n->theta.types[i].scored / (all * all);
    }
    return sum;
}

void findings_theta_words(const findings *n, text *out) {
    enum { FEW = 6 };
    static const double near = 0.05;
    const double beta[2] = { mean_beta(n, 0), mean_beta(n, 1) }, chance = chance_beta(n);
    char number[3][32];
    text_format(out, "Of a cell's %d nearest cells %s %% by what is specific to %s, and %s %% by what is specific to %s, are of its own "
                "type; types at random would give %s %%.", n->neighbours, fixed(100 * beta[0], 0, number[0]), n->modality[0],
                fixed(100 * beta[1], 0, number[1]), n->modality[1], fixed(100 * chance, 0, number[2]));
    if (beta[0] < chance + near && beta[1] < chance + near) {
        text_add(out, " Both are near that: the types show in what is shared, and theta compares next to nothing.");
    }
    if (isfinite(n->raw.rho)) { text_format(out, " Of the inputs as prepared Spearman's rho is %s.", fixed(n->raw.rho, 3, number[0])); }
    if (n->theta.compared < FEW) { text_format(out, " %d types are few: rho says little.", n->theta.compared); }
    if (n->views > 2) { text_format(out, " Only %s and %s are compared.", n->modality[0], n->modality[1]); }
}

void findings_text(const findings *n, const source *a, text *out) {
    char rho[32], low[32], high[32];
    text remarks = { 0 };
    if (n->has_theta && n->theta.compared >= 2) {
        text_format(out, "theta against the weights of nearest neighbours over %d types of at least %d %scells: Spearman's rho %s",
                    n->theta.compared, n->least, scored_part(a) ? "held-out " : "", fixed(n->theta.rho, 3, rho));
        if (isfinite(n->theta.low)) {
            text_format(out, " (95 %% of bootstraps %s to %s)", fixed(n->theta.low, 3, low), fixed(n->theta.high, 3, high));
        }
        text_add(out, "\n");
        findings_theta_words(n, out);
        text_add(out, "\n");
    }
    technical_remarks(&n->technical, &remarks);
    if (remarks.length) { text_format(out, "%s\n", remarks.data); }
    text_free(&remarks);
    if (n->cluster_count) { cluster_text(n->clusters, n->cluster_count, out); }
}

void findings_theta_tsv(const findings *n, const source *a, text *out) {
    char weight[80];
    const sheet_column columns[] = {
        { .key = "type" }, { .key = "theta", .form = SHEET_REAL }, { .key = weight, .form = SHEET_REAL },
        { .key = "cells", .form = SHEET_COUNT }, { .key = "scored", .form = SHEET_COUNT }, { .key = "compared", .form = SHEET_COUNT },
        { .key = "theta_rank", .form = SHEET_REAL }, { .key = "weight_rank", .form = SHEET_REAL },
    };
    sheet s = { .columns = columns, .column_count = sizeof columns / sizeof *columns };
    snprintf(weight, sizeof weight, "weight_%s", n->modality[0]);
    for (int i = 0; i < n->theta.label_count; i++) {
        const theta_type *type = &n->theta.types[i];
        sheet_row(&s);
        sheet_words(&s, a->d.names[i]);
        sheet_number(&s, type->theta);
        sheet_number(&s, type->weight);
        sheet_number(&s, (double)type->cells);
        sheet_number(&s, (double)type->scored);
        sheet_number(&s, type->compared);
        sheet_number(&s, type->theta_rank);
        sheet_number(&s, type->weight_rank);
    }
    sheet_tsv(&s, out);
    sheet_free(&s);
}

/* "rna_specific", or "all" */
static const char *picture_name(const findings *n, const picture *p, char buffer[64]) {
    snprintf(buffer, 64, "%s%s%s", p->of >= 0 ? n->modality[p->of] : "", p->of >= 0 ? "_" : "", p->key);
    return buffer;
}

void findings_umap_tsv(const findings *n, const source *a, text *out) {
    char name[64], keys[2 * MOST_PICTURES][72];
    sheet_column columns[2 * MOST_PICTURES + 1] = { { .key = "cell" } };
    sheet s = { .columns = columns, .column_count = 1 };
    for (int i = 0; i < 2 * n->pictures.count; i++) {
        snprintf(keys[i], sizeof keys[i], "%s_%d", picture_name(n, &n->pictures.list[i / 2], name), i % 2 + 1);
        columns[s.column_count++] = (sheet_column){ .key = keys[i], .form = SHEET_REAL };
    }
    for (int64_t k = 0; k < n->rows; k++) {
        sheet_row(&s);
        sheet_words(&s, names_get(&a->c.names, k));
        for (int i = 0; i < 2 * n->pictures.count; i++) { sheet_number(&s, (double)n->pictures.list[i / 2].points[2 * k + i % 2]); }
    }
    sheet_tsv(&s, out);
    sheet_free(&s);
}
