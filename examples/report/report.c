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
    const int which = e->fused ? SCORE_FUSED : SCORE_SHARED;
    const double shared = e->label[which].value[METRIC_ACCURACY], raw = e->label[SCORE_RAW].value[METRIC_ACCURACY];
    const double floor = e->label[which].majority;
    score_text words;
    text s = { 0 };
    page_tone tone = PAGE_NEUTRAL;
    const char *head = e->fused ? "The features carry part of the labels." : "Shared features carry part of the labels.";
    if (!isfinite(shared)) { return; }
    if (shared >= raw - 0.02) {
        tone = PAGE_GOOD;
        head = e->fused ? "The features carry the labels." : "Shared features carry the labels.";
    } else if (isfinite(raw) && shared < floor + 0.25 * (raw - floor)) {
        tone = PAGE_WARNING;
        head = e->fused ? "The features say little about the labels." : "Shared features say little about the labels.";
    }
    text_format(&s, e->fused ? "From the %s features" : "From (%s)", score_words(e, which, &words));
    add_fixed(&s, " a linear probe names ", 100 * shared, 1, " % of the held-out rows right");
    if (isfinite(raw)) { add_fixed(&s, "; from the inputs as prepared ", 100 * raw, 1, " %"); }
    add_fixed(&s, ", and always guessing the most frequent label ", 100 * floor, 1, " %.");
    if (tone == PAGE_WARNING && !e->fused) {
        text_add(&s, " Perhaps the labels show in one view only; then they belong to Z.");
    }
    close_verdict(page, tone, head, &s);
}

/* Is Z_i free of what the other view shows? */
static void verdict_leakage(text *page, const evaluation *e, int view, const isk_method *method) {
    double most = metrics_best(e->leakage[view]);
    page_tone tone = most < 0.1 ? PAGE_GOOD : most < 0.5 ? PAGE_WARNING : PAGE_BAD;
    const char *words = most < 0.1   ? "is nearly free of shared information."
                        : most < 0.3 ? "holds some shared information."
                        : most < 0.5 ? "still holds shared information."
                                     : "holds much of the shared information.";
    const int residual = (method->groups & ISK_READS(RESIDUAL)) != 0, trained = (method->groups & ISK_READS(NETWORK)) != 0;
    char head[80];
    score_text others;
    text s = { 0 };
    if (!isfinite(most)) { return; }
    snprintf(head, sizeof head, "Z%d %s", view + 1, words);
    text_format(&s, "Leakage: from Z%d one predicts ", view + 1);
    add_fixed(&s, "", 100 * fmax(most, 0), 0, " % of the variance of ");
    text_format(&s, "%s on held-out rows", other_shared(e->c, view, &others));
    for (int m = metric_of_matrix(-1), first = 1; m < metric_count; m = metric_of_matrix(m), first = 0) {
        text_format(&s, "%s%s ", first ? " (" : ", ", metrics[m].title);
        text_fixed(&s, e->leakage[view][m], 2);
    }
    text_add(&s, ").");
    if (tone != PAGE_GOOD) {
        text_add(&s, residual ? " What is left of it follows the shared features in a way that the regression on them did not learn: more "
                                "residual-epochs may."
                     : !trained ? " The method takes away what follows by lines alone; the method residual-indiseek takes away more."
                     : method->can & ISK_HAS_LAMBDA ? " A smaller lambda lowers it; the method residual-indiseek leaks less."
                                                    : " The method residual-indiseek leaks less.");
    }
    close_verdict(page, tone, head, &s);
}

/* Do Z_i and C_i together say all about X_i? */
static void verdict_completeness(text *page, const evaluation *e, int view, int reduced, const isk_method *method) {
    const int trained = (method->groups & ISK_READS(NETWORK)) != 0;
    const double decoder = e->completeness[view][METRIC_DECODER], best = metrics_best(e->completeness[view]);
    const double most = e->steps[view].decoder ? best : fmax(best, decoder);        /* of what the regressions are about */
    const int undecoded = decoder < 0.1;
    page_tone tone = undecoded ? PAGE_WARNING : most >= 0.75 ? PAGE_GOOD : most >= 0.4 || reduced || e->fused ? PAGE_NEUTRAL : PAGE_WARNING;
    const char *amount = most >= 0.75 ? "most of" : most >= 0.4 ? "part of" : "little of";
    const int both = (e->z & e->c) >> view & 1;
    const char *remedy = method->can & ISK_HAS_LAMBDA ? "a larger lambda or more epochs" : "more epochs";
    char head[120], told[48];
    score_text whole;
    text s = { 0 };
    if (!isfinite(most)) { return; }
    told_words(e, view, told);
    if (e->fused) {
        snprintf(head, sizeof head, "The fused features describe %s %s.", amount, told);
    } else if (both && most >= 0.75) {
        snprintf(head, sizeof head, "%s together describe %s.", whole_words(e, view, &whole), told);
    } else {
        snprintf(head, sizeof head, "%s %s %s %s.", whole_words(e, view, &whole), both ? "describe" : "describes", amount, told);
    }
    add_fixed(&s, both || e->fused ? "Completeness: they explain " : "Completeness: it explains ", 100 * fmax(most, 0), 0,
              " % of its variance on held-out rows");
    add_fixed(&s, " (linear ", e->completeness[view][METRIC_RIDGE], 2, "");
    if (isfinite(decoder)) { add_fixed(&s, ", own decoder ", decoder, 2, e->steps[view].decoder ? " of all steps" : ""); }
    text_add(&s, ").");
    if (reduced) {
        text_add(&s, " Each view was first reduced to what the option reduce keeps of it, so much of X is to be missing.");
    } else if (e->fused) {
        text_add(&s, " Its method is not trained to reconstruct.");
    } else if (!trained && tone != PAGE_GOOD) {
        text_add(&s, " What is missing may be noise; if not, it lies in components that the method left out.");
    } else if (undecoded) {
        text_format(&s, " The model's own decoder gives back next to nothing of %sX%d: %s may teach it.",
                    e->steps[view].decoder ? "the steps of " : "", view + 1, remedy);
    } else if (tone != PAGE_GOOD) {
        text_format(&s, " What is missing may be noise; if not, %s bring it back.", remedy);
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

void report_verdicts(text *page, const evaluation *e, const isk_model *model, const char *warnings) {
    const isk_report *training = isk_model_report(model);
    const int reduced = isk_model_options(model)->reduce > ISK_REDUCE_NONE;
    page_verdicts_begin(page);
    if (training->status != ISK_OK) {
        page_verdict(page, PAGE_BAD, "Training diverged.", training->message);
    }
    verdict_warnings(page, warnings);
    if (e->scored == ISK_TRAIN) {
        page_verdict(page, PAGE_NEUTRAL, "Nothing was scored.", "No rows were held out for testing or validation.");
    }
    verdict_shared(page, e);
    if (e->fused) {
        page_verdict(page, PAGE_NEUTRAL, "One representation of all views.",
                     "The method does not tell shared from specific: there is no C and no Z, and nothing is said about leakage.");
    }
    for (int view = 0; view < e->views; view++) { verdict_leakage(page, e, view, isk_model_method(model)); }
    for (int view = 0; view < e->views; view++) { verdict_completeness(page, e, view, reduced, isk_model_method(model)); }
    page_verdicts_end(page);
}

/* ---- tables ---- */

static void add_sheet(text *page, sheet *s) {
    page_sheet(page, s);
    sheet_free(s);
}

void report_scores(text *page, const evaluation *e, int has_labels) {
    static const char *const part[] = { "", "validation", "test" };
    sheet_column columns[EVALUATION_COLUMNS];
    sheet table;
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

void report_settings(text *page, const char *const *facts, const isk_options *options) {
    page_heading(page, "Settings");
    page_facts_begin(page);
    for (; *facts; facts += 2) { page_fact(page, facts[0], facts[1]); }
    page_facts_end(page);
    page_facts_begin(page);
    for (int i = 0; i < isk_option_count(NULL); i++) {
        char value[64];
        page_fact(page, isk_option_get(NULL, i)->name, isk_option_text(NULL, options, i, value));
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
