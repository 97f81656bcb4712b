/* What `indiseek compare` writes: tables, results.json, the report. */
#include "compare.h"

#include "../report/cells_page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What needs no method: in files, for people. */
static const char inputs_name[] = "inputs", inputs_words[] = "inputs as prepared";

/* ---- files ---- */

void compare_model_json(const compare_job *j, const compared *m, int model, text *out) {
    const int seeds = j->s->training.seeds;
    char name[32];
    text_add(out, "{");
    text_json_key(out, "method");
    text_json_string(out, isk_method_name(m->method));
    text_json_member(out, "lambda", compared_lambda(j, m, model / seeds));
    text_json_key(out, "seed");
    text_format(out, "%llu", (unsigned long long)(j->s->source.seed + (uint64_t)(model % seeds)));
    for (int i = 0; i < judged_count(j); i++) { text_json_member(out, judged_name(i, name), m->models[model].value[i]); }
    text_add(out, "}");
}

static void add_number(text *out, double value) {
    text_add(out, "\t");
    text_tsv_number(out, value);
}

static void model_line(const compare_job *j, const judged *model, text *out) {
    for (int i = 0; i < judged_count(j); i++) { add_number(out, model->value[i]); }
    text_add(out, "\n");
}

void compare_models_tsv(const compare_job *j, text *out) {
    const int seeds = j->s->training.seeds;
    char name[32];
    text_add(out, "method\tlambda\tseed");
    for (int i = 0; i < judged_count(j); i++) { text_format(out, "\t%s", judged_name(i, name)); }
    text_format(out, "\n%s\t\t", inputs_name);
    model_line(j, &j->inputs, out);
    for (int i = 0; i < j->method_count; i++) {
        const compared *m = &j->methods[i];
        for (int k = 0; k < compared_groups(m) * seeds; k++) {
            text_add(out, isk_method_name(m->method));
            add_number(out, compared_lambda(j, m, k / seeds));
            text_format(out, "\t%llu", (unsigned long long)(j->s->source.seed + (uint64_t)(k % seeds)));
            model_line(j, &m->models[k], out);
        }
    }
}

/* Columns of table.tsv: of all but the ends of intervals and what is counted the standard error too. */
static const struct { int which, error; } columns[] = {
    { JUDGED_RHO, 1 }, { JUDGED_LOW, 0 }, { JUDGED_HIGH, 0 }, { JUDGED_TYPES, 0 }, { JUDGED_ARI, 1 }, { JUDGED_NMI, 1 }, { JUDGED_ACCURACY, 1 },
    { JUDGED_BALANCED, 1 }, { JUDGED_LEAKAGE, 1 }, { JUDGED_COMPLETENESS, 1 },
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static int count_diverged(const compare_job *j, const compared *m, int group) {
    const average a = compared_average(j, m, group, JUDGED_DIVERGED);
    return (int)lround(a.mean * a.count);
}

/* highest_rho in files */
static const char *const standing_names[] = { [RHO_NO_CHOICE] = "", [RHO_LOWER] = "no", [RHO_HIGHEST] = "yes", [RHO_TIED] = "tie" };

void compare_table_tsv(const compare_job *j, text *out) {
    char name[32];
    text_add(out, "method\tlambda\tmodels\tdiverged\thighest_rho");
    for (int c = 0; c < COLUMNS; c++) {
        text_format(out, "\t%s", judged_name(columns[c].which, name));
        if (columns[c].error) { text_format(out, "\t%s_error", judged_name(columns[c].which, name)); }
    }
    text_format(out, "\n%s\t\t\t\t", inputs_name);
    for (int c = 0; c < COLUMNS; c++) {
        add_number(out, j->inputs.value[columns[c].which]);
        if (columns[c].error) { text_add(out, "\t"); }
    }
    text_add(out, "\n");
    for (int i = 0; i < j->method_count; i++) {
        const compared *m = &j->methods[i];
        for (int group = 0; group < compared_groups(m); group++) {
            text_add(out, isk_method_name(m->method));
            add_number(out, compared_lambda(j, m, group));
            text_format(out, "\t%d\t%d\t%s", j->s->training.seeds, count_diverged(j, m, group), standing_names[compared_standing(j, m, group)]);
            for (int c = 0; c < COLUMNS; c++) {
                const average a = compared_average(j, m, group, columns[c].which);
                add_number(out, a.mean);
                if (columns[c].error) { add_number(out, a.error); }
            }
            text_add(out, "\n");
        }
    }
}

static void group_json(const compare_job *j, const compared *m, int group, text *out) {
    const rho_standing standing = compared_standing(j, m, group);
    char name[32];
    text_add(out, "{");
    text_json_key(out, "method");
    text_json_string(out, isk_method_name(m->method));
    text_json_member(out, "lambda", compared_lambda(j, m, group));
    text_json_member(out, "models", j->s->training.seeds);
    text_json_member(out, "diverged", count_diverged(j, m, group));
    text_json_key(out, "highest_rho");
    if (standing == RHO_NO_CHOICE) { text_add(out, "null"); } else { text_json_string(out, standing_names[standing]); }
    for (int c = 0; c < COLUMNS; c++) {
        const average a = compared_average(j, m, group, columns[c].which);
        char error[48];
        judged_name(columns[c].which, name);
        text_json_member(out, judged_name(columns[c].which, name), a.mean);
        snprintf(error, sizeof error, "%s_error", judged_name(columns[c].which, name));
        if (columns[c].error) { text_json_member(out, error, a.error); }
    }
    text_add(out, "}");
}

void compare_json(const compare_job *j, text *out) {
    char name[32];
    int first = 1;
    text_add(out, "{\n");
    configuration_write(&j->c, out);
    text_add(out, ",\n  \"inputs\": {");
    for (int i = 0; i < judged_count(j); i++) { text_json_member(out, judged_name(i, name), j->inputs.value[i]); }
    text_add(out, "},\n  \"table\": [");
    for (int i = 0; i < j->method_count; i++) {
        for (int group = 0; group < compared_groups(&j->methods[i]); group++, first = 0) {
            text_add(out, first ? "\n    " : ",\n    ");
            group_json(j, &j->methods[i], group, out);
        }
    }
    text_add(out, "\n  ],\n  \"models\": [");
    first = 1;
    for (int i = 0; i < j->method_count; i++) {
        for (int k = 0; k < compared_groups(&j->methods[i]) * j->s->training.seeds; k++, first = 0) {
            text_add(out, first ? "\n    " : ",\n    ");
            compare_model_json(j, &j->methods[i], k, out);
        }
    }
    text_add(out, "\n  ]\n}\n");
}

/* ---- words ---- */

/* "0.812 (0.020)"; "-" where it is not known */
static const char *with_error(average a, char buffer[64]) {
    char digits[2][32];
    if (!isfinite(a.mean)) {
        snprintf(buffer, 64, "-");
    } else if (!isfinite(a.error)) {
        snprintf(buffer, 64, "%s", fixed(a.mean, 3, digits[0]));
    } else {
        snprintf(buffer, 64, "%s (%s)", fixed(a.mean, 3, digits[0]), fixed(a.error, 3, digits[1]));
    }
    return buffer;
}

static const char *interval_words(double low, double high, char buffer[80]) {
    char digits[2][32];
    snprintf(buffer, 80, "-");
    if (isfinite(low) && isfinite(high)) { snprintf(buffer, 80, "%s to %s", fixed(low, 3, digits[0]), fixed(high, 3, digits[1])); }
    return buffer;
}

static const char *interval_of(const compare_job *j, const compared *m, int group, char buffer[80]) {
    return interval_words(compared_average(j, m, group, JUDGED_LOW).mean, compared_average(j, m, group, JUDGED_HIGH).mean, buffer);
}

static const char *lambda_words(double lambda, char buffer[32]) {
    snprintf(buffer, 32, "-");
    if (isfinite(lambda)) { snprintf(buffer, 32, "%g", lambda); }
    return buffer;
}

static const int shown_beside[] = { JUDGED_ARI, JUDGED_NMI, JUDGED_ACCURACY, JUDGED_LEAKAGE, JUDGED_COMPLETENESS };
enum { SHOWN = sizeof shown_beside / sizeof *shown_beside };

/* Is there a method of which a lambda is to be chosen? */
static int has_choice(const compare_job *j) {
    int found = 0;
    for (int i = 0; i < j->method_count; i++) { found |= compared_standing(j, &j->methods[i], 0) != RHO_NO_CHOICE; }
    return found;
}

void compare_text(const compare_job *j, text *out) {
    char words[80];
    const average no_error = { NAN, NAN, 0 };
    text_format(out, "%-20s%8s%16s%18s%8s%8s%8s%9s%14s\n", "method", "lambda", "rho (s.e.)", "95 %", "ARI", "NMI", "probe", "leakage", "completeness");
    for (int i = -1; i < j->method_count; i++) {
        const compared *m = i < 0 ? NULL : &j->methods[i];
        for (int group = 0; group < (m ? compared_groups(m) : 1); group++) {
            const rho_standing standing = m ? compared_standing(j, m, group) : RHO_NO_CHOICE;
            average rho = no_error;
            rho.mean = j->inputs.value[JUDGED_RHO];
            text_format(out, "%-20s%8s", m ? isk_method_name(m->method) : inputs_words, lambda_words(m ? compared_lambda(j, m, group) : (double)NAN, words));
            text_format(out, "%16s", with_error(m ? compared_average(j, m, group, JUDGED_RHO) : rho, words));
            text_format(out, "%18s", m ? interval_of(j, m, group, words)
                                       : interval_words(j->inputs.value[JUDGED_LOW], j->inputs.value[JUDGED_HIGH], words));
            for (int k = 0; k < SHOWN; k++) {
                text_cell(out, m ? compared_average(j, m, group, shown_beside[k]).mean : j->inputs.value[shown_beside[k]], k < 3 ? 8 : k < 4 ? 9 : 14);
            }
            if (m && count_diverged(j, m, group)) { text_format(out, "  %d of %d diverged", count_diverged(j, m, group), j->s->training.seeds); }
            text_format(out, "%s\n", standing == RHO_HIGHEST ? "  highest rho" : standing == RHO_TIED ? "  highest rho, tie" : "");
        }
    }
    text_format(out, "(rho: theta against the weights of nearest neighbours over %d types of at least %d held-out cells; means over %d seed%s)\n",
                (int)j->inputs.value[JUDGED_TYPES], j->s->findings.least, j->s->training.seeds, j->s->training.seeds == 1 ? "" : "s");
    if (has_choice(j)) { text_add(out, "(highest rho: of a method's lambdas, chosen on the same held-out cells that are reported here)\n"); }
    if (j->inputs.value[JUDGED_TYPES] < 6) { text_format(out, "(%d types are few: how they rank says little)\n", (int)j->inputs.value[JUDGED_TYPES]); }
}

/* ---- the report ---- */

static void add_paragraph(text *page, text *words) {
    if (words->failed) { page->failed = 1; }
    if (words->data) { page_paragraph(page, words->data); }
    text_free(words);
}

static void lead_paragraphs(const compare_job *j, text *page) {
    const int types = (int)j->inputs.value[JUDGED_TYPES], seeds = j->s->training.seeds;
    const long long first = (long long)j->s->source.seed;
    text words = { 0 };
    text_format(&words, "%d types of %s have at least %d held-out cells and are compared%s.", types, j->s->source.labels, j->s->findings.least,
                types < 6 ? "; with fewer than 6 of them a rank correlation says little" : "");
    add_paragraph(page, &words);
    text_format(&words, "Models differ in their seeds, %lld to %lld; all are held to one division of the cells, that of seed %lld, so that standard "
                "errors over seeds say how far training varies and nothing about other cells. Intervals are 95 %% of %d bootstraps of the cells of "
                "each type, for one model; over several seeds their ends are averaged.", first, first + seeds - 1, first, j->s->findings.draws);
    add_paragraph(page, &words);
    if (!has_choice(j)) { return; }
    page_paragraph(page, "Bold is, of a method's λ, the one of the highest mean (of leakage the lowest), and all of them where they tie. It was chosen "
                         "on the same held-out cells that are reported here, so it looks better than it would on others.");
}

/* What the figures do not show. */
static void summary_table(const compare_job *j, text *page) {
    static const char *const header[] = { "method", "λ", "models", "ρ (s.e.)", "highest ρ", "95 % interval", "accuracy of a probe" };
    static const char *const standing_words[] = { [RHO_NO_CHOICE] = "–", [RHO_LOWER] = "", [RHO_HIGHEST] = "highest", [RHO_TIED] = "tie" };
    char words[80];
    page_heading(page, "Intervals, and a probe of all features");
    page_table_begin(page, header, 7);
    page_row(page, inputs_words);
    for (int k = 0; k < 2; k++) { page_cell_number(page, "–", 0); }
    page_cell_number(page, fixed(j->inputs.value[JUDGED_RHO], 3, words), 0);
    page_cell_number(page, standing_words[RHO_NO_CHOICE], 0);
    page_cell_number(page, interval_words(j->inputs.value[JUDGED_LOW], j->inputs.value[JUDGED_HIGH], words), 0);
    page_cell_number(page, fixed(j->inputs.value[JUDGED_ACCURACY], 3, words), 0);
    for (int i = 0; i < j->method_count; i++) {
        const compared *m = &j->methods[i];
        for (int group = 0; group < compared_groups(m); group++) {
            const int lost = count_diverged(j, m, group), seeds = j->s->training.seeds;
            const rho_standing standing = compared_standing(j, m, group);
            page_row(page, isk_method_name(m->method));
            page_cell_number(page, lambda_words(compared_lambda(j, m, group), words), 0);
            snprintf(words, sizeof words, "%d", seeds);
            if (lost) { snprintf(words, sizeof words, "%d, %d diverged", seeds, lost); }
            page_cell_number(page, words, 0);
            page_cell_number(page, with_error(compared_average(j, m, group, JUDGED_RHO), words), standing >= RHO_HIGHEST);
            page_cell_number(page, standing_words[standing], 0);
            page_cell_number(page, interval_of(j, m, group, words), 0);
            page_cell_number(page, with_error(compared_average(j, m, group, JUDGED_ACCURACY), words), 0);
        }
    }
    page_table_end(page);
}

/* One figure: bars of the methods that have lambdas, dashed lines for the inputs and the methods that have none. */
static isk_status figure(const compare_job *j, int which, const char *heading, const char *value, const char *lead, text *page) {
    const real_list *lambdas = &j->s->training.lambdas;
    const char *methods[ISK_MOST_METHODS];
    bar_reference references[ISK_MOST_METHODS + 1];
    const size_t room = (size_t)(j->method_count * lambdas->count) + 1;
    double *mean = malloc(sizeof *mean * room), *error = malloc(sizeof *error * room);
    int *runs = malloc(sizeof *runs * room);
    int count = 0, dashed = 0, finite = 0;
    if (isfinite(j->inputs.value[which])) { references[dashed++] = (bar_reference){ inputs_words, j->inputs.value[which] }; }
    for (int i = 0; i < j->method_count && mean && error && runs; i++) {
        const compared *m = &j->methods[i];
        for (int group = 0; group < m->lambda_count; group++) {
            const average a = compared_average(j, m, group, which);
            const int at = count * lambdas->count + group;
            mean[at] = a.mean;
            error[at] = a.error;
            runs[at] = a.count;
            finite += a.count > 0;
        }
        if (m->lambda_count) {
            methods[count++] = isk_method_name(m->method);
        } else if (compared_average(j, m, 0, which).count) {
            references[dashed++] = (bar_reference){ isk_method_name(m->method), compared_average(j, m, 0, which).mean };
        }
    }
    if (mean && error && runs && finite) {
        cells_page_comparison(page, &(page_comparison){ .heading = heading, .lead = lead, .value_name = value, .methods = methods,
                                                        .lambdas = lambdas->value, .mean = mean, .error = error, .runs = runs, .references = references,
                                                        .method_count = count, .lambda_count = lambdas->count, .reference_count = dashed,
                                                        .less_is_better = which == JUDGED_LEAKAGE });
    }
    free(mean);
    free(error);
    free(runs);
    return mean && error && runs ? ISK_OK : no_memory(j->t.context, "the report");
}

static isk_status figures(const compare_job *j, text *page) {
    static const struct { int which; const char *heading, *value, *lead; } list[] = {
        { JUDGED_RHO, "Do specific features rank the types as the modalities' weights do?", "Spearman's ρ of θ",
          "θ of a type is the log ratio of how many of a cell's nearest cells, in what is specific to the first and to the second modality, "
          "are of its type; ρ is its rank correlation with the weight that weighted nearest neighbours give the first modality." },
        { JUDGED_ARI, "Clusters and types: adjusted Rand index", "ARI", "k-means on all features together, as many clusters as types, held-out cells." },
        { JUDGED_NMI, "Clusters and types: normalised mutual information", "NMI", NULL },
        { JUDGED_LEAKAGE, "Leakage", "R² of Z about the other C",
          "How much of the other modalities' shared features can be told from a modality's specific ones, by the best of the regressions, mean "
          "over the modalities: 0 is what it should be." },
        { JUDGED_COMPLETENESS, "Completeness", "R² of (Z, C) about X", "How much of a modality can be told from its own features: 1 is all of it." },
    };
    isk_status status = ISK_OK;
    for (size_t i = 0; i < sizeof list / sizeof *list && status == ISK_OK; i++) {
        status = figure(j, list[i].which, list[i].heading, list[i].value, list[i].lead, page);
    }
    return status;
}

static void settings_section(const compare_job *j, text *page) {
    page_heading(page, "How to repeat it");
    for (const char *at = j->c.made_by.data; at && *at; at += strcspn(at, "\n"), at += *at == '\n') {
        text line = { 0 };
        text_add_bytes(&line, at, strcspn(at, "\n"));
        add_paragraph(page, &line);
    }
    page_facts_begin(page);
    for (int i = 0; i < j->c.count; i++) { page_fact(page, j->c.members[i].key, j->c.members[i].value); }
    page_facts_end(page);
}

isk_status compare_report(const compare_job *j, text *page) {
    text lead = { 0 };
    isk_status status;
    text_format(&lead, "%lld cells; %d methods, %d λ, %d seed%s each; trained on %s.", (long long)j->a.d.rows, j->method_count,
                j->s->training.lambdas.count, j->s->training.seeds, j->s->training.seeds == 1 ? "" : "s", isk_device_text(j->t.context));
    page_begin(page, "Methods and λ on one data set", lead.data ? lead.data : "");
    lead_paragraphs(j, page);
    status = figures(j, page);
    summary_table(j, page);
    settings_section(j, page);
    cells_page_cite(page);
    page_end(page);
    text_free(&lead);
    return status;
}
