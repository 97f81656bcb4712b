#include "genes.h"

#include "variable.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static isk_status out_of_memory(const cells *c) { return no_memory(c->context, "the genes"); }
static const input *counts_of(const cells *c) { return &c->modality[0].in; }

/* ---- are these counts? ---- */

/* Of counts that were normalized the logarithm is small, and no value is negative; z-scores are on both sides of 0. */
static isk_status refuse(const cells *c, int64_t row, int64_t col, double value, double most) {
    static const char way_out[] = "give --counts LAYER, which may be raw, or --likelihood gaussian";
    const char *path = counts_of(c)->path ? counts_of(c)->path : "the data";
    shown cell, gene;
    show(&cell, names_get(&c->names, row));
    show(&gene, names_get(&counts_of(c)->column_names, col));
    if (!isfinite(value)) {
        return isk_set_error(c->context, ISK_DATA, "%s: cell '%s' has no number for gene '%s'; counts are whole numbers from 0 on", path,
                             cell.text, gene.text);
    }
    if (value < 0) {
        return isk_set_error(c->context, ISK_DATA, "%s: cell '%s', gene '%s' is %g, and counts are not negative: these look scaled; %s",
                             path,
                             cell.text, gene.text, value, way_out);
    }
    if (most < 20) {
        return isk_set_error(c->context, ISK_DATA, "%s: cell '%s', gene '%s' is %g: these look log-normalised: max %.1f; %s", path,
                             cell.text,
                             gene.text, value, most, way_out);
    }
    return isk_set_error(c->context, ISK_DATA, "%s: cell '%s', gene '%s' is %g, which is no whole number: these look normalised; %s", path,
                         cell.text, gene.text, value, way_out);
}

isk_status genes_check_counts(const cells *c) {
    const input *in = counts_of(c);
    double wrong = 0, most = 0;
    int64_t row = -1, col = -1;
    for (int64_t i = 0; i < in->rows; i++) {
        const input_row r = input_row_of(in, i);
        for (int64_t k = 0; k < r.count; k++) {
            const double value = (double)r.values[k];
            const int worse = !isfinite(value) || value < 0;
            if (value > most) { most = value; }
            if ((worse && (row < 0 || (isfinite(wrong) && wrong >= 0))) || (row < 0 && value - floor(value) > 0)) {
                row = i;
                col = r.columns ? r.columns[k] : k;
                wrong = value;
            }
        }
    }
    return row < 0 ? ISK_OK : refuse(c, row, col, wrong, most);
}

/* ---- which genes ---- */

/* Columns that some training row has a value in; *count of them. */
static isk_status find_present(const cells *c, const uint8_t *part, int64_t *columns, int64_t *count) {
    const input *in = counts_of(c);
    uint8_t *present = calloc((size_t)in->cols + 1, 1);
    if (!present) { return out_of_memory(c); }
    for (int64_t i = 0; i < in->rows; i++) {
        const input_row r = input_row_of(in, i);
        for (int64_t k = 0; k < r.count && part[i] == ISK_TRAIN; k++) {
            if (r.values[k] != 0) { present[r.columns ? r.columns[k] : k] = 1; }
        }
    }
    *count = 0;
    for (int64_t j = 0; j < in->cols; j++) {
        if (present[j]) { columns[(*count)++] = j; }
    }
    free(present);
    return ISK_OK;
}

typedef struct spread { double variance; int64_t column; } spread;

static int by_spread(const void *a, const void *b) {
    const spread *one = a, *two = b;
    return one->variance > two->variance ? -1 : one->variance < two->variance ? 1 : one->column < two->column ? -1 : 1;
}

static int by_place(const void *a, const void *b) {
    const int64_t one = *(const int64_t *)a, two = *(const int64_t *)b;
    return one < two ? -1 : one > two;
}

/* Of numbers that are no counts: those of most variance. */
static isk_status most_variable(const cells *c, const uint8_t *part, int64_t most, int64_t *columns) {
    const input *in = counts_of(c);
    const double rows = (double)training_rows(in, part);
    double *sum = calloc(2 * (size_t)in->cols + 1, sizeof *sum), *squares = sum + in->cols;
    spread *all = malloc(sizeof *all * ((size_t)in->cols + 1));
    isk_status status = sum && all ? ISK_OK : out_of_memory(c);
    for (int64_t i = 0; i < in->rows && status == ISK_OK; i++) {
        const input_row r = input_row_of(in, i);
        for (int64_t k = 0; k < r.count && part[i] == ISK_TRAIN; k++) {
            const int64_t j = r.columns ? r.columns[k] : k;
            sum[j] += (double)r.values[k];
            squares[j] += (double)r.values[k] * (double)r.values[k];
        }
    }
    for (int64_t j = 0; j < in->cols && status == ISK_OK; j++) { all[j] = (spread){ squares[j] - sum[j] * sum[j] / rows, j }; }
    if (status == ISK_OK) {
        qsort(all, (size_t)in->cols, sizeof *all, by_spread);
        for (int64_t k = 0; k < most; k++) { columns[k] = all[k].column; }
        qsort(columns, (size_t)most, sizeof *columns, by_place);
    }
    free(sum);
    free(all);
    return status;
}

isk_status genes_learn(genes *g, const cells *c, const uint8_t *part, const int32_t *codes, int batches, int64_t most, int counts) {
    const modality *m = &c->modality[0];
    int64_t found = 0;
    isk_status status;
    memset(g, 0, sizeof *g);
    g->of = m->in.cols;
    g->columns = malloc(sizeof *g->columns * ((size_t)g->of + 1));
    status = g->columns ? find_present(c, part, g->columns, &found) : out_of_memory(c);
    g->zero = g->of - found;
    if (status == ISK_OK && most > 0 && found > most) {
        if (counts) {
            status = variable_columns_by_batch(&m->in, part, codes, batches, most, g->columns, &found);
        } else {
            status = most_variable(c, part, found = most, g->columns);
        }
    }
    for (int64_t k = 0; k < found && status == ISK_OK; k++) {
        if (!names_add(&g->names, names_get(&m->in.column_names, g->columns[k])) ||
            (m->ids.count && !names_add(&g->ids, names_get(&m->ids, g->columns[k])))) { status = out_of_memory(c); }
    }
    if (status == ISK_OK && found < 2) {
        return isk_set_error(c->context, ISK_DATA, "%lld of the %lld genes vary in the cells that train; at least 2 must", (long long)found,
                             (long long)g->of);
    }
    return status;
}

/* ---- in other cells ---- */

/* 0: out of memory. */
static int find_by(const names *due, const names *there, int64_t *columns, int64_t *missing) {
    name_index x = { 0 };
    const int done = name_index_update(&x, there);
    *missing = 0;
    for (int64_t k = 0; k < due->count && done; k++) {
        columns[k] = name_index_find(&x, names_get(due, k));
        *missing += columns[k] < 0;
    }
    name_index_free(&x);
    return done;
}

isk_status genes_find(genes *g, const cells *c) {
    const modality *m = &c->modality[0];
    const names *due[] = { &g->names, &g->ids, &g->ids, &g->names };
    const names *there[] = { &m->in.column_names, &m->ids, &m->in.column_names, &m->ids };
    int64_t *columns = malloc(sizeof *columns * ((size_t)g->names.count + 1)), missing;
    int done = columns != NULL;
    free(g->columns);
    g->columns = malloc(sizeof *g->columns * ((size_t)g->names.count + 1));
    g->missing = g->names.count;
    done = done && g->columns;
    for (int64_t k = 0; k < g->names.count && done; k++) { g->columns[k] = -1; }
    for (int way = 0; way < 4 && done && 2 * g->missing > g->names.count; way++) {      /* names, unless most of them do not meet */
        if (due[way]->count == 0 || there[way]->count == 0) { continue; }
        done = find_by(due[way], there[way], columns, &missing);
        if (!done || missing >= g->missing) { continue; }
        memcpy(g->columns, columns, sizeof *columns * (size_t)g->names.count);
        g->missing = missing;
        g->by_ids = way > 0;
    }
    free(columns);
    return done ? ISK_OK : out_of_memory(c);
}

isk_status genes_matrix(const genes *g, const cells *c, isk_scalar **values) {
    const input *in = counts_of(c);
    const int64_t cols = g->names.count;
    int64_t *place = malloc(sizeof *place * ((size_t)in->cols + 1));
    *values = in->rows < PTRDIFF_MAX / (int64_t)sizeof **values / (cols + 1) ? calloc((size_t)(in->rows * cols) + 1, sizeof **values) :
        NULL;
    if (!place || !*values) {
        free(place);
        return out_of_memory(c);
    }
    for (int64_t j = 0; j < in->cols; j++) { place[j] = -1; }
    for (int64_t k = 0; k < cols; k++) {
        if (g->columns[k] >= 0) { place[g->columns[k]] = k; }
    }
    for (int64_t i = 0; i < in->rows; i++) {
        const input_row r = input_row_of(in, i);
        for (int64_t k = 0; k < r.count; k++) {
            const int64_t to = place[r.columns ? r.columns[k] : k];
            if (to >= 0) { (*values)[i * cols + to] = r.values[k]; }
        }
    }
    free(place);
    return ISK_OK;
}

void genes_find_empty(const genes *g, const isk_scalar *values, int64_t rows, uint8_t *kept, int64_t *empty, int64_t *first) {
    const int64_t cols = g->names.count;
    *empty = 0;
    *first = -1;
    for (int64_t i = 0; i < rows; i++) {
        int64_t k = 0;
        while (k < cols && values[i * cols + k] == 0) { k++; }
        kept[i] = k < cols;
        if (k < cols) { continue; }
        if ((*empty)++ == 0) { *first = i; }
    }
}

void genes_free(genes *g) {
    names_free(&g->names);
    names_free(&g->ids);
    free(g->columns);
    memset(g, 0, sizeof *g);
}

/* ---- in the model ---- */

static isk_status put_names(const names *n, isk_model *model, const char *name) {
    char *line = n->count ? names_join(n) : NULL;
    const isk_status status = line ? isk_model_put_text(model, name, line) : n->count ? ISK_MEMORY : ISK_OK;
    free(line);
    return status;
}

isk_status genes_put(const genes *g, isk_model *model) {
    const isk_status status = put_names(&g->names, model, "user.genes");
    return status == ISK_OK ? put_names(&g->ids, model, "user.gene_ids") : status;
}

isk_status genes_get(genes *g, isk_context *context, const isk_model *model) {
    const char *line = isk_model_get_text(model, "user.genes"), *ids = isk_model_get_text(model, "user.gene_ids");
    memset(g, 0, sizeof *g);
    if (!line) {
        return isk_set_error(context, ISK_DATA, "the model does not say which genes it was trained on; was it saved by `indiseek "
                             "integrate`?");
    }
    if (!names_split(line, &g->names) || (ids && !names_split(ids, &g->ids))) { return no_memory(context, "the genes"); }
    if (g->names.count == isk_model_view_cols(model, 0) && (!ids || g->ids.count == g->names.count)) { return ISK_OK; }
    return isk_set_error(context, ISK_DATA, "the model: it names %lld genes and takes %d", (long long)g->names.count,
                         isk_model_view_cols(model, 0));
}
