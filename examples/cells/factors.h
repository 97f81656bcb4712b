/* What may move cells' counts without being biology: depth, share of mitochondrial genes, background, doublets, donors. */
#ifndef FACTORS_H
#define FACTORS_H

#include "../formats/cells.h"
#include "preprocess.h"

/* One of them: numbers, or classes side by side, 1 where a cell has that one.  Rows of which it is not known are NaN. */
typedef struct factor {
    char name[96];                  /* "rna: log depth", "donor" */
    isk_matrix values;              /* [rows, 1 or classes], belongs to it */
} factor;

enum { MOST_FACTORS = 48 };
typedef struct factors {
    factor list[MOST_FACTORS];      /* no more than these are kept */
    int count;
} factors;

typedef struct factors_desc {
    const cells *cells;             /* with the counts as they were read */
    const recipe *recipe;           /* [modalities] as they were prepared */
    const isk_matrix *prepared;     /* [modalities] */
    const uint8_t *part;            /* [rows] doublets are sought among the rows of `asked` alone, which takes time */
    isk_part asked;
    const char *group, *labels;     /* the column of donors, or NULL; that of types, which is no such factor, or NULL */
    uint64_t seed;                  /* of the simulated doublets */
} factors_desc;
/* Only what there is: of a modality whose values are no counts nothing, of genes those that are named, of columns of classes `group` and
   those that are called donor, batch, sample and the like.  Numbers that are the same in nineteen of twenty cells are left out. */
isk_status factors_make(factors *f, isk_context *context, const factors_desc *desc);
void factors_free(factors *f);

#endif
