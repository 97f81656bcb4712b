#include "preprocess.h"
#include "variable.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double seurat_limit = 10;

static int norm_is(const recipe *r, const char *norm) { return strcmp(r->norm, norm) == 0; }
static int has_zscore(const recipe *r) { return !r->unscaled && !norm_is(r, "none") && !norm_is(r, "tfidf"); }

/* ---- counts ---- */

static isk_status not_negative(const input *in, const char *norm) {
    for (int64_t i = 0; i < in->rows; i++) {
        const input_row row = input_row_of(in, i);
        for (int64_t k = 0; k < row.count; k++) {
            if (row.values[k] < 0) {
                return isk_set_error(
                    in->context, ISK_DATA, "%s: row %lld, column %lld is %g; %s takes counts, which are not negative", in->path,
                    (long long)i + 1, (long long)(row.columns ? row.columns[k] : k) + 1, (double)row.values[k], norm);
            }
        }
    }
    return ISK_OK;
}

/* Which features are kept. */
static isk_status choose_columns(recipe *r, const input *in, const uint8_t *part) {
    isk_status status;
    r->cols = r->file_cols = in->cols;
    if (r->hvg >= in->cols) { r->hvg = 0; }
    if (!r->hvg) { return ISK_OK; }
    status = not_negative(in, "hvg");
    if (status != ISK_OK) { return status; }
    r->columns = malloc(sizeof *r->columns * (size_t)r->hvg);
    if (!r->columns) { return no_memory(in->context, in->path); }
    r->cols = r->hvg;
    return norm_is(r, "tfidf") ? counted_columns(in, part, r->cols, r->columns) : variable_columns(in, part, r->cols, r->columns);
}

/* Makes room for the factors.  Returns that for the sums over columns from which they come, to be freed; NULL: out of memory. */
static double *begin_factors(recipe *r, const input *in) {
    double *sums = calloc((size_t)in->cols + 1, sizeof *sums);
    r->factor = malloc(sizeof *r->factor * (size_t)r->cols);
    if (sums && r->factor) { return sums; }
    free(sums);
    return NULL;
}

/* 10000 training rows / sum of the column, of the features that are kept; 0 where there is no count. */
static isk_status learn_frequencies(recipe *r, const input *in, const uint8_t *part) {
    const double rows = (double)training_rows(in, part);
    double *sums = begin_factors(r, in);
    if (!sums) { return no_memory(in->context, in->path); }
    column_sums(in, part, sums);
    for (int64_t j = 0; j < r->cols; j++) {
        const double sum = sums[r->columns ? r->columns[j] : j];
        r->factor[j] = (isk_scalar)(sum > 0 ? 1e4 * rows / sum : 0);
    }
    free(sums);
    return ISK_OK;
}

/* exp(-mean over the training rows of ln(1 + x)) */
static isk_status learn_ratios(recipe *r, const input *in, const uint8_t *part) {
    const double rows = (double)training_rows(in, part);
    double *sums = begin_factors(r, in);
    if (!sums) { return no_memory(in->context, in->path); }
    for (int64_t i = 0; i < in->rows; i++) {
        for (int64_t j = 0; j < in->cols && part[i] == ISK_TRAIN; j++) { sums[j] += log1p((double)in->values[i * in->cols + j]); }
    }
    for (int64_t j = 0; j < in->cols; j++) { r->factor[j] = (isk_scalar)exp(-sums[j] / (rows > 0 ? rows : 1)); }
    free(sums);
    return ISK_OK;
}

/* ---- rows ---- */

/* Seurat's CLR over the features of a cell (margin 2), of which there are `features`: the sum runs over all, as ln(1 + 0) is 0. */
static void centred_log_ratio(input *in, int64_t features) {
    for (int64_t i = 0; i < in->rows; i++) {
        const input_row row = input_row_of(in, i);
        double sum = 0;
        for (int64_t k = 0; k < row.count; k++) { sum += log1p((double)row.values[k]); }
        sum = exp(sum / (double)features);
        for (int64_t k = 0; k < row.count; k++) { row.values[k] = (isk_scalar)log1p((double)row.values[k] / sum); }
    }
}

static void share_of_row(input *in) {
    for (int64_t i = 0; i < in->rows; i++) {
        const input_row row = input_row_of(in, i);
        double sum = 0;
        for (int64_t k = 0; k < row.count; k++) { sum += (double)row.values[k]; }
        for (int64_t k = 0; k < row.count && sum > 0; k++) { row.values[k] = (isk_scalar)((double)row.values[k] / sum); }
    }
}

static void log_of_multiples(const recipe *r, input *in) {
    for (int64_t i = 0; i < in->rows; i++) {
        isk_scalar *row = in->values + i * in->cols;
        for (int64_t j = 0; j < in->cols; j++) { row[j] = (isk_scalar)log1p((double)row[j] * (double)r->factor[j]); }
    }
}

/* The norm, and of `in` only the columns from[cols] (NULL: all; -1: one that it lacks), dense.  Every norm leaves a zero zero, so that
   what looks at all features of a row works on what is stored.  CLR looks at the features that are kept, unless they were chosen
   among others.  part: learns from it; NULL: applies. */
static isk_status normalize(recipe *r, input *in, const int64_t *from, const uint8_t *part) {
    const int clr = norm_is(r, "clr"), by_feature = norm_is(r, "clr-feature"), tfidf = norm_is(r, "tfidf");
    int64_t there = r->cols;
    isk_status status = clr || by_feature || tfidf ? not_negative(in, r->norm) : ISK_OK;
    for (int64_t k = 0; k < r->cols && from; k++) { there -= from[k] < 0; }
    if (status == ISK_OK && tfidf && part) { status = learn_frequencies(r, in, part); }
    if (status == ISK_OK && norm_is(r, "log1p-cp10k")) { status = input_log1p_cp10k(in); }
    if (status == ISK_OK && clr && r->hvg) { centred_log_ratio(in, in->cols); }
    if (status == ISK_OK && tfidf) { share_of_row(in); }
    if (status == ISK_OK) { status = input_dense_columns(in, from, r->cols); }
    if (status == ISK_OK && by_feature && part) { status = learn_ratios(r, in, part); }
    if (status != ISK_OK) { return status; }
    if (clr && !r->hvg) { centred_log_ratio(in, there); }
    if (r->factor) { log_of_multiples(r, in); }
    return ISK_OK;
}

/* ---- columns ---- */

static isk_status learn_moments(recipe *r, const input *in, const uint8_t *part) {
    double *mean = calloc((size_t)in->cols, 2 * sizeof *mean), *square = mean + in->cols, n = 0;
    r->mean = malloc(sizeof *r->mean * (size_t)in->cols);
    if (has_zscore(r)) { r->inverse = malloc(sizeof *r->inverse * (size_t)in->cols); }
    if (!mean || !r->mean || (has_zscore(r) && !r->inverse)) {
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
        if (!r->inverse) { continue; }
        r->inverse[j] = (isk_scalar)(constant ? 0 : 1 / deviation);
        r->constant += constant;
    }
    free(mean);
    return ISK_OK;
}

static void standardize(const recipe *r, input *in) {
    const isk_scalar limit = !norm_is(r, "zscore") ? (isk_scalar)seurat_limit : (isk_scalar)INFINITY;
    if (!r->inverse) { return; }
    for (int64_t i = 0; i < in->rows; i++) {
        isk_scalar *row = in->values + i * in->cols;
        for (int64_t j = 0; j < in->cols; j++) {
            isk_scalar value = (row[j] - r->mean[j]) * r->inverse[j];
            row[j] = value > limit ? limit : value;
        }
    }
}

/* ---- principal components ---- */

static isk_status project(const recipe *r, const input *in, isk_matrix *x, isk_scalar **own) {
    size_t count = (size_t)in->rows * (size_t)r->pca;
    isk_status status;
    *own = malloc(sizeof **own * count);
    if (!*own) { return no_memory(in->context, in->path); }
    status = isk_pca_transform(in->context, *x, r->centre, r->loadings, r->pca, *own);
    for (size_t i = 0; i < count && status == ISK_OK; i++) { (*own)[i] *= r->scale; }
    *x = (isk_matrix){ *own, in->rows, r->pca };
    return status;
}

/* How many components there can be, and r->pca where it gives way. */
static isk_status count_components(recipe *r, const input *in, const char *view, const uint8_t *part) {
    const int lsi = norm_is(r, "tfidf"), dropped = lsi && !r->keep_first;
    const int64_t trained = training_rows(in, part), rows = lsi ? trained : trained - 1;
    const int64_t most = (rows < in->cols ? rows : in->cols) - dropped, seurat = in->cols - 1 < most ? in->cols - 1 : most;
    if (r->at_most && r->pca > seurat) { r->pca = seurat > 0 ? (int)seurat : 0; }
    if (r->pca <= most) { return ISK_OK; }
    return isk_set_error(in->context, ISK_ARGUMENT, "--%s-pca is %d, but %lld training rows of %lld columns have at most %lld %s "
                                                    "components%s", view,
                         r->pca, (long long)trained, (long long)in->cols, (long long)(most > 0 ? most : 0), lsi ? "singular" : "principal",
                         dropped ? " beside the first" : "");
}

/* Genes are not centred again after the cut, as by Seurat's RunPCA.  More rounds and a wider basis than by default, as hundreds of
   directions of single-cell counts differ little: the first 20 components of 50 then agree with exact ones to 4 digits. */
static isk_status learn_components(recipe *r, const input *in, const uint8_t *part) {
    double *variances = malloc(sizeof *variances * (size_t)r->pca), sum = 0;
    isk_status status;
    r->centre = malloc(sizeof *r->centre * (size_t)in->cols);
    r->loadings = malloc(sizeof *r->loadings * (size_t)in->cols * (size_t)r->pca);
    status = variances && r->centre && r->loadings ? ISK_OK : no_memory(in->context, in->path);
    if (status == ISK_OK) {
        status = isk_pca(in->context, &(isk_pca_desc){ .x = recipe_features(in), .part = part, .k = r->pca, .mean = r->centre,
                                                       .centre = norm_is(r, "log1p-cp10k") && r->inverse ? ISK_NONE : 0,
                                                       .oversampling = 50, .iterations = 12,
                                                       .components = r->loadings, .variances = variances });
    }
    for (int i = 0; i < r->pca && status == ISK_OK; i++) { sum += variances[i]; }
    r->scale = (isk_scalar)(sum > 0 ? sqrt(r->pca / sum) : 1);
    free(variances);
    return status;
}

/* Loadings by the deviations of their scores over the training rows, whose mean is 0. */
static void divide_loadings(recipe *r, const isk_scalar *scores, int64_t rows, const uint8_t *part) {
    for (int k = 0; k < r->pca; k++) {
        double squares = 0, count = 0, deviation;
        for (int64_t i = 0; i < rows; i++) {
            if (part[i] != ISK_TRAIN) { continue; }
            squares += (double)scores[i * r->pca + k] * (double)scores[i * r->pca + k];
            count++;
        }
        deviation = count > 1 ? sqrt(squares / (count - 1)) : 0;
        for (int64_t j = 0; j < r->cols; j++) {
            isk_scalar *loading = &r->loadings[j * r->pca + k];
            *loading = (isk_scalar)(deviation > 1e-30 ? (double)*loading / deviation : 0);
        }
    }
}

/* Latent semantic indexing as Signac's RunSVD: right singular vectors of what is not centred.  Scores of mean 0 and deviation 1 are
   (x - the mean of x) times the vectors divided by the scores' deviations, so that one product makes them of new rows too. */
static isk_status learn_singular(recipe *r, const input *in, const uint8_t *part) {
    const int first = !r->keep_first, all = r->pca + first;
    isk_scalar *vectors = malloc(sizeof *vectors * (size_t)in->cols * (size_t)all), *scores = NULL;
    isk_matrix x = recipe_features(in);
    isk_status status;
    r->centre = malloc(sizeof *r->centre * (size_t)in->cols);
    r->loadings = malloc(sizeof *r->loadings * (size_t)in->cols * (size_t)r->pca);
    status = vectors && r->centre && r->loadings ? ISK_OK : no_memory(in->context, in->path);
    if (status == ISK_OK) {
        status = isk_pca(in->context, &(isk_pca_desc){ .x = x, .part = part, .k = all, .centre = ISK_NONE, .oversampling = 50,
                                                       .iterations = 12, .components = vectors });
    }
    for (int64_t j = 0; j < in->cols && status == ISK_OK; j++) {
        r->centre[j] = r->mean[j];
        for (int k = 0; k < r->pca; k++) { r->loadings[j * r->pca + k] = vectors[j * all + k + first]; }
    }
    free(vectors);
    if (status == ISK_OK) { status = project(r, in, &x, &scores); }
    if (status == ISK_OK) { divide_loadings(r, scores, in->rows, part); }
    free(scores);
    return status;
}

/* ---- names of features ---- */

/* NULL when the file has none, when memory runs out, when they would swell the model, or when one holds a tab. */
static char *join_names(const names *n) {
    size_t length = 0, at = 0;
    char *joined;
    for (int64_t i = 0; i < n->count; i++) {
        length += strlen(names_get(n, i)) + 1;
        if (strchr(names_get(n, i), '\t')) { return NULL; }
    }
    if (!length || length > 1 << 22 || !(joined = malloc(length))) { return NULL; }
    for (int64_t i = 0; i < n->count; i++) {
        size_t size = strlen(names_get(n, i));
        memcpy(joined + at, names_get(n, i), size);
        at += size;
        joined[at++] = i + 1 < n->count ? '\t' : 0;
    }
    return joined;
}

/* The list that join_names has joined. */
static isk_status split_names(const recipe *r, const input *in, names *result) {
    char name[4096];
    memset(result, 0, sizeof *result);
    for (const char *at = r->names; result->count < r->cols; at += strcspn(at, "\t"), at += *at != 0) {
        const int length = (int)strcspn(at, "\t");
        char *longer = length < (int)sizeof name ? name : malloc((size_t)length + 1);
        int added = 0;
        if (longer) {
            memcpy(longer, at, (size_t)length);
            longer[length] = 0;
            added = names_add(result, longer);
        }
        if (longer != name) { free(longer); }
        if (!added) {
            names_free(result);
            return no_memory(in->context, in->path);
        }
    }
    return ISK_OK;
}

typedef struct named { const char *name; int64_t index; } named;

static int by_name(const void *a, const void *b) {
    const named *one = a, *two = b;
    const int order = strcmp(one->name, two->name);
    return order ? order : one->index < two->index ? -1 : one->index > two->index;
}

/* To be freed; NULL without memory. */
static named *sort_names(const names *n) {
    named *sorted = malloc(sizeof *sorted * ((size_t)n->count + 1));
    for (int64_t i = 0; i < n->count && sorted; i++) { sorted[i] = (named){ names_get(n, i), i }; }
    if (sorted) { qsort(sorted, (size_t)n->count, sizeof *sorted, by_name); }
    return sorted;
}

/* from[i]: where due's name i stands in `there`, the second of a name that is twice in its second place; -1: nowhere. */
static isk_status find_names(const input *in, const names *due, int64_t *from) {
    const names *there = &in->column_names;
    named *a = sort_names(due), *b = sort_names(there);
    isk_status status = a && b ? ISK_OK : no_memory(in->context, in->path);
    for (int64_t i = 0, k = 0; i < due->count && status == ISK_OK; i++) {
        while (k < there->count && strcmp(b[k].name, a[i].name) < 0) { k++; }
        from[a[i].index] = k < there->count && strcmp(b[k].name, a[i].name) == 0 ? b[k++].index : -1;
    }
    free(a);
    free(b);
    return status;
}

/* What is lacking: the first names and the count as r->warning, or DATA when that is more than half. */
static isk_status judge_missing(recipe *r, const input *in, const char *view, const names *due, const int64_t *from) {
    enum { LISTED = 5 };
    char list[LISTED * 72] = "";
    int64_t missing = 0;
    shown name;
    r->warning[0] = 0;
    for (int64_t k = 0; k < due->count; k++) {
        if (from[k] >= 0 || ++missing > LISTED) { continue; }
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", missing > 1 ? ", " : "", show(&name, names_get(due, k)));
    }
    if (missing > LISTED) { snprintf(list + strlen(list), sizeof list - strlen(list), ", ..."); }
    if (missing > due->count / 2) {
        return isk_set_error(in->context, ISK_DATA, "%s: lacks %lld of the %lld features that %s of the model was trained on (%s); "
                             "features are matched by name, so use the names of the training data", in->path, (long long)missing,
                             (long long)due->count, view, list);
    }
    if (missing) {
        snprintf(r->warning, sizeof r->warning, "%.60s lacks %lld of the %lld features of %s, which count as their training mean: %s",
                 in->path, (long long)missing, (long long)due->count, view, list);
    }
    return ISK_OK;
}

/* Where the recipe's features stand in the file: *from [cols], to be freed, NULL where they are all of it in its order. */
static isk_status match_columns(recipe *r, const input *in, const char *view, int64_t **from) {
    int64_t same = r->cols == in->cols;
    names due;
    isk_status status = split_names(r, in, &due);
    *from = NULL;
    if (status != ISK_OK) { return status; }
    *from = malloc(sizeof **from * (size_t)r->cols);
    status = *from ? find_names(in, &due, *from) : no_memory(in->context, in->path);
    if (status == ISK_OK) { status = judge_missing(r, in, view, &due, *from); }
    names_free(&due);
    for (int64_t k = 0; k < r->cols && status == ISK_OK; k++) { same &= (*from)[k] == k; }
    if (status != ISK_OK || same) {
        free(*from);
        *from = NULL;
    }
    return status;
}

/* The training mean for features that the file lacks, and the names of all. */
static isk_status fill_missing(const recipe *r, input *in, const int64_t *from) {
    for (int64_t k = 0; k < r->cols; k++) {
        for (int64_t i = 0; i < in->rows && from[k] < 0; i++) { in->values[i * in->cols + k] = r->mean[k]; }
    }
    names_free(&in->column_names);
    return split_names(r, in, &in->column_names);
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
        return isk_set_error(in->context, ISK_ARGUMENT, "--%s-pca: %s holds sequences, which have no principal components here; leave it "
                                                        "out",
                             view, in->path);
    }
    if (r->hvg) {
        return isk_set_error(in->context, ISK_ARGUMENT, "--%s-hvg: %s holds sequences, whose features are all kept; leave it out", view,
                             in->path);
    }
    if (!norm_is(r, "none") && !norm_is(r, "zscore")) {
        return isk_set_error(in->context, ISK_ARGUMENT, "--%s-norm %s is for counts of a sample; %s holds sequences, which take zscore or "
                                                        "none",
                             view, r->norm, in->path);
    }
    parts = unfold(in, part);
    if (!parts) { return no_memory(in->context, in->path); }
    r->steps = in->steps;
    r->cols = r->file_cols = in->cols;
    r->scale = 1;
    if (has_zscore(r)) { status = learn_moments(r, in, parts); }
    free(parts);
    standardize(r, in);
    fold(in);
    *x = (isk_matrix){ in->values, in->rows, in->cols };
    return status;
}

isk_matrix recipe_features(const input *in) { return (isk_matrix){ in->values, in->rows, in->cols }; }

/* Norms that set a count in relation to the sample's others leave nothing of it where there are none. */
static void warn_of_one(recipe *r, const input *in, const char *view) {
    if (in->cols != 1 || (!norm_is(r, "clr") && !norm_is(r, "log1p-cp10k") && !norm_is(r, "tfidf"))) { return; }
    snprintf(r->warning, sizeof r->warning, "%.60s has one feature, and %s sets counts in relation to others of the same sample: zscore, "
             "or raw of `indiseek run`, takes them as they are", view, r->norm);
}

isk_status recipe_learn(recipe *r, input *in, const char *view, const uint8_t *part, isk_matrix *x, isk_scalar **own) {
    isk_status status;
    if (in->steps) { return learn_sequence(r, in, view, part, x); }
    warn_of_one(r, in, view);
    r->scale = 1;
    status = choose_columns(r, in, part);
    if (status == ISK_OK) { status = normalize(r, in, r->columns, part); }
    if (status == ISK_OK) { status = learn_moments(r, in, part); }
    if (status != ISK_OK) { return status; }
    r->names = join_names(&in->column_names);
    standardize(r, in);
    *x = recipe_features(in);
    status = count_components(r, in, view, part);
    if (!r->pca || status != ISK_OK) { return status; }
    status = norm_is(r, "tfidf") ? learn_singular(r, in, part) : learn_components(r, in, part);
    return status == ISK_OK ? project(r, in, x, own) : status;
}

static isk_status apply_sequence(const recipe *r, input *in, const char *view, isk_matrix *x) {
    if (in->steps != r->steps || in->cols != r->cols * r->steps) {
        return isk_set_error(in->context, ISK_SHAPE, "%s: has %lld samples of %d steps, %lld numbers each; the model was trained on %s of "
                             "%d steps of %lld features", in->path, (long long)in->rows, in->steps ? in->steps : 1,
                             (long long)(in->steps ? in->cols / in->steps : in->cols), view, r->steps, (long long)r->cols);
    }
    in->rows *= in->steps;
    in->cols /= in->steps;
    standardize(r, in);
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

/* Features are counted where there are no names to match. */
static isk_status check_extent(const recipe *r, const input *in, const char *view) {
    if (in->cols == r->file_cols && !in->steps) { return ISK_OK; }
    return isk_set_error(in->context, ISK_SHAPE, "%s: has %lld samples of %lld features; the model was trained on %lld features of %s%s",
                         in->path, (long long)in->rows, (long long)in->cols, (long long)r->file_cols, view,
                         in->rows == r->file_cols ? " (is it transposed?)" : "");
}

isk_status recipe_apply(recipe *r, input *in, const char *view, isk_matrix *x, isk_scalar **own) {
    const int by_names = r->names && in->column_names.count > 0 && !in->steps;
    int64_t *from = NULL;
    isk_status status;
    if (r->steps) { return apply_sequence(r, in, view, x); }
    status = by_names ? match_columns(r, in, view, &from) : check_extent(r, in, view);
    if (status == ISK_OK) { status = normalize(r, in, by_names ? from : r->columns, NULL); }
    if (status == ISK_OK && from) { status = fill_missing(r, in, from); }
    free(from);
    if (status != ISK_OK) { return status; }
    standardize(r, in);
    *x = recipe_features(in);
    return r->pca ? project(r, in, x, own) : ISK_OK;
}

void recipe_free(recipe *r) {
    free(r->columns);
    free(r->factor);
    free(r->mean);
    free(r->inverse);
    free(r->centre);
    free(r->loadings);
    free(r->names);
    memset(r, 0, sizeof *r);
}
