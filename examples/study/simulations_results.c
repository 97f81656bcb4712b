/* results.json of `study simulations`. */
#include "simulations.h"

#include "../base/lines.h"
#include "../runs/methods.h"
#include "../runs/records.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what has been measured ---- */

void measurements_free(measurements *m) {
    for (int i = 0; i < m->count; i++) { free(m->sweeps[i].runs); }
    m->count = 0;
}

const measured *measurements_find(const measurements *m, int setting, const isk_method *method, int stale) {
    for (int i = 0; i < m->count; i++) {
        const measured *s = &m->sweeps[i];
        if (s->setting == setting && s->method == method && s->stale == stale) { return s; }
    }
    return NULL;
}

int same_lambda(double a, double b) { return fabs(a - b) <= 1e-9 * fabs(b); }

/* Failures that the paper shows and that may be a stale critic's: one is tried there, too. */
static const struct { int setting; const isk_method *method; double lambda; } stale_sweeps[] = {
    { 1, ISK_FACTORIZEDCL, 1 }, { 2, ISK_FACTORIZEDCL, 1 }, { 2, ISK_INDISEEK, 10 },
    { 3, ISK_FACTORIZEDCL, 1 }, { 4, ISK_FACTORIZEDCL, 1 },
};

measured sweep_of(const configuration *c, int setting, const isk_method *method, int stale) {
    measured s = { .setting = setting, .method = method, .stale = stale, .lambdas = c->lambdas };
    if (!stale) { s.lambda_count = c->lambda_count; }
    for (size_t i = 0; stale && i < sizeof stale_sweeps / sizeof *stale_sweeps; i++) {
        if (stale_sweeps[i].setting != setting || stale_sweeps[i].method != method) { continue; }
        for (int k = 0; k < c->lambda_count; k++) {
            if (!same_lambda(c->lambdas[k], stale_sweeps[i].lambda)) { continue; }
            s.lambdas = c->lambdas + k;
            s.lambda_count = 1;
        }
    }
    return s;
}

static const char stale_words[] = ", stale critic";

const char *sweep_name(const isk_method *method, int stale, char buffer[64]) {
    snprintf(buffer, 64, "%s%s", isk_method_name(method), stale ? stale_words : "");
    return buffer;
}

/* The method's part of such a name, and whether the other is there. */
static int is_stale(const char *name, char method[48]) {
    const size_t length = strlen(name), tail = sizeof stale_words - 1;
    const int stale = length > tail && strcmp(name + length - tail, stale_words) == 0;
    snprintf(method, 48, "%.*s", (int)(stale ? length - tail : length), name);
    return stale;
}

/* ---- as a table of runs ---- */

/* The lambdas of a sweep that is read. */
static int lambdas_of(const configuration *c, const char *name, int setting, const double **lambdas) {
    char method[48];
    const int stale = is_stale(name, method);
    const isk_method *found = NULL;
    measured s;
    for (int i = 0; i < methods_count(); i++) {
        if (strcmp(isk_method_name(methods_get(i)), method) == 0) { found = methods_get(i); }
    }
    if (!found) { return -1; }
    s = sweep_of(c, setting, found, stale);
    *lambdas = s.lambdas;
    return s.lambda_count;
}

/* 0 without memory. */
static int to_records(const measurements *m, const configuration *c, records *r) {
    *r = setting_records();
    for (int i = 0; i < m->count; i++) {
        const measured *s = &m->sweeps[i];
        char name[64];
        sweep_record *to = records_add(r, sweep_name(s->method, s->stale, name), s->setting, s->lambdas, s->lambda_count, c->seeds);
        if (!to) { return 0; }
        for (int k = 0; k < records_models(to); k++) { setting_to_record(&s->runs[k], r, to, k); }
    }
    return 1;
}

static isk_status from_record(measurements *m, const configuration *c, isk_context *context, const char *file, const records *r,
                              const sweep_record *from) {
    char method[48];
    measured s = { .setting = from->number, .stale = is_stale(from->name, method), .lambdas = from->lambdas,
                   .lambda_count = from->lambda_count };
    if (isk_method_find(context, method, &s.method) != ISK_OK || from->number < 1 || from->number > 4 || m->count == MOST_SWEEPS) {
        return isk_set_error(context, ISK_DATA, "%s: there is no sweep of setting %d by '%s'", file, from->number, from->name);
    }
    s.runs = calloc((size_t)records_models(from), sizeof *s.runs);
    if (!s.runs) { return no_memory(context, file); }
    for (int k = 0; k < records_models(from); k++) { s.runs[k] = setting_from_record(c, r, from, k); }
    m->sweeps[m->count++] = s;
    return ISK_OK;
}

/* ---- results.json ---- */

void measurements_runs(const measurements *m, const configuration *c, text *out) {
    records r;
    if (!to_records(m, c, &r)) { out->failed = 1; }
    records_runs(&r, c, "  ", out);
    text_add(out, "\n");
    records_free(&r);
}

void measurements_write(const measurements *m, const configuration *c, text *out) {
    records r;
    if (!to_records(m, c, &r)) { out->failed = 1; }
    records_write(&r, c, out);
    records_free(&r);
}

isk_status measurements_read(measurements *m, isk_context *context, const char *file, configuration *c) {
    records r = setting_records();
    isk_status status;
    r.lambdas_of = lambdas_of;
    status = records_read(&r, c, context, file);
    for (int i = 0; i < r.count && status == ISK_OK; i++) { status = from_record(m, c, context, file, &r, &r.sweeps[i]); }
    records_free(&r);
    return status;
}
