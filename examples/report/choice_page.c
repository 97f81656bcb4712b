#include "choice_page.h"

#include "page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void draw(const choice *c, text *page) {
    double leakage[MOST_REALS], completeness[MOST_REALS];
    double low = INFINITY;
    char words[MOST_REALS][24];
    const char *beside[MOST_REALS];
    const int knee = c->report.knee, count = c->report.points < MOST_REALS ? c->report.points : MOST_REALS;
    line_series series[2] = { { .name = "one point a lambda", .x = leakage, .y = completeness, .count = count, .labels = beside },
                              { .name = "knee", .count = 1 } };
    for (int i = 0; i < count; i++) {
        leakage[i] = c->points[i].mean[ISK_LEAKAGE].mean;
        completeness[i] = c->points[i].mean[ISK_COMPLETENESS].mean;
        snprintf(words[i], sizeof words[i], "%g", c->points[i].lambda);
        beside[i] = words[i];
        low = fmin(low, leakage[i]);
    }
    if (knee >= 0) {
        series[1].x = &leakage[knee];
        series[1].y = &completeness[knee];
    }
    chart_lines(page, &(line_chart){ .title = "What a larger lambda buys and costs", .x_label = "leakage", .y_label = "completeness",
                                     .series = series, .series_count = knee >= 0 ? 2 : 1, .y_span = 0.05,
                                     .x_low = low, .x_high = low + 0.05 });
}

void choice_page(const choice *c, text *page) {
    sheet points;
    static const char *const both[2][2] = { { "both views", "the other view's C" }, { "all views", "C of the other views" } };
    text words = { 0 };
    if (!c->points) { return; }
    page_heading(page, "Choice of lambda");
    text_format(&words, "Kept: lambda %g, by %s. Fitted on the training rows, measured on the validation rows, means over %s and %d "
                "seed%s: leakage is the best R² of three regressions of %s on Z, completeness R² of X on (Z, C). The knee is where more "
                "completeness begins to cost more leakage than it is worth, each as a share of its range.",
                c->points[c->point].lambda, strcmp(c->by, "probe") == 0 ? "the best validation probe" : "the knee of the curve",
                both[c->views > 2][0], c->points[0].models, c->points[0].models == 1 ? "" : "s", both[c->views > 2][1]);
    page_paragraph(page, words.data ? words.data : "");
    text_free(&words);
    page_grid_begin(page);
    draw(c, page);
    page_grid_end(page);
    choice_sheet(c, &points);
    page_sheet(page, &points);
    sheet_free(&points);
}
