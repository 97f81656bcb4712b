/* Parity with PyTorch: the programs that isk_fit itself records and runs, against the vectors of tests/oracle/indiseek.py
   (what is in them, and how they were made, stands at its top). */
/* build: float double */

#define INDISEEK_IMPLEMENTATION
#define INDISEEK_NO_CUDA
#include "indiseek.h"

#include "vectors.h"

enum { n = 40, batch = 12, few = 7, steps = 20, q_steps = 5, width = 8, shared = 3, most = 16384 };

static isk_scalar x1[n * 6], x2[n * 4], c1[n * shared], c2[n * shared];
static int32_t order[steps][batch];

/* A kept output [rows, cols] of a program, first `rows` of them. */
static void compare_output(const isk_program *program, const isk__frame *frame, int output, int rows, const char *name) {
    static isk_scalar theirs[most];
    const isk__ref *ref = &program->output_refs[output];
    const isk_scalar *ours = isk__pointer(frame, ref);
    int cols = program->graph->nodes[program->outputs[output]].cols, row, col;
    assert_true(rows * cols <= most);
    load(name, (uint64_t)(rows * cols), theirs);
    for (row = 0; row < rows; row++) {
        for (col = 0; col < cols; col++) {
            compare_one("value", name, row * cols + col, (double)ours[row * ref->stride + col], (double)theirs[row * cols + col]);
        }
    }
}

static double output(const isk_program *program, const isk__frame *frame, int index) {
    return (double)*isk__pointer(frame, &program->output_refs[index]);
}

/* ---- what is trained: CASES of the script ------------------------------------------------------------------------------ */

typedef struct known_case {
    const char *name;
    const isk_method *method;
    int view, standardize, dim, ortho;
    const char *first;                          /* whose first values */
} known_case;

static known_case cases[] = {
    { "indiseek.1", ISK_INDISEEK, 0, ISK_STANDARDIZE_BATCH, 5, 0, "initial" },
    { "indiseek.2", ISK_INDISEEK, 1, ISK_STANDARDIZE_BATCH, 5, 0, "initial" },
    { "indiseek.raw.1", ISK_INDISEEK, 0, ISK_STANDARDIZE_NONE, 5, 0, "initial" },
    { "indiseek0.1", ISK_INDISEEK0, 0, ISK_STANDARDIZE_BATCH, 5, 0, "initial" },
    { "factorizedcl.1", ISK_FACTORIZEDCL, 0, ISK_STANDARDIZE_BATCH, 5, 0, "initial" },
    { "factorizedcl.raw.2", ISK_FACTORIZEDCL, 1, ISK_STANDARDIZE_NONE, 5, 0, "initial" },
    { "infodisen.frob.1", ISK_INFODISEN, 0, ISK_STANDARDIZE_BATCH, 5, ISK_ORTHO_FROB, "initial" },
    { "infodisen.frob_sum.raw.2", ISK_INFODISEN, 1, ISK_STANDARDIZE_NONE, 5, ISK_ORTHO_FROB_SUM, "initial" },
    { "infodisen.cos.raw.1", ISK_INFODISEN, 0, ISK_STANDARDIZE_NONE, 3, ISK_ORTHO_COS, "square" },
    { "infodisen.cos2.raw.2", ISK_INFODISEN, 1, ISK_STANDARDIZE_NONE, 3, ISK_ORTHO_COS2, "square" },
    { "residual-indiseek.1", ISK_RESIDUAL_INDISEEK, 0, ISK_STANDARDIZE_BATCH, 5, 0, "initial" },
};
enum { case_count = sizeof cases / sizeof *cases };

static const known_case clip_case = { "clip", ISK_CLIP, 0, ISK_STANDARDIZE_NONE, 5, 0, "initial" };

/* ---- a training that is stepped by hand ------------------------------------------------------------------------------- */

/* Outputs of `look`, as far as the method has them. */
enum { LOOK_ENCODED, LOOK_Z, LOOK_MEAN, LOOK_LOGVAR, LOOK_DECODED, LOOK_COUNT };

typedef struct fixture {
    const known_case *of;
    isk_fit_desc fit;
    isk_sweep_desc sweep;
    isk_design design;
    isk__training training;
    isk__frame frame;
    /* Beside the method's own programs: what they compute on the way, and the gradient with respect to Z. */
    isk_program *look, *pull;
    int looked[LOOK_COUNT];                     /* 1 + which of the outputs of `look` it is, or 0 */
    isk_tensor probe;                           /* Z as a parameter */
    const isk__family *family;                  /* the caches that training fills */
} fixture;

static void look_at(fixture *f, isk_tensor *outputs, int *count, int what, isk_tensor tensor) {
    outputs[(*count)++] = tensor;
    f->looked[what] = *count;
}

/* The same builders as the method's, with their intermediate values as outputs. */
static void record_look(fixture *f, isk_recorder *r) {
    const isk__family_info *info = isk__family_of(r->design);
    int view = f->of->view, count = 0;
    isk_tensor outputs[LOOK_COUNT], encoded, z, with, seen, apart, kept;
    isk_sample x;
    isk_parameter_desc zero;
    isk__begin_program(r, batch, ISK_MODE_STILL);
    x = isk__encoded_rows(r, view);
    with = isk__shared_seen(r, view, info->keep_with);
    seen = isk__shared_seen(r, view, info->apart_from);
    encoded = isk__specific_record(r, view, x);
    z = isk__specific_final(r, view, encoded);
    look_at(f, outputs, &count, LOOK_ENCODED, encoded);
    look_at(f, outputs, &count, LOOK_Z, z);
    if (info->apart == ISK__APART_CLUB) {
        isk__critic critic = isk__critic_networks(r, isk_numbered(r, "critic", view), seen);
        look_at(f, outputs, &count, LOOK_MEAN, critic.mean);
        look_at(f, outputs, &count, LOOK_LOGVAR, critic.logvar);
    }
    if (info->keep == ISK__KEEP_DECODER) { look_at(f, outputs, &count, LOOK_DECODED, isk__decode_record(r, view, z, with)); }
    f->look = isk_program_compute(r->graph, outputs, count);

    memset(&zero, 0, sizeof zero);
    f->probe = isk_parameter(isk_group_scope(r->graph, "probe"), "z", batch, f->of->dim, &zero);
    z = isk_with_row_weights(f->probe, isk_weights_of(r->batch));
    apart = info->apart == ISK__APART_CLUB ? isk__apart_club(r, view, z, seen) : isk__apart_overlap(r, z, seen);
    kept = info->keep == ISK__KEEP_DECODER ? isk__keep_decoder(r, view, z, with, x) : isk__keep_contrast(r, view, z, with, x);
    outputs[0] = isk_add(apart, isk_mul(isk_affine(r->lambda, 0.5, 0), kept));
    f->pull = isk__minimize(r->graph, "probe", outputs, 1, NULL, 1);
}

/* A stage by name, with the view's number where it has one (ISK_NONE: it has none). */
static const isk__stage *stage_of(const fixture *f, const char *name, int view) {
    char numbered[48];
    int i;
    name = isk__numbered_name(numbered, sizeof numbered, name, view);
    for (i = 0; i < f->training.plan.stage_count; i++) {
        if (strcmp(f->training.plan.stages[i].name, name) == 0) { return &f->training.plan.stages[i]; }
    }
    fail_msg("there is no stage %s", name);
    return NULL;
}

/* A recorder like the one that isk__training_record used and forgot, with leaves of its own and the same caches. */
static void record_looks(fixture *f) {
    isk_recorder r = isk__recorder_open(f->training.plan.graph, &f->design);
    int i;
    f->family = stage_of(f, "specific", f->of->view)->user;
    r.training = &f->training;
    r.rows = batch;
    r.lambda = f->training.lambda;
    r.user = (void *)(uintptr_t)f->family;
    for (i = 0; i < 2; i++) {
        r.views[i] = isk__bound(r.graph, f->fit.views[i].x);
        if (f->design.given_cols[i] > 0) { r.given[i] = isk__bound(r.graph, f->fit.views[i].given); }
        r.inverse_power[i] = f->training.inverse_power[i];
    }
    record_look(f, &r);
}

static isk_matrix matrix(const isk_scalar *data, int cols) {
    isk_matrix m;
    m.data = data;
    m.rows = n;
    m.cols = cols;
    return m;
}

/* The first values of what the case trains, from [out, in] to the library's [in, out]. */
static void set_parameters(fixture *f) {
    static isk_scalar values[most];
    isk_graph *graph = f->training.plan.graph;
    int i, row, col, set = 0;
    for (i = 0; i < graph->parameter_count; i++) {
        const isk__parameter_info *parameter = &graph->parameters[i];
        const isk__node *node = &graph->nodes[parameter->node];
        isk_scalar *to = isk__parameter_values(graph, &f->training.learners[0].state, parameter);
        char name[120];
        snprintf(name, sizeof name, "%s.%s", f->of->first, parameter->name);
        if (parameter->desc.buffer || !isk_safetensors_find(vectors, name)) { continue; }
        load(name, (uint64_t)(node->rows * node->cols), values);
        for (row = 0; row < node->rows; row++) {
            for (col = 0; col < node->cols; col++) {
                to[row * node->leaf.stride + col] = values[place_of(graph, parameter, row, col)];
            }
        }
        set++;
    }
    assert_true(set > 0);
}

static void open_fixture(fixture *f, const known_case *of, int level) {
    isk_options *options = &f->fit.options;
    memset(f, 0, sizeof *f);
    context->level = level;
    f->of = of;
    f->fit.method = of->method;
    f->fit.view_count = 2;
    f->fit.views[0].x = matrix(x1, 6);
    f->fit.views[1].x = matrix(x2, 4);
    if (of->method != ISK_CLIP && of->method != ISK_RESIDUAL_INDISEEK) {
        f->fit.views[0].given = matrix(c1, shared);
        f->fit.views[1].given = matrix(c2, shared);
    }
    options->lambda = 10;
    options->batch = batch;
    options->last_batch = ISK_LAST_DROP;
    options->rate = options->shared_rate = options->critic_rate = 1e-3;
    options->schedule = ISK_CONSTANT;
    options->width = width;
    options->dim = of->dim;
    options->shared_dim = shared;
    options->standardize = of->standardize;
    options->ortho = of->ortho;
    options->critic_steps = q_steps;
    options->weight_decay = options->validation = options->diagnoses = ISK_NONE;
    f->sweep.fit = f->fit;
    ok(isk__design_of(context, &f->fit, &f->design));
    f->training.context = context;
    f->training.desc = &f->sweep.fit;
    f->training.method = f->design.method;
    f->training.design = &f->design;
    f->training.options = f->design.options;
    ok(isk__training_record(&f->training, &f->design));
    if (of->method != ISK_CLIP) { record_looks(f); }
    assert_false(f->training.plan.graph->failed);
    ok(isk__learners_open(&f->training, &f->sweep, &f->design));
    ok(isk__workers_open(&f->training));
    f->training.slot_learner[0] = 0;
    isk__slot_begin(&f->training, 0);
    f->frame = isk__frame_open(&f->training, 0, 0);
    set_parameters(f);
}

static void close_fixture(fixture *f) { isk__training_close(&f->training); }

static void take_rows(fixture *f, int step, int rows) {
    f->frame.batch.rows = order[step];
    f->frame.batch.count = rows;
    f->frame.batch.first = 0;
    f->frame.batch.shuffled = 0;
    f->frame.rate = 1e-3;
}

/* Parameters of a group, or their gradients, with the tensors PREFIX + name of the vectors. */
static void compare_group(fixture *f, const char *group_name, const char *prefix, int gradient) {
    static isk_scalar theirs[most], slope[most];
    isk_graph *graph = f->training.plan.graph;
    int group = isk__group_find(graph, group_name), i, row, col, seen = 0;
    const isk_scalar *base;
    assert_true(group >= 0);
    base = f->frame.base[gradient ? graph->groups[group].gradient : graph->groups[group].value];
    for (i = 0; i < graph->parameter_count; i++) {
        const isk__parameter_info *parameter = &graph->parameters[i];
        const isk__node *node = &graph->nodes[parameter->node];
        char name[128], slope_name[128];
        int count = node->rows * node->cols;
        if (parameter->group != group || parameter->desc.buffer) { continue; }
        snprintf(name, sizeof name, "%s%s.%s", prefix, gradient ? "gradient" : "after", parameter->name);
        load(name, (uint64_t)count, theirs);
        snprintf(slope_name, sizeof slope_name, "%sgradient.%s", prefix, parameter->name);
        load(slope_name, (uint64_t)count, slope);
        for (row = 0; row < node->rows; row++) {
            for (col = 0; col < node->cols; col++) {
                int at = place_of(graph, parameter, row, col);
                /* Where the true gradient is 0, ours is rounding noise, which Adam's first step magnifies 1e5 times. */
                if (!gradient && fabs((double)slope[at]) < 1e-6) { continue; }
                compare_one(gradient ? "gradient" : "parameter", name, at,
                            (double)base[parameter->offset + (size_t)(row * node->leaf.stride + col)], (double)theirs[at]);
            }
        }
        seen++;
    }
    assert_true(seen > 0);
}

static void compare_buffer(fixture *f, const char *parameter_name, const char *name) {
    isk_scalar theirs[most];
    const isk_graph *graph = f->training.plan.graph;
    int i, j, seen = 0, dim = f->of->dim;
    load(name, (uint64_t)dim, theirs);
    for (i = 0; i < graph->parameter_count; i++) {
        const isk_scalar *ours = isk__parameter_values(graph, &f->training.learners[0].state, &graph->parameters[i]);
        if (strcmp(graph->parameters[i].name, parameter_name) != 0) { continue; }
        for (j = 0; j < dim; j++) { compare_one("running moment", name, j, (double)ours[j], (double)theirs[j]); }
        seen = 1;
    }
    assert_true(seen);
}

/* ---- tests -------------------------------------------------------------------------------------------------------------- */

static char text[128];
static const char *named(const known_case *of, const char *name) {
    snprintf(text, sizeof text, "%s.%s", of->name, name);
    return text;
}

/* CLIP: one step tensor by tensor, losses and scale of 20. */
static void clip_at(int level) {
    static isk_scalar losses[steps], scales[steps];
    fixture f;
    const isk__pass *pass;
    int step;
    open_fixture(&f, &clip_case, level);
    pass = &stage_of(&f, "shared", ISK_NONE)->passes[0];
    load("clip.losses", steps, losses);
    load("clip.scales", steps, scales);
    for (step = 0; step < steps; step++) {
        take_rows(&f, step, batch);
        f.frame.step = (uint64_t)step;
        isk__execute(pass->program, &f.frame);
        compare_one("loss", "clip.losses", step, output(pass->program, &f.frame, 0), (double)losses[step]);
        if (step > 0) {
            compare_one("scale", "clip.scales", step - 1, 1 / output(pass->program, &f.frame, 1), (double)scales[step - 1]);
        }
        if (step == 0) {
            compare("loss", "clip.loss", output(pass->program, &f.frame, 0));
            compare_group(&f, "shared", "clip.", 1);
            compare_group(&f, "shared", "clip.", 0);
        }
    }
    close_fixture(&f);
}

/* The gradient of the main loss with respect to Z, at the Z that `look` has just made. */
static void compare_pull(fixture *f, int rows, const char *name) {
    static isk_scalar theirs[most];
    isk_graph *graph = f->training.plan.graph;
    const isk__parameter_info *parameter = &graph->parameters[isk__node_of(f->probe)->parameter];
    isk_scalar *to = isk__parameter_values(graph, &f->training.learners[0].state, parameter);
    const isk__ref *z = &f->look->output_refs[LOOK_Z];
    const isk_scalar *from;
    int stride = isk__node_of(f->probe)->leaf.stride, dim = f->of->dim, row, col;
    for (row = 0; row < rows; row++) {
        memcpy(to + row * stride, isk__pointer(&f->frame, z) + row * z->stride, (size_t)dim * sizeof *to);
    }
    isk__execute(f->pull, &f->frame);
    from = f->frame.base[graph->groups[parameter->group].gradient] + parameter->offset;
    load(name, (uint64_t)(rows * dim), theirs);
    for (row = 0; row < batch; row++) {
        for (col = 0; col < dim; col++) {
            compare_one("gradient", name, row * dim + col, (double)from[row * stride + col],
                        row < rows ? (double)theirs[row * dim + col] : 0);
        }
    }
}

/* What `look` has under this name, where the method has it. */
static void compare_look(const fixture *f, int what, const char *name) {
    if (f->looked[what]) { compare_output(f->look, &f->frame, f->looked[what] - 1, batch, named(f->of, name)); }
}

/* Rows of all samples, in a cache. */
static void compare_cache(const fixture *f, isk_tensor cache, const char *name) {
    static isk_scalar theirs[most];
    const isk_scalar *ours = isk__pointer(&f->frame, &isk__node_of(cache)->leaf);
    int i, count = n * isk_cols(cache);
    load(name, (uint64_t)count, theirs);
    for (i = 0; i < count; i++) { compare_one("cache", name, i, (double)ours[i], (double)theirs[i]); }
}

static void fill_cache(fixture *f, const isk__stage *stage) {
    memset(&f->frame.batch, 0, sizeof f->frame.batch);
    f->frame.batch.count = n;
    isk__execute(stage->before, &f->frame);
}

/* What stands before the specific stage of residual-indiseek: 20 steps of the mean, 20 of the spread, the residuals. */
static void make_residuals(fixture *f) {
    static const char *const stages[] = { "mean", "spread" };
    static isk_scalar losses[steps];
    int which, step;
    for (which = 0; which < 2; which++) {
        fill_cache(f, stage_of(f, "cache", which));
        compare_cache(f, f->family->shared[which], which ? "residual.c2" : "residual.c1");
    }
    for (which = 0; which < 2; which++) {
        const isk_program *program = stage_of(f, stages[which], f->of->view)->passes[0].program;
        char name[64];
        snprintf(name, sizeof name, "residual.losses.%s", stages[which]);
        load(name, steps, losses);
        for (step = 0; step < steps; step++) {
            take_rows(f, step, batch);
            f->frame.step = (uint64_t)step;
            isk__execute(program, &f->frame);
            compare_one("loss", name, step, output(program, &f->frame, 0), (double)losses[step]);
        }
    }
    fill_cache(f, stage_of(f, "residual", f->of->view));
    compare_cache(f, f->family->residual[f->of->view], "residual.r");
}

/* The q steps of one batch. */
static void critic_steps(fixture *f, const isk__stage *stage, int step) {
    static isk_scalar losses[steps * q_steps];
    const isk_program *critic = stage->passes[1].program;
    char group[48], prefix[64];
    int inner;
    isk__numbered_name(group, sizeof group, "critic", f->of->view);
    load(named(f->of, "steps.q"), steps * q_steps, losses);
    snprintf(prefix, sizeof prefix, "%s.q.", f->of->name);
    isk__execute(stage->passes[0].program, &f->frame);
    for (inner = 0; inner < q_steps; inner++) {
        int at = step * q_steps + inner;
        f->frame.step = (uint64_t)at;
        isk__execute(critic, &f->frame);
        compare_one("critic loss", named(f->of, "steps.q"), at, output(critic, &f->frame, 0), (double)losses[at]);
        if (at == 0) { compare_group(f, group, prefix, 1); }
    }
    if (step == 0) { compare_group(f, group, prefix, 0); }
}

/* One whole step of a view, tensor by tensor, then 20 steps. */
static void case_at(const known_case *of, int level) {
    static isk_scalar theirs[3][steps];         /* the loss and its two terms */
    fixture f;
    const isk__stage *stage;
    const isk__pass *main_pass;
    char prefix[64], group[48], name[64], term[3][64];
    int step, k;
    open_fixture(&f, of, level);
    if (of->method == ISK_RESIDUAL_INDISEEK) { make_residuals(&f); }
    stage = stage_of(&f, "specific", of->view);
    main_pass = &stage->passes[stage->main];
    for (k = 0; k < 3; k++) {
        snprintf(term[k], sizeof term[k], "%s.steps.%s", of->name, main_pass->labels[k]);
        load(term[k], steps, theirs[k]);
    }
    snprintf(prefix, sizeof prefix, "%s.", of->name);
    isk__numbered_name(group, sizeof group, "specific", of->view);
    for (step = 0; step < steps; step++) {
        take_rows(&f, step, batch);
        if (step == 0) {
            isk__execute(f.look, &f.frame);
            compare_look(&f, LOOK_Z, "z");
            compare_look(&f, LOOK_ENCODED, "encoded");
            compare_look(&f, LOOK_MEAN, "q.mean");
            compare_look(&f, LOOK_LOGVAR, "q.logvar");
        }
        if (stage->main > 0) { critic_steps(&f, stage, step); }
        if (step == 0) {
            isk__execute(f.look, &f.frame);
            compare_look(&f, LOOK_MEAN, "club.mean");
            compare_look(&f, LOOK_LOGVAR, "club.logvar");
            compare_look(&f, LOOK_DECODED, "decoded");
            compare_pull(&f, batch, named(of, "gradient_z"));
        }
        f.frame.step = (uint64_t)step;
        isk__execute(main_pass->program, &f.frame);
        for (k = 0; k < 3; k++) {
            compare_one("term", term[k], step, output(main_pass->program, &f.frame, k), (double)theirs[k][step]);
        }
        if (step > 0) { continue; }
        compare_group(&f, group, prefix, 1);
        compare_group(&f, group, prefix, 0);
        if (of->standardize == ISK_STANDARDIZE_BATCH) {
            snprintf(name, sizeof name, "standardise%d.running_mean", of->view + 1);
            compare_buffer(&f, name, named(of, "running_mean"));
            snprintf(name, sizeof name, "standardise%d.running_var", of->view + 1);
            compare_buffer(&f, name, named(of, "running_var"));
        }
    }
    close_fixture(&f);
}

/* A batch of 12 of which 5 rows are absent gives the losses of a batch of 7. */
static void short_case_at(const known_case *of, int level) {
    fixture f;
    const isk__stage *stage;
    const isk__pass *main_pass;
    char name[120];
    int k;
    open_fixture(&f, of, level);
    stage = stage_of(&f, "specific", of->view);
    main_pass = &stage->passes[stage->main];
    take_rows(&f, 0, few);
    isk__execute(f.look, &f.frame);
    snprintf(name, sizeof name, "short.%s.gradient_z", of->name);
    compare_pull(&f, few, name);

    /* A rate of 0: the main step below must see the critic as it began. */
    f.frame.rate = 0;
    for (k = 0; k < stage->main; k++) { isk__execute(stage->passes[k].program, &f.frame); }
    if (stage->main > 0) {
        snprintf(name, sizeof name, "short.%s.q", of->name);
        compare("critic loss", name, output(stage->passes[1].program, &f.frame, 0));
    }
    isk__execute(main_pass->program, &f.frame);
    for (k = 0; k < 3; k++) {
        snprintf(name, sizeof name, "short.%s.%s", of->name, main_pass->labels[k]);
        compare("term", name, output(main_pass->program, &f.frame, k));
    }
    close_fixture(&f);
}

static void short_batch_at(int level) {
    fixture f;
    int i;
    open_fixture(&f, &clip_case, level);
    take_rows(&f, 0, few);
    isk__execute(stage_of(&f, "shared", ISK_NONE)->passes[0].program, &f.frame);
    compare("loss", "short.clip.loss", output(stage_of(&f, "shared", ISK_NONE)->passes[0].program, &f.frame, 0));
    close_fixture(&f);
    for (i = 0; i < case_count; i++) {
        if (cases[i].method != ISK_RESIDUAL_INDISEEK) { short_case_at(&cases[i], level); }
    }
}

static void clip(void **state) { (void)state; AT_EVERY_LEVEL(clip_at(level)); }
static void one_case(void **state) { AT_EVERY_LEVEL(case_at((const known_case *)*state, level)); }
static void short_batch(void **state) { (void)state; AT_EVERY_LEVEL(short_batch_at(level)); }

static int open_vectors(void **state) {
    int64_t numbers[steps * batch];
    int i;
    (void)state;
    if (open_file("tests/oracle/indiseek.safetensors")) { return -1; }
    load("data.x1", n * 6, x1);
    load("data.x2", n * 4, x2);
    load("data.c1", n * shared, c1);
    load("data.c2", n * shared, c2);
    if (isk_safetensors_read_int64(vectors, "order", steps * batch, numbers) != ISK_OK) { return -1; }
    for (i = 0; i < steps * batch; i++) { order[i / batch][i % batch] = (int32_t)numbers[i]; }
    return 0;
}

int main(void) {
    struct CMUnitTest tests[case_count + 2] = { cmocka_unit_test(clip), cmocka_unit_test(short_batch) };
    int i;
    for (i = 0; i < case_count; i++) {
        tests[i + 2].name = cases[i].name;
        tests[i + 2].test_func = one_case;
        tests[i + 2].initial_state = &cases[i];
    }
    return cmocka_run_group_tests(tests, open_vectors, close_vectors);
}
