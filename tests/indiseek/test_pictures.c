/* Which pictures a report has: examples/indiseek/pictures.c. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/indiseek/pictures.h"

#include <cmocka.h>

static isk_scalar *points(int64_t rows, int64_t cols, int64_t absent) {
    isk_scalar *x = malloc(sizeof *x * (size_t)(rows * cols));
    assert_non_null(x);
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t k = 0; k < cols; k++) {
            x[i * cols + k] = i < absent ? (isk_scalar)NAN : (isk_scalar)(sin((double)(i * 7 + k * 13)) +
                                                                          (double)(i % 3) * (k == 0 ? 8 : 0));
        }
    }
    return x;
}

/* Two modalities, the first of which a few cells lack: which pictures there are, and that they do not depend on the threads. */
static void pictures_leave_absent_cells_out_and_do_not_depend_on_threads(void **state) {
    enum { ROWS = 90, ABSENT = 7 };
    static const char *const modalities[] = { "rna", "protein" }, *const keys[] = { "shared", "shared", "specific", "specific", "all" };
    static const int of[] = { 0, 1, 0, 1, -1 };
    isk_context *context = isk_open(&(isk_context_desc){ .device = ISK_DEVICE_CPU });
    dataset d = { .rows = ROWS };
    features f;
    pictures made[2];
    progress bar = { .quiet = 1 };
    (void)state;
    memset(&f, 0, sizeof f);
    d.v.count = 2;
    for (int i = 0; i < 2; i++) {
        f.m[FEATURE_C + i] = (isk_matrix){ points(ROWS, 4, i ? 0 : ABSENT), ROWS, 4 };
        f.m[FEATURE_Z + i] = (isk_matrix){ points(ROWS, 3, i ? 0 : ABSENT), ROWS, 3 };
    }
    for (int way = 0; way < 2; way++) {
        made[way] = (pictures){ .count = 0 };
        assert_int_equal(pictures_plan(&made[way], context, &d, &f, modalities), ISK_OK);
        assert_int_equal(pictures_make(&made[way], context, way ? 4 : 1, 5, &bar), ISK_OK);
        assert_int_equal(made[way].count, 5);
    }
    for (int i = 0; i < 5; i++) {
        const picture *p = &made[0].list[i];
        assert_string_equal(p->key, keys[i]);
        assert_int_equal(p->of, of[i]);
        for (int k = 0; k < ROWS; k++) { assert_int_equal(isfinite(p->points[2 * k]) != 0, of[i] == 1 || k >= ABSENT); }
        assert_memory_equal(p->points, made[1].list[i].points, sizeof *p->points * 2 * ROWS);
    }
    assert_string_equal(made[0].list[2].title, "specific to rna (Z1)");
    assert_int_equal(made[0].list[4].x.cols, 4 + 4 + 3 + 3);
    for (int way = 0; way < 2; way++) { pictures_free(&made[way]); }
    features_free(&f);
    isk_close(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_leave_absent_cells_out_and_do_not_depend_on_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
