/* Files that released versions saved, tests/saved/VERSION/: every model there loads and gives the features that it gave then, what the
   user added is there, and saved again it is a file of this version.  What a version cannot read it refuses, naming both versions. */

#include "indiseek.h"
#include "tests/base/hostile.h"
#include "changed.h"
#include "outputs.h"

#include <dirent.h>
#include <math.h>

enum { VIEWS = 2, ROWS = 8, MOST_NAMES = 200, MOST_VALUES = ROWS * 64 };     /* ROWS: of the features that are kept */
#define SAVED "tests/saved"
#define OLDEST SAVED "/0.1.0"

static isk_context *context;

static void ok(isk_status status) {
    if (status != ISK_OK) { fail_msg("%s", isk_error(context)); }
}

static int open_context(void **state) {
    (void)state;
    context = isk_open(&(isk_context_desc){ .threads = 1, .device = ISK_DEVICE_CPU });
    return context ? 0 : -1;
}

static int close_context(void **state) {
    (void)state;
    isk_close(context);
    return 0;
}

/* ---- what lies there ---- */

typedef struct names { char name[MOST_NAMES][120]; int count; } names;

static int in_order(const void *a, const void *b) { return strcmp(a, b); }

/* Names in a folder that end so, without their ending, in order. */
static names listed(const char *folder, const char *ending) {
    DIR *open = opendir(folder);
    struct dirent *entry;
    names all;
    memset(&all, 0, sizeof all);
    if (!open) { fail_msg("there is no folder %s", folder); }
    while ((entry = readdir(open)) != NULL) {
        size_t length = strlen(entry->d_name), end = strlen(ending);
        if (length <= end || entry->d_name[0] == '.' || strcmp(entry->d_name + length - end, ending) != 0) { continue; }
        assert_true(all.count < MOST_NAMES);
        snprintf(all.name[all.count++], sizeof all.name[0], "%.*s", (int)(length - end), entry->d_name);
    }
    closedir(open);
    qsort(all.name, (size_t)all.count, sizeof all.name[0], in_order);
    return all;
}

/* Folders of versions: all that is there but the README. */
static names versions(void) {
    names all = listed(SAVED, "");
    int i, count = 0;
    for (i = 0; i < all.count; i++) {
        if (strstr(all.name[i], ".md")) { continue; }
        memmove(all.name[count++], all.name[i], sizeof all.name[0]);
    }
    all.count = count;
    assert_true(count > 0 && strcmp(all.name[0], "0.1.0") == 0);
    return all;
}

static const char *path_of(const char *version, const char *name, const char *ending) {
    static char paths[4][400];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], SAVED "/%s/%s%s", version, name, ending);
    return path;
}

/* ---- the data of a folder ---- */

typedef struct folder {
    isk_matrix x[VIEWS], sequence, lengths, present, given[VIEWS];
    int32_t steps[64];                      /* lengths and presence of rows, as isk_view has them */
    uint8_t there[64];
} folder;

static isk_matrix loaded_matrix(const char *version, const char *name) {
    isk_matrix matrix;
    ok(isk_npy_load(context, path_of(version, name, ".npy"), 0, &matrix));
    assert_true(matrix.rows >= ROWS && matrix.rows <= 64);
    return matrix;
}

static void open_folder(folder *f, const char *version) {
    int i;
    f->x[0] = loaded_matrix(version, "x1");
    f->x[1] = loaded_matrix(version, "x2");
    f->sequence = loaded_matrix(version, "sequence");
    f->lengths = loaded_matrix(version, "lengths");
    f->present = loaded_matrix(version, "present");
    f->given[0] = loaded_matrix(version, "given1");
    f->given[1] = loaded_matrix(version, "given2");
    for (i = 0; i < (int)f->lengths.rows; i++) {
        f->steps[i] = (int32_t)f->lengths.data[i];
        f->there[i] = f->present.data[i] > 0;
    }
}

static void close_folder(folder *f) {
    isk_matrix *all[] = { &f->x[0], &f->x[1], &f->sequence, &f->lengths, &f->present, &f->given[0], &f->given[1] };
    size_t i;
    for (i = 0; i < COUNT(all); i++) { isk_free(context, all[i]->data); }
}

/* What the README says that a model was trained on, by what the model says of itself. */
static void describe_data(const folder *f, const isk_model *model, isk_transform_desc *desc) {
    int view, sequence = isk_model_view_steps(model, 0) > 1;
    int given = (isk_model_method(model)->can & ISK_LEARNS_SHARED) && isk_model_cols(model, ISK_ROLE_SHARED, 0) == 0;
    memset(desc, 0, sizeof *desc);
    for (view = 0; view < VIEWS; view++) {
        desc->views[view].x = f->x[view];
        if (given) { desc->views[view].given = f->given[view]; }
    }
    if (sequence) {
        desc->views[0].x = f->sequence;
        desc->views[0].lengths = f->steps;
        desc->views[1].present = f->there;
    }
    for (view = 0; view < VIEWS; view++) {
        desc->views[view].x.rows = ROWS;
        if (given) { desc->views[view].given.rows = ROWS; }
    }
}

/* All outputs of the model, in its order. */
static void outputs_of(const folder *f, const isk_model *model, isk_scalar values[ISK_MAX_OUTPUTS][MOST_VALUES]) {
    isk_transform_desc desc;
    int i;
    describe_data(f, model, &desc);
    for (i = 0; i < isk_model_output_count(model); i++) {
        desc.out[i].name = isk_model_output(model, i)->name;
        desc.out[i].values = values[i];
        assert_true(ROWS * isk_model_output(model, i)->cols <= MOST_VALUES);
    }
    ok(isk_transform(model, &desc));
}

/* ---- what is read ---- */

/* As the file of features has them, to 1e-6; absent rows are NaN in both. */
static void same_features(const char *path, const isk_model *model, isk_scalar values[ISK_MAX_OUTPUTS][MOST_VALUES]) {
    static isk_scalar due[MOST_VALUES];
    isk_safetensors *file;
    int i, k, count = isk_model_output_count(model);
    ok(isk_safetensors_open(context, path, &file));
    if (isk_safetensors_count(file) != count) { fail_msg("%s: %d outputs, now %d", path, isk_safetensors_count(file), count); }
    for (i = 0; i < count; i++) {
        const isk_output_info *info = isk_model_output(model, i);
        ok(isk_safetensors_read(file, info->name, ISK_ALLOW_NONFINITE, (uint64_t)(ROWS * info->cols), due));
        for (k = 0; k < ROWS * info->cols; k++) {
            double now = (double)values[i][k], then = (double)due[k];
            if (now != now && then != then) { continue; }
            if (!(fabs(now - then) <= 1e-6 * (fabs(then) > 1 ? fabs(then) : 1))) {
                fail_msg("%s: %s[%d] was %.9g and is %.9g", path, info->name, k, then, now);
            }
        }
    }
    isk_safetensors_close(file);
}

/* What the file says of an option, which may have had another name then; NULL: nothing. */
static const char *option_text_of(const isk_safetensors *file, const char *name) {
    static const char *const before[][2] = { { "optimizer", "optimiser" }, { "standardize", "standardise" } };
    char key[64];
    size_t i;
    snprintf(key, sizeof key, "option.%s", name);
    for (i = 0; i < COUNT(before) && !isk_safetensors_text(file, key); i++) {
        if (strcmp(before[i][0], name) == 0) { snprintf(key, sizeof key, "option.%s", before[i][1]); }
    }
    return isk_safetensors_text(file, key);
}

/* Options and the user's items as they stand in the file itself. */
static void same_texts(const char *path, const isk_model *model) {
    static isk_scalar due[MOST_VALUES];
    const isk_method *method = isk_model_method(model);
    isk_safetensors *file;
    int i;
    ok(isk_safetensors_open(context, path, &file));
    assert_string_equal(isk_safetensors_text(file, "method"), method->name);
    for (i = 0; i < isk_option_count(method); i++) {
        const isk_option_info *info = isk_option_get(method, i);
        const char *then = option_text_of(file, info->name);
        char text[32];
        if (!then && info->without == 0) { fail_msg("%s says nothing of option %s", path, info->name); }
        if (then) { assert_string_equal(isk_option_text(method, isk_model_options(model), i, text), then); }
    }
    for (i = 0; i < isk_safetensors_text_count(file); i++) {
        const char *key = isk_safetensors_text_key(file, i);
        if (strncmp(key, "user.", 5) != 0) { continue; }
        assert_non_null(isk_model_get_text(model, key));
        assert_string_equal(isk_model_get_text(model, key), isk_safetensors_text(file, key));
    }
    for (i = 0; i < isk_safetensors_count(file); i++) {
        const isk_safetensors_entry *entry = isk_safetensors_get(file, i);
        isk_matrix kept = isk_model_get(model, entry->name);
        if (strncmp(entry->name, "user.", 5) != 0) { continue; }
        assert_true(kept.rows == entry->shape[0] && kept.cols == entry->shape[1] && entry->count <= MOST_VALUES);
        ok(isk_safetensors_read(file, entry->name, ISK_ALLOW_NONFINITE, entry->count, due));
        assert_memory_equal(kept.data, due, (size_t)entry->count * sizeof *due);
    }
    isk_safetensors_close(file);
}

static void every_model_gives_its_features(void **state) {
    static isk_scalar values[ISK_MAX_OUTPUTS][MOST_VALUES], again[ISK_MAX_OUTPUTS][MOST_VALUES];
    static folder f;
    names folders = versions(), models;
    int v, i;
    (void)state;
    for (v = 0; v < folders.count; v++) {
        const char *version = folders.name[v];
        models = listed(path_of(version, "", ""), ".features.safetensors");
        assert_true(models.count > 0);
        open_folder(&f, version);
        for (i = 0; i < models.count; i++) {
            const char *path = path_of(version, models.name[i], ".safetensors"), *copy = scratch("saved_again.safetensors");
            isk_model *model, *second;
            isk_safetensors *file;
            ok(isk_load(context, path, &model));
            memset(values, 0, sizeof values);
            memset(again, 0, sizeof again);
            outputs_of(&f, model, values);
            same_features(path_of(version, models.name[i], ".features.safetensors"), model, values);
            same_texts(path, model);
            /* saved again it is a file of this version, with the same in it */
            ok(isk_save(model, copy));
            ok(isk_load(context, copy, &second));
            outputs_of(&f, second, again);
            assert_memory_equal(values, again, sizeof values);
            same_texts(path, second);
            ok(isk_safetensors_open(context, copy, &file));
            assert_string_equal(isk_safetensors_text(file, "version"), ISK_VERSION);
            assert_non_null(isk_safetensors_text(file, "format_number"));
            isk_safetensors_close(file);
            isk_model_close(model);
            isk_model_close(second);
            remove(copy);
        }
        close_folder(&f);
    }
}

/* What must be in the oldest folder, so that a file that is lost is missed. */
static void all_of_the_oldest_are_there(void **state) {
    static const char *const more[] = { "given", "normed", "reduced", "sequence" };
    static folder f;
    isk_model *model;
    isk_matrix means;
    names models = listed(OLDEST, ".features.safetensors");
    int i, m, found, methods = 0;
    (void)state;
    for (m = 0; m < isk_method_count(NULL); m++) {
        for (found = i = 0; i < models.count; i++) { found |= strcmp(models.name[i], isk_method_get(NULL, m)->name) == 0; }
        methods += found;
    }
    assert_int_equal(methods, 8);
    for (m = 0; m < (int)COUNT(more); m++) {
        for (found = i = 0; i < models.count; i++) { found |= strcmp(models.name[i], more[m]) == 0; }
        if (!found) { fail_msg("%s is not there", more[m]); }
    }
    open_folder(&f, "0.1.0");
    ok(isk_load(context, OLDEST "/indiseek.safetensors", &model));
    means = isk_model_get(model, "user.means");
    assert_true(means.rows == 2 && means.cols == f.x[0].cols);      /* the first two rows of view 1 */
    assert_memory_equal(means.data, f.x[0].data, (size_t)(means.rows * means.cols) * sizeof(isk_scalar));
    assert_string_equal(isk_model_get_text(model, "user.words"), "kept by 0.1.0");
    assert_int_equal(isk_model_seed(model), 3);
    isk_model_close(model);
    close_folder(&f);
}

/* ---- what is refused ---- */

/* Going on in the middle of a training takes the version that began it. */
static void checkpoints_of_other_versions_are_refused(void **state) {
    static folder f;
    names folders = versions();
    int v, i, refused = 0;
    (void)state;
    for (v = 0; v < folders.count; v++) {
        names files = listed(path_of(folders.name[v], "", ""), ".checkpoint");
        if (strcmp(folders.name[v], ISK_VERSION) == 0) { continue; }
        open_folder(&f, folders.name[v]);
        for (i = 0; i < files.count; i++) {
            const char *path = path_of(folders.name[v], files.name[i], ".checkpoint");
            isk_sweep_desc sweep;
            isk_model *model = (isk_model *)1;
            char due[400];
            memset(&sweep, 0, sizeof sweep);
            sweep.fit.method = ISK_INDISEEK;
            sweep.fit.view_count = VIEWS;
            sweep.fit.views[0].x = f.x[0];
            sweep.fit.views[1].x = f.x[1];
            sweep.fit.checkpoint = path;
            snprintf(due, sizeof due, "%s: a checkpoint of indiseek %s; indiseek " ISK_VERSION " goes on from its own alone: finish with "
                     "that version, or start afresh", path, folders.name[v]);
            expect(context, isk_resume(context, &sweep, &model), ISK_MISMATCH, due);
            assert_null(model);
            refused++;
        }
        close_folder(&f);
    }
    assert_true(refused > 0);
}

static void refuse(const char *path, const char *sentence) {
    isk_model *model = (isk_model *)1;
    char due[500];
    snprintf(due, sizeof due, "%s: %s", path, sentence);
    expect(context, isk_load(context, path, &model), ISK_DATA, due);
    assert_null(model);
}

/* A file of version 9.8.7 with this text. */
static const char *from_the_future(const char *key, const char *value) {
    const change later = { .key = "version", .value = "9.8.7" }, how = { .key = key, .value = value };
    return changed(context, changed(context, OLDEST "/clip.safetensors", &later), &how);
}

static void what_is_newer_is_refused(void **state) {
    const change nameless = { .drop = "version" }, unknown = { .key = "method", .value = "newvae" };
    isk_model *model;
    (void)state;
    refuse(from_the_future("format_number", "3"),
           "saved by indiseek 9.8.7 in format 3; this is indiseek " ISK_VERSION ", which reads formats up to 2: use a newer version");
    refuse(from_the_future("format_number", "2147483647"), "saved by indiseek 9.8.7 in format 2147483647; this is indiseek " ISK_VERSION
           ", which reads formats up to 2: use a newer version");
    refuse(from_the_future("format_number", "two"),
           "metadata 'format_number' is 'two'; it must be a whole number up to 2147483647");
    refuse(from_the_future("method", "newvae"), "saved by indiseek 9.8.7 with method 'newvae', which indiseek " ISK_VERSION
           " does not know: use that version, or make the method known by isk_method_add");
    refuse(from_the_future("option.warmup", "3"), "saved by indiseek 9.8.7 with option 'warmup', which indiseek " ISK_VERSION
           " does not know: use that version or a newer one");
    refuse(changed(context, changed(context, OLDEST "/clip.safetensors", &nameless), &unknown),
           "saved by indiseek of unknown version with method 'newvae', which indiseek " ISK_VERSION
           " does not know: use that version, or make the method known by isk_method_add");
    /* a newer version alone is no obstacle: what it wrote is known here */
    ok(isk_load(context, from_the_future("format_number", "2"), &model));
    isk_model_close(model);
    ok(isk_load(context, from_the_future("format_number", "1"), &model));
    isk_model_close(model);
}

/* An option that every version had is missing from a damaged file alone.  (test_own_method.c: a later one means what was done before.) */
static void missing_options(void **state) {
    static const char path[] = SCRATCH "/saved_now.safetensors";
    isk_model *model;
    int i, damaged = 0;
    (void)state;
    make_scratch();
    ok(isk_load(context, OLDEST "/clip.safetensors", &model));          /* options of its file have their present names */
    ok(isk_save(model, path));
    isk_model_close(model);
    for (i = 0; i < isk_option_count(NULL); i++) {
        const isk_option_info *info = isk_option_get(NULL, i);
        char key[64], due[100];
        const change how = { .drop = key };
        if (info->without != 0) { continue; }
        snprintf(key, sizeof key, "option.%s", info->name);
        snprintf(due, sizeof due, "metadata '%s' is missing", key);
        refuse(changed(context, path, &how), due);
        damaged++;
    }
    remove(path);
    assert_true(damaged >= 64);             /* those of 0.1.0 */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_model_gives_its_features),
        cmocka_unit_test(all_of_the_oldest_are_there),
        cmocka_unit_test(checkpoints_of_other_versions_are_refused),
        cmocka_unit_test(what_is_newer_is_refused),
        cmocka_unit_test(missing_options),
    };
    return cmocka_run_group_tests_name("saved", tests, open_context, close_context);
}
