/* Theta (Gui et al. section 4) and Spearman's correlation with the modality weights, against the formulas written out. */
/* build: float double */
#include "indiseek.h"
#include "tests/base/scarce.h"
#include "examples/cells/theta.c"
#include "tests/base/fixture.h"

enum { N = 150, TYPES = 5, D1 = 3, D2 = 4 };

static isk_scalar z1[N * D1], z2[N * D2];
static int32_t types[N];
static uint8_t parts[N];
static double weight[N], beta1[N], beta2[N], theta[N];

static double uniform(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) / 9007199254740992.0;
}

/* Types 0 .. 4 lie apart in z1 the more, in z2 the less, the higher they are; weights rise with them. */
static theta_desc make_case(void) {
    uint64_t state = 17;
    for (int i = 0; i < N; i++) {
        types[i] = i % 11 == 0 ? -1 : (i * 7) % TYPES;
        parts[i] = (uint8_t)(i % 3 == 0 ? ISK_TRAIN : i % 7 == 0 ? ISK_VALIDATION : ISK_TEST);
        for (int c = 0; c < D1; c++) { z1[i * D1 + c] = (isk_scalar)(uniform(&state) + (c == types[i] % D1 ? 0.25 * types[i] : 0)); }
        for (int c = 0; c < D2; c++) {
            z2[i * D2 + c] = (isk_scalar)(uniform(&state) + (c == types[i] % D2 ? 0.25 * (TYPES - types[i]) : 0));
        }
        weight[i] = 0.1 * types[i] + 0.3 * uniform(&state);
    }
    return (theta_desc){ .z = { { z1, N, D1 }, { z2, N, D2 } }, .labels = types, .label_count = TYPES, .part = parts, .weight = weight,
                         .k = 6, .beta = { beta1, beta2 }, .theta = theta };
}

/* ---- the formulas, naively ---- */

static int is_scored(int i) { return types[i] >= 0 && parts[i] == ISK_TEST && isfinite(z1[i * D1]) && isfinite(z2[i * D2 + 1]); }

static double gap(const isk_scalar *z, int cols, int i, int j) {
    double sum = 0;
    for (int c = 0; c < cols; c++) { sum += pow((double)z[i * cols + c] - (double)z[j * cols + c], 2); }
    return sum;
}

/* How many cells are nearer than j decides whether j is a neighbour. */
static int naive_matches(const isk_scalar *z, int cols, int i, int k) {
    int matches = 0;
    for (int j = 0; j < N; j++) {
        int nearer = 0;
        if (j == i || !is_scored(j)) { continue; }
        for (int m = 0; m < N; m++) { nearer += m != i && m != j && is_scored(m) && gap(z, cols, i, m) < gap(z, cols, i, j); }
        matches += nearer < k && types[j] == types[i];
    }
    return matches;
}

static double naive_spearman(const double *a, const double *b, int n) {
    double squares = 0;             /* without ties */
    for (int i = 0; i < n; i++) {
        int ra = 0, rb = 0;
        for (int j = 0; j < n; j++) { ra += a[j] < a[i]; rb += b[j] < b[i]; }
        squares += pow(ra - rb, 2);
    }
    return 1 - 6 * squares / (n * (n * n - 1.0));
}

static void check_case(const theta_desc *desc, const theta_result *r) {
    double means[TYPES] = { 0 }, weights[TYPES] = { 0 }, counts[TYPES] = { 0 }, cells[TYPES] = { 0 }, a[TYPES], b[TYPES];
    int compared = 0, scored = 0;
    for (int i = 0; i < N; i++) {
        int m1, m2;
        if (types[i] >= 0 && isfinite(weight[i]) && (!desc->weight_of_scored || is_scored(i))) {
            weights[types[i]] += weight[i];
            cells[types[i]]++;
        }
        if (!is_scored(i)) {
            assert_true(isnan(theta[i]) && isnan(beta1[i]) && isnan(beta2[i]));
            continue;
        }
        m1 = naive_matches(z1, D1, i, desc->k);
        m2 = naive_matches(z2, D2, i, desc->k);
        assert_true(beta1[i] == (double)m1 / desc->k && beta2[i] == (double)m2 / desc->k);
        assert_true(fabs(theta[i] - log((m1 + 0.5) / (m2 + 0.5))) < 1e-14);
        means[types[i]] += theta[i];
        counts[types[i]]++;
        scored++;
    }
    assert_int_equal(r->scored, scored);
    for (int l = 0; l < TYPES; l++) {
        assert_true(r->types[l].scored == (int64_t)counts[l] && r->types[l].cells == (int64_t)cells[l]);
        assert_true(fabs(r->types[l].theta - means[l] / counts[l]) < 1e-12 && fabs(r->types[l].weight - weights[l] / cells[l]) < 1e-12);
        assert_int_equal(r->types[l].compared, counts[l] >= (desc->least ? (double)desc->least : 1));
        if (!r->types[l].compared) {
            assert_true(isnan(r->types[l].theta_rank) && isnan(r->types[l].weight_rank));
            continue;
        }
        a[compared] = means[l] / counts[l];
        b[compared++] = weights[l] / cells[l];
    }
    assert_int_equal(r->compared, compared);
    for (int l = 0, at = 0; l < TYPES; l++) {
        double below = 1, lighter = 1;
        if (!r->types[l].compared) { continue; }
        for (int m = 0; m < compared; m++) { below += a[m] < a[at]; lighter += b[m] < b[at]; }
        assert_true(r->types[l].theta_rank == below && r->types[l].weight_rank == lighter);
        at++;
    }
    assert_true(fabs(r->rho - naive_spearman(a, b, compared)) < 1e-12);
}

static void the_formulas(void **state) {
    theta_desc desc = make_case();
    theta_result r;
    (void)state;
    must(theta_make(context, &desc, &r));
    check_case(&desc, &r);
    assert_int_equal(r.compared, TYPES);
    assert_true(r.rho > 0.5 && isnan(r.low) && isnan(r.high) && r.draws == 0);
    theta_free(&r);
    desc.weight_of_scored = 1;
    must(theta_make(context, &desc, &r));
    check_case(&desc, &r);
    theta_free(&r);
    z1[4 * D1] = (isk_scalar)NAN;                          /* absent */
    z2[8 * D2 + 1] = (isk_scalar)NAN;
    weight[10] = NAN;
    desc.weight_of_scored = 0;
    must(theta_make(context, &desc, &r));
    check_case(&desc, &r);
    theta_free(&r);
}

static void few_cells_are_not_compared(void **state) {
    theta_desc desc = make_case();
    theta_result r;
    int most = 0;
    (void)state;
    for (int i = 0, kept = 0; i < N; i++) {
        if (types[i] == 2 && is_scored(i) && kept++ >= 4) { types[i] = -1; }
    }
    desc.least = 5;
    must(theta_make(context, &desc, &r));
    check_case(&desc, &r);
    assert_true(r.compared == TYPES - 1 && !r.types[2].compared && r.types[2].scored == 4);
    theta_free(&r);
    desc.least = 4;
    must(theta_make(context, &desc, &r));
    assert_true(r.compared == TYPES && r.types[2].compared);
    theta_free(&r);
    for (int i = 0; i < N; i++) { most += is_scored(i); }
    desc.least = most;                                     /* no type has as many: there is no rho, and no mistake */
    desc.draws = 10;
    must(theta_make(context, &desc, &r));
    assert_true(r.compared == 0 && isnan(r.rho) && isnan(r.low) && r.draws == 0);
    theta_free(&r);
    desc.least = 0;
    desc.weight = NULL;
    must(theta_make(context, &desc, &r));
    assert_true(r.compared == 0 && isnan(r.rho) && r.types[0].cells > 0 && isnan(r.types[0].weight) && isfinite(r.types[0].theta));
    theta_free(&r);
    desc = make_case();
    desc.draws = 10;
    for (int i = 0; i < N; i++) { weight[i] = 0.5; }
    must(theta_make(context, &desc, &r));
    assert_true(r.compared == TYPES && isnan(r.rho) && r.draws == 0 && isnan(r.high));
    theta_free(&r);
}

static void all_cells_may_be_scored(void **state) {
    theta_desc desc = make_case();
    theta_result r;
    int64_t labelled = 0;
    (void)state;
    for (int i = 0; i < N; i++) { labelled += types[i] >= 0; }
    desc.part = NULL;
    must(theta_make(context, &desc, &r));
    assert_int_equal(r.scored, labelled);
    theta_free(&r);
    desc.part = parts;
    desc.scored = ISK_VALIDATION;
    desc.k = 2;
    must(theta_make(context, &desc, &r));
    for (int i = 0; i < N; i++) { assert_int_equal(!isnan(theta[i]), parts[i] == ISK_VALIDATION && types[i] >= 0); }
    theta_free(&r);
}

/* The same for a seed, nearly the same for another. */
static void the_bootstrap(void **state) {
    theta_desc desc = make_case();
    theta_result r, again, other;
    (void)state;
    desc.draws = 400;
    desc.seed = 3;
    must(theta_make(context, &desc, &r));
    must(theta_make(context, &desc, &again));
    desc.seed = 4;
    must(theta_make(context, &desc, &other));
    assert_true(r.draws == 400 && r.low <= r.rho && r.rho <= r.high && r.low < r.high && r.low >= -1 && r.high <= 1);
    assert_true(r.low == again.low && r.high == again.high && r.rho == other.rho);
    assert_true(fabs(r.low - other.low) < 0.25);
    theta_free(&r);
    theta_free(&again);
    theta_free(&other);
}

static void quantiles_are_interpolated(void **state) {
    const double sorted[] = { 1, 2, 4, 8, 16 };
    (void)state;
    assert_true(quantile(sorted, 5, 0) == 1 && quantile(sorted, 5, 1) == 16 && quantile(sorted, 5, 0.5) == 4);
    assert_true(fabs(quantile(sorted, 5, 0.025) - 1.1) < 1e-12 && fabs(quantile(sorted, 5, 0.975) - 15.2) < 1e-12);
    assert_true(quantile(sorted, 1, 0.3) == 1 && isnan(quantile(sorted, 0, 0.5)));
}

/* One draw against the same stream read by hand: which cells make the means. */
static void a_draw_by_hand(void **state) {
    int64_t starts[] = { 0, 2, 5 }, cells[] = { 3, 4, 0, 1, 2 }, index[] = { 10, 11, 12, 13, 14 };
    double of_cells[] = { 1, 2, 4, 8, 16 }, of_rows[20], values[4], a = 0, b = 0;
    const pool p = { starts, cells };
    theta_desc desc = { .weight = of_rows, .weight_of_scored = 1 };
    theta_result r = { .compared = 2 };
    theta_state s = { .desc = &desc, .result = &r, .theta = of_cells, .values = values, .index = index };
    random_stream random = random_open(5, 0), same = random;
    (void)state;
    for (int i = 0; i < 20; i++) { of_rows[i] = i; }
    resample(&s, &p, &p, &random);
    for (int i = 0; i < 2; i++) {
        const int64_t cell = 3 + random_below(&same, 2);
        a += of_cells[cell] / 2;
        b += (double)(10 + cell) / 2;
    }
    assert_true(fabs(values[0] - a) < 1e-12 && fabs(values[2] - b) < 1e-12);
    for (a = b = 0; same.position < 5;) {
        const int64_t cell = random_below(&same, 3);
        a += of_cells[cell] / 3;
        b += (double)(10 + cell) / 3;
    }
    assert_true(fabs(values[1] - a) < 1e-12 && fabs(values[3] - b) < 1e-12);
}

static void mistakes_are_named(void **state) {
    theta_desc desc = make_case();
    theta_result r;
    (void)state;
    desc.z[1].rows = N - 1;
    expect(context, theta_make(context, &desc, &r), ISK_SHAPE,
           "specific features of two modalities are due for the same cells; they have 150 and 149 rows");
    desc = make_case();
    desc.label_count = 0;
    expect(context, theta_make(context, &desc, &r), ISK_ARGUMENT, "theta needs the type of each cell; label_count is 0");
    desc.label_count = 4;
    expect(context, theta_make(context, &desc, &r), ISK_DATA, "labels[2] is 4, but label_count is 4");
    desc = make_case();
    desc.k = 100;
    expect(context, theta_make(context, &desc, &r), ISK_ARGUMENT,
           "theta compares 100 neighbours of each cell, but 78 cells are scored; choose a smaller k");
    desc.k = 78;
    expect(context, theta_make(context, &desc, &r), ISK_ARGUMENT,
           "theta compares 78 neighbours of each cell, but 78 cells are scored; choose a smaller k");
    desc.k = 77;
    must(theta_make(context, &desc, &r));
    theta_free(&r);
    desc = make_case();
    desc.draws = -1;
    expect(context, theta_make(context, &desc, &r), ISK_ARGUMENT, "k is 6, least 0 and draws -1; none may be negative");
    assert_null(r.types);
}

static isk_status run(isk_context *c, void *argument) {
    theta_result r;
    const isk_status status = theta_make(c, argument, &r);
    if (status == ISK_OK) { theta_free(&r); }
    return status;
}

static void memory_runs_out(void **state) {
    theta_desc desc = make_case();
    (void)state;
    desc.draws = 5;
    sweep_memory(context, run, &desc);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_formulas),
        cmocka_unit_test(few_cells_are_not_compared),
        cmocka_unit_test(all_cells_may_be_scored),
        cmocka_unit_test(the_bootstrap),
        cmocka_unit_test(quantiles_are_interpolated),
        cmocka_unit_test(a_draw_by_hand),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
