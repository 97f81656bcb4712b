/* Single matrices with their names, and tables of cells: examples/formats/read_matrix.c, compiled in here so that its memory can run out
   on request. */
#include "indiseek.h"

#include <errno.h>
#include <math.h>
#include <sys/stat.h>

#include "tests/base/scarce.h"
#include "examples/base/lines.c"
#include "examples/formats/table.c"
#include "examples/formats/mtx.c"
#include "examples/formats/input.c"
#include "examples/formats/pairing.c"
#include "examples/formats/cells.c"
#include "examples/formats/read_matrix.c"
#include "tests/base/fixture.h"

#define HERE SCRATCH "/"
#define MTX_TEXT "%%MatrixMarket matrix coordinate integer general\n3 2 3\n1 1 5\n3 1 4\n2 2 7\n"

static void expect_names(const names *n, const char *due) {
    char all[300] = "";
    for (int64_t i = 0; i < n->count; i++) {
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i > 0 ? "," : "", names_get(n, i));
    }
    assert_string_equal(all, due);
}

/* Reads HERE "m" with names from HERE "c" and "f" where their texts are given. */
static isk_status read_one(const char *matrix, const char *cells_text, const char *features_text, cells_along along, modality_kind kind,
                           cells *c) {
    matrix_source source = { HERE "m.x", cells_text ? HERE "c" : NULL, features_text ? HERE "f" : NULL, along, kind };
    memset(c, 0, sizeof *c);
    c->context = context;
    if (matrix) { write_text("m.x", matrix); }
    if (cells_text) { write_text("c", cells_text); }
    if (features_text) { write_text("f", features_text); }
    return matrices_read(context, &source, 1, NULL, &(read_desc){ 0 }, c);
}

static void matrices_find_their_names(void **state) {
    static const struct { const char *matrix, *cells, *features; cells_along along; const char *rows, *columns; } cases[] = {
        { "1,2\n3,4\n5,6\n", NULL, NULL, CELLS_FOUND, "", "1,2" },
        { "cell,a,a\nx,1,2\ny,3,4\nz,5,6\n", NULL, NULL, CELLS_FOUND, "x,y,z", "a,a-1" },
        { "gene,x,y,z\na,1,3,5\nb,2,4,6\n", NULL, NULL, CELLS_IN_COLUMNS, "x,y,z", "a,b" },
        { MTX_TEXT, "x\ny\nz\n", "a\nb\n", CELLS_FOUND, "x,y,z", "a,b" },
        { MTX_TEXT, "name\nx\ny\nz\n", "names\na\na\n", CELLS_FOUND, "x,y,z", "a,a-1" },
        { MTX_TEXT, "type\tbarcode\nT cell\tx\nB\ty\nB\tz\n", "a\tgene\nb\tgene\n", CELLS_FOUND, "x,y,z", "a,b" },
        { MTX_TEXT, ",type\nx,T\ny,T\nz,B\n", NULL, CELLS_FOUND, "x,y,z", "1,2" },
        { MTX_TEXT, "type\nx\tT\ny\tT\nz\tB\n", NULL, CELLS_FOUND, "x,y,z", "1,2" },
        { ",a,b\n1,1,2\n2,3,4\n3,5,6\n", "x\ny\nz\n", NULL, CELLS_FOUND, "x,y,z", "a,b" },  /* what is said goes before what the file has */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cells c;
        const isk_status status = read_one(cases[i].matrix, cases[i].cells, cases[i].features, cases[i].along, MODALITY_RNA, &c);
        if (status != ISK_OK) { print_message("%zu: %s\n", i, isk_error(context)); }
        assert_int_equal(status, ISK_OK);
        assert_string_equal(c.modality[0].name, "rna");
        assert_string_equal(c.modality[0].key, "m.x");
        expect_names(&c.modality[0].in.row_names, cases[i].rows);
        expect_names(&c.modality[0].in.column_names, cases[i].columns);
        assert_true(c.modality[0].in.rows == 3 && c.modality[0].in.cols == 2);
        assert_int_equal(c.modality[0].in.is_sparse, cases[i].matrix == cases[3].matrix);
        cells_free(&c);
    }
}

static void names_are_found_beside(void **state) {
    static const char turned[] = "%%MatrixMarket matrix coordinate integer general\n2 3 3\n1 1 5\n1 3 4\n2 2 7\n";
    static const struct { const char *matrix, *content, *cells, *features, *rows, *columns; } cases[] = {
        { "n/s_counts.mtx", MTX_TEXT, "n/s_counts.barcodes.txt", "n/s_counts_genes.tsv", "x,y,z", "a,b" },
        { "n/s_counts.mtx", turned, "n/s_counts-cells.tsv", "n/s_counts.features.txt", "x,y,z", "a,b" },
        { "n/s_counts.mtx", MTX_TEXT, "n/s_barcodes.tsv", "n/s_proteins.txt", "x,y,z", "a,b" },
        { "n/s_counts.mtx", turned, "n/barcodes.tsv", "n/genes.tsv", "x,y,z", "a,b" },
        { "n/s_counts.mtx", turned, "n/cells.txt", NULL, "x,y,z", "1,2" },
        { "n/s_counts.mtx", MTX_TEXT, NULL, "n/peaks.txt", "", "a,b" },
        { "n/s_counts.mtx", MTX_TEXT, NULL, NULL, "", "1,2" },
    };
    (void)state;
    scratch("");
    assert_true(mkdir(HERE "n", 0777) == 0 || errno == EEXIST);
    for (size_t i = 0; i < COUNT(cases); i++) {
        cells c = { .context = context };
        char path[300];
        snprintf(path, sizeof path, HERE "%s", cases[i].matrix);
        write_text(cases[i].matrix, cases[i].content);
        if (cases[i].cells) { write_text(cases[i].cells, "x\ny\nz\n"); }
        if (cases[i].features) { write_text(cases[i].features, "ENSG1\ta\tGene Expression\nENSG2\tb\tGene Expression\n"); }
        must(matrices_read(context, &(matrix_source){ .path = path, .kind = MODALITY_RNA }, 1, NULL, &(read_desc){ 0 }, &c));
        expect_names(&c.modality[0].in.row_names, cases[i].rows);
        expect_names(&c.modality[0].in.column_names, cases[i].columns);
        assert_true(c.modality[0].in.sparse.values[0] == 5 && c.modality[0].in.rows == 3 && c.modality[0].in.cols == 2);
        assert_int_equal(c.files.count, 1 + (cases[i].cells != NULL) + (cases[i].features != NULL));
        cells_free(&c);
        for (int k = 0; k < 2; k++) {
            const char *name = k ? cases[i].features : cases[i].cells;
            if (!name) { continue; }
            snprintf(path, sizeof path, HERE "%s", name);
            assert_int_equal(remove(path), 0);
        }
    }
}

static isk_status read_beside(isk_context *unused, void *argument) {
    const matrix_source source = { .path = HERE "n/s_counts.mtx", .kind = MODALITY_RNA };
    cells c = { .context = context };
    isk_status status;
    (void)unused;
    (void)argument;
    status = matrices_read(context, &source, 1, NULL, &(read_desc){ 0 }, &c);
    cells_free(&c);
    return status;
}

/* What has the whole name before it must fit; of what is only in the same folder another number is of another matrix. */
static void names_of_others_beside(void **state) {
    cells c = { .context = context };
    const matrix_source source = { .path = HERE "n/s_counts.mtx", .kind = MODALITY_RNA };
    (void)state;
    write_text("n/s_counts.mtx", MTX_TEXT);
    write_text("n/barcodes.tsv", "x\ny\nz\n");
    write_text("n/genes.tsv", "ENSG1\ta\nENSG2\tb\n");
    sweep_memory(context, read_beside, NULL);
    assert_int_equal(remove(HERE "n/genes.tsv"), 0);
    write_text("n/barcodes.tsv", "x\ny\nz\nu\nv\n");
    must(matrices_read(context, &source, 1, NULL, &(read_desc){ 0 }, &c));
    expect_names(&c.modality[0].in.row_names, "");
    cells_free(&c);
    write_text("n/s_counts.barcodes.tsv", "x\ny\nz\nu\nv\n");
    c.context = context;
    expect(context, matrices_read(context, &source, 1, NULL, &(read_desc){ 0 }, &c), ISK_SHAPE, HERE "n/s_counts.barcodes.tsv: has 5 names "
           "where " HERE "n/s_counts.mtx has 3 cells");
    cells_free(&c);
    assert_int_equal(remove(HERE "n/barcodes.tsv") + remove(HERE "n/s_counts.barcodes.tsv"), 0);
}

/* Two tables and cells that are known. */
typedef struct two {
    const char *rna, *protein, *known;
    cells_along along;              /* of the second */
    const char *rows, *columns, *rows2, *columns2;
    int neither;
} two;

static isk_status read_two(isk_context *unused, void *argument) {
    const two *t = argument;
    const matrix_source sources[] = { { HERE "rna.x", NULL, NULL, CELLS_FOUND, MODALITY_RNA },
                                      { HERE "protein.x", NULL, NULL, t->along, MODALITY_PROTEIN } };
    cells c = { .context = context };
    names known = { 0 };
    isk_status status;
    (void)unused;
    status = !*t->known || names_add(&known, t->known) ? ISK_OK : no_memory(context, "test");
    if (status == ISK_OK) { status = matrices_read(context, sources, 2, *t->known ? &known : NULL, &(read_desc){ 0 }, &c); }
    if (status == ISK_OK) {
        expect_names(&c.modality[0].in.row_names, t->rows);
        expect_names(&c.modality[0].in.column_names, t->columns);
        expect_names(&c.modality[1].in.row_names, t->rows2);
        expect_names(&c.modality[1].in.column_names, t->columns2);
        assert_true(c.modality[1].in.values[1] == 2 || c.modality[1].in.values[1] == 9);
        assert_int_equal(c.modality[1].fits_neither, t->neither);
    }
    names_free(&known);
    cells_free(&c);
    return status;
}

#define A "ACGTACGTACGT-1"
#define B "TCGTACGTACGT-1"
static void ways_are_found(void **state) {
    two cases[] = {
        /* barcodes tell, even where rows are named as those of the other */
        { "gene," A "," B "\na,1,2\nb,3,4\nc,5,6\n", "gene," A "," B "\na,1,9\nb,2,5\n", "", CELLS_FOUND, A "," B, "a,b,c", A "," B, "a,b",
          0 },
        { "gene," A "," B "\na,1,2\nb,3,4\nc,5,6\n", "cell,d,e\n" B ",1,2\n" A ",3,4\n", "", CELLS_FOUND, A "," B, "a,b,c", B "," A, "d,e",
          0 },
        { "cell,a,b\n" A ",1,2\n" B ",3,4\n", "cell," A "," B "\n" A ",1,2\n" B ",3,4\n", "", CELLS_FOUND, A "," B, "a,b", A "," B, A "," B,
          0 },
        /* what another file calls its cells tells */
        { "gene,x,y,z\na,1,2,3\nb,4,5,6\n", "gene,z,y,x\nd,1,9,2\ne,2,5,6\n", "", CELLS_FOUND, "x,y,z", "a,b", "z,y,x", "d,e", 0 },
        { "gene,x,y,z\na,1,2,3\nb,4,5,6\n", "gene,z,y,x\na,1,9,2\nd,2,5,6\ne,2,5,6\nf,4,4,4\n", "", CELLS_FOUND, "x,y,z", "a,b", "z,y,x",
          "a,d,e,f", 0 },
        { "cell,a,b\nx,1,2\ny,3,4\nz,1,1\n", "gene,z,y,x\nd,1,9,2\ne,2,5,6\n", "", CELLS_FOUND, "x,y,z", "a,b", "z,y,x", "d,e", 0 },
        { "gene,x,y,z\na,1,3,1\nb,2,4,2\n", "cell,d,e\ny,1,2\nx,3,4\n", "", CELLS_FOUND, "x,y,z", "a,b", "y,x", "d,e", 0 },
        /* cells are rows where nothing clearly says otherwise: the same features, numbers for names, names that only lack a suffix */
        { "cell,a,b,c\nx,1,2,3\ny,4,5,6\n", "cell,a,b,c\nx,1,2,3\ny,4,5,6\n", "", CELLS_FOUND, "x,y", "a,b,c", "x,y", "a,b,c", 0 },
        { ",0,1,2\n0,1,2,3\n1,4,5,6\n2,3,3,3\n", ",0,1\n0,1,2\n1,4,5\n2,3,3\n", "", CELLS_FOUND, "0,1,2", "0,1,2", "0,1,2", "0,1", 0 },
        { "cell,a,b,c\nx,1,2,3\ny,4,5,6\n", "cell,a,b,c\nx-1,1,2,3\ny-1,4,5,6\n", "", CELLS_FOUND, "x,y", "a,b,c", "x-1,y-1", "a,b,c", 0 },
        /* --cells tells, and --transpose goes before all */
        { "gene,x,y\na,1,2\nb,3,4\n", "cell,d,e\nq,1,2\nr,3,4\n", "y", CELLS_FOUND, "x,y", "a,b", "q,r", "d,e", 1 },
        { "cell,a,b\nx,1,2\ny,3,4\n", "gene,x,y\nd,1,2\ne,3,4\n", "", CELLS_IN_ROWS, "x,y", "a,b", "d,e", "x,y", 0 },
        { "cell,a,b\nx,1,2\ny,3,4\n", "gene,q,r\nd,1,3\ne,2,4\n", "", CELLS_IN_COLUMNS, "x,y", "a,b", "q,r", "d,e", 0 },
        { "cell,a,b\nx,1,2\ny,3,4\n", "cell,d,e\nq,1,2\nr,3,4\n", "", CELLS_FOUND, "x,y", "a,b", "q,r", "d,e", 1 },
        { "1,2\n3,4\n", "1,2\n3,4\n", "", CELLS_FOUND, "", "1,2", "", "1,2", 1 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        write_text("rna.x", cases[i].rna);
        write_text("protein.x", cases[i].protein);
        must(read_two(context, &cases[i]));
    }
    sweep_memory(context, read_two, &cases[COUNT(cases) - 1]);
    write_text("rna.x", cases[3].rna);
    write_text("protein.x", cases[3].protein);
    sweep_memory(context, read_two, &cases[3]);
}

static void other_kinds_are_called_by_their_file(void **state) {
    cells c = { .context = context };
    (void)state;
    write_text("Lipids-2.csv.txt", "1,2\n3,4\n");
    must(matrices_read(context, &(matrix_source){ .path = HERE "Lipids-2.csv.txt" }, 1, NULL, &(read_desc){ 0 }, &c));
    assert_string_equal(c.modality[0].name, "lipids_2");
    assert_string_equal(c.modality[0].key, "Lipids-2.csv.txt");
    cells_free(&c);
}

static void matrices_that_are_refused(void **state) {
    static const struct { const char *matrix, *cells, *features; isk_status status; const char *sentence; } cases[] = {
        { MTX_TEXT, "x\n", NULL, ISK_SHAPE, HERE "c: has 1 names where " HERE "m.x has 3 cells" },
        { MTX_TEXT, "x\ny\nz\nu\nv\n", NULL, ISK_SHAPE, HERE "c: has 5 names where " HERE "m.x has 3 cells" },
        { MTX_TEXT, NULL, "a\nb\nc\nd\n", ISK_SHAPE, HERE "f: has 4 names where " HERE "m.x has 2 features" },
        { MTX_TEXT, "x\ty\n\ty\nz\tu\n", NULL, ISK_DATA, HERE "c: row 2 has no name" },
        { MTX_TEXT, "x\ty\nz\nz\tu\n", NULL, ISK_DATA, HERE "c: line 2 has 1 field where line 1 has 2" },
        { MTX_TEXT, "", NULL, ISK_DATA, HERE "c: is empty" },
        { MTX_TEXT "x", NULL, NULL, ISK_DATA, HERE "m.x: line 6 goes beyond the 3 entries that the file announces" },
        { "a,b\n1,x\n", NULL, NULL, ISK_DATA, HERE "m.x: line 2 (row 1), column 2 'b': 'x' is not a number" },
        { "PK\x03\x04", NULL, NULL, ISK_UNSUPPORTED, HERE
          "m.x: is a zip archive (.npz, .xlsx); of a .npz save one array with numpy.save" },
    };
    cells c;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        expect(context, read_one(cases[i].matrix, cases[i].cells, cases[i].features, CELLS_FOUND, MODALITY_RNA, &c), cases[i].status,
               cases[i].sentence);
        assert_int_equal(c.count, 0);
        cells_free(&c);
    }
}

/* The limit is for all that is read. */
static void memory_is_limited(void **state) {
    const read_desc desc = { .most_memory = 100 };
    cells c = { .context = context };
    (void)state;
    write_text("m.x", "1,2\n3,4\n5,6\n");
    must(matrices_read(context, &(matrix_source){ .path = HERE "m.x", .kind = MODALITY_RNA }, 1, NULL, &desc, &c));
    write_text("m.x", MTX_TEXT);
    expect(context, matrices_read(context, &(matrix_source){ .path = HERE "m.x", .kind = MODALITY_PROTEIN }, 1, NULL, &desc, &c),
           ISK_MEMORY, HERE "m.x: 3 cells x 2 genes (rna), "
           "3 x 2 (protein) need about 0.1 MB of memory, where 0.1 MB are allowed; fewer modalities need less, and --rna hvg=N keeps fewer "
           "genes dense");
    cells_free(&c);
}

/* ---- tables of cells ---- */

static void columns_are_numbers_or_classes(void **state) {
    cell_table t;
    const char *path = write_text("obs.csv", "type,barcode,n,whole,word,gap,gone,\"a, b\"\n"
                                             "T,x,1.5,1,2,NA,,7\nB,y,,2,-inf,3,NA,\nT,z,-2e3,2,3,.,,nan\n,u,NaN,1,5,4,,8\n");
    (void)state;
    assert_int_equal(cell_table_read(context, path, &t), ISK_OK);
    expect_names(&t.cells, "x,y,z,u");
    assert_int_equal(t.count, 7);
    assert_string_equal(t.columns[0].name, "type");
    assert_null(t.columns[0].numbers);
    expect_names(&t.columns[0].classes.classes, "B,T");
    assert_int_equal(t.columns[0].classes.missing, 1);
    assert_true(t.columns[0].classes.codes[0] == 1 && t.columns[0].classes.codes[1] == 0 && t.columns[0].classes.codes[3] == -1);
    assert_true(t.columns[1].numbers[0] == 1.5 && isnan(t.columns[1].numbers[1]) && t.columns[1].numbers[2] == -2000 &&
                isnan(t.columns[1].numbers[3]));
    assert_true(t.columns[2].numbers[0] == 1 && t.columns[2].numbers[3] == 1);
    assert_null(t.columns[3].numbers);                              /* "-inf" is no number here */
    assert_true(isnan(t.columns[4].numbers[0]) && t.columns[4].numbers[1] == 3 && isnan(t.columns[4].numbers[2]));
    assert_null(t.columns[5].numbers);
    assert_int_equal(t.columns[5].classes.missing, 4);
    assert_string_equal(t.columns[6].name, "a, b");
    assert_true(t.columns[6].numbers[3] == 8);
    assert_ptr_equal(t.path, path);
    cell_table_free(&t);
}

static void cells_are_named_by_a_column(void **state) {
    static const struct { const char *content, *due, *first; } cases[] = {
        { "id\ta\nx\t1\ny\t2\n", "x,y", "a" }, { "a\tCell\n1\tx\n2\ty\n", "x,y", "a" }, { "cell\tindex\n1\tx\n2\ty\n", "1,2", "index" },
        { "\tcell\nx\tT\ny\tB\n", "x,y", "cell" }, { "cell\nx\tT\ny\tB\n", "x,y", "cell" }, { "a\t\tcell\n1\t2\tx\n3\t4\ty\n", "x,y", "a" },
        { "1\t2\n3\t4\n", "3", "2" }
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cell_table t;
        assert_int_equal(cell_table_read(context, write_text("obs.tsv", cases[i].content), &t), ISK_OK);
        expect_names(&t.cells, cases[i].due);
        assert_string_equal(t.columns[0].name, cases[i].first);
        if (i == 5) { assert_string_equal(t.columns[1].name, "column_2"); }
        cell_table_free(&t);
    }
}

static void tables_that_are_refused(void **state) {
    static const struct { const char *content, *sentence; } cases[] = {
        { "", HERE "obs: is empty" },
        { "cell,a\n", HERE "obs: has a header but no rows" },
        { "cell,a\nx,1,2,3\n", HERE "obs: line 2 has 4 fields where line 1 has 2" },
        { "cell,a\nx,1\ny\n", HERE "obs: line 3 has 1 field where line 2 has 2" },
        { "cell,a\nx,1\n,2\n", HERE "obs: row 2 has no name" },
        { "cell,a,a\nx,1,2\n", HERE "obs: two columns are called 'a'" },
        { "cell,a\nx,\"1\n", HERE "obs: the quote that opens on line 2, field 2 is never closed" },
        { "cell,a\n\nx,1\n", HERE "obs: line 2 is empty, but more lines follow" },
    };
    cell_table t;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        expect(context, cell_table_read(context, write_text("obs", cases[i].content), &t), ISK_DATA, cases[i].sentence);
        assert_int_equal(t.count, 0);
    }
}

/* ---- sweeps ---- */

static isk_status run_all(isk_context *unused, void *argument) {
    cells c;
    cell_table t = { 0 };
    isk_status status = read_one(NULL, "x\ny\nz\n", "a\na\n", CELLS_FOUND, MODALITY_RNA, &c);
    (void)unused;
    (void)argument;
    if (status == ISK_OK) { status = cell_table_read(context, HERE "obs.csv", &t); }
    if (status == ISK_OK) { status = cells_add_table(&c, &t); }
    if (status == ISK_OK) { status = cells_match(&c); }
    cells_free(&c);
    return status;
}

static void memory_runs_out(void **state) {
    (void)state;
    write_text("m.x", MTX_TEXT);
    write_text("obs.csv", "cell,n,k\nz,1,T\ny,2,\nq,3,B\n");
    sweep_memory(context, run_all, NULL);
}

static void damaged_tables(void **state) {
    static const char content[] = "cell,n,\"k\"\nx,1,T\ny,,B\nz,3,T\n", likely[] = ",\"\n\t; \x80";
    const size_t length = sizeof content - 1;
    int read = 0, refused = 0;
    (void)state;
    for (size_t at = 0; at < length; at++) {
        for (size_t k = 0; k < sizeof likely; k++) {            /* the last is a zero */
            char copy[sizeof content];
            cell_table t;
            memcpy(copy, content, length);
            copy[at] = likely[k];
            if (cell_table_read(context, write_bytes("obs", copy, length), &t) != ISK_OK) { refused++; continue; }
            for (int64_t i = 0; i < t.count; i++) { assert_true(t.columns[i].numbers || t.columns[i].classes.rows == t.cells.count); }
            read++;
            cell_table_free(&t);
        }
    }
    assert_true(read > 20 && refused > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrices_find_their_names),
        cmocka_unit_test(names_are_found_beside),
        cmocka_unit_test(names_of_others_beside),
        cmocka_unit_test(ways_are_found),
        cmocka_unit_test(other_kinds_are_called_by_their_file),
        cmocka_unit_test(matrices_that_are_refused),
        cmocka_unit_test(memory_is_limited),
        cmocka_unit_test(columns_are_numbers_or_classes),
        cmocka_unit_test(cells_are_named_by_a_column),
        cmocka_unit_test(tables_that_are_refused),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(damaged_tables),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
