/* What each gene or protein follows: how much of it can be told from what its modality shares (C), what is specific to it (Z) and both. */
#ifndef EXPLAINED_H
#define EXPLAINED_H

#include "results.h"

/* From C, from Z, from both side by side, from C of the other modalities; of comm instead from its one representation. */
typedef enum explained_way {
    EXPLAINED_SHARED, EXPLAINED_SPECIFIC, EXPLAINED_BOTH, EXPLAINED_OTHER, EXPLAINED_FUSED, EXPLAINED_WAYS
} explained_way;

typedef struct explained_modality {
    const char *name;               /* not copied, nor is the next */
    const names *features;          /* of the prepared features; count 0: unknown */
    int64_t count, scored_cells;
    double *r2[EXPLAINED_WAYS];     /* [count]; NaN: the feature is constant over the scored cells; NULL: the method has no such features */
} explained_modality;

typedef struct explained {
    explained_modality list[ISK_MAX_VIEWS];
    int count;                      /* modalities of which cells are held out and the method has features */
} explained;

/* R^2 of isk_ridge_r2, fitted on the training cells that have the modality (and for EXPLAINED_OTHER the others) and scored on its test
   cells, where there are none on its validation cells.  Prepared features are those before PCA or LSI; modalities [d->v.count] are
   their names. */
isk_status explained_make(explained *e, isk_context *context, const dataset *d, const features *f, const char *const *modalities);
void explained_free(explained *e);
/* What Z adds to C: R^2 from both less that from C; where the method has no C, R^2 from Z.  NaN: not known. */
double explained_added(const explained_modality *m, int64_t feature);
/* The feature to which it adds most, -1: to none. */
int64_t explained_most_added(const explained_modality *m);
/* modality, feature, r2_shared, r2_specific, r2_both, r2_other (r2_fused where there is one): a line a feature, nothing where there is
   no number. */
void explained_tsv(const explained *e, text *out);
/* The name of a feature, or its number from 1 into the buffer. */
const char *explained_feature(const explained_modality *m, int64_t feature, char buffer[32]);

#endif
