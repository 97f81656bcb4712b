/* Sections of the report on single-cell data.  They take plain arrays, so that they know nothing of how these were computed; a number that
   is not finite is shown as a dash, and a section without rows is left out. */
#ifndef CELLS_PAGE_H
#define CELLS_PAGE_H

#include "page.h"

#include <stdint.h>

/* ---- the data ---- */

typedef struct page_modality {
    const char *name, *kind, *source;   /* "prot", "protein", as the file calls it */
    int64_t cells, features, columns;   /* cells that have it, features of the file, columns that the model sees */
    const char *prepared;               /* "CLR of each cell, centred, scaled" */
} page_modality;

typedef struct page_data {
    const char *source;
    int64_t cells, complete;            /* in all, and with every modality */
    const page_modality *modalities;
    int count;
    const char *const *facts;           /* pairs of name and value, NULL at the end; or NULL */
} page_data;
void cells_page_data(text *page, const page_data *data);

/* ---- which modality tells the types apart (Gui, Ma and Ma 2025, section 4) ---- */

typedef struct page_theta {
    const char *first, *second;         /* names of the modalities: theta = ln(beta of first / beta of second) */
    const char *label;                  /* the column of types */
    const char *const *types;           /* [count] */
    const int *coarse;                  /* [count] index of the coarse class of each, or NULL */
    const char *const *coarse_names;    /* [coarse_count] */
    const double *mean, *error;         /* [count] of theta over the cells of a type; error: standard error, or NULL */
    const int64_t *sizes;               /* [count] cells behind the mean, or NULL */
    const double *weight;               /* [count] mean weight of the first modality (weighted nearest neighbours), or NULL */
    double rho, rho_low, rho_high;      /* Spearman's of theta and weight, with its interval; NAN: not known */
    const char *interval;               /* "95 % interval over 10 seeds", or NULL */
    const char *verdict;                /* how much theta rests on, or NULL */
    int neighbours;                     /* whose types beta counts; 0: 10 */
    int count, coarse_count;
} page_theta;
void cells_page_theta(text *page, const page_theta *theta);

/* The types whose weight is among the largest `share` (0.4: the paper's Figures 18 to 23): ceil(share * finite weights), and those that
   equal the last of them.  Fills shown[count] with 0 and 1 and returns how many. */
int cells_top_types(const double *weight, int count, double share, uint8_t *shown);
/* shown[row] = 1 where the type of the row is; codes negative or not below count: 0. */
void cells_of_types(const int32_t *codes, int64_t rows, const uint8_t *types, int count, uint8_t *shown);

/* ---- methods and lambdas ---- */

typedef struct page_comparison {
    const char *heading, *lead;         /* lead: a paragraph, or NULL */
    const char *value_name;             /* "Spearman's ρ of theta" */
    const char *const *methods;         /* [method_count], at most 10 */
    const double *lambdas;              /* [lambda_count] */
    const double *mean, *error;         /* [method_count, lambda_count]; NAN: not run; error: standard error, or NULL */
    const int *runs;                    /* [method_count, lambda_count], or NULL */
    const bar_reference *references;    /* what needs no method: "inputs as prepared" */
    int method_count, lambda_count, reference_count;
    double low, high;                   /* of the y axis; both 0: what the values span */
    int less_is_better;                 /* 1: the smallest mean of a method stands out, not the largest */
} page_comparison;
void cells_page_comparison(text *page, const page_comparison *comparison);

/* ---- clusters, annotation, imputation ---- */

/* k-means with as many clusters as the label has classes. */
typedef struct page_clusters {
    const char *const *embeddings;      /* [count] */
    const char *const *labels;          /* [label_count] */
    const double *ari, *nmi;            /* [count, label_count] */
    int count, label_count;
    const char *note;                   /* what the embeddings are, or NULL */
} page_clusters;
void cells_page_clusters(text *page, const page_clusters *clusters);

/* One modality from the other's representation, beside the mean as the least that may be asked. */
typedef struct page_imputation {
    const char *from, *to;
    int64_t features;
    double r2, correlation, median;     /* of all values; mean and median over features of Pearson's correlation */
    const char *best, *worst;           /* features in words: "CD3 (0.91), CD8a (0.88)", or NULL */
} page_imputation;
void cells_page_imputation(text *page, const page_imputation *imputed, int count);

/* A classifier on each representation, scored on held-out cells. */
typedef struct page_annotation { const char *features, *label; double accuracy, balanced, macro_f1; int64_t cells; } page_annotation;
void cells_page_annotation(text *page, const page_annotation *annotations, int count);

void cells_page_cite(text *page);

#endif
