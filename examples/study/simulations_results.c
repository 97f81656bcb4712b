/* results.json of `study simulations`. */
#include "simulations.h"

#include "../base/options.h"

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

/* ---- writing ---- */

static void runs_at(const measurements *m, const configuration *c, const char *indent, text *out) {
    int first = 1;
    text_add(out, "[");
    for (int i = 0; i < m->count; i++) {
        const measured *s = &m->sweeps[i];
        char name[64];
        for (int k = 0; k < s->lambda_count * c->seeds; k++) {
            text_format(out, "%s\n%s", first ? "" : ",", indent);
            setting_json(out, s->setting, sweep_name(s->method, s->stale, name), &s->runs[k]);
            first = 0;
        }
    }
    text_format(out, "\n%s]", indent + 2);
}

void measurements_runs(const measurements *m, const configuration *c, text *out) {
    runs_at(m, c, "  ", out);
    text_add(out, "\n");
}

void measurements_write(const measurements *m, const configuration *c, text *out) {
    text_add(out, "{\n");
    configuration_write(c, out);
    text_add(out, ",\n  \"runs\": ");
    runs_at(m, c, "    ", out);
    text_add(out, "\n}\n");
}

/* ---- reading ---- */

enum {                              /* members of a run; the bits below are its importances */
    HAS_LAMBDA = 1 << SETTING_COLS, HAS_SEED = HAS_LAMBDA << 1, HAS_ERROR = HAS_SEED << 1, HAS_SECONDS = HAS_ERROR << 1,
    HAS_SETTING = HAS_SECONDS << 1, HAS_METHOD = HAS_SETTING << 1, HAS_ALL = (HAS_METHOD << 1) - 1
};

typedef struct reading {
    measurements *m;
    isk_context *context;
    const char *file;
    configuration *c;
    int at, setting, stale, has;    /* the run being read, and what of it has been */
    const isk_method *method;
    setting_run run;
    int filled[MOST_SWEEPS];        /* runs of each sweep */
} reading;

/* Puts the run that has been read into its sweep, where it must be the next. */
static isk_status run_ends(reading *r) {
    measurements *m = r->m;
    measured s;
    double lambda;
    int i, place;
    if (r->at < 0) { return ISK_OK; }
    if (r->has != HAS_ALL) {
        return isk_set_error(r->context, ISK_DATA, "%s: runs[%d] lacks a member", r->file, r->at);
    }
    s = sweep_of(r->c, r->setting, r->method, r->stale);
    for (i = 0; i < m->count; i++) {
        if (&m->sweeps[i] == measurements_find(m, r->setting, r->method, r->stale)) { break; }
    }
    if (i == m->count && s.lambda_count) {
        s.runs = calloc((size_t)(s.lambda_count * r->c->seeds), sizeof *s.runs);
        if (!s.runs) { return ISK_MEMORY; }
        m->sweeps[m->count++] = s;
    }
    place = s.lambda_count ? r->filled[i]++ : 0;
    lambda = place < s.lambda_count * r->c->seeds ? s.lambdas[place / r->c->seeds] : NAN;
    if (!(fabs(r->run.lambda / lambda - 1) < 1e-12 || r->run.lambda == lambda) ||
        r->run.seed != r->c->seed + (uint64_t)(place % r->c->seeds)) {
        return isk_set_error(r->context, ISK_DATA, "%s: runs[%d] is not the one that is due there", r->file, r->at);
    }
    m->sweeps[i].runs[place] = r->run;
    r->has = 0;
    r->at = -1;
    return ISK_OK;
}

static isk_status read_run(reading *r, const char *key, isk_json_kind kind, const char *value) {
    static const char importance[] = "importance.";
    double number = NAN;
    int bit = 0;
    if (kind == ISK_JSON_NUMBER) { isk_parse_number(value, strlen(value), &number); }
    if (strcmp(key, "setting") == 0 && number >= 1 && number <= 4 && number == floor(number)) {
        r->setting = (int)number;
        bit = HAS_SETTING;
    } else if (strcmp(key, "method") == 0) {
        const size_t length = strlen(value), tail = sizeof stale_words - 1;
        char name[64];
        isk_status status;
        r->stale = length > tail && strcmp(value + length - tail, stale_words) == 0;
        snprintf(name, sizeof name, "%.*s", (int)(r->stale ? length - tail : length), value);
        status = isk_method_find(r->context, name, &r->method);
        if (status != ISK_OK) {
            return isk_set_error(r->context, ISK_DATA, "%s: there is no method '%s'", r->file, value);
        }
        bit = HAS_METHOD;
    } else if (strcmp(key, "lambda") == 0 && isfinite(number)) {
        r->run.lambda = number;
        bit = HAS_LAMBDA;
    } else if (strcmp(key, "seed") == 0 && kind == ISK_JSON_NUMBER) {
        r->run.seed = strtoull(value, NULL, 10);
        bit = HAS_SEED;
    } else if (strncmp(key, importance, sizeof importance - 1) == 0 && key[sizeof importance - 1] >= '0' &&
               key[sizeof importance - 1] < '0' + SETTING_COLS && !key[sizeof importance]) {
        int j = key[sizeof importance - 1] - '0';
        r->run.importance[j] = number;
        r->run.diverged |= !isfinite(number);
        bit = 1 << j;
    } else if (strcmp(key, "reconstruction_error") == 0) {
        r->run.error = number;
        bit = HAS_ERROR;
    } else if (strcmp(key, "seconds") == 0) {
        r->run.seconds = number;
        bit = HAS_SECONDS;
    }
    if (!bit || (r->has & bit)) {
        return isk_set_error(r->context, ISK_DATA, "%s: runs[%d]: %s is %s", r->file, r->at, key, value);
    }
    r->has |= bit;
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
        r->has = 0;
        r->run = (setting_run){ 0 };
    }
    return status == ISK_OK ? read_run(r, end + 1, kind, value) : status;
}

isk_status measurements_read(measurements *m, isk_context *context, const char *file, configuration *c) {
    reading r = { .m = m, .context = context, .file = file, .c = c, .at = -1 };
    size_t length;
    char *content;
    isk_status status = read_small_file(context, file, &content, &length);
    if (status == ISK_OK) { status = isk_json_walk(context, file, content, length, visit, &r); }
    free(content);
    if (status == ISK_OK) { status = run_ends(&r); }
    if (status == ISK_OK) { status = configuration_complete(c, context, file); }
    for (int i = 0; i < m->count && status == ISK_OK; i++) {
        const measured *s = &m->sweeps[i];
        char name[64];
        if (r.filled[i] == s->lambda_count * c->seeds) { continue; }
        status = isk_set_error(context, ISK_DATA, "%s: setting %d, %s has %d models where %d are due", file,
                               s->setting, sweep_name(s->method, s->stale, name), r.filled[i],
                               s->lambda_count * c->seeds);
    }
    return status;
}
