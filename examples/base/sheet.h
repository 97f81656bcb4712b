/* A table, written from the same rows and columns with tabs, as JSON, for the terminal and (report/page.h) in a page. */
#ifndef SHEET_H
#define SHEET_H

#include "statistics.h"
#include "text.h"

#include <stdint.h>

typedef enum sheet_form {
    SHEET_WORDS,                    /* to the left; all others to the right */
    SHEET_COUNT,                    /* a whole number */
    SHEET_REAL,                     /* for people `decimals` after the point; in files as text.h writes numbers */
    SHEET_BAR,                      /* the same, with a bar behind it in a page */
    SHEET_GENERAL                   /* for people 6 digits at the most: 0.1, 1e+06 */
} sheet_form;

/* Where a standard error stands beside a mean: in files as a column of its own, KEY_error; for people in brackets. */
enum { SHEET_ERROR_IN_FILES = 1, SHEET_ERROR_ON_TERMINAL = 2, SHEET_ERROR_IN_PAGE = 4 };

/* key: in files; words: over it on the terminal; title: over it in a page.  NULL: the column is not there. */
typedef struct sheet_column {
    const char *key, *words, *title;
    sheet_form form;
    int decimals;                   /* 0: 3; below 0: none */
    int width;                      /* on the terminal; wider by a blank than what does not fit; 0: by two than the widest in it */
    unsigned error;
    double most;                    /* of a bar; 0: 1 */
} sheet_column;

typedef enum sheet_kind { SHEET_NOTHING, SHEET_IS_WORDS, SHEET_IS_NUMBER } sheet_kind;
typedef struct sheet_cell {
    const char *words;
    double value, error;
    sheet_kind kind;
    char strong, owned;
} sheet_cell;

typedef struct sheet {
    const sheet_column *columns;    /* not copied */
    int column_count;
    int of_words;                   /* in a page headings stand to the left */
    sheet_cell *cells;              /* [rows, column_count] */
    int64_t rows, capacity;
    int at;                         /* the next column of the last row */
    int failed;                     /* memory ran out: what is written from it fails too */
} sheet;

/* A row, then its cells from the left; those not given are empty. */
void sheet_row(sheet *s);
void sheet_skip(sheet *s);
void sheet_words(sheet *s, const char *words);              /* not copied; NULL: nothing, in JSON null */
void sheet_format(sheet *s, const char *format, ...) TEXT_FORMAT(2, 3);
void sheet_number(sheet *s, double value);                  /* not finite: unknown, "-" for people */
void sheet_average(sheet *s, average a);
void sheet_strong(sheet *s);                                /* the cell given last is what the row is read for */
void sheet_free(sheet *s);

void sheet_tsv(const sheet *s, text *out);
/* An array with an object for each row, before which `indent` stands. */
void sheet_json(const sheet *s, const char *indent, text *out);
void sheet_text(const sheet *s, text *out);
/* A cell for people; `unknown` stands for what is not finite. */
void sheet_cell_text(const sheet *s, int64_t row, int column, int with_error, const char *unknown, text *out);

#endif
