#include "split.h"

#include "../base/fail.h"
#include "../formats/input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const part_words[] = { "train", "validation", "test", NULL };
/* Other names: MultiBench's, and whole numbers in the order of isk_part, as a .npy has them. */
static const struct { const char *word; int part; } others[] = {
    { "valid", ISK_VALIDATION }, { "0", ISK_TRAIN }, { "1", ISK_VALIDATION }, { "2", ISK_TEST },
};

/* -1: no part. */
static int part_named(const char *word) {
    for (int i = 0; part_words[i]; i++) {
        if (strcmp(part_words[i], word) == 0) { return i; }
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
        const char *near = nearest_word(word, part_words);
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

/* The groups that rows of one part, or of all (part NULL), belong to; each row without a group counts as one.  *only is the group of the
   row seen last. */
static int64_t count_groups(const labels *groups, const uint8_t *part, isk_part which, uint8_t *seen, int32_t *only) {
    int64_t count = 0;
    memset(seen, 0, (size_t)groups->count);
    *only = -1;
    for (int64_t i = 0; i < groups->rows; i++) {
        const int32_t group = groups->codes[i];
        if (part && part[i] != which) { continue; }
        count += group < 0 || !seen[group];
        if (group >= 0) { seen[group] = 1; }
        *only = group;
    }
    return count;
}

static const char *group_name(const labels *groups, int32_t group, shown *name) {
    return group < 0 ? "" : show(name, names_get(&groups->classes, group));
}

/* Test rows by whole groups, and validation rows too, where more than one group trains. */
static isk_status divide(isk_context *context, const split_settings *s, const labels *groups, uint8_t *part, split_groups *found) {
    uint8_t *seen = groups ? malloc((size_t)groups->count + 1) : NULL;
    int32_t only = -1;
    int alone = 0;
    isk_status status = !groups || seen ? ISK_OK : no_memory(context, "the split");
    if (status == ISK_OK && s->split) {
        status = read_split(context, s, part);
    } else if (status == ISK_OK && s->test > 0) {
        if (groups && count_groups(groups, NULL, ISK_TEST, seen, &only) < 2) {
            shown name;
            status = isk_set_error(context, ISK_DATA, "--group %s: all rows are of one group, '%s', which cannot be divided between "
                                   "training and test; leave out --group", s->group, group_name(groups, only, &name));
        } else {
            status = isk_split(context, &(isk_split_desc){ .rows = s->rows, .labels = s->labels, .groups = groups ? groups->codes : NULL,
                                                           .test = s->test, .seed = s->seed, .part = part });
        }
    }
    if (status == ISK_OK && groups) {
        found->count = groups->count;
        for (int64_t i = 0; i < groups->rows; i++) { found->without += groups->codes[i] < 0; }
        if (count_groups(groups, part, ISK_TEST, seen, &only) == 1) { group_name(groups, only, &found->held_out); }
        alone = count_groups(groups, part, ISK_TRAIN, seen, &only) == 1;
    }
    if (status == ISK_OK && s->validation > 0 && !split_count(part, s->rows, ISK_VALIDATION) &&
        split_count(part, s->rows, ISK_TRAIN) > 2) {
        if (alone) { group_name(groups, only, &found->within); }
        status = carve(context, s, groups && !alone ? groups->codes : NULL, part);
    }
    free(seen);
    return status;
}

isk_status split_rows(isk_context *context, const split_settings *s, uint8_t *part, split_groups *found) {
    labels read = { 0 };
    split_groups ignored;
    isk_status status = s->group && !s->groups ? input_labels(context, s->group, s->rows, &read) : ISK_OK;
    if (!found) { found = &ignored; }
    memset(found, 0, sizeof *found);
    if (s->rows > 0) { memset(part, ISK_TRAIN, (size_t)s->rows); }
    if (status == ISK_OK) { status = divide(context, s, s->groups ? s->groups : s->group ? &read : NULL, part, found); }
    if (status == ISK_OK && split_count(part, s->rows, ISK_TRAIN) == 0) {
        status = isk_set_error(context, ISK_DATA, "%s: no row is for training", s->split ? s->split : "the split");
    }
    labels_free(&read);
    return status;
}

const char *split_words(const split_groups *g, char words[SPLIT_WORDS]) {
    char without[80] = "";
    if (g->without) { snprintf(without, sizeof without, "; %lld without a group are divided one by one", (long long)g->without); }
    if (!*g->within.text) {
        snprintf(words, SPLIT_WORDS, "no group is divided%s", without);
    } else if (*g->held_out.text) {
        snprintf(words, SPLIT_WORDS, "'%s' is held out, and validation is drawn within '%s', the only group that trains%s",
                 g->held_out.text, g->within.text, without);
    } else {
        snprintf(words, SPLIT_WORDS, "validation is drawn within '%s', the only group that trains%s", g->within.text, without);
    }
    return words;
}

void split_write(const uint8_t *part, int64_t rows, text *out) {
    text_add(out, "split\n");
    for (int64_t i = 0; i < rows; i++) {
        text_add(out, part_words[part[i]]);
        text_add(out, "\n");
    }
}
