/* A page in one file: HTML with charts (chart.h), readable on light and dark, without script or outside resource. */
#ifndef PAGE_H
#define PAGE_H

#include "chart.h"
#include "../base/sheet.h"

void page_begin(text *out, const char *title, const char *lead);
void page_end(text *out);
void page_heading(text *out, const char *words);
void page_paragraph(text *out, const char *words);
/* Charts between these stand side by side where the window is wide enough. */
void page_grid_begin(text *out);
void page_grid_end(text *out);

/* A sentence with a mark: good, neutral, a warning, bad. */
typedef enum page_tone { PAGE_GOOD, PAGE_NEUTRAL, PAGE_WARNING, PAGE_BAD } page_tone;
void page_verdicts_begin(text *out);
void page_verdict(text *out, page_tone tone, const char *head, const char *sentence);
void page_verdicts_end(text *out);

/* A table: the columns of a sheet that have a title, the first of them as names of the rows. */
void page_sheet(text *out, const sheet *s);

/* Names with short values, in as many columns as fit. */
void page_facts_begin(text *out);
void page_fact(text *out, const char *name, const char *value);
void page_facts_end(text *out);

#endif
