#include "mtx.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

/* ---- entries in any order to compressed rows ---- */

typedef struct entries {
    int64_t rows, cols, count, capacity;
    int32_t *row, *col;
    isk_scalar *value;
    int64_t col_capacity, value_capacity;
} entries;

static void entries_free(entries *e) {
    free(e->row);
    free(e->col);
    free(e->value);
    memset(e, 0, sizeof *e);
}

static int entries_add(entries *e, int64_t row, int64_t col, double value) {
    if (!make_room((void **)&e->row, &e->capacity, e->count + 1, sizeof *e->row)) { return 0; }
    if (!make_room((void **)&e->col, &e->col_capacity, e->count + 1, sizeof *e->col)) { return 0; }
    if (!make_room((void **)&e->value, &e->value_capacity, e->count + 1, sizeof *e->value)) { return 0; }
    e->row[e->count] = (int32_t)row;
    e->col[e->count] = (int32_t)col;
    e->value[e->count++] = (isk_scalar)value;
    return 1;
}

/* Puts the entries in the order of `key` (below `keys`), keeping the order of equal ones: a counting sort.  other and value
   follow; starts [keys + 1] says where each key begins. */
static void sort_by(int64_t keys, int64_t count, const int32_t *key, const int32_t *other, const isk_scalar *value, int64_t *starts,
                    int32_t *other_out, isk_scalar *value_out) {
    memset(starts, 0, (size_t)(keys + 1) * sizeof *starts);
    for (int64_t i = 0; i < count; i++) { starts[key[i] + 1]++; }
    for (int64_t k = 0; k < keys; k++) { starts[k + 1] += starts[k]; }
    for (int64_t i = 0; i < count; i++) {
        int64_t place = starts[key[i]]++;
        other_out[place] = other[i];
        value_out[place] = value[i];
    }
    memmove(starts + 1, starts, (size_t)keys * sizeof *starts);
    starts[0] = 0;
}

static void *items(int64_t count, size_t size) {
    if ((uint64_t)count >= PTRDIFF_MAX / size) { return NULL; }
    return malloc((size_t)(count > 0 ? count : 1) * size);
}

/* Rows with their columns ascending: sorted by column, then by row.  0: out of memory. */
static int to_rows(const entries *e, sparse *m) {
    int64_t count = e->count, *starts = items(e->cols + 1, sizeof *starts);
    int32_t *row = items(count, sizeof *row), *col = items(count, sizeof *col);
    isk_scalar *value = items(count, sizeof *value);
    memset(m, 0, sizeof *m);
    m->rows = e->rows;
    m->cols = e->cols;
    m->count = count;
    m->starts = items(m->rows + 1, sizeof *m->starts);
    m->columns = items(count, sizeof *m->columns);
    m->values = items(count, sizeof *m->values);
    int enough = starts && row && col && value && m->starts && m->columns && m->values;
    if (enough) {
        sort_by(e->cols, count, e->col, e->row, e->value, starts, row, value);
        for (int64_t c = 0; c < e->cols; c++) {
            for (int64_t i = starts[c]; i < starts[c + 1]; i++) { col[i] = (int32_t)c; }
        }
        sort_by(m->rows, count, row, col, value, m->starts, m->columns, m->values);
    }
    free(starts);
    free(row);
    free(col);
    free(value);
    if (!enough) { sparse_free(m); }
    return enough;
}

/* ---- the file ---- */

enum { REAL, INTEGER, PATTERN };
enum { MOST = 100000000 };          /* rows or columns: a line of 20 bytes must not ask for all the memory there is */

typedef struct mtx {
    isk_context *context;
    const char *path;
    lines source;
    int array, values, transpose;
    int64_t rows, cols, count;      /* as the file says */
    int64_t first_line;             /* of the entries */
} mtx;

static isk_status bad_line(mtx *f, const char *problem) {
    return isk_set_error(f->context, ISK_DATA, "%s: line %lld %s", f->path, (long long)f->source.number, problem);
}

/* The next word of a line, ended by a zero; NULL when there is none. */
static char *word(char **line) {
    char *start = *line + strspn(*line, " \t"), *end = start + strcspn(start, " \t");
    if (start == end) { return NULL; }
    *line = *end ? end + 1 : end;
    *end = 0;
    return start;
}

static int word_is(const char *text, const char *wanted) {
    for (; text && *text && *wanted; text++, wanted++) {
        char lower = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;
        if (lower != *wanted) { return 0; }
    }
    return text && !*text && !*wanted;
}

/* Which of the words `choices` (NULL at the end) it is; -1 when none. */
static int choice(const char *text, const char *const *choices) {
    for (int i = 0; choices[i]; i++) {
        if (word_is(text, choices[i])) { return i; }
    }
    return -1;
}

/* %%MatrixMarket matrix coordinate integer general */
static isk_status read_banner(mtx *f) {
    static const char *const formats[] = { "coordinate", "array", NULL };
    static const char *const fields[] = { "real", "integer", "pattern", "double", NULL };
    const char *text;
    char *line;
    size_t length;
    int format, kind;
    shown name;
    isk_status status = lines_next(&f->source, &line, &length);
    if (status != ISK_OK) { return status; }
    if (!line || !word_is(word(&line), "%%matrixmarket")) {
        return isk_set_error(f->context, ISK_DATA, "%s: is no Matrix Market file; those start with %%%%MatrixMarket", f->path);
    }
    if (!word_is(word(&line), "matrix")) { return bad_line(f, "announces something other than a matrix"); }
    format = choice(word(&line), formats);
    if (format < 0) { return bad_line(f, "names a format other than coordinate and array"); }
    text = word(&line);
    kind = choice(text, fields);
    if (kind < 0 || (format == 1 && kind == PATTERN)) {
        return isk_set_error(f->context, ISK_UNSUPPORTED, "%s: line 1: values of kind '%s' are not read, only real, integer and (for "
                             "coordinates) pattern", f->path, show(&name, text ? text : ""));
    }
    text = word(&line);
    if (!word_is(text, "general")) {
        return isk_set_error(f->context, ISK_UNSUPPORTED, "%s: line 1: a matrix that is '%s' is not read, only general ones; write all "
                             "entries out", f->path, show(&name, text ? text : ""));
    }
    if (word(&line)) { return bad_line(f, "has something after 'general'"); }
    f->array = format == 1;
    f->values = kind == 3 ? REAL : kind;
    return ISK_OK;
}

/* A whole number from 0 to high; 0 when there is none. */
static int whole(const char *text, int64_t high, int64_t *value) {
    *value = 0;
    if (!text || !*text) { return 0; }
    for (; *text >= '0' && *text <= '9'; text++) {
        if (*value > (high - (*text - '0')) / 10) { return 0; }
        *value = *value * 10 + (*text - '0');
    }
    return !*text;
}

/* Skips comments; reads "rows columns [entries]". */
static isk_status read_size(mtx *f) {
    char *line;
    size_t length;
    do {
        isk_status status = lines_next(&f->source, &line, &length);
        if (status != ISK_OK) { return status; }
        if (!line) { return isk_set_error(f->context, ISK_DATA, "%s: ends before the line of sizes", f->path); }
    } while (line[0] == '%' || !line[strspn(line, " \t")]);
    if (!whole(word(&line), MOST, &f->rows) || !whole(word(&line), MOST, &f->cols) ||
        (!f->array && !whole(word(&line), INT64_MAX / 64, &f->count)) || word(&line)) {
        return bad_line(f, f->array ? "must hold two whole numbers up to 10^8: rows columns"
                                    : "must hold three whole numbers: rows columns entries, the first two up to 10^8");
    }
    if (f->array) { f->count = f->rows * f->cols; }
    f->first_line = f->source.number + 1;
    return ISK_OK;
}

static isk_status read_number(mtx *f, const char *text, double *value) {
    size_t length = text ? strlen(text) : 0;
    shown name;
    if (f->values == PATTERN) { *value = 1; return ISK_OK; }
    if (length == 0) { return bad_line(f, f->array ? "has no value" : "has no value after row and column"); }
    if (isk_parse_number(text, length, value) != length) {
        return isk_set_error(f->context, ISK_DATA, "%s: line %lld: '%s' is not a number", f->path, (long long)f->source.number,
                             show(&name, text));
    }
    if (f->values == INTEGER && strcspn(text, ".eE") < length) {
        return isk_set_error(f->context, ISK_DATA, "%s: line %lld: '%s' is not a whole number, which line 1 announces", f->path,
                             (long long)f->source.number, show(&name, text));
    }
    if (!(*value <= (sizeof(isk_scalar) == 8 ? DBL_MAX : (double)FLT_MAX) &&
          *value >= (sizeof(isk_scalar) == 8 ? -DBL_MAX : -(double)FLT_MAX))) {
        return isk_set_error(f->context, ISK_DATA, "%s: line %lld: '%s' is beyond the range of numbers", f->path,
                             (long long)f->source.number, show(&name, text));
    }
    return ISK_OK;
}

/* One line of the entries; `index` counts them.  Array files go down the columns. */
static isk_status read_entry(mtx *f, char *line, int64_t index, entries *e) {
    int64_t row, col;
    double value;
    isk_status status;
    if (f->array) {
        row = index % f->rows + 1;
        col = index / f->rows + 1;
    } else if (!whole(word(&line), INT64_MAX / 64, &row) || !whole(word(&line), INT64_MAX / 64, &col)) {
        return bad_line(f, "must begin with two whole numbers: row column");
    } else if (row < 1 || row > f->rows || col < 1 || col > f->cols) {
        return isk_set_error(f->context, ISK_DATA, "%s: line %lld: row %lld, column %lld is outside of 1 .. %lld, 1 .. %lld", f->path,
                             (long long)f->source.number, (long long)row, (long long)col, (long long)f->rows, (long long)f->cols);
    }
    status = read_number(f, f->values == PATTERN ? NULL : word(&line), &value);
    if (status != ISK_OK) { return status; }
    if (word(&line)) { return bad_line(f, "has more on it than one entry"); }
    if (f->array && value == 0) { return ISK_OK; }
    return entries_add(e, (f->transpose ? col : row) - 1, (f->transpose ? row : col) - 1, value) ? ISK_OK : no_memory(f->context, f->path);
}

static isk_status read_entries(mtx *f, entries *e) {
    int64_t found = 0, empty = 0;
    for (;;) {
        char *line;
        size_t length;
        isk_status status = lines_next(&f->source, &line, &length);
        if (status != ISK_OK) { return status; }
        if (!line) { break; }
        if (!line[strspn(line, " \t")]) {
            empty = empty ? empty : f->source.number;
            continue;
        }
        if (empty) {
            return isk_set_error(f->context, ISK_DATA, "%s: line %lld is empty where an entry is due", f->path, (long long)empty);
        }
        if (found == f->count) {
            return isk_set_error(f->context, ISK_DATA, "%s: line %lld goes beyond the %lld entries that the file announces", f->path,
                                 (long long)f->source.number, (long long)f->count);
        }
        status = read_entry(f, line, found, e);
        if (status != ISK_OK) { return status; }
        found++;
    }
    if (found == f->count) { return ISK_OK; }
    return isk_set_error(f->context, ISK_DATA, "%s: has %lld of the %lld entries that it announces; it is cut off", f->path,
                         (long long)found, (long long)f->count);
}

/* Looks for an entry that stands twice in a row of the result, then for its second line. */
static isk_status check_twice(mtx *f, const entries *e, const sparse *m) {
    for (int64_t r = 0; r < m->rows; r++) {
        for (int64_t i = m->starts[r] + 1; i < m->starts[r + 1]; i++) {
            int64_t line = f->first_line, seen = 0, c = m->columns[i];
            if (c != m->columns[i - 1]) { continue; }
            for (int64_t k = 0; k < e->count; k++) {
                if (e->row[k] == r && e->col[k] == c && seen++) { line = f->first_line + k; break; }
            }
            return isk_set_error(f->context, ISK_DATA, "%s: line %lld: row %lld, column %lld stands twice", f->path, (long long)line,
                                 (long long)(f->transpose ? c : r) + 1, (long long)(f->transpose ? r : c) + 1);
        }
    }
    return ISK_OK;
}

static isk_status read_matrix(isk_context *context, const char *path, const isk_reader *reader, int transpose, sparse *m) {
    mtx f = { 0 };
    entries e = { 0 };
    isk_status status;
    memset(m, 0, sizeof *m);
    f.context = context;
    f.path = path ? path : reader->name;
    f.transpose = transpose;
    status = path ? lines_open(context, path, &f.source) : lines_open_reader(context, reader, &f.source);
    if (status == ISK_OK) { status = read_banner(&f); }
    if (status == ISK_OK) { status = read_size(&f); }
    e.rows = transpose ? f.cols : f.rows;
    e.cols = transpose ? f.rows : f.cols;
    if (status == ISK_OK) { status = read_entries(&f, &e); }
    if (status == ISK_OK && !to_rows(&e, m)) { status = no_memory(context, f.path); }
    if (status == ISK_OK) { status = check_twice(&f, &e, m); }
    entries_free(&e);
    lines_close(&f.source);
    if (status != ISK_OK) { sparse_free(m); }
    return status;
}

isk_status mtx_read(isk_context *context, const char *path, int transpose, sparse *m) {
    return read_matrix(context, path, NULL, transpose, m);
}

isk_status mtx_read_from(isk_context *context, const isk_reader *reader, int transpose, sparse *m) {
    return read_matrix(context, NULL, reader, transpose, m);
}

isk_status mtx_size(isk_context *context, const char *path, int transpose, int64_t *rows, int64_t *cols, int64_t *count) {
    mtx f = { .context = context, .path = path, .transpose = transpose };
    isk_status status = lines_open(context, path, &f.source);
    if (status == ISK_OK) { status = read_banner(&f); }
    if (status == ISK_OK) { status = read_size(&f); }
    lines_close(&f.source);
    *rows = transpose ? f.cols : f.rows;
    *cols = transpose ? f.rows : f.cols;
    *count = f.count;
    return status;
}

/* ---- sparse matrices ---- */

isk_status sparse_select(isk_context *context, const char *name, const sparse *m, const int64_t *columns, int64_t count,
                         sparse *result) {
    int64_t *place = items(m->cols, sizeof *place);
    entries e = { 0 };
    isk_status status = ISK_OK;
    memset(result, 0, sizeof *result);
    if (!place) { return no_memory(context, name); }
    for (int64_t c = 0; c < m->cols; c++) { place[c] = -1; }
    for (int64_t k = 0; k < count && status == ISK_OK; k++) {
        if (columns[k] < 0 || columns[k] >= m->cols || place[columns[k]] >= 0) {
            status = isk_set_error(context, ISK_ARGUMENT, "%s: column %lld was chosen, but there are %lld, each to be chosen once", name,
                                   (long long)columns[k] + 1, (long long)m->cols);
        } else {
            place[columns[k]] = k;
        }
    }
    e.rows = m->rows;
    e.cols = count;
    for (int64_t r = 0; r < m->rows && status == ISK_OK; r++) {
        for (int64_t i = m->starts[r]; i < m->starts[r + 1] && status == ISK_OK; i++) {
            int64_t c = place[m->columns[i]];
            if (c >= 0 && !entries_add(&e, r, c, (double)m->values[i])) { status = no_memory(context, name); }
        }
    }
    if (status == ISK_OK && !to_rows(&e, result)) { status = no_memory(context, name); }
    entries_free(&e);
    free(place);
    return status;
}

isk_scalar *sparse_to_dense(const sparse *m) {
    isk_scalar *values;
    if (m->cols > 0 && (uint64_t)m->rows >= PTRDIFF_MAX / sizeof *values / (uint64_t)m->cols) { return NULL; }
    values = calloc((size_t)(m->rows * m->cols > 0 ? m->rows * m->cols : 1), sizeof *values);
    if (!values) { return NULL; }
    for (int64_t r = 0; r < m->rows; r++) {
        for (int64_t i = m->starts[r]; i < m->starts[r + 1]; i++) { values[r * m->cols + m->columns[i]] = m->values[i]; }
    }
    return values;
}

void sparse_free(sparse *m) {
    free(m->starts);
    free(m->columns);
    free(m->values);
    memset(m, 0, sizeof *m);
}
