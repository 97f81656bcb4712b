/* Weighted nearest neighbours (Hao et al. 2021, as Seurat computes them): how much each modality says about a cell. */
#ifndef WNN_H
#define WNN_H

#include "../../indiseek.h"

typedef struct wnn_desc {
    isk_matrix views[ISK_MAX_VIEWS];        /* [n, d_i] principal components; rows are scaled to norm 1 inside.  Two are needed */
    int view_count;
    int k;                          /* neighbours, the cell itself among them; 0: 20 */
    int range;                      /* candidates of each modality for the joint neighbours, itself among them; 0: 200 */
    double *weights[ISK_MAX_VIEWS]; /* out: [n] weight of each modality, which sum to 1; or NULL */
    int32_t *indices;               /* out: [n, k] joint neighbours, nearest first, padded with -1; or NULL: not wanted */
    double *distances;              /* out: [n, k] sqrt((1 - similarity) / 2); or NULL */
} wnn_desc;
/* Exact neighbours (Seurat's are approximate).  ARGUMENT when n < k or there are fewer than two views. */
isk_status wnn_weights(isk_context *context, const wnn_desc *desc);

#endif
