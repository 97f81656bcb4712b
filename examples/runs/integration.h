/* What data integration makes of cells, and how good it is: latents, predicted labels and denoised counts of a model; how much of the
   batch is left in them and how much of the labels, beside principal components of the same counts. */
#ifndef INTEGRATION_H
#define INTEGRATION_H

#include "gathered.h"
#include "../base/sheet.h"

/* Outputs of a model; data NULL: it has none. */
typedef struct integrated {
    isk_matrix invariant, spurious; /* [rows, latents] */
    isk_matrix label;               /* [rows, types] probabilities */
    isk_matrix denoised;            /* [rows, genes], of 10000 counts, or of likelihood gaussian as the model has it */
    int32_t *predicted;             /* [rows] the likeliest type, and */
    double *probability;            /* its probability; NULL without label */
    int sees_known;                 /* 1: the latents are made from covariates too, so that labels which are told are inputs */
} integrated;
/* denoised 1: these too; as_batch: NULL: at the cell's own batch, a level of the batch, or "mean" of those at all levels.  ARGUMENT where
   there is no such level. */
isk_status integrated_make(integrated *made, isk_context *context, const isk_model *model, const gathered *g, int denoised,
                           const char *as_batch);
void integrated_free(integrated *made);
/* The name of an output of the model, which may have the number of its view behind it; NULL: there is none. */
const char *integrated_output(const isk_model *model, const char *name);
/* Does the batch have such a level, or is it "mean"?  ARGUMENT with the nearest, else. */
isk_status integrated_check_batch(isk_context *context, const names *levels, const char *as_batch);

/* Integration metrics before and after, of all cells or of those whose labels were hidden; of more than MOST_JUDGED so many. */
enum { MOST_JUDGED = 10000 };
typedef enum integration_cells { INTEGRATION_ALL, INTEGRATION_HIDDEN, INTEGRATION_CELLS } integration_cells;
typedef struct integration_ten { int64_t cells; isk_integration_report report[2]; } integration_ten;     /* cells 0: not measured */

/* What is scored side by side. */
typedef enum integration_of { INTEGRATION_BEFORE, INTEGRATION_INVARIANT, INTEGRATION_SPURIOUS, INTEGRATION_ROWS } integration_of;
typedef struct integration {
    isk_matrix of[INTEGRATION_ROWS];        /* `before`, principal components, belongs to it; data NULL: absent */
    isk_scalar *own;
    double batch[INTEGRATION_ROWS][2];      /* R^2 of the batch told from it, by a ridge and by a network; NaN: unknown */
    double label[INTEGRATION_ROWS][2];      /* and of the labels */
    double accuracy[INTEGRATION_ROWS], balanced[INTEGRATION_ROWS];  /* of labels that were hidden, told by a logistic regression from it */
    double told_accuracy, told_balanced;    /* of the model's own prediction of these */
    double majority;                /* accuracy of always guessing the most frequent type */
    int64_t hidden, asked;          /* labels; cells that R^2 are scored on */
    names alone;                    /* types that occur in one batch only */
    integration_ten ten[INTEGRATION_CELLS];
} integration;

/* Components that counts give: of ln(1 + 10000 x / sum), centred. */
enum { MOST_COMPONENTS = 20 };
isk_status integration_make(integration *n, isk_context *context, const gathered *g, const integrated *made);
void integration_free(integration *n);

/* "PCA of the counts", "X_invae", "X_invae_spurious" */
const char *integration_words(integration_of of);
/* A row each: what of batch and labels can be told from it. */
enum { INTEGRATION_COLUMNS = 7 };
void integration_sheet(const integration *n, int has_labels, sheet_column columns[INTEGRATION_COLUMNS], sheet *s);
/* A row each of the ten metrics and their three means, beside each other before and after. */
enum { TEN_COLUMNS = 1 + 2 * INTEGRATION_CELLS };
void integration_ten_sheet(const integration *n, sheet_column columns[TEN_COLUMNS], sheet *s);
/* Members of a JSON object; for the terminal. */
void integration_json(const integration *n, int has_labels, text *out);
void integration_text(const integration *n, int has_labels, text *out);
/* Which label scores may be believed, and which types cannot be told apart from batch; sentences. */
void integration_caveats(const integration *n, const gathered *g, const integrated *made, text *out);

#endif
