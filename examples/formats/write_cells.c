#include "write_cells.h"

#include <math.h>

static void add_value(text *out, const cell_column *column, int64_t row) {
    const char *word = column->numbers || column->classes.codes[row] < 0 ? NULL
        : names_get(&column->classes.classes, column->classes.codes[row]);
    text_add(out, "\t");
    text_tsv(out, word);
    if (column->numbers && isfinite(column->numbers[row])) { text_number(out, column->numbers[row], 9); }
}

void cell_columns_tsv(const cell_results *r, text *out) {
    const cell_table *known = &r->cells->table;
    text_add(out, "cell");
    for (int64_t i = 0; i < known->count + r->column_count; i++) {
        text_add(out, "\t");
        text_tsv(out, i < known->count ? known->columns[i].name : r->columns[i - known->count].name);
    }
    text_add(out, "\n");
    for (int64_t row = 0; row < r->cells->rows; row++) {
        text_tsv(out, names_get(&r->cells->names, row));
        for (int64_t i = 0; i < known->count; i++) { add_value(out, &known->columns[i], row); }
        for (int i = 0; i < r->column_count; i++) { add_value(out, &r->columns[i], row); }
        text_add(out, "\n");
    }
}
