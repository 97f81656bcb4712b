/* Do specific features say what each modality knows?  Gui, Ma and Ma 2025, section 4: in which modality's specific features a cell lies
   better among its own type (theta), against the modality's weight for that cell (wnn.h), type by type. */
#ifndef THETA_H
#define THETA_H

#include "../../indiseek.h"

typedef struct theta_desc {
    isk_matrix z[2];                /* [n, .] specific features of two modalities; a row with a value that is not finite is not there */
    const int32_t *labels;          /* [n] type of each cell, below label_count; negative: unknown */
    int label_count;
    const uint8_t *part;            /* [n] isk_part of each cell; NULL: all cells are scored */
    isk_part scored;                /* 0: ISK_TEST */
    const double *weight;           /* [n] weight of modality 1, NaN: unknown; NULL: theta alone */
    int weight_of_scored;           /* 1: a type's weight is the mean over its scored cells; 0: over all of its cells */
    int64_t least;                  /* scored cells that a type must have to be compared; 0: 1 */
    int k;                          /* neighbours, the cell itself not among them; 0: 10 */
    int draws;                      /* of the bootstrap; 0: none */
    uint64_t seed;                  /* of the bootstrap */
    double *beta[2];                /* out: [n] share of the k neighbours that are of the cell's type; or NULL */
    double *theta;                  /* out: [n] ln((k beta1 + 1/2) / (k beta2 + 1/2)); or NULL.  These are NaN in cells not scored */
} theta_desc;

typedef struct theta_type {
    int64_t cells, scored;          /* of all cells, those with a known weight (without weights: all); of the scored ones */
    double theta, weight;           /* means; NaN without cells */
    int compared;                   /* 1: it has enough scored cells, and a weight */
    double theta_rank, weight_rank; /* among the compared types, 1: the lowest; equal ones share; NaN where not compared */
} theta_type;

typedef struct theta_result {
    theta_type *types;              /* [label_count], belongs to it */
    int label_count, compared;      /* of them compared */
    int64_t scored;                 /* cells */
    double rho;                     /* Spearman, over compared types; NaN of fewer than two, or where all are equal */
    double low, high;               /* 2.5 and 97.5 per cent of the bootstrap's rho, interpolated; NaN without */
    int draws;                      /* of the bootstrap that gave a rho */
} theta_result;

/* Scored are cells of that part which have a label and both z; their neighbours are among them, so that unknown cells neither count nor
   are counted.  The bootstrap draws each compared type's cells anew with replacement: its scored cells for theta and, independently, all
   of its cells for the weight (with weight_of_scored one draw serves both); types are not drawn, so the interval is that of these types.
   ARGUMENT when there are no more than k scored cells. */
isk_status theta_make(isk_context *context, const theta_desc *desc, theta_result *result);
void theta_free(theta_result *result);

#endif
