/* Which features are worth keeping: those that vary more than their mean explains, or those that are counted most. */
#ifndef VARIABLE_H
#define VARIABLE_H

#include "../formats/input.h"

/* Of each column over the training rows: mean, variance (dividing by n - 1) and the variance of its values after division by the
   deviation that a column of its mean is expected to have, cut from above at sqrt(n).  Seurat's "vst": the expectation is a local
   quadratic fit of log10 variance on log10 mean.  Seurat: VST.dgCMatrix in R/preprocessing5.R.  A column that never changes has 0. */
typedef struct variability { double *mean, *variance, *standardized; } variability;
/* The arrays [cols] are the caller's. */
isk_status variability_measure(const input *in, const uint8_t *part, const variability *v);

/* The `count` columns of most standardized variance, in the order of the file; the first of equals.  count is at most in->cols. */
isk_status variable_columns(const input *in, const uint8_t *part, int64_t count, int64_t *columns);
/* The same by batches, codes [rows] below `batches`, negative: none: a column ranks within each of them, first those that are among the
   `count` first of most batches, of as many those whose median rank there is less; as scanpy's seurat_v3_paper and Seurat's
   SelectIntegrationFeatures have it (Stuart et al. 2019).  Columns that never change in a batch do not rank there; where fewer than
   `count` rank anywhere, *found is less than count.  Batches of one training row are passed over. */
isk_status variable_columns_by_batch(const input *in, const uint8_t *part, const int32_t *codes, int batches, int64_t count,
                                     int64_t *columns, int64_t *found);
/* The `count` columns of the largest sums over the training rows, as Signac's FindTopFeatures has it; likewise. */
isk_status counted_columns(const input *in, const uint8_t *part, int64_t count, int64_t *columns);

int64_t training_rows(const input *in, const uint8_t *part);
/* Adds the training rows to sums [cols]. */
void column_sums(const input *in, const uint8_t *part, double *sums);

/* Local regression (Cleveland and Devlin 1988) as R's loess does it by default, with degree 2: a parabola is fitted to the span * count
   nearest points with tricube weights, but only at a few x, each piece between them holding at most a fifth of these points; between
   them runs the cubic through both values and slopes.  fit [count] at each x. */
isk_status local_regression(isk_context *context, const double *x, const double *y, int64_t count, double span, double *fit);

#endif
