/* study simulations: settings x methods x lambdas x seeds.  One setting and method is one sweep; each that is finished
   stands in results.json at once. */
#include "studies.h"

#include "simulations.h"

#include "../common/device.h"
#include "../common/output.h"
#include "../common/progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct settings {
    device_settings device;
    real_list settings, lambdas;
    int n, test, seeds, resume, quiet;
    const char *methods, *preset, *json, *out;
    uint64_t seed;
    isk_options options;
} settings;

#define FIELD(name) offsetof(settings, name)
static const option table[] = {
    { NULL, OPTION_HEADING, 0, NULL, "What to run", 0, 0, NULL },
    { "settings", OPTION_REALS, FIELD(settings), "LIST", "the paper's settings, with commas between [1,2,3,4]", 1, 4,
      NULL },
    { "methods", OPTION_TEXT, FIELD(methods), "LIST",
      "methods that take given shared features, with commas between [indiseek,factorizedcl,infodisen]", 0, 0, NULL },
    { "lambda", OPTION_REALS, FIELD(lambdas), "LIST",
      "weights of the reconstruction, with commas between [0.01,0.1,1,10]", 0, 1e9, NULL },
    { "seeds", OPTION_INT, FIELD(seeds), "N", "models of each, of seeds SEED, SEED + 1, ... [3]; the paper has 50", 1,
      100000, NULL },
    { "seed", OPTION_SEED, FIELD(seed), "SEED",
      "first seed; it also makes the data, which all models of a setting share [0]", 0, 0, NULL },
    { "n", OPTION_INT, FIELD(n), "N", "training rows [10000]", 2, 1e8, NULL },
    { "test", OPTION_INT, FIELD(test), "N", "rows of the independent test set [1000]", 1, 1e8, NULL },
    { "preset", OPTION_TEXT, FIELD(preset), "NAME",
      "where other options have their defaults from: robust, paper or simulation [simulation]", 0, 0, NULL },
    { NULL, OPTION_HEADING, 0, NULL, "Output", 0, 0, NULL },
    { "out", OPTION_TEXT, FIELD(out), "DIR", "gets results.json and report.html after every sweep; made if missing",
      0, 0, NULL },
    { "resume", OPTION_FLAG, FIELD(resume), NULL,
      "keep what DIR/results.json has of a study with the same options, and go on; it may have other settings and "
      "methods", 0, 0, NULL },
    { "json", OPTION_TEXT, FIELD(json), "FILE", "an array with one object for each model", 0, 0, NULL },
    { "quiet", OPTION_FLAG, FIELD(quiet), NULL, "no progress", 0, 0, NULL },
    DEVICE_OPTIONS(FIELD(device)),
};

static const command simulations = {
    .name = "study simulations", .usage = "[OPTION]...",
    .about = "Which coordinates of X does the specific feature Z look at?  The paper's four simulated settings\n"
             "(Gui, Ma and Ma 2025, section 1.1 and appendix A.2) by all methods and lambdas, with its claims beside\n"
             "what is measured.  All models of one setting and method are trained together.",
    .examples = "  study simulations --out results\n"
                "  study simulations --settings 1,2 --lambda 0.1 --seeds 10 --out results\n"
                "  study simulations --settings 3,4 --lambda 0.1 --seeds 10 --out results --resume\n",
    .options = table, .option_count = sizeof table / sizeof *table,
    .library = 1, .library_offset = FIELD(options),
    .notes = "Ctrl-C stops after the current round of epochs; with --out, --resume goes on from there.\n",
};

typedef struct job {
    settings s;
    int argc;
    char **argv;
    isk_context *context;
    progress bar;
    output out;
    isk_sweep_desc sweep;           /* what all sweeps have in common */
    isk_method methods[ISK_METHOD_COUNT];
    int method_count, kept;         /* kept: sweeps of an earlier call */
    configuration c;
    measurements m;
} job;

/* ---- before training ---- */

static isk_status find_methods(job *j) {
    isk_status status = ISK_OK;
    for (const char *at = j->s.methods; at && status == ISK_OK;) {
        const char *comma = strchr(at, ',');
        char name[64];
        isk_method method;
        snprintf(name, sizeof name, "%.*s", comma ? (int)(comma - at) : (int)strlen(at), at);
        status = isk_method_find(j->context, name, &method);
        for (int i = 0; i < j->method_count && status == ISK_OK; i++) {
            if (j->methods[i] == method) {
                status = isk_set_error(j->context, ISK_ARGUMENT, "--methods has %s twice", name);
            }
        }
        if (status == ISK_OK) { j->methods[j->method_count++] = method; }
        at = comma ? comma + 1 : NULL;
    }
    return status;
}

/* Every method on a few rows without an epoch: what does not work is known before hours of work. */
static isk_status try_methods(job *j) {
    isk_context *aside = isk_open(&(isk_context_desc){ .threads = 1, .device = ISK_DEVICE_CPU });
    isk_status status = aside ? ISK_OK : ISK_MEMORY;
    for (int i = 0; i < j->method_count && status == ISK_OK; i++) {
        isk_sweep_desc sweep = { .fit = j->sweep.fit };
        setting_run run;
        sweep.fit.method = j->methods[i];
        sweep.fit.options.epochs = sweep.fit.options.diagnoses = ISK_NONE;
        status = setting_sweep(aside, 1, j->s.n < 64 ? j->s.n : 64, 1, &sweep, &run);
    }
    if (aside && status != ISK_OK) { isk_set_error(j->context, status, "%s", isk_error(aside)); }
    isk_close(aside);
    return status;
}

static void add_number(configuration *c, const char *key, double value) {
    text words = { 0 };
    text_json_number(&words, value);
    configuration_add(c, key, words.data ? words.data : "", 0);
    text_free(&words);
}

static void configure(job *j, const isk_options *resolved) {
    configuration *c = &j->c;
    char words[64];
    text list = { 0 };
    configuration_add(c, "version", ISK_VERSION, 1);
    add_number(c, "n", j->s.n);
    add_number(c, "test", j->s.test);
    for (int i = 0; i < j->s.lambdas.count; i++) {
        text_add(&list, i ? "," : "");
        text_number(&list, j->s.lambdas.value[i], 15);
    }
    configuration_add(c, "lambda", list.data ? list.data : "", 1);
    text_free(&list);
    add_number(c, "seeds", j->s.seeds);
    snprintf(words, sizeof words, "%llu", (unsigned long long)j->s.seed);
    configuration_add(c, "seed", words, 0);
    configuration_add(c, "preset", j->s.preset, 1);
    for (int i = 0; i < isk_option_count(); i++) {
        const isk_option_info *info = isk_option_get(i);
        if (strcmp(info->name, "lambda") == 0) { continue; }               /* above, all of them */
        configuration_add(c, info->name, isk_option_text(resolved, i, words), info->kind == ISK_OPTION_CHOICE);
    }
    c->lambdas = j->s.lambdas.value;
    c->lambda_count = j->s.lambdas.count;
    c->seeds = j->s.seeds;
    c->seed = j->s.seed;
    c->n = j->s.n;
}

static isk_status prepare(job *j) {
    isk_options resolved = j->s.options;
    isk_status status = find_methods(j);
    j->sweep = (isk_sweep_desc){ .fit = { .seed = j->s.seed, .options = j->s.options }, .lambdas = j->s.lambdas.value,
                                 .lambda_count = j->s.lambdas.count, .seed_count = j->s.seeds };
    if (status == ISK_OK) { status = isk_preset_find(j->context, j->s.preset, &j->sweep.fit.preset); }
    if (status == ISK_OK) { status = isk_options_resolve(j->context, &resolved, j->sweep.fit.preset); }
    if (status == ISK_OK && isk_sweep_models(&j->sweep) == 0) {
        status = isk_set_error(j->context, ISK_ARGUMENT, "the sweep has more than a million models");
    }
    if (status == ISK_OK) { status = try_methods(j); }
    if (status == ISK_OK) { status = can_write(j->context, j->s.json); }
    if (status == ISK_OK) { configure(j, &resolved); }
    return status;
}

/* Opens the folder.  Results that stand there are read, or, where the study starts afresh, kept under another name. */
static isk_status folder_open(job *j) {
    char path[4200], previous[4200];
    isk_status status = output_open(&j->out, j->context, j->s.out);
    if (status != ISK_OK) { return isk_set_error(j->context, status, "%s", j->out.error); }
    output_path(&j->out, "results.json", path, sizeof path);
    if (access(path, F_OK) != 0) { return ISK_OK; }
    if (j->s.resume) {
        status = measurements_read(&j->m, j->context, path, &j->c);
        j->kept = j->m.count;
    } else if (rename(path, output_path(&j->out, "results.previous.json", previous, sizeof previous)) == 0) {
        progress_warn(&j->bar, "%s is there from an earlier study; it is kept as %s, --resume would have gone on with "
                      "it", path, previous);
    }
    return status;
}

/* ---- training ---- */

/* Files of what has been measured so far. */
static isk_status write_files(job *j) {
    text results = { 0 }, report = { 0 };
    isk_status status;
    measurements_write(&j->m, &j->c, &results);
    simulations_report(&j->m, &j->c, &report);
    status = output_text(&j->out, "results.json", &results);
    if (status == ISK_OK) { status = output_text(&j->out, "report.html", &report); }
    if (status == ISK_OK) { status = output_commit(&j->out); }
    text_free(&results);
    text_free(&report);
    return status == ISK_OK ? ISK_OK : isk_set_error(j->context, status, "%s", j->out.error);
}

static isk_status run_sweep(job *j, int setting, isk_method method) {
    isk_sweep_desc sweep = j->sweep;
    setting_run *runs = calloc((size_t)isk_sweep_models(&sweep), sizeof *runs);
    char name[64], checkpoint[4200] = "";
    text line = { 0 };
    isk_status status = ISK_MEMORY;
    sweep.fit.method = method;
    if (j->s.out) {
        snprintf(name, sizeof name, "checkpoint.%d-%s.safetensors", setting, isk_method_name(method));
        sweep.fit.checkpoint = output_path(&j->out, name, checkpoint, sizeof checkpoint);
        if (!j->s.resume) { unlink(checkpoint); }
    }
    if (runs) { status = setting_sweep(j->context, setting, j->s.n, j->s.test, &sweep, runs); }
    progress_end(&j->bar);
    if (status != ISK_OK) {
        free(runs);
        return status;
    }
    j->m.sweeps[j->m.count++] = (measured){ setting, method, runs };
    typed_line(&line, j->argc, j->argv);
    add_line(&j->m.made_by, line.data ? line.data : "");
    add_line(&j->m.made_on, isk_device_text(j->context));
    text_free(&line);
    if (j->s.out) {
        status = write_files(j);
        if (status == ISK_OK) { unlink(checkpoint); }
    }
    return status;
}

static isk_status run_all(job *j) {
    const int count = j->s.settings.count * j->method_count;
    isk_status status = ISK_OK;
    j->bar.pieces = count;
    j->bar.mute = 1;                /* the tables say which models diverged or left a coordinate unlearned */
    progress_say(&j->bar, "%d sweep%s of %d model%s on %s", count, count > 1 ? "s" : "", isk_sweep_models(&j->sweep),
                 isk_sweep_models(&j->sweep) > 1 ? "s" : "", isk_device_text(j->context));
    for (int i = 0; i < count && status == ISK_OK; i++) {
        const int setting = (int)j->s.settings.value[i / j->method_count];
        const isk_method method = j->methods[i % j->method_count];
        char what[64], time[32];
        double began = progress_clock();
        snprintf(what, sizeof what, "setting %d, %s", setting, isk_method_name(method));
        j->bar.piece = i;
        j->bar.what = what;
        if (measurements_find(&j->m, setting, method)) {
            progress_say(&j->bar, "%s: finished before", what);
        } else if (progress_stopped()) {
            status = isk_set_error(j->context, ISK_INTERRUPTED, "stopped after %d of %d sweeps", i, count);
        } else {
            status = run_sweep(j, setting, method);
            if (status == ISK_OK) { progress_say(&j->bar, "%s: %s", what, duration(progress_clock() - began, time)); }
        }
        j->bar.what = NULL;
    }
    return status;
}

/* ---- what is said at the end ---- */

static void print_all(const job *j) {
    for (int i = 0; i < j->m.count; i++) {
        setting_summary all[MOST_REALS];
        for (int k = 0; k < j->c.lambda_count; k++) {
            setting_summarise(j->m.sweeps[i].runs + k * j->c.seeds, j->c.seeds, &all[k]);
        }
        printf("%ssetting %d, %s, %d rows, %d seed%s\n", i ? "\n" : "", j->m.sweeps[i].setting,
               isk_method_name(j->m.sweeps[i].method), j->s.n, j->c.seeds, j->c.seeds > 1 ? "s" : "");
        setting_print(j->m.sweeps[i].setting, all, j->c.lambda_count);
    }
}

static isk_status run(job *j) {
    /* isk_open leaves its sentence when there is no GPU for --device cuda */
    isk_status status = *isk_error(j->context) ? ISK_DEVICE : prepare(j);
    claim_count claims;
    if (status == ISK_OK && j->s.out) { status = folder_open(j); }
    if (status != ISK_OK) { return status; }
    status = run_all(j);
    if (status == ISK_OK && j->s.out && j->kept == j->m.count) { status = write_files(j); }     /* nothing was left to run */
    if (status != ISK_OK) { return status; }
    print_all(j);
    claims = claims_count(&j->m, &j->c);
    printf("\n%d of the paper's %d claims that could be checked hold%s%s%s\n", claims.hold, claims.checked,
           j->s.out ? "; open " : "", j->s.out ? j->s.out : "", j->s.out ? "/report.html" : "");
    if (j->s.json) {
        text runs = { 0 };
        measurements_runs(&j->m, &j->c, &runs);
        status = write_text(j->context, j->s.json, &runs);
        text_free(&runs);
    }
    if (j->s.out) { output_tidy(&j->out); }
    return status;
}

/* What the table of options cannot say; 0 or the exit code. */
static int check(const settings *s) {
    const struct { const char *name; const real_list *list; } lists[] = { { "settings", &s->settings },
                                                                          { "lambda", &s->lambdas } };
    for (int i = 0; i < s->settings.count; i++) {
        if (s->settings.value[i] != floor(s->settings.value[i])) {
            return usage_error(simulations.name, "--settings is %g; it must be a whole number", s->settings.value[i]);
        }
    }
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < lists[k].list->count; i++) {
            for (int before = 0; before < i; before++) {
                if (lists[k].list->value[before] == lists[k].list->value[i]) {
                    return usage_error(simulations.name, "--%s has %g twice", lists[k].name, lists[k].list->value[i]);
                }
            }
        }
    }
    if (s->resume && !s->out) { return usage_error(simulations.name, "--resume needs --out"); }
    return 0;
}

int study_simulations(int argc, char **argv) {
    job *j = calloc(1, sizeof *j);
    isk_context_desc desc = { 0 };
    isk_status status;
    int code;
    if (!j) { return fail(simulations.name, ISK_MEMORY, NULL); }
    j->s = (settings){ .settings = { { 1, 2, 3, 4 }, 4 }, .lambdas = { { 0.01, 0.1, 1, 10 }, 4 }, .n = 10000,
                       .test = 1000, .seeds = 3, .methods = "indiseek,factorizedcl,infodisen", .preset = "simulation",
                       .device = DEVICE_DEFAULTS };
    j->argc = argc;
    j->argv = argv;
    code = options_parse(&simulations, argc - 1, argv + 1, &j->s);
    if (code < 0 && (code = check(&j->s)) == 0) { code = -1; }
    if (code >= 0) {
        free(j);
        return code;
    }
    progress_open(&j->bar, j->s.quiet);
    progress_attach(&j->bar, &desc);
    device_apply(&j->s.device, &desc);
    j->context = isk_open(&desc);
    if (!j->context) {
        free(j);
        return fail(simulations.name, ISK_MEMORY, NULL);
    }
    progress_watch(j->context);
    status = run(j);
    progress_close(&j->bar);
    output_drop(&j->out);
    code = status == ISK_OK ? 0 : fail(simulations.name, status, isk_error(j->context));
    if (status == ISK_INTERRUPTED && j->s.out) {
        say_how_to_resume(argc, argv);
    } else if (status == ISK_INTERRUPTED) {
        code = EXIT_FAILED;         /* nothing is kept that could be resumed */
    }
    measurements_free(&j->m);
    progress_watch(NULL);
    isk_close(j->context);
    free(j);
    return code;
}
