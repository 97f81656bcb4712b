/* indiseek compare: methods and lambdas on one single-cell data set, by how specific features rank its types (Gui, Ma and Ma 2025,
   section 4).  Each method is one sweep; each model that is judged stands in results.jsonl at once. */
#include "compare.h"

#include "../runs/study.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIELD(name) offsetof(compare_settings, name)
static const option compare_options[] = {
    { NULL, OPTION_HEADING, 0, NULL, "Input: PATH is a 10x folder, .h5, .h5ad or .h5mu", 0, 0, NULL },
    SOURCE_READ_OPTIONS(FIELD(source)),
    SOURCE_LABEL_OPTIONS(FIELD(source)),
    SOURCE_PREPARE_OPTIONS(FIELD(source)),
    { NULL, OPTION_HEADING, 0, NULL, "What is compared", 0, 0, NULL },
    { "methods", OPTION_TEXT, FIELD(methods), "LIST", "with commas between [indiseek,factorizedcl,infodisen]", 0, 0, NULL },
    { "lambda", OPTION_REALS, TRAINING_OFFSET(FIELD(training), lambdas), "LIST",
      "weights of the term that keeps X_i in (Z_i, C_i), with commas between [0.01,0.1,1,10]", 0, 1e9, NULL },
    { "seeds", OPTION_INT, TRAINING_OFFSET(FIELD(training), seeds), "N",
      "models of each, of seeds --seed, --seed + 1, ... [3]; all are held to the one split that --seed makes", 1, 1000, NULL },
    FINDING_THETA_OPTIONS(FIELD(findings)),
    { "no-clusters", OPTION_FLAG, FIELD(without_clusters), NULL, "no k-means, and so neither ARI nor NMI", 0, 0, NULL },
    { "mlp", OPTION_FLAG, FIELD(with_mlp), NULL, "leakage and completeness by a small network too, which takes longest", 0, 0, NULL },
    { NULL, OPTION_HEADING, 0, NULL, "Output", 0, 0, NULL },
    { "out", OPTION_TEXT, TRAINING_OFFSET(FIELD(training), out), "DIR",
      "gets report.html, table.tsv (methods and lambdas), compare.tsv (models), results.json; and results.jsonl while it works; made if "
      "missing", 0, 0, NULL },
    TRAINING_KEEPING_OPTIONS(FIELD(training), "results.json", "go on with what stands in DIR/results.jsonl; without it, start afresh"),
    TRAINING_PRESET_OPTION(FIELD(training)),
    TRAINING_DEVICE_OPTIONS(FIELD(training)),
};

static const command compare_command = {
    .name = "indiseek compare", .usage = "PATH --labels COLUMN --out DIR [OPTION]...",
    .about = "Which method, and which lambda?  Trains each on one data set and ranks its cell types by theta, the log ratio of how\n"
             "well a cell lies among its own type in either modality's specific features, against the weights of weighted\n"
             "nearest neighbours (the paper's Figure 5).  The inputs as prepared may do as well: that order says little of\n"
             "how well features are split, which leakage and completeness, beside it, do say.",
    .examples = "  indiseek compare cells.h5mu --labels cell_type --out compared\n"
                "  indiseek compare cells.h5mu --labels cell_type --methods indiseek,residual-indiseek --lambda 1,10 --out compared\n"
                "  indiseek compare cells.h5mu --labels cell_type --out compared --resume\n",
    .options = compare_options, .option_count = sizeof compare_options / sizeof *compare_options,
    .library = 1, .library_offset = TRAINING_OFFSET(FIELD(training), options),
    .notes = "Methods without lambda (clip, residual, comm, cca, ajive, transport) are one point.  Data are read, divided and\n"
             "prepared once.\n"
             "Ctrl-C stops after the current round or model and --resume goes on from there.\n",
};

const command *compare_table_get(void) {
    training_describe();
    return &compare_command;
}

/* ---- models ---- */

static void add_measure(compare_job *j, measure m, const char *format, const char *key, int view) {
    if (j->measure_count == MOST_MEASURES) { return; }
    snprintf(m.key, sizeof m.key, format, key, view);
    records_add_field(&j->r, m.key, 0);
    j->measures[j->measure_count++] = m;
}

static void add_measures(compare_job *j) {
    static const measure before[] = {
        { "rho", "rho (s.e.)", "ρ (s.e.)", 2, 0, 16 }, { "rho_low", NULL, NULL, 1, 0, 0 }, { "rho_high", NULL, NULL, 1, 0, 0 },
        { "types", NULL, NULL, 1, 0, 0 }, { "ari", "ARI", NULL, 2, 0, 8 }, { "nmi", "NMI", NULL, 2, 0, 8 },
    }, after[] = {
        { "leakage", "leakage", NULL, 2, 1, 9 }, { "completeness", "completeness", NULL, 2, 0, 14 }, { "diverged", NULL, NULL, 0, 1, 0 },
    };
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) { add_measure(j, before[i], "%s", before[i].key, 0); }
    for (int m = metric_of_labels(-1); m < metric_count; m = metric_of_labels(m)) {
        const char *words = metrics[m].compared ? metrics[m].compared : metrics[m].words;
        const measure one = { .words = *words ? words : NULL, .title = *words ? metrics[m].title : NULL, .tabled = 2,
                              .smaller_is_better = !metrics[m].larger_is_better, .width = 8 };
        if (!metrics[m].fit_alone) { add_measure(j, one, "%s", metrics[m].key, 0); }
    }
    for (size_t i = 0; i < sizeof after / sizeof *after; i++) { add_measure(j, after[i], "%s", after[i].key, 0); }
    for (int i = 0; i < 2 * j->a.d.v.count; i++) {
        for (int m = metric_of_matrix(-1); m < metric_count; m = metric_of_matrix(m)) {
            add_measure(j, (measure){ .tabled = 0 }, i % 2 ? "completeness_%s_%d" : "leakage_%s_%d", metrics[m].key, i / 2 + 1);
        }
    }
}

int measure_find(const compare_job *j, const char *key) { return records_field(&j->r, key); }

int compared_groups(const compare_job *j, int i) { return j->r.sweeps[i].lambda_count ? j->r.sweeps[i].lambda_count : 1; }

double compared_lambda(const compare_job *j, int i, int group) { return records_lambda(&j->r.sweeps[i], group * j->s->training.seeds); }

average compared_average(const compare_job *j, int i, int group, int which) {
    const int seeds = j->s->training.seeds;
    return average_of(records_at(&j->r, &j->r.sweeps[i], group * seeds, which), seeds, records_width(&j->r));
}

rho_standing compared_standing(const compare_job *j, int i, int group) {
    const int count = j->r.sweeps[i].lambda_count, rho = measure_find(j, "rho");
    double mean[MOST_REALS], most;
    int alike = 0;
    if (count < 2) { return RHO_NO_CHOICE; }
    for (int k = 0; k < count; k++) { mean[k] = compared_average(j, i, k, rho).mean; }
    most = largest_value(mean, count);
    if (!is_equal(mean[group], most)) { return RHO_LOWER; }
    for (int k = 0; k < count; k++) { alike += is_equal(mean[k], most); }
    return alike > 1 ? RHO_TIED : RHO_HIGHEST;
}

/* ---- judging ---- */

/* f NULL: the inputs as prepared. */
static isk_status judge_theta(compare_job *j, const features *f, double *to) {
    theta_result r = { .types = NULL };
    isk_status status;
    if (f && (!f->m[FEATURE_Z].data || !f->m[FEATURE_Z + 1].data)) { return ISK_OK; }
    status = findings_theta(&j->found, &j->a, f, &j->s->findings, NULL, NULL, &r);
    if (status == ISK_OK) {
        to[measure_find(j, "rho")] = r.rho;
        to[measure_find(j, "rho_low")] = r.low;
        to[measure_find(j, "rho_high")] = r.high;
        to[measure_find(j, "types")] = r.compared;
    }
    theta_free(&r);
    return status;
}

static isk_status judge_clusters(compare_job *j, const features *f, double *to) {
    const cluster_label label = { j->s->source.labels, j->a.d.labels.codes };
    cluster_embedding all = { .name = "all" };
    cluster_row row;
    isk_status status;
    if (j->s->without_clusters) { return ISK_OK; }
    for (int i = 0; i < ISK_MAX_VIEWS; i++) {
        all.blocks[i] = !f ? j->a.d.v.summary[i] : f->m[FEATURE_C + i];
        if (f) { all.blocks[ISK_MAX_VIEWS + i] = f->m[FEATURE_Z + i]; }
    }
    if (f && f->m[FEATURE_FUSED].data) { all.blocks[0] = f->m[FEATURE_FUSED]; }
    status = cluster_scores(j->t.context, &(cluster_desc){ .rows = j->a.d.rows, .embeddings = &all, .embedding_count = 1, .labels = &label,
                                                           .label_count = 1, .part = j->a.d.part, .seed = j->s->source.seed }, &row);
    if (status == ISK_OK) {
        to[measure_find(j, "ari")] = row.ari;
        to[measure_find(j, "nmi")] = row.nmi;
    }
    return status;
}

static double mean_of_best(double (*values)[MOST_METRICS], int count) {
    double best[ISK_MAX_VIEWS];
    for (int i = 0; i < count; i++) { best[i] = metrics_best(values[i]); }
    return average_of(best, count, 1).mean;
}

static isk_status judge_scores(compare_job *j, const features *f, double *to) {
    static const features none;
    const int which = !f ? SCORE_RAW : f->m[FEATURE_FUSED].data ? SCORE_FUSED : SCORE_ALL;
    int at = measure_find(j, "diverged") + 1;               /* where the views begin */
    evaluation_input told;
    evaluation e;
    isk_status status;
    features_judged(f ? f : &none, &j->a.d, &told);
    told.put_to_labels = 1u << which;
    told.without_slow = !j->s->with_mlp;
    status = evaluate(j->t.context, &told, &e);
    if (status != ISK_OK) { return status == ISK_MEMORY ? no_memory(j->t.context, "the scores") : status; }
    if (!f) { j->of_inputs = e; }
    for (int m = metric_of_labels(-1); m < metric_count; m = metric_of_labels(m)) {
        if (!metrics[m].fit_alone) { to[measure_find(j, metrics[m].key)] = e.label[which].value[m]; }
    }
    to[measure_find(j, "leakage")] = mean_of_best(e.leakage, e.views);
    to[measure_find(j, "completeness")] = mean_of_best(e.completeness, e.views);
    for (int i = 0; i < 2 * j->a.d.v.count; i++) {
        const double *values = i % 2 ? e.completeness[i / 2] : e.leakage[i / 2];
        for (int m = metric_of_matrix(-1); m < metric_count; m = metric_of_matrix(m)) { to[at++] = values[m]; }
    }
    return ISK_OK;
}

static isk_status judge(compare_job *j, const features *f, double *to) {
    isk_status status = judge_theta(j, f, to);
    if (status == ISK_OK) { status = judge_clusters(j, f, to); }
    return status == ISK_OK ? judge_scores(j, f, to) : status;
}

static void judge_nothing(const compare_job *j, double *to) {
    for (int i = 0; i < j->measure_count; i++) { to[i] = NAN; }
    to[measure_find(j, "diverged")] = 0;
}

static isk_status judge_model(compare_job *j, const isk_model *model, double *to) {
    features f;
    isk_status status;
    judge_nothing(j, to);
    status = isk_model_report(model)->status;
    memset(&f, 0, sizeof f);
    if (status == ISK_OK) { status = features_of_trained(&f, j->t.context, model, &j->a.d.v, 0); }
    if (status == ISK_OK) { status = judge(j, &f, to); }
    features_free(&f);
    if (status != ISK_DIVERGED) { return status; }
    to[measure_find(j, "diverged")] = 1;
    return ISK_OK;
}

/* What needs no model; and whether there is anything to rank, which is better known before hours of training. */
static isk_status judge_inputs(compare_job *j) {
    const compare_settings *s = j->s;
    isk_status status = findings_weights(&j->found, &j->a);
    int types;
    judge_nothing(j, j->inputs);
    if (status == ISK_OK) { status = judge(j, NULL, j->inputs); }
    if (status != ISK_OK) { return status; }
    types = (int)j->inputs[measure_find(j, "types")];
    if (types < 2) {
        return isk_set_error(j->t.context, ISK_DATA, "--labels %s: %d type%s at least %d held-out cells, and ranks need two; a smaller "
                                                     "--least-cells "
                             "or a larger --test may help", s->source.labels, types, types == 1 ? " has" : "s have", s->findings.least);
    }
    if (types < 6) {
        progress_warn(&j->t.bar, "only %d types have at least %d held-out cells: how they rank says little", types, s->findings.least);
    }
    return ISK_OK;
}

/* ---- what stands in results.jsonl ---- */

/* Models of an earlier call where it goes on, else a new file; that of another comparison is kept under another name. */
static isk_status open_lines(compare_job *j) {
    const output *out = &j->t.out;
    char previous[4200];
    isk_status status;
    output_path(out, "results.jsonl", j->lines, sizeof j->lines);
    if (j->s->training.resume && access(j->lines, F_OK) == 0) {
        status = records_lines_read(&j->r, &j->c, j->t.context, j->lines);
        configuration_made(&j->c, j->t.context, j->argc, j->argv);
        return status;
    }
    if (rename(j->lines, output_path(out, "results.previous.jsonl", previous, sizeof previous)) == 0) {
        progress_warn(&j->t.bar, "%s is there from an earlier comparison; it is kept as %s, --resume would have gone on with it", j->lines,
                      previous);
    }
    configuration_made(&j->c, j->t.context, j->argc, j->argv);
    return records_lines_begin(&j->c, j->t.context, j->lines);
}

/* ---- before training ---- */

/* What decides no number: where results go, and how the work is done. */
static int is_of_no_matter(const char *key) {
    static const char *const keys[] = { "out", "json", "resume", "quiet", "checkpoint-every", "threads", "gpu", "trainer", "device",
                                        "auto-split" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(key, keys[i]) == 0) { return 1; }
    }
    return 0;
}

static isk_status add_setting(void *user, const char *key, isk_json_kind kind, const char *value) {
    compare_job *j = user;
    if (!is_of_no_matter(key)) { configuration_add(&j->c, key, value, kind == ISK_JSON_STRING); }
    return ISK_OK;
}

/* Every setting that has a value, and how many cells there are. */
static isk_status configure(compare_job *j) {
    compare_settings copy = *j->s;
    source_paths memory;
    text words = { 0 };
    isk_status status;
    source_settings_anywhere(&copy.source, &memory);
    copy.training.options = j->resolved;
    configuration_add(&j->c, "version", ISK_VERSION, 1);
    configuration_number(&j->c, "cells_read", (double)j->a.d.rows);
    configuration_add(&j->c, "regressions_on", evaluation_regressions_on(&j->of_inputs), 1);
    text_add(&words, "{");
    options_write(&compare_command, &copy, &words);
    text_add(&words, "}");
    status = words.failed ? no_memory(j->t.context, "the settings")
                          : isk_json_object(j->t.context, "the settings", words.data, words.length, add_setting, j);
    text_free(&words);
    return status;
}

/* One that trades completeness for leakage. */
static int has_lambda(const isk_method *method) { return method->can & ISK_HAS_LAMBDA && method->can & ISK_LEARNS_SPECIFIC; }

static isk_status find_names(compare_job *j) {
    training *t = &j->t;
    training_settings *s = t->s;
    isk_status status = isk_preset_find(t->context, s->preset, &t->fit.preset);
    if (status == ISK_OK) { status = configuration_methods(t->context, j->s->methods, j->methods, &j->method_count); }
    j->resolved = s->options;
    if (status == ISK_OK) { status = isk_options_resolve(t->context, NULL, &j->resolved, t->fit.preset); }
    if (status == ISK_OK) { status = can_write(t->context, s->json); }
    return status;
}

/* A sweep of each method, nothing of which is there. */
static isk_status add_sweeps(compare_job *j) {
    const training_settings *s = j->t.s;
    j->r.closed = 1;
    j->c.lambdas = s->lambdas.value;
    j->c.lambda_count = s->lambdas.count;
    j->c.seeds = s->seeds;
    j->c.seed = j->s->source.seed;
    for (int i = 0; i < j->method_count; i++) {
        const int lambdas = has_lambda(j->methods[i]) ? s->lambdas.count : 0;
        if (!records_add(&j->r, isk_method_name(j->methods[i]), 0, s->lambdas.value, lambdas, s->seeds)) {
            return no_memory(j->t.context, "the models");
        }
    }
    return ISK_OK;
}

static isk_status check_labels(const compare_job *j) {
    const labels *l = &j->a.d.labels;
    if (l->count >= 2) { return ISK_OK; }
    return isk_set_error(j->t.context, ISK_DATA, "--labels %s: all cells are of one type%s%s%s, and methods are compared by how they rank "
                                                 "types",
                         j->s->source.labels, l->count ? ", '" : "", l->count ? j->a.d.names[0] : "", l->count ? "'" : "");
}

/* ---- training ---- */

static isk_status judge_models(compare_job *j, const sweep_record *to, isk_model *const *models) {
    const int count = records_models(to);
    isk_status status = ISK_OK;
    for (int i = 0; i < count && status == ISK_OK; i++) {
        char words[96];
        if (to->there[i]) { continue; }
        if (progress_stopped()) {
            return isk_set_error(j->t.context, ISK_INTERRUPTED, "stopped while models of %s were judged", to->name);
        }
        snprintf(words, sizeof words, "%s, judging model %d of %d", to->name, i + 1, count);
        progress_show(&j->t.bar, (double)i / count, words);
        status = judge_model(j, models[i], records_at(&j->r, to, i, 0));
        if (status == ISK_OK) { status = records_lines_add(&j->r, &j->c, j->t.context, j->lines, to, i); }
    }
    return status;
}

static isk_status run_sweep(compare_job *j, const isk_method *method, const sweep_record *to) {
    training *t = &j->t;
    isk_sweep_desc sweep = { .fit = t->fit, .lambdas = t->s->lambdas.value, .lambda_count = to->lambda_count, .seed_count = t->s->seeds };
    const int count = isk_sweep_models(&sweep);
    isk_model **models = calloc((size_t)count + 1, sizeof *models);
    char file[96], checkpoint[4200];
    isk_status status;
    if (!models) { return no_memory(t->context, "the models"); }
    snprintf(file, sizeof file, "checkpoint.%s.safetensors", isk_method_name(method));
    sweep.fit.method = method;
    sweep.fit.checkpoint = output_path(&t->out, file, checkpoint, sizeof checkpoint);
    if (!t->s->resume) { unlink(checkpoint); }
    status = isk_resume(t->context, &sweep, models);
    progress_end(&t->bar);
    if (status == ISK_OK) { status = judge_models(j, to, models); }
    progress_end(&t->bar);
    for (int i = 0; i < count; i++) { isk_model_close(models[i]); }
    free(models);
    if (status == ISK_OK) { unlink(checkpoint); }
    return status;
}

static int is_finished(const sweep_record *s) {
    int there = 0;
    for (int i = 0; i < records_models(s); i++) { there += s->there[i]; }
    return there == records_models(s);
}

static isk_status run_sweeps(compare_job *j) {
    training *t = &j->t;
    isk_status status = ISK_OK;
    views_give(&j->a.d.v, &t->fit);
    t->fit.split = j->a.d.part;
    t->fit.seed = j->s->source.seed;
    t->fit.options = t->s->options;         /* as they were given: a resolved 0 would ask for the default again */
    t->fit.checkpoint_every = t->s->checkpoint_every;
    t->bar.pieces = j->method_count;
    t->bar.mute = 1;                /* the table says which models diverged */
    for (int i = 0; i < j->method_count && status == ISK_OK; i++) {
        const sweep_record *to = &j->r.sweeps[i];
        const double began = progress_clock();
        char time[32];
        t->bar.piece = i;
        t->bar.what = to->name;
        if (is_finished(to)) {
            progress_say(&t->bar, "%s: finished before", t->bar.what);
        } else if (progress_stopped()) {
            status = isk_set_error(t->context, ISK_INTERRUPTED, "stopped after %d of %d methods", i, j->method_count);
        } else {
            status = run_sweep(j, j->methods[i], to);
            if (status == ISK_OK) {
                progress_say(&t->bar, "%s: %d models in %s", to->name, records_models(to), duration(progress_clock() - began, time));
            }
        }
        t->bar.what = NULL;
    }
    return status;
}

/* ---- output ---- */

static isk_status write_one(compare_job *j, const char *name, void (*make)(const compare_job *j, text *out)) {
    text out = { 0 };
    isk_status status;
    make(j, &out);
    status = output_text(&j->t.out, name, &out);
    text_free(&out);
    return status;
}

static isk_status write_all(compare_job *j) {
    text page = { 0 }, json = { 0 };
    isk_status status = write_one(j, "compare.tsv", compare_models_tsv);
    if (status == ISK_OK) { status = write_one(j, "table.tsv", compare_table_tsv); }
    if (status == ISK_OK) { status = write_one(j, "results.json", compare_json); }
    if (status == ISK_OK) { status = compare_report(j, &page); }
    if (status == ISK_OK) { status = output_text(&j->t.out, "report.html", &page); }
    if (status == ISK_OK) {
        status = output_commit(&j->t.out, NULL);
        if (status != ISK_OK) { isk_set_error(j->t.context, status, "%s", j->t.out.error); }
    }
    if (status == ISK_OK && j->s->training.json) {
        compare_json(j, &json);
        status = write_text(j->t.context, j->s->training.json, &json);
    }
    if (status == ISK_OK) { output_tidy(&j->t.out); }
    text_free(&page);
    text_free(&json);
    return status;
}

static void say_results(const compare_job *j) {
    const char *out = j->s->training.out;
    text words = { 0 };
    if (j->s->training.quiet || is_standard_output(j->s->training.json)) { return; }
    compare_text(j, &words);
    printf("\n%s\nresults are in %s; open %s/report.html\n", words.data ? words.data : "", out, out);
    text_free(&words);
}

/* ---- the whole ---- */

static isk_status run_all(compare_job *j) {
    training *t = &j->t;
    isk_status status = *isk_error(t->context) ? ISK_DEVICE : find_names(j);
    if (status == ISK_OK) { status = training_folder(t, "compare.tsv table.tsv results.json report.html"); }
    if (status == ISK_OK) { status = source_read(&j->a, t->context, &j->s->source, &t->bar); }
    if (status == ISK_OK) { status = source_divide(&j->a, j->resolved.validation); }
    if (status == ISK_OK) { status = check_labels(j); }
    if (status == ISK_OK) { status = source_prepare(&j->a); }
    if (status == ISK_OK) {
        source_say(&j->a);
        views_warn(&j->a.d.v, &j->t.bar);
        add_measures(j);
        status = add_sweeps(j);
    }
    if (status == ISK_OK) { status = judge_inputs(j); }
    if (status == ISK_OK) { status = configure(j); }
    if (status == ISK_OK) { status = open_lines(j); }
    if (status == ISK_OK) { status = run_sweeps(j); }
    return status == ISK_OK ? write_all(j) : status;
}

static void compare_free(compare_job *j) {
    records_free(&j->r);
    findings_free(&j->found);
    source_free(&j->a);
    configuration_free(&j->c);
    training_close(&j->t);
}

/* What the table of options cannot say: -1 to go on, else the exit code. */
static int check_line(const compare_settings *s) {
    int code = source_check_line(&s->source, compare_command.name);
    if (code >= 0) { return code; }
    if (!s->source.labels) {
        return usage_error(compare_command.name, "--labels COLUMN is missing: methods are compared by how they rank types");
    }
    if (!s->training.out) { return usage_error(compare_command.name, "--out DIR is missing"); }
    code = study_check_list(&compare_command, "lambda", &s->training.lambdas);
    return code ? code : -1;
}

int command_compare(int argc, char **argv) {
    compare_settings s = { .source = SOURCE_DEFAULTS, .training = TRAINING_DEFAULTS, .findings = FINDING_DEFAULTS,
                           .methods = "indiseek,factorizedcl,infodisen" };
    compare_job *j;
    isk_status status;
    int code;
    s.training.lambdas = (real_list){ { 0.01, 0.1, 1, 10 }, 4 };
    s.training.seeds = 3;
    compare_table_get();
    code = options_parse(&compare_command, argc - 1, argv + 1, &s);
    if (code < 0) { code = check_line(&s); }
    if (code >= 0) { return code; }
    s.training.seed = s.source.seed;
    j = calloc(1, sizeof *j);
    if (!j) { return fail(compare_command.name, ISK_MEMORY, NULL); }
    *j = (compare_job){ .s = &s, .argc = argc, .argv = argv };
    code = training_open(&j->t, &s.training, compare_command.name);
    if (code < 0) {
        status = run_all(j);
        code = training_finish(&j->t, status, compare_command.name, argc, argv);
        if (status == ISK_OK) { say_results(j); }
        compare_free(j);
    }
    free(j);
    return code;
}
