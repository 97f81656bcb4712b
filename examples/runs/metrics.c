#include "metrics.h"

#include "evaluation.h"
#include "../base/lines.h"

#include <math.h>
#include <stdlib.h>

/* ---- of labels ---- */

isk_status label_question_open(label_question *q, isk_context *context, const isk_probe_desc *probe) {
    const size_t rows = (size_t)probe->x.rows;
    isk_probe_desc desc = *probe;
    isk_probe_report report;
    isk_status status;
    *q = (label_question){ .context = context, .x = probe->x, .labels = probe->labels, .part = probe->part,
                           .predicted = malloc(sizeof *q->predicted * (rows + 1)), .truth = malloc(sizeof *q->truth * (rows + 1)) };
    if (!q->predicted || !q->truth) { return no_memory(context, "predictions"); }
    desc.predicted = q->predicted;
    status = isk_probe(context, &desc, &report);
    q->classes = report.classes;
    return status;
}

void label_question_free(label_question *q) {
    free(q->predicted);
    free(q->truth);
    q->predicted = q->truth = NULL;
}

/* Rows of the scored part that have a label. */
static int64_t count_labelled(const label_question *q) {
    int64_t labelled = 0;
    for (int64_t i = 0; i < q->x.rows; i++) { labelled += q->truth[i] >= 0; }
    return labelled;
}

static isk_status score_probe(const label_question *q, double *accuracy, double *balanced) {
    if (!count_labelled(q)) { return ISK_OK; }
    return isk_score_labels(q->context, q->truth, q->predicted, q->x.rows, q->classes, NULL, accuracy, balanced);
}

static isk_status accuracy(const label_question *q, double *value) {
    double balanced;
    return score_probe(q, value, &balanced);
}

/* The mean over the classes of the accuracy within each. */
static isk_status balanced_accuracy(const label_question *q, double *value) {
    double plain;
    return score_probe(q, &plain, value);
}

enum { NEAREST = 10 };

/* Share of the scored rows nearest to one that have its label: those of features as they are. */
static isk_status neighbours(const label_question *q, double *value) {
    const int64_t n = count_labelled(q);
    const size_t room = (size_t)n + 1;
    int64_t *index = malloc(sizeof *index * room), at = 0;
    isk_scalar *data = malloc(sizeof *data * room * (size_t)q->x.cols);
    int32_t *labels = malloc(sizeof *labels * 2 * room), *nearest = malloc(sizeof *nearest * room * NEAREST);     /* then the matches */
    isk_status status = index && data && labels && nearest ? ISK_OK : no_memory(q->context, "the nearest rows");
    for (int64_t i = 0; i < q->x.rows && status == ISK_OK; i++) {
        if (q->truth[i] < 0) { continue; }
        labels[at] = q->truth[i];
        index[at++] = i;
    }
    if (status == ISK_OK && n > NEAREST) {                  /* else too few rows to say */
        pick_rows(q->x, index, n, data);
        status = isk_knn(q->context, &(isk_knn_desc){ .queries = { data, n, q->x.cols }, .k = NEAREST, .indices = nearest });
        if (status == ISK_OK) { status = isk_knn_matches(q->context, nearest, n, NEAREST, labels, NULL, n, labels + n, value); }
    }
    free(index);
    free(data);
    free(labels);
    free(nearest);
    return status;
}

/* ---- of one matrix about another ---- */

/* Where validation rows choose (stop_on_validation), they choose the penalty too; where they cannot, it is the usual one. */
static isk_status ridge(isk_context *context, const isk_regression_desc *desc, double *r2) {
    static const double penalties[] = { 1e-4, 1e-3, 1e-2, 1e-1, 1 };
    isk_regression_desc best = *desc;
    double most = -INFINITY;
    for (size_t i = 0; i < sizeof penalties / sizeof *penalties && desc->stop_on_validation; i++) {
        isk_regression_desc tried = { .x = desc->x, .y = desc->y, .part = desc->part, .scored = ISK_VALIDATION, .alpha = penalties[i] };
        double value = NAN;
        isk_status status = isk_ridge_r2(context, &tried, &value);
        if (status != ISK_OK && status != ISK_DATA) { return status; }
        if (status != ISK_OK || !(value > most)) { continue; }
        most = value;
        best.alpha = penalties[i];
    }
    return isk_ridge_r2(context, &best, r2);
}

/* ---- of the model's own reconstruction ---- */

/* The columns of a row of the target that count. */
static int64_t columns_there(const evaluation_input *in, int view, int64_t row) {
    const isk_matrix m = in->target[view];
    if (isnan(in->reconstruction[view].data[row * m.cols]) || isnan(m.data[row * m.cols])) { return 0; }
    return in->steps[view] && in->lengths[view] ? in->lengths[view][row] * (m.cols / in->steps[view]) : m.cols;
}

/* 1 - sum (x - reconstruction)^2 / sum (x - training mean)^2 over the scored rows. */
static double decoder_r2(const evaluation_input *in, int view, isk_part scored) {
    const isk_matrix x = in->target[view], reconstruction = in->reconstruction[view];
    double *mean = x.data && reconstruction.data ? calloc(2 * (size_t)x.cols, sizeof *mean) : NULL, *trained, error = 0, total = 0;
    if (!mean) { return NAN; }
    trained = mean + x.cols;
    for (int64_t i = 0; i < x.rows; i++) {
        const int64_t there = in->part[i] == ISK_TRAIN ? columns_there(in, view, i) : 0;
        for (int64_t j = 0; j < there; j++) {
            mean[j] += (double)x.data[i * x.cols + j];
            trained[j]++;
        }
    }
    for (int64_t i = 0; i < x.rows; i++) {
        const int64_t there = in->part[i] == scored ? columns_there(in, view, i) : 0;
        for (int64_t j = 0; j < there; j++) {
            double value = (double)x.data[i * x.cols + j], miss = value - (double)reconstruction.data[i * x.cols + j];
            double centred = value - mean[j] / (trained[j] > 0 ? trained[j] : 1);
            error += miss * miss;
            total += centred * centred;
        }
    }
    free(mean);
    return total > 0 ? 1 - error / total : NAN;
}

/* ---- the table ---- */

const metric metrics[] = {
    [METRIC_ACCURACY] = { "accuracy", "accuracy", "accuracy", 1, .of_labels = accuracy, .compared = "probe", .studied = "" },
    [METRIC_BALANCED] = { "balanced_accuracy", "balanced accuracy", "balanced accuracy", 1, .of_labels = balanced_accuracy, .compared = "",
                          .studied = "_balanced" },
    [METRIC_NEIGHBOURS] = { "knn_agreement", "10-NN agreement", "10-NN agreement", 1, .of_labels = neighbours, .k = NEAREST,
                            .fit_alone = 1 },
    [METRIC_RIDGE] = { "ridge", "ridge", "linear", 1, .of_matrix = ridge },
    [METRIC_KNN] = { "knn", "10-NN", "10 neighbours", 1, .of_matrix = isk_knn_r2, .slow = 1 },
    [METRIC_MLP] = { "mlp", "MLP", "MLP", 1, .of_matrix = isk_mlp_r2, .slow = 2 },
    [METRIC_DECODER] = { "decoder", "decoder", "own decoder", 1, .of_view = decoder_r2 },
};
const int metric_count = sizeof metrics / sizeof *metrics;
typedef char every_metric_has_its_place[sizeof metrics / sizeof *metrics <= MOST_METRICS ? 1 : -1];

int metric_of_labels(int which) {
    do { which++; } while (which < metric_count && !metrics[which].of_labels);
    return which;
}

int metric_of_matrix(int which) {
    do { which++; } while (which < metric_count && !metrics[which].of_matrix);
    return which;
}

int metric_of_view(int which) {
    do { which++; } while (which < metric_count && !metrics[which].of_view);
    return which;
}

/* ---- asking ---- */

void metrics_unknown(double values[MOST_METRICS]) {
    for (int i = 0; i < MOST_METRICS; i++) { values[i] = NAN; }
}

isk_status metrics_ask_labels(const label_question *q, int fit_alone, double *values) {
    isk_status status = ISK_OK;
    for (int64_t i = 0; i < q->x.rows; i++) { q->truth[i] = q->part[i] == q->scored ? q->labels[i] : -1; }
    for (int i = metric_of_labels(-1); i < metric_count && status == ISK_OK; i = metric_of_labels(i)) {
        values[i] = NAN;
        if (fit_alone || !metrics[i].fit_alone) { status = metrics[i].of_labels(q, &values[i]); }
    }
    return status;
}

isk_status metrics_ask_matrix(isk_context *context, const isk_regression_desc *desc, int without_slow, double *values) {
    for (int i = metric_of_matrix(-1); i < metric_count; i = metric_of_matrix(i)) {
        isk_status status = ISK_OK;
        values[i] = NAN;
        if (metrics[i].slow <= 2 - without_slow) { status = metrics[i].of_matrix(context, desc, &values[i]); }
        if (status == ISK_OK) { continue; }
        values[i] = NAN;                                    /* a constant target cannot be explained */
        if (status != ISK_DATA && status != ISK_DIVERGED) { return status; }
    }
    return ISK_OK;
}

double metrics_best(const double *values) {
    double best = NAN;
    for (int i = metric_of_matrix(-1); i < metric_count; i = metric_of_matrix(i)) { best = fmax(best, values[i]); }     /* NaN loses */
    return best;
}
