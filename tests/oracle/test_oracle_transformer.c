/* Parity with PyTorch: isk_transformer against the vectors of tests/oracle/transformer.py (what is in them stands at its top):
   outputs of present steps, gradients of every weight and of the input, whatever stands in absent steps. */
/* build: float double */

#define INDISEEK_IMPLEMENTATION
#define INDISEEK_NO_CUDA
#include "indiseek.h"

#include "vectors.h"

enum { samples = 3, steps = 5, rows = samples * steps, width = 8, heads = 2, feed_forward = 12, most = 1024 };

static isk_scalar g[rows * width], weights[rows];

typedef struct known_case {
    const char *name;
    int layers, norm_first, activation, weights;    /* weights: tensors with a gradient, x among them */
} known_case;

static known_case cases[] = {
    { "1.post.relu", 1, 0, ISK_RELU, 13 }, { "1.post.gelu", 1, 0, ISK_GELU, 13 },
    { "1.pre.relu", 1, 1, ISK_RELU, 13 },  { "1.pre.gelu", 1, 1, ISK_GELU, 13 },
    { "2.post.relu", 2, 0, ISK_RELU, 25 }, { "2.pre.gelu", 2, 1, ISK_GELU, 25 },
};
enum { case_count = sizeof cases / sizeof *cases };

static isk_tensor input_of(isk_graph *graph, int cols, const isk_scalar *values) {
    isk_tensor input = isk_input(graph, rows, cols);
    ok(isk_write(input, 0, values));
    return input;
}

/* Writes PyTorch's values into every parameter; "net.x" is the input of the encoder and lies as in the file. */
static void set_parameters(isk_graph *graph) {
    static isk_scalar theirs[most], ours[most];
    int i, row, col;
    for (i = 0; i < graph->parameter_count; i++) {
        const isk__parameter_info *parameter = &graph->parameters[i];
        int own_rows = graph->nodes[parameter->node].rows, cols = graph->nodes[parameter->node].cols;
        int is_input = strcmp(parameter->name, "net.x") == 0;
        isk_tensor tensor;
        tensor.graph = graph;
        tensor.node = parameter->node;
        load(is_input ? "x" : parameter->name, (uint64_t)(own_rows * cols), theirs);
        for (row = 0; row < own_rows; row++) {
            for (col = 0; col < cols; col++) {
                ours[row * cols + col] = theirs[is_input ? row * cols + col : place_of(graph, parameter, row, col)];
            }
        }
        ok(isk_write(tensor, 0, ours));
    }
}

static int compare_gradients(const isk_graph *graph, const char *prefix) {
    static isk_scalar theirs[most];
    const isk__group_info *group = &graph->groups[isk__group_find(graph, "net")];
    const isk_scalar *gradient = graph->worker[0].block + graph->worker[0].offsets[group->gradient];
    int i, row, col;
    for (i = 0; i < graph->parameter_count; i++) {
        const isk__parameter_info *parameter = &graph->parameters[i];
        const isk__node *node = &graph->nodes[parameter->node];
        int is_input = strcmp(parameter->name, "net.x") == 0;
        char name[128];
        snprintf(name, sizeof name, "%s.gradient.%s", prefix, is_input ? "x" : parameter->name);
        load(name, (uint64_t)(node->rows * node->cols), theirs);
        for (row = 0; row < node->rows; row++) {
            for (col = 0; col < node->cols; col++) {
                int at = is_input ? row * node->cols + col : place_of(graph, parameter, row, col);
                compare_one("gradient", name, at, (double)gradient[parameter->offset + (size_t)(row * node->leaf.stride + col)],
                            (double)theirs[at]);
            }
        }
    }
    return graph->parameter_count;
}

static void compare_outputs(isk_tensor output, const char *prefix) {
    static isk_scalar ours[rows * width], theirs[rows * width];
    char name[64];
    int i;
    snprintf(name, sizeof name, "%s.output", prefix);
    load(name, rows * width, theirs);
    ok(isk_read(output, 0, ours));
    for (i = 0; i < rows * width; i++) {
        if (weights[i / width] > 0) { compare_one("output", name, i, (double)ours[i], (double)theirs[i]); }
    }
}

static void case_at(const known_case *of, int level) {
    isk_transformer_desc desc;
    isk_parameter_desc zero;
    isk_graph *graph;
    isk_tensor x, outputs[2];
    isk_program *forward, *backward;
    char name[64];
    context->level = level;
    memset(&desc, 0, sizeof desc);
    memset(&zero, 0, sizeof zero);
    desc.steps = steps;
    desc.layers = of->layers;
    desc.heads = heads;
    desc.feed_forward = feed_forward;
    desc.norm_first = of->norm_first;
    desc.activation = of->activation;
    desc.mode = 1;
    graph = isk_graph_open(context, NULL);
    x = isk_parameter(isk_group_scope(graph, "net"), "x", rows, width, &zero);
    x = isk_with_row_weights(x, input_of(graph, 1, weights));
    outputs[0] = isk_transformer(isk_group_scope(graph, "net"), x, &desc);
    outputs[1] = isk_sum_all(isk_mul(outputs[0], input_of(graph, width, g)));
    forward = isk_program_compute(graph, outputs, 2);
    backward = isk__minimize(graph, "net", &outputs[1], 1, NULL, 1);
    if (!forward || !backward) { fail_msg("%s", isk_error(context)); }
    set_parameters(graph);
    ok(isk_run(forward, 1));
    compare_outputs(outputs[0], of->name);
    ok(isk_run(backward, 1));
    assert_int_equal(compare_gradients(graph, of->name), of->weights);
    snprintf(name, sizeof name, "%s.value", of->name);
    {
        isk_scalar value;
        ok(isk_read(outputs[1], 0, &value));
        compare("value", name, (double)value);
    }
    isk_graph_close(graph);
}

static void one_case(void **state) { AT_EVERY_LEVEL(case_at((const known_case *)*state, level)); }

static int open_vectors(void **state) {
    int64_t lengths[samples];
    int i;
    (void)state;
    if (open_file("tests/oracle/transformer.safetensors")) { return -1; }
    load("g", rows * width, g);
    if (isk_safetensors_read_int64(vectors, "lengths", samples, lengths) != ISK_OK) { return -1; }
    for (i = 0; i < rows; i++) { weights[i] = (isk_scalar)(i % steps < lengths[i / steps] ? 1 : 0); }
    return 0;
}

int main(void) {
    struct CMUnitTest tests[case_count];
    int i;
    memset(tests, 0, sizeof tests);
    for (i = 0; i < case_count; i++) {
        tests[i].name = cases[i].name;
        tests[i].test_func = one_case;
        tests[i].initial_state = &cases[i];
    }
    return cmocka_run_group_tests(tests, open_vectors, close_vectors);
}
