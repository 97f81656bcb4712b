#include "configuration.h"

#include "../base/fail.h"

#include <stdio.h>
#include <string.h>

void configuration_add(configuration *c, const char *key, const char *value, int word) {
    member *m = &c->members[c->count];
    if (c->count == MOST_MEMBERS) { return; }
    snprintf(m->key, sizeof m->key, "%s", key);
    snprintf(m->value, sizeof m->value, "%s", value);
    m->word = word;
    c->count++;
}

void configuration_number(configuration *c, const char *key, double value) {
    text words = { 0 };
    text_json_number(&words, value);
    configuration_add(c, key, words.data ? words.data : "", 0);
    text_free(&words);
}

void configuration_grid(configuration *c, const char *preset) {
    char words[64];
    text list = { 0 };
    for (int i = 0; i < c->lambda_count; i++) {
        text_add(&list, i ? "," : "");
        text_number(&list, c->lambdas[i], 15);
    }
    configuration_add(c, "lambda", list.data ? list.data : "", 1);
    text_free(&list);
    configuration_number(c, "seeds", c->seeds);
    snprintf(words, sizeof words, "%llu", (unsigned long long)c->seed);
    configuration_add(c, "seed", words, 0);
    configuration_add(c, "preset", preset, 1);
}

void configuration_options(configuration *c, const isk_options *resolved) {
    char words[64];
    for (int i = 0; i < isk_option_count(NULL); i++) {
        const isk_option_info *info = isk_option_get(NULL, i);
        if (strcmp(info->name, "lambda") == 0) { continue; }               /* of the grid */
        configuration_add(c, info->name, isk_option_text(NULL, resolved, i, words), info->kind == ISK_OPTION_CHOICE);
    }
}

static isk_status find_method(isk_context *context, const char *name, const isk_method **method) {
    isk_status status = isk_method_find(context, name, method);
    nearest best = nearest_to(name);
    if (status == ISK_OK) { return status; }
    for (int i = 0; i < isk_method_count(context); i++) { nearest_consider(&best, isk_method_name(isk_method_get(context, i))); }
    if (best.word) {
        text sentence = { 0 };
        text_format(&sentence, "%s; did you mean '%s'?", isk_error(context), best.word);
        isk_set_error(context, status, "%s", sentence.data ? sentence.data : "");
        text_free(&sentence);
    }
    return status;
}

isk_status configuration_methods(isk_context *context, const char *list, const isk_method **methods, int *count) {
    isk_status status = ISK_OK;
    *count = 0;
    for (const char *at = list; at && status == ISK_OK;) {
        const char *comma = strchr(at, ',');
        char name[64];
        const isk_method *method;
        snprintf(name, sizeof name, "%.*s", comma ? (int)(comma - at) : (int)strlen(at), at);
        status = find_method(context, name, &method);
        for (int i = 0; i < *count && status == ISK_OK; i++) {
            if (methods[i] == method) { status = isk_set_error(context, ISK_ARGUMENT, "--methods has %s twice", name); }
        }
        if (status == ISK_OK) { methods[(*count)++] = method; }
        at = comma ? comma + 1 : NULL;
    }
    return status;
}

void configuration_free(configuration *c) {
    text_free(&c->made_on);
    text_free(&c->made_by);
}

/* Unless it stands there. */
static void add_line(text *lines, const char *line) {
    size_t length = strlen(line);
    for (const char *at = lines->data; at && *at; at += strcspn(at, "\n"), at += *at == '\n') {
        if (strcspn(at, "\n") == length && memcmp(at, line, length) == 0) { return; }
    }
    if (lines->length) { text_add(lines, "\n"); }
    text_add(lines, line);
}

void configuration_made(configuration *c, const isk_context *context, int argc, char **argv) {
    text line = { 0 };
    typed_line(&line, argc, argv);
    add_line(&c->made_by, line.data ? line.data : "");
    add_line(&c->made_on, isk_device_text(context));
    text_free(&line);
}

/* ---- writing ---- */

static void write_words(const char *key, const text *words, text *out) {
    text_add(out, "\n    ");
    text_json_key(out, key);
    text_json_string(out, words->data ? words->data : "");
}

void configuration_write(const configuration *c, text *out) {
    text_add(out, "  \"configuration\": {");
    write_words("made_by", &c->made_by, out);
    write_words("made_on", &c->made_on, out);
    for (int i = 0; i < c->count; i++) {
        text_add(out, "\n    ");
        text_json_key(out, c->members[i].key);
        if (c->members[i].word) {
            text_json_string(out, c->members[i].value);
        } else {
            text_add(out, c->members[i].value);
        }
    }
    text_add(out, "\n  }");
}

/* ---- reading ---- */

static isk_status differs(isk_context *context, const char *file, const member *m, const char *there) {
    return isk_set_error(context, ISK_MISMATCH, "%s: %s is %s in the results and %s here; resume with what they "
                         "were made with, or start afresh", file, m->key, there, m->value);
}

isk_status configuration_read(configuration *c, isk_context *context, const char *file, const char *key,
                              const char *value) {
    if (strcmp(key, "made_by") == 0 || strcmp(key, "made_on") == 0) {
        for (const char *at = value; *at; at += strcspn(at, "\n"), at += *at == '\n') {
            text line = { 0 };
            text_add_bytes(&line, at, strcspn(at, "\n"));
            add_line(key[5] == 'b' ? &c->made_by : &c->made_on, line.data ? line.data : "");
            text_free(&line);
        }
        return ISK_OK;
    }
    for (int i = 0; i < c->count; i++) {
        const member *m = &c->members[i];
        if (strcmp(m->key, key) != 0) { continue; }
        c->seen[i] = 1;
        return strcmp(m->value, value) == 0 ? ISK_OK : differs(context, file, m, value);
    }
    return isk_set_error(context, ISK_MISMATCH, "%s: %s is no part of a study by this version (%s); start afresh",
                         file, key, ISK_VERSION);
}

isk_status configuration_complete(const configuration *c, isk_context *context, const char *file) {
    for (int i = 0; i < c->count; i++) {
        if (!c->seen[i]) { return differs(context, file, &c->members[i], "missing"); }
    }
    return ISK_OK;
}
