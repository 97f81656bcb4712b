/* Method transport: how much less Z says of C than that of cca where how X lies depends on C, how much it keeps and how little it depends
   on the seed; transform by its formula; what it is without its maps; masks; more columns than rows; the same bits for any threads, in
   sweeps, resumed, saved and loaded; numbers and warnings; what it refuses.  Its losses stand in test_transport_losses.c. */

#include "indiseek.h"
#include "tests/base/hostile.h"
#include "planted.h"
#include "transported.h"

static isk_fit_desc transport_of(int views) { return fit_of(ISK_TRANSPORT, views); }

/* ---- what it is for ---- */

enum { PEOPLE = 3200, FACTORS = 3, X_COLS = 10, Y_DIM = 5 };

/* Of each view 3 factors of its own, in which nothing lies that a line could tell of what is shared: what is shared says how far they
   spread and how they correlate. */
static isk_scalar people[2][PEOPLE * X_COLS], factors[2][PEOPLE * FACTORS];
static uint8_t people_part[PEOPLE];

static void plant_people(uint64_t seed) {
    static double mix[2][SHARED + FACTORS][X_COLS];
    int view, i, j, k;
    for (view = 0; view < 2; view++) {
        for (k = 0; k < SHARED + FACTORS; k++) {
            for (j = 0; j < X_COLS; j++) { mix[view][k][j] = gaussian(&seed); }
        }
    }
    for (i = 0; i < PEOPLE; i++) {
        const double s[SHARED] = { gaussian(&seed), gaussian(&seed) };
        people_part[i] = (uint8_t)(i % 4 == 3 ? ISK_TEST : i % 8 == 0 ? ISK_VALIDATION : ISK_TRAIN);
        for (view = 0; view < 2; view++) {
            const double turn = tanh(0.75 * s[view]);
            double e[FACTORS], of_view[FACTORS];
            for (k = 0; k < FACTORS; k++) {
                e[k] = gaussian(&seed);
                factors[view][i * FACTORS + k] = (isk_scalar)e[k];
            }
            of_view[0] = exp(0.28 * s[0]) * e[0];
            of_view[1] = exp(0.28 * s[1]) * (turn * e[0] + sqrt(1 - turn * turn) * e[1]);
            of_view[2] = exp(-0.28 * s[0]) * e[2];
            for (j = 0; j < X_COLS; j++) {
                double x = 0.1 * gaussian(&seed);
                for (k = 0; k < SHARED; k++) { x += s[k] * mix[view][k][j]; }
                for (k = 0; k < FACTORS; k++) { x += of_view[k] * mix[view][SHARED + k][j]; }
                people[view][i * X_COLS + j] = (isk_scalar)x;
            }
        }
    }
}

static double r2_of(int mlp, const isk_scalar *x, int x_cols, const isk_scalar *y, int y_cols) {
    isk_regression_desc desc;
    double r2;
    memset(&desc, 0, sizeof desc);
    desc.x = matrix_of(x, PEOPLE, x_cols);
    desc.y = matrix_of(y, PEOPLE, y_cols);
    desc.part = people_part;
    ok(mlp ? isk_mlp_r2(twice, &desc, &r2) : isk_ridge_r2(twice, &desc, &r2));
    return r2;
}

typedef struct split_up { isk_scalar c[2][PEOPLE * SHARED], z[2][PEOPLE * Y_DIM], g[2][PEOPLE * X_COLS]; } split_up;

static void split_people(const isk_method *method, uint64_t seed, split_up *out) {
    isk_fit_desc fit;
    isk_transform_desc desc;
    isk_model *model;
    int view;
    memset(&fit, 0, sizeof fit);
    memset(&desc, 0, sizeof desc);
    fit.method = method;
    fit.view_count = 2;
    fit.split = people_part;
    fit.seed = seed;
    fit.options.dim = Y_DIM;
    fit.options.shared_dim = SHARED;
    for (view = 0; view < 2; view++) {
        fit.views[view].x = matrix_of(people[view], PEOPLE, X_COLS);
        desc.views[view] = fit.views[view];
        ask(&desc, ISK_ROLE_SHARED, view, out->c[view]);
        ask(&desc, ISK_ROLE_SPECIFIC, view, out->z[view]);
        ask(&desc, ISK_ROLE_RECONSTRUCTION, view, out->g[view]);
    }
    model = fitted(twice, &fit);
    ok(isk_transform(model, &desc));
    isk_model_close(model);
}

static void leaks_less_and_keeps_more(void **state) {
    const int seeds = sizeof(isk_scalar) == sizeof(float) ? 3 : 1;
    static split_up plain, ours, again;
    double mean = 0, mean_plain = 0;
    int seed;
    int view;
    (void)state;
#ifdef SANITIZED
    print_message("# skipped: whole trainings take too long under the sanitizers\n");
    skip();
#endif
    for (seed = 1; seed <= seeds; seed++) {
        plant_people((uint64_t)seed);
        split_people(ISK_CCA, (uint64_t)seed, &plain);
        split_people(ISK_TRANSPORT, (uint64_t)seed, &ours);
        split_people(ISK_TRANSPORT, (uint64_t)seed + 10, &again);
        for (view = 0; view < 2; view++) {
            const double leak = r2_of(1, ours.z[view], Y_DIM, ours.c[1 - view], SHARED);
            const double leak_plain = r2_of(1, plain.z[view], Y_DIM, plain.c[1 - view], SHARED);
            const double kept = r2_of(0, ours.z[view], Y_DIM, factors[view], FACTORS);
            const double kept_plain = r2_of(0, plain.z[view], Y_DIM, factors[view], FACTORS);
            const double same = r2_of(0, ours.z[view], Y_DIM, again.z[view], Y_DIM);
            const double back = r2_of(0, ours.g[view], X_COLS, people[view], X_COLS);
            print_message("# leakage %.3f, of cca %.3f; factors %.3f, of cca %.3f; another seed %.3f; given back %.3f\n", leak, leak_plain,
                          kept, kept_plain, same, back);
            mean += leak / (2 * seeds);
            mean_plain += leak_plain / (2 * seeds);
            assert_true(leak < leak_plain / 3);
            assert_true(kept > 0.9 * kept_plain);
            assert_true(same > 0.95);
            assert_true(back > 0.9);
        }
    }
    assert_true(mean < 0.05 && mean_plain > 0.15);
}

/* A programme of a few rows of one of two types, and noise that is as strong in both: by the spread of their type, as a normal law
   would have it, the rows that have it would lie nearer than they do.  It stays nearly as far out as cca has it. */
static void what_is_rare_is_kept(void **state) {
    static split_up plain, ours;
    static isk_scalar programme[2][PEOPLE];
    uint64_t seed = 5;
    int view, i, j;
    (void)state;
#ifdef SANITIZED
    print_message("# skipped: whole trainings take too long under the sanitizers\n");
    skip();
#endif
    for (i = 0; i < PEOPLE; i++) {
        const int type = i / 4 % 2;
        people_part[i] = (uint8_t)(i % 4 == 3 ? ISK_TEST : i % 8 == 0 ? ISK_VALIDATION : ISK_TRAIN);
        for (view = 0; view < 2; view++) {
            programme[view][i] = (isk_scalar)(type == view && uniform(&seed) < 0.04 ? 8 : 0);
            for (j = 0; j < X_COLS; j++) {
                double x = (type ? 2 : -2) * (j < 5 ? 1 : -1) + gaussian(&seed);
                if (j % 5 < 2) { x += (double)programme[view][i]; }
                people[view][i * X_COLS + j] = (isk_scalar)x;
            }
        }
    }
    split_people(ISK_CCA, 1, &plain);
    split_people(ISK_TRANSPORT, 1, &ours);
    for (view = 0; view < 2; view++) {
        const double kept = r2_of(0, ours.z[view], Y_DIM, programme[view], 1);
        const double kept_plain = r2_of(0, plain.z[view], Y_DIM, programme[view], 1);
        print_message("# what is rare: %.3f, of cca %.3f\n", kept, kept_plain);
        assert_true(kept > 0.9 * kept_plain && kept_plain > 0.7);
    }
}

/* ---- its formula: from the numbers of the file, in float64 ---- */

enum { TENSORS = 160, MOST_CELLS = 4096 };
static struct { char name[48]; int cols; isk_scalar *values; } tensors[TENSORS];
static int tensor_count;

/* The file has weights as PyTorch, [out, in]. */
static block block_of_file(void *from, const char *name) {
    isk_safetensors *file = from;
    const isk_safetensors_entry *there;
    block b;
    int i;
    for (i = 0; i < tensor_count && strcmp(tensors[i].name, name) != 0; i++) {}
    if (i == tensor_count) {
        there = isk_safetensors_find(file, name);
        if (!there) { fail_msg("there is no %s", name); }
        assert_true(i < TENSORS && there->count <= MOST_CELLS);
        snprintf(tensors[i].name, sizeof tensors[i].name, "%s", name);
        tensors[i].cols = there->dimensions == 2 ? (int)there->shape[1] : 1;
        tensors[i].values = malloc(MOST_CELLS * sizeof *tensors[i].values);
        assert_non_null(tensors[i].values);
        ok(isk_safetensors_read(file, name, 0, there->count, tensors[i].values));
        tensor_count++;
    }
    b.values = tensors[i].values;
    b.down = 1;
    b.across = tensors[i].cols;
    return b;
}

static void transform_is_the_formula(void **state) {
    static const struct { int views; double amount; int maps, terms; } cases[] = {
        { 2, 0, 0, 0 }, { 2, 1, 1, ISK_NONE }, { 3, 0.5, 2, 3 }, { 2, ISK_NONE, 0, 0 },
    };
    static features f, again;
    size_t k;
    int view, i, j;
    (void)state;
    for (k = 0; k < COUNT(cases); k++) {
        isk_fit_desc fit = transport_of(cases[k].views);
        const char *path = scratch("transport.safetensors");
        isk_model *model, *loaded;
        isk_safetensors *file;
        fit.options.transport = cases[k].amount;
        fit.options.transport_maps = cases[k].maps;
        fit.options.transport_terms = cases[k].terms;
        model = fitted(context, &fit);
        features_of(model, &fit, &f);
        ok(isk_save(model, path));
        ok(isk_load(twice, path, &loaded));
        features_of(loaded, &fit, &again);
        assert_memory_equal(&f, &again, sizeof f);
        assert_ptr_equal(isk_model_method(loaded), ISK_TRANSPORT);
        isk_model_close(loaded);
        ok(isk_safetensors_open(context, path, &file));
        for (view = 0; view < cases[k].views; view++) {
            transported m = { block_of_file, file, view, cols_of[view], C_DIM, DIM, cases[k].maps ? cases[k].maps : 3,
                              cases[k].terms == ISK_NONE ? 0 : cases[k].terms ? cases[k].terms : 8,
                              cases[k].amount == ISK_NONE ? 0 : cases[k].amount > 0 ? cases[k].amount : 0.75 };
            for (i = 0; i < ROWS; i += 9) {
                double x[MOST_X], z[MOST_Y], g[MOST_X];
                rest r;
                for (j = 0; j < m.cols; j++) { x[j] = (double)data[view][i * m.cols + j]; }
                r = naive_rest(&m, x);
                naive_moved(&m, &r, z);
                naive_again(&m, &r, z, g);
                for (j = 0; j < C_DIM; j++) { assert_true(fabs(r.c[j] - (double)f.c[view][i * C_DIM + j]) < 1e-4); }
                for (j = 0; j < DIM; j++) { assert_true(fabs(z[j] - (double)f.z[view][i * DIM + j]) < 1e-3); }
                for (j = 0; j < m.cols; j++) { assert_true(fabs(g[j] - (double)f.g[view][i * m.cols + j]) < 1e-3); }
            }
        }
        while (tensor_count > 0) { free(tensors[--tensor_count].values); }
        isk_safetensors_close(file);
        isk_model_close(model);
        remove(path);
    }
}

/* W turns to principal components of the training rows: of mean 0 there, uncorrelated, the first varies most; and C tells nothing of
   them by a line, though the maps, of a few epochs, still leave it something.  It does nothing but turn: its columns are orthonormal,
   their largest entries positive. */
static void z_is_turned(void **state) {
    static features f;
    static double turn[DIM * DIM];
    const char *path = scratch("turn.safetensors");
    isk_fit_desc fit = transport_of(2);
    isk_safetensors *file;
    isk_model *model;
    int view, i, j, k;
    (void)state;
    fit.options.transport_epochs = 3;
    model = fitted(context, &fit);
    features_of(model, &fit, &f);
    ok(isk_save(model, path));
    ok(isk_safetensors_open(context, path, &file));
    for (view = 0; view < 2; view++) {
        double mean[DIM] = { 0 }, gram[DIM][DIM] = { { 0 } }, with[C_DIM][DIM] = { { 0 } }, power[C_DIM] = { 0 }, count = 0;
        for (i = 0; i < ROWS; i++) {
            if (split[i] != ISK_TRAIN) { continue; }
            count++;
            for (j = 0; j < DIM; j++) {
                mean[j] += (double)f.z[view][i * DIM + j];
                for (k = 0; k < DIM; k++) { gram[j][k] += (double)f.z[view][i * DIM + j] * (double)f.z[view][i * DIM + k]; }
                for (k = 0; k < C_DIM; k++) { with[k][j] += (double)f.c[view][i * C_DIM + k] * (double)f.z[view][i * DIM + j]; }
            }
            for (k = 0; k < C_DIM; k++) { power[k] += (double)f.c[view][i * C_DIM + k] * (double)f.c[view][i * C_DIM + k]; }
        }
        for (j = 0; j < DIM; j++) {
            assert_true(fabs(mean[j] / count) < 1e-3 * sqrt(gram[0][0] / count));
            for (k = 0; k < j; k++) { assert_true(fabs(gram[j][k]) < 1e-3 * gram[0][0]); }
            assert_true(j == 0 || gram[j][j] <= gram[j - 1][j - 1] * (1 + 1e-6));
            for (k = 0; k < C_DIM; k++) { assert_true(fabs(with[k][j]) <= 1e-3 * sqrt(gram[j][j] * power[k])); }
        }
        read_tensor(file, "turn%d.weight", view, DIM, DIM, turn);
        for (j = 0; j < DIM; j++) {
            double largest = 0;
            for (i = 0; i < DIM; i++) { largest = fabs(turn[j * DIM + i]) > fabs(largest) ? turn[j * DIM + i] : largest; }
            assert_true(largest > 0);
            for (k = 0; k < DIM; k++) {
                double product = 0;
                for (i = 0; i < DIM; i++) { product += turn[j * DIM + i] * turn[k * DIM + i]; }
                assert_true(fabs(product - (j == k)) < 1e-5);
            }
        }
    }
    isk_safetensors_close(file);
    remove(path);
    isk_model_close(model);
}

/* C is that of cca, bit for bit; with transport 0 and neither epochs nor matrices, Z is that of cca in units of X. */
static void without_maps_it_is_cca(void **state) {
    static features plain, ours;
    int views, view, i, j;
    (void)state;
    for (views = 2; views <= 3; views++) {
        isk_fit_desc fit = fit_of(ISK_CCA, views);
        isk_model *model = fitted(context, &fit);
        features_of(model, &fit, &plain);
        isk_model_close(model);
        fit.method = ISK_TRANSPORT;
        model = fitted(context, &fit);
        features_of(model, &fit, &ours);
        assert_memory_equal(plain.c, ours.c, sizeof plain.c);
        isk_model_close(model);
        fit.options.transport = ISK_NONE;
        fit.options.transport_terms = ISK_NONE;
        fit.options.transport_maps = 1;
        model = fitted(context, &fit);
        features_of(model, &fit, &ours);
        assert_memory_equal(plain.c, ours.c, sizeof plain.c);
        for (view = 0; view < views; view++) {
            assert_true(number(model, "validation_r2", view) > 0.95);
            for (j = 0; j < DIM; j++) {
                double with = 0, power = 0, left = 0;       /* Z of cca times its deviation, and as PCA orders and signs it */
                for (i = 0; i < ROWS; i++) {
                    with += (double)plain.z[view][i * DIM + j] * (double)ours.z[view][i * DIM + j];
                    power += (double)plain.z[view][i * DIM + j] * (double)plain.z[view][i * DIM + j];
                }
                for (i = 0; i < ROWS; i++) {
                    const double due = with / (power > 0 ? power : 1) * (double)plain.z[view][i * DIM + j];
                    left += ((double)ours.z[view][i * DIM + j] - due) * ((double)ours.z[view][i * DIM + j] - due) / ROWS;
                }
                assert_true(left < 1e-6);
            }
        }
        isk_model_close(model);
    }
}

/* X in other units: Z in these. */
static void units_are_those_of_x(void **state) {
    static features f, g;
    static isk_scalar small[VIEWS][ROWS * MOST_COLS];
    isk_fit_desc fit = transport_of(2);
    isk_model *model = fitted(context, &fit);
    const double unit = 1.0 / (1 << 24);
    int view, i;
    (void)state;
    features_of(model, &fit, &f);
    isk_model_close(model);
    for (view = 0; view < 2; view++) {
        for (i = 0; i < ROWS * cols_of[view]; i++) { small[view][i] = (isk_scalar)(unit * (double)data[view][i]); }
        fit.views[view].x.data = small[view];
    }
    model = fitted(context, &fit);
    features_of(model, &fit, &g);
    for (view = 0; view < 2; view++) {
        double apart = 0, power = 0;
        for (i = 0; i < ROWS * DIM; i++) {
            const double z = (double)f.z[view][i], miss = (double)g.z[view][i] / unit - z;
            apart += miss * miss;
            power += z * z;
        }
        assert_true(apart < 1e-4 * power);
        assert_true(number(model, "validation_r2", view) > 0.95);
    }
    isk_model_close(model);
}

/* ---- the same bits ---- */

static void threads_and_company_leave_no_trace(void **state) {
    static features f, g;
    isk_sweep_desc sweep;
    isk_model *models[3];
    int i;
    (void)state;
    memset(&sweep, 0, sizeof sweep);
    sweep.fit = transport_of(2);
    sweep.fit.split = NULL;                 /* rows are held out by the seed */
    sweep.seed_count = 3;
    sweep.fit.options.transport_epochs = 3;
    sweep.fit.options.transport_maps = 2;
    sweep.fit.checkpoint = scratch("transport.checkpoint");
    remove(sweep.fit.checkpoint);
    ok(isk_resume(twice, &sweep, models));
    for (i = 0; i < 3; i++) {
        isk_fit_desc fit = sweep.fit;
        isk_model *alone;
        fit.checkpoint = NULL;
        fit.seed += (uint64_t)i;
        alone = fitted(context, &fit);
        features_of(alone, &fit, &f);
        features_of(models[i], &fit, &g);
        assert_memory_equal(&f, &g, sizeof f);
        assert_true(number(alone, "loss", 1) == number(models[i], "loss", 1));
        assert_true(number(alone, "validation_r2", 1) == number(models[i], "validation_r2", 1));
        isk_model_close(alone);
        isk_model_close(models[i]);
    }
    ok(isk_resume(twice, &sweep, models));  /* once more, from where that ended */
    features_of(models[2], &sweep.fit, &f);
    assert_memory_equal(&f, &g, sizeof f);
    for (i = 0; i < 3; i++) { isk_model_close(models[i]); }
    remove(sweep.fit.checkpoint);
}

static int stop_after, epochs_seen;

static void stop(void *user, const isk_progress *progress) {
    (void)progress;
    if (++epochs_seen == stop_after) { isk_interrupt(*(isk_context **)user); }
}

/* Stopped anywhere, in the maps or in the decoder, and resumed. */
static void stops_leave_no_trace(void **state) {
    static features f, g;
    isk_sweep_desc sweep;
    isk_model *model;
    isk_context_desc desc;
    isk_context *watched;
    int epochs;
    (void)state;
    memset(&desc, 0, sizeof desc);
    desc.device = ISK_DEVICE_CPU;
    desc.threads = 2;
    desc.progress = stop;
    desc.user = &watched;
    watched = isk_open(&desc);
    assert_non_null(watched);
    memset(&sweep, 0, sizeof sweep);
    sweep.fit = transport_of(2);
    sweep.fit.options.transport_epochs = 20;
    sweep.fit.options.batch = 32;
    sweep.fit.options.transport_maps = 1;
    sweep.fit.checkpoint = scratch("transport.stopped");
    sweep.fit.checkpoint_every = 1;
    remove(sweep.fit.checkpoint);
    stop_after = epochs_seen = 0;
    model = fitted(watched, &sweep.fit);
    features_of(model, &sweep.fit, &f);
    isk_model_close(model);
    epochs = epochs_seen;
    assert_true(epochs > 30);
    for (stop_after = 3; stop_after < epochs; stop_after += epochs / 5) {
        remove(sweep.fit.checkpoint);
        epochs_seen = 0;
        assert_int_equal(isk_resume(watched, &sweep, &model), ISK_INTERRUPTED);
        ok(isk_resume(context, &sweep, &model));
        features_of(model, &sweep.fit, &g);
        assert_memory_equal(&f, &g, sizeof f);
        isk_model_close(model);
    }
    remove(sweep.fit.checkpoint);
    isk_close(watched);
}

/* ---- masks ---- */

/* What stands in rows that lack a view changes nothing. */
static void rows_that_lack_a_view(void **state) {
    static uint8_t present[VIEWS][ROWS];
    static isk_scalar garbage[VIEWS][ROWS * MOST_COLS];
    static features f, g;
    int views, view, i;
    (void)state;
    for (views = 2; views <= 3; views++) {
        isk_fit_desc fit = transport_of(views);
        isk_model *model, *other;
        fit.options.transport_epochs = 3;
        for (view = 0; view < views; view++) {
            for (i = 0; i < ROWS; i++) { present[view][i] = (uint8_t)((i * 7 + view * 3) % 6 > 0); }
            for (i = 0; i < ROWS * cols_of[view]; i++) {
                garbage[view][i] = present[view][i / cols_of[view]] ? data[view][i] : (isk_scalar)NAN;
            }
            fit.views[view].present = present[view];
        }
        model = fitted(context, &fit);
        features_of(model, &fit, &f);
        for (view = 0; view < views; view++) { fit.views[view].x.data = garbage[view]; }
        other = fitted(context, &fit);
        features_of(other, &fit, &g);
        assert_memory_equal(&f, &g, sizeof f);
        for (view = 0; view < views; view++) {
            assert_true(number(model, "shared_dims", views > 2 ? view : ISK_NONE) == SHARED);
            assert_true(number(model, "validation_r2", view) > 0.9);
            for (i = 0; i < ROWS; i++) { assert_int_equal(isnan((double)f.z[view][i * DIM]) != 0, !present[view][i]); }
        }
        isk_model_close(other);
        isk_model_close(model);
    }
}

/* ---- few rows, few columns, nothing shared, nothing left ---- */

static void more_columns_than_rows(void **state) {
    static features f;
    isk_fit_desc fit;
    isk_model *model;
    int view, i;
    (void)state;
    plant(90, 80, 7, 0.3);
    fit = transport_of(2);
    for (i = 0; i < ROWS; i++) { split[i] = (uint8_t)(i < 60 ? ISK_TRAIN : i < 90 ? ISK_VALIDATION : ISK_TEST); }
    model = fitted(context, &fit);
    features_of(model, &fit, &f);
    assert_true(number(model, "shared_dims", ISK_NONE) == SHARED);
    for (view = 0; view < 2; view++) {
        assert_true(number(model, "validation_r2", view) > 0.5);
        for (i = 0; i < ROWS * DIM; i++) { assert_false(isnan((double)f.z[view][i])); }
    }
    isk_model_close(model);
}

static void three_columns(void **state) {
    static features f;
    isk_fit_desc fit;
    isk_model *model;
    int i;
    (void)state;
    plant(3, 10, 1, 0.2);
    fit = transport_of(3);
    model = fitted(context, &fit);
    features_of(model, &fit, &f);
    assert_int_equal(isk_model_cols(model, ISK_ROLE_SPECIFIC, 0), 3);
    assert_int_equal(isk_model_cols(model, ISK_ROLE_SPECIFIC, 2), 1);
    assert_true(ridge(f.g[0], 3, data[0], 3) > 0.95 && ridge(f.g[2], 1, data[2], 1) > 0.9);
    for (i = 0; i < ROWS * 3; i++) { assert_false(isnan((double)f.z[0][i])); }
    isk_model_close(model);
}

/* Rows of the views do not belong together: C is 0, and Z the components of X but for a fixed linear map. */
static void nothing_is_shared(void **state) {
    static isk_scalar turned[ROWS * MOST_COLS];
    static features f;
    isk_fit_desc fit = transport_of(2);
    isk_model *model;
    int i, j;
    (void)state;
    for (i = 0; i < ROWS; i++) {
        for (j = 0; j < cols_of[1]; j++) { turned[i * cols_of[1] + j] = data[1][(i * 211 + 37) % ROWS * cols_of[1] + j]; }
    }
    fit.views[1].x.data = turned;
    model = fitted(context, &fit);
    features_of(model, &fit, &f);
    assert_string_equal(warnings, "model 0: nothing is shared: no pair of directions correlates on rows that it was not found on by more "
                                  "than chance, and 0.3; C is 0, and Z holds all of X\n");
    assert_true(number(model, "shared_dims", ISK_NONE) == 0);
    for (i = 0; i < ROWS * C_DIM; i++) { assert_true(f.c[0][i] <= 0 && f.c[0][i] >= 0 && f.c[1][i] <= 0 && f.c[1][i] >= 0); }
    assert_true(ridge(f.z[0], DIM, shared, SHARED) > 0.95 && ridge(f.z[0], DIM, own[0], 2) > 0.95);
    isk_model_close(model);
}

/* One view twice: everything is shared, nothing is left, and C alone gives X back. */
static void all_is_shared(void **state) {
    static features f;
    isk_fit_desc fit = transport_of(2);
    isk_model *model;
    int i;
    (void)state;
    cols_of[0] = cols_of[1] = C_DIM;
    fit.views[0].x = fit.views[1].x = matrix_of(data[0], ROWS, C_DIM);
    fit.options.dim = C_DIM;
    model = fitted(context, &fit);
    assert_true(number(model, "specific_dims", 0) == 0 && number(model, "validation_r2", 0) > 0.999);
    assert_string_equal(warnings, "model 0: Z1 is 0: what C1 leaves of X1 varies no more than noise\n"
                                  "model 0: Z2 is 0: what C2 leaves of X2 varies no more than noise\n");
    features_of(model, &fit, &f);
    for (i = 0; i < ROWS * C_DIM; i++) { assert_true(fabs((double)(f.g[0][i] - data[0][i])) < 1e-2 && f.z[0][i] <= 0 && f.z[0][i] >= 0); }
    isk_model_close(model);
}

/* ---- how long it trains, what it refuses ---- */

/* So many epochs, or more where they would have fewer than 10 batches each; none is none. */
static void trains_long_enough(void **state) {
    static const struct { int batch, epochs, due; } cases[] = {
        { 128, 1, 4 }, { 128, 30, 100 }, { 32, 3, 3 }, { 100, 50, 125 }, { 128, ISK_NONE, 0 },
    };                                      /* of 352 training rows */
    size_t k;
    (void)state;
    for (k = 0; k < COUNT(cases); k++) {
        isk_fit_desc fit = transport_of(2);
        isk_model *model;
        fit.options.batch = cases[k].batch;
        fit.options.transport_epochs = cases[k].epochs;
        fit.options.transport_maps = 1;
        model = fitted(context, &fit);
        if (number(model, "epochs", 0) != cases[k].due) { fail_msg("case %d: %g epochs", (int)k, number(model, "epochs", 0)); }
        isk_model_close(model);
    }
}

static void what_it_refuses(void **state) {
    isk_fit_desc fit = transport_of(2);
    int i;
    (void)state;
    fit.views[1].steps = 2;
    refuse(&fit, ISK_UNSUPPORTED, "view 2 is a sequence of 2 steps; method transport takes one vector a row");
    fit = transport_of(2);
    fit.options.reduce = ISK_REDUCE_AUGMENT;
    refuse(&fit, ISK_UNSUPPORTED, "method transport takes X_i as they are; choose reduce none");
    fit = transport_of(2);
    fit.views[0].given = fit.views[1].given = matrix_of(shared, ROWS, SHARED);
    refuse(&fit, ISK_ARGUMENT, "method transport has no use for given shared features");
    fit = transport_of(2);
    fit.options.transport = 1.5;
    refuse(&fit, ISK_ARGUMENT, "option transport is 1.5; it must be from 0 to 1");
    fit = transport_of(2);
    for (i = 0; i < ROWS; i++) { split[i] = (uint8_t)(i < 3 ? ISK_TRAIN : ISK_TEST); }
    refuse(&fit, ISK_DATA, "there are 3 training and validation rows; canonical correlations need at least 10");
    assert_string_equal(warnings, "");
}

static void no_memory_leaves_nothing_behind(void **state) {
    int views;
    (void)state;
    for (views = 2; views <= 3; views++) {
        isk_fit_desc fit = transport_of(views);
        isk_context *scarce = scarce_context();
        int view;
        for (view = 0; view < views; view++) { fit.views[view].x.rows = 40; }
        fit.split = NULL;
        fit.options.transport_epochs = ISK_NONE;
        fit.options.transport_maps = 1;
        fit.options.transport_terms = 1;
        sweep_memory(scarce, fit_and_close, &fit);
        isk_close(scarce);
    }
}

#define transport(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        transport(leaks_less_and_keeps_more),
        transport(what_is_rare_is_kept),
        transport(transform_is_the_formula),
        transport(z_is_turned),
        transport(without_maps_it_is_cca),
        transport(units_are_those_of_x),
        transport(threads_and_company_leave_no_trace),
        transport(stops_leave_no_trace),
        transport(rows_that_lack_a_view),
        transport(more_columns_than_rows),
        transport(three_columns),
        transport(nothing_is_shared),
        transport(all_is_shared),
        transport(trains_long_enough),
        transport(what_it_refuses),
        transport(no_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests_name("transport", tests, NULL, NULL);
}
