/* What each coordinate of C and Z is about, as factors are read: how much of every view it tells, and which features rise and fall with
   it. */
#ifndef COORDINATES_H
#define COORDINATES_H

#include "results.h"
#include "stability.h"
#include "../base/sheet.h"

enum { FOLLOWED = 5 };              /* features that are named on each side */
typedef struct followed { int64_t word; double r; } followed;       /* word -1: none; r: correlation over the held-out rows */

typedef struct coordinate {
    int of, column;                 /* of FEATURE_C + view, ...; from 0 */
    double r2[ISK_MAX_VIEWS];       /* of each view's X, as prepared, from this coordinate alone */
    double cumulative;              /* of its own view's X, from it and those of its kind that stand before it */
    double stable;                  /* R^2 with which other seeds tell it; NaN: unknown */
    followed side[2][FOLLOWED];     /* the features of its view that rise with it most, and those that fall */
} coordinate;

/* Those of C1, C2, ..., Z1, ... one kind after the other, in each those first that tell most of their own view.  Columns that never
   change are left out. */
typedef struct coordinates {
    coordinate *list;
    int64_t count;
    int views;
    char modality[ISK_MAX_VIEWS][48];
    names words;                    /* of the features that are named */
} coordinates;

/* R^2 as isk_ridge_r2 has it, fitted on the training rows and scored on the test rows, where there are none on the validation rows; of
   10000 of each at the most.  Without training or held-out rows there are no coordinates.  s: NULL where stability is unknown;
   modalities [d->v.count] are the views' names. */
isk_status coordinates_make(coordinates *c, isk_context *context, const dataset *d, const features *f, const stability *s,
                            const char *const *modalities);
void coordinates_free(coordinates *c);

/* "Z1_3", of the third column of Z1 */
const char *coordinate_key(const coordinate *k, char buffer[32]);
/* "Z1_3 (+MKI67 +TOP2A -CD3E)": columns of an embedding by what they are about; those that never change have their key alone.
   0: out of memory. */
int coordinate_names(const coordinates *c, int of, int64_t columns, names *list);

/* coordinates.tsv: a line a coordinate. */
enum { COORDINATE_COLUMNS = 4 + ISK_MAX_VIEWS + 4 * FOLLOWED };
typedef struct coordinate_columns {
    sheet_column list[COORDINATE_COLUMNS];
    char keys[COORDINATE_COLUMNS][64], titles[ISK_MAX_VIEWS][64];
} coordinate_columns;
void coordinates_sheet(const coordinates *c, coordinate_columns *columns, sheet *s);
/* Into a folder, where there are some. */
isk_status coordinates_write(const coordinates *c, output *out);
/* Reads it back. */
isk_status coordinates_read(coordinates *c, isk_context *context, const char *path);

/* For people the first `most` of one kind; on the terminal what falls with a coordinate stands in a line of its own, `wide` 0. */
void coordinates_table(const coordinates *c, int of, int most, int wide, coordinate_columns *columns, sheet *s);
int64_t coordinates_of(const coordinates *c, int of);               /* how many there are of that kind */
/* "Z1, specific to rna" */
const char *coordinate_words(const coordinates *c, int of, char buffer[80]);
void coordinates_text(const coordinates *c, int most, text *out);

#endif
