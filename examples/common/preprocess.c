#include "preprocess.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double seurat_limit = 10;

/* ---- rows ---- */

static isk_status not_negative(const input *in, const char *norm) {
    for (int64_t i = 0; i < in->rows * in->cols; i++) {
        if (in->values[i] < 0) {
            return isk_set_error(
                in->context, ISK_DATA, "%s: row %lld, column %lld is %g; %s takes counts, which are not negative",
                in->path, (long long)(i / in->cols + 1), (long long)(i % in->cols + 1), (double)in->values[i], norm);
        }
    }
    return ISK_OK;
}

/* Seurat's CLR over the features of a cell (margin 2): the sum runs over all, as ln(1 + 0) is 0. */
static isk_status centred_log_ratio(input *in) {
    isk_status status = input_dense(in);
    if (status == ISK_OK) { status = not_negative(in, "clr"); }
    for (int64_t i = 0; i < in->rows && status == ISK_OK; i++) {
        isk_scalar *row = in->values + i * in->cols;
        double sum = 0;
        for (int64_t j = 0; j < in->cols; j++) { sum += log1p((double)row[j]); }
        sum = exp(sum / (double)in->cols);
        for (int64_t j = 0; j < in->cols; j++) { row[j] = (isk_scalar)log1p((double)row[j] / sum); }
    }
    return status;
}

static isk_status normalise_rows(const recipe *r, input *in) {
    isk_status status = ISK_OK;
    if (strcmp(r->norm, "log1p-cp10k") == 0) { status = input_log1p_cp10k(in); }
    if (strcmp(r->norm, "clr") == 0) { status = centred_log_ratio(in); }
    return status == ISK_OK ? input_dense(in) : status;
}

/* ---- columns ---- */

static isk_status learn_moments(recipe *r, const input *in, const uint8_t *part) {
    double *mean = calloc((size_t)in->cols, 2 * sizeof *mean), *square = mean + in->cols, n = 0;
    r->mean = malloc(sizeof *r->mean * (size_t)in->cols);
    r->inverse = malloc(sizeof *r->inverse * (size_t)in->cols);
    if (!mean || !r->mean || !r->inverse) {
        free(mean);
        return no_memory(in->context, in->path);
    }
    for (int64_t i = 0; i < in->rows; i++) {
        if (part[i] != ISK_TRAIN) { continue; }
        n++;
        for (int64_t j = 0; j < in->cols; j++) { mean[j] += (double)in->values[i * in->cols + j]; }
    }
    for (int64_t j = 0; j < in->cols; j++) { mean[j] /= n > 0 ? n : 1; }
    for (int64_t i = 0; i < in->rows; i++) {
        if (part[i] != ISK_TRAIN) { continue; }
        for (int64_t j = 0; j < in->cols; j++) {
            double centred = (double)in->values[i * in->cols + j] - mean[j];
            square[j] += centred * centred;
        }
    }
    for (int64_t j = 0; j < in->cols; j++) {
        double deviation = n > 1 ? sqrt(square[j] / (n - 1)) : 0;
        int constant = !(deviation > 1e-7 * fabs(mean[j])) || deviation < 1e-30;        /* below a float's rounding */
        r->mean[j] = (isk_scalar)mean[j];
        r->inverse[j] = (isk_scalar)(constant ? 0 : 1 / deviation);
        r->constant += constant;
    }
    free(mean);
    return ISK_OK;
}

static void standardise(const recipe *r, input *in) {
    const isk_scalar limit = strcmp(r->norm, "log1p-cp10k") == 0 ? (isk_scalar)seurat_limit : (isk_scalar)INFINITY;
    if (!r->mean) { return; }
    for (int64_t i = 0; i < in->rows; i++) {
        isk_scalar *row = in->values + i * in->cols;
        for (int64_t j = 0; j < in->cols; j++) {
            isk_scalar value = (row[j] - r->mean[j]) * r->inverse[j];
            row[j] = value > limit ? limit : value;
        }
    }
}

/* ---- principal components ---- */

static isk_status learn_components(recipe *r, const input *in, const char *view, const uint8_t *part) {
    isk_matrix x = { in->values, in->rows, in->cols };
    double *variances = malloc(sizeof *variances * (size_t)r->pca), sum = 0;
    int64_t trained = 0, most;
    isk_status status = ISK_OK;
    for (int64_t i = 0; i < in->rows; i++) { trained += part[i] == ISK_TRAIN; }
    most = trained - 1 < in->cols ? trained - 1 : in->cols;
    r->centre = malloc(sizeof *r->centre * (size_t)in->cols);
    r->loadings = malloc(sizeof *r->loadings * (size_t)in->cols * (size_t)r->pca);
    if (r->pca > most) {
        status = isk_set_error(in->context, ISK_ARGUMENT,
                               "--%s-pca is %d, but %lld training rows of %lld columns have at most "
                               "%lld principal components",
                               view, r->pca, (long long)trained, (long long)in->cols, (long long)most);
    } else if (!variances || !r->centre || !r->loadings) {
        status = no_memory(in->context, in->path);
    } else {
        status = isk_pca(in->context, &(isk_pca_desc){ .x = x, .part = part, .k = r->pca, .mean = r->centre,
                                                       .components = r->loadings, .variances = variances });
    }
    for (int i = 0; i < r->pca && status == ISK_OK; i++) { sum += variances[i]; }
    r->scale = (isk_scalar)(sum > 0 ? sqrt(r->pca / sum) : 1);
    free(variances);
    return status;
}

static isk_status project(const recipe *r, input *in, isk_matrix *x, isk_scalar **own) {
    size_t count = (size_t)in->rows * (size_t)r->pca;
    isk_status status;
    *own = malloc(sizeof **own * count);
    if (!*own) { return no_memory(in->context, in->path); }
    status = isk_pca_transform(in->context, *x, r->centre, r->loadings, r->pca, *own);
    for (size_t i = 0; i < count && status == ISK_OK; i++) { (*own)[i] *= r->scale; }
    *x = (isk_matrix){ *own, in->rows, r->pca };
    return status;
}

/* ---- names of features ---- */

/* NULL when the file has none, when memory runs out, or when they would swell the model. */
static char *join_names(const names *n) {
    size_t length = 0, at = 0;
    char *joined;
    for (int64_t i = 0; i < n->count; i++) { length += strlen(names_get(n, i)) + 1; }
    if (!length || length > 1 << 22 || !(joined = malloc(length))) { return NULL; }
    for (int64_t i = 0; i < n->count; i++) {
        size_t size = strlen(names_get(n, i));
        memcpy(joined + at, names_get(n, i), size);
        at += size;
        joined[at++] = i + 1 < n->count ? '\t' : 0;
    }
    return joined;
}

static isk_status check_names(const recipe *r, const input *in) {
    const char *at = r->names;
    if (!at || in->column_names.count == 0) { return ISK_OK; }
    for (int64_t i = 0; i < in->column_names.count; i++) {
        const char *name = names_get(&in->column_names, i);
        size_t length = strcspn(at, "\t");
        if (strlen(name) != length || memcmp(name, at, length) != 0) {
            shown here;
            return isk_set_error(in->context, ISK_DATA,
                                 "%s: feature %lld is '%s' where the model was trained on '%.*s'; bring "
                                 "the features into the same order",
                                 in->path, (long long)i + 1, show(&here, name), length > 60 ? 60 : (int)length, at);
        }
        at += length + (at[length] != 0);
    }
    return ISK_OK;
}

/* ---- the whole ---- */

/* Steps become rows, whose part is that of their row where they are there, and ISK_TEST beyond its length; to be freed. */
static uint8_t *unfold(input *in, const uint8_t *part) {
    uint8_t *parts = malloc((size_t)in->rows * (size_t)in->steps);
    if (!parts) { return NULL; }
    for (int64_t i = 0; i < in->rows; i++) {
        for (int64_t t = 0; t < in->steps; t++) {
            parts[i * in->steps + t] = (uint8_t)(in->lengths && t >= in->lengths[i] ? ISK_TEST : part[i]);
        }
    }
    in->rows *= in->steps;
    in->cols /= in->steps;
    return parts;
}

/* Steps become columns again; beyond a row's length they are zeros. */
static void fold(input *in) {
    in->rows /= in->steps;
    in->cols *= in->steps;
    for (int64_t i = 0; i < in->rows && in->lengths; i++) {
        const int64_t there = in->lengths[i] * (in->cols / in->steps);
        memset(in->values + i * in->cols + there, 0, sizeof *in->values * (size_t)(in->cols - there));
    }
}

static isk_status learn_sequence(recipe *r, input *in, const char *view, const uint8_t *part, isk_matrix *x) {
    uint8_t *parts;
    isk_status status = ISK_OK;
    if (r->pca) {
        return isk_set_error(in->context, ISK_ARGUMENT, "--%s-pca: %s holds sequences, which have no principal components here; leave it out",
                             view, in->path);
    }
    if (strcmp(r->norm, "none") != 0 && strcmp(r->norm, "zscore") != 0) {
        return isk_set_error(in->context, ISK_ARGUMENT, "--%s-norm %s is for counts of a sample; %s holds sequences, which take zscore or none",
                             view, r->norm, in->path);
    }
    parts = unfold(in, part);
    if (!parts) { return no_memory(in->context, in->path); }
    r->steps = in->steps;
    r->cols = in->cols;
    r->scale = 1;
    if (strcmp(r->norm, "none") != 0) { status = learn_moments(r, in, parts); }
    free(parts);
    standardise(r, in);
    fold(in);
    *x = (isk_matrix){ in->values, in->rows, in->cols };
    return status;
}

isk_status recipe_learn(recipe *r, input *in, const char *view, const uint8_t *part, isk_matrix *x, isk_scalar **own) {
    isk_status status;
    if (in->steps) { return learn_sequence(r, in, view, part, x); }
    status = normalise_rows(r, in);
    r->cols = in->cols;
    r->scale = 1;
    r->names = join_names(&in->column_names);
    if (status == ISK_OK && strcmp(r->norm, "none") != 0) { status = learn_moments(r, in, part); }
    if (status != ISK_OK) { return status; }
    standardise(r, in);
    *x = (isk_matrix){ in->values, in->rows, in->cols };
    if (r->pca) {
        status = learn_components(r, in, view, part);
        if (status == ISK_OK) { status = project(r, in, x, own); }
    }
    return status;
}

static isk_status apply_sequence(const recipe *r, input *in, const char *view, isk_matrix *x) {
    if (in->steps != r->steps || in->cols != r->cols * r->steps) {
        return isk_set_error(in->context, ISK_SHAPE, "%s: has %lld samples of %d steps, %lld numbers each; the model was trained on %s of %d "
                             "steps of %lld features", in->path, (long long)in->rows, in->steps ? in->steps : 1,
                             (long long)(in->steps ? in->cols / in->steps : in->cols), view, r->steps, (long long)r->cols);
    }
    in->rows *= in->steps;
    in->cols /= in->steps;
    standardise(r, in);
    fold(in);
    *x = (isk_matrix){ in->values, in->rows, in->cols };
    return ISK_OK;
}

/* Mean over the first `there` steps of a row; NaN without any. */
static void mean_step(const isk_scalar *row, int64_t there, int64_t features, isk_scalar *mean) {
    for (int64_t j = 0; j < features; j++) {
        double sum = 0;
        for (int64_t t = 0; t < there; t++) { sum += (double)row[t * features + j]; }
        mean[j] = (isk_scalar)(there > 0 ? sum / (double)there : NAN);
    }
}

isk_status recipe_summary(const recipe *r, const input *in, isk_matrix x, const uint8_t *present, isk_matrix *summary,
                          isk_scalar **own) {
    const int64_t cols = r->steps ? r->cols : x.cols;
    *summary = x;
    *own = NULL;
    if (!r->steps && !present) { return ISK_OK; }
    *own = malloc(sizeof **own * (size_t)x.rows * (size_t)cols);
    if (!*own) { return no_memory(in->context, in->path); }
    for (int64_t i = 0; i < x.rows; i++) {
        const int64_t steps = !r->steps ? 1 : in->lengths ? in->lengths[i] : r->steps;
        mean_step(x.data + i * x.cols, present && !present[i] ? 0 : steps, cols, *own + i * cols);
    }
    *summary = (isk_matrix){ *own, x.rows, cols };
    return ISK_OK;
}

isk_status recipe_apply(const recipe *r, input *in, const char *view, isk_matrix *x, isk_scalar **own) {
    isk_status status;
    if (r->steps) { return apply_sequence(r, in, view, x); }
    if (in->cols != r->cols || in->steps) {
        return isk_set_error(in->context, ISK_SHAPE,
                             "%s: has %lld samples of %lld features; the model was trained on %lld features "
                             "of %s%s",
                             in->path, (long long)in->rows, (long long)in->cols, (long long)r->cols, view,
                             in->rows == r->cols ? " (is it transposed?)" : "");
    }
    status = check_names(r, in);
    if (status == ISK_OK) { status = normalise_rows(r, in); }
    if (status != ISK_OK) { return status; }
    standardise(r, in);
    *x = (isk_matrix){ in->values, in->rows, in->cols };
    return r->pca ? project(r, in, x, own) : ISK_OK;
}

void recipe_free(recipe *r) {
    free(r->mean);
    free(r->inverse);
    free(r->centre);
    free(r->loadings);
    free(r->names);
    memset(r, 0, sizeof *r);
}

const char *recipe_words(const recipe *r, char buffer[96]) {
    int used = 0;
    if (strcmp(r->norm, "none") == 0) {
        used = snprintf(buffer, 96, "as it is");
    } else {
        used = snprintf(buffer, 96, "%s%sz-score", strcmp(r->norm, "zscore") ? r->norm : "",
                        strcmp(r->norm, "zscore") ? ", " : "");
    }
    if (r->pca) { snprintf(buffer + used, 96 - (size_t)used, ", %d principal components", r->pca); }
    return buffer;
}

/* ---- in the model ---- */

/* "user.x1.mean" */
static const char *key(char buffer[32], int view, const char *name) {
    snprintf(buffer, 32, "user.x%d.%s", view + 1, name);
    return buffer;
}

isk_status recipe_put(const recipe *r, isk_model *model, int view) {
    const struct { const char *name; isk_matrix value;
    } parts[] = {
        { "mean", { r->mean, 1, r->cols } },     { "inverse", { r->inverse, 1, r->cols } },
        { "centre", { r->centre, 1, r->cols } }, { "loadings", { r->loadings, r->cols, r->pca } },
        { "scale", { &r->scale, 1, 1 } },
    };
    char words[128], name[32];
    isk_status status;
    snprintf(words, sizeof words, "norm=%s pca=%d transpose=%d columns=%lld", r->norm, r->pca, r->transpose,
             (long long)r->cols);
    if (r->steps) { snprintf(words + strlen(words), sizeof words - strlen(words), " steps=%d", r->steps); }
    status = isk_model_put_text(model, key(name, view, "recipe"), words);
    if (status == ISK_OK && r->names) { status = isk_model_put_text(model, key(name, view, "names"), r->names); }
    for (size_t i = 0; i < sizeof parts / sizeof *parts && status == ISK_OK; i++) {
        if (parts[i].value.data) { status = isk_model_put(model, key(name, view, parts[i].name), parts[i].value); }
    }
    return status;
}

/* A copy of `count` values, or NULL where the model has none. */
static isk_status get_values(isk_context *context, const isk_model *model, int view, const char *part, int64_t count,
                             isk_scalar **values) {
    char name[32];
    isk_matrix m = isk_model_get(model, key(name, view, part));
    *values = NULL;
    if (!m.rows) { return ISK_OK; }
    if (m.rows * m.cols != count) {
        return isk_set_error(context, ISK_DATA, "the model: %s has %lld values where %lld are due", name,
                             (long long)(m.rows * m.cols), (long long)count);
    }
    *values = malloc(sizeof **values * (size_t)count);
    if (!*values) { return no_memory(context, name); }
    memcpy(*values, m.data, sizeof **values * (size_t)count);
    return ISK_OK;
}

isk_status recipe_get(recipe *r, isk_context *context, const isk_model *model, int view) {
    char name[32];
    const char *words = isk_model_get_text(model, key(name, view, "recipe")), *features;
    isk_scalar *scale = NULL;
    long long cols = 0;
    isk_status status;
    memset(r, 0, sizeof *r);
    if (!words ||
        sscanf(words, "norm=%15s pca=%d transpose=%d columns=%lld steps=%d", r->norm, &r->pca, &r->transpose, &cols, &r->steps) < 4 ||
        cols < 1 || r->pca < 0 || r->steps < 0) {
        return isk_set_error(context, ISK_DATA,
                             "the model does not say how x%d was prepared (%s); was it saved by `indiseek fit`?",
                             view + 1, name);
    }
    r->cols = cols;
    r->scale = 1;
    status = get_values(context, model, view, "mean", cols, &r->mean);
    if (status == ISK_OK) { status = get_values(context, model, view, "inverse", cols, &r->inverse); }
    if (status == ISK_OK) { status = get_values(context, model, view, "centre", cols, &r->centre); }
    if (status == ISK_OK) { status = get_values(context, model, view, "loadings", cols * r->pca, &r->loadings); }
    if (status == ISK_OK) { status = get_values(context, model, view, "scale", 1, &scale); }
    if (scale) { r->scale = *scale; }
    free(scale);
    features = isk_model_get_text(model, key(name, view, "names"));
    if (features && (r->names = malloc(strlen(features) + 1)) != NULL) {
        memcpy(r->names, features, strlen(features) + 1);
    }
    if (status == ISK_OK && (!r->mean != !r->inverse || (r->pca && (!r->centre || !r->loadings)))) {
        status = isk_set_error(context, ISK_DATA, "the model lacks a part of how x%d was prepared", view + 1);
    }
    return status;
}
