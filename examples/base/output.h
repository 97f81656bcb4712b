/* A folder of results.  Files are written into FOLDER/.indiseek-new and take their names all at once, at the end: a run that fails or is
   killed leaves the results of the last good one as they were.

   FOLDER/manifest.sha256 has a line for each file that a program of ours gave its name there, as `sha256sum -c` reads them.  By it a
   file is known as ours: one that is not in it, or that is no longer what it says, is the user's, and is neither replaced nor removed.
   It takes its name after the files do, so files that are not of one run do not agree with it.  Not so protected are files of other
   names that a run needs while it works: checkpoints, log.jsonl.new and, of compare, results.jsonl. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "../../indiseek.h"
#include "text.h"

enum { MOST_OUTPUTS = 32, MOST_OWNED = 64, MOST_INPUTS = 16 };

typedef struct output_file { char name[64], hash[65]; } output_file;

typedef struct output {
    isk_context *context;
    const char *folder, *names;
    const char *inputs[MOST_INPUTS];        /* FILE, or FILE:COLUMN: what is ours and read by this run is not removed as stale */
    int input_count;
    output_file owned[MOST_OWNED];
    char staged[MOST_OUTPUTS][64];
    int owned_count, count;
    int adopts;                     /* 1: as known_by says */
    int lock, begun, lost;          /* a file descriptor + 1; 1: the staged manifest is there, so what is staged stays for the next run;
                                       1: more was staged than there is room for */
    char error[700];
} output;

/* Makes the folder and those above it, takes it for this process alone until output_close, and ends what a killed run began when its
   files took their names.  `names`: what may be written, with blanks between, # for a digit; where one of them is the user's (IO), is
   being written by another process (IO) or cannot be made, `error` says so.  known_by: where the folder has this file, by which the caller
   knows all of these names as its own, nothing is refused; or NULL. */
isk_status output_open(output *o, isk_context *context, const char *folder, const char *names, const char *known_by);
/* This run reads that file; NULL is well. */
void output_reads(output *o, const char *path);
/* Is it there, and ours? */
int output_has(const output *o, const char *name);
/* "FOLDER/name" into a buffer of `size`; returns buffer. */
char *output_path(const output *o, const char *name, char *buffer, size_t size);
/* The path to write to now for what will be FOLDER/name; into a buffer of `size`. */
char *output_stage(output *o, const char *name, char *buffer, size_t size);
isk_status output_matrix(output *o, const char *name, isk_matrix matrix);
isk_status output_text(output *o, const char *name, const text *t);
/* Gives the staged files their names.  What else there is of ours and has one of the names `stale` is of an earlier run and is removed;
   NULL: nothing is. */
isk_status output_commit(output *o, const char *stale);
/* A file of ours gets another name, and what was of ours there goes; 0: there is none, or it cannot be. */
int output_keep(output *o, const char *name, const char *other);
/* Removes what is staged, and lets others at the folder. */
void output_close(output *o);

/* Removes what runs that were killed while they wrote a checkpoint left half-written. */
void output_tidy(const output *o);

/* Whether the files of those names that a folder has are of one run: DATA where one is not what manifest.sha256 says.  Folders of
   versions without one are taken as they are.  IO where output_awaited. */
isk_status output_verify(isk_context *context, const char *folder, const char *names);

/* Is a process writing the first results into that folder, so that there are none to read?  `sentence` then says which. */
int output_awaited(const char *folder, char *sentence, size_t size);

/* Text to one file, safely, or to standard output where `path` is "-"; for --json FILE and the like. */
isk_status write_text(isk_context *context, const char *path, const text *t);
int is_standard_output(const char *path);      /* NULL is not */
/* Whether write_text will be able to make that file, to be asked before hours of work; NULL is well. */
isk_status can_write(isk_context *context, const char *path);

#endif
