/* Where results come from: the line that was typed, when, by which version, and what the files that were read held. */
#ifndef PROVENANCE_H
#define PROVENANCE_H

#include "../../indiseek.h"
#include "../base/text.h"

enum { MOST_HASHED = 12 };
typedef struct provenance {
    text line;
    char date[32];                  /* "2025-03-31 14:05 UTC" */
    char data[120];                 /* the first file's name, without its folder */
    char name[MOST_HASHED][120];    /* "sha256_matrix.mtx.gz"; of two files of one name the later says its number too */
    char hash[MOST_HASHED][65];
    int count;                      /* of files; no more than these are hashed */
} provenance;

/* files [count]: paths; NULL is passed over.  After a failure provenance_free is due, as after success. */
isk_status provenance_make(provenance *p, isk_context *context, int argc, char **argv, const char *const *files, int count);
void provenance_free(provenance *p);

#endif
