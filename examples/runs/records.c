#include "records.h"

#include "training.h"
#include "../base/lines.h"
#include "../base/options.h"

#include <errno.h>
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

int records_add_field(records *r, const char *name, int count) {
    record_field *field = &r->fields[r->field_count];
    if (r->field_count == MOST_FIELDS) { return MOST_FIELDS - 1; }
    snprintf(field->name, sizeof field->name, "%s", name);
    field->count = count;
    return r->field_count++;
}

int records_field(const records *r, const char *name) {
    int field = 0;
    while (field < r->field_count && strcmp(r->fields[field].name, name) != 0) { field++; }
    return field;
}

double *records_at(const records *r, const sweep_record *s, int model, int field) {
    return s->values + (size_t)model * (size_t)records_width(r) + offset_of(r, field);
}

sweep_record *records_find(const records *r, const char *name, int number) {
    for (int i = 0; i < r->count; i++) {
        if (r->sweeps[i].number == number && strcmp(r->sweeps[i].name, name) == 0) { return &r->sweeps[i]; }
    }
    return NULL;
}

sweep_record *records_add(records *r, const char *name, int number, const double *lambdas, int lambda_count, int seeds) {
    sweep_record *more = realloc(r->sweeps, ((size_t)r->count + 1) * sizeof *more), *s;
    size_t count, models;
    if (!more) { return NULL; }
    r->sweeps = more;
    s = &more[r->count];
    *s = (sweep_record){ .number = number, .lambdas = lambdas, .lambda_count = lambda_count, .seeds = seeds };
    snprintf(s->name, sizeof s->name, "%s", name);
    models = (size_t)records_models(s);
    count = models * (size_t)records_width(r);
    s->values = malloc(count * sizeof *s->values);
    s->there = calloc(models, 1);
    if (!s->values || !s->there) {
        free(s->values);
        free(s->there);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) { s->values[i] = NAN; }
    r->count++;
    return s;
}

void records_drop(records *r) {
    r->count--;
    free(r->sweeps[r->count].values);
    free(r->sweeps[r->count].there);
}

void records_free(records *r) {
    while (r->count) { records_drop(r); }
    free(r->sweeps);
    r->sweeps = NULL;
}

double records_lambda(const sweep_record *s, int model) {
    return s->lambda_count ? s->lambdas[model / at_least_one(s->seeds)] : (double)NAN;
}

uint64_t records_seed(const configuration *c, const sweep_record *s, int model) {
    return c->seed + (uint64_t)(model % at_least_one(s->seeds));
}

/* ---- writing ---- */

static void write_number(const records *r, const sweep_record *s, text *out) {
    text_json_key(out, r->number);
    if (r->words) {
        text_json_string(out, r->words[s->number - 1]);
    } else {
        text_json_number(out, s->number ? (double)s->number : NAN);
    }
}

static void write_run(const records *r, const configuration *c, const sweep_record *s, int model, text *out) {
    text_add(out, "{");
    if (r->number && r->number_first) { write_number(r, s, out); }
    text_json_key(out, "method");
    text_json_string(out, s->name);
    if (r->number && !r->number_first) { write_number(r, s, out); }
    if (!r->without_lambda) { text_json_member(out, "lambda", records_lambda(s, model)); }
    text_json_key(out, "seed");
    if (s->seeds) {
        text_format(out, "%llu", (unsigned long long)records_seed(c, s, model));
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

/* ---- reading one run ---- */

enum { HAS_NAME = 1, HAS_NUMBER = 2, HAS_LAMBDA = 4, HAS_SEED = 8 };

typedef struct reading {
    records *r;
    isk_context *context;
    configuration *c;
    const char *file;
    char where[4300];               /* "FILE: runs[2]", "FILE: line 3" */
    int at;                         /* number of the run being read; -1: none */
    char name[48];
    int number, has, with_seed;     /* has: which of the members before the fields */
    double lambda;
    uint64_t seed;
    double *values;                 /* [width] */
    char *found;                    /* [width] */
} reading;

static isk_status reading_open(reading *to, records *r, configuration *c, isk_context *context, const char *file) {
    const size_t width = (size_t)records_width(r) + 1;
    *to = (reading){ .r = r, .context = context, .c = c, .file = file, .at = -1, .values = malloc(sizeof *to->values * width),
                     .found = calloc(width, 1) };
    return to->values && to->found ? ISK_OK : no_memory(context, file);
}

static void reading_close(reading *r) {
    free(r->values);
    free(r->found);
}

static void begin_run(reading *r) {
    r->name[0] = 0;
    r->number = r->has = r->with_seed = 0;
    r->lambda = NAN;
    memset(r->found, 0, (size_t)records_width(r->r));
}

static isk_status wrong(reading *r, const char *what) { return isk_set_error(r->context, ISK_DATA, "%s %s", r->where, what); }

/* The place of the number "test" or "test.0" among those of a model; the width where there is none. */
static int place_of(const records *r, const char *key) {
    int place = 0;
    for (int i = 0; i < r->field_count; place += at_least_one(r->fields[i++].count)) {
        const size_t length = strlen(r->fields[i].name);
        char *end;
        long at;
        if (strncmp(key, r->fields[i].name, length) != 0) { continue; }
        if (!r->fields[i].count && !key[length]) { return place; }
        if (!r->fields[i].count || key[length] != '.') { continue; }
        at = strtol(key + length + 1, &end, 10);
        if (end != key + length + 1 && !*end && at >= 0 && at < r->fields[i].count) { return place + (int)at; }
    }
    return place;
}

/* -1: it is none. */
static int read_number(const records *r, isk_json_kind kind, const char *value, double number) {
    if (!r->words) { return kind == ISK_JSON_NULL ? 0 : number >= 1 && number <= 1e9 && number == floor(number) ? (int)number : -1; }
    for (int i = 0; i < r->word_count; i++) {
        if (strcmp(r->words[i], value) == 0) { return i + 1; }
    }
    return -1;
}

static isk_status read_member(reading *r, const char *key, isk_json_kind kind, const char *value) {
    double number = NAN;
    int head = 0, place, ok = 1;
    if (kind == ISK_JSON_NUMBER) { isk_parse_number(value, strlen(value), &number); }
    if (strcmp(key, "method") == 0) {
        head = HAS_NAME;
        snprintf(r->name, sizeof r->name, "%s", value);
    } else if (r->r->number && strcmp(key, r->r->number) == 0) {
        head = HAS_NUMBER;
        r->number = read_number(r->r, kind, value, number);
        ok = r->number >= 0;
    } else if (strcmp(key, "lambda") == 0 && !r->r->without_lambda) {
        head = HAS_LAMBDA;
        r->lambda = number;
    } else if (strcmp(key, "seed") == 0) {
        head = HAS_SEED;
        r->with_seed = kind == ISK_JSON_NUMBER;
        r->seed = strtoull(value, NULL, 10);
    } else {
        place = place_of(r->r, key);
        ok = place < records_width(r->r) && !r->found[place] && (kind == ISK_JSON_NUMBER || kind == ISK_JSON_NULL);
        if (ok) {
            r->values[place] = number;
            r->found[place] = 1;
        }
    }
    if (!ok || (r->has & head)) { return isk_set_error(r->context, ISK_DATA, "%s: %s is %s", r->where, key, value); }
    r->has |= head;
    return ISK_OK;
}

/* JSON holds 9 digits of a number that a float holds, and 15 of others. */
static int same(double a, double b) { return fabs(a - b) <= 1e-8 * fabs(b); }

/* Which model of its sweep that is; -1: none. */
static int model_of(const reading *r, const sweep_record *s) {
    const uint64_t seed = r->seed - r->c->seed;             /* far too large where it is one before the first */
    int lambda = 0;
    if ((s->seeds > 0) != r->with_seed || (s->seeds && seed >= (uint64_t)s->seeds)) { return -1; }
    if (!s->lambda_count) { return isfinite(r->lambda) ? -1 : s->seeds ? (int)seed : 0; }
    while (lambda < s->lambda_count && !same(r->lambda, s->lambdas[lambda])) { lambda++; }
    return lambda < s->lambda_count ? lambda * at_least_one(s->seeds) + (s->seeds ? (int)seed : 0) : -1;
}

static isk_status add_sweep(reading *r, sweep_record **s) {
    const double *lambdas = isfinite(r->lambda) ? r->c->lambdas : NULL;
    int count = lambdas ? r->c->lambda_count : 0;
    if (r->r->lambdas_of) { count = r->r->lambdas_of(r->c, r->name, r->number, &lambdas); }
    if (count < 0) { return isk_set_error(r->context, ISK_DATA, "%s: there is no method '%s'", r->file, r->name); }
    *s = records_add(r->r, r->name, r->number, lambdas, count, r->with_seed ? r->c->seeds : 0);
    return *s ? ISK_OK : no_memory(r->context, r->file);
}

/* Puts the run that has been read into its sweep. */
static isk_status end_run(reading *r) {
    const int width = records_width(r->r);
    const int due = HAS_NAME | HAS_SEED | (r->r->number ? HAS_NUMBER : 0) | (r->r->without_lambda ? 0 : HAS_LAMBDA);
    sweep_record *s;
    isk_status status = ISK_OK;
    int model, found = 0;
    for (int i = 0; i < width; i++) { found += r->found[i]; }
    if (r->has != due || found != width) { return wrong(r, "lacks a member"); }
    s = records_find(r->r, r->name, r->number);
    if (!s && !r->r->closed) { status = add_sweep(r, &s); }
    if (status != ISK_OK) { return status; }
    model = s ? model_of(r, s) : -1;
    if (model < 0 || s->there[model]) { return wrong(r, "is not the one that is due there"); }
    memcpy(records_at(r->r, s, model, 0), r->values, sizeof *r->values * (size_t)width);
    s->there[model] = 1;
    return ISK_OK;
}

/* ---- results.json ---- */

static isk_status check_sweeps(const reading *r) {
    for (int i = 0; i < r->r->count; i++) {
        const sweep_record *s = &r->r->sweeps[i];
        int there = 0;
        for (int k = 0; k < records_models(s); k++) { there += s->there[k]; }
        if (there != records_models(s)) {
            return isk_set_error(r->context, ISK_DATA, "%s: %s has %d models where %d are due", r->file, s->name, there, records_models(s));
        }
    }
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
        return isk_set_error(r->context, ISK_DATA, "%s: is no results.json of this study: '%s' stands in it", r->file, path);
    }
    if (at != r->at) {
        if (r->at >= 0) { status = end_run(r); }
        r->at = (int)at;
        snprintf(r->where, sizeof r->where, "%s: runs[%d]", r->file, r->at);
        begin_run(r);
    }
    return status == ISK_OK ? read_member(r, end + 1, kind, value) : status;
}

isk_status records_read(records *all, configuration *c, isk_context *context, const char *file) {
    reading r;
    size_t length;
    char *content = NULL;
    isk_status status = reading_open(&r, all, c, context, file);
    if (status == ISK_OK) { status = read_small_file(context, file, &content, &length); }
    if (status == ISK_OK) { status = isk_json_walk(context, file, content, length, visit, &r); }
    if (status == ISK_OK && r.at >= 0) { status = end_run(&r); }
    if (status == ISK_OK && !all->closed) { status = check_sweeps(&r); }
    if (status == ISK_OK) { status = configuration_complete(c, context, file); }
    free(content);
    reading_close(&r);
    return status;
}

/* ---- line by line ---- */

static isk_status add_line_to(isk_context *context, const char *path, const text *line) {
    FILE *file = line->failed ? NULL : fopen(path, "ab");
    int ok;
    if (line->failed) { return no_memory(context, path); }
    if (!file) { return isk_set_error(context, ISK_IO, "%s cannot be written: %s", path, strerror(errno)); }
    ok = fprintf(file, "%s\n", line->data) > 0;
    ok = fclose(file) == 0 && ok;
    return ok ? ISK_OK : isk_set_error(context, ISK_IO, "%s cannot be written: is the disk full?", path);
}

/* JSON whose ends of lines are blanks. */
isk_status records_lines_begin(const configuration *c, isk_context *context, const char *file) {
    text line = { 0 };
    isk_status status;
    text_add(&line, "{");
    configuration_write(c, &line);
    text_add(&line, "}");
    for (size_t i = 0; i < line.length; i++) { line.data[i] = line.data[i] == '\n' ? ' ' : line.data[i]; }
    status = add_line_to(context, file, &line);
    text_free(&line);
    return status;
}

static isk_status read_head(void *user, const char *path, isk_json_kind kind, const char *value) {
    static const char head[] = "configuration.";
    reading *r = user;
    (void)kind;
    if (strncmp(path, head, sizeof head - 1) != 0) {
        return isk_set_error(r->context, ISK_DATA, "%s: '%s' stands where the settings are due; start afresh", r->where, path);
    }
    return configuration_read(r->c, r->context, r->file, path + sizeof head - 1, value);
}

static isk_status member_of_line(void *user, const char *key, isk_json_kind kind, const char *value) {
    return read_member(user, key, kind, value);
}

static isk_status read_line(reading *r, const char *line, size_t length) {
    isk_status status;
    begin_run(r);
    status = isk_json_walk(r->context, r->where, line, length, member_of_line, r);
    return status == ISK_OK ? end_run(r) : status;
}

isk_status records_lines_read(records *all, configuration *c, isk_context *context, const char *file) {
    reading r;
    lines l;
    char *line;
    size_t length;
    int none;
    isk_status status = reading_open(&r, all, c, context, file);
    if (status != ISK_OK) {
        reading_close(&r);
        return status;
    }
    training_mend_lines(file);
    status = lines_open(context, file, &l);
    while (status == ISK_OK && (status = lines_next(&l, &line, &length)) == ISK_OK && line) {
        snprintf(r.where, sizeof r.where, "%s: line %lld", file, (long long)l.number);
        if (l.number > 1) {
            status = read_line(&r, line, length);
        } else {
            status = isk_json_walk(context, r.where, line, length, read_head, &r);
            if (status == ISK_OK) { status = configuration_complete(c, context, file); }
        }
    }
    none = status == ISK_OK && l.number == 0;
    lines_close(&l);
    reading_close(&r);
    return none ? records_lines_begin(c, context, file) : status;      /* it was killed before the first line was there */
}

isk_status records_lines_add(records *all, configuration *c, isk_context *context, const char *file, const sweep_record *s, int model) {
    text line = { 0 };
    reading r;
    isk_status status = reading_open(&r, all, c, context, file);
    write_run(all, c, s, model, &line);
    snprintf(r.where, sizeof r.where, "%s: a line", file);
    if (status == ISK_OK) { status = add_line_to(context, file, &line); }
    if (status == ISK_OK) { status = read_line(&r, line.data, line.length); }
    text_free(&line);
    reading_close(&r);
    return status;
}
