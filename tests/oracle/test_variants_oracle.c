/* CoMM's loss and the critic of NCE-CLUB on given embeddings against PyTorch: tests/oracle/losses.py, which says what is in the
   vectors.  Values and gradients, for whole batches and for batches of which two rows are absent. */
/* build: float double */

#define INDISEEK_IMPLEMENTATION
#define INDISEEK_NO_CUDA
#define INDISEEK_NO_METRICS
#include "indiseek.h"

#include "vectors.h"

enum { B = 6, FEW = 4, DIM = 5, Y_COLS = 4, X_COLS = 3, WIDTH = 7 };
static const double tau = 0.1, lambda = 0.7;
static const char *const parts[3] = { "1", "2", "both" };
static const char *const copies[2] = { "first", "second" };

static isk_tensor parameter(isk_scope scope, const char *name, int rows, int cols, int vector) {
    isk_parameter_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.vector = vector;
    return isk_parameter(scope, name, rows, cols, &desc);
}

/* The gradient of `loss` with respect to the group's parameters stands in the worker's memory after this. */
static const isk_scalar *gradient_of(isk_graph *graph, const char *group, isk_tensor loss) {
    isk_program *program = isk__minimize(graph, group, &loss, 1, NULL, 1);
    assert_non_null(program);
    ok(isk_run(program, 1));
    return graph->worker[0].block + graph->worker[0].offsets[graph->groups[isk__group_find(graph, group)].gradient];
}

/* `theirs` beside the gradient of one parameter: rows of it, those of absent rows being 0; or, `rows` 0, PyTorch's [out, in]. */
static void compare_gradient(const isk_graph *graph, const isk_scalar *gradient, isk_tensor of, int rows, const char *name) {
    isk_scalar theirs[B * 64];
    const isk__node *node = &graph->nodes[of.node];
    const isk__parameter_info *info = graph->parameters;
    int all = rows > 0 ? rows : node->rows, row, col;
    while (info->node != of.node) { info++; }
    load(name, (uint64_t)(all * node->cols), theirs);
    for (row = 0; row < node->rows; row++) {
        for (col = 0; col < node->cols; col++) {
            int at = rows > 0 ? row * node->cols + col : place_of(graph, info, row, col);
            double due = row < all ? (double)theirs[at] : 0;
            compare_one("gradient", name, at, (double)gradient[info->offset + (size_t)(row * node->leaf.stride + col)], due);
        }
    }
}

/* Weights of rows that are all there, or of which the last two are absent. */
static isk_tensor some_absent(isk_graph *graph, int rows, int absent) {
    isk_scalar present[B] = { 1, 1, 1, 1, 1, 1 };
    isk_tensor weights = isk_input(graph, rows, 1);
    if (absent) { present[B - 1] = present[B - 2] = 0; }
    ok(isk_write(weights, 0, present));
    return weights;
}

/* rows: of the graph; absent: the last two of them are; count: how many are there. */
static void check_comm(int rows, int absent, const char *size) {
    isk_graph *graph = isk_graph_open(context, NULL);
    isk_tensor given[2][3], z[2][3], index = isk_input(graph, 2 * rows, 1), weights = some_absent(graph, rows, absent), losses[3], loss;
    isk_scalar counting[2 * B], values[B * DIM], value;
    const isk_scalar *gradient;
    char name[64];
    int copy, m, i, count = absent ? rows - 2 : rows;
    for (i = 0; i < 2 * rows; i++) { counting[i] = (isk_scalar)i; }
    ok(isk_write(index, 0, counting));
    for (copy = 0; copy < 2; copy++) {
        for (m = 0; m < 3; m++) {
            snprintf(name, sizeof name, "%s.%s", copies[copy], parts[m]);
            given[copy][m] = parameter(isk_group_scope(graph, "given"), name, rows, DIM, 0);
            z[copy][m] = isk_l2_normalize(isk_with_row_weights(given[copy][m], weights), 1e-12);
        }
    }
    for (m = 0; m < 3; m++) {
        losses[m] = isk_affine(isk_add(isk__nt_xent(z[0][m], z[1][2], index, tau), isk__nt_xent(z[1][m], z[0][2], index, tau)), 0.5, 0);
    }
    loss = isk_add(losses[2], isk_affine(isk_add(losses[0], losses[1]), lambda / 2, 0));
    for (copy = 0; copy < 2; copy++) {
        for (m = 0; m < 3; m++) {
            snprintf(name, sizeof name, "comm.%s.%s", copies[copy], parts[m]);
            load(name, B * DIM, values);
            ok(isk_write(given[copy][m], 0, values));
        }
    }
    ok(isk_run(isk_program_compute(graph, losses, 3), 1));
    for (m = 0; m < 3; m++) {
        snprintf(name, sizeof name, "comm.%s.%s", size, parts[m]);
        ok(isk_read(losses[m], 0, &value));
        compare("value", name, (double)value);
    }
    gradient = gradient_of(graph, "given", loss);
    ok(isk_read(loss, 0, &value));
    snprintf(name, sizeof name, "comm.%s.loss", size);
    compare("value", name, (double)value);
    for (copy = 0; copy < 2; copy++) {
        for (m = 0; m < 3; m++) {
            snprintf(name, sizeof name, "comm.%s.gradient.%s.%s", size, copies[copy], parts[m]);
            compare_gradient(graph, gradient, given[copy][m], count, name);
        }
    }
    isk_graph_close(graph);
}

static void comm(void **state) {
    (void)state;
    check_comm(B, 0, "whole");
    check_comm(FEW, 0, "short");
    check_comm(B, 1, "short");
}

/* One linear map of the script's critic.  Its first one, of [y, x], is two maps here; theirs of y takes the whole bias. */
static void write_map(const isk_graph *graph, const char *ours, const char *theirs, int from, int in, int whole_in, int out,
                      int with_bias) {
    isk_scalar weight[64], bias[8], both[64];
    char name[64];
    int p, row, col, written = 0;
    snprintf(name, sizeof name, "nce_club.critic.%s.weight", theirs);
    load(name, (uint64_t)(whole_in * out), both);
    snprintf(name, sizeof name, "nce_club.critic.%s.bias", theirs);
    load(name, (uint64_t)out, bias);
    for (row = 0; row < in; row++) {
        for (col = 0; col < out; col++) { weight[row * out + col] = both[col * whole_in + from + row]; }
    }
    for (col = 0; col < out && !with_bias; col++) { bias[col] = 0; }
    for (p = 0; p < graph->parameter_count; p++) {
        isk_tensor tensor;
        const char *full = graph->parameters[p].name;
        tensor.graph = (isk_graph *)(uintptr_t)graph;
        tensor.node = graph->parameters[p].node;
        snprintf(name, sizeof name, "critic.score.%s.weight", ours);
        if (strcmp(full, name) == 0) { ok(isk_write(tensor, 0, weight)); written++; }
        snprintf(name, sizeof name, "critic.score.%s.bias", ours);
        if (strcmp(full, name) == 0) { ok(isk_write(tensor, 0, bias)); written++; }
    }
    assert_int_equal(written, 2);
}

static isk_tensor found(isk_graph *graph, const char *name) {
    isk_tensor tensor = isk__no_tensor(graph);
    int p;
    for (p = 0; p < graph->parameter_count; p++) {
        if (strcmp(graph->parameters[p].name, name) == 0) { tensor.node = graph->parameters[p].node; }
    }
    if (tensor.node < 0) { fail_msg("there is no parameter %s", name); }
    return tensor;
}

/* The gradient of the split first map beside that of the whole one. */
static void compare_first_map(isk_graph *graph, const isk_scalar *gradient, const char *size) {
    isk_scalar theirs[WIDTH * WIDTH], bias[WIDTH];
    char name[96];
    int part, p, row, col;
    snprintf(name, sizeof name, "nce_club.%s.learning.gradient.critic.0.bias", size);
    load(name, WIDTH, bias);
    snprintf(name, sizeof name, "nce_club.%s.learning.gradient.critic.0.weight", size);
    load(name, WIDTH * WIDTH, theirs);
    for (part = 0; part < 2; part++) {
        isk_tensor weight = found(graph, part ? "critic.score.0.b.weight" : "critic.score.0.a.weight");
        isk_tensor own_bias = found(graph, part ? "critic.score.0.b.bias" : "critic.score.0.a.bias");
        for (p = 0; p < graph->parameter_count; p++) {
            const isk__parameter_info *info = &graph->parameters[p];
            const isk__node *node = &graph->nodes[info->node];
            if (info->node != weight.node && info->node != own_bias.node) { continue; }
            for (row = 0; row < node->rows; row++) {
                for (col = 0; col < WIDTH; col++) {
                    double due = info->node == weight.node ? (double)theirs[col * WIDTH + row + (part ? Y_COLS : 0)] : (double)bias[col];
                    compare_one("gradient", name, row * WIDTH + col, (double)gradient[info->offset +
                                                                                      (size_t)(row * node->leaf.stride + col)], due);
                }
            }
        }
    }
}

static void check_nce(int rows, int absent, const char *size) {
    isk_graph *graph = isk_graph_open(context, NULL);
    isk_scope given = isk_group_scope(graph, "given");
    isk_tensor y = parameter(given, "y", rows, Y_COLS, 0), x = parameter(given, "x", rows, X_COLS, 0),
        weights = some_absent(graph, rows, absent);
    isk__scores scores = isk__scores_record(isk_within(isk_group_scope(graph, "critic"), "score"), isk_with_row_weights(y, weights),
                                            isk_with_row_weights(x, weights), WIDTH, 0);
    isk_tensor learning = isk__scores_nce(scores, 0), upper = isk__scores_club(scores), outputs[3];
    static const char *const later[] = { "2.weight", "2.bias", "4.weight", "4.bias" };
    isk_scalar values[B * B], theirs[B * B], value;
    const isk_scalar *gradient;
    char name[96], own[64];
    int i, j, count = absent ? rows - 2 : rows;
    outputs[0] = learning;
    outputs[1] = upper;
    outputs[2] = scores.all;
    load("nce_club.y", B * Y_COLS, values);
    ok(isk_write(y, 0, values));
    load("nce_club.x", B * X_COLS, values);
    ok(isk_write(x, 0, values));
    write_map(graph, "0.a", "0", 0, Y_COLS, Y_COLS + X_COLS, WIDTH, 1);
    write_map(graph, "0.b", "0", Y_COLS, X_COLS, Y_COLS + X_COLS, WIDTH, 0);
    write_map(graph, "2", "2", 0, WIDTH, WIDTH, WIDTH, 1);
    write_map(graph, "4", "4", 0, WIDTH, WIDTH, 1, 1);
    ok(isk_run(isk_program_compute(graph, outputs, 3), 1));
    ok(isk_read(scores.all, 0, values));
    snprintf(name, sizeof name, "nce_club.%s.scores", size);
    load(name, (uint64_t)(count * count), theirs);
    for (i = 0; i < count; i++) {
        for (j = 0; j < count; j++) {
            compare_one("score", name, i * count + j, (double)values[i * rows + j], (double)theirs[i * count + j]);
        }
    }
    ok(isk_read(upper, 0, &value));
    snprintf(name, sizeof name, "nce_club.%s.upper", size);
    compare("value", name, (double)value);
    ok(isk_read(learning, 0, &value));
    snprintf(name, sizeof name, "nce_club.%s.learning", size);
    compare("value", name, (double)value - log(count));     /* theirs has the constant ln B, ours has not */
    gradient = gradient_of(graph, "critic", learning);
    compare_first_map(graph, gradient, size);
    for (i = 0; i < 4; i++) {
        snprintf(own, sizeof own, "critic.score.%s", later[i]);
        snprintf(name, sizeof name, "nce_club.%s.learning.gradient.critic.%s", size, later[i]);
        compare_gradient(graph, gradient, found(graph, own), 0, name);
    }
    gradient = gradient_of(graph, "given", upper);
    snprintf(name, sizeof name, "nce_club.%s.upper.gradient.y", size);
    compare_gradient(graph, gradient, y, count, name);
    snprintf(name, sizeof name, "nce_club.%s.upper.gradient.x", size);
    compare_gradient(graph, gradient, x, count, name);
    isk_graph_close(graph);
}

static void nce_club(void **state) {
    (void)state;
    check_nce(B, 0, "whole");
    check_nce(FEW, 0, "short");
    check_nce(B, 1, "short");
}

static int open_vectors(void **state) {
    (void)state;
    return open_file("tests/oracle/losses.safetensors");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comm),
        cmocka_unit_test(nce_club),
    };
    return cmocka_run_group_tests_name("variants_oracle", tests, open_vectors, close_vectors);
}
