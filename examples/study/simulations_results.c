/* results.json of `study simulations`. */
#include "simulations.h"

#include "../common/options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void configuration_add(configuration *c, const char *key, const char *value, int word) {
    member *m = &c->members[c->count];
    if (c->count == MOST_MEMBERS) { return; }
    snprintf(m->key, sizeof m->key, "%s", key);
    snprintf(m->value, sizeof m->value, "%s", value);
    m->word = word;
    c->count++;
}

/* ---- what has been measured ---- */

void measurements_free(measurements *m) {
    for (int i = 0; i < m->count; i++) { free(m->sweeps[i].runs); }
    text_free(&m->made_on);
    text_free(&m->made_by);
    m->count = 0;
}

const measured *measurements_find(const measurements *m, int setting, isk_method method) {
    for (int i = 0; i < m->count; i++) {
        if (m->sweeps[i].setting == setting && m->sweeps[i].method == method) { return &m->sweeps[i]; }
    }
    return NULL;
}

void add_line(text *lines, const char *line) {
    size_t length = strlen(line);
    for (const char *at = lines->data; at && *at; at += strcspn(at, "\n"), at += *at == '\n') {
        if (strcspn(at, "\n") == length && memcmp(at, line, length) == 0) { return; }
    }
    if (lines->length) { text_add(lines, "\n"); }
    text_add(lines, line);
}

/* ---- writing ---- */

static void runs_at(const measurements *m, const configuration *c, const char *indent, text *out) {
    int first = 1;
    text_add(out, "[");
    for (int i = 0; i < m->count; i++) {
        for (int k = 0; k < c->lambda_count * c->seeds; k++) {
            text_format(out, "%s\n%s", first ? "" : ",", indent);
            setting_json(out, m->sweeps[i].setting, isk_method_name(m->sweeps[i].method), &m->sweeps[i].runs[k]);
            first = 0;
        }
    }
    text_format(out, "\n%s]", indent + 2);
}

void measurements_runs(const measurements *m, const configuration *c, text *out) {
    runs_at(m, c, "  ", out);
    text_add(out, "\n");
}

static void write_words(const char *key, const text *words, text *out) {
    text_add(out, "\n    ");
    text_json_key(out, key);
    text_json_string(out, words->data ? words->data : "");
}

void measurements_write(const measurements *m, const configuration *c, text *out) {
    text_add(out, "{\n  \"configuration\": {");
    write_words("made_by", &m->made_by, out);
    write_words("made_on", &m->made_on, out);
    for (int i = 0; i < c->count; i++) {
        text_add(out, "\n    ");
        text_json_key(out, c->members[i].key);
        if (c->members[i].word) {
            text_json_string(out, c->members[i].value);
        } else {
            text_add(out, c->members[i].value);
        }
    }
    text_add(out, "\n  },\n  \"runs\": ");
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
    const configuration *c;
    char seen[MOST_MEMBERS];        /* of the configuration */
    int at, setting, has;           /* the run being read, and what of it has been */
    isk_method method;
    setting_run run;
    int filled[MOST_SWEEPS];        /* runs of each sweep */
} reading;

static isk_status differs(reading *r, const member *m, const char *there) {
    return isk_set_error(r->context, ISK_MISMATCH, "%s: %s is %s in the results and %s here; resume with what they "
                         "were made with, or start afresh", r->file, m->key, there, m->value);
}

static isk_status read_configuration(reading *r, const char *key, const char *value) {
    if (strcmp(key, "made_by") == 0 || strcmp(key, "made_on") == 0) {
        add_line(key[5] == 'b' ? &r->m->made_by : &r->m->made_on, value);
        return ISK_OK;
    }
    for (int i = 0; i < r->c->count; i++) {
        const member *m = &r->c->members[i];
        if (strcmp(m->key, key) != 0) { continue; }
        r->seen[i] = 1;
        return strcmp(m->value, value) == 0 ? ISK_OK : differs(r, m, value);
    }
    return isk_set_error(r->context, ISK_MISMATCH, "%s: %s is no part of a study by this version (%s); start afresh",
                         r->file, key, ISK_VERSION);
}

/* Puts the run that has been read into its sweep, where it must be the next. */
static isk_status run_ends(reading *r) {
    const int each = r->c->lambda_count * r->c->seeds;
    measurements *m = r->m;
    int i, place;
    if (r->at < 0) { return ISK_OK; }
    if (r->has != HAS_ALL) {
        return isk_set_error(r->context, ISK_DATA, "%s: runs[%d] lacks a member", r->file, r->at);
    }
    for (i = 0; i < m->count; i++) {
        if (m->sweeps[i].setting == r->setting && m->sweeps[i].method == r->method) { break; }
    }
    if (i == m->count) {
        setting_run *runs = calloc((size_t)each, sizeof *runs);
        if (!runs) { return ISK_MEMORY; }
        m->sweeps[m->count++] = (measured){ r->setting, r->method, runs };
    }
    place = r->filled[i]++;
    if (place >= each || !(fabs(r->run.lambda / r->c->lambdas[place / r->c->seeds] - 1) < 1e-12 ||
                           r->run.lambda == r->c->lambdas[place / r->c->seeds]) ||
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
        isk_status status = isk_method_find(r->context, value, &r->method);
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
        return read_configuration(r, path + sizeof options - 1, value);
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

isk_status measurements_read(measurements *m, isk_context *context, const char *file, const configuration *c) {
    reading r = { .m = m, .context = context, .file = file, .c = c, .at = -1 };
    size_t length;
    char *content;
    isk_status status = read_small_file(context, file, &content, &length);
    if (status == ISK_OK) { status = isk_json_walk(context, file, content, length, visit, &r); }
    free(content);
    if (status == ISK_OK) { status = run_ends(&r); }
    for (int i = 0; i < c->count && status == ISK_OK; i++) {
        if (!r.seen[i]) { status = differs(&r, &c->members[i], "missing"); }
    }
    for (int i = 0; i < m->count && status == ISK_OK; i++) {
        if (r.filled[i] == c->lambda_count * c->seeds) { continue; }
        status = isk_set_error(context, ISK_DATA, "%s: setting %d, %s has %d models where %d are due", file,
                               m->sweeps[i].setting, isk_method_name(m->sweeps[i].method), r.filled[i],
                               c->lambda_count * c->seeds);
    }
    return status;
}
