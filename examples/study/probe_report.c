/* The report of `study probe`, and the same in short for the terminal. */
#include "probe.h"

#include "../report/page.h"
#include "../report/repeat.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- accuracies ---- */

/* Accuracies of the models, of one task or as the mean over all of them. */
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
    accuracies(r, s, PROBE_VALIDATION, task, tasks, values);
    for (int i = 0; i < lambdas; i++) { validation[i] = average_of(values + i * seeds, seeds, 1).mean; }
    accuracies(r, s, PROBE_TEST, task, tasks, values);
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

/* ---- words ---- */

static void percent(text *out, average a) {
    if (!isfinite(a.mean)) {
        text_add(out, "–");
        return;
    }
    text_fixed(out, 100 * a.mean, 2);
    if (isfinite(a.error)) {
        text_add(out, " (");
        text_fixed(out, 100 * a.error, 2);
        text_add(out, ")");
    }
}

static void percent_cell(text *page, average a, int strong) {
    text words = { 0 };
    percent(&words, a);
    page_cell_number(page, words.data ? words.data : "", strong);
    text_free(&words);
}

static void lambda_words(text *out, const configuration *c, const sweep_record *s, int at) {
    if (s && s->lambda_count && at >= 0) { text_number(out, c->lambdas[at], 4); }
}

static void lambda_cell(text *page, const configuration *c, const sweep_record *s, int at) {
    text words = { 0 };
    lambda_words(&words, c, s, at);
    page_cell_number(page, words.data ? words.data : "", 0);
    text_free(&words);
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

/* ---- tables of accuracies ---- */

static void accuracy_table(text *page, const source *s, int dim, int task) {
    const char *header[MOST_REALS + 5];
    char lambdas[MOST_REALS][32], title[128];
    int columns = 0;
    snprintf(title, sizeof title, "accuracy, %%: %s", task_words(s, task));
    header[columns++] = title;
    for (int i = 0; i < s->c->lambda_count; i++) {
        text words = { 0 };
        text_add(&words, "λ = ");
        text_number(&words, s->c->lambdas[i], 4);
        snprintf(lambdas[i], sizeof lambdas[i], "%s", words.data ? words.data : "");
        text_free(&words);
        header[columns++] = lambdas[i];
    }
    header[columns++] = "best on test, as the paper";
    header[columns++] = "λ";
    header[columns++] = "chosen on validation";
    header[columns++] = "λ";
    page_table_begin(page, header, columns);
    for (int i = 0; i < s->row_count; i++) {
        const sweep_record *sweep = sweep_at(s, &s->rows[i], dim);
        const probe_scores p = probe_scores_of(s->r, sweep, task, s->d->task_count);
        if (!sweep) { continue; }
        page_row(page, s->rows[i].words);
        for (int k = 0; k < s->c->lambda_count; k++) {
            if (sweep->lambda_count) {
                percent_cell(page, p.by_lambda[k], 0);
            } else {
                page_cell_number(page, "", 0);
            }
        }
        percent_cell(page, p.best, 1);
        lambda_cell(page, s->c, sweep, p.best_at);
        percent_cell(page, p.chosen, 1);
        lambda_cell(page, s->c, sweep, p.chosen_at);
    }
    page_table_end(page);
}

/* Rows by dimensions, as the paper's Table 2, or by tasks, as its Tables 3 and 11. */
static void across_table(text *page, const source *s, int by_dim, int on_test) {
    const int count = by_dim ? s->dim_count : s->d->task_count + 1;
    const char *header[MOST_REALS + 2] = { on_test ? "best on test, as the paper, %" : "chosen on validation, %" };
    char columns[MOST_REALS + 1][96];
    for (int k = 0; k < count; k++) {
        if (by_dim) {
            snprintf(columns[k], sizeof columns[k], "outdim = %d", s->dims[k]);
        } else {
            snprintf(columns[k], sizeof columns[k], "%s", task_words(s, k < s->d->task_count ? k : -1));
        }
        header[k + 1] = columns[k];
    }
    page_table_begin(page, header, count + 1);
    for (int i = 0; i < s->row_count; i++) {
        page_row(page, s->rows[i].words);
        for (int k = 0; k < count; k++) {
            const int dim = s->dims[by_dim ? k : 0], several = s->d->task_count > 1;
            const int task = by_dim ? (several ? -1 : 0) : k < s->d->task_count ? k : -1;
            const probe_scores p = probe_scores_of(s->r, sweep_at(s, &s->rows[i], dim), task, s->d->task_count);
            percent_cell(page, on_test ? p.best : p.chosen, 0);
        }
    }
    page_table_end(page);
}

/* ---- leakage and completeness ---- */

static average view_average(const source *s, const sweep_record *sweep, int lambda, int field, int view) {
    const int seeds = sweep->seeds ? sweep->seeds : 1;
    return average_of(records_at(s->r, sweep, lambda * seeds, field) + view, seeds, records_width(s->r));
}

static void leakage_row(text *page, const source *s, const probe_row *row, const sweep_record *sweep, int lambda) {
    text name = { 0 };
    text_add(&name, row->words);
    if (sweep->lambda_count) {
        text_add(&name, ", λ\xC2\xA0=\xC2\xA0");
        text_number(&name, s->c->lambdas[lambda], 4);
    }
    page_row(page, name.data ? name.data : "");
    text_free(&name);
    for (int first = PROBE_LEAKAGE; first <= PROBE_COMPLETENESS; first += PROBE_COMPLETENESS - PROBE_LEAKAGE) {
        for (int view = 0; view < s->d->v.count; view++) {
            for (int i = 0; i < REGRESSION_COUNT; i++) {
                page_cell_bar(page, view_average(s, sweep, lambda, first + i, view).mean, 3, 0, 1);
            }
        }
    }
}

/* "R² of Z1 about C2, C3: ridge" */
static void leakage_header(char *words, size_t size, const source *s, int view, int completeness, int regression) {
    char others[4 * ISK_MAX_VIEWS + 1] = "";
    for (int i = 0; i < s->d->v.count; i++) {
        char one[16];
        if (i == view) { continue; }
        snprintf(one, sizeof one, "%sC%d", *others ? ", " : "", i + 1);
        strncat(others, one, sizeof others - strlen(others) - 1);
    }
    if (completeness) {
        snprintf(words, size, "Z%d, C%d → X%d: %s", view + 1, view + 1, view + 1, regression_names[regression]);
    } else {
        snprintf(words, size, "Z%d → %s: %s", view + 1, others, regression_names[regression]);
    }
}

static void leakage_table(text *page, const source *s, int dim) {
    enum { MOST = 2 * ISK_MAX_VIEWS * REGRESSION_COUNT };
    char words[MOST][80];
    const char *header[MOST + 1] = { "R² on test rows" };
    int columns = 0;
    for (int completeness = 0; completeness < 2; completeness++) {
        for (int view = 0; view < s->d->v.count; view++) {
            for (int i = 0; i < REGRESSION_COUNT; i++) {
                leakage_header(words[columns], sizeof words[columns], s, view, completeness, i);
                header[columns + 1] = words[columns];
                columns++;
            }
        }
    }
    page_table_begin(page, header, columns + 1);
    for (int i = 0; i < s->row_count; i++) {
        const sweep_record *sweep = sweep_at(s, &s->rows[i], dim);
        if (!sweep || !sweep->seeds) { continue; }
        for (int k = 0; k < (sweep->lambda_count ? sweep->lambda_count : 1); k++) {
            leakage_row(page, s, &s->rows[i], sweep, k);
        }
    }
    page_table_end(page);
}

/* The most that any regression finds. */
static double most_found(const source *s, const sweep_record *sweep, int lambda, int first, int view) {
    double found[REGRESSION_COUNT];
    for (int i = 0; i < REGRESSION_COUNT; i++) { found[i] = view_average(s, sweep, lambda, first + i, view).mean; }
    return largest_value(found, REGRESSION_COUNT);
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
            x[count][k] = most_found(s, sweep, k, PROBE_LEAKAGE, view);
            y[count][k] = most_found(s, sweep, k, PROBE_COMPLETENESS, view);
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
            diverged += *records_at(s->r, &s->r->sweeps[i], m, PROBE_DIVERGED) > 0;
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
}

/* The sign – and names in UTF-8 take more bytes than columns, so cells are padded by hand. */
static void pad(text *out, const char *words, int width) {
    int columns = 0;
    for (const char *at = words; *at; at++) { columns += ((unsigned char)*at & 0xC0) != 0x80; }
    text_add(out, words);
    for (; columns < width; columns++) { text_add(out, " "); }
}

static void pad_text(text *out, text *words, int width) {
    pad(out, words->data ? words->data : "", width);
    text_free(words);
}

void probe_print(const records *r, const configuration *c, const probe_data *d, const probe_row *rows, int row_count,
                 const int *dims, int dim_count) {
    const source s = { r, c, d, rows, row_count, dims, dim_count };
    const int task = d->task_count > 1 ? -1 : 0;
    text out = { 0 };
    for (int k = 0; k < dim_count; k++) {
        text_format(&out, "%s%s, %d output dimensions, accuracy in %% (standard error of %d seed%s)\n", k ? "\n" : "",
                    task_words(&s, task), dims[k], c->seeds, c->seeds > 1 ? "s" : "");
        pad(&out, "", 40);
        pad(&out, "best on test", 16);
        pad(&out, "lambda", 10);
        text_add(&out, "chosen on validation  lambda\n");
        for (int i = 0; i < row_count; i++) {
            const sweep_record *sweep = sweep_at(&s, &rows[i], dims[k]);
            const probe_scores p = probe_scores_of(r, sweep, task, d->task_count);
            text words = { 0 };
            pad(&out, rows[i].words, 40);
            percent(&words, p.best);
            pad_text(&out, &words, 16);
            lambda_words(&words, c, sweep, p.best_at);
            pad_text(&out, &words, 10);
            percent(&words, p.chosen);
            pad_text(&out, &words, 22);
            lambda_words(&words, c, sweep, p.chosen_at);
            text_format(&out, "%s\n", words.data ? words.data : "");
            text_free(&words);
        }
    }
    printf("%s", out.data ? out.data : "");
    text_free(&out);
}
