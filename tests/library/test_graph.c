/* Graphs: gradients, sharing, row weights, models side by side, optimizers, growth, mistakes.  Gradients are compared with
   central differences to 1e-6 in double; in float, where differences are worth little, coarsely. */
/* build: float double */

#define INDISEEK_IMPLEMENTATION
#define INDISEEK_NO_CUDA
#define INDISEEK_NO_METRICS
#include "indiseek.h"
#include "tests/base/hostile.h"

#include <math.h>

#ifdef INDISEEK_DOUBLE
static const double gradient_tolerance = 1e-6, equal_tolerance = 1e-12, step_tolerance = 1e-12;
#else
static const double gradient_tolerance = 2e-2, equal_tolerance = 2e-6, step_tolerance = 2e-5;
#endif

static isk_context *context;
static int level;                               /* of the kernels, 0: portable */
static isk_graph *graph;
static isk__random random_state;

static int open_context(void **state) {
    isk_context_desc desc = { .threads = 2 };
    (void)state;
    context = isk_open(&desc);
    if (context) { context->level = level; }
    return context ? 0 : -1;
}

static int close_context(void **state) {
    (void)state;
    isk_close(context);
    return 0;
}

static int open_graph(void **state) {
    (void)state;
    graph = isk_graph_open(context, NULL);
    random_state = isk__random_open(11, 12);
    return graph ? 0 : -1;
}

static int close_graph(void **state) {
    (void)state;
    isk_graph_close(graph);
    return 0;
}

static void ok(isk_status status) {
    if (status != ISK_OK) { fail_msg("%s", isk_error(context)); }
}

static double normal(void) { return isk__random_normal(&random_state); }

static isk_tensor input_of(isk_graph *where, int rows, int cols, const isk_scalar *values) {
    isk_tensor input = isk_input(where, rows, cols);
    ok(isk_write(input, 0, values));
    return input;
}

static isk_tensor random_input(int rows, int cols) {
    isk_scalar values[512];
    int i;
    assert_true(rows * cols <= (int)COUNT(values));
    for (i = 0; i < rows * cols; i++) { values[i] = (isk_scalar)normal(); }
    return input_of(graph, rows, cols, values);
}

/* Weights 1, with 0 at every place where bit `row` of `absent` is set. */
static isk_tensor weights_without(int rows, unsigned absent) {
    isk_scalar values[32];
    int i;
    for (i = 0; i < rows; i++) { values[i] = (isk_scalar)(absent >> i & 1 ? 0 : 1); }
    return input_of(graph, rows, 1, values);
}

static isk_tensor parameter_in(isk_graph *where, const char *name, int rows, int cols) {
    isk_parameter_desc desc = { .fill = ISK_FILL_NORMAL, .amount = 0.7 };
    return isk_parameter(isk_group_scope(where, "net"), name, rows, cols, &desc);
}

static isk_tensor parameter(const char *name, int rows, int cols) { return parameter_in(graph, name, rows, cols); }

static isk_tensor pair(isk_tensor a, isk_tensor b) {
    isk_tensor parts[2];
    parts[0] = a;
    parts[1] = b;
    return isk_concat(parts, 2);
}

static double value_of(isk_tensor tensor) {
    isk_scalar value;
    ok(isk_read(tensor, 0, &value));
    return (double)value;
}

/* A weighted sum that no symmetry can hide a mistake from. */
static isk_tensor mixed(isk_tensor x) { return isk_sum_all(isk_mul(x, random_input(isk_rows(x), isk_cols(x)))); }

static void check_gradient_step(isk_tensor loss, double h) {
    double worst = isk_check_gradient(graph, "net", loss, h);
    if (!(worst >= 0 && worst <= gradient_tolerance)) { fail_msg("gradient is off by %g: %s", worst, isk_error(context)); }
}

static void check_gradient(isk_tensor loss) { check_gradient_step(loss, sizeof(isk_scalar) == 8 ? 1e-6 : 2e-3); }

static void close_to(double ours, double due, double tolerance) {
    double size = fabs(due) > 1 ? fabs(due) : 1;
    if (!(fabs(ours - due) <= tolerance * size)) { fail_msg("%.17g is not %.17g within %g", ours, due, tolerance); }
}

/* ---- gradients ------------------------------------------------------------------------------------------------------- */

/* Every activation, norm and first fill; dropout; an absent row; 1 to 3 layers. */
static void gradients_of_mlps(void **state) {
    int activation, norm, init;
    (void)state;
    for (activation = ISK_RELU; activation <= ISK_LINEAR; activation++) {
        for (norm = ISK_NORM_NONE; norm <= ISK_NORM_BATCH; norm++) {
            for (init = ISK_INIT_PYTORCH; init <= ISK_INIT_NORMAL; init++) {
                isk_mlp_desc desc = { .layers = 1 + (activation + norm + init) % 3, .width = 6, .out = 3, .activation = activation,
                                      .norm = norm, .init = init, .mode = ISK_MODE_TRAIN };
                isk_tensor x, y;
                assert_int_equal(close_graph(NULL) | open_graph(NULL), 0);
                if (sizeof(isk_scalar) == 4 && init == ISK_INIT_NORMAL) { continue; }       /* weights as small as the step */
                desc.dropout = init == ISK_INIT_XAVIER ? 0.3 : 0;
                x = isk_with_row_weights(random_input(9, 4), weights_without(9, 1u << 5));
                y = isk_mlp(isk_group_scope(graph, "net"), x, &desc);
                check_gradient(isk_squared_error(y, random_input(9, 3)));
            }
        }
    }
}

static void gradients_of_products(void **state) {
    isk_tensor a, b, c, square;
    (void)state;
    a = parameter("a", 3, 5);
    b = parameter("b", 5, 4);
    c = parameter("c", 4, 5);
    square = parameter("square", 4, 4);
    check_gradient(mixed(isk_matmul(a, b)));
    check_gradient(mixed(isk_matmul_nt(a, c)));
    check_gradient(mixed(isk_matmul_tn(b, isk_matmul_nt(b, square))));
    check_gradient(isk_add(mixed(isk_matmul(a, b)), mixed(isk_matmul_nt(isk_tanh(a), c))));
    check_gradient(mixed(isk_matmul(square, square)));
    check_gradient(mixed(isk_matmul_nt(square, square)));
    check_gradient(mixed(isk_matmul_tn(square, square)));
    /* only one side wants a gradient */
    check_gradient(mixed(isk_matmul(random_input(6, 5), b)));
    check_gradient(mixed(isk_matmul_tn(random_input(5, 6), b)));
    check_gradient(mixed(isk_matmul_nt(c, random_input(7, 5))));
    check_gradient(mixed(isk_linear_map(a, b, parameter("bias", 1, 4), 1)));
    check_gradient(mixed(isk_linear_map(random_input(3, 5), b, parameter("bias", 1, 4), 0)));
}

static void gradients_of_columns_and_rows(void **state) {
    isk_tensor a = parameter("a", 6, 3), b = parameter("b", 6, 2), parts[4];
    (void)state;
    check_gradient(mixed(pair(a, isk_square(b))));
    parts[0] = a;
    parts[1] = b;
    parts[2] = random_input(6, 1);
    parts[3] = isk_tanh(a);
    check_gradient(mixed(isk_tanh(isk_concat(parts, 4))));
    check_gradient(mixed(isk_square(isk_slice(a, 1, 2))));
    check_gradient(isk_add(mixed(isk_square(isk_slice(a, 0, 2))), mixed(isk_square(isk_slice(a, 1, 2)))));
    check_gradient(mixed(isk_square(isk_dropout(a, 0.4))));
    check_gradient(mixed(isk_square(isk_permute_rows(a))));
    check_gradient(mixed(isk_mul(isk_permute_rows(isk_with_row_weights(a, weights_without(6, 9))), isk_tanh(a))));
    check_gradient(mixed(isk_square(isk_l2_normalize(a, 1e-12))));
    check_gradient(isk_squared_error(isk_standardize_rows(isk_group_scope(graph, "net"), a, 1), random_input(6, 3)));
}

static isk_tensor column_of(const isk_scalar *values, int rows) { return input_of(graph, rows, 1, values); }

static void gradients_of_sequences(void **state) {
    static const isk_scalar length[] = { 0, 3, 1, 7, (isk_scalar)1.5, -2 };
    isk_tensor x = parameter("x", 6, 12), lengths = column_of(length, 6);
    (void)state;
    check_gradient(mixed(isk_square(isk_reshape(x, 4))));
    check_gradient(mixed(isk_mul(isk_reshape(x, 9), isk_tanh(isk_reshape(x, 9)))));
    check_gradient(mixed(isk_square(isk_trim(x, lengths, 4))));
    check_gradient(mixed(isk_mul(isk_trim(isk_tanh(x), lengths, 4), x)));
    check_gradient(mixed(isk_mul_rows(isk_reshape(x, 3), isk_reshape(isk_step_mask(lengths, 4), 1))));
}

static void gradients_of_attention(void **state) {
    isk_tensor x = parameter("x", 10, 12), absent = weights_without(10, 1u << 1 | 0x1e0u);
    int heads;
    (void)state;
    for (heads = 1; heads <= 4; heads *= 2) {
        check_gradient(mixed(isk_attention(x, 5, heads, 0)));
        check_gradient(mixed(isk_square(isk_attention(isk_with_row_weights(x, absent), 5, heads, 0))));
        check_gradient(mixed(isk_square(isk_attention(isk_with_row_weights(isk_tanh(x), absent), 5, heads, 0.4))));
    }
    check_gradient(isk_add(mixed(isk_attention(isk_affine(x, 3, 0), 10, 2, 0.2)), mixed(isk_square(x))));
    check_gradient(mixed(isk_attention(x, 1, 2, 0)));
}

static void gradients_of_steps(void **state) {
    static const int steps[] = { 1, 3, 1, 2 };
    isk_tensor x = parameter("x", 12, 4), table = parameter("table", 3, 4), token = parameter("token", 1, 4), parts[4];
    isk_tensor features = parameter("features", 5, 3), bias = parameter("bias", 3, 4);
    int pool;
    (void)state;
    for (pool = ISK_POOL_LAST; pool <= ISK_POOL_FIRST; pool++) {
        check_gradient(mixed(isk_square(isk_pool_steps(x, 3, pool))));
        check_gradient(mixed(isk_square(isk_pool_steps(isk_with_row_weights(x, weights_without(12, 0x1d4u)), 3, pool))));
        check_gradient(isk_add(mixed(isk_pool_steps(isk_tanh(x), 4, pool)), mixed(isk_pool_steps(x, 1, pool))));
    }
    parts[0] = parts[2] = token;
    parts[1] = x;
    parts[3] = isk_slice(isk_reshape(x, 6), 1, 4);
    check_gradient(mixed(isk_square(isk_join_steps(parts, steps, 4))));
    check_gradient(mixed(isk_square(isk_join_steps(parts, steps, 3))));
    check_gradient(mixed(isk_join_steps(parts, steps, 1)));
    check_gradient(mixed(isk_square(isk_add_steps(x, table))));
    check_gradient(mixed(isk_square(isk_add_steps(table, table))));
    check_gradient(mixed(isk_square(isk_add_steps(random_input(6, 4), table))));
    check_gradient(mixed(isk_square(isk_tokens(features, table, bias))));
    check_gradient(mixed(isk_tokens(isk_tanh(features), table, table)));
    check_gradient(mixed(isk_tokens(random_input(7, 3), table, random_input(3, 4))));
    check_gradient(mixed(isk_square(isk_pair_sum(x, table))));
    check_gradient(mixed(isk_square(isk_pair_sum(table, isk_tanh(table)))));
    check_gradient(mixed(isk_square(isk_pair_sum(random_input(2, 4), token))));
}

static void gradients_of_augmentations(void **state) {
    isk_tensor x = parameter("x", 8, 12);
    (void)state;
    check_gradient(mixed(isk_square(isk_noise(x, 0.7, 0.5, 0))));
    check_gradient(mixed(isk_mul(isk_noise(x, 0.3, 1, 1), x)));
    check_gradient(mixed(isk_square(isk_drop_steps(x, 6, 0.8, 0.5, 0))));
    check_gradient(mixed(isk_mul(isk_drop_steps(isk_tanh(x), 12, 1, 1, 1), x)));
}

/* scale 1: one exponential serves both softmaxes; 400 (60 in float): each row and column has its own maximum. */
static void gradients_of_info_nce(void **state) {
    static const double scales[] = { 1, 14, 0 };
    int i, absent;
    (void)state;
    for (i = 0; i < (int)COUNT(scales); i++) {
        for (absent = 0; absent < 2; absent++) {
            isk_parameter_desc desc = { .fill = ISK_FILL_VALUE };
            isk_tensor u, v, t;
            double scale = scales[i] > 0 ? scales[i] : sizeof(isk_scalar) == 8 ? 400 : 60;
            if (sizeof(isk_scalar) == 4 && scale > 1) { continue; }         /* differences say nothing there */
            assert_int_equal(close_graph(NULL) | open_graph(NULL), 0);
            desc.amount = log(scale);
            t = isk_parameter(isk_group_scope(graph, "net"), "logit_scale", 1, 1, &desc);
            u = parameter("u", 9, 4);
            v = parameter("v", 9, 4);
            if (absent) { u = isk_with_row_weights(u, weights_without(9, 1u << 8 | 1u << 3)); }
            check_gradient_step(isk_info_nce(isk_l2_normalize(u, 1e-12), isk_l2_normalize(v, 1e-12), isk_exp(t)),
                                scale > 100 ? 1e-7 : 0);
            check_gradient_step(isk_info_nce(isk_l2_normalize(u, 1e-12), isk_l2_normalize(u, 1e-12), isk_exp(t)),
                                scale > 100 ? 1e-7 : 0);
        }
    }
}

/* One value on both sides of an op: both gradients arrive. */
static void gradients_of_a_value_used_twice(void **state) {
    isk_tensor x = parameter("x", 7, 3), one = parameter("one", 1, 1), parts[3];
    (void)state;
    parts[0] = parts[1] = parts[2] = x;
    check_gradient(mixed(isk_mul(x, x)));
    check_gradient(mixed(isk_add(x, x)));
    check_gradient(mixed(isk_sub(x, x)));
    check_gradient(mixed(isk_div(x, x)));
    check_gradient(mixed(isk_max(isk_square(x), isk_square(x))));
    check_gradient(mixed(isk_row_dot(x, x)));
    check_gradient(mixed(isk_squared_error_rows(x, x)));
    check_gradient(isk_squared_error(x, x));
    check_gradient(isk_club(x, x, x));
    check_gradient(isk_gaussian_deviance(x, x, x));
    check_gradient(isk_club_paired(x, x, x, x));
    check_gradient(mixed(isk_concat(parts, 3)));
    check_gradient(mixed(isk_square(isk_concat(parts, 2))));
    check_gradient(mixed(isk_scale(isk_mul(x, x), isk_sum_all(x))));
    check_gradient(isk_scale(one, one));
    check_gradient(isk_mul_rows(one, one));
    check_gradient(isk_bias(isk_mul_cols(one, one), one));
    check_gradient(mixed(isk_mul_rows(x, isk_row_sum(x))));
    check_gradient(mixed(isk_mul_cols(x, isk_col_mean(x))));
    check_gradient(mixed(isk_linear_map(x, isk_matmul_tn(x, x), isk_col_sum(x), 1)));
}

/* Two encoders that share their weights, and a weight that is its own decoder. */
static void gradients_of_shared_parameters(void **state) {
    isk_mlp_desc desc = { .layers = 2, .width = 5, .out = 4 };
    isk_tensor u = isk_mlp(isk_group_scope(graph, "net"), random_input(6, 4), &desc);
    isk_tensor v = isk_mlp(isk_group_scope(graph, "net"), random_input(6, 4), &desc), w, x;
    (void)state;
    assert_int_equal(graph->parameter_count, 4);
    check_gradient(isk_info_nce(u, v, input_of(graph, 1, 1, (isk_scalar[]){ 2 })));
    w = parameter("tied", 4, 3);
    x = random_input(8, 4);
    check_gradient(isk_squared_error(isk_matmul_nt(isk_tanh(isk_matmul(x, w)), w), x));
    check_gradient(isk_squared_error(isk_mlp(isk_group_scope(graph, "net"), u, &desc), v));
}

/* Gradient of one parameter as SGD with rate 1 shows it: the value before minus the value after. */
static void read_gradient(isk_program *sgd, isk_tensor of, isk_scalar *gradient) {
    isk_scalar before[512];
    int i, count = isk_rows(of) * isk_cols(of);
    assert_non_null(sgd);
    assert_true(count <= (int)COUNT(before));
    ok(isk_read(of, 0, before));
    ok(isk_run(sgd, 1));
    ok(isk_read(of, 0, gradient));
    ok(isk_write(of, 0, before));
    for (i = 0; i < count; i++) { gradient[i] = before[i] - gradient[i]; }
}

static const isk_optimizer_desc plain_sgd = { .kind = ISK_SGD, .rate = 1 };

/* A gradient stops where it is told to: also for a parameter that is only behind such a stop, whatever stood in the
   gradient vector before. */
static void gradients_stop(void **state) {
    isk_tensor a = parameter("a", 2, 3), b = parameter("b", 2, 3), x, losses[3];
    isk_program *both, *stopped, *half, *nothing;
    isk_scalar g[6], twice[6], values[6];
    int i;
    (void)state;
    x = random_input(2, 3);
    both = isk_program_minimize(graph, "net", isk_sum_all(isk_add(isk_mul(isk_tanh(a), x), b)), &plain_sgd);
    stopped = isk_program_minimize(graph, "net", isk_squared_error(isk_stop_gradient(isk_tanh(a)), b), &plain_sgd);
    half = isk_program_minimize(graph, "net", isk_sum_all(isk_mul(isk_stop_gradient(a), a)), &plain_sgd);
    nothing = isk_program_minimize(graph, "net", isk_sum_all(isk_stop_gradient(isk_add(a, b))), &plain_sgd);
    read_gradient(both, a, g);
    for (i = 0; i < 6; i++) { assert_true(g[i] != 0); }
    read_gradient(both, a, g);
    read_gradient(stopped, a, g);
    for (i = 0; i < 6; i++) { assert_true(g[i] == 0); }
    read_gradient(both, a, g);
    read_gradient(half, a, g);
    ok(isk_read(a, 0, values));
    for (i = 0; i < 6; i++) { close_to((double)g[i], (double)values[i], step_tolerance); }
    read_gradient(both, a, g);
    read_gradient(nothing, a, twice);
    for (i = 0; i < 6; i++) { assert_true(twice[i] == 0); }
    /* another output of the program sends nothing */
    read_gradient(both, b, g);
    for (i = 0; i < 6; i++) { assert_true(g[i] == 1); }
    losses[0] = isk_sum_all(isk_square(a));
    losses[1] = isk_sum_all(isk_square(b));
    losses[2] = isk_add(losses[0], losses[1]);
    read_gradient(isk__minimize(graph, "net", losses, 3, &plain_sgd, 0), b, g);
    for (i = 0; i < 6; i++) { assert_true(g[i] == 0); }
    check_gradient(isk_squared_error(b, isk_square(b)));
}

/* ---- the fused bias and ReLU ------------------------------------------------------------------------------------------ */

/* Three layers, whose second feeds two ops when `forked`; fused: linear_map, where a product of the next layer's backward
   sets the zeros of ReLU; else one op after the other. */
static isk_tensor relu_net(isk_graph *where, isk_tensor x, int fused, int forked) {
    int layer, width = 37;
    for (layer = 0; layer < 3; layer++) {
        char name[16];
        isk_tensor weight, bias, before = x;
        snprintf(name, sizeof name, "w%d", layer);
        weight = parameter_in(where, name, isk_cols(x), width);
        snprintf(name, sizeof name, "b%d", layer);
        bias = parameter_in(where, name, 1, width);
        x = fused ? isk_linear_map(x, weight, bias, 1) : isk_relu(isk_bias(isk_matmul(x, weight), bias));
        if (forked && layer == 2) { x = isk_add(x, before); }
    }
    return x;
}

static void fused_relu_is_relu(void **state) {
    int forked, fused, row, i;
    (void)state;
    for (forked = 0; forked < 2; forked++) {
        static isk_scalar x[21 * 5], t[21 * 37], weights[2][37 * 37];
        double loss[2];
        for (i = 0; i < 21 * 5; i++) { x[i] = (isk_scalar)normal(); }
        for (i = 0; i < 21 * 37; i++) { t[i] = (isk_scalar)normal(); }
        for (fused = 0; fused < 2; fused++) {
            isk_graph *g = isk_graph_open(context, NULL);
            isk_optimizer_desc sgd = { .kind = ISK_SGD, .rate = 1e-4 };
            isk_tensor y = relu_net(g, input_of(g, 21, 5, x), fused, forked), error = isk_squared_error(y, input_of(g, 21, 37, t));
            isk_program *program = isk_program_minimize(g, "net", error, &sgd);
            assert_non_null(program);
            ok(isk_run(program, 5));
            loss[fused] = value_of(error);
            ok(isk_read(parameter_in(g, "w1", 37, 37), 0, weights[fused]));
            isk_graph_close(g);
        }
        close_to(loss[1], loss[0], step_tolerance);
        for (row = 0; row < 37 * 37; row++) { close_to((double)weights[1][row], (double)weights[0][row], step_tolerance); }
    }
}

/* ---- row weights ------------------------------------------------------------------------------------------------------ */

enum { MOST_ROWS = 13, FEW_ROWS = 8, COLS = 5, KINDS = 23 };

/* A loss of three values [rows, COLS] whose rows have weights. */
static isk_tensor loss_of(int kind, isk_tensor a, isk_tensor b, isk_tensor c) {
    isk_scope scope = isk_group_scope(a.graph, "net");
    isk_tensor weight = parameter_in(a.graph, "gamma", 1, COLS), shift = parameter_in(a.graph, "beta", 1, COLS);
    isk_tensor two = isk_affine(isk_slice(isk_square(weight), 0, 1), 0, 2), fixed = isk_row_sum(isk_mul(b, c));
    switch (kind) {
    case 0: return isk_row_sum(isk_mul(isk_col_sum(a), weight));
    case 1: return isk_row_sum(isk_mul(isk_col_mean(a), weight));
    case 2: return isk_row_sum(isk_mul(isk_col_var(a), weight));
    case 3: return isk_row_sum(isk_mul(isk_col_max(a), weight));
    case 4: return isk_row_sum(isk_mul(isk_col_logsumexp(a), weight));
    case 5: return isk_sum_all(isk_mul(isk_standardize(a, 1e-5), b));
    case 6: return isk_sum_all(isk_mul(isk_batch_norm(a, weight, shift, 1e-5), b));
    case 7: return isk_sum_all(a);
    case 8: return isk_mean_all(isk_mul(a, b));
    case 9: return isk_max_all(a);
    case 10: return isk_logsumexp_all(a);
    case 11: return isk_squared_error(a, b);
    case 12: return isk_gaussian_deviance(a, b, c);
    case 13: return isk_club(a, b, c);
    case 14: return isk_club_paired(a, b, c, isk_permute_rows(c));
    case 15: return isk_cross_entropy(a, isk_stop_gradient(isk_softmax(b)));
    case 16: return isk_binary_cross_entropy(a, isk_stop_gradient(isk_sigmoid(b)));
    case 17: return isk_info_nce(isk_l2_normalize(a, 1e-12), isk_l2_normalize(b, 1e-12), two);
    case 18: return isk_squared_error(isk_permute_rows(a), b);
    case 19: return isk_squared_error(isk_standardize_rows(isk_within(scope, "standardize"), a, 1), b);
    case 20: {      /* IndiSeek's step: Z standardized, CLUB, reconstruction from (Z, C) */
        isk_mlp_desc mlp = { .layers = 2, .width = 7, .out = COLS, .norm = ISK_NORM_BATCH, .mode = ISK_MODE_TRAIN };
        isk_tensor z = isk_standardize_rows(isk_within(scope, "z"), isk_mlp(isk_within(scope, "encode"), a, &mlp), 1);
        return isk_add(isk_club(isk_tanh(b), isk_tanh(c), z), isk_squared_error(isk_mlp(isk_within(scope, "decode"), pair(z, c), &mlp), a));
    }
    case 21: {      /* CLIP's step */
        isk_mlp_desc mlp = { .layers = 3, .width = 7, .out = 4 };
        return isk_info_nce(isk_l2_normalize(isk_mlp(isk_within(scope, "f1"), a, &mlp), 1e-12),
                            isk_l2_normalize(isk_mlp(isk_within(scope, "f2"), b, &mlp), 1e-12), two);
    }
    default:        /* the critic's step */
        return isk_gaussian_deviance(isk_mul_rows(a, fixed), isk_tanh(b), isk_stop_gradient(isk_standardize(c, 1e-12)));
    }
}

typedef struct weighted_run { double loss, after; isk_scalar gradient[COLS * COLS]; } weighted_run;

/* Loss, gradient of what all rows pass through, and the loss after three steps. */
static weighted_run run_weighted(int kind, int rows, isk_scalar values[3][MOST_ROWS * COLS], const isk_scalar *weights) {
    weighted_run run;
    isk_graph *g = isk_graph_open(context, NULL);
    isk_optimizer_desc sgd = { .kind = ISK_SGD, .rate = 1e-2 };
    isk_tensor x[3], through = parameter_in(g, "through", COLS, COLS), loss;
    isk_program *gradient, *step;
    int i;
    for (i = 0; i < 3; i++) {
        x[i] = input_of(g, rows, COLS, values[i]);
        if (weights) { x[i] = isk_with_row_weights(x[i], input_of(g, rows, 1, weights)); }
        x[i] = isk_matmul(x[i], through);
    }
    loss = loss_of(kind, x[0], x[1], x[2]);
    gradient = isk_program_minimize(g, "net", loss, &plain_sgd);
    step = isk_program_minimize(g, "net", loss, &sgd);
    if (!gradient || !step) { fail_msg("%s", isk_error(context)); }
    ok(isk_run(step, 1));
    run.loss = value_of(loss);
    ok(isk_run(step, 3));
    run.after = value_of(loss);
    read_gradient(gradient, through, run.gradient);
    isk_graph_close(g);
    return run;
}

/* 13 rows, 5 of them absent and full of nonsense, give what the other 8 give alone. */
static void absent_rows_leave_no_trace(void **state) {
    static const isk_scalar present[MOST_ROWS] = { 1, 1, 0, 1, 0, 1, 1, 0, 1, 1, 0, 0, 1 }, ones[] = { 1, 1, 1, 1, 1, 1, 1, 1 };
    static isk_scalar few[3][MOST_ROWS * COLS], all[3][MOST_ROWS * COLS];
    int kind, i, row, col, next;
    (void)state;
    for (i = 0; i < 3; i++) {
        for (row = next = 0; row < MOST_ROWS; row++) {
            for (col = 0; col < COLS; col++) {
                all[i][row * COLS + col] = (isk_scalar)(present[row] > 0 ? 0.6 * normal() : 40);
                if (present[row] > 0) { few[i][next * COLS + col] = all[i][row * COLS + col]; }
            }
            next += present[row] > 0;
        }
        assert_int_equal(next, FEW_ROWS);
    }
    for (kind = 0; kind < KINDS; kind++) {
        /* without weights where nothing is drawn: random numbers go by the place in the recording */
        weighted_run alone = run_weighted(kind, FEW_ROWS, few, kind == 14 || kind == 18 ? ones : NULL);
        weighted_run padded = run_weighted(kind, MOST_ROWS, all, present);
        double tolerance = sizeof(isk_scalar) == 8 ? 1e-12 : 2e-4;
        if (!(fabs(alone.loss - padded.loss) <= tolerance * (1 + fabs(alone.loss)) &&
              fabs(alone.after - padded.after) <= 10 * tolerance * (1 + fabs(alone.after)))) {
            fail_msg("kind %d: %.17g and %.17g, after three steps %.17g and %.17g", kind, alone.loss, padded.loss, alone.after,
                     padded.after);
        }
        assert_true(alone.loss != 0);
        for (i = 0; i < COLS * COLS; i++) {
            double a = (double)alone.gradient[i], b = (double)padded.gradient[i];
            if (!(fabs(a - b) <= 10 * tolerance * (1 + fabs(a)))) { fail_msg("kind %d: gradient %.17g and %.17g", kind, a, b); }
        }
    }
}

/* A row of weight 2 counts as two rows, wherever rows are averaged. */
static void weights_count_rows(void **state) {
    static const isk_scalar weights[6] = { 2, 1, 1, 2, 1, 1 };
    static const int kinds[] = { 0, 1, 2, 7, 8, 11, 12, 13, 15, 16 };
    static isk_scalar few[3][MOST_ROWS * COLS], all[3][MOST_ROWS * COLS];
    int i, k, row, col, next;
    (void)state;
    for (i = 0; i < 3; i++) {
        for (row = next = 0; row < 6; row++) {
            for (k = 0; k < (int)weights[row]; k++, next++) {
                for (col = 0; col < COLS; col++) {
                    if (k == 0) { few[i][row * COLS + col] = (isk_scalar)(0.6 * normal()); }
                    all[i][next * COLS + col] = few[i][row * COLS + col];
                }
            }
        }
    }
    for (k = 0; k < (int)COUNT(kinds); k++) {
        weighted_run weighted = run_weighted(kinds[k], 6, few, weights), repeated = run_weighted(kinds[k], 8, all, NULL);
        close_to(weighted.loss, repeated.loss, 4 * equal_tolerance);
        close_to(weighted.after, repeated.after, 10 * step_tolerance);
    }
}

/* Weights are found on whichever operand has them. */
static void weights_of_either_operand(void **state) {
    isk_tensor a, b, weighted, scale = input_of(graph, 1, 1, (isk_scalar[]){ 3 }), values[8];
    isk_program *program;
    int i;
    (void)state;
    a = random_input(6, 3);
    b = random_input(6, 3);
    weighted = isk_with_row_weights(b, weights_without(6, 5));
    values[0] = isk_squared_error(a, weighted);
    values[1] = isk_squared_error(weighted, a);
    values[2] = isk_info_nce(a, weighted, scale);
    values[3] = isk_info_nce(isk_with_row_weights(a, weights_without(6, 5)), b, scale);
    values[4] = isk_mean_all(isk_sub(a, weighted));
    values[5] = isk_neg(isk_mean_all(isk_sub(weighted, a)));
    values[6] = isk_mean_all(isk_matmul(pair(a, weighted), random_input(6, 2)));
    values[7] = isk_club(a, a, weighted);
    program = isk_program_compute(graph, values, 8);
    assert_non_null(program);
    ok(isk_run(program, 1));
    for (i = 0; i < 6; i += 2) { close_to(value_of(values[i]), value_of(values[i + 1]), equal_tolerance); }
}

/* Means over no row at all are 0 and not NaN, forward and backward. */
static void no_row_is_no_nan(void **state) {
    static isk_scalar values[3][MOST_ROWS * COLS];
    isk_scalar none[MOST_ROWS] = { 0 };
    int kind, i;
    (void)state;
    for (i = 0; i < MOST_ROWS * COLS; i++) { values[0][i] = values[1][i] = values[2][i] = (isk_scalar)normal(); }
    for (kind = 0; kind < KINDS; kind++) {
        weighted_run run = run_weighted(kind, MOST_ROWS, values, none);
        if (!(run.loss == 0)) { fail_msg("kind %d of no rows is %g", kind, run.loss); }
        for (i = 0; i < COLS * COLS; i++) {
            if (!(run.gradient[i] == 0)) { fail_msg("kind %d of no rows has gradient %g", kind, (double)run.gradient[i]); }
        }
    }
}

/* ---- InfoNCE by its definition ----------------------------------------------------------------------------------------- */

static double naive_info_nce(const isk_scalar *u, const isk_scalar *v, double scale, const isk_scalar *w, int rows, int cols) {
    double total = 0, loss = 0;
    int i, j, k, side;
    for (i = 0; i < rows; i++) { total += (double)w[i]; }
    for (i = 0; i < rows; i++) {
        for (side = 0; side < 2 && w[i] > 0; side++) {
            const isk_scalar *from = side ? v : u, *to = side ? u : v;
            double top = -INFINITY, sum = 0, own = 0, logit[32];
            for (j = 0; j < rows; j++) {
                for (k = 0, logit[j] = 0; k < cols; k++) { logit[j] += scale * (double)from[i * cols + k] * (double)to[j * cols + k]; }
                if (w[j] > 0 && logit[j] > top) { top = logit[j]; }
            }
            for (j = 0; j < rows; j++) { sum += w[j] > 0 ? exp(logit[j] - top) : 0; }
            own = logit[i];
            loss += (double)w[i] / total * 0.5 * (top + log(sum) - own);
        }
    }
    return loss;
}

static void info_nce_is_its_formula(void **state) {
    static const int rows[] = { 1, 2, 7, 8, 9, 16, 31 };
    static const double scales[] = { 0, 1, 14.3, 100, 2000 };
    int r, s, weighted, i, cols = 5;
    (void)state;
    for (r = 0; r < (int)COUNT(rows); r++) {
        for (s = 0; s < (int)COUNT(scales); s++) {
            for (weighted = 0; weighted < 3; weighted++) {
                isk_scalar u[32 * 5], v[32 * 5], w[32], scale = (isk_scalar)scales[s];
                isk_tensor x, loss;
                isk_program *program;
                int n = rows[r];
                if (weighted && n < 3) { continue; }
                assert_int_equal(close_graph(NULL) | open_graph(NULL), 0);
                for (i = 0; i < n * cols; i++) {
                    u[i] = (isk_scalar)(0.4 * normal());
                    v[i] = (isk_scalar)(0.4 * normal());
                }
                for (i = 0; i < n; i++) { w[i] = (isk_scalar)(weighted == 0 ? 1 : weighted == 1 ? i % 3 != 1 : (i * 7) % 5 * 0.5); }
                x = isk_with_row_weights(input_of(graph, n, cols, u), input_of(graph, n, 1, w));
                loss = isk_info_nce(x, input_of(graph, n, cols, v), input_of(graph, 1, 1, &scale));
                program = isk_program_compute(graph, &loss, 1);
                assert_non_null(program);
                ok(isk_run(program, 1));
                close_to(value_of(loss), naive_info_nce(u, v, (double)scale, w, n, cols), sizeof(isk_scalar) == 8 ? 1e-12 : 1e-5);
            }
        }
    }
}

/* ---- models side by side ------------------------------------------------------------------------------------------------ */

/* A training with random numbers in every place that has some. */
static isk_program *random_training(isk_graph *g, int models, const isk_scalar *own, isk_tensor *loss, isk_tensor *weight) {
    isk_mlp_desc mlp = { .layers = 3, .width = 9, .out = 4, .norm = ISK_NORM_BATCH, .dropout = 0.25, .mode = ISK_MODE_TRAIN };
    isk_optimizer_desc adam = { .rate = 1e-2 };
    isk_scalar values[17 * 3];
    isk_tensor x = isk_input(g, 17, 3), factor = isk_model_input(g, 1, 1), y;
    int i;
    random_state = isk__random_open(1, 2);
    for (i = 0; i < 17 * 3; i++) { values[i] = (isk_scalar)normal(); }
    ok(isk_write(x, 0, values));
    for (i = 0; i < models; i++) { ok(isk_write(factor, i, own + i)); }
    y = isk_mlp(isk_group_scope(g, "net"), x, &mlp);
    *weight = isk_parameter(isk_within(isk_group_scope(g, "net"), "0"), "weight", 3, 9, &(isk_parameter_desc){ .fill = ISK_FILL_ZERO });
    *loss = isk_mul(isk_add(isk_club_paired(y, y, isk_tanh(y), isk_permute_rows(y)), isk_squared_error(y, isk_dropout(y, 0.5))), factor);
    return isk_program_minimize(g, "net", *loss, &adam);
}

static void models_do_not_see_each_other(void **state) {
    static const uint64_t seeds[] = { 7, 3, UINT64_MAX, 3, 99 };
    static const isk_scalar own[] = { 1, 2, (isk_scalar)0.5, 2, 3 };
    isk_graph_desc many = { .models = 5, .seeds = seeds };
    isk_graph *g = isk_graph_open(context, &many);
    isk_tensor loss, weight;
    isk_program *program = random_training(g, 5, own, &loss, &weight);
    isk_scalar values[5][27], losses[5], value[27], last;
    int i;
    (void)state;
    assert_non_null(program);
    ok(isk_run(program, 13));
    ok(isk_run(program, 12));
    for (i = 0; i < 5; i++) {
        ok(isk_read(weight, i, values[i]));
        ok(isk_read(loss, i, &losses[i]));
        assert_true(losses[i] - losses[i] == 0);
    }
    isk_graph_close(g);
    for (i = 0; i < 5; i++) {
        isk_graph_desc one = { .models = 1, .seeds = &seeds[i] };
        g = isk_graph_open(context, &one);
        program = random_training(g, 1, &own[i], &loss, &weight);
        ok(isk_run(program, 25));
        ok(isk_read(weight, 0, value));
        ok(isk_read(loss, 0, &last));
        assert_memory_equal(value, values[i], sizeof value);
        assert_memory_equal(&last, &losses[i], sizeof last);
        isk_graph_close(g);
    }
    assert_memory_equal(values[1], values[3], sizeof value);
    assert_memory_not_equal(values[0], values[1], sizeof value);
}

/* ---- first values -------------------------------------------------------------------------------------------------------- */

static void first_values(void **state) {
    enum { IN = 40, OUT = 30 };
    static isk_scalar values[IN * OUT];
    int init, i;
    (void)state;
    for (init = 0; init <= ISK_INIT_NORMAL; init++) {
        isk_mlp_desc desc = { .layers = 1, .out = OUT, .init = init };
        double bound = init == ISK_INIT_XAVIER ? sqrt(6.0 / (IN + OUT)) : 1 / sqrt((double)IN), sum = 0, squares = 0, largest = 0;
        double deviation = init == ISK_INIT_NORMAL ? 0.01 : bound / sqrt(3);
        isk_tensor weight, bias;
        assert_int_equal(close_graph(NULL) | open_graph(NULL), 0);
        isk_mlp(isk_group_scope(graph, "net"), isk_input(graph, 2, IN), &desc);
        weight = isk_parameter(isk_within(isk_group_scope(graph, "net"), "0"), "weight", IN, OUT, &(isk_parameter_desc){ .no_decay = 0 });
        bias = isk_parameter(isk_within(isk_group_scope(graph, "net"), "0"), "bias", 1, OUT, &(isk_parameter_desc){ .no_decay = 0 });
        assert_int_equal(graph->parameter_count, 2);
        assert_string_equal(graph->parameters[0].name, "net.0.weight");
        assert_string_equal(graph->parameters[1].name, "net.0.bias");
        ok(isk_read(weight, 0, values));
        for (i = 0; i < IN * OUT; i++) {
            sum += (double)values[i];
            squares += (double)values[i] * (double)values[i];
            largest = fabs((double)values[i]) > largest ? fabs((double)values[i]) : largest;
        }
        assert_true(fabs(sum / (IN * OUT)) < 4 * deviation / sqrt(IN * OUT));
        assert_true(fabs(sqrt(squares / (IN * OUT)) / deviation - 1) < 0.06);
        assert_true(init == ISK_INIT_NORMAL ? largest < 5 * deviation : largest <= bound * 1.0000001 && largest > 0.98 * bound);
        ok(isk_read(bias, 0, values));
        for (i = 0, largest = 0; i < OUT; i++) { largest = fabs((double)values[i]) > largest ? fabs((double)values[i]) : largest; }
        assert_true(largest <= 1 / sqrt((double)IN) && largest > 0.8 / sqrt((double)IN));
    }
}

/* nn.Sequential's numbers, with norm and dropout counted. */
static void names_are_pytorchs(void **state) {
    static const char *const due[] = { "net.0.weight", "net.0.bias", "net.1.weight", "net.1.bias", "net.1.running_mean",
                                       "net.1.running_var", "net.4.weight", "net.4.bias", "net.5.weight", "net.5.bias",
                                       "net.5.running_mean", "net.5.running_var", "net.8.weight", "net.8.bias" };
    isk_mlp_desc desc = { .layers = 3, .width = 4, .out = 2, .norm = ISK_NORM_BATCH, .dropout = 0.1 };
    int i, j;
    (void)state;
    isk_mlp(isk_group_scope(graph, "net"), isk_input(graph, 3, 2), &desc);
    assert_int_equal(graph->parameter_count, COUNT(due));
    for (i = 0; i < (int)COUNT(due); i++) {
        for (j = 0; j < graph->parameter_count && strcmp(graph->parameters[j].name, due[i]) != 0; j++) {}
        if (j == graph->parameter_count) { fail_msg("there is no %s", due[i]); }
    }
}

/* Running moments follow with weight 0.1, and evaluation uses them. */
static void running_moments(void **state) {
    isk_scope scope = isk_group_scope(graph, "net");
    isk_scalar x[6 * 2] = { 1, 10, 2, 20, 3, 30, 4, 40, 99, 99, 5, 50 }, y[12], mean[2], variance[2];
    isk_tensor data = isk_with_row_weights(input_of(graph, 6, 2, x), weights_without(6, 1u << 4)), out, now;
    isk_program *training, *evaluation;
    int i, step;
    (void)state;
    out = isk_standardize_rows(scope, data, 1);
    training = isk_program_compute(graph, &out, 1);
    now = isk_standardize_rows(scope, data, 0);
    evaluation = isk_program_compute(graph, &now, 1);
    assert_true(training && evaluation);
    for (step = 1; step <= 3; step++) {
        double kept = pow(0.9, step);
        ok(isk_run(training, 1));
        ok(isk_run(evaluation, 2));
        ok(isk_read(isk__row_parameter(scope, "running_mean", 2, ISK_FILL_ZERO, 1), 0, mean));
        ok(isk_read(isk__row_parameter(scope, "running_var", 2, ISK_FILL_ONE, 1), 0, variance));
        for (i = 0; i < 2; i++) {
            double factor = i ? 10 : 1;
            close_to((double)mean[i], (1 - kept) * 3 * factor, equal_tolerance);
            close_to((double)variance[i], (1 - kept) * 2 * factor * factor + kept, equal_tolerance);
        }
        ok(isk_read(now, 0, y));
        close_to((double)y[1], (10 - (double)mean[1]) / sqrt((double)variance[1] + 1e-5), equal_tolerance);
        ok(isk_read(out, 0, y));
        close_to((double)y[0], -2 / sqrt(2 + 1e-5), equal_tolerance);
        assert_true(y[8] == 0 && y[9] == 0);
    }
}

/* Epsilon, momentum, a scale and an offset or none, the running variance of a sample or of all: by loops, over the rows that there are. */
static void batch_norms_are_their_formulas(void **state) {
    enum { TALL = 7, WIDE = 3 };
    static const isk_norm_desc descs[] = {
        { .epsilon = 0, .mode = ISK_MODE_TRAIN }, { .epsilon = 1e-3, .momentum = 0.01, .unbiased = 1, .mode = ISK_MODE_TRAIN },
        { .epsilon = 0.5, .momentum = 0.3, .plain = 1, .mode = ISK_MODE_TRAIN },
        { .momentum = 1, .plain = 1, .unbiased = 1, .mode = ISK_MODE_TRAIN },
    };
    isk_scalar x[TALL * WIDE], y[TALL * WIDE], z[TALL * WIDE], moments[2][WIDE], scale[WIDE] = { 2, -1, 0.5 }, offset[WIDE] = { 1, 0, -3 };
    size_t k;
    int absent, i, j, step;
    (void)state;
    for (i = 0; i < TALL * WIDE; i++) { x[i] = (isk_scalar)(normal() * (1 + i % WIDE) + i % WIDE); }
    for (k = 0; k < COUNT(descs); k++) {
        for (absent = 0; absent < 2; absent++) {
            const double epsilon = descs[k].epsilon > 0 ? descs[k].epsilon : 1e-5;
            const double momentum = descs[k].momentum > 0 ? descs[k].momentum : 0.1;
            const unsigned lacks = absent ? 1u << 2 | 1u << 5 : 0;
            isk_norm_desc still = descs[k];
            isk_tensor data, out, now, running[2], factor, shift;
            isk_program *training, *evaluation;
            isk_scope scope;
            assert_int_equal(close_graph(NULL) | open_graph(NULL), 0);
            scope = isk_group_scope(graph, "net");
            data = input_of(graph, TALL, WIDE, x);
            if (absent) { data = isk_with_row_weights(data, weights_without(TALL, lacks)); }
            out = isk_batch_norm_rows(scope, data, &descs[k]);
            training = isk_program_compute(graph, &out, 1);
            still.mode = ISK_MODE_EVALUATE;
            now = isk_batch_norm_rows(scope, data, &still);
            evaluation = isk_program_compute(graph, &now, 1);
            assert_true(training && evaluation);
            running[0] = isk__row_parameter(scope, "running_mean", WIDE, ISK_FILL_ZERO, 1);
            running[1] = isk__row_parameter(scope, "running_var", WIDE, ISK_FILL_ONE, 1);
            assert_int_equal(graph->parameter_count, descs[k].plain ? 2 : 4);
            if (!descs[k].plain) {
                factor = isk__row_parameter(scope, "weight", WIDE, ISK_FILL_ONE, 0);
                shift = isk__row_parameter(scope, "bias", WIDE, ISK_FILL_ZERO, 0);
                ok(isk_write(factor, 0, scale));
                ok(isk_write(shift, 0, offset));
            }
            for (step = 1; step <= 3; step++) {
                ok(isk_run(training, 1));
                ok(isk_run(evaluation, 1));
                ok(isk_read(out, 0, y));
                ok(isk_read(now, 0, z));
                ok(isk_read(running[0], 0, moments[0]));
                ok(isk_read(running[1], 0, moments[1]));
                for (j = 0; j < WIDE; j++) {
                    const double w = descs[k].plain ? 1 : (double)scale[j], b = descs[k].plain ? 0 : (double)offset[j];
                    double rows = 0, mean = 0, variance = 0, left = pow(1 - momentum, step), sample;
                    for (i = 0; i < TALL; i++) { rows += !(lacks >> i & 1); }
                    for (i = 0; i < TALL; i++) { mean += lacks >> i & 1 ? 0 : (double)x[i * WIDE + j] / rows; }
                    for (i = 0; i < TALL; i++) { variance += lacks >> i & 1 ? 0 : pow((double)x[i * WIDE + j] - mean, 2) / rows; }
                    sample = descs[k].unbiased ? variance * rows / (rows - 1) : variance;
                    close_to((double)moments[0][j], (1 - left) * mean, 3 * equal_tolerance);
                    close_to((double)moments[1][j], (1 - left) * sample + left, 3 * equal_tolerance);
                    for (i = 0; i < TALL; i++) {
                        if (lacks >> i & 1) { continue; }
                        close_to((double)y[i * WIDE + j], ((double)x[i * WIDE + j] - mean) / sqrt(variance + epsilon) * w + b,
                                 3 * equal_tolerance);
                        close_to((double)z[i * WIDE + j], ((double)x[i * WIDE + j] - (double)moments[0][j]) /
                                 sqrt((double)moments[1][j] + epsilon) * w + b, 3 * equal_tolerance);
                    }
                }
            }
        }
    }
}

/* A statistic that follows is a buffer of the shape of what it follows. */
static void following(void **state) {
    static const isk_scalar first[] = { 1, 2, 3 };
    isk_parameter_desc desc = { .fill = ISK_FILL_VALUE, .amount = 4, .buffer = 1 };
    isk_tensor target = isk_parameter(isk_group_scope(graph, "net"), "seen", 1, 3, &desc), value = input_of(graph, 1, 3, first);
    isk_scalar seen[3];
    isk_program *program;
    int i;
    (void)state;
    isk_follow(target, isk_square(value), 0.25);
    program = isk_program_compute(graph, &value, 1);
    for (i = 0; i < 2; i++) { ok(isk_run(program, 1)); }
    ok(isk_read(target, 0, seen));
    for (i = 0; i < 3; i++) {
        const double due = (double)(first[i] * first[i]);
        close_to((double)seen[i], due + 0.75 * 0.75 * (4 - due), equal_tolerance);
    }
    isk_follow(parameter("learned", 1, 3), value, 0.5);
    assert_null(isk_program_compute(graph, &value, 1));
    assert_string_equal(isk_error(context), "follow: the target must be a parameter with buffer 1");
    assert_int_equal(close_graph(NULL) | open_graph(NULL), 0);
    target = isk_parameter(isk_group_scope(graph, "net"), "seen", 1, 3, &desc);
    isk_follow(target, random_input(3, 1), 0.5);
    assert_null(isk_program_compute(graph, &target, 1));
    assert_string_equal(isk_error(context), "follow: [3, 1] does not fit the target [1, 3]");
    assert_int_equal(close_graph(NULL) | open_graph(NULL), 0);
    value = random_input(1, 3);
    isk_follow(value, value, 0.5);
    assert_null(isk_program_compute(graph, &value, 1));
    assert_string_equal(isk_error(context), "follow: the target must be a parameter with buffer 1");
}

static void gradients_of_batch_norms(void **state) {
    isk_norm_desc desc = { .epsilon = 0.2, .momentum = 0.3, .unbiased = 1, .mode = ISK_MODE_TRAIN };
    isk_tensor x = isk_with_row_weights(parameter("x", 8, 3), weights_without(8, 1u << 6));
    (void)state;
    check_gradient(isk_squared_error(isk_batch_norm_rows(isk_group_scope(graph, "net"), x, &desc), random_input(8, 3)));
    desc.plain = 1;
    check_gradient(isk_squared_error(isk_batch_norm_rows(isk_group_scope(graph, "net"), x, &desc), random_input(8, 3)));
}

/* ---- optimizers ------------------------------------------------------------------------------------------------------------ */

enum { FIT_ROWS = 6, FIT_IN = 5, FIT_OUT = 3, FIT_PARAMETERS = FIT_IN * FIT_OUT + FIT_OUT + 1 };

typedef struct naive_fit {
    double x[FIT_ROWS][FIT_IN], t[FIT_ROWS][FIT_OUT], p[FIT_PARAMETERS], m[FIT_PARAMETERS], v[FIT_PARAMETERS], g[FIT_PARAMETERS];
} naive_fit;

/* Gradient of mean over rows of |s (x W + b) - t|^2; p holds W row by row, b, s. */
static void naive_gradient(naive_fit *f) {
    int i, j, k;
    memset(f->g, 0, sizeof f->g);
    for (i = 0; i < FIT_ROWS; i++) {
        for (j = 0; j < FIT_OUT; j++) {
            double y = f->p[FIT_IN * FIT_OUT + j], s = f->p[FIT_PARAMETERS - 1], e;
            for (k = 0; k < FIT_IN; k++) { y += f->x[i][k] * f->p[k * FIT_OUT + j]; }
            e = 2.0 / FIT_ROWS * (s * y - f->t[i][j]);
            for (k = 0; k < FIT_IN; k++) { f->g[k * FIT_OUT + j] += e * s * f->x[i][k]; }
            f->g[FIT_IN * FIT_OUT + j] += e * s;
            f->g[FIT_PARAMETERS - 1] += e * y;
        }
    }
}

/* torch.optim.Adam, AdamW and SGD; the last two kinds of parameter (b, s) take no decay, s stays within [0.9, 1.1]. */
static void naive_update(naive_fit *f, const isk_optimizer_desc *desc, int t) {
    double norm = 0, scale = 1;
    int i;
    for (i = 0; i < FIT_PARAMETERS; i++) { norm += f->g[i] * f->g[i]; }
    if (desc->clip_norm > 0 && sqrt(norm) > desc->clip_norm) { scale = desc->clip_norm / sqrt(norm); }
    for (i = 0; i < FIT_PARAMETERS; i++) {
        double decay = i < FIT_IN * FIT_OUT ? desc->weight_decay : 0, g = scale * f->g[i];
        if (desc->kind == ISK_SGD) {
            f->m[i] = desc->momentum * f->m[i] + g + decay * f->p[i];
            f->p[i] -= desc->rate * f->m[i];
        } else {
            if (desc->kind == ISK_ADAMW) { f->p[i] *= 1 - desc->rate * decay; } else { g += decay * f->p[i]; }
            f->m[i] = desc->beta1 * f->m[i] + (1 - desc->beta1) * g;
            f->v[i] = desc->beta2 * f->v[i] + (1 - desc->beta2) * g * g;
            f->p[i] -= desc->rate * (f->m[i] / (1 - pow(desc->beta1, t))) / (sqrt(f->v[i] / (1 - pow(desc->beta2, t))) + desc->epsilon);
        }
    }
    if (f->p[FIT_PARAMETERS - 1] < 0.9) { f->p[FIT_PARAMETERS - 1] = 0.9; }
    if (f->p[FIT_PARAMETERS - 1] > 1.1) { f->p[FIT_PARAMETERS - 1] = 1.1; }
}

static void optimizers_are_their_formulas(void **state) {
    static const isk_optimizer_desc descs[] = {
        { .kind = ISK_ADAM, .rate = 0.01, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8 },
        { .kind = ISK_ADAM, .rate = 0.05, .beta1 = 0.8, .beta2 = 0.99, .epsilon = 1e-3, .weight_decay = 0.3 },
        { .kind = ISK_ADAMW, .rate = 0.05, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0.3 },
        { .kind = ISK_ADAM, .rate = 0.01, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-2, .clip_norm = 0.5 },
        { .kind = ISK_SGD, .rate = 0.05 },
        { .kind = ISK_SGD, .rate = 0.02, .momentum = 0.9, .weight_decay = 0.1 },
        { .kind = ISK_SGD, .rate = 0.02, .momentum = 0.9, .weight_decay = 0.1, .clip_norm = 0.2 },
    };
    int d, i, j, t, limited = 0;
    (void)state;
    for (d = 0; d < (int)COUNT(descs); d++) {
        isk_parameter_desc weight = { .fill = ISK_FILL_NORMAL, .amount = 0.5 }, bias = { .fill = ISK_FILL_ONE, .no_decay = 1 };
        isk_parameter_desc scale = { .fill = ISK_FILL_ONE, .no_decay = 1, .limited = 1, .low = 0.9, .high = 1.1 };
        isk_tensor w, b, s, x, target;
        isk_program *program;
        isk_scalar values[FIT_ROWS * FIT_IN];
        naive_fit f;
        assert_int_equal(close_graph(NULL) | open_graph(NULL), 0);
        memset(&f, 0, sizeof f);
        w = isk_parameter(isk_group_scope(graph, "net"), "w", FIT_IN, FIT_OUT, &weight);
        b = isk_parameter(isk_group_scope(graph, "net"), "b", 1, FIT_OUT, &bias);
        s = isk_parameter(isk_group_scope(graph, "net"), "s", 1, 1, &scale);
        x = random_input(FIT_ROWS, FIT_IN);
        target = random_input(FIT_ROWS, FIT_OUT);
        ok(isk_read(x, 0, values));
        for (i = 0; i < FIT_ROWS * FIT_IN; i++) { f.x[i / FIT_IN][i % FIT_IN] = (double)values[i]; }
        ok(isk_read(target, 0, values));
        for (i = 0; i < FIT_ROWS * FIT_OUT; i++) { f.t[i / FIT_OUT][i % FIT_OUT] = (double)values[i]; }
        ok(isk_read(w, 0, values));
        for (i = 0; i < FIT_IN * FIT_OUT; i++) { f.p[i] = (double)values[i]; }
        for (; i < FIT_PARAMETERS; i++) { f.p[i] = 1; }
        program = isk_program_minimize(graph, "net", isk_squared_error(isk_scale(isk_bias(isk_matmul(x, w), b), s), target), &descs[d]);
        assert_non_null(program);
        for (t = 1; t <= 20; t++) {
            naive_gradient(&f);
            naive_update(&f, &descs[d], t);
            ok(isk_run(program, 1));
            ok(isk_read(w, 0, values));
            ok(isk_read(b, 0, values + FIT_IN * FIT_OUT));
            ok(isk_read(s, 0, values + FIT_PARAMETERS - 1));
            for (j = 0; j < FIT_PARAMETERS; j++) { close_to((double)values[j], f.p[j], sizeof(isk_scalar) == 8 ? 1e-11 : 1e-4); }
            limited += values[FIT_PARAMETERS - 1] == (isk_scalar)0.9 || values[FIT_PARAMETERS - 1] == (isk_scalar)1.1;
        }
    }
    assert_true(limited > 0);
}

/* The norm of clip_norm is of the parameters that the program knew when it was made. */
static void clipping_forgets_later_parameters(void **state) {
    isk_optimizer_desc clipped = { .kind = ISK_SGD, .rate = 1, .clip_norm = 0.1 }, sgd = { .kind = ISK_SGD, .rate = 1e-30 };
    isk_tensor a = parameter("a", 1, 1), later;
    isk_program *first = isk_program_minimize(graph, "net", isk_sum_all(a), &clipped), *second;
    isk_scalar g;
    (void)state;
    read_gradient(first, a, &g);
    close_to((double)g, 0.1, 1e-6);
    later = parameter("later", 1, 1);
    second = isk_program_minimize(graph, "net", isk_affine(isk_add(a, later), 100, 0), &sgd);
    assert_non_null(second);
    ok(isk_run(second, 1));
    read_gradient(first, a, &g);
    close_to((double)g, 0.1, 1e-6);
}

static void optimizer_errors(void **state) {
    isk_tensor a = parameter("a", 2, 2), loss = isk_sum_all(a);
    isk_optimizer_desc desc = { .rate = -1 };
    (void)state;
    assert_null(isk_program_minimize(graph, "other", loss, NULL));
    assert_string_equal(isk_error(context), "minimize: there is no group 'other'");
    assert_null(isk_program_minimize(graph, "net", a, NULL));
    assert_string_equal(isk_error(context), "minimize: the loss is [2, 2]; it must be [1, 1]");
    assert_null(isk_program_minimize(graph, "net", loss, &desc));
    assert_string_equal(isk_error(context), "minimize: kind 1, rate -1, weight_decay 0 or clip_norm 0 is out of range");
    desc.rate = NAN;
    assert_null(isk_program_minimize(graph, "net", loss, &desc));
    desc.rate = 1;
    desc.kind = 4;
    assert_null(isk_program_minimize(graph, "net", loss, &desc));
    desc.kind = 0;
    desc.weight_decay = -1;
    assert_null(isk_program_minimize(graph, "net", loss, &desc));
    assert_non_null(isk_program_minimize(graph, "net", loss, NULL));        /* the graph is none the worse */
}

/* ---- memory ------------------------------------------------------------------------------------------------------------------ */

static long allocations;

static void *counting_allocate(size_t bytes, void *user) {
    (void)user;
    allocations++;
    return malloc(bytes);
}

static void counting_release(void *pointer, void *user) {
    (void)user;
    free(pointer);
}

static void a_replay_allocates_nothing(void **state) {
    isk_context_desc desc = { .threads = 2, .allocator = { counting_allocate, counting_release, NULL } };
    isk_context *counted = isk_open(&desc);
    isk_graph_desc many = { .models = 3 };
    isk_graph *g = isk_graph_open(counted, &many);
    isk_scalar own[3] = { 1, 1, 1 }, value;
    isk_tensor loss, weight;
    isk_program *program = random_training(g, 3, own, &loss, &weight);
    long before;
    (void)state;
    assert_non_null(program);
    ok(isk_run(program, 1));
    before = allocations;
    ok(isk_run(program, 1));
    ok(isk_run(program, 50));
    assert_int_equal(allocations, before);
    ok(isk_read(loss, 2, &value));
    assert_int_equal(allocations, before);
    isk_graph_close(g);
    isk_close(counted);
}

/* What is recorded after a run leaves parameters, moments, inputs and outputs as they were. */
static void growth_keeps_values(void **state) {
    isk_optimizer_desc adam = { .rate = 0.01 };
    isk_scalar reference[12], weights[12], x_values[20], grown[20], before, after;
    int grow, i;
    (void)state;
    for (grow = 0; grow < 2; grow++) {
        isk_tensor x, w, loss, other;
        isk_program *step, *more = NULL;
        assert_int_equal(close_graph(NULL) | open_graph(NULL), 0);
        x = random_input(5, 4);
        w = parameter("w", 4, 3);
        loss = isk_squared_error(isk_matmul(x, w), random_input(5, 3));
        step = isk_program_minimize(graph, "net", loss, &adam);
        assert_non_null(step);
        ok(isk_run(step, 5));
        ok(isk_read(loss, 0, &before));
        if (grow) {
            isk_parameter_desc fill = { .fill = ISK_FILL_VALUE, .amount = 3 };
            isk_scalar threes[21];
            ok(isk_read(x, 0, x_values));
            other = isk_parameter(isk_group_scope(graph, "net"), "other", 3, 7, &fill);
            isk_input(graph, 40, 40);
            isk_model_input(graph, 9, 9);
            more = isk_program_minimize(graph, "net",
                                        isk_mean_all(isk_square(isk_matmul(isk_matmul(x, isk_stop_gradient(w)), other))), &adam);
            assert_non_null(more);
            ok(isk_read(loss, 0, &after));
            assert_memory_equal(&before, &after, sizeof before);
            ok(isk_read(x, 0, grown));
            assert_memory_equal(x_values, grown, sizeof grown);
            ok(isk_read(other, 0, threes));
            for (i = 0; i < 21; i++) { assert_true(threes[i] == 3); }
            ok(isk_run(isk_program_compute(graph, &other, 1), 1));
        }
        ok(isk_run(step, 5));
        ok(isk_read(w, 0, grow ? weights : reference));
    }
    for (i = 0; i < 12; i++) { assert_true(weights[i] == reference[i]); }
}

/* A tensor of two programs is read as the one that ran last left it. */
static void the_newest_value_is_read(void **state) {
    isk_tensor a = parameter("a", 1, 1), loss = isk_square(a);
    isk_program *step = isk_program_minimize(graph, "net", loss, &plain_sgd), *look = isk_program_compute(graph, &loss, 1);
    isk_scalar two = 2;
    (void)state;
    ok(isk_write(a, 0, &two));
    ok(isk_run(look, 1));
    close_to(value_of(loss), 4, 0);
    ok(isk_run(step, 1));                       /* a = 2 - 4 */
    ok(isk_write(a, 0, (isk_scalar[]){ 3 }));
    ok(isk_run(step, 1));
    close_to(value_of(loss), 9, 0);
    ok(isk_write(a, 0, (isk_scalar[]){ 5 }));
    ok(isk_run(look, 1));
    close_to(value_of(loss), 25, 0);
}

/* ---- mistakes ------------------------------------------------------------------------------------------------------------------ */

static isk_graph *other_graph;

static isk_tensor mistake(int number) {
    isk_tensor a = isk_input(graph, 3, 4), b = isk_input(graph, 5, 2), parts[5], none = { 0, -1 };
    isk_scope scope = isk_group_scope(graph, "net");
    isk_mlp_desc mlp = { .layers = 2, .width = 3 };
    isk_parameter_desc desc = { .fill = ISK_FILL_ONE };
    const int steps[5] = { 1, 2, 1, 1, 1 };
    parts[0] = parts[2] = parts[3] = parts[4] = a;
    parts[1] = b;
    none.graph = graph;
    switch (number) {
    case 0: return isk_add(a, b);
    case 1: return isk_matmul(a, b);
    case 2: return isk_matmul_nt(a, b);
    case 3: return isk_matmul_tn(a, b);
    case 4: return isk_linear_map(a, b, a, 1);
    case 5: return isk_concat(parts, 2);
    case 6: return isk_concat(parts, 5);
    case 7: return isk_slice(a, 2, 3);
    case 8: return isk_dropout(a, 1);
    case 9: return isk_gather(a, b);
    case 10: return isk_info_nce(a, b, a);
    case 11: return isk_with_row_weights(a, b);
    case 12: return isk_bias(a, b);
    case 13: return isk_mul_rows(a, b);
    case 14: return isk_scale(a, b);
    case 15: return isk_mlp(scope, a, &mlp);
    case 16: return isk_input(graph, 0, 4);
    case 17: return isk_batch(graph, 0);
    case 18:
        isk_parameter(scope, "w", 2, 2, &desc);
        return isk_parameter(scope, "w", 2, 3, &desc);
    case 19: return isk_parameter(scope, "w", 0, 3, &desc);
    case 20: return isk_add(a, isk_input(other_graph, 3, 4));
    case 21: return isk_relu(none);
    case 22: return isk_dropout(a, NAN);
    case 23: return isk_club(a, a, b);
    case 24: return isk_layer_norm(a, b, b, 1e-5);
    case 25:
        return isk_parameter(isk_within(scope, "a-name-of-which-fifty-bytes-do-not-fit-in-a-prefix-of-the-eighty-that-it-has-room-for"),
                             "w", 1, 1, &desc);
    case 26:
        return isk_parameter(scope, "a-name-of-which-seventy-bytes-do-not-fit-in-what-a-parameter-has-for-its-name-which-is-ninety-five",
                             1, 1, &desc);
    case 27: return isk_input(graph, 1, INT32_MAX);
    case 28: return isk_input(graph, 1 << 20, 1 << 21);
    case 29: return isk_parameter(scope, "w", INT32_MAX, INT32_MAX, &desc);
    case 30: return isk_batch(graph, INT32_MAX);
    case 31:
        parts[0] = parts[1] = parts[2] = parts[3] = isk_input(graph, 1, 1 << 28);
        return isk_concat(parts, 4);
    case 32: return isk_matmul_tn(isk_input(graph, 1, 1 << 28), isk_input(graph, 1, 1 << 28));
    case 33: return isk_reshape(a, 5);
    case 34: return isk_trim(a, b, 2);
    case 35: return isk_trim(a, isk_input(graph, 3, 1), 3);
    case 36: return isk_step_mask(a, 2);
    case 37: return isk_attention(a, 1, 2, 0);
    case 38: return isk_attention(isk_input(graph, 4, 15), 2, 2, 0);
    case 39: return isk_attention(isk_input(graph, 4, 12), 3, 2, 0);
    case 40: return isk_attention(isk_input(graph, 4, 12), 2, 2, 1);
    case 41: return isk_attention(isk_input(graph, 1 << 16, 3 << 15), 1 << 10, 1 << 15, 0);
    case 42: return isk_pool_steps(a, 3, 5);
    case 43: return isk_pool_steps(a, 2, ISK_POOL_MEAN);
    case 44: return isk_join_steps(parts, steps, 5);
    case 45: return isk_join_steps(parts, steps, 2);
    case 46:
        parts[1] = isk_input(graph, 4, 4);
        return isk_join_steps(parts, steps, 2);
    case 47: return isk_join_steps(parts, steps + 1, 1);
    case 48: return isk_add_steps(a, isk_input(graph, 2, 4));
    case 49: return isk_tokens(a, b, b);
    case 50: return isk_pair_sum(a, b);
    case 51: return isk_pair_sum(isk_input(graph, 1 << 20, 1), isk_input(graph, 1 << 20, 1));
    case 52:
        parts[1] = isk_input(graph, 4, 2);
        return isk_join_steps(parts, steps, 2);
    case 53: return isk_noise(a, NAN, 0.5, 0);
    case 54: return isk_noise(a, 1, 0.5, -1);
    case 55: return isk_drop_steps(a, 2, 1.5, 0.5, 0);
    case 56: return isk_drop_steps(a, 3, 0.5, 0.5, 0);
    case 57:
        isk_parameter(isk_within(scope, "a"), "w", 2, 2, &desc);
        return isk_parameter(isk_group_scope(graph, "net.a"), "w", 2, 2, &desc);
    default: isk_group_scope(graph, "a-group-whose-name-is-longer-than-forty-seven-bytes"); return none;
    }
}

static void mistakes_are_named(void **state) {
    static const char *const due[] = {
        "add: input 1 is [5, 2], which does not fit [3, 4]; it takes the same shape",
        "matmul: [3, 4] and [5, 2] do not fit: inner extents are 4 and 5",
        "matmul_nt: [3, 4] and [5, 2] do not fit: inner extents are 4 and 2",
        "matmul_tn: [3, 4] and [5, 2] do not fit: inner extents are 3 and 5",
        "linear_map: x [3, 4], weight [5, 2] and bias [3, 4] do not fit",
        "concat: part 0 is [3, 4], part 1 is [5, 2]; rows differ",
        "concat: 5 parts; it takes 1 to 4",
        "slice: columns 2 to 4 of [3, 4]",
        "dropout: probability 1; it must be in [0, 1)",
        "gather: the second input must come from isk_batch",
        "info_nce: u [3, 4], v [5, 2] and scale [3, 4] do not fit",
        "with_row_weights: weights are [5, 2]; a value of 3 rows takes [3, 1]",
        "bias: input 1 is [5, 2], which does not fit [3, 4]; it takes [1, cols]",
        "mul_rows: input 1 is [5, 2], which does not fit [3, 4]; it takes [rows, 1]",
        "scale: input 1 is [5, 2], which does not fit [3, 4]; it takes [1, 1]",
        "mlp 'net': layers 2, width 3 and out 0 must be at least 1",
        "input: shape [0, 4] is empty; give at least 1 x 1",
        "batch: 0 rows; give at least 1",
        "parameter 'net.w' is [2, 2]; it is asked for as [2, 3]",
        "parameter 'net.w': shape [0, 3] is empty",
        "add: input 1 belongs to another graph",
        "relu: input 0 was not recorded",
        "dropout: probability nan; it must be in [0, 1)",
        "club: input 2 is [5, 2], which does not fit [3, 4]; it takes the same shape",
        "layer_norm: input 1 is [5, 2], which does not fit [3, 4]; it takes [1, cols]",
        "within: the prefix 'net.a-name-of-which-fifty-bytes-do-not-fit-in-a-prefix-of-the-eighty-that-it-has-room-for' is longer than 79 "
        "bytes",
        "parameter: the name 'net.a-name-of-which-seventy-bytes-do-not-fit-in-what-a-parameter-has-for-its-name-which-is-ninety-five' is "
        "longer than 95 bytes", "input: shape [1, 2147483647] is too large", "input: shape [1048576, 2097152] is too large",
        "net.w: shape [2147483647, 2147483647] is too large",
        "batch: shape [2147483647, 1] is too large",
        "concat: shape [1, 1073741824] is too large",
        "matmul_tn: shape [268435456, 268435456] is too large",
        "reshape: [3, 4] does not fill rows of 5",
        "trim: x [3, 4] in 2 steps and lengths [5, 2] do not fit",
        "trim: x [3, 4] in 3 steps and lengths [3, 1] do not fit",
        "step_mask: lengths [3, 4] and 2 steps; it takes [rows, 1] and at least 1",
        "attention: [3, 4] is not queries, keys and values side by side",
        "attention: a width of 5 is not divisible by 2 heads",
        "attention: [4, 12] is not made of samples of 3 steps",
        "attention: dropout 1; it must be in [0, 1)",
        "attention: shape [2147483647, 1024] is too large",
        "pool_steps: 5 is no ISK_POOL_...",
        "pool_steps: [3, 4] is not made of samples of 2 steps",
        "join_steps: 5 parts; it takes 1 to 4",
        "join_steps: [5, 2] is not made of samples of 2 steps",
        "join_steps: part 0 has 3 samples of 1 steps, part 1 has 2 of 2",
        "join_steps: [3, 4] is not made of samples of 2 steps",
        "add_steps: x [3, 4] is not made of samples of [2, 4]",
        "tokens: x [3, 4], weight [5, 2] and bias [5, 2] do not fit",
        "pair_sum: a [3, 4] and b [5, 2] do not fit; columns differ",
        "pair_sum: shape [2147483647, 1] is too large",
        "join_steps: part 0 is [3, 4], part 1 is [4, 2]; columns differ",
        "noise: amount nan, probability 0.5 or coin 0 is out of range",
        "noise: amount 1, probability 0.5 or coin -1 is out of range",
        "drop_steps: amount 1.5, probability 0.5 or coin 0 is out of range",
        "drop_steps: 4 columns are not made of 3 steps",
        "parameter 'net.a.w' belongs to group 'net'; it is asked for in 'net.a'",
        "group: the name 'a-group-whose-name-is-longer-than-forty-seven-bytes' is longer than 47 bytes",
    };
    int i;
    (void)state;
    for (i = 0; i < (int)COUNT(due); i++) {
        isk_tensor wrong, after;
        isk_mlp_desc mlp = { .layers = 2, .width = 3, .out = 2, .norm = ISK_NORM_BATCH, .dropout = 0.1, .mode = ISK_MODE_TRAIN };
        isk_scalar value = 0;
        other_graph = isk_graph_open(context, NULL);
        assert_int_equal(close_graph(NULL) | open_graph(NULL), 0);
        wrong = mistake(i);
        if (strcmp(isk_error(context), due[i]) != 0) { fail_msg("mistake %d\n  got %s\n  due %s", i, isk_error(context), due[i]); }
        assert_true(wrong.node < 0);
        /* Recording goes on harmlessly. */
        after = isk_mlp(isk_group_scope(graph, "net"), isk_add(wrong, isk_input(graph, 3, 3)), &mlp);
        after = isk_standardize_rows(isk_group_scope(graph, "s"), isk_slice(isk_with_row_weights(after, wrong), 0, 1), 1);
        after = isk_gather(isk_permute_rows(isk_stop_gradient(after)), isk_batch(graph, 2));
        after = isk_add(isk_info_nce(pair(after, wrong), isk_dropout(isk_matmul_tn(after, wrong), 0.5), wrong),
                        isk_squared_error(after, isk_linear_map(wrong, after, after, 1)));
        assert_int_equal(isk_rows(after), 0);
        assert_int_equal(isk_cols(after), 0);
        assert_null(isk_program_minimize(graph, "net", after, NULL));
        assert_null(isk_program_compute(graph, &after, 1));
        assert_null(isk_program_compute(graph, NULL, 0));
        assert_int_not_equal(isk_read(after, 0, &value), ISK_OK);
        assert_int_not_equal(isk_write(after, 0, &value), ISK_OK);
        assert_true(isk_check_gradient(graph, "net", after, 0) < 0);
        assert_int_equal(isk_run(NULL, 1), ISK_ARGUMENT);
        assert_string_equal(isk_error(context), due[i]);
        isk_graph_close(other_graph);
    }
}

static void reading_and_writing(void **state) {
    isk_scalar x[6] = { 1, 2, 3, 4, 5, 6 }, y[6] = { 0 };
    isk_tensor input = isk_input(graph, 3, 2), between = isk_square(input), sum = isk_sum_all(between), many[25];
    isk_program *program = isk_program_compute(graph, &sum, 1);
    int i;
    (void)state;
    assert_int_equal(isk_rows(input), 3);
    assert_int_equal(isk_cols(input), 2);
    ok(isk_write(input, 0, x));
    ok(isk_read(input, 0, y));
    assert_memory_equal(x, y, sizeof x);
    ok(isk_run(program, 1));
    assert_true(value_of(sum) == 91);
    ok(isk_run(program, 0));
    expect(context, isk_read(between, 0, y), ISK_ARGUMENT, "this tensor [3, 2] is no input, parameter or output of a program");
    expect(context, isk_write(between, 0, y), ISK_ARGUMENT, "this tensor [3, 2] is no input, parameter or output of a program");
    expect(context, isk_read(input, 1, y), ISK_ARGUMENT, "model 1 of 1, or a tensor that was not recorded");
    expect(context, isk_write(input, -1, y), ISK_ARGUMENT, "model -1 of 1, or a tensor that was not recorded");
    for (i = 0; i < 25; i++) { many[i] = sum; }
    assert_null(isk_program_compute(graph, many, 25));
    assert_string_equal(isk_error(context), "a program has at most 24 outputs; 25 were asked for");
    assert_non_null(isk_program_compute(graph, many, 24));
    assert_null(isk_program_compute(graph, many, -1));
    other_graph = isk_graph_open(context, NULL);
    assert_null(isk_program_compute(other_graph, &sum, 1));
    assert_string_equal(isk_error(context), "program: output 0 belongs to another graph");
    parameter_in(other_graph, "w", 1, 1);
    assert_null(isk_program_minimize(other_graph, "net", sum, NULL));
    assert_string_equal(isk_error(context), "program: output 0 belongs to another graph");
    assert_true(isk_check_gradient(other_graph, "net", sum, 0) < 0);
    isk_graph_close(other_graph);
    assert_null(isk_graph_open(context, &(isk_graph_desc){ .models = -1 }));
    assert_string_equal(isk_error(context), "graph: -1 models; give at least 1");
    assert_true(value_of(sum) == 91);
}

/* A batch of more rows than the data has: those that are not there are absent. */
static void batches_end_with_the_data(void **state) {
    isk_scalar x[10] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, rows[16];
    isk_tensor data = input_of(graph, 5, 2, x), longer = random_input(7, 2), batch = isk_batch(graph, 8), outputs[3];
    isk_program *program;
    int i;
    (void)state;
    outputs[0] = isk_affine(isk_gather(data, batch), 1, 0);
    outputs[1] = isk_mean_all(isk_affine(outputs[0], 1, 1));
    outputs[2] = isk_mean_all(isk_gather(longer, batch));
    program = isk_program_compute(graph, outputs, 3);
    assert_non_null(program);
    ok(isk_run(program, 1));
    close_to(value_of(outputs[1]), 6.5, equal_tolerance);
    ok(isk_read(outputs[0], 0, rows));
    for (i = 0; i < 16; i++) { assert_true(rows[i] == (i < 10 ? x[i] : 0)); }
}

/* ---- sequences ----------------------------------------------------------------------------------------------------------- */

static void read_run(const isk_tensor *outputs, int count) {
    isk_program *program = isk_program_compute(graph, outputs, count);
    if (!program) { fail_msg("%s", isk_error(context)); }
    ok(isk_run(program, 1));
}

static void sequences_take_other_forms(void **state) {
    static const isk_scalar length[] = { 0, 3, 1, 7, (isk_scalar)1.5, NAN };
    isk_scalar values[6 * 12], got[3][6 * 12];
    isk_tensor x, lengths = column_of(length, 6), weights = weights_without(6, 2), outputs[3];
    int i, j;
    (void)state;
    for (i = 0; i < 72; i++) { values[i] = (isk_scalar)normal(); }
    for (j = 3; j < 12; j++) { values[2 * 12 + j] = NAN; }
    x = isk_with_row_weights(input_of(graph, 6, 12, values), weights);
    outputs[0] = isk_reshape(x, 9);
    outputs[1] = isk_trim(x, lengths, 4);
    outputs[2] = isk_step_mask(lengths, 5);
    assert_int_equal(isk__node_of(outputs[0])->weight, -1);
    assert_int_equal(isk__node_of(outputs[1])->weight, weights.node);
    assert_int_equal(isk__node_of(isk_reshape(x, 12))->weight, -1);
    read_run(outputs, 3);
    for (i = 0; i < 3; i++) { ok(isk_read(outputs[i], 0, got[i])); }
    assert_memory_equal(got[0], values, sizeof values);
    for (i = 0; i < 6; i++) {
        for (j = 0; j < 12; j++) { assert_true(got[1][i * 12 + j] == (j / 3 < length[i] ? values[i * 12 + j] : 0)); }
        for (j = 0; j < 5; j++) { assert_true(got[2][i * 5 + j] == (j < length[i] ? 1 : 0)); }
    }
}

/* From the formula, number by number.  What stands in absent steps is not looked at: here NaN. */
static void attention_is_its_formula(void **state) {
    enum { SAMPLES = 2, STEPS = 5, HEADS = 2, WIDTH = 3, ALL = HEADS * WIDTH, ROWS = SAMPLES * STEPS };
    const unsigned absent = 1u << 1 | 1u << 7 | 1u << 9;
    isk_scalar x[ROWS][3 * ALL], got[2][ROWS][ALL];
    isk_tensor qkv, outputs[2];
    int row, col, key, i, dropped = 0;
    (void)state;
    for (row = 0; row < ROWS; row++) {
        for (col = 0; col < 3 * ALL; col++) { x[row][col] = absent >> row & 1 ? (isk_scalar)NAN : (isk_scalar)(3 * normal()); }
    }
    qkv = isk_with_row_weights(input_of(graph, ROWS, 3 * ALL, x[0]), weights_without(ROWS, absent));
    outputs[0] = isk_attention(qkv, STEPS, HEADS, 0);
    outputs[1] = isk_attention(qkv, STEPS, HEADS, 0.5);
    assert_int_equal(isk__node_of(outputs[0])->weight, isk__node_of(qkv)->weight);
    read_run(outputs, 2);
    for (i = 0; i < 2; i++) { ok(isk_read(outputs[i], 0, got[i][0])); }
    for (row = 0; row < ROWS; row++) {
        for (col = 0; col < ALL; col++) {
            const int head = col / WIDTH * WIDTH, first = row / STEPS * STEPS;
            double sum = 0, total = 0;
            for (key = first; key < first + STEPS; key++) {
                double score = 0;
                if ((absent >> key | absent >> row) & 1) { continue; }
                for (i = 0; i < WIDTH; i++) { score += (double)x[row][head + i] * (double)x[key][ALL + head + i]; }
                sum += exp(score / sqrt(WIDTH));
                total += exp(score / sqrt(WIDTH)) * (double)x[key][2 * ALL + col];
            }
            close_to((double)got[0][row][col], sum > 0 ? total / sum : 0, 20 * equal_tolerance);
            dropped += fabs((double)got[1][row][col] - (double)got[0][row][col]) > 1e-3;
        }
    }
    assert_in_range(dropped, 1, ROWS * ALL);
}

/* Of the weights so many are dropped, the others are scaled so that the expectation stays. */
static void attention_drops_weights(void **state) {
    enum { STEPS = 40, SAMPLES = 10 };
    static isk_scalar x[SAMPLES * STEPS][3], got[SAMPLES * STEPS];
    isk_tensor out;
    double sum = 0, squares = 0;
    int row;
    (void)state;
    for (row = 0; row < SAMPLES * STEPS; row++) { x[row][2] = 1; }          /* the same score for all, values 1 */
    out = isk_attention(input_of(graph, SAMPLES * STEPS, 3, x[0]), STEPS, 1, 0.25);
    read_run(&out, 1);
    ok(isk_read(out, 0, got));
    for (row = 0; row < SAMPLES * STEPS; row++) {
        sum += (double)got[row] / (SAMPLES * STEPS);
        squares += ((double)got[row] - 1) * ((double)got[row] - 1) / (SAMPLES * STEPS);
    }
    assert_true(fabs(sum - 1) < 0.02);
    assert_true(fabs(squares - 0.25 / 0.75 / STEPS) < 0.3 * 0.25 / 0.75 / STEPS);
}

static void steps_are_pooled(void **state) {
    enum { ROWS = 12, STEPS = 4 };
    static const unsigned absent = 1u << 0 | 1u << 3 | 0xf0u;                 /* steps 0 and 3 of sample 0, all of sample 1 */
    static const isk_scalar due[4][3] = { { 2, 0, 11 }, { 3, 7, 11 }, { (isk_scalar)1.5, 0, (isk_scalar)9.5 }, { 1, 0, 8 } };
    isk_scalar values[ROWS], got[3];
    isk_tensor outputs[4], x;
    int pool, i;
    (void)state;
    for (i = 0; i < ROWS; i++) { values[i] = (isk_scalar)i; }
    values[0] = values[4] = (isk_scalar)NAN;                                /* nobody looks there */
    x = isk_with_row_weights(column_of(values, ROWS), weights_without(ROWS, absent));
    for (pool = 0; pool < 4; pool++) { outputs[pool] = isk_pool_steps(x, STEPS, pool + ISK_POOL_LAST); }
    read_run(outputs, 4);
    for (pool = 0; pool < 4; pool++) {
        assert_int_equal(isk__node_of(outputs[pool])->weight, -1);
        ok(isk_read(outputs[pool], 0, got));
        for (i = 0; i < 3; i++) { close_to((double)got[i], (double)due[pool][i], equal_tolerance); }
    }
}

static void steps_are_joined_and_added(void **state) {
    static const int steps[] = { 2, 1, 3 };
    static const isk_scalar due[] = { 1, 2, 9, 11, 12, 13, 3, 4, 9, 14, 15, 16 };
    isk_scalar got[4][12];
    isk_tensor parts[3], outputs[4], weights = weights_without(4, 2);
    int i, j;
    (void)state;
    parts[0] = column_of((isk_scalar[]){ 1, 2, 3, 4 }, 4);
    parts[1] = column_of((isk_scalar[]){ 9 }, 1);
    parts[2] = column_of((isk_scalar[]){ 11, 12, 13, 14, 15, 16 }, 6);
    outputs[0] = isk_join_steps(parts, steps, 3);
    outputs[1] = isk_add_steps(isk_with_row_weights(parts[0], weights), column_of((isk_scalar[]){ 10, 20 }, 2));
    outputs[2] = isk_tokens(input_of(graph, 2, 2, (isk_scalar[]){ 1, 2, 3, 4 }), column_of((isk_scalar[]){ 10, 20 }, 2),
                            column_of((isk_scalar[]){ 5, 6 }, 2));
    outputs[3] = isk_pair_sum(isk_with_row_weights(parts[0], weights), column_of((isk_scalar[]){ 10, 20, 30 }, 3));
    assert_int_equal(isk__node_of(outputs[1])->weight, weights.node);
    assert_int_equal(isk__node_of(outputs[3])->weight, -1);
    assert_int_equal(isk_rows(isk_join_steps(parts + 1, steps + 1, 1)), 1);
    read_run(outputs, 4);
    for (i = 0; i < 4; i++) { ok(isk_read(outputs[i], 0, got[i])); }
    for (i = 0; i < 12; i++) { assert_true(got[0][i] == due[i]); }
    for (i = 0; i < 4; i++) {
        assert_true(got[1][i] == i + 1 + (i % 2 ? 20 : 10));
        assert_true(got[2][i] == (i + 1) * (i % 2 ? 20 : 10) + (i % 2 ? 6 : 5));
        for (j = 0; j < 3; j++) { assert_true(got[3][i * 3 + j] == i + 1 + 10 * (j + 1)); }
    }
}

/* Two modalities share a coin; what it does to them is their own.  Another step, another seed, another coin: other rows. */
static void augmentations_share_coins(void **state) {
    enum { ROWS = 400, STEPS = 10, WIDE = 2 * STEPS, DRAWS = 7 };
    static isk_scalar ones[ROWS * WIDE], got[DRAWS][ROWS * WIDE];
    const uint64_t seeds[] = { 5 }, others[] = { 6 };
    isk_graph *first = isk_graph_open(context, &(isk_graph_desc){ .seeds = seeds });
    isk_graph *second = isk_graph_open(context, &(isk_graph_desc){ .seeds = others });
    double mean = 0, variance = 0, share = 0;
    int fallen = 0, same_node = 1, most = 0, differs[3] = { 0, 0, 0 }, row, col, i, g, n = 0;
    (void)state;
    for (i = 0; i < ROWS * WIDE; i++) { ones[i] = 1; }
    for (g = 0; g < 2; g++) {
        isk_tensor x = input_of(g ? second : first, ROWS, WIDE, ones), outputs[4];
        isk_program *program;
        outputs[0] = isk_noise(x, 0.5, 0.4, 3);
        outputs[1] = isk_drop_steps(x, STEPS, 0.8, 0.4, 3);
        outputs[2] = isk_noise(x, 0.5, 0.4, 3);
        outputs[3] = isk_noise(x, 0.5, 0.4, 4);
        program = isk_program_compute(g ? second : first, outputs, 4);
        assert_non_null(program);
        ok(isk_run(program, 1));
        for (i = 0; i < 4 && g == 0; i++) { ok(isk_read(outputs[i], 0, got[i])); }
        if (g == 0) { ok(isk_run(program, 1)); }
        ok(isk_read(outputs[0], 0, got[4 + g]));
    }
    for (row = 0; row < ROWS; row++) {
        const isk_scalar *noisy = got[0] + row * WIDE, *dropped = got[1] + row * WIDE;
        const int falls = noisy[0] != 1;
        int zeros = 0;
        fallen += falls;
        for (i = 0; i < 3; i++) { differs[i] += falls != (got[3 + i][row * WIDE] != 1); }
        assert_int_equal(falls, got[2][row * WIDE] != 1);
        for (col = 0; col < WIDE; col++) {
            assert_int_equal(noisy[col] != 1, falls);
            assert_true(dropped[col] == dropped[col / 2 * 2] && (dropped[col] == 0 || dropped[col] == 1));
            same_node &= noisy[col] == got[2][row * WIDE + col];
            zeros += dropped[col] == 0;
            if (falls) {
                mean += (double)noisy[col] - 1;
                variance += ((double)noisy[col] - 1) * ((double)noisy[col] - 1);
                n++;
            }
        }
        assert_true(falls || zeros == 0);
        share += (double)zeros / WIDE;
        most = zeros > most ? zeros : most;
    }
    assert_in_range(fallen, ROWS * 35 / 100, ROWS * 45 / 100);
    assert_false(same_node);
    for (i = 0; i < 3; i++) { assert_in_range(differs[i], ROWS / 3, ROWS * 6 / 10); }
    assert_true(fabs(mean / n) < 0.03 && fabs(variance / n - 0.25) < 0.02);
    assert_int_equal(most, 2 * 7);                          /* floor(f 10) with f below 0.8 */
    assert_true(fabs(share / fallen - 0.35) < 0.05);        /* the mean of 0 .. 7 tenths */
    isk_graph_close(first);
    isk_graph_close(second);
}

/* NaN in, NaN out: no activation and no product may swallow it. */
static void nan_is_never_swallowed(void **state) {
    int activation, norm, at, i;
    (void)state;
    for (activation = ISK_RELU; activation <= ISK_LINEAR; activation++) {
        for (norm = ISK_NORM_NONE; norm <= ISK_NORM_BATCH; norm++) {
            isk_mlp_desc desc = { .layers = 3, .width = 21, .out = 3, .activation = activation, .norm = norm, .mode = ISK_MODE_TRAIN };
            isk_scalar values[9 * 4], weights[3 * 21];
            isk_tensor x, loss, weight;
            isk_program *program;
            for (at = 0; at < 2; at++) {
                assert_int_equal(close_graph(NULL) | open_graph(NULL), 0);
                for (i = 0; i < 36; i++) { values[i] = (isk_scalar)normal(); }
                if (at == 0) { values[17] = (isk_scalar)NAN; }
                x = input_of(graph, 12, 3, values);
                loss = isk_squared_error(isk_mlp(isk_group_scope(graph, "net"), x, &desc), random_input(12, 3));
                weight = isk_parameter(isk_within(isk_group_scope(graph, "net"), "0"), "weight", 3, 21,
                                       &(isk_parameter_desc){ .no_decay = 0 });
                program = isk_program_compute(graph, &loss, 1);
                assert_non_null(program);
                if (at == 1) {
                    ok(isk_read(weight, 0, weights));
                    weights[40] = (isk_scalar)NAN;
                    ok(isk_write(weight, 0, weights));
                }
                ok(isk_run(program, 1));
                if (!isnan(value_of(loss))) { fail_msg("activation %d, norm %d: NaN became %g", activation, norm, value_of(loss)); }
            }
        }
    }
}

static void gradient_check_is_of_one_model(void **state) {
    isk_graph *g = isk_graph_open(context, &(isk_graph_desc){ .models = 2 });
    isk_tensor loss = isk_sum_all(parameter_in(g, "a", 2, 2));
    (void)state;
    assert_true(isk_check_gradient(g, "net", loss, 0) < 0);
    assert_string_equal(isk_error(context), "check_gradient: the graph has 2 models; it takes a graph of one");
    isk_graph_close(g);
}

#define in_graph(test) cmocka_unit_test_setup_teardown(test, open_graph, close_graph)

int main(void) {
    const struct CMUnitTest tests[] = {
        in_graph(gradients_of_mlps),
        in_graph(gradients_of_products),
        in_graph(gradients_of_columns_and_rows),
        in_graph(gradients_of_sequences),
        in_graph(gradients_of_attention),
        in_graph(gradients_of_steps),
        in_graph(gradients_of_augmentations),
        in_graph(gradients_of_info_nce),
        in_graph(gradients_of_a_value_used_twice),
        in_graph(gradients_of_shared_parameters),
        in_graph(gradients_stop),
        in_graph(fused_relu_is_relu),
        in_graph(absent_rows_leave_no_trace),
        in_graph(weights_count_rows),
        in_graph(weights_of_either_operand),
        in_graph(no_row_is_no_nan),
        in_graph(info_nce_is_its_formula),
        cmocka_unit_test(models_do_not_see_each_other),
        in_graph(first_values),
        in_graph(names_are_pytorchs),
        in_graph(running_moments),
        in_graph(batch_norms_are_their_formulas),
        in_graph(following),
        in_graph(gradients_of_batch_norms),
        in_graph(optimizers_are_their_formulas),
        in_graph(clipping_forgets_later_parameters),
        in_graph(optimizer_errors),
        cmocka_unit_test(a_replay_allocates_nothing),
        in_graph(growth_keeps_values),
        in_graph(the_newest_value_is_read),
        in_graph(mistakes_are_named),
        in_graph(reading_and_writing),
        in_graph(batches_end_with_the_data),
        in_graph(sequences_take_other_forms),
        in_graph(attention_is_its_formula),
        in_graph(attention_drops_weights),
        in_graph(steps_are_pooled),
        in_graph(steps_are_joined_and_added),
        cmocka_unit_test(augmentations_share_coins),
        in_graph(nan_is_never_swallowed),
        cmocka_unit_test(gradient_check_is_of_one_model),
    };
    int failed = 0;
    for (level = isk__cpu_level(); level >= 0; level--) {
        failed += cmocka_run_group_tests_name("graph", tests, open_context, close_context);
    }
    return failed;
}
