/* A single-cell data set: up to four modalities of the same cells, matched by the cells' names, and what is known of each cell. */
#ifndef CELLS_H
#define CELLS_H

#include "input.h"
#include "pairing.h"
#include "../base/progress.h"

typedef enum modality_kind { MODALITY_OTHER, MODALITY_RNA, MODALITY_PROTEIN, MODALITY_ATAC } modality_kind;
/* "other", "rna", "protein", "atac" */
const char *modality_kind_name(modality_kind kind);
/* What a name in a file says: "Gene Expression", "rna" and "GEX" are RNA, "Antibody Capture", "prot" and "ADT" protein, "Peaks" and
   "Chromatin Accessibility" ATAC, whatever their case; others MODALITY_OTHER. */
modality_kind modality_kind_of(const char *words);

typedef struct modality {
    modality_kind kind;
    char name[32];                  /* "rna": letters, digits and _, unique in its data set */
    char key[96];                   /* as the file calls it: "Gene Expression", "mod/prot", "obsm/protein_expression" */
    input in;                       /* cells x features; row_names: the cells, column_names: the features, each unique */
    names ids;                      /* of the features, such as ENSG00000141510, in their order; count 0: none */
    input aside;                    /* isotype controls that are not learned from, with their names; cols 0: none */
    int likely;                     /* 1: nothing says the kind, and it is the likeliest */
    int fits_neither;               /* 1: a table of which neither rows nor columns are named as cells that are known */
} modality;
/* Sets kind, name and key.  words: what says its kind, "prot", "rna"; key: NULL: words.  Its name is its kind's, or of an other kind
   the words in small letters with _ for what is neither letter nor digit. */
void modality_call(modality *m, const char *key, const char *words);
/* The same of what a file of its own holds: called as the kind says, of an other kind as the file is called. */
void modality_call_file(modality *m, const char *path, modality_kind kind);
void modality_free(modality *m);

/* One thing that is known of each cell: a class or a number. */
typedef struct cell_column {
    char *name;
    double *numbers;                /* [rows], NaN: missing; NULL: these are classes */
    labels classes;
} cell_column;

/* A column as classes, in memory of their own: numbers become classes named by them, "3", "0.5". */
isk_status cell_column_classes(isk_context *context, const cell_column *column, int64_t rows, labels *l);

/* What one source knows of its cells; rows are `cells`, in their order. */
typedef struct cell_table {
    names cells;
    cell_column *columns;
    int64_t count, capacity;        /* of columns */
    const char *path;               /* of its file, not copied; NULL: that of the cells it is added to */
    char at[96];                    /* what of the file it is, "mod/rna/obs"; "": all of it */
    int first;                      /* 1: its columns go before those of other tables that are not first, however late it is added, and
                                       what it leaves open stays so */
} cell_table;
/* A new column of that name, zeros beside it; NULL: out of memory. */
cell_column *cell_table_add(cell_table *t, const char *name);
void cell_table_free(cell_table *t);

/* How cells of several modalities become one list. */
typedef struct pairing {
    int strip_suffix;               /* their names lose "-1" and the like at the end */
    int paired;                     /* only cells that have all modalities */
    int keep_empty;                 /* cells without RNA stay, also where they look like empty droplets */
} pairing;

/* A modality that a source has, as modality_call names it. */
typedef struct offer { modality_kind kind; char name[32], key[96]; } offer;

typedef struct cells {
    isk_context *context;
    const char *path;               /* of the source, not copied */
    progress *bar;                  /* for warnings, or NULL */
    modality modality[ISK_MAX_VIEWS];
    int count;
    cell_table *tables;             /* until they are matched: as their sources have them, the most important first */
    int64_t table_count, table_capacity;
    pairing pairing;
    names files;                    /* that were read */
    offer *offered;          /* modalities of the source, those too that are not wanted */
    int64_t offer_count, offer_capacity;
    int layers, obsms;              /* so many of them are read from read_desc.layer, from read_desc.obsm */
    /* After cells_match: */
    int64_t rows;
    names names;                    /* [rows] */
    uint8_t *present[ISK_MAX_VIEWS];        /* [rows] 0: not measured, its row is zeros; NULL: all were */
    cell_table table;               /* of all rows, in their order; columns of one name: the most important source's, filled from others
                                       that nowhere say otherwise */
    int matched;                    /* modalities that have these rows */
} cells;

/* What there is to know before values are read, for the estimate. */
typedef struct extent {
    int64_t rows, cols, count;      /* count: of entries, or of all values */
    int is_sparse;
    const char *name;               /* of the modality, or NULL */
    double reading;                 /* most bytes an entry while it is read; 0: as many as it is kept in */
} extent;

/* What is wanted of a file; zeros: what it is meant to hold. */
typedef struct read_desc {
    const modality_kind *only;      /* one modality, which is of this kind: the only one there is, whatever it says, else that of the kind;
                                       NULL: as `modalities` says */
    const char *modalities;         /* "rna,protein": these alone, in this order; by what the file calls them, by name or by kind;
                                       "protein=adt": the file's adt is to be called protein; NULL: all, RNA first */
    const char *layer;              /* .h5ad and .h5mu: layers/NAME instead of X, or "raw" for raw/X; NULL: X */
    const char *obsm;               /* .h5ad: "protein_expression" or "protein=ADT": obsm/NAME is a modality too; NULL:
                                       obsm/protein_expression or protein_counts where it is there; "": none */
    double most_memory;             /* bytes; 0: no limit */
    const extent *beside;           /* what was read before, which counts too */
    int beside_count;
    pairing pairing;
    progress *bar;                  /* for the estimate and warnings, or NULL */
} read_desc;

/* Whether that is its name, what the file calls it, or a word for its kind. */
int modality_is(const modality *m, const char *called);
/* A reader first tells of all modalities that its source has, which is also what the sentence says when one is not there.  0: out of
   memory. */
int cells_offer(cells *c, const modality *m);
/* Then, before it reads values, it asks which of them desc->modalities wants: the number of the word, from 1, or 0.  A word is that of
   the modality that it fits best of all that were offered.  One that the word calls otherwise gets that name. */
int cells_want(const cells *c, const read_desc *desc, modality *m);
/* Of the modalities that cells_want took the one that is desc->only, and calls it so; -1 where that is NULL: all are.  One that says that
   it is of another kind is warned of. */
isk_status cells_choose(cells *c, const read_desc *desc, modality *const *list, int64_t count, int64_t *chosen);
/* Whether what desc chooses was found, by how many were read: nothing that was said has been without use. */
isk_status cells_check_chosen(isk_context *context, const read_desc *desc, int layers, int obsms);
/* The next word of such a list, without the blanks around it; 0 at the end.  Longer ones than a name are cut, and no name. */
enum { LISTED_WORD = 96 };
int next_listed(const char **list, char word[LISTED_WORD]);
/* A source gives its modalities, each with row_names of its own (or none: rows are matched by their order), and tables.  Both calls
   take what they are given, also when they fail.  A modality whose name or kind is taken, or a fifth one, is DATA. */
isk_status cells_add(cells *c, modality *m);
isk_status cells_add_table(cells *c, cell_table *t);
/* Makes one list of cells: those of the first modality in its order, then what others have beside them.  Rows follow it; a cell that a
   modality lacks is a row of zeros and marked absent; of classes those that no cell has are left out.  A name twice in one modality
   is DATA and said, and so are tables that share no cell.  Cells without names anywhere are called "1", "2", ...
   Where less than half of the smaller of a modality and the others has both, that is said, and it is DATA below LEAST_PAIRED cells or
   LEAST_PAIRED_PART of them; fewer than LEAST_PAIRED of many are said too.  Where another modality has more than EMPTY_TIMES the cells
   of RNA, those without RNA are taken for empty droplets and left out, which is said.
   More may be added afterwards, and matched to what is there by calling it again. */
enum { LEAST_PAIRED = 20, EMPTY_TIMES = 2 };
#define LEAST_PAIRED_PART 0.01
isk_status cells_match(cells *c);
/* Only those cells stay, [rows] 1, of all that was matched. */
isk_status cells_keep(cells *c, const uint8_t *kept);
/* NULL when there is none of that name. */
const cell_column *cells_column(const cells *c, const char *name);
/* The same, ARGUMENT with the nearest name where there is none; `what`: the option that names it. */
isk_status cells_need_column(const cells *c, const char *what, const char *name, const cell_column **column);
void cells_free(cells *c);

/* Reads and matches a folder or file of any kind, told by its content.  The estimate of memory is said before the values are read;
   above most_memory it is MEMORY, with what would help. */
isk_status cells_read(cells *c, isk_context *context, const char *path, const read_desc *desc);
/* Whether one of the readers below takes it; the same without matching. */
int cells_is(const char *path);
isk_status cells_load(cells *c, isk_context *context, const char *path, const read_desc *desc);

/* The larger of what reading takes, count * reading, and of what is kept with what preparation adds: 4 bytes a dense value (8 in
   double), 8 a sparse entry (12), and a dense copy of the genes that are kept of sparse ones, PREPARED_FEATURES if nothing else is said. */
enum { PREPARED_FEATURES = 2000 };
double memory_estimate(const extent *parts, int count);
/* Says "reading 6855 cells x 4000 genes (rna), 6855 x 14 (protein): about 120 MB" and keeps to the limit, which is also for what was read
   before: that is not said again, and then it is "about 120 MB in all". */
isk_status memory_check(isk_context *context, const read_desc *desc, const char *path, const extent *parts, int count);

/* extent.reading of a Matrix Market file: its entries in arrays that double, sorted twice, and once more for the wanted columns */
enum { SPARSE_READING = 12 + 8 * (int)sizeof(isk_scalar) };

/* ---- readers: they add to c, and do not match ---- */

/* .h5 of 10x Genomics, .h5ad, .h5mu; UNSUPPORTED, with the package to install, where HDF5 was not compiled in. */
isk_status h5_read(isk_context *context, const char *path, const read_desc *desc, cells *c);
int h5_is(const char *path);
/* matrix.mtx[.gz], features.tsv or genes.tsv, barcodes.tsv of one folder, also behind a prefix ("GSM123_sample_matrix.mtx.gz"), which may
   be part of the path: DIR/GSM123_sample_.  Any folder is one for tenx_is: what it lacks is said by tenx_read. */
isk_status tenx_read(isk_context *context, const char *path, const read_desc *desc, cells *c);
int tenx_is(const char *path);
/* One modality each from files of any kind: what cells_is says, and matrices, that is tables (CSV, TSV), .npy or Matrix Market files.  The
   rest is of matrices.  Names of cells are taken from `cells` (a text file of one name a line, or a table whose first column, or that
   called barcode, cell or index, they are), else from the file; where there are none cells_match goes by the order of rows.  Those of
   features likewise, else "1", "2", ...; equal ones are made unique.  For NAME.mtx and NAME.npy, which have none, they are looked for
   beside them: NAME.barcodes.txt, or cells, and NAME.features.txt, or genes, proteins, peaks, also .tsv and .gz, with _ or - for the point;
   else without the last word of NAME, or without it, where as many names are due.  Which way the matrix lies is told by how many they are.
   A table whose columns are the cells is told by names that look like barcodes, else by those of the other files and of `known` (or
   NULL), is transposed, and that is said; one without names is cells x features. */
typedef enum cells_along { CELLS_FOUND, CELLS_IN_COLUMNS, CELLS_IN_ROWS } cells_along;
typedef struct matrix_source { const char *path, *cells, *features; cells_along along; modality_kind kind; } matrix_source;
isk_status matrices_read(isk_context *context, const matrix_source *sources, int count, const names *known, const read_desc *desc,
                         cells *c);
/* A table (CSV, TSV, also .gz) whose first column, or that called barcode, cell or index, names the cells. */
isk_status cell_table_read(isk_context *context, const char *path, cell_table *t);

#endif
