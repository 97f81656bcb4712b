#include "chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLOURS 10
#define SHAPES 5
#define LEVELS 7

/* ---- style ---- */

void chart_style(text *out) {
    static const char *const light[COLOURS] = { "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
                                                "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd" };
    static const char *const dark[COLOURS] = { "#5ba5ea", "#ffb835", "#e8583c", "#a5b4b2", "#b884e6",
                                               "#c48a78", "#ff8534", "#c9bd85", "#8e93a3", "#9fe3e6" };
    static const char *const ramp[LEVELS] = { "#0b5fa5", "#4b90c8", "#94bfe0", "#b5b0aa", "#f0b07a", "#dd7a2f",
                                               "#b04a00" };
    text_add(out, ":root{--ink:#1d2329;--muted:#5f6973;--grid:#e4e7ea;--axis:#9aa3ab;--none:#c3c8cc;--card:#fff");
    for (int i = 0; i < COLOURS; i++) { text_format(out, ";--c%d:%s", i, light[i]); }
    for (int i = 0; i < LEVELS; i++) { text_format(out, ";--r%d:%s", i, ramp[i]); }
    text_add(out, "}\n@media(prefers-color-scheme:dark){:root{--ink:#e6e9ec;--muted:#9aa4ae;--grid:#2b3138;"
                  "--axis:#5d6770;--none:#4a525a;--card:#1b2026");
    for (int i = 0; i < COLOURS; i++) { text_format(out, ";--c%d:%s", i, dark[i]); }
    text_add(out, ";--r0:#2f86d6;--r6:#d9691a");
    text_add(out, "}}\n"
                  "svg{font:12px system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif}"
                  "svg text{fill:var(--muted);font-variant-numeric:tabular-nums}"
                  "svg .title{fill:var(--ink);font-weight:600;font-size:13px}"
                  ".grid-line{stroke:var(--grid)}.axis{stroke:var(--axis)}"
                  ".line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}"
                  ".dashed{stroke-dasharray:5 4}.error{stroke:var(--ink);stroke-width:1.2;opacity:.75}"
                  ".dots{fill:none;stroke-width:5;stroke-linecap:round;opacity:.8}"
                  ".square{stroke-linecap:square;stroke-width:4}.thin{stroke-width:1.6;stroke-linecap:butt}\n");
    for (int i = 0; i < COLOURS; i++) { text_format(out, ".s%d{stroke:var(--c%d)}.f%d{fill:var(--c%d)}", i, i, i, i); }
    for (int i = 0; i < LEVELS; i++) { text_format(out, ".t%d{stroke:var(--r%d)}", i, i); }
    text_add(out, ".none{stroke:var(--none)}.fnone{fill:var(--none)}.mark{stroke:var(--card);stroke-width:1}"
                  ".halo{paint-order:stroke;stroke:var(--card);stroke-width:3px;stroke-linejoin:round}.halo line{stroke-width:1}svg "
                  ".small{font-size:11px}.reference{stroke:var(--ink);stroke-dasharray:6 4;stroke-width:1.3;opacity:.7}\n");
}

static void svg_begin(text *out, double width, double height, const char *title, int standalone) {
    int w = (int)width, h = (int)height;
    text_format(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\"", w, h);
    if (standalone) { text_format(out, " width=\"%d\" height=\"%d\"", w, h); }
    text_add(out, " aria-label=\"");
    text_html(out, title);
    text_add(out, "\">\n");
    if (standalone) {
        text_add(out, "<style>");
        chart_style(out);
        text_add(out, "svg{background:#fff}@media(prefers-color-scheme:dark){svg{background:#15191e}}</style>\n");
    }
    text_add(out, "<text class=\"title\" x=\"12\" y=\"20\">");
    text_html(out, title);
    text_add(out, "</text>\n");
}

/* anchor: 's'tart, 'm'iddle or 'e'nd */
static void label_at(text *out, double x, double y, char anchor, const char *words) {
    text_add(out, "<text x=\"");
    text_fixed(out, x, 1);
    text_add(out, "\" y=\"");
    text_fixed(out, y, 1);
    text_add(out, anchor == 'm' ? "\" text-anchor=\"middle\">" : anchor == 'e' ? "\" text-anchor=\"end\">" : "\">");
    text_html(out, words);
    text_add(out, "</text>\n");
}

static void upright_label(text *out, double x, double y, const char *words) {
    text_add(out, "<text text-anchor=\"middle\" transform=\"translate(");
    text_fixed(out, x, 1);
    text_add(out, " ");
    text_fixed(out, y, 1);
    text_add(out, ") rotate(-90)\">");
    text_html(out, words);
    text_add(out, "</text>\n");
}

static void segment(text *out, const char *class, double x1, double y1, double x2, double y2) {
    const char *names[] = { "x1", "y1", "x2", "y2" };
    double values[] = { x1, y1, x2, y2 };
    text_format(out, "<line class=\"%s\"", class);
    for (int i = 0; i < 4; i++) {
        text_format(out, " %s=\"", names[i]);
        text_fixed(out, values[i], 1);
        text_add(out, "\"");
    }
    text_add(out, "/>\n");
}

static void path_point(text *out, char command, double x, double y) {
    text_format(out, "%c", command);
    text_fixed(out, x, 1);
    text_add(out, " ");
    text_fixed(out, y, 1);
}

/* ---- scales ---- */

typedef struct scale { double low, high, from, to; int log, whole; } scale;     /* values low..high lie at pixels from..to */

static double place(const scale *s, double value) {
    double low = s->low, high = s->high;
    if (s->log) { low = log10(low); high = log10(high); value = log10(value); }
    return s->from + (s->to - s->from) * (value - low) / (high - low);
}

/* 1, 2 or 5 times a power of ten, so that about `wanted` steps cover the span. */
static double nice_step(double span, int wanted) {
    double rough = span / wanted, power = pow(10, floor(log10(rough))), part = rough / power;
    return power * (part < 1.5 ? 1 : part < 3.5 ? 2 : part < 7.5 ? 5 : 10);
}

/* Widens a range to something that can be drawn. */
static void widen(double *low, double *high) {
    if (!(*low <= *high)) { *low = 0; *high = 1; }
    if (*high - *low < 1e-12 * fmax(fabs(*low), fabs(*high)) || *high <= *low) {
        double room = *low == 0 ? 1 : 0.1 * fabs(*low);
        *low -= room;
        *high += room;
    }
}

static void tick(text *out, const scale *s, double value, int vertical, double other1, double other2) {
    text number = { 0 };
    double at = place(s, value);
    text_number(&number, fabs(value) < 1e-12 * (s->high - s->low) && !s->log ? 0 : value, 4);
    if (vertical) {
        segment(out, "grid-line", other1, at, other2, at);
        label_at(out, other1 - 7, at + 4, 'e', number.data ? number.data : "");
    } else {
        segment(out, "axis", at, other1, at, other1 + 4);
        label_at(out, at, other1 + 17, 'm', number.data ? number.data : "");
    }
    text_free(&number);
}

static void ticks(text *out, const scale *s, int vertical, double other1, double other2) {
    if (s->log) {
        static const double many[] = { 1, 1.5, 2, 3, 5, 7 }, few[] = { 1, 2, 5 };
        double decades = log10(s->high / s->low);
        const double *parts = decades < 1.2 ? many : few;
        int part_count = decades < 1.2 ? 6 : decades < 2.6 ? 3 : 1;
        int first = (int)floor(log10(s->low)), last = (int)ceil(log10(s->high));
        int skip = decades > 6 ? (int)ceil(decades / 6) : 1;
        for (int power = first; power <= last; power += skip) {
            for (int i = 0; i < part_count; i++) {
                double value = parts[i] * pow(10, power);
                if (value < s->low * 0.999 || value > s->high * 1.001) { continue; }
                tick(out, s, value, vertical, other1, other2);
            }
        }
    } else {
        double step = nice_step(s->high - s->low, vertical ? 5 : 6);
        if (s->whole && step < 1) { step = 1; }
        for (double i = ceil(s->low / step - 1e-9); i * step <= s->high + 1e-9 * step; i++) {
            tick(out, s, i * step, vertical, other1, other2);
        }
    }
}

/* ---- lines ---- */

enum { WIDTH = 520, LINE_HEIGHT = 290, LEFT = 60, RIGHT = 16, TOP = 34, BOTTOM = 44 };

/* Characters of UTF-8. */
static int letters(const char *s) {
    int count = 0;
    for (; *s; s++) { count += ((unsigned char)*s & 0xC0) != 0x80; }
    return count;
}

/* A row of swatches and names; returns the height it took. */
typedef struct legend_item { const char *name; int colour, dashed; } legend_item;

static double legend_row(text *out, const legend_item *items, int count, double width, int boxes) {
    double x = LEFT, y = TOP + 6;
    if (count == 1 && !items[0].name[0]) { return 0; }
    for (int i = 0; i < count; i++) {
        double room = 34 + 6.6 * letters(items[i].name);
        if (x > LEFT && x + room > width - RIGHT) { x = LEFT; y += 18; }
        if (boxes) {
            text_format(out, "<rect class=\"f%d\" rx=\"2\" width=\"11\" height=\"11\" x=\"%d\" y=\"%d\"/>",
                        items[i].colour, (int)x, (int)y - 6);
        } else {
            text_format(out, "<path class=\"line s%d%s\" d=\"M%d %dh16\"/>", items[i].colour,
                        items[i].dashed ? " dashed" : "", (int)x, (int)y);
        }
        label_at(out, x + (boxes ? 16 : 21), y + 4, 's', items[i].name);
        x += room;
    }
    return y - TOP + 12;
}

/* Long runs are drawn as means over at most this many bins, short ones with a dot at each point. */
enum { MOST_POINTS = 400, FEW_POINTS = 24 };

static void draw_markers(text *out, const line_series *s, const scale *x, const scale *y, int colour) {
    text_format(out, "<path class=\"dots s%d\" d=\"", colour);
    for (int i = 0; i < s->count; i++) {
        if (!isfinite(s->y[i]) || !isfinite(s->x[i])) { continue; }
        path_point(out, 'M', place(x, s->x[i]), place(y, s->y[i]));
        text_add(out, "h0");
    }
    text_add(out, "\"/>\n");
}

static void draw_line(text *out, const line_series *s, const scale *x, const scale *y, int colour) {
    int bin = (s->count + MOST_POINTS - 1) / MOST_POINTS, pen_down = 0;
    text_format(out, "<path class=\"line s%d%s\" d=\"", colour, s->dashed ? " dashed" : "");
    if (bin < 1) { bin = 1; }
    for (int first = 0; first < s->count; first += bin) {
        double at_x = 0, at_y = 0;
        int finite = 0;
        for (int i = first; i < first + bin && i < s->count; i++) {
            if (isfinite(s->y[i]) && isfinite(s->x[i])) { at_x += s->x[i]; at_y += s->y[i]; finite++; }
        }
        if (!finite) { pen_down = 0; continue; }
        path_point(out, pen_down ? 'L' : 'M', place(x, at_x / finite), place(y, at_y / finite));
        pen_down = 1;
    }
    text_add(out, "\"><title>");
    text_html(out, s->name);
    if (s->count > 0) {
        text_add(out, ", last value ");
        text_number(out, s->y[s->count - 1], 4);
    }
    text_add(out, "</title></path>\n");
}

/* Labels of points.  Each takes the first place beside its point that is free of labels and marks; the ends of a line
   come first, and a label without a free place is left out. */
enum { MOST_BOXES = 512 };
typedef struct box { double left, right, top, bottom; } box;
typedef struct boxes { box all[MOST_BOXES]; int count; box frame; } boxes;

static int is_free(const boxes *b, const box *new) {
    if (new->left < b->frame.left || new->right > b->frame.right || new->top < b->frame.top ||
        new->bottom > b->frame.bottom) {
        return 0;
    }
    for (int i = 0; i < b->count; i++) {
        const box *old = &b->all[i];
        if (new->left < old->right && old->left < new->right && new->top < old->bottom && old->top < new->bottom) {
            return 0;
        }
    }
    return 1;
}

static void take(boxes *b, const box *new) {
    if (b->count < MOST_BOXES) { b->all[b->count++] = *new; }
}

/* crowded: in small letters, and also at places farther off, tied to the point by a line. */
static void label_point(text *out, boxes *b, double x, double y, const char *words, int crowded) {
    static const struct { double x, y; char anchor; } places[] = {
        { 0, -7, 'm' }, { 0, 15, 'm' }, { 7, 4, 's' }, { -7, 4, 'e' }, { 6, -5, 's' }, { -6, -5, 'e' }, { 6, 13, 's' },
        { -6, 13, 'e' }, { 16, -14, 's' }, { -16, -14, 'e' }, { 16, 22, 's' }, { -16, 22, 'e' }, { 26, -24, 's' }, { -26, -24, 'e' },
        { 26, 34, 's' }, { -26, 34, 'e' }, { 40, 4, 's' }, { -40, 4, 'e' }, { 44, -38, 's' }, { -44, -38, 'e' }, { 44, 48, 's' },
        { -44, 48, 'e' },
    };
    enum { NEAR = 8 };
    const double width = (crowded ? 5.9 : 6.4) * letters(words), height = 10;
    for (size_t i = 0; i < (crowded ? sizeof places / sizeof *places : NEAR); i++) {
        const char anchor = places[i].anchor;
        const double left = x + places[i].x - (anchor == 'm' ? width / 2 : anchor == 'e' ? width : 0);
        const double base = y + places[i].y;
        const box new = { left, left + width, base - height, base + 1 };
        if (!is_free(b, &new)) { continue; }
        take(b, &new);
        if (i >= NEAR) { segment(out, "axis", x, y, x + places[i].x + (anchor == 's' ? -2 : 2), base - height / 2 + 1); }
        label_at(out, x + places[i].x, base, anchor, words);
        return;
    }
}

static void draw_labels(text *out, const line_chart *c, int count, const scale *x, const scale *y) {
    boxes b = { .frame = { x->from, x->to, y->to, y->from } };
    for (int k = 0; k < count; k++) {
        for (int i = 0; i < c->series[k].count; i++) {
            const double px = place(x, c->series[k].x[i]), py = place(y, c->series[k].y[i]);
            if (isfinite(px) && isfinite(py)) { take(&b, &(box){ px - 3, px + 3, py - 3, py + 3 }); }
        }
    }
    for (int inner = 0; inner < 2; inner++) {
        for (int k = 0; k < count; k++) {
            const line_series *s = &c->series[k];
            for (int i = 0; s->labels && i < s->count; i++) {
                if ((i > 0 && i + 1 < s->count) != inner || !isfinite(s->x[i]) || !isfinite(s->y[i])) { continue; }
                label_point(out, &b, place(x, s->x[i]), place(y, s->y[i]), s->labels[i], 0);
            }
        }
    }
}

static void line_range(const line_chart *c, double range[4], int *positive) {
    range[0] = range[2] = INFINITY;
    range[1] = range[3] = -INFINITY;
    *positive = 1;
    for (int k = 0; k < c->series_count; k++) {
        for (int i = 0; i < c->series[k].count; i++) {
            double x = c->series[k].x[i], y = c->series[k].y[i];
            if (!isfinite(x) || !isfinite(y)) { continue; }
            range[0] = fmin(range[0], x);
            range[1] = fmax(range[1], x);
            range[2] = fmin(range[2], y);
            range[3] = fmax(range[3], y);
            if (y <= 0) { *positive = 0; }
        }
    }
}

void chart_lines(text *out, const line_chart *c) {
    legend_item items[COLOURS];
    double range[4], height = LINE_HEIGHT, legend;
    int count = c->series_count < COLOURS ? c->series_count : COLOURS, positive;
    char y_label[88];
    scale x, y;
    line_range(c, range, &positive);
    if (c->x_low < c->x_high) {
        double room;                /* so that marks and their labels stand free of the edges */
        range[0] = fmin(range[0], c->x_low);
        range[1] = fmax(range[1], c->x_high);
        room = 0.03 * (range[1] - range[0]);
        range[0] -= room;
        range[1] += room;
    }
    widen(&range[0], &range[1]);
    if (c->log_y && positive && range[2] > 0 && range[3] / range[2] > 1.5) {
        range[2] /= 1.1;
        range[3] *= 1.1;
    } else {
        double room;
        positive = 0;
        if (range[3] - range[2] < c->y_span) {
            const double middle = (range[2] + range[3]) / 2;
            range[2] = middle - c->y_span / 2;
            range[3] = middle + c->y_span / 2;
        }
        widen(&range[2], &range[3]);
        room = 0.04 * (range[3] - range[2]);
        range[2] -= room;
        range[3] += room;
    }
    for (int i = 0; i < count; i++) {
        const line_series *own = &c->series[i];
        items[i] = (legend_item){ own->name, (own->colour ? own->colour - 1 : i) % COLOURS, own->dashed };
    }
    svg_begin(out, WIDTH, height, c->title, c->standalone);
    legend = legend_row(out, items, count, WIDTH, 0);
    x = (scale){ range[0], range[1], LEFT, WIDTH - RIGHT, 0, c->whole_x };
    y = (scale){ range[2], range[3], height - BOTTOM, TOP + legend, c->log_y && positive, 0 };
    ticks(out, &y, 1, LEFT, WIDTH - RIGHT);
    segment(out, "axis", LEFT, height - BOTTOM, WIDTH - RIGHT, height - BOTTOM);
    ticks(out, &x, 0, height - BOTTOM, 0);
    label_at(out, (LEFT + WIDTH - RIGHT) / 2.0, height - 8, 'm', c->x_label);
    snprintf(y_label, sizeof y_label, "%.70s%s", c->y_label, y.log ? ", log scale" : "");
    upright_label(out, 14, (TOP + legend + height - BOTTOM) / 2, y_label);
    for (int i = 0; i < count; i++) {
        draw_line(out, &c->series[i], &x, &y, items[i].colour);
        if (c->series[i].count <= FEW_POINTS) { draw_markers(out, &c->series[i], &x, &y, items[i].colour); }
    }
    draw_labels(out, c, count, &x, &y);
    text_add(out, "</svg>\n");
}

/* ---- points ---- */

enum { SCATTER_HEIGHT = 460, SCATTER_MARGIN = 36, MOST_DOTS = 20000 };

static void mark_class(text *out, const chart_labels *labels, int label) {
    static const char *const shapes[SHAPES] = { "", " square", " thin", " thin", " thin" };
    text_format(out, "dots family%d k%d-%d", labels->family, labels->family, label);
    if (label < 0) {
        text_add(out, " none");
    } else if (labels->ramp) {
        int last = labels->count > 1 ? labels->count - 1 : 1;
        text_format(out, " t%d", (int)((double)label * (LEVELS - 1) / last + 0.5));
    } else {
        text_format(out, " s%d%s", label % COLOURS, shapes[label / COLOURS % SHAPES]);
    }
}

/* One mark at the pen's place, relative; round and square dots are lines of no length with such ends. */
static const char *mark_path(const chart_labels *labels, int label) {
    static const char *const shapes[SHAPES] = {
        "h0", "h0", "m-3 0h6m-3-3v6", "m0-3.4l3.1 5.6h-6.2z", "m-2.4-2.4l4.8 4.8m0-4.8l-4.8 4.8"
    };
    return label < 0 || labels->ramp ? "h0" : shapes[label / COLOURS % SHAPES];
}

static int label_of(const scatter_chart *c, int i) {
    return c->label ? (c->label[i] < 0 ? -1 : c->label[i]) : 0;
}

static void draw_dots(text *out, const scatter_chart *c, const scale *x, const scale *y, int label, int stride) {
    text_add(out, "<path class=\"");
    mark_class(out, &c->labels, label);
    text_add(out, "\" d=\"");
    for (int i = 0; i < c->count; i += stride) {
        double at_x = (double)c->points[2 * i], at_y = (double)c->points[2 * i + 1];
        if (label_of(c, i) != label || !isfinite(at_x) || !isfinite(at_y)) { continue; }
        path_point(out, 'M', place(x, at_x), place(y, at_y));
        text_add(out, mark_path(&c->labels, label));
    }
    text_add(out, "\"><title>");
    text_html(out, label < 0 ? "no label" : c->labels.names ? c->labels.names[label] : "");
    text_add(out, "</title></path>\n");
}

static void scatter_range(const scatter_chart *c, int axis, double *low, double *high) {
    double room;
    *low = INFINITY;
    *high = -INFINITY;
    for (int i = 0; i < c->count; i++) {
        double value = (double)c->points[2 * i + axis];
        if (isfinite(value)) { *low = fmin(*low, value); *high = fmax(*high, value); }
    }
    widen(low, high);
    room = 0.03 * (*high - *low);
    *low -= room;
    *high += room;
}

/* Labels from the most to the least frequent, so that rare ones lie on top.  NULL when there is no memory. */
static int *drawing_order(const scatter_chart *c) {
    int count = c->labels.count > 0 ? c->labels.count : 1, *order = calloc((size_t)count, 2 * sizeof *order), *size;
    if (!order) { return NULL; }
    size = order + count;
    for (int i = 0; i < c->count; i++) { size[label_of(c, i) > 0 ? label_of(c, i) : 0]++; }
    for (int i = 0; i < count; i++) {
        int j = i;
        for (; j > 0 && size[order[j - 1]] < size[i]; j--) { order[j] = order[j - 1]; }
        order[j] = i;
    }
    return order;
}

void chart_scatter(text *out, const scatter_chart *c) {
    const double edge = WIDTH - 14, bottom = SCATTER_HEIGHT - SCATTER_MARGIN;
    int *order = drawing_order(c), stride = (c->count + MOST_DOTS - 1) / MOST_DOTS;
    double low, high;
    scale x, y;
    if (!order) { out->failed = 1; return; }
    scatter_range(c, 0, &low, &high);
    x = (scale){ low, high, SCATTER_MARGIN, edge, 0, 0 };
    scatter_range(c, 1, &low, &high);
    y = (scale){ low, high, bottom, TOP - 2, 0, 0 };
    svg_begin(out, WIDTH, SCATTER_HEIGHT, c->title, c->standalone);
    segment(out, "axis", SCATTER_MARGIN, bottom, edge, bottom);
    segment(out, "axis", SCATTER_MARGIN, TOP - 2, SCATTER_MARGIN, bottom);
    label_at(out, (SCATTER_MARGIN + edge) / 2, SCATTER_HEIGHT - 14, 'm', c->x_label);
    upright_label(out, 22, (TOP + bottom) / 2, c->y_label);
    if (stride < 1) { stride = 1; }
    if (c->label) { draw_dots(out, c, &x, &y, -1, stride); }
    for (int i = 0; i < (c->label ? c->labels.count : 1); i++) { draw_dots(out, c, &x, &y, order[i], stride); }
    text_add(out, "</svg>\n");
    free(order);
}

void chart_legend(text *out, const chart_labels *labels) {
    text_add(out, "<style>");
    for (int i = 0; i < labels->count; i++) {
        int f = labels->family;
        text_format(out, "body:has(.l%d-%d:hover) .family%d:not(.k%d-%d){opacity:.06}", f, i, f, f, i);
    }
    text_add(out, "</style>\n<ul class=\"legend\">\n");
    for (int i = 0; i < labels->count; i++) {
        text_format(out, "<li class=\"l%d-%d\"><svg viewBox=\"0 0 14 14\"><path class=\"", labels->family, i);
        mark_class(out, labels, i);
        text_format(out, "\" d=\"M7 7%s\"/></svg>", mark_path(labels, i));
        text_html(out, labels->names[i]);
        if (labels->counts) { text_format(out, " <small>%d</small>", labels->counts[i]); }
        text_add(out, "</li>\n");
    }
    text_add(out, "</ul>\n");
}

/* ---- bars ---- */

static void draw_bar(text *out, const bar_chart *c, int series, int group, double left, double width, const scale *y) {
    double mean = c->mean[series * c->group_count + group];
    double error = c->error ? c->error[series * c->group_count + group] : 0;
    const double foot = place(y, fmin(fmax(0, y->low), y->high)), head = place(y, fmin(fmax(mean, y->low), y->high));
    const double middle = left + width / 2;
    if (!isfinite(mean)) { return; }
    text_format(out, "<g><title>");
    text_html(out, c->groups[group]);
    text_add(out, c->series_count > 1 ? ", " : "");
    text_html(out, c->series_count > 1 ? c->series[series] : "");
    text_add(out, ": ");
    text_fixed(out, mean, 3);
    if (c->error && isfinite(error)) { text_add(out, " ± "); text_fixed(out, error, 3); }
    text_format(out, "</title><rect class=\"f%d\" x=\"", series % COLOURS);
    text_fixed(out, left, 1);
    text_add(out, "\" y=\"");
    text_fixed(out, fmin(head, foot), 1);
    text_add(out, "\" width=\"");
    text_fixed(out, width, 1);
    text_add(out, "\" height=\"");
    text_fixed(out, fmax(fabs(foot - head), 0.6), 1);
    text_add(out, "\"/>\n");
    if (c->error && isfinite(error) && error > 0) {
        const double up = place(y, fmin(fmax(mean + error, y->low), y->high)), cap = fmin(4, width / 4);
        const double down = place(y, fmin(fmax(mean - error, y->low), y->high));
        segment(out, "error", middle, down, middle, up);
        segment(out, "error", middle - cap, up, middle + cap, up);
        segment(out, "error", middle - cap, down, middle + cap, down);
    }
    text_add(out, "</g>\n");
}

/* The y axis: what is asked for, or the bars with their errors and zero, and the references. */
static scale bars_scale(const bar_chart *c, double bottom, double top) {
    double low = 0, high = 0;
    if (c->y_low < c->y_high) { return (scale){ c->y_low, c->y_high, bottom, top, 0, 0 }; }
    for (int i = 0; i < c->series_count * c->group_count; i++) {
        double error = c->error && isfinite(c->error[i]) ? c->error[i] : 0;
        if (!isfinite(c->mean[i])) { continue; }
        high = fmax(high, c->mean[i] + error);
        low = fmin(low, c->mean[i] - error);
    }
    for (int i = 0; i < c->reference_count; i++) {
        if (!isfinite(c->references[i].value)) { continue; }
        high = fmax(high, c->references[i].value);
        low = fmin(low, c->references[i].value);
    }
    if (low > -0.03 * high) { low = 0; }            /* an error bar that reaches just below zero moves no axis */
    if (high <= low) { high = low + 1; }
    return (scale){ low < 0 ? low * 1.04 : low, high * 1.04, bottom, top, 0, 0 };
}

static int is_drawn(const bar_reference *r, const scale *y) { return isfinite(r->value) && r->value >= y->low && r->value <= y->high; }

/* The room right of the bars that the names of the references take. */
static double reference_room(const bar_chart *c, const scale *y) {
    int longest = 0;
    for (int i = 0; i < c->reference_count; i++) {
        if (is_drawn(&c->references[i], y) && letters(c->references[i].name) > longest) { longest = letters(c->references[i].name); }
    }
    return longest ? 6.4 * longest + 2 : 0;
}

/* Names stand at the right ends of their lines, or a little above or below where two lines are close. */
static void draw_references(text *out, const bar_chart *c, const scale *y, double edge) {
    static const double moves[] = { 0, -6, 6, -12, 12, -18, 18, -24, 24 };
    boxes b = { .frame = { edge, WIDTH, y->to - 20, y->from + 20 } };
    for (int i = 0; i < c->reference_count; i++) {
        const double at = place(y, c->references[i].value);
        if (!is_drawn(&c->references[i], y)) { continue; }
        segment(out, "reference", LEFT, at, edge, at);
        for (size_t k = 0; k < sizeof moves / sizeof *moves; k++) {
            const double base = at + 4 + moves[k];
            const box new = { edge + 1, WIDTH, base - 10, base + 1 };
            if (!is_free(&b, &new)) { continue; }
            take(&b, &new);
            label_at(out, edge + 5, base, 's', c->references[i].name);
            break;
        }
    }
}

void chart_bars(text *out, const bar_chart *c) {
    const double height = LINE_HEIGHT + (c->notes ? 14 : 0), base = height - (c->notes ? BOTTOM + 2 : BOTTOM - 10);
    const int shown = c->series_count < COLOURS ? c->series_count : COLOURS;
    double legend, band, width, edge;
    legend_item items[COLOURS];
    scale y;
    svg_begin(out, WIDTH, height, c->title, c->standalone);
    for (int i = 0; i < shown; i++) { items[i] = (legend_item){ c->series[i], i, 0 }; }
    legend = shown > 1 ? legend_row(out, items, shown, WIDTH, 1) : 0;
    y = bars_scale(c, base, TOP + legend);
    edge = WIDTH - RIGHT - reference_room(c, &y);
    ticks(out, &y, 1, LEFT, edge);
    upright_label(out, 14, (TOP + legend + base) / 2, c->y_label);
    band = (edge - LEFT) / (double)c->group_count;
    width = fmin(0.76 * band / c->series_count, 44);
    for (int g = 0; g < c->group_count; g++) {
        double middle = LEFT + band * (g + 0.5);
        for (int s = 0; s < c->series_count; s++) {
            draw_bar(out, c, s, g, middle + width * (s - c->series_count / 2.0), width - 1, &y);
        }
        label_at(out, middle, base + 18, 'm', c->groups[g]);
        if (c->notes) { label_at(out, middle, base + 34, 'm', c->notes[g]); }
    }
    if (y.low <= 0 && y.high >= 0) { segment(out, "axis", LEFT, place(&y, 0), edge, place(&y, 0)); }
    draw_references(out, c, &y, edge);
    text_add(out, "</svg>\n");
}

/* ---- ranks ---- */

/* Both charts colour by group. */
typedef struct grouping { const int *group; const char *const *groups; int count; } grouping;

static double group_legend(text *out, const grouping *g) {
    legend_item items[COLOURS];
    const int count = g->count < COLOURS ? g->count : COLOURS;
    if (!g->group || count < 1) { return 0; }
    for (int i = 0; i < count; i++) { items[i] = (legend_item){ g->groups[i], i, 0 }; }
    return legend_row(out, items, count, WIDTH, 1);
}

static void group_class(text *out, const grouping *g, int i) {
    if (g->group && (g->group[i] < 0 || g->group[i] >= g->count)) {
        text_add(out, "fnone");
    } else {
        text_format(out, "f%d", g->group ? g->group[i] % COLOURS : 0);
    }
}

/* Indices of the finite values, the largest first; equal ones in their order.  NULL when there is no memory. */
static int *ranking(const double *value, int count, int *kept) {
    int *order = malloc(sizeof *order * ((size_t)count + 1));
    *kept = 0;
    for (int i = 0; order && i < count; i++) {
        int j;
        if (!isfinite(value[i])) { continue; }
        for (j = (*kept)++; j > 0 && value[order[j - 1]] < value[i]; j--) { order[j] = order[j - 1]; }
        order[j] = i;
    }
    return order;
}

enum { ROW_HEIGHT = 18, MOST_LETTERS = 28 };

/* Cut in the middle where it is longer than `most` letters: what tells names apart often stands at their ends. */
static void shorten(text *out, const char *name, int most) {
    const int count = letters(name), head = (most - 1) / 2, tail = most - 1 - head;
    int at = 0;
    for (const char *s = name; *s; s++) {
        const int begins = ((unsigned char)*s & 0xC0) != 0x80;
        at += begins;
        if (count <= most || at <= head || at > count - tail) {
            text_add_bytes(out, s, 1);
        } else if (begins && at == head + 1) {
            text_add(out, "…");
        }
    }
}

/* Names with their sizes, as they stand left of the bars; returns the width of the widest. */
static double ranked_names(const ranked_chart *c, const int *order, int kept, text *names) {
    int longest = 0;
    for (int k = 0; k < kept; k++) {
        shorten(&names[k], c->names[order[k]], MOST_LETTERS);
        if (c->sizes) { text_format(&names[k], " (%lld)", (long long)c->sizes[order[k]]); }
        if (names[k].data && letters(names[k].data) > longest) { longest = letters(names[k].data); }
    }
    return 7.2 * longest + 16;
}

static scale ranked_scale(const ranked_chart *c, double left) {
    double low = 0, high = 0;
    for (int i = 0; i < c->count; i++) {
        const double error = c->error && isfinite(c->error[i]) ? c->error[i] : 0;
        if (!isfinite(c->value[i])) { continue; }
        low = fmin(low, c->value[i] - error);
        high = fmax(high, c->value[i] + error);
    }
    widen(&low, &high);
    return (scale){ low < 0 ? low * 1.05 : low, high > 0 ? high * 1.05 : high, left, WIDTH - RIGHT, 0, 0 };
}

static void draw_ranked(text *out, const ranked_chart *c, const scale *x, int i, double top, const char *name) {
    const grouping groups = { c->group, c->groups, c->group_count };
    const double value = c->value[i], zero = place(x, 0), end = place(x, value), middle = top + ROW_HEIGHT / 2.0;
    text_add(out, "<g><title>");
    text_html(out, c->names[i]);
    text_add(out, ": ");
    text_fixed(out, value, 3);
    if (c->error && isfinite(c->error[i])) { text_add(out, " ± "); text_fixed(out, c->error[i], 3); }
    text_add(out, "</title><rect class=\"");
    group_class(out, &groups, i);
    text_add(out, "\" x=\"");
    text_fixed(out, fmin(zero, end), 1);
    text_add(out, "\" y=\"");
    text_fixed(out, top + 2.5, 1);
    text_add(out, "\" width=\"");
    text_fixed(out, fmax(fabs(end - zero), 0.6), 1);
    text_format(out, "\" height=\"%d\"/>\n", ROW_HEIGHT - 5);
    if (c->error && isfinite(c->error[i]) && c->error[i] > 0) {
        const double ends[2] = { place(x, value - c->error[i]), place(x, value + c->error[i]) };
        segment(out, "error", ends[0], middle, ends[1], middle);
        for (int k = 0; k < 2; k++) { segment(out, "error", ends[k], middle - 3, ends[k], middle + 3); }
    }
    label_at(out, x->from - 8, middle + 4, 'e', name);
    text_add(out, "</g>\n");
}

/* What it means to be below and above zero: either side of its place, moved where one would else be cut at an edge of the chart.
   Returns 1 when one lies across zero then. */
static int sides_of_zero(text *out, const ranked_chart *c, const scale *x, double y) {
    enum { GAP = 6, EDGE = 4 };
    const double zero = place(x, 0), letter = 7;            /* wide ones are meant, so that no font cuts them */
    const int below = c->below && x->low < 0, above = c->above && x->high > 0;
    const double below_width = below ? letter * letters(c->below) : 0, above_width = above ? letter * letters(c->above) : 0;
    double end = fmax(zero - GAP, EDGE + below_width), start = fmin(zero + GAP, WIDTH - EDGE - above_width);
    if (below && above && start < end + 2 * GAP) {          /* one was moved: the other one makes way */
        if (start < zero + GAP) { end = start - 2 * GAP; } else { start = end + 2 * GAP; }
    }
    if (below) { label_at(out, end, y, 'e', c->below); }
    if (above) { label_at(out, start, y, 's', c->above); }
    return (below && end > zero) || (above && start < zero);
}

void chart_ranked(text *out, const ranked_chart *c) {
    const grouping groups = { c->group, c->groups, c->group_count };
    int kept, crossed, *order = ranking(c->value, c->count, &kept);
    text *names = calloc((size_t)kept + 1, sizeof *names), legend = { 0 };
    if (order && names) {
        const double taken = group_legend(&legend, &groups), top = TOP + taken + (c->below || c->above ? 18 : 0);
        const double bottom = top + kept * ROW_HEIGHT + 4;
        const scale x = ranked_scale(c, ranked_names(c, order, kept, names));
        svg_begin(out, WIDTH, bottom + BOTTOM, c->title, c->standalone);
        text_add(out, legend.data ? legend.data : "");
        crossed = sides_of_zero(out, c, &x, top - 4);
        for (int k = 0; k < kept; k++) { draw_ranked(out, c, &x, order[k], top + k * ROW_HEIGHT, names[k].data ? names[k].data : ""); }
        segment(out, "axis", x.from, bottom, x.to, bottom);
        ticks(out, &x, 0, bottom, 0);
        segment(out, "axis", place(&x, 0), crossed ? top : top - 14, place(&x, 0), bottom);
        label_at(out, (x.from + x.to) / 2, bottom + BOTTOM - 8, 'm', c->x_label);
        text_add(out, "</svg>\n");
    } else {
        out->failed = 1;
    }
    for (int k = 0; names && k < kept; k++) { text_free(&names[k]); }
    text_free(&legend);
    free(names);
    free(order);
}

/* Mean rank of each value among those of both finite; NAN for the others. */
static void ranks(const double *value, const double *other, int count, double *rank) {
    for (int i = 0; i < count; i++) {
        double below = 0, equal = 0;
        rank[i] = NAN;
        if (!isfinite(value[i]) || !isfinite(other[i])) { continue; }
        for (int j = 0; j < count; j++) {
            if (!isfinite(value[j]) || !isfinite(other[j])) { continue; }
            below += value[j] < value[i];
            equal += value[j] == value[i];
        }
        rank[i] = below + (equal + 1) / 2;
    }
}

static void draw_rank(text *out, const rank_chart *c, int i, double x, double y, double rank_x, double rank_y) {
    const grouping groups = { c->group, c->groups, c->group_count };
    text_add(out, "<circle class=\"mark ");
    group_class(out, &groups, i);
    text_add(out, "\" r=\"5\" cx=\"");
    text_fixed(out, x, 1);
    text_add(out, "\" cy=\"");
    text_fixed(out, y, 1);
    text_add(out, "\"><title>");
    text_html(out, c->names[i]);
    text_add(out, ": ");
    text_number(out, rank_x, 4);
    text_add(out, " and ");
    text_number(out, rank_y, 4);
    text_add(out, "</title></circle>\n");
}

static void label_rank(text *out, boxes *b, double x, double y, const char *name) {
    text words = { 0 };
    shorten(&words, name, MOST_LETTERS);
    text_add(out, "<g class=\"halo small\">");
    label_point(out, b, x, y, words.data ? words.data : "", 1);
    text_add(out, "</g>\n");
    text_free(&words);
}

void chart_rank_scatter(text *out, const rank_chart *c) {
    const grouping groups = { c->group, c->groups, c->group_count };
    const double bottom = SCATTER_HEIGHT - BOTTOM, edge = WIDTH - RIGHT;
    double *rank = malloc(sizeof *rank * 2 * ((size_t)c->count + 1)), legend;
    text title = { 0 };
    int kept = 0;
    scale x, y;
    if (!rank) { out->failed = 1; return; }
    ranks(c->x, c->y, c->count, rank);
    ranks(c->y, c->x, c->count, rank + c->count);
    for (int i = 0; i < c->count; i++) { kept += isfinite(rank[i]); }
    text_add(&title, c->title);
    if (isfinite(c->rho)) { text_add(&title, " (ρ = "); text_fixed(&title, c->rho, 3); text_add(&title, ")"); }
    svg_begin(out, WIDTH, SCATTER_HEIGHT, title.data ? title.data : c->title, c->standalone);
    legend = group_legend(out, &groups);
    x = (scale){ 0, kept + 1, LEFT, edge, 0, 1 };
    y = (scale){ 0, kept + 1, bottom, TOP + legend, 0, 1 };
    ticks(out, &y, 1, LEFT, edge);
    ticks(out, &x, 0, bottom, 0);
    segment(out, "axis", LEFT, bottom, edge, bottom);
    segment(out, "reference", x.from, y.from, x.to, y.to);
    label_at(out, (LEFT + edge) / 2, SCATTER_HEIGHT - 8, 'm', c->x_label);
    upright_label(out, 16, (TOP + legend + bottom) / 2, c->y_label);
    {
        boxes b = { .frame = { LEFT, WIDTH, y.to - 8, bottom } };
        for (int pass = 0; pass < 3; pass++) {      /* labels keep clear of all dots, and their lines lie below these */
            for (int i = 0; i < c->count; i++) {
                const double at_x = place(&x, rank[i]), at_y = place(&y, rank[c->count + i]);
                if (!isfinite(rank[i])) { continue; }
                if (pass == 0) { take(&b, &(box){ at_x - 5, at_x + 5, at_y - 5, at_y + 5 }); }
                if (pass == 1) { label_rank(out, &b, at_x, at_y, c->names[i]); }
                if (pass == 2) { draw_rank(out, c, i, at_x, at_y, rank[i], rank[c->count + i]); }
            }
        }
    }
    text_add(out, "</svg>\n");
    text_free(&title);
    free(rank);
}
