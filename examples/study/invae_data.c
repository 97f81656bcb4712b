/* Cells of several batches whose invariant and spurious latent variables are known: METHOD invae's simulations. */
#include "invae_study.h"

#include "../base/blocks.h"
#include "../base/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LATENT = TRUE_INVARIANT + TRUE_SPURIOUS, HIDDEN = 40, MAPS = 4 };
/* Streams of the seed. */
enum { STREAM_MEANS = 401, STREAM_LATENT, STREAM_MAPS, STREAM_COUNTS };
static const double leak = 0.2, logit_spread = 1.5, library_mean = 8, library_spread = 0.3, spurious_scale = 2;

const char *const simulation_names[SIMULATIONS] = { "shift", "public" };

/* ---- latent variables ---- */

enum { SHIFT_TYPES = 4, SHIFT_CONDITIONS = 2, SHIFT_BATCHES = 4, PUBLIC_TYPES = 2, PUBLIC_CONDITIONS = 3 };
static const double batch_mean[SHIFT_BATCHES][TRUE_SPURIOUS] = { { -2, 0 }, { 0, 2 }, { 2, -1 }, { 4, 3 } };
static const double batch_variance[SHIFT_BATCHES] = { 1, 1.5, 0.7, 1.2 };
static const double type_mix[SHIFT_BATCHES][SHIFT_TYPES] = {
    { 0.4, 0.3, 0.2, 0.1 }, { 0.1, 0.4, 0.3, 0.2 }, { 0.2, 0.1, 0.4, 0.3 }, { 0.1, 0.2, 0.3, 0.4 }
};

static int draw(random_stream *r, const double *share, int count) {
    double u = random_uniform(r);
    int k = 0;
    while (k < count - 1 && u >= share[k]) { u -= share[k++]; }
    return k;
}

/* z [cells, LATENT] */
static void latent_of_shift(invae_data *d, double unseen_shift, uint64_t seed, double *z) {
    random_stream of_means = random_open(seed, STREAM_MEANS), r = random_open(seed, STREAM_LATENT);
    double mean[SHIFT_TYPES][SHIFT_CONDITIONS][TRUE_INVARIANT];
    for (int t = 0; t < SHIFT_TYPES; t++) {
        for (int j = 0; j < TRUE_INVARIANT; j++) {
            const double of_type = 2 * random_normal(&of_means);
            for (int k = 0; k < SHIFT_CONDITIONS; k++) { mean[t][k][j] = of_type + random_normal(&of_means); }
        }
    }
    for (int64_t i = 0; i < d->c.counts.rows; i++) {
        const int b = (int)(i * SHIFT_BATCHES / d->c.counts.rows);
        const int t = draw(&r, type_mix[b], SHIFT_TYPES), k = (int)random_below(&r, SHIFT_CONDITIONS);
        d->c.batch[i] = b;
        d->c.label[i] = t;
        d->c.condition[i] = k;
        for (int j = 0; j < TRUE_INVARIANT; j++) { z[i * LATENT + j] = mean[t][k][j] + random_normal(&r); }
        for (int j = 0; j < TRUE_SPURIOUS; j++) {
            const double at = batch_mean[b][j] * (b == SHIFT_BATCHES - 1 ? unseen_shift : 1);
            z[i * LATENT + TRUE_INVARIANT + j] = at + sqrt(batch_variance[b]) * random_normal(&r);
        }
    }
}

/* Conditions 2 and 3 are alike, as there. */
static void latent_of_public(invae_data *d, uint64_t seed, double *z) {
    static const double of_type[PUBLIC_TYPES] = { -20, 20 }, of_condition[PUBLIC_CONDITIONS] = { 0, 5, 5 };
    random_stream r = random_open(seed, STREAM_LATENT);
    for (int64_t i = 0; i < d->c.counts.rows; i++) {
        const int group = (int)(i * PUBLIC_TYPES * PUBLIC_CONDITIONS / d->c.counts.rows);
        d->c.label[i] = group / PUBLIC_CONDITIONS;
        d->c.condition[i] = group % PUBLIC_CONDITIONS;
        for (int j = 0; j < LATENT; j++) {
            const double mean = j < TRUE_INVARIANT ? of_type[d->c.label[i]] + of_condition[d->c.condition[i]] : 1;
            z[i * LATENT + j] = mean + random_normal(&r);
        }
    }
}

/* Mean 0 and deviation 1 over the batches before `unseen`. */
static void standardise(const cells_of_batches *c, int unseen, double *z) {
    for (int j = 0; j < LATENT; j++) {
        double mean = 0, squares = 0, n = 0;
        for (int64_t i = 0; i < c->counts.rows; i++) {
            const double value = z[i * LATENT + j], before = mean;
            if (c->batch[i] == unseen) { continue; }
            mean += (value - before) / ++n;
            squares += (value - before) * (value - mean);
        }
        for (int64_t i = 0; i < c->counts.rows; i++) {
            z[i * LATENT + j] = (z[i * LATENT + j] - mean) / sqrt(squares / n) * (j < TRUE_INVARIANT ? 1 : spurious_scale);
        }
    }
}

/* ---- the decoder ---- */

/* [in, out] orthonormal along the shorter side (Gram and Schmidt). */
static void orthogonal_map(random_stream *r, int in, int out, double *map) {
    const int count = in < out ? in : out, length = in < out ? out : in, step = in < out ? 1 : out, turn = in < out ? out : 1;
    for (int k = 0; k < count; k++) {
        double *v = map + (int64_t)k * turn, norm = 0;
        for (int i = 0; i < length; i++) { v[(int64_t)i * step] = random_normal(r); }
        for (int before = 0; before < k; before++) {
            const double *u = map + (int64_t)before * turn;
            double along = 0;
            for (int i = 0; i < length; i++) { along += u[(int64_t)i * step] * v[(int64_t)i * step]; }
            for (int i = 0; i < length; i++) { v[(int64_t)i * step] -= along * u[(int64_t)i * step]; }
        }
        for (int i = 0; i < length; i++) { norm += v[(int64_t)i * step] * v[(int64_t)i * step]; }
        for (int i = 0; i < length; i++) { v[(int64_t)i * step] /= sqrt(norm); }
    }
}

/* logits [cells, genes] of four maps with leaky ReLU between them, divided by the deviation of all; 0: no memory. */
static int decode(const double *z, int64_t cells, int genes, uint64_t seed, double *logits) {
    random_stream r = random_open(seed, STREAM_MAPS);
    double *map[MAPS], sum = 0, squares = 0, spread;
    int ok = 1;
    for (int k = 0; k < MAPS; k++) {
        const int in = k ? HIDDEN : LATENT, out = k < MAPS - 1 ? HIDDEN : genes;
        map[k] = malloc(sizeof **map * (size_t)in * (size_t)out);
        ok = ok && map[k];
        if (ok) { orthogonal_map(&r, in, out, map[k]); }
    }
    for (int64_t i = 0; i < cells && ok; i++) {
        double at[HIDDEN], next[HIDDEN];
        memcpy(at, z + i * LATENT, sizeof *at * LATENT);
        for (int k = 0; k < MAPS; k++) {
            const int in = k ? HIDDEN : LATENT, out = k < MAPS - 1 ? HIDDEN : genes;
            double *to = k < MAPS - 1 ? next : logits + i * genes;
            for (int g = 0; g < out; g++) { to[g] = 0; }
            for (int j = 0; j < in; j++) {
                for (int g = 0; g < out; g++) { to[g] += at[j] * map[k][(int64_t)j * out + g]; }
            }
            for (int g = 0; g < out && k < MAPS - 1; g++) { at[g] = to[g] > 0 ? to[g] : leak * to[g]; }
        }
        for (int g = 0; g < genes; g++) {
            sum += logits[i * genes + g];
            squares += logits[i * genes + g] * logits[i * genes + g];
        }
    }
    spread = sqrt(squares / (double)(cells * genes) - sum / (double)(cells * genes) * (sum / (double)(cells * genes)));
    for (int64_t i = 0; i < cells * genes && ok; i++) { logits[i] /= spread; }
    for (int k = 0; k < MAPS; k++) { free(map[k]); }
    return ok;
}

/* Shares of what `count` values at that distance add up to. */
static void softmax(double *values, int64_t count, int64_t step, double scale) {
    double most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < count; i++) { most = fmax(most, scale * values[i * step]); }
    for (int64_t i = 0; i < count; i++) { sum += exp(scale * values[i * step] - most); }
    for (int64_t i = 0; i < count; i++) { values[i * step] = exp(scale * values[i * step] - most) / sum; }
}

static void count_molecules(simulation_kind kind, int64_t cells, int genes, uint64_t seed, double *shares, isk_scalar *counts) {
    const double per_gene = 1e6;
    random_stream r = random_open(seed, STREAM_COUNTS);
    if (kind == SIMULATION_PUBLIC) {
        for (int g = 0; g < genes; g++) { softmax(shares + g, cells, genes, 1); }
    }
    for (int64_t i = 0; i < cells; i++) {
        const double library = kind == SIMULATION_PUBLIC ? per_gene : exp(library_mean + library_spread * random_normal(&r));
        if (kind == SIMULATION_SHIFT) { softmax(shares + i * genes, genes, 1, logit_spread); }
        for (int g = 0; g < genes; g++) { counts[i * genes + g] = (isk_scalar)random_poisson(&r, library * shares[i * genes + g]); }
    }
}

/* ---- all of it ---- */

static isk_matrix block(const double *z, int64_t cells, int first, int count) {
    isk_scalar *values = malloc(sizeof *values * (size_t)(cells * count));
    for (int64_t i = 0; i < cells * count && values; i++) { values[i] = (isk_scalar)z[i / count * LATENT + first + i % count]; }
    return (isk_matrix){ values, cells, count };
}

/* Half of the cells of seen batches are held out; the public protocol holds out nothing. */
static isk_status divide(invae_data *d, isk_context *context, simulation_kind kind, uint64_t seed, double validation) {
    const int64_t cells = d->c.counts.rows;
    const int unseen = kind == SIMULATION_SHIFT ? SHIFT_BATCHES - 1 : -1;
    const double test = kind == SIMULATION_SHIFT ? 0.5 : 0;
    isk_status status = isk_split(context, &(isk_split_desc){ .rows = cells, .labels = d->group, .test = test, .seed = seed,
                                                              .validation = validation * (1 - test), .part = d->c.part });
    for (int64_t i = 0; i < cells; i++) {
        const int is_unseen = d->c.batch[i] == unseen;
        if (is_unseen) { d->c.part[i] = ISK_TEST; }
        d->asked[i] = is_unseen ? ISK_VALIDATION : d->c.part[i] == ISK_TEST ? ISK_TEST : ISK_TRAIN;
        if (is_unseen) { d->c.batch[i] = -1; }
    }
    return status;
}

isk_status invae_simulate(invae_data *d, isk_context *context, const invae_settings *s, simulation_kind kind, uint64_t seed,
                          double validation) {
    const int64_t cells = s->cells;
    const int shift = kind == SIMULATION_SHIFT;
    const size_t room = (size_t)cells + 1;
    double *z = malloc(sizeof *z * room * LATENT), *logits = malloc(sizeof *logits * room * (size_t)s->genes);
    isk_scalar *counts = malloc(sizeof *counts * room * (size_t)s->genes);
    isk_status status = ISK_OK;
    *d = (invae_data){ .c = { .counts = { counts, cells, s->genes }, .label = calloc(room, sizeof *d->c.label),
                              .condition = calloc(room, sizeof *d->c.condition), .batch = calloc(room, sizeof *d->c.batch),
                              .part = calloc(room, 1), .labels = shift ? SHIFT_TYPES : PUBLIC_TYPES,
                              .conditions = shift ? SHIFT_CONDITIONS : PUBLIC_CONDITIONS, .batches = shift ? SHIFT_BATCHES - 1 : 1 },
                       .group = calloc(room, sizeof *d->group), .asked = calloc(room, 1) };
    d->groups = d->c.labels * d->c.conditions;
    if (!z || !logits || !counts || !d->c.label || !d->c.condition || !d->c.batch || !d->c.part || !d->group || !d->asked) {
        status = ISK_MEMORY;
    } else {
        if (shift) { latent_of_shift(d, s->unseen_shift, seed, z); } else { latent_of_public(d, seed, z); }
        d->invariant = block(z, cells, 0, TRUE_INVARIANT);
        d->spurious = block(z, cells, TRUE_INVARIANT, TRUE_SPURIOUS);
        if (shift) { standardise(&d->c, SHIFT_BATCHES - 1, z); }
        for (int64_t i = 0; i < cells; i++) { d->group[i] = d->c.label[i] * d->c.conditions + d->c.condition[i]; }
        if (!d->invariant.data || !d->spurious.data || !decode(z, cells, s->genes, seed, logits)) { status = ISK_MEMORY; }
    }
    if (status == ISK_OK) {
        count_molecules(kind, cells, s->genes, seed, logits, counts);
        status = divide(d, context, kind, seed, validation);
    }
    free(z);
    free(logits);
    return status == ISK_MEMORY ? no_memory(context, "simulated cells") : status;
}

static isk_matrix copy(isk_matrix m) {
    const size_t size = sizeof *m.data * (size_t)(m.rows * m.cols);
    isk_scalar *values = malloc(size);
    if (values) { memcpy(values, m.data, size); }
    return (isk_matrix){ values, m.rows, m.cols };
}

isk_status invae_embed_truth(const invae_data *d, isk_context *context, embedding *e) {
    *e = (embedding){ .invariant = copy(d->invariant), .spurious = copy(d->spurious) };
    return e->invariant.data && e->spurious.data ? embedding_join(context, e) : no_memory(context, "the truth");
}

void invae_data_free(invae_data *d) {
    cells_of_batches_free(&d->c);
    matrix_free(d->invariant);
    matrix_free(d->spurious);
    free(d->group);
    free(d->asked);
    *d = (invae_data){ .groups = 0 };
}
