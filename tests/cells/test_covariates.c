/* Covariates: what their columns hold, what is refused, and that a model alone gives the same columns again. */
#include "indiseek.h"
#include "tests/base/fixture.h"
#include "examples/cells/covariates.h"

#include <math.h>

enum { ROWS = 8 };
static const char *const batch[ROWS] = { "b", "a", "b", "a", "c", "c", "a", "b" };
static const char *const stage[ROWS] = { "late", "early", "", "late", "early", "late", "early", "early" };
static const double age[ROWS] = { 20.5, 30, 40, 50, 60, 70, 80, 90 };

static void add_words(cell_table *t, const char *name, const char *const *words) {
    names all = { 0 };
    cell_column *column = cell_table_add(t, name);
    assert_non_null(column);
    for (int i = 0; i < ROWS; i++) { assert_true(names_add(&all, words[i])); }
    must(labels_from_names(context, name, &all, &column->classes));
    names_free(&all);
}

static void add_numbers(cell_table *t, const char *name, const double *numbers) {
    cell_column *column = cell_table_add(t, name);
    assert_non_null(column);
    column->numbers = malloc(ROWS * sizeof *numbers);
    assert_non_null(column->numbers);
    memcpy(column->numbers, numbers, ROWS * sizeof *numbers);
}

/* Eight cells of which all of these are known. */
static void make(cells *c) {
    static const char *const names_of[ROWS] = { "1st", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th" };
    static const char *const same[ROWS] = { "x", "x", "x", "x", "x", "x", "x", "x" };
    static const char *const site[ROWS] = { "Kiel", "Bonn", "Kiel", "Bonn", "Ulm", "Ulm", "Bonn", "Kiel" };
    static const double code[ROWS] = { 1, 2, 2, 1, 1, 2, (double)NAN, 2 }, flat[ROWS] = { 3.5, 3.5, 3.5, 3.5, 3.5, 3.5, 3.5, 3.5 };
    cell_table t = { .count = 0 };
    modality m = { 0 };
    memset(c, 0, sizeof *c);
    c->context = context;
    modality_call(&m, NULL, "rna");
    m.in = (input){ .context = context, .path = "made", .rows = ROWS, .cols = 1, .values = calloc(ROWS, sizeof *m.in.values) };
    for (int i = 0; i < ROWS; i++) {
        assert_true(names_add(&m.in.row_names, names_of[i]));
        assert_true(names_add(&t.cells, names_of[i]));
    }
    assert_true(names_add(&m.in.column_names, "CD3E"));
    add_words(&t, "batch", batch);
    add_words(&t, "stage", stage);
    add_words(&t, "name", names_of);
    add_words(&t, "same", same);
    add_words(&t, "site", site);
    add_numbers(&t, "age", age);
    add_numbers(&t, "code", code);
    add_numbers(&t, "flat", flat);
    must(cells_add(c, &m));
    must(cells_add_table(c, &t));
    must(cells_match(c));
}

static void learn(covariates *v, const cells *c, const char *columns) {
    must(covariates_learn(v, c, &(covariates_desc){ .option = "--invariant", .columns = columns }));
}

static void columns_are_as_said(void **state) {
    cells c;
    covariates v;
    isk_scalar *design;
    (void)state;
    make(&c);
    learn(&v, &c, "stage, age,code");
    assert_int_equal(covariates_cols(&v), 5);
    assert_int_equal(v.list[0].numeric, 0);
    assert_int_equal(v.list[1].numeric, 1);
    assert_int_equal(v.list[2].numeric, 0);
    must(covariates_encode(&v, &c, &design));
    for (int i = 0; i < ROWS; i++) {
        double z = (age[i] - v.list[1].mean) / v.list[1].deviation;
        assert_true(design[5 * i] == (strcmp(stage[i], "early") == 0) && design[5 * i + 1] == (strcmp(stage[i], "late") == 0));
        assert_true(fabs((double)design[5 * i + 2] - z) < 1e-6);
    }
    assert_true(design[5 * 6 + 3] == 0 && design[5 * 6 + 4] == 0);      /* no code */
    assert_int_equal(v.list[0].missing, 1);
    assert_int_equal(v.list[2].missing, 1);
    free(design);
    covariates_free(&v);
    learn(&v, &c, NULL);
    must(covariates_encode(&v, &c, &design));
    assert_null(design);
    covariates_free(&v);
    cells_free(&c);
}

/* What training cells do not have is unknown, though other cells of the same data have it. */
static void training_cells_alone_teach(void **state) {
    uint8_t part[ROWS] = { 0, 0, 0, 0, ISK_VALIDATION, ISK_VALIDATION, 0, 0 };
    cells c;
    covariates v;
    isk_scalar *design;
    (void)state;
    make(&c);
    must(covariates_learn(&v, &c, &(covariates_desc){ .option = "--batch", .columns = "batch,age", .part = part }));
    assert_int_equal(v.list[0].levels.count, 2);
    assert_true(fabs(v.list[1].mean - (20.5 + 30 + 40 + 50 + 80 + 90) / 6) < 1e-9);
    must(covariates_encode(&v, &c, &design));
    assert_int_equal(v.list[0].unseen, 2);
    assert_true(design[3 * 4] == 0 && design[3 * 4 + 1] == 0 && design[3 * 1] == 1);
    free(design);
    covariates_free(&v);
    cells_free(&c);
}

static void kinds_can_be_said(void **state) {
    cells c;
    covariates v;
    (void)state;
    make(&c);
    must(covariates_learn(&v, &c, &(covariates_desc){ .option = "--spurious", .columns = "code,age", .as_numbers = "code" }));
    assert_true(v.list[0].numeric && v.list[1].numeric);
    covariates_free(&v);
    cells_free(&c);
}

static void mistakes_are_said(void **state) {
    static const struct { const char *columns, *as_classes, *as_numbers; isk_status status; const char *words; } cases[] = {
        { "same", NULL, NULL, ISK_DATA, "--invariant: column 'same' has one level in the cells that train, 'x'; it needs two levels" },
        { "name", NULL, NULL, ISK_DATA, "--invariant: column 'name' is another in each of the 8 cells that train, as a name is, and tells "
          "nothing of others" },
        { "age", "age", NULL, ISK_DATA, "--invariant: column 'age' is another in each of the 8 cells that train, as a name is, and tells "
          "nothing of others; --numbers takes it for a number" },
        { "flat", NULL, NULL, ISK_DATA, "--invariant: column 'flat' is the same number in the cells that train, and says nothing; leave it "
          "out" },
        { "stage", NULL, "stage", ISK_DATA, "--invariant: column 'stage' is words, such as 'early', and --numbers says that it is "
          "numbers" },
        { "stag", NULL, NULL, ISK_ARGUMENT, "--invariant: nothing is known of the cells by the name 'stag'; did you mean 'stage'?" },
        { "age,stage,age", NULL, NULL, ISK_ARGUMENT, "--invariant: column 'age' is listed twice" },
    };
    cells c;
    (void)state;
    make(&c);
    for (size_t i = 0; i < COUNT(cases); i++) {
        covariates v;
        assert_int_equal(covariates_learn(&v, &c, &(covariates_desc){ .option = "--invariant", .columns = cases[i].columns,
                                                                      .as_classes = cases[i].as_classes,
                                                                      .as_numbers = cases[i].as_numbers }), cases[i].status);
        assert_string_equal(isk_error(context), cases[i].words);
        covariates_free(&v);
    }
    cells_free(&c);
}

static void lists_are_compared(void **state) {
    static const struct { const char *invariant, *spurious, *words; } cases[] = {
        { "age,stage", "code", NULL },
        { "stage", "code,stage", "column 'stage' stands in --invariant and in --spurious; it can be but one of them" },
        { "batch", NULL, "column 'batch' stands in --batch and in --invariant; it can be but one of them" },
        { NULL, "site", "--spurious: column 'site' divides the cells as the batch, 'batch', does, so that nothing can tell one from the "
          "other; leave it out" },
    };
    cells c;
    covariates batches;
    (void)state;
    make(&c);
    must(covariates_learn(&batches, &c, &(covariates_desc){ .option = "--batch", .columns = "batch" }));
    for (size_t i = 0; i < COUNT(cases); i++) {
        covariates invariant, spurious;
        named_covariates lists[3] = { { "--batch", &batches }, { "--invariant", &invariant }, { "--spurious", &spurious } };
        learn(&invariant, &c, cases[i].invariant);
        learn(&spurious, &c, cases[i].spurious);
        if (!cases[i].words) {
            must(covariates_compare(&c, lists, 3, &batches, NULL));
        } else {
            assert_int_not_equal(covariates_compare(&c, lists, 3, &batches, NULL), ISK_OK);
            assert_string_equal(isk_error(context), cases[i].words);
        }
        covariates_free(&invariant);
        covariates_free(&spurious);
    }
    covariates_free(&batches);
    cells_free(&c);
}

/* Levels come back by name, whatever the order in which other cells have them. */
static void a_model_holds_all(void **state) {
    isk_scalar x[40][2], y[40][2], *one, *two;
    isk_fit_desc fit = { .method = ISK_CCA, .views = { { .x = { x[0], 40, 2 } }, { .x = { y[0], 40, 2 } } }, .view_count = 2 };
    const char *path = scratch("model.safetensors");
    isk_model *model;
    covariates v, again;
    cells c;
    labels *l;
    (void)state;
    for (int i = 0; i < 40; i++) {
        for (int j = 0; j < 2; j++) { x[i][j] = (isk_scalar)(sin(i * (j + 1.3))); y[i][j] = x[i][j] + (isk_scalar)cos(i * (j + 2.7)); }
    }
    must(isk_fit(context, &fit, &model));
    make(&c);
    learn(&v, &c, "batch,age,stage");
    must(covariates_encode(&v, &c, &one));
    must(covariates_put(&v, model, "spurious"));
    must(isk_save(model, path));
    isk_model_close(model);
    must(isk_load(context, path, &model));
    must(covariates_get(&again, context, model, "spurious"));
    assert_int_equal(again.count, 3);
    assert_true(again.list[1].numeric && again.list[1].mean == v.list[1].mean && again.list[1].deviation == v.list[1].deviation);
    l = &c.table.columns[0].classes;        /* batch: a b c become c b a, by other numbers */
    for (int i = 0; i < ROWS; i++) { l->codes[i] = 2 - l->codes[i]; }
    names_free(&l->classes);
    for (int i = 0; i < 3; i++) { assert_true(names_add(&l->classes, i == 0 ? "c" : i == 1 ? "b" : "a")); }
    must(covariates_encode(&again, &c, &two));
    assert_memory_equal(one, two, sizeof *one * ROWS * (size_t)covariates_cols(&v));
    free(two);
    covariates_free(&again);
    must(covariates_get(&again, context, model, "invariant"));
    assert_int_equal(again.count, 0);
    free(one);
    covariates_free(&again);
    covariates_free(&v);
    cells_free(&c);
    isk_model_close(model);
}

static void any_name_is_kept(void **state) {
    static const char *const words[] = { "plain", "", "tab\there", "line\nend", "back\\slash", "\\t", "\r" };
    names n = { 0 }, again = { 0 };
    char *line;
    (void)state;
    for (size_t i = 0; i < COUNT(words); i++) { assert_true(names_add(&n, words[i])); }
    line = names_join(&n);
    assert_non_null(line);
    assert_null(strchr(line, '\n'));
    assert_true(names_split(line, &again));
    assert_int_equal(again.count, n.count);
    for (size_t i = 0; i < COUNT(words); i++) { assert_string_equal(names_get(&again, (int64_t)i), words[i]); }
    names_free(&n);
    names_free(&again);
    free(line);
}

/* Cells that stay keep what is known of them. */
static void cells_can_be_left_out(void **state) {
    static const uint8_t kept[ROWS] = { 0, 1, 1, 0, 0, 0, 1, 1 };
    static const char *const left[] = { "2nd", "3rd", "7th", "8th" };
    cells c;
    (void)state;
    make(&c);
    must(cells_keep(&c, kept));
    assert_int_equal(c.rows, 4);
    assert_int_equal(c.modality[0].in.rows, 4);
    for (int i = 0; i < 4; i++) { assert_string_equal(names_get(&c.names, i), left[i]); }
    assert_true(cells_column(&c, "age")->numbers[2] == 80);
    assert_int_equal(cells_column(&c, "batch")->classes.count, 2);
    cells_free(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_said), cmocka_unit_test(training_cells_alone_teach), cmocka_unit_test(kinds_can_be_said),
        cmocka_unit_test(mistakes_are_said), cmocka_unit_test(lists_are_compared), cmocka_unit_test(a_model_holds_all),
        cmocka_unit_test(any_name_is_kept), cmocka_unit_test(cells_can_be_left_out),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
