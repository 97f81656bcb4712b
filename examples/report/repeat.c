#include "repeat.h"

#include "page.h"

#include <string.h>

static void lines_of(text *page, const text *lines) {
    for (const char *at = lines->data; at && *at; at += strcspn(at, "\n"), at += *at == '\n') {
        text line = { 0 };
        text_add_bytes(&line, at, strcspn(at, "\n"));
        page_paragraph(page, line.data ? line.data : "");
        text_free(&line);
    }
}

void repeat_section(text *page, const configuration *c) {
    page_heading(page, "How to repeat it");
    lines_of(page, &c->made_by);
    lines_of(page, &c->made_on);
    page_facts_begin(page);
    for (int i = 0; i < c->count; i++) { page_fact(page, c->members[i].key, c->members[i].value); }
    page_facts_end(page);
}
