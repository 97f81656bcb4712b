#include "integration.h"

#include "../base/blocks.h"
#include "../base/fail.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- outputs ---- */

/* An output of one view may have its number behind its name. */
static const isk_output_info *find_output(const isk_model *model, const char *name) {
    const size_t length = strlen(name);
    for (int i = 0; i < isk_model_output_count(model); i++) {
        const isk_output_info *info = isk_model_output(model, i);
        if (strncmp(info->name, name, length) == 0 && (!info->name[length] || strcmp(info->name + length, "1") == 0)) { return info; }
    }
    return NULL;
}

const char *integrated_output(const isk_model *model, const char *name) {
    const isk_output_info *info = find_output(model, name);
    return info ? info->name : NULL;
}

/* Room for an output and its place in the list; absent ones are passed over. */
static isk_status ask_for(const isk_model *model, const char *name, const gathered *g, isk_matrix *to, isk_output *out, int *count) {
    const isk_output_info *info = find_output(model, name);
    isk_scalar *values;
    if (!info) { return ISK_OK; }
    values = g->c.rows < PTRDIFF_MAX / (int64_t)sizeof *values / (info->cols + 1) ?
             malloc(sizeof *values * ((size_t)g->c.rows * (size_t)info->cols + 1)) : NULL;
    if (!values) { return no_memory(g->context, name); }
    *to = (isk_matrix){ values, g->c.rows, info->cols };
    out[(*count)++] = (isk_output){ info->name, values };
    return ISK_OK;
}

isk_status integrated_check_batch(isk_context *context, const names *levels, const char *as_batch) {
    nearest best = nearest_to(as_batch ? as_batch : "");
    if (!as_batch || strcmp(as_batch, "mean") == 0 || names_find(levels, as_batch) >= 0) { return ISK_OK; }
    for (int64_t i = 0; i < levels->count; i++) { nearest_consider(&best, names_get(levels, i)); }
    return isk_set_error(context, ISK_ARGUMENT, "--as-batch: '%s' is no batch that the model was trained on, nor mean%s%s%s", as_batch,
                         best.word ? "; did you mean '" : "", best.word ? best.word : "", best.word ? "'?" : "");
}

/* What the decoder gives where all cells are of batch `level` (-1: of their own); added to sum [rows, cols]. */
static isk_status decode_at(const isk_model *model, const gathered *g, int64_t level, isk_matrix to, double weight, double *sum) {
    const int64_t levels = gathered_levels(g, GATHERED_BATCH)->count;
    isk_scalar *batch = calloc((size_t)(g->c.rows * levels) + 1, sizeof *batch);
    isk_transform_desc desc = { .views = { gathered_view(g) }, .out = { { integrated_output(model, "denoised"),
                                                                         (isk_scalar *)(uintptr_t)to.data } } };
    isk_status status;
    if (!batch) { return no_memory(g->context, "denoised"); }
    for (int64_t i = 0; i < g->c.rows && level >= 0; i++) { batch[i * levels + level] = 1; }
    gathered_give(g, desc.extras);
    for (int i = 0; desc.extras[i].name && level >= 0; i++) {
        if (strcmp(desc.extras[i].name, "batch") == 0) { desc.extras[i].values.data = batch; }
    }
    status = isk_transform(model, &desc);
    for (int64_t k = 0; k < to.rows * to.cols && sum && status == ISK_OK; k++) { sum[k] += weight * (double)to.data[k]; }
    free(batch);
    return status;
}

static isk_status make_denoised(integrated *made, const isk_model *model, const gathered *g, const char *as_batch) {
    const names *levels = gathered_levels(g, GATHERED_BATCH);
    const int mean = as_batch && strcmp(as_batch, "mean") == 0 && names_find(levels, "mean") < 0;
    isk_output unused[1];
    int none = 0;
    double *sum = NULL;
    isk_scalar *values;
    isk_status status = integrated_check_batch(g->context, levels, as_batch);
    if (status == ISK_OK) { status = ask_for(model, "denoised", g, &made->denoised, unused, &none); }
    if (status != ISK_OK || !made->denoised.data) { return status; }
    if (!mean) {
        status = decode_at(model, g, as_batch ? names_find(levels, as_batch) : -1, made->denoised, 1, NULL);
    } else {
        sum = calloc((size_t)(made->denoised.rows * made->denoised.cols) + 1, sizeof *sum);
        if (!sum) { status = no_memory(g->context, "denoised"); }
        for (int64_t level = 0; level < levels->count && status == ISK_OK; level++) {
            status = decode_at(model, g, level, made->denoised, 1 / (double)levels->count, sum);
        }
    }
    values = (isk_scalar *)(uintptr_t)made->denoised.data;
    for (int64_t k = 0; k < made->denoised.rows * made->denoised.cols && status == ISK_OK; k++) {
        if (sum) { values[k] = (isk_scalar)sum[k]; }
        if (g->counts) { values[k] *= 10000; }
    }
    free(sum);
    return status;
}

static isk_status predict(integrated *made, isk_context *context) {
    const isk_matrix p = made->label;
    if (!p.data) { return ISK_OK; }
    made->predicted = malloc(sizeof *made->predicted * ((size_t)p.rows + 1));
    made->probability = malloc(sizeof *made->probability * ((size_t)p.rows + 1));
    if (!made->predicted || !made->probability) { return no_memory(context, "the predicted labels"); }
    for (int64_t i = 0; i < p.rows; i++) {
        int64_t best = 0;
        for (int64_t k = 1; k < p.cols; k++) { best = p.data[i * p.cols + k] > p.data[i * p.cols + best] ? k : best; }
        made->predicted[i] = (int32_t)best;
        made->probability[i] = (double)p.data[i * p.cols + best];
    }
    return ISK_OK;
}

/* Can a cell's latents be had without any covariate? */
static int sees_known(const isk_model *model, const gathered *g, int64_t cols) {
    isk_scalar *values = malloc(sizeof *values * ((size_t)cols + 1));
    isk_transform_desc desc = { .views = { gathered_view(g) }, .out = { { integrated_output(model, "invariant"), values } } };
    isk_status status;
    if (!values) { return 0; }
    desc.views[0].x.rows = 1;
    status = isk_transform(model, &desc);
    free(values);
    return status == ISK_ARGUMENT;
}

isk_status integrated_make(integrated *made, isk_context *context, const isk_model *model, const gathered *g, int denoised,
                           const char *as_batch) {
    isk_transform_desc desc = { .views = { gathered_view(g) } };
    isk_status status;
    int count = 0;
    memset(made, 0, sizeof *made);
    gathered_give(g, desc.extras);
    status = ask_for(model, "invariant", g, &made->invariant, desc.out, &count);
    if (status == ISK_OK) { status = ask_for(model, "spurious", g, &made->spurious, desc.out, &count); }
    if (status == ISK_OK) { status = ask_for(model, "label", g, &made->label, desc.out, &count); }
    if (status == ISK_OK) { status = isk_transform(model, &desc); }
    if (status == ISK_OK) { status = predict(made, context); }
    if (status == ISK_OK && made->invariant.data) { made->sees_known = sees_known(model, g, made->invariant.cols); }
    return status == ISK_OK && denoised ? make_denoised(made, model, g, as_batch) : status;
}

void integrated_free(integrated *made) {
    matrix_free(made->invariant);
    matrix_free(made->spurious);
    matrix_free(made->label);
    matrix_free(made->denoised);
    free(made->predicted);
    free(made->probability);
    memset(made, 0, sizeof *made);
}

/* ---- before ---- */

static isk_status make_components(integration *n, isk_context *context, const gathered *g) {
    const int64_t rows = g->c.rows, cols = g->genes.names.count;
    int64_t most = rows - 1 < cols ? rows - 1 : cols;
    isk_scalar *values = malloc(sizeof *values * ((size_t)(rows * cols) + 1)), *mean = malloc(sizeof *mean * ((size_t)cols + 1)), *loadings;
    isk_status status = values && mean ? ISK_OK : no_memory(context, "the components");
    most = most < MOST_COMPONENTS ? most : MOST_COMPONENTS;
    loadings = malloc(sizeof *loadings * ((size_t)(cols * most) + 1));
    n->own = malloc(sizeof *n->own * ((size_t)(rows * most) + 1));
    if (!loadings || !n->own) { status = no_memory(context, "the components"); }
    for (int64_t i = 0; i < rows && status == ISK_OK; i++) {
        const isk_scalar *from = g->x + i * cols;
        double sum = 0;
        for (int64_t k = 0; k < cols && g->counts; k++) { sum += (double)from[k]; }
        for (int64_t k = 0; k < cols; k++) {
            values[i * cols + k] = !g->counts ? from[k] : sum > 0 ? (isk_scalar)log1p(1e4 * (double)from[k] / sum) : 0;
        }
    }
    if (status == ISK_OK) {
        status = isk_pca(context, &(isk_pca_desc){ .x = { values, rows, cols }, .k = (int)most, .seed = g->s->seed, .mean = mean,
                                                   .components = loadings });
    }
    if (status == ISK_OK) { status = isk_pca_transform(context, (isk_matrix){ values, rows, cols }, mean, loadings, (int)most, n->own); }
    if (status == ISK_OK) { n->of[INTEGRATION_BEFORE] = (isk_matrix){ n->own, rows, most }; }
    free(values);
    free(mean);
    free(loadings);
    return status;
}

/* ---- what can be told ---- */

/* Codes as columns, one for each level. */
static isk_scalar *one_hot(const int32_t *codes, int64_t rows, int64_t levels) {
    isk_scalar *values = calloc((size_t)(rows * levels) + 1, sizeof *values);
    for (int64_t i = 0; i < rows && values; i++) {
        if (codes[i] >= 0) { values[i * levels + codes[i]] = 1; }
    }
    return values;
}

/* What cannot be measured, as of one level alone, is NaN. */
static isk_status tell(isk_context *context, const isk_regression_desc *desc, isk_status (*way)(isk_context *, const isk_regression_desc *,
                                                                                             double *), double *r2) {
    const isk_status status = way(context, desc, r2);
    if (status != ISK_OK) { *r2 = NAN; }
    return status == ISK_MEMORY || status == ISK_INTERRUPTED ? status : ISK_OK;
}

/* R^2 of codes from each matrix, of most cells that have a code: 70 % of them to fit, others to score.  Of more than MOST_ASKED so many. */
static isk_status tell_codes(integration *n, isk_context *context, const gathered *g, const int32_t *codes, int64_t levels,
                             double values[INTEGRATION_ROWS][2]) {
    enum { MOST_ASKED = 10000 };
    const int64_t rows = g->c.rows;
    uint8_t *part = malloc((size_t)rows + 1);
    isk_scalar *y = one_hot(codes, rows, levels);
    const double used = rows > MOST_ASKED ? MOST_ASKED / (double)rows : 1;
    isk_status status = part && y ? ISK_OK : no_memory(context, "the scores");
    if (status == ISK_OK) {         /* validation rows are those that are not asked */
        status = isk_split(context, &(isk_split_desc){ .rows = rows, .labels = codes, .validation = 1 - used, .test = 0.3 * used,
                                                       .seed = g->s->seed, .part = part });
    }
    n->asked = 0;
    for (int64_t i = 0; i < rows && status == ISK_OK; i++) {
        if (codes[i] < 0) { part[i] = ISK_VALIDATION; }
        n->asked += part[i] == ISK_TEST;
    }
    for (int k = 0; k < INTEGRATION_ROWS && status == ISK_OK; k++) {
        const isk_regression_desc desc = { .x = n->of[k], .y = { y, rows, levels }, .part = part, .seed = g->s->seed };
        if (!desc.x.data) { continue; }
        status = tell(context, &desc, isk_ridge_r2, &values[k][0]);
        if (status == ISK_OK) { status = tell(context, &desc, isk_mlp_r2, &values[k][1]); }
    }
    free(part);
    free(y);
    return status;
}

/* Labels that training was not told, by a logistic regression fitted on those that it was told, and by the model itself. */
static isk_status tell_hidden(integration *n, isk_context *context, const gathered *g, const integrated *made) {
    const int64_t rows = g->c.rows, types = gathered_levels(g, GATHERED_LABEL)->count;
    uint8_t *part = malloc((size_t)rows + 1);
    int32_t *truth = malloc(sizeof *truth * ((size_t)rows + 1)), *guess = malloc(sizeof *guess * ((size_t)rows + 1));
    int64_t *sizes = calloc((size_t)types + 1, sizeof *sizes), most = 0, best = 0;
    isk_status status = part && truth && guess && sizes ? ISK_OK : no_memory(context, "the scores");
    for (int64_t i = 0; i < rows && status == ISK_OK; i++) {
        const int hidden = g->hidden && g->hidden[i];
        part[i] = hidden ? ISK_TEST : ISK_TRAIN;
        truth[i] = hidden ? g->types[i] : -1;
        if (!hidden && g->types[i] >= 0) { sizes[g->types[i]]++; }
    }
    for (int64_t k = 0; k < types && status == ISK_OK; k++) {
        if (sizes[k] > most) {
            most = sizes[k];
            best = k;
        }
    }
    for (int64_t i = 0; i < rows && status == ISK_OK; i++) { guess[i] = (int32_t)best; }
    if (status == ISK_OK) { status = isk_score_labels(context, truth, guess, rows, (int)types, NULL, &n->majority, NULL); }
    if (status == ISK_OK && made->predicted) {
        status = isk_score_labels(context, truth, made->predicted, rows, (int)types, NULL, &n->told_accuracy, &n->told_balanced);
    }
    for (int k = 0; k < INTEGRATION_ROWS && status == ISK_OK; k++) {
        isk_probe_report r;
        if (!n->of[k].data) { continue; }
        status = isk_probe(context, &(isk_probe_desc){ .x = n->of[k], .labels = g->types, .part = part, .standardize = 1 }, &r);
        if (status == ISK_OK) {
            n->accuracy[k] = r.accuracy;
            n->balanced[k] = r.balanced_accuracy;
        }
    }
    n->hidden = g->hidden_count;
    free(part);
    free(truth);
    free(guess);
    free(sizes);
    return status;
}

/* Types whose cells are all of one batch. */
static isk_status find_alone(integration *n, isk_context *context, const gathered *g) {
    const names *types = gathered_levels(g, GATHERED_LABEL);
    int32_t *only = malloc(sizeof *only * ((size_t)types->count + 1));
    int done = only != NULL;
    for (int64_t k = 0; k < types->count && done; k++) { only[k] = -1; }
    for (int64_t i = 0; i < g->c.rows && done; i++) {
        const int32_t type = g->types[i], batch = g->batches[i];
        if (type < 0 || batch < 0) { continue; }
        only[type] = only[type] == -1 || only[type] == batch ? batch : -2;
    }
    for (int64_t k = 0; k < types->count && done; k++) { done = only[k] < 0 || names_add(&n->alone, names_get(types, k)); }
    free(only);
    return done ? ISK_OK : no_memory(context, "the scores");
}

/* ---- the ten metrics ---- */

static void ten_unknown(isk_integration_report *r) {
    memset(r, 0, sizeof *r);
    for (int i = 0; i < ISK_INTEGRATION_COUNT; i++) { r->numbers[i].value = NAN; }
    r->batch = r->bio = r->total = NAN;
}

/* Of the rows of that number.  What such rows do not allow, as few cells, is unknown. */
static isk_status judge_rows(const integration *n, isk_context *context, const gathered *g, const int64_t *index, int64_t count,
                             integration_ten *ten) {
    static const integration_of of[2] = { INTEGRATION_BEFORE, INTEGRATION_INVARIANT };
    const isk_matrix before = n->of[INTEGRATION_BEFORE];
    isk_scalar *x[2] = { NULL, NULL };
    int32_t *codes = malloc(sizeof *codes * 2 * ((size_t)count + 1)), *batches = codes + count;
    isk_status status = codes ? ISK_OK : no_memory(context, "the metrics");
    ten->cells = count;
    for (int k = 0; k < 2; k++) {
        ten_unknown(&ten->report[k]);
        x[k] = malloc(sizeof **x * ((size_t)(count * n->of[of[k]].cols) + 1));
        if (!x[k]) { status = no_memory(context, "the metrics"); }
        if (status == ISK_OK) { pick_rows(n->of[of[k]], index, count, x[k]); }
    }
    for (int64_t i = 0; i < count && status == ISK_OK; i++) {
        codes[i] = g->types ? g->types[index[i]] : -1;
        batches[i] = g->batches[index[i]];
    }
    for (int k = 0; k < 2 && status == ISK_OK; k++) {
        status = isk_integration(context, &(isk_integration_desc){ .x = { x[k], count, n->of[of[k]].cols },
                                                                   .labels = g->types ? codes : NULL, .batches = batches,
                                                                   .before = { x[0], count, before.cols }, .seed = g->s->seed },
                                 &ten->report[k]);
        if (status != ISK_OK) { ten_unknown(&ten->report[k]); }
        if (status != ISK_MEMORY && status != ISK_INTERRUPTED) { status = ISK_OK; }
    }
    free(x[0]);
    free(x[1]);
    free(codes);
    return status;
}

/* Which cells: those that are asked for, or so many of them that are drawn, of every batch alike. */
static isk_status judge(integration *n, isk_context *context, const gathered *g, const uint8_t *only, integration_ten *ten) {
    const int64_t rows = g->c.rows;
    int64_t *index = malloc(sizeof *index * ((size_t)rows + 1)), asked = 0, count = 0;
    uint8_t *part = calloc((size_t)rows + 1, 1);
    isk_status status = index && part ? ISK_OK : no_memory(context, "the metrics");
    for (int64_t i = 0; i < rows; i++) { asked += !only || only[i]; }
    if (status == ISK_OK && asked > MOST_JUDGED) {
        status = isk_split(context, &(isk_split_desc){ .rows = rows, .labels = g->batches, .test = 1 - MOST_JUDGED / (double)asked,
                                                       .seed = g->s->seed, .part = part });
    }
    for (int64_t i = 0; i < rows && status == ISK_OK; i++) {
        if ((!only || only[i]) && part[i] == ISK_TRAIN) { index[count++] = i; }
    }
    if (status == ISK_OK && count && n->of[INTEGRATION_INVARIANT].data) { status = judge_rows(n, context, g, index, count, ten); }
    free(index);
    free(part);
    return status;
}

/* The next of the scores: the bar, and whether all is well and nobody has stopped it. */
static int goes_on(const gathered *g, double fraction, isk_status *status) {
    progress_show(g->bar, fraction, "scoring");
    if (*status == ISK_OK && progress_stopped()) { *status = isk_set_error(g->context, ISK_INTERRUPTED, "stopped while scoring"); }
    return *status == ISK_OK;
}

isk_status integration_make(integration *n, isk_context *context, const gathered *g, const integrated *made) {
    isk_status status;
    memset(n, 0, sizeof *n);
    for (int k = 0; k < INTEGRATION_ROWS; k++) {
        n->batch[k][0] = n->batch[k][1] = n->label[k][0] = n->label[k][1] = n->accuracy[k] = n->balanced[k] = NAN;
    }
    n->told_accuracy = n->told_balanced = n->majority = NAN;
    n->of[INTEGRATION_INVARIANT] = made->invariant;
    n->of[INTEGRATION_SPURIOUS] = made->spurious;
    status = make_components(n, context, g);
    if (goes_on(g, 0.1, &status) && g->types) {
        status = tell_codes(n, context, g, g->types, gathered_levels(g, GATHERED_LABEL)->count, n->label);
    }
    if (goes_on(g, 0.25, &status)) { status = tell_codes(n, context, g, g->batches, gathered_levels(g, GATHERED_BATCH)->count, n->batch); }
    if (goes_on(g, 0.4, &status) && g->hidden_count) { status = tell_hidden(n, context, g, made); }
    if (goes_on(g, 0.5, &status)) { status = judge(n, context, g, NULL, &n->ten[INTEGRATION_ALL]); }
    if (goes_on(g, 0.9, &status) && g->hidden_count) { status = judge(n, context, g, g->hidden, &n->ten[INTEGRATION_HIDDEN]); }
    if (status == ISK_OK && g->types) { status = find_alone(n, context, g); }
    progress_end(g->bar);
    return status;
}

void integration_free(integration *n) {
    free(n->own);
    names_free(&n->alone);
    memset(n, 0, sizeof *n);
}

/* ---- tables and words ---- */

const char *integration_words(integration_of of) {
    static const char *const words[INTEGRATION_ROWS] = { "PCA of the counts", "X_invae", "X_invae_spurious" };
    return words[of];
}

static const char *const keys[INTEGRATION_ROWS] = { "before", "invariant", "spurious" };

void integration_sheet(const integration *n, int has_labels, sheet_column columns[INTEGRATION_COLUMNS], sheet *s) {
    static const sheet_column all[INTEGRATION_COLUMNS] = {
        { .key = "embedding", .words = "what of", .title = "embedding" },
        { .key = "batch_ridge", .words = "batch, ridge", .title = "batch, R² by ridge", .form = SHEET_BAR },
        { .key = "batch_mlp", .words = "batch, MLP", .title = "batch, R² by a network", .form = SHEET_BAR },
        { .key = "label_ridge", .words = "label, ridge", .title = "label, R² by ridge", .form = SHEET_BAR },
        { .key = "label_mlp", .words = "label, MLP", .title = "label, R² by a network", .form = SHEET_BAR },
        { .key = "hidden_accuracy", .words = "hidden labels", .title = "hidden labels, accuracy", .form = SHEET_BAR },
        { .key = "hidden_balanced", .words = "balanced", .title = "balanced", .form = SHEET_BAR },
    };
    memcpy(columns, all, sizeof all);
    *s = (sheet){ .columns = columns, .column_count = !has_labels ? 3 : n->hidden ? INTEGRATION_COLUMNS : 5 };
    for (int k = 0; k < INTEGRATION_ROWS; k++) {
        const double values[] = { n->batch[k][0], n->batch[k][1], n->label[k][0], n->label[k][1], n->accuracy[k], n->balanced[k] };
        if (!n->of[k].data) { continue; }
        sheet_row(s);
        sheet_words(s, integration_words((integration_of)k));
        for (int i = 0; i + 1 < s->column_count; i++) { sheet_number(s, values[i]); }
    }
}

/* The metrics, then their means: name and value of row i; 0 beyond the last. */
static int ten_row(const isk_integration_report *r, int i, const char **name, double *value) {
#define METRIC_NAME(id, key, words) key,
    static const char *const names_of[] = { ISK_INTEGRATION_LIST(METRIC_NAME) "batch", "bio", "total" };
#undef METRIC_NAME
    const double means[] = { r->batch, r->bio, r->total };
    if (i >= ISK_INTEGRATION_COUNT + 3) { return 0; }
    *name = names_of[i];
    *value = i < ISK_INTEGRATION_COUNT ? r->numbers[i].value : means[i - ISK_INTEGRATION_COUNT];
    return 1;
}

void integration_ten_sheet(const integration *n, sheet_column columns[TEN_COLUMNS], sheet *s) {
    static const sheet_column all[TEN_COLUMNS] = {
        { .key = "metric", .words = "metric", .title = "metric" },
        { .key = "before", .words = "before", .title = "PCA of the counts", .form = SHEET_BAR },
        { .key = "after", .words = "after", .title = "X_invae", .form = SHEET_BAR },
        { .key = "hidden_before", .words = "hidden, before", .title = "PCA, cells of hidden labels", .form = SHEET_BAR },
        { .key = "hidden_after", .words = "hidden, after", .title = "X_invae, cells of hidden labels", .form = SHEET_BAR },
    };
    const char *name;
    double value;
    memcpy(columns, all, sizeof all);
    *s = (sheet){ .columns = columns, .column_count = !n->ten[INTEGRATION_ALL].cells ? 1 : n->ten[INTEGRATION_HIDDEN].cells ? 5 : 3 };
    for (int i = 0; n->ten[INTEGRATION_ALL].cells && ten_row(&n->ten[INTEGRATION_ALL].report[0], i, &name, &value); i++) {
        sheet_row(s);
        sheet_words(s, name);
        for (int k = 0; k < (s->column_count - 1) / 2; k++) {
            for (int side = 0; side < 2; side++) {
                ten_row(&n->ten[k].report[side], i, &name, &value);
                sheet_number(s, value);
            }
        }
    }
}

static void ten_json(const integration *n, text *out) {
    static const char *const of[INTEGRATION_CELLS] = { "all", "hidden" }, *const sides[2] = { "before", "after" };
    text_add(out, "\n  ");
    text_json_key(out, "integration");
    text_add(out, "{");
    for (int k = 0; k < INTEGRATION_CELLS; k++) {
        if (!n->ten[k].cells) { continue; }
        text_add(out, "\n    ");
        text_json_key(out, of[k]);
        text_add(out, "{");
        text_json_member(out, "cells", (double)n->ten[k].cells);
        for (int side = 0; side < 2; side++) {
            const char *name;
            double value;
            text_json_key(out, sides[side]);
            text_add(out, "{");
            for (int i = 0; ten_row(&n->ten[k].report[side], i, &name, &value); i++) {
                text_json_member(out, name, value);
            }
            text_add(out, "}");
        }
        text_add(out, "}");
    }
    text_add(out, "}");
}

void integration_json(const integration *n, int has_labels, text *out) {
    for (int k = 0; k < INTEGRATION_ROWS; k++) {
        if (!n->of[k].data) { continue; }
        text_add(out, "\n  ");
        text_json_key(out, keys[k]);
        text_add(out, "{");
        text_json_member(out, "batch_ridge", n->batch[k][0]);
        text_json_member(out, "batch_mlp", n->batch[k][1]);
        if (has_labels) {
            text_json_member(out, "label_ridge", n->label[k][0]);
            text_json_member(out, "label_mlp", n->label[k][1]);
        }
        if (n->hidden) {
            text_json_member(out, "hidden_accuracy", n->accuracy[k]);
            text_json_member(out, "hidden_balanced", n->balanced[k]);
        }
        text_add(out, "}");
    }
    if (n->hidden) {
        text_add(out, "\n  ");
        text_json_key(out, "predicted");
        text_add(out, "{");
        text_json_member(out, "hidden_labels", (double)n->hidden);
        text_json_member(out, "accuracy", n->told_accuracy);
        text_json_member(out, "balanced", n->told_balanced);
        text_json_member(out, "majority", n->majority);
        text_add(out, "}");
    }
    ten_json(n, out);
    text_add(out, "\n  ");
    text_json_key(out, "labels_of_one_batch");
    text_add(out, "[");
    for (int64_t i = 0; i < n->alone.count; i++) {
        text_add(out, i ? ", " : "");
        text_json_string(out, names_get(&n->alone, i));
    }
    text_add(out, "]");
}

void integration_caveats(const integration *n, const gathered *g, const integrated *made, text *out) {
    char number[32];
    if (made->sees_known && g->types) {
        text_add(out, "The labels were inputs of this embedding: scores of label conservation on the same labels are not evidence. ");
    }
    if (!g->types) {
        text_add(out, "There are no labels, so that nothing says whether what differs between batches is biology or batch. ");
        return;
    }
    if (n->hidden) {
        text_format(out, "Labels given in training are not evidence: scores of labels are of the %lld cells whose labels were hidden from "
                    "it. ",
                    (long long)n->hidden);
        if (isfinite(n->told_accuracy)) {
            text_format(out, "Of these the model names %s right", fixed(n->told_accuracy, 3, number));
            text_format(out, " (balanced %s; ", fixed(n->told_balanced, 3, number));
            text_format(out, "always the most frequent type: %s). ", fixed(n->majority, 3, number));
        }
    } else {
        text_add(out, "All labels were given in training: no score of labels is evidence; --hide-labels 0.1 keeps some for that. ");
    }
    for (int64_t i = 0; i < n->alone.count; i++) {
        text_format(out, "%s%s", i ? ", " : n->alone.count == 1 ? "This type occurs in one batch only and cannot be told apart from "
                    "batch: " :
                    "These types occur in one batch only and cannot be told apart from batch: ", names_get(&n->alone, i));
    }
    if (n->alone.count) { text_add(out, ". "); }
}

void integration_text(const integration *n, int has_labels, text *out) {
    sheet_column columns[INTEGRATION_COLUMNS], ten[TEN_COLUMNS];
    sheet s;
    if (n->ten[INTEGRATION_ALL].cells) {
        integration_ten_sheet(n, ten, &s);
        text_format(out, "ten metrics of integration, before (PCA of the counts) and after (X_invae), on %lld cells",
                    (long long)n->ten[INTEGRATION_ALL].cells);
        if (n->ten[INTEGRATION_HIDDEN].cells) {
            text_format(out, " and on the %lld whose labels were hidden", (long long)n->ten[INTEGRATION_HIDDEN].cells);
        }
        text_add(out, "\n");
        sheet_text(&s, out);
        sheet_free(&s);
        text_add(out, "\n");
    }
    integration_sheet(n, has_labels, columns, &s);
    text_format(out, "what of the batch%s can be told (R2 on %lld cells, 1 all, 0 nothing)%s\n", has_labels ? " and the labels" : "",
                (long long)n->asked, n->hidden ? ", and how many hidden labels" : "");
    sheet_text(&s, out);
    sheet_free(&s);
}
