/* The parts of `study simulations`: what it is run with, what has been measured, and the report. */
#ifndef SIMULATIONS_H
#define SIMULATIONS_H

#include "../common/settings.h"

enum { MOST_MEMBERS = 96, MOST_SWEEPS = 4 * ISK_METHOD_COUNT };

/* Everything that determines a result, as text: options of the library and of the study. */
typedef struct member { char key[32], value[1200]; int word; } member;     /* word: a string in JSON */
typedef struct configuration {
    member members[MOST_MEMBERS];
    int count;
    const double *lambdas;
    int lambda_count, seeds;
    uint64_t seed;
    int64_t n;
} configuration;
void configuration_add(configuration *c, const char *key, const char *value, int word);

/* One sweep: lambda_count * seeds models, lambda by lambda. */
typedef struct measured { int setting; isk_method method; setting_run *runs; } measured;
typedef struct measurements {
    measured sweeps[MOST_SWEEPS];
    int count;
    text made_on, made_by;          /* devices; commands, one a line: more than one where a study was resumed */
} measurements;

void measurements_free(measurements *m);
const measured *measurements_find(const measurements *m, int setting, isk_method method);
/* Appends a line to made_on or made_by unless it stands there. */
void add_line(text *lines, const char *line);

/* results.json: {"configuration": {...}, "runs": [...]}; runs alone are an array of the objects of setting_json. */
void measurements_runs(const measurements *m, const configuration *c, text *out);
void measurements_write(const measurements *m, const configuration *c, text *out);
/* Reads them back.  MISMATCH names the member of the configuration that differs, DATA what is wrong with the file. */
isk_status measurements_read(measurements *m, isk_context *context, const char *file, const configuration *c);

/* The paper's claims that could be checked, and those that hold. */
typedef struct claim_count { int checked, hold; } claim_count;
claim_count claims_count(const measurements *m, const configuration *c);
void simulations_report(const measurements *m, const configuration *c, text *page);

#endif
