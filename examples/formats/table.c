#include "table.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- records: a line, or several where a quoted field holds line ends, split into fields ---- */

typedef struct record {
    char *text;                     /* the fields, unquoted, each with its zero */
    int64_t used, room;
    int64_t *starts, count, capacity;
    int64_t line;                   /* on which it begins */
} record;

typedef struct parser {
    isk_context *context;
    const char *path;
    lines source;
    char delimiter;                 /* 0: not known yet */
    int missing;                    /* missing values become NaN */
    int of_words;                   /* fields are words: "T cell, naive" is one where nothing else separates fields */
    int64_t records;                /* read so far */
} parser;

static const char *field(const record *r, int64_t index) { return r->text + r->starts[index]; }

static void record_free(record *r) {
    free(r->text);
    free(r->starts);
    memset(r, 0, sizeof *r);
}

static int is_blank(char c) { return c == ' ' || c == '\t'; }

/* The first of tab, semicolon, comma and blank that stands outside quotes, in this order of preference; '\n', which no
   field of one line can hold, when there is none.  Of words only the first line may show a semicolon or comma. */
static char find_delimiter(const parser *p, const char *line) {
    static const char candidates[] = "\t;, ";
    int seen[4] = { 0 }, quoted = 0, count = !p->of_words ? 4 : p->records == 0 ? 3 : 1;
    while (*line == ' ') { line++; }
    for (; *line; line++) {
        const char *found = strchr(candidates, *line);
        if (*line == '"') { quoted = !quoted; }
        if (found && !quoted && (*line != ' ' || line[1 + strspn(line + 1, " ")])) { seen[found - candidates] = 1; }
    }
    for (int i = 0; i < count; i++) {
        if (seen[i]) { return candidates[i]; }
    }
    return '\n';
}

static isk_status add_bytes(parser *p, record *r, const char *bytes, size_t count) {
    if (!make_room((void **)&r->text, &r->room, r->used + (int64_t)count + 1, 1)) { return no_memory(p->context, p->path); }
    memcpy(r->text + r->used, bytes, count);
    r->used += (int64_t)count;
    r->text[r->used] = 0;
    return ISK_OK;
}

/* A field in quotes, *line being behind the first: "" stands for one; it may go on over line ends. */
static isk_status quoted_field(parser *p, record *r, char **line) {
    int64_t began = p->source.number;
    for (;;) {
        char *end = strchr(*line, '"');
        size_t length;
        isk_status status = add_bytes(p, r, *line, end ? (size_t)(end - *line) : strlen(*line));
        if (status != ISK_OK) { return status; }
        if (end && end[1] != '"') {
            *line = end + 1;
            return ISK_OK;
        }
        if (end) {
            *line = end + 2;
            status = add_bytes(p, r, "\"", 1);
        } else {
            status = add_bytes(p, r, "\n", 1);
            if (status == ISK_OK) { status = lines_next(&p->source, line, &length); }
            if (status == ISK_OK && !*line) {
                status = isk_set_error(p->context, ISK_DATA, "%s: the quote that opens on line %lld, field %lld is never closed",
                                       p->path, (long long)began, (long long)r->count);
            }
        }
        if (status != ISK_OK) { return status; }
    }
}

/* One field and the delimiter behind it; *line becomes NULL behind the last field. */
static isk_status split_field(parser *p, record *r, char **line) {
    char *at = *line, *end;
    isk_status status;
    if (!make_room((void **)&r->starts, &r->capacity, r->count + 1, sizeof *r->starts)) { return no_memory(p->context, p->path); }
    r->starts[r->count++] = r->used;
    while (is_blank(*at) && *at != p->delimiter) { at++; }
    if (*at == '"') {
        at++;
        status = quoted_field(p, r, &at);
        if (status != ISK_OK) { return status; }
        end = at + strspn(at, p->delimiter == '\t' ? " " : " \t");
        if (*end && *end != p->delimiter && !(p->delimiter == ' ' && end > at)) {
            return isk_set_error(p->context, ISK_DATA, "%s: line %lld, field %lld: something follows the closing quote", p->path,
                                 (long long)p->source.number, (long long)r->count);
        }
    } else {
        char *last;
        end = p->delimiter == ' ' ? at + strcspn(at, " \t") : strchr(at, p->delimiter);
        if (!end) { end = at + strlen(at); }
        for (last = end; last > at && is_blank(last[-1]); last--) { }
        status = add_bytes(p, r, at, (size_t)(last - at));
        if (status != ISK_OK) { return status; }
    }
    r->used++;                      /* the zero */
    if (p->delimiter == ' ') {
        end += strspn(end, " \t");
        *line = *end ? end : NULL;
    } else {
        *line = *end ? end + 1 : NULL;
    }
    return ISK_OK;
}

/* The next record; count 0 at the end.  Empty lines are allowed at the end only. */
static isk_status next_record(parser *p, record *r) {
    int64_t empty = 0;
    char *line;
    r->count = r->used = 0;
    for (;;) {
        size_t length;
        isk_status status = lines_next(&p->source, &line, &length);
        if (status != ISK_OK || !line) { return status; }
        if (line[strspn(line, " \t")]) { break; }
        if (length > 0 && p->delimiter == '\t' && strchr(line, '\t')) { break; }        /* empty fields are fields */
        if (!empty) { empty = p->source.number; }
    }
    if (empty) {
        return isk_set_error(p->context, ISK_DATA, "%s: line %lld is empty, but more lines follow", p->path, (long long)empty);
    }
    if (!p->delimiter) { p->delimiter = find_delimiter(p, line); }
    if (p->delimiter == ' ') { line += strspn(line, " \t"); }
    r->line = p->source.number;
    while (line) {
        isk_status status = split_field(p, r, &line);
        if (status != ISK_OK) { return status; }
    }
    if (p->records++ == 0 && p->delimiter == '\n') { p->delimiter = 0; }        /* the second line may show it */
    return ISK_OK;
}

static isk_status ragged(parser *p, const record *r, int64_t due, int64_t due_line) {
    return isk_set_error(p->context, ISK_DATA, "%s: line %lld has %lld field%s where line %lld has %lld", p->path, (long long)r->line,
                         (long long)r->count, r->count == 1 ? "" : "s", (long long)due_line, (long long)due);
}

/* ---- fields ---- */

static int is_word_of(const char *text, const char *const *words) {
    for (; *words; words++) {
        if (same_words(text, *words)) { return 1; }
    }
    return 0;
}

static int is_missing(const char *text) {
    static const char *const words[] = { "na", "nan", "-nan", "n/a", "#n/a", "<na>", "null", "none", ".", "-", "?", NULL };
    return !*text || is_word_of(text, words);
}

static int is_infinite(const char *text) {
    static const char *const words[] = { "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity", NULL };
    return is_word_of(text, words);
}

static int is_number(const char *text, double *value) {
    size_t length = strlen(text);
    return length > 0 && isk_parse_number(text, length, value) == length;
}

static int like_number(const char *text) {
    double value;
    return is_missing(text) || is_infinite(text) || is_number(text, &value);
}

/* ---- what the first two records say ---- */

/* The first field that is no number, leaving out that of row names; -1 when there is none. */
static int64_t first_text(const record *r) {
    for (int64_t i = r->count > 1; i < r->count; i++) {
        if (!like_number(field(r, i))) { return i; }
    }
    return -1;
}

static int is_header(const record *first, const record *second) {
    if (second->count == first->count + 1) { return 1; }                /* R's write.table: no name above the row names */
    if (first->count > 1 && !*field(first, 0)) { return 1; }            /* pandas, R's write.csv: an empty name there */
    if (first_text(first) >= 0) { return 1; }
    return first->count > 1 && second->count > 0 && !like_number(field(first, 0)) && like_number(field(second, 0));
}

/* Numbers among texts on the first line: a header with a number for a name, or a row with a mistake in it. */
static isk_status check_header(parser *p, const record *first) {
    int64_t text = first_text(first);
    for (int64_t i = first->count > 1; i < first->count && text >= 0; i++) {
        double value;
        shown a, b;
        if (!is_number(field(first, i), &value)) { continue; }
        return isk_set_error(p->context, ISK_DATA, "%s: line %lld is a header or a row with a mistake: field %lld is '%s' but field %lld "
                             "is '%s'; say whether there is a header", p->path, (long long)first->line, (long long)text + 1,
                             show(&a, field(first, text)), (long long)i + 1, show(&b, field(first, i)));
    }
    return ISK_OK;
}

typedef struct layout { int header, row_names; int64_t fields, line; } layout;

static isk_status find_layout(parser *p, const table_desc *desc, const record *first, const record *second, layout *l) {
    const record *data = first;
    if (desc->header == TABLE_DETECT) {
        isk_status status = check_header(p, first);
        if (status != ISK_OK) { return status; }
    }
    l->header = desc->header == TABLE_YES || (desc->header == TABLE_DETECT && is_header(first, second));
    if (first->count == 0) { return isk_set_error(p->context, ISK_DATA, "%s: is empty", p->path); }
    if (l->header) { data = second; }
    if (data->count == 0) { return isk_set_error(p->context, ISK_DATA, "%s: has a header but no rows", p->path); }
    l->fields = data->count;
    l->line = data->line;
    if (l->header && first->count != data->count && first->count + 1 != data->count) {
        return ragged(p, data, first->count, first->line);
    }
    l->row_names = desc->row_names == TABLE_YES;
    if (desc->row_names == TABLE_DETECT && data->count > 1) {
        l->row_names = !like_number(field(data, 0)) || (l->header && (first->count < data->count || !*field(first, 0)));
    }
    if (l->header && first->count < data->count && !l->row_names) { return ragged(p, data, first->count, first->line); }
    if (l->row_names && data->count < 2) {
        return isk_set_error(p->context, ISK_DATA, "%s: has row names but no other column", p->path);
    }
    return ISK_OK;
}

/* Opens the source from a path or, when that is NULL, from a reader; reads the first two records. */
static isk_status parser_open(parser *p, isk_context *context, const char *path, const isk_reader *reader, record *first,
                              record *second) {
    isk_status status;
    p->context = context;
    p->path = path ? path : reader->name;
    status = path ? lines_open(context, path, &p->source) : lines_open_reader(context, reader, &p->source);
    if (status == ISK_OK) { status = next_record(p, first); }
    if (status == ISK_OK) { status = next_record(p, second); }
    return status;
}

/* ---- a matrix of numbers ---- */

static isk_status bad_field(parser *p, const table *t, const record *r, int64_t index, int64_t first_value, const char *problem) {
    const char *column = names_get(&t->column_names, index - first_value), *text = field(r, index);
    shown name, value;
    return isk_set_error(p->context, ISK_DATA, "%s: line %lld (row %lld), column %lld%s%s%s: '%s' %s", p->path, (long long)r->line,
                         (long long)t->rows + 1, (long long)index + 1, column ? " '" : "", column ? show(&name, column) : "",
                         column ? "'" : "", show(&value, text), problem);
}

static isk_status read_value(parser *p, const table *t, const record *r, int64_t index, int64_t first_value, isk_scalar *value) {
    const char *text = field(r, index), *comma = strchr(text, ',');
    double number;
    if (p->missing && is_missing(text)) {
        *value = (isk_scalar)NAN;
        return ISK_OK;
    }
    if (!is_number(text, &number)) {
        const char *problem = "is not a number";
        if (is_missing(text)) { problem = "is a missing value; fill it in or leave the row out"; }
        if (is_infinite(text)) { problem = "is infinite"; }
        if (comma && comma[1] >= '0' && comma[1] <= '9') { problem = "is not a number (a decimal point is due, not a comma)"; }
        return bad_field(p, t, r, index, first_value, problem);
    }
    if (number > (sizeof(isk_scalar) == 8 ? DBL_MAX : (double)FLT_MAX) ||
        number < (sizeof(isk_scalar) == 8 ? -DBL_MAX : -(double)FLT_MAX)) {
        return bad_field(p, t, r, index, first_value, "is beyond the range of numbers");
    }
    *value = (isk_scalar)number;
    return ISK_OK;
}

static isk_status read_row(parser *p, table *t, const layout *l, const record *r, int64_t *capacity) {
    isk_scalar *row;
    if (r->count != l->fields) { return ragged(p, r, l->fields, l->line); }
    if (!make_room((void **)&t->values, capacity, t->rows + 1, (size_t)t->cols * sizeof *t->values)) {
        return no_memory(p->context, p->path);
    }
    if (l->row_names && !names_add(&t->row_names, field(r, 0))) { return no_memory(p->context, p->path); }
    row = t->values + t->rows * t->cols;
    for (int64_t c = 0; c < t->cols; c++) {
        isk_status status = read_value(p, t, r, c + l->row_names, l->row_names, &row[c]);
        if (status != ISK_OK) { return status; }
    }
    t->rows++;
    return ISK_OK;
}

static isk_status read_table(isk_context *context, const char *path, const isk_reader *reader, const table_desc *desc, table *t) {
    static const table_desc defaults = { 0 };
    record first = { 0 }, second = { 0 };
    layout l = { 0 };
    parser p = { 0 };
    int64_t capacity = 0;
    isk_status status;
    if (!desc) { desc = &defaults; }
    memset(t, 0, sizeof *t);
    p.delimiter = desc->delimiter;
    p.missing = desc->missing;
    status = parser_open(&p, context, path, reader, &first, &second);
    if (status == ISK_OK) { status = find_layout(&p, desc, &first, &second, &l); }
    t->cols = l.fields - l.row_names;
    t->delimiter = p.delimiter == '\n' ? 0 : p.delimiter;
    if (l.header && status == ISK_OK) {
        for (int64_t c = first.count - t->cols; c < first.count && status == ISK_OK; c++) {
            if (!names_add(&t->column_names, field(&first, c))) { status = no_memory(context, p.path); }
        }
    } else if (status == ISK_OK) {
        status = read_row(&p, t, &l, &first, &capacity);
    }
    while (status == ISK_OK && second.count > 0) {
        status = read_row(&p, t, &l, &second, &capacity);
        if (status == ISK_OK) { status = next_record(&p, &second); }
    }
    record_free(&first);
    record_free(&second);
    lines_close(&p.source);
    if (status != ISK_OK) { table_free(t); }
    return status;
}

isk_status table_read(isk_context *context, const char *path, const table_desc *desc, table *t) {
    return read_table(context, path, NULL, desc, t);
}

isk_status table_read_from(isk_context *context, const isk_reader *reader, const table_desc *desc, table *t) {
    return read_table(context, NULL, reader, desc, t);
}

void table_free(table *t) {
    free(t->values);
    names_free(&t->column_names);
    names_free(&t->row_names);
    memset(t, 0, sizeof *t);
}

/* ---- labels ---- */

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static int by_value(const void *a, const void *b) {
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    double u = 0, v = 0;
    is_number(x, &u);
    is_number(y, &v);
    return u < v ? -1 : u > v ? 1 : strcmp(x, y);
}

/* Fewer words than is_missing knows: "none" may be a class. */
static int has_no_class(const char *text) {
    return !*text || !strcmp(text, "NA") || !strcmp(text, "NaN") || !strcmp(text, "nan") || !strcmp(text, "<NA>");
}

/* Codes and classes from one text for each row. */
static isk_status make_labels(isk_context *context, const char *path, const names *texts, int64_t skip, labels *l) {
    int64_t rows = texts->count - skip, present = 0, i;
    const char **sorted = malloc((size_t)(rows > 0 ? rows : 1) * sizeof *sorted);
    int (*order)(const void *, const void *) = by_value;
    isk_status status = ISK_OK;
    l->rows = rows;
    l->codes = malloc((size_t)(rows > 0 ? rows : 1) * sizeof *l->codes);
    if (!sorted || !l->codes) { status = no_memory(context, path); }
    for (i = 0; i < rows && status == ISK_OK; i++) {
        const char *text = names_get(texts, skip + i);
        double value;
        if (has_no_class(text)) { l->missing++; continue; }
        if (!is_number(text, &value)) { order = by_text; }
        sorted[present++] = text;
    }
    if (status == ISK_OK && present > 1) { qsort(sorted, (size_t)present, sizeof *sorted, order); }
    for (i = 0; i < present && status == ISK_OK; i++) {
        if (i > 0 && strcmp(sorted[i], sorted[i - 1]) == 0) { continue; }
        if (l->classes.count == INT32_MAX || !names_add(&l->classes, sorted[i])) { status = no_memory(context, path); }
    }
    l->count = (int)l->classes.count;
    for (i = 0; i < l->count && status == ISK_OK; i++) { sorted[i] = names_get(&l->classes, i); }
    for (i = 0; i < rows && status == ISK_OK; i++) {
        const char *text = names_get(texts, skip + i);
        const char **found = has_no_class(text) ? NULL : bsearch(&text, sorted, (size_t)l->count, sizeof *sorted, order);
        l->codes[i] = found ? (int32_t)(found - sorted) : -1;
    }
    free(sorted);
    if (status != ISK_OK) { labels_free(l); }
    return status;
}

/* Which field of the rows a column is.  *named: the first line is a header, as the column was found by its name there or
   the first line is one field shorter, having no name above the row names. */
static isk_status find_column(parser *p, const record *first, const record *second, const char *column, int64_t *index,
                              int *named) {
    int64_t shorter = second->count == first->count + 1, fields = first->count + shorter;
    double number;
    shown wanted, name;
    *named = (int)shorter;
    if (!column) {
        int row_names = shorter || (fields > 1 && !*field(first, 0));
        *index = fields - 1;
        *named = row_names;
        if (fields - row_names == 1) { return ISK_OK; }
        return isk_set_error(p->context, ISK_ARGUMENT, "%s: has %lld columns; say which holds the labels, by name or number from 1",
                             p->path, (long long)fields);
    }
    for (int64_t i = 0; i < first->count; i++) {
        if (strcmp(field(first, i), column) == 0) {
            *index = i + shorter;
            *named = 1;
            return ISK_OK;
        }
    }
    if (is_number(column, &number) && number >= 1 && number <= (double)fields && number == (double)(int64_t)number) {
        *index = (int64_t)number - 1;
        return ISK_OK;
    }
    return isk_set_error(p->context, ISK_ARGUMENT, "%s: has no column '%s'; its first line has %lld field%s, the %s is '%s'", p->path,
                         show(&wanted, column), (long long)first->count, first->count == 1 ? "" : "s",
                         first->count == 1 ? "only one" : "last", show(&name, field(first, first->count - 1)));
}

/* Whether the first text of a column is its name, when nothing else has said so. */
static int first_is_name(const names *texts, int64_t rows, int looks_so) {
    const char *name = names_get(texts, 0);
    if (rows > 0) { return texts->count == rows + 1; }
    for (int64_t i = 1; i < texts->count; i++) {
        if (strcmp(names_get(texts, i), name) == 0) { return 0; }       /* a class, not a name */
    }
    return looks_so;
}

/* Adds the field of every row from `r` on.  Every row must have as many fields as the first of them. */
static isk_status read_column(parser *p, record *r, int64_t index, names *texts) {
    int64_t fields = r->count, line = r->line;
    while (r->count > 0) {
        isk_status status = r->count == fields ? ISK_OK : ragged(p, r, fields, line);
        if (status == ISK_OK && !names_add(texts, field(r, index))) { status = no_memory(p->context, p->path); }
        if (status == ISK_OK) { status = next_record(p, r); }
        if (status != ISK_OK) { return status; }
    }
    return ISK_OK;
}

static isk_status read_labels(isk_context *context, const char *path, const isk_reader *reader, const char *column, int64_t rows,
                              labels *l) {
    record first = { 0 }, second = { 0 };
    names texts = { 0 };
    parser p = { 0 };
    int64_t index = 0, skip = 0;
    int named = 0, looks_so;
    isk_status status;
    memset(l, 0, sizeof *l);
    p.of_words = 1;
    status = parser_open(&p, context, path, reader, &first, &second);
    if (status == ISK_OK && first.count == 0) { status = isk_set_error(context, ISK_DATA, "%s: is empty", p.path); }
    if (status == ISK_OK && second.count > 0 && second.count != first.count && second.count != first.count + 1) {
        status = ragged(&p, &second, first.count, first.line);
    }
    if (status == ISK_OK) { status = find_column(&p, &first, &second, column, &index, &named); }
    if (status == ISK_OK && !named && !names_add(&texts, field(&first, index))) { status = no_memory(context, p.path); }
    if (status == ISK_OK) {
        looks_so = is_header(&first, &second);
        status = read_column(&p, &second, index, &texts);
        if (status == ISK_OK && !named) { skip = first_is_name(&texts, rows, looks_so); }
    }
    if (status == ISK_OK && texts.count == skip) {
        status = isk_set_error(context, ISK_DATA, "%s: has a header but no rows", p.path);
    }
    if (status == ISK_OK && rows > 0 && texts.count - skip != rows) {
        status = isk_set_error(context, ISK_SHAPE, "%s: has %lld labels where %lld rows are due", p.path,
                               (long long)(texts.count - skip), (long long)rows);
    }
    if (status == ISK_OK) { status = make_labels(context, p.path, &texts, skip, l); }
    names_free(&texts);
    record_free(&first);
    record_free(&second);
    lines_close(&p.source);
    return status;
}

isk_status labels_read(isk_context *context, const char *path, const char *column, int64_t rows, labels *l) {
    return read_labels(context, path, NULL, column, rows, l);
}

isk_status labels_read_from(isk_context *context, const isk_reader *reader, const char *column, int64_t rows, labels *l) {
    return read_labels(context, NULL, reader, column, rows, l);
}

isk_status labels_from_codes(isk_context *context, const char *name, const int32_t *codes, int64_t rows, labels *l) {
    names texts = { 0 };
    isk_status status = ISK_OK;
    memset(l, 0, sizeof *l);
    for (int64_t i = 0; i < rows && status == ISK_OK; i++) {
        char text[16];
        snprintf(text, sizeof text, "%ld", (long)codes[i]);
        if (!names_add(&texts, text)) { status = no_memory(context, name); }
    }
    if (status == ISK_OK) { status = make_labels(context, name, &texts, 0, l); }
    names_free(&texts);
    return status;
}

isk_status labels_copy(isk_context *context, const labels *l, labels *copy) {
    int ok;
    *copy = (labels){ .rows = l->rows, .count = l->count, .missing = l->missing };
    copy->codes = malloc(sizeof *copy->codes * ((size_t)l->rows + 1));
    ok = copy->codes != NULL;
    if (ok) { memcpy(copy->codes, l->codes, sizeof *copy->codes * (size_t)l->rows); }
    for (int64_t i = 0; i < l->classes.count && ok; i++) { ok = names_add(&copy->classes, names_get(&l->classes, i)); }
    if (ok) { return ISK_OK; }
    labels_free(copy);
    return no_memory(context, "labels");
}

isk_status labels_from_names(isk_context *context, const char *name, const names *words, labels *l) {
    memset(l, 0, sizeof *l);
    return make_labels(context, name, words, 0, l);
}

void labels_free(labels *l) {
    free(l->codes);
    names_free(&l->classes);
    memset(l, 0, sizeof *l);
}

/* ---- a table of words ---- */

static isk_status add_record(parser *p, const record *r, int64_t cols, int64_t line, frame *f) {
    if (r->count != cols) { return ragged(p, r, cols, line); }
    for (int64_t i = 0; i < cols; i++) {
        if (!names_add(&f->fields, field(r, i))) { return no_memory(p->context, p->path); }
    }
    f->rows++;
    return ISK_OK;
}

/* The first line, whose length the second one may explain. */
static isk_status add_first(parser *p, const record *first, const record *second, frame *f) {
    f->cols = second->count > 0 ? second->count : first->count;
    f->header = second->count == first->count + 1 || (first->count > 1 && !*field(first, 0));
    if (first->count == 0) { return isk_set_error(p->context, ISK_DATA, "%s: is empty", p->path); }
    if (second->count != first->count + 1) { return add_record(p, first, first->count, first->line, f); }
    if (!names_add(&f->fields, "")) { return no_memory(p->context, p->path); }
    return add_record(p, first, first->count, first->line, f);
}

isk_status frame_read(isk_context *context, const char *path, frame *f) {
    record first = { 0 }, second = { 0 };
    parser p = { 0 };
    isk_status status;
    memset(f, 0, sizeof *f);
    p.of_words = 1;
    status = parser_open(&p, context, path, NULL, &first, &second);
    if (status == ISK_OK && second.count > 0 && second.count != first.count && second.count != first.count + 1) {
        status = ragged(&p, &second, first.count, first.line);
    }
    if (status == ISK_OK) { status = add_first(&p, &first, &second, f); }
    first.line = second.line;               /* from here on the second says how many fields there are */
    while (status == ISK_OK && second.count > 0) {
        status = add_record(&p, &second, f->cols, first.line, f);
        if (status == ISK_OK) { status = next_record(&p, &second); }
    }
    if (status == ISK_OK) { f->rows -= f->header; }
    record_free(&first);
    record_free(&second);
    lines_close(&p.source);
    if (status != ISK_OK) { frame_free(f); }
    return status;
}

void frame_head(frame *f) {
    f->rows -= !f->header;
    f->header = 1;
}

const char *frame_header(const frame *f, int64_t col) { return f->header ? names_get(&f->fields, col) : ""; }

const char *frame_get(const frame *f, int64_t row, int64_t col) { return names_get(&f->fields, (row + f->header) * f->cols + col); }

isk_status frame_column(isk_context *context, const char *path, const frame *f, int64_t col, double **numbers, labels *classes) {
    names words = { 0 };
    int64_t found = 0, r;
    isk_status status = ISK_OK;
    memset(classes, 0, sizeof *classes);
    *numbers = malloc((size_t)(f->rows > 0 ? f->rows : 1) * sizeof **numbers);
    if (!*numbers) { return no_memory(context, path); }
    for (r = 0; r < f->rows; r++) {
        const char *text = frame_get(f, r, col);
        (*numbers)[r] = (double)NAN;
        if (is_missing(text)) { continue; }
        if (!is_number(text, &(*numbers)[r]) || !isfinite((*numbers)[r])) { break; }
        found++;
    }
    if (r == f->rows && found > 0) { return ISK_OK; }
    free(*numbers);
    *numbers = NULL;
    for (r = 0; r < f->rows && status == ISK_OK; r++) {
        if (!names_add(&words, frame_get(f, r, col))) { status = no_memory(context, path); }
    }
    if (status == ISK_OK) { status = make_labels(context, path, &words, 0, classes); }
    names_free(&words);
    return status;
}

void frame_free(frame *f) {
    names_free(&f->fields);
    memset(f, 0, sizeof *f);
}
