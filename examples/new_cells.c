/* A saved model, loaded by another program: features of new cells, of some of which only the RNA was measured.
       cc -O2 -I. -DINDISEEK_IMPLEMENTATION examples/new_cells.c -lm -pthread -o new_cells && ./new_cells */
#include "indiseek.h"
#include <math.h>
#include <stdio.h>

enum { ROWS = 600, NEW = 3, RNA = 8, PROTEIN = 6, DIM = 4 };
static const char path[] = "new_cells.safetensors";

/* Cells first, first + 1, ...: both views see `both`, each sees something of its own too. */
static void make_cells(int first, int rows, isk_scalar (*rna)[RNA], isk_scalar (*protein)[PROTEIN]) {
    for (int i = 0; i < rows; i++) {
        double t = first + i, both = sin(t * 0.7), only_rna = sin(t * 1.9), only_protein = sin(t * 3.1);
        for (int j = 0; j < RNA; j++) { rna[i][j] = (isk_scalar)(both * cos(j) + only_rna * sin(j)); }
        for (int j = 0; j < PROTEIN; j++) { protein[i][j] = (isk_scalar)(both * sin(j + 1) + only_protein * cos(j)); }
    }
}

/* On one day, on one machine. */
static isk_status train(isk_context *context) {
    static isk_scalar rna[ROWS][RNA], protein[ROWS][PROTEIN];
    isk_fit_desc fit = {
        .method = ISK_INDISEEK, .views = { { .x = { rna[0], ROWS, RNA } }, { .x = { protein[0], ROWS, PROTEIN } } }, .view_count = 2,
        .options = { .dim = DIM, .shared_dim = DIM, .epochs = 20, .shared_epochs = 20 },
    };
    isk_model *model = NULL;
    isk_status status;
    make_cells(0, ROWS, rna, protein);
    status = isk_fit(context, &fit, &model);
    if (status == ISK_OK) { status = isk_save(model, path); }
    isk_model_close(model);
    return status;
}

/* On another day.  A cell's features depend on that cell alone, so those of one cell or of a million come out alike. */
static isk_status use(isk_context *context) {
    isk_scalar rna[NEW][RNA], protein[NEW][PROTEIN], c1[NEW][DIM], z1[NEW][DIM], c2[NEW][DIM], z2[NEW][DIM];
    const uint8_t has_protein[NEW] = { 1, 0, 1 };
    isk_transform_desc both = {
        .views = { { .x = { rna[0], NEW, RNA } }, { .x = { protein[0], NEW, PROTEIN }, .present = has_protein } },
        .out = { { "shared1", c1[0] }, { "shared2", c2[0] }, { "specific1", z1[0] }, { "specific2", z2[0] } },
    };
    isk_transform_desc rna_alone = { .views = { { .x = { rna[0], NEW, RNA } } }, .out = { { "shared1", c1[0] }, { "specific1", z1[0] } } };
    isk_model *model = NULL;
    isk_status status = isk_load(context, path, &model);
    make_cells(ROWS, NEW, rna, protein);
    if (status == ISK_OK) { status = isk_transform(model, &both); }
    for (int i = 0; i < NEW && status == ISK_OK; i++) {         /* NaN: not measured, nothing is made up */
        printf("cell %d: shared %6.3f by RNA, %6.3f by protein; specific %6.3f, %6.3f\n", i, (double)c1[i][0],
               (double)c2[i][0], (double)z1[i][0], (double)z2[i][0]);
    }
    if (status == ISK_OK) { status = isk_transform(model, &rna_alone); }
    if (status == ISK_OK) {
        printf("without any protein: cell 0 shared %6.3f, specific %6.3f\n", (double)c1[0][0], (double)z1[0][0]);
    }
    isk_model_close(model);
    return status;
}

int main(void) {
    isk_context *context = isk_open(&(isk_context_desc){ .threads = 2 });
    int failed = !context || train(context) != ISK_OK || use(context) != ISK_OK;
    if (failed) { fprintf(stderr, "%s\n", context ? isk_error(context) : "no memory"); }
    isk_close(context);
    return failed;
}
