#include "source.h"

#include "split.h"
#include "training.h"
#include "../cells/panel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the line ---- */

int source_is_given(const source_settings *s) {
    for (int i = 0; i < SOURCE_KINDS; i++) {
        if (s->file[i]) { return 1; }
    }
    return s->path || s->tenx;
}

static int is_listed(const char *list, modality_kind kind) {
    char word[LISTED_WORD];
    while (next_listed(&list, word)) {
        if (modality_kind_of(word) == kind && (kind != MODALITY_OTHER || same_words(word, modality_kind_name(kind)))) { return 1; }
    }
    return 0;
}

/* Every word of --transpose is a file that is given, or the only one is "none". */
static int check_transpose(const source_settings *s, const char *program) {
    const char *list = s->transpose;
    char word[LISTED_WORD];
    if (!list || same_words(list, "none")) { return -1; }
    while (next_listed(&list, word)) {
        const modality_kind kind = modality_kind_of(word);
        if (s->file[kind] && is_listed(word, kind)) { continue; }
        return usage_error(program, "--transpose %s: '%s' is none of the files that are given by --rna-file and its like", s->transpose,
                           word);
    }
    return -1;
}

static int check_names(const source_settings *s, const char *program) {
    for (int i = 0; i < SOURCE_KINDS; i++) {
        const char *kind = modality_kind_name((modality_kind)i);
        if (s->file[i] || (!s->named_cells[i] && !s->named_features[i])) { continue; }
        return usage_error(program, "--%s-%s needs --%s-file, whose names it gives", kind, s->named_cells[i] ? "cells" : "features", kind);
    }
    return -1;
}

int source_check_line(const source_settings *s, const char *program) {
    int files = 0;
    for (int i = 0; i < SOURCE_KINDS; i++) { files += s->file[i] != NULL; }
    if (s->path && s->tenx) { return usage_error(program, "PATH and --10x both say what to read; one is enough"); }
    if ((s->path || s->tenx) && files) {
        return usage_error(program, "%s holds all modalities; --rna-file and its like stand instead of it", s->path ? s->path : s->tenx);
    }
    if (files && s->modalities) {
        return usage_error(program, "--modalities chooses among those of PATH; of --rna-file and its like give those that are wanted");
    }
    if (!source_is_given(s)) {
        return usage_error(program, "what to read is missing: a 10x folder, an .h5, .h5ad or .h5mu file, or --rna-file and --protein-file");
    }
    if (check_transpose(s, program) >= 0 || check_names(s, program) >= 0) { return 2; }
    if (s->coarse && !s->labels) { return usage_error(program, "--coarse needs --labels"); }
    if (s->ignore && !s->labels) { return usage_error(program, "--label-ignore needs --labels"); }
    return -1;
}

void source_settings_anywhere(source_settings *s, source_paths *memory) {
    const char **paths[SOURCE_PATHS] = { &s->path, &s->tenx, &s->cells };
    for (int i = 0; i < SOURCE_KINDS; i++) {
        paths[3 + 3 * i] = &s->file[i];
        paths[4 + 3 * i] = &s->named_cells[i];
        paths[5 + 3 * i] = &s->named_features[i];
    }
    for (int i = 0; i < SOURCE_PATHS; i++) { *paths[i] = training_path(*paths[i], memory->text[i], sizeof memory->text[i]); }
}

/* ---- cells ---- */

static isk_status read_files(source *a, const read_desc *desc, const names *known) {
    static const modality_kind order[SOURCE_KINDS] = { MODALITY_RNA, MODALITY_PROTEIN, MODALITY_ATAC, MODALITY_OTHER };
    matrix_source files[SOURCE_KINDS];
    int count = 0;
    isk_status status;
    for (int i = 0; i < SOURCE_KINDS; i++) {
        const cells_along along = !a->s->transpose ? CELLS_FOUND : is_listed(a->s->transpose, order[i]) ? CELLS_IN_COLUMNS : CELLS_IN_ROWS;
        if (!a->s->file[order[i]]) { continue; }
        files[count++] = (matrix_source){ .path = a->s->file[order[i]], .cells = a->s->named_cells[order[i]],
                                          .features = a->s->named_features[order[i]], .along = along, .kind = order[i] };
    }
    a->c.pairing = desc->pairing;
    a->c.bar = desc->bar;
    status = matrices_read(a->context, files, count, known, desc, &a->c);
    return status == ISK_OK ? cells_match(&a->c) : status;
}

isk_status source_add_table(source *a, cell_table *t) {
    isk_status status;
    t->first = 1;
    status = cells_add_table(&a->c, t);
    return status == ISK_OK ? cells_match(&a->c) : status;
}

isk_status source_read(source *a, isk_context *context, const source_settings *s, progress *bar) {
    const read_desc desc = { .modalities = s->modalities, .layer = s->layer, .obsm = s->obsm, .pairing = s->pairing,
                             .most_memory = s->most_memory * 1024 * 1024 * 1024, .bar = bar };
    const char *path = s->path ? s->path : s->tenx;
    cell_table known = { .count = 0 };
    isk_status status;
    memset(a, 0, sizeof *a);
    a->context = a->c.context = context;
    a->s = s;
    a->bar = a->c.bar = bar;
    status = s->cells ? cell_table_read(context, s->cells, &known) : ISK_OK;
    if (status == ISK_OK) { status = path ? cells_read(&a->c, context, path, &desc) : read_files(a, &desc, &known.cells); }
    if (status == ISK_OK && s->cells) { status = source_add_table(a, &known); }
    cell_table_free(&known);
    if (status == ISK_OK && s->cells && !names_add(&a->c.files, s->cells)) { status = no_memory(context, s->cells); }
    if (status == ISK_OK) {
        status = panel_choose(&a->c, &(panel_desc){ s->keep, s->drop, !s->controls || strcmp(s->controls, "keep") == 0 });
    }
    a->d.rows = a->c.rows;
    return status;
}

/* ---- what is known of them ---- */

/* Whole numbers become classes named by them; 0: they are other numbers. */
static int numbers_to_classes(isk_context *context, cell_column *column, int64_t rows, isk_status *status) {
    for (int64_t i = 0; i < rows; i++) {
        const double value = column->numbers[i];
        if (isfinite(value) && (fabs(value) > 1e9 || value != floor(value))) { return 0; }
    }
    *status = cell_column_classes(context, column, rows, &column->classes);
    if (*status != ISK_OK) { return 1; }
    free(column->numbers);
    column->numbers = NULL;
    return 1;
}

isk_status source_classes(source *a, const char *what, const char *name, const cell_column **column) {
    isk_status status = cells_need_column(&a->c, what, name, column);
    cell_column *here;
    if (status != ISK_OK) { return status; }
    here = &a->c.table.columns[*column - a->c.table.columns];
    if (here->numbers && !numbers_to_classes(a->context, here, a->c.rows, &status)) {
        return isk_set_error(a->context, ISK_ARGUMENT, "%s: column '%s' holds numbers that are not whole, not classes", what, name);
    }
    return status;
}

isk_status source_labels(source *a, const char *name) {
    const cell_column *column;
    labels copy = { 0 };
    isk_status status = source_classes(a, "--labels", name, &column);
    if (status != ISK_OK) { return status; }
    status = labels_copy(a->context, &column->classes, &copy);
    if (status == ISK_OK) { status = data_take_labels(&a->d, a->context, name, &copy, a->s->ignore); }
    return status == ISK_OK && a->s->coarse ? source_classes(a, "--coarse", a->s->coarse, &a->coarse) : status;
}

/* The classes in the order of their names, so that the split is the same whatever order a file has them in; to be freed. */
static isk_status ordered(const source *a, const labels *l, labels *copy) {
    int32_t *place = malloc(sizeof *place * ((size_t)l->count + 1));
    isk_status status = labels_copy(a->context, l, copy);
    if (status == ISK_OK && !place) {
        labels_free(copy);
        status = no_memory(a->context, "the split");
    }
    for (int i = 0; i < l->count && status == ISK_OK; i++) {
        place[i] = 0;
        for (int k = 0; k < l->count; k++) { place[i] += strcmp(names_get(&l->classes, k), names_get(&l->classes, i)) < 0; }
    }
    for (int64_t i = 0; i < l->rows && status == ISK_OK; i++) { copy->codes[i] = l->codes[i] < 0 ? -1 : place[l->codes[i]]; }
    free(place);
    return status;
}

isk_status source_divide(source *a, double validation) {
    const source_settings *s = a->s;
    const cell_column *parts = NULL, *groups = NULL;
    labels types = { 0 }, donors = { 0 };
    isk_status status = s->labels ? source_labels(a, s->labels) : ISK_OK;
    if (status == ISK_OK && s->labels) { status = data_check_labels(&a->d, a->context, s->labels, "cells"); }
    if (status == ISK_OK && s->split) { status = source_classes(a, "--split", s->split, &parts); }
    if (status == ISK_OK && s->group) { status = source_classes(a, "--group", s->group, &groups); }
    if (status == ISK_OK && a->d.has_labels) { status = ordered(a, &a->d.labels, &types); }
    if (status == ISK_OK && groups) { status = ordered(a, &groups->classes, &donors); }
    if (status == ISK_OK && !(a->d.part = calloc((size_t)a->d.rows + 1, 1))) { status = no_memory(a->context, "the split"); }
    if (status == ISK_OK) {
        const split_settings how = { .split = s->split, .parts = parts ? &parts->classes : NULL, .group = s->group,
                                     .groups = groups ? &donors : NULL, .test = s->test, .validation = validation, .seed = s->seed,
                                     .rows = a->d.rows, .labels = types.codes };
        status = split_rows(a->context, &how, a->d.part, &a->d.groups);
    }
    labels_free(&types);
    labels_free(&donors);
    return status;
}

/* ---- preparation ---- */

static int copy_bytes(void **copy, const void *from, size_t size) {
    *copy = from ? malloc(size + 1) : NULL;
    if (*copy) { memcpy(*copy, from, size); }
    return !from || *copy;
}

/* The view of a modality: a copy, as preparation changes it and the counts are written again at the end. */
static isk_status copy_view(source *a, int from, int view) {
    const input *in = &a->c.modality[from].in;
    input *copy = &a->d.v.in[view];
    const size_t entries = (size_t)in->sparse.count;
    int ok;
    *copy = (input){ .context = in->context, .path = in->path ? in->path : a->c.modality[from].name, .rows = in->rows, .cols = in->cols,
                     .is_sparse = in->is_sparse };
    memcpy(copy->about, in->about, sizeof copy->about);
    memcpy(a->d.v.name[view], a->c.modality[from].name, sizeof a->d.v.name[view]);
    if (in->is_sparse) {
        copy->sparse = (sparse){ .rows = in->sparse.rows, .cols = in->sparse.cols, .count = in->sparse.count };
        ok = copy_bytes((void **)&copy->sparse.starts, in->sparse.starts, sizeof *in->sparse.starts * (size_t)(in->sparse.rows + 1)) &&
             copy_bytes((void **)&copy->sparse.columns, in->sparse.columns, sizeof *in->sparse.columns * entries) &&
             copy_bytes((void **)&copy->sparse.values, in->sparse.values, sizeof *in->sparse.values * entries);
    } else {
        ok = copy_bytes((void **)&copy->values, in->values, sizeof *in->values * (size_t)in->rows * (size_t)in->cols);
    }
    for (int64_t i = 0; i < in->column_names.count && ok; i++) { ok = names_add(&copy->column_names, names_get(&in->column_names, i)); }
    if (ok) { ok = copy_bytes((void **)&a->d.v.present[view], a->c.present[from], (size_t)a->c.rows); }
    return ok ? ISK_OK : no_memory(a->context, a->c.modality[from].name);
}

/* Counts that were normalized already would be so once more, and nothing would look wrong. */
static void warn_of_normalized(const source *a, const modality *m, int view) {
    const input *in = &m->in;
    const char *norm = a->d.v.recipe[view].norm;
    const isk_scalar *values = in->is_sparse ? in->sparse.values : in->values;
    const int64_t count = in->is_sparse ? in->sparse.count : in->rows * in->cols;
    if (strcmp(norm, "none") == 0 || strcmp(norm, "zscore") == 0) { return; }
    for (int64_t i = 0; i < count; i++) {
        if (isfinite(values[i]) && values[i] - floor((double)values[i]) != 0) {
            progress_warn(a->bar, "%s: not all values are whole numbers, and %s takes counts: were they normalized before?  --layer NAME "
                          "or --layer raw reads counts that stand beside them, --%s raw takes the values as they are", m->name, norm,
                          modality_kind_name(m->kind));
            return;
        }
    }
}

/* What is neither RNA nor protein nor ATAC may be no measurement of the cell at all, such as the tags of pooled samples. */
static void warn_of_other(const source *a) {
    for (int i = 0; i < a->c.count && !a->s->modalities && !a->s->file[MODALITY_OTHER]; i++) {
        const modality *m = &a->c.modality[i];
        if (m->kind == MODALITY_OTHER) {
            progress_warn(a->bar, "'%s' is taken for a modality of its own; --modalities says which are", m->key);
        }
    }
}

isk_status source_prepare(source *a) {
    isk_status status = ISK_OK;
    if (a->c.count < 2 && a->s->modalities) {
        return isk_set_error(a->context, ISK_ARGUMENT, "--modalities %s leaves one modality; two are needed", a->s->modalities);
    }
    if (a->c.count < 2) {
        return isk_set_error(a->context, ISK_DATA, "%s holds one modality, %s; two are needed: a column of feature types tells them apart "
                             "in one file, --rna-file and --protein-file read one from each",
                             a->c.path ? a->c.path : "the input", a->c.count ? a->c.modality[0].name : "none");
    }
    a->d.v.rows = a->c.rows;
    a->d.v.count = a->c.count;
    for (int i = 0; i < a->c.count && status == ISK_OK; i++) {
        const modality *m = &a->c.modality[i];
        status = copy_view(a, i, i);
        if (status == ISK_OK) { status = recipe_parse(a->context, a->s->prepare[m->kind], modality_kind_name(m->kind), &a->d.v.recipe[i]); }
        if (status == ISK_OK) { warn_of_normalized(a, m, i); }
    }
    warn_of_other(a);
    return status == ISK_OK ? views_learn(&a->d.v, a->d.part) : status;
}

isk_status source_recall(source *a, const isk_model *model) {
    isk_status status = ISK_OK;
    int found = 0;
    a->d.v.rows = a->c.rows;
    a->d.v.count = isk_model_views(model);
    for (int view = 0; view < a->d.v.count && status == ISK_OK; view++) {
        char key[32];
        const char *name;
        snprintf(key, sizeof key, "user.x%d.modality", view + 1);
        name = isk_model_get_text(model, key);
        if (!name) {
            return isk_set_error(a->context, ISK_DATA, "the model does not say which modality its view %d was; was it saved by `indiseek "
                                                       "run`?",
                                 view + 1);
        }
        for (int i = 0; i < a->c.count && status == ISK_OK; i++) {
            if (strcmp(a->c.modality[i].name, name) != 0) { continue; }
            status = copy_view(a, i, view);
            if (status == ISK_OK) { status = recipe_get(&a->d.v.recipe[view], a->context, model, view); }
            if (status == ISK_OK) { warn_of_normalized(a, &a->c.modality[i], view); }
            found++;
        }
    }
    if (status == ISK_OK && !found) {
        return isk_set_error(a->context, ISK_DATA, "%s has none of the modalities that the model was trained on",
                             a->c.path ? a->c.path : "the input");
    }
    return status == ISK_OK ? views_apply(&a->d.v) : status;
}

/* ---- words ---- */

static void say_labels(const source *a) {
    enum { FEW = 20 };
    int64_t labelled = 0, scored = 0, held = 0;
    for (int64_t i = 0; i < a->d.rows; i++) {
        labelled += a->d.labels.codes[i] >= 0;
        held += a->d.part[i] == ISK_TEST;
        scored += a->d.labels.codes[i] >= 0 && a->d.part[i] == ISK_TEST;
    }
    progress_say(a->bar, "%s: %d type%s; %lld of %lld cells have one", a->s->labels, a->d.labels.count,
                 a->d.labels.count == 1 ? "" : "s", (long long)labelled, (long long)a->d.rows);
    data_warn_of_labels(&a->d, a->s->labels, "cells", a->bar);
    if (held > 0 && scored < FEW && a->d.labels.count > 1) {
        progress_warn(a->bar, "only %lld held-out cells have a type: scores of types say little", (long long)scored);
    }
}

void source_say(const source *a) {
    char words[RECIPE_WORDS];
    for (int i = 0; i < a->d.v.count; i++) {
        int64_t absent = 0;
        if (!a->d.v.x[i].data) { continue; }
        for (int64_t k = 0; k < a->d.rows && a->d.v.present[i]; k++) { absent += !a->d.v.present[i][k]; }
        progress_say(a->bar, "%s: %lld features; %s", a->c.modality[i].name, (long long)a->c.modality[i].in.cols,
                     recipe_words(&a->d.v.recipe[i], words));
        if (absent) { progress_say(a->bar, "    not measured in %lld cells, whose features of it are NaN", (long long)absent); }
    }
    progress_say(a->bar, "cells: %lld train, %lld validation, %lld test", (long long)split_count(a->d.part, a->d.rows, ISK_TRAIN),
                 (long long)split_count(a->d.part, a->d.rows, ISK_VALIDATION), (long long)split_count(a->d.part, a->d.rows, ISK_TEST));
    if (a->s->group) {
        char how[SPLIT_WORDS];
        progress_say(a->bar, "%s: %d groups; %s", a->s->group, a->d.groups.count, split_words(&a->d.groups, how));
    }
    if (a->d.has_labels) { say_labels(a); }
}

void source_free(source *a) {
    cells_free(&a->c);
    data_free(&a->d);
    memset(a, 0, sizeof *a);
}
