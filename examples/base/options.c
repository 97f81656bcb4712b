#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

/* Does it stand on the line without a name? */
static int is_argument(const option *o) { return o->kind == OPTION_ARGUMENT || o->kind == OPTION_ARGUMENTS; }

static const char *nearest_option(const command *c, const char *typed) {
    nearest best = nearest_to(typed);
    for (int i = 0; i < c->option_count; i++) {
        if (c->options[i].kind != OPTION_HEADING && !is_argument(&c->options[i])) {
            nearest_consider(&best, c->options[i].name);
        }
    }
    for (int i = 0; c->library && i < isk_option_count(NULL); i++) { nearest_consider(&best, isk_option_get(NULL, i)->name); }
    return best.word;
}

/* ---- memory of texts that come from files ---- */

typedef struct kept { struct kept *next; char data[1]; } kept;
static kept *kept_texts;            /* reachable until the end */

static const char *keep(const char *s) {
    size_t length = strlen(s);
    kept *k = malloc(sizeof *k + length);
    if (!k) { return NULL; }
    memcpy(k->data, s, length + 1);
    k->next = kept_texts;
    kept_texts = k;
    return k->data;
}

/* ---- values ---- */

/* --shared-epochs and --shared_epochs are the same. */
static int same_name(const char *a, const char *b) {
    for (; *a && *b; a++, b++) {
        if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_'))) { return 0; }
    }
    return *a == *b;
}

const option *options_find(const command *c, const char *name) {
    for (int i = 0; i < c->option_count; i++) {
        const option *o = &c->options[i];
        if (o->kind != OPTION_HEADING && !is_argument(o) && same_name(o->name, name)) { return o; }
    }
    return NULL;
}

static const isk_option_info *find_library_option(const char *name) {
    char plain[64];
    size_t i = 0;
    for (; name[i] && i + 1 < sizeof plain; i++) { plain[i] = name[i] == '-' ? '_' : name[i]; }
    plain[i] = 0;
    return isk_option_get(NULL, name[i] ? -1 : isk_option_find(NULL, plain));
}

/* 1 when `word` is one of "a|b|c". */
static int is_choice(const char *choices, const char *word) {
    size_t length = strlen(word);
    for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL) {
        if (strncmp(at, word, length) == 0 && (at[length] == '|' || at[length] == 0)) { return 1; }
    }
    return 0;
}

static int number(const char *given, double *value) {
    size_t length = strlen(given), used = length ? isk_parse_number(given, length, value) : 0;
    return used > 0 && used == length;
}

/* `who` is "--test" or "FILE: test"; returns 0 or the exit code. */
static int set_number(const char *program, const char *who, const option *o, const char *given, double *value) {
    char low[32], high[32];
    if (!number(given, value)) {
        return usage_error(program, "%s is \"%s\"; it must be a %s", who, given,
                           o->kind == OPTION_INT ? "whole number" : "number");
    }
    if (o->kind == OPTION_INT && *value != (double)(long long)*value) {
        return usage_error(program, "%s is %s; it must be a whole number", who, given);
    }
    if (*value < o->low || *value > o->high) {
        return usage_error(program, "%s is %s; it must lie between %s and %s", who, given,
                           fixed(o->low, o->low == (double)(int)o->low ? 0 : 3, low),
                           fixed(o->high, o->high == (double)(int)o->high ? 0 : 3, high));
    }
    return 0;
}

static int set_reals(const char *program, const char *who, const option *o, const char *given, real_list *list) {
    char item[64];
    list->count = 0;
    for (const char *at = given; at;) {
        const char *comma = strchr(at, ',');
        size_t length = comma ? (size_t)(comma - at) : strlen(at);
        int code;
        if (length >= sizeof item) { length = sizeof item - 1; }
        memcpy(item, at, length);
        item[length] = 0;
        if (list->count == MOST_REALS) {
            return usage_error(program, "%s has more than %d numbers", who, MOST_REALS);
        }
        code = set_number(program, who, o, item, &list->value[list->count++]);
        if (code) { return code; }
        at = comma ? comma + 1 : NULL;
    }
    return 0;
}

static int set_seed(const char *program, const char *who, const char *given, uint64_t *seed) {
    char *end;
    unsigned long long value;
    errno = 0;
    value = strtoull(given, &end, 10);
    if (!*given || *end || *given == '-' || *given == '+' || *given == ' ' || errno) {
        return usage_error(program, "%s is \"%s\"; it must be a whole number below 2^64", who, given);
    }
    *seed = value;
    return 0;
}

static int set_library(const char *program, const char *who, const char *name, const char *given,
                       isk_options *options) {
    isk_context *context = isk_open(&(isk_context_desc){ .threads = 1, .device = ISK_DEVICE_CPU });
    const isk_option_info *info = find_library_option(name);
    isk_status status = !context ? ISK_MEMORY : isk_option_set(context, NULL, options, info->name, given);
    int code = 0;
    if (status != ISK_OK) {
        const char *where = strncmp(who, "--", 2) == 0 ? "" : who;          /* the sentence names the option itself */
        const char *what = context ? isk_error(context) : "out of memory";
        code = usage_error(program, "%s%s%s", where, *where ? ": " : "", what);
    }
    isk_close(context);
    return code;
}

static isk_options *library_field(const command *c, void *settings) {
    return (isk_options *)(void *)((char *)settings + c->library_offset);
}

/* Each line is a word; after those that the list has. */
static int add_words(const command *c, const char *who, const char *given, word_list *list) {
    for (const char *at = given; at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
        char *word;
        if (list->count == MOST_WORDS) { return usage_error(c->name, "%s: more than %d words", who, MOST_WORDS); }
        word = (char *)(uintptr_t)keep(at);
        if (!word) { return fail_as(EXIT_FAILED, c->name, "out of memory"); }
        word[strcspn(word, "\n")] = 0;
        list->word[list->count++] = word;
    }
    return 0;
}

static int set_option(const command *c, const char *who, const option *o, const char *given, void *settings) {
    char *field = (char *)settings + o->offset;
    double value;
    int code;
    switch (o->kind) {
        case OPTION_FLAG:
            if (!is_choice("true|false", given)) {
                return usage_error(c->name, "%s is \"%s\"; it must be true or false", who, given);
            }
            *(int *)(void *)field = strcmp(given, "false") != 0;
            return 0;
        case OPTION_TEXT:
        case OPTION_NAME:
        case OPTION_CONFIG:
        case OPTION_ARGUMENT:
            if (o->kind == OPTION_TEXT && o->choices && !is_choice(o->choices, given)) {
                return usage_error(c->name, "%s is \"%s\"; it must be one of %s", who, given, o->choices);
            }
            if (!*given) { return usage_error(c->name, "%s is empty", who); }
            *(const char **)(void *)field = given;
            return 0;
        case OPTION_INT:
            code = set_number(c->name, who, o, given, &value);
            if (!code) { *(int *)(void *)field = (int)value; }
            return code;
        case OPTION_REAL:
            code = set_number(c->name, who, o, given, &value);
            if (!code) { *(double *)(void *)field = value; }
            return code;
        case OPTION_SEED:
            return set_seed(c->name, who, given, (uint64_t *)(void *)field);
        case OPTION_REALS:
            return set_reals(c->name, who, o, given, (real_list *)(void *)field);
        case OPTION_ARGUMENTS:
            ((word_list *)(void *)field)->count = 0;
            return add_words(c, who, given, (word_list *)(void *)field);
        case OPTION_ALIAS:
            return set_library(c->name, who, o->value, given, library_field(c, settings));
        default:
            return 0;
    }
}

/* ---- files of options ---- */

typedef struct reading {
    const command *command;
    const char *path;
    void *settings;
    int lenient, code;
} reading;

static isk_status read_member(void *user, const char *key, isk_json_kind kind, const char *value) {
    reading *r = user;
    const option *o = options_find(r->command, key), *argument = options_argument(r->command);
    const char *given;
    char who[128];
    snprintf(who, sizeof who, "%.60s: \"%.40s\"", r->path, key);
    if (kind == ISK_JSON_NULL || strcmp(key, "indiseek") == 0 || strcmp(key, "trained_on") == 0) {
        return ISK_OK;                  /* version and device are for people */
    }
    given = keep(value);
    if (!given) { return ISK_MEMORY; }
    if (!o && argument && strcmp(key, argument->name) == 0) { o = argument; }
    if (o) {
        r->code = set_option(r->command, who, o, given, r->settings);
    } else if (r->command->library && find_library_option(key)) {
        r->code = set_library(r->command->name, who, key, given, library_field(r->command, r->settings));
    } else if (!r->lenient) {
        const char *near = nearest_option(r->command, key);
        r->code = usage_error(r->command->name, "%s is no option%s%s%s", who, near ? "; did you mean \"" : "",
                              near ? near : "", near ? "\"?" : "");
    }
    return r->code ? ISK_ARGUMENT : ISK_OK;
}

isk_status read_small_file(isk_context *context, const char *path, char **data, size_t *length) {
    const uint64_t most = 1 << 26;
    isk_reader reader;
    isk_status status = isk_reader_open(context, path, &reader);
    *data = NULL;
    if (status != ISK_OK) { return status; }
    *length = (size_t)reader.size;
    if (reader.size > most) {
        status = isk_set_error(context, ISK_DATA, "%s has %llu bytes; files of settings and results are smaller", path,
                               (unsigned long long)reader.size);
    } else if (!(*data = malloc(*length + 1))) {
        status = isk_set_error(context, ISK_MEMORY, "%s: no memory for %llu bytes", path, (unsigned long long)*length);
    } else if (reader.read(reader.user, 0, *data, *length) != (int64_t)*length) {
        status = isk_set_error(context, ISK_IO, "%s cannot be read", path);
    } else {
        (*data)[*length] = 0;
    }
    isk_reader_close(&reader);
    return status;
}

int options_read(const command *c, const char *path, int lenient, void *settings) {
    isk_context *context = isk_open(&(isk_context_desc){ .threads = 1, .device = ISK_DEVICE_CPU });
    reading r = { c, path, settings, lenient, 0 };
    size_t length = 0;
    char *data = NULL;
    if (!context) { return fail_as(EXIT_FAILED, c->name, "out of memory"); }
    if (read_small_file(context, path, &data, &length) != ISK_OK) {
        r.code = fail_as(EXIT_FAILED, c->name, "%s", isk_error(context));
    } else {
        isk_status status = isk_json_object(context, path, data, length, read_member, &r);
        if (status != ISK_OK && !r.code) { r.code = fail(c->name, status, isk_error(context)); }
    }
    free(data);
    isk_close(context);
    return r.code;
}

static void write_reals(text *out, const real_list *list) {
    const char *quote = list->count > 1 ? "\"" : "";         /* one number is a number */
    text_add(out, quote);
    for (int i = 0; i < list->count; i++) {
        text_add(out, i ? "," : "");
        text_number(out, list->value[i], 9);
    }
    text_add(out, quote);
}

static void write_words(text *out, const word_list *list) {
    text joined = { 0 };
    for (int i = 0; i < list->count; i++) { text_format(&joined, "%s%s", i ? "\n" : "", list->word[i]); }
    out->failed |= joined.failed;
    text_json_string(out, joined.data ? joined.data : "");
    text_free(&joined);
}

static void write_option(const option *o, const char *field, text *out) {
    const int worded = o->kind == OPTION_TEXT || o->kind == OPTION_NAME || o->kind == OPTION_ARGUMENT;
    const char *words = worded ? *(const char *const *)(const void *)field : "";
    const real_list *list = (const real_list *)(const void *)field;
    if (o->kind == OPTION_ARGUMENTS && !((const word_list *)(const void *)field)->count) { return; }
    if (o->kind == OPTION_HEADING || o->kind == OPTION_ALIAS || o->kind == OPTION_CONFIG || !words) { return; }
    if ((o->kind == OPTION_FLAG && !*(const int *)(const void *)field) || (o->kind == OPTION_REALS && !list->count)) {
        return;
    }
    if (o->kind == OPTION_INT && !o->text && !*(const int *)(const void *)field) { return; }
    text_add(out, "\n  ");
    text_json_key(out, o->name);
    switch (o->kind) {
        case OPTION_FLAG: text_add(out, "true"); break;
        case OPTION_INT: text_format(out, "%d", *(const int *)(const void *)field); break;
        case OPTION_REAL: text_json_number(out, *(const double *)(const void *)field); break;
        case OPTION_SEED: text_format(out, "%llu", (unsigned long long)*(const uint64_t *)(const void *)field); break;
        case OPTION_REALS: write_reals(out, list); break;
        case OPTION_ARGUMENTS: write_words(out, (const word_list *)(const void *)field); break;
        default: text_json_string(out, words); break;
    }
}

void options_write(const command *c, const void *settings, text *out) {
    for (int i = 0; i < c->option_count; i++) {
        write_option(&c->options[i], (const char *)settings + c->options[i].offset, out);
    }
    for (int i = 0; c->library && i < isk_option_count(NULL); i++) {
        const isk_options *options = (const isk_options *)(const void *)((const char *)settings + c->library_offset);
        const isk_option_info *info = isk_option_get(NULL, i);
        char buffer[64];
        if (options_find(c, info->name)) { continue; }      /* the table has its own, e.g. a list of lambdas */
        text_add(out, "\n  ");
        text_json_key(out, info->name);
        isk_option_text(NULL, options, i, buffer);
        if (info->kind == ISK_OPTION_CHOICE) { text_json_string(out, buffer); } else { text_add(out, buffer); }
    }
}

/* ---- parsing ---- */

/* One argument of the line; *used is set when the value stands in the next one. */
static int parse_argument(const command *c, char *argument, char *next, int *used, void *settings) {
    char name[64], who[72], *equals = strchr(argument, '='), *value = equals ? equals + 1 : next;
    size_t length = equals ? (size_t)(equals - argument) - 2 : strlen(argument + 2);
    const option *o;
    *used = 0;
    if (length >= sizeof name) { return usage_error(c->name, "unknown option %.70s", argument); }
    memcpy(name, argument + 2, length);
    name[length] = 0;
    snprintf(who, sizeof who, "--%s", name);
    o = options_find(c, name);
    if (!o && !(c->library && find_library_option(name))) {
        const char *near = nearest_option(c, name);
        return usage_error(c->name, "unknown option %s%s%s%s", who, near ? "; did you mean --" : "", near ? near : "",
                           near ? "?" : "");
    }
    if (o && o->kind == OPTION_FLAG) {
        return equals ? usage_error(c->name, "%s takes no value", who) : set_option(c, who, o, "true", settings);
    }
    if (!value) { return usage_error(c->name, "%s needs a value: %s %s", who, who, o && o->value ? o->value : "N"); }
    *used = !equals;
    if (o) { return set_option(c, who, o, value, settings); }
    return set_library(c->name, who, name, value, library_field(c, settings));
}

/* already: the line had a word before; one of a file of options it replaces. */
static int parse_word(const command *c, const char *word, int already, void *settings) {
    const option *argument = options_argument(c);
    if (!argument) { return usage_error(c->name, "\"%s\" is no option; options begin with --", word); }
    if (argument->kind == OPTION_ARGUMENTS) {
        word_list *list = (word_list *)(void *)((char *)settings + argument->offset);
        if (!already) { list->count = 0; }
        if (list->count == MOST_WORDS) { return usage_error(c->name, "\"%s\" is one argument too many: %d may stand there", word,
                                                            MOST_WORDS); }
        list->word[list->count++] = word;
        return 0;
    }
    if (already) { return usage_error(c->name, "\"%s\" is one argument too many", word); }
    *(const char **)(void *)((char *)settings + argument->offset) = word;
    return 0;
}

/* The file of options comes first, wherever it stands on the line, so that the line has the last word. */
static int parse_config(const command *c, int argc, char **argv, void *settings) {
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *path;
        const option *o;
        char word[64];
        size_t length = strcspn(name, "=");
        if (strncmp(name, "--", 2) != 0 || length - 2 >= sizeof word) { continue; }
        memcpy(word, name + 2, length - 2);
        word[length - 2] = 0;
        o = options_find(c, word);
        if (!o || o->kind != OPTION_CONFIG) { continue; }
        path = name[length] ? name + length + 1 : i + 1 < argc ? argv[i + 1] : NULL;
        if (path && *path) {
            int code = options_read(c, path, 0, settings);
            if (code) { return code; }
        }
    }
    return 0;
}

int options_parse(const command *c, int argc, char **argv, void *settings) {
    int code, words = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            options_help(c);
            return 0;
        }
        if (strcmp(argv[i], "--version") == 0) {
            printf("%s %s\n", c->name, ISK_VERSION);
            return 0;
        }
    }
    code = parse_config(c, argc, argv, settings);
    for (int i = 1; i < argc && !code; i++) {
        int used = 0;
        if (strncmp(argv[i], "--", 2) == 0 && argv[i][2]) {
            code = parse_argument(c, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used, settings);
        } else if (argv[i][0] == '-' && argv[i][1]) {
            code = usage_error(c->name, "unknown option %s; options have long names", argv[i]);
        } else {
            code = parse_word(c, argv[i], words++, settings);
        }
        i += used;
    }
    return code ? code : -1;
}
