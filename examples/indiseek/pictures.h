/* UMAPs of the embeddings of a run. */
#ifndef PICTURES_H
#define PICTURES_H

#include "../runs/results.h"

typedef struct picture {
    char title[80], key[16];        /* "specific to rna (Z1)"; "specific", as in obsm X_umap_specific */
    int of;                         /* modality, or -1: the whole */
    isk_matrix x;                   /* belongs to somebody else, or to `own` */
    isk_scalar *own;
    float *points;                  /* [rows, 2], NaN where a row is not there */
} picture;

enum { MOST_PICTURES = 3 * ISK_MAX_VIEWS + 2 };
typedef struct pictures { picture list[MOST_PICTURES]; int count; } pictures;

/* The inputs, C and Z of each modality, and all features together; modalities [d->v.count] are their names. */
isk_status pictures_plan(pictures *p, isk_context *context, const dataset *d, const features *f, const char *const *modalities);
/* Lays out all of them, several at once; the points do not depend on the threads.  INTERRUPTED after a signal. */
isk_status pictures_make(pictures *p, isk_context *context, int threads, uint64_t seed, progress *bar);
void pictures_free(pictures *p);

#endif
