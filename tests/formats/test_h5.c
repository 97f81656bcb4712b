/* HDF5 in and out: examples/formats/hdf5.c, read_h5.c, write_h5.c.  Called with words it is a program that tests/formats/test_h5ad.py uses:
     test_h5 convert SOURCE TARGET [layer=NAME] [obsm=NAME] [counts=0]     reads, matches, writes .h5ad or .h5mu with results
     test_h5 add SOURCE TARGET                                            adds the same to a copy */
#include "indiseek.h"
#include "tests/base/fixture.h"

#include "examples/formats/write_cells.h"
#include "examples/formats/hdf5.h"
#include "examples/base/random.h"

#include <math.h>

#ifndef INDISEEK_HAVE_HDF5

static void says_what_to_install(void **state) {
    cells c = { 0 };
    cell_results r = { 0 };
    static const char due[] = "x.h5ad: HDF5 files need libhdf5, which was not there when this program was made; install libhdf5-dev and "
                              "run make again";
    (void)state;
    expect(context, h5_read(context, "x.h5ad", NULL, &c), ISK_UNSUPPORTED, due);
    expect(context, h5ad_write(context, "x.h5ad", &r), ISK_UNSUPPORTED, due);
    expect(context, h5mu_write(context, "x.h5ad", &r), ISK_UNSUPPORTED, due);
    expect(context, h5_add(context, "x.h5ad", "y.h5ad", &r), ISK_UNSUPPORTED, due);
}

int main(int argc, char **argv) {
    static const struct CMUnitTest tests[] = { cmocka_unit_test(says_what_to_install) };
    (void)argv;
    if (argc > 1) { return 77; }
    return cmocka_run_group_tests_name("h5", tests, open_context, close_context);
}

#else

#include <hdf5.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* ---- results that a reader can foretell ---- */

enum { MOST_EMBEDDINGS = ISK_MAX_VIEWS + 1 };

typedef struct made_results {
    cell_results results;
    cell_embedding embeddings[MOST_EMBEDDINGS];
    cell_column columns[2];
    char names[2][24];
} made_results;

/* X_indiseek_shared of modality m: [row, j] = 1000 m + row + j / 4; X_umap_all: -(row + j / 4); theta = row / 4; class odd or even. */
static void make_results(made_results *m, const cells *c) {
    static const cell_fact facts[] = { { "method", "indiseek" }, { "config", "{\"lambda\":1}" } };
    const int64_t rows = c->rows;
    memset(m, 0, sizeof *m);
    for (int i = 0; i <= c->count; i++) {
        const int of = i < c->count ? i : -1;
        const int64_t cols = of < 0 ? 2 : 3;
        isk_scalar *data = malloc(sizeof *data * (size_t)(rows * cols + 1));
        assert_non_null(data);
        for (int64_t k = 0; k < rows * cols; k++) {
            const double value = (double)(k / cols) + (double)(k % cols) / 4;
            data[k] = (isk_scalar)(of < 0 ? -value : 1000 * of + value);
        }
        m->embeddings[i] = (cell_embedding){ .of = of, .values = { data, rows, cols } };
        strcpy(m->embeddings[i].name, of < 0 ? "X_umap_all" : "X_indiseek_shared");
    }
    strcpy(m->names[0], "indiseek_theta");
    strcpy(m->names[1], "indiseek_class");
    m->columns[0].name = m->names[0];
    m->columns[0].numbers = malloc(sizeof(double) * (size_t)(rows + 1));
    m->columns[1].name = m->names[1];
    m->columns[1].classes = (labels){ .rows = rows, .count = 2, .codes = malloc(sizeof(int32_t) * (size_t)(rows + 1)) };
    assert_true(names_add(&m->columns[1].classes.classes, "even") && names_add(&m->columns[1].classes.classes, "odd"));
    for (int64_t i = 0; i < rows; i++) {
        m->columns[0].numbers[i] = (double)i / 4;
        m->columns[1].classes.codes[i] = (int32_t)(i % 2);
    }
    m->results = (cell_results){ c, m->embeddings, c->count + 1, m->columns, 2, facts, 2, 0, NULL };
}

static void free_results(made_results *m) {
    for (int i = 0; i < MOST_EMBEDDINGS; i++) { free((void *)(uintptr_t)m->embeddings[i].values.data); }
    free(m->columns[0].numbers);
    labels_free(&m->columns[1].classes);
}

static isk_status read_cells(const char *path, const read_desc *desc, cells *c) {
    isk_status status;
    *c = (cells){ .context = context, .path = path };
    status = h5_read(context, path, desc, c);
    if (status == ISK_OK) { status = cells_match(c); }
    return status;
}

static int ends_with(const char *whole, const char *end) {
    const size_t length = strlen(whole), tail = strlen(end);
    return length >= tail && strcmp(whole + length - tail, end) == 0;
}

/* ---- the program ---- */

static int convert(int argc, char **argv) {
    read_desc desc = { 0 };
    cells c;
    made_results made;
    int without = 0;
    isk_status status;
    if (argc < 4 || open_context(NULL) != 0) { return 2; }
    for (int i = 4; i < argc; i++) {
        if (strncmp(argv[i], "layer=", 6) == 0) { desc.layer = argv[i] + 6; }
        if (strncmp(argv[i], "obsm=", 5) == 0) { desc.obsm = argv[i] + 5; }
        if (strcmp(argv[i], "counts=0") == 0) { without = 1; }
    }
    status = read_cells(argv[2], &desc, &c);
    if (status == ISK_OK) {
        make_results(&made, &c);
        made.results.without_counts = without;
        status = strcmp(argv[1], "add") == 0 ? h5_add(context, argv[2], argv[3], &made.results) :
                 ends_with(argv[3], ".h5mu") ? h5mu_write(context, argv[3], &made.results) : h5ad_write(context, argv[3], &made.results);
        free_results(&made);
    }
    if (status != ISK_OK) { fprintf(stderr, "%s\n", isk_error(context)); }
    cells_free(&c);
    close_context(NULL);
    return status != ISK_OK;
}

/* ---- fixtures ---- */

static void list(names *n, const char *words) {
    char word[64];
    memset(n, 0, sizeof *n);
    while (*words) {
        const size_t length = strcspn(words, " ");
        memcpy(word, words, length);
        word[length] = 0;
        assert_true(names_add(n, word));
        words += length + (words[length] == ' ');
    }
}

static void put_words(hdf5 *f, const char *at, const char *words) {
    names n;
    list(&n, words);
    hdf5_put_names(f, at, &n);
    names_free(&n);
}

/* Texts of one size, padded by zeros, as Cell Ranger writes them. */
static void put_fixed(hdf5 *f, const char *at, const char *words) {
    enum { SIZE = 24 };
    names n;
    char *bytes;
    hsize_t count;
    hid_t type = H5Tcopy(H5T_C_S1), space, data;
    list(&n, words);
    count = (hsize_t)n.count;
    bytes = calloc((size_t)n.count, SIZE);
    assert_non_null(bytes);
    for (int64_t i = 0; i < n.count; i++) { strcpy(bytes + i * SIZE, names_get(&n, i)); }
    H5Tset_size(type, SIZE);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    space = H5Screate_simple(1, &count, NULL);
    data = H5Dcreate2((hid_t)f->id, at, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(data >= 0 && H5Dwrite(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) >= 0);
    H5Dclose(data);
    H5Sclose(space);
    H5Tclose(type);
    free(bytes);
    names_free(&n);
}

static void put_whole(hdf5 *f, const char *at, int64_t count, const int64_t *values) {
    hdf5_put_numbers(f, at, HDF5_WHOLE, count, 0, values);
}

/* 3 cells x 5 features: cell 0: 1 of 0, 7 of 3; cell 1: nothing; cell 2: 2 of 1, 3 of 2, 9 of 4. */
static const int64_t starts[] = { 0, 2, 2, 5 }, columns[] = { 0, 3, 1, 2, 4 }, counts[] = { 1, 7, 2, 3, 9 };
static const int64_t cells_by_features[] = { 3, 5 }, features_by_cells[] = { 5, 3 };
static const double due_rna[] = { 1, 0, 0, 0, 0, 0, 0, 2, 3 }, due_protein[] = { 7, 0, 0, 0, 0, 9 };
static const double due_all[] = { 1, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 2, 3, 0, 9 };

static const char *write_tenx(const char *name, int version) {
    const char *path = scratch(name), *group = version == 3 ? "matrix" : "GRCh38";
    char at[HDF5_PATH];
    hdf5 f;
    assert_int_equal(hdf5_create(context, path, 0, &f), ISK_OK);
    hdf5_put_group(&f, group, NULL, NULL);
    put_fixed(&f, hdf5_at(at, group, "barcodes"), "AAA-1 CCC-1 GGG-1");
    put_whole(&f, hdf5_at(at, group, "indptr"), 4, starts);
    put_whole(&f, hdf5_at(at, group, "indices"), 5, columns);
    put_whole(&f, hdf5_at(at, group, "data"), 5, counts);
    put_whole(&f, hdf5_at(at, group, "shape"), 2, features_by_cells);
    if (version == 3) {
        hdf5_put_group(&f, "matrix/features", NULL, NULL);
        put_fixed(&f, "matrix/features/id", "ENSG1 ENSG2 ENSG3 CD3 CD19");
        put_fixed(&f, "matrix/features/name", "TP53 MT-CO1 TP53 CD3 CD19");
        put_fixed(&f, "matrix/features/feature_type", "GEX GEX GEX ADT ADT");
    } else {
        put_fixed(&f, "GRCh38/genes", "ENSG1 ENSG2 ENSG3 ENSG4 ENSG5");
        put_fixed(&f, "GRCh38/gene_names", "TP53 MT-CO1 TP53 CD3E CD19");
    }
    assert_int_equal(hdf5_finish(&f), ISK_OK);
    return path;
}

static void put_frame(hdf5 *f, const char *at, const char *index, const char *order) {
    char path[HDF5_PATH];
    names n;
    list(&n, order);
    hdf5_put_group(f, at, "dataframe", "0.2.0");
    hdf5_put_attribute(f, at, "_index", "_index");
    hdf5_put_attribute_names(f, at, "column-order", &n);
    put_words(f, hdf5_at(path, at, "_index"), index);
    names_free(&n);
}

static const char *write_h5ad(const char *name) {
    static const int64_t codes[] = { 1, -1, 0 }, mask[] = { 0, 1, 0 }, ages[] = { 30, 40, 50 };
    static const signed char truth[] = { 1, 0, 1 };
    const char *path = scratch(name);
    hdf5 f;
    assert_int_equal(hdf5_create(context, path, 0, &f), ISK_OK);
    hdf5_put_group(&f, "", "anndata", "0.1.0");
    hdf5_put_group(&f, "X", "csr_matrix", "0.1.0");
    hdf5_put_attribute_whole(&f, "X", "shape", cells_by_features, 2);
    put_whole(&f, "X/indptr", 4, starts);
    put_whole(&f, "X/indices", 5, columns);
    put_whole(&f, "X/data", 5, counts);
    put_frame(&f, "obs", "a b c", "type age doublet batch");
    hdf5_put_group(&f, "obs/type", "categorical", "0.2.0");
    put_whole(&f, "obs/type/codes", 3, codes);
    put_words(&f, "obs/type/categories", "T B");
    hdf5_put_group(&f, "obs/age", "nullable-integer", "0.1.0");
    put_whole(&f, "obs/age/values", 3, ages);
    put_whole(&f, "obs/age/mask", 3, mask);
    hdf5_put_numbers(&f, "obs/doublet", HDF5_TRUTH, 3, 0, truth);
    put_words(&f, "obs/batch", "x y x");
    put_frame(&f, "var", "g0 g1 g2 g3 g4", "");
    hdf5_put_group(&f, "obsm", "dict", "0.1.0");
    assert_int_equal(hdf5_finish(&f), ISK_OK);
    return path;
}

static void expect_values(const input *in, int64_t rows, int64_t cols, const double *due) {
    isk_scalar *values = in->is_sparse ? sparse_to_dense(&in->sparse) : in->values;
    assert_int_equal(in->rows, rows);
    assert_int_equal(in->cols, cols);
    for (int64_t i = 0; i < rows * cols; i++) {
        if ((double)values[i] != due[i]) { print_message("value %ld is %g, not %g\n", (long)i, (double)values[i], due[i]); }
        assert_true((double)values[i] == due[i]);
    }
    if (in->is_sparse) { free(values); }
}

static void expect_names(const names *n, const char *words) {
    names due;
    list(&due, words);
    assert_int_equal(n->count, due.count);
    for (int64_t i = 0; i < due.count; i++) { assert_string_equal(names_get(n, i), names_get(&due, i)); }
    names_free(&due);
}

static void read_well(const char *path, const read_desc *desc, cells *c) {
    isk_status status = read_cells(path, desc, c);
    if (status != ISK_OK) { print_message("%s\n", isk_error(context)); }
    assert_int_equal(status, ISK_OK);
}

/* ---- what is read ---- */

static void tenx_of_version_3_is_split_by_type(void **state) {
    cells c;
    (void)state;
    read_well(write_tenx("tenx3.h5", 3), NULL, &c);
    assert_int_equal(c.count, 2);
    assert_int_equal(c.modality[0].kind, MODALITY_RNA);
    assert_string_equal(c.modality[0].key, "GEX");
    assert_string_equal(c.modality[1].name, "protein");
    assert_true(c.modality[0].in.is_sparse && c.modality[1].in.is_sparse);
    expect_values(&c.modality[0].in, 3, 3, due_rna);
    expect_values(&c.modality[1].in, 3, 2, due_protein);
    expect_names(&c.modality[0].in.column_names, "TP53 MT-CO1 TP53-1");
    expect_names(&c.modality[0].ids, "ENSG1 ENSG2 ENSG3");
    expect_names(&c.modality[1].ids, "CD3 CD19");
    expect_names(&c.names, "AAA-1 CCC-1 GGG-1");
    cells_free(&c);
}

static void tenx_of_version_2(void **state) {
    const char *path = write_tenx("tenx2.h5", 2);
    cells c;
    hdf5 f;
    (void)state;
    read_well(path, NULL, &c);
    assert_int_equal(c.count, 1);
    assert_string_equal(c.modality[0].name, "rna");
    expect_values(&c.modality[0].in, 3, 5, due_all);
    expect_names(&c.modality[0].ids, "ENSG1 ENSG2 ENSG3 ENSG4 ENSG5");
    cells_free(&c);
    assert_int_equal(hdf5_append(context, path, &f), ISK_OK);
    hdf5_put_group(&f, "mm10", NULL, NULL);
    put_words(&f, "mm10/genes", "a");
    put_words(&f, "mm10/barcodes", "a");
    put_words(&f, "mm10/indptr", "a");
    assert_int_equal(hdf5_finish(&f), ISK_OK);
    expect(context, read_cells(path, NULL, &c), ISK_UNSUPPORTED, SCRATCH "/tenx2.h5: holds 2 genomes (GRCh38, mm10), each with its own "
           "cells; write a file of one of them");
    cells_free(&c);
}

static void anndata_by_rows_with_its_cells(void **state) {
    cells c;
    const cell_column *column;
    (void)state;
    read_well(write_h5ad("rows.h5ad"), NULL, &c);
    assert_int_equal(c.count, 1);
    assert_int_equal(c.modality[0].kind, MODALITY_RNA);
    assert_string_equal(c.modality[0].key, "rna");
    expect_values(&c.modality[0].in, 3, 5, due_all);
    expect_names(&c.names, "a b c");
    column = cells_column(&c, "type");
    assert_non_null(column);
    assert_true(column->classes.codes[0] == 1 && column->classes.codes[1] == -1 && column->classes.codes[2] == 0);
    expect_names(&column->classes.classes, "T B");
    assert_int_equal(column->classes.missing, 1);
    column = cells_column(&c, "age");
    assert_non_null(column);
    assert_true(column->numbers[0] == 30 && isnan(column->numbers[1]) && column->numbers[2] == 50);
    column = cells_column(&c, "doublet");
    assert_non_null(column);
    expect_names(&column->classes.classes, "False True");
    assert_true(column->classes.codes[0] == 1 && column->classes.codes[1] == 0);
    column = cells_column(&c, "batch");
    assert_non_null(column);
    expect_names(&column->classes.classes, "x y");
    cells_free(&c);
}

/* The same matrix in every way that a file may hold it. */
static void anndata_in_other_layouts(void **state) {
    static const int64_t by_columns[] = { 0, 1, 2, 3, 4, 5 }, row_of[] = { 0, 2, 2, 0, 2 }, value_of[] = { 1, 2, 3, 7, 9 };
    static const int64_t shuffled[] = { 3, 0, 4, 1, 2 }, shuffled_counts[] = { 7, 1, 9, 2, 3 };
    (void)state;
    for (int way = 0; way < 4; way++) {
        const char *path = write_h5ad("layouts.h5ad");
        cells c;
        hdf5 f;
        assert_int_equal(hdf5_append(context, path, &f), ISK_OK);
        hdf5_remove(&f, "X");
        if (way < 2) {
            hdf5_put_group(&f, "X", way ? "csc_matrix" : "csr_matrix", "0.1.0");
            hdf5_put_attribute_whole(&f, "X", "shape", cells_by_features, 2);
            put_whole(&f, "X/indptr", way ? 6 : 4, way ? by_columns : starts);
            put_whole(&f, "X/indices", 5, way ? row_of : shuffled);
            put_whole(&f, "X/data", 5, way ? value_of : shuffled_counts);
        } else if (way == 2) {
            hdf5_put_numbers(&f, "X", HDF5_DOUBLES, 3, 5, due_all);
        } else {                                            /* as h5sparse wrote it */
            hdf5_put_group(&f, "X", NULL, NULL);
            hdf5_put_attribute(&f, "X", "h5sparse_format", "csr");
            hdf5_put_attribute_whole(&f, "X", "h5sparse_shape", cells_by_features, 2);
            put_whole(&f, "X/indptr", 4, starts);
            put_whole(&f, "X/indices", 5, columns);
            put_whole(&f, "X/data", 5, counts);
        }
        assert_int_equal(hdf5_finish(&f), ISK_OK);
        read_well(path, NULL, &c);
        assert_int_equal(c.modality[0].in.is_sparse, way != 2);
        expect_values(&c.modality[0].in, 3, 5, due_all);
        for (int64_t r = 0; way != 2 && r < 3; r++) {
            const sparse *m = &c.modality[0].in.sparse;
            for (int64_t i = m->starts[r] + 1; i < m->starts[r + 1]; i++) { assert_true(m->columns[i] > m->columns[i - 1]); }
        }
        cells_free(&c);
    }
}

static void layers_raw_and_obsm(void **state) {
    static const double layer[] = { 5, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 5, 0, 0 }, raw[] = { 1, 2, 3, 4, 5, 6 },
        protein[] = { 1, 2, 3, 4, 5, 6 };
    const char *path = write_h5ad("layers.h5ad");
    read_desc desc = { .layer = "counts" };
    cells c;
    hdf5 f;
    (void)state;
    assert_int_equal(hdf5_append(context, path, &f), ISK_OK);
    hdf5_put_group(&f, "layers", "dict", "0.1.0");
    hdf5_put_numbers(&f, "layers/counts", HDF5_DOUBLES, 3, 5, layer);
    hdf5_put_group(&f, "raw", "raw", "0.1.0");
    hdf5_put_numbers(&f, "raw/X", HDF5_DOUBLES, 3, 2, raw);
    put_frame(&f, "raw/var", "chr1:100-200 chr2:300-400", "");
    hdf5_put_numbers(&f, "obsm/X_pca", HDF5_DOUBLES, 3, 2, raw);
    put_frame(&f, "obsm/protein_expression", "a b c", "CD19 CD3");
    hdf5_put_numbers(&f, "obsm/protein_expression/CD3", HDF5_DOUBLES, 3, 0, protein);
    hdf5_put_numbers(&f, "obsm/protein_expression/CD19", HDF5_DOUBLES, 3, 0, protein + 3);
    assert_int_equal(hdf5_finish(&f), ISK_OK);
    read_well(path, &desc, &c);
    assert_int_equal(c.count, 2);
    expect_values(&c.modality[0].in, 3, 5, layer);
    assert_string_equal(c.modality[1].name, "protein");
    assert_string_equal(c.modality[1].key, "obsm/protein_expression");
    expect_names(&c.modality[1].in.column_names, "CD19 CD3");
    expect_values(&c.modality[1].in, 3, 2, (const double[]){ 4, 1, 5, 2, 6, 3 });
    cells_free(&c);
    desc = (read_desc){ .layer = "raw", .obsm = "atlas=X_pca" };
    read_well(path, &desc, &c);
    assert_int_equal(c.modality[0].kind, MODALITY_ATAC);
    expect_values(&c.modality[0].in, 3, 2, raw);
    assert_string_equal(c.modality[1].name, "atlas");
    expect_names(&c.modality[1].in.column_names, "X_pca_1 X_pca_2");
    cells_free(&c);
    desc = (read_desc){ .layer = "spliced" };
    expect(context, read_cells(path, &desc, &c), ISK_DATA, SCRATCH "/layers.h5ad: has no layer 'spliced'; its layers are: counts; and raw");
    cells_free(&c);
    desc = (read_desc){ .obsm = "ADT" };
    expect(context, read_cells(path, &desc, &c), ISK_DATA, SCRATCH "/layers.h5ad: obsm/ADT: is not there");
    cells_free(&c);
    desc = (read_desc){ .obsm = "" };
    read_well(path, &desc, &c);
    assert_int_equal(c.count, 1);
    cells_free(&c);
}

/* What is not wanted is not read, and memory is reckoned before values are. */
static void some_modalities_and_little_memory(void **state) {
    const char *path = write_tenx("tenx3.h5", 3);
    read_desc desc = { .modalities = "protein" };
    cells c;
    (void)state;
    read_well(path, &desc, &c);
    assert_int_equal(c.count, 1);
    assert_string_equal(c.modality[0].name, "protein");
    expect_values(&c.modality[0].in, 3, 2, due_protein);
    cells_free(&c);
    desc = (read_desc){ .most_memory = 1 };
    assert_int_equal(read_cells(path, &desc, &c), ISK_MEMORY);
    assert_non_null(strstr(isk_error(context), SCRATCH "/tenx3.h5: 3 cells x 3 genes (rna), 3 x 2 (protein) need about "));
    cells_free(&c);
}

/* Texts as anndata 0.13 writes them: values beside a mask. */
static void put_nullable(hdf5 *f, const char *at, const char *words, const int64_t *mask) {
    char path[HDF5_PATH];
    names n;
    signed char truth[8] = { 0 };
    list(&n, words);
    for (int64_t i = 0; i < n.count && mask; i++) { truth[i] = mask[i] != 0; }
    hdf5_remove(f, at);
    hdf5_put_group(f, at, "nullable-string-array", "0.1.0");
    put_words(f, hdf5_at(path, at, "values"), words);
    hdf5_put_numbers(f, hdf5_at(path, at, "mask"), HDF5_TRUTH, n.count, 0, truth);
    names_free(&n);
}

static void nullable_strings_are_strings(void **state) {
    static const int64_t second[] = { 0, 1, 0 };
    const char *path = write_h5ad("nullable.h5ad");
    const cell_column *column;
    cells c;
    hdf5 f;
    (void)state;
    assert_int_equal(hdf5_append(context, path, &f), ISK_OK);
    put_nullable(&f, "obs/_index", "a NA c", NULL);
    put_nullable(&f, "var/_index", "g0 g1 g2 g3 g4", NULL);
    put_nullable(&f, "obs/type/categories", "T B", NULL);
    put_nullable(&f, "obs/batch", "x y x", second);
    assert_int_equal(hdf5_finish(&f), ISK_OK);
    read_well(path, NULL, &c);
    expect_names(&c.names, "a NA c");
    expect_names(&c.modality[0].in.column_names, "g0 g1 g2 g3 g4");
    column = cells_column(&c, "type");
    assert_non_null(column);
    expect_names(&column->classes.classes, "T B");
    column = cells_column(&c, "batch");
    assert_non_null(column);
    assert_true(column->classes.codes[0] == 0 && column->classes.codes[1] == -1 && column->classes.missing == 1);
    cells_free(&c);
    assert_int_equal(hdf5_append(context, path, &f), ISK_OK);
    put_nullable(&f, "obs/_index", "a b c", second);
    assert_int_equal(hdf5_finish(&f), ISK_OK);
    expect(context, read_cells(path, NULL, &c), ISK_DATA, SCRATCH "/nullable.h5ad: obs/_index: entry 1 is missing, and each must have a "
           "name");
    cells_free(&c);
}

/* Python's None, as anndata writes it. */
static void put_null(hdf5 *f, const char *at) {
    hid_t space = H5Screate(H5S_NULL), data = H5Dcreate2((hid_t)f->id, at, H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(data >= 0);
    H5Dclose(data);
    H5Sclose(space);
    hdf5_put_attribute(f, at, "encoding-type", "null");
}

/* A modality of 3 cells and 5 features; x: 1, X is there; 0, it is None; -1, it says nonsense. */
static void put_modality(hdf5 *f, const char *name, int x) {
    char group[HDF5_PATH], at[HDF5_PATH];
    hdf5_put_group(f, hdf5_at(group, "mod", name), "anndata", "0.1.0");
    put_frame(f, hdf5_at(at, group, "obs"), "a b c", "");
    put_frame(f, hdf5_at(at, group, "var"), x ? "g0 g1 g2 g3 g4" : "", "");
    hdf5_at(at, group, "X");
    if (x > 0) { hdf5_put_numbers(f, at, HDF5_DOUBLES, 3, 5, due_all); }
    if (x == 0) { put_null(f, at); }
    if (x < 0) { hdf5_put_group(f, at, "dict", "0.1.0"); }
}

static const char *write_h5mu(const char *name, const char *order) {
    const char *path = scratch(name);
    names n;
    hdf5 f;
    list(&n, order);
    assert_int_equal(hdf5_create(context, path, 0, &f), ISK_OK);
    hdf5_put_group(&f, "mod", NULL, NULL);
    hdf5_put_attribute_names(&f, "mod", "mod-order", &n);
    for (int64_t i = 0; i < n.count; i++) {
        const char *called = names_get(&n, i);
        put_modality(&f, called, strcmp(called, "airr") == 0 ? 0 : strcmp(called, "odd") == 0 ? -1 : 1);
    }
    put_frame(&f, "obs", "a b c", "");
    assert_int_equal(hdf5_finish(&f), ISK_OK);
    names_free(&n);
    return path;
}

static void expect_modalities(const char *path, const char *wanted, const char *due) {
    const read_desc desc = { .modalities = wanted };
    char got[200] = "";
    cells c;
    if (cells_read(&c, context, path, &desc) != ISK_OK) {
        assert_string_equal(isk_error(context), due);
        return;
    }
    for (int i = 0; i < c.count; i++) {
        const size_t used = strlen(got);
        snprintf(got + used, sizeof got - used, "%s%s", i > 0 ? " " : "", c.modality[i].name);
    }
    assert_string_equal(got, due);
    cells_free(&c);
}

static void a_modality_without_values_is_left_out(void **state) {
    const char *path = write_h5mu("airr.h5mu", "airr gex adt");
    (void)state;
    expect_modalities(path, NULL, "rna protein");
    expect_modalities(path, "adt,airr", SCRATCH "/airr.h5mu: mod/airr: has no X; leave it out of --modalities");
    path = write_h5mu("odd.h5mu", "gex odd adt");
    expect_modalities(path, NULL, SCRATCH "/odd.h5mu: mod/odd/X: is of the kind 'dict'; arrays, csr_matrix and csc_matrix are read");
    expect_modalities(path, "protein,rna", "protein rna");
}

static void modalities_are_called_as_they_are_wanted(void **state) {
    const char *path = write_h5mu("counts.h5mu", "rna_counts adt rna");
    hdf5 f;
    (void)state;
    expect_modalities(path, NULL, "rna protein rna_counts");
    expect_modalities(path, "rna=rna_counts,protein=adt", "rna protein");
    expect_modalities(path, "mod/rna_counts , surface = adt", "rna_counts surface");
    expect_modalities(path, "rna,protein", "rna protein");
    expect_modalities(path, "rna,prot,adt", SCRATCH "/counts.h5mu: modality adt is wanted twice");
    expect_modalities(path, "rna,guides", SCRATCH "/counts.h5mu: has no modality 'guides'; it has rna_counts, protein, rna");
    assert_int_equal(hdf5_append(context, path, &f), ISK_OK);
    put_words(&f, "mod/rna_counts/var/feature_types", "GEX GEX GEX GEX GEX");
    assert_int_equal(hdf5_finish(&f), ISK_OK);
    expect_modalities(path, NULL, SCRATCH "/counts.h5mu: 'mod/rna_counts' and 'mod/rna' are both the modality rna; choose one of them by "
                      "--modalities, which takes these names");
    expect_modalities(path, "rna,adt", "rna protein");
    expect_modalities(path, "adt,rna=mod/rna_counts", "protein rna");
    expect_modalities(path, "guides", SCRATCH "/counts.h5mu: has no modality 'guides'; it has mod/rna_counts, protein, mod/rna");
}

/* ---- what is written is read back ---- */

static void both_kinds_come_back(void **state) {
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        cells c, back;
        made_results made;
        const char *path = scratch(kind ? "back.h5mu" : "back.h5ad");
        const read_desc desc = { .obsm = kind ? NULL : "protein=protein_counts" };
        read_well(write_tenx("tenx3.h5", 3), NULL, &c);
        make_results(&made, &c);
        if (kind) {
            assert_int_equal(h5mu_write(context, path, &made.results), ISK_OK);
        } else {
            assert_int_equal(h5ad_write(context, path, &made.results), ISK_OK);
        }
        read_well(path, &desc, &back);
        assert_int_equal(back.count, 2);
        expect_values(&back.modality[0].in, 3, 3, due_rna);
        expect_values(&back.modality[1].in, 3, 2, due_protein);
        expect_names(&back.modality[0].ids, "ENSG1 ENSG2 ENSG3");
        expect_names(&back.names, "AAA-1 CCC-1 GGG-1");
        assert_true(cells_column(&back, "indiseek_theta")->numbers[2] == 0.5);
        assert_int_equal(cells_column(&back, "indiseek_class")->classes.codes[1], 1);
        free_results(&made);
        cells_free(&c);
        cells_free(&back);
    }
}

/* Cells that differ between modalities stay those of their own. */
static void modalities_keep_their_own_cells(void **state) {
    const char *path = scratch("own.h5mu"), *added = scratch("added.h5mu");
    cells c, back;
    made_results made;
    uint8_t *present;
    hdf5 f;
    isk_scalar *values;
    (void)state;
    read_well(write_tenx("tenx3.h5", 3), NULL, &c);
    present = calloc(3, 1);
    assert_non_null(present);
    present[0] = present[2] = 1;
    c.present[1] = present;
    make_results(&made, &c);
    assert_int_equal(h5mu_write(context, path, &made.results), ISK_OK);
    assert_int_equal(hdf5_open(context, path, &f), ISK_OK);
    assert_int_equal(hdf5_look(&f, "mod/protein/obs/_index").rows, 2);
    assert_int_equal(hdf5_matrix(&f, "mod/protein/obsm/X_indiseek_shared", 2, 3, &values), ISK_OK);
    assert_true(values[0] == 1000 && values[3] == 1002);
    free(values);
    hdf5_close(&f);
    read_well(path, NULL, &back);
    assert_int_equal(back.rows, 3);
    assert_true(back.present[1] && back.present[1][0] && !back.present[1][1] && back.present[1][2] && !back.present[0]);
    expect_values(&back.modality[1].in, 3, 2, due_protein);
    free_results(&made);
    make_results(&made, &back);
    made.embeddings[1].values.rows = 3;
    assert_int_equal(h5_add(context, path, added, &made.results), ISK_OK);
    assert_int_equal(hdf5_open(context, added, &f), ISK_OK);
    assert_int_equal(hdf5_matrix(&f, "mod/protein/obsm/X_indiseek_shared", 2, 3, &values), ISK_OK);
    assert_true(values[0] == 1000 && values[3] == 1002);
    free(values);
    assert_int_equal(hdf5_matrix(&f, "obsm/X_umap_all", 3, 2, &values), ISK_OK);
    assert_true(values[2] == -1);
    free(values);
    hdf5_close(&f);
    expect(context, h5_add(context, path, path, &made.results), ISK_ARGUMENT, SCRATCH "/own.h5mu: is the file that is to be copied; give "
           "the copy a name of its own");
    expect(context, h5_add(context, write_tenx("tenx3.h5", 3), added, &made.results), ISK_UNSUPPORTED, SCRATCH "/tenx3.h5: is neither "
           ".h5ad nor .h5mu, and nothing can be added to it");
    expect(context, h5_add(context, write_h5ad("strangers.h5ad"), added, &made.results), ISK_DATA, SCRATCH "/added.h5mu: obs: none of "
           "its 3 cells is among those of the results");
    expect(context, h5ad_write(context, SCRATCH "/no/x.h5ad", &made.results), ISK_IO, SCRATCH "/no/x.h5ad: cannot be made");
    free_results(&made);
    cells_free(&c);
    cells_free(&back);
}

/* A disk that is full is said, and nothing hangs or leaks. */
static void a_full_disk_is_said(void **state) {
    cells c;
    made_results made;
    struct rlimit before, least;
    (void)state;
    read_well(write_tenx("tenx3.h5", 3), NULL, &c);
    make_results(&made, &c);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    least = before;
    least.rlim_cur = 3000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &least), 0);
    assert_int_equal(h5ad_write(context, scratch("full.h5ad"), &made.results), ISK_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_non_null(strstr(isk_error(context), "cannot be written; is the disk full?"));
    free_results(&made);
    cells_free(&c);
}

/* ---- what is refused ---- */

typedef enum change_kind { REMOVE, WHOLE, WORDS, REALS, MATRIX, SHAPE, ENCODING } change_kind;
typedef struct change {
    const char *base, *at;
    change_kind kind;
    int64_t count;
    const double *values;
    const char *words;
    isk_status status;
    const char *sentence;
} change;

#define VALUES(...) sizeof((double[]){ __VA_ARGS__ }) / sizeof(double), (const double[]){ __VA_ARGS__ }, NULL
static const change changes[] = {
    { "ad", "X/indptr", WHOLE, VALUES(1, 2, 2, 5), ISK_DATA, "X/indptr: begins with 1, not with 0" },
    { "ad", "X/indptr", WHOLE, VALUES(0, 2, 1, 5), ISK_DATA, "X/indptr: entry 2 is 1, below the 2 before it" },
    { "ad", "X/indptr", WHOLE, VALUES(0, 2, 2, 6), ISK_DATA, "X/indptr: ends with 6, but there are 5 indices" },
    { "ad", "X/indptr", WHOLE, VALUES(0, 2, 5), ISK_DATA, "X/indptr: has 3 values where 4 are due" },
    { "ad", "X/indptr", REALS, VALUES(0, 2, 2, 5), ISK_DATA, "X/indptr: holds something other than whole numbers" },
    { "ad", "X/indptr", MATRIX, VALUES(0, 2, 2, 5), ISK_DATA, "X/indptr: holds something other than whole numbers" },
    { "ad", "X/indptr", REMOVE, 0, NULL, NULL, ISK_DATA, "X/indptr: is not there" },
    { "ad", "X/indices", WHOLE, VALUES(0, 3, 1, 2, 5), ISK_DATA, "X/indices: entry 4 is 5, but there are 5 columns" },
    { "ad", "X/indices", WHOLE, VALUES(0, -3, 1, 2, 4), ISK_DATA, "X/indices: entry 1 is -3, but there are 5 columns" },
    { "ad", "X/indices", WHOLE, VALUES(0, 1e15, 1, 2, 4), ISK_DATA, "X/indices: entry 1 is 2147483647, but there are 5 columns" },
    { "ad", "X/indices", WHOLE, VALUES(0, 3, 4, 2, 4), ISK_DATA, "X: row 2, column 4 stands twice" },
    { "ad", "X/indices", WORDS, 0, NULL, "a b c d e", ISK_DATA, "X/indices: holds something other than whole numbers" },
    { "ad", "X/data", WHOLE, VALUES(1, 2, 3), ISK_DATA, "X/data: has 3 values where 5 are due" },
    { "ad", "X/data", REALS, VALUES(1, 2, NAN, 3, 4), ISK_DATA, "X/data: entry 2 is missing (NaN)" },
    { "ad", "X/data", REALS, VALUES(1, 2, 3, 4, -INFINITY), ISK_DATA, "X/data: entry 4 is infinite, or beyond the range of numbers" },
    { "ad", "X", SHAPE, VALUES(4, 5), ISK_DATA, "X: is 4 x 5, but there are names of 3 cells and 5 features" },
    { "ad", "X", SHAPE, VALUES(3, 4e12), ISK_DATA, "X: is 3 x 4000000000000, but there are names of 3 cells and 5 features" },
    { "ad", "X", SHAPE, VALUES(3, 5, 1), ISK_DATA, "X: its attribute shape must be 2 whole numbers" },
    { "ad", "X", ENCODING, 0, NULL, "coo_matrix", ISK_UNSUPPORTED,
      "X: is of the kind 'coo_matrix'; arrays, csr_matrix and csc_matrix are read" },
    { "ad", "X", REALS, VALUES(1, 2, 3), ISK_DATA, "X: has 1 dimensions where a matrix has 2" },
    { "ad", "X", MATRIX, VALUES(1, 2, 3), ISK_DATA, "X: is 1 x 3, but there are names of 3 cells and 5 features" },
    { "ad", "X", REMOVE, 0, NULL, NULL, ISK_DATA, "has no X; name one of its layers instead" },
    { "ad", "obs/_index", WORDS, 0, NULL, "a b", ISK_DATA, "X: is 3 x 5, but there are names of 2 cells and 5 features" },
    { "ad", "obs/_index", WORDS, 0, NULL, "a b a", ISK_DATA,
      "cell 'a' stands twice in rna, in rows 1 and 3; a name must be that of one cell" },
    { "ad", "obs/_index", REMOVE, 0, NULL, NULL, ISK_DATA, "obs/_index: is not there" },
    { "ad", "obs/_index", MATRIX, VALUES(1, 2, 3), ISK_DATA, "obs/_index: is not a list of texts or numbers" },
    { "ad", "obs", WHOLE, VALUES(1, 2, 3), ISK_UNSUPPORTED,
      "obs: is a table as AnnData before 0.7 wrote it; read the file with anndata.read_h5ad and write it again" },
    { "ad", "obs/type/codes", WHOLE, VALUES(0, 2, 0), ISK_DATA, "obs/type/codes: entry 1 is 2, but there are 2 categories" },
    { "ad", "obs/type/codes", WHOLE, VALUES(0, -2, 0), ISK_DATA, "obs/type/codes: entry 1 is -2, but there are 2 categories" },
    { "ad", "obs/type/codes", WHOLE, VALUES(0, 1), ISK_DATA, "obs/type/codes: has 2 values where 3 are due" },
    { "ad", "obs/age/mask", WHOLE, VALUES(0, 1), ISK_DATA, "obs/age/mask: has 2 values where 3 are due" },
    { "ad", "obs/batch", WORDS, 0, NULL, "x", ISK_DATA, "obs/batch: has 1 values where 3 are due" },
    { "ad", "obs", REMOVE, 0, NULL, NULL, ISK_UNSUPPORTED,
      "is an HDF5 file, but none of 10x Genomics (it has no group matrix), AnnData (obs and var) or MuData (mod); it holds X, obsm, var" },
    { "ad", "mod", ENCODING, 0, NULL, "dict", ISK_DATA, "holds no modality" },
    { "10x", "matrix/barcodes", WORDS, 0, NULL, "a b", ISK_DATA, "matrix: is 3 x 5, but there are names of 2 cells and 5 features" },
    { "10x", "matrix/shape", WHOLE, VALUES(3, 5), ISK_DATA, "matrix: is 5 x 3, but there are names of 3 cells and 5 features" },
    { "10x", "matrix/shape", REMOVE, 0, NULL, NULL, ISK_DATA, "matrix/shape: is not there" },
    { "10x", "matrix/features/name", WORDS, 0, NULL, "a b", ISK_DATA, "matrix/features/name: has 2 entries where there are 5 features" },
    { "10x", "matrix/features/id", REMOVE, 0, NULL, NULL, ISK_DATA, "matrix/features/id: is not there" },
    { "10x", "matrix/features/feature_type", WORDS, 0, NULL, "a", ISK_DATA,
      "matrix/features/feature_type: has 1 entries where there are 5 features" },
    { "10x", "matrix/indices", WHOLE, VALUES(0, 5, 1, 2, 4), ISK_DATA, "matrix/indices: entry 1 is 5, but there are 5 columns" },
    { "10x", "matrix/data", MATRIX, VALUES(1, 2, 3, 4, 5), ISK_DATA, "matrix/data: has 2 dimensions where 1 is due" },
};

static void apply(const char *path, const change *k) {
    int64_t whole[8];
    hdf5 f;
    for (int64_t i = 0; i < k->count; i++) { whole[i] = isfinite(k->values[i]) ? (int64_t)k->values[i] : 0; }
    assert_int_equal(hdf5_append(context, path, &f), ISK_OK);
    if (k->kind == SHAPE) {
        hdf5_put_attribute_whole(&f, k->at, "shape", whole, (int)k->count);
    } else {
        if (k->kind != ENCODING) { hdf5_remove(&f, k->at); }
        if (k->kind == ENCODING && !hdf5_is(&f, "", k->at)) { hdf5_put_group(&f, k->at, NULL, NULL); }
    }
    switch (k->kind) {
    case WHOLE: put_whole(&f, k->at, k->count, whole); break;
    case REALS: hdf5_put_numbers(&f, k->at, HDF5_DOUBLES, k->count, 0, k->values); break;
    case MATRIX: hdf5_put_numbers(&f, k->at, HDF5_DOUBLES, 1, k->count, k->values); break;
    case WORDS: put_words(&f, k->at, k->words); break;
    case ENCODING: hdf5_put_attribute(&f, k->at, "encoding-type", k->words); break;
    default: break;
    }
    assert_int_equal(hdf5_finish(&f), ISK_OK);
}

static void mistakes_are_named(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(changes); i++) {
        const change *k = &changes[i];
        const char *path = strcmp(k->base, "ad") == 0 ? write_h5ad("bad.h5ad") : write_tenx("bad.h5", 3);
        char due[600];
        cells c;
        apply(path, k);
        snprintf(due, sizeof due, "%s: %s", path, k->sentence);
        expect(context, read_cells(path, NULL, &c), k->status, due);
        cells_free(&c);
    }
}

/* Petabytes that are announced, and are not there. */
static void what_is_announced_is_not_believed(void **state) {
    static const hsize_t sizes[2] = { (hsize_t)1 << 25, (hsize_t)1 << 25 }, piece[2] = { 64, 64 };
    const char *path = write_h5ad("huge.h5ad");
    cells c;
    hdf5 f;
    isk_scalar *values;
    names n;
    hid_t space = H5Screate_simple(2, sizes, NULL), line = H5Screate_simple(1, sizes, NULL), plan = H5Pcreate(H5P_DATASET_CREATE), data;
    (void)state;
    H5Pset_chunk(plan, 2, piece);
    assert_int_equal(hdf5_append(context, path, &f), ISK_OK);
    hdf5_remove(&f, "X/indices");
    data = H5Dcreate2((hid_t)f.id, "huge", H5T_IEEE_F64LE, space, H5P_DEFAULT, plan, H5P_DEFAULT);
    assert_true(data >= 0);
    H5Dclose(data);
    H5Pset_chunk(plan, 1, piece);
    data = H5Dcreate2((hid_t)f.id, "X/indices", H5T_STD_I32LE, line, H5P_DEFAULT, plan, H5P_DEFAULT);
    assert_true(data >= 0);
    H5Dclose(data);
    H5Pset_layout(plan, H5D_CONTIGUOUS);                    /* of one piece the file says that it holds it all, behind its own end */
    data = H5Dcreate2((hid_t)f.id, "line", H5T_STD_I32LE, line, H5P_DEFAULT, plan, H5P_DEFAULT);
    assert_true(data >= 0);
    H5Dclose(data);
    H5Pclose(plan);
    H5Sclose(space);
    H5Sclose(line);
    hdf5_remove(&f, "X/indptr");
    put_whole(&f, "X/indptr", 4, (const int64_t[]){ 0, 0, 0, 1 << 25 });
    assert_int_equal(hdf5_finish(&f), ISK_OK);
    expect(context, read_cells(path, NULL, &c), ISK_DATA, SCRATCH "/huge.h5ad: X/indices: announces 134 MB of values, but the file holds "
           "0.000 MB of them; it is cut off or damaged");
    cells_free(&c);
    assert_int_equal(hdf5_open(context, path, &f), ISK_OK);
    expect(context, hdf5_matrix(&f, "huge", 1 << 25, 1 << 25, &values), ISK_DATA, SCRATCH "/huge.h5ad: huge: announces 9007199255 MB of "
           "values, but the file holds 0.000 MB of them; it is cut off or damaged");
    assert_int_equal(hdf5_names(&f, "line", &n), ISK_DATA);
    assert_non_null(strstr(isk_error(context), "line: announces 134 MB of values, but the file holds "));
    hdf5_close(&f);
}

/* A list of bytes, of which the file holds none: each reads as 0. */
static void put_empty_bytes(hdf5 *f, const char *at, hsize_t count) {
    const hsize_t piece = 1 << 16;
    hid_t space = H5Screate_simple(1, &count, NULL), plan = H5Pcreate(H5P_DATASET_CREATE), data;
    H5Pset_chunk(plan, 1, &piece);
    data = H5Dcreate2((hid_t)f->id, at, H5T_STD_I8LE, space, H5P_DEFAULT, plan, H5P_DEFAULT);
    assert_true(data >= 0);
    H5Dclose(data);
    H5Pclose(plan);
    H5Sclose(space);
}

/* A byte in the file is a hundred as a name: millions of categories or names in a small file stay there. */
static void many_names_in_a_small_file(void **state) {
    const char *path = write_h5ad("many.h5ad");
    cells c;
    hdf5 f;
    names n;
    (void)state;
    assert_int_equal(hdf5_append(context, path, &f), ISK_OK);
    put_empty_bytes(&f, "few", 1000000);
    put_empty_bytes(&f, "many", 60000000);
    hdf5_remove(&f, "obs/type/categories");
    put_empty_bytes(&f, "obs/type/categories", 100000);
    assert_int_equal(hdf5_finish(&f), ISK_OK);
    must(read_cells(path, NULL, &c));                       /* what pandas may have kept of cells that were taken away */
    assert_int_equal(cells_column(&c, "type")->classes.count, 2);             /* without those that no cell has */
    cells_free(&c);
    assert_int_equal(hdf5_append(context, path, &f), ISK_OK);
    hdf5_remove(&f, "obs/type/categories");
    put_empty_bytes(&f, "obs/type/categories", 2000000);
    assert_int_equal(hdf5_finish(&f), ISK_OK);
    expect(context, read_cells(path, NULL, &c), ISK_UNSUPPORTED, SCRATCH "/many.h5ad: obs/type/categories: has 2000000 entries for 3 rows; "
           "of more than 100000 at most as many as rows are read: drop the others by cat.remove_unused_categories() of pandas");
    cells_free(&c);
    assert_int_equal(hdf5_open(context, path, &f), ISK_OK);
    must(hdf5_names(&f, "few", &n));
    assert_int_equal(n.count, 1000000);
    names_free(&n);
    expect(context, hdf5_names(&f, "many", &n), ISK_DATA, SCRATCH "/many.h5ad: many: announces 3840 MB of values, but the file holds "
           "0.000 MB of them; it is cut off or damaged");
    hdf5_close(&f);
}

static void other_files_are_refused(void **state) {
    const char *path = write_text("text.h5ad", "no HDF5 at all, but long enough to be looked at twice");
    cells c;
    (void)state;
    assert_false(h5_is(path));
    assert_false(h5_is(SCRATCH "/not-there"));
    expect(context, read_cells(path, NULL, &c), ISK_DATA, SCRATCH "/text.h5ad: is no HDF5 file, or one that is cut off or damaged");
    cells_free(&c);
    assert_int_equal(read_cells(SCRATCH "/not-there", NULL, &c), ISK_IO);
    cells_free(&c);
    assert_true(h5_is(write_tenx("tenx3.h5", 3)));
}

/* ---- a disk that fails ---- */

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#else
#define __lsan_disable() ((void)0)
#define __lsan_enable() ((void)0)
#endif

static struct { long left, calls; } disk = { -1, 0 };       /* reads that still succeed (-1: all); reads in all */

/* What libhdf5 reads by; a program's own function goes before the C library's. */
ssize_t pread(int file, void *buffer, size_t count, off_t offset);
ssize_t pread(int file, void *buffer, size_t count, off_t offset) {
    disk.calls++;
    if (disk.left == 0) {
        errno = EIO;
        return -1;
    }
    if (disk.left > 0) { disk.left--; }
    return lseek(file, offset, SEEK_SET) < 0 ? -1 : read(file, buffer, count);
}

/* Everything that a reader asks for may be what the disk fails to give: all of it is read, or the failure is said, and never less. */
static void what_cannot_be_read_is_not_missing(void **state) {
    static const char *const files[] = { "ad", "10x", "mu" };
    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        const char *path = i == 0 ? write_h5ad("disk.h5ad") : write_tenx("disk.h5", 3);
        isk_status status = ISK_IO;
        int64_t known, files_read;
        long failed = 0;
        cells c;
        if (i == 2) {
            made_results made;
            read_well(path, NULL, &c);
            make_results(&made, &c);
            path = scratch("disk.h5mu");
            assert_int_equal(h5mu_write(context, path, &made.results), ISK_OK);
            free_results(&made);
            cells_free(&c);
        }
        disk.calls = 0;
        read_well(path, NULL, &c);
        known = c.table.count;
        files_read = c.count;
        cells_free(&c);
        if (disk.calls == 0) {
            print_message("this libhdf5 does not read by pread, so the disk cannot be made to fail\n");
            skip();
        }
        for (; status != ISK_OK; failed++) {
            __lsan_disable();                               /* libhdf5 does not release all that it had when a read fails */
            disk.left = failed;
            status = read_cells(path, NULL, &c);
            disk.left = -1;
            __lsan_enable();
            if (status == ISK_OK) {
                assert_int_equal(c.table.count, known);
                assert_int_equal(c.count, files_read);
            } else {
                if (status != ISK_IO) { print_message("%s after %ld reads: %s\n", path, failed, isk_error(context)); }
                assert_int_equal(status, ISK_IO);
                assert_non_null(strstr(isk_error(context), "cannot be read; the disk or the network gives an error"));
            }
            cells_free(&c);
        }
        assert_true(failed > 3);
    }
}

/* ---- damaged files ---- */

enum { WAS_READ = 10, WAS_REFUSED, NO_SENTENCE };           /* a sanitizer ends with 1 */

/* One of these, or what must not be: 1000 and a signal, or the code of a sanitizer. */
static int read_in_child(const char *path, int quiet) {
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static const int deadly[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };
        const struct rlimit seconds = { 10, 10 }, no_core = { 0, 0 };
        cells c;
        isk_status done;
        for (size_t i = 0; i < COUNT(deadly); i++) { signal(deadly[i], SIG_DFL); }      /* cmocka would go on with the next test */
        if (quiet && !freopen("/dev/null", "w", stderr)) { _exit(NO_SENTENCE); }
        setrlimit(RLIMIT_CPU, &seconds);
        setrlimit(RLIMIT_CORE, &no_core);
#if !defined(__SANITIZE_ADDRESS__)
        {
            const struct rlimit bytes = { (rlim_t)1 << 30, (rlim_t)1 << 30 };
            setrlimit(RLIMIT_AS, &bytes);
        }
#endif
        done = read_cells(path, NULL, &c);
        if (done != ISK_OK && !strstr(isk_error(context), path)) {
            fprintf(stderr, "%s\n", isk_error(context));
            _exit(NO_SENTENCE);
        }
        cells_free(&c);
        _exit(done == ISK_OK ? WAS_READ : WAS_REFUSED);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int how_often(int usual) {
    const char *more = getenv("INDISEEK_TEST_DAMAGE");      /* a number, for a long run */
    return more ? atoi(more) : usual;
}

/* Changes bytes of a dataset now and then; texts of no fixed size are pointers, and stay. */
static herr_t shake(hid_t file, const char *name, const H5O_info_t *about, void *user) {
    random_stream *random = user;
    hid_t data, type, space;
    if (about->type != H5O_TYPE_DATASET || random_below(random, 4) > 0) { return 0; }
    data = H5Dopen2(file, name, H5P_DEFAULT);
    type = H5Dget_type(data);
    space = H5Dget_space(data);
    if (H5Tis_variable_str(type) <= 0) {
        const size_t count = (size_t)H5Sget_simple_extent_npoints(space) * H5Tget_size(type);
        unsigned char *bytes = malloc(count);
        assert_non_null(bytes);
        assert_true(H5Dread(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) >= 0);
        for (int64_t k = random_below(random, 3); k >= 0; k--) {
            bytes[random_below(random, (int64_t)count)] = (unsigned char)(random_below(random, 2) ? random_below(random, 8)
                                                                          : random_below(random, 256));
        }
        assert_true(H5Dwrite(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) >= 0);
        free(bytes);
    }
    H5Sclose(space);
    H5Tclose(type);
    H5Dclose(data);
    return 0;
}

/* Well-formed HDF5 with wrong values in it: what the library cannot know, and we must. */
static void wrong_values_do_no_harm(void **state) {
    const int tries = how_often(150);
    random_stream random = random_open(3, 1);
    int refused = 0;
    (void)state;
    for (int i = 0; i < tries; i++) {
        const char *path = i % 2 ? write_h5ad("shaken.h5ad") : write_tenx("shaken.h5", 3);
        hdf5 f;
        int got;
        assert_int_equal(hdf5_append(context, path, &f), ISK_OK);
        assert_true(H5Ovisit((hid_t)f.id, H5_INDEX_NAME, H5_ITER_INC, shake, &random) >= 0);
        assert_int_equal(hdf5_finish(&f), ISK_OK);
        got = read_in_child(path, 0);
        if (got != WAS_READ && got != WAS_REFUSED) { print_message("try %d: %d\n", i, got); }
        assert_true(got == WAS_READ || got == WAS_REFUSED);
        refused += got == WAS_REFUSED;
    }
    assert_true(refused > tries / 8 && refused < tries);
}

/* Bytes of the file itself are wrong.  libhdf5 (1.10.8, as of its heaps) can end by a signal on such a file, and nothing around it can
   prevent that; what is asked here is that it is rare, that nothing hangs, and that every refusal is a sentence with the file's name. */
static void damaged_files_end_soon(void **state) {
    const int tries = how_often(60);
    random_stream random = random_open(4, 1);
    int refused = 0, signals = 0;
    (void)state;
    for (int i = 0; i < tries; i++) {
        size_t count;
        char *bytes = read_bytes_of(i % 2 ? write_h5ad("rows.h5ad") : write_tenx("tenx3.h5", 3), &count);
        int got;
        for (int64_t k = random_below(&random, 8); k >= 0; k--) {
            bytes[random_below(&random, (int64_t)count)] = (char)random_below(&random, 256);
        }
        got = read_in_child(write_bytes("damaged.h5", bytes, i % 10 == 9 ? (size_t)random_below(&random, (int64_t)count) : count), 1);
        assert_true(got != NO_SENTENCE && got != 1000 + SIGXCPU && got != 1000 + SIGKILL);
        refused += got == WAS_REFUSED;
        signals += got != WAS_REFUSED && got != WAS_READ;
        free(bytes);
    }
    if (signals > 0) { print_message("%d of %d damaged files end libhdf5 by a signal\n", signals, tries); }
    assert_true(signals <= tries / 4);
    assert_true(refused > tries / 8 && refused < tries);
}

int main(int argc, char **argv) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(tenx_of_version_3_is_split_by_type), cmocka_unit_test(tenx_of_version_2),
        cmocka_unit_test(anndata_by_rows_with_its_cells), cmocka_unit_test(anndata_in_other_layouts), cmocka_unit_test(layers_raw_and_obsm),
        cmocka_unit_test(some_modalities_and_little_memory), cmocka_unit_test(nullable_strings_are_strings),
        cmocka_unit_test(a_modality_without_values_is_left_out), cmocka_unit_test(modalities_are_called_as_they_are_wanted),
        cmocka_unit_test(both_kinds_come_back), cmocka_unit_test(modalities_keep_their_own_cells), cmocka_unit_test(a_full_disk_is_said),
        cmocka_unit_test(mistakes_are_named), cmocka_unit_test(what_is_announced_is_not_believed),
        cmocka_unit_test(many_names_in_a_small_file),
        cmocka_unit_test(other_files_are_refused), cmocka_unit_test(what_cannot_be_read_is_not_missing),
        cmocka_unit_test(wrong_values_do_no_harm),
        cmocka_unit_test(damaged_files_end_soon),
    };
    if (argc > 1) { return convert(argc, argv); }
    return cmocka_run_group_tests_name("h5", tests, open_context, close_context);
}

#endif
