/* What is known of cells beside their counts, batch, type, donor, age, as matrices that a method takes: classes one-hot, numbers as
   z-scores, side by side in the order in which they are listed.  Levels and moments are those of the training cells; they are kept in the
   model, so that new cells get the same columns whatever order their own levels have. */
#ifndef COVARIATES_H
#define COVARIATES_H

#include "../formats/cells.h"

typedef struct covariate {
    char *name;                     /* of the column */
    int numeric;                    /* 1: one column (value - mean) / deviation; 0: a column for each level */
    names levels;                   /* those that training cells have */
    double mean, deviation;
    int64_t unseen, missing;        /* of the cells encoded last: of a level that training did not have, and without a value */
    int absent;                     /* 1: they had no such column */
} covariate;

/* Zeros are an empty list. */
typedef struct covariates { covariate *list; int64_t count, capacity; } covariates;

/* Numbers are classes where they are whole and few, FEW_LEVELS at the most, and else numbers; these lists of columns say otherwise. */
enum { FEW_LEVELS = 12 };
typedef struct covariates_desc {
    const char *option, *columns;   /* "--invariant", "stage,age"; NULL: none */
    const char *as_classes, *as_numbers;        /* --classes, --numbers */
    const uint8_t *part;            /* [rows] isk_part; NULL: all train */
} covariates_desc;
/* DATA, with option and column, where a column is constant or, of classes, is another in each cell, and where words are to be numbers;
   ARGUMENT where there is no such column, or it is listed twice.  After a failure covariates_free is due, as after success. */
isk_status covariates_learn(covariates *v, const cells *c, const covariates_desc *desc);
void covariates_free(covariates *v);

/* Lists that are used side by side: DATA where a column stands in two of them, or a covariate of classes divides the training cells as
   that of `batch`, the only one of its list, does, for nothing can tell them apart. */
typedef struct named_covariates { const char *option; const covariates *v; } named_covariates;
isk_status covariates_compare(const cells *c, const named_covariates *lists, int count, const covariates *batch, const uint8_t *part);

int64_t covariates_cols(const covariates *v);
/* design [rows, covariates_cols], to be freed; NULL where the list is empty.  A cell without a value, or of a level that is unknown, has
   zeros, which of numbers is the mean; v counts them. */
isk_status covariates_encode(covariates *v, const cells *c, isk_scalar **design);
/* "batch: 12 cells are of levels that training did not have (...), 3 have none", one sentence a covariate, where there is anything to
   say. */
void covariates_say(const covariates *v, const cells *c, const char *what);
/* codes [rows] of the levels of a covariate of classes, -1: unknown or none. */
isk_status covariate_codes(const covariate *v, const cells *c, int32_t *codes);

/* In the model: texts and matrices user.PREFIX.1.name, ...; `prefix` of 12 bytes at most. */
isk_status covariates_put(const covariates *v, isk_model *model, const char *prefix);
isk_status covariates_get(covariates *v, isk_context *context, const isk_model *model, const char *prefix);

#endif
