/* Matrices side by side, and the rows that are there in all of them; a row that begins with NaN is missing. */
#ifndef BLOCKS_H
#define BLOCKS_H

#include "../../indiseek.h"

/* Blocks of features of `rows` rows, absent ones with data NULL: SHAPE when one has other rows, DATA when a value is not finite in
   a row that is there.  `name` is what they are, for messages. */
isk_status blocks_check(isk_context *context, const char *name, const isk_matrix *parts, int count, int64_t rows);
void matrix_free(isk_matrix m);     /* data by malloc, or NULL */

/* Rows of that number, one after the other: to [rows, from.cols]. */
void pick_rows(isk_matrix from, const int64_t *index, int64_t rows, isk_scalar *to);

/* The rows that are there in all of several matrices. */
typedef struct whole_rows {
    int64_t count, *index;          /* [count], belongs to it */
    uint8_t *part;                  /* [count] parts of those rows */
} whole_rows;
/* part NULL: all are training rows. */
isk_status whole_rows_find(isk_context *context, const isk_matrix *parts, int count, const uint8_t *part, whole_rows *rows);
void whole_rows_free(whole_rows *rows);
/* Their labels, to be freed; NULL without memory. */
int32_t *whole_rows_labels(const whole_rows *rows, const int32_t *labels);
/* Those rows of matrices side by side, to be freed; absent matrices are passed over, at most 2 ISK_MAX_VIEWS are there.  data NULL
   when none is there or no row is (cols 0 then), memory ran out, or a value is not finite.  Each of several matrices gets the same
   total variance: else neighbours would be those of Z alone, whose scale is free while C has norm 1. */
isk_matrix join_whole_rows(isk_context *context, const isk_matrix *parts, int count, const whole_rows *rows);
/* Its two halves, to join other rows by the same numbers: what each of the `count` matrices is divided by, which is 1 where only
   one is there or it is constant; and the rows side by side, so divided (NULL: as they are). */
void block_divisors(const isk_matrix *parts, int count, const whole_rows *rows, double *divisors);
isk_matrix join_divided(isk_context *context, const isk_matrix *parts, int count, const whole_rows *rows, const double *divisors);

#endif
