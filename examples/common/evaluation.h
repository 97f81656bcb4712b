/* How good are shared and specific features?  The numbers of metrics.json. */
#ifndef EVALUATION_H
#define EVALUATION_H

#include "../../indiseek.h"
#include "text.h"

/* What is to be judged.  A matrix with data NULL is absent; all others have the same rows. */
typedef struct evaluation_input {
    isk_matrix x[2];                /* the inputs, preprocessed */
    isk_matrix c[2], z[2];          /* shared and specific features */
    isk_matrix reconstruction[2];   /* the model's own g_i(Z_i, C_i) */
    const int32_t *labels;          /* negative: left out; NULL: nothing is said about labels */
    const uint8_t *part;            /* isk_part of each row */
} evaluation_input;

typedef struct label_score { double accuracy, balanced_accuracy, neighbours; } label_score;
enum { SCORE_SHARED, SCORE_ALL, SCORE_SPECIFIC_1, SCORE_SPECIFIC_2, SCORE_RAW, SCORE_COUNT };
extern const char *const score_names[SCORE_COUNT];          /* "shared", ... */
extern const char *const score_words[SCORE_COUNT];          /* "C1, C2", ... */

/* R^2 by a linear map, by the 10 nearest rows and by a small network. */
typedef struct r2_scores { double ridge, knn, mlp; } r2_scores;
double r2_best(const r2_scores *r2);

/* Fitted on the training rows and scored on the test rows, or on the validation rows where there are no test rows.
   NaN: could not be measured. */
typedef struct evaluation {
    int64_t rows[3];                /* train, validation, test */
    isk_part scored;                /* ISK_TRAIN: no row is held out, nothing was measured */
    int neighbours;                 /* k */
    double majority;                /* accuracy of always guessing the most frequent label */
    label_score label[SCORE_COUNT]; /* a logistic regression; share of the k nearest rows that have the row's label */
    r2_scores leakage[2];           /* R^2 of Z_i about C of the other view */
    struct { r2_scores r2; double best, decoder; } completeness[2];   /* R^2 of (Z_i, C_i) about X_i */
} evaluation;

isk_status evaluate(isk_context *context, const evaluation_input *input, evaluation *e);
/* Matrices side by side, to be freed; absent ones are passed over, at most 2 ISK_MAX_VIEWS are there.  data NULL when
   none is there (cols 0 then) or memory ran out.  Each of several gets the same total variance: else neighbours would
   be those of Z alone, whose scale is free while C has norm 1. */
isk_matrix join_blocks(isk_context *context, const isk_matrix *parts, int count);
/* Members of a JSON object; training may be NULL. */
void evaluation_json(const evaluation *e, const isk_report *training, int views, text *out);
/* A table for the terminal. */
void evaluation_text(const evaluation *e, int has_labels, text *out);

#endif
