/* What methods of counts and of variational autoencoders are made of: the likelihoods of counts and the functions under them, against
   numbers of mpmath; divergences of normal laws; total correlation and conditional invariance against loops; their gradients; absent
   rows, and orders of rows and labels that change nothing. */
/* build: float double */

#define INDISEEK_IMPLEMENTATION
#define INDISEEK_NO_CUDA
#define INDISEEK_NO_METRICS
#include "indiseek.h"
#include "tests/base/hostile.h"
#include "counts_numbers.h"

#include <math.h>

enum { IS_DOUBLE = sizeof(isk_scalar) == sizeof(double), MOST = 512 };

static isk_context *context;
static isk_graph *graph;
static isk__random random_state;

static void ok(isk_status status) {
    if (status != ISK_OK) { fail_msg("%s", isk_error(context)); }
}

static int begin(void **state) {
    isk_context_desc desc = { .threads = 1 };
    (void)state;
    context = isk_open(&desc);
    graph = context ? isk_graph_open(context, NULL) : NULL;
    random_state = isk__random_open(5, 6);
    return graph ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    isk_graph_close(graph);
    isk_close(context);
    return 0;
}

static void fresh(void) {
    isk_graph_close(graph);
    graph = isk_graph_open(context, NULL);
    assert_non_null(graph);
}

/* relative: of max(size, |due|). */
static void close_to(double ours, double due, double relative, double size) {
    const double scale = fabs(due) > size ? fabs(due) : size;
    if (!(fabs(ours - due) <= relative * scale)) {
        fail_msg("%.17g, due %.17g, off by %.2g of %.2g", ours, due, fabs(ours - due) / scale, relative);
    }
}

static double normal(void) { return isk__random_normal(&random_state); }

static isk_tensor input_of(int rows, int cols, const double *values) {
    isk_scalar narrow[MOST];
    isk_tensor input = isk_input(graph, rows, cols);
    int i;
    assert_true(rows * cols <= MOST);
    for (i = 0; i < rows * cols; i++) { narrow[i] = (isk_scalar)values[i]; }
    ok(isk_write(input, 0, narrow));
    return input;
}

static void put(isk_tensor tensor, const double *values) {
    isk_scalar narrow[MOST];
    int i;
    for (i = 0; i < isk_rows(tensor) * isk_cols(tensor); i++) { narrow[i] = (isk_scalar)values[i]; }
    ok(isk_write(tensor, 0, narrow));
}

static isk_tensor learned(const char *name, int rows, int cols, const double *values) {
    isk_parameter_desc desc;
    isk_tensor tensor;
    memset(&desc, 0, sizeof desc);
    tensor = isk_parameter(isk_group_scope(graph, "net"), name, rows, cols, &desc);
    if (values) { put(tensor, values); }
    return tensor;
}

static double read_one(isk_tensor tensor) {
    isk_scalar value;
    ok(isk_read(tensor, 0, &value));
    return (double)value;
}

static double value_of(isk_tensor tensor) {
    ok(isk_run(isk_program_compute(graph, &tensor, 1), 1));
    return read_one(tensor);
}

/* Gradients of a loss stand in the worker's memory after a run. */
static isk_program *backward(isk_tensor loss) {
    isk_program *program = isk__minimize(graph, "net", &loss, 1, NULL, 1);
    if (!program) { fail_msg("%s", isk_error(context)); }
    return program;
}

static double slope(isk_tensor of, int row, int col) {
    const isk__parameter_info *info = &graph->parameters[isk__node_of(of)->parameter];
    const isk_scalar *all = graph->worker[0].block + graph->worker[0].offsets[graph->groups[info->group].gradient];
    return (double)all[info->offset + (size_t)(row * isk__node_of(of)->leaf.stride + col)];
}

static void check_gradient(isk_tensor loss) {
    const double worst = isk_check_gradient(graph, "net", loss, IS_DOUBLE ? 1e-6 : 2e-3);
    if (!(worst >= 0 && worst <= (IS_DOUBLE ? 1e-6 : 2e-2))) { fail_msg("gradient is off by %g: %s", worst, isk_error(context)); }
}

/* ---- functions ---- */

static void functions_of_gamma(void **state) {
    const double relative = IS_DOUBLE ? 3e-12 : 3e-7;
    size_t i;
    (void)state;
    for (i = 0; i < COUNT(known_gammas); i++) {
        const known_gamma *k = &known_gammas[i];
        const double size = k->x > 1e-3 ? 1 : 0;
        close_to((double)isk__lgamma((isk_scalar)k->x), k->lgamma, relative, size);
        close_to((double)isk__digamma((isk_scalar)k->x), k->digamma, relative, size);
        close_to((double)isk__trigamma((isk_scalar)k->x), k->trigamma, relative, 0);
    }
    for (i = 0; i < COUNT(known_risings); i++) {
        const known_rising *k = &known_risings[i];
        close_to((double)isk__rising((isk_scalar)k->x, (isk_scalar)k->theta), k->value, IS_DOUBLE ? 1e-12 : 5e-7,
                 IS_DOUBLE ? 1 : 0);            /* it is added to terms of that size */
        close_to((double)isk__rising_slope((isk_scalar)k->x, (isk_scalar)k->theta), k->slope, IS_DOUBLE ? 1e-9 : 2e-6, 0);
    }
}

/* As ops, whose gradient is the next function, and which take what is out of their range as its end. */
static void ops_of_gamma(void **state) {
    static const double at[] = { 0.3, 1, 1.4616, 2.5, 7, 30, 4, 0.9, 12 }, off[] = { 0, -3, 1e-20, -1e-30, 1e-16, 2, 1e-18, 0, 3 };
    isk_tensor x = learned("x", 1, 9, at), y[3];
    int i;
    (void)state;
    check_gradient(isk_sum_all(isk_lgamma(x)));
    check_gradient(isk_sum_all(isk_digamma(x)));
    check_gradient(isk_sum_all(isk_log1p(x)));
    put(x, off);
    y[0] = isk_lgamma(x);
    y[1] = isk_digamma(x);
    y[2] = isk_log1p(isk_affine(x, 1e3, 0));
    for (i = 0; i < 3; i++) {
        isk_scalar values[9];
        isk_program *program = backward(isk_sum_all(y[i]));
        int j;
        ok(isk_run(program, 1));
        ok(isk_run(isk_program_compute(graph, &y[i], 1), 1));
        ok(isk_read(y[i], 0, values));
        for (j = 0; j < 9; j++) { assert_true(isfinite((double)values[j]) && isfinite(slope(x, 0, j))); }
        if (i < 2) { close_to((double)values[0], i ? -1e16 : 36.841361487904731, 1e-6, 1); }
        if (i == 2) { close_to((double)values[1], log(0.01), 1e-6, 1); }
        assert_true(fabs(slope(x, 0, 1)) <= 0);         /* below the range */
    }
}

/* ---- likelihoods of counts ---- */

enum { WIDE = 11 };                         /* of the columns of a row, all alike: whole vectors and what is left of them */
typedef struct wide { isk_tensor x, log_mean, log_theta, logits, row; isk_program *program; } wide;

static wide wide_of(int kind) {
    wide w;
    w.x = isk_input(graph, 1, WIDE);
    w.log_mean = learned("log_mean", 1, WIDE, NULL);
    w.log_theta = kind < 2 ? learned("log_theta", 1, WIDE, NULL) : w.log_mean;
    w.logits = kind == 1 ? learned("logits", 1, WIDE, NULL) : w.log_mean;
    w.row = kind == 0 ? isk_negative_binomial(w.x, w.log_mean, w.log_theta)
          : kind == 1 ? isk_zero_inflated_negative_binomial(w.x, w.log_mean, w.log_theta, w.logits) : isk_poisson(w.x, w.log_mean);
    w.program = backward(isk_sum_all(w.row));
    return w;
}

static void fill(isk_tensor to, double value) {
    double values[WIDE];
    int i;
    for (i = 0; i < WIDE; i++) { values[i] = value; }
    put(to, values);
}

static double wide_value(const wide *w, double x, double log_mean, double log_theta, double logits) {
    isk_tensor sum = isk_sum_all(w->row);
    fill(w->x, x);
    if (w->logits.node != w->log_mean.node) { fill(w->logits, logits); }
    if (w->log_theta.node != w->log_mean.node) { fill(w->log_theta, log_theta); }
    fill(w->log_mean, log_mean);
    ok(isk_run(w->program, 1));
    return value_of(sum) / WIDE;
}

static void negative_binomials(void **state) {
    const double relative = IS_DOUBLE ? 1e-12 : 1e-6;
    int best = isk__cpu_level(), level, j;
    size_t i;
    (void)state;
    for (level = 0; level <= best; level++) {
        wide w;
        context->level = level;
        fresh();
        w = wide_of(0);
        for (i = 0; i < COUNT(known_nbs); i++) {
            const known_nb *k = &known_nbs[i];
            const double size = k->x + exp(k->log_mean);            /* of what its slopes are the difference */
            close_to(wide_value(&w, k->x, k->log_mean, k->log_theta, 0), k->value, relative, 1);
            for (j = 0; j < WIDE; j++) {
                close_to(slope(w.log_mean, 0, j), k->by_log_mean, relative, size);
                close_to(slope(w.log_theta, 0, j), k->by_log_theta, relative, size);
            }
        }
    }
}

/* Cases that scipy.stats.nbinom gives, and mixtures. */
static void closed_forms(void **state) {
    static const double nb[][4] = {
        { 0, .5, 2, -.44628710262841947 }, { 3, 2.5, .7, -2.42901265051 }, { 7, 10, 1e4, -2.406965998 }, { 1000, 900, 12, -6.665278168445 }
    };
    static const double by_mean[] = { -.8, .04375, -.2997002997, .00146198839 };
    static const double by_theta[] = { -.0231435513142, .7111013393150, NAN, .0361455542632 };
    static const double zinb[][5] = { { 0, .5, 2, -1, -.30541312703 }, { 3, 2.5, .7, .3, -3.28336789498 } };
    const double relative = IS_DOUBLE ? 1e-9 : 1e-6;
    wide w = wide_of(0);
    size_t i;
    (void)state;
    for (i = 0; i < COUNT(nb); i++) {
        const double x = nb[i][0], mean = nb[i][1], theta = nb[i][2], of_x = lgamma(x + 1), size = x + mean;
        close_to(wide_value(&w, x, log(mean), log(theta), 0) - of_x, nb[i][3], relative, IS_DOUBLE ? 1 : of_x);
        close_to(slope(w.log_mean, 0, 4) / mean, by_mean[i], relative, IS_DOUBLE ? 1 : size);
        if (by_theta[i] > -1) { close_to(slope(w.log_theta, 0, WIDE - 1) / theta, by_theta[i], relative, IS_DOUBLE ? 1 : size); }
    }
    fresh();
    w = wide_of(1);
    for (i = 0; i < COUNT(zinb); i++) {
        const double *k = zinb[i];
        close_to(wide_value(&w, k[0], log(k[1]), log(k[2]), k[3]) - lgamma(k[0] + 1), k[4], relative, IS_DOUBLE ? 1 : 3);
    }
    for (i = 0; i < COUNT(known_zinbs); i++) {
        const known_zinb *k = &known_zinbs[i];
        close_to(wide_value(&w, k->x, k->log_mean, k->log_theta, k->logits), k->value, IS_DOUBLE ? 1e-11 : 1e-6,
                 IS_DOUBLE ? 1e-3 : 1 + fabs(k->logits));
    }
    fresh();
    w = wide_of(2);
    close_to(wide_value(&w, 3, log(2.5), 0, 0) - log(6), -1.54288727361, relative, IS_DOUBLE ? 1 : 2);
}

/* What is out of the range counts as its end, and has no gradient; nothing is infinite at the ends or beyond. */
static void ends_of_ranges(void **state) {
    static const double ends[] = { -1e4, -51, -50, -23.5, 0, 23.5, 50, 51, 1e4 }, counts[] = { 0, 1, 3, 70, 1e6 };
    int kind;
    (void)state;
    for (kind = 0; kind < 3; kind++) {
        size_t i, j, k;
        wide w;
        fresh();
        w = wide_of(kind);
        for (i = 0; i < COUNT(counts); i++) {
            for (j = 0; j < COUNT(ends); j++) {
                for (k = 0; k < (kind < 2 ? COUNT(ends) : 1); k++) {
                    assert_true(isfinite(wide_value(&w, counts[i], ends[j], ends[k], ends[COUNT(ends) - 1 - j])));
                    assert_true(isfinite(slope(w.log_mean, 0, 3)) && isfinite(slope(w.log_theta, 0, 3)) && isfinite(slope(w.logits, 0, 3)));
                    if (fabs(ends[j]) > 50) { assert_true(fabs(slope(w.log_mean, 0, 3)) <= 0); }
                    if (kind < 2 && fabs(ends[k]) > 23) { assert_true(fabs(slope(w.log_theta, 0, 3)) <= 0); }
                }
            }
            close_to(wide_value(&w, counts[i], 60, 1, 0), wide_value(&w, counts[i], 50, 1, 0), 1e-12, 0);
            close_to(wide_value(&w, counts[i], -60, 1, 0), wide_value(&w, counts[i], -50, 1, 0), 1e-12, 0);
            close_to(wide_value(&w, counts[i], 1, 30, 0), wide_value(&w, counts[i], 1, 23, 0), 1e-12, 0);
        }
    }
}

enum { ROWS = 7, COLS = 5 };

static void counts_of(double *x) {
    int i;
    for (i = 0; i < ROWS * COLS; i++) { x[i] = floor(exp(1 + normal())) * (i % 3 > 0); }
}

static isk_tensor row_loss(int kind, isk_tensor x, isk_tensor log_mean, isk_tensor log_theta, isk_tensor logits) {
    return kind == 0 ? isk_negative_binomial(x, log_mean, log_theta)
         : kind == 1 ? isk_zero_inflated_negative_binomial(x, log_mean, log_theta, logits) : isk_poisson(x, log_mean);
}

static void gradients_of_counts(void **state) {
    double x[ROWS * COLS], log_mean[ROWS * COLS], logits[ROWS * COLS], log_theta[COLS];
    isk_tensor of[4], weights;
    const double some[ROWS] = { 1, 0, 1, 1, 0, 1, 1 };
    int i, kind;
    (void)state;
    counts_of(x);
    for (i = 0; i < ROWS * COLS; i++) {
        log_mean[i] = normal();
        logits[i] = normal();
    }
    log_mean[3] = -70;                      /* beyond the clamps */
    for (i = 0; i < COLS; i++) { log_theta[i] = 1.5 * normal(); }
    log_theta[2] = 30;
    of[0] = input_of(ROWS, COLS, x);
    of[1] = learned("log_mean", ROWS, COLS, log_mean);
    of[2] = learned("log_theta", 1, COLS, log_theta);
    of[3] = learned("logits", ROWS, COLS, logits);
    weights = input_of(ROWS, 1, some);
    for (kind = 0; kind < 3; kind++) {
        check_gradient(isk_mean_all(isk_tanh(isk_affine(row_loss(kind, of[0], of[1], of[2], of[3]), 0.1, 0))));
        check_gradient(isk_mean_all(row_loss(kind, of[0], isk_with_row_weights(of[1], weights), of[2], of[3])));
    }
}

/* A row of weight 0 counts for nothing, whatever stands in it: the loss is that of the others, and so are the gradients. */
static void absent_rows_of_counts(void **state) {
    const double some[ROWS] = { 1, 1, 1, 1, 1, 0, 0 }, strange[] = { 0, 1e6, 5 };
    double x[ROWS * COLS], log_mean[ROWS * COLS], logits[ROWS * COLS], log_theta[COLS], losses[3], slopes[3][COLS];
    int kind, k, j;
    (void)state;
    counts_of(x);
    for (j = 0; j < ROWS * COLS; j++) {
        log_mean[j] = normal();
        logits[j] = normal();
    }
    for (j = 0; j < COLS; j++) { log_theta[j] = normal(); }
    for (kind = 0; kind < 3; kind++) {
        for (k = 0; k < 3; k++) {           /* the first five alone; all, with either of two contents of the rest */
            const int rows = k ? ROWS : 5;
            isk_tensor means, thetas, loss;
            fresh();
            for (j = 5 * COLS; j < ROWS * COLS; j++) {
                x[j] = strange[k];
                log_mean[j] = k > 1 ? 40 : -3;
            }
            means = learned("log_mean", rows, COLS, log_mean);
            thetas = learned("log_theta", 1, COLS, log_theta);
            loss = row_loss(kind, input_of(rows, COLS, x), k ? isk_with_row_weights(means, input_of(rows, 1, some)) : means, thetas,
                            input_of(rows, COLS, logits));
            loss = isk_mean_all(loss);
            if (kind < 2) { ok(isk_run(backward(loss), 1)); }
            losses[k] = value_of(loss);
            for (j = 0; j < COLS && kind < 2; j++) { slopes[k][j] = slope(thetas, 0, j); }
        }
        close_to(losses[1], losses[0], IS_DOUBLE ? 1e-13 : 1e-6, 0);
        assert_memory_equal(&losses[1], &losses[2], sizeof losses[0]);
        for (j = 0; j < COLS && kind < 2; j++) { close_to(slopes[1][j], slopes[0][j], IS_DOUBLE ? 1e-12 : 1e-5, 1); }
        if (kind < 2) { assert_memory_equal(slopes[1], slopes[2], sizeof slopes[0]); }
    }
}

/* ---- normal laws ---- */

static void normal_laws(void **state) {
    static const double mean[] = { .3, -1 }, prior[] = { 0, .5 };
    const double logvar[] = { log(.5), log(2) }, prior_logvar[] = { 0, log(.25) };
    double wide_mean[ROWS * COLS], wide_logvar[ROWS * COLS], wide_prior[ROWS * COLS], of_prior[ROWS * COLS];
    isk_tensor a, b, c, d;
    int i;
    (void)state;
    close_to(value_of(isk_normal_kl(input_of(1, 2, mean), input_of(1, 2, logvar), input_of(1, 2, prior), input_of(1, 2, prior_logvar))),
             7.10185281944, IS_DOUBLE ? 1e-9 : 1e-6, 1);
    close_to(value_of(isk_normal_kl(input_of(1, 2, mean), input_of(1, 2, logvar), input_of(1, 2, mean), input_of(1, 2, logvar))), 0,
             IS_DOUBLE ? 1e-15 : 1e-6, 1);
    close_to(value_of(isk_normal_log_density(input_of(1, 2, prior), input_of(1, 2, mean), input_of(1, 2, logvar))),
             -.5 * (.09 / .5 + 2.25 / 2 + 2 * log(6.283185307179586)), IS_DOUBLE ? 1e-13 : 1e-6, 1);
    for (i = 0; i < ROWS * COLS; i++) {
        wide_mean[i] = normal();
        wide_prior[i] = normal();
        wide_logvar[i] = normal();
        of_prior[i] = normal();
    }
    a = learned("mean", ROWS, COLS, wide_mean);
    b = learned("logvar", ROWS, COLS, wide_logvar);
    c = learned("prior", ROWS, COLS, wide_prior);
    d = learned("of_prior", ROWS, COLS, of_prior);
    check_gradient(isk_mean_all(isk_tanh(isk_normal_kl(a, b, c, d))));
    check_gradient(isk_mean_all(isk_tanh(isk_normal_log_density(a, c, d))));
    check_gradient(isk_mean_all(isk_square(isk_sample_normal(a, b, input_of(ROWS, COLS, wide_prior)))));
    of_prior[4] = -70;                      /* e^70 counts as e^50: so large that only whether it is finite can be asked */
    put(d, of_prior);
    ok(isk_run(backward(isk_mean_all(isk_normal_kl(a, b, c, d))), 1));
    assert_true(isfinite(slope(d, 0, 4)) && isfinite(slope(c, 0, 4)) && isfinite(slope(a, 0, 4)) && isfinite(slope(b, 0, 4)));
}

/* x = W z + c + noise, W of orthonormal columns, p(z | d) = N(mu_d, diag s_d): at the posterior, which is diagonal, the bound is
   ln p(x | d), whatever the d; at any other law it is lower, and it does not rise in any direction from there. */
enum { FEATURES = 5, LATENT = 3, COVARIATES = 4 };

static void bound_is_evidence(void **state) {
    const double power = 0.3;
    double w[LATENT * FEATURES], offset[FEATURES], x[COVARIATES * FEATURES], mean[COVARIATES * LATENT], logvar[COVARIATES * LATENT];
    double prior[COVARIATES * LATENT], prior_logvar[COVARIATES * LATENT], evidence[COVARIATES];
    isk_tensor m, v, given, bound;
    isk_scalar bounds[COVARIATES];
    int d, i, j, k;
    (void)state;
    for (i = 0; i < LATENT; i++) {          /* Gram and Schmidt */
        double size = 0;
        for (j = 0; j < FEATURES; j++) { w[i * FEATURES + j] = normal(); }
        for (k = 0; k < i; k++) {
            double with = 0;
            for (j = 0; j < FEATURES; j++) { with += w[i * FEATURES + j] * w[k * FEATURES + j]; }
            for (j = 0; j < FEATURES; j++) { w[i * FEATURES + j] -= with * w[k * FEATURES + j]; }
        }
        for (j = 0; j < FEATURES; j++) { size += w[i * FEATURES + j] * w[i * FEATURES + j]; }
        for (j = 0; j < FEATURES; j++) { w[i * FEATURES + j] /= sqrt(size); }
    }
    for (j = 0; j < FEATURES; j++) { offset[j] = normal(); }
    for (d = 0; d < COVARIATES; d++) {
        double left = 0;
        for (j = 0; j < FEATURES; j++) { x[d * FEATURES + j] = 2 * normal(); }
        evidence[d] = -.5 * FEATURES * log(6.283185307179586) - .5 * (FEATURES - LATENT) * log(power);
        for (i = 0; i < LATENT; i++) {
            const int at = d * LATENT + i;
            double s, along = 0;
            prior[at] = normal();
            prior_logvar[at] = 0.7 * normal();
            s = exp(prior_logvar[at]);
            for (j = 0; j < FEATURES; j++) { along += w[i * FEATURES + j] * (x[d * FEATURES + j] - offset[j]); }
            logvar[at] = -log(1 / s + 1 / power);
            mean[at] = exp(logvar[at]) * (prior[at] / s + along / power);
            evidence[d] -= .5 * log(s + power) + .5 * (along - prior[at]) * (along - prior[at]) / (s + power);
            left -= along * along;
        }
        for (j = 0; j < FEATURES; j++) { left += (x[d * FEATURES + j] - offset[j]) * (x[d * FEATURES + j] - offset[j]); }
        evidence[d] -= .5 * left / power;
    }
    m = learned("mean", COVARIATES, LATENT, mean);
    v = learned("logvar", COVARIATES, LATENT, logvar);
    given = isk_linear_map(m, input_of(LATENT, FEATURES, w), input_of(1, FEATURES, offset), 0);
    bound = isk_normal_log_density(input_of(COVARIATES, FEATURES, x), given, isk_affine(given, 0, log(power)));
    bound = isk_sub(bound, isk_affine(isk_row_sum(isk_exp(v)), .5 / power, 0));         /* what z varies about m */
    bound = isk_sub(bound, isk_normal_kl(m, v, input_of(COVARIATES, LATENT, prior), input_of(COVARIATES, LATENT, prior_logvar)));
    ok(isk_run(backward(isk_sum_all(bound)), 1));
    for (d = 0; d < COVARIATES; d++) {
        for (i = 0; i < LATENT; i++) {
            close_to(slope(m, d, i), 0, IS_DOUBLE ? 1e-12 : 2e-5, 1);
            close_to(slope(v, d, i), 0, IS_DOUBLE ? 1e-12 : 2e-5, 1);
        }
    }
    value_of(isk_sum_all(bound));
    ok(isk_run(isk_program_compute(graph, &bound, 1), 1));
    ok(isk_read(bound, 0, bounds));
    for (d = 0; d < COVARIATES; d++) { close_to((double)bounds[d], evidence[d], IS_DOUBLE ? 1e-12 : 1e-5, 1); }
    for (k = 0; k < 20; k++) {
        for (i = 0; i < COVARIATES * LATENT; i++) {
            mean[i] += 0.1 * normal();
            logvar[i] += 0.1 * normal();
        }
        put(m, mean);
        put(v, logvar);
        ok(isk_run(isk_program_compute(graph, &bound, 1), 1));
        ok(isk_read(bound, 0, bounds));
        for (d = 0; d < COVARIATES; d++) { assert_true((double)bounds[d] < evidence[d]); }
    }
}

/* ---- total correlation ---- */

static double log_normal(double x, double mean, double logvar) {
    return -.5 * ((x - mean) * (x - mean) * exp(-logvar) + logvar + log(6.283185307179586));
}

/* Over the rows with weight 1, by its formula. */
static double naive_correlation(int rows, int cols, int first, const double *z, const double *mean, const double *logvar,
                                const double *there) {
    double total = 0, count = 0;
    int i, j, k;
    for (i = 0; i < rows; i++) {
        double sum[3] = { 0, 0, 0 };
        if (!(there[i] > 0)) { continue; }
        for (j = 0; j < rows; j++) {
            double part[2] = { 0, 0 };
            for (k = 0; k < cols; k++) { part[k >= first] += log_normal(z[i * cols + k], mean[j * cols + k], logvar[j * cols + k]); }
            if (!(there[j] > 0)) { continue; }
            sum[0] += exp(part[0] + part[1]);
            sum[1] += exp(part[0]);
            sum[2] += exp(part[1]);
        }
        total += log(sum[0]) - log(sum[1]) - log(sum[2]);
        count++;
    }
    return total / count;
}

static void total_correlation(void **state) {
    static const double z[] = { .1, -.4, 1.2, .3 }, mean[] = { 0, -.5, 1, .5 }, v[] = { .2, .3, .4, .1 };
    const double all[ROWS] = { 1, 1, 1, 1, 1, 1, 1 }, some[ROWS] = { 0, 1, 1, 0, 1, 1, 1 };
    double logvar[4], values[3][ROWS * COLS], turned[3][ROWS * COLS], kept, tolerance = IS_DOUBLE ? 1e-12 : 2e-5;
    isk_tensor of[3], weights, loss;
    int i, j, k, first;
    (void)state;
    for (i = 0; i < 4; i++) { logvar[i] = log(v[i]); }
    loss = isk_total_correlation(input_of(2, 2, z), input_of(2, 2, mean), input_of(2, 2, logvar), 1);
    close_to(value_of(loss) + log(2 * 10), 2.74409847283, IS_DOUBLE ? 1e-9 : 1e-6, 1);
    for (k = 0; k < 3; k++) {
        for (i = 0; i < ROWS * COLS; i++) { values[k][i] = k < 2 ? normal() : 0.7 * normal() - 0.5; }
    }
    for (first = 1; first < COLS; first++) {
        fresh();
        for (k = 0; k < 3; k++) { of[k] = learned(k == 0 ? "z" : k == 1 ? "mean" : "logvar", ROWS, COLS, values[k]); }
        weights = isk_input(graph, ROWS, 1);
        loss = isk_total_correlation(isk_with_row_weights(of[0], weights), of[1], of[2], first);
        put(weights, all);
        kept = naive_correlation(ROWS, COLS, first, values[0], values[1], values[2], all);
        close_to(value_of(loss), kept, tolerance, 1);
        close_to(value_of(isk_total_correlation(of[0], of[1], of[2], first)), kept, tolerance, 1);
        check_gradient(loss);
        put(weights, some);
        close_to(value_of(loss), naive_correlation(ROWS, COLS, first, values[0], values[1], values[2], some), tolerance, 1);
        check_gradient(loss);
        /* what stands in a row that is absent is not seen, nor does it learn */
        kept = value_of(loss);
        for (k = 0; k < 3; k++) {
            memcpy(turned[k], values[k], sizeof turned[k]);
            for (j = 0; j < COLS; j++) { turned[k][j] = turned[k][3 * COLS + j] = k == 2 ? -3 : 30; }
            put(of[k], turned[k]);
        }
        close_to(value_of(loss), kept, tolerance, 1);
        ok(isk_run(backward(loss), 1));
        for (k = 0; k < 3; k++) {
            for (j = 0; j < COLS; j++) { assert_true(fabs(slope(of[k], 0, j)) <= 0 && fabs(slope(of[k], 3, j)) <= 0); }
        }
        put(weights, all);
        for (k = 0; k < 3; k++) {
            for (i = 0; i < ROWS; i++) { memcpy(turned[k] + i * COLS, values[k] + (i * 3 + 2) % ROWS * COLS, COLS * sizeof **turned); }
            put(of[k], turned[k]);
        }
        close_to(value_of(loss), naive_correlation(ROWS, COLS, first, values[0], values[1], values[2], all), tolerance, 1);
    }
}

/* Far from 0, where squares would cancel in float. */
static void total_correlation_elsewhere(void **state) {
    const double all[ROWS] = { 1, 1, 1, 1, 1, 1, 1 };
    double values[3][ROWS * COLS];
    isk_tensor of[3];
    int i, k;
    (void)state;
    for (k = 0; k < 3; k++) {
        for (i = 0; i < ROWS * COLS; i++) { values[k][i] = (double)(float)(k < 2 ? 0.25 * floor(8 * normal()) + 512 : normal() - 1); }
    }
    for (k = 0; k < 3; k++) { of[k] = input_of(ROWS, COLS, values[k]); }
    close_to(value_of(isk_total_correlation(of[0], of[1], of[2], 2)),
             naive_correlation(ROWS, COLS, 2, values[0], values[1], values[2], all), IS_DOUBLE ? 1e-10 : 1e-4, 1);
}

/* ---- conditional invariance ---- */

enum { CELLS = 24, K = 3, M = 2, DIM = 3 };
typedef struct cells { double z[CELLS * DIM], labels[CELLS * K], batches[CELLS * M], there[CELLS]; } cells;

/* labels_given 0: all rows are alike. */
static double naive_invariance(const cells *c, int labels_given) {
    double nats = 0;
    int i, k, m, j;
    for (j = 0; j < DIM; j++) {
        double explained = 0, total = 0, mean[K] = { 0 }, centred[CELLS], r2;
        const int labels = labels_given ? K : 1;
        for (k = 0; k < labels; k++) {
            double rows = 0;
            for (i = 0; i < CELLS; i++) {
                const double w = c->there[i] * (labels_given ? c->labels[i * K + k] : 1);
                mean[k] += w * c->z[i * DIM + j];
                rows += w;
            }
            mean[k] /= rows > 0 ? rows : 1;
        }
        for (i = 0; i < CELLS; i++) {
            centred[i] = 0;
            for (k = 0; k < labels; k++) { centred[i] += (labels_given ? c->labels[i * K + k] : 1) * (c->z[i * DIM + j] - mean[k]); }
            total += c->there[i] * centred[i] * centred[i];
        }
        for (k = 0; k < labels; k++) {
            for (m = 0; m < M; m++) {
                double rows = 0, moved = 0;
                for (i = 0; i < CELLS; i++) {
                    const double w = c->there[i] * (labels_given ? c->labels[i * K + k] : 1) * c->batches[i * M + m];
                    rows += w;
                    moved += w * centred[i];
                }
                explained += rows * (moved / (rows + 1)) * (moved / (rows + 1));
            }
        }
        r2 = explained / total;
        nats -= .5 * log(1 - (r2 < .99 ? r2 : .99));
    }
    return nats;
}

/* Rows without a label, without a batch; a label of several at once; a row that is not there. */
static void draw_cells(cells *c, int some) {
    int i, j;
    memset(c, 0, sizeof *c);
    for (i = 0; i < CELLS; i++) {
        const int label = i * 7 % 5 % K, batch = i % 3 % M;
        c->there[i] = !(some && i % 6 == 4);
        if (!(some && i % 5 == 2)) { c->labels[i * K + label] = 1; }
        if (!(some && i % 7 == 3)) { c->batches[i * M + batch] = 1; }
        for (j = 0; j < DIM; j++) { c->z[i * DIM + j] = normal() + 2 * label + (j == 1 ? 1.5 * batch : 0); }
    }
    if (some) {
        c->labels[0] = .5;
        c->labels[1] = .3;
        c->labels[2] = .2;
    }
}

static isk_tensor invariance_of(const cells *c, int weighted, int labels_given, isk_tensor *z) {
    isk_tensor labels = isk__no_tensor(graph);
    *z = learned("z", CELLS, DIM, c->z);
    if (labels_given) { labels = input_of(CELLS, K, c->labels); }
    return isk_conditional_invariance(weighted ? isk_with_row_weights(*z, input_of(CELLS, 1, c->there)) : *z, labels,
                                      input_of(CELLS, M, c->batches));
}

static void conditional_invariance(void **state) {
    const double tolerance = IS_DOUBLE ? 1e-11 : 2e-5;
    cells c, turned;
    isk_tensor z, loss;
    int some, labels, i, j;
    (void)state;
    for (some = 0; some < 2; some++) {
        draw_cells(&c, some);
        for (labels = 0; labels < 2; labels++) {
            double due = naive_invariance(&c, labels);
            fresh();
            loss = invariance_of(&c, some, labels, &z);
            assert_true(due > 0.05);
            close_to(value_of(loss), due, tolerance, 1);
            check_gradient(loss);
            /* an absent row is not seen and does not learn */
            turned = c;
            for (i = 0; i < CELLS; i++) {
                for (j = 0; j < DIM && !(c.there[i] > 0); j++) { turned.z[i * DIM + j] = 50 + i; }
            }
            put(z, turned.z);
            close_to(value_of(loss), due, tolerance, 1);
            ok(isk_run(backward(loss), 1));
            for (i = 0; i < CELLS; i++) { assert_true(c.there[i] > 0 || fabs(slope(z, i, 0)) <= 0); }
            /* other orders of rows, of labels and of batches */
            for (i = 0; i < CELLS; i++) {
                const int from = (i * 5 + 3) % CELLS;
                turned.there[i] = c.there[from];
                memcpy(turned.z + i * DIM, c.z + from * DIM, DIM * sizeof *c.z);
                for (j = 0; j < K; j++) { turned.labels[i * K + j] = c.labels[from * K + (j + 1) % K]; }
                for (j = 0; j < M; j++) { turned.batches[i * M + j] = c.batches[from * M + (j + 1) % M]; }
            }
            fresh();
            close_to(value_of(invariance_of(&turned, some, labels, &z)), due, tolerance, 1);
            for (i = 0; i < CELLS * DIM; i++) { turned.z[i] = 4 * turned.z[i] + 100; }      /* other units */
            fresh();
            close_to(value_of(invariance_of(&turned, some, labels, &z)), due, IS_DOUBLE ? 1e-10 : 1e-3, 1);
        }
    }
}

/* Where the batch says all but what shrinking a mean over n rows by n / (n + 1) leaves; where z does not vary. */
static void conditional_invariance_at_its_ends(void **state) {
    cells c;
    isk_tensor z, loss;
    int i, j;
    (void)state;
    draw_cells(&c, 0);
    for (i = 0; i < CELLS; i++) {
        for (j = 0; j < DIM; j++) { c.z[i * DIM + j] = 1000 * (c.batches[i * M] - .5); }
    }
    loss = invariance_of(&c, 0, 0, &z);
    close_to(value_of(loss), naive_invariance(&c, 0), IS_DOUBLE ? 1e-10 : 1e-4, 1);
    memset(c.z, 0, sizeof c.z);
    put(z, c.z);
    ok(isk_run(backward(loss), 1));
    close_to(value_of(loss), 0, 1e-12, 1);
    for (i = 0; i < CELLS; i++) { assert_true(fabs(slope(z, i, 1)) <= 0); }
}

static void what_the_losses_refuse(void **state) {
    double values[ROWS * COLS] = { 0 };
    isk_tensor z = input_of(ROWS, COLS, values), made;
    (void)state;
    made = isk_total_correlation(z, z, z, COLS);
    assert_true(made.node < 0);
    assert_null(isk_program_compute(graph, &z, 1));
    assert_non_null(strstr(isk_error(context), "total_correlation: the first block has 5 of 5 columns; both need one"));
    fresh();
    z = input_of(ROWS, COLS, values);
    made = isk_total_correlation(z, z, z, 0);
    assert_true(made.node < 0);
    assert_null(isk_program_compute(graph, &z, 1));
    assert_non_null(strstr(isk_error(context), "total_correlation: the first block has 0 of 5 columns; both need one"));
}

#define counts(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        counts(functions_of_gamma),
        counts(ops_of_gamma),
        counts(negative_binomials),
        counts(closed_forms),
        counts(ends_of_ranges),
        counts(gradients_of_counts),
        counts(absent_rows_of_counts),
        counts(normal_laws),
        counts(bound_is_evidence),
        counts(total_correlation),
        counts(total_correlation_elsewhere),
        counts(conditional_invariance),
        counts(conditional_invariance_at_its_ends),
        counts(what_the_losses_refuse),
    };
    return cmocka_run_group_tests_name("counts", tests, NULL, NULL);
}
