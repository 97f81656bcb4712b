/* The core's limit: GFLOP/s of independent multiply-adds on registers, which no kernel can pass.  Float32, one thread.

       double best = peak_gflops(0.02);       0.02 s of it; the best rate seen in this program so far

   Needs neither the library nor -march: each instruction set stands in a function of its own. */
#ifndef PEAK_H
#define PEAK_H

#include <time.h>

/* Wall clock: in one of many short windows nobody interferes.  (A processor clock is corrected now and then for time that
   a hypervisor took, and a window in which that happens looks too fast.) */
static double peak_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#if defined(__GNUC__)
    /* 12 chains: latency 4, two units a cycle, and some to spare; still within 16 registers with x and y. */
    #define PEAK_CHAINS 12
    #define PEAK_LOOP(name, bytes, attribute) \
        typedef float name##_vector __attribute__((vector_size(bytes))); \
        attribute static double name(double seconds, volatile float *sink) { \
            name##_vector c[PEAK_CHAINS], x, y; \
            double best = 0, end = peak_seconds() + seconds; \
            int i, j; \
            for (j = 0; j < bytes / 4; j++) { \
                x[j] = 0.999f; \
                y[j] = 1e-4f; \
            } \
            for (i = 0; i < PEAK_CHAINS; i++) { c[i] = y; } \
            do { \
                double start = peak_seconds(), rate; \
                name##_vector c0 = c[0], c1 = c[1], c2 = c[2], c3 = c[3], c4 = c[4], c5 = c[5], c6 = c[6], c7 = c[7], \
                              c8 = c[8], c9 = c[9], c10 = c[10], c11 = c[11]; \
                for (i = 0; i < 20000; i++) { \
                    c0 = c0 * x + y; c1 = c1 * x + y; c2 = c2 * x + y; c3 = c3 * x + y; c4 = c4 * x + y; c5 = c5 * x + y; \
                    c6 = c6 * x + y; c7 = c7 * x + y; c8 = c8 * x + y; c9 = c9 * x + y; c10 = c10 * x + y; \
                    c11 = c11 * x + y; \
                } \
                rate = 20000.0 * PEAK_CHAINS * 2 * (bytes / 4) / (peak_seconds() - start) / 1e9; \
                if (rate > best) { best = rate; } \
                c[0] = c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9 + c10 + c11; \
            } while (peak_seconds() < end); \
            *sink = c[0][0]; \
            return best; \
        }

PEAK_LOOP(peak_plain, 16, )
    #ifdef __x86_64__
        /* The compiler contracts a * b + c to one FMA where the target has it; ISO modes need to be told so. */
        #ifdef __clang__
            #pragma clang fp contract(fast)
            #define PEAK_CONTRACT
        #else
            #define PEAK_CONTRACT , optimize("fp-contract=fast")
        #endif
PEAK_LOOP(peak_avx2, 32, __attribute__((target("avx2,fma") PEAK_CONTRACT)))
PEAK_LOOP(peak_avx512, 64, __attribute__((target("avx512f") PEAK_CONTRACT)))
    #endif
#endif

/* The highest rate so far, over the instruction sets of this CPU; 0 where the compiler knows no vectors. */
static double peak_gflops(double seconds) {
    static double best;
    volatile float sink;
    double rate = 0;
#if defined(__GNUC__)
    rate = peak_plain(seconds / 3, &sink);
    if (rate > best) { best = rate; }
    #ifdef __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        rate = peak_avx2(seconds / 3, &sink);
        if (rate > best) { best = rate; }
    }
    if (__builtin_cpu_supports("avx512f")) {
        rate = peak_avx512(seconds / 3, &sink);
        if (rate > best) { best = rate; }
    }
    #endif
#endif
    (void)sink;
    (void)seconds;
    return best;
}

#endif
