/* Sections of report.html. */
#ifndef REPORT_H
#define REPORT_H

#include "curves.h"
#include "../runs/evaluation.h"
#include "../runs/provenance.h"
#include "page.h"

/* The table of probes, leakage and completeness. */
void report_scores(text *page, const evaluation *e, int has_labels);
void report_curves(text *page, const curves *c);

typedef struct report_embeddings_desc {
    isk_matrix features[FEATURE_COUNT];     /* data NULL: absent; rows that begin with NaN are not there */
    const int32_t *labels;          /* of all rows, or NULL */
    const char *const *names;       /* of the labels */
    int label_count;
    const uint8_t *part;            /* held-out rows are shown where there are enough of them */
    isk_part scored;
} report_embeddings_desc;
isk_status report_embeddings(text *page, isk_context *context, const report_embeddings_desc *desc);

/* The options of the model that its method reads (of sequences only where there are some), and what else `facts` holds: pairs of name
   and value, NULL at the end. */
void report_settings(text *page, const char *const *facts, const isk_model *model);
/* The line, the date, the version and what the inputs held. */
void report_provenance(text *page, const provenance *made);

/* First two principal components of the rows that `rows` selects: points [count, 2], shares of the variance [2]. */
isk_status plane_of(isk_context *context, isk_matrix x, const int64_t *rows, int64_t count, float *points,
                    double share[2]);

#endif
