/* The report of `study probe`, and the same in short for the terminal. */
#include "probe.h"

#include "../report/page.h"
#include "../report/repeat.h"
#include "../runs/evaluation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- accuracies ---- */

/* A metric of labels of the models, of one task or as the mean over all of them. */
static void accuracies(const records *r, const sweep_record *s, int field, int task, int tasks, double *values) {
    for (int i = 0; i < records_models(s); i++) {
        const double *all = records_at(r, s, i, field);
        values[i] = task < 0 ? 0 : all[task];
        for (int t = 0; t < tasks && task < 0; t++) { values[i] += all[t] / tasks; }
    }
}

probe_scores probe_scores_of(const records *r, const sweep_record *s, int task, int tasks) {
    probe_scores p = { .best = { NAN, NAN, 0 }, .chosen = { NAN, NAN, 0 }, .best_at = -1, .chosen_at = -1 };
    const int lambdas = s && s->lambda_count ? s->lambda_count : 1, seeds = s && s->seeds ? s->seeds : 1;
    double test[MOST_REALS], validation[MOST_REALS];
    double *values = s ? malloc(sizeof *values * (size_t)records_models(s)) : NULL;
    for (int i = 0; i < MOST_REALS; i++) { p.by_lambda[i] = (average){ NAN, NAN, 0 }; }
    if (!values) { return p; }
    accuracies(r, s, probe_labels_field(r, METRIC_ACCURACY, PROBE_VALIDATION), task, tasks, values);
    for (int i = 0; i < lambdas; i++) { validation[i] = average_of(values + i * seeds, seeds, 1).mean; }
    accuracies(r, s, probe_labels_field(r, METRIC_ACCURACY, PROBE_TEST), task, tasks, values);
    for (int i = 0; i < lambdas; i++) {
        p.by_lambda[i] = average_of(values + i * seeds, seeds, 1);
        test[i] = p.by_lambda[i].mean;
    }
    free(values);
    p.best_at = largest_of(test, lambdas);
    p.chosen_at = s->lambda_count ? largest_of(validation, lambdas) : p.best_at;      /* else there is no choice */
    if (p.best_at >= 0) { p.best = p.by_lambda[p.best_at]; }
    if (p.chosen_at >= 0) { p.chosen = p.by_lambda[p.chosen_at]; }
    return p;
}

/* On the test rows, of the models of one lambda. */
static average test_average(const records *r, const sweep_record *s, int metric_of_labels, int task, int tasks, int lambda) {
    const int seeds = s->seeds ? s->seeds : 1;
    double *values = malloc(sizeof *values * (size_t)records_models(s));
    average a = { NAN, NAN, 0 };
    if (!values) { return a; }
    accuracies(r, s, probe_labels_field(r, metric_of_labels, PROBE_TEST), task, tasks, values);
    a = average_of(values + lambda * seeds, seeds, 1);
    free(values);
    return a;
}

/* Everything that a table or picture is made of. */
typedef struct source {
    const records *r;
    const configuration *c;
    const probe_data *d;
    const probe_row *rows;
    int row_count;
    const int *dims;
    int dim_count;
} source;

static const sweep_record *sweep_at(const source *s, const probe_row *row, int dim) {
    return records_find(s->r, row->name, row->per_dim ? dim : 0);
}

static const char *task_words(const source *s, int task) {
    return task < 0 ? "mean over the tasks" : s->d->tasks[task].name;
}

/* Words over a column that is made by the table. */
typedef struct column_title { char text[112]; } column_title;

static void add_sheet(text *page, sheet *s) {
    page_sheet(page, s);
    sheet_free(s);
}

/* ---- tables of accuracies ---- */

static void put_percent(sheet *t, average a) { sheet_average(t, (average){ 100 * a.mean, 100 * a.error, a.count }); }

static void put_lambda(sheet *t, const configuration *c, const sweep_record *s, int at) {
    if (s && s->lambda_count && at >= 0) { sheet_number(t, c->lambdas[at]); } else { sheet_skip(t); }
}

enum { ACCURACY_COLUMNS = MOST_REALS + MOST_METRICS + 5 };

/* Methods by lambda, and what was chosen; for the terminal what was chosen alone. */
static void accuracy_columns(const source *s, int task, column_title *titles, sheet_column *columns, sheet *t) {
    static const sheet_column chosen[] = {
        { .words = "best on test", .title = "best on test, as the paper", .form = SHEET_REAL, .decimals = 2, .width = 16,
          .error = SHEET_ERROR_ON_TERMINAL | SHEET_ERROR_IN_PAGE },
        { .words = "lambda", .title = "λ", .form = SHEET_GENERAL, .width = 10 },
        { .words = "chosen on validation", .title = "chosen on validation", .form = SHEET_REAL, .decimals = 2,
          .error = SHEET_ERROR_ON_TERMINAL | SHEET_ERROR_IN_PAGE },
        { .words = "lambda", .title = "λ", .form = SHEET_GENERAL, .width = 10 },
    };
    *t = (sheet){ .columns = columns };
    snprintf(titles[0].text, sizeof titles[0].text, "accuracy, %%: %s", task_words(s, task));
    columns[t->column_count++] = (sheet_column){ .words = "", .title = titles[0].text, .width = 40 };
    for (int i = 0; i < s->c->lambda_count; i++) {
        char number[32];
        snprintf(number, sizeof number, "%g", s->c->lambdas[i]);
        snprintf(titles[i + 1].text, sizeof titles[0].text, "λ = %s", number);
        columns[t->column_count++] = (sheet_column){ .title = titles[i + 1].text, .form = SHEET_REAL, .decimals = 2,
                                                     .error = SHEET_ERROR_IN_PAGE };
    }
    for (int k = 0; k < 4; k++) { columns[t->column_count++] = chosen[k]; }
    for (int m = metric_of_labels(METRIC_ACCURACY); m < metric_count; m = metric_of_labels(m)) {
        if (metrics[m].fit_alone) { continue; }
        columns[t->column_count++] = (sheet_column){ .title = metrics[m].title, .form = SHEET_REAL, .error = SHEET_ERROR_IN_PAGE };
    }
}

static void accuracy_row(const source *s, const probe_row *row, int dim, int task, sheet *t) {
    const int tasks = s->d->task_count;
    const sweep_record *sweep = sweep_at(s, row, dim);
    const probe_scores p = probe_scores_of(s->r, sweep, task, tasks);
    if (!sweep) { return; }
    sheet_row(t);
    sheet_words(t, row->words);
    for (int k = 0; k < s->c->lambda_count; k++) {
        if (sweep->lambda_count) { put_percent(t, p.by_lambda[k]); } else { sheet_skip(t); }
    }
    put_percent(t, p.best);
    sheet_strong(t);
    put_lambda(t, s->c, sweep, p.best_at);
    put_percent(t, p.chosen);
    sheet_strong(t);
    put_lambda(t, s->c, sweep, p.chosen_at);
    for (int m = metric_of_labels(METRIC_ACCURACY); m < metric_count; m = metric_of_labels(m)) {
        if (metrics[m].fit_alone) { continue; }
        if (p.chosen_at >= 0) { sheet_average(t, test_average(s->r, sweep, m, task, tasks, p.chosen_at)); } else { sheet_skip(t); }
    }
}

static void accuracy_sheet(const source *s, int dim, int task, column_title *titles, sheet_column *columns, sheet *t) {
    accuracy_columns(s, task, titles, columns, t);
    for (int i = 0; i < s->row_count; i++) { accuracy_row(s, &s->rows[i], dim, task, t); }
}

static void accuracy_table(text *page, const source *s, int dim, int task) {
    column_title titles[MOST_REALS + 1];
    sheet_column columns[ACCURACY_COLUMNS];
    sheet t;
    accuracy_sheet(s, dim, task, titles, columns, &t);
    add_sheet(page, &t);
}

/* Rows by dimensions, as the paper's Table 2, or by tasks, as its Tables 3 and 11. */
static void across_table(text *page, const source *s, int by_dim, int on_test) {
    enum { MOST = MOST_REALS > MOST_TASKS ? MOST_REALS + 2 : MOST_TASKS + 2 };
    const int count = by_dim ? s->dim_count : s->d->task_count + 1;
    column_title titles[MOST];
    sheet_column columns[MOST] = { { .title = on_test ? "best on test, as the paper, %" : "chosen on validation, %" } };
    sheet t = { .columns = columns, .column_count = count + 1 };
    for (int k = 0; k < count; k++) {
        if (by_dim) {
            snprintf(titles[k].text, sizeof titles[k].text, "outdim = %d", s->dims[k]);
        } else {
            snprintf(titles[k].text, sizeof titles[k].text, "%s", task_words(s, k < s->d->task_count ? k : -1));
        }
        columns[k + 1] = (sheet_column){ .title = titles[k].text, .form = SHEET_REAL, .decimals = 2, .error = SHEET_ERROR_IN_PAGE };
    }
    for (int i = 0; i < s->row_count; i++) {
        sheet_row(&t);
        sheet_words(&t, s->rows[i].words);
        for (int k = 0; k < count; k++) {
            const int dim = s->dims[by_dim ? k : 0], several = s->d->task_count > 1;
            const int task = by_dim ? (several ? -1 : 0) : k < s->d->task_count ? k : -1;
            const probe_scores p = probe_scores_of(s->r, sweep_at(s, &s->rows[i], dim), task, s->d->task_count);
            put_percent(&t, on_test ? p.best : p.chosen);
        }
    }
    add_sheet(page, &t);
}

/* ---- leakage and completeness ---- */

static average view_average(const source *s, const sweep_record *sweep, int lambda, int field, int view) {
    const int seeds = sweep->seeds ? sweep->seeds : 1;
    return average_of(records_at(s->r, sweep, lambda * seeds, field) + view, seeds, records_width(s->r));
}

static int field_of(const source *s, int completeness, int metric_of_matrix) {
    return completeness ? probe_completeness_field(s->r, metric_of_matrix) : probe_leakage_field(s->r, metric_of_matrix);
}

static void leakage_row(const source *s, const probe_row *row, const sweep_record *sweep, int lambda, sheet *t) {
    sheet_row(t);
    if (sweep->lambda_count) {
        sheet_format(t, "%s, λ\xC2\xA0=\xC2\xA0%g", row->words, s->c->lambdas[lambda]);
    } else {
        sheet_words(t, row->words);
    }
    for (int completeness = 0; completeness < 2; completeness++) {
        for (int view = 0; view < s->d->v.count; view++) {
            for (int m = metric_of_matrix(-1); m < metric_count; m = metric_of_matrix(m)) {
                sheet_number(t, view_average(s, sweep, lambda, field_of(s, completeness, m), view).mean);
            }
        }
    }
}

/* "Z1 → C2, C3: ridge" */
static void leakage_title(column_title *words, const source *s, int view, int completeness, int metric_of_matrix) {
    score_text others;
    if (completeness) {
        snprintf(words->text, sizeof words->text, "Z%d, C%d → X%d: %s", view + 1, view + 1, view + 1, metrics[metric_of_matrix].key);
    } else {
        snprintf(words->text, sizeof words->text, "Z%d → %s: %s", view + 1, other_shared((1u << s->d->v.count) - 1, view, &others),
                 metrics[metric_of_matrix].key);
    }
}

static void leakage_table(text *page, const source *s, int dim) {
    enum { MOST = 2 * ISK_MAX_VIEWS * MOST_METRICS };
    column_title titles[MOST];
    sheet_column columns[MOST + 1] = { { .title = "R² on test rows" } };
    sheet t = { .columns = columns, .column_count = 1 };
    for (int completeness = 0; completeness < 2; completeness++) {
        for (int view = 0; view < s->d->v.count; view++) {
            for (int m = metric_of_matrix(-1); m < metric_count; m = metric_of_matrix(m)) {
                column_title *words = &titles[t.column_count - 1];
                leakage_title(words, s, view, completeness, m);
                columns[t.column_count++] = (sheet_column){ .title = words->text, .form = SHEET_BAR };
            }
        }
    }
    for (int i = 0; i < s->row_count; i++) {
        const sweep_record *sweep = sweep_at(s, &s->rows[i], dim);
        if (!sweep || !sweep->seeds) { continue; }
        for (int k = 0; k < (sweep->lambda_count ? sweep->lambda_count : 1); k++) { leakage_row(s, &s->rows[i], sweep, k, &t); }
    }
    add_sheet(page, &t);
}

/* The most that any metric finds. */
static double most_found(const source *s, const sweep_record *sweep, int lambda, int completeness, int view) {
    double found[MOST_METRICS];
    metrics_unknown(found);
    for (int m = metric_of_matrix(-1); m < metric_count; m = metric_of_matrix(m)) {
        found[m] = view_average(s, sweep, lambda, field_of(s, completeness, m), view).mean;
    }
    return metrics_best(found);
}

static void leakage_chart(text *page, const source *s, int dim, int view) {
    line_series series[MOST_ROWS];
    double x[MOST_ROWS][MOST_REALS], y[MOST_ROWS][MOST_REALS];
    char words[MOST_REALS][24], title[96];
    const char *at_points[MOST_REALS];
    int count = 0;
    for (int k = 0; k < s->c->lambda_count; k++) {
        text number = { 0 };
        text_number(&number, s->c->lambdas[k], 4);
        snprintf(words[k], sizeof words[k], "%s", number.data ? number.data : "");
        at_points[k] = words[k];
        text_free(&number);
    }
    for (int i = 0; i < s->row_count; i++) {
        const sweep_record *sweep = sweep_at(s, &s->rows[i], dim);
        const int points = sweep && sweep->lambda_count ? sweep->lambda_count : 1;
        int finite = 0;
        if (!sweep || !sweep->seeds) { continue; }
        for (int k = 0; k < points; k++) {
            x[count][k] = most_found(s, sweep, k, 0, view);
            y[count][k] = most_found(s, sweep, k, 1, view);
            finite += isfinite(x[count][k]) && isfinite(y[count][k]);
        }
        if (!finite) { continue; }                          /* no Z, so nothing leaks */
        series[count] = (line_series){ .name = s->rows[i].name, .x = x[count], .y = y[count], .count = points,
                                       .labels = sweep->lambda_count ? at_points : NULL };
        count++;
    }
    snprintf(title, sizeof title, "View %d, by λ", view + 1);
    chart_lines(page, &(line_chart){ .title = title, .x_label = "leakage: R² of the other views' C",
                                     .y_label = "completeness: R² of X", .series = series,
                                     .series_count = count, .x_low = 0, .x_high = 0.1, .y_span = 0.05 });
}

/* ---- all of it ---- */

static int diverged_models(const source *s) {
    int diverged = 0;
    for (int i = 0; i < s->r->count; i++) {
        for (int m = 0; m < records_models(&s->r->sweeps[i]); m++) {
            diverged += *records_at(s->r, &s->r->sweeps[i], m, records_field(s->r, PROBE_DIVERGED)) > 0;
        }
    }
    return diverged;
}

static int has_sequence(const probe_data *d) {
    int found = 0;
    for (int i = 0; i < d->v.count; i++) { found |= d->v.recipe[i].steps > 1; }
    return found;
}

static void dim_section(text *page, const source *s, int dim) {
    char title[64];
    snprintf(title, sizeof title, "%d output dimensions", dim);
    page_heading(page, title);
    for (int t = 0; t < s->d->task_count; t++) { accuracy_table(page, s, dim, t); }
    if (s->d->task_count > 1) { accuracy_table(page, s, dim, -1); }
    page_paragraph(page, "A probe says how much is kept, not whether it is split well. Leakage (Z about C of the "
                         "other views, low is good) and completeness (Z and C about their own X, high is good), by "
                         "ridge regression, ten nearest neighbours and a small network:");
    page_paragraph(page, s->d->unseen
                   ? "They are fitted on 60 % of the test rows, which no network saw, chosen on 15 % and scored on 25 %."
                   : "They are fitted on the training rows, where a Z may tell less than elsewhere, since the test rows are few.");
    if (has_sequence(s->d)) { page_paragraph(page, "Of a sequence, X is here the mean over its steps."); }
    page_grid_begin(page);
    for (int view = 0; view < s->d->v.count; view++) { leakage_chart(page, s, dim, view); }
    page_grid_end(page);
    page_paragraph(page, "Each point is the most that any of the three regressions finds; the numbers beside the "
                         "points are λ.");
    leakage_table(page, s, dim);
}

static void across_section(text *page, const source *s, int by_dim) {
    page_heading(page, by_dim ? "Output dimensions side by side" : "Tasks side by side");
    across_table(page, s, by_dim, 1);
    across_table(page, s, by_dim, 0);
}

void probe_report(const records *r, const configuration *c, const probe_data *d, const probe_row *rows, int row_count,
                  const int *dims, int dim_count, text *page) {
    const source s = { r, c, d, rows, row_count, dims, dim_count };
    const int diverged = diverged_models(&s);
    text lead = { 0 };
    text_format(&lead, "A linear probe on all features side by side (C and Z of every view), fitted on %lld training "
                "rows, scored on %lld test rows; mean (standard error) over %d seed%s. λ is chosen by the mean over "
                "the seeds: on the test rows themselves, as the paper does, which flatters, or on %lld validation "
                "rows. The split is one for all models, so the standard errors are those of training alone.",
                (long long)d->parts[ISK_TRAIN],
                (long long)d->parts[ISK_TEST], c->seeds, c->seeds > 1 ? "s" : "", (long long)d->parts[ISK_VALIDATION]);
    page_begin(page, "Linear probes", lead.data ? lead.data : "");
    text_free(&lead);
    page_paragraph(page, "The last rows are what the paper leaves out. Autoencoder: indiseek with λ = 1e6, so that "
                         "only the reconstruction counts. C of CLIP, untrained Z: the specific encoders as they are "
                         "drawn. Untrained C and Z: no encoder is trained. Raw features: the inputs, prepared as for "
                         "the methods.");
    if (diverged) {
        text words = { 0 };
        text_format(&words, "%d model%s diverged and %s left out of the means.", diverged, diverged > 1 ? "s" : "",
                    diverged > 1 ? "are" : "is");
        page_paragraph(page, words.data ? words.data : "");
        text_free(&words);
    }
    if (dim_count > 1) { across_section(page, &s, 1); }
    if (d->task_count > 1 && dim_count == 1) { across_section(page, &s, 0); }
    for (int i = 0; i < dim_count; i++) { dim_section(page, &s, dims[i]); }
    repeat_section(page, c);
    page_end(page);
}

void probe_print(const records *r, const configuration *c, const probe_data *d, const probe_row *rows, int row_count,
                 const int *dims, int dim_count) {
    const source s = { r, c, d, rows, row_count, dims, dim_count };
    const int task = d->task_count > 1 ? -1 : 0;
    text out = { 0 };
    for (int k = 0; k < dim_count; k++) {
        column_title titles[MOST_REALS + 1];
        sheet_column columns[ACCURACY_COLUMNS];
        sheet t;
        text_format(&out, "%s%s, %d output dimensions, accuracy in %% (standard error of %d seed%s)\n", k ? "\n" : "",
                    task_words(&s, task), dims[k], c->seeds, c->seeds > 1 ? "s" : "");
        accuracy_sheet(&s, dims[k], task, titles, columns, &t);
        sheet_text(&t, &out);
        sheet_free(&t);
    }
    printf("%s", out.data ? out.data : "");
    text_free(&out);
}
