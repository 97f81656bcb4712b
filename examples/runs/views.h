/* The views that a program reads: their options, files, masks and lengths, and how they are prepared. */
#ifndef VIEWS_H
#define VIEWS_H

#include "../base/options.h"
#include "../cells/preprocess.h"
#include "../base/progress.h"

typedef struct view_settings {
    const char *x[ISK_MAX_VIEWS], *norm[ISK_MAX_VIEWS], *lengths[ISK_MAX_VIEWS], *present[ISK_MAX_VIEWS];
    int transpose[ISK_MAX_VIEWS], hvg[ISK_MAX_VIEWS], pca[ISK_MAX_VIEWS];
} view_settings;
void view_defaults(view_settings *s);
/* For a method that needs counts: views whose preparation nobody named are left as they are. */
void view_keep_counts(view_settings *s);

/* A command whose first options are those of as many views as the library has. */
enum { VIEW_ROWS = 7, MOST_OTHERS = 80 };
typedef struct option_table {
    option rows[1 + ISK_MAX_VIEWS * VIEW_ROWS + MOST_OTHERS];
    char names[ISK_MAX_VIEWS][VIEW_ROWS][24], words[ISK_MAX_VIEWS][FORMATS_WORDS + 30];
    command command;
} option_table;
/* `at`: offset of view_settings in the settings; `learns`: 0 where preparation is that of a model, so that norm, hvg and pca are no
   options.  `c` is completed. */
void option_table_make(option_table *t, const command *c, const char *heading, size_t at, int learns, const option *others, int count);

typedef struct views {
    int64_t rows;
    int count;                      /* of the model, or 1 + the last that is here */
    char name[ISK_MAX_VIEWS][32];   /* in sentences; "": x1, x2, ... */
    input in[ISK_MAX_VIEWS];        /* its lengths too */
    recipe recipe[ISK_MAX_VIEWS];
    isk_matrix x[ISK_MAX_VIEWS];    /* prepared; data NULL where there is no such view */
    isk_scalar *own[ISK_MAX_VIEWS]; /* memory of x where it is not that of `in` */
    uint8_t *present[ISK_MAX_VIEWS];        /* [rows] 0: that row was not measured; NULL: all were */
    isk_matrix summary[ISK_MAX_VIEWS];      /* for probes: x, or the mean over the steps that are there; NaN in absent rows */
    isk_scalar *summary_own[ISK_MAX_VIEWS];
} views;

/* ARGUMENT where a view is given and the one before it is not. */
isk_status views_contiguous(isk_context *context, const view_settings *s);
/* Files, masks and lengths.  Rows are `rows`, 0: those of the first view. */
isk_status views_read(views *v, isk_context *context, const view_settings *s, int64_t rows);
/* Files that name their samples must name the same ones in the same order. */
isk_status views_compare_names(const views *v, isk_context *context, const view_settings *s, progress *bar);
/* What is learned for it comes from the training rows alone.  part [rows] */
isk_status views_prepare(views *v, const view_settings *s, const uint8_t *part);
/* The same by v->recipe, which says what is to be done. */
isk_status views_learn(views *v, const uint8_t *part);
/* As a model was trained: what it keeps (before views_read), and the same done to new samples. */
isk_status views_recall(views *v, isk_context *context, const isk_model *model, view_settings *s);
isk_status views_apply(views *v);
void views_say(const views *v, const view_settings *s, progress *bar);
/* What preparation warns of; views_say does too. */
void views_warn(const views *v, progress *bar);
/* Views, masks, steps and lengths of a fit. */
isk_view view_of(const views *v, int i);
void views_give(const views *v, isk_fit_desc *fit);
void views_free(views *v);

#endif
