/* Method transport, written out naively in float64 from its numbers, row by row.  Include after hostile.h. */
#ifndef TRANSPORTED_H
#define TRANSPORTED_H

#include <math.h>

enum { MOST_X = 16, MOST_Y = 8, MOST_HIDDEN = 64 };

/* Numbers of the model by their name: of weights [in, out], of vectors [1, out]. */
typedef struct block { const isk_scalar *values; ptrdiff_t down, across; } block;
typedef block block_of(void *from, const char *name);
typedef struct transported { block_of *find; void *from; int view, cols, c_cols, n, maps, terms; double amount; } transported;

/* scope: with %d for the number of the view. */
static UNUSED_FUNCTION block block_named(const transported *m, const char *scope, const char *name) {
    char full[80];
    snprintf(full, sizeof full, scope, m->view + 1);
    snprintf(full + strlen(full), sizeof full - strlen(full), ".%s", name);
    return m->find(m->from, full);
}

static UNUSED_FUNCTION double at(block b, int row, int col) { return (double)b.values[row * b.down + col * b.across]; }

static UNUSED_FUNCTION double entry(const transported *m, const char *scope, const char *name, int row, int col) {
    return at(block_named(m, scope, name), row, col);
}

/* What the decomposition makes of a row: C, what C says of X, y and the deviations of its columns, 0 where there are none. */
typedef struct rest { double c[MOST_Y], joint[MOST_X], y[MOST_Y], s[MOST_Y]; } rest;

static UNUSED_FUNCTION rest naive_rest(const transported *m, const double *x) {
    rest r;
    int i, j;
    for (i = 0; i < m->c_cols; i++) {
        for (r.c[i] = 0, j = 0; j < m->cols; j++) {
            r.c[i] += (x[j] - entry(m, "shared%d", "mean", 0, j)) * entry(m, "shared%d", "weight", j, i);
        }
    }
    for (j = 0; j < m->cols; j++) {
        r.joint[j] = entry(m, "joint%d", "mean", 0, j);
        for (i = 0; i < m->c_cols; i++) { r.joint[j] += r.c[i] * entry(m, "joint%d", "weight", i, j); }
    }
    for (i = 0; i < m->n; i++) {
        double z = 0, power = 0;
        for (j = 0; j < m->cols; j++) {
            const double back = entry(m, "decoder%d", "weight", i, j);
            z += (x[j] - r.joint[j]) * entry(m, "components%d", "weight", j, i);
            power += back * back;
        }
        r.s[i] = sqrt(power);
        r.y[i] = z * r.s[i];
    }
    return r;
}

typedef struct mixing { double shift[MOST_Y], spread[MOST_Y], weights[MOST_Y]; } mixing;

/* m, d and w of a network of c, two hidden layers of 64 units. */
static UNUSED_FUNCTION mixing naive_mixing(const transported *m, const char *scope, const rest *r) {
    static const char *const names[3][2] = { { "0.weight", "0.bias" }, { "2.weight", "2.bias" }, { "4.weight", "4.bias" } };
    double in[MOST_HIDDEN], out[MOST_HIDDEN];
    int layer, i, j, width = m->c_cols;
    mixing mix;
    memcpy(in, r->c, sizeof r->c);
    for (layer = 0; layer < 3; layer++) {
        const int next = layer < 2 ? MOST_HIDDEN : 2 * m->n + m->terms;
        const block weights = block_named(m, scope, names[layer][0]), biases = block_named(m, scope, names[layer][1]);
        for (j = 0; j < next; j++) {
            out[j] = at(biases, 0, j);
            for (i = 0; i < width; i++) { out[j] += in[i] * at(weights, i, j); }
            if (layer < 2 && out[j] < 0) { out[j] = 0; }
        }
        memcpy(in, out, sizeof in);
        width = next;
    }
    for (i = 0; i < m->n; i++) {
        mix.shift[i] = in[i] * r->s[i];
        mix.spread[i] = r->s[i] > 0 ? 2 * tanh(in[m->n + i] / 2) : 0;
    }
    for (i = 0; i < m->terms; i++) { mix.weights[i] = in[2 * m->n + i]; }
    return mix;
}

/* diag(e^d) + sum_k w_k B_k, of B_k what is below the diagonal, or all. */
static UNUSED_FUNCTION void naive_matrix(const transported *m, const char *scope, const mixing *mix, int lower, double l[MOST_Y][MOST_Y]) {
    int i, j, k;
    for (i = 0; i < m->n; i++) {
        for (j = 0; j < m->n; j++) { l[i][j] = i == j ? exp(mix->spread[i]) : 0; }
    }
    for (k = 0; k < m->terms; k++) {
        char name[16];
        block b;
        snprintf(name, sizeof name, "mix%d", k + 1);
        b = block_named(m, scope, name);
        for (i = 0; i < m->n; i++) {
            for (j = 0; j < (lower ? i : m->n); j++) { l[i][j] += mix->weights[k] * at(b, i, j); }
        }
    }
}

/* ln |det| by elimination. */
static UNUSED_FUNCTION double naive_ln_determinant(double a[MOST_Y][MOST_Y], int n) {
    double sum = 0;
    int i, j, k, best;
    for (k = 0; k < n; k++) {
        for (best = k, i = k + 1; i < n; i++) {
            if (fabs(a[i][k]) > fabs(a[best][k])) { best = i; }
        }
        sum += log(fabs(a[best][k]));
        for (j = k; j < n; j++) {
            const double kept = a[k][j];
            a[k][j] = a[best][j];
            a[best][j] = kept;
        }
        for (i = k + 1; i < n; i++) {
            const double factor = a[i][k] / a[k][k];
            for (j = k; j < n; j++) { a[i][j] -= factor * a[k][j]; }
        }
    }
    return sum;
}

/* t(y; c) of a map: L'L (y - s m) among the columns that there are; returns ln det L'L of these. */
static UNUSED_FUNCTION double naive_map_of(const transported *m, int map, const rest *r, double *out) {
    double l[MOST_Y][MOST_Y], jacobian[MOST_Y][MOST_Y];
    int there[MOST_Y], count = 0, i, j, k;
    char scope[40];
    mixing mix;
    snprintf(scope, sizeof scope, "transport%%d.map%d", map + 1);
    mix = naive_mixing(m, scope, r);
    naive_matrix(m, scope, &mix, 1, l);
    for (i = 0; i < m->n; i++) {
        out[i] = 0;
        if (r->s[i] > 0) { there[count++] = i; }
    }
    for (i = 0; i < count; i++) {
        for (j = 0; j < count; j++) {
            for (jacobian[i][j] = 0, k = 0; k < count; k++) { jacobian[i][j] += l[there[k]][there[i]] * l[there[k]][there[j]]; }
            out[there[i]] += jacobian[i][j] * (r->y[there[j]] - mix.shift[there[j]]);
        }
    }
    return naive_ln_determinant(jacobian, count);
}

/* Minus the log likelihood of a row under Student's t of 3 degrees of freedom, mean of the maps, without what does not depend on them. */
static UNUSED_FUNCTION double naive_likelihood(const transported *m, const double *x) {
    const rest r = naive_rest(m, x);
    double t[MOST_Y], sum = 0;
    int map, i;
    for (map = 0; map < m->maps; map++) {
        sum -= naive_map_of(m, map, &r, t);
        for (i = 0; i < m->n; i++) { sum += r.s[i] > 0 ? 2 * log(1 + pow(t[i] / (0.79351 * r.s[i]), 2) / 3) : 0; }
    }
    return sum / m->maps;
}

/* What C says of what was moved. */
static UNUSED_FUNCTION double naive_told(const transported *m, const rest *r, int i) {
    double told = entry(m, "turn%d", "mean", 0, i);
    int j;
    for (j = 0; j < m->c_cols; j++) { told += r->c[j] * entry(m, "turn%d", "slope", j, i); }
    return told;
}

/* Z of a row. */
static UNUSED_FUNCTION void naive_moved(const transported *m, const rest *r, double *z) {
    double moved[MOST_Y], t[MOST_Y];
    int map, i, j;
    for (i = 0; i < m->n; i++) { moved[i] = (1 - m->amount) * r->y[i]; }
    for (map = 0; map < m->maps; map++) {
        naive_map_of(m, map, r, t);
        for (i = 0; i < m->n; i++) { moved[i] += m->amount * t[i] / m->maps; }
    }
    for (j = 0; j < m->n; j++) {
        for (z[j] = 0, i = 0; i < m->n; i++) { z[j] += (moved[i] - naive_told(m, r, i)) * entry(m, "turn%d", "weight", i, j); }
    }
}

/* What is given back of X: J + the components v e^d + s m + sum_k w_k v B_k, v = Z W' + what C says of it. */
static UNUSED_FUNCTION void naive_again(const transported *m, const rest *r, const double *z, double *out) {
    const mixing mix = naive_mixing(m, "decoder%d", r);
    double l[MOST_Y][MOST_Y], v[MOST_Y];
    int i, j;
    naive_matrix(m, "decoder%d", &mix, 0, l);
    memcpy(out, r->joint, (size_t)m->cols * sizeof *out);
    for (i = 0; i < m->n; i++) {
        for (v[i] = naive_told(m, r, i), j = 0; j < m->n; j++) { v[i] += z[j] * entry(m, "turn%d", "weight", i, j); }
    }
    for (j = 0; j < m->n; j++) {
        double y = mix.shift[j];
        for (i = 0; i < m->n; i++) { y += v[i] * l[i][j]; }
        for (i = 0; i < m->cols && r->s[j] > 0; i++) { out[i] += y / r->s[j] * entry(m, "decoder%d", "weight", j, i); }
    }
}

#endif
