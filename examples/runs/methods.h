/* Which methods the programs know: those of the library and one's own, a line each in methods.c. */
#ifndef METHODS_H
#define METHODS_H

#include "indiseek.h"

int methods_count(void);
const isk_method *methods_get(int index);       /* the library's first; NULL beyond the last */
const isk_method *methods_named(const char *name);       /* NULL: there is none, or no name */
/* The lambda of a model; NaN where its method has none. */
double methods_lambda(const isk_model *model);
/* isk_open, where models of own methods load and their names are found.  NULL: no memory, or an own method that is none (said). */
isk_context *methods_open(const isk_context_desc *desc);
/* "beta=2,gamma=0.5": options of the method's own, into options. */
isk_status methods_set_own(isk_context *context, const isk_method *method, const char *list, isk_options *options);

#endif
