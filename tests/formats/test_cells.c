/* Matching cells of several modalities and tables by their names: examples/formats/cells.c, compiled in here so that its memory can
   run out on request. */
#include "indiseek.h"

#include <math.h>

#include "tests/base/scarce.h"
#include "examples/base/lines.c"
#include "examples/formats/table.c"
#include "examples/formats/mtx.c"
#include "examples/formats/input.c"
#include "examples/formats/pairing.c"
#include "examples/formats/cells.c"
#include "tests/base/fixture.h"

/* ---- names ---- */

/* Words between commas; an empty text has none. */
static int split(names *n, const char *words) {
    char word[64];
    while (*words) {
        const size_t length = strcspn(words, ",");
        memcpy(word, words, length);
        word[length] = 0;
        if (!names_add(n, word)) { return 0; }
        words += length + (words[length] == ',');
    }
    return 1;
}

static void expect_names(const names *n, const char *due) {
    names wanted = { 0 };
    assert_true(split(&wanted, due));
    assert_int_equal(n->count, wanted.count);
    for (int64_t i = 0; i < n->count; i++) { assert_string_equal(names_get(n, i), names_get(&wanted, i)); }
    names_free(&wanted);
}

static void an_index_finds_the_first(void **state) {
    names n = { 0 };
    name_index x = { 0 };
    int64_t before;
    char name[32];
    (void)state;
    assert_int_equal(name_index_find(&x, "a"), -1);
    assert_true(name_index_update(&x, &n));
    assert_int_equal(name_index_find(&x, ""), -1);
    for (int64_t i = 0; i < 50000; i++) {
        snprintf(name, sizeof name, "cell-%lld", (long long)(i * 7919 % 50000));
        assert_true(names_add(&n, name));
        if (i % 1000 == 7) { assert_true(name_index_update(&x, &n)); }
    }
    assert_true(name_index_update(&x, &n));
    assert_int_equal(name_index_twice(&x, &before), -1);
    for (int64_t i = 0; i < n.count; i++) { assert_int_equal(name_index_find(&x, names_get(&n, i)), i); }
    assert_int_equal(name_index_find(&x, "cell-50000"), -1);
    assert_int_equal(name_index_find(&x, "cell"), -1);
    assert_true(names_add(&n, "cell-7919"));
    assert_true(name_index_update(&x, &n));
    assert_int_equal(name_index_twice(&x, &before), 50000);
    assert_int_equal(before, 1);
    name_index_free(&x);
    names_free(&n);
}

/* What make_index_unique of anndata gives for the same names. */
static void names_become_unique(void **state) {
    static const struct { const char *names, *due; } cases[] = {
        { "a,b,c", "a,b,c" }, { "a,a,a", "a,a-1,a-2" }, { "a,a-1,a,a", "a,a-1,a-2,a-3" }, { "a,a,a-1", "a,a-2,a-1" },
        { "b,a,b,a,a-1,a-1", "b,a,b-1,a-2,a-1,a-1-1" }, { "", "" }
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        names n = { 0 };
        assert_true(split(&n, cases[i].names));
        assert_true(names_make_unique(&n));
        expect_names(&n, cases[i].due);
        names_free(&n);
    }
}

static void kinds_are_told_by_words(void **state) {
    static const struct { const char *words, *name; modality_kind kind; } cases[] = {
        { "Gene Expression", "rna", MODALITY_RNA }, { "RNA", "rna", MODALITY_RNA }, { "GEX", "rna", MODALITY_RNA },
        { "Antibody Capture", "protein", MODALITY_PROTEIN }, { "prot", "protein", MODALITY_PROTEIN },
        { "ADT", "protein", MODALITY_PROTEIN },
        { "Peaks", "atac", MODALITY_ATAC }, { "Chromatin Accessibility", "atac", MODALITY_ATAC },
        { "CRISPR Guide Capture", "crispr_guide_capture", MODALITY_OTHER }, { "", "other", MODALITY_OTHER },
        { "a name of more than thirty-one characters", "a_name_of_more_than_thirty_one_", MODALITY_OTHER }
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        modality m = { 0 };
        assert_int_equal(modality_kind_of(cases[i].words), cases[i].kind);
        modality_call(&m, NULL, cases[i].words);
        assert_string_equal(m.name, cases[i].name);
        assert_int_equal(m.kind, cases[i].kind);
        assert_string_equal(m.key, cases[i].words);
        modality_call(&m, "mod/x", cases[i].words);
        assert_string_equal(m.key, "mod/x");
    }
    assert_string_equal(modality_kind_name(MODALITY_ATAC), "atac");
}

/* ---- modalities that are made here: the value of cell "c7" and feature f is 7 * 10 + f, feature 0 of odd cells zero ---- */

static double value_of(const char *cell, int64_t feature) {
    const double number = strtod(cell + strcspn(cell, "0123456789"), NULL);
    return feature == 0 && fmod(number, 2) != 0 ? 0 : number * 10 + (double)feature;
}

static int make_modality(modality *m, const char *kind, const char *cells_named, int64_t cols, int is_sparse) {
    memset(m, 0, sizeof *m);
    modality_call(m, NULL, kind);
    m->in.context = context;
    m->in.cols = cols;
    if (!split(&m->in.row_names, cells_named)) { return 0; }
    m->in.rows = m->in.row_names.count;
    m->in.values = scarce_calloc((size_t)(m->in.rows * cols) + 1, sizeof *m->in.values);
    if (!m->in.values) { return 0; }
    for (int64_t i = 0; i < m->in.rows * cols; i++) {
        m->in.values[i] = (isk_scalar)value_of(names_get(&m->in.row_names, i / cols), i % cols);
    }
    if (is_sparse) {
        entries e = { .rows = m->in.rows, .cols = cols };
        int done = 1;
        for (int64_t i = 0; i < m->in.rows * cols && done; i++) {
            if (m->in.values[i] != 0) { done = entries_add(&e, i / cols, i % cols, (double)m->in.values[i]); }
        }
        done = done && to_rows(&e, &m->in.sparse);
        entries_free(&e);
        scarce_free(m->in.values);
        m->in.values = NULL;
        m->in.is_sparse = 1;
        return done;
    }
    return 1;
}

static isk_status add(cells *c, const char *kind, const char *cells_named, int64_t cols, int is_sparse) {
    modality m;
    if (!make_modality(&m, kind, cells_named, cols, is_sparse)) {
        modality_free(&m);
        return no_memory(context, "test");
    }
    return cells_add(c, &m);
}

/* A table with numbers n = 10 * row and classes k: "odd" or "even" by the cell's number, "none" unused, missing where it is 4. */
static isk_status add_table(cells *c, const char *cells_named, const char *number_name, const char *class_name) {
    cell_table t = { 0 };
    cell_column *numbers, *classes;
    int done = split(&t.cells, cells_named);
    const size_t rows = (size_t)t.cells.count;
    done = done && (numbers = cell_table_add(&t, number_name)) && (numbers->numbers = scarce_malloc(rows * sizeof(double)));
    for (size_t r = 0; r < rows && done; r++) { numbers->numbers[r] = 10 * (double)r; }
    done = done && (classes = cell_table_add(&t, class_name)) && (classes->classes.codes = scarce_malloc(rows * sizeof(int32_t))) &&
           split(&classes->classes.classes, "even,none,odd");
    if (!done) {
        cell_table_free(&t);
        return no_memory(context, "test");
    }
    classes->classes.rows = (int64_t)rows;
    classes->classes.count = 3;
    for (size_t r = 0; r < rows; r++) {
        const double number = value_of(names_get(&t.cells, (int64_t)r), 1);
        classes->classes.codes[r] = number == 41 ? -1 : fmod(number, 20) == 11 ? 2 : 0;
        classes->classes.missing += number == 41;
    }
    return cells_add_table(c, &t);
}

static void check_modality_values(const cells *c, int i) {
    const input *in = &c->modality[i].in;
    isk_scalar *values = in->is_sparse ? sparse_to_dense(&in->sparse) : in->values;
    assert_non_null(values);
    assert_int_equal(in->rows, c->rows);
    assert_int_equal(in->row_names.count, c->rows);
    if (in->is_sparse) { assert_int_equal(in->sparse.rows, c->rows); }
    for (int64_t r = 0; r < c->rows; r++) {
        const int there = !c->present[i] || c->present[i][r];
        assert_string_equal(names_get(&in->row_names, r), names_get(&c->names, r));
        for (int64_t f = 0; f < in->cols; f++) {
            assert_true((double)values[r * in->cols + f] == (there ? value_of(names_get(&c->names, r), f) : 0));
        }
    }
    if (in->is_sparse) { scarce_free(values); }
}

static void expect_present(const cells *c, int i, const char *due) {
    for (int64_t r = 0; r < c->rows; r++) { assert_int_equal(!c->present[i] || c->present[i][r], due[r] == '1'); }
}

static cells empty(void) { return (cells){ .context = context, .path = "data" }; }

/* ---- matching ---- */

static void equal_orders_copy_nothing(void **state) {
    cells c = empty();
    const int64_t *starts;
    const isk_scalar *dense, *kept;
    (void)state;
    assert_int_equal(add(&c, "rna", "c3,c1,c2", 3, 1), ISK_OK);
    assert_int_equal(add(&c, "adt", "c3,c1,c2", 2, 0), ISK_OK);
    starts = c.modality[0].in.sparse.starts;
    kept = c.modality[0].in.sparse.values;
    dense = c.modality[1].in.values;
    assert_int_equal(cells_match(&c), ISK_OK);
    assert_ptr_equal(c.modality[0].in.sparse.starts, starts);
    assert_ptr_equal(c.modality[0].in.sparse.values, kept);
    assert_ptr_equal(c.modality[1].in.values, dense);
    assert_null(c.present[0]);
    assert_null(c.present[1]);
    expect_names(&c.names, "c3,c1,c2");
    check_modality_values(&c, 0);
    check_modality_values(&c, 1);
    cells_free(&c);
}

static void rows_move_to_their_cells(void **state) {
    (void)state;
    for (int is_sparse = 0; is_sparse < 2; is_sparse++) {
        cells c = empty();
        const isk_scalar *values;
        assert_int_equal(add(&c, "rna", "c3,c1,c2,c4", 3, 1), ISK_OK);
        assert_int_equal(add(&c, "prot", "c9,c2,c3", 2, is_sparse), ISK_OK);
        assert_int_equal(add(&c, "peaks", "c8,c9,c1", 4, is_sparse), ISK_OK);
        values = c.modality[0].in.sparse.values;
        assert_int_equal(cells_match(&c), ISK_OK);
        expect_names(&c.names, "c3,c1,c2,c4,c9,c8");
        assert_ptr_equal(c.modality[0].in.sparse.values, values);          /* its rows are only followed by others */
        expect_present(&c, 0, "111100");
        expect_present(&c, 1, "101010");
        expect_present(&c, 2, "010011");
        for (int i = 0; i < 3; i++) { check_modality_values(&c, i); }
        assert_int_equal(c.modality[2].in.is_sparse, is_sparse);
        cells_free(&c);
    }
}

static void more_is_matched_later(void **state) {
    cells c = empty();
    (void)state;
    assert_int_equal(add(&c, "rna", "c1,c2,c3", 2, 1), ISK_OK);
    assert_int_equal(add(&c, "adt", "c3,c2", 2, 0), ISK_OK);
    assert_int_equal(add_table(&c, "c3,c1", "n", "k"), ISK_OK);
    assert_int_equal(cells_match(&c), ISK_OK);
    expect_present(&c, 1, "011");
    assert_int_equal(add(&c, "atac", "c7,c1", 2, 1), ISK_OK);
    assert_int_equal(add_table(&c, "c7,c2", "m", "k"), ISK_OK);
    assert_int_equal(cells_match(&c), ISK_OK);
    expect_names(&c.names, "c1,c2,c3,c7");
    expect_present(&c, 0, "1110");
    expect_present(&c, 1, "0110");
    expect_present(&c, 2, "1001");
    for (int i = 0; i < 3; i++) { check_modality_values(&c, i); }
    assert_int_equal(c.table.count, 3);
    assert_true(cells_column(&c, "n")->numbers[0] == 10 && isnan(cells_column(&c, "n")->numbers[3]));
    assert_true(isnan(cells_column(&c, "m")->numbers[0]) && cells_column(&c, "m")->numbers[3] == 0);
    assert_int_equal(cells_column(&c, "k")->classes.codes[3], -1);          /* the first table's */
    assert_int_equal(cells_column(&c, "k")->classes.missing, 2);
    cells_free(&c);
}

static void cells_without_names_are_numbered(void **state) {
    cells c = empty();
    (void)state;
    assert_int_equal(add(&c, "rna", "1,2,3", 2, 1), ISK_OK);
    assert_int_equal(add(&c, "adt", "1,2,3", 2, 0), ISK_OK);
    names_free(&c.modality[0].in.row_names);
    names_free(&c.modality[1].in.row_names);
    assert_int_equal(cells_match(&c), ISK_OK);
    expect_names(&c.names, "1,2,3");
    check_modality_values(&c, 0);
    check_modality_values(&c, 1);
    cells_free(&c);
}

static void columns_follow_their_cells(void **state) {
    cells c = empty();
    const cell_column *n, *k;
    (void)state;
    assert_int_equal(add(&c, "rna", "c4,c1,c2,c3", 2, 1), ISK_OK);
    assert_int_equal(add_table(&c, "c2,c4,c3,c77", "n", "k"), ISK_OK);
    assert_int_equal(add_table(&c, "c4,c1,c2,c3", "n", "only"), ISK_OK);
    assert_int_equal(cells_match(&c), ISK_OK);
    assert_int_equal(c.table_count, 0);
    assert_int_equal(c.table.count, 3);
    expect_names(&c.table.cells, "c4,c1,c2,c3");
    n = cells_column(&c, "n");
    assert_true(n->numbers[0] == 10 && isnan(n->numbers[1]) && n->numbers[2] == 0 && n->numbers[3] == 20);
    k = cells_column(&c, "k");
    assert_null(k->numbers);
    expect_names(&k->classes.classes, "even,odd");                          /* "none" is not a class of any cell */
    assert_int_equal(k->classes.count, 2);
    assert_int_equal(k->classes.rows, 4);
    assert_int_equal(k->classes.missing, 2);
    assert_true(k->classes.codes[0] == -1 && k->classes.codes[1] == -1 && k->classes.codes[2] == 0 && k->classes.codes[3] == 1);
    k = cells_column(&c, "only");
    assert_int_equal(k->classes.missing, 1);
    assert_true(k->classes.codes[0] == -1 && k->classes.codes[1] == 1 && k->classes.codes[2] == 0 && k->classes.codes[3] == 1);
    assert_null(cells_column(&c, "nothing"));
    cells_free(&c);
}

/* ---- cells that do not pair ---- */

static void barcodes_and_their_suffixes(void **state) {
    static const struct { const char *name, *stripped; int is; } cases[] = {
        { "AAACCCAAGAAACACT-1", "AAACCCAAGAAACACT", 1 }, { "s1_AAACCCAAGAAACACT", "s1_AAACCCAAGAAACACT", 1 },
        { "ACGTACGTAC-1-0", "ACGTACGTAC", 1 },
        { "ACGTACGTA", "ACGTACGTA", 0 }, { "CD3", "CD3", 0 }, { "cell-", "cell-", 0 }, { "-1", "-1", 0 }, { "x-12a", "x-12a", 0 },
        { "12", "12", 0 }, { "c1-1", "c1", 0 }, { "", "", 0 }, { "TACATACATTA_GATTACAGATTACA-17", "TACATACATTA_GATTACAGATTACA", 1 },
    };
    names n = { 0 };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(is_barcode(cases[i].name), cases[i].is);
        assert_true(names_add(&n, cases[i].name));
    }
    for (int again = 0; again < 2; again++) {
        names_strip_suffix(&n);
        for (size_t i = 0; i < COUNT(cases); i++) { assert_string_equal(names_get(&n, (int64_t)i), cases[i].stripped); }
    }
    names_free(&n);
}

static void causes_are_told(void **state) {
    static const struct { const char *own, *others, *words; int64_t both; } cases[] = {
        { "AAACCCATCAAACACT,AAACCCACTAAACACT", "AAACCCAAGAAACACT,AAACCCAGAAAACACT", "2 would be with bases 8 and 9 of their barcodes "
          "complemented: those of antibodies of 10x 3' v3 are so, and must be translated to those of RNA first, as Cell Ranger does", 0 },
        { "AAACCCATCAAACACT-1,AAACCCACTAAACACT-1", "AAACCCAAGAAACACT,AAACCCAGAAAACACT", "2 would be without the \"-1\" or the like at the "
          "end of names, which --strip-suffix drops, and with bases 8 and 9 of their barcodes complemented: those of antibodies of 10x 3' "
          "v3 are so, and must be translated to those of RNA first, as Cell Ranger does", 0 },
        { "a,b,c-1", "a-1,b-1,q", "2 would be without the \"-1\" or the like at the end of names, which --strip-suffix drops", 0 },
        { "a,b", "c,d", "", 0 }, { "a-1,b,c,d,e", "a,f,g,h,i", "", 0 }, { "a,b", "a,d", "", 1 }, { "a", "", "", 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        names own = { 0 }, others = { 0 };
        text words = { 0 };
        assert_true(split(&own, cases[i].own) && split(&others, cases[i].others));
        assert_true(pairing_cause(&own, &others, own.count < others.count ? own.count : others.count, cases[i].both, &words));
        assert_string_equal(words.data ? words.data : "", cases[i].words);
        text_free(&words);
        names_free(&own);
        names_free(&others);
    }
}

/* "c1,c2,..." from first on */
static const char *list_of(char *list, int first, int count) {
    *list = 0;
    for (int i = first; i < first + count; i++) { sprintf(list + strlen(list), "%sc%d", i > first ? "," : "", i); }
    return list;
}

static void few_pairs_are_refused(void **state) {
    static const struct { int rna, protein, first; isk_status status; const char *sentence; } cases[] = {
        { 100, 100, 51, ISK_OK, NULL }, { 100, 100, 81, ISK_OK, NULL }, { 100, 100, 82, ISK_DATA,
          "data: only 19 of the 100 cells of protein are among the 100 of rna, too few to learn from (20 and 1 % are the least); the "
          "names of cells must agree" }, { 100, 20, 91, ISK_OK, NULL }, { 100, 20, 92, ISK_DATA,
          "data: only 9 of the 20 cells of protein are among the 100 of rna, too few to learn from (20 and 1 % are the least); the "
          "names of cells must agree" }, { 3, 2, 3, ISK_OK, NULL }, { 2500, 2500, 2477, ISK_DATA,
          "data: only 24 of the 2500 cells of protein are among the 2500 of rna, too few to learn from (20 and 1 % are the least); the "
          "names of cells must agree" }, { 2500, 2500, 2476, ISK_OK, NULL },
    };
    char *list = malloc(40000);
    (void)state;
    assert_non_null(list);
    for (size_t i = 0; i < COUNT(cases); i++) {
        cells c = empty();
        assert_int_equal(add(&c, "rna", list_of(list, 1, cases[i].rna), 2, 1), ISK_OK);
        assert_int_equal(add(&c, "adt", list_of(list, cases[i].first, cases[i].protein), 2, 0), ISK_OK);
        if (cases[i].sentence) {
            expect(context, cells_match(&c), cases[i].status, cases[i].sentence);
        } else {
            must(cells_match(&c));
            assert_int_equal(c.rows, cases[i].protein + cases[i].first - 1);
        }
        cells_free(&c);
    }
    free(list);
}

/* Each modality must pair with what any other has: of three, no cell needs to have all. */
static void three_modalities_pair_two_by_two(void **state) {
    cells c = empty();
    (void)state;
    assert_int_equal(add(&c, "rna", "c1,c2,c3,c4", 2, 1), ISK_OK);
    assert_int_equal(add(&c, "adt", "c1,c2", 2, 1), ISK_OK);
    assert_int_equal(add(&c, "atac", "c3,c4", 2, 1), ISK_OK);
    must(cells_match(&c));
    assert_int_equal(c.rows, 4);
    cells_free(&c);
    c = empty();
    assert_int_equal(add(&c, "rna", "c1,c2,c3,c4", 2, 1), ISK_OK);
    assert_int_equal(add(&c, "adt", "c5,c6,c7", 2, 1), ISK_OK);
    assert_int_equal(add(&c, "atac", "c5,c6", 2, 1), ISK_OK);
    expect(context, cells_match(&c), ISK_DATA,
           "data: no cell of rna, whose first is 'c1', is among the others, whose first is 'c5'; the names of cells must agree");
    cells_free(&c);
    c = empty();
    c.pairing.paired = 1;
    assert_int_equal(add(&c, "rna", "c1,c2", 2, 1), ISK_OK);
    assert_int_equal(add(&c, "adt", "c1", 2, 1), ISK_OK);
    assert_int_equal(add(&c, "atac", "c2", 2, 1), ISK_OK);
    expect(context, cells_match(&c), ISK_DATA, "data: no cell has all modalities, which --paired asks for");
    cells_free(&c);
}

/* argument: whether to look at the cells, which takes memory of its own */
static isk_status run_left_out(isk_context *unused, void *argument) {
    const pairing how[] = { { 0, 0, 0 }, { 0, 0, 1 }, { 0, 1, 0 }, { 1, 1, 0 } };
    static const char *const due[] = { "c3,c1,c2", "c3,c1,c2,c9,c8,c7,c6,c5,c4", "c3,c2", "c3,c2" };
    isk_status status = ISK_OK;
    (void)unused;
    for (size_t i = 0; i < COUNT(how) && status == ISK_OK; i++) {
        for (int is_sparse = 0; is_sparse < 2 && status == ISK_OK; is_sparse++) {
            cells c = empty();
            c.pairing = how[i];
            status = add(&c, "rna", "c3,c1,c2", 3, !is_sparse);
            if (status == ISK_OK) { status = add(&c, "adt", how[i].strip_suffix ? "c9-1,c2-1,c8-1,c7-1,c6-1,c3-1,c5-1,c4-1" :
                                                 "c9,c2,c8,c7,c6,c3,c5,c4", 2, is_sparse); }
            if (status == ISK_OK) { status = add_table(&c, "c2,c9,c3", "n", "k"); }
            if (status == ISK_OK) { status = cells_match(&c); }
            if (status == ISK_OK && *(int *)argument) {
                expect_names(&c.names, due[i]);
                for (int k = 0; k < 2; k++) { check_modality_values(&c, k); }
                expect_present(&c, 0, i == 1 ? "111000000" : "111");
                expect_present(&c, 1, how[i].paired ? "11" : i == 1 ? "101111111" : "101");
                assert_true(cells_column(&c, "n")->numbers[0] == 20);
                if (is_sparse) { assert_int_equal(c.modality[1].in.sparse.count, c.modality[1].in.sparse.starts[c.rows]); }
            }
            cells_free(&c);
        }
    }
    return status;
}

static void cells_are_left_out(void **state) {
    int look = 1;
    (void)state;
    must(run_left_out(context, &look));
    look = 0;
    sweep_memory(context, run_left_out, &look);
}

/* A table of one column, "t" of the word or "n" of the number behind the cell's name: "c1=T,c2=,c3=4". */
static void add_said(cells *c, const char *at, const char *name, const char *said) {
    cell_table t = { .count = 0 };
    cell_column *column;
    names all = { 0 }, words = { 0 };
    assert_true(split(&all, said));
    snprintf(t.at, sizeof t.at, "%s", at);
    column = cell_table_add(&t, name);
    assert_non_null(column);
    if (*name == 'n') { assert_non_null(column->numbers = scarce_malloc(sizeof(double) * (size_t)all.count)); }
    for (int64_t i = 0; i < all.count; i++) {
        char cell[32];
        const char *equals = strchr(names_get(&all, i), '=');
        assert_non_null(equals);
        snprintf(cell, sizeof cell, "%.*s", (int)(equals - names_get(&all, i)), names_get(&all, i));
        assert_true(names_add(&t.cells, cell) && names_add(&words, equals + 1));
        if (column->numbers) { column->numbers[i] = equals[1] ? atof(equals + 1) : (double)NAN; }
    }
    if (!column->numbers) { assert_int_equal(labels_from_names(context, "test", &words, &column->classes), ISK_OK); }
    names_free(&all);
    names_free(&words);
    assert_int_equal(cells_add_table(c, &t), ISK_OK);
}

static void expect_said(const cells *c, const char *name, const char *due) {
    const cell_column *column = cells_column(c, name);
    text got = { 0 };
    int64_t missing = 0;
    assert_non_null(column);
    for (int64_t r = 0; r < c->rows; r++) {
        const int known = column->numbers ? !isnan(column->numbers[r]) : column->classes.codes[r] >= 0;
        missing += !known;
        text_add(&got, r ? "," : "");
        if (known && column->numbers) { text_format(&got, "%g", column->numbers[r]); }
        if (known && !column->numbers) { text_add(&got, names_get(&column->classes.classes, column->classes.codes[r])); }
    }
    assert_string_equal(got.data, due);
    if (!column->numbers) {
        assert_int_equal(column->classes.missing, missing);
        assert_int_equal(column->classes.count, column->classes.classes.count);
    }
    text_free(&got);
}

/* What one modality's own table leaves open another's says, unless they contradict each other, which is said. */
static void tables_fill_each_other(void **state) {
    progress bar;
    cells c = empty();
    (void)state;
    progress_open(&bar, 1);
    c.bar = &bar;
    assert_int_equal(add(&c, "rna", "c1,c2,c3,c4", 2, 1), ISK_OK);
    assert_int_equal(add(&c, "adt", "c5,c4,c3", 2, 0), ISK_OK);
    add_said(&c, "mod/rna/obs", "t", "c1=T,c2=B,c3=,c4=T");
    add_said(&c, "mod/adt/obs", "t", "c5=plasma,c4=T,c3=B");
    add_said(&c, "mod/rna/obs", "n", "c1=1,c2=,c3=3,c4=4");
    add_said(&c, "mod/adt/obs", "n", "c5=5,c4=4,c3=");
    add_said(&c, "mod/rna/obs", "total", "c1=1,c2=2,c3=3,c4=4");
    add_said(&c, "mod/adt/obs", "total", "c5=7,c4=8,c3=3");
    add_said(&c, "mod/rna/obs", "n2", "c1=1,c4=2");
    add_said(&c, "mod/adt/obs", "n2", "c4=3,c5=3");
    assert_int_equal(cells_match(&c), ISK_OK);
    expect_said(&c, "t", "T,B,B,T,plasma");
    expect_said(&c, "n", "1,,3,4,5");
    expect_said(&c, "total", "1,2,3,4,");
    expect_said(&c, "n2", "1,,,2,");
    assert_string_equal(bar.warnings.data ? bar.warnings.data : "", "");
    progress_close(&bar);
    cells_free(&c);
}

/* A user's own table goes before, and what it leaves open stays open. */
static void a_first_table_is_not_filled(void **state) {
    cells c = empty();
    (void)state;
    assert_int_equal(add(&c, "rna", "c1,c2", 2, 1), ISK_OK);
    add_said(&c, "obs", "t", "c1=T,c2=B");
    assert_int_equal(cells_match(&c), ISK_OK);
    add_said(&c, "", "t", "c1=NK");
    c.tables[0].first = 1;
    assert_int_equal(cells_match(&c), ISK_OK);
    expect_said(&c, "t", "NK,");
    cells_free(&c);
}

/* ---- what is refused ---- */

static void mistakes_are_named(void **state) {
    static const struct { const char *kinds[2], *cells[2]; const char *sentence; } cases[] = {
        { { "rna", "adt" }, { "c1,c2", "c3,c1,c3" },
          "data: cell 'c3' stands twice in protein, in rows 1 and 3; a name must be that of one cell" },
        { { "rna", "adt" }, { "c1,c1", "c1" },
          "data: cell 'c1' stands twice in rna, in rows 1 and 2; a name must be that of one cell" },
        { { "rna", "adt" }, { "c1-1,c2-1", "c1,c2" },
          "data: no cell of protein, whose first is 'c1', is among the others, whose first is 'c1-1'; 2 would be "
          "without the \"-1\" or the like at the end of names, which --strip-suffix drops" },
    };
    cells c;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        c = empty();
        for (int k = 0; k < 2; k++) { assert_int_equal(add(&c, cases[i].kinds[k], cases[i].cells[k], 2, k), ISK_OK); }
        expect(context, cells_match(&c), ISK_DATA, cases[i].sentence);
        cells_free(&c);
    }
    c = empty();
    expect(context, cells_match(&c), ISK_DATA, "data: holds no modality");
    cells_free(&c);
}

static void modalities_that_cannot_be_together(void **state) {
    static const char *const kinds[] = { "rna", "guides", "adt", "atac" };
    cells c = empty();
    modality m;
    (void)state;
    assert_int_equal(add(&c, "GEX", "c1", 2, 1), ISK_OK);
    expect(context, add(&c, "Gene Expression", "c1", 2, 1), ISK_DATA,
           "data: 'GEX' and 'Gene Expression' are both the modality rna; choose one of them by --modalities, which takes these "
           "names");
    assert_int_equal(add(&c, "hash tags", "c1", 2, 1), ISK_OK);
    expect(context, add(&c, "Hash-Tags", "c1", 2, 1), ISK_DATA,
           "data: 'hash tags' and 'Hash-Tags' are both the modality hash_tags; choose one of them by --modalities, which takes "
           "these names");
    cells_free(&c);
    c = empty();
    for (int i = 0; i < 4; i++) { assert_int_equal(add(&c, kinds[i], "c1", 1, 1), ISK_OK); }
    expect(context, add(&c, "tags", "c1", 1, 1), ISK_DATA,
           "data: 'tags' is one modality more than the 4 that can be used; say which are wanted");
    cells_free(&c);
    c = empty();
    assert_true(make_modality(&m, "rna", "c1,c2", 2, 0));
    m.in.rows = 1;
    m.in.path = "file";
    expect(context, cells_add(&c, &m), ISK_DATA, "file: rna has 1 cells but 2 names of cells");
    cells_free(&c);
}

static void names_on_one_side_only(void **state) {
    cells c = empty();
    (void)state;
    assert_int_equal(add(&c, "rna", "c1,c2", 2, 1), ISK_OK);
    assert_int_equal(add(&c, "adt", "c1,c2", 2, 1), ISK_OK);
    names_free(&c.modality[1].in.row_names);
    expect(context, cells_match(&c), ISK_DATA,
           "data: protein has no names of its cells, so they cannot be found among those of rna; --protein-cells FILE names them");
    cells_free(&c);
    c = empty();
    assert_int_equal(add(&c, "rna", "c1,c2", 4, 1), ISK_OK);
    assert_int_equal(add(&c, "adt", "c1,c2,c3", 5, 1), ISK_OK);
    c.modality[1].in.path = "b.npy";
    names_free(&c.modality[0].in.row_names);
    expect(context, cells_match(&c), ISK_DATA,
           "data: rna has no names of its cells, so they cannot be found among those of protein; --rna-cells FILE names them");
    names_free(&c.modality[1].in.row_names);
    expect(context, cells_match(&c), ISK_DATA,
           "b.npy: has 3 rows (protein) where data has 2 (rna), and neither names its cells; give names to both");
    c.modality[1].in.cols = 2;
    expect(context, cells_match(&c), ISK_DATA, "b.npy: has 3 rows (protein) where data has 2 (rna), and neither names its cells; if "
           "columns are the cells, say --transpose protein");
    c.modality[1].in.cols = 5;
    cells_free(&c);
}

static void tables_of_other_cells(void **state) {
    cells c = empty();
    (void)state;
    assert_int_equal(add(&c, "rna", "c1,c2", 2, 1), ISK_OK);
    assert_int_equal(add_table(&c, "d1,d2,d3", "n", "k"), ISK_OK);
    c.tables[0].path = "obs.tsv";
    expect(context, cells_match(&c), ISK_DATA,
           "obs.tsv: none of its 3 cells, whose first is 'd1', is in the data, whose first is 'c1'; the names of cells must agree");
    cells_free(&c);
    c = empty();
    assert_int_equal(add(&c, "rna", "c1,c2", 2, 1), ISK_OK);
    assert_int_equal(add_table(&c, "c2,c1,c2", "n", "k"), ISK_OK);
    expect(context, cells_match(&c), ISK_DATA, "data: cell 'c2' stands twice, in rows 1 and 3; a name must be that of one cell");
    cells_free(&c);
}

/* ---- memory ---- */

static isk_status run_match(isk_context *unused, void *argument) {
    cells c = empty();
    names n = { 0 };
    isk_status status;
    (void)unused;
    (void)argument;
    status = split(&n, "a,b,a,a") && names_make_unique(&n) ? ISK_OK : no_memory(context, "test");
    names_free(&n);
    if (status == ISK_OK) { status = add(&c, "rna", "c3,c1,c2,c4", 3, 1); }
    if (status == ISK_OK) { status = add(&c, "adt", "c9,c2,c3", 2, 0); }
    if (status == ISK_OK) { status = add(&c, "atac", "c9,c2,c3", 2, 1); }
    if (status == ISK_OK) { status = add_table(&c, "c2,c4,c3,c77", "n", "k"); }
    if (status == ISK_OK) { status = add_table(&c, "c2,c4,c1", "n", "k"); }
    if (status == ISK_OK) { status = cells_match(&c); }
    cells_free(&c);
    if (status == ISK_OK) {
        c = empty();
        status = add(&c, "rna", "c1,c2", 2, 1);
        if (status == ISK_OK) { status = add(&c, "adt", "c3,c4", 2, 0); }
        if (status == ISK_OK && cells_match(&c) != ISK_DATA) { status = ISK_MEMORY; }
        cells_free(&c);
    }
    return status;
}

static void memory_runs_out(void **state) {
    (void)state;
    sweep_memory(context, run_match, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_index_finds_the_first),
        cmocka_unit_test(names_become_unique),
        cmocka_unit_test(kinds_are_told_by_words),
        cmocka_unit_test(equal_orders_copy_nothing),
        cmocka_unit_test(rows_move_to_their_cells),
        cmocka_unit_test(more_is_matched_later),
        cmocka_unit_test(cells_without_names_are_numbered),
        cmocka_unit_test(columns_follow_their_cells),
        cmocka_unit_test(barcodes_and_their_suffixes),
        cmocka_unit_test(causes_are_told),
        cmocka_unit_test(few_pairs_are_refused),
        cmocka_unit_test(three_modalities_pair_two_by_two),
        cmocka_unit_test(cells_are_left_out),
        cmocka_unit_test(tables_fill_each_other),
        cmocka_unit_test(a_first_table_is_not_filled),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(modalities_that_cannot_be_together),
        cmocka_unit_test(names_on_one_side_only),
        cmocka_unit_test(tables_of_other_cells),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
