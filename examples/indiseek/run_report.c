#include "run_report.h"

#include "../report/cells_page.h"

#include "../report/choice_page.h"
#include "../report/coordinates_page.h"
#include "../report/curves.h"
#include "../report/explained_page.h"
#include "../report/plots.h"
#include "../report/report.h"
#include "../report/technical_page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the data ---- */

static void data_section(const run_job *j, text *page) {
    page_modality list[ISK_MAX_VIEWS];
    char words[ISK_MAX_VIEWS][RECIPE_WORDS], test[32], types[200];
    const source *a = &j->a;
    text sources = { 0 };
    page_data data = { .source = a->c.path, .cells = a->d.rows, .modalities = list, .count = a->d.v.count };
    const char *facts[8] = { NULL };
    int count = 0;
    int64_t held = 0;
    for (int64_t i = 0; i < a->d.rows; i++) {
        int whole = 1;
        for (int v = 0; v < a->d.v.count; v++) { whole = whole && (!a->d.v.present[v] || a->d.v.present[v][i]); }
        data.complete += whole;
        held += a->d.part[i] == ISK_TEST;
    }
    for (int v = 0; v < a->d.v.count; v++) {
        const modality *m = &a->c.modality[v];
        list[v] = (page_modality){ .name = m->name, .kind = modality_kind_name(m->kind), .source = m->key, .cells = a->d.rows,
                                   .features = m->in.cols, .columns = a->d.v.x[v].cols,
                                       .prepared = recipe_words(&a->d.v.recipe[v], words[v]) };
        for (int64_t i = 0; i < a->d.rows && a->d.v.present[v]; i++) { list[v].cells -= !a->d.v.present[v][i]; }
    }
    snprintf(test, sizeof test, "%lld", (long long)held);
    facts[count++] = "held out for scores";
    facts[count++] = test;
    if (a->d.has_labels) {
        snprintf(types, sizeof types, "%d of %.160s", a->d.labels.count, a->s->labels);
        facts[count++] = "types";
        facts[count++] = types;
    }
    data.facts = facts;
    for (int64_t i = 0; i < a->c.files.count && !a->c.path; i++) {
        text_format(&sources, "%s%s", i ? ", " : "", names_get(&a->c.files, i));
    }
    if (!data.source) { data.source = sources.data ? sources.data : "files"; }
    cells_page_data(page, &data);
    text_free(&sources);
}

/* ---- embeddings ---- */

static const char *cell_name(const void *user, int64_t row) { return names_get(user, row); }

/* Columns by which cells may be coloured: the types, the coarse types, whatever else is known, and what was found. */
typedef struct colours {
    plots_column *list;
    const char **classes;           /* of all columns, one after the other */
    int count, first;
    cell_table found;
    /* Of each modality, the feature to which its Z adds most. */
    struct { int column; double *numbers; char name[120]; } followed[ISK_MAX_VIEWS];     /* numbers NULL: there is none */
} colours;

static void add_colour(colours *c, const cell_column *column, const char **names_at) {
    plots_column *to = &c->list[c->count++];
    *to = (plots_column){ .name = column->name, .numbers = column->numbers };
    if (column->numbers) { return; }
    for (int i = 0; i < column->classes.count; i++) { names_at[i] = names_get(&column->classes.classes, i); }
    to->codes = column->classes.codes;
    to->classes = names_at;
    to->count = column->classes.count;
}

/* A column of more classes than anybody tells apart, such as the cells' names, colours nothing. */
static int is_colour(const cell_column *column) {
    enum { MOST_CLASSES = 100 };
    return column->numbers || (column->classes.count > 0 && column->classes.count <= MOST_CLASSES);
}

/* As prepared, NaN where the modality was not measured. */
static isk_status add_followed(colours *c, const run_job *j) {
    const explained *e = &j->found.explained;
    for (int k = 0; k < e->count; k++) {
        const int64_t feature = explained_most_added(&e->list[k]);
        char number[32];
        int view = 0;
        isk_matrix from;
        while (strcmp(j->found.modality[view], e->list[k].name) != 0) { view++; }
        from = recipe_features(&j->a.d.v.in[view]);
        if (feature < 0) { continue; }
        c->followed[view].numbers = malloc(sizeof *c->followed[view].numbers * ((size_t)from.rows + 1));
        if (!c->followed[view].numbers) { return no_memory(j->a.context, "the report"); }
        for (int64_t i = 0; i < from.rows; i++) {
            const int absent = j->a.d.v.present[view] && !j->a.d.v.present[view][i];
            c->followed[view].numbers[i] = absent ? (double)NAN : (double)from.data[i * from.cols + feature];
        }
        snprintf(c->followed[view].name, sizeof c->followed[view].name, "%.60s (%s)", explained_feature(&e->list[k], feature, number),
                 e->list[k].name);
        c->followed[view].column = c->count;
        c->list[c->count++] = (plots_column){ .name = c->followed[view].name, .numbers = c->followed[view].numbers };
    }
    return ISK_OK;
}

static isk_status colours_make(colours *c, const run_job *j) {
    const source *a = &j->a;
    const cell_column types = { .name = (char *)(uintptr_t)a->s->labels, .classes = a->d.labels };     /* the ignored one is no class */
    const int64_t most = a->c.table.count;
    size_t classes = 0, used = 0;
    isk_status status = findings_columns(&j->found, a, &c->found);
    for (int64_t i = 0; i < most + c->found.count; i++) {
        const cell_column *column = i < most ? &a->c.table.columns[i] : &c->found.columns[i - most];
        if (is_colour(column)) { classes += (size_t)column->classes.count; }
    }
    c->list = calloc((size_t)(most + c->found.count) + ISK_MAX_VIEWS + 1, sizeof *c->list);
    c->classes = calloc(classes + 1, sizeof *c->classes);
    if (status == ISK_OK && (!c->list || !c->classes)) { status = no_memory(a->context, "the report"); }
    for (int64_t i = 0; i < most + c->found.count && status == ISK_OK; i++) {
        const cell_column *column = i < most ? &a->c.table.columns[i] : &c->found.columns[i - most];
        if (!is_colour(column)) { continue; }
        if (a->s->labels && strcmp(column->name, a->s->labels) == 0) {
            c->first = c->count;
            column = &types;
        }
        add_colour(c, column, c->classes + used);
        used += (size_t)column->classes.count;
    }
    return status == ISK_OK ? add_followed(c, j) : status;
}

static void colours_free(colours *c) {
    free(c->list);
    free(c->classes);
    for (int view = 0; view < ISK_MAX_VIEWS; view++) { free(c->followed[view].numbers); }
    cell_table_free(&c->found);
}

/* Mean weight of each type over the cells that have one: what a cell without a modality has is NaN. */
static isk_status mean_weights(const run_job *j, const double *weight, double *mean) {
    const source *a = &j->a;
    int32_t *codes = malloc(sizeof *codes * ((size_t)a->d.rows + 1));
    double *known = malloc(sizeof *known * ((size_t)a->d.rows + 1));
    isk_status status = codes && known ? ISK_OK : no_memory(a->context, "the report");
    for (int64_t i = 0; i < a->d.rows && status == ISK_OK; i++) {
        const int there = isfinite(weight[i]);
        codes[i] = there ? a->d.labels.codes[i] : -1;
        known[i] = there ? weight[i] : 0;
    }
    if (status == ISK_OK) { status = isk_mean_by_label(a->context, known, codes, a->d.rows, a->d.labels.count, mean, NULL); }
    free(codes);
    free(known);
    return status;
}

/* The paper's Figures 18 to 23: specific features of a modality, only the types that it says most about. */
static isk_status add_top_types(const run_job *j, plots *p) {
    const findings *n = &j->found;
    const source *a = &j->a;
    uint8_t *kept = malloc((size_t)a->d.rows + 1), *types = malloc((size_t)a->d.labels.count + 1);
    double *mean = malloc(sizeof *mean * ((size_t)a->d.labels.count + 1));
    isk_status status = kept && types && mean ? ISK_OK : no_memory(a->context, "the report");
    for (int i = 0; i < n->pictures.count && status == ISK_OK; i++) {
        const picture *q = &n->pictures.list[i];
        char title[160];
        if (strcmp(q->key, "specific") != 0 || q->of < 0 || !n->weight[q->of]) { continue; }
        status = mean_weights(j, n->weight[q->of], mean);
        if (status != ISK_OK || !cells_top_types(mean, a->d.labels.count, 0.4, types)) { continue; }
        cells_of_types(a->d.labels.codes, a->d.rows, types, a->d.labels.count, kept);
        snprintf(title, sizeof title, "%s, the 40 %% of types with the largest weight", q->title);
        plots_add(p, &(plots_panel){ .title = title, .points = q->points, .shown = kept });
    }
    free(kept);
    free(types);
    free(mean);
    return status;
}

/* What is specific to a modality, by the gene or protein that it follows most. */
static void add_followed_pictures(const run_job *j, const colours *c, text *page) {
    int count = 0;
    for (int i = 0; i < j->found.pictures.count; i++) {
        const picture *q = &j->found.pictures.list[i];
        char title[240];
        if (strcmp(q->key, "specific") != 0 || q->of < 0 || !c->followed[q->of].numbers) { continue; }
        if (!count++) {
            page_paragraph(page, "What is specific to each modality again, coloured by the one of its features to which Z adds most "
                                 "beyond C (the panels above can be coloured by it, too):");
            page_grid_begin(page);
        }
        snprintf(title, sizeof title, "%s, by %s", q->title, c->followed[q->of].name);
        plots_still(page, &(plots_panel){ .title = title, .points = q->points }, j->a.d.rows, &c->list[c->followed[q->of].column]);
    }
    if (count) {
        page_grid_end(page);
        plots_still_legend(page, NULL);
    }
}

static isk_status embedding_section(const run_job *j, text *page) {
    const source *a = &j->a;
    colours c = { .count = 0 };
    plots p;
    isk_status status;
    if (!j->found.pictures.count) { return ISK_OK; }
    status = colours_make(&c, j);
    if (status == ISK_OK) {
        page_heading(page, "Embeddings");
        page_paragraph(page, "UMAPs of all cells: what the modalities share (C), what is specific to each (Z), and the inputs. Shared "
                             "features should keep the types apart; specific ones show what only that modality sees.");
        plots_begin(&p, page, &(plots_desc){ .rows = a->d.rows, .name = cell_name, .user = &a->c.names, .columns = c.list,
                                             .column_count = c.count, .first = c.first });
        for (int i = 0; i < j->found.pictures.count; i++) {
            plots_add(&p, &(plots_panel){ .title = j->found.pictures.list[i].title, .points = j->found.pictures.list[i].points });
        }
        if (a->d.has_labels) { status = add_top_types(j, &p); }
        plots_end(&p);
        add_followed_pictures(j, &c, page);
    }
    colours_free(&c);
    return status;
}

/* ---- theta ---- */

/* The coarse class that most cells of each type have, -1 without any. */
static isk_status coarse_of_types(const source *a, int *coarse) {
    const labels *l = &a->coarse->classes;
    int64_t *counts = calloc((size_t)l->count * (size_t)a->d.labels.count + 1, sizeof *counts);
    if (!counts) { return no_memory(a->context, "the report"); }
    for (int64_t i = 0; i < a->d.rows; i++) {
        if (a->d.labels.codes[i] >= 0 && l->codes[i] >= 0) { counts[a->d.labels.codes[i] * (int64_t)l->count + l->codes[i]]++; }
    }
    for (int type = 0; type < a->d.labels.count; type++) {
        int64_t most = 0;
        coarse[type] = -1;
        for (int c = 0; c < l->count; c++) {
            const int64_t here = counts[type * (int64_t)l->count + c];
            if (here > most) {
                most = here;
                coarse[type] = c;
            }
        }
    }
    free(counts);
    return ISK_OK;
}

typedef struct theta_arrays {
    const char **types, **coarse_names;
    int *coarse;
    double *mean, *error, *weight;
    int64_t *sizes;
} theta_arrays;

/* Standard error of theta over the scored cells of each type. */
static void theta_errors(const run_job *j, double *error) {
    const source *a = &j->a;
    for (int type = 0; type < a->d.labels.count; type++) {
        double n = 0, mean = 0, squares = 0;
        for (int64_t i = 0; i < a->d.rows; i++) {
            const double value = j->found.theta_values[i], before = mean;
            if (a->d.labels.codes[i] != type || !isfinite(value)) { continue; }
            mean += (value - before) / ++n;
            squares += (value - before) * (value - mean);
        }
        error[type] = n > 1 ? sqrt(squares / (n - 1) / n) : NAN;
    }
}

static isk_status theta_section(const run_job *j, text *page) {
    const theta_result *r = &j->found.theta;
    const source *a = &j->a;
    const size_t room = (size_t)a->d.labels.count + 1;
    const int coarse_count = a->coarse ? a->coarse->classes.count : 0;
    char interval[80];
    text words = { 0 };
    theta_arrays t;
    isk_status status = ISK_OK;
    int count = 0;
    if (!j->found.has_theta) { return ISK_OK; }
    t = (theta_arrays){ malloc(sizeof *t.types * room), malloc(sizeof *t.coarse_names * ((size_t)coarse_count + 1)),
                        malloc(sizeof *t.coarse * room),
                        malloc(sizeof *t.mean * room), malloc(sizeof *t.error * room), malloc(sizeof *t.weight * room),
                            malloc(sizeof *t.sizes * room) };
    if (!t.types || !t.coarse_names || !t.coarse || !t.mean || !t.error || !t.weight || !t.sizes) {
        status = no_memory(a->context, "the report");
    }
    if (status == ISK_OK && a->coarse) { status = coarse_of_types(a, t.coarse); }
    if (status == ISK_OK) {
        for (int i = 0; i < coarse_count; i++) { t.coarse_names[i] = names_get(&a->coarse->classes.classes, i); }
        theta_errors(j, t.error);
        for (int i = 0; i < r->label_count; i++) {
            if (!r->types[i].compared) { continue; }
            t.types[count] = a->d.names[i];
            t.coarse[count] = a->coarse ? t.coarse[i] : -1;
            t.mean[count] = r->types[i].theta;
            t.error[count] = t.error[i];
            t.weight[count] = r->types[i].weight;
            t.sizes[count++] = r->types[i].scored;
        }
        findings_theta_words(&j->found, &words);
        snprintf(interval, sizeof interval, "95 %% of %d bootstraps of the cells", r->draws);
        cells_page_theta(page, &(page_theta){ .first = j->found.modality[0], .second = j->found.modality[1], .label = a->s->labels,
                                              .types = t.types, .coarse = a->coarse ? t.coarse : NULL, .coarse_names = t.coarse_names,
                                              .mean = t.mean, .error = t.error, .sizes = t.sizes, .weight = t.weight, .rho = r->rho,
                                              .rho_low = r->low, .rho_high = r->high, .interval = r->draws ? interval : NULL,
                                              .neighbours = j->found.neighbours, .count = count,
                                              .verdict = words.data,
                                              .coarse_count = coarse_count });
        text_free(&words);
    }
    free(t.types);
    free(t.coarse_names);
    free(t.coarse);
    free(t.mean);
    free(t.error);
    free(t.weight);
    free(t.sizes);
    return status;
}

/* ---- clusters ---- */

static void cluster_section(const run_job *j, text *page) {
    enum { MOST = 2 * MOST_CLUSTERED };                 /* by k-means and by Leiden */
    const findings *n = &j->found;
    const char *embeddings[MOST], *labels_of[2];
    char words[MOST][80];
    double ari[2 * MOST], nmi[2 * MOST];
    const int label_count = j->a.coarse ? 2 : 1, count = n->cluster_count / label_count;
    if (!n->cluster_count) { return; }
    for (int i = 0; i < n->cluster_count; i++) {        /* the labels of an embedding together */
        const cluster_row *row = &n->clusters[i];
        snprintf(words[i / label_count], sizeof words[0], "%s%s", row->embedding, row->leiden ? ", Leiden" : "");
        embeddings[i / label_count] = words[i / label_count];
        labels_of[i % label_count] = row->label;
        ari[i] = row->ari;
        nmi[i] = row->nmi;
    }
    cells_page_clusters(page, &(page_clusters){ .embeddings = embeddings, .labels = labels_of, .ari = ari, .nmi = nmi, .count = count,
                                                .label_count = label_count,
                                                .note = "shared_ and specific_ are C and Z of a modality, its name alone is both side by "
                                                        "side; shared, specific and all: those of every modality; inputs: what they were "
                                                        "made from. Leiden: on the joint neighbours of the modalities, of the resolution "
                                                        "that gives as many clusters as classes, or nearly so." });
}

/* ---- the page ---- */

/* The last name of the path that was given, else that of the first file. */
static const char *data_name(const run_job *j) {
    const char *path = j->a.c.path, *slash = path ? strrchr(path, '/') : NULL;
    return !path ? j->made.data : slash && slash[1] ? slash + 1 : path;
}

isk_status run_report(const run_job *j, text *page) {
    const isk_report *report = isk_model_report(j->t.model);
    const char *const facts[] = { "method", j->s->training.method, "preset", j->s->training.preset, NULL };
    char length[32], title[200];
    text lead = { 0 };
    curves course;
    isk_status status = curves_read(j->t.context, j->t.log_path, j->t.choice.model, &course);
    if (status != ISK_OK) { return status; }
    text_format(&lead, "%lld cells", (long long)j->a.d.rows);
    for (int i = 0; i < j->a.d.v.count; i++) {
        text_format(&lead, "%s%lld features of %s", i == 0 ? ", " : i + 1 < j->a.d.v.count ? ", " : " and ",
                    (long long)j->a.c.modality[i].in.cols, j->a.c.modality[i].name);
    }
    text_format(&lead, ". Method %s%s, seed %llu; trained in %s on %s.", j->s->training.method,
                training_lambda(&j->t, isk_model_options(j->t.model)->lambda, (char[40]){ 0 }),
                (unsigned long long)isk_model_seed(j->t.model), duration(report->seconds, length), isk_device_text(j->t.context));
    snprintf(title, sizeof title, "%s: what cells say twice, and what they say once", data_name(j));
    page_begin(page, title, lead.data ? lead.data : "");
    verdicts_page(&j->verdicts, page);
    if (j->page) { j->page(j->user, page); }
    data_section(j, page);
    status = embedding_section(j, page);
    if (status == ISK_OK) { status = theta_section(j, page); }
    coordinates_page(&j->coordinates, &j->stable, page);
    explained_page(&j->found.explained, page);
    technical_page(&j->found.technical, page);
    cluster_section(j, page);
    report_scores(page, &j->scores, j->a.d.has_labels);
    choice_page(&j->t.choice, page);
    report_curves(page, &course);
    report_settings(page, facts, j->t.model);
    report_provenance(page, &j->made);
    cells_page_cite(page);
    page_end(page);
    text_free(&lead);
    curves_free(&course);
    return status;
}
