#include "views.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- options ---- */

/* Of every view: x1, x1-transpose, x1-norm, x1-pca, ... */
#define FIELD(name) offsetof(view_settings, name)
static const struct { option option; int learns; } view_rows[VIEW_ROWS] = {
    { { "", OPTION_TEXT, FIELD(x), "FILE", NULL, 0, 0, NULL }, 0 },
    { { "-transpose", OPTION_FLAG, FIELD(transpose), NULL, "the file holds features x samples", 0, 0, NULL }, 0 },
    { { "-norm", OPTION_TEXT, FIELD(norm), "WORD",
        "none; zscore: per column; log1p-cp10k: ln(1 + 10000 x / row sum), z-score, cut at 10; clr: Seurat's log ratio per "
        "sample, z-score, cut at 10; clr-feature: per feature; tfidf: Signac's, for ATAC counts, without z-score [zscore]", 0, 0,
        NORM_CHOICES }, 1 },
    { { "-hvg", OPTION_INT, FIELD(hvg), "N",
        "the N features whose counts vary most for their mean, by Seurat's vst; of tfidf those counted most [0: all]", 0, 1000000,
        NULL }, 1 },
    { { "-pca", OPTION_INT, FIELD(pca), "K",
        "first K principal components instead, divided by one number so that their mean variance is 1; of tfidf K components of "
        "LSI after the first, each of deviation 1 [0: none]",
        0, 100000, NULL }, 1 },
    { { "-lengths", OPTION_TEXT, FIELD(lengths), "FILE:COLUMN",
        "how many steps of its sequence each sample really has, whole numbers as text or .npy; what stands beyond is never looked at",
        0, 0, NULL }, 0 },
    { { "-present", OPTION_TEXT, FIELD(present), "FILE:COLUMN",
        "1 for samples of which this view was measured, 0 for others, as text or .npy; what stands in those rows is never looked at",
        0, 0, NULL }, 0 },
};

static const char usual_norm[] = "zscore";

void view_defaults(view_settings *s) {
    for (int i = 0; i < ISK_MAX_VIEWS; i++) { s->norm[i] = usual_norm; }
}

void view_keep_counts(view_settings *s) {
    for (int i = 0; i < ISK_MAX_VIEWS; i++) {
        if (s->norm[i] == usual_norm) { s->norm[i] = "none"; }      /* what was asked for stays, and is refused */
    }
}

/* Options of the first view are told of, of the second in short, of others by their files alone. */
static const char *words_of(option_table *t, int view, int row) {
    if (row == 0) {
        char list[FORMATS_WORDS];
        if (view == 1) { return "the same samples in the same order, as another view has them"; }
        if (view == 0) {
            snprintf(t->words[view], sizeof t->words[view], "samples x features: %s", input_help(list));
            return t->words[view];
        }
        snprintf(t->words[view], sizeof t->words[view], "a further view; --x%d-present and all others as of --x1", view + 1);
        return t->words[view];
    }
    if (view == 0) { return view_rows[row].option.text; }
    return view == 1 ? "the same for x2" : NULL;
}

void option_table_make(option_table *t, const command *c, const char *heading, size_t at, int learns, const option *others, int count) {
    int rows = 0;
    t->rows[rows++] = (option){ NULL, OPTION_HEADING, 0, NULL, heading, 0, 0, NULL };
    for (int view = 0; view < ISK_MAX_VIEWS; view++) {
        for (int i = 0; i < VIEW_ROWS; i++) {
            option *o = &t->rows[rows];
            if (view_rows[i].learns && !learns) { continue; }
            *o = view_rows[i].option;
            snprintf(t->names[view][i], sizeof t->names[view][i], "x%d%s", view + 1, o->name);
            o->name = t->names[view][i];
            o->offset += at + (size_t)view * (o->kind == OPTION_TEXT ? sizeof(const char *) : sizeof(int));
            o->text = words_of(t, view, i);
            rows++;
        }
    }
    if (count > MOST_OTHERS) {              /* no input leads here: a command has more options than its table has rows */
        fprintf(stderr, "%s has %d options, and views.h has room for %d\n", c->name, count, MOST_OTHERS);
        abort();
    }
    memcpy(t->rows + rows, others, (size_t)count * sizeof *others);
    t->command = *c;
    t->command.options = t->rows;
    t->command.option_count = rows + count;
}

/* ---- files ---- */

isk_status views_contiguous(isk_context *context, const view_settings *s) {
    for (int i = 1; i < ISK_MAX_VIEWS; i++) {
        if (s->x[i] && !s->x[i - 1]) { return isk_set_error(context, ISK_ARGUMENT, "--x%d is given, but --x%d is not", i + 1, i); }
    }
    return ISK_OK;
}

static isk_status check_rows(const views *v, isk_context *context, const view_settings *s, int view, int first, int64_t due) {
    const input *in = &v->in[view];
    if (in->rows == 0 || in->cols == 0) {
        return isk_set_error(context, ISK_DATA, "%s: has %lld samples of %lld features; there is nothing to learn from", s->x[view],
                             (long long)in->rows, (long long)in->cols);
    }
    if (first < view && in->rows != v->in[first].rows) {
        const char *which[] = { "first", "second", "third", "fourth" };
        const int turned = in->cols == v->in[first].rows ? view : v->in[first].cols == in->rows ? first : -1;
        char hint[80] = "";
        if (turned >= 0) {
            snprintf(hint, sizeof hint, " (is the %s one transposed? --x%d-transpose)", which[turned < 4 ? turned : 3], turned + 1);
        }
        return isk_set_error(context, ISK_SHAPE, "%s has %lld samples, %s has %lld; rows must be the same samples in %s%s", s->x[first],
                             (long long)v->in[first].rows, s->x[view], (long long)in->rows, view > 1 ? "all views" : "both", hint);
    }
    if (due && in->rows != due) {
        return isk_set_error(context, ISK_SHAPE, "%s has %lld samples where %lld are due", s->x[view], (long long)in->rows, (long long)due);
    }
    return ISK_OK;
}

/* --xN-present, and rows of length 0. */
static isk_status find_present(views *v, isk_context *context, const view_settings *s, int view) {
    const int32_t *lengths = v->in[view].lengths;
    int32_t *given = NULL;
    int64_t there = 0;
    char name[24];
    isk_status status = ISK_OK;
    snprintf(name, sizeof name, "--x%d-present", view + 1);
    if (s->present[view]) { status = input_whole(context, s->present[view], v->rows, name, 0, 1, &given); }
    if (status != ISK_OK || (!given && !lengths)) { return status; }
    v->present[view] = malloc((size_t)v->rows + 1);
    if (!v->present[view]) { status = no_memory(context, name); }
    for (int64_t i = 0; i < v->rows && status == ISK_OK; i++) {
        v->present[view][i] = (uint8_t)((!given || given[i]) && (!lengths || lengths[i] > 0));
        there += v->present[view][i];
    }
    free(given);
    if (status == ISK_OK && there == 0) {
        return isk_set_error(context, ISK_DATA, "%s: no sample of x%d is there", given ? s->present[view] : s->lengths[view], view + 1);
    }
    if (status == ISK_OK && there == v->rows) {
        free(v->present[view]);
        v->present[view] = NULL;
    }
    return status;
}

/* Where a value is missing, the user may not know that there are masks. */
static isk_status hint_at_mask(isk_context *context, int view, isk_status status) {
    char said[900];
    snprintf(said, sizeof said, "%s", isk_error(context));
    if (status != ISK_DATA || (!strstr(said, " is NaN") && !strstr(said, " is a missing value"))) { return status; }
    return isk_set_error(context, status, "%s (samples that were not measured are marked by --x%d-present)", said, view + 1);
}

static isk_status read_view(views *v, isk_context *context, const view_settings *s, int view, int first, int64_t due) {
    input *in = &v->in[view];
    const int partial = s->present[view] || s->lengths[view];
    char name[24];
    isk_status status = input_read(context, s->x[view], &(input_desc){ .transpose = s->transpose[view], .sequences = 1,
                                                                       .missing = partial }, in);
    if (status != ISK_OK && !partial) { return hint_at_mask(context, view, status); }
    snprintf(name, sizeof name, "--x%d-lengths", view + 1);
    if (status == ISK_OK) { status = check_rows(v, context, s, view, first, due); }
    v->rows = in->rows;
    if (status == ISK_OK && s->lengths[view] && !in->steps) {
        status = isk_set_error(context, ISK_ARGUMENT, "%s: %s holds no sequences; those are a .npy of samples x steps x features", name,
                               s->x[view]);
    }
    if (status == ISK_OK && s->lengths[view]) {
        status = input_whole(context, s->lengths[view], in->rows, name, 0, in->steps, &in->lengths);
    }
    if (status == ISK_OK) { status = find_present(v, context, s, view); }
    return status == ISK_OK && partial ? input_check(in, v->present[view]) : status;
}

isk_status views_read(views *v, isk_context *context, const view_settings *s, int64_t rows) {
    isk_status status = ISK_OK;
    int first = -1;
    for (int i = 0; i < ISK_MAX_VIEWS && status == ISK_OK; i++) {
        if (!s->x[i]) {
            if (!s->present[i] && !s->lengths[i]) { continue; }
            return isk_set_error(context, ISK_ARGUMENT, "--x%d-%s is given, but --x%d is not", i + 1,
                                 s->present[i] ? "present" : "lengths", i + 1);
        }
        if (first < 0) { first = i; }
        status = read_view(v, context, s, i, first, rows);
        if (i >= v->count) { v->count = i + 1; }
    }
    return status;
}

static isk_status compare_two(const views *v, isk_context *context, const view_settings *s, progress *bar, int first, int second) {
    const names *a = &v->in[first].row_names, *b = &v->in[second].row_names;
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
                                 (long long)i + 1, one.text, s->x[first], two.text, s->x[second], one.text,
                                 (long long)other + 1);
        }
        progress_warn(bar, "sample %lld is '%s' in %s and '%s' in %s: are the rows the same samples?", (long long)i + 1,
                      one.text, s->x[first], two.text, s->x[second]);
        break;
    }
    return ISK_OK;
}

isk_status views_compare_names(const views *v, isk_context *context, const view_settings *s, progress *bar) {
    isk_status status = ISK_OK;
    int named = -1;
    for (int i = 0; i < v->count && status == ISK_OK; i++) {
        if (!v->in[i].row_names.count) { continue; }
        if (named < 0) { named = i; } else { status = compare_two(v, context, s, bar, named, i); }
    }
    return status;
}

/* ---- preparation ---- */

/* Rows that are not there teach nothing: they count as test rows. */
static uint8_t *part_of_view(const views *v, int view, const uint8_t *part) {
    uint8_t *own = malloc((size_t)v->rows + 1);
    for (int64_t i = 0; i < v->rows && own; i++) { own[i] = (uint8_t)(v->present[view] && !v->present[view][i] ? ISK_TEST : part[i]); }
    return own;
}

static isk_status summarise(views *v, int view) {
    return recipe_summary(&v->recipe[view], &v->in[view], v->x[view], v->present[view], &v->summary[view], &v->summary_own[view]);
}

static const char *name_of(const views *v, int view) {
    static const char *const numbered[ISK_MAX_VIEWS] = { "x1", "x2", "x3", "x4" };
    return v->name[view][0] ? v->name[view] : numbered[view];
}

isk_status views_learn(views *v, const uint8_t *part) {
    isk_status status = ISK_OK;
    for (int i = 0; i < v->count && status == ISK_OK; i++) {
        uint8_t *own;
        if (!v->in[i].path) { continue; }
        own = part_of_view(v, i, part);
        if (!own) { return no_memory(v->in[i].context, v->in[i].path); }
        status = recipe_learn(&v->recipe[i], &v->in[i], name_of(v, i), own, &v->x[i], &v->own[i]);
        free(own);
        if (status == ISK_OK) { status = summarise(v, i); }
    }
    return status;
}

isk_status views_prepare(views *v, const view_settings *s, const uint8_t *part) {
    for (int i = 0; i < v->count; i++) {
        if (!s->x[i]) { continue; }
        snprintf(v->recipe[i].norm, sizeof v->recipe[i].norm, "%s", s->norm[i]);
        v->recipe[i].hvg = s->hvg[i];
        v->recipe[i].pca = s->pca[i];
        v->recipe[i].transpose = s->transpose[i];
    }
    return views_learn(v, part);
}

isk_status views_recall(views *v, isk_context *context, const isk_model *model, view_settings *s) {
    isk_status status = ISK_OK;
    v->count = isk_model_views(model);
    for (int i = 0; i < ISK_MAX_VIEWS && status == ISK_OK; i++) {
        if (!s->x[i]) { continue; }
        if (i >= v->count) {
            return isk_set_error(context, ISK_ARGUMENT, "--x%d is given, but the model was trained on %d views", i + 1, v->count);
        }
        status = recipe_get(&v->recipe[i], context, model, i);
        s->transpose[i] |= v->recipe[i].transpose;
    }
    return status;
}

isk_status views_apply(views *v) {
    isk_status status = ISK_OK;
    for (int i = 0; i < v->count && status == ISK_OK; i++) {
        if (!v->in[i].path) { continue; }
        status = recipe_apply(&v->recipe[i], &v->in[i], name_of(v, i), &v->x[i], &v->own[i]);
        if (status == ISK_OK) { status = summarise(v, i); }
    }
    return status;
}

/* "20 steps of 5 features" */
static const char *extent(const recipe *r, char *buffer, size_t size) {
    if (r->steps) {
        snprintf(buffer, size, "%d steps of %lld features", r->steps, (long long)r->cols);
    } else {
        snprintf(buffer, size, "%lld features", (long long)r->file_cols);
    }
    return buffer;
}

void views_warn(const views *v, progress *bar) {
    for (int i = 0; i < v->count; i++) {
        if (v->recipe[i].warning[0]) { progress_warn(bar, "%s", v->recipe[i].warning); }
    }
}

void views_say(const views *v, const view_settings *s, progress *bar) {
    char words[RECIPE_WORDS], size[64];
    for (int i = 0; i < v->count; i++) {
        int64_t absent = 0;
        if (!v->x[i].data) { continue; }
        progress_say(bar, "x%d  %s: %lld samples x %s (%s); %s", i + 1, s->x[i], (long long)v->rows,
                     extent(&v->recipe[i], size, sizeof size), v->in[i].about, recipe_words(&v->recipe[i], words));
        if (v->recipe[i].constant) {
            progress_say(bar, "    %lld of its features never change in the training rows and say nothing",
                         (long long)v->recipe[i].constant);
        }
        for (int64_t k = 0; k < v->rows && v->present[i]; k++) { absent += !v->present[i][k]; }
        if (absent) {
            progress_say(bar, "    %lld of its samples are not there: their features are NaN, and scores leave them out",
                         (long long)absent);
        }
    }
    views_warn(v, bar);
}

isk_view view_of(const views *v, int i) {
    return (isk_view){ .x = v->x[i], .present = v->present[i], .steps = v->recipe[i].steps, .lengths = v->in[i].lengths,
                       .name = name_of(v, i) };
}

void views_give(const views *v, isk_fit_desc *fit) {
    fit->view_count = v->count;
    for (int i = 0; i < v->count; i++) {
        fit->views[i] = view_of(v, i);
    }
}

void views_free(views *v) {
    for (int i = 0; i < ISK_MAX_VIEWS; i++) {
        input_free(&v->in[i]);
        recipe_free(&v->recipe[i]);
        free(v->own[i]);
        free(v->summary_own[i]);
        free(v->present[i]);
    }
    memset(v, 0, sizeof *v);
}
