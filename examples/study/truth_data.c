/* Simulated cells of several difficulties, prepared and divided, and what is true of them. */
#include "truth_study.h"

#include "../runs/split.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRIVATE_FACTORS .cycle_spread = 0.7, .batch = 0.35, .lot = 0.4, .weak_rna = 0.4, .weak_protein = 0.25, .half = 0.5
#define CURVED_FACTORS .folded = 0.6, .rare = 0.01, .bent = 1
const difficulty difficulties[DIFFICULTIES] = {
    { "plain", "every factor is strong, and moves features of its own", 600, { .bent = 0 } },
    { "graded", "the cycle's strength depends on the type; a batch, a lot of antibodies, weak factors, one that is half shared", 600,
      { PRIVATE_FACTORS } },
    { "curved", "RNA follows a function of shared factors, proteins bend with state, two types are rare", 600, { CURVED_FACTORS } },
    { "noisy", "all of it, in cells of 250 counts of RNA", 250, { PRIVATE_FACTORS, CURVED_FACTORS } },
};

const char *const side_words[SIDES] = { "shared", "rna", "protein", "function of shared" };

const truth_kind truth_kinds[TRUTHS] = {
    [TRUTH_TYPE] = { "type", "type", SIDE_SHARED },
    [TRUTH_RARE] = { "rare_types", "rare types", SIDE_SHARED },
    [TRUTH_STATE] = { "state", "state", SIDE_SHARED },
    [TRUTH_HALF_BOTH] = { "half_both", "half shared, in both", SIDE_SHARED },
    [TRUTH_CYCLE] = { "cycle", "cycle", SIDE_RNA },
    [TRUTH_BATCH] = { "batch", "batch", SIDE_RNA },
    [TRUTH_WEAK_RNA] = { "weak_rna", "weak, of RNA", SIDE_RNA },
    [TRUTH_HALF_RNA] = { "half_rna", "half shared, of RNA", SIDE_RNA },
    [TRUTH_ACTIVATION] = { "activation", "activation", SIDE_PROTEIN },
    [TRUTH_LOT] = { "lot", "lot", SIDE_PROTEIN },
    [TRUTH_WEAK_PROTEIN] = { "weak_protein", "weak, of protein", SIDE_PROTEIN },
    [TRUTH_FOLDED] = { "folded", "function of state", SIDE_FUNCTION },
};

/* ---- what is true ---- */

int truth_is_in(const difficulty *d, truth_factor k) {
    const cells_difficulty *by = &d->by;
    const double given[TRUTHS] = { 1, by->rare, 1, by->half, 1, by->batch, by->weak_rna, by->half, 1, by->lot, by->weak_protein,
                                   by->folded };
    return given[k] != 0;
}

/* [cells, count] indicators of the types from `first` on. */
static isk_scalar *indicators(const simulated_cells *s, int first, int count) {
    isk_scalar *values = calloc((size_t)s->cells * (size_t)count, sizeof *values);
    for (int64_t i = 0; i < s->cells && values; i++) {
        if (s->type[i] >= first) { values[i * count + s->type[i] - first] = 1; }
    }
    return values;
}

static isk_scalar *copy(const isk_scalar *from, int64_t cells, int count) {
    const size_t size = sizeof *from * (size_t)(cells * count);
    isk_scalar *values = malloc(size);
    if (values) { memcpy(values, from, size); }
    return values;
}

static int know(truth_data *d, const difficulty *how) {
    const simulated_cells *s = &d->s;
    const isk_scalar *from[TRUTHS] = { [TRUTH_STATE] = s->state, [TRUTH_CYCLE] = s->cycle, [TRUTH_ACTIVATION] = s->activation,
                                       [TRUTH_BATCH] = s->factor[FACTOR_BATCH], [TRUTH_LOT] = s->factor[FACTOR_LOT],
                                       [TRUTH_WEAK_RNA] = s->factor[FACTOR_WEAK_RNA],
                                       [TRUTH_WEAK_PROTEIN] = s->factor[FACTOR_WEAK_PROTEIN],
                                       [TRUTH_HALF_BOTH] = s->factor[FACTOR_HALF_BOTH], [TRUTH_HALF_RNA] = s->factor[FACTOR_HALF_RNA],
                                       [TRUTH_FOLDED] = s->factor[FACTOR_FOLDED] };
    int ok = 1;
    for (int k = 0; k < TRUTHS && ok; k++) {
        const int count = k == TRUTH_TYPE ? s->types : k == TRUTH_RARE ? s->rare_types : k == TRUTH_CYCLE ? 2 : 1;
        if (!truth_is_in(how, (truth_factor)k)) { continue; }
        d->truth[k] = (isk_matrix){ from[k] ? copy(from[k], s->cells, count) : indicators(s, s->types - count, count), s->cells, count };
        ok = d->truth[k].data != NULL;
    }
    return ok;
}

/* ---- the data ---- */

/* What `indiseek run` does where nothing is said. */
static isk_status prepare(truth_data *d) {
    static const char *const kinds[] = { "rna", "protein" };
    d->v.rows = d->s.cells;
    d->v.count = 2;
    d->v.in[0] = d->s.rna;
    d->v.in[1] = d->s.protein;
    d->s.rna = d->s.protein = (input){ .rows = 0 };
    for (int i = 0; i < d->v.count; i++) {
        snprintf(d->v.name[i], sizeof d->v.name[i], "%s", kinds[i]);
        recipe_defaults(&d->v.recipe[i], kinds[i]);
    }
    return views_learn(&d->v, d->part);
}

isk_status truth_simulate(truth_data *d, isk_context *context, const truth_settings *s, const difficulty *how, uint64_t seed,
                          double validation) {
    isk_status status;
    *d = (truth_data){ .part = NULL };
    status = simulate_cells(context, &(simulate_cells_desc){ .cells = s->cells, .genes = s->genes, .proteins = s->proteins,
                                                             .library = how->library, .seed = seed, .difficulty = how->by }, &d->s);
    if (status != ISK_OK) { return status; }
    d->part = calloc((size_t)d->s.cells + 1, 1);
    if (!d->part || !know(d, how)) { return no_memory(context, "what is true"); }
    status = split_rows(context, &(split_settings){ .test = 0.5, .validation = validation, .seed = seed, .labels = d->s.type,
                                                    .rows = d->s.cells }, d->part, NULL);
    return status == ISK_OK ? prepare(d) : status;
}

void truth_data_free(truth_data *d) {
    for (int k = 0; k < TRUTHS; k++) { matrix_free(d->truth[k]); }
    views_free(&d->v);
    simulated_cells_free(&d->s);
    free(d->part);
    *d = (truth_data){ .part = NULL };
}

/* ---- files ---- */

/* Columns of truth.npy; the rare types are among those of the type already. */
static void describe(const truth_data *d, text *out) {
    int column = 0;
    text_add(out, "column\tname\tbelongs_to\n");
    for (int k = 0; k < TRUTHS; k++) {
        for (int j = 0; j < d->truth[k].cols && k != TRUTH_RARE; j++) {
            text_format(out, "%d\t%s", column++, truth_kinds[k].key);
            if (k == TRUTH_TYPE) { text_format(out, "=%s", names_get(&d->s.type_names, j)); }
            if (k == TRUTH_CYCLE) { text_add(out, j ? "_sin" : "_cos"); }
            text_format(out, "\t%s\n", side_words[truth_kinds[k].side]);
        }
    }
}

isk_status truth_write(const truth_data *d, isk_context *context, const char *folder, const difficulty *how, uint64_t seed) {
    isk_matrix parts[TRUTHS], all = { NULL, d->s.cells, 0 };
    char path[4200];
    text words = { 0 }, split = { 0 };
    output out;
    isk_scalar *values;
    isk_status status;
    int count = 0;
    for (int k = 0; k < TRUTHS; k++) {
        if (!d->truth[k].data || k == TRUTH_RARE) { continue; }
        parts[count++] = d->truth[k];
        all.cols += d->truth[k].cols;
    }
    snprintf(path, sizeof path, "%s/%s-%llu", folder, how->name, (unsigned long long)seed);
    status = output_open(&out, context, path, "x#.npy truth.npy truth.txt split.tsv", NULL);
    if (status != ISK_OK) { return isk_set_error(context, status, "%s", out.error); }
    all.data = values = malloc(sizeof *values * (size_t)(all.rows * all.cols));
    status = values ? isk_join_columns(context, parts, count, values) : no_memory(context, "what is true");
    describe(d, &words);
    split_write(d->part, all.rows, &split);
    if (status == ISK_OK) { status = output_matrix(&out, "x1.npy", d->v.x[0]); }
    if (status == ISK_OK) { status = output_matrix(&out, "x2.npy", d->v.x[1]); }
    if (status == ISK_OK) { status = output_matrix(&out, "truth.npy", all); }
    if (status == ISK_OK) { status = output_text(&out, "truth.txt", &words); }
    if (status == ISK_OK) { status = output_text(&out, "split.tsv", &split); }
    if (status == ISK_OK && (status = output_commit(&out, NULL)) != ISK_OK) { isk_set_error(context, status, "%s", out.error); }
    output_close(&out);
    text_free(&words);
    text_free(&split);
    free(values);
    return status;
}
