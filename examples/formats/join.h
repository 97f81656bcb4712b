/* Cells of several files as one data set of RNA: the genes that all of them have, and which file each cell is of. */
#ifndef JOIN_H
#define JOIN_H

#include "cells.h"

/* The column that says of which file a cell is, where there are several: by the name of the file, or of its folder. */
#define JOIN_COLUMN "file"
/* Of the genes of the smallest file fewer than this in common are names that do not meet. */
#define LEAST_COMMON 0.1

typedef struct join_desc {
    const char *const *paths;       /* of any kind that matrices_read takes */
    int count;
    const names *known;             /* cells, for tables of which only names tell which way they lie; or NULL */
    int transpose;                  /* 1: matrices are genes x cells */
    const read_desc *read;          /* layer, limit of memory, words; `only` and `modalities` are of no meaning */
} join_desc;

/* Reads and matches.  Genes meet by their names, or where more do so by their ids; their order is that of the first file.  Where two files
   have a cell of one name, all names get that of their file behind them.  What is lost is said by desc->read->bar; DATA where names do not
   meet.  c has one modality, rna. */
isk_status cells_join(cells *c, isk_context *context, const join_desc *desc);

/* Whether it looks like ENSG00000141510, of any species. */
int is_ensembl(const char *name);

#endif
