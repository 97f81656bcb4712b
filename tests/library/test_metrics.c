/* build: float double */
/* The metrics against naive implementations and against scikit-learn, scipy and numpy (constants printed by
   tests/oracle/metrics.py); ties, degenerate input, messages, equal bits for any number of threads, failing memory. */

#define INDISEEK_IMPLEMENTATION
#define INDISEEK_NO_CUDA
#include "indiseek.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#ifdef INDISEEK_DOUBLE
#define CLOSE 1e-9
#else
#define CLOSE 2e-5
#endif
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static isk_context *one, *two;                  /* one thread, three threads */

static uint32_t seed = 1;

static double uniform(void) {
    seed = seed * 1664525u + 1013904223u;
    return (double)(seed >> 8) / 16777216.0 - 0.5;
}

static isk_scalar *block(int64_t rows, int64_t cols) {
    isk_scalar *x = (isk_scalar *)calloc((size_t)(rows * cols), sizeof *x);
    assert_non_null(x);
    return x;
}

static isk_scalar *random_block(int64_t rows, int64_t cols) {
    isk_scalar *x = block(rows, cols);
    int64_t i;
    for (i = 0; i < rows * cols; i++) { x[i] = (isk_scalar)uniform(); }
    return x;
}

static isk_matrix matrix(const isk_scalar *data, int64_t rows, int64_t cols) {
    isk_matrix m;
    m.data = data;
    m.rows = rows;
    m.cols = cols;
    return m;
}

#define assert_close(value, expected, tolerance) assert_close_at((value), (expected), (tolerance), __FILE__, __LINE__)
static void assert_close_at(double value, double expected, double tolerance, const char *file, int line) {
    if (fabs(value - expected) <= tolerance) { return; }
    print_error("%.12g is not %.12g +- %g\n", value, expected, tolerance);
    _fail(file, line);
}

/* The call fails with this status, and its sentence holds this text. */
#define assert_fails(call, status, text) assert_fails_at((call), (status), (text), __FILE__, __LINE__)
static void assert_fails_at(isk_status got, isk_status wanted, const char *text, const char *file, int line) {
    if (got == wanted && strstr(isk_error(one), text)) { return; }
    print_error("status %d, \"%s\"; wanted %d and \"%s\"\n", (int)got, isk_error(one), (int)wanted, text);
    _fail(file, line);
}

#define assert_ok(call) assert_ok_at((call), __FILE__, __LINE__)
static void assert_ok_at(isk_status status, const char *file, int line) {
    if (status == ISK_OK) { return; }
    print_error("status %d: %s | %s\n", (int)status, isk_error(one), isk_error(two));
    _fail(file, line);
}

/* ---- nearest neighbours ---- */

static double naive_distance(const isk_scalar *x, const isk_scalar *y, int64_t d) {
    double sum = 0;
    int64_t j;
    for (j = 0; j < d; j++) { sum += ((double)x[j] - (double)y[j]) * ((double)x[j] - (double)y[j]); }
    return sum;
}

/* k nearest by selection: the smallest (distance, index) again and again. */
static void check_knn(const isk_scalar *x, int64_t n, const isk_scalar *y, int64_t m, int64_t d, int k, int include_self) {
    isk_knn_desc desc;
    int32_t *indices = (int32_t *)malloc((size_t)(n * k) * sizeof *indices), *other;
    double *distances = (double *)malloc((size_t)(n * k) * sizeof *distances), *all, *other_distances;
    const isk_scalar *references = y ? y : x;
    int64_t i, j, references_count = y ? m : n;
    int t;
    other = (int32_t *)malloc((size_t)(n * k) * sizeof *other);
    other_distances = (double *)malloc((size_t)(n * k) * sizeof *distances);
    all = (double *)malloc((size_t)references_count * sizeof *all);
    memset(&desc, 0, sizeof desc);
    desc.queries = matrix(x, n, d);
    if (y) { desc.references = matrix(y, m, d); }
    desc.k = k;
    desc.include_self = include_self;
    desc.indices = indices;
    desc.distances = distances;
    assert_ok(isk_knn(one, &desc));
    desc.indices = other;
    desc.distances = other_distances;
    assert_ok(isk_knn(two, &desc));
    assert_memory_equal(indices, other, (size_t)(n * k) * sizeof *indices);
    assert_memory_equal(distances, other_distances, (size_t)(n * k) * sizeof *distances);
    for (i = 0; i < n; i++) {
        for (j = 0; j < references_count; j++) { all[j] = naive_distance(x + i * d, references + j * d, d); }
        if (!y && !include_self) { all[i] = HUGE_VAL; }
        for (t = 0; t < k; t++) {
            int64_t best = 0;
            for (j = 1; j < references_count; j++) { best = all[j] < all[best] ? j : best; }
            assert_int_equal(indices[i * k + t], best);
            assert_close(distances[i * k + t], all[best], 1e-13 * all[best]);
            all[best] = HUGE_VAL;
        }
    }
    free(indices);
    free(other);
    free(distances);
    free(other_distances);
    free(all);
}

static void knn_is_exact(void **state) {
    static const int shapes[][4] = {            /* n, m (0: among themselves), d, k */
        { 700, 0, 7, 10 }, { 600, 0, 1, 3 }, { 130, 1100, 40, 5 }, { 5, 3, 2, 3 }, { 2, 0, 3, 1 }, { 1, 1, 1, 1 },
        { 65, 513, 131, 20 }, { 64, 512, 16, 200 },
    };
    size_t s;
    int offset, i;
    (void)state;
    for (s = 0; s < COUNT(shapes); s++) {
        for (offset = 0; offset < 3; offset++) {
            const int n = shapes[s][0], m = shapes[s][1], d = shapes[s][2];
            isk_scalar *x = random_block(n, d), *y = m ? random_block(m, d) : NULL;
            for (i = 0; i < n * d; i++) { x[i] += (isk_scalar)(offset == 1 ? 10000 : 0); }
            for (i = 0; i < m * d; i++) { y[i] += (isk_scalar)(offset == 1 ? 10000 : 0); }
            for (i = 0; i < n * d; i++) { x[i] *= (isk_scalar)(offset == 2 ? 1e25 : 1); }
            for (i = 0; i < m * d; i++) { y[i] *= (isk_scalar)(offset == 2 ? 1e25 : 1); }
            if (offset < 2 || sizeof(isk_scalar) == 4 || d < 100) { check_knn(x, n, y, m, d, shapes[s][3], 0); }
            free(x);
            free(y);
        }
    }
}

static void knn_breaks_ties_by_index(void **state) {
    isk_scalar *x = random_block(900, 3);
    int i;
    (void)state;
    for (i = 0; i < 900 * 3; i++) { x[i] = (isk_scalar)floor(4 * (double)x[i]); }    /* 64 places for 900 rows */
    check_knn(x, 900, NULL, 0, 3, 15, 0);
    check_knn(x, 900, NULL, 0, 3, 15, 1);
    check_knn(x, 300, x + 900, 600, 3, 30, 0);
    for (i = 0; i < 900 * 3; i++) { x[i] = 5; }
    check_knn(x, 900, NULL, 0, 3, 4, 0);
    for (i = 0; i < 900 * 3; i++) { x[i] = 1e-30f * (isk_scalar)(i % 7); }
    check_knn(x, 900, NULL, 0, 3, 4, 0);
    free(x);
}

static void knn_says_what_is_wrong(void **state) {
    isk_scalar x[12] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
    isk_knn_desc desc;
    int32_t indices[40];
    (void)state;
    memset(&desc, 0, sizeof desc);
    desc.indices = indices;
    desc.queries = matrix(x, 4, 3);
    assert_fails(isk_knn(one, &desc), ISK_ARGUMENT, "k is 10, but a row has 3 possible");
    desc.k = 4;
    assert_fails(isk_knn(one, &desc), ISK_ARGUMENT, "k is 4, but a row has 3 possible");
    desc.include_self = 1;
    assert_ok(isk_knn(one, &desc));
    desc.k = -1;
    assert_fails(isk_knn(one, &desc), ISK_ARGUMENT, "k is -1");
    desc.k = 1;
    desc.references = matrix(x, 6, 2);
    assert_fails(isk_knn(one, &desc), ISK_SHAPE, "queries have 3 columns, references 2");
    desc.references.data = NULL;
    desc.queries.rows = 0;
    assert_fails(isk_knn(one, &desc), ISK_SHAPE, "queries is [0, 3]");
    desc.queries = matrix(NULL, 4, 3);
    assert_fails(isk_knn(one, &desc), ISK_ARGUMENT, "queries.data is NULL");
    x[7] = (isk_scalar)NAN;
    desc.queries = matrix(x, 4, 3);
    assert_fails(isk_knn(one, &desc), ISK_DATA, "queries holds a NaN in row 2, column 1");
    x[7] = -(isk_scalar)HUGE_VAL;
    assert_fails(isk_knn(one, &desc), ISK_DATA, "queries holds an infinity in row 2, column 1");
    desc.queries = matrix(x, 1, 3);
    desc.include_self = 0;
    assert_fails(isk_knn(one, &desc), ISK_ARGUMENT, "a row has 0 possible");
}

/* ---- labels of neighbours ---- */

static void matches_and_theta(void **state) {
    static const int32_t neighbours[] = { 1, 2, 0, 3, 3, 4, 4, 0, 3, 0 }, labels[] = { 0, 0, 1, 1, -1 };
    static const int32_t queries[] = { 1, 0, 0, -1, 1 }, first[] = { 1, 1, 1, 0, -1 }, bad[] = { 1, 2, 0, 5 };
    int32_t matches[5], other[5] = { 0, 2, 1, 2, -1 };
    double mean, theta[5], by_label[3];
    int64_t counts[3];
    isk_theta_desc desc;
    (void)state;
    assert_ok(isk_knn_matches(one, neighbours, 5, 2, labels, NULL, 0, matches, &mean));
    assert_memory_equal(matches, first, sizeof matches);
    assert_close(mean, 3.0 / 8, 1e-15);
    assert_ok(isk_knn_matches(one, neighbours, 5, 2, queries, labels, 5, matches, &mean));
    assert_int_equal(matches[0], 1);            /* rows 1, 2 carry 0, 1; the query's label is 1 */
    assert_int_equal(matches[3], -1);
    assert_fails(isk_knn_matches(one, bad, 2, 2, labels, NULL, 0, matches, NULL), ISK_DATA, "neighbour 1 of row 0 is row 2");
    assert_fails(isk_knn_matches(one, bad, 2, 2, labels, labels, 5, matches, NULL), ISK_DATA, "neighbour 1 of row 1 is row 5");
    assert_fails(isk_knn_matches(one, bad, 0, 2, labels, NULL, 0, matches, NULL), ISK_SHAPE, "rows is 0");

    memset(&desc, 0, sizeof desc);
    desc.matches1 = first;
    desc.matches2 = other;
    desc.labels = labels;
    desc.rows = 5;
    desc.label_count = 3;
    desc.theta = theta;
    desc.mean = by_label;
    desc.counts = counts;
    assert_ok(isk_theta(one, &desc));
    assert_close(theta[0], log(1.5 / 0.5), 1e-15);
    assert_close(theta[3], log(0.5 / 2.5), 1e-15);
    assert_true(theta[4] != theta[4]);
    assert_close(by_label[0], 0.5 * (log(1.5 / 0.5) + log(1.5 / 2.5)), 1e-15);
    assert_close(by_label[1], 0.5 * log(0.5 / 2.5), 1e-15);
    assert_true(by_label[2] != by_label[2]);
    assert_int_equal(counts[0], 2);
    assert_int_equal(counts[2], 0);
    desc.offset = ISK_NONE;
    assert_fails(isk_theta(one, &desc), ISK_DATA, "row 0 has a count of 0");
    desc.ratio_of_means = 1;
    desc.theta = NULL;
    assert_ok(isk_theta(one, &desc));
    assert_close(by_label[0], log(1.0 / 1.0), 1e-15);
    assert_close(by_label[1], log(0.5 / 1.5), 1e-15);
    desc.label_count = 1;
    assert_fails(isk_theta(one, &desc), ISK_DATA, "labels[2] is 1, but label_count is 1");
    other[4] = 0;
    assert_fails(isk_theta(one, &desc), ISK_DATA, "row 4 is labelled in one");
}

static void ranks_and_spearman(void **state) {
    static const double values[] = { 3, -1, 3, 7, 3, -1 }, ranks[] = { 4, 1.5, 4, 6, 4, 1.5 }, flat[] = { 2, 2, 2 };
    double got[6], a[40], b[40], rho;
    int i;
    (void)state;
    assert_ok(isk_ranks(one, values, 6, got));
    for (i = 0; i < 6; i++) { assert_close(got[i], ranks[i], 0); }
    seed = 19;
    for (i = 0; i < 40; i++) { a[i] = floor(uniform() * 12); }
    for (i = 0; i < 40; i++) { b[i] = floor(a[i] * 0.5 + uniform() * 8); }
    assert_ok(isk_spearman(one, a, b, 40, &rho));
    assert_close(rho, 0.5934101184, 1e-9);
    for (i = 0; i < 40; i++) { b[i] = -exp(a[i]); }
    assert_ok(isk_spearman(one, a, b, 40, &rho));
    assert_close(rho, -1, 1e-14);
    assert_fails(isk_spearman(one, values, flat, 3, &rho), ISK_DATA, "b is constant");
    assert_fails(isk_spearman(one, values, values, 1, &rho), ISK_DATA, "count is 1");
    a[3] = NAN;
    assert_fails(isk_spearman(one, values, a, 5, &rho), ISK_DATA, "b[3] is a NaN");
    assert_fails(isk_ranks(one, values, 0, got), ISK_SHAPE, "count is 0");
}

/* ---- clusters ---- */

static double inertia_of(const isk_scalar *x, int n, int d, const int32_t *labels, const double *centres) {
    double sum = 0;
    int i, j;
    for (i = 0; i < n; i++) {
        for (j = 0; j < d; j++) {
            double difference = (double)x[i * d + j] - centres[labels[i] * d + j];
            sum += difference * difference;
        }
    }
    return sum;
}

static void kmeans_finds_clusters(void **state) {
    enum { n = 1000, d = 5, k = 8 };
    isk_scalar *x = random_block(n, d);
    int32_t labels[n], other[n], truth[n];
    double centres[k * d], other_centres[k * d], inertia, ari, nmi;
    isk_kmeans_desc desc;
    int i, j;
    (void)state;
    for (i = 0; i < n; i++) {
        truth[i] = i % k;
        for (j = 0; j < 3; j++) { x[i * d + j] += (isk_scalar)(1000 + (truth[i] >> j & 1) * 5); }
    }
    memset(&desc, 0, sizeof desc);
    desc.x = matrix(x, n, d);
    desc.clusters = k;
    desc.starts = 3;
    desc.labels = labels;
    desc.centres = centres;
    desc.inertia = &inertia;
    assert_ok(isk_kmeans(one, &desc));
    assert_ok(isk_compare_labels(one, truth, labels, n, &ari, &nmi));
    assert_close(ari, 1, 0);
    assert_close(nmi, 1, 1e-12);
    assert_close(inertia, inertia_of(x, n, d, labels, centres), 1e-6 * inertia);
    desc.labels = other;
    desc.centres = other_centres;
    assert_ok(isk_kmeans(two, &desc));
    assert_memory_equal(labels, other, sizeof labels);
    assert_memory_equal(centres, other_centres, sizeof centres);
    free(x);
}

static void kmeans_reaches_the_reference(void **state) {
    isk_scalar *x;
    double inertia;
    isk_kmeans_desc desc;
    (void)state;
    seed = 23;
    x = random_block(500, 3);
    memset(&desc, 0, sizeof desc);
    desc.x = matrix(x, 500, 3);
    desc.clusters = 8;
    desc.starts = 200;
    desc.tolerance = ISK_NONE;
    desc.inertia = &inertia;
    assert_ok(isk_kmeans(one, &desc));
    assert_true(inertia < 30.320307 * 1.002);
    assert_true(inertia > 30.320307 * 0.98);
    desc.starts = 1;
    assert_ok(isk_kmeans(one, &desc));
    assert_true(inertia < 30.320307 * 1.2);
    free(x);
}

static void kmeans_edges(void **state) {
    isk_scalar x[20];
    int32_t labels[20], seen[20];
    double inertia, centres[20];
    isk_kmeans_desc desc;
    int i;
    (void)state;
    memset(&desc, 0, sizeof desc);
    memset(seen, 0, sizeof seen);
    for (i = 0; i < 20; i++) { x[i] = (isk_scalar)(i * i); }
    desc.x = matrix(x, 20, 1);
    desc.clusters = 20;
    desc.labels = labels;
    desc.centres = centres;
    desc.inertia = &inertia;
    assert_ok(isk_kmeans(one, &desc));          /* as many clusters as rows: each its own */
    for (i = 0; i < 20; i++) { assert_int_equal(seen[labels[i]]++, 0); }
    assert_close(inertia, 0, 1e-9);
    desc.clusters = 1;
    assert_ok(isk_kmeans(one, &desc));
    assert_close(centres[0], 123.5, 1e-4);
    for (i = 0; i < 20; i++) { x[i] = (isk_scalar)(i % 3 == 0 ? 1e20 : -1e20); }
    desc.clusters = 5;                          /* more clusters than different rows */
    assert_ok(isk_kmeans(one, &desc));
    assert_close(inertia, 0, 0);
    for (i = 3; i < 20; i++) { assert_int_equal(labels[i], labels[i - 3]); }
    for (i = 0; i < 20; i++) { x[i] = 3; }
    assert_ok(isk_kmeans(one, &desc));
    assert_close(inertia, 0, 0);
    desc.x = matrix(x, 1, 20);
    desc.clusters = 1;
    assert_ok(isk_kmeans(one, &desc));
    assert_close(centres[19], 3, 0);
    desc.clusters = 2;
    assert_fails(isk_kmeans(one, &desc), ISK_ARGUMENT, "clusters is 2; choose from 1 to the number of rows, 1");
    desc.clusters = 0;
    assert_fails(isk_kmeans(one, &desc), ISK_ARGUMENT, "clusters is 0");
    desc.clusters = 1;
    desc.iterations = -2;
    assert_fails(isk_kmeans(one, &desc), ISK_ARGUMENT, "iterations -2");
}

static void compared_labels(void **state) {
    static const int32_t single[] = { 3, 3, 3 }, apart[] = { 1, 2, 3 }, none[] = { -1, -1, -1 };
    int32_t a[62], b[62];
    double ari, nmi, both = 0, only_a = 0, only_b = 0, neither = 0, expected;
    int i, j;
    (void)state;
    seed = 17;
    for (i = 0; i < 60; i++) { a[i] = (int32_t)((uniform() + 0.5) * 4); }
    for (i = 0; i < 60; i++) { b[i] = (a[i] + (int32_t)((uniform() + 0.5) * 2)) % 5; }
    a[60] = -1;
    b[60] = 2;
    a[61] = 1;
    b[61] = -7;
    assert_ok(isk_compare_labels(one, a, b, 62, &ari, &nmi));
    assert_close(ari, 0.3685887781, 1e-9);
    assert_close(nmi, 0.5897529702, 1e-9);
    for (i = 0; i < 60; i++) {                  /* by counting pairs: Hubert and Arabie's 2 (ad - bc) / ... */
        for (j = 0; j < i; j++) {
            both += a[i] == a[j] && b[i] == b[j];
            only_a += a[i] == a[j] && b[i] != b[j];
            only_b += a[i] != a[j] && b[i] == b[j];
            neither += a[i] != a[j] && b[i] != b[j];
        }
    }
    expected = 2 * (both * neither - only_a * only_b) /
               ((both + only_a) * (only_a + neither) + (both + only_b) * (only_b + neither));
    assert_close(ari, expected, 1e-12);
    assert_ok(isk_compare_labels(one, single, single, 3, &ari, &nmi));
    assert_close(ari, 1, 0);
    assert_close(nmi, 1, 0);
    assert_ok(isk_compare_labels(one, apart, apart, 3, &ari, &nmi));
    assert_close(ari, 1, 0);
    assert_close(nmi, 1, 1e-14);
    assert_ok(isk_compare_labels(one, single, apart, 3, &ari, &nmi));
    assert_close(ari, 0, 0);
    assert_close(nmi, 0, 0);
    assert_ok(isk_compare_labels(one, single, apart, 1, &ari, &nmi));
    assert_close(ari, 1, 0);
    assert_fails(isk_compare_labels(one, none, apart, 3, &ari, &nmi), ISK_DATA, "no row is labelled in both");
}

static void scored_labels(void **state) {
    static const int32_t truth[] = { 0, 0, 0, 2, 2, -1 }, predicted[] = { 0, 0, 1, 2, 9, 0 };
    static const int64_t wanted[] = { 2, 1, 0, 0, 0, 0, 0, 0, 1 };
    int64_t confusion[9];
    double accuracy, balanced;
    (void)state;
    assert_ok(isk_score_labels(one, truth, predicted, 6, 3, confusion, &accuracy, &balanced));
    assert_memory_equal(confusion, wanted, sizeof wanted);
    assert_close(accuracy, 0.6, 1e-15);
    assert_close(balanced, 0.5 * (2.0 / 3 + 0.5), 1e-15);
    assert_fails(isk_score_labels(one, truth, predicted, 6, 2, NULL, NULL, NULL), ISK_DATA, "truth[3] is 2, but classes is 2");
    assert_fails(isk_score_labels(one, truth + 5, predicted, 1, 2, NULL, &accuracy, NULL), ISK_DATA, "nothing to score");
}

/* ---- probe ---- */

typedef struct probe_case {
    isk_scalar x[300 * 5];
    int32_t labels[300];
    uint8_t part[300];
} probe_case;

static void probe_data(probe_case *data, int n, int d, int classes) {
    int i, j;
    seed = 7;
    for (i = 0; i < n * d; i++) { data->x[i] = (isk_scalar)uniform(); }
    for (i = 0; i < n; i++) {
        double best = -1e9;
        for (j = 0; j < classes; j++) {
            double score = uniform() * 0.5 + (double)data->x[i * d + j];
            if (score > best) {
                best = score;
                data->labels[i] = j;
            }
        }
        data->part[i] = i % 3 ? ISK_TRAIN : ISK_TEST;
    }
    for (i = 0; i < n; i++) {
        for (j = 0; j < d; j++) { data->x[i * d + j] = data->x[i * d + j] * (isk_scalar)(1 << j % 3) + (isk_scalar)(j % 2); }
    }
}

static isk_probe_desc probe_desc(const probe_case *data, int n, int d) {
    isk_probe_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.x = matrix(data->x, n, d);
    desc.labels = data->labels;
    desc.part = data->part;
    desc.tolerance = sizeof(isk_scalar) == 4 ? 1e-6 : 1e-9;
    return desc;
}

static void probe_agrees_with_scikit_learn(void **state) {
    static const double three[] = { -1.680446884, -1.526713091, 1.078344754, 0.6109934824, -0.267093124 };
    static const double three_free[] = { 1.605242053, -2.510682081, 0.9054400272 };
    static const double both[] = { -1.183510024, 1.207928784, 0.1587188525, -0.1021407656, -0.07803173056 };
    const double tolerance = sizeof(isk_scalar) == 4 ? 1e-4 : 1e-6;
    probe_case data;
    isk_probe_desc desc;
    isk_probe_report report;
    double weights[15], intercepts[3];
    int j;
    (void)state;
    probe_data(&data, 300, 5, 3);
    desc = probe_desc(&data, 300, 5);
    desc.weights = weights;
    desc.intercepts = intercepts;
    assert_ok(isk_probe(one, &desc, &report));
    assert_true(report.converged);
    assert_int_equal(report.classes, 3);
    assert_int_equal(report.train_rows, 200);
    assert_int_equal(report.scored_rows, 100);
    for (j = 0; j < 5; j++) { assert_close(weights[10 + j], three[j], tolerance); }
    for (j = 0; j < 3; j++) { assert_close(intercepts[j], three_free[j], tolerance); }
    assert_close(report.accuracy, 0.71, 1e-12);
    assert_close(report.balanced_accuracy, 0.711038961, 1e-9);
    probe_data(&data, 300, 5, 2);
    desc.c = 0.1;
    assert_ok(isk_probe(one, &desc, &report));
    for (j = 0; j < 5; j++) { assert_close(weights[5 + j], both[j], tolerance); }
    for (j = 0; j < 5; j++) { assert_close(weights[j], 0, 0); }
    assert_close(intercepts[1], -1.130819246, tolerance);
    assert_close(report.accuracy, 0.79, 1e-12);
    assert_close(report.balanced_accuracy, 0.7828407225, 1e-9);
}

/* The slope of 0.5 ||W||^2 + c sum of cross entropies at the result, computed from x as it is, in double. */
static void probe_ends_where_the_slope_is_zero(void **state) {
    probe_case data;
    isk_probe_desc desc;
    isk_probe_report report;
    double weights[15], intercepts[3], slope[15], free_slope[3];
    int32_t predicted[300];
    int i, j, c;
    (void)state;
    probe_data(&data, 300, 5, 3);
    desc = probe_desc(&data, 300, 5);
    desc.c = 2;
    desc.weights = weights;
    desc.intercepts = intercepts;
    desc.predicted = predicted;
    assert_ok(isk_probe(one, &desc, &report));
    memcpy(slope, weights, sizeof slope);
    memset(free_slope, 0, sizeof free_slope);
    for (i = 0; i < 300; i++) {
        double score[3], sum = 0;
        int best = 0;
        for (c = 0; c < 3; c++) {
            score[c] = intercepts[c];
            for (j = 0; j < 5; j++) { score[c] += weights[c * 5 + j] * (double)data.x[i * 5 + j]; }
            if (score[c] > score[best]) { best = c; }
            sum += exp(score[c]);
        }
        assert_int_equal(predicted[i], best);
        for (c = 0; c < 3 && data.part[i] == ISK_TRAIN; c++) {
            double residual = exp(score[c]) / sum - (data.labels[i] == c);
            free_slope[c] += 2 * residual;
            for (j = 0; j < 5; j++) { slope[c * 5 + j] += 2 * residual * (double)data.x[i * 5 + j]; }
        }
    }
    for (i = 0; i < 15; i++) { assert_close(slope[i] / 400, 0, 3e-5); }
    for (i = 0; i < 3; i++) { assert_close(free_slope[i] / 400, 0, 3e-5); }
}

static void probe_is_the_same_for_any_threads(void **state) {
    enum { n = 1500, d = 20 };
    isk_scalar *x = random_block(n, d);
    int32_t labels[n], predicted[n], other[n];
    uint8_t part[n];
    double weights[4 * d], other_weights[4 * d], intercepts[4];
    isk_probe_desc desc;
    isk_probe_report report, other_report;
    int i, standardize;
    (void)state;
    for (i = 0; i < n; i++) {
        labels[i] = (x[i * d] > 0) + 2 * (x[i * d + 1] + x[i * d + 2] > 0);
        part[i] = (uint8_t)(i % 5 == 0 ? ISK_TEST : ISK_TRAIN);
        x[i * d + 3] = 1000 + 2000 * x[i * d + 3];
        x[i * d + 4] *= (isk_scalar)1e-4;
        x[i * d + 5] = 7;
    }
    for (standardize = 0; standardize < 2; standardize++) {
        memset(&desc, 0, sizeof desc);
        desc.x = matrix(x, n, d);
        desc.labels = labels;
        desc.part = part;
        desc.standardize = standardize;
        desc.predicted = predicted;
        desc.weights = weights;
        desc.intercepts = intercepts;
        assert_ok(isk_probe(one, &desc, &report));
        desc.predicted = other;
        desc.weights = other_weights;
        assert_ok(isk_probe(two, &desc, &other_report));
        assert_memory_equal(predicted, other, sizeof predicted);
        assert_memory_equal(weights, other_weights, sizeof weights);
        assert_true(report.objective == other_report.objective && report.iterations == other_report.iterations);
        assert_true(report.converged);
        assert_in_range(report.iterations, 5, 60);
        assert_true(report.accuracy > 0.93 && report.train_accuracy > 0.95);
        for (i = 0; i < 4; i++) { assert_close(weights[i * d + 5], 0, 0); }     /* the constant column */
    }
    free(x);
}

static void probe_edges(void **state) {
    probe_case data;
    isk_probe_desc desc;
    isk_probe_report report;
    int32_t predicted[300];
    double weights[5 * 6], intercepts[6];
    int i;
    (void)state;
    probe_data(&data, 300, 5, 3);
    for (i = 0; i < 300; i++) {                 /* class 1 is only scored, 4 only trained on, some rows are unlabelled */
        if (data.labels[i] == 1 && data.part[i] == ISK_TRAIN) { data.labels[i] = 4; }
        if (i % 10 == 0) { data.labels[i] = -3; }
    }
    desc = probe_desc(&data, 300, 5);
    desc.predicted = predicted;
    desc.weights = weights;
    desc.intercepts = intercepts;
    assert_ok(isk_probe(one, &desc, &report));
    assert_int_equal(report.classes, 5);
    assert_int_equal(report.train_classes, 3);
    assert_int_equal(report.train_rows, 180);
    assert_int_equal(report.scored_rows, 90);
    for (i = 0; i < 300; i++) { assert_true(predicted[i] == 0 || predicted[i] == 2 || predicted[i] == 4); }
    assert_true(intercepts[1] < -1e300 && intercepts[3] < -1e300);
    desc.scored = ISK_VALIDATION;               /* nothing there: no accuracy, but a probe */
    assert_ok(isk_probe(one, &desc, &report));
    assert_true(report.accuracy != report.accuracy && report.scored_rows == 0);
    for (i = 0; i < 300; i++) { data.labels[i] = 2; }
    assert_fails(isk_probe(one, &desc, &report), ISK_DATA, "the 200 labelled training rows hold 1 class;");
    for (i = 0; i < 300; i++) { data.labels[i] = -1; }
    assert_fails(isk_probe(one, &desc, &report), ISK_DATA, "the 0 labelled training rows hold 0 classes;");
    data.labels[9] = 1000000;
    assert_fails(isk_probe(one, &desc, &report), ISK_DATA, "labels[9] is 1000000");
    data.part[4] = 3;
    assert_fails(isk_probe(one, &desc, &report), ISK_DATA, "part[4] is 3");
    desc.part = NULL;
    assert_fails(isk_probe(one, &desc, &report), ISK_ARGUMENT, "part is NULL");
    desc.part = data.part;
    data.part[4] = 0;
    desc.c = -1;
    assert_fails(isk_probe(one, &desc, &report), ISK_ARGUMENT, "c -1");
    desc.c = 0;
    data.x[14] = (isk_scalar)NAN;
    assert_fails(isk_probe(one, &desc, &report), ISK_DATA, "x holds a NaN in row 2, column 4");

    for (i = 0; i < 300; i++) {                 /* separable, hardly penalised: large weights, all right */
        data.x[i] = (isk_scalar)(i % 2 ? 1 + i : -1 - i);
        data.labels[i] = i % 2;
        data.part[i] = ISK_TRAIN;
    }
    data.part[7] = ISK_TEST;
    desc.x = matrix(data.x, 300, 1);
    desc.c = 1e6;
    desc.tolerance = 0;
    desc.scored = ISK_TEST;
    assert_ok(isk_probe(one, &desc, &report));
    assert_close(report.train_accuracy, 1, 0);
    assert_close(report.accuracy, 1, 0);
    for (i = 0; i < 300; i++) { data.x[i] = 4; }        /* nothing to go by: the larger class */
    data.labels[0] = 1;
    assert_ok(isk_probe(one, &desc, &report));
    assert_close(report.train_accuracy, 150.0 / 299, 1e-12);
    for (i = 0; i < 300; i++) { data.part[i] = ISK_TEST; }
    data.part[4] = data.part[5] = ISK_TRAIN;            /* two rows */
    data.x[5] = 9;
    assert_ok(isk_probe(one, &desc, &report));
    assert_close(report.train_accuracy, 1, 0);
}

/* ---- regression ---- */

static void regression_agrees_with_scikit_learn(void **state) {
    static const double columns[] = { 0.7776099616, 0.6504157924, 0.8357872448 };
    static const double strong_columns[] = { 0.6776298394, 0.6758187773, 0.7142630171 };
    const double tolerance = sizeof(isk_scalar) == 4 ? 1e-5 : 1e-7;        /* y was rounded to float32 by the oracle */
    isk_scalar *x, y[200 * 3], predictions[200 * 3];
    double weights[18], noise, r2, other, column_r2[3], left = 0, total = 0, mean[3] = { 0, 0, 0 };
    uint8_t part[200];
    isk_regression_desc desc;
    int i, j, p;
    (void)state;
    seed = 11;
    x = random_block(200, 6);
    for (i = 0; i < 18; i++) { weights[i] = uniform(); }
    for (i = 0; i < 200; i++) {
        for (j = 0; j < 3; j++) {
            double sum = 0;
            for (p = 0; p < 6; p++) { sum += (double)x[i * 6 + p] * weights[p * 3 + j]; }
            noise = uniform();
            y[i * 3 + j] = (isk_scalar)(float)(sum + 0.3 * noise);
        }
        part[i] = i % 4 ? ISK_TRAIN : ISK_TEST;
    }
    memset(&desc, 0, sizeof desc);
    memset(predictions, 0, sizeof predictions);
    desc.x = matrix(x, 200, 6);
    desc.y = matrix(y, 200, 3);
    desc.part = part;
    desc.column_r2 = column_r2;
    desc.predictions = predictions;
    assert_ok(isk_ridge_r2(one, &desc, &r2));
    assert_close(r2, 0.7814669072, tolerance);
    for (j = 0; j < 3; j++) { assert_close(column_r2[j], columns[j], tolerance); }
    for (i = 0; i < 200; i++) {
        for (j = 0; j < 3; j++) { mean[j] += part[i] == ISK_TRAIN ? (double)y[i * 3 + j] / 150 : 0; }
    }
    for (i = 0; i < 200; i++) {
        for (j = 0; j < 3; j++) {
            double miss = (double)(y[i * 3 + j] - predictions[i * 3 + j]), spread = (double)y[i * 3 + j] - mean[j];
            if (part[i] == ISK_TRAIN) {
                assert_true(predictions[i * 3 + j] == 0);
                continue;
            }
            left += miss * miss;
            total += spread * spread;
        }
    }
    assert_close(r2, 1 - left / total, 1e-6);
    assert_ok(isk_ridge_r2(two, &desc, &other));
    assert_true(r2 == other);
    desc.alpha = 0.5;
    assert_ok(isk_ridge_r2(one, &desc, &r2));
    assert_close(r2, 0.695884972, tolerance);
    for (j = 0; j < 3; j++) { assert_close(column_r2[j], strong_columns[j], tolerance); }
    assert_ok(isk_knn_r2(one, &desc, &r2));
    assert_close(r2, 0.6727092919, tolerance);
    assert_ok(isk_knn_r2(two, &desc, &other));
    assert_true(r2 == other);
    free(x);
}

static void regression_edges(void **state) {
    enum { n = 900, d = 150 };
    isk_scalar *x = random_block(n, d), *y = block(n, 2);
    uint8_t part[n];
    double r2, column_r2[2], other;
    isk_regression_desc desc;
    int i;
    (void)state;
    for (i = 0; i < n; i++) {
        part[i] = (uint8_t)(i % 3);
        x[i * d + 7] = 2;                       /* constant */
        x[i * d + 8] = x[i * d + 9];            /* twice the same */
        y[i * 2] = 100000 + 1000 * x[i * d + 9] - 2000 * x[i * d + 140];
        y[i * 2 + 1] = 5;
    }
    memset(&desc, 0, sizeof desc);
    desc.x = matrix(x, n, d);
    desc.y = matrix(y, n, 2);
    desc.part = part;
    desc.column_r2 = column_r2;
    assert_ok(isk_ridge_r2(one, &desc, &r2));
    assert_true(r2 > 0.9999);
    assert_close(column_r2[1], 1, 0);           /* constant, and met */
    assert_ok(isk_ridge_r2(two, &desc, &other));
    assert_true(r2 == other);
    desc.x = matrix(x, n, d);
    for (i = 0; i < n; i++) { part[i] = (uint8_t)(i % 10 ? ISK_TEST : ISK_TRAIN); }     /* fewer rows than columns */
    assert_ok(isk_ridge_r2(one, &desc, &r2));
    assert_true(r2 < 1 && r2 > -1);
    for (i = 0; i < n; i++) { part[i] = (uint8_t)(i ? ISK_TEST : ISK_TRAIN); }          /* one training row: its y */
    assert_ok(isk_ridge_r2(one, &desc, &r2));
    assert_close(r2, 0, 1e-12);
    assert_ok(isk_knn_r2(one, &desc, &r2));
    assert_close(r2, 0, 1e-12);
    for (i = 0; i < n; i++) { part[i] = ISK_TRAIN; }
    assert_fails(isk_ridge_r2(one, &desc, &r2), ISK_DATA, "900 training rows and 0 scored rows");
    for (i = 0; i < n; i++) { part[i] = ISK_TEST; }
    assert_fails(isk_knn_r2(one, &desc, &r2), ISK_DATA, "0 training rows and 900 scored rows");
    part[3] = ISK_TRAIN;
    for (i = 0; i < n; i++) { y[i * 2] = 1; }
    assert_fails(isk_ridge_r2(one, &desc, &r2), ISK_DATA, "so R^2 is undefined");
    desc.alpha = -1;
    assert_fails(isk_ridge_r2(one, &desc, &r2), ISK_ARGUMENT, "alpha is -1");
    desc.alpha = 1e-15;
    assert_fails(isk_ridge_r2(one, &desc, &r2), ISK_ARGUMENT, "alpha is 1e-15");
    desc.k = -4;
    assert_fails(isk_knn_r2(one, &desc, &r2), ISK_ARGUMENT, "k is -4");
    desc.alpha = 0;
    desc.k = 0;
    desc.y = matrix(y, n - 1, 2);
    assert_fails(isk_ridge_r2(one, &desc, &r2), ISK_SHAPE, "y has 899 rows, but 900 are needed");
    free(x);
    free(y);
}

/* Y is x1 x2, which no line finds; then a line; then nothing that X tells.  Three columns of X say nothing. */
static void mlp_finds_what_lines_do_not(void **state) {
    enum { n = 3000 };
    isk_scalar *x = random_block(n, 5), *y = block(n, 1), *line = block(n, 2), *noise = random_block(n, 2), *predictions = block(n, 2);
    uint8_t part[n];
    double mlp, ridge, other, column_r2[2];
    isk_regression_desc desc;
    int i;
    (void)state;
    for (i = 0; i < n; i++) {
        part[i] = (uint8_t)(i % 3 ? ISK_TRAIN : ISK_TEST);
        x[i * 5 + 1] = x[i * 5 + 1] * 1000 + 50;            /* the scale of x is taken out */
        y[i] = (isk_scalar)(7 + 0.01 * (double)x[i * 5] * ((double)x[i * 5 + 1] - 50));
        line[2 * i] = x[i * 5] - x[i * 5 + 1] / 2000;
        line[2 * i + 1] = 3;
    }
    memset(&desc, 0, sizeof desc);
    desc.x = matrix(x, n, 5);
    desc.y = matrix(y, n, 1);
    desc.part = part;
    assert_ok(isk_ridge_r2(one, &desc, &ridge));
    assert_ok(isk_mlp_r2(one, &desc, &mlp));
    assert_close(ridge, 0, 0.1);
    assert_true(mlp > 0.9 && mlp < 1);
    assert_ok(isk_mlp_r2(two, &desc, &other));
    assert_true(mlp == other);
    desc.seed = 5;
    assert_ok(isk_mlp_r2(one, &desc, &other));
    assert_true(mlp != other && other > 0.9);
    desc.epochs = 1;
    assert_ok(isk_mlp_r2(one, &desc, &other));
    assert_true(other < mlp);
    desc.epochs = 0;
    desc.y = matrix(line, n, 2);
    desc.width = 20;
    desc.column_r2 = column_r2;
    desc.predictions = predictions;
    assert_ok(isk_mlp_r2(one, &desc, &mlp));
    assert_true(mlp > 0.95);
    assert_close(column_r2[0], mlp, 1e-12);
    assert_close(column_r2[1], 1, 0);                       /* constant, and met */
    for (i = 0; i < n; i++) {
        if (part[i] == ISK_TRAIN) {
            assert_true(predictions[2 * i] == 0 && predictions[2 * i + 1] == 0);
        } else {
            assert_close((double)predictions[2 * i], (double)line[2 * i], 0.5);
            assert_true(predictions[2 * i + 1] == 3);
        }
    }
    desc.y = matrix(noise, n, 2);
    desc.width = 0;
    assert_ok(isk_mlp_r2(one, &desc, &mlp));
    assert_true(mlp < 0.02 && mlp > -0.2);
    free(x);
    free(y);
    free(line);
    free(noise);
    free(predictions);
}

/* Rows of which nothing but x is known get what the same rows get when they are scored, from each of the three. */
static void queries_are_predicted(void **state) {
    enum { n = 400, d = 4, q = 2, m = 130 };
    isk_status (*const ways[])(isk_context *, const isk_regression_desc *, double *) = { isk_ridge_r2, isk_knn_r2, isk_mlp_r2 };
    isk_scalar *x = random_block(n, d), *y = block(n, q), *queries = block(m, d), *scored = block(n, q), *alone = block(m, q),
        *with = block(m, q);
    uint8_t part[n], no_scores[n];
    isk_regression_desc desc;
    double r2, column_r2[q] = { 5, 5 };
    int i, j, rows = 0;
    size_t way;
    (void)state;
    for (i = 0; i < n; i++) {
        part[i] = (uint8_t)(i % 4 ? ISK_TRAIN : ISK_TEST);
        no_scores[i] = (uint8_t)(i % 4 ? ISK_TRAIN : ISK_VALIDATION);
        for (j = 0; j < q; j++) { y[i * q + j] = (isk_scalar)(3 + (double)x[i * d + j] * fabs((double)x[i * d + 3])); }
        if (part[i] == ISK_TEST) { memcpy(queries + rows++ * d, x + i * d, d * sizeof *x); }
    }
    memcpy(queries + rows * d, x, (size_t)(m - rows) * d * sizeof *x);      /* trained on among them */
    for (way = 0; way < COUNT(ways); way++) {
        memset(&desc, 0, sizeof desc);
        desc.x = matrix(x, n, d);
        desc.y = matrix(y, n, q);
        desc.part = part;
        desc.epochs = 5;
        desc.predictions = scored;
        desc.queries = matrix(queries, m, d);
        desc.query_predictions = with;
        assert_ok(ways[way](one, &desc, &r2));
        for (i = rows = 0; i < n; i++) {
            if (part[i] == ISK_TEST) { assert_memory_equal(scored + i * q, with + rows++ * q, q * sizeof *with); }
        }
        desc.part = no_scores;                              /* nothing to score, and what is scored is left alone */
        desc.column_r2 = column_r2;
        desc.query_predictions = alone;
        memset(scored, 0, n * q * sizeof *scored);
        assert_ok(ways[way](two, &desc, NULL));
        assert_memory_equal(alone, with, m * q * sizeof *with);
        assert_true(column_r2[0] == 5 && scored[0] == 0);
        desc.query_predictions = NULL;
        assert_fails(ways[way](one, &desc, NULL), ISK_ARGUMENT, "query_predictions is NULL");
        desc.query_predictions = with;
        desc.queries.cols = d - 1;
        assert_fails(ways[way](one, &desc, NULL), ISK_SHAPE, "queries have 3 columns, x 4");
        desc.queries.cols = d;
        queries[7] = (isk_scalar)NAN;
        assert_fails(ways[way](one, &desc, NULL), ISK_DATA, "queries holds a NaN in row 1, column 3");
        queries[7] = x[4 * d + 3];
        memset(no_scores, ISK_TEST, n);
        assert_fails(ways[way](one, &desc, NULL), ISK_DATA, "part holds no training rows; there must be at least 1");
        for (i = 0; i < n; i++) { no_scores[i] = (uint8_t)(i % 4 ? ISK_TRAIN : ISK_VALIDATION); }
        desc.queries.data = NULL;
        assert_fails(ways[way](one, &desc, NULL), ISK_ARGUMENT, "r2 is NULL");
    }
    for (i = 0; i < d; i++) { queries[9 * d + i] = (isk_scalar)(sizeof(isk_scalar) == 4 ? 3e38 : 1.7e308); }
    desc.queries = matrix(queries, m, d);
    assert_fails(isk_mlp_r2(one, &desc, NULL), ISK_DIVERGED, "the MLP's prediction of query row 9 is not finite");
    free(x);
    free(y);
    free(queries);
    free(scored);
    free(alone);
    free(with);
}

/* The weights kept are those of the epoch that is best on the validation rows, not on rows like the training rows. */
static void validation_rows_stop_the_mlp(void **state) {
    enum { n = 600, d = 3 };
    isk_scalar *x = random_block(n, d), *y = block(n, 1), *predictions = block(n, 1);
    uint8_t part[n];
    isk_regression_desc desc;
    double drawn, chosen, other;
    int i;
    (void)state;
    for (i = 0; i < n; i++) {                               /* what holds in the training rows is the opposite elsewhere */
        part[i] = (uint8_t)(i % 3 ? ISK_TRAIN : i % 2 ? ISK_TEST : ISK_VALIDATION);
        y[i] = (isk_scalar)((part[i] == ISK_TRAIN ? 1 : -1) * 4 * (double)x[i * d]);
    }
    memset(&desc, 0, sizeof desc);
    desc.x = matrix(x, n, d);
    desc.y = matrix(y, n, 1);
    desc.part = part;
    assert_ok(isk_mlp_r2(one, &desc, &drawn));
    desc.stop_on_validation = 1;
    assert_ok(isk_mlp_r2(one, &desc, &chosen));
    assert_true(drawn < -2);                                /* learned to the end: -3 at best */
    assert_true(chosen > -1.5 && chosen < 0);               /* stopped after the first epoch */
    assert_ok(isk_mlp_r2(two, &desc, &other));
    assert_true(chosen == other);
    desc.epochs = 1;
    assert_ok(isk_mlp_r2(one, &desc, &other));
    assert_true(chosen == other);
    desc.scored = ISK_VALIDATION;
    assert_fails(isk_mlp_r2(one, &desc, &other), ISK_ARGUMENT, "stop_on_validation is 1 and scored names the same rows; score ISK_TEST");
    desc.queries = desc.x;                                  /* nothing is scored */
    desc.query_predictions = predictions;
    assert_ok(isk_mlp_r2(one, &desc, NULL));
    desc.scored = ISK_TEST;
    for (i = 0; i < n; i++) { part[i] = part[i] == ISK_VALIDATION ? ISK_TEST : part[i]; }
    assert_fails(isk_mlp_r2(one, &desc, &other), ISK_DATA, "part holds no validation rows to stop on; leave stop_on_validation 0");
    free(x);
    free(y);
    free(predictions);
}

static void mlp_edges(void **state) {
    enum { n = 40 };
    isk_scalar *x = random_block(n, 2), *y = random_block(n, 1);
    uint8_t part[n];
    isk_regression_desc desc;
    double r2;
    int i;
    (void)state;
    for (i = 0; i < n; i++) { part[i] = (uint8_t)(i ? ISK_TEST : ISK_TRAIN); }          /* one training row: its y */
    memset(&desc, 0, sizeof desc);
    desc.x = matrix(x, n, 2);
    desc.y = matrix(y, n, 1);
    desc.part = part;
    assert_ok(isk_mlp_r2(one, &desc, &r2));
    assert_close(r2, 0, 1e-12);
    for (i = 0; i < 9; i++) { part[i] = ISK_TRAIN; }        /* too few to hold any out */
    assert_ok(isk_mlp_r2(one, &desc, &r2));
    assert_true(r2 < 1);
    desc.scored = (isk_part)7;
    assert_fails(isk_mlp_r2(one, &desc, &r2), ISK_ARGUMENT, "scored is 7");
    desc.scored = ISK_VALIDATION;
    assert_fails(isk_mlp_r2(one, &desc, &r2), ISK_DATA, "9 training rows and 0 scored rows");
    desc.scored = ISK_TEST;
    desc.width = -3;
    assert_fails(isk_mlp_r2(one, &desc, &r2), ISK_ARGUMENT, "width is -3 and epochs 0");
    desc.width = 0;
    desc.epochs = -1;
    assert_fails(isk_mlp_r2(one, &desc, &r2), ISK_ARGUMENT, "epochs -1");
    desc.epochs = 2;
    desc.x = matrix(x, n - 1, 2);
    assert_fails(isk_mlp_r2(one, &desc, &r2), ISK_SHAPE, "y has 40 rows, but 39 are needed");
    desc.x = matrix(x, n, 2);
    assert_fails(isk_mlp_r2(one, &desc, NULL), ISK_ARGUMENT, "r2 is NULL");
    x[7] = (isk_scalar)NAN;
    assert_fails(isk_mlp_r2(one, &desc, &r2), ISK_DATA, "x holds a NaN in row 3, column 1");
    for (i = 0; i < n; i++) { x[2 * i] = part[i] == ISK_TRAIN ? (isk_scalar)(1e-30 * i) : (isk_scalar)1e30; }
    x[7] = 0;
    if (sizeof(isk_scalar) == 4) { assert_fails(isk_mlp_r2(one, &desc, &r2), ISK_DIVERGED, "scored row 9 is not finite"); }
    for (i = 0; i < n; i++) { y[i] = 1; }
    x[0] = x[7] = 0;
    for (i = 0; i < n; i++) { x[2 * i] = (isk_scalar)i; }
    assert_fails(isk_mlp_r2(one, &desc, &r2), ISK_DATA, "so R^2 is undefined");
    free(x);
    free(y);
}

/* ---- principal components ---- */

static void pca_agrees_with_numpy(void **state) {
    static const double variances[] = { 0.08316033151, 0.02152548942, 0.005375711002, 0.00129712937 };
    static const double first[] = { 0.9990498979, 0.04298449721, -0.002007901786, 0.001016239134,
                                    0.005180936104, -0.004432964689, 0.0001496911351, 0.0002333493258 };
    isk_scalar *x, mean[8], components[8 * 4], scores[120 * 4];
    double got[4], total, all = 0;
    isk_pca_desc desc;
    int i, j, way;
    (void)state;
    seed = 13;
    x = random_block(120, 8);
    for (i = 0; i < 120; i++) {
        for (j = 0; j < 8; j++) { x[i * 8 + j] = (isk_scalar)(float)((double)x[i * 8 + j] / (1 << j) + 3); }
    }
    for (way = -1; way <= 1; way += 2) {
        memset(&desc, 0, sizeof desc);
        desc.x = matrix(x, 120, 8);
        desc.k = 4;
        desc.randomised = way;
        desc.oversampling = 2;
        desc.mean = mean;
        desc.components = components;
        desc.variances = got;
        desc.total_variance = &total;
        assert_ok(isk_pca(one, &desc));
        for (i = 0; i < 4; i++) { assert_close(got[i], variances[i], CLOSE * variances[i] + 1e-8); }
        for (j = 0; j < 8; j++) { assert_close((double)components[j * 4], first[j], 1e-5); }
        assert_ok(isk_pca_transform(one, desc.x, mean, components, 4, scores));
        for (i = 0; i < 4; i++) {
            double sum = 0, squares = 0;
            for (j = 0; j < 120; j++) {
                sum += (double)scores[j * 4 + i];
                squares += (double)scores[j * 4 + i] * (double)scores[j * 4 + i];
            }
            assert_close(sum / 120, 0, 1e-6);
            assert_close(squares / 119, variances[i], 1e-5 * variances[0]);
        }
    }
    desc.k = 7;
    for (i = 0; i < 4; i++) { all += got[i]; }
    assert_true(total > all && total < 1.05 * all);
    free(x);
}

/* Orthonormal components, the same by both ways, with any number of threads and on the portable kernels. */
static void check_pca(int n, int d, int k, int strong) {
    isk_scalar *x = random_block(n, d), *components[3], *mean = block(1, d);
    double variances[3][60], total;
    isk_pca_desc desc;
    int i, j, p, way;
    for (i = 0; i < n; i++) {
        for (j = 0; j < d; j++) { x[i * d + j] = x[i * d + j] / (isk_scalar)100 + (isk_scalar)(j % 5); }
        for (p = 0; p < strong; p++) {
            isk_scalar amount = (isk_scalar)(uniform() * 10 / (p + 1));
            for (j = p; j < d; j += strong) { x[i * d + j] += amount; }
        }
    }
    for (way = 0; way < 3; way++) {
        components[way] = block(d, k);
        memset(&desc, 0, sizeof desc);
        desc.x = matrix(x, n, d);
        desc.k = k;
        desc.randomised = way == 2 ? ISK_NONE : 1;
        desc.components = components[way];
        desc.variances = variances[way];
        desc.mean = mean;
        desc.total_variance = &total;
        assert_ok(isk_pca(way == 1 ? two : one, &desc));
    }
    assert_memory_equal(components[0], components[1], (size_t)(d * k) * sizeof(isk_scalar));
    assert_memory_equal(variances[0], variances[1], (size_t)k * sizeof(double));
    for (p = 0; p < k; p++) {
        int q, largest = 0;
        for (j = 0; j < d; j++) {
            largest = fabs((double)components[2][j * k + p]) > fabs((double)components[2][largest * k + p]) ? j : largest;
        }
        assert_true(components[2][largest * k + p] > 0);
        for (way = 0; way < 3; way += 2) {
            for (q = 0; q <= p; q++) {
                double sum = 0;
                for (j = 0; j < d; j++) { sum += (double)components[way][j * k + p] * (double)components[way][j * k + q]; }
                assert_close(sum, p == q, 1e-5);
            }
        }
        if (p >= strong) { continue; }
        assert_close(variances[0][p], variances[2][p], 1e-4 * variances[2][p]);
        for (j = 0; j < d; j++) { assert_close((double)components[0][j * k + p], (double)components[2][j * k + p], 1e-3); }
    }
    for (way = 0; way < 3; way++) { free(components[way]); }
    free(x);
    free(mean);
}

static void pca_both_ways(void **state) {
    (void)state;
    check_pca(400, 150, 5, 5);
    check_pca(40, 300, 10, 3);
    check_pca(700, 600, 4, 4);
}

/* Without centring: X = U D V' with known singular values, a row of ones among the directions so that centring would change it. */
static void pca_without_centring(void **state) {
    static const double left[4][3] = { { 0.5, 0.5, 0.5 }, { 0.5, -0.5, 0.5 }, { 0.5, 0.5, -0.5 }, { 0.5, -0.5, -0.5 } };
    static const double right[3][3] = { { 2. / 3, 2. / 3, 1. / 3 }, { -2. / 3, 1. / 3, 2. / 3 }, { 1. / 3, -2. / 3, 2. / 3 } };
    static const double singular[3] = { 9, 4, 1 };
    isk_scalar x[15], components[9], mean[3], scores[12];
    uint8_t part[5] = { ISK_TRAIN, ISK_TRAIN, ISK_TRAIN, ISK_TRAIN, ISK_TEST };
    double variances[3], total;
    isk_pca_desc desc;
    int i, j, p, way;
    (void)state;
    memset(x, 0, sizeof x);
    for (i = 0; i < 4; i++) {
        for (j = 0; j < 3; j++) {
            double sum = 0;
            for (p = 0; p < 3; p++) { sum += left[i][p] * singular[p] * right[p][j]; }
            x[i * 3 + j] = (isk_scalar)sum;
        }
    }
    x[12] = 1000;                               /* a test row */
    for (way = -1; way <= 1; way += 2) {
        memset(&desc, 0, sizeof desc);
        desc.x = matrix(x, 5, 3);
        desc.part = part;
        desc.centre = ISK_NONE;
        desc.randomised = way;
        desc.components = components;
        desc.mean = mean;
        desc.variances = variances;
        desc.total_variance = &total;
        assert_ok(isk_pca(one, &desc));
        assert_close(total, (81 + 16 + 1) / 3., 1e-4);
        assert_ok(isk_pca_transform(one, matrix(x, 4, 3), mean, components, 3, scores));
        for (p = 0; p < 3; p++) {
            const double sign = (double)components[p] * right[p][0] < 0 ? -1 : 1;
            assert_close(variances[p], singular[p] * singular[p] / 3, 1e-4);
            assert_true(mean[p] == 0);
            for (j = 0; j < 3; j++) { assert_close((double)components[j * 3 + p], sign * right[p][j], 1e-5); }
            for (i = 0; i < 4; i++) { assert_close((double)scores[i * 3 + p], sign * singular[p] * left[i][p], 1e-4); }
        }
    }
    desc.k = 1;
    desc.part = NULL;
    desc.x = matrix(x, 1, 3);
    assert_ok(isk_pca(one, &desc));             /* one row is a direction */
    assert_close(variances[0], (double)(x[0] * x[0] + x[1] * x[1] + x[2] * x[2]), 1e-3);
    desc.k = 2;
    assert_fails(isk_pca(one, &desc), ISK_ARGUMENT, "k is 2, but 1 rows of 3 columns have at most 1");
    desc.centre = 1;
    assert_fails(isk_pca(one, &desc), ISK_ARGUMENT, "centre is 1; it must be 0 (columns are centred) or ISK_NONE");
}

static void pca_edges(void **state) {
    isk_scalar x[60], components[60], mean[3], out[60];
    uint8_t part[20];
    double variances[3];
    isk_pca_desc desc;
    int i, way;
    (void)state;
    for (i = 0; i < 60; i++) { x[i] = (isk_scalar)(i % 3 == 0 ? i : 4); }
    for (way = -1; way <= 1; way += 2) {
        memset(&desc, 0, sizeof desc);
        desc.x = matrix(x, 20, 3);
        desc.randomised = way;
        desc.components = components;
        desc.mean = mean;
        desc.variances = variances;
        assert_ok(isk_pca(one, &desc));         /* one direction, two constant columns */
        assert_close(variances[0], 315, 1e-3);
        assert_close(variances[1], 0, 1e-3);
        assert_close((double)components[0], 1, 1e-6);
        desc.x = matrix(x, 20, 1);
        assert_ok(isk_pca(one, &desc));
        assert_close((double)components[0], 1, 0);
        desc.x = matrix(x, 2, 3);
        assert_ok(isk_pca(one, &desc));         /* k = 1 is the most */
        assert_close(variances[0], 4.5, 1e-5);
    }
    desc.k = 2;
    assert_fails(isk_pca(one, &desc), ISK_ARGUMENT, "k is 2, but 2 rows of 3 columns have at most 1");
    desc.x = matrix(x, 1, 3);
    desc.k = 0;
    assert_fails(isk_pca(one, &desc), ISK_ARGUMENT, "1 rows of 3 columns have at most 0");
    for (i = 0; i < 20; i++) { part[i] = (uint8_t)(i < 10 ? ISK_TRAIN : ISK_TEST); }
    for (i = 30; i < 60; i++) { x[i] = 1000; }
    desc.x = matrix(x, 20, 3);
    desc.part = part;
    assert_ok(isk_pca(one, &desc));             /* the test rows are not looked at */
    assert_close((double)mean[0], 13.5, 1e-5);
    desc.part = NULL;
    for (i = 0; i < 60; i++) { x[i] = 4; }
    assert_ok(isk_pca(one, &desc));             /* nothing varies */
    assert_close(variances[0], 0, 0);
    for (i = 0; i < 60; i++) { x[i] = (isk_scalar)(i * 1e25); }
    assert_ok(isk_pca(one, &desc));
    assert_true(variances[0] > 1e51 && variances[0] < 1e54);
    desc.components = NULL;
    assert_fails(isk_pca(one, &desc), ISK_ARGUMENT, "components is NULL");
    assert_fails(isk_pca_transform(one, desc.x, mean, components, 4, out), ISK_ARGUMENT, "k is 4");
    x[5] = (isk_scalar)NAN;
    desc.components = components;
    assert_fails(isk_pca(one, &desc), ISK_DATA, "x holds a NaN in row 1, column 2");
}

/* ---- canonical correlation ---- */

typedef struct canonical {
    isk_cca_desc desc;
    isk_scalar *x, *y, x_mean[80], y_mean[80], x_weights[80 * 8], y_weights[80 * 8];
    double correlations[8], validated[8], chosen;
    uint8_t part[600];
    int pairs, kept;
} canonical;

/* The data of tests/oracle/metrics.py. */
static void open_canonical(canonical *c, int n, int d, int e, int k) {
    double mix[2][2][80], *hidden = (double *)calloc((size_t)n * 2, sizeof *hidden);
    int i, j;
    assert_non_null(hidden);
    memset(c, 0, sizeof *c);
    c->x = block(n, d);
    c->y = block(n, e);
    seed = 29;
    for (i = 0; i < 2 * n; i++) { hidden[i] = uniform(); }
    for (i = 0; i < 2 * d; i++) { mix[0][i / d][i % d] = uniform(); }
    for (i = 0; i < 2 * e; i++) { mix[1][i / e][i % e] = uniform(); }
    for (i = 0; i < n; i++) {
        for (j = 0; j < d; j++) {
            c->x[i * d + j] = (isk_scalar)(float)(hidden[2 * i] * mix[0][0][j] + hidden[2 * i + 1] * mix[0][1][j] + 0.3 * uniform() + 1);
        }
    }
    for (i = 0; i < n; i++) {
        for (j = 0; j < e; j++) {
            c->y[i * e + j] = (isk_scalar)(float)(hidden[2 * i] * mix[1][0][j] + hidden[2 * i + 1] * mix[1][1][j] + 0.2 * uniform() - 2);
        }
    }
    for (i = 0; i < n; i++) { c->part[i] = (uint8_t)(i % 3); }
    free(hidden);
    c->desc.x = matrix(c->x, n, d);
    c->desc.y = matrix(c->y, n, e);
    c->desc.k = k;
    c->desc.x_mean = c->x_mean;
    c->desc.y_mean = c->y_mean;
    c->desc.x_weights = c->x_weights;
    c->desc.y_weights = c->y_weights;
    c->desc.correlations = c->correlations;
    c->desc.validated = c->validated;
    c->desc.chosen = &c->chosen;
    c->desc.pairs = &c->pairs;
    c->desc.kept = &c->kept;
}

static void close_canonical(canonical *c) {
    free(c->x);
    free(c->y);
}

static void cca_agrees_with_numpy(void **state) {
    static const struct {
        int n, d, e, k, all;
        double shrinkage;
        uint64_t seed;
        int kept;
        double chosen, correlations[4], validated[4], x[6], y[8];
    } cases[] = {
        { 180, 6, 4, 4, 0, 0, 3, 2, 1, { 0.8879818077, 0.6320895957, 0.2191027385, 0.1138543646 },
          { 0.8782630003, 0.6039887784, 0.0582714735, 0.01565239447 },
          { 2.422039793, 0.8486000592, -1.658464538, -0.9235118926, -0.3240083391, 3.552750124 },
          { -2.259157703, 1.526664354, 1.885227153, 2.022954888 } },
        { 180, 6, 4, 4, 1, 0, 3, 2, 0.3, { 0.8877917493, 0.5843262173, 0.1295730449, 0.07578086372 },
          { 0.8746571671, 0.5534389517, -0.1561152871, 0.02331417779 },
          { 2.266496604, 0.6027674883, -1.684110426, -1.151885189, -0.750321128, 3.782764207 },
          { -2.546176155, 1.471931435, 1.761450039, 1.718626615 } },
        { 90, 70, 3, 2, 0, 0, 4, 2, 0.3, { 0.9889313416, 0.9023300224 }, { 0.9687015846, 0.5969067271 },
          { -0.2852226346, 0.08863293088, 0.09009265298, -0.4990460716, -0.1874699589, -0.4203960704 },
          { -3.011835993, 2.413432956, 0.9258268841 } },
        { 90, 70, 3, 2, 1, 0, 4, 2, 1, { 0.9742486575, 0.8091048897 }, { 0.961645102, 0.6770745627 },
          { 0.2253514138, -0.1258610037, -0.1169610046, 0.2657787935, 0.180070297, 0.4977798851 },
          { 3.10749703, -2.533403731, -0.8178873203 } },
        { 180, 6, 4, 4, 0, ISK_NONE, 5, 2, 0, { 0.895778998, 0.6430408007, 0.2196044437, 0.114035565 },
          { 0.8776255089, 0.5635569172, -0.03407791746, 0.1119662882 },
          { 2.265005234, 0.6167817558, -1.476273704, -1.240530924, -0.9652011114, 3.804848911 },
          { -3.204934166, 1.868590773, 1.590262352, 1.267149338 } },
        { 180, 6, 4, 4, 1, ISK_NONE, 5, 2, 0, { 0.8914596302, 0.5859625317, 0.1296882915, 0.07578615078 },
          { 0.8824483348, 0.5329859824, -0.07283630773, -0.02803263133 },
          { 2.228211054, 0.5700769028, -1.477143311, -1.275660813, -1.210217071, 3.850835686 },
          { -3.506808252, 1.599247383, 1.645325188, 0.9407373362 } },
        { 180, 3, 8, 3, 0, 0.05, 6, 1, 0.05, { 0.8490090843, 0.4613695107, 0.1887065274 },
          { 0.8316700111, 0.3358053229, -0.05318999138 }, { -3.099126706, 0.4476868501, 4.289802211 },
          { 0.577224742, 0.2522983607, -3.275512071, -0.3562976358, 1.258724546, -0.7463746785, 0.01583499981, -4.533092126 } },
        { 180, 3, 8, 3, 1, 0.05, 6, 2, 0.05, { 0.8459084932, 0.462952805, 0.1439745709 },
          { 0.8229215292, 0.4133709126, -0.07682480549 }, { -2.916434846, 0.4714849122, 4.58735844 },
          { 0.0108681795, 0.5284746429, -3.443125007, -0.08050644075, 1.127858241, -0.551034003, -0.3044213953, -4.33543751 } },
    };
    static canonical c;
    size_t i;
    int j;
    (void)state;
    for (i = 0; i < COUNT(cases); i++) {
        const int k = cases[i].k;
        open_canonical(&c, cases[i].n, cases[i].d, cases[i].e, k);
        c.desc.shrinkage = cases[i].shrinkage;
        c.desc.seed = cases[i].seed;
        c.desc.part = cases[i].all ? NULL : c.part;
        assert_ok(isk_cca(one, &c.desc));
        assert_int_equal(c.pairs, k);
        assert_int_equal(c.kept, cases[i].kept);
        assert_close(c.chosen, cases[i].chosen, 0);
        for (j = 0; j < k; j++) {
            assert_close(c.correlations[j], cases[i].correlations[j], CLOSE);
            assert_close(c.validated[j], cases[i].validated[j], 10 * CLOSE);
        }
        for (j = 0; j < 6 && j < cases[i].d; j++) { assert_close((double)c.x_weights[j * k], cases[i].x[j], 50 * CLOSE); }
        for (j = 0; j < cases[i].e; j++) { assert_close((double)c.y_weights[j * k], cases[i].y[j], 50 * CLOSE); }
        close_canonical(&c);
    }
}

/* Variates have mean 0 and variance 1; where nothing is shrunk, each correlates with its partner alone; the same bits for any threads. */
static void cca_pairs_are_canonical(void **state) {
    static canonical c, again;
    static isk_scalar a[400 * 4], b[400 * 4];
    int i, j, l;
    (void)state;
    open_canonical(&c, 400, 20, 7, 4);
    open_canonical(&again, 400, 20, 7, 4);
    for (i = 1; i >= 0; i--) {
        c.desc.shrinkage = again.desc.shrinkage = i ? 0 : ISK_NONE;
        assert_ok(isk_cca(one, &c.desc));
        assert_ok(isk_cca(two, &again.desc));
        assert_memory_equal(c.x_weights, again.x_weights, sizeof c.x_weights);
        assert_memory_equal(c.y_weights, again.y_weights, sizeof c.y_weights);
        assert_memory_equal(c.validated, again.validated, sizeof c.validated);
    }
    assert_ok(isk_pca_transform(one, c.desc.x, c.x_mean, c.x_weights, 4, a));
    assert_ok(isk_pca_transform(one, c.desc.y, c.y_mean, c.y_weights, 4, b));
    for (j = 0; j < 4; j++) {
        for (l = 0; l < 4; l++) {
            double aa = 0, bb = 0, ab = 0, mean = 0;
            for (i = 0; i < 400; i++) {
                mean += (double)a[i * 4 + j] / 400;
                aa += (double)a[i * 4 + j] * (double)a[i * 4 + l] / 399;
                bb += (double)b[i * 4 + j] * (double)b[i * 4 + l] / 399;
                ab += (double)a[i * 4 + j] * (double)b[i * 4 + l] / 399;
            }
            assert_close(mean, 0, 1e-5);
            assert_close(aa, j == l, 1e-4);
            assert_close(bb, j == l, 1e-4);
            assert_close(ab, j == l ? c.correlations[j] : 0, 1e-4);
        }
    }
    close_canonical(&c);
    close_canonical(&again);
}

/* Of unrelated rows nothing is kept however well they correlate where pairs were found; of one and the same matrix, everything. */
static void cca_planted(void **state) {
    static canonical c;
    isk_scalar *mixed;
    int i, j;
    (void)state;
    for (i = 0; i < 15; i++) {                  /* unrelated: over sizes, seeds, and shrinkages chosen, given and none */
        static const int rows[] = { 200, 500, 60 };
        open_canonical(&c, rows[i % 3], i % 3 < 2 ? 50 : 80, 46, 8);
        seed = 100 + (uint32_t)i;
        for (j = 0; j < 46 * rows[i % 3]; j++) { c.y[j] = (isk_scalar)uniform(); }
        c.desc.seed = (uint64_t)i;
        c.desc.shrinkage = i < 9 ? 0 : i < 12 ? 0.1 : ISK_NONE;
        c.desc.part = i % 2 ? c.part : NULL;
        assert_ok(isk_cca(one, &c.desc));
        assert_true(c.correlations[0] > 0.3);
        assert_int_equal(c.kept, 0);
        assert_true(c.validated[0] < 0.25);
        close_canonical(&c);
    }
    open_canonical(&c, 300, 6, 6, 6);
    for (i = 0; i < 300 * 6; i++) { c.y[i] = 3 * c.x[i] + 5; }
    c.desc.part = c.part;
    assert_ok(isk_cca(one, &c.desc));
    for (j = 0; j < 6; j++) {
        assert_close(c.correlations[j], 1, CLOSE);
        assert_close(c.validated[j], 1, CLOSE);
    }
    assert_int_equal(c.kept, 6);
    for (i = 0; i < 300; i++) {                 /* constant columns carry nothing */
        c.x[6 * i + 2] = 7;
        c.y[6 * i + 4] = (isk_scalar)-1e6;
    }
    assert_ok(isk_cca(one, &c.desc));
    assert_int_equal(c.pairs, 5);
    assert_true(c.correlations[3] > 0.999 && c.correlations[4] < 0.999 && c.kept >= 4);
    assert_close((double)c.x_weights[2 * 6], 0, 1e-6);
    assert_true(c.correlations[5] <= 0 && c.validated[5] <= 0 && c.x_weights[5] <= 0 && c.x_weights[5] >= 0);
    for (i = 0; i < 300 * 6; i++) { c.y[i] = 4; }
    assert_ok(isk_cca(one, &c.desc));           /* nothing varies */
    assert_int_equal(c.pairs, 0);
    assert_int_equal(c.kept, 0);
    close_canonical(&c);
    open_canonical(&c, 400, 4, 4, 2);           /* hidden causes that correlate by 0.8, seen through rotations */
    mixed = block(400, 4);
    for (i = 0; i < 400; i++) {
        double h[4];
        for (j = 0; j < 4; j++) { h[j] = uniform() + uniform() + uniform() + uniform(); }
        for (j = 0; j < 4; j++) {
            double own = j < 1 ? 0.8 * h[0] + 0.6 * (uniform() + uniform() + uniform() + uniform()) : uniform();
            c.x[i * 4 + j] = (isk_scalar)(h[j] + h[(j + 1) % 4]);
            mixed[i * 4 + j] = (isk_scalar)own;
        }
        for (j = 0; j < 4; j++) { c.y[i * 4 + j] = mixed[i * 4 + j] - 2 * mixed[i * 4 + (j + 3) % 4]; }
        c.x[i * 4 + 3] = (isk_scalar)h[3];
    }
    assert_ok(isk_cca(one, &c.desc));
    assert_close(c.correlations[0], 0.8, 0.05);
    assert_close(c.validated[0], 0.8, 0.06);
    assert_int_equal(c.kept, 1);
    free(mixed);
    close_canonical(&c);
}

static void cca_edges(void **state) {
    static canonical c;
    double shrunk;
    int i;
    (void)state;
    open_canonical(&c, 60, 80, 60, 8);          /* more columns than rows */
    assert_ok(isk_cca(one, &c.desc));
    assert_int_equal(c.pairs, 8);
    assert_int_equal(c.kept, 2);
    assert_true(c.chosen > 0.02 && c.validated[1] > 0.6 && c.validated[2] < 0.4);
    shrunk = c.validated[1];
    c.desc.shrinkage = ISK_NONE;                /* all correlates where it was found */
    assert_ok(isk_cca(one, &c.desc));
    assert_close(c.correlations[7], 1, 1e-4);
    assert_true(c.validated[1] < shrunk - 0.1);
    assert_close(c.chosen, 0, 0);
    for (i = 0; i < 60; i++) { c.part[i] = i < 9 ? ISK_TRAIN : ISK_TEST; }
    c.desc.part = c.part;
    assert_fails(isk_cca(one, &c.desc), ISK_DATA,
                 "there are 9 training and validation rows; canonical correlations need at least 10");
    c.part[9] = ISK_VALIDATION;
    assert_ok(isk_cca(one, &c.desc));
    assert_int_equal(c.kept, 0);                /* no correlation of so few rows exceeds two deviations of chance */
    c.desc.part = NULL;
    c.desc.x_mean = c.desc.y_mean = c.desc.x_weights = c.desc.y_weights = NULL;
    c.desc.correlations = NULL;
    c.desc.pairs = c.desc.kept = NULL;
    c.desc.chosen = NULL;
    c.desc.k = 0;
    c.desc.validated = (double *)calloc(50, sizeof(double));
    assert_ok(isk_cca(one, &c.desc));           /* 50 of 60 */
    free(c.desc.validated);
    c.desc.validated = NULL;
    c.desc.k = 61;
    assert_fails(isk_cca(one, &c.desc), ISK_ARGUMENT, "k is 61; x has 80 columns and y 60, so there are at most 60 pairs");
    c.desc.k = 1;
    c.desc.least = 1;
    assert_fails(isk_cca(one, &c.desc), ISK_ARGUMENT, "least is 1; it must be from 0 to below 1, or ISK_NONE");
    c.desc.least = ISK_NONE;
    c.desc.shrinkage = HUGE_VAL;
    assert_fails(isk_cca(one, &c.desc), ISK_ARGUMENT, "shrinkage is inf; it must be positive, 0 (then it is chosen), or ISK_NONE");
    c.desc.shrinkage = 1e-5;
    assert_ok(isk_cca(one, &c.desc));
    c.y[7] = (isk_scalar)NAN;
    assert_fails(isk_cca(one, &c.desc), ISK_DATA, "y holds a NaN in row 0, column 7");
    c.desc.y.rows = 59;
    assert_fails(isk_cca(one, &c.desc), ISK_SHAPE, "y has 59 rows, but 60 are needed");
    close_canonical(&c);
}

/* ---- importance ---- */

typedef struct map_case { double weights[3]; int calls; isk_status status; double offset; } map_case;

static isk_status linear_map(void *user, const isk_scalar *x, int64_t rows, isk_scalar *out) {
    map_case *map = (map_case *)user;
    int64_t i;
    int j;
    map->calls++;
    for (i = 0; i < rows; i++) {
        out[2 * i] = (isk_scalar)map->offset;
        out[2 * i + 1] = 1;
        for (j = 0; j < 3; j++) { out[2 * i + j % 2] += (isk_scalar)(map->weights[j] * (double)x[3 * i + j]); }
    }
    return map->status;
}

static void importance_of_a_linear_map(void **state) {
    static const int masks[] = { 0, ISK_MASK_ZERO, ISK_MASK_MEAN, ISK_MASK_PERMUTE };
    map_case map;
    isk_importance_desc desc;
    isk_scalar points[300];
    double importance[3], again[3], wanted[3], sum;
    size_t m;
    int i, j;
    (void)state;
    for (m = 0; m < COUNT(masks); m++) {
        memset(&map, 0, sizeof map);
        map.weights[0] = 1;
        map.weights[2] = -2;
        memset(&desc, 0, sizeof desc);
        desc.map = linear_map;
        desc.user = &map;
        desc.cols = 3;
        desc.out_cols = 2;
        desc.mask = masks[m];
        desc.count = 5000;
        desc.importance = importance;
        assert_ok(isk_importance(one, &desc));
        assert_int_equal(map.calls, 4);
        assert_close(importance[0], 0.2, 0.01);
        assert_close(importance[1], 0, 0);
        assert_close(importance[2], 0.8, 0.01);
        desc.importance = again;
        assert_ok(isk_importance(two, &desc));
        assert_memory_equal(importance, again, sizeof again);
    }
    for (i = 0; i < 300; i++) { points[i] = (isk_scalar)(i % 11 + i % 3); }
    desc.points = matrix(points, 100, 3);
    desc.mask = 0;
    map.weights[1] = 0.5;
    assert_ok(isk_importance(one, &desc));
    for (j = 0, sum = 0; j < 3; j++) {
        for (i = 0, wanted[j] = 0; i < 100; i++) { wanted[j] += (double)points[3 * i + j] * (double)points[3 * i + j]; }
        wanted[j] *= map.weights[j] * map.weights[j];
        sum += wanted[j];
    }
    for (j = 0; j < 3; j++) { assert_close(again[j], wanted[j] / sum, 1e-6); }
    map.offset = NAN;
    assert_fails(isk_importance(one, &desc), ISK_DATA, "not finite in row 0, column 0");
    map.offset = 0;
    map.status = ISK_SHAPE;
    assert_fails(isk_importance(one, &desc), ISK_SHAPE, "map");
    map.status = ISK_OK;
    memset(map.weights, 0, sizeof map.weights);
    assert_fails(isk_importance(one, &desc), ISK_DATA, "depends on no coordinate");
    desc.mask = 4;
    assert_fails(isk_importance(one, &desc), ISK_ARGUMENT, "mask is 4");
    desc.mask = 0;
    desc.points.cols = 2;
    assert_fails(isk_importance(one, &desc), ISK_SHAPE, "points have 2 columns, but cols is 3");
}

/* ---- splits ---- */

static void split_keeps_labels_even(void **state) {
    enum { n = 1000 };
    int32_t labels[n];
    uint8_t part[n], other[n];
    isk_split_desc desc;
    int i, p, counts[5][3], total[3] = { 0, 0, 0 }, differ = 0;
    (void)state;
    memset(counts, 0, sizeof counts);
    memset(&desc, 0, sizeof desc);
    for (i = 0; i < n; i++) { labels[i] = i < 700 ? 0 : i < 900 ? 1 : i < 990 ? 2 : i < 991 ? 3 : -1; }
    desc.rows = n;
    desc.labels = labels;
    desc.validation = 0.1;
    desc.test = 0.25;
    desc.seed = 4;
    desc.part = part;
    assert_ok(isk_split(one, &desc));
    desc.part = other;
    assert_ok(isk_split(two, &desc));
    assert_memory_equal(part, other, n);
    desc.seed = 5;
    assert_ok(isk_split(one, &desc));
    for (i = 0; i < n; i++) {
        counts[labels[i] + 1][part[i]]++;
        total[part[i]]++;
        differ += part[i] != other[i];
    }
    assert_true(differ > 200);
    assert_int_equal(total[ISK_TEST], 250);
    assert_int_equal(total[ISK_VALIDATION], 100);
    assert_int_equal(counts[1][ISK_TEST], 175);
    assert_int_equal(counts[1][ISK_VALIDATION], 70);
    assert_int_equal(counts[4][ISK_TRAIN], 1);          /* a label of one row is trained on */
    for (p = 0; p < 5; p++) { assert_true(counts[p][ISK_TRAIN] > 0); }
    for (i = 0; i < n; i++) { labels[i] = i / 2; }      /* many small labels: the whole still follows the fractions */
    assert_ok(isk_split(one, &desc));
    memset(total, 0, sizeof total);
    for (i = 0; i < n; i++) { total[other[i]]++; }
    assert_in_range(total[ISK_TEST], 240, 260);
    assert_in_range(total[ISK_VALIDATION], 90, 110);
    desc.labels = NULL;
    desc.validation = 0;
    assert_ok(isk_split(one, &desc));
    memset(total, 0, sizeof total);
    for (i = 0; i < n; i++) { total[other[i]]++; }
    assert_int_equal(total[ISK_TEST], 250);
    assert_int_equal(total[ISK_VALIDATION], 0);
    desc.rows = 1;
    assert_fails(isk_split(one, &desc), ISK_DATA, "1 rows at validation 0 and test 0.25 leave the test part");
    desc.test = 0;
    assert_ok(isk_split(one, &desc));
    assert_int_equal(other[0], ISK_TRAIN);
    desc.test = 0.6;
    desc.validation = 0.4;
    assert_fails(isk_split(one, &desc), ISK_ARGUMENT, "validation is 0.4 and test 0.6");
    desc.rows = 0;
    assert_fails(isk_split(one, &desc), ISK_SHAPE, "rows is 0");
}

static void split_keeps_groups_whole(void **state) {
    enum { n = 2000, groups_count = 12 };
    int32_t labels[n], groups[n];
    uint8_t part[n];
    isk_split_desc desc;
    int i, g, where[groups_count], total[3] = { 0, 0, 0 }, ones[3] = { 0, 0, 0 };
    (void)state;
    seed = 5;
    memset(&desc, 0, sizeof desc);
    for (i = 0; i < n; i++) {
        groups[i] = (int32_t)((uniform() + 0.5) * groups_count);
        labels[i] = uniform() > 0.2;
    }
    desc.rows = n;
    desc.labels = labels;
    desc.groups = groups;
    desc.validation = 0.2;
    desc.test = 0.3;
    desc.part = part;
    for (desc.seed = 0; desc.seed < 20; desc.seed++) {
        assert_ok(isk_split(one, &desc));
        memset(total, 0, sizeof total);
        memset(ones, 0, sizeof ones);
        for (g = 0; g < groups_count; g++) { where[g] = -1; }
        for (i = 0; i < n; i++) {
            total[part[i]]++;
            ones[part[i]] += labels[i];
            assert_true(where[groups[i]] < 0 || where[groups[i]] == part[i]);
            where[groups[i]] = part[i];
        }
        assert_in_range(total[ISK_TEST], 400, 800);
        assert_in_range(total[ISK_VALIDATION], 200, 600);
        for (g = 0; g < 3; g++) { assert_close((double)ones[g] / total[g], 0.3, 0.06); }
    }
    for (i = 0; i < n; i++) { groups[i] = i % 2; }
    assert_fails(isk_split(one, &desc), ISK_DATA, "2 groups cannot fill 3 parts");
    for (i = 0; i < n; i++) { groups[i] = i % 3; }
    assert_ok(isk_split(one, &desc));           /* as many groups as parts */
    assert_true(part[0] != part[1] && part[1] != part[2] && part[0] != part[2]);
    for (i = 0; i < n; i++) { groups[i] = -1; }         /* every row for itself */
    assert_ok(isk_split(one, &desc));
    memset(total, 0, sizeof total);
    for (i = 0; i < n; i++) { total[part[i]]++; }
    assert_in_range(total[ISK_TEST], 598, 602);
}

static void joined_columns(void **state) {
    isk_scalar a[] = { 1, 2, 3, 4 }, b[] = { 5, 6 }, out[6];
    static const isk_scalar wanted[] = { 1, 2, 5, 3, 4, 6 };
    isk_matrix parts[2];
    (void)state;
    parts[0] = matrix(a, 2, 2);
    parts[1] = matrix(b, 2, 1);
    assert_ok(isk_join_columns(one, parts, 2, out));
    assert_memory_equal(out, wanted, sizeof out);
    parts[1].rows = 1;
    assert_fails(isk_join_columns(one, parts, 2, out), ISK_SHAPE, "parts[1] has 1 rows, but 2 are needed");
    assert_fails(isk_join_columns(one, parts, 0, out), ISK_ARGUMENT, "count is 0");
}

/* ---- failing memory ---- */

static int allocations, allowed, live;

static void *counted(size_t bytes, void *user) {
    void *pointer;
    (void)user;
    if (allocations++ >= allowed) { return NULL; }
    pointer = malloc(bytes);
    live += pointer != NULL;
    return pointer;
}

static void counted_free(void *pointer, void *user) {
    (void)user;
    live -= pointer != NULL;
    free(pointer);
}

typedef struct everything {
    isk_scalar *x, out[60 * 9];
    int32_t labels[60], indices[600], predicted[60];
    uint8_t part[60];
    double values[60], more[60];
} everything;

static isk_status call(isk_context *context, everything *e, int which) {
    const isk_matrix x = matrix(e->x, 60, 9);
    switch (which) {
    case 0: { isk_knn_desc d; memset(&d, 0, sizeof d); d.queries = x; d.indices = e->indices; return isk_knn(context, &d); }
    case 1: { isk_kmeans_desc d; memset(&d, 0, sizeof d); d.x = x; d.clusters = 3; return isk_kmeans(context, &d); }
    case 2: {
        isk_probe_desc d;
        isk_probe_report report;
        memset(&d, 0, sizeof d);
        d.x = x;
        d.labels = e->labels;
        d.part = e->part;
        return isk_probe(context, &d, &report);
    }
    case 3: case 4: case 14: {
        isk_regression_desc d;
        memset(&d, 0, sizeof d);
        d.x = x;
        d.y = x;
        d.part = e->part;
        d.epochs = 1;
        d.queries = x;
        d.query_predictions = e->out;
        if (which == 14) { return isk_mlp_r2(context, &d, e->values); }
        return which == 3 ? isk_ridge_r2(context, &d, e->values) : isk_knn_r2(context, &d, e->values);
    }
    case 5: case 6: {
        isk_pca_desc d;
        memset(&d, 0, sizeof d);
        d.x = x;
        d.part = e->part;
        d.randomised = which == 5 ? 1 : 0;
        d.components = e->out;
        return isk_pca(context, &d);
    }
    case 7: {
        isk_importance_desc d;
        map_case map;
        memset(&d, 0, sizeof d);
        memset(&map, 0, sizeof map);
        map.weights[0] = 1;
        d.map = linear_map;
        d.user = &map;
        d.cols = 3;
        d.out_cols = 2;
        d.count = 10;
        d.importance = e->values;
        return isk_importance(context, &d);
    }
    case 8: case 9: {
        isk_split_desc d;
        memset(&d, 0, sizeof d);
        d.rows = 60;
        d.labels = e->labels;
        d.groups = which == 8 ? NULL : e->labels;
        d.test = 0.3;
        d.part = (uint8_t *)e->predicted;
        return isk_split(context, &d);
    }
    case 10: return isk_spearman(context, e->values, e->more, 60, e->more);
    case 11: return isk_compare_labels(context, e->labels, e->labels, 60, e->values, e->more);
    case 12: return isk_score_labels(context, e->labels, e->labels, 60, 3, NULL, e->values, NULL);
    case 13: return isk_pca_transform(context, x, e->x, e->x, 2, e->out);
    case 15: {
        isk_cca_desc d;
        memset(&d, 0, sizeof d);
        d.x = d.y = x;
        d.part = e->part;
        d.validated = e->values;
        return isk_cca(context, &d);
    }
    default: {
        isk_theta_desc d;
        memset(&d, 0, sizeof d);
        d.matches1 = d.matches2 = d.labels = e->labels;
        d.rows = 60;
        d.label_count = 3;
        d.theta = e->values;
        d.mean = e->more;
        return isk_theta(context, &d);
    }
    }
}

static void no_memory_leaves_nothing_behind(void **state) {
    everything e;
    isk_context_desc desc;
    isk_context *context;
    int which, i, before;
    (void)state;
    memset(&e, 0, sizeof e);
    memset(&desc, 0, sizeof desc);
    desc.threads = 2;
    desc.allocator.allocate = counted;
    desc.allocator.release = counted_free;
    e.x = random_block(60, 9);
    for (which = 0; which < 17; which++) {
        isk_status status = ISK_MEMORY;
        for (i = 0; i < 60; i++) {
            e.labels[i] = i % 3;
            e.part[i] = i % 4 ? ISK_TRAIN : ISK_TEST;
            e.values[i] = i * i % 17;
            e.more[i] = i * 5 % 13;
        }
        allocations = live = 0;
        allowed = INT_MAX;
        context = isk_open(&desc);
        assert_non_null(context);
        assert_ok(isk_knn_matches(context, e.labels, 60, 1, e.labels, NULL, 0, e.predicted, NULL));
        before = live;
        for (i = 0; status == ISK_MEMORY && i < 400; i++) {
            allocations = 0;
            allowed = i;
            status = call(context, &e, which);
            assert_true(status == ISK_OK || status == ISK_MEMORY);
            if (status == ISK_MEMORY) { assert_non_null(strstr(isk_error(context), "out of memory")); }
            assert_true(live <= before + 1);            /* the threads' pool may have come, and stays */
            if (live > before) { before = live; }
        }
        assert_int_equal(status, ISK_OK);
        assert_true(i > 1);
        isk_close(context);
        assert_int_equal(live, 0);
    }
    free(e.x);
}

/* All kernels of this CPU agree in what does not depend on rounding. */
static void portable_kernels_agree(void **state) {
    isk_scalar *x = random_block(400, 30);
    int level = one->level;
    (void)state;
    one->level = 0;
    two->level = 0;
    check_knn(x, 400, NULL, 0, 30, 10, 0);
    pca_both_ways(NULL);
    one->level = two->level = level;
    free(x);
}

static int open_contexts(void **state) {
    isk_context_desc desc;
    (void)state;
    memset(&desc, 0, sizeof desc);
    desc.threads = 1;
    one = isk_open(&desc);
    desc.threads = 3;
    two = isk_open(&desc);
    return !one || !two;
}

static int close_contexts(void **state) {
    (void)state;
    isk_close(one);
    isk_close(two);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knn_is_exact),
        cmocka_unit_test(knn_breaks_ties_by_index),
        cmocka_unit_test(knn_says_what_is_wrong),
        cmocka_unit_test(matches_and_theta),
        cmocka_unit_test(ranks_and_spearman),
        cmocka_unit_test(kmeans_finds_clusters),
        cmocka_unit_test(kmeans_reaches_the_reference),
        cmocka_unit_test(kmeans_edges),
        cmocka_unit_test(compared_labels),
        cmocka_unit_test(scored_labels),
        cmocka_unit_test(probe_agrees_with_scikit_learn),
        cmocka_unit_test(probe_ends_where_the_slope_is_zero),
        cmocka_unit_test(probe_is_the_same_for_any_threads),
        cmocka_unit_test(probe_edges),
        cmocka_unit_test(regression_agrees_with_scikit_learn),
        cmocka_unit_test(regression_edges),
        cmocka_unit_test(mlp_finds_what_lines_do_not),
        cmocka_unit_test(queries_are_predicted),
        cmocka_unit_test(validation_rows_stop_the_mlp),
        cmocka_unit_test(mlp_edges),
        cmocka_unit_test(pca_agrees_with_numpy),
        cmocka_unit_test(pca_both_ways),
        cmocka_unit_test(pca_without_centring),
        cmocka_unit_test(pca_edges),
        cmocka_unit_test(cca_agrees_with_numpy),
        cmocka_unit_test(cca_pairs_are_canonical),
        cmocka_unit_test(cca_planted),
        cmocka_unit_test(cca_edges),
        cmocka_unit_test(importance_of_a_linear_map),
        cmocka_unit_test(split_keeps_labels_even),
        cmocka_unit_test(split_keeps_groups_whole),
        cmocka_unit_test(joined_columns),
        cmocka_unit_test(no_memory_leaves_nothing_behind),
        cmocka_unit_test(portable_kernels_agree),
    };
    return cmocka_run_group_tests_name("metrics", tests, open_contexts, close_contexts);
}
