#include "page.h"

#include <math.h>

static const char style[] =
    ":root{color-scheme:light dark;--paper:#fbfbfa;--bar:#dbe9f7;"
    "--good:#0b7a4b;--warning:#9a5b00;--bad:#b3261e}"
    "@media(prefers-color-scheme:dark){:root{--paper:#15191e;--bar:#23405c;"
    "--good:#57c596;--warning:#eab054;--bad:#ff8a80}}\n"
    "body{margin:0;background:var(--paper);color:var(--ink);"
    "font:16px/1.55 system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif}\n";
static const char style_blocks[] =
    "main{max-width:1060px;margin:0 auto;padding:40px 24px 80px}\n"
    "h1{font-size:27px;line-height:1.25;margin:0 0 6px;letter-spacing:-.01em}"
    "h2{font-size:19px;margin:44px 0 10px}p{margin:8px 0;max-width:76ch}.lead,small{color:var(--muted)}\n"
    ".grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,420px),1fr));gap:16px;margin:14px 0}"
    ".grid>svg{background:var(--card);border:1px solid var(--grid);border-radius:8px;width:100%;height:auto}\n"
    ".verdicts{list-style:none;margin:14px 0;padding:0}"
    ".verdicts li{background:var(--card);border:1px solid var(--grid);border-left:4px solid var(--tone);"
    "border-radius:6px;padding:9px 14px;margin:8px 0}.verdicts b{color:var(--tone);margin-right:.5em}\n"
    ".good{--tone:var(--good)}.neutral{--tone:var(--muted)}.warning{--tone:var(--warning)}.bad{--tone:var(--bad)}\n";
static const char style_tables[] =
    ".scroll{overflow-x:auto;margin:14px 0}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:15px;min-width:min(100%,620px)}"
    "th,td{padding:6px 11px 6px 7px;text-align:right;border-bottom:1px solid var(--grid)}"
    "thead th{color:var(--muted);font-weight:500;font-size:13.5px;vertical-align:bottom}"
    "th:first-child{text-align:left;font-weight:500;padding-left:2px}"
    "td.b{background:linear-gradient(to right,var(--bar) calc(var(--v)*100%),transparent 0) no-repeat 0 4px/"
    "calc(100% - 6px) calc(100% - 8px)}td{white-space:nowrap}td.w{white-space:normal}td.w,.words th{text-align:left}\n"
    ".facts{list-style:none;padding:0;columns:290px 3;column-gap:32px;font-size:14px}"
    ".facts li{display:flex;justify-content:space-between;gap:12px;border-bottom:1px solid var(--grid);padding:3px 0;"
    "break-inside:avoid;overflow-wrap:anywhere;text-align:right}.facts span{color:var(--muted);text-align:left;"
    "overflow-wrap:normal}\n"
    "summary{cursor:pointer;font-size:14px;color:var(--muted)}pre{font-size:13px;overflow-x:auto;line-height:1.45}\n"
    ".legend{list-style:none;display:flex;flex-wrap:wrap;gap:2px 16px;padding:0;margin:10px 0;font-size:14px}"
    ".legend li{cursor:default}.legend svg{width:16px;height:16px;vertical-align:-3px;margin-right:3px}"
    ".legend .dots{stroke-width:7px}.legend .dots.thin{stroke-width:1.6px}.legend .dots.square{stroke-width:6px}\n";

/* Charts keep their size in a narrow window, where they would be too small to read, and are moved sideways; paper has no window. */
static const char style_media[] =
    "@media(max-width:600px){main{padding:20px 12px 60px}h1{font-size:22px}.grid{overflow-x:auto}.grid>svg{width:520px}"
    ".facts{columns:1}}\n"
    "@media print{:root{--paper:#fff}main{max-width:none;padding:0}.grid>svg,.verdicts li,tr,.plot-panel{break-inside:avoid}"
    "h2{break-after:avoid}.scroll{overflow:visible}.plot-bar{position:static}body,.grid>svg,.verdicts li,td.b{print-color-adjust:exact;"
    "-webkit-print-color-adjust:exact}}\n";

static void element(text *out, const char *tag, const char *words) {
    text_format(out, "<%s>", tag);
    text_html(out, words);
    text_format(out, "</%s>\n", tag);
}

void page_begin(text *out, const char *title, const char *lead) {
    text_add(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n");
    element(out, "title", title);
    text_add(out, "<style>\n");
    chart_style(out);
    text_add(out, style);
    text_add(out, style_blocks);
    text_add(out, style_tables);
    text_add(out, style_media);
    text_add(out, "</style>\n</head>\n<body>\n<main>\n");
    element(out, "h1", title);
    text_add(out, "<p class=\"lead\">");
    text_html(out, lead);
    text_add(out, "</p>\n");
}

void page_end(text *out) { text_add(out, "</main>\n</body>\n</html>\n"); }

void page_heading(text *out, const char *words) { element(out, "h2", words); }
void page_paragraph(text *out, const char *words) { element(out, "p", words); }

void page_grid_begin(text *out) { text_add(out, "<div class=\"grid\">\n"); }
void page_grid_end(text *out) { text_add(out, "</div>\n"); }

void page_verdicts_begin(text *out) { text_add(out, "<ul class=\"verdicts\">\n"); }
void page_verdicts_end(text *out) { text_add(out, "</ul>\n"); }

void page_verdict(text *out, page_tone tone, const char *head, const char *sentence) {
    static const char *const tones[] = { "good", "neutral", "warning", "bad" };
    text_format(out, "<li class=\"%s\"><b>", tones[tone]);
    text_html(out, head);
    text_add(out, "</b>");
    text_html(out, sentence);
    text_add(out, "</li>\n");
}

/* HTML closes a row and a cell by itself when the next one begins. */
static void add_name(text *out, const char *name) {
    text_add(out, "<tr><th scope=\"row\">");
    text_html(out, name);
    text_add(out, "</th>");
}

/* Numbers in words, such as "70.03 (0.39)", or words, to the left; a strong one is what the row is read for. */
static void add_words(text *out, const char *words, int left, int strong) {
    text_add(out, left ? "<td class=\"w\">" : strong ? "<td><b>" : "<td>");
    text_html(out, words);
    text_add(out, strong && !left ? "</b></td>" : "</td>");
}

/* A number with a bar behind it. */
static void add_bar(text *out, double value, int decimals, double most) {
    text_add(out, "<td class=\"b\" style=\"--v:");
    text_fixed(out, fmin(fmax(value / most, 0), 1), 3);
    text_add(out, "\">");
    text_fixed(out, value, decimals);
    text_add(out, "</td>");
}

static void add_cell(text *out, const sheet *s, int64_t row, int k, int is_name) {
    const sheet_column *column = &s->columns[k];
    const sheet_cell *cell = &s->cells[row * s->column_count + k];
    text words = { 0 };
    if (column->form == SHEET_BAR && cell->kind == SHEET_IS_NUMBER && isfinite(cell->value)) {
        add_bar(out, cell->value, column->decimals ? column->decimals : 3, column->most > 0 ? column->most : 1);
        return;
    }
    sheet_cell_text(s, row, k, (column->error & SHEET_ERROR_IN_PAGE) != 0, "–", &words);
    if (is_name) {
        add_name(out, words.data ? words.data : "");
    } else {
        add_words(out, words.data ? words.data : "", column->form == SHEET_WORDS, cell->strong);
    }
    out->failed = out->failed || words.failed;
    text_free(&words);
}

void page_sheet(text *out, const sheet *s) {
    if (s->failed) { out->failed = 1; return; }
    text_format(out, "<div class=\"scroll\"><table%s><thead><tr>", s->of_words ? " class=\"words\"" : "");
    for (int k = 0; k < s->column_count; k++) {
        if (!s->columns[k].title) { continue; }
        text_add(out, "<th scope=\"col\">");
        text_html(out, s->columns[k].title);
        text_add(out, "</th>");
    }
    text_add(out, "</tr></thead>\n<tbody>\n");
    for (int64_t row = 0; row < s->rows; row++) {
        int first = 1;
        for (int k = 0; k < s->column_count; k++) {
            if (!s->columns[k].title) { continue; }
            add_cell(out, s, row, k, first);
            first = 0;
        }
    }
    text_add(out, "</tbody></table></div>\n");
}

void page_facts_begin(text *out) { text_add(out, "<ul class=\"facts\">\n"); }
void page_facts_end(text *out) { text_add(out, "</ul>\n"); }

void page_fact(text *out, const char *name, const char *value) {
    text_add(out, "<li><span>");
    text_html(out, name);
    text_add(out, "</span> ");
    text_html(out, value);
    text_add(out, "</li>\n");
}
