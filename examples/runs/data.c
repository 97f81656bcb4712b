#include "data.h"

#include "split.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- labels ---- */

/* Rows of the ignored class become unlabelled, and its number goes to nobody. */
static isk_status ignore_class(dataset *d, isk_context *context, const char *path, const char *name) {
    int64_t class = names_find(&d->labels.classes, name);
    names others = { 0 };
    int ok = 1;
    if (class < 0) {
        nearest best = nearest_to(name);
        for (int i = 0; i < d->labels.count; i++) { nearest_consider(&best, names_get(&d->labels.classes, i)); }
        return isk_set_error(context, ISK_ARGUMENT, "--label-ignore: %s has no label '%s'%s%s%s", path, name,
                             best.word ? "; did you mean '" : "", best.word ? best.word : "", best.word ? "'?" : "");
    }
    for (int64_t i = 0; i < d->rows; i++) {
        int32_t *code = &d->labels.codes[i];
        *code = *code == class ? -1 : *code > class ? *code - 1 : *code;
    }
    for (int i = 0; i < d->labels.count && ok; i++) {
        if (i != class) { ok = names_add(&others, names_get(&d->labels.classes, i)); }
    }
    names_free(&d->labels.classes);
    d->labels.classes = others;
    d->labels.count--;
    return ok ? ISK_OK : no_memory(context, path);
}

isk_status data_take_labels(dataset *d, isk_context *context, const char *source, const labels *given, const char *ignore) {
    isk_status status = ISK_OK;
    d->labels = *given;
    d->has_labels = 1;
    if (ignore) { status = ignore_class(d, context, source, ignore); }
    if (status != ISK_OK) { return status; }
    d->names = malloc(sizeof *d->names * ((size_t)d->labels.count + 1));
    if (!d->names) { return no_memory(context, source); }
    for (int i = 0; i < d->labels.count; i++) { d->names[i] = names_get(&d->labels.classes, i); }
    return ISK_OK;
}

static int64_t labelled_rows(const dataset *d) {
    int64_t count = 0;
    for (int64_t i = 0; i < d->rows; i++) { count += d->labels.codes[i] >= 0; }
    return count;
}

isk_status data_check_labels(const dataset *d, isk_context *context, const char *source, const char *rows) {
    const int64_t labelled = labelled_rows(d);
    if (labelled < 2 || d->labels.count < labelled) { return ISK_OK; }
    return isk_set_error(context, ISK_DATA, "--labels %s: %d types for %lld %s: they are names, not types that several %s share; give "
                         "another column, or none", source, d->labels.count, (long long)labelled, rows, rows);
}

void data_warn_of_labels(const dataset *d, const char *source, const char *rows, progress *bar) {
    shown name;
    if (d->labels.count == 1) {
        progress_warn(bar, "--labels %s: all %s that have a type are of one, '%s': scores of types, which need two, say nothing", source,
                      rows, show(&name, d->names[0]));
    } else if (d->labels.count == 0) {
        progress_warn(bar, "--labels %s: no %.*s has a type: nothing is scored by types", source, (int)strlen(rows) - 1, rows);
    }
}

static isk_status read_labels(dataset *d, isk_context *context, const data_settings *s) {
    labels l;
    isk_status status = input_labels(context, s->labels, d->rows, &l);
    return status == ISK_OK ? data_take_labels(d, context, s->labels, &l, s->ignore) : status;
}

/* ---- target ---- */

/* Classes side by side, 1 where a row has that one. */
static isk_status target_of_labels(dataset *d, isk_context *context, const char *path) {
    labels l;
    isk_scalar *values = NULL;
    isk_status status = input_labels(context, path, d->rows, &l);
    if (status != ISK_OK) { return status; }
    if (l.count < 2) {
        status = isk_set_error(context, ISK_DATA, "--target: %s holds %s, which says nothing about the views", path,
                               l.count ? "one label" : "no label");
    } else if (!(values = calloc((size_t)l.rows * (size_t)l.count, sizeof *values))) {
        status = no_memory(context, path);
    }
    for (int64_t i = 0; i < l.rows && status == ISK_OK; i++) {
        d->target_present[i] = l.codes[i] >= 0;
        if (l.codes[i] >= 0) { values[i * l.count + l.codes[i]] = 1; }
    }
    d->target = (isk_matrix){ values, l.rows, l.count };
    labels_free(&l);
    return status;
}

/* Zero mean and unit variance of each column over the training rows whose number is known. */
static void standardize_column(dataset *d, isk_scalar *values, int64_t column) {
    double n = 0, mean = 0, squares = 0, deviation;
    for (int64_t i = 0; i < d->rows; i++) {
        double before = mean, value = (double)values[i * d->target.cols + column];
        if (!d->target_present[i] || d->part[i] != ISK_TRAIN) { continue; }
        mean += (value - before) / ++n;
        squares += (value - before) * (value - mean);
    }
    deviation = n > 1 ? sqrt(squares / (n - 1)) : 0;
    for (int64_t i = 0; i < d->rows; i++) {
        isk_scalar *value = &values[i * d->target.cols + column];
        *value = (isk_scalar)(d->target_present[i] && deviation > 0 ? ((double)*value - mean) / deviation : 0);
    }
}

static isk_status target_of_numbers(dataset *d, isk_context *context, const char *path) {
    isk_status status = input_numbers(context, path, d->rows, &d->target);
    isk_scalar *values = (isk_scalar *)(uintptr_t)d->target.data;
    for (int64_t i = 0; i < d->rows && status == ISK_OK; i++) {
        d->target_present[i] = 1;
        for (int64_t j = 0; j < d->target.cols; j++) { d->target_present[i] &= (uint8_t)isfinite(values[i * d->target.cols + j]); }
    }
    for (int64_t j = 0; j < d->target.cols && status == ISK_OK; j++) { standardize_column(d, values, j); }
    return status;
}

static isk_status read_target(dataset *d, isk_context *context, const data_settings *s) {
    d->target_present = calloc((size_t)d->rows + 1, 1);
    if (!d->target_present) { return no_memory(context, s->target); }
    return s->target_numbers ? target_of_numbers(d, context, s->target) : target_of_labels(d, context, s->target);
}

/* ---- all of it ---- */

static void say_what_was_read(const dataset *d, const data_settings *s, progress *bar) {
    int64_t parts[3] = { 0, 0, 0 }, unknown = 0;
    char words[SPLIT_WORDS];
    const char *how = s->group ? split_words(&d->groups, words) : d->has_labels && !s->split ? "every label alike" : "";
    views_say(&d->v, &s->views, bar);
    for (int64_t i = 0; i < d->rows; i++) { parts[d->part[i]]++; }
    progress_say(bar, "rows: %lld train, %lld validation, %lld test%s%s", (long long)parts[0], (long long)parts[1],
                 (long long)parts[2], *how ? "; " : "", how);
    if (d->has_labels) {
        int64_t without = 0;
        for (int64_t i = 0; i < d->rows; i++) { without += d->labels.codes[i] < 0; }
        progress_say(bar, "labels: %d kinds, %lld rows without one%s%s", d->labels.count, (long long)without,
                     s->ignore ? ", or with the ignored one, " : "", s->ignore ? s->ignore : "");
        data_warn_of_labels(d, s->labels, "rows", bar);
    }
    if (!d->target.data) { return; }
    for (int64_t i = 0; i < d->rows; i++) { unknown += !d->target_present[i]; }
    progress_say(bar, "target: %lld %s%s, unknown in %lld rows", (long long)d->target.cols, s->target_numbers ? "number" : "label",
                 d->target.cols == 1 ? "" : "s",
                 (long long)unknown);
}

static isk_status divide(dataset *d, isk_context *context, const data_settings *s, double validation) {
    d->part = calloc((size_t)d->rows + 1, 1);
    if (!d->part) { return isk_set_error(context, ISK_MEMORY, "no memory for the split"); }
    return split_rows(context, &(split_settings){ .split = s->split, .group = s->group, .test = s->test,
                                                  .validation = validation, .seed = s->seed, .rows = d->rows,
                                                  .labels = d->has_labels ? d->labels.codes : NULL }, d->part, &d->groups);
}

isk_status data_read(dataset *d, isk_context *context, const data_settings *s, double validation, int64_t rows,
                     progress *bar) {
    isk_status status;
    memset(d, 0, sizeof *d);
    status = views_read(&d->v, context, &s->views, rows);
    d->rows = d->v.rows ? d->v.rows : rows;
    if (status == ISK_OK) { status = views_compare_names(&d->v, context, &s->views, bar); }
    if (status == ISK_OK && s->labels) { status = read_labels(d, context, s); }
    if (status == ISK_OK && s->labels) { status = data_check_labels(d, context, s->labels, "rows"); }
    if (status == ISK_OK) { status = divide(d, context, s, validation); }
    if (status == ISK_OK) { status = views_prepare(&d->v, &s->views, d->part); }
    if (status == ISK_OK && s->target) { status = read_target(d, context, s); }
    if (status == ISK_OK) { say_what_was_read(d, s, bar); }
    return status;
}

void data_free(dataset *d) {
    views_free(&d->v);
    labels_free(&d->labels);
    free((void *)(uintptr_t)d->target.data);
    free(d->target_present);
    free(d->names);
    free(d->part);
    memset(d, 0, sizeof *d);
}
