/* A folder of simulated cells, as of 10x Genomics with cells.tsv beside it, for the tests of programs:
       cells_sample FOLDER CELLS GENES PROTEINS TYPES SEED [LIBRARY]        (counts of RNA a cell) */
#include "examples/cells/simulate_cells.h"

#include <stdio.h>
#include <stdlib.h>

int main(int count, char **arguments) {
    isk_context *context = isk_open(&(isk_context_desc){ .device = ISK_DEVICE_CPU });
    simulated_cells s;
    isk_status status;
    if (count < 7 || !context) { return 2; }
    status = simulate_cells(context, &(simulate_cells_desc){ .cells = atol(arguments[2]), .genes = atoi(arguments[3]),
                                                             .proteins = atoi(arguments[4]), .types = atoi(arguments[5]),
                                                             .seed = (uint64_t)atol(arguments[6]),
                                                             .library = count > 7 ? atof(arguments[7]) : 0 }, &s);
    if (status == ISK_OK) {
        status = simulated_cells_write(&s, arguments[1]);
        simulated_cells_free(&s);
    }
    if (status != ISK_OK) { fprintf(stderr, "%s\n", isk_error(context)); }
    isk_close(context);
    return status != ISK_OK;
}
