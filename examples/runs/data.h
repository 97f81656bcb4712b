/* The views, labels and the split: what `fit` and `evaluate` read. */
#ifndef DATA_H
#define DATA_H

#include "split.h"
#include "views.h"

typedef struct data_settings {
    view_settings views;
    const char *labels, *ignore, *group, *split, *target;
    int target_numbers;
    double test;
    uint64_t seed;
} data_settings;

#define DATA_DEFAULTS { .test = 0.2 }       /* and view_defaults */

/* Rows of a command's table of options beside those of the views; `at` is the offset of data_settings. */
#define DATA_OFFSET(at, field) ((at) + offsetof(data_settings, field))
#define DATA_OPTIONS(at)                                                                                              \
    { "labels", OPTION_TEXT, DATA_OFFSET(at, labels), "FILE:COLUMN",                                                  \
      "one label a row, for scores and pictures only; a column by name or number, or FILE alone", 0, 0, NULL },       \
    { "label-ignore", OPTION_TEXT, DATA_OFFSET(at, ignore), "NAME", "rows of this label train but are not scored",    \
      0, 0, NULL },                                                                                                   \
    { NULL, OPTION_HEADING, 0, NULL, "Which rows train", 0, 0, NULL },                                                \
    { "test", OPTION_REAL, DATA_OFFSET(at, test), "PART",                                                             \
      "part of the rows that is held out for scores, every label alike, chosen by --seed [0.2]", 0, 0.95, NULL },     \
    { "split", OPTION_TEXT, DATA_OFFSET(at, split), "FILE",                                                           \
      "one word a row instead: train, validation or test; FILE:COLUMN of a table too", 0, 0, NULL },                  \
    { "group", OPTION_TEXT, DATA_OFFSET(at, group), "FILE:COLUMN",                                                    \
      "rows of one group (donor, video) are never divided between the parts; of two groups one is held out, and "     \
      "validation is drawn within the other", 0, 0, NULL },                                                           \
    { "seed", OPTION_SEED, DATA_OFFSET(at, seed), "N", "decides all that is random [0]", 0, 0, NULL }

typedef struct dataset {
    int64_t rows;
    views v;
    int has_labels;
    labels labels;                  /* without the ignored class: code -1 */
    const char **names;             /* [labels.count] */
    uint8_t *part;                  /* [rows] */
    split_groups groups;            /* as they were divided */
    isk_matrix target;              /* what training is told beside the views; data NULL: nothing */
    uint8_t *target_present;        /* [rows] */
} dataset;

/* Reads labels and split for `rows` rows (0: as many as x has), the views and the target, and prepares them.  `validation` is
   the part of the training rows held out where the split names none. */
isk_status data_read(dataset *d, isk_context *context, const data_settings *s, double validation, int64_t rows,
                     progress *bar);
/* Takes labels [rows] of `source`, also when it fails; rows of the class `ignore`, unless NULL, become unlabelled. */
isk_status data_take_labels(dataset *d, isk_context *context, const char *source, const labels *given, const char *ignore);
/* DATA when labels of `source` are names, one a row; before they are divided alike.  `rows`: "cells". */
isk_status data_check_labels(const dataset *d, isk_context *context, const char *source, const char *rows);
/* Warns of labels that tell nothing apart. */
void data_warn_of_labels(const dataset *d, const char *source, const char *rows, progress *bar);
void data_free(dataset *d);

#endif
