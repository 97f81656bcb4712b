/* The options that name what is read: examples/runs/source.c. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/runs/source.h"

#include <cmocka.h>

static void relative_paths_become_absolute(void **state) {
    source_settings s = { .path = "cells.h5ad", .cells = "/known.tsv" };
    source_paths memory;
    const size_t tail = strlen("/cells.h5ad");
    (void)state;
    s.file[MODALITY_ATAC] = "peaks.mtx";
    source_settings_anywhere(&s, &memory);
    assert_int_equal(s.path[0], '/');
    assert_string_equal(s.path + strlen(s.path) - tail, "/cells.h5ad");
    assert_string_equal(s.cells, "/known.tsv");
    assert_int_equal(s.file[MODALITY_ATAC][0], '/');
    assert_null(s.tenx);
    assert_true(source_is_given(&s));
    assert_false(source_is_given(&(source_settings){ .cells = "known.tsv" }));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relative_paths_become_absolute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
