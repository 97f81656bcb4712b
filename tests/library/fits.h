/* What tests of whole fits share: a context of one thread and one of two, and everything that transform gives of the rows of a fit.
   Include after indiseek.h and hostile.h, and after ROWS, how many rows the fits have. */
#ifndef FITS_H
#define FITS_H

#include "outputs.h"

enum { MOST = 16 };                         /* columns of a view or of its features */

static isk_context *context;                /* one thread */
static isk_context *twice;                  /* two threads */

static UNUSED_FUNCTION int close_context(void **state) {
    (void)state;
    isk_close(context);
    isk_close(twice);
    return 0;
}

static UNUSED_FUNCTION void ok(isk_status status) {
    if (status != ISK_OK) { fail_msg("%s / %s", isk_error(context), isk_error(twice)); }
}

static UNUSED_FUNCTION isk_model *fitted(isk_context *owner, const isk_fit_desc *fit) {
    isk_model *model = NULL;
    ok(isk_fit(owner, fit, &model));
    return model;
}

/* Everything that transform gives of the rows of a fit; zeros where the model has none. */
typedef struct features { isk_scalar c[ISK_MAX_VIEWS][ROWS * MOST], z[ISK_MAX_VIEWS][ROWS * MOST], g[ISK_MAX_VIEWS][ROWS * MOST],
                          fused[ROWS * MOST]; } features;

static UNUSED_FUNCTION isk_transform_desc asked(const isk_model *model, const isk_fit_desc *fit, features *out) {
    isk_transform_desc desc;
    int view;
    memset(&desc, 0, sizeof desc);
    memset(out, 0, sizeof *out);
    for (view = 0; view < isk_model_views(model); view++) {
        desc.views[view] = fit->views[view];
        ask_if_there(&desc, model, ISK_ROLE_SHARED, view, out->c[view]);
        ask_if_there(&desc, model, ISK_ROLE_SPECIFIC, view, out->z[view]);
        ask_if_there(&desc, model, ISK_ROLE_RECONSTRUCTION, view, out->g[view]);
    }
    ask_if_there(&desc, model, ISK_ROLE_FUSED, ISK_NONE, out->fused);
    return desc;
}

static UNUSED_FUNCTION void features_of(const isk_model *model, const isk_fit_desc *fit, features *out) {
    isk_transform_desc desc = asked(model, fit, out);
    ok(isk_transform(model, &desc));
}

#endif
