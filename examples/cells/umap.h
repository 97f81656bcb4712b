/* UMAP (McInnes, Healy and Melville 2018) for pictures: the same points for the same seed, whatever the threads. */
#ifndef UMAP_H
#define UMAP_H

#include "../../indiseek.h"

typedef struct umap_desc {
    isk_matrix x;                   /* [n, d]; ignored where neighbours are given */
    const int32_t *indices;         /* [rows, k] neighbours, nearest first, self excluded, -1: none; or NULL: found by isk_knn */
    const double *distances;        /* [rows, k] (not squared), with indices; beside -1 whatever */
    int64_t rows;                   /* with indices */
    int k;                          /* without indices: neighbours, the point itself among them, as umap-learn counts; 0: 15; of fewer
                                       points all.  With indices: their columns, that is without the point */
    double min_distance, spread;    /* 0: 0.1, 1 */
    int epochs;                     /* 0: 500 up to 10000 rows, else 200 */
    int negatives;                  /* 0: 5 */
    uint64_t seed;
    int (*progress)(void *user, double done);       /* returns 1 to stop: INTERRUPTED; or NULL */
    void *user;
    float *points;                  /* out: [n, 2] */
} umap_desc;
/* Steps and defaults are umap-learn's 0.5, with exact neighbours and Euclidean distances.  It starts from two eigenvectors of the
   normalized
   Laplacian.  Where the graph falls apart each part gets its own, about a place of its own on a circle (umap-learn: on the axes, of more
   than four by eigenvectors of an affinity of their means, which vanishes where they are far); parts in like directions are neighbours
   there.
   Rows with NaN or infinity, or of given neighbours without any, are left out of the layout and get NaN.  Fewer than 4 rows lie on a line.
   One thread works on it (isk_knn takes the context's); several layouts at once need a context each.  ARGUMENT and DATA name the field. */
isk_status umap_layout(isk_context *context, const umap_desc *desc);

/* Trustworthiness of a layout (Venna and Kaski 2001), 1 is best: are neighbours in the picture neighbours in the data?  As scikit-learn's,
   exact; k: 0: 15, and less than half of the rows, else ARGUMENT.  Rows that are not finite in either are left out. */
isk_status umap_trustworthiness(isk_context *context, isk_matrix x, const float *points, int k, double *value);

#endif
