/* Training: the same bits whatever the threads, the company and the interruptions; divergence, early stopping, small and odd
   data, resuming, checkpoints, callbacks, warnings, and what the paper's simulations must show. */

#include "indiseek.h"
#include "tests/base/hostile.h"
#include "two_views.h"

#include <dirent.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>

#if defined(__SANITIZE_ADDRESS__)
    #define SANITIZED 1
#elif defined(__has_feature)
    #if __has_feature(address_sanitizer)
        #define SANITIZED 1
    #endif
#endif

/* ---- what the callbacks of a context see ---- */

typedef struct seen {
    isk_context *context;
    int stop_after;                         /* rounds until isk_interrupt; 0: never */
    int rounds, warnings, infos, records;
    double fraction;
    char stages[64];                        /* stages that progress named, each once */
    char warning[16][400], info[400];
    struct { char stage[24]; int model, epoch; double validation[3], loss, best; } epoch[4096];     /* loss, reconstruction, club */
} seen;

static seen watch;
static isk_context *context;                /* two threads, watched */

static void on_log(void *user, isk_level level, const char *message) {
    seen *w = user;
    assert_null(strchr(message, '\n'));
    if (level == ISK_WARNING) {
        if (w->warnings < 16) { snprintf(w->warning[w->warnings], sizeof w->warning[0], "%s", message); }
        w->warnings++;
    } else {
        snprintf(w->info, sizeof w->info, "%s", message);
        w->infos++;
    }
}

static void on_progress(void *user, const isk_progress *progress) {
    seen *w = user;
    assert_true(progress->model >= 0 && progress->model < progress->models);
    assert_true(progress->epoch >= 0 && progress->epoch <= progress->epochs);
    assert_true(progress->fraction >= w->fraction && progress->fraction <= 1);
    w->fraction = progress->fraction;
    if (!strstr(w->stages, progress->stage)) {
        snprintf(w->stages + strlen(w->stages), sizeof w->stages - strlen(w->stages), "%s ", progress->stage);
    }
    w->rounds++;
    if (w->stop_after > 0 && w->rounds >= w->stop_after) { isk_interrupt(w->context); }
}

static isk_status on_member(void *user, const char *key, isk_json_kind kind, const char *value) {
    seen *w = user;
    if (w->records >= 4096) { return ISK_OK; }
    if (strcmp(key, "stage") == 0) {
        assert_int_equal(kind, ISK_JSON_STRING);
        snprintf(w->epoch[w->records].stage, sizeof w->epoch[0].stage, "%s", value);
        return ISK_OK;
    }
    assert_true(kind == ISK_JSON_NUMBER || kind == ISK_JSON_NULL);
    if (strcmp(key, "model") == 0) { w->epoch[w->records].model = atoi(value); }
    if (strcmp(key, "epoch") == 0) { w->epoch[w->records].epoch = atoi(value); }
    if (strcmp(key, "loss") == 0) { w->epoch[w->records].loss = atof(value); }
    if (strcmp(key, "validation.loss") == 0) { w->epoch[w->records].validation[0] = atof(value); }
    if (strcmp(key, "validation.reconstruction") == 0) { w->epoch[w->records].validation[1] = atof(value); }
    if (strcmp(key, "validation.club") == 0) { w->epoch[w->records].validation[2] = atof(value); }
    return ISK_OK;
}

static void on_record(void *user, const char *json) {
    seen *w = user;
    isk_context *reader = isk_open(NULL);   /* the watched one is busy */
    if (isk_json_object(reader, "record", json, strlen(json), on_member, w) != ISK_OK) { fail_msg("%s in %s", isk_error(reader), json); }
    isk_close(reader);
    w->records++;
}

static isk_context *watched(int threads) {
    isk_context_desc desc = { .threads = threads, .device = ISK_DEVICE_CPU, .log = on_log, .progress = on_progress, .record = on_record,
                              .user = &watch };
    isk_context *made = isk_open(&desc);
    assert_non_null(made);
    return made;
}

static void forget(void) {
    memset(&watch, 0, sizeof watch);
    watch.context = context;
}

static int begin(void **state) {
    (void)state;
    forget();
    make_views(1);
    return 0;
}

static int open_context(void **state) {
    (void)state;
    context = watched(2);
    return 0;
}

static int close_context(void **state) {
    (void)state;
    isk_close(context);
    return 0;
}

static void ok(isk_status status) {
    if (status != ISK_OK) { fail_msg("%s", isk_error(context)); }
}

static isk_sweep_desc alone(const isk_fit_desc *fit) {
    isk_sweep_desc sweep;
    memset(&sweep, 0, sizeof sweep);
    sweep.fit = *fit;
    return sweep;
}

/* A fit on the watched context; what was seen before is kept, but for how far it was. */
static isk_status fit_now(const isk_fit_desc *fit, isk_model **model) {
    watch.fraction = 0;
    return isk_fit(context, fit, model);
}

static isk_status sweep_now(const isk_sweep_desc *sweep, isk_model **models) {
    watch.fraction = 0;
    return isk_sweep(context, sweep, models);
}

static isk_status resume_now(const isk_sweep_desc *sweep, isk_model **models) {
    watch.fraction = 0;
    return isk_resume(context, sweep, models);
}

/* ---- the same bits ----------------------------------------------------------------------------------------------------- */

/* What can carry state over an interruption: both ways of the critic, random numbers, running moments, best weights. */
static const struct { isk_preset preset; const char *settings; } runs[] = {
    { ISK_ROBUST, "lambda=3" },
    { ISK_PAPER, "lambda=3 epochs=5 shared_epochs=4 diagnoses=2 critic_steps=2" },
    { ISK_SIMULATION, "club=permutation dropout=0.2 norm=batch schedule=plateau patience=3 validation=0.3 optimizer=sgd shared_dim=5" },
    { ISK_ROBUST, "standardize=none critic_inner=per_epoch last_batch=drop temperature=fixed patience=2 stop_on=club clip_norm=1" },
};
enum { RUNS = COUNT(runs), ROWS = 135 };     /* 122 for training, 13 held out; 122 = 3 * 32 + 26 */

static isk_fit_desc run_of(int number) {
    isk_fit_desc fit = small_fit(context, ROWS, runs[number].settings);
    fit.preset = runs[number].preset;
    return fit;
}

static void threads_and_company_leave_no_trace(void **state) {
    static const double lambdas[] = { 30, 3, 0.1 };
    int run, threads;
    (void)state;
    for (run = 0; run < RUNS; run++) {
        isk_fit_desc fit = run_of(run);
        isk_sweep_desc sweep = alone(&fit);
        isk_model *one, *other, *many[6];
        isk_context *single = isk_open(&(isk_context_desc){ .threads = 1, .device = ISK_DEVICE_CPU });
        int i;
        fit.options.lambda = 3;
        assert_int_equal(isk_fit(single, &fit, &one), ISK_OK);
        for (threads = 2; threads <= 5; threads += 3) {
            isk_context *several = isk_open(&(isk_context_desc){ .threads = threads, .device = ISK_DEVICE_CPU });
            assert_int_equal(isk_fit(several, &fit, &other), ISK_OK);
            same_model(context, one, other, "threads");
            isk_model_close(other);
            isk_close(several);
        }
        sweep.fit.seed = 6;
        sweep.lambdas = lambdas;
        sweep.lambda_count = 3;
        sweep.seed_count = 2;
        assert_int_equal(isk_sweep_models(&sweep), 6);
        ok(sweep_now(&sweep, many));
        same_model(context, one, many[3], "sweep");          /* lambda 3, seed 7 */
        assert_true(isk_model_options(many[4])->lambda == 0.1 && isk_model_seed(many[5]) == 7);
        for (i = 0; i < 6; i++) { isk_model_close(many[i]); }
        isk_model_close(one);
        isk_close(single);
    }
}

/* Runs until done, stopped after every `every` rounds, with alternating threads.  Returns how often it was stopped. */
static int run_with_stops(isk_sweep_desc *sweep, int every, isk_model **models) {
    int stops = 0;
    isk_status status = ISK_INTERRUPTED;
    remove(sweep->fit.checkpoint);
    while (status == ISK_INTERRUPTED) {
        isk_context *now = watched(1 + stops % 2);
        forget();
        watch.context = now;
        watch.stop_after = every;
        status = isk_resume(now, sweep, models);
        if (status == ISK_INTERRUPTED) {
            char due[200];
            assert_null(models[0]);
            assert_null(strstr(isk_error(now), "no checkpoint"));
            snprintf(due, sizeof due, "; resume from %s", sweep->fit.checkpoint);
            assert_non_null(strstr(isk_error(now), due));
            assert_int_equal(watch.infos, stops > 0);
            stops++;
        } else if (status != ISK_OK) {
            fail_msg("%s", isk_error(now));
        }
        if (status == ISK_INTERRUPTED) { isk_close(now); } else { forget(); watch.context = now; }
    }
    return stops;
}

static void stops_leave_no_trace(void **state) {
    static const int everies[] = { 1, 2, 3, 7 };
    int run, k;
    (void)state;
    for (run = 0; run < RUNS; run++) {
        isk_fit_desc fit = run_of(run);
        isk_model *one, *other;
        ok(fit_now(&fit, &one));
        fit.checkpoint = SCRATCH "/training_stop.safetensors";
        fit.checkpoint_every = 1000;                        /* only stopping writes it */
        for (k = 0; k < (int)COUNT(everies); k++) {
            isk_sweep_desc sweep = alone(&fit);
            int stops = run_with_stops(&sweep, everies[k], &other);
            isk_context *owner = watch.context;
            assert_true(stops >= (everies[k] < 7 ? 2 : 1));
            same_model(context, one, other, "stopped");
            isk_model_close(other);
            isk_close(owner);
        }
        isk_model_close(one);
    }
    remove(SCRATCH "/training_stop.safetensors");
}

static void stopped_sweeps(void **state) {
    static const double rates[] = { 1e-3, 4e-3, 1e-2 };
    isk_fit_desc fit = run_of(0);
    isk_sweep_desc sweep;
    isk_model *straight[3], *stopped[3];
    isk_context *owner;
    int i;
    (void)state;
    sweep = alone(&fit);
    sweep.rates = rates;
    sweep.rate_count = 3;
    ok(sweep_now(&sweep, straight));
    sweep.fit.checkpoint = SCRATCH "/training_sweep.safetensors";
    sweep.fit.checkpoint_every = 2;
    assert_true(run_with_stops(&sweep, 3, stopped) > 3);
    owner = watch.context;
    for (i = 0; i < 3; i++) {
        same_model(context, straight[i], stopped[i], "stopped sweep");
        isk_model_close(stopped[i]);
    }
    isk_close(owner);
    /* Resuming what is done gives it once more. */
    forget();
    ok(resume_now(&sweep, stopped));
    for (i = 0; i < 3; i++) {
        same_model(context, straight[i], stopped[i], "resumed when done");
        isk_model_close(straight[i]);
        isk_model_close(stopped[i]);
    }
    remove(sweep.fit.checkpoint);
}

/* Removes what a killed writer left beside a file; returns how many there were. */
static int sweep_scratch(const char *prefix) {
    DIR *folder = opendir(SCRATCH);
    struct dirent *entry;
    int count = 0;
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0) {
            char path[400];
            snprintf(path, sizeof path, SCRATCH "/%s", entry->d_name);
            remove(path);
            count++;
        }
    }
    closedir(folder);
    return count;
}

static void wait_microseconds(long time) {
    struct timespec pause = { time / 1000000, time % 1000000 * 1000 };
    nanosleep(&pause, NULL);
}

/* Killed with SIGKILL at random moments and resumed until it is done. */
static void kills_leave_no_trace(void **state) {
    uint64_t random = 99;
    int run;
    (void)state;
    for (run = 0; run < 2; run++) {
        isk_fit_desc fit = run_of(run);
        isk_sweep_desc sweep;
        isk_model *one, *other;
        int kills = 0, tries, result = 0;
        fit.options.epochs = 40;
        fit.options.shared_epochs = 40;
        ok(fit_now(&fit, &one));
        fit.checkpoint = SCRATCH "/training_kill.safetensors";
        fit.checkpoint_every = 1;
        sweep = alone(&fit);
        remove(fit.checkpoint);
        for (tries = 0; tries < 12; tries++) {
            pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0) {
                isk_context *own = isk_open(&(isk_context_desc){ .threads = 2, .device = ISK_DEVICE_CPU });
                isk_status status = isk_resume(own, &sweep, &other);
                if (status != ISK_OK) { fprintf(stderr, "%s\n", isk_error(own)); }
                _exit(status == ISK_OK ? 0 : 1);
            }
            wait_microseconds((long)(2000 + 40000 * uniform(&random)));
            kill(child, SIGKILL);
            assert_int_equal(waitpid(child, &result, 0), child);
            if (WIFSIGNALED(result)) { kills++; } else { assert_int_equal(WEXITSTATUS(result), 0); }
        }
        assert_true(kills > 0);
        ok(resume_now(&sweep, &other));
        same_model(context, one, other, "killed");
        isk_model_close(one);
        isk_model_close(other);
        sweep_scratch("training_kill");
    }
}

/* ---- divergence ----------------------------------------------------------------------------------------------------------- */

static void a_model_that_diverges_ends_alone(void **state) {
    static const double with[] = { 1e-3, 2e-3, 1e3, 3e-3 }, without[] = { 1e-3, 2e-3, 3e-3 };
    isk_model *all[4], *rest[3], *lone;
    isk_fit_desc fit;
    isk_sweep_desc sweep;
    isk_scalar z[ROWS * 4];
    isk_transform_desc transform = { .out = { { "specific1", z } } };
    int run, i;
    (void)state;
    for (run = 0; run < 2; run++) {
        fit = run_of(run);
        set_options(context, &fit.options, "epochs=8 schedule=constant optimizer=sgd");
        sweep = alone(&fit);
        sweep.rates = with;
        sweep.rate_count = 4;
        forget();
        ok(sweep_now(&sweep, all));
        for (i = 0; i < watch.warnings && i < 16; i++) {
            if (strncmp(watch.warning[i], "model 3 of ", 11) == 0 && strstr(watch.warning[i], ") diverged at epoch ")) { break; }
        }
        assert_true(i < watch.warnings && i < 16);
        sweep.rates = without;
        sweep.rate_count = 3;
        ok(sweep_now(&sweep, rest));
        for (i = 0; i < 3; i++) {
            same_model(context, all[i == 2 ? 3 : i], rest[i], "beside a diverged model");
            assert_int_equal(isk_model_report(rest[i])->status, ISK_OK);
            assert_string_equal(isk_model_report(rest[i])->message, "");
        }
        assert_int_equal(isk_model_report(all[2])->status, ISK_DIVERGED);
        {
            int epoch = 0, view = 0, length = 0;
            char term[32] = "";
            const char *message = isk_model_report(all[2])->message;
            assert_int_equal(sscanf(message, "diverged at epoch %d of stage specific%d: %31s is not finite%n", &epoch, &view, term,
                                    &length), 3);
            assert_int_equal((size_t)length, strlen(message));
            assert_true(epoch >= 1 && epoch <= 8 && (view == 1 || view == 2));
            assert_true(strcmp(term, "loss") == 0 || strcmp(term, "critic_loss") == 0);
        }
        /* alone: the status says so, and the model is there for its report */
        fit.options.rate = 1e3;
        assert_int_equal(fit_now(&fit, &lone), ISK_DIVERGED);
        assert_non_null(lone);
        assert_string_equal(isk_error(context), isk_model_report(lone)->message);
        assert_string_equal(isk_error(context), isk_model_report(all[2])->message);
        transform.views[0] = fit.views[0];
        ok(isk_transform(lone, &transform));
        isk_model_close(lone);
        for (i = 0; i < 4; i++) { isk_model_close(all[i]); }
        for (i = 0; i < 3; i++) { isk_model_close(rest[i]); }
    }
}

/* A diverged model is resumed as diverged. */
static void divergence_is_resumed(void **state) {
    static const double rates[] = { 1e3, 1e-3 };
    isk_fit_desc fit = run_of(0);
    isk_sweep_desc sweep;
    isk_model *straight[2], *stopped[2];
    isk_context *owner;
    (void)state;
    set_options(context, &fit.options, "optimizer=sgd");
    sweep = alone(&fit);
    sweep.rates = rates;
    sweep.rate_count = 2;
    ok(sweep_now(&sweep, straight));
    assert_int_equal(isk_model_report(straight[0])->status, ISK_DIVERGED);
    sweep.fit.checkpoint = SCRATCH "/training_diverged.safetensors";
    run_with_stops(&sweep, 2, stopped);
    owner = watch.context;
    assert_string_equal(isk_model_report(stopped[0])->message, isk_model_report(straight[0])->message);
    same_model(context, straight[1], stopped[1], "resumed beside a diverged model");
    isk_model_close(straight[0]);
    isk_model_close(straight[1]);
    isk_model_close(stopped[0]);
    isk_model_close(stopped[1]);
    isk_close(owner);
    remove(sweep.fit.checkpoint);
}

/* ---- early stopping --------------------------------------------------------------------------------------------------------- */

static void transform_all(isk_model *model, const isk_fit_desc *fit, isk_scalar *out[2][2]) {
    isk_transform_desc transform;
    int i;
    memset(&transform, 0, sizeof transform);
    for (i = 0; i < 2; i++) {
        transform.views[i] = fit->views[i];
        ask(&transform, ISK_ROLE_SHARED, i, out[0][i]);
        ask_if_there(&transform, model, ISK_ROLE_SPECIFIC, i, out[1][i]);
    }
    ok(isk_transform(model, &transform));
}

/* Stops `patience` epochs after the best one, and the weights are those of the best epoch: what a run of that many epochs
   gives whose rate is constant too. */
static void the_best_epoch_is_restored(void **state) {
    static isk_scalar features[2][4][ROWS * 4];
    static const char *const metrics[] = { "loss", "reconstruction", "club" };
    int metric, held_out, i;
    (void)state;
    for (metric = 0; metric < 3; metric++) {
        for (held_out = 1; held_out >= (metric == 0 ? 0 : 1); held_out--) {
            isk_fit_desc fit = small_fit(context, ROWS, "schedule=constant epochs=60 patience=3 diagnoses=0 rate=0.02 lambda=1000");
            isk_scalar *stopped[2][2] = { { features[0][0], features[0][1] }, { features[0][2], features[0][3] } };
            isk_scalar *due[2][2] = { { features[1][0], features[1][1] }, { features[1][2], features[1][3] } };
            int best[2] = { 0, 0 }, last[2] = { 0, 0 }, view;
            double least[2] = { 0, 0 };
            isk_model *model;
            set_options(context, &fit.options, held_out ? "validation=0.3" : "validation=0 shared_keep=last");
            if (metric == 2) { set_options(context, &fit.options, "lambda=1 rate=0.01"); }
            fit.options.stop_on = 1 + metric;
            forget();
            ok(fit_now(&fit, &model));
            transform_all(model, &fit, stopped);
            for (i = 0; i < watch.records; i++) {
                double value = held_out ? watch.epoch[i].validation[metric] : watch.epoch[i].loss;
                if (strncmp(watch.epoch[i].stage, "specific", 8) != 0) { continue; }
                view = watch.epoch[i].stage[8] - '1';
                last[view] = watch.epoch[i].epoch;
                if (best[view] == 0 || value < least[view]) {
                    best[view] = watch.epoch[i].epoch;
                    least[view] = value;
                }
            }
            for (view = 0; view < 2; view++) {
                isk_fit_desc again = fit;
                isk_model *short_run;
                if (last[view] != best[view] + 3 && last[view] != 60) {
                    fail_msg("stop_on %s: view %d, best epoch %d, last %d", metrics[metric], view + 1, best[view], last[view]);
                }
                again.options.epochs = best[view];
                again.options.patience = 0;
                ok(fit_now(&again, &short_run));
                transform_all(short_run, &again, due);
                assert_memory_equal(stopped[1][view], due[1][view], sizeof(isk_scalar) * ROWS * 4);
                /* the report is of the weights that are kept */
                if (held_out) {
                    double ours = isk_report_value(isk_model_report(model), "validation_r2", view);
                    assert_true(ours == isk_report_value(isk_model_report(short_run), "validation_r2", view));
                }
                isk_model_close(short_run);
            }
            assert_true(last[0] < 60 || last[1] < 60);
            isk_model_close(model);
        }
    }
}

static void clip_keeps_its_best(void **state) {
    static isk_scalar features[2][2][ROWS * 4];
    isk_fit_desc fit = small_fit(context, ROWS, "schedule=constant shared_epochs=40 validation=0.3 shared_rate=0.02");
    isk_scalar *kept[2][2] = { { features[0][0], features[0][1] } }, *due[2][2] = { { features[1][0], features[1][1] } };
    isk_model *model, *short_run;
    int i, best = 0;
    double least = 0;
    (void)state;
    fit.method = ISK_CLIP;
    ok(fit_now(&fit, &model));
    transform_all(model, &fit, kept);
    assert_int_equal(watch.records, 40);
    for (i = 0; i < 40; i++) {
        assert_string_equal(watch.epoch[i].stage, "shared");
        if (best == 0 || watch.epoch[i].validation[0] < least) {
            best = watch.epoch[i].epoch;
            least = watch.epoch[i].validation[0];
        }
    }
    assert_true(best < 40);
    assert_true(fabs(isk_report_value(isk_model_report(model), "shared_validation_loss", ISK_NONE) - least) < 1e-6);
    fit.options.shared_keep = ISK_KEEP_LAST;
    fit.options.shared_epochs = best;
    ok(fit_now(&fit, &short_run));
    transform_all(short_run, &fit, due);
    assert_memory_equal(features[0], features[1], sizeof features[0]);
    isk_model_close(model);
    isk_model_close(short_run);
}

/* ---- small and odd data ------------------------------------------------------------------------------------------------------ */

static void finite(const isk_scalar *values, int count) {
    int i;
    for (i = 0; i < count; i++) { assert_true(values[i] - values[i] == 0); }
}

/* Trains and transforms; everything must be finite. */
static void must_work(const isk_fit_desc *fit, const char *what) {
    static const isk_role roles[] = { ISK_ROLE_SHARED, ISK_ROLE_SPECIFIC, ISK_ROLE_RECONSTRUCTION };
    static isk_scalar out[3][2][ROWS * VIEW1_COLS];
    isk_transform_desc transform;
    isk_model *model;
    isk_status status;
    int i, k, rows = (int)fit->views[0].x.rows;
    forget();
    status = fit_now(fit, &model);
    if (status != ISK_OK) { fail_msg("%s: %s", what, isk_error(context)); }
    memset(&transform, 0, sizeof transform);
    for (i = 0; i < fit->view_count; i++) {
        transform.views[i] = fit->views[i];
        assert_int_equal(isk_model_cols(model, ISK_ROLE_SHARED, i) > 0, !fit->views[0].given.data);
        for (k = 0; k < 3; k++) { ask_if_there(&transform, model, roles[k], i, out[k][i]); }
    }
    ok(isk_transform(model, &transform));
    for (i = 0; i < fit->view_count; i++) {
        for (k = 0; k < 3; k++) { finite(out[k][i], rows * isk_model_cols(model, roles[k], i)); }
    }
    assert_true(watch.fraction == 1);
    isk_model_close(model);
}

static void every_number_of_rows(void **state) {
    static const int rows[] = { 2, 3, 4, 5, 31, 32, 33, 34, 65, 97 };
    int run, i, validation;
    (void)state;
    for (run = 0; run < RUNS; run++) {
        for (i = 0; i < (int)COUNT(rows); i++) {
            for (validation = 0; validation < 2; validation++) {
                isk_fit_desc fit = run_of(run);
                char what[80];
                fit.views[0].x.rows = fit.views[1].x.rows = rows[i];
                set_options(context, &fit.options, validation ? "validation=0.5" : "validation=0");
                set_options(context, &fit.options, "epochs=3 shared_epochs=2");
                snprintf(what, sizeof what, "run %d, %d rows, validation %d", run, rows[i], validation);
                must_work(&fit, what);
                fit.method = ISK_CLIP;
                must_work(&fit, what);
                fit.method = ISK_INDISEEK0;
                must_work(&fit, what);
            }
        }
    }
}

static void every_batch_size(void **state) {
    static const int batches[] = { 2, 3, 134, 135, 136, 1000000 };
    int i;
    (void)state;
    for (i = 0; i < (int)COUNT(batches); i++) {
        isk_fit_desc fit = small_fit(context, ROWS, "epochs=2 shared_epochs=2");
        fit.options.batch = batches[i];
        must_work(&fit, "batch");
    }
}

static void odd_columns(void **state) {
    isk_fit_desc fit = small_fit(context, ROWS, "");
    int i;
    (void)state;
    fit.views[0].x = matrix_of(view1, ROWS, 1);                         /* d = 1 */
    fit.views[1].x = matrix_of(view2, ROWS, 1);
    must_work(&fit, "one column");
    set_options(context, &fit.options, "dim=1 shared_dim=1 width=1 layers=1");
    must_work(&fit, "one of everything");
    fit = small_fit(context, ROWS, "");
    for (i = 0; i < ROWS; i++) { view1[i * VIEW1_COLS + 2] = 5; view2[i * VIEW2_COLS] = 0; }
    must_work(&fit, "constant columns");
    for (i = 0; i < ROWS * VIEW1_COLS; i++) { view1[i] = (isk_scalar)0.25; }
    must_work(&fit, "a constant view");
    for (i = 0; i < ROWS * VIEW1_COLS; i++) { view1[i] = (isk_scalar)(i % VIEW1_COLS); }
    for (i = 0; i < ROWS * VIEW2_COLS; i++) { view2[i] = (isk_scalar)(i % VIEW2_COLS); }
    must_work(&fit, "all rows the same");
    for (i = 0; i < ROWS * VIEW1_COLS; i++) { view1[i] = (isk_scalar)(1e6 * (i % 11 - 5)); }
    for (i = 0; i < ROWS * VIEW2_COLS; i++) { view2[i] = (isk_scalar)(1e-6 * (i % 11 - 5)); }
    must_work(&fit, "large and small scales");
}

static void given_shared_features(void **state) {
    isk_fit_desc fit = small_fit(context, ROWS, "");
    (void)state;
    fit.views[0].given = matrix_of(given1, ROWS, GIVEN_COLS);
    fit.views[1].given = matrix_of(given2, ROWS, 1);
    must_work(&fit, "two views with given C");
    fit.view_count = 1;
    must_work(&fit, "one view with given C");
    fit.method = ISK_INDISEEK0;
    must_work(&fit, "indiseek0, one view");
    fit.preset = ISK_PAPER;
    set_options(context, &fit.options, "epochs=3 critic_steps=2");
    must_work(&fit, "paper, one view");
}

/* ---- what the input may not be ------------------------------------------------------------------------------------------------- */

static void refuse_fit(const isk_fit_desc *fit, isk_status due, const char *sentence) {
    isk_model *model = (isk_model *)1;
    expect(context, fit_now(fit, &model), due, sentence);
    assert_null(model);
}

static void bad_input_is_named(void **state) {
    static const isk_method empty = { .name = "empty" };
    static uint8_t split[ROWS];
    isk_fit_desc good = small_fit(context, ROWS, "epochs=1 shared_epochs=1"), fit = good;
    isk_sweep_desc sweep = alone(&good);
    isk_model *models[4];
    double lambdas[2] = { 1, -1 }, rates[2] = { 1, 2e3 };
    (void)state;
    fit.view_count = 0;
    refuse_fit(&fit, ISK_ARGUMENT, "view_count is 0; it must be from 2 to 4, or 1 with given shared features");
    fit.view_count = 5;
    refuse_fit(&fit, ISK_ARGUMENT, "view_count is 5; it must be from 2 to 4, or 1 with given shared features");
    fit.view_count = 1;
    refuse_fit(&fit, ISK_ARGUMENT, "one view needs given shared features: set views[0].given, or give a second view");
    fit = good;
    fit.method = &empty;
    refuse_fit(&fit, ISK_ARGUMENT, "method 'empty' lacks its `record`");
    fit = good;
    fit.preset = (isk_preset)7;
    refuse_fit(&fit, ISK_ARGUMENT, "preset 7 is unknown");
    fit = good;
    fit.options.tau = 1e-4;
    refuse_fit(&fit, ISK_ARGUMENT, "option tau is 0.0001; it must be from 0.001 to 100");
    fit = good;
    fit.options.lambda = -3;
    refuse_fit(&fit, ISK_ARGUMENT, "option lambda is -3; it must be from 0 to 1e+09");
    fit = good;
    fit.views[1].x.rows = ROWS - 1;
    refuse_fit(&fit, ISK_SHAPE, "view 2 has 134 rows, view 1 has 135; rows must be the same samples");
    fit = good;
    fit.views[1].x.data = NULL;
    refuse_fit(&fit, ISK_SHAPE, "view 2 is empty: 135 x 4");
    fit = good;
    fit.views[0].x.rows = fit.views[1].x.rows = 0;
    refuse_fit(&fit, ISK_SHAPE, "view 1 is empty: 0 x 6");
    fit.views[0].x.rows = fit.views[1].x.rows = 1;
    refuse_fit(&fit, ISK_SHAPE, "there is 1 row; training needs at least 2");
    fit = good;
    fit.views[0].x.rows = INT64_MAX;
    refuse_fit(&fit, ISK_SHAPE, "view 1 is 9223372036854775807 x 6; at most 1073741823 rows and 16777216 columns");
    fit = good;
    view2[4 * 4 + 2] = (isk_scalar)NAN;
    refuse_fit(&fit, ISK_DATA, "view 2: row 5, column 3 is not a number; remove or impute it");
    view2[4 * 4 + 2] = -(isk_scalar)INFINITY;
    refuse_fit(&fit, ISK_DATA, "view 2: row 5, column 3 is infinite; remove or impute it");
    make_views(1);
    fit.views[1].given = matrix_of(given2, ROWS, 2);
    refuse_fit(&fit, ISK_SHAPE, "given shared features 1 is empty: 0 x 0");
    fit.views[0].given = matrix_of(given1, ROWS - 2, 2);
    refuse_fit(&fit, ISK_SHAPE, "given shared features 1 has 133 rows, view 1 has 135; rows must be the same samples");
    fit.views[0].given = matrix_of(given1, ROWS, 2);
    given2[3] = (isk_scalar)NAN;
    refuse_fit(&fit, ISK_DATA, "given shared features 2: row 2, column 2 is not a number; remove or impute it");
    make_views(1);
    fit.method = ISK_CLIP;
    refuse_fit(&fit, ISK_ARGUMENT, "method clip learns shared features, so given ones leave it nothing to do");
    fit = good;
    fit.split = split;
    split[7] = 3;
    refuse_fit(&fit, ISK_DATA, "split: row 8 is 3; it must be 0 (train), 1 (validation) or 2 (test)");
    memset(split, ISK_TEST, sizeof split);
    refuse_fit(&fit, ISK_SHAPE, "0 of 135 rows are for training; at least 2 are needed");
    split[3] = ISK_TRAIN;
    refuse_fit(&fit, ISK_SHAPE, "1 of 135 rows are for training; at least 2 are needed");
    split[4] = split[100] = ISK_TRAIN;
    must_work(&fit, "three training rows, the rest for testing");
    split[5] = ISK_VALIDATION;
    must_work(&fit, "one row for validation");
    memset(view2, 0, sizeof view2);
    fit = good;
    refuse_fit(&fit, ISK_DATA, "view 2 is zero in every training row; there is nothing to encode");
    fit.views[0].name = "rna";
    fit.views[1].name = "protein";
    refuse_fit(&fit, ISK_DATA, "protein is zero in every training row; there is nothing to encode");
    make_views(1);
    view2[4 * 4 + 2] = (isk_scalar)NAN;
    refuse_fit(&fit, ISK_DATA, "protein: row 5, column 3 is not a number; remove or impute it");
    fit.views[0].x.rows = ROWS - 1;
    refuse_fit(&fit, ISK_SHAPE, "protein has 135 rows, view 1 has 134; rows must be the same samples");
    make_views(1);
    sweep.lambdas = lambdas;
    sweep.lambda_count = 2;
    expect(context, sweep_now(&sweep, models), ISK_ARGUMENT, "option lambda is -1; it must be from 0 to 1e+09");
    assert_true(!models[0] && !models[1]);
    lambdas[1] = NAN;
    assert_int_equal(sweep_now(&sweep, models), ISK_ARGUMENT);
    sweep.lambda_count = 0;
    sweep.rates = rates;
    sweep.rate_count = 2;
    expect(context, sweep_now(&sweep, models), ISK_ARGUMENT, "option rate is 2000; it must be from 0 to 1000");
    sweep.rate_count = 0;
    sweep.seed_count = 1000001;
    assert_int_equal(isk_sweep_models(&sweep), 0);
    expect(context, sweep_now(&sweep, models), ISK_ARGUMENT, "the sweep has more than a million models");
    sweep.lambda_count = sweep.rate_count = sweep.seed_count = INT32_MAX;
    assert_int_equal(isk_sweep_models(&sweep), 0);
}

/* Failures of isk_open wait for the first call that needs what failed. */
static void a_bad_context_says_so(void **state) {
    isk_fit_desc fit = small_fit(context, ROWS, "");
    isk_model *model;
    isk_context *bad = isk_open(&(isk_context_desc){ .threads = -2 });
    (void)state;
    assert_non_null(bad);
    expect(bad, isk_fit(bad, &fit, &model), ISK_ARGUMENT, "threads is -2; give 0 for one per processor");
    isk_close(bad);
    setenv("INDISEEK_CUDA_LIB", "build/there-is-no-such-driver.so", 1);
    bad = isk_open(&(isk_context_desc){ .device = ISK_DEVICE_CUDA });
    unsetenv("INDISEEK_CUDA_LIB");
    assert_non_null(bad);
    assert_int_equal(isk_fit(bad, &fit, &model), ISK_DEVICE);
    assert_non_null(strstr(isk_error(bad), "device cuda: "));
    isk_close(bad);
    bad = isk_open(&(isk_context_desc){ .allocator = { .allocate = scarce_allocate } });
    assert_non_null(bad);
    expect(bad, isk_fit(bad, &fit, &model), ISK_ARGUMENT, "the allocator has only one of allocate and release; give both");
    isk_close(bad);
    assert_null(isk_open_checked(NULL, "0.0.9", (int)sizeof(isk_scalar)));
    assert_null(isk_open_checked(NULL, ISK_VERSION, 12 - (int)sizeof(isk_scalar)));
}

/* ---- resuming --------------------------------------------------------------------------------------------------------------------- */

/* A checkpoint of the run 0 after two rounds. */
static isk_sweep_desc stopped_run(const char *checkpoint) {
    static isk_fit_desc fit;
    isk_sweep_desc sweep;
    isk_model *model;
    fit = run_of(0);
    fit.checkpoint = checkpoint;
    sweep = alone(&fit);
    forget();
    watch.stop_after = 2;
    assert_int_equal(sweep_now(&sweep, &model), ISK_INTERRUPTED);
    forget();
    return sweep;
}

static void another_value(isk_options *options, int index) {
    const isk_option_info *info = isk_option_get(NULL, index);
    isk_options resolved = *options;
    char old[32], text[32];
    double value;
    ok(isk_options_resolve(context, NULL, &resolved, ISK_ROBUST));
    isk_option_text(NULL, &resolved, index, old);
    if (info->kind == ISK_OPTION_CHOICE) {
        const char *word = info->choices;
        if (strncmp(word, old, strlen(old)) == 0 && word[strlen(old)] == '|') { word += strlen(old) + 1; }
        snprintf(text, sizeof text, "%.*s", (int)strcspn(word, "|"), word);
    } else {
        value = atof(old);
        value = value + (info->kind == ISK_OPTION_INT ? 1 : 0.0078125) <= info->high
            ? value + (info->kind == ISK_OPTION_INT ? 1 : 0.0078125)
                                                                                     : value / 2;
        snprintf(text, sizeof text, "%.9g", value);
    }
    ok(isk_option_set(context, NULL, options, info->name, text));
}

/* Numbers of a checkpoint are used as indices. */
static void resuming_from_damage(void **state) {
    static const char checkpoint[] = SCRATCH "/training_damage.safetensors";
    static const struct { int from_end; double value; } cases[] = { { 3, 99 }, { 3, -1 }, { 3, 1e300 }, { 2, 7 } };   /* phase; finished */
    isk_sweep_desc sweep = stopped_run(checkpoint);
    isk_model *models[1];
    isk_safetensors *file;
    const isk_safetensors_entry *entry;
    size_t count, i;
    char *bytes = read_bytes_of(checkpoint, &count);
    (void)state;
    ok(isk_safetensors_open(context, checkpoint, &file));
    entry = isk_safetensors_find(file, "model0.progress");
    assert_non_null(entry);
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *at = bytes + entry->offset + entry->bytes - (uint64_t)cases[i].from_end * sizeof(double), kept[sizeof(double)];
        memcpy(kept, at, sizeof kept);
        memcpy(at, &cases[i].value, sizeof kept);
        ok(isk_write_file(context, checkpoint, bytes, count));
        expect(context, resume_now(&sweep, models), ISK_DATA,
               SCRATCH "/training_damage.safetensors: damaged: tensor 'model0.progress' names no place in this training");
        memcpy(at, kept, sizeof kept);
    }
    isk_safetensors_close(file);
    free(bytes);
    remove(checkpoint);
}

static void resuming_with_something_else(void **state) {
    static const char checkpoint[] = SCRATCH "/training_mismatch.safetensors";
    isk_sweep_desc good = stopped_run(checkpoint), sweep;
    static uint8_t split[ROWS];
    double lambdas[2] = { 3, 4 }, rates[1] = { 0.5 };
    isk_model *models[4];
    size_t before, after;
    char *bytes = read_bytes_of(checkpoint, &before), *again;
    int i;
    (void)state;
    for (i = 0; i < isk_option_count(NULL); i++) {
        char due[300], there[32], here[32];
        isk_options resolved;
        sweep = good;
        sweep.fit.target = sweep.fit.views[1].x;            /* which reduce=target asks for, and nothing else reads */
        another_value(&sweep.fit.options, i);
        resolved = good.fit.options;
        ok(isk_options_resolve(context, NULL, &resolved, ISK_ROBUST));
        isk_option_text(NULL, &resolved, i, there);
        resolved = sweep.fit.options;
        ok(isk_options_resolve(context, NULL, &resolved, ISK_ROBUST));
        isk_option_text(NULL, &resolved, i, here);
        snprintf(due, sizeof due, "%s: option.%s is %s in the checkpoint and %s here; resume with what it was started with, or start "
                                  "afresh",
                 checkpoint, isk_option_get(NULL, i)->name, there, here);
        expect(context, resume_now(&sweep, models), ISK_MISMATCH, due);
        assert_null(models[0]);
    }
    sweep = good;
    sweep.fit.method = ISK_INDISEEK0;
    expect(context, resume_now(&sweep, models), ISK_MISMATCH,
           SCRATCH "/training_mismatch.safetensors: method is indiseek in the checkpoint and indiseek0 here; resume with what it was "
           "started with, or start afresh");
    sweep = good;
    sweep.fit.seed = 8;
    expect(context, resume_now(&sweep, models), ISK_MISMATCH,
           SCRATCH "/training_mismatch.safetensors: model0.seed is 7 in the checkpoint and 8 here; resume with what it was started "
           "with, or start afresh");
    sweep = good;
    sweep.lambdas = lambdas;
    sweep.lambda_count = 2;
    expect(context, resume_now(&sweep, models), ISK_MISMATCH,
           SCRATCH "/training_mismatch.safetensors: models is 1 in the checkpoint and 2 here; resume with what it was started with, "
           "or start afresh");
    sweep.lambdas = lambdas + 1;
    sweep.lambda_count = 1;
    expect(context, resume_now(&sweep, models), ISK_MISMATCH,
           SCRATCH "/training_mismatch.safetensors: model0.lambda is 3 in the checkpoint and 4 here; resume with what it was started "
           "with, or start afresh");
    sweep = good;
    sweep.rates = rates;
    sweep.rate_count = 1;
    expect(context, resume_now(&sweep, models), ISK_MISMATCH,
           SCRATCH "/training_mismatch.safetensors: model0.rate is 0.001 in the checkpoint and 0.5 here; resume with what it was "
           "started with, or start afresh");
    for (i = 0; i < 4; i++) {
        sweep = good;
        if (i == 0) { view2[17] += 1; }
        if (i == 1) { sweep.fit.split = split; }
        if (i == 2) { sweep.fit.views[0].x.rows = sweep.fit.views[1].x.rows = ROWS - 1; }
        if (i == 3) {
            sweep.fit.views[0].given = matrix_of(given1, ROWS, 2);
            sweep.fit.views[1].given = matrix_of(given2, ROWS, 2);
        }
        expect(context, resume_now(&sweep, models), ISK_MISMATCH,
               SCRATCH "/training_mismatch.safetensors: the data or the split are not those that the checkpoint was made from; "
               "resume with the same files, or start afresh");
        if (i == 0) { view2[17] -= 1; }
    }
    again = read_bytes_of(checkpoint, &after);
    assert_true(before == after && memcmp(bytes, again, before) == 0);
    free(again);
    /* what does not determine the result may change */
    sweep = good;
    sweep.fit.checkpoint_every = 3;
    sweep.fit.options.critic_steps = 5;                     /* the preset's value, given by hand */
    make_views(1);
    ok(resume_now(&sweep, models));
    isk_model_close(models[0]);
    free(bytes);
    remove(checkpoint);
}

static void damaged_checkpoints(void **state) {
    static const char checkpoint[] = SCRATCH "/training_damaged.safetensors";
    isk_sweep_desc sweep = stopped_run(checkpoint);
    isk_model *model;
    size_t count, cut;
    char *bytes = read_bytes_of(checkpoint, &count);
    (void)state;
    for (cut = 0; cut < count; cut += 1 + count / 150) {
        write_bytes("training_damaged.safetensors", bytes, cut);
        assert_int_equal(resume_now(&sweep, &model), ISK_DATA);
        assert_non_null(strstr(isk_error(context), "training_damaged.safetensors"));
    }
    write_bytes("training_damaged.safetensors", bytes, count);
    ok(resume_now(&sweep, &model));
    ok(isk_save(model, checkpoint));
    isk_model_close(model);
    expect(context, resume_now(&sweep, &model), ISK_MISMATCH,
           SCRATCH "/training_damaged.safetensors: not a checkpoint of this library (metadata 'format' is 'indiseek.model')");
    sweep.fit.checkpoint = NULL;
    expect(context, resume_now(&sweep, &model), ISK_ARGUMENT, "resume: desc->fit.checkpoint is not set");
    sweep.fit.checkpoint = SCRATCH;                 /* a folder, which is no checkpoint and may not be replaced by one */
    assert_int_equal(resume_now(&sweep, &model), ISK_IO);
    assert_non_null(strstr(isk_error(context), SCRATCH ": "));
    sweep.fit.checkpoint = SCRATCH "/training_damaged.safetensors/ck";     /* below a file */
    assert_int_equal(resume_now(&sweep, &model), ISK_IO);
    free(bytes);
    remove(checkpoint);
}

static void unwritable_checkpoints(void **state) {
    isk_fit_desc fit = small_fit(context, ROWS, "");
    isk_model *model;
    (void)state;
    fit.checkpoint = SCRATCH "/no-such-folder/ck.safetensors";
    fit.checkpoint_every = 3;
    assert_int_equal(fit_now(&fit, &model), ISK_IO);
    assert_null(model);
    assert_non_null(strstr(isk_error(context), SCRATCH "/no-such-folder/ck.safetensors"));
    assert_non_null(strstr(isk_error(context), "cannot be created: No such file or directory"));
    assert_int_equal(watch.rounds, 0);                      /* said before the work, not after it */
    fit.checkpoint = SCRATCH;
    expect(context, fit_now(&fit, &model), ISK_IO, SCRATCH ": cannot be replaced: it is not a regular file");
    forget();
    fit.checkpoint = NULL;
    watch.stop_after = 1;
    expect(context, fit_now(&fit, &model), ISK_INTERRUPTED, "stopped after round 1; there is no checkpoint to resume from");
    assert_null(model);
    forget();
    ok(fit_now(&fit, &model));                     /* the interrupt is over */
    isk_model_close(model);
}

/* A process that saves again and again is killed: the path holds one of the two models, whole. */
static void killed_while_saving(void **state) {
    isk_fit_desc fit = small_fit(context, ROWS, "epochs=1 shared_epochs=1 width=40");
    isk_model *models[2], *loaded;
    char *bytes[2], *found;
    size_t counts[2], count;
    uint64_t random = 3;
    const char *path = SCRATCH "/training_save.safetensors";
    int i, seen_models[2] = { 0, 0 }, result;
    (void)state;
    for (i = 0; i < 2; i++) {
        fit.seed = (uint64_t)i;
        ok(fit_now(&fit, &models[i]));
        bytes[i] = saved(context, models[i], "training_either.safetensors", &counts[i]);
    }
    ok(isk_save(models[0], path));
    for (i = 0; i < 400 && (i < 30 || seen_models[0] < 5 || seen_models[1] < 5); i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            for (;; i++) {
                if (isk_save(models[i % 2], path) != ISK_OK) { _exit(1); }
            }
        }
        wait_microseconds((long)(1000 + 6000 * uniform(&random)));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &result, 0), child);
        assert_true(WIFSIGNALED(result));
        found = read_bytes_of(path, &count);
        if (count == counts[0] && memcmp(found, bytes[0], count) == 0) {
            seen_models[0]++;
        } else {
            assert_int_equal(count, counts[1]);
            assert_memory_equal(found, bytes[1], count);
            seen_models[1]++;
        }
        free(found);
        ok(isk_load(context, path, &loaded));
        isk_model_close(loaded);
    }
    assert_true(seen_models[0] > 0 && seen_models[1] > 0);
    for (i = 0; i < 2; i++) {
        isk_model_close(models[i]);
        free(bytes[i]);
    }
    sweep_scratch("training_save");
}

/* ---- callbacks --------------------------------------------------------------------------------------------------------------------- */

static void callbacks_see_every_epoch(void **state) {
    isk_fit_desc fit = small_fit(context, ROWS, "validation=0.2");
    isk_sweep_desc sweep = alone(&fit);
    isk_model *models[3];
    int i, k, count[3][3] = { { 0 } };
    (void)state;
    sweep.seed_count = 3;
    ok(sweep_now(&sweep, models));
    for (i = 0; i < watch.records; i++) {
        int stage = strcmp(watch.epoch[i].stage, "shared") == 0 ? 0 : strcmp(watch.epoch[i].stage, "specific1") == 0 ? 1
                    : strcmp(watch.epoch[i].stage, "specific2") == 0 ? 2 : 3;
        if (stage == 3) { fail_msg("a record of stage %s", watch.epoch[i].stage); }
        assert_int_equal(watch.epoch[i].epoch, ++count[watch.epoch[i].model][stage]);
        assert_true(watch.epoch[i].validation[0] != 0);
    }
    for (i = 0; i < 3; i++) {
        assert_int_equal(count[i][0], 4);
        assert_int_equal(count[i][1], 5);
        assert_int_equal(count[i][2], 5);
    }
    assert_true(watch.fraction == 1);
    assert_non_null(strstr(watch.stages, "shared "));
    assert_non_null(strstr(watch.stages, "specific "));
    for (i = 0; i < 3; i++) {
        const isk_report *report = isk_model_report(models[i]);
        assert_int_equal(report->status, ISK_OK);
        assert_true(isk_report_value(report, "shared_epochs", ISK_NONE) == 4);
        assert_true(report->seconds > 0);
        assert_true(isk_report_value(report, "temperature", ISK_NONE) > 0.05 && isk_report_value(report, "temperature", ISK_NONE) < 0.09);
        assert_true(isk_report_value(report, "shared_loss", ISK_NONE) > 0);
        assert_true(isk_report_value(report, "shared_validation_loss", ISK_NONE) > 0);
        for (k = 0; k < 2; k++) {
            double loss = isk_report_value(report, "loss", k), fresh = isk_report_value(report, "fresh_club", k);
            double club = isk_report_value(report, "club", k), left = isk_report_value(report, "reconstruction", k);
            double saturation = isk_report_value(report, "saturation", k);
            assert_true(isk_report_value(report, "epochs", k) == 5);
            assert_true(fabs(loss - (club + 5 * left)) < 1e-4 * loss);
            assert_true(isk_report_value(report, "validation_r2", k) < 1 && fresh - fresh == 0);
            assert_true(saturation >= 0 && saturation <= 1 && isk_report_value(report, "variance", k) > 0);
            assert_true(isnan(isk_report_value(report, "overlap", k)) && isnan(isk_report_value(report, "contrast", k)));
        }
        assert_true(isnan(isk_report_value(report, "loss", 2)) && isnan(isk_report_value(report, "loss", ISK_NONE)));
        assert_true(isnan(isk_report_value(report, "no_such_number", 0)) && isnan(isk_report_value(NULL, "loss", 0)));
        for (k = 0; k < report->number_count; k++) {
            const isk_number *number = &report->numbers[k];
            double value = isk_report_value(report, number->name, number->view);
            assert_true(value == number->value || (isnan(value) && isnan(number->value)));
            assert_true(strlen(number->words) > 10 && number->better >= -1 && number->better <= 1);
        }
        isk_model_close(models[i]);
    }
}

/* ---- warnings ------------------------------------------------------------------------------------------------------------------------ */

static void warn(const isk_fit_desc *fit, const char *due) {
    isk_model *model;
    int i;
    forget();
    ok(fit_now(fit, &model));
    isk_model_close(model);
    for (i = 0; i < watch.warnings && i < 16; i++) {
        if (strstr(watch.warning[i], due)) { return; }
    }
    fail_msg("no warning says '%s'; the first of %d is '%s'", due, watch.warnings, watch.warning[0]);
}

static void failures_are_warned_of(void **state) {
    isk_fit_desc fit = small_fit(context, ROWS, "weight_decay=5 rate=0.01 epochs=30");
    isk_model *model;
    (void)state;
    warn(&fit, "model 0: Z1 has collapsed (variance ");
    warn(&fit, "% of X1 is not reconstructed from (Z1, C1): coordinates are unlearned; train for more epochs or raise lambda");
    fit = small_fit(context, ROWS, "standardize=none critic_rate=1e-6 rate=0.01 lambda=0 epochs=30 critic_steps=1");
    warn(&fit, "model 0: the critic of Z1 is stale: in training CLUB was ");
    fit = small_fit(context, 1000, "standardize=none init=normal layers=2 rate=0 critic_rate=0.01 epochs=20 dim=8");
    set_options(context, &fit.options, "diagnosis_epochs=60 width=32 diagnoses=1");
    warn(&fit, "model 0: Z1 depends on C although its CLUB looks small, because the critic's log variances are at the limit of tanh");
    /* and a run that goes well has none */
    make_views(1);
    fit = small_fit(context, 1000, "epochs=40 lambda=10 rate=0.003 width=32");
    forget();
    ok(fit_now(&fit, &model));
    if (watch.warnings) { fail_msg("a good run warns: %s", watch.warning[0]); }
    isk_model_close(model);
}

/* ---- the paper's simulations ------------------------------------------------------------------------------------- */

enum { SIMULATED = 4000, POINTS = 1000 };

/* Gui et al. A.1: zeta(j) = mean ||z(x) - z(x with x_j = 0)||^2 over x uniform on [-10, 10]^6, each over the sum of all. */
static void importance_of(isk_model *model, double share[6]) {
    static isk_scalar points[POINTS * 6], masked[POINTS * 6], z[POINTS * 10], without[POINTS * 10];
    isk_transform_desc transform;
    uint64_t random = 17;
    double total = 0;
    int i, j;
    for (i = 0; i < POINTS * 6; i++) { points[i] = (isk_scalar)(20 * uniform(&random) - 10); }
    memset(&transform, 0, sizeof transform);
    transform.views[0].x = matrix_of(points, POINTS, 6);
    ask(&transform, ISK_ROLE_SPECIFIC, 0, z);
    ok(isk_transform(model, &transform));
    transform.views[0].x.data = masked;
    ask(&transform, ISK_ROLE_SPECIFIC, 0, without);
    for (j = 0; j < 6; j++) {
        memcpy(masked, points, sizeof masked);
        for (i = 0; i < POINTS; i++) { masked[i * 6 + j] = 0; }
        ok(isk_transform(model, &transform));
        for (i = 0, share[j] = 0; i < POINTS * 10; i++) { share[j] += (double)(z[i] - without[i]) * (double)(z[i] - without[i]); }
        total += share[j];
    }
    for (j = 0; j < 6; j++) { share[j] /= total; }
}

static void simulations_of_the_paper(void **state) {
    static isk_scalar x[SIMULATED * 6], c[SIMULATED * 2];
    int setting, i, j;
    (void)state;
#ifdef SANITIZED
    print_message("# skipped: whole trainings take too long under the sanitizers\n");
    skip();
#endif
    for (setting = 1; setting <= 2; setting++) {
        isk_sweep_desc sweep;
        isk_model *models[2];
        uint64_t random = 23;
        for (i = 0; i < SIMULATED; i++) {
            isk_scalar *row = x + i * 6;
            for (j = 0; j < 6; j++) { row[j] = (isk_scalar)gaussian(&random); }
            if (setting == 2) {
                row[2] = (isk_scalar)0.2 * (row[0] + row[1]);
                row[3] = row[0] * row[1];
            }
            for (j = 0; j < 2; j++) {
                double u = (double)row[j];
                c[i * 2 + j] = (isk_scalar)(setting == 2 ? u : 0.5 * u + 0.2 * sin(u) + 0.2 * u * u * u);
            }
        }
        memset(&sweep, 0, sizeof sweep);
        sweep.fit.preset = ISK_SIMULATION;
        sweep.fit.view_count = 1;
        sweep.fit.views[0].x = matrix_of(x, SIMULATED, 6);
        sweep.fit.views[0].given = matrix_of(c, SIMULATED, 2);
        set_options(context, &sweep.fit.options, "width=50 epochs=60");
        sweep.seed_count = 2;
        forget();
        ok(sweep_now(&sweep, models));
        for (i = 0; i < 2; i++) {
            double share[6];
            importance_of(models[i], share);
            print_message("# setting %d: %.3f %.3f %.3f %.3f %.3f %.3f, not reconstructed %.3f\n", setting, share[0], share[1], share[2],
                          share[3], share[4], share[5], isk_report_value(isk_model_report(models[i]), "reconstruction", 0));
            assert_true(share[0] + share[1] < 0.1);
            if (setting == 2) { assert_true(share[4] + share[5] > 0.7); }
            isk_model_close(models[i]);
        }
    }
}

#define training(test) cmocka_unit_test_setup(test, begin)

/* Mean over models, sides and seeds: how much of the other view's C ridge regression finds in Z on held-out rows (leakage), and
   of X in (Z, C) (completeness). */
static void leakage_of(const isk_method *method, double *leakage, double *completeness) {
    enum { n = 1500, D = 4, S = 3, SEEDS = 3, MOST_COLS = D + S };
    static isk_scalar c[2][n * S], z[2][n * D], both[n * MOST_COLS];
    static uint8_t part[n];
    isk_sweep_desc sweep;
    isk_model *models[SEEDS];
    int i, j, m, v;
    memset(&sweep, 0, sizeof sweep);
    for (i = 0; i < n; i++) { part[i] = i % 3 == 0 ? ISK_TEST : ISK_TRAIN; }
    sweep.fit = small_fit(context, n, "epochs=40 shared_epochs=40 residual_epochs=40 width=24 lambda=100 diagnoses=0 validation=0");
    sweep.fit.method = method;
    sweep.fit.split = part;
    sweep.seed_count = SEEDS;
    if (sweep_now(&sweep, models) != ISK_OK) { fail_msg("%s", isk_error(context)); }
    *leakage = *completeness = 0;
    for (m = 0; m < SEEDS; m++) {
        isk_transform_desc out;
        memset(&out, 0, sizeof out);
        for (v = 0; v < 2; v++) {
            out.views[v] = sweep.fit.views[v];
            ask(&out, ISK_ROLE_SHARED, v, c[v]);
            ask(&out, ISK_ROLE_SPECIFIC, v, z[v]);
        }
        if (isk_transform(models[m], &out) != ISK_OK) { fail_msg("%s", isk_error(context)); }
        for (v = 0; v < 2; v++) {
            isk_regression_desc regression;
            double r2;
            memset(&regression, 0, sizeof regression);
            regression.part = part;
            regression.x = matrix_of(z[v], n, D);
            regression.y = matrix_of(c[1 - v], n, S);
            if (isk_ridge_r2(context, &regression, &r2) != ISK_OK) { fail_msg("%s", isk_error(context)); }
            *leakage += r2 / 2 / SEEDS;
            for (i = 0; i < n; i++) {
                for (j = 0; j < D; j++) { both[i * MOST_COLS + j] = z[v][i * D + j]; }
                for (j = 0; j < S; j++) { both[i * MOST_COLS + D + j] = c[v][i * S + j]; }
            }
            regression.x = matrix_of(both, n, MOST_COLS);
            regression.y = sweep.fit.views[v].x;
            if (isk_ridge_r2(context, &regression, &r2) != ISK_OK) { fail_msg("%s", isk_error(context)); }
            *completeness += r2 / 2 / SEEDS;
        }
        isk_model_close(models[m]);
    }
}

/* What residuals are for, where IndiSeek is pressed to keep X: much less of C in Z, at no loss. */
static void residuals_leak_less(void **state) {
    double plain, residual, complete, complete_residual;
    (void)state;
#ifdef SANITIZED
    print_message("# skipped: whole trainings take too long under the sanitizers\n");
    skip();
#endif
    forget();
    leakage_of(ISK_INDISEEK, &plain, &complete);
    leakage_of(ISK_RESIDUAL_INDISEEK, &residual, &complete_residual);
    print_message("# leakage %.3f, on residuals %.3f; completeness %.3f, on residuals %.3f\n", plain, residual, complete,
                  complete_residual);
    assert_true(residual < 0.5 * plain);
    assert_true(complete_residual > complete - 0.05);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        training(threads_and_company_leave_no_trace),
        training(stops_leave_no_trace),
        training(stopped_sweeps),
        training(kills_leave_no_trace),
        training(a_model_that_diverges_ends_alone),
        training(divergence_is_resumed),
        training(the_best_epoch_is_restored),
        training(clip_keeps_its_best),
        training(every_number_of_rows),
        training(every_batch_size),
        training(odd_columns),
        training(given_shared_features),
        training(bad_input_is_named),
        training(a_bad_context_says_so),
        training(resuming_with_something_else),
        training(resuming_from_damage),
        training(damaged_checkpoints),
        training(unwritable_checkpoints),
        training(killed_while_saving),
        training(callbacks_see_every_epoch),
        training(failures_are_warned_of),
        training(simulations_of_the_paper),
        training(residuals_leak_less),
    };
    return cmocka_run_group_tests_name("training", tests, open_context, close_context);
}
