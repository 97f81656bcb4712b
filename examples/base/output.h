/* A folder of results.  Files are written beside their names and take them all at once, at the end: a run that fails or
   is killed leaves the results of the last good one as they were. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "../../indiseek.h"
#include "text.h"

#define MOST_OUTPUTS 24

typedef struct output {
    isk_context *context;
    const char *folder;
    char names[MOST_OUTPUTS][48];
    int count;
    char error[600];
} output;

/* Makes the folder and those above it, and tries whether files can be made in it. */
isk_status output_open(output *o, isk_context *context, const char *folder);
/* "FOLDER/name" into a buffer of `size`; returns buffer. */
char *output_path(const output *o, const char *name, char *buffer, size_t size);
/* The path to write to now for what will be FOLDER/name; into a buffer of `size`. */
char *output_stage(output *o, const char *name, char *buffer, size_t size);
isk_status output_matrix(output *o, const char *name, isk_matrix matrix);
isk_status output_text(output *o, const char *name, const text *t);
/* Gives the staged files their names. */
isk_status output_commit(output *o);
/* Removes what is staged. */
void output_drop(output *o);

/* Removes what runs that were killed while they wrote a file left half-written. */
void output_tidy(const output *o);

/* Text to one file, safely, or to standard output where `path` is "-"; for --json FILE and the like. */
isk_status write_text(isk_context *context, const char *path, const text *t);
int is_standard_output(const char *path);      /* NULL is not */
/* Whether write_text will be able to make that file, to be asked before hours of work; NULL is well. */
isk_status can_write(isk_context *context, const char *path);

#endif
