#include "json.h"

#include <stdlib.h>
#include <string.h>

typedef struct walk {
    isk_context *context;
    const char *file, *text;
    size_t length, at;
    char *value;                    /* of the last string or number, [length + 1] */
    char path[200];                 /* its length bounds the depth of what is read */
    json_visit *visit;
    void *user;
} walk;

static isk_status due(walk *w, const char *what) {
    return isk_set_error(w->context, ISK_DATA, "%s: JSON at offset %llu: %s", w->file, (unsigned long long)w->at, what);
}

/* The next character that is no blank, 0 at the end. */
static char next(walk *w) {
    while (w->at < w->length && strchr(" \t\r\n", w->text[w->at]) && w->text[w->at]) { w->at++; }
    return w->at < w->length ? w->text[w->at] : (char)0;
}

static int take(walk *w, char c) {
    if (next(w) != c) { return 0; }
    w->at++;
    return 1;
}

/* \n, \", \u0041; the programs here write no escape beyond 7 bits. */
static int escape(walk *w, char *to) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t", digits[] = "0123456789abcdef";
    const char *found;
    char c = w->at < w->length ? w->text[w->at++] : (char)0;
    int code = 0;
    if (c && (found = strchr(names, c)) != NULL) {
        *to = values[found - names];
        return 1;
    }
    if (c != 'u' || w->length - w->at < 4) { return 0; }
    for (int i = 0; i < 4; i++) {
        char digit = w->text[w->at++];
        found = digit ? strchr(digits, digit | 0x20) : NULL;
        if (!found) { return 0; }
        code = 16 * code + (int)(found - digits);
    }
    *to = (char)code;
    return code > 0 && code < 128;
}

static isk_status read_string(walk *w) {
    size_t count = 0;
    if (!take(w, '"')) { return due(w, "a string is due"); }
    while (w->at < w->length && w->text[w->at] != '"') {
        char c = w->text[w->at++];
        if ((unsigned char)c < ' ') { return due(w, "a control character in a string"); }
        if (c == '\\' && !escape(w, &c)) { return due(w, "an escape that is not read here"); }
        w->value[count++] = c;
    }
    w->value[count] = 0;
    return w->at < w->length && w->text[w->at++] == '"' ? ISK_OK : due(w, "the string never ends");
}

static isk_status read_word(walk *w, isk_json_kind *kind) {
    static const char *const words[] = { "true", "false", "null" };
    size_t rest = w->length - w->at, count = 0;
    double number;
    for (int i = 0; i < 3; i++) {
        count = strlen(words[i]);
        if (rest < count || memcmp(w->text + w->at, words[i], count) != 0) { continue; }
        *kind = (isk_json_kind)(ISK_JSON_TRUE + i);
        w->at += count;
        strcpy(w->value, words[i]);
        return ISK_OK;
    }
    count = isk_parse_number(w->text + w->at, rest, &number);
    if (!count) { return due(w, "a value is due"); }
    *kind = ISK_JSON_NUMBER;
    memcpy(w->value, w->text + w->at, count);
    w->value[count] = 0;
    w->at += count;
    return ISK_OK;
}

/* Appends ".name" to the path; returns its old length, or -1 when there is no room. */
static int enter(walk *w, const char *name) {
    size_t old = strlen(w->path), more = strlen(name);
    if (old + more + 2 > sizeof w->path) { return -1; }
    if (old) { w->path[old] = '.'; }
    memcpy(w->path + old + (old > 0), name, more + 1);
    return (int)old;
}

static isk_status read_value(walk *w);

static isk_status read_members(walk *w, int named) {
    const char close = named ? '}' : ']';
    isk_status status = ISK_OK;
    w->at++;
    if (take(w, close)) { return ISK_OK; }
    for (int i = 0; status == ISK_OK; i++) {
        int old;
        char index[16], *to = index + sizeof index - 1;
        *to = 0;
        for (int rest = i; to == index + sizeof index - 1 || rest > 0; rest /= 10) { *--to = (char)('0' + rest % 10); }
        if (named) {
            status = read_string(w);
            if (status == ISK_OK && !take(w, ':')) { status = due(w, "a colon is due"); }
            if (status != ISK_OK) { return status; }
        }
        old = enter(w, named ? w->value : to);
        if (old < 0) { return due(w, "names that are too long, or too deep"); }
        status = read_value(w);
        w->path[old] = 0;
        if (status != ISK_OK || take(w, close)) { return status; }
        if (!take(w, ',')) { return due(w, named ? "a comma or } is due" : "a comma or ] is due"); }
    }
    return status;
}

static isk_status read_value(walk *w) {
    isk_json_kind kind = ISK_JSON_STRING;
    char c = next(w);
    isk_status status;
    if (c == '{' || c == '[') { return read_members(w, c == '{'); }
    status = c == '"' ? read_string(w) : read_word(w, &kind);
    return status == ISK_OK ? w->visit(w->user, w->path, kind, w->value) : status;
}

isk_status json_walk(isk_context *context, const char *file, json_visit *visit, void *user) {
    isk_reader reader;
    walk w = { .context = context, .file = file, .visit = visit, .user = user };
    isk_status status = isk_reader_open(context, file, &reader);
    char *text = NULL;
    int64_t got = -1;
    if (status != ISK_OK) { return status; }
    if (reader.size < (uint64_t)1 << 30) {
        text = malloc((size_t)reader.size + 1);
        w.value = malloc((size_t)reader.size + 8);
    }
    if (text && w.value) { got = reader.read(reader.user, 0, text, (size_t)reader.size); }
    if (!text || !w.value) {
        status = isk_set_error(context, ISK_MEMORY, "%s: no memory for %llu bytes", file,
                               (unsigned long long)reader.size);
    } else if (got < 0 || (uint64_t)got != reader.size) {
        status = isk_set_error(context, ISK_IO, "%s cannot be read", file);
    } else {
        w.text = text;
        w.length = (size_t)got;
        status = read_value(&w);
        if (status == ISK_OK && next(&w)) { status = due(&w, "something follows the value"); }
    }
    isk_reader_close(&reader);
    free(text);
    free(w.value);
    return status;
}
