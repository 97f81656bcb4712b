#include "evaluation.h"

#include "../base/lines.h"

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

isk_status rows_unseen(isk_context *context, const int32_t *labels, whole_rows *rows) {
    int32_t *own = NULL;
    isk_status status = ISK_OK;
    int64_t held_out = 0;
    for (int64_t i = 0; i < rows->count; i++) {
        if (rows->part[i] == ISK_TEST) { rows->index[held_out++] = rows->index[i]; }
    }
    rows->count = held_out;
    if (labels && !(own = whole_rows_labels(rows, labels))) { status = no_memory(context, "labels"); }
    if (status == ISK_OK && held_out) {
        status = isk_split(context, &(isk_split_desc){ .rows = held_out, .labels = own, .validation = 0.15, .test = 0.25,
                                                       .part = rows->part });
    }
    free(own);
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
    if (in->unseen) { status = rows_unseen(context, in->labels, &rows); }
    x = join_whole_rows(context, parts, HALF, &rows);
    y = join_whole_rows(context, parts + HALF, HALF, &rows);
    if (status == ISK_OK && ((x.cols && !x.data) || (y.cols && !y.data))) { status = no_memory(context, "features"); }
    if (status == ISK_OK && x.data && y.data) {
        status = metrics_ask_matrix(context, &(isk_regression_desc){ .x = x, .y = y, .part = rows.part, .scored = scored, .seed = seed,
                                                                     .stop_on_validation = in->unseen }, in->without_slow, values);
    }
    matrix_free(x);
    matrix_free(y);
    whole_rows_free(&rows);
    return status;
}

isk_status ask_unseen(isk_context *context, const unseen_question *q, double values[MOST_METRICS]) {
    const isk_matrix parts[2 * ISK_MAX_VIEWS] = { [0] = q->x, [ISK_MAX_VIEWS] = q->y };
    const evaluation_input in = { .part = q->part, .labels = q->labels, .unseen = 1 };
    metrics_unknown(values);
    return q->x.data && q->y.data ? ask_matrix(context, parts, &in, ISK_TEST, q->seed, values) : ISK_OK;
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

isk_status evaluate(isk_context *context, const evaluation_input *in, evaluation *e) {
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
    if (e->scored == ISK_TRAIN) { return ISK_OK; }          /* no row is held out: nothing can be said */
    if (in->labels) { status = score_labels(context, in, rows, e); }
    for (int view = 0; view < in->views && status == ISK_OK; view++) {
        status = evaluate_view(context, in, view, e->scored, 0, e->leakage[view], e->completeness[view]);
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

static void views_json(const evaluation *e, const char *key, const double (*values)[MOST_METRICS], int completeness, text *out) {
    static const char *const view[ISK_MAX_VIEWS] = { "1", "2", "3", "4" };
    open_object(out, "\n  ", key);
    for (int i = 0; i < e->views; i++) {
        open_object(out, "\n    ", view[i]);
        for (int m = metric_of_matrix(-1); m < metric_count; m = metric_of_matrix(m)) {
            text_json_member(out, metrics[m].key, values[i][m]);
        }
        if (completeness) { text_json_member(out, "best", metrics_best(values[i])); }
        for (int m = metric_of_view(-1); m < metric_count && completeness; m = metric_of_view(m)) {
            text_json_member(out, metrics[m].key, values[i][m]);
        }
        text_add(out, "}");
    }
    text_add(out, "}");
}

void evaluation_json(const evaluation *e, const isk_report *training, text *out) {
    static const char *const parts[] = { "train", "validation", "test" };
    static const char *const scored[] = { "none", "validation", "test" };
    open_object(out, "\n  ", "rows");
    for (int i = 0; i < 3; i++) { text_json_member(out, parts[i], (double)e->rows[i]); }
    text_add(out, "}");
    text_json_key(out, "scored_on");
    text_json_string(out, scored[e->scored]);
    text_json_member(out, "majority", e->majority);
    labels_json(e, out);
    views_json(e, "leakage", e->leakage, 0, out);
    views_json(e, "completeness", e->completeness, 1, out);
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

void evaluation_text(const evaluation *e, int has_labels, text *out) {
    static const char *const parts[] = { "no", "validation", "test" };
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
        text_add(out, "\n");
    }
    evaluation_views_sheet(e, columns, &s);
    sheet_text(&s, out);
    sheet_free(&s);
    if (decoder_of_steps(e)) { text_add(out, "(decoder of a sequence: R^2 of all steps, not of their mean)\n"); }
    if (e->fused) { text_add(out, "(one representation of all views: no C, no Z, and so no leakage)\n"); }
    text_format(out, "(fitted on %lld training rows, scored on %lld %s rows)\n", (long long)e->rows[ISK_TRAIN],
                (long long)e->rows[e->scored], parts[e->scored]);
}
