/* Every op on a CUDA device against the CPU: three models side by side, values and gradients, absent rows, shapes of one
   element up to several blocks.  Ops of the table are taken from it, so a new one is tested without another line here; of the
   other ops each must occur in some trial.  The device is the stand-in of tests/gpu/emulator; with INDISEEK_TEST_GPU=1 it is the
   one in the machine. */
/* build: standin */

#define INDISEEK_IMPLEMENTATION
#include "indiseek.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <dlfcn.h>
#include <cmocka.h>

#include "tests/library/op_instance.h"
#include "emulator/standin.h"

enum { MODELS = 3, MOST_LEAVES = 8, MOST_ELEMENTS = 65536, SPECIALS = ISK__OP_END - ISK__OP_COUNT };

static const char *library;                             /* the stand-in, or NULL: the real one */
static standin_launches_of_function *launches_of;
static isk_context *cpu, *gpu, *gpu_block, *gpu_large, *gpu_split, *gpu_tf32;
static int seen[SPECIALS];                              /* ops outside the table that a trial had */

/* ---- a trial: a graph, recorded once on the CPU and once on the device ---- */

typedef enum present { ALL_PRESENT, SOME_ABSENT, ALL_ABSENT } present;

typedef struct trial {
    isk_graph *graph;
    int rows, cols;
    present present;
    unsigned draws;                                     /* state of the numbers that leaves are filled with */
    isk_tensor leaves[MOST_LEAVES];                     /* parameters and what programs write into */
    isk_scalar *first[MOST_LEAVES];                     /* [MODELS, rows, cols] what they held at first */
    int leaf_count;
    isk_tensor out;
} trial;

typedef void recipe(trial *t, const void *argument);    /* records t->out from leaves */

/* One size does for all arrays here. */
static isk_scalar *scalars(void) {
    isk_scalar *values = (isk_scalar *)calloc(MOST_ELEMENTS, sizeof *values);
    assert_non_null(values);
    return values;
}

static void ok(isk_context *context, isk_status status) {
    if (status != ISK_OK) { fail_msg("%s", isk_error(context)); }
}

static void draw_values(trial *t, isk_scalar *values, int count, char domain) {
    int k;
    assert_true(count <= MOST_ELEMENTS);
    for (k = 0; k < count; k++) {
        values[k] = in_domain(domain, draw(&t->draws));
    }
}

/* Writes other numbers for each model, and keeps them in mind. */
static isk_tensor fill_leaf(trial *t, isk_tensor leaf, char domain) {
    const int size = isk_rows(leaf) * isk_cols(leaf);
    isk_scalar *values = scalars();
    int m;
    assert_true(t->leaf_count < MOST_LEAVES && size <= MOST_ELEMENTS);
    t->first[t->leaf_count] = (isk_scalar *)calloc((size_t)(size * MODELS), sizeof *values);
    assert_non_null(t->first[t->leaf_count]);
    for (m = 0; m < MODELS; m++) {
        draw_values(t, values, size, domain);
        memcpy(t->first[t->leaf_count] + m * size, values, (size_t)size * sizeof *values);
        ok(t->graph->context, isk_write(leaf, m, values));
    }
    free(values);
    t->leaves[t->leaf_count++] = leaf;
    return leaf;
}

static isk_tensor parameter_of(trial *t, int rows, int cols, char domain, int buffer) {
    isk_parameter_desc desc;
    char name[16];
    isk_tensor leaf;
    memset(&desc, 0, sizeof desc);
    desc.buffer = buffer;
    snprintf(name, sizeof name, "p%d", t->leaf_count);
    leaf = isk_parameter(isk_group_scope(t->graph, "net"), name, rows, cols, &desc);
    if (leaf.node < 0) { fail_msg("%s", isk_error(t->graph->context)); }
    return fill_leaf(t, leaf, domain);
}

static isk_tensor parameter(trial *t, int rows, int cols) { return parameter_of(t, rows, cols, '.', 0); }

/* Data that all models share. */
static isk_tensor data_of(trial *t, int rows, int cols, char domain) {
    isk_tensor input = isk_input(t->graph, rows, cols);
    isk_scalar *values = scalars();
    draw_values(t, values, rows * cols, domain);
    ok(t->graph->context, isk_write(input, 0, values));
    free(values);
    return input;
}

static isk_tensor data(trial *t, int rows, int cols) { return data_of(t, rows, cols, '.'); }

static isk_tensor with_weights(trial *t, isk_tensor x) {
    static const double pattern[4] = { 1, 0, 2, 0.5 };
    isk_tensor weights;
    isk_scalar *values;
    int i;
    if (t->present == ALL_PRESENT) { return x; }
    values = scalars();
    for (i = 0; i < isk_rows(x); i++) { values[i] = (isk_scalar)(t->present == ALL_ABSENT ? 0 : pattern[i % 4]); }
    weights = isk_input(t->graph, isk_rows(x), 1);
    ok(t->graph->context, isk_write(weights, 0, values));
    free(values);
    return isk_with_row_weights(x, weights);
}

/* A sum with weights that no symmetry can hide a mistake from. */
static isk_tensor mixed(trial *t, isk_tensor x) { return isk_sum_all(isk_mul(x, data(t, isk_rows(x), isk_cols(x)))); }

static trial open_trial(isk_context *context, recipe *record, const void *argument, int rows, int cols, present rows_present) {
    isk_graph_desc desc;
    trial t;
    memset(&desc, 0, sizeof desc);
    memset(&t, 0, sizeof t);
    desc.models = MODELS;
    t.graph = isk_graph_open(context, &desc);
    assert_non_null(t.graph);
    t.rows = rows;
    t.cols = cols;
    t.present = rows_present;
    t.draws = 7u + (unsigned)(1000 * rows + cols);
    t.out = isk__no_tensor(t.graph);
    record(&t, argument);
    return t;
}

static void close_trial(trial *t) {
    int k;
    for (k = 0; k < t->leaf_count; k++) { free(t->first[k]); }
    isk_graph_close(t->graph);
}

/* ---- comparing ---- */

typedef struct tolerance { double relative, to_largest, absolute; } tolerance;

static const tolerance exact_enough = { 2e-5, 5e-6, 5e-7 }, coarse = { 1e-2, 5e-3, 5e-4 };

static void compare(const isk_scalar *due, const isk_scalar *got, int rows, int cols, tolerance within, const char *name,
                    const char *what, int model) {
    double largest = 0;
    int k;
    for (k = 0; k < rows * cols; k++) { largest = fmax(largest, fabs((double)due[k])); }
    for (k = 0; k < rows * cols; k++) {
        const double a = (double)due[k], b = (double)got[k];
        if (!(fabs(a - b) <= within.relative * fabs(a) + within.to_largest * largest + within.absolute)) {
            fail_msg("%s: %s [%d, %d] of model %d at [%d, %d]: %.9g on the device, %.9g on the CPU", name, what, rows, cols, model,
                     k / cols, k % cols, b, a);
        }
    }
}

static void compare_tensors(isk_tensor due, isk_tensor got, tolerance within, const char *name, const char *what) {
    isk_scalar *a = scalars(), *b = scalars();
    int m;
    assert_true(isk_rows(due) * isk_cols(due) <= MOST_ELEMENTS);
    for (m = 0; m < MODELS; m++) {
        ok(due.graph->context, isk_read(due, m, a));
        ok(got.graph->context, isk_read(got, m, b));
        compare(a, b, isk_rows(due), isk_cols(due), within, name, what, m);
    }
    free(a);
    free(b);
}

/* How far each leaf moved: for a step of size 1 that is the gradient. */
static void compare_moves(const trial *due, const trial *got, tolerance within, const char *name) {
    isk_scalar *a = scalars(), *b = scalars();
    int k, m, j;
    for (k = 0; k < due->leaf_count; k++) {
        const int rows = isk_rows(due->leaves[k]), cols = isk_cols(due->leaves[k]);
        char what[32];
        snprintf(what, sizeof what, "gradient %d", k);
        for (m = 0; m < MODELS; m++) {
            ok(due->graph->context, isk_read(due->leaves[k], m, a));
            ok(got->graph->context, isk_read(got->leaves[k], m, b));
            for (j = 0; j < rows * cols; j++) {
                a[j] = due->first[k][m * rows * cols + j] - a[j];
                b[j] = got->first[k][m * rows * cols + j] - b[j];
            }
            compare(a, b, rows, cols, within, name, what, m);
        }
    }
    free(a);
    free(b);
}

static void note_ops(const isk_graph *graph) {
    int i;
    for (i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i].op >= ISK__OP_COUNT) { seen[graph->nodes[i].op - ISK__OP_COUNT] = 1; }
    }
}

/* One program computes the value, another makes a step down a gradient in which every leaf has a part of its own too, so
   that gradients are added up. */
static void run_trial(trial *t, int steps) {
    isk_context *context = t->graph->context;
    isk_optimizer_desc desc;
    isk_program *forward = isk_program_compute(t->graph, &t->out, 1), *step;
    isk_tensor loss;
    if (!forward) { fail_msg("%s", isk_error(context)); }
    ok(context, isk_run(forward, 1));
    if (isk__group_find(t->graph, "net") < 0) { return; }
    loss = mixed(t, t->out);
    if (t->rows % 2 && t->graph->parameter_count > 0) { loss = isk_add(loss, mixed(t, t->leaves[0])); }
    memset(&desc, 0, sizeof desc);
    desc.kind = ISK_SGD;
    desc.rate = 1;
    step = isk_program_minimize(t->graph, "net", loss, &desc);
    if (!step) { fail_msg("%s", isk_error(context)); }
    ok(context, isk_run(step, steps));
    note_ops(t->graph);
}

static void check_on(isk_context *device, recipe *record, const void *argument, int rows, int cols, present rows_present, tolerance within,
                     const char *name) {
    static const char *const ends[] = { "", ", some rows absent", ", all rows absent" };
    trial due = open_trial(cpu, record, argument, rows, cols, rows_present);
    trial got = open_trial(device, record, argument, rows, cols, rows_present);
    char text[120];
    snprintf(text, sizeof text, "%s of [%d, %d]%s", name, rows, cols, ends[rows_present]);
    run_trial(&due, 1);
    run_trial(&got, 1);
    compare_tensors(due.out, got.out, within, text, "value");
    compare_moves(&due, &got, within, text);
    close_trial(&due);
    close_trial(&got);
}

/* ---- ops of the table ---- */

/* Inputs with a gradient are parameters, the last of the others is data. */
static void record_op(trial *t, const void *argument) {
    const isk__op_info *info = (const isk__op_info *)argument;
    const op_case *c = example(info);
    isk_tensor inputs[ISK__MAX_INPUTS];
    int k, count = 0;
    for (k = 0; k < info->inputs; k++) {
        const char kind = info->kinds[k];
        const int rows = kind == 'e' || kind == 'r' ? t->rows : 1, cols = kind == 'e' || kind == 'c' ? t->cols : 1;
        if (kind == 'w') { continue; }
        inputs[count] = info->differentiable >> k & 1u ? parameter_of(t, rows, cols, c->domains[k], 0)
                                                       : data_of(t, rows, cols, c->domains[k]);
        if (kind == 'e' || kind == 'r') { inputs[count] = with_weights(t, inputs[count]); }
        count++;
    }
    t->out = isk__record((int)(info - isk__op_table), inputs, count, c->attributes, info->attributes);
}

static void test_table(void **state) {
    static const int shapes[][2] = { { 1, 1 }, { 1, 150 }, { 70, 1 }, { 13, 21 }, { 64, 32 }, { 37, 131 }, { 300, 3 } };
    int n, s, absent;
    (void)state;
    for (n = 0; n < ISK__OP_COUNT; n++) {
        const isk__op_info *info = &isk__op_table[n];
        for (s = 0; s < COUNT(shapes); s++) {
            for (absent = ALL_PRESENT; absent <= ALL_ABSENT; absent++) {
                if (absent && !strchr(info->kinds, 'w')) { continue; }
                check_on(gpu, record_op, info, shapes[s][0], shapes[s][1], (present)absent, exact_enough, info->name);
            }
        }
    }
}

/* ---- ops that no row-wise expression can hold ---- */

enum { INNER = 29, DATA_ROWS = 60 };

static void record_matmul(trial *t, const void *unused) {
    isk_tensor a = parameter(t, t->rows, INNER), b = parameter(t, INNER, t->cols);
    (void)unused;
    t->out = isk_matmul(a, b);
}

static void record_matmul_nt(trial *t, const void *unused) {
    isk_tensor a = parameter(t, t->rows, INNER), b = parameter(t, t->cols, INNER);
    (void)unused;
    t->out = isk_matmul_nt(a, b);
}

static void record_matmul_tn(trial *t, const void *unused) {
    isk_tensor a = parameter(t, INNER, t->rows), b = parameter(t, INNER, t->cols);
    (void)unused;
    t->out = isk_matmul_tn(a, b);
}

/* Both sides the same: both gradients go to one place. */
static void record_square(trial *t, const void *unused) {
    isk_tensor a = parameter(t, t->rows, t->cols);
    (void)unused;
    t->out = isk_matmul_nt(a, a);
}

/* x W + b with leaves of its own. */
static isk_tensor linear_of(trial *t, isk_tensor x, int relu) {
    isk_tensor weight = parameter(t, isk_cols(x), t->cols), bias = parameter(t, 1, t->cols);
    return isk_linear_map(x, weight, bias, relu);
}

static void record_linear(trial *t, const void *unused) {
    (void)unused;
    t->out = linear_of(t, parameter(t, t->rows, INNER), 0);
}

/* The second map's gradient is masked by the first one's ReLU. */
static void record_linear_relu(trial *t, const void *unused) {
    isk_tensor hidden = linear_of(t, parameter(t, t->rows, INNER), 1);
    (void)unused;
    t->out = linear_of(t, hidden, 1);
}

static void record_concat(trial *t, const void *unused) {
    isk_tensor parts[4];
    (void)unused;
    parts[0] = parameter(t, t->rows, t->cols);
    parts[1] = data(t, t->rows, 1);
    parts[2] = isk_tanh(parts[0]);
    parts[3] = parameter(t, t->rows, 2);
    t->out = isk_tanh(isk_concat(parts, 4));
}

static void record_slice(trial *t, const void *unused) {
    isk_tensor a = parameter(t, t->rows, t->cols + 3);
    (void)unused;
    t->out = isk_mul(isk_square(isk_slice(a, 0, t->cols)), isk_slice(a, 2, t->cols));
}

static void record_dropout(trial *t, const void *unused) {
    (void)unused;
    t->out = isk_square(isk_dropout(parameter(t, t->rows, t->cols), 0.4));
}

static void record_permute(trial *t, const void *unused) {
    isk_tensor a = with_weights(t, parameter(t, t->rows, t->cols));
    (void)unused;
    t->out = isk_mul(isk_permute_rows(a), isk_tanh(a));
}

/* A batch of more rows than there are data: the last are absent. */
static void record_batch(trial *t, const void *unused) {
    isk_tensor batch = isk_batch(t->graph, t->rows), rows = isk_gather(data(t, DATA_ROWS, t->cols), batch);
    isk_tensor a = parameter(t, 1, t->cols);
    (void)unused;
    t->out = isk_standardize_rows(isk_group_scope(t->graph, "net"), isk_mul(isk_mul_cols(rows, a), rows), 1);
}

/* Effects: a table that a program writes rows of, a running mean, a copy. */
static void record_effects(trial *t, const void *unused) {
    isk_tensor batch = isk_batch(t->graph, t->rows), rows = isk_gather(data(t, DATA_ROWS, t->cols), batch);
    isk_tensor table = fill_leaf(t, isk_model_input(t->graph, DATA_ROWS, t->cols), '.');
    isk_tensor mean = parameter_of(t, 1, t->cols, '.', 1), copy = parameter_of(t, 1, t->cols, '.', 1);
    isk_tensor a = parameter(t, 1, t->cols), sum;
    (void)unused;
    t->out = isk_tanh(isk_mul_cols(rows, a));
    isk__scatter(table, t->out, batch);
    isk_follow(mean, isk_col_mean(t->out), 0.25);
    sum = isk_col_sum(t->out);
    isk__effect(ISK__OP_store, copy, sum, sum, 2, 0);       /* into a running statistic, which isk_store refuses */
}

/* argument: the scale.  Small: one exponential serves both softmaxes; large: each row and column has a maximum of its own. */
static void record_info_nce(trial *t, const void *argument) {
    isk_tensor u = with_weights(t, parameter(t, t->rows, t->cols)), v = parameter(t, t->rows, t->cols);
    isk_tensor scale = isk_affine(isk_tanh(parameter(t, 1, 1)), 1, *(const double *)argument);
    t->out = isk_info_nce(isk_l2_normalize(u, 1e-12), isk_l2_normalize(v, 1e-12), scale);
}

/* Lengths of t->rows samples of so many steps: beyond both ends, whole, broken. */
static isk_tensor lengths(trial *t, int steps) {
    isk_tensor input = isk_input(t->graph, t->rows, 1);
    isk_scalar *values = scalars();
    int i;
    for (i = 0; i < t->rows; i++) { values[i] = (isk_scalar)(i % 3 ? i % (steps + 3) - 1 : (i + 1) % steps + 0.5); }
    ok(t->graph->context, isk_write(input, 0, values));
    free(values);
    return input;
}

enum { STEPS = 4 };

static void record_reshape(trial *t, const void *unused) {
    isk_tensor a = parameter(t, t->rows, 6 * t->cols);
    (void)unused;
    t->out = isk_reshape(isk_mul(isk_reshape(a, 2 * t->cols), isk_tanh(isk_reshape(a, 2 * t->cols))), 3);
}

static void record_trim(trial *t, const void *unused) {
    isk_tensor n = lengths(t, STEPS), a = parameter(t, t->rows, STEPS * t->cols), masked = isk_reshape(isk_step_mask(n, STEPS), 1);
    (void)unused;
    t->out = isk_mul(isk_reshape(isk_trim(a, n, STEPS), t->cols), isk_reshape(isk_trim(isk_tanh(a), n, STEPS), t->cols));
    t->out = isk_mul_rows(t->out, isk_affine(masked, 2, 1));
}

/* argument: dropout.  Two of three heads' widths are no whole number of vectors. */
static void record_attention(trial *t, const void *argument) {
    enum { HEADS = 3 };
    isk_tensor qkv = with_weights(t, parameter(t, t->rows * STEPS, 9 * (1 + t->cols / 16)));
    t->out = isk_attention(isk_add(qkv, isk_tanh(qkv)), STEPS, HEADS, *(const double *)argument);
}

static const double none_dropped = 0, some_dropped = 0.3;

static void record_pool(trial *t, const void *argument) {
    isk_tensor x = with_weights(t, parameter(t, t->rows * STEPS, t->cols));
    t->out = isk_mul(isk_pool_steps(isk_tanh(x), STEPS, *(const int *)argument), isk_pool_steps(x, STEPS, *(const int *)argument));
}

static const int pools[] = { ISK_POOL_LAST, ISK_POOL_LAST_PADDED, ISK_POOL_MEAN, ISK_POOL_FIRST };

/* A token, a part, one whose gradient is added to, and data. */
static void record_join(trial *t, const void *unused) {
    static const int steps[] = { 1, 3, 2, 1 };
    isk_tensor parts[4];
    (void)unused;
    parts[0] = parameter(t, 1, t->cols);
    parts[1] = parameter(t, 3 * t->rows, t->cols);
    parts[2] = isk_reshape(isk_slice(isk_reshape(parts[1], 3 * t->cols), 0, 2 * t->cols), t->cols);
    parts[3] = data(t, t->rows, t->cols);
    t->out = isk_square(isk_join_steps(parts, steps, 4));
}

static void record_add_steps(trial *t, const void *unused) {
    isk_tensor x = parameter(t, t->rows * STEPS, t->cols), table = parameter(t, STEPS, t->cols);
    (void)unused;
    t->out = isk_add_steps(isk_square(isk_add_steps(x, table)), table);
}

static void record_tokens(trial *t, const void *unused) {
    isk_tensor x = parameter(t, t->rows, 5), weight = parameter(t, 5, t->cols), bias = parameter(t, 5, t->cols);
    (void)unused;
    t->out = isk_mul(isk_tokens(x, weight, bias), isk_tokens(isk_tanh(x), bias, weight));
}

static void record_pairs(trial *t, const void *unused) {
    isk_tensor a = parameter(t, t->rows, 5), b = parameter(t, t->cols, 5);
    (void)unused;
    t->out = isk_mul(isk_pair_sum(a, b), isk_pair_sum(isk_tanh(a), isk_tanh(b)));
}

static void record_noise(trial *t, const void *unused) {
    isk_tensor x = parameter(t, t->rows, t->cols);
    (void)unused;
    t->out = isk_mul(isk_noise(x, 0.5, 0.6, 3), isk_square(isk_noise(isk_tanh(x), 1, 1, 4)));
}

static void record_drop_steps(trial *t, const void *unused) {
    isk_tensor x = parameter(t, t->rows, 9 * t->cols);
    (void)unused;
    t->out = isk_mul(isk_drop_steps(x, 9, 0.8, 0.7, 3), isk_drop_steps(isk_tanh(x), 9, 1, 1, 3));
}

static const double mild = 3, sharp = 200;

/* weighted: takes row weights.  steep: with errors of 1e-3 in a product (in a logit of 200, at the corner of a ReLU) gradients
   are others. */
static const struct { const char *name; recipe *record; const void *argument; int weighted, steep; } recipes[] = {
    { "matmul", record_matmul, NULL, 0, 0 }, { "matmul_nt", record_matmul_nt, NULL, 0, 0 }, { "matmul_tn", record_matmul_tn, NULL, 0, 0 },
    { "a a^T", record_square, NULL, 0, 0 }, { "linear map", record_linear, NULL, 0, 0 },
    { "two linear maps", record_linear_relu, NULL, 0, 1 },
    { "concat", record_concat, NULL, 0, 0 }, { "slice", record_slice, NULL, 0, 0 }, { "dropout", record_dropout, NULL, 0, 0 },
    { "permute_rows", record_permute, NULL, 1, 0 }, { "batch", record_batch, NULL, 0, 0 }, { "effects", record_effects, NULL, 0, 0 },
    { "info_nce", record_info_nce, &mild, 1, 0 }, { "sharp info_nce", record_info_nce, &sharp, 1, 1 },
    { "reshape", record_reshape, NULL, 0, 0 }, { "trim", record_trim, NULL, 0, 0 },
    { "attention", record_attention, &none_dropped, 1, 0 }, { "attention with dropout", record_attention, &some_dropped, 1, 0 },
    { "last step", record_pool, &pools[0], 1, 0 }, { "last padded step", record_pool, &pools[1], 1, 0 },
    { "mean of steps", record_pool, &pools[2], 1, 0 }, { "first step", record_pool, &pools[3], 1, 0 },
    { "join_steps", record_join, NULL, 0, 0 }, { "add_steps", record_add_steps, NULL, 0, 0 }, { "tokens", record_tokens, NULL, 0, 0 },
    { "pair_sum", record_pairs, NULL, 0, 0 }, { "noise", record_noise, NULL, 0, 0 }, { "drop_steps", record_drop_steps, NULL, 0, 0 },
};

static void test_specials(void **state) {
    static const int shapes[][2] = { { 1, 1 }, { 13, 7 }, { 64, 32 }, { 71, 67 } };
    int n, s, absent;
    (void)state;
    for (n = 0; n < COUNT(recipes); n++) {
        for (s = 0; s < COUNT(shapes); s++) {
            for (absent = ALL_PRESENT; absent <= ALL_ABSENT; absent++) {
                if (absent && !recipes[n].weighted) { continue; }
                check_on(gpu, recipes[n].record, recipes[n].argument, shapes[s][0], shapes[s][1], (present)absent, exact_enough,
                         recipes[n].name);
            }
        }
    }
    for (n = 0; n < SPECIALS; n++) {
        if (!seen[n]) { fail_msg("no trial has the op %s", isk__special(ISK__OP_COUNT + n)->name); }
    }
}

/* By one block of threads for each model. */
static void test_block_trainer(void **state) {
    int n;
    (void)state;
    for (n = 0; n < COUNT(recipes); n++) {
        check_on(gpu_block, recipes[n].record, recipes[n].argument, 13, 7, ALL_PRESENT, exact_enough, recipes[n].name);
    }
}

/* By the large tiles of float, and on tensor cores. */
static void test_products(void **state) {
    int n;
    (void)state;
    for (n = 0; n < COUNT(recipes); n++) {
        check_on(gpu_large, recipes[n].record, recipes[n].argument, 71, 67, ALL_PRESENT, exact_enough, recipes[n].name);
        check_on(gpu_split, recipes[n].record, recipes[n].argument, 71, 67, ALL_PRESENT, exact_enough, recipes[n].name);
        if (recipes[n].steep) { continue; }
        check_on(gpu_tf32, recipes[n].record, recipes[n].argument, 71, 67, ALL_PRESENT, coarse, recipes[n].name);
    }
}

/* ---- optimizers ---- */

static void record_regression(trial *t, const void *unused) {
    isk_tensor batch = isk_batch(t->graph, t->rows), hidden = linear_of(t, isk_gather(data(t, DATA_ROWS, 5), batch), 1);
    isk_parameter_desc limits;
    isk_tensor gain;
    (void)unused;
    memset(&limits, 0, sizeof limits);
    limits.limited = limits.no_decay = 1;
    limits.low = -0.5;
    limits.high = 0.5;
    gain = fill_leaf(t, isk_parameter(isk_group_scope(t->graph, "net"), "gain", 1, t->cols, &limits), '.');
    t->out = isk_squared_error(isk_mul_cols(isk_tanh(hidden), gain), data(t, t->rows, t->cols));
}

static void test_optimizers(void **state) {
    static const struct { const char *name; isk_optimizer_desc desc; } optimizers[] = {
        { "adam", { ISK_ADAM, 0.01, 0, 0, 0, 0, 0.01, 0 } }, { "adamw", { ISK_ADAMW, 0.01, 0, 0, 0, 0, 0.1, 0.5 } },
        { "sgd", { ISK_SGD, 0.01, 0, 0, 0, 0.9, 0.01, 0 } }, { "clipped sgd", { ISK_SGD, 0.05, 0, 0, 0, 0, 0, 0.1 } },
    };
    isk_context *devices[2];
    int n, d;
    (void)state;
    devices[0] = gpu;
    devices[1] = gpu_block;
    for (n = 0; n < COUNT(optimizers); n++) {
        for (d = 0; d < 2; d++) {
            static const tolerance after_steps = { 1e-3, 1e-4, 1e-5 };
            trial due = open_trial(cpu, record_regression, NULL, 40, 9, ALL_PRESENT);
            trial got = open_trial(devices[d], record_regression, NULL, 40, 9, ALL_PRESENT);
            isk_program *a = isk_program_minimize(due.graph, "net", due.out, &optimizers[n].desc);
            isk_program *b = isk_program_minimize(got.graph, "net", got.out, &optimizers[n].desc);
            assert_non_null(a);
            assert_non_null(b);
            ok(cpu, isk_run(a, 21));
            ok(devices[d], isk_run(b, 21));
            compare_tensors(due.out, got.out, after_steps, optimizers[n].name, "loss");
            compare_moves(&due, &got, after_steps, optimizers[n].name);
            close_trial(&due);
            close_trial(&got);
        }
    }
}

/* ---- no kernel was left out ---- */

static void test_every_kernel_ran(void **state) {
    int n, k, direction;
    (void)state;
    if (!library) {
        print_message("# skipped: without the stand-in for driver and NVRTC there is no GPU path to test\n");
        skip();
    }
    for (n = 0; n < ISK__OP_COUNT; n++) {
        const isk__op_info *info = &isk__op_table[n];
        for (direction = 0; direction < 2; direction++) {
            const char *grids = direction ? info->backward_grids : info->forward_grids;
            for (k = 0; grids[k]; k++) {
                char name[80];
                snprintf(name, sizeof name, "isk_%s_%s_%d", info->name, direction ? "backward" : "forward", k);
                if (launches_of(name) == 0) { fail_msg("%s did not run", name); }
            }
        }
    }
    for (n = 0; n < COUNT(isk__template_kernels); n++) {
        const char *name = isk__template_kernels[n].name;
        if (strcmp(name, "isk_end_batch") == 0) { continue; }       /* isk_run has no batches; test_gpu_training.c has */
        if (launches_of(name) == 0) { fail_msg("%s did not run", name); }
    }
}

/* ---- contexts ---- */

static isk_context *open_on(isk_device device, isk_trainer trainer, isk_precision precision) {
    isk_context_desc desc;
    isk_context *context;
    memset(&desc, 0, sizeof desc);
    desc.threads = 1;
    desc.device = device;
    desc.cuda.trainer = trainer;
    desc.cuda.precision = precision;
    context = isk_open(&desc);
    if (!context) { print_message("# no context\n"); }
    return context;
}

static int open_contexts(void **state) {
    (void)state;
    cpu = open_on(ISK_DEVICE_CPU, ISK_TRAINER_AUTO, ISK_FP32);
    gpu = open_on(ISK_DEVICE_CUDA, ISK_TRAINER_GRAPH, ISK_FP32);
    gpu_block = open_on(ISK_DEVICE_CUDA, ISK_TRAINER_BLOCK, ISK_FP32);
    setenv("STANDIN_PROCESSORS", "1", 1);               /* too few for small tiles to be of use */
    gpu_large = open_on(ISK_DEVICE_CUDA, ISK_TRAINER_GRAPH, ISK_FP32);
    unsetenv("STANDIN_PROCESSORS");
    gpu_split = open_on(ISK_DEVICE_CUDA, ISK_TRAINER_GRAPH, ISK_TF32X3);
    gpu_tf32 = open_on(ISK_DEVICE_CUDA, ISK_TRAINER_GRAPH, ISK_TF32);
    return cpu && gpu && gpu_block && gpu_large && gpu_split && gpu_tf32 ? 0 : -1;
}

static int close_contexts(void **state) {
    (void)state;
    isk_close(cpu);
    isk_close(gpu);
    isk_close(gpu_block);
    isk_close(gpu_large);
    isk_close(gpu_split);
    isk_close(gpu_tf32);
    return 0;
}

/* The stand-in, and a folder for what it compiles beside it. */
static void use_standin(const char *program) {
    char cache[1100];
    void *handle, *function;
    library = standin_path(program);
    handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    function = handle ? dlsym(handle, "standin_launches_of") : NULL;
    if (!function) { print_message("# %s\n", dlerror()); }
    memcpy(&launches_of, &function, sizeof function);
    snprintf(cache, sizeof cache, "%.*sstandin-cache", (int)(strrchr(library, '/') - library) + 1, library);
    setenv("INDISEEK_CUDA_LIB", library, 1);
    setenv("INDISEEK_NVRTC_LIB", library, 1);
    setenv("INDISEEK_CACHE_DIR", cache, 1);
}

int main(int count, char **arguments) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_specials),
        cmocka_unit_test(test_block_trainer),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_optimizers),
        cmocka_unit_test(test_every_kernel_ran),
    };
    const char *real = getenv("INDISEEK_TEST_GPU");
    (void)count;
    if (!real || strcmp(real, "1") != 0) { use_standin(arguments[0]); }
    return cmocka_run_group_tests_name("device", tests, open_contexts, close_contexts);
}
