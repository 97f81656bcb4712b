/* Tables as text: CSV, TSV, semicolons or blanks, plain or gzip. */
#ifndef TABLE_H
#define TABLE_H

#include "../base/lines.h"

typedef enum table_choice { TABLE_DETECT, TABLE_YES, TABLE_NO } table_choice;

/* Zeros: everything is found out. */
typedef struct table_desc {
    char delimiter;                 /* '\t', ',', ';' or ' ' (any blanks); 0: the first of these on the first line */
    table_choice header;            /* detected: something on the first line, beside its first field, is no number */
    table_choice row_names;         /* detected: a nameless first column, or a first field that is no number */
    int missing;                    /* 1: missing values are read as NaN */
} table_desc;

/* A matrix of numbers. */
typedef struct table {
    int64_t rows, cols;
    isk_scalar *values;             /* [rows, cols] */
    names column_names, row_names;  /* count 0 when the file has none */
    char delimiter;                 /* of the file; 0 when there is one column */
} table;

/* desc may be NULL.  Every field but the names must be a number; missing values (empty, NA, NaN ...), unless wanted, and
   infinity are DATA, with line, row and column. */
isk_status table_read(isk_context *context, const char *path, const table_desc *desc, table *t);
isk_status table_read_from(isk_context *context, const isk_reader *reader, const table_desc *desc, table *t);
void table_free(table *t);

/* One column as classes: codes[i] is the class of row i, names in order (by value when all are numbers). */
typedef struct labels {
    int64_t rows;
    int count;                      /* classes */
    int64_t missing;                /* rows whose field is empty or NA: code -1 */
    int32_t *codes;
    names classes;
} labels;

/* `column` is a name, or a number from 1, or NULL when the file has one column (beside row names).  `rows` is how many are
   due, 0 when not known: with it, a first line that is no header is told from one that is. */
isk_status labels_read(isk_context *context, const char *path, const char *column, int64_t rows, labels *l);
isk_status labels_read_from(isk_context *context, const isk_reader *reader, const char *column, int64_t rows, labels *l);
/* The same from whole numbers: classes are named by their numbers. */
isk_status labels_from_codes(isk_context *context, const char *name, const int32_t *codes, int64_t rows, labels *l);
/* copy gets memory of its own. */
isk_status labels_copy(isk_context *context, const labels *l, labels *copy);
/* The same from one word a row. */
isk_status labels_from_names(isk_context *context, const char *name, const names *words, labels *l);
void labels_free(labels *l);

/* A table of words, column by column to be made what it is. */
typedef struct frame {
    int64_t rows, cols;             /* rows without the header */
    int header;                     /* 1: the first line is one.  Found: only where it is a field shorter or begins with an empty one; a
                                       caller that knows better sets it by frame_head */
    names fields;                   /* line by line, a header's too; where that is shorter it begins with an empty field */
} frame;
isk_status frame_read(isk_context *context, const char *path, frame *f);
/* Takes the first line for the header. */
void frame_head(frame *f);
const char *frame_header(const frame *f, int64_t col);      /* "" without a header */
const char *frame_get(const frame *f, int64_t row, int64_t col);
/* A column is numbers [rows], with NaN for what is missing, when all of it that is not missing is; else classes, and *numbers is NULL. */
isk_status frame_column(isk_context *context, const char *path, const frame *f, int64_t col, double **numbers, labels *classes);
void frame_free(frame *f);

#endif
