#include "data.h"

#include "../common/split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static isk_status read_view(dataset *d, isk_context *context, const data_settings *s, int view) {
    isk_status status = input_read(context, s->x[view], &(input_desc){ .transpose = s->transpose[view] }, &d->in[view]);
    if (status != ISK_OK) { return status; }
    if (d->in[view].rows == 0 || d->in[view].cols == 0) {
        return isk_set_error(context, ISK_DATA, "%s: has %lld samples of %lld features; there is nothing to learn from",
                             s->x[view], (long long)d->in[view].rows, (long long)d->in[view].cols);
    }
    if (d->rows && d->in[view].rows != d->rows && view == 1 && s->x[0]) {
        const char *hint = d->in[1].cols == d->rows ? " (is the second one transposed? --x2-transpose)" :
                           d->in[0].cols == d->in[1].rows ? " (is the first one transposed? --x1-transpose)" : "";
        return isk_set_error(context, ISK_SHAPE,
                             "%s has %lld samples, %s has %lld; rows must be the same samples in both%s", s->x[0],
                             (long long)d->rows, s->x[1], (long long)d->in[view].rows, hint);
    }
    if (d->rows && d->in[view].rows != d->rows) {
        return isk_set_error(context, ISK_SHAPE, "%s has %lld samples where %lld are due", s->x[view],
                             (long long)d->in[view].rows, (long long)d->rows);
    }
    d->rows = d->in[view].rows;
    return ISK_OK;
}

/* Files that name their samples must name the same ones in the same order. */
static isk_status compare_names(const dataset *d, isk_context *context, const data_settings *s, progress *bar) {
    const names *a = &d->in[0].row_names, *b = &d->in[1].row_names;
    shown one, two;
    for (int64_t i = 0; i < a->count && i < b->count; i++) {
        int64_t other;
        if (strcmp(names_get(a, i), names_get(b, i)) == 0) { continue; }
        other = names_find(b, names_get(a, i));
        show(&one, names_get(a, i));
        show(&two, names_get(b, i));
        if (other >= 0) {
            return isk_set_error(context, ISK_DATA,
                                 "sample %lld is '%s' in %s and '%s' in %s, where '%s' is sample %lld; bring "
                                 "both into the same order",
                                 (long long)i + 1, one.text, s->x[0], two.text, s->x[1], one.text,
                                 (long long)other + 1);
        }
        progress_warn(bar, "sample %lld is '%s' in %s and '%s' in %s: are the rows the same samples?", (long long)i + 1,
                      one.text, s->x[0], two.text, s->x[1]);
        break;
    }
    return ISK_OK;
}

/* Rows of the ignored class become unlabelled, and its number goes to nobody. */
static isk_status ignore_class(dataset *d, isk_context *context, const char *path, const char *name) {
    int64_t class = names_find(&d->labels.classes, name);
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
    for (int64_t i = class; i + 1 < d->labels.count; i++) { d->names[i] = d->names[i + 1]; }
    d->labels.count--;
    return ISK_OK;
}

static isk_status read_labels(dataset *d, isk_context *context, const data_settings *s) {
    isk_status status = input_labels(context, s->labels, d->rows, &d->labels);
    if (status != ISK_OK) { return status; }
    d->has_labels = 1;
    d->names = malloc(sizeof *d->names * ((size_t)d->labels.count + 1));
    if (!d->names) { return no_memory(context, s->labels); }
    for (int i = 0; i < d->labels.count; i++) { d->names[i] = names_get(&d->labels.classes, i); }
    return s->ignore ? ignore_class(d, context, s->labels, s->ignore) : ISK_OK;
}

static void say_what_was_read(const dataset *d, const data_settings *s, progress *bar) {
    int64_t parts[3] = { 0, 0, 0 };
    char words[96];
    for (int view = 0; view < 2; view++) {
        if (!d->x[view].data) { continue; }
        progress_say(bar, "x%d  %s: %lld samples x %lld features (%s); %s", view + 1, s->x[view], (long long)d->rows,
                     (long long)d->recipe[view].cols, d->in[view].about, recipe_words(&d->recipe[view], words));
        if (d->recipe[view].constant) {
            progress_say(bar, "    %lld of its features never change in the training rows and say nothing",
                         (long long)d->recipe[view].constant);
        }
    }
    const char *how = s->group ? "; no group is divided" : d->has_labels && !s->split ? "; every label alike" : "";
    for (int64_t i = 0; i < d->rows; i++) { parts[d->part[i]]++; }
    progress_say(bar, "rows: %lld train, %lld validation, %lld test%s", (long long)parts[0], (long long)parts[1],
                 (long long)parts[2], how);
    if (d->has_labels) {
        int64_t without = 0;
        for (int64_t i = 0; i < d->rows; i++) { without += d->labels.codes[i] < 0; }
        progress_say(bar, "labels: %d kinds, %lld rows without one%s%s", d->labels.count, (long long)without,
                     s->ignore ? ", or with the ignored one, " : "", s->ignore ? s->ignore : "");
    }
}

static isk_status divide(dataset *d, isk_context *context, const data_settings *s, double validation) {
    d->part = calloc((size_t)d->rows + 1, 1);
    if (!d->part) { return isk_set_error(context, ISK_MEMORY, "no memory for the split"); }
    return split_rows(context, &(split_settings){ .split = s->split, .group = s->group, .test = s->test,
                                                  .validation = validation, .seed = s->seed, .rows = d->rows,
                                                  .labels = d->has_labels ? d->labels.codes : NULL }, d->part);
}

isk_status data_read(dataset *d, isk_context *context, const data_settings *s, double validation, int64_t rows,
                     progress *bar) {
    isk_status status = ISK_OK;
    memset(d, 0, sizeof *d);
    d->rows = rows;
    for (int view = 0; view < 2 && status == ISK_OK; view++) {
        if (s->x[view]) { status = read_view(d, context, s, view); }
    }
    if (status == ISK_OK) { status = compare_names(d, context, s, bar); }
    if (status == ISK_OK && s->labels) { status = read_labels(d, context, s); }
    if (status == ISK_OK) { status = divide(d, context, s, validation); }
    for (int view = 0; view < 2 && status == ISK_OK; view++) {
        recipe *r = &d->recipe[view];
        if (!s->x[view]) { continue; }
        snprintf(r->norm, sizeof r->norm, "%s", s->norm[view]);
        r->pca = s->pca[view];
        r->transpose = s->transpose[view];
        status = recipe_learn(r, &d->in[view], view ? "x2" : "x1", d->part, &d->x[view], &d->own[view]);
    }
    if (status == ISK_OK) { say_what_was_read(d, s, bar); }
    return status;
}

void data_free(dataset *d) {
    for (int view = 0; view < 2; view++) {
        input_free(&d->in[view]);
        recipe_free(&d->recipe[view]);
        free(d->own[view]);
    }
    labels_free(&d->labels);
    free(d->names);
    free(d->part);
    memset(d, 0, sizeof *d);
}
