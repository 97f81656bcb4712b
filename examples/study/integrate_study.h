/* The parts of `study integrate`: what it reads, how embeddings are judged, and the report. */
#ifndef INTEGRATE_STUDY_H
#define INTEGRATE_STUDY_H

#include "integrators.h"

typedef struct integrate_settings {
    study_settings study;
    const char *counts, *batches, *labels, *external, *write, *rows, *own;
    int transpose, genes, left_out;
    double hide;
} integrate_settings;

enum { COMPONENTS_BEFORE = 50 };    /* of what integration is compared with, as scib-metrics */

typedef struct integrate_data {
    cells_of_batches c;             /* as it is known; label -1: none; part: not set */
    labels labels, batches;         /* names; labels.rows 0: there are none */
    int64_t file_genes;
    isk_matrix before;              /* [cells, COMPONENTS_BEFORE] */
    /* of one data set of the study: counts are those of c, labels those that training sees, part which cells it sees */
    cells_of_batches now;
    uint8_t *asked;                 /* [cells] ISK_TEST: labels were hidden; or cells of the batch that is left out */
} integrate_data;
isk_status integrate_read(integrate_data *d, isk_context *context, const integrate_settings *s, progress *bar);
/* Every cell trains; the labels of a part `hide` of the labelled ones, every batch and label alike, are unknown. */
isk_status integrate_hide(integrate_data *d, isk_context *context, double hide, double validation, uint64_t seed);
/* Cells of that batch are unknown, all labels of others known. */
isk_status integrate_leave_out(integrate_data *d, isk_context *context, int batch, double validation, uint64_t seed);
void integrate_data_close(integrate_data *d);               /* what one data set had */
void integrate_data_free(integrate_data *d);
uint64_t integrate_checksum(const integrate_data *d);
/* counts.npy, pca.npy and cells.tsv for programs of others: batch, label, and label_SEED where those of that seed's hidden cells are
   empty. */
isk_status integrate_write(integrate_data *d, isk_context *context, const integrate_settings *s);

/* ---- what is measured: fields of records ---- */

/* The ten of isk_integration, then batch, bio and total. */
enum { SCORES = ISK_INTEGRATION_COUNT + 3 };
#define SCORES_HIDDEN "hidden"      /* of cells whose labels no method saw */
#define SCORES_ALL "all"            /* of all cells: labels took part */
#define SCORES_UNKNOWN "unknown"    /* the same, embedded without labels, where labels are inputs */
/* Of labels of a batch that was left out: accuracy and balanced accuracy of a probe and of 5 neighbours, on z_inv and on all, and of
   the model's own prediction. */
typedef enum transfer { TRANSFER_LINEAR_INV, TRANSFER_LINEAR_ALL, TRANSFER_KNN_INV, TRANSFER_KNN_ALL, TRANSFER_OWN, TRANSFERS } transfer;
#define TRANSFER_ACCURACY "transfer"
#define TRANSFER_BALANCED "transfer_balanced"
void integrate_fields(records *r);
isk_status integrate_judge(isk_context *context, const integrate_data *d, const embedding *e, uint64_t seed, const records *r,
                           const sweep_record *to);
isk_status integrate_judge_all(isk_context *context, const integrate_data *d, isk_matrix x, const char *field, uint64_t seed,
                               const records *r, const sweep_record *to);
isk_status integrate_judge_transfer(isk_context *context, const integrate_data *d, const embedding *e, const records *r,
                                    const sweep_record *to);

/* ---- report ---- */

/* Data sets are, by seed, all cells and then each batch left out. */
int integrate_first(const integrate_data *d, int seed);
void integrate_report(const integration_study *s, const integrate_data *d, const integrate_settings *settings, text *page);
void integrate_tsv(const integration_study *s, text *out);
void integrate_print(const integration_study *s, const integrate_data *d);

#endif
