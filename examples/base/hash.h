/* SHA-256 (FIPS 180-4) of files, to say what a result was made from; `sha256sum` prints the same. */
#ifndef HASH_H
#define HASH_H

#include "../../indiseek.h"

typedef struct hash_text { char text[65]; } hash_text;
isk_status hash_file(isk_context *context, const char *path, hash_text *hash);
/* Of bytes in memory, for tests and short texts. */
void hash_bytes(const void *bytes, size_t size, hash_text *hash);

#endif
