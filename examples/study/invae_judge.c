/* How much of the true latent variables do those of a model tell, each where it belongs, on cells that it did not see? */
#include "invae_study.h"

#include "../base/blocks.h"
#include "../runs/evaluation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void invae_fields(records *r) {
#define PAIR(name) records_add_field(r, #name, 2);
#define SINGLE(name) records_add_field(r, #name, 0);
    INVAE_PAIRS(PAIR)
    INVAE_SINGLES(SINGLE)
    INVAE_ACCURACIES(PAIR)
#undef PAIR
#undef SINGLE
}

/* ---- rows ---- */

/* The rows of that part; to be freed.  data NULL: there is no such matrix, or no memory. */
static isk_matrix rows_of(isk_matrix m, const uint8_t *asked, isk_part part) {
    isk_scalar *values = m.data ? malloc(sizeof *values * (size_t)(m.rows * m.cols + 1)) : NULL;
    isk_matrix some = { values, 0, m.cols };
    for (int64_t i = 0; i < m.rows && values; i++) {
        if (asked[i] != part) { continue; }
        memcpy(values + some.rows++ * m.cols, m.data + i * m.cols, sizeof *values * (size_t)m.cols);
    }
    return some;
}

/* A copy of which the mean of each group over the rows of that part is 0; to be freed. */
static isk_matrix within_groups(isk_matrix m, const invae_data *d, isk_part part) {
    isk_scalar *values = m.data ? malloc(sizeof *values * (size_t)(m.rows * m.cols)) : NULL;
    for (int64_t j = 0; j < m.cols && values; j++) {
        for (int g = 0; g < d->groups; g++) {
            double mean = 0, n = 0;
            for (int64_t i = 0; i < m.rows; i++) {
                if (d->group[i] == g && d->asked[i] == part) { mean += ((double)m.data[i * m.cols + j] - mean) / ++n; }
            }
            for (int64_t i = 0; i < m.rows; i++) {
                if (d->group[i] == g) { values[i * m.cols + j] = (isk_scalar)((double)m.data[i * m.cols + j] - mean); }
            }
        }
    }
    return (isk_matrix){ values, m.rows, m.cols };
}

/* ---- matching ---- */

static double correlation(isk_matrix a, int64_t j, isk_matrix b, int64_t k) {
    double mean[2] = { 0, 0 }, aa = 0, bb = 0, ab = 0;
    for (int64_t i = 0; i < a.rows; i++) {
        const double x = (double)a.data[i * a.cols + j] - mean[0], y = (double)b.data[i * b.cols + k] - mean[1];
        mean[0] += x / (double)(i + 1);
        mean[1] += y / (double)(i + 1);
        aa += x * ((double)a.data[i * a.cols + j] - mean[0]);
        bb += y * ((double)b.data[i * b.cols + k] - mean[1]);
        ab += x * ((double)b.data[i * b.cols + k] - mean[1]);
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

/* Mean |correlation| of each true coordinate with the latent one that it is matched to, over the rows of that part. */
static double matched(isk_matrix truth, isk_matrix latent, const uint8_t *asked, isk_part part) {
    isk_matrix t = rows_of(truth, asked, part), z = rows_of(latent, asked, part);
    double *value = malloc(sizeof *value * (size_t)(truth.cols * (latent.cols + 1))), sum = NAN;
    for (int64_t j = 0; j < t.cols && value && t.data && z.data; j++) {
        for (int64_t k = 0; k < z.cols; k++) { value[j * z.cols + k] = fabs(correlation(t, j, z, k)); }
    }
    if (value && t.data && z.data) { sum = best_matching(value, (int)t.cols, (int)z.cols); }
    matrix_free(t);
    matrix_free(z);
    free(value);
    return sum / (double)truth.cols;
}

/* ---- the public protocol ---- */

/* Mean R^2 of latent coordinates told from true ones by least squares, on the rows that it is fitted on: they stand there twice. */
static isk_status told_backwards(isk_context *context, isk_matrix truth, isk_matrix latent, double *r2) {
    const double least_penalty = 1e-6;
    const size_t truths = (size_t)(truth.rows * truth.cols), latents = (size_t)(latent.rows * latent.cols);
    isk_scalar *x = malloc(sizeof *x * (2 * truths + 1)), *y = malloc(sizeof *y * (2 * latents + 1));
    uint8_t *part = malloc(2 * (size_t)truth.rows + 1);
    double *column = malloc(sizeof *column * (size_t)(latent.cols + 1));
    isk_status status = x && y && part && column ? ISK_OK : no_memory(context, "the public protocol");
    *r2 = NAN;
    for (int twice = 0; twice < 2 && status == ISK_OK; twice++) {
        memcpy(x + (size_t)twice * truths, truth.data, sizeof *x * truths);
        memcpy(y + (size_t)twice * latents, latent.data, sizeof *y * latents);
        memset(part + twice * truth.rows, twice ? ISK_TEST : ISK_TRAIN, (size_t)truth.rows);
    }
    if (status == ISK_OK) {
        double pooled;
        status = isk_ridge_r2(context, &(isk_regression_desc){ .x = { x, 2 * truth.rows, truth.cols },
                                                               .y = { y, 2 * latent.rows, latent.cols }, .part = part,
                                                               .alpha = least_penalty, .column_r2 = column }, &pooled);
        if (status == ISK_OK) { *r2 = average_of(column, (int)latent.cols, 1).mean; }
        if (status == ISK_DATA) { status = ISK_OK; }        /* no latent coordinate varies */
    }
    free(x);
    free(y);
    free(part);
    free(column);
    return status;
}

static isk_status judge_publicly(isk_context *context, const invae_data *d, isk_part part, const embedding *e, const records *r,
                                 const sweep_record *to) {
    isk_scalar *values = malloc(sizeof *values * (size_t)(d->invariant.rows * (TRUE_INVARIANT + TRUE_SPURIOUS)));
    isk_matrix truth = { values, d->invariant.rows, TRUE_INVARIANT + TRUE_SPURIOUS }, t, z;
    isk_status status = values ? isk_join_columns(context, (isk_matrix[]){ d->invariant, d->spurious }, 2, values)
                               : no_memory(context, "the truth");
    if (status == ISK_OK) {
        *records_at(r, to, 0, records_field(r, "mcc_public")) = matched(truth, e->all, d->asked, part);
        t = rows_of(truth, d->asked, part);
        z = rows_of(e->all, d->asked, part);
        status = t.data && z.data ? told_backwards(context, t, z, records_at(r, to, 0, records_field(r, "r2_public")))
                                  : no_memory(context, "the truth");
        matrix_free(t);
        matrix_free(z);
    }
    free(values);
    return status;
}

/* ---- ours ---- */

/* Ridge and MLP of one truth from some latent variables. */
static isk_status ask(isk_context *context, const invae_data *d, isk_matrix x, isk_matrix y, uint64_t seed, const records *r,
                      const sweep_record *to, const char *field) {
    double values[MOST_METRICS], *pair = records_at(r, to, 0, records_field(r, field));
    isk_status status = ask_unseen(context, &(unseen_question){ .x = x, .y = y, .part = d->asked, .labels = d->group, .seed = seed },
                                   values);
    pair[0] = values[METRIC_RIDGE];
    pair[1] = values[METRIC_MLP];
    return status;
}

static isk_status judge_within(isk_context *context, const invae_data *d, const embedding *e, uint64_t seed, const records *r,
                               const sweep_record *to) {
    isk_matrix invariant = within_groups(d->invariant, d, ISK_TEST), spurious = within_groups(d->spurious, d, ISK_TEST);
    isk_matrix z_inv = within_groups(e->invariant, d, ISK_TEST), z_spur = within_groups(e->spurious, d, ISK_TEST);
    isk_status status = invariant.data && spurious.data && z_inv.data ? ISK_OK : no_memory(context, "the truth");
    if (status == ISK_OK) {
        *records_at(r, to, 0, records_field(r, "mcc_within")) = matched(invariant, z_inv, d->asked, ISK_TEST);
        status = ask(context, d, z_inv, invariant, seed, r, to, "invariant_within");
    }
    if (status == ISK_OK) { status = ask(context, d, z_spur, spurious, seed, r, to, "spurious_within"); }
    matrix_free(invariant);
    matrix_free(spurious);
    matrix_free(z_inv);
    matrix_free(z_spur);
    return status;
}

/* A probe that learned the types of training cells, on held-out cells of seen batches and on those of the unseen one. */
static isk_status judge_types(isk_context *context, const invae_data *d, const embedding *e, const records *r, const sweep_record *to) {
    static const char *const fields[] = { "accuracy_seen", "accuracy_unseen" };
    const isk_matrix from[] = { e->invariant, e->all };
    const isk_part scored[] = { ISK_TEST, ISK_VALIDATION };
    isk_status status = ISK_OK;
    for (int i = 0; i < 4 && status == ISK_OK; i++) {
        isk_probe_report report;
        status = isk_probe(context, &(isk_probe_desc){ .x = from[i % 2], .labels = d->c.label, .part = d->asked, .scored = scored[i / 2],
                                                       .standardize = 1 }, &report);
        if (status == ISK_OK) { records_at(r, to, 0, records_field(r, fields[i / 2]))[i % 2] = report.accuracy; }
    }
    return status;
}

isk_status invae_judge(isk_context *context, const invae_data *d, simulation_kind kind, const embedding *e, uint64_t seed,
                       const records *r, const sweep_record *to) {
    const isk_part part = kind == SIMULATION_PUBLIC ? ISK_TRAIN : ISK_TEST;
    isk_matrix invariant, z_inv;
    isk_status status = judge_publicly(context, d, part, e, r, to);
    *records_at(r, to, 0, records_field(r, "mcc")) = matched(d->invariant, e->invariant, d->asked, part);
    if (kind == SIMULATION_PUBLIC) {
        invariant = within_groups(d->invariant, d, part);
        z_inv = within_groups(e->invariant, d, part);
        if (invariant.data && z_inv.data) {
            *records_at(r, to, 0, records_field(r, "mcc_within")) = matched(invariant, z_inv, d->asked, part);
        }
        matrix_free(invariant);
        matrix_free(z_inv);
        return status;
    }
    if (status == ISK_OK) { status = ask(context, d, e->invariant, d->invariant, seed, r, to, "invariant"); }
    if (status == ISK_OK) { status = ask(context, d, e->spurious, d->spurious, seed, r, to, "spurious"); }
    if (status == ISK_OK) { status = ask(context, d, e->invariant, d->spurious, seed, r, to, "leaks"); }
    if (status == ISK_OK) { status = ask(context, d, e->spurious, d->invariant, seed, r, to, "leaks_back"); }
    if (status == ISK_OK) { status = ask(context, d, e->all, d->spurious, seed, r, to, "spurious_all"); }
    if (status == ISK_OK) { status = judge_within(context, d, e, seed, r, to); }
    return status == ISK_OK ? judge_types(context, d, e, r, to) : status;
}
