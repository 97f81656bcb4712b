/* What the networks see of single-cell counts: examples/cells/preprocess.c, variable.c and recipe.c, against formulas written out
   here in double precision, and against Seurat 4.3.0 on real data where ../shared/data is there. */
#include "indiseek.h"
#include "examples/cells/preprocess.h"
#include "examples/base/random.h"
#include "examples/cells/variable.h"
#include "tests/base/fixture.h"

#include <math.h>

static int open_threads(void **state) {
    (void)state;
    context = isk_open(&(isk_context_desc){ .threads = 2, .device = ISK_DEVICE_CPU });
    return !context;
}

/* ---- small data ---- */

/* Counts [rows, cols] with a depth of each row and a mean and spread of each column; the same whatever is asked of them. */
static isk_scalar *make_counts(int64_t rows, int64_t cols, uint64_t seed) {
    random_stream random = random_open(seed, 1);
    isk_scalar *x = malloc(sizeof *x * (size_t)(rows * cols));
    assert_non_null(x);
    for (int64_t i = 0; i < rows; i++) {
        const double depth = 0.5 + random_uniform(&random), kind = (double)(i % 3);
        for (int64_t j = 0; j < cols; j++) {
            const double mean = depth * exp(4 * (double)j / (double)cols - 1.5) * (j % 4 == 0 && kind > 1 ? 6 : 1);
            double level = exp(-mean), count = 0, product = random_uniform(&random);
            while (product > level && count < 500) { product *= random_uniform(&random); count++; }         /* Poisson (Knuth) */
            x[i * cols + j] = (isk_scalar)count;
        }
    }
    return x;
}

/* A copy as an input, dense or sparse; names "g0", "g1", ... where they are asked for. */
static input make_input(const isk_scalar *x, int64_t rows, int64_t cols, int is_sparse, int named) {
    input in = { .context = context, .path = "counts.mtx", .rows = rows, .cols = cols };
    int64_t count = 0;
    if (is_sparse) {
        in.is_sparse = 1;
        in.sparse = (sparse){ .rows = rows, .cols = cols };
        in.sparse.starts = malloc(sizeof *in.sparse.starts * (size_t)(rows + 1));
        in.sparse.columns = malloc(sizeof *in.sparse.columns * (size_t)(rows * cols));
        in.sparse.values = malloc(sizeof *in.sparse.values * (size_t)(rows * cols));
        for (int64_t i = 0; i < rows * cols; i++) {
            if (i % cols == 0) { in.sparse.starts[i / cols] = count; }
            if (x[i] == 0) { continue; }
            in.sparse.columns[count] = (int32_t)(i % cols);
            in.sparse.values[count++] = x[i];
        }
        in.sparse.starts[rows] = in.sparse.count = count;
    } else {
        in.values = malloc(sizeof *in.values * (size_t)(rows * cols));
        memcpy(in.values, x, sizeof *in.values * (size_t)(rows * cols));
    }
    for (int64_t j = 0; j < cols && named; j++) {
        char name[24];
        snprintf(name, sizeof name, "g%lld", (long long)j);
        assert_true(names_add(&in.column_names, name));
    }
    return in;
}

/* A third are test rows. */
static uint8_t *make_part(int64_t rows, int all) {
    uint8_t *part = malloc((size_t)rows);
    for (int64_t i = 0; i < rows; i++) { part[i] = (uint8_t)(!all && i % 3 == 1 ? ISK_TEST : ISK_TRAIN); }
    return part;
}

static recipe parsed(const char *words, const char *kind) {
    recipe r;
    const isk_status status = recipe_parse(context, words, kind, &r);
    if (status != ISK_OK) { print_message("%s\n", isk_error(context)); }
    assert_int_equal(status, ISK_OK);
    return r;
}

/* One preparation with all that it leaves behind. */
typedef struct prepared { recipe recipe; input in; isk_matrix x; isk_scalar *own; } prepared;

static void prepared_free(prepared *p) {
    recipe_free(&p->recipe);
    input_free(&p->in);
    free(p->own);
}

static prepared learn(const char *words, const char *kind, input in, const uint8_t *part) {
    prepared p = { .recipe = parsed(words, kind), .in = in };
    const isk_status status = recipe_learn(&p.recipe, &p.in, "x1", part, &p.x, &p.own);
    if (status != ISK_OK) { print_message("%s\n", isk_error(context)); }
    assert_int_equal(status, ISK_OK);
    return p;
}

static void assert_near(double got, double due, double within) {
    if (!(fabs(got - due) <= within)) { print_message("got %.9g, due %.9g, within %.3g\n", got, due, within); }
    assert_true(fabs(got - due) <= within);
}

/* ---- vst ---- */

/* Gauss with pivots on [n][n + 1], in place; the solution in the last column. */
static void solve(double a[3][4]) {
    for (int k = 0; k < 3; k++) {
        int best = k;
        for (int i = k + 1; i < 3; i++) { best = fabs(a[i][k]) > fabs(a[best][k]) ? i : best; }
        for (int j = 0; j < 4; j++) { double swap = a[k][j]; a[k][j] = a[best][j]; a[best][j] = swap; }
        for (int i = 0; i < 3; i++) {
            const double factor = a[i][k] / a[k][k];
            for (int j = k; j < 4 && i != k; j++) { a[i][j] -= factor * a[k][j]; }
        }
    }
    for (int i = 0; i < 3; i++) { a[i][3] /= a[i][i]; }
}

static int ascending(const void *a, const void *b) {
    return *(const double *)a < *(const double *)b ? -1 : *(const double *)a > *(const double *)b;
}

/* Every point on its own: distances sorted, all points weighted, powers of x itself. */
static double direct_fit(const double *x, const double *y, int count, double span, double at, double *slope) {
    double *far = malloc(sizeof *far * (size_t)count), a[3][4] = { { 0 } }, width;
    for (int i = 0; i < count; i++) { far[i] = fabs(x[i] - at); }
    qsort(far, (size_t)count, sizeof *far, ascending);
    width = far[(int)(span * count + 1e-5) - 1];
    free(far);
    for (int i = 0; i < count; i++) {
        const double t = fabs(x[i] - at) / width, weight = t < 1 ? pow(1 - t * t * t, 3) : 0, powers[3] = { 1, x[i], x[i] * x[i] };
        for (int p = 0; p < 3; p++) {
            for (int q = 0; q < 3; q++) { a[p][q] += weight * powers[p] * powers[q]; }
            a[p][3] += weight * powers[p] * y[i];
        }
    }
    solve(a);
    *slope = a[1][3] + 2 * a[2][3] * at;
    return a[0][3] + a[1][3] * at + a[2][3] * at * at;
}

/* Cuts of the sorted x into pieces of at most `most`: in the middle, or where the next two differ, first above, then below. */
static int place_cuts(const double *x, int first, int last, int most, double *cuts) {
    const int middle = (first + 1 + last + 1) / 2 - 1;
    int at = middle, used = 1;
    if (last - first + 1 <= most) { return 0; }
    for (int far = 0; far < last - first; far++) {
        if (middle + far >= last) { break; }
        if (x[middle + far] != x[middle + far + 1]) { at = middle + far; break; }
        if (middle - far < first) { break; }
        if (x[middle - far] != x[middle - far + 1]) { at = middle - far; break; }
    }
    cuts[0] = (x[at] + x[at + 1]) / 2;
    used += place_cuts(x, first, at, most, cuts + used);
    return used + place_cuts(x, at + 1, last, most, cuts + used);
}

/* R's loess: direct fits at the cuts and the ends of a box 0.5% wider on each side, and Hermite's cubic at `at` between two of them. */
static double loess(const double *x, const double *y, int count, double span, double at) {
    double *sorted = malloc(sizeof *sorted * (size_t)count), *cuts = malloc(sizeof *cuts * (size_t)count * 2), low, high, h, t, value[2],
        slope[2];
    int used;
    memcpy(sorted, x, sizeof *x * (size_t)count);
    qsort(sorted, (size_t)count, sizeof *sorted, ascending);
    low = sorted[0] - 0.005 * (sorted[count - 1] - sorted[0]);
    high = sorted[count - 1] + 0.005 * (sorted[count - 1] - sorted[0]);
    used = place_cuts(sorted, 0, count - 1, (int)(span * 0.2 * count), cuts);
    for (int i = 0; i < used; i++) {
        low = cuts[i] < at && cuts[i] > low ? cuts[i] : low;
        high = cuts[i] >= at && cuts[i] < high ? cuts[i] : high;
    }
    value[0] = direct_fit(x, y, count, span, low, &slope[0]);
    value[1] = direct_fit(x, y, count, span, high, &slope[1]);
    h = high - low;
    t = (at - low) / h;
    free(sorted);
    free(cuts);
    return (2 * t * t * t - 3 * t * t + 1) * value[0] + (t * t * t - 2 * t * t + t) * h * slope[0] +
        (3 * t * t - 2 * t * t * t) * value[1] +
           (t * t * t - t * t) * h * slope[1];
}

static void local_regression_is_that_of_r(void **state) {
    enum { N = 400 };
    random_stream random = random_open(3, 0);
    double x[N], y[N], fit[N];
    (void)state;
    for (int i = 0; i < N; i++) {
        /* many ties */
        x[i] = floor(40 * random_uniform(&random) * random_uniform(&random)) / 10 + (i % 5 == 0 ? random_uniform(&random) : 0);
        y[i] = sin(x[i]) + 0.3 * random_normal(&random);
    }
    for (int way = 0; way < 2; way++) {
        const double span = way ? 1 : 0.3;
        assert_int_equal(local_regression(context, x, y, N, span, fit), ISK_OK);
        for (int i = 0; i < N; i++) { assert_near(fit[i], loess(x, y, N, span, x[i]), 1e-8); }
    }
    for (int i = 0; i < N; i++) { y[i] = 3 - 2 * x[i] + 0.5 * x[i] * x[i]; }
    assert_int_equal(local_regression(context, x, y, N, 0.3, fit), ISK_OK);
    for (int i = 0; i < N; i++) { assert_near(fit[i], y[i], 1e-10); }                   /* a parabola is met */
}

/* Where there are too few distinct x for a parabola: a line, then the mean of what stands at one x. */
static void local_regression_of_few_points(void **state) {
    static const double x[6] = { 1, 1, 2, 2, 2, 1 }, y[6] = { 1, 3, 7, 8, 9, 2 }, one[3] = { 5, 5, 5 }, mean[3] = { 1, 2, 6 };
    double fit[6];
    (void)state;
    assert_int_equal(local_regression(context, x, y, 6, 1, fit), ISK_OK);
    for (int i = 0; i < 6; i++) { assert_near(fit[i], x[i] > 1 ? 8 : 2, 1e-12); }
    assert_int_equal(local_regression(context, one, mean, 3, 0.3, fit), ISK_OK);
    for (int i = 0; i < 3; i++) { assert_near(fit[i], 3, 1e-12); }
    assert_int_equal(local_regression(context, x, y, 0, 0.3, fit), ISK_OK);
    assert_int_equal(local_regression(context, x, y, 1, 0.3, fit), ISK_OK);
    assert_near(fit[0], 1, 1e-12);
}

/* Seurat's vst written out, dense, in double, every value on its own: mean m and variance of each column; the variance expected of m
   by loess of log10 variance on log10 m, span 0.3, degree 2; z = (x - m) / expected deviation, at most sqrt(n); sum z^2 / (n - 1). */
static void vst_by_definition(const isk_scalar *x, int64_t rows, int64_t cols, const uint8_t *part, double *mean, double *variance,
                              double *standardized) {
    double *a = calloc((size_t)cols, sizeof *a), *b = calloc((size_t)cols, sizeof *b), n = 0;
    int used = 0;
    for (int64_t i = 0; i < rows; i++) { n += part[i] == ISK_TRAIN; }
    for (int64_t j = 0; j < cols; j++) {
        mean[j] = variance[j] = standardized[j] = 0;
        for (int64_t i = 0; i < rows; i++) { mean[j] += part[i] == ISK_TRAIN ? (double)x[i * cols + j] / n : 0; }
        for (int64_t i = 0; i < rows; i++) {
            variance[j] += part[i] == ISK_TRAIN ? pow((double)x[i * cols + j] - mean[j], 2) / (n - 1) : 0;
        }
        if (variance[j] < 1e-20) { variance[j] = 0; continue; }
        a[used] = log10(mean[j]);
        b[used++] = log10(variance[j]);
    }
    for (int64_t j = 0; j < cols; j++) {
        double deviation;
        if (variance[j] == 0) { continue; }
        deviation = sqrt(pow(10, loess(a, b, used, 0.3, log10(mean[j]))));
        for (int64_t i = 0; i < rows; i++) {
            const double z = ((double)x[i * cols + j] - mean[j]) / deviation, cut = z > sqrt(n) ? sqrt(n) : z;
            standardized[j] += part[i] == ISK_TRAIN ? cut * cut / (n - 1) : 0;
        }
    }
    free(a);
    free(b);
}

static void vst_follows_its_definition(void **state) {
    enum { ROWS = 90, COLS = 120 };
    isk_scalar *x = make_counts(ROWS, COLS, 5);
    uint8_t *part = make_part(ROWS, 0);
    double due[3][COLS], got[3][COLS], before;
    (void)state;
    for (int i = 0; i < ROWS; i++) { x[i * COLS + 7] = 3; }                             /* never changes */
    for (int i = 0; i < ROWS; i++) { x[i * COLS + 8] = 0; }                             /* never there */
    for (int i = 0; i < ROWS; i++) { x[i * COLS + 9] = (isk_scalar)(i == 0 ? 400 : i % 2); }      /* one value is cut at sqrt(60) */
    vst_by_definition(x, ROWS, COLS, part, due[0], due[1], due[2]);
    for (int way = 0; way < 2; way++) {
        input in = make_input(x, ROWS, COLS, way, 0);
        assert_int_equal(variability_measure(&in, part, &(variability){ got[0], got[1], got[2] }), ISK_OK);
        for (int k = 0; k < 3; k++) {
            for (int j = 0; j < COLS; j++) { assert_near(got[k][j], due[k][j], 1e-8 * (1 + fabs(due[k][j]))); }
        }
        input_free(&in);
    }
    assert_true(got[2][7] == 0 && got[2][8] == 0);
    before = got[2][9];
    x[9] = 800;                 /* beyond the cut nothing more is gained than what mean and expectation change */
    vst_by_definition(x, ROWS, COLS, part, due[0], due[1], due[2]);
    assert_true(due[2][9] < 1.2 * before);
    free(x);
    free(part);
}

static void columns_are_chosen_in_their_order(void **state) {
    enum { ROWS = 60, COLS = 40 };
    isk_scalar *x = make_counts(ROWS, COLS, 6);
    uint8_t *part = make_part(ROWS, 0);
    double due[3][COLS], sums[COLS] = { 0 };
    int64_t chosen[COLS];
    input in;
    (void)state;
    for (int i = 0; i < ROWS; i++) { x[i * COLS + 30] = x[i * COLS + 20]; }             /* equals: the first is taken */
    vst_by_definition(x, ROWS, COLS, part, due[0], due[1], due[2]);
    for (int i = 0; i < ROWS * COLS; i++) { sums[i % COLS] += part[i / COLS] == ISK_TRAIN ? (double)x[i] : 0; }
    in = make_input(x, ROWS, COLS, 1, 0);
    for (int way = 0; way < 2; way++) {
        const double *values = way ? sums : due[2];
        for (int64_t count = 1; count <= COLS; count++) {
            assert_int_equal((way ? counted_columns : variable_columns)(&in, part, count, chosen), ISK_OK);
            for (int64_t k = 0; k < count; k++) {
                int64_t above = 0;
                for (int64_t j = 0; j < COLS; j++) {
                    above += values[j] > values[chosen[k]] + 1e-9 || (fabs(values[j] - values[chosen[k]]) < 1e-9 && j < chosen[k]);
                }
                assert_true(above < count && (k == 0 || chosen[k] > chosen[k - 1]));
            }
        }
    }
    input_free(&in);
    free(x);
    free(part);
}

/* ---- norms ---- */

/* What a norm is, of counts [rows, cols], from the training rows. */
static void norm_by_definition(const char *norm, const isk_scalar *x, int64_t rows, int64_t cols, const uint8_t *part, double *y) {
    double n = 0;
    for (int64_t i = 0; i < rows; i++) { n += part[i] == ISK_TRAIN; }
    for (int64_t i = 0; i < rows; i++) {
        double sum = 0, logs = 0;
        for (int64_t j = 0; j < cols; j++) {
            sum += (double)x[i * cols + j];
            logs += log(1 + (double)x[i * cols + j]);
        }
        for (int64_t j = 0; j < cols; j++) {
            double column = 0, column_logs = 0, value = (double)x[i * cols + j];
            for (int64_t k = 0; k < rows; k++) {
                column += part[k] == ISK_TRAIN ? (double)x[k * cols + j] : 0;
                column_logs += part[k] == ISK_TRAIN ? log(1 + (double)x[k * cols + j]) : 0;
            }
            if (strcmp(norm, "log1p-cp10k") == 0) { value = sum > 0 ? log(1 + 1e4 * value / sum) : 0; }
            if (strcmp(norm, "clr") == 0) { value = log(1 + value / exp(logs / (double)cols)); }
            if (strcmp(norm, "clr-feature") == 0) { value = log(1 + value / exp(column_logs / n)); }
            if (strcmp(norm, "tfidf") == 0) { value = sum > 0 && column > 0 ? log(1 + value / sum * n / column * 1e4) : 0; }
            y[i * cols + j] = value;
        }
    }
}

static void norms_follow_their_definitions(void **state) {
    enum { ROWS = 30, COLS = 12 };
    static const char *const norms[] = { "none", "log1p-cp10k", "clr", "clr-feature", "tfidf" };
    isk_scalar *x = make_counts(ROWS, COLS, 8);
    uint8_t *part = make_part(ROWS, 0);
    double y[ROWS * COLS];
    (void)state;
    memset(x + 2 * COLS, 0, sizeof *x * COLS);                                          /* a cell without counts */
    for (int i = 0; i < ROWS; i++) { x[i * COLS + 3] = (isk_scalar)(part[i] != ISK_TRAIN); }      /* a feature of test cells alone */
    for (size_t k = 0; k < COUNT(norms); k++) {
        char words[60];
        norm_by_definition(norms[k], x, ROWS, COLS, part, y);
        for (int is_sparse = 0; is_sparse < 2; is_sparse++) {
            prepared p;
            snprintf(words, sizeof words, "norm=%s,pca=0%s", norms[k], strcmp(norms[k], "tfidf") ? ",scale=no" : "");
            p = learn(words, "other", make_input(x, ROWS, COLS, is_sparse, 0), part);
            assert_true(p.x.cols == COLS && !p.recipe.inverse);
            for (int i = 0; i < ROWS * COLS; i++) { assert_near((double)p.x.data[i], y[i], 2e-6 * (1 + fabs(y[i]))); }
            prepared_free(&p);
        }
    }
    free(x);
    free(part);
}

/* z-scores of the norm by the training rows' moments, cut at 10 from above and not from below, 0 where nothing changes. */
static void zscores_are_cut_from_above(void **state) {
    enum { ROWS = 300, COLS = 4 };
    isk_scalar *x = calloc(ROWS * COLS, sizeof *x);
    uint8_t *part = make_part(ROWS, 1);
    double y[ROWS * COLS];
    int cut = 0, low = 0;
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        x[i * COLS] = 50;
        x[i * COLS + 1] = (isk_scalar)(i == 5 ? 9 : 0);                                 /* z of 17.3 */
        x[i * COLS + 2] = (isk_scalar)(i == 9 ? 0 : 50);                                /* z of -17.3 */
        x[i * COLS + 3] = (isk_scalar)(i % 7);
    }
    x[9 * COLS] = 100;
    for (int way = 0; way < 2; way++) {
        const char *norm = way ? "clr" : "log1p-cp10k";
        char words[40];
        prepared p;
        norm_by_definition(norm, x, ROWS, COLS, part, y);
        snprintf(words, sizeof words, "norm=%s,pca=0", norm);
        p = learn(words, "other", make_input(x, ROWS, COLS, 1, 0), part);
        for (int j = 0; j < COLS; j++) {
            double mean = 0, variance = 0;
            for (int i = 0; i < ROWS; i++) { mean += y[i * COLS + j] / ROWS; }
            for (int i = 0; i < ROWS; i++) { variance += pow(y[i * COLS + j] - mean, 2) / (ROWS - 1); }
            for (int i = 0; i < ROWS; i++) {
                double due = (y[i * COLS + j] - mean) / sqrt(variance);
                cut += due > 10;
                low += due < -10;
                if (due > 10) { due = 10; }
                assert_near((double)p.x.data[i * COLS + j], due, 2e-4);
            }
        }
        prepared_free(&p);
    }
    assert_true(cut >= 2 && low >= 2);
    for (int i = 0; i < ROWS; i++) { x[i * COLS + 3] = 7; }
    {           /* the norm zscore is not cut */
        prepared p = learn("norm=zscore", "other", make_input(x, ROWS, COLS, 0, 0), part);
        assert_int_equal(p.recipe.constant, 1);
        assert_near((double)p.x.data[5 * COLS + 1], (9 - 0.03) / (9 / sqrt(300)), 1e-3);
        for (int i = 0; i < ROWS; i++) { assert_true(p.x.data[i * COLS + 3] == 0); }
        prepared_free(&p);
    }
    free(x);
    free(part);
}

/* Totals are those of all features, also of those that are not kept. */
static void totals_are_of_all_features(void **state) {
    enum { ROWS = 60, COLS = 40 };
    static const char *const norms[] = { "log1p-cp10k", "clr", "clr-feature", "tfidf" };
    isk_scalar *x = make_counts(ROWS, COLS, 9);
    uint8_t *part = make_part(ROWS, 0);
    double y[ROWS * COLS];
    (void)state;
    for (size_t k = 0; k < COUNT(norms); k++) {
        char words[60];
        prepared p;
        norm_by_definition(norms[k], x, ROWS, COLS, part, y);
        snprintf(words, sizeof words, "hvg=10,norm=%s,pca=0%s", norms[k], strcmp(norms[k], "tfidf") ? ",scale=no" : "");
        p = learn(words, "rna", make_input(x, ROWS, COLS, 1, 1), part);
        assert_true(p.x.cols == 10 && p.recipe.cols == 10 && p.recipe.file_cols == COLS && p.in.column_names.count == 10);
        for (int i = 0; i < ROWS * 10; i++) {
            const int64_t column = p.recipe.columns[i % 10];
            assert_near((double)p.x.data[i], y[i / 10 * COLS + column], 2e-6 * (1 + fabs(y[i / 10 * COLS + column])));
        }
        for (int64_t j = 0; j < 10; j++) { assert_int_equal(atoll(names_get(&p.in.column_names, j) + 1), p.recipe.columns[j]); }
        prepared_free(&p);
    }
    free(x);
    free(part);
}

/* ---- components ---- */

/* LSI: scores are those of an uncentred SVD, by the power method in double, each of mean 0 and deviation 1 over the training rows. */
static void lsi_is_an_uncentred_svd(void **state) {
    enum { ROWS = 60, COLS = 15, K = 3 };
    isk_scalar *x = make_counts(ROWS, COLS, 11);
    uint8_t *part = make_part(ROWS, 0);
    double y[ROWS * COLS], gram[COLS][COLS] = { { 0 } }, v[K][COLS], scores[K][ROWS];
    (void)state;
    norm_by_definition("tfidf", x, ROWS, COLS, part, y);
    for (int i = 0; i < ROWS; i++) {
        for (int a = 0; a < COLS * COLS && part[i] == ISK_TRAIN; a++) {
            gram[a / COLS][a % COLS] += y[i * COLS + a / COLS] * y[i * COLS + a % COLS];
        }
    }
    for (int k = 0; k < K; k++) {
        double value = 0, mean = 0, variance = 0, n = 0;
        for (int j = 0; j < COLS; j++) { v[k][j] = 1 + 0.1 * j * (j % 2 ? -1 : 1); }
        for (int round = 0; round < 20000; round++) {
            double next[COLS] = { 0 };
            for (int a = 0; a < COLS * COLS; a++) { next[a / COLS] += gram[a / COLS][a % COLS] * v[k][a % COLS]; }
            value = 0;
            for (int j = 0; j < COLS; j++) { value += next[j] * next[j]; }
            value = sqrt(value);
            for (int j = 0; j < COLS; j++) { v[k][j] = next[j] / value; }
        }
        for (int a = 0; a < COLS * COLS; a++) { gram[a / COLS][a % COLS] -= value * v[k][a / COLS] * v[k][a % COLS]; }
        for (int i = 0; i < ROWS; i++) {
            scores[k][i] = 0;
            for (int j = 0; j < COLS; j++) { scores[k][i] += y[i * COLS + j] * v[k][j]; }
            if (part[i] == ISK_TRAIN) { mean += scores[k][i]; n++; }
        }
        mean /= n;
        for (int i = 0; i < ROWS; i++) { variance += part[i] == ISK_TRAIN ? pow(scores[k][i] - mean, 2) / (n - 1) : 0; }
        for (int i = 0; i < ROWS; i++) { scores[k][i] = (scores[k][i] - mean) / sqrt(variance); }
    }
    for (int drop = 0; drop < 2; drop++) {
        prepared p = learn(drop ? "hvg=all,pca=2" : "hvg=all,pca=3,lsi-first=keep", "atac", make_input(x, ROWS, COLS, 1, 0), part);
        assert_int_equal(p.x.cols, drop ? 2 : 3);
        for (int k = drop; k < K; k++) {
            double sign = 0;
            for (int i = 0; i < ROWS; i++) { sign += (double)p.x.data[i * p.x.cols + k - drop] * scores[k][i]; }
            for (int i = 0; i < ROWS; i++) {
                assert_near((double)p.x.data[i * p.x.cols + k - drop], sign < 0 ? -scores[k][i] : scores[k][i], 2e-3);
            }
        }
        prepared_free(&p);
    }
    free(x);
    free(part);
}

static void components_give_way_by_default(void **state) {
    enum { ROWS = 40, COLS = 9 };
    isk_scalar *x = make_counts(ROWS, COLS, 12), *own = NULL;
    uint8_t *part = make_part(ROWS, 0);
    prepared p = learn("", "protein", make_input(x, ROWS, COLS, 0, 0), part);
    recipe r;
    input in;
    isk_matrix m;
    (void)state;
    assert_int_equal(p.x.cols, COLS - 1);               /* 24 of 25 proteins */
    prepared_free(&p);
    p = learn("", "protein", make_input(x, ROWS, 1, 0, 0), part);
    assert_int_equal(p.x.cols, 1);                      /* itself, without PCA */
    prepared_free(&p);
    p = learn("", "atac", make_input(x, ROWS, COLS, 0, 0), part);
    assert_int_equal(p.x.cols, COLS - 1);
    prepared_free(&p);
    p = learn("hvg=3,pca=3", "rna", make_input(x, ROWS, COLS, 0, 0), part);
    assert_int_equal(p.x.cols, 3);
    prepared_free(&p);
    r = parsed("pca=10", "protein");
    in = make_input(x, ROWS, COLS, 0, 0);
    expect(context, recipe_learn(&r, &in, "x2", part, &m, &own), ISK_ARGUMENT,
           "--x2-pca is 10, but 27 training rows of 9 columns have at most 9 principal components");
    input_free(&in);
    recipe_free(&r);
    r = parsed("pca=9", "atac");
    in = make_input(x, ROWS, COLS, 0, 0);
    expect(context, recipe_learn(&r, &in, "x3", part, &m, &own), ISK_ARGUMENT,
           "--x3-pca is 9, but 27 training rows of 9 columns have at most 8 singular components beside the first");
    input_free(&in);
    recipe_free(&r);
    free(x);
    free(part);
}

/* ---- what is learned, kept and applied ---- */

static const char *const all_kinds[][2] = {
    { "hvg=20,pca=5", "rna" }, { "pca=0", "rna" }, { "pca=4", "protein" }, { "clr=protein,pca=3", "protein" }, { "pca=4,hvg=30", "atac" },
    { "lsi-first=keep,pca=4", "atac" }, { "", "other" }, { "raw", "rna" }, { "hvg=12,clr=cell,scale=no,pca=3", "rna" },
    { "raw,hvg=7", "rna" },
};

static void assert_same_recipe(const recipe *a, const recipe *b) {
    assert_true(a->cols == b->cols && a->file_cols == b->file_cols && a->pca == b->pca && a->hvg == b->hvg && a->scale == b->scale);
    assert_true(!a->columns == !b->columns && !a->factor == !b->factor && !a->mean == !b->mean && !a->inverse == !b->inverse &&
                !a->loadings == !b->loadings && a->unscaled == b->unscaled && a->keep_first == b->keep_first);
    if (a->columns) { assert_memory_equal(a->columns, b->columns, sizeof *a->columns * (size_t)a->cols); }
    if (a->factor) { assert_memory_equal(a->factor, b->factor, sizeof *a->factor * (size_t)a->cols); }
    if (a->mean) { assert_memory_equal(a->mean, b->mean, sizeof *a->mean * (size_t)a->cols); }
    if (a->inverse) { assert_memory_equal(a->inverse, b->inverse, sizeof *a->inverse * (size_t)a->cols); }
    if (a->loadings) { assert_memory_equal(a->loadings, b->loadings, sizeof *a->loadings * (size_t)a->cols * (size_t)a->pca); }
    if (a->centre) { assert_memory_equal(a->centre, b->centre, sizeof *a->centre * (size_t)a->cols); }
    assert_true(!a->names == !b->names && (!a->names || strcmp(a->names, b->names) == 0));
}

static void training_rows_alone_teach(void **state) {
    enum { ROWS = 60, COLS = 40 };
    isk_scalar *x = make_counts(ROWS, COLS, 13), *other = make_counts(ROWS, COLS, 99);
    uint8_t *part = make_part(ROWS, 0);
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        if (part[i] == ISK_TRAIN) { memcpy(other + i * COLS, x + i * COLS, sizeof *x * COLS); }
    }
    for (size_t k = 0; k < COUNT(all_kinds); k++) {
        prepared a = learn(all_kinds[k][0], all_kinds[k][1], make_input(x, ROWS, COLS, 1, 1), part);
        prepared b = learn(all_kinds[k][0], all_kinds[k][1], make_input(other, ROWS, COLS, 0, 1), part);
        assert_same_recipe(&a.recipe, &b.recipe);
        assert_memory_equal(a.x.data, b.x.data, sizeof *x * (size_t)a.x.cols);
        assert_true(memcmp(a.x.data + a.x.cols, b.x.data + a.x.cols, sizeof *x * (size_t)a.x.cols) != 0);       /* row 1 is a test row */
        prepared_free(&a);
        prepared_free(&b);
    }
    free(x);
    free(other);
    free(part);
}

/* A model to keep recipes in. */
static isk_model *small_model(void) {
    static isk_scalar x[2][32];
    isk_fit_desc fit = { .method = ISK_INDISEEK, .view_count = 2,
                         .options = { .epochs = 1, .width = 2, .dim = 2, .batch = 8, .validation = ISK_NONE } };
    isk_model *model = NULL;
    for (int i = 0; i < 64; i++) { x[i / 32][i % 32] = (isk_scalar)(i * 7 % 11); }
    for (int v = 0; v < 2; v++) { fit.views[v].x = (isk_matrix){ x[v], 16, 2 }; }
    if (isk_fit(context, &fit, &model) != ISK_OK) { print_message("%s\n", isk_error(context)); }
    assert_non_null(model);
    return model;
}

static void saved_recipes_give_the_same_bits(void **state) {
    enum { ROWS = 60, COLS = 40 };
    isk_scalar *x = make_counts(ROWS, COLS, 14);
    uint8_t *part = make_part(ROWS, 0);
    (void)state;
    for (size_t k = 0; k < COUNT(all_kinds); k++) {
        for (int named = 0; named < 2; named++) {
            const char *path = scratch("recipe.safetensors");
            prepared a = learn(all_kinds[k][0], all_kinds[k][1], make_input(x, ROWS, COLS, 1, named), part);
            prepared b = { .in = make_input(x, ROWS, COLS, named, named) };
            char one[RECIPE_WORDS], two[RECIPE_WORDS];
            isk_model *model = small_model();
            assert_int_equal(recipe_put(&a.recipe, model, 1), ISK_OK);
            assert_int_equal(isk_save(model, path), ISK_OK);
            isk_model_close(model);
            model = NULL;
            assert_int_equal(isk_load(context, path, &model), ISK_OK);
            expect(context, recipe_get(&b.recipe, context, model, 0), ISK_DATA,
                   "the model does not say how x1 was prepared (user.x1.recipe); was it saved by `indiseek fit`?");
            assert_int_equal(recipe_get(&b.recipe, context, model, 1), ISK_OK);
            isk_model_close(model);
            assert_same_recipe(&a.recipe, &b.recipe);
            assert_string_equal(recipe_words(&a.recipe, one), recipe_words(&b.recipe, two));
            assert_int_equal(recipe_apply(&b.recipe, &b.in, "x1", &b.x, &b.own), ISK_OK);
            assert_true(b.x.rows == a.x.rows && b.x.cols == a.x.cols && b.recipe.warning[0] == 0);
            assert_memory_equal(a.x.data, b.x.data, sizeof *x * (size_t)(a.x.rows * a.x.cols));
            assert_memory_equal(recipe_features(&a.in).data, recipe_features(&b.in).data, sizeof *x * (size_t)(ROWS * a.recipe.cols));
            assert_true(a.in.column_names.count == b.in.column_names.count && a.in.column_names.count == (named ? a.recipe.cols : 0));
            prepared_free(&a);
            prepared_free(&b);
        }
    }
    free(x);
    free(part);
}

/* Reversed columns, and others between them. */
static input shuffled_input(const isk_scalar *x, int64_t rows, int64_t cols, int64_t skip, int64_t extra) {
    const int64_t all = cols - skip + extra;
    isk_scalar *y = malloc(sizeof *y * (size_t)(rows * all));
    input in;
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < all; j++) { y[i * all + j] = j < cols - skip ? x[i * cols + cols - 1 - j] : (isk_scalar)(j + i); }
    }
    in = make_input(y, rows, all, 1, 0);
    for (int64_t j = 0; j < all; j++) {
        char name[24];
        snprintf(name, sizeof name, j < cols - skip ? "g%lld" : "extra%lld", (long long)(j < cols - skip ? cols - 1 - j : j));
        assert_true(names_add(&in.column_names, name));
    }
    free(y);
    return in;
}

static void features_are_matched_by_name(void **state) {
    enum { ROWS = 60, COLS = 40 };
    isk_scalar *x = make_counts(ROWS, COLS, 15);
    uint8_t *part = make_part(ROWS, 0);
    (void)state;
    for (size_t k = 0; k < COUNT(all_kinds); k++) {
        const int totals = strcmp(all_kinds[k][1], "rna") == 0 || strcmp(all_kinds[k][1], "atac") == 0;
        prepared p = learn(all_kinds[k][0], all_kinds[k][1], make_input(x, ROWS, COLS, 1, 1), part);
        for (int extra = 0; extra < 3; extra += 2) {
            isk_scalar *own = NULL;
            isk_matrix m;
            input in = shuffled_input(x, ROWS, COLS, 0, extra);
            if (extra && totals) { input_free(&in); continue; }         /* more genes are more counts */
            assert_int_equal(recipe_apply(&p.recipe, &in, "x1", &m, &own), ISK_OK);
            assert_true(m.rows == ROWS && m.cols == p.x.cols && p.recipe.warning[0] == 0);
            for (int64_t i = 0; i < ROWS * m.cols; i++) {
                assert_near((double)m.data[i], (double)p.x.data[i], 1e-5 * (1 + fabs((double)m.data[i])));
            }
            for (int64_t j = 0; j < p.recipe.cols; j++) {
                assert_string_equal(names_get(&in.column_names, j), names_get(&p.in.column_names, j));
            }
            free(own);
            input_free(&in);
        }
        prepared_free(&p);
    }
    free(x);
    free(part);
}

static void missing_features_are_their_mean(void **state) {
    enum { ROWS = 60, COLS = 40 };
    isk_scalar *x = make_counts(ROWS, COLS, 16), *own = NULL;
    uint8_t *part = make_part(ROWS, 0);
    prepared p = learn("norm=zscore", "other", make_input(x, ROWS, COLS, 0, 1), part);
    isk_matrix m;
    input in = shuffled_input(x, ROWS, COLS, 7, 3);
    (void)state;
    assert_int_equal(recipe_apply(&p.recipe, &in, "x1", &m, &own), ISK_OK);
    assert_string_equal(p.recipe.warning, "counts.mtx lacks 7 of the 40 features of x1, which count as their training mean: g0, g1, g2, "
                                          "g3, g4, ...");
    for (int i = 0; i < ROWS * COLS; i++) { assert_true(i % COLS < 7 ? m.data[i] == 0 : m.data[i] == p.x.data[i]); }
    assert_string_equal(names_get(&in.column_names, 6), "g6");
    input_free(&in);
    in = shuffled_input(x, ROWS, COLS, 2, 0);
    assert_int_equal(recipe_apply(&p.recipe, &in, "x1", &m, &own), ISK_OK);
    assert_string_equal(p.recipe.warning, "counts.mtx lacks 2 of the 40 features of x1, which count as their training mean: g0, g1");
    input_free(&in);
    in = shuffled_input(x, ROWS, COLS, 20, 0);
    assert_int_equal(recipe_apply(&p.recipe, &in, "x1", &m, &own), ISK_OK);
    input_free(&in);
    in = shuffled_input(x, ROWS, COLS, 21, 30);
    expect(context, recipe_apply(&p.recipe, &in, "x1", &m, &own), ISK_DATA,
           "counts.mtx: lacks 21 of the 40 features that x1 of the model was trained on "
           "(g0, g1, g2, g3, g4, ...); features are matched by name, so use the names of the training data");
    input_free(&in);
    in = make_input(x, ROWS, COLS - 1, 1, 0);
    expect(context, recipe_apply(&p.recipe, &in, "x1", &m, &own), ISK_SHAPE,
           "counts.mtx: has 60 samples of 39 features; the model was trained on 40 features of x1");
    input_free(&in);
    in = make_input(x, COLS, ROWS, 1, 0);
    expect(context, recipe_apply(&p.recipe, &in, "x1", &m, &own), ISK_SHAPE,
           "counts.mtx: has 40 samples of 60 features; the model was trained on 40 features of x1 (is it transposed?)");
    input_free(&in);
    prepared_free(&p);
    p = learn("pca=3,hvg=12", "rna", make_input(x, ROWS, COLS, 1, 0), part);            /* without names all features count */
    in = make_input(x, ROWS, 12, 1, 0);
    expect(context, recipe_apply(&p.recipe, &in, "x1", &m, &own), ISK_SHAPE,
           "counts.mtx: has 60 samples of 12 features; the model was trained on 40 features of x1");
    input_free(&in);
    prepared_free(&p);
    free(x);
    free(part);
}

/* CLR of a cell is over the proteins that both sides have; a name that stands twice is matched in its order. */
static void matched_proteins(void **state) {
    static const isk_scalar given[] = { 3, 5, 0, 9, 1, 2, 4, 4, 8, 1, 0, 6, 7, 7, 2 };
    static const isk_scalar turned[] = { 0, 77, 5, 3, 2, 77, 1, 9, 8, 77, 4, 4, 6, 77, 0, 1, 2, 77, 7, 7 };
    static const char *const first[] = { "CD3", "CD4", "IgG" }, *const second[] = { "IgG", "CD19", "CD4", "CD3" };
    static const char *const twice[] = { "a", "b", "a" }, *const mixed[] = { "a", "a", "b" };
    static const isk_scalar swapped[] = { 3, 0, 5, 9, 2, 1, 4, 8, 4, 1, 6, 0, 7, 2, 7 };
    uint8_t part[5] = { 0 };
    (void)state;
    for (int way = 0; way < 2; way++) {
        input a = make_input(given, 5, 3, 0, 0), b = way ? make_input(swapped, 5, 3, 0, 0) : make_input(turned, 5, 4, 0, 0);
        isk_scalar *own = NULL;
        isk_matrix m;
        prepared p;
        for (int j = 0; j < 3; j++) { assert_true(names_add(&a.column_names, way ? twice[j] : first[j])); }
        for (int j = 0; j < b.cols; j++) { assert_true(names_add(&b.column_names, way ? mixed[j] : second[j])); }
        p = learn("clr=cell,pca=0", "protein", a, part);
        assert_int_equal(recipe_apply(&p.recipe, &b, "x2", &m, &own), ISK_OK);
        assert_memory_equal(m.data, p.x.data, sizeof given);
        input_free(&b);
        prepared_free(&p);
    }
}

/* ---- as text ---- */

static void recipes_from_words(void **state) {
    static const struct { const char *words, *kind, *said; } good[] = {
        { "", "rna", "2000 variable features, log1p-cp10k, z-score, 50 principal components" },
        { "hvg=500,pca=200", "rna", "500 variable features, log1p-cp10k, z-score, 200 principal components" },
        { "hvg=all,pca=none", "rna", "log1p-cp10k, z-score" },
        { "", "protein", "clr, z-score, 50 principal components" },
        { "clr=protein,pca=0", "protein", "clr-feature, z-score" },
        { "clr=cell,scale=no", "protein", "clr, 50 principal components" },
        { "", "atac", "20000 most counted features, tfidf, 50 LSI components after the first" },
        { "lsi-first=keep,hvg=0,pca=30", "atac", "tfidf, 30 LSI components" },
        { "", "other", "z-score" },
        { "scale=no", "other", "as it is" },
        { "raw", "atac", "as it is" },
        { "raw,scale=yes,pca=7", "rna", "z-score, 7 principal components" },
        { "norm=zscore", "rna", "z-score, 50 principal components" },
        { "norm=zscore,hvg=30", "rna", "30 variable features, z-score, 50 principal components" },
    };
    static const struct { const char *words, *sentence; } bad[] = {
        { "hgv=20", "'hgv' is no step of a preparation (did you mean 'hvg'?); it must be one of norm|hvg|pca|scale|lsi-first|clr|raw" },
        { "quantile=1", "'quantile' is no step of a preparation; it must be one of norm|hvg|pca|scale|lsi-first|clr|raw" },
        { "pca=5,", "'' is no step of a preparation; it must be one of norm|hvg|pca|scale|lsi-first|clr|raw" },
        { "norm=crl", "'crl' is no value of norm (did you mean 'clr'?); it must be one of none|zscore|log1p-cp10k|clr|clr-feature|tfidf" },
        { "clr=gene", "'gene' is no value of clr; it must be one of cell|protein" },
        { "hvg=many", "hvg=many: a whole number from 0 to 1000000 is due, or all" },
        { "pca=-3", "pca=-3: a whole number from 0 to 1000000 is due, or none" },
        { "pca=", "pca=: a whole number from 0 to 1000000 is due, or none" },
        { "pca", "pca has no value; write pca=..." },
        { "raw=1", "raw stands alone, without a value" },
        { "norm=tfidf,scale=yes", "scale=yes: tfidf has no z-score; leave scale out, or choose another norm" },
        { "lsi-first=keep", "lsi-first=keep is for norm=tfidf; with norm=log1p-cp10k there is no LSI" },
    };
    char words[RECIPE_WORDS];
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        recipe r = parsed(good[i].words, good[i].kind);
        assert_string_equal(recipe_words(&r, words), good[i].said);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        recipe r;
        expect(context, recipe_parse(context, bad[i].words, "rna", &r), ISK_ARGUMENT, bad[i].sentence);
    }
}

static void what_is_no_count_is_refused(void **state) {
    static const isk_scalar x[] = { 1, 2, 3, 4, -1, 6, 1, 2, 0 };
    static const struct { const char *words, *sentence; } cases[] = {
        { "hvg=2", "counts.mtx: row 2, column 2 is -1; hvg takes counts, which are not negative" },
        { "hvg=0", "counts.mtx: row 2, column 2 is -1 where counts are due; turn the count transform off for values that are no counts" },
        { "clr=cell,hvg=0", "counts.mtx: row 2, column 2 is -1; clr takes counts, which are not negative" },
        { "clr=protein,hvg=0", "counts.mtx: row 2, column 2 is -1; clr-feature takes counts, which are not negative" },
        { "norm=tfidf,hvg=0", "counts.mtx: row 2, column 2 is -1; tfidf takes counts, which are not negative" },
    };
    uint8_t part[3] = { 0 };
    (void)state;
    for (size_t i = 0; i < COUNT(cases) * 2; i++) {
        recipe r = parsed(cases[i / 2].words, "rna");
        input in = make_input(x, 3, 3, (int)(i % 2), 0);
        isk_scalar *own = NULL;
        isk_matrix m;
        expect(context, recipe_learn(&r, &in, "x1", part, &m, &own), ISK_DATA, cases[i / 2].sentence);
        input_free(&in);
        recipe_free(&r);
    }
    {
        recipe r = parsed("norm=zscore,hvg=2,pca=0", "rna");
        input in = make_input(x, 3, 3, 0, 0);
        isk_scalar *own = NULL;
        isk_matrix m;
        in.steps = 3;
        expect(context, recipe_learn(&r, &in, "x1", part, &m, &own), ISK_ARGUMENT,
               "--x1-hvg: counts.mtx holds sequences, whose features are all kept; leave it out");
        input_free(&in);
        recipe_free(&r);
    }
}

/* ---- against Seurat 4.3.0 on real data ---- */

#define DATA "../shared/data/"

/* A test without the data is skipped, and says so. */
static void need(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file) {
        fclose(file);
        return;
    }
    print_message("skipped: no %s\n", path);
    skip();
}

typedef struct fields { double value[64]; char name[64]; double rank; } fields;

/* Lines of a table of numbers, of hvf_vst.tsv.gz: mean, variance, standardized variance, name, rank (NA: 0).  To be freed. */
static fields *read_fields(const char *path, int has_header, int numbers, int64_t *count) {
    lines l;
    char *line;
    size_t length;
    fields *all = NULL;
    int64_t room = 0;
    *count = 0;
    assert_int_equal(lines_open(context, path, &l), ISK_OK);
    while (lines_next(&l, &line, &length) == ISK_OK && line) {
        if (has_header && l.number == 1) { continue; }
        assert_true(make_room((void **)&all, &room, *count + 1, sizeof *all));
        memset(&all[*count], 0, sizeof *all);
        for (int k = 0; k < numbers; k++) { all[*count].value[k] = strtod(line, &line); }
        if (has_header) {
            assert_int_equal(sscanf(line, " %63s", all[*count].name), 1);
            sscanf(line, " %*s %lf", &all[*count].rank);
        }
        (*count)++;
    }
    lines_close(&l);
    return all;
}

static input read_counts(const char *path, int transpose) {
    input in;
    assert_int_equal(input_read(context, path, &(input_desc){ .transpose = transpose }, &in), ISK_OK);
    return in;
}

static void vst_is_that_of_seurat(void **state) {
    static const struct { const char *counts, *reference; } sets[] = {
        { DATA "pbmc10k_citeseq/rna_counts.mtx.gz", DATA "pbmc10k_citeseq/wnn_seurat/hvf_vst.tsv.gz" },
        { DATA "pbmc_teaseq/rna_counts.mtx.gz", DATA "pbmc_teaseq/wnn_seurat/hvf_vst.tsv.gz" },
    };
    (void)state;
    for (size_t s = 0; s < COUNT(sets); s++) {
        need(sets[s].reference);
        int64_t count, same = 0, chosen = 0;
        fields *due = read_fields(sets[s].reference, 1, 3, &count);
        input in = read_counts(sets[s].counts, 1);
        uint8_t *part = make_part(in.rows, 1);
        double *memory = malloc(sizeof *memory * 3 * (size_t)in.cols), worst[3] = { 0 };
        variability v = { memory, memory + in.cols, memory + 2 * in.cols };
        int64_t columns[2000];
        assert_int_equal(in.cols, count);
        assert_int_equal(variability_measure(&in, part, &v), ISK_OK);
        for (int64_t j = 0; j < count; j++) {
            for (int k = 0; k < 3; k++) {
                const double got = memory[k * in.cols + j], off = fabs(got - due[j].value[k]) / due[j].value[k];
                worst[k] = off > worst[k] ? off : worst[k];
            }
            chosen += due[j].rank > 0 && due[j].rank <= 2000;
        }
        assert_int_equal(chosen, 2000);
        assert_int_equal(variable_columns(&in, part, 2000, columns), ISK_OK);
        for (int k = 0; k < 2000; k++) { same += due[columns[k]].rank > 0 && due[columns[k]].rank <= 2000; }
        print_message("# %s: %lld of 2000 features are Seurat's; largest relative differences: mean %.1e, variance %.1e, standardized "
                      "%.1e\n", sets[s].counts, (long long)same, worst[0], worst[1], worst[2]);
        assert_true(worst[0] < 1e-12 && worst[1] < 1e-12 && worst[2] < 0.003);
        assert_int_equal(same, 2000);
        free(memory);
        free(part);
        free(due);
        input_free(&in);
    }
}

static void clr_is_that_of_seurat(void **state) {
    static const char *const sets[] = { "pbmc10k_citeseq", "pbmc_teaseq" };
    (void)state;
    for (size_t s = 0; s < COUNT(sets); s++) {
        char path[120];
        int64_t count;
        double worst = 0;
        snprintf(path, sizeof path, DATA "%s/wnn_seurat/adt_clr_first200cells.tsv.gz", sets[s]);
        need(path);
        snprintf(path, sizeof path, DATA "%s/adt_counts.npy", sets[s]);
        input in = read_counts(path, 0);
        uint8_t *part = make_part(in.rows, 1);
        prepared p = learn("clr=cell,scale=no,pca=0", "protein", in, part);
        snprintf(path, sizeof path, DATA "%s/wnn_seurat/adt_clr_first200cells.tsv.gz", sets[s]);
        fields *due = read_fields(path, 0, (int)p.x.cols, &count);
        assert_int_equal(count, 200);
        for (int64_t i = 0; i < count * p.x.cols; i++) {
            const double value = due[i / p.x.cols].value[i % p.x.cols], off = fabs((double)p.x.data[i] - value) / (1 + fabs(value));
            worst = off > worst ? off : worst;
        }
        print_message("# %s: CLR differs by %.1e at most\n", sets[s], worst);
        assert_true(worst < 1e-6);
        free(due);
        free(part);
        prepared_free(&p);
    }
}

/* Correlation of a column of scores with Seurat's, without means: 1 up to sign and scale. */
static double cosine(const prepared *p, const fields *due, int64_t count, int k) {
    double both = 0, one = 0, two = 0;
    for (int64_t i = 0; i < count; i++) {
        const double got = (double)p->x.data[i * p->x.cols + k];
        both += got * due[i].value[k];
        one += got * got;
        two += due[i].value[k] * due[i].value[k];
    }
    return fabs(both) / sqrt(one * two);
}

static void scores_are_those_of_seurat(void **state) {
    /* Seurat's components are exact, ours of 2000 genes nearly: the further, the less they stand out from the next. */
    static const struct { const char *set, *counts, *reference, *words, *kind; int transpose, cols, close; double least; } cases[] = {
        { "pbmc10k_citeseq", "rna_counts.mtx.gz", "pca", "", "rna", 1, 30, 20, 0.93 },
        { "pbmc_teaseq", "rna_counts.mtx.gz", "pca", "", "rna", 1, 30, 19, 0.98 },
        { "pbmc10k_citeseq", "adt_counts.npy", "apca", "", "protein", 0, 13, 13, 1 },
        { "pbmc_teaseq", "adt_counts.npy", "apca", "", "protein", 0, 18, 18, 1 },
    };
    (void)state;
    for (size_t s = 0; s < COUNT(cases); s++) {
        char path[140], reference[140];
        int64_t count;
        snprintf(reference, sizeof reference, DATA "%s/wnn_seurat/%s_first200cells.tsv.gz", cases[s].set, cases[s].reference);
        snprintf(path, sizeof path, DATA "%s/%s", cases[s].set, cases[s].counts);
        need(reference);
        input in = read_counts(path, cases[s].transpose);
        uint8_t *part = make_part(in.rows, 1);
        prepared p = learn(cases[s].words, cases[s].kind, in, part);
        fields *due = read_fields(reference, 0, cases[s].cols, &count);
        assert_int_equal(count, 200);
        double least[2] = { 1, 1 };
        for (int k = 0; k < cases[s].cols; k++) {
            const double near = cosine(&p, due, count, k);
            least[k >= cases[s].close] = near < least[k >= cases[s].close] ? near : least[k >= cases[s].close];
        }
        print_message("# %s %s: cosine with Seurat's at least %.6f in the first %d components, %.4f in all %d\n", cases[s].set,
                      cases[s].reference, least[0], cases[s].close, least[1] < least[0] ? least[1] : least[0], cases[s].cols);
        assert_true(least[0] > (cases[s].least < 1 ? 0.9995 : 0.999999) && least[1] >= cases[s].least);
        free(due);
        free(part);
        prepared_free(&p);
    }
}

/* The z-score of a sequence is per feature over the steps that are there of training rows; its summary is their mean. */
static void recipes_of_sequences(void **state) {
    static const uint8_t part[3] = { ISK_TRAIN, ISK_TRAIN, ISK_TEST }, present[3] = { 1, 1, 0 };
    static const isk_scalar given[12] = { 1, 10, 3, 20, 5, 60, 99, 99, 7, 7, 7, 7 };     /* [3 rows, 2 steps, 2 features] */
    static const int32_t lengths[3] = { 2, 1, 2 };
    const double mean[2] = { 3, 30 }, deviation[2] = { 2, sqrt(700) };
    recipe r = { .norm = "zscore" };
    input in = { .context = context, .path = "x", .rows = 3, .cols = 4, .steps = 2 };
    isk_matrix x, summary;
    isk_scalar *own = NULL;
    (void)state;
    in.values = malloc(sizeof given);
    in.lengths = malloc(sizeof lengths);
    assert_true(in.values && in.lengths);
    memcpy(in.values, given, sizeof given);
    memcpy(in.lengths, lengths, sizeof lengths);
    assert_int_equal(recipe_learn(&r, &in, "x1", part, &x, &own), ISK_OK);
    assert_true(r.steps == 2 && r.cols == 2 && x.rows == 3 && x.cols == 4);
    for (int f = 0; f < 2; f++) {
        assert_true(fabs((double)r.mean[f] - mean[f]) < 1e-5 && fabs(1 / (double)r.inverse[f] - deviation[f]) < 1e-4);
    }
    assert_true(fabs((double)x.data[0] + 1) < 1e-6 && fabs((double)x.data[4] - 1) < 1e-6 && x.data[6] == 0 && x.data[7] == 0);
    assert_int_equal(recipe_summary(&r, &in, x, present, &summary, &own), ISK_OK);
    assert_true(summary.rows == 3 && summary.cols == 2);
    assert_true(fabs((double)summary.data[0] + 0.5) < 1e-6 && fabs((double)summary.data[2] - 1) < 1e-6 && isnan(summary.data[4]));
    free(own);
    recipe_free(&r);
    input_free(&in);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(local_regression_is_that_of_r),
        cmocka_unit_test(local_regression_of_few_points),
        cmocka_unit_test(vst_follows_its_definition),
        cmocka_unit_test(columns_are_chosen_in_their_order),
        cmocka_unit_test(norms_follow_their_definitions),
        cmocka_unit_test(zscores_are_cut_from_above),
        cmocka_unit_test(totals_are_of_all_features),
        cmocka_unit_test(lsi_is_an_uncentred_svd),
        cmocka_unit_test(components_give_way_by_default),
        cmocka_unit_test(training_rows_alone_teach),
        cmocka_unit_test(saved_recipes_give_the_same_bits),
        cmocka_unit_test(features_are_matched_by_name),
        cmocka_unit_test(missing_features_are_their_mean),
        cmocka_unit_test(matched_proteins),
        cmocka_unit_test(recipes_from_words),
        cmocka_unit_test(recipes_of_sequences),
        cmocka_unit_test(what_is_no_count_is_refused),
        cmocka_unit_test(vst_is_that_of_seurat),
        cmocka_unit_test(clr_is_that_of_seurat),
        cmocka_unit_test(scores_are_those_of_seurat)
    };
    return cmocka_run_group_tests(tests, open_threads, close_context);
}
