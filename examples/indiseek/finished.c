/* What other commands need of a folder of `indiseek run`. */
#include "run.h"

#include "../runs/split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* config.json is the run's line; what does not determine the features is the caller's own. */
static isk_status read_config(finished *r, const char *folder) {
    static const run_settings defaults = RUN_DEFAULTS;
    char path[4200];
    r->s = defaults;
    r->s.source.controls = "keep";      /* what it was before there was the option */
    snprintf(path, sizeof path, "%s/config.json", folder);
    if (access(path, R_OK) != 0) {
        return isk_set_error(r->context, ISK_IO, "%s is no folder of `indiseek run`: it has no config.json", folder);
    }
    if (options_read(run_table_get(), path, 1, &r->s)) {
        return isk_set_error(r->context, ISK_IO, "%s is no folder of `indiseek run`: its config.json cannot be read", folder);
    }
    if (!source_is_given(&r->s.source)) {
        return isk_set_error(r->context, ISK_DATA, "%s names no data; was it written by `indiseek run`?", path);
    }
    return ISK_OK;
}

/* In cells.tsv a cell whose name holds a tab or the end of a line stands without it (text.h); here it gets that name again, so that it is
   found. */
static int give_names_back(const names *own, names *found) {
    names words = { 0 }, again = { 0 };
    name_index x = { 0 };
    int odd = 0, ok = 1;
    for (int64_t i = 0; i < own->count && ok; i++) {
        text word = { 0 };
        text_add(&word, "");
        text_words(&word, names_get(own, i));
        ok = !word.failed && names_add(&words, word.data);
        odd |= ok && strcmp(word.data, names_get(own, i)) != 0;
        text_free(&word);
    }
    ok = ok && (!odd || name_index_update(&x, &words));
    for (int64_t i = 0; i < found->count && odd && ok; i++) {
        const int64_t cell = name_index_find(&x, names_get(found, i));
        ok = names_add(&again, names_get(cell < 0 ? found : own, cell < 0 ? i : cell));
    }
    name_index_free(&x);
    names_free(&words);
    if (!ok || !odd) {
        names_free(&again);
        return ok;
    }
    names_free(found);
    *found = again;
    return 1;
}

static isk_status add_cells(finished *r, const char *path) {
    cell_table t = { .count = 0 };
    isk_status status = cell_table_read(r->context, path, &t);
    if (status != ISK_OK) { return status; }
    if (give_names_back(&r->a.c.names, &t.cells)) { return source_add_table(&r->a, &t); }
    cell_table_free(&t);
    return no_memory(r->context, path);
}

/* Which cells trained is told by their names, whatever order they stand in by now. */
static isk_status read_parts(finished *r, const char *folder) {
    char path[4200];
    const cell_column *parts = NULL;
    isk_status status;
    snprintf(path, sizeof path, "%s/cells.tsv", folder);
    status = add_cells(r, path);
    if (status == ISK_OK) { status = source_classes(&r->a, path, "indiseek_part", &parts); }
    if (status == ISK_OK && !(r->a.d.part = calloc((size_t)r->a.d.rows + 1, 1))) { status = no_memory(r->context, path); }
    if (status != ISK_OK) { return status; }
    for (int64_t i = 0; i < r->a.d.rows; i++) {
        shown name;
        if (parts->classes.codes[i] >= 0) { continue; }
        return isk_set_error(r->context, ISK_DATA, "%s: cell '%s' of the data is not in it; the data have changed since that run", path,
                             show(&name, names_get(&r->a.c.names, i)));
    }
    return split_rows(r->context, &(split_settings){ .split = path, .parts = &parts->classes, .rows = r->a.d.rows }, r->a.d.part, NULL);
}

isk_status finished_open(finished *r, isk_context *context, const char *folder, const char *column, progress *bar) {
    char path[4200];
    isk_status status;
    memset(r, 0, sizeof *r);
    r->context = context;
    status = output_verify(context, folder, READ_NAMES);
    if (status == ISK_OK) { status = read_config(r, folder); }
    if (column && r->s.source.labels && strcmp(column, r->s.source.labels) != 0) { r->s.source.ignore = NULL; }  /* a name of the others */
    if (column) { r->s.source.labels = column; }
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    if (status == ISK_OK) { status = isk_load(context, path, &r->model); }
    if (status == ISK_OK) { status = source_read(&r->a, context, &r->s.source, bar); }
    if (status == ISK_OK) { status = read_parts(r, folder); }
    if (status == ISK_OK && r->s.source.labels) { status = source_labels(&r->a, r->s.source.labels); }
    if (status == ISK_OK) { status = source_recall(&r->a, r->model); }
    return status == ISK_OK ? features_make(&r->f, context, r->model, &r->a.d.v, 0) : status;
}

void finished_free(finished *r) {
    features_free(&r->f);
    source_free(&r->a);
    isk_model_close(r->model);
    memset(r, 0, sizeof *r);
}

isk_status newcomers_read(newcomers *n, const finished *r, const source_settings *s, progress *bar) {
    isk_status status;
    memset(n, 0, sizeof *n);
    n->s = *s;
    n->s.keep = r->s.source.keep;
    n->s.drop = r->s.source.drop;
    n->s.controls = r->s.source.controls;
    status = source_read(&n->a, r->context, &n->s, bar);
    if (status == ISK_OK) { status = source_recall(&n->a, r->model); }
    if (status == ISK_OK) { views_warn(&n->a.d.v, bar); }
    return status == ISK_OK ? features_make(&n->f, r->context, r->model, &n->a.d.v, 0) : status;
}

void newcomers_free(newcomers *n) {
    features_free(&n->f);
    source_free(&n->a);
}
