#include "coordinates_page.h"

#include "page.h"

void coordinates_page(const coordinates *c, const stability *s, text *page) {
    enum { SHOWN = 10 };
    text words = { 0 };
    if (!c->count) { return; }
    page_heading(page, "What each coordinate follows");
    page_paragraph(page, "R² of each modality's inputs from one coordinate alone, and (cumulative) of its own modality's from it and those "
                         "above it, by a linear map on held-out rows; with the features that rise and fall with it, by their correlation. "
                         "A method may turn or flip coordinates freely, so read them together. coordinates.tsv has all of Z and C, and "
                         "indiseek explain prints them.");
    if (s->seeds > s->diverged) {
        stability_text(s, &words);
        text_add(&words, "Stable is the R² with which the coordinates from other seeds tell this one.");
        page_paragraph(page, words.data ? words.data : "");
        page->failed = page->failed || words.failed;
        text_free(&words);
    }
    for (int of = FEATURE_Z; of < FEATURE_COUNT; of++) {        /* Z, and the one representation of all */
        coordinate_columns columns;
        char title[80];
        sheet first;
        if (!coordinates_of(c, of)) { continue; }
        coordinates_table(c, of, SHOWN, 1, &columns, &first);
        columns.list[0].title = coordinate_words(c, of, title);
        page_sheet(page, &first);
        sheet_free(&first);
    }
}
