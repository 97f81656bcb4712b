/* Views, tasks and the split of `study probe`. */
#include "probe.h"

#include "../runs/evaluation.h"
#include "../runs/split.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- tasks ---- */

static isk_status add_task(probe_data *d, isk_context *context, const char *name, labels *l) {
    probe_task *t = &d->tasks[d->task_count];
    if (d->task_count == MOST_TASKS) {
        return isk_set_error(context, ISK_ARGUMENT, "--labels names more than %d columns", MOST_TASKS);
    }
    snprintf(t->name, sizeof t->name, "%s", name);
    t->labels = *l;
    d->task_count++;
    return ISK_OK;
}

/* The columns of a .npy of whole numbers, named by their places from 1. */
static isk_status read_columns(probe_data *d, isk_context *context, const char *path, const isk_reader *reader,
                               const isk_npy *npy) {
    int32_t *all, *one;
    isk_status status;
    if (npy->rows != d->rows) {
        return isk_set_error(context, ISK_SHAPE, "%s: has %lld labels where %lld rows are due", path,
                             (long long)npy->rows, (long long)d->rows);
    }
    all = malloc(sizeof *all * (size_t)npy->rows * ((size_t)npy->cols + 1));
    if (!all) { return no_memory(context, path); }
    one = all + npy->rows * npy->cols;
    status = isk_npy_read_integers(context, reader, npy, all);
    for (int64_t j = 0; j < npy->cols && status == ISK_OK; j++) {
        char name[24];
        labels l;
        for (int64_t i = 0; i < npy->rows; i++) { one[i] = all[i * npy->cols + j]; }
        snprintf(name, sizeof name, "%lld", (long long)j + 1);
        status = labels_from_codes(context, path, one, npy->rows, &l);
        if (status == ISK_OK && (status = add_task(d, context, name, &l)) != ISK_OK) { labels_free(&l); }
    }
    free(all);
    return status;
}

static int ends_with(const char *words, const char *end) {
    size_t length = strlen(words), tail = strlen(end);
    return length > tail && strcmp(words + length - tail, end) == 0;
}

/* One item of --labels: FILE or FILE:COLUMN. */
static isk_status read_item(probe_data *d, isk_context *context, const char *item) {
    const char *colon = strrchr(item, ':');
    labels l;
    isk_status status;
    if (ends_with(item, ".npy")) {
        isk_reader reader;
        isk_npy npy;
        status = isk_reader_open(context, item, &reader);
        if (status != ISK_OK) { return status; }
        status = isk_npy_open(context, &reader, &npy);
        if (status != ISK_OK || npy.cols > 1) {
            if (status == ISK_OK) { status = read_columns(d, context, item, &reader, &npy); }
            isk_reader_close(&reader);
            return status;
        }
        isk_reader_close(&reader);
    }
    status = input_labels(context, item, d->rows, &l);
    if (status != ISK_OK) { return status; }
    status = add_task(d, context, colon && colon[1] ? colon + 1 : "label", &l);
    if (status != ISK_OK) { labels_free(&l); }
    return status;
}

/* FILE:COLUMN,COLUMN,...: what is no file by itself is another column of the file before it. */
static isk_status read_tasks(probe_data *d, isk_context *context, const char *list) {
    char item[4200] = "", file[4096] = "";
    isk_status status = ISK_OK;
    for (const char *at = list; at && status == ISK_OK;) {
        const char *comma = strchr(at, ',');
        const int length = comma ? (int)(comma - at) : (int)strlen(at);
        char word[4096];
        snprintf(word, sizeof word, "%.*s", length, at);
        if (*file && !input_labels_there(word)) {
            snprintf(item, sizeof item, "%s:%.90s", file, word);
        } else {
            char *colon = strrchr(word, ':');
            snprintf(item, sizeof item, "%s", word);
            if (colon && access(word, F_OK) != 0) { *colon = 0; }
            snprintf(file, sizeof file, "%s", word);
        }
        status = read_item(d, context, item);
        at = comma ? comma + 1 : NULL;
    }
    return status;
}

/* Rows of the ignored label lose it, and its number goes to nobody. */
static isk_status ignore_label(probe_data *d, isk_context *context, const char *ignored) {
    int found = 0;
    for (int t = 0; t < d->task_count; t++) {
        labels *l = &d->tasks[t].labels;
        const int64_t class = names_find(&l->classes, ignored);
        for (int64_t i = 0; class >= 0 && i < l->rows; i++) {
            if (l->codes[i] == class) { l->codes[i] = -1; }
        }
        found |= class >= 0;
    }
    return found ? ISK_OK : isk_set_error(context, ISK_ARGUMENT, "--label-ignore: there is no label '%s'", ignored);
}

/* What a probe cannot do without: two classes, each with training rows, and test rows; and how good guessing is. */
static isk_status check_task(const probe_data *d, isk_context *context, probe_task *t) {
    const int classes = t->labels.count;
    int64_t *count = calloc(3 * (size_t)classes + 1, sizeof *count), tested = 0;
    int present = 0, most = 0, only = 0;
    isk_status status = ISK_OK;
    if (!count) { return no_memory(context, t->name); }
    for (int64_t i = 0; i < d->rows; i++) {
        if (t->labels.codes[i] >= 0) { count[3 * t->labels.codes[i] + d->part[i]]++; }
    }
    for (int k = 0; k < classes; k++) {
        const int64_t *c = count + 3 * k;
        if (c[0] + c[1] + c[2] == 0) { continue; }          /* the ignored one */
        present++;
        only = k;
        tested += c[ISK_TEST];
        if (c[ISK_TRAIN] > count[3 * most + ISK_TRAIN]) { most = k; }
        if (c[ISK_TRAIN] || status != ISK_OK) { continue; }
        status = isk_set_error(context, ISK_DATA, "label %s: class '%s' has %lld rows, none of them for training, so "
                               "no probe can learn it; --label-ignore '%s', another --split, --groups or --seed",
                               t->name, names_get(&t->labels.classes, k), (long long)(c[1] + c[2]),
                               names_get(&t->labels.classes, k));
    }
    if (present < 2) {
        status = isk_set_error(context, ISK_DATA, "label %s: every row with a label is '%s'; a probe needs two classes",
                               t->name, present ? names_get(&t->labels.classes, only) : "missing");
    }
    if (status == ISK_OK && tested == 0) {
        status = isk_set_error(context, ISK_DATA, "label %s: no row of the test part has a label", t->name);
    }
    t->majority = tested ? (double)count[3 * most + ISK_TEST] / (double)tested : NAN;
    free(count);
    return status;
}

/* ---- all of it ---- */

static void say_what_was_read(const probe_data *d, const probe_settings *s, progress *bar) {
    char words[SPLIT_WORDS];
    views_say(&d->v, &s->views, bar);
    progress_say(bar, "rows: %lld train, %lld validation, %lld test%s%s", (long long)d->parts[0], (long long)d->parts[1],
                 (long long)d->parts[2], s->groups || !s->split ? "; " : "",
                 s->groups ? split_words(&d->groups, words) : s->split ? "" : "every label alike");
    if (d->unseen) {
        progress_say(bar, "leakage and completeness: regressions are fitted on 60 %% of the test rows, which no network saw, chosen on "
                     "15 %% and scored on 25 %%");
    } else {
        progress_say(bar, "leakage and completeness: regressions are fitted on training rows and scored on test rows, of which "
                     "fewer than %d have every view", LEAST_UNSEEN);
    }
    for (int t = 0; t < d->task_count; t++) {
        progress_say(bar, "label %s: %d classes, majority %.1f %% of the test rows", d->tasks[t].name,
                     d->tasks[t].labels.count - (s->ignore != NULL), 100 * d->tasks[t].majority);
    }
}

/* Test rows that have every view: what regressions between views are left with. */
static int64_t whole_test_rows(const probe_data *d) {
    int64_t n = 0;
    for (int64_t i = 0; i < d->rows && d->part; i++) {
        int there = d->part[i] == ISK_TEST;
        for (int v = 0; v < d->v.count; v++) { there = there && !(d->v.present[v] && !d->v.present[v][i]); }
        n += there;
    }
    return n;
}

isk_status probe_read(probe_data *d, isk_context *context, const probe_settings *s, double validation, progress *bar) {
    isk_status status = views_contiguous(context, &s->views);
    if (status == ISK_OK) { status = views_read(&d->v, context, &s->views, 0); }
    d->rows = d->v.rows;
    if (status == ISK_OK) { status = views_compare_names(&d->v, context, &s->views, bar); }
    if (status == ISK_OK) { status = read_tasks(d, context, s->labels); }
    if (status == ISK_OK && s->ignore) { status = ignore_label(d, context, s->ignore); }
    d->part = calloc((size_t)d->rows + 1, 1);
    if (status == ISK_OK && !d->part) { status = no_memory(context, "the split"); }
    if (status == ISK_OK) {
        status = split_rows(context, &(split_settings){ .split = s->split, .group = s->groups, .test = s->test,
                                                        .validation = validation, .seed = s->study.seed,
                                                        .labels = d->tasks[0].labels.codes, .rows = d->rows }, d->part, &d->groups);
    }
    for (int i = 0; i < 3 && d->part; i++) { d->parts[i] = split_count(d->part, d->rows, (isk_part)i); }
    d->unseen = whole_test_rows(d) >= LEAST_UNSEEN;
    if (status == ISK_OK && d->parts[ISK_TEST] == 0) {
        status = isk_set_error(context, ISK_DATA, "%s: no row is for the test", s->split ? s->split : "the split");
    }
    for (int t = 0; t < d->task_count && status == ISK_OK; t++) { status = check_task(d, context, &d->tasks[t]); }
    if (status == ISK_OK) { status = views_prepare(&d->v, &s->views, d->part); }
    if (status == ISK_OK) { say_what_was_read(d, s, bar); }
    return status;
}

void probe_data_free(probe_data *d) {
    views_free(&d->v);
    for (int t = 0; t < d->task_count; t++) { labels_free(&d->tasks[t].labels); }
    free(d->part);
    memset(d, 0, sizeof *d);
}

uint64_t probe_checksum(const probe_data *d) {
    uint64_t h = HASH_START;
    for (int i = 0; i < d->v.count; i++) {
        h = hash_bytes(h, d->v.x[i].data, sizeof *d->v.x[i].data * (size_t)(d->v.x[i].rows * d->v.x[i].cols));
        if (d->v.present[i]) { h = hash_bytes(h, d->v.present[i], (size_t)d->rows); }
        if (d->v.in[i].lengths) { h = hash_bytes(h, d->v.in[i].lengths, sizeof *d->v.in[i].lengths * (size_t)d->rows); }
    }
    for (int t = 0; t < d->task_count; t++) {
        h = hash_bytes(h, d->tasks[t].labels.codes, sizeof *d->tasks[t].labels.codes * (size_t)d->rows);
    }
    return hash_bytes(h, d->part, (size_t)d->rows);
}
