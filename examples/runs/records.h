/* What a study measures of each model, as rows of named numbers, and the same as JSON: the "runs" of results.json. */
#ifndef RECORDS_H
#define RECORDS_H

#include "configuration.h"

/* count 0: one number; else an array of so many.  A value that is not finite is null in JSON, NaN when read. */
typedef struct record_field { char name[32]; int count; } record_field;

/* One sweep.  Models stand lambda by lambda, the seeds of each together; without lambdas there are the seeds alone. */
typedef struct sweep_record {
    char name[48];                  /* of the method, or of what stands in its place */
    int dim;                        /* of the features; 0: as they are */
    int lambda_count, seeds;        /* 0: it has none; models: the product, each taken as 1 at least */
    double *values;                 /* [models, width] */
} sweep_record;

enum { MOST_FIELDS = 32 };
typedef struct records {
    record_field fields[MOST_FIELDS];
    int field_count;
    sweep_record *sweeps;
    int count;
} records;

int records_models(const sweep_record *s);
int records_width(const records *r);
/* The numbers of one model's field, next to each other; those of the next model are records_width further on. */
double *records_at(const records *r, const sweep_record *s, int model, int field);
sweep_record *records_find(const records *r, const char *name, int dim);
/* A sweep of NaN; NULL without memory.  Pointers to other sweeps become invalid. */
sweep_record *records_add(records *r, const char *name, int dim, int lambda_count, int seeds);
/* Takes back the one added last. */
void records_drop(records *r);
void records_free(records *r);

/* An array with one object for each model; `indent` stands before each. */
void records_runs(const records *r, const configuration *c, const char *indent, text *out);
/* results.json: {"configuration": {...}, "runs": [...]} */
void records_write(const records *r, const configuration *c, text *out);
/* Reads it back.  MISMATCH names the member of the configuration that differs, DATA what is wrong with the file. */
isk_status records_read(records *r, configuration *c, isk_context *context, const char *file);

#endif
