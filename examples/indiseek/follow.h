/* Commands that go on from a folder of `indiseek run`, with its own cells or with new ones: what they share. */
#ifndef FOLLOW_H
#define FOLLOW_H

#include "run.h"

typedef struct follow_settings {
    source_settings source;         /* new cells, or none */
    device_settings device;
    const char *model, *out, *json;
    int quiet;
} follow_settings;

#define FOLLOW_DEFAULTS { .source = SOURCE_DEFAULTS, .device = DEVICE_DEFAULTS }
#define FOLLOW_OFFSET(at, field) ((at) + offsetof(follow_settings, field))
/* Rows of a command's table: the model before its own options; new cells, `without` saying what is done without them; output. */
#define FOLLOW_MODEL(at, words) { "model", OPTION_TEXT, FOLLOW_OFFSET(at, model), "DIR", words, 0, 0, NULL }
#define FOLLOW_OPTIONS(at, without, out_words, json_words)                                                             \
    { NULL, OPTION_HEADING, 0, NULL, without, 0, 0, NULL },                                                            \
    SOURCE_READ_OPTIONS(FOLLOW_OFFSET(at, source)),                                                                    \
    { NULL, OPTION_HEADING, 0, NULL, "Output", 0, 0, NULL },                                                           \
    { "out", OPTION_TEXT, FOLLOW_OFFSET(at, out), "DIR", out_words, 0, 0, NULL },                                      \
    { "json", OPTION_TEXT, FOLLOW_OFFSET(at, json), "FILE", json_words "; - is standard output, and no table is printed", 0, 0, NULL }, \
    { "quiet", OPTION_FLAG, FOLLOW_OFFSET(at, quiet), NULL, "warnings and errors only", 0, 0, NULL },                  \
    DEVICE_OPTIONS(FOLLOW_OFFSET(at, device))

typedef struct follow {
    follow_settings *s;             /* must outlive it */
    const char *program;
    isk_context *context;
    progress bar;
    output out;
    finished r;
    newcomers n;
    int has_new;
} follow;

/* Checks the line and opens the context; the exit code when it has been said what is wrong, else -1. */
int follow_open(follow *w, follow_settings *s, const char *program);
/* The run and the new cells.  column: labels instead of the run's own, or NULL; files: what may be written, as output_open takes it. */
isk_status follow_read(follow *w, const char *column, const char *files);
/* All staged files take their names; json goes where --json says, too. */
isk_status follow_commit(follow *w, const text *json);
/* Is nothing to be printed? */
int follow_is_silent(const follow *w);
/* Says what went wrong, if anything; returns the exit code.  Then follow_close. */
int follow_finish(follow *w, isk_status status);
void follow_close(follow *w);

#endif
