/* How much of the technical factors stands in the features. */
#ifndef TECHNICAL_H
#define TECHNICAL_H

#include "results.h"
#include "../cells/factors.h"

typedef struct technical_row {
    char name[96];
    double r2[FEATURE_COUNT];       /* NaN: there are no such features, or it could not be measured */
} technical_row;

typedef struct technical {
    technical_row rows[MOST_FACTORS];
    int count;
    unsigned features;              /* bits 1 << FEATURE_C, ...: those that there are */
    const char *modality[ISK_MAX_VIEWS];    /* not copied */
    int64_t cells;                  /* held-out ones */
} technical;

/* Ridge regressions of each factor on each of the features, on the rows of `asked` by the ways of evaluation.h; nothing where fewer than
   LEAST_TOLD are held out. */
isk_status technical_make(technical *t, isk_context *context, const factors_desc *desc, const features *f, const char *const *modalities);
/* "C of rna", "Z of protein"; "fused" */
typedef struct technical_name { char text[64]; } technical_name;
const char *technical_words(const technical *t, int feature, technical_name *buffer);
/* technical.tsv: a line a factor */
void technical_tsv(const technical *t, text *out);
/* Member "technical". */
void technical_json(const technical *t, text *out);
/* Which specific features follow some of them (R^2 of 0.3 or more): a sentence each; nothing where none does. */
void technical_remarks(const technical *t, text *out);

#endif
