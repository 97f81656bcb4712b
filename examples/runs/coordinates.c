#include "coordinates.h"

#include "../base/lines.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Z first, which is what is asked about. */
static const int order[FEATURE_COUNT] = { FEATURE_Z, FEATURE_Z + 1, FEATURE_Z + 2, FEATURE_Z + 3, FEATURE_C, FEATURE_C + 1, FEATURE_C + 2,
                                          FEATURE_C + 3, FEATURE_FUSED };

/* ---- rows ---- */

/* The rows that are there in some matrices, evenly thinned where they are many. */
static isk_status find_rows(isk_context *context, const isk_matrix *parts, int count, const dataset *d, whole_rows *rows,
                            isk_part *scored) {
    enum { MOST = 10000 };
    int64_t all[3] = { 0, 0, 0 }, seen[3] = { 0, 0, 0 }, kept = 0;
    isk_status status = whole_rows_find(context, parts, count, d->part, rows);
    if (status != ISK_OK) { return status; }
    for (int64_t i = 0; i < rows->count; i++) { all[rows->part[i]]++; }
    *scored = all[ISK_TEST] ? ISK_TEST : ISK_VALIDATION;
    for (int64_t i = 0; i < rows->count; i++) {
        const int part = rows->part[i];
        const int64_t at = seen[part]++;
        if (all[part] > MOST && at * MOST / all[part] == (at + 1) * MOST / all[part]) { continue; }
        rows->index[kept] = rows->index[i];
        rows->part[kept++] = rows->part[i];
    }
    rows->count = kept;
    if (!all[ISK_TRAIN] || !all[*scored]) { rows->count = 0; }
    return ISK_OK;
}

/* Does a column differ between any two rows that are there? */
static int changes(isk_matrix m, int64_t column) {
    const isk_scalar *first = NULL;
    for (int64_t i = 0; i < m.rows; i++) {
        const isk_scalar *here = m.data + i * m.cols + column;
        if (isnan(m.data[i * m.cols])) { continue; }
        first = first ? first : here;
        if (*here != *first) { return 1; }
    }
    return 0;
}

/* ---- how much of a view is told ---- */

/* Over the rows of one part the means of columns [m.cols], and the roots of their sums of squares about them. */
static void moments(isk_matrix m, const whole_rows *rows, isk_part part, double *mean, double *deviation) {
    int64_t n = 0;
    memset(mean, 0, sizeof *mean * (size_t)m.cols);
    memset(deviation, 0, sizeof *deviation * (size_t)m.cols);
    for (int64_t i = 0; i < rows->count; i++) {
        const isk_scalar *row = m.data + rows->index[i] * m.cols;
        if (rows->part[i] != part) { continue; }
        n++;
        for (int64_t j = 0; j < m.cols; j++) {
            const double before = mean[j], value = (double)row[j];
            mean[j] += (value - before) / (double)n;
            deviation[j] += (value - before) * (value - mean[j]);
        }
    }
    for (int64_t j = 0; j < m.cols; j++) { deviation[j] = sqrt(deviation[j]); }
}

/* What single coordinates, and the first 1, 2, ... of them, tell of one view: the R^2 of isk_ridge_r2, which would read the whole view
   again for each of them.  x: standardized, y: centred, both by the training rows. */
typedef struct products {
    int count;                      /* coordinates */
    int64_t cols;                   /* of the view */
    double *cross[2], *gram[2];     /* [count, cols] x' y and [count, count] x' x over the training and the scored rows */
    double total;                   /* y' y over the scored rows */
    int64_t trained;
} products;

static isk_status products_make(products *p, isk_context *context, isk_matrix made, const coordinate *list, int count, isk_matrix y,
                                const whole_rows *rows, isk_part scored) {
    const size_t n = (size_t)count, cols = (size_t)y.cols, own = (size_t)made.cols;
    double *x_mean = malloc(sizeof *x_mean * (2 * own + n + 2 * cols)), *x_spread = x_mean + own, *x = x_spread + own, *y_mean = x + n;
    double *centred = y_mean + cols;
    *p = (products){ .count = count, .cols = y.cols };
    for (int i = 0; i < 2; i++) {
        p->cross[i] = calloc(n * cols + 1, sizeof **p->cross);
        p->gram[i] = calloc(n * n + 1, sizeof **p->gram);
    }
    if (!x_mean || !p->cross[0] || !p->cross[1] || !p->gram[0] || !p->gram[1]) {
        free(x_mean);
        return no_memory(context, "coordinates");
    }
    moments(made, rows, ISK_TRAIN, x_mean, x_spread);
    moments(y, rows, ISK_TRAIN, y_mean, centred);
    for (int64_t i = 0; i < rows->count; i++) { p->trained += rows->part[i] == ISK_TRAIN; }
    for (int64_t i = 0; i < rows->count; i++) {
        const isk_scalar *from = made.data + rows->index[i] * made.cols, *to = y.data + rows->index[i] * y.cols;
        const int at = rows->part[i] == scored;
        if (!at && rows->part[i] != ISK_TRAIN) { continue; }
        for (int k = 0; k < count; k++) {
            const double spread = x_spread[list[k].column] / sqrt((double)p->trained);
            x[k] = spread > 0 ? ((double)from[list[k].column] - x_mean[list[k].column]) / spread : 0;
        }
        for (size_t j = 0; j < cols; j++) {
            centred[j] = (double)to[j] - y_mean[j];
            p->total += at ? centred[j] * centred[j] : 0;
        }
        for (size_t k = 0; k < n; k++) {
            double *cross = p->cross[at] + k * cols;
            for (size_t j = 0; j < cols; j++) { cross[j] += x[k] * centred[j]; }
            for (size_t l = 0; l < n; l++) { p->gram[at][k * n + l] += x[k] * x[l]; }
        }
    }
    free(x_mean);
    return ISK_OK;
}

static void products_free(products *p) {
    for (int i = 0; i < 2; i++) {
        free(p->cross[i]);
        free(p->gram[i]);
    }
}

static double dot(const double *a, const double *b, int64_t count) {
    double sum = 0;
    for (int64_t j = 0; j < count; j++) { sum += a[j] * b[j]; }
    return sum;
}

/* The penalty of isk_ridge_r2. */
static double penalty(const products *p) { return 1e-3 * (double)p->trained; }

static double r2_alone(const products *p, int k) {
    const int64_t at = (int64_t)k * p->count + k;
    const double *trained = p->cross[0] + k * p->cols, *scored = p->cross[1] + k * p->cols, by = p->gram[0][at] + penalty(p);
    const double told = 2 * dot(trained, scored, p->cols) / by - p->gram[1][at] * dot(trained, trained, p->cols) / by / by;
    return p->total > 0 ? told / p->total : (double)NAN;
}

/* Rows of m [count, cols] become those of L^-1 m. */
static void solve(const double *l, int count, double *m, int64_t cols) {
    for (int k = 0; k < count; k++) {
        for (int i = 0; i < k; i++) {
            for (int64_t j = 0; j < cols; j++) { m[k * cols + j] -= l[k * count + i] * m[i * cols + j]; }
        }
        for (int64_t j = 0; j < cols; j++) { m[k * cols + j] /= l[k * count + k]; }
    }
}

/* L of L L' = a, in its place; a is positive definite. */
static void factorize(double *a, int n) {
    for (int k = 0; k < n; k++) {
        for (int j = 0; j <= k; j++) {
            const double left = a[k * n + j] - dot(a + k * n, a + j * n, j);
            a[k * n + j] = j < k ? left / a[j * n + j] : sqrt(left);
        }
    }
}

/* With coordinates turned by the inverse of L their coefficients do not depend on those that come after, so that each adds its own
   part.  Uses up p. */
static void r2_of_first(products *p, coordinate *list) {
    const int n = p->count;
    double *l = p->gram[0], *spread = p->gram[1], told = 0;
    for (int k = 0; k < n; k++) { l[k * n + k] += penalty(p); }
    factorize(l, n);
    for (int i = 0; i < 2; i++) { solve(l, n, p->cross[i], p->cols); }
    for (int turn = 0; turn < 2; turn++) {          /* from the left, and after transposing from the right */
        solve(l, n, spread, n);
        for (int k = 0; k < n; k++) {
            for (int i = 0; i < k; i++) {
                const double kept = spread[k * n + i];
                spread[k * n + i] = spread[i * n + k];
                spread[i * n + k] = kept;
            }
        }
    }
    for (int k = 0; k < n; k++) {
        const double *own = p->cross[0] + k * p->cols;
        told += 2 * dot(own, p->cross[1] + k * p->cols, p->cols) - spread[k * n + k] * dot(own, own, p->cols);
        for (int i = 0; i < k; i++) { told -= 2 * spread[k * n + i] * dot(own, p->cross[0] + i * p->cols, p->cols); }
        list[k].cumulative = p->total > 0 ? told / p->total : (double)NAN;
    }
}

/* Of the view whose coordinates they are; of one representation of all the mean over the views. */
static double own_r2(const coordinate *k) {
    double sum = 0;
    int count = 0;
    if (k->of != FEATURE_FUSED) { return k->r2[k->of % ISK_MAX_VIEWS]; }
    for (int view = 0; view < ISK_MAX_VIEWS; view++) {
        if (isnan(k->r2[view])) { continue; }
        sum += k->r2[view];
        count++;
    }
    return count ? sum / count : (double)NAN;
}

static int by_own_r2(const void *a, const void *b) {
    const coordinate *x = a, *y = b;
    const double p = own_r2(x), q = own_r2(y);
    if (p > q || (isnan(q) && !isnan(p))) { return -1; }
    if (p < q || (isnan(p) && !isnan(q))) { return 1; }
    return (x->column > y->column) - (x->column < y->column);
}

static isk_status tell_view(isk_context *context, const dataset *d, isk_matrix made, coordinate *list, int count, int view,
                            int cumulative) {
    const isk_matrix parts[2] = { made, d->v.summary[view] };
    products p = { .count = 0 };
    whole_rows rows;
    isk_part scored;
    isk_status status;
    if (!parts[1].data) { return ISK_OK; }
    status = find_rows(context, parts, 2, d, &rows, &scored);
    if (status == ISK_OK && rows.count) { status = products_make(&p, context, made, list, count, parts[1], &rows, scored); }
    if (status == ISK_OK && rows.count && cumulative) { r2_of_first(&p, list); }
    for (int k = 0; k < count && status == ISK_OK && rows.count && !cumulative; k++) { list[k].r2[view] = r2_alone(&p, k); }
    products_free(&p);
    whole_rows_free(&rows);
    return status;
}

/* ---- what rises and falls with a coordinate ---- */

/* Features as they were before PCA; of sequences the means over their steps. */
static isk_matrix features_of(const dataset *d, int view) {
    return d->v.recipe[view].steps ? d->v.summary[view] : recipe_features(&d->v.in[view]);
}

/* r [count, m.cols]: correlations over the scored rows; 0 where one of the two is constant there. */
static isk_status correlate(isk_context *context, isk_matrix made, const coordinate *list, int count, isk_matrix m,
                            const whole_rows *rows, isk_part scored, double *r) {
    const size_t cols = (size_t)m.cols, own = (size_t)made.cols;
    double *work = malloc(sizeof *work * 2 * (cols + own) + 1), *mean = work, *deviation = work + cols, *mine = work + 2 * cols;
    if (!work) { return no_memory(context, "coordinates"); }
    moments(m, rows, scored, mean, deviation);
    moments(made, rows, scored, mine, mine + own);
    for (int64_t i = 0; i < rows->count; i++) {
        const isk_scalar *row = m.data + rows->index[i] * m.cols, *from = made.data + rows->index[i] * made.cols;
        if (rows->part[i] != scored) { continue; }
        for (int k = 0; k < count; k++) {
            const double value = (double)from[list[k].column] - mine[list[k].column];
            double *to = r + (size_t)k * cols;
            for (size_t j = 0; j < cols; j++) { to[j] += value * ((double)row[j] - mean[j]); }
        }
    }
    for (int k = 0; k < count; k++) {
        const double spread = mine[own + (size_t)list[k].column];
        for (size_t j = 0; j < cols; j++) {
            const double both = spread * deviation[j];
            r[(size_t)k * cols + j] = both > 0 ? r[(size_t)k * cols + j] / both : 0;
        }
    }
    free(work);
    return ISK_OK;
}

/* Among those that are named on a side, as its correlation is the larger. */
static int insert(coordinates *c, followed *side, double r, const input *in, int64_t feature) {
    char number[32];
    const char *name = names_get(&in->column_names, feature);
    int at = FOLLOWED;
    while (at > 0 && (side[at - 1].word < 0 || fabs(r) > fabs(side[at - 1].r))) { at--; }
    if (at == FOLLOWED) { return 1; }
    snprintf(number, sizeof number, "%lld", (long long)feature + 1);
    memmove(side + at + 1, side + at, sizeof *side * (size_t)(FOLLOWED - 1 - at));
    side[at] = (followed){ c->words.count, r };
    return names_add(&c->words, name ? name : number);
}

static isk_status follow(coordinates *c, isk_context *context, const dataset *d, isk_matrix made, coordinate *list, int count,
                         int view) {
    const isk_matrix m = features_of(d, view), parts[2] = { made, d->v.summary[view] };
    whole_rows rows;
    isk_part scored;
    double *r;
    isk_status status;
    if (!m.data || !parts[1].data) { return ISK_OK; }
    status = find_rows(context, parts, 2, d, &rows, &scored);
    if (status != ISK_OK) { return status; }
    r = calloc((size_t)count * (size_t)m.cols + 1, sizeof *r);
    if (!r) { status = no_memory(context, "coordinates"); }
    if (status == ISK_OK && rows.count) { status = correlate(context, made, list, count, m, &rows, scored, r); }
    for (int k = 0; k < count && status == ISK_OK; k++) {
        for (int64_t j = 0; j < m.cols && status == ISK_OK; j++) {
            const double here = r[k * m.cols + j];
            if (fabs(here) > 0 && !insert(c, list[k].side[here < 0], here, &d->v.in[view], j)) { status = no_memory(context, "names"); }
        }
    }
    free(r);
    whole_rows_free(&rows);
    return status;
}

/* ---- all of them ---- */

/* Adds the columns of one matrix that change. */
static isk_status add_kind(coordinates *c, isk_context *context, const dataset *d, const features *f, const stability *s, int of) {
    const isk_matrix m = f->m[of];
    coordinate *more = realloc(c->list, sizeof *more * (size_t)(c->count + m.cols + 1)), *list;
    const int first = of == FEATURE_FUSED ? 0 : of % ISK_MAX_VIEWS, last = of == FEATURE_FUSED ? c->views - 1 : first;
    int count = 0;
    isk_status status = ISK_OK;
    if (!more) { return no_memory(context, "coordinates"); }
    c->list = more;
    list = more + c->count;
    for (int64_t j = 0; j < m.cols; j++) {
        coordinate *k = list + count;
        if (!changes(m, j)) { continue; }
        *k = (coordinate){ .of = of, .column = (int)j, .cumulative = NAN, .stable = s && s->column[of] ? s->column[of][j] : (double)NAN };
        for (int view = 0; view < ISK_MAX_VIEWS; view++) { k->r2[view] = NAN; }
        for (int i = 0; i < 2 * FOLLOWED; i++) { k->side[i / FOLLOWED][i % FOLLOWED].word = -1; }
        count++;
    }
    for (int view = 0; view < c->views && status == ISK_OK; view++) { status = tell_view(context, d, m, list, count, view, 0); }
    if (status == ISK_OK) { qsort(list, (size_t)count, sizeof *list, by_own_r2); }
    if (status == ISK_OK && first == last) { status = tell_view(context, d, m, list, count, first, 1); }
    for (int view = first; view <= last && status == ISK_OK; view++) { status = follow(c, context, d, m, list, count, view); }
    c->count += count;
    return status;
}

isk_status coordinates_make(coordinates *c, isk_context *context, const dataset *d, const features *f, const stability *s,
                            const char *const *modalities) {
    isk_status status = ISK_OK;
    memset(c, 0, sizeof *c);
    c->views = d->v.count;
    for (int view = 0; view < c->views; view++) { snprintf(c->modality[view], sizeof c->modality[view], "%s", modalities[view]); }
    if (!memchr(d->part, ISK_TRAIN, (size_t)d->rows) ||
        (!memchr(d->part, ISK_TEST, (size_t)d->rows) && !memchr(d->part, ISK_VALIDATION, (size_t)d->rows))) {
        return ISK_OK;
    }
    for (int i = 0; i < FEATURE_COUNT && status == ISK_OK; i++) {
        if (f->m[order[i]].data) { status = add_kind(c, context, d, f, s, order[i]); }
    }
    if (status != ISK_OK) { coordinates_free(c); }
    return status;
}

void coordinates_free(coordinates *c) {
    free(c->list);
    names_free(&c->words);
    memset(c, 0, sizeof *c);
}

/* ---- names ---- */

const char *coordinate_key(const coordinate *k, char buffer[32]) {
    char kind[16];
    snprintf(buffer, 32, "%s_%d", feature_name(k->of, kind), k->column + 1);
    return buffer;
}

static int is_fused(int of) { return of == FEATURE_FUSED; }

int coordinate_names(const coordinates *c, int of, int64_t columns, names *list) {
    enum { NAMED = 3 };
    int done = 1;
    memset(list, 0, sizeof *list);
    for (int64_t j = 0; j < columns && done; j++) {
        const coordinate bare = { .of = of, .column = (int)j }, *k = NULL;
        char key[32];
        text name = { 0 };
        int at[2] = { 0, 0 };
        for (int64_t i = 0; i < c->count && !k; i++) { k = c->list[i].of == of && c->list[i].column == j ? &c->list[i] : NULL; }
        text_add(&name, coordinate_key(&bare, key));
        for (int named = 0; k && named < NAMED; named++) {     /* those that follow it most, whatever their sign */
            const followed *up = at[0] < FOLLOWED ? &k->side[0][at[0]] : NULL, *down = at[1] < FOLLOWED ? &k->side[1][at[1]] : NULL;
            const int falls = !up || up->word < 0 || (down && down->word >= 0 && -down->r > up->r);
            const followed *next = falls ? down : up;
            if (!next || next->word < 0) { break; }
            text_format(&name, "%s%c%s", named ? " " : " (", falls ? '-' : '+', names_get(&c->words, next->word));
            at[falls]++;
        }
        if (at[0] + at[1]) { text_add(&name, ")"); }
        done = !name.failed && names_add(list, name.data);
        text_free(&name);
    }
    return done;
}

/* ---- the file ---- */

static int knows_stability(const coordinates *c) {
    int known = 0;
    for (int64_t i = 0; i < c->count; i++) { known = known || isfinite(c->list[i].stable); }
    return known;
}

/* The next column of a file; its key stays in `columns`. */
static sheet_column *add_column(coordinate_columns *columns, int *count, sheet_form form) {
    sheet_column *to = &columns->list[*count];
    *to = (sheet_column){ .key = columns->keys[*count], .form = form };
    (*count)++;
    return to;
}
#define KEY(...) snprintf(columns->keys[s->column_count], sizeof columns->keys[0], __VA_ARGS__)

static const char *const side_keys[2] = { "rises", "falls" };

void coordinates_sheet(const coordinates *c, coordinate_columns *columns, sheet *s) {
    const int stable = knows_stability(c);
    *s = (sheet){ .columns = columns->list };
    KEY("coordinate");
    add_column(columns, &s->column_count, SHEET_WORDS);
    KEY("modality");
    add_column(columns, &s->column_count, SHEET_WORDS);
    for (int view = 0; view < c->views; view++) {
        KEY("r2_%s", c->modality[view]);
        add_column(columns, &s->column_count, SHEET_REAL);
    }
    KEY("r2_cumulative");
    add_column(columns, &s->column_count, SHEET_REAL);
    if (stable) {
        KEY("stable");
        add_column(columns, &s->column_count, SHEET_REAL);
    }
    for (int i = 0; i < 4 * FOLLOWED; i++) {
        KEY(i % 2 ? "%s_%d_r" : "%s_%d", side_keys[i / (2 * FOLLOWED)], i / 2 % FOLLOWED + 1);
        add_column(columns, &s->column_count, i % 2 ? SHEET_REAL : SHEET_WORDS);
    }
    for (int64_t i = 0; i < c->count; i++) {
        const coordinate *k = &c->list[i];
        char key[32];
        sheet_row(s);
        sheet_format(s, "%s", coordinate_key(k, key));
        sheet_words(s, is_fused(k->of) ? NULL : c->modality[k->of % ISK_MAX_VIEWS]);
        for (int view = 0; view < c->views; view++) { sheet_number(s, k->r2[view]); }
        sheet_number(s, k->cumulative);
        if (stable) { sheet_number(s, k->stable); }
        for (int n = 0; n < 2 * FOLLOWED; n++) {
            const followed *one = &k->side[n / FOLLOWED][n % FOLLOWED];
            sheet_words(s, names_get(&c->words, one->word < 0 ? INT64_MAX : one->word));
            sheet_number(s, one->word < 0 ? (double)NAN : one->r);
        }
    }
}

isk_status coordinates_write(const coordinates *c, output *out) {
    coordinate_columns columns;
    text rows = { 0 };
    sheet s;
    isk_status status;
    if (!c->count) { return ISK_OK; }
    coordinates_sheet(c, &columns, &s);
    sheet_tsv(&s, &rows);
    status = output_text(out, "coordinates.tsv", &rows);
    sheet_free(&s);
    text_free(&rows);
    return status;
}

/* ---- reading ---- */

static int64_t find_column(const frame *f, const char *key) {
    for (int64_t j = 0; j < f->cols; j++) {
        if (strcmp(frame_header(f, j), key) == 0) { return j; }
    }
    return -1;
}

static double number_at(const frame *f, int64_t row, int64_t column) {
    const char *field = column < 0 ? "" : frame_get(f, row, column);
    char *end;
    const double value = strtod(field, &end);
    return *field && !*end ? value : (double)NAN;
}

/* "Z1_3" */
static int read_key(const char *key, coordinate *k) {
    int view = 0, column = 0, end = 0;
    char letter = 0;
    if (sscanf(key, "fused_%d%n", &column, &end) == 1 && !key[end] && column > 0) {
        k->of = FEATURE_FUSED;
    } else if (sscanf(key, "%c%d_%d%n", &letter, &view, &column, &end) == 3 && !key[end] && (letter == 'C' || letter == 'Z') && view > 0 &&
               view <= ISK_MAX_VIEWS && column > 0) {
        k->of = (letter == 'C' ? FEATURE_C : FEATURE_Z) + view - 1;
    } else {
        return 0;
    }
    k->column = column - 1;
    return 1;
}

/* Views are the columns r2_NAME up to r2_cumulative. */
static int read_views(coordinates *c, const frame *f, int64_t columns[ISK_MAX_VIEWS]) {
    const int64_t first = find_column(f, "modality") + 1, last = find_column(f, "r2_cumulative");
    if (find_column(f, "coordinate") < 0 || first < 1 || last <= first || last - first > ISK_MAX_VIEWS) { return 0; }
    for (int64_t j = first; j < last; j++) {
        const char *key = frame_header(f, j);
        if (strncmp(key, "r2_", 3) != 0) { return 0; }
        snprintf(c->modality[c->views], sizeof c->modality[0], "%s", key + 3);
        columns[c->views++] = j;
    }
    return 1;
}

static isk_status read_rows(coordinates *c, isk_context *context, const char *path, const frame *f) {
    int64_t columns[ISK_MAX_VIEWS];
    if (!read_views(c, f, columns)) {
        return isk_set_error(context, ISK_DATA, "%s is no table of coordinates, as `indiseek run` and `indiseek fit` write it", path);
    }
    c->list = calloc((size_t)f->rows + 1, sizeof *c->list);
    if (!c->list) { return no_memory(context, path); }
    for (int64_t row = 0; row < f->rows; row++) {
        coordinate *k = &c->list[c->count++];
        if (!read_key(frame_get(f, row, find_column(f, "coordinate")), k)) {
            shown name;
            return isk_set_error(context, ISK_DATA, "%s: row %lld: '%s' is no coordinate, such as Z1_3", path, (long long)row + 1,
                                 show(&name, frame_get(f, row, find_column(f, "coordinate"))));
        }
        for (int view = 0; view < ISK_MAX_VIEWS; view++) { k->r2[view] = view < c->views ? number_at(f, row, columns[view]) : (double)NAN; }
        k->cumulative = number_at(f, row, find_column(f, "r2_cumulative"));
        k->stable = number_at(f, row, find_column(f, "stable"));
        for (int n = 0; n < 2 * FOLLOWED; n++) {
            followed *one = &k->side[n / FOLLOWED][n % FOLLOWED];
            char key[32];
            int64_t at;
            snprintf(key, sizeof key, "%s_%d", side_keys[n / FOLLOWED], n % FOLLOWED + 1);
            at = find_column(f, key);
            one->word = -1;
            if (at < 0 || at + 1 == f->cols || !*frame_get(f, row, at)) { continue; }
            *one = (followed){ c->words.count, number_at(f, row, at + 1) };
            if (!names_add(&c->words, frame_get(f, row, at))) { return no_memory(context, path); }
        }
    }
    return ISK_OK;
}

isk_status coordinates_read(coordinates *c, isk_context *context, const char *path) {
    frame f;
    isk_status status = frame_read(context, path, &f);
    memset(c, 0, sizeof *c);
    if (status != ISK_OK) { return status; }
    if (!f.header) { frame_head(&f); }
    status = read_rows(c, context, path, &f);
    frame_free(&f);
    if (status != ISK_OK) { coordinates_free(c); }
    return status;
}

/* ---- for people ---- */

int64_t coordinates_of(const coordinates *c, int of) {
    int64_t count = 0;
    for (int64_t i = 0; i < c->count; i++) { count += c->list[i].of == of; }
    return count;
}

const char *coordinate_words(const coordinates *c, int of, char buffer[80]) {
    char kind[16];
    if (is_fused(of)) {
        snprintf(buffer, 80, "the one representation of all");
    } else {
        snprintf(buffer, 80, of < FEATURE_Z ? "%s, what %s shares" : "%s, specific to %s", feature_name(of, kind),
                 c->modality[of % ISK_MAX_VIEWS]);
    }
    return buffer;
}

/* "MKI67 0.61, TOP2A 0.58"; in a page no line ends between a name and its number. */
static void list_side(const coordinates *c, const followed *side, const char *before, int wide, sheet *s) {
    text words = { 0 };
    for (int i = 0; i < FOLLOWED && side[i].word >= 0; i++) {
        text_format(&words, "%s%s%s", i ? ", " : before, names_get(&c->words, side[i].word), wide ? "\xC2\xA0" : " ");
        text_fixed(&words, side[i].r, 2);
    }
    s->failed = s->failed || words.failed;
    sheet_format(s, "%s", words.data ? words.data : "");
    text_free(&words);
}

static void person_row(const coordinates *c, const coordinate *k, int wide, int stable, sheet *s) {
    char key[32];
    sheet_row(s);
    sheet_format(s, "%s", coordinate_key(k, key));
    for (int view = 0; view < c->views; view++) { sheet_number(s, k->r2[view]); }
    sheet_number(s, k->cumulative);
    if (stable) { sheet_number(s, k->stable); }
    list_side(c, k->side[0], wide ? "" : "+ ", wide, s);
    if (wide) {
        list_side(c, k->side[1], "", wide, s);
    } else if (k->side[1][0].word >= 0) {
        sheet_row(s);
        for (int skipped = 0; skipped < 2 + c->views + stable; skipped++) { sheet_skip(s); }
        list_side(c, k->side[1], "- ", wide, s);
    }
}

void coordinates_table(const coordinates *c, int of, int most, int wide, coordinate_columns *columns, sheet *s) {
    const int stable = knows_stability(c);
    int rows = 0;
    *s = (sheet){ .columns = columns->list };
    columns->list[s->column_count++] = (sheet_column){ .words = "", .title = "coordinate" };
    for (int view = 0; view < c->views; view++) {
        char *over = columns->keys[view], *title = columns->titles[view];
        snprintf(over, sizeof columns->keys[0], "R^2 %s", c->modality[view]);
        snprintf(title, sizeof columns->titles[0], "R² %s", c->modality[view]);
        columns->list[s->column_count++] = (sheet_column){ .words = over, .title = title, .form = SHEET_BAR };
    }
    columns->list[s->column_count++] = (sheet_column){ .words = "cumulative", .title = "cumulative", .form = SHEET_BAR };
    if (stable) {
        columns->list[s->column_count++] = (sheet_column){ .words = "stable", .title = "stable", .form = SHEET_BAR, .decimals = 2 };
    }
    columns->list[s->column_count++] = (sheet_column){ .words = "rises (+) and falls (-) with", .title = "rises with" };
    if (wide) { columns->list[s->column_count++] = (sheet_column){ .title = "falls with" }; }
    for (int64_t i = 0; i < c->count && rows < most; i++) {
        if (c->list[i].of != of) { continue; }
        person_row(c, &c->list[i], wide, stable, s);
        rows++;
    }
}

void coordinates_text(const coordinates *c, int most, text *out) {
    for (int i = 0; i < FEATURE_COUNT; i++) {
        const int64_t count = coordinates_of(c, order[i]);
        coordinate_columns columns;
        char words[80];
        sheet s;
        if (!count) { continue; }
        text_format(out, "%s%s", out->length ? "\n" : "", coordinate_words(c, order[i], words));
        text_format(out, count > most ? ": %d of %lld coordinates\n" : ":\n", most, (long long)count);
        coordinates_table(c, order[i], most, 0, &columns, &s);
        sheet_text(&s, out);
        sheet_free(&s);
    }
}
