/* Speed of the built-in matrix product on the shapes of the library's networks, next to the core's FMA peak and, where it
   is installed, OpenBLAS at one thread.

       bench_gemm [level ...]      0 portable, 1 AVX2, 2 AVX-512; default: all that this CPU has

   Every number is the best of many short repeats, ours and OpenBLAS' in turn, so that a busy machine costs both the same.
   Build: cc -O2 -I. bench/bench_gemm.c -lm -ldl */

#define INDISEEK_IMPLEMENTATION
#define INDISEEK_NO_CUDA
#include "indiseek.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { repeats = 60 };

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Independent chains of multiply-adds on registers: GFLOP/s that no kernel can pass.  Written in the library's own vectors. */
#define PEAK(set, attribute) \
    attribute static double peak_##set(void) { \
        isk__##set x = isk__##set##_set1((isk_scalar)0.999), y = isk__##set##_set1((isk_scalar)1e-4); \
        isk__##set c0 = y, c1 = c0 + y, c2 = c1 + y, c3 = c2 + y, c4 = c3 + y, c5 = c4 + y, c6 = c5 + y, c7 = c6 + y; \
        isk__##set c8 = c7 + y, c9 = c8 + y; \
        const int steps = 10000; \
        volatile isk_scalar sink; \
        double start = seconds(); \
        int i; \
        for (i = 0; i < steps; i++) { \
            c0 = isk__##set##_fma(c0, x, y); c1 = isk__##set##_fma(c1, x, y); c2 = isk__##set##_fma(c2, x, y); \
            c3 = isk__##set##_fma(c3, x, y); c4 = isk__##set##_fma(c4, x, y); c5 = isk__##set##_fma(c5, x, y); \
            c6 = isk__##set##_fma(c6, x, y); c7 = isk__##set##_fma(c7, x, y); c8 = isk__##set##_fma(c8, x, y); \
            c9 = isk__##set##_fma(c9, x, y); \
        } \
        c0 = c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9; \
        sink = c0[0]; \
        (void)sink; \
        return (double)steps * 10 * 2 * isk__##set##_width / (seconds() - start) / 1e9; \
    }

PEAK(plain, )
#ifdef ISK__HAVE_AVX2
PEAK(avx2, isk__avx2_target)
PEAK(avx512, isk__avx512_target)
#endif

static double peak(int level) {
#ifdef ISK__HAVE_AVX2
    if (level == 2) { return peak_avx512(); }
    if (level == 1) { return peak_avx2(); }
#endif
    (void)level;
    return peak_plain();
}

/* OpenBLAS, opened at run time.  101 row-major, 111 as is, 112 transposed. */
typedef void (*sgemm_function)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
typedef void (*threads_function)(int);

static sgemm_function open_sgemm(void) {
    void *library = dlopen("libopenblas.so.0", RTLD_NOW), *symbol;
    sgemm_function sgemm = NULL;
    threads_function set_threads = NULL;
    if (library == NULL) { return NULL; }
    if ((symbol = dlsym(library, "openblas_set_num_threads")) != NULL) { memcpy(&set_threads, &symbol, sizeof symbol); }
    if ((symbol = dlsym(library, "cblas_sgemm")) != NULL) { memcpy(&sgemm, &symbol, sizeof symbol); }
    if (set_threads != NULL) { set_threads(1); }
    return sgemm;
}

static const struct shape {
    const char *what;
    int m, n, k;
    char a, b;                      /* 'n' as stored, 't' transposed */
    char epilogue;                  /* 'b' bias, 'r' bias and ReLU, 'm' mask, '-' none */
} shapes[] = {
    { "in 6",           128,  100,    6, 'n', 'n', 'r' },
    { "hidden 100",     128,  100,  100, 'n', 'n', 'r' },
    { "out 10",         128,   10,  100, 'n', 'n', 'b' },
    { "dX 100",         128,  100,  100, 'n', 't', 'm' },
    { "dX out",         128,  100,   10, 'n', 't', 'm' },
    { "dW 100",         100,  100,  128, 't', 'n', '-' },
    { "dW in",            6,  100,  128, 't', 'n', '-' },
    { "dW out",         100,   10,  128, 't', 'n', '-' },
    { "hidden 100",    1000,  100,  100, 'n', 'n', 'r' },
    { "dX 100",        1000,  100,  100, 'n', 't', 'm' },
    { "dW 100",         100,  100, 1000, 't', 'n', '-' },
    { "in 200",         128,   50,  200, 'n', 'n', 'r' },
    { "hidden 50",      128,   50,   50, 'n', 'n', 'r' },
    { "dX 50",          128,   50,   50, 'n', 't', 'm' },
    { "dW in 200",      200,   50,  128, 't', 'n', '-' },
    { "dW 50",           50,   50,  128, 't', 'n', '-' },
    { "in 2000",        128,   50, 2000, 'n', 'n', 'r' },
    { "dW in 2000",    2000,   50,  128, 't', 'n', '-' },
    { "in 2000",       1000,   50, 2000, 'n', 'n', 'r' },
    { "dW in 2000",    2000,   50, 1000, 't', 'n', '-' },
    { "logits",         128,  128,   50, 'n', 't', '-' },
    { "logits",        1000, 1000,   50, 'n', 't', '-' },
    { "square",         512,  512,  512, 'n', 'n', '-' },
};

static isk_scalar *numbers(int rows, int stride) {
    size_t count = (size_t)rows * (size_t)stride + 64, i;
    isk_scalar *x = (isk_scalar *)aligned_alloc(64, (count * sizeof *x + 63) / 64 * 64);
    if (x == NULL) { exit(1); }
    for (i = 0; i < count; i++) { x[i] = (isk_scalar)((double)rand() / RAND_MAX - 0.5); }
    return x;
}

static int padded(int cols) { return isk__gemm_packed_row(cols); }

static void measure(const struct shape *s, int level, sgemm_function sgemm) {
    int a_stride = padded(s->a == 't' ? s->m : s->k), b_stride = padded(s->b == 't' ? s->k : s->n), c_stride = padded(s->n);
    isk_scalar *a = numbers(s->a == 't' ? s->k : s->m, a_stride), *b = numbers(s->b == 't' ? s->n : s->k, b_stride);
    isk_scalar *c = numbers(s->m, c_stride), *bias = numbers(1, s->n), *mask = numbers(s->m, c_stride);
    isk_scalar *work = numbers(1, (int)isk__gemm_work(s->n, s->k, s->b == 't' ? b_stride : 1) + 1);
    double flops = 2.0 * s->m * s->n * s->k, ours = 1e30, theirs = 1e30, peak_rate = peak(level);
    int inner = (int)(1e-4 / (flops / (peak_rate * 1e9))) + 1, repeat, i;
    isk__gemm_call call;
    memset(&call, 0, sizeof call);
    call.level = level;
    call.m = s->m; call.n = s->n; call.k = s->k;
    call.a = a; call.a_row = s->a == 't' ? 1 : a_stride; call.a_col = s->a == 't' ? a_stride : 1;
    call.b = b; call.b_row = s->b == 't' ? 1 : b_stride; call.b_col = s->b == 't' ? b_stride : 1;
    call.c = c; call.c_row = c_stride;
    call.bias = s->epilogue == 'b' || s->epilogue == 'r' ? bias : NULL;
    call.relu = s->epilogue == 'r';
    call.mask = s->epilogue == 'm' ? mask : NULL;
    call.mask_row = c_stride;
    call.work = work;
    for (repeat = 0; repeat < repeats; repeat++) {
        double start, time, rate = peak(level);
        if (rate > peak_rate) { peak_rate = rate; }
        start = seconds();
        for (i = 0; i < inner; i++) { isk__gemm(&call); }
        time = (seconds() - start) / inner;
        if (time < ours) { ours = time; }
#ifndef INDISEEK_DOUBLE
        if (sgemm != NULL) {
            start = seconds();
            for (i = 0; i < inner; i++) {
                sgemm(101, s->a == 't' ? 112 : 111, s->b == 't' ? 112 : 111, s->m, s->n, s->k, 1, a, a_stride, b, b_stride, 0, c,
                      c_stride);
            }
            time = (seconds() - start) / inner;
            if (time < theirs) { theirs = time; }
        }
#endif
    }
    printf("%-12s %4d x %4d x %4d  A%c B%c %c %9.2f us %7.1f GFLOP/s %5.1f %% of %.0f", s->what, s->m, s->n, s->k, s->a,
           s->b, s->epilogue, ours * 1e6, flops / ours / 1e9, flops / ours / 1e7 / peak_rate, peak_rate);
    if (theirs < 1e30) { printf("   OpenBLAS %7.1f (%.2f x)", flops / theirs / 1e9, theirs / ours); }
    printf("\n");
    free(a); free(b); free(c); free(bias); free(mask); free(work);
}

/* One training step of a perceptron by hand: forward, mean squared error, backward, Adam.  What a graph may cost on top of
   this is the library's own overhead. */
enum { most_layers = 5 };

static void measure_step(int level, int batch, int input, int width, int output) {
    int cols[most_layers + 1], i, j, r, repeat, step = 0;
    int rows = 0;
    size_t count = 0, offset = 0;
    isk_scalar *parameters, *gradients, *moments, *squares, *value[most_layers + 1], *slope[2], *target, *work;
    isk_scalar *weight[most_layers], *bias[most_layers], *d_weight[most_layers], *d_bias[most_layers];
    double flops = 0, peak_rate = 0, best = 1e30, adam = 1e30;
    cols[0] = input;
    for (i = 1; i <= most_layers; i++) { cols[i] = i == most_layers ? output : width; }
    for (i = 0; i < most_layers; i++) {
        count += (size_t)(cols[i] + 1) * (size_t)padded(cols[i + 1]);
        flops += 2.0 * batch * cols[i] * cols[i + 1] * (i == 0 ? 2 : 3);
        rows = cols[i] > rows ? cols[i] : rows;
    }
    parameters = numbers(1, (int)count); gradients = numbers(1, (int)count);
    moments = numbers(1, (int)count); squares = numbers(1, (int)count);
    memset(moments, 0, count * sizeof *moments);
    memset(squares, 0, count * sizeof *squares);
    for (i = 0; i < most_layers; i++) {
        weight[i] = parameters + offset; d_weight[i] = gradients + offset;
        offset += (size_t)cols[i] * (size_t)padded(cols[i + 1]);
        bias[i] = parameters + offset; d_bias[i] = gradients + offset;
        offset += (size_t)padded(cols[i + 1]);
    }
    for (i = 0; i <= most_layers; i++) { value[i] = numbers(batch, padded(cols[i])); }
    slope[0] = numbers(batch, padded(width > output ? width : output));
    slope[1] = numbers(batch, padded(width > output ? width : output));
    target = numbers(batch, padded(output));
    work = numbers(1, (int)isk__gemm_work(rows, width > output ? width : output, 2));
    for (repeat = 0; repeat < 20 * repeats; repeat++) {
        double start = seconds(), time, rate;
        isk__gemm_call call;
        isk__adam_call update;
        isk__row_sum_call sum;
        for (i = 0; i < most_layers; i++) {
            memset(&call, 0, sizeof call);
            call.level = level;
            call.m = batch; call.n = cols[i + 1]; call.k = cols[i];
            call.a = value[i]; call.a_row = padded(cols[i]); call.a_col = 1;
            call.b = weight[i]; call.b_row = padded(cols[i + 1]); call.b_col = 1;
            call.c = value[i + 1]; call.c_row = padded(cols[i + 1]);
            call.bias = bias[i];
            call.relu = i + 1 < most_layers;
            isk__gemm(&call);
        }
        for (r = 0; r < batch; r++) {
            for (j = 0; j < output; j++) {
                slope[0][r * padded(output) + j] = 2 * (value[most_layers][r * padded(output) + j] -
                                                        target[r * padded(output) + j]) / (isk_scalar)(batch * output);
            }
        }
        for (i = most_layers - 1; i >= 0; i--) {
            isk_scalar *d_out = slope[(most_layers - 1 - i) % 2], *d_in = slope[(most_layers - i) % 2];
            memset(&call, 0, sizeof call);
            call.level = level;
            call.m = cols[i]; call.n = cols[i + 1]; call.k = batch;
            call.a = value[i]; call.a_row = 1; call.a_col = padded(cols[i]);
            call.b = d_out; call.b_row = padded(cols[i + 1]); call.b_col = 1;
            call.c = d_weight[i]; call.c_row = padded(cols[i + 1]);
            isk__gemm(&call);
            memset(&sum, 0, sizeof sum);
            sum.level = level;
            sum.rows = batch; sum.cols = cols[i + 1]; sum.row = padded(cols[i + 1]);
            sum.x = d_out;
            sum.sum = d_bias[i];
            isk__row_sum(&sum);
            if (i == 0) { break; }
            memset(&call, 0, sizeof call);
            call.level = level;
            call.m = batch; call.n = cols[i]; call.k = cols[i + 1];
            call.a = d_out; call.a_row = padded(cols[i + 1]); call.a_col = 1;
            call.b = weight[i]; call.b_row = 1; call.b_col = padded(cols[i + 1]);
            call.c = d_in; call.c_row = padded(cols[i]);
            call.mask = value[i]; call.mask_row = padded(cols[i]);
            call.work = work;
            isk__gemm(&call);
        }
        time = seconds();
        memset(&update, 0, sizeof update);
        update.level = level;
        update.n = count;
        update.p = parameters; update.gradient = gradients; update.m = moments; update.v = squares;
        update.step = (uint64_t)++step;
        update.rate = 1e-4; update.beta1 = 0.9; update.beta2 = 0.999; update.epsilon = 1e-8; update.gradient_scale = 1;
        isk__adam(&update);
        if (seconds() - time < adam) { adam = seconds() - time; }
        time = seconds() - start;
        if (time < best) { best = time; }
        rate = peak(level);
        if (rate > peak_rate) { peak_rate = rate; }
    }
    printf("step %4d-%dx4-%-3d batch %4d  %9.2f us %7.1f GFLOP/s %5.1f %% of %.0f   (Adam %.2f us)\n", input, width, output, batch,
           best * 1e6, flops / best / 1e9, flops / best / 1e7 / peak_rate, peak_rate, adam * 1e6);
    free(parameters); free(gradients); free(moments); free(squares); free(slope[0]); free(slope[1]); free(target); free(work);
    for (i = 0; i <= most_layers; i++) { free(value[i]); }
}

int main(int count, char **arguments) {
    sgemm_function sgemm = open_sgemm();
    int best = isk__cpu_level(), level;
    size_t i;
    for (level = best; level >= 0; level--) {
        int j, wanted = count < 2;
        for (j = 1; j < count; j++) { wanted = wanted || atoi(arguments[j]) == level; }
        if (!wanted) { continue; }
        printf("level %d\n", level);
        for (i = 0; i < sizeof shapes / sizeof *shapes; i++) { measure(&shapes[i], level, sgemm); }
        measure_step(level, 128, 6, 100, 10);
        measure_step(level, 1000, 6, 100, 10);
        measure_step(level, 128, 200, 50, 50);
        measure_step(level, 1000, 200, 50, 50);
        measure_step(level, 128, 2000, 50, 50);
        measure_step(level, 1000, 2000, 50, 50);
    }
    return 0;
}
