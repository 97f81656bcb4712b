#include "explained_page.h"

#include "page.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct ranked { double r2; int64_t feature; } ranked;

static int descending(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->r2 != y->r2) { return x->r2 > y->r2 ? -1 : 1; }
    return (x->feature > y->feature) - (x->feature < y->feature);
}

/* Of Z what it adds to C: what both tell is followed by C already. */
static double told_by(const explained_modality *m, explained_way by, int64_t feature) {
    return by == EXPLAINED_SPECIFIC ? explained_added(m, feature) : m->r2[by][feature];
}

/* The features of which something is told, those first that most is told of; to be freed.  NULL without memory. */
static ranked *rank(const explained_modality *m, explained_way by, int64_t *count) {
    ranked *list = malloc(sizeof *list * ((size_t)m->count + 1));
    *count = 0;
    for (int64_t j = 0; j < m->count && list; j++) {
        if (told_by(m, by, j) > 0) { list[(*count)++] = (ranked){ told_by(m, by, j), j }; }
    }
    if (list) { qsort(list, (size_t)*count, sizeof *list, descending); }
    return list;
}

/* The features that are told most in one way, beside what the others tell of them. */
static void add_table(text *page, const explained_modality *m, explained_way by) {
    enum { SHOWN = 15 };
    static const char *const words[EXPLAINED_WAYS] = { "C", "Z", "both", "C of others", "the fused features" };
    static const explained_way order[EXPLAINED_WAYS] = { EXPLAINED_SPECIFIC, EXPLAINED_SHARED, EXPLAINED_BOTH, EXPLAINED_OTHER,
                                                         EXPLAINED_FUSED };
    const int adds = by == EXPLAINED_SPECIFIC && m->r2[EXPLAINED_BOTH];
    explained_way way[EXPLAINED_WAYS];
    char title[120], number[32];
    sheet_column columns[EXPLAINED_WAYS + 2] = { { .title = title }, { .title = "Z adds", .form = SHEET_BAR } };
    sheet s = { .columns = columns, .column_count = 1 + adds };
    int64_t count;
    int ways = 0;
    ranked *list = rank(m, by, &count);
    page->failed = page->failed || !list;
    for (int i = 0; i < EXPLAINED_WAYS; i++) {
        if (!m->r2[order[i]]) { continue; }
        way[ways++] = order[i];
        columns[s.column_count++] = (sheet_column){ .title = words[order[i]], .form = SHEET_BAR };
    }
    if (adds) {
        snprintf(title, sizeof title, count ? "%s: what Z adds to C" : "%s: Z adds nothing to C", m->name);
    } else {
        snprintf(title, sizeof title, count ? "%s: told most by %s" : "%s: nothing is told by %s", m->name, words[by]);
    }
    for (int64_t k = 0; k < count && k < SHOWN; k++) {
        sheet_row(&s);
        sheet_format(&s, "%s", explained_feature(m, list[k].feature, number));
        if (adds) { sheet_number(&s, list[k].r2); }
        for (int i = 0; i < ways; i++) { sheet_number(&s, m->r2[way[i]][list[k].feature]); }
    }
    page_sheet(page, &s);
    sheet_free(&s);
    free(list);
}

void explained_page(const explained *e, text *page) {
    static const explained_way ways[] = { EXPLAINED_SPECIFIC, EXPLAINED_SHARED, EXPLAINED_FUSED };
    text lead = { 0 };
    if (!e->count) { return; }
    page_heading(page, "What the features follow");
    text_add(&lead, "How much of each gene, protein or peak, as prepared, a linear map tells from its modality's features: R² on held-out "
                    "cells (");
    for (int i = 0; i < e->count; i++) {
        text_format(&lead, "%s%lld of %s", i ? ", " : "", (long long)e->list[i].scored_cells, e->list[i].name);
    }
    text_add(&lead, "). ");
    if (e->list[0].r2[EXPLAINED_SPECIFIC]) {
        text_add(&lead, "What Z adds to C is that modality's own, unless C of the other modalities tells it too; what C tells is seen by "
                        "the others. ");
    }
    text_add(&lead, "Counts of single cells are noisy, so that even what is followed well may have a small R². explained.tsv has all of "
                    "them.");
    page->failed = page->failed || lead.failed;
    page_paragraph(page, lead.data ? lead.data : "");
    text_free(&lead);
    for (int i = 0; i < e->count; i++) {
        page_grid_begin(page);
        for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
            if (e->list[i].r2[ways[k]]) { add_table(page, &e->list[i], ways[k]); }
        }
        page_grid_end(page);
    }
}
