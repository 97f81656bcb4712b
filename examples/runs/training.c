#include "training.h"

#include "methods.h"
#include "split.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the line ---- */

char training_methods[400], training_method_choices[200], training_preset_choices[80];

void training_describe(void) {
    text words = { 0 }, methods = { 0 }, presets = { 0 };
    const int count = methods_count();
    for (int i = 0; i < count; i++) { text_format(&methods, "%s%s", i ? "|" : "", isk_method_name(methods_get(i))); }
    for (int i = 0; i < ISK_PRESET_COUNT; i++) { text_format(&presets, "%s%s", i ? "|" : "", isk_preset_name((isk_preset)i)); }
    snprintf(training_method_choices, sizeof training_method_choices, "%s", methods.data ? methods.data : "");
    snprintf(training_preset_choices, sizeof training_preset_choices, "%s", presets.data ? presets.data : "");
    text_free(&methods);
    text_free(&presets);
    for (int i = 0; i < count; i++) {
        text_format(&words, "%s%s", i == 0 ? "" : i < count - 1 ? ", " : " or ", isk_method_name(methods_get(i)));
    }
    text_add(&words, " [what the preset recommends:");
    for (int i = 0; i < ISK_PRESET_COUNT; i++) {
        text_format(&words, "%s %s %s", i ? "," : "", isk_preset_name((isk_preset)i), isk_method_name(isk_preset_method((isk_preset)i)));
    }
    text_add(&words, "]");
    snprintf(training_methods, sizeof training_methods, "%s", words.data ? words.data : "");
    text_free(&words);
}

static int on_line(int argc, char **argv, const char *name) {
    const size_t length = strlen(name);
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], name, length) == 0 && (!argv[i][length] || argv[i][length] == '=')) { return 1; }
    }
    return 0;
}

/* One lambda on the line takes the place of a choice that a file of options asks for. */
static void take_one_lambda(training_settings *s, int argc, char **argv) {
    if (s->lambdas.count != 1 || !on_line(argc, argv, "--lambda") || on_line(argc, argv, "--choose")) { return; }
    s->choose = "none";
    if (!on_line(argc, argv, "--seeds")) { s->seeds = 1; }
}

/* Do --lambda, --choose and --seeds go together?  Fills in the lambdas to try; returns -1 to go on, else the exit code. */
static int check_lambdas(training_settings *s, const char *program, int has_labels) {
    static const double usual[] = { 0.1, 1, 10, 100 };
    if (strcmp(s->choose, "none") == 0) {
        if (s->lambdas.count > 1) {
            return usage_error(program, "--lambda has %d numbers: --choose knee or --choose probe says which model is kept",
                               s->lambdas.count);
        }
        return s->seeds > 1 ? usage_error(program, "--seeds %d needs --choose knee or --choose probe", s->seeds) : -1;
    }
    if (s->lambdas.count == 1) {
        return usage_error(program, "--choose %s needs several numbers in --lambda; for one lambda it is --choose none", s->choose);
    }
    if (strcmp(s->choose, "probe") == 0 && !has_labels) { return usage_error(program, "--choose probe needs --labels"); }
    for (size_t i = 0; !s->lambdas.count && i < sizeof usual / sizeof *usual; i++) { s->lambdas.value[i] = usual[i]; }
    if (!s->lambdas.count) { s->lambdas.count = (int)(sizeof usual / sizeof *usual); }
    return -1;
}

int training_check_line(training_settings *s, const char *program, int has_labels, int argc, char **argv) {
    if (s->stability == 1) { return usage_error(program, "--stability is 1; it must be at least 2 further seeds, or 0"); }
    take_one_lambda(s, argc, argv);
    return check_lambdas(s, program, has_labels);
}

/* ---- before training ---- */

int training_open(training *t, training_settings *s, const char *program) {
    isk_context_desc desc = { 0 };
    t->s = s;
    progress_open(&t->bar, s->quiet);
    progress_attach(&t->bar, &desc);
    device_apply(&s->device, &desc);
    t->context = methods_open(&desc);
    if (!t->context) { return fail(program, ISK_MEMORY, NULL); }
    progress_watch(t->context);
    return -1;
}

const char *training_lambda(const training *t, double lambda, char buffer[40]) {
    buffer[0] = 0;
    if (t->fit.method->can & ISK_HAS_LAMBDA) { snprintf(buffer, 40, ", lambda %g", lambda); }
    return buffer;
}

int training_chooses(const training *t) { return strcmp(t->s->choose, "none") != 0; }

/* The method that is named, else the one that suits what is known of the data and the options by now. */
static isk_status take_method(training *t) {
    isk_fit_desc asked = t->fit;
    if (t->named) { return isk_method_find(t->context, t->s->method, &t->fit.method); }
    if (t->weighed) { asked.options.lambda = 1; }
    t->fit.method = isk_default_method(&asked);
    t->s->method = isk_method_name(t->fit.method);
    return ISK_OK;
}

isk_status training_names(training *t) {
    isk_status status = isk_preset_find(t->context, t->s->preset, &t->fit.preset);
    t->named = t->s->method != NULL;
    t->weighed = training_chooses(t) || t->s->lambdas.count;
    t->fit.options = t->s->options;
    if (status == ISK_OK) { status = take_method(t); }
    if (status == ISK_OK && training_chooses(t) && !(t->fit.method->can & ISK_HAS_LAMBDA)) {
        status = isk_set_error(t->context, ISK_ARGUMENT, "method %s has no lambda to choose", t->s->method);
    }
    if (status == ISK_OK && training_chooses(t) && !(t->fit.method->can & ISK_LEARNS_SPECIFIC)) {
        status = isk_set_error(t->context, ISK_ARGUMENT, "method %s has no specific features, whose leakage and completeness choose a "
                                                         "lambda",
                               t->s->method);
    }
    if (status == ISK_OK && t->s->lambdas.count == 1) {
        t->s->options.lambda = t->s->lambdas.value[0] > 0 ? t->s->lambdas.value[0] : ISK_NONE;
    }
    if (status == ISK_OK) { status = methods_set_own(t->context, t->fit.method, t->s->own, &t->s->options); }
    t->fit.options = t->s->options;         /* as they were given: a resolved 0 would ask for the default again */
    if (status == ISK_OK) { status = isk_options_resolve(t->context, t->fit.method, &t->s->options, t->fit.preset); }
    if (status == ISK_OK) { status = can_write(t->context, t->s->json); }
    if (t->s->lambdas.count < 2) {
        t->s->lambdas.value[0] = t->s->options.lambda;
        t->s->lambdas.count = 1;
    }
    return status;
}

isk_status training_folder(training *t, const char *files) {
    isk_status status = output_open(&t->out, t->context, t->s->out, files, NULL);
    if (status != ISK_OK) { return isk_set_error(t->context, status, "%s", t->out.error); }
    output_tidy(&t->out);
    output_path(&t->out, "checkpoint.safetensors", t->checkpoint, sizeof t->checkpoint);
    output_path(&t->out, "log.jsonl.new", t->log_path, sizeof t->log_path);
    return ISK_OK;
}

/* A run that starts afresh does not write over the checkpoint of another. */
static void checkpoint_keep(training *t) {
    char previous[4200];
    output_path(&t->out, "checkpoint.previous.safetensors", previous, sizeof previous);
    if (!t->s->resume && rename(t->checkpoint, previous) == 0) {
        progress_warn(
            &t->bar,
            "%s holds the checkpoint of a run that was stopped; it is kept as %s, --resume would have gone on "
            "with it",
            t->s->out, previous);
    }
}

void training_mend_lines(const char *path) {
    struct stat about;
    FILE *log = lstat(path, &about) == 0 && S_ISREG(about.st_mode) ? fopen(path, "rb") : NULL;
    off_t whole = 0, at = 0;
    if (!log) { return; }
    for (int c; (c = getc(log)) != EOF;) {
        at++;
        if (c == '\n') { whole = at; }
    }
    fclose(log);
    if (whole < at && truncate(path, whole) != 0) { return; }           /* half a line is no harm to its readers */
}

static isk_status log_open(training *t) {
    text line = { 0 };
    int file;
    if (t->s->resume) { training_mend_lines(t->log_path); }
    file = open(t->log_path, O_WRONLY | O_CREAT | O_NOFOLLOW | (t->s->resume ? O_APPEND : O_TRUNC), 0666);
    t->bar.log = file >= 0 ? fdopen(file, t->s->resume ? "ab" : "wb") : NULL;
    if (!t->bar.log) {
        if (file >= 0) { close(file); }
        return isk_set_error(t->context, ISK_IO, "%s cannot be written: %s", t->log_path, strerror(errno));
    }
    text_add(&line, "{\"event\": \"start\"");
    text_json_key(&line, "version");
    text_json_string(&line, ISK_VERSION);
    text_json_key(&line, "device");
    text_json_string(&line, isk_device_text(t->context));
    text_add(&line, "}");
    if (line.data) { fprintf(t->bar.log, "%s\n", line.data); }
    text_free(&line);
    return ISK_OK;
}

/* ---- training ---- */

/* Keeps one model of a sweep and lets the others go. */
static isk_status keep_one(training *t, const dataset *d, isk_model **models, int count) {
    isk_status status;
    int kept = 0;
    if (training_chooses(t)) {
        progress_say(&t->bar, "trained %d models; measuring leakage and completeness", count);
        status = choice_make(&t->choice, t->context, models, count, d, t->s->choose);
        kept = t->choice.model;
        if (status == ISK_OK) { progress_say(&t->bar, "lambda %g is kept", isk_model_options(models[kept])->lambda); }
    } else {
        status = isk_model_report(models[0])->status;
        if (status != ISK_OK) {
            status = isk_set_error(t->context, status, "%s; a smaller --rate or --clip-norm 1 may help (log: %s)",
                                   isk_model_report(models[0])->message, t->log_path);
        }
    }
    for (int i = 0; i < count; i++) {
        if (status == ISK_OK && i == kept) { t->model = models[i]; } else { isk_model_close(models[i]); }
    }
    return status;
}

/* A choice needs validation rows, which is better known before the training than after. */
static isk_status check_choice(const training *t, const dataset *d) {
    if (!training_chooses(t) || memchr(d->part, ISK_VALIDATION, (size_t)d->rows)) { return ISK_OK; }
    return isk_set_error(t->context, ISK_DATA, "--choose needs validation rows, and there are none: give --validation 0.1, or name some "
                         "in --split");
}

isk_status training_begin(training *t, const dataset *d) {
    char path[4200];
    isk_status status = check_choice(t, d);
    if (status != ISK_OK) { return status; }
    checkpoint_keep(t);
    if (!t->s->resume) { remove(training_stability_checkpoint(t, path, sizeof path)); }     /* of what did not end, by other options */
    return log_open(t);
}

isk_status training_run(training *t, const dataset *d) {
    isk_sweep_desc sweep = { 0 };
    isk_model **models;
    isk_status status;
    int count;
    views_give(&d->v, &t->fit);
    status = take_method(t);                /* now that sequences are known */
    if (status != ISK_OK) { return status; }
    t->fit.target = d->target;
    t->fit.target_present = d->target_present;
    t->fit.split = d->part;
    t->fit.seed = t->s->seed;
    t->fit.checkpoint = t->checkpoint;
    t->fit.checkpoint_every = t->s->checkpoint_every;
    sweep.fit = t->fit;
    if (training_chooses(t)) {
        sweep.lambdas = t->s->lambdas.value;
        sweep.lambda_count = t->s->lambdas.count;
        sweep.seed_count = t->s->seeds;
    }
    count = isk_sweep_models(&sweep);
    t->bar.single = count == 1;
    if (progress_stopped()) { return isk_set_error(t->context, ISK_INTERRUPTED, "stopped before training"); }
    models = calloc((size_t)count, sizeof *models);
    if (!models) { return isk_set_error(t->context, ISK_MEMORY, "no memory for %d models", count); }
    if (training_chooses(t)) {
        progress_say(&t->bar, "%s, preset %s, %d lambdas, %d seed%s from %llu on %s", t->s->method, t->s->preset, t->s->lambdas.count,
                     t->s->seeds, t->s->seeds == 1 ? "" : "s", (unsigned long long)t->fit.seed, isk_device_text(t->context));
    } else {
        progress_say(&t->bar, "%s, preset %s%s, seed %llu on %s", t->s->method, t->s->preset,
                     training_lambda(t, t->s->options.lambda, (char[40]){ 0 }), (unsigned long long)t->fit.seed,
                     isk_device_text(t->context));
    }
    status = t->s->resume ? isk_resume(t->context, &sweep, models) : isk_sweep(t->context, &sweep, models);
    progress_end(&t->bar);
    if (status == ISK_OK) { status = keep_one(t, d, models, count); }
    free(models);
    return status;
}

/* ---- results ---- */

const char *training_path(const char *path, char *buffer, size_t size) {
    size_t length;
    if (!path || *path == '/' || !getcwd(buffer, size)) { return path; }
    length = strlen(buffer);
    snprintf(buffer + length, size - length, "/%s", path);
    return buffer;
}

isk_status training_write_config(training *t, const command *c, const void *settings) {
    text out = { 0 };
    isk_status status;
    text_add(&out, "{\n  ");
    text_json_key(&out, "indiseek");
    text_json_string(&out, ISK_VERSION);
    text_add(&out, "\n  ");
    text_json_key(&out, "trained_on");
    text_json_string(&out, isk_device_text(t->context));
    options_write(c, settings, &out);
    text_add(&out, "\n}\n");
    status = output_text(&t->out, "config.json", &out);
    text_free(&out);
    return status;
}

static isk_status write_choice(training *t) {
    text out = { 0 };
    isk_status status;
    if (!training_chooses(t)) { return ISK_OK; }
    choice_csv(&t->choice, &out);
    status = output_text(&t->out, "tradeoff.csv", &out);
    text_free(&out);
    return status;
}

static isk_status write_model(training *t, const dataset *d) {
    char path[4200];
    isk_status status = ISK_OK;
    for (int view = 0; view < d->v.count && status == ISK_OK; view++) {
        if (*d->v.recipe[view].norm) { status = recipe_put(&d->v.recipe[view], t->model, view); }
    }
    if (status == ISK_OK) {
        status = isk_save(t->model, output_stage(&t->out, "model.safetensors", path, sizeof path));
    }
    return status;
}

isk_status training_write(training *t, const dataset *d) {
    text split = { 0 };
    isk_status status = write_model(t, d);
    split_write(d->part, d->rows, &split);
    if (status == ISK_OK) { status = output_text(&t->out, "split.tsv", &split); }
    text_free(&split);
    return status == ISK_OK ? write_choice(t) : status;
}

isk_status training_commit(training *t, const text *scores) {
    char path[4200];
    const int unwritten = ferror(t->bar.log);
    isk_status status = ISK_OK;
    if (fclose(t->bar.log) != 0 || unwritten) {
        status = isk_set_error(t->context, ISK_IO, "%s cannot be written: is the disk full?", t->log_path);
    }
    t->bar.log = NULL;
    if (status != ISK_OK) { return status; }
    if (rename(t->log_path, output_stage(&t->out, "log.jsonl", path, sizeof path)) != 0) {
        return isk_set_error(t->context, ISK_IO, "%s cannot be written: %s", path, strerror(errno));
    }
    status = output_commit(&t->out, EVERY_NAME);
    if (status != ISK_OK && !t->out.begun && rename(path, t->log_path) != 0) { unlink(path); }          /* --resume goes on with it */
    if (status != ISK_OK) { return isk_set_error(t->context, status, "%s", t->out.error); }
    unlink(t->checkpoint);
    remove(training_stability_checkpoint(t, path, sizeof path));
    return t->s->json ? write_text(t->context, t->s->json, scores) : ISK_OK;
}

const char *training_stability_checkpoint(const training *t, char *buffer, size_t size) {
    return output_path(&t->out, "checkpoint.stability.safetensors", buffer, size);
}

void training_warnings(const training *t, text *out) {
    char own[32];
    snprintf(own, sizeof own, "model %d of ", t->choice.model + 1);
    for (const char *line = t->bar.warnings.data; line && *line; line += strcspn(line, "\n") + 1) {
        const char *colon = strstr(line, ": ");             /* "model 2 of 8 (lambda 0.1, seed 0): Z1 ..." */
        size_t skip = strncmp(line, own, strlen(own)) == 0 && colon ? (size_t)(colon + 2 - line) : 0;
        if (!skip && strncmp(line, "model ", 6) == 0) { continue; }
        text_add_bytes(out, line + skip, strcspn(line + skip, "\n") + 1);
    }
}

/* ---- the end ---- */

int training_finish(training *t, isk_status status, const char *program, int argc, char **argv) {
    int code = 0;
    progress_end(&t->bar);
    if (t->bar.log) {
        fclose(t->bar.log);
        t->bar.log = NULL;
        if (status != ISK_DIVERGED && access(t->checkpoint, F_OK) != 0) { unlink(t->log_path); }    /* of no use alone */
    }
    output_close(&t->out);
    if (status == ISK_OK) { return 0; }
    code = fail(program, status, *isk_error(t->context) ? isk_error(t->context) : NULL);
    if (status == ISK_INTERRUPTED) { say_how_to_resume(argc, argv); }
    return code;
}

void training_close(training *t) {
    choice_free(&t->choice);
    isk_model_close(t->model);
    progress_close(&t->bar);
    isk_close(t->context);
}
