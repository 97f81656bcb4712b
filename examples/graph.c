/* Tensors, a network and an optimizer without any method: learns which points of the plane lie within a ring.
       cc -O2 -I. -DINDISEEK_IMPLEMENTATION examples/graph.c -lm -pthread -o graph && ./graph */
#include "indiseek.h"
#include <math.h>
#include <stdio.h>

enum { ROWS = 400, STEPS = 300 };
static isk_scalar points[ROWS][2], within[ROWS];

static void make_data(void) {
    for (int i = 0; i < ROWS; i++) {
        double radius = 2 * sqrt((i + 0.5) / ROWS), angle = 2.4 * i;     /* a sunflower: even over the disc */
        points[i][0] = (isk_scalar)(radius * cos(angle));
        points[i][1] = (isk_scalar)(radius * sin(angle));
        within[i] = radius > 0.8 && radius < 1.5;
    }
}

int main(void) {
    isk_context *context = isk_open(&(isk_context_desc){ .device = ISK_DEVICE_CPU });
    isk_graph *graph = isk_graph_open(context, &(isk_graph_desc){ .models = 1 });
    /* Recorded once: nothing is computed yet.  Shapes are checked here; the first mistake is kept for isk_error. */
    isk_tensor x = isk_input(graph, ROWS, 2), y = isk_input(graph, ROWS, 1);
    isk_mlp_desc shape = { .layers = 3, .width = 24, .out = 1, .activation = ISK_TANH };
    isk_tensor logits = isk_mlp(isk_group_scope(graph, "net"), x, &shape);
    isk_tensor loss = isk_binary_cross_entropy(logits, y);
    isk_program *train = isk_program_minimize(graph, "net", loss, &(isk_optimizer_desc){ .kind = ISK_ADAM, .rate = 0.01 });
    isk_program *predict = isk_program_compute(graph, (isk_tensor[]){ logits, loss }, 2);
    isk_scalar score[ROWS], value;
    int right = 0;
    make_data();
    if (!train || !predict) { goto failed; }
    if (isk_write(x, 0, points[0]) != ISK_OK || isk_write(y, 0, within) != ISK_OK) { goto failed; }

    /* Every gradient against central differences: in float about 3 digits, with -DINDISEEK_DOUBLE about 9. */
    printf("largest error of a gradient: %.1e\n", isk_check_gradient(graph, "net", loss, 0));
    for (int step = 0; step <= STEPS; step += 100) {
        if (isk_run(predict, 1) != ISK_OK || isk_read(loss, 0, &value) != ISK_OK) { goto failed; }
        printf("step %3d: cross entropy %.3f\n", step, (double)value);
        if (step < STEPS && isk_run(train, 100) != ISK_OK) { goto failed; }         /* a replay allocates nothing */
    }
    if (isk_read(logits, 0, score) != ISK_OK) { goto failed; }
    for (int i = 0; i < ROWS; i++) { right += (score[i] > 0) == (within[i] > 0); }
    printf("%d of %d points are told right\n", right, ROWS);
    isk_graph_close(graph);
    isk_close(context);
    return 0;
failed:
    fprintf(stderr, "%s\n", context ? isk_error(context) : "no memory");
    isk_graph_close(graph);
    isk_close(context);
    return 1;
}
