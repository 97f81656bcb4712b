/* A completion script for bash, from the tables of options. */
#include "options.h"

#include <string.h>

/* What may stand behind an option. */
typedef enum value_kind { VALUE_FILE, VALUE_FOLDER, VALUE_OTHER } value_kind;

static value_kind kind_of(const char *value) {
    return strncmp(value, "FILE", 4) == 0 || strstr(value, "|FILE") ? VALUE_FILE : strncmp(value, "DIR", 3) == 0 ? VALUE_FOLDER
        : VALUE_OTHER;
}

/* a|b|c as "a b c" */
static void add_words(text *out, const char *choices) {
    text_add(out, "\"");
    for (; *choices; choices++) { text_add_bytes(out, *choices == '|' ? " " : choices, 1); }
    text_add(out, "\"");
}

typedef struct collected { text names, choices, of_kind[VALUE_OTHER + 1]; } collected;

static void collect(void *user, const option_line *line) {
    collected *c = user;
    text *list;
    if (!line->name) { return; }
    text_format(&c->names, "%s--%s", c->names.length ? " " : "", line->name);
    if (!line->value) { return; }
    if (line->choices) {
        text_format(&c->choices, "        --%s) _indiseek_words \"$word\" ", line->name);
        add_words(&c->choices, line->choices);
        text_add(&c->choices, "; return ;;\n");
        return;
    }
    list = &c->of_kind[kind_of(line->value)];
    text_format(list, "%s--%s", list->length ? "|" : "", line->name);
}

static void add_argument(text *out, const option *argument) {
    if (!argument) { return; }
    text_add(out, "        [[ $word == -* ]] || ");
    if (argument->choices) {
        text_add(out, "{ _indiseek_words \"$word\" ");
        add_words(out, argument->choices);
        text_add(out, "; return; }\n");
    } else {
        text_format(out, "{ _indiseek_paths %s \"$word\"; return; }\n", kind_of(argument->name) == VALUE_FOLDER ? "-d" : "-f");
    }
}

static void add_command(text *out, const subcommand *s) {
    static const char *const actions[] = { "_indiseek_paths -f \"$word\"; return", "_indiseek_paths -d \"$word\"; return", "return" };
    const command *c = s->table();
    collected all = { { 0 }, { 0 }, { { 0 } } };
    options_each(c, collect, &all);
    for (int i = 0; i < 2; i++) { collect(&all, &options_of_all[i]); }
    text_format(out, "    %s)\n        case $before in\n%s", s->name, all.choices.data ? all.choices.data : "");
    for (int k = 0; k <= VALUE_OTHER; k++) {
        if (all.of_kind[k].data) { text_format(out, "        %s) %s ;;\n", all.of_kind[k].data, actions[k]); }
    }
    text_add(out, "        esac\n");
    add_argument(out, options_argument(c));
    text_format(out, "        _indiseek_words \"$word\" \"%s\" ;;\n", all.names.data ? all.names.data : "");
    out->failed |= all.names.failed || all.choices.failed;
    text_free(&all.names);
    text_free(&all.choices);
    for (int k = 0; k <= VALUE_OTHER; k++) {
        out->failed |= all.of_kind[k].failed;
        text_free(&all.of_kind[k]);
    }
}

/* Bash breaks --norm=clr into three words; a FILE:COLUMN ends at its colon. */
static const char head[] =
    "_indiseek_words() {\n"
    "    COMPREPLY=($(compgen -W \"$2\" -- \"$1\"))\n"
    "}\n\n"
    "_indiseek_paths() {\n"
    "    local IFS=$'\\n'\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    COMPREPLY=($(compgen \"$1\" -- \"$2\"))\n"
    "}\n\n"
    "_indiseek() {\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
    "    COMPREPLY=()\n"
    "    if [[ $word == = ]]; then\n"
    "        word=\n"
    "    elif [[ $before == = ]]; then\n"
    "        before=${COMP_WORDS[COMP_CWORD-2]}\n"
    "    fi\n";

/* The functions are named for the program. */
static void add_named(text *out, const char *script, const char *name) {
    for (const char *at; (at = strstr(script, "indiseek")) != NULL; script = at + strlen("indiseek")) {
        text_add_bytes(out, script, (size_t)(at - script));
        text_add(out, name);
    }
    text_add(out, script);
}

void program_completion(const program_table *p, text *out) {
    text body = { 0 };
    text_add(&body, head);
    text_add(&body, "    if [[ $COMP_CWORD -eq 1 ]]; then\n        _indiseek_words \"$word\" \"");
    for (int i = 0; i < p->count; i++) { text_format(&body, "%s ", p->commands[i].name); }
    text_add(&body, "--help --version\"\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n");
    for (int i = 0; i < p->count; i++) { add_command(&body, &p->commands[i]); }
    text_add(&body, "    esac\n}\ncomplete -F _indiseek indiseek\n");
    text_format(out, "# Completion for bash, written by `%s completion bash`.\n", p->name);
    add_named(out, body.data ? body.data : "", p->name);
    out->failed |= body.failed;
    text_free(&body);
}
