/* Simulated CITE-seq whose truth is known: RNA and surface proteins of the same cells. */
#ifndef SIMULATE_CELLS_H
#define SIMULATE_CELLS_H

#include "../formats/input.h"
#include "../base/text.h"

/* Zeros are the defaults. */
typedef struct simulate_cells_desc {
    int64_t cells;                  /* 0: 2400 */
    int genes, proteins;            /* 0: 1000, 30; at least 40 and 10 */
    int types;                      /* 0: 8; 1 .. 26 */
    double library;                 /* median number of RNA counts of a cell; 0: 600 */
    uint64_t seed;
} simulate_cells_desc;

enum { LINEAGES = 3, PHASES = 3 };
/* What moves a gene or protein, beside what is random. */
typedef enum feature_role { ROLE_NONE, ROLE_TYPE, ROLE_STATE, ROLE_CYCLE, ROLE_ACTIVATION } feature_role;

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
