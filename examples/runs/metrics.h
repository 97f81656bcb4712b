/* The numbers by which features are judged: a function and a row each.  What has a row in metrics[] stands in metrics.json, on the
   terminal and in the report of fit, run and evaluate, in all that compare writes, and in results.json and report of study probe. */
#ifndef METRICS_H
#define METRICS_H

#include "../../indiseek.h"
#include "../base/sheet.h"

/* Do features tell labels?  A probe, a logistic regression, has been fitted on the training rows, and has named all. */
typedef struct label_question {
    isk_context *context;
    isk_matrix x;
    const int32_t *labels;          /* negative: none, left out */
    const uint8_t *part;
    isk_part scored;                /* the rows that are asked about */
    int classes;
    int32_t *predicted, *truth;     /* [rows] what the probe says; labels of the scored rows, elsewhere -1 */
} label_question;

/* probe: its x, labels and part, and how it is fitted.  DATA: there is but one class. */
isk_status label_question_open(label_question *q, isk_context *context, const isk_probe_desc *probe);
void label_question_free(label_question *q);

struct evaluation_input;

/* One of the three functions is given.  A value that cannot be measured is NaN; only what ends everything is a status. */
typedef struct metric {
    const char *key;                /* in files */
    const char *words;              /* over it on the terminal */
    const char *title;              /* in a report */
    int larger_is_better;
    isk_status (*of_labels)(const label_question *q, double *value);
    /* R^2 of y told from x: Z_i about C of the others, which is leakage, where less is better, and (Z_i, C_i) about X_i, completeness */
    isk_status (*of_matrix)(isk_context *context, const isk_regression_desc *desc, double *r2);
    double (*of_view)(const struct evaluation_input *in, int view, isk_part scored);     /* completeness of X_i, which needs the model */
    int k;                          /* a metric of labels with a member of its own in metrics.json, beside the k nearest rows it sees */
    int slow;                       /* may be left out: 2 first */
    int fit_alone;                  /* not in compare and study probe */
    const char *compared;           /* over it in the table of compare instead of `words`; "": in its files alone */
    const char *studied;            /* what follows "test" in study probe; NULL: _KEY */
} metric;

/* Those that are asked for by name; others need none. */
enum { METRIC_ACCURACY, METRIC_BALANCED, METRIC_NEIGHBOURS, METRIC_RIDGE, METRIC_KNN, METRIC_MLP, METRIC_DECODER, METRIC_NAMED };
enum { MOST_METRICS = 24 };
extern const metric metrics[];
extern const int metric_count;

/* The next one after `which` (-1: the first) that has the function, or metric_count. */
int metric_of_labels(int which);
int metric_of_matrix(int which);
int metric_of_view(int which);

/* All metrics of labels; values [metric_count], of which those of labels are set. */
isk_status metrics_ask_labels(const label_question *q, int fit_alone, double *values);
/* All of one matrix about another; desc->stop_on_validation: validation rows choose the penalty of the ridge and the epochs of the MLP.
   without_slow 1: not those of slow 2; 2: nor those of slow 1. */
isk_status metrics_ask_matrix(isk_context *context, const isk_regression_desc *desc, int without_slow, double *values);
/* The most that any of those of one matrix about another finds; NaN loses. */
double metrics_best(const double *values);
/* NaN. */
void metrics_unknown(double values[MOST_METRICS]);

#endif
