/* Models that integrate batches: trained on counts, labels and batches, and asked; and the course of a study of them. */
#include "integrators.h"

#include "../base/blocks.h"
#include "../base/fail.h"
#include "../formats/input.h"
#include "../report/page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- cells ---- */

void cells_of_batches_free(cells_of_batches *c) {
    matrix_free(c->counts);
    free(c->label);
    free(c->condition);
    free(c->batch);
    free(c->part);
    *c = (cells_of_batches){ .part = NULL };
}

isk_scalar *indicators_of(const int32_t *codes, int64_t rows, int count, const uint8_t *part) {
    isk_scalar *values = calloc((size_t)rows * (size_t)count + 1, sizeof *values);
    for (int64_t i = 0; i < rows && values; i++) {
        if (codes[i] >= 0 && codes[i] < count && !(part && part[i] == ISK_TEST)) { values[i * count + codes[i]] = 1; }
    }
    return values;
}

/* [cells] validation rows are training rows; to be freed. */
static uint8_t *part_without_validation(const cells_of_batches *c) {
    uint8_t *part = malloc((size_t)c->counts.rows + 1);
    for (int64_t i = 0; i < c->counts.rows && part; i++) { part[i] = c->part[i] == ISK_VALIDATION ? ISK_TRAIN : c->part[i]; }
    return part;
}

isk_status embedding_join(isk_context *context, embedding *e) {
    const int64_t rows = e->invariant.rows, cols = e->invariant.cols + e->spurious.cols;
    isk_scalar *all;
    e->all = e->invariant;
    if (!e->spurious.data) { return ISK_OK; }
    if (!(all = malloc(sizeof *all * (size_t)(rows * cols)))) { return no_memory(context, "features"); }
    e->all = (isk_matrix){ all, rows, cols };
    return isk_join_columns(context, (isk_matrix[]){ e->invariant, e->spurious }, 2, all);
}

void embedding_free(embedding *e) {
    if (e->all.data != e->invariant.data) { matrix_free(e->all); }
    matrix_free(e->invariant);
    matrix_free(e->spurious);
    matrix_free(e->label);
    *e = (embedding){ .all = { NULL, 0, 0 } };
}

/* ---- principal components ---- */

isk_status components_of(isk_context *context, const cells_of_batches *c, int k, uint64_t seed, isk_matrix *scores) {
    const int64_t rows = c->counts.rows, cols = c->counts.cols;
    input in = { .context = context, .path = "counts", .rows = rows, .cols = cols,
                 .values = malloc(sizeof *in.values * (size_t)(rows * cols)) };
    uint8_t *part = part_without_validation(c);
    isk_scalar *mean = malloc(sizeof *mean * (size_t)cols), *loadings, *to;
    int64_t trained = 0;
    isk_status status;
    for (int64_t i = 0; i < rows && part; i++) { trained += part[i] == ISK_TRAIN; }
    if (k > cols) { k = (int)cols; }
    if (k > trained - 1) { k = (int)trained - 1; }
    loadings = malloc(sizeof *loadings * (size_t)(cols * (k > 0 ? k : 1)));
    to = malloc(sizeof *to * (size_t)(rows * (k > 0 ? k : 1)));
    *scores = (isk_matrix){ NULL, rows, k };
    status = in.values && part && mean && loadings && to ? ISK_OK : no_memory(context, "principal components");
    if (status == ISK_OK) {
        memcpy(in.values, c->counts.data, sizeof *in.values * (size_t)(rows * cols));
        status = input_log1p_cp10k(&in);
    }
    if (status == ISK_OK) {
        status = isk_pca(context, &(isk_pca_desc){ .x = { in.values, rows, cols }, .part = part, .k = k, .seed = seed, .mean = mean,
                                                   .components = loadings });
    }
    if (status == ISK_OK) { status = isk_pca_transform(context, (isk_matrix){ in.values, rows, cols }, mean, loadings, k, to); }
    if (status == ISK_OK) { scores->data = to; } else { free(to); }
    free(in.values);
    free(part);
    free(mean);
    free(loadings);
    return status;
}

isk_status embed_by_pca(isk_context *context, const cells_of_batches *c, uint64_t seed, embedding *e) {
    *e = (embedding){ .all = { NULL, 0, 0 } };
    isk_status status = components_of(context, c, PCA_COMPONENTS, seed, &e->invariant);
    e->all = e->invariant;
    return status;
}

/* ---- models ---- */

/* The columns that a fit or a transform of a row is given; belongs to the caller. */
typedef struct given { isk_scalar *label, *condition, *batch; } given;

static void given_free(given *g) {
    free(g->label);
    free(g->condition);
    free(g->batch);
}

static isk_status give(isk_context *context, const cells_of_batches *c, const integrator *row, int without_labels, given *g,
                       isk_extra extras[ISK_MAX_EXTRAS]) {
    const int64_t rows = c->counts.rows;
    int count = 0;
    *g = (given){ NULL, NULL, NULL };
    if (row->given & GIVEN_LABEL) {
        g->label = without_labels ? calloc((size_t)(rows * c->labels) + 1, sizeof *g->label)
                                  : indicators_of(c->label, rows, c->labels, c->part);
        extras[count++] = (isk_extra){ "label", { g->label, rows, c->labels } };
        if (!g->label) { return no_memory(context, "labels"); }
    }
    if (row->given & GIVEN_LABEL && c->condition) {
        g->condition = without_labels ? calloc((size_t)(rows * c->conditions) + 1, sizeof *g->condition)
                                      : indicators_of(c->condition, rows, c->conditions, c->part);
        extras[count++] = (isk_extra){ "invariant", { g->condition, rows, c->conditions } };
        if (!g->condition) { return no_memory(context, "conditions"); }
    }
    if (row->given & GIVEN_BATCH) {
        g->batch = indicators_of(c->batch, rows, c->batches, NULL);
        extras[count++] = (isk_extra){ "batch", { g->batch, rows, c->batches } };
        if (!g->batch) { return no_memory(context, "batches"); }
    }
    return ISK_OK;
}

/* "dropout=0,invariance=5", of the method or of all methods. */
static isk_status set_options(isk_context *context, const char *list, isk_options *options) {
    isk_status status = ISK_OK;
    for (const char *at = list; at && *at && status == ISK_OK;) {
        const size_t length = strcspn(at, ",");
        char pair[200], *value;
        snprintf(pair, sizeof pair, "%.*s", (int)length, at);
        value = strchr(pair, '=');
        if (!value) { return isk_set_error(context, ISK_ARGUMENT, "--own %s: give NAME=VALUE, with commas between", list); }
        *value++ = 0;
        status = isk_option_set(context, ISK_INVAE, options, pair, value);
        at += length + (at[length] == ',');
    }
    return status;
}

isk_status integrator_train(study *w, const integrator *row, const char *own, const cells_of_batches *c, uint64_t seed,
                            const char *checkpoint, isk_model **model) {
    isk_sweep_desc sweep = w->sweep;
    isk_options resolved;
    uint8_t *part = part_without_validation(c);
    given g;
    isk_status status = give(w->context, c, row, 0, &g, sweep.fit.extras);
    sweep.lambda_count = 0;
    sweep.seed_count = 1;
    sweep.fit.method = ISK_INVAE;
    sweep.fit.preset = row->preset;
    sweep.fit.views[0] = (isk_view){ .x = c->counts, .name = "counts" };
    sweep.fit.view_count = 1;
    sweep.fit.seed = seed;
    sweep.fit.checkpoint = checkpoint;
    if (status == ISK_OK && !part) { status = no_memory(w->context, "the split"); }
    if (status == ISK_OK) { status = set_options(w->context, own, &sweep.fit.options); }
    if (status == ISK_OK) { status = set_options(w->context, row->options, &sweep.fit.options); }
    resolved = sweep.fit.options;
    if (status == ISK_OK) { status = isk_options_resolve(w->context, ISK_INVAE, &resolved, row->preset); }
    sweep.fit.split = resolved.validation > 0 ? c->part : part;
    if (status == ISK_OK) { status = checkpoint ? isk_resume(w->context, &sweep, model) : isk_sweep(w->context, &sweep, model); }
    progress_end(&w->bar);
    given_free(&g);
    free(part);
    return status;
}

/* Room for the output of that name, which is asked for; cols 0: the model has none. */
static isk_status ask_output(isk_context *context, const isk_model *model, int64_t rows, const char *name, isk_output *out,
                             isk_matrix *to) {
    isk_scalar *values;
    *to = (isk_matrix){ NULL, rows, 0 };
    for (int i = 0; i < isk_model_output_count(model); i++) {
        if (strcmp(isk_model_output(model, i)->name, name) == 0) { to->cols = isk_model_output(model, i)->cols; }
    }
    if (!to->cols) { return ISK_OK; }
    to->data = values = malloc(sizeof *values * (size_t)(rows * to->cols));
    *out = (isk_output){ name, values };
    return values ? ISK_OK : no_memory(context, name);
}

isk_status embed_by_model(isk_context *context, const isk_model *model, const cells_of_batches *c, const integrator *row,
                          int without_labels, embedding *e) {
    static const char *const outputs[] = { "invariant1", "spurious1", "label1" };
    isk_matrix *to[] = { &e->invariant, &e->spurious, &e->label };
    isk_transform_desc desc = { .views = { { .x = c->counts } } };
    given g;
    isk_status status = give(context, c, row, without_labels, &g, desc.extras);
    *e = (embedding){ .all = { NULL, 0, 0 } };
    for (int i = 0, asked = 0; i < 3 && status == ISK_OK; i++) {
        status = ask_output(context, model, c->counts.rows, outputs[i], &desc.out[asked], to[i]);
        asked += to[i]->data != NULL;
    }
    if (status == ISK_OK) { status = isk_transform(model, &desc); }
    given_free(&g);
    return status == ISK_OK ? embedding_join(context, e) : status;
}

/* ---- the rows of a study ---- */

isk_status integration_choose(integration_study *s, const char *list, const integrator *all, int count) {
    const char *known[MOST_INTEGRATORS + 1] = { NULL };
    for (int i = 0; i < count; i++) {
        known[i] = all[i].name;
        if (!list) { s->rows[s->row_count++] = &all[i]; }
    }
    for (const char *at = list; at;) {
        const char *comma = strchr(at, ','), *near;
        char name[64];
        int found = 0;
        snprintf(name, sizeof name, "%.*s", comma ? (int)(comma - at) : (int)strlen(at), at);
        while (found < count && strcmp(all[found].name, name) != 0) { found++; }
        if (found == count) {
            near = nearest_word(name, known);
            return isk_set_error(s->w.context, ISK_ARGUMENT, "there is no row '%s'%s%s%s", name, near ? "; did you mean '" : "",
                                 near ? near : "", near ? "'?" : "");
        }
        for (int i = 0; i < s->row_count; i++) {
            if (s->rows[i] == &all[found]) { return isk_set_error(s->w.context, ISK_ARGUMENT, "--rows has %s twice", name); }
        }
        s->rows[s->row_count++] = &all[found];
        at = comma ? comma + 1 : NULL;
    }
    return ISK_OK;
}

isk_status integration_configure(integration_study *s, const char *own) {
    isk_options resolved = s->w.s->options;
    isk_status status = set_options(s->w.context, own, &resolved);
    if (status == ISK_OK) { status = isk_options_resolve(s->w.context, ISK_INVAE, &resolved, ISK_ROBUST); }
    records_add_field(&s->r, INTEGRATION_SECONDS, 0);
    records_add_field(&s->r, INTEGRATION_DIVERGED, 0);
    s->r.number = "data";
    s->r.number_first = 1;
    s->r.without_lambda = 1;
    s->r.words = s->data_names;
    s->r.word_count = s->data_count;
    configuration_add(&s->w.c, "own", own ? own : "", 1);
    configuration_grid(&s->w.c, s->w.s->preset);
    if (status == ISK_OK) { configuration_options(&s->w.c, &resolved); }
    return status;
}

/* ---- its course ---- */

int integration_trained(integration_study *s, const sweep_record *to, const isk_model *model) {
    const isk_report *report = isk_model_report(model);
    *records_at(&s->r, to, 0, records_field(&s->r, INTEGRATION_SECONDS)) = report->seconds;
    *records_at(&s->r, to, 0, records_field(&s->r, INTEGRATION_DIVERGED)) = report->status != ISK_OK;
    return report->status == ISK_OK;
}

static isk_status run_row(integration_study *s, int data, const integrator *row) {
    char path[4200], name[128];
    const char *checkpoint = NULL;
    const sweep_record *to = records_add(&s->r, row->name, data + 1, NULL, 0, 0);
    isk_status status = to ? ISK_OK : no_memory(s->w.context, "results");
    if (!to) { return status; }
    if (row->kind == INTEGRATOR_INVAE) {
        snprintf(name, sizeof name, "%s-%d", row->name, data + 1);
        checkpoint = study_checkpoint(&s->w, name, path, sizeof path);
    }
    status = s->judge(s->job, data, row, to, checkpoint);
    if (status != ISK_OK) {
        records_drop(&s->r);
        return status;
    }
    study_made(&s->w);
    if (s->w.s->out) { status = s->write(s->job); }
    if (status == ISK_OK && checkpoint) { unlink(checkpoint); }
    return status;
}

static int is_asked(const integration_study *s, int data, const integrator *row) { return !s->asks || s->asks(s->job, data, row); }

/* Data are made where a row of them is left to do. */
static isk_status run_data(integration_study *s, int data) {
    progress *bar = &s->w.bar;
    isk_status status = ISK_OK;
    int open = 0;
    for (int i = 0; i < s->row_count && status == ISK_OK; i++) {
        const integrator *row = s->rows[i];
        const double began = progress_clock();
        char what[160], time[32];
        if (!is_asked(s, data, row)) { continue; }
        snprintf(what, sizeof what, "%s, %s", row->name, s->data_names[data]);
        bar->piece = s->done++;
        bar->what = what;
        if (records_find(&s->r, row->name, data + 1)) {
            progress_say(bar, "%s: finished before", what);
        } else if (progress_stopped()) {
            status = isk_set_error(s->w.context, ISK_INTERRUPTED, "stopped before %s", what);
        } else {
            if (!open) { status = s->open(s->job, data); }
            open = 1;
            if (status == ISK_OK) { status = run_row(s, data, row); }
            if (status == ISK_OK) { progress_say(bar, "%s: %s", what, duration(progress_clock() - began, time)); }
        }
        bar->what = NULL;
    }
    if (open) { s->close(s->job); }
    return status;
}

static isk_status read_results(void *user, const char *path) {
    integration_study *s = user;
    isk_status status = records_read(&s->r, &s->w.c, s->w.context, path);
    s->kept = s->r.count;
    return status;
}

isk_status integration_run(integration_study *s) {
    isk_status status = s->w.s->out ? study_folder(&s->w, read_results, s) : ISK_OK;
    s->w.bar.mute = 1;              /* the report says which models diverged */
    for (int i = 0; i < s->data_count * s->row_count; i++) {
        s->w.bar.pieces += is_asked(s, i / s->row_count, s->rows[i % s->row_count]);
    }
    for (int data = 0; data < s->data_count && status == ISK_OK; data++) { status = run_data(s, data); }
    if (status == ISK_OK && s->w.s->out && s->kept == s->r.count) { status = s->write(s->job); }      /* nothing was left */
    return status;
}

isk_status integration_end(integration_study *s) {
    isk_status status = ISK_OK;
    if (s->w.s->out) { printf("\nopen %s/report.html\n", s->w.s->out); }
    if (s->w.s->json) {
        text runs = { 0 };
        records_runs(&s->r, &s->w.c, "  ", &runs);
        text_add(&runs, "\n");
        status = write_text(s->w.context, s->w.s->json, &runs);
        text_free(&runs);
    }
    if (s->w.s->out) { output_tidy(&s->w.out); }
    return status;
}

void integration_free(integration_study *s) {
    records_free(&s->r);
    free(s->data_names);
}

/* ---- what was measured ---- */

double integration_value(const records *r, const sweep_record *s, const char *field, int at, int count) {
    double best = NAN;
    for (int i = 0; i < count; i++) { best = fmax(best, records_at(r, s, 0, records_field(r, field))[at + i]); }
    return best;
}

average integration_average(const integration_study *s, const integrator *row, const integration_asked *q, int first, int last, int step) {
    enum { MOST = 1000 };
    double values[MOST];
    int count = 0;
    for (int data = first; data < last && count < MOST; data += step) {
        const sweep_record *record = records_find(&s->r, row->name, data + 1);
        const double value = record ? integration_value(&s->r, record, q->field, q->at, q->count) : (double)NAN;
        if (!isnan(value)) { values[count++] = value; }
    }
    return average_of(values, count, 1);
}

void integration_note_diverged(const integration_study *s, text *page) {
    text words = { 0 };
    int diverged = 0;
    for (int i = 0; i < s->r.count; i++) { diverged += integration_value(&s->r, &s->r.sweeps[i], INTEGRATION_DIVERGED, 0, 1) > 0; }
    text_format(&words, "%d model%s diverged and %s left out of the means.", diverged, diverged > 1 ? "s" : "",
                diverged > 1 ? "are" : "is");
    if (diverged) { page_paragraph(page, words.data ? words.data : ""); }
    text_free(&words);
}

void integration_tsv(const integration_study *s, const char *(*part)(const char *field, int at), text *out) {
    enum { HEAD = 2, MOST = 160 };
    struct { char text[64]; } titles[MOST];
    sheet_column columns[MOST] = { { .key = "data" }, { .key = "row" } };
    const records *r = &s->r;
    sheet found = { .columns = columns, .column_count = HEAD };
    for (int f = 0; f < r->field_count; f++) {
        for (int k = 0; k < (r->fields[f].count ? r->fields[f].count : 1) && found.column_count < MOST; k++) {
            char *title = titles[found.column_count].text;
            snprintf(title, sizeof titles[0].text, "%s%s%s", r->fields[f].name, r->fields[f].count ? "_" : "",
                     r->fields[f].count ? part(r->fields[f].name, k) : "");
            columns[found.column_count++] = (sheet_column){ .key = title, .form = SHEET_REAL };
        }
    }
    for (int i = 0; i < r->count; i++) {
        const sweep_record *record = &r->sweeps[i];
        sheet_row(&found);
        sheet_words(&found, s->data_names[record->number - 1]);
        sheet_words(&found, record->name);
        for (int k = 0; k < found.column_count - HEAD; k++) { sheet_number(&found, record->values[k]); }
    }
    sheet_tsv(&found, out);
    sheet_free(&found);
}
