/* Columns of what is known of cells, by the names that a user types. */
#include "cells.h"

#include "../base/fail.h"

isk_status cells_need_column(const cells *c, const char *what, const char *name, const cell_column **column) {
    nearest best = nearest_to(name);
    *column = cells_column(c, name);
    if (*column) { return ISK_OK; }
    for (int64_t i = 0; i < c->table.count; i++) { nearest_consider(&best, c->table.columns[i].name); }
    return isk_set_error(c->context, ISK_ARGUMENT, "%s: nothing is known of the cells by the name '%s'%s%s%s%s", what, name,
                         best.word ? "; did you mean '" : "", best.word ? best.word : "", best.word ? "'?" : "",
                         c->table.count ? "" : "; --cells FILE gives a table of them");
}
