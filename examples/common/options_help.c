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

static void help_line(FILE *out, const char *name, const char *value, const char *words) {
    int column = fprintf(out, "  --");
    for (; *name; name++, column++) { fputc(*name == '_' ? '-' : *name, out); }
    if (value && *value) { column += fprintf(out, " %s", value); }
    if (column + 2 > HELP_INDENT) {
        fprintf(out, "\n%*s", HELP_INDENT, "");
    } else {
        fprintf(out, "%*s", HELP_INDENT - column, "");
    }
    wrap(out, words, HELP_INDENT);
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

static void library_help(FILE *out, const command *c) {
    fputs("\nThe method (defaults of preset robust; of the others where they differ)\n", out);
    for (int i = 0; i < isk_option_count(); i++) {
        const isk_option_info *info = isk_option_get(i);
        text words = { 0 };
        if (options_find(c, info->name)) { continue; }      /* the table has its own */
        text_add(&words, info->text);
        if (info->kind == ISK_OPTION_CHOICE) { text_format(&words, ": %s", info->choices); }
        text_add(&words, " [");
        preset_text(info, 0, &words);
        for (int p = 1; p < ISK_PRESET_COUNT; p++) {
            if (info->preset[p] == info->preset[0]) { continue; }
            text_format(&words, "; %s ", isk_preset_name((isk_preset)p));
            preset_text(info, p, &words);
        }
        text_add(&words, "]");
        help_line(out, info->name, info->kind == ISK_OPTION_CHOICE ? "WORD" : "N", words.data ? words.data : "");
        text_free(&words);
    }
}

void options_help(const command *c) {
    FILE *out = stdout;
    fprintf(out, "Usage: %s %s\n%s\n\nExamples:\n%s", c->name, c->usage, c->about, c->examples);
    for (int i = 0; i < c->option_count; i++) {
        const option *o = &c->options[i];
        if (o->kind == OPTION_HEADING) {
            fprintf(out, "\n%s\n", o->text);
        } else if (o->kind == OPTION_ALIAS) {
            text words = { 0 };
            text_format(&words, "the same as --%s", o->value);
            help_line(out, o->name, "N", words.data ? words.data : "");
            text_free(&words);
        } else if (o->kind != OPTION_ARGUMENT && o->text) {
            help_line(out, o->name, o->value, o->text);
        }
    }
    if (c->library) { library_help(out, c); }
    fputs("\n  --help                  this text\n  --version               the version\n", out);
    if (c->notes) { fprintf(out, "\n%s", c->notes); }
    fputs("\nExit status: 0 done, 1 failure, 2 wrong usage, 65 bad data, 75 stopped but resumable.\n", out);
}
