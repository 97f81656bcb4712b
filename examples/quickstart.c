/* Two matrices in, shared and specific features out.
       cc -O2 -I. examples/quickstart.c -lm -pthread -o quickstart && ./quickstart */
#define INDISEEK_IMPLEMENTATION
#include "indiseek.h"
#include <stdio.h>

enum { ROWS = 1000, RNA = 8, PROTEIN = 6, DIM = 4 };
static isk_scalar rna[ROWS][RNA], protein[ROWS][PROTEIN];
static isk_scalar c1[ROWS][DIM], c2[ROWS][DIM], z1[ROWS][DIM], z2[ROWS][DIM];

/* A stand-in for your data: both views see `both`, each sees something of its own too. */
static void make_data(void) {
    for (int i = 0; i < ROWS; i++) {
        double both = sin(i * 0.7), only_rna = sin(i * 1.9), only_protein = sin(i * 3.1);
        for (int j = 0; j < RNA; j++) { rna[i][j] = (isk_scalar)(both * cos(j) + only_rna * sin(j)); }
        for (int j = 0; j < PROTEIN; j++) { protein[i][j] = (isk_scalar)(both * sin(j + 1) + only_protein * cos(j)); }
    }
}

int main(void) {
    isk_context *context = isk_open(&(isk_context_desc){ .threads = 2 });
    isk_view x1 = { .x = { rna[0], ROWS, RNA } }, x2 = { .x = { protein[0], ROWS, PROTEIN } };
    isk_fit_desc fit = {
        .views = { x1, x2 }, .view_count = 2,
        .options = { .lambda = 10, .dim = DIM, .shared_dim = DIM, .epochs = 40, .shared_epochs = 40 },
    };
    isk_transform_desc features = {
        .views = { x1, x2 },
        .out = { { "shared1", c1[0] }, { "shared2", c2[0] }, { "specific1", z1[0] }, { "specific2", z2[0] } },
    };
    isk_model *model = NULL;
    make_data();
    if (!context || isk_fit(context, &fit, &model) != ISK_OK || isk_transform(model, &features) != ISK_OK ||
        isk_save(model, "quickstart.safetensors") != ISK_OK) {
        fprintf(stderr, "%s\n", isk_error(context));
        return 1;
    }
    printf("row 0: shared %.3f %.3f ..., specific to rna %.3f %.3f ...\n", (double)c1[0][0], (double)c1[0][1],
           (double)z1[0][0], (double)z1[0][1]);
    printf("reconstruction error of rna %.3f, of protein %.3f; saved as quickstart.safetensors\n",
           isk_report_value(isk_model_report(model), "reconstruction", 0), isk_report_value(isk_model_report(model), "reconstruction", 1));
    isk_model_close(model);
    isk_close(context);
    return 0;
}
