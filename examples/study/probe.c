/* study probe: methods x lambdas x seeds x output dimensions on data of one's own.  All lambdas and seeds of one method
   and dimension are one sweep; each that is finished stands in results.json at once. */
#include "studies.h"

#include "probe.h"

#include "../runs/trial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- options ---- */

#define FIELD(name) offsetof(probe_settings, name)
#define STUDY(name) STUDY_OFFSET(FIELD(study), name)

static const option options[] = {
    { "labels", OPTION_TEXT, FIELD(labels), "FILE:COLUMN,...",
      "one label a row; each column is a task of its own; or a .npy of whole numbers [n] or [n, tasks]", 0, 0, NULL },
    { "label-ignore", OPTION_TEXT, FIELD(ignore), "NAME", "rows of this label train but are not probed", 0, 0, NULL },
    { "test", OPTION_REAL, FIELD(test), "PART",
      "part of the rows that is held out, every label of the first task alike, by --seed [0.2]", 0.001, 0.95, NULL },
    { "split", OPTION_TEXT, FIELD(split), "FILE",
      "instead: train, validation or test for each row (0, 1, 2 in a .npy); FILE:COLUMN of a table too", 0, 0, NULL },
    { "groups", OPTION_TEXT, FIELD(groups), "FILE:COLUMN",
      "rows of one group (donor, video) are never divided between the parts", 0, 0, NULL },
    { NULL, OPTION_HEADING, 0, NULL, "What to run", 0, 0, NULL },
    { "methods", OPTION_TEXT, STUDY(methods), "LIST", "methods, with commas between [all that take these views]", 0, 0,
      NULL },
    { "lambda", OPTION_REALS, STUDY(lambdas), "LIST",
      "the grid, with commas between [0.01,0.1,1,10,100,1000]; a method without a lambda is run once", 0, 1e9, NULL },
    { "seeds", OPTION_INT, STUDY(seeds), "N", "models of each, of seeds SEED, SEED + 1, ... [3]; the paper has 10", 1,
      100000, NULL },
    { "seed", OPTION_SEED, STUDY(seed), "SEED", "first seed; it also makes the split, which all models share [0]", 0, 0,
      NULL },
    { "dims", OPTION_REALS, FIELD(dims), "LIST", "output dimensions, each for dim and shared_dim together", 1, 65536,
      NULL },
    { "preset", OPTION_TEXT, STUDY(preset), "NAME",
      "where other options have their defaults from: robust, paper or simulation [robust]", 0, 0, NULL },
    { "probe", OPTION_TEXT, FIELD(probe), "WORD",
      "standardized: logistic regression on columns of variance 1; plain: as they are, as scikit-learn [standardized]",
      0, 0, "standardized|plain" },
    { "probe-c", OPTION_REAL, FIELD(c), "N", "its weight of the data against the penalty [1]", 1e-9, 1e9, NULL },
    STUDY_OUTPUT_OPTIONS(FIELD(study), "methods"),
};

static const command about = {
    .name = "study probe", .usage = "--x1 FILE --x2 FILE --labels FILE:COLUMN [OPTION]...",
    .about = "What a linear probe finds in the features of every method, beside leakage and completeness, and beside\n"
             "rows that the paper (Gui, Ma and Ma 2025, tables 1 to 8, 10 and 11) leaves out: the inputs themselves,\n"
             "an autoencoder, untrained encoders, and the most frequent label.",
    .examples = "  study probe --x1 a.npy --x2 b.npy --labels kinds.tsv:kind --out results\n"
                "  study probe --x1 a.npy --x2 b.npy --labels kinds.tsv:kind,batch --lambda 1,10 --dims 20,50\n",
    .library = 1, .library_offset = STUDY(options), .notes = STUDY_NOTES,
};

/* ---- the study ---- */

typedef struct job {
    probe_settings s;
    study w;
    probe_data d;
    records r;
    probe_row rows[MOST_ROWS];
    int row_count, dims[MOST_REALS], dim_count, kept;
} job;

static void add_row(job *j, probe_row row) { j->rows[j->row_count++] = row; }

/* The rows of the tables: methods, then what the paper leaves out.  Of the library's whole table, methods that refuse
   these views are left out; where all do, what the first says is what is wrong. */
static isk_status find_rows(job *j) {
    isk_context *context = j->w.context;
    trial tried[ISK_MOST_METHODS];
    isk_status status = trials_make(context, &j->d.v, j->d.part, &j->w.sweep.fit, j->w.methods, j->w.method_count, tried);
    if (status != ISK_OK) { return status; }
    for (int i = 0; i < j->w.method_count; i++) {
        const char *name = isk_method_name(j->w.methods[i]);
        const trial *t = &tried[i];
        if (t->status == ISK_OK) {
            add_row(j, (probe_row){ PROBE_METHOD, j->w.methods[i], name, name, 1, t->has_lambda, 1 });
        } else if (t->status == ISK_MEMORY || j->s.study.methods) {
            return isk_set_error(context, t->status, "%s: %s", name, t->words);
        }
    }
    if (!j->row_count) { return isk_set_error(context, tried[0].status, "%s", tried[0].words); }
    for (int i = 0; i < j->w.method_count; i++) {
        if (tried[i].status == ISK_OK) { continue; }
        progress_say(&j->w.bar, "%s is left out: %s", isk_method_name(j->w.methods[i]), tried[i].words);
    }
    add_row(j, (probe_row){ PROBE_AUTOENCODER, ISK_INDISEEK, "autoencoder", "autoencoder (indiseek at λ = 1e6)", 1, 0,
                            1 });
    add_row(j, (probe_row){ PROBE_RANDOM_Z, ISK_INDISEEK, "random-z", "C of CLIP, untrained Z", 1, 0, 1 });
    add_row(j, (probe_row){ PROBE_RANDOM, ISK_INDISEEK, "random", "untrained C and Z", 1, 0, 1 });
    add_row(j, (probe_row){ PROBE_RAW, ISK_INDISEEK, "raw", "raw features", 0, 0, 0 });
    add_row(j, (probe_row){ PROBE_MAJORITY, ISK_INDISEEK, "majority", "majority class", 0, 0, 0 });
    return ISK_OK;
}

static void configure(job *j) {
    configuration *c = &j->w.c;
    text tasks = { 0 }, dims = { 0 };
    char words[RECIPE_WORDS], key[16];
    configuration_add(c, "version", ISK_VERSION, 1);
    for (int i = 0; i < j->d.v.count; i++) {
        snprintf(key, sizeof key, "x%d", i + 1);
        configuration_add(c, key, recipe_words(&j->d.v.recipe[i], words), 1);
    }
    for (int t = 0; t < j->d.task_count; t++) { text_format(&tasks, "%s%s", t ? "," : "", j->d.tasks[t].name); }
    configuration_add(c, "tasks", tasks.data ? tasks.data : "", 1);
    snprintf(words, sizeof words, "%lld,%lld,%lld", (long long)j->d.parts[0], (long long)j->d.parts[1],
             (long long)j->d.parts[2]);
    configuration_add(c, "rows", words, 1);
    snprintf(words, sizeof words, "%016llx", (unsigned long long)probe_checksum(&j->d));
    configuration_add(c, "data", words, 1);
    configuration_add(c, "regressions_on", j->d.unseen ? "parts of the test rows" : "training rows", 1);
    for (int i = 0; i < j->dim_count; i++) { text_format(&dims, "%s%d", i ? "," : "", j->dims[i]); }
    configuration_add(c, "dims", dims.data ? dims.data : "", 1);
    configuration_add(c, "probe", j->s.probe, 1);
    configuration_number(c, "probe-c", j->s.c);
    configuration_grid(c, j->s.study.preset);
    configuration_options(c, &j->w.resolved);
    c->n = j->d.rows;
    text_free(&tasks);
    text_free(&dims);
}

static isk_status prepare(job *j) {
    isk_status status = study_prepare(&j->w);
    if (status == ISK_OK) { status = can_write(j->w.context, j->s.study.json); }
    if (status == ISK_OK) { status = probe_read(&j->d, j->w.context, &j->s, j->w.resolved.validation, &j->w.bar); }
    if (status != ISK_OK) { return status; }
    views_give(&j->d.v, &j->w.sweep.fit);
    j->w.sweep.fit.split = j->d.part;
    for (int i = 0; i < j->s.dims.count; i++) { j->dims[j->dim_count++] = (int)j->s.dims.value[i]; }
    if (!j->dim_count) { j->dims[j->dim_count++] = j->w.resolved.dim; }
    probe_fields(&j->r, &j->d);
    configure(j);
    return find_rows(j);
}

/* ---- training ---- */

static isk_status write_files(job *j) {
    text results = { 0 }, report = { 0 };
    isk_status status;
    records_write(&j->r, &j->w.c, &results);
    probe_report(&j->r, &j->w.c, &j->d, j->rows, j->row_count, j->dims, j->dim_count, &report);
    status = study_write(&j->w, &results, &report);
    text_free(&results);
    text_free(&report);
    return status;
}

static isk_sweep_desc sweep_of(const job *j, const probe_row *row, int dim) {
    static const double autoencoder[1] = { AUTOENCODER_LAMBDA };
    isk_sweep_desc sweep = j->w.sweep;
    sweep.fit.method = row->method;
    if (j->s.dims.count) { sweep.fit.options.dim = sweep.fit.options.shared_dim = dim; }
    if (!row->has_lambda) { sweep.lambda_count = 1; }
    if (row->kind == PROBE_AUTOENCODER) { sweep.lambdas = autoencoder; }
    if (row->kind == PROBE_RANDOM || row->kind == PROBE_RANDOM_Z) {
        sweep.fit.options.epochs = sweep.fit.options.diagnoses = ISK_NONE;
    }
    if (row->kind == PROBE_RANDOM) { sweep.fit.options.shared_epochs = ISK_NONE; }
    return sweep;
}

static isk_status judge_models(job *j, isk_model **models, const sweep_record *to) {
    const int count = records_models(to);
    isk_status status = ISK_OK;
    for (int i = 0; i < count && status == ISK_OK; i++) {
        const isk_report *report = isk_model_report(models[i]);
        features f;
        *records_at(&j->r, to, i, records_field(&j->r, PROBE_SECONDS)) = report->seconds;
        *records_at(&j->r, to, i, records_field(&j->r, PROBE_DIVERGED)) = report->status != ISK_OK;
        if (report->status != ISK_OK) { continue; }
        if (progress_stopped()) { return isk_set_error(j->w.context, ISK_INTERRUPTED, "stopped while scoring"); }
        status = features_make(&f, j->w.context, models[i], &j->d.v, 0);
        if (status != ISK_OK) { return status; }
        status = probe_judge(j->w.context, &j->d, &j->s, &f, isk_model_seed(models[i]), &j->r, to, i);
        features_free(&f);
    }
    return status;
}

static isk_status run_sweep(job *j, const probe_row *row, const sweep_record *to, const char *checkpoint) {
    isk_sweep_desc sweep = sweep_of(j, row, to->number);
    const int count = isk_sweep_models(&sweep);
    isk_model **models = calloc((size_t)count + 1, sizeof *models);
    isk_status status = ISK_MEMORY;
    if (!models) { return status; }
    sweep.fit.checkpoint = checkpoint;
    status = checkpoint ? isk_resume(j->w.context, &sweep, models) : isk_sweep(j->w.context, &sweep, models);
    progress_end(&j->w.bar);
    if (status == ISK_OK && count > 1) {
        progress_say(&j->w.bar, "%s: scoring %d models", j->w.bar.what, count);
    }
    if (status == ISK_OK) { status = judge_models(j, models, to); }
    for (int i = 0; i < count; i++) { isk_model_close(models[i]); }
    free(models);
    return status;
}

static isk_status run_row(job *j, const probe_row *row, int dim) {
    const study_settings *s = &j->s.study;
    char path[4200], name[80];
    const char *checkpoint = NULL;
    sweep_record *to = records_add(&j->r, row->name, dim, s->lambdas.value, row->has_lambda ? s->lambdas.count : 0,
                                   row->trained ? s->seeds : 0);
    isk_status status = to ? ISK_OK : no_memory(j->w.context, "results");
    if (!to) { return status; }
    if (row->kind == PROBE_MAJORITY) {
        probe_majority(&j->d, &j->r, to);
    } else if (row->kind == PROBE_RAW) {
        status = probe_judge(j->w.context, &j->d, &j->s, NULL, s->seed, &j->r, to, 0);
    } else {
        snprintf(name, sizeof name, "%s-%d", row->name, dim);
        checkpoint = study_checkpoint(&j->w, name, path, sizeof path);
        status = run_sweep(j, row, to, checkpoint);
    }
    if (status != ISK_OK) {
        records_drop(&j->r);
        return status;
    }
    study_made(&j->w);
    if (s->out) { status = write_files(j); }
    if (status == ISK_OK && checkpoint) { unlink(checkpoint); }
    return status;
}

static isk_status run_all(job *j) {
    progress *bar = &j->w.bar;
    const int count = j->row_count * j->dim_count;
    isk_status status = ISK_OK;
    bar->mute = 1;                  /* the tables say which models diverged */
    bar->pieces = count;
    progress_say(bar, "%d models of each method with a lambda, on %s", isk_sweep_models(&j->w.sweep) * j->dim_count,
                 isk_device_text(j->w.context));
    for (int i = 0; i < count && status == ISK_OK; i++) {
        const probe_row *row = &j->rows[i % j->row_count];
        const int dim = row->per_dim ? j->dims[i / j->row_count] : 0;
        char what[96], time[32];
        double began = progress_clock();
        snprintf(what, sizeof what, dim && j->dim_count > 1 ? "%s, dim %d" : "%s", row->name, dim);
        bar->piece = i;
        bar->what = what;
        if (records_find(&j->r, row->name, dim)) {
            if (row->per_dim) { progress_say(bar, "%s: finished before", what); }
        } else if (progress_stopped()) {
            status = isk_set_error(j->w.context, ISK_INTERRUPTED, "stopped before %s", what);
        } else {
            status = run_row(j, row, dim);
            if (status == ISK_OK && row->trained) {
                progress_say(bar, "%s: %s", what, duration(progress_clock() - began, time));
            }
        }
        bar->what = NULL;
    }
    return status;
}

static isk_status read_results(void *user, const char *path) {
    job *j = user;
    isk_status status = records_read(&j->r, &j->w.c, j->w.context, path);
    j->kept = j->r.count;
    return status;
}

static isk_status run(void *user) {
    job *j = user;
    const char *out = j->s.study.out;
    isk_status status = prepare(j);
    if (status == ISK_OK && out) { status = study_folder(&j->w, read_results, j); }
    if (status == ISK_OK) { status = run_all(j); }
    if (status == ISK_OK && out && j->kept == j->r.count) { status = write_files(j); }  /* nothing was left */
    if (status != ISK_OK) { return status; }
    probe_print(&j->r, &j->w.c, &j->d, j->rows, j->row_count, j->dims, j->dim_count);
    if (out) { printf("\nopen %s/report.html\n", out); }
    if (j->s.study.json) {
        text runs = { 0 };
        records_runs(&j->r, &j->w.c, "  ", &runs);
        text_add(&runs, "\n");
        status = write_text(j->w.context, j->s.study.json, &runs);
        text_free(&runs);
    }
    if (out) { output_tidy(&j->w.out); }
    return status;
}

/* What the table of options cannot say; 0 or the exit code. */
static int check(const command *c, const probe_settings *s) {
    int code;
    for (int i = 0; i < 2; i++) {
        if (!s->views.x[i]) { return usage_error(c->name, "--x%d is missing: two views or more are needed", i + 1); }
    }
    if (!s->labels) { return usage_error(c->name, "--labels is missing: a probe needs labels"); }
    for (int i = 0; i < s->dims.count; i++) {
        if (s->dims.value[i] != floor(s->dims.value[i])) {
            return usage_error(c->name, "--dims is %g; it must be a whole number", s->dims.value[i]);
        }
    }
    if (s->dims.count && (s->study.options.dim || s->study.options.shared_dim)) {
        return usage_error(c->name, "--dims stands for --dim and --shared-dim; give it or them");
    }
    code = study_check_list(c, "dims", &s->dims);
    return code ? code : study_check(c, &s->study);
}

int study_probe(int argc, char **argv) {
    job *j = calloc(1, sizeof *j);
    option_table *t = calloc(1, sizeof *t);
    int code;
    if (!j || !t) {
        free(j);
        free(t);
        return fail("study probe", ISK_MEMORY, NULL);
    }
    option_table_make(t, &about, "Data (--x1 and --x2; --x3 ... where there are more views)", FIELD(views), 1, options,
                      (int)(sizeof options / sizeof *options));
    j->s = (probe_settings){ .probe = "standardized", .c = 1, .test = 0.2,
                             .study = { .lambdas = { { 0.01, 0.1, 1, 10, 100, 1000 }, 6 }, .seeds = 3,
                                        .preset = "robust", .device = DEVICE_DEFAULTS } };
    view_defaults(&j->s.views);
    code = options_parse(&t->command, argc - 1, argv + 1, &j->s);
    if (code < 0 && (code = check(&t->command, &j->s)) == 0) {
        j->w = (study){ .command = &t->command, .s = &j->s.study, .resumable = 1, .argc = argc, .argv = argv };
        code = study_run(&j->w, run, j);
        records_free(&j->r);
        probe_data_free(&j->d);
    }
    free(t);
    free(j);
    return code;
}
