/* What `study invae` and `study integrate` share: models that make one representation of the cells of several batches, a row of their
   tables each; how they are trained on counts and asked; and a study of rows on data sets that can be gone on with. */
#ifndef INTEGRATORS_H
#define INTEGRATORS_H

#include "../base/sheet.h"
#include "../formats/table.h"
#include "../runs/records.h"
#include "../runs/study.h"

/* ---- rows ---- */

typedef enum integrator_kind { INTEGRATOR_TRUTH, INTEGRATOR_PCA, INTEGRATOR_INVAE, INTEGRATOR_EXTERNAL } integrator_kind;
enum { GIVEN_LABEL = 1, GIVEN_BATCH = 2, GIVEN_BOTH = 3 };
typedef struct integrator {
    integrator_kind kind;
    const char *name, *words;       /* in results.json; in a table */
    isk_preset preset;
    unsigned given;                 /* what training is told beside the counts */
    const char *options;            /* "inject=none,invariance=5": those that differ from the preset's */
    const char *file;               /* of an external one: # stands for the seed */
} integrator;
enum { MOST_INTEGRATORS = 40, PCA_COMPONENTS = 20 };

/* ---- cells ---- */

/* Codes from 0, -1: unknown.  Training sees the labels of training and validation rows alone. */
typedef struct cells_of_batches {
    isk_matrix counts;              /* [cells, genes] */
    int32_t *label, *condition, *batch;         /* [cells]; condition NULL: there is none.  It stays, as labels do */
    int labels, conditions, batches;
    uint8_t *part;                  /* [cells] isk_part of a fit: a model without validation rows trains on those too */
} cells_of_batches;
void cells_of_batches_free(cells_of_batches *c);

/* [rows, count] a 1 in the column of each row's code, to be freed; rows of code -1 or, with a part, not of training are zeros. */
isk_scalar *indicators_of(const int32_t *codes, int64_t rows, int count, const uint8_t *part);

/* What a model makes of all cells; data NULL where it has no such thing. */
typedef struct embedding {
    isk_matrix invariant, spurious, all, label;     /* all: invariant and spurious side by side; label: probabilities */
} embedding;
/* Makes `all` of the other two. */
isk_status embedding_join(isk_context *context, embedding *e);
void embedding_free(embedding *e);

/* Scores of PCA_COMPONENTS components of ln(1 + 10000 x / total), learned from training and validation rows: all of it is invariant. */
isk_status embed_by_pca(isk_context *context, const cells_of_batches *c, uint64_t seed, embedding *e);
/* Principal components [cells, k] of the same, k as many as there can be; to be freed. */
isk_status components_of(isk_context *context, const cells_of_batches *c, int k, uint64_t seed, isk_matrix *scores);
/* Cells whose labels training did not see have none here either; without_labels: no cell has. */
isk_status embed_by_model(isk_context *context, const isk_model *model, const cells_of_batches *c, const integrator *row,
                          int without_labels, embedding *e);
/* own: the user's options of the method itself, of all rows, before the row's. */
isk_status integrator_train(study *w, const integrator *row, const char *own, const cells_of_batches *c, uint64_t seed,
                            const char *checkpoint, isk_model **model);

/* ---- a study of rows on data sets ---- */

typedef struct integration_study {
    study w;
    records r;
    void *job;                      /* what the functions below are given */
    const integrator *rows[MOST_INTEGRATORS];
    int row_count, kept, done, data_count;
    const char **data_names;        /* [data_count]; records.number is 1 + the place */
    isk_status (*open)(void *job, int data);            /* makes a data set, where a row of it is left to do */
    isk_status (*judge)(void *job, int data, const integrator *row, const sweep_record *to, const char *checkpoint);
    int (*asks)(const void *job, int data, const integrator *row);      /* is that row run on that data?  NULL: all are */
    void (*close)(void *job);
    isk_status (*write)(void *job); /* results.json, report.html, ... */
} integration_study;

#define INTEGRATION_SECONDS "seconds"
#define INTEGRATION_DIVERGED "diverged"

/* Chooses rows by a list of names; NULL: all of them. */
isk_status integration_choose(integration_study *s, const char *list, const integrator *all, int count);
/* Runs what is left: opens the folder, goes over data and rows.  prepare has been called. */
isk_status integration_run(integration_study *s);
/* After study_prepare: options of the default row for the configuration, fields, names. */
isk_status integration_configure(integration_study *s, const char *own);
/* seconds and diverged of a model; 0: it diverged, and nothing more is to be asked. */
int integration_trained(integration_study *s, const sweep_record *to, const isk_model *model);
/* A sentence where models diverged. */
void integration_note_diverged(const integration_study *s, text *page);
/* A line for each model: the data set's name, the row's, and all fields, whose parts are called as `part` says. */
void integration_tsv(const integration_study *s, const char *(*part)(const char *field, int at), text *out);
/* --json, and where the report is; after the tables were printed. */
isk_status integration_end(integration_study *s);
void integration_free(integration_study *s);

/* Of a model: the larger of `count` numbers of a field from its place `at` on. */
double integration_value(const records *r, const sweep_record *s, const char *field, int at, int count);
/* Mean of that over data sets first .. last - 1, every `step`. */
typedef struct integration_asked { const char *field; int at, count; } integration_asked;
average integration_average(const integration_study *s, const integrator *row, const integration_asked *q, int first, int last, int step);

#endif
