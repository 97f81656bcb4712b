/* How a program ends when something is wrong: one sentence on standard error, and an exit code. */
#ifndef FAIL_H
#define FAIL_H

#include "../../indiseek.h"
#include "text.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_BAD_DATA = 65, EXIT_STOPPED = 75 };

/* "PROGRAM: sentence" on standard error; returns the exit code that belongs to the status. */
int fail(const char *program, isk_status status, const char *words);
int fail_as(int code, const char *program, const char *format, ...) TEXT_FORMAT(3, 4);
/* The same with a line that points to --help; returns EXIT_USAGE. */
int usage_error(const char *program, const char *format, ...) TEXT_FORMAT(2, 3);

/* A file that may not grow (`ulimit -f`) becomes an error of writing, as a full disk is, with a sentence that names the file: by default
   a signal ends the program there, and leaves the file half-written. */
void take_limits_for_errors(void);

/* The exit code of a program that would end with `code`: that of a failure when standard output was not written. */
int check_output(const char *program, int code);

/* The line that was typed, but for the word --resume, with quotes where the shell needs them. */
void typed_line(text *out, int argc, char **argv);
/* "to go on: " and that line with --resume, on standard error. */
void say_how_to_resume(int argc, char **argv);

/* "Did you mean": the word that is nearest to what was typed, NULL when none is near. */
typedef struct nearest { const char *typed, *word; int distance; } nearest;
nearest nearest_to(const char *typed);
void nearest_consider(nearest *best, const char *word);
const char *nearest_word(const char *typed, const char *const *words);       /* NULL ends the words */

#endif
