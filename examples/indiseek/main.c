/* indiseek: shared and specific features of paired measurements, from files to files. */
#include "commands.h"

#include "../base/fail.h"

#include <stdio.h>
#include <string.h>

enum { MOST_COMMANDS = 32 };

static void help(void) {
    const program_table *p = &indiseek_program;
    printf("Usage: %s COMMAND [OPTION]...\n%s\n\nExamples:\n%s\nCommands:\n", p->name, p->about, p->examples);
    for (int i = 0; i < p->count; i++) { printf("  %-12s%s\n", p->commands[i].name, p->commands[i].text); }
    printf("\nindiseek COMMAND --help says more.\n"
           "Exit status: 0 done, 1 failure, 2 wrong usage, 65 bad data, 75 stopped but resumable.\n");
}

int main(int argc, char **argv) {
    const char *names[MOST_COMMANDS + 1] = { NULL }, *near;
    const subcommand *commands = indiseek_program.commands;
    take_limits_for_errors();
    if (argc < 2) { return usage_error("indiseek", "a command is missing; indiseek --help lists them"); }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        help();
        return check_output("indiseek", 0);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("indiseek %s\n", ISK_VERSION);
        return check_output("indiseek", 0);
    }
    for (int i = 0; i < indiseek_program.count && i < MOST_COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) { return check_output("indiseek", commands[i].run(argc, argv)); }
        names[i] = commands[i].name;
    }
    near = nearest_word(argv[1], names);
    return usage_error("indiseek", "there is no command \"%s\"%s%s%s", argv[1], near ? "; did you mean " : "",
                       near ? near : "", near ? "?" : "");
}
