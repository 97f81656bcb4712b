/* study simulations: settings x methods x lambdas x seeds.  One setting and method is one sweep; each that is finished
   stands in results.json at once. */
#include "studies.h"

#include "simulations.h"
#include "../runs/study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct settings {
    study_settings study;
    real_list settings;
    int n, test;
} settings;

#define FIELD(name) offsetof(settings, name)
#define STUDY(name) STUDY_OFFSET(FIELD(study), name)
static const option table[] = {
    { NULL, OPTION_HEADING, 0, NULL, "What to run", 0, 0, NULL },
    { "settings", OPTION_REALS, FIELD(settings), "LIST", "the paper's settings, with commas between [1,2,3,4]", 1, 4,
      NULL },
    { "methods", OPTION_TEXT, STUDY(methods), "LIST",
      "methods that take given shared features, with commas between [indiseek,factorizedcl,infodisen]", 0, 0, NULL },
    { "lambda", OPTION_REALS, STUDY(lambdas), "LIST",
      "weights of the reconstruction, with commas between [0.01,0.1,1,10]", 0, 1e9, NULL },
    { "seeds", OPTION_INT, STUDY(seeds), "N", "models of each, of seeds SEED, SEED + 1, ... [3]; the paper has 50", 1,
      100000, NULL },
    { "seed", OPTION_SEED, STUDY(seed), "SEED",
      "first seed; it also makes the data, which all models of a setting share [0]", 0, 0, NULL },
    { "n", OPTION_INT, FIELD(n), "N", "training rows [10000]", 2, 1e8, NULL },
    { "test", OPTION_INT, FIELD(test), "N", "rows of the independent test set [1000]", 1, 1e8, NULL },
    { "preset", OPTION_TEXT, STUDY(preset), "NAME",
      "where other options have their defaults from: robust, paper or simulation [simulation]", 0, 0, NULL },
    STUDY_OUTPUT_OPTIONS(FIELD(study), "settings and methods"),
};

static const command simulations = {
    .name = "study simulations", .usage = "[OPTION]...",
    .about = "Which coordinates of X does the specific feature Z look at?  The paper's four simulated settings\n"
             "(Gui, Ma and Ma 2025, section 1.1 and appendix A.2) by all methods and lambdas, with its claims beside\n"
             "what is measured.  All models of one setting and method are trained together.  Where the paper shows\n"
             "that factorizedcl (lambda 1) or indiseek (lambda 10) fails, a sweep with a stale critic stands beside\n"
             "that: critic_inner per_epoch, critic_steps 5, all else the same.",
    .examples = "  study simulations --out results\n"
                "  study simulations --settings 1,2 --lambda 0.1 --seeds 10 --out results\n"
                "  study simulations --settings 3,4 --lambda 0.1 --seeds 10 --out results --resume\n",
    .options = table, .option_count = sizeof table / sizeof *table,
    .library = 1, .library_offset = STUDY(options),
    .notes = STUDY_NOTES,
};

typedef struct job {
    settings s;
    study w;
    measured planned[MOST_SWEEPS];
    int planned_count;
    int kept;                       /* sweeps of an earlier call */
    measurements m;
} job;

/* ---- before training ---- */

/* Every method on a few rows without an epoch: what does not work is known before hours of work. */
static isk_status try_methods(job *j) {
    isk_context *aside = isk_open(&(isk_context_desc){ .threads = 1, .device = ISK_DEVICE_CPU });
    isk_status status = aside ? ISK_OK : ISK_MEMORY;
    for (int i = 0; i < j->w.method_count && status == ISK_OK; i++) {
        isk_sweep_desc sweep = { .fit = j->w.sweep.fit };
        setting_run run;
        sweep.fit.method = j->w.methods[i];
        sweep.fit.options.epochs = sweep.fit.options.diagnoses = ISK_NONE;
        status = setting_sweep(aside, 1, j->s.n < 64 ? j->s.n : 64, 1, &sweep, &run);
    }
    if (aside && status != ISK_OK) { isk_set_error(j->w.context, status, "%s", isk_error(aside)); }
    isk_close(aside);
    return status;
}

static void configure(job *j) {
    configuration *c = &j->w.c;
    configuration_add(c, "version", ISK_VERSION, 1);
    configuration_number(c, "n", j->s.n);
    configuration_number(c, "test", j->s.test);
    configuration_grid(c, j->s.study.preset);
    configuration_options(c, &j->w.resolved);
    c->n = j->s.n;
}

/* Every setting by every method; beside a method its sweep with a stale critic, unless every critic is to be one. */
static void plan(job *j) {
    const int variants = j->w.resolved.critic_inner == ISK_CRITIC_PER_EPOCH ? 1 : 2;
    for (int i = 0; i < j->s.settings.count * j->w.method_count * variants; i++) {
        const int setting = (int)j->s.settings.value[i / variants / j->w.method_count];
        measured s = sweep_of(&j->w.c, setting, j->w.methods[i / variants % j->w.method_count], i % variants);
        if (s.lambda_count) { j->planned[j->planned_count++] = s; }
    }
}

static isk_status prepare(job *j) {
    isk_status status = study_prepare(&j->w);
    if (status == ISK_OK) { status = try_methods(j); }
    if (status == ISK_OK) { status = can_write(j->w.context, j->s.study.json); }
    if (status == ISK_OK) {
        configure(j);
        plan(j);
    }
    return status;
}

static isk_status read_results(void *user, const char *path) {
    job *j = user;
    isk_status status = measurements_read(&j->m, j->w.context, path, &j->w.c);
    j->kept = j->m.count;
    return status;
}

/* ---- training ---- */

/* Files of what has been measured so far. */
static isk_status write_files(job *j) {
    text results = { 0 }, report = { 0 };
    isk_status status;
    measurements_write(&j->m, &j->w.c, &results);
    simulations_report(&j->m, &j->w.c, &report);
    status = study_write(&j->w, &results, &report);
    text_free(&results);
    text_free(&report);
    return status;
}

static isk_status run_sweep(job *j, measured s) {
    isk_sweep_desc sweep = j->w.sweep;
    char name[64], checkpoint[4200] = "";
    isk_status status = ISK_MEMORY;
    sweep.fit.method = s.method;
    sweep.lambdas = s.lambdas;
    sweep.lambda_count = s.lambda_count;
    if (s.stale) {
        sweep.fit.options.critic_inner = ISK_CRITIC_PER_EPOCH;
        sweep.fit.options.critic_steps = STALE_PASSES;
    }
    snprintf(name, sizeof name, "%d-%s%s", s.setting, isk_method_name(s.method), s.stale ? "-stale" : "");
    sweep.fit.checkpoint = study_checkpoint(&j->w, name, checkpoint, sizeof checkpoint);
    s.runs = calloc((size_t)isk_sweep_models(&sweep), sizeof *s.runs);
    if (s.runs) { status = setting_sweep(j->w.context, s.setting, j->s.n, j->s.test, &sweep, s.runs); }
    progress_end(&j->w.bar);
    if (status != ISK_OK) {
        free(s.runs);
        return status;
    }
    j->m.sweeps[j->m.count++] = s;
    study_made(&j->w);
    if (j->s.study.out) {
        status = write_files(j);
        if (status == ISK_OK) { unlink(checkpoint); }
    }
    return status;
}

static isk_status run_all(job *j) {
    const int count = j->planned_count;
    int models = 0;
    progress *bar = &j->w.bar;
    isk_status status = ISK_OK;
    for (int i = 0; i < count; i++) { models += j->planned[i].lambda_count * j->w.c.seeds; }
    bar->pieces = count;
    bar->mute = 1;                  /* the tables say which models diverged or left a coordinate unlearned */
    progress_say(bar, "%d sweep%s, %d model%s on %s", count, count > 1 ? "s" : "", models, models > 1 ? "s" : "",
                 isk_device_text(j->w.context));
    for (int i = 0; i < count && status == ISK_OK; i++) {
        const measured *s = &j->planned[i];
        char what[96], name[64], time[32];
        double began = progress_clock();
        snprintf(what, sizeof what, "setting %d, %s", s->setting, sweep_name(s->method, s->stale, name));
        bar->piece = i;
        bar->what = what;
        if (measurements_find(&j->m, s->setting, s->method, s->stale)) {
            progress_say(bar, "%s: finished before", what);
        } else if (progress_stopped()) {
            status = isk_set_error(j->w.context, ISK_INTERRUPTED, "stopped after %d of %d sweeps", i, count);
        } else {
            status = run_sweep(j, *s);
            if (status == ISK_OK) { progress_say(bar, "%s: %s", what, duration(progress_clock() - began, time)); }
        }
        bar->what = NULL;
    }
    return status;
}

/* ---- what is said at the end ---- */

static void print_all(const job *j) {
    for (int i = 0; i < j->m.count; i++) {
        const measured *s = &j->m.sweeps[i];
        setting_summary all[MOST_REALS];
        char name[64];
        for (int k = 0; k < s->lambda_count; k++) {
            setting_summarise(s->runs + k * j->w.c.seeds, j->w.c.seeds, &all[k]);
        }
        printf("%ssetting %d, %s, %d rows, %d seed%s\n", i ? "\n" : "", s->setting,
               sweep_name(s->method, s->stale, name), j->s.n, j->w.c.seeds, j->w.c.seeds > 1 ? "s" : "");
        setting_print(s->setting, all, s->lambda_count);
    }
}

static isk_status run(void *user) {
    job *j = user;
    const char *out = j->s.study.out;
    isk_status status = prepare(j);
    claim_count claims;
    if (status == ISK_OK && out) { status = study_folder(&j->w, read_results, j); }
    if (status == ISK_OK) { status = run_all(j); }
    if (status == ISK_OK && out && j->kept == j->m.count) { status = write_files(j); }  /* nothing was left */
    if (status != ISK_OK) { return status; }
    print_all(j);
    claims = claims_count(&j->m, &j->w.c);
    printf("\n");
    if (claims.checked) { printf("%d of the paper's %d claims that could be checked hold", claims.hold, claims.checked); }
    if (claims.stale_checked) {
        printf("%swith a stale critic %d of the %d tried%s", claims.checked ? "; " : "", claims.stale_hold, claims.stale_checked,
               claims.checked ? "" : " hold");
    }
    if (claims.checked || claims.stale_checked) { printf("%s", out ? "; " : "\n"); }
    if (out) { printf("open %s/report.html\n", out); }
    if (j->s.study.json) {
        text runs = { 0 };
        measurements_runs(&j->m, &j->w.c, &runs);
        status = write_text(j->w.context, j->s.study.json, &runs);
        text_free(&runs);
    }
    if (out) { output_tidy(&j->w.out); }
    return status;
}

/* What the table of options cannot say; 0 or the exit code. */
static int check(const settings *s) {
    int code;
    for (int i = 0; i < s->settings.count; i++) {
        if (s->settings.value[i] != floor(s->settings.value[i])) {
            return usage_error(simulations.name, "--settings is %g; it must be a whole number", s->settings.value[i]);
        }
    }
    code = study_check_list(&simulations, "settings", &s->settings);
    return code ? code : study_check(&simulations, &s->study);
}

int study_simulations(int argc, char **argv) {
    job *j = calloc(1, sizeof *j);
    int code;
    if (!j) { return fail(simulations.name, ISK_MEMORY, NULL); }
    j->s = (settings){ .settings = { { 1, 2, 3, 4 }, 4 }, .n = 10000, .test = 1000,
                       .study = { .lambdas = { { 0.01, 0.1, 1, 10 }, 4 }, .seeds = 3, .preset = "simulation",
                                  .methods = "indiseek,factorizedcl,infodisen", .device = DEVICE_DEFAULTS } };
    code = options_parse(&simulations, argc - 1, argv + 1, &j->s);
    if (code < 0 && (code = check(&j->s)) == 0) {
        j->w = (study){ .command = &simulations, .s = &j->s.study, .resumable = 1, .argc = argc, .argv = argv };
        code = study_run(&j->w, run, j);
        measurements_free(&j->m);
    }
    free(j);
    return code;
}
