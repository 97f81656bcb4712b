/* Recipes as text: what is done by default, what a user writes, what is said of one, and how it is kept in a model. */
#include "../base/fail.h"
#include "preprocess.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a user writes ---- */

static void set_norm(recipe *r, const char *norm) { snprintf(r->norm, sizeof r->norm, "%s", norm); }

void recipe_defaults(recipe *r, const char *kind) {
    static const struct { const char *kind, *norm; int hvg, pca; } known[] = {
        { "rna", "log1p-cp10k", 2000, 50 }, { "protein", "clr", 0, 50 }, { "atac", "tfidf", 20000, 50 },
    };
    memset(r, 0, sizeof *r);
    r->at_most = 1;
    set_norm(r, "zscore");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(kind, known[i].kind) != 0) { continue; }
        set_norm(r, known[i].norm);
        r->hvg = known[i].hvg;
        r->pca = known[i].pca;
    }
}

static const char *const keys[] = { "norm", "hvg", "pca", "scale", "lsi-first", "clr", "raw", NULL };
static const char *const norms[] = { "none", "zscore", "log1p-cp10k", "clr", "clr-feature", "tfidf", NULL };
static const char *const clr_values[] = { "cell", "protein", NULL };
static const char *const scale_values[] = { "no", "yes", NULL };
static const char *const first_values[] = { "drop", "keep", NULL };

/* One item of the words, and what was given so far. */
typedef struct item { isk_context *context; const char *key, *value; int hvg_given, scale; } item;

static int place_of(const char *word, const char *const *words) {
    for (int i = 0; words[i]; i++) {
        if (strcmp(word, words[i]) == 0) { return i; }
    }
    return -1;
}

/* "'hgv' is no step of a preparation; did you mean 'hvg'?  It is one of norm, hvg, pca, ..." */
static isk_status unknown(isk_context *context, const char *word, const char *what, const char *const *words) {
    const char *near = nearest_word(word, words);
    char list[120] = "";
    shown typed;
    for (int i = 0; words[i]; i++) { snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? "|" : "", words[i]); }
    return isk_set_error(context, ISK_ARGUMENT, "'%s' is no %s%s%s%s; it must be one of %s", show(&typed, word), what,
                         near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "", list);
}

static isk_status choice(const item *i, const char *const *words, int *place) {
    char what[40];
    snprintf(what, sizeof what, "value of %s", i->key);
    *place = place_of(i->value, words);
    return *place < 0 ? unknown(i->context, i->value, what, words) : ISK_OK;
}

/* A number, or a word for 0. */
static isk_status number(const item *i, const char *zero, int *value) {
    char *end = NULL;
    long got = strtol(i->value, &end, 10);
    shown typed;
    if (strcmp(i->value, zero) == 0) {
        *value = 0;
    } else if (!*i->value || *end || *i->value < '0' || *i->value > '9' || got > 1000000) {
        return isk_set_error(i->context, ISK_ARGUMENT, "%s=%s: a whole number from 0 to 1000000 is due, or %s", i->key,
                             show(&typed, i->value), zero);
    } else {
        *value = (int)got;
    }
    return ISK_OK;
}

static isk_status take(item *i, recipe *r) {
    int place = 0;
    isk_status status = ISK_OK;
    if (strcmp(i->key, "raw") == 0) {
        if (i->value) { return isk_set_error(i->context, ISK_ARGUMENT, "raw stands alone, without a value"); }
        set_norm(r, "none");
        r->hvg = r->pca = 0;
        i->hvg_given = 1;
        return ISK_OK;
    }
    if (place_of(i->key, keys) < 0) { return unknown(i->context, i->key, "step of a preparation", keys); }
    if (!i->value) { return isk_set_error(i->context, ISK_ARGUMENT, "%s has no value; write %s=...", i->key, i->key); }
    if (strcmp(i->key, "norm") == 0) {
        status = choice(i, norms, &place);
        if (status == ISK_OK) { set_norm(r, norms[place]); }
    } else if (strcmp(i->key, "clr") == 0) {
        status = choice(i, clr_values, &place);
        if (status == ISK_OK) { set_norm(r, place ? "clr-feature" : "clr"); }
    } else if (strcmp(i->key, "hvg") == 0) {
        i->hvg_given = 1;
        status = number(i, "all", &r->hvg);
    } else if (strcmp(i->key, "pca") == 0) {
        r->at_most = 0;
        status = number(i, "none", &r->pca);
    } else if (strcmp(i->key, "scale") == 0) {
        status = choice(i, scale_values, &i->scale);
    } else {
        status = choice(i, first_values, &r->keep_first);
    }
    return status;
}

/* What only the whole says. */
static isk_status settle(const item *i, recipe *r) {
    const int counts = strcmp(r->norm, "none") != 0 && strcmp(r->norm, "zscore") != 0, tfidf = strcmp(r->norm, "tfidf") == 0;
    if (!counts && !i->hvg_given) { r->hvg = 0; }
    if (tfidf && i->scale == 1) {
        return isk_set_error(i->context, ISK_ARGUMENT, "scale=yes: tfidf has no z-score; leave scale out, or choose another norm");
    }
    if (!tfidf && r->keep_first) {
        return isk_set_error(i->context, ISK_ARGUMENT, "lsi-first=keep is for norm=tfidf; with norm=%s there is no LSI", r->norm);
    }
    if (!counts && i->scale >= 0) { set_norm(r, i->scale ? "zscore" : "none"); }
    r->unscaled = counts && !tfidf && i->scale == 0;
    return ISK_OK;
}

isk_status recipe_parse(isk_context *context, const char *words, const char *kind, recipe *r) {
    char *copy, *next;
    item i = { .context = context, .scale = -1 };
    isk_status status = ISK_OK;
    recipe_defaults(r, kind);
    if (!words) { words = ""; }
    next = copy = malloc(strlen(words) + 1);
    if (!copy) { return no_memory(context, "a preparation"); }
    memcpy(copy, words, strlen(words) + 1);
    while (next && *words && status == ISK_OK) {
        char *comma = strchr(next, ','), *equals;
        if (comma) { *comma = 0; }
        equals = strchr(next, '=');
        if (equals) { *equals = 0; }
        i.key = next;
        i.value = equals ? equals + 1 : NULL;
        status = take(&i, r);
        next = comma ? comma + 1 : NULL;
    }
    if (status == ISK_OK) { status = settle(&i, r); }
    free(copy);
    return status;
}

/* ---- what is said of it ---- */

const char *recipe_words(const recipe *r, char buffer[RECIPE_WORDS]) {
    const int tfidf = strcmp(r->norm, "tfidf") == 0, none = strcmp(r->norm, "none") == 0, zscore = strcmp(r->norm, "zscore") == 0;
    size_t used = 0;
    buffer[0] = 0;
    if (r->hvg) { snprintf(buffer, RECIPE_WORDS, "%d %s features, ", r->hvg, tfidf ? "most counted" : "variable"); }
    used = strlen(buffer);
    snprintf(buffer + used, RECIPE_WORDS - used, "%s%s", none ? "as it is" : zscore ? "z-score" : r->norm,
             none || zscore || tfidf || r->unscaled ? "" : ", z-score");
    used = strlen(buffer);
    if (r->pca) {
        snprintf(buffer + used, RECIPE_WORDS - used, ", %d %s components%s", r->pca, tfidf ? "LSI" : "principal",
                 tfidf && !r->keep_first ? " after the first" : "");
    }
    return buffer;
}

/* ---- in the model ---- */

/* "user.x1.mean" */
static const char *key(char buffer[32], int view, const char *name) {
    snprintf(buffer, 32, "user.x%d.%s", view + 1, name);
    return buffer;
}

/* "norm=clr pca=24 transpose=0 columns=25" and what is not as ever */
static void describe(const recipe *r, char words[200]) {
    snprintf(words, 200, "norm=%s pca=%d transpose=%d columns=%lld", r->norm, r->pca, r->transpose, (long long)r->cols);
    if (r->steps) { snprintf(words + strlen(words), 200 - strlen(words), " steps=%d", r->steps); }
    if (r->hvg) { snprintf(words + strlen(words), 200 - strlen(words), " hvg=%d of=%lld", r->hvg, (long long)r->file_cols); }
    if (r->unscaled) { snprintf(words + strlen(words), 200 - strlen(words), " scale=no"); }
    if (r->keep_first) { snprintf(words + strlen(words), 200 - strlen(words), " lsi-first=keep"); }
}

/* The numbers of the columns that are kept, as a matrix has them: exact in float to 16 million. */
static isk_status put_columns(const recipe *r, isk_model *model, const char *name) {
    isk_scalar *numbers = malloc(sizeof *numbers * (size_t)r->cols);
    isk_status status;
    if (!numbers) { return ISK_MEMORY; }
    for (int64_t k = 0; k < r->cols; k++) { numbers[k] = (isk_scalar)r->columns[k]; }
    status = isk_model_put(model, name, (isk_matrix){ numbers, 1, r->cols });
    free(numbers);
    return status;
}

isk_status recipe_put(const recipe *r, isk_model *model, int view) {
    const struct { const char *name; isk_matrix value;
    } parts[] = {
        { "factor", { r->factor, 1, r->cols } }, { "mean", { r->mean, 1, r->cols } },
        { "inverse", { r->inverse, 1, r->cols } }, { "centre", { r->centre, 1, r->cols } },
        { "loadings", { r->loadings, r->cols, r->pca } }, { "scale", { &r->scale, 1, 1 } },
    };
    char words[200], name[32];
    isk_status status;
    describe(r, words);
    status = isk_model_put_text(model, key(name, view, "recipe"), words);
    if (status == ISK_OK && r->names) { status = isk_model_put_text(model, key(name, view, "names"), r->names); }
    if (status == ISK_OK && r->columns) { status = put_columns(r, model, key(name, view, "columns")); }
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

/* The words of describe; 0 where they are not those. */
static int understand(recipe *r, const char *words) {
    const char *hvg = strstr(words, " hvg=");
    long long cols = 0, of = 0;
    if (sscanf(words, "norm=%15s pca=%d transpose=%d columns=%lld steps=%d", r->norm, &r->pca, &r->transpose, &cols, &r->steps) < 4 ||
        cols < 1 || r->pca < 0 || r->steps < 0 || place_of(r->norm, norms) < 0) { return 0; }
    r->cols = r->file_cols = cols;
    if (hvg && (sscanf(hvg, " hvg=%d of=%lld", &r->hvg, &of) != 2 || r->hvg != cols || of < cols)) { return 0; }
    if (hvg) { r->file_cols = of; }
    r->unscaled = strstr(words, " scale=no") != NULL;
    r->keep_first = strstr(words, " lsi-first=keep") != NULL;
    return 1;
}

static isk_status get_columns(recipe *r, isk_context *context, const isk_model *model, int view) {
    isk_scalar *numbers = NULL;
    isk_status status = r->hvg ? get_values(context, model, view, "columns", r->cols, &numbers) : ISK_OK;
    if (!numbers) { return status; }
    r->columns = malloc(sizeof *r->columns * (size_t)r->cols);
    if (!r->columns) { status = no_memory(context, "the model"); }
    for (int64_t k = 0; k < r->cols && status == ISK_OK; k++) {
        const double number = (double)numbers[k];
        if (!(number >= 0 && number < (double)r->file_cols) || (k > 0 && !(number > (double)numbers[k - 1]))) {
            status = isk_set_error(context, ISK_DATA, "the model: column %lld of those that x%d keeps is %g, where they ascend below %lld",
                                   (long long)k + 1, view + 1, number, (long long)r->file_cols);
        }
        r->columns[k] = status == ISK_OK ? (int64_t)number : 0;
    }
    free(numbers);
    return status;
}

/* Where the recipe asks for what the model does not have. */
static int lacks_part(const recipe *r) {
    const int none = strcmp(r->norm, "none") == 0, tfidf = strcmp(r->norm, "tfidf") == 0;
    const int scaled = !none && !tfidf && !r->unscaled, factored = tfidf || strcmp(r->norm, "clr-feature") == 0;
    return (!r->mean && !(r->steps && none)) || (scaled && !r->inverse) || (factored && !r->factor) || (r->hvg && !r->columns) ||
           (r->pca && (!r->centre || !r->loadings));
}

isk_status recipe_get(recipe *r, isk_context *context, const isk_model *model, int view) {
    char name[32];
    const char *words = isk_model_get_text(model, key(name, view, "recipe")), *features;
    isk_scalar *scale = NULL;
    isk_status status;
    memset(r, 0, sizeof *r);
    if (!words || !understand(r, words)) {
        return isk_set_error(context, ISK_DATA,
                             "the model does not say how x%d was prepared (%s); was it saved by `indiseek fit`?",
                             view + 1, name);
    }
    r->scale = 1;
    status = get_columns(r, context, model, view);
    if (status == ISK_OK) { status = get_values(context, model, view, "factor", r->cols, &r->factor); }
    if (status == ISK_OK) { status = get_values(context, model, view, "mean", r->cols, &r->mean); }
    if (status == ISK_OK) { status = get_values(context, model, view, "inverse", r->cols, &r->inverse); }
    if (status == ISK_OK) { status = get_values(context, model, view, "centre", r->cols, &r->centre); }
    if (status == ISK_OK) { status = get_values(context, model, view, "loadings", r->cols * r->pca, &r->loadings); }
    if (status == ISK_OK) { status = get_values(context, model, view, "scale", 1, &scale); }
    if (scale) { r->scale = *scale; }
    free(scale);
    features = isk_model_get_text(model, key(name, view, "names"));
    if (features && (r->names = malloc(strlen(features) + 1)) != NULL) {
        memcpy(r->names, features, strlen(features) + 1);
    }
    if (status == ISK_OK && lacks_part(r)) {
        status = isk_set_error(context, ISK_DATA, "the model lacks a part of how x%d was prepared", view + 1);
    }
    return status;
}
