#include "choose.h"

#include "evaluation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const score_keys[ISK_TRADEOFF_COUNT] = {
    [ISK_LEAKAGE] = "leakage", [ISK_LEAKAGE_RIDGE] = "leakage_ridge", [ISK_LEAKAGE_KNN] = "leakage_knn",
    [ISK_LEAKAGE_MLP] = "leakage_mlp", [ISK_LEAKAGE_CLUB] = "fresh_club", [ISK_COMPLETENESS] = "completeness",
};

/* ---- choosing ---- */

/* The rows that are there in every view, as isk_tradeoff takes them. */
typedef struct complete_rows {
    whole_rows rows;
    isk_scalar *x[ISK_MAX_VIEWS];
    int32_t *lengths[ISK_MAX_VIEWS], *labels;
} complete_rows;

static void complete_rows_free(complete_rows *c) {
    whole_rows_free(&c->rows);
    for (int i = 0; i < ISK_MAX_VIEWS; i++) {
        free(c->x[i]);
        free(c->lengths[i]);
    }
    free(c->labels);
}

static isk_status complete_rows_find(complete_rows *c, isk_context *context, const dataset *d, isk_tradeoff_desc *desc) {
    isk_status status = whole_rows_find(context, d->v.summary, d->v.count, d->part, &c->rows);
    int ok = 1;
    for (int i = 0; i < d->v.count && status == ISK_OK && ok; i++) {
        const isk_matrix x = d->v.x[i];
        const int64_t count = c->rows.count;
        c->x[i] = malloc(sizeof *c->x[i] * ((size_t)count * (size_t)x.cols + 1));
        ok = c->x[i] != NULL;
        for (int64_t k = 0; k < count && ok; k++) {
            memcpy(c->x[i] + k * x.cols, x.data + c->rows.index[k] * x.cols, sizeof *c->x[i] * (size_t)x.cols);
        }
        desc->views[i].x = (isk_matrix){ c->x[i], count, x.cols };
        if (!d->v.in[i].lengths || !ok) { continue; }
        c->lengths[i] = whole_rows_labels(&c->rows, d->v.in[i].lengths);
        ok = c->lengths[i] != NULL;
        desc->views[i].lengths = c->lengths[i];
    }
    if (d->has_labels && status == ISK_OK && ok) {
        c->labels = whole_rows_labels(&c->rows, d->labels.codes);
        ok = c->labels != NULL;
    }
    desc->labels = c->labels;
    desc->part = c->rows.part;
    return status != ISK_OK || ok ? status : isk_set_error(context, ISK_MEMORY, "no memory for the rows of the curve over lambda");
}

isk_status choice_make(choice *c, isk_context *context, isk_model *const *models, int count, const dataset *d, const char *by) {
    const int by_probe = strcmp(by, "probe") == 0;
    isk_tradeoff_desc desc = { .models = models, .model_count = count };
    complete_rows rows = { .labels = NULL };
    isk_status status;
    *c = (choice){ .by = by, .model = -1, .views = d->v.count };
    c->points = desc.points = malloc(sizeof *c->points * (size_t)count);
    if (!c->points) { return isk_set_error(context, ISK_MEMORY, "no memory for the curve over lambda"); }
    status = complete_rows_find(&rows, context, d, &desc);
    if (status == ISK_OK) { status = isk_tradeoff(context, &desc, &c->report); }
    complete_rows_free(&rows);
    if (status != ISK_OK) { return status; }
    c->point = by_probe ? c->report.best_probe : c->report.knee;
    if (c->point < 0) {
        return isk_set_error(context, ISK_DATA, "no lambda can be chosen: %s", by_probe ? "no labelled validation row was scored"
                             : "of every model leakage or completeness is unknown, because it diverged or its features are constant");
    }
    for (int m = count - 1; m >= 0; m--) {
        int here = fabs(isk_model_options(models[m])->lambda - c->points[c->point].lambda) <= 0;
        if (here && isk_model_report(models[m])->status == ISK_OK) { c->model = m; }
    }
    return ISK_OK;
}

void choice_free(choice *c) {
    free(c->points);
    c->points = NULL;
}

/* ---- output ---- */

const char *choice_remark(const choice *c, int point, char *buffer, size_t size) {
    const char *words[] = { point == c->report.knee ? "knee" : NULL, point == c->report.best_probe ? "best probe" : NULL,
                            point == c->point ? "kept" : NULL };
    buffer[0] = 0;
    for (int i = 0; i < 3; i++) {
        size_t length = strlen(buffer);
        if (words[i]) { snprintf(buffer + length, size - length, "%s%s", length ? ", " : "", words[i]); }
    }
    return buffer;
}

void choice_sheet(const choice *c, sheet *s) {
    static const sheet_column columns[] = {
        { NULL, "lambda", "lambda", SHEET_WORDS, 0, 10, 0, 0 }, { NULL, "leakage", "leakage", SHEET_BAR, 0, 13, 0, 0 },
        { .title = "linear", .form = SHEET_BAR }, { .title = "10 neighbours", .form = SHEET_BAR }, { .title = "MLP", .form = SHEET_BAR },
        { NULL, "fresh CLUB", "fresh CLUB (nats)", SHEET_REAL, 2, 13, 0, 0 },
        { NULL, "completeness", "completeness", SHEET_BAR, 0, 13, 0, 0 }, { NULL, "probe", "probe", SHEET_BAR, 0, 13, 0, 0 },
        { .words = "" }, { .title = "" },
    };
    static const int scores[] = { ISK_LEAKAGE, ISK_LEAKAGE_RIDGE, ISK_LEAKAGE_KNN, ISK_LEAKAGE_MLP, ISK_LEAKAGE_CLUB, ISK_COMPLETENESS };
    *s = (sheet){ .columns = columns, .column_count = sizeof columns / sizeof *columns };
    for (int i = 0; i < c->report.points; i++) {
        const isk_tradeoff_point *p = &c->points[i];
        char words[64];
        sheet_row(s);
        sheet_format(s, "%g", p->lambda);
        for (size_t k = 0; k < sizeof scores / sizeof *scores; k++) { sheet_number(s, p->mean[scores[k]].mean); }
        sheet_number(s, p->probe.mean);
        choice_remark(c, i, words, sizeof words);
        if (p->diverged) {
            sheet_format(s, "%d of %d diverged  %s", p->diverged, p->models, words);
        } else {
            sheet_format(s, "%s", words);
        }
        sheet_format(s, "%s", words);
    }
}

void choice_text(const choice *c, text *out) {
    sheet s;
    if (!c->points) { return; }
    choice_sheet(c, &s);
    sheet_text(&s, out);
    sheet_free(&s);
    text_add(out, "(on the validation rows, means over views and seeds)\n\n");
}

static void csv_cell(text *out, isk_estimate estimate) {
    const double value[2] = { estimate.mean, estimate.error };
    for (int i = 0; i < 2; i++) {
        text_add(out, ",");
        if (isfinite(value[i])) { text_number(out, value[i], 9); }
    }
}

void choice_csv(const choice *c, text *out) {
    static const char *const where[ISK_MAX_VIEWS + 1] = { "", "_1", "_2", "_3", "_4" };
    text_add(out, "lambda,models,diverged");
    for (int v = 0; v <= c->views; v++) {
        for (int k = 0; k < ISK_TRADEOFF_COUNT; k++) {
            text_format(out, ",%s%s,%s%s_error", score_keys[k], where[v], score_keys[k], where[v]);
        }
    }
    text_add(out, ",probe,probe_error,remark\n");
    for (int i = 0; i < c->report.points; i++) {
        const isk_tradeoff_point *p = &c->points[i];
        char words[64];
        text_number(out, p->lambda, 9);
        text_format(out, ",%d,%d", p->models, p->diverged);
        for (int v = 0; v <= c->views; v++) {
            for (int k = 0; k < ISK_TRADEOFF_COUNT; k++) { csv_cell(out, v ? p->view[v - 1][k] : p->mean[k]); }
        }
        csv_cell(out, p->probe);
        text_format(out, ",\"%s\"\n", choice_remark(c, i, words, sizeof words));
    }
}

static void json_estimate(text *out, const char *key, isk_estimate estimate) {
    text_json_key(out, key);
    text_add(out, "{");
    text_json_member(out, "mean", estimate.mean);
    text_json_member(out, "error", estimate.error);
    text_add(out, "}");
}

static void json_lambda(const choice *c, const char *key, int point, text *out) {
    text_json_member(out, key, point < 0 ? NAN : c->points[point].lambda);
}

void choice_json(const choice *c, text *out) {
    static const char *const view[ISK_MAX_VIEWS] = { "1", "2", "3", "4" };
    if (!c->points) { return; }
    text_add(out, "\n  ");
    text_json_key(out, "tradeoff");
    text_add(out, "{");
    text_json_key(out, "kept_by");
    text_json_string(out, c->by);
    json_lambda(c, "kept", c->point, out);
    json_lambda(c, "knee", c->report.knee, out);
    json_lambda(c, "best_probe", c->report.best_probe, out);
    text_json_key(out, "points");
    text_add(out, "[");
    for (int i = 0; i < c->report.points; i++) {
        const isk_tradeoff_point *p = &c->points[i];
        text_add(out, i ? ",\n    {" : "\n    {");
        json_lambda(c, "lambda", i, out);
        text_json_key(out, "models");
        text_format(out, "%d", p->models);
        text_json_key(out, "diverged");
        text_format(out, "%d", p->diverged);
        for (int k = 0; k < ISK_TRADEOFF_COUNT; k++) { json_estimate(out, score_keys[k], p->mean[k]); }
        json_estimate(out, "probe", p->probe);
        for (int v = 0; v < c->views; v++) {
            text_add(out, "\n      ");
            text_json_key(out, view[v]);
            text_add(out, "{");
            for (int k = 0; k < ISK_TRADEOFF_COUNT; k++) { json_estimate(out, score_keys[k], p->view[v][k]); }
            text_add(out, "}");
        }
        text_add(out, "}");
    }
    text_add(out, "]}");
}
