/* `indiseek run`: its settings, which other commands read from the folder that it left, and what it does with cells in memory. */
#ifndef RUN_H
#define RUN_H

#include "commands.h"
#include "findings.h"
#include "../report/verdicts.h"
#include "../runs/coordinates.h"
#include "../runs/provenance.h"

typedef struct run_settings {
    source_settings source;
    training_settings training;
    finding_settings findings;
    int without_files, without_counts;
} run_settings;

#define RUN_DEFAULTS { .source = SOURCE_DEFAULTS, .training = TRAINING_DEFAULTS, .findings = FINDING_DEFAULTS }

/* From a data set to a folder of results; what it needs stays until run_finish. */
typedef struct run_job {
    run_settings *s;
    int argc;
    char **argv;
    training t;
    source a;
    features f;
    evaluation scores;
    verdicts verdicts;
    provenance made;
    findings found;
    stability stable;               /* seeds 0: not asked for */
    coordinates coordinates;
    /* Sections for the report and members for metrics.json, of whoever runs it; or NULL. */
    isk_status (*judge)(void *user, struct run_job *j);     /* when features are there */
    void (*page)(void *user, text *page);
    void (*json_members)(void *user, text *out);
    void (*print)(void *user);
    void *user;
} run_job;
/* t is open.  Reads, trains, judges and writes. */
isk_status run_all(run_job *j);
int run_finish(run_job *j, isk_status status, const char *program, int argc, char **argv);

/* A folder of `indiseek run`, read again: its settings, model, cells, their split and features. */
typedef struct finished {
    run_settings s;
    isk_context *context;
    isk_model *model;
    source a;
    features f;
} finished;
/* column: labels instead of the run's own, or NULL. */
isk_status finished_open(finished *r, isk_context *context, const char *folder, const char *column, progress *bar);
void finished_free(finished *r);

/* Other cells by that model; views that they lack are absent. */
typedef struct newcomers {
    source_settings s;              /* of the new cells, with the choice of features of the run */
    source a;
    features f;
} newcomers;
isk_status newcomers_read(newcomers *n, const finished *r, const source_settings *s, progress *bar);
void newcomers_free(newcomers *n);

#endif
