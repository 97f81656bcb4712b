/* Embeddings of the same cells side by side in a page (page.h): point at a cell to see it in every panel, choose what colours the
   cells, hide classes, zoom, save as PNG.  All is in the page itself; without JavaScript there are plain pictures (chart.h).
   Names and columns are embedded once, coordinates once a panel in 16 bits an axis: 30000 cells in eight panels with four columns are
   3 MB. */
#ifndef PLOTS_H
#define PLOTS_H

#include "page.h"

#include <stdint.h>

/* What the cells may be coloured by: classes, or numbers where `codes` is NULL. */
typedef struct plots_column {
    const char *name;
    const int32_t *codes;           /* [rows] index of a class; negative or not below count: none */
    const char *const *classes;     /* [count] */
    int count;
    const double *numbers;          /* [rows], not finite: none */
} plots_column;

typedef struct plots_desc {
    int64_t rows;
    const char *(*name)(const void *user, int64_t row);     /* of a cell; or NULL: "cell 1", "cell 2", ... */
    const void *user;
    const plots_column *columns;    /* [column_count]; none at all is allowed */
    int column_count;
    int first;                      /* the column that is chosen when the page opens; the plain pictures have it alone */
} plots_desc;

typedef struct plots_panel {
    const char *title, *note;       /* note: a sentence below the panel, or NULL */
    const float *points;            /* [rows, 2]; a row that is not finite is not there */
    const uint8_t *shown;           /* [rows], 0: left out; or NULL: all */
} plots_panel;

/* Must live as long as desc, which is not copied, between begin and end. */
typedef struct plots { text *page; plots_desc desc; } plots;

/* As all of text.h: memory that runs out is seen in page->failed. */
void plots_begin(plots *p, text *page, const plots_desc *desc);
void plots_add(plots *p, const plots_panel *panel);
void plots_end(plots *p);

/* A plain picture alone, without script, coloured by one column; for all that are coloured by that column one legend, and (NULL) for all
   that are coloured by a number. */
void plots_still(text *page, const plots_panel *panel, int64_t rows, const plots_column *column);
void plots_still_legend(text *page, const plots_column *column);

/* Coordinates as the page holds them: value = middle + step * whole number, one step for both axes, so that shapes are kept. */
enum { PLOTS_MISSING = -32768, PLOTS_REACH = 32767 };
typedef struct plots_scale { double middle[2], step; } plots_scale;
/* Of the points that are there and shown; out [rows, 2]. */
plots_scale plots_quantise(const float *points, const uint8_t *shown, int64_t rows, int16_t *out);

/* Lines of the script, NULL at the end. */
extern const char *const plots_script[];

#endif
