/* The parts of `study probe`: what it reads, how it judges features, and the report. */
#ifndef PROBE_H
#define PROBE_H

#include "../runs/metrics.h"
#include "../runs/records.h"
#include "../runs/results.h"
#include "../base/statistics.h"
#include "../runs/study.h"

#include "../runs/views.h"

enum { MOST_TASKS = 64 };

typedef struct probe_settings {
    study_settings study;
    view_settings views;
    const char *labels, *ignore, *split, *groups, *probe;
    double test, c;
    real_list dims;
} probe_settings;

/* One question put to the features. */
typedef struct probe_task {
    char name[80];
    labels labels;                  /* code -1: no label, or the ignored one */
    double majority;                /* accuracy on the test rows of the training rows' most frequent label */
} probe_task;

typedef struct probe_data {
    int64_t rows, parts[3];         /* all; of each isk_part */
    int unseen;                     /* 1: enough rows are held out to fit and choose the regressions on them too */
    views v;
    probe_task tasks[MOST_TASKS];
    int task_count;
    uint8_t *part;                  /* [rows] */
    split_groups groups;            /* as they were divided */
} probe_data;

/* `validation`: part of the training rows, where the split names none. */
isk_status probe_read(probe_data *d, isk_context *context, const probe_settings *s, double validation, progress *bar);
void probe_data_free(probe_data *d);
/* A checksum of everything that a result depends on: prepared views, labels, parts. */
uint64_t probe_checksum(const probe_data *d);

/* ---- what is measured of a model: fields of records ---- */

/* Fields by metric (metrics.h): of labels one number a task, on validation and on test rows; of matrices one a view. */
typedef enum probe_side { PROBE_VALIDATION, PROBE_TEST } probe_side;
int probe_labels_field(const records *r, int metric_of_labels, probe_side side);
int probe_leakage_field(const records *r, int metric_of_matrix);                        /* of Z_i about C of the others */
int probe_completeness_field(const records *r, int metric_of_matrix);                   /* of (Z_i, C_i), or of fused, about X_i */
#define PROBE_SECONDS "seconds"
#define PROBE_DIVERGED "diverged"
void probe_fields(records *r, const probe_data *d);

/* Fills what features (or, without features, the inputs themselves) score.  `seed`: of the regression by an MLP. */
isk_status probe_judge(isk_context *context, const probe_data *d, const probe_settings *s, const features *f,
                       uint64_t seed, const records *r, const sweep_record *to, int model);
void probe_majority(const probe_data *d, const records *r, const sweep_record *to);

/* ---- rows of the tables ---- */

typedef enum probe_kind {
    PROBE_METHOD, PROBE_RAW, PROBE_AUTOENCODER, PROBE_RANDOM_Z, PROBE_RANDOM, PROBE_MAJORITY
} probe_kind;
typedef struct probe_row {
    probe_kind kind;
    const isk_method *method;
    const char *name, *words;       /* in results.json; in a table */
    int per_dim, has_lambda, trained;
} probe_row;
enum { MOST_ROWS = ISK_MOST_METHODS + 5 };

/* One row of a table of accuracies: task, or -1 for the mean over the tasks.  Both choices are of the lambda whose
   mean over the seeds is best: on the test rows themselves, as the paper has it, or on the validation rows. */
typedef struct probe_scores {
    average by_lambda[MOST_REALS];  /* on the test rows; the first alone where the row has no lambda */
    average best, chosen;
    int best_at, chosen_at;         /* -1: cannot be said */
} probe_scores;
probe_scores probe_scores_of(const records *r, const sweep_record *s, int task, int tasks);

void probe_report(const records *r, const configuration *c, const probe_data *d, const probe_row *rows, int row_count,
                  const int *dims, int dim_count, text *page);
/* The same in short, for the terminal. */
void probe_print(const records *r, const configuration *c, const probe_data *d, const probe_row *rows, int row_count,
                 const int *dims, int dim_count);

#endif
