/* The emulator of CUDA (emulator/cuda.h) and the stand-in for its libraries (emulator/driver.c), before other tests trust
   them: right kernels give the same bits in every schedule, wrong ones are found, faults do what driver.c says they do. */
/* build: standin */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <dlfcn.h>
#include <cmocka.h>

#include "emulator/cuda.h"
#include "emulator/standin.h"
#include "kernels/gemm.cu"               /* its kernels, and the types of their argument */

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* ---- the stand-in's functions ---- */

typedef uint64_t device_pointer;

#define FUNCTIONS(X)                                                                                                \
    X(int, cuInit, (unsigned))                                                                                      \
    X(int, cuDriverGetVersion, (int *))                                                                             \
    X(int, cuGetErrorName, (int, const char **))                                                                    \
    X(int, cuDeviceGetCount, (int *))                                                                               \
    X(int, cuDevicePrimaryCtxRetain, (void **, int))                                                                \
    X(int, cuDevicePrimaryCtxRelease_v2, (int))                                                                     \
    X(int, cuCtxSetCurrent, (void *))                                                                               \
    X(int, cuCtxSynchronize, (void))                                                                                \
    X(int, cuMemGetInfo_v2, (size_t *, size_t *))                                                                   \
    X(int, cuMemAlloc_v2, (device_pointer *, size_t))                                                               \
    X(int, cuMemFree_v2, (device_pointer))                                                                          \
    X(int, cuMemcpyHtoD_v2, (device_pointer, const void *, size_t))                                                 \
    X(int, cuMemcpyDtoH_v2, (void *, device_pointer, size_t))                                                       \
    X(int, cuMemsetD32Async, (device_pointer, unsigned, size_t, void *))                                            \
    X(int, cuModuleLoadData, (void **, const void *))                                                               \
    X(int, cuModuleUnload, (void *))                                                                                \
    X(int, cuModuleGetFunction, (void **, void *, const char *))                                                    \
    X(int, cuStreamCreate, (void **, unsigned))                                                                     \
    X(int, cuStreamDestroy_v2, (void *))                                                                            \
    X(int, cuStreamSynchronize, (void *))                                                                           \
    X(int, cuLaunchKernel, (void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *,   \
                            void **, void **))                                                                      \
    X(int, cuStreamBeginCapture_v2, (void *, int))                                                                  \
    X(int, cuStreamEndCapture, (void *, void **))                                                                   \
    X(int, cuGraphInstantiateWithFlags, (void **, void *, unsigned long long))                                      \
    X(int, cuGraphLaunch, (void *, void *))                                                                         \
    X(int, cuGraphExecDestroy, (void *))                                                                            \
    X(int, cuGraphDestroy, (void *))                                                                                \
    X(int, nvrtcVersion, (int *, int *))                                                                            \
    X(int, nvrtcGetNumSupportedArchs, (int *))                                                                      \
    X(int, nvrtcCreateProgram, (void **, const char *, const char *, int, const char *const *, const char *const *)) \
    X(int, nvrtcDestroyProgram, (void **))                                                                          \
    X(int, nvrtcCompileProgram, (void *, int, const char *const *))                                                 \
    X(int, nvrtcGetCUBINSize, (void *, size_t *))                                                                   \
    X(int, nvrtcGetCUBIN, (void *, char *))                                                                         \
    X(int, nvrtcGetPTXSize, (void *, size_t *))                                                                     \
    X(int, nvrtcGetProgramLogSize, (void *, size_t *))                                                              \
    X(int, nvrtcGetProgramLog, (void *, char *))                                                                    \
    X(void, standin_reset, (void))                                                                                  \
    X(void, standin_count, (standin_counts *))                                                                      \
    X(long long, standin_launches_of, (const char *))                                                               \
    X(const char *, standin_message, (void))

#define POINTER(type, name, parameters) static type (*name) parameters;
FUNCTIONS(POINTER)

static const char *library_path;

static int open_library(void **state) {
    void *library = dlopen(library_path, RTLD_NOW | RTLD_LOCAL), *address;
    (void)state;
    if (!library) {
        print_message("%s\n", dlerror());
        return -1;
    }
#define LOOK_UP(type, name, parameters)                     \
    address = dlsym(library, #name);                        \
    if (!address) {                                         \
        print_message("%s is missing\n", #name);            \
        return -1;                                          \
    }                                                       \
    memcpy(&name, &address, sizeof address);
    FUNCTIONS(LOOK_UP)
    return 0;
}

/* ---- a device for each test, and what most tests do with it ---- */

static void *stream;

static const char *const faults[] = {
    "STANDIN_DEVICES", "STANDIN_DRIVER", "STANDIN_INIT", "STANDIN_MEMORY", "STANDIN_FAIL_ALLOC", "STANDIN_FAIL_LAUNCH",
    "STANDIN_FAIL_LOAD", "STANDIN_FAIL_COMPILE", "STANDIN_NVRTC", "STANDIN_SCHEDULE", "STANDIN_ARCH", "STANDIN_CFLAGS"
};

static int start(void **state) {
    void *context;
    (void)state;
    setenv("STANDIN_QUIET", "1", 1);
    if (cuInit(0) || cuDevicePrimaryCtxRetain(&context, 0) || cuCtxSetCurrent(context)) { return -1; }
    return cuStreamCreate(&stream, 1);
}

static int stop(void **state) {
    standin_counts counts;
    size_t k;
    (void)state;
    for (k = 0; k < COUNT(faults); k++) { unsetenv(faults[k]); }
    cuStreamDestroy_v2(stream);
    cuDevicePrimaryCtxRelease_v2(0);
    standin_count(&counts);
    standin_reset();
    return counts.live_objects != 0;
}

static void set_number(const char *variable, long long number) {
    char text[32];
    snprintf(text, sizeof text, "%lld", number);
    setenv(variable, text, 1);
}

static int compile(const char *text, void **program) {
    static const char *const options[] = { "--gpu-architecture=sm_90", "--std=c++17" };
    assert_int_equal(nvrtcCreateProgram(program, text, "test.cu", 0, NULL, NULL), 0);
    return nvrtcCompileProgram(*program, 2, options);
}

static char *log_of(void *program) {
    size_t size;
    char *log;
    assert_int_equal(nvrtcGetProgramLogSize(program, &size), 0);
    log = calloc(size + 1, 1);
    assert_non_null(log);
    assert_int_equal(nvrtcGetProgramLog(program, log), 0);
    return log;
}

/* The code of a text, to be freed. */
static char *code_of(const char *text, size_t *size) {
    void *program;
    char *code;
    if (compile(text, &program) != 0) { fail_msg("%s", log_of(program)); }
    assert_int_equal(nvrtcGetCUBINSize(program, size), 0);
    code = malloc(*size);
    assert_non_null(code);
    assert_int_equal(nvrtcGetCUBIN(program, code), 0);
    assert_int_equal(nvrtcDestroyProgram(&program), 0);
    return code;
}

static void *build(const char *text) {
    size_t size;
    char *code = code_of(text, &size);
    void *module;
    assert_int_equal(cuModuleLoadData(&module, code), 0);
    free(code);
    return module;
}

static int launch(void *module, const char *kernel, unsigned blocks, unsigned threads, void *argument) {
    void *function, *arguments[] = { argument };
    assert_int_equal(cuModuleGetFunction(&function, module, kernel), 0);
    return cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, 0, stream, arguments, NULL);
}

static device_pointer upload(const float *values, size_t count) {
    device_pointer memory;
    assert_int_equal(cuMemAlloc_v2(&memory, count * sizeof *values), 0);
    if (values) { assert_int_equal(cuMemcpyHtoD_v2(memory, values, count * sizeof *values), 0); }
    return memory;
}

static float *on_device(device_pointer memory) { return (float *)(uintptr_t)memory; }

/* The argument of this file's own kernels. */
typedef struct small_call {
    const float *in;
    float *out;
    int count, unused;
} small_call;

#define SMALL_CALL "typedef struct isk_call { const float *in; float *out; int count, unused; } isk_call;\n"

enum { BLOCKS = 3, THREADS = 256, ALL = BLOCKS * THREADS };

/* Runs a kernel over ALL elements in one schedule; the launch's error, or that of what follows it. */
static int run_small(void *module, const char *kernel, int schedule, float out[ALL]) {
    static float in[ALL];
    small_call call = { NULL, NULL, ALL, 0 };
    device_pointer from, to;
    int k, error;
    for (k = 0; k < ALL; k++) { in[k] = (float)(k * 37 % 101) - 50; }
    from = upload(in, ALL);
    to = upload(NULL, ALL);
    call.in = on_device(from);
    call.out = on_device(to);
    set_number("STANDIN_SCHEDULE", schedule);
    error = launch(module, kernel, BLOCKS, THREADS, &call);
    if (!error) { error = cuStreamSynchronize(stream); }
    if (!error) { error = cuMemcpyDtoH_v2(out, to, ALL * sizeof *out); }
    if (!error) {
        assert_int_equal(cuMemFree_v2(from), 0);
        assert_int_equal(cuMemFree_v2(to), 0);
    }
    return error;
}

/* ---- right kernels ---- */

static const char reverse_text[] = SMALL_CALL
    "ISK_KERNEL reverse(const isk_call call) {\n"
    "    ISK_SHARED float tile[256];\n"
    "    const int at = (int)(blockIdx.x * blockDim.x), t = (int)threadIdx.x;\n"
    "    for (int round = 0; round < 3; round++) {\n"
    "        tile[t] = call.in[at + t] + (float)round;\n"
    "        __syncthreads();\n"                                        /* the first one */
    "        call.out[at + t] = (round > 0 ? call.out[at + t] : 0.0f) + tile[255 - t];\n"
    "        __syncthreads();\n"                                        /* the second one: the next round overwrites */
    "    }\n"
    "}\n";

static void test_schedules(void **state) {
    static float out[3][ALL];
    void *module = build(reverse_text);
    int schedule, k;
    (void)state;
    for (schedule = 0; schedule < 3; schedule++) {
        assert_int_equal(run_small(module, "reverse", schedule, out[schedule]), 0);
        assert_memory_equal(out[schedule], out[0], sizeof out[0]);
    }
    for (k = 0; k < ALL; k++) { assert_true(out[0][k] == 3 * (float)((k / 256 * 256 + 255 - k % 256) * 37 % 101) - 147); }
    assert_int_equal(standin_launches_of("reverse"), 3);
    cuModuleUnload(module);
}

static void test_shuffles(void **state) {
    static float out[ALL];
    void *module = build(SMALL_CALL
        "ISK_KERNEL exchange(const isk_call call) {\n"
        "    const int t = (int)(blockIdx.x * blockDim.x + threadIdx.x), lane = t % 32;\n"
        "    float sum = (float)t;\n"
        "    for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xFFFFFFFFu, sum, step);\n"
        "    const int right = __shfl_down_sync(0xFFFFFFFFu, lane, 1), left = __shfl_up_sync(0xFFFFFFFFu, lane, 1);\n"
        "    const unsigned fifth = __shfl_sync(0xFFFFFFFFu, (unsigned)lane, 5);\n"
        "    __syncwarp();\n"
        "    const int right_expected = lane < 31 ? lane + 1 : 31, left_expected = lane > 0 ? lane - 1 : 0;\n"
        "    call.out[t] = right == right_expected && left == left_expected && fifth == 5 ? sum : -1.0f;\n"
        "}\n");
    int schedule, k;
    (void)state;
    for (schedule = 0; schedule < 3; schedule++) {
        assert_int_equal(run_small(module, "exchange", schedule, out), 0);
        for (k = 0; k < ALL; k++) { assert_true(out[k] == (float)(32 * (k / 32 * 32) + 31 * 16)); }
    }
    cuModuleUnload(module);
}

static void test_poison(void **state) {
    static float out[ALL];
    void *module = build(SMALL_CALL
        "ISK_KERNEL leave(const isk_call call) {\n"
        "    ISK_SHARED float tile[256];\n"
        "    const int t = (int)threadIdx.x;\n"
        "    call.out[blockIdx.x * blockDim.x + threadIdx.x] = tile[t];\n"
        "    tile[t] = 1;\n"                                    /* not for the next block to see */
        "}\n");
    int schedule, k;
    (void)state;
    for (schedule = 0; schedule < 3; schedule++) {
        assert_int_equal(run_small(module, "leave", schedule, out), 0);
        for (k = 0; k < ALL; k++) { assert_true(isnan(out[k])); }
    }
    cuModuleUnload(module);
}

/* ---- wrong kernels ---- */

/* `text` without the n-th `part`, to be freed; NULL where there are fewer. */
static char *without(const char *text, const char *part, int n) {
    const char *at = strstr(text, part);
    char *copy;
    while (at && n-- > 0) { at = strstr(at + 1, part); }
    if (!at) { return NULL; }
    copy = malloc(strlen(text) + 1);
    assert_non_null(copy);
    memcpy(copy, text, (size_t)(at - text));
    strcpy(copy + (at - text), at + strlen(part));
    return copy;
}

static void test_missing_barrier(void **state) {
    static float right[ALL], out[ALL];
    void *module = build(reverse_text);
    int n, schedule, wrong;
    (void)state;
    assert_int_equal(run_small(module, "reverse", 0, right), 0);
    cuModuleUnload(module);
    for (n = 0; n < 2; n++) {
        char *text = without(reverse_text, "__syncthreads();", n);
        module = build(text);
        for (schedule = 0, wrong = 0; schedule < 3; schedule++) {
            assert_int_equal(run_small(module, "reverse", schedule, out), 0);
            wrong += memcmp(out, right, sizeof out) != 0;
        }
        assert_true(wrong > 0);
        cuModuleUnload(module);
        free(text);
    }
}

/* A kernel whose launch must fail with these words; everything fails afterwards, and nothing after the context's end. */
static void check_failure(const char *body, const char *words, const char *more_words) {
    static float out[ALL];
    char text[2000];
    void *module, *context;
    int schedule;
    size_t free_bytes, total;
    standin_counts counts;
    snprintf(text, sizeof text, "%sISK_KERNEL wrong(const isk_call call) {\n%s}\n", SMALL_CALL, body);
    for (schedule = 0; schedule < 3; schedule++) {
        module = build(text);
        assert_int_equal(run_small(module, "wrong", schedule, out), 719);
        if (!strstr(standin_message(), "kernel wrong, block (") || !strstr(standin_message(), words) ||
            !strstr(standin_message(), more_words)) {
            fail_msg("the message: %s", standin_message());
        }
        assert_int_equal(cuMemGetInfo_v2(&free_bytes, &total), 719);
        assert_int_equal(cuModuleUnload(module), 719);
        cuStreamDestroy_v2(stream);
        assert_int_equal(cuDevicePrimaryCtxRelease_v2(0), 0);
        assert_int_equal(cuDevicePrimaryCtxRetain(&context, 0), 0);
        assert_int_equal(cuCtxSetCurrent(context), 0);
        assert_int_equal(cuStreamCreate(&stream, 1), 0);
        standin_count(&counts);
        assert_int_equal(counts.live_allocations, 0);
        assert_int_equal(counts.leaks, 0);
    }
}

static void test_divergence(void **state) {
    (void)state;
    check_failure("    if (threadIdx.x < 100) __syncthreads();\n", "waits at __syncthreads() of line 3 in wrong", "has ended");
    check_failure("    if (threadIdx.x < 100) __syncthreads();\n    else\n        __syncthreads();\n",
                  "of line 3 in wrong", "of line 5 in wrong");
    check_failure("    if (threadIdx.x < 100) __syncwarp();\n    __syncthreads();\n",
                  "waits for its warp of line 3", "at __syncthreads() of line 4");
    check_failure("    const int sum = threadIdx.x % 2 ? __shfl_xor_sync(0xFFFFFFFFu, 1, 1) : 1;\n    call.out[0] = (float)sum;\n",
                  "waits for its warp of line 3 in wrong", "has ended");
    check_failure("    const int sum = __shfl_xor_sync(0xFFFFu, 1, 1);\n    call.out[0] = (float)sum;\n", "part of a warp", "line 3");
}

/* ---- memory ---- */

static void test_memory(void **state) {
    device_pointer memory, other;
    size_t free_before, free_after, total;
    float values[4] = { 1, 2, 3, 4 }, back[4];
    standin_counts counts;
    int k;
    (void)state;
    assert_int_equal(cuMemGetInfo_v2(&free_before, &total), 0);
    assert_int_equal(cuMemAlloc_v2(&memory, sizeof values), 0);
    assert_int_equal(cuMemGetInfo_v2(&free_after, &total), 0);
    assert_int_equal(free_before - free_after, sizeof values);
    assert_int_equal(cuMemcpyDtoH_v2(back, memory, sizeof back), 0);
    for (k = 0; k < 4; k++) { assert_true(isnan(back[k])); }
    assert_int_equal(cuMemcpyHtoD_v2(memory, values, sizeof values), 0);
    assert_int_equal(cuMemsetD32Async(memory + 4, 0x40A00000u, 2, stream), 0);
    assert_int_equal(cuMemcpyDtoH_v2(back, memory, sizeof back), 0);
    assert_true(back[0] == 1 && back[1] == 5 && back[2] == 5 && back[3] == 4);
    standin_count(&counts);
    assert_int_equal(counts.live_allocations, 1);
    assert_int_equal(counts.live_bytes, sizeof values);
    assert_int_equal(counts.to_device, 1);
    assert_int_equal(counts.to_host, 2);
    assert_int_equal(counts.bytes_to_host, 2 * sizeof values);
    assert_int_equal(counts.fills, 1);

    assert_int_equal(cuMemcpyHtoD_v2(memory + 4, values, sizeof values), 1);
    assert_int_equal(cuMemcpyDtoH_v2(back, memory - 4, sizeof values), 1);
    assert_int_equal(cuMemsetD32Async(memory, 0, 5, stream), 1);
    assert_int_equal(cuMemFree_v2(memory + 4), 1);
    assert_int_equal(cuMemFree_v2(memory), 0);
    assert_int_equal(cuMemFree_v2(memory), 1);
    assert_int_equal(cuMemcpyHtoD_v2(memory, values, sizeof values), 1);
    assert_non_null(strstr(standin_message(), "to the device leaves the allocations"));
    assert_int_equal(cuMemAlloc_v2(&other, 0), 1);

    set_number("STANDIN_MEMORY", 1000);
    assert_int_equal(cuMemAlloc_v2(&memory, 600), 0);
    assert_int_equal(cuMemAlloc_v2(&other, 600), 2);
    set_number("STANDIN_FAIL_ALLOC", 3);
    standin_reset();
    assert_int_equal(cuMemAlloc_v2(&other, 8), 0);
    assert_int_equal(cuMemFree_v2(other), 0);
    assert_int_equal(cuMemAlloc_v2(&other, 8), 0);
    assert_int_equal(cuMemFree_v2(other), 0);
    assert_int_equal(cuMemAlloc_v2(&other, 8), 2);
    assert_int_equal(cuMemAlloc_v2(&other, 8), 0);
    cuStreamDestroy_v2(stream);
    assert_int_equal(cuDevicePrimaryCtxRelease_v2(0), 0);
    standin_count(&counts);
    assert_int_equal(counts.leaks, 2);
    assert_int_equal(counts.live_allocations, 0);
    unsetenv("STANDIN_MEMORY");
    unsetenv("STANDIN_FAIL_ALLOC");
    assert_int_equal(start(NULL), 0);
}

/* AddressSanitizer would end the program at these stores. */
static void test_stray_stores(void **state) {
    void *module, *context;
    small_call call = { NULL, NULL, 0, 0 };
    device_pointer memory;
    (void)state;
    if (EMULATOR_ASAN) {
        print_message("# skipped: the address sanitizer ends the program that this test means to survive\n");
        skip();
    }
    module = build(SMALL_CALL "ISK_KERNEL store(const isk_call call) { call.out[call.count] = 1; }\n");
    assert_int_equal(cuMemAlloc_v2(&memory, 40), 0);
    call.out = on_device(memory);
    call.count = 9;
    assert_int_equal(launch(module, "store", 1, 1, &call), 0);
    assert_int_equal(cuStreamSynchronize(stream), 0);
    call.count = 10;
    assert_int_equal(launch(module, "store", 1, 1, &call), 0);
    assert_int_equal(cuStreamSynchronize(stream), 719);
    assert_non_null(strstr(standin_message(), "store stored beyond an allocation of 40 bytes"));

    cuDevicePrimaryCtxRelease_v2(0);
    assert_int_equal(cuDevicePrimaryCtxRetain(&context, 0), 0);
    assert_int_equal(cuCtxSetCurrent(context), 0);
    assert_int_equal(cuMemAlloc_v2(&memory, 40), 0);
    assert_int_equal(cuMemFree_v2(memory), 0);
    call.out = on_device(memory);
    call.count = 3;
    assert_int_equal(launch(module, "store", 1, 1, &call), 0);
    cuModuleUnload(module);
    cuStreamDestroy_v2(stream);
    assert_int_equal(cuDevicePrimaryCtxRelease_v2(0), 719);
    assert_non_null(strstr(standin_message(), "40 bytes that had been freed"));
    assert_int_equal(start(NULL), 0);
}

/* ---- captures ---- */

static const char add_text[] = SMALL_CALL
    "ISK_KERNEL add(const isk_call call) { if (threadIdx.x == 0) call.out[0] += (float)call.count; }\n";

static void test_capture(void **state) {
    void *module = build(add_text), *graph, *runnable, *second;
    float value = 5;
    device_pointer memory = upload(&value, 1), other;
    small_call call = { NULL, on_device(memory), 1, 0 };
    standin_counts counts;
    (void)state;
    assert_int_equal(cuStreamBeginCapture_v2(stream, 0), 0);
    assert_int_equal(launch(module, "add", 1, 256, &call), 0);
    call.count = 10;                                    /* the first launch keeps its argument */
    assert_int_equal(launch(module, "add", 1, 32, &call), 0);
    assert_int_equal(cuStreamEndCapture(stream, &graph), 0);
    assert_int_equal(cuMemcpyDtoH_v2(&value, memory, sizeof value), 0);
    assert_true(value == 5);
    assert_int_equal(cuGraphInstantiateWithFlags(&runnable, graph, 0), 0);
    assert_int_equal(cuGraphDestroy(graph), 0);
    call.count = 1000;
    assert_int_equal(cuGraphLaunch(runnable, stream), 0);
    assert_int_equal(cuGraphLaunch(runnable, stream), 0);
    assert_int_equal(cuMemcpyDtoH_v2(&value, memory, sizeof value), 0);
    assert_true(value == 27);
    standin_count(&counts);
    assert_int_equal(counts.captured, 2);
    assert_int_equal(counts.launches, 4);
    assert_int_equal(counts.graph_launches, 2);
    assert_int_equal(cuGraphExecDestroy(runnable), 0);

    assert_int_equal(cuStreamBeginCapture_v2(stream, 0), 0);        /* what is not allowed breaks the capture */
    assert_int_equal(cuMemcpyDtoH_v2(&value, memory, sizeof value), 900);
    assert_int_equal(cuStreamEndCapture(stream, &graph), 901);
    assert_int_equal(cuStreamBeginCapture_v2(stream, 0), 0);
    assert_int_equal(cuMemAlloc_v2(&other, 4), 900);
    assert_int_equal(cuStreamSynchronize(stream), 900);
    assert_int_equal(cuStreamEndCapture(stream, &graph), 901);
    assert_int_equal(cuStreamEndCapture(stream, &graph), 1);
    assert_int_equal(cuStreamCreate(&second, 1), 0);
    assert_int_equal(cuStreamBeginCapture_v2(second, 2), 0);
    assert_int_equal(cuMemAlloc_v2(&other, 4), 0);                  /* in the relaxed mode it is */
    assert_int_equal(cuStreamDestroy_v2(second), 0);
    assert_int_equal(cuMemFree_v2(other), 0);
    assert_int_equal(cuMemFree_v2(memory), 0);
    cuModuleUnload(module);
}

/* ---- faults ---- */

static void test_lost_device(void **state) {
    void *module = build(add_text);
    float value = 0;
    device_pointer memory = upload(&value, 1);
    small_call call = { NULL, on_device(memory), 1, 0 };
    const char *name;
    (void)state;
    set_number("STANDIN_FAIL_LAUNCH", 2);
    assert_int_equal(launch(module, "add", 1, 1, &call), 0);
    assert_int_equal(cuStreamSynchronize(stream), 0);
    assert_int_equal(launch(module, "add", 1, 1, &call), 0);        /* as on a device, it is known later */
    assert_int_equal(cuStreamSynchronize(stream), 719);
    assert_int_equal(cuCtxSynchronize(), 719);
    assert_int_equal(cuMemcpyDtoH_v2(&value, memory, sizeof value), 719);
    assert_int_equal(cuMemFree_v2(memory), 719);
    assert_int_equal(cuGetErrorName(719, &name), 0);
    assert_string_equal(name, "CUDA_ERROR_LAUNCH_FAILED");
    assert_int_equal(cuModuleUnload(module), 719);
}

static void test_no_device(void **state) {
    int count, version, major, minor;
    void *context;
    (void)state;
    assert_int_equal(cuDriverGetVersion(&version), 0);
    assert_int_equal(version, 13000);
    set_number("STANDIN_DRIVER", 11040);
    assert_int_equal(cuDriverGetVersion(&version), 0);
    assert_int_equal(version, 11040);
    set_number("STANDIN_DEVICES", 0);
    assert_int_equal(cuInit(0), 100);
    assert_int_equal(cuDeviceGetCount(&count), 0);
    assert_int_equal(count, 0);
    assert_int_equal(cuDevicePrimaryCtxRetain(&context, 0), 101);
    set_number("STANDIN_INIT", 999);
    assert_int_equal(cuInit(0), 999);
    set_number("STANDIN_NVRTC", 12);
    assert_int_equal(nvrtcVersion(&major, &minor), 0);
    assert_int_equal(major, 12);
    cuCtxSetCurrent(NULL);
    assert_int_equal(cuCtxSynchronize(), 201);
}

static void test_compile_errors(void **state) {
    static const char *const unknown[] = { "--gpu-architecture=sm_35", "--compute-everything" };
    void *program;
    char *log;
    int k;
    size_t size;
    (void)state;
    assert_int_equal(compile(SMALL_CALL "ISK_KERNEL wrong(const isk_call call) {\n    call.out[0] = unknown;\n}\n", &program), 6);
    log = log_of(program);
    assert_non_null(strstr(log, "test.cu:3"));
    assert_non_null(strstr(log, "unknown"));
    free(log);
    assert_int_not_equal(nvrtcGetCUBINSize(program, &size), 0);
    for (k = 0; k < 2; k++) { assert_int_equal(nvrtcCompileProgram(program, 1, &unknown[k]), 5); }
    assert_int_equal(nvrtcDestroyProgram(&program), 0);
    setenv("STANDIN_FAIL_COMPILE", "other", 1);
    assert_int_equal(compile(add_text, &program), 0);
    setenv("STANDIN_FAIL_COMPILE", "test", 1);
    assert_int_equal(nvrtcCompileProgram(program, 0, NULL), 6);
    assert_int_equal(nvrtcDestroyProgram(&program), 0);
}

static void test_code(void **state) {
    size_t size;
    char *code = code_of(add_text, &size);
    void *module, *function;
    (void)state;
    assert_int_equal(cuModuleLoadData(&module, code), 0);
    assert_int_equal(cuModuleGetFunction(&function, module, "subtract"), 500);
    assert_int_equal(cuModuleGetFunction(&function, module, "add"), 0);
    cuModuleUnload(module);
    code[size / 2] ^= 1;
    assert_int_equal(cuModuleLoadData(&module, code), 200);
    code[size / 2] ^= 1;
    code[0] ^= 1;
    assert_int_equal(cuModuleLoadData(&module, code), 200);
    code[0] ^= 1;
    setenv("STANDIN_CFLAGS", "-O0", 1);                 /* built for something else */
    assert_int_equal(cuModuleLoadData(&module, code), 200);
    unsetenv("STANDIN_CFLAGS");
    standin_reset();
    set_number("STANDIN_FAIL_LOAD", 2);
    assert_int_equal(cuModuleLoadData(&module, code), 0);
    cuModuleUnload(module);
    assert_int_equal(cuModuleLoadData(&module, code), 200);
    free(code);
}

/* A copy of the library in which a name was changed has no such symbol: how tests see an old driver. */
static void test_missing_symbol(void **state) {
    static const char name[] = "cuGraphLaunch", copy_path[] = "build/scratch/libstandin-old.so";
    FILE *file = fopen(library_path, "rb");
    char *bytes = malloc(1 << 22);
    size_t size, k;
    void *library;
    (void)state;
    assert_non_null(file);
    assert_non_null(bytes);
    size = fread(bytes, 1, 1 << 22, file);
    fclose(file);
    for (k = 0; k + sizeof name <= size; k++) {
        if (memcmp(bytes + k, name, sizeof name) == 0) { bytes[k] = 'x'; }
    }
    mkdir("build/scratch", 0777);
    file = fopen(copy_path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
    free(bytes);
    library = dlopen(copy_path, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(library);
    assert_null(dlsym(library, name));
    assert_non_null(dlsym(library, "cuGraphDestroy"));
    dlclose(library);
}

/* ---- the products of kernels/gemm.cu ---- */

enum { M = 70, N = 75, K = 37 };

static float left[M * K], right[K * N], product[M * N];

static void make_product(void) {
    int i, j, k;
    for (k = 0; k < M * K; k++) { left[k] = (float)(k * 37 % 101) / 50 - 1; }
    for (k = 0; k < K * N; k++) { right[k] = (float)(k * 53 % 103) / 50 - 1; }
    for (i = 0; i < M; i++) {
        for (j = 0; j < N; j++) {
            double sum = 0;
            for (k = 0; k < K; k++) { sum += (double)left[i * K + k] * (double)right[k * N + j]; }
            product[i * N + j] = (float)sum;
        }
    }
}

static isk_call product_call(float *a, float *b, float *c, isk_control *control, int tile) {
    isk_call call;
    memset(&call, 0, sizeof call);
    call.in[0].data = a;
    call.in[0].stride = K;
    call.in[1].data = b;
    call.in[1].stride = N;
    call.out.data = c;
    call.out.stride = N;
    call.control = control;
    call.rows = M;
    call.cols = N;
    call.inner = K;
    call.tiles = ((M + tile - 1) / tile) * ((N + tile - 1) / tile);
    return call;
}

static int is_product(const float *c, double tolerance) {
    int k;
    for (k = 0; k < M * N && fabs((double)c[k] - (double)product[k]) <= tolerance; k++) {}
    return k == M * N;
}

static const struct { const char *name; int tile; double tolerance; } products[] = {
    { "isk_gemm_fp32", 64, 1e-5 }, { "isk_gemm_fp32_small", 32, 1e-5 }, { "isk_gemm_tf32x3", 64, 1e-5 }, { "isk_gemm_tf32", 64, 1e-2 },
};

static void call_product(emulator_kernel kernel, const void *argument) { ((void (*)(isk_call))kernel)(*(const isk_call *)argument); }

/* Included into a program, without the stand-in. */
static void test_included(void **state) {
    static void (*const kernels[])(isk_call) = { isk_gemm_fp32, isk_gemm_fp32_small, isk_gemm_tf32x3, isk_gemm_tf32 };
    static float out[M * N];
    isk_control control;
    char message[500];
    int n, schedule, k;
    (void)state;
    make_product();
    memset(&control, 0, sizeof control);
    control.live = 1;
    for (n = 0; n < (int)COUNT(products); n++) {
        for (schedule = 0; schedule < 3; schedule++) {
            const isk_call call = product_call(left, right, out, &control, products[n].tile);
            const unsigned sizes[6] = { (unsigned)call.tiles, 1, 1, 256, 1, 1 };
            for (k = 0; k < M * N; k++) { out[k] = NAN; }
            assert_int_equal(emulator_run((emulator_kernel)kernels[n], call_product, products[n].name, sizes, &call, schedule, message,
                                          sizeof message), 0);
            assert_true(is_product(out, products[n].tolerance));
        }
    }
}

static char *read_text(const char *path) {
    char *text = calloc(1 << 18, 1);
    FILE *file = fopen(path, "rb");
    assert_non_null(text);
    if (!file) { fail_msg("%s is missing: run from the repository's root", path); }
    assert_true(fread(text, 1, (1 << 18) - 1, file) > 0);
    fclose(file);
    return text;
}

/* The text of a module as NVRTC gets it: the prelude, then what stands after the line that includes it. */
static char *read_module(const char *path) {
    static const char include[] = "#include \"prelude.cu\"";
    char *all = calloc(1 << 19, 1), *prelude = read_text("kernels/prelude.cu"), *text = read_text(path), *own = strstr(text, include);
    assert_non_null(all);
    assert_non_null(own);
    snprintf(all, 1 << 19, "%s%s", prelude, own + sizeof include - 1);
    free(prelude);
    free(text);
    return all;
}

/* Which of the kernels give a wrong product, or none, in some schedule: a bit each. */
static unsigned wrong_products(const char *text) {
    static float out[M * N];
    void *module = build(text);
    isk_control control;
    device_pointer a = upload(left, M * K), b = upload(right, K * N), c = upload(NULL, M * N), d;
    unsigned wrong = 0, n;
    int schedule;
    memset(&control, 0, sizeof control);
    control.live = 1;
    assert_int_equal(cuMemAlloc_v2(&d, sizeof control), 0);
    assert_int_equal(cuMemcpyHtoD_v2(d, &control, sizeof control), 0);
    for (n = 0; n < COUNT(products); n++) {
        for (schedule = 0; schedule < 3; schedule++) {
            isk_call call = product_call(on_device(a), on_device(b), on_device(c), (isk_control *)(uintptr_t)d, products[n].tile);
            set_number("STANDIN_SCHEDULE", schedule);
            assert_int_equal(cuMemsetD32Async(c, 0xFFFFFFFFu, M * N, stream), 0);
            assert_int_equal(launch(module, products[n].name, (unsigned)call.tiles, 256, &call), 0);
            assert_int_equal(cuMemcpyDtoH_v2(out, c, sizeof out), 0);
            if (!is_product(out, products[n].tolerance)) { wrong |= 1u << n; }
        }
    }
    assert_int_equal(cuMemFree_v2(a) + cuMemFree_v2(b) + cuMemFree_v2(c) + cuMemFree_v2(d), 0);
    cuModuleUnload(module);
    return wrong;
}

/* Each barrier of the text is needed, and taking it away is noticed. */
static void test_gemm_barriers(void **state) {
    char *text = read_module("kernels/gemm.cu"), *less;
    unsigned seen = 0;
    int n;
    (void)state;
    make_product();
    assert_int_equal(wrong_products(text), 0);
    for (n = 0; (less = without(text, "__syncthreads();", n)) != NULL; n++) {
        const unsigned wrong = wrong_products(less);
        if (!wrong) { fail_msg("kernels/gemm.cu without its barrier number %d is as good as with it", n + 1); }
        seen |= wrong;
        free(less);
    }
    assert_int_equal(seen, (1u << COUNT(products)) - 1);
    free(text);
}

int main(int count, char **arguments) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_included),
        cmocka_unit_test_setup_teardown(test_schedules, start, stop),
        cmocka_unit_test_setup_teardown(test_shuffles, start, stop),
        cmocka_unit_test_setup_teardown(test_poison, start, stop),
        cmocka_unit_test_setup_teardown(test_missing_barrier, start, stop),
        cmocka_unit_test_setup_teardown(test_divergence, start, stop),
        cmocka_unit_test_setup_teardown(test_memory, start, stop),
        cmocka_unit_test_setup_teardown(test_stray_stores, start, stop),
        cmocka_unit_test_setup_teardown(test_capture, start, stop),
        cmocka_unit_test_setup_teardown(test_lost_device, start, stop),
        cmocka_unit_test_setup_teardown(test_no_device, start, stop),
        cmocka_unit_test_setup_teardown(test_compile_errors, start, stop),
        cmocka_unit_test_setup_teardown(test_code, start, stop),
        cmocka_unit_test(test_missing_symbol),
        cmocka_unit_test_setup_teardown(test_gemm_barriers, start, stop),
    };
    (void)count;
    library_path = standin_path(arguments[0]);
    return cmocka_run_group_tests(tests, open_library, NULL);
}
