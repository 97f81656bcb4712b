/* UMAP (McInnes, Healy and Melville 2018) for pictures: the same points for the same seed, whatever the threads. */
#ifndef UMAP_H
#define UMAP_H

#include "../../indiseek.h"

typedef struct umap_desc {
    isk_matrix x;                   /* [n, d]; ignored where neighbours are given */
    const int32_t *indices;         /* [n, k] neighbours, self excluded, -1: none; or NULL: found by isk_knn */
    const double *distances;        /* [n, k] (not squared), with indices */
    int64_t rows;                   /* with indices */
    int k;                          /* neighbours, the point itself among them; 0: 15 (of given ones: as many as given) */
    double min_distance, spread;    /* 0: 0.1, 1 */
    int epochs;                     /* 0: 500 up to 10000 rows, else 200 */
    int negatives;                  /* 0: 5 */
    uint64_t seed;
    int (*progress)(void *user, double done);       /* returns 1 to stop: INTERRUPTED; or NULL */
    void *user;
    float *points;                  /* out: [n, 2] */
} umap_desc;
/* Rows with NaN are left out of the layout and get NaN.  Fewer than 4 rows lie on a line. */
isk_status umap_layout(isk_context *context, const umap_desc *desc);

/* Trustworthiness of a layout (Venna and Kaski 2001), 1 is best: are neighbours in the picture neighbours in the data? */
isk_status umap_trustworthiness(isk_context *context, isk_matrix x, const float *points, int k, double *value);

#endif
