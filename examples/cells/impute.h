/* The other modality predicted: what a cell's proteins would be, told from its RNA. */
#ifndef IMPUTE_H
#define IMPUTE_H

#include "../base/blocks.h"
#include "../base/lines.h"
#include "../base/text.h"

/* A decoder (isk_mlp_r2's network) from C_i; from (C_i, Z_i); the mean of the nearest training cells in the principal components of
   modality i, which needs no model: what the first two are to beat. */
typedef enum impute_way { IMPUTE_C, IMPUTE_CZ, IMPUTE_BASELINE, IMPUTE_WAYS } impute_way;

/* What modality i says of some cells; data NULL: absent, and the ways that need it are not taken.  A row that begins with NaN is
   missing. */
typedef struct impute_input { isk_matrix c, z, components; } impute_input;

typedef struct impute_desc {
    impute_input from;              /* [n, .] */
    isk_matrix target;              /* [n, q] prepared features of the other modality; a row that begins with NaN was not measured: it
                                       is predicted, neither trained on nor scored */
    const uint8_t *part;            /* [n] isk_part; the validation rows choose the decoder's weights where there are test rows too */
    impute_input query;             /* [m, .] further cells, with the same blocks as `from`; or all absent */
    int k;                          /* of the baseline; 0: 10, and no more than the training cells */
    int width, epochs;              /* of the decoder, as isk_regression_desc */
    uint64_t seed;
} impute_desc;

typedef struct imputation_result {
    isk_scalar *predictions;        /* [rows, features] of every cell, NaN: missing; NULL: this way was not taken.  Those of training
                                       cells were seen in training, by the baseline as their own neighbours */
    isk_scalar *query;              /* [query_rows, features] */
    double *r2, *correlation;       /* [features] on the scored cells; correlation NaN where one side is constant */
    double pooled_r2, median_correlation;
} imputation_result;

typedef struct imputation {
    int64_t rows, query_rows, features;
    int64_t trained_on, stopped_on, scored_on;      /* cells with both modalities, of each part */
    isk_part scored;                /* ISK_TEST, or ISK_VALIDATION where no cell is for tests; ISK_TRAIN: no cell is held out, and
                                       the scores are NaN */
    int k;
    imputation_result way[IMPUTE_WAYS];
} imputation;

/* DATA when no training cell has both modalities.  On failure nothing is left to be freed. */
isk_status impute_modality(isk_context *context, const impute_desc *desc, imputation *m);
void imputation_free(imputation *m);
const char *impute_way_name(impute_way way);                /* "c", "cz", "baseline" */

/* imputation.tsv: feature, r2_c, r2_cz, r2_baseline, correlation_c, correlation_cz, correlation_baseline, of the ways taken. */
void imputation_tsv(const imputation *m, const names *features, text *out);
/* Members of a JSON object; a table for the terminal, which of more than 40 features holds the 10 told best and the 10 told worst. */
void imputation_json(const imputation *m, text *out);
void imputation_text(const imputation *m, const names *features, text *out);

#endif
