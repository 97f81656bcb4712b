/* The paper's simulated settings, run: which coordinates of X does Z look at, and is X reconstructed? */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "../base/sheet.h"
#include "records.h"
#include "simulate.h"

typedef struct setting_run {        /* one model */
    double lambda, importance[SETTING_COLS], error, seconds;    /* error: sum over coordinates, mean over test rows */
    uint64_t seed;
    int diverged;
} setting_run;

/* One sweep over the models of `sweep`, whose data this sets: n training rows and `test` others, by sweep->fit.seed.
   runs [isk_sweep_models(sweep)].  Importance: Gui, Ma and Ma 2025, A.1.
   Where sweep->fit.checkpoint names a file that is there, training goes on from it. */
isk_status setting_sweep(isk_context *context, int setting, int64_t n, int64_t test, isk_sweep_desc *sweep,
                         setting_run *runs);

#define SETTING_UNLEARNED 0.1       /* a test error as large as this says that a coordinate is missing in (Z, C) */

/* Mean and standard deviation over the runs of one lambda that did not diverge. */
typedef struct setting_summary {
    double lambda, mean[SETTING_COLS], deviation[SETTING_COLS], error, worst_error, seconds;
    int runs, diverged, unlearned;
} setting_summary;
void setting_summarise(const setting_run *runs, int count, setting_summary *s);

/* A table of such runs: a sweep is one of a setting and a method. */
records setting_records(void);
/* One model in it and back; a diverged model, or a method without a decoder, has no importance or error. */
void setting_to_record(const setting_run *run, const records *r, const sweep_record *to, int model);
setting_run setting_from_record(const configuration *c, const records *r, const sweep_record *from, int model);
/* A table of summaries: after its first column the cells of one. */
enum { SETTING_COLUMNS = SETTING_COLS + 3 };
extern const sheet_column setting_columns[SETTING_COLUMNS];
void setting_cells(const setting_summary *s, sheet *t);
/* The summaries as a table, and what the setting asks of each, on standard output. */
void setting_print(int setting, const setting_summary *s, int count);
/* 1 where coordinates 3 and 4 are made of 1 and 2: settings 2 and 4. */
int setting_derives(int setting);
/* The coordinates that matter: 1 and 2 shared (ideal 0) in settings 1 and 3, 5 and 6 specific (ideal 1) in 2 and 4. */
double setting_share(int setting, const setting_summary *s);
const char *setting_share_words(int setting);

#endif
