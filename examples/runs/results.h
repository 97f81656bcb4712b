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
#define FEATURE_NAMES "c#.npy z#.npy fused.npy"               /* as output_open takes them */
/* What other commands read of a folder of results. */
#define READ_NAMES "model.safetensors config.json split.tsv cells.tsv " FEATURE_NAMES
/* "C1", ..., "Z1", ..., "fused" */
const char *feature_name(int of, char buffer[16]);

/* reconstruct: 1 when the reconstructions are wanted too. */
isk_status features_make(features *f, isk_context *context, const isk_model *model, const views *v, int reconstruct);
/* The same of the rows that the model was just trained on: DIVERGED when features of them are not finite, though every loss was. */
isk_status features_of_trained(features *f, isk_context *context, const isk_model *model, const views *v, int reconstruct);
void features_free(features *f);

/* What is to be judged, for evaluate. */
void features_judged(const features *f, const dataset *d, evaluation_input *judged);
/* Scores of features; f->reconstruction and inputs may be absent. */
isk_status features_score(const features *f, isk_context *context, const dataset *d, evaluation *scores);

#endif
