/* Models: saving and loading, transforming in any pieces, what the user adds, files that are no models, memory that runs
   out, contexts side by side. */

#include "indiseek.h"
#include "tests/base/hostile.h"
#include "changed.h"
#include "two_views.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

enum { ROWS = 300, DIM = 4, SHARED_DIM = 3, RUNS = 5 };     /* more than one tile of 256 rows */

static isk_context *context;                /* one thread */

static void ok(isk_status status) {
    if (status != ISK_OK) { fail_msg("%s", isk_error(context)); }
}

static int open_context(void **state) {
    (void)state;
    context = isk_open(&(isk_context_desc){ .threads = 1 });
    make_views(2);
    return context ? 0 : -1;
}

static int close_context(void **state) {
    (void)state;
    isk_close(context);
    return 0;
}

/* Every kind of model: learned and given C, both norms, one view, CLIP. */
static isk_fit_desc run_of(int number) {
    static const char *const settings[RUNS] = { "lambda=3", "norm=batch dropout=0.2 standardize=none shared_scale=raw",
                                                "norm=layer activation=gelu tau=0.05 lambda=0.33333333333333331", "", "temperature=fixed" };
    isk_fit_desc fit = small_fit(context, 120, settings[number]);
    set_options(context, &fit.options, "epochs=3 shared_epochs=3 diagnoses=0");
    if (number == 2 || number == 3) {
        fit.views[0].given = matrix_of(given1, 120, GIVEN_COLS);
        fit.views[1].given = matrix_of(given2, 120, GIVEN_COLS);
    }
    if (number == 3) {
        fit.view_count = 1;
        fit.method = ISK_INDISEEK0;
    }
    if (number == 4) { fit.method = ISK_CLIP; }
    return fit;
}

static isk_model *fitted(int number) {
    isk_fit_desc fit = run_of(number);
    isk_model *model;
    ok(isk_fit(context, &fit, &model));
    return model;
}

/* Everything that a model can say about `rows` rows from the first on: shared, specific, reconstruction of both views. */
typedef struct features { isk_scalar shared[2][ROWS * SHARED_DIM], specific[2][ROWS * DIM], rebuilt[2][ROWS * VIEW1_COLS]; } features;

static isk_status transform_rows(const isk_model *model, int first, int rows, features *out) {
    isk_transform_desc desc;
    int given = isk_model_cols(model, ISK_ROLE_SHARED, 0) == 0, view;
    memset(&desc, 0, sizeof desc);
    for (view = 0; view < isk_model_views(model); view++) {
        int cols = isk_model_view_cols(model, view);
        desc.views[view].x = matrix_of((view ? view2 : view1) + first * cols, rows, cols);
        if (given) { desc.views[view].given = matrix_of((view ? given2 : given1) + first * GIVEN_COLS, rows, GIVEN_COLS); }
        if (!given) { ask(&desc, ISK_ROLE_SHARED, view, out->shared[view] + first * SHARED_DIM); }
        if (!isk_model_cols(model, ISK_ROLE_SPECIFIC, view)) { continue; }
        ask(&desc, ISK_ROLE_SPECIFIC, view, out->specific[view] + first * DIM);
        ask(&desc, ISK_ROLE_RECONSTRUCTION, view, out->rebuilt[view] + first * cols);
    }
    return isk_transform(model, &desc);
}

/* ---- saving and loading --------------------------------------------------------------------------------------------------- */

static void loaded_is_saved(void **state) {
    static features before, after;
    int number;
    (void)state;
    for (number = 0; number < RUNS; number++) {
        isk_model *model = fitted(number), *loaded;
        isk_fit_desc fit = run_of(number);
        const char *path = scratch("models_round.safetensors");
        int view, i;
        memset(&before, 0, sizeof before);
        memset(&after, 0, sizeof after);
        ok(isk_save(model, path));
        ok(isk_load(context, path, &loaded));
        ok(transform_rows(model, 0, ROWS, &before));
        ok(transform_rows(loaded, 0, ROWS, &after));
        assert_memory_equal(&before, &after, sizeof before);
        same_model(context, model, loaded, "loaded");
        assert_ptr_equal(isk_model_method(loaded), fit.method);
        assert_int_equal(isk_model_seed(loaded), 7);
        assert_int_equal(isk_model_views(loaded), fit.view_count);
        for (view = -1; view < 5; view++) {
            int in = view >= 0 && view < fit.view_count, specific = in && fit.method != ISK_CLIP;
            assert_int_equal(isk_model_view_cols(loaded, view), in ? fit.views[view].x.cols : 0);
            assert_int_equal(isk_model_cols(loaded, ISK_ROLE_SHARED, view), in && !fit.views[0].given.data ? SHARED_DIM : 0);
            assert_int_equal(isk_model_cols(loaded, ISK_ROLE_SPECIFIC, view), specific ? DIM : 0);
            assert_int_equal(isk_model_cols(loaded, ISK_ROLE_RECONSTRUCTION, view), specific ? fit.views[view].x.cols : 0);
            assert_int_equal(isk_model_cols(loaded, ISK_ROLE_FUSED, view), 0);
        }
        assert_int_equal(isk_model_output_count(loaded), isk_model_output_count(model));
        for (i = -1; i <= isk_model_output_count(model); i++) {
            const isk_output_info *ours = isk_model_output(model, i), *theirs = isk_model_output(loaded, i);
            assert_int_equal(ours != NULL, i >= 0 && i < isk_model_output_count(model));
            if (!ours) { assert_null(theirs); continue; }
            assert_string_equal(theirs->name, ours->name);
            assert_string_equal(ours->name, output_name(ours->role, ours->view));
            assert_true(theirs->role == ours->role && theirs->view == ours->view && theirs->cols == ours->cols);
            assert_int_equal(isk_model_cols(model, ours->role, ours->view), ours->cols);
        }
        for (i = 0; i < isk_option_count(NULL); i++) {
            char ours[32], theirs[32];
            assert_string_equal(isk_option_text(NULL, isk_model_options(model), i, ours),
                                isk_option_text(NULL, isk_model_options(loaded), i, theirs));
        }
        assert_true(isk_model_options(model)->lambda == isk_model_options(loaded)->lambda);
        isk_model_close(model);
        isk_model_close(loaded);
        remove(path);
    }
    isk_model_close(NULL);
}

/* What torch.load_state_dict needs: PyTorch's names, [out, in] matrices, vectors of one dimension; and only weights. */
static void saved_as_pytorch_does(void **state) {
    static const struct { const char *name; int dimensions; int64_t shape[2]; } due[] = {
        { "shared1.0.weight", 2, { 12, 6 } }, { "shared1.0.bias", 1, { 12, 0 } }, { "shared2.4.weight", 2, { 3, 12 } },
        { "specific1.2.weight", 2, { 12, 12 } }, { "specific2.0.weight", 2, { 12, 4 } }, { "decoder1.0.weight", 2, { 12, 7 } },
        { "decoder1.4.weight", 2, { 6, 12 } }, { "decoder2.4.bias", 1, { 4, 0 } }, { "standardise1.running_mean", 1, { 4, 0 } },
        { "standardise2.running_var", 1, { 4, 0 } }, { "logit_scale", 1, { 1, 0 } },
    };
    isk_model *model = fitted(0);
    isk_safetensors *file;
    const char *path = scratch("models_names.safetensors");
    int i;
    (void)state;
    ok(isk_save(model, path));
    ok(isk_safetensors_open(context, path, &file));
    assert_int_equal(isk_safetensors_count(file), 2 * 3 * 6 + 2 * 2 + 1);
    for (i = 0; i < (int)COUNT(due); i++) {
        const isk_safetensors_entry *entry = isk_safetensors_find(file, due[i].name);
        if (!entry) { fail_msg("there is no %s", due[i].name); }
        assert_int_equal(entry->type, ISK_TYPE_F32);
        assert_int_equal(entry->dimensions, due[i].dimensions);
        assert_int_equal(entry->shape[0], due[i].shape[0]);
        if (due[i].dimensions == 2) { assert_int_equal(entry->shape[1], due[i].shape[1]); }
    }
    assert_string_equal(isk_safetensors_text(file, "format"), "indiseek.model");
    assert_string_equal(isk_safetensors_text(file, "format_number"), "2");
    assert_string_equal(isk_safetensors_text(file, "version"), ISK_VERSION);
    assert_string_equal(isk_safetensors_text(file, "method"), "indiseek");
    assert_string_equal(isk_safetensors_text(file, "option.lambda"), "3");
    assert_string_equal(isk_safetensors_text(file, "data.rows"), "120");
    assert_int_equal(strlen(isk_safetensors_text(file, "data.sha256")), 64);
    isk_safetensors_close(file);
    isk_model_close(model);
    remove(path);
}

static void saving_says_why_not(void **state) {
    isk_model *model = fitted(4);
    (void)state;
    assert_int_equal(isk_save(model, SCRATCH "/no-such-folder/model.safetensors"), ISK_IO);
    assert_non_null(strstr(isk_error(context), "cannot be created: No such file or directory"));
    expect(context, isk_save(model, SCRATCH), ISK_IO, SCRATCH ": cannot be replaced: it is not a regular file");
    isk_model_close(model);
}

/* A folder without room: the old file stays, and nothing beside it. */
static void saving_without_room(void **state) {
    isk_model *model = fitted(0);
    const char *path = scratch("models_full.safetensors");
    struct rlimit limit, small;
    size_t before, after;
    char *old, *now;
    (void)state;
    ok(isk_save(model, path));
    old = read_bytes_of(path, &before);
    ok(isk_model_put_text(model, "user.more", "makes another file"));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = 5000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(isk_save(model, path), ISK_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_string_equal(isk_error(context), SCRATCH "/models_full.safetensors: cannot be written: File too large");
    now = read_bytes_of(path, &after);
    assert_true(before == after && memcmp(old, now, before) == 0);
    ok(isk_save(model, path));
    free(old);
    free(now);
    isk_model_close(model);
    remove(path);
}

/* ---- transforming ------------------------------------------------------------------------------------------------------------ */

/* Each row's result depends on that row alone: bit for bit, in whatever company and on however many threads. */
static void pieces_give_the_whole(void **state) {
    static const int sizes[] = { 1, 2, 3, 7, 64, 255, 256, 257, 299 };
    static features whole, pieces;
    int number, i, first;
    (void)state;
    for (number = 0; number < RUNS; number++) {
        isk_model *model = fitted(number), *elsewhere;
        isk_context *threads = isk_open(&(isk_context_desc){ .threads = 3 });
        const char *path = scratch("models_pieces.safetensors");
        memset(&whole, 0, sizeof whole);
        ok(transform_rows(model, 0, ROWS, &whole));
        for (i = 0; i < (int)COUNT(sizes); i++) {
            memset(&pieces, 0, sizeof pieces);
            for (first = 0; first < ROWS; first += sizes[i]) {
                ok(transform_rows(model, first, first + sizes[i] > ROWS ? ROWS - first : sizes[i], &pieces));
            }
            if (memcmp(&whole, &pieces, sizeof whole) != 0) { fail_msg("run %d: pieces of %d rows differ", number, sizes[i]); }
        }
        ok(isk_save(model, path));
        ok(isk_load(threads, path, &elsewhere));
        memset(&pieces, 0, sizeof pieces);
        ok(transform_rows(elsewhere, 0, ROWS, &pieces));
        assert_memory_equal(&whole, &pieces, sizeof whole);
        isk_model_close(elsewhere);
        isk_close(threads);
        isk_model_close(model);
        remove(path);
    }
}

/* A view that was not measured is left out; the other's features are the same, and nothing is written for it. */
static void one_view_of_two(void **state) {
    static features both, one;
    isk_model *model = fitted(0);
    isk_transform_desc desc;
    (void)state;
    ok(transform_rows(model, 0, ROWS, &both));
    memset(&desc, 0, sizeof desc);
    memset(&one, 0, sizeof one);
    desc.views[1].x = matrix_of(view2, ROWS, VIEW2_COLS);
    ask(&desc, ISK_ROLE_SHARED, 1, one.shared[1]);
    ask(&desc, ISK_ROLE_SPECIFIC, 1, one.specific[1]);
    ok(isk_transform(model, &desc));
    assert_memory_equal(one.shared[1], both.shared[1], sizeof one.shared[1]);
    assert_memory_equal(one.specific[1], both.specific[1], sizeof one.specific[1]);
    ask(&desc, ISK_ROLE_SHARED, 1, NULL);       /* the reconstruction alone */
    ask(&desc, ISK_ROLE_SPECIFIC, 1, NULL);
    ask(&desc, ISK_ROLE_RECONSTRUCTION, 1, one.rebuilt[1]);
    ok(isk_transform(model, &desc));
    assert_memory_equal(one.rebuilt[1], both.rebuilt[1], sizeof(isk_scalar) * ROWS * VIEW2_COLS);
    isk_model_close(model);
}

/* C has norm 1 unless it is asked for raw. */
static void shared_features_are_units(void **state) {
    static features out;
    int number, i, j;
    (void)state;
    for (number = 0; number < 2; number++) {
        isk_model *model = fitted(number);
        int units = 0;
        ok(transform_rows(model, 0, ROWS, &out));
        for (i = 0; i < ROWS; i++) {
            double norm = 0;
            for (j = 0; j < SHARED_DIM; j++) {
                norm += (double)out.shared[0][i * SHARED_DIM + j] * (double)out.shared[0][i * SHARED_DIM + j];
            }
            units += fabs(norm - 1) < 1e-5;
        }
        assert_true(number == 0 ? units == ROWS : units < ROWS / 10);
        isk_model_close(model);
    }
}

static void wrong_transforms(void **state) {
    static isk_scalar out[ROWS * VIEW1_COLS], bad[3 * VIEW1_COLS];
    isk_model *model = fitted(0), *clip = fitted(4), *given = fitted(2), *one = fitted(3);
    isk_transform_desc desc, good;
    int i;
    (void)state;
    memset(&desc, 0, sizeof desc);
    expect(context, isk_transform(model, &desc), ISK_ARGUMENT, "transform: no output is asked for; set desc->out");
    ask(&desc, ISK_ROLE_SPECIFIC, 0, out);
    expect(context, isk_transform(model, &desc), ISK_ARGUMENT, "transform: there is no view");
    desc.views[1].x = matrix_of(view2, ROWS, VIEW2_COLS);
    expect(context, isk_transform(model, &desc), ISK_ARGUMENT, "transform: specific1 is asked for without the data of view 1");
    memset(desc.views, 0, sizeof desc.views);
    desc.views[0].x = matrix_of(view1, ROWS, VIEW1_COLS - 1);
    expect(context, isk_transform(model, &desc), ISK_SHAPE, "transform: view 1 has 5 columns; the model was trained on 6");
    desc.views[0].x = matrix_of(view1, 0, VIEW1_COLS);
    expect(context, isk_transform(model, &desc), ISK_SHAPE, "transform: view 1 is empty: 0 x 6");
    desc.views[0].x = matrix_of(view1, ROWS, VIEW1_COLS);
    good = desc;
    ok(isk_transform(model, &good));
    desc.views[1].x = matrix_of(view2, ROWS - 1, VIEW2_COLS);
    expect(context, isk_transform(model, &desc), ISK_SHAPE,
           "transform: view 2 has 299 rows, view 1 has 300; rows must be the same samples");
    memset(bad, 0, sizeof bad);
    bad[1 * VIEW1_COLS + 3] = (isk_scalar)INFINITY;
    desc = good;
    desc.views[0].x = matrix_of(bad, 3, VIEW1_COLS);
    expect(context, isk_transform(model, &desc), ISK_DATA, "transform: view 1: row 2, column 4 is infinite; remove or impute it");
    bad[1 * VIEW1_COLS + 3] = (isk_scalar)NAN;
    expect(context, isk_transform(model, &desc), ISK_DATA, "transform: view 1: row 2, column 4 is not a number; remove or impute it");
    desc = good;
    ask(&desc, ISK_ROLE_SPECIFIC, 2, out);
    expect(context, isk_transform(model, &desc), ISK_ARGUMENT, "transform: this model of method indiseek has no output 'specific3'; it has "
           "shared1, specific1, reconstruction1, shared2, specific2 and reconstruction2");
    ask(&desc, ISK_ROLE_SPECIFIC, 2, NULL);
    ask(&desc, ISK_ROLE_SHARED, 1, out);
    expect(context, isk_transform(one, &desc), ISK_ARGUMENT, "transform: this model of method indiseek0 has no output 'shared2'; it has "
           "specific1 and reconstruction1");
    expect(context, isk_transform(clip, &good), ISK_ARGUMENT, "transform: this model of method clip has no output 'specific1'; it has "
           "shared1 and shared2");
    desc = good;
    ask(&desc, ISK_ROLE_SPECIFIC, 0, NULL);
    ask(&desc, ISK_ROLE_SHARED, 0, out);
    ok(isk_transform(clip, &desc));
    expect(context, isk_transform(given, &desc), ISK_ARGUMENT, "transform: this model of method indiseek has no output 'shared1'; it has "
           "specific1, reconstruction1, specific2 and reconstruction2");
    desc = good;
    ask(&desc, ISK_ROLE_RECONSTRUCTION, 0, out);
    ok(isk_transform(model, &desc));
    expect(context, isk_transform(given, &desc), ISK_SHAPE, "transform: given shared features 1 is empty: 0 x 0");
    desc.views[0].given = matrix_of(given1, ROWS, 1);
    expect(context, isk_transform(given, &desc), ISK_SHAPE, "transform: given shared features 1 have 1 columns; the model has 2");
    desc.views[0].given = matrix_of(given1, ROWS - 1, GIVEN_COLS);
    expect(context, isk_transform(given, &desc), ISK_SHAPE,
           "transform: given shared features 1 has 299 rows, view 1 has 300; rows must be the same samples");
    desc.views[0].given = matrix_of(given1, ROWS, GIVEN_COLS);
    ok(isk_transform(given, &desc));
    for (i = 0; i < ROWS * VIEW1_COLS; i++) { assert_true(out[i] - out[i] == 0); }
    isk_model_close(model);
    isk_model_close(clip);
    isk_model_close(given);
    isk_model_close(one);
}

/* ---- what the user adds ---------------------------------------------------------------------------------------------------------- */

static void what_the_user_adds_stays(void **state) {
    isk_model *model = fitted(0), *loaded;
    isk_scalar means[6] = { 1, 2, 3, 4, (isk_scalar)-0.1, 6 }, odd[2] = { (isk_scalar)NAN, (isk_scalar)INFINITY };
    isk_matrix found;
    const char *path = scratch("models_items.safetensors");
    char name[64] = "user.0123456789012345678901234567890123456789012345678901234567";
    (void)state;
    assert_int_equal(strlen(name), 63);
    ok(isk_model_put(model, "user.means", matrix_of(means, 2, 3)));
    ok(isk_model_put(model, "user.odd", matrix_of(odd, 1, 2)));
    ok(isk_model_put(model, name, matrix_of(means, 1, 1)));
    ok(isk_model_put_text(model, "user.note", "a \"quoted\" line, \\ and \xc3\xa9\t"));
    ok(isk_model_put_text(model, "user.means", "a text beside the matrix"));
    means[0] = 99;                              /* it was copied */
    found = isk_model_get(model, "user.means");
    assert_true(found.rows == 2 && found.cols == 3 && found.data[0] == 1);
    ok(isk_model_put(model, "user.means", matrix_of(means + 3, 3, 1)));         /* replaced */
    ok(isk_model_put_text(model, "user.gone", "x"));
    ok(isk_model_put_text(model, "user.gone", ""));
    ok(isk_save(model, path));
    ok(isk_load(context, path, &loaded));
    found = isk_model_get(loaded, "user.means");
    assert_true(found.rows == 3 && found.cols == 1);
    assert_memory_equal(found.data, means + 3, 3 * sizeof(isk_scalar));
    found = isk_model_get(loaded, "user.odd");
    assert_true(found.cols == 2 && isnan(found.data[0]) && isinf(found.data[1]));
    assert_true(isk_model_get(loaded, name).rows == 1);
    assert_string_equal(isk_model_get_text(loaded, "user.note"), "a \"quoted\" line, \\ and \xc3\xa9\t");
    assert_string_equal(isk_model_get_text(loaded, "user.means"), "a text beside the matrix");
    assert_string_equal(isk_model_get_text(loaded, "user.gone"), "");
    same_model(context, model, loaded, "with items");
    assert_null(isk_model_get_text(loaded, "user.none"));
    found = isk_model_get(loaded, "user.none");
    assert_true(!found.data && found.rows == 0);
    found = isk_model_get(loaded, "user.note");                                 /* a text is no matrix */
    assert_true(!found.data && found.rows == 0);
    expect(context, isk_model_put(model, "means", matrix_of(means, 2, 3)), ISK_ARGUMENT,
           "the name 'means' must start with \"user.\" and have at most 63 bytes");
    expect(context, isk_model_put_text(model, "option.lambda", "1"), ISK_ARGUMENT,
           "the name 'option.lambda' must start with \"user.\" and have at most 63 bytes");
    assert_int_equal(isk_model_put_text(model, "user.01234567890123456789012345678901234567890123456789012345678", "x"), ISK_ARGUMENT);
    expect(context, isk_model_put(model, "user.empty", matrix_of(means, 0, 3)), ISK_SHAPE, "'user.empty' is empty: 0 x 3");
    expect(context, isk_model_put(model, "user.empty", matrix_of(NULL, 1, 3)), ISK_SHAPE, "'user.empty' is empty: 1 x 3");
    isk_model_close(model);
    isk_model_close(loaded);
    remove(path);
}

/* ---- files that are no models ------------------------------------------------------------------------------------ */

static void files_that_are_no_models(void **state) {
    static const struct { change how; isk_status status; const char *due; } cases[] = {
        { { .drop = "format" }, ISK_DATA, "not a model of this library (metadata 'format' is missing)" },
        { { .key = "format", .value = "pt" }, ISK_DATA, "not a model of this library (metadata 'format' is 'pt')" },
        { { .drop = "method" }, ISK_DATA, "saved by indiseek " ISK_VERSION " with method '', which indiseek " ISK_VERSION " does not know: "
          "use that version, or make the method known by isk_method_add" },
        { { .key = "method", .value = "vae" }, ISK_DATA, "saved by indiseek " ISK_VERSION " with method 'vae', which indiseek " ISK_VERSION
          " does not know: use that version, or make the method known by isk_method_add" },
        { { .key = "method", .value = "clip" }, ISK_OK, NULL },             /* its weights are all there */
        { { .drop = "option.width" }, ISK_DATA, "metadata 'option.width' is missing" },
        { { .key = "option.width", .value = "0" }, ISK_DATA, "option width is 0; it must be from 1 to 65536" },
        { { .key = "option.width", .value = "many" }, ISK_DATA, "option width is 'many'; it must be a whole number from 1 to 65536" },
        { { .key = "option.lambda", .value = "-2" }, ISK_DATA, "option lambda is -2; it must be from 0 to 1e+09" },
        { { .key = "option.norm", .value = "group" }, ISK_DATA, "option norm is 'group'; it must be one of none|layer|batch" },
        { { .key = "option.width", .value = "13" }, ISK_SHAPE, "tensor 'shared1.0.weight' is [12, 6]; the model's is [13, 6]" },
        { { .key = "option.dim", .value = "65536" }, ISK_SHAPE, "tensor 'specific1.4.weight' is [4, 12]; the model's is [65536, 12]" },
        { { .key = "option.layers", .value = "4" }, ISK_SHAPE, "tensor 'shared1.4.weight' is [3, 12]; the model's is [12, 12]" },
        { { .key = "option.layers", .value = "64" }, ISK_SHAPE, "tensor 'shared1.4.weight' is [3, 12]; the model's is [12, 12]" },
        { { .key = "option.norm", .value = "layer" }, ISK_DATA, "tensor 'shared1.1.weight' is missing" },
        { { .drop = "seed" }, ISK_DATA, "metadata 'seed' is missing; it must be a whole number up to 18446744073709551615" },
        { { .key = "seed", .value = "-1" }, ISK_DATA, "metadata 'seed' is '-1'; it must be a whole number up to 18446744073709551615" },
        { { .key = "seed", .value = "18446744073709551616" }, ISK_DATA,
          "metadata 'seed' is '18446744073709551616'; it must be a whole number up to 18446744073709551615" },
        { { .key = "data.rows", .value = "1e3" }, ISK_DATA,
          "metadata 'data.rows' is '1e3'; it must be a whole number up to 9223372036854775807" },
        { { .key = "views", .value = "5" }, ISK_DATA, "metadata 'views' is '5'; it must be a whole number up to 4" },
        { { .key = "views", .value = "3" }, ISK_DATA, "metadata 'view3.cols' is missing; it must be a whole number up to 16777216" },
        { { .key = "view1.steps", .value = "0" }, ISK_DATA, "view 1 has 6 columns in 0 steps, which no model has" },
        { { .key = "view2.steps", .value = "7" }, ISK_DATA, "view 2 has 4 columns in 7 steps, which no model has" },
        { { .key = "views", .value = "0" }, ISK_DATA, "0 views without given shared features, which no model of method indiseek has" },
        { { .key = "views", .value = "1" }, ISK_DATA, "1 views without given shared features, which no model of method indiseek has" },
        { { .key = "view1.cols", .value = "0" }, ISK_DATA, "view 1 has 0 columns and 0 given ones, which no model has" },
        { { .key = "given2.cols", .value = "5" }, ISK_DATA, "view 2 has 4 columns and 5 given ones, which no model has" },
        { { .key = "view2.cols", .value = "16777217" }, ISK_DATA,
          "metadata 'view2.cols' is '16777217'; it must be a whole number up to 16777216" },
        { { .key = "view2.cols", .value = "16777216" }, ISK_SHAPE, "tensor 'shared2.0.weight' is [12, 4]; the model's is [12, 16777216]" },
        { { .drop = "decoder2.4.bias" }, ISK_DATA, "tensor 'decoder2.4.bias' is missing" },
        { { .drop = "logit_scale" }, ISK_DATA, "tensor 'logit_scale' is missing" },
        { { .tensor = "specific1.0.weight", .dimensions = 2, .shape = { 6, 12 } }, ISK_SHAPE,
          "tensor 'specific1.0.weight' is [6, 12]; the model's is [12, 6]" },
        { { .tensor = "specific1.0.bias", .dimensions = 2, .shape = { 12, 1 } }, ISK_SHAPE,
          "tensor 'specific1.0.bias' is [12, 1]; the model's is [12]" },
        { { .tensor = "logit_scale", .dimensions = 0, .shape = { 0 } }, ISK_SHAPE, "tensor 'logit_scale' is []; the model's is [1]" },
        { { .tensor = "decoder1.0.bias", .dimensions = 3, .shape = { 12, 1, 1 } }, ISK_SHAPE,
          "tensor 'decoder1.0.bias' is [12, 1, 1]; the model's is [12]" },
        { { .tensor = "specific1.0.bias", .dimensions = 1, .shape = { 12 }, .fill = NAN }, ISK_DATA, "specific1.0.bias" },
        { { .tensor = "user.cube", .dimensions = 3, .shape = { 2, 2, 2 } }, ISK_SHAPE,
          "tensor 'user.cube' has 3 dimensions; it must have 2" },
        { { .tensor = "other", .dimensions = 1, .shape = { 5 } }, ISK_OK, NULL },       /* what is not ours is left alone */
        { { .key = "other", .value = "text" }, ISK_OK, NULL },
    };
    static const char start[] = SCRATCH "/changed.safetensors: ";
    isk_model *model = fitted(0), *loaded;
    const char *path = scratch("models_good.safetensors");
    char good[200];
    int i;
    (void)state;
    snprintf(good, sizeof good, "%s", path);
    ok(isk_save(model, good));
    for (i = 0; i < (int)COUNT(cases); i++) {
        const char *changed_path = changed(context, good, &cases[i].how);
        isk_status status;
        loaded = (isk_model *)1;
        status = isk_load(context, changed_path, &loaded);
        if (status != cases[i].status) { fail_msg("case %d: %s: %s", i, isk_status_text(status), isk_error(context)); }
        if (status == ISK_OK) {
            isk_model_close(loaded);
            continue;
        }
        assert_null(loaded);
        if (strncmp(isk_error(context), start, sizeof start - 1) != 0 || !strstr(isk_error(context), cases[i].due)) {
            fail_msg("case %d\n  got %s\n  due %s", i, isk_error(context), cases[i].due);
        }
        if (strlen(cases[i].due) > 20) { assert_string_equal(isk_error(context) + sizeof start - 1, cases[i].due); }
    }
    isk_model_close(model);
    remove(good);
    remove(scratch("changed.safetensors"));
}

static void damaged_models(void **state) {
    isk_model *model = fitted(4), *loaded;
    const char *path = scratch("models_damaged.safetensors");
    char *bytes;
    size_t count, cut;
    uint64_t random = 5;
    (void)state;
    ok(isk_save(model, path));
    bytes = read_bytes_of(path, &count);
    for (cut = 0; cut < count; cut += 1 + count / 200) {            /* truncated */
        write_bytes("models_damaged.safetensors", bytes, cut);
        assert_int_equal(isk_load(context, SCRATCH "/models_damaged.safetensors", &loaded), ISK_DATA);
        assert_null(loaded);
    }
    for (cut = 0; cut < 400; cut++) {                              /* a byte changed, anywhere in the header */
        size_t at = (size_t)(uniform(&random) * 3000) % count;
        char kept = bytes[at];
        bytes[at] = (char)(uniform(&random) * 256);
        write_bytes("models_damaged.safetensors", bytes, count);
        if (isk_load(context, SCRATCH "/models_damaged.safetensors", &loaded) == ISK_OK) {
            isk_model_close(loaded);
        } else {
            assert_null(loaded);
            assert_non_null(strstr(isk_error(context), "models_damaged.safetensors"));
        }
        bytes[at] = kept;
    }
    assert_int_equal(isk_load(context, SCRATCH "/models_none.safetensors", &loaded), ISK_IO);
    assert_string_equal(isk_error(context), SCRATCH "/models_none.safetensors: cannot be opened: No such file or directory");
    free(bytes);
    isk_model_close(model);
    remove(SCRATCH "/models_damaged.safetensors");
}

/* ---- memory that runs out ---------------------------------------------------------------------------------------- */

/* Trains, transforms, saves. */
static isk_status first_life(isk_context *scarce, void *argument) {
    static features out;
    isk_sweep_desc sweep;
    isk_model *models[2] = { NULL, NULL };
    isk_scalar mean = 1;
    isk_status status;
    memset(&sweep, 0, sizeof sweep);
    sweep.fit = *(const isk_fit_desc *)argument;
    sweep.seed_count = 2;
    status = isk_sweep(scarce, &sweep, models);
    if (status == ISK_OK) { status = transform_rows(models[0], 0, 5, &out); }
    if (status == ISK_OK) { status = isk_model_put(models[0], "user.mean", matrix_of(&mean, 1, 1)); }
    if (status == ISK_OK) { status = isk_model_put_text(models[0], "user.note", "a note"); }
    if (status == ISK_OK) { status = isk_save(models[0], SCRATCH "/models_scarce.safetensors"); }
    isk_model_close(models[0]);
    isk_model_close(models[1]);
    return status;
}

/* Loads what the first life saved, transforms. */
static isk_status second_life(isk_context *scarce, void *argument) {
    static features out;
    isk_model *loaded = (isk_model *)1;
    isk_status status = isk_load(scarce, SCRATCH "/models_scarce.safetensors", &loaded);
    (void)argument;
    if (status != ISK_OK) {
        assert_null(loaded);
        return status;
    }
    status = transform_rows(loaded, 0, 5, &out);
    isk_model_close(loaded);
    return status;
}

static isk_status resumed_life(isk_context *scarce, void *argument) {
    isk_sweep_desc sweep;
    isk_model *model = NULL;
    isk_status status;
    memset(&sweep, 0, sizeof sweep);
    sweep.fit = *(const isk_fit_desc *)argument;
    status = isk_resume(scarce, &sweep, &model);
    isk_model_close(model);
    return status;
}

static isk_status graph_life(isk_context *scarce, void *argument) {
    isk_graph *graph = isk_graph_open(scarce, &(isk_graph_desc){ .models = 2 });
    isk_mlp_desc mlp = { .layers = 2, .width = 5, .out = 3, .norm = ISK_NORM_BATCH, .dropout = 0.1, .mode = ISK_MODE_TRAIN };
    isk_status status = ISK_MEMORY;
    (void)argument;
    if (graph) {
        isk_tensor x = isk_input(graph, 6, 4), y = isk_mlp(isk_group_scope(graph, "net"), x, &mlp);
        isk_tensor loss = isk_squared_error(isk_standardize_rows(isk_group_scope(graph, "net"), y, 1), isk_input(graph, 6, 3));
        isk_program *step = isk_program_minimize(graph, "net", loss, NULL), *look = isk_program_compute(graph, &y, 1);
        isk_scalar values[24] = { 1, 2, 3 };
        if (step && look) {
            status = isk_write(x, 1, values);
            if (status == ISK_OK) { status = isk_run(step, 3); }
            if (status == ISK_OK) { status = isk_run(look, 1); }
            if (status == ISK_OK) { status = isk_read(y, 1, values); }
        }
    }
    isk_graph_close(graph);
    return status;
}

static void memory_that_runs_out(void **state) {
    isk_context *scarce = scarce_context();
    isk_fit_desc fit = small_fit(context, 40, "epochs=2 shared_epochs=1 diagnoses=1 patience=1 width=5 layers=2 batch=16");
    isk_sweep_desc sweep;
    isk_model *model;
    (void)state;
    sweep_memory(scarce, graph_life, NULL);
    sweep_memory(scarce, first_life, &fit);
    sweep_memory(scarce, second_life, NULL);
    fit.preset = ISK_PAPER;
    sweep_memory(scarce, first_life, &fit);
    fit.checkpoint = SCRATCH "/models_scarce_ck.safetensors";
    fit.checkpoint_every = 1;
    memset(&sweep, 0, sizeof sweep);
    sweep.fit = fit;
    ok(isk_sweep(context, &sweep, &model));             /* leaves a checkpoint behind */
    isk_model_close(model);
    sweep_memory(scarce, resumed_life, &fit);
    isk_close(scarce);
    assert_int_equal(supply.live, 0);
    remove(SCRATCH "/models_scarce.safetensors");
    remove(SCRATCH "/models_scarce_ck.safetensors");
}

/* ---- contexts side by side --------------------------------------------------------------------------------------- */

typedef struct side { int number; isk_status status; features out; char path[128], error[200]; } side;

static void *run_side(void *argument) {
    side *s = argument;
    isk_context *own = isk_open(&(isk_context_desc){ .threads = 2 });
    isk_fit_desc fit = run_of(s->number);
    isk_model *model = NULL, *loaded = NULL;
    fit.options.epochs = 15;
    s->status = isk_fit(own, &fit, &model);
    if (s->status == ISK_OK) { s->status = isk_save(model, s->path); }
    if (s->status == ISK_OK) { s->status = isk_load(own, s->path, &loaded); }
    if (s->status == ISK_OK) { s->status = transform_rows(loaded, 0, ROWS, &s->out); }
    snprintf(s->error, sizeof s->error, "%s", isk_error(own));
    isk_model_close(model);
    isk_model_close(loaded);
    isk_close(own);
    return NULL;
}

static void contexts_do_not_see_each_other(void **state) {
    static side alone[2], together[2];
    pthread_t threads[2];
    int i;
    (void)state;
    for (i = 0; i < 2; i++) {
        alone[i].number = together[i].number = i;
        snprintf(alone[i].path, sizeof alone[i].path, SCRATCH "/models_alone%d.safetensors", i);
        snprintf(together[i].path, sizeof together[i].path, SCRATCH "/models_together%d.safetensors", i);
        run_side(&alone[i]);
    }
    for (i = 0; i < 2; i++) { assert_int_equal(pthread_create(&threads[i], NULL, run_side, &together[i]), 0); }
    for (i = 0; i < 2; i++) { assert_int_equal(pthread_join(threads[i], NULL), 0); }
    for (i = 0; i < 2; i++) {
        size_t count_a, count_b;
        char *a, *b;
        if (together[i].status != ISK_OK || alone[i].status != ISK_OK) { fail_msg("%s %s", alone[i].error, together[i].error); }
        assert_memory_equal(&alone[i].out, &together[i].out, sizeof(features));
        a = read_bytes_of(alone[i].path, &count_a);
        b = read_bytes_of(together[i].path, &count_b);
        assert_true(count_a == count_b && memcmp(a, b, count_a) == 0);
        free(a);
        free(b);
        remove(alone[i].path);
        remove(together[i].path);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loaded_is_saved),
        cmocka_unit_test(saved_as_pytorch_does),
        cmocka_unit_test(saving_says_why_not),
        cmocka_unit_test(saving_without_room),
        cmocka_unit_test(pieces_give_the_whole),
        cmocka_unit_test(one_view_of_two),
        cmocka_unit_test(shared_features_are_units),
        cmocka_unit_test(wrong_transforms),
        cmocka_unit_test(what_the_user_adds_stays),
        cmocka_unit_test(files_that_are_no_models),
        cmocka_unit_test(damaged_models),
        cmocka_unit_test(memory_that_runs_out),
        cmocka_unit_test(contexts_do_not_see_each_other),
    };
    return cmocka_run_group_tests_name("models", tests, open_context, close_context);
}
