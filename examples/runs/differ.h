/* Which genes differ between two groups of cells, by the decoder of a model of integration: pairs of cells, one of each group and both of
   one batch, are decoded at that batch, so that what is of the batch is in neither; the posterior is over the pairs. */
#ifndef DIFFER_H
#define DIFFER_H

#include "gathered.h"
#include "../base/sheet.h"

typedef struct differ_desc {
    const uint8_t *group, *against; /* [rows] 1: the cell is of it */
    int pairs;                      /* in all batches together */
    double least;                   /* smallest |log2 fold change| that counts */
    uint64_t seed;
} differ_desc;

/* Of each gene of the model. */
typedef struct difference {
    double change, low, high;       /* log2 fold change, group over against: mean, 2.5 % and 97.5 % of the pairs */
    double probability, up;         /* the larger of those of change > least and change < -least; of change > 0 */
    double mean[2], share[2];       /* of the counts themselves: of 10000, and the share of cells that have any; group, against */
} difference;

typedef struct differences {
    difference *list;               /* [genes] */
    int64_t *order;                 /* [genes] the likeliest first, of alike ones the larger change */
    int64_t genes, cells[2], pairs;
    int batches, apart;             /* batches that pairs are of; apart 1: none has cells of both groups, and pairs are of any two cells,
                                       decoded at every batch */
} differences;
/* DATA where a group has no cell, or the model does not decode. */
isk_status differ_make(differences *d, isk_context *context, const isk_model *model, const gathered *g, const differ_desc *desc);
void differ_free(differences *d);

/* A line a gene, the first `most` (0: all). */
enum { DIFFER_COLUMNS = 11 };
void differ_sheet(const differences *d, const gathered *g, int64_t most, sheet_column columns[DIFFER_COLUMNS], sheet *s);

#endif
