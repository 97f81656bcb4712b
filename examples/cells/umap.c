#include "umap.h"

#include "../formats/mtx.h"
#include "../base/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 8, FILTER_DEGREE = 30, MOST_FILTERS = 40, FEW = 4 };
enum { RANDOM_VECTORS, RANDOM_NOISE, RANDOM_SAMPLES };       /* purposes of random numbers */

static const double extent = 10, noise = 1e-4;
static const float largest_step = 4;

typedef struct umap_state {
    isk_context *context;
    const umap_desc *desc;
    int64_t rows, n;                /* all; those that are laid out */
    int64_t *index;                 /* [n] which these are */
    isk_scalar *own;                /* x of these where some are left out */
    isk_matrix x;                   /* [n, d]; data NULL with given neighbours */
    int k, epochs;                  /* neighbours without the point itself */
    int32_t *near;                  /* [n, k] -1: none */
    double *distances;              /* [n, k] */
    sparse graph;                   /* [n, n] symmetric: membership of each edge */
    double *start;                  /* [n, 2] */
    float *y;                       /* [n, 2] */
} umap_state;

static isk_status out_of_memory(isk_context *context, int64_t rows) {
    return isk_set_error(context, ISK_MEMORY, "out of memory for the layout of %lld points", (long long)rows);
}

static void state_free(umap_state *s) {
    free(s->index);
    free(s->own);
    free(s->near);
    free(s->distances);
    sparse_free(&s->graph);
    free(s->start);
    free(s->y);
}

/* ---- which points, and their neighbours ---- */

static int is_whole(isk_matrix m, int64_t row) {
    for (int64_t j = 0; j < m.cols; j++) {
        if (!isfinite(m.data[row * m.cols + j])) { return 0; }
    }
    return 1;
}

static int has_neighbour(const umap_desc *desc, int64_t row) {
    for (int j = 0; j < desc->k; j++) {
        if (desc->indices[row * desc->k + j] >= 0) { return 1; }
    }
    return 0;
}

static isk_status check_settings(const umap_state *s) {
    const umap_desc *desc = s->desc;
    if (!(desc->min_distance >= 0) || !(desc->spread >= 0) || desc->epochs < 0 || desc->negatives < 0) {
        return isk_set_error(s->context, ISK_ARGUMENT, "min_distance is %g, spread %g, epochs %d and negatives %d; none may be negative",
                             desc->min_distance, desc->spread, desc->epochs, desc->negatives);
    }
    if (desc->k < 0 || (desc->indices ? desc->k < 1 : desc->k == 1)) {
        return isk_set_error(s->context, ISK_ARGUMENT, desc->indices ? "k is %d; it is the number of columns of the given neighbours"
                             : "k is %d; it counts the point itself, so it must be at least 2", desc->k);
    }
    if (s->rows < 1 || (desc->indices ? !desc->distances : !desc->x.data || desc->x.cols < 1)) {
        return isk_set_error(s->context, ISK_SHAPE, "a layout needs points, or neighbours with their distances, of at least one row");
    }
    return ISK_OK;
}

static isk_status check_given(const umap_state *s) {
    const umap_desc *desc = s->desc;
    for (int64_t i = 0; i < s->rows * desc->k; i++) {
        const int32_t j = desc->indices[i];
        if (j < -1 || j >= s->rows || j == i / desc->k) {
            return isk_set_error(s->context, ISK_DATA, "neighbour %lld of row %lld is row %ld; it must be another of the %lld rows, or -1",
                                 (long long)(i % desc->k), (long long)(i / desc->k), (long)j, (long long)s->rows);
        }
        if (j >= 0 && !(desc->distances[i] >= 0 && isfinite(desc->distances[i]))) {
            return isk_set_error(s->context, ISK_DATA, "the distance of neighbour %lld of row %lld is %g", (long long)(i % desc->k),
                                 (long long)(i / desc->k), desc->distances[i]);
        }
    }
    return ISK_OK;
}

static isk_status choose_rows(umap_state *s) {
    const isk_matrix x = s->desc->x;
    s->index = malloc(sizeof *s->index * (size_t)s->rows);
    if (!s->index) { return out_of_memory(s->context, s->rows); }
    for (int64_t i = 0; i < s->rows; i++) {
        if (s->desc->indices ? has_neighbour(s->desc, i) : is_whole(x, i)) { s->index[s->n++] = i; }
    }
    if (s->desc->indices || s->n == 0) { return ISK_OK; }
    s->x = x;
    if (s->n == s->rows) { return ISK_OK; }
    s->own = malloc(sizeof *s->own * (size_t)s->n * (size_t)x.cols);
    if (!s->own) { return out_of_memory(s->context, s->rows); }
    for (int64_t i = 0; i < s->n; i++) { memcpy(s->own + i * x.cols, x.data + s->index[i] * x.cols, sizeof *s->own * (size_t)x.cols); }
    s->x = (isk_matrix){ s->own, s->n, x.cols };
    return ISK_OK;
}

/* Given neighbours by their number among the points that are laid out. */
static isk_status renumber(umap_state *s) {
    int32_t *place = malloc(sizeof *place * (size_t)s->rows);
    if (!place) { return out_of_memory(s->context, s->rows); }
    for (int64_t i = 0; i < s->rows; i++) { place[i] = -1; }
    for (int64_t i = 0; i < s->n; i++) { place[s->index[i]] = (int32_t)i; }
    for (int64_t i = 0; i < s->n; i++) {
        for (int j = 0; j < s->k; j++) {
            const int64_t at = s->index[i] * s->k + j;
            const int32_t given = s->desc->indices[at];
            s->near[i * s->k + j] = given < 0 ? -1 : place[given];
            s->distances[i * s->k + j] = given < 0 ? 0 : s->desc->distances[at];
        }
    }
    free(place);
    return ISK_OK;
}

static isk_status find_neighbours(umap_state *s) {
    isk_status status;
    s->k = s->desc->indices ? s->desc->k : (s->desc->k ? s->desc->k : 15) - 1;
    if (!s->desc->indices && s->k > s->n - 1) { s->k = (int)(s->n - 1); }
    s->near = malloc(sizeof *s->near * (size_t)s->n * (size_t)s->k);
    s->distances = malloc(sizeof *s->distances * (size_t)s->n * (size_t)s->k);
    if (!s->near || !s->distances) { return out_of_memory(s->context, s->rows); }
    if (s->desc->indices) { return renumber(s); }
    status = isk_knn(s->context, &(isk_knn_desc){ .queries = s->x, .k = s->k, .indices = s->near, .distances = s->distances });
    for (int64_t i = 0; i < s->n * s->k && status == ISK_OK; i++) { s->distances[i] = sqrt(s->distances[i]); }
    return status;
}

/* ---- the fuzzy graph ---- */

/* Edges too weak to be drawn once in all epochs are dropped. */
static void drop_weak(sparse *g, int epochs) {
    isk_scalar most = 0;
    int64_t count = 0, first = 0;
    for (int64_t e = 0; e < g->count; e++) { most = g->values[e] > most ? g->values[e] : most; }
    for (int64_t i = 0; i < g->rows; i++) {
        for (int64_t e = first; e < g->starts[i + 1]; e++) {
            if ((double)g->values[e] < (double)most / epochs || !(g->values[e] > 0)) { continue; }
            g->columns[count] = g->columns[e];
            g->values[count++] = g->values[e];
        }
        first = g->starts[i + 1];
        g->starts[i + 1] = count;
    }
    g->count = count;
}

static isk_status make_graph(umap_state *s) {
    const size_t most = 2 * (size_t)s->n * (size_t)s->k;
    sparse *g = &s->graph;
    isk_status status;
    g->rows = g->cols = s->n;
    g->starts = malloc(sizeof *g->starts * ((size_t)s->n + 1));
    g->columns = malloc(sizeof *g->columns * most);
    g->values = malloc(sizeof *g->values * most);
    if (!g->starts || !g->columns || !g->values) { return out_of_memory(s->context, s->rows); }
    status = isk_fuzzy_neighbours(s->context, &(isk_fuzzy_desc){ s->near, s->distances, s->n, s->k, g->starts, g->columns, g->values });
    if (status != ISK_OK) { return status; }
    g->count = g->starts[s->n];
    drop_weak(g, s->epochs > 10 ? s->epochs : s->n <= 10000 ? 500 : 200);
    return ISK_OK;
}

/* ---- eigenvectors: subspace iteration with a Chebyshev filter (Zhou, Saad, Tiago and Chelikowsky 2006) ---- */

/* A = D^-1/2 W D^-1/2 of one connected part.  Its largest eigenvalue is 1, with the square roots of the degrees. */
typedef struct part {
    const sparse *graph;
    const int64_t *members;         /* [m] points of the part */
    const int32_t *place;           /* [n] of each point in its part */
    int64_t m;
    int width;                      /* vectors at once, at most BLOCK */
    double *inverse;                /* [m] 1 / sqrt(degree) */
    double *trivial;                /* [m] the known eigenvector, of norm 1 */
} part;

/* out [m, width] = scale (A x - shift x) - before, row by row; before may be out, or NULL. */
static void filter_step(const part *p, const double *x, double scale, double shift, const double *before, double *out) {
    const int w = p->width;
    for (int64_t i = 0; i < p->m; i++) {
        const int64_t row = p->members[i];
        double sum[BLOCK] = { 0 };
        for (int64_t e = p->graph->starts[row]; e < p->graph->starts[row + 1]; e++) {
            const int64_t j = p->place[p->graph->columns[e]];
            const double weight = (double)p->graph->values[e] * p->inverse[j];
            for (int c = 0; c < w; c++) { sum[c] += weight * x[j * w + c]; }
        }
        for (int c = 0; c < w; c++) {
            const double old = before ? before[i * w + c] : 0;
            out[i * w + c] = scale * (sum[c] * p->inverse[i] - shift * x[i * w + c]) - old;
        }
    }
}

/* Takes from column c of x its part along a vector of norm 1: v[0], v[stride], ... */
static void take_out(const part *p, double *x, int c, const double *v, int stride) {
    double product = 0;
    for (int64_t i = 0; i < p->m; i++) { product += x[i * p->width + c] * v[i * stride]; }
    for (int64_t i = 0; i < p->m; i++) { x[i * p->width + c] -= product * v[i * stride]; }
}

/* Gram and Schmidt, twice for the sake of rounding.  A column that is nothing but the others starts anew. */
static void orthonormalize(const part *p, double *x, random_stream *random) {
    for (int c = 0; c < p->width; c++) {
        for (int round = 0; round < 3; round++) {
            double norm = 0;
            for (int64_t i = 0; i < p->m; i++) { norm += x[i * p->width + c] * x[i * p->width + c]; }
            norm = sqrt(norm);
            for (int64_t i = 0; i < p->m; i++) {
                double *value = &x[i * p->width + c];
                *value = norm > 1e-13 && isfinite(norm) ? *value / norm : random_normal(random) / sqrt((double)p->m);
            }
            if (round == 2) { break; }
            take_out(p, x, c, p->trivial, 1);
            for (int b = 0; b < c; b++) { take_out(p, x, c, x + b, p->width); }
        }
    }
}

/* Jacobi's rotations: eigenvalues of the symmetric h, and its eigenvectors as columns of v. */
static void small_eigen(double h[BLOCK][BLOCK], int n, double v[BLOCK][BLOCK]) {
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) { v[i][j] = i == j; }
    }
    for (int sweep = 0; sweep < 30; sweep++) {
        for (int p = 0; p < n; p++) {
            for (int q = p + 1; q < n; q++) {
                double angle, c, s;
                if (fabs(h[p][q]) < 1e-300) { continue; }
                angle = 0.5 * atan2(2 * h[p][q], h[q][q] - h[p][p]);
                c = cos(angle);
                s = sin(angle);
                for (int i = 0; i < n; i++) {
                    const double a = h[i][p], b = h[i][q], d = v[i][p], e = v[i][q];
                    h[i][p] = c * a - s * b;
                    h[i][q] = s * a + c * b;
                    v[i][p] = c * d - s * e;
                    v[i][q] = s * d + c * e;
                }
                for (int i = 0; i < n; i++) {
                    const double a = h[p][i], b = h[q][i];
                    h[p][i] = c * a - s * b;
                    h[q][i] = s * a + c * b;
                }
            }
        }
    }
}

/* Columns of x become x times those of v, in that order. */
static void rotate(const part *p, double *x, double v[BLOCK][BLOCK], const int *order) {
    for (int64_t i = 0; i < p->m; i++) {
        double old[BLOCK];
        memcpy(old, x + i * p->width, sizeof *old * (size_t)p->width);
        for (int c = 0; c < p->width; c++) {
            double sum = 0;
            for (int b = 0; b < p->width; b++) { sum += old[b] * v[b][order[c]]; }
            x[i * p->width + c] = sum;
        }
    }
}

/* Rayleigh and Ritz: x, orthonormal, becomes the approximate eigenvectors, values descend.  Returns the larger residual of the first two,
   in parts of their distance from 1. */
static double ritz(const part *p, double *x, double *ax, double values[BLOCK]) {
    double h[BLOCK][BLOCK] = { { 0 } }, v[BLOCK][BLOCK], worst = 0;
    int order[BLOCK];
    filter_step(p, x, 1, 0, NULL, ax);
    for (int64_t i = 0; i < p->m; i++) {
        for (int a = 0; a < p->width; a++) {
            for (int b = a; b < p->width; b++) { h[a][b] += x[i * p->width + a] * ax[i * p->width + b]; }
        }
    }
    for (int a = 0; a < p->width; a++) {
        for (int b = 0; b < a; b++) { h[a][b] = h[b][a]; }
    }
    small_eigen(h, p->width, v);
    for (int c = 0; c < p->width; c++) {
        int at = c;
        for (; at > 0 && h[order[at - 1]][order[at - 1]] < h[c][c]; at--) { order[at] = order[at - 1]; }
        order[at] = c;
    }
    for (int c = 0; c < p->width; c++) { values[c] = h[order[c]][order[c]]; }
    rotate(p, x, v, order);
    rotate(p, ax, v, order);
    for (int c = 0; c < 2; c++) {
        double square = 0, gap = 1 - values[c];
        for (int64_t i = 0; i < p->m; i++) {
            const double rest = ax[i * p->width + c] - values[c] * x[i * p->width + c];
            square += rest * rest;
        }
        if (sqrt(square) / (gap + 1e-9) > worst) { worst = sqrt(square) / (gap + 1e-9); }
    }
    return worst;
}

/* x becomes T(A) x, where the polynomial T is small on [-1, cut] and grows beyond; two more [m, width] of room.  Returns where it is. */
static double *chebyshev(const part *p, double cut, double *x, double *second, double *third) {
    const double half = (cut + 1) / 2, centre = (cut - 1) / 2;
    filter_step(p, x, 1 / half, centre, NULL, second);
    for (int degree = 2; degree <= FILTER_DEGREE; degree++) {
        double *next = third;
        filter_step(p, second, 2 / half, centre, x, next);
        third = x;
        x = second;
        second = next;
    }
    return second;
}

/* The two eigenvectors after the trivial one, out [m, 2], of a part with at least 4 points. */
static isk_status part_vectors(isk_context *context, part *p, random_stream *random, double *out) {
    const size_t m = (size_t)p->m;
    double *room = NULL, *x, values[BLOCK], total = 0;
    p->width = p->m - 1 < BLOCK ? (int)(p->m - 1) : BLOCK;
    room = malloc(sizeof *room * (m * 3 * (size_t)p->width + 2 * m));
    if (!room) { return out_of_memory(context, p->m); }
    p->inverse = room + m * 3 * (size_t)p->width;
    p->trivial = p->inverse + m;
    for (int64_t i = 0; i < p->m; i++) {
        double degree = 0;
        for (int64_t e = p->graph->starts[p->members[i]]; e < p->graph->starts[p->members[i] + 1]; e++) {
            degree += (double)p->graph->values[e];
        }
        p->inverse[i] = 1 / sqrt(degree);
        p->trivial[i] = sqrt(degree);
        total += degree;
    }
    for (int64_t i = 0; i < p->m; i++) { p->trivial[i] /= sqrt(total); }
    x = room;
    for (int64_t i = 0; i < p->m * p->width; i++) { x[i] = random_normal(random); }
    for (int filters = 0;; filters++) {
        double *first = room, *second = first + m * (size_t)p->width, *third = second + m * (size_t)p->width;
        double *other = x == first ? second : first, *another = x == third ? second : third;
        orthonormalize(p, x, random);
        if (ritz(p, x, other, values) < 0.01 || filters == MOST_FILTERS) { break; }
        x = chebyshev(p, values[p->width - 1] > 0 ? values[p->width - 1] : 0, x, other, another);
    }
    for (int64_t i = 0; i < p->m; i++) {
        out[2 * i] = x[i * p->width];
        out[2 * i + 1] = x[i * p->width + 1];
    }
    free(room);
    return ISK_OK;
}

/* ---- where points start ---- */

/* Connected parts: label [n] of each point; members [n], the points part by part; returns how many. */
static int64_t find_parts(const sparse *g, int32_t *label, int64_t *members) {
    int64_t parts = 0, filled = 0;
    for (int64_t i = 0; i < g->rows; i++) { label[i] = -1; }
    for (int64_t first = 0; first < g->rows; first++) {
        if (label[first] >= 0) { continue; }
        label[first] = (int32_t)parts;
        members[filled] = first;
        for (int64_t at = filled++; at < filled; at++) {
            for (int64_t e = g->starts[members[at]]; e < g->starts[members[at] + 1]; e++) {
                if (label[g->columns[e]] >= 0) { continue; }
                label[g->columns[e]] = (int32_t)parts;
                members[filled++] = g->columns[e];
            }
        }
        parts++;
    }
    return parts;
}

/* The direction of each part's mean from the middle, in the plane of two principal components of the means. */
static isk_status directions_of_means(const umap_state *s, const int32_t *label, int64_t parts, double *angles) {
    const int64_t cols = s->x.cols;
    const int k = cols < 2 || parts < 3 ? 1 : 2;
    double *sums = calloc((size_t)parts * (size_t)(cols + 1), sizeof *sums);
    isk_scalar *means = malloc(sizeof *means * (size_t)(parts * cols)), *loadings = malloc(sizeof *loadings * (size_t)(cols * k));
    isk_scalar *centre = malloc(sizeof *centre * (size_t)cols), *scores = malloc(sizeof *scores * (size_t)(parts * k));
    isk_status status = sums && means && loadings && centre && scores ? ISK_OK : out_of_memory(s->context, s->rows);
    for (int64_t i = 0; i < s->n && status == ISK_OK; i++) {
        double *sum = sums + label[i] * (cols + 1);
        for (int64_t c = 0; c < cols; c++) { sum[c] += (double)s->x.data[i * cols + c]; }
        sum[cols]++;
    }
    for (int64_t i = 0; i < parts * cols && status == ISK_OK; i++) {
        const double *sum = sums + i / cols * (cols + 1);
        means[i] = (isk_scalar)(sum[i % cols] / sum[cols]);
    }
    if (status == ISK_OK) {
        const isk_matrix x = { means, parts, cols };
        status = isk_pca(s->context, &(isk_pca_desc){ .x = x, .k = k, .mean = centre, .components = loadings });
        if (status == ISK_OK) { status = isk_pca_transform(s->context, x, centre, loadings, k, scores); }
    }
    for (int64_t i = 0; i < parts && status == ISK_OK; i++) {
        /* of one component alone the order is that of its scores */
        angles[i] = k < 2 ? (double)scores[i] : atan2((double)scores[2 * i + 1], (double)scores[2 * i]);
    }
    free(sums);
    free(means);
    free(loadings);
    free(centre);
    free(scores);
    return status;
}

/* Evenly on a circle of radius 1, in the order of directions, of equal ones and of given neighbours in the order of first points;
   places [parts, 2], and as much room behind. */
static isk_status place_parts(const umap_state *s, const int32_t *label, int64_t parts, double *places) {
    double *angles = places + 2 * parts;
    isk_status status = ISK_OK;
    for (int64_t i = 0; i < parts; i++) { angles[i] = 0; }
    if (s->x.data) { status = directions_of_means(s, label, parts, angles); }
    for (int64_t i = 0; i < parts; i++) {
        int64_t rank = 0;
        for (int64_t j = 0; j < parts; j++) { rank += angles[j] < angles[i] || (angles[j] == angles[i] && j < i); }
        places[2 * i] = cos(6.283185307179586 * (double)rank / (double)parts);
        places[2 * i + 1] = sin(6.283185307179586 * (double)rank / (double)parts);
    }
    return status;
}

/* Vectors of one part, stretched to the room there is about its place. */
static isk_status start_part(umap_state *s, part *p, const double place[2], double room, random_stream *random, double *vectors) {
    double most = 0;
    isk_status status = ISK_OK;
    if (p->m < FEW) {
        for (int64_t i = 0; i < 2 * p->m; i++) { vectors[i] = 2 * random_uniform(random) - 1; }
        most = 1;
    } else {
        status = part_vectors(s->context, p, random, vectors);
        for (int64_t i = 0; i < 2 * p->m && status == ISK_OK; i++) { most = fmax(most, fabs(vectors[i])); }
    }
    for (int64_t i = 0; i < 2 * p->m && status == ISK_OK; i++) {
        s->start[2 * p->members[i / 2] + i % 2] = vectors[i] / most * room + place[i % 2];
    }
    return status;
}

/* Noise against symmetric positions; each coordinate from 0 to 10. */
static void stretch_start(umap_state *s) {
    random_stream random = random_open(s->desc->seed, RANDOM_NOISE);
    double most = 0;
    for (int64_t i = 0; i < 2 * s->n; i++) { most = fmax(most, fabs(s->start[i])); }
    for (int64_t i = 0; i < 2 * s->n; i++) { s->start[i] = s->start[i] * extent / most + noise * random_normal(&random); }
    for (int c = 0; c < 2; c++) {
        double low = INFINITY, high = -INFINITY;
        for (int64_t i = 0; i < s->n; i++) {
            low = fmin(low, s->start[2 * i + c]);
            high = fmax(high, s->start[2 * i + c]);
        }
        for (int64_t i = 0; i < s->n; i++) { s->y[2 * i + c] = (float)(extent * (s->start[2 * i + c] - low) / (high - low)); }
    }
}

static isk_status make_start(umap_state *s) {
    const size_t n = (size_t)s->n;
    int32_t *label = malloc(sizeof *label * 2 * n), *place = label + n;
    int64_t *members = malloc(sizeof *members * n), parts, first = 0;
    double *vectors = malloc(sizeof *vectors * 6 * n), *places = vectors + 2 * n, room = 1;
    random_stream random = random_open(s->desc->seed, RANDOM_VECTORS);
    isk_status status = label && members && vectors ? ISK_OK : out_of_memory(s->context, s->rows);
    if (status == ISK_OK) {
        parts = find_parts(&s->graph, label, members);
        places[0] = places[1] = 0;
        if (parts > 1) {
            status = place_parts(s, label, parts, places);
            room = sin(3.141592653589793 / (double)parts);      /* half the way to the next */
        }
        for (int64_t l = 0; l < parts && status == ISK_OK; l++) {
            part p = { .graph = &s->graph, .members = members + first, .place = place };
            for (; first + p.m < s->n && label[members[first + p.m]] == l; p.m++) { place[members[first + p.m]] = (int32_t)p.m; }
            status = start_part(s, &p, places + 2 * l, room, &random, vectors);
            first += p.m;
        }
        if (status == ISK_OK) { stretch_start(s); }
    }
    free(label);
    free(members);
    free(vectors);
    return status;
}

/* ---- the curve 1 / (1 + a d^2b) ---- */

/* Sum of squares of what is missing to 1 up to min_distance, exp(-(d - min_distance) / spread) beyond, at 300 points up to 3 spread;
   normal [5]: the two slopes against the residual, and the products of slopes. */
static double curve_misfit(double a, double b, double min_distance, double spread, double normal[5]) {
    double sum = 0;
    memset(normal, 0, 5 * sizeof *normal);
    for (int i = 0; i < 300; i++) {
        const double x = 3 * spread * i / 299, due = x < min_distance ? 1 : exp(-(x - min_distance) / spread);
        const double power = x > 0 ? pow(x, 2 * b) : 0, f = 1 / (1 + a * power), rest = due - f;
        const double by_a = -power * f * f, by_b = x > 0 ? -2 * a * log(x) * power * f * f : 0;
        sum += rest * rest;
        normal[0] += by_a * rest;
        normal[1] += by_b * rest;
        normal[2] += by_a * by_a;
        normal[3] += by_a * by_b;
        normal[4] += by_b * by_b;
    }
    return sum;
}

/* Levenberg and Marquardt from (1, 1), as umap-learn by way of scipy. */
static void fit_curve(double min_distance, double spread, double *a, double *b) {
    double normal[5], tried[5], damping = 1e-3, misfit;
    *a = *b = 1;
    misfit = curve_misfit(*a, *b, min_distance, spread, normal);
    for (int step = 0; step < 500 && damping < 1e12; step++) {
        const double p = normal[2] * (1 + damping), q = normal[4] * (1 + damping), determinant = p * q - normal[3] * normal[3];
        const double new_a = *a + (normal[0] * q - normal[1] * normal[3]) / determinant;
        const double new_b = *b + (normal[1] * p - normal[0] * normal[3]) / determinant;
        const double value = new_a > 0 && new_b > 0 ? curve_misfit(new_a, new_b, min_distance, spread, tried) : INFINITY;
        if (value < misfit) {
            *a = new_a;
            *b = new_b;
            misfit = value;
            memcpy(normal, tried, sizeof normal);
            damping /= 10;
        } else {
            damping *= 10;
        }
    }
}

/* ---- stochastic gradient descent ---- */

typedef struct descent {
    float a, b, rate;
    /* [edges] epochs from one draw of an edge to the next; when it is next due, and its negatives */
    double *every, *next, *next_negative;
    random_stream random;
} descent;

static float clipped(float step) { return step > largest_step ? largest_step : step < -largest_step ? -largest_step : step; }

static void attract(const descent *d, float *from, float *to) {
    const float gap[2] = { from[0] - to[0], from[1] - to[1] }, square = gap[0] * gap[0] + gap[1] * gap[1];
    float power, slope;
    if (!(square > 0)) { return; }
    power = powf(square, d->b);
    slope = -2 * d->a * d->b * power / (square * (1 + d->a * power));
    for (int c = 0; c < 2; c++) {
        const float step = d->rate * clipped(slope * gap[c]);
        from[c] += step;
        to[c] -= step;
    }
}

static void repel(const descent *d, float *from, const float *other) {
    const float gap[2] = { from[0] - other[0], from[1] - other[1] }, square = gap[0] * gap[0] + gap[1] * gap[1];
    float slope;
    if (!(square > 0)) { return; }
    slope = 2 * d->b / ((0.001f + square) * (1 + d->a * powf(square, d->b)));
    for (int c = 0; c < 2; c++) { from[c] += d->rate * clipped(slope * gap[c]); }
}

static void run_epoch(umap_state *s, descent *d, int epoch, int negatives) {
    const sparse *g = &s->graph;
    for (int64_t i = 0; i < s->n; i++) {
        float *from = s->y + 2 * i;
        for (int64_t e = g->starts[i]; e < g->starts[i + 1]; e++) {
            int64_t due;
            if (d->next[e] > epoch) { continue; }
            attract(d, from, s->y + 2 * g->columns[e]);
            d->next[e] += d->every[e];
            due = (int64_t)((epoch - d->next_negative[e]) / (d->every[e] / negatives));
            for (int64_t j = 0; j < due; j++) {
                /* a number below n from 32 bits: n is small beside 2^32, so that the bias is too */
                repel(d, from, s->y + 2 * (int64_t)(((random_word(&d->random) >> 32) * (uint64_t)s->n) >> 32));
            }
            d->next_negative[e] += (double)due * d->every[e] / negatives;
        }
    }
}

static isk_status descend(umap_state *s) {
    const umap_desc *desc = s->desc;
    const sparse *g = &s->graph;
    const int negatives = desc->negatives ? desc->negatives : 5;
    double a, b, most = 0;
    descent d = { .every = malloc(sizeof *d.every * 3 * ((size_t)g->count + 1)), .random = random_open(desc->seed, RANDOM_SAMPLES) };
    isk_status status = ISK_OK;
    if (!d.every) { return out_of_memory(s->context, s->rows); }
    fit_curve(desc->min_distance > 0 ? desc->min_distance : 0.1, desc->spread > 0 ? desc->spread : 1, &a, &b);
    d.a = (float)a;
    d.b = (float)b;
    d.next = d.every + g->count;
    d.next_negative = d.next + g->count;
    for (int64_t e = 0; e < g->count; e++) { most = fmax(most, (double)g->values[e]); }
    for (int64_t e = 0; e < g->count; e++) {
        d.every[e] = d.next[e] = most / (double)g->values[e];
        d.next_negative[e] = d.every[e] / negatives;
    }
    for (int epoch = 0; epoch < s->epochs && status == ISK_OK; epoch++) {
        d.rate = 1 - (float)epoch / (float)s->epochs;
        run_epoch(s, &d, epoch, negatives);
        if (desc->progress && desc->progress(desc->user, (epoch + 1.0) / s->epochs)) {
            status = isk_set_error(s->context, ISK_INTERRUPTED, "the layout was stopped after %d of %d epochs", epoch + 1, s->epochs);
        }
    }
    free(d.every);
    return status;
}

/* ---- the whole ---- */

static isk_status lay_out(umap_state *s) {
    const size_t n = (size_t)s->n;
    isk_status status;
    s->y = malloc(sizeof *s->y * 2 * (n + 1));
    s->start = malloc(sizeof *s->start * 2 * (n + 1));
    if (!s->y || !s->start) { return out_of_memory(s->context, s->rows); }
    for (int64_t i = 0; i < s->n && s->n < FEW; i++) {
        s->y[2 * i] = (float)i;
        s->y[2 * i + 1] = 0;
    }
    if (s->n < FEW) { return ISK_OK; }
    s->epochs = s->desc->epochs ? s->desc->epochs : s->n <= 10000 ? 500 : 200;
    status = find_neighbours(s);
    if (status == ISK_OK) { status = make_graph(s); }
    if (status == ISK_OK) { status = make_start(s); }
    return status == ISK_OK ? descend(s) : status;
}

isk_status umap_layout(isk_context *context, const umap_desc *desc) {
    umap_state s = { .context = context, .desc = desc, .rows = desc->indices ? desc->rows : desc->x.rows };
    isk_status status = check_settings(&s);
    if (status == ISK_OK && desc->indices) { status = check_given(&s); }
    if (status == ISK_OK) { status = choose_rows(&s); }
    if (status == ISK_OK) { status = lay_out(&s); }
    for (int64_t i = 0; i < 2 * s.rows && status == ISK_OK; i++) { desc->points[i] = NAN; }
    for (int64_t i = 0; i < s.n && status == ISK_OK; i++) { memcpy(desc->points + 2 * s.index[i], s.y + 2 * i, 2 * sizeof *s.y); }
    state_free(&s);
    return status;
}

/* ---- trustworthiness ---- */

/* Sum over the layout's neighbours of row i of how far their rank among all, by distance from i in x, exceeds k; squares [n] is room. */
static double excess(isk_matrix x, int64_t i, const int32_t *near, int k, double *squares) {
    const isk_scalar *own = x.data + i * x.cols;
    double sum = 0;
    for (int64_t l = 0; l < x.rows; l++) {
        const isk_scalar *row = x.data + l * x.cols;
        squares[l] = 0;
        for (int64_t c = 0; c < x.cols; c++) { squares[l] += ((double)own[c] - (double)row[c]) * ((double)own[c] - (double)row[c]); }
    }
    for (int j = 0; j < k; j++) {
        const int32_t neighbour = near[j];
        int64_t rank = 1;
        for (int64_t l = 0; l < x.rows; l++) {
            rank += l != i && (squares[l] < squares[neighbour] || (squares[l] == squares[neighbour] && l < neighbour));
        }
        if (rank > k) { sum += (double)(rank - k); }
    }
    return sum;
}

/* Rows that are finite in both, side by side; returns how many. */
static int64_t whole_pairs(isk_matrix x, const float *points, isk_scalar *rows, isk_scalar *flat) {
    int64_t n = 0;
    for (int64_t i = 0; i < x.rows; i++) {
        if (!is_whole(x, i) || !isfinite(points[2 * i]) || !isfinite(points[2 * i + 1])) { continue; }
        memcpy(rows + n * x.cols, x.data + i * x.cols, sizeof *rows * (size_t)x.cols);
        flat[2 * n] = (isk_scalar)points[2 * i];
        flat[2 * n + 1] = (isk_scalar)points[2 * i + 1];
        n++;
    }
    return n;
}

isk_status umap_trustworthiness(isk_context *context, isk_matrix x, const float *points, int k, double *value) {
    const size_t rows = (size_t)x.rows;
    isk_scalar *data = malloc(sizeof *data * (rows + 1) * (size_t)(x.cols + 2)), *flat = data + rows * (size_t)x.cols;
    double *squares = malloc(sizeof *squares * (rows + 1)), sum = 0;
    int32_t *near = NULL;
    int64_t n = 0;
    isk_status status = data && squares ? ISK_OK : out_of_memory(context, x.rows);
    k = k ? k : 15;
    if (status == ISK_OK) {
        n = whole_pairs(x, points, data, flat);
        if (k < 1 || 2 * (int64_t)k >= n) {
            status = isk_set_error(context, ISK_ARGUMENT, "k is %d, but trustworthiness of %lld points needs k from 1 to less than half "
                                                          "of them", k,
                                   (long long)n);
        }
    }
    if (status == ISK_OK && !(near = malloc(sizeof *near * (size_t)n * (size_t)k))) { status = out_of_memory(context, x.rows); }
    if (status == ISK_OK) { status = isk_knn(context, &(isk_knn_desc){ .queries = { flat, n, 2 }, .k = k, .indices = near }); }
    for (int64_t i = 0; i < n && status == ISK_OK; i++) { sum += excess((isk_matrix){ data, n, x.cols }, i, near + i * k, k, squares); }
    if (status == ISK_OK) { *value = 1 - 2 * sum / ((double)n * k * (2.0 * (double)n - 3.0 * k - 1)); }
    free(data);
    free(squares);
    free(near);
    return status;
}
