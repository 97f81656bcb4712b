#include "sheet.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- rows ---- */

void sheet_row(sheet *s) {
    const size_t columns = (size_t)s->column_count;
    s->at = 0;
    if (s->rows == s->capacity && !s->failed) {
        const int64_t capacity = s->capacity + s->capacity / 2 + 16;
        sheet_cell *more = realloc(s->cells, sizeof *more * (size_t)capacity * columns);
        if (more) {
            s->cells = more;
            s->capacity = capacity;
        }
        s->failed = !more;
    }
    if (s->failed) { return; }
    memset(s->cells + (size_t)s->rows * columns, 0, sizeof *s->cells * columns);
    s->rows++;
}

static const sheet_cell *cell_at(const sheet *s, int64_t row, int column) { return &s->cells[row * s->column_count + column]; }

static void put(sheet *s, sheet_cell cell) {
    if (!s->failed && s->at < s->column_count) { s->cells[(s->rows - 1) * s->column_count + s->at++] = cell; }
}

void sheet_skip(sheet *s) { put(s, (sheet_cell){ .kind = SHEET_NOTHING }); }
void sheet_words(sheet *s, const char *words) { put(s, (sheet_cell){ .kind = SHEET_IS_WORDS, .words = words }); }

void sheet_format(sheet *s, const char *format, ...) {
    va_list arguments;
    int length;
    char *words;
    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    words = length < 0 ? NULL : malloc((size_t)length + 1);
    if (!words) {
        s->failed = 1;
        return;
    }
    va_start(arguments, format);
    vsnprintf(words, (size_t)length + 1, format, arguments);
    va_end(arguments);
    if (s->failed || s->at == s->column_count) { free(words); return; }
    put(s, (sheet_cell){ .kind = SHEET_IS_WORDS, .words = words, .owned = 1 });
}

void sheet_number(sheet *s, double value) { put(s, (sheet_cell){ .kind = SHEET_IS_NUMBER, .value = value, .error = NAN }); }

void sheet_average(sheet *s, average a) { put(s, (sheet_cell){ .kind = SHEET_IS_NUMBER, .value = a.mean, .error = a.error }); }

void sheet_strong(sheet *s) {
    if (!s->failed && s->at > 0) { s->cells[(s->rows - 1) * s->column_count + s->at - 1].strong = 1; }
}

void sheet_free(sheet *s) {
    for (int64_t i = 0; i < s->rows * s->column_count; i++) {
        if (s->cells[i].owned) { free((void *)(uintptr_t)s->cells[i].words); }
    }
    free(s->cells);
    s->cells = NULL;
    s->rows = s->capacity = 0;
    s->at = s->failed = 0;
}

/* ---- files ---- */

static void tsv_cell(const sheet_column *column, const sheet_cell *cell, text *out) {
    if (cell->kind == SHEET_IS_WORDS) { text_tsv(out, cell->words); }
    if (cell->kind == SHEET_IS_NUMBER && column->form == SHEET_COUNT && isfinite(cell->value)) {
        text_format(out, "%lld", (long long)cell->value);
    } else if (cell->kind == SHEET_IS_NUMBER) {
        text_tsv_number(out, cell->value);
    }
    if (!(column->error & SHEET_ERROR_IN_FILES)) { return; }
    text_add(out, "\t");
    if (cell->kind == SHEET_IS_NUMBER) { text_tsv_number(out, cell->error); }
}

void sheet_tsv(const sheet *s, text *out) {
    if (s->failed) { out->failed = 1; }
    for (int64_t row = -1; row < s->rows; row++) {
        int first = 1;
        for (int k = 0; k < s->column_count; k++) {
            const sheet_column *column = &s->columns[k];
            if (!column->key) { continue; }
            text_add(out, first ? "" : "\t");
            first = 0;
            if (row >= 0) {
                tsv_cell(column, cell_at(s, row, k), out);
            } else {
                char key[80];
                text_tsv(out, column->key);
                if (!(column->error & SHEET_ERROR_IN_FILES)) { continue; }
                snprintf(key, sizeof key, "%s_error", column->key);
                text_add(out, "\t");
                text_tsv(out, key);
            }
        }
        text_add(out, "\n");
    }
}

static void json_cell(const sheet_column *column, const sheet_cell *cell, text *out) {
    text_json_key(out, column->key);
    if (cell->kind == SHEET_IS_WORDS && cell->words) {
        text_json_string(out, cell->words);
    } else {
        text_json_number(out, cell->kind == SHEET_IS_NUMBER ? cell->value : (double)NAN);
    }
    if (column->error & SHEET_ERROR_IN_FILES) {
        char key[80];
        snprintf(key, sizeof key, "%s_error", column->key);
        text_json_member(out, key, cell->kind == SHEET_IS_NUMBER ? cell->error : (double)NAN);
    }
}

void sheet_json(const sheet *s, const char *indent, text *out) {
    if (s->failed) { out->failed = 1; }
    text_add(out, "[");
    for (int64_t row = 0; row < s->rows; row++) {
        text_format(out, "%s\n%s{", row ? "," : "", indent);
        for (int k = 0; k < s->column_count; k++) {
            if (s->columns[k].key) { json_cell(&s->columns[k], cell_at(s, row, k), out); }
        }
        text_add(out, "}");
    }
    text_add(out, "]");
}

/* ---- for people ---- */

static void number_words(const sheet_column *column, double value, text *out) {
    if (column->form == SHEET_COUNT) {
        text_format(out, "%lld", (long long)value);
    } else if (column->form == SHEET_GENERAL) {
        text_number(out, value, 6);
    } else {
        text_fixed(out, value, column->decimals < 0 ? 0 : column->decimals ? column->decimals : 3);
    }
}

void sheet_cell_text(const sheet *s, int64_t row, int column, int with_error, const char *unknown, text *out) {
    const sheet_cell *cell = cell_at(s, row, column);
    if (cell->kind == SHEET_IS_WORDS) { text_add(out, cell->words ? cell->words : ""); }
    if (cell->kind != SHEET_IS_NUMBER) { return; }
    if (!isfinite(cell->value)) {
        text_add(out, unknown);
        return;
    }
    number_words(&s->columns[column], cell->value, out);
    if (!with_error || !isfinite(cell->error)) { return; }
    text_add(out, " (");
    number_words(&s->columns[column], cell->error, out);
    text_add(out, ")");
}

/* Of a text in UTF-8. */
static int columns_of(const char *words) {
    int columns = 0;
    for (; *words; words++) { columns += ((unsigned char)*words & 0xC0) != 0x80; }
    return columns;
}

/* Row -1: what stands over it. */
static const char *terminal_words(const sheet *s, int64_t row, int column, text *buffer) {
    buffer->length = 0;
    if (row < 0) { return s->columns[column].words; }
    sheet_cell_text(s, row, column, (s->columns[column].error & SHEET_ERROR_ON_TERMINAL) != 0, "-", buffer);
    for (size_t i = 0; i < buffer->length; i++) {           /* a name may hold what moves a terminal's cursor */
        if ((unsigned char)buffer->data[i] < ' ') { buffer->data[i] = ' '; }
    }
    return buffer->length ? buffer->data : "";
}

static int width_of(const sheet *s, int column, text *buffer) {
    const int gap = s->columns[column].width ? 1 : 2;
    int widest = s->columns[column].width;
    for (int64_t row = -1; row < s->rows; row++) {
        const int columns = columns_of(terminal_words(s, row, column, buffer));
        if (columns + gap > widest) { widest = columns + gap; }
    }
    return widest;
}

static void trim(text *out, size_t start) {
    while (out->length > start && out->data[out->length - 1] == ' ') { out->data[--out->length] = 0; }
}

void sheet_text(const sheet *s, text *out) {
    text buffer = { 0 };
    int *width = malloc(sizeof *width * ((size_t)s->column_count + 1));
    if (s->failed || !width) { out->failed = 1; }
    for (int k = 0; k < s->column_count && !out->failed; k++) { width[k] = s->columns[k].words ? width_of(s, k, &buffer) : 0; }
    for (int64_t row = -1; row < s->rows && !out->failed; row++) {
        const size_t start = out->length;
        int after_number = 0;
        for (int k = 0; k < s->column_count; k++) {
            const char *words = s->columns[k].words ? terminal_words(s, row, k, &buffer) : NULL;
            const int left = s->columns[k].form == SHEET_WORDS;
            if (!words) { continue; }
            if (left && after_number) { text_add(out, "  "); }
            after_number = !left;
            if (left) { text_add(out, words); }
            for (int pad = width[k] - columns_of(words); pad > 0; pad--) { text_add(out, " "); }
            if (!left) { text_add(out, words); }
        }
        if (!out->failed) { trim(out, start); }
        text_add(out, "\n");
    }
    if (buffer.failed) { out->failed = 1; }
    text_free(&buffer);
    free(width);
}
