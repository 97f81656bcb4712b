/* Compiles the kernel text of indiseek.h with NVRTC, where it can be opened, for the oldest architecture that it knows, for the
   one that matters most and for the newest, and reads ptxas' report: no kernel may spill registers or use a stack frame, which
   would be slow memory. No GPU is needed. */

#define INDISEEK_IMPLEMENTATION
#include "indiseek.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <dlfcn.h>
#include <cmocka.h>

typedef struct nvrtc_program *nvrtc_program;

/* The few functions used, under their own names without the prefix. */
static struct {
    int (*version)(int *major, int *minor);
    int (*architecture_count)(int *);
    int (*architectures)(int *);
    int (*create)(nvrtc_program *, const char *source, const char *name, int headers, const char *const *, const char *const *);
    int (*compile)(nvrtc_program, int options, const char *const *);
    int (*log_size)(nvrtc_program, size_t *);
    int (*log)(nvrtc_program, char *);
    int (*code_size)(nvrtc_program, size_t *);
    int (*destroy)(nvrtc_program *);
} nvrtc;

/* A pointer to a function cannot be cast from void * in strict C. */
static int find(void *library, const char *name, void *function) {
    void *address = dlsym(library, name);
    memcpy(function, &address, sizeof address);
    return address != NULL;
}

static int open_nvrtc(void) {
    static const char *const names[] = { "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so", "/usr/local/cuda/lib64/libnvrtc.so" };
    const char *own = getenv("INDISEEK_NVRTC");
    void *library = own ? dlopen(own, RTLD_NOW | RTLD_LOCAL) : NULL;
    size_t k;
    for (k = 0; library == NULL && k < sizeof names / sizeof names[0]; k++) library = dlopen(names[k], RTLD_NOW | RTLD_LOCAL);
    return library != NULL && find(library, "nvrtcVersion", &nvrtc.version)
        && find(library, "nvrtcGetNumSupportedArchs", &nvrtc.architecture_count)
        && find(library, "nvrtcGetSupportedArchs", &nvrtc.architectures) && find(library, "nvrtcCreateProgram", &nvrtc.create)
        && find(library, "nvrtcCompileProgram", &nvrtc.compile) && find(library, "nvrtcGetProgramLogSize", &nvrtc.log_size)
        && find(library, "nvrtcGetProgramLog", &nvrtc.log) && find(library, "nvrtcGetCUBINSize", &nvrtc.code_size)
        && find(library, "nvrtcDestroyProgram", &nvrtc.destroy);
}

/* Text that is put together piece by piece. */
typedef struct source {
    char *text;
    size_t length, room;
} source;

static void add(source *s, const char *text) {
    const size_t length = strlen(text);
    while (s->length + length + 1 > s->room) {
        s->room = 2 * s->room + 65536;
        s->text = (char *)realloc(s->text, s->room);
        assert_non_null(s->text);
    }
    memcpy(s->text + s->length, text, length + 1);
    s->length += length;
}

static void add_all(source *s, const char *const *text) {
    for (; *text != NULL; text++) add(s, *text);
}

static int count_of(const char *text, const char *word) {
    int count = 0;
    for (text = strstr(text, word); text != NULL; text = strstr(text + 1, word)) count++;
    return count;
}

/* The kernels that the text of a module makes. */
static int kernels_of(const char *const *text) {
    static const char *const forms[] = { "ISK_ELEMENTS(isk_", "ISK_ROWS(isk_", "ISK_COLUMNS(isk_", "ISK_MODELS(isk_", "ISK_TILES(isk_" };
    int count = 0;
    size_t k;
    for (; *text != NULL; text++) {
        for (k = 0; k < sizeof forms / sizeof forms[0]; k++) count += count_of(*text, forms[k]);
    }
    return count;
}

/* The largest number that stands in the log before, or behind, a phrase. */
static int most_before(const char *log, const char *phrase) {
    const char *at, *number;
    int most = 0;
    for (at = strstr(log, phrase); at != NULL; at = strstr(at + 1, phrase)) {
        for (number = at; number > log && number[-1] >= '0' && number[-1] <= '9'; number--) {}
        if (atoi(number) > most) most = atoi(number);
    }
    return most;
}

static void check(const char *name, const char *text, int kernels, int architecture) {
    const char *options[2], *at;
    char option[64], *log;
    int result;
    size_t size = 0;
    double started = isk__seconds();
    nvrtc_program program;

    snprintf(option, sizeof option, "--gpu-architecture=sm_%d", architecture);
    options[0] = option;
    options[1] = "--ptxas-options=-v";
    assert_int_equal(nvrtc.create(&program, text, name, 0, NULL, NULL), 0);
    result = nvrtc.compile(program, 2, options);
    assert_int_equal(nvrtc.log_size(program, &size), 0);
    log = (char *)calloc(size + 1, 1);
    assert_non_null(log);
    assert_int_equal(nvrtc.log(program, log), 0);
    if (result != 0) fail_msg("%s for sm_%d does not compile:\n%s", name, architecture, log);
    assert_int_equal(nvrtc.code_size(program, &size), 0);
    assert_true(size > 0);

    if (count_of(log, "bytes stack frame") != kernels) {
        fail_msg("%s: ptxas reports on %d kernels, not %d:\n%s", name, count_of(log, "bytes stack frame"), kernels, log);
    }
    for (at = strstr(log, "bytes stack frame"); at != NULL; at = strstr(at + 1, "bytes stack frame")) {
        const char *line = at;
        while (line > log && line[-1] != '\n') line--;
        if (strstr(line, "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads") == NULL
            || strtol(line, NULL, 10) != 0) {
            fail_msg("%s for sm_%d: a stack frame or spills:\n%s", name, architecture, log);
        }
    }
    print_message("# %-12s sm_%d: %3d kernels, at most %3d registers, %5d bytes shared, no spills, %.2f s, %zu bytes\n", name,
                  architecture, kernels, most_before(log, " registers"), most_before(log, " bytes smem"), isk__seconds() - started, size);
    free(log);
    nvrtc.destroy(&program);
}

/* What the tests run on: 0 ends the list. */
static int architectures[4];

static int open_all(void **state) {
    int all[64], count = 0, major, minor, k;
    (void)state;
    if (!open_nvrtc()) return 0;
    nvrtc.version(&major, &minor);
    assert_int_equal(nvrtc.architecture_count(&count), 0);
    assert_true(count > 0 && count <= 64);
    assert_int_equal(nvrtc.architectures(all), 0);
    print_message("# NVRTC %d.%d\n", major, minor);
    architectures[0] = all[0] > 75 ? all[0] : 75;
    architectures[1] = 90;
    for (k = 0; k < count; k++) architectures[2] = all[k] > architectures[2] ? all[k] : architectures[2];
    if (architectures[2] <= 90) architectures[2] = 0;
    return 0;
}

static void need_nvrtc(void) {
    if (architectures[0] != 0) return;
    print_message("# NVRTC cannot be opened: skipped (set INDISEEK_NVRTC to the path of libnvrtc.so)\n");
    skip();
}

static void test_modules(void **state) {
    size_t k;
    int a;
    (void)state;
    need_nvrtc();
    for (a = 0; architectures[a] != 0; a++) {
        for (k = 0; k < sizeof isk__kernel_modules / sizeof isk__kernel_modules[0]; k++) {
            source s = { NULL, 0, 0 };
            add_all(&s, isk__kernel_prelude);
            add_all(&s, isk__kernel_modules[k].text);
            check(isk__kernel_modules[k].name, s.text, kernels_of(isk__kernel_modules[k].text), architectures[a]);
            free(s.text);
        }
    }
}

/* ---- the block trainer, with the cases of a program ---- */

typedef struct cases {
    source list;
    int count, modules[64];             /* modules[k]: whether a case stands in it */
} cases;

static void add_case(cases *c, const char *name, char grid, int module) {
    char line[200];
    snprintf(line, sizeof line, " \\\n    ISK_CASE_%c(%d, %s)", grid, c->count++, name);
    add(&c->list, line);
    c->modules[module] = 1;
}

static void add_op(cases *c, const isk__op_info *info) {
    char name[128];
    int k;
    for (k = 0; info->forward_grids[k] != '\0'; k++) {
        snprintf(name, sizeof name, "isk_%s_forward_%d", info->name, k);
        add_case(c, name, info->forward_grids[k], info->module);
    }
    for (k = 0; info->backward_grids[k] != '\0'; k++) {
        snprintf(name, sizeof name, "isk_%s_backward_%d", info->name, k);
        add_case(c, name, info->backward_grids[k], info->module);
    }
}

/* Every kernel of the templates but for products, of those one kind; and ops of each sort. */
static void check_block(const char *product, int architecture) {
    static const char *const ops[] = { "add", "scale", "bias", "relu", "gelu", "softmax", "layer_norm", "batch_norm", "l2_normalize",
                                       "sample_normal", "normal_kl", "squared_error", "cross_entropy" };
    cases c;
    source s = { NULL, 0, 0 };
    char name[64];
    size_t k, n;
    memset(&c, 0, sizeof c);
    for (k = 0; k < sizeof isk__template_kernels / sizeof isk__template_kernels[0]; k++) {
        const isk__kernel_info *kernel = &isk__template_kernels[k];
        if (kernel->grid != 't' || strcmp(kernel->name, product) == 0) add_case(&c, kernel->name, kernel->grid, kernel->module);
    }
    for (k = 0; k < (size_t)ISK__OP_COUNT; k++) {
        for (n = 0; n < sizeof ops / sizeof ops[0]; n++) {
            if (strcmp(isk__op_table[k].name, ops[n]) == 0) add_op(&c, &isk__op_table[k]);
        }
    }
    add(&s, "#define ISK_ONLY_BLOCK\n");
    add_all(&s, isk__kernel_prelude);
    for (k = 0; k < sizeof isk__kernel_modules / sizeof isk__kernel_modules[0]; k++) {
        if (c.modules[k]) add_all(&s, isk__kernel_modules[k].text);
    }
    add(&s, "#define ISK_CASES");
    add(&s, c.list.text);
    add(&s, "\n\n");
    add_all(&s, isk__kernel_block);
    snprintf(name, sizeof name, "block of %d", c.count);
    check(name, s.text, 1, architecture);
    free(c.list.text);
    free(s.text);
}

/* Some seconds each, so not on all of them. */
static void test_block(void **state) {
    (void)state;
    need_nvrtc();
    check_block("isk_gemm_fp32", architectures[0]);
    check_block("isk_gemm_tf32x3", architectures[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_modules), cmocka_unit_test(test_block) };
    return cmocka_run_group_tests(tests, open_all, NULL);
}
