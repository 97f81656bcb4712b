/* The parts of `study simulations`: what it is run with, what has been measured, and the report. */
#ifndef SIMULATIONS_H
#define SIMULATIONS_H

#include "configuration.h"

#include "../common/settings.h"

enum { MOST_SWEEPS = 4 * ISK_METHOD_COUNT };

/* One sweep: lambda_count * seeds models, lambda by lambda. */
typedef struct measured { int setting; isk_method method; setting_run *runs; } measured;
typedef struct measurements {
    measured sweeps[MOST_SWEEPS];
    int count;
} measurements;

void measurements_free(measurements *m);
const measured *measurements_find(const measurements *m, int setting, isk_method method);

/* results.json: {"configuration": {...}, "runs": [...]}; runs alone are an array of the objects of setting_json. */
void measurements_runs(const measurements *m, const configuration *c, text *out);
void measurements_write(const measurements *m, const configuration *c, text *out);
/* Reads them back.  MISMATCH names the member of the configuration that differs, DATA what is wrong with the file. */
isk_status measurements_read(measurements *m, isk_context *context, const char *file, configuration *c);

/* The paper's claims that could be checked, and those that hold. */
typedef struct claim_count { int checked, hold; } claim_count;
claim_count claims_count(const measurements *m, const configuration *c);
void simulations_report(const measurements *m, const configuration *c, text *page);

#endif
