/* Charts as SVG: lines, points coloured by label, bars with error bars.  No script, no outside resource; readable on
   light and dark backgrounds.  Colours: Petroff 2021, "Accessible color sequences for data visualization", ten colours
   chosen for colour-blind readers; beyond ten, the shape of the mark changes too. */
#ifndef CHART_H
#define CHART_H

#include "../base/text.h"

#include <stdint.h>

/* A chart inside a page uses the page's style.  A file of its own (`standalone` = 1) carries it. */

typedef struct line_series {
    const char *name;
    const double *x, *y;            /* points that are not finite interrupt the line */
    int count;
    int dashed;
    int colour;                     /* 1 .. 10; 0: its place among the series */
    const char *const *labels;      /* [count], at the points where there is room, or NULL */
} line_series;

typedef struct line_chart {
    const char *title, *x_label, *y_label;
    const line_series *series;      /* at most 10 */
    int series_count;
    double x_low, x_high;           /* the x axis holds these at least; both 0: what the points span */
    double y_span;                  /* the y axis spans this at least, so that small differences look small */
    int log_y;                      /* 1: logarithmic when every value is positive */
    int whole_x;                    /* 1: ticks of the x axis stand at whole numbers */
    int standalone;
} line_chart;

typedef struct chart_labels {
    const char *const *names;       /* [count] */
    const int *counts;              /* [count], shown in the legend, or NULL */
    int count;
    int ramp;                       /* 1: the names are levels of one quantity, coloured blue to orange */
    int family;                     /* charts and legend of one number belong together */
} chart_labels;

typedef struct scatter_chart {
    const char *title, *x_label, *y_label;
    const float *points;            /* [count, 2] */
    const int *label;               /* [count], index of a name, or negative: drawn grey; NULL: all alike */
    int count;
    chart_labels labels;
    int standalone;
} scatter_chart;

/* A dashed line across the bars, with its name: what a method is held against. */
typedef struct bar_reference { const char *name; double value; } bar_reference;

typedef struct bar_chart {
    const char *title, *y_label;
    const char *const *groups;      /* [group_count], below the axis */
    const char *const *notes;       /* [group_count], a second line, or NULL */
    const char *const *series;      /* [series_count], in the legend */
    const double *mean, *error;     /* [series_count, group_count]; error may be NULL */
    int group_count, series_count;
    int standalone;
    double y_low, y_high;           /* the y axis spans exactly these, bars beyond are cut off; both 0: what the values span, and 0 */
    const bar_reference *references;
    int reference_count;
} bar_chart;

/* One horizontal bar for each name, the largest value on top; colours are those of coarser groups. */
typedef struct ranked_chart {
    const char *title, *x_label;
    const char *const *names;       /* [count] */
    const double *value;            /* [count]; what is not finite is left out */
    const double *error;            /* [count], half the length of the interval, or NULL */
    const int64_t *sizes;           /* [count], written behind the names, or NULL */
    const int *group;               /* [count], index of a group, or negative; NULL: all alike */
    const char *const *groups;      /* [group_count], in the legend */
    const char *below, *above;      /* what it means to be below and above zero, written beside the axis, or NULL */
    int count, group_count;
    int standalone;
} ranked_chart;

/* The ranks of one value against those of another, 1 the least, ties with their mean rank; the diagonal is where both agree. */
typedef struct rank_chart {
    const char *title, *x_label, *y_label;
    const char *const *names;       /* [count] */
    const double *x, *y;            /* [count]; where one is not finite the name is left out */
    const int *group;               /* as above */
    const char *const *groups;
    double rho;                     /* Spearman's, for the title; NAN: not said */
    int count, group_count;
    int standalone;
} rank_chart;

void chart_lines(text *out, const line_chart *chart);
void chart_scatter(text *out, const scatter_chart *chart);
void chart_bars(text *out, const bar_chart *chart);
void chart_ranked(text *out, const ranked_chart *chart);
void chart_rank_scatter(text *out, const rank_chart *chart);

/* The legend of the scatter charts of a page, as HTML: hovering over a name dims the other points. */
void chart_legend(text *out, const chart_labels *labels);
/* Rules for the marks and colours; a page puts them into its style sheet. */
void chart_style(text *out);

#endif
