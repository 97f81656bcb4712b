#include "technical_page.h"

#include "page.h"

void technical_page(const technical *t, text *page) {
    technical_name over[FEATURE_COUNT];
    sheet_column columns[FEATURE_COUNT + 1] = { { .title = "factor" } };
    sheet s = { .columns = columns, .column_count = 1 };
    text lead = { 0 }, remarks = { 0 };
    if (!t->count) { return; }
    page_heading(page, "Technical factors");
    text_format(&lead, "How much of each factor a linear map tells from the features: R² on the %lld held-out cells, which are divided as "
                "for leakage. Depth is the sum of a cell's counts; the doublet score is the share of simulated doublets (counts of two "
                "cells, added) among a cell's 30 nearest; isotype background is the mean log count of the isotype controls. Depth may "
                "follow the type, so that C may tell it without fault.", (long long)t->cells);
    page_paragraph(page, lead.data ? lead.data : "");
    technical_remarks(t, &remarks);
    if (remarks.length) { page_paragraph(page, remarks.data); }
    for (int i = 0; i < FEATURE_COUNT; i++) {
        if (t->features >> i & 1) {
            columns[s.column_count++] = (sheet_column){ .title = technical_words(t, i, &over[i]), .form = SHEET_BAR, .decimals = 2 };
        }
    }
    for (int k = 0; k < t->count; k++) {
        sheet_row(&s);
        sheet_words(&s, t->rows[k].name);
        for (int i = 0; i < FEATURE_COUNT; i++) {
            if (t->features >> i & 1) { sheet_number(&s, t->rows[k].r2[i]); }
        }
    }
    page_sheet(page, &s);
    page->failed = page->failed || lead.failed || remarks.failed;
    sheet_free(&s);
    text_free(&lead);
    text_free(&remarks);
}
