/* The parts of `study invae`: cells whose latent variables are known, how representations are judged by them, and the report. */
#ifndef INVAE_STUDY_H
#define INVAE_STUDY_H

#include "integrators.h"

typedef enum simulation_kind { SIMULATION_SHIFT, SIMULATION_PUBLIC, SIMULATIONS } simulation_kind;
extern const char *const simulation_names[SIMULATIONS];     /* "shift", "public" */

typedef struct invae_settings {
    study_settings study;
    const char *simulation, *rows, *own;
    int cells, genes;
    double unseen_shift;
} invae_settings;

enum { TRUE_INVARIANT = 8, TRUE_SPURIOUS = 2 };

/* z = (invariant, spurious) of every cell, decoded to counts.
     shift   4 types x 2 conditions whose means are N(0, 4) + N(0, 1) in each of 8 invariant coordinates, which are N(mean, 1); four
             batches, whose types are mixed differently, move and widen 2 spurious ones: the last is not seen in training, and its
             means are `unseen_shift` times (4, 3).  z is standardised by the seen batches, spurious coordinates times 2; four orthogonal
             maps with leaky ReLU between, logits of deviation 1.5, softmax over the genes, Poisson of totals LogNormal(8, .3).
     public  what the method's public code simulates: 2 types x 3 conditions, invariant N(+-20 + {0, 5, 5}, 1) in every coordinate
             alike, spurious N(1, 1), one batch, softmax over the cells */
typedef struct invae_data {
    cells_of_batches c;             /* label: type; part: held-out cells and the unseen batch are ISK_TEST */
    isk_matrix invariant, spurious; /* the truth */
    int32_t *group;                 /* type and condition */
    uint8_t *asked;                 /* ISK_TRAIN: a network saw it; ISK_TEST: held out of seen batches; ISK_VALIDATION: unseen batch */
    int groups;
} invae_data;
isk_status invae_simulate(invae_data *d, isk_context *context, const invae_settings *s, simulation_kind kind, uint64_t seed,
                          double validation);
/* The true latent variables as if a model had found them: what can be had at most, and how much the one block tells of the other, as
   batches differ in their types. */
isk_status invae_embed_truth(const invae_data *d, isk_context *context, embedding *e);
void invae_data_free(invae_data *d);

/* ---- what is measured: fields of records ---- */

/* Pairs are of ridge and MLP, of what was not seen in training: `invariant` the true one from z_inv, `spurious` from z_spur, `leaks`
   spurious from z_inv, `leaks_back` invariant from z_spur, `all` both truths from all latent variables; within: type and condition. */
#define INVAE_PAIRS(X) X(invariant) X(spurious) X(leaks) X(leaks_back) X(invariant_within) X(spurious_within) X(spurious_all)
/* mcc: mean |correlation| of the best matching of true to latent coordinates; public: of all coordinates, and R^2 of latent ones told
   from true ones. */
#define INVAE_SINGLES(X) X(mcc) X(mcc_within) X(mcc_public) X(r2_public)
/* Of z_inv and of all. */
#define INVAE_ACCURACIES(X) X(accuracy_seen) X(accuracy_unseen)
void invae_fields(records *r);
isk_status invae_judge(isk_context *context, const invae_data *d, simulation_kind kind, const embedding *e, uint64_t seed,
                       const records *r, const sweep_record *to);

/* ---- report ---- */

/* Data sets are the seeds of the first simulation, then those of the second. */
void invae_report(const integration_study *s, text *page);
void invae_tsv(const integration_study *s, text *out);
void invae_print(const integration_study *s);

#endif
