/* Matrices and labels of any format: examples/formats/input.c, compiled in here so that its memory can run out on request. */
/* build: float double */
#include "indiseek.h"

#include <math.h>
#include <sys/stat.h>

#include "tests/base/scarce.h"
#include "examples/base/lines.c"
#include "examples/formats/table.c"
#include "examples/formats/mtx.c"
#include "examples/formats/input.c"
#include "tests/base/fixture.h"

#define MTX_TEXT "%%MatrixMarket matrix coordinate integer general\n2 3 3\n1 2 2\n2 1 6\n2 3 2\n"

static const char *write_npy(const char *name, int64_t rows, int64_t cols, const isk_scalar *values) {
    isk_matrix matrix = { values, rows, cols };
    const char *path = scratch(name);
    assert_int_equal(isk_npy_save(context, path, matrix), ISK_OK);
    return path;
}

static void formats_are_told_by_content(void **state) {
    static const isk_scalar due[] = { 0, 2, 0, 6, 0, 2 };
    static const struct { const char *name, *text, *about; } cases[] = {
        { "any.mtx", MTX_TEXT, "Matrix Market" },
        { "any.txt", MTX_TEXT, "Matrix Market" },
        { "any.csv", ",a,b,c\nx,0,2,0\ny,6,0,2\n", "comma-separated text with a header and with row names" },
        { "any.npy", "0\t2\t0\n6\t0\t2\n", "tab-separated text without header and no row names" }
    };
    input in;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (int transpose = 0; transpose < 2; transpose++) {
            input_desc desc = { .transpose = transpose };
            char about[100];
            const char *path = write_text(cases[i].name, cases[i].text);
            assert_int_equal(input_read(context, path, &desc, &in), ISK_OK);
            snprintf(about, sizeof about, "%s%s", cases[i].about, transpose ? ", transposed" : "");
            assert_string_equal(in.about, about);
            assert_true(in.rows == (transpose ? 3 : 2) && in.cols == (transpose ? 2 : 3));
            assert_int_equal(input_dense(&in), ISK_OK);
            for (int r = 0; r < 2; r++) {
                for (int c = 0; c < 3; c++) { assert_true(in.values[transpose ? c * 2 + r : r * 3 + c] == due[r * 3 + c]); }
            }
            if (i == 2) {
                assert_string_equal(names_get(transpose ? &in.row_names : &in.column_names, 2), "c");
                assert_string_equal(names_get(transpose ? &in.column_names : &in.row_names, 1), "y");
            }
            input_free(&in);
        }
    }
    assert_int_equal(input_read(context, write_npy("any.csv", 2, 3, due), NULL, &in), ISK_OK);
    assert_string_equal(in.about, ".npy");
    assert_memory_equal(in.values, due, sizeof due);
    assert_int_equal(input_dense(&in), ISK_OK);
    input_free(&in);
}

/* A file of so many tensors, all of them of the same values. */
static const char *write_tensors(const char *name, int count, int dimensions, const int64_t *shape, const isk_scalar *values) {
    static const char *const called[] = { "x", "y" };
    isk_safetensors_writer *writer;
    const char *path = scratch(name);
    assert_int_equal(isk_safetensors_begin(context, &writer), ISK_OK);
    for (int i = 0; i < count; i++) { isk_safetensors_put(writer, called[i], ISK_TYPE_SCALAR, dimensions, shape, values); }
    assert_int_equal(isk_safetensors_finish(writer, path), ISK_OK);
    return path;
}

static void one_tensor_is_a_matrix(void **state) {
    static const isk_scalar values[] = { 1, 2, 3, 4, 5, 6 }, broken[] = { 1, NAN };
    static const int64_t shape[] = { 2, 3 }, row[] = { 1, 2 }, none[] = { 0, 3 };
    isk_matrix numbers;
    labels l;
    input in;
    (void)state;
    assert_int_equal(input_read(context, write_tensors("x.safetensors", 1, 2, shape, values), NULL, &in), ISK_OK);
    assert_string_equal(in.about, ".safetensors");
    assert_true(in.rows == 2 && in.cols == 3 && !in.is_sparse);
    assert_memory_equal(in.values, values, sizeof values);
    input_free(&in);
    assert_int_equal(input_read(context, SCRATCH "/x.safetensors", &(input_desc){ .transpose = 1 }, &in), ISK_OK);
    assert_true(in.rows == 3 && in.values[1] == 4);
    input_free(&in);
    assert_int_equal(input_numbers(context, SCRATCH "/x.safetensors", 2, &numbers), ISK_OK);
    assert_true(numbers.rows == 2 && numbers.cols == 3);
    scarce_free((void *)(uintptr_t)numbers.data);
    expect(context, input_labels(context, SCRATCH "/x.safetensors", 2, &l), ISK_UNSUPPORTED,
           SCRATCH "/x.safetensors: is a .safetensors file; labels come from .npy and tables as text");
    expect(context, input_read(context, write_tensors("t", 2, 2, shape, values), NULL, &in), ISK_SHAPE,
           SCRATCH "/t: holds 2 tensors; one matrix is due");
    expect(context, input_read(context, write_tensors("t", 0, 2, shape, values), NULL, &in), ISK_SHAPE,
           SCRATCH "/t: holds 0 tensors; one matrix is due");
    expect(context, input_read(context, write_tensors("t", 1, 1, shape, values), NULL, &in), ISK_SHAPE,
           SCRATCH "/t: holds 1 tensor, which is no matrix; one matrix is due");
    expect(context, input_read(context, write_tensors("t", 1, 2, none, values), NULL, &in), ISK_DATA,
           SCRATCH "/t: holds no values: 0 rows, 3 columns");
    expect(context, input_read(context, write_tensors("t", 1, 2, row, broken), NULL, &in), ISK_DATA,
           SCRATCH "/t: tensor 'x' [1, 2]: value 2 is NaN");
    expect(context, input_read(context, write_bytes("t", "\x40\0\0\0\0\0\0\0{}", 10), NULL, &in), ISK_DATA,
           SCRATCH "/t: its header asks for 72 bytes, but it has 10; it is cut off");
}

static void strangers_are_named(void **state) {
    static const struct { const char *start, *sentence; size_t length; } cases[] = {
        { "\x89HDF\r\n\x1A\n\0\0", "is an HDF5 file (.h5, .h5ad, .h5mu, .mat)", 10 },
        { "PK\3\4abc", "is a zip archive (.npz, .xlsx); of a .npz save one array with numpy.save", 7 },
        { "PAR1\x15xyz", "is a Parquet file; save it as CSV", 8 },
        { "BZh91AY&SYxyz", "is a bzip2 file; unpack it first", 13 },
        { "X\n\0\0\0\2",
          "is an R data file (.rds); in R write its counts by Matrix::writeMM and the names of both sides by writeLines", 6 },
        { "\037\213\010\000\000\000\000\000\002\003\353\364\160\161\343\345\222\342\002\000\333\321\315\262\010\000\000\000",
          "is an HDF5 file (.h5, .h5ad, .h5mu, .mat) that gzip has packed; unpack it first (gunzip -k)", 28 }
    };
    input in;
    char due[400], list[FORMATS_WORDS];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(due, sizeof due, SCRATCH "/stranger: %s; %s are read", cases[i].sentence, input_formats(0, list));
        expect(context, input_read(context, write_bytes("stranger", cases[i].start, cases[i].length), NULL, &in), ISK_UNSUPPORTED, due);
    }
    assert_true(write_text("pipe", "") && remove(SCRATCH "/pipe") == 0 && mkfifo(SCRATCH "/pipe", 0600) == 0);
    snprintf(due, sizeof due, SCRATCH "/pipe: is a pipe, and files are read more than once; write it to a file first; %s are read",
             input_formats(0, list));
    expect(context, input_read(context, SCRATCH "/pipe", NULL, &in), ISK_UNSUPPORTED, due);
    assert_int_equal(remove(SCRATCH "/pipe"), 0);
    assert_int_equal(input_read(context, write_text("gene.csv", "PAR1,F2R\n1,2\n"), NULL, &in), ISK_OK);
    input_free(&in);
    expect(context, input_read(context, write_text("none.mtx", "%%MatrixMarket matrix array real general\n0 3\n"), NULL, &in), ISK_DATA,
           SCRATCH "/none.mtx: holds no values: 0 rows, 3 columns");
    expect(context, input_read(context, "build/absent", NULL, &in), ISK_IO, "build/absent: cannot be opened: No such file or directory");
    expect(context, input_read(context, write_text("empty.csv", ""), NULL, &in), ISK_DATA, SCRATCH "/empty.csv: is empty");
}

static void formats_are_listed(void **state) {
    char list[FORMATS_WORDS];
    (void)state;
    assert_string_equal(input_formats(0, list), ".npy, .safetensors, .mtx and tables as text");
    assert_string_equal(input_help(list), ".npy (of sequences: samples x steps x features), .safetensors (of one matrix), .mtx (also as "
                                          ".gz) or table as text (comma, tab, semicolon, blanks; also as .gz)");
}

static void counts_become_logarithms(void **state) {
    static const char table_text[] = "a,b,c\n0,2,0\n6,0,2\n0,0,0\n", bad[] = "1,2\n3,-1\n";
    static const char sparse_text[] = "%%MatrixMarket matrix coordinate integer general\n3 3 3\n1 2 2\n2 1 6\n2 3 2\n";
    input dense, kept;
    (void)state;
    assert_int_equal(input_read(context, write_text("counts.csv", table_text), NULL, &dense), ISK_OK);
    assert_int_equal(input_read(context, write_text("counts.mtx", sparse_text), NULL, &kept), ISK_OK);
    assert_int_equal(input_log1p_cp10k(&dense), ISK_OK);
    assert_int_equal(input_log1p_cp10k(&kept), ISK_OK);
    assert_true(kept.is_sparse && kept.values == NULL);
    assert_int_equal(input_dense(&kept), ISK_OK);
    assert_memory_equal(dense.values, kept.values, 9 * sizeof *dense.values);
    assert_true(dense.values[1] == (isk_scalar)log1p(1e4) && dense.values[3] == (isk_scalar)log1p(7500));
    assert_true(dense.values[5] == (isk_scalar)log1p(2500) && dense.values[6] == 0);
    input_free(&dense);
    input_free(&kept);
    assert_int_equal(input_read(context, write_text("bad.csv", bad), NULL, &dense), ISK_OK);
    expect(context, input_log1p_cp10k(&dense), ISK_DATA,
           SCRATCH "/bad.csv: row 2, column 2 is -1 where counts are due; turn the count transform off for values that are no counts");
    input_free(&dense);
}

static void columns_are_selected(void **state) {
    static const int64_t columns[] = { 2, 0 }, beyond[] = { 3 };
    input in;
    (void)state;
    assert_int_equal(input_read(context, write_text("in.csv", "a,b,c\n0,2,0\n6,0,2\n"), NULL, &in), ISK_OK);
    expect(context, input_select(&in, beyond, 1), ISK_ARGUMENT, SCRATCH "/in.csv: column 4 was chosen, but there are 3");
    assert_int_equal(input_select(&in, columns, 2), ISK_OK);
    assert_true(in.cols == 2 && in.values[2] == 2 && in.values[3] == 6);
    assert_string_equal(names_get(&in.column_names, 0), "c");
    input_free(&in);
    assert_int_equal(input_read(context, write_text("in.mtx", MTX_TEXT), NULL, &in), ISK_OK);
    assert_int_equal(input_select(&in, columns, 2), ISK_OK);
    assert_int_equal(input_dense(&in), ISK_OK);
    assert_true(in.cols == 2 && in.values[2] == 2 && in.values[3] == 6);
    input_free(&in);
}

static void labels_of_any_format(void **state) {
    static const isk_scalar codes[] = { 2, 1, 2 }, broken[] = { 1, (isk_scalar)1.5 };
    labels l;
    (void)state;
    assert_int_equal(input_labels(context, write_npy("labels.npy", 3, 1, codes), 3, &l), ISK_OK);
    assert_true(l.count == 2 && l.codes[0] == 1 && l.codes[1] == 0);
    labels_free(&l);
    expect(context, input_labels(context, SCRATCH "/labels.npy", 4, &l), ISK_SHAPE,
           SCRATCH "/labels.npy: has 3 labels where 4 rows are due");
    expect(context, input_labels(context, write_npy("labels.npy", 2, 1, broken), 0, &l), ISK_DATA,
           SCRATCH "/labels.npy: row 2, column 1 is 1.5, not a whole number of 32 bits");
    expect(context, input_labels(context, write_npy("labels.npy", 1, 2, broken), 0, &l), ISK_SHAPE,
           SCRATCH "/labels.npy: is [1, 2]; labels are one column");
    write_text("cells.tsv", "cell\ttype\nx\tT\ny\tB\n");
    assert_int_equal(input_labels(context, SCRATCH "/cells.tsv:type", 2, &l), ISK_OK);
    assert_true(l.count == 2 && l.codes[0] == 1);
    labels_free(&l);
    assert_int_equal(input_labels(context, SCRATCH "/cells.tsv:1", 2, &l), ISK_OK);
    assert_string_equal(names_get(&l.classes, 0), "x");
    labels_free(&l);
    expect(context, input_labels(context, SCRATCH "/cells.tsv", 2, &l), ISK_ARGUMENT,
           SCRATCH "/cells.tsv: has 2 columns; say which holds the labels, by name or number from 1");
    write_text("with:colon.txt", "T\nB\nT\n");
    assert_int_equal(input_labels(context, SCRATCH "/with:colon.txt", 3, &l), ISK_OK);
    labels_free(&l);
    expect(context, input_labels(context, write_text("l.mtx", MTX_TEXT), 2, &l), ISK_UNSUPPORTED,
           SCRATCH "/l.mtx: is a Matrix Market file; labels come from .npy and tables as text");
}

static isk_status run_input(isk_context *c, void *path) {
    static const int64_t columns[] = { 1, 0 };
    const input_desc desc = { .transpose = 1 };
    input in;
    isk_status status = input_read(c, path, &desc, &in);
    if (status == ISK_OK) { status = input_select(&in, columns, 2); }
    if (status == ISK_OK) { status = input_dense(&in); }
    input_free(&in);
    return status;
}

static isk_status run_labels(isk_context *c, void *argument) {
    labels l;
    isk_status status = input_labels(c, argument, 0, &l);
    if (status == ISK_OK) { labels_free(&l); }
    return status;
}

static void sweeps(void **state) {
    static const isk_scalar values[] = { 1, 2, 3, 4 };
    char csv[] = SCRATCH "/sweep.csv", matrix[] = SCRATCH "/sweep.mtx", npy[] = SCRATCH "/sweep.npy",
         tensor[] = SCRATCH "/sweep.safetensors", column[] = SCRATCH "/sweep.csv:b", codes[] = SCRATCH "/codes.npy";
    static const int64_t shape[] = { 2, 2 };
    (void)state;
    write_text("sweep.csv", ",a,b\nx,1,2\ny,3,4\n");
    write_text("sweep.mtx", MTX_TEXT);
    write_npy("sweep.npy", 2, 2, values);
    write_npy("codes.npy", 4, 1, values);
    sweep_memory(context, run_input, csv);
    sweep_memory(context, run_input, matrix);
    write_tensors("sweep.safetensors", 1, 2, shape, values);
    sweep_memory(context, run_input, npy);
    sweep_memory(context, run_input, tensor);
    sweep_memory(context, run_labels, column);
    sweep_memory(context, run_labels, codes);
}

/* ---- sequences, masks, numbers ---- */

static void sequences_and_what_counts(void **state) {
    static const char header[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2, 2), }";
    static const int big = 1;
    const float values[8] = { 1, 2, NAN, NAN, 5, INFINITY, 7, 8 };
    static const uint8_t first_only[2] = { 1, 0 };
    char file[10 + sizeof header - 1 + sizeof values] = "\x93NUMPY\x01";
    const char *path;
    input in;
    (void)state;
    if (*(const char *)&big == 0) { return; }                           /* the bytes are those of a little-endian machine */
    file[8] = (char)(sizeof header - 1);
    memcpy(file + 10, header, sizeof header - 1);
    memcpy(file + 10 + sizeof header - 1, values, sizeof values);
    path = write_bytes("steps.npy", file, sizeof file);
    expect(context, input_read(context, path, NULL, &in), ISK_SHAPE,
           SCRATCH "/steps.npy: holds sequences, 2 samples of 2 steps; a matrix is due");
    expect(context, input_read(context, path, &(input_desc){ .transpose = 1, .sequences = 1 }, &in), ISK_SHAPE,
           SCRATCH "/steps.npy: holds sequences, 2 samples of 2 steps; they cannot be transposed");
    expect(context, input_read(context, path, &(input_desc){ .sequences = 1 }, &in), ISK_DATA,
           SCRATCH "/steps.npy: row 1, step 2, feature 1 is NaN");
    assert_int_equal(input_read(context, path, &(input_desc){ .sequences = 1, .missing = 1 }, &in), ISK_OK);
    assert_true(in.rows == 2 && in.steps == 2 && in.cols == 4);
    expect(context, input_check(&in, NULL), ISK_DATA, SCRATCH "/steps.npy: row 1, step 2, feature 1 is missing (or NaN)");
    assert_int_equal(input_whole(context, write_text("lengths.csv", "1\n2\n"), 2, "--x1-lengths", 0, 2, &in.lengths), ISK_OK);
    expect(context, input_check(&in, NULL), ISK_DATA, SCRATCH "/steps.npy: row 2, step 1, feature 2 is infinite");
    assert_int_equal(input_check(&in, first_only), ISK_OK);
    for (int i = 0; i < 8; i++) { assert_true(in.values[i] == (isk_scalar)(i < 2 ? i + 1 : 0)); }
    input_free(&in);
}

static void missing_values_of_a_table(void **state) {
    input in;
    (void)state;
    assert_int_equal(input_read(context, write_text("na.csv", "a,b\n1,NA\n,4\n"), &(input_desc){ .missing = 1 }, &in), ISK_OK);
    assert_true(in.values[0] == 1 && isnan(in.values[1]) && isnan(in.values[2]) && in.values[3] == 4);
    input_free(&in);
}

static void numbers_one_a_row(void **state) {
    int32_t *whole = NULL;
    isk_matrix numbers;
    (void)state;
    assert_int_equal(input_whole(context, write_text("w.csv", "id,n\na,1\nb,1.0\nc,0\n"), 3, "n", 0, 1, &whole), ISK_ARGUMENT);
    assert_null(whole);
    assert_int_equal(input_whole(context, SCRATCH "/w.csv:n", 3, "n", 0, 1, &whole), ISK_OK);
    assert_true(whole[0] == 1 && whole[1] == 1 && whole[2] == 0);
    scarce_free(whole);
    expect(context, input_whole(context, write_text("h.csv", "1\n0.5\n"), 2, "n", 0, 1, &whole), ISK_DATA,
           SCRATCH "/h.csv: row 2 is '0.5'; n is a whole number from 0 to 1");
    write_text("d.csv", "id,dose\na,1.5\nb,\nc,-2\n");
    assert_int_equal(input_numbers(context, SCRATCH "/d.csv:dose", 3, &numbers), ISK_OK);
    assert_true(numbers.rows == 3 && numbers.cols == 1 && numbers.data[0] == (isk_scalar)1.5 && isnan(numbers.data[1]) &&
                numbers.data[2] == -2);
    scarce_free((void *)(uintptr_t)numbers.data);
    expect(context, input_numbers(context, write_text("d.csv", "1\nx\n"), 2, &numbers), ISK_DATA,
           SCRATCH "/d.csv: row 2 is 'x', which is no number");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_are_told_by_content),
        cmocka_unit_test(one_tensor_is_a_matrix),
        cmocka_unit_test(strangers_are_named),
        cmocka_unit_test(formats_are_listed),
        cmocka_unit_test(counts_become_logarithms),
        cmocka_unit_test(columns_are_selected),
        cmocka_unit_test(labels_of_any_format),
        cmocka_unit_test(sweeps),
        cmocka_unit_test(sequences_and_what_counts),
        cmocka_unit_test(missing_values_of_a_table),
        cmocka_unit_test(numbers_one_a_row)
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
