/* Folders of 10x Genomics, what is wanted of them and how much memory that needs: examples/formats/read_10x.c and read.c, compiled in
   here so that their memory can run out on request. */
#include "indiseek.h"

#include <math.h>
#ifdef INDISEEK_HAVE_ZLIB
    #include <zlib.h>
#endif

#include "tests/base/scarce.h"
#include "examples/base/lines.c"
#include "examples/formats/table.c"
#include "examples/formats/mtx.c"
#include "examples/formats/input.c"
#include "examples/formats/cells.c"
#include "examples/formats/read.c"
#include "examples/formats/read_10x.c"
#include "tests/base/fixture.h"

/* ---- folders ---- */

#define MTX_TEXT "%%MatrixMarket matrix coordinate integer general\n%metadata\n5 3 7\n1 1 5\n2 1 1\n4 1 7\n3 2 2\n5 2 9\n1 3 4\n4 3 3\n"
#define FEATURES_TEXT "ENSG1\tCD3\tGene Expression\nENSG2\tCD4\tGene Expression\nENSG3\tCD4\tGene Expression\n" \
                      "P1\tCD4\tAntibody Capture\nP2\tCD8\tAntibody Capture\n"
#define BARCODES_TEXT "AAA-1\nCCC-1\nGGG-1\n"

static const double rna_due[] = { 5, 1, 0, 0, 0, 2, 4, 0, 0 }, protein_due[] = { 7, 0, 0, 9, 3, 0 };

#define FOLDER SCRATCH "/tenx"

/* A folder without files. */
static void clear_folder(void) {
    DIR *listing;
    const struct dirent *entry;
    scratch("");
    mkdir(FOLDER, 0777);
    listing = opendir(FOLDER);
    assert_non_null(listing);
    while ((entry = readdir(listing)) != NULL) {
        char path[400];
        snprintf(path, sizeof path, FOLDER "/%s", entry->d_name);
        if (entry->d_name[0] != '.') { assert_int_equal(remove(path), 0); }
    }
    closedir(listing);
}

static void put_bytes(const char *name, const char *bytes, size_t count) {
    char path[300];
    snprintf(path, sizeof path, "tenx/%s", name);
    write_bytes(path, bytes, count);
}

static void put(const char *name, const char *content) { put_bytes(name, content, strlen(content)); }

static void put_all(const char *prefix, const char *matrix, const char *features_name, const char *features_text, const char *barcodes) {
    char name[200];
    snprintf(name, sizeof name, "%smatrix.mtx", prefix);
    put(name, matrix);
    snprintf(name, sizeof name, "%s%s", prefix, features_name);
    put(name, features_text);
    snprintf(name, sizeof name, "%sbarcodes.tsv", prefix);
    put(name, barcodes);
}

static void expect_words(const names *n, const char *due) {
    text all = { 0 };
    text_add(&all, "");
    for (int64_t i = 0; i < n->count; i++) { text_format(&all, "%s%s", i > 0 ? "," : "", names_get(n, i)); }
    assert_string_equal(all.data, due);
    text_free(&all);
}

static void expect_modality(const modality *m, const char *name, const char *key, const char *columns, const char *ids, const double *due) {
    isk_scalar *values;
    assert_string_equal(m->name, name);
    assert_string_equal(m->key, key);
    expect_words(&m->in.column_names, columns);
    expect_words(&m->ids, ids);
    expect_words(&m->in.row_names, "AAA-1,CCC-1,GGG-1");
    assert_true(m->in.is_sparse && m->in.sparse.cols == m->in.cols && m->in.rows == 3);
    values = sparse_to_dense(&m->in.sparse);
    assert_non_null(values);
    for (int64_t i = 0; i < m->in.rows * m->in.cols; i++) { assert_true((double)values[i] == due[i]); }
    scarce_free(values);
}

static void expect_both(const cells *c) {
    assert_int_equal(c->count, 2);
    assert_int_equal(c->rows, 3);
    expect_modality(&c->modality[0], "rna", "Gene Expression", "CD3,CD4,CD4-1", "ENSG1,ENSG2,ENSG3", rna_due);
    expect_modality(&c->modality[1], "protein", "Antibody Capture", "CD4,CD8", "P1,P2", protein_due);
}

static void expect_read(const char *path) {
    cells c;
    const isk_status status = cells_read(&c, context, path, NULL);
    if (status != ISK_OK) { print_message("%s\n", isk_error(context)); }
    assert_int_equal(status, ISK_OK);
    expect_both(&c);
    cells_free(&c);
}

/* ---- what is read ---- */

static void a_folder_is_read(void **state) {
    (void)state;
    clear_folder();
    put_all("", MTX_TEXT, "features.tsv", FEATURES_TEXT, BARCODES_TEXT);
    expect_read(FOLDER);
    expect_read(FOLDER "/");
    expect_read(FOLDER "/matrix.mtx");
}

static void prefixes_are_found_or_chosen(void **state) {
    cells c;
    (void)state;
    clear_folder();
    put("notes.txt", "x");
    put("my_genes.tsv", "x");
    put_all("GSM1_a_", MTX_TEXT, "features.tsv", FEATURES_TEXT, BARCODES_TEXT);
    expect_read(FOLDER);
    put_all("GSM2_b_", MTX_TEXT, "features.tsv", FEATURES_TEXT, "T-1\nU-1\nV-1\n");
    expect(context, cells_read(&c, context, FOLDER, NULL), ISK_DATA, FOLDER
           ": holds several matrices, whose names begin with 'GSM1_a_' and "
           "'GSM2_b_'; add the wanted one to the path, as in " FOLDER "/GSM2_b_");
    expect_read(FOLDER "/GSM1_a_");
    expect_read(FOLDER "/GSM1");
    expect_read(FOLDER "/GSM1_a_matrix.mtx");
    expect(context, cells_read(&c, context, FOLDER "/GSM", NULL), ISK_DATA, FOLDER "/GSM: holds several matrices, whose names begin with "
           "'GSM1_a_' and 'GSM2_b_'; add the wanted one to the path, as in " FOLDER "/GSM2_b_");
    put_all("GSM1_a_2", MTX_TEXT, "features.tsv", FEATURES_TEXT, BARCODES_TEXT);
    expect_read(FOLDER "/GSM1_a_");                     /* the whole of one name goes before the beginning of another */
    put_all("", MTX_TEXT, "features.tsv", FEATURES_TEXT, BARCODES_TEXT);
    expect_read(FOLDER "/matrix.mtx");
    assert_false(tenx_is(FOLDER "/GSM3"));
    assert_false(tenx_is(FOLDER "/notes.txt"));
    assert_false(tenx_is("build/none"));
    assert_false(tenx_is(""));
}

static void gzip_is_told_by_content(void **state) {
#ifdef INDISEEK_HAVE_ZLIB
    static const char *const names_of[][3] = { { "matrix.mtx.gz", "features.tsv.gz", "barcodes.tsv.gz" },
                                               { "matrix.mtx", "features.tsv", "barcodes.tsv" } };
    static const char *const content[3] = { MTX_TEXT, FEATURES_TEXT, BARCODES_TEXT };
    (void)state;
    for (size_t k = 0; k < COUNT(names_of); k++) {
        clear_folder();
        for (int i = 0; i < 3; i++) {
            char path[300];
            gzFile file;
            snprintf(path, sizeof path, FOLDER "/%s", names_of[k][i]);
            file = gzopen(path, "wb");
            assert_non_null(file);
            assert_true(gzwrite(file, content[i], (unsigned)strlen(content[i])) > 0);
            assert_int_equal(gzclose(file), Z_OK);
        }
        expect_read(FOLDER);
    }
    put("features.tsv.gz", FEATURES_TEXT);              /* plain in spite of its name, and the first to be read */
    put("features.tsv", "x\n");
    expect_read(FOLDER);
#else
    (void)state;
    print_message("skipped: built without zlib\n");
    skip();
#endif
}

/* One to six columns, in files of either name. */
static void features_of_all_ages(void **state) {
    static const double all_due[] = { 5, 1, 0, 7, 0, 0, 0, 2, 0, 9, 4, 0, 0, 3, 0 };
    static const struct { const char *content, *columns, *ids; } cases[] = {
        { "CD3\nCD4\nCD4\nCD4-1\nCD8\n", "CD3,CD4,CD4-2,CD4-1,CD8", "" },
        { "E1\tCD3\nE2\tCD4\r\nE3\tCD4\nE4\tCD4\nE5\tCD8", "CD3,CD4,CD4-1,CD4-2,CD8", "E1,E2,E3,E4,E5" },
        { "E1\tCD3\tGEX\tchr1\t1\t2\nE2\tCD4\tGEX\tchr1\t1\t2\nE3\tCD5\tGEX\t\t\t\nE4\tCD6\tGEX\tchr1\t1\t2\nE5\tCD8\tGEX\tchr1\t1\t2\n\n",
          "CD3,CD4,CD5,CD6,CD8", "E1,E2,E3,E4,E5" }
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cells c;
        clear_folder();
        put_all("", MTX_TEXT, i == 1 ? "genes.tsv" : "features.tsv", cases[i].content, BARCODES_TEXT);
        assert_int_equal(cells_read(&c, context, FOLDER, NULL), ISK_OK);
        assert_int_equal(c.count, 1);
        expect_modality(&c.modality[0], "rna", i == 2 ? "GEX" : "Gene Expression", cases[i].columns, cases[i].ids, all_due);
        cells_free(&c);
    }
}

static void modalities_are_wanted(void **state) {
    static const char six[] = "a\ta\tCustom\nb\tb\tPeaks\nc\tc\tAntibody Capture\nd\td\tGene Expression\ne\te\tMultiplexing Capture\n";
    static const struct { const char *wanted, *got; isk_status status; } cases[] = {
        { NULL, "rna,protein,atac,custom", ISK_OK },
        { "protein,rna", "protein,rna", ISK_OK },
        { " ADT , Gene Expression", "protein,rna", ISK_OK },
        { "custom", "custom", ISK_OK },
        { "rna,guides", FOLDER ": has no modality 'guides'; it has custom, atac, protein, rna", ISK_ARGUMENT },
        { "guides", FOLDER ": has no modality 'guides'; it has custom, atac, protein, rna", ISK_ARGUMENT },
        { "rna,gex", FOLDER ": modality gex is wanted twice", ISK_ARGUMENT },
        { "surface = Antibody Capture, rna", "surface,rna", ISK_OK },
        { "custom,panel=gene expression", "custom,panel", ISK_OK },
        { "protein=custom,rna", "protein,rna", ISK_OK },
    };
    cells c;
    (void)state;
    clear_folder();
    put_all("", "%%MatrixMarket matrix coordinate integer general\n4 1 1\n2 1 5\n", "features.tsv", six, "A\n");
    put("features.tsv", "a\ta\tCustom\nb\tb\tPeaks\nc\tc\tAntibody Capture\nd\td\tGene Expression\n");
    for (size_t i = 0; i < COUNT(cases); i++) {
        const read_desc desc = { .modalities = cases[i].wanted };
        text got = { 0 };
        const isk_status status = cells_read(&c, context, FOLDER, &desc);
        if (status != ISK_OK) {
            expect(context, status, cases[i].status, cases[i].got);
            continue;
        }
        for (int k = 0; k < c.count; k++) { text_format(&got, "%s%s", k > 0 ? "," : "", c.modality[k].name); }
        assert_string_equal(got.data, cases[i].got);
        text_free(&got);
        cells_free(&c);
    }
    put_all("", "%%MatrixMarket matrix coordinate integer general\n5 1 1\n2 1 5\n", "features.tsv", six, "A\n");
    expect(context, cells_read(&c, context, FOLDER, NULL), ISK_DATA, FOLDER
           ": 'Multiplexing Capture' is one modality more than the 4 that can be used; say which are wanted");
    assert_int_equal(cells_read(&c, context, FOLDER, &(read_desc){ .modalities = "multiplexing_capture,rna" }), ISK_OK);
    assert_int_equal(c.count, 2);
    cells_free(&c);
}

/* ---- memory ---- */

static void memory_is_estimated_and_limited(void **state) {
    /* 1e6 entries of 8 bytes kept, 1000 x 2000 dense ones, 1000 x 10 dense ones: with floats 8 + 8 + 0.04 MB */
    const extent parts[] = { { 1000, 30000, 1000000, 1, "rna", 0 }, { 1000, 10, 10000, 0, "protein", 0 } };
    const extent reading[] = { { 1000, 500, 1000000, 1, NULL, 40 } };
    const double scalar = (double)sizeof(isk_scalar);
    read_desc desc = { .most_memory = 15e6 };
    cells c;
    (void)state;
    assert_true(memory_estimate(parts, 2) == 1e6 * (4 + scalar) + 2e6 * scalar + 1e4 * scalar);
    assert_true(memory_estimate(reading, 1) == 40e6);
    expect(context, memory_check(context, &desc, "x", parts, 2), ISK_MEMORY,
           "x: 1000 cells x 30000 genes (rna), 1000 x 10 (protein) need about 16.0 MB of "
           "memory, where 15.0 MB are allowed; fewer modalities need less, and --rna hvg=N keeps fewer genes dense");
    desc.most_memory = 3.2e9;
    expect(context, memory_check(context, &desc, "x", &(extent){ 1000000, 500, 100000000, 1, NULL, 40 }, 1), ISK_MEMORY,
           "x: 1000000 cells x 500 features need about 4.00 GB of memory, where 3.20 GB are allowed; fewer modalities need less, and "
           "--rna hvg=N keeps fewer genes dense");
    desc.most_memory = 17e6;
    assert_int_equal(memory_check(context, &desc, "x", parts, 2), ISK_OK);
    clear_folder();
    put_all("", MTX_TEXT, "features.tsv", FEATURES_TEXT, BARCODES_TEXT);
    desc.most_memory = 1;
    expect(context, cells_read(&c, context, FOLDER, &desc), ISK_MEMORY, FOLDER
           ": 3 cells x 3 genes (rna), 3 x 2 (protein) need about 0.1 MB of memory, where "
           "0.1 MB are allowed; fewer modalities need less, and --rna hvg=N keeps fewer genes dense");
}

static isk_status run_folder(isk_context *unused, void *path) {
    cells c;
    const isk_status status = cells_read(&c, context, path, NULL);
    (void)unused;
    if (status == ISK_OK) { cells_free(&c); }
    return status;
}

static void memory_runs_out(void **state) {
    char path[] = FOLDER;
    (void)state;
    clear_folder();
    put_all("GSM_", MTX_TEXT, "features.tsv", FEATURES_TEXT, BARCODES_TEXT);
    sweep_memory(context, run_folder, path);
}

/* ---- what is refused ---- */

static void mistakes_are_named(void **state) {
    static const struct { const char *matrix, *features, *barcodes, *sentence; isk_status status; } cases[] = {
        { MTX_TEXT, "a\tb\nc\td\n", BARCODES_TEXT, FOLDER "/features.tsv: has 2 features, but " FOLDER "/matrix.mtx has 5 rows",
          ISK_SHAPE },
        { MTX_TEXT, "", BARCODES_TEXT, FOLDER "/features.tsv: has 0 features, but " FOLDER "/matrix.mtx has 5 rows", ISK_SHAPE },
        { MTX_TEXT, FEATURES_TEXT, "A\nB\n", FOLDER "/barcodes.tsv: has 2 barcodes, but " FOLDER "/matrix.mtx has 3 columns", ISK_SHAPE },
        { MTX_TEXT, FEATURES_TEXT, "A\nB\nC\nD\n", FOLDER "/barcodes.tsv: has 4 barcodes, but " FOLDER "/matrix.mtx has 3 columns",
          ISK_SHAPE },
        { MTX_TEXT, FEATURES_TEXT, "A\nB\nA\n",
          FOLDER "/barcodes.tsv: barcode 'A' stands on lines 1 and 3; each cell must have one of its own", ISK_DATA },
        { MTX_TEXT, FEATURES_TEXT, "A\nB\tx\nC\n",
          FOLDER "/barcodes.tsv: line 2 has several fields between tabs where one barcode is due", ISK_DATA },
        { MTX_TEXT, FEATURES_TEXT, "A\n\nC\n", FOLDER "/barcodes.tsv: line 2 is empty where a name is due", ISK_DATA },
        { MTX_TEXT, "a\tb\nc\n", BARCODES_TEXT, FOLDER "/features.tsv: line 2 has 1 field between tabs where line 1 has 2", ISK_DATA },
        { MTX_TEXT, "a\nb\tc\td\n", BARCODES_TEXT, FOLDER "/features.tsv: line 2 has 3 fields between tabs where line 1 has 1", ISK_DATA },
        { MTX_TEXT, "a\tb\n\nc\td\n", BARCODES_TEXT, FOLDER "/features.tsv: line 2 is empty where a feature is due", ISK_DATA },
        { MTX_TEXT, "a\tb\tRNA\n\tb\tRNA\n", BARCODES_TEXT, FOLDER "/features.tsv: line 2 has an empty id", ISK_DATA },
        { MTX_TEXT, "a\tb\tRNA\nc\t\tRNA\n", BARCODES_TEXT, FOLDER "/features.tsv: line 2 has an empty name", ISK_DATA },
        { MTX_TEXT, "a\tb\tRNA\nc\td\t\n", BARCODES_TEXT, FOLDER "/features.tsv: line 2 has an empty feature type", ISK_DATA },
        { "", FEATURES_TEXT, BARCODES_TEXT, FOLDER "/matrix.mtx: is no Matrix Market file; those start with %%MatrixMarket", ISK_DATA },
        { "%%MatrixMarket matrix coordinate integer general\n5 3 7\n1 1 5\n", FEATURES_TEXT, BARCODES_TEXT,
          FOLDER "/matrix.mtx: has 1 of the 7 entries that it announces; it is cut off", ISK_DATA },
        { "%%MatrixMarket matrix coordinate integer general\n5 3 1\n6 1 5\n", FEATURES_TEXT, BARCODES_TEXT,
          FOLDER "/matrix.mtx: line 3: row 6, column 1 is outside of 1 .. 5, 1 .. 3", ISK_DATA },
        { "%%MatrixMarket matrix coordinate integer general\n5 0 0\n", FEATURES_TEXT, "",
          FOLDER "/matrix.mtx: holds no values: 5 features, 0 cells", ISK_DATA },
        { MTX_TEXT, "a\ta\tGEX\nb\tb\tGene Expression\nc\tc\tGEX\nd\td\tGEX\ne\te\tGEX\n", BARCODES_TEXT,
          FOLDER ": 'GEX' and 'Gene Expression' are both the modality rna; choose one of them by --modalities, which takes these names",
          ISK_DATA },
    };
    cells c;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        clear_folder();
        put_all("", cases[i].matrix, "features.tsv", cases[i].features, cases[i].barcodes);
        expect(context, cells_read(&c, context, FOLDER, NULL), cases[i].status, cases[i].sentence);
        assert_int_equal(c.count, 0);
    }
}

static void files_that_are_missing(void **state) {
    cells c;
    (void)state;
    clear_folder();
    expect(context, cells_read(&c, context, FOLDER, NULL), ISK_DATA,
           FOLDER ": has no matrix.mtx (plain or .gz); it holds none of the files of a 10x folder");
    put("GSM_barcodes.tsv", BARCODES_TEXT);
    put("GSM_genes.tsv", FEATURES_TEXT);
    expect(context, cells_read(&c, context, FOLDER, NULL), ISK_DATA,
           FOLDER ": has no matrix.mtx (plain or .gz); it holds 'GSM_barcodes.tsv' and 'GSM_genes.tsv'");
    put("matrix.mtx", MTX_TEXT);
    expect(context, cells_read(&c, context, FOLDER, NULL), ISK_DATA, FOLDER ": has no features.tsv or genes.tsv (plain or .gz); it holds "
           "'GSM_barcodes.tsv', 'GSM_genes.tsv' and 'matrix.mtx'");
    clear_folder();
    put_all("GSM_", MTX_TEXT, "features.tsv", FEATURES_TEXT, BARCODES_TEXT);
    assert_int_equal(remove(FOLDER "/GSM_barcodes.tsv"), 0);
    expect(context, cells_read(&c, context, FOLDER, NULL), ISK_DATA, FOLDER ": has no barcodes.tsv behind 'GSM_' (plain or .gz); it holds "
           "'GSM_features.tsv' and 'GSM_matrix.mtx'");
}

/* A prefix that says its kind is of one modality: the line that reads each is given. */
static void prefixes_of_modalities(void **state) {
    static const char *const genes = "ENSG1\tCD3\nENSG2\tCD4\nENSG3\tCD4\nP1\tCD4\nP2\tCD8\n";
    static const char *const proteins = "CD3\nCD4\nCD8\nCD19\nCD56\n";
    const matrix_source sources[] = { { .path = FOLDER "/GSM1_RNA_3P-", .kind = MODALITY_RNA },
                                      { .path = FOLDER "/GSM2_ADT_3P-", .kind = MODALITY_PROTEIN } };
    const matrix_source whole[] = { { .path = FOLDER "/GSM3_", .kind = MODALITY_PROTEIN },
                                    { .path = FOLDER "/GSM3_", .kind = MODALITY_RNA } };
    const matrix_source atac = { .path = FOLDER "/GSM3_", .kind = MODALITY_ATAC };
    cells c = { .context = context };
    (void)state;
    clear_folder();
    put_all("GSM1_RNA_3P-", MTX_TEXT, "features.tsv", genes, BARCODES_TEXT);
    put_all("GSM2_ADT_3P-", MTX_TEXT, "features.tsv", proteins, BARCODES_TEXT);
    expect(context, cells_read(&c, context, FOLDER, NULL), ISK_DATA, FOLDER ": holds several matrices, whose names begin with "
           "'GSM1_RNA_3P-' and 'GSM2_ADT_3P-'; read one for each modality: --rna-file " FOLDER "/GSM1_RNA_3P- --protein-file " FOLDER
           "/GSM2_ADT_3P-");
    c.context = context;
    must(matrices_read(context, sources, 2, NULL, &(read_desc){ 0 }, &c));
    must(cells_match(&c));
    assert_true(c.count == 2 && c.rows == 3 && c.files.count == 6);
    assert_string_equal(c.modality[1].name, "protein");
    assert_string_equal(c.modality[1].key, "GSM2_ADT_3P-");
    expect_words(&c.modality[0].in.column_names, "CD3,CD4,CD4-1,CD4-2,CD8");
    expect_words(&c.modality[1].in.column_names, "CD3,CD4,CD8,CD19,CD56");
    cells_free(&c);
    /* of a file of several modalities that of the kind */
    put_all("GSM3_", MTX_TEXT, "features.tsv", FEATURES_TEXT, BARCODES_TEXT);
    c.context = context;
    must(matrices_read(context, whole, 2, NULL, &(read_desc){ 0 }, &c));
    expect_modality(&c.modality[1], "rna", "GSM3_", "CD3,CD4,CD4-1", "ENSG1,ENSG2,ENSG3", rna_due);
    expect_modality(&c.modality[0], "protein", "GSM3_", "CD4,CD8", "P1,P2", protein_due);
    cells_free(&c);
    c.context = context;
    expect(context, matrices_read(context, &atac, 1, NULL, &(read_desc){ 0 }, &c), ISK_ARGUMENT, FOLDER "/GSM3_: has no modality 'atac'; "
           "it has rna, protein");
    cells_free(&c);
}

/* What is there instead is named, with what to give. */
static void folders_of_others(void **state) {
    static const struct { const char *member, *words; } cases[] = {
        { "zarr.json", "is a Zarr store; write it as .h5ad: anndata.read_zarr(\"" FOLDER "\").write_h5ad(\"cells.h5ad\")" },
        { "filtered_feature_bc_matrix.h5", "is what Cell Ranger leaves; of it give " FOLDER "/filtered_feature_bc_matrix.h5" },
        { "outs", "is what Cell Ranger leaves; of it give " FOLDER "/outs/filtered_feature_bc_matrix" },
    };
    cells c;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char due[400];
        clear_folder();
        put(cases[i].member, "");
        snprintf(due, sizeof due, FOLDER "/: %s", cases[i].words);
        expect(context, cells_read(&c, context, FOLDER "/", NULL), ISK_UNSUPPORTED, due);
    }
}

static void other_files(void **state) {
    cells c;
    (void)state;
    write_text("cells.csv", "a,b\n1,2\n");
    expect(context, cells_read(&c, context, SCRATCH "/cells.csv", NULL), ISK_UNSUPPORTED, SCRATCH
           "/cells.csv: is neither a folder of 10x Genomics "
           "(matrix.mtx, features.tsv, barcodes.tsv) nor an HDF5 file (.h5 of 10x Genomics, .h5ad, .h5mu); of .npy, .safetensors, .mtx "
           "and tables as text one is given for each modality");
    expect(context, cells_read(&c, context, "build/none.h5", NULL), ISK_IO, "build/none.h5: cannot be opened: No such file or directory");
    assert_null(c.path);
}

/* Every byte of the three files in turn becomes another one, or the last: a result that hangs together, or an error. */
static void damaged_bytes(void **state) {
    static const char *const name[3] = { "matrix.mtx", "features.tsv", "barcodes.tsv" };
    static const char *const content[3] = { MTX_TEXT, FEATURES_TEXT, BARCODES_TEXT };
    static const char likely[] = "\t\n 019-%e\x80";
    uint64_t random = 1;
    int read = 0, refused = 0;
    (void)state;
    clear_folder();
    for (int i = 0; i < 3; i++) { put(name[i], content[i]); }
    for (int i = 0; i < 3; i++) {
        const size_t length = strlen(content[i]);
        for (size_t at = 0; at < length; at++) {
            for (int k = 0; k < 2; k++) {
                char copy[400];
                cells c;
                random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
                memcpy(copy, content[i], length);
                copy[at] = (char)(k == 0 ? likely[(random >> 33) % (sizeof likely - 1)] : (int)(random >> 40 & 0xFF));
                put_bytes(name[i], copy, k == 1 && random >> 63 ? at : length);
                if (cells_read(&c, context, FOLDER, NULL) != ISK_OK) {
                    assert_non_null(strstr(isk_error(context), FOLDER));
                    refused++;
                    continue;
                }
                read++;
                for (int v = 0; v < c.count; v++) {
                    const sparse *m = &c.modality[v].in.sparse;
                    assert_true(m->rows == 3 && m->starts[3] == m->count && c.modality[v].in.column_names.count == m->cols);
                    for (int64_t e = 0; e < m->count; e++) { assert_true(m->columns[e] >= 0 && m->columns[e] < m->cols); }
                }
                cells_free(&c);
            }
        }
        put(name[i], content[i]);
    }
    assert_true(read > 50 && refused > 50);
}

/* ---- real data ---- */

#define DATA "../shared/data/pbmc10k_citeseq/"

static void ten_thousand_cells(void **state) {
    cells c, matrix;
    cell_table t;
    isk_status status;
    char command[200];
    double sum = 0;
    struct stat info;
    const char *python = getenv("PYTHON");
    (void)state;
#ifndef INDISEEK_HAVE_ZLIB
    print_message("skipped: built without zlib\n");
    skip();
#endif
    if (stat(DATA, &info) != 0) {
        print_message("skipped: no ../shared/data\n");
        skip();
    }
    snprintf(command, sizeof command, "%s tests/formats/forms.py --only 10x " DATA " " SCRATCH "/pbmc10k", python ? python : "python3");
    assert_int_equal(system(command), 0);
    status = cells_read(&c, context, SCRATCH "/pbmc10k/10x", NULL);
    if (status != ISK_OK) { print_message("%s\n", isk_error(context)); }
    assert_int_equal(status, ISK_OK);
    assert_int_equal(c.count, 2);
    assert_true(c.rows == 6855 && c.modality[0].in.cols == 4000 && c.modality[1].in.cols == 14 && !c.present[0] && !c.present[1]);
    assert_int_equal(c.modality[0].in.sparse.count, 2518605);
    assert_string_equal(names_get(&c.modality[1].in.column_names, 1), "CD14");
    for (int64_t i = 0; i < c.modality[1].in.sparse.count; i++) { sum += (double)c.modality[1].in.sparse.values[i]; }
    memset(&matrix, 0, sizeof matrix);
    matrix.context = context;
    status = matrices_read(context, &(matrix_source){ DATA "adt_counts.npy", SCRATCH "/pbmc10k/cells.tsv", DATA "proteins.txt", CELLS_FOUND,
                                                      MODALITY_PROTEIN },
                           1, NULL, &(read_desc){ 0 }, &matrix);
    assert_int_equal(status, ISK_OK);
    for (int64_t i = 0; i < 6855 * 14; i++) { sum -= (double)matrix.modality[0].in.values[i]; }
    assert_true(sum == 0);
    assert_int_equal(cell_table_read(context, SCRATCH "/pbmc10k/cells.tsv", &t), ISK_OK);
    assert_int_equal(cells_add_table(&c, &t), ISK_OK);
    assert_int_equal(cells_match(&c), ISK_OK);
    assert_int_equal(cells_column(&c, "cell_type")->classes.count, 8);
    assert_int_equal(cells_column(&c, "cell_type")->classes.missing, 0);
    assert_string_equal(names_get(&c.names, 0), "AAACCCAAGATTGTGA-1");
    cells_free(&matrix);
    cells_free(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_read),
        cmocka_unit_test(prefixes_are_found_or_chosen),
        cmocka_unit_test(prefixes_of_modalities),
        cmocka_unit_test(folders_of_others),
        cmocka_unit_test(gzip_is_told_by_content),
        cmocka_unit_test(features_of_all_ages),
        cmocka_unit_test(modalities_are_wanted),
        cmocka_unit_test(memory_is_estimated_and_limited),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(files_that_are_missing),
        cmocka_unit_test(other_files),
        cmocka_unit_test(damaged_bytes),
        cmocka_unit_test(ten_thousand_cells),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
