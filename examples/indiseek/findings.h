/* What is found about cells beside leakage and completeness: how much each modality says (WNN), whether the specific features agree
   (theta), which genes and proteins they follow, and which technical factors, clusters, pictures. */
#ifndef FINDINGS_H
#define FINDINGS_H

#include "../cells/cluster.h"
#include "../runs/explained.h"
#include "pictures.h"
#include "../runs/source.h"
#include "../runs/technical.h"
#include "../cells/theta.h"

typedef struct finding_settings {
    int without_pictures, least, neighbours, draws;
} finding_settings;

#define FINDING_DEFAULTS { .least = 20, .neighbours = 10, .draws = 200 }
#define FINDING_OFFSET(at, field) ((at) + offsetof(finding_settings, field))
#define FINDING_OPTIONS(at)                                                                                            \
    FINDING_THETA_OPTIONS(at),                                                                                         \
    { "no-umap", OPTION_FLAG, FINDING_OFFSET(at, without_pictures), NULL, "no UMAPs", 0, 0, NULL }
#define FINDING_THETA_OPTIONS(at)                                                                                      \
    { "least-cells", OPTION_INT, FINDING_OFFSET(at, least), "N",                                                       \
      "types with fewer held-out cells are not compared by theta [20]", 1, 1e9, NULL },                                \
    { "theta-neighbours", OPTION_INT, FINDING_OFFSET(at, neighbours), "K",                                             \
      "neighbours whose types theta counts [10]", 1, 1000, NULL },                                                     \
    { "bootstrap", OPTION_INT, FINDING_OFFSET(at, draws), "N",                                                         \
      "draws for the interval of theta's rank correlation; 0: none [200]", 0, 100000, NULL }

enum { MOST_CLUSTERED = CLUSTER_STANDARD + 2 };      /* and the one representation of comm, and the inputs */
typedef struct findings {
    int views, least, neighbours;           /* as they were asked for */
    int64_t rows;
    const char *modality[ISK_MAX_VIEWS];
    double *weight[ISK_MAX_VIEWS];          /* [rows] of each modality; NaN where one was not measured */
    int has_theta;                  /* there are labels, and Z of the first two modalities */
    theta_result theta, raw;        /* of Z1, Z2; of the inputs as prepared */
    double *theta_values, *beta[2]; /* [rows] */
    explained explained;
    technical technical;
    cluster_embedding *embeddings;
    cluster_label labels[2];
    cluster_row *clusters;
    int cluster_count;
    int32_t *leiden;                /* [rows] clusters of all features by Leiden, -1: none; NULL: there are none, as without igraph */
    int leiden_count;
    pictures pictures;
} findings;

/* Of the held-out cells where there are some, else of all. */
isk_status findings_make(findings *n, const source *a, const features *f, const finding_settings *s, int threads, progress *bar);
/* Weights alone, from the inputs: they depend on no model. */
isk_status findings_weights(findings *n, const source *a);
/* theta alone, of features or (f NULL) of the inputs as prepared; with an interval where draws > 0. */
isk_status findings_theta(const findings *n, const source *a, const features *f, const finding_settings *s, double *beta[2], double *values,
                          theta_result *result);
void findings_free(findings *n);

/* Columns for obs: indiseek_part, indiseek_wnn_rna, indiseek_theta, indiseek_beta_rna, ..., indiseek_leiden; to be freed by
   cell_table_free. */
isk_status findings_columns(const findings *n, const source *a, cell_table *t);
void findings_json(const findings *n, const source *a, text *out);
/* How much theta rests on, in words. */
void findings_theta_words(const findings *n, text *out);
void findings_text(const findings *n, const source *a, text *out);
/* theta.tsv: a line a type; umap.tsv: a line a cell. */
void findings_theta_tsv(const findings *n, const source *a, text *out);
void findings_umap_tsv(const findings *n, const source *a, text *out);

#endif
