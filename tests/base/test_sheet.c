/* One table in all its forms: with tabs, as JSON, for the terminal; what is unknown, what is not there, and what is too wide. */
#include "examples/base/sheet.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const sheet_column columns[] = {
    { .key = "method", .words = "method", .title = "method" },
    { .key = "lambda", .words = "lambda", .form = SHEET_GENERAL },
    { .key = "cells", .words = "cells", .form = SHEET_COUNT, .width = 9 },
    { .key = "rho", .words = "rho (s.e.)", .form = SHEET_REAL, .decimals = 2, .error = SHEET_ERROR_IN_FILES | SHEET_ERROR_ON_TERMINAL },
    { .key = "ari", .form = SHEET_BAR },
    { .words = "s", .form = SHEET_REAL, .decimals = -1 },
    { .key = "remark", .words = "" },
};

static sheet make(void) {
    sheet s = { .columns = columns, .column_count = sizeof columns / sizeof *columns };
    sheet_row(&s);
    sheet_words(&s, "λ\tfree");
    sheet_number(&s, NAN);
    sheet_number(&s, 12345678901.0);
    sheet_average(&s, (average){ 0.123456789, NAN, 1 });
    sheet_number(&s, 0.5);
    sheet_number(&s, 12.6);
    sheet_words(&s, NULL);
    sheet_row(&s);
    sheet_format(&s, "%s %d", "indiseek", 2);
    sheet_number(&s, 1e6);
    sheet_skip(&s);
    sheet_average(&s, (average){ -0.001, 0.25, 3 });
    sheet_strong(&s);
    sheet_number(&s, INFINITY);
    sheet_number(&s, NAN);
    sheet_words(&s, "best");
    sheet_words(&s, "one too many");
    sheet_row(&s);
    sheet_words(&s, "...");
    return s;
}

static void files(void **state) {
    sheet s = make();
    text out = { 0 };
    (void)state;
    sheet_tsv(&s, &out);
    assert_string_equal(out.data, "method\tlambda\tcells\trho\trho_error\tari\tremark\n"
                                  "λ free\t\t12345678901\t0.123457\t\t0.5\t\n"
                                  "indiseek 2\t1e+06\t\t-0.001\t0.25\t\tbest\n"
                                  "...\t\t\t\t\t\t\n");
    text_free(&out);
    sheet_json(&s, "  ", &out);
    assert_string_equal(out.data,
                        "[\n  {\"method\": \"λ\\u0009free\", \"lambda\": null, \"cells\": 12345678901, \"rho\": 0.123456789, "
                        "\"rho_error\": null, \"ari\": 0.5, \"remark\": null},\n"
                        "  {\"method\": \"indiseek 2\", \"lambda\": 1000000, \"cells\": null, \"rho\": -0.001, \"rho_error\": 0.25, "
                        "\"ari\": null, \"remark\": \"best\"},\n"
                        "  {\"method\": \"...\", \"lambda\": null, \"cells\": null, \"rho\": null, \"rho_error\": null, \"ari\": null, "
                        "\"remark\": null}]");
    text_free(&out);
    sheet_free(&s);
    sheet_free(&s);
}

/* A column is as wide as asked, or as the widest in it and some blanks; one of λ is one column, though two bytes. */
static void terminal(void **state) {
    sheet s = make();
    text out = { 0 };
    (void)state;
    s.cells[0].words = "λ free";
    sheet_text(&s, &out);
    assert_string_equal(out.data, "method        lambda       cells   rho (s.e.)   s\n"
                                  "λ free             - 12345678901         0.12  13\n"
                                  "indiseek 2     1e+06              0.00 (0.25)   -  best\n"
                                  "...\n");
    text_free(&out);
    sheet_free(&s);
    s = (sheet){ .columns = columns, .column_count = 2 };
    sheet_text(&s, &out);
    assert_string_equal(out.data, "method    lambda\n");    /* without rows */
    text_free(&out);
    sheet_json(&s, "", &out);
    assert_string_equal(out.data, "[]");
    text_free(&out);
}

static void many_rows_and_a_failure(void **state) {
    enum { MANY = 1000 };
    sheet s = { .columns = columns, .column_count = 2 };
    text out = { 0 };
    (void)state;
    for (int i = 0; i < MANY; i++) {
        sheet_row(&s);
        sheet_format(&s, "row %d", i);
        sheet_number(&s, i);
    }
    assert_int_equal(s.rows, MANY);
    assert_string_equal(s.cells[2 * 777].words, "row 777");
    sheet_tsv(&s, &out);
    assert_non_null(strstr(out.data, "\nrow 999\t999\n"));
    text_free(&out);
    s.failed = 1;                                           /* as where memory ran out: no half table is written as a whole one */
    sheet_tsv(&s, &out);
    assert_true(out.failed);
    text_free(&out);
    sheet_free(&s);
}

/* Whatever words are in it, each row has as many fields as the first; what a reader of tables would take away or take for a quote stands
   in quotes; no other word is changed, whatever a spreadsheet makes of it. */
static void odd_words(void **state) {
    static const char *const words[][2] = {
        { "a\tb\r\nc", "a b  c" }, { "\tgene", "\" gene\"" }, { "ends ", "\"ends \"" }, { "\"quoted\" \t", "\"\"\"quoted\"\"  \"" },
        { "5\" tag", "5\" tag" }, { "=1+2", "=1+2" }, { "+49", "+49" }, { "-1.5", "-1.5" }, { "@SUM(A1)", "@SUM(A1)" }, { "'", "'" },
        { "", "" },
    };
    const sheet_column odd[] = { { .key = "r2_a\tb", .words = "r2", .error = SHEET_ERROR_IN_FILES }, { .key = "n", .words = "n" } };
    sheet s = { .columns = odd, .column_count = 2 };
    text out = { 0 };
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        text one = { 0 };
        text_add(&one, "");
        text_tsv(&one, words[i][0]);
        assert_string_equal(one.data, words[i][1]);
        text_free(&one);
    }
    text_line(&out, "a\tb\r\nc");
    assert_string_equal(out.data, "a\tb  c");
    text_free(&out);
    sheet_row(&s);
    sheet_words(&s, "x\ty");
    sheet_words(&s, "T\ncell\033");
    sheet_tsv(&s, &out);
    assert_string_equal(out.data, "r2_a b\tr2_a b_error\tn\nx y\t\tT cell\033\n");
    text_free(&out);
    sheet_text(&s, &out);
    assert_string_equal(out.data, "r2   n\nx y  T cell\n");
    text_free(&out);
    sheet_free(&s);
}

int main(void) {
    const struct CMUnitTest all[] = {
        cmocka_unit_test(files),
        cmocka_unit_test(terminal),
        cmocka_unit_test(odd_words),
        cmocka_unit_test(many_rows_and_a_failure),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
