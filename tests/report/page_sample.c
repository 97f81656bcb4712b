/* A page with everything that a report of single cells may show, of made-up cells, for tests/report/test_page.py:
   page_sample FILE CELLS PANELS TYPES; without types a panel of one cell and one of none.
   Cell 0 and type 0 have names that try to break out of where they stand. */
#include "examples/report/plots.h"
#include "examples/base/random.h"
#include "examples/report/cells_page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_TYPES = 200, COARSE = 5, METHODS = 3, LAMBDAS = 7 };

typedef struct sample {
    int64_t cells;
    int panels, types;
    int32_t *type, *coarse;
    double *depth, *weight;
    float *points;
    uint8_t *shown;
    char names[MOST_TYPES][64];
    const char *type_names[MOST_TYPES];
    int coarse_of[MOST_TYPES];
    double theta[MOST_TYPES], error[MOST_TYPES], mean_weight[MOST_TYPES];
    int64_t sizes[MOST_TYPES];
} sample;

static const char *const coarse_names[COARSE] = { "T cell", "B cell", "Mono/DC", "NK", "Progenitor cells" };
static const char hostile[] = "</script><img src=x onerror=alert(1)>\"'\\ & <!-- ü";

static const char *cell_name(const void *user, int64_t row) {
    static char buffer[40];
    uint64_t word;
    random_stream r = random_open(7, (uint64_t)row);
    (void)user;
    if (row == 0) { return hostile; }
    word = random_word(&r);
    for (int i = 0; i < 16; i++) { buffer[i] = "ACGT"[word >> 2 * i & 3]; }
    snprintf(buffer + 16, sizeof buffer - 16, "-1");
    return buffer;
}

static void make_types(sample *s) {
    random_stream r = random_open(1, 1);
    for (int i = 0; i < s->types; i++) {
        snprintf(s->names[i], sizeof s->names[i], "%s %d", i % 4 ? coarse_names[i % COARSE] : "CD8 Memory", i);
        s->type_names[i] = i == 0 ? hostile : s->names[i];
        s->coarse_of[i] = i % COARSE;
        s->mean_weight[i] = 0.3 + 0.4 * random_uniform(&r);
        s->theta[i] = 6 * (s->mean_weight[i] - 0.5) + 0.4 * random_normal(&r);
        s->error[i] = 0.05 + 0.1 * random_uniform(&r);
    }
}

static void make_cells(sample *s) {
    random_stream r = random_open(1, 2);
    for (int64_t i = 0; i < s->cells; i++) {
        const double u = random_uniform(&r);
        s->type[i] = i == 1 ? -1 : (int32_t)(u * u * s->types);
        s->coarse[i] = s->type[i] < 0 ? -1 : s->coarse_of[s->type[i]];
        s->depth[i] = i % 50 == 3 ? NAN : exp(8 + 0.5 * random_normal(&r));
        s->weight[i] = random_uniform(&r);
        if (s->type[i] >= 0) { s->sizes[s->type[i]]++; }
    }
}

/* Clusters on a spiral, of a shape of its own in every panel; every 40th cell is not there. */
static void make_points(sample *s, int panel) {
    random_stream r = random_open(2, (uint64_t)panel);
    for (int64_t i = 0; i < s->cells; i++) {
        const double turn = (panel + 1) * 2.399963 * (s->type[i] + 1), away = 1.5 * sqrt(s->type[i] + 1.0);
        s->points[2 * i] = i % 40 == 9 ? NAN : (float)(away * cos(turn) + 0.45 * random_normal(&r));
        s->points[2 * i + 1] = (float)(away * sin(turn) + 0.45 * random_normal(&r));
    }
}

static void add_embeddings(text *page, sample *s) {
    static const char *const titles[] = { "RNA: all features", "C of RNA: shared", "Z of RNA: specific",
                                          "Z of RNA: types of high RNA weight",
                                          "ADT: all features", "C of ADT: shared", "Z of ADT: specific", "WNN" };
    const plots_column columns[] = { { "cell type", s->type, s->type_names, s->types, NULL },
                                     { "coarse type", s->coarse, coarse_names, COARSE, NULL },
                                     { "depth", NULL, NULL, 0, s->depth },
                                     { "RNA weight", NULL, NULL, 0, s->weight } };
    uint8_t top[MOST_TYPES];
    plots p;
    page_heading(page, "Embeddings");
    plots_begin(&p, page, &(plots_desc){ .rows = s->cells, .name = cell_name, .columns = columns, .column_count = 4 });
    cells_top_types(s->mean_weight, s->types, 0.4, top);
    cells_of_types(s->type, s->cells, top, s->types, s->shown);
    for (int panel = 0; panel < s->panels; panel++) {
        make_points(s, panel);
        plots_add(&p, &(plots_panel){ .title = titles[panel % 8],
                                      .points = s->points,
                                      .shown = panel % 8 == 3 ? s->shown : NULL,
                                      .note = panel % 8 == 3 ? "Types whose mean RNA weight is in the top 40 %." : NULL });
    }
    plots_end(&p);
}

static void add_comparison(text *page) {
    static const char *const methods[METHODS] = { "IndiSeek", "FactorizedCL", "InfoDisen" };
    static const double lambdas[LAMBDAS] = { .001, .01, .1, 1, 10, 100, 1000 };
    double mean[METHODS * LAMBDAS], error[METHODS * LAMBDAS];
    int runs[METHODS * LAMBDAS];
    for (int i = 0; i < METHODS * LAMBDAS; i++) {
        mean[i] = i == 17 ? NAN : 0.9 - 0.2 * (i / LAMBDAS) - 0.12 * fabs(i % LAMBDAS - 4.0) - (i == 14 ? 0.4 : 0);
        error[i] = 0.02 + 0.01 * (i % 3);
        runs[i] = 10;
    }
    cells_page_comparison(page, &(page_comparison){ .heading = "Methods and λ",
                                                    .value_name = "Spearman's ρ",
                                                    .methods = methods,
                                                    .lambdas = lambdas,
                                                    .mean = mean,
                                                    .error = error,
                                                    .runs = runs,
                                                    .references = (const bar_reference[]){ { "raw PCs", 0.72 }, { "untrained", 0.69 } },
                                                    .method_count = METHODS,
                                                    .lambda_count = LAMBDAS,
                                                    .reference_count = 2 });
}

static void add_tables(text *page) {
    static const char *const embeddings[] = { "C, Z of RNA", "C, Z of ADT", "all" }, *const labels[] = { "celltype.l1", "celltype.l2" };
    static const double ari[] = { .41, .52, .33, .38, .61, NAN }, nmi[] = { .55, .63, .48, .51, .7, .72 };
    const page_imputation imputed[] = { { "RNA", "ADT", 25, .41, .58, .61, "CD3 (0.91), CD8a (0.88)", "CD34 (0.04)" },
                                        { "ADT", "RNA", 2000, -.02, .11, NAN, NULL, NULL } };
    const page_annotation annotations[] = { { "C, Z of RNA", "celltype.l2", .81, .69, .7, 15672 },
                                            { "PCs of RNA", "celltype.l2", .79, .66, .65, 15672 } };
    cells_page_clusters(page, &(page_clusters){ embeddings, labels, ari, nmi, 3, 2, NULL });
    cells_page_imputation(page, imputed, 2);
    cells_page_annotation(page, annotations, 2);
    cells_page_cite(page);
}

static void add_page(text *page, sample *s) {
    const page_modality modalities[] = {
        { "rna", "rna", "Gene Expression", s->cells, 17009, 50,
          "log of counts per 10 000, 2000 most variable genes, 50 principal components" },
        { "prot", "protein", "Antibody Capture", s->cells - 75, 25, 25, "CLR of each cell, centred and scaled" } };
    const char *const facts[] = { "training cells", "15000", "test cells", "15672", NULL };
    page_begin(page, "IndiSeek on made-up cells", "What two modalities share and what is specific to each.");
    cells_page_data(page, &(page_data){ "sample.h5mu", s->cells, s->cells - 75, modalities, 2, facts });
    add_embeddings(page, s);
    cells_page_theta(page, &(page_theta){ .first = "RNA", .second = "ADT", .label = "cell type", .types = s->type_names,
                                          .coarse = s->coarse_of, .coarse_names = coarse_names, .mean = s->theta, .error = s->error,
                                          .sizes = s->sizes, .weight = s->mean_weight, .rho = 0.91, .rho_low = 0.85, .rho_high = 0.94,
                                          .interval = "95 % interval", .neighbours = 10, .count = s->types, .coarse_count = COARSE });
    add_comparison(page);
    add_tables(page);
    page_end(page);
}

static void add_bare(text *page, const sample *s) {
    plots p;
    page_begin(page, "Bare", "");
    plots_begin(&p, page, &(plots_desc){ .rows = s->cells });
    for (int64_t i = 0; i < 2 * s->cells; i++) { s->points[i] = i < 2 ? 3 : NAN; }
    plots_add(&p, &(plots_panel){ .title = "one", .points = s->points });
    s->points[0] = NAN;
    plots_add(&p, &(plots_panel){ .title = "none", .points = s->points });
    plots_end(&p);
    page_end(page);
}

int main(int count, char **arguments) {
    static sample s;
    text page = { 0 };
    FILE *file;
    int failed = 1;
    if (count != 5) { return 2; }
    s.cells = atol(arguments[2]);
    s.panels = atoi(arguments[3]);
    s.types = atoi(arguments[4]);
    if (s.cells < 2 || s.types < 0 || s.types > MOST_TYPES) { return 2; }
    s.type = malloc(sizeof *s.type * (size_t)s.cells);
    s.coarse = malloc(sizeof *s.coarse * (size_t)s.cells);
    s.depth = malloc(sizeof *s.depth * (size_t)s.cells);
    s.weight = malloc(sizeof *s.weight * (size_t)s.cells);
    s.points = malloc(sizeof *s.points * 2 * (size_t)s.cells);
    s.shown = malloc((size_t)s.cells);
    if (s.type && s.coarse && s.depth && s.weight && s.points && s.shown) {
        if (s.types > 0) {
            make_types(&s);
            make_cells(&s);
            add_page(&page, &s);
        } else {
            add_bare(&page, &s);
        }
        file = fopen(arguments[1], "wb");
        failed = page.failed || !file || fwrite(page.data, 1, page.length, file) != page.length;
        if (file && fclose(file) != 0) { failed = 1; }
    }
    free(s.type);
    free(s.coarse);
    free(s.depth);
    free(s.weight);
    free(s.points);
    free(s.shown);
    text_free(&page);
    return failed;
}
