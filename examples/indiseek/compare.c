/* indiseek compare: methods and lambdas on one single-cell data set, by how specific features rank its types (Gui, Ma and Ma 2025,
   section 4).  Each method is one sweep; each model that is judged stands in results.jsonl at once. */
#include "compare.h"

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
    .notes = "Methods without lambda (clip, residual, comm) are one point.  Data are read, divided and prepared once.\n"
             "Ctrl-C stops after the current round or model and --resume goes on from there.\n",
};

const command *compare_table_get(void) {
    training_describe();
    return &compare_command;
}

/* ---- models ---- */

const char *judged_name(int which, char *buffer) {
    static const char *const all[JUDGED_OF_VIEWS] = { "rho", "rho_low", "rho_high", "types", "ari", "nmi", "accuracy", "balanced_accuracy",
                                                        "leakage", "completeness", "diverged" };
    static const char *const each[JUDGED_EACH] = { "leakage_ridge", "leakage_knn", "leakage_mlp", "completeness_ridge", "completeness_knn",
                                                   "completeness_mlp" };
    const int rest = which - JUDGED_OF_VIEWS;
    if (rest < 0) { return all[which]; }
    snprintf(buffer, 32, "%s_%d", each[rest % JUDGED_EACH], rest / JUDGED_EACH + 1);
    return buffer;
}

int judged_count(const compare_job *j) { return JUDGED_OF_VIEWS + JUDGED_EACH * j->a.d.v.count; }

int compared_groups(const compared *m) { return m->lambda_count ? m->lambda_count : 1; }

static int model_count(const compare_job *j, const compared *m) { return compared_groups(m) * j->s->training.seeds; }

double compared_lambda(const compare_job *j, const compared *m, int group) {
    return m->lambda_count ? j->s->training.lambdas.value[group] : (double)NAN;
}

average compared_average(const compare_job *j, const compared *m, int group, int which) {
    const judged *first = m->models + (size_t)group * (size_t)j->s->training.seeds;
    return average_of(&first->value[which], j->s->training.seeds, sizeof *first / sizeof(double));
}

rho_standing compared_standing(const compare_job *j, const compared *m, int group) {
    double mean[MOST_REALS], most;
    int alike = 0;
    if (m->lambda_count < 2) { return RHO_NO_CHOICE; }
    for (int i = 0; i < m->lambda_count; i++) { mean[i] = compared_average(j, m, i, JUDGED_RHO).mean; }
    most = largest_value(mean, m->lambda_count);
    if (!is_equal(mean[group], most)) { return RHO_LOWER; }
    for (int i = 0; i < m->lambda_count; i++) { alike += is_equal(mean[i], most); }
    return alike > 1 ? RHO_TIED : RHO_HIGHEST;
}

/* ---- judging ---- */

/* f NULL: the inputs as prepared. */
static isk_status judge_theta(compare_job *j, const features *f, judged *to) {
    theta_result r = { .types = NULL };
    isk_status status;
    if (f && (!f->m[FEATURE_Z].data || !f->m[FEATURE_Z + 1].data)) { return ISK_OK; }
    status = findings_theta(&j->found, &j->a, f, &j->s->findings, NULL, NULL, &r);
    if (status == ISK_OK) {
        to->value[JUDGED_RHO] = r.rho;
        to->value[JUDGED_LOW] = r.low;
        to->value[JUDGED_HIGH] = r.high;
        to->value[JUDGED_TYPES] = r.compared;
    }
    theta_free(&r);
    return status;
}

static isk_status judge_clusters(compare_job *j, const features *f, judged *to) {
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
        to->value[JUDGED_ARI] = row.ari;
        to->value[JUDGED_NMI] = row.nmi;
    }
    return status;
}

/* The mean over the views of the best regression of each. */
static double mean_of_best(const evaluation *e, const r2_scores *(*scores)(const evaluation *e, int view)) {
    double best[ISK_MAX_VIEWS];
    for (int i = 0; i < e->views; i++) { best[i] = r2_best(scores(e, i)); }
    return average_of(best, e->views, 1).mean;
}
static const r2_scores *leakage_of(const evaluation *e, int view) { return &e->leakage[view]; }
static const r2_scores *completeness_of(const evaluation *e, int view) { return &e->completeness[view].r2; }

static isk_status judge_scores(compare_job *j, const features *f, judged *to) {
    static const features none;
    const int which = !f ? SCORE_RAW : f->m[FEATURE_FUSED].data ? SCORE_FUSED : SCORE_ALL;
    evaluation_input told;
    evaluation e;
    isk_status status;
    features_judged(f ? f : &none, &j->a.d, &told);
    told.put_to_labels = 1u << which;
    told.without_mlp = !j->s->with_mlp;
    status = evaluate(j->t.context, &told, &e);
    if (status != ISK_OK) { return status == ISK_MEMORY ? no_memory(j->t.context, "the scores") : status; }
    to->value[JUDGED_ACCURACY] = e.label[which].accuracy;
    to->value[JUDGED_BALANCED] = e.label[which].balanced_accuracy;
    to->value[JUDGED_LEAKAGE] = mean_of_best(&e, leakage_of);
    to->value[JUDGED_COMPLETENESS] = mean_of_best(&e, completeness_of);
    for (int i = 0; i < j->a.d.v.count; i++) {
        const double values[JUDGED_EACH] = { e.leakage[i].ridge, e.leakage[i].knn, e.leakage[i].mlp, e.completeness[i].r2.ridge,
                                             e.completeness[i].r2.knn, e.completeness[i].r2.mlp };
        memcpy(&to->value[JUDGED_OF_VIEWS + JUDGED_EACH * i], values, sizeof values);
    }
    return ISK_OK;
}

static isk_status judge(compare_job *j, const features *f, judged *to) {
    isk_status status = judge_theta(j, f, to);
    if (status == ISK_OK) { status = judge_clusters(j, f, to); }
    return status == ISK_OK ? judge_scores(j, f, to) : status;
}

static void judge_nothing(judged *to) {
    for (int i = 0; i < JUDGED_COUNT; i++) { to->value[i] = NAN; }
    to->value[JUDGED_DIVERGED] = 0;
}

static isk_status judge_model(compare_job *j, const isk_model *model, judged *to) {
    features f;
    isk_status status;
    judge_nothing(to);
    if (isk_model_report(model)->status != ISK_OK) {
        to->value[JUDGED_DIVERGED] = 1;
        return ISK_OK;
    }
    status = features_make(&f, j->t.context, model, &j->a.d.v, 0);
    if (status == ISK_OK) { status = judge(j, &f, to); }
    features_free(&f);
    return status;
}

/* What needs no model; and whether there is anything to rank, which is better known before hours of training. */
static isk_status judge_inputs(compare_job *j) {
    const compare_settings *s = j->s;
    isk_status status = findings_weights(&j->found, &j->a);
    int types;
    judge_nothing(&j->inputs);
    j->inputs.there = 1;
    if (status == ISK_OK) { status = judge(j, NULL, &j->inputs); }
    if (status != ISK_OK) { return status; }
    types = (int)j->inputs.value[JUDGED_TYPES];
    if (types < 2) {
        return isk_set_error(j->t.context, ISK_DATA, "--labels %s: %d type%s at least %d held-out cells, and ranks need two; a smaller --least-cells "
                             "or a larger --test may help", s->source.labels, types, types == 1 ? " has" : "s have", s->findings.least);
    }
    if (types < 6) { progress_warn(&j->t.bar, "only %d types have at least %d held-out cells: how they rank says little", types, s->findings.least); }
    return ISK_OK;
}

/* ---- what stands in results.jsonl ---- */

typedef struct reading {
    compare_job *j;
    char where[4300];               /* "DIR/results.jsonl: line 3" */
    char method[64];
    double lambda;
    uint64_t seed;
    judged model;
    int found;                      /* of the numbers */
} reading;

static isk_status read_member(void *user, const char *key, isk_json_kind kind, const char *value) {
    reading *r = user;
    double number = NAN;
    char name[32];
    if (strcmp(key, "method") == 0) {
        snprintf(r->method, sizeof r->method, "%s", value);
        return ISK_OK;
    }
    if (kind == ISK_JSON_NUMBER) { isk_parse_number(value, strlen(value), &number); }
    if (strcmp(key, "lambda") == 0) { r->lambda = number; }
    if (strcmp(key, "seed") == 0) { r->seed = strtoull(value, NULL, 10); }
    for (int i = 0; i < judged_count(r->j); i++) {
        if (strcmp(key, judged_name(i, name)) != 0) { continue; }
        r->model.value[i] = number;
        r->found++;
    }
    return ISK_OK;
}

/* The lambda of a group as it stands in a file. */
static int is_lambda(double value, double read) { return isnan(value) ? isnan(read) : fabs(value - read) <= 1e-8 * fabs(value); }

/* Which model that is; NULL: none that is asked for. */
static judged *place_of(const reading *r) {
    const compare_job *j = r->j;
    const uint64_t seed = r->seed - j->s->source.seed;      /* far too large where it is one before the first */
    for (int i = 0; i < j->method_count; i++) {
        const compared *m = &j->methods[i];
        if (strcmp(isk_method_name(m->method), r->method) != 0) { continue; }
        for (int k = 0; k < compared_groups(m); k++) {
            if (!is_lambda(compared_lambda(j, m, k), r->lambda) || seed >= (uint64_t)j->s->training.seeds) { continue; }
            return m->models + k * j->s->training.seeds + (int)seed;
        }
    }
    return NULL;
}

/* What is kept of a model is what was written of it, so that a comparison that was stopped ends with the numbers of one that was not. */
static isk_status take_model(reading *r, const char *line, size_t length) {
    isk_context *context = r->j->t.context;
    judged *to;
    isk_status status;
    r->found = 0;
    r->method[0] = 0;
    r->lambda = NAN;
    r->seed = 0;
    judge_nothing(&r->model);
    status = isk_json_object(context, r->where, line, length, read_member, r);
    if (status != ISK_OK) { return status; }
    to = place_of(r);
    if (!to || r->found != judged_count(r->j)) {
        return isk_set_error(context, ISK_DATA, "%s is no model of this comparison; start afresh", r->where);
    }
    *to = r->model;
    to->there = 1;
    return ISK_OK;
}

static isk_status add_record(compare_job *j, const text *line) {
    FILE *file = line->failed ? NULL : fopen(j->records, "ab");
    int ok;
    if (line->failed) { return no_memory(j->t.context, j->records); }
    if (!file) { return isk_set_error(j->t.context, ISK_IO, "%s cannot be written: %s", j->records, strerror(errno)); }
    ok = fprintf(file, "%s\n", line->data) > 0;
    ok = fclose(file) == 0 && ok;
    return ok ? ISK_OK : isk_set_error(j->t.context, ISK_IO, "%s cannot be written: is the disk full?", j->records);
}

static void add_maker(compare_job *j) {
    text typed = { 0 };
    typed_line(&typed, j->argc, j->argv);
    add_line(&j->c.made_by, typed.data ? typed.data : "");
    add_line(&j->c.made_on, isk_device_text(j->t.context));
    text_free(&typed);
}

/* The settings as its first line: JSON whose ends of lines are blanks. */
static isk_status begin_records(compare_job *j) {
    text line = { 0 };
    isk_status status;
    text_add(&line, "{");
    configuration_write(&j->c, &line);
    text_add(&line, "}");
    for (size_t i = 0; i < line.length; i++) { line.data[i] = line.data[i] == '\n' ? ' ' : line.data[i]; }
    status = add_record(j, &line);
    text_free(&line);
    return status;
}

static isk_status read_head(void *user, const char *path, isk_json_kind kind, const char *value) {
    static const char head[] = "configuration.";
    reading *r = user;
    (void)kind;
    if (strncmp(path, head, sizeof head - 1) != 0) {
        return isk_set_error(r->j->t.context, ISK_DATA, "%s: '%s' stands where the settings of a comparison are due; start afresh", r->where, path);
    }
    return configuration_read(&r->j->c, r->j->t.context, r->j->records, path + sizeof head - 1, value);
}

static isk_status read_records(compare_job *j) {
    isk_context *context = j->t.context;
    reading r = { .j = j };
    lines l;
    char *line;
    size_t length;
    int none;
    isk_status status = lines_open(context, j->records, &l);
    while (status == ISK_OK && (status = lines_next(&l, &line, &length)) == ISK_OK && line) {
        snprintf(r.where, sizeof r.where, "%s: line %lld", j->records, (long long)l.number);
        if (l.number > 1) {
            status = take_model(&r, line, length);
        } else {
            status = isk_json_walk(context, r.where, line, length, read_head, &r);
            if (status == ISK_OK) { status = configuration_complete(&j->c, context, j->records); }
        }
    }
    none = status == ISK_OK && l.number == 0;
    lines_close(&l);
    return none ? begin_records(j) : status;                /* it was killed before the first line was there */
}

/* Models of an earlier call where it goes on, else a new file; that of another comparison is kept under another name. */
static isk_status open_records(compare_job *j) {
    const output *out = &j->t.out;
    char previous[4200];
    isk_status status;
    output_path(out, "results.jsonl", j->records, sizeof j->records);
    if (j->s->training.resume && access(j->records, F_OK) == 0) {
        training_mend_lines(j->records);
        status = read_records(j);
        add_maker(j);
        return status;
    }
    if (rename(j->records, output_path(out, "results.previous.jsonl", previous, sizeof previous)) == 0) {
        progress_warn(&j->t.bar, "%s is there from an earlier comparison; it is kept as %s, --resume would have gone on with it", j->records, previous);
    }
    add_maker(j);
    return begin_records(j);
}

/* ---- before training ---- */

/* What decides no number: where results go, and how the work is done. */
static int is_of_no_matter(const char *key) {
    static const char *const keys[] = { "out", "json", "resume", "quiet", "checkpoint-every", "threads", "gpu", "trainer", "device", "auto-split" };
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
    const isk_method *methods[ISK_MOST_METHODS];
    isk_status status = isk_preset_find(t->context, s->preset, &t->fit.preset);
    if (status == ISK_OK) { status = configuration_methods(t->context, j->s->methods, methods, &j->method_count); }
    j->resolved = s->options;
    if (status == ISK_OK) { status = isk_options_resolve(t->context, NULL, &j->resolved, t->fit.preset); }
    if (status == ISK_OK) { status = can_write(t->context, s->json); }
    for (int i = 0; i < j->method_count && status == ISK_OK; i++) {
        compared *m = &j->methods[i];
        *m = (compared){ .method = methods[i], .lambda_count = has_lambda(methods[i]) ? s->lambdas.count : 0 };
        m->models = calloc((size_t)model_count(j, m), sizeof *m->models);
        if (!m->models) { status = no_memory(t->context, "the models"); }
    }
    return status;
}

static isk_status check_labels(const compare_job *j) {
    const labels *l = &j->a.d.labels;
    if (l->count >= 2) { return ISK_OK; }
    return isk_set_error(j->t.context, ISK_DATA, "--labels %s: all cells are of one type%s%s%s, and methods are compared by how they rank types",
                         j->s->source.labels, l->count ? ", '" : "", l->count ? j->a.d.names[0] : "", l->count ? "'" : "");
}

/* ---- training ---- */

static isk_status judge_models(compare_job *j, compared *m, isk_model *const *models) {
    const char *name = isk_method_name(m->method);
    const int count = model_count(j, m);
    reading r = { .j = j };
    isk_status status = ISK_OK;
    snprintf(r.where, sizeof r.where, "%s: a line", j->records);
    for (int i = 0; i < count && status == ISK_OK; i++) {
        text line = { 0 };
        char words[96];
        if (m->models[i].there) { continue; }
        if (progress_stopped()) { return isk_set_error(j->t.context, ISK_INTERRUPTED, "stopped while models of %s were judged", name); }
        snprintf(words, sizeof words, "%s, judging model %d of %d", name, i + 1, count);
        progress_show(&j->t.bar, (double)i / count, words);
        status = judge_model(j, models[i], &m->models[i]);
        if (status != ISK_OK) { return status; }
        compare_model_json(j, m, i, &line);
        status = add_record(j, &line);
        if (status == ISK_OK) { status = take_model(&r, line.data, line.length); }
        text_free(&line);
    }
    return status;
}

static isk_status run_sweep(compare_job *j, compared *m) {
    training *t = &j->t;
    isk_sweep_desc sweep = { .fit = t->fit, .lambdas = t->s->lambdas.value, .lambda_count = m->lambda_count, .seed_count = t->s->seeds };
    const int count = isk_sweep_models(&sweep);
    isk_model **models = calloc((size_t)count + 1, sizeof *models);
    char file[96], checkpoint[4200];
    isk_status status;
    if (!models) { return no_memory(t->context, "the models"); }
    snprintf(file, sizeof file, "checkpoint.%s.safetensors", isk_method_name(m->method));
    sweep.fit.method = m->method;
    sweep.fit.checkpoint = output_path(&t->out, file, checkpoint, sizeof checkpoint);
    if (!t->s->resume) { unlink(checkpoint); }
    status = isk_resume(t->context, &sweep, models);
    progress_end(&t->bar);
    if (status == ISK_OK) { status = judge_models(j, m, models); }
    progress_end(&t->bar);
    for (int i = 0; i < count; i++) { isk_model_close(models[i]); }
    free(models);
    if (status == ISK_OK) { unlink(checkpoint); }
    return status;
}

static int is_finished(const compare_job *j, const compared *m) {
    int there = 0;
    for (int i = 0; i < model_count(j, m); i++) { there += m->models[i].there; }
    return there == model_count(j, m);
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
        compared *m = &j->methods[i];
        const double began = progress_clock();
        char time[32];
        t->bar.piece = i;
        t->bar.what = isk_method_name(m->method);
        if (is_finished(j, m)) {
            progress_say(&t->bar, "%s: finished before", t->bar.what);
        } else if (progress_stopped()) {
            status = isk_set_error(t->context, ISK_INTERRUPTED, "stopped after %d of %d methods", i, j->method_count);
        } else {
            status = run_sweep(j, m);
            if (status == ISK_OK) { progress_say(&t->bar, "%s: %d models in %s", t->bar.what, model_count(j, m), duration(progress_clock() - began, time)); }
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
        status = output_commit(&j->t.out);
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
    if (status == ISK_OK) { status = training_folder(t); }
    if (status == ISK_OK) { status = source_read(&j->a, t->context, &j->s->source, &t->bar); }
    if (status == ISK_OK) { status = source_divide(&j->a, j->resolved.validation); }
    if (status == ISK_OK) { status = check_labels(j); }
    if (status == ISK_OK) { status = source_prepare(&j->a); }
    if (status == ISK_OK) { source_say(&j->a); }
    if (status == ISK_OK) { status = judge_inputs(j); }
    if (status == ISK_OK) { status = configure(j); }
    if (status == ISK_OK) { status = open_records(j); }
    if (status == ISK_OK) { status = run_sweeps(j); }
    return status == ISK_OK ? write_all(j) : status;
}

static void compare_free(compare_job *j) {
    for (int i = 0; i < j->method_count; i++) { free(j->methods[i].models); }
    findings_free(&j->found);
    source_free(&j->a);
    configuration_free(&j->c);
    training_close(&j->t);
}

/* What the table of options cannot say: -1 to go on, else the exit code. */
static int check_line(const compare_settings *s) {
    const real_list *lambdas = &s->training.lambdas;
    const int code = source_check_line(&s->source, compare_command.name);
    if (code >= 0) { return code; }
    if (!s->source.labels) { return usage_error(compare_command.name, "--labels COLUMN is missing: methods are compared by how they rank types"); }
    if (!s->training.out) { return usage_error(compare_command.name, "--out DIR is missing"); }
    for (int i = 0; i < lambdas->count; i++) {
        for (int before = 0; before < i; before++) {
            if (lambdas->value[before] == lambdas->value[i]) { return usage_error(compare_command.name, "--lambda has %g twice", lambdas->value[i]); }
        }
    }
    return -1;
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
