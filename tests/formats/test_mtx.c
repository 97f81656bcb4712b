/* Matrix Market files: examples/formats/mtx.c, compiled in here so that its memory can run out on request. */
/* build: float double */
#include "indiseek.h"
#include "tests/base/scarce.h"
#include "examples/base/lines.c"
#include "examples/formats/mtx.c"
#include "tests/base/fixture.h"

#define BANNER "%%MatrixMarket matrix "

static isk_status read_text(const char *text, int transpose, sparse *m) {
    char *copy;
    const isk_reader reader = read_copy(text, "m.mtx", &copy);
    const isk_status status = mtx_read_from(context, &reader, transpose, m);
    free(copy);
    return status;
}

/* The whole of it must hang together, whatever was read. */
static void check_sparse(const sparse *m) {
    assert_int_equal(m->starts[0], 0);
    assert_int_equal(m->starts[m->rows], m->count);
    for (int64_t r = 0; r < m->rows; r++) {
        assert_true(m->starts[r] <= m->starts[r + 1]);
        for (int64_t i = m->starts[r]; i < m->starts[r + 1]; i++) {
            assert_true(m->columns[i] >= 0 && m->columns[i] < m->cols);
            assert_true(i == m->starts[r] || m->columns[i] > m->columns[i - 1]);
        }
    }
}

static void expect_dense(const sparse *m, int64_t rows, int64_t cols, const double *due) {
    isk_scalar *values = sparse_to_dense(m);
    assert_non_null(values);
    check_sparse(m);
    assert_int_equal(m->rows, rows);
    assert_int_equal(m->cols, cols);
    for (int64_t i = 0; i < rows * cols; i++) { assert_true(values[i] == (isk_scalar)due[i]); }
    scarce_free(values);
}

/* ---- what is read ---- */

static void both_formats_both_ways(void **state) {
    static const double due[] = { 0, 2, 0, -1.5, 0, 4 }, turned[] = { 0, -1.5, 2, 0, 0, 4 };
    static const char *const texts[] = {
        BANNER "coordinate real general\n% a comment\n%\n2 3 3\n2 3 4\n1 2 2\n2 1 -1.5\n",
        "%%matrixmarket MATRIX Coordinate Real General\r\n\r\n2 3 3\r\n2 1 -15e-1\r\n1 2 +2\r\n2 3 4.0\r\n\r\n",
        BANNER "coordinate double general\n 2\t3  3 \n1 2 2\n2 1 -1.5\n  2 3   4",
        BANNER "array real general\n2 3\n0\n-1.5\n2\n0\n0\n4\n"
    };
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        sparse m;
        isk_status status = read_text(texts[i], 0, &m);
        if (status != ISK_OK) { print_message("%s\n", isk_error(context)); }
        assert_int_equal(status, ISK_OK);
        expect_dense(&m, 2, 3, due);
        assert_int_equal(m.count, 3);
        sparse_free(&m);
        assert_int_equal(read_text(texts[i], 1, &m), ISK_OK);
        expect_dense(&m, 3, 2, turned);
        sparse_free(&m);
    }
}

static void integers_and_patterns(void **state) {
    static const double counts[] = { 0, 7, 0, 0 }, ones[] = { 0, 1, 1, 0 };
    sparse m;
    (void)state;
    assert_int_equal(read_text(BANNER "coordinate integer general\n2 2 2\n1 2 7\n1 1 0\n", 0, &m), ISK_OK);
    expect_dense(&m, 2, 2, counts);
    assert_int_equal(m.count, 2);                   /* a zero that is written out stays an entry */
    sparse_free(&m);
    assert_int_equal(read_text(BANNER "coordinate pattern general\n2 2 2\n1 2\n2 1\n", 0, &m), ISK_OK);
    expect_dense(&m, 2, 2, ones);
    sparse_free(&m);
    assert_int_equal(read_text(BANNER "coordinate integer general\n3 0 0\n", 0, &m), ISK_OK);
    assert_true(m.rows == 3 && m.cols == 0 && m.count == 0);
    check_sparse(&m);
    sparse_free(&m);
    assert_int_equal(read_text(BANNER "array integer general\n0 4\n", 1, &m), ISK_OK);
    assert_true(m.rows == 4 && m.cols == 0);
    check_sparse(&m);
    sparse_free(&m);
}

static void columns_are_selected(void **state) {
    static const int64_t columns[] = { 2, 0 }, twice[] = { 1, 1 }, beyond[] = { 3 }, negative[] = { -1 };
    static const double due[] = { 0, 0, 4, -1.5 };
    sparse m, s;
    (void)state;
    assert_int_equal(read_text(BANNER "coordinate real general\n2 3 3\n2 3 4\n1 2 2\n2 1 -1.5\n", 0, &m), ISK_OK);
    assert_int_equal(sparse_select(context, "m.mtx", &m, columns, 2, &s), ISK_OK);
    expect_dense(&s, 2, 2, due);
    sparse_free(&s);
    assert_int_equal(sparse_select(context, "m.mtx", &m, columns, 0, &s), ISK_OK);
    check_sparse(&s);
    sparse_free(&s);
    expect(context, sparse_select(context, "m.mtx", &m, twice, 2, &s), ISK_ARGUMENT,
           "m.mtx: column 2 was chosen, but there are 3, each to be chosen once");
    expect(context, sparse_select(context, "m.mtx", &m, beyond, 1, &s), ISK_ARGUMENT,
           "m.mtx: column 4 was chosen, but there are 3, each to be chosen once");
    expect(context, sparse_select(context, "m.mtx", &m, negative, 1, &s), ISK_ARGUMENT,
           "m.mtx: column 0 was chosen, but there are 3, each to be chosen once");
    sparse_free(&m);
}

/* ---- what is refused ---- */

static void mistakes_are_named(void **state) {
    static const struct { const char *text; isk_status status; const char *sentence; } cases[] = {
        { "", ISK_DATA, "m.mtx: is no Matrix Market file; those start with %%MatrixMarket" },
        { "%MatrixMarket matrix\n", ISK_DATA, "m.mtx: is no Matrix Market file; those start with %%MatrixMarket" },
        { "%%MatrixMarketing\n", ISK_DATA, "m.mtx: is no Matrix Market file; those start with %%MatrixMarket" },
        { "%%MatrixMarket vector\n", ISK_DATA, "m.mtx: line 1 announces something other than a matrix" },
        { BANNER "sparse real general\n", ISK_DATA, "m.mtx: line 1 names a format other than coordinate and array" },
        { BANNER "coordinate complex general\n", ISK_UNSUPPORTED,
          "m.mtx: line 1: values of kind 'complex' are not read, only real, integer and (for coordinates) pattern" },
        { BANNER "array pattern general\n", ISK_UNSUPPORTED,
          "m.mtx: line 1: values of kind 'pattern' are not read, only real, integer and (for coordinates) pattern" },
        { BANNER "coordinate\n", ISK_UNSUPPORTED,
          "m.mtx: line 1: values of kind '' are not read, only real, integer and (for coordinates) pattern" },
        { BANNER "coordinate real symmetric\n", ISK_UNSUPPORTED,
          "m.mtx: line 1: a matrix that is 'symmetric' is not read, only general ones; write all entries out" },
        { BANNER "coordinate real skew-symmetric\n", ISK_UNSUPPORTED,
          "m.mtx: line 1: a matrix that is 'skew-symmetric' is not read, only general ones; write all entries out" },
        { BANNER "coordinate real\n", ISK_UNSUPPORTED,
          "m.mtx: line 1: a matrix that is '' is not read, only general ones; write all entries out" },
        { BANNER "coordinate real general x\n", ISK_DATA, "m.mtx: line 1 has something after 'general'" },
        { BANNER "coordinate real general\n% c\n\n", ISK_DATA, "m.mtx: ends before the line of sizes" },
        { BANNER "coordinate real general\n2 2\n", ISK_DATA,
          "m.mtx: line 2 must hold three whole numbers: rows columns entries, the first two up to 10^8" },
        { BANNER "coordinate real general\n%\n2 2 1 1\n", ISK_DATA,
          "m.mtx: line 3 must hold three whole numbers: rows columns entries, the first two up to 10^8" },
        { BANNER "coordinate real general\n2 -2 1\n", ISK_DATA,
          "m.mtx: line 2 must hold three whole numbers: rows columns entries, the first two up to 10^8" },
        { BANNER "coordinate real general\n2 100000001 1\n", ISK_DATA,
          "m.mtx: line 2 must hold three whole numbers: rows columns entries, the first two up to 10^8" },
        { BANNER "array real general\n2 2 4\n", ISK_DATA, "m.mtx: line 2 must hold two whole numbers up to 10^8: rows columns" },
        { BANNER "coordinate real general\n2 2 1\n0 1 1\n", ISK_DATA, "m.mtx: line 3: row 0, column 1 is outside of 1 .. 2, 1 .. 2" },
        { BANNER "coordinate real general\n2 2 1\n1 3 1\n", ISK_DATA, "m.mtx: line 3: row 1, column 3 is outside of 1 .. 2, 1 .. 2" },
        { BANNER "coordinate real general\n2 2 1\n1\n", ISK_DATA, "m.mtx: line 3 must begin with two whole numbers: row column" },
        { BANNER "coordinate real general\n2 2 1\n1 1.0 1\n", ISK_DATA, "m.mtx: line 3 must begin with two whole numbers: row column" },
        { BANNER "coordinate real general\n2 2 1\n1 99999999999999999999 1\n", ISK_DATA,
          "m.mtx: line 3 must begin with two whole numbers: row column" },
        { BANNER "coordinate real general\n2 2 1\n1 1\n", ISK_DATA, "m.mtx: line 3 has no value after row and column" },
        { BANNER "coordinate real general\n2 2 1\n1 1 x\n", ISK_DATA, "m.mtx: line 3: 'x' is not a number" },
        { BANNER "coordinate real general\n2 2 1\n1 1 nan\n", ISK_DATA, "m.mtx: line 3: 'nan' is not a number" },
        { BANNER "coordinate real general\n2 2 1\n1 1 1,5\n", ISK_DATA, "m.mtx: line 3: '1,5' is not a number" },
        { BANNER "coordinate real general\n2 2 1\n1 1 -1e999\n", ISK_DATA, "m.mtx: line 3: '-1e999' is beyond the range of numbers" },
        { BANNER "coordinate integer general\n2 2 1\n1 1 1.5\n", ISK_DATA,
          "m.mtx: line 3: '1.5' is not a whole number, which line 1 announces" },
        { BANNER "coordinate real general\n2 2 1\n1 1 1 1\n", ISK_DATA, "m.mtx: line 3 has more on it than one entry" },
        { BANNER "coordinate pattern general\n2 2 1\n1 1 1\n", ISK_DATA, "m.mtx: line 3 has more on it than one entry" },
        { BANNER "coordinate real general\n2 2 2\n1 1 1\n", ISK_DATA, "m.mtx: has 1 of the 2 entries that it announces; it is cut off" },
        { BANNER "coordinate real general\n2 2 1\n1 1 1\n2 2 1\n", ISK_DATA,
          "m.mtx: line 4 goes beyond the 1 entries that the file announces" },
        { BANNER "coordinate real general\n2 2 2\n1 1 1\n\n2 2 1\n", ISK_DATA, "m.mtx: line 4 is empty where an entry is due" },
        { BANNER "coordinate real general\n%\n2 3 4\n1 1 1\n2 3 1\n1 2 5\n2 3 1\n", ISK_DATA,
          "m.mtx: line 7: row 2, column 3 stands twice" },
        { BANNER "array real general\n2 2\n1\n2\n3\n", ISK_DATA, "m.mtx: has 3 of the 4 entries that it announces; it is cut off" },
        { BANNER "array real general\n1 1\n1 2\n", ISK_DATA, "m.mtx: line 3 has more on it than one entry" },
        { BANNER "array integer general\n1 1\n1e3\n", ISK_DATA, "m.mtx: line 3: '1e3' is not a whole number, which line 1 announces" },
        { BANNER "coordinate real general\n100000000 100000000 1000000000000\n1 1 1\n", ISK_DATA,
          "m.mtx: has 1 of the 1000000000000 entries that it announces; it is cut off" }
    };
    sparse m;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (int transpose = 0; transpose < 2; transpose++) {
            expect(context, read_text(cases[i].text, transpose, &m), cases[i].status, cases[i].sentence);
            assert_null(m.starts);
        }
    }
    expect(context, mtx_read(context, "build/none.mtx", 0, &m), ISK_IO, "build/none.mtx: cannot be opened: No such file or directory");
}

static void dense_beyond_memory(void **state) {
    sparse m;
    (void)state;
    memset(&m, 0, sizeof m);
    m.rows = m.cols = INT32_MAX;
    assert_null(sparse_to_dense(&m));
}

/* ---- sweeps ---- */

static isk_status run_reader(isk_context *c, const isk_reader *reader) {
    sparse m;
    isk_status status = ISK_OK;
    for (int transpose = 0; transpose < 2 && status == ISK_OK; transpose++) {
        status = mtx_read_from(c, reader, transpose, &m);
        if (status == ISK_OK) { check_sparse(&m); }
        sparse_free(&m);
    }
    return status;
}

static isk_status run_text(isk_context *c, void *text) {
    static const int64_t columns[] = { 1, 0 };
    isk_reader reader = isk_reader_memory(text, strlen(text), "m.mtx");
    sparse m, s;
    isk_status status = mtx_read_from(c, &reader, 1, &m);
    if (status == ISK_OK) { status = sparse_select(c, "m.mtx", &m, columns, 2, &s); }
    if (status == ISK_OK) { sparse_free(&s); }
    sparse_free(&m);
    return status;
}

static void sweeps(void **state) {
    char text[] = BANNER "coordinate real general\n%\n2 3 3\n2 3 4\n1 2 2\n2 1 -1.5e1\n",
         array[] = BANNER "array integer general\n2 2\n1\n2\n3\n4\n";
    (void)state;
    sweep_memory(context, run_text, text);
    sweep_readers(context, text, sizeof text - 1, run_reader);
    sweep_damage(context, text, sizeof text - 1, run_reader);
    sweep_damage(context, array, sizeof array - 1, run_reader);
}

/* ---- a real file ---- */

static void ten_x_counts(void **state) {
    static const char path[] = "../shared/data/bmmc_citeseq_neurips2021/rna_counts.mtx.gz";
    struct stat info;
    sparse m;
    isk_status status;
    (void)state;
    if (stat(path, &info) != 0) {
        print_message("skipped: no ../shared/data\n");
        skip();
    }
    status = mtx_read(context, path, 1, &m);
#ifdef INDISEEK_HAVE_ZLIB
    assert_int_equal(status, ISK_OK);
    check_sparse(&m);
    assert_true(m.rows == 600 && m.cols == 1000 && m.count > 10000);
    for (int64_t i = 0; i < m.count; i++) { assert_true(m.values[i] >= 1 && m.values[i] == (isk_scalar)(int64_t)m.values[i]); }
    sparse_free(&m);
#else
    assert_int_equal(status, ISK_UNSUPPORTED);
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_formats_both_ways),
        cmocka_unit_test(integers_and_patterns),
        cmocka_unit_test(columns_are_selected),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(dense_beyond_memory),
        cmocka_unit_test(sweeps),
        cmocka_unit_test(ten_x_counts),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
