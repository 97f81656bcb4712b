/* What the tests of methods share: data of four views, a training that is stepped by hand, and the formulas, written out naively
   in float64 from the weights that the programs use.  Include after indiseek.h with its implementation, built in double. */
#ifndef STEPPED_H
#define STEPPED_H

#include "tests/base/hostile.h"
#include "outputs.h"

#include <math.h>

enum { N = 11, BATCH = 7, MOST = 16, WIDEST = 100, VIEWS = 4, COLS1 = 4, COLS2 = 3, COLS3 = 6, COLS4 = 2, STEPS3 = 3, DIM = 3,
       SHARED = 2, WIDTH = 5 };

static isk_context *context;
static const int cols_of[VIEWS] = { COLS1, COLS2, COLS3, COLS4 };
static isk_scalar xs[VIEWS][N * COLS3], cs[VIEWS][N * SHARED];
static const int32_t order[BATCH] = { 4, 0, 9, 2, 7, 1, 10 };
static const char *variant = "";            /* for messages */
/* Where it is set, view 3 is a sequence of STEPS3 steps with these lengths. */
static const int32_t *sequence_lengths;

static UNUSED_FUNCTION void ok(isk_status status) {
    if (status != ISK_OK) { fail_msg("%s", isk_error(context)); }
}

static UNUSED_FUNCTION void close_to(const char *what, double ours, double due) {
    double size = fabs(due) > 1 ? fabs(due) : 1;
    if (!(fabs(ours - due) <= 1e-11 * size)) { fail_msg("%s: %s: %.17g, the formula gives %.17g", variant, what, ours, due); }
}

static UNUSED_FUNCTION int open_context(void **state) {
    isk_context_desc desc = { .threads = 1 };
    isk__random random = isk__random_open(5, 6);
    int view, i;
    (void)state;
    context = isk_open(&desc);
    for (view = 0; view < VIEWS; view++) {
        for (i = 0; i < N * cols_of[view]; i++) { xs[view][i] = 0.3 * (view % 2) + isk__random_normal(&random); }
        for (i = 0; i < N * SHARED; i++) { cs[view][i] = isk__random_normal(&random); }
    }
    return context ? 0 : -1;
}

static UNUSED_FUNCTION int close_context(void **state) {
    (void)state;
    isk_close(context);
    return 0;
}

/* ---- a training that is stepped by hand --------------------------------------------------------------------------------- */

typedef struct fixture {
    isk_sweep_desc sweep;
    isk_design design;
    isk__training training;
    isk_recorder recorder;                  /* the leaves, for recording more */
    isk__frame frame;
} fixture;

static UNUSED_FUNCTION isk_matrix matrix(const isk_scalar *data, int cols) {
    isk_matrix m;
    m.data = data;
    m.rows = N;
    m.cols = cols;
    return m;
}

/* `settings`: "option=value option=value ...". */
static UNUSED_FUNCTION void set_options(isk_options *options, const char *settings) {
    char text[300], *next, *word;
    snprintf(text, sizeof text, "%s", settings);
    for (word = text; *word; word = next) {
        char *value = strchr(word, '=');
        next = word + strcspn(word, " ");
        if (*next) { *next++ = 0; }
        assert_non_null(value);
        *value++ = 0;
        ok(isk_option_set(context, NULL, options, word, value));
    }
}

/* What is to be trained; with given shared features or learned ones. */
static UNUSED_FUNCTION void describe_fixture(fixture *f, const isk_method *method, int views, int given, const char *settings) {
    isk_fit_desc *fit = &f->sweep.fit;
    int i;
    memset(f, 0, sizeof *f);
    fit->method = method;
    fit->view_count = views;
    for (i = 0; i < views || i < 2; i++) {
        fit->views[i].x = matrix(xs[i], cols_of[i]);
        if (given) { fit->views[i].given = matrix(cs[i], SHARED); }
    }
    if (sequence_lengths) {
        fit->views[2].steps = STEPS3;
        fit->views[2].lengths = sequence_lengths;
    }
    variant = settings;
    set_options(&fit->options, "lambda=3 batch=7 layers=2 width=5 dim=3 shared_dim=2 diagnoses=0 validation=0");
    set_options(&fit->options, settings);
}

static UNUSED_FUNCTION void record_fixture(fixture *f) {
    isk_fit_desc *fit = &f->sweep.fit;
    int i;
    ok(isk__design_of(context, fit, &f->design));
    f->training.context = context;
    f->training.desc = fit;
    f->training.method = f->design.method;
    f->training.design = &f->design;
    f->training.options = f->design.options;
    ok(isk__lengths_open(&f->training, &f->design));
    ok(isk__copies_open(&f->training, &f->design));
    ok(isk__training_record(&f->training, &f->design));
    ok(isk__learners_open(&f->training, &f->sweep, &f->design));
    f->recorder = isk__recorder_open(f->training.plan.graph, &f->design);
    f->recorder.training = &f->training;
    f->recorder.rows = BATCH;
    f->recorder.lambda = f->training.lambda;
    for (i = 0; i < fit->view_count; i++) { f->recorder.inverse_power[i] = f->training.inverse_power[i]; }
    ok(isk__workers_open(&f->training));
    f->training.slot_learner[0] = 0;
    isk__slot_begin(&f->training, 0);
    f->frame = isk__frame_open(&f->training, 0, 0);
    f->frame.rate = 1e-2;
    f->frame.batch.rows = order;
}

static UNUSED_FUNCTION void open_fixture(fixture *f, const isk_method *method, int views, int given, const char *settings) {
    describe_fixture(f, method, views, given, settings);
    record_fixture(f);
}

static UNUSED_FUNCTION void close_fixture(fixture *f) { isk__training_close(&f->training); }

/* A program that fills a cache, over all rows of the one model. */
static UNUSED_FUNCTION void fill(fixture *f, isk_program *program) {
    isk__trainee trainee = isk__trainee_of(&f->training, 0, 0);
    isk__crew crew;
    trainee.frame = f->frame;
    crew.training = &f->training;
    crew.stage = &f->training.plan.stages[0];
    crew.trainees = &trainee;
    crew.count = 1;
    isk__run_fill(&crew, program, ISK__ROWS_ALL);
}

static UNUSED_FUNCTION const isk__stage *stage_of(const fixture *f, const char *name) {
    int i;
    for (i = 0; i < f->training.plan.stage_count; i++) {
        if (strcmp(f->training.plan.stages[i].name, name) == 0) { return &f->training.plan.stages[i]; }
    }
    fail_msg("there is no stage %s", name);
    return NULL;
}

/* stage_of "specific2" and the like */
static UNUSED_FUNCTION const isk__stage *view_stage(const fixture *f, const char *name, int view) {
    char full[32];
    snprintf(full, sizeof full, "%s%d", name, view + 1);
    return stage_of(f, full);
}

/* Stages NAME1, NAME2 ... each fill their cache, over all rows. */
static UNUSED_FUNCTION void fill_views(fixture *f, const char *name) {
    int view;
    for (view = 0; view < f->design.view_count; view++) { fill(f, view_stage(f, name, view)->before); }
}

/* Does the method have a second step, and that on X itself?  With residuals everything of a view hangs on its own C, through what it
   leaves. */
static UNUSED_FUNCTION int steps_on_x(const isk_method *method) {
    const isk__family_info *info = method->record == isk__family_record ? method->own : NULL;
    return info && (method->can & ISK_LEARNS_SPECIFIC) && !info->residual;
}

/* On the first rows of `order`. */
static UNUSED_FUNCTION void run(fixture *f, const isk_program *program, int rows) {
    assert_non_null(program);
    f->frame.batch.rows = order;
    f->frame.batch.count = rows;
    f->frame.batch.first = 0;
    f->frame.batch.shuffled = 0;
    isk__execute(program, &f->frame);
}

static UNUSED_FUNCTION double output(const fixture *f, const isk_program *program, int index) {
    return *isk__pointer(&f->frame, &program->output_refs[index]);
}

static UNUSED_FUNCTION isk_scalar *weight(const fixture *f, const char *name, int row, int col) {
    const isk_graph *graph = f->training.plan.graph;
    int i;
    for (i = 0; i < graph->parameter_count; i++) {
        const isk__parameter_info *parameter = &graph->parameters[i];
        const isk__node *node = &graph->nodes[parameter->node];
        if (strcmp(parameter->name, name) != 0) { continue; }
        assert_true(row < node->rows && col < node->cols);
        return isk__parameter_values(graph, &f->training.learners[0].state, parameter) + row * node->leaf.stride + col;
    }
    fail_msg("there is no parameter %s", name);
    return NULL;
}

/* Moves what starts at its first fill so that no formula is tested at a special point. */
static UNUSED_FUNCTION void stir_weights(fixture *f, double logvar_scale) {
    const isk_graph *graph = f->training.plan.graph;
    isk__random random = isk__random_open(8, 9);
    int i, row, col, fixed_table = f->design.options.positions == ISK_POSITIONS_SINCOS;
    for (i = 0; i < graph->parameter_count; i++) {
        const isk__parameter_info *parameter = &graph->parameters[i];
        const isk__node *node = &graph->nodes[parameter->node];
        for (row = 0; row < node->rows; row++) {
            for (col = 0; col < node->cols; col++) {
                isk_scalar *value = weight(f, parameter->name, row, col);
                if (strcmp(parameter->name, "logit_scale") == 0 || (fixed_table && strstr(parameter->name, "positions"))) { continue; }
                *value += strstr(parameter->name, "running") ? 0.2 * isk__random_uniform(&random) : 0.2 * isk__random_normal(&random);
                if (strstr(parameter->name, "logvar")) { *value *= logvar_scale; }
            }
        }
    }
}

/* ---- gradients of what is recorded beside ---- */

/* The leaves of more recordings, with given C. */
static UNUSED_FUNCTION void record_leaves(fixture *f) {
    isk_scalar lambda = f->design.options.lambda;
    int i, j;
    isk__family *family = isk_recorder_keep(&f->recorder, NULL, sizeof *family);
    assert_non_null(family);
    ok(isk_write(f->recorder.lambda, 0, &lambda));
    if (f->sweep.fit.target.data) { f->recorder.target = isk__bound(f->recorder.graph, f->sweep.fit.target); }
    if (f->training.target_present) { f->recorder.target_present = isk__bound(f->recorder.graph, matrix(f->training.target_present, 1)); }
    for (i = 0; i < f->design.view_count; i++) {
        isk_scalar inverse = 0.7;
        f->recorder.views[i] = isk__bound(f->recorder.graph, f->sweep.fit.views[i].x);
        f->recorder.given[i] = family->shared[i] = isk__bound(f->recorder.graph, matrix(cs[i], SHARED));
        family->residual[i] = isk__no_tensor(f->recorder.graph);
        for (j = 0; j < f->training.copy_count; j++) {
            int cols = (int)f->sweep.fit.views[i].x.cols;
            f->recorder.copies[i][j] = isk__bound(f->recorder.graph, matrix(f->training.copies[i] + j * N * cols, cols));
        }
        if (f->training.lengths[i]) { f->recorder.lengths[i] = isk__bound(f->recorder.graph, matrix(f->training.lengths[i], 1)); }
        ok(isk_write(f->recorder.inverse_power[i], 0, &inverse));
    }
}

/* What a pass of training records. */
static UNUSED_FUNCTION void record_terms(fixture *f, isk_record_terms *record, int view, isk_tensor *terms) {
    isk__begin_program(&f->recorder, BATCH, ISK_MODE_TRAIN);
    record(&f->recorder, view, terms);
}

static UNUSED_FUNCTION void check_gradient(fixture *f, const char *group, isk_tensor loss) {
    double worst = isk_check_gradient(f->recorder.graph, group, loss, 0);
    if (!(worst >= 0 && worst <= 1e-6)) { fail_msg("%s: %s: gradient is off by %g: %s", variant, group, worst, isk_error(context)); }
}

/* ---- the formulas --------------------------------------------------------------------------------------------------------- */

typedef struct list { int row[MOST], count; } list;         /* rows of the data */
typedef struct values { double at[MOST][WIDEST]; int rows, cols; list from; } values;

static UNUSED_FUNCTION list in_batch(int rows) {
    list all = { { 0 }, 0 };
    for (all.count = 0; all.count < rows; all.count++) { all.row[all.count] = order[all.count]; }
    return all;
}

static UNUSED_FUNCTION list in_both(list a, list b) {
    list rows;
    int i, j;
    for (i = rows.count = 0; i < a.count; i++) {
        for (j = 0; j < b.count; j++) {
            if (a.row[i] == b.row[j]) { rows.row[rows.count++] = a.row[i]; }
        }
    }
    return rows;
}

/* The lines of v, which stands on the rows `from`, that belong to the rows `to`. */
static UNUSED_FUNCTION values lines_of(values v, list from, list to) {
    values w = v;
    int i, j;
    w.rows = to.count;
    w.from = to;
    for (i = 0; i < to.count; i++) {
        for (j = 0; j < from.count && from.row[j] != to.row[i]; j++) {}
        assert_true(j < from.count);
        memcpy(w.at[i], v.at[j], sizeof w.at[i]);
    }
    return w;
}

static UNUSED_FUNCTION values picked(const isk_scalar *data, int cols, list rows) {
    values v;
    int i, j;
    v.rows = rows.count;
    v.cols = cols;
    v.from = rows;
    for (i = 0; i < v.rows; i++) {
        for (j = 0; j < cols; j++) { v.at[i][j] = data[rows.row[i] * cols + j]; }
    }
    return v;
}

static UNUSED_FUNCTION values chosen(int view, list rows) {
    values v = picked(xs[view], cols_of[view], rows);
    int i, j;
    for (i = 0; i < rows.count && view == 2 && sequence_lengths; i++) {
        for (j = COLS3 / STEPS3 * sequence_lengths[rows.row[i]]; j < COLS3; j++) { v.at[i][j] = 0; }
    }
    return v;
}

static UNUSED_FUNCTION values side_by_side(values a, values b) {
    int i, j;
    assert_int_equal(a.rows, b.rows);
    for (i = 0; i < a.rows; i++) {
        for (j = 0; j < b.cols; j++) { a.at[i][a.cols + j] = b.at[i][j]; }
    }
    a.cols += b.cols;
    return a;
}

/* `layers` linear maps with an activation between each two, none after the last.  Critics always have ReLU. */
static UNUSED_FUNCTION values naive_mlp(const fixture *f, const char *scope, values x, int width, int out) {
    const isk_options *options = &f->design.options;
    int layer, i, j, k;
    for (layer = 0; layer < options->layers; layer++) {
        int last = layer == options->layers - 1, cols = last ? out : width;
        char w[64], b[64];
        values y;
        snprintf(w, sizeof w, "%s.%d.weight", scope, 2 * layer);
        snprintf(b, sizeof b, "%s.%d.bias", scope, 2 * layer);
        y.rows = x.rows;
        y.cols = cols;
        y.from = x.from;
        for (i = 0; i < x.rows; i++) {
            for (j = 0; j < cols; j++) {
                double sum = *weight(f, b, 0, j);
                for (k = 0; k < x.cols; k++) { sum += x.at[i][k] * *weight(f, w, k, j); }
                if (!last) { sum = options->activation == ISK_TANH && strncmp(scope, "critic", 6) != 0 ? tanh(sum) : sum > 0 ? sum : 0; }
                y.at[i][j] = sum;
            }
        }
        x = y;
    }
    return x;
}

/* ---- the encoder of a sequence (Vaswani et al. 2017, sections 3.1-3.3), one sample after the other ---- */

/* x[t] W + b, W [in, out]; bias NULL: none */
static UNUSED_FUNCTION void naive_map(const fixture *f, const char *scope, const char *w, const char *b, const double *x, int in,
                                      double *y, int out) {
    char name[160], bias[160];
    int j, k;
    snprintf(name, sizeof name, "%s%s", scope, w);
    snprintf(bias, sizeof bias, "%s%s", scope, b ? b : "");
    for (j = 0; j < out; j++) {
        y[j] = b ? *weight(f, bias, 0, j) : 0;
        for (k = 0; k < in; k++) { y[j] += x[k] * *weight(f, name, k, j); }
    }
}

static UNUSED_FUNCTION void naive_layer_norm(const fixture *f, const char *scope, const char *which, double *x, int width) {
    char gamma[160], beta[160];
    double mean = 0, variance = 0;
    int j;
    snprintf(gamma, sizeof gamma, "%s%s.weight", scope, which);
    snprintf(beta, sizeof beta, "%s%s.bias", scope, which);
    for (j = 0; j < width; j++) { mean += x[j] / width; }
    for (j = 0; j < width; j++) { variance += (x[j] - mean) * (x[j] - mean) / width; }
    for (j = 0; j < width; j++) { x[j] = (x[j] - mean) / sqrt(variance + 1e-5) * *weight(f, gamma, 0, j) + *weight(f, beta, 0, j); }
}

enum { MOST_TOKENS = 8, MOST_WIDTH = 24 };
typedef double tokens[MOST_TOKENS][MOST_WIDTH];

/* to += multi-head attention of `from` to the tokens that may be seen */
static UNUSED_FUNCTION void naive_attention(const fixture *f, const char *scope, tokens from, const int *seen, int count, int width,
                                            int heads, tokens to) {
    double qkv[MOST_TOKENS][3 * MOST_WIDTH], mixed[MOST_WIDTH], share[MOST_TOKENS], result[MOST_WIDTH], total;
    int t, s, h, j, each = width / heads;
    for (t = 0; t < count; t++) {
        naive_map(f, scope, "self_attn.in_proj_weight", "self_attn.in_proj_bias", from[t], width, qkv[t], 3 * width);
    }
    for (t = 0; t < count; t++) {
        for (h = 0; h < heads; h++) {
            for (total = 0, s = 0; s < count; s++) {
                double dot = 0;
                for (j = h * each; j < (h + 1) * each; j++) { dot += qkv[t][j] * qkv[s][width + j]; }
                share[s] = seen[s] ? exp(dot / sqrt(each)) : 0;
                total += share[s];
            }
            for (j = h * each; j < (h + 1) * each; j++) {
                for (mixed[j] = 0, s = 0; s < count; s++) { mixed[j] += share[s] / total * qkv[s][2 * width + j]; }
            }
        }
        naive_map(f, scope, "self_attn.out_proj.weight", "self_attn.out_proj.bias", mixed, width, result, width);
        for (j = 0; j < width; j++) { to[t][j] += result[j]; }
    }
}

static UNUSED_FUNCTION void naive_block(const fixture *f, const char *scope, tokens x, const int *seen, int count) {
    const isk_options *o = &f->design.options;
    int width = o->token_width, t, j;
    double hidden[MOST_WIDTH], result[MOST_WIDTH];
    tokens y;
    memcpy(y, x, sizeof(tokens));
    for (t = 0; t < count && o->norm_place == ISK_NORM_FIRST; t++) { naive_layer_norm(f, scope, "norm1", y[t], width); }
    naive_attention(f, scope, y, seen, count, width, o->heads, x);
    for (t = 0; t < count; t++) {
        if (o->norm_place == ISK_NORM_LAST) { naive_layer_norm(f, scope, "norm1", x[t], width); }
        memcpy(y[t], x[t], sizeof y[t]);
        if (o->norm_place == ISK_NORM_FIRST) { naive_layer_norm(f, scope, "norm2", y[t], width); }
        naive_map(f, scope, "linear1.weight", "linear1.bias", y[t], width, hidden, o->feed_forward);
        for (j = 0; j < o->feed_forward; j++) { hidden[j] = o->activation == ISK_TANH ? tanh(hidden[j]) : hidden[j] > 0 ? hidden[j] : 0; }
        naive_map(f, scope, "linear2.weight", "linear2.bias", hidden, o->feed_forward, result, width);
        for (j = 0; j < width; j++) { x[t][j] += result[j]; }
        if (o->norm_place == ISK_NORM_LAST) { naive_layer_norm(f, scope, "norm2", x[t], width); }
    }
}

static UNUSED_FUNCTION values naive_sequence_encoder(const fixture *f, const char *scope, values x, int out) {
    const isk_options *o = &f->design.options;
    int i, t, j, layer, features = COLS3 / STEPS3, cls = o->pool == ISK_POOL_FIRST, count = STEPS3 + cls;
    char name[100];
    values y;
    y.rows = x.rows;
    y.cols = out;
    y.from = x.from;
    for (i = 0; i < x.rows; i++) {
        int length = sequence_lengths[x.from.row[i]], seen[MOST_TOKENS];
        double pooled[MOST_WIDTH];
        tokens z;
        snprintf(name, sizeof name, "%s.cls", scope);
        for (j = 0; j < o->token_width && cls; j++) { z[0][j] = *weight(f, name, 0, j); }
        seen[0] = 1;
        for (t = 0; t < STEPS3; t++) {
            snprintf(name, sizeof name, "%s.project.", scope);
            naive_map(f, name, "weight", NULL, x.at[i] + t * features, features, z[t + cls], o->token_width);
            for (j = 0; j < o->token_width && o->positions != ISK_POSITIONS_NONE; j++) {
                double angle = t * pow(10000, -(j / 2 * 2) / (double)o->token_width);
                snprintf(name, sizeof name, "%s.positions", scope);
                z[t + cls][j] += o->positions == ISK_POSITIONS_LEARNED ? *weight(f, name, t, j) : j % 2 ? cos(angle) : sin(angle);
            }
            seen[t + cls] = t < length || o->padding == ISK_PADDING_SEEN;
        }
        for (layer = 0; layer < o->blocks; layer++) {
            snprintf(name, sizeof name, "%s.encoder.layers.%d.", scope, layer);
            naive_block(f, name, z, seen, count);
        }
        memset(pooled, 0, sizeof pooled);
        for (j = 0; j < o->token_width; j++) {
            for (t = 0; t < length && o->pool == ISK_POOL_MEAN; t++) { pooled[j] += z[t][j] / length; }
            if (o->pool != ISK_POOL_MEAN) { pooled[j] = z[cls ? 0 : o->pool == ISK_POOL_LAST ? length - 1 : STEPS3 - 1][j]; }
        }
        snprintf(name, sizeof name, "%s.head.", scope);
        naive_map(f, name, "weight", "bias", pooled, o->token_width, y.at[i], out);
    }
    return y;
}

static UNUSED_FUNCTION values naive_encoder(const fixture *f, const char *name, int view, values x, int out) {
    char scope[32];
    snprintf(scope, sizeof scope, "%s%d", name, view + 1);
    if (view == 2 && sequence_lengths && strcmp(name, "joint") != 0 && strcmp(name, "decoder") != 0) {
        return naive_sequence_encoder(f, scope, x, out);
    }
    return naive_mlp(f, scope, x, WIDTH, out);
}

static UNUSED_FUNCTION values naive_unit(values x) {
    int i, j;
    for (i = 0; i < x.rows; i++) {
        double norm = 0;
        for (j = 0; j < x.cols; j++) { norm += x.at[i][j] * x.at[i][j]; }
        for (j = 0; j < x.cols; j++) { x.at[i][j] /= sqrt(norm); }
    }
    return x;
}

static UNUSED_FUNCTION void naive_moments(values x, int col, double *mean, double *variance) {
    int i;
    for (i = 0, *mean = 0; i < x.rows; i++) { *mean += x.at[i][col] / x.rows; }
    for (i = 0, *variance = 0; i < x.rows; i++) { *variance += (x.at[i][col] - *mean) * (x.at[i][col] - *mean) / x.rows; }
}

/* Mean over the coordinates of their variance. */
static UNUSED_FUNCTION double naive_variance(values x) {
    double sum = 0, mean, one;
    int j;
    for (j = 0; j < x.cols; j++) {
        naive_moments(x, j, &mean, &one);
        sum += one / x.cols;
    }
    return sum;
}

/* Z from h(x): as it is, standardized over the rows, or (evaluating) by the running moments. */
static UNUSED_FUNCTION values naive_z(const fixture *f, int view, values x, int evaluating) {
    values z = naive_encoder(f, "specific", view, x, f->design.options.dim);
    char name[40];
    int i, j;
    for (j = 0; j < f->design.options.dim && f->design.options.standardize == ISK_STANDARDIZE_BATCH; j++) {
        double mean, variance;
        naive_moments(z, j, &mean, &variance);
        if (evaluating) {
            snprintf(name, sizeof name, "standardise%d.running_mean", view + 1);
            mean = *weight(f, name, 0, j);
            snprintf(name, sizeof name, "standardise%d.running_var", view + 1);
            variance = *weight(f, name, 0, j);
        }
        for (i = 0; i < z.rows; i++) { z.at[i][j] = (z.at[i][j] - mean) / sqrt(variance + 1e-5); }
    }
    return z;
}

/* C of a view: given, or f_i(x_i), unless raw over its Euclidean norm. */
static UNUSED_FUNCTION values naive_c(const fixture *f, int view, list rows) {
    values c;
    if (f->sweep.fit.views[0].given.data) { return picked(cs[view], SHARED, rows); }
    c = naive_encoder(f, "shared", view, chosen(view, rows), SHARED);
    return f->design.options.shared_scale == ISK_SHARED_RAW ? c : naive_unit(c);
}

typedef struct critic { values mean, logvar; } critic;

static UNUSED_FUNCTION critic naive_critic(const fixture *f, int view, values c) {
    const isk_options *options = &f->design.options;
    int width = options->critic_width ? options->critic_width : WIDTH, i, j;
    char scope[32];
    critic q;
    snprintf(scope, sizeof scope, "critic%d.mean", view + 1);
    q.mean = naive_mlp(f, scope, c, width, f->design.options.dim);
    snprintf(scope, sizeof scope, "critic%d.logvar", view + 1);
    q.logvar = naive_mlp(f, scope, c, width, f->design.options.dim);
    for (i = 0; i < c.rows; i++) {
        for (j = 0; j < f->design.options.dim; j++) {
            double *v = &q.logvar.at[i][j];
            if (options->logvar == ISK_LOGVAR_TANH) { *v = tanh(*v); }
            if (options->logvar == ISK_LOGVAR_CLAMP) { *v = *v < -8 ? -8 : *v > 8 ? 8 : *v; }
        }
    }
    return q;
}

static UNUSED_FUNCTION double log_density(double z, double mean, double logvar) {
    return -(z - mean) * (z - mean) / exp(logvar) / 2 - logvar / 2 - log(6.283185307179586) / 2;
}

/* What q(z|c) learns by, Cheng et al. 2020: twice the negative log-likelihood without its constant, mean over the rows. */
static UNUSED_FUNCTION double naive_learning(critic q, values z) {
    double sum = 0;
    int i, j;
    for (i = 0; i < z.rows; i++) {
        for (j = 0; j < q.mean.cols; j++) {
            sum -= 2 * log_density(z.at[i][j], q.mean.at[i][j], q.logvar.at[i][j]) + log(6.283185307179586);
        }
    }
    return sum / z.rows;
}

/* CLUB, Cheng et al. 2020: mean_i ln q(z_i|c_i) - mean_ij ln q(z_j|c_i), by all B x B x p log-densities. */
static UNUSED_FUNCTION double naive_club(critic q, values z) {
    double sum = 0;
    int i, j, k;
    for (i = 0; i < z.rows; i++) {
        for (j = 0; j < z.rows; j++) {
            for (k = 0; k < q.mean.cols; k++) {
                sum += log_density(z.at[i][k], q.mean.at[i][k], q.logvar.at[i][k]) -
                       log_density(z.at[j][k], q.mean.at[i][k], q.logvar.at[i][k]);
            }
        }
    }
    return sum / z.rows / z.rows;
}

static UNUSED_FUNCTION double naive_power(values x) {
    double sum = 0;
    int i, j;
    for (i = 0; i < x.rows; i++) {
        for (j = 0; j < x.cols; j++) { sum += x.at[i][j] * x.at[i][j]; }
    }
    return sum / x.rows;
}

/* What the decoder is to give back: X_i, or the mean over a sequence's steps. */
static UNUSED_FUNCTION values naive_target(const fixture *f, int view, values x) {
    values y = x;
    int i, j, t, features = COLS3 / STEPS3;
    if (view != 2 || !sequence_lengths || f->design.options.decode != ISK_DECODE_POOLED) { return x; }
    y.cols = features;
    for (i = 0; i < x.rows; i++) {
        for (j = 0; j < features; j++) {
            for (y.at[i][j] = 0, t = 0; t < STEPS3; t++) { y.at[i][j] += x.at[i][t * features + j] / sequence_lengths[x.from.row[i]]; }
        }
    }
    return y;
}

/* E||x||^2 of that over the training rows, which are all where the view is present. */
static UNUSED_FUNCTION double training_power(const fixture *f, int view) {
    list rows;
    for (int i = rows.count = 0; i < N; i++) {
        int there = !f->sweep.fit.views[view].present || f->sweep.fit.views[view].present[i];
        if (there && (view != 2 || !sequence_lengths || sequence_lengths[i])) { rows.row[rows.count++] = i; }
    }
    return naive_power(naive_target(f, view, chosen(view, rows)));
}

/* Gui et al. eq. 2, the second term: E||g(Z, C) - X||^2 / E||X||^2, the latter over the training rows or the batch.  Of residuals, with
   their deviations s(C) as `units`: E||s(C) (g(Z, C) - r)||^2 / E||s(C) r||^2 over the batch. */
static UNUSED_FUNCTION double naive_reconstruction(const fixture *f, int view, values z, values c, values x, const values *units) {
    values due = naive_target(f, view, x), g = naive_encoder(f, "decoder", view, side_by_side(z, c), due.cols);
    int of_batch = f->design.options.power == ISK_POWER_BATCH || units, i, j;
    double sum = 0, power = 0;
    for (i = 0; i < x.rows; i++) {
        int there = view == 2 && sequence_lengths && due.cols == COLS3 ? COLS3 / STEPS3 * sequence_lengths[x.from.row[i]] : due.cols;
        for (j = 0; j < there; j++) {
            const double unit = units ? units->at[i][j] : 1, error = unit * (g.at[i][j] - due.at[i][j]);
            sum += error * error / x.rows;
            power += unit * unit * due.at[i][j] * due.at[i][j] / x.rows;
        }
    }
    return sum / (of_batch ? power : training_power(f, view));
}

/* Half the cross entropies of rows and of columns of scale u v^T. */
static UNUSED_FUNCTION double naive_info_nce(values u, values v, double scale) {
    double loss = 0;
    int i, j, k;
    for (i = 0; i < u.rows; i++) {
        double over_columns = 0, over_rows = 0, own = 0;
        for (j = 0; j < u.rows; j++) {
            double forth = 0, back = 0;
            for (k = 0; k < u.cols; k++) {
                forth += u.at[i][k] * v.at[j][k];
                back += u.at[j][k] * v.at[i][k];
            }
            over_columns += exp(scale * forth);
            over_rows += exp(scale * back);
            if (i == j) { own = scale * forth; }
        }
        loss += (log(over_columns) + log(over_rows)) / 2 - own;
    }
    return loss / u.rows;
}

/* Gui et al. 3.3: InfoNCE of h(C, Z) and an encoding of X, logits <u, v> / tau of unit vectors. */
static UNUSED_FUNCTION double naive_contrast(const fixture *f, int view, values c, values z, values x) {
    values u = naive_unit(naive_encoder(f, "joint", view, side_by_side(c, z), f->design.options.dim));
    values v = naive_unit(naive_encoder(f, "input", view, x, f->design.options.dim));
    return naive_info_nce(u, v, 1 / f->design.options.contrast_tau);
}

/* Readings of E<Z, C> = 0, rows of norm 1: ||Z^T C / B||_F; ||Z^T C||_F, Wang et al. 2025; E<z, c>, Gui et al. 3.3; E<z, c>^2. */
static UNUSED_FUNCTION double naive_overlap(int ortho, values z, values c) {
    double sum = 0;
    int i, j, k;
    z = naive_unit(z);
    c = naive_unit(c);
    for (i = 0; i < z.rows && (ortho == ISK_ORTHO_COS || ortho == ISK_ORTHO_COS2); i++) {
        double cosine = 0;
        for (k = 0; k < z.cols; k++) { cosine += z.at[i][k] * c.at[i][k]; }
        sum += (ortho == ISK_ORTHO_COS ? cosine : cosine * cosine) / z.rows;
    }
    if (ortho == ISK_ORTHO_COS || ortho == ISK_ORTHO_COS2) { return sum; }
    for (j = 0; j < z.cols; j++) {
        for (k = 0; k < c.cols; k++) {
            double cross = 0;
            for (i = 0; i < z.rows; i++) { cross += z.at[i][j] * c.at[i][k]; }
            sum += cross * cross;
        }
    }
    return sqrt(sum) / (ortho == ISK_ORTHO_FROB ? z.rows : 1);
}

/* A regression on C, of mean or spread of X given C: three linear maps of width 100. */
static UNUSED_FUNCTION values naive_regression(fixture *f, const char *name, int view, values c, int out) {
    int layers = f->design.options.layers, activation = f->design.options.activation;
    char scope[32];
    values y;
    snprintf(scope, sizeof scope, "%s%d", name, view + 1);
    f->design.options.layers = 3;
    f->design.options.activation = ISK_RELU;
    y = naive_mlp(f, scope, c, 100, out);
    f->design.options.layers = layers;
    f->design.options.activation = activation;
    return y;
}

typedef struct residuals { values r, units; double mean_loss, spread_loss; } residuals;     /* (x - m(C)) / s(C), and s(C) */

/* What C leaves of x, where the spread is learned, and the losses of the two regressions. */
static UNUSED_FUNCTION residuals naive_residuals(fixture *f, int view, values x, values c) {
    static const double normal = 1.2703628454614782;       /* -(digamma(1/2) + ln 2) */
    const values mean = naive_regression(f, "mean", view, c, x.cols), spread = naive_regression(f, "spread", view, c, x.cols);
    residuals all = { x, x, 0, 0 };
    int i, j;
    for (i = 0; i < x.rows; i++) {
        for (j = 0; j < x.cols; j++) {
            const double left = x.at[i][j] - mean.at[i][j], due = log(left * left + 1e-4) - spread.at[i][j];
            all.mean_loss += left * left / x.rows;
            all.spread_loss += due * due / x.rows;
            all.units.at[i][j] = exp((spread.at[i][j] + normal) / 2);
            all.r.at[i][j] = left / all.units.at[i][j];
        }
    }
    return all;
}

#endif
