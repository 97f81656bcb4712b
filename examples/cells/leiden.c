#include "leiden.h"

#ifdef INDISEEK_HAVE_IGRAPH

#include "shared_neighbours.h"

#include <igraph.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int leiden_available(void) { return 1; }

typedef struct leiden_graph {
    igraph_t graph;
    igraph_vector_t weights, strengths;
    igraph_vector_int_t edges, found;
    double total;                   /* of the weights */
    int there;                      /* graph may be destroyed */
} leiden_graph;

static int graph_begin(leiden_graph *g) {
    int ok = igraph_vector_init(&g->weights, 0) == IGRAPH_SUCCESS;
    ok = ok && igraph_vector_init(&g->strengths, 0) == IGRAPH_SUCCESS;
    ok = ok && igraph_vector_int_init(&g->edges, 0) == IGRAPH_SUCCESS;
    ok = ok && igraph_vector_int_init(&g->found, 0) == IGRAPH_SUCCESS;
    return g->there = ok && igraph_empty(&g->graph, 0, IGRAPH_UNDIRECTED) == IGRAPH_SUCCESS;
}

static void graph_end(leiden_graph *g) {
    if (g->there) { igraph_destroy(&g->graph); }
    igraph_vector_destroy(&g->weights);
    igraph_vector_destroy(&g->strengths);
    igraph_vector_int_destroy(&g->edges);
    igraph_vector_int_destroy(&g->found);
}

/* Every pair once. */
static int graph_fill(leiden_graph *g, const leiden_desc *desc, const shared_neighbours *near) {
    static const double least = 1.0 / 15;
    const int both = 2 * (desc->k + 1);
    int ok = 1;
    for (int64_t i = 0; i < desc->rows && ok; i++) {
        const int64_t count = shared_neighbours_count(near, i);
        for (int64_t t = 0; t < count && ok; t++) {
            const int64_t j = near->touched[t];
            const double shared = near->shared[j], weight = shared / (both - shared);
            if (j <= i || weight < least) { continue; }
            ok = igraph_vector_int_push_back(&g->edges, i) == IGRAPH_SUCCESS &&
                 igraph_vector_int_push_back(&g->edges, j) == IGRAPH_SUCCESS &&
                 igraph_vector_push_back(&g->weights, weight) == IGRAPH_SUCCESS;
            g->total += weight;
        }
        shared_neighbours_clear(near, count);
    }
    ok = ok && igraph_add_vertices(&g->graph, desc->rows, NULL) == IGRAPH_SUCCESS;
    ok = ok && igraph_add_edges(&g->graph, &g->edges, NULL) == IGRAPH_SUCCESS;
    return ok && igraph_strength(&g->graph, &g->strengths, igraph_vss_all(), IGRAPH_ALL, 1, &g->weights) == IGRAPH_SUCCESS;
}

/* Modularity: the resolution over twice the weight of all edges. */
static int cluster(leiden_graph *g, double resolution, uint64_t seed, int *count) {
    static const double randomness = 0.01;
    enum { PASSES = 2 };
    const double scaled = g->total > 0 ? resolution / (2 * g->total) : 0;
    igraph_integer_t clusters = 0;
    int ok = igraph_rng_seed(igraph_rng_default(), (igraph_uint_t)seed) == IGRAPH_SUCCESS &&
             igraph_community_leiden(&g->graph, &g->weights, &g->strengths, scaled, randomness, 0, PASSES, &g->found, &clusters, NULL) ==
                 IGRAPH_SUCCESS;
    *count = (int)clusters;
    return ok;
}

/* Halves the logarithm of where the resolution lies: more of it gives more clusters, nearly always. */
static int search(leiden_graph *g, const leiden_desc *desc, double *best) {
    enum { TURNS = 12 };
    double low = log(0.005), high = log(20);
    int nearest = -1;
    for (int turn = 0; turn < TURNS; turn++) {
        const double middle = (low + high) / 2;
        int count, away;
        if (!cluster(g, exp(middle), desc->seed, &count)) { return 0; }
        away = abs(count - desc->clusters);
        if (nearest < 0 || away < nearest) {
            nearest = away;
            *best = exp(middle);
        }
        if (away == 0) { return 1; }
        *(count < desc->clusters ? &low : &high) = middle;
    }
    return 1;
}

typedef struct cluster_size { int64_t rows; int label; } cluster_size;

static int by_size(const void *a, const void *b) {
    const cluster_size *x = a, *y = b;
    return x->rows != y->rows ? (x->rows < y->rows) - (x->rows > y->rows) : (x->label > y->label) - (x->label < y->label);
}

static int name_by_size(const leiden_graph *g, const leiden_desc *desc) {
    cluster_size *sizes = calloc(2 * (size_t)desc->count + 1, sizeof *sizes), *rank = sizes + desc->count;
    if (!sizes) { return 0; }
    for (int i = 0; i < desc->count; i++) { sizes[i].label = i; }
    for (int64_t i = 0; i < desc->rows; i++) { sizes[VECTOR(g->found)[i]].rows++; }
    qsort(sizes, (size_t)desc->count, sizeof *sizes, by_size);
    for (int i = 0; i < desc->count; i++) { rank[sizes[i].label].label = i; }
    for (int64_t i = 0; i < desc->rows; i++) { desc->labels[i] = rank[VECTOR(g->found)[i]].label; }
    free(sizes);
    return 1;
}

isk_status leiden(isk_context *context, leiden_desc *desc) {
    igraph_error_handler_t *before;
    shared_neighbours near;
    leiden_graph g;
    double resolution = desc->resolution > 0 ? desc->resolution : 1;
    int ok;
    if (desc->rows < 1 || desc->k < 1) {
        return isk_set_error(context, ISK_ARGUMENT, "Leiden needs rows and neighbours, but there are %lld and %d", (long long)desc->rows,
                             desc->k);
    }
    before = igraph_set_error_handler(igraph_error_handler_ignore);     /* its own ends the program */
    memset(&g, 0, sizeof g);
    ok = shared_neighbours_open(&near, desc->rows, desc->k, desc->near);
    ok = graph_begin(&g) && ok;
    ok = ok && graph_fill(&g, desc, &near);
    shared_neighbours_close(&near);
    if (ok && desc->clusters > 0) { ok = search(&g, desc, &resolution); }
    ok = ok && cluster(&g, resolution, desc->seed, &desc->count) && name_by_size(&g, desc);
    graph_end(&g);
    igraph_set_error_handler(before);
    return ok ? ISK_OK : isk_set_error(context, ISK_MEMORY, "Leiden: out of memory");
}

#else

int leiden_available(void) { return 0; }

isk_status leiden(isk_context *context, leiden_desc *desc) {
    (void)desc;
    return isk_set_error(context, ISK_ARGUMENT, "clusters by Leiden need igraph, which was not found when this was built");
}

#endif
