/* The views that a study reads: their options, files and preparation. */
#ifndef VIEWS_H
#define VIEWS_H

#include "../common/options.h"
#include "../common/preprocess.h"
#include "../common/progress.h"

typedef struct view_settings {
    const char *x[ISK_MAX_VIEWS], *norm[ISK_MAX_VIEWS];
    int transpose[ISK_MAX_VIEWS], pca[ISK_MAX_VIEWS];
} view_settings;
void view_defaults(view_settings *s);

/* A command whose first options are those of as many views as the library has. */
enum { VIEW_ROWS = 4, MOST_OTHERS = 48 };
typedef struct option_table {
    option rows[1 + ISK_MAX_VIEWS * VIEW_ROWS + MOST_OTHERS];
    char names[ISK_MAX_VIEWS][VIEW_ROWS][32], words[ISK_MAX_VIEWS][32];
    command command;
} option_table;
/* `at`: offset of view_settings in the settings.  `c` is completed. */
void option_table_make(option_table *t, const command *c, size_t at, const option *others, int count);

typedef struct views {
    int64_t rows;
    int count;
    input in[ISK_MAX_VIEWS];
    recipe recipe[ISK_MAX_VIEWS];
    isk_matrix x[ISK_MAX_VIEWS];    /* prepared */
    isk_scalar *own[ISK_MAX_VIEWS]; /* memory of x where it is not that of `in` */
} views;

isk_status views_read(views *v, isk_context *context, const view_settings *s);
/* What is learned for it comes from the training rows alone.  part [rows] */
isk_status views_prepare(views *v, const view_settings *s, const uint8_t *part);
void views_say(const views *v, const view_settings *s, progress *bar);
void views_free(views *v);

#endif
