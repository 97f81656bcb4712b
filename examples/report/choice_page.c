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
    static const char *const header[] = { "lambda", "leakage", "linear", "10 neighbours", "MLP", "fresh CLUB (nats)", "completeness", "probe", "" };
    static const char *const both[2][2] = { { "both views", "the other view's C" }, { "all views", "C of the other views" } };
    static const int columns[] = { ISK_LEAKAGE, ISK_LEAKAGE_RIDGE, ISK_LEAKAGE_KNN, ISK_LEAKAGE_MLP, ISK_LEAKAGE_CLUB, ISK_COMPLETENESS };
    text words = { 0 };
    if (!c->points) { return; }
    page_heading(page, "Choice of lambda");
    text_format(&words, "Kept: lambda %g, by %s. Measured on the validation rows, means over %s and %d seed%s: leakage is the "
                "best R² of three regressions of %s on Z, completeness R² of X on (Z, C). The knee is where more "
                "completeness begins to cost more leakage than it is worth, each as a share of its range.",
                c->points[c->point].lambda, strcmp(c->by, "probe") == 0 ? "the best validation probe" : "the knee of the curve",
                both[c->views > 2][0], c->points[0].models, c->points[0].models == 1 ? "" : "s", both[c->views > 2][1]);
    page_paragraph(page, words.data ? words.data : "");
    text_free(&words);
    page_grid_begin(page);
    draw(c, page);
    page_grid_end(page);
    page_table_begin(page, header, 9);
    for (int i = 0; i < c->report.points; i++) {
        const isk_tradeoff_point *p = &c->points[i];
        char name[32], note[64], number[32];
        snprintf(name, sizeof name, "%g", p->lambda);
        page_row(page, name);
        for (int k = 0; k < 6; k++) {
            double value = p->mean[columns[k]].mean;
            if (columns[k] == ISK_LEAKAGE_CLUB) {             /* no share of anything, so without a bar */
                page_cell(page, isfinite(value) ? fixed(value, 2, number) : "-");
            } else {
                page_cell_bar(page, value, 3, 0, 1);
            }
        }
        page_cell_bar(page, p->probe.mean, 3, 0, 1);
        page_cell(page, choice_remark(c, i, note, sizeof note));
    }
    page_table_end(page);
}
