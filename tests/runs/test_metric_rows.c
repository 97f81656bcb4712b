/* The rows of metrics[], and the metrics of labels against counts made by hand. */
#include "examples/runs/evaluation.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
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

int main(void) {
    const struct CMUnitTest all[] = {
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(the_best_is_that_of_the_regressions),
        cmocka_unit_test(labels_are_scored_as_counted),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
