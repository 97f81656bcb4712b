#include "simulate_cells.h"

#include "../base/random.h"
#include "../formats/write_10x.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Chosen so that counts look like those of peripheral blood by 10x Genomics (pbmc_10k_protein_v3): share of zeros, spread of the means
   of genes and of libraries, dispersion within a type. */
static const double gene_spread = 1.9, gene_dispersion = 0.3, library_spread = 0.35, size_spread = 0.4, protein_dispersion = 0.15;
/* Streams of the seed. */
enum { STREAM_GENES = 101, STREAM_PROTEINS, STREAM_CELLS, STREAM_CYCLE, STREAM_RESPONSE, STREAM_FACTOR = 200, STREAM_COUNTS = 1000 };

const char *const lineage_names[LINEAGES] = { "A", "B", "C" };
const char *const phase_names[PHASES] = { "G1", "S", "G2M" };

/* What decides the means; tables of types have the types as rows. */
typedef struct design {
    double *gene_level, *protein_level;     /* [types, genes], [types, proteins] logarithms */
    double *gene_dispersion;        /* [genes] */
    double *background;             /* [proteins] counts */
} design;

static double clipped_normal(random_stream *r) { return fmin(fmax(random_normal(r), -2.5), 2.5); }

/* Which feature has which role: shares[k] of them role k, in an order that the stream decides; the rest ROLE_NONE. */
static int give_roles(random_stream *r, int count, const double shares[ROLE_ACTIVATION + 1], uint8_t *role) {
    int64_t *order = malloc(sizeof *order * (size_t)count), at = 0;
    if (!order) { return 0; }
    for (int i = 0; i < count; i++) { order[i] = i; }
    random_shuffle(r, order, count);
    memset(role, ROLE_NONE, (size_t)count);
    for (int k = ROLE_TYPE; k <= ROLE_ACTIVATION; k++) {
        for (int64_t n = (int64_t)floor(shares[k] * count + 0.5); n > 0 && at < count; n--) { role[order[at++]] = (uint8_t)k; }
    }
    free(order);
    return 1;
}

static double either_way(random_stream *r, double size) { return random_below(r, 2) ? size : -size; }

static int design_genes(const simulated_cells *s, uint64_t seed, design *d) {
    static const double shares[ROLE_ACTIVATION + 1] = { [ROLE_TYPE] = 0.3, [ROLE_STATE] = 0.08, [ROLE_CYCLE] = 0.1 };
    random_stream r = random_open(seed, STREAM_GENES);
    if (!give_roles(&r, s->genes, shares, s->gene_role)) { return 0; }
    for (int g = 0; g < s->genes; g++) {
        double base = gene_spread * clipped_normal(&r), lineage[LINEAGES] = { 0 };
        d->gene_dispersion[g] = gene_dispersion * exp(0.4 * clipped_normal(&r));
        if (s->gene_role[g] == ROLE_STATE) { s->gene_slope[g] = (isk_scalar)either_way(&r, 0.4 + 0.4 * random_uniform(&r)); }
        if (s->gene_role[g] == ROLE_CYCLE) {
            s->gene_slope[g] = (isk_scalar)(0.7 + 0.6 * random_uniform(&r));
            s->gene_peak[g] = (isk_scalar)(6.283185307179586 * random_uniform(&r));
        }
        for (int l = 0; l < LINEAGES; l++) { lineage[l] = 0.8 * clipped_normal(&r); }
        for (int k = 0; k < s->types; k++) {
            double own = random_uniform(&r) < 0.4 ? 1.1 * clipped_normal(&r) : 0;
            d->gene_level[k * s->genes + g] = base + (s->gene_role[g] == ROLE_TYPE ? lineage[k % LINEAGES] + own : 0);
        }
    }
    return 1;
}

/* A marker is high in one lineage, or in about a third of the types, and hardly there elsewhere. */
static int design_proteins(const simulated_cells *s, uint64_t seed, design *d) {
    static const double shares[ROLE_ACTIVATION + 1] = { [ROLE_TYPE] = 0.6, [ROLE_STATE] = 0.2, [ROLE_ACTIVATION] = 0.2 };
    random_stream r = random_open(seed, STREAM_PROTEINS);
    if (!give_roles(&r, s->proteins, shares, s->protein_role)) { return 0; }
    for (int p = 0; p < s->proteins; p++) {
        const double high = 6 + 0.7 * clipped_normal(&r), low = 2 + 0.5 * clipped_normal(&r), middle = 4.5 + 0.5 * clipped_normal(&r);
        const int of_lineage = (int)random_below(&r, 2), lineage = (int)random_below(&r, LINEAGES);
        d->background[p] = exp(2.7 + 0.7 * clipped_normal(&r));
        if (s->protein_role[p] == ROLE_STATE) { s->protein_slope[p] = (isk_scalar)either_way(&r, 0.5 + 0.3 * random_uniform(&r)); }
        if (s->protein_role[p] == ROLE_ACTIVATION) { s->protein_slope[p] = (isk_scalar)(0.5 + 0.4 * random_uniform(&r)); }
        for (int k = 0; k < s->types; k++) {
            const int on = of_lineage ? k % LINEAGES == lineage : random_uniform(&r) < 0.35;
            const double level = s->protein_role[p] == ROLE_TYPE ? (on ? high + 0.3 * random_normal(&r) : low) : middle;
            d->protein_level[k * s->proteins + p] = level;
        }
    }
    return 1;
}

/* ---- factors that make it harder ---- */

/* The part of the features that a factor moves, and its slopes times `less`; 0 where a view does not see it. */
static const struct { double genes, proteins, less; } factor_shares[CELL_FACTORS] = {
    [FACTOR_BATCH] = { 0.1, 0, 1 }, [FACTOR_LOT] = { 0, 0.2, 1 }, [FACTOR_WEAK_RNA] = { 0.05, 0, 1 },
    [FACTOR_WEAK_PROTEIN] = { 0, 0.15, 1 }, [FACTOR_HALF_BOTH] = { 0.08, 0.2, 0.7071067811865476 },
    [FACTOR_HALF_RNA] = { 0.08, 0, 0.7071067811865476 }, [FACTOR_FOLDED] = { 0.06, 0, 1 },
};

static double factor_slope(const cells_difficulty *by, cell_factor k) {
    const double slopes[CELL_FACTORS] = { by->batch, by->lot, by->weak_rna, by->weak_protein, by->half, by->half, by->folded };
    return slopes[k];
}

/* Slopes [count] of a share of the features, in an order that the stream decides; NULL where there is none, or no memory. */
static isk_scalar *draw_slopes(random_stream *r, int count, double share, double slope) {
    int64_t *order = malloc(sizeof *order * (size_t)count);
    isk_scalar *slopes = calloc((size_t)count, sizeof *slopes);
    for (int i = 0; i < count && order; i++) { order[i] = i; }
    if (order && slopes) {
        random_shuffle(r, order, count);
        for (int64_t i = 0; i < (int64_t)floor(share * count + 0.5); i++) { slopes[order[i]] = (isk_scalar)either_way(r, slope); }
    } else {
        free(slopes);
        slopes = NULL;
    }
    free(order);
    return slopes;
}

/* Both halves of what is half shared move the same genes alike: RNA follows their sum. */
static int design_factor(simulated_cells *s, uint64_t seed, double slope, cell_factor k) {
    random_stream genes = random_open(seed, STREAM_FACTOR + (k == FACTOR_HALF_RNA ? FACTOR_HALF_BOTH : (uint64_t)k));
    random_stream proteins = random_open(genes.key, 1);
    const double in_genes = factor_shares[k].genes, in_proteins = factor_shares[k].proteins;
    s->factor[k] = calloc((size_t)s->cells, sizeof *s->factor[k]);
    if (in_genes > 0) { s->gene_moved[k] = draw_slopes(&genes, s->genes, in_genes, slope * factor_shares[k].less); }
    if (in_proteins > 0) { s->protein_moved[k] = draw_slopes(&proteins, s->proteins, in_proteins, slope); }
    return s->factor[k] && (in_genes <= 0 || s->gene_moved[k]) && (in_proteins <= 0 || s->protein_moved[k]);
}

static int design_difficulty(simulated_cells *s, uint64_t seed, const cells_difficulty *by) {
    random_stream cycle = random_open(seed, STREAM_CYCLE), response = random_open(seed, STREAM_RESPONSE);
    int turn = (int)random_below(&response, STATE_RESPONSES), ok = 1;
    for (int k = 0; k < s->types; k++) { s->cycle_strength[k] = 1 + by->cycle_spread * (2 * random_uniform(&cycle) - 1); }
    for (int p = 0; p < s->proteins && by->bent; p++) {
        if (s->protein_role[p] == ROLE_STATE) { s->protein_response[p] = (uint8_t)(turn++ % STATE_RESPONSES); }
    }
    for (int k = 0; k < CELL_FACTORS && ok; k++) {
        const double slope = factor_slope(by, (cell_factor)k);
        if (slope != 0) { ok = design_factor(s, seed, slope, (cell_factor)k); }
    }
    return ok;
}

static void draw_factors(simulated_cells *s, uint64_t seed) {
    for (int k = 0; k < CELL_FACTORS; k++) {
        for (int64_t i = 0; i < s->cells && s->factor[k]; i++) {
            random_stream r = random_open(random_open(seed, STREAM_FACTOR + CELL_FACTORS + (uint64_t)k).key, (uint64_t)i);
            const double two_state = 2 * (double)s->state[i];
            s->factor[k][i] = (isk_scalar)(k == FACTOR_FOLDED ? sin(s->lineage[i] == 1 ? -two_state : two_state)
                                           : k == FACTOR_BATCH || k == FACTOR_LOT ? either_way(&r, 1) : random_normal(&r));
        }
    }
}

/* What they add to the logarithm of a feature's mean in a cell. */
static double moved_by(const simulated_cells *s, isk_scalar *const moved[CELL_FACTORS], int64_t cell, int feature) {
    double sum = 0;
    for (int k = 0; k < CELL_FACTORS; k++) {
        if (moved[k]) { sum += (double)moved[k][feature] * (double)s->factor[k][cell]; }
    }
    return sum;
}

/* ---- cells ---- */

/* Types grow rarer: 1, 1/1.35, 1/1.7, ... */
static double type_weight(int k) { return 1 / (1 + 0.35 * k); }

/* rare: the share of each of the last two, or 0. */
static int draw_type(random_stream *r, int types, double rare) {
    const int common = rare > 0 ? types - 2 : types;
    double total = 0, at;
    int k = 0;
    for (int i = 0; i < common; i++) { total += type_weight(i); }
    at = total * random_uniform(r);
    if (rare > 0 && (at = at / total - 2 * rare) < 0) { return at < -rare ? types - 1 : types - 2; }
    if (rare > 0) { at *= total / (1 - 2 * rare); }
    while (k + 1 < common && (at -= type_weight(k)) >= 0) { k++; }
    return k;
}

static void draw_cells(simulated_cells *s, uint64_t seed, double library, double rare) {
    for (int64_t i = 0; i < s->cells; i++) {
        random_stream r = random_open(random_open(seed, STREAM_CELLS).key, (uint64_t)i);
        double turn = random_uniform(&r);
        s->type[i] = draw_type(&r, s->types, rare);
        s->lineage[i] = s->type[i] % LINEAGES;
        s->phase[i] = turn < 0.5 ? 0 : turn < 0.8 ? 1 : 2;
        s->cycle[2 * i] = (isk_scalar)cos(6.283185307179586 * turn);
        s->cycle[2 * i + 1] = (isk_scalar)sin(6.283185307179586 * turn);
        s->state[i] = (isk_scalar)random_normal(&r);
        s->activation[i] = (isk_scalar)random_normal(&r);
        s->library[i] = library * exp(library_spread * random_normal(&r));
    }
}

/* share [genes] becomes that of each gene among a cell's RNA. */
static void gene_shares(const simulated_cells *s, const design *d, int64_t cell, double *share) {
    const double *level = d->gene_level + (int64_t)s->type[cell] * s->genes;
    const double angle = atan2((double)s->cycle[2 * cell + 1], (double)s->cycle[2 * cell]), strength = s->cycle_strength[s->type[cell]];
    double total = 0;
    for (int g = 0; g < s->genes; g++) {
        double moved = level[g];
        if (s->gene_role[g] == ROLE_STATE) { moved += (double)s->gene_slope[g] * (double)s->state[cell]; }
        if (s->gene_role[g] == ROLE_CYCLE) { moved += strength * (double)s->gene_slope[g] * cos(angle - (double)s->gene_peak[g]); }
        total += share[g] = exp(moved + moved_by(s, s->gene_moved, cell, g));
    }
    for (int g = 0; g < s->genes; g++) { share[g] /= total; }
}

static int draw_rna(simulated_cells *s, uint64_t seed, const design *d) {
    sparse *m = &s->rna.sparse;
    double *share = malloc(sizeof *share * (size_t)s->genes);
    int64_t room = 0, value_room = 0;
    int ok = share != NULL;
    for (int64_t i = 0; i < s->cells && ok; i++) {
        random_stream r = random_open(random_open(seed, STREAM_COUNTS).key, (uint64_t)i);
        gene_shares(s, d, i, share);
        ok = make_room((void **)&m->columns, &room, m->count + s->genes, sizeof *m->columns) &&
             make_room((void **)&m->values, &value_room, m->count + s->genes, sizeof *m->values);
        for (int g = 0; g < s->genes && ok; g++) {
            const int64_t count = random_count(&r, s->library[i] * share[g], d->gene_dispersion[g]);
            if (!count) { continue; }
            m->columns[m->count] = g;
            m->values[m->count++] = (isk_scalar)count;
        }
        m->starts[i + 1] = m->count;
    }
    free(share);
    return ok;
}

static double responds(state_response how, double state) {
    return how == RESPONSE_LEVEL ? tanh(2 * state) : how == RESPONSE_ENDS ? (state * state - 1) / 1.4142135623730951 : state;
}

static void draw_proteins(simulated_cells *s, uint64_t seed, const design *d) {
    for (int64_t i = 0; i < s->cells; i++) {
        random_stream r = random_open(random_open(seed, STREAM_COUNTS + 1).key, (uint64_t)i);
        const double size = exp(size_spread * random_normal(&r)), ambient = exp(size_spread * random_normal(&r));
        const double *level = d->protein_level + (int64_t)s->type[i] * s->proteins;
        for (int p = 0; p < s->proteins; p++) {
            const double by = s->protein_role[p] == ROLE_STATE ? responds((state_response)s->protein_response[p], (double)s->state[i])
                : s->protein_role[p] == ROLE_ACTIVATION ? (double)s->activation[i] : 0;
            const double moved = (double)s->protein_slope[p] * by + moved_by(s, s->protein_moved, i, p);
            const double mean = size * exp(level[p] + moved) + ambient * d->background[p];
            s->protein.values[i * s->proteins + p] = (isk_scalar)random_count(&r, mean, protein_dispersion);
        }
    }
}

/* ---- names ---- */

/* Sixteen letters, as a barcode: the number of the cell in base 4 between letters of a stream, so that none comes twice. */
static int name_cells(names *n, int64_t cells, uint64_t seed) {
    static const char letters[] = "ACGT";
    random_stream r = random_open(seed, STREAM_CELLS);
    for (int64_t i = 0; i < cells; i++) {
        char name[] = "................-1";
        for (int k = 0; k < 16; k++) { name[k] = letters[k % 2 ? (i >> (k - 1)) & 3 : random_below(&r, 4)]; }
        if (!names_add(n, name)) { return 0; }
    }
    return 1;
}

static int name_features(names *n, const char *prefix, int first, int count) {
    for (int i = 0; i < count; i++) {
        char name[48];
        snprintf(name, sizeof name, "%s%0*d", prefix, first ? 0 : 4, first + i + !first);
        if (!names_add(n, name)) { return 0; }
    }
    return 1;
}

/* CD901 and on: there are no such markers yet. */
static int name_all(simulated_cells *s, uint64_t seed) {
    for (int k = 0; k < s->types; k++) {
        char name[16];
        snprintf(name, sizeof name, "%s%d", lineage_names[k % LINEAGES], k / LINEAGES + 1);
        if (!names_add(&s->type_names, name)) { return 0; }
    }
    return name_cells(&s->rna.row_names, s->cells, seed) && name_cells(&s->protein.row_names, s->cells, seed) &&
           name_features(&s->rna.column_names, "GENE", 0, s->genes) && name_features(&s->protein.column_names, "CD", 901, s->proteins);
}

/* ---- all of it ---- */

static int open_all(simulated_cells *s, isk_context *context, design *d) {
    const size_t n = (size_t)s->cells, genes = (size_t)s->genes, proteins = (size_t)s->proteins, types = (size_t)s->types;
    s->rna = (input){ .context = context, .path = "simulated RNA", .rows = s->cells, .cols = s->genes, .is_sparse = 1 };
    s->protein = (input){ .context = context, .path = "simulated proteins", .rows = s->cells, .cols = s->proteins };
    s->rna.sparse.rows = s->cells;
    s->rna.sparse.cols = s->genes;
    s->rna.sparse.starts = calloc(n + 1, sizeof *s->rna.sparse.starts);
    s->protein.values = calloc(n * proteins, sizeof *s->protein.values);
    s->type = calloc(n, sizeof *s->type);
    s->lineage = calloc(n, sizeof *s->lineage);
    s->phase = calloc(n, sizeof *s->phase);
    s->state = calloc(n, sizeof *s->state);
    s->activation = calloc(n, sizeof *s->activation);
    s->cycle = calloc(n, 2 * sizeof *s->cycle);
    s->library = calloc(n, sizeof *s->library);
    s->gene_role = calloc(genes, 1);
    s->gene_peak = calloc(genes, sizeof *s->gene_peak);
    s->gene_slope = calloc(genes, sizeof *s->gene_slope);
    s->protein_role = calloc(proteins, 1);
    s->protein_slope = calloc(proteins, sizeof *s->protein_slope);
    s->cycle_strength = calloc(types, sizeof *s->cycle_strength);
    s->protein_response = calloc(proteins, 1);
    d->gene_level = calloc(types * genes, sizeof *d->gene_level);
    d->gene_dispersion = calloc(genes, sizeof *d->gene_dispersion);
    d->protein_level = calloc(types * proteins, sizeof *d->protein_level);
    d->background = calloc(proteins, sizeof *d->background);
    return s->rna.sparse.starts && s->protein.values && s->type && s->lineage && s->phase && s->state && s->activation && s->cycle &&
           s->library && s->gene_role && s->gene_peak && s->gene_slope && s->protein_role && s->protein_slope && s->cycle_strength &&
           s->protein_response && d->gene_level && d->gene_dispersion && d->protein_level && d->background;
}

static isk_status check_difficulty(isk_context *context, const simulated_cells *s, const cells_difficulty *by) {
    if (!(by->cycle_spread >= 0 && by->cycle_spread <= 1)) {
        return isk_set_error(context, ISK_ARGUMENT, "a spread of the cycle of %g was asked for; it is from 0 to 1", by->cycle_spread);
    }
    if (!(by->rare >= 0 && by->rare < 0.25) || (by->rare > 0 && s->types < 3)) {
        return isk_set_error(context, ISK_ARGUMENT, "two rare types of %g of the cells each, of %d types, were asked for; they are from "
                             "0 to below 0.25, of 3 types at least", by->rare, s->types);
    }
    for (int k = 0; k < CELL_FACTORS; k++) {
        const double slope = factor_slope(by, (cell_factor)k);
        if (!(fabs(slope) <= 3)) { return isk_set_error(context, ISK_ARGUMENT, "a slope of %g was asked for; it is from -3 to 3", slope); }
    }
    return ISK_OK;
}

static isk_status check_desc(isk_context *context, const simulated_cells *s, double library) {
    if (s->cells < 1 || s->cells > 50000 || s->genes < 40 || s->genes > 100000 || s->proteins < 10 || s->proteins > 10000) {
        return isk_set_error(context, ISK_ARGUMENT, "%lld cells, %d genes and %d proteins were asked for; there are 1 to 50000, 40 to "
                             "100000 and 10 to 10000", (long long)s->cells, s->genes, s->proteins);
    }
    if (s->types < 1 || s->types > 26) {
        return isk_set_error(context, ISK_ARGUMENT, "%d types were asked for; there are 1 to 26", s->types);
    }
    if (!(library > 0 && library < 1e7)) {
        return isk_set_error(context, ISK_ARGUMENT, "%g RNA counts of a cell were asked for; there are more than 0 and fewer than 10^7",
                             library);
    }
    return ISK_OK;
}

isk_status simulate_cells(isk_context *context, const simulate_cells_desc *desc, simulated_cells *s) {
    const double library = desc->library != 0 ? desc->library : 600;
    design d = { NULL, NULL, NULL, NULL };
    isk_status status;
    *s = (simulated_cells){ .cells = desc->cells ? desc->cells : 2400, .genes = desc->genes ? desc->genes : 1000,
                            .proteins = desc->proteins ? desc->proteins : 30, .types = desc->types ? desc->types : 8 };
    status = check_desc(context, s, library);
    if (status == ISK_OK) { status = check_difficulty(context, s, &desc->difficulty); }
    if (status != ISK_OK) { return status; }
    s->rare_types = desc->difficulty.rare > 0 ? 2 : 0;
    int ok = open_all(s, context, &d) && name_all(s, desc->seed) && design_genes(s, desc->seed, &d) &&
             design_proteins(s, desc->seed, &d) && design_difficulty(s, desc->seed, &desc->difficulty);
    if (ok) {
        draw_cells(s, desc->seed, library, desc->difficulty.rare);
        draw_factors(s, desc->seed);
        draw_proteins(s, desc->seed, &d);
        ok = draw_rna(s, desc->seed, &d);
    }
    free(d.gene_level);
    free(d.gene_dispersion);
    free(d.protein_level);
    free(d.background);
    if (ok) { return ISK_OK; }
    simulated_cells_free(s);
    return no_memory(context, "simulated cells");
}

void simulated_cells_free(simulated_cells *s) {
    input_free(&s->rna);
    input_free(&s->protein);
    names_free(&s->type_names);
    free(s->type);
    free(s->lineage);
    free(s->phase);
    free(s->state);
    free(s->activation);
    free(s->cycle);
    free(s->library);
    free(s->gene_role);
    free(s->gene_peak);
    free(s->gene_slope);
    free(s->protein_role);
    free(s->protein_slope);
    free(s->cycle_strength);
    free(s->protein_response);
    for (int k = 0; k < CELL_FACTORS; k++) {
        free(s->factor[k]);
        free(s->gene_moved[k]);
        free(s->protein_moved[k]);
    }
    *s = (simulated_cells){ 0 };
}

/* ---- files ---- */

void simulated_cells_table(const simulated_cells *s, text *out) {
    text_add(out, "cell\tcell_type\tlineage\tphase\tstate\tcycle_cos\tcycle_sin\tactivation\n");
    for (int64_t i = 0; i < s->cells; i++) {
        const double values[] = { (double)s->state[i], (double)s->cycle[2 * i], (double)s->cycle[2 * i + 1], (double)s->activation[i] };
        text_format(out, "%s\t%s\t%s\t%s", names_get(&s->rna.row_names, i), names_get(&s->type_names, s->type[i]),
                    lineage_names[s->lineage[i]], phase_names[s->phase[i]]);
        for (int k = 0; k < 4; k++) {
            text_add(out, "\t");
            text_fixed(out, values[k], 5);
        }
        text_add(out, "\n");
    }
}

isk_status simulated_cells_write(const simulated_cells *s, const char *folder) {
    const tenx_part parts[] = { { .in = &s->rna, .type = "Gene Expression" }, { .in = &s->protein, .type = "Antibody Capture" } };
    output out;
    text cells = { 0 };
    isk_status status = output_open(&out, s->rna.context, folder, WRITE_10X_NAMES " cells.tsv", NULL);
    if (status != ISK_OK) { return isk_set_error(s->rna.context, status, "%s", out.error); }
    status = write_10x(&out, parts, 2);
    simulated_cells_table(s, &cells);
    if (status == ISK_OK) { status = output_text(&out, "cells.tsv", &cells); }
    if (status == ISK_OK && (status = output_commit(&out, NULL)) != ISK_OK) { isk_set_error(s->rna.context, status, "%s", out.error); }
    output_close(&out);
    text_free(&cells);
    return status;
}
