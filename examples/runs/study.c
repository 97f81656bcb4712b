#include "study.h"

#include "methods.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int study_check_list(const command *c, const char *name, const real_list *list) {
    for (int i = 0; i < list->count; i++) {
        for (int before = 0; before < i; before++) {
            if (list->value[before] == list->value[i]) {
                return usage_error(c->name, "--%s has %g twice", name, list->value[i]);
            }
        }
    }
    return 0;
}

int study_check(const command *c, const study_settings *s) {
    int code = study_check_list(c, "lambda", &s->lambdas);
    return code ? code : s->resume && !s->out ? usage_error(c->name, "--resume needs --out") : 0;
}

/* ---- before training ---- */

static isk_status find_methods(study *w) {
    if (w->s->methods) { return configuration_methods(w->context, w->s->methods, w->methods, &w->method_count); }
    for (int i = 0; i < isk_method_count(w->context); i++) { w->methods[w->method_count++] = isk_method_get(w->context, i); }
    return ISK_OK;
}

isk_status study_prepare(study *w) {
    const study_settings *s = w->s;
    isk_status status = find_methods(w);
    w->resolved = s->options;
    w->sweep = (isk_sweep_desc){ .fit = { .seed = s->seed, .options = s->options }, .lambdas = s->lambdas.value,
                                 .lambda_count = s->lambdas.count, .seed_count = s->seeds };
    if (status == ISK_OK) { status = isk_preset_find(w->context, s->preset, &w->sweep.fit.preset); }
    if (status == ISK_OK) { status = isk_options_resolve(w->context, NULL, &w->resolved, w->sweep.fit.preset); }
    if (status == ISK_OK && isk_sweep_models(&w->sweep) == 0) {
        status = isk_set_error(w->context, ISK_ARGUMENT, "the sweep has more than a million models");
    }
    w->c.lambdas = s->lambdas.value;
    w->c.lambda_count = s->lambdas.count;
    w->c.seeds = s->seeds;
    w->c.seed = s->seed;
    return status;
}

isk_status study_folder(study *w, isk_status (*read)(void *job, const char *path), void *job) {
    char path[4200], previous[4200];
    isk_status status = output_open(&w->out, w->context, w->s->out, "results.json report.html truth.tsv invae.tsv integrate.tsv",
                                    w->s->resume ? "results.json" : NULL);
    if (status != ISK_OK) { return isk_set_error(w->context, status, "%s", w->out.error); }
    output_path(&w->out, "results.json", path, sizeof path);
    if (access(path, F_OK) != 0) { return ISK_OK; }
    if (w->s->resume) { return read(job, path); }
    output_path(&w->out, "results.previous.json", previous, sizeof previous);
    if (!output_keep(&w->out, "results.json", "results.previous.json")) {
        return isk_set_error(w->context, ISK_IO, "%s is there from an earlier study, and cannot be kept as %s; move it away", path,
                             previous);
    }
    progress_warn(&w->bar, "%s is there from an earlier study; it is kept as %s%s", path, previous,
                  w->resumable ? ", --resume would have gone on with it" : "");
    return ISK_OK;
}

/* ---- while it trains ---- */

const char *study_checkpoint(study *w, const char *name, char *buffer, size_t size) {
    char file[160];
    if (!w->s->out) { return NULL; }
    snprintf(file, sizeof file, "checkpoint.%s.safetensors", name);
    output_path(&w->out, file, buffer, size);
    if (!w->s->resume) { unlink(buffer); }
    return buffer;
}

void study_made(study *w) { configuration_made(&w->c, w->context, w->argc, w->argv); }

isk_status study_write(study *w, const text *results, const text *report) {
    isk_status status = output_text(&w->out, "results.json", results);
    if (status == ISK_OK) { status = output_text(&w->out, "report.html", report); }
    if (status == ISK_OK) { status = output_commit(&w->out, w->out.names); }
    return status == ISK_OK ? ISK_OK : isk_set_error(w->context, status, "%s", w->out.error);
}

/* ---- the whole ---- */

static void on_progress(void *user, const isk_progress *now) {
    study *w = user;
    if (w->watch) { w->watch(w, now); }
    w->draw(&w->bar, now);
}

int study_run(study *w, isk_status (*run)(void *job), void *job) {
    isk_context_desc desc = { 0 };
    isk_status status;
    int code;
    progress_open(&w->bar, w->s->quiet);
    progress_attach(&w->bar, &desc);
    w->draw = desc.progress;
    desc.progress = on_progress;
    device_apply(&w->s->device, &desc);
    w->context = methods_open(&desc);
    if (!w->context) { return fail(w->command->name, ISK_MEMORY, NULL); }
    progress_watch(w->context);
    /* isk_open leaves its sentence when there is no GPU for --device cuda */
    status = *isk_error(w->context) ? ISK_DEVICE : run(job);
    progress_close(&w->bar);
    output_close(&w->out);
    code = status == ISK_OK ? 0 : fail(w->command->name, status, isk_error(w->context));
    if (status == ISK_INTERRUPTED && w->s->out && w->resumable) {
        say_how_to_resume(w->argc, w->argv);
    } else if (status == ISK_INTERRUPTED) {
        code = EXIT_FAILED;         /* nothing is kept that could be resumed */
    }
    configuration_free(&w->c);
    progress_watch(NULL);
    isk_close(w->context);
    return code;
}
