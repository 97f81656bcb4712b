/* From a model and data to the files of a folder. */
#ifndef RESULTS_H
#define RESULTS_H

#include "data.h"

#include "evaluation.h"
#include "../base/output.h"

/* C1, ..., Z1, ... and the one representation of comm, of all rows, numbered as in a report; data NULL where the method has none
   or the view is absent. */
typedef struct features { isk_matrix m[FEATURE_COUNT], reconstruction[ISK_MAX_VIEWS]; } features;
extern const char *const feature_files[FEATURE_COUNT];      /* "c1.npy", ... */
/* "C1", ..., "Z1", ..., "fused" */
const char *feature_name(int of, char buffer[16]);

/* reconstruct: 1 when the reconstructions are wanted too. */
isk_status features_make(features *f, isk_context *context, const isk_model *model, const views *v, int reconstruct);
void features_free(features *f);
/* Removes from the folder the files of features that f does not have, left by another run. */
void features_tidy(const features *f, const output *out);

/* What is to be judged, for evaluate. */
void features_judged(const features *f, const dataset *d, evaluation_input *judged);
/* Scores of features; f->reconstruction and inputs may be absent. */
isk_status features_score(const features *f, isk_context *context, const dataset *d, evaluation *scores);

#endif
