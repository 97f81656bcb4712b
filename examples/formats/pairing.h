/* Names of cells: which look like barcodes, what programs add to them, and why those of two files may not agree. */
#ifndef PAIRING_H
#define PAIRING_H

#include "../base/lines.h"
#include "../base/text.h"

/* Whether it holds ten letters in a row that are bases, as barcodes of droplets and plates do and names of genes do not. */
int is_barcode(const char *name);
/* Takes "-1", "-2", "-1-0" from the ends of names: what Cell Ranger and programs that join samples add.  Again is nothing more. */
void names_strip_suffix(names *n);

/* Of `smaller` names most of `own` may be among `others`, but `both` are: what was done to them, as the rest of a sentence, in words;
   empty when nothing that is known explains it.  0: out of memory. */
int pairing_cause(const names *own, const names *others, int64_t smaller, int64_t both, text *words);

#endif
