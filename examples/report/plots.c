#include "plots.h"

#include "../base/statistics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char style[] =
    "<style>\n.plots{position:relative}.plots [hidden]{display:none!important}"
    ".plots button,.plots select{font:inherit;font-size:13.5px;color:var(--ink);background:var(--card);border:1px solid var(--grid);"
    "border-radius:6px;padding:2px 9px;cursor:pointer}.plots button:hover{border-color:var(--axis)}"
    ".plots :focus-visible{outline:2px solid var(--c0);outline-offset:1px}\n"
    ".plot-bar{position:sticky;top:0;z-index:2;background:var(--paper);display:flex;flex-wrap:wrap;align-items:center;gap:4px 14px;"
    "padding:8px 0;font-size:14px;max-height:38vh;overflow:auto}"
    ".plot-legend{display:flex;flex-wrap:wrap;gap:3px;width:100%}"
    ".plot-legend button{display:flex;align-items:center;gap:5px;border-color:transparent;background:none;padding:0 6px;text-align:left}"
    ".plot-legend i{width:10px;height:10px;border-radius:50%;flex:none}"
    ".plot-legend button[aria-pressed=false]{opacity:.45;text-decoration:line-through}"
    ".plot-ramp{display:flex;flex-wrap:wrap;align-items:center;gap:4px 8px;font-variant-numeric:tabular-nums}"
    ".plot-ramp i{width:180px;height:11px;border-radius:3px}\n";
static const char style_panels[] =
    ".plot-grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,310px),1fr));gap:14px}"
    ".plot-panel{margin:0;background:var(--card);border:1px solid var(--grid);border-radius:8px;padding:8px;min-width:0}"
    ".plot-panel figcaption{display:flex;justify-content:space-between;align-items:flex-start;gap:8px;font-size:14px;font-weight:600;"
    "min-height:28px}.plot-panel figcaption button{font-size:11.5px;font-weight:400;color:var(--muted)}"
    ".plot-panel svg{width:100%;height:auto}.plot-panel svg .title{display:none}"
    ".plot-stage{position:relative;overflow:hidden}.plot-stage canvas{display:block;width:100%;aspect-ratio:1;cursor:crosshair}"
    ".plot-stage canvas:active{cursor:grabbing}"
    ".plot-ring{position:absolute;left:0;top:0;width:10px;height:10px;border:2px solid var(--ink);border-radius:50%;pointer-events:none}"
    ".plot-tip{position:fixed;z-index:3;background:var(--card);border:1px solid var(--axis);border-radius:6px;padding:4px 9px;"
    "font-size:13px;line-height:1.4;pointer-events:none;max-width:340px;overflow-wrap:anywhere}.plot-tip b{display:block}\n</style>\n";

/* ---- data inside the page ---- */

typedef struct base64 { text *out; unsigned char waiting[3]; int count; } base64;

static void base64_flush(base64 *b) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned word = (unsigned)b->waiting[0] << 16 | (unsigned)b->waiting[1] << 8 | b->waiting[2];
    char four[4];
    for (int i = 0; i < 4; i++) { four[i] = i <= b->count ? digits[word >> (18 - 6 * i) & 63] : '='; }
    if (b->count > 0) { text_add_bytes(b->out, four, 4); }
    *b = (base64){ .out = b->out };
}

/* `size` bytes of a number, the lowest first. */
static void base64_add(base64 *b, uint32_t word, int size) {
    for (int i = 0; i < size; i++) {
        b->waiting[b->count++] = (unsigned char)(word >> 8 * i & 255);
        if (b->count == 3) { base64_flush(b); }
    }
}

static void add_numbers(text *out, const double *numbers, int64_t rows) {
    base64 b = { .out = out };
    for (int64_t i = 0; i < rows; i++) {
        const float value = isfinite(numbers[i]) ? (float)numbers[i] : NAN;
        uint32_t word;
        memcpy(&word, &value, sizeof word);
        base64_add(&b, word, 4);
    }
    base64_flush(&b);
}

static void add_codes(text *out, const plots_column *c, int64_t rows) {
    base64 b = { .out = out };
    for (int64_t i = 0; i < rows; i++) { base64_add(&b, (uint32_t)(c->codes[i] < c->count ? c->codes[i] : -1), 4); }
    base64_flush(&b);
}

static void add_column(text *json, const plots_column *c, int64_t rows) {
    text_add(json, "{");
    text_json_key(json, "name");
    text_json_string(json, c->name);
    if (c->codes) {
        text_json_key(json, "classes");
        text_add(json, "[");
        for (int i = 0; i < c->count; i++) {
            text_add(json, i ? "," : "");
            text_json_string(json, c->classes[i]);
        }
        text_add(json, "]");
    }
    text_json_key(json, c->codes ? "codes" : "numbers");
    text_add(json, "\"");
    if (c->codes) { add_codes(json, c, rows); } else { add_numbers(json, c->numbers, rows); }
    text_add(json, "\"}");
}

/* No name may end the element that the data stands in: "<" is only ever inside a string, where JSON lets it be escaped. */
static void add_inside_script(text *out, const text *json) {
    const char *from = json->data ? json->data : "";
    if (json->failed) { out->failed = 1; }
    for (const char *at; (at = strchr(from, '<')); from = at + 1) {
        text_add_bytes(out, from, (size_t)(at - from));
        text_add(out, "\\u003c");
    }
    text_add(out, from);
}

static const char *name_of(const plots_desc *d, int64_t row, char *buffer, size_t size) {
    if (d->name) { return d->name(d->user, row); }
    snprintf(buffer, size, "cell %lld", (long long)row + 1);
    return buffer;
}

static void add_data(text *page, const plots_desc *d) {
    text json = { 0 };
    char buffer[40];
    text_add(&json, "{");
    text_json_key(&json, "rows");
    text_format(&json, "%lld", (long long)d->rows);
    text_json_key(&json, "first");
    text_format(&json, "%d", d->first);
    text_json_key(&json, "names");
    text_add(&json, "[");
    for (int64_t i = 0; i < d->rows; i++) {
        const char *name = name_of(d, i, buffer, sizeof buffer);
        text_add(&json, i ? "," : "");
        text_json_string(&json, name ? name : "");
    }
    text_add(&json, "]");
    text_json_key(&json, "columns");
    text_add(&json, "[");
    for (int i = 0; i < d->column_count; i++) {
        text_add(&json, i ? ",\n" : "");
        add_column(&json, &d->columns[i], d->rows);
    }
    text_add(&json, "]}");
    text_add(page, "<script type=\"application/json\" class=\"plot-data\">");
    add_inside_script(page, &json);
    text_add(page, "</script>\n");
    text_free(&json);
}

/* ---- coordinates ---- */

static int is_there(const float *points, const uint8_t *shown, int64_t row) {
    return (!shown || shown[row]) && isfinite(points[2 * row]) && isfinite(points[2 * row + 1]);
}

plots_scale plots_quantise(const float *points, const uint8_t *shown, int64_t rows, int16_t *out) {
    double low[2] = { INFINITY, INFINITY }, high[2] = { -INFINITY, -INFINITY };
    plots_scale s = { { 0, 0 }, 1 };
    for (int64_t i = 0; i < 2 * rows; i++) {
        if (!is_there(points, shown, i / 2)) { continue; }
        low[i % 2] = fmin(low[i % 2], (double)points[i]);
        high[i % 2] = fmax(high[i % 2], (double)points[i]);
    }
    if (low[0] <= high[0]) {
        const double half = fmax(high[0] - low[0], high[1] - low[1]) / 2;
        for (int axis = 0; axis < 2; axis++) { s.middle[axis] = (low[axis] + high[axis]) / 2; }
        s.step = half > 0 ? half / PLOTS_REACH : 1;
    }
    for (int64_t i = 0; i < 2 * rows; i++) {
        const int there = is_there(points, shown, i / 2);
        out[i] = there ? (int16_t)lround(((double)points[i] - s.middle[i % 2]) / s.step) : (int16_t)PLOTS_MISSING;
    }
    return s;
}

/* ---- plain pictures ---- */

enum { PLAIN_POINTS = 3000, PLAIN_LEVELS = 7, PLAIN_FAMILY = 900, STILL_FAMILY };

/* Levels of a number between its low and its high value. */
static int level_of(double value, double low, double high) {
    if (!isfinite(value)) { return -1; }
    return high > low ? (int)fmax(0, fmin((value - low) / (high - low) * PLAIN_LEVELS, PLAIN_LEVELS - 1)) : 0;
}

/* As in the script: from the 1st to the 99th percentile, so that a few large values do not take all the colours.  0: out of memory. */
static int range_of(const plots_desc *d, double *low, double *high) {
    const double *numbers = d->columns[d->first].numbers;
    double *sorted = malloc(sizeof *sorted * ((size_t)d->rows + 1));
    int64_t count = 0;
    if (!sorted) { return 0; }
    for (int64_t i = 0; i < d->rows; i++) {
        if (isfinite(numbers[i])) { sorted[count++] = numbers[i]; }
    }
    sort_reals(sorted, count);
    if (count) {
        *low = sorted[lround(0.01 * (double)(count - 1))];
        *high = sorted[lround(0.99 * (double)(count - 1))];
        if (!(*low < *high)) { *low = sorted[0]; *high = sorted[count - 1]; }
    }
    free(sorted);
    return 1;
}

/* Fills points and label with at most PLAIN_POINTS of the panel's cells, evenly chosen; returns their count, -1 without memory. */
static int choose_plain(const plots_desc *d, const plots_panel *panel, float *points, int *label) {
    const plots_column *c = d->column_count > 0 ? &d->columns[d->first] : NULL;
    int64_t there = 0, seen = 0;
    int count = 0;
    double low = 0, high = 0;
    if (c && !c->codes && !range_of(d, &low, &high)) { return -1; }
    for (int64_t i = 0; i < d->rows; i++) { there += is_there(panel->points, panel->shown, i); }
    for (int64_t i = 0; i < d->rows && count < PLAIN_POINTS; i++) {
        if (!is_there(panel->points, panel->shown, i)) { continue; }
        if (there <= PLAIN_POINTS || seen * PLAIN_POINTS / there >= count) {
            points[2 * count] = panel->points[2 * i];
            points[2 * count + 1] = panel->points[2 * i + 1];
            label[count++] = !c ? 0 : !c->codes ? level_of(c->numbers[i], low, high) : c->codes[i] < c->count ? c->codes[i] : -1;
        }
        seen++;
    }
    return count;
}

static chart_labels plain_labels(const plots_desc *d) {
    static const char *const levels[PLAIN_LEVELS] = { "lowest", "", "", "middle", "", "", "highest" };
    if (d->column_count == 0) { return (chart_labels){ .family = PLAIN_FAMILY }; }
    if (!d->columns[d->first].codes) {
        return (chart_labels){ .names = levels, .count = PLAIN_LEVELS, .ramp = 1, .family = PLAIN_FAMILY };
    }
    return (chart_labels){ .names = d->columns[d->first].classes, .count = d->columns[d->first].count, .family = PLAIN_FAMILY };
}

static void draw_plain(text *page, const plots_desc *d, const plots_panel *panel, int family) {
    chart_labels labels = plain_labels(d);
    float *points = malloc(sizeof *points * 2 * PLAIN_POINTS);
    int *label = malloc(sizeof *label * PLAIN_POINTS);
    const int count = points && label ? choose_plain(d, panel, points, label) : -1;
    labels.family = family;
    page->failed = page->failed || count < 0;
    if (count >= 0) {
        chart_scatter(page, &(scatter_chart){ .title = panel->title, .x_label = "", .y_label = "", .points = points,
                                              .label = d->column_count > 0 ? label : NULL, .count = count, .labels = labels });
    }
    free(points);
    free(label);
}

static void add_plain(text *page, const plots_desc *d, const plots_panel *panel) {
    text_add(page, "<noscript>");
    draw_plain(page, d, panel, PLAIN_FAMILY);
    text_add(page, "</noscript>\n");
}

void plots_still(text *page, const plots_panel *panel, int64_t rows, const plots_column *column) {
    draw_plain(page, &(plots_desc){ .rows = rows, .columns = column, .column_count = 1 }, panel, STILL_FAMILY);
}

void plots_still_legend(text *page, const plots_column *column) {
    static const plots_column number = { .name = NULL };
    chart_labels labels = plain_labels(&(plots_desc){ .columns = column ? column : &number, .column_count = 1 });
    labels.family = STILL_FAMILY;
    chart_legend(page, &labels);
}

/* ---- the section ---- */

void plots_begin(plots *p, text *page, const plots_desc *desc) {
    const chart_labels labels = plain_labels(desc);
    *p = (plots){ page, *desc };
    text_add(page, style);
    text_add(page, style_panels);
    text_add(page, "<section class=\"plots\">\n<p class=\"plot-failure\" hidden>This browser could not run the script of these panels; "
                   "they need one of 2020 or newer.</p>\n"
                   "<noscript><p>Without JavaScript these are plain pictures of a part of the cells: nothing can be pointed at, chosen or "
                   "zoomed.</p>");
    if (desc->column_count > 0) {
        text_add(page, "<p>Coloured by ");
        text_html(page, desc->columns[desc->first].name);
        text_add(page, ".</p>");
    }
    if (labels.count > 0) { chart_legend(page, &labels); }
    text_add(page, "</noscript>\n");
    add_data(page, desc);
    text_add(page, "<div class=\"plot-grid\">\n");
}

void plots_add(plots *p, const plots_panel *panel) {
    text *page = p->page;
    int16_t *whole = malloc(sizeof *whole * (2 * (size_t)p->desc.rows + 1));
    base64 b = { .out = page };
    plots_scale scale;
    if (!whole) { page->failed = 1; return; }
    scale = plots_quantise(panel->points, panel->shown, p->desc.rows, whole);
    text_add(page, "<figure class=\"plot-panel\"><figcaption>");
    text_html(page, panel->title);
    text_add(page, "</figcaption>\n");
    if (panel->note) {
        text_add(page, "<small>");
        text_html(page, panel->note);
        text_add(page, "</small>\n");
    }
    add_plain(page, &p->desc, panel);
    text_add(page, "<script type=\"text/plain\" class=\"plot-points\" data-middle=\"");
    text_number(page, scale.middle[0], 9);
    text_add(page, " ");
    text_number(page, scale.middle[1], 9);
    text_add(page, "\" data-step=\"");
    text_number(page, scale.step, 9);
    text_add(page, "\">");
    for (int64_t i = 0; i < 2 * p->desc.rows; i++) { base64_add(&b, (uint16_t)whole[i], 2); }
    base64_flush(&b);
    text_add(page, "</script>\n</figure>\n");
    free(whole);
}

void plots_end(plots *p) {
    text_add(p->page, "</div>\n<script>\n");
    for (const char *const *line = plots_script; *line; line++) { text_add(p->page, *line); }
    text_add(p->page, "</script>\n</section>\n");
}
