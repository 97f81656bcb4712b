/* The course of a training, read from log.jsonl: examples/report/curves.c. */
#include "indiseek.h"
#include "tests/base/scarce.h"

#include "examples/base/lines.c"
#include "examples/report/curves.c"

#include "tests/base/fixture.h"

static const char records[] = "{\"event\": \"start\", \"version\": \"0.2.0\"}\n"
                              "{\"model\": 0, \"stage\": \"shared\", \"epoch\": 1, \"loss\": 4}\n"
                              "{\"model\": 1, \"stage\": \"shared\", \"epoch\": 1, \"loss\": 9}\n"
                              "{\"model\": 0, \"stage\": \"shared\", \"epoch\": 2, \"lo\n"
                              "{\"model\": 0, \"stage\": \"shared\", \"epoch\": 2, \"loss\": 3, \"validation.loss\": 5}\n"
                              "{\"model\": 0, \"stage\": \"decoder\", \"epoch\": 1, \"loss\": 2}\n";

static isk_status read_them(isk_context *unused, void *argument) {
    curves c;
    isk_status status = curves_read(context, argument, 0, &c);
    (void)unused;
    if (status == ISK_OK) {
        const curve *shared = curves_of(&c, "shared"), *decoder = curves_of(&c, "decoder");
        assert_non_null(shared);
        assert_non_null(decoder);
        assert_int_equal(shared[CURVE_LOSS].count, 2);
        assert_true(shared[CURVE_LOSS].y[0] == 4 && shared[CURVE_LOSS].y[1] == 3);
        assert_int_equal(shared[CURVE_VALIDATION_LOSS].count, 1);
        assert_int_equal(decoder[CURVE_LOSS].count, 1);
        assert_null(curves_of(&c, "specific1"));
        curves_free(&c);
    }
    return status;
}

/* Half a line is passed over; a line for which there is no memory is not. */
static void lines_are_read_or_memory_is_said(void **state) {
    char path[200];
    (void)state;
    strcpy(path, write_text("log.jsonl", records));
    sweep_memory(context, read_them, path);
}

static void what_is_not_there_is_said(void **state) {
    curves c;
    (void)state;
    expect(context, curves_read(context, SCRATCH "/none", 0, &c), ISK_IO, SCRATCH "/none cannot be read");
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(lines_are_read_or_memory_is_said), cmocka_unit_test(what_is_not_there_is_said) };
    return cmocka_run_group_tests_name("curves", tests, open_context, close_context);
}
