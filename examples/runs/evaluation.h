/* How good are shared and specific features?  The numbers of metrics.json. */
#ifndef EVALUATION_H
#define EVALUATION_H

#include "../base/blocks.h"
#include "metrics.h"

/* Places of C1, ..., Z1, ... and of the one representation of comm in a list of all features. */
enum { FEATURE_C, FEATURE_Z = ISK_MAX_VIEWS, FEATURE_FUSED = 2 * ISK_MAX_VIEWS, FEATURE_COUNT };

/* Networks fit the rows they are trained on, so that there a Z seems to tell less of C than it does elsewhere.  What regressions are
   fitted on instead: of the rows held out, which no network was trained on, 60 % to fit, 15 % to choose and 25 % to score; or, where
   they are few, three fifths, one and one, each fifth being scored in its turn, and one R^2 of all. */
typedef enum unseen_way { UNSEEN_NOT, UNSEEN_DIVIDED, UNSEEN_TURNS } unseen_way;
/* Fewer rows are too few to be divided; and to say anything. */
enum { LEAST_UNSEEN = 400, LEAST_TOLD = 100 };

/* What is to be judged.  A matrix with data NULL is absent; all others have the same rows.  A row whose first value is NaN is not
   there, and is left out of what is said about that matrix. */
typedef struct evaluation_input {
    int views;
    isk_matrix x[ISK_MAX_VIEWS];    /* the inputs, preprocessed; of sequences the means over their steps */
    isk_matrix c[ISK_MAX_VIEWS], z[ISK_MAX_VIEWS];      /* shared and specific features */
    isk_matrix fused;               /* the one representation of method comm */
    isk_matrix reconstruction[ISK_MAX_VIEWS];           /* the model's own g_i(Z_i, C_i) */
    isk_matrix target[ISK_MAX_VIEWS];       /* what that is of: X_i, or a sequence's steps side by side */
    int steps[ISK_MAX_VIEWS];       /* of the latter, else 0 */
    int sequence[ISK_MAX_VIEWS];    /* 1: x is the mean over the steps of a sequence */
    const int32_t *lengths[ISK_MAX_VIEWS];  /* [rows] how many of them are there, or NULL */
    const int32_t *labels;          /* negative: left out; NULL: nothing is said about labels */
    const uint8_t *part;            /* isk_part of each row */
    unsigned put_to_labels;         /* bits 1 << SCORE_ALL, ...: only these; 0: all */
    int without_slow;               /* 1: not the metrics that take longest */
    unseen_way unseen;              /* which rows regressions are fitted on: evaluate_view does as it says, evaluate decides itself */
    int with_emptiness;             /* 1: also whether C and Z hold anything, and why something is missing */
} evaluation_input;

typedef struct label_score {
    double value[MOST_METRICS];     /* of the metrics of labels */
    int64_t rows;                   /* labelled rows that were scored: those of which all that the probe is put to is there */
    double majority;                /* accuracy of always guessing the most frequent label, on the same rows */
} label_score;
/* What a probe is put to: all C, all C and Z, each Z_i, the inputs, the fused representation. */
enum { SCORE_SHARED, SCORE_ALL, SCORE_SPECIFIC, SCORE_RAW = SCORE_SPECIFIC + ISK_MAX_VIEWS, SCORE_FUSED, SCORE_COUNT };

/* Is there anything in C_i and Z_i? */
typedef struct emptiness {
    double c, z;                    /* total variance over the held-out rows; NaN: absent */
    double c_told[MOST_METRICS], z_told[MOST_METRICS];      /* of C_i and Z_i told from the inputs of the other views */
    double alone[MOST_METRICS];     /* of X_i told from C_i alone */
    int cols, dims;                 /* of X_i, and of the features that are to tell it */
    double linear;                  /* share of X_i's variance in its first `dims` principal components */
    double largest;                 /* variance of the first one; of noise of equal variance alone it would be `largest_noise` */
    double largest_noise;
} emptiness;

/* Scored on the test rows, or on the validation rows where there are no test rows.  What is said about labels is fitted on the
   training rows; leakage, completeness and emptiness on parts of the scored rows.  NaN: could not be measured. */
typedef struct evaluation {
    int views, fused;               /* fused: there is one representation, no C and no Z */
    unsigned x, c, z;               /* of which views there are inputs, C and Z: bits 1 << view */
    int64_t rows[3];                /* train, validation, test */
    isk_part scored;                /* ISK_TRAIN: no row is held out, nothing was measured */
    double majority;                /* accuracy of always guessing the most frequent label, on all labelled rows */
    int64_t labelled;               /* of the scored part */
    label_score label[SCORE_COUNT];
    double leakage[ISK_MAX_VIEWS][MOST_METRICS];            /* of Z_i about C of the other views, side by side */
    double completeness[ISK_MAX_VIEWS][MOST_METRICS];       /* of (Z_i, C_i), or fused, about X_i */
    unseen_way unseen;              /* of leakage, completeness and emptiness */
    int64_t asked[2];               /* scored rows that such a regression is of: at least (rows with all views) and at most */
    int has_emptiness;
    emptiness of[ISK_MAX_VIEWS];
    struct { int mean, decoder; } steps[ISK_MAX_VIEWS];     /* 1: completeness is about the mean over X_i's steps, the decoder's all */
} evaluation;

/* How so many held-out rows are to be asked. */
unseen_way unseen_way_of(int64_t rows);
isk_status evaluate(isk_context *context, const evaluation_input *input, evaluation *e);
/* Leakage and completeness of one view, by all metrics of matrices; seed: of those that draw. */
isk_status evaluate_view(isk_context *context, const evaluation_input *input, int view, isk_part scored, uint64_t seed,
                         double leakage[MOST_METRICS], double completeness[MOST_METRICS]);

/* UNSEEN_DIVIDED: rows of part ISK_TEST become parts ISK_TRAIN, ISK_VALIDATION and ISK_TEST of what is left of `rows`, alike every
   time; labels of all rows (or NULL): every label alike. */
isk_status rows_unseen(isk_context *context, const int32_t *labels, whole_rows *rows);
/* R^2 of y told from x, so measured; values by metric, NaN where there is no such matrix. */
typedef struct unseen_question {
    isk_matrix x, y;
    const uint8_t *part;            /* [rows] */
    const int32_t *labels;          /* [rows], or NULL */
    uint64_t seed;                  /* of the MLP */
    int without_slow;               /* 1: not the metrics that take longest; 2: the ridge alone */
    unseen_way way;                 /* 0: UNSEEN_DIVIDED */
    isk_part scored;                /* 0: ISK_TEST */
} unseen_question;
isk_status ask_unseen(isk_context *context, const unseen_question *q, double values[MOST_METRICS]);

/* Were the label scores of different rows, because some rows lack some matrices? */
int labels_of_different_rows(const evaluation *e);
/* The score after `which` (-1: the first) that an evaluation has, or SCORE_COUNT. */
int score_next(const evaluation *e, int which);
/* "shared", "specific_1", ... as in metrics.json; "C1, C2", ... for people, of what there is; "C2, C3": of the views c, bits, without
   `view`; "(Z1, C1)", "Z1" or "fused": what completeness is of. */
typedef struct score_text { char text[64]; } score_text;
const char *score_name(int which, score_text *buffer);
const char *score_words(const evaluation *e, int which, score_text *buffer);
const char *other_shared(unsigned c, int view, score_text *buffer);
const char *whole_words(const evaluation *e, int view, score_text *buffer);
/* "X1" or "the mean of X1 over its steps" */
const char *told_words(const evaluation *e, int view, char buffer[48]);
/* Is a decoder's R^2 that of all steps of a sequence? */
int decoder_of_steps(const evaluation *e);

/* Members of a JSON object; training may be NULL. */
void evaluation_json(const evaluation *e, const isk_report *training, text *out);
/* Its two tables, of columns that the caller keeps: what tells labels, a row a score; leakage and completeness, a row a view. */
enum { EVALUATION_COLUMNS = MOST_METRICS + 3 };
void evaluation_labels_sheet(const evaluation *e, sheet_column columns[EVALUATION_COLUMNS], sheet *s);
void evaluation_views_sheet(const evaluation *e, sheet_column columns[EVALUATION_COLUMNS], sheet *s);
/* The same in few words, "parts of the rows scored on": member regressions_on of metrics.json. */
const char *evaluation_regressions_on(const evaluation *e);
/* Which rows leakage and completeness are of: one sentence; needs e->scored to be held out. */
void evaluation_rows_words(const evaluation *e, text *out);
/* Which rows the labels' numbers are of. */
void evaluation_labels_words(const evaluation *e, text *out);
/* For the terminal. */
void evaluation_text(const evaluation *e, int has_labels, text *out);

#endif
