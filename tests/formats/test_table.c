/* Tables as text: examples/formats/table.c and examples/base/lines.c, compiled in here so that their memory can run out on request. */
/* build: float double */
#include "indiseek.h"
#include "tests/base/scarce.h"
#include "examples/base/lines.c"
#include "examples/formats/table.c"
#include "tests/base/fixture.h"

static isk_status read_text(const char *text, const table_desc *desc, table *t) {
    char *copy;
    const isk_reader reader = read_copy(text, "t.csv", &copy);
    const isk_status status = table_read_from(context, &reader, desc, t);
    free(copy);
    return status;
}

static isk_status labels_text(const char *text, const char *column, int64_t rows, labels *l) {
    isk_reader reader = isk_reader_memory(text, strlen(text), "l.tsv");
    return labels_read_from(context, &reader, column, rows, l);
}

/* "a|b|c" */
static const char *joined(const names *n, char *out, size_t room) {
    out[0] = 0;
    for (int64_t i = 0; i < n->count; i++) {
        size_t used = strlen(out);
        snprintf(out + used, room - used, "%s%s", i ? "|" : "", names_get(n, i));
    }
    return out;
}

/* ---- layouts ---- */

static void layouts_are_detected(void **state) {
    static const struct {
        const char *text; char delimiter; int64_t rows, cols; const char *columns, *row_names; double first, last;
    } cases[] = {
        { "1,2\n3,4\n", ',', 2, 2, "", "", 1, 4 },
        { "1,2\n3,4", ',', 2, 2, "", "", 1, 4 },
        { "1,2\r\n3,4\r\n\r\n", ',', 2, 2, "", "", 1, 4 },
        { "\xEF\xBB\xBF" "a,b\n3,4\n", ',', 1, 2, "a|b", "", 3, 4 },
        { "1\t2\n3\t4\n\n\n", '\t', 2, 2, "", "", 1, 4 },
        { "1;2\n3;4\n", ';', 2, 2, "", "", 1, 4 },
        { "1 2\n3   4 \n", ' ', 2, 2, "", "", 1, 4 },
        { "  1.000e+00 -2.0e+00\n  3 4\n", ' ', 2, 2, "", "", 1, 4 },
        { "1 \t2\n3 \t 4\n", '\t', 2, 2, "", "", 1, 4 },
        { "1\n2\n3", 0, 3, 1, "", "", 1, 3 },
        { "x\n2\n3", 0, 2, 1, "x", "", 2, 3 },
        { "5", 0, 1, 1, "", "", 5, 5 },
        { "a,b\n1,2\n", ',', 1, 2, "a|b", "", 1, 2 },
        { ",a,b\nx,1,2\ny,3,4\n", ',', 2, 2, "a|b", "x|y", 1, 4 },                  /* pandas, R's write.csv */
        { ",0,1\n0,1,2\n1,3,4\n", ',', 2, 2, "0|1", "0|1", 1, 4 },
        { "\"\",\"a\",\"b\"\n\"1\",1,2\n\"2\",3,4\n", ',', 2, 2, "a|b", "1|2", 1, 4 },
        { "a b\nx 1 2\ny 3 4\n", ' ', 2, 2, "a|b", "x|y", 1, 4 },                   /* R's write.table */
        { "\"a\"\t\"b\"\n\"1\"\t1\t2\n", '\t', 1, 2, "a|b", "1", 1, 2 },
        { "cell,a,b\nx,1,2\n", ',', 1, 2, "a|b", "x", 1, 2 },
        { "x,1,2\ny,3,4\n", ',', 2, 2, "", "x|y", 1, 4 },
        { "gene,10,20\n5,1,2\n", ',', 1, 3, "gene|10|20", "", 5, 2 },
        { "cell,dose\nx,1\n", ',', 1, 1, "dose", "x", 1, 1 },
        { "\"a,1\",\"b \"\"q\"\"\"\n\"1\", \"2\" \n", ',', 1, 2, "a,1|b \"q\"", "", 1, 2 },
        { "a,\"two\nlines\"\n1,2\n", ',', 1, 2, "a|two\nlines", "", 1, 2 },
        { "a\nx,1\ny,2\n", ',', 2, 1, "a", "x|y", 1, 2 },
        { " a , b \n 1 , 2 \n", ',', 1, 2, "a|b", "", 1, 2 },
        { "a;b\n1;-.5e1\n", ';', 1, 2, "a|b", "", 1, -5 },
        { "\"a\" \"b c\"\n1 2\n", ' ', 1, 2, "a|b c", "", 1, 2 }
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[200];
        table t;
        isk_status status = read_text(cases[i].text, NULL, &t);
        if (status != ISK_OK) { print_message("%s\n%s\n", cases[i].text, isk_error(context)); }
        assert_int_equal(status, ISK_OK);
        assert_int_equal(t.delimiter, cases[i].delimiter);
        assert_int_equal(t.rows, cases[i].rows);
        assert_int_equal(t.cols, cases[i].cols);
        assert_string_equal(joined(&t.column_names, text, sizeof text), cases[i].columns);
        assert_string_equal(joined(&t.row_names, text, sizeof text), cases[i].row_names);
        assert_true(t.values[0] == (isk_scalar)cases[i].first);
        assert_true(t.values[t.rows * t.cols - 1] == (isk_scalar)cases[i].last);
        table_free(&t);
    }
}

static void layouts_can_be_given(void **state) {
    const table_desc no_header = { .header = TABLE_NO }, header = { .header = TABLE_YES }, tabs = { .delimiter = '\t', .header = TABLE_NO },
                     named = { .row_names = TABLE_YES }, nameless = { .row_names = TABLE_NO };
    table t;
    (void)state;
    assert_int_equal(read_text("1,2\n3,4\n", &header, &t), ISK_OK);
    assert_int_equal(t.rows, 1);
    assert_string_equal(names_get(&t.column_names, 1), "2");
    table_free(&t);
    assert_int_equal(read_text("1,2\n3,4\n", &named, &t), ISK_OK);
    assert_true(t.cols == 1 && t.values[1] == 4);
    assert_string_equal(names_get(&t.row_names, 1), "3");
    table_free(&t);
    expect(context, read_text("a,b\n3,4\n", &no_header, &t), ISK_DATA, "t.csv: line 1 (row 1), column 2: 'b' is not a number");
    expect(context, read_text("1,2\n", &tabs, &t), ISK_DATA,
           "t.csv: line 1 (row 1), column 1: '1,2' is not a number (a decimal point is due, not a comma)");
    expect(context, read_text("c,d\nx,1\n", &nameless, &t), ISK_DATA, "t.csv: line 2 (row 1), column 1 'c': 'x' is not a number");
}

/* ---- mistakes ---- */

static void mistakes_are_named(void **state) {
    static const struct { const char *text; const char *sentence; } cases[] = {
        { "", "t.csv: is empty" },
        { "\n\n", "t.csv: is empty" },
        { "a,b\n", "t.csv: has a header but no rows" },
        { "1,2\n3\n", "t.csv: line 2 has 1 field where line 1 has 2" },
        { "1,2\n3,4,5\n6\n", "t.csv: line 3 has 1 field where line 2 has 3" },
        { "a,b\n1,2\n3,4,5\n", "t.csv: line 3 has 3 fields where line 2 has 2" },
        { "a,b,c\n1,2\n", "t.csv: line 2 has 2 fields where line 1 has 3" },
        { "a,b\n1,2,3,4\n", "t.csv: line 2 has 4 fields where line 1 has 2" },
        { "1,2\n\n3,4\n", "t.csv: line 2 is empty, but more lines follow" },
        { "a,b\n1,2\n3,x\n", "t.csv: line 3 (row 2), column 2 'b': 'x' is not a number" },
        { "1,2\n3,0x10\n", "t.csv: line 2 (row 2), column 2: '0x10' is not a number" },
        { "n,a,b\nx,1,2\ny,3,4 5\n", "t.csv: line 3 (row 2), column 3 'b': '4 5' is not a number" },
        { "a;b\n1;2,5\n", "t.csv: line 2 (row 1), column 2 'b': '2,5' is not a number (a decimal point is due, not a comma)" },
        { "a,b\n1,NA\n", "t.csv: line 2 (row 1), column 2 'b': 'NA' is a missing value; fill it in or leave the row out" },
        { "a,b\n1,\n", "t.csv: line 2 (row 1), column 2 'b': '' is a missing value; fill it in or leave the row out" },
        { "1,nan\n", "t.csv: line 1 (row 1), column 2: 'nan' is a missing value; fill it in or leave the row out" },
        { "1,2\n3,-Inf\n", "t.csv: line 2 (row 2), column 2: '-Inf' is infinite" },
        { "1,2\n3,1e400\n", "t.csv: line 2 (row 2), column 2: '1e400' is beyond the range of numbers" },
        { "a,\"b\n1,2\n", "t.csv: the quote that opens on line 1, field 2 is never closed" },
        { "\"a\"b,c\n1,2\n", "t.csv: line 1, field 1: something follows the closing quote" },
        { "id,x,3\n1,2,3\n",
           "t.csv: line 1 is a header or a row with a mistake: field 2 is 'x' but field 3 is '3'; say whether there is a header" },
        { "1\n\x1B[31mred\n", "t.csv: line 2 (row 2), column 1: '?[31mred' is not a number" },
        { "\xFF\xFE" "1", "t.csv: has a header but no rows" }
    };
    isk_reader reader;
    table t;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) { expect(context, read_text(cases[i].text, NULL, &t), ISK_DATA, cases[i].sentence); }
    assert_null(t.values);
    reader = isk_reader_memory("\xFF\xFE" "1\0,\0" "2\0\n", 9, "t.csv");
    expect(context, table_read_from(context, &reader, NULL, &t), ISK_DATA,
           "t.csv: line 1 holds a zero byte: not a text file, or one in UTF-16 (save it as UTF-8)");
    expect(context, table_read(context, "build/none.csv", NULL, &t), ISK_IO, "build/none.csv: cannot be opened: No such file or directory");
    if (sizeof(isk_scalar) == 4) {
        expect(context, read_text("1\n-3.5e38\n", NULL, &t), ISK_DATA,
           "t.csv: line 2 (row 2), column 1: '-3.5e38' is beyond the range of numbers");
    }
}

/* ---- labels ---- */

static void columns_become_classes(void **state) {
    static const struct { const char *text, *column; int64_t rows; int count; const char *classes, *codes; int64_t missing; } cases[] = {
        { "cell\ttype\nx\tT\ny\tB\nz\tT\n", "type", 0, 2, "B|T", "101", 0 },
        { "cell\ttype\nx\tT\ny\tB\nz\tT\n", "2", 3, 2, "B|T", "101", 0 },
        { "x\tT\ny\tB\nz\tT\n", "2", 3, 2, "B|T", "101", 0 },
        { "x\tT\ny\tB\nz\tT\n", "2", 0, 2, "B|T", "101", 0 },
        { "T\nB\nT\n", NULL, 0, 2, "B|T", "101", 0 },
        { "T\nB\nT\n", NULL, 3, 2, "B|T", "101", 0 },
        { "type\nB\nT\n", NULL, 0, 2, "B|T", "01", 0 },
        { "type\nB\nT\n", NULL, 3, 3, "B|T|type", "201", 0 },
        { "CD14+ Mono\nCD8 T\nCD14+ Mono\n", NULL, 3, 2, "CD14+ Mono|CD8 T", "010", 0 },
        { "10\n9\n10\n-1\n", NULL, 4, 3, "-1|9|10", "2120", 0 },
        { "10\nb\n9\n", NULL, 3, 3, "10|9|b", "021", 0 },
        { "row,label\n0,1\n1,0\n2,1\n", "label", 3, 2, "0|1", "101", 0 },
        { ",type\n0,B\n1,A\n", NULL, 2, 2, "A|B", "10", 0 },
        { "\"type\"\n\"1\" \"B b\"\n\"2\" \"A\"\n", NULL, 0, 0, NULL, NULL, 0 },
        { "type\n1\tB\n2\tA\n", NULL, 2, 2, "A|B", "10", 0 },
        { "B\nT, naive\nB\n", NULL, 3, 2, "B|T, naive", "010", 0 },
        { "a,b\nx,,NA\ny,p,q\nz,NA,r\n", "a", 3, 1, "p", "-0-", 2 },
        { "a,b\nx,,NA\ny,p,q\nz,NA,r\n", "2", 3, 1, "p", "-0-", 2 },
        { "type\nB\n", NULL, 1, 1, "B", "0", 0 }
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[200];
        labels l;
        isk_status status = labels_text(cases[i].text, cases[i].column, cases[i].rows, &l);
        if (!cases[i].classes) {
            assert_int_not_equal(status, ISK_OK);
            continue;
        }
        if (status != ISK_OK) { print_message("%s\n%s\n", cases[i].text, isk_error(context)); }
        assert_int_equal(status, ISK_OK);
        assert_int_equal(l.rows, strlen(cases[i].codes));
        assert_int_equal(l.count, cases[i].count);
        assert_int_equal(l.missing, cases[i].missing);
        assert_string_equal(joined(&l.classes, text, sizeof text), cases[i].classes);
        for (int64_t r = 0; r < l.rows; r++) {
            assert_int_equal(l.codes[r], cases[i].codes[r] == '-' ? -1 : cases[i].codes[r] - '0');
        }
        labels_free(&l);
    }
}

static void mistakes_in_labels(void **state) {
    labels l;
    (void)state;
    expect(context, labels_text("", NULL, 0, &l), ISK_DATA, "l.tsv: is empty");
    expect(context, labels_text("a\tb\nx\ty\n", NULL, 0, &l), ISK_ARGUMENT,
           "l.tsv: has 2 columns; say which holds the labels, by name or number from 1");
    expect(context, labels_text("a\tb\nx\ty\n", "c", 0, &l), ISK_ARGUMENT,
           "l.tsv: has no column 'c'; its first line has 2 fields, the last is 'b'");
    expect(context, labels_text("a\tb\nx\ty\n", "3", 0, &l), ISK_ARGUMENT,
           "l.tsv: has no column '3'; its first line has 2 fields, the last is 'b'");
    expect(context, labels_text("a\tb\nx\ty\n", "0", 0, &l), ISK_ARGUMENT,
           "l.tsv: has no column '0'; its first line has 2 fields, the last is 'b'");
    expect(context, labels_text("a\nx\n", "1.5", 0, &l), ISK_ARGUMENT,
           "l.tsv: has no column '1.5'; its first line has 1 field, the only one is 'a'");
    expect(context, labels_text("a\tb\nx\ty\nz\n", "b", 0, &l), ISK_DATA, "l.tsv: line 3 has 1 field where line 2 has 2");
    expect(context, labels_text("a\tb\tc\nx\n", "b", 0, &l), ISK_DATA, "l.tsv: line 2 has 1 field where line 1 has 3");
    expect(context, labels_text("a\tb\nx\ty\n", "b", 5, &l), ISK_SHAPE, "l.tsv: has 1 labels where 5 rows are due");
    expect(context, labels_text("x\ny\n", NULL, 5, &l), ISK_SHAPE, "l.tsv: has 2 labels where 5 rows are due");
    expect(context, labels_text("a\tb\n", "b", 0, &l), ISK_DATA, "l.tsv: has a header but no rows");
    expect(context, labels_read(context, "build/none", NULL, 0, &l), ISK_IO, "build/none: cannot be opened: No such file or directory");
}

static void codes_become_classes(void **state) {
    const int32_t codes[] = { 10, -1, 9, 10 };
    labels l;
    char text[50];
    (void)state;
    assert_int_equal(labels_from_codes(context, "c.npy", codes, 4, &l), ISK_OK);
    assert_string_equal(joined(&l.classes, text, sizeof text), "-1|9|10");
    assert_true(l.codes[0] == 2 && l.codes[1] == 0 && l.codes[2] == 1 && l.codes[3] == 2);
    labels_free(&l);
}

/* ---- lines ---- */

static void lists_of_names(void **state) {
    names n;
    (void)state;
    assert_int_equal(names_read(context, write_text("names.txt", "CD3\r\nHLA-DR 2\nCD3\n\n\n"), &n), ISK_OK);
    assert_int_equal(n.count, 3);
    assert_string_equal(names_get(&n, 1), "HLA-DR 2");
    assert_null(names_get(&n, 3));
    assert_null(names_get(&n, -1));
    assert_int_equal(names_find(&n, "CD3"), 0);
    assert_int_equal(names_find(&n, "cd3"), -1);
    names_free(&n);
    expect(context, names_read(context, write_text("names.txt", "a\n\nb\n"), &n), ISK_DATA,
           SCRATCH "/names.txt: line 2 is empty where a name is due");
    assert_int_equal(names_read(context, write_text("names.txt", ""), &n), ISK_OK);
    assert_int_equal(n.count, 0);
    names_free(&n);
}

static void long_lines_cross_the_chunks(void **state) {
    enum { COLS = 60000 };
    char *text = malloc(COLS * 8 * 3 + 1), *at = text;
    table t;
    (void)state;
    assert_non_null(text);
    for (int r = 0; r < 3; r++) {
        for (int c = 0; c < COLS; c++) { at += sprintf(at, "%d%s", (r + 1) * c % 9973, c < COLS - 1 ? "," : "\n"); }
    }
    assert_int_equal(read_text(text, NULL, &t), ISK_OK);
    assert_true(t.rows == 3 && t.cols == COLS && t.values[2 * COLS + 12345] == 3 * 12345 % 9973);
    table_free(&t);
    free(text);
}

#ifdef INDISEEK_HAVE_ZLIB
static size_t pack(const char *text, unsigned char *out, size_t room) {
    z_stream stream;
    size_t used;
    memset(&stream, 0, sizeof stream);
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)text;
    stream.avail_in = (uInt)strlen(text);
    stream.next_out = out;
    stream.avail_out = (uInt)room;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    used = room - stream.avail_out;
    deflateEnd(&stream);
    return used;
}

static isk_status run_table(isk_context *c, const isk_reader *reader) {
    table t;
    isk_status status = table_read_from(c, reader, NULL, &t);
    table_free(&t);
    return status;
}

static isk_status run_memory(isk_context *c, void *argument) { return run_table(c, argument); }

static void gzip_is_unpacked(void **state) {
    unsigned char packed[400];
    size_t count = pack("a,b\n1,2\n", packed, sizeof packed), more = pack("3,4\n", packed + count, sizeof packed - count);
    isk_reader reader = isk_reader_memory(packed, count + more, "t.csv.gz");
    table t;
    (void)state;
    assert_int_equal(table_read_from(context, &reader, NULL, &t), ISK_OK);         /* two members, as bgzip writes */
    assert_true(t.rows == 2 && t.values[3] == 4);
    table_free(&t);
    reader.size = count - 3;
    expect(context, table_read_from(context, &reader, NULL, &t), ISK_DATA, "t.csv.gz: the gzip file is cut off");
    packed[count - 6] ^= 1;
    reader.size = count;
    expect(context, table_read_from(context, &reader, NULL, &t), ISK_DATA, "t.csv.gz: the gzip file is damaged: incorrect data check");
    packed[count - 6] ^= 1;
    packed[count] = 'x';
    reader.size = count + more;
    expect(context, table_read_from(context, &reader, NULL, &t), ISK_DATA, "t.csv.gz: the gzip file is damaged: incorrect header check");
    reader.size = count;
    sweep_memory(context, run_memory, &reader);
    sweep_readers(context, (const char *)packed, count, run_table);
    sweep_damage(context, (const char *)packed, count, run_table);
}
#else
static void gzip_is_unpacked(void **state) {
    isk_reader reader = isk_reader_memory("\x1F\x8B\x08", 3, "t.csv.gz");
    table t;
    (void)state;
    expect(context, table_read_from(context, &reader, NULL, &t), ISK_UNSUPPORTED,
           "t.csv.gz: is a gzip file, but this program was built without zlib; unpack it with gunzip first");
}
#endif

/* ---- sweeps ---- */

static isk_status run_reader(isk_context *c, const isk_reader *reader) {
    table t;
    labels l;
    isk_status status = table_read_from(c, reader, NULL, &t);
    if (status != ISK_OK) { assert_null(t.values); }
    table_free(&t);
    if (labels_read_from(c, reader, "b", 0, &l) == ISK_OK) { labels_free(&l); }
    return status == ISK_OK ? status : labels_read_from(c, reader, "none", 0, &l);
}

static isk_status run_named_reader(isk_context *c, const isk_reader *reader) {
    table t;
    isk_status status = table_read_from(c, reader, NULL, &t);
    table_free(&t);
    return status;
}

static isk_status run_labels(isk_context *c, void *text) {
    isk_reader reader = isk_reader_memory(text, strlen(text), "l.tsv");
    labels l;
    isk_status status = labels_read_from(c, &reader, "b", 2, &l);
    labels_free(&l);
    return status;
}

static isk_status run_text(isk_context *c, void *text) {
    isk_reader reader = isk_reader_memory(text, strlen(text), "t.csv");
    return run_named_reader(c, &reader);
}

static void sweeps(void **state) {
    char text[] = ",a,\"b\"\n\"x \"\"1\"\"\",1.5,-2e3\r\ny,.25,NA\n", good[] = ",a,\"b\"\n\"x \"\"1\"\"\",1.5,-2e3\r\ny,.25,7\n";
    (void)state;
    sweep_memory(context, run_text, good);
    sweep_memory(context, run_labels, good);
    sweep_readers(context, good, sizeof good - 1, run_named_reader);
    sweep_damage(context, text, sizeof text - 1, run_reader);
    sweep_damage(context, good, sizeof good - 1, run_named_reader);
}

/* ---- real files ---- */

#define DATA "../shared/data/"

static void real_tables(void **state) {
    static const struct { const char *path, *column; int64_t rows; int count; } cases[] = {
        { DATA "pbmc10k_citeseq/cells.tsv", "cell_type", 6855, 8 },
        { DATA "pbmc_teaseq/cells.tsv", "2", 1262, 11 },
        { DATA "bmmc_citeseq_neurips2021/cells.tsv", "cell_type", 600, 41 },
        { DATA "landuse21/labels.tsv", "label", 2100, 21 },
        { DATA "mfeat_handwritten/labels.tsv", "label", 2000, 10 },
        { DATA "mosi_utterance/utterances.tsv", "label", 0, 2 }
    };
    struct stat info;
    table t;
    (void)state;
    if (stat(DATA "README.md", &info) != 0) {
        print_message("skipped: no " DATA "\n");
        skip();
    }
    for (size_t i = 0; i < COUNT(cases); i++) {
        labels l;
        isk_status status = labels_read(context, cases[i].path, cases[i].column, cases[i].rows, &l);
        if (status != ISK_OK) { print_message("%s\n", isk_error(context)); }
        assert_int_equal(status, ISK_OK);
        assert_int_equal(l.count, cases[i].count);
        assert_int_equal(l.missing, 0);
        labels_free(&l);
    }
    assert_int_equal(table_read(context, DATA "pbmc10k_citeseq/wnn_seurat/rna_weight.tsv", NULL, &t), ISK_OK);
    assert_true(t.rows == 6855 && t.cols == 1 && t.row_names.count == 6855);
    assert_string_equal(names_get(&t.column_names, 0), "RNA.weight");
    table_free(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts_are_detected),
        cmocka_unit_test(layouts_can_be_given),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(columns_become_classes),
        cmocka_unit_test(mistakes_in_labels),
        cmocka_unit_test(codes_become_classes),
        cmocka_unit_test(lists_of_names),
        cmocka_unit_test(long_lines_cross_the_chunks),
        cmocka_unit_test(gzip_is_unpacked),
        cmocka_unit_test(sweeps),
        cmocka_unit_test(real_tables),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
