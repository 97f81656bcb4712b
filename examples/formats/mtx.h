/* Matrix Market files (math.nist.gov/MatrixMarket/formats.html), plain or gzip: what 10x Genomics and scanpy write. */
#ifndef MTX_H
#define MTX_H

#include "../base/lines.h"

/* Compressed rows: the entries of row r are starts[r] .. starts[r + 1] - 1, columns ascending, none twice. */
typedef struct sparse {
    int64_t rows, cols, count;
    int64_t *starts;                /* [rows + 1] */
    int32_t *columns;               /* [count] */
    isk_scalar *values;             /* [count] */
} sparse;

/* Reads coordinate (integer, real, pattern: all 1) and array (integer, real) files that are general; others are UNSUPPORTED.
   transpose: the rows of the result are the file's columns, for files of genes x cells. */
isk_status mtx_read(isk_context *context, const char *path, int transpose, sparse *m);
/* What the file announces: the sizes of the result, and its entries (of an array all). */
isk_status mtx_size(isk_context *context, const char *path, int transpose, int64_t *rows, int64_t *cols, int64_t *count);
isk_status mtx_read_from(isk_context *context, const isk_reader *reader, int transpose, sparse *m);

/* The columns of that number, in that order, each at most once.  `name` is for messages. */
isk_status sparse_select(isk_context *context, const char *name, const sparse *m, const int64_t *columns, int64_t count,
                         sparse *result);
/* All values, [rows, cols], by malloc; NULL when there is no memory. */
isk_scalar *sparse_to_dense(const sparse *m);
void sparse_free(sparse *m);

#endif
