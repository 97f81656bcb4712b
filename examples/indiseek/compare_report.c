/* What `indiseek compare` writes: tables, results.json, the report. */
#include "compare.h"

#include "../report/cells_page.h"
#include "../report/repeat.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What needs no method: in files, for people. */
static const char inputs_name[] = "inputs", inputs_words[] = "inputs as prepared";

static double input_of(const compare_job *j, const char *key) { return j->inputs[measure_find(j, key)]; }

static const char *method_name(const compare_job *j, int i) { return isk_method_name(j->methods[i]); }

/* ---- models ---- */

void compare_models_tsv(const compare_job *j, text *out) {
    sheet_column columns[MOST_MEASURES + 3] = { { .key = "method" }, { .key = "lambda", .form = SHEET_GENERAL }, { .key = "seed" } };
    sheet t = { .columns = columns, .column_count = j->measure_count + 3 };
    for (int i = 0; i < j->measure_count; i++) { columns[i + 3] = (sheet_column){ .key = j->measures[i].key, .form = SHEET_REAL }; }
    sheet_row(&t);
    sheet_words(&t, inputs_name);
    sheet_skip(&t);
    sheet_skip(&t);
    for (int k = 0; k < j->measure_count; k++) { sheet_number(&t, j->inputs[k]); }
    for (int i = 0; i < j->r.count; i++) {
        const sweep_record *s = &j->r.sweeps[i];
        for (int model = 0; model < records_models(s); model++) {
            sheet_row(&t);
            sheet_words(&t, s->name);
            sheet_number(&t, records_lambda(s, model));
            sheet_format(&t, "%llu", (unsigned long long)records_seed(&j->c, s, model));
            for (int k = 0; k < j->measure_count; k++) { sheet_number(&t, *records_at(&j->r, s, model, k)); }
        }
    }
    sheet_tsv(&t, out);
    sheet_free(&t);
}

/* ---- methods and lambdas: one table for table.tsv, results.json, terminal and report ---- */

static int count_diverged(const compare_job *j, int i, int group) {
    const average a = compared_average(j, i, group, measure_find(j, "diverged"));
    return (int)lround(a.mean * a.count);
}

enum { TABLE_HEAD = 6, TABLE_COLUMNS = TABLE_HEAD + 3 + MOST_MEASURES };

/* What rho stands among comes behind it for people. */
static void table_columns(const compare_job *j, sheet_column *columns, sheet *t) {
    static const sheet_column head[TABLE_HEAD] = {
        { "method", "method", "method", SHEET_WORDS, 0, 20, 0, 0 }, { "lambda", "lambda", "λ", SHEET_GENERAL, 0, 8, 0, 0 },
        { .key = "models", .form = SHEET_COUNT }, { .key = "diverged", .form = SHEET_COUNT },
        { .title = "models", .form = SHEET_COUNT }, { .key = "highest_rho" },
    }, behind_rho[] = { { .title = "highest ρ", .form = SHEET_REAL }, { .words = "95 %", .title = "95 % interval", .form = SHEET_REAL,
                                                                        .width = 18 } };
    *t = (sheet){ .columns = columns };
    for (int i = 0; i < TABLE_HEAD; i++) { columns[t->column_count++] = head[i]; }
    for (int k = 0; k < j->measure_count; k++) {
        const measure *m = &j->measures[k];
        const int is_rho = k == measure_find(j, "rho");
        if (!m->tabled) { continue; }
        columns[t->column_count] = (sheet_column){ .key = m->key, .words = m->words, .title = m->title, .form = SHEET_REAL,
                                                   .width = m->width };
        if (m->tabled == 2) { columns[t->column_count].error = SHEET_ERROR_IN_FILES | SHEET_ERROR_IN_PAGE; }
        if (is_rho) { columns[t->column_count].error |= SHEET_ERROR_ON_TERMINAL; }
        t->column_count++;
        for (int i = 0; i < 2 && is_rho; i++) { columns[t->column_count++] = behind_rho[i]; }
    }
    columns[t->column_count++] = (sheet_column){ .words = "" };
}

static void put_interval(sheet *t, double low, double high) {
    char digits[2][32];
    if (isfinite(low) && isfinite(high)) {
        sheet_format(t, "%s to %s", fixed(low, 3, digits[0]), fixed(high, 3, digits[1]));
    } else {
        sheet_number(t, NAN);
    }
}

static void inputs_row(const compare_job *j, int for_files, sheet *t) {
    sheet_row(t);
    sheet_words(t, for_files ? inputs_name : inputs_words);
    sheet_number(t, NAN);
    for (int k = 2; k < TABLE_HEAD; k++) {
        if (for_files) { sheet_skip(t); } else { sheet_number(t, NAN); }
    }
    for (int k = 0; k < j->measure_count; k++) {
        if (!j->measures[k].tabled) { continue; }
        sheet_number(t, j->inputs[k]);
        if (k != measure_find(j, "rho")) { continue; }
        sheet_number(t, NAN);
        put_interval(t, input_of(j, "rho_low"), input_of(j, "rho_high"));
    }
}

/* Is the mean the best of the method's lambdas, where there are some? */
static int is_best(const compare_job *j, int i, int group, int which) {
    const double sign = j->measures[which].smaller_is_better ? -1 : 1;
    const int groups = compared_groups(j, i);
    double mean[MOST_REALS];
    for (int k = 0; k < groups; k++) { mean[k] = sign * compared_average(j, i, k, which).mean; }
    return groups > 1 && is_equal(mean[group], largest_value(mean, groups));
}

static void group_row(const compare_job *j, int i, int group, sheet *t) {
    static const char *const keys[] = { [RHO_NO_CHOICE] = NULL, [RHO_LOWER] = "no", [RHO_HIGHEST] = "yes", [RHO_TIED] = "tie" };
    static const char *const words[] = { [RHO_NO_CHOICE] = "–", [RHO_LOWER] = "", [RHO_HIGHEST] = "highest", [RHO_TIED] = "tie" };
    static const char *const remarks[] = { [RHO_NO_CHOICE] = "", [RHO_LOWER] = "", [RHO_HIGHEST] = "highest rho",
                                           [RHO_TIED] = "highest rho, tie" };
    const int lost = count_diverged(j, i, group), seeds = j->s->training.seeds;
    const rho_standing standing = compared_standing(j, i, group);
    sheet_row(t);
    sheet_words(t, method_name(j, i));
    sheet_number(t, compared_lambda(j, i, group));
    sheet_number(t, seeds);
    sheet_number(t, lost);
    if (lost) { sheet_format(t, "%d, %d diverged", seeds, lost); } else { sheet_number(t, seeds); }
    sheet_words(t, keys[standing]);
    for (int k = 0; k < j->measure_count; k++) {
        if (!j->measures[k].tabled) { continue; }
        sheet_average(t, compared_average(j, i, group, k));
        if (is_best(j, i, group, k)) { sheet_strong(t); }
        if (k != measure_find(j, "rho")) { continue; }
        sheet_words(t, words[standing]);
        put_interval(t, compared_average(j, i, group, measure_find(j, "rho_low")).mean,
                     compared_average(j, i, group, measure_find(j, "rho_high")).mean);
    }
    if (lost) {
        sheet_format(t, "%d of %d diverged%s%s", lost, seeds, *remarks[standing] ? "  " : "", remarks[standing]);
    } else {
        sheet_words(t, remarks[standing]);
    }
}

/* To be freed. */
static void make_table(const compare_job *j, int with_inputs, int for_files, sheet_column *columns, sheet *t) {
    table_columns(j, columns, t);
    if (with_inputs) { inputs_row(j, for_files, t); }
    for (int i = 0; i < j->method_count; i++) {
        for (int group = 0; group < compared_groups(j, i); group++) { group_row(j, i, group, t); }
    }
}

void compare_table_tsv(const compare_job *j, text *out) {
    sheet_column columns[TABLE_COLUMNS];
    sheet t;
    make_table(j, 1, 1, columns, &t);
    sheet_tsv(&t, out);
    sheet_free(&t);
}

void compare_json(const compare_job *j, text *out) {
    sheet_column columns[TABLE_COLUMNS];
    sheet t;
    text_add(out, "{\n");
    configuration_write(&j->c, out);
    text_add(out, ",\n  \"inputs\": {");
    for (int k = 0; k < j->measure_count; k++) { text_json_member(out, j->measures[k].key, j->inputs[k]); }
    text_add(out, "},\n  \"table\": ");
    make_table(j, 0, 1, columns, &t);
    sheet_json(&t, "    ", out);
    sheet_free(&t);
    text_add(out, ",\n  \"models\": ");
    records_runs(&j->r, &j->c, "    ", out);
    text_add(out, "\n}\n");
}

/* Is there a method of which a lambda is to be chosen? */
static int has_choice(const compare_job *j) {
    int found = 0;
    for (int i = 0; i < j->method_count; i++) { found |= compared_standing(j, i, 0) != RHO_NO_CHOICE; }
    return found;
}

void compare_text(const compare_job *j, text *out) {
    const int types = (int)input_of(j, "types"), seeds = j->s->training.seeds;
    sheet_column columns[TABLE_COLUMNS];
    sheet t;
    make_table(j, 1, 0, columns, &t);
    sheet_text(&t, out);
    sheet_free(&t);
    text_format(out, "(rho: theta against the weights of nearest neighbours over %d types of at least %d held-out cells; means over %d "
                     "seed%s)\n",
                types, j->s->findings.least, seeds, seeds == 1 ? "" : "s");
    if (has_choice(j)) {
        text_add(out, "(highest rho: of a method's lambdas, chosen on the same held-out cells that are reported here)\n");
    }
    if (j->of_inputs.scored != ISK_TRAIN) {
        evaluation_rows_words(&j->of_inputs, out);
        text_add(out, "\n");
    }
    if (types < 6) { text_format(out, "(%d types are few: how they rank says little)\n", types); }
}

/* ---- the report ---- */

static void add_paragraph(text *page, text *words) {
    if (words->failed) { page->failed = 1; }
    if (words->data) { page_paragraph(page, words->data); }
    text_free(words);
}

static void lead_paragraphs(const compare_job *j, text *page) {
    const int types = (int)input_of(j, "types"), seeds = j->s->training.seeds;
    const long long first = (long long)j->s->source.seed;
    text words = { 0 };
    text_format(&words, "%d types of %s have at least %d held-out cells and are compared%s.", types, j->s->source.labels,
                j->s->findings.least, types < 6 ? "; with fewer than 6 of them a rank correlation says little" : "");
    add_paragraph(page, &words);
    text_format(&words, "Models differ in their seeds, %lld to %lld; all are held to one division of the cells, that of seed %lld, so "
                        "that standard "
                "errors over seeds say how far training varies and nothing about other cells. Intervals are 95 %% of %d bootstraps of the "
                "cells of each type, for one model; over several seeds their ends are averaged.", first, first + seeds - 1, first,
                j->s->findings.draws);
    add_paragraph(page, &words);
    if (!has_choice(j)) { return; }
    page_paragraph(page, "Bold is, of a method's λ, the one of the highest mean (of leakage the lowest), and all of them where they tie. "
                         "It was chosen on the same held-out cells that are reported here, so it looks better than it would on others.");
}

/* What the figures do not show. */
static void summary_table(const compare_job *j, text *page) {
    sheet_column columns[TABLE_COLUMNS];
    sheet t;
    page_heading(page, "Intervals, and a probe of all features");
    make_table(j, 1, 0, columns, &t);
    page_sheet(page, &t);
    sheet_free(&t);
}

/* One figure: bars of the methods that have lambdas, dashed lines for the inputs and the methods that have none. */
static isk_status figure(const compare_job *j, const char *key, const char *heading, const char *value, const char *lead, text *page) {
    const real_list *lambdas = &j->s->training.lambdas;
    const int which = measure_find(j, key);
    const char *methods[ISK_MOST_METHODS];
    bar_reference references[ISK_MOST_METHODS + 1];
    const size_t room = (size_t)(j->method_count * lambdas->count) + 1;
    double *mean = malloc(sizeof *mean * room), *error = malloc(sizeof *error * room);
    int *runs = malloc(sizeof *runs * room);
    int count = 0, dashed = 0, finite = 0;
    if (isfinite(j->inputs[which])) { references[dashed++] = (bar_reference){ inputs_words, j->inputs[which] }; }
    for (int i = 0; i < j->method_count && mean && error && runs; i++) {
        const int groups = j->r.sweeps[i].lambda_count;
        for (int group = 0; group < groups; group++) {
            const average a = compared_average(j, i, group, which);
            const int at = count * lambdas->count + group;
            mean[at] = a.mean;
            error[at] = a.error;
            runs[at] = a.count;
            finite += a.count > 0;
        }
        if (groups) {
            methods[count++] = method_name(j, i);
        } else if (compared_average(j, i, 0, which).count) {
            references[dashed++] = (bar_reference){ method_name(j, i), compared_average(j, i, 0, which).mean };
        }
    }
    if (mean && error && runs && finite) {
        cells_page_comparison(page, &(page_comparison){ .heading = heading, .lead = lead, .value_name = value, .methods = methods,
                                                        .lambdas = lambdas->value, .mean = mean, .error = error, .runs = runs,
                                                        .references = references,
                                                        .method_count = count, .lambda_count = lambdas->count, .reference_count = dashed,
                                                        .less_is_better = j->measures[which].smaller_is_better });
    }
    free(mean);
    free(error);
    free(runs);
    return mean && error && runs ? ISK_OK : no_memory(j->t.context, "the report");
}

static isk_status figures(const compare_job *j, text *page) {
    static const struct { const char *key, *heading, *value, *lead; } list[] = {
        { "rho", "Do specific features rank the types as the modalities' weights do?", "Spearman's ρ of θ",
          "θ of a type is the log ratio of how many of a cell's nearest cells, in what is specific to the first and to the second "
          "modality, "
          "are of its type; ρ is its rank correlation with the weight that weighted nearest neighbours give the first modality." },
        { "ari", "Clusters and types: adjusted Rand index", "ARI",
          "k-means on all features together, as many clusters as types, held-out cells." },
        { "nmi", "Clusters and types: normalized mutual information", "NMI", NULL },
        { "leakage", "Leakage", "R² of Z about the other C",
          "How much of the other modalities' shared features can be told from a modality's specific ones, by the best of the regressions, "
          "mean over the modalities: 0 is what it should be." },
        { "completeness", "Completeness", "R² of (Z, C) about X",
          "How much of a modality can be told from its own features: 1 is all of it." },
    };
    isk_status status = ISK_OK;
    for (size_t i = 0; i < sizeof list / sizeof *list && status == ISK_OK; i++) {
        status = figure(j, list[i].key, list[i].heading, list[i].value, list[i].lead, page);
    }
    return status;
}

isk_status compare_report(const compare_job *j, text *page) {
    text lead = { 0 }, rows = { 0 };
    isk_status status;
    text_format(&lead, "%lld cells; %d methods, %d λ, %d seed%s each; trained on %s.", (long long)j->a.d.rows, j->method_count,
                j->s->training.lambdas.count, j->s->training.seeds, j->s->training.seeds == 1 ? "" : "s", isk_device_text(j->t.context));
    page_begin(page, "Methods and λ on one data set", lead.data ? lead.data : "");
    lead_paragraphs(j, page);
    if (j->of_inputs.scored != ISK_TRAIN) {
        evaluation_rows_words(&j->of_inputs, &rows);
        add_paragraph(page, &rows);
    }
    status = figures(j, page);
    summary_table(j, page);
    repeat_section(page, &j->c);
    cells_page_cite(page);
    page_end(page);
    text_free(&lead);
    return status;
}
