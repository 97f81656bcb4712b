#include "covariates.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- learning ---- */

typedef struct learning {
    covariates *v;
    const cells *c;
    const covariates_desc *desc;
    int64_t training;               /* cells */
} learning;

static int trains(const learning *l, int64_t row) { return !l->desc->part || l->desc->part[row] == ISK_TRAIN; }

static int is_listed(const char *list, const char *name) {
    char word[LISTED_WORD];
    while (list && next_listed(&list, word)) {
        if (strcmp(word, name) == 0) { return 1; }
    }
    return 0;
}

static int by_value(const void *a, const void *b) {
    const double one = *(const double *)a, two = *(const double *)b;
    return one < two ? -1 : one > two;
}

/* Are these classes by a number?  Whole and few. */
static isk_status look_like_classes(const learning *l, const double *numbers, int *classes) {
    const int64_t rows = l->c->rows;
    double *sorted = malloc(sizeof *sorted * ((size_t)rows + 1));
    int64_t count = 0, levels = 0;
    if (!sorted) { return no_memory(l->c->context, "the covariates"); }
    for (int64_t i = 0; i < rows; i++) {
        if (isfinite(numbers[i])) { sorted[count++] = numbers[i]; }
    }
    qsort(sorted, (size_t)count, sizeof *sorted, by_value);
    *classes = 1;
    for (int64_t i = 0; i < count; i++) {
        if (sorted[i] != floor(sorted[i])) { *classes = 0; }
        levels += i == 0 || sorted[i] > sorted[i - 1];
    }
    if (levels > FEW_LEVELS) { *classes = 0; }
    free(sorted);
    return ISK_OK;
}

static isk_status learn_moments(const learning *l, const double *numbers, covariate *to) {
    double n = 0, squares = 0;
    for (int64_t i = 0; i < l->c->rows; i++) {
        const double before = to->mean;
        if (!trains(l, i) || !isfinite(numbers[i])) { continue; }
        to->mean += (numbers[i] - before) / ++n;
        squares += (numbers[i] - before) * (numbers[i] - to->mean);
    }
    to->deviation = n > 1 ? sqrt(squares / (n - 1)) : 0;
    if (to->deviation > 1e-9 * fabs(to->mean)) { return ISK_OK; }
    return isk_set_error(l->c->context, ISK_DATA, "%s: column '%s' is %s in the cells that train, and says nothing; leave it out",
                         l->desc->option, to->name, n > 0 ? "the same number" : "missing");
}

static isk_status learn_levels(const learning *l, const cell_column *column, covariate *to) {
    labels all = { 0 };
    isk_status status = cell_column_classes(l->c->context, column, l->c->rows, &all);
    int64_t *sizes = status == ISK_OK ? calloc((size_t)all.count + 1, sizeof *sizes) : NULL, labelled = 0;
    if (status == ISK_OK && !sizes) { status = no_memory(l->c->context, "the covariates"); }
    for (int64_t i = 0; i < l->c->rows && status == ISK_OK; i++) {
        if (!trains(l, i) || all.codes[i] < 0) { continue; }
        sizes[all.codes[i]]++;
        labelled++;
    }
    for (int k = 0; k < all.count && status == ISK_OK; k++) {
        if (sizes[k] > 0 && !names_add(&to->levels, names_get(&all.classes, k))) { status = no_memory(l->c->context, "the covariates"); }
    }
    if (status == ISK_OK && to->levels.count < 2) {
        shown s;
        status = isk_set_error(l->c->context, ISK_DATA, "%s: column '%s' has %s in the cells that train%s%s%s; it needs two levels",
                               l->desc->option, to->name, to->levels.count ? "one level" : "no value", to->levels.count ? ", '" : "",
                               to->levels.count ? show(&s, names_get(&to->levels, 0)) : "", to->levels.count ? "'" : "");
    } else if (status == ISK_OK && to->levels.count == labelled && labelled > 2) {
        status = isk_set_error(l->c->context, ISK_DATA, "%s: column '%s' is another in each of the %lld cells that train, as a name is, "
                               "and tells nothing of others%s", l->desc->option, to->name, (long long)labelled,
                               column->numbers ? "; --numbers takes it for a number" : "");
    }
    free(sizes);
    labels_free(&all);
    return status;
}

static isk_status add(const learning *l, const char *name) {
    const cell_column *column;
    isk_status status = cells_need_column(l->c, l->desc->option, name, &column);
    const int classes = is_listed(l->desc->as_classes, name), number = is_listed(l->desc->as_numbers, name);
    int by_number = 0;
    covariate *to;
    for (int64_t i = 0; i < l->v->count && column; i++) {
        if (strcmp(l->v->list[i].name, name) != 0) { continue; }
        return isk_set_error(l->c->context, ISK_ARGUMENT, "%s: column '%s' is listed twice", l->desc->option, name);
    }
    if (!column) { return status; }
    if (number && !column->numbers) {
        shown s;
        return isk_set_error(l->c->context, ISK_DATA, "%s: column '%s' is words, such as '%s', and --numbers says that it is numbers",
                             l->desc->option, name, column->classes.count ? show(&s, names_get(&column->classes.classes, 0)) : "");
    }
    if (!make_room((void **)&l->v->list, &l->v->capacity, l->v->count + 1, sizeof *l->v->list)) {
        return no_memory(l->c->context, "the covariates");
    }
    to = &l->v->list[l->v->count];
    *to = (covariate){ .name = malloc(strlen(name) + 1) };
    if (!to->name) { return no_memory(l->c->context, "the covariates"); }
    strcpy(to->name, name);
    l->v->count++;
    if (column->numbers && !classes && !number) { status = look_like_classes(l, column->numbers, &by_number); }
    to->numeric = column->numbers && !classes && !by_number;
    if (status != ISK_OK) { return status; }
    return to->numeric ? learn_moments(l, column->numbers, to) : learn_levels(l, column, to);
}

isk_status covariates_learn(covariates *v, const cells *c, const covariates_desc *desc) {
    learning l = { .v = v, .c = c, .desc = desc };
    const char *list = desc->columns;
    char word[LISTED_WORD];
    isk_status status = ISK_OK;
    memset(v, 0, sizeof *v);
    while (list && next_listed(&list, word) && status == ISK_OK) { status = add(&l, word); }
    return status;
}

void covariates_free(covariates *v) {
    for (int64_t i = 0; i < v->count; i++) {
        free(v->list[i].name);
        names_free(&v->list[i].levels);
    }
    free(v->list);
    memset(v, 0, sizeof *v);
}

/* ---- lists beside each other ---- */

/* Do two codings of the rows that train divide them alike?  Rows that one of them lacks are left out. */
static isk_status same_division(const cells *c, const int32_t *a, int64_t levels, const int32_t *b, int64_t others, const uint8_t *part,
                                int *same) {
    int32_t *to = malloc(sizeof *to * (size_t)(levels + others + 1)), *from = to + levels;
    if (!to) { return no_memory(c->context, "the covariates"); }
    for (int64_t k = 0; k < levels + others; k++) { to[k] = -1; }
    *same = 1;
    for (int64_t i = 0; i < c->rows && *same; i++) {
        if ((part && part[i] != ISK_TRAIN) || a[i] < 0 || b[i] < 0) { continue; }
        if (to[a[i]] < 0) { to[a[i]] = b[i]; }
        if (from[b[i]] < 0) { from[b[i]] = a[i]; }
        *same = to[a[i]] == b[i] && from[b[i]] == a[i];
    }
    free(to);
    return ISK_OK;
}

static isk_status compare_with_batch(const cells *c, const named_covariates *list, const covariate *batch, const uint8_t *part) {
    const size_t rows = (size_t)c->rows + 1;
    int32_t *codes = malloc(sizeof *codes * 2 * rows), *batches = codes + rows;
    isk_status status = codes ? covariate_codes(batch, c, batches) : no_memory(c->context, "the covariates");
    for (int64_t i = 0; i < list->v->count && status == ISK_OK; i++) {
        const covariate *v = &list->v->list[i];
        int same = 0;
        if (v->numeric) { continue; }
        status = covariate_codes(v, c, codes);
        if (status == ISK_OK) { status = same_division(c, codes, v->levels.count, batches, batch->levels.count, part, &same); }
        if (status == ISK_OK && same) {
            status = isk_set_error(c->context, ISK_DATA, "%s: column '%s' divides the cells as the batch, '%s', does, so that nothing can "
                                   "tell one from the other; leave it out", list->option, v->name, batch->name);
        }
    }
    free(codes);
    return status;
}

isk_status covariates_compare(const cells *c, const named_covariates *lists, int count, const covariates *batch, const uint8_t *part) {
    isk_status status = ISK_OK;
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < i; k++) {
            for (int64_t a = 0; a < lists[i].v->count; a++) {
                for (int64_t b = 0; b < lists[k].v->count; b++) {
                    if (strcmp(lists[i].v->list[a].name, lists[k].v->list[b].name) != 0) { continue; }
                    return isk_set_error(c->context, ISK_ARGUMENT, "column '%s' stands in %s and in %s; it can be but one of them",
                                         lists[i].v->list[a].name, lists[k].option, lists[i].option);
                }
            }
        }
    }
    for (int i = 0; i < count && status == ISK_OK; i++) {
        if (lists[i].v != batch) { status = compare_with_batch(c, &lists[i], &batch->list[0], part); }
    }
    return status;
}

/* ---- encoding ---- */

int64_t covariates_cols(const covariates *v) {
    int64_t cols = 0;
    for (int64_t i = 0; i < v->count; i++) { cols += v->list[i].numeric ? 1 : v->list[i].levels.count; }
    return cols;
}

/* Codes of levels; -1: none, -2: one that is not known. */
static isk_status find_levels(const covariate *v, const cells *c, int32_t *codes) {
    const cell_column *column = cells_column(c, v->name);
    name_index x = { 0 };
    labels own = { 0 };
    isk_status status = column ? cell_column_classes(c->context, column, c->rows, &own) : ISK_OK;
    int32_t *becomes = malloc(sizeof *becomes * ((size_t)own.count + 1));
    if (status == ISK_OK && (!becomes || !name_index_update(&x, &v->levels))) { status = no_memory(c->context, "the covariates"); }
    for (int k = 0; k < own.count && status == ISK_OK; k++) {
        const int64_t at = name_index_find(&x, names_get(&own.classes, k));
        becomes[k] = at < 0 ? -2 : (int32_t)at;
    }
    for (int64_t i = 0; i < c->rows && status == ISK_OK; i++) { codes[i] = !column || own.codes[i] < 0 ? -1 : becomes[own.codes[i]]; }
    free(becomes);
    labels_free(&own);
    name_index_free(&x);
    return status;
}

isk_status covariate_codes(const covariate *v, const cells *c, int32_t *codes) {
    const isk_status status = find_levels(v, c, codes);
    for (int64_t i = 0; i < c->rows && status == ISK_OK; i++) { codes[i] = codes[i] < 0 ? -1 : codes[i]; }
    return status;
}

/* Numbers of a column that may have been read as classes, where all that a table knows is "12" and "unknown". */
static isk_status encode_numbers(covariate *v, const cells *c, isk_scalar *to, int64_t cols) {
    const cell_column *column = cells_column(c, v->name);
    for (int64_t i = 0; i < c->rows; i++) {
        const double value = column && column->numbers ? column->numbers[i] : (double)NAN;
        v->missing += !isfinite(value);
        if (isfinite(value)) { to[i * cols] = (isk_scalar)((value - v->mean) / v->deviation); }
    }
    if (column && !column->numbers) {
        return isk_set_error(c->context, ISK_DATA, "column '%s' is words here, and was numbers in training", v->name);
    }
    return ISK_OK;
}

static isk_status encode_levels(covariate *v, const cells *c, isk_scalar *to, int64_t cols) {
    int32_t *codes = malloc(sizeof *codes * ((size_t)c->rows + 1));
    isk_status status = codes ? find_levels(v, c, codes) : no_memory(c->context, "the covariates");
    for (int64_t i = 0; i < c->rows && status == ISK_OK; i++) {
        v->missing += codes[i] == -1;
        v->unseen += codes[i] == -2;
        if (codes[i] >= 0) { to[i * cols + codes[i]] = 1; }
    }
    free(codes);
    return status;
}

isk_status covariates_encode(covariates *v, const cells *c, isk_scalar **design) {
    const int64_t cols = covariates_cols(v);
    isk_status status = ISK_OK;
    int64_t at = 0;
    *design = NULL;
    if (cols == 0) { return ISK_OK; }
    *design = c->rows < PTRDIFF_MAX / (int64_t)sizeof **design / cols ? calloc((size_t)(c->rows * cols) + 1, sizeof **design) : NULL;
    if (!*design) { return no_memory(c->context, "the covariates"); }
    for (int64_t i = 0; i < v->count && status == ISK_OK; i++) {
        covariate *one = &v->list[i];
        one->unseen = one->missing = 0;
        one->absent = !cells_column(c, one->name);
        status = one->numeric ? encode_numbers(one, c, *design + at, cols) : encode_levels(one, c, *design + at, cols);
        at += one->numeric ? 1 : one->levels.count;
    }
    if (status == ISK_OK) { return ISK_OK; }
    free(*design);
    *design = NULL;
    return status;
}

/* The levels that are not known, the first of them. */
static void list_unseen(const covariate *v, const cells *c, text *out) {
    enum { LISTED = 4 };
    const cell_column *column = cells_column(c, v->name);
    labels own = { 0 };
    int64_t count = 0;
    shown s;
    if (cell_column_classes(c->context, column, c->rows, &own) != ISK_OK) { return; }
    for (int k = 0; k < own.count; k++) {
        if (names_find(&v->levels, names_get(&own.classes, k)) >= 0) { continue; }
        if (count++ < LISTED) { text_format(out, "%s%s", count > 1 ? ", " : "", show(&s, names_get(&own.classes, k))); }
    }
    if (count > LISTED) { text_format(out, " and %lld more", (long long)(count - LISTED)); }
    labels_free(&own);
}

void covariates_say(const covariates *v, const cells *c, const char *what) {
    for (int64_t i = 0; i < v->count && c->bar; i++) {
        const covariate *one = &v->list[i];
        text words = { 0 };
        if (one->absent) {
            progress_say(c->bar, "%s: these cells have no column '%s': it counts as unknown", what, one->name);
            continue;
        }
        if (one->unseen) {
            text_format(&words, "%lld of %lld cells are of levels that training did not have (", (long long)one->unseen,
                        (long long)c->rows);
            list_unseen(one, c, &words);
            text_add(&words, ") and count as unknown");
        }
        if (one->missing) {
            text_format(&words, "%s%lld %shave no value%s", one->unseen ? ", " : "", (long long)one->missing, one->unseen ? "" : "cells ",
                        one->numeric ? " and count as the mean" : "");
        }
        if (words.data) { progress_say(c->bar, "%s '%s': %s", what, one->name, words.data); }
        text_free(&words);
    }
}

/* ---- in the model ---- */

static const char *key(char buffer[48], const char *prefix, int64_t i, const char *part) {
    snprintf(buffer, 48, "user.%s.%lld.%s", prefix, (long long)i + 1, part);
    return buffer;
}

/* The names as one text of the model. */
static isk_status put_names(const names *n, isk_model *model, const char *name) {
    char *line = names_join(n);
    const isk_status status = line ? isk_model_put_text(model, name, line) : ISK_MEMORY;
    free(line);
    return status;
}

static isk_status put_one(const covariate *v, isk_model *model, const char *prefix, int64_t i) {
    char name[48];
    text line = { 0 };
    names own = { 0 };
    isk_status status = names_add(&own, v->name) ? put_names(&own, model, key(name, prefix, i, "name")) : ISK_MEMORY;
    names_free(&own);
    if (status != ISK_OK) { return status; }
    if (!v->numeric) { return put_names(&v->levels, model, key(name, prefix, i, "levels")); }
    text_number(&line, v->mean, 17);        /* as text: a scalar of a float has 7 digits, and a date more */
    text_add(&line, " ");
    text_number(&line, v->deviation, 17);
    status = line.failed ? ISK_MEMORY : isk_model_put_text(model, key(name, prefix, i, "moments"), line.data);
    text_free(&line);
    return status;
}

isk_status covariates_put(const covariates *v, isk_model *model, const char *prefix) {
    isk_status status = ISK_OK;
    for (int64_t i = 0; i < v->count && status == ISK_OK; i++) { status = put_one(&v->list[i], model, prefix, i); }
    return status;
}

/* 0: not two numbers of which the second is above 0. */
static int read_moments(const char *words, covariate *v) {
    const size_t first = isk_parse_number(words, strlen(words), &v->mean);
    size_t second;
    if (!first || words[first] != ' ') { return 0; }
    words += first + 1;
    second = isk_parse_number(words, strlen(words), &v->deviation);
    return second && !words[second] && isfinite(v->mean) && isfinite(v->deviation) && v->deviation > 0;
}

static isk_status get_one(covariates *v, isk_context *context, const isk_model *model, const char *prefix, const char *line) {
    const int64_t i = v->count;
    char name[48];
    const char *levels = isk_model_get_text(model, key(name, prefix, i, "levels"));
    const char *moments = isk_model_get_text(model, key(name, prefix, i, "moments"));
    names own = { 0 };
    covariate *to;
    int done = make_room((void **)&v->list, &v->capacity, i + 1, sizeof *v->list) && names_split(line, &own);
    to = done ? &v->list[i] : NULL;
    if (done) { *to = (covariate){ .numeric = moments != NULL, .name = malloc(strlen(line) + 1) }; }
    if (done && to->name) { strcpy(to->name, own.count ? names_get(&own, 0) : ""); }
    names_free(&own);
    if (!done || !to->name) { return no_memory(context, "the covariates"); }
    v->count++;
    if (levels && !moments && !names_split(levels, &to->levels)) { return no_memory(context, "the covariates"); }
    if ((moments && read_moments(moments, to)) || (!moments && to->levels.count >= 2)) { return ISK_OK; }
    return isk_set_error(context, ISK_DATA, "the model: levels or moments of its column '%s' (user.%s.%lld) are damaged", to->name, prefix,
                         (long long)i + 1);
}

isk_status covariates_get(covariates *v, isk_context *context, const isk_model *model, const char *prefix) {
    char name[48];
    const char *line;
    isk_status status = ISK_OK;
    memset(v, 0, sizeof *v);
    while (status == ISK_OK && (line = isk_model_get_text(model, key(name, prefix, v->count, "name"))) != NULL) {
        status = get_one(v, context, model, prefix, line);
    }
    return status;
}
