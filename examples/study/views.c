#include "views.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- options ---- */

static const option heading = {
    NULL, OPTION_HEADING, 0, NULL, "Data (--x1 and --x2; --x3 ... where there are more views)", 0, 0, NULL
};

/* Of every view: x1, x1-transpose, x1-norm, x1-pca. */
#define FIELD(name) offsetof(view_settings, name)
static const option view_rows[VIEW_ROWS] = {
    { "", OPTION_TEXT, FIELD(x), "FILE", "samples x features: .npy, CSV or TSV, .mtx; the latter two also as .gz",
      0, 0, NULL },
    { "-transpose", OPTION_FLAG, FIELD(transpose), NULL, "the file holds features x samples", 0, 0, NULL },
    { "-norm", OPTION_TEXT, FIELD(norm), "WORD",
      "none; zscore: per column; log1p-cp10k: ln(1 + 10000 x / row sum), z-score, cut at 10; clr: Seurat's log ratio "
      "per sample, z-score [zscore]", 0, 0, NORM_CHOICES },
    { "-pca", OPTION_INT, FIELD(pca), "K",
      "first K principal components instead, divided by one number so that their mean variance is 1 [0: none]",
      0, 100000, NULL },
};

void view_defaults(view_settings *s) {
    for (int i = 0; i < ISK_MAX_VIEWS; i++) { s->norm[i] = "zscore"; }
}

void option_table_make(option_table *t, const command *c, size_t at, const option *others, int count) {
    int rows = 0;
    t->rows[rows++] = heading;
    for (int view = 0; view < ISK_MAX_VIEWS; view++) {
        snprintf(t->words[view], sizeof t->words[view], "the same for view %d", view + 1);
        for (int i = 0; i < VIEW_ROWS; i++) {
            option *o = &t->rows[rows++];
            *o = view_rows[i];
            snprintf(t->names[view][i], sizeof t->names[view][i], "x%d%s", view + 1, view_rows[i].name);
            o->name = t->names[view][i];
            o->offset += at + (size_t)view * (o->kind == OPTION_TEXT ? sizeof(const char *) : sizeof(int));
            if (view) { o->text = t->words[view]; }
        }
    }
    if (count > MOST_OTHERS) { count = MOST_OTHERS; }
    memcpy(t->rows + rows, others, (size_t)count * sizeof *others);
    t->command = *c;
    t->command.options = t->rows;
    t->command.option_count = rows + count;
}

/* ---- files ---- */

/* One view from its file.  This is the place where a sequence, .npy of [n, T, features] beside a file of lengths,
   would be read; all that follows takes samples x features. */
static isk_status read_view(input *in, isk_context *context, const view_settings *s, int view) {
    return input_read(context, s->x[view], &(input_desc){ .transpose = s->transpose[view] }, in);
}

isk_status views_read(views *v, isk_context *context, const view_settings *s) {
    isk_status status = ISK_OK;
    for (int i = 0; i < ISK_MAX_VIEWS && status == ISK_OK; i++) {
        if (!s->x[i]) { continue; }
        if (i > v->count) {
            return isk_set_error(context, ISK_ARGUMENT, "--x%d is given, but --x%d is not", i + 1, v->count + 1);
        }
        status = read_view(&v->in[i], context, s, i);
        if (status != ISK_OK) { return status; }
        v->count++;
        if (i && v->in[i].rows != v->rows) {
            status = isk_set_error(context, ISK_SHAPE, "%s has %lld samples, %s has %lld; rows must be the same "
                                   "samples in all views%s", s->x[0], (long long)v->rows, s->x[i],
                                   (long long)v->in[i].rows,
                                   v->in[i].cols == v->rows ? " (is the latter transposed?)" : "");
        }
        v->rows = v->in[0].rows;
    }
    return status;
}

isk_status views_prepare(views *v, const view_settings *s, const uint8_t *part) {
    isk_status status = ISK_OK;
    for (int i = 0; i < v->count && status == ISK_OK; i++) {
        char name[16];
        snprintf(name, sizeof name, "x%d", i + 1);
        snprintf(v->recipe[i].norm, sizeof v->recipe[i].norm, "%s", s->norm[i]);
        v->recipe[i].pca = s->pca[i];
        v->recipe[i].transpose = s->transpose[i];
        status = recipe_learn(&v->recipe[i], &v->in[i], name, part, &v->x[i], &v->own[i]);
    }
    return status;
}

void views_say(const views *v, const view_settings *s, progress *bar) {
    char words[96];
    for (int i = 0; i < v->count; i++) {
        progress_say(bar, "x%d  %s: %lld samples x %lld features (%s); %s", i + 1, s->x[i], (long long)v->rows,
                     (long long)v->recipe[i].cols, v->in[i].about, recipe_words(&v->recipe[i], words));
    }
}

void views_free(views *v) {
    for (int i = 0; i < ISK_MAX_VIEWS; i++) {
        input_free(&v->in[i]);
        recipe_free(&v->recipe[i]);
        free(v->own[i]);
    }
    memset(v, 0, sizeof *v);
}
