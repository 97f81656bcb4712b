/* study: the experiments of Gui, Ma and Ma 2025 and others, each in one command, with what is claimed beside what is measured. */
#include "studies.h"

#include "../base/fail.h"

#include <stdio.h>
#include <string.h>

static const struct { const char *name; int (*run)(int argc, char **argv); const char *text; } studies[] = {
    { "simulations", study_simulations, "which coordinates specific features see, in four settings with known truth" },
    { "probe", study_probe, "what linear probes find in the features, with leakage and completeness, on your data" },
    { "truth", study_truth, "how much of what is true of simulated cells the features of every method hold" },
    { "invae", study_invae, "which models keep what is invariant and what is spurious of simulated batches apart" },
    { "integrate", study_integrate, "how well models mix the batches of your cells and keep labels apart" },
    { "time", study_time, "how long the specific features take to train, beside the paper's Table 9" },
};
enum { STUDY_COUNT = sizeof studies / sizeof *studies };

static void help(void) {
    printf("Usage: study NAME [OPTION]...\n"
           "An experiment with all its methods and seeds, most of them of Gui, Ma and Ma 2025, and a report of it.\n\n"
           "Examples:\n"
           "  study simulations --out results\n"
           "  study probe --x1 a.npy --x2 b.npy --labels kinds.tsv:kind --out results\n\n"
           "Studies:\n");
    for (int i = 0; i < STUDY_COUNT; i++) { printf("  %-13s%s\n", studies[i].name, studies[i].text); }
    printf("\nstudy NAME --help says more.\n"
           "Exit status: 0 done, 1 failure, 2 wrong usage, 65 bad data, 75 stopped but resumable.\n");
}

int main(int argc, char **argv) {
    const char *names[STUDY_COUNT + 1] = { NULL }, *near;
    take_limits_for_errors();
    if (argc < 2) { return usage_error("study", "a study is missing: simulations, probe, truth, invae, integrate or time"); }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        help();
        return check_output("study", 0);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("study %s\n", ISK_VERSION);
        return check_output("study", 0);
    }
    for (int i = 0; i < STUDY_COUNT; i++) {
        if (strcmp(argv[1], studies[i].name) == 0) { return check_output("study", studies[i].run(argc, argv)); }
        names[i] = studies[i].name;
    }
    near = nearest_word(argv[1], names);
    return usage_error("study", "there is no study \"%s\"%s%s%s", argv[1], near ? "; did you mean " : "",
                       near ? near : "", near ? "?" : "");
}
