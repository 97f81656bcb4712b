/* `indiseek integrate`: its settings, and what the command, its report and its query share. */
#ifndef INTEGRATE_H
#define INTEGRATE_H

#include "commands.h"
#include "pictures.h"
#include "../runs/gathered.h"
#include "../runs/integration.h"
#include "../runs/provenance.h"
#include "../runs/training.h"

/* The method that it trains; all its options are options of the command, by the method's own table. */
#define INTEGRATE_METHOD "invae"
enum { MOST_TYPED = 128 };

typedef struct integrate_settings {
    gather_settings gather;
    training_settings training;
    const char *typed[MOST_TYPED];  /* options of the method, in the order of its table, as typed; NULL: the default */
    const char *model, *as_batch;
    int denoised, without_pictures, without_files, without_counts;
} integrate_settings;

#define INTEGRATE_DEFAULTS { .gather = GATHER_DEFAULTS, .training = TRAINING_DEFAULTS }

typedef struct integrate_job {
    integrate_settings *s;
    int argc;
    char **argv;
    training t;
    gathered g;
    integrated made;
    integration scores;
    pictures pictures;
    provenance provenance;
} integrate_job;

/* The text of one of the method's own options; "" where it has none of that name. */
const char *integrate_option(const isk_method *method, const isk_options *options, const char *name, char buffer[32]);
/* Latents, cells, genes, UMAPs and .h5ad, staged. */
isk_status integrate_write_results(integrate_job *j);
/* UMAPs of what there is, before and after. */
isk_status integrate_draw(integrate_job *j);
isk_status integrate_report(const integrate_job *j, text *page);
/* The model of a folder or a file; counts 0: it was trained on any numbers.  DATA where it is of another command. */
isk_status integrate_load(isk_context *context, const char *given, isk_model **model, int *counts);
/* --model: new cells by a model that was trained. */
isk_status integrate_query(integrate_job *j);

#endif
