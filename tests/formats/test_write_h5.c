/* What fails while results are written as .h5ad and .h5mu, or added to a copy of one: memory, HDF5, the disk; and what is refused.
   examples/formats/write_h5.c and hdf5.c. */
#include "indiseek.h"

#ifdef INDISEEK_HAVE_HDF5

#include <hdf5.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/base/scarce.h"
#include "examples/base/lines.c"
#include "examples/formats/table.c"
#include "examples/formats/cells.c"

/* ---- calls that fail ---- */

static struct { long count, due; } faults;                  /* calls; the one that fails, from 1, 0: none */
static FILE *writing, *broken_file;                         /* that is open to be written; whose error flag is up */

static int fails(void) { return ++faults.count == faults.due; }

static FILE *open_file(const char *path, const char *mode) {
    FILE *file = fails() ? NULL : fopen(path, mode);
    if (file && *mode != 'r') { writing = file; }
    return file;
}

static size_t read_file(void *to, size_t size, size_t count, FILE *file) {
    if (!fails()) { return fread(to, size, count, file); }
    broken_file = file;
    return 0;
}

/* What is closed is closed, whatever is said of it; of a file that was read nothing is lost. */
static int close_file(FILE *file) {
    const int failed = file == writing && fails(), done = fclose(file);
    broken_file = NULL;
    return failed ? EOF : done;
}

#define fopen open_file
#define fread read_file
#define fwrite(...) (fails() ? 0 : fwrite(__VA_ARGS__))
#define fclose close_file
#define ferror(file) (broken_file == (file) || ferror(file))
#define H5Fcreate(...) (fails() ? -1 : H5Fcreate(__VA_ARGS__))
#define H5Fopen(...) (fails() ? -1 : H5Fopen(__VA_ARGS__))
#define H5Fflush(...) (fails() ? -1 : H5Fflush(__VA_ARGS__))
#define H5Gcreate2(...) (fails() ? -1 : H5Gcreate2(__VA_ARGS__))
#define H5Oopen(...) (fails() ? -1 : H5Oopen(__VA_ARGS__))
#define H5Oexists_by_name(...) (fails() ? -1 : H5Oexists_by_name(__VA_ARGS__))
#define H5Lexists(...) (fails() ? -1 : H5Lexists(__VA_ARGS__))
#define H5Ldelete(...) (fails() ? -1 : H5Ldelete(__VA_ARGS__))
#define H5Acreate2(...) (fails() ? -1 : H5Acreate2(__VA_ARGS__))
#define H5Aopen(...) (fails() ? -1 : H5Aopen(__VA_ARGS__))
#define H5Aread(...) (fails() ? -1 : H5Aread(__VA_ARGS__))
#define H5Awrite(...) (fails() ? -1 : H5Awrite(__VA_ARGS__))
#define H5Dcreate2(...) (fails() ? -1 : H5Dcreate2(__VA_ARGS__))
#define H5Dread(...) (fails() ? -1 : H5Dread(__VA_ARGS__))
#define H5Dwrite(...) (fails() ? -1 : H5Dwrite(__VA_ARGS__))

#include "examples/formats/hdf5.c"
#define items items_of_file                                  /* which other files call functions of theirs too */
#define out_of_memory out_of_memory_of_file
#include "examples/formats/write_h5.c"

#undef fopen
#undef fread
#undef fwrite
#undef fclose
#undef ferror

#include "tests/base/fixture.h"

/* ---- what is written ---- */

enum { CELLS = 4, GENES = 4, PROTEINS = 3, SHOWN = 3 };

typedef struct results {
    cells c;
    cell_column columns[SHOWN];
    names coordinates;
    cell_results r;
} results;

static int add_names(names *n, const char *prefix, int count) {
    char name[64];
    int done = 1;
    for (int i = 0; i < count && done; i++) {
        snprintf(name, sizeof name, "%.40s%d-1", prefix, i);
        done = names_add(n, name);
    }
    return done;
}

/* A column of each kind, which the cells have too, and one of a name that is taken. */
static int add_columns_of_cells(results *made) {
    static double numbers[CELLS] = { 1, 2, 3, 4 };
    static char words[SHOWN][8] = { "theta", "class", "_index" };
    int done = 1;
    for (int i = 0; i < SHOWN; i++) { made->columns[i] = (cell_column){ .name = words[i], .numbers = i == 1 ? NULL : numbers }; }
    for (int k = 0; k < 2 && done; k++) {
        cell_column *own = k ? &made->columns[1] : cell_table_add(&made->c.table, "kind");
        labels *l = own ? &own->classes : NULL;
        if (!l || !(l->codes = scarce_calloc(CELLS, sizeof *l->codes))) { return 0; }
        l->rows = CELLS;
        l->count = 2;
        l->codes[1] = 1;
        l->codes[3] = -1;
        done = add_names(&l->classes, "class", 2);
    }
    return done && cell_table_add(&made->c.table, "theta") != NULL;
}

/* RNA is sparse, and proteins are not, and one cell has none. */
static int add_modality(results *made, int i, int cols) {
    static isk_scalar values[CELLS * GENES];
    static uint8_t present[CELLS] = { 1, 0, 1, 1 };
    static int64_t starts[CELLS + 1] = { 0, 1, 2, 2, 3 };
    static int32_t columns[] = { 2, 0, 1 };
    modality *m = &made->c.modality[i];
    made->c.count++;
    m->kind = i == 0 ? MODALITY_RNA : i == 1 ? MODALITY_PROTEIN : MODALITY_OTHER;
    strcpy(m->name, i == 0 ? "rna" : i == 1 ? "protein" : "tags");
    snprintf(m->key, sizeof m->key, "mod/%s", m->name);
    m->in.rows = CELLS;
    m->in.cols = cols;
    m->in.values = values;
    m->in.is_sparse = i == 0;
    if (i == 0) { m->in.sparse = (sparse){ CELLS, cols, 3, starts, columns, values }; }
    if (i == 1) { made->c.present[i] = present; }
    return add_names(&m->in.column_names, "a/b", cols) && (i != 1 || add_names(&m->ids, "id", cols));
}

static void results_free(results *made) {
    for (int i = 0; i < made->c.count; i++) {
        names_free(&made->c.modality[i].in.column_names);
        names_free(&made->c.modality[i].ids);
    }
    names_free(&made->c.names);
    cell_table_free(&made->c.table);
    labels_free(&made->columns[1].classes);
    names_free(&made->coordinates);
}

/* 0: out of memory */
static int results_make(results *made, int modalities) {
    static isk_scalar values[CELLS * 2];
    static const cell_fact fact = { "method", "transport" };
    static cell_embedding embeddings[2];
    memset(made, 0, sizeof *made);
    made->c.context = context;
    made->c.rows = CELLS;
    for (int i = 0; i < 2; i++) {
        embeddings[i] = (cell_embedding){ .name = "X_shared", .of = i ? 1 : -1, .values = { values, CELLS, 2 } };
        embeddings[i].columns = i ? &made->coordinates : NULL;
    }
    made->r = (cell_results){ .cells = &made->c, .embeddings = embeddings, .embedding_count = 2, .columns = made->columns,
                              .column_count = SHOWN, .facts = &fact, .fact_count = 1 };
    if (!add_names(&made->c.names, "cell", CELLS) || !add_names(&made->coordinates, "z", 2) || !add_columns_of_cells(made)) { return 0; }
    for (int i = 0; i < modalities; i++) {
        if (!add_modality(made, i, i == 1 ? PROTEINS : GENES)) { return 0; }
    }
    return 1;
}

/* ---- ways to write ---- */

typedef enum way { WRITE_AD, WRITE_MU, ADD_AD, ADD_MU, ADD_OLD, WAYS } way;
static const char *const sources[WAYS] = { NULL, NULL, SCRATCH "/source.h5ad", SCRATCH "/source.h5mu", SCRATCH "/old.h5ad" };

static isk_status write_to(way how, const char *path, const cell_results *r) {
    return how == WRITE_AD ? h5ad_write(context, path, r) : how == WRITE_MU ? h5mu_write(context, path, r) :
           h5_add(context, sources[how], path, r);
}

static isk_status write_one(isk_context *unused, void *argument) {
    const way how = *(way *)argument;
    results made;
    isk_status status;
    (void)unused;
    if (results_make(&made, 2)) {
        made.c.pairing.strip_suffix = how == ADD_MU;
        if (how == ADD_MU) { names_strip_suffix(&made.c.names); }
        status = write_to(how, scratch("written"), &made.r);
    } else {
        status = no_memory(context, "test");
    }
    results_free(&made);
    return status;
}

/* What is added to has all that would be added, which is replaced; an old one is of AnnData 0.7, but for how it keeps classes. */
static int make_sources(void **state) {
    hdf5 f;
    open_context(state);
    make_scratch();
    for (way how = WRITE_AD; how <= WRITE_MU; how++) {
        results made;
        assert_true(results_make(&made, 2));
        must(write_to(how, sources[how + 2], &made.r));
        if (how == WRITE_AD) { must(write_to(how, sources[ADD_OLD], &made.r)); }
        results_free(&made);
    }
    must(hdf5_append(context, sources[ADD_OLD], &f));
    hdf5_put_attribute(&f, "obs", "encoding-version", "0.1.0");
    must(hdf5_finish(&f));
    return 0;
}

/* ---- tests ---- */

static void memory_runs_out(void **state) {
    (void)state;
    for (way how = 0; how < WAYS; how++) { sweep_memory(context, write_one, &how); }
}

/* Whichever of them fails, that is said, and nothing stays open.  Every fifth is tried; `make soak` tries all. */
static void calls_fail(void **state) {
    const char *all = getenv("FAULTS");
    const long step = all && strcmp(all, "all") == 0 ? 1 : 5;
    (void)state;
    for (way how = 0; how < WAYS; how++) {
        const long live = supply.live;
        isk_status status = ISK_IO;
        for (faults.due = 1 + how % step; status != ISK_OK && faults.due < 10000; faults.due += step) {
            faults.count = 0;
            status = write_one(context, &how);
            if ((status == ISK_OK) != (faults.count < faults.due)) { print_message("way %u, call %ld\n", how, faults.due); }
            assert_int_equal(status == ISK_OK, faults.count < faults.due);
            if (status != ISK_OK) { assert_non_null(strstr(isk_error(context), how >= ADD_AD ? SCRATCH : "written")); }
            assert_int_equal(supply.live, live);
            assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
        }
        faults.due = 0;
        assert_int_equal(status, ISK_OK);
        assert_true(faults.count > 40);
    }
}

/* Without counts, or beside so many features that they are left out, a file has less. */
static void counts_are_left_out(void **state) {
    (void)state;
    for (int without = 0; without < 2; without++) {
        results made;
        hdf5 f;
        assert_true(results_make(&made, 3));
        made.r.without_counts = without;
        must(h5ad_write(context, scratch("counts"), &made.r));
        must(hdf5_open(context, scratch("counts"), &f));
        assert_int_equal(hdf5_is(&f, "obsm", "protein_counts"), !without);
        assert_int_equal(hdf5_is(&f, "obsm", "tags_counts"), !without);
        assert_int_equal(hdf5_look(&f, "X/data").rows, without ? 0 : 3);
        hdf5_close(&f);
        made.c.modality[1].in.cols = MOST_COUNTS + 1;
        must(h5ad_write(context, scratch("counts"), &made.r));
        must(hdf5_open(context, scratch("counts"), &f));
        assert_int_equal(hdf5_is(&f, "obsm", "protein_counts"), 0);
        hdf5_close(&f);
        made.c.modality[1].in.cols = PROTEINS;
        must(h5mu_write(context, scratch("counts"), &made.r));
        results_free(&made);
    }
}

static void additions_are_refused(void **state) {
    results made;
    hdf5 f;
    (void)state;
    assert_true(results_make(&made, 1));
    expect(context, h5_add(context, sources[ADD_AD], sources[ADD_AD], &made.r), ISK_ARGUMENT,
           SCRATCH "/source.h5ad: is the file that is to be copied; give the copy a name of its own");
    expect(context, h5_add(context, sources[ADD_AD], SCRATCH "/no/folder", &made.r), ISK_IO, SCRATCH "/no/folder: cannot be made");
    assert_int_equal(h5_add(context, SCRATCH "/nothing", scratch("written"), &made.r), ISK_IO);
    must(hdf5_create(context, scratch("other.h5"), 0, &f));
    hdf5_put_group(&f, "obs", NULL, NULL);
    must(hdf5_finish(&f));
    expect(context, h5_add(context, scratch("other.h5"), scratch("written"), &made.r), ISK_UNSUPPORTED,
           SCRATCH "/other.h5: is neither .h5ad nor .h5mu, and nothing can be added to it");
    names_free(&made.c.names);
    assert_true(add_names(&made.c.names, "another", CELLS));
    expect(context, h5_add(context, sources[ADD_AD], scratch("written"), &made.r), ISK_DATA,
           SCRATCH "/written: obs: none of its 4 cells is among those of the results");
    results_free(&made);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_runs_out), cmocka_unit_test(calls_fail), cmocka_unit_test(counts_are_left_out),
        cmocka_unit_test(additions_are_refused),
    };
    return cmocka_run_group_tests_name("write_h5", tests, make_sources, close_context);
}

#else

int main(void) { return 77; }

#endif
