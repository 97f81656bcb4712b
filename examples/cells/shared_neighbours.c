#include "shared_neighbours.h"

#include <stdlib.h>
#include <string.h>

/* The j-th neighbour of row i, which is its own -1st; below 0: none. */
static int64_t neighbour(const shared_neighbours *s, int64_t i, int j) { return j < 0 ? i : s->near[i * s->others + j]; }

static void fill(const shared_neighbours *s) {
    memset(s->starts, 0, sizeof *s->starts * ((size_t)s->rows + 2));
    for (int64_t i = 0; i < s->rows; i++) {
        for (int j = -1; j < s->others; j++) {
            const int64_t m = neighbour(s, i, j);
            if (m >= 0) { s->starts[m + 2]++; }
        }
    }
    for (int64_t i = 1; i < s->rows + 2; i++) { s->starts[i] += s->starts[i - 1]; }
    /* starts[m + 1] is where the next member of m goes, and ends as the start of m + 1. */
    for (int64_t i = 0; i < s->rows; i++) {
        for (int j = -1; j < s->others; j++) {
            const int64_t m = neighbour(s, i, j);
            if (m >= 0) { s->members[s->starts[m + 1]++] = (int32_t)i; }
        }
    }
}

int shared_neighbours_open(shared_neighbours *s, int64_t rows, int others, const int32_t *near) {
    const size_t n = (size_t)rows;
    *s = (shared_neighbours){ rows, others, near, malloc(sizeof *s->starts * (n + 2)),
                              malloc(sizeof *s->members * (n + 1) * ((size_t)others + 1)), calloc(n + 1, sizeof *s->shared),
                              malloc(sizeof *s->touched * (n + 1)) };
    if (!s->starts || !s->members || !s->shared || !s->touched) { return 0; }
    fill(s);
    return 1;
}

void shared_neighbours_close(shared_neighbours *s) {
    free(s->starts);
    free(s->members);
    free(s->shared);
    free(s->touched);
    *s = (shared_neighbours){ 0 };
}

int64_t shared_neighbours_count(const shared_neighbours *s, int64_t i) {
    int64_t count = 0;
    for (int j = -1; j < s->others; j++) {
        const int64_t m = neighbour(s, i, j);
        for (int64_t at = m < 0 ? 0 : s->starts[m]; m >= 0 && at < s->starts[m + 1]; at++) {
            if (s->shared[s->members[at]]++ == 0) { s->touched[count++] = s->members[at]; }
        }
    }
    return count;
}

void shared_neighbours_clear(const shared_neighbours *s, int64_t count) {
    for (int64_t t = 0; t < count; t++) { s->shared[s->touched[t]] = 0; }
}
