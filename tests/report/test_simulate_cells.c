/* Simulated CITE-seq: its random numbers, its counts, what is true of them, its files, and whether the method finds what is true. */
#include "examples/cells/preprocess.h"
#include "examples/base/random.h"
#include "examples/cells/simulate_cells.h"
#include "examples/report/truth.h"
#include "examples/formats/write_10x.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static isk_context *context;
static simulated_cells usual;       /* all defaults, seed 0 */

static void check(isk_status status) {
    if (status != ISK_OK) { fail_msg("%s", isk_error(context)); }
}

static int open_all(void **state) {
    (void)state;
    context = isk_open(&(isk_context_desc){ .threads = 2, .device = ISK_DEVICE_CPU });
    return !context || simulate_cells(context, &(simulate_cells_desc){ .seed = 0 }, &usual) != ISK_OK;
}

static int close_all(void **state) {
    (void)state;
    simulated_cells_free(&usual);
    isk_close(context);
    return 0;
}

/* ---- random numbers ---- */

enum { DRAWS = 200000 };
typedef struct moments { double mean, variance; } moments;

static moments moments_of(const double *x, int64_t count) {
    moments m = { 0, 0 };
    for (int64_t i = 0; i < count; i++) { m.mean += x[i] / (double)count; }
    for (int64_t i = 0; i < count; i++) { m.variance += pow(x[i] - m.mean, 2) / (double)count; }
    return m;
}

/* Five standard errors of the mean, and 5 % of the variance, which is more than five of its own for all that is drawn here. */
static void check_moments(const char *what, double (*draw)(random_stream *r, double a, double b), double a, double b, double mean,
                          double variance) {
    double *x = malloc(DRAWS * sizeof *x);
    random_stream r = random_open(7, 1);
    moments m;
    assert_non_null(x);
    for (int i = 0; i < DRAWS; i++) { x[i] = draw(&r, a, b); }
    m = moments_of(x, DRAWS);
    if (fabs(m.mean - mean) > 5 * sqrt(variance / DRAWS) || fabs(m.variance / variance - 1) > 0.05) {
        fail_msg("%s(%g, %g): mean %g, variance %g where %g and %g are due", what, a, b, m.mean, m.variance, mean, variance);
    }
    free(x);
}

static double draw_gamma(random_stream *r, double a, double b) { return random_gamma(r, a) + 0 * b; }
static double draw_poisson(random_stream *r, double a, double b) { return (double)random_poisson(r, a) + 0 * b; }
static double draw_count(random_stream *r, double a, double b) { return (double)random_count(r, a, b); }

static void random_numbers_have_their_moments(void **state) {
    static const double shapes[] = { 0.4, 1, 3.3, 50 }, means[] = { 0.05, 1, 9.9, 10, 35, 4000 };
    static const double counts[][2] = { { 0.3, 0.5 }, { 5, 0.5 }, { 80, 0.15 }, { 3, 0 } };
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) { check_moments("gamma", draw_gamma, shapes[i], 0, shapes[i], shapes[i]); }
    for (size_t i = 0; i < sizeof means / sizeof *means; i++) { check_moments("poisson", draw_poisson, means[i], 0, means[i], means[i]); }
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const double mean = counts[i][0], dispersion = counts[i][1];
        check_moments("count", draw_count, mean, dispersion, mean, mean + dispersion * mean * mean);
    }
}

/* Shares of single values, on both sides of the mean at which the way of drawing changes. */
static void poisson_numbers_have_their_shares(void **state) {
    (void)state;
    for (int way = 0; way < 2; way++) {
        const double mean = way ? 12 : 6;
        double seen[40] = { 0 };
        random_stream r = random_open(8, (uint64_t)way);
        for (int i = 0; i < DRAWS; i++) {
            int64_t count = random_poisson(&r, mean);
            assert_true(count >= 0);
            if (count < 40) { seen[count] += 1.0 / DRAWS; }
        }
        for (int k = 0; k < 40; k++) {
            const double due = exp(k * log(mean) - mean - lgamma(k + 1.0));
            if (fabs(seen[k] - due) > 5 * sqrt(due / DRAWS) + 2e-5) { fail_msg("mean %g: %d has share %g, not %g", mean, k, seen[k], due); }
        }
    }
}

/* ---- counts and names ---- */

static int same_cells(const simulated_cells *a, const simulated_cells *b, int64_t cells) {
    const sparse *x = &a->rna.sparse, *y = &b->rna.sparse;
    return memcmp(x->starts, y->starts, (size_t)(cells + 1) * sizeof *x->starts) == 0 &&
           memcmp(x->columns, y->columns, (size_t)x->starts[cells] * sizeof *x->columns) == 0 &&
           memcmp(x->values, y->values, (size_t)x->starts[cells] * sizeof *x->values) == 0 &&
           memcmp(a->protein.values, b->protein.values, (size_t)(cells * a->proteins) * sizeof *a->protein.values) == 0 &&
           memcmp(a->type, b->type, (size_t)cells * sizeof *a->type) == 0 &&
               memcmp(a->state, b->state, (size_t)cells * sizeof *a->state) == 0;
}

static void one_seed_is_one_data_set(void **state) {
    simulated_cells again, fewer, other;
    (void)state;
    check(simulate_cells(context, &(simulate_cells_desc){ .cells = 2400, .genes = 1000, .proteins = 30, .types = 8, .library = 600 },
                         &again));
    check(simulate_cells(context, &(simulate_cells_desc){ .cells = 100 }, &fewer));
    check(simulate_cells(context, &(simulate_cells_desc){ .cells = 100, .seed = 1 }, &other));
    assert_true(same_cells(&usual, &again, usual.cells));
    assert_true(same_cells(&usual, &fewer, 100));           /* a cell does not depend on how many there are */
    assert_false(same_cells(&fewer, &other, 100));
    simulated_cells_free(&again);
    simulated_cells_free(&fewer);
    simulated_cells_free(&other);
}

static void expect_unique(const names *n, int64_t count) {
    assert_int_equal(n->count, count);
    for (int64_t i = 0; i < count; i++) { assert_int_equal(names_find(n, names_get(n, i)), i); }
}

static int whole(isk_scalar value) { return value >= 0 && (double)value == floor((double)value); }

static void counts_are_whole_and_names_unique(void **state) {
    const sparse *m = &usual.rna.sparse;
    (void)state;
    assert_int_equal(m->starts[0], 0);
    assert_int_equal(m->starts[m->rows], m->count);
    for (int64_t i = 0; i < m->count; i++) { assert_true(whole(m->values[i]) && m->values[i] > 0); }
    for (int64_t r = 0; r < m->rows; r++) {
        for (int64_t i = m->starts[r]; i < m->starts[r + 1]; i++) {
            assert_true(m->columns[i] >= 0 && m->columns[i] < m->cols && (i == m->starts[r] || m->columns[i] > m->columns[i - 1]));
        }
    }
    for (int64_t i = 0; i < usual.cells * usual.proteins; i++) { assert_true(whole(usual.protein.values[i])); }
    expect_unique(&usual.rna.row_names, 2400);
    expect_unique(&usual.protein.row_names, 2400);
    expect_unique(&usual.rna.column_names, 1000);
    expect_unique(&usual.protein.column_names, 30);
    expect_unique(&usual.type_names, 8);
    assert_string_equal(names_get(&usual.rna.column_names, 0), "GENE0001");
    assert_string_equal(names_get(&usual.protein.column_names, 29), "CD930");
    assert_string_equal(names_get(&usual.type_names, 4), "B2");
}

/* As in blood by 10x Genomics: many zeros among genes and hardly any among proteins, libraries that differ, genes that differ much more. */
static void counts_look_like_counts(void **state) {
    const sparse *m = &usual.rna.sparse;
    double zeros = 1 - (double)m->count / (double)(m->rows * m->cols), protein_zeros = 0;
    double *library = calloc((size_t)m->rows, sizeof *library), *gene = calloc((size_t)m->cols, sizeof *gene);
    moments libraries, genes;
    int64_t smallest = usual.cells, type_cells[8] = { 0 };
    (void)state;
    assert_true(library && gene);
    for (int64_t r = 0; r < m->rows; r++) {
        for (int64_t i = m->starts[r]; i < m->starts[r + 1]; i++) {
            library[r] += (double)m->values[i];
            gene[m->columns[i]] += (double)m->values[i] / (double)m->rows;
        }
        assert_true(fabs(log(library[r] / usual.library[r])) < 0.5);
        library[r] = log(library[r]);
        type_cells[usual.type[r]]++;
    }
    for (int64_t g = 0; g < m->cols; g++) { gene[g] = log(gene[g] + 1e-4); }
    for (int64_t i = 0; i < usual.cells * usual.proteins; i++) { protein_zeros += usual.protein.values[i] == 0; }
    libraries = moments_of(library, m->rows);
    genes = moments_of(gene, m->cols);
    assert_true(zeros > 0.75 && zeros < 0.92);
    assert_true(protein_zeros / (double)(usual.cells * usual.proteins) < 0.01);
    assert_true(fabs(libraries.mean - log(600)) < 0.05 && sqrt(libraries.variance) > 0.3 && sqrt(libraries.variance) < 0.7);
    assert_true(sqrt(genes.variance) > 1.6 && sqrt(genes.variance) < 2.4);
    for (int k = 0; k < 8; k++) { smallest = type_cells[k] < smallest ? type_cells[k] : smallest; }
    assert_true(smallest > 100 && type_cells[0] > 3 * smallest);
    free(library);
    free(gene);
}

/* ---- what is true ---- */

static double correlation(const double *a, const double *b, int64_t count) {
    moments x = moments_of(a, count), y = moments_of(b, count);
    double both = 0;
    for (int64_t i = 0; i < count; i++) { both += (a[i] - x.mean) * (b[i] - y.mean) / (double)count; }
    return x.variance > 0 && y.variance > 0 ? both / sqrt(x.variance * y.variance) : 0;
}

static void truths_are_independent(void **state) {
    const int64_t n = usual.cells;
    double *t = calloc((size_t)n * 12, sizeof *t);
    (void)state;
    assert_non_null(t);
    for (int64_t i = 0; i < n; i++) {                       /* state, activation, cycle (2), then indicators of the types */
        t[i] = (double)usual.state[i];
        t[n + i] = (double)usual.activation[i];
        t[2 * n + i] = (double)usual.cycle[2 * i];
        t[3 * n + i] = (double)usual.cycle[2 * i + 1];
        t[(4 + usual.type[i]) * n + i] = 1;
        assert_int_equal(usual.lineage[i], usual.type[i] % LINEAGES);
        assert_true(fabs(hypot(t[2 * n + i], t[3 * n + i]) - 1) < 1e-5);
        assert_int_equal(usual.phase[i] == 0, t[3 * n + i] > 0);        /* G1 is the first half of the circle */
    }
    for (int a = 0; a < 4; a++) {
        for (int b = a + 1; b < 12; b++) {
            double r = correlation(t + a * n, t + b * n, n);
            if (fabs(r) > 0.08) { fail_msg("truths %d and %d: correlation %g", a, b, r); }     /* four standard errors */
        }
    }
    free(t);
}

/* Log of what a gene or protein has beyond what its cell has anyway. */
static void column_of(const isk_scalar *values, int64_t cols, int64_t col, const double *size, double *x) {
    for (int64_t i = 0; i < usual.cells; i++) { x[i] = log1p((double)values[i * cols + col] / size[i]); }
}

static double gene_by(const double *x, int gene, feature_role role) {
    double *by = malloc((size_t)usual.cells * sizeof *by), r;
    assert_non_null(by);
    for (int64_t i = 0; i < usual.cells; i++) {
        const double peak = (double)usual.gene_peak[gene];
        by[i] = role == ROLE_CYCLE ? cos(atan2((double)usual.cycle[2 * i + 1], (double)usual.cycle[2 * i]) - peak)
                : role == ROLE_STATE ? (double)usual.state[i] : (double)usual.activation[i];
    }
    r = correlation(x, by, usual.cells);
    free(by);
    return r;
}

static void programmes_move_their_genes(void **state) {
    isk_scalar *rna = sparse_to_dense(&usual.rna.sparse);
    double *x = malloc((size_t)usual.cells * sizeof *x), *size = malloc((size_t)usual.cells * sizeof *size);
    double cycle = 0, worst_other = 0, worst_activation = 0;
    int cycle_genes = 0, state_genes = 0;
    (void)state;
    assert_true(rna && x && size);
    for (int64_t i = 0; i < usual.cells; i++) { size[i] = usual.library[i] / 600; }
    for (int g = 0; g < usual.genes; g++) {
        double mean = 0, r, other;
        column_of(rna, usual.genes, g, size, x);
        for (int64_t i = 0; i < usual.cells; i++) { mean += (double)rna[i * usual.genes + g] / (double)usual.cells; }
        r = gene_by(x, g, ROLE_CYCLE);
        other = fabs(r);
        if (usual.gene_role[g] == ROLE_CYCLE) {
            cycle_genes++;
            cycle += r / 100;
            if (mean > 0.3) { assert_true(r > 0.15); }
        } else if (other > worst_other) {
            worst_other = other;
        }
        if (usual.gene_role[g] == ROLE_STATE) {
            state_genes++;
            if (mean > 0.3) { assert_true(gene_by(x, g, ROLE_STATE) * (double)usual.gene_slope[g] > 0); }
        }
        worst_activation = fmax(worst_activation, fabs(gene_by(x, g, ROLE_ACTIVATION)));
    }
    assert_int_equal(cycle_genes, 100);
    assert_int_equal(state_genes, 80);
    assert_true(cycle > 0.2);
    assert_true(worst_other < 0.15);                        /* 900 genes: chance alone gives about 0.08, shares of a whole a little more */
    assert_true(worst_activation < 0.12);
    free(rna);
    free(x);
    free(size);
}

static void activation_moves_its_proteins(void **state) {
    double *x = malloc((size_t)usual.cells * sizeof *x), *size = malloc((size_t)usual.cells * sizeof *size);
    int moved = 0;
    (void)state;
    assert_true(x && size);
    for (int64_t i = 0; i < usual.cells; i++) { size[i] = 1; }
    for (int p = 0; p < usual.proteins; p++) {
        double r;
        column_of(usual.protein.values, usual.proteins, p, size, x);
        r = gene_by(x, 0, ROLE_ACTIVATION);
        moved += usual.protein_role[p] == ROLE_ACTIVATION;
        if (usual.protein_role[p] == ROLE_ACTIVATION ? r < 0.3 : fabs(r) > 0.1) { fail_msg("protein %d: correlation %g", p, r); }
        if (usual.protein_role[p] == ROLE_STATE) { assert_true(gene_by(x, 0, ROLE_STATE) * (double)usual.protein_slope[p] > 0.1); }
    }
    assert_int_equal(moved, 6);
    free(x);
    free(size);
}

/* ---- what makes it harder ---- */

static simulated_cells harder(const cells_difficulty *by) {
    simulated_cells s;
    check(simulate_cells(context, &(simulate_cells_desc){ .difficulty = *by }, &s));
    return s;
}

/* What these cells were before there were difficulties: a test that holds one program to another cannot say it. */
static void without_difficulty_all_is_as_ever(void **state) {
    const sparse *m = &usual.rna.sparse;
    const isk_reader rna = isk_reader_memory(m->values, (size_t)m->count * sizeof *m->values, "rna");
    const isk_reader protein = isk_reader_memory(usual.protein.values,
                                                 (size_t)(usual.cells * usual.proteins) * sizeof *usual.protein.values, "protein");
    char hex[65];
    (void)state;
    check(isk_sha256(context, &rna, hex));
    assert_string_equal(hex, "dd6020ee7fc75cdd3a9edba4482081e6b06c6b839757218a6ef0a89a71bab27e");
    check(isk_sha256(context, &protein, hex));
    assert_string_equal(hex, "142236dc68fd91905a47cf7f5ba20933fe4bb7b7084101da54be6e123f2238ff");
    for (int k = 0; k < CELL_FACTORS; k++) { assert_null(usual.factor[k]); }
    assert_int_equal(usual.rare_types, 0);
    for (int k = 0; k < usual.types; k++) { assert_true(usual.cycle_strength[k] == 1); }
}

/* Of each cell the mean, over the features that a factor moves, of what they have more than usual, by the way that they go. */
static double follows(const simulated_cells *s, const isk_scalar *values, int64_t cols, const isk_scalar *moved, const isk_scalar *factor) {
    const int64_t n = s->cells;
    double *x = malloc((size_t)n * sizeof *x), *sum = calloc((size_t)n, sizeof *sum), *by = malloc((size_t)n * sizeof *by), r;
    assert_true(x && sum && by);
    for (int64_t j = 0; j < cols; j++) {
        moments m;
        if (moved[j] == 0) { continue; }
        for (int64_t i = 0; i < n; i++) { x[i] = log1p((double)values[i * cols + j]); }
        m = moments_of(x, n);
        for (int64_t i = 0; i < n && m.variance > 0; i++) { sum[i] += (moved[j] > 0 ? 1 : -1) * (x[i] - m.mean); }
    }
    for (int64_t i = 0; i < n; i++) { by[i] = (double)factor[i]; }
    r = correlation(sum, by, n);
    free(x);
    free(sum);
    free(by);
    return r;
}

static int moved_count(const isk_scalar *moved, int count, double slope) {
    int n = 0;
    for (int j = 0; j < count; j++) {
        n += moved[j] != 0;
        assert_true(moved[j] == 0 || fabs(fabs((double)moved[j]) - slope) < 1e-6);
    }
    return n;
}

static void factors_move_their_features(void **state) {
    static const struct { cell_factor which; int genes, proteins; double slope, least; } due[] = {
        { FACTOR_BATCH, 100, 0, 0.4, 0.5 }, { FACTOR_LOT, 0, 6, 0.5, 0.3 }, { FACTOR_WEAK_RNA, 50, 0, 0.4, 0.3 },
        { FACTOR_WEAK_PROTEIN, 0, 5, 0.3, 0.15 }, { FACTOR_HALF_BOTH, 80, 6, 0.6, 0.25 }, { FACTOR_HALF_RNA, 80, 0, 0.6, 0.25 },
        { FACTOR_FOLDED, 60, 0, 0.6, 0.3 },
    };
    simulated_cells s = harder(&(cells_difficulty){ .batch = 0.4, .lot = 0.5, .weak_rna = 0.4, .weak_protein = 0.3, .half = 0.6,
                                                    .folded = 0.6 });
    isk_scalar *rna = sparse_to_dense(&s.rna.sparse);
    (void)state;
    assert_non_null(rna);
    for (int k = 0; k < CELL_FACTORS; k++) {
        const cell_factor f = due[k].which;
        const double half = due[k].genes && (f == FACTOR_HALF_BOTH || f == FACTOR_HALF_RNA) ? sqrt(0.5) : 1;
        assert_int_equal(s.gene_moved[f] != NULL, due[k].genes > 0);
        assert_int_equal(s.protein_moved[f] != NULL, due[k].proteins > 0);
        if (due[k].genes) {
            const double r = follows(&s, rna, s.genes, s.gene_moved[f], s.factor[f]);
            assert_int_equal(moved_count(s.gene_moved[f], s.genes, due[k].slope * half), due[k].genes);
            if (r < due[k].least) { fail_msg("factor %d: correlation %.3f with its genes", k, r); }
        }
        if (due[k].proteins) {
            const double r = follows(&s, s.protein.values, s.proteins, s.protein_moved[f], s.factor[f]);
            assert_int_equal(moved_count(s.protein_moved[f], s.proteins, due[k].slope), due[k].proteins);
            if (r < due[k].least) { fail_msg("factor %d: correlation %.3f with its proteins", k, r); }
        }
    }
    for (int64_t i = 0; i < s.cells; i++) {
        const double folded = sin(2 * (double)s.state[i]);
        assert_true(fabs((double)s.factor[FACTOR_FOLDED][i] - (s.lineage[i] == 1 ? -folded : folded)) < 1e-5);
        assert_true(fabs((double)s.factor[FACTOR_BATCH][i]) == 1 && fabs((double)s.factor[FACTOR_LOT][i]) == 1);
        assert_true(s.type[i] == usual.type[i] && s.state[i] == usual.state[i]);       /* the rest is drawn as ever */
    }
    assert_memory_equal(s.gene_moved[FACTOR_HALF_BOTH], s.gene_moved[FACTOR_HALF_RNA], (size_t)s.genes * sizeof *rna);
    free(rna);
    simulated_cells_free(&s);
}

static void new_factors_are_independent(void **state) {
    simulated_cells s = harder(&(cells_difficulty){ .batch = 0.4, .lot = 0.5, .weak_rna = 0.4, .weak_protein = 0.3, .half = 0.6 });
    enum { NEW = FACTOR_FOLDED, ALL = NEW + 4 };
    const int64_t n = s.cells;
    double *t = calloc((size_t)n * ALL, sizeof *t);
    (void)state;
    assert_non_null(t);
    for (int64_t i = 0; i < n; i++) {
        for (int k = 0; k < NEW; k++) { t[k * n + i] = (double)s.factor[k][i]; }
        t[NEW * n + i] = (double)s.state[i];
        t[(NEW + 1) * n + i] = (double)s.activation[i];
        t[(NEW + 2) * n + i] = (double)s.cycle[2 * i];
        t[(NEW + 3) * n + i] = (double)s.cycle[2 * i + 1];
    }
    for (int a = 0; a < ALL; a++) {
        const moments m = moments_of(t + a * n, n);
        assert_true(a >= NEW || (fabs(m.mean) < 0.1 && fabs(m.variance - 1) < 0.15));
        for (int b = a + 1; b < ALL; b++) {
            const double r = correlation(t + a * n, t + b * n, n);
            if (fabs(r) > 0.08) { fail_msg("factors %d and %d: correlation %g", a, b, r); }
        }
    }
    free(t);
    simulated_cells_free(&s);
}

static void rare_types_are_rare_and_others_as_they_were(void **state) {
    simulated_cells s = harder(&(cells_difficulty){ .rare = 0.02 });
    double share[8] = { 0 }, was[8] = { 0 }, common = 0;
    (void)state;
    assert_int_equal(s.rare_types, 2);
    for (int64_t i = 0; i < s.cells; i++) {
        share[s.type[i]] += 1 / (double)s.cells;
        was[usual.type[i]] += 1 / (double)s.cells;
    }
    for (int k = 0; k < 6; k++) { common += was[k]; }
    for (int k = 0; k < 6; k++) { assert_true(fabs(share[k] - 0.96 * was[k] / common) < 0.04); }
    for (int k = 6; k < 8; k++) { assert_true(share[k] > 0.01 && share[k] < 0.03); }
    simulated_cells_free(&s);
}

static void the_cycle_has_the_strength_of_the_type(void **state) {
    simulated_cells s = harder(&(cells_difficulty){ .cycle_spread = 0.7 });
    double low = 2, high = 0;
    (void)state;
    for (int k = 0; k < s.types; k++) {
        assert_true(s.cycle_strength[k] >= 0.3 && s.cycle_strength[k] <= 1.7);
        low = fmin(low, s.cycle_strength[k]);
        high = fmax(high, s.cycle_strength[k]);
    }
    assert_true(high > 1.8 * low);
    assert_memory_equal(s.protein.values, usual.protein.values, (size_t)(s.cells * s.proteins) * sizeof *s.protein.values);
    assert_false(same_cells(&s, &usual, s.cells));
    simulated_cells_free(&s);
}

/* A protein that levels off grows less from the middle to the top than from the bottom to the middle of what it goes through. */
static void proteins_bend_with_state(void **state) {
    simulated_cells s = harder(&(cells_difficulty){ .bent = 1 });
    int seen[STATE_RESPONSES] = { 0 };
    (void)state;
    for (int p = 0; p < s.proteins; p++) {
        double mean[3] = { 0 }, cells[3] = { 0 }, middle;
        if (s.protein_role[p] != ROLE_STATE) {
            assert_int_equal(s.protein_response[p], RESPONSE_STRAIGHT);
            continue;
        }
        for (int64_t i = 0; i < s.cells; i++) {
            const int at = (double)s.state[i] < -1 ? 0 : (double)s.state[i] > 1 ? 2 : fabs((double)s.state[i]) < 0.3 ? 1 : -1;
            if (at < 0) { continue; }
            mean[at] += log1p((double)s.protein.values[i * s.proteins + p]);
            cells[at]++;
        }
        for (int k = 0; k < 3; k++) { mean[k] /= cells[k]; }
        middle = ((mean[0] + mean[2]) / 2 - mean[1]) * (s.protein_slope[p] > 0 ? 1 : -1);
        seen[s.protein_response[p]]++;
        if (s.protein_response[p] == RESPONSE_ENDS ? middle < 0.2 : (mean[2] - mean[0]) * (double)s.protein_slope[p] < 0.1) {
            fail_msg("protein %d, response %d: %.2f, %.2f, %.2f", p, s.protein_response[p], mean[0], mean[1], mean[2]);
        }
    }
    for (int k = 0; k < STATE_RESPONSES; k++) { assert_int_equal(seen[k], 2); }
    assert_true(memcmp(s.rna.sparse.values, usual.rna.sparse.values, (size_t)usual.rna.sparse.count * sizeof(isk_scalar)) == 0);
    simulated_cells_free(&s);
}

static void harder_cells_are_one_data_set_too(void **state) {
    const cells_difficulty all = { .cycle_spread = 0.7, .batch = 0.4, .lot = 0.5, .weak_rna = 0.4, .weak_protein = 0.3, .half = 0.6,
                                   .folded = 0.6, .rare = 0.01, .bent = 1 };
    simulated_cells a, b, fewer;
    (void)state;
    check(simulate_cells(context, &(simulate_cells_desc){ .cells = 200, .difficulty = all }, &a));
    check(simulate_cells(context, &(simulate_cells_desc){ .cells = 200, .difficulty = all }, &b));
    check(simulate_cells(context, &(simulate_cells_desc){ .cells = 50, .difficulty = all }, &fewer));
    assert_true(same_cells(&a, &b, 200));
    assert_true(same_cells(&a, &fewer, 50));
    for (int k = 0; k < CELL_FACTORS; k++) { assert_memory_equal(a.factor[k], b.factor[k], 200 * sizeof *a.factor[k]); }
    simulated_cells_free(&a);
    simulated_cells_free(&b);
    simulated_cells_free(&fewer);
}

/* ---- files ---- */

static void expect_line(lines *l, const char *due) {
    char *line;
    size_t length;
    check(lines_next(l, &line, &length));
    assert_non_null(line);
    assert_string_equal(line, due);
}

static void a_folder_holds_what_was_simulated(void **state) {
    const char *folder = "build/test-simulate-cells";
    simulated_cells s;
    sparse m;
    labels type;
    lines l;
    names cells = { 0 };
    isk_scalar *rna;
    (void)state;
    check(simulate_cells(context, &(simulate_cells_desc){ .cells = 60, .genes = 50, .proteins = 10, .seed = 3 }, &s));
    check(simulated_cells_write(&s, folder));
    check(mtx_read(context, "build/test-simulate-cells/matrix.mtx", 1, &m));
    rna = sparse_to_dense(&s.rna.sparse);
    assert_non_null(rna);
    assert_int_equal(m.rows, 60);
    assert_int_equal(m.cols, 60);
    isk_scalar *read = sparse_to_dense(&m);
    assert_non_null(read);
    for (int i = 0; i < 60; i++) {
        for (int g = 0; g < 50; g++) { assert_true(read[i * 60 + g] == rna[i * 50 + g]); }
        for (int p = 0; p < 10; p++) { assert_true(read[i * 60 + 50 + p] == s.protein.values[i * 10 + p]); }
    }
    check(names_read(context, "build/test-simulate-cells/barcodes.tsv", &cells));
    assert_int_equal(cells.count, 60);
    for (int i = 0; i < 60; i++) { assert_string_equal(names_get(&cells, i), names_get(&s.rna.row_names, i)); }
    check(lines_open(context, "build/test-simulate-cells/features.tsv", &l));
    for (int g = 0; g < 50; g++) {
        char due[64];
        snprintf(due, sizeof due, "GENE%04d\tGENE%04d\tGene Expression", g + 1, g + 1);
        expect_line(&l, due);
    }
    expect_line(&l, "CD901\tCD901\tAntibody Capture");
    lines_close(&l);
    check(labels_read(context, "build/test-simulate-cells/cells.tsv", "cell_type", 60, &type));
    for (int i = 0; i < 60; i++) { assert_string_equal(names_get(&type.classes, type.codes[i]), names_get(&s.type_names, s.type[i])); }
    labels_free(&type);
    names_free(&cells);
    sparse_free(&m);
    free(read);
    free(rna);
    simulated_cells_free(&s);
}

static void wrong_wishes_are_said(void **state) {
    simulated_cells s;
    output out;
    input one = { .rows = 3, .cols = 2 }, two = { .rows = 4, .cols = 2 };
    const tenx_part parts[] = { { .in = &one, .type = "Gene Expression" }, { .in = &two, .type = "Peaks" } };
    (void)state;
    assert_int_equal(simulate_cells(context, &(simulate_cells_desc){ .genes = 39 }, &s), ISK_ARGUMENT);
    assert_string_equal(isk_error(context), "2400 cells, 39 genes and 30 proteins were asked for; there are 1 to 50000, 40 to 100000 and "
                                            "10 to 10000");
    assert_int_equal(simulate_cells(context, &(simulate_cells_desc){ .types = 27 }, &s), ISK_ARGUMENT);
    assert_string_equal(isk_error(context), "27 types were asked for; there are 1 to 26");
    assert_int_equal(simulate_cells(context, &(simulate_cells_desc){ .library = -1 }, &s), ISK_ARGUMENT);
    assert_string_equal(isk_error(context), "-1 RNA counts of a cell were asked for; there are more than 0 and fewer than 10^7");
    assert_int_equal(simulate_cells(context, &(simulate_cells_desc){ .difficulty = { .cycle_spread = 2 } }, &s), ISK_ARGUMENT);
    assert_string_equal(isk_error(context), "a spread of the cycle of 2 was asked for; it is from 0 to 1");
    assert_int_equal(simulate_cells(context, &(simulate_cells_desc){ .types = 2, .difficulty = { .rare = 0.1 } }, &s), ISK_ARGUMENT);
    assert_string_equal(isk_error(context), "two rare types of 0.1 of the cells each, of 2 types, were asked for; they are from 0 to below "
                                            "0.25, of 3 types at least");
    assert_int_equal(simulate_cells(context, &(simulate_cells_desc){ .difficulty = { .lot = NAN } }, &s), ISK_ARGUMENT);
    assert_string_equal(isk_error(context), "a slope of nan was asked for; it is from -3 to 3");
    assert_int_equal(output_open(&out, context, "build/test-simulate-cells", "matrix.mtx features.tsv barcodes.tsv", NULL), ISK_OK);
    assert_int_equal(write_10x(&out, parts, 2), ISK_SHAPE);
    assert_string_equal(isk_error(context), "build/test-simulate-cells: 3 cells have Gene Expression, 4 have Peaks; a folder of 10x "
                                            "Genomics holds all of the same cells");
    assert_int_equal(write_10x(&out, parts, 1), ISK_SHAPE);
    assert_string_equal(isk_error(context), "build/test-simulate-cells: cells and features of Gene Expression need a name each");
    output_close(&out);
}

/* ---- scores ---- */

enum { TRUTHS = 4, VIEWS_AND_FEATURES = 4 };

static void list_truths(const simulated_cells *s, truth t[TRUTHS]) {
    t[0] = (truth){ .name = "cell type", .key = "type", .codes = s->type, .classes = s->types, .ideal = 3 };
    t[1] = (truth){ .name = "state within types", .key = "state", .numbers = { s->state, s->cells, 1 }, .ideal = 3 };
    t[2] = (truth){ .name = "cell cycle, RNA alone", .key = "cycle", .numbers = { s->cycle, s->cells, 2 }, .ideal = 4 };
    t[3] = (truth){ .name = "activation, proteins alone", .key = "activation", .numbers = { s->activation, s->cells, 1 }, .ideal = 8 };
}

static uint8_t *split(const simulated_cells *s) {
    uint8_t *part = malloc((size_t)s->cells);
    assert_non_null(part);
    check(isk_split(context, &(isk_split_desc){ .rows = s->cells, .labels = s->type, .validation = 0.1, .test = 0.25, .part = part }));
    return part;
}

/* What holds a truth scores 1, what does not scores 0, and every form says so. */
static void scores_know_what_holds_what(void **state) {
    const int64_t n = usual.cells;
    uint8_t *part = split(&usual);
    isk_scalar *types = calloc((size_t)n * 8, sizeof *types);
    truth t[TRUTHS];
    truth_table scores;
    text out = { 0 };
    (void)state;
    assert_non_null(types);
    for (int64_t i = 0; i < n; i++) { types[i * 8 + usual.type[i]] = 1; }
    list_truths(&usual, t);
    const embedding e[] = { { "types", { types, n, 8 } }, { "cycle", { usual.cycle, n, 2 } } };
    check(truth_score(context, t, TRUTHS, e, 2, part, &scores));
    assert_true(scores.r2[0][0] > 0.99 && scores.balanced[0][0] > 0.999 && scores.r2[0][1] < 0.02 && scores.balanced[0][1] < 0.3);
    assert_true(scores.r2[2][0] < 0.02 && scores.r2[2][1] > 0.99 && isnan(scores.balanced[2][1]));
    assert_true(scores.r2[3][0] < 0.02 && scores.r2[3][1] < 0.02);
    truth_text(&scores, &out);
    assert_non_null(strstr(out.data, "\n  cell type                           1.00*    0.00*\n"));
    text_free(&out);
    truth_json(&scores, &out);
    assert_non_null(strstr(out.data, "\"cycle\": {\"types\": {\"r2\": 0"));
    assert_non_null(strstr(out.data, "\"balanced_accuracy\": 1"));
    text_free(&out);
    truth_page(&scores, &out);
    assert_non_null(strstr(out.data, "activation, proteins alone"));
    text_free(&out);
    assert_int_equal(truth_score(context, t, 9, e, 2, part, &scores), ISK_ARGUMENT);
    assert_string_equal(isk_error(context), "9 truths about 2 embeddings are too many: at most 8 about 12 are scored at once");
    free(types);
    free(part);
}

/* What the features of residual IndiSeek hold, in the order of list_truths and of C1, C2, Z1, Z2. */
static void decompose(uint64_t seed, truth_table *scores, truth t[TRUTHS]) {
    simulated_cells s;
    recipe rna = { .norm = "log1p-cp10k", .pca = 15 }, protein = { .norm = "clr" };
    isk_fit_desc fit = { .method = isk_preset_method(ISK_ROBUST), .view_count = 2, .seed = seed,
                         .options = { .lambda = 10, .epochs = 80, .shared_epochs = 60, .dim = 12, .shared_dim = 8,
                                      .residual_spread = ISK_SPREAD_NONE } };
    isk_scalar *own[2] = { NULL, NULL }, *made[VIEWS_AND_FEATURES];
    isk_model *model = NULL;
    check(simulate_cells(context, &(simulate_cells_desc){ .seed = seed }, &s));
    uint8_t *part = split(&s);
    fit.split = part;
    check(recipe_learn(&rna, &s.rna, "x1", part, &fit.views[0].x, &own[0]));
    check(recipe_learn(&protein, &s.protein, "x2", part, &fit.views[1].x, &own[1]));
    check(isk_fit(context, &fit, &model));
    for (int i = 0; i < VIEWS_AND_FEATURES; i++) { assert_non_null(made[i] = malloc(sizeof *made[i] * (size_t)s.cells * 12)); }
    check(isk_transform(model, &(isk_transform_desc){ .views = { fit.views[0], fit.views[1] },
                                                      .out = { { "shared1", made[0] }, { "shared2", made[1] },
                                                               { "specific1", made[2] }, { "specific2", made[3] } } }));
    list_truths(&s, t);
    const embedding e[] = { { "C1", { made[0], s.cells, 8 } }, { "C2", { made[1], s.cells, 8 } }, { "Z1", { made[2], s.cells, 12 } },
                            { "Z2", { made[3], s.cells, 12 } } };
    check(truth_score(context, t, TRUTHS, e, VIEWS_AND_FEATURES, part, scores));
    for (int i = 0; i < VIEWS_AND_FEATURES; i++) { free(made[i]); }
    for (int i = 0; i < 2; i++) { free(own[i]); }
    recipe_free(&rna);
    recipe_free(&protein);
    isk_model_close(model);
    simulated_cells_free(&s);
    free(part);
}

/* Bounds lie well beyond what three seeds gave: types .95 .. 1.00 in C and .01 at most in Z, state .71 .. .84 and .03, cycle .76 ..
   .77 in Z1 and .06 in C1, activation .77 .. .81 in Z2 and .13 in C2. */
static void features_hold_what_they_should(void **state) {
    static const double low[TRUTHS][VIEWS_AND_FEATURES] = { { 0.85, 0.9 }, { 0.5, 0.65 }, { 0, 0, 0.55, 0 }, { 0, 0, 0, 0.55 } };
    static const double high[TRUTHS][VIEWS_AND_FEATURES] = { { 1, 1, 0.1, 0.12 }, { 1, 1, 0.12, 0.15 }, { 0.25, 0.05, 1, 0.05 },
                                                             { 0.05, 0.35, 0.05, 1 } };
    (void)state;
    for (uint64_t seed = 0; seed < 2; seed++) {
        truth t[TRUTHS];
        truth_table scores;
        decompose(seed, &scores, t);
        for (int i = 0; i < TRUTHS; i++) {
            for (int e = 0; e < VIEWS_AND_FEATURES; e++) {
                if (scores.r2[i][e] < low[i][e] || scores.r2[i][e] > high[i][e]) {
                    fail_msg("seed %d: %s in %s has R^2 %.3f, not %.2f .. %.2f", (int)seed, t[i].name, scores.names[e], scores.r2[i][e],
                             low[i][e], high[i][e]);
                }
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_numbers_have_their_moments),
        cmocka_unit_test(poisson_numbers_have_their_shares),
        cmocka_unit_test(one_seed_is_one_data_set),
        cmocka_unit_test(without_difficulty_all_is_as_ever),
        cmocka_unit_test(factors_move_their_features),
        cmocka_unit_test(new_factors_are_independent),
        cmocka_unit_test(rare_types_are_rare_and_others_as_they_were),
        cmocka_unit_test(the_cycle_has_the_strength_of_the_type),
        cmocka_unit_test(proteins_bend_with_state),
        cmocka_unit_test(harder_cells_are_one_data_set_too),
        cmocka_unit_test(counts_are_whole_and_names_unique),
        cmocka_unit_test(counts_look_like_counts),
        cmocka_unit_test(truths_are_independent),
        cmocka_unit_test(programmes_move_their_genes),
        cmocka_unit_test(activation_moves_its_proteins),
        cmocka_unit_test(a_folder_holds_what_was_simulated),
        cmocka_unit_test(wrong_wishes_are_said),
        cmocka_unit_test(scores_know_what_holds_what),
        cmocka_unit_test(features_hold_what_they_should),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
