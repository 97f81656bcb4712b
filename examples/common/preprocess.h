/* From a file's numbers to what the networks see.  What is learned (moments, loadings) comes from training rows alone
   and is kept in the model, so that new samples are treated alike. */
#ifndef PREPROCESS_H
#define PREPROCESS_H

#include "input.h"

#define NORM_CHOICES "none|zscore|log1p-cp10k|clr"

/* Steps, in this order:
     log1p-cp10k  ln(1 + 10000 x / sum of the row)      clr  ln(1 + x / exp(mean over the row of ln(1 + x)))
     z-score      per column, of every norm but none; log1p-cp10k is then cut at 10 from above, as Seurat does
     PCA          scores of the first components, divided by one number so that their mean variance is 1
   Of sequences, which take none and zscore, a column is a feature and its rows are the steps that are there. */
typedef struct recipe {
    char norm[16];
    int pca;                        /* components; 0: no PCA */
    int transpose;                  /* the file holds features x samples */
    int64_t cols;                   /* features of the file, of a sequence those of a step */
    int steps;                      /* of a sequence; 0: it is none */
    isk_scalar *mean, *inverse;     /* [cols]: (x - mean) * inverse; inverse 0: constant; NULL: no z-score */
    isk_scalar *centre, *loadings;  /* [cols], [cols, pca] */
    isk_scalar scale;               /* of the scores */
    char *names;                    /* of the features, tabs between; NULL: unknown */
    int64_t constant;               /* columns */
} recipe;

/* Learns from the training rows of `in` and applies to all rows; rows that are not there are best given as test rows.  x:
   in->values, or *own, which is to be freed. */
isk_status recipe_learn(recipe *r, input *in, const char *view, const uint8_t *part, isk_matrix *x, isk_scalar **own);
/* Applies what was learned; the features must be the same. */
isk_status recipe_apply(const recipe *r, input *in, const char *view, isk_matrix *x, isk_scalar **own);
void recipe_free(recipe *r);
/* What samples are to probes that know no sequences: x itself, or [rows, features] the means over the steps that are there, in
   *own, which is to be freed.  Rows that are not there (present 0) are NaN. */
isk_status recipe_summary(const recipe *r, const input *in, isk_matrix x, const uint8_t *present, isk_matrix *summary,
                          isk_scalar **own);
/* "log1p-cp10k, z-score, 200 principal components" */
const char *recipe_words(const recipe *r, char buffer[96]);

/* In the model: texts user.x1.recipe and user.x1.names, matrices user.x1.mean, ... */
isk_status recipe_put(const recipe *r, isk_model *model, int view);
/* No recipe in the model is a DATA error. */
isk_status recipe_get(recipe *r, isk_context *context, const isk_model *model, int view);

#endif
