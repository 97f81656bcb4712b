#include "evaluation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const score_names[SCORE_COUNT] = { "shared", "all", "specific_1", "specific_2", "raw" };
const char *const score_words[SCORE_COUNT] = { "C1, C2", "C1, Z1, C2, Z2", "Z1", "Z2", "X1, X2 (raw)" };

/* ---- rows ---- */

static void count_rows(const evaluation_input *in, int64_t rows, evaluation *e) {
    for (int64_t i = 0; i < rows; i++) { e->rows[in->part[i]]++; }
    e->scored = e->rows[ISK_TEST] ? ISK_TEST : e->rows[ISK_VALIDATION] ? ISK_VALIDATION : ISK_TRAIN;
}

static void pick(isk_matrix from, const int64_t *index, int64_t rows, isk_scalar *to) {
    for (int64_t i = 0; i < rows; i++) {
        memcpy(to + i * from.cols, from.data + index[i] * from.cols, sizeof *to * (size_t)from.cols);
    }
}

/* Divides columns first .. first + cols - 1 by the root of the sum of their variances. */
static void scale_block(isk_scalar *data, isk_matrix all, int64_t first, int64_t cols) {
    double total = 0;
    for (int64_t j = first; j < first + cols; j++) {
        double mean = 0, square = 0;
        for (int64_t i = 0; i < all.rows; i++) { mean += (double)data[i * all.cols + j] / (double)all.rows; }
        for (int64_t i = 0; i < all.rows; i++) {
            double left = (double)data[i * all.cols + j] - mean;
            square += left * left / (double)all.rows;
        }
        total += square;
    }
    for (int64_t i = 0; i < all.rows && total > 0; i++) {
        for (int64_t j = first; j < first + cols; j++) {
            data[i * all.cols + j] = (isk_scalar)((double)data[i * all.cols + j] / sqrt(total));
        }
    }
}

isk_matrix join_blocks(isk_context *context, const isk_matrix *parts, int count) {
    isk_matrix present[2 * ISK_MAX_VIEWS], joined = { NULL, 0, 0 };
    isk_scalar *data;
    int n = 0;
    for (int i = 0; i < count; i++) {
        if (parts[i].data) {
            present[n++] = parts[i];
            joined.rows = parts[i].rows;
            joined.cols += parts[i].cols;
        }
    }
    if (!n || !(data = malloc(sizeof *data * (size_t)joined.rows * (size_t)joined.cols))) { return joined; }
    if (isk_join_columns(context, present, n, data) != ISK_OK) {
        free(data);
        return joined;
    }
    joined.data = data;
    for (int64_t i = 0, first = 0; i < n && n > 1; first += present[i++].cols) {
        scale_block(data, joined, first, present[i].cols);
    }
    return joined;
}

static void release(isk_matrix m) { free((void *)(uintptr_t)m.data); }

/* ---- labels ---- */

/* Share of the k nearest scored rows with the same label. */
static isk_status neighbours(isk_context *context, isk_matrix x, const evaluation_input *in, const evaluation *e,
                             double *mean) {
    int64_t *index = malloc(sizeof *index * (size_t)x.rows), n = 0;
    isk_scalar *data = NULL;
    int32_t *labels = malloc(sizeof *labels * 2 * (size_t)x.rows), *nearest = NULL;      /* then the matches */
    isk_status status = ISK_MEMORY;
    for (int64_t i = 0; index && labels && i < x.rows; i++) {
        if (in->part[i] == e->scored && in->labels[i] >= 0) {
            labels[n] = in->labels[i];
            index[n++] = i;
        }
    }
    if (index && labels && n <= e->neighbours) {
        status = ISK_OK;                                    /* too few rows to say */
    } else if (index && labels) {
        data = malloc(sizeof *data * (size_t)n * (size_t)x.cols);
        nearest = malloc(sizeof *nearest * (size_t)n * (size_t)e->neighbours);
        if (data && nearest) {
            pick(x, index, n, data);
            status = isk_knn(context, &(isk_knn_desc){ .queries = { data, n, x.cols }, .k = e->neighbours,
                                                       .indices = nearest });
        }
        if (status == ISK_OK) {
            status = isk_knn_matches(context, nearest, n, e->neighbours, labels, NULL, n, labels + x.rows, mean);
        }
    }
    free(index);
    free(data);
    free(labels);
    free(nearest);
    return status;
}

static isk_status score_label(isk_context *context, isk_matrix x, const evaluation_input *in, evaluation *e,
                              int which) {
    isk_probe_report report;
    /* Standardised, because the scale of Z is free and that of C is not. */
    isk_probe_desc probe = { .x = x, .labels = in->labels, .part = in->part, .scored = e->scored, .standardise = 1 };
    isk_status status = isk_probe(context, &probe, &report);
    if (status == ISK_DATA) { return ISK_OK; }              /* one class only: NaN stays */
    if (status != ISK_OK) { return status; }
    e->label[which].accuracy = report.accuracy;
    e->label[which].balanced_accuracy = report.balanced_accuracy;
    return neighbours(context, x, in, e, &e->label[which].neighbours);
}

/* Accuracy, on the scored rows, of the training rows' most frequent label. */
static double majority(const evaluation_input *in, int64_t rows, isk_part scored) {
    int64_t hits = 0, labelled = 0, *count;
    int32_t classes = 0, most = 0;
    for (int64_t i = 0; i < rows; i++) { classes = in->labels[i] >= classes ? in->labels[i] + 1 : classes; }
    count = calloc((size_t)classes + 1, sizeof *count);
    if (!count) { return NAN; }
    for (int64_t i = 0; i < rows; i++) {
        if (in->part[i] == ISK_TRAIN && in->labels[i] >= 0) { count[in->labels[i]]++; }
    }
    for (int32_t k = 1; k < classes; k++) { most = count[k] > count[most] ? k : most; }
    for (int64_t i = 0; i < rows; i++) {
        if (in->part[i] != scored || in->labels[i] < 0) { continue; }
        labelled++;
        hits += in->labels[i] == most;
    }
    free(count);
    return labelled ? (double)hits / (double)labelled : NAN;
}

static isk_status score_labels(isk_context *context, const evaluation_input *in, int64_t rows, evaluation *e) {
    const isk_matrix sets[SCORE_COUNT][4] = {
        { in->c[0], in->c[1] }, { in->c[0], in->z[0], in->c[1], in->z[1] }, { in->z[0] }, { in->z[1] },
        { in->x[0], in->x[1] },
    };
    isk_status status = ISK_OK;
    e->majority = majority(in, rows, e->scored);
    for (int i = 0; i < SCORE_COUNT && status == ISK_OK; i++) {
        isk_matrix x = join_blocks(context, sets[i], 4);
        if (x.data) {
            status = score_label(context, x, in, e, i);
        } else if (x.cols) {
            status = ISK_MEMORY;
        }
        release(x);
    }
    return status;
}

/* ---- what one matrix says about another ---- */

double r2_best(const r2_scores *r2) { return fmax(fmax(r2->ridge, r2->knn), r2->mlp); }     /* NaN loses */

static isk_status regress(isk_context *context, isk_matrix x, isk_matrix y, const evaluation_input *in,
                          const evaluation *e, r2_scores *r2) {
    isk_regression_desc desc = { .x = x, .y = y, .part = in->part, .scored = e->scored };
    isk_status status;
    if (!x.data || !y.data) { return ISK_OK; }
    status = isk_ridge_r2(context, &desc, &r2->ridge);
    if (status == ISK_OK) { status = isk_knn_r2(context, &desc, &r2->knn); }
    if (status == ISK_OK) { status = isk_mlp_r2(context, &desc, &r2->mlp); }
    return status == ISK_DATA || status == ISK_DIVERGED ? ISK_OK : status;  /* a constant target cannot be explained: NaN stays */
}

/* 1 - sum (x - reconstruction)^2 / sum (x - training mean)^2 over the scored rows. */
static double decoder_r2(isk_matrix x, isk_matrix reconstruction, const uint8_t *part, isk_part scored) {
    double *mean = calloc((size_t)x.cols, sizeof *mean), error = 0, total = 0;
    int64_t trained = 0;
    if (!mean) { return NAN; }
    for (int64_t i = 0; i < x.rows; i++) {
        if (part[i] != ISK_TRAIN) { continue; }
        trained++;
        for (int64_t j = 0; j < x.cols; j++) { mean[j] += (double)x.data[i * x.cols + j]; }
    }
    for (int64_t i = 0; i < x.rows; i++) {
        if (part[i] != scored) { continue; }
        for (int64_t j = 0; j < x.cols; j++) {
            double value = (double)x.data[i * x.cols + j], miss = value - (double)reconstruction.data[i * x.cols + j];
            double centred = value - mean[j] / (double)(trained ? trained : 1);
            error += miss * miss;
            total += centred * centred;
        }
    }
    free(mean);
    return total > 0 ? 1 - error / total : NAN;
}

static isk_status score_view(isk_context *context, const evaluation_input *in, int view, evaluation *e) {
    const isk_matrix own[2] = { in->z[view], in->c[view] };
    isk_matrix joined = join_blocks(context, own, 2);
    isk_status status = joined.cols && !joined.data ? ISK_MEMORY : ISK_OK;
    r2_scores *leakage = &e->leakage[view];
    if (status == ISK_OK) { status = regress(context, in->z[view], in->c[1 - view], in, e, leakage); }
    if (status == ISK_OK) { status = regress(context, joined, in->x[view], in, e, &e->completeness[view].r2); }
    e->completeness[view].best = r2_best(&e->completeness[view].r2);
    if (in->reconstruction[view].data && in->x[view].data) {
        e->completeness[view].decoder = decoder_r2(in->x[view], in->reconstruction[view], in->part, e->scored);
    }
    release(joined);
    return status;
}

isk_status evaluate(isk_context *context, const evaluation_input *in, evaluation *e) {
    int64_t rows = in->c[0].data ? in->c[0].rows : in->x[0].rows;
    isk_status status = ISK_OK;
    *e = (evaluation){ .neighbours = 10, .majority = NAN };
    for (int i = 0; i < SCORE_COUNT; i++) { e->label[i] = (label_score){ NAN, NAN, NAN }; }
    for (int i = 0; i < 2; i++) {
        e->leakage[i] = (r2_scores){ NAN, NAN, NAN };
        e->completeness[i].r2 = (r2_scores){ NAN, NAN, NAN };
        e->completeness[i].best = e->completeness[i].decoder = NAN;
    }
    count_rows(in, rows, e);
    if (e->scored == ISK_TRAIN) { return ISK_OK; }          /* no row is held out: nothing can be said */
    if (in->labels) { status = score_labels(context, in, rows, e); }
    for (int view = 0; view < 2 && status == ISK_OK; view++) { status = score_view(context, in, view, e); }
    return status;
}

/* ---- output ---- */

static void json_number(text *out, const char *key, double value) {
    text_json_key(out, key);
    text_json_number(out, value);
}

static void open_object(text *out, const char *indent, const char *key) {
    text_add(out, indent);
    text_json_key(out, key);
    text_add(out, "{");
}

static void training_json(const isk_report *r, int views, text *out) {
    open_object(out, "\n  ", "training");
    text_json_key(out, "status");
    text_json_string(out, r->status == ISK_OK ? "ok" : "diverged");
    json_number(out, "seconds", r->seconds);
    json_number(out, "epochs", r->epochs);
    json_number(out, "shared_epochs", r->shared_epochs);
    json_number(out, "shared_loss", r->shared_loss);
    json_number(out, "shared_validation_loss", r->shared_validation_loss);
    json_number(out, "temperature", r->temperature);
    for (int i = 0; i < views; i++) {
        char key[16] = "1";
        key[0] = (char)('1' + i);
        open_object(out, "\n    ", key);
        json_number(out, "loss", r->view[i].loss);
        json_number(out, "club", r->view[i].club);
        json_number(out, "reconstruction", r->view[i].reconstruction);
        json_number(out, "validation_r2", r->view[i].validation_r2);
        json_number(out, "fresh_club", r->view[i].fresh_club);
        json_number(out, "saturation", r->view[i].saturation);
        json_number(out, "variance", r->view[i].variance);
        text_add(out, "}");
    }
    text_add(out, "}");
}

void evaluation_json(const evaluation *e, const isk_report *training, int views, text *out) {
    static const char *const parts[] = { "train", "validation", "test" };
    static const char *const scored[] = { "none", "validation", "test" };
    static const char *const view[] = { "1", "2" };
    open_object(out, "\n  ", "rows");
    for (int i = 0; i < 3; i++) { json_number(out, parts[i], (double)e->rows[i]); }
    text_add(out, "}");
    text_json_key(out, "scored_on");
    text_json_string(out, scored[e->scored]);
    json_number(out, "majority", e->majority);
    open_object(out, "\n  ", "probe");
    for (int i = 0; i < SCORE_COUNT; i++) {
        open_object(out, "\n    ", score_names[i]);
        json_number(out, "accuracy", e->label[i].accuracy);
        json_number(out, "balanced_accuracy", e->label[i].balanced_accuracy);
        text_add(out, "}");
    }
    text_add(out, "}");
    open_object(out, "\n  ", "knn_agreement");
    json_number(out, "k", e->neighbours);
    for (int i = 0; i < SCORE_COUNT; i++) { json_number(out, score_names[i], e->label[i].neighbours); }
    text_add(out, "}");
    open_object(out, "\n  ", "leakage");
    for (int i = 0; i < 2; i++) {
        open_object(out, "\n    ", view[i]);
        json_number(out, "ridge", e->leakage[i].ridge);
        json_number(out, "knn", e->leakage[i].knn);
        json_number(out, "mlp", e->leakage[i].mlp);
        text_add(out, "}");
    }
    text_add(out, "}");
    open_object(out, "\n  ", "completeness");
    for (int i = 0; i < 2; i++) {
        open_object(out, "\n    ", view[i]);
        json_number(out, "ridge", e->completeness[i].r2.ridge);
        json_number(out, "knn", e->completeness[i].r2.knn);
        json_number(out, "mlp", e->completeness[i].r2.mlp);
        json_number(out, "best", e->completeness[i].best);
        json_number(out, "decoder", e->completeness[i].decoder);
        text_add(out, "}");
    }
    text_add(out, "}");
    if (training) { training_json(training, views, out); }
}

static void cell(text *out, double value, int width) {
    char number[32];
    text_format(out, "%*s", width, isfinite(value) ? fixed(value, 3, number) : "-");
}

void evaluation_text(const evaluation *e, int has_labels, text *out) {
    static const char *const parts[] = { "no", "validation", "test" };
    if (e->scored == ISK_TRAIN) {
        text_add(out, "no rows are held out, so nothing was scored\n");
        return;
    }
    if (has_labels) {
        text_format(out, "%-20s%12s%20s%16s\n", "features", "accuracy", "balanced accuracy", "10-NN agreement");
        for (int i = 0; i < SCORE_COUNT; i++) {
            if (isnan(e->label[i].accuracy)) { continue; }
            text_format(out, "%-20s", score_words[i]);
            cell(out, e->label[i].accuracy, 12);
            cell(out, e->label[i].balanced_accuracy, 20);
            cell(out, e->label[i].neighbours, 16);
            text_add(out, "\n");
        }
        text_format(out, "%-20s", "majority label");
        cell(out, e->majority, 12);
        text_add(out, "\n\n");
    }
    text_format(out, "%-40s%10s%10s%10s%10s\n", "R^2", "ridge", "10-NN", "MLP", "decoder");
    for (int i = 0; i < 2; i++) {
        if (isnan(e->leakage[i].ridge)) { continue; }
        text_format(out, "leakage of Z%d about C%d%18s", i + 1, 2 - i, "");
        cell(out, e->leakage[i].ridge, 10);
        cell(out, e->leakage[i].knn, 10);
        cell(out, e->leakage[i].mlp, 10);
        text_add(out, "\n");
    }
    for (int i = 0; i < 2; i++) {
        if (isnan(e->completeness[i].best)) { continue; }
        text_format(out, "completeness of (Z%d, C%d) about X%d%7s", i + 1, i + 1, i + 1, "");
        cell(out, e->completeness[i].r2.ridge, 10);
        cell(out, e->completeness[i].r2.knn, 10);
        cell(out, e->completeness[i].r2.mlp, 10);
        cell(out, e->completeness[i].decoder, 10);
        text_add(out, "\n");
    }
    text_format(out, "(fitted on %lld training rows, scored on %lld %s rows)\n", (long long)e->rows[ISK_TRAIN],
                (long long)e->rows[e->scored], parts[e->scored]);
}
