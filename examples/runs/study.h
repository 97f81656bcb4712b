/* What the studies share: their options, results that can be gone on with, and how they end. */
#ifndef STUDY_H
#define STUDY_H

#include "configuration.h"

#include "device.h"
#include "../base/output.h"
#include "../base/progress.h"

/* Weight of the reconstruction by which indiseek is an autoencoder: beside it what CLUB says is lost. */
#define AUTOENCODER_LAMBDA 1e6

typedef struct study_settings {
    device_settings device;
    real_list lambdas;
    int seeds, resume, quiet;
    const char *methods, *preset, *json, *out;
    uint64_t seed;
    isk_options options;
} study_settings;

/* Rows of a study's table of options; `at` is the offset of study_settings. */
#define STUDY_OFFSET(at, field) ((at) + offsetof(study_settings, field))
#define STUDY_OUTPUT_OPTIONS(at, others)                                                                              \
    { NULL, OPTION_HEADING, 0, NULL, "Output", 0, 0, NULL },                                                          \
    { "out", OPTION_TEXT, STUDY_OFFSET(at, out), "DIR",                                                               \
      "gets results.json and report.html after every sweep; made if missing", 0, 0, NULL },                           \
    { "resume", OPTION_FLAG, STUDY_OFFSET(at, resume), NULL,                                                          \
      "keep what DIR/results.json has of a study with the same options, and go on; it may have other " others,        \
      0, 0, NULL },                                                                                                   \
    { "json", OPTION_TEXT, STUDY_OFFSET(at, json), "FILE", "an array with one object for each model", 0, 0, NULL },   \
    { "quiet", OPTION_FLAG, STUDY_OFFSET(at, quiet), NULL, "no progress", 0, 0, NULL },                               \
    DEVICE_OPTIONS(STUDY_OFFSET(at, device))
#define STUDY_NOTES "Ctrl-C stops after the current round of epochs; with --out, --resume goes on from there.\n"

/* A study being run. */
typedef struct study {
    progress bar;                   /* first: what the library's callbacks are given is the study too */
    const command *command;
    const study_settings *s;
    int argc;
    char **argv;
    int resumable;
    isk_context *context;
    void (*watch)(void *study, const isk_progress *now);        /* called before `draw`, or NULL */
    double stage_ended;             /* for that */
    void (*draw)(void *bar, const isk_progress *now);
    output out;
    isk_sweep_desc sweep;           /* what all sweeps have in common */
    isk_options resolved;
    const isk_method *methods[ISK_MOST_METHODS];
    int method_count;
    configuration c;
} study;

/* What the table of options cannot say: 0 or the exit code. */
int study_check(const command *c, const study_settings *s);
/* A list that must not have a number twice: 0 or the exit code. */
int study_check_list(const command *c, const char *name, const real_list *list);

/* Opens context and progress, calls `run`, says what went wrong; the exit code.  `job` is given to `run`. */
int study_run(study *w, isk_status (*run)(void *job), void *job);

/* methods (those of --methods, else of the library's whole table), sweep and resolved options. */
isk_status study_prepare(study *w);
/* Opens --out.  Results that stand there are read by `read`, or, where the study starts afresh, kept under another
   name. */
isk_status study_folder(study *w, isk_status (*read)(void *job, const char *path), void *job);
/* The file of a sweep, for fit.checkpoint; NULL without --out.  Where the study starts afresh, there is none. */
const char *study_checkpoint(study *w, const char *name, char *buffer, size_t size);
/* To be called after every sweep. */
void study_made(study *w);
/* results.json and report.html. */
isk_status study_write(study *w, const text *results, const text *report);

#endif
