/* The CUDA text of every op, run on the CPU thread by thread, against the CPU loops: several models in one launch, shared
   and separate data, a model that rests, missing and accumulated gradients, threads in either order. */

#define INDISEEK_IMPLEMENTATION
#include "indiseek.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "op_instance.h"

#include "cuda_shim.h"
#include "../kernels/elementwise.cu"
#include "../kernels/activations.cu"
#include "../kernels/rows.cu"
#include "../kernels/columns.cu"
#include "../kernels/losses.cu"

#define MODELS 3
#define RESTS 1                         /* this model is not trained any more */

typedef struct kernel_entry {
    const char *name;
    void (*run)(const isk_call);
} kernel_entry;
#define KERNEL_ENTRY(name) { #name, name },
static const kernel_entry kernel_entries[] = { OP_KERNELS(KERNEL_ENTRY) };

static const kernel_entry *find_kernel(const char *op, const char *direction, int number) {
    char name[128];
    int k;
    snprintf(name, sizeof name, "isk_%s_%s_%d", op, direction, number);
    for (k = 0; k < COUNT(kernel_entries); k++) {
        if (strcmp(kernel_entries[k].name, name) == 0) return &kernel_entries[k];
    }
    return NULL;
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

static void launch(const char *op, const char *direction, const char *grids, const isk_call *call, int backwards) {
    int k;
    for (k = 0; grids[k] != '\0'; k++) {
        const kernel_entry *kernel = find_kernel(op, direction, k);
        const int threads = 64, want = grids[k] == 'e' ? call->rows * call->cols : grids[k] == 'r' ? call->rows
                                     : grids[k] == 'c' ? call->cols : 1;
        if (kernel == NULL) fail_msg("%s: kernel %d of %s is missing", op, k, direction);
        SHIM_LAUNCH(kernel->run, *call, (want + threads - 1) / threads, MODELS, threads, backwards);
    }
    if (find_kernel(op, direction, k) != NULL) fail_msg("%s: more kernels of %s than grids", op, direction);
}

static void check_op(const isk__op_info *info, int rows, int cols, int weights, int backwards, unsigned accumulate, unsigned wanted) {
    instance models[MODELS];
    const operand *pointers[MODELS];
    device_operand in[ISK__MAX_INPUTS], grad_in[ISK__MAX_INPUTS], out, grad;
    const op_case *c = example(info);
    const int work = info->work_rows * rows + info->work_cols * cols + 16;
    int live[MODELS] = { 1, 1, 1 }, m, k;
    isk_call call;

    memset(&call, 0, sizeof call);
    live[RESTS] = 0;
    for (m = 0; m < MODELS; m++) {
        models[m] = make(info, rows, cols, 3, 77u + (unsigned)m, c->positive, weights);
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
    call.live = live;
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

/* The host's struct is the kernels' struct. */
static void test_layout(void **state) {
    (void)state;
    assert_int_equal(sizeof(isk__kernel_operand), sizeof(isk_operand));
    assert_int_equal(offsetof(isk__kernel_operand, model), offsetof(isk_operand, model));
    assert_int_equal(offsetof(isk__kernel_operand, stride), offsetof(isk_operand, stride));
    assert_int_equal(sizeof(isk__kernel_call), sizeof(isk_call));
    assert_int_equal(offsetof(isk__kernel_call, grad_in), offsetof(isk_call, grad_in));
    assert_int_equal(offsetof(isk__kernel_call, out), offsetof(isk_call, out));
    assert_int_equal(offsetof(isk__kernel_call, work), offsetof(isk_call, work));
    assert_int_equal(offsetof(isk__kernel_call, live), offsetof(isk_call, live));
    assert_int_equal(offsetof(isk__kernel_call, rows), offsetof(isk_call, rows));
    assert_int_equal(offsetof(isk__kernel_call, accumulate), offsetof(isk_call, accumulate));
    assert_int_equal(offsetof(isk__kernel_call, attributes), offsetof(isk_call, attributes));
}

/* The text inside the header is the text of kernels/. */
static void test_header_text(void **state) {
    static char file_text[200000], header_text[200000];
    int k, part;
    (void)state;
    for (k = 0; k < COUNT(isk__kernel_modules); k++) {
        const isk__kernel_module *module = &isk__kernel_modules[k];
        const char *const *const parts[2] = { isk__kernel_prelude, module->text };
        const char *begin;
        char path[128], *to = header_text;
        size_t size, i;
        FILE *file;
        snprintf(path, sizeof path, "kernels/%s.cu", module->name);
        file = fopen(path, "rb");
        if (file == NULL) fail_msg("%s is missing: run from the repository's root", path);
        size = fread(file_text, 1, sizeof file_text - 1, file);
        fclose(file);
        file_text[size] = '\0';
        for (part = 0; part < 2; part++) {
            for (i = 0; parts[part][i] != NULL; i++) {
                assert_true(strlen(parts[part][i]) <= 4095);
                strcpy(to, parts[part][i]);
                to += strlen(to);
            }
        }
        while (to > header_text && to[-1] == '\n') *--to = '\0';
        begin = strstr(file_text, "/* Shared by all modules");
        assert_non_null(begin);
        for (i = 0; header_text[i] != '\0' && begin[i] == header_text[i]; i++) {}
        if (header_text[i] != '\0' || strcmp(begin + i, "\n") != 0) fail_msg("%s differs from the text in indiseek.h", path);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_header_text),
        cmocka_unit_test(test_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
