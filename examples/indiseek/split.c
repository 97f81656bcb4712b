#include "split.h"

#include <stdlib.h>
#include <string.h>

static const char *const words[] = { "train", "validation", "test", NULL };

/* Words of the file to parts. */
static isk_status read_split(dataset *d, isk_context *context, const char *path) {
    labels l;
    int part_of[3] = { -1, -1, -1 };
    isk_status status = input_labels(context, path, d->rows, &l);
    if (status != ISK_OK) { return status; }
    for (int i = 0; i < l.count && status == ISK_OK; i++) {
        const char *word = names_get(&l.classes, i), *near = nearest_word(word, words);
        int part = 0;
        shown wrong;
        while (words[part] && strcmp(words[part], word) != 0) { part++; }
        if (words[part]) {
            part_of[i] = part;                              /* at most three classes come this far */
            continue;
        }
        for (int64_t row = 0; row < l.rows; row++) {
            if (l.codes[row] != i) { continue; }
            status =
                isk_set_error(context, ISK_DATA, "%s: row %lld is '%s'; it must be train, validation or test%s%s%s",
                              path, (long long)row + 1, show(&wrong, word), near ? " (did you mean " : "",
                              near ? near : "", near ? "?)" : "");
            break;
        }
    }
    for (int64_t row = 0; row < l.rows && status == ISK_OK; row++) {
        if (l.codes[row] < 0) {
            status = isk_set_error(context, ISK_DATA, "%s: row %lld is empty; it must be train, validation or test",
                                   path, (long long)row + 1);
        } else {
            d->part[row] = (uint8_t)part_of[l.codes[row]];
        }
    }
    labels_free(&l);
    return status;
}

static int64_t count(const uint8_t *part, int64_t rows, isk_part which) {
    int64_t n = 0;
    for (int64_t i = 0; i < rows; i++) { n += part[i] == which; }
    return n;
}

/* Validation rows from the training rows, in the same way as test rows from all. */
static isk_status carve(dataset *d, isk_context *context, const int32_t *groups, double validation, uint64_t seed) {
    int64_t n = count(d->part, d->rows, ISK_TRAIN), k = 0;
    int32_t *label = malloc(sizeof *label * 2 * (size_t)n), *group = label ? label + n : NULL;
    uint8_t *part = malloc((size_t)n);
    isk_status status = label && part ? ISK_OK : ISK_MEMORY;
    for (int64_t i = 0; i < d->rows && status == ISK_OK; i++) {
        if (d->part[i] != ISK_TRAIN) { continue; }
        label[k] = d->has_labels ? d->labels.codes[i] : 0;
        group[k++] = groups ? groups[i] : 0;
    }
    if (status == ISK_OK) {
        status = isk_split(context, &(isk_split_desc){ .rows = n,
                                                       .labels = d->has_labels ? label : NULL,
                                                       .groups = groups ? group : NULL,
                                                       .validation = validation,
                                                       .seed = seed,
                                                       .part = part });
    }
    k = 0;
    for (int64_t i = 0; i < d->rows && status == ISK_OK; i++) {
        if (d->part[i] == ISK_TRAIN) { d->part[i] = part[k++]; }
    }
    free(label);
    free(part);
    return status;
}

isk_status split_rows(dataset *d, isk_context *context, const data_settings *s, double validation) {
    const int32_t *codes = d->has_labels ? d->labels.codes : NULL;
    labels groups = { 0 };
    isk_status status = s->group ? input_labels(context, s->group, d->rows, &groups) : ISK_OK;
    d->part = calloc((size_t)d->rows + 1, 1);
    if (status == ISK_OK && !d->part) { status = isk_set_error(context, ISK_MEMORY, "no memory for the split"); }
    if (status == ISK_OK && s->split) {
        status = read_split(d, context, s->split);
    } else if (status == ISK_OK && s->test > 0) {
        status = isk_split(context, &(isk_split_desc){ .rows = d->rows, .labels = codes, .groups = groups.codes,
                                                       .test = s->test, .seed = s->seed, .part = d->part });
    }
    if (status == ISK_OK && validation > 0 && !count(d->part, d->rows, ISK_VALIDATION) &&
        count(d->part, d->rows, ISK_TRAIN) > 2) {
        status = carve(d, context, groups.codes, validation, s->seed);
    }
    if (status == ISK_OK && count(d->part, d->rows, ISK_TRAIN) == 0) {
        status = isk_set_error(context, ISK_DATA, "%s: no row is for training", s->split ? s->split : "the split");
    }
    labels_free(&groups);
    return status;
}

void split_write(const uint8_t *part, int64_t rows, text *out) {
    text_add(out, "split\n");
    for (int64_t i = 0; i < rows; i++) {
        text_add(out, words[part[i]]);
        text_add(out, "\n");
    }
}
