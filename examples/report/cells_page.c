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

static void cell_count(text *page, int64_t count) {
    char words[32];
    snprintf(words, sizeof words, "%lld", (long long)count);
    page_cell_number(page, words, 0);
}

static void cell_real(text *page, double value, int decimals) {
    char words[64];
    page_cell_number(page, number_words(value, decimals, words), 0);
}

static void add_paragraph(text *page, text *words) {
    if (words->failed) { page->failed = 1; }
    if (words->data) { page_paragraph(page, words->data); }
    text_free(words);
}

/* ---- the data ---- */

void cells_page_data(text *page, const page_data *d) {
    static const char *const header[] = { "modality", "kind", "in the file", "cells", "features", "in the model", "prepared" };
    text lead = { 0 };
    page_heading(page, "Data");
    text_format(&lead, "%lld cells of %s", (long long)d->cells, d->source);
    if (d->count == 2) { text_format(&lead, "; %lld of them have both modalities", (long long)d->complete); }
    if (d->count > 2) { text_format(&lead, "; %lld of them have all %d modalities", (long long)d->complete, d->count); }
    text_add(&lead, ".");
    add_paragraph(page, &lead);
    page_words_begin(page, header, 7);
    for (int i = 0; i < d->count; i++) {
        const page_modality *m = &d->modalities[i];
        page_row(page, m->name);
        page_cell(page, m->kind);
        page_cell(page, m->source);
        cell_count(page, m->cells);
        cell_count(page, m->features);
        cell_count(page, m->columns);
        page_cell(page, m->prepared);
    }
    page_table_end(page);
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
                "features that carry its %s. Above zero what is specific to %s says more about the type, below zero what is specific to %s.",
                t->first, t->second, t->neighbours ? t->neighbours : 10, t->label, t->first, t->second);
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
    const char *header[5] = { t->label, "cells", "mean θ", "s.e.", "weight" };
    if (t->count < 1) { return; }
    page_heading(page, "Which modality tells the types apart");
    theta_lead(page, t);
    theta_charts(page, t);
    text_add(page, "<details><summary>The numbers</summary>\n");
    page_table_begin(page, header, 5);
    for (int i = 0; i < t->count; i++) {
        page_row(page, t->types[i]);
        if (t->sizes) { cell_count(page, t->sizes[i]); } else { cell_real(page, NAN, 0); }
        cell_real(page, t->mean[i], 3);
        cell_real(page, t->error ? t->error[i] : NAN, 3);
        cell_real(page, t->weight ? t->weight[i] : NAN, 3);
    }
    page_table_end(page);
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
static void comparison_runs(text *page, const page_comparison *c, int method) {
    int least = 0, most = 0;
    char words[64];
    for (int i = method * c->lambda_count; c->runs && i < (method + 1) * c->lambda_count; i++) {
        if (!isfinite(c->mean[i])) { continue; }
        least = least && least < c->runs[i] ? least : c->runs[i];
        most = most > c->runs[i] ? most : c->runs[i];
    }
    if (!most) {
        snprintf(words, sizeof words, "–");
    } else if (least == most) {
        snprintf(words, sizeof words, "%d", most);
    } else {
        snprintf(words, sizeof words, "%d to %d", least, most);
    }
    page_cell_number(page, words, 0);
}

static void comparison_table(text *page, const page_comparison *c, const char *const *header) {
    char words[64];
    page_table_begin(page, header, c->lambda_count + 2);
    for (int method = 0; method < c->method_count; method++) {
        const int best = best_of(c, method);
        if (best < 0) { continue; }
        page_row(page, c->methods[method]);
        comparison_runs(page, c, method);
        for (int i = method * c->lambda_count; i < (method + 1) * c->lambda_count; i++) {
            page_cell_number(page, with_error(c->mean[i], c->error ? &c->error[i] : NULL, words), is_equal(c->mean[i], c->mean[best]));
        }
    }
    page_table_end(page);
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
    const int columns = c->lambda_count + 2;
    lambda_words *lambdas = malloc(sizeof *lambdas * (size_t)columns);
    const char **header = malloc(sizeof *header * (size_t)columns);
    if (!lambdas || !header) {
        page->failed = 1;
    } else if (c->method_count > 0 && c->lambda_count > 0) {
        header[0] = "method";
        header[1] = "runs";
        for (int i = 0; i < c->lambda_count; i++) {
            snprintf(lambdas[i].text, sizeof lambdas[i].text, "λ = %g", c->lambdas[i]);
            header[i + 2] = lambdas[i].text;
        }
        page_heading(page, c->heading);
        if (c->lead) { page_paragraph(page, c->lead); }
        comparison_chart(page, c, lambdas);
        comparison_table(page, c, header);
    }
    free(lambdas);
    free(header);
}

/* ---- clusters, annotation, imputation ---- */

void cells_page_clusters(text *page, const page_clusters *c) {
    const int columns = 1 + 2 * c->label_count;
    const char **header = malloc(sizeof *header * (size_t)columns);
    text *names = calloc((size_t)columns, sizeof *names);
    if (header && names && c->count > 0 && c->label_count > 0) {
        page_heading(page, "Clusters and labels");
        page_paragraph(page, "k-means with as many clusters as the label has classes; adjusted Rand index (ARI) and normalised mutual "
                             "information (NMI), 1 where clusters and classes are the same.");
        if (c->note) { page_paragraph(page, c->note); }
        header[0] = "representation";
        for (int i = 0; i < c->label_count; i++) {
            text_format(&names[2 * i], "ARI, %s", c->labels[i]);
            text_format(&names[2 * i + 1], "NMI, %s", c->labels[i]);
            for (int k = 2 * i; k < 2 * i + 2; k++) { header[k + 1] = names[k].data ? names[k].data : ""; }
        }
        page_table_begin(page, header, columns);
        for (int i = 0; i < c->count; i++) {
            page_row(page, c->embeddings[i]);
            for (int k = 0; k < c->label_count; k++) {
                page_cell_bar(page, c->ari[i * c->label_count + k], 3, 0, 1);
                page_cell_bar(page, c->nmi[i * c->label_count + k], 3, 0, 1);
            }
        }
        page_table_end(page);
    } else if (!header || !names) {
        page->failed = 1;
    }
    for (int i = 0; names && i < columns; i++) { text_free(&names[i]); }
    free(names);
    free(header);
}

void cells_page_imputation(text *page, const page_imputation *imputed, int count) {
    static const char *const header[] = { "predicted", "from", "features", "R²", "mean correlation", "median correlation", "best", "worst" };
    if (count < 1) { return; }
    page_heading(page, "Imputation across modalities");
    page_paragraph(page, "One modality from the shared features of the other, on cells that were not trained on. R² is 0 for the mean of the "
                         "training cells and may be negative; correlations are Pearson's, over the cells, of one feature at a time.");
    page_words_begin(page, header, 8);
    for (int i = 0; i < count; i++) {
        page_row(page, imputed[i].to);
        page_cell(page, imputed[i].from);
        cell_count(page, imputed[i].features);
        page_cell_bar(page, imputed[i].r2, 3, 0, 1);
        page_cell_bar(page, imputed[i].correlation, 3, 0, 1);
        page_cell_bar(page, imputed[i].median, 3, 0, 1);
        page_cell(page, imputed[i].best ? imputed[i].best : "–");
        page_cell(page, imputed[i].worst ? imputed[i].worst : "–");
    }
    page_table_end(page);
}

void cells_page_annotation(text *page, const page_annotation *annotations, int count) {
    static const char *const header[] = { "representation", "label", "accuracy", "balanced accuracy", "macro F1", "cells" };
    if (count < 1) { return; }
    page_heading(page, "Annotation");
    page_paragraph(page, "A classifier on each representation, fitted on the training cells and scored on cells that it has not seen.");
    page_words_begin(page, header, 6);
    for (int i = 0; i < count; i++) {
        page_row(page, annotations[i].features);
        page_cell(page, annotations[i].label);
        page_cell_bar(page, annotations[i].accuracy, 3, 0, 1);
        page_cell_bar(page, annotations[i].balanced, 3, 0, 1);
        page_cell_bar(page, annotations[i].macro_f1, 3, 0, 1);
        cell_count(page, annotations[i].cells);
    }
    page_table_end(page);
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
