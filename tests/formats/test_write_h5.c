/* Memory that runs out while results are written as .h5ad and .h5mu: examples/formats/write_h5.c. */
#include "indiseek.h"
#include "tests/base/scarce.h"

#include "examples/base/lines.c"
#include "examples/formats/table.c"
#include "examples/formats/write_h5.c"

#include "tests/base/fixture.h"

#ifdef INDISEEK_HAVE_HDF5

enum { CELLS = 3, GENES = 40, PROTEINS = 30 };

static int add_names(names *n, const char *prefix, int count) {
    char name[64];
    int done = 1;
    for (int i = 0; i < count && done; i++) {
        snprintf(name, sizeof name, "%.40s%d", prefix, i);
        done = names_add(n, name);
    }
    return done;
}

static int make_cells(cells *c, isk_scalar *values, const uint8_t *present) {
    int done = add_names(&c->names, "cell", CELLS);
    c->rows = CELLS;
    c->count = 2;
    for (int i = 0; i < 2; i++) {
        modality *m = &c->modality[i];
        m->kind = i ? MODALITY_PROTEIN : MODALITY_RNA;
        strcpy(m->name, i ? "protein" : "rna");
        m->in.rows = CELLS;
        m->in.cols = i ? PROTEINS : GENES;
        m->in.values = values;
        done = done && add_names(&m->in.column_names, m->name, (int)m->in.cols) && add_names(&m->ids, "id", (int)m->in.cols);
    }
    c->present[1] = (uint8_t *)(uintptr_t)present;
    return done;
}

/* argument: .h5mu where it is not NULL */
static isk_status write_one(isk_context *unused, void *argument) {
    static isk_scalar values[CELLS * GENES];
    static const uint8_t present[CELLS] = { 1, 0, 1 };
    static int32_t codes[CELLS] = { 0, 1, -1 };
    static double numbers[CELLS] = { 1, 2, 3 };
    static char words[2][8] = { "theta", "class" };
    cells c = { .context = context };
    cell_column columns[2] = { { .name = words[0], .numbers = numbers },
                               { .name = words[1], .classes = { .rows = CELLS, .count = 2, .codes = codes } } };
    const cell_fact fact = { "method", "transport" };
    const cell_embedding embedding = { .name = "X_shared", .of = 1, .values = { values, CELLS, 2 } };
    const cell_results r = { .cells = &c, .embeddings = &embedding, .embedding_count = 1, .columns = columns, .column_count = 2,
                             .facts = &fact, .fact_count = 1 };
    isk_status status = ISK_MEMORY;
    (void)unused;
    if (make_cells(&c, values, present) && add_names(&columns[1].classes.classes, "class", 2)) {
        status = argument ? h5mu_write(context, scratch("scarce.h5mu"), &r) : h5ad_write(context, scratch("scarce.h5ad"), &r);
    } else {
        no_memory(context, "test");
    }
    for (int i = 0; i < 2; i++) {
        names_free(&c.modality[i].in.column_names);
        names_free(&c.modality[i].ids);
    }
    names_free(&c.names);
    names_free(&columns[1].classes.classes);
    return status;
}

static void memory_runs_out(void **state) {
    int mudata = 1;
    (void)state;
    sweep_memory(context, write_one, NULL);
    sweep_memory(context, write_one, &mudata);
}

int main(void) {
    static const struct CMUnitTest tests[] = { cmocka_unit_test(memory_runs_out) };
    return cmocka_run_group_tests_name("write_h5", tests, open_context, close_context);
}

#else

int main(void) { return 77; }

#endif
