/* Which rows train, and which are held out. */
#ifndef SPLIT_H
#define SPLIT_H

#include "data.h"

/* Fills d->part, from --split, else by --test, labels and groups. */
isk_status split_rows(dataset *d, isk_context *context, const data_settings *s, double validation);
/* split.tsv: a header and one word a row, as --split reads it. */
void split_write(const uint8_t *part, int64_t rows, text *out);

#endif
