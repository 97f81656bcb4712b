/* UMAP for pictures: each step against its definition (McInnes et al. 2018), and whole layouts against what umap-learn reaches. */
/* build: float double */
#include "indiseek.h"
#include "tests/base/scarce.h"
#include "examples/base/lines.c"
#include "examples/formats/mtx.c"
#include "examples/cells/umap.c"
#include "tests/base/fixture.h"

#include "examples/cells/preprocess.h"

#include <time.h>

enum { LARGEST = 300, COLS = 4 };

static isk_scalar data[LARGEST * COLS];
static float points[LARGEST * 2], others[LARGEST * 2];

/* Clusters whose centres lie `apart` from each other along the axes in turn. */
static umap_desc make_case(int n, int clusters, double apart) {
    random_stream random = random_open(12, 0);
    for (int i = 0; i < n; i++) {
        for (int c = 0; c < COLS; c++) {
            const int cluster = i % clusters;
            data[i * COLS + c] = (isk_scalar)(random_normal(&random) + (c == cluster % COLS ? apart * (1 + cluster / COLS) : 0));
        }
    }
    return (umap_desc){ .x = { data, n, COLS }, .epochs = 60, .seed = 1, .points = points };
}

static void all_finite(const float *p, int n) {
    for (int i = 0; i < 2 * n; i++) { assert_true(isfinite(p[i])); }
}

/* ---- steps ---- */

/* rho, and sigma by bisection, of one row without neighbours that are not there. */
static void bandwidth(const double *distances, int k, double *rho, double *sigma) {
    double low = 0, high = 1e6;
    *rho = 0;
    for (int j = k; j > 0; j--) { *rho = distances[j - 1] > 0 ? distances[j - 1] : *rho; }
    for (int step = 0; step < 200; step++) {
        double sum = 0;
        *sigma = (low + high) / 2;
        for (int j = 0; j < k; j++) { sum += exp(-fmax(0, distances[j] - *rho) / *sigma); }
        *(sum > log2(k + 1) ? &high : &low) = *sigma;
    }
}

/* Every pair's membership from its definition. */
static void the_graph(void **state) {
    enum { N = 60, K = 9 };
    static double p[N][N];
    umap_desc desc = make_case(N, 3, 2);
    umap_state s = { .context = context, .desc = &desc, .rows = N, .epochs = 200 };
    double most = 0;
    int64_t edges = 0;
    (void)state;
    desc.k = K + 1;
    memcpy(data + 7 * COLS, data + 3 * COLS, sizeof *data * COLS);
    must(choose_rows(&s));
    must(find_neighbours(&s));
    memset(p, 0, sizeof p);
    for (int i = 0; i < N; i++) {
        double rho, sigma;
        bandwidth(s.distances + i * K, K, &rho, &sigma);
        for (int j = 0; j < K; j++) { p[i][s.near[i * K + j]] = exp(-fmax(0, s.distances[i * K + j] - rho) / sigma); }
    }
    must(make_graph(&s));
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) { most = fmax(most, p[i][j] + p[j][i] - p[i][j] * p[j][i]); }
    }
    for (int i = 0; i < N; i++) {
        int64_t e = s.graph.starts[i];
        for (int j = 0; j < N; j++) {
            const double due = p[i][j] + p[j][i] - p[i][j] * p[j][i];
            if (due < most / 200 || due == 0) { continue; }
            assert_true(e < s.graph.starts[i + 1] && s.graph.columns[e] == j && fabs((double)s.graph.values[e++] - due) < 1e-4);
            edges++;
        }
        assert_int_equal(e, s.graph.starts[i + 1]);
    }
    assert_int_equal(edges, s.graph.count);
    for (int64_t i = 0; i < N; i++) {
        for (int64_t e = s.graph.starts[i]; e < s.graph.starts[i + 1]; e++) {
            const int64_t j = s.graph.columns[e];
            int64_t back = s.graph.starts[j];
            while (s.graph.columns[back] != i) { back++; }
            assert_true(back < s.graph.starts[j + 1] && s.graph.values[back] == s.graph.values[e] && j != i);
        }
    }
    state_free(&s);
}

/* scipy's curve_fit as umap-learn 0.5.12 calls it (find_ab_params). */
static void the_curve(void **state) {
    static const struct { double spread, min_distance, a, b; } cases[] = {
        { 1, 0.1, 1.5769434602697652, 0.8950608778515733 },
        { 1, 0.3, 0.9921756195894755, 1.112253384404663 },
        { 2, 0.5, 0.2588787412869628, 1.0574996994409025 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        double a, b;
        fit_curve(cases[i].min_distance, cases[i].spread, &a, &b);
        assert_true(fabs(a - cases[i].a) < 1e-5 && fabs(b - cases[i].b) < 1e-5);
    }
}

/* A ring of n points has eigenvalues cos(2 pi j / n), and the points of its eigenvectors lie on a circle in their order. */
static void a_ring_is_a_circle(void **state) {
    enum { N = 90 };
    int64_t starts[N + 1], members[N];
    int32_t columns[2 * N], place[N];
    isk_scalar values[2 * N];
    double out[2 * N];
    const sparse ring = { N, N, 2 * N, starts, columns, values };
    part p = { .graph = &ring, .members = members, .place = place, .m = N };
    random_stream random = random_open(2, 0);
    (void)state;
    for (int i = 0; i < N; i++) {
        starts[i] = 2 * i;
        columns[2 * i] = (i + 1) % N;
        columns[2 * i + 1] = (i + N - 1) % N;
        values[2 * i] = values[2 * i + 1] = (isk_scalar)0.7;
        members[i] = place[i] = i;
    }
    starts[N] = 2 * N;
    must(part_vectors(context, &p, &random, out));
    for (int i = 0; i < N; i++) {
        const int next = (i + 1) % N;
        const double cosine = (out[2 * i] * out[2 * next] + out[2 * i + 1] * out[2 * next + 1]) /
                              (hypot(out[2 * i], out[2 * i + 1]) * hypot(out[2 * next], out[2 * next + 1]));
        assert_true(fabs(hypot(out[2 * i], out[2 * i + 1]) - sqrt(2.0 / N)) < 1e-3 * sqrt(2.0 / N));
        assert_true(fabs(cosine - cos(6.283185307179586 / N)) < 1e-4);
    }
}

/* Parts of the graph begin about places of their own, each within half the way to the next. */
static void parts_start_apart(void **state) {
    (void)state;
    for (int parts = 2; parts <= 6; parts++) {
        umap_desc desc = make_case(240, parts, 100);
        umap_state s = { .context = context, .desc = &desc, .rows = 240, .epochs = 200 };
        double means[6][2] = { { 0 } };
        must(choose_rows(&s));
        s.y = scarce_malloc(sizeof *s.y * 480);
        s.start = scarce_malloc(sizeof *s.start * 480);
        must(find_neighbours(&s));
        must(make_graph(&s));
        must(make_start(&s));
        for (int i = 0; i < 480; i++) {
            assert_true(s.y[i] >= 0 && s.y[i] <= 10);
            means[i / 2 % parts][i % 2] += s.start[i] * parts / 240;
        }
        for (int a = 0; a < parts; a++) {
            for (int b = 0; b < a; b++) { assert_true(hypot(means[a][0] - means[b][0], means[a][1] - means[b][1]) > 4); }
        }
        state_free(&s);
    }
}

/* ---- layouts ---- */

static void the_same_for_a_seed(void **state) {
    umap_desc desc = make_case(200, 3, 2);
    isk_context *threads = isk_open(&(isk_context_desc){ .threads = 3, .device = ISK_DEVICE_CPU });
    (void)state;
    must(umap_layout(context, &desc));
    desc.points = others;
    assert_int_equal(umap_layout(threads, &desc), ISK_OK);
    isk_close(threads);
    assert_memory_equal(points, others, sizeof(float) * 400);
    desc.seed = 2;
    must(umap_layout(context, &desc));
    assert_true(memcmp(points, others, sizeof(float) * 400) != 0);
}

static void given_neighbours_do_the_same(void **state) {
    static int32_t near[200 * 14];
    static double distances[200 * 14];
    umap_desc desc = make_case(200, 2, 1);
    (void)state;
    must(umap_layout(context, &desc));
    must(isk_knn(context, &(isk_knn_desc){ .queries = desc.x, .k = 14, .indices = near, .distances = distances }));
    for (int i = 0; i < 200 * 14; i++) { distances[i] = sqrt(distances[i]); }
    desc = (umap_desc){ .indices = near, .distances = distances, .rows = 200, .k = 14, .epochs = 60, .seed = 1, .points = others };
    must(umap_layout(context, &desc));
    assert_memory_equal(points, others, sizeof(float) * 400);
    /* rows without any are left out, and are nobody's neighbours */
    for (int j = 0; j < 14; j++) { near[5 * 14 + j] = -1; }
    near[9 * 14 + 3] = -1;
    distances[9 * 14 + 3] = NAN;
    near[11 * 14 + 5] = near[11 * 14 + 4];
    must(umap_layout(context, &desc));
    for (int i = 0; i < 200; i++) { assert_int_equal(isnan(others[2 * i]) && isnan(others[2 * i + 1]), i == 5); }
}

/* Each point lies nearer to the mean of its own cluster than to any other's. */
static void clusters_stay_apart(void **state) {
    static const struct { int clusters; double apart; } cases[] = { { 2, 6 }, { 2, 100 }, { 3, 100 }, { 4, 100 }, { 6, 100 }, { 8, 1000 } };
    (void)state;
    for (size_t t = 0; t < COUNT(cases); t++) {
        const int clusters = cases[t].clusters;
        double means[8][2] = { { 0 } };
        umap_desc desc = make_case(240, clusters, cases[t].apart);
        desc.epochs = 200;
        must(umap_layout(context, &desc));
        all_finite(points, 240);
        for (int i = 0; i < 480; i++) { means[i / 2 % clusters][i % 2] += (double)points[i] / 240 * clusters; }
        for (int i = 0; i < 240; i++) {
            double gaps[8];
            for (int c = 0; c < clusters; c++) {
                gaps[c] = hypot((double)points[2 * i] - means[c][0], (double)points[2 * i + 1] - means[c][1]);
            }
            for (int c = 0; c < clusters; c++) {
                if (c != i % clusters && gaps[c] <= gaps[i % clusters]) { fail_msg("case %d: point %d lies in cluster %d", (int)t, i, c); }
            }
        }
    }
}

static void one_column_and_parts(void **state) {
    umap_desc desc = make_case(120, 1, 0);
    (void)state;
    for (int i = 0; i < 120; i++) { data[i] = (isk_scalar)(1000 * (i % 6) + i / 6); }
    desc.x = (isk_matrix){ data, 120, 1 };
    desc.k = 5;
    must(umap_layout(context, &desc));
    all_finite(points, 120);
}

static void small_and_odd_numbers_of_points(void **state) {
    (void)state;
    for (int n = 1; n <= 20; n++) {
        for (int same = 0; same < 2; same++) {
            umap_desc desc = make_case(n, 1, 0);
            if (same) { memset(data, 0, sizeof data); }
            desc.k = n % 3 ? 0 : 2;
            points[2 * n] = 7;
            must(umap_layout(context, &desc));
            all_finite(points, n);
            assert_true(points[2 * n] == 7);
            for (int i = 0; i < n && n < 4; i++) { assert_true(points[2 * i] == (float)i && points[2 * i + 1] == 0); }
        }
    }
}

static void absent_rows_are_left_out(void **state) {
    umap_desc desc = make_case(100, 2, 3);
    (void)state;
    must(umap_layout(context, &desc));
    memcpy(others, points, sizeof others);
    for (int i = 99; i >= 0; i--) { memcpy(data + (i + 1 + (i >= 40)) * COLS, data + i * COLS, sizeof *data * COLS); }
    data[1] = (isk_scalar)NAN;                              /* rows 0 and 41 of 102 */
    data[41 * COLS] = (isk_scalar)INFINITY;
    desc.x.rows = 102;
    must(umap_layout(context, &desc));
    assert_true(isnan(points[0]) && isnan(points[1]) && isnan(points[82]) && isnan(points[83]));
    assert_memory_equal(points + 2, others, sizeof(float) * 80);
    assert_memory_equal(points + 84, others + 80, sizeof(float) * 120);
    for (int i = 0; i < 102 * COLS; i++) { data[i] = (isk_scalar)NAN; }
    must(umap_layout(context, &desc));
    for (int i = 0; i < 204; i++) { assert_true(isnan(points[i])); }
}

static int calls;
static int stop_at_three(void *user, double done) {
    assert_true(fabs(done - ++calls / 60.0) < 1e-12);
    return user && calls == 3;
}

static void it_can_be_stopped(void **state) {
    umap_desc desc = make_case(50, 2, 3);
    (void)state;
    calls = 0;
    desc.progress = stop_at_three;
    must(umap_layout(context, &desc));
    assert_int_equal(calls, 60);
    calls = 0;
    desc.user = &calls;
    points[0] = 7;
    expect(context, umap_layout(context, &desc), ISK_INTERRUPTED, "the layout was stopped after 3 of 60 epochs");
    assert_true(calls == 3 && points[0] == 7);
}

static void mistakes_are_named(void **state) {
    int32_t near[] = { 1, 0, 3, 2 };
    double distances[] = { 1, 1, 1, 1 };
    umap_desc desc = make_case(50, 2, 3);
    (void)state;
    desc.k = 1;
    expect(context, umap_layout(context, &desc), ISK_ARGUMENT, "k is 1; it counts the point itself, so it must be at least 2");
    desc.k = 0;
    desc.min_distance = -1;
    expect(context, umap_layout(context, &desc), ISK_ARGUMENT,
           "min_distance is -1, spread 0, epochs 60 and negatives 0; none may be negative");
    desc = (umap_desc){ .points = points };
    expect(context, umap_layout(context, &desc), ISK_SHAPE,
           "a layout needs points, or neighbours with their distances, of at least one row");
    desc = (umap_desc){ .points = points, .indices = near, .distances = distances, .rows = 4 };
    expect(context, umap_layout(context, &desc), ISK_ARGUMENT, "k is 0; it is the number of columns of the given neighbours");
    desc.k = 1;
    must(umap_layout(context, &desc));
    near[2] = 2;
    expect(context, umap_layout(context, &desc), ISK_DATA, "neighbour 0 of row 2 is row 2; it must be another of the 4 rows, or -1");
    near[2] = 4;
    expect(context, umap_layout(context, &desc), ISK_DATA, "neighbour 0 of row 2 is row 4; it must be another of the 4 rows, or -1");
    near[2] = 3;
    distances[3] = -1;
    expect(context, umap_layout(context, &desc), ISK_DATA, "the distance of neighbour 0 of row 3 is -1");
}

static isk_status run(isk_context *c, void *argument) { return umap_layout(c, argument); }

static isk_status run_trust(isk_context *c, void *argument) {
    double value;
    return umap_trustworthiness(c, ((umap_desc *)argument)->x, points, 5, &value);
}

static void memory_runs_out(void **state) {
    umap_desc desc = make_case(60, 6, 1000);
    (void)state;
    data[3] = (isk_scalar)NAN;
    desc.epochs = 3;
    desc.k = 4;
    sweep_memory(context, run, &desc);
    sweep_memory(context, run_trust, &desc);
}

/* ---- trustworthiness ---- */

static double naive_trust(int n, int k) {
    double sum = 0;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            int flat = 0, deep = 1;
            double near_j = hypot((double)points[2 * i] - (double)points[2 * j], (double)points[2 * i + 1] - (double)points[2 * j + 1]),
                d_j = 0;
            if (j == i) { continue; }
            for (int c = 0; c < COLS; c++) { d_j += pow((double)data[i * COLS + c] - (double)data[j * COLS + c], 2); }
            for (int l = 0; l < n; l++) {
                double d = 0;
                for (int c = 0; c < COLS; c++) { d += pow((double)data[i * COLS + c] - (double)data[l * COLS + c], 2); }
                flat += l != i && hypot((double)points[2 * i] - (double)points[2 * l],
                                        (double)points[2 * i + 1] - (double)points[2 * l + 1]) < near_j;
                deep += l != i && d < d_j;
            }
            if (flat < k && deep > k) { sum += deep - k; }
        }
    }
    return 1 - 2.0 / (n * k * (2.0 * n - 3 * k - 1)) * sum;
}

static void trustworthiness(void **state) {
    umap_desc desc = make_case(80, 3, 2);
    random_stream random = random_open(9, 0);
    double good, bad;
    (void)state;
    must(umap_layout(context, &desc));
    for (int k = 1; k < 40; k += 6) {
        must(umap_trustworthiness(context, desc.x, points, k, &good));
        assert_true(fabs(good - naive_trust(80, k)) < 1e-12);
    }
    must(umap_trustworthiness(context, desc.x, points, 0, &good));
    assert_true(fabs(good - naive_trust(80, 15)) < 1e-12 && good > 0.8);
    for (int i = 0; i < 160; i++) { points[i] = (float)random_uniform(&random); }
    must(umap_trustworthiness(context, desc.x, points, 0, &bad));
    assert_true(bad < 0.65 && fabs(bad - naive_trust(80, 15)) < 1e-12);
    points[60] = NAN;                                       /* the last 50 rows are not there, half of them for either reason */
    for (int i = 30; i < 80; i++) { points[2 * i] = i % 2 ? 1 : NAN; }
    for (int i = 30; i < 80; i++) { data[i * COLS + 2] = (isk_scalar)(i % 2 ? NAN : 1); }
    must(umap_trustworthiness(context, desc.x, points, 5, &good));
    assert_true(fabs(good - naive_trust(30, 5)) < 1e-12);
    expect(context, umap_trustworthiness(context, desc.x, points, 15, &good), ISK_ARGUMENT,
           "k is 15, but trustworthiness of 30 points needs k from 1 to less than half of them");
}

/* ---- real data ---- */

#define DATA "../shared/data/"

static double clock_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Proteins of the first cells, their log-ratios standardized over these; or the file as it is. */
static isk_scalar *read_set(const char *path, const char *norm, int64_t rows, isk_matrix *x) {
    input in;
    recipe r = { .norm = "" };
    isk_scalar *own = NULL, *values;
    uint8_t *train;
    must(input_read(context, path, &(input_desc){ .transpose = 0 }, &in));
    in.rows = rows && rows < in.rows ? rows : in.rows;
    train = calloc((size_t)in.rows, 1);
    snprintf(r.norm, sizeof r.norm, "%s", norm);
    must(recipe_learn(&r, &in, "x1", train, x, &own));
    values = in.values;
    in.values = NULL;
    recipe_free(&r);
    input_free(&in);
    free(train);
    assert_null(own);
    return values;
}

/* Measured by umap-learn 0.5.12 (numpy 2.4.6) with y = umap.UMAP(random_state=42).fit_transform(x), and scikit-learn 1.9.1 with
   trustworthiness(x, y, n_neighbors=15); other seeds (0, 1) differ by up to .0013.  x of the proteins: log1p(c / exp(mean of log1p(c))) of
   the counts c of the first 2000 cells, less the columns' means, divided by std(ddof=1). */
static void as_trustworthy_as_umap_learn(void **state) {
    static const struct { const char *path, *norm; int64_t rows; double due; } sets[] = {
        { DATA "pbmc10k_citeseq/adt_counts.npy", "clr", 2000, 0.9857 },
        { DATA "mfeat_handwritten/view_fou.npy", "none", 0, 0.9857 },
        { DATA "mfeat_handwritten/view_pix.npy", "none", 0, 0.9890 },
    };
    struct stat info;
    (void)state;
    if (stat(DATA "README.md", &info) != 0) {
        print_message("skipped: no " DATA "\n");
        skip();
    }
    for (size_t i = 0; i < COUNT(sets); i++) {
        isk_matrix x;
        isk_scalar *values = read_set(sets[i].path, sets[i].norm, sets[i].rows, &x);
        float *y = malloc(sizeof *y * 2 * (size_t)x.rows);
        const double began = clock_seconds();
        double trust, ended;
        must(umap_layout(context, &(umap_desc){ .x = x, .seed = 42, .points = y }));
        ended = clock_seconds();
        must(umap_trustworthiness(context, x, y, 15, &trust));
        print_message("%s: %lld x %lld, trustworthiness %.4f, umap-learn %.4f; layout %.1f s\n", sets[i].path + strlen(DATA),
                      (long long)x.rows, (long long)x.cols, trust, sets[i].due, ended - began);
        assert_true(trust >= sets[i].due - 0.01);
        free(y);
        free(values);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_graph),
        cmocka_unit_test(the_curve),
        cmocka_unit_test(a_ring_is_a_circle),
        cmocka_unit_test(parts_start_apart),
        cmocka_unit_test(the_same_for_a_seed),
        cmocka_unit_test(given_neighbours_do_the_same),
        cmocka_unit_test(clusters_stay_apart),
        cmocka_unit_test(one_column_and_parts),
        cmocka_unit_test(small_and_odd_numbers_of_points),
        cmocka_unit_test(absent_rows_are_left_out),
        cmocka_unit_test(it_can_be_stopped),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(trustworthiness),
        cmocka_unit_test(as_trustworthy_as_umap_learn),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
