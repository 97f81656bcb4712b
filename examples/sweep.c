/* Four lambdas x two seeds, eight models trained together; which lambda to take is read off held-out rows.
       cc -O2 -I. -DINDISEEK_IMPLEMENTATION examples/sweep.c -lm -pthread -o sweep && ./sweep */
#include "indiseek.h"
#include <math.h>
#include <stdio.h>

enum { ROWS = 400, RNA = 8, PROTEIN = 6, LAMBDAS = 4, SEEDS = 2, MODELS = LAMBDAS * SEEDS };
static isk_scalar rna[ROWS][RNA], protein[ROWS][PROTEIN];
static uint8_t part[ROWS];

/* Both views see `both`, each sees something of its own too. */
static void make_data(void) {
    for (int i = 0; i < ROWS; i++) {
        double both = sin(i * 0.7), only_rna = sin(i * 1.9), only_protein = sin(i * 3.1);
        for (int j = 0; j < RNA; j++) { rna[i][j] = (isk_scalar)(both * cos(j) + only_rna * sin(j)); }
        for (int j = 0; j < PROTEIN; j++) { protein[i][j] = (isk_scalar)(both * sin(j + 1) + only_protein * cos(j)); }
    }
}

int main(void) {
    static const double lambdas[LAMBDAS] = { 0.1, 1, 10, 100 };
    isk_context *context = isk_open(&(isk_context_desc){ .threads = 2 });
    isk_view x1 = { .x = { rna[0], ROWS, RNA } }, x2 = { .x = { protein[0], ROWS, PROTEIN } };
    isk_split_desc split = { .rows = ROWS, .validation = 0.25, .part = part };
    isk_sweep_desc sweep = {
        /* patience: a model stops alone once its validation loss has not fallen for so many epochs */
        .fit = { .method = ISK_INDISEEK, .views = { x1, x2 }, .view_count = 2, .split = part,
                 .options = { .dim = 1, .shared_dim = 2, .layers = 3, .width = 24, .batch = 32, .epochs = 80,
                              .shared_epochs = 30, .patience = 8, .diagnoses = ISK_NONE } },
        .lambdas = lambdas, .lambda_count = LAMBDAS, .seed_count = SEEDS,
    };
    isk_model *models[MODELS] = { NULL };
    isk_tradeoff_point points[MODELS];
    isk_tradeoff_desc curve = { .models = models, .model_count = MODELS, .views = { x1, x2 }, .part = part,
                                .points = points };
    isk_tradeoff_report report;
    int failed;
    make_data();
    failed = !context || isk_split(context, &split) != ISK_OK || isk_sweep(context, &sweep, models) != ISK_OK ||
             isk_tradeoff(context, &curve, &report) != ISK_OK;
    if (failed) { fprintf(stderr, "%s\n", context ? isk_error(context) : "no memory"); }
    for (int i = 0; i < report.points && !failed; i++) {
        printf("lambda %5g: leakage %.3f, completeness %.3f; epochs", points[i].lambda,
               points[i].mean[ISK_LEAKAGE].mean, points[i].mean[ISK_COMPLETENESS].mean);
        for (int seed = 0; seed < SEEDS; seed++) {
            printf(" %g", isk_report_value(isk_model_report(models[i * SEEDS + seed]), "epochs", 0));
        }
        printf("%s\n", i == report.knee ? "  <- the knee: more costs more than it buys" : "");
    }
    /* models[report.knee * SEEDS] is a model like that of isk_fit: transform, save, load. */
    for (int i = 0; i < MODELS; i++) { isk_model_close(models[i]); }
    isk_close(context);
    return failed;
}
