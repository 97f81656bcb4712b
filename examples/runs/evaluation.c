#include "evaluation.h"

#include "../base/lines.h"
#include "../base/random.h"

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
    static const char *const keys[SCORE_COUNT] = { [SCORE_SHARED] = "shared", [SCORE_ALL] = "all", [SCORE_RAW] = "raw",
                                                   [SCORE_FUSED] = "fused" };
    if (keys[which]) { return keys[which]; }
    snprintf(buffer->text, sizeof buffer->text, "specific_%d", which - SCORE_SPECIFIC + 1);
    return buffer->text;
}

/* "C1, C2" of the bits `first`; with another letter, whose bits are `second`, "C1, Z1, C2, Z2". */
static const char *list(const char *letters, unsigned first, unsigned second, score_text *buffer) {
    size_t used = 0;
    buffer->text[0] = 0;
    for (int i = 0; i < 2 * ISK_MAX_VIEWS && used < sizeof buffer->text; i++) {
        if (!((i % 2 ? second : first) >> (i / 2) & 1)) { continue; }
        used += (size_t)snprintf(buffer->text + used, sizeof buffer->text - used, "%s%c%d", used ? ", " : "", letters[i % 2], i / 2 + 1);
    }
    return buffer->text;
}

const char *other_shared(unsigned c, int view, score_text *buffer) { return list("C", c & ~(1u << view), 0, buffer); }

const char *whole_words(const evaluation *e, int view, score_text *buffer) {
    const unsigned bit = 1u << view;
    score_text features;
    if (e->fused) { return "fused"; }
    list("ZC", e->z & bit, e->c & bit, &features);
    snprintf(buffer->text, sizeof buffer->text, e->z & e->c & bit ? "(%s)" : "%s", features.text);
    return buffer->text;
}

const char *score_words(const evaluation *e, int which, score_text *buffer) {
    if (which == SCORE_SHARED) { return list("C", e->c, 0, buffer); }
    if (which == SCORE_ALL) { return list("CZ", e->c, e->z, buffer); }
    if (which == SCORE_FUSED) { return "fused"; }
    if (which == SCORE_RAW) {
        list("X", e->x, 0, buffer);
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

/* Standardized, because the scale of Z is free and that of C is not. */
static isk_status ask_labels(isk_context *context, isk_matrix x, const int32_t *labels, const uint8_t *part, const evaluation *e,
                             double *values) {
    label_question q;
    isk_status status = label_question_open(&q, context, &(isk_probe_desc){ .x = x, .labels = labels, .part = part, .standardize = 1 });
    const int one_class = status == ISK_DATA;
    q.scored = e->scored;
    if (status == ISK_OK) { status = metrics_ask_labels(&q, 1, values); }
    label_question_free(&q);
    return one_class ? ISK_OK : status;                     /* NaN stays */
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
        status = ask_labels(context, x, labels, rows.part, e, e->label[which].value);
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

/* Leaves the rows of that part. */
static void keep_part(whole_rows *rows, isk_part part) {
    int64_t kept = 0;
    for (int64_t i = 0; i < rows->count; i++) {
        if (rows->part[i] == part) { rows->index[kept++] = rows->index[i]; }
    }
    rows->count = kept;
}

static isk_status divide_rows(isk_context *context, const int32_t *labels, whole_rows *rows) {
    int32_t *own = NULL;
    isk_status status = ISK_OK;
    if (labels && !(own = whole_rows_labels(rows, labels))) { status = no_memory(context, "labels"); }
    if (status == ISK_OK && rows->count) {
        status = isk_split(context, &(isk_split_desc){ .rows = rows->count, .labels = own, .validation = 0.15, .test = 0.25,
                                                       .part = rows->part });
    }
    free(own);
    return status;
}

unseen_way unseen_way_of(int64_t rows) { return rows >= LEAST_UNSEEN ? UNSEEN_DIVIDED : UNSEEN_TURNS; }

isk_status rows_unseen(isk_context *context, const int32_t *labels, whole_rows *rows) {
    keep_part(rows, ISK_TEST);
    return divide_rows(context, labels, rows);
}

/* ---- in turns ---- */

enum { TURNS = 5 };

/* turn [rows->count]: a fifth each, every label alike; the same every time. */
static isk_status deal_turns(isk_context *context, const int32_t *labels, const whole_rows *rows, uint8_t *turn) {
    random_stream random = random_open(0, 0);
    int64_t *order = malloc(sizeof *order * ((size_t)rows->count + 1)), dealt = 0;
    int32_t last = -1;
    if (!order) { return no_memory(context, "the regressions"); }
    for (int64_t i = 0; i < rows->count; i++) {
        order[i] = i;
        if (labels && labels[rows->index[i]] > last) { last = labels[rows->index[i]]; }
    }
    random_shuffle(&random, order, rows->count);
    for (int32_t label = -1; label <= last; label++) {
        for (int64_t i = 0; i < rows->count; i++) {
            const int32_t own = labels && labels[rows->index[order[i]]] >= 0 ? labels[rows->index[order[i]]] : -1;
            if (own == label) { turn[order[i]] = (uint8_t)(dealt++ % TURNS); }
        }
    }
    free(order);
    return ISK_OK;
}

/* Sum over the scored rows of (y - training mean)^2, by which the R^2 of the turns weigh. */
static double total_of_scored(isk_matrix y, const uint8_t *part) {
    double total = 0;
    for (int64_t j = 0; j < y.cols; j++) {
        double mean = 0, n = 0;
        for (int64_t i = 0; i < y.rows; i++) {
            if (part[i] == ISK_TRAIN) { mean += ((double)y.data[i * y.cols + j] - mean) / ++n; }
        }
        for (int64_t i = 0; i < y.rows; i++) {
            const double off = part[i] == ISK_TEST ? (double)y.data[i * y.cols + j] - mean : 0;
            total += off * off;
        }
    }
    return total;
}

/* 1 - sum of the errors of all turns / sum of their totals; desc->part is written. */
static isk_status ask_in_turns(isk_context *context, const isk_regression_desc *desc, uint8_t *part, const uint8_t *turn, int without_slow,
                               double *values) {
    double all = 0, lost[MOST_METRICS] = { 0 };
    isk_status status = ISK_OK;
    for (int now = 0; now < TURNS && status == ISK_OK; now++) {
        double of_turn[MOST_METRICS], total;
        for (int64_t i = 0; i < desc->x.rows; i++) {
            part[i] = turn[i] == now ? ISK_TEST : turn[i] == (now + 1) % TURNS ? ISK_VALIDATION : ISK_TRAIN;
        }
        total = total_of_scored(desc->y, part);
        if (!(total > 0)) { continue; }
        all += total;
        metrics_unknown(of_turn);
        status = metrics_ask_matrix(context, desc, without_slow, of_turn);
        for (int m = 0; m < metric_count; m++) { lost[m] += total * (1 - of_turn[m]); }
    }
    for (int m = metric_of_matrix(-1); m < metric_count; m = metric_of_matrix(m)) { values[m] = all > 0 ? 1 - lost[m] / all : NAN; }
    return status;
}

/* ---- a question ---- */

static isk_status ask_joined(isk_context *context, const isk_regression_desc *desc, const evaluation_input *in, const whole_rows *rows,
                             double *values) {
    uint8_t *turn;
    isk_status status;
    if (in->unseen != UNSEEN_TURNS) { return metrics_ask_matrix(context, desc, in->without_slow, values); }
    turn = malloc((size_t)rows->count + 1);
    status = turn ? deal_turns(context, in->labels, rows, turn) : no_memory(context, "the regressions");
    if (status == ISK_OK) { status = ask_in_turns(context, desc, rows->part, turn, in->without_slow, values); }
    free(turn);
    return status;
}

/* parts: ISK_MAX_VIEWS matrices to tell from, then as many to be told, each kind side by side. */
static isk_status ask_matrix(isk_context *context, const isk_matrix *parts, const evaluation_input *in, isk_part scored, uint64_t seed,
                             double *values) {
    enum { HALF = ISK_MAX_VIEWS };
    whole_rows rows;
    isk_matrix x, y;
    isk_status status = whole_rows_find(context, parts, 2 * HALF, in->part, &rows);
    if (status != ISK_OK) { return status; }
    if (in->unseen) { keep_part(&rows, scored); }
    if (in->unseen == UNSEEN_DIVIDED) { status = divide_rows(context, in->labels, &rows); }
    x = join_whole_rows(context, parts, HALF, &rows);
    y = join_whole_rows(context, parts + HALF, HALF, &rows);
    if (status == ISK_OK && ((x.cols && !x.data) || (y.cols && !y.data))) { status = no_memory(context, "features"); }
    if (status == ISK_OK && x.data && y.data) {
        status = ask_joined(context, &(isk_regression_desc){ .x = x, .y = y, .part = rows.part, .scored = in->unseen ? ISK_TEST : scored,
                                                             .seed = seed, .stop_on_validation = in->unseen != UNSEEN_NOT },
                            in, &rows, values);
    }
    matrix_free(x);
    matrix_free(y);
    whole_rows_free(&rows);
    return status;
}

isk_status ask_unseen(isk_context *context, const unseen_question *q, double values[MOST_METRICS]) {
    const isk_matrix parts[2 * ISK_MAX_VIEWS] = { [0] = q->x, [ISK_MAX_VIEWS] = q->y };
    const evaluation_input in = { .part = q->part, .labels = q->labels, .unseen = q->way ? q->way : UNSEEN_DIVIDED,
                                  .without_slow = q->without_slow };
    metrics_unknown(values);
    return q->x.data && q->y.data ? ask_matrix(context, parts, &in, q->scored ? q->scored : ISK_TEST, q->seed, values) : ISK_OK;
}

isk_status evaluate_view(isk_context *context, const evaluation_input *in, int view, isk_part scored, uint64_t seed,
                         double leakage[MOST_METRICS], double completeness[MOST_METRICS]) {
    enum { HALF = ISK_MAX_VIEWS };
    isk_matrix leaks[2 * HALF] = { in->z[view] }, whole[2 * HALF] = { in->z[view], in->c[view], in->fused };
    isk_status status;
    metrics_unknown(leakage);
    metrics_unknown(completeness);
    for (int i = 0; i < in->views; i++) {
        if (i != view) { leaks[HALF + i] = in->c[i]; }
    }
    whole[HALF] = in->x[view];
    status = ask_matrix(context, leaks, in, scored, seed, leakage);
    if (status == ISK_OK) { status = ask_matrix(context, whole, in, scored, seed, completeness); }
    for (int i = metric_of_view(-1); i < metric_count && status == ISK_OK; i = metric_of_view(i)) {
        completeness[i] = metrics[i].of_view(in, view, scored);
    }
    return status;
}

/* ---- is there anything in C and Z? ---- */

/* Total variance of a matrix over the rows of a part; NaN without it. */
static double total_variance(isk_matrix m, const uint8_t *part, isk_part scored) {
    double total = 0;
    if (!m.data) { return NAN; }
    for (int64_t j = 0; j < m.cols; j++) {
        double mean = 0, squares = 0, n = 0;
        for (int64_t i = 0; i < m.rows; i++) {
            const double value = (double)m.data[i * m.cols + j], before = mean;
            if (part[i] != scored || isnan(value)) { continue; }
            mean += (value - before) / ++n;
            squares += (value - before) * (value - mean);
        }
        total += n > 0 ? squares / n : 0;
    }
    return total;
}

/* What as many principal components as there are features hold of X_i, and whether there is more in it than noise: the largest
   variance of n rows of p independent columns is about (1 + sqrt(p / n))^2 times the mean one (Marchenko and Pastur 1967). */
static isk_status find_components(isk_context *context, const evaluation_input *in, int view, isk_part scored, emptiness *to) {
    const isk_matrix feature[] = { in->c[view], in->z[view], in->fused };
    whole_rows rows;
    isk_matrix x;
    int k;
    isk_status status = whole_rows_find(context, &in->x[view], 1, in->part, &rows);
    if (status != ISK_OK) { return status; }
    keep_part(&rows, scored);
    for (int i = 0; i < 3; i++) { to->dims += feature[i].data ? (int)feature[i].cols : 0; }
    to->cols = (int)in->x[view].cols;
    k = to->dims < to->cols ? to->dims : to->cols;
    x = join_whole_rows(context, &in->x[view], 1, &rows);
    if (x.data && k > 0 && rows.count > k) {
        isk_scalar *mean = malloc(sizeof *mean * (size_t)x.cols), *components = malloc(sizeof *mean * (size_t)x.cols * (size_t)k);
        double *variances = malloc(sizeof *variances * (size_t)k), total = 0, held = 0;
        status = mean && components && variances ? ISK_OK : no_memory(context, "the components");
        if (status == ISK_OK) {
            status = isk_pca(context, &(isk_pca_desc){ .x = x, .k = k, .mean = mean, .components = components, .variances = variances,
                                                       .total_variance = &total });
        }
        for (int i = 0; i < k && status == ISK_OK; i++) { held += variances[i]; }
        if (status == ISK_OK && total > 0) {
            const double edge = 1 + sqrt((double)x.cols / (double)rows.count);
            to->linear = held / total;
            to->largest = variances[0];
            to->largest_noise = edge * edge * total / (double)x.cols;
        }
        if (status == ISK_DATA || status == ISK_DIVERGED) { status = ISK_OK; }
        free(mean);
        free(components);
        free(variances);
    }
    matrix_free(x);
    whole_rows_free(&rows);
    return status;
}

static isk_status find_emptiness(isk_context *context, const evaluation_input *in, int view, isk_part scored, emptiness *to) {
    enum { HALF = ISK_MAX_VIEWS };
    isk_matrix others[2 * HALF] = { { NULL, 0, 0 } }, own[2 * HALF] = { in->c[view], [HALF] = in->x[view] };
    isk_status status = find_components(context, in, view, scored, to);
    to->c = total_variance(in->c[view], in->part, scored);
    to->z = total_variance(in->z[view], in->part, scored);
    for (int i = 0; i < in->views; i++) {
        if (i != view) { others[i] = in->x[i]; }
    }
    others[HALF] = in->c[view];
    if (status == ISK_OK && others[HALF].data) { status = ask_matrix(context, others, in, scored, 0, to->c_told); }
    others[HALF] = in->z[view];
    if (status == ISK_OK && others[HALF].data) { status = ask_matrix(context, others, in, scored, 0, to->z_told); }
    if (status == ISK_OK && own[0].data) { status = ask_matrix(context, own, in, scored, 0, to->alone); }
    return status;
}

/* Rows of the scored part that regressions are left with. */
static isk_status count_asked(isk_context *context, const evaluation_input *in, evaluation *e) {
    isk_matrix all[3 * ISK_MAX_VIEWS + 1] = { [3 * ISK_MAX_VIEWS] = in->fused };
    whole_rows rows;
    isk_status status = ISK_OK;
    for (int view = 0; view <= in->views && status == ISK_OK; view++) {         /* each, then all together */
        const int whole = view == in->views;
        isk_matrix own[] = { in->x[whole ? 0 : view], in->c[whole ? 0 : view], in->z[whole ? 0 : view], in->fused };
        if (!whole) { memcpy(all + 3 * view, own, 3 * sizeof *own); }
        status = whole_rows_find(context, whole ? all : own, whole ? 3 * ISK_MAX_VIEWS + 1 : 4, in->part, &rows);
        if (status != ISK_OK) { return status; }
        keep_part(&rows, e->scored);
        e->asked[!whole] = rows.count > e->asked[!whole] ? rows.count : e->asked[!whole];
        whole_rows_free(&rows);
    }
    return status;
}

isk_status evaluate(isk_context *context, const evaluation_input *given, evaluation *e) {
    evaluation_input asked = *given;
    const evaluation_input *in = &asked;
    int64_t rows = in->fused.rows;
    isk_status status = ISK_OK;
    *e = (evaluation){ .views = in->views, .fused = in->fused.data != NULL, .majority = NAN };
    for (int i = 0; i < SCORE_COUNT; i++) {
        metrics_unknown(e->label[i].value);
        e->label[i].majority = NAN;
    }
    for (int i = 0; i < ISK_MAX_VIEWS; i++) {
        metrics_unknown(e->leakage[i]);
        metrics_unknown(e->completeness[i]);
        e->of[i] = (emptiness){ .c = NAN, .z = NAN, .linear = NAN, .largest = NAN, .largest_noise = NAN };
        metrics_unknown(e->of[i].c_told);
        metrics_unknown(e->of[i].z_told);
        metrics_unknown(e->of[i].alone);
        e->steps[i].mean = in->sequence[i];
        e->steps[i].decoder = in->steps[i] > 1;
        e->x |= (unsigned)(in->x[i].data != NULL) << i;
        e->c |= (unsigned)(in->c[i].data != NULL) << i;
        e->z |= (unsigned)(in->z[i].data != NULL) << i;
    }
    for (int i = 0; i < in->views && !rows; i++) {
        rows = in->c[i].data ? in->c[i].rows : in->z[i].data ? in->z[i].rows : in->x[i].rows;
    }
    count_rows(in, rows, e);
    e->has_emptiness = in->with_emptiness;
    if (e->scored == ISK_TRAIN) { return ISK_OK; }          /* no row is held out: nothing can be said */
    if (in->labels) { status = score_labels(context, in, rows, e); }
    asked.labels = NULL;                                    /* what Z says of C is to depend on no labels */
    if (status == ISK_OK) { status = count_asked(context, in, e); }
    e->unseen = asked.unseen = unseen_way_of(e->asked[0]);
    for (int view = 0; view < in->views && status == ISK_OK; view++) {
        status = evaluate_view(context, in, view, e->scored, 0, e->leakage[view], e->completeness[view]);
        if (status == ISK_OK && in->with_emptiness) { status = find_emptiness(context, in, view, e->scored, &e->of[view]); }
    }
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

/* Of each score: a metric with a member of its own, or all others. */
static void labels_json(const evaluation *e, text *out) {
    score_text name;
    open_object(out, "\n  ", "probe");
    for (int i = score_next(e, -1); i < SCORE_COUNT; i = score_next(e, i)) {
        open_object(out, "\n    ", score_name(i, &name));
        for (int m = metric_of_labels(-1); m < metric_count; m = metric_of_labels(m)) {
            if (!metrics[m].k) { text_json_member(out, metrics[m].key, e->label[i].value[m]); }
        }
        text_json_member(out, "rows", (double)e->label[i].rows);
        text_json_member(out, "majority", e->label[i].majority);
        text_add(out, "}");
    }
    text_add(out, "}");
    for (int m = metric_of_labels(-1); m < metric_count; m = metric_of_labels(m)) {
        if (!metrics[m].k) { continue; }
        open_object(out, "\n  ", metrics[m].key);
        text_json_member(out, "k", metrics[m].k);
        for (int i = score_next(e, -1); i < SCORE_COUNT; i = score_next(e, i)) {
            text_json_member(out, score_name(i, &name), e->label[i].value[m]);
        }
        text_add(out, "}");
    }
}

static const double *leakage_of(const evaluation *e, int view) { return e->leakage[view]; }
static const double *completeness_of(const evaluation *e, int view) { return e->completeness[view]; }
static const double *c_told_of(const evaluation *e, int view) { return e->of[view].c_told; }
static const double *z_told_of(const evaluation *e, int view) { return e->of[view].z_told; }
static const double *alone_of(const evaluation *e, int view) { return e->of[view].alone; }

static void views_json(const evaluation *e, const char *key, const double *(*values_of)(const evaluation *, int), text *out) {
    static const char *const view[ISK_MAX_VIEWS] = { "1", "2", "3", "4" };
    const int completeness = values_of == completeness_of;
    open_object(out, "\n  ", key);
    for (int i = 0; i < e->views; i++) {
        const double *values = values_of(e, i);
        open_object(out, "\n    ", view[i]);
        for (int m = metric_of_matrix(-1); m < metric_count; m = metric_of_matrix(m)) {
            text_json_member(out, metrics[m].key, values[m]);
        }
        if (completeness) { text_json_member(out, "best", metrics_best(values)); }
        for (int m = metric_of_view(-1); m < metric_count && completeness; m = metric_of_view(m)) {
            text_json_member(out, metrics[m].key, values[m]);
        }
        text_add(out, "}");
    }
    text_add(out, "}");
}

const char *evaluation_regressions_on(const evaluation *e) {
    static const char *const words[] = { "nothing", "parts of the rows scored on", "fifths of the rows scored on, in turns" };
    return words[e->unseen];
}

void evaluation_json(const evaluation *e, const isk_report *training, text *out) {
    static const char *const parts[] = { "train", "validation", "test" };
    static const char *const scored[] = { "none", "validation", "test" };
    open_object(out, "\n  ", "rows");
    for (int i = 0; i < 3; i++) { text_json_member(out, parts[i], (double)e->rows[i]); }
    text_add(out, "}");
    text_json_key(out, "scored_on");
    text_json_string(out, scored[e->scored]);
    text_json_key(out, "regressions_on");
    text_json_string(out, evaluation_regressions_on(e));
    text_json_member(out, "regression_rows", (double)e->asked[0]);
    text_json_member(out, "majority", e->majority);
    labels_json(e, out);
    views_json(e, "leakage", leakage_of, out);
    views_json(e, "completeness", completeness_of, out);
    if (e->has_emptiness) {
        views_json(e, "shared_told", c_told_of, out);
        views_json(e, "specific_told", z_told_of, out);
        views_json(e, "shared_alone", alone_of, out);
    }
    if (training) { training_json(training, e->views, out); }
}

const char *told_words(const evaluation *e, int view, char buffer[48]) {
    snprintf(buffer, 48, e->steps[view].mean ? "the mean of X%d over its steps" : "X%d", view + 1);
    return buffer;
}

static int is_scored(const label_score *score) { return !isnan(score->value[METRIC_ACCURACY]); }

int labels_of_different_rows(const evaluation *e) {
    int found = 0;
    for (int i = score_next(e, -1); i < SCORE_COUNT; i = score_next(e, i)) {
        found |= is_scored(&e->label[i]) && e->label[i].rows != e->labelled;
    }
    return found;
}

int decoder_of_steps(const evaluation *e) {
    int found = 0;
    for (int i = 0; i < e->views; i++) { found |= e->steps[i].decoder && isfinite(e->completeness[i][METRIC_DECODER]); }
    return found;
}

static sheet_column column_of(const metric *m, int width) {
    return (sheet_column){ .words = m->words, .title = m->title, .form = SHEET_BAR, .width = width };
}

void evaluation_labels_sheet(const evaluation *e, sheet_column columns[EVALUATION_COLUMNS], sheet *s) {
    const int rows = labels_of_different_rows(e);
    score_text words;
    *s = (sheet){ .columns = columns };
    columns[s->column_count++] = (sheet_column){ .words = "features", .title = "features", .width = 20 };
    for (int m = metric_of_labels(-1); m < metric_count; m = metric_of_labels(m)) {
        columns[s->column_count++] = column_of(&metrics[m], 0);
    }
    if (rows) {
        columns[s->column_count++] = (sheet_column){ .words = "rows", .title = "rows", .form = SHEET_COUNT, .width = 8 };
        columns[s->column_count++] = (sheet_column){ .words = "majority label of them", .title = "most frequent label of them",
                                                     .form = SHEET_BAR };
    }
    for (int i = score_next(e, -1); i < SCORE_COUNT; i = score_next(e, i)) {
        if (!is_scored(&e->label[i]) || (i == SCORE_ALL && !(e->c && e->z))) { continue; }      /* all are those of another row */
        sheet_row(s);
        sheet_format(s, "%s", score_words(e, i, &words));
        for (int m = metric_of_labels(-1); m < metric_count; m = metric_of_labels(m)) { sheet_number(s, e->label[i].value[m]); }
        sheet_number(s, (double)e->label[i].rows);
        sheet_number(s, e->label[i].majority);
    }
    sheet_row(s);
    sheet_words(s, "most frequent label");
    for (int m = metric_of_labels(-1); m < metric_count; m = metric_of_labels(m)) {
        if (m == METRIC_ACCURACY) { sheet_number(s, e->majority); } else { sheet_skip(s); }
    }
    sheet_number(s, (double)e->labelled);
    sheet_number(s, e->majority);
}

/* "leakage of Z1 about C2, C3"; "completeness of (Z1, C1) about X1" */
static void view_row(const evaluation *e, int view, int completeness, sheet *s) {
    score_text words;
    char told[48];
    sheet_row(s);
    if (completeness) {
        sheet_format(s, "completeness of %s about %s", whole_words(e, view, &words), told_words(e, view, told));
    } else {
        sheet_format(s, "leakage of Z%d about %s", view + 1, other_shared(e->c, view, &words));
    }
}

void evaluation_views_sheet(const evaluation *e, sheet_column columns[EVALUATION_COLUMNS], sheet *s) {
    *s = (sheet){ .columns = columns };
    columns[s->column_count++] = (sheet_column){ .words = "R^2", .title = "R²", .width = 40 };
    for (int m = metric_of_matrix(-1); m < metric_count; m = metric_of_matrix(m)) {
        columns[s->column_count++] = column_of(&metrics[m], 10);
    }
    for (int m = metric_of_view(-1); m < metric_count; m = metric_of_view(m)) { columns[s->column_count++] = column_of(&metrics[m], 10); }
    for (int i = 0; i < 2 * e->views; i++) {
        const int view = i % e->views, completeness = i >= e->views;
        const double *values = completeness ? e->completeness[view] : e->leakage[view];
        if (isnan(metrics_best(values))) { continue; }
        view_row(e, view, completeness, s);
        for (int m = metric_of_matrix(-1); m < metric_count; m = metric_of_matrix(m)) { sheet_number(s, values[m]); }
        for (int m = metric_of_view(-1); m < metric_count && completeness; m = metric_of_view(m)) { sheet_number(s, values[m]); }
    }
}

static const char *const part_words[] = { "training", "validation", "test" };

void evaluation_rows_words(const evaluation *e, text *out) {
    const char *part = part_words[e->scored];
    text_add(out, "Leakage and completeness: regressions are fitted on ");
    if (e->unseen == UNSEEN_DIVIDED) {
        text_add(out, "60 % of ");
    } else {
        text_add(out, "three fifths of ");
    }
    if (e->asked[0] == e->asked[1]) {
        text_format(out, "the %lld %s rows", (long long)e->asked[0], part);
    } else {
        text_format(out, "the %lld to %lld %s rows that have what they are about", (long long)e->asked[0], (long long)e->asked[1], part);
    }
    text_add(out, e->scored == ISK_TEST ? ", which no network saw" : ", which no network was trained on");
    text_add(out, e->unseen == UNSEEN_DIVIDED ? ", chosen on 15 % and scored on 25 %."
                                              : ", chosen on one and scored on one, until each fifth was scored.");
}

void evaluation_labels_words(const evaluation *e, text *out) {
    text_format(out, "Labels: a logistic regression is fitted on the labelled of %lld training rows and scored on the %lld labelled %s "
                "rows.", (long long)e->rows[ISK_TRAIN], (long long)e->labelled, part_words[e->scored]);
}

void evaluation_text(const evaluation *e, int has_labels, text *out) {
    sheet_column columns[EVALUATION_COLUMNS];
    sheet s;
    if (e->scored == ISK_TRAIN) {
        text_add(out, "no rows are held out, so nothing was scored\n");
        return;
    }
    if (has_labels) {
        evaluation_labels_sheet(e, columns, &s);
        sheet_text(&s, out);
        sheet_free(&s);
        if (labels_of_different_rows(e)) {
            text_add(out, "(rows differ because some lack a view; those that have all that is named are scored)\n");
        }
        evaluation_labels_words(e, out);
        text_add(out, "\n\n");
    }
    evaluation_views_sheet(e, columns, &s);
    sheet_text(&s, out);
    sheet_free(&s);
    if (decoder_of_steps(e)) { text_add(out, "(decoder of a sequence: R^2 of all steps, not of their mean)\n"); }
    if (e->fused) { text_add(out, "(one representation of all views: no C, no Z, and so no leakage)\n"); }
    evaluation_rows_words(e, out);
    text_add(out, "\n");
}
