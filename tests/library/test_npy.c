/* Section "npy" of indiseek.h.  Whole files below were written by NumPy 2; the rest is put together here byte by byte. */
/* build: float double */
#define INDISEEK_IMPLEMENTATION
#include "indiseek.h"
#include "tests/base/fixture.h"

static const unsigned char numpy_f4[] = {
    147, 78, 85, 77, 80, 89, 1, 0, 118, 0, 123, 39, 100, 101, 115, 99, 114, 39, 58, 32, 39, 60, 102, 52,
    39, 44, 32, 39, 102, 111, 114, 116, 114, 97, 110, 95, 111, 114, 100, 101, 114, 39, 58, 32, 70, 97, 108, 115,
    101, 44, 32, 39, 115, 104, 97, 112, 101, 39, 58, 32, 40, 51, 44, 32, 50, 41, 44, 32, 125, 32, 32, 32,
    32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32,
    32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32,
    32, 32, 32, 32, 32, 32, 32, 10, 0, 0, 192, 63, 0, 0, 0, 192, 0, 0, 64, 64, 0, 0, 128, 64,
    0, 0, 160, 64, 118, 132, 95, 81
};
static const unsigned char numpy_fortran_i4_big[] = {
    147, 78, 85, 77, 80, 89, 1, 0, 118, 0, 123, 39, 100, 101, 115, 99, 114, 39, 58, 32, 39, 62, 105, 52,
    39, 44, 32, 39, 102, 111, 114, 116, 114, 97, 110, 95, 111, 114, 100, 101, 114, 39, 58, 32, 84, 114, 117, 101,
    44, 32, 39, 115, 104, 97, 112, 101, 39, 58, 32, 40, 50, 44, 32, 51, 41, 44, 32, 125, 32, 32, 32, 32,
    32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32,
    32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32,
    32, 32, 32, 32, 32, 32, 32, 10, 0, 0, 0, 1, 255, 255, 255, 252, 0, 0, 0, 2, 0, 0, 0, 5,
    0, 0, 0, 3, 127, 255, 255, 255
};

/* ---- putting a file together ---- */

typedef struct bytes { unsigned char at[4096]; size_t count; } bytes;

static void put(bytes *b, const void *from, size_t count) {
    assert_true(b->count + count <= sizeof b->at);
    if (count) { memcpy(b->at + b->count, from, count); }
    b->count += count;
}

/* A value of `size` bytes, least significant first or last. */
static void put_bits(bytes *b, uint64_t bits, int size, int big) {
    for (int i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)(bits >> (8 * (big ? size - 1 - i : i)));
        put(b, &byte, 1);
    }
}

static void put_real(bytes *b, double value, int size, int big) {
    float small = (float)value;
    uint32_t half;
    uint64_t bits;
    memcpy(&bits, &value, 8);
    memcpy(&half, &small, 4);
    put_bits(b, size == 8 ? bits : half, size, big);
}

/* The header: version major.0 and the dictionary, as it is given. */
static bytes start(int major, const char *dictionary) {
    bytes b = { { 0 }, 0 };
    size_t length = strlen(dictionary);
    put(&b, "\x93NUMPY", 6);
    put_bits(&b, (uint64_t)major, 2, 0);
    put_bits(&b, length, major == 1 ? 2 : 4, 0);
    put(&b, dictionary, length);
    return b;
}

static isk_status load(const bytes *b, int flags, isk_npy *npy, isk_scalar values[64]) {
    unsigned char *copy = malloc(b->count);
    isk_reader reader;
    isk_status status;
    assert_non_null(copy);
    memcpy(copy, b->at, b->count);
    reader = isk_reader_memory(copy, b->count, "a.npy");
    status = isk_npy_open(context, &reader, npy);
    if (status == ISK_OK) {
        assert_true(npy->rows * npy->cols <= 64);
        status = isk_npy_read(context, &reader, npy, flags, values);
    }
    free(copy);
    return status;
}

static isk_status load_integers(const bytes *b, int32_t values[64]) {
    isk_reader reader = isk_reader_memory(b->at, b->count, "a.npy");
    isk_npy npy;
    isk_status status = isk_npy_open(context, &reader, &npy);
    return status == ISK_OK ? isk_npy_read_integers(context, &reader, &npy, values) : status;
}

/* ---- what is read ---- */

static void files_of_numpy(void **state) {
    static const double values[] = { 1.5, -2, 3, 4, 5, 6e10 }, whole[] = { 1, 2, 3, -4, 5, 2147483647 };
    isk_matrix matrix;
    int i;
    (void)state;
    assert_int_equal(isk_npy_load(context, write_bytes("f4.npy", numpy_f4, sizeof numpy_f4), 0, &matrix), ISK_OK);
    assert_int_equal(matrix.rows, 3);
    assert_int_equal(matrix.cols, 2);
    for (i = 0; i < 6; i++) { assert_true(matrix.data[i] == (isk_scalar)(float)values[i]); }
    isk_free(context, matrix.data);
    assert_int_equal(isk_npy_load(context, write_bytes("i4.npy", numpy_fortran_i4_big, sizeof numpy_fortran_i4_big), 0, &matrix), ISK_OK);
    assert_int_equal(matrix.rows, 2);
    assert_int_equal(matrix.cols, 3);
    for (i = 0; i < 6; i++) { assert_true(matrix.data[i] == (isk_scalar)whole[i]); }
    isk_free(context, matrix.data);
}

static void every_type_order_and_version(void **state) {
    static const struct { const char *name; int size, whole; isk_type type; } types[] = {
        { "f4", 4, 0, ISK_TYPE_F32 }, { "f8", 8, 0, ISK_TYPE_F64 }, { "i4", 4, 1, ISK_TYPE_I32 }, { "i8", 8, 1, ISK_TYPE_I64 }
    };
    (void)state;
    for (int version = 1; version <= 3; version++) {
        for (size_t t = 0; t < COUNT(types); t++) {
            for (int kind = 0; kind < 8; kind++) {
                int big = kind & 1, fortran = kind >> 1 & 1, vector = kind >> 2;
                char header[200];
                isk_scalar values[64];
                isk_npy npy;
                bytes b;
                snprintf(header, sizeof header, "{'descr': '%c%s', 'fortran_order': %s, 'shape': (%s), }", big ? '>' : '<', types[t].name,
                         fortran ? "True" : "False", vector ? "6," : "2, 3");
                b = start(version, header);
                for (int i = 0; i < 6; i++) {
                    /* the value of row r, column c is 10 r + c - 5, in the order of the file */
                    int r = vector ? i : fortran ? i % 2 : i / 3, c = vector ? 0 : fortran ? i / 2 : i % 3;
                    double value = 10 * r + c - 5;
                    if (types[t].whole) {
                        put_bits(&b, (uint64_t)(int64_t)value, types[t].size, big);
                    } else {
                        put_real(&b, value, types[t].size, big);
                    }
                }
                assert_int_equal(load(&b, 0, &npy, values), ISK_OK);
                assert_int_equal(npy.type, types[t].type);
                assert_int_equal(npy.big_endian, big);
                assert_int_equal(npy.fortran_order, fortran);
                assert_int_equal(npy.dimensions, vector ? 1 : 2);
                assert_int_equal(npy.rows, vector ? 6 : 2);
                assert_int_equal(npy.cols, vector ? 1 : 3);
                for (int i = 0; i < 6; i++) {
                    assert_true(values[i] == (isk_scalar)(vector ? 10 * i - 5 : 10 * (i / 3) + i % 3 - 5));
                }
            }
        }
    }
}

/* Three rows of two steps of four features, in both orders of the file. */
static void sequences(void **state) {
    enum { ROWS = 3, STEPS = 2, FEATURES = 4, CELLS = ROWS * STEPS * FEATURES };
    (void)state;
    for (int fortran = 0; fortran < 2; fortran++) {
        char header[200];
        isk_scalar values[64];
        isk_matrix matrix;
        isk_npy npy;
        int steps = -1;
        bytes b;
        snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': %s, 'shape': (3, 2, 4), }", fortran ? "True" : "False");
        b = start(1, header);
        for (int i = 0; i < CELLS; i++) {           /* 100 row + 10 step + feature */
            const int place[3] = { fortran ? i % ROWS : i / (STEPS * FEATURES), fortran ? i / ROWS % STEPS : i / FEATURES % STEPS,
                                   fortran ? i / (ROWS * STEPS) : i % FEATURES };
            put_real(&b, 100 * place[0] + 10 * place[1] + place[2], 4, 0);
        }
        assert_int_equal(load(&b, 0, &npy, values), ISK_OK);
        assert_true(npy.dimensions == 3 && npy.rows == ROWS && npy.steps == STEPS && npy.cols == STEPS * FEATURES);
        for (int i = 0; i < CELLS; i++) {
            assert_true(values[i] == (isk_scalar)(100 * (i / 8) + 10 * (i / FEATURES % STEPS) + i % FEATURES));
        }
        assert_int_equal(isk_npy_load_steps(context, write_bytes("steps.npy", b.at, b.count), 0, &steps, &matrix), ISK_OK);
        assert_true(steps == STEPS && matrix.rows == ROWS && matrix.cols == STEPS * FEATURES);
        assert_memory_equal(matrix.data, values, CELLS * sizeof *values);
        isk_free(context, matrix.data);
        expect(context, isk_npy_load(context, scratch("steps.npy"), 0, &matrix), ISK_SHAPE,
               SCRATCH "/steps.npy: holds sequences, [3, 2, 4]; a matrix is due (isk_npy_load_steps reads sequences)");
        assert_null(matrix.data);
        b.count -= 4 * (fortran ? 5 : 6);           /* the last values are not a number */
        for (int i = fortran ? 5 : 6; i > 0; i--) { put_real(&b, i == (fortran ? 5 : 6) ? NAN : 0, 4, 0); }
        expect(context, load(&b, 0, &npy, values), ISK_DATA,
               fortran ? "a.npy: row 2, step 1, feature 4 is NaN" : "a.npy: row 3, step 1, feature 3 is NaN");
    }
}

static void a_matrix_has_no_steps(void **state) {
    int steps = -1;
    isk_matrix matrix;
    (void)state;
    assert_int_equal(isk_npy_load_steps(context, write_bytes("f4.npy", numpy_f4, sizeof numpy_f4), 0, &steps, &matrix), ISK_OK);
    assert_int_equal(steps, 0);
    isk_free(context, matrix.data);
}

static void the_dictionary_may_be_written_freely(void **state) {
    static const char *const headers[] = {
        "{'descr': '<i4', 'fortran_order': False, 'shape': (1, 2)}", "{'shape': (1, 2), 'fortran_order': False, 'descr': '<i4'}  \n",
        "{\"descr\":\"<i4\",\"fortran_order\":False,\"shape\":(1,2,),}",
        " {\t'shape' : ( 1 , 2 ) ,\n'descr':'<i4','fortran_order'\t:\tFalse}\r\n"
    };
    (void)state;
    for (size_t i = 0; i < COUNT(headers); i++) {
        bytes b = start(1, headers[i]);
        isk_scalar values[64];
        isk_npy npy;
        put_bits(&b, 7, 4, 0);
        put_bits(&b, (uint64_t)-8, 4, 0);
        assert_int_equal(load(&b, 0, &npy, values), ISK_OK);
        assert_true(npy.rows == 1 && npy.cols == 2 && values[0] == 7 && values[1] == -8);
    }
}

static void many_values_pass_in_runs(void **state) {
    enum { ROWS = 700, COLS = 3 };
    isk_matrix matrix = { NULL, ROWS, COLS }, again;
    isk_scalar *values = malloc(ROWS * COLS * sizeof *values);
    const char *path = scratch("many.npy");
    (void)state;
    assert_non_null(values);
    for (int i = 0; i < ROWS * COLS; i++) { values[i] = (isk_scalar)i / 4; }
    matrix.data = values;
    assert_int_equal(isk_npy_save(context, path, matrix), ISK_OK);
    assert_int_equal(isk_npy_load(context, path, 0, &again), ISK_OK);
    assert_true(again.rows == ROWS && again.cols == COLS);
    assert_memory_equal(again.data, values, ROWS * COLS * sizeof *values);
    isk_free(context, again.data);
    free(values);
}

static void nan_and_infinity(void **state) {
    static const struct { double value; const char *word; } cases[] = {
        { NAN, "NaN" }, { -NAN, "NaN" }, { INFINITY, "infinite" }, { -INFINITY, "infinite" }
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (int size = 4; size <= 8; size += 4) {
            bytes b = start(1, size == 4 ? "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }"
                                         : "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 2), }");
            char due[100];
            isk_scalar values[64];
            isk_npy npy;
            put_real(&b, 1, size, 0);
            put_real(&b, cases[i].value, size, 0);
            put_real(&b, 1, size, 0);
            put_real(&b, 1, size, 0);
            snprintf(due, sizeof due, "a.npy: row %d, column %d is %s", size == 4 ? 1 : 2, size == 4 ? 2 : 1, cases[i].word);
            expect(context, load(&b, 0, &npy, values), ISK_DATA, due);
            assert_int_equal(load(&b, ISK_ALLOW_NONFINITE, &npy, values), ISK_OK);
            double got = (double)values[size == 4 ? 1 : 2];
            assert_true(isk__is_nan(cases[i].value) ? isk__is_nan(got) : got == cases[i].value);
        }
    }
}

static void values_beyond_the_range(void **state) {
    bytes b = start(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 1), }"), i8;
    isk_scalar values[64];
    isk_npy npy;
    isk_status status;
    (void)state;
    put_real(&b, FLT_MAX, 8, 0);
    put_real(&b, 1e-300, 8, 0);
    put_real(&b, -3.5e38, 8, 0);
    status = load(&b, ISK_ALLOW_NONFINITE, &npy, values);
    if (sizeof(isk_scalar) == 8) {
        assert_int_equal(status, ISK_OK);
        assert_true((double)values[2] == -3.5e38);
    } else {
        expect(context, status, ISK_DATA, "a.npy: row 3, column 1 is beyond the range of float");
    }
    i8 = start(1, "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }");
    put_bits(&i8, (uint64_t)INT64_MIN, 8, 0);
    put_bits(&i8, INT64_MAX, 8, 0);
    assert_int_equal(load(&i8, 0, &npy, values), ISK_OK);
    assert_true(values[0] == (isk_scalar)-9223372036854775808.0 && values[1] == (isk_scalar)9223372036854775807.0);
}

static void labels_are_whole_numbers(void **state) {
    static const struct { double value; const char *text; } bad[] = {
        { 2.5, "2.5" }, { NAN, "nan" }, { INFINITY, "inf" }, { -INFINITY, "-inf" }, { 1e300, "1e+300" }, { 2147483648.0, "2.14748365e+09" },
        { -2147483649.0, "-2.14748365e+09" }
    };
    int32_t values[64];
    bytes b = start(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }"), i8;
    (void)state;
    put_real(&b, -2147483648.0, 8, 0);
    put_real(&b, 2147483647.0, 8, 0);
    put_real(&b, -0.0, 8, 0);
    assert_int_equal(load_integers(&b, values), ISK_OK);
    assert_true(values[0] == INT32_MIN && values[1] == INT32_MAX && values[2] == 0);
    for (size_t i = 0; i < COUNT(bad); i++) {
        char due[120];
        b.count -= 8;
        put_real(&b, bad[i].value, 8, 0);
        snprintf(due, sizeof due, "a.npy: row 3, column 1 is %s, not a whole number of 32 bits", bad[i].text);
        if (!isk__is_nan(bad[i].value)) { expect(context, load_integers(&b, values), ISK_DATA, due); }
        else { assert_int_equal(load_integers(&b, values), ISK_DATA); }             /* C does not say how NaN is printed */
    }
    i8 = start(1, "{'descr': '>i8', 'fortran_order': True, 'shape': (1, 2), }");
    put_bits(&i8, (uint64_t)-5, 8, 1);
    put_bits(&i8, (uint64_t)1 << 31, 8, 1);
    expect(context, load_integers(&i8, values), ISK_DATA, "a.npy: row 1, column 2 is 2147483648, not a whole number of 32 bits");
    assert_true(values[0] == -5);
}

/* ---- what is refused ---- */

/* As numpy.save writes masks. */
static void bytes_and_booleans(void **state) {
    static const char *const headers[] = { "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }",
                                           "{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }" };
    (void)state;
    for (size_t i = 0; i < COUNT(headers); i++) {
        bytes b = start(1, headers[i]);
        isk_scalar values[64];
        isk_npy npy;
        put_bits(&b, 1, 1, 0);
        put_bits(&b, 0, 1, 0);
        put_bits(&b, i ? 1 : 200, 1, 0);
        assert_int_equal(load(&b, 0, &npy, values), ISK_OK);
        assert_true(npy.type == ISK_TYPE_U8 && npy.rows == 3 && values[0] == 1 && values[1] == 0 && values[2] == (i ? 1 : 200));
    }
}

#define NOT_READ(dtype) \
    "a.npy: dtype '" dtype "' is not read, only f4, f8, i4, i8, u1 and b1; save it with numpy.save(path, array.astype('<f4'))"

static void malformed_headers(void **state) {
    static const struct { const char *header; isk_status status; const char *sentence; } cases[] = {
        { "", ISK_DATA, "a.npy: .npy header at offset 10: a dictionary, {, is due" },
        { "[1]", ISK_DATA, "a.npy: .npy header at offset 10: a dictionary, {, is due" },
        { "{}", ISK_DATA, "a.npy: .npy header at offset 12: descr, fortran_order or shape is missing" },
        { "{'descr': '<f4', 'shape': (2, 1)}", ISK_DATA, "a.npy: .npy header at offset 43: descr, fortran_order or shape is missing" },
        { "{descr: '<f4'}", ISK_DATA, "a.npy: .npy header at offset 11: a string is due" },
        { "{'descr", ISK_DATA, "a.npy: .npy header at offset 12: a string without its end" },
        { "{'descr' '<f4'}", ISK_DATA, "a.npy: .npy header at offset 19: a colon is due" },
        { "{'descr': '<f4' 'shape': (2,)}", ISK_DATA, "a.npy: .npy header at offset 26: a comma or } is due" },
        { "{'descr': '<f4', 'descr': '<f4'}", ISK_DATA, "a.npy: .npy header at offset 34: a key stands twice" },
        { "{'dtype': '<f4'}", ISK_DATA, "a.npy: .npy header at offset 18: a key other than descr, fortran_order and shape" },
        { "{'fortran_order': 0}", ISK_DATA, "a.npy: .npy header at offset 28: True or False is due" },
        { "{'fortran_order': Falsehood}", ISK_DATA, "a.npy: .npy header at offset 33: a comma or } is due" },
        { "{'shape': [2]}", ISK_DATA, "a.npy: .npy header at offset 20: a shape in parentheses is due" },
        { "{'shape': (2)}", ISK_DATA, "a.npy: .npy header at offset 23: the shape is no tuple" },
        { "{'shape': (2 3)}", ISK_DATA, "a.npy: .npy header at offset 23: a comma or ) is due in the shape" },
        { "{'shape': (2,,3)}", ISK_DATA, "a.npy: .npy header at offset 23: a dimension is due" },
        { "{'shape': (-2,)}", ISK_DATA, "a.npy: .npy header at offset 21: a dimension is due" },
        { "{'shape': (02,)}", ISK_DATA, "a.npy: .npy header at offset 23: a dimension is due" },
        { "{'shape': (2L,)}", ISK_DATA, "a.npy: .npy header at offset 22: a comma or ) is due in the shape" },
        { "{'shape': (9223372036854775808,)}", ISK_DATA, "a.npy: .npy header at offset 39: a dimension beyond 2^63 - 1" },
        { "{'shape': (2,", ISK_DATA, "a.npy: .npy header at offset 23: a dimension is due" },
        { "{'shape': ()}", ISK_SHAPE, "a.npy: its shape is (); a matrix (rows, columns), a vector (rows,) or sequences (rows, "
          "steps, features) are due" },
        { "{'shape': (2, 3, 4, 5)}", ISK_SHAPE, "a.npy: its shape is (2, 3, 4, 5); a matrix (rows, columns), a vector (rows,) or sequences "
          "(rows, steps, features) are due" },
        { "{'shape': (0, 4294967296, 4294967296)}", ISK_DATA,
          "a.npy: its shape (0, 4294967296, 4294967296) is larger than memory can be" },
        { "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 4294967296, 1073741824)}", ISK_DATA,
          "a.npy: its shape [2, 4611686018427387904] is larger than memory can be" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 0, 3)}", ISK_OK, NULL },
        { "{'descr': '<f4', 'fortran_order': True, 'shape': (0, 2, 3)}", ISK_OK, NULL },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 4)}", ISK_DATA,
          "a.npy: its header asks for 166 bytes, but it has 70; it is cut off" },
        { "{'descr': '|i1'}", ISK_UNSUPPORTED, NOT_READ("|i1") },
        { "{'descr': '<u1'}", ISK_UNSUPPORTED, NOT_READ("<u1") },
        { "{'descr': '<f2'}", ISK_UNSUPPORTED, NOT_READ("<f2") },
        { "{'descr': '=f4'}", ISK_UNSUPPORTED, NOT_READ("=f4") },
        { "{'descr': '\x1B[2J'}", ISK_UNSUPPORTED, NOT_READ("?[2J") },
        { "{'descr': [('a', '<f4')]}", ISK_UNSUPPORTED, "a.npy: holds a structured array; save one plain matrix, e.g. numpy.save(path, "
          "array.astype('<f4'))" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (0,)}x", ISK_DATA,
          "a.npy: .npy header at offset 65: something follows the dictionary" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (0,)}\n", ISK_OK, NULL },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 9223372036854775807)}", ISK_OK, NULL },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", ISK_DATA,
          "a.npy: its shape [4294967296, 4294967296] is larger than memory can be" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 1)}", ISK_DATA,
          "a.npy: its shape [9223372036854775807, 1] is larger than memory can be" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000)}", ISK_DATA,
          "a.npy: its header asks for 4000000000079 bytes, but it has 79; it is cut off" }
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        bytes b = start(1, cases[i].header);
        isk_scalar values[64];
        isk_npy npy;
        isk_status status = load(&b, 0, &npy, values);
        if (cases[i].sentence) {
            expect(context, status, cases[i].status, cases[i].sentence);
        } else {
            assert_int_equal(status, ISK_OK);
        }
    }
}

static void malformed_files(void **state) {
    bytes b = start(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }");
    isk_scalar values[64];
    isk_npy npy;
    isk_matrix matrix;
    (void)state;
    put_real(&b, 1, 4, 0);
    b.count += 3;
    expect(context, load(&b, 0, &npy, values), ISK_DATA, "a.npy: its header asks for 77 bytes, but it has 76; it is cut off");
    b.count += 2;
    expect(context, load(&b, 0, &npy, values), ISK_DATA, "a.npy: its last value ends at offset 77, but it has 78 bytes");
    b.count = 5;
    expect(context, load(&b, 0, &npy, values), ISK_DATA, "a.npy: ends at offset 5 where data up to offset 10 are due; it is cut off");
    b.count = 40;
    expect(context, load(&b, 0, &npy, values), ISK_DATA, "a.npy: ends at offset 40 where data up to offset 69 are due; it is cut off");
    b = start(4, "{}");
    expect(context, load(&b, 0, &npy, values), ISK_UNSUPPORTED, "a.npy: is of .npy version 4.0; 1.0, 2.0 and 3.0 are read");
    b.at[6] = 1;
    b.at[7] = 1;
    expect(context, load(&b, 0, &npy, values), ISK_UNSUPPORTED, "a.npy: is of .npy version 1.1; 1.0, 2.0 and 3.0 are read");
    b = start(2, "{}");
    b.at[11] = 0x80;
    expect(context, load(&b, 0, &npy, values), ISK_DATA, "a.npy: its .npy header is 2147483650 bytes long; at most 10000 are read");
    b.count = 11;
    expect(context, load(&b, 0, &npy, values), ISK_DATA, "a.npy: ends at offset 11 where data up to offset 12 are due; it is cut off");
    memcpy(b.at, "row,label\n0", 10);
    expect(context, load(&b, 0, &npy, values), ISK_DATA, "a.npy: is no .npy file; those start with \\x93NUMPY");
    expect(context, isk_npy_load(context, write_text("empty.npy", ""), 0, &matrix), ISK_DATA,
           SCRATCH "/empty.npy: ends at offset 0 where data up to offset 10 are due; it is cut off");
    expect(context, isk_npy_load(context, "build/none.npy", 0, &matrix), ISK_IO,
           "build/none.npy: cannot be opened: No such file or directory");
    assert_null(matrix.data);
}

/* ---- writing ---- */

static void what_is_written(void **state) {
    static const isk_scalar values[] = { (isk_scalar)1.5, -2, 3, 4, 5, (isk_scalar)6e10f };
    isk_matrix matrix = { values, 3, 2 }, again;
    size_t count;
    char *written;
    (void)state;
    assert_int_equal(isk_npy_save(context, scratch("written.npy"), matrix), ISK_OK);
    written = read_bytes_of(SCRATCH "/written.npy", &count);
    assert_int_equal(count, sizeof numpy_f4);
    assert_memory_equal(written, numpy_f4, count);              /* the very bytes that NumPy writes */
    free(written);
    matrix.rows = 0;
    assert_int_equal(isk_npy_save(context, SCRATCH "/written.npy", matrix), ISK_OK);
    assert_int_equal(isk_npy_load(context, SCRATCH "/written.npy", 0, &again), ISK_OK);
    assert_true(again.rows == 0 && again.cols == 2);
    isk_free(context, again.data);
    matrix.rows = -1;
    expect(context, isk_npy_save(context, "w.npy", matrix), ISK_ARGUMENT, "w.npy: cannot be written: the matrix is [-1, 2]");
    matrix.rows = 1;
    matrix.data = NULL;
    expect(context, isk_npy_save(context, "w.npy", matrix), ISK_ARGUMENT, "w.npy: cannot be written: the matrix is [1, 2] at NULL");
    matrix.data = values;
    assert_int_equal(isk_npy_save(context, "build/none/w.npy", matrix), ISK_IO);
#ifdef INDISEEK_DOUBLE
    static const double large[] = { 1, 2, 3, -1e39 };
    matrix.data = large;
    matrix.rows = 2;
    expect(context, isk_npy_save(context, "w.npy", matrix), ISK_DATA,
           "w.npy: cannot be written: row 2, column 2 is -1e+39, beyond the range of float");
#endif
}

/* ---- sweeps ---- */

static isk_status run_load(isk_context *c, void *path) {
    isk_matrix matrix;
    isk_status status = isk_npy_load(c, path, 0, &matrix);
    if (status == ISK_OK) { isk_free(c, matrix.data); }
    return status;
}

static isk_status run_reader(isk_context *c, const isk_reader *reader) {
    isk_scalar *values;
    isk_npy npy;
    isk_status status = isk_npy_open(c, reader, &npy);
    if (status != ISK_OK) { return status; }
    /* Exactly as much as the header says: AddressSanitizer sees any step beyond it. */
    values = malloc((size_t)(npy.rows * npy.cols) * sizeof *values + 1);
    assert_non_null(values);
    status = isk_npy_read(c, reader, &npy, ISK_ALLOW_NONFINITE, values);
    if (status == ISK_OK && npy.type == ISK_TYPE_I32) {
        status = isk_npy_read_integers(c, reader, &npy, (int32_t *)(void *)values);
    }
    free(values);
    return status;
}

static void sweeps(void **state) {
    char path[] = SCRATCH "/f4.npy";
    bytes small = start(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n");
    (void)state;
    put_real(&small, 1, 4, 0);
    put_real(&small, -2, 4, 0);
    sweep_memory(context, run_load, path);
    sweep_readers(context, (const char *)small.at, small.count, run_reader);
    sweep_damage(context, (const char *)small.at, small.count, run_reader);
    sweep_damage(context, (const char *)numpy_fortran_i4_big, sizeof numpy_fortran_i4_big, run_reader);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_numpy),
        cmocka_unit_test(every_type_order_and_version),
        cmocka_unit_test(sequences),
        cmocka_unit_test(a_matrix_has_no_steps),
        cmocka_unit_test(the_dictionary_may_be_written_freely),
        cmocka_unit_test(many_values_pass_in_runs),
        cmocka_unit_test(nan_and_infinity),
        cmocka_unit_test(values_beyond_the_range),
        cmocka_unit_test(labels_are_whole_numbers),
        cmocka_unit_test(bytes_and_booleans),
        cmocka_unit_test(malformed_headers),
        cmocka_unit_test(malformed_files),
        cmocka_unit_test(what_is_written),
        cmocka_unit_test(sweeps),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
