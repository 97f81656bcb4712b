#include "methods.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A method of one's own, written as examples/own_method.c writes one in a file beside this, is on every command line once it
   stands here: `const isk_method mine = ...` there, without static, and here  extern const isk_method mine;  { &mine, NULL } */
static const isk_method *const own_methods[] = { NULL };

int methods_count(void) {
    int own = 0;
    while (own_methods[own]) { own++; }
    return isk_method_count(NULL) + own;
}

const isk_method *methods_get(int index) {
    const int library = isk_method_count(NULL);
    if (index < 0 || index >= methods_count()) { return NULL; }
    return index < library ? isk_method_get(NULL, index) : own_methods[index - library];
}

const isk_method *methods_named(const char *name) {
    for (int i = 0; name && i < methods_count(); i++) {
        if (strcmp(isk_method_name(methods_get(i)), name) == 0) { return methods_get(i); }
    }
    return NULL;
}

double methods_lambda(const isk_model *model) {
    return isk_model_method(model)->can & ISK_HAS_LAMBDA ? isk_model_options(model)->lambda : (double)NAN;
}

isk_context *methods_open(const isk_context_desc *desc) {
    isk_context *context = isk_open(desc);
    for (int i = 0; own_methods[i] && context; i++) {
        if (isk_method_add(context, own_methods[i]) == ISK_OK) { continue; }
        fprintf(stderr, "%s\n", isk_error(context));
        isk_close(context);
        context = NULL;
    }
    return context;
}

isk_status methods_set_own(isk_context *context, const isk_method *method, const char *list, isk_options *options) {
    isk_status status = ISK_OK;
    for (const char *at = list; at && *at && status == ISK_OK;) {
        const size_t length = strcspn(at, ",");
        char pair[200], *value;
        int i = isk_option_count(NULL);
        snprintf(pair, sizeof pair, "%.*s", (int)length, at);
        value = strchr(pair, '=');
        if (value) { *value++ = 0; }
        while (i < isk_option_count(method) && strcmp(isk_option_get(method, i)->name, pair) != 0) { i++; }
        if (!value || i == isk_option_count(method)) {
            return isk_set_error(context, ISK_ARGUMENT, "--own %s: method %s has no option of its own '%s'; give NAME=VALUE", list,
                                 isk_method_name(method), pair);
        }
        status = isk_option_set(context, method, options, pair, value);
        at += length + (at[length] == ',');
    }
    return status;
}
