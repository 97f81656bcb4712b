#include "differ.h"

#include "integration.h"
#include "../base/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of 10000 counts: what lies far below one count says nothing of a change. */
static const double pseudo_count = 0.01;

/* ---- pairs ---- */

typedef struct differing {
    differences *d;
    isk_context *context;
    const isk_model *model;
    const gathered *g;
    const differ_desc *desc;
    random_stream random;
    float *changes;                 /* [pairs, genes] log2 */
} differing;

static isk_status out_of_memory(const differing *w) { return no_memory(w->context, "the pairs of cells"); }

/* Cells of a group, of one batch or (-1) of any. */
static int64_t list_cells(const gathered *g, const uint8_t *group, int64_t batch, int64_t *list) {
    int64_t count = 0;
    for (int64_t i = 0; i < g->c.rows; i++) {
        if (group[i] && (batch < 0 || g->batches[i] == batch)) { list[count++] = i; }
    }
    return count;
}

/* Rows of those numbers of a matrix of all cells; NULL without memory. */
static isk_scalar *rows_of(const isk_scalar *from, int64_t cols, const int64_t *index, int64_t count) {
    isk_scalar *to = malloc(sizeof *to * ((size_t)(count * cols) + 1));
    for (int64_t i = 0; i < count && to; i++) { memcpy(to + i * cols, from + index[i] * cols, sizeof *to * (size_t)cols); }
    return to;
}

/* What the model expects of the cells of those numbers, were they of batch `level`: values [count, genes]. */
static isk_status decode(const differing *w, const int64_t *index, int64_t count, int64_t level, isk_scalar *values) {
    isk_extra all[ISK_MAX_EXTRAS];
    isk_scalar *own[ISK_MAX_EXTRAS] = { NULL }, *x = rows_of(w->g->x, w->g->genes.names.count, index, count);
    isk_transform_desc desc = { .views = { { .x = { x, count, w->g->genes.names.count }, .name = "rna" } },
                                .out = { { integrated_output(w->model, "denoised"), values } } };
    isk_status status = x ? ISK_OK : out_of_memory(w);
    gathered_give(w->g, all);
    for (int i = 0; all[i].name && status == ISK_OK; i++) {
        const int64_t cols = all[i].values.cols;
        own[i] = rows_of(all[i].values.data, cols, index, count);
        if (!own[i]) { status = out_of_memory(w); }
        for (int64_t k = 0; k < count && own[i] && strcmp(all[i].name, "batch") == 0; k++) {
            for (int64_t j = 0; j < cols; j++) { own[i][k * cols + j] = j == level; }
        }
        desc.extras[i] = (isk_extra){ all[i].name, { own[i], count, cols } };
    }
    if (status == ISK_OK) { status = isk_transform(w->model, &desc); }
    free(x);
    for (int i = 0; i < ISK_MAX_EXTRAS; i++) { free(own[i]); }
    return status;
}

/* So many pairs of the cells of two lists, at one batch. */
static isk_status draw(differing *w, const int64_t *const lists[2], const int64_t counts[2], int64_t level, int64_t pairs) {
    const int64_t cols = w->d->genes;
    int64_t *index = malloc(sizeof *index * ((size_t)pairs + 1));
    isk_scalar *values[2] = { malloc(sizeof **values * ((size_t)(pairs * cols) + 1)),
                              malloc(sizeof **values * ((size_t)(pairs * cols) + 1)) };
    float *to = w->changes + w->d->pairs * cols;
    isk_status status = index && values[0] && values[1] ? ISK_OK : out_of_memory(w);
    for (int side = 0; side < 2 && status == ISK_OK; side++) {
        for (int64_t k = 0; k < pairs; k++) { index[k] = lists[side][random_below(&w->random, counts[side])]; }
        status = decode(w, index, pairs, level, values[side]);
    }
    for (int64_t k = 0; k < pairs * cols && status == ISK_OK; k++) {
        to[k] = (float)(log2(1e4 * (double)values[0][k] + pseudo_count) - log2(1e4 * (double)values[1][k] + pseudo_count));
    }
    w->d->pairs += status == ISK_OK ? pairs : 0;
    free(index);
    free(values[0]);
    free(values[1]);
    return status;
}

/* Pairs of every batch that has cells of both groups; where none has, of all cells at every batch. */
static isk_status draw_all(differing *w) {
    const int64_t levels = gathered_levels(w->g, GATHERED_BATCH)->count, rows = w->g->c.rows;
    int64_t *list = malloc(sizeof *list * 2 * ((size_t)rows + 1)), counts[2];
    const int64_t *lists[2] = { list, list + rows + 1 };
    int64_t shared = 0, known = 0;
    isk_status status = list ? ISK_OK : out_of_memory(w);
    for (int64_t level = 0; level < levels && status == ISK_OK; level++) {
        known += list_cells(w->g, w->desc->group, level, list) + list_cells(w->g, w->desc->against, level, list);
        shared += list_cells(w->g, w->desc->group, level, list) && list_cells(w->g, w->desc->against, level, list);
    }
    w->d->apart = shared == 0 && known > 0;          /* of cells of batches that the model does not know nothing can be said */
    w->d->batches = (int)(shared ? shared : levels);
    if (status == ISK_OK && w->desc->pairs < w->d->batches) {
        status = isk_set_error(w->context, ISK_ARGUMENT, "--pairs %lld leaves no pair for each of %d batches", (long long)w->desc->pairs,
                               w->d->batches);
    }
    for (int64_t level = 0; level < levels && status == ISK_OK; level++) {
        counts[0] = list_cells(w->g, w->desc->group, shared ? level : -1, list);
        counts[1] = list_cells(w->g, w->desc->against, shared ? level : -1, list + rows + 1);
        if (counts[0] && counts[1]) { status = draw(w, lists, counts, level, w->desc->pairs / w->d->batches); }
    }
    free(list);
    return status;
}

/* ---- genes ---- */

/* The place in a sorted list below which a part of it lies. */
static double quantile(const double *sorted, int64_t count, double part) {
    const double at = part * (double)(count - 1);
    const int64_t low = (int64_t)at, high = low + 1 < count ? low + 1 : low;
    return sorted[low] + (at - (double)low) * (sorted[high] - sorted[low]);
}

static isk_status judge_changes(differing *w) {
    differences *d = w->d;
    double *column = malloc(sizeof *column * ((size_t)d->pairs + 1));
    if (!column) { return out_of_memory(w); }
    for (int64_t j = 0; j < d->genes; j++) {
        difference *to = &d->list[j];
        int64_t more = 0, less = 0;
        for (int64_t k = 0; k < d->pairs; k++) {
            column[k] = (double)w->changes[k * d->genes + j];
            to->change += column[k] / (double)d->pairs;
            more += column[k] > w->desc->least;
            less += column[k] < -w->desc->least;
            to->up += (column[k] > 0) / (double)d->pairs;
        }
        /* one direction: any two cells of mixed groups differ, now this way, now that */
        to->probability = (double)(more > less ? more : less) / (double)d->pairs;
        sort_reals(column, d->pairs);
        to->low = quantile(column, d->pairs, 0.025);
        to->high = quantile(column, d->pairs, 0.975);
    }
    free(column);
    return ISK_OK;
}

/* Of the counts themselves, each cell's of 10000 over the same genes. */
static void measure(differing *w) {
    const uint8_t *const groups[2] = { w->desc->group, w->desc->against };
    for (int64_t i = 0; i < w->g->c.rows; i++) {
        const isk_scalar *x = w->g->x + i * w->d->genes;
        double sum = 0;
        for (int64_t j = 0; j < w->d->genes; j++) { sum += (double)x[j]; }
        for (int side = 0; side < 2; side++) {
            const double part = 1 / (double)w->d->cells[side];
            for (int64_t j = 0; j < w->d->genes && groups[side][i]; j++) {
                w->d->list[j].mean[side] += sum > 0 ? part * 1e4 * (double)x[j] / sum : 0;
                w->d->list[j].share[side] += x[j] > 0 ? part : 0;
            }
        }
    }
}

typedef struct ranked { double probability, change; int64_t gene; } ranked;

static int by_probability(const void *a, const void *b) {
    const ranked *one = a, *two = b;
    if (one->probability < two->probability || one->probability > two->probability) {
        return one->probability > two->probability ? -1 : 1;
    }
    if (one->change < two->change || one->change > two->change) { return one->change > two->change ? -1 : 1; }
    return one->gene < two->gene ? -1 : one->gene > two->gene;
}

static isk_status rank_genes(differing *w) {
    differences *d = w->d;
    ranked *all = malloc(sizeof *all * ((size_t)d->genes + 1));
    if (!all) { return out_of_memory(w); }
    for (int64_t j = 0; j < d->genes; j++) { all[j] = (ranked){ d->list[j].probability, fabs(d->list[j].change), j }; }
    qsort(all, (size_t)d->genes, sizeof *all, by_probability);
    for (int64_t j = 0; j < d->genes; j++) { d->order[j] = all[j].gene; }
    free(all);
    return ISK_OK;
}

/* ---- the whole ---- */

isk_status differ_make(differences *d, isk_context *context, const isk_model *model, const gathered *g, const differ_desc *desc) {
    differing w = { d, context, model, g, desc, random_open(desc->seed, 41), NULL };
    isk_status status;
    memset(d, 0, sizeof *d);
    d->genes = g->genes.names.count;
    if (!integrated_output(model, "denoised")) { return isk_set_error(context, ISK_DATA, "the model does not decode"); }
    for (int64_t i = 0; i < g->c.rows; i++) {
        d->cells[0] += desc->group[i];
        d->cells[1] += desc->against[i];
    }
    for (int side = 0; side < 2; side++) {
        if (d->cells[side]) { continue; }
        return isk_set_error(context, ISK_DATA, "no cell is of %s", side ? "--against" : "--group");
    }
    d->list = calloc((size_t)d->genes + 1, sizeof *d->list);
    d->order = malloc(sizeof *d->order * ((size_t)d->genes + 1));
    w.changes = malloc(sizeof *w.changes * ((size_t)(desc->pairs * d->genes) + 1));
    status = d->list && d->order && w.changes ? draw_all(&w) : out_of_memory(&w);
    if (status == ISK_OK && d->pairs < 2) { status = isk_set_error(context, ISK_ARGUMENT, "--pairs leaves no pair for each batch"); }
    if (status == ISK_OK) { status = judge_changes(&w); }
    if (status == ISK_OK) {
        measure(&w);
        status = rank_genes(&w);
    }
    free(w.changes);
    return status;
}

void differ_free(differences *d) {
    free(d->list);
    free(d->order);
    memset(d, 0, sizeof *d);
}

void differ_sheet(const differences *d, const gathered *g, int64_t most, sheet_column columns[DIFFER_COLUMNS], sheet *s) {
    static const sheet_column all[DIFFER_COLUMNS] = {
        { .key = "gene", .words = "gene" },
        { .key = "probability", .words = "probability", .form = SHEET_REAL },
        { .key = "log2_change", .words = "log2 change", .form = SHEET_REAL, .decimals = 2 },
        { .key = "low", .words = "2.5 %", .form = SHEET_REAL, .decimals = 2 },
        { .key = "high", .words = "97.5 %", .form = SHEET_REAL, .decimals = 2 },
        { .key = "probability_up", .words = "up", .form = SHEET_REAL },
        { .key = "mean_group", .words = "mean", .form = SHEET_REAL, .decimals = 2 },
        { .key = "mean_against", .words = "against", .form = SHEET_REAL, .decimals = 2 },
        { .key = "share_group", .words = "cells", .form = SHEET_REAL, .decimals = 2 },
        { .key = "share_against", .words = "against", .form = SHEET_REAL, .decimals = 2 },
        { .key = "raw_log2_change", .words = "raw change", .form = SHEET_REAL, .decimals = 2 },
    };
    memcpy(columns, all, sizeof all);
    *s = (sheet){ .columns = columns, .column_count = DIFFER_COLUMNS };
    for (int64_t k = 0; k < d->genes && (most == 0 || k < most); k++) {
        const difference *of = &d->list[d->order[k]];
        const double values[] = { of->probability, of->change, of->low, of->high, of->up, of->mean[0], of->mean[1], of->share[0],
                                  of->share[1],
                                  log2((of->mean[0] + pseudo_count) / (of->mean[1] + pseudo_count)) };
        sheet_row(s);
        sheet_words(s, names_get(&g->genes.names, d->order[k]));
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) { sheet_number(s, values[i]); }
    }
}
