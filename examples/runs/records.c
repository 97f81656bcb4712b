#include "records.h"

#include "../base/options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int at_least_one(int n) { return n > 1 ? n : 1; }

int records_models(const sweep_record *s) { return at_least_one(s->lambda_count) * at_least_one(s->seeds); }

static int offset_of(const records *r, int field) {
    int offset = 0;
    for (int i = 0; i < field; i++) { offset += at_least_one(r->fields[i].count); }
    return offset;
}

int records_width(const records *r) { return offset_of(r, r->field_count); }

double *records_at(const records *r, const sweep_record *s, int model, int field) {
    return s->values + (size_t)model * (size_t)records_width(r) + offset_of(r, field);
}

sweep_record *records_find(const records *r, const char *name, int dim) {
    for (int i = 0; i < r->count; i++) {
        if (r->sweeps[i].dim == dim && strcmp(r->sweeps[i].name, name) == 0) { return &r->sweeps[i]; }
    }
    return NULL;
}

sweep_record *records_add(records *r, const char *name, int dim, int lambda_count, int seeds) {
    sweep_record *more = realloc(r->sweeps, ((size_t)r->count + 1) * sizeof *more), *s;
    size_t count;
    if (!more) { return NULL; }
    r->sweeps = more;
    s = &more[r->count];
    *s = (sweep_record){ .dim = dim, .lambda_count = lambda_count, .seeds = seeds };
    snprintf(s->name, sizeof s->name, "%s", name);
    count = (size_t)records_models(s) * (size_t)records_width(r);
    s->values = malloc(count * sizeof *s->values);
    if (!s->values) { return NULL; }
    for (size_t i = 0; i < count; i++) { s->values[i] = NAN; }
    r->count++;
    return s;
}

void records_drop(records *r) { free(r->sweeps[--r->count].values); }

void records_free(records *r) {
    while (r->count) { records_drop(r); }
    free(r->sweeps);
    r->sweeps = NULL;
}

/* ---- writing ---- */

static void write_run(const records *r, const configuration *c, const sweep_record *s, int model, text *out) {
    text_add(out, "{");
    text_json_key(out, "method");
    text_json_string(out, s->name);
    text_json_member(out, "dim", s->dim ? (double)s->dim : NAN);
    text_json_member(out, "lambda", s->lambda_count ? c->lambdas[model / at_least_one(s->seeds)] : (double)NAN);
    text_json_key(out, "seed");
    if (s->seeds) {
        text_format(out, "%llu", (unsigned long long)(c->seed + (uint64_t)(model % s->seeds)));
    } else {
        text_add(out, "null");
    }
    for (int i = 0; i < r->field_count; i++) {
        const double *values = records_at(r, s, model, i);
        text_json_key(out, r->fields[i].name);
        text_add(out, r->fields[i].count ? "[" : "");
        for (int k = 0; k < at_least_one(r->fields[i].count); k++) {
            text_add(out, k ? ", " : "");
            text_json_number(out, values[k]);
        }
        text_add(out, r->fields[i].count ? "]" : "");
    }
    text_add(out, "}");
}

void records_runs(const records *r, const configuration *c, const char *indent, text *out) {
    int first = 1;
    text_add(out, "[");
    for (int i = 0; i < r->count; i++) {
        for (int model = 0; model < records_models(&r->sweeps[i]); model++) {
            text_format(out, "%s\n%s", first ? "" : ",", indent);
            write_run(r, c, &r->sweeps[i], model, out);
            first = 0;
        }
    }
    text_format(out, "\n%s]", indent + 2);
}

void records_write(const records *r, const configuration *c, text *out) {
    text_add(out, "{\n");
    configuration_write(c, out);
    text_add(out, ",\n  \"runs\": ");
    records_runs(r, c, "    ", out);
    text_add(out, "\n}\n");
}

/* ---- reading ---- */

typedef struct reading {
    records *r;
    isk_context *context;
    const char *file;
    configuration *c;
    int at;                         /* number of the run being read; -1: none */
    char name[48];
    double dim, lambda;
    uint64_t seed;
    int heads, with_seed;           /* of method, dim, lambda, seed: how many have been read */
    double *values;                 /* [width] */
    int value;                      /* how many of them have been read */
    int filled;                     /* models of the sweep read last */
} reading;

static isk_status wrong(reading *r, const char *what) {
    return isk_set_error(r->context, ISK_DATA, "%s: runs[%d] %s", r->file, r->at, what);
}

static isk_status sweep_ends(reading *r) {
    const sweep_record *s = r->r->count ? &r->r->sweeps[r->r->count - 1] : NULL;
    if (!s || r->filled == records_models(s)) { return ISK_OK; }
    return isk_set_error(r->context, ISK_DATA, "%s: %s has %d models where %d are due", r->file, s->name, r->filled,
                         records_models(s));
}

/* JSON holds 15 digits. */
static int same(double a, double b) { return fabs(a - b) <= 1e-12 * fabs(b); }

/* Puts the run that has been read into its sweep, where it must be the next. */
static isk_status run_ends(reading *r) {
    const int dim = isfinite(r->dim) ? (int)r->dim : 0, width = records_width(r->r);
    sweep_record *s = r->r->count ? &r->r->sweeps[r->r->count - 1] : NULL;
    isk_status status = ISK_OK;
    if (r->at < 0) { return ISK_OK; }
    if (r->heads != 4 || r->value != width) { return wrong(r, "lacks a member"); }
    if (!s || s->dim != dim || strcmp(s->name, r->name) != 0) {
        status = sweep_ends(r);
        if (status != ISK_OK) { return status; }
        if (records_find(r->r, r->name, dim)) { return wrong(r, "is not the one that is due there"); }
        s = records_add(r->r, r->name, dim, isfinite(r->lambda) ? r->c->lambda_count : 0,
                        r->with_seed ? r->c->seeds : 0);
        if (!s) { return ISK_MEMORY; }
        r->filled = 0;
    }
    if (r->filled >= records_models(s) || (s->lambda_count > 0) != isfinite(r->lambda) ||
        (s->lambda_count && !same(r->lambda, r->c->lambdas[r->filled / at_least_one(s->seeds)])) ||
        (s->seeds > 0) != r->with_seed || (s->seeds && r->seed != r->c->seed + (uint64_t)(r->filled % s->seeds))) {
        return wrong(r, "is not the one that is due there");
    }
    memcpy(records_at(r->r, s, r->filled++, 0), r->values, sizeof *r->values * (size_t)width);
    return ISK_OK;
}

/* The name that the next value must have: "test" or "test.0". */
static void name_of_value(const records *r, int value, char name[64]) {
    int field = 0;
    while (field < r->field_count && value >= at_least_one(r->fields[field].count)) {
        value -= at_least_one(r->fields[field++].count);
    }
    if (field == r->field_count) {
        name[0] = 0;
    } else if (r->fields[field].count) {
        snprintf(name, 64, "%s.%d", r->fields[field].name, value);
    } else {
        snprintf(name, 64, "%s", r->fields[field].name);
    }
}

static isk_status read_value(reading *r, const char *key, isk_json_kind kind, const char *value) {
    static const char *const heads[] = { "method", "dim", "lambda", "seed" };
    double number = NAN;
    char due[64];
    if (kind == ISK_JSON_NUMBER) { isk_parse_number(value, strlen(value), &number); }
    if (r->heads < 4) {
        if (strcmp(key, heads[r->heads]) != 0) { return wrong(r, "lacks a member"); }
        switch (r->heads++) {
            case 0: snprintf(r->name, sizeof r->name, "%s", value); break;
            case 1: r->dim = number; break;
            case 2: r->lambda = number; break;
            default:
                r->with_seed = kind == ISK_JSON_NUMBER;
                r->seed = strtoull(value, NULL, 10);
        }
        return ISK_OK;
    }
    name_of_value(r->r, r->value, due);
    if (strcmp(key, due) != 0 || (kind != ISK_JSON_NUMBER && kind != ISK_JSON_NULL)) {
        return isk_set_error(r->context, ISK_DATA, "%s: runs[%d]: %s is %s", r->file, r->at, key, value);
    }
    r->values[r->value++] = number;
    return ISK_OK;
}

static isk_status visit(void *user, const char *path, isk_json_kind kind, const char *value) {
    static const char options[] = "configuration.", runs[] = "runs.";
    reading *r = user;
    char *end;
    long at;
    isk_status status = ISK_OK;
    if (strncmp(path, options, sizeof options - 1) == 0) {
        return configuration_read(r->c, r->context, r->file, path + sizeof options - 1, value);
    }
    at = strncmp(path, runs, sizeof runs - 1) == 0 ? strtol(path + sizeof runs - 1, &end, 10) : -1;
    if (at < 0 || *end != '.') {
        return isk_set_error(r->context, ISK_DATA, "%s: is no results.json of this study: '%s' stands in it", r->file,
                             path);
    }
    if (at != r->at) {
        status = run_ends(r);
        r->at = (int)at;
        r->heads = r->value = 0;
    }
    return status == ISK_OK ? read_value(r, end + 1, kind, value) : status;
}

isk_status records_read(records *all, configuration *c, isk_context *context, const char *file) {
    reading r = { .r = all, .context = context, .file = file, .c = c, .at = -1 };
    size_t length;
    char *content = NULL;
    isk_status status = ISK_MEMORY;
    r.values = malloc(sizeof *r.values * (size_t)records_width(all));
    if (r.values) { status = read_small_file(context, file, &content, &length); }
    if (status == ISK_OK) { status = isk_json_walk(context, file, content, length, visit, &r); }
    if (status == ISK_OK) { status = run_ends(&r); }
    if (status == ISK_OK) { status = sweep_ends(&r); }
    if (status == ISK_OK) { status = configuration_complete(c, context, file); }
    free(content);
    free(r.values);
    return status;
}
