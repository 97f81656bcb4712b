/* Names for new cells: the labels of a reference are carried over to query cells that lie in the same features. */
#ifndef ANNOTATE_H
#define ANNOTATE_H

#include "../base/blocks.h"
#include "../base/lines.h"
#include "../base/text.h"

enum { ANNOTATE_BLOCKS = 2 * ISK_MAX_VIEWS, ANNOTATE_BINS = 10 };
/* Votes of the nearest reference cells; a multinomial logistic regression on the standardized features. */
typedef enum annotate_way { ANNOTATE_KNN, ANNOTATE_PROBE, ANNOTATE_WAYS } annotate_way;

typedef struct annotate_desc {
    /* [n, d_i] and [m, d_i]: blocks of the same features; data NULL: absent, in both.  Several are joined, each divided by its total
       deviation in the reference.  A row that begins with NaN is missing. */
    isk_matrix reference[ANNOTATE_BLOCKS], query[ANNOTATE_BLOCKS];
    const int32_t *labels;          /* [n] below classes; negative: unlabelled, and takes no part */
    const int32_t *truth;           /* [m] labels of the query where they are known, else negative; or NULL */
    int classes;                    /* 0: the largest of labels and truth, + 1 */
    unsigned ways;                  /* bits 1 << ANNOTATE_KNN, 1 << ANNOTATE_PROBE; 0: both */
    int k;                          /* 0: 15, and no more than the labelled reference cells */
    int weighted;                   /* 1: a vote weighs 1 / distance; neighbours at distance 0 vote alone (scikit-learn's "distance") */
    double least;                   /* a cell of less confidence is unassigned; 0: none is */
    double c;                       /* of the regression, as isk_probe_desc; 0: 1 */
} annotate_desc;

/* Against the truth, of the query cells that are there and whose truth is known. */
typedef struct annotation_score {
    int64_t cells, assigned;
    int64_t unknown;                /* cells of a class that no labelled reference cell has: none of them can be right */
    double accuracy, balanced_accuracy;     /* an unassigned cell is wrong; balanced: mean recall of the classes there */
    double assigned_accuracy;       /* of the assigned cells alone; NaN: there are none */
    double *recall;                 /* [classes], NaN: no cell */
    int64_t *confusion;             /* [classes + 1, classes + 1], row = truth, column = label, the last of both: unassigned */
    /* Cells of confidence b / ANNOTATE_BINS and more, judged by their best class whether assigned or not: mean confidence, accuracy. */
    struct annotation_bin { int64_t cells; double confidence, accuracy; } bin[ANNOTATE_BINS];
    double calibration_error;       /* mean over the cells of |accuracy - confidence| of their bin (Naeini et al. 2015) */
} annotation_score;

typedef struct annotation_result {
    int32_t *label;                 /* [cells] class, -1: unassigned or missing; NULL: this way was not taken */
    int32_t *best;                  /* [cells] class whatever the confidence, -1: missing */
    double *confidence;             /* [cells] share of the votes; largest probability; NaN: missing */
    int64_t unassigned;             /* without those that are missing */
    annotation_score score;         /* cells 0: the truth is not known */
} annotation_result;

typedef struct annotation {
    int64_t cells, missing, reference;      /* query cells; of these the missing; labelled reference cells */
    int classes, k, weighted;
    double least;
    isk_probe_report probe;
    annotation_result way[ANNOTATE_WAYS];
} annotation;

/* Votes: the class of the nearer neighbour wins a tie.  ARGUMENT when k exceeds the labelled reference cells; DATA when there are
   none, or only one class of them for the regression.  On failure nothing is left to be freed. */
isk_status annotate_cells(isk_context *context, const annotate_desc *desc, annotation *a);
void annotation_free(annotation *a);
const char *annotate_way_name(annotate_way way);            /* "knn", "probe" */

/* annotation.tsv: cell, label_knn, confidence_knn, label_probe, confidence_probe, truth (without it where truth is NULL). */
void annotation_tsv(const annotation *a, const names *cells, const names *classes, const int32_t *truth, text *out);
/* Members of a JSON object; a table for the terminal: scores, or where no truth is known cells and confidences of each class. */
void annotation_json(const annotation *a, const names *classes, text *out);
void annotation_text(const annotation *a, const names *classes, text *out);

#endif
