/* What data integration is made from: cells of several batches, the counts of the genes that are learned from, what is known of the cells
   as covariates, which of them train; and the same of new cells, by a model alone. */
#ifndef GATHERED_H
#define GATHERED_H

#include "../base/options.h"
#include "../cells/covariates.h"
#include "../cells/genes.h"

typedef struct gather_settings {
    word_list files;
    const char *counts, *cells, *keep, *drop;
    const char *batch, *labels, *invariant, *spurious, *as_classes, *as_numbers;
    int genes, drop_empty, transpose, strip_suffix, force;
    double hide, most_memory;       /* part of the labels; GiB */
    uint64_t seed;
} gather_settings;

#define GATHER_DEFAULTS { .genes = 2000, .hide = 0.1 }
#define GATHER_OFFSET(at, field) ((at) + offsetof(gather_settings, field))
/* Rows of a command's table of options: which cells, of training and of new ones; then what is known of them. */
#define GATHER_READ_OPTIONS(at)                                                                                        \
    { "FILE", OPTION_ARGUMENTS, GATHER_OFFSET(at, files), NULL, NULL, 0, 0, NULL },                                    \
    { "counts", OPTION_TEXT, GATHER_OFFSET(at, counts), "LAYER",                                                       \
      "of .h5ad and .h5mu: where the counts are, layers/LAYER, or raw [X]", 0, 0, NULL },                              \
    { "cells", OPTION_TEXT, GATHER_OFFSET(at, cells), "FILE",                                                          \
      "a table (CSV, TSV) of what is known of the cells, whose first column names them", 0, 0, NULL },                 \
    { "transpose", OPTION_FLAG, GATHER_OFFSET(at, transpose), NULL,                                                    \
      "matrices are genes x cells [told by the names of cells]", 0, 0, NULL },                                         \
    { "strip-suffix", OPTION_FLAG, GATHER_OFFSET(at, strip_suffix), NULL,                                              \
      "names of cells lose \"-1\" and the like at their end", 0, 0, NULL },                                            \
    { "drop-empty", OPTION_FLAG, GATHER_OFFSET(at, drop_empty), NULL,                                                  \
      "cells without a count over the genes that are learned from are left out; else they are refused", 0, 0, NULL },  \
    { "max-mem", OPTION_REAL, GATHER_OFFSET(at, most_memory), "GIB", "most memory for the data [no limit]", 0, 1e6, NULL }
#define GATHER_KNOWN_OPTIONS(at)                                                                                       \
    { "batch", OPTION_TEXT, GATHER_OFFSET(at, batch), "COLUMN",                                                        \
      "which batch each cell is of, a column of obs or of --cells [of several files: file]", 0, 0, NULL },             \
    { "labels", OPTION_TEXT, GATHER_OFFSET(at, labels), "COLUMN",                                                      \
      "the cells' types, which training is told; cells without one are well", 0, 0, NULL },                            \
    { "hide-labels", OPTION_REAL, GATHER_OFFSET(at, hide), "PART",                                                     \
      "part of the labels that training is not told, so that they can be evidence [0.1]", 0, 0.9, NULL },              \
    { "invariant", OPTION_TEXT, GATHER_OFFSET(at, invariant), "LIST",                                                  \
      "further columns of what is to be kept, with commas between: condition, stage, age", 0, 0, NULL },               \
    { "spurious", OPTION_TEXT, GATHER_OFFSET(at, spurious), "LIST",                                                    \
      "further columns of what is to be set aside: donor, percent_mito", 0, 0, NULL },                                 \
    { "classes", OPTION_TEXT, GATHER_OFFSET(at, as_classes), "LIST",                                                   \
      "columns of numbers that are classes [those of at most 12 different whole numbers]", 0, 0, NULL },               \
    { "numbers", OPTION_TEXT, GATHER_OFFSET(at, as_numbers), "LIST", "columns of numbers that are no classes", 0, 0, NULL }
#define GATHER_GENE_OPTIONS(at)                                                                                        \
    { "genes", OPTION_INT, GATHER_OFFSET(at, genes), "N",                                                              \
      "genes that vary most within batches, by Seurat's vst, those of most batches first; 0: all [2000]", 0, 1e6, NULL }, \
    { "keep-features", OPTION_TEXT, GATHER_OFFSET(at, keep), "LIST",                                                   \
      "only genes that fit one of these patterns, with * and ? as in a shell [all]", 0, 0, NULL },                     \
    { "drop-features", OPTION_TEXT, GATHER_OFFSET(at, drop), "LIST", "genes that fit one of these are left out: MT-*,RP[LS]*", 0, 0, NULL }

typedef enum gathered_list { GATHERED_LABEL, GATHERED_INVARIANT, GATHERED_BATCH, GATHERED_SPURIOUS, GATHERED_LISTS } gathered_list;
typedef struct gathered {
    isk_context *context;
    progress *bar;
    const gather_settings *s;       /* must outlive it */
    int counts;                     /* 0: any numbers */
    cells c;
    genes genes;
    isk_scalar *x;                  /* [rows, genes] */
    covariates known[GATHERED_LISTS];       /* of label and batch one at the most */
    isk_scalar *design[GATHERED_LISTS];     /* what training is told; NULL: there are none */
    int32_t *batches, *types;       /* [rows] levels, -1: none or unknown; types NULL: cells have no labels */
    uint8_t *hidden;                /* [rows] 1: its label was not told; or NULL */
    uint8_t *part;                  /* [rows] isk_part; NULL of new cells */
    int64_t hidden_count, dropped;
} gathered;

/* Reads, chooses genes, learns covariates.  validation: part of each batch's cells that does not train.  After a failure gathered_free is
   due, as after success. */
isk_status gathered_read(gathered *g, isk_context *context, const gather_settings *s, int counts, double validation, progress *bar);
/* New cells, as the model was trained; DATA where more than MOST_MISSING of the genes are missing, unless s->force.  With labels of their
   own, types has those that the model knows, but no design is told of them. */
#define MOST_MISSING 0.2
isk_status gathered_recall(gathered *g, isk_context *context, const gather_settings *s, const isk_model *model, int counts, progress *bar);
void gathered_free(gathered *g);

/* The view and the extras of a fit or a transform; columns that the list has none of are left out. */
isk_view gathered_view(const gathered *g);
void gathered_give(const gathered *g, isk_extra extras[ISK_MAX_EXTRAS]);
/* Genes and covariates in the model. */
isk_status gathered_put(const gathered *g, isk_model *model);
void gathered_say(const gathered *g);

/* The column of batches or of labels; "" where there is none.  Names of its levels. */
const char *gathered_name(const gathered *g, gathered_list list);
const names *gathered_levels(const gathered *g, gathered_list list);     /* NULL: there is none */

#endif
