/* Parity with PyTorch: the programs that isk_fit itself records and runs, against the vectors of tests/oracle/indiseek.py
   (what is in them, and how they were made, stands at its top).  1e-10 in double, 1e-5 in float, of max(1, |value|). */
/* build: float double */

#define INDISEEK_IMPLEMENTATION
#define INDISEEK_NO_CUDA
#include "indiseek.h"

#include <setjmp.h>
#include <cmocka.h>

#ifdef INDISEEK_DOUBLE
static const double tolerance = 1e-10;
#else
static const double tolerance = 1e-5;
#endif

enum { n = 40, batch = 12, few = 7, steps = 20, q_steps = 5, width = 8, dim = 5, shared = 3, most = 4096 };

static isk_context *context;
static isk_safetensors *vectors;
static isk_scalar x1[n * 6], x2[n * 4], c1[n * shared], c2[n * shared];
static int32_t order[steps][batch];
static double worst;                            /* of the tensors compared so far, for the message */

/* ---- the vectors ----------------------------------------------------------------------------------------------------- */

static const isk_safetensors_entry *entry(const char *name) {
    const isk_safetensors_entry *found = isk_safetensors_find(vectors, name);
    if (!found) { fail_msg("%s is not in the vectors", name); }
    return found;
}

/* The file is float64; in a float build its values are rounded to float, as the library's own are. */
static void load(const char *name, uint64_t count, isk_scalar *values) {
    if (isk_safetensors_read(vectors, name, 0, count, values) != ISK_OK) { fail_msg("%s", isk_error(context)); }
}

static double load_one(const char *name) {
    isk_scalar value;
    load(name, 1, &value);
    return (double)value;
}

static void compare_one(const char *what, const char *name, int index, double ours, double theirs) {
    double size = fabs(theirs) > 1 ? fabs(theirs) : 1, difference = fabs(ours - theirs) / size;
    if (!(difference <= tolerance)) {
        fail_msg("%s %s[%d]: %.12g, PyTorch %.12g, off by %.2g of %.2g", what, name, index, ours, theirs, difference, tolerance);
    }
    if (difference > worst) { worst = difference; }
}

static void compare(const char *what, const char *name, double ours) { compare_one(what, name, 0, ours, load_one(name)); }

/* A kept output [rows, cols] of a program, first `rows` of them. */
static void compare_output(const isk_program *program, const isk__frame *frame, int output, int rows, const char *name) {
    static isk_scalar theirs[most];
    const isk__ref *ref = &program->output_refs[output];
    const isk_scalar *ours = isk__pointer(frame, ref);
    uint64_t count = entry(name)->count;
    int cols = (int)count / rows, row, col;
    assert_true(count <= most && count == (uint64_t)(rows * cols));
    load(name, count, theirs);
    for (row = 0; row < rows; row++) {
        for (col = 0; col < cols; col++) {
            compare_one("value", name, row * cols + col, (double)ours[row * ref->stride + col], (double)theirs[row * cols + col]);
        }
    }
}

static double output(const isk_program *program, const isk__frame *frame, int index) {
    return (double)*isk__pointer(frame, &program->output_refs[index]);
}

/* ---- a training that is stepped by hand ------------------------------------------------------------------------------- */

typedef struct fixture {
    isk_fit_desc fit;
    isk_sweep_desc sweep;
    isk__design design;
    isk__training training;
    isk__frame frame;
    /* Beside the method's own programs: what they compute on the way, and the gradient with respect to Z. */
    isk_program *look[2], *pull[2];
    isk_tensor probe[2];                        /* Z as a parameter */
} fixture;

/* Outputs of `look`. */
enum { LOOK_ENCODED, LOOK_Z, LOOK_MEAN, LOOK_LOGVAR, LOOK_DECODED };

/* The same builders as the method's, with their intermediate values as outputs. */
static void record_look(fixture *f, isk__recorder *r, int view) {
    isk_tensor rows = isk_batch(r->graph, batch), x = isk_gather(r->views[view], rows), outputs[5], losses[1];
    isk_tensor own = isk_gather(r->shared[view], rows), seen = isk_gather(r->shared[isk__apart_view(r->design, view)], rows);
    isk_tensor power = r->inverse_power[view], present = rows;
    isk_parameter_desc zero;
    isk__critic critic;
    char group[32];
    isk_scope scope = isk_group(r->graph, isk__view_group(group, "critic", view));
    critic = isk__critic_record(scope, seen, dim, &r->design->options);
    outputs[LOOK_ENCODED] = isk__specific_record(r->design, view, x, ISK__BATCH_MOMENTS);
    outputs[LOOK_Z] = isk__specific_final(r->design, view, outputs[LOOK_ENCODED], ISK__BATCH_MOMENTS);
    outputs[LOOK_MEAN] = critic.mean;
    outputs[LOOK_LOGVAR] = critic.logvar;
    outputs[LOOK_DECODED] = isk__decode_record(r->design, view, outputs[LOOK_Z], own, ISK__BATCH_MOMENTS);
    f->look[view] = isk_compute(r->graph, outputs, 5);

    memset(&zero, 0, sizeof zero);
    f->probe[view] = isk_parameter(isk_group(r->graph, view ? "probe2" : "probe1"), "z", batch, dim, &zero);
    present.node = isk__node_of(rows)->weight;
    outputs[0] = isk_with_row_weights(f->probe[view], present);
    losses[0] = isk_add(isk__club_record(critic, outputs[0], ISK_CLUB_ALL_PAIRS),
                        isk_mul(isk_affine(r->lambda, 0.5, 0),
                                isk_mul(isk_mse(isk__decode_record(r->design, view, outputs[0], own, ISK__BATCH_MOMENTS), x), power)));
    f->pull[view] = isk__minimise(r->graph, view ? "probe2" : "probe1", losses, 1, NULL, 1);
}

/* The recorder that isk__training_record used and forgot: its leaves, found again by their nodes. */
static void record_looks(fixture *f) {
    isk__recorder r;
    int i;
    memset(&r, 0, sizeof r);
    r.training = &f->training;
    r.graph = f->training.plan.graph;
    r.design = &f->design;
    r.rows = batch;
    r.lambda = f->training.lambda;
    for (i = 0; i < 2; i++) {
        r.views[i] = isk__bound(r.graph, f->fit.views[i]);
        r.shared[i] = isk__bound(r.graph, f->fit.given[i]);
        r.inverse_power[i] = f->training.inverse_power[i];
    }
    for (i = 0; i < 2; i++) { record_look(f, &r, i); }
}

static void ok(isk_status status) {
    if (status != ISK_OK) { fail_msg("%s", isk_error(context)); }
}

static isk_matrix matrix(const isk_scalar *data, int cols) {
    isk_matrix m;
    m.data = data;
    m.rows = n;
    m.cols = cols;
    return m;
}

/* The first values, from [out, in] to the library's [in, out]. */
static void set_parameters(fixture *f) {
    static isk_scalar values[most];
    isk_graph *graph = f->training.plan.graph;
    int i, row, col, set = 0;
    for (i = 0; i < graph->parameter_count; i++) {
        const isk__parameter_info *parameter = &graph->parameters[i];
        const isk__node *node = &graph->nodes[parameter->node];
        isk_scalar *to = isk__parameter_values(graph, &f->training.learners[0].state, parameter);
        char name[96];
        if (parameter->desc.buffer || strncmp(parameter->name, "probe", 5) == 0) { continue; }
        snprintf(name, sizeof name, "initial.%s", parameter->name);
        load(name, (uint64_t)(node->rows * node->cols), values);
        for (row = 0; row < node->rows; row++) {
            for (col = 0; col < node->cols; col++) {
                to[row * node->leaf.stride + col] = parameter->desc.vector ? values[col] : values[col * node->rows + row];
            }
        }
        set++;
    }
    assert_true(set > 0);
}

static void open_fixture(fixture *f, isk_method method, int standardise, int level) {
    isk_options *options = &f->fit.options;
    memset(f, 0, sizeof *f);
    context->level = level;
    f->fit.method = method;
    f->fit.view_count = 2;
    f->fit.views[0] = matrix(x1, 6);
    f->fit.views[1] = matrix(x2, 4);
    if (method != ISK_CLIP) {
        f->fit.given[0] = matrix(c1, shared);
        f->fit.given[1] = matrix(c2, shared);
    }
    options->lambda = 10;
    options->batch = batch;
    options->last_batch = ISK_LAST_DROP;
    options->rate = options->shared_rate = options->critic_rate = 1e-3;
    options->schedule = ISK_CONSTANT;
    options->width = width;
    options->dim = dim;
    options->shared_dim = shared;
    options->standardise = standardise;
    options->critic_steps = q_steps;
    options->weight_decay = options->validation = options->diagnoses = ISK_NONE;
    f->sweep.fit = f->fit;
    f->training.context = context;
    f->training.desc = &f->sweep.fit;
    ok(isk__design_of(context, &f->fit, &f->design));
    f->training.options = f->design.options;
    ok(isk__training_record(&f->training, &f->design));
    if (method != ISK_CLIP) { record_looks(f); }
    assert_false(f->training.plan.graph->failed);
    ok(isk__learners_open(&f->training, &f->sweep, &f->design));
    ok(isk__workers_open(&f->training));
    f->training.slot_learner[0] = 0;
    isk__slot_begin(&f->training, 0);
    f->frame = isk__frame_open(&f->training, 0, 0);
    set_parameters(f);
}

static void close_fixture(fixture *f) { isk__training_close(&f->training); }

static const isk__stage *stage_of(const fixture *f, const char *name) {
    int i;
    for (i = 0; i < f->training.plan.stage_count; i++) {
        if (strcmp(f->training.plan.stages[i].name, name) == 0) { return &f->training.plan.stages[i]; }
    }
    fail_msg("there is no stage %s", name);
    return NULL;
}

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
                int at = parameter->desc.vector ? col : col * node->rows + row;
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
    isk_scalar theirs[dim];
    const isk_graph *graph = f->training.plan.graph;
    int i, j, seen = 0;
    load(name, dim, theirs);
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
static const char *named(const char *prefix, const char *name) {
    snprintf(text, sizeof text, "%s%s", prefix, name);
    return text;
}

/* CLIP: one step tensor by tensor, losses and scale of 20. */
static void clip_at(int level) {
    static isk_scalar losses[steps], scales[steps];
    fixture f;
    const isk__pass *pass;
    int step;
    open_fixture(&f, ISK_CLIP, ISK_STANDARDISE_NONE, level);
    pass = &stage_of(&f, "shared")->passes[0];
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

/* The gradient of the main loss with respect to Z, given Z. */
static void compare_pull(fixture *f, int view, int rows, const char *z_name, const char *gradient_name) {
    static isk_scalar theirs[batch * dim], z[batch * dim];
    isk_graph *graph = f->training.plan.graph;
    const isk__parameter_info *parameter = &graph->parameters[isk__node_of(f->probe[view])->parameter];
    isk_scalar *to = isk__parameter_values(graph, &f->training.learners[0].state, parameter);
    const isk_scalar *from;
    int stride = isk__node_of(f->probe[view])->leaf.stride, row, col;
    memset(z, 0, sizeof z);
    if (z_name) {
        load(z_name, (uint64_t)(rows * dim), z);
        for (row = 0; row < batch; row++) { memcpy(to + row * stride, z + row * dim, dim * sizeof *to); }
    }
    isk__execute(f->pull[view], &f->frame);
    from = f->frame.base[graph->groups[parameter->group].gradient] + parameter->offset;
    load(gradient_name, (uint64_t)(rows * dim), theirs);
    for (row = 0; row < batch; row++) {
        for (col = 0; col < dim; col++) {
            compare_one("gradient", gradient_name, row * dim + col, (double)from[row * stride + col],
                        row < rows ? (double)theirs[row * dim + col] : 0);
        }
    }
}

/* One whole IndiSeek step of a view, tensor by tensor, then 20 steps. */
static void indiseek_at(int view, int standardised, int level) {
    static isk_scalar q[steps * q_steps], club[steps], reconstruction[steps], loss[steps];
    fixture f;
    const isk__stage *stage;
    const isk_program *critic, *main_program;
    char prefix[32], group[32], name[64];
    int step, inner;
    open_fixture(&f, ISK_INDISEEK, standardised ? ISK_STANDARDISE_BATCH : ISK_STANDARDISE_NONE, level);
    snprintf(prefix, sizeof prefix, "%s.%d.", standardised ? "standardised" : "raw", view + 1);
    stage = stage_of(&f, view ? "specific2" : "specific1");
    critic = stage->passes[1].program;
    main_program = stage->passes[2].program;
    load(named(prefix, "steps.q"), steps * q_steps, q);
    load(named(prefix, "steps.club"), steps, club);
    load(named(prefix, "steps.reconstruction"), steps, reconstruction);
    load(named(prefix, "steps.loss"), steps, loss);
    for (step = 0; step < steps; step++) {
        take_rows(&f, step, batch);
        if (step == 0) {
            isk__execute(f.look[view], &f.frame);
            compare_output(f.look[view], &f.frame, LOOK_Z, batch, named(prefix, "z"));
            if (standardised) { compare_output(f.look[view], &f.frame, LOOK_ENCODED, batch, named(prefix, "encoded")); }
            compare_output(f.look[view], &f.frame, LOOK_MEAN, batch, named(prefix, "q.mean"));
            compare_output(f.look[view], &f.frame, LOOK_LOGVAR, batch, named(prefix, "q.logvar"));
        }
        isk__execute(stage->passes[0].program, &f.frame);
        for (inner = 0; inner < q_steps; inner++) {
            f.frame.step = (uint64_t)(step * q_steps + inner);
            isk__execute(critic, &f.frame);
            compare_one("critic loss", named(prefix, "steps.q"), step * q_steps + inner, output(critic, &f.frame, 0),
                        (double)q[step * q_steps + inner]);
            if (step == 0 && inner == 0) {
                compare_group(&f, isk__view_group(group, "critic", view), named(prefix, "q."), 1);
            }
        }
        if (step == 0) {
            compare_group(&f, isk__view_group(group, "critic", view), named(prefix, "q."), 0);
            isk__execute(f.look[view], &f.frame);
            compare_output(f.look[view], &f.frame, LOOK_MEAN, batch, named(prefix, "club.mean"));
            compare_output(f.look[view], &f.frame, LOOK_LOGVAR, batch, named(prefix, "club.logvar"));
            compare_output(f.look[view], &f.frame, LOOK_DECODED, batch, named(prefix, "decoded"));
            snprintf(name, sizeof name, "%sz", prefix);
            compare_pull(&f, view, batch, name, named(prefix, "gradient_z"));
        }
        f.frame.step = (uint64_t)step;
        isk__execute(main_program, &f.frame);
        if (step == 0) {
            compare("loss", named(prefix, "loss"), output(main_program, &f.frame, 0));
            compare("CLUB", named(prefix, "club.loss"), output(main_program, &f.frame, 1));
            compare("reconstruction", named(prefix, "reconstruction"), output(main_program, &f.frame, 2));
            snprintf(name, sizeof name, "%s", prefix);
            compare_group(&f, isk__view_group(group, "specific", view), name, 1);
            compare_group(&f, isk__view_group(group, "specific", view), name, 0);
            if (standardised) {
                snprintf(name, sizeof name, "standardise%d.running_mean", view + 1);
                compare_buffer(&f, name, named(prefix, "running_mean"));
                snprintf(name, sizeof name, "standardise%d.running_var", view + 1);
                compare_buffer(&f, name, named(prefix, "running_var"));
            }
        }
        compare_one("CLUB", named(prefix, "steps.club"), step, output(main_program, &f.frame, 1), (double)club[step]);
        compare_one("reconstruction", named(prefix, "steps.reconstruction"), step, output(main_program, &f.frame, 2),
                    (double)reconstruction[step]);
        compare_one("loss", named(prefix, "steps.loss"), step, output(main_program, &f.frame, 0), (double)loss[step]);
    }
    close_fixture(&f);
}

/* A batch of 12 of which 5 rows are absent gives the losses of a batch of 7. */
static void short_batch_at(int level) {
    static const struct { const char *prefix; int view, standardised; } cases[] = {
        { "short.standardised.1.", 0, 1 }, { "short.standardised.2.", 1, 1 }, { "short.raw.1.", 0, 0 },
    };
    fixture f;
    size_t i;
    open_fixture(&f, ISK_CLIP, ISK_STANDARDISE_NONE, level);
    take_rows(&f, 0, few);
    isk__execute(stage_of(&f, "shared")->passes[0].program, &f.frame);
    compare("loss", "short.clip.loss", output(stage_of(&f, "shared")->passes[0].program, &f.frame, 0));
    close_fixture(&f);
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *prefix = cases[i].prefix;
        const isk__stage *stage;
        isk_program *main_program;
        int view = cases[i].view, row;
        open_fixture(&f, ISK_INDISEEK, cases[i].standardised ? ISK_STANDARDISE_BATCH : ISK_STANDARDISE_NONE, level);
        stage = stage_of(&f, view ? "specific2" : "specific1");
        take_rows(&f, 0, few);

        /* Z of the seven rows, for the gradient with respect to it. */
        isk__execute(f.look[view], &f.frame);
        {
            isk_graph *graph = f.training.plan.graph;
            const isk__parameter_info *parameter = &graph->parameters[isk__node_of(f.probe[view])->parameter];
            isk_scalar *to = isk__parameter_values(graph, &f.training.learners[0].state, parameter);
            const isk__ref *ref = &f.look[view]->output_refs[LOOK_Z];
            for (row = 0; row < few; row++) {
                memcpy(to + row * isk__node_of(f.probe[view])->leaf.stride,
                       isk__pointer(&f.frame, ref) + row * ref->stride, dim * sizeof *to);
            }
        }
        compare_pull(&f, view, few, NULL, named(prefix, "gradient_z"));

        /* A rate of 0: the main step below must see the critic as it began. */
        f.frame.rate = 0;
        isk__execute(stage->passes[0].program, &f.frame);
        isk__execute(stage->passes[1].program, &f.frame);
        compare("critic loss", named(prefix, "q.loss"), output(stage->passes[1].program, &f.frame, 0));
        main_program = stage->passes[2].program;
        isk__execute(main_program, &f.frame);
        compare("loss", named(prefix, "loss"), output(main_program, &f.frame, 0));
        compare("CLUB", named(prefix, "club.loss"), output(main_program, &f.frame, 1));
        compare("reconstruction", named(prefix, "reconstruction"), output(main_program, &f.frame, 2));
        close_fixture(&f);
    }
}

/* Every instruction set that this CPU has, the portable one first. */
#define AT_EVERY_LEVEL(call) do { \
        int level, best = isk__cpu_level(); \
        for (level = 0; level <= best; level++) { \
            worst = 0; \
            call; \
            print_message("level %d: within %.1e\n", level, worst); \
        } \
    } while (0)

static void clip(void **state) { (void)state; AT_EVERY_LEVEL(clip_at(level)); }
static void view_1_standardised(void **state) { (void)state; AT_EVERY_LEVEL(indiseek_at(0, 1, level)); }
static void view_2_standardised(void **state) { (void)state; AT_EVERY_LEVEL(indiseek_at(1, 1, level)); }
static void view_1_raw(void **state) { (void)state; AT_EVERY_LEVEL(indiseek_at(0, 0, level)); }
static void short_batch(void **state) { (void)state; AT_EVERY_LEVEL(short_batch_at(level)); }

static int open_vectors(void **state) {
    int64_t numbers[steps * batch];
    isk_context_desc desc;
    int i;
    (void)state;
    memset(&desc, 0, sizeof desc);
    desc.threads = 1;
    context = isk_open(&desc);
    if (!context || isk_safetensors_open(context, "tests/oracle/indiseek.safetensors", &vectors) != ISK_OK) {
        print_error("%s\n", isk_error(context));
        return -1;
    }
    load("data.x1", n * 6, x1);
    load("data.x2", n * 4, x2);
    load("data.c1", n * shared, c1);
    load("data.c2", n * shared, c2);
    if (isk_safetensors_read_int64(vectors, "order", steps * batch, numbers) != ISK_OK) { return -1; }
    for (i = 0; i < steps * batch; i++) { order[i / batch][i % batch] = (int32_t)numbers[i]; }
    return 0;
}

static int close_vectors(void **state) {
    (void)state;
    isk_safetensors_close(vectors);
    isk_close(context);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clip),
        cmocka_unit_test(view_1_standardised),
        cmocka_unit_test(view_2_standardised),
        cmocka_unit_test(view_1_raw),
        cmocka_unit_test(short_batch),
    };
    return cmocka_run_group_tests(tests, open_vectors, close_vectors);
}
