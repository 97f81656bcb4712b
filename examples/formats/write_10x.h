/* A folder as Cell Ranger 3 writes it, not packed: matrix.mtx (features x cells), features.tsv, barcodes.tsv. */
#ifndef WRITE_10X_H
#define WRITE_10X_H

#include "input.h"
#include "../base/output.h"

/* One kind of features, below each other in the file.  Values whole in all parts make a file of integers. */
typedef struct tenx_part {
    const input *in;                /* cells x features, sparse or dense, column_names [cols] */
    const char *type;               /* "Gene Expression", "Antibody Capture", "Peaks" */
    const names *ids;               /* [cols]; NULL: the names */
} tenx_part;

#define WRITE_10X_NAMES "matrix.mtx features.tsv barcodes.tsv"

/* Stages the three files, of those names.  Cells are the row_names of the first part; SHAPE where parts differ in their rows or lack
   names. */
isk_status write_10x(output *out, const tenx_part *parts, int count);

#endif
