#include "wnn.h"

#include "shared_neighbours.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Seurat's constants (FindModalityWeights): what keeps a ratio of kernels finite, and the largest ratio. */
static const double cross_constant = 1e-4, largest_score = 200;

typedef struct wnn_view {
    isk_scalar *x;                  /* [n, cols], rows of norm 1 or 0 */
    int64_t cols;
    int32_t *near;                  /* [n, others] nearest first, the cell itself not among them */
    int32_t *candidates;            /* [n, range]; NULL: no joint neighbours are wanted */
    double *nearest;                /* [n] distance to the first of near */
    double *bandwidth;              /* [n] */
    double *weight;                 /* [n] */
} wnn_view;

typedef struct wnn_state {
    isk_context *context;
    const wnn_desc *desc;
    wnn_view view[ISK_MAX_VIEWS];
    int views, k, others, range;    /* others: k without the cell itself; range: likewise */
    int64_t rows;
} wnn_state;

static isk_status out_of_memory(const wnn_state *s) {
    return isk_set_error(s->context, ISK_MEMORY, "out of memory for the weighted neighbours of %lld cells", (long long)s->rows);
}

static void state_free(wnn_state *s) {
    for (int v = 0; v < ISK_MAX_VIEWS; v++) {
        free(s->view[v].x);
        free(s->view[v].near);
        free(s->view[v].candidates);
        free(s->view[v].nearest);
        free(s->view[v].bandwidth);
        free(s->view[v].weight);
    }
}

/* ---- what is given ---- */

static isk_status check_values(const wnn_state *s, int v) {
    const isk_matrix m = s->desc->views[v];
    for (int64_t i = 0; i < m.rows * m.cols; i++) {
        if (!isfinite(m.data[i])) {
            return isk_set_error(s->context, ISK_DATA, "modality %d, row %lld, column %lld is not finite; leave out cells that a modality "
                                                       "lacks",
                                 v + 1, (long long)(i / m.cols + 1), (long long)(i % m.cols + 1));
        }
    }
    return ISK_OK;
}

static isk_status state_open(wnn_state *s) {
    const wnn_desc *desc = s->desc;
    isk_status status = ISK_OK;
    if (desc->view_count < 2 || desc->view_count > ISK_MAX_VIEWS) {
        return isk_set_error(s->context, ISK_ARGUMENT, "weighted neighbours compare 2 to %d modalities, but %d are given", ISK_MAX_VIEWS,
                             desc->view_count);
    }
    s->views = desc->view_count;
    s->rows = desc->views[0].rows;
    s->k = desc->k ? desc->k : 20;
    s->others = s->k - 1;
    s->range = (desc->range ? desc->range : 200) - 1;
    if (s->range > s->rows - 1) { s->range = (int)(s->rows - 1); }
    if (s->k < 2 || s->k > s->rows) {
        return isk_set_error(s->context, ISK_ARGUMENT, "k is %d, but there are %lld cells; choose k from 2 to that number", s->k,
                             (long long)s->rows);
    }
    if (s->range < 1) {
        return isk_set_error(s->context, ISK_ARGUMENT, "range is %d; it counts the cell itself, so it must be at least 2", desc->range);
    }
    for (int v = 0; v < s->views && status == ISK_OK; v++) {
        if (!desc->views[v].data || desc->views[v].cols < 1 || desc->views[v].rows != s->rows) {
            return isk_set_error(s->context, ISK_SHAPE, "modality %d is %lld x %lld, but modality 1 has %lld rows", v + 1,
                                 (long long)desc->views[v].rows, (long long)desc->views[v].cols, (long long)s->rows);
        }
        status = check_values(s, v);
    }
    return status;
}

/* As Seurat's L2Norm: a row of zeros stays one. */
static void scale_rows(const isk_matrix *from, isk_scalar *to) {
    for (int64_t i = 0; i < from->rows; i++) {
        const isk_scalar *row = from->data + i * from->cols;
        double square = 0;
        for (int64_t j = 0; j < from->cols; j++) { square += (double)row[j] * (double)row[j]; }
        for (int64_t j = 0; j < from->cols; j++) { to[i * from->cols + j] = (isk_scalar)(square > 0 ? (double)row[j] / sqrt(square) : 0); }
    }
}

/* ---- neighbours of one modality ---- */

static isk_status find_neighbours(wnn_state *s, int v) {
    const size_t n = (size_t)s->rows;
    const int wanted = s->desc->indices || s->desc->distances;
    wnn_view *view = &s->view[v];
    const isk_matrix x = { NULL, s->rows, view->cols = s->desc->views[v].cols };
    isk_knn_desc knn = { .k = s->others };
    isk_status status = ISK_OK;
    view->x = malloc(sizeof *view->x * n * (size_t)x.cols);
    view->near = malloc(sizeof *view->near * n * (size_t)s->others);
    view->nearest = malloc(sizeof *view->nearest * n);
    view->bandwidth = malloc(sizeof *view->bandwidth * n);
    view->weight = malloc(sizeof *view->weight * n);
    if (wanted) { view->candidates = malloc(sizeof *view->candidates * n * (size_t)s->range); }
    if (!view->x || !view->near || !view->nearest || !view->bandwidth || !view->weight || (wanted && !view->candidates)) {
        return out_of_memory(s);
    }
    scale_rows(&s->desc->views[v], view->x);
    knn.queries = (isk_matrix){ view->x, x.rows, x.cols };
    knn.indices = view->near;
    if (!wanted || s->range < s->others) { status = isk_knn(s->context, &knn); }
    if (status != ISK_OK || !wanted) { return status; }
    knn.k = s->range;
    knn.indices = view->candidates;
    status = isk_knn(s->context, &knn);
    /* The nearest of many are the nearest: one search does for both. */
    for (int64_t i = 0; i < s->rows && s->range >= s->others && status == ISK_OK; i++) {
        memcpy(view->near + i * s->others, view->candidates + i * s->range, sizeof *view->near * (size_t)s->others);
    }
    return status;
}

static double distance_to(const wnn_view *view, int64_t i, const double *point) {
    const isk_scalar *x = view->x + i * view->cols;
    double sum = 0;
    for (int64_t c = 0; c < view->cols; c++) { sum += ((double)x[c] - point[c]) * ((double)x[c] - point[c]); }
    return sqrt(sum);
}

static double distance_between(const wnn_view *view, int64_t i, int64_t j) {
    const isk_scalar *x = view->x + i * view->cols, *y = view->x + j * view->cols;
    double sum = 0;
    for (int64_t c = 0; c < view->cols; c++) { sum += ((double)x[c] - (double)y[c]) * ((double)x[c] - (double)y[c]); }
    return sqrt(sum);
}

static double beyond(double distance, double nearest) { return distance > nearest ? distance - nearest : 0; }

static double kernel(double distance, double bandwidth) { return distance > 0 ? exp(-distance / bandwidth) : 1; }

/* ---- bandwidths: shared neighbours ---- */

static int descending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* Mean distance to the k cells that share fewest neighbours with i but share one; of those that share as many as the k-th the farthest.
   J = shared / (2k - shared) grows with shared, so counts stand for it. */
static double bandwidth_of(const wnn_state *s, const wnn_view *view, int64_t i, const int32_t *shared, const int32_t *touched,
                           int64_t count, int64_t *histogram, double *distances) {
    int64_t kept = 0, sum = 0;
    double mean = 0;
    int most = 0;
    memset(histogram, 0, sizeof *histogram * ((size_t)s->k + 1));
    for (int64_t t = 0; t < count; t++) { histogram[shared[touched[t]]]++; }
    while (sum < s->k && most < s->k) { sum += histogram[++most]; }
    for (int64_t t = 0; t < count; t++) {
        if (shared[touched[t]] <= most) { distances[kept++] = beyond(distance_between(view, i, touched[t]), view->nearest[i]); }
    }
    if (kept > s->k) {
        qsort(distances, (size_t)kept, sizeof *distances, descending);
        kept = s->k;
    }
    for (int64_t t = 0; t < kept; t++) { mean += distances[t] / (double)kept; }
    return mean;
}

static isk_status find_bandwidths(wnn_state *s, wnn_view *view) {
    shared_neighbours near;
    int64_t *histogram = malloc(sizeof *histogram * ((size_t)s->k + 1));
    double *distances = malloc(sizeof *distances * (size_t)s->rows);
    const int enough = shared_neighbours_open(&near, s->rows, s->others, view->near) && histogram && distances;
    for (int64_t i = 0; enough && i < s->rows; i++) {
        const int64_t count = shared_neighbours_count(&near, i);
        view->nearest[i] = distance_between(view, i, view->near[i * s->others]);
        view->bandwidth[i] = bandwidth_of(s, view, i, near.shared, near.touched, count, histogram, distances);
        shared_neighbours_clear(&near, count);
    }
    shared_neighbours_close(&near);
    free(histogram);
    free(distances);
    return enough ? ISK_OK : out_of_memory(s);
}

/* ---- weights ---- */

/* How near the mean of view v over cell i's neighbours in view `by` is to the cell itself; `mean` is room for it. */
static double predicted(const wnn_state *s, int v, int by, int64_t i, double *mean) {
    const wnn_view *view = &s->view[v];
    const int32_t *near = s->view[by].near + i * s->others;
    for (int64_t c = 0; c < view->cols; c++) { mean[c] = 0; }
    for (int j = 0; j < s->others; j++) {
        const isk_scalar *x = view->x + (int64_t)near[j] * view->cols;
        for (int64_t c = 0; c < view->cols; c++) { mean[c] += (double)x[c]; }
    }
    for (int64_t c = 0; c < view->cols; c++) { mean[c] /= s->others; }
    return kernel(beyond(distance_to(view, i, mean), view->nearest[i]), view->bandwidth[i]);
}

static void weigh_cell(wnn_state *s, int64_t i, double *mean) {
    double score[ISK_MAX_VIEWS][ISK_MAX_VIEWS], most = 0, sum = 0;
    for (int v = 0; v < s->views; v++) {
        const double within = predicted(s, v, v, i, mean);
        for (int by = 0; by < s->views; by++) {
            if (by == v) { continue; }
            score[v][by] = within / (predicted(s, v, by, i, mean) + cross_constant);
            if (score[v][by] > largest_score) { score[v][by] = largest_score; }
            if (score[v][by] > most) { most = score[v][by]; }
        }
    }
    for (int v = 0; v < s->views; v++) {
        s->view[v].weight[i] = 0;
        for (int by = 0; by < s->views; by++) {
            if (by != v) { s->view[v].weight[i] += exp(score[v][by] - most); }
        }
        sum += s->view[v].weight[i];
    }
    for (int v = 0; v < s->views; v++) { s->view[v].weight[i] /= sum; }
}

static isk_status weigh_cells(wnn_state *s) {
    int64_t widest = 0;
    double *mean;
    for (int v = 0; v < s->views; v++) { widest = s->view[v].cols > widest ? s->view[v].cols : widest; }
    mean = malloc(sizeof *mean * (size_t)widest);
    if (!mean) { return out_of_memory(s); }
    for (int64_t i = 0; i < s->rows; i++) { weigh_cell(s, i, mean); }
    free(mean);
    for (int v = 0; v < s->views; v++) {
        if (s->desc->weights[v]) { memcpy(s->desc->weights[v], s->view[v].weight, sizeof(double) * (size_t)s->rows); }
    }
    return ISK_OK;
}

/* ---- joint neighbours ---- */

typedef struct joint_candidate { double similarity; int32_t row, order; } joint_candidate;

/* The most similar first; of equal ones that which was found first, as R's order(). */
static int by_similarity(const void *a, const void *b) {
    const joint_candidate *x = a, *y = b;
    if (x->similarity != y->similarity) { return x->similarity < y->similarity ? 1 : -1; }
    return (x->order > y->order) - (x->order < y->order);
}

/* The union of the views' candidates, those of view 1 first; seen [n] holds the last cell for which a row was taken. */
static int gather_candidates(const wnn_state *s, int64_t i, int32_t *seen, joint_candidate *found) {
    int count = 0;
    for (int v = 0; v < s->views; v++) {
        const int32_t *candidates = s->view[v].candidates + i * s->range;
        for (int j = 0; j < s->range; j++) {
            if (seen[candidates[j]] == (int32_t)i) { continue; }
            seen[candidates[j]] = (int32_t)i;
            found[count] = (joint_candidate){ 0, candidates[j], count };
            count++;
        }
    }
    return count;
}

static double similarity(const wnn_state *s, int64_t i, int64_t j) {
    double sum = 0;
    for (int v = 0; v < s->views; v++) {
        const wnn_view *view = &s->view[v];
        sum += view->weight[i] * kernel(beyond(distance_between(view, i, j), view->nearest[i]), view->bandwidth[i]);
    }
    return sum;
}

static void write_neighbours(const wnn_state *s, int64_t i, const joint_candidate *found, int count) {
    for (int j = 0; j < s->k; j++) {
        const double gap = j < count ? (1 - found[j].similarity) / 2 : NAN;
        if (s->desc->indices) { s->desc->indices[i * s->k + j] = j < count ? found[j].row : -1; }
        if (s->desc->distances) { s->desc->distances[i * s->k + j] = sqrt(gap < 0 ? 0 : gap); }
    }
}

static isk_status find_joint(const wnn_state *s) {
    int32_t *seen = malloc(sizeof *seen * (size_t)s->rows);
    joint_candidate *found = malloc(sizeof *found * (size_t)s->views * (size_t)s->range);
    const int enough = seen && found;
    for (int64_t i = 0; enough && i < s->rows; i++) { seen[i] = -1; }
    for (int64_t i = 0; enough && i < s->rows; i++) {
        const int count = gather_candidates(s, i, seen, found);
        for (int j = 0; j < count; j++) { found[j].similarity = similarity(s, i, found[j].row); }
        qsort(found, (size_t)count, sizeof *found, by_similarity);
        write_neighbours(s, i, found, count);
    }
    free(seen);
    free(found);
    return enough ? ISK_OK : out_of_memory(s);
}

isk_status wnn_weights(isk_context *context, const wnn_desc *desc) {
    wnn_state s = { .context = context, .desc = desc };
    isk_status status = state_open(&s);
    for (int v = 0; v < s.views && status == ISK_OK; v++) { status = find_neighbours(&s, v); }
    for (int v = 0; v < s.views && status == ISK_OK; v++) { status = find_bandwidths(&s, &s.view[v]); }
    if (status == ISK_OK) { status = weigh_cells(&s); }
    if (status == ISK_OK && (desc->indices || desc->distances)) { status = find_joint(&s); }
    state_free(&s);
    return status;
}
