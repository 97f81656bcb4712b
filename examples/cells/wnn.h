/* Weighted nearest neighbours (Hao et al. 2021, as Seurat computes them): how much each modality says about a cell. */
#ifndef WNN_H
#define WNN_H

#include "../../indiseek.h"

typedef struct wnn_desc {
    isk_matrix views[ISK_MAX_VIEWS];        /* [n, d_i] principal components; rows are scaled to norm 1 inside.  Two are needed */
    int view_count;
    int k;                          /* neighbours, the cell itself among them; 0: 20 */
    int range;                      /* candidates of each modality for the joint neighbours, itself among them; 0: 200; at most n */
    double *weights[ISK_MAX_VIEWS]; /* out: [n] weight of each modality, which sum to 1; or NULL */
    int32_t *indices;               /* out: [n, k] joint neighbours, nearest first, the cell itself not among them, padded with -1;
                                       or NULL: not wanted */
    double *distances;              /* out: [n, k] sqrt((1 - similarity) / 2), NaN beside -1; or NULL */
} wnn_desc;
/* Exact neighbours (Seurat's are approximate).  Of more than two modalities, as in Seurat 5, the weight of one is the sum over the
   others s of exp(score against s), divided by that sum over all modalities.  A bandwidth of zero, of cells that coincide, makes
   kernels 1 at distance 0 and 0 elsewhere.  ARGUMENT when n < k, k < 2 or there are fewer than two views; SHAPE when rows differ;
   DATA when a value is not finite. */
isk_status wnn_weights(isk_context *context, const wnn_desc *desc);

#endif
