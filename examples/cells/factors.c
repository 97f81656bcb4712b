#include "factors.h"
#include "panel.h"

#include "../base/blocks.h"
#include "../base/fail.h"
#include "../base/random.h"
#include "../base/statistics.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

/* Does it hold the word, whatever the case of both? */
static int holds(const char *name, const char *word) {
    const size_t length = strlen(word);
    for (; *name; name++) {
        size_t i = 0;
        while (i < length && tolower((unsigned char)name[i]) == word[i]) { i++; }
        if (i == length) { return 1; }
    }
    return 0;
}

static int begins(const char *name, const char *word) {
    for (; *word; word++, name++) {
        if (tolower((unsigned char)*name) != *word) { return 0; }
    }
    return 1;
}

static int is_mitochondrial(const char *name) { return begins(name, "mt-"); }
/* Proteins of the ribosome; RPS6KA1 and its like are kinases. */
static int is_ribosomal(const char *name) { return (begins(name, "rps") || begins(name, "rpl")) && !begins(name, "rps6k"); }
static int is_isotype(const char *name) { return antibody_of(name) == ANTIBODY_ISOTYPE; }

static int is_batch(const char *name) {
    static const char *const words[] = { "donor", "batch", "sample", "patient", "subject", "individual", "lane", "library", "orig.ident" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (holds(name, words[i])) { return 1; }
    }
    return 0;
}

/* ---- a factor ---- */

/* Which share of the known numbers is not the most frequent one; below 0 without memory. */
static double differing(const isk_scalar *values, int64_t rows) {
    double *sorted = malloc(sizeof *sorted * ((size_t)rows + 1));
    int64_t n = 0, most = 0;
    if (!sorted) { return -1; }
    for (int64_t i = 0; i < rows; i++) {
        if (!isnan(values[i])) { sorted[n++] = (double)values[i]; }
    }
    sort_reals(sorted, n);
    for (int64_t i = 0, run = 0; i < n; i++) {
        run = i && sorted[i] > sorted[i - 1] ? 1 : run + 1;
        most = run > most ? run : most;
    }
    free(sorted);
    return n ? (double)(n - most) / (double)n : 0;
}

/* Takes the values, [rows, cols] by malloc; numbers that are the same in nearly all cells say nothing, and are left out. */
static isk_status take(factors *f, isk_context *context, const char *name, isk_scalar *values, int64_t rows, int64_t cols) {
    const double differ = cols == 1 ? differing(values, rows) : 1;
    if (differ < 0.05 || f->count == MOST_FACTORS) {
        free(values);
        return differ < 0 ? no_memory(context, "technical factors") : ISK_OK;
    }
    snprintf(f->list[f->count].name, sizeof f->list[f->count].name, "%s", name);
    f->list[f->count++].values = (isk_matrix){ values, rows, cols };
    return ISK_OK;
}

/* ---- of counts ---- */

static int are_counts(const input *in) {
    const isk_scalar *values = in->is_sparse ? in->sparse.values : in->values;
    const int64_t count = in->is_sparse ? in->sparse.count : in->rows * in->cols;
    for (int64_t i = 0; i < count; i++) {
        if (!(values[i] >= 0) || values[i] != floor((double)values[i])) { return 0; }
    }
    return count > 0;
}

typedef enum counted { DEPTH, DETECTED, MITOCHONDRIAL, RIBOSOMAL, ISOTYPE, COUNTED } counted;
static const char *const counted_words[COUNTED] = {
    "log depth", "log features detected", "mitochondrial share", "ribosomal share", "isotype background"
};
static int (*const chosen[COUNTED])(const char *name) = { [MITOCHONDRIAL] = is_mitochondrial, [RIBOSOMAL] = is_ribosomal,
                                                           [ISOTYPE] = is_isotype };

static int belongs(modality_kind kind, counted what) {
    return what < MITOCHONDRIAL || kind == (what == ISOTYPE ? MODALITY_PROTEIN : MODALITY_RNA);
}

/* flags [cols] of the features that are counted; how many they are. */
static int64_t find_chosen(const input *in, counted what, uint8_t *flags) {
    int64_t found = 0;
    for (int64_t j = 0; j < in->cols; j++) {
        flags[j] = (uint8_t)(!chosen[what] || (j < in->column_names.count && chosen[what](names_get(&in->column_names, j))));
        found += flags[j];
    }
    return found;
}

/* What a row counts, in all and of the features that have a flag. */
typedef struct counts { double total, detected, chosen, logs; } counts;

static void count_row(const input *in, int64_t row, const uint8_t *flags, counts *c) {
    const input_row r = input_row_of(in, row);
    for (int64_t k = 0; k < r.count; k++) {
        const double value = (double)r.values[k];
        c->total += value;
        c->detected += value > 0;
        if (!flags[r.columns ? r.columns[k] : k]) { continue; }
        c->chosen += value;
        c->logs += log1p(value);
    }
}

static double factor_of(counted what, const counts *c, int64_t found) {
    if (what == DEPTH) { return log1p(c->total); }
    if (what == DETECTED) { return log1p(c->detected); }
    return what == ISOTYPE ? c->logs / (double)found : c->total > 0 ? c->chosen / c->total : NAN;
}

static isk_status of_counts(factors *f, isk_context *context, const factors_desc *desc, int which) {
    const modality *m = &desc->cells->modality[which];
    const uint8_t *present = desc->cells->present[which];
    const int64_t rows = desc->cells->rows;
    uint8_t *flags = malloc((size_t)m->in.cols + 1), *beside = malloc((size_t)m->aside.cols + 1);
    isk_status status = flags && beside ? ISK_OK : no_memory(context, "technical factors");
    for (int what = 0; what < COUNTED && status == ISK_OK; what++) {
        const int with_aside = what == ISOTYPE && m->aside.cols > 0;        /* what was set aside is no depth */
        int64_t found = belongs(m->kind, (counted)what) ? find_chosen(&m->in, (counted)what, flags) : 0;
        isk_scalar *values;
        char name[96];
        if (with_aside && belongs(m->kind, (counted)what)) { found += find_chosen(&m->aside, (counted)what, beside); }
        if (!found) { continue; }
        values = malloc(sizeof *values * ((size_t)rows + 1));
        if (!values) {
            status = no_memory(context, "technical factors");
            break;
        }
        for (int64_t i = 0; i < rows; i++) {
            counts c = { 0 };
            if (!present || present[i]) {
                count_row(&m->in, i, flags, &c);
                if (with_aside) { count_row(&m->aside, i, beside, &c); }
            }
            values[i] = (isk_scalar)(present && !present[i] ? NAN : factor_of((counted)what, &c, found));
        }
        snprintf(name, sizeof name, "%s: %s", m->name, counted_words[what]);
        status = take(f, context, name, values, rows, 1);
    }
    free(flags);
    free(beside);
    return status;
}

/* ---- doublets ---- */

/* Numbers of rows that were measured, those that are asked about or (any 1) all; how many. */
static int64_t list_rows(const factors_desc *desc, int which, int any, int64_t *index) {
    const uint8_t *present = desc->cells->present[which];
    int64_t n = 0;
    for (int64_t i = 0; i < desc->cells->rows; i++) {
        if ((any || desc->part[i] == desc->asked) && (!present || present[i])) { index[n++] = i; }
    }
    return n;
}

/* Counts of two cells drawn from the list, added, `count` times, dense. */
static void add_pairs(const input *in, const int64_t *index, int64_t there, random_stream *random, int64_t count, isk_scalar *to) {
    memset(to, 0, sizeof *to * (size_t)count * (size_t)in->cols);
    for (int64_t i = 0; i < 2 * count; i++) {
        const input_row r = input_row_of(in, index[random_below(random, there)]);
        for (int64_t k = 0; k < r.count; k++) { to[i / 2 * in->cols + (r.columns ? r.columns[k] : k)] += r.values[k]; }
    }
}

/* Doublets as the recipe prepares them, in portions, as they are dense before: to [count, columns prepared]. */
static isk_status prepare_pairs(isk_context *context, const factors_desc *desc, int which, const int64_t *index, int64_t there,
                                int64_t count, isk_scalar *to) {
    enum { PORTION = 250 };
    const modality *m = &desc->cells->modality[which];
    const int64_t cols = desc->prepared[which].cols;
    random_stream random = random_open(desc->seed, 17);
    isk_status status = ISK_OK;
    for (int64_t from = 0; from < count && status == ISK_OK; from += PORTION) {
        recipe r = desc->recipe[which];                     /* what it points to is only read */
        input in = { .context = context, .path = "simulated doublets", .rows = count - from < PORTION ? count - from : PORTION,
                     .cols = m->in.cols };
        isk_scalar *own = NULL;
        isk_matrix x = { NULL, 0, 0 };
        in.values = malloc(sizeof *in.values * (size_t)in.rows * (size_t)in.cols);
        if (!in.values) { return no_memory(context, "the doublets"); }
        add_pairs(&m->in, index, there, &random, in.rows, in.values);
        status = recipe_apply(&r, &in, m->name, &x, &own);
        if (status == ISK_OK) { memcpy(to + from * cols, x.data, sizeof *to * (size_t)(x.rows * cols)); }
        free(own);
        input_free(&in);
    }
    return status;
}

/* `count` of the cells, spread evenly. */
static void pick_cells(isk_matrix prepared, const int64_t *index, int64_t there, int64_t count, isk_scalar *to) {
    for (int64_t i = 0; i < count; i++) {
        memcpy(to + i * prepared.cols, prepared.data + index[there * i / count] * prepared.cols, sizeof *to * (size_t)prepared.cols);
    }
}

/* Of each cell that is asked about, the share of doublets among the nearest of as many cells as doublets (Wolock, Lopez and Klein 2019). */
static isk_status score_doublets(isk_context *context, const factors_desc *desc, int which, isk_scalar *values) {
    enum { NEAREST = 30, MOST_PAIRS = 2000 };
    const isk_matrix prepared = desc->prepared[which];
    const size_t rows = (size_t)desc->cells->rows + 1, cols = (size_t)prepared.cols;
    int64_t *index = malloc(sizeof *index * rows), *asked = malloc(sizeof *asked * rows);
    const int64_t there = index ? list_rows(desc, which, 1, index) : 0, queries = asked ? list_rows(desc, which, 0, asked) : 0;
    const int64_t pairs = there < MOST_PAIRS ? there : MOST_PAIRS;
    isk_scalar *references = malloc(sizeof *references * (2 * (size_t)pairs + 1) * cols);
    isk_scalar *query = malloc(sizeof *query * ((size_t)queries + 1) * cols);
    int32_t *near = malloc(sizeof *near * ((size_t)queries + 1) * NEAREST);
    isk_status status = index && asked && references && query && near ? ISK_OK : no_memory(context, "the doublets");
    for (size_t i = 0; i + 1 < rows; i++) { values[i] = (isk_scalar)NAN; }
    if (status == ISK_OK && pairs > NEAREST && queries) {
        pick_cells(prepared, index, there, pairs, references);
        status = prepare_pairs(context, desc, which, index, there, pairs, references + (size_t)pairs * cols);
        if (status == ISK_OK) {
            pick_rows(prepared, asked, queries, query);
            status = isk_knn(context, &(isk_knn_desc){ .queries = { query, queries, prepared.cols },
                                                       .references = { references, 2 * pairs, prepared.cols }, .k = NEAREST,
                                                       .indices = near });
        }
        for (int64_t i = 0; i < queries && status == ISK_OK; i++) {
            int doublets = 0;
            for (int k = 0; k < NEAREST; k++) { doublets += near[i * NEAREST + k] >= pairs; }
            values[asked[i]] = (isk_scalar)doublets / NEAREST;
        }
    }
    free(index);
    free(asked);
    free(references);
    free(query);
    free(near);
    return status;
}

static isk_status of_doublets(factors *f, isk_context *context, const factors_desc *desc, int which) {
    const modality *m = &desc->cells->modality[which];
    isk_scalar *values;
    isk_status status;
    char name[96];
    if (m->kind != MODALITY_RNA || !desc->prepared[which].data || desc->recipe[which].steps) { return ISK_OK; }
    values = malloc(sizeof *values * ((size_t)desc->cells->rows + 1));
    if (!values) { return no_memory(context, "the doublets"); }
    status = score_doublets(context, desc, which, values);
    snprintf(name, sizeof name, "%s: doublet score", m->name);
    if (status == ISK_OK) { return take(f, context, name, values, desc->cells->rows, 1); }
    free(values);
    return status;
}

/* ---- of columns ---- */

static isk_status of_column(factors *f, isk_context *context, const cell_column *column, int64_t rows) {
    enum { MOST_CLASSES = 100 };
    const int64_t classes = column->classes.count;
    isk_scalar *values;
    if (column->numbers || classes < 2 || classes > MOST_CLASSES) { return ISK_OK; }
    values = calloc((size_t)rows * (size_t)classes + 1, sizeof *values);
    if (!values) { return no_memory(context, column->name); }
    for (int64_t i = 0; i < rows; i++) {
        const int32_t code = column->classes.codes[i];
        values[i * classes + (code < 0 ? 0 : code)] = (isk_scalar)(code < 0 ? NAN : 1);
    }
    return take(f, context, column->name, values, rows, classes);
}

/* ---- all of them ---- */

isk_status factors_make(factors *f, isk_context *context, const factors_desc *desc) {
    const cells *c = desc->cells;
    isk_status status = ISK_OK;
    f->count = 0;
    for (int i = 0; i < c->count && status == ISK_OK; i++) {
        if (!are_counts(&c->modality[i].in)) { continue; }
        status = of_counts(f, context, desc, i);
        if (status == ISK_OK) { status = of_doublets(f, context, desc, i); }
    }
    for (int64_t i = 0; i < c->table.count && status == ISK_OK; i++) {
        const cell_column *column = &c->table.columns[i];
        const int is_group = desc->group && strcmp(column->name, desc->group) == 0;
        if (desc->labels && strcmp(column->name, desc->labels) == 0) { continue; }
        if (is_group || is_batch(column->name)) { status = of_column(f, context, column, c->rows); }
    }
    if (status != ISK_OK) { factors_free(f); }
    return status;
}

void factors_free(factors *f) {
    for (int i = 0; i < f->count; i++) { matrix_free(f->list[i].values); }
    f->count = 0;
}
