/* The rows of metrics[], and the metrics of labels against counts made by hand. */
#include "examples/runs/evaluation.h"
#include "examples/base/random.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void every_row_is_whole(void **state) {
    (void)state;
    assert_true(metric_count >= METRIC_NAMED && metric_count <= MOST_METRICS);
    for (int i = 0; i < metric_count; i++) {
        const metric *m = &metrics[i];
        assert_true(m->key && m->words && m->title);
        assert_int_equal((m->of_labels != NULL) + (m->of_matrix != NULL) + (m->of_view != NULL), 1);
        for (int k = 0; k < i; k++) { assert_string_not_equal(m->key, metrics[k].key); }
    }
    assert_int_equal(metric_of_labels(-1), METRIC_ACCURACY);
    assert_int_equal(metric_of_matrix(-1), METRIC_RIDGE);
    assert_int_equal(metric_of_view(METRIC_DECODER), metric_count);
}

static void the_best_is_that_of_the_regressions(void **state) {
    double values[MOST_METRICS];
    (void)state;
    metrics_unknown(values);
    assert_true(isnan(metrics_best(values)));
    values[METRIC_DECODER] = values[METRIC_ACCURACY] = 2;
    values[METRIC_KNN] = -0.5;
    assert_true(metrics_best(values) == -0.5);
    values[METRIC_RIDGE] = 0.25;
    assert_true(metrics_best(values) == 0.25);
}

/* On a line: two classes that a threshold tells, but for one test row of each 6. */
enum { ROWS = 60 };
static void labels_are_scored_as_counted(void **state) {
    isk_scalar x[ROWS];
    int32_t labels[ROWS];
    uint8_t part[ROWS];
    double values[MOST_METRICS];
    double balanced = 0;
    int64_t scored = 0, right = 0, of_class[2] = { 0, 0 }, found[2] = { 0, 0 };
    isk_context *context = isk_open(&(isk_context_desc){ .threads = 1, .device = ISK_DEVICE_CPU });
    label_question q;
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        part[i] = (uint8_t)(i % 2 ? ISK_TEST : ISK_TRAIN);
        labels[i] = i % 10 == 9 ? -1 : i >= ROWS / 3;
        x[i] = (isk_scalar)(labels[i] == 1 ? 10 + i : -10 - i);
        if (i % 6 == 1) { x[i] = -x[i]; }                   /* the probe is wrong about these, all of them test rows */
    }
    assert_int_equal(label_question_open(&q, context, &(isk_probe_desc){ .x = { x, ROWS, 1 }, .labels = labels, .part = part }), ISK_OK);
    q.scored = ISK_TEST;
    assert_int_equal(metrics_ask_labels(&q, 0, values), ISK_OK);
    for (int i = 0; i < ROWS; i++) {
        if (part[i] != ISK_TEST || labels[i] < 0) { continue; }
        scored++;
        right += i % 6 != 1;
        of_class[labels[i]]++;
        found[labels[i]] += i % 6 != 1;
    }
    assert_true(fabs(values[METRIC_ACCURACY] - (double)right / (double)scored) < 1e-12);
    for (int k = 0; k < 2; k++) { balanced += (double)found[k] / (double)of_class[k] / 2; }
    assert_true(fabs(values[METRIC_BALANCED] - balanced) < 1e-12);
    assert_true(isnan(values[METRIC_NEIGHBOURS]));          /* of a fit alone */
    assert_int_equal(metrics_ask_labels(&q, 1, values), ISK_OK);
    assert_true(values[METRIC_NEIGHBOURS] > 0.5 && values[METRIC_NEIGHBOURS] < 1);
    q.scored = ISK_VALIDATION;                              /* no such row */
    assert_int_equal(metrics_ask_labels(&q, 1, values), ISK_OK);
    for (int m = metric_of_labels(-1); m < metric_count; m = metric_of_labels(m)) { assert_true(isnan(values[m])); }
    label_question_free(&q);
    for (int i = 0; i < ROWS; i++) { labels[i] = 0; }
    assert_int_equal(label_question_open(&q, context, &(isk_probe_desc){ .x = { x, ROWS, 1 }, .labels = labels, .part = part }), ISK_DATA);
    label_question_free(&q);
    isk_close(context);
}

/* ---- on rows that no network saw ---- */

enum { SEEN = 300, UNSEEN = 400, BOTH = SEEN + UNSEEN, WIDE = 30 };

/* Rows that were trained on first, where y is -x; on the others it is x[0] and noise; one x in five is not there. */
static void fill_unseen(isk_scalar *x, isk_scalar *y, uint8_t *part, int32_t *labels) {
    random_stream r = random_open(5, 1);
    for (int i = 0; i < BOTH; i++) {
        part[i] = (uint8_t)(i >= SEEN ? ISK_TEST : i % 10 ? ISK_TRAIN : ISK_VALIDATION);
        labels[i] = i % 4 == 0;
        for (int j = 0; j < WIDE; j++) { x[i * WIDE + j] = (isk_scalar)random_normal(&r); }
        y[i] = i < SEEN ? -100 * x[i * WIDE] : x[i * WIDE] + (isk_scalar)(3 * random_normal(&r));
        if (i % 5 == 0) { x[i * WIDE] = NAN; }
    }
}

static void unseen_rows_are_divided_anew(void **state) {
    static isk_scalar x[BOTH * WIDE], y[BOTH];
    uint8_t part[BOTH], again[BOTH];
    int32_t labels[BOTH];
    int count[3] = { 0 }, labelled[3] = { 0 };
    isk_context *context = isk_open(&(isk_context_desc){ .threads = 1, .device = ISK_DEVICE_CPU });
    const isk_matrix parts[] = { { x, BOTH, WIDE }, { y, BOTH, 1 } };
    whole_rows rows;
    (void)state;
    fill_unseen(x, y, part, labels);
    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(whole_rows_find(context, parts, 2, part, &rows), ISK_OK);
        assert_int_equal(rows_unseen(context, labels, &rows), ISK_OK);
        assert_int_equal(rows.count, UNSEEN * 4 / 5);
        for (int64_t i = 0; i < rows.count; i++) { assert_true(rows.index[i] >= SEEN && rows.index[i] % 5 != 0); }
        if (turn) { assert_memory_equal(rows.part, again, (size_t)rows.count); }
        memcpy(again, rows.part, (size_t)rows.count);
        for (int64_t i = 0; i < rows.count && !turn; i++) {
            count[rows.part[i]]++;
            labelled[rows.part[i]] += labels[rows.index[i]];
        }
        whole_rows_free(&rows);
    }
    assert_true(abs(count[ISK_TRAIN] - 192) <= 2 && abs(count[ISK_VALIDATION] - 48) <= 2 && abs(count[ISK_TEST] - 80) <= 2);
    for (int k = 0; k < 3; k++) { assert_true(abs(4 * labelled[k] - count[k]) <= 4); }     /* every label alike */
    isk_close(context);
}

/* The rows trained on say nothing of it; and the penalty that validation rows choose does better than the usual one. */
static void matrices_are_told_on_unseen_rows(void **state) {
    static isk_scalar x[BOTH * WIDE], y[BOTH];
    uint8_t part[BOTH], before[BOTH];
    int32_t labels[BOTH];
    double values[MOST_METRICS], again[MOST_METRICS], plain[MOST_METRICS];
    isk_context *context = isk_open(&(isk_context_desc){ .threads = 1, .device = ISK_DEVICE_CPU });
    unseen_question q = { .x = { x, BOTH, WIDE }, .y = { y, BOTH, 1 }, .part = part, .labels = labels, .without_slow = 1 };
    whole_rows rows;
    isk_matrix from, told;
    (void)state;
    fill_unseen(x, y, part, labels);
    memcpy(before, part, sizeof part);
    assert_int_equal(ask_unseen(context, &q, values), ISK_OK);
    for (int i = 0; i < SEEN; i++) { y[i] = 7; }
    assert_int_equal(ask_unseen(context, &q, again), ISK_OK);
    assert_true(values[METRIC_RIDGE] == again[METRIC_RIDGE] && values[METRIC_KNN] == again[METRIC_KNN] && isnan(values[METRIC_MLP]));
    assert_memory_equal(part, before, sizeof part);
    assert_int_equal(whole_rows_find(context, (isk_matrix[]){ q.x, q.y }, 2, part, &rows), ISK_OK);
    assert_int_equal(rows_unseen(context, labels, &rows), ISK_OK);
    from = join_whole_rows(context, &q.x, 1, &rows);
    told = join_whole_rows(context, &q.y, 1, &rows);
    assert_int_equal(metrics_ask_matrix(context, &(isk_regression_desc){ .x = from, .y = told, .part = rows.part }, 1, plain), ISK_OK);
    if (!(values[METRIC_RIDGE] > plain[METRIC_RIDGE])) { fail_msg("%g is not above %g", values[METRIC_RIDGE], plain[METRIC_RIDGE]); }
    q.without_slow = 0;
    assert_int_equal(ask_unseen(context, &q, values), ISK_OK);
    assert_true(values[METRIC_MLP] <= 1);                   /* not NaN */
    q.x = (isk_matrix){ NULL, 0, 0 };
    assert_int_equal(ask_unseen(context, &q, values), ISK_OK);
    assert_true(isnan(metrics_best(values)));
    matrix_free(from);
    matrix_free(told);
    whole_rows_free(&rows);
    isk_close(context);
}

int main(void) {
    const struct CMUnitTest all[] = {
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(the_best_is_that_of_the_regressions),
        cmocka_unit_test(labels_are_scored_as_counted),
        cmocka_unit_test(unseen_rows_are_divided_anew),
        cmocka_unit_test(matrices_are_told_on_unseen_rows),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
