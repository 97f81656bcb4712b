/* Do clusters of the features agree with labels?  k-means on each embedding against each label column (Gui et al. A.3), and Leiden on
   the joint neighbours of several modalities. */
#ifndef CLUSTER_H
#define CLUSTER_H

#include "../base/blocks.h"
#include "../base/text.h"

enum { CLUSTER_BLOCKS = 2 * ISK_MAX_VIEWS, CLUSTER_STANDARD = 3 * ISK_MAX_VIEWS + 3 };

/* Blocks of [n, d_i] features, absent ones with data NULL; several are joined, each with the same total variance.  A row that begins
   with NaN is missing. */
typedef struct cluster_embedding {
    char name[64];
    isk_matrix blocks[CLUSTER_BLOCKS];
    int views;                      /* 2 or more: the blocks are of so many modalities, which have joint neighbours; else 0 */
    int view_of[CLUSTER_BLOCKS];    /* of which each is, from 0 */
} cluster_embedding;
typedef struct cluster_label { const char *name; const int32_t *codes; } cluster_label;     /* [n] negative: unlabelled */

/* Of each view, named "rna", ...: "shared_rna" (C), "specific_rna" (Z), "rna" (both); at the end, of all views side by side, "shared",
   "specific" and "all".  What is absent is left out.  Returns how many there are, at most CLUSTER_STANDARD. */
int cluster_embeddings(int views, const char *const *view_names, const isk_matrix *c, const isk_matrix *z, cluster_embedding *embeddings);

typedef struct cluster_desc {
    int64_t rows;                   /* n */
    const cluster_embedding *embeddings;
    int embedding_count;
    const cluster_label *labels;
    int label_count;
    const uint8_t *part;            /* [n]; NULL: all rows are clustered */
    isk_part scored;                /* the part that is clustered; 0: ISK_TEST */
    int starts;                     /* of k-means, of which the best is taken; 0: 10 */
    int leiden;                     /* 1: where igraph was found, embeddings of several modalities are clustered by Leiden as well */
    int seeds;                      /* runs of seed, seed + 1, ...; 0: 1 */
    uint64_t seed;
} cluster_desc;

typedef struct cluster_row {
    const char *embedding, *label;  /* the descriptor's */
    int leiden;                     /* 1: by Leiden; 0: by k-means */
    int64_t cells;                  /* of that part that are there and labelled */
    int k;                          /* different labels among them, and so clusters; by Leiden as near to that as was found */
    double ari, nmi;                /* means over the seeds; NaN: fewer than two labels */
    double ari_deviation, nmi_deviation;    /* standard deviations over the seeds; NaN: one seed */
} cluster_row;

/* How many rows there will be: the labels of an embedding together, by k-means and then by Leiden. */
int cluster_row_count(const cluster_desc *desc);
isk_status cluster_scores(isk_context *context, const cluster_desc *desc, cluster_row *rows);

/* Clusters of all rows by Leiden, of resolution 1, on the joint neighbours of an embedding of several modalities; without igraph or
   with fewer than 20 rows there are none: count 0.  labels [n]: -1 where a block is missing, else 0, 1, ..., the largest first. */
isk_status cluster_joint(isk_context *context, const cluster_embedding *embedding, uint64_t seed, int32_t *labels, int *count);

/* clusters.tsv; an array of JSON objects; a table for the terminal. */
void cluster_tsv(const cluster_row *rows, int count, text *out);
void cluster_json(const cluster_row *rows, int count, text *out);
void cluster_text(const cluster_row *rows, int count, text *out);

#endif
