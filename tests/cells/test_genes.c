/* Genes that a method of counts learns from: which, what is refused, and that new cells get the same columns. */
#include "indiseek.h"
#include "tests/base/fixture.h"
#include "examples/cells/genes.h"
#include "examples/cells/variable.h"

#include <math.h>

/* Cells of so many genes, dense, named g0, g1, ... */
static void make(cells *c, int64_t rows, int64_t cols, const isk_scalar *values) {
    modality m = { 0 };
    char name[24];
    memset(c, 0, sizeof *c);
    c->context = context;
    modality_call(&m, NULL, "rna");
    m.in = (input){ .context = context, .path = "made", .rows = rows, .cols = cols,
                    .values = malloc(sizeof *values * (size_t)(rows * cols)) };
    assert_non_null(m.in.values);
    memcpy(m.in.values, values, sizeof *values * (size_t)(rows * cols));
    for (int64_t i = 0; i < rows; i++) {
        snprintf(name, sizeof name, "cell%d", (int)i);
        assert_true(names_add(&m.in.row_names, name));
    }
    for (int64_t j = 0; j < cols; j++) {
        snprintf(name, sizeof name, "g%d", (int)j);
        assert_true(names_add(&m.in.column_names, name));
    }
    must(cells_add(c, &m));
    must(cells_match(c));
}

static void what_are_no_counts_is_said(void **state) {
    static const struct { isk_scalar values[6]; const char *words; } cases[] = {
        { { 0, 1, 2, 3, 4000, 5 }, NULL },
        { { 0, 1, (isk_scalar)2.25, 3, (isk_scalar)8.25, 5 }, "made: cell 'cell0', gene 'g2' is 2.25: these look log-normalised: max 8.2; "
          "give --counts LAYER, which may be raw, or --likelihood gaussian" },
        { { 0, (isk_scalar)1.5, 2, 3, -1, 5 }, "made: cell 'cell1', gene 'g1' is -1, and counts are not negative: these look scaled; give "
          "--counts LAYER, which may be raw, or --likelihood gaussian" },
        { { 0, 1, 2, 3, (isk_scalar)NAN, 5 }, "made: cell 'cell1' has no number for gene 'g1'; counts are whole numbers from 0 on" },
        { { 0, 1, 2, (isk_scalar)30.5, 4, 500 }, "made: cell 'cell1', gene 'g0' is 30.5, which is no whole number: these look normalised; "
          "give --counts LAYER, which may be raw, or --likelihood gaussian" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cells c;
        make(&c, 2, 3, cases[i].values);
        if (!cases[i].words) {
            must(genes_check_counts(&c));
        } else {
            assert_int_equal(genes_check_counts(&c), ISK_DATA);
            assert_string_equal(isk_error(context), cases[i].words);
        }
        cells_free(&c);
    }
}

/* Hashed counts of some mean. */
static isk_scalar drawn(unsigned i, unsigned j, double mean) {
    const unsigned word = (i * 2654435761u) ^ (j * 40503u + 977u) * 2246822519u;
    return (isk_scalar)floor(-mean * log(((word >> 8) % 65536 + 0.5) / 65536.0));
}

enum { ROWS = 120, COLS = 40 };
static isk_scalar counts[ROWS * COLS];
static int32_t codes[ROWS];
static uint8_t part[ROWS];

/* g0 and g1 vary in both batches, g2 and g3 most of all but in one alone, g4 has no count in training, and others are noise of their
   mean. */
static void draw_counts(void) {
    for (unsigned i = 0; i < ROWS; i++) {
        codes[i] = (int32_t)(i % 2);
        part[i] = i < 6 ? ISK_VALIDATION : ISK_TRAIN;
        for (unsigned j = 0; j < COLS; j++) {
            const double mean = j < 2 ? (i % 7 < 2 ? 24 : 1) : j < 4 ? (codes[i] == (int)j - 2 ? (i % 11 < 2 ? 90 : 1) : 3) : 2 + j % 5;
            counts[i * COLS + j] = j == 4 ? (isk_scalar)(i < 6) : j < 4 ? drawn(i, j, mean) : (isk_scalar)floor(mean + (i + j) % 3);
        }
    }
}

static int is_among(int64_t column, const int64_t *list, int count) {
    for (int k = 0; k < count; k++) {
        if (list[k] == column) { return 1; }
    }
    return 0;
}

static void batches_vote(void **state) {
    int64_t columns[COLS], alone[2][COLS], found;
    uint8_t own[2][ROWS];
    cells c;
    int in_both = 0;
    (void)state;
    draw_counts();
    make(&c, ROWS, COLS, counts);
    for (int b = 0; b < 2; b++) {
        for (int i = 0; i < ROWS; i++) { own[b][i] = (uint8_t)(part[i] == ISK_TRAIN && codes[i] == b ? ISK_TRAIN : ISK_TEST); }
        must(variable_columns(&c.modality[0].in, own[b], 3, alone[b]));
    }
    must(variable_columns_by_batch(&c.modality[0].in, part, codes, 2, 3, columns, &found));
    assert_int_equal(found, 3);
    for (int k = 0; k < 3; k++) {
        const int votes = is_among(columns[k], alone[0], 3) + is_among(columns[k], alone[1], 3);
        assert_true(votes > 0);
        assert_true(k == 0 || columns[k] > columns[k - 1]);
        in_both += votes == 2;
    }
    for (int k = 0; k < 3; k++) { in_both -= is_among(alone[0][k], alone[1], 3); }
    assert_int_equal(in_both, 0);           /* all of them were taken */
    must(variable_columns_by_batch(&c.modality[0].in, own[0], codes, 2, 3, columns, &found));   /* no cell of the other one trains */
    assert_memory_equal(columns, alone[0], 3 * sizeof *columns);
    must(variable_columns_by_batch(&c.modality[0].in, part, codes, 2, COLS, columns, &found));
    assert_int_equal(found, COLS - 1);      /* what never changes ranks nowhere */
    cells_free(&c);
}

static void genes_are_learned_and_found(void **state) {
    isk_scalar *values, other[2 * 5] = { 7, 1, 0, 2, 3, 0, 0, 0, 0, 0 };
    uint8_t kept[2];
    int64_t empty, first;
    genes g;
    cells c;
    (void)state;
    draw_counts();
    make(&c, ROWS, COLS, counts);
    must(genes_learn(&g, &c, part, codes, 2, 0, 1));
    assert_int_equal(g.names.count, COLS - 1);
    assert_int_equal(g.zero, 1);
    genes_free(&g);
    must(genes_learn(&g, &c, part, codes, 2, 3, 1));
    assert_int_equal(g.names.count, 3);
    assert_string_equal(names_get(&g.names, 1), "g1");
    must(genes_matrix(&g, &c, &values));
    for (int i = 0; i < ROWS; i++) { assert_true(values[3 * i + 1] == counts[i * COLS + 1]); }
    free(values);
    cells_free(&c);
    make(&c, 2, 5, other);                  /* g0 to g4; one of the three is g2 or g3 */
    must(genes_find(&g, &c));
    assert_int_equal(g.missing, 0);
    must(genes_matrix(&g, &c, &values));
    assert_true(values[0] == 7 && values[1] == 1);
    genes_find_empty(&g, values, 2, kept, &empty, &first);
    assert_true(empty == 1 && first == 1 && kept[0] && !kept[1]);
    free(values);
    cells_free(&c);
    make(&c, 2, 1, other);                  /* g0 alone */
    must(genes_find(&g, &c));
    assert_int_equal(g.missing, 2);
    must(genes_matrix(&g, &c, &values));
    assert_true(values[0] == 7 && values[1] == 0 && values[2] == 0);
    free(values);
    cells_free(&c);
    genes_free(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_are_no_counts_is_said), cmocka_unit_test(batches_vote), cmocka_unit_test(genes_are_learned_and_found),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
