/* Compiles the kernel text of indiseek.h with NVRTC, where it can be opened, for the oldest and the newest architecture that
   matter, and reads ptxas' report: no kernel may spill registers or use a stack frame. No GPU is needed. */

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
    return library != NULL && find(library, "nvrtcVersion", &nvrtc.version) && find(library, "nvrtcCreateProgram", &nvrtc.create)
        && find(library, "nvrtcCompileProgram", &nvrtc.compile) && find(library, "nvrtcGetProgramLogSize", &nvrtc.log_size)
        && find(library, "nvrtcGetProgramLog", &nvrtc.log) && find(library, "nvrtcGetCUBINSize", &nvrtc.code_size)
        && find(library, "nvrtcDestroyProgram", &nvrtc.destroy);
}

/* The prelude and the module's own text in one string. */
static char *join(const char *const *text) {
    const char *const *const parts[2] = { isk__kernel_prelude, text };
    size_t length = 1;
    char *joined;
    int part, i;
    for (part = 0; part < 2; part++) {
        for (i = 0; parts[part][i] != NULL; i++) length += strlen(parts[part][i]);
    }
    joined = (char *)calloc(length, 1);
    assert_non_null(joined);
    for (length = 0, part = 0; part < 2; part++) {
        for (i = 0; parts[part][i] != NULL; i++) {
            strcpy(joined + length, parts[part][i]);
            length += strlen(parts[part][i]);
        }
    }
    return joined;
}

static int count_of(const char *text, const char *word) {
    int count = 0;
    for (text = strstr(text, word); text != NULL; text = strstr(text + 1, word)) count++;
    return count;
}

static void check_module(const isk__kernel_module *module, const char *architecture) {
    const char *options[2];
    char option[64], *source = join(module->text), *log;
    const int kernels = count_of(source, "ISK_KERNEL isk_");
    const char *at;
    int result, registers, most = 0;
    size_t size = 0;
    double started;
    nvrtc_program program;

    snprintf(option, sizeof option, "--gpu-architecture=%s", architecture);
    options[0] = option;
    options[1] = "--ptxas-options=-v";
    started = isk__seconds();
    assert_int_equal(nvrtc.create(&program, source, module->name, 0, NULL, NULL), 0);
    result = nvrtc.compile(program, 2, options);
    assert_int_equal(nvrtc.log_size(program, &size), 0);
    log = (char *)calloc(size + 1, 1);
    assert_non_null(log);
    assert_int_equal(nvrtc.log(program, log), 0);
    if (result != 0) fail_msg("%s for %s does not compile:\n%s", module->name, architecture, log);
    assert_int_equal(nvrtc.code_size(program, &size), 0);
    assert_true(size > 0);

    if (count_of(log, "bytes stack frame") < kernels) fail_msg("%s: ptxas reports on fewer than %d kernels:\n%s", module->name, kernels, log);
    for (at = strstr(log, "bytes stack frame"); at != NULL; at = strstr(at + 1, "bytes stack frame")) {
        const char *line = at;
        while (line > log && line[-1] != '\n') line--;
        if (strstr(line, "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads") == NULL
            || strtol(line, NULL, 10) != 0) {
            fail_msg("%s for %s: a stack frame or spills:\n%s", module->name, architecture, log);
        }
    }
    for (at = strstr(log, "Used "); at != NULL; at = strstr(at + 1, "Used ")) {
        registers = atoi(at + 5);
        if (registers > most) most = registers;
    }
    print_message("# %-12s %s: %2d kernels, at most %d registers, no spills, %.2f s, %zu bytes\n", module->name, architecture, kernels,
                  most, isk__seconds() - started, size);
    free(log);
    free(source);
    nvrtc.destroy(&program);
}

static void test_modules(void **state) {
    static const char *const architectures[] = { "sm_75", "sm_90" };
    size_t k, a;
    int major, minor;
    (void)state;
    if (!open_nvrtc()) {
        print_message("# NVRTC cannot be opened: skipped (set INDISEEK_NVRTC to the path of libnvrtc.so)\n");
        skip();
    }
    nvrtc.version(&major, &minor);
    print_message("# NVRTC %d.%d\n", major, minor);
    for (a = 0; a < sizeof architectures / sizeof architectures[0]; a++) {
        for (k = 0; k < sizeof isk__kernel_modules / sizeof isk__kernel_modules[0]; k++) {
            check_module(&isk__kernel_modules[k], architectures[a]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_modules) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
