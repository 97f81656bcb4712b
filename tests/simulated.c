/* A folder of simulated CITE-seq cells for the Python tests:   simulated FOLDER CELLS TYPES */
#include "../examples/common/simulate_cells.h"

#include <stdio.h>
#include <stdlib.h>

int main(int count, char **arguments) {
    isk_context *context = isk_open(&(isk_context_desc){ .threads = 1, .device = ISK_DEVICE_CPU });
    simulated_cells s;
    isk_status status = context && count == 4 ? ISK_OK : ISK_ARGUMENT;
    if (status == ISK_OK) {
        status = simulate_cells(context, &(simulate_cells_desc){ .cells = atol(arguments[2]), .types = atoi(arguments[3]), .genes = 120,
                                                                 .proteins = 12,
                                                                 .library = 400 }, &s);
    }
    if (status == ISK_OK) {
        status = simulated_cells_write(&s, arguments[1]);
        simulated_cells_free(&s);
    }
    if (status != ISK_OK && context) { fprintf(stderr, "simulated: %s\n", isk_error(context)); }
    isk_close(context);
    return status != ISK_OK;
}
