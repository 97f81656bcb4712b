/* A small fit of each method of a study: what it refuses is known before hours of work. */
#ifndef TRIAL_H
#define TRIAL_H

#include "views.h"

typedef struct trial {
    isk_status status;              /* OK: the method takes views like these.  What so few rows say of SHAPE or DATA says nothing of all */
    char words[600];
    int has_lambda;
} trial;

/* fit: preset and options.  tried [count]; MEMORY alone is returned. */
isk_status trials_make(isk_context *context, const views *v, const uint8_t *part, const isk_fit_desc *fit,
                       const isk_method *const *methods, int count, trial *tried);

#endif
