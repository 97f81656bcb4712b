/* Every public function called wrongly: each pointer NULL in turn, counts below zero, shapes that overflow.  The answer is a status with
   a sentence that names the argument, or 0, NULL, "" and a tensor that was not recorded where there is no status.  Then: isk_error
   after success, things closed in any order, and programs that let floating-point exceptions trap.  What methods are written with
   stands in test_own_methods_misuse.c; test_header.py finds what is missing in both. */

#define INDISEEK_IMPLEMENTATION
#include "indiseek.h"
#include "tests/base/hostile.h"
#include "two_views.h"
#include "tests/base/fixture.h"
#include "op_vectors.h"

enum { ROWS = 40 };
static const int64_t most = INT64_MAX;

/* ---- what a wrong call must answer ---- */

/* A sentence that names what is wrong, and one of the two statuses. */
static void refused_at(int line, isk_status got, const char *word) {
    if ((got != ISK_ARGUMENT && got != ISK_SHAPE) || !strstr(isk_error(context), word)) {
        fail_msg("line %d: %s: '%s' does not name '%s'", line, isk_status_text(got), isk_error(context), word);
    }
    isk__begin(context);
}
#define REFUSED(call, word) refused_at(__LINE__, call, word)
/* Without a context, and without a thing that leads to one, there is nowhere to keep a sentence. */
#define NOWHERE(call) assert_int_equal(call, ISK_ARGUMENT)

/* A graph of its own for every mistake, as a graph keeps its first one. */
static isk_graph *graph;
static isk_tensor x;                    /* [6, 6] of that graph */
static const isk_tensor none;           /* of no graph at all */

static void unrecorded_at(int line, isk_tensor tensor, const char *word) {
    if (tensor.node >= 0 || isk_program_compute(graph, &x, 1) || !strstr(isk_error(context), word)) {
        fail_msg("line %d: '%s' does not name '%s'", line, isk_error(context), word);
    }
    isk_graph_close(graph);
    isk__begin(context);
}

static void open_mistaken(void) {
    graph = isk_graph_open(context, NULL);
    assert_non_null(graph);
    x = isk_input(graph, 6, 6);
}
#define UNRECORDED(call, word)                          \
    do {                                                \
        open_mistaken();                                \
        unrecorded_at(__LINE__, call, word);            \
    } while (0)
/* Of no graph: nothing happens, and nothing is recorded. */
#define NO_GRAPH(call) assert_true((call).node < 0)

/* ---- a model, to be used wrongly ---- */

static isk_model *model;
static isk_fit_desc fit;
static isk_transform_desc transform;
static isk_scalar shared1[ROWS * 64], specific1[ROWS * 64];

static void describe_fit(void) {
    make_views(1);
    memset(&fit, 0, sizeof fit);
    fit.views[0].x = matrix_of(view1, ROWS, VIEW1_COLS);
    fit.views[1].x = matrix_of(view2, ROWS, VIEW2_COLS);
    fit.view_count = 2;
    set_options(context, &fit.options, "epochs=1 shared_epochs=1 residual_epochs=1 layers=2 width=4 dim=2 shared_dim=2 batch=8 "
                                       "token_width=8 fusion_heads=2 diagnosis_epochs=1 diagnoses=1");
    memset(&transform, 0, sizeof transform);
    transform.views[0] = fit.views[0];
    transform.views[1] = fit.views[1];
    transform.out[0].name = "shared1";
    transform.out[0].values = shared1;
    transform.out[1].name = "specific1";
    transform.out[1].values = specific1;
}

static int open_model(void **state) {
    open_context(state);
    describe_fit();
    return isk_fit(context, &fit, &model) == ISK_OK ? 0 : -1;
}

static int close_model(void **state) {
    isk_model_close(model);
    return close_context(state);
}

/* ---- context, options, models ---- */

static void contexts(void **state) {
    isk_context_desc desc = { .device = ISK_DEVICE_CPU };
    isk_context *defaults = isk_open_checked(NULL, ISK_VERSION, (int)sizeof(isk_scalar));
    (void)state;
    assert_null(isk_open_checked(&desc, NULL, (int)sizeof(isk_scalar)));
    assert_null(isk_open_checked(&desc, ISK_VERSION, -1));
    assert_non_null(defaults);
    isk_close(defaults);
    isk_close(NULL);
    isk_interrupt(NULL);
    isk_cuda_info_get(NULL);
    assert_string_equal(isk_error(NULL), "no context");
    assert_string_equal(isk_device_text(NULL), "");
    assert_string_equal(isk_status_text((isk_status)-1), "unknown status");
}

static void options(void **state) {
    isk_options set;
    isk_fit_desc unnamed;
    const isk_method *method;
    isk_preset preset;
    char text[40] = "x";
    (void)state;
    memset(&set, 0, sizeof set);
    NOWHERE(isk_option_set(NULL, NULL, &set, "dim", "2"));
    REFUSED(isk_option_set(context, NULL, NULL, "dim", "2"), "isk_option_set: options is NULL");
    REFUSED(isk_option_set(context, NULL, &set, NULL, "2"), "name is NULL");
    REFUSED(isk_option_set(context, NULL, &set, "dim", NULL), "value is NULL");
    NOWHERE(isk_options_resolve(NULL, NULL, &set, ISK_ROBUST));
    REFUSED(isk_options_resolve(context, NULL, NULL, ISK_ROBUST), "options is NULL");
    REFUSED(isk_options_resolve(context, NULL, &set, (isk_preset)-1), "preset -1");
    NOWHERE(isk_method_find(NULL, "clip", &method));
    REFUSED(isk_method_find(context, NULL, &method), "name is NULL");
    REFUSED(isk_method_find(context, "clip", NULL), "method is NULL");
    NOWHERE(isk_preset_find(NULL, "robust", &preset));
    REFUSED(isk_preset_find(context, NULL, &preset), "name is NULL");
    REFUSED(isk_preset_find(context, "robust", NULL), "preset is NULL");
    assert_null(isk_option_get(NULL, -1));
    assert_int_equal(isk_option_find(NULL, NULL), -1);
    assert_int_equal(isk_option_find(NULL, "optimiser"), isk_option_find(NULL, "optimizer"));
    assert_null(isk_option_get(NULL, isk_option_count(NULL)));
    assert_null(isk_option_group_heading((isk_option_group)-1));
    assert_null(isk_option_group_heading(ISK_GROUP_COUNT));
    assert_null(isk_preset_name((isk_preset)-1));
    assert_ptr_equal(isk_preset_method((isk_preset)-1), ISK_INDISEEK);
    assert_ptr_equal(isk_default_method(NULL), ISK_TRANSPORT);
    memset(&unnamed, 0, sizeof unnamed);
    unnamed.view_count = INT_MAX;           /* the views that there can be are looked at */
    assert_ptr_equal(isk_default_method(&unnamed), ISK_TRANSPORT);
    unnamed.view_count = -1;
    assert_ptr_equal(isk_default_method(&unnamed), ISK_TRANSPORT);
    unnamed.preset = (isk_preset)-1;
    assert_ptr_equal(isk_default_method(&unnamed), ISK_INDISEEK);
    NOWHERE(isk_method_add(NULL, ISK_CLIP));
    REFUSED(isk_method_add(context, NULL), "method is NULL");
    assert_int_equal(isk_method_count(NULL), 12);
    assert_null(isk_method_get(NULL, -1));
    assert_null(isk_method_get(context, isk_method_count(context)));
    assert_string_equal(isk_method_name(NULL), "");
    assert_true(isnan(isk_own_option(NULL, "beta")));
    assert_string_equal(isk_option_text(NULL, NULL, 0, text), "");
    assert_string_equal(isk_option_text(NULL, &set, -1, text), "");
    assert_string_equal(isk_option_text(NULL, &set, 0, NULL), "");
}

static void fits(void **state) {
    isk_sweep_desc sweep;
    isk_model *out[2] = { NULL, NULL };
    const double lambda = 1;
    (void)state;
    describe_fit();
    memset(&sweep, 0, sizeof sweep);
    sweep.fit = fit;
    NOWHERE(isk_fit(NULL, &fit, out));
    REFUSED(isk_fit(context, NULL, out), "isk_fit: desc is NULL");
    REFUSED(isk_fit(context, &fit, NULL), "NULL");
    NOWHERE(isk_sweep(NULL, &sweep, out));
    REFUSED(isk_sweep(context, NULL, out), "desc is NULL");
    REFUSED(isk_sweep(context, &sweep, NULL), "models is NULL");
    NOWHERE(isk_resume(NULL, &sweep, out));
    REFUSED(isk_resume(context, NULL, out), "desc is NULL");
    REFUSED(isk_resume(context, &sweep, NULL), "models is NULL");
    assert_int_equal(isk_sweep_models(NULL), 0);
    sweep.seed_count = -1;
    assert_int_equal(isk_sweep_models(&sweep), 0);
    REFUSED(isk_sweep(context, &sweep, out), "-1 seeds");
    sweep.seed_count = INT_MAX;
    REFUSED(isk_sweep(context, &sweep, out), "more than a million");
    sweep.seed_count = 0;
    sweep.lambda_count = 1;
    REFUSED(isk_sweep(context, &sweep, out), "NULL");
    sweep.lambdas = &lambda;
    sweep.rate_count = -5;
    REFUSED(isk_sweep(context, &sweep, out), "-5 rates");
    fit.view_count = -1;
    REFUSED(isk_fit(context, &fit, out), "view_count is -1");
    fit.view_count = 2;
    fit.views[1].steps = -1;
    REFUSED(isk_fit(context, &fit, out), "views[1].steps is -1");
    fit.views[1].steps = 0;
    fit.views[1].x.data = NULL;
    REFUSED(isk_fit(context, &fit, out), "view 2 is empty");
    fit.views[1].x = matrix_of(view2, most, most);
    REFUSED(isk_fit(context, &fit, out), "view 2 is 9223372036854775807 x 9223372036854775807");
    fit.views[1].x = matrix_of(view2, -1, VIEW2_COLS);
    REFUSED(isk_fit(context, &fit, out), "view 2 is empty: -1");
    assert_null(out[0]);
}

static void models(void **state) {
    isk_model *out = model;
    (void)state;
    describe_fit();
    NOWHERE(isk_save(NULL, scratch("m.safetensors")));
    REFUSED(isk_save(model, NULL), "isk_save: path is NULL");
    NOWHERE(isk_load(NULL, scratch("m.safetensors"), &out));
    assert_null(out);
    REFUSED(isk_load(context, NULL, &out), "isk_load: path is NULL");
    REFUSED(isk_load(context, scratch("m.safetensors"), NULL), "out is NULL");
    NOWHERE(isk_transform(NULL, &transform));
    REFUSED(isk_transform(model, NULL), "desc is NULL");
    transform.views[0].x = matrix_of(view1, most, VIEW1_COLS);
    REFUSED(isk_transform(model, &transform), "9223372036854775807");
    transform.views[0] = fit.views[0];
    transform.out[1].name = "specific9";
    REFUSED(isk_transform(model, &transform), "no output 'specific9'");
    transform.out[1].values = NULL;                     /* a name that is not asked for */
    must(isk_transform(model, &transform));
    transform.out[0].name = NULL;                       /* ends the list, whatever stands behind it */
    REFUSED(isk_transform(model, &transform), "no output is asked for");
    isk_model_close(NULL);
    assert_null(isk_model_report(NULL));
    assert_null(isk_model_options(NULL));
    assert_null(isk_model_method(NULL));
    assert_int_equal(isk_model_seed(NULL), 0);
    assert_int_equal(isk_model_views(NULL), 0);
    for (int view = -1; view < 3; view++) {
        const isk_model *asked = view == 0 || view == 1 ? NULL : model;     /* no model, or a view that it does not have */
        assert_int_equal(isk_model_cols(asked, ISK_ROLE_SHARED, view), 0);
        assert_int_equal(isk_model_view_cols(asked, view), 0);
        assert_int_equal(isk_model_view_steps(asked, view), 0);
    }
    assert_int_equal(isk_model_cols(model, (isk_role)-1, 0), 0);
    assert_int_equal(isk_model_output_count(NULL), 0);
    assert_null(isk_model_output(NULL, 0));
    assert_null(isk_model_output(model, -1));
    assert_null(isk_model_output(model, isk_model_output_count(model)));
    assert_true(isnan(isk_report_value(NULL, "club", 0)));
    assert_true(isnan(isk_report_value(isk_model_report(model), NULL, 0)));
    assert_true(isnan(isk_report_value(isk_model_report(model), "club", 7)));
    NOWHERE(isk_model_put(NULL, "user.a", fit.views[0].x));
    REFUSED(isk_model_put(model, NULL, fit.views[0].x), "name is NULL");
    REFUSED(isk_model_put(model, "user.a", matrix_of(NULL, 1, 1)), "empty");
    REFUSED(isk_model_put(model, "user.a", matrix_of(view1, -1, 1)), "empty");
    REFUSED(isk_model_put(model, "user.a", matrix_of(view1, most, most)), "larger than memory");
    NOWHERE(isk_model_put_text(NULL, "user.a", "b"));
    REFUSED(isk_model_put_text(model, NULL, "b"), "name is NULL");
    REFUSED(isk_model_put_text(model, "user.a", NULL), "text is NULL");
    assert_null(isk_model_get(NULL, "user.a").data);
    assert_null(isk_model_get(model, NULL).data);
    assert_null(isk_model_get_text(NULL, "user.a"));
    assert_null(isk_model_get_text(model, NULL));
}

/* ---- graphs ---- */

static void graphs_and_inputs(void **state) {
    isk_graph_desc desc = { .models = -1 };
    (void)state;
    assert_null(isk_graph_open(NULL, NULL));
    assert_null(isk_graph_open(context, &desc));
    assert_non_null(strstr(isk_error(context), "-1 models"));
    desc.models = INT_MAX;
    assert_null(isk_graph_open(context, &desc));
    assert_non_null(strstr(isk_error(context), "2147483647 models"));
    isk_graph_close(NULL);
    assert_int_equal(isk_rows(none), 0);
    assert_int_equal(isk_cols(none), 0);
    NO_GRAPH(isk_input(NULL, 1, 1));
    NO_GRAPH(isk_model_input(NULL, 1, 1));
    NO_GRAPH(isk_batch(NULL, 1));
    UNRECORDED(isk_input(graph, -1, 1), "[-1, 1]");
    UNRECORDED(isk_input(graph, INT_MAX, INT_MAX), "too large");
    UNRECORDED(isk_model_input(graph, 1, -1), "[1, -1]");
    UNRECORDED(isk_model_input(graph, INT_MAX, INT_MAX), "too large");
    UNRECORDED(isk_batch(graph, -1), "-1 rows");
    UNRECORDED(isk_batch(graph, INT_MAX), "too large");
}

static void scopes(void **state) {
    const isk_parameter_desc desc = { .fill = ISK_FILL_ONE };
    isk_scope lost, scope;
    (void)state;
    lost = isk_group_scope(NULL, "g");
    assert_true(lost.group < 0);
    assert_true(isk_within(lost, "n").group < 0);
    NO_GRAPH(isk_parameter(lost, "w", 1, 1, &desc));
    NO_GRAPH(isk_mlp(lost, none, NULL));
    NO_GRAPH(isk_transformer(lost, none, NULL));
    NO_GRAPH(isk_standardize_rows(lost, none, 1));
    memset(&scope, 0, sizeof scope);
    NO_GRAPH(isk_parameter(scope, "w", 1, 1, &desc));
    UNRECORDED(isk_parameter(isk_group_scope(graph, NULL), "w", 1, 1, &desc), "group: the name is NULL");
    UNRECORDED(isk_parameter(isk_within(isk_group_scope(graph, "g"), NULL), "w", 1, 1, &desc), "within: the name is NULL");
    UNRECORDED(isk_parameter(isk_group_scope(graph, "g"), NULL, 1, 1, &desc), "name is NULL");
    UNRECORDED(isk_parameter(isk_group_scope(graph, "g"), "w", 1, 1, NULL), "desc is NULL");
    UNRECORDED(isk_parameter(isk_group_scope(graph, "g"), "w", -1, 1, &desc), "[-1, 1]");
    UNRECORDED(isk_parameter(isk_group_scope(graph, "g"), "w", INT_MAX, INT_MAX, &desc), "too large");
}

static void modules(void **state) {
    const isk_mlp_desc mlp = { .layers = -1, .out = 1 }, wide = { .layers = 1, .out = INT_MAX, .init = ISK_INIT_XAVIER };
    const isk_mlp_desc one = { .layers = 1, .out = 1 };
    const isk_transformer_desc short_one = { .steps = -1 }, some = { .steps = 2 };
    (void)state;
    UNRECORDED(isk_mlp(isk_group_scope(graph, "g"), x, NULL), "isk_mlp: desc is NULL");
    UNRECORDED(isk_mlp(isk_group_scope(graph, "g"), x, &mlp), "layers -1");
    UNRECORDED(isk_mlp(isk_group_scope(graph, "g"), x, &wide), "too large");
    open_mistaken();
    NO_GRAPH(isk_mlp(isk_group_scope(graph, "g"), none, &one));
    NO_GRAPH(isk_transformer(isk_group_scope(graph, "g"), none, &some));
    NO_GRAPH(isk_standardize_rows(isk_group_scope(graph, "g"), none, 1));
    isk_graph_close(graph);
    UNRECORDED(isk_transformer(isk_group_scope(graph, "g"), x, NULL), "isk_transformer: desc is NULL");
    UNRECORDED(isk_transformer(isk_group_scope(graph, "g"), x, &short_one), "steps -1");
}

/* Every op on tensors of no graph, and on one that the graph does not hold. */
static void ops(void **state) {
    isk_tensor beyond;
    (void)state;
#define OF_NO_GRAPH(call) NO_GRAPH(call);
    OP_CALLS(OF_NO_GRAPH, none)
#define NOT_HELD(call)                                                  \
    open_mistaken();                                                    \
    beyond = x;                                                         \
    beyond.node = 1000;                                                 \
    unrecorded_at(__LINE__, call, "input 0 was not recorded");
    OP_CALLS(NOT_HELD, beyond)
}

static void special_ops(void **state) {
    const isk_tensor two[2] = { none, none };
    const int steps[2] = { 1, 1 }, negative[2] = { -1, 1 };
    isk_tensor parts[2];
    (void)state;
    NO_GRAPH(isk_with_row_weights(none, none));
    NO_GRAPH(isk_matmul(none, none));
    NO_GRAPH(isk_matmul_nt(none, none));
    NO_GRAPH(isk_matmul_tn(none, none));
    NO_GRAPH(isk_linear_map(none, none, none, 0));
    NO_GRAPH(isk_concat(NULL, 2));
    NO_GRAPH(isk_concat(two, 2));
    NO_GRAPH(isk_slice(none, 0, 1));
    NO_GRAPH(isk_stop_gradient(none));
    NO_GRAPH(isk_dropout(none, 0.5));
    NO_GRAPH(isk_permute_rows(none));
    NO_GRAPH(isk_gather(none, none));
    NO_GRAPH(isk_info_nce(none, none, none));
    NO_GRAPH(isk_total_correlation(none, none, none, 1));
    NO_GRAPH(isk_conditional_invariance(none, none, none));
    NO_GRAPH(isk_reshape(none, 1));
    NO_GRAPH(isk_trim(none, none, 1));
    NO_GRAPH(isk_step_mask(none, 1));
    NO_GRAPH(isk_attention(none, 1, 1, 0));
    NO_GRAPH(isk_pool_steps(none, 1, ISK_POOL_MEAN));
    NO_GRAPH(isk_join_steps(NULL, steps, 2));
    NO_GRAPH(isk_join_steps(two, NULL, 2));
    NO_GRAPH(isk_join_steps(two, steps, 2));
    NO_GRAPH(isk_add_steps(none, none));
    NO_GRAPH(isk_tokens(none, none, none));
    NO_GRAPH(isk_pair_sum(none, none));
    NO_GRAPH(isk_noise(none, 1, 1, 0));
    NO_GRAPH(isk_drop_steps(none, 1, 1, 1, 0));
    UNRECORDED(isk_matmul(x, none), "another graph");
    UNRECORDED(isk_slice(x, -1, 1), "slice");
    UNRECORDED(isk_slice(x, INT_MAX, INT_MAX), "4294967293");
    UNRECORDED(isk_concat(&x, -1), "-1 parts");
    UNRECORDED(isk_reshape(x, -1), "rows of -1");
    UNRECORDED(isk_trim(x, isk_slice(x, 0, 1), -1), "-1 steps");
    UNRECORDED(isk_step_mask(isk_slice(x, 0, 1), INT_MAX), "too large");
    UNRECORDED(isk_attention(x, -1, 1, 0), "-1 steps");
    UNRECORDED(isk_attention(x, 1, -1, 0), "-1 heads");
    UNRECORDED(isk_pool_steps(x, -1, ISK_POOL_MEAN), "-1 steps");
    UNRECORDED(isk_noise(x, 1, 1, -1), "coin -1");
    UNRECORDED(isk_drop_steps(x, -1, 1, 1, 0), "-1 steps");
    UNRECORDED((parts[0] = parts[1] = x, isk_join_steps(parts, NULL, 2)), "steps is NULL");
    UNRECORDED((parts[0] = parts[1] = x, isk_join_steps(parts, negative, 2)), "-1 steps");
    UNRECORDED((parts[0] = isk_input(graph, 1 << 20, 1), isk_pair_sum(parts[0], parts[0])), "too large");
}

static void programs(void **state) {
    isk_tensor loss, beyond;
    isk_scalar value[36] = { 0 };
    (void)state;
    open_mistaken();
    loss = isk_mean_all(x);
    assert_null(isk_program_minimize(NULL, "g", loss, NULL));
    assert_null(isk_program_minimize(graph, NULL, loss, NULL));
    assert_non_null(strstr(isk_error(context), "group"));
    assert_null(isk_program_compute(NULL, &loss, 1));
    assert_null(isk_program_compute(graph, NULL, 1));
    assert_string_equal(isk_error(context), "isk_program_compute: outputs is NULL");
    assert_null(isk_program_compute(graph, &loss, -1));
    assert_non_null(strstr(isk_error(context), "-1 were asked for"));
    assert_null(isk_program_compute(graph, &none, 1));
    assert_true(isk_check_gradient(NULL, "g", loss, 0) < 0);
    assert_true(isk_check_gradient(graph, NULL, loss, 0) < 0);
    assert_true(isk_check_gradient(graph, "g", none, 0) < 0);
    NOWHERE(isk_run(NULL, 1));
    REFUSED(isk_run(isk_program_compute(graph, &loss, 1), -1), "count is -1");
    NOWHERE(isk_write(none, 0, value));
    NOWHERE(isk_read(none, 0, value));
    REFUSED(isk_write(x, 0, NULL), "NULL");
    REFUSED(isk_read(x, 0, NULL), "NULL");
    REFUSED(isk_write(x, -1, value), "model -1");
    REFUSED(isk_read(x, INT_MAX, value), "model 2147483647");
    beyond = x;
    beyond.node = 1000;
    REFUSED(isk_read(beyond, 0, value), "not recorded");
    isk_graph_close(graph);
}

/* ---- metrics ---- */

static const int32_t int_labels[ROWS] = { 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1 };
static const uint8_t part[ROWS] = { 0, 0, 0, 0, 2, 2, 2, 2, 1, 1 };

/* DESC is the name of a descriptor whose field is set to a value, refused with the word, and set back. */
#define WRONG(desc, field, value, call, word)           \
    do {                                                \
        __typeof__((desc).field) kept = (desc).field;   \
        (desc).field = value;                           \
        REFUSED(call, word);                            \
        (desc).field = kept;                            \
    } while (0)

static void neighbours(void **state) {
    isk_knn_desc knn = { .queries = { view1, ROWS, VIEW1_COLS } };
    isk_theta_desc theta = { .matches1 = int_labels, .matches2 = int_labels, .rows = ROWS, .offset = 0.5 };
    int32_t matches[ROWS], indices[ROWS] = { 0 };
    double values[ROWS] = { 0 }, mean[2], rho;
    (void)state;
    NOWHERE(isk_knn(NULL, &knn));
    REFUSED(isk_knn(context, NULL), "desc is NULL");
    WRONG(knn, k, -1, isk_knn(context, &knn), "k is -1");
    WRONG(knn, queries.data, NULL, isk_knn(context, &knn), "queries.data is NULL");
    WRONG(knn, queries.rows, most, isk_knn(context, &knn), "9223372036854775807");
    WRONG(knn, queries.cols, most, isk_knn(context, &knn), "9223372036854775807");
    WRONG(knn, queries.rows, -1, isk_knn(context, &knn), "[-1");
    NOWHERE(isk_knn_matches(NULL, indices, ROWS, 1, int_labels, NULL, 0, matches, NULL));
    REFUSED(isk_knn_matches(context, NULL, ROWS, 1, int_labels, NULL, 0, matches, NULL), "indices is NULL");
    REFUSED(isk_knn_matches(context, indices, ROWS, 1, NULL, NULL, 0, matches, NULL), "labels is NULL");
    REFUSED(isk_knn_matches(context, indices, ROWS, 1, int_labels, NULL, 0, NULL, NULL), "matches is NULL");
    REFUSED(isk_knn_matches(context, indices, -1, 1, int_labels, NULL, 0, matches, NULL), "rows is -1");
    REFUSED(isk_knn_matches(context, indices, ROWS, -1, int_labels, NULL, 0, matches, NULL), "k is -1");
    REFUSED(isk_knn_matches(context, indices, ROWS, 1, int_labels, int_labels, most, matches, NULL), "references is 9223372036854775807");
    NOWHERE(isk_theta(NULL, &theta));
    REFUSED(isk_theta(context, NULL), "desc is NULL");
    WRONG(theta, matches1, NULL, isk_theta(context, &theta), "matches1 is NULL");
    WRONG(theta, matches2, NULL, isk_theta(context, &theta), "matches2 is NULL");
    WRONG(theta, rows, -1, isk_theta(context, &theta), "rows is -1");
    WRONG(theta, mean, mean, isk_theta(context, &theta), "labels");
    NOWHERE(isk_mean_by_label(NULL, values, int_labels, ROWS, 2, mean, NULL));
    REFUSED(isk_mean_by_label(context, NULL, int_labels, ROWS, 2, mean, NULL), "values is NULL");
    REFUSED(isk_mean_by_label(context, values, NULL, ROWS, 2, mean, NULL), "labels is NULL");
    REFUSED(isk_mean_by_label(context, values, int_labels, ROWS, 2, NULL, NULL), "mean is NULL");
    REFUSED(isk_mean_by_label(context, values, int_labels, most, 2, mean, NULL), "9223372036854775807");
    REFUSED(isk_mean_by_label(context, values, int_labels, ROWS, -1, mean, NULL), "label_count is -1");
    NOWHERE(isk_ranks(NULL, values, ROWS, values));
    REFUSED(isk_ranks(context, NULL, ROWS, values), "values is NULL");
    REFUSED(isk_ranks(context, values, ROWS, NULL), "ranks is NULL");
    REFUSED(isk_ranks(context, values, -1, values), "count is -1");
    REFUSED(isk_ranks(context, values, most, values), "count is 9223372036854775807");
    NOWHERE(isk_spearman(NULL, values, values, ROWS, &rho));
    REFUSED(isk_spearman(context, NULL, values, ROWS, &rho), "a is NULL");
    REFUSED(isk_spearman(context, values, NULL, ROWS, &rho), "b is NULL");
    REFUSED(isk_spearman(context, values, values, ROWS, NULL), "rho is NULL");
    REFUSED(isk_spearman(context, values, values, -1, &rho), "count is -1");
}

static void labellings(void **state) {
    isk_kmeans_desc kmeans = { .x = { view1, ROWS, VIEW1_COLS }, .clusters = 2 };
    isk_probe_desc probe = { .x = { view1, ROWS, VIEW1_COLS }, .labels = int_labels, .part = part };
    isk_probe_report report;
    isk_split_desc split = { .rows = ROWS, .test = 0.5 };
    int64_t confusion[4];
    double accuracy, ari;
    uint8_t parts[ROWS];
    (void)state;
    NOWHERE(isk_kmeans(NULL, &kmeans));
    REFUSED(isk_kmeans(context, NULL), "desc is NULL");
    WRONG(kmeans, x.data, NULL, isk_kmeans(context, &kmeans), "x.data is NULL");
    WRONG(kmeans, x.rows, most, isk_kmeans(context, &kmeans), "9223372036854775807");
    WRONG(kmeans, clusters, -1, isk_kmeans(context, &kmeans), "clusters is -1");
    WRONG(kmeans, starts, -1, isk_kmeans(context, &kmeans), "starts is -1");
    NOWHERE(isk_compare_labels(NULL, int_labels, int_labels, ROWS, &ari, NULL));
    REFUSED(isk_compare_labels(context, NULL, int_labels, ROWS, &ari, NULL), "a is NULL");
    REFUSED(isk_compare_labels(context, int_labels, NULL, ROWS, &ari, NULL), "b is NULL");
    REFUSED(isk_compare_labels(context, int_labels, int_labels, -1, &ari, NULL), "rows is -1");
    NOWHERE(isk_score_labels(NULL, int_labels, int_labels, ROWS, 2, NULL, &accuracy, NULL));
    REFUSED(isk_score_labels(context, NULL, int_labels, ROWS, 2, NULL, &accuracy, NULL), "truth is NULL");
    REFUSED(isk_score_labels(context, int_labels, NULL, ROWS, 2, NULL, &accuracy, NULL), "predicted is NULL");
    REFUSED(isk_score_labels(context, int_labels, int_labels, most, 2, NULL, &accuracy, NULL), "9223372036854775807");
    REFUSED(isk_score_labels(context, int_labels, int_labels, ROWS, -1, NULL, &accuracy, NULL), "classes is -1");
    REFUSED(isk_score_labels(context, int_labels, int_labels, ROWS, INT_MAX, confusion, NULL, NULL), "larger than memory");
    NOWHERE(isk_probe(NULL, &probe, &report));
    REFUSED(isk_probe(context, NULL, &report), "desc is NULL");
    REFUSED(isk_probe(context, &probe, NULL), "report is NULL");
    WRONG(probe, x.data, NULL, isk_probe(context, &probe, &report), "x.data is NULL");
    WRONG(probe, x.cols, most, isk_probe(context, &probe, &report), "9223372036854775807");
    WRONG(probe, labels, NULL, isk_probe(context, &probe, &report), "labels is NULL");
    WRONG(probe, part, NULL, isk_probe(context, &probe, &report), "part is NULL");
    WRONG(probe, iterations, -1, isk_probe(context, &probe, &report), "iterations -1");
    NOWHERE(isk_split(NULL, &split));
    REFUSED(isk_split(context, NULL), "desc is NULL");
    REFUSED(isk_split(context, &split), "part is NULL");
    split.part = parts;
    WRONG(split, rows, most, isk_split(context, &split), "9223372036854775807");
    WRONG(split, rows, -1, isk_split(context, &split), "rows is -1");
}

static void integrations(void **state) {
    isk_lisi_desc lisi = { .x = { view1, ROWS, VIEW1_COLS }, .labels = int_labels };
    isk_integration_desc desc = { .x = { view1, ROWS, VIEW1_COLS }, .labels = int_labels, .batches = int_labels };
    isk_integration_report report;
    static int32_t indices[ROWS], columns[2 * ROWS];
    static double distances[ROWS];
    static int64_t starts[ROWS + 1];
    static isk_scalar values[2 * ROWS];
    isk_fuzzy_desc fuzzy = { indices, distances, ROWS, 1, starts, columns, values };
    isk_matrix huge = { view1, most, VIEW1_COLS };
    double mean;
    (void)state;
    for (int i = 0; i < ROWS; i++) { indices[i] = (i + 1) % ROWS; }
    NOWHERE(isk_silhouette(NULL, lisi.x, int_labels, NULL, &mean));
    REFUSED(isk_silhouette(context, lisi.x, NULL, NULL, &mean), "labels is NULL");
    REFUSED(isk_silhouette(context, huge, int_labels, NULL, &mean), "9223372036854775807");
    huge.data = NULL;
    REFUSED(isk_silhouette(context, huge, int_labels, NULL, &mean), "x.data is NULL");
    NOWHERE(isk_lisi(NULL, &lisi));
    REFUSED(isk_lisi(context, NULL), "desc is NULL");
    WRONG(lisi, x.data, NULL, isk_lisi(context, &lisi), "x.data is NULL");
    WRONG(lisi, x.rows, most, isk_lisi(context, &lisi), "9223372036854775807");
    WRONG(lisi, labels, NULL, isk_lisi(context, &lisi), "labels is NULL");
    WRONG(lisi, k, -1, isk_lisi(context, &lisi), "k is -1");
    WRONG(lisi, perplexity, -1, isk_lisi(context, &lisi), "perplexity is -1");
    WRONG(lisi, perplexity, (double)NAN, isk_lisi(context, &lisi), "perplexity");
    NOWHERE(isk_fuzzy_neighbours(NULL, &fuzzy));
    REFUSED(isk_fuzzy_neighbours(context, NULL), "desc is NULL");
    WRONG(fuzzy, indices, NULL, isk_fuzzy_neighbours(context, &fuzzy), "indices is NULL");
    WRONG(fuzzy, distances, NULL, isk_fuzzy_neighbours(context, &fuzzy), "distances is NULL");
    WRONG(fuzzy, starts, NULL, isk_fuzzy_neighbours(context, &fuzzy), "starts is NULL");
    WRONG(fuzzy, columns, NULL, isk_fuzzy_neighbours(context, &fuzzy), "columns is NULL");
    WRONG(fuzzy, values, NULL, isk_fuzzy_neighbours(context, &fuzzy), "values is NULL");
    WRONG(fuzzy, rows, most, isk_fuzzy_neighbours(context, &fuzzy), "9223372036854775807");
    WRONG(fuzzy, k, -1, isk_fuzzy_neighbours(context, &fuzzy), "k is -1");
    NOWHERE(isk_integration(NULL, &desc, &report));
    REFUSED(isk_integration(context, NULL, &report), "desc is NULL");
    REFUSED(isk_integration(context, &desc, NULL), "report is NULL");
    WRONG(desc, x.data, NULL, isk_integration(context, &desc, &report), "x.data is NULL");
    WRONG(desc, x.cols, most, isk_integration(context, &desc, &report), "9223372036854775807");
    desc.before = huge;
    desc.before.data = view1;
    REFUSED(isk_integration(context, &desc, &report), "before is [9223372036854775807");
}

static isk_status no_map(void *user, const isk_scalar *points, int64_t count, isk_scalar *out) {
    (void)user, (void)points, (void)count, (void)out;
    return ISK_OK;
}

static void matrices(void **state) {
    isk_status (*const ways[])(isk_context *, const isk_regression_desc *, double *) = { isk_ridge_r2, isk_knn_r2, isk_mlp_r2 };
    isk_regression_desc desc = { .x = { view1, ROWS, VIEW1_COLS }, .y = { view2, ROWS, VIEW2_COLS }, .part = part };
    isk_pca_desc pca = { .x = { view1, ROWS, VIEW1_COLS }, .k = 1 };
    isk_cca_desc cca = { .x = { view1, ROWS, VIEW1_COLS }, .y = { view2, ROWS, VIEW2_COLS }, .k = 1 };
    isk_importance_desc importance = { .map = no_map, .cols = 1, .out_cols = 1 };
    isk_matrix huge[2] = { { view1, ROWS, VIEW1_COLS }, { view1, ROWS, most } };
    isk_scalar out[ROWS * VIEW1_COLS], mean[VIEW1_COLS];
    double r2, each[1];
    (void)state;
    for (size_t way = 0; way < COUNT(ways); way++) {
        NOWHERE(ways[way](NULL, &desc, &r2));
        REFUSED(ways[way](context, NULL, &r2), "desc is NULL");
        REFUSED(ways[way](context, &desc, NULL), "r2 is NULL");
        WRONG(desc, x.data, NULL, ways[way](context, &desc, &r2), "x.data is NULL");
        WRONG(desc, y.data, NULL, ways[way](context, &desc, &r2), "y.data is NULL");
        WRONG(desc, part, NULL, ways[way](context, &desc, &r2), "part is NULL");
        WRONG(desc, x.rows, most, ways[way](context, &desc, &r2), "9223372036854775807");
        WRONG(desc, queries, matrix_of(view1, ROWS, VIEW1_COLS), ways[way](context, &desc, &r2), "query_predictions is NULL");
    }
    WRONG(desc, k, -1, isk_knn_r2(context, &desc, &r2), "k is -1");
    WRONG(desc, width, -1, isk_mlp_r2(context, &desc, &r2), "width is -1");
    NOWHERE(isk_pca(NULL, &pca));
    REFUSED(isk_pca(context, NULL), "desc is NULL");
    REFUSED(isk_pca(context, &pca), "components is NULL");
    pca.components = out;
    WRONG(pca, x.data, NULL, isk_pca(context, &pca), "x.data is NULL");
    WRONG(pca, x.rows, most, isk_pca(context, &pca), "9223372036854775807");
    WRONG(pca, k, -1, isk_pca(context, &pca), "k is -1");
    WRONG(pca, oversampling, -1, isk_pca(context, &pca), "oversampling is -1");
    NOWHERE(isk_pca_transform(NULL, pca.x, mean, out, 1, out));
    REFUSED(isk_pca_transform(context, matrix_of(NULL, 1, 1), mean, out, 1, out), "x.data is NULL");
    REFUSED(isk_pca_transform(context, pca.x, NULL, out, 1, out), "mean is NULL");
    REFUSED(isk_pca_transform(context, pca.x, mean, NULL, 1, out), "components is NULL");
    REFUSED(isk_pca_transform(context, pca.x, mean, out, 1, NULL), "out is NULL");
    REFUSED(isk_pca_transform(context, pca.x, mean, out, -1, out), "k is -1");
    REFUSED(isk_pca_transform(context, huge[1], mean, out, 1, out), "9223372036854775807");
    NOWHERE(isk_cca(NULL, &cca));
    REFUSED(isk_cca(context, NULL), "desc is NULL");
    WRONG(cca, x.data, NULL, isk_cca(context, &cca), "x.data is NULL");
    WRONG(cca, y.data, NULL, isk_cca(context, &cca), "y.data is NULL");
    WRONG(cca, x.rows, most, isk_cca(context, &cca), "9223372036854775807");
    WRONG(cca, y.cols, -1, isk_cca(context, &cca), "-1");
    WRONG(cca, k, -1, isk_cca(context, &cca), "k is -1");
    WRONG(cca, shrinkage, NAN, isk_cca(context, &cca), "shrinkage is nan");
    WRONG(cca, least, -0.5, isk_cca(context, &cca), "least is -0.5");
    NOWHERE(isk_importance(NULL, &importance));
    REFUSED(isk_importance(context, NULL), "desc is NULL");
    REFUSED(isk_importance(context, &importance), "importance is NULL");
    importance.importance = each;
    WRONG(importance, map, NULL, isk_importance(context, &importance), "map or importance is NULL");
    WRONG(importance, count, -1, isk_importance(context, &importance), "count is -1");
    WRONG(importance, cols, -1, isk_importance(context, &importance), "cols is -1");
    NOWHERE(isk_join_columns(NULL, huge, 1, out));
    REFUSED(isk_join_columns(context, NULL, 1, out), "parts is NULL");
    REFUSED(isk_join_columns(context, huge, 1, NULL), "out is NULL");
    REFUSED(isk_join_columns(context, huge, -1, out), "count is -1");
    REFUSED(isk_join_columns(context, huge, 2, out), "9223372036854775807");
}

static void tradeoffs(void **state) {
    isk_model *all[] = { model };
    isk_tradeoff_point points[1];
    isk_tradeoff_desc desc = { .models = all, .model_count = 1, .part = part, .points = points };
    isk_tradeoff_report report;
    (void)state;
    describe_fit();
    desc.views[0] = fit.views[0];
    desc.views[1] = fit.views[1];
    NOWHERE(isk_tradeoff(NULL, &desc, &report));
    REFUSED(isk_tradeoff(context, NULL, &report), "desc is NULL");
    REFUSED(isk_tradeoff(context, &desc, NULL), "report is NULL");
    WRONG(desc, models, NULL, isk_tradeoff(context, &desc, &report), "models is NULL");
    WRONG(desc, points, NULL, isk_tradeoff(context, &desc, &report), "points is NULL");
    WRONG(desc, part, NULL, isk_tradeoff(context, &desc, &report), "part is NULL");
    WRONG(desc, model_count, -1, isk_tradeoff(context, &desc, &report), "model_count is -1");
    WRONG(desc, views[0].x.rows, most, isk_tradeoff(context, &desc, &report), "9223372036854775807");
}

/* ---- files ---- */

static isk_status no_member(void *user, const char *key, isk_json_kind kind, const char *value) {
    (void)user, (void)key, (void)kind, (void)value;
    return ISK_OK;
}

static void log_nothing(void *user, isk_level grade, const char *message) { (void)user, (void)grade, (void)message; }

static void texts(void **state) {
    const isk_context_desc desc = { .device = ISK_DEVICE_CPU, .log = log_nothing };
    isk_context *own = isk_open(&desc);
    const char *no_format = NULL;
    double number;
    (void)state;
    isk_log_message(NULL, ISK_INFO, "word");
    isk_log_message(own, ISK_INFO, no_format, "");
    isk_close(own);
    assert_int_equal(isk_parse_number(NULL, 1, &number), 0);
    assert_int_equal(isk_parse_number("1", 1, NULL), 0);
    assert_int_equal(isk_set_error(NULL, ISK_DATA, "word"), ISK_DATA);
    assert_int_equal(isk_set_error(context, ISK_DATA, no_format, ""), ISK_DATA);
    assert_string_equal(isk_error(context), isk_status_text(ISK_DATA));
    assert_null(isk_type_name((isk_type)-1));
    NOWHERE(isk_write_file(NULL, scratch("f"), "x", 1));
    REFUSED(isk_write_file(context, NULL, "x", 1), "path is NULL");
    REFUSED(isk_write_file(context, scratch("f"), NULL, 1), "bytes is NULL");
    NOWHERE(isk_json_object(NULL, "n", "{}", 2, no_member, NULL));
    REFUSED(isk_json_object(context, "n", NULL, 2, no_member, NULL), "text is NULL");
    REFUSED(isk_json_object(context, "n", "{}", 2, NULL, NULL), "member is NULL");
    must(isk_json_object(context, NULL, "{}", 2, no_member, NULL));
    NOWHERE(isk_json_walk(NULL, "n", "{}", 2, no_member, NULL));
    REFUSED(isk_json_walk(context, "n", NULL, 2, no_member, NULL), "text is NULL");
    REFUSED(isk_json_walk(context, "n", "{}", 2, NULL, NULL), "member is NULL");
    must(isk_json_walk(context, NULL, "{}", 2, no_member, NULL));
}

static void readers(void **state) {
    isk_reader reader, nothing;
    isk_npy npy;
    isk_matrix matrix = { view1, 1, 1 };
    isk_scalar value;
    int32_t label;
    int steps;
    char hex[65];
    const char *path = scratch("one.npy");
    (void)state;
    NOWHERE(isk_reader_open(NULL, path, &reader));
    REFUSED(isk_reader_open(context, NULL, &reader), "path is NULL");
    REFUSED(isk_reader_open(context, path, NULL), "reader is NULL");
    nothing = isk_reader_memory(NULL, 7, NULL);
    assert_int_equal(nothing.size, 0);
    isk_reader_close(NULL);
    isk_free(NULL, &value);
    isk_free(context, NULL);
    NOWHERE(isk_npy_save(NULL, path, matrix));
    REFUSED(isk_npy_save(context, NULL, matrix), "path is NULL");
    REFUSED(isk_npy_save(context, path, matrix_of(NULL, 1, 1)), "NULL");
    REFUSED(isk_npy_save(context, path, matrix_of(view1, -1, 1)), "[-1, 1]");
    REFUSED(isk_npy_save(context, path, matrix_of(view1, most, most)), "larger than memory");
    must(isk_npy_save(context, path, matrix));
    must(isk_reader_open(context, path, &reader));
    NOWHERE(isk_sha256(NULL, &reader, hex));
    REFUSED(isk_sha256(context, NULL, hex), "reader is NULL");
    REFUSED(isk_sha256(context, &reader, NULL), "hex is NULL");
    must(isk_sha256(context, &reader, hex));
    NOWHERE(isk_npy_open(NULL, &reader, &npy));
    REFUSED(isk_npy_open(context, NULL, &npy), "reader is NULL");
    REFUSED(isk_npy_open(context, &reader, NULL), "npy is NULL");
    assert_int_equal(isk_npy_open(context, &nothing, &npy), ISK_DATA);
    must(isk_npy_open(context, &reader, &npy));
    NOWHERE(isk_npy_read(NULL, &reader, &npy, 0, &value));
    REFUSED(isk_npy_read(context, NULL, &npy, 0, &value), "reader is NULL");
    REFUSED(isk_npy_read(context, &reader, NULL, 0, &value), "npy is NULL");
    REFUSED(isk_npy_read(context, &reader, &npy, 0, NULL), "values is NULL");
    NOWHERE(isk_npy_read_integers(NULL, &reader, &npy, &label));
    REFUSED(isk_npy_read_integers(context, NULL, &npy, &label), "reader is NULL");
    REFUSED(isk_npy_read_integers(context, &reader, NULL, &label), "npy is NULL");
    REFUSED(isk_npy_read_integers(context, &reader, &npy, NULL), "values is NULL");
    WRONG(npy, rows, -1, isk_npy_read(context, &reader, &npy, 0, &value), "[-1, 1]");
    WRONG(npy, rows, most, isk_npy_read(context, &reader, &npy, 0, &value), "9223372036854775807");
    WRONG(npy, steps, 0, isk_npy_read(context, &reader, &npy, 0, &value), "0 steps");
    WRONG(npy, type, (isk_type)99, isk_npy_read(context, &reader, &npy, 0, &value), "type 99");
    isk_reader_close(&reader);
    REFUSED(isk_npy_open(context, &reader, &npy), "read");              /* closed: it has no function to read with */
    NOWHERE(isk_npy_load(NULL, path, 0, &matrix));
    assert_null(matrix.data);
    REFUSED(isk_npy_load(context, NULL, 0, &matrix), "path is NULL");
    REFUSED(isk_npy_load(context, path, 0, NULL), "matrix is NULL");
    NOWHERE(isk_npy_load_steps(NULL, path, 0, &steps, &matrix));
    REFUSED(isk_npy_load_steps(context, NULL, 0, &steps, &matrix), "path is NULL");
    REFUSED(isk_npy_load_steps(context, path, 0, &steps, NULL), "matrix is NULL");
}

static void safetensors(void **state) {
    const char *path = scratch("one.safetensors");
    const int64_t shape[2] = { 1, -1 }, huge[2] = { INT64_MAX, INT64_MAX };
    isk_safetensors_writer *writer;
    isk_safetensors *file;
    isk_reader reader;
    isk_scalar value = 1;
    int64_t whole;
    uint8_t byte;
    (void)state;
    NOWHERE(isk_safetensors_begin(NULL, &writer));
    REFUSED(isk_safetensors_begin(context, NULL), "writer is NULL");
    NOWHERE(isk_safetensors_put_text(NULL, "k", "t"));
    NOWHERE(isk_safetensors_put(NULL, "t", ISK_TYPE_SCALAR, 1, shape, &value));
    NOWHERE(isk_safetensors_finish(NULL, path));
    assert_int_equal(isk_safetensors_finish(NULL, NULL), ISK_OK);
#define WRITER(call, word)                                              \
    do {                                                                \
        must(isk_safetensors_begin(context, &writer));                  \
        REFUSED(call, word);                                            \
        REFUSED(isk_safetensors_finish(writer, path), word);            \
    } while (0)
    WRITER(isk_safetensors_put_text(writer, NULL, "t"), "key of a text is NULL");
    WRITER(isk_safetensors_put_text(writer, "k", NULL), "text is NULL");
    WRITER(isk_safetensors_put(writer, NULL, ISK_TYPE_SCALAR, 1, shape, &value), "name of a tensor is NULL");
    WRITER(isk_safetensors_put(writer, "t", ISK_TYPE_SCALAR, 1, NULL, &value), "no shape");
    WRITER(isk_safetensors_put(writer, "t", ISK_TYPE_SCALAR, 1, shape, NULL), "no values");
    WRITER(isk_safetensors_put(writer, "t", ISK_TYPE_SCALAR, -1, shape, &value), "dimensions");
    WRITER(isk_safetensors_put(writer, "t", ISK_TYPE_SCALAR, 2, shape, &value), "negative dimension");
    WRITER(isk_safetensors_put(writer, "t", ISK_TYPE_SCALAR, 2, huge, &value), "tensor 't'");
    must(isk_safetensors_begin(context, &writer));
    must(isk_safetensors_put(writer, "t", ISK_TYPE_SCALAR, 1, shape, &value));
    must(isk_safetensors_finish(writer, path));
    NOWHERE(isk_safetensors_open(NULL, path, &file));
    assert_null(file);
    REFUSED(isk_safetensors_open(context, NULL, &file), "path is NULL");
    REFUSED(isk_safetensors_open(context, path, NULL), "result is NULL");
    must(isk_reader_open(context, path, &reader));
    NOWHERE(isk_safetensors_open_reader(NULL, &reader, &file));
    REFUSED(isk_safetensors_open_reader(context, NULL, &file), "reader is NULL");
    REFUSED(isk_safetensors_open_reader(context, &reader, NULL), "result is NULL");
    isk_reader_close(&reader);
    isk_safetensors_close(NULL);
    assert_int_equal(isk_safetensors_count(NULL), 0);
    assert_int_equal(isk_safetensors_text_count(NULL), 0);
    assert_null(isk_safetensors_get(NULL, 0));
    assert_null(isk_safetensors_find(NULL, "t"));
    assert_null(isk_safetensors_text_key(NULL, 0));
    assert_null(isk_safetensors_text(NULL, "k"));
    must(isk_safetensors_open(context, path, &file));
    assert_null(isk_safetensors_get(file, -1));
    assert_null(isk_safetensors_find(file, NULL));
    assert_null(isk_safetensors_text_key(file, -1));
    assert_null(isk_safetensors_text(file, NULL));
    NOWHERE(isk_safetensors_read(NULL, "t", 0, 1, &value));
    REFUSED(isk_safetensors_read(file, NULL, 0, 1, &value), "name of a tensor is NULL");
    REFUSED(isk_safetensors_read(file, "t", 0, 1, NULL), "values are NULL");
    REFUSED(isk_safetensors_read(file, "t", 0, UINT64_MAX, &value), "18446744073709551615");
    NOWHERE(isk_safetensors_read_int64(NULL, "t", 1, &whole));
    REFUSED(isk_safetensors_read_int64(file, NULL, 1, &whole), "name of a tensor is NULL");
    REFUSED(isk_safetensors_read_int64(file, "t", 1, NULL), "values are NULL");
    NOWHERE(isk_safetensors_read_bytes(NULL, "t", 1, &byte));
    REFUSED(isk_safetensors_read_bytes(file, NULL, 1, &byte), "name of a tensor is NULL");
    REFUSED(isk_safetensors_read_bytes(file, "t", 1, NULL), "values are NULL");
    isk_safetensors_close(file);
}

/* ---- isk_error ---- */

/* Fails once, so that there is something to forget. */
static void fail_once(void) {
    isk_model *out;
    assert_int_equal(isk_load(context, scratch("there is none"), &out), ISK_IO);
    assert_true(isk_error(context)[0]);
}

static void nothing_is_wrong_after_success(void **state) {
    const double values[3] = { 3, 1, 2 };
    double ranks[3];
    isk_matrix loaded;
    isk_model *made = NULL;
    (void)state;
#define FORGOTTEN(call)                                 \
    do {                                                \
        fail_once();                                    \
        must(call);                                     \
        assert_string_equal(isk_error(context), "");    \
    } while (0)
    describe_fit();
    FORGOTTEN(isk_ranks(context, values, 3, ranks));
    FORGOTTEN(isk_fit(context, &fit, &made));
    FORGOTTEN(isk_transform(made, &transform));
    FORGOTTEN(isk_save(made, scratch("m.safetensors")));
    FORGOTTEN(isk_model_put_text(made, "user.note", "x"));
    FORGOTTEN(isk_npy_save(context, scratch("v.npy"), fit.views[0].x));
    FORGOTTEN(isk_npy_load(context, scratch("v.npy"), 0, &loaded));
    FORGOTTEN(isk_write_file(context, scratch("w"), "x", 1));
    fail_once();
    isk_free(context, loaded.data);
    isk_model_close(made);
    assert_true(isk_error(context)[0]);                 /* closing leaves it, to be read after the cleaning up */
}

/* What a graph, a writer and isk_open have failed at is still told when something else succeeded meanwhile. */
static void kept_failures_keep_their_sentence(void **state) {
    const double values[3] = { 3, 1, 2 };
    double ranks[3];
    isk_context_desc wrong = { .threads = -1, .device = ISK_DEVICE_CPU };
    isk_context *other = isk_open(&wrong);
    isk_safetensors_writer *writer;
    isk_tensor input;
    (void)state;
    graph = isk_graph_open(context, NULL);
    input = isk_input(graph, -3, 1);
    must(isk_safetensors_begin(context, &writer));
    assert_int_equal(isk_safetensors_put(writer, "t", ISK_TYPE_SCALAR, 9, NULL, NULL), ISK_ARGUMENT);
    must(isk_ranks(context, values, 3, ranks));
    assert_null(isk_program_compute(graph, &input, 1));
    assert_non_null(strstr(isk_error(context), "[-3, 1]"));
    must(isk_ranks(context, values, 3, ranks));
    assert_int_equal(isk_write(input, 0, view1), ISK_SHAPE);
    assert_non_null(strstr(isk_error(context), "[-3, 1]"));
    must(isk_ranks(context, values, 3, ranks));
    assert_int_equal(isk_safetensors_put_text(writer, "k", "t"), ISK_ARGUMENT);
    assert_non_null(strstr(isk_error(context), "dimensions"));
    isk_safetensors_finish(writer, NULL);
    isk_graph_close(graph);
    assert_non_null(other);
    must(isk_write_file(other, scratch("w"), "x", 1));
    assert_string_equal(isk_error(other), "");
    assert_int_equal(isk_ranks(other, values, 3, ranks), ISK_ARGUMENT);
    assert_non_null(strstr(isk_error(other), "threads is -1"));
    isk_close(other);
}

/* ---- closing ---- */

/* Everything that holds a context, the context closed as number `when` among them, and after it what is still open used. */
static void close_in_order(int when) {
    enum { THINGS = 6 };
    isk_context_desc desc = { .threads = 2, .device = ISK_DEVICE_CPU, .allocator = { scarce_allocate, scarce_release, NULL },
                              .log = log_nothing };
    isk_context *own = isk_open(&desc);
    isk_model *made;
    isk_graph *held = isk_graph_open(own, NULL);
    isk_tensor input = isk_input(held, 2, 2), sum = isk_sum_all(input);
    isk_program *program = isk_program_compute(held, &sum, 1);
    isk_safetensors_writer *writer;
    isk_safetensors *file;
    isk_matrix loaded;
    isk_reader reader;
    const isk_scalar values[4] = { 1, 2, 3, 4 };
    isk_scalar total = 0;
    int i;
    describe_fit();
    assert_int_equal(isk_fit(own, &fit, &made), ISK_OK);
    assert_int_equal(isk_save(made, scratch("m.safetensors")), ISK_OK);
    assert_int_equal(isk_safetensors_open(own, scratch("m.safetensors"), &file), ISK_OK);
    assert_int_equal(isk_safetensors_begin(own, &writer), ISK_OK);
    assert_int_equal(isk_npy_save(own, scratch("v.npy"), fit.views[0].x), ISK_OK);
    assert_int_equal(isk_npy_load(own, scratch("v.npy"), 0, &loaded), ISK_OK);
    assert_int_equal(isk_reader_open(own, scratch("v.npy"), &reader), ISK_OK);
    for (i = 0; i < THINGS; i++) {
        if (i == when) { isk_close(own); }
        if (i == 0) {                   /* first used: what is open works, whether its context was closed or not */
            assert_int_equal(isk_transform(made, &transform), ISK_OK);
            isk_model_close(made);
        }
        if (i == 1) {
            assert_int_equal(isk_write(input, 0, values), ISK_OK);
            assert_int_equal(isk_run(program, 1), ISK_OK);
            assert_int_equal(isk_read(sum, 0, &total), ISK_OK);
            assert_true(total > 9.9 && total < 10.1);
            isk_graph_close(held);
        }
        if (i == 2) {
            assert_non_null(isk_safetensors_text(file, "method"));
            isk_safetensors_close(file);
        }
        if (i == 3) { assert_int_equal(isk_safetensors_finish(writer, scratch("w.safetensors")), ISK_OK); }
        if (i == 4) { isk_reader_close(&reader); }
        if (i == 5) { isk_free(own, loaded.data); }
    }
    if (when == THINGS) { isk_close(own); }
}

static void things_close_in_any_order(void **state) {
    (void)state;
    for (int when = 0; when <= 6; when++) {
        const long live = supply.live;
        close_in_order(when);
        assert_int_equal(supply.live, live);
    }
}

/* ---- floating-point exceptions ---- */

#if defined(__GLIBC__) && !defined(__SANITIZE_THREAD__)
int feenableexcept(int exceptions);         /* glibc's, declared under _GNU_SOURCE alone */
int fedisableexcept(int exceptions);

enum { TRAPPED = FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW };

static void work_that_traps_could_end(isk_context *own) {
    isk_model *made = NULL;
    isk_scalar infinite[4] = { 1, 2, 3, 4 };
    isk_knn_desc knn = { .queries = { view1, ROWS, VIEW1_COLS }, .k = 3 };
    isk_kmeans_desc kmeans = { .x = { view1, ROWS, VIEW1_COLS }, .clusters = 3 };
    isk_probe_desc probe = { .x = { view1, ROWS, VIEW1_COLS }, .labels = int_labels, .part = part };
    isk_regression_desc regression = { .x = { view1, ROWS, VIEW1_COLS }, .y = { view2, ROWS, VIEW2_COLS }, .part = part };
    isk_probe_report report;
    isk_tradeoff_point points[1];
    isk_tradeoff_desc tradeoff = { .models = &made, .model_count = 1, .part = part, .points = points };
    isk_tradeoff_report curve;
    const int32_t matches[3] = { 1, 0, -1 };
    isk_theta_desc theta = { .matches1 = matches, .matches2 = matches, .rows = 3, .labels = matches, .label_count = 2, .offset = 1 };
    isk_integration_desc integration = { .x = kmeans.x, .before = kmeans.x, .labels = int_labels, .batches = int_labels };
    isk_integration_report judged;
    double number, each[3], r2, mean[2];
    int method, i;
    theta.theta = each;
    theta.mean = mean;
    for (method = 0; method < isk_method_count(own); method++) {
        describe_fit();
        fit.method = isk_method_get(own, method);
        if (fit.method->most_views == 1) { continue; }
        assert_int_equal(isk_fit(own, &fit, &made), ISK_OK);
        memset(transform.out, 0, sizeof transform.out);
        for (i = 0; i < isk_model_output_count(made); i++) {
            transform.out[i].name = isk_model_output(made, i)->name;
            transform.out[i].values = shared1;
        }
        assert_int_equal(isk_transform(made, &transform), ISK_OK);
        assert_int_equal(isk_save(made, scratch("m.safetensors")), ISK_OK);
        isk_model_close(made);
        assert_int_equal(isk_load(own, scratch("m.safetensors"), &made), ISK_OK);
        tradeoff.views[0] = fit.views[0];
        tradeoff.views[1] = fit.views[1];
        if (fit.method == ISK_INDISEEK) { assert_int_equal(isk_tradeoff(own, &tradeoff, &curve), ISK_OK); }
        isk_model_close(made);
    }
    set_options(own, &fit.options, "rate=1000 shared_rate=1000 epochs=60 shared_epochs=60 optimizer=sgd");
    fit.method = ISK_INDISEEK;
    assert_int_equal(isk_fit(own, &fit, &made), ISK_DIVERGED);
    isk_model_close(made);
    infinite[3] = (isk_scalar)HUGE_VAL;
    fit.views[1].x = matrix_of(infinite, 2, 2);
    fit.views[0].x.rows = 2;
    assert_int_equal(isk_fit(own, &fit, &made), ISK_DATA);
    knn.queries = fit.views[1].x;
    assert_int_equal(isk_knn(own, &knn), ISK_DATA);
    knn.queries = kmeans.x;
    assert_int_equal(isk_knn(own, &knn), ISK_OK);
    assert_int_equal(isk_kmeans(own, &kmeans), ISK_OK);
    assert_int_equal(isk_probe(own, &probe, &report), ISK_OK);
    assert_int_equal(isk_ridge_r2(own, &regression, &r2), ISK_OK);
    assert_int_equal(isk_knn_r2(own, &regression, &r2), ISK_OK);
    assert_int_equal(isk_mlp_r2(own, &regression, &r2), ISK_OK);
    assert_int_equal(isk_theta(own, &theta), ISK_OK);
    assert_int_equal(isk_integration(own, &integration, &judged), ISK_OK);
    integration.labels = NULL;
    assert_int_equal(isk_integration(own, &integration, &judged), ISK_OK);
    assert_int_equal(isk_parse_number("1e999", 5, &number), 5);
    assert_false(isk__is_finite(number));
}

/* NaN as an argument or a field: looked at without a trap, and refused by its name. */
static void numbers_that_are_none(isk_context *own) {
    const double nan = strtod("nan", NULL);             /* no constant, whose comparisons compilers do away with */
    const isk_mlp_desc mlp = { .layers = 2, .out = 1, .dropout = nan, .mode = ISK_MODE_TRAIN };
    const isk_transformer_desc transformer = { .steps = 2, .heads = 1, .dropout = nan, .mode = ISK_MODE_TRAIN };
    const isk_optimizer_desc optimizers[] = { { .rate = nan }, { .weight_decay = nan }, { .clip_norm = nan } };
    isk_kmeans_desc kmeans = { .x = { view1, ROWS, VIEW1_COLS }, .clusters = 3, .tolerance = nan };
    isk_probe_desc probe = { .x = { view1, ROWS, VIEW1_COLS }, .labels = int_labels, .part = part };
    isk_regression_desc regression = { .x = { view1, ROWS, VIEW1_COLS }, .y = { view2, ROWS, VIEW2_COLS }, .part = part, .alpha = nan };
    isk_theta_desc theta = { .matches1 = int_labels, .matches2 = int_labels, .rows = ROWS, .offset = nan };
    isk_importance_desc importance = { .map = no_map, .cols = 1, .out_cols = 1, .range = nan };
    isk_split_desc split = { .rows = ROWS };
    isk_sweep_desc sweep = { .lambda_count = 1 };
    isk_probe_report report;
    isk_model *made = NULL;
    isk_tensor loss;
    uint8_t parts[ROWS];
    double each[1], r2;
    UNRECORDED(isk_dropout(x, nan), "dropout: probability");
    UNRECORDED(isk_attention(x, 1, 1, nan), "attention: dropout");
    UNRECORDED(isk_noise(x, nan, 1, 0), "noise: amount");
    UNRECORDED(isk_noise(x, 1, nan, 0), "noise: amount");
    UNRECORDED(isk_drop_steps(x, 1, nan, 1, 0), "drop_steps: amount");
    UNRECORDED(isk_mlp(isk_group_scope(graph, "g"), x, &mlp), "dropout: probability");
    UNRECORDED(isk_transformer(isk_group_scope(graph, "g"), x, &transformer), "attention: dropout");
    open_mistaken();
    loss = isk_mean_all(isk_mlp(isk_group_scope(graph, "g"), x, &(isk_mlp_desc){ .layers = 1, .out = 1 }));
    for (size_t i = 0; i < COUNT(optimizers); i++) { assert_null(isk_program_minimize(graph, "g", loss, &optimizers[i])); }
    assert_non_null(strstr(isk_error(context), "clip_norm"));
    assert_true(isk_check_gradient(graph, "g", loss, nan) >= 0);        /* as 0 */
    isk_graph_close(graph);
    REFUSED(isk_kmeans(context, &kmeans), "tolerance");
    WRONG(probe, c, nan, isk_probe(context, &probe, &report), "c ");
    WRONG(probe, tolerance, nan, isk_probe(context, &probe, &report), "tolerance");
    REFUSED(isk_ridge_r2(context, &regression, &r2), "alpha");
    REFUSED(isk_theta(context, &theta), "offset");
    importance.importance = each;
    REFUSED(isk_importance(context, &importance), "range");
    split.part = parts;
    WRONG(split, validation, nan, isk_split(context, &split), "validation");
    WRONG(split, test, nan, isk_split(context, &split), "test");
    describe_fit();
    sweep.fit = fit;
    sweep.lambdas = &nan;
    REFUSED(isk_sweep(context, &sweep, &made), "option lambda");
    fit.options.lambda = nan;
    assert_int_equal(isk_options_resolve(own, NULL, &fit.options, ISK_ROBUST), ISK_ARGUMENT);
}

static void traps_do_not_end_the_program(void **state) {
    isk_context_desc desc = { .threads = 2, .device = ISK_DEVICE_CPU };
    isk_context *own;
    (void)state;
    if (feenableexcept(TRAPPED) < 0) { skip(); }            /* this processor has no traps */
    own = isk_open(&desc);
    work_that_traps_could_end(own);
    numbers_that_are_none(own);
    isk_close(own);
    assert_int_equal(fedisableexcept(TRAPPED) & TRAPPED, TRAPPED);      /* the caller's settings came back */
}
#else
static void traps_do_not_end_the_program(void **state) { (void)state; skip(); }
#endif

int main(void) {
    const struct CMUnitTest bare[] = {
        cmocka_unit_test(contexts), cmocka_unit_test(options), cmocka_unit_test(graphs_and_inputs), cmocka_unit_test(scopes),
        cmocka_unit_test(modules), cmocka_unit_test(ops), cmocka_unit_test(special_ops), cmocka_unit_test(programs),
        cmocka_unit_test(neighbours), cmocka_unit_test(labellings), cmocka_unit_test(integrations), cmocka_unit_test(matrices),
        cmocka_unit_test(texts),
        cmocka_unit_test(readers), cmocka_unit_test(safetensors), cmocka_unit_test(nothing_is_wrong_after_success),
        cmocka_unit_test(kept_failures_keep_their_sentence), cmocka_unit_test(things_close_in_any_order),
        cmocka_unit_test(traps_do_not_end_the_program)
    };
    const struct CMUnitTest with_model[] = { cmocka_unit_test(fits), cmocka_unit_test(models), cmocka_unit_test(tradeoffs) };
    return cmocka_run_group_tests_name("misuse", bare, open_context, close_context)
           + cmocka_run_group_tests_name("misuse of models", with_model, open_model, close_model);
}
