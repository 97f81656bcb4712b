/* What the scores come to, in plain words: on the page, on the terminal and in metrics.json. */
#ifndef VERDICTS_H
#define VERDICTS_H

#include "page.h"
#include "../cells/cluster.h"
#include "../runs/evaluation.h"

typedef struct verdict {
    page_tone tone;
    char head[160];
    text sentence;
} verdict;

enum { MOST_VERDICTS = 8 + 4 * ISK_MAX_VIEWS };
typedef struct verdicts {
    verdict list[MOST_VERDICTS];    /* no more than these are kept */
    int count;
} verdicts;

typedef struct verdicts_desc {
    const evaluation *scores;
    const isk_model *model;         /* NULL: not known, as of features from elsewhere */
    const cluster_row *clusters;    /* [cluster_count] of cells: how they agree with labels; NULL: not known */
    int cluster_count;
    const char *warnings;           /* what the library warned of, one a line, or NULL */
} verdicts_desc;
void verdicts_make(verdicts *v, const verdicts_desc *desc);
void verdicts_free(verdicts *v);

void verdicts_page(const verdicts *v, text *page);
/* Heads of all, and what is behind those that are not good. */
void verdicts_text(const verdicts *v, text *out);
/* Member "verdicts". */
void verdicts_json(const verdicts *v, text *out);

#endif
