#include "evaluation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

int score_next(const evaluation *e, int which) {
    for (which++; which < SCORE_COUNT; which++) {
        if (which >= SCORE_SPECIFIC + e->views && which < SCORE_RAW) { continue; }
        if (which == SCORE_FUSED && !e->fused) { continue; }
        return which;
    }
    return SCORE_COUNT;
}

const char *score_name(int which, score_text *buffer) {
    static const char *const names[SCORE_COUNT] = { [SCORE_SHARED] = "shared", [SCORE_ALL] = "all", [SCORE_RAW] = "raw",
                                                    [SCORE_FUSED] = "fused" };
    if (names[which]) { return names[which]; }
    snprintf(buffer->text, sizeof buffer->text, "specific_%d", which - SCORE_SPECIFIC + 1);
    return buffer->text;
}

/* "C1, C2" or "C1, Z1, C2, Z2", without view `left_out`. */
static const char *list(int views, const char *letters, int left_out, score_text *buffer) {
    size_t used = 0;
    buffer->text[0] = 0;
    for (int i = 0; i < views; i++) {
        for (const char *letter = letters; *letter && i != left_out && used < sizeof buffer->text; letter++) {
            used += (size_t)snprintf(buffer->text + used, sizeof buffer->text - used, "%s%c%d", used ? ", " : "", *letter, i + 1);
        }
    }
    return buffer->text;
}

const char *other_shared(int views, int view, score_text *buffer) { return list(views, "C", view, buffer); }

const char *score_words(const evaluation *e, int which, score_text *buffer) {
    if (which == SCORE_SHARED) { return list(e->views, "C", -1, buffer); }
    if (which == SCORE_ALL) { return list(e->views, "CZ", -1, buffer); }
    if (which == SCORE_FUSED) { return "fused"; }
    if (which == SCORE_RAW) {
        list(e->views, "X", -1, buffer);
        strncat(buffer->text, " (as prepared)", sizeof buffer->text - strlen(buffer->text) - 1);
        return buffer->text;
    }
    snprintf(buffer->text, sizeof buffer->text, "Z%d", which - SCORE_SPECIFIC + 1);
    return buffer->text;
}

/* ---- rows ---- */

static void count_rows(const evaluation_input *in, int64_t rows, evaluation *e) {
    for (int64_t i = 0; i < rows; i++) { e->rows[in->part[i]]++; }
    e->scored = e->rows[ISK_TEST] ? ISK_TEST : e->rows[ISK_VALIDATION] ? ISK_VALIDATION : ISK_TRAIN;
}

/* ---- labels ---- */

/* Share of the k nearest scored rows with the same label. */
static isk_status neighbours(isk_context *context, isk_matrix x, const int32_t *of_rows, const uint8_t *part, const evaluation *e,
                             double *mean) {
    int64_t *index = malloc(sizeof *index * (size_t)x.rows), n = 0;
    isk_scalar *data = NULL;
    int32_t *labels = malloc(sizeof *labels * 2 * (size_t)x.rows), *nearest = NULL;      /* then the matches */
    isk_status status = ISK_MEMORY;
    for (int64_t i = 0; index && labels && i < x.rows; i++) {
        if (part[i] == e->scored && of_rows[i] >= 0) {
            labels[n] = of_rows[i];
            index[n++] = i;
        }
    }
    if (index && labels && n <= e->neighbours) {
        status = ISK_OK;                                    /* too few rows to say */
    } else if (index && labels) {
        data = malloc(sizeof *data * (size_t)n * (size_t)x.cols);
        nearest = malloc(sizeof *nearest * (size_t)n * (size_t)e->neighbours);
        if (data && nearest) {
            pick_rows(x, index, n, data);
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

static isk_status probe_label(isk_context *context, isk_matrix x, const int32_t *labels, const uint8_t *part, evaluation *e, int which) {
    isk_probe_report report;
    /* Standardised, because the scale of Z is free and that of C is not. */
    isk_probe_desc probe = { .x = x, .labels = labels, .part = part, .scored = e->scored, .standardise = 1 };
    isk_status status = isk_probe(context, &probe, &report);
    if (status == ISK_DATA) { return ISK_OK; }              /* one class only: NaN stays */
    if (status != ISK_OK) { return status; }
    e->label[which].accuracy = report.accuracy;
    e->label[which].balanced_accuracy = report.balanced_accuracy;
    return neighbours(context, x, labels, part, e, &e->label[which].neighbours);
}

/* Accuracy, on the scored rows, of the training rows' most frequent label; labelled: how many rows that is of. */
static double majority(const int32_t *labels, const uint8_t *part, int64_t rows, isk_part scored, int64_t *labelled) {
    int64_t hits = 0, *count;
    int32_t classes = 0, most = 0;
    *labelled = 0;
    for (int64_t i = 0; i < rows; i++) { classes = labels[i] >= classes ? labels[i] + 1 : classes; }
    count = calloc((size_t)classes + 1, sizeof *count);
    if (!count) { return NAN; }
    for (int64_t i = 0; i < rows; i++) {
        if (part[i] == ISK_TRAIN && labels[i] >= 0) { count[labels[i]]++; }
    }
    for (int32_t k = 1; k < classes; k++) { most = count[k] > count[most] ? k : most; }
    for (int64_t i = 0; i < rows; i++) {
        if (part[i] != scored || labels[i] < 0) { continue; }
        ++*labelled;
        hits += labels[i] == most;
    }
    free(count);
    return *labelled ? (double)hits / (double)*labelled : NAN;
}

static isk_status score_label(isk_context *context, const isk_matrix *parts, const evaluation_input *in, evaluation *e, int which) {
    whole_rows rows;
    isk_matrix x;
    int32_t *labels;
    isk_status status = whole_rows_find(context, parts, 2 * ISK_MAX_VIEWS, in->part, &rows);
    if (status != ISK_OK) { return status; }
    x = join_whole_rows(context, parts, 2 * ISK_MAX_VIEWS, &rows);
    labels = whole_rows_labels(&rows, in->labels);
    if (!labels || (x.cols && !x.data)) { status = ISK_MEMORY; }
    if (status == ISK_OK && x.data) {
        e->label[which].majority = majority(labels, rows.part, rows.count, e->scored, &e->label[which].rows);
        status = probe_label(context, x, labels, rows.part, e, which);
    }
    matrix_free(x);
    free(labels);
    whole_rows_free(&rows);
    return status;
}

static isk_status score_labels(isk_context *context, const evaluation_input *in, int64_t rows, evaluation *e) {
    isk_status status = ISK_OK;
    e->majority = majority(in->labels, in->part, rows, e->scored, &e->labelled);
    for (int i = score_next(e, -1); i < SCORE_COUNT && status == ISK_OK; i = score_next(e, i)) {
        isk_matrix parts[2 * ISK_MAX_VIEWS] = { { NULL, 0, 0 } };
        if (in->put_to_labels && !(in->put_to_labels >> i & 1)) { continue; }
        for (int view = 0; view < in->views; view++) {
            if (i == SCORE_SHARED || i == SCORE_ALL) { parts[2 * view] = in->c[view]; }
            if (i == SCORE_ALL || i == SCORE_SPECIFIC + view) { parts[2 * view + 1] = in->z[view]; }
            if (i == SCORE_RAW) { parts[view] = in->x[view]; }
        }
        if (i == SCORE_FUSED) { parts[0] = in->fused; }
        status = score_label(context, parts, in, e, i);
    }
    return status;
}

/* ---- what one matrix says about another ---- */

double r2_best(const r2_scores *r2) { return fmax(fmax(r2->ridge, r2->knn), r2->mlp); }     /* NaN loses */

static isk_status regress_on(isk_context *context, const isk_regression_desc *desc, int without_mlp, r2_scores *r2) {
    isk_status status = isk_ridge_r2(context, desc, &r2->ridge);
    if (status == ISK_OK) { status = isk_knn_r2(context, desc, &r2->knn); }
    if (status == ISK_OK && !without_mlp) { status = isk_mlp_r2(context, desc, &r2->mlp); }
    return status == ISK_DATA || status == ISK_DIVERGED ? ISK_OK : status;  /* a constant target cannot be explained: NaN stays */
}

/* parts: `count` matrices to tell from, then `count` to be told, each kind side by side. */
static isk_status regress(isk_context *context, const isk_matrix *parts, int count, const evaluation_input *in, const evaluation *e,
                          r2_scores *r2) {
    whole_rows rows;
    isk_matrix x, y;
    isk_status status = whole_rows_find(context, parts, 2 * count, in->part, &rows);
    if (status != ISK_OK) { return status; }
    x = join_whole_rows(context, parts, count, &rows);
    y = join_whole_rows(context, parts + count, count, &rows);
    if ((x.cols && !x.data) || (y.cols && !y.data)) { status = ISK_MEMORY; }
    if (status == ISK_OK && x.data && y.data) {
        status = regress_on(context, &(isk_regression_desc){ .x = x, .y = y, .part = rows.part, .scored = e->scored }, in->without_mlp, r2);
    }
    matrix_free(x);
    matrix_free(y);
    whole_rows_free(&rows);
    return status;
}

/* The columns of a row of the target that count. */
static int64_t columns_there(const evaluation_input *in, int view, int64_t row) {
    const isk_matrix m = in->target[view];
    if (isnan(in->reconstruction[view].data[row * m.cols]) || isnan(m.data[row * m.cols])) { return 0; }
    return in->steps[view] && in->lengths[view] ? in->lengths[view][row] * (m.cols / in->steps[view]) : m.cols;
}

/* 1 - sum (x - reconstruction)^2 / sum (x - training mean)^2 over the scored rows. */
static double decoder_r2(const evaluation_input *in, int view, isk_part scored) {
    const isk_matrix x = in->target[view], reconstruction = in->reconstruction[view];
    double *mean = calloc(2 * (size_t)x.cols, sizeof *mean), *trained = mean + x.cols, error = 0, total = 0;
    if (!mean) { return NAN; }
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

static isk_status score_view(isk_context *context, const evaluation_input *in, int view, evaluation *e) {
    enum { HALF = ISK_MAX_VIEWS };
    isk_matrix leakage[2 * HALF] = { in->z[view] }, completeness[2 * HALF] = { in->z[view], in->c[view], in->fused };
    isk_status status;
    for (int i = 0; i < in->views; i++) {
        if (i != view) { leakage[HALF + i] = in->c[i]; }
    }
    completeness[HALF] = in->x[view];
    status = regress(context, leakage, HALF, in, e, &e->leakage[view]);
    if (status == ISK_OK) { status = regress(context, completeness, HALF, in, e, &e->completeness[view].r2); }
    e->completeness[view].best = r2_best(&e->completeness[view].r2);
    if (in->reconstruction[view].data && in->target[view].data) { e->completeness[view].decoder = decoder_r2(in, view, e->scored); }
    return status;
}

isk_status evaluate(isk_context *context, const evaluation_input *in, evaluation *e) {
    int64_t rows = in->fused.rows;
    isk_status status = ISK_OK;
    *e = (evaluation){ .views = in->views, .fused = in->fused.data != NULL, .neighbours = 10, .majority = NAN };
    for (int i = 0; i < SCORE_COUNT; i++) { e->label[i] = (label_score){ NAN, NAN, NAN, 0, NAN }; }
    for (int i = 0; i < ISK_MAX_VIEWS; i++) {
        e->leakage[i] = (r2_scores){ NAN, NAN, NAN };
        e->completeness[i].r2 = (r2_scores){ NAN, NAN, NAN };
        e->completeness[i].best = e->completeness[i].decoder = NAN;
        e->steps[i].mean = in->sequence[i];
        e->steps[i].decoder = in->steps[i] > 1;
    }
    for (int i = 0; i < in->views && !rows; i++) {
        rows = in->c[i].data ? in->c[i].rows : in->z[i].data ? in->z[i].rows : in->x[i].rows;
    }
    count_rows(in, rows, e);
    if (e->scored == ISK_TRAIN) { return ISK_OK; }          /* no row is held out: nothing can be said */
    if (in->labels) { status = score_labels(context, in, rows, e); }
    for (int view = 0; view < in->views && status == ISK_OK; view++) { status = score_view(context, in, view, e); }
    return status;
}

/* ---- output ---- */

static void open_object(text *out, const char *indent, const char *key) {
    text_add(out, indent);
    text_json_key(out, key);
    text_add(out, "{");
}

static void training_json(const isk_report *r, int views, text *out) {
    double most = NAN;              /* epochs of the view that took most */
    open_object(out, "\n  ", "training");
    text_json_key(out, "status");
    text_json_string(out, r->status == ISK_OK ? "ok" : "diverged");
    text_json_member(out, "seconds", r->seconds);
    for (int i = 0; i < r->number_count; i++) {
        if (strcmp(r->numbers[i].name, "epochs") == 0 && !(r->numbers[i].value < most)) { most = r->numbers[i].value; }
    }
    text_json_member(out, "epochs", most);
    for (int view = ISK_NONE; view < views; view++) {
        char key[16] = "1";
        if (view >= 0) {
            key[0] = (char)('1' + view);
            open_object(out, "\n    ", key);
        }
        for (int i = 0; i < r->number_count; i++) {
            if (r->numbers[i].view == view && (view >= 0 || strcmp(r->numbers[i].name, "epochs") != 0)) {
                text_json_member(out, r->numbers[i].name, r->numbers[i].value);
            }
        }
        if (view >= 0) { text_add(out, "}"); }
    }
    text_add(out, "}");
}

void evaluation_json(const evaluation *e, const isk_report *training, text *out) {
    static const char *const parts[] = { "train", "validation", "test" };
    static const char *const scored[] = { "none", "validation", "test" };
    static const char *const view[ISK_MAX_VIEWS] = { "1", "2", "3", "4" };
    score_text name;
    open_object(out, "\n  ", "rows");
    for (int i = 0; i < 3; i++) { text_json_member(out, parts[i], (double)e->rows[i]); }
    text_add(out, "}");
    text_json_key(out, "scored_on");
    text_json_string(out, scored[e->scored]);
    text_json_member(out, "majority", e->majority);
    open_object(out, "\n  ", "probe");
    for (int i = score_next(e, -1); i < SCORE_COUNT; i = score_next(e, i)) {
        open_object(out, "\n    ", score_name(i, &name));
        text_json_member(out, "accuracy", e->label[i].accuracy);
        text_json_member(out, "balanced_accuracy", e->label[i].balanced_accuracy);
        text_json_member(out, "rows", (double)e->label[i].rows);
        text_json_member(out, "majority", e->label[i].majority);
        text_add(out, "}");
    }
    text_add(out, "}");
    open_object(out, "\n  ", "knn_agreement");
    text_json_member(out, "k", e->neighbours);
    for (int i = score_next(e, -1); i < SCORE_COUNT; i = score_next(e, i)) {
        text_json_member(out, score_name(i, &name), e->label[i].neighbours);
    }
    text_add(out, "}");
    open_object(out, "\n  ", "leakage");
    for (int i = 0; i < e->views; i++) {
        open_object(out, "\n    ", view[i]);
        text_json_member(out, "ridge", e->leakage[i].ridge);
        text_json_member(out, "knn", e->leakage[i].knn);
        text_json_member(out, "mlp", e->leakage[i].mlp);
        text_add(out, "}");
    }
    text_add(out, "}");
    open_object(out, "\n  ", "completeness");
    for (int i = 0; i < e->views; i++) {
        open_object(out, "\n    ", view[i]);
        text_json_member(out, "ridge", e->completeness[i].r2.ridge);
        text_json_member(out, "knn", e->completeness[i].r2.knn);
        text_json_member(out, "mlp", e->completeness[i].r2.mlp);
        text_json_member(out, "best", e->completeness[i].best);
        text_json_member(out, "decoder", e->completeness[i].decoder);
        text_add(out, "}");
    }
    text_add(out, "}");
    if (training) { training_json(training, e->views, out); }
}

const char *leakage_words(const evaluation *e, int view, char buffer[80]) {
    score_text others;
    snprintf(buffer, 80, "Z%d about %s", view + 1, other_shared(e->views, view, &others));
    return buffer;
}

const char *told_words(const evaluation *e, int view, char buffer[48]) {
    snprintf(buffer, 48, e->steps[view].mean ? "the mean of X%d over its steps" : "X%d", view + 1);
    return buffer;
}

const char *completeness_words(const evaluation *e, int view, char buffer[96]) {
    char told[48];
    told_words(e, view, told);
    if (e->fused) {
        snprintf(buffer, 96, "fused about %s", told);
    } else {
        snprintf(buffer, 96, "(Z%d, C%d) about %s", view + 1, view + 1, told);
    }
    return buffer;
}

int labels_of_different_rows(const evaluation *e) {
    int found = 0;
    for (int i = score_next(e, -1); i < SCORE_COUNT; i = score_next(e, i)) {
        found |= !isnan(e->label[i].accuracy) && e->label[i].rows != e->labelled;
    }
    return found;
}

int decoder_of_steps(const evaluation *e) {
    int found = 0;
    for (int i = 0; i < e->views; i++) { found |= e->steps[i].decoder && isfinite(e->completeness[i].decoder); }
    return found;
}

static void cells(text *out, const r2_scores *r2) {
    text_cell(out, r2->ridge, 10);
    text_cell(out, r2->knn, 10);
    text_cell(out, r2->mlp, 10);
}

static void labels_text(const evaluation *e, text *out) {
    const int columns = e->views > 2 ? 8 * e->views : 20, rows = labels_of_different_rows(e);       /* "C1, Z1, C2, Z2, C3, Z3" */
    score_text words;
    text_format(out, "%-*s%12s%20s%16s", columns, "features", "accuracy", "balanced accuracy", "10-NN agreement");
    text_add(out, rows ? "    rows  majority label of them\n" : "\n");
    for (int i = score_next(e, -1); i < SCORE_COUNT; i = score_next(e, i)) {
        if (isnan(e->label[i].accuracy)) { continue; }
        text_format(out, "%-*s", columns, score_words(e, i, &words));
        text_cell(out, e->label[i].accuracy, 12);
        text_cell(out, e->label[i].balanced_accuracy, 20);
        text_cell(out, e->label[i].neighbours, 16);
        if (rows) {
            text_format(out, "%8lld", (long long)e->label[i].rows);
            text_cell(out, e->label[i].majority, 24);
        }
        text_add(out, "\n");
    }
    text_format(out, "%-*s", columns, "majority label");
    text_cell(out, e->majority, 12);
    if (rows) { text_format(out, "%44lld", (long long)e->labelled); }
    text_add(out, "\n");
    if (rows) { text_add(out, "(rows differ because some lack a view; those that have all that is named are scored)\n"); }
    text_add(out, "\n");
}

void evaluation_text(const evaluation *e, int has_labels, text *out) {
    static const char *const parts[] = { "no", "validation", "test" };
    char line[96];
    int wide = 40;                  /* of the names of what is scored */
    if (e->scored == ISK_TRAIN) {
        text_add(out, "no rows are held out, so nothing was scored\n");
        return;
    }
    if (has_labels) { labels_text(e, out); }
    for (int i = 0; i < e->views; i++) {
        const int length = 16 + (int)strlen(completeness_words(e, i, line));
        if (length > wide && !isnan(e->completeness[i].best)) { wide = length; }
    }
    text_format(out, "%-*s%10s%10s%10s%10s\n", wide, "R^2", "ridge", "10-NN", "MLP", "decoder");
    for (int i = 0; i < e->views; i++) {
        if (isnan(e->leakage[i].ridge)) { continue; }
        text_format(out, "leakage of %-*s", wide - 11, leakage_words(e, i, line));
        cells(out, &e->leakage[i]);
        text_add(out, "\n");
    }
    for (int i = 0; i < e->views; i++) {
        if (isnan(e->completeness[i].best)) { continue; }
        text_format(out, "completeness of %-*s", wide - 16, completeness_words(e, i, line));
        cells(out, &e->completeness[i].r2);
        text_cell(out, e->completeness[i].decoder, 10);
        text_add(out, "\n");
    }
    if (decoder_of_steps(e)) { text_add(out, "(decoder of a sequence: R^2 of all steps, not of their mean)\n"); }
    if (e->fused) { text_add(out, "(one representation of all views: no C, no Z, and so no leakage)\n"); }
    text_format(out, "(fitted on %lld training rows, scored on %lld %s rows)\n", (long long)e->rows[ISK_TRAIN],
                (long long)e->rows[e->scored], parts[e->scored]);
}
