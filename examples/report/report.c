#include "report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- tables ---- */

static void add_sheet(text *page, sheet *s) {
    page_sheet(page, s);
    sheet_free(s);
}

void report_scores(text *page, const evaluation *e, int has_labels) {
    sheet_column columns[EVALUATION_COLUMNS];
    sheet table;
    text s = { 0 };
    if (e->scored == ISK_TRAIN) { return; }
    page_heading(page, "Scores");
    if (has_labels) {
        evaluation_labels_words(e, &s);
        text_add(&s, " 10-NN agreement is the share of a row's ten nearest rows that carry its label. ");
    }
    evaluation_rows_words(e, &s);
    page_paragraph(page, s.data ? s.data : "");
    text_free(&s);
    if (has_labels && labels_of_different_rows(e)) {
        page_paragraph(page, "Some rows lack a view. Each line is of the labelled rows that have all that it names, so lines are of "
                             "different rows; the share of the most frequent label stands beside each.");
    }
    if (has_labels) {
        evaluation_labels_sheet(e, columns, &table);
        add_sheet(page, &table);
    }
    evaluation_views_sheet(e, columns, &table);
    add_sheet(page, &table);
    if (decoder_of_steps(e)) { page_paragraph(page, "The own decoder's R² of a sequence is of all steps, not of their mean."); }
}

void report_settings(text *page, const char *const *facts, const isk_model *model) {
    const isk_method *method = isk_model_method(model);
    unsigned groups = method->groups | ISK_READS(OWN);
    int sequences = 0;
    for (int i = 0; i < isk_model_views(model); i++) { sequences += isk_model_view_steps(model, i) > 1; }
    if (!sequences) { groups &= ~ISK_READS(SEQUENCE); }
    page_heading(page, "Settings");
    page_facts_begin(page);
    for (; *facts; facts += 2) { page_fact(page, facts[0], facts[1]); }
    page_facts_end(page);
    page_facts_begin(page);
    for (int i = 0; i < isk_option_count(method); i++) {
        const isk_option_info *option = isk_option_get(method, i);
        char value[64];
        if (!(groups >> option->group & 1)) { continue; }
        page_fact(page, option->name, isk_option_text(method, isk_model_options(model), i, value));
    }
    page_facts_end(page);
}

void report_provenance(text *page, const provenance *made) {
    page_heading(page, "How it was made");
    page_paragraph(page, made->line.data ? made->line.data : "");
    page_facts_begin(page);
    page_fact(page, "indiseek", ISK_VERSION);
    page_fact(page, "date", made->date);
    for (int i = 0; i < made->count; i++) { page_fact(page, made->name[i], made->hash[i]); }
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
                                     .series_count = count, .log_y = log_y, .whole_x = 1 });
}

static const char *const specific_stages[ISK_MAX_VIEWS] = { "specific1", "specific2", "specific3", "specific4" };

/* One quantity of every view in training, dashed on rows not trained on. */
static void draw_views(text *page, const curves *c, const char *title, const char *y_label, int of_training, int of_others,
                       const char *letter, const char *const remarks[2], int log_y) {
    line_series series[2 * ISK_MAX_VIEWS];
    char names[2 * ISK_MAX_VIEWS][48];
    int count = 0;
    for (int view = 0; view < ISK_MAX_VIEWS; view++) {
        const curve *stage = curves_of(c, specific_stages[view]);
        for (int k = 0; k < 2 && stage; k++) {
            snprintf(names[2 * view + k], sizeof names[0], "%s%d%s", letter, view + 1, remarks[k]);
            add_line(series, &count, &stage[k ? of_others : of_training], names[2 * view + k], 2 * view + 1, k);
        }
    }
    draw(page, title, y_label, series, count, log_y);
}

/* A chart a stage, by its own name where nothing else is known of it; those of specific features are lines of the charts above. */
static void draw_stages(text *page, const curves *c) {
    static const struct { const char *stage, *title; } known[] = {
        { "shared", "Shared features: contrast between the views (InfoNCE)" },
        { "fused", "Fused features: contrast of augmented copies (InfoNCE)" },
    };
    for (int i = 0; i < c->count; i++) {
        const stage_curves *stage = &c->stages[i];
        const char *title = NULL;
        char own[80];
        line_series series[2];
        int count = 0, specific = 0;
        for (int view = 0; view < ISK_MAX_VIEWS; view++) { specific |= strcmp(stage->name, specific_stages[view]) == 0; }
        if (specific) { continue; }
        for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
            if (strcmp(stage->name, known[k].stage) == 0) { title = known[k].title; }
        }
        snprintf(own, sizeof own, "Stage %s", stage->name);
        add_line(series, &count, &stage->of[CURVE_LOSS], "training", 1, 0);
        add_line(series, &count, &stage->of[CURVE_VALIDATION_LOSS], "validation", 1, 1);
        draw(page, title ? title : own, title ? "nats" : "loss", series, count, 0);
    }
}

void report_curves(text *page, const curves *c) {
    static const char *const validation[2] = { "", " validation" }, *const critics[2] = { " in training", " fresh critic" };
    page_heading(page, "Training");
    page_grid_begin(page);
    draw_stages(page, c);
    draw_views(page, c, "Specific features: part of X (or of its residual) not reconstructed", "error / power", CURVE_RECONSTRUCTION,
               CURVE_VALIDATION_RECONSTRUCTION, "X", validation, 1);
    draw_views(page, c, "Bound on the information about the other views (CLUB)", "nats", CURVE_CLUB, CURVE_FRESH_CLUB, "Z", critics, 0);
    draw_views(page, c, "Specific features: loss", "CLUB + λ/2 error", CURVE_LOSS, CURVE_VALIDATION_LOSS, "Z", validation, 1);
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
    const int view = which % ISK_MAX_VIEWS + 1;
    char title[48] = "fused: all views";
    float *points = malloc(sizeof *points * 2 * (size_t)count);
    char axis[2][32];
    double share[2];
    isk_status status = ISK_MEMORY;
    if (which < FEATURE_Z) { snprintf(title, sizeof title, "C%d: shared, seen by view %d", view, view); }
    if (which >= FEATURE_Z && which < FEATURE_FUSED) { snprintf(title, sizeof title, "Z%d: specific to view %d", view, view); }
    if (points) { status = plane_of(context, d->features[which], rows, count, points, share); }
    if (status == ISK_OK) {
        for (int i = 0; i < 2; i++) { snprintf(axis[i], sizeof axis[i], "PC %d (%.0f %%)", i + 1, 100 * share[i]); }
        chart_scatter(page, &(scatter_chart){ .title = title,
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

/* Those of the rows that are there in one matrix. */
static isk_status draw_there(text *page, isk_context *context, const report_embeddings_desc *d, int which, const int64_t *rows, int count,
                             const int *label, chart_labels legend) {
    const isk_matrix m = d->features[which];
    int64_t *there = malloc(sizeof *there * ((size_t)count + 1));
    int *names = malloc(sizeof *names * ((size_t)count + 1)), n = 0;
    isk_status status = there && names ? ISK_OK : ISK_MEMORY;
    for (int i = 0; i < count && status == ISK_OK; i++) {
        if (isnan(m.data[rows[i] * m.cols])) { continue; }
        names[n] = label ? label[i] : 0;
        there[n++] = rows[i];
    }
    if (status == ISK_OK && n > 0) { status = draw_plane(page, context, d, which, there, n, label ? names : NULL, legend); }
    free(there);
    free(names);
    return status;
}

isk_status report_embeddings(text *page, isk_context *context, const report_embeddings_desc *d) {
    enum { ENOUGH = 200 };
    int64_t all = d->features[FEATURE_C].data ? d->features[FEATURE_C].rows : d->features[FEATURE_FUSED].rows;
    int64_t *rows = malloc(sizeof *rows * (size_t)all);
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
    for (int i = 0; i < FEATURE_COUNT && status == ISK_OK; i++) {
        if (d->features[i].data) {
            status = draw_there(page, context, d, i, rows, count, d->labels ? label : NULL, legend);
        }
    }
    page_grid_end(page);
    free(rows);
    free(label);
    free(sizes);
    return status;
}
