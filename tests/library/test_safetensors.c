/* Section "safetensors" of indiseek.h.  The first file was written by the reference implementation, safetensors 0.8 for
   Python; the rest is put together here. */
/* build: float double */
#define INDISEEK_IMPLEMENTATION
#include "indiseek.h"
#include "tests/base/fixture.h"

static const unsigned char reference_file[] = {
    64, 1, 0, 0, 0, 0, 0, 0, 123, 34, 95, 95, 109, 101, 116, 97, 100, 97, 116, 97, 95, 95, 34, 58,
    123, 34, 102, 111, 114, 109, 97, 116, 34, 58, 34, 112, 116, 34, 125, 44, 34, 115, 116, 101, 112, 34, 58, 123,
    34, 100, 116, 121, 112, 101, 34, 58, 34, 73, 54, 52, 34, 44, 34, 115, 104, 97, 112, 101, 34, 58, 91, 93,
    44, 34, 100, 97, 116, 97, 95, 111, 102, 102, 115, 101, 116, 115, 34, 58, 91, 48, 44, 56, 93, 125, 44, 34,
    97, 34, 58, 123, 34, 100, 116, 121, 112, 101, 34, 58, 34, 70, 54, 52, 34, 44, 34, 115, 104, 97, 112, 101,
    34, 58, 91, 50, 93, 44, 34, 100, 97, 116, 97, 95, 111, 102, 102, 115, 101, 116, 115, 34, 58, 91, 56, 44,
    50, 52, 93, 125, 44, 34, 98, 46, 119, 101, 105, 103, 104, 116, 34, 58, 123, 34, 100, 116, 121, 112, 101, 34,
    58, 34, 70, 51, 50, 34, 44, 34, 115, 104, 97, 112, 101, 34, 58, 91, 50, 44, 51, 93, 44, 34, 100, 97,
    116, 97, 95, 111, 102, 102, 115, 101, 116, 115, 34, 58, 91, 50, 52, 44, 52, 56, 93, 125, 44, 34, 101, 34,
    58, 123, 34, 100, 116, 121, 112, 101, 34, 58, 34, 70, 51, 50, 34, 44, 34, 115, 104, 97, 112, 101, 34, 58,
    91, 48, 44, 52, 93, 44, 34, 100, 97, 116, 97, 95, 111, 102, 102, 115, 101, 116, 115, 34, 58, 91, 52, 56,
    44, 52, 56, 93, 125, 44, 34, 117, 34, 58, 123, 34, 100, 116, 121, 112, 101, 34, 58, 34, 85, 56, 34, 44,
    34, 115, 104, 97, 112, 101, 34, 58, 91, 51, 93, 44, 34, 100, 97, 116, 97, 95, 111, 102, 102, 115, 101, 116,
    115, 34, 58, 91, 52, 56, 44, 53, 49, 93, 125, 125, 32, 32, 32, 32, 7, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 248, 63, 0, 0, 0, 0, 0, 0, 0, 192, 0, 0, 128, 63, 0, 0, 0, 64,
    0, 0, 64, 64, 0, 0, 128, 64, 0, 0, 160, 64, 0, 0, 192, 64, 1, 2, 255
};

/* ---- putting a file together ---- */

typedef struct bytes { char at[4096]; size_t count; } bytes;

/* The header as it is given, behind it `data` bytes 0, 1, 2, ... */
static bytes make(const char *header, size_t data) {
    bytes b = { { 0 }, 0 };
    size_t length = strlen(header), i;
    for (i = 0; i < 8; i++) { b.at[i] = (char)(length >> (8 * i)); }
    assert_true(8 + length + data <= sizeof b.at);
    memcpy(b.at + 8, header, length);
    for (i = 0; i < data; i++) { b.at[8 + length + i] = (char)i; }
    b.count = 8 + length + data;
    return b;
}

/* Opens and closes; the exact size lets AddressSanitizer see every step beyond. */
static isk_status try_open(const void *from, size_t count) {
    char *copy = malloc(count > 0 ? count : 1);
    isk_safetensors *file = NULL;
    isk_reader reader;
    isk_status status;
    assert_non_null(copy);
    memcpy(copy, from, count);
    reader = isk_reader_memory(copy, count, "a.safetensors");
    status = isk_safetensors_open_reader(context, &reader, &file);
    assert_true((status == ISK_OK) == (file != NULL));
    isk_safetensors_close(file);
    free(copy);
    return status;
}

/* ---- reading ---- */

static void a_file_of_the_reference(void **state) {
    isk_reader reader = isk_reader_memory(reference_file, sizeof reference_file, "ref");
    const isk_safetensors_entry *entry;
    isk_safetensors *file;
    isk_scalar values[6];
    int64_t whole[6];
    uint8_t small[6];
    (void)state;
    assert_int_equal(isk_safetensors_open_reader(context, &reader, &file), ISK_OK);
    assert_int_equal(isk_safetensors_count(file), 5);
    assert_string_equal(isk_safetensors_get(file, 0)->name, "a");
    assert_string_equal(isk_safetensors_get(file, 4)->name, "u");
    assert_null(isk_safetensors_get(file, 5));
    assert_null(isk_safetensors_get(file, -1));
    entry = isk_safetensors_find(file, "b.weight");
    assert_non_null(entry);
    assert_true(entry->type == ISK_TYPE_F32 && entry->dimensions == 2 && entry->shape[0] == 2 && entry->shape[1] == 3);
    assert_true(entry->count == 6 && entry->bytes == 24);
    assert_int_equal(isk_safetensors_read(file, "b.weight", 0, 6, values), ISK_OK);
    for (int i = 0; i < 6; i++) { assert_true(values[i] == i + 1); }
    assert_int_equal(isk_safetensors_read(file, "a", 0, 2, values), ISK_OK);
    assert_true(values[0] == (isk_scalar)1.5 && values[1] == -2);
    assert_int_equal(isk_safetensors_read_int64(file, "step", 1, whole), ISK_OK);
    assert_true(whole[0] == 7 && isk_safetensors_find(file, "step")->dimensions == 0);
    assert_int_equal(isk_safetensors_read_bytes(file, "step", 1, small), ISK_OK);
    assert_true(small[0] == 7);
    assert_int_equal(isk_safetensors_read_bytes(file, "u", 3, small), ISK_OK);
    assert_true(small[0] == 1 && small[1] == 2 && small[2] == 255);
    assert_int_equal(isk_safetensors_read(file, "u", 0, 3, values), ISK_OK);
    assert_true(values[2] == 255);
    assert_int_equal(isk_safetensors_read_int64(file, "b.weight", 6, whole), ISK_OK);
    assert_true(whole[5] == 6);
    assert_int_equal(isk_safetensors_read(file, "e", 0, 0, values), ISK_OK);
    assert_int_equal(isk_safetensors_text_count(file), 1);
    assert_string_equal(isk_safetensors_text_key(file, 0), "format");
    assert_string_equal(isk_safetensors_text(file, "format"), "pt");
    assert_null(isk_safetensors_text(file, "none"));
    assert_null(isk_safetensors_text_key(file, 1));
    expect(context, isk_safetensors_read(file, "c", 0, 1, values), ISK_DATA, "ref: has no tensor 'c'");
    expect(context, isk_safetensors_read(file, "b.weight", 0, 5, values), ISK_SHAPE,
           "ref: tensor 'b.weight' [2, 3] holds 6 values where 5 are due");
    expect(context, isk_safetensors_read_int64(file, "a", 2, whole), ISK_DATA,
           "ref: tensor 'a' [2]: value 1 is 1.5, not a whole number of 64 bits");
    isk_safetensors_close(file);
    isk_safetensors_close(NULL);
}

static void names_are_in_order_and_found(void **state) {
    bytes b = make("{\"b\":{\"shape\":[2],\"data_offsets\":[4,6],\"dtype\":\"U8\"}, "
                   "\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
                   "\"__metadata__\":{\"y\":\"2\",\"x\":\"\\u00e9\"},"
                   "\"\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,0],\"data_offsets\":[6,6]}}  ", 6);
    isk_reader reader = isk_reader_memory(b.at, b.count, "m");
    isk_safetensors *file;
    uint8_t small[4];
    (void)state;
    assert_int_equal(isk_safetensors_open_reader(context, &reader, &file), ISK_OK);
    assert_string_equal(isk_safetensors_get(file, 0)->name, "");
    assert_string_equal(isk_safetensors_get(file, 1)->name, "a");
    assert_string_equal(isk_safetensors_get(file, 2)->name, "b");
    assert_int_equal(isk_safetensors_read_bytes(file, "b", 2, small), ISK_OK);
    assert_true(small[0] == 4 && small[1] == 5);
    assert_string_equal(isk_safetensors_text_key(file, 0), "x");
    assert_string_equal(isk_safetensors_text(file, "x"), "\xC3\xA9");
    isk_safetensors_close(file);
}

static void values_are_converted_with_care(void **state) {
    static const double reals[] = { 1, 256, -1, NAN, 9223372036854775808.0, 1e300, -INFINITY };
    const int64_t seven = 7;
    const char *path = scratch("convert.safetensors");
    isk_safetensors_writer *writer;
    isk_safetensors *file;
    isk_scalar values[7];
    int64_t whole[7];
    uint8_t small[7];
    isk_status status;
    (void)state;
    assert_int_equal(isk_safetensors_begin(context, &writer), ISK_OK);
    for (int i = 0; i < 7; i++) {
        char name[2] = { (char)('0' + i), 0 };
        assert_int_equal(isk_safetensors_put(writer, name, ISK_TYPE_F64, 0, NULL, &reals[i]), ISK_OK);
    }
    assert_int_equal(isk_safetensors_put(writer, "all", ISK_TYPE_F64, 1, &seven, reals), ISK_OK);
    assert_int_equal(isk_safetensors_finish(writer, path), ISK_OK);
    assert_int_equal(isk_safetensors_open(context, path, &file), ISK_OK);
    assert_int_equal(isk_safetensors_read_bytes(file, "0", 1, small), ISK_OK);
    expect(context, isk_safetensors_read_bytes(file, "1", 1, small), ISK_DATA,
           SCRATCH "/convert.safetensors: tensor '1' []: value 1 is 256, not a whole number from 0 to 255");
    expect(context, isk_safetensors_read_bytes(file, "2", 1, small), ISK_DATA,
           SCRATCH "/convert.safetensors: tensor '2' []: value 1 is -1, not a whole number from 0 to 255");
    assert_int_equal(isk_safetensors_read_int64(file, "3", 1, whole), ISK_DATA);
    expect(context, isk_safetensors_read_int64(file, "4", 1, whole), ISK_DATA,
           SCRATCH "/convert.safetensors: tensor '4' []: value 1 is 9.22337204e+18, not a whole number of 64 bits");
    assert_int_equal(isk_safetensors_read_int64(file, "5", 1, whole), ISK_DATA);
    assert_int_equal(isk_safetensors_read_int64(file, "6", 1, whole), ISK_DATA);
    expect(context, isk_safetensors_read(file, "all", 0, 7, values), ISK_DATA,
           SCRATCH "/convert.safetensors: tensor 'all' [7]: value 4 is NaN");
    expect(context, isk_safetensors_read(file, "6", 0, 1, values), ISK_DATA,
           SCRATCH "/convert.safetensors: tensor '6' []: value 1 is infinite");
    status = isk_safetensors_read(file, "all", ISK_ALLOW_NONFINITE, 7, values);
    if (sizeof(isk_scalar) == 8) {
        assert_int_equal(status, ISK_OK);
        assert_memory_equal(values, reals, sizeof reals);
    } else {
        expect(context, status, ISK_DATA, SCRATCH "/convert.safetensors: tensor 'all' [7]: value 6 is beyond the range of float");
    }
    isk_safetensors_close(file);
}

static void other_types_are_listed(void **state) {
    static const char *const names[] = { "BOOL", "I8", "I16", "U16", "U32", "U64", "F16", "BF16", "C64", "F8_E5M2", "F8_E4M3", "F8_E8M0",
                                         "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F6_E2M3", "F6_E3M2", "F4" };
    static const int bytes_of_8[] = { 8, 8, 16, 16, 32, 64, 16, 16, 64, 8, 8, 8, 8, 8, 6, 6, 4 };
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        char header[200], due[200];
        isk_safetensors *file;
        isk_scalar values[8];
        snprintf(header, sizeof header, "{\"t\":{\"dtype\":\"%s\",\"shape\":[8],\"data_offsets\":[0,%d]}}", names[i], bytes_of_8[i]);
        bytes b = make(header, (size_t)bytes_of_8[i]);
        isk_reader reader = isk_reader_memory(b.at, b.count, "m");
        assert_int_equal(isk_safetensors_open_reader(context, &reader, &file), ISK_OK);
        assert_string_equal(isk_type_name(isk_safetensors_get(file, 0)->type), names[i]);
        snprintf(due, sizeof due, "m: tensor 't' [8] is of dtype %s; only F32, F64, I32, I64 and U8 are read", names[i]);
        expect(context, isk_safetensors_read(file, "t", 0, 8, values), ISK_UNSUPPORTED, due);
        isk_safetensors_close(file);
    }
    assert_null(isk_type_name(ISK_TYPE_COUNT));
}

/* ---- what is refused ---- */

#define T(name, dtype, shape, offsets) "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" offsets "]}"
#define ABSURD "4611686018427387904"

static void malformed_headers(void **state) {
    static const struct { const char *header; size_t data; const char *sentence; } cases[] = {
        { "{}", 0, NULL },
        { "{}      ", 0, NULL },
        { "{" T("a", "U8", "", "0,1") "}", 1, NULL },
        { " {}", 0, "JSON at offset 8: a header must start with {" },
        { "{}\n", 0, "JSON at offset 10: only spaces may follow the header's }" },
        { "{}{}", 0, "JSON at offset 10: only spaces may follow the header's }" },
        { "{\"a\"}", 0, "JSON at offset 12: a colon is due" },
        { "{\"a\":1}", 0, "JSON at offset 13: the description of a tensor, {, is due" },
        { "{\"a\":{}}", 0, "JSON at offset 14: a string is due" },
        { "{\"a\":{\"dtype\":\"U8\"}}", 0, "JSON at offset 27: dtype, shape or data_offsets is missing" },
        { "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}", 0, "JSON at offset 34: a key stands twice" },
        { "{\"a\":{\"dtype\":\"U8\",\"x\":1}}", 0, "JSON at offset 30: a key other than dtype, shape and data_offsets" },
        { "{\"a\":{\"dtype\":1}}", 0, "JSON at offset 22: a string is due" },
        { "{" T("a", "f32", "", "0,4") "}", 4, "tensor 'a' is of dtype 'f32', which safetensors does not know" },
        { "{" T("a", "U8", "1.0", "0,1") "}", 1, "JSON at offset 39: a whole number from 0 up is due" },
        { "{" T("a", "U8", "-1", "0,1") "}", 1, "JSON at offset 38: a whole number from 0 up is due" },
        { "{" T("a", "U8", "1e0", "0,1") "}", 1, "JSON at offset 39: a whole number from 0 up is due" },
        { "{" T("a", "U8", "01", "0,1") "}", 1, "JSON at offset 38: a number with a leading zero" },
        { "{" T("a", "U8", "\\\"1\\\"", "0,1") "}", 1, "JSON at offset 36: a value is due" },
        { "{" T("a", "U8", "9223372036854775808", "0,1") "}", 1, "JSON at offset 55: a number beyond 2^63 - 1" },
        { "{" T("a", "U8", "1,1,1,1,1,1,1,1,1", "0,1") "}", 1, "JSON at offset 53: an array with too many numbers" },
        { "{" T("a", "U8", "1,", "0,1") "}", 1, "JSON at offset 38: a value is due" },
        { "{" T("a", "U8", "1", "0") "}", 1, "JSON at offset 58: data_offsets must be [begin, end] with begin <= end" },
        { "{" T("a", "U8", "1", "0,1,2") "}", 1, "JSON at offset 60: an array with too many numbers" },
        { "{" T("a", "U8", "1", "1,0") "}", 1, "JSON at offset 60: data_offsets must be [begin, end] with begin <= end" },
        { "{" T("a", "F32", "2,3", "0,20") "}", 20, "tensor 'a' [2, 3] of F32 needs 24 bytes but its data_offsets hold 20" },
        { "{" T("a", "F4", "3", "0,1") "}", 1, "tensor 'a' [3] does not fill whole bytes" },
        { "{" T("a", "F32", ABSURD "," ABSURD, "0,4") "}", 4, "tensor 'a' [" ABSURD ", " ABSURD "] is larger than any file can be" },
        { "{" T("a", "F32", ABSURD "," ABSURD ",0", "0,0") "}", 0, NULL },
        { "{" T("a", "U8", "1", "0,1") "}", 0, "its header asks for 62 bytes, but it has 61; it is cut off" },
        { "{" T("a", "U8", "1", "0,1") "}", 2, "its last value ends at offset 62, but it has 63 bytes" },
        { "{}", 1, "its last value ends at offset 10, but it has 11 bytes" },
        { "{" T("a", "U8", "1", "1,2") "}", 2, "the data of tensor 'a' [1] begin at 1, but the header ends at 0" },
        { "{" T("a", "U8", "2", "0,2") "," T("b", "U8", "2", "1,3") "}", 3,
          "the data of tensor 'b' [2] begin at 1, but what stands before ends at 2" },
        { "{" T("a", "U8", "2", "0,2") "," T("b", "U8", "2", "3,5") "}", 5,
          "the data of tensor 'b' [2] begin at 3, but what stands before ends at 2" },
        { "{" T("a", "U8", "2", "0,2") "," T("b", "U8", "2", "0,2") "}", 2,
          "the data of tensor 'b' [2] begin at 0, but what stands before ends at 2" },
        { "{" T("a", "U8", "1", "0,1") "," T("a", "U8", "1", "1,2") "}", 2, "tensor 'a' stands twice" },
        { "{" T("\\u001b[1m", "U8", "1", "0,1") "," T("\\u001b[1m", "U8", "1", "1,2") "}", 2, "tensor '?[1m' stands twice" },
        { "{\"__metadata__\":{},\"__metadata__\":{}}", 0, "JSON at offset 42: __metadata__ stands twice" },
        { "{\"__metadata__\":null}", 0, "JSON at offset 24: an object, {, is due" },
        { "{\"__metadata__\":{\"a\":1}}", 0, "'a' in __metadata__ is no string" },
        { "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, "JSON: the key 'a' stands twice" },
        { "{\"__metadata__\":{\"a\":{}}}", 0,
           "JSON at offset 29: an object or array inside; strings, numbers, true, false and null are read here" },
        { "{" T("a", "U8", "1", "0,1") ",}", 1, "JSON at offset 61: a string is due" },
        { "{" T("a", "U8", "1", "0,1"), 1, "JSON at offset 60: a comma or } is due" }
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        bytes b = make(cases[i].header, cases[i].data);
        char due[300];
        isk_status status = try_open(b.at, b.count);
        snprintf(due, sizeof due, "a.safetensors: %s", cases[i].sentence ? cases[i].sentence : "");
        if (cases[i].sentence) { expect(context, status, ISK_DATA, due); } else { assert_int_equal(status, ISK_OK); }
    }
}

static void malformed_files(void **state) {
    bytes b = make("{}", 0);
    isk_safetensors *file;
    (void)state;
    expect(context, try_open(b.at, 0), ISK_DATA, "a.safetensors: ends at offset 0 where data up to offset 8 are due; it is cut off");
    expect(context, try_open(b.at, 9), ISK_DATA, "a.safetensors: its header asks for 10 bytes, but it has 9; it is cut off");
    b.at[0] = 1;
    expect(context, try_open(b.at, 10), ISK_DATA,
           "a.safetensors: is no safetensors file, or damaged: its header would have 1 bytes (2 to 100000000 are allowed)");
    memcpy(b.at, "\x01\xE1\xF5\x05\0\0\0\0", 8);
    expect(context, try_open(b.at, 10), ISK_DATA,
           "a.safetensors: is no safetensors file, or damaged: its header would have 100000001 bytes (2 to 100000000 are allowed)");
    b.at[0] = 0;
    expect(context, try_open(b.at, 10), ISK_DATA, "a.safetensors: its header asks for 100000008 bytes, but it has 10; it is cut off");
    memset(b.at, 0xFF, 8);
    expect(context, try_open(b.at, 10), ISK_DATA,

                     "a.safetensors: is no safetensors file, or damaged: its header would have 18446744073709551615 bytes "
           "(2 to 100000000 are allowed)");
    expect(context, isk_safetensors_open(context, "build/none", &file), ISK_IO, "build/none: cannot be opened: No such file or directory");
    assert_null(file);
}

/* ---- writing ---- */

/* The same content put in another order. */
static isk_status write_model(isk_context *c, const char *path, int backwards) {
    static const isk_scalar weight[6] = { 1, 2, 3, (isk_scalar)0.25, -5, 6 };
    static const uint8_t flags[3] = { 1, 0, 255 };
    static const int64_t steps[2] = { INT64_MIN, INT64_MAX };
    static const int32_t labels[2] = { INT32_MIN, INT32_MAX };
    static const int64_t shape[2] = { 2, 3 }, three = 3, two = 2, none[2] = { 0, 5 };
    isk_safetensors_writer *writer;
    isk_status status = isk_safetensors_begin(c, &writer);
    if (status != ISK_OK) { return status; }
    for (int k = 0; k < 8; k++) {
        switch (backwards ? 7 - k : k) {
        case 0: isk_safetensors_put(writer, "encoder.0.weight", ISK_TYPE_SCALAR, 2, shape, weight); break;
        case 1: isk_safetensors_put(writer, "flags", ISK_TYPE_U8, 1, &three, flags); break;
        case 2: isk_safetensors_put(writer, "steps", ISK_TYPE_I64, 1, &two, steps); break;
        case 3: isk_safetensors_put(writer, "labels", ISK_TYPE_I32, 1, &two, labels); break;
        case 4: isk_safetensors_put(writer, "empty", ISK_TYPE_F32, 2, none, NULL); break;
        case 5: isk_safetensors_put(writer, "scale", ISK_TYPE_SCALAR, 0, NULL, weight + 3); break;
        case 6: isk_safetensors_put_text(writer, "seed", "1"); break;
        default: isk_safetensors_put_text(writer, "config", "{\"lambda\":10,\n\"\xC3\xA9\":\"\\\"}"); break;
        }
    }
    return isk_safetensors_finish(writer, path);
}

static void what_is_put_comes_back(void **state) {
    isk_safetensors *file;
    isk_scalar values[6];
    int64_t whole[2];
    uint8_t small[3];
    uint64_t length = 0;
    size_t count, again;
    char *bytes_one, *bytes_two;
    (void)state;
    assert_int_equal(write_model(context, scratch("one.safetensors"), 0), ISK_OK);
    assert_int_equal(write_model(context, scratch("two.safetensors"), 1), ISK_OK);
    bytes_one = read_bytes_of(SCRATCH "/one.safetensors", &count);
    bytes_two = read_bytes_of(SCRATCH "/two.safetensors", &again);
    assert_int_equal(count, again);
    assert_memory_equal(bytes_one, bytes_two, count);
    memcpy(&length, bytes_one, 1);
    length += (uint64_t)(unsigned char)bytes_one[1] << 8;
    assert_int_equal(length % 8, 0);
    assert_int_equal(memcmp(bytes_one + 8, "{\"__metadata__\":{\"config\":", 26), 0);
    free(bytes_one);
    free(bytes_two);
    assert_int_equal(isk_safetensors_open(context, SCRATCH "/one.safetensors", &file), ISK_OK);
    assert_int_equal(isk_safetensors_count(file), 6);
    for (int i = 0; i < 6; i++) {
        const isk_safetensors_entry *entry = isk_safetensors_get(file, i);
        int size = entry->type == ISK_TYPE_U8 ? 1 : entry->type == ISK_TYPE_F32 || entry->type == ISK_TYPE_I32 ? 4 : 8;
        assert_int_equal(entry->offset % (uint64_t)size, 0);
    }
    assert_int_equal(isk_safetensors_read(file, "encoder.0.weight", 0, 6, values), ISK_OK);
    assert_true(values[0] == 1 && values[3] == (isk_scalar)0.25 && values[4] == -5);
    assert_int_equal(isk_safetensors_find(file, "encoder.0.weight")->type, ISK_TYPE_SCALAR);
    assert_int_equal(isk_safetensors_read_int64(file, "steps", 2, whole), ISK_OK);
    assert_true(whole[0] == INT64_MIN && whole[1] == INT64_MAX);
    assert_int_equal(isk_safetensors_read_int64(file, "labels", 2, whole), ISK_OK);
    assert_true(whole[0] == INT32_MIN && whole[1] == INT32_MAX);
    assert_int_equal(isk_safetensors_read_bytes(file, "flags", 3, small), ISK_OK);
    assert_true(small[0] == 1 && small[1] == 0 && small[2] == 255);
    assert_int_equal(isk_safetensors_find(file, "empty")->shape[1], 5);
    assert_string_equal(isk_safetensors_text(file, "config"), "{\"lambda\":10,\n\"\xC3\xA9\":\"\\\"}");
    isk_safetensors_close(file);
}

static isk_status put_one(const char *name, isk_type type, int dimensions, const int64_t *shape, const void *values) {
    isk_safetensors_writer *writer;
    isk_status status;
    assert_int_equal(isk_safetensors_begin(context, &writer), ISK_OK);
    status = isk_safetensors_put(writer, name, type, dimensions, shape, values);
    isk_set_error(context, ISK_OK, "forgotten");
    assert_int_equal(isk_safetensors_put_text(writer, "more", "text"), status);
    assert_int_equal(isk_safetensors_finish(writer, NULL), status);             /* it says again what went wrong first */
    return status;
}

static void limits_are_checked_on_writing(void **state) {
    const int64_t negative = -1, large[2] = { INT64_MAX, 2 }, huge = INT64_MAX / 128, one = 1;
    const uint8_t byte = 0;
    isk_safetensors_writer *writer;
    (void)state;
    expect(context, put_one("\xFF", ISK_TYPE_U8, 0, NULL, &byte), ISK_ARGUMENT, "safetensors: tensor '\xFF' has a name that is not UTF-8");
    expect(context, put_one("__metadata__", ISK_TYPE_U8, 0, NULL, &byte), ISK_ARGUMENT,
           "safetensors: tensor '__metadata__' has the name that is kept for texts");
    expect(context, put_one("a", ISK_TYPE_BOOL, 0, NULL, &byte), ISK_ARGUMENT,
           "safetensors: tensor 'a' is of a type other than F32, F64, I32, I64 and U8");
    expect(context, put_one("a", ISK_TYPE_U8, 9, NULL, &byte), ISK_ARGUMENT,
           "safetensors: tensor 'a' has fewer than 0 or more than 8 dimensions");
    expect(context, put_one("a", ISK_TYPE_U8, -1, NULL, &byte), ISK_ARGUMENT,
           "safetensors: tensor 'a' has fewer than 0 or more than 8 dimensions");
    expect(context, put_one("a", ISK_TYPE_U8, 1, &negative, &byte), ISK_ARGUMENT, "safetensors: tensor 'a' has a negative dimension");
    expect(context, put_one("a", ISK_TYPE_U8, 2, large, &byte), ISK_ARGUMENT, "safetensors: tensor 'a' is larger than any file can be");
    expect(context, put_one("a", ISK_TYPE_U8, 1, &one, NULL), ISK_ARGUMENT, "safetensors: tensor 'a' has no values");
    assert_int_equal(isk_safetensors_begin(context, &writer), ISK_OK);
    assert_int_equal(isk_safetensors_put(writer, "a", ISK_TYPE_U8, 0, NULL, &byte), ISK_OK);
    assert_int_equal(isk_safetensors_put(writer, "a", ISK_TYPE_U8, 1, &one, &byte), ISK_OK);
    expect(context, isk_safetensors_finish(writer, "w"), ISK_ARGUMENT, "w: tensor 'a' was put twice");
    assert_int_equal(isk_safetensors_begin(context, &writer), ISK_OK);
    assert_int_equal(isk_safetensors_put_text(writer, "k", "1"), ISK_OK);
    assert_int_equal(isk_safetensors_put_text(writer, "k", "1"), ISK_OK);
    expect(context, isk_safetensors_finish(writer, "w"), ISK_ARGUMENT, "w: the text 'k' was put twice");
    assert_int_equal(isk_safetensors_begin(context, &writer), ISK_OK);
    expect(context, isk_safetensors_put_text(writer, "k", "\xC3"), ISK_ARGUMENT, "safetensors: the text 'k' is not UTF-8");
    assert_int_equal(isk_safetensors_finish(writer, "w"), ISK_ARGUMENT);
    assert_int_equal(isk_safetensors_begin(context, &writer), ISK_OK);
    for (int i = 0; i < 20; i++) {                              /* tensors that are never read: only their size counts */
        char name[2] = { (char)('a' + i), 0 };
        assert_int_equal(isk_safetensors_put(writer, name, ISK_TYPE_F64, 1, &huge, &byte), ISK_OK);
    }
    expect(context, isk_safetensors_finish(writer, "w"), ISK_ARGUMENT, "w: the tensors are larger than any file can be");
    assert_int_equal(write_model(context, "build/none/m.safetensors", 0), ISK_IO);
    assert_non_null(strstr(isk_error(context), "cannot be created: No such file or directory"));
    assert_int_equal(isk_safetensors_finish(NULL, "w"), ISK_ARGUMENT);      /* nothing was written */
    assert_int_equal(isk_safetensors_finish(NULL, NULL), ISK_OK);           /* nothing to close */
}

/* ---- sweeps ---- */

static isk_status run_write(isk_context *c, void *path) { return write_model(c, path, 0); }

static isk_status read_all(isk_context *c, isk_safetensors *file) {
    isk_status status = ISK_OK;
    (void)c;
    for (int i = 0; i < isk_safetensors_count(file) && status == ISK_OK; i++) {
        const isk_safetensors_entry *entry = isk_safetensors_get(file, i);
        isk_scalar *values = malloc((size_t)entry->count * sizeof *values + 1);
        assert_non_null(values);
        assert_ptr_equal(isk_safetensors_find(file, entry->name), entry);
        status = isk_safetensors_read(file, entry->name, ISK_ALLOW_NONFINITE, entry->count, values);
        free(values);
    }
    return status;
}

static isk_status run_read(isk_context *c, void *path) {
    isk_safetensors *file;
    isk_status status = isk_safetensors_open(c, path, &file);
    if (status == ISK_OK) { status = read_all(c, file); }
    isk_safetensors_close(file);
    return status;
}

static isk_status run_reader(isk_context *c, const isk_reader *reader) {
    isk_safetensors *file;
    isk_status status = isk_safetensors_open_reader(c, reader, &file);
    if (status == ISK_OK) { status = read_all(c, file); }
    isk_safetensors_close(file);
    return status;
}

static void sweeps(void **state) {
    bytes small = make("{\"__metadata__\":{\"k\":\"v\\n\"}," T("b", "F32", "1,2", "3,11") "," T("a", "U8", "3", "0,3") "} ", 11);
    char one[] = SCRATCH "/one.safetensors";
    (void)state;
    sweep_memory(context, run_write, one);
    sweep_memory(context, run_read, one);
    sweep_readers(context, small.at, small.count, run_reader);
    sweep_damage(context, small.at, small.count, run_reader);
    sweep_damage(context, (const char *)reference_file, sizeof reference_file, run_reader);
}

static void many_tensors(void **state) {
    enum { MANY = 3000 };
    static const isk_scalar zero[1] = { 0 };
    isk_safetensors_writer *writer;
    isk_safetensors *file;
    char name[32];
    (void)state;
    assert_int_equal(isk_safetensors_begin(context, &writer), ISK_OK);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "t%d", i * 7919 % MANY);
        assert_int_equal(isk_safetensors_put(writer, name, ISK_TYPE_SCALAR, 0, NULL, zero), ISK_OK);
    }
    assert_int_equal(isk_safetensors_finish(writer, scratch("many.safetensors")), ISK_OK);
    assert_int_equal(isk_safetensors_open(context, SCRATCH "/many.safetensors", &file), ISK_OK);
    assert_int_equal(isk_safetensors_count(file), MANY);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "t%d", i);
        assert_non_null(isk_safetensors_find(file, name));
    }
    isk_safetensors_close(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_of_the_reference),
        cmocka_unit_test(names_are_in_order_and_found),
        cmocka_unit_test(values_are_converted_with_care),
        cmocka_unit_test(other_types_are_listed),
        cmocka_unit_test(malformed_headers),
        cmocka_unit_test(malformed_files),
        cmocka_unit_test(what_is_put_comes_back),
        cmocka_unit_test(limits_are_checked_on_writing),
        cmocka_unit_test(many_tensors),
        cmocka_unit_test(sweeps),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
