/* `indiseek compare`: methods and lambdas on one single-cell data set. */
#ifndef COMPARE_H
#define COMPARE_H

#include "commands.h"
#include "findings.h"
#include "../runs/results.h"
#include "../runs/training.h"

#include "../runs/records.h"
#include "../base/statistics.h"

typedef struct compare_settings {
    source_settings source;
    training_settings training;
    finding_settings findings;
    const char *methods;
    int with_mlp, without_clusters;
} compare_settings;

/* What is measured of one model: theta's rank correlation with its interval and how many types it is over; k-means of all features
   together; the metrics of labels of them (metrics.h); means over the views of the best leakage and completeness; and at last each view's
   own.  NaN: there is no such number. */
typedef struct measure {
    char key[32];                   /* in files */
    const char *words;              /* over it on the terminal; NULL: not there */
    const char *title;              /* in the report's table; NULL: not there */
    int tabled;                     /* means of it stand in table.tsv; 2: with standard errors */
    int smaller_is_better, width;
} measure;
enum { MOST_MEASURES = 16 + MOST_METRICS + 2 * ISK_MAX_VIEWS * MOST_METRICS };

typedef struct compare_job {
    compare_settings *s;
    int argc;
    char **argv;
    training t;                     /* its context, bar and folder */
    isk_options resolved;
    source a;
    findings found;                 /* weights alone */
    measure measures[MOST_MEASURES];        /* a field of the records each */
    int measure_count;
    const isk_method *methods[ISK_MOST_METHODS];
    int method_count;
    records r;                      /* a sweep of each method, in their order */
    double inputs[MOST_MEASURES];   /* of what needs no method */
    evaluation of_inputs;           /* which rows all scores are of */
    configuration c;
    char lines[4200];               /* results.jsonl */
} compare_job;

int measure_find(const compare_job *j, const char *key);
/* Groups of models that differ in their seeds alone, of method `i`: one without lambda. */
int compared_groups(const compare_job *j, int i);
/* The lambda of a group; NaN where there is none. */
double compared_lambda(const compare_job *j, int i, int group);
average compared_average(const compare_job *j, int i, int group, int which);
/* Where the mean rho of a group stands among those of its method's lambdas, on the very cells that are reported; equal ones (to 1e-12)
   are tied.  RHO_NO_CHOICE: there are not two lambdas. */
typedef enum rho_standing { RHO_NO_CHOICE, RHO_LOWER, RHO_HIGHEST, RHO_TIED } rho_standing;
rho_standing compared_standing(const compare_job *j, int i, int group);

/* compare.tsv: a line a model; table.tsv: a line a method and lambda; results.json; for the terminal; report.html */
void compare_models_tsv(const compare_job *j, text *out);
void compare_table_tsv(const compare_job *j, text *out);
void compare_json(const compare_job *j, text *out);
void compare_text(const compare_job *j, text *out);
isk_status compare_report(const compare_job *j, text *page);

#endif
