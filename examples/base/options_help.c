/* --help, in GNU's form, from the table of options. */
#include "options.h"

#include <stdio.h>
#include <string.h>

enum { HELP_INDENT = 26, HELP_WIDTH = 80 };

static void wrap(FILE *out, const char *words, int column) {
    while (*words) {
        int length = (int)strcspn(words, " ");
        if (column + 1 + length > HELP_WIDTH && column > HELP_INDENT) {
            fprintf(out, "\n%*s", HELP_INDENT, "");
            column = HELP_INDENT;
        } else if (column > HELP_INDENT) {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", length, words);
        column += length;
        words += length;
        while (*words == ' ') { words++; }
    }
    fputc('\n', out);
}

static void help_line(FILE *out, const option_line *line) {
    int column = fprintf(out, "  --%s", line->name);
    if (line->value) { column += fprintf(out, " %s", line->value); }
    if (column + 2 > HELP_INDENT) {
        fprintf(out, "\n%*s", HELP_INDENT, "");
    } else {
        fprintf(out, "%*s", HELP_INDENT - column, "");
    }
    wrap(out, line->words, HELP_INDENT);
}

/* The default of a preset: a number, or the word of a choice. */
static void preset_text(const isk_option_info *info, int preset, text *out) {
    double value = info->preset[preset];
    if (info->kind == ISK_OPTION_CHOICE) {
        const char *word = info->choices;
        for (int i = 1; i < (int)value && word; i++) { word = strchr(word, '|') + 1; }
        text_add_bytes(out, word, strcspn(word, "|"));
    } else {
        text_number(out, value, 6);
    }
}

void option_words(const isk_option_info *info, text *out) {
    text_add(out, info->text);
    if (info->kind == ISK_OPTION_CHOICE) { text_format(out, ": %s", info->choices); }
    text_add(out, " [");
    preset_text(info, 0, out);
    for (int p = 1; p < ISK_PRESET_COUNT; p++) {
        if (info->preset[p] == info->preset[0]) { continue; }
        text_format(out, "; %s ", isk_preset_name((isk_preset)p));
        preset_text(info, p, out);
    }
    text_add(out, "]");
}

/* ---- every option ---- */

const option_line options_of_all[2] = { { "help", NULL, "this text", NULL }, { "version", NULL, "the version", NULL } };

typedef struct visitor { void (*visit)(void *user, const option_line *line); void *user; } visitor;

static void visit_option(const visitor *v, const char *name, const char *value, const char *words, const char *choices) {
    char shown[64];
    size_t i = 0;
    for (; name[i] && i + 1 < sizeof shown; i++) { shown[i] = name[i] == '_' ? '-' : name[i]; }
    shown[i] = 0;
    v->visit(v->user, &(option_line){ shown, value && *value ? value : NULL, words, choices });
}

static void visit_library(const visitor *v, const command *c) {
    const char *heading = NULL;
    v->visit(v->user, &(option_line){ NULL, NULL, "The method (defaults of preset robust; of the others where they differ)", NULL });
    for (int i = 0; i < isk_option_count(NULL); i++) {
        const isk_option_info *info = isk_option_get(NULL, i);
        const char *about = isk_option_group_heading(info->group);
        const int choice = info->kind == ISK_OPTION_CHOICE;
        text words = { 0 };
        if (options_find(c, info->name)) { continue; }      /* the table has its own */
        if (!heading || strcmp(about, heading) != 0) { v->visit(v->user, &(option_line){ NULL, NULL, heading = about, NULL }); }
        option_words(info, &words);
        visit_option(v, info->name, choice ? "WORD" : "N", words.data ? words.data : "", choice ? info->choices : NULL);
        text_free(&words);
    }
}

void options_each(const command *c, void (*visit)(void *user, const option_line *line), void *user) {
    const visitor v = { visit, user };
    for (int i = 0; i < c->option_count; i++) {
        const option *o = &c->options[i];
        if (o->kind == OPTION_HEADING) {
            visit(user, &(option_line){ NULL, NULL, o->text, NULL });
        } else if (o->kind == OPTION_ALIAS) {
            text words = { 0 };
            text_format(&words, "the same as --%s", o->value);
            visit_option(&v, o->name, "N", words.data ? words.data : "", NULL);
            text_free(&words);
        } else if (o->kind != OPTION_ARGUMENT && o->kind != OPTION_ARGUMENTS) {
            visit_option(&v, o->name, o->value, o->text, o->choices);
        }
    }
    if (c->library) { visit_library(&v, c); }
}

const option *options_argument(const command *c) {
    for (int i = 0; i < c->option_count; i++) {
        if (c->options[i].kind == OPTION_ARGUMENT || c->options[i].kind == OPTION_ARGUMENTS) { return &c->options[i]; }
    }
    return NULL;
}

/* ---- --help ---- */

static void help_visit(void *user, const option_line *line) {
    FILE *out = user;
    if (!line->name) {
        fprintf(out, "\n%s\n", line->words);
    } else if (line->words) {
        help_line(out, line);
    }
}

void options_help(const command *c) {
    FILE *out = stdout;
    fprintf(out, "Usage: %s %s\n%s\n\nExamples:\n%s", c->name, c->usage, c->about, c->examples);
    options_each(c, help_visit, out);
    fputs("\n", out);
    for (int i = 0; i < 2; i++) { help_line(out, &options_of_all[i]); }
    if (c->notes) { fprintf(out, "\n%s", c->notes); }
    fputs("\nExit status: 0 done, 1 failure, 2 wrong usage, 65 bad data, 75 stopped but resumable.\n", out);
}
