/* The parts of `study truth`: the simulated data, how features are judged, and the report. */
#ifndef TRUTH_STUDY_H
#define TRUTH_STUDY_H

#include "../cells/simulate_cells.h"
#include "../runs/records.h"
#include "../runs/results.h"
#include "../runs/study.h"

typedef struct truth_settings {
    study_settings study;
    const char *difficulties, *external, *write;
    int cells, genes, proteins;
} truth_settings;

/* ---- data ---- */

typedef struct difficulty { const char *name, *words; double library; cells_difficulty by; } difficulty;
enum { DIFFICULTIES = 4 };
extern const difficulty difficulties[DIFFICULTIES];

/* Which features should tell it. */
typedef enum factor_side { SIDE_SHARED, SIDE_RNA, SIDE_PROTEIN, SIDE_FUNCTION, SIDES } factor_side;
extern const char *const side_words[SIDES];         /* "shared", "rna", "protein", "function of shared" */

/* One thing that is true of every cell; whatever the difficulty there is a place for each. */
typedef enum truth_factor {
    TRUTH_TYPE, TRUTH_RARE, TRUTH_STATE, TRUTH_HALF_BOTH, TRUTH_CYCLE, TRUTH_BATCH, TRUTH_WEAK_RNA, TRUTH_HALF_RNA, TRUTH_ACTIVATION,
    TRUTH_LOT, TRUTH_WEAK_PROTEIN, TRUTH_FOLDED, TRUTHS
} truth_factor;
/* key: in files; words: over a column. */
typedef struct truth_kind { const char *key, *words; factor_side side; } truth_kind;
extern const truth_kind truth_kinds[TRUTHS];
int truth_is_in(const difficulty *d, truth_factor k);

/* Half of the cells, of every type alike, are of part ISK_TEST: they are what features are judged on. */
typedef struct truth_data {
    simulated_cells s;              /* its counts are those of v */
    views v;                        /* RNA and proteins, prepared as by `indiseek run` */
    uint8_t *part;                  /* [cells] */
    isk_matrix truth[TRUTHS];       /* [cells, 1 or more]; data NULL: not in this difficulty */
} truth_data;
/* validation: part of the training rows. */
isk_status truth_simulate(truth_data *d, isk_context *context, const truth_settings *s, const difficulty *how, uint64_t seed,
                          double validation);
void truth_data_free(truth_data *d);
/* x1.npy, x2.npy, truth.npy, truth.txt (what each column of that is) and split.tsv, in FOLDER/DIFFICULTY-SEED. */
isk_status truth_write(const truth_data *d, isk_context *context, const char *folder, const difficulty *how, uint64_t seed);

#endif
