/* Method invae against JAX: the program that isk_fit records and runs, 20 steps of it on all rows at once, in every mode of its priors,
   likelihoods and terms; tests/oracle/invae.py says what is in the vectors. */
/* build: float double */

#define INDISEEK_IMPLEMENTATION
#define INDISEEK_NO_CUDA
#define INDISEEK_NO_METRICS
#include "indiseek.h"

#include "vectors.h"

enum { ROWS = 24, GENES = 9, LABELS = 3, BATCHES = 2, STEPS = 20, TERMS = 8, MOST = 1024 };

static const char *const terms[TERMS] = { "loss", "nll", "kl", "kl_spurious", "invariance", "total_correlation", "label", "score" };

/* CASES of the script: its extras by name, and the options that say the same. */
typedef struct known_case { const char *name, *extras, *settings; } known_case;
static known_case cases[] = {
    { "both", "label batch", "inject=batch" },
    { "mean", "label batch", "prior_variance=one kl=sampled" },
    { "variance", "label batch", "prior_mean=zero likelihood=zinb layers=3 kl_weight=0.5" },
    { "neither", "label batch", "prior_mean=zero prior_variance=one likelihood=poisson input=normalized" },
    { "gaussian", "label batch spurious", "likelihood=gaussian" },
    { "total", "label batch", "total_correlation=3 kl=sampled warm_up=10" },
    { "inject", "label batch spurious library", "inject=batch spurious_dim=0 encoder=published" },
    { "bare", "", "invariance=0" },
    { "published", "label batch", "networks=published prior_mean=zero encoder=published kl=sampled kl_weight=10 invariance=0" },
    { "published.zinb", "label invariant batch", "networks=published likelihood=zinb layers=3 total_correlation=1" },
    { "published.gaussian", "label spurious", "networks=published likelihood=gaussian prior_variance=one" },
    { "mixture", "some batch", "kl=sampled classification=0.5" },
    { "mixture.variance", "some batch", "prior_mean=zero total_correlation=3" },
    { "mixture.invariant", "some invariant batch spurious", "prior_variance=one encoder=published" },
    { "free", "label batch", "prior=nonfactorised score_penalty=0.3 total_correlation=2 kl_weight=2 kl=sampled" },
    { "free.published", "invariant batch", "prior=nonfactorised networks=published encoder=published invariance=0" },
};
enum { case_count = sizeof cases / sizeof *cases };

/* What the file has of extras, by its name and the method's. */
typedef struct extra { const char *name, *of; int cols; } extra;
static const extra extras[] = {
    { "label", "label", LABELS }, { "some", "label", LABELS }, { "batch", "batch", BATCHES }, { "invariant", "invariant", 1 },
    { "spurious", "spurious", 1 }, { "library", "library", 1 }
};

typedef struct fixture {
    const known_case *of;
    isk_fit_desc fit;
    isk_sweep_desc sweep;
    isk_design design;
    isk__training training;
    isk__frame frame;
    const isk__pass *pass;
    isk_scalar x[ROWS * GENES], noise[ROWS * 5], values[COUNT(extras)][ROWS * LABELS];
} fixture;

static isk_matrix matrix(const isk_scalar *data, int cols) {
    isk_matrix m;
    m.data = data;
    m.rows = ROWS;
    m.cols = cols;
    return m;
}

static void set(fixture *f, const char *settings) {
    char words[300], *word, *next;
    snprintf(words, sizeof words, "%s", settings);
    for (word = words; *word; word = next) {
        char *value = strchr(word, '=');
        next = word + strcspn(word, " ");
        if (*next) { *next++ = 0; }
        *value++ = 0;
        ok(isk_option_set(context, ISK_INVAE, &f->fit.options, word, value));
    }
}

/* A noise for each latent variable, of the five that the file has. */
static void give_noise(fixture *f, int latent, int place) {
    static isk_scalar all[ROWS * 5];
    int i, j;
    load("noise", ROWS * 5, all);
    for (i = 0; i < ROWS; i++) {
        for (j = 0; j < latent; j++) { f->noise[i * latent + j] = all[i * 5 + j]; }
    }
    f->fit.extras[place].name = "noise";
    f->fit.extras[place].values = matrix(f->noise, latent);
}

static void give_extras(fixture *f) {
    int i, count = 0;
    for (i = 0; i < (int)COUNT(extras); i++) {
        const char *at = strstr(f->of->extras, extras[i].name);
        if (!at) { continue; }
        load(extras[i].name, (uint64_t)(ROWS * extras[i].cols), f->values[i]);
        f->fit.extras[count].name = extras[i].of;
        f->fit.extras[count++].values = matrix(f->values[i], extras[i].cols);
    }
    give_noise(f, strstr(f->of->settings, "spurious_dim=0") ? 3 : 5, count);
}

/* A tensor of the file for every parameter of the library, and a parameter for each of the file's. */
static void set_parameters(fixture *f) {
    static isk_scalar values[MOST];
    isk_graph *graph = f->training.plan.graph;
    char name[120], prefix[64];
    int i, row, theirs = 0;
    for (i = 0; i < graph->parameter_count; i++) {
        const isk__parameter_info *parameter = &graph->parameters[i];
        const isk__node *node = &graph->nodes[parameter->node];
        isk_scalar *to = isk__parameter_values(graph, &f->training.learners[0].state, parameter);
        snprintf(name, sizeof name, "%s.first.%s", f->of->name, parameter->name);
        load(name, (uint64_t)(node->rows * node->cols), values);
        for (row = 0; row < node->rows; row++) {
            memcpy(to + row * node->leaf.stride, values + row * node->cols, (size_t)node->cols * sizeof *to);
        }
    }
    snprintf(prefix, sizeof prefix, "%s.first.", f->of->name);
    for (i = 0; i < (int)isk_safetensors_count(vectors); i++) {
        theirs += strncmp(isk_safetensors_get(vectors, i)->name, prefix, strlen(prefix)) == 0;
    }
    assert_int_equal(graph->parameter_count, theirs);
}

static void open_fixture(fixture *f, const known_case *of, int level) {
    memset(f, 0, sizeof *f);
    context->level = level;
    f->of = of;
    f->fit.method = ISK_INVAE;
    f->fit.view_count = 1;
    load(strstr(of->settings, "gaussian") ? "gaussian" : "x", ROWS * GENES, f->x);
    f->fit.views[0].x = matrix(f->x, GENES);
    set(f, "batch=24 width=6 invariant_dim=3 spurious_dim=2 inject=none dropout=0 validation=0 schedule=constant weight_decay=0.0001");
    set(f, "prior_variance=learned invariance=5 classification=0");
    set(f, of->settings);
    give_extras(f);
    f->sweep.fit = f->fit;
    ok(isk__design_of(context, &f->fit, &f->design));
    f->training.context = context;
    f->training.desc = &f->sweep.fit;
    f->training.method = f->design.method;
    f->training.design = &f->design;
    f->training.options = f->design.options;
    ok(isk__training_record(&f->training, &f->design));
    ok(isk__learners_open(&f->training, &f->sweep, &f->design));
    ok(isk__workers_open(&f->training));
    f->training.slot_learner[0] = 0;
    isk__slot_begin(&f->training, 0);
    f->frame = isk__frame_open(&f->training, 0, 0);
    assert_int_equal(f->training.plan.stage_count, 1);
    f->pass = &f->training.plan.stages[0].passes[0];
    f->frame.batch.count = ROWS;
    f->frame.rate = 1e-3;
    set_parameters(f);
}

/* Numbers of every parameter, in the memory that `base` is of, beside CASE.KIND.NAME. */
static void compare_all(fixture *f, const char *kind, int buffers) {
    static isk_scalar theirs[MOST];
    isk_graph *graph = f->training.plan.graph;
    char name[120];
    int i, row, col;
    for (i = 0; i < graph->parameter_count; i++) {
        const isk__parameter_info *parameter = &graph->parameters[i];
        const isk__node *node = &graph->nodes[parameter->node];
        const isk_scalar *ours = isk__parameter_values(graph, &f->training.learners[0].state, parameter);
        if (parameter->desc.buffer != buffers) { continue; }
        if (!buffers) { ours = f->frame.base[graph->groups[parameter->group].gradient] + parameter->offset; }
        snprintf(name, sizeof name, "%s.%s.%s", f->of->name, kind, parameter->name);
        load(name, (uint64_t)(node->rows * node->cols), theirs);
        for (row = 0; row < node->rows; row++) {
            for (col = 0; col < node->cols; col++) {
                compare_one(kind, name, row * node->cols + col, (double)ours[row * node->leaf.stride + col],
                            (double)theirs[row * node->cols + col]);
            }
        }
    }
}

/* In float a gradient is held to less, being the sum of terms as large as the loss is; and so are running means: a bias before a batch
   norm has no gradient but its decay and rounding, of which Adam makes steps of the same size, and no term sees it. */
static void compare_loosely(fixture *f, const char *kind, int buffers, double loss) {
    const double before = tolerance;
    if (sizeof(isk_scalar) == sizeof(float)) { tolerance = buffers ? 1e-2 : 1e-6 * (100 + fabs(loss)); }
    compare_all(f, kind, buffers);
    tolerance = before;
}

static void case_at(const known_case *of, int level) {
    static isk_scalar theirs[TERMS][STEPS];
    static fixture f;
    char name[80];
    int step, k;
    open_fixture(&f, of, level);
    for (k = 0; k < TERMS; k++) {
        snprintf(name, sizeof name, "%s.%s", of->name, terms[k]);
        load(name, STEPS, theirs[k]);
        assert_string_equal(f.pass->labels[k], terms[k]);
    }
    for (step = 0; step < STEPS; step++) {
        f.frame.step = (uint64_t)step;
        isk__execute(f.pass->program, &f.frame);
        for (k = 0; k < TERMS; k++) {
            snprintf(name, sizeof name, "%s.%s", of->name, terms[k]);
            compare_one("step", name, step, (double)*isk__pointer(&f.frame, &f.pass->program->output_refs[k]), (double)theirs[k][step]);
        }
        if (step == 0) { compare_loosely(&f, "gradient", 0, (double)theirs[0][0]); }
    }
    compare_loosely(&f, "last", 1, 0);
    isk__training_close(&f.training);
}

static void one_case(void **state) { AT_EVERY_LEVEL(case_at((const known_case *)*state, level)); }

static int open_vectors(void **state) {
    (void)state;
    return open_file("tests/oracle/invae.safetensors");
}

int main(void) {
    struct CMUnitTest tests[case_count];
    int i;
    memset(tests, 0, sizeof tests);
    for (i = 0; i < case_count; i++) {
        tests[i].name = cases[i].name;
        tests[i].test_func = one_case;
        tests[i].initial_state = &cases[i];
    }
    return cmocka_run_group_tests_name("invae_oracle", tests, open_vectors, close_vectors);
}
