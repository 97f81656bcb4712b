#include "theta.h"

#include "../base/random.h"
#include "../base/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct theta_state {
    isk_context *context;
    const theta_desc *desc;
    theta_result *result;
    int64_t rows, count;            /* cells; scored cells */
    int k;
    int64_t *index;                 /* [rows] the scored cells, count of them */
    int32_t *labels;                /* [rows] theirs */
    int32_t *matches[2];            /* [rows] */
    double *theta;                  /* [rows] theirs */
    double *values, *ranks;         /* [4 label_count]: theta and weights of the compared types; their ranks */
} theta_state;

static isk_status out_of_memory(const theta_state *s) {
    return isk_set_error(s->context, ISK_MEMORY, "out of memory for theta of %lld cells", (long long)s->rows);
}

static void state_free(theta_state *s) {
    free(s->index);
    free(s->labels);
    free(s->matches[0]);
    free(s->matches[1]);
    free(s->theta);
    free(s->values);
}

void theta_free(theta_result *result) {
    free(result->types);
    memset(result, 0, sizeof *result);
}

/* ---- which cells ---- */

static int is_whole(isk_matrix m, int64_t row) {
    for (int64_t j = 0; j < m.cols; j++) {
        if (!isfinite(m.data[row * m.cols + j])) { return 0; }
    }
    return 1;
}

static isk_status check(const theta_state *s) {
    const theta_desc *desc = s->desc;
    if (!desc->z[0].data || !desc->z[1].data || desc->z[1].rows != s->rows || s->rows < 1) {
        return isk_set_error(s->context, ISK_SHAPE, "specific features of two modalities are due for the same cells; they have %lld and "
                                                    "%lld rows",
                             (long long)s->rows, (long long)desc->z[1].rows);
    }
    if (!desc->labels || desc->label_count < 1) {
        return isk_set_error(s->context, ISK_ARGUMENT, "theta needs the type of each cell; label_count is %d", desc->label_count);
    }
    if (desc->draws < 0 || desc->least < 0 || desc->k < 0) {
        return isk_set_error(s->context, ISK_ARGUMENT, "k is %d, least %lld and draws %d; none may be negative", desc->k,
                             (long long)desc->least, desc->draws);
    }
    for (int64_t i = 0; i < s->rows; i++) {
        if (desc->labels[i] >= desc->label_count) {
            return isk_set_error(s->context, ISK_DATA, "labels[%lld] is %ld, but label_count is %d", (long long)i, (long)desc->labels[i],
                                 desc->label_count);
        }
    }
    return ISK_OK;
}

static isk_status state_open(theta_state *s) {
    const theta_desc *desc = s->desc;
    const isk_part scored = desc->scored ? desc->scored : ISK_TEST;
    const size_t n = (size_t)s->rows, types = (size_t)desc->label_count;
    s->k = desc->k ? desc->k : 10;
    s->index = malloc(sizeof *s->index * n);
    s->labels = malloc(sizeof *s->labels * n);
    s->matches[0] = malloc(sizeof *s->matches[0] * n);
    s->matches[1] = malloc(sizeof *s->matches[1] * n);
    s->theta = malloc(sizeof *s->theta * n);
    s->values = malloc(sizeof *s->values * 4 * types);
    s->result->types = calloc(types, sizeof *s->result->types);
    if (!s->index || !s->labels || !s->matches[0] || !s->matches[1] || !s->theta || !s->values || !s->result->types) {
        return out_of_memory(s);
    }
    s->ranks = s->values + 2 * types;
    s->result->label_count = desc->label_count;
    for (int64_t i = 0; i < s->rows; i++) {
        if (desc->labels[i] < 0 || (desc->part && desc->part[i] != scored) || !is_whole(desc->z[0], i) || !is_whole(desc->z[1], i)) {
            continue;
        }
        s->labels[s->count] = desc->labels[i];
        s->index[s->count++] = i;
    }
    s->result->scored = s->count;
    if (s->count <= s->k) {
        return isk_set_error(s->context, ISK_ARGUMENT, "theta compares %d neighbours of each cell, but %lld cells are scored; choose a "
                                                       "smaller k",
                             s->k, (long long)s->count);
    }
    return ISK_OK;
}

/* ---- cells ---- */

static isk_status count_matches(theta_state *s, int view) {
    const isk_matrix z = s->desc->z[view];
    isk_scalar *x = malloc(sizeof *x * (size_t)s->count * (size_t)z.cols);
    int32_t *near = malloc(sizeof *near * (size_t)s->count * (size_t)s->k);
    isk_status status = x && near ? ISK_OK : out_of_memory(s);
    for (int64_t i = 0; i < s->count && status == ISK_OK; i++) {
        memcpy(x + i * z.cols, z.data + s->index[i] * z.cols, sizeof *x * (size_t)z.cols);
    }
    if (status == ISK_OK) {
        status = isk_knn(s->context, &(isk_knn_desc){ .queries = { x, s->count, z.cols }, .k = s->k, .indices = near });
    }
    if (status == ISK_OK) { status = isk_knn_matches(s->context, near, s->count, s->k, s->labels, NULL, 0, s->matches[view], NULL); }
    free(x);
    free(near);
    return status;
}

static void write_cells(const theta_state *s) {
    const theta_desc *desc = s->desc;
    double *const out[3] = { desc->beta[0], desc->beta[1], desc->theta };
    for (int v = 0; v < 3; v++) {
        for (int64_t i = 0; out[v] && i < s->rows; i++) { out[v][i] = NAN; }
        for (int64_t i = 0; out[v] && i < s->count; i++) {
            out[v][s->index[i]] = v == 2 ? s->theta[i] : (double)s->matches[v][i] / s->k;
        }
    }
}

/* ---- types ---- */

static int has_weight(const theta_state *s, int64_t row) { return s->desc->weight && isfinite(s->desc->weight[row]); }

static void average_weights(theta_state *s) {
    theta_type *types = s->result->types;
    const int64_t cells = s->desc->weight_of_scored ? s->count : s->rows;
    for (int l = 0; l < s->desc->label_count; l++) { types[l].weight = 0; }
    for (int64_t c = 0; c < cells; c++) {
        const int64_t i = s->desc->weight_of_scored ? s->index[c] : c;
        if (s->desc->labels[i] >= 0 && (!s->desc->weight || has_weight(s, i))) {
            types[s->desc->labels[i]].cells++;
            types[s->desc->labels[i]].weight += s->desc->weight ? s->desc->weight[i] : 0;
        }
    }
    for (int l = 0; l < s->desc->label_count; l++) {
        types[l].weight = types[l].cells && s->desc->weight ? types[l].weight / (double)types[l].cells : NAN;
    }
}

static isk_status average_types(theta_state *s) {
    const int count = s->desc->label_count;
    const int64_t least = s->desc->least ? s->desc->least : 1;
    theta_type *types = s->result->types;
    int64_t *scored = malloc(sizeof *scored * (size_t)count);
    isk_status status = scored ? ISK_OK : out_of_memory(s);
    if (status == ISK_OK) {
        status = isk_theta(s->context, &(isk_theta_desc){ .matches1 = s->matches[0], .matches2 = s->matches[1], .labels = s->labels,
                                                          .rows = s->count, .label_count = count, .theta = s->theta, .mean = s->values,
                                                          .counts = scored });
    }
    if (status == ISK_OK) { average_weights(s); }
    for (int l = 0; l < count && status == ISK_OK; l++) {
        types[l].theta = s->values[l];
        types[l].scored = scored[l];
        types[l].theta_rank = types[l].weight_rank = NAN;
        types[l].compared = scored[l] >= least && !isnan(types[l].weight);
        s->result->compared += types[l].compared;
    }
    free(scored);
    return status;
}

/* Values and ranks of the compared types stand one after the other: thetas, then weights. */
static void gather(theta_state *s) {
    const theta_type *types = s->result->types;
    int at = 0;
    for (int l = 0; l < s->result->label_count; l++) {
        if (!types[l].compared) { continue; }
        s->values[at] = types[l].theta;
        s->values[s->result->compared + at++] = types[l].weight;
    }
}

static int all_equal(const double *values, int count) {
    for (int i = 1; i < count; i++) {
        if (values[i] != values[0]) { return 0; }
    }
    return 1;
}

/* Of the values gathered; NaN where there is none. */
static isk_status correlate(const theta_state *s, double *rho) {
    const int count = s->result->compared;
    *rho = NAN;
    if (all_equal(s->values, count) || all_equal(s->values + count, count)) { return ISK_OK; }
    return isk_spearman(s->context, s->values, s->values + count, count, rho);
}

static isk_status rank_types(theta_state *s) {
    const int count = s->result->compared;
    int at = 0;
    isk_status status = ISK_OK;
    gather(s);
    if (count) { status = isk_ranks(s->context, s->values, count, s->ranks); }
    if (count && status == ISK_OK) { status = isk_ranks(s->context, s->values + count, count, s->ranks + count); }
    for (int l = 0; l < s->result->label_count && status == ISK_OK; l++) {
        theta_type *type = &s->result->types[l];
        if (!type->compared) { continue; }
        type->theta_rank = s->ranks[at];
        type->weight_rank = s->ranks[count + at++];
    }
    return status == ISK_OK ? correlate(s, &s->result->rho) : status;
}

/* ---- bootstrap ---- */

/* Cells of each compared type, one type after the other: of type t cells[starts[t]] .. cells[starts[t + 1] - 1]. */
typedef struct pool { int64_t *starts, *cells; } pool;

/* Of the scored cells (positions in s->index), or of all with a weight (rows). */
static isk_status pool_open(const theta_state *s, int scored, pool *p) {
    const int64_t cells = scored ? s->count : s->rows;
    int at = 0;
    p->starts = calloc((size_t)s->result->compared + 1, sizeof *p->starts);
    p->cells = malloc(sizeof *p->cells * (size_t)cells);
    if (!p->starts || !p->cells) { return out_of_memory(s); }
    for (int l = 0; l < s->result->label_count; l++) {
        if (!s->result->types[l].compared) { continue; }
        p->starts[at + 1] = p->starts[at];
        for (int64_t c = 0; c < cells; c++) {
            if (scored ? s->labels[c] == l : s->desc->labels[c] == l && has_weight(s, c)) { p->cells[p->starts[at + 1]++] = c; }
        }
        at++;
    }
    return ISK_OK;
}

static void pool_free(pool *p) {
    free(p->starts);
    free(p->cells);
}

static int64_t draw(const pool *p, int type, random_stream *random) {
    return p->cells[p->starts[type] + random_below(random, p->starts[type + 1] - p->starts[type])];
}

/* Means of one draw, into s->values. */
static void resample(theta_state *s, const pool *scored, const pool *all, random_stream *random) {
    for (int t = 0; t < s->result->compared; t++) {
        const int64_t count = scored->starts[t + 1] - scored->starts[t], of_all = all->starts[t + 1] - all->starts[t];
        double theta = 0, weight = 0, weights = 0;
        for (int64_t c = 0; c < count; c++) {
            const int64_t cell = draw(scored, t, random);
            theta += s->theta[cell];
            if (s->desc->weight_of_scored && has_weight(s, s->index[cell])) {
                weight += s->desc->weight[s->index[cell]];
                weights++;
            }
        }
        for (int64_t c = 0; c < of_all && !s->desc->weight_of_scored; c++) {
            weight += s->desc->weight[draw(all, t, random)];
            weights++;
        }
        s->values[t] = theta / (double)count;
        /* A draw of cells that all lack a weight says nothing new of it. */
        s->values[s->result->compared + t] = weights > 0 ? weight / weights : s->values[s->result->compared + t];
    }
}

static double quantile(const double *sorted, int count, double part) {
    const double at = part * (count - 1);
    const int below = (int)at, above = below + 1 < count ? below + 1 : below;
    return count ? sorted[below] + (at - below) * (sorted[above] - sorted[below]) : NAN;
}

static isk_status bootstrap(theta_state *s) {
    pool scored = { NULL, NULL }, all = { NULL, NULL };
    double *rho = malloc(sizeof *rho * (size_t)s->desc->draws);
    int count = 0;
    isk_status status = rho ? pool_open(s, 1, &scored) : out_of_memory(s);
    if (status == ISK_OK) { status = pool_open(s, 0, &all); }
    for (int d = 0; d < s->desc->draws && status == ISK_OK; d++) {
        random_stream random = random_open(s->desc->seed, (uint64_t)d);
        gather(s);
        resample(s, &scored, &all, &random);
        status = correlate(s, &rho[count]);
        count += status == ISK_OK && !isnan(rho[count]);
    }
    if (status == ISK_OK) {
        sort_reals(rho, count);
        s->result->draws = count;
        s->result->low = quantile(rho, count, 0.025);
        s->result->high = quantile(rho, count, 0.975);
    }
    pool_free(&scored);
    pool_free(&all);
    free(rho);
    return status;
}

isk_status theta_make(isk_context *context, const theta_desc *desc, theta_result *result) {
    theta_state s = { .context = context, .desc = desc, .result = result, .rows = desc->z[0].rows };
    isk_status status;
    *result = (theta_result){ .rho = NAN, .low = NAN, .high = NAN };
    status = check(&s);
    if (status == ISK_OK) { status = state_open(&s); }
    for (int v = 0; v < 2 && status == ISK_OK; v++) { status = count_matches(&s, v); }
    if (status == ISK_OK) { status = average_types(&s); }
    if (status == ISK_OK) {
        write_cells(&s);
        status = rank_types(&s);
    }
    if (status == ISK_OK && desc->draws && result->compared > 1) { status = bootstrap(&s); }
    state_free(&s);
    if (status != ISK_OK) { theta_free(result); }
    return status;
}
