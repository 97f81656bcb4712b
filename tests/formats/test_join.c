/* Several files as one data set: genes in common, names of cells, and what is said where genes do not meet. */
#include "indiseek.h"
#include "tests/base/fixture.h"
#include "examples/formats/join.h"

static void join_files(cells *c, const char *const *paths, int count, isk_status due) {
    const read_desc read = { .bar = NULL };
    const isk_status status = cells_join(c, context, &(join_desc){ .paths = paths, .count = count, .read = &read });
    if (due == ISK_OK) { must(status); }
    assert_int_equal(status, due);
}

static double value_at(const cells *c, int64_t row, int64_t gene) {
    const input_row r = input_row_of(&c->modality[0].in, row);
    for (int64_t k = 0; k < r.count; k++) {
        if (r.columns[k] == gene) { return (double)r.values[k]; }
    }
    return 0;
}

static void genes_in_common_stay(void **state) {
    const char *paths[] = { write_text("one.csv", "cell,CD3E,GAPDH,MS4A1\nAAA,1,2,3\nAAC,4,0,6\n"),
                            write_text("two.csv", "cell,MS4A1,NKG7,CD3E\nAAA,7,8,9\nAAG,0,1,2\n") };
    static const char *const names_due[] = { "AAA-one", "AAC-one", "AAA-two", "AAG-two" }, *const files[] = { "one", "two" };
    static const double due[4][2] = { { 1, 3 }, { 4, 6 }, { 9, 7 }, { 2, 0 } };
    const cell_column *column;
    cells c;
    (void)state;
    join_files(&c, paths, 2, ISK_OK);
    assert_int_equal(c.count, 1);
    assert_int_equal(c.rows, 4);
    assert_int_equal(c.modality[0].kind, MODALITY_RNA);
    assert_int_equal(c.modality[0].in.cols, 2);
    assert_string_equal(names_get(&c.modality[0].in.column_names, 0), "CD3E");
    assert_string_equal(names_get(&c.modality[0].in.column_names, 1), "MS4A1");
    column = cells_column(&c, JOIN_COLUMN);
    assert_non_null(column);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(names_get(&c.names, i), names_due[i]);
        assert_string_equal(names_get(&column->classes.classes, column->classes.codes[i]), files[i / 2]);
        for (int g = 0; g < 2; g++) { assert_true(value_at(&c, i, g) == due[i][g]); }
    }
    assert_int_equal(c.files.count, 2);
    cells_free(&c);
}

/* A file alone is as it is, and is no batch. */
static void one_file_is_no_batch(void **state) {
    const char *path = write_text("one.csv", "cell,CD3E,GAPDH\nAAA,1,2\nAAC,4,0\n");
    cells c;
    (void)state;
    join_files(&c, &path, 1, ISK_OK);
    assert_string_equal(names_get(&c.names, 1), "AAC");
    assert_null(cells_column(&c, JOIN_COLUMN));
    assert_int_equal(c.modality[0].in.cols, 2);
    cells_free(&c);
}

static void names_that_do_not_meet_are_said(void **state) {
    static const char *const words[] = {
        "only 0 of the 2 genes of the smallest file are in all 2: " SCRATCH "/one.csv calls its first 'CD3E', " SCRATCH "/two.csv "
        "'ENSG00000198851'; one names Ensembl's ids and the other symbols: name both alike",
        "only 0 of the 2 genes of the smallest file are in all 2: " SCRATCH "/one.csv calls its first 'CD3E', " SCRATCH "/two.csv "
        "'Cd3e'; the names of genes must agree",
    };
    static const char *const second[] = { "cell,ENSG00000198851,ENSG00000111640.15\nAAA,1,2\nAAC,4,0\n",
                                          "cell,Cd3e,Gapdh\nAAA,1,2\nAAC,4,0\n" };
    (void)state;
    for (int i = 0; i < 2; i++) {
        const char *paths[] = { write_text("one.csv", "cell,CD3E,GAPDH\nAAA,1,2\nAAC,4,0\n"), write_text("two.csv", second[i]) };
        cells c;
        join_files(&c, paths, 2, ISK_DATA);
        assert_string_equal(isk_error(context), words[i]);
        cells_free(&c);
    }
}

static void ensembl_is_told(void **state) {
    static const char *const ids[] = { "ENSG00000141510", "ENSMUSG00000059552", "ENSG00000141510.17" };
    static const char *const others[] = { "ENSA", "ENO1", "ENST00000269305", "ENSG123", "", "TP53", "ENSG00000141510x" };
    (void)state;
    for (size_t i = 0; i < COUNT(ids); i++) { assert_true(is_ensembl(ids[i])); }
    for (size_t i = 0; i < COUNT(others); i++) { assert_false(is_ensembl(others[i])); }
}

/* Files of 10x are called alike, in folders that are not. */
static void files_are_called_apart(void **state) {
    char one[300], two[300];
    const char *paths[] = { one, two };
    const cell_column *column;
    cells c;
    (void)state;
    scratch("");
    mkdir(SCRATCH "/s1", 0777);
    mkdir(SCRATCH "/s2", 0777);
    snprintf(one, sizeof one, "%s", write_text("s1/counts.csv", "cell,A,B\nAAA,1,2\n"));
    snprintf(two, sizeof two, "%s", write_text("s2/counts.csv", "cell,A,B\nAAC,1,2\n"));
    join_files(&c, paths, 2, ISK_OK);
    column = cells_column(&c, JOIN_COLUMN);
    assert_string_equal(names_get(&column->classes.classes, 0), "s1");
    assert_string_equal(names_get(&column->classes.classes, 1), "s2");
    assert_string_equal(names_get(&c.names, 0), "AAA");
    cells_free(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(genes_in_common_stay), cmocka_unit_test(one_file_is_no_batch), cmocka_unit_test(names_that_do_not_meet_are_said),
        cmocka_unit_test(ensembl_is_told), cmocka_unit_test(files_are_called_apart),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
