/* What a study is run with, and where results came from: the head of its results.json. */
#ifndef CONFIGURATION_H
#define CONFIGURATION_H

#include "../../indiseek.h"
#include "../base/text.h"

enum { MOST_MEMBERS = 128 };

/* Everything that determines a result, as text: options of the library and of the study. */
typedef struct member { char key[32], value[1200]; int word; } member;     /* word: a string in JSON */
typedef struct configuration {
    member members[MOST_MEMBERS];
    int count;
    char seen[MOST_MEMBERS];        /* while results are read */
    const double *lambdas;
    int lambda_count, seeds;
    uint64_t seed;
    int64_t n;                      /* rows, for the report */
    text made_on, made_by;          /* devices; commands, one a line: more than one where a study was resumed */
} configuration;

void configuration_add(configuration *c, const char *key, const char *value, int word);
void configuration_number(configuration *c, const char *key, double value);
/* lambda (all of them), seeds, seed and preset. */
void configuration_grid(configuration *c, const char *preset);
/* Every option of the library but lambda. */
void configuration_options(configuration *c, const isk_options *resolved);
/* "indiseek,clip", each once: at most ISK_MOST_METHODS.  ARGUMENT tells the nearest name. */
isk_status configuration_methods(isk_context *context, const char *list, const isk_method **methods, int *count);
void configuration_free(configuration *c);

/* Takes down the command that was typed, and the device, unless they stand there. */
void configuration_made(configuration *c, const isk_context *context, int argc, char **argv);

/* "configuration": {...} with two blanks before it. */
void configuration_write(const configuration *c, text *out);
/* One member, its key without "configuration.".  MISMATCH names what differs. */
isk_status configuration_read(configuration *c, isk_context *context, const char *file, const char *key,
                              const char *value);
/* After the last member: MISMATCH where one has not been read. */
isk_status configuration_complete(const configuration *c, isk_context *context, const char *file);

#endif
