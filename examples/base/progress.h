/* What a program says while it works: a bar on a terminal, else a line every few seconds; and how it is stopped. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include "../../indiseek.h"
#include "text.h"

#include <stdio.h>

typedef struct progress {
    int quiet;                      /* warnings only */
    FILE *log;                      /* gets one JSON object a line, or NULL */
    text warnings;                  /* every warning of the library, one a line, for a report */
    int terminal, colour, utf8;     /* of standard error */
    int shown;                      /* a bar stands on the current line */
    double began, printed;          /* seconds of the clock; of the last bar or line */
    double first, last;             /* fraction done when work began (not 0 for a resumed run), and at last */
    int mute;                       /* 1: warnings of the library are kept in `warnings` only */
    int single;                     /* 1: one model is trained, and warnings need not say which */
    int piece, pieces;              /* a call of the library is piece 0, 1, ... of a longer work; 0 pieces: all of it */
    const char *what;               /* what that piece is, for the bar, or NULL */
} progress;

void progress_open(progress *p, int quiet);
/* Sets the callbacks of a context to be opened; p must outlive it. */
void progress_attach(progress *p, isk_context_desc *desc);
/* A sentence for the user, on standard error, unless quiet.  A bar on the line gives way. */
void progress_say(progress *p, const char *format, ...) TEXT_FORMAT(2, 3);
void progress_warn(progress *p, const char *format, ...) TEXT_FORMAT(2, 3);
/* The bar, or now and then a line, of work that is not the library's training; from one thread at a time. */
void progress_show(progress *p, double fraction, const char *words);
/* Clears the bar. */
void progress_end(progress *p);
void progress_close(progress *p);

/* From now on SIGINT and SIGTERM ask the context to stop at the next good moment, and a second one exits at once.
   NULL ends that. */
void progress_watch(isk_context *context);
/* 1 when a signal has come. */
int progress_stopped(void);
/* Seconds of a clock that only moves forward. */
double progress_clock(void);

#endif
