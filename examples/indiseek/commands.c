/* What commands there are, and what the man page says beside their options. */
#include "commands.h"

static const subcommand commands[] = {
    { "run", command_run, run_table_get, "from a CITE-seq or multiome data set to features, figures and files" },
    { "compare", command_compare, compare_table_get, "methods and lambdas on one such data set, side by side" },
    { "integrate", command_integrate, integrate_table_get, "cells of several batches in one space, and new cells in it" },
    { "differ", command_differ, differ_table_get, "genes that differ between two groups of such cells" },
    { "annotate", command_annotate, annotate_table_get, "names for new cells, from those of a run" },
    { "impute", command_impute, impute_table_get, "one modality predicted from another" },
    { "demo", command_demo, demo_table_get, "run, on simulated cells whose truth is known" },
    { "fit", command_fit, fit_table_get, "the same from matrices of any kind, as files or tables" },
    { "explain", command_explain, explain_table_get, "what each coordinate of the features follows" },
    { "transform", command_transform, transform_table_get, "features of new samples by a model that was fitted" },
    { "evaluate", command_evaluate, evaluate_table_get, "score features again, or features from elsewhere" },
    { "devices", command_devices, devices_table_get, "what there is to train on, and what is missing for a GPU" },
    { "man", command_man, man_table_get, "all that stands here as a man page" },
    { "completion", command_completion, completion_table_get, "a script with which bash completes commands and options" },
};

static const page_entry files[] = {
    { "DIR/c1.npy, DIR/z1.npy, ...", "features that `indiseek run`, `fit` and `transform` write with --out DIR, one row a sample" },
    { "DIR/adata.h5ad, DIR/mdata.h5mu", "the features beside the counts, for scanpy and muon" },
    { "DIR/coordinates.tsv", "what each coordinate of the features follows, which `indiseek explain` prints" },
    { "DIR/model.safetensors", "the model, with how its views were prepared; what --model reads" },
    { "DIR/config.json", "the options of a run or fit, which --config reads" },
    { "DIR/manifest.sha256", "which files are the program's own and of one run, as `sha256sum -c` reads it; others are never replaced" },
    { "DIR/metrics.json, DIR/report.html", "how good the features are, for machines and for people" },
    { "~/.cache/indiseek", "kernels compiled for a GPU, where neither INDISEEK_CACHE_DIR nor XDG_CACHE_HOME says otherwise" },
    { NULL, NULL },
};

static const page_entry environment[] = {
    { "NO_COLOR", "when set, what is written to a terminal has no colours" },
    { "INDISEEK_CUDA_LIB", "path of the GPU driver's library, libcuda.so.1, where the system does not find it" },
    { "INDISEEK_NVRTC_LIB", "path of NVRTC, the compiler of kernels, where the system does not find it" },
    { "INDISEEK_CACHE_DIR", "folder in which compiled kernels are kept; empty: they are not" },
    { NULL, NULL },
};

const program_table indiseek_program = {
    .name = "indiseek",
    .title = "shared and specific features of paired measurements",
    .about = "Two measurements of the same samples go in; what they share (C1, C2) and what is specific\n"
             "to each (Z1, Z2) comes out.",
    .examples = "  indiseek run --10x filtered_feature_bc_matrix --out results\n"
                "  indiseek annotate --model results --10x new_sample --out annotated\n"
                "  indiseek fit --x1 rna.npy --x2 protein.csv --labels cells.tsv:cell_type --out results\n"
                "  indiseek demo\n",
    .commands = commands,
    .count = sizeof commands / sizeof *commands,
    .files = files,
    .environment = environment,
};
