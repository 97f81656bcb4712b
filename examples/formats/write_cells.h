/* Results as files that anndata, mudata, scanpy and muon read. */
#ifndef WRITE_CELLS_H
#define WRITE_CELLS_H

#include "cells.h"

/* An embedding of all cells; rows that begin with NaN are not there.  of: the modality it belongs to, -1: the whole.  columns: their
   names, or NULL; they stand in uns/indiseek/columns by the name of the embedding, because readers take an obsm that is a data frame
   for no matrix. */
typedef struct cell_embedding { char name[48]; int of; isk_matrix values; const names *columns; } cell_embedding;
typedef struct cell_fact { const char *name, *value; } cell_fact;

/* Values beside those of the first modality, [rows, features->count] of these of its features; other features have none. */
typedef struct cell_layer { const char *name; isk_matrix values; const names *features; } cell_layer;

typedef struct cell_results {
    const cells *cells;             /* matched; values as they were read, before preparation */
    const cell_embedding *embeddings;       /* of a modality: "X_indiseek_shared"; of the whole: "X_umap_all" */
    int embedding_count;
    const cell_column *columns;     /* [rows] each: theta, betas, weights; names begin with indiseek_ */
    int column_count;
    const cell_fact *facts;         /* uns/indiseek: method, lambda, seed, version, config (JSON), hash of each input ... */
    int fact_count;
    int without_counts;             /* 1: X is left out (an empty matrix of the right shape) */
    const cell_layer *layer;        /* layers/NAME of an AnnData, sparse; or NULL */
} cell_results;

/* One AnnData: X and var are the first modality's, obsm has all embeddings, those of a modality as "X_indiseek_shared_rna"; other
   modalities' counts are obsm/NAME_counts data frames where they have at most 2000 features.  obs has c->table and columns. */
isk_status h5ad_write(isk_context *context, const char *path, const cell_results *r);
/* One MuData: mod/NAME for each modality, with its own cells only, its embeddings in its obsm; the whole's in the root's. */
isk_status h5mu_write(isk_context *context, const char *path, const cell_results *r);
/* A copy of the user's own .h5ad or .h5mu with the same added, in the order of its own cells; nothing that is in it changes.  A key of
   ours that is there already is replaced. */
isk_status h5_add(isk_context *context, const char *source, const char *path, const cell_results *r);
/* The same as plain files: cells.tsv (names, columns), and the embeddings as .npy are the caller's. */
void cell_columns_tsv(const cell_results *r, text *out);

#endif
