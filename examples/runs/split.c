#include "split.h"

#include "../base/fail.h"
#include "../formats/input.h"

#include <stdlib.h>
#include <string.h>

static const char *const words[] = { "train", "validation", "test", NULL };
/* Other names: MultiBench's, and whole numbers in the order of isk_part, as a .npy has them. */
static const struct { const char *word; int part; } others[] = {
    { "valid", ISK_VALIDATION }, { "0", ISK_TRAIN }, { "1", ISK_VALIDATION }, { "2", ISK_TEST },
};

/* -1: no part. */
static int part_named(const char *word) {
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], word) == 0) { return i; }
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (strcmp(others[i].word, word) == 0) { return others[i].part; }
    }
    return -1;
}

/* Words to parts; `source` is for messages. */
static isk_status parts_of(isk_context *context, const char *source, const labels *l, uint8_t *part) {
    for (int64_t row = 0; row < l->rows; row++) {
        const char *word = l->codes[row] < 0 ? "" : names_get(&l->classes, l->codes[row]);
        const int named = part_named(word);
        const char *near = nearest_word(word, words);
        shown wrong;
        if (l->codes[row] < 0) {
            return isk_set_error(context, ISK_DATA, "%s: row %lld is empty; it must be train, validation or test", source,
                                 (long long)row + 1);
        }
        if (named < 0) {
            return isk_set_error(context, ISK_DATA, "%s: row %lld is '%s'; it must be train, validation or test%s%s%s", source,
                                 (long long)row + 1, show(&wrong, word), near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
        }
        part[row] = (uint8_t)named;
    }
    return ISK_OK;
}

static isk_status read_split(isk_context *context, const split_settings *s, uint8_t *part) {
    labels l = { 0 };
    isk_status status = s->parts ? ISK_OK : input_labels(context, s->split, s->rows, &l);
    if (status == ISK_OK) { status = parts_of(context, s->split, s->parts ? s->parts : &l, part); }
    labels_free(&l);
    return status;
}

int64_t split_count(const uint8_t *part, int64_t rows, isk_part which) {
    int64_t n = 0;
    for (int64_t i = 0; i < rows; i++) { n += part[i] == which; }
    return n;
}

/* Validation rows from the training rows, in the same way as test rows from all. */
static isk_status carve(isk_context *context, const split_settings *s, const int32_t *groups, uint8_t *all) {
    int64_t n = split_count(all, s->rows, ISK_TRAIN), k = 0;
    int32_t *label = malloc(sizeof *label * 2 * (size_t)n), *group = label ? label + n : NULL;
    uint8_t *part = malloc((size_t)n);
    isk_status status = label && part ? ISK_OK : ISK_MEMORY;
    for (int64_t i = 0; i < s->rows && status == ISK_OK; i++) {
        if (all[i] != ISK_TRAIN) { continue; }
        label[k] = s->labels ? s->labels[i] : 0;
        group[k++] = groups ? groups[i] : 0;
    }
    if (status == ISK_OK) {
        status = isk_split(context, &(isk_split_desc){ .rows = n,
                                                       .labels = s->labels ? label : NULL,
                                                       .groups = groups ? group : NULL,
                                                       .validation = s->validation,
                                                       .seed = s->seed,
                                                       .part = part });
    }
    k = 0;
    for (int64_t i = 0; i < s->rows && status == ISK_OK; i++) {
        if (all[i] == ISK_TRAIN) { all[i] = part[k++]; }
    }
    free(label);
    free(part);
    return status;
}

isk_status split_rows(isk_context *context, const split_settings *s, uint8_t *part) {
    labels read = { 0 };
    isk_status status = s->group ? input_labels(context, s->group, s->rows, &read) : ISK_OK;
    const int32_t *groups = s->groups ? s->groups->codes : read.codes;
    if (s->rows > 0) { memset(part, ISK_TRAIN, (size_t)s->rows); }
    if (status == ISK_OK && s->split) {
        status = read_split(context, s, part);
    } else if (status == ISK_OK && s->test > 0) {
        status = isk_split(context, &(isk_split_desc){ .rows = s->rows, .labels = s->labels, .groups = groups,
                                                       .test = s->test, .seed = s->seed, .part = part });
    }
    if (status == ISK_OK && s->validation > 0 && !split_count(part, s->rows, ISK_VALIDATION) &&
        split_count(part, s->rows, ISK_TRAIN) > 2) {
        status = carve(context, s, groups, part);
    }
    if (status == ISK_OK && split_count(part, s->rows, ISK_TRAIN) == 0) {
        status = isk_set_error(context, ISK_DATA, "%s: no row is for training", s->split ? s->split : "the split");
    }
    labels_free(&read);
    return status;
}

void split_write(const uint8_t *part, int64_t rows, text *out) {
    text_add(out, "split\n");
    for (int64_t i = 0; i < rows; i++) {
        text_add(out, words[part[i]]);
        text_add(out, "\n");
    }
}
