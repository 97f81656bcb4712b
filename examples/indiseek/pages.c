/* indiseek man, indiseek completion: what the tables of options say, for man(1) and for bash. */
#include "commands.h"

#include <stdio.h>
#include <string.h>

typedef struct settings { const char *shell; } settings;

static const command man_command = {
    .name = "indiseek man", .usage = "",
    .about = "Prints the man page of indiseek, with every option of every command.",
    .examples = "  indiseek man > ~/.local/share/man/man1/indiseek.1\n"
                "  indiseek man | man -l -\n",
};

static const option completion_options[] = {
    { "SHELL", OPTION_ARGUMENT, offsetof(settings, shell), NULL, NULL, 0, 0, "bash" },
};
static const command completion_command = {
    .name = "indiseek completion", .usage = "bash",
    .about = "Prints a script with which bash completes commands, options, words to choose from, and names of files.",
    .examples = "  source <(indiseek completion bash)\n"
                "  indiseek completion bash > ~/.local/share/bash-completion/completions/indiseek\n",
    .options = completion_options, .option_count = sizeof completion_options / sizeof *completion_options,
};

const command *man_table_get(void) { return &man_command; }
const command *completion_table_get(void) { return &completion_command; }

static int print(const char *name, void (*write)(const program_table *p, text *out)) {
    text out = { 0 };
    int code = 0;
    write(&indiseek_program, &out);
    if (out.failed) { code = fail(name, ISK_MEMORY, NULL); } else { fputs(out.data, stdout); }
    text_free(&out);
    return code;
}

int command_man(int argc, char **argv) {
    settings s = { NULL };
    int code = options_parse(&man_command, argc - 1, argv + 1, &s);
    return code >= 0 ? code : print(man_command.name, program_man);
}

int command_completion(int argc, char **argv) {
    settings s = { NULL };
    int code = options_parse(&completion_command, argc - 1, argv + 1, &s);
    if (code >= 0) { return code; }
    if (!s.shell) { return usage_error(completion_command.name, "a shell is missing: bash"); }
    if (strcmp(s.shell, "bash") != 0) {
        return usage_error(completion_command.name, "there is no completion for \"%s\", only for bash", s.shell);
    }
    return print(completion_command.name, program_completion);
}
