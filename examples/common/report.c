#include "report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- verdicts ---- */

static void add_fixed(text *t, const char *before, double value, int decimals, const char *after) {
    text_add(t, before);
    text_fixed(t, value, decimals);
    text_add(t, after);
}

static void close_verdict(text *page, page_tone tone, const char *head, text *sentence) {
    page_verdict(page, tone, head, sentence->data ? sentence->data : "");
    text_free(sentence);
}

/* Do the shared features carry the labels? */
static void verdict_shared(text *page, const evaluation *e) {
    double shared = e->label[SCORE_SHARED].accuracy, raw = e->label[SCORE_RAW].accuracy, floor = e->majority;
    text s = { 0 };
    page_tone tone = PAGE_NEUTRAL;
    const char *head = "Shared features carry part of the labels.";
    if (!isfinite(shared)) { return; }
    if (shared >= raw - 0.02) {
        tone = PAGE_GOOD;
        head = "Shared features carry the labels.";
    } else if (isfinite(raw) && shared < floor + 0.25 * (raw - floor)) {
        tone = PAGE_WARNING;
        head = "Shared features say little about the labels.";
    }
    add_fixed(&s, "From (C1, C2) a linear probe names ", 100 * shared, 1, " % of the held-out rows right");
    if (isfinite(raw)) { add_fixed(&s, "; from the raw inputs ", 100 * raw, 1, " %"); }
    add_fixed(&s, ", and always guessing the most frequent label ", 100 * floor, 1, " %.");
    if (tone == PAGE_WARNING) {
        text_add(&s, " Perhaps the labels show in one view only; then they belong to Z.");
    }
    close_verdict(page, tone, head, &s);
}

/* Is Z_i free of what the other view shows? */
static void verdict_leakage(text *page, const evaluation *e, int view) {
    double most = r2_best(&e->leakage[view]);
    page_tone tone = most < 0.1 ? PAGE_GOOD : most < 0.5 ? PAGE_WARNING : PAGE_BAD;
    const char *words = most < 0.1   ? "is nearly free of shared information."
                        : most < 0.3 ? "holds some shared information."
                        : most < 0.5 ? "still holds shared information."
                                     : "holds much of the shared information.";
    char head[80];
    text s = { 0 };
    if (!isfinite(most)) { return; }
    snprintf(head, sizeof head, "Z%d %s", view + 1, words);
    text_format(&s, "Leakage: from Z%d one predicts ", view + 1);
    add_fixed(&s, "", 100 * fmax(most, 0), 0, " % of the variance of ");
    text_format(&s, "C%d on held-out rows", 2 - view);
    add_fixed(&s, " (linear ", e->leakage[view].ridge, 2, ", ");
    add_fixed(&s, "10 neighbours ", e->leakage[view].knn, 2, ", ");
    add_fixed(&s, "MLP ", e->leakage[view].mlp, 2, ").");
    if (tone != PAGE_GOOD) { text_add(&s, " A smaller lambda lowers it; the method residual-indiseek leaks less."); }
    close_verdict(page, tone, head, &s);
}

/* Do Z_i and C_i together say all about X_i? */
static void verdict_completeness(text *page, const evaluation *e, int view) {
    double most = fmax(e->completeness[view].best, e->completeness[view].decoder);
    page_tone tone = most >= 0.75 ? PAGE_GOOD : most >= 0.4 ? PAGE_NEUTRAL : PAGE_WARNING;
    char head[80];
    text s = { 0 };
    if (!isfinite(most)) { return; }
    snprintf(head, sizeof head, "(Z%d, C%d) %s X%d.", view + 1, view + 1,
             most >= 0.75 ? "together describe" : most >= 0.4 ? "describe part of" : "describe little of", view + 1);
    add_fixed(&s, "Completeness: they explain ", 100 * fmax(most, 0), 0, " % of its variance on held-out rows");
    add_fixed(&s, " (linear ", e->completeness[view].r2.ridge, 2, "");
    if (isfinite(e->completeness[view].decoder)) {
        add_fixed(&s, ", own decoder ", e->completeness[view].decoder, 2, "");
    }
    text_add(&s, ").");
    if (tone != PAGE_GOOD) {
        text_add(&s, " What is missing may be noise; if not, a larger lambda or more epochs bring it back.");
    }
    close_verdict(page, tone, head, &s);
}

/* Each line of the library's warnings. */
static void verdict_warnings(text *page, const char *warnings) {
    while (warnings && *warnings) {
        const char *end = strchr(warnings, '\n');
        text s = { 0 };
        text_add_bytes(&s, warnings, end ? (size_t)(end - warnings) : strlen(warnings));
        close_verdict(page, PAGE_WARNING, "Training warned:", &s);
        warnings = end ? end + 1 : NULL;
    }
}

void report_verdicts(text *page, const evaluation *e, const isk_report *training, const char *warnings) {
    page_verdicts_begin(page);
    if (training && training->status != ISK_OK) {
        page_verdict(page, PAGE_BAD, "Training diverged.", training->message);
    }
    verdict_warnings(page, warnings);
    if (e->scored == ISK_TRAIN) {
        page_verdict(page, PAGE_NEUTRAL, "Nothing was scored.", "No rows were held out for testing or validation.");
    }
    verdict_shared(page, e);
    for (int view = 0; view < 2; view++) { verdict_leakage(page, e, view); }
    for (int view = 0; view < 2; view++) { verdict_completeness(page, e, view); }
    page_verdicts_end(page);
}

/* ---- tables ---- */

void report_scores(text *page, const evaluation *e, int has_labels) {
    static const char *const probe_header[] = { "features", "accuracy", "balanced accuracy", "10-NN agreement" };
    static const char *const r2_header[] = { "R²", "linear (ridge)", "10 neighbours", "MLP", "own decoder" };
    static const char *const part[] = { "", "validation", "test" };
    text s = { 0 };
    if (e->scored == ISK_TRAIN) { return; }
    page_heading(page, "Scores");
    text_format(&s, "Fitted on %lld training rows, scored on %lld %s rows.", (long long)e->rows[ISK_TRAIN],
                (long long)e->rows[e->scored], part[e->scored]);
    if (has_labels) {
        text_add(&s,
                 " Accuracies are those of a logistic regression; 10-NN agreement is the share of a row's ten nearest "
                 "rows that carry its label.");
    }
    page_paragraph(page, s.data ? s.data : "");
    text_free(&s);
    if (has_labels) {
        page_table_begin(page, probe_header, 4);
        for (int i = 0; i < SCORE_COUNT; i++) {
            if (isnan(e->label[i].accuracy)) { continue; }
            page_row(page, score_words[i]);
            page_cell_bar(page, e->label[i].accuracy, 3, 0, 1);
            page_cell_bar(page, e->label[i].balanced_accuracy, 3, 0, 1);
            page_cell_bar(page, e->label[i].neighbours, 3, 0, 1);
        }
        page_row(page, "most frequent label");
        page_cell_bar(page, e->majority, 3, 0, 1);
        page_table_end(page);
    }
    page_table_begin(page, r2_header, 5);
    for (int i = 0; i < 4; i++) {
        static const char *const names[] = { "leakage: Z1 about C2", "leakage: Z2 about C1",
                                             "completeness: (Z1, C1) about X1", "completeness: (Z2, C2) about X2" };
        const r2_scores *r2 = i < 2 ? &e->leakage[i] : &e->completeness[i - 2].r2;
        if (isnan(r2->ridge)) { continue; }
        page_row(page, names[i]);
        page_cell_bar(page, r2->ridge, 3, 0, 1);
        page_cell_bar(page, r2->knn, 3, 0, 1);
        page_cell_bar(page, r2->mlp, 3, 0, 1);
        page_cell_bar(page, i < 2 ? NAN : e->completeness[i - 2].decoder, 3, 0, 1);
    }
    page_table_end(page);
}

void report_settings(text *page, const char *const *facts, const isk_options *options) {
    page_heading(page, "Settings");
    page_facts_begin(page);
    for (; *facts; facts += 2) { page_fact(page, facts[0], facts[1]); }
    page_facts_end(page);
    page_facts_begin(page);
    for (int i = 0; i < isk_option_count(); i++) {
        char value[64];
        page_fact(page, isk_option_get(i)->name, isk_option_text(options, i, value));
    }
    page_facts_end(page);
}

/* ---- curves ---- */

static void add_line(line_series *series, int *count, const curve *c, const char *name, int colour, int dashed) {
    if (c->count == 0) { return; }
    series[(*count)++] = (line_series){ name, c->x, c->y, c->count, dashed, colour, NULL };
}

static void draw(text *page, const char *title, const char *y_label, const line_series *series, int count, int log_y) {
    if (count == 0) { return; }
    chart_lines(page, &(line_chart){ .title = title, .x_label = "epoch", .y_label = y_label, .series = series,
                                     .series_count = count, .log_y = log_y });
}

void report_curves(text *page, const curves *c) {
    const curve *shared = c->stage[0], *one = c->stage[1], *two = c->stage[2];
    line_series series[6];
    int count = 0;
    page_heading(page, "Training");
    page_grid_begin(page);
    add_line(series, &count, &shared[CURVE_LOSS], "training", 1, 0);
    add_line(series, &count, &shared[CURVE_VALIDATION_LOSS], "validation", 1, 1);
    draw(page, "Shared features: contrast between the views (InfoNCE)", "nats", series, count, 0);
    count = 0;
    add_line(series, &count, &one[CURVE_RECONSTRUCTION], "X1", 1, 0);
    add_line(series, &count, &one[CURVE_VALIDATION_RECONSTRUCTION], "X1 validation", 1, 1);
    add_line(series, &count, &two[CURVE_RECONSTRUCTION], "X2", 3, 0);
    add_line(series, &count, &two[CURVE_VALIDATION_RECONSTRUCTION], "X2 validation", 3, 1);
    draw(page, "Specific features: part of X (or of its residual) not reconstructed", "error / power", series, count,
         1);
    count = 0;
    add_line(series, &count, &one[CURVE_CLUB], "Z1 in training", 1, 0);
    add_line(series, &count, &one[CURVE_FRESH_CLUB], "Z1 fresh critic", 1, 1);
    add_line(series, &count, &two[CURVE_CLUB], "Z2 in training", 3, 0);
    add_line(series, &count, &two[CURVE_FRESH_CLUB], "Z2 fresh critic", 3, 1);
    draw(page, "Bound on the information about the other view (CLUB)", "nats", series, count, 0);
    count = 0;
    add_line(series, &count, &one[CURVE_LOSS], "Z1", 1, 0);
    add_line(series, &count, &one[CURVE_VALIDATION_LOSS], "Z1 validation", 1, 1);
    add_line(series, &count, &two[CURVE_LOSS], "Z2", 3, 0);
    add_line(series, &count, &two[CURVE_VALIDATION_LOSS], "Z2 validation", 3, 1);
    draw(page, "Specific features: loss", "CLUB + λ/2 error", series, count, 1);
    page_grid_end(page);
}

/* ---- embeddings ---- */

isk_status plane_of(isk_context *context, isk_matrix x, const int64_t *rows, int64_t count, float *points,
                    double share[2]) {
    const int k = x.cols > 1 && count > 2 ? 2 : 1;
    isk_scalar *picked = malloc(sizeof *picked * (size_t)count * (size_t)x.cols);
    isk_scalar *mean = malloc(sizeof *mean * (size_t)x.cols), *components = malloc(sizeof *mean * (size_t)x.cols * 2);
    isk_scalar *plane = malloc(sizeof *plane * (size_t)count * 2);
    double variances[2] = { 0, 0 }, total = 0;
    isk_status status = ISK_MEMORY;
    if (picked && mean && components && plane) {
        isk_matrix all = { picked, count, x.cols };
        for (int64_t i = 0; i < count; i++) {
            memcpy(picked + i * x.cols, x.data + rows[i] * x.cols, sizeof *picked * (size_t)x.cols);
        }
        status = isk_pca(context, &(isk_pca_desc){ .x = all, .k = k, .mean = mean, .components = components,
                                                   .variances = variances, .total_variance = &total });
        if (status == ISK_OK) { status = isk_pca_transform(context, all, mean, components, k, plane); }
    }
    for (int64_t i = 0; i < count && status == ISK_OK; i++) {
        points[2 * i] = (float)plane[k * i];
        points[2 * i + 1] = k > 1 ? (float)plane[k * i + 1] : 0;
    }
    for (int i = 0; i < 2; i++) { share[i] = total > 0 ? variances[i] / total : 0; }
    free(picked);
    free(mean);
    free(components);
    free(plane);
    return status;
}

static isk_status draw_plane(text *page, isk_context *context, const report_embeddings_desc *d, int which,
                             const int64_t *rows, int count, const int *label, chart_labels legend) {
    static const char *const titles[] = { "C1: shared, seen by view 1", "C2: shared, seen by view 2",
                                          "Z1: specific to view 1", "Z2: specific to view 2" };
    float *points = malloc(sizeof *points * 2 * (size_t)count);
    char axis[2][32];
    double share[2];
    isk_status status = ISK_MEMORY;
    if (points) { status = plane_of(context, d->features[which], rows, count, points, share); }
    if (status == ISK_OK) {
        for (int i = 0; i < 2; i++) { snprintf(axis[i], sizeof axis[i], "PC %d (%.0f %%)", i + 1, 100 * share[i]); }
        chart_scatter(page, &(scatter_chart){ .title = titles[which],
                                              .x_label = axis[0],
                                              .y_label = axis[1],
                                              .points = points,
                                              .label = label,
                                              .count = count,
                                              .labels = legend });
    }
    free(points);
    return status;
}

isk_status report_embeddings(text *page, isk_context *context, const report_embeddings_desc *d) {
    enum { ENOUGH = 200 };
    int64_t all = d->features[0].rows, *rows = malloc(sizeof *rows * (size_t)all);
    int count = 0, held = 0, *label = malloc(sizeof *label * (size_t)all);
    int *sizes = calloc((size_t)d->label_count + 1, sizeof *sizes);
    isk_status status = rows && label && sizes ? ISK_OK : ISK_MEMORY;
    chart_labels legend = { d->names, sizes, d->labels ? d->label_count : 0, 0, 0 };
    char words[200];
    for (int64_t i = 0; i < all; i++) { held += d->scored != ISK_TRAIN && d->part[i] == d->scored; }
    for (int64_t i = 0; i < all && status == ISK_OK; i++) {
        if (held >= ENOUGH && d->part[i] != d->scored) { continue; }
        rows[count] = i;
        label[count] = d->labels ? d->labels[i] : 0;
        if (d->labels && d->labels[i] >= 0) { sizes[d->labels[i]]++; }
        count++;
    }
    page_heading(page, "Features");
    snprintf(words, sizeof words, "First two principal components of %s%d rows%s.",
             held >= ENOUGH ? "the held-out " : "all ", count,
             d->labels ? "; point at a name to see its rows alone" : "");
    page_paragraph(page, words);
    if (d->labels && status == ISK_OK) { chart_legend(page, &legend); }
    page_grid_begin(page);
    for (int i = 0; i < 4 && status == ISK_OK; i++) {
        if (d->features[i].data) {
            status = draw_plane(page, context, d, i, rows, count, d->labels ? label : NULL, legend);
        }
    }
    page_grid_end(page);
    free(rows);
    free(label);
    free(sizes);
    return status;
}
