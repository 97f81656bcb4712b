/* The metrics of an integration: the ten and what they are made of against scib-metrics (tests/oracle/integration.py), against naive
   implementations, and where there is little to judge: one label, one batch, one row, equal rows.  Messages, equal bits for any number
   of threads, failing memory. */
/* build: float double */

#define INDISEEK_IMPLEMENTATION
#define INDISEEK_NO_CUDA
#include "indiseek.h"
#include "tests/oracle/vectors.h"

enum { ROWS = 480, COLS = 6, BEFORE = 9, MOST = 700, NEAR = 9 };

static isk_context *three;                      /* threads; `context` has one */
static isk_scalar x[ROWS * COLS], before[ROWS * BEFORE], drawn[MOST * COLS];
static int32_t labels[ROWS], batches[ROWS], some[MOST], others[MOST];

static isk_matrix matrix(const isk_scalar *values, int64_t rows, int64_t cols) {
    isk_matrix m;
    m.data = values;
    m.rows = rows;
    m.cols = cols;
    return m;
}

static void load_labels(const char *name, int32_t *values) {
    static isk_scalar numbers[ROWS];
    load(name, ROWS, numbers);
    for (int i = 0; i < ROWS; i++) { values[i] = (int32_t)numbers[i]; }
}

static int open_all(void **state) {
    isk_context_desc desc;
    (void)state;
    if (open_file("tests/oracle/integration.safetensors") != 0) { return -1; }
    load("x", ROWS * COLS, x);
    load("before", ROWS * BEFORE, before);
    load_labels("labels", labels);
    load_labels("batches", batches);
    memset(&desc, 0, sizeof desc);
    desc.threads = 3;
    three = isk_open(&desc);
    return !three;
}

static int close_all(void **state) {
    isk_close(three);
    return close_vectors(state);
}

static double uniform(uint64_t seed, int64_t at) {
    isk__random random = isk__random_open(seed, (uint64_t)at);
    return isk__random_uniform(&random);
}

/* Rows about `clusters` centres; some: the cluster, others: one of three at random. */
static void draw(uint64_t seed, int rows, int clusters, double apart) {
    isk__random random = isk__random_open(seed, 0);
    for (int i = 0; i < rows; i++) {
        some[i] = i % clusters;
        others[i] = (int32_t)isk__random_below(&random, 3);
        for (int j = 0; j < COLS; j++) {
            drawn[i * COLS + j] = (isk_scalar)(isk__random_normal(&random) + (j == i % clusters ? apart : 0));
        }
    }
}

static isk_integration_desc described(void) {
    isk_integration_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.x = matrix(x, ROWS, COLS);
    desc.labels = labels;
    desc.batches = batches;
    desc.before = matrix(before, ROWS, BEFORE);
    return desc;
}

/* ---- against scib-metrics ---- */

static void rows_agree(const char *name, const double *ours, double within) {
    static isk_scalar theirs[ROWS];
    load(name, ROWS, theirs);
    for (int i = 0; i < ROWS; i++) {
        if (!(fabs(ours[i] - (double)theirs[i]) <= within)) { fail_msg("%s[%d] is %g, not %g", name, i, ours[i], (double)theirs[i]); }
    }
}

static void the_ten(void **state) {
    isk_integration_desc desc = described();
    isk_integration_report report;
    isk_scalar theirs[ISK_INTEGRATION_COUNT], means[3], kbet;
    (void)state;
    ok(isk_integration(context, &desc, &report));
    load("value", ISK_INTEGRATION_COUNT, theirs);
    load("kbet", 1, &kbet);
    load("means", 3, means);
    for (int i = 0; i < ISK_INTEGRATION_COUNT; i++) {
        const double within = i == ISK_INTEGRATION_KBET ? 0.01 : 1e-4;
        const isk_number *ours = &report.numbers[i];
        print_message("%-20s %.8f, by scib-metrics %.8f\n", ours->name, ours->value, (double)theirs[i]);
        if (!(fabs(ours->value - (double)theirs[i]) <= within)) { fail_msg("%s", ours->name); }
    }
    assert_true(fabs(report.numbers[ISK_INTEGRATION_KBET].value - (double)kbet) <= 0.01);
    assert_true(fabs(report.batch - (double)means[0]) < 2e-3 && fabs(report.bio - (double)means[1]) < 1e-4);
    assert_true(fabs(report.total - (double)means[2]) < 1e-3);
    assert_int_equal(report.batch_count, 5);
    assert_int_equal(report.bio_count, 5);
    assert_int_equal(report.labels, 4);
    assert_int_equal(report.batches, 3);
    assert_int_equal(report.isolated, 1);               /* label 3, in two batches */
}

static void rows_by_themselves(void **state) {
    static double values[ROWS];
    isk_lisi_desc desc;
    double mean, median;
    isk_scalar theirs[ISK_INTEGRATION_COUNT];
    (void)state;
    load("value", ISK_INTEGRATION_COUNT, theirs);
    ok(isk_silhouette(context, matrix(x, ROWS, COLS), labels, values, &mean));
    rows_agree("silhouettes", values, 1e-6);
    assert_true(fabs((mean + 1) / 2 - (double)theirs[ISK_INTEGRATION_SILHOUETTE_LABEL]) < 1e-5);
    memset(&desc, 0, sizeof desc);
    desc.x = matrix(x, ROWS, COLS);
    desc.labels = labels;
    desc.lisi = values;
    desc.median = &median;
    ok(isk_lisi(context, &desc));
    rows_agree("lisi.labels", values, 1e-4);
    assert_true(fabs((4 - median) / 3 - (double)theirs[ISK_INTEGRATION_CLISI]) < 1e-4);
    desc.labels = batches;
    ok(isk_lisi(context, &desc));
    rows_agree("lisi.batches", values, 1e-4);
}

static void degrees_agree(void **state) {
    enum { K = 49 };
    static int32_t near[ROWS * K], columns[2 * ROWS * K];
    static double distances[ROWS * K], sums[ROWS];
    static int64_t starts[ROWS + 1];
    static isk_scalar values[2 * ROWS * K];
    isk_knn_desc knn;
    isk_fuzzy_desc desc;
    (void)state;
    memset(&knn, 0, sizeof knn);
    knn.queries = matrix(x, ROWS, COLS);
    desc.k = knn.k = K;
    desc.rows = ROWS;
    desc.indices = knn.indices = near;
    desc.distances = knn.distances = distances;
    ok(isk_knn(context, &knn));
    for (int i = 0; i < ROWS * K; i++) { distances[i] = sqrt(distances[i]); }
    desc.starts = starts;
    desc.columns = columns;
    desc.values = values;
    ok(isk_fuzzy_neighbours(context, &desc));
    for (int i = 0; i < ROWS; i++) {
        sums[i] = 0;
        for (int64_t e = starts[i]; e < starts[i + 1]; e++) {
            assert_true(e == starts[i] || columns[e] > columns[e - 1]);
            sums[i] += (double)values[e];
        }
    }
    rows_agree("degrees", sums, 2e-3);                  /* theirs in float, by bisections to 1e-5 */
}

/* ---- against definitions ---- */

static double distance_of(const isk_scalar *a, const isk_scalar *b) {
    double sum = 0;
    for (int j = 0; j < COLS; j++) { sum += ((double)a[j] - (double)b[j]) * ((double)a[j] - (double)b[j]); }
    return sqrt(sum);
}

static double naive_silhouette(int rows, const int32_t *of, int row) {
    double own = 0, best = HUGE_VAL;
    int members = 0;
    for (int l = 0; l < 1000; l++) {
        double sum = 0;
        int count = 0;
        for (int i = 0; i < rows; i++) {
            if (of[i] != l || i == row) { continue; }
            sum += distance_of(drawn + row * COLS, drawn + i * COLS);
            count++;
        }
        if (of[row] == l) {
            own = count ? sum / count : 0;
            members = count;
        } else if (count && sum / count < best) {
            best = sum / count;
        }
    }
    return members && fmax(own, best) > 0 ? (best - own) / fmax(own, best) : 0;
}

static void silhouettes_are_exact(void **state) {
    static const int sizes[] = { 2, 3, 33, 64, 65, 130, 257 };
    static double ours[MOST], again[MOST];
    (void)state;
    for (size_t s = 0; s < COUNT(sizes); s++) {
        double mean, due = 0;
        int labelled = 0;
        draw(s + 1, sizes[s], 2, 1);
        /* a label far away in number, one of one row, rows without */
        for (int i = 0; i < sizes[s]; i++) { some[i] = i % 7 == 5 ? -1 - i : i == 0 ? 999 : i % 3 == 0 && i > 5 ? 500 : i % 2; }
        ok(isk_silhouette(context, matrix(drawn, sizes[s], COLS), some, ours, &mean));
        ok(isk_silhouette(three, matrix(drawn, sizes[s], COLS), some, again, NULL));
        for (int i = 0; i < sizes[s]; i++) {
            if (some[i] < 0) {
                assert_true(isnan(ours[i]) && isnan(again[i]));
                continue;
            }
            assert_true(memcmp(&ours[i], &again[i], sizeof *ours) == 0);
            assert_true(fabs(ours[i] - naive_silhouette(sizes[s], some, i)) < 1e-12);
            due += ours[i];
            labelled++;
        }
        assert_true(fabs(mean - due / labelled) < 1e-12);
    }
}

/* Equal rows: nothing lies apart, and a = b = 0 is no silhouette. */
static void silhouettes_of_equal_rows(void **state) {
    double values[6], mean;
    (void)state;
    memset(drawn, 0, sizeof drawn);
    for (int i = 0; i < 6; i++) { some[i] = i % 2; }
    ok(isk_silhouette(context, matrix(drawn, 6, COLS), some, values, &mean));
    for (int i = 0; i < 6; i++) { assert_true(values[i] == 0); }
    assert_true(mean == 0);
}

/* At the beta that bisection finds the entropy is that of the perplexity, and what it gives is Simpson's index. */
static void lisi_by_definition(void **state) {
    enum { N = 150, K = 30 };
    static double lisi[N];
    isk_lisi_desc desc;
    (void)state;
    draw(3, N, 3, 2);
    memset(&desc, 0, sizeof desc);
    desc.x = matrix(drawn, N, COLS);
    desc.labels = others;
    desc.k = K;
    desc.lisi = lisi;
    ok(isk_lisi(context, &desc));
    for (int i = 0; i < N; i++) {
        double distance[N], low = 0, high = 1e3, share[3], index = 0, least = 0;
        for (int j = 0; j < N; j++) { distance[j] = j == i ? HUGE_VAL : distance_of(drawn + i * COLS, drawn + j * COLS); }
        for (int step = 0; step < 200; step++) {
            const double beta = (low + high) / 2;
            double sum = 0, moment = 0;
            char taken[N] = { 0 };
            memset(share, 0, sizeof share);
            for (int j = 0; j < K; j++) {
                int best = -1;
                for (int l = 0; l < N; l++) { best = !taken[l] && (best < 0 || distance[l] < distance[best]) ? l : best; }
                taken[best] = 1;
                if (j == 0) { least = distance[best]; }
                share[others[best]] += exp(-beta * (distance[best] - least));
                sum += exp(-beta * (distance[best] - least));
                moment += (distance[best] - least) * exp(-beta * (distance[best] - least));
            }
            *(log(sum) + beta * moment / sum > log(10) ? &low : &high) = beta;
            for (int l = 0; l < 3; l++) { share[l] /= sum; }
        }
        for (int l = 0; l < 3; l++) { index += share[l] * share[l]; }
        assert_true(fabs(lisi[i] - 1 / index) < 1e-4);
    }
}

static void lisi_edges(void **state) {
    double lisi[8], median;
    isk_lisi_desc desc;
    (void)state;
    memset(&desc, 0, sizeof desc);
    draw(4, 8, 2, 3);
    desc.x = matrix(drawn, 8, COLS);
    desc.labels = some;
    desc.lisi = lisi;
    desc.median = &median;
    for (int i = 0; i < 8; i++) { some[i] = i < 2 ? i : -1; }
    ok(isk_lisi(context, &desc));                       /* of two rows each has the other */
    assert_true(lisi[0] == 1 && lisi[1] == 1 && isnan(lisi[2]) && median == 1);
    for (int i = 0; i < 8; i++) {
        some[i] = i % 2;
        for (int j = 0; j < COLS; j++) { drawn[i * COLS + j] = 0; }
    }
    ok(isk_lisi(context, &desc));                       /* equal rows weigh the same: of 7 neighbours 3 and 4 */
    for (int i = 0; i < 8; i++) { assert_true(fabs(lisi[i] - 49.0 / 25) < 1e-12); }
    desc.k = 8;
    assert_int_equal(isk_lisi(context, &desc), ISK_ARGUMENT);
    assert_string_equal(isk_error(context), "k is 8, but a row has 7 possible neighbours; choose k from 1 to that");
    desc.k = 0;
    desc.perplexity = 0.5;
    assert_int_equal(isk_lisi(context, &desc), ISK_ARGUMENT);
    assert_string_equal(isk_error(context), "perplexity is 0.5; it must be at least 1, or 0 for a third of k");
    desc.perplexity = 0;
    for (int i = 0; i < 8; i++) { some[i] = -1; }
    assert_int_equal(isk_lisi(context, &desc), ISK_DATA);
    assert_string_equal(isk_error(context), "labels holds 0 labelled rows; LISI needs at least 2");
}

static void bandwidths_meet_their_sum(void **state) {
    isk__random random = isk__random_open(3, 0);
    (void)state;
    for (int trial = 0; trial < 200; trial++) {
        const int k = 2 + trial % 20;
        int32_t near[32];
        double distances[32], rho, sigma, sum = 0, mean = 0;
        for (int j = 0; j < k; j++) {
            near[j] = j;
            distances[j] = (j ? distances[j - 1] : 0) + isk__random_uniform(&random) * pow(10, trial % 7 - 3);
        }
        isk__smooth_distances(near, distances, k, 1e-9, &rho, &sigma);
        assert_true(rho == distances[0]);
        for (int j = 0; j < k; j++) {
            sum += exp(-fmax(0, distances[j] - rho) / sigma);
            mean += distances[j] / (k + 1);
        }
        /* reached, or held up by the floor */
        assert_true(fabs(sum - log2(k + 1)) < 1e-4 || (fabs(sigma - 1e-3 * mean) < 1e-12 * mean && sum > log2(k + 1)));
    }
}

static void odd_distances(void **state) {
    const int32_t near[] = { 1, 2, 3, 4 }, few[] = { 1, -1, 2, -1 }, none[] = { -1, -1 };
    const double zeros[] = { 0, 0, 0, 0 }, late[] = { 0, 0, 2, 3 }, given[] = { 1, 77, 2, 77 };
    double rho, sigma;
    (void)state;
    isk__smooth_distances(near, zeros, 4, 5, &rho, &sigma);
    assert_true(rho == 0 && fabs(sigma - 5e-3) < 1e-15);                   /* the floor by the mean of all */
    isk__smooth_distances(near, late, 4, 5, &rho, &sigma);
    /* four terms of 3 or more for log2(5): the floor by its own mean */
    assert_true(rho == 2 && fabs(sigma - 1e-3) < 1e-15);
    isk__smooth_distances(few, given, 4, 5, &rho, &sigma);
    assert_true(rho == 1 && fabs(1 + exp(-1 / sigma) - log2(3)) < 1e-4);   /* what is none does not count */
    isk__smooth_distances(none, given, 2, 5, &rho, &sigma);
    assert_true(rho == 0 && sigma > 0);
}

static void fuzzy_neighbours_are_checked(void **state) {
    int32_t indices[] = { 1, 2, 0, 2, 0, 1 }, columns[12];
    double distances[] = { 1, 2, 1, 3, 2, 3 };
    int64_t starts[4];
    isk_scalar values[12];
    isk_fuzzy_desc desc = { indices, distances, 3, 2, starts, columns, values };
    (void)state;
    ok(isk_fuzzy_neighbours(context, &desc));
    assert_true(starts[3] == 6 && columns[0] == 1 && columns[1] == 2 && values[0] == values[2]);
    indices[1] = -1;
    ok(isk_fuzzy_neighbours(context, &desc));
    assert_true(starts[3] == 6);                        /* row 2 still has row 0 */
    indices[1] = 3;
    assert_int_equal(isk_fuzzy_neighbours(context, &desc), ISK_DATA);
    assert_string_equal(isk_error(context), "neighbour 1 of row 0 is row 3; it must be another of the 3 rows, or -1");
    indices[1] = 0;
    assert_int_equal(isk_fuzzy_neighbours(context, &desc), ISK_DATA);
    indices[1] = 2;
    distances[4] = -2;
    assert_int_equal(isk_fuzzy_neighbours(context, &desc), ISK_DATA);
    assert_string_equal(isk_error(context), "the distance of neighbour 0 of row 2 is -2; it must be finite and not negative");
    distances[4] = (double)NAN;
    assert_int_equal(isk_fuzzy_neighbours(context, &desc), ISK_DATA);
    desc.k = 0;
    assert_int_equal(isk_fuzzy_neighbours(context, &desc), ISK_ARGUMENT);
    assert_string_equal(isk_error(context), "k is 0; it must be at least 1");
}

/* Pieces from who reaches whom. */
static void connectivity_by_definition(void **state) {
    enum { N = 60, K = 3, LABELS = 3 };
    (void)state;
    for (uint64_t seed = 0; seed < 30; seed++) {
        static char reach[N][N];
        int32_t near[N * K], of[N];
        isk__blocks blocks = isk__blocks_open(context);
        isk__groups groups;
        double value, due = 0;
        memset(reach, 0, sizeof reach);
        for (int i = 0; i < N; i++) { of[i] = (int32_t)(uniform(seed, i) * LABELS) * 5; }
        for (int i = 0; i < N * K; i++) {
            near[i] = (int32_t)((i / K + 1 + (int)(uniform(seed, 1000 + i) * (seed < 10 ? 5 : N - 1))) % N);
            reach[i / K][near[i]] = of[i / K] == of[near[i]];
        }
        for (int m = 0; m < N; m++) {
            reach[m][m] = 1;
            for (int i = 0; i < N; i++) {
                for (int j = 0; j < N; j++) { reach[i][j] = (char)(reach[i][j] | (reach[i][m] & reach[m][j])); }
            }
        }
        ok(isk__group(context, of, N, &blocks, &groups));
        for (int g = 0; g < groups.count; g++) {
            int most = 0;
            for (int i = 0; i < N; i++) {
                int size = 0;
                for (int j = 0; j < N; j++) { size += reach[i][j] && reach[j][i]; }
                most = groups.code[i] == g && size > most ? size : most;
            }
            due += (double)most / (groups.start[g + 1] - groups.start[g]) / groups.count;
        }
        ok(isk__connectivity(context, near, K, K, N, &groups, &value));
        assert_true(fabs(value - due) < 1e-12);
        isk__blocks_close(&blocks, ISK_OK);
    }
}

/* A ring: many equal pairs of eigenvalues cos(2 pi j / n), the first vector known. */
static void eigenvectors_of_a_sparse_matrix(void **state) {
    enum { N = 400, WANTED = 20 };
    static double basis[(WANTED + 1) * N], again[(WANTED + 1) * N], dense[N * N], vectors_of[N * N];
    static int64_t starts[N + 1];
    static int32_t columns[N * N];
    static double entries[N * N];
    double values[WANTED], more[WANTED], all[N];
    isk__sparse a = { N, starts, columns, entries };
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        /* 0: a sparse matrix at random; 1: nothing but a diagonal of four values, of which Krylov spaces are small */
        int64_t count = 0;
        memset(dense, 0, sizeof dense);
        for (int i = 0; i < N; i++) {
            for (int j = 0; j < i && kind == 0; j++) {
                dense[i * N + j] = dense[j * N + i] = uniform(7, i * N + j) < 0.02 ? (uniform(8, i * N + j) - 0.3) / 6 : 0;
            }
            dense[i * N + i] = kind == 0 ? 0.3 * uniform(9, i) : 0.25 * (1 + i % 4) - (i < 6 ? 1.5 : 0) * (i % 4 == 3);
        }
        for (int i = 0; i < N; i++) {
            starts[i] = count;
            for (int j = 0; j < N; j++) {
                if (!(dense[i * N + j] < 0 || dense[i * N + j] > 0)) { continue; }
                columns[count] = j;
                entries[count++] = dense[i * N + j];
            }
        }
        starts[N] = count;
        ok(isk__eigen_sparse(context, &a, 0, WANTED, 1, basis, values));
        ok(isk__eigen_sparse(three, &a, 0, WANTED, 1, again, more));
        assert_memory_equal(basis, again, sizeof *basis * WANTED * N);
        assert_memory_equal(values, more, sizeof values);
        ok(isk__eigen(context, dense, N, all, vectors_of));
        for (int c = 0, low = 0, high = N - 1; c < WANTED; c++) {
            const double due = all[low] >= -all[high] ? all[low++] : all[high--];
            double residual = 0;
            if (kind == 0) { assert_true(fabs(values[c] - due) < 1e-9); }
            for (int i = 0; i < N; i++) {
                double sum = 0;
                for (int64_t e = starts[i]; e < starts[i + 1]; e++) { sum += entries[e] * basis[c * N + columns[e]]; }
                residual += (sum - values[c] * basis[c * N + i]) * (sum - values[c] * basis[c * N + i]);
            }
            assert_true(sqrt(residual) < 1e-7);
            for (int d = 0; d <= c; d++) {
                assert_true(fabs(isk__dot(basis + c * N, basis + d * N, N) - (c == d)) < 1e-10);
            }
        }
    }
    /* all of a small one */
    a.n = 5;
    for (int i = 0; i <= 5; i++) {
        starts[i] = i;
        columns[i] = i;
        entries[i] = 0.1 * (i + 1) * (i % 2 ? -1 : 1);
    }
    ok(isk__eigen_sparse(context, &a, 0, 5, 1, basis, values));
    for (int c = 0; c < 5; c++) { assert_true(fabs(fabs(values[c]) - 0.1 * (5 - c)) < 1e-12); }
}

/* scipy.stats.chi2.sf. */
static void chi_square(void **state) {
    static const struct { double x; int freedom; double due; } known[] = {
        { 3.841458820694124, 1, 0.05 }, { 0.3, 1, 0.583882420770365 }, { 5.991464547107979, 2, 0.05 },
        { 12, 5, 0.03478778050624185 }, { 7, 4, 0.13588822540043327 }, { 40, 30, 0.10486428110798468 },
        { 2500, 2000, 1.074008023138619e-13 }, { 1900, 2001, 0.946698227661073 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(known); i++) {
        const double above = isk__chi_square_above(known[i].x, known[i].freedom);
        if (!(fabs(above - known[i].due) <= 1e-7)) { fail_msg("%g of %d: %.10g", known[i].x, known[i].freedom, above); }
    }
    assert_true(isk__chi_square_above(0, 3) == 1 && isk__chi_square_above(1e5, 3) == 0);
}

/* ---- kBET where there is a reason to leave rows out ---- */

static double kbet_of(int rows) {
    isk_integration_desc desc;
    isk_integration_report report;
    memset(&desc, 0, sizeof desc);
    desc.x = matrix(drawn, rows, COLS);
    desc.labels = some;
    desc.batches = others;
    ok(isk_integration(context, &desc, &report));
    return report.numbers[ISK_INTEGRATION_KBET].value;
}

static void kbet_planted(void **state) {
    (void)state;
    draw(11, 300, 1, 0);
    for (int i = 0; i < 300; i++) { others[i] = i % 2; }
    assert_true(kbet_of(300) > 0.85);                   /* mixed */
    for (int i = 0; i < 300; i++) { drawn[i * COLS] += (isk_scalar)(i % 2 ? 50 : 0); }
    assert_true(kbet_of(300) < 0.2);                    /* two pieces, a batch each */
    /* a piece of 60 rows is less than 3 k0 = 3 * 37: dropped, what is left is mixed */
    draw(12, 300, 1, 0);
    for (int i = 0; i < 300; i++) {
        others[i] = i % 2;
        drawn[i * COLS] += (isk_scalar)(i < 60 ? 50 : 0);
    }
    assert_true(kbet_of(300) > 0.85);
    /* one of 90 rows: what is left is less than three quarters */
    for (int i = 60; i < 90; i++) { drawn[i * COLS] += (isk_scalar)50; }
    assert_true(kbet_of(300) == 0);
    /* what is left has one batch: nothing to say */
    draw(12, 300, 1, 0);
    for (int i = 0; i < 300; i++) {
        others[i] = i < 60;
        drawn[i * COLS] += (isk_scalar)(i < 60 ? 50 : 0);
    }
    assert_true(isnan(kbet_of(300)));
    /* labels of 9 rows are too few, those of 10 are not */
    draw(13, 30, 3, 0);
    for (int i = 0; i < 30; i++) { others[i] = i % 2; }
    assert_true(kbet_of(30) >= 0 && isnan(kbet_of(27)));
}

/* ---- where there is little to judge ---- */

static isk_integration_report judged(int rows, const int32_t *of, const int32_t *in) {
    isk_integration_desc desc;
    isk_integration_report report, again;
    memset(&desc, 0, sizeof desc);
    desc.x = desc.before = matrix(drawn, rows, COLS);
    desc.labels = of;
    desc.batches = in;
    memset(&report, 0, sizeof report);
    memset(&again, 0, sizeof again);
    ok(isk_integration(context, &desc, &report));
    ok(isk_integration(three, &desc, &again));
    assert_memory_equal(&report, &again, sizeof report);
    for (int i = 0; i < ISK_INTEGRATION_COUNT; i++) {
        const double value = report.numbers[i].value;
        assert_true(isnan(value) || (value > -1 && value <= 1 + 1e-12));
    }
    return report;
}

/* What is there, a letter each in the order of the list. */
static void there(const isk_integration_report *report, const char *wanted) {
    static const char letters[] = "sikgpINACL";         /* of batches, then of labels; A: ari, C: silhouette_label, L: clisi */
    char found[ISK_INTEGRATION_COUNT + 1];
    int count = 0;
    for (int i = 0; i < ISK_INTEGRATION_COUNT; i++) {
        if (!isnan(report->numbers[i].value)) { found[count++] = letters[i]; }
    }
    found[count] = 0;
    assert_string_equal(found, wanted);
    assert_int_equal(report->batch_count + report->bio_count, count);
}

static void little_to_judge(void **state) {
    isk_integration_report report;
    static int32_t one[MOST], none[MOST];
    (void)state;
    for (int i = 0; i < MOST; i++) { none[i] = -1; }
    draw(21, 200, 4, 4);
    report = judged(200, some, others);
    there(&report, "sikgpINACL");
    assert_int_equal(report.isolated, 4);               /* every label is in every batch */
    assert_true(fabs(report.total - 0.4 * report.batch - 0.6 * report.bio) < 1e-15);
    report = judged(200, NULL, others);
    there(&report, "ip");
    assert_true(isnan(report.bio) && isnan(report.total) && report.batch_count == 2 && report.labels == 0 && report.batches == 3);
    report = judged(200, none, others);
    there(&report, "ip");
    report = judged(200, some, NULL);
    there(&report, "gNACL");
    assert_true(isnan(report.batch) && isnan(report.total) && report.bio > 0.5 && report.isolated == 0);
    report = judged(200, some, none);
    there(&report, "gNACL");
    report = judged(200, none, none);
    there(&report, "");
    report = judged(200, some, one);                    /* one batch */
    there(&report, "gINACL");
    assert_true(isnan(report.batch) && report.batches == 1);
    report = judged(200, one, others);                  /* one label */
    there(&report, "sikgp");
    assert_true(isnan(report.bio) && report.batch > 0);
    report = judged(200, some, some);                   /* each label in a batch of its own */
    there(&report, "igpINACL");
    for (int i = 0; i < 200; i++) { one[i] = i; }
    report = judged(200, one, others);                  /* each row a label of its own */
    there(&report, "igpINACL");
    assert_true(report.numbers[ISK_INTEGRATION_GRAPH_CONNECTIVITY].value == 1);
    report = judged(200, some, one);                    /* a batch of its own */
    there(&report, "ikgpINACL");
}

static void few_rows(void **state) {
    static const char *const wanted[] = { "g", "igpINACL" };
    isk_integration_report report;
    (void)state;
    draw(22, 60, 2, 4);
    report = judged(1, some, others);
    there(&report, wanted[0]);
    others[0] = 0;
    others[1] = 1;
    report = judged(2, some, others);
    there(&report, wanted[1]);
    for (int n = 3; n < 60; n++) { report = judged(n, some, others); }
    assert_true(report.batch_count >= 4);
}

static void equal_rows(void **state) {
    isk_integration_report report;
    (void)state;
    memset(drawn, 0, sizeof drawn);
    for (int i = 0; i < 90; i++) {
        some[i] = i % 3;
        others[i] = i / 3 % 2;
    }
    report = judged(90, some, others);
    assert_true(isnan(report.numbers[ISK_INTEGRATION_PCR_COMPARISON].value));
    assert_true(report.numbers[ISK_INTEGRATION_SILHOUETTE_LABEL].value == 0.5);
    assert_true(report.numbers[ISK_INTEGRATION_SILHOUETTE_BATCH].value == 1);
}

/* Clumps of equal rows, each clump farther out: memberships from one to the next vanish. */
static void clumps(void **state) {
    isk_integration_report report;
    (void)state;
    for (int each = 3; each <= 60; each += 19) {
        draw(41, 6 * each, 2, 0);
        memset(drawn, 0, sizeof drawn);
        for (int i = 0; i < 6 * each; i++) { drawn[i * COLS] = (isk_scalar)pow(3, i / each); }
        for (int kind = 0; kind < 3; kind++) {
            for (int i = 0; i < 6 * each && kind > 0; i++) { some[i] = kind == 1 ? 0 : i / each % 2; }
            report = judged(6 * each, some, others);
            assert_true(!isnan(report.batch));
        }
    }
}

/* Rows left out are as if they were not there. */
static void unlabelled_rows_are_left_out(void **state) {
    isk_integration_report whole, fewer;
    static isk_scalar kept[MOST * COLS];
    int count = 0;
    (void)state;
    draw(23, 240, 3, 3);
    whole = judged(160, some, others);
    memcpy(kept, drawn, sizeof drawn);
    for (int i = 0, at = 0; i < 240; i++) {             /* every third is a stray */
        const int stray = i % 3 == 1;
        for (int j = 0; j < COLS; j++) { drawn[i * COLS + j] = stray ? (isk_scalar)(0.01 * i) : kept[at * COLS + j]; }
        at += !stray;
        count = at;
    }
    assert_int_equal(count, 160);
    {
        static int32_t of[MOST], in[MOST];
        for (int i = 0, at = 0; i < 240; i++) {
            of[i] = i % 3 == 1 ? -5 : some[at];
            in[i] = i % 3 == 1 ? -1 : others[at];
            at += i % 3 != 1;
        }
        fewer = judged(240, of, in);
        assert_memory_equal(&whole, &fewer, sizeof whole);
        for (int i = 0; i < 240; i++) { in[i] = in[i] < 0 ? 0 : in[i]; }
        fewer = judged(240, of, in);                    /* strays have a batch now: what asks for both does not see them */
        assert_true(whole.numbers[ISK_INTEGRATION_KBET].value == fewer.numbers[ISK_INTEGRATION_KBET].value);
        assert_true(whole.numbers[ISK_INTEGRATION_CLISI].value == fewer.numbers[ISK_INTEGRATION_CLISI].value);
        assert_true(whole.numbers[ISK_INTEGRATION_ILISI].value != fewer.numbers[ISK_INTEGRATION_ILISI].value);
    }
}

/* ---- messages, threads, memory ---- */

static void refused(isk_status got, isk_status wanted, const char *sentence) {
    assert_string_equal(isk_error(context), sentence);
    assert_int_equal(got, wanted);
}

static void says_what_is_wrong(void **state) {
    isk_integration_desc desc = described();
    isk_integration_report report;
    isk_scalar bad[4] = { 0, 1, (isk_scalar)NAN, 3 };
    int32_t one[4] = { 0, 0, 0, -1 };
    double mean;
    (void)state;
    refused(isk_integration(context, &desc, NULL), ISK_ARGUMENT, "isk_integration: report is NULL");
    desc.x.data = NULL;
    refused(isk_integration(context, &desc, &report), ISK_ARGUMENT, "x.data is NULL");
    desc.x = matrix(bad, 2, 2);
    refused(isk_integration(context, &desc, &report), ISK_DATA, "x holds a NaN in row 1, column 0 (from 0); replace or drop it");
    desc = described();
    desc.before.rows--;
    refused(isk_integration(context, &desc, &report), ISK_SHAPE, "before has 479 rows, but 480 are needed");
    desc = described();
    desc.labels = desc.batches = NULL;
    refused(isk_integration(context, &desc, &report), ISK_ARGUMENT,
            "labels and batches are NULL; an integration is judged by one of them, or both");
    refused(isk_silhouette(context, matrix(x, 4, COLS), one, NULL, &mean), ISK_DATA, "labels holds 1 label; a silhouette needs at least 2");
    one[0] = one[1] = one[2] = -1;
    refused(isk_silhouette(context, matrix(x, 4, COLS), one, NULL, &mean), ISK_DATA,
            "labels holds 0 labels; a silhouette needs at least 2");
#ifdef INDISEEK_DOUBLE
    bad[2] = 1e300;
    one[1] = 1;
    one[0] = 0;
    refused(isk_silhouette(context, matrix(bad, 4, 1), one, NULL, &mean), ISK_OK, "");
    one[2] = 1;
    refused(isk_silhouette(context, matrix(bad, 4, 1), one, NULL, &mean), ISK_DATA,
            "a distance from row 1 of x is too large for double; scale x down");
#endif
}

static void the_list(void **state) {
    isk_integration_desc desc = described();
    isk_integration_report report;
    (void)state;
    desc.batches = NULL;
    ok(isk_integration(context, &desc, &report));
    assert_int_equal(COUNT(report.numbers), 10);
    for (size_t i = 0; i < COUNT(report.numbers); i++) {
        assert_true(report.numbers[i].name[0] && report.numbers[i].words[0] && report.numbers[i].better == 1);
        assert_int_equal(report.numbers[i].view, ISK_NONE);
    }
    assert_string_equal(report.numbers[ISK_INTEGRATION_KBET].name, "kbet");
    assert_string_equal(report.numbers[ISK_INTEGRATION_CLISI].name, "clisi");
}

static void same_bits_for_any_threads(void **state) {
    isk_integration_desc desc = described();
    isk_integration_report report, again;
    (void)state;
    memset(&report, 0, sizeof report);
    memset(&again, 0, sizeof again);
    ok(isk_integration(context, &desc, &report));
    ok(isk_integration(three, &desc, &again));
    assert_memory_equal(&report, &again, sizeof report);
}

static int allocations, allowed, live;
static void *counted(size_t bytes, void *user) {
    (void)user;
    if (allocations++ >= allowed) { return NULL; }
    live++;
    return malloc(bytes);
}
static void counted_free(void *block, void *user) {
    (void)user;
    live -= block != NULL;
    free(block);
}

static void no_memory_leaves_nothing_behind(void **state) {
    isk_context_desc with;
    isk_integration_desc desc;
    isk_integration_report report;
    isk_context *own;
    isk_status status = ISK_MEMORY;
    int before_call, i;
    (void)state;
    memset(&with, 0, sizeof with);
    with.threads = 1;
    with.allocator.allocate = counted;
    with.allocator.release = counted_free;
    draw(31, 60, 2, 2);
    some[7] = others[9] = -1;                           /* so that all three sets of rows are made */
    memset(&desc, 0, sizeof desc);
    desc.x = desc.before = matrix(drawn, 60, COLS);
    desc.labels = some;
    desc.batches = others;
    allocations = live = 0;
    allowed = INT_MAX;
    own = isk_open(&with);
    assert_non_null(own);
    before_call = live;
    for (i = 0; status == ISK_MEMORY && i < 2000; i++) {
        allocations = 0;
        allowed = i;
        status = isk_integration(own, &desc, &report);
        if (status == ISK_MEMORY) { assert_non_null(strstr(isk_error(own), "out of memory")); }
        assert_int_equal(live, before_call);
    }
    assert_int_equal(status, ISK_OK);
    assert_true(i > 100);
    isk_close(own);
    assert_int_equal(live, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ten),
        cmocka_unit_test(rows_by_themselves),
        cmocka_unit_test(degrees_agree),
        cmocka_unit_test(silhouettes_are_exact),
        cmocka_unit_test(silhouettes_of_equal_rows),
        cmocka_unit_test(lisi_by_definition),
        cmocka_unit_test(lisi_edges),
        cmocka_unit_test(bandwidths_meet_their_sum),
        cmocka_unit_test(odd_distances),
        cmocka_unit_test(fuzzy_neighbours_are_checked),
        cmocka_unit_test(connectivity_by_definition),
        cmocka_unit_test(eigenvectors_of_a_sparse_matrix),
        cmocka_unit_test(chi_square),
        cmocka_unit_test(kbet_planted),
        cmocka_unit_test(little_to_judge),
        cmocka_unit_test(few_rows),
        cmocka_unit_test(equal_rows),
        cmocka_unit_test(clumps),
        cmocka_unit_test(unlabelled_rows_are_left_out),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(the_list),
        cmocka_unit_test(same_bits_for_any_threads),
        cmocka_unit_test(no_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests_name("integration", tests, open_all, close_all);
}
