/* A matrix from a file of any format that the programs know, told by its content: formats[] in input.c says which. */
#ifndef INPUT_H
#define INPUT_H

#include "mtx.h"
#include "table.h"

/* Zeros are the defaults. */
typedef struct input_desc {
    int transpose;                  /* 1: the file holds features x samples, as those of 10x Genomics do */
    table_desc table;               /* how to read text */
    int sequences;                  /* 1: a .npy of [samples, steps, features] is taken too */
    int missing;                    /* 1: what is missing, infinite or not a number is left to the caller to judge, by input_check */
} input_desc;

/* Samples x features.  Matrix Market files are kept sparse until input_dense. */
typedef struct input {
    isk_context *context;
    const char *path;               /* not copied */
    int64_t rows, cols;
    int steps;                      /* of a sequence, whose cols are steps * features; 0: it is none */
    int32_t *lengths;               /* [rows] steps that are there, belongs to the input; NULL: all of them */
    isk_scalar *values;             /* [rows, cols]; NULL while they are sparse */
    sparse sparse;                  /* cols == 0 when values are dense */
    int is_sparse;
    names row_names, column_names;  /* count 0 where the file has none */
    char about[96];                 /* "tab-separated text with a header and row names, transposed" */
} input;

/* The formats in a sentence, ".npy, .mtx and tables as text": all, or those that can hold labels; and with what is read of each, for
   the help of an option. */
enum { FORMATS_WORDS = 240 };
const char *input_formats(int with_labels, char list[FORMATS_WORDS]);
const char *input_help(char list[FORMATS_WORDS]);

/* After a failure there is nothing to free, but input_free does no harm. */
isk_status input_read(isk_context *context, const char *path, const input_desc *desc, input *in);
/* What a file holds, before its values are read.  Rows are 0 where only reading tells, as of a table. */
typedef struct input_extent { int64_t rows, cols, count; int is_sparse; } input_extent;
isk_status input_size(isk_context *context, const char *path, int transpose, input_extent *extent);
/* Makes zeros of what does not count: rows that `present` says are not there (0; NULL: all are) and steps beyond a row's length.
   DATA where anything else is not finite. */
isk_status input_check(input *in, const uint8_t *present);
/* What is stored of one row; columns NULL: of all columns, in their order. */
typedef struct input_row { int64_t count; const int32_t *columns; isk_scalar *values; } input_row;
input_row input_row_of(const input *in, int64_t row);
/* Values become dense.  Does nothing when they are. */
isk_status input_dense(input *in);
/* Values become dense, but only the columns of that number, in that order; of column -1, which is named "", zeros.  Columns NULL: all. */
isk_status input_dense_columns(input *in, const int64_t *columns, int64_t count);
/* The columns of that number, in that order, each at most once. */
isk_status input_select(input *in, const int64_t *columns, int64_t count);
/* Counts to log(1 + count / sum of the row * 10000); rows without a count stay zero.  A negative value is DATA. */
isk_status input_log1p_cp10k(input *in);
/* Rows become columns, each with their names, of what is dense. */
isk_status input_transpose(input *in);
void input_free(input *in);

/* Labels from FILE or FILE:COLUMN (a name, or a number from 1): a table as text, or a .npy of whole numbers.  `rows` is how
   many are due, 0 when not known. */
isk_status input_labels(isk_context *context, const char *file_and_column, int64_t rows, labels *l);
/* Whole numbers from low to high, one a row, from the same kinds of file, to be freed; `what` is for messages. */
isk_status input_whole(isk_context *context, const char *file_and_column, int64_t rows, const char *what, int low, int high,
                       int32_t **values);
/* Numbers [rows, cols], to be freed: a column as for labels, or all columns of what is not text.  What is missing is NaN. */
isk_status input_numbers(isk_context *context, const char *file_and_column, int64_t rows, isk_matrix *values);
/* 1 when the file of FILE or FILE:COLUMN is there and can be read. */
int input_labels_there(const char *file_and_column);

#endif
