#include "cells_page.h"

#include "../base/statistics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Words of a number, into a buffer of 64; a dash where there is none. */
static const char *number_words(double value, int decimals, char *buffer) {
    char digits[32];
    snprintf(buffer, 64, "%s", isfinite(value) ? fixed(value, decimals, digits) : "–");
    return buffer;
}

/* "0.912 ± 0.004" */
static const char *with_error(double value, const double *error, char *buffer) {
    char digits[2][32];
    if (!isfinite(value) || !error || !isfinite(*error)) { return number_words(value, 3, buffer); }
    snprintf(buffer, 64, "%s ± %s", fixed(value, 3, digits[0]), fixed(*error, 3, digits[1]));
    return buffer;
}

static void add_sheet(text *page, sheet *s) {
    page_sheet(page, s);
    sheet_free(s);
}

static void add_paragraph(text *page, text *words) {
    if (words->failed) { page->failed = 1; }
    if (words->data) { page_paragraph(page, words->data); }
    text_free(words);
}

/* ---- the data ---- */

void cells_page_data(text *page, const page_data *d) {
    static const sheet_column columns[] = {
        { .title = "modality" }, { .title = "kind" }, { .title = "in the file" }, { .title = "cells", .form = SHEET_COUNT },
        { .title = "features", .form = SHEET_COUNT }, { .title = "in the model", .form = SHEET_COUNT }, { .title = "prepared" },
    };
    sheet s = { .columns = columns, .column_count = sizeof columns / sizeof *columns, .of_words = 1 };
    text lead = { 0 };
    page_heading(page, "Data");
    text_format(&lead, "%lld cells of %s", (long long)d->cells, d->source);
    if (d->count == 2) { text_format(&lead, "; %lld of them have both modalities", (long long)d->complete); }
    if (d->count > 2) { text_format(&lead, "; %lld of them have all %d modalities", (long long)d->complete, d->count); }
    text_add(&lead, ".");
    add_paragraph(page, &lead);
    for (int i = 0; i < d->count; i++) {
        const page_modality *m = &d->modalities[i];
        sheet_row(&s);
        sheet_words(&s, m->name);
        sheet_words(&s, m->kind);
        sheet_words(&s, m->source);
        sheet_number(&s, (double)m->cells);
        sheet_number(&s, (double)m->features);
        sheet_number(&s, (double)m->columns);
        sheet_words(&s, m->prepared);
    }
    add_sheet(page, &s);
    if (d->facts && *d->facts) {
        page_facts_begin(page);
        for (const char *const *fact = d->facts; *fact; fact += 2) { page_fact(page, fact[0], fact[1]); }
        page_facts_end(page);
    }
}

/* ---- theta ---- */

static void theta_lead(text *page, const page_theta *t) {
    text words = { 0 };
    char digits[32];
    text_format(&words, "θ = ln(β of %s / β of %s), where β is the share of a cell's %d nearest cells in that modality's specific "
                "features that carry its %s. Above zero what is specific to %s says more about the type, below zero what is specific to "
                "%s.", t->first, t->second, t->neighbours ? t->neighbours : 10, t->label, t->first, t->second);
    add_paragraph(page, &words);
    if (!t->weight || !isfinite(t->rho)) { return; }
    text_format(&words, "Against the weight that weighted nearest neighbours give %s: Spearman's ρ = %s", t->first,
                fixed(t->rho, 3, digits));
    if (isfinite(t->rho_low) && isfinite(t->rho_high)) {
        text_format(&words, " (%s to ", fixed(t->rho_low, 3, digits));
        text_fixed(&words, t->rho_high, 3);
        if (t->interval) { text_format(&words, ", %s", t->interval); }
        text_add(&words, ")");
    }
    text_format(&words, " over %d types.", t->count);
    add_paragraph(page, &words);
}

static void theta_charts(text *page, const page_theta *t) {
    char below[80], above[80], x_label[96];
    snprintf(below, sizeof below, "← %.60s says more", t->second);
    snprintf(above, sizeof above, "%.60s says more →", t->first);
    snprintf(x_label, sizeof x_label, "rank of the %.60s weight", t->first);
    page_grid_begin(page);
    chart_ranked(page, &(ranked_chart){ .title = t->error ? "θ of each type (mean ± s.e.)" : "θ of each type (mean)",
                                        .x_label = "mean θ",
                                        .names = t->types,
                                        .value = t->mean,
                                        .error = t->error,
                                        .sizes = t->sizes,
                                        .group = t->coarse,
                                        .groups = t->coarse_names,
                                        .below = below,
                                        .above = above,
                                        .count = t->count,
                                        .group_count = t->coarse_count });
    if (t->weight) {
        chart_rank_scatter(page, &(rank_chart){ .title = "Ranks of θ and of the benchmark weight",
                                                .x_label = x_label,
                                                .y_label = "rank of mean θ",
                                                .names = t->types,
                                                .x = t->weight,
                                                .y = t->mean,
                                                .group = t->coarse,
                                                .groups = t->coarse_names,
                                                .rho = t->rho,
                                                .count = t->count,
                                                .group_count = t->coarse_count });
    }
    page_grid_end(page);
}

void cells_page_theta(text *page, const page_theta *t) {
    const sheet_column columns[] = { { .title = t->label }, { .title = "cells", .form = SHEET_COUNT },
                                     { .title = "mean θ", .form = SHEET_REAL }, { .title = "s.e.", .form = SHEET_REAL },
                                     { .title = "weight", .form = SHEET_REAL } };
    sheet s = { .columns = columns, .column_count = sizeof columns / sizeof *columns };
    if (t->count < 1) { return; }
    page_heading(page, "Which modality tells the types apart");
    theta_lead(page, t);
    if (t->verdict) { page_paragraph(page, t->verdict); }
    theta_charts(page, t);
    text_add(page, "<details><summary>The numbers</summary>\n");
    for (int i = 0; i < t->count; i++) {
        sheet_row(&s);
        sheet_words(&s, t->types[i]);
        sheet_number(&s, t->sizes ? (double)t->sizes[i] : NAN);
        sheet_number(&s, t->mean[i]);
        sheet_number(&s, t->error ? t->error[i] : NAN);
        sheet_number(&s, t->weight ? t->weight[i] : NAN);
    }
    add_sheet(page, &s);
    text_add(page, "</details>\n");
}

int cells_top_types(const double *weight, int count, double share, uint8_t *shown) {
    int finite = 0, wanted, chosen = 0;
    for (int i = 0; i < count; i++) { finite += isfinite(weight[i]) != 0; }
    wanted = (int)ceil(share * finite - 1e-9);
    for (int i = 0; i < count; i++) {
        int larger = 0;
        for (int j = 0; j < count && isfinite(weight[i]); j++) { larger += isfinite(weight[j]) && weight[j] > weight[i]; }
        shown[i] = isfinite(weight[i]) && larger < wanted;
        chosen += shown[i];
    }
    return chosen;
}

void cells_of_types(const int32_t *codes, int64_t rows, const uint8_t *types, int count, uint8_t *shown) {
    for (int64_t i = 0; i < rows; i++) { shown[i] = codes[i] >= 0 && codes[i] < count && types[codes[i]]; }
}

/* ---- methods and lambdas ---- */

/* Of one method; -1 where none was run. */
static int best_of(const page_comparison *c, int method) {
    const double sign = c->less_is_better ? -1 : 1;
    int best = -1;
    for (int i = method * c->lambda_count; i < (method + 1) * c->lambda_count; i++) {
        if (isfinite(c->mean[i]) && (best < 0 || sign * c->mean[i] > sign * c->mean[best])) { best = i; }
    }
    return best;
}

/* "10", or "8 to 10" where some were lost. */
static void comparison_runs(sheet *s, const page_comparison *c, int method) {
    int least = 0, most = 0;
    for (int i = method * c->lambda_count; c->runs && i < (method + 1) * c->lambda_count; i++) {
        if (!isfinite(c->mean[i])) { continue; }
        least = least && least < c->runs[i] ? least : c->runs[i];
        most = most > c->runs[i] ? most : c->runs[i];
    }
    if (!most) {
        sheet_number(s, NAN);
    } else if (least == most) {
        sheet_number(s, most);
    } else {
        sheet_format(s, "%d to %d", least, most);
    }
}

static void comparison_table(text *page, const page_comparison *c, const sheet_column *columns) {
    sheet s = { .columns = columns, .column_count = c->lambda_count + 2 };
    char words[64];
    for (int method = 0; method < c->method_count; method++) {
        const int best = best_of(c, method);
        if (best < 0) { continue; }
        sheet_row(&s);
        sheet_words(&s, c->methods[method]);
        comparison_runs(&s, c, method);
        for (int i = method * c->lambda_count; i < (method + 1) * c->lambda_count; i++) {
            sheet_format(&s, "%s", with_error(c->mean[i], c->error ? &c->error[i] : NULL, words));
            if (is_equal(c->mean[i], c->mean[best])) { sheet_strong(&s); }
        }
    }
    add_sheet(page, &s);
    if (c->reference_count > 0) {
        page_facts_begin(page);
        for (int i = 0; i < c->reference_count; i++) {
            page_fact(page, c->references[i].name, number_words(c->references[i].value, 3, words));
        }
        page_facts_end(page);
    }
}

/* Words of a λ: "λ = 0.1". */
typedef struct lambda_words { char text[32]; } lambda_words;

static void comparison_chart(text *page, const page_comparison *c, const lambda_words *lambdas) {
    const char **groups = malloc(sizeof *groups * (size_t)c->lambda_count);
    text title = { 0 };
    if (!groups) { page->failed = 1; return; }
    /* below the axis the number alone, where many stand side by side */
    for (int i = 0; i < c->lambda_count; i++) { groups[i] = lambdas[i].text + strlen("λ = "); }
    text_format(&title, "%s by λ%s", c->value_name, c->error ? " (mean ± s.e.)" : "");
    page_grid_begin(page);
    chart_bars(page, &(bar_chart){ .title = title.data ? title.data : "",
                                   .y_label = c->value_name,
                                   .groups = groups,
                                   .series = c->methods,
                                   .mean = c->mean,
                                   .error = c->error,
                                   .group_count = c->lambda_count,
                                   .series_count = c->method_count,
                                   .y_low = c->low,
                                   .y_high = c->high,
                                   .references = c->references,
                                   .reference_count = c->reference_count });
    page_grid_end(page);
    text_free(&title);
    free(groups);
}

void cells_page_comparison(text *page, const page_comparison *c) {
    lambda_words *lambdas = malloc(sizeof *lambdas * ((size_t)c->lambda_count + 1));
    sheet_column *columns = malloc(sizeof *columns * ((size_t)c->lambda_count + 2));
    if (!lambdas || !columns) {
        page->failed = 1;
    } else if (c->method_count > 0 && c->lambda_count > 0) {
        columns[0] = (sheet_column){ .title = "method" };
        columns[1] = (sheet_column){ .title = "runs", .form = SHEET_COUNT };
        for (int i = 0; i < c->lambda_count; i++) {
            snprintf(lambdas[i].text, sizeof lambdas[i].text, "λ = %g", c->lambdas[i]);
            columns[i + 2] = (sheet_column){ .title = lambdas[i].text, .form = SHEET_REAL };
        }
        page_heading(page, c->heading);
        if (c->lead) { page_paragraph(page, c->lead); }
        comparison_chart(page, c, lambdas);
        comparison_table(page, c, columns);
    }
    free(lambdas);
    free(columns);
}

/* ---- clusters, annotation, imputation ---- */

static void cluster_rows(text *page, const page_clusters *c, const sheet_column *columns) {
    sheet s = { .columns = columns, .column_count = 1 + 2 * c->label_count };
    for (int i = 0; i < c->count; i++) {
        sheet_row(&s);
        sheet_words(&s, c->embeddings[i]);
        for (int k = 0; k < c->label_count; k++) {
            sheet_number(&s, c->ari[i * c->label_count + k]);
            sheet_number(&s, c->nmi[i * c->label_count + k]);
        }
    }
    add_sheet(page, &s);
}

void cells_page_clusters(text *page, const page_clusters *c) {
    const size_t count = 2 * (size_t)c->label_count;
    sheet_column *columns = malloc(sizeof *columns * (count + 1));
    text *names = calloc(count + 1, sizeof *names);
    if (columns && names && c->count > 0 && c->label_count > 0) {
        page_heading(page, "Clusters and labels");
        page_paragraph(page, "k-means with as many clusters as the label has classes; adjusted Rand index (ARI) and normalized mutual "
                             "information (NMI), 1 where clusters and classes are the same.");
        if (c->note) { page_paragraph(page, c->note); }
        columns[0] = (sheet_column){ .title = "representation" };
        for (size_t k = 0; k < count; k++) {
            text_format(&names[k], "%s, %s", k % 2 ? "NMI" : "ARI", c->labels[k / 2]);
            columns[k + 1] = (sheet_column){ .title = names[k].data ? names[k].data : "", .form = SHEET_BAR };
        }
        cluster_rows(page, c, columns);
    } else if (!columns || !names) {
        page->failed = 1;
    }
    for (size_t k = 0; names && k < count; k++) { text_free(&names[k]); }
    free(names);
    free(columns);
}

void cells_page_imputation(text *page, const page_imputation *imputed, int count) {
    static const sheet_column columns[] = {
        { .title = "predicted" }, { .title = "from" }, { .title = "features", .form = SHEET_COUNT }, { .title = "R²", .form = SHEET_BAR },
        { .title = "mean correlation", .form = SHEET_BAR }, { .title = "median correlation", .form = SHEET_BAR }, { .title = "best" },
        { .title = "worst" },
    };
    sheet s = { .columns = columns, .column_count = sizeof columns / sizeof *columns, .of_words = 1 };
    if (count < 1) { return; }
    page_heading(page, "Imputation across modalities");
    page_paragraph(page, "One modality from the shared features of the other, on cells that were not trained on. R² is 0 for the mean of "
                         "the training cells and may be negative; correlations are Pearson's, over the cells, of one feature at a time.");
    for (int i = 0; i < count; i++) {
        sheet_row(&s);
        sheet_words(&s, imputed[i].to);
        sheet_words(&s, imputed[i].from);
        sheet_number(&s, (double)imputed[i].features);
        sheet_number(&s, imputed[i].r2);
        sheet_number(&s, imputed[i].correlation);
        sheet_number(&s, imputed[i].median);
        sheet_words(&s, imputed[i].best ? imputed[i].best : "–");
        sheet_words(&s, imputed[i].worst ? imputed[i].worst : "–");
    }
    add_sheet(page, &s);
}

void cells_page_annotation(text *page, const page_annotation *annotations, int count) {
    static const sheet_column columns[] = {
        { .title = "representation" }, { .title = "label" }, { .title = "accuracy", .form = SHEET_BAR },
        { .title = "balanced accuracy", .form = SHEET_BAR }, { .title = "macro F1", .form = SHEET_BAR },
        { .title = "cells", .form = SHEET_COUNT },
    };
    sheet s = { .columns = columns, .column_count = sizeof columns / sizeof *columns, .of_words = 1 };
    if (count < 1) { return; }
    page_heading(page, "Annotation");
    page_paragraph(page, "A classifier on each representation, fitted on the training cells and scored on cells that it has not seen.");
    for (int i = 0; i < count; i++) {
        sheet_row(&s);
        sheet_words(&s, annotations[i].features);
        sheet_words(&s, annotations[i].label);
        sheet_number(&s, annotations[i].accuracy);
        sheet_number(&s, annotations[i].balanced);
        sheet_number(&s, annotations[i].macro_f1);
        sheet_number(&s, (double)annotations[i].cells);
    }
    add_sheet(page, &s);
}

void cells_page_cite(text *page) {
    page_heading(page, "How to cite");
    page_paragraph(page, "Yu Gui, Cong Ma and Zongming Ma. IndiSeek learns information-guided disentangled representations. 2025. "
                         "arXiv:2509.21584.");
    text_add(page, "<pre>@article{gui2025indiseek,\n"
                   "  title   = {{IndiSeek} learns information-guided disentangled representations},\n"
                   "  author  = {Gui, Yu and Ma, Cong and Ma, Zongming},\n"
                   "  journal = {arXiv preprint arXiv:2509.21584},\n"
                   "  year    = {2025}\n}</pre>\n");
}
