/* Simulated CITE-seq whose truth is known: RNA and surface proteins of the same cells. */
#ifndef SIMULATE_CELLS_H
#define SIMULATE_CELLS_H

#include "../formats/input.h"
#include "../base/text.h"

/* What makes the truth harder to find.  Each is left out where it is 0, and what is drawn of the rest stays the same to the bit.
   A slope is what a step of 1 in a factor adds to the logarithm of a mean, or takes from it in about half of the features that it
   moves; these are drawn anew for each factor, and are moved beside what moves them already. */
typedef struct cells_difficulty {
    double cycle_spread;            /* at most 1: the cycle's slopes times a number of the type, from 1 less this to 1 more */
    double batch;                   /* slope of one of two batches, -1 or 1, in a tenth of the genes */
    double lot;                     /* slope of one of two lots of antibodies, -1 or 1, in a fifth of the proteins */
    double weak_rna, weak_protein;  /* slopes of a factor in 5 % of the genes, and of another in 15 % of the proteins */
    double half;                    /* slope of (a + b) / sqrt 2 in 8 % of the genes, and of a in a fifth of the proteins */
    double folded;                  /* slope of a function of what both see, sin(2 state), its sign changed in lineage B, in 6 % of genes */
    double rare;                    /* share of the cells, below 1/4, that are of the last type, and of the last but one; of 3 types */
    int bent;                       /* 1: proteins of state take turns: one follows it, one levels off, one is highest at both its ends */
} cells_difficulty;

/* Zeros are the defaults. */
typedef struct simulate_cells_desc {
    int64_t cells;                  /* 0: 2400 */
    int genes, proteins;            /* 0: 1000, 30; at least 40 and 10 */
    int types;                      /* 0: 8; 1 .. 26 */
    double library;                 /* median number of RNA counts of a cell; 0: 600 */
    uint64_t seed;
    cells_difficulty difficulty;
} simulate_cells_desc;

enum { LINEAGES = 3, PHASES = 3 };
/* What moves a gene or protein, beside what is random. */
typedef enum feature_role { ROLE_NONE, ROLE_TYPE, ROLE_STATE, ROLE_CYCLE, ROLE_ACTIVATION } feature_role;

/* What cells_difficulty adds.  HALF_BOTH is its a, which both views see, HALF_RNA its b, which RNA alone sees. */
typedef enum cell_factor {
    FACTOR_BATCH, FACTOR_LOT, FACTOR_WEAK_RNA, FACTOR_WEAK_PROTEIN, FACTOR_HALF_BOTH, FACTOR_HALF_RNA, FACTOR_FOLDED, CELL_FACTORS
} cell_factor;
/* How a protein follows state: as it is, as tanh(2 state), as (state^2 - 1) / sqrt 2. */
typedef enum state_response { RESPONSE_STRAIGHT, RESPONSE_LEVEL, RESPONSE_ENDS, STATE_RESPONSES } state_response;

/* In both views: the type of a cell, of a lineage, and its state, a number.
   In RNA alone: the cell cycle, an angle that moves a tenth of the genes.  In proteins alone: activation, a number that moves a fifth
   of them.
   These are drawn independently of each other.
     RNA      mean = library * share of the gene in its cell,    count ~ negative binomial
     protein  mean = size of the cell * exp(level) + background of the protein * background of the cell,   count ~ negative binomial */
typedef struct simulated_cells {
    int64_t cells;
    int genes, proteins, types;
    input rna, protein;             /* counts, cells x features with the names of both; rna is sparse, protein dense */
    names type_names;               /* "A1", "B1", "C1", "A2", ...: A, B and C are the lineages */
    int32_t *type, *lineage, *phase;        /* [cells]; phase 0 G1, 1 S, 2 G2M */
    isk_scalar *state, *activation; /* [cells, 1]: N(0, 1) */
    isk_scalar *cycle;              /* [cells, 2]: cosine and sine of the angle, which is even on the circle */
    double *library;                /* [cells] expected number of RNA counts */
    uint8_t *gene_role, *protein_role;      /* [genes], [proteins] feature_role */
    isk_scalar *gene_peak;          /* [genes] angle at which a gene of the cycle is highest, else 0 */
    isk_scalar *gene_slope, *protein_slope; /* what a step of 1 in state, cycle or activation adds to the logarithm */
    int rare_types;                 /* the last so many; 0 or 2 */
    double *cycle_strength;         /* [types] what the cycle's slopes are multiplied by */
    uint8_t *protein_response;      /* [proteins] state_response */
    /* Of the factors that are not left out, else NULL: values [cells], N(0, 1) but batch, lot and the folded one; slopes [genes],
       [proteins], NULL in a view that does not see it. */
    isk_scalar *factor[CELL_FACTORS], *gene_moved[CELL_FACTORS], *protein_moved[CELL_FACTORS];
} simulated_cells;

extern const char *const lineage_names[LINEAGES], *const phase_names[PHASES];

/* The same for the same desc, whatever else runs.  ARGUMENT where the desc asks for what there is not; MEMORY. */
isk_status simulate_cells(isk_context *context, const simulate_cells_desc *desc, simulated_cells *s);
void simulated_cells_free(simulated_cells *s);
/* cells.tsv: cell, cell_type, lineage, phase, state, cycle_cos, cycle_sin, activation */
void simulated_cells_table(const simulated_cells *s, text *out);
/* A folder as of 10x Genomics and cells.tsv in it; made if missing. */
isk_status simulated_cells_write(const simulated_cells *s, const char *folder);

#endif
