/* Files and folders of other programs that people may try, told by their content: what they are, and what to do with them. */
#ifndef STRANGER_H
#define STRANGER_H

#include "../../indiseek.h"

/* UNSUPPORTED where the path is one of them: "PATH: is an xz file; unpack it first", and `also`, which may be "".  What cannot be read is
   the error that says why. */
isk_status stranger_refuse(isk_context *context, const char *path, const char *also);
/* To be asked before any byte is read: a pipe gives each once, and may wait for the first forever. */
int stranger_is_pipe(const char *path);

#endif
