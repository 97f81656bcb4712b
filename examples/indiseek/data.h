/* Two matrices, labels and the split: what `fit` and `evaluate` read. */
#ifndef DATA_H
#define DATA_H

#include "../common/preprocess.h"

#include "../common/options.h"
#include "../common/progress.h"

typedef struct data_settings {
    const char *x[2], *norm[2];
    int transpose[2], pca[2];
    const char *labels, *ignore, *group, *split;
    double test;
    uint64_t seed;
} data_settings;

#define DATA_DEFAULTS { .norm = { "zscore", "zscore" }, .test = 0.2 }

/* Rows of a command's table of options; `at` is the offset of data_settings. */
#define DATA_OFFSET(at, field) ((at) + offsetof(data_settings, field))
#define DATA_OPTIONS(at)                                                                                              \
    { "x1", OPTION_TEXT, DATA_OFFSET(at, x[0]), "FILE",                                                               \
      "samples x features: .npy, CSV or TSV, .mtx; the latter two also as .gz", 0, 0, NULL },                         \
    { "x2", OPTION_TEXT, DATA_OFFSET(at, x[1]), "FILE", "the other view of the same samples in the same order",       \
      0, 0, NULL },                                                                                                   \
    { "x1-transpose", OPTION_FLAG, DATA_OFFSET(at, transpose[0]), NULL, "the file holds features x samples",          \
      0, 0, NULL },                                                                                                   \
    { "x2-transpose", OPTION_FLAG, DATA_OFFSET(at, transpose[1]), NULL, "the same for x2", 0, 0, NULL },              \
    { "x1-norm", OPTION_TEXT, DATA_OFFSET(at, norm[0]), "WORD",                                                       \
      "none; zscore: per column; log1p-cp10k: ln(1 + 10000 x / row sum), z-score, cut at 10; clr: Seurat's log "      \
      "ratio per sample, z-score [zscore]", 0, 0, NORM_CHOICES },                                                     \
    { "x2-norm", OPTION_TEXT, DATA_OFFSET(at, norm[1]), "WORD", "the same for x2 [zscore]", 0, 0, NORM_CHOICES },     \
    { "x1-pca", OPTION_INT, DATA_OFFSET(at, pca[0]), "K",                                                             \
      "first K principal components instead, divided by one number so that their mean variance is 1 [0: none]",       \
      0, 100000, NULL },                                                                                              \
    { "x2-pca", OPTION_INT, DATA_OFFSET(at, pca[1]), "K", "the same for x2", 0, 100000, NULL },                       \
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
      "rows of one group (donor, video) are never divided between the parts", 0, 0, NULL },                           \
    { "seed", OPTION_SEED, DATA_OFFSET(at, seed), "N", "decides all that is random [0]", 0, 0, NULL }

typedef struct dataset {
    int64_t rows;
    input in[2];
    recipe recipe[2];
    isk_matrix x[2];                /* prepared; data NULL when there is no such view */
    isk_scalar *own[2];             /* memory of x where it is not that of `in` */
    int has_labels;
    labels labels;                  /* without the ignored class: code -1 */
    const char **names;             /* [labels.count] */
    uint8_t *part;                  /* [rows] */
} dataset;

/* Reads labels and split for `rows` rows (0: as many as x has) and the matrices, and prepares them.  `validation` is
   the part of the training rows held out where the split names none. */
isk_status data_read(dataset *d, isk_context *context, const data_settings *s, double validation, int64_t rows,
                     progress *bar);
void data_free(dataset *d);

#endif
