/* Statistics and results of the studies: standard errors, choices of lambda, results.json and back. */
#include "examples/study/probe.h"         /* before cmocka.h, whose macro `fail` is a function there */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void near(double got, double wanted) {
    if (!(fabs(got - wanted) <= 1e-12 * fmax(1, fabs(wanted)))) { fail_msg("%.17g is not %.17g", got, wanted); }
}

static void means_and_standard_errors(void **state) {
    static const double values[] = { 1, 2, 4, 5 }, apart[] = { 1, 70, 3, 70, 5, 70 }, gone[] = { NAN, 3, NAN };
    static const double close[] = { 1e9 + 1, 1e9 + 2, 1e9 + 3 };
    average a = average_of(values, 4, 1);
    (void)state;
    near(a.mean, 3);
    near(a.error, sqrt(10.0 / 3 / 4));                      /* squares 4 + 1 + 1 + 4, over n - 1, over n */
    assert_int_equal(a.count, 4);
    a = average_of(apart, 3, 2);
    near(a.mean, 3);
    near(a.error, sqrt(8.0 / 2 / 3));
    a = average_of(gone, 3, 1);
    near(a.mean, 3);
    assert_int_equal(a.count, 1);
    assert_true(isnan(a.error));
    a = average_of(gone, 1, 1);
    assert_true(isnan(a.mean) && isnan(a.error) && a.count == 0);
    a = average_of(values, 0, 1);
    assert_true(isnan(a.mean));
    a = average_of(close, 3, 1);
    near(a.error, sqrt(1.0 / 3));                           /* no digits lost far from zero */
}

/* The most of all permutations of the rows' columns from `row` on, those in `taken` aside. */
static double most_of_all(const double *value, int rows, int cols, int row, unsigned taken) {
    double most = row < rows && rows <= cols ? -INFINITY : 0;
    for (int j = 0; j < cols && row < rows; j++) {
        if (!(taken >> j & 1)) { most = fmax(most, value[row * cols + j] + most_of_all(value, rows, cols, row + 1, taken | 1u << j)); }
    }
    /* with more rows than columns a row may stay alone */
    return row < rows && rows > cols ? fmax(most, most_of_all(value, rows, cols, row + 1, taken)) : most;
}

static void best_matchings(void **state) {
    static const int sizes[][2] = { { 1, 1 }, { 3, 3 }, { 2, 5 }, { 5, 5 }, { 5, 2 }, { 4, 6 } };
    double value[30];
    uint32_t word = 1;
    (void)state;
    for (int turn = 0; turn < 60; turn++) {
        const int rows = sizes[turn % 6][0], cols = sizes[turn % 6][1];
        for (int i = 0; i < rows * cols; i++) {
            word = word * 1664525u + 1013904223u;
            value[i] = turn % 2 ? (double)(word >> 30) : (double)(word >> 8) / 16777216;         /* with ties too */
        }
        near(best_matching(value, rows, cols), most_of_all(value, rows, cols, 0, 0));
    }
    near(best_matching(value, 0, 3), 0);
}

static void largest(void **state) {
    static const double values[] = { NAN, 1, 3, 3, INFINITY, 2 }, none[] = { NAN, NAN };
    (void)state;
    assert_int_equal(largest_of(values, 6), 2);             /* the first of equals; what is not finite never wins */
    near(largest_value(values, 6), 3);
    assert_int_equal(largest_of(none, 2), -1);
    assert_int_equal(largest_of(values, 0), -1);
    assert_true(isnan(largest_value(none, 2)));
}

/* ---- choices of lambda ---- */

static const double lambdas[] = { 0.1, 1, 10 };

/* Fields by name. */
static int field(const records *r, const char *name) {
    const int at = records_field(r, name);
    assert_true(at < r->field_count);
    return at;
}

static records two_tasks(void) {
    static const probe_data d = { .task_count = 2, .v = { .count = 2 } };
    records r = { .count = 0 };
    probe_fields(&r, &d);
    return r;
}

static void set(const records *r, const sweep_record *s, int model, const char *which, double first, double second) {
    records_at(r, s, model, field(r, which))[0] = first;
    records_at(r, s, model, field(r, which))[1] = second;
}

/* Three lambdas by two seeds: the test rows favour the last, the validation rows the second. */
static sweep_record *fill(records *r) {
    static const double test[3] = { .5, .6, .8 }, validation[3] = { .1, .9, .3 };
    sweep_record *s = records_add(r, "method", 20, lambdas, 3, 2);
    assert_non_null(s);
    for (int i = 0; i < 6; i++) {
        const double sign = i % 2 ? 1 : -1;
        set(r, s, i, "test", test[i / 2] + .1 * sign, .3);
        set(r, s, i, "validation", validation[i / 2], .3);
        *records_at(r, s, i, field(r, PROBE_SECONDS)) = i;
        *records_at(r, s, i, field(r, PROBE_DIVERGED)) = 0;
    }
    return s;
}

static void lambda_by_test_and_by_validation(void **state) {
    records r = two_tasks();
    sweep_record *s = fill(&r);
    probe_scores p = probe_scores_of(&r, s, 0, 2);
    (void)state;
    assert_int_equal(p.best_at, 2);
    assert_int_equal(p.chosen_at, 1);
    near(p.best.mean, .8);
    near(p.best.error, .1);                                 /* deviation .1 sqrt 2, over sqrt 2 */
    near(p.chosen.mean, .6);                                /* the test accuracy of what validation chose */
    near(p.by_lambda[0].mean, .5);
    p = probe_scores_of(&r, s, -1, 2);
    near(p.best.mean, .55);                                 /* mean over the tasks of each model first */
    near(p.best.error, .05);
    p = probe_scores_of(&r, s, 1, 2);
    assert_int_equal(p.best_at, 0);                         /* all alike: the first */
    records_free(&r);
}

static void a_diverged_model_is_left_out_and_no_validation_chooses_nothing(void **state) {
    records r = two_tasks();
    sweep_record *s = fill(&r);
    probe_scores p;
    (void)state;
    set(&r, s, 5, "test", NAN, NAN);
    p = probe_scores_of(&r, s, 0, 2);
    assert_int_equal(p.best_at, 2);
    near(p.best.mean, .7);
    assert_true(isnan(p.best.error));
    for (int i = 0; i < 6; i++) { set(&r, s, i, "validation", NAN, NAN); }
    p = probe_scores_of(&r, s, 0, 2);
    assert_int_equal(p.chosen_at, -1);
    assert_true(isnan(p.chosen.mean));
    p = probe_scores_of(&r, NULL, 0, 2);
    assert_true(isnan(p.best.mean));
    s = records_add(&r, "raw", 0, NULL, 0, 0);                    /* without a lambda there is nothing to choose */
    assert_non_null(s);
    set(&r, s, 0, "test", .4, .4);
    p = probe_scores_of(&r, s, 0, 2);
    near(p.chosen.mean, .4);
    records_free(&r);
}

/* ---- results.json ---- */

static configuration a_configuration(void) {
    configuration c = { .lambdas = lambdas, .lambda_count = 3, .seeds = 2, .seed = 18446744073709551614u };
    configuration_add(&c, "name", "a \"b\"", 1);
    configuration_number(&c, "n", 3);
    return c;
}

static isk_status read_back(const char *json, records *r, isk_context *context, char words[300]) {
    const char *path = "build/test_study.json";
    configuration c = a_configuration();
    isk_status status = isk_write_file(context, path, json, strlen(json));
    assert_int_equal(status, ISK_OK);
    *r = two_tasks();
    status = records_read(r, &c, context, path);
    snprintf(words, 300, "%s", isk_error(context));
    configuration_free(&c);
    remove(path);
    return status;
}

static void results_come_back(void **state) {
    isk_context *context = isk_open(&(isk_context_desc){ .threads = 1, .device = ISK_DEVICE_CPU });
    records r = two_tasks(), again;
    configuration c = a_configuration();
    text first = { 0 }, second = { 0 };
    char words[300];
    (void)state;
    fill(&r);
    assert_non_null(records_add(&r, "raw", 0, NULL, 0, 0));
    assert_non_null(records_add(&r, "clip", 20, NULL, 0, 2));
    records_write(&r, &c, &first);
    assert_non_null(strstr(first.data, "\"seed\": 18446744073709551615"));
    assert_int_equal(read_back(first.data, &again, context, words), ISK_OK);
    records_write(&again, &c, &second);
    assert_string_equal(first.data, second.data);
    assert_int_equal(again.count, 3);
    assert_int_equal(again.sweeps[1].seeds, 0);
    assert_int_equal(again.sweeps[2].lambda_count, 0);
    records_free(&r);
    records_free(&again);
    text_free(&first);
    text_free(&second);
    configuration_free(&c);
    isk_close(context);
}

/* Replaces the first `from` in the results and reads them. */
static void damaged(isk_context *context, const char *whole, const char *from, const char *to, isk_status wanted,
                    const char *sentence) {
    const char *at = strstr(whole, from);
    char words[300];
    records r;
    text changed = { 0 };
    assert_non_null(at);
    text_add_bytes(&changed, whole, (size_t)(at - whole));
    text_add(&changed, to);
    text_add(&changed, at + strlen(from));
    assert_int_equal(read_back(changed.data, &r, context, words), wanted);
    if (!strstr(words, sentence)) { fail_msg("\"%s\" does not say \"%s\"", words, sentence); }
    records_free(&r);
    text_free(&changed);
}

static void damaged_results_are_refused(void **state) {
    isk_context *context = isk_open(&(isk_context_desc){ .threads = 1, .device = ISK_DEVICE_CPU });
    records r = two_tasks();
    configuration c = a_configuration();
    text whole = { 0 };
    (void)state;
    fill(&r);
    records_write(&r, &c, &whole);
    damaged(context, whole.data, "\"n\": 3", "\"n\": 4", ISK_MISMATCH, "n is 4 in the results and 3 here");
    damaged(context, whole.data, "\"n\": 3", "\"m\": 3", ISK_MISMATCH, "m is no part of a study");
    damaged(context, whole.data, "    \"n\": 3", "    \"name\": \"a \\\"b\\\"\"", ISK_MISMATCH,
            "n is missing in the results");
    damaged(context, whole.data, "\"lambda\": 1,", "\"lambda\": 2,", ISK_DATA, "runs[2] is not the one that is due");
    damaged(context, whole.data, "\"seconds\": 3", "\"second\": 3", ISK_DATA, "runs[3]: second is 3");
    damaged(context, whole.data, "\"seconds\": 3", "\"seconds\": \"3\"", ISK_DATA, "runs[3]: seconds is 3");
    damaged(context, whole.data, ", \"diverged\": 0}", "}", ISK_DATA, "runs[0] lacks a member");
    damaged(context, whole.data, "\"method\": \"method\", \"dim\": 20, \"lambda\": 10",
            "\"method\": \"b\", \"dim\": 20, \"lambda\": 10",
            ISK_DATA, "method has 5 models where 6 are due");
    damaged(context, whole.data, "\"runs\"", "\"walks\"", ISK_DATA, "is no results.json of this study");
    text_free(&whole);
    records_free(&r);
    configuration_free(&c);
    isk_close(context);
}

int main(void) {
    const struct CMUnitTest all[] = {
        cmocka_unit_test(means_and_standard_errors),
        cmocka_unit_test(best_matchings),
        cmocka_unit_test(largest),
        cmocka_unit_test(lambda_by_test_and_by_validation),
        cmocka_unit_test(a_diverged_model_is_left_out_and_no_validation_chooses_nothing),
        cmocka_unit_test(results_come_back),
        cmocka_unit_test(damaged_results_are_refused),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
