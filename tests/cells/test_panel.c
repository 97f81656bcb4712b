/* Which features are learned from: names of antibodies, patterns, and what becomes of what is left out. */
#include "indiseek.h"
#include "tests/base/scarce.h"
#include "examples/base/lines.c"
#include "examples/formats/mtx.c"
#include "examples/formats/input.c"
#include "examples/formats/cells.c"
#include "examples/cells/panel.c"
#include "tests/base/fixture.h"

static void antibodies_are_told_by_name(void **state) {
    static const char *const tags[] = { "HTO", "HTO1", "hto_3", "HTO-A", "Hashtag-1", "anti-human Hashtag 4", "CMO301", "SampleTag02_hs",
                                        "TotalSeqB_hashtag5", "ADT_HTO2" };
    static const char *const isotypes[] = { "IgG1", "IgG2a_TotalSeqB", "Mouse-IgG1-control", "rat_IgG2b", "isotype_RTK4530", "IgG-control",
                                            "Armenian Hamster IgG Isotype Ctrl", "anti-mouse IgG2b" };
    static const char *const others[] = { "CD3", "IgG-Fc", "IgG.Fc", "anti-human IgG Fc", "IgM", "IgD", "CMOS", "CMO", "PHTO1", "HTOR",
                                          "BIGG1", "", "CD19-1", "hash" };
    (void)state;
    for (size_t i = 0; i < COUNT(tags); i++) { assert_int_equal(antibody_of(tags[i]), ANTIBODY_HASHTAG); }
    for (size_t i = 0; i < COUNT(isotypes); i++) { assert_int_equal(antibody_of(isotypes[i]), ANTIBODY_ISOTYPE); }
    for (size_t i = 0; i < COUNT(others); i++) { assert_int_equal(antibody_of(others[i]), ANTIBODY_OF_CELLS); }
}

static void name_all(names *n, const char *words) {
    char word[LISTED_WORD];
    while (next_listed(&words, word)) { assert_true(names_add(n, word)); }
}

/* Two cells; feature j counts j + 1 in the first of them, and 10 more in the second. */
static void make(cells *c, int sparse_too) {
    static const struct { const char *kind, *names, *ids; } parts[] = {
        { "rna", "CD3E,MT-CO1,MT-ND1,GAPDH", "E1,E2,E3,E4" }, { "adt", "CD3,HTO1,IgG1,CD45RA", "" }
    };
    memset(c, 0, sizeof *c);
    c->context = context;
    for (int i = 0; i < 2; i++) {
        modality m = { 0 };
        modality_call(&m, NULL, parts[i].kind);
        name_all(&m.in.column_names, parts[i].names);
        name_all(&m.ids, parts[i].ids);
        name_all(&m.in.row_names, "a,b");
        m.in.context = context;
        m.in.path = "made";
        m.in.rows = 2;
        m.in.cols = 4;
        if (sparse_too && i == 1) {
            m.in.is_sparse = 1;
            m.in.sparse = (sparse){ 2, 4, 8, scarce_malloc(3 * sizeof(int64_t)), scarce_malloc(8 * sizeof(int32_t)),
                                      scarce_malloc(8 * sizeof(isk_scalar)) };
            for (int r = 0; r < 3; r++) { m.in.sparse.starts[r] = 4 * r; }
            for (int k = 0; k < 8; k++) {
                m.in.sparse.columns[k] = k % 4;
                m.in.sparse.values[k] = (isk_scalar)(k % 4 + 1 + 10 * (k / 4));
            }
        } else {
            m.in.values = scarce_malloc(8 * sizeof *m.in.values);
            for (int k = 0; k < 8; k++) { m.in.values[k] = (isk_scalar)(k % 4 + 1 + 10 * (k / 4)); }
        }
        must(cells_add(c, &m));
    }
    must(cells_match(c));
}

static void expect_columns(const input *in, const char *due) {
    char all[200] = "";
    for (int64_t i = 0; i < in->cols; i++) {
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i > 0 ? "," : "", names_get(&in->column_names, i));
    }
    assert_string_equal(all, due);
}

static double value_of(const input *in, int64_t row, int64_t column) {
    const input_row r = input_row_of(in, row);
    for (int64_t k = 0; k < r.count; k++) {
        if ((r.columns ? r.columns[k] : k) == column) { return (double)r.values[k]; }
    }
    return 0;
}

static void patterns_choose(void **state) {
    static const struct { panel_desc desc; const char *rna, *protein, *aside; } cases[] = {
        { { NULL, NULL, 0 }, "CD3E,MT-CO1,MT-ND1,GAPDH", "CD3,CD45RA", "IgG1" },
        { { NULL, NULL, 1 }, "CD3E,MT-CO1,MT-ND1,GAPDH", "CD3,HTO1,IgG1,CD45RA", "" },
        { { NULL, "MT-*,CD45R?", 0 }, "CD3E,GAPDH", "CD3", "IgG1" },
        { { NULL, "rna:*[34]", 1 }, "CD3E,MT-CO1", "CD3,HTO1,IgG1,CD45RA", "" },       /* by ids E3 and E4 */
        { { "protein:*", NULL, 0 }, "CD3E,MT-CO1,MT-ND1,GAPDH", "CD3,HTO1,IgG1,CD45RA", "" },
        { { "adt:CD*,adt:HTO1", NULL, 0 }, "CD3E,MT-CO1,MT-ND1,GAPDH", "CD3,HTO1,CD45RA", "IgG1" },
        { { "CD*", "CD45*", 0 }, "CD3E", "CD3", "IgG1" },
        { { NULL, "atac:*,chr1:*", 1 }, "CD3E,MT-CO1,MT-ND1,GAPDH", "CD3,HTO1,IgG1,CD45RA", "" },
        { { NULL, "IgG1", 1 }, "CD3E,MT-CO1,MT-ND1,GAPDH", "CD3,HTO1,CD45RA", "IgG1" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (int sparse_too = 0; sparse_too < 2; sparse_too++) {
            cells c;
            const modality *m;
            make(&c, sparse_too);
            must(panel_choose(&c, &cases[i].desc));
            expect_columns(&c.modality[0].in, cases[i].rna);
            m = &c.modality[1];
            expect_columns(&m->in, cases[i].protein);
            expect_columns(&m->aside, cases[i].aside);
            assert_int_equal(c.modality[0].ids.count, c.modality[0].in.cols);
            assert_true(value_of(&m->in, 0, m->in.cols - 1) == (strstr(cases[i].protein, "RA") ? 4 : 1));
            assert_true(m->aside.cols == 0 || (value_of(&m->aside, 0, 0) == 3 && value_of(&m->aside, 1, 0) == 13));
            cells_free(&c);
        }
    }
}

/* What was set aside follows its cells. */
static void rows_move_together(void **state) {
    (void)state;
    for (int sparse_too = 0; sparse_too < 2; sparse_too++) {
        modality m = { 0 };
        cells c;
        make(&c, sparse_too);
        must(panel_choose(&c, &(panel_desc){ 0 }));
        modality_call(&m, NULL, "atac");
        name_all(&m.in.column_names, "p");
        name_all(&m.in.row_names, "b,c,a");
        m.in = (input){ .context = context, .path = "more", .rows = 3, .cols = 1, .values = scarce_calloc(3, sizeof(isk_scalar)),
                        .row_names = m.in.row_names, .column_names = m.in.column_names };
        must(cells_add(&c, &m));
        must(cells_match(&c));
        assert_true(c.rows == 3 && c.modality[1].aside.rows == 3);
        assert_true(value_of(&c.modality[1].aside, 1, 0) == 13 && value_of(&c.modality[1].aside, 2, 0) == 0);
        cells_free(&c);
    }
}

static void nothing_is_left(void **state) {
    cells c;
    (void)state;
    make(&c, 0);
    expect(context, panel_choose(&c, &(panel_desc){ "CD3", NULL, 0 }), ISK_ARGUMENT, "no feature of rna is left: a pattern of "
           "--keep-features is for every modality, unless one stands before it (protein:CD*), and --controls keep trains on hashtags and "
           "isotype controls");
    cells_free(&c);
}

static isk_status choose(isk_context *unused, void *argument) {
    const long left = supply.left;
    isk_status status;
    cells c;
    (void)unused;
    supply.left = -1;
    make(&c, *(int *)argument);
    supply.left = left;
    status = panel_choose(&c, &(panel_desc){ NULL, "MT-*", 0 });
    cells_free(&c);
    return status;
}

static void memory_runs_out(void **state) {
    int sparse_too = 0;
    (void)state;
    sweep_memory(context, choose, &sparse_too);
    sparse_too = 1;
    sweep_memory(context, choose, &sparse_too);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(antibodies_are_told_by_name),
        cmocka_unit_test(patterns_choose),
        cmocka_unit_test(rows_move_together),
        cmocka_unit_test(nothing_is_left),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
