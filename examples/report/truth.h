/* How much of what is known to be true do features hold?  For data that were simulated. */
#ifndef TRUTH_H
#define TRUTH_H

#include "../../indiseek.h"
#include "page.h"

enum { MOST_TRUTHS = 8, MOST_EMBEDDINGS = 12 };

/* What is true of every row: numbers, or else a class. */
typedef struct truth {
    const char *name;               /* "cell cycle, in RNA alone" */
    const char *key;                /* "cycle", for JSON */
    isk_matrix numbers;             /* [rows, any]; data NULL: classes */
    const int32_t *codes;           /* [rows], 0 .. classes-1 */
    int classes;
    unsigned ideal;                 /* bit e: embedding e should hold it, others should not */
} truth;

typedef struct embedding { const char *name; isk_matrix x; } embedding;

/* Scores on the test rows of maps learned on the training rows.  Names are not copied. */
typedef struct truth_table {
    int truths, embeddings;
    const truth *truth;
    const char *names[MOST_EMBEDDINGS];
    /* the better of ridge and the 10 nearest rows, at least 0; of classes, of their indicators */
    double r2[MOST_TRUTHS][MOST_EMBEDDINGS];
    double balanced[MOST_TRUTHS][MOST_EMBEDDINGS];  /* of classes: balanced accuracy of a logistic regression; NaN of numbers */
} truth_table;

/* ARGUMENT beyond MOST_TRUTHS or MOST_EMBEDDINGS.  `truth` must live as long as the table. */
isk_status truth_score(isk_context *context, const truth *truths, int truth_count, const embedding *embeddings, int embedding_count,
                       const uint8_t *part, truth_table *t);
void truth_text(const truth_table *t, text *out);
/* A table of a page, cells with bars. */
void truth_page(const truth_table *t, text *page);
/* "truth": { "type": { "C1": { "r2": 0.9, "balanced_accuracy": 0.95 }, ... }, ... } as a member of an object. */
void truth_json(const truth_table *t, text *out);

#endif
