/* What the single-cell commands read: the cells, what is known of them, which of them train, and how each modality is prepared. */
#ifndef SOURCE_H
#define SOURCE_H

#include "../formats/cells.h"
#include "data.h"

enum { SOURCE_KINDS = 4 };          /* of modality_kind */

typedef struct source_settings {
    const char *path, *tenx, *file[SOURCE_KINDS], *prepare[SOURCE_KINDS];
    const char *named_cells[SOURCE_KINDS], *named_features[SOURCE_KINDS];       /* files of names for those of file */
    const char *cells, *modalities, *layer, *obsm, *transpose;
    pairing pairing;
    const char *keep, *drop, *controls;         /* features: lists of patterns; "drop" or "keep", NULL is keep */
    const char *labels, *coarse, *ignore, *group, *split;
    double test, most_memory;       /* GiB */
    uint64_t seed;
} source_settings;

#define SOURCE_DEFAULTS { .test = 0.2, .controls = "drop" }

/* Rows of a command's table of options; `at` is the offset of source_settings. */
#define SOURCE_OFFSET(at, field) ((at) + offsetof(source_settings, field))
#define SOURCE_OF_KIND(at, field, kind, name, value, words)                                                            \
    { name, OPTION_TEXT, SOURCE_OFFSET(at, field) + (kind) * sizeof(const char *), value, words, 0, 0, NULL }
#define SOURCE_FILE(at, kind, name, words) SOURCE_OF_KIND(at, file, kind, name, "FILE", words)
#define SOURCE_NAMES(at, field, kind, name, words) SOURCE_OF_KIND(at, field, kind, name, "FILE", words)
#define SOURCE_PREPARE(at, kind, name, words) SOURCE_OF_KIND(at, prepare, kind, name, "STEPS", words)
/* Where cells come from: of the data that train, and of new cells. */
#define SOURCE_READ_OPTIONS(at)                                                                                        \
    { "PATH", OPTION_ARGUMENT, SOURCE_OFFSET(at, path), NULL, NULL, 0, 0, NULL },                                      \
    { "10x", OPTION_TEXT, SOURCE_OFFSET(at, tenx), "DIR",                                                              \
      "the same as PATH: a folder of matrix.mtx, features.tsv and barcodes.tsv, each also as .gz; DIR/PREFIX where its " \
      "files have one", 0, 0, NULL },                                                                                  \
    SOURCE_FILE(at, MODALITY_RNA, "rna-file",                                                                          \
                "instead of PATH, one file a modality, of any kind that PATH may be, or cells x genes in a format of indiseek fit --x1; " \
                "matched by the cells' names, which of .mtx and .npy are in NAME.barcodes.txt and NAME.genes.txt beside it"), \
    SOURCE_FILE(at, MODALITY_PROTEIN, "protein-file", "cells x proteins"),                                             \
    SOURCE_FILE(at, MODALITY_ATAC, "atac-file", "cells x peaks"),                                                      \
    SOURCE_FILE(at, MODALITY_OTHER, "other-file", "cells x anything else"),                                            \
    SOURCE_NAMES(at, named_cells, MODALITY_RNA, "rna-cells",                                                           \
                 "names of the cells of --rna-file, one a line, where they are in no file beside it; likewise --protein-cells, ..."), \
    SOURCE_NAMES(at, named_cells, MODALITY_PROTEIN, "protein-cells", NULL),                                            \
    SOURCE_NAMES(at, named_cells, MODALITY_ATAC, "atac-cells", NULL),                                                  \
    SOURCE_NAMES(at, named_cells, MODALITY_OTHER, "other-cells", NULL),                                                \
    SOURCE_NAMES(at, named_features, MODALITY_RNA, "rna-features",                                                     \
                 "names of its genes; likewise --protein-features, ..."),                                              \
    SOURCE_NAMES(at, named_features, MODALITY_PROTEIN, "protein-features", NULL),                                      \
    SOURCE_NAMES(at, named_features, MODALITY_ATAC, "atac-features", NULL),                                            \
    SOURCE_NAMES(at, named_features, MODALITY_OTHER, "other-features", NULL),                                          \
    { "modalities", OPTION_TEXT, SOURCE_OFFSET(at, modalities), "LIST",                                                \
      "which of them, in this order, as the file or a message names them: rna,protein; rna=rna_counts,protein=adt also says " \
      "what they are [all, RNA first]", 0, 0, NULL },                                                                  \
    { "transpose", OPTION_TEXT, SOURCE_OFFSET(at, transpose), "LIST",                                                  \
      "which of these files are features x cells: rna,protein, or none [told by the names of cells]", 0, 0, NULL },    \
    { "layer", OPTION_TEXT, SOURCE_OFFSET(at, layer), "NAME",                                                          \
      "of .h5ad and .h5mu: layers/NAME instead of X, or raw", 0, 0, NULL },                                            \
    { "obsm", OPTION_TEXT, SOURCE_OFFSET(at, obsm), "NAME",                                                            \
      "of .h5ad: what of obsm is a modality [protein_expression or protein_counts, where one is there]", 0, 0, NULL },                    \
    { "cells", OPTION_TEXT, SOURCE_OFFSET(at, cells), "FILE",                                                          \
      "a table (CSV, TSV) of what is known of the cells, whose first column names them", 0, 0, NULL },                 \
    { "strip-suffix", OPTION_FLAG, SOURCE_OFFSET(at, pairing.strip_suffix), NULL,                                      \
      "names of cells lose \"-1\" and the like at their end, which some programs add and others do not", 0, 0, NULL },   \
    { "paired", OPTION_FLAG, SOURCE_OFFSET(at, pairing.paired), NULL, "only cells that have all modalities", 0, 0, NULL },\
    { "keep-empty", OPTION_FLAG, SOURCE_OFFSET(at, pairing.keep_empty), NULL,                                          \
      "cells without RNA stay, also where another modality has more than twice the cells of RNA; else they are left out there, as " \
      "empty droplets", 0, 0, NULL },                                                                                  \
    { "max-mem", OPTION_REAL, SOURCE_OFFSET(at, most_memory), "GIB", "most memory for the data [no limit]", 0, 1e6, NULL }
#define SOURCE_LABEL_OPTIONS(at)                                                                                       \
    { "labels", OPTION_TEXT, SOURCE_OFFSET(at, labels), "COLUMN",                                                      \
      "the cells' types, a column of obs or of --cells; for scores and pictures only", 0, 0, NULL },                   \
    { "coarse", OPTION_TEXT, SOURCE_OFFSET(at, coarse), "COLUMN", "their coarse types, which colour them", 0, 0, NULL },\
    { "label-ignore", OPTION_TEXT, SOURCE_OFFSET(at, ignore), "NAME", "cells of this type train but are not scored",   \
      0, 0, NULL },                                                                                                    \
    { NULL, OPTION_HEADING, 0, NULL, "Which cells train", 0, 0, NULL },                                                \
    { "test", OPTION_REAL, SOURCE_OFFSET(at, test), "PART",                                                            \
      "part of the cells that is held out for scores, every type alike, chosen by --seed [0.2]", 0, 0.95, NULL },      \
    { "split", OPTION_TEXT, SOURCE_OFFSET(at, split), "COLUMN", "instead, a column of train, validation and test", 0, 0, NULL },\
    { "group", OPTION_TEXT, SOURCE_OFFSET(at, group), "COLUMN",                                                        \
      "cells of one group (donor, batch) are never divided between the parts; of two groups one is held out, and "     \
      "validation is drawn within the other", 0, 0, NULL },                                                            \
    { "seed", OPTION_SEED, SOURCE_OFFSET(at, seed), "N", "decides all that is random [0]", 0, 0, NULL }
#define SOURCE_PREPARE_OPTIONS(at)                                                                                     \
    { NULL, OPTION_HEADING, 0, NULL, "How modalities are prepared (moments and components come from training cells)", 0, 0, NULL },\
    { "keep-features", OPTION_TEXT, SOURCE_OFFSET(at, keep), "LIST",                                                   \
      "only features that fit one of these patterns, with * and ? as in a shell; protein:PATTERN is for one modality, whose " \
      "others go, a pattern alone for each [all]", 0, 0, NULL },                                                       \
    { "drop-features", OPTION_TEXT, SOURCE_OFFSET(at, drop), "LIST", "features that fit one of these are left out: rna:MT-*,CD45RA", \
      0, 0, NULL },                                                                                                    \
    { "controls", OPTION_TEXT, SOURCE_OFFSET(at, controls), "WORD",                                                    \
      "hashtags and isotype controls among proteins, told by their names: drop keeps them out of training, but for those " \
      "that fit --keep-features; keep trains on them [drop]", 0, 0, "drop|keep" },                                            \
    SOURCE_PREPARE(at, MODALITY_RNA, "rna", SOURCE_RNA_WORDS),                                       \
    SOURCE_PREPARE(at, MODALITY_PROTEIN, "protein", SOURCE_PROTEIN_WORDS),                           \
    SOURCE_PREPARE(at, MODALITY_ATAC, "atac", SOURCE_ATAC_WORDS),                                    \
    SOURCE_PREPARE(at, MODALITY_OTHER, "other", SOURCE_OTHER_WORDS)
#define SOURCE_RNA_WORDS                                                                                               \
    "hvg=N most variable genes (Seurat's vst), log-normalized, z-score cut at 10, pca=K; also norm=WORD, scale=no, or " \
    "raw: as it is [hvg=2000,pca=50]"
#define SOURCE_PROTEIN_WORDS                                                                                           \
    "clr=cell or clr=protein, Seurat's margins 2 and 1; then z-score and pca=K [clr=cell,pca=50 or one less than the " \
    "proteins]"
#define SOURCE_ATAC_WORDS                                                                                              \
    "tfidf of the hvg=N most counted peaks, then pca=K components of LSI, without the first unless lsi-first=keep "    \
    "[hvg=20000,pca=50]"
#define SOURCE_OTHER_WORDS "[norm=zscore]"

typedef struct source {
    isk_context *context;
    progress *bar;
    const source_settings *s;       /* must outlive it */
    cells c;                        /* as read */
    dataset d;                      /* prepared; view i is modality i */
    const cell_column *coarse;      /* NULL: there are none */
} source;

/* Does the line name any data? */
int source_is_given(const source_settings *s);
/* Says which files are meant when the line names none, or too many; -1 to go on, else the exit code. */
int source_check_line(const source_settings *s, const char *program);
/* Paths as they read from every folder, for config.json; `memory` is for the texts. */
enum { SOURCE_PATHS = 3 + 3 * SOURCE_KINDS };
typedef struct source_paths { char text[SOURCE_PATHS][8400]; } source_paths;
void source_settings_anywhere(source_settings *s, source_paths *memory);

/* After a failure source_free is due, as after success. */
isk_status source_read(source *a, isk_context *context, const source_settings *s, progress *bar);
/* One more table of what is known of the cells, which goes before what their own files say. */
isk_status source_add_table(source *a, cell_table *t);
/* The column of labels, and the coarse ones where s names them. */
isk_status source_labels(source *a, const char *column);
/* Labels, and which cells train; `validation` is the part of the training cells held out where a column names none. */
isk_status source_divide(source *a, double validation);
/* Learns how to prepare from the training cells. */
isk_status source_prepare(source *a);
/* Prepares as the model was trained; its modalities are found by name, and one that is not there is absent. */
isk_status source_recall(source *a, const isk_model *model);
void source_say(const source *a);
void source_free(source *a);

/* A column of classes; whole numbers, such as clusters, become classes.  ARGUMENT with the nearest name when there is none, or it
   holds other numbers. */
isk_status source_classes(source *a, const char *what, const char *name, const cell_column **column);

#endif
