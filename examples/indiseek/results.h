/* From a model and data to the files of a folder. */
#ifndef RESULTS_H
#define RESULTS_H

#include "data.h"

#include "../common/evaluation.h"
#include "../common/output.h"

/* C1, C2, Z1, Z2 of all rows; data NULL where the method has none or the view is absent. */
typedef struct features { isk_matrix m[4]; isk_matrix reconstruction[2]; } features;
extern const char *const feature_files[4];                  /* "c1.npy", ... */

/* reconstruct: 1 when the reconstructions are wanted too. */
isk_status features_make(features *f, isk_context *context, const isk_model *model, const isk_matrix x[2],
                         int reconstruct);
void features_free(features *f);
/* Removes from the folder the files of features that f does not have, left by another run. */
void features_tidy(const features *f, const output *out);

/* Scores of features; f->reconstruction and d->x may be absent. */
isk_status features_score(const features *f, isk_context *context, const dataset *d, evaluation *scores);

#endif
