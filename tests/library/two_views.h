/* Small simulated data for tests of training: two views of common and own causes.  Include after indiseek.h and hostile.h. */
#ifndef TWO_VIEWS_H
#define TWO_VIEWS_H

#include "outputs.h"

#include <math.h>

enum { VIEW1_COLS = 6, VIEW2_COLS = 4, GIVEN_COLS = 2, MOST_SAMPLES = 4096 };

static isk_scalar view1[MOST_SAMPLES * VIEW1_COLS], view2[MOST_SAMPLES * VIEW2_COLS];
static isk_scalar given1[MOST_SAMPLES * GIVEN_COLS], given2[MOST_SAMPLES * GIVEN_COLS];

/* Uniform on [0, 1) and standard normal; Knuth's generator, so that this file needs nothing of the library's. */
static UNUSED_FUNCTION double uniform(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) / 9007199254740992.0;
}

static UNUSED_FUNCTION double gaussian(uint64_t *state) {
    double u = 1 - uniform(state), v = uniform(state);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static UNUSED_FUNCTION void make_views(uint64_t seed) {
    uint64_t state = seed;
    int i, j;
    for (i = 0; i < MOST_SAMPLES; i++) {
        double common[2], own[4];
        for (j = 0; j < 2; j++) { common[j] = gaussian(&state); }
        for (j = 0; j < 4; j++) { own[j] = gaussian(&state); }
        for (j = 0; j < VIEW1_COLS; j++) {
            view1[i * VIEW1_COLS + j] = (isk_scalar)(common[j % 2] + (j > 2 ? own[j % 2] : 0) + 0.2 * gaussian(&state));
        }
        for (j = 0; j < VIEW2_COLS; j++) {
            view2[i * VIEW2_COLS + j] = (isk_scalar)(tanh(common[j % 2]) + own[2 + j % 2] + 0.2 * gaussian(&state));
        }
        for (j = 0; j < GIVEN_COLS; j++) {
            given1[i * GIVEN_COLS + j] = (isk_scalar)(common[j] + 0.1 * gaussian(&state));
            given2[i * GIVEN_COLS + j] = (isk_scalar)(common[j] + 0.1 * gaussian(&state));
        }
    }
}

static UNUSED_FUNCTION isk_matrix matrix_of(const isk_scalar *data, int64_t rows, int64_t cols) {
    isk_matrix matrix;
    matrix.data = data;
    matrix.rows = rows;
    matrix.cols = cols;
    return matrix;
}

/* Sets "option=value option=value ...". */
static UNUSED_FUNCTION void set_options(isk_context *context, isk_options *options, const char *settings) {
    char text[400], *word, *next;
    snprintf(text, sizeof text, "%s", settings);
    for (word = text; *word; word = next) {
        char *value = strchr(word, '=');
        next = word + strcspn(word, " ");
        if (*next) { *next++ = 0; }
        assert_non_null(value);
        *value++ = 0;
        if (isk_option_set(context, NULL, options, word, value) != ISK_OK) { fail_msg("%s", isk_error(context)); }
    }
}

/* A fit of both views by IndiSeek that takes milliseconds; `settings` are added. */
static UNUSED_FUNCTION isk_fit_desc small_fit(isk_context *context, int rows, const char *settings) {
    isk_fit_desc fit;
    memset(&fit, 0, sizeof fit);
    fit.method = ISK_INDISEEK;
    fit.views[0].x = matrix_of(view1, rows, VIEW1_COLS);
    fit.views[1].x = matrix_of(view2, rows, VIEW2_COLS);
    fit.view_count = 2;
    fit.seed = 7;
    set_options(context, &fit.options, "batch=32 layers=3 width=12 dim=4 shared_dim=3 epochs=5 shared_epochs=4 diagnoses=2");
    set_options(context, &fit.options, settings);
    return fit;
}

/* The file that isk_save makes, to be freed. */
static UNUSED_FUNCTION char *saved(isk_context *context, const isk_model *model, const char *name, size_t *count) {
    char own[64];                           /* tests that include this run side by side */
    const char *path;
    char *bytes;
    snprintf(own, sizeof own, "%ld_%.40s", (long)getpid(), name);
    path = scratch(own);
    if (isk_save(model, path) != ISK_OK) { fail_msg("%s", isk_error(context)); }
    bytes = read_bytes_of(path, count);
    remove(path);
    return bytes;
}

/* Two models save the same file. */
static UNUSED_FUNCTION void same_model(isk_context *context, const isk_model *a, const isk_model *b, const char *what) {
    size_t count_a, count_b;
    char *bytes_a = saved(context, a, "same_a.safetensors", &count_a), *bytes_b = saved(context, b, "same_b.safetensors", &count_b);
    if (count_a != count_b || memcmp(bytes_a, bytes_b, count_a) != 0) { fail_msg("%s: the saved models differ", what); }
    free(bytes_a);
    free(bytes_b);
}

#endif
