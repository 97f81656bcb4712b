/* The man page of a program, in the macros of man(7), from its tables of options. */
#include "options.h"

#include <string.h>

/* Characters that roff takes for its own; a dash stays the one that is typed. */
static void add_roff(text *out, const char *words) {
    int line_start = 1;
    for (; *words; words++) {
        if (line_start && (*words == '.' || *words == '\'')) { text_add(out, "\\&"); }
        switch (*words) {
            case '\\': text_add(out, "\\e"); break;
            case '-': text_add(out, "\\-"); break;
            case '~': text_add(out, "\\(ti"); break;
            case '^': text_add(out, "\\(ha"); break;
            case '`': text_add(out, "\\(ga"); break;
            default: text_add_bytes(out, words, 1); break;
        }
        line_start = *words == '\n';
    }
}

/* Filled text: lines of the source are not those of the page. */
static void add_filled(text *out, const char *words) {
    const size_t length = strlen(words);
    add_roff(out, words);
    if (!length || words[length - 1] != '\n') { text_add(out, "\n"); }
}

/* Without the two blanks that examples have before each line. */
static void add_examples(text *out, const char *lines) {
    text_add(out, ".nf\n");
    while (*lines) {
        const size_t blanks = strncmp(lines, "  ", 2) == 0 ? 2 : 0, length = strcspn(lines, "\n");
        text line = { 0 };
        text_add_bytes(&line, lines + blanks, length - blanks);
        add_roff(out, line.data ? line.data : "");
        text_add(out, "\n");
        text_free(&line);
        lines += length + (lines[length] == '\n');
    }
    text_add(out, ".fi\n");
}

static void add_option(text *out, const option_line *line) {
    text_add(out, ".TP\n\\fB\\-\\-");
    add_roff(out, line->name);
    text_add(out, "\\fR");
    if (line->value) {
        text_add(out, " \\fI");
        add_roff(out, line->value);
        text_add(out, "\\fR");
    }
    text_add(out, "\n");
    add_filled(out, line->words);
}

static void visit(void *user, const option_line *line) {
    text *out = user;
    if (!line->name) {
        text_add(out, ".PP\n\\fB");
        add_roff(out, line->words);
        text_add(out, "\\fR\n");
    } else if (line->words) {
        add_option(out, line);
    }
}

static void add_usage(text *out, const command *c) {
    text_add(out, "\\fB");
    add_roff(out, c->name);
    text_add(out, *c->usage ? "\\fR " : "\\fR");
    add_filled(out, c->usage);
}

static void add_command(text *out, const command *c) {
    text_add(out, ".SS ");
    add_filled(out, c->name);
    add_usage(out, c);
    text_add(out, ".PP\n");
    add_filled(out, c->about);
    options_each(c, visit, out);
    if (c->notes) {
        text_add(out, ".PP\n");
        add_filled(out, c->notes);
    }
    text_add(out, ".PP\nExamples:\n.PP\n");
    add_examples(out, c->examples);
}

static void add_entries(text *out, const char *heading, const page_entry *entries) {
    text_format(out, ".SH %s\n", heading);
    for (; entries->name; entries++) {
        text_add(out, ".TP\n\\fB");
        add_roff(out, entries->name);
        text_add(out, "\\fR\n");
        add_filled(out, entries->words);
    }
}

static const page_entry exit_statuses[] = {
    { "0", "done" }, { "1", "failure" }, { "2", "wrong usage" }, { "65", "bad data" }, { "75", "stopped but resumable" }, { NULL, NULL },
};

void program_man(const program_table *p, text *out) {
    text_format(out, ".\\\" Written by `%s man`.\n.TH ", p->name);
    for (const char *at = p->name; *at; at++) { text_format(out, "%c", *at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at); }
    text_format(out, " 1 \"\" \"%s %s\" \"User Commands\"\n.nh\n.SH NAME\n%s \\- ", p->name, ISK_VERSION, p->name);
    add_filled(out, p->title);
    text_add(out, ".SH SYNOPSIS\n");
    for (int i = 0; i < p->count; i++) {
        const command *c = p->commands[i].table();
        text_add(out, i ? ".br\n" : "");
        add_usage(out, c);
    }
    text_add(out, ".SH DESCRIPTION\n");
    add_filled(out, p->about);
    for (int i = 0; i < p->count; i++) {
        text_format(out, ".TP\n\\fB%s\\fR\n", p->commands[i].name);
        add_filled(out, p->commands[i].text);
    }
    text_add(out, ".PP\nEvery command takes \\fB\\-\\-help\\fR and \\fB\\-\\-version\\fR.\n.SH COMMANDS\n");
    for (int i = 0; i < p->count; i++) { add_command(out, p->commands[i].table()); }
    add_entries(out, "FILES", p->files);
    add_entries(out, "EXIT STATUS", exit_statuses);
    add_entries(out, "ENVIRONMENT", p->environment);
    text_add(out, ".SH EXAMPLES\n");
    add_examples(out, p->examples);
}
