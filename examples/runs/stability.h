/* How stable are features?  What the same method, trained on the same rows from another seed, tells of them. */
#ifndef STABILITY_H
#define STABILITY_H

#include "training.h"
#include "results.h"

/* R^2 of q->y told from q->x by ridge regression, as the metrics have it, and of each column of it: columns [q->y.cols], or NULL.
   Probes are fitted and scored on what rows_unseen leaves; where test rows are too few for that, they are fitted on the training rows
   and scored on the test rows, without those on the validation rows.  NaN: y is constant, or a matrix is absent. */
isk_status stability_told(isk_context *context, const unseen_question *q, double *columns, double *r2);

typedef struct stability {
    int seeds, diverged;            /* further ones; those of them that say nothing */
    int64_t columns[FEATURE_COUNT];
    double *column[FEATURE_COUNT];  /* [columns] of each, the mean over the seeds; NULL: there is no such matrix */
    double mean[FEATURE_COUNT];     /* over its columns, weighted by their variance */
} stability;

/* Trains t->s->stability further models of the seeds after that of t->model; f are its features. */
isk_status stability_train(stability *s, training *t, const dataset *d, const features *f);
void stability_free(stability *s);

/* Its pieces: the features of one further seed, and the means once all are there. */
isk_status stability_begin(stability *s, isk_context *context, const features *f);
isk_status stability_add(stability *s, isk_context *context, const dataset *d, const features *f, const features *other);
void stability_end(stability *s);

/* Below it features are more of a seed than of the data. */
#define LEAST_STABLE 0.5
/* A sentence on what is below; an empty text where nothing is. */
void stability_warning(const stability *s, text *out);
/* "stability: Z1 0.97, Z2 0.93, ...": a line for people, nothing without further seeds. */
void stability_text(const stability *s, text *out);
/* A member of metrics.json. */
void stability_json(const stability *s, text *out);

#endif
