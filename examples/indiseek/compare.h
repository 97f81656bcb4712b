/* `indiseek compare`: methods and lambdas on one single-cell data set. */
#ifndef COMPARE_H
#define COMPARE_H

#include "commands.h"
#include "findings.h"
#include "../runs/results.h"
#include "../runs/training.h"

#include "../runs/configuration.h"
#include "../base/statistics.h"

typedef struct compare_settings {
    source_settings source;
    training_settings training;
    finding_settings findings;
    const char *methods;
    int with_mlp, without_clusters;
} compare_settings;

/* What is measured of one model: theta's rank correlation with its interval and how many types it is over; k-means and a probe of all
   features together; then means over the views, and at last each view's own regressions.  NaN: there is no such number. */
enum { JUDGED_RHO, JUDGED_LOW, JUDGED_HIGH, JUDGED_TYPES, JUDGED_ARI, JUDGED_NMI, JUDGED_ACCURACY, JUDGED_BALANCED, JUDGED_LEAKAGE,
       JUDGED_COMPLETENESS, JUDGED_DIVERGED, JUDGED_OF_VIEWS };
enum { JUDGED_EACH = 6, JUDGED_COUNT = JUDGED_OF_VIEWS + JUDGED_EACH * ISK_MAX_VIEWS };
typedef struct judged {
    double value[JUDGED_COUNT];
    int there;                      /* 0: not yet */
} judged;

typedef struct compared {
    const isk_method *method;
    int lambda_count;               /* 0: it has none */
    judged *models;                 /* [lambda_count or 1, seeds] */
} compared;

typedef struct compare_job {
    compare_settings *s;
    int argc;
    char **argv;
    training t;                     /* its context, bar and folder */
    isk_options resolved;
    source a;
    findings found;                 /* weights alone */
    judged inputs;
    compared methods[ISK_MOST_METHODS];
    int method_count;
    configuration c;
    char records[4200];             /* results.jsonl */
} compare_job;

/* "rho", "leakage_ridge_1", ... into a buffer of 32 */
const char *judged_name(int which, char *buffer);
int judged_count(const compare_job *j);             /* how many there are of as many views */
/* Groups of models that differ in their seeds alone: one without lambda. */
int compared_groups(const compared *m);
/* The lambda of a group; NaN where there is none. */
double compared_lambda(const compare_job *j, const compared *m, int group);
average compared_average(const compare_job *j, const compared *m, int group, int which);
/* Where the mean rho of a group stands among those of its method's lambdas, on the very cells that are reported; equal ones (to 1e-12)
   are tied.  RHO_NO_CHOICE: there are not two lambdas. */
typedef enum rho_standing { RHO_NO_CHOICE, RHO_LOWER, RHO_HIGHEST, RHO_TIED } rho_standing;
rho_standing compared_standing(const compare_job *j, const compared *m, int group);

/* compare.tsv: a line a model; table.tsv: a line a method and lambda; results.json; for the terminal; report.html */
void compare_models_tsv(const compare_job *j, text *out);
void compare_table_tsv(const compare_job *j, text *out);
void compare_json(const compare_job *j, text *out);
void compare_text(const compare_job *j, text *out);
isk_status compare_report(const compare_job *j, text *page);
/* The members of one model in results.jsonl and results.json, with brackets. */
void compare_model_json(const compare_job *j, const compared *m, int model, text *out);

#endif
