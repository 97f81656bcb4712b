/* Which genes a method of counts learns from, and their counts as a matrix: of training cells, and of new ones by a model alone. */
#ifndef GENES_H
#define GENES_H

#include "../formats/cells.h"

typedef struct genes {
    names names;                    /* in the order of the matrix's columns */
    names ids;                      /* theirs, or count 0 */
    int64_t of, zero;               /* genes that there were; of these without a count in any training cell */
    int by_ids;                     /* 1: new cells were matched by ids, as few names met */
    int64_t *columns;               /* [names.count] of the data that were looked at last; -1: they lack it */
    int64_t missing;                /* of those */
} genes;

/* DATA, with cell and gene, where a value is negative, missing or not whole: what it looks like, and what to do. */
isk_status genes_check_counts(const cells *c);

/* The `most` genes that vary most, by batches (codes [rows] below `batches`), of those that some training cell has; 0: all of these.
   counts 0: the values are any numbers, and genes are told by their variance over all training cells alone. */
isk_status genes_learn(genes *g, const cells *c, const uint8_t *part, const int32_t *codes, int batches, int64_t most, int counts);
/* Finds them in other cells: by names, or where more meet so by ids. */
isk_status genes_find(genes *g, const cells *c);
/* values [rows, names.count], to be freed; zeros where a gene is missing. */
isk_status genes_matrix(const genes *g, const cells *c, isk_scalar **values);
/* Cells without a count over these genes: kept [rows] 0; *empty how many, *first which. */
void genes_find_empty(const genes *g, const isk_scalar *values, int64_t rows, uint8_t *kept, int64_t *empty, int64_t *first);
void genes_free(genes *g);

/* In the model: texts user.genes, user.gene_ids. */
isk_status genes_put(const genes *g, isk_model *model);
isk_status genes_get(genes *g, isk_context *context, const isk_model *model);

#endif
