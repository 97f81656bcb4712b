#include "truth.h"

#include <math.h>
#include <stdlib.h>

/* Classes as indicators [rows, classes], to be freed; NULL without memory. */
static isk_scalar *indicators(const truth *t, int64_t rows) {
    isk_scalar *values = calloc((size_t)rows * (size_t)t->classes + 1, sizeof *values);
    for (int64_t i = 0; i < rows && values; i++) { values[i * t->classes + t->codes[i]] = 1; }
    return values;
}

static isk_status best_r2(isk_context *context, isk_matrix x, isk_matrix y, const uint8_t *part, double *r2) {
    const isk_regression_desc desc = { .x = x, .y = y, .part = part };
    double ridge = NAN, neighbours = NAN;
    isk_status status = isk_ridge_r2(context, &desc, &ridge);
    if (status == ISK_OK) { status = isk_knn_r2(context, &desc, &neighbours); }
    *r2 = fmax(fmax(ridge, neighbours), 0);
    return status;
}

static isk_status score_one(isk_context *context, const truth *t, isk_matrix x, const uint8_t *part, double *r2, double *balanced) {
    isk_probe_report probe = { .balanced_accuracy = NAN };
    isk_matrix y = t->numbers;
    isk_scalar *own = NULL;
    isk_status status = ISK_OK;
    if (!y.data) {
        const isk_probe_desc desc = { .x = x, .labels = t->codes, .part = part, .standardize = 1 };
        own = indicators(t, x.rows);
        y = (isk_matrix){ own, x.rows, t->classes };
        status = own ? isk_probe(context, &desc, &probe) : isk_set_error(context, ISK_MEMORY, "no memory for the classes of %s", t->name);
    }
    if (status == ISK_OK) { status = best_r2(context, x, y, part, r2); }
    *balanced = probe.balanced_accuracy;
    free(own);
    return status;
}

isk_status truth_score(isk_context *context, const truth *truths, int truth_count, const embedding *embeddings, int embedding_count,
                       const uint8_t *part, truth_table *t) {
    isk_status status = ISK_OK;
    if (truth_count > MOST_TRUTHS || embedding_count > MOST_EMBEDDINGS) {
        return isk_set_error(context, ISK_ARGUMENT, "%d truths about %d embeddings are too many: at most %d about %d are scored at once",
                             truth_count, embedding_count, MOST_TRUTHS, MOST_EMBEDDINGS);
    }
    *t = (truth_table){ .truths = truth_count, .embeddings = embedding_count, .truth = truths };
    for (int e = 0; e < embedding_count; e++) { t->names[e] = embeddings[e].name; }
    for (int i = 0; i < truth_count && status == ISK_OK; i++) {
        for (int e = 0; e < embedding_count && status == ISK_OK; e++) {
            status = score_one(context, &truths[i], embeddings[e].x, part, &t->r2[i][e], &t->balanced[i][e]);
        }
    }
    return status;
}

/* ---- forms ---- */

enum { NAME_WIDTH = 34, COLUMN_WIDTH = 9 };

static void pad(text *out, size_t start, int width) {
    while (out->length < start + (size_t)width && !out->failed) { text_add(out, " "); }
}

static void text_row(const truth_table *t, const char *name, const double *values, unsigned ideal, text *out) {
    size_t start = out->length;
    char buffer[32];
    text_format(out, "  %s", name);
    pad(out, start, NAME_WIDTH);
    for (int e = 0; e < t->embeddings; e++) {
        text_format(out, "%*s%s", COLUMN_WIDTH - 1, fixed(values[e], 2, buffer), ideal >> e & 1 ? "*" : " ");
    }
    text_add(out, "\n");
}

void truth_text(const truth_table *t, text *out) {
    size_t start;
    text_add(out, "R^2 on rows not trained on, the better of linear and 10-NN (* should be high, others low)\n");
    start = out->length;
    pad(out, start, NAME_WIDTH);
    for (int e = 0; e < t->embeddings; e++) { text_format(out, "%*s ", COLUMN_WIDTH - 1, t->names[e]); }
    text_add(out, "\n");
    for (int i = 0; i < t->truths; i++) {
        text_row(t, t->truth[i].name, t->r2[i], t->truth[i].ideal, out);
        if (!t->truth[i].numbers.data) { text_row(t, "  as balanced accuracy", t->balanced[i], t->truth[i].ideal, out); }
    }
}

void truth_page(const truth_table *t, text *page) {
    sheet_column columns[MOST_EMBEDDINGS + 1] = { { .title = "what is true" } };
    sheet s = { .columns = columns, .column_count = t->embeddings + 1 };
    for (int e = 0; e < t->embeddings; e++) { columns[e + 1] = (sheet_column){ .title = t->names[e], .form = SHEET_BAR, .decimals = 2 }; }
    for (int i = 0; i < t->truths; i++) {
        for (int balanced = 0; balanced < (t->truth[i].numbers.data ? 1 : 2); balanced++) {
            sheet_row(&s);
            sheet_words(&s, balanced ? "as balanced accuracy" : t->truth[i].name);
            for (int e = 0; e < t->embeddings; e++) { sheet_number(&s, (balanced ? t->balanced : t->r2)[i][e]); }
        }
    }
    page_sheet(page, &s);
    sheet_free(&s);
}

void truth_json(const truth_table *t, text *out) {
    text_json_key(out, "truth");
    text_add(out, "{");
    for (int i = 0; i < t->truths; i++) {
        text_add(out, "\n    ");
        text_json_key(out, t->truth[i].key);
        text_add(out, "{");
        for (int e = 0; e < t->embeddings; e++) {
            text_json_key(out, t->names[e]);
            text_add(out, "{");
            text_json_member(out, "r2", t->r2[i][e]);
            if (!t->truth[i].numbers.data) {
                text_json_member(out, "balanced_accuracy", t->balanced[i][e]);
            }
            text_add(out, "}");
        }
        text_add(out, "}");
    }
    text_add(out, "\n  }");
}
