/* indiseek: shared and specific features of paired measurements, from files to files. */
#include "commands.h"

#include "../common/fail.h"

#include <stdio.h>
#include <string.h>

static const struct { const char *name; int (*run)(int argc, char **argv); const char *text; } commands[] = {
    { "fit", command_fit, "learn features from two matrices, and report how good they are" },
    { "transform", command_transform, "features of new samples by a model that was fitted" },
    { "evaluate", command_evaluate, "score features again, or features from elsewhere" },
    { "devices", command_devices, "what there is to train on, and what is missing for a GPU" },
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static void help(void) {
    printf("Usage: indiseek COMMAND [OPTION]...\n"
           "Two measurements of the same samples go in; what they share (C1, C2) and what is specific\n"
           "to each (Z1, Z2) comes out.\n\n"
           "Examples:\n"
           "  indiseek fit --x1 rna.npy --x2 protein.csv --labels cells.tsv:cell_type --out results\n"
           "  indiseek transform --model results --x1 new_rna.npy --x2 new_protein.csv --out new_results\n"
           "  indiseek evaluate results\n"
           "  indiseek devices\n\n"
           "Commands:\n");
    for (int i = 0; i < COMMAND_COUNT; i++) { printf("  %-12s%s\n", commands[i].name, commands[i].text); }
    printf("\nindiseek COMMAND --help says more.\n"
           "Exit status: 0 done, 1 failure, 2 wrong usage, 65 bad data, 75 stopped but resumable.\n");
}

int main(int argc, char **argv) {
    const char *names[COMMAND_COUNT + 1] = { NULL }, *near;
    if (argc < 2) { return usage_error("indiseek", "a command is missing: fit, transform, evaluate or devices"); }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        help();
        return check_output("indiseek", 0);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("indiseek %s\n", ISK_VERSION);
        return 0;
    }
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) { return check_output("indiseek", commands[i].run(argc, argv)); }
        names[i] = commands[i].name;
    }
    near = nearest_word(argv[1], names);
    return usage_error("indiseek", "there is no command \"%s\"%s%s%s", argv[1], near ? "; did you mean " : "",
                       near ? near : "", near ? "?" : "");
}
