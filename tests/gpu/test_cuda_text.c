/* The CUDA text of every op and of every template without barriers, run on the CPU thread by thread, against the CPU loops:
   several models in one launch, shared and separate data, a model that rests, missing and accumulated gradients, threads in
   either order. */

/* Some kernels have the names of public functions, which a device does not know. */
#define isk_fill host_fill
#define isk_dropout host_dropout
#define isk_batch host_batch
#define isk_batch_weight host_batch_weight
#define isk_gather host_gather
#define isk_follow host_follow
#define isk_permute_rows host_permute_rows
#define isk_reshape host_reshape
#define isk_trim host_trim
#define isk_step_mask host_step_mask
#define isk_pool_steps host_pool_steps
#define isk_join_steps host_join_steps
#define isk_tokens host_tokens
#define isk_noise host_noise
#define isk_drop_steps host_drop_steps
#define INDISEEK_IMPLEMENTATION
#include "indiseek.h"
#undef isk_fill
#undef isk_dropout
#undef isk_batch
#undef isk_batch_weight
#undef isk_gather
#undef isk_follow
#undef isk_permute_rows
#undef isk_reshape
#undef isk_trim
#undef isk_step_mask
#undef isk_pool_steps
#undef isk_join_steps
#undef isk_tokens
#undef isk_noise
#undef isk_drop_steps

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/library/op_instance.h"

#include "cuda_shim.h"
#include "kernels/elementwise.cu"
#include "kernels/activations.cu"
#include "kernels/rows.cu"
#include "kernels/columns.cu"
#include "kernels/losses.cu"
#include "kernels/memory.cu"
#include "kernels/nce.cu"
#include "kernels/optimizer.cu"
#include "kernels/schedule.cu"
#include "kernels/sequence.cu"

#define MODELS 3
#define RESTS 1                         /* this model is not trained any more */

typedef struct kernel_entry {
    const char *name;
    void (*run)(const isk_call);
} kernel_entry;
#define KERNEL_ENTRY(name) { #name, name },
#define TEMPLATE_KERNELS(X) \
    X(isk_fill) X(isk_copy) X(isk_mask_gradient) X(isk_follow) X(isk_dropout) X(isk_batch) X(isk_batch_weight) X(isk_gather) \
    X(isk_scatter) X(isk_permute_present) X(isk_permute_source) X(isk_permute_rows) X(isk_permute_rows_back) X(isk_sum_rows) \
    X(isk_nce_share) X(isk_nce_rows) X(isk_nce_columns) X(isk_nce_shift) X(isk_nce_row_sums) X(isk_nce_column_sums) \
    X(isk_nce_loss) X(isk_nce_gradient) X(isk_nce_apply) X(isk_nce_dots) X(isk_nce_scale_gradient) \
    X(isk_adam) X(isk_sgd) X(isk_limit) X(isk_norm_parts) X(isk_norm) \
    X(isk_begin_batch) X(isk_begin_step) X(isk_collect) X(isk_end_batch) \
    X(isk_reshape) X(isk_trim) X(isk_step_mask) \
    X(isk_attention_scores) X(isk_attention_softmax) X(isk_attention_apply) X(isk_attention_slopes) \
    X(isk_attention_softmax_back) X(isk_attention_back) X(isk_pool_steps) X(isk_pool_steps_back) X(isk_add_every) X(isk_sum_every) \
    X(isk_join_steps) X(isk_join_steps_back) X(isk_tokens) X(isk_tokens_back) X(isk_tokens_weight) X(isk_noise) X(isk_drop_steps)
static const kernel_entry kernel_entries[] = { OP_KERNELS(KERNEL_ENTRY) TEMPLATE_KERNELS(KERNEL_ENTRY) };

static const kernel_entry *find_named(const char *name) {
    int k;
    for (k = 0; k < COUNT(kernel_entries); k++) {
        if (strcmp(kernel_entries[k].name, name) == 0) return &kernel_entries[k];
    }
    return NULL;
}

static const kernel_entry *find_kernel(const char *op, const char *direction, int number) {
    char name[128];
    snprintf(name, sizeof name, "isk_%s_%s_%d", op, direction, number);
    return find_named(name);
}

/* The operands of all models side by side, as the device has them. */
typedef struct device_operand {
    isk_operand o;
    float *memory;
    int count;                          /* floats of one model */
} device_operand;

static device_operand upload(const operand *const models[MODELS], int shared) {
    device_operand d;
    int m;
    memset(&d, 0, sizeof d);
    d.count = models[0]->rows * models[0]->stride;
    d.memory = (float *)malloc((size_t)(d.count * MODELS) * sizeof(float));
    assert_non_null(d.memory);
    for (m = 0; m < MODELS; m++) memcpy(d.memory + m * d.count, models[m]->data, (size_t)d.count * sizeof(float));
    d.o.data = d.memory;
    d.o.model = shared ? 0 : d.count;
    d.o.stride = models[0]->stride;
    return d;
}

static void compare_model(const operand *want, const device_operand *d, int m, const char *op, const char *what) {
    double largest = largest_of(want);
    int i, j;
    for (i = 0; i < want->rows; i++) {
        for (j = 0; j < want->stride; j++) {
            const double a = (double)want->data[i * want->stride + j], b = (double)d->memory[m * d->count + i * want->stride + j];
            if (j >= want->cols ? !isnan(b) : !(fabs(a - b) <= 2e-5 * fabs(a) + 5e-6 * (largest + 0.1))) {
                fail_msg("%s, %s of model %d at [%d, %d]: kernel %.9g, loop %.9g", op, what, m, i, j, b, a);
            }
        }
    }
}

static void check_untouched(const device_operand *d, int m, const char *op) {
    int k;
    for (k = 0; k < d->count; k++) {
        if (!isnan(d->memory[m * d->count + k])) fail_msg("%s: a model that rests was written to", op);
    }
}

static void launch_one(const kernel_entry *kernel, char grid, const isk_call *call, int backwards) {
    const int threads = 64, want = grid == 'e' ? call->rows * call->cols : grid == 'r' ? call->rows : grid == 'c' ? call->cols : 1;
    SHIM_LAUNCH(kernel->run, *call, (want + threads - 1) / threads, MODELS, threads, backwards);
}

static void launch(const char *op, const char *direction, const char *grids, const isk_call *call, int backwards) {
    int k;
    for (k = 0; grids[k] != '\0'; k++) {
        const kernel_entry *kernel = find_kernel(op, direction, k);
        if (kernel == NULL) fail_msg("%s: kernel %d of %s is missing", op, k, direction);
        launch_one(kernel, grids[k], call, backwards);
    }
    if (find_kernel(op, direction, k) != NULL) fail_msg("%s: more kernels of %s than grids", op, direction);
}

static void check_op(const isk__op_info *info, int rows, int cols, int weights, int backwards, unsigned accumulate, unsigned wanted) {
    instance models[MODELS];
    const operand *pointers[MODELS];
    device_operand in[ISK__MAX_INPUTS], grad_in[ISK__MAX_INPUTS], out, grad;
    const op_case *c = example(info);
    const int work = info->work_rows * rows + info->work_cols * cols + 16;
    isk_control control[MODELS];
    int m, k;
    isk_call call;

    memset(&call, 0, sizeof call);
    memset(control, 0, sizeof control);
    for (m = 0; m < MODELS; m++) control[m].live = m != RESTS;
    for (m = 0; m < MODELS; m++) {
        models[m] = make(info, rows, cols, 3, 77u + (unsigned)m, c->domains, weights);
        memcpy(models[m].attributes, c->attributes, sizeof models[m].attributes);
    }
    for (m = 1; m < MODELS; m++) {              /* the last input is data that all models share */
        const int last = info->inputs - 1 == models[m].weighted ? info->inputs - 2 : info->inputs - 1;
        memcpy(models[m].in[last].data, models[0].in[last].data,
               (size_t)(models[0].in[last].rows * models[0].in[last].stride) * sizeof(float));
    }
    for (k = 0; k < info->inputs; k++) {
        const int shared = k == info->inputs - 1 || k + 1 == models[0].weighted;
        for (m = 0; m < MODELS; m++) pointers[m] = &models[m].in[k];
        in[k] = upload(pointers, shared);
        call.in[k] = in[k].o;
        for (m = 0; m < MODELS; m++) {
            set_all(&models[m].grad_in[k], accumulate >> k & 1u && m != RESTS ? (isk_scalar)0.5 : not_a_number());
            pointers[m] = &models[m].grad_in[k];
        }
        grad_in[k] = upload(pointers, 0);
        call.grad_in[k] = grad_in[k].o;
        if (!(info->differentiable & wanted & 1u << k)) call.grad_in[k].data = NULL;
    }
    if (models[0].weighted >= 0 && weights == 0) call.in[models[0].weighted].data = NULL;
    for (m = 0; m < MODELS; m++) pointers[m] = &models[m].out;
    out = upload(pointers, 0);
    for (m = 0; m < MODELS; m++) pointers[m] = &models[m].grad;
    grad = upload(pointers, 0);
    call.out = out.o;
    call.grad = grad.o;
    call.work.data = (float *)malloc((size_t)(work * MODELS + 1) * sizeof(float));
    assert_non_null(call.work.data);
    for (k = 0; k < work * MODELS; k++) call.work.data[k] = NAN;
    call.work.data[work * MODELS] = 4321;
    call.work.model = work;
    call.control = control;
    call.rows = rows;
    call.cols = cols;
    call.accumulate = accumulate;
    for (k = 0; k < 4; k++) call.attributes[k] = (float)c->attributes[k];

    launch(info->name, "forward", info->forward_grids, &call, backwards);
    launch(info->name, "backward", info->backward_grids, &call, backwards);
    assert_true(call.work.data[work * MODELS] == 4321);

    for (m = 0; m < MODELS; m++) {
        if (m == RESTS) {
            check_untouched(&out, m, info->name);
        } else {
            forward(&models[m], PORTABLE);
            compare_model(&models[m].out, &out, m, info->name, "value");
            backward(&models[m], PORTABLE, wanted, accumulate);
        }
        for (k = 0; k < info->inputs; k++) {
            if (!(info->differentiable & wanted & 1u << k)) continue;
            if (m == RESTS) check_untouched(&grad_in[k], m, info->name);
            else compare_model(&models[m].grad_in[k], &grad_in[k], m, info->name, "gradient");
        }
    }
    for (m = 0; m < MODELS; m++) drop(&models[m]);
    for (k = 0; k < info->inputs; k++) {
        free(in[k].memory);
        free(grad_in[k].memory);
    }
    free(out.memory);
    free(grad.memory);
    free(call.work.data);
}

static void test_kernels(void **state) {
    static const int shapes[][2] = { { 1, 1 }, { 1, 150 }, { 70, 1 }, { 13, 21 } };
    int n, s, weights, backwards, k;
    (void)state;
    for (n = 0; n < ISK__OP_COUNT; n++) {
        const isk__op_info *info = &isk__op_table[n];
        for (s = 0; s < COUNT(shapes); s++) {
            for (weights = 0; weights < 3; weights++) {
                if (weights != 1 && strchr(info->kinds, 'w') == NULL) continue;
                for (backwards = 0; backwards < 2; backwards++) {
                    check_op(info, shapes[s][0], shapes[s][1], weights, backwards, 0, ALL);
                    check_op(info, shapes[s][0], shapes[s][1], weights, backwards, ALL, ALL);
                }
            }
        }
        for (k = 0; k < info->inputs; k++) check_op(info, 13, 21, 1, 0, 0, 1u << k);
    }
}

/* The host's structs are the kernels' structs. */
#define SAME_OFFSET(host, device, field) assert_int_equal(offsetof(host, field), offsetof(device, field));
#define OPERAND_FIELDS(X, host, device) X(host, device, data) X(host, device, model) X(host, device, stride)
#define CONTROL_FIELDS(X, host, device) \
    X(host, device, seed) X(host, device, key) X(host, device, step) X(host, device, steps) X(host, device, rate) \
    X(host, device, rates) X(host, device, epoch) X(host, device, epochs) X(host, device, sums) X(host, device, present) \
    X(host, device, rows) X(host, device, count) X(host, device, batch_rows) X(host, device, batches) X(host, device, batch) \
    X(host, device, first) X(host, device, shuffled) X(host, device, cosine) X(host, device, live)
#define CALL_FIELDS(X, host, device) \
    X(host, device, in) X(host, device, grad_in) X(host, device, out) X(host, device, grad) X(host, device, work) \
    X(host, device, save) X(host, device, control) X(host, device, calls) X(host, device, kernels) X(host, device, rows) \
    X(host, device, cols) X(host, device, inner) X(host, device, tiles) X(host, device, accumulate) X(host, device, flags) \
    X(host, device, node) X(host, device, count) X(host, device, rounds) X(host, device, attributes)

static void test_layout(void **state) {
    (void)state;
    assert_int_equal(sizeof(isk__kernel_operand), sizeof(isk_operand));
    assert_int_equal(sizeof(isk__kernel_control), sizeof(isk_control));
    assert_int_equal(sizeof(isk__kernel_call), sizeof(isk_call));
    OPERAND_FIELDS(SAME_OFFSET, isk__kernel_operand, isk_operand)
    CONTROL_FIELDS(SAME_OFFSET, isk__kernel_control, isk_control)
    CALL_FIELDS(SAME_OFFSET, isk__kernel_call, isk_call)
}

/* The text that the header holds is what stands in the file after its heading. */
static void check_text(const char *name, const char *const *lines, const char *first) {
    static char file_text[200000], header_text[200000];
    const char *begin;
    char path[128], *to = header_text;
    size_t size, i;
    FILE *file;
    snprintf(path, sizeof path, "kernels/%s.cu", name);
    file = fopen(path, "rb");
    if (file == NULL) fail_msg("%s is missing: run from the repository's root", path);
    size = fread(file_text, 1, sizeof file_text - 1, file);
    fclose(file);
    file_text[size] = '\0';
    for (i = 0; lines[i] != NULL; i++) {
        assert_true(strlen(lines[i]) <= 4095);
        strcpy(to, lines[i]);
        to += strlen(to);
    }
    while (to > header_text && to[-1] == '\n') *--to = '\0';
    begin = strstr(file_text, first);
    if (begin == NULL) fail_msg("%s has no line %s", path, first);
    begin += strlen(first);
    for (i = 0; header_text[i] != '\0' && begin[i] == header_text[i]; i++) {}
    if (header_text[i] != '\0' || strcmp(begin + i, "\n") != 0) fail_msg("%s differs from the text in indiseek.h", path);
}

static void test_header_text(void **state) {
    int k;
    (void)state;
    check_text("prelude", isk__kernel_prelude, "do not edit. */\n\n");
    for (k = 0; k < COUNT(isk__kernel_modules); k++) {
        check_text(isk__kernel_modules[k].name, isk__kernel_modules[k].text, "#include \"prelude.cu\"\n\n");
    }
}

/* ---- templates ---- */

/* An operand of MODELS matrices: drawn values, poisoned padding.  What it held when drawn is kept, for models that rest and for
   what is added to.  All memory goes at the end of a test. */
typedef struct matrix {
    isk_operand o;
    float *before;
    int rows, cols, count;
} matrix;

static void *kept[200];
static int kept_count;

static void *keep(size_t size) {
    assert_true(kept_count < COUNT(kept));
    kept[kept_count] = calloc(1, size);
    assert_non_null(kept[kept_count]);
    return kept[kept_count++];
}

static void let_go(void) {
    while (kept_count > 0) free(kept[--kept_count]);
}

static matrix drawn(int rows, int cols, int extra, unsigned seed) {
    matrix x;
    int k;
    memset(&x, 0, sizeof x);
    x.rows = rows;
    x.cols = cols;
    x.o.stride = cols + extra;
    x.count = rows * x.o.stride;
    x.o.model = x.count;
    x.o.data = (float *)keep((size_t)(MODELS * x.count) * sizeof(float));
    x.before = (float *)keep((size_t)(MODELS * x.count) * sizeof(float));
    for (k = 0; k < MODELS * x.count; k++) x.o.data[k] = k % x.o.stride < cols ? (float)draw(&seed) : NAN;
    memcpy(x.before, x.o.data, (size_t)(MODELS * x.count) * sizeof(float));
    return x;
}

static float *of(const matrix *x, int m, int i, int j) { return x->o.data + m * x->count + i * x->o.stride + j; }
static float *was(const matrix *x, int m, int i, int j) { return x->before + m * x->count + i * x->o.stride + j; }

static void check_rest(const matrix *x) {
    assert_memory_equal(x->o.data + RESTS * x->count, x->before + RESTS * x->count, (size_t)x->count * sizeof(float));
}

static void check_near(const char *what, int m, int i, int j, double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance * (fabs(want) + 0.1))) {
        fail_msg("%s of model %d at [%d, %d]: kernel %.9g, expected %.9g", what, m, i, j, got, want);
    }
}

/* A call over rows x cols, with a control for each model. */
static isk_call call_of(int rows, int cols) {
    isk_call call;
    int m;
    memset(&call, 0, sizeof call);
    call.control = (isk_control *)keep(MODELS * sizeof(isk_control));
    call.rows = rows;
    call.cols = cols;
    for (m = 0; m < MODELS; m++) {
        isk_control *control = &call.control[m];
        control->seed = 1234567890123u * (unsigned)(m + 1);
        control->key = isk__mix64((uint64_t)m + 5);
        control->step = (uint64_t)m << 33 | 7u;
        control->live = m != RESTS;
    }
    return call;
}

static void run(const char *name, const isk_call *call, int backwards) {
    int k;
    for (k = 0; k < COUNT(isk__template_kernels); k++) {
        if (strcmp(isk__template_kernels[k].name, name) == 0) {
            launch_one(find_named(name), isk__template_kernels[k].grid, call, backwards);
            return;
        }
    }
    fail_msg("%s is not in the table", name);
}

/* The CPU's call for a model. */
static isk__call host_call(const isk_call *call, int m, isk__frame *frame) {
    isk__call host;
    memset(&host, 0, sizeof host);
    memset(frame, 0, sizeof *frame);
    frame->seed = call->control[m].seed;
    frame->step = call->control[m].step;
    frame->batch.rows = call->control[m].rows;
    frame->batch.count = call->control[m].count;
    frame->batch.first = call->control[m].first;
    frame->batch.shuffled = call->control[m].shuffled;
    frame->batch.key = call->control[m].key;
    host.frame = frame;
    host.stream = call->node;
    host.loop.rows = call->rows;
    host.loop.cols = call->cols;
    host.loop.accumulate = call->accumulate;
    return host;
}

static void host_in(isk__call *host, int k, const matrix *x, int m) {
    host->loop.in[k] = x->o.data ? of(x, m, 0, 0) : NULL;
    host->loop.in_stride[k] = x->o.stride;
    host->in_rows[k] = x->rows;
    host->in_cols[k] = x->cols;
}

/* The table lists every kernel of the templates, and all but those with barriers are tested here. */
static void test_table(void **state) {
    static const char *const tested[] = {
#define NAME_ENTRY(name) #name,
        TEMPLATE_KERNELS(NAME_ENTRY)
    };
    int k, count = 0;
    (void)state;
    for (k = 0; k < COUNT(isk__template_kernels); k++) {
        const isk__kernel_info *kernel = &isk__template_kernels[k];
        const char *const *text = isk__kernel_modules[kernel->module].text;
        char form[100];
        int found = 0;
        snprintf(form, sizeof form, "(%s) {", kernel->name);
        for (; *text != NULL; text++) found |= strstr(*text, form) != NULL;
        assert_true(found);
        if (kernel->grid == 't') continue;
        if (find_named(kernel->name) == NULL) fail_msg("%s is not tested", kernel->name);
        count++;
    }
    assert_int_equal(count, COUNT(tested));
}

/* Bit for bit. */
static void test_random(void **state) {
    static const unsigned sizes[] = { 1, 2, 3, 4, 5, 16, 17, 100, 1000, 65537 };
    unsigned word;
    int k, n;
    (void)state;
    for (k = 0; k < 50; k++) {
        const uint64_t seed = isk__mix64((uint64_t)k), stream = isk__mix64(seed) >> (k % 2 ? 50 : 0);
        isk__random random = isk__random_open(seed, stream);
        assert_true(dev_mix64(seed) == isk__mix64(seed));
        for (n = 0; n < 41; n++) assert_int_equal(dev_philox(random.key, stream, (unsigned)n), isk__random_word(&random));
        random = isk__random_open(seed, stream);
        for (n = 0; n < 40; n++) {
            const double normal = isk__random_normal(&random);
            assert_true(fabs((double)dev_normal(random.key, stream, (unsigned)n) - normal) <= 4 * 6e-8 * fabs(normal));
        }
        random.position = UINT64_C(0x3fffffffff) * (unsigned)k;
        random.left = 0;
        word = dev_philox(random.key, stream, random.position * 4);
        assert_int_equal(word, isk__random_word(&random));
        for (n = 0; n < COUNT(sizes); n++) {
            const unsigned i = (unsigned)(seed % sizes[n]);
            assert_int_equal(dev_permute(i, sizes[n], seed), isk__permute(i, sizes[n], seed));
        }
    }
}

/* Many words at a time are the words one by one, also where the counter's lower half runs over, with every instruction set. */
static void test_words(void **state) {
    int k, n, level;
    (void)state;
    for (level = 0; level <= isk__cpu_level(); level++) {
        for (k = 0; k < 40; k++) {
            const uint64_t first = k % 2 ? UINT64_C(0x3ffffffc0) + (unsigned)k : (uint64_t)k * 7;
            isk__frame frame;
            isk__call call;
            isk__words words;
            isk__random one;
            memset(&frame, 0, sizeof frame);
            memset(&call, 0, sizeof call);
            frame.seed = isk__mix64((uint64_t)k);
            frame.step = isk__mix64(frame.seed) >> (k % 3 ? 50 : 0);
            frame.level = level;
            call.frame = &frame;
            call.stream = k;
            words = isk__words_open(&call);
            one = isk__node_random(&call);
            isk__random_seek(&one, first);
            for (n = 0; n < 200;) {
                int count = 1 + n % 90, i;
                const uint32_t *some = isk__words_at(&words, first + (unsigned)n, &count);
                assert_in_range(count, 1, 1 + n % 90);
                for (i = 0; i < count; i++) assert_int_equal(some[i], isk__random_word(&one));
                n += count;
            }
        }
    }
}

static void test_copies(void **state) {
    int backwards, m, i, j, add;
    (void)state;
    for (add = 0; add < 2; add++) {
        for (backwards = 0; backwards < 2; backwards++) {
            const matrix x = drawn(9, 13, 3, 1), fill = drawn(9, 13, 2, 2), copy = drawn(9, 13, 1, 3), mask = drawn(9, 13, 0, 4);
            const matrix follow = drawn(9, 13, 5, 5), sum = drawn(1, 13, 4, 6);
            isk_call call = call_of(9, 13);
            call.accumulate = (unsigned)add;
            call.attributes[0] = 0.25f;
            call.in[0] = x.o;
            call.out = fill.o;
            run("isk_fill", &call, backwards);
            call.out = copy.o;
            run("isk_copy", &call, backwards);
            call.out = mask.o;
            run("isk_mask_gradient", &call, backwards);
            call.out = follow.o;
            run("isk_follow", &call, backwards);
            call.out = sum.o;
            run("isk_sum_rows", &call, backwards);
            for (m = 0; m < MODELS; m += 2) {
                for (j = 0; j < 13; j++) {
                    double want = add ? (double)*was(&sum, m, 0, j) : 0;
                    for (i = 0; i < 9; i++) {
                        const float value = *of(&x, m, i, j);
                        want += (double)value;
                        assert_true(*of(&fill, m, i, j) == 0.25f);
                        assert_true(*of(&copy, m, i, j) == (add ? *was(&copy, m, i, j) + value : value));
                        assert_true(*of(&mask, m, i, j) == (value > 0 ? *was(&mask, m, i, j) : 0));
                        check_near("average", m, i, j, (double)*of(&follow, m, i, j),
                                   0.75 * (double)*was(&follow, m, i, j) + 0.25 * (double)value, 1e-6);
                    }
                    check_near("sum", m, 0, j, (double)*of(&sum, m, 0, j), want, 1e-6);
                }
            }
            check_rest(&fill);
            check_rest(&copy);
            check_rest(&mask);
            check_rest(&follow);
            check_rest(&sum);
            let_go();
        }
    }
}

static void test_dropout(void **state) {
    const int shapes[][2] = { { 1, 1 }, { 11, 17 }, { 3, 130 } };
    int s, add, m, i, j;
    (void)state;
    for (s = 0; s < COUNT(shapes); s++) {
        for (add = 0; add < 2; add++) {
            const int rows = shapes[s][0], cols = shapes[s][1];
            const double probability = 0.3;
            const matrix x = drawn(rows, cols, 2, 1), y = drawn(rows, cols, 1, 2);
            isk_call call = call_of(rows, cols);
            call.node = 41;
            call.accumulate = (unsigned)add;
            call.flags = (unsigned)(probability * 4294967296.0);
            call.attributes[0] = (float)(1 / (1 - probability));
            call.in[0] = x.o;
            call.out = y.o;
            run("isk_dropout", &call, add);
            for (m = 0; m < MODELS; m++) {
                const double attributes[1] = { 0.3 };
                isk__frame frame;
                isk__call host = host_call(&call, m, &frame);
                if (m == RESTS) continue;
                host.loop.attributes = attributes;
                isk__dropout_apply(&host, of(&x, m, 0, 0), x.o.stride, was(&y, m, 0, 0), y.o.stride, add);
                for (i = 0; i < rows; i++) {
                    for (j = 0; j < cols; j++) assert_true(*of(&y, m, i, j) == *was(&y, m, i, j));
                }
            }
            check_rest(&y);
            let_go();
        }
    }
}

/* Rows of the data through a batch and back, shuffled and not, the last batch beyond the data. */
static void test_batches(void **state) {
    int k, m, i, j;
    (void)state;
    for (k = 0; k < 8; k++) {
        const int rows = 20, cols = 7, data_rows = 150, count = 90;
        const matrix batch = drawn(rows, 1, 0, 1), weight = drawn(rows, 1, 2, 2), data = drawn(data_rows, cols, 3, 3);
        const matrix gathered = drawn(rows, cols, 1, 4), scattered = drawn(data_rows, cols, 2, 5);
        isk_call call = call_of(rows, cols);
        int *list = (int *)keep(90 * sizeof *list);
        for (i = 0; i < count; i++) list[i] = data_rows - 1 - i;
        for (m = 0; m < MODELS; m++) {
            call.control[m].count = count;
            call.control[m].batch_rows = rows;
            call.control[m].batch = m + k / 4 * 2;
            call.control[m].first = 12345;
            call.control[m].shuffled = k & 1;
            call.control[m].rows = k & 2 ? list : NULL;
        }
        run("isk_begin_batch", &call, 0);
        call.out = batch.o;
        run("isk_batch", &call, 0);
        call.in[0] = batch.o;
        call.out = weight.o;
        run("isk_batch_weight", &call, 1);
        call.in[0] = data.o;
        call.in[1] = batch.o;
        call.out = gathered.o;
        run("isk_gather", &call, 0);
        call.in[0] = gathered.o;
        call.out = scattered.o;
        run("isk_scatter", &call, 1);
        assert_int_equal(call.control[RESTS].first, 12345);
        for (m = 0; m < MODELS; m += 2) {
            isk__frame frame;
            isk__call host = host_call(&call, m, &frame);
            assert_int_equal(call.control[m].first, rows * (m + k / 4 * 2));
            host.loop.out = was(&batch, m, 0, 0);
            isk__batch_forward(&host);
            assert_memory_equal(of(&batch, m, 0, 0), was(&batch, m, 0, 0), (size_t)rows * sizeof(float));
            for (i = 0; i < rows; i++) {
                const int row = isk__batch_row(of(&batch, m, 0, 0), i);
                assert_int_equal(row >= 0, call.control[m].first + i < count);
                assert_true(*of(&weight, m, i, 0) == (row >= 0 ? 1.0f : 0.0f));
                for (j = 0; j < cols; j++) {
                    assert_true(*of(&gathered, m, i, j) == (row >= 0 ? *of(&data, m, row, j) : 0.0f));
                    if (row >= 0) *was(&scattered, m, row, j) = *of(&data, m, row, j);
                }
            }
            for (i = 0; i < data_rows; i++) {
                for (j = 0; j < cols; j++) assert_true(*of(&scattered, m, i, j) == *was(&scattered, m, i, j));
            }
        }
        check_rest(&batch);
        check_rest(&weight);
        check_rest(&gathered);
        check_rest(&scattered);
        let_go();
    }
}

/* Weights of rows: 0 none given, 1 some absent, 2 all absent. */
static matrix row_weights(int rows, int kind) {
    matrix w = drawn(rows, 1, 1, 8);
    int m, i;
    for (m = 0; m < MODELS; m++) {
        for (i = 0; i < rows; i++) *of(&w, m, i, 0) = kind == 2 || (i + m) % 3 == 0 ? 0.0f : (float)(1 + i % 2);
    }
    if (kind == 0) w.o.data = NULL;
    return w;
}

static void test_permuted_rows(void **state) {
    int k, m, i, j;
    (void)state;
    for (k = 0; k < 12; k++) {
        const int rows = k < 6 ? 23 : 1, cols = 5, add = k & 1, backwards = add;
        const matrix x = drawn(rows, cols, 1, 1), y = drawn(rows, cols, 2, 2), g = drawn(rows, cols, 3, 3), dx = drawn(rows, cols, 0, 4);
        const matrix w = row_weights(rows, k / 2 % 3), save = drawn(1, 2 * rows + 1, 0, 5);
        isk_call call = call_of(rows, cols);
        call.node = 3;
        call.accumulate = (unsigned)add;
        call.in[0] = x.o;
        call.in[1] = w.o;
        call.out = y.o;
        call.grad = g.o;
        call.grad_in[0] = dx.o;
        call.save = save.o;
        run("isk_permute_present", &call, backwards);
        run("isk_permute_source", &call, backwards);
        run("isk_permute_rows", &call, backwards);
        run("isk_permute_rows_back", &call, backwards);
        for (m = 0; m < MODELS; m += 2) {
            isk__frame frame;
            isk__call host = host_call(&call, m, &frame);
            host_in(&host, 0, &x, m);
            host_in(&host, 1, &w, m);
            host.save = was(&save, m, 0, 0);
            host.loop.out = was(&y, m, 0, 0);
            host.loop.out_stride = y.o.stride;
            host.loop.grad = of(&g, m, 0, 0);
            host.loop.grad_stride = g.o.stride;
            host.loop.grad_in[0] = was(&dx, m, 0, 0);
            host.loop.grad_in_stride[0] = dx.o.stride;
            isk__permute_rows_forward(&host);
            isk__permute_rows_backward(&host);
            for (i = 0; i < rows; i++) {
                for (j = 0; j < cols; j++) {
                    assert_true(*of(&y, m, i, j) == *was(&y, m, i, j));
                    assert_true(*of(&dx, m, i, j) == *was(&dx, m, i, j));
                }
            }
        }
        check_rest(&save);
        check_rest(&y);
        check_rest(&dx);
        let_go();
    }
}

/* Values in another form; steps beyond a length, whatever stands there; a mask of steps. */
static void test_forms_of_sequences(void **state) {
    const float lengths[] = { -1, 0, 0.5f, 1, 3, 4, 7, NAN };
    int add, m, i, j;
    (void)state;
    for (add = 0; add < 2; add++) {
        const int rows = COUNT(lengths), steps = 4, cols = 12, features = cols / steps;
        const matrix x = drawn(rows, cols, 3, 1), other = drawn(rows * 2, cols / 2, 2, 2), trimmed = drawn(rows, cols, 1, 3);
        const matrix length = drawn(rows, 1, 1, 4), mask = drawn(rows, steps, 2, 5);
        isk_call call = call_of(rows * 2, cols / 2);
        for (m = 0; m < MODELS; m++) {
            for (i = 0; i < rows; i++) *of(&length, m, i, 0) = lengths[(i + m) % rows];
        }
        call.accumulate = (unsigned)add;
        call.in[0] = x.o;
        call.out = other.o;
        call.inner = cols;
        run("isk_reshape", &call, add);
        for (m = 0; m < MODELS; m++) {
            for (i = 0; i < rows; i++) {
                if (!(lengths[(i + m) % rows] > 0)) *of(&x, m, i, 0) = NAN;
            }
        }
        call.rows = rows;
        call.cols = cols;
        call.inner = features;
        call.in[1] = length.o;
        call.out = trimmed.o;
        run("isk_trim", &call, !add);
        call.cols = steps;
        call.in[0] = length.o;
        call.out = mask.o;
        run("isk_step_mask", &call, add);
        for (m = 0; m < MODELS; m += 2) {
            for (i = 0; i < rows; i++) {
                for (j = 0; j < cols; j++) {
                    const int below = (float)(j / features) < lengths[(i + m) % rows], to = i * cols + j;
                    const float base = add ? *was(&trimmed, m, i, j) : 0;
                    const float moved = (add ? *was(&other, m, to / (cols / 2), to % (cols / 2)) : 0) + *was(&x, m, i, j);
                    assert_true(*of(&other, m, to / (cols / 2), to % (cols / 2)) == moved);
                    assert_true(*of(&trimmed, m, i, j) == base + (below ? *of(&x, m, i, j) : 0));
                    assert_true(*of(&mask, m, i, j / features) == (below ? 1.0f : 0.0f));
                }
            }
        }
        check_rest(&other);
        check_rest(&trimmed);
        check_rest(&mask);
        let_go();
    }
}

/* Forward and backward against the loops, which leave absent steps out before they compute. */
static void check_attention(int samples, int steps, int heads, int width, int weights, int add, double dropout) {
    const int rows = samples * steps, all = heads * width;
    const double attributes[] = { steps, heads, dropout };
    const matrix x = drawn(rows, 3 * all, 2, 1), y = drawn(rows, all, 1, 2), g = drawn(rows, all, 0, 3), dx = drawn(rows, 3 * all, 3, 4);
    const matrix w = row_weights(rows, weights), save = drawn(rows * heads, steps, 1, 5), work = drawn(rows * heads, steps, 0, 6);
    isk_call call = call_of(rows * heads, steps);
    isk_graph graph;
    isk_context context;
    isk__node node;
    int m, i, j;
    call.node = 9;
    call.accumulate = (unsigned)add;
    call.in[0] = x.o;
    call.in[1] = w.o;
    call.out = y.o;
    call.grad = g.o;
    call.grad_in[0] = dx.o;
    call.save = save.o;
    call.work = work.o;
    call.tiles = steps;
    call.count = heads;
    call.inner = width;
    call.flags = (unsigned)(dropout * 4294967296.0);
    call.attributes[0] = (float)(1 / sqrt(width));
    call.attributes[1] = (float)(1 / (1 - dropout));
    run("isk_attention_scores", &call, add);
    run("isk_attention_softmax", &call, !add);
    run("isk_attention_slopes", &call, add);
    run("isk_attention_softmax_back", &call, !add);
    call.rows = rows;
    call.cols = all;
    run("isk_attention_apply", &call, add);
    call.cols = 3 * all;
    run("isk_attention_back", &call, !add);
    call.cols = all;
    memset(&graph, 0, sizeof graph);
    memset(&context, 0, sizeof context);
    memset(&node, 0, sizeof node);
    graph.context = &context;
    node.rows = rows;
    node.cols = all;
    memcpy(node.attributes, attributes, sizeof attributes);
    for (m = 0; m < MODELS; m += 2) {
        isk__frame frame;
        isk__call host = host_call(&call, m, &frame);
        host_in(&host, 0, &x, m);
        host_in(&host, 1, &w, m);
        host.save = (isk_scalar *)keep(isk__attention_save(&graph, &node) * sizeof *host.save);
        host.loop.work = (isk_scalar *)keep(isk__attention_work(&graph, &node) * sizeof *host.loop.work);
        host.loop.attributes = attributes;
        host.loop.out = was(&y, m, 0, 0);
        host.loop.out_stride = y.o.stride;
        isk__attention_forward(&host);
        host.loop.grad = of(&g, m, 0, 0);
        host.loop.grad_stride = g.o.stride;
        host.loop.grad_in[0] = was(&dx, m, 0, 0);
        host.loop.grad_in_stride[0] = dx.o.stride;
        isk__attention_backward(&host);
        for (i = 0; i < rows; i++) {
            const int absent = w.o.data && !(*of(&w, m, i, 0) > 0);
            for (j = 0; j < all; j++) {
                check_near("attention", m, i, j, (double)*of(&y, m, i, j), (double)*was(&y, m, i, j), 1e-5);
                if (absent) assert_true(*of(&y, m, i, j) == 0);
            }
            for (j = 0; j < 3 * all; j++) {
                check_near("its gradient", m, i, j, (double)*of(&dx, m, i, j), (double)*was(&dx, m, i, j), 2e-5);
                if (absent && !add) assert_true(*of(&dx, m, i, j) == 0);
            }
        }
    }
    check_rest(&y);
    check_rest(&dx);
    check_rest(&save);
    check_rest(&work);
    let_go();
}

static void test_attention(void **state) {
    int weights, add, k;
    (void)state;
    for (weights = 0; weights < 3; weights++) {
        for (add = 0; add < 2; add++) {
            for (k = 0; k < 2; k++) {
                check_attention(1, 1, 1, 1, weights, add, 0.4 * k);
                check_attention(3, 5, 2, 3, weights, add, 0.4 * k);
                check_attention(2, 17, 1, 8, weights, add, 0.4 * k);
            }
        }
    }
}

static void test_pooled_steps(void **state) {
    int pool, weights, add, m, i, j;
    (void)state;
    for (pool = ISK_POOL_LAST; pool <= ISK_POOL_FIRST; pool++) {
        for (weights = 0; weights < 3; weights++) {
            for (add = 0; add < 2; add++) {
                const int samples = 5, steps = 2, rows = samples * steps, cols = 7;
                const double attributes[] = { steps, pool };
                const matrix x = drawn(rows, cols, 2, 1), y = drawn(samples, cols, 1, 2), g = drawn(samples, cols, 0, 3);
                const matrix dx = drawn(rows, cols, 3, 4), w = row_weights(rows, weights);
                isk_call call = call_of(samples, cols);
                call.accumulate = (unsigned)add;
                call.flags = (unsigned)pool;
                call.tiles = steps;
                call.in[0] = x.o;
                call.in[1] = w.o;
                call.out = y.o;
                run("isk_pool_steps", &call, add);
                call.rows = rows;
                call.in[0] = g.o;
                call.out = dx.o;
                run("isk_pool_steps_back", &call, !add);
                call.rows = samples;
                for (m = 0; m < MODELS; m += 2) {
                    isk__frame frame;
                    isk__call host = host_call(&call, m, &frame);
                    host_in(&host, 0, &x, m);
                    host_in(&host, 1, &w, m);
                    host.loop.attributes = attributes;
                    host.loop.out = was(&y, m, 0, 0);
                    host.loop.out_stride = y.o.stride;
                    host.loop.grad = of(&g, m, 0, 0);
                    host.loop.grad_stride = g.o.stride;
                    host.loop.grad_in[0] = was(&dx, m, 0, 0);
                    host.loop.grad_in_stride[0] = dx.o.stride;
                    isk__pool_steps_forward(&host);
                    isk__pool_steps_backward(&host);
                    for (j = 0; j < cols; j++) {
                        for (i = 0; i < samples; i++) {
                            check_near("pooled", m, i, j, (double)*of(&y, m, i, j), (double)*was(&y, m, i, j), 1e-6);
                        }
                        for (i = 0; i < rows; i++) {
                            check_near("its gradient", m, i, j, (double)*of(&dx, m, i, j), (double)*was(&dx, m, i, j), 1e-6);
                        }
                    }
                }
                check_rest(&y);
                check_rest(&dx);
                let_go();
            }
        }
    }
}

/* Rows that are repeated, joined, multiplied, and the sums over where they went: from their formulas. */
static void test_repeated_rows(void **state) {
    int add, m, i, j, k;
    (void)state;
    for (add = 0; add < 2; add++) {
        const int a_rows = 4, b_rows = 3, cols = 5, rows = a_rows * b_rows;
        const matrix a = drawn(a_rows, cols, 1, 1), b = drawn(b_rows, cols, 2, 2), both = drawn(rows, cols, 0, 3);
        const matrix sums = drawn(a_rows, cols, 3, 4), joined = drawn(rows, cols, 1, 5), part = drawn(2 * a_rows, cols, 2, 6);
        const matrix back = drawn(2 * a_rows, cols, 0, 7), x = drawn(a_rows, b_rows, 1, 8), tokens = drawn(rows, cols, 2, 9);
        const matrix dx = drawn(a_rows, b_rows, 0, 10), dw = drawn(b_rows, cols, 3, 11);
        isk_call call = call_of(rows, cols);
        call.accumulate = add ? 7u : 0u;
        call.in[0] = a.o;
        call.in[1] = b.o;
        call.out = both.o;
        call.inner = call.tiles = b_rows;
        run("isk_add_every", &call, add);
        call.rows = a_rows;                     /* each row of a went to b_rows rows */
        call.in[0] = both.o;
        call.out = sums.o;
        call.tiles = 1;
        call.count = b_rows;
        run("isk_sum_every", &call, !add);
        call.rows = 2 * a_rows;                 /* steps 1 and 2 of three */
        call.in[0] = part.o;
        call.out = joined.o;
        call.out.data += joined.o.stride;
        call.count = 2;
        call.inner = 3;
        run("isk_join_steps", &call, add);
        call.grad = joined.o;
        call.grad.data += joined.o.stride;
        call.grad_in[0] = back.o;
        run("isk_join_steps_back", &call, !add);
        call.rows = rows;
        call.in[0] = x.o;
        call.in[1] = call.in[2] = b.o;
        call.out = tokens.o;
        call.count = a_rows;
        call.inner = b_rows;
        call.tiles = cols;
        run("isk_tokens", &call, add);
        call.grad = both.o;
        call.rows = a_rows;
        call.cols = b_rows;
        call.grad_in[0] = dx.o;
        run("isk_tokens_back", &call, !add);
        call.rows = b_rows;
        call.cols = cols;
        call.grad_in[1] = dw.o;
        run("isk_tokens_weight", &call, add);
        for (m = 0; m < MODELS; m += 2) {
            for (j = 0; j < cols; j++) {
                for (i = 0; i < rows; i++) {
                    const float in_b = *of(&b, m, i % b_rows, j);
                    assert_true(*of(&both, m, i, j) == *of(&a, m, i / b_rows, j) + in_b);
                    assert_true(*of(&joined, m, i, j) == (i % 3 ? *of(&part, m, i / 3 * 2 + i % 3 - 1, j) : *was(&joined, m, i, j)));
                    check_near("token", m, i, j, (double)*of(&tokens, m, i, j),
                               (double)in_b * (1 + (double)*of(&x, m, i / b_rows, i % b_rows)), 1e-6);
                }
                for (i = 0; i < 2 * a_rows; i++) {
                    assert_true(*of(&back, m, i, j) == (add ? *was(&back, m, i, j) : 0) + *of(&part, m, i, j));
                }
                for (i = 0; i < a_rows; i++) {
                    double sum = add ? (double)*was(&sums, m, i, j) : 0;
                    for (k = 0; k < b_rows; k++) sum += (double)*of(&both, m, i * b_rows + k, j);
                    check_near("sum", m, i, j, (double)*of(&sums, m, i, j), sum, 1e-6);
                }
                for (k = 0; k < b_rows; k++) {
                    double sum = add ? (double)*was(&dw, m, k, j) : 0;
                    for (i = 0; i < a_rows; i++) sum += (double)*of(&both, m, i * b_rows + k, j) * (double)*of(&x, m, i, k);
                    check_near("gradient of a weight", m, k, j, (double)*of(&dw, m, k, j), sum, 1e-5);
                }
            }
            for (i = 0; i < a_rows; i++) {
                for (k = 0; k < b_rows; k++) {
                    double sum = add ? (double)*was(&dx, m, i, k) : 0;
                    for (j = 0; j < cols; j++) sum += (double)*of(&both, m, i * b_rows + k, j) * (double)*of(&b, m, k, j);
                    check_near("gradient of x", m, i, k, (double)*of(&dx, m, i, k), sum, 1e-5);
                }
            }
        }
        check_rest(&both);
        check_rest(&sums);
        check_rest(&joined);
        check_rest(&back);
        check_rest(&tokens);
        check_rest(&dx);
        check_rest(&dw);
        let_go();
    }
}

/* Which rows, and which of their steps: bit for bit.  The noise: as its normal numbers. */
static void test_augmentations(void **state) {
    int add, k, m, i, j;
    (void)state;
    for (add = 0; add < 2; add++) {
        for (k = 0; k < 3; k++) {
            const int rows = 11, steps = 6, cols = 18, coin = 5;
            const double attributes[] = { 0.75, 0.5 * k, coin, steps };
            const matrix x = drawn(rows, cols, 2, 1), noisy = drawn(rows, cols, 1, 2), dropped = drawn(rows, cols, 3, 3);
            isk_call call = call_of(rows, cols);
            call.node = 17;
            call.flags = isk__coin_limit(attributes[1]);
            call.count = coin;
            call.tiles = steps;
            call.inner = cols / steps;
            call.attributes[0] = 0.75f;
            call.in[0] = x.o;
            call.out = noisy.o;
            run("isk_noise", &call, add);
            call.out = dropped.o;
            call.accumulate = (unsigned)add;
            run("isk_drop_steps", &call, !add);
            for (m = 0; m < MODELS; m += 2) {
                isk__frame frame;
                isk__call host = host_call(&call, m, &frame);
                host_in(&host, 0, &x, m);
                host.loop.attributes = attributes;
                host.loop.out = was(&noisy, m, 0, 0);
                host.loop.out_stride = noisy.o.stride;
                isk__noise_forward(&host);
                isk__drop_steps_apply(&host, of(&x, m, 0, 0), x.o.stride, was(&dropped, m, 0, 0), dropped.o.stride, add);
                for (i = 0; i < rows; i++) {
                    for (j = 0; j < cols; j++) {
                        check_near("noise", m, i, j, (double)*of(&noisy, m, i, j), (double)*was(&noisy, m, i, j), 1e-6);
                        assert_true(*of(&dropped, m, i, j) == *was(&dropped, m, i, j));
                    }
                }
            }
            check_rest(&noisy);
            check_rest(&dropped);
            let_go();
        }
    }
}

/* From logits to the loss and D; logits that are wide apart take the way with two exponentials. */
static void check_nce(int rows, int weights, float spread) {
    static const char *const kernels[] = { "isk_nce_share", "isk_nce_rows", "isk_nce_columns", "isk_nce_shift", "isk_nce_row_sums",
                                           "isk_nce_column_sums", "isk_nce_loss", "isk_nce_gradient" };
    const int vectors = ISK_NCE_VECTORS;
    const matrix u = drawn(rows, 4, 0, 1), scale = drawn(1, 1, 0, 2), w = row_weights(rows, weights), loss = drawn(1, 1, 0, 3);
    const matrix save = drawn(rows, rows, 3, 4), work = drawn(1, 16 + vectors * rows + 1, 0, 5);
    isk_call call = call_of(rows, rows);
    int m, i, j, k;
    for (m = 0; m < MODELS; m++) {
        *of(&scale, m, 0, 0) = spread;
        *of(&work, m, 0, 16 + vectors * rows) = 4321;
    }
    call.in[0] = call.in[1] = u.o;
    call.in[2] = scale.o;
    call.in[3] = w.o;
    call.out = loss.o;
    call.save = save.o;
    call.work = work.o;
    for (m = 0; m < MODELS; m += 2) {           /* the product before these kernels has scaled its result */
        for (i = 0; i < rows; i++) {
            for (j = 0; j < rows; j++) *of(&save, m, i, j) *= spread;
        }
    }
    for (k = 0; k < COUNT(kernels); k++) run(kernels[k], &call, k & 1);
    for (m = 0; m < MODELS; m += 2) {
        isk__nce n;
        isk_scalar *vector = (isk_scalar *)keep((size_t)(6 * rows) * sizeof *vector);
        memset(&n, 0, sizeof n);
        n.line.cols = rows;
        n.rows = rows;
        n.stride = save.o.stride;
        n.logits = was(&save, m, 0, 0);
        n.weights = w.o.data ? of(&w, m, 0, 0) : NULL;
        n.weight_stride = w.o.stride;
        n.scale = spread;
        n.row_shift = vector;
        n.col_shift = vector + rows;
        n.col_sum = vector + 2 * rows;
        n.share = vector + 3 * rows;
        n.absent = vector + 4 * rows;
        n.other = vector + 5 * rows;
        check_near("loss", m, 0, 0, (double)*of(&loss, m, 0, 0), isk__nce_run(&n), 1e-5);
        for (i = 0; i < rows; i++) {
            for (j = 0; j < rows; j++) {
                check_near("D", m, i, j, (double)*of(&save, m, i, j), (double)*was(&save, m, i, j), 2e-5);
            }
        }
        assert_true(*of(&work, m, 0, 16 + vectors * rows) == 4321);
    }
    check_rest(&loss);
    check_rest(&save);
    let_go();
}

static void test_nce(void **state) {
    int weights, k;
    const float spreads[] = { 1, 14, 70 };      /* logits are drawn from -2 .. 2 */
    (void)state;
    for (weights = 0; weights < 3; weights++) {
        for (k = 0; k < COUNT(spreads); k++) {
            check_nce(1, weights, spreads[k]);
            check_nce(7, weights, spreads[k]);
            check_nce(70, weights, spreads[k]);
        }
    }
}

static void test_nce_backward(void **state) {
    int add, m, i, j;
    (void)state;
    for (add = 0; add < 2; add++) {
        const int rows = 19, cols = 6;
        const matrix u = drawn(rows, cols, 1, 1), scale = drawn(1, 1, 0, 2), grad = drawn(1, 1, 0, 3), du = drawn(rows, cols, 2, 4);
        const matrix dscale = drawn(1, 1, 0, 5), product = drawn(rows, cols, 3, 6), dots = drawn(rows, 1, 0, 7);
        isk_call call = call_of(rows, cols);
        call.accumulate = add ? 7u : 0u;
        call.in[0] = u.o;
        call.in[2] = scale.o;
        call.in[5] = dots.o;
        call.grad = grad.o;
        call.work = product.o;
        call.out = dots.o;
        call.grad_in[0] = du.o;
        call.grad_in[2] = dscale.o;
        run("isk_nce_apply", &call, add);
        run("isk_nce_dots", &call, add);
        run("isk_nce_scale_gradient", &call, add);
        for (m = 0; m < MODELS; m += 2) {
            const double g = (double)*of(&grad, m, 0, 0), s = (double)*of(&scale, m, 0, 0);
            double sum = 0;
            for (i = 0; i < rows; i++) {
                for (j = 0; j < cols; j++) {
                    const double p = (double)*of(&product, m, i, j);
                    sum += p * (double)*of(&u, m, i, j);
                    check_near("du", m, i, j, (double)*of(&du, m, i, j), (add ? (double)*was(&du, m, i, j) : 0) + g * s * p, 1e-5);
                }
            }
            check_near("dscale", m, 0, 0, (double)*of(&dscale, m, 0, 0), (add ? (double)*was(&dscale, m, 0, 0) : 0) + g * sum, 1e-4);
        }
        check_rest(&du);
        check_rest(&dots);
        check_rest(&dscale);
        let_go();
    }
}

/* Several steps of each optimizer, with the rate and the number of the step from the control.  Kernels have 1 - beta from a float
   beta, which for 0.999 differs by 1e-5. */
static void test_optimizers(void **state) {
    int kind, m, j, step;
    (void)state;
    for (kind = 0; kind < 6; kind++) {          /* SGD, Adam, AdamW; each without and with a factor of clipping */
        const int n = 300, clipped = kind & 1, sgd = kind < 2;
        const matrix p = drawn(1, n, 0, 1), m1 = drawn(1, n, 0, 2), m2 = drawn(1, n, 0, 3), g = drawn(1, n, 0, 4),
            work = drawn(1, 18, 0, 5);
        isk_call call = call_of(1, n);
        memset(m1.o.data, 0, (size_t)(MODELS * n) * sizeof(float));
        memset(m2.o.data, 0, (size_t)(MODELS * n) * sizeof(float));
        memset(m1.before, 0, (size_t)(MODELS * n) * sizeof(float));
        memset(m2.before, 0, (size_t)(MODELS * n) * sizeof(float));
        call.in[0] = m1.o;
        call.in[1] = m2.o;
        call.out = p.o;
        call.grad = g.o;
        call.work = work.o;
        call.flags = (clipped ? 2u : 0u) | (kind < 4 && !sgd ? 1u : 0u);
        call.inner = n;
        call.rows = 2;                          /* parts of 256 */
        call.count = 2;
        call.attributes[0] = 5.0f;
        run("isk_norm_parts", &call, 0);
        run("isk_norm", &call, 0);
        call.rows = 1;
        call.attributes[0] = 0.9f;
        call.attributes[1] = sgd ? 0.01f : 0.999f;
        call.attributes[2] = 1e-8f;
        call.attributes[3] = 0.01f;
        for (step = 0; step < 5; step++) {
            for (m = 0; m < MODELS; m++) {
                call.control[m].rate = 0.01 * (m + 1);
                call.control[m].step = (unsigned)(step + 1000 * m);
            }
            run(sgd ? "isk_sgd" : "isk_adam", &call, step & 1);
            for (m = 0; m < MODELS; m += 2) {
                double norm = 0, scale = 1;
                isk__adam_call adam;
                isk__sgd_call plain;
                for (j = 0; j < n; j++) norm += (double)*of(&g, m, 0, j) * (double)*of(&g, m, 0, j);
                norm = sqrt(norm);
                if (clipped && norm > 5) scale = 5 / norm;
                assert_true(norm > 5);
                check_near("factor", m, 0, 0, (double)*of(&work, m, 0, 0), 5 / norm, 1e-6);
                memset(&adam, 0, sizeof adam);
                memset(&plain, 0, sizeof plain);
                plain.n = adam.n = (size_t)n;
                plain.p = adam.p = was(&p, m, 0, 0);
                plain.m = adam.m = was(&m1, m, 0, 0);
                adam.v = was(&m2, m, 0, 0);
                plain.gradient = adam.gradient = of(&g, m, 0, 0);
                plain.rate = adam.rate = call.control[m].rate;
                plain.gradient_scale = adam.gradient_scale = scale;
                plain.weight_decay = adam.weight_decay = 0.01;
                plain.momentum = adam.beta1 = 0.9;
                adam.beta2 = 0.999;
                adam.epsilon = 1e-8;
                adam.step = call.control[m].step + 1;
                adam.coupled = (int)(call.flags & 1u);
                if (sgd) isk__sgd(&plain);
                else isk__adam(&adam);
                for (j = 0; j < n; j++) {
                    check_near("parameter", m, 0, j, (double)*of(&p, m, 0, j), (double)*was(&p, m, 0, j), 4e-5);
                    check_near("moment", m, 0, j, (double)*of(&m1, m, 0, j), (double)*was(&m1, m, 0, j), 1e-5);
                    if (!sgd) check_near("square", m, 0, j, (double)*of(&m2, m, 0, j), (double)*was(&m2, m, 0, j), 1e-4);
                }
            }
        }
        call.attributes[0] = -0.5f;
        call.attributes[1] = 0.25f;
        run("isk_limit", &call, 0);
        for (j = 0; j < n; j++) assert_true(*of(&p, 0, 0, j) >= -0.5f && *of(&p, 0, 0, j) <= 0.25f);
        check_rest(&p);
        check_rest(&m1);
        check_rest(&work);
        let_go();
    }
}

/* Two passes over three batches of which the last has two rows. */
static void test_schedule(void **state) {
    int cosine;
    (void)state;
    for (cosine = 0; cosine < 2; cosine++) {
        const matrix first = drawn(1, 1, 0, 1), second = drawn(1, 1, 0, 2);
        isk_call call = call_of(1, 1);
        int m, batch, pass;
        for (m = 0; m < MODELS; m++) {
            isk_control *control = &call.control[m];
            control->count = 12;
            control->batch_rows = 5;
            control->batches = 3;
            control->cosine = cosine;
            control->epoch = 4;
            control->epochs = 10;
            control->rates[1] = 0.5;
            control->rates[2] = 0.25 * (m + 1);
            control->steps[2] = 40;
        }
        call.in[0] = first.o;
        call.in[1] = second.o;
        for (batch = 0; batch < 3; batch++) {
            run("isk_begin_batch", &call, 0);
            for (pass = 1; pass < 3; pass++) {
                call.node = pass;
                call.flags = (unsigned)pass;
                run("isk_begin_step", &call, 0);
                for (m = 0; m < MODELS; m += 2) {
                    const isk_control *control = &call.control[m];
                    const double part = cosine ? 0.5 * (1 + cos(3.141592653589793 * (4 + batch / 3.0) / 10)) : 1;
                    assert_int_equal(control->first, 5 * batch);
                    assert_int_equal(control->step, batch + (pass == 2 ? 40 : 0));
                    assert_true(fabs(control->rate - part * control->rates[pass]) < 1e-14);
                }
                call.flags = 0;
                call.count = 2;
                run("isk_collect", &call, 0);
                call.flags = 2;
                call.count = 1;
                run("isk_collect", &call, 0);
            }
            run("isk_end_batch", &call, 0);
        }
        for (m = 0; m < MODELS; m++) {
            const isk_control *control = &call.control[m];
            const double a = (double)*of(&first, m, 0, 0), b = (double)*of(&second, m, 0, 0);
            if (m == RESTS) {
                assert_true(control->batch == 0 && control->steps[1] == 0 && control->present[1] == 0);
                continue;
            }
            assert_int_equal(control->batch, 3);
            for (pass = 1; pass < 3; pass++) {
                assert_int_equal(control->steps[pass], pass == 2 ? 43 : 3);
                assert_true(control->present[pass] == 12);
                assert_true(fabs(control->sums[pass][0] - 12 * a) < 1e-12 && fabs(control->sums[pass][1] - 12 * b) < 1e-12);
                assert_true(fabs(control->sums[pass][2] - 12 * a) < 1e-12);
            }
            assert_true(control->present[0] == 0);
        }
        let_go();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_header_text),
        cmocka_unit_test(test_kernels),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_permuted_rows),
        cmocka_unit_test(test_forms_of_sequences),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_pooled_steps),
        cmocka_unit_test(test_repeated_rows),
        cmocka_unit_test(test_augmentations),
        cmocka_unit_test(test_nce),
        cmocka_unit_test(test_nce_backward),
        cmocka_unit_test(test_optimizers),
        cmocka_unit_test(test_schedule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
