/* Which rows train, and which are held out. */
#ifndef SPLIT_H
#define SPLIT_H

#include "../formats/table.h"
#include "../base/text.h"

typedef struct split_settings {
    const char *split;              /* a file or FILE:COLUMN with a part for each row, or NULL */
    const char *group;              /* the same with a group for each row; none of them is divided; or NULL */
    const labels *parts, *groups;   /* the same already read, `split` and `group` being their names; or NULL */
    double test;                    /* part of the rows, without `split` */
    double validation;              /* part of the training rows, where `split` names none */
    uint64_t seed;
    const int32_t *labels;          /* [rows], all divided alike, or NULL */
    int64_t rows;
} split_settings;

/* What became of the groups. */
typedef struct split_groups {
    int count;                      /* 0: rows have none */
    int64_t without;                /* rows that have none, each divided alone */
    shown held_out;                 /* the only group of the test part, or "" */
    shown within;                   /* the only group that trains, so that validation rows are drawn from it; "": no group is divided */
} split_groups;

/* part [rows], isk_part of each.  In the file: train, validation (or valid), test; or 0, 1, 2.  `found` may be NULL. */
isk_status split_rows(isk_context *context, const split_settings *s, uint8_t *part, split_groups *found);
/* "no group is divided; 40 without a group are divided one by one" */
enum { SPLIT_WORDS = 400 };
const char *split_words(const split_groups *g, char words[SPLIT_WORDS]);
int64_t split_count(const uint8_t *part, int64_t rows, isk_part which);
/* split.tsv: a header and one word a row, as --split reads it. */
void split_write(const uint8_t *part, int64_t rows, text *out);

#endif
