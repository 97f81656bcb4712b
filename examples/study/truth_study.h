/* The parts of `study truth`: the simulated data, how features are judged, and the report. */
#ifndef TRUTH_STUDY_H
#define TRUTH_STUDY_H

#include "../cells/simulate_cells.h"
#include "../runs/evaluation.h"
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

/* ---- what is measured of a model: fields of records ---- */

/* What a truth is told from, in this order: fields of truths hold a number of each, NaN where a row has no such matrix. */
typedef enum told_from { FROM_C1, FROM_C2, FROM_Z1, FROM_Z2, FROM_FUSED, FROM_X1, FROM_X2, TOLD_FROM } told_from;
#define TOLD_FROM_WORDS "c1,c2,z1,z2,fused,x1,x2"
#define TRUTH_SECONDS "seconds"
#define TRUTH_DIVERGED "diverged"
void truth_fields(records *r);
/* R^2 of a truth, leakage of Z_i, completeness of (Z_i, C_i): each the better of ridge and MLP, on cells that no network saw. */
double truth_found(const records *r, const sweep_record *s, int model, truth_factor k, told_from from);
double truth_leakage(const records *r, const sweep_record *s, int model, int view);
double truth_completeness(const records *r, const sweep_record *s, int model, int view);
/* R^2 by ridge of features from those of another training seed, the mean of both directions; of Z_i or C_i. */
double truth_stability(const records *r, const sweep_record *s, int model, int of_c, int view);

/* f NULL: the inputs themselves.  seed: of the MLPs. */
isk_status truth_judge(isk_context *context, const truth_data *d, const features *f, uint64_t seed, const records *r,
                       const sweep_record *to, int model);
/* Of the same data by two training seeds. */
isk_status truth_judge_stability(isk_context *context, const truth_data *d, const features *a, const features *b, const records *r,
                                 const sweep_record *to, int model);

/* ---- rows and the report ---- */

typedef enum truth_row_kind { ROW_INPUTS, ROW_AUTOENCODER, ROW_METHOD, ROW_EXTERNAL } truth_row_kind;
typedef struct truth_row {
    truth_row_kind kind;
    const isk_method *method;
    const char *name, *words;       /* in results.json; in a table */
    const char *folder;             /* of an external one */
    int has_lambda;
} truth_row;
enum { MOST_EXTERNAL = 16, MOST_TRUTH_ROWS = ISK_MOST_METHODS + MOST_EXTERNAL + 2 };

/* All that tables are made of.  A sweep is one method on one data set: all its lambdas. */
typedef struct truth_tables {
    const records *r;
    const configuration *c;
    const truth_row *rows;
    int row_count;
    const difficulty *const *how;
    int how_count;
} truth_tables;
/* records.number: which data set, of all difficulties, whether they are run or not; seed counts from 0. */
int truth_number(const configuration *c, const difficulty *how, int seed);

void truth_report(const truth_tables *t, text *page);
/* A row for each difficulty, method, lambda and seed. */
void truth_tsv(const truth_tables *t, text *out);
void truth_print(const truth_tables *t);

#endif
