/* Tables of runs line by line: what was measured comes back, in any order; what does not belong there is refused. */
#include "examples/runs/records.h"        /* before cmocka.h, whose macro `fail` is a function there */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double lambdas[] = { 0.1, 10 };
static const char file[] = "build/test_records.jsonl";
static isk_context *context;

static int open_context(void **state) {
    (void)state;
    context = isk_open(&(isk_context_desc){ .threads = 1, .device = ISK_DEVICE_CPU });
    return !context;
}

static int close_context(void **state) {
    (void)state;
    remove(file);
    isk_close(context);
    return 0;
}

static configuration settings(void) {
    configuration c = { .lambdas = lambdas, .lambda_count = 2, .seeds = 2, .seed = 7 };
    configuration_number(&c, "n", 3);
    return c;
}

/* One method with lambdas, one without; nothing of them is there. */
static records planned(void) {
    records r = { .closed = 1 };
    records_add_field(&r, "rho", 0);
    records_add_field(&r, "each", 2);
    assert_non_null(records_add(&r, "indiseek", 0, lambdas, 2, 2));
    assert_non_null(records_add(&r, "clip", 0, lambdas, 0, 2));
    return r;
}

static void measure(records *r, configuration *c, int sweep, int model, double rho) {
    const sweep_record *s = &r->sweeps[sweep];
    *records_at(r, s, model, 0) = rho;
    records_at(r, s, model, 1)[1] = rho / 3;
    assert_int_equal(records_lines_add(r, c, context, file, s, model), ISK_OK);
    assert_int_equal(s->there[model], 1);
}

static void lines_come_back(void **state) {
    configuration c = settings();
    records r = planned(), again = planned();
    text first = { 0 }, second = { 0 };
    (void)state;
    remove(file);
    assert_int_equal(records_lines_begin(&c, context, file), ISK_OK);
    measure(&r, &c, 0, 3, 0.25);
    measure(&r, &c, 1, 0, 1.0 / 7);
    measure(&r, &c, 0, 0, NAN);
    assert_true(fabs(*records_at(&r, &r.sweeps[1], 0, 0) - 1.0 / 7) < 1e-14);
    assert_int_equal(records_lines_read(&again, &c, context, file), ISK_OK);
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < records_models(&r.sweeps[i]); k++) { assert_int_equal(r.sweeps[i].there[k], again.sweeps[i].there[k]); }
    }
    assert_int_equal(again.sweeps[0].there[1], 0);
    records_runs(&r, &c, "  ", &first);
    records_runs(&again, &c, "  ", &second);
    assert_string_equal(first.data, second.data);
    assert_non_null(strstr(first.data, "\"lambda\": 10, \"seed\": 8, \"rho\": 0.25, \"each\": [null, "));
    text_free(&first);
    text_free(&second);
    records_free(&r);
    records_free(&again);
    configuration_free(&c);
}

/* sentence NULL: it is read. */
static void refused(const char *lines, const char *sentence) {
    FILE *out;
    configuration c = settings();
    records r = planned();
    remove(file);
    assert_int_equal(records_lines_begin(&c, context, file), ISK_OK);
    out = fopen(file, "ab");
    assert_non_null(out);
    assert_true(fputs(lines, out) >= 0 && fclose(out) == 0);
    if (sentence) {
        assert_int_equal(records_lines_read(&r, &c, context, file), ISK_DATA);
        if (!strstr(isk_error(context), sentence)) { fail_msg("\"%s\" does not say \"%s\"", isk_error(context), sentence); }
    } else {
        assert_int_equal(records_lines_read(&r, &c, context, file), ISK_OK);
    }
    records_free(&r);
    configuration_free(&c);
}

#define RUN(head) "{" head ", \"rho\": 1, \"each\": [1, 2]}\n"
static void what_does_not_belong_is_refused(void **state) {
    static const char clip[] = RUN("\"method\": \"clip\", \"lambda\": null, \"seed\": 8");
    char twice[2 * sizeof clip];
    (void)state;
    snprintf(twice, sizeof twice, "%s%s", clip, clip);
    refused(clip, NULL);
    refused("{\"method\": \"cl", NULL);                     /* cut off by a kill */
    refused(twice, "line 3 is not the one that is due there");
    refused(RUN("\"method\": \"comm\", \"lambda\": null, \"seed\": 8"), "line 2 is not the one that is due there");
    refused(RUN("\"method\": \"clip\", \"lambda\": 10, \"seed\": 8"), "line 2 is not the one that is due there");
    refused(RUN("\"method\": \"clip\", \"lambda\": null, \"seed\": 9"), "line 2 is not the one that is due there");
    refused(RUN("\"method\": \"clip\", \"lambda\": null, \"seed\": 6"), "line 2 is not the one that is due there");
    refused(RUN("\"method\": \"indiseek\", \"lambda\": 1, \"seed\": 7"), "line 2 is not the one that is due there");
    refused(RUN("\"method\": \"clip\", \"seed\": 8"), "line 2 lacks a member");
    refused(RUN("\"method\": \"clip\", \"lambda\": null, \"seed\": 8, \"rha\": 1"), "line 2: rha is 1");
    refused("{\"method\": \"clip\", \"lambda\": null, \"seed\": 8, \"rho\": 1, \"each\": [1, 2, 3]}\n", "line 2: each.2 is 3");
    refused("{\"method\": \"clip\", \"lambda\": null, \"seed\": 8, \"rho\": \"1\", \"each\": [1, 2]}\n", "line 2: rho is 1");
    refused("[1\n", "line 2");
}

/* Words for what tells sweeps of one method apart, and no lambda, as of `study time`. */
static void words_and_no_lambda(void **state) {
    static const char *const words[] = { "mosi", "mimic" };
    records r = { .number = "data", .words = words, .word_count = 2, .number_first = 1, .without_lambda = 1 }, again;
    configuration c = settings();
    text out = { 0 };
    (void)state;
    records_add_field(&r, "seconds", 0);
    again = r;
    assert_non_null(records_add(&r, "clip", 2, NULL, 0, 2));
    records_write(&r, &c, &out);
    assert_non_null(strstr(out.data, "{\"data\": \"mimic\", \"method\": \"clip\", \"seed\": 7, \"seconds\": null}"));
    assert_int_equal(isk_write_file(context, file, out.data, out.length), ISK_OK);
    assert_int_equal(records_read(&again, &c, context, file), ISK_OK);
    assert_non_null(records_find(&again, "clip", 2));
    records_free(&r);
    records_free(&again);
    text_free(&out);
    configuration_free(&c);
}

int main(void) {
    const struct CMUnitTest all[] = {
        cmocka_unit_test(lines_come_back),
        cmocka_unit_test(what_does_not_belong_is_refused),
        cmocka_unit_test(words_and_no_lambda),
    };
    return cmocka_run_group_tests(all, open_context, close_context);
}
