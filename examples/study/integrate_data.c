/* Counts, batches and labels of `study integrate`, and which labels and cells training sees. */
#include "integrate_study.h"

#include "../base/blocks.h"
#include "../cells/variable.h"
#include "../formats/input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

/* All genes, or those that vary most; dense from then on. */
static isk_status choose_genes(integrate_data *d, isk_context *context, input *in, int genes) {
    int64_t *columns = malloc(sizeof *columns * ((size_t)in->cols + 1));
    uint8_t *part = calloc((size_t)in->rows + 1, 1);
    isk_status status = columns && part ? ISK_OK : no_memory(context, "genes");
    d->file_genes = in->cols;
    if (status == ISK_OK && genes && genes < in->cols) {
        status = variable_columns(in, part, genes, columns);
        if (status == ISK_OK) { status = input_select(in, columns, genes); }
    }
    if (status == ISK_OK) { status = input_dense(in); }
    if (status == ISK_OK) {
        d->c.counts = (isk_matrix){ in->values, in->rows, in->cols };
        in->values = NULL;
    }
    free(columns);
    free(part);
    return status;
}

static isk_status read_counts(integrate_data *d, isk_context *context, const integrate_settings *s) {
    input in;
    isk_status status = input_read(context, s->counts, &(input_desc){ .transpose = s->transpose }, &in);
    for (int64_t i = 0; i < in.rows && status == ISK_OK; i++) {
        const input_row row = input_row_of(&in, i);
        for (int64_t k = 0; k < row.count && status == ISK_OK; k++) {
            const double value = (double)row.values[k];
            if (value >= 0 && value < 1e9 && value == (double)(int64_t)value) { continue; }
            status = isk_set_error(context, ISK_DATA, "%s: row %lld, column %lld is %g; counts are due, whole numbers from 0 on", s->counts,
                                   (long long)i + 1, (long long)(row.columns ? row.columns[k] : k) + 1, value);
        }
    }
    if (status == ISK_OK) { status = choose_genes(d, context, &in, s->genes); }
    if (status == ISK_OK) {
        for (int64_t i = 0; i < d->c.counts.rows && status == ISK_OK; i++) {
            double sum = 0;
            for (int64_t j = 0; j < d->c.counts.cols; j++) { sum += (double)d->c.counts.data[i * d->c.counts.cols + j]; }
            if (!(sum > 0)) {
                status = isk_set_error(context, ISK_DATA, "%s: row %lld has no count in the %lld genes that are used; take it out, or more "
                                       "--genes", s->counts, (long long)i + 1, (long long)d->c.counts.cols);
            }
        }
    }
    input_free(&in);
    return status;
}

static isk_status take_codes(isk_context *context, const labels *l, int32_t **codes) {
    *codes = malloc(sizeof **codes * ((size_t)l->rows + 1));
    if (!*codes) { return no_memory(context, "labels"); }
    memcpy(*codes, l->codes, sizeof **codes * (size_t)l->rows);
    return ISK_OK;
}

static isk_status read_batches(integrate_data *d, isk_context *context, const integrate_settings *s) {
    isk_status status = input_labels(context, s->batches, d->c.counts.rows, &d->batches);
    if (status != ISK_OK) { return status; }
    if (d->batches.missing) {
        return isk_set_error(context, ISK_DATA, "%s: %lld of %lld cells have no batch", s->batches, (long long)d->batches.missing,
                             (long long)d->batches.rows);
    }
    if (d->batches.count < 2) {
        return isk_set_error(context, ISK_DATA, "%s: all cells are of one batch, so there is nothing to integrate", s->batches);
    }
    d->c.batches = d->batches.count;
    return take_codes(context, &d->batches, &d->c.batch);
}

static isk_status read_labels(integrate_data *d, isk_context *context, const integrate_settings *s) {
    isk_status status = input_labels(context, s->labels, d->c.counts.rows, &d->labels);
    if (status != ISK_OK) { return status; }
    if (d->labels.count < 2) {
        return isk_set_error(context, ISK_DATA, "%s: there are fewer than two labels; leave --labels out", s->labels);
    }
    d->c.labels = d->labels.count;
    return take_codes(context, &d->labels, &d->c.label);
}

isk_status integrate_read(integrate_data *d, isk_context *context, const integrate_settings *s, progress *bar) {
    isk_status status = read_counts(d, context, s);
    if (status == ISK_OK) { status = read_batches(d, context, s); }
    if (status == ISK_OK && s->labels) { status = read_labels(d, context, s); }
    d->c.part = calloc((size_t)d->c.counts.rows + 1, 1);
    if (status == ISK_OK && !d->c.part) { status = no_memory(context, "the cells"); }
    if (status == ISK_OK) { status = components_of(context, &d->c, COMPONENTS_BEFORE, 0, &d->before); }
    if (status != ISK_OK) { return status; }
    progress_say(bar, "%lld cells, %lld of %lld genes, %d batches, %d labels%s", (long long)d->c.counts.rows, (long long)d->c.counts.cols,
                 (long long)d->file_genes, d->c.batches, d->c.labels, s->labels ? "" : " (without --labels what needs them is not said)");
    return ISK_OK;
}

/* ---- what training sees ---- */

void integrate_data_close(integrate_data *d) {
    d->now.counts.data = NULL;
    cells_of_batches_free(&d->now);
    free(d->asked);
    d->asked = NULL;
}

/* All of it known; nothing is asked. */
static isk_status copy_cells(integrate_data *d, isk_context *context) {
    const size_t rows = (size_t)d->c.counts.rows;
    d->now = d->c;
    d->now.label = malloc(sizeof *d->now.label * (rows + 1));
    d->now.batch = malloc(sizeof *d->now.batch * (rows + 1));
    d->now.part = calloc(rows + 1, 1);
    d->asked = calloc(rows + 1, 1);
    if (!d->now.label || !d->now.batch || !d->now.part || !d->asked) { return no_memory(context, "the cells"); }
    for (size_t i = 0; i < rows; i++) { d->now.label[i] = d->c.label ? d->c.label[i] : -1; }
    memcpy(d->now.batch, d->c.batch, sizeof *d->now.batch * rows);
    return ISK_OK;
}

isk_status integrate_hide(integrate_data *d, isk_context *context, double hide, double validation, uint64_t seed) {
    const int64_t rows = d->c.counts.rows;
    int32_t *kind = malloc(sizeof *kind * ((size_t)rows + 1));
    isk_status status = copy_cells(d, context);
    if (status == ISK_OK && !kind) { status = no_memory(context, "the cells"); }
    for (int64_t i = 0; i < rows && status == ISK_OK; i++) {
        kind[i] = d->now.label[i] < 0 ? -1 : d->now.label[i] * d->c.batches + d->c.batch[i];
    }
    if (status == ISK_OK && hide > 0 && d->c.labels) {
        status = isk_split(context, &(isk_split_desc){ .rows = rows, .labels = kind, .test = hide, .seed = seed, .part = d->asked });
    }
    for (int64_t i = 0; i < rows && status == ISK_OK; i++) {
        if (d->now.label[i] < 0) { d->asked[i] = ISK_TRAIN; }          /* its label is hidden from everybody */
        if (d->asked[i] == ISK_TEST) { d->now.label[i] = -1; }
    }
    if (status == ISK_OK && validation > 0) {
        status = isk_split(context, &(isk_split_desc){ .rows = rows, .labels = d->c.batch, .validation = validation, .seed = seed,
                                                       .part = d->now.part });
    }
    free(kind);
    return status;
}

isk_status integrate_leave_out(integrate_data *d, isk_context *context, int batch, double validation, uint64_t seed) {
    isk_status status = copy_cells(d, context);
    if (status == ISK_OK && validation > 0) {
        status = isk_split(context, &(isk_split_desc){ .rows = d->c.counts.rows, .labels = d->c.batch, .validation = validation,
                                                       .seed = seed, .part = d->now.part });
    }
    for (int64_t i = 0; i < d->c.counts.rows && status == ISK_OK; i++) {
        if (d->c.batch[i] != batch) { continue; }
        d->now.part[i] = d->asked[i] = ISK_TEST;
        d->now.label[i] = d->now.batch[i] = -1;
    }
    return status;
}

void integrate_data_free(integrate_data *d) {
    cells_of_batches_free(&d->c);
    labels_free(&d->labels);
    labels_free(&d->batches);
    matrix_free(d->before);
}

uint64_t integrate_checksum(const integrate_data *d) {
    const size_t rows = (size_t)d->c.counts.rows;
    uint64_t h = hash_bytes(HASH_START, d->c.counts.data, sizeof *d->c.counts.data * rows * (size_t)d->c.counts.cols);
    h = hash_bytes(h, d->c.batch, sizeof *d->c.batch * rows);
    return d->c.label ? hash_bytes(h, d->c.label, sizeof *d->c.label * rows) : h;
}

/* ---- for programs of others ---- */

static isk_status write_cells(integrate_data *d, isk_context *context, const integrate_settings *s, text *out) {
    const int64_t rows = d->c.counts.rows;
    const int columns = d->c.labels ? s->study.seeds : 0;
    int32_t *hidden = malloc(sizeof *hidden * ((size_t)rows * (size_t)columns + 1));
    isk_status status = hidden ? ISK_OK : no_memory(context, "cells.tsv");
    text_add(out, d->c.labels ? "batch\tlabel" : "batch");
    for (int k = 0; k < columns && status == ISK_OK; k++) {
        const uint64_t seed = s->study.seed + (uint64_t)k;
        text_format(out, "\tlabel_%llu", (unsigned long long)seed);
        status = integrate_hide(d, context, s->hide, 0, seed);
        if (status == ISK_OK) { memcpy(hidden + k * rows, d->now.label, sizeof *hidden * (size_t)rows); }
        integrate_data_close(d);
    }
    text_add(out, "\n");
    for (int64_t i = 0; i < rows && status == ISK_OK; i++) {
        text_tsv(out, names_get(&d->batches.classes, d->c.batch[i]));
        for (int k = -1; k < columns && d->c.labels; k++) {
            const int32_t code = k < 0 ? d->c.label[i] : hidden[k * rows + i];
            text_add(out, "\t");
            text_tsv(out, code < 0 ? NULL : names_get(&d->labels.classes, code));
        }
        text_add(out, "\n");
    }
    free(hidden);
    return status;
}

isk_status integrate_write(integrate_data *d, isk_context *context, const integrate_settings *s) {
    text cells = { 0 };
    output out;
    embedding pca = { .all = { NULL, 0, 0 } };
    isk_status status = output_open(&out, context, s->write, "counts.npy pca.npy cells.tsv", NULL);
    if (status != ISK_OK) { return isk_set_error(context, status, "%s", out.error); }
    status = write_cells(d, context, s, &cells);
    if (status == ISK_OK) { status = embed_by_pca(context, &d->c, s->study.seed, &pca); }
    if (status == ISK_OK) { status = output_matrix(&out, "counts.npy", d->c.counts); }
    if (status == ISK_OK) { status = output_matrix(&out, "pca.npy", pca.all); }
    if (status == ISK_OK) { status = output_text(&out, "cells.tsv", &cells); }
    if (status == ISK_OK && (status = output_commit(&out, NULL)) != ISK_OK) { isk_set_error(context, status, "%s", out.error); }
    output_close(&out);
    embedding_free(&pca);
    text_free(&cells);
    return status;
}
