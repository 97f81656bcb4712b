/* From a file's numbers to what the networks see.  What is learned (which features, moments, loadings) comes from training rows alone
   and is kept in the model, so that new samples are treated alike. */
#ifndef PREPROCESS_H
#define PREPROCESS_H

#include "../formats/input.h"

#define NORM_CHOICES "none|zscore|log1p-cp10k|clr|clr-feature|tfidf"

/* Steps, in this order:
     hvg          the features that vary most among counts ("vst" of variable.h); of tfidf those that are counted most
     log1p-cp10k  ln(1 + 10000 x / sum of the row), the sum over all features, also those that are not kept
     clr          ln(1 + x / exp(mean over the row of ln(1 + x))), Seurat's CLR of margin 2
     clr-feature  ln(1 + x / exp(mean over the column of ln(1 + x))), Seurat's CLR of margin 1
     tfidf        ln(1 + 10000 x / sum of the row * training rows / sum of the column), Signac's method 1
     z-score      per column, of every norm but none and tfidf; but for the norm zscore then cut at 10 from above, as Seurat does
     PCA          scores of the first components, divided by one number so that their mean variance is 1; of log1p-cp10k the columns
                  are not centred again after the cut
     LSI          of tfidf instead: singular vectors, scores of mean 0 and deviation 1 each; the first, which follows the depth of
                  a cell, is dropped
   Of sequences, which take none and zscore, a column is a feature and its rows are the steps that are there. */
typedef struct recipe {
    char norm[16];
    int hvg;                        /* features to keep; 0, or as many as there are: all */
    int pca;                        /* components; 0: no PCA */
    int at_most;                    /* 1: pca gives way to what there is, one less than the features (Seurat's RunPCA); 0: an error */
    int unscaled;                   /* 1: no z-score after a norm that has one */
    int keep_first;                 /* 1: LSI keeps its first component */
    int transpose;                  /* the file holds features x samples */
    int64_t cols;                   /* features that are kept, of a sequence those of a step */
    int64_t file_cols;              /* features of the file */
    int steps;                      /* of a sequence; 0: it is none */
    int64_t *columns;               /* [cols] those that are kept, ascending; NULL: all */
    isk_scalar *factor;             /* [cols] of clr-feature and tfidf: what counts, or their share of the row, are multiplied by */
    isk_scalar *mean, *inverse;     /* [cols]: (x - mean) * inverse; inverse 0: constant; NULL: no z-score */
    isk_scalar *centre, *loadings;  /* [cols], [cols, pca] */
    isk_scalar scale;               /* of the scores */
    char *names;                    /* of the features that are kept, tabs between; NULL: unknown */
    int64_t constant;               /* columns */
    char warning[512];              /* of recipe_learn: one feature alone; of recipe_apply: features that new data lack; "": nothing */
} recipe;

/* Learns from the training rows of `in` and applies to all rows; rows that are not there are best given as test rows.  x:
   in->values, or *own, which is to be freed. */
isk_status recipe_learn(recipe *r, input *in, const char *view, const uint8_t *part, isk_matrix *x, isk_scalar **own);
/* Applies what was learned.  Where both sides have names, features are matched by them: their order is free, others are left out, and
   one that is lacking counts as its training mean, which r->warning says; DATA when more than half are.  Else features must be as
   many, in the same order. */
isk_status recipe_apply(recipe *r, input *in, const char *view, isk_matrix *x, isk_scalar **own);
/* After either: what was prepared before PCA or LSI, [rows, features that are kept].  It belongs to `in`, as do the features' names,
   in->column_names (count 0: unknown). */
isk_matrix recipe_features(const input *in);
void recipe_free(recipe *r);
/* What samples are to probes that know no sequences: x itself, or [rows, features] the means over the steps that are there, in
   *own, which is to be freed.  Rows that are not there (present 0) are NaN. */
isk_status recipe_summary(const recipe *r, const input *in, isk_matrix x, const uint8_t *present, isk_matrix *summary,
                          isk_scalar **own);

/* ---- as text: recipe.c ---- */

/* What is done where nothing is said, by the kind of what was measured.
     rna      log1p-cp10k, hvg 2000, z-score, pca 50 (Seurat's; Gui, Ma and Ma 2025 take 200)
     protein  clr, z-score, pca 50 or one less than there are proteins (Seurat's; 24 of the 25 of Gui, Ma and Ma 2025)
     atac     tfidf of the 20000 peaks that are counted most, 50 components of LSI without the first
     other    zscore */
void recipe_defaults(recipe *r, const char *kind);
/* The defaults of the kind changed by words (NULL: not at all), "hvg=2000,pca=200": norm=WORD, hvg=N, pca=N (0 or all: every feature;
   0 or none: no PCA),
   scale=yes|no (the z-score), lsi-first=drop|keep, clr=cell|protein (norm clr, clr-feature), or raw: as it is.  A norm that is not
   of counts keeps all features, unless hvg is given. */
isk_status recipe_parse(isk_context *context, const char *words, const char *kind, recipe *r);
/* "2000 variable features, log1p-cp10k, z-score, 200 principal components" */
enum { RECIPE_WORDS = 160 };
const char *recipe_words(const recipe *r, char buffer[RECIPE_WORDS]);

/* In the model: texts user.x1.recipe and user.x1.names, matrices user.x1.mean, ... */
isk_status recipe_put(const recipe *r, isk_model *model, int view);
/* No recipe in the model is a DATA error. */
isk_status recipe_get(recipe *r, isk_context *context, const isk_model *model, int view);

#endif
