/* Section "files" of indiseek.h: readers, atomic writes, numbers from text, flat JSON, SHA-256. */
#define INDISEEK_IMPLEMENTATION
#include "indiseek.h"
#include "tests/base/fixture.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>

/* ---- readers ---- */

static void readers_of_files_and_memory(void **state) {
    isk_reader reader;
    char buffer[8];
    (void)state;
    expect(context, isk_reader_open(context, "build/none", &reader), ISK_IO,
           "build/none: cannot be opened: No such file or directory");
    expect(context, isk_reader_open(context, "tests", &reader), ISK_IO, "tests: cannot be read as a file: Is a directory");
    assert_int_equal(isk_reader_open(context, write_text("reader", "0123456789"), &reader), ISK_OK);
    assert_int_equal(reader.size, 10);
    assert_int_equal(reader.read(reader.user, 7, buffer, 8), 3);
    assert_memory_equal(buffer, "789", 3);
    assert_int_equal(reader.read(reader.user, 2, buffer, 2), 2);
    assert_memory_equal(buffer, "23", 2);
    assert_int_equal(reader.read(reader.user, 10, buffer, 2), 0);
    assert_int_equal(reader.read(reader.user, UINT64_MAX, buffer, 2), -1);
    isk_reader_close(&reader);
    assert_null(reader.user);
    isk_reader_close(&reader);
    reader = isk_reader_memory("abcdef", 6, "memory");
    expect(context, isk__read(context, &reader, 4, buffer, 3), ISK_DATA,
           "memory: ends at offset 6 where data up to offset 7 are due; it is cut off");
    expect(context, isk__check_size(context, &reader, 7), ISK_DATA,
           "memory: its header asks for 7 bytes, but it has 6; it is cut off");
    expect(context, isk__check_size(context, &reader, 4), ISK_DATA,
           "memory: its last value ends at offset 4, but it has 6 bytes");
    assert_int_equal(isk__check_size(context, &reader, 6), ISK_OK);
}

static void size_of_a_reader_may_be_unknown(void **state) {
    odd_reader odd = { "abcdef", 6, 1, -1, 0 };
    isk_reader reader = odd_open(&odd, 0);
    char buffer[8];
    (void)state;
    assert_int_equal(isk__read(context, &reader, 1, buffer, 4), ISK_OK);
    assert_memory_equal(buffer, "bcde", 4);
    assert_int_equal(isk__check_size(context, &reader, 6), ISK_OK);
    expect(context, isk__check_size(context, &reader, 7), ISK_DATA,
           "odd: its header asks for 7 bytes, but it has fewer; it is cut off");
    expect(context, isk__check_size(context, &reader, 5), ISK_DATA, "odd: its last value ends at offset 5, but more bytes follow");
    odd.good_calls = 0;
    expect(context, isk__check_size(context, &reader, 5), ISK_IO, "odd: reading at offset 4 failed");
}

static void long_names_leave_room_for_what_is_wrong(void **state) {
    char path[600];
    isk_reader reader;
    (void)state;
    memset(path, 'x', sizeof path);
    memcpy(path + 590, "/end.npy", 9);
    assert_int_equal(isk_reader_open(context, path, &reader), ISK_IO);
    assert_non_null(strstr(isk_error(context), "x/end.npy: cannot be opened: "));
    isk_set_error(context, ISK_DATA, "again: %s", isk_error(context));
    assert_int_equal(strncmp(isk_error(context), "again: xxx", 10), 0);
}

/* ---- atomic writes ---- */

static int scratch_files(const char *start) {
    DIR *folder = opendir(SCRATCH);
    const struct dirent *entry;
    int count = 0;
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) { count += strncmp(entry->d_name, start, strlen(start)) == 0; }
    closedir(folder);
    return count;
}

static void expect_content(const char *path, const char *content) {
    size_t count;
    char *bytes = read_bytes_of(path, &count);
    assert_int_equal(count, strlen(content));
    assert_memory_equal(bytes, content, count);
    free(bytes);
}

static void a_write_replaces_all_or_nothing(void **state) {
    const char *path = scratch("atomic");
    struct stat info;
    char *big = calloc(1, 100000);
    struct rlimit old, small;
    (void)state;
    assert_non_null(big);
    remove(path);
    assert_int_equal(isk_write_file(context, path, "first", 5), ISK_OK);
    expect_content(path, "first");
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(isk_write_file(context, path, "", 0), ISK_OK);
    expect_content(path, "");
    assert_int_equal(isk_write_file(context, path, "second", 6), ISK_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);                /* the permissions of the old file */
    /* A full disk, as a limit on the size of files. */
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 5000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    isk_status status = isk_write_file(context, path, big, 100000);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    expect(context, status, ISK_IO, SCRATCH "/atomic: cannot be written: File too large");
    expect_content(path, "second");
    assert_int_equal(scratch_files("atomic"), 1);               /* nothing is left beside it */
    supply.left = 0;
    status = isk_write_file(context, path, "third", 5);
    supply.left = -1;
    expect(context, status, ISK_MEMORY, "out of memory: the name of a temporary file needs 0.0 MB");
    expect_content(path, "second");
    free(big);
}

static void a_write_says_why_it_cannot(void **state) {
    char *sentence;
    (void)state;
    expect(context, isk_write_file(context, SCRATCH, "x", 1), ISK_IO,
           SCRATCH ": cannot be replaced: it is not a regular file");
    expect(context, isk_write_file(context, "/dev/null", "x", 1), ISK_IO,
           "/dev/null: cannot be replaced: it is not a regular file");
    assert_int_equal(isk_write_file(context, "build/none/there", "x", 1), ISK_IO);
    sentence = strstr(isk_error(context), ".tmp: cannot be created: No such file or directory");
    assert_non_null(sentence);
    if (geteuid() == 0) { return; }                             /* root may write everywhere */
    mkdir(SCRATCH "/closed", 0777);
    assert_int_equal(chmod(SCRATCH "/closed", 0555), 0);
    assert_int_equal(isk_write_file(context, SCRATCH "/closed/file", "x", 1), ISK_IO);
    assert_non_null(strstr(isk_error(context), ".tmp: cannot be created: Permission denied"));
    assert_int_equal(chmod(SCRATCH "/closed", 0777), 0);
}

/* ---- numbers from text ---- */

static void numbers_are_read_exactly(void **state) {
    static const char *const texts[] = {
        "0", "-0", "1", "+1", "-12", "12.", ".5", "-.5e1", "1e3", "1E+03", "1e-3", "00012.5000", "9007199254740993",
        "9007199254740992", "1e22", "1e23", "1.7976931348623157e308", "1.7976931348623159e308", "4.9406564584124654e-324",
        "2.4703282292062327e-324", "2.4703282292062328e-324", "2.2250738585072011e-308", "1e400", "-1e400", "1e-400", "1e99999999999",
        "0e99999999999999999999999", "123456789012345678901234567890", "0.1", "0.3", "179769313486231580793728971405301e276",
        "8.10109172351e-10", "1.00000000000000011102230246251565404236316680908203125",
        "1.00000000000000011102230246251565404236316680908203124", "1.00000000000000011102230246251565404236316680908203126",
        "7.2057594037927933e16", "6.9294956446009195e15", "9223372036854775807", "18446744073709551616", "3.14159265358979323846264338"
    };
    char text[2000];
    isk__random random = isk__random_open(1, 1);
    size_t i;
    (void)state;
    for (i = 0; i < COUNT(texts); i++) {
        double value = 77;
        assert_int_equal(isk_parse_number(texts[i], strlen(texts[i]), &value), strlen(texts[i]));
        if (value != strtod(texts[i], NULL)) { print_message("%s\n", texts[i]); }
        assert_memory_equal(&value, &(double){ strtod(texts[i], NULL) }, sizeof value);
    }
    for (i = 0; i < 200000; i++) {                              /* any bits, and what people write */
        uint64_t bits = (uint64_t)isk__random_word(&random) << 32 | isk__random_word(&random);
        double value, parsed;
        memcpy(&value, &bits, sizeof value);
        if (!isk__is_finite(value)) { continue; }
        if (i % 3 == 0) { value = (double)(bits % 1000000) / 1000.0; }
        snprintf(text, sizeof text, i % 2 ? "%.17g" : "%.9g", value);
        assert_int_equal(isk_parse_number(text, strlen(text), &parsed), strlen(text));
        assert_memory_equal(&parsed, &(double){ strtod(text, NULL) }, sizeof parsed);
    }
    /* A tie that only the 1000th digit breaks; a million zeros undone by the exponent. */
    memset(text, '0', sizeof text);
    memcpy(text, "9007199254740993.", 17);
    text[1000] = '1';
    double value;
    assert_int_equal(isk_parse_number(text, 1001, &value), 1001);
    assert_true(value == 9007199254740994.0);
    assert_int_equal(isk_parse_number(text, 1000, &value), 1000);
    assert_true(value == 9007199254740992.0);
    char *zeros = malloc(1000020);
    assert_non_null(zeros);
    memset(zeros, '0', 1000000);
    zeros[0] = '.';
    memcpy(zeros + 1000000, "25e1000000", 11);
    assert_int_equal(isk_parse_number(zeros, strlen(zeros), &value), strlen(zeros));
    assert_true(value == 2.5);
    free(zeros);
}

static void a_number_ends_where_it_ends(void **state) {
    static const struct { const char *text; size_t used; double value; } cases[] = {
        { "", 0, 7 }, { "-", 0, 7 }, { ".", 0, 7 }, { "+.", 0, 7 }, { "e5", 0, 7 }, { "nan", 0, 7 }, { "inf", 0, 7 }, { " 1", 0, 7 },
        { "1e", 1, 1 }, { "1e+", 1, 1 }, { "2e-x", 1, 2 }, { "1.2.3", 3, 1.2 }, { "3,5", 1, 3 }, { "0x10", 1, 0 }, { "5 ", 1, 5 },
        { "--1", 0, 7 }, { "1_0", 1, 1 }
    };
    size_t i;
    (void)state;
    for (i = 0; i < COUNT(cases); i++) {
        double value = 7;
        size_t length = strlen(cases[i].text);
        char *copy = malloc(length > 0 ? length : 1);           /* no zero behind it */
        assert_non_null(copy);
        memcpy(copy, cases[i].text, length);
        assert_int_equal(isk_parse_number(copy, length, &value), cases[i].used);
        assert_true(value == cases[i].value);
        free(copy);
    }
}

/* ---- JSON ---- */

static isk_status write_down(void *user, const char *key, isk_json_kind kind, const char *value) {
    static const char kinds[] = "snTF0";
    char *out = user;
    if (strcmp(key, "stop") == 0) { return isk_set_error(context, ISK_ARGUMENT, "stopped"); }
    snprintf(out + strlen(out), 500 - strlen(out), "%s=%c:%s;", key, kinds[kind], value);
    return ISK_OK;
}

static isk_status parse_json(const char *text, char out[500]) {
    size_t length = strlen(text);
    char *copy = malloc(length > 0 ? length : 1);
    isk_status status;
    assert_non_null(copy);
    memcpy(copy, text, length);
    out[0] = 0;
    status = isk_json_object(context, "config.json", copy, length, write_down, out);
    free(copy);
    return status;
}

static void json_objects_are_walked(void **state) {
    static const struct { const char *text, *due; } cases[] = {
        { "{}", "" },
        { " { } \n", "" },
        { "{\"b\":1,\"a\":\"x\"}", "b=n:1;a=s:x;" },
        { "{\"t\":true,\"f\":false,\"n\":null,\"r\":-1.5e+3}", "t=T:true;f=F:false;n=0:null;r=n:-1.5e+3;" },
        { "\t{ \"q\\\"\\\\\\/\\b\\f\\n\\r\\t\" : \"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\" }",
          "q\"\\/\b\f\n\r\t=s:A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80;" },
        { "{\"\":\"\",\"0\":0,\"-\":-0}", "=s:;0=n:0;-=n:-0;" },
        { "{\"\xCE\xB1\":\"\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF\"}", "\xCE\xB1=s:\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF;" }
    };
    char out[500];
    size_t i;
    (void)state;
    for (i = 0; i < COUNT(cases); i++) {
        assert_int_equal(parse_json(cases[i].text, out), ISK_OK);
        assert_string_equal(out, cases[i].due);
    }
    expect(context, parse_json("{\"a\":1,\"stop\":2,\"c\":3}", out), ISK_ARGUMENT, "stopped");
    assert_string_equal(out, "a=n:1;");
}

static void json_is_strict(void **state) {
    static const struct { const char *text; int at; const char *problem; } cases[] = {
        { "", 0, "an object, {, is due" }, { "[]", 0, "an object, {, is due" }, { "{", 1, "a string is due" },
        { "{a:1}", 1, "a string is due" }, { "{'a':1}", 1, "a string is due" }, { "{\"a\" 1}", 5, "a colon is due" },
        { "{\"a\":}", 5, "a value is due" }, { "{\"a\":1,}", 7, "a string is due" }, { "{\"a\":1 \"b\":2}", 7, "a comma or } is due" },
        { "{\"a\":1", 6, "a comma or } is due" }, { "{\"a\":1}x", 7, "something follows the object" },
        { "{\"a\":01}", 7, "a number with a leading zero" }, { "{\"a\":.5}", 5, "a value is due" }, { "{\"a\":+1}", 5, "a value is due" },
        { "{\"a\":1.}", 7, "digits are due after the point" }, { "{\"a\":1e}", 7, "digits are due in the exponent" },
        { "{\"a\":NaN}", 5, "a value is due" }, { "{\"a\":tru}", 5, "a value is due" }, { "{\"a\":truex}", 9, "a comma or } is due" },
        { "{\"a\":\"b}", 8, "a string without its end" }, { "{\"a\":\"\n\"}", 6, "a control character inside a string" },
        { "{\"a\":\"\\x\"}", 7, "an escape that JSON does not know" }, { "{\"a\":\"\\", 7, "an escape that JSON does not know" },
        { "{\"a\":\"\\u12\"}", 10, "\\u needs four hexadecimal digits, and surrogates come in pairs" },
        { "{\"a\":\"\\u12G4\"}", 10, "\\u needs four hexadecimal digits, and surrogates come in pairs" },
        { "{\"a\":\"\\ud800\"}", 12, "\\u needs four hexadecimal digits, and surrogates come in pairs" },
        { "{\"a\":\"\\ud800\\u0041\"}", 18, "\\u needs four hexadecimal digits, and surrogates come in pairs" },
        { "{\"a\":\"\\udc00\"}", 12, "\\u needs four hexadecimal digits, and surrogates come in pairs" },
        { "{\"a\":\"\\u0000\"}", 12, "a string holds the character 0" },
        { "{\"a\":\"\xC0\x80\"}", 6, "a string that is not UTF-8" }, { "{\"a\":\"\xED\xA0\x80\"}", 6, "a string that is not UTF-8" },
        { "{\"a\":\"\xF4\x90\x80\x80\"}", 6, "a string that is not UTF-8" }, { "{\"a\":\"\xE2\x82\"}", 6, "a string that is not UTF-8" },
        { "{\"a\":\"\xE0\x80\x80\"}", 6, "a string that is not UTF-8" }, { "{\"a\":\"\xF0\x80\x80\x80\"}", 6,
          "a string that is not UTF-8" },
        { "{\"a\":\"\x80\"}", 6, "a string that is not UTF-8" }, { "{\"a\":\"\xE2", 6, "a string that is not UTF-8" },
        { "{\"a\":[1]}", 5, "an object or array inside; strings, numbers, true, false and null are read here" },
        { "{\"a\":{}}", 5, "an object or array inside; strings, numbers, true, false and null are read here" },
        { "{\"a\":1}//", 7, "something follows the object" }
    };
    char out[500], due[300];
    size_t i;
    (void)state;
    for (i = 0; i < COUNT(cases); i++) {
        snprintf(due, sizeof due, "config.json: JSON at offset %d: %s", cases[i].at, cases[i].problem);
        expect(context, parse_json(cases[i].text, out), ISK_DATA, due);
    }
    expect(context, parse_json("{\"x\":1,\"y\":2,\"x\":3}", out), ISK_DATA, "config.json: JSON: the key 'x' stands twice");
    expect(context, parse_json("{\"\\u001b[2J\":1,\"\\u001B[2J\":2}", out), ISK_DATA,
           "config.json: JSON: the key '?[2J' stands twice");
    assert_string_equal(out, "");                   /* no member is given out before all is known to be right */
}

static void json_is_walked(void **state) {
    static const struct { const char *text, *due; } cases[] = {
        { "1", "=n:1;" }, { " \"a\" ", "=s:a;" }, { "[]", "" }, { "{}", "" }, { "[[],{}]", "" },
        { "[true,[null,2]]", "0=T:true;1.0=0:null;1.1=n:2;" },
        { "{\"a\":{\"b\":[1,{\"c\":\"d\"}]},\"e\":[0]}", "a.b.0=n:1;a.b.1.c=s:d;e.0=n:0;" }, { "{\"a\":1,\"a\":2}", "a=n:1;a=n:2;" },
    };
    static const struct { const char *text; int at; const char *problem; } wrong[] = {
        { "", 0, "a value is due" }, { "[1", 2, "a comma or ] is due" }, { "[1}", 2, "a comma or ] is due" },
        { "[,1]", 1, "a value is due" },
        { "[1,]", 3, "a value is due" }, { "{\"a\":[1}", 7, "a comma or ] is due" }, { "{\"a\":{\"b\"}}", 9, "a colon is due" },
        { "{\"a\":{\"b\":1]", 11, "a comma or } is due" }, { "[1] 2", 4, "something follows the value" },
        { "[[01]]", 4, "a number with a leading zero" },
    };
    char out[500], due[300], deep[500];
    size_t i;
    (void)state;
    for (i = 0; i < COUNT(cases); i++) {
        out[0] = 0;
        assert_int_equal(isk_json_walk(context, "j.json", cases[i].text, strlen(cases[i].text), write_down, out), ISK_OK);
        assert_string_equal(out, cases[i].due);
    }
    for (i = 0; i < COUNT(wrong); i++) {
        out[0] = 0;
        snprintf(due, sizeof due, "j.json: JSON at offset %d: %s", wrong[i].at, wrong[i].problem);
        expect(context, isk_json_walk(context, "j.json", wrong[i].text, strlen(wrong[i].text), write_down, out), ISK_DATA, due);
    }
    memset(deep, '[', sizeof deep);
    expect(context, isk_json_walk(context, "j.json", deep, sizeof deep, write_down, out), ISK_DATA,
           "j.json: JSON at offset 96: keys that are too long, or too deep");
}

static isk_status run_json(isk_context *c, void *argument) {
    char out[500] = "";
    (void)argument;
    return isk_json_object(c, "j", "{\"a\":1,\"b\":\"c\"}", 15, write_down, out);
}

static isk_status count_member(void *user, const char *key, isk_json_kind kind, const char *value) {
    *(size_t *)user += strlen(key) + strlen(value) + (size_t)kind;
    return ISK_OK;
}

static isk_status run_damaged_json(isk_context *c, const isk_reader *reader) {
    size_t sum = 0;
    return isk_json_object(c, reader->name, reader->user, (size_t)reader->size, count_member, &sum);
}

static isk_status run_damaged_walk(isk_context *c, const isk_reader *reader) {
    size_t sum = 0;
    return isk_json_walk(c, reader->name, reader->user, (size_t)reader->size, count_member, &sum);
}

static void json_survives_damage(void **state) {
    static const char text[] = "{\"a\":-1.5e3,\"\xC3\xA9\\u00e9\\ud83d\\ude00\":\"x\\n\",\"t\":true, \"n\":null}";
    (void)state;
    sweep_memory(context, run_json, NULL);
    sweep_damage(context, text, sizeof text - 1, run_damaged_json);
    sweep_damage(context, text, sizeof text - 1, run_damaged_walk);
}

/* ---- SHA-256 ---- */

static void hash(const char *bytes, size_t count, size_t part, char hex[65]) {
    isk__sha256 sha;
    isk__sha256_open(&sha);
    for (size_t i = 0; i < count; i += part) { isk__sha256_add(&sha, bytes + i, count - i < part ? count - i : part); }
    isk__sha256_close(&sha, hex);
}

static void sha256_of_the_standard(void **state) {
    static const struct { const char *text, *hex; } cases[] = {             /* FIPS 180-2 appendix B, NIST CAVP */
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" }
    };
    char hex[65], again[65];
    char *million = malloc(1000000);
    size_t i, part;
    (void)state;
    for (i = 0; i < COUNT(cases); i++) {
        for (part = 1; part < 70; part++) {
            hash(cases[i].text, strlen(cases[i].text), part, hex);
            assert_string_equal(hex, cases[i].hex);
        }
    }
    assert_non_null(million);
    memset(million, 'a', 1000000);
    hash(million, 1000000, 1000000, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    for (i = 0; i < 200; i++) {                     /* every length around the blocks, in parts and at once */
        hash(million, i, i + 1, hex);
        hash(million, i, 7, again);
        assert_string_equal(hex, again);
    }
    free(million);
}

static int64_t failing_read(void *user, uint64_t offset, void *buffer, size_t count) {
    (void)user;
    memset(buffer, 'a', count);
    return offset < 4096 ? (int64_t)count : -1;
}

static void sha256_of_readers(void **state) {
    enum { SIZE = 2 * 4096 + 77 };                  /* more than is read at once; of whole parts too */
    static char bytes[SIZE];
    char hex[65], due[65];
    isk_reader reader;
    (void)state;
    for (size_t i = 0; i < SIZE; i++) { bytes[i] = (char)(i * 31 % 251); }
    for (size_t size = 0; size <= SIZE; size += size < 4096 ? 1024 : size < 8192 ? 4096 : 77) {
        hash(bytes, size, SIZE, due);
        reader = isk_reader_memory(bytes, size, "memory");
        assert_int_equal(isk_sha256(context, &reader, hex), ISK_OK);
        assert_string_equal(hex, due);
    }
    assert_int_equal(isk_reader_open(context, write_bytes("hashed", bytes, SIZE), &reader), ISK_OK);
    assert_int_equal(isk_sha256(context, &reader, hex), ISK_OK);
    isk_reader_close(&reader);
    assert_string_equal(hex, due);
    reader = (isk_reader){ .read = failing_read, .size = ISK_SIZE_UNKNOWN, .name = "broken" };
    expect(context, isk_sha256(context, &reader, hex), ISK_IO, "broken: reading at offset 4096 failed");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_of_files_and_memory),
        cmocka_unit_test(size_of_a_reader_may_be_unknown),
        cmocka_unit_test(long_names_leave_room_for_what_is_wrong),
        cmocka_unit_test(a_write_replaces_all_or_nothing),
        cmocka_unit_test(a_write_says_why_it_cannot),
        cmocka_unit_test(numbers_are_read_exactly),
        cmocka_unit_test(a_number_ends_where_it_ends),
        cmocka_unit_test(json_objects_are_walked),
        cmocka_unit_test(json_is_strict),
        cmocka_unit_test(json_is_walked),
        cmocka_unit_test(json_survives_damage),
        cmocka_unit_test(sha256_of_the_standard),
        cmocka_unit_test(sha256_of_readers),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
