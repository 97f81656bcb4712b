/* The table of runs of a study or a comparison: what is measured of each model, as named numbers.  It is written whole, results.json,
   or a line a model as soon as that is measured, and read back to go on. */
#ifndef RECORDS_H
#define RECORDS_H

#include "configuration.h"

/* count 0: one number; else an array of so many.  A value that is not finite is null in JSON, NaN when read. */
typedef struct record_field { char name[32]; int count; } record_field;

/* One sweep.  Models stand lambda by lambda, the seeds of each together; without lambdas there are the seeds alone. */
typedef struct sweep_record {
    char name[48];                  /* of the method, or of what stands in its place */
    int number;                     /* tells sweeps of one name apart; 0: there is but one */
    const double *lambdas;          /* [lambda_count], of the grid */
    int lambda_count, seeds;        /* 0: it has none; models: the product, each taken as 1 at least */
    double *values;                 /* [models, width] */
    char *there;                    /* [models] 1: it has been measured */
} sweep_record;

enum { MOST_FIELDS = 128 };
typedef struct records {
    const char *number;             /* the member that holds it: "dim", "setting", "data"; NULL: none does */
    const char *const *words;       /* it is words[number - 1], in [word_count]; NULL: the number itself, null where 0 */
    int word_count;
    int number_first;               /* it stands before "method" */
    int without_lambda;             /* there is no such member */
    int closed;                     /* only sweeps that have been added are read, and they may lack models */
    /* What lambdas a sweep that is read has to have: how many; -1: there is no such method.  NULL: the whole grid, or none where it is
       null. */
    int (*lambdas_of)(const configuration *c, const char *name, int number, const double **lambdas);
    record_field fields[MOST_FIELDS];
    int field_count;
    sweep_record *sweeps;
    int count;
} records;

/* A further field; its place. */
int records_add_field(records *r, const char *name, int count);
/* The place of the field of that name, which there must be. */
int records_field(const records *r, const char *name);
int records_models(const sweep_record *s);
int records_width(const records *r);
/* The numbers of one model's field, next to each other; those of the next model are records_width further on. */
double *records_at(const records *r, const sweep_record *s, int model, int field);
sweep_record *records_find(const records *r, const char *name, int number);
/* A sweep of NaN, nothing of it there; NULL without memory.  Pointers to other sweeps become invalid. */
sweep_record *records_add(records *r, const char *name, int number, const double *lambdas, int lambda_count, int seeds);
/* Takes back the one added last. */
void records_drop(records *r);
void records_free(records *r);
double records_lambda(const sweep_record *s, int model);                                /* NaN: none */
uint64_t records_seed(const configuration *c, const sweep_record *s, int model);

/* ---- the whole of it ---- */

/* An array with one object for each model; `indent` stands before each. */
void records_runs(const records *r, const configuration *c, const char *indent, text *out);
/* results.json: {"configuration": {...}, "runs": [...]} */
void records_write(const records *r, const configuration *c, text *out);
/* Reads it back.  MISMATCH names the member of the configuration that differs, DATA what is wrong with the file. */
isk_status records_read(records *r, configuration *c, isk_context *context, const char *file);

/* ---- line by line: the configuration, then a model each ---- */

isk_status records_lines_begin(const configuration *c, isk_context *context, const char *file);
/* A last line that was cut off is taken away; a file without any line is begun. */
isk_status records_lines_read(records *r, configuration *c, isk_context *context, const char *file);
/* Appends a model that has been measured.  What is kept of it is what was written, so that what was stopped and went on ends with
   the numbers of what was not. */
isk_status records_lines_add(records *r, configuration *c, isk_context *context, const char *file, const sweep_record *s, int model);

#endif
