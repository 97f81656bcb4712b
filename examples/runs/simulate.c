#include "simulate.h"

#include "../base/random.h"

#include <math.h>
#include <stdlib.h>

/* ---- the paper's settings ---- */

static double six_values(random_stream *r) {
    static const double values[] = { -1.3228756555322954, -1, -0.5, 0.5, 1, 1.3228756555322954 };     /* sqrt(7)/2 */
    return values[random_below(r, 6)];
}

void simulate_setting(int setting, int64_t n, uint64_t seed, isk_scalar *x, isk_scalar *c) {
    random_stream r = random_open(seed, (uint64_t)setting);
    int derived = setting == 2 || setting == 4, discrete = setting >= 3, first_specific = derived ? 4 : 2;
    for (int64_t row = 0; row < n; row++) {
        double v[SETTING_COLS];
        for (int j = 0; j < SETTING_COLS; j++) {
            v[j] = discrete && j >= first_specific ? six_values(&r) : random_normal(&r);
        }
        if (derived) {
            v[2] = 0.2 * (v[0] + v[1]);
            v[3] = v[0] * v[1];
        }
        for (int j = 0; j < SETTING_COLS; j++) { x[row * SETTING_COLS + j] = (isk_scalar)v[j]; }
        for (int j = 0; j < SETTING_SHARED; j++) {
            double u = v[j];
            c[row * SETTING_SHARED + j] = (isk_scalar)(derived ? u : 0.5 * u + 0.2 * sin(u) + 0.2 * u * u * u);
        }
    }
}

/* ---- two views ---- */

enum { IN = SIMULATED_POSITION + 1, HIDDEN = 24 };

/* out = W2 tanh(W1 in + b) + noise: `in` is the position and the view's own factor. */
typedef struct mixing { int cols; double w1[HIDDEN][IN], b[HIDDEN], *w2; } mixing;

static int mixing_open(mixing *m, int cols, random_stream *r) {
    m->cols = cols;
    m->w2 = malloc(sizeof *m->w2 * (size_t)cols * HIDDEN);
    if (!m->w2) { return 0; }
    for (int h = 0; h < HIDDEN; h++) {
        for (int i = 0; i < IN; i++) { m->w1[h][i] = 0.7 * random_normal(r); }
        m->b[h] = 0.5 * random_normal(r);
    }
    for (int i = 0; i < cols * HIDDEN; i++) { m->w2[i] = 1.6 * random_normal(r) / sqrt((double)HIDDEN); }
    return 1;
}

static void mix_row(const mixing *m, const double in[IN], double noise, random_stream *r, isk_scalar *out) {
    double hidden[HIDDEN];
    for (int h = 0; h < HIDDEN; h++) {
        double sum = m->b[h];
        for (int i = 0; i < IN; i++) { sum += m->w1[h][i] * in[i]; }
        hidden[h] = tanh(sum);
    }
    for (int j = 0; j < m->cols; j++) {
        double sum = noise * random_normal(r);
        for (int h = 0; h < HIDDEN; h++) { sum += m->w2[j * HIDDEN + h] * hidden[h]; }
        out[j] = (isk_scalar)sum;
    }
}

static void draw_rows(simulated *s, const mixing *m1, const mixing *m2, double noise, uint64_t seed) {
    double centre[64][SIMULATED_POSITION];
    random_stream place = random_open(seed, 11), r = random_open(seed, 12);
    for (int k = 0; k < s->clusters; k++) {                 /* spread evenly on a sphere, so that none fall together */
        double height = 1 - (2 * k + 1.0) / s->clusters, ring = sqrt(1 - height * height), angle = 2.399963 * k;
        centre[k][0] = 1.4 * ring * cos(angle) + 0.1 * random_normal(&place);
        centre[k][1] = 1.4 * ring * sin(angle) + 0.1 * random_normal(&place);
        centre[k][2] = 1.4 * height + 0.1 * random_normal(&place);
    }
    for (int64_t row = 0; row < s->rows; row++) {
        int k = (int)random_below(&r, s->clusters);
        double in[IN];
        for (int j = 0; j < SIMULATED_POSITION; j++) {
            in[j] = centre[k][j] + 0.35 * random_normal(&r);
            s->position[row * SIMULATED_POSITION + j] = (isk_scalar)in[j];
        }
        s->cluster[row] = k;
        s->only1[row] = (isk_scalar)(in[IN - 1] = random_normal(&r));
        mix_row(m1, in, noise, &r, s->x1 + row * s->cols1);
        s->only2[row] = (isk_scalar)(in[IN - 1] = random_normal(&r));
        mix_row(m2, in, noise, &r, s->x2 + row * s->cols2);
    }
}

int simulate_two_views(simulated *s, int64_t rows, int cols1, int cols2, int clusters, double noise, uint64_t seed) {
    mixing m1 = { 0 }, m2 = { 0 };
    random_stream r1 = random_open(seed, 21), r2 = random_open(seed, 22);
    size_t n = (size_t)rows;
    int ok;
    *s = (simulated){ .rows = rows, .cols1 = cols1, .cols2 = cols2, .clusters = clusters > 64 ? 64 : clusters };
    s->x1 = malloc(n * (size_t)cols1 * sizeof *s->x1);
    s->x2 = malloc(n * (size_t)cols2 * sizeof *s->x2);
    s->cluster = malloc(n * sizeof *s->cluster);
    s->position = malloc(n * SIMULATED_POSITION * sizeof *s->position);
    s->only1 = malloc(n * sizeof *s->only1);
    s->only2 = malloc(n * sizeof *s->only2);
    ok = s->x1 && s->x2 && s->cluster && s->position && s->only1 && s->only2 &&
         mixing_open(&m1, cols1, &r1) && mixing_open(&m2, cols2, &r2);
    if (ok) {
        draw_rows(s, &m1, &m2, noise, seed);
    } else {
        simulated_free(s);
    }
    free(m1.w2);
    free(m2.w2);
    return ok;
}

void simulated_free(simulated *s) {
    free(s->x1);
    free(s->x2);
    free(s->cluster);
    free(s->position);
    free(s->only1);
    free(s->only2);
    *s = (simulated){ 0 };
}
