/* Training from the command line: the folder, the log, the checkpoint, and a sweep of which one model is kept.  What `fit` and `run`
   share. */
#ifndef TRAINING_H
#define TRAINING_H

#include "choose.h"

#include "device.h"
#include "results.h"

typedef struct training_settings {
    device_settings device;
    const char *method, *own, *preset, *out, *config, *choose, *json;
    real_list lambdas;
    int seeds, stability, checkpoint_every, resume, quiet;
    uint64_t seed;
    isk_options options;
} training_settings;

#define TRAINING_DEFAULTS { .preset = "robust", .choose = "none", .seeds = 1, .device = DEVICE_DEFAULTS, .checkpoint_every = 10 }

/* Rows of a command's table of options, after that for the folder; `at` is the offset of training_settings. */
extern char training_methods[400], training_method_choices[200], training_preset_choices[80];   /* by training_describe */
#define TRAINING_OFFSET(at, field) ((at) + offsetof(training_settings, field))
#define TRAINING_OPTIONS(at)                                                                                          \
    TRAINING_KEEPING_OPTIONS(at, "metrics.json", "go on from DIR/checkpoint.safetensors; without one, start afresh"), \
    { "method", OPTION_NAME, TRAINING_OFFSET(at, method), "NAME", training_methods, 0, 0, training_method_choices },  \
    { "own", OPTION_TEXT, TRAINING_OFFSET(at, own), "LIST",                                                           \
      "options of the method's own, where it has any: name=value, with commas between", 0, 0, NULL },                  \
    TRAINING_PRESET_OPTION(at),                                                                                       \
    { "lambda", OPTION_REALS, TRAINING_OFFSET(at, lambdas), "LIST",                                                   \
      "weight of the term that keeps X_i in (Z_i, C_i) [10]; with several numbers, commas between, --choose keeps one " \
      "model", 0, 1e9, NULL },                                                                                        \
    { "choose", OPTION_TEXT, TRAINING_OFFSET(at, choose), "WORD",                                                     \
      "which lambda, by the validation rows: knee, where more completeness begins to cost more leakage; probe, the "  \
      "best accuracy of the labels; none: there is one lambda [none]; without --lambda it tries 0.1,1,10,100",        \
      0, 0, "none|knee|probe" },                                                                                      \
    { "seeds", OPTION_INT, TRAINING_OFFSET(at, seeds), "N",                                                           \
      "models for each lambda, of which the first is kept, seeds --seed, --seed + 1, ... [1]", 1, 1000, NULL },       \
    { "stability", OPTION_INT, TRAINING_OFFSET(at, stability), "N",                                                   \
      "trains the model that is kept N more times, at least 2, from further seeds on the same rows, and says how well " \
      "its coordinates are told by those of the others (R^2 on held-out rows); 0: not [0]", 0, 1000, NULL },          \
    TRAINING_DEVICE_OPTIONS(at)
/* Its parts, for commands that train more than one model. */
#define TRAINING_KEEPING_OPTIONS(at, file, resume_words)                                                              \
    { "json", OPTION_TEXT, TRAINING_OFFSET(at, json), "FILE",                                                         \
      "what is in DIR/" file "; - is standard output, and no table is printed", 0, 0, NULL },                         \
    { "resume", OPTION_FLAG, TRAINING_OFFSET(at, resume), NULL, resume_words, 0, 0, NULL },                           \
    { "checkpoint-every", OPTION_INT, TRAINING_OFFSET(at, checkpoint_every), "N",                                     \
      "rounds of epochs between checkpoints [10]", 1, 1e9, NULL },                                                    \
    { "quiet", OPTION_FLAG, TRAINING_OFFSET(at, quiet), NULL, "warnings and errors only", 0, 0, NULL },               \
    { NULL, OPTION_HEADING, 0, NULL, "Training", 0, 0, NULL }
#define TRAINING_PRESET_OPTION(at)                                                                                    \
    { "preset", OPTION_NAME, TRAINING_OFFSET(at, preset), "NAME",                                                     \
      "where all options below have their defaults from: robust, paper or simulation [robust]", 0, 0, training_preset_choices }
#define TRAINING_DEVICE_OPTIONS(at)                                                                                   \
    { "config", OPTION_CONFIG, TRAINING_OFFSET(at, config), "FILE",                                                   \
      "options from a flat JSON object, such as DIR/config.json; the command line has the last word", 0, 0, NULL },   \
    { "lr", OPTION_ALIAS, 0, "rate", NULL, 0, 0, NULL },                                                              \
    DEVICE_OPTIONS(TRAINING_OFFSET(at, device))

/* Fills in what --method and --preset say, from the library's tables. */
void training_describe(void);
/* Do --lambda, --choose and --seeds go together?  Fills in the lambdas to try; returns -1 to go on, else the exit code: it has been
   said. */
int training_check_line(training_settings *s, const char *program, int has_labels, int argc, char **argv);

/* What every training leaves in its folder. */
#define TRAINING_NAMES "model.safetensors config.json split.tsv tradeoff.csv log.jsonl metrics.json report.html coordinates.tsv " \
                       FEATURE_NAMES
/* And what a run on cells leaves there. */
#define RESULT_NAMES TRAINING_NAMES " cells.tsv theta.tsv explained.tsv technical.tsv clusters.tsv umap.tsv adata.h5ad mdata.h5mu"
/* What integration leaves beside the former; and all that an earlier run may have left in a folder. */
#define INTEGRATION_NAMES "invariant.npy spurious.npy denoised.npy genes.tsv cells.tsv umap.tsv integration.tsv told.tsv adata.h5ad"
#define EVERY_NAME RESULT_NAMES " invariant.npy spurious.npy denoised.npy genes.tsv integration.tsv told.tsv"

typedef struct training {
    training_settings *s;           /* must outlive it */
    isk_context *context;
    progress bar;
    output out;
    isk_fit_desc fit;
    int named, weighed;             /* 1: the method was named, else it is the one that suits data and options; lambda was given */
    isk_model *model;               /* that is kept */
    choice choice;
    char log_path[4200], checkpoint[4200];
} training;

/* Progress, signals, context.  The exit code when there is no context, else -1. */
int training_open(training *t, training_settings *s, const char *program);
/* ", lambda 10" for sentences, and "" where the method has none. */
const char *training_lambda(const training *t, double lambda, char buffer[40]);
/* Is there a sweep, of which one model is kept? */
int training_chooses(const training *t);
/* Cuts off half a line that a killed program left at the end of a file of lines. */
void training_mend_lines(const char *path);
/* Method, preset, options and whether --json can be written; then the folder for the results, of those names. */
isk_status training_names(training *t);
isk_status training_folder(training *t, const char *files);
/* The log; and a run that starts afresh does not write over the checkpoint of another.  After the data have been read. */
isk_status training_begin(training *t, const dataset *d);
isk_status training_run(training *t, const dataset *d);
/* Where the further models of --stability are kept while they train; into a buffer of `size`. */
const char *training_stability_checkpoint(const training *t, char *buffer, size_t size);
/* Of what was warned of, what concerns the model that is kept. */
void training_warnings(const training *t, text *out);
/* config.json: what would repeat this run, from any folder.  `settings` are those of the command, with paths as training_path made
   them. */
isk_status training_write_config(training *t, const command *c, const void *settings);
/* The path, or FILE:COLUMN, as it reads from every folder; into a buffer of `size`. */
const char *training_path(const char *path, char *buffer, size_t size);
/* model.safetensors with the recipes of its views (of those that have one), tradeoff.csv where there is one, split.tsv. */
isk_status training_write(training *t, const dataset *d);
/* The staged files take their names: the run is complete, and nothing is left to resume.  scores, which were staged as metrics.json,
   also go where --json says. */
isk_status training_commit(training *t, const text *scores);
/* Says what went wrong, if anything, and lets all go; returns the exit code. */
int training_finish(training *t, isk_status status, const char *program, int argc, char **argv);
/* After training_finish. */
void training_close(training *t);

#endif
