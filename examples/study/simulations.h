/* The parts of `study simulations`: what it is run with, what has been measured, and the report. */
#ifndef SIMULATIONS_H
#define SIMULATIONS_H

#include "../runs/configuration.h"

#include "../runs/settings.h"

enum { MOST_SWEEPS = 2 * 4 * ISK_MOST_METHODS };

/* One sweep: lambda_count * seeds models, lambda by lambda.  A stale critic is fitted before an epoch, in
   STALE_PASSES passes, and not between the updates of the encoder. */
enum { STALE_PASSES = 5 };
typedef struct measured {
    int setting;
    const isk_method *method;
    int stale;
    const double *lambdas;          /* of the grid: all, or the one of a stale critic */
    int lambda_count;
    setting_run *runs;
} measured;
typedef struct measurements {
    measured sweeps[MOST_SWEEPS];
    int count;
} measurements;

void measurements_free(measurements *m);
const measured *measurements_find(const measurements *m, int setting, const isk_method *method, int stale);

int same_lambda(double a, double b);
/* A sweep without its runs.  It has no lambdas where no stale critic is asked for, or none at a lambda of the grid. */
measured sweep_of(const configuration *c, int setting, const isk_method *method, int stale);
/* "factorizedcl", "factorizedcl, stale critic" */
const char *sweep_name(const isk_method *method, int stale, char buffer[64]);

/* results.json: {"configuration": {...}, "runs": [...]}; runs alone are an array. */
void measurements_runs(const measurements *m, const configuration *c, text *out);
void measurements_write(const measurements *m, const configuration *c, text *out);
/* Reads them back.  MISMATCH names the member of the configuration that differs, DATA what is wrong with the file. */
isk_status measurements_read(measurements *m, isk_context *context, const char *file, configuration *c);

/* The paper's claims that could be checked, and those that hold; of them, those with a stale critic too. */
typedef struct claim_count { int checked, hold, stale_checked, stale_hold; } claim_count;
claim_count claims_count(const measurements *m, const configuration *c);
void simulations_report(const measurements *m, const configuration *c, text *page);

#endif
