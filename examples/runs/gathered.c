#include "gathered.h"

#include "split.h"
#include "../cells/panel.h"
#include "../formats/join.h"

#include <stdlib.h>
#include <string.h>

/* extras of the method, and in the model */
static const char *const prefixes[GATHERED_LISTS] = { "label", "invariant", "batch", "spurious" };
static const char *const options_of[GATHERED_LISTS] = { "--labels", "--invariant", "--batch", "--spurious" };

static isk_status out_of_memory(const gathered *g) { return no_memory(g->context, "the cells"); }

/* ---- reading ---- */

static isk_status read_cells(gathered *g) {
    const gather_settings *s = g->s;
    const read_desc read = { .layer = s->counts, .most_memory = s->most_memory * 1024 * 1024 * 1024, .bar = g->bar,
                             .pairing = { .strip_suffix = s->strip_suffix } };
    cell_table known = { .count = 0 };
    isk_status status = s->cells ? cell_table_read(g->context, s->cells, &known) : ISK_OK;
    if (status == ISK_OK) {
        status = cells_join(&g->c, g->context, &(join_desc){ .paths = s->files.word, .count = s->files.count, .known = &known.cells,
                                                             .transpose = s->transpose, .read = &read });
    }
    if (status == ISK_OK && s->cells) {
        known.first = 1;
        status = cells_add_table(&g->c, &known);
        if (status == ISK_OK) { status = cells_match(&g->c); }
        if (status == ISK_OK && !names_add(&g->c.files, s->cells)) { status = out_of_memory(g); }
    }
    cell_table_free(&known);
    if (status == ISK_OK && (s->keep || s->drop)) { status = panel_choose(&g->c, &(panel_desc){ s->keep, s->drop, 1 }); }
    if (status == ISK_OK && g->counts) { status = genes_check_counts(&g->c); }
    return status;
}

/* ---- which cells train ---- */

static const char *batch_column(const gathered *g) {
    return g->s->batch ? g->s->batch : g->s->files.count > 1 ? JOIN_COLUMN : NULL;
}

/* The largest class; codes below 0 are none. */
static int64_t largest_class(const int32_t *codes, int64_t rows) {
    int64_t most = 0, classes = 0, *sizes;
    for (int64_t i = 0; i < rows; i++) { classes = codes[i] >= classes ? codes[i] + 1 : classes; }
    sizes = calloc((size_t)classes + 1, sizeof *sizes);
    for (int64_t i = 0; i < rows && sizes; i++) {
        if (codes[i] >= 0 && ++sizes[codes[i]] > most) { most = sizes[codes[i]]; }
    }
    free(sizes);
    return most;
}

/* Every batch alike, unless all are so small that none can give a cell.  batches [rows] are then those of all cells. */
static isk_status divide(gathered *g, double validation) {
    const cell_column *column;
    labels batches = { 0 };
    covariates all = { 0 };
    isk_status status;
    int alike;
    if (!batch_column(g)) {
        return isk_set_error(g->context, ISK_ARGUMENT, "there is one batch: --batch COLUMN says which batch each cell is of, or give a "
                             "file a batch");
    }
    /* what is no batch is said before it is divided */
    status = covariates_learn(&all, &g->c, &(covariates_desc){ .option = options_of[GATHERED_BATCH], .columns = batch_column(g),
                                                               .as_classes = batch_column(g) });
    if (status == ISK_OK && all.count > 1) {
        status = isk_set_error(g->context, ISK_ARGUMENT, "--batch %s: names %lld columns, and takes one; --spurious takes more",
                               batch_column(g), (long long)all.count);
    }
    covariates_free(&all);
    if (status == ISK_OK) { status = cells_need_column(&g->c, options_of[GATHERED_BATCH], batch_column(g), &column); }
    if (status == ISK_OK) { status = cell_column_classes(g->context, column, g->c.rows, &batches); }
    free(g->part);
    free(g->batches);
    g->part = malloc((size_t)g->c.rows + 1);
    g->batches = malloc(sizeof *g->batches * ((size_t)g->c.rows + 1));
    if (status == ISK_OK && (!g->part || !g->batches)) { status = out_of_memory(g); }
    if (status == ISK_OK) {
        memcpy(g->batches, batches.codes, sizeof *g->batches * (size_t)g->c.rows);
        alike = validation * (double)largest_class(batches.codes, g->c.rows) >= 1;
        status = split_rows(g->context, &(split_settings){ .validation = validation, .seed = g->s->seed, .rows = g->c.rows,
                                                           .labels = alike ? batches.codes : NULL }, g->part, NULL);
    }
    labels_free(&batches);
    return status;
}

/* ---- genes ---- */

static isk_status refuse_empty(const gathered *g, int64_t empty, int64_t first) {
    shown name;
    return isk_set_error(g->context, ISK_DATA, "cell '%s'%.*s has no count over the %lld genes that are learned from; --drop-empty leaves "
                         "such cells out", show(&name, names_get(&g->c.names, first)), empty > 1 ? 100 : 0, " and others",
                         (long long)g->genes.names.count);
}

/* The matrix of those genes; 1 in *again where cells were left out, so that all is to be chosen once more. */
static isk_status take_counts(gathered *g, int *again) {
    int64_t empty = 0, first = -1;
    uint8_t *kept;
    isk_status status;
    free(g->x);
    g->x = NULL;
    *again = 0;
    status = genes_matrix(&g->genes, &g->c, &g->x);
    if (status != ISK_OK || !g->counts) { return status; }
    kept = malloc((size_t)g->c.rows + 1);
    if (!kept) { return out_of_memory(g); }
    genes_find_empty(&g->genes, g->x, g->c.rows, kept, &empty, &first);
    if (empty && (!g->s->drop_empty || empty == g->c.rows)) {
        status = refuse_empty(g, empty, first);
    } else if (empty) {
        status = cells_keep(&g->c, kept);
        g->dropped += empty;
        *again = 1;
    }
    free(kept);
    return status;
}

static isk_status choose_genes(gathered *g, double validation) {
    int again = 1;
    isk_status status = ISK_OK;
    while (again && status == ISK_OK) {
        int batches = 0;
        genes_free(&g->genes);
        status = divide(g, validation);
        for (int64_t i = 0; i < g->c.rows && status == ISK_OK; i++) { batches = g->batches[i] >= batches ? g->batches[i] + 1 : batches; }
        if (status == ISK_OK) { status = genes_learn(&g->genes, &g->c, g->part, g->batches, batches, g->s->genes, g->counts); }
        if (status == ISK_OK) { status = take_counts(g, &again); }
    }
    return status;
}

/* ---- what is known of the cells ---- */

static isk_status learn_covariates(gathered *g) {
    const char *const columns[GATHERED_LISTS] = { g->s->labels, g->s->invariant, batch_column(g), g->s->spurious };
    named_covariates lists[GATHERED_LISTS];
    isk_status status = ISK_OK;
    for (int i = 0; i < GATHERED_LISTS && status == ISK_OK; i++) {
        const int single = i == GATHERED_LABEL || i == GATHERED_BATCH;
        status = covariates_learn(&g->known[i], &g->c, &(covariates_desc){ .option = options_of[i], .columns = columns[i],
                                                                           .as_classes = single ? columns[i] : g->s->as_classes,
                                                                           .as_numbers = g->s->as_numbers, .part = g->part });
        lists[i] = (named_covariates){ options_of[i], &g->known[i] };
        if (status == ISK_OK && i == GATHERED_LABEL && g->known[i].count > 1) {
            status = isk_set_error(g->context, ISK_ARGUMENT, "--labels %s: names %lld columns, and takes one; --invariant takes more",
                                   columns[i], (long long)g->known[i].count);
        }
    }
    return status == ISK_OK ? covariates_compare(&g->c, lists, GATHERED_LISTS, &g->known[GATHERED_BATCH], g->part) : status;
}

/* Some labels of each type are put aside. */
static isk_status hide_labels(gathered *g) {
    uint8_t *drawn = malloc((size_t)g->c.rows + 1);
    isk_status status = ISK_OK;
    g->hidden = calloc((size_t)g->c.rows + 1, 1);
    if (!drawn || !g->hidden) { status = out_of_memory(g); }
    if (status == ISK_OK) {
        const int alike = g->s->hide * (double)largest_class(g->types, g->c.rows) >= 1;
        status = isk_split(g->context, &(isk_split_desc){ .rows = g->c.rows, .labels = alike ? g->types : NULL, .validation = g->s->hide,
                                                          .seed = g->s->seed + 1, .part = drawn });
    }
    for (int64_t i = 0; i < g->c.rows && status == ISK_OK; i++) {
        g->hidden[i] = drawn[i] == ISK_VALIDATION && g->types[i] >= 0;
        g->hidden_count += g->hidden[i];
    }
    free(drawn);
    return status;
}

/* Codes of a list of one covariate. */
static isk_status find_codes(const gathered *g, gathered_list list, int32_t **codes) {
    free(*codes);
    *codes = malloc(sizeof **codes * ((size_t)g->c.rows + 1));
    if (!*codes) { return out_of_memory(g); }
    return covariate_codes(&g->known[list].list[0], &g->c, *codes);
}

static isk_status encode(gathered *g) {
    isk_status status = ISK_OK;
    for (int i = 0; i < GATHERED_LISTS && status == ISK_OK; i++) { status = covariates_encode(&g->known[i], &g->c, &g->design[i]); }
    if (status == ISK_OK) { status = find_codes(g, GATHERED_BATCH, &g->batches); }
    if (status == ISK_OK && g->known[GATHERED_LABEL].count) { status = find_codes(g, GATHERED_LABEL, &g->types); }
    return status;
}

/* The rows of the label's design that are not told. */
static void forget(gathered *g, const uint8_t *hidden) {
    const int64_t cols = covariates_cols(&g->known[GATHERED_LABEL]);
    for (int64_t i = 0; i < g->c.rows && g->design[GATHERED_LABEL]; i++) {
        if (!hidden || hidden[i]) { memset(g->design[GATHERED_LABEL] + i * cols, 0, sizeof *g->x * (size_t)cols); }
    }
}

isk_status gathered_read(gathered *g, isk_context *context, const gather_settings *s, int counts, double validation, progress *bar) {
    isk_status status;
    memset(g, 0, sizeof *g);
    g->context = context;
    g->s = s;
    g->bar = bar;
    g->counts = counts;
    status = read_cells(g);
    if (status == ISK_OK) { status = choose_genes(g, validation); }
    if (status == ISK_OK) { status = learn_covariates(g); }
    if (status == ISK_OK) { status = encode(g); }
    if (status == ISK_OK && g->types && s->hide > 0) {
        status = hide_labels(g);
        if (status == ISK_OK) { forget(g, g->hidden); }
    }
    return status;
}

/* ---- new cells ---- */

static isk_status check_missing(const gathered *g) {
    const int64_t all = g->genes.names.count, missing = g->genes.missing;
    shown due, there;
    if (missing == 0) { return ISK_OK; }
    if ((double)missing > MOST_MISSING * (double)all && !g->s->force) {
        return isk_set_error(g->context, ISK_DATA, "%lld of the %lld genes that the model was trained on are missing, which is more than a "
                             "fifth (its first is '%s', the data's '%s'); --force takes them as zeros", (long long)missing, (long long)all,
                             show(&due, names_get(&g->genes.names, 0)),
                             show(&there, names_get(&g->c.modality[0].in.column_names, 0)));
    }
    progress_warn(g->bar, "%lld of the %lld genes that the model was trained on are missing, and count as zeros", (long long)missing,
                  (long long)all);
    return ISK_OK;
}

isk_status gathered_recall(gathered *g, isk_context *context, const gather_settings *s, const isk_model *model, int counts, progress *bar) {
    int again = 1;
    isk_status status = ISK_OK;
    memset(g, 0, sizeof *g);
    g->context = context;
    g->s = s;
    g->bar = bar;
    g->counts = counts;
    status = genes_get(&g->genes, context, model);
    for (int i = 0; i < GATHERED_LISTS && status == ISK_OK; i++) { status = covariates_get(&g->known[i], context, model, prefixes[i]); }
    if (status == ISK_OK && g->known[GATHERED_BATCH].count != 1) {
        status = isk_set_error(context, ISK_DATA, "the model does not say which batches it was trained on; was it saved by `indiseek "
                               "integrate`?");
    }
    if (status == ISK_OK) { status = read_cells(g); }
    while (again && status == ISK_OK) {
        status = genes_find(&g->genes, &g->c);
        if (status == ISK_OK) { status = check_missing(g); }
        if (status == ISK_OK) { status = take_counts(g, &again); }
    }
    if (status == ISK_OK) { status = encode(g); }
    if (status == ISK_OK) { forget(g, NULL); }
    return status;
}

void gathered_free(gathered *g) {
    cells_free(&g->c);
    genes_free(&g->genes);
    for (int i = 0; i < GATHERED_LISTS; i++) {
        covariates_free(&g->known[i]);
        free(g->design[i]);
    }
    free(g->x);
    free(g->batches);
    free(g->types);
    free(g->hidden);
    free(g->part);
    memset(g, 0, sizeof *g);
}

/* ---- for the library ---- */

isk_view gathered_view(const gathered *g) {
    return (isk_view){ .x = { g->x, g->c.rows, g->genes.names.count }, .name = "rna" };
}

void gathered_give(const gathered *g, isk_extra extras[ISK_MAX_EXTRAS]) {
    int count = 0;
    for (int i = 0; i < GATHERED_LISTS; i++) {
        const int64_t cols = covariates_cols(&g->known[i]);
        if (cols) { extras[count++] = (isk_extra){ prefixes[i], { g->design[i], g->c.rows, cols } }; }
    }
    extras[count].name = NULL;
}

isk_status gathered_put(const gathered *g, isk_model *model) {
    isk_status status = genes_put(&g->genes, model);
    for (int i = 0; i < GATHERED_LISTS && status == ISK_OK; i++) { status = covariates_put(&g->known[i], model, prefixes[i]); }
    return status;
}

const char *gathered_name(const gathered *g, gathered_list list) { return g->known[list].count ? g->known[list].list[0].name : ""; }

const names *gathered_levels(const gathered *g, gathered_list list) {
    return g->known[list].count ? &g->known[list].list[0].levels : NULL;
}

/* ---- words ---- */

static void say_lists(const gathered *g) {
    static const gathered_list lists[] = { GATHERED_INVARIANT, GATHERED_SPURIOUS };
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        const covariates *v = &g->known[lists[k]];
        text words = { 0 };
        for (int64_t i = 0; i < v->count; i++) {
            if (v->list[i].numeric) {
                text_format(&words, "%s%s (numbers)", i ? ", " : "", v->list[i].name);
            } else {
                text_format(&words, "%s%s (%lld levels)", i ? ", " : "", v->list[i].name, (long long)v->list[i].levels.count);
            }
        }
        if (words.data) { progress_say(g->bar, "%s: %s", prefixes[lists[k]], words.data); }
        text_free(&words);
    }
}

void gathered_say(const gathered *g) {
    const names *types = gathered_levels(g, GATHERED_LABEL);
    int64_t labelled = 0;
    if (g->dropped) {
        progress_say(g->bar, "%lld cells without a count over these genes are left out", (long long)g->dropped);
    }
    if (g->part) {
        progress_say(g->bar, "rna: %lld of %lld genes; %lld have no count in the cells that train and are left out",
                     (long long)g->genes.names.count, (long long)g->genes.of, (long long)g->genes.zero);
        progress_say(g->bar, "cells: %lld train, %lld validation, in %lld batches by %s",
                     (long long)split_count(g->part, g->c.rows, ISK_TRAIN),
                     (long long)split_count(g->part, g->c.rows, ISK_VALIDATION), (long long)gathered_levels(g, GATHERED_BATCH)->count,
                     gathered_name(g, GATHERED_BATCH));
    } else {
        progress_say(g->bar, "%lld cells, %lld of the model's %lld genes%s", (long long)g->c.rows,
                     (long long)(g->genes.names.count - g->genes.missing), (long long)g->genes.names.count,
                     g->genes.by_ids ? ", matched by ids" : "");
    }
    for (int64_t i = 0; i < g->c.rows && g->types; i++) { labelled += g->types[i] >= 0; }
    if (types && g->part) {
        progress_say(g->bar, "%s: %lld types; %lld of %lld cells have one, and training is told %lld of these",
                     gathered_name(g, GATHERED_LABEL),
                     (long long)types->count, (long long)labelled, (long long)g->c.rows, (long long)(labelled - g->hidden_count));
    }
    if (g->part) { say_lists(g); }
    for (int i = 0; i < GATHERED_LISTS; i++) {
        if (i != GATHERED_LABEL || g->part) { covariates_say(&g->known[i], &g->c, prefixes[i]); }
    }
}
