/* The elementary functions of `>>math` against libm in double: over samples of all floats, and at the ends. */

#define INDISEEK_IMPLEMENTATION
#include "indiseek.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }

typedef struct function {
    const char *name;
    void (*row)(const isk__loop *, isk_scalar *, const isk_scalar *);
    double (*true_value)(double);
    float low, high;                    /* where it is checked to the last digits */
    double ulps;                        /* allowed */
} function;

static const function functions[] = {
    { "exp", isk__exp_row, exp, -87.3f, 88.7f, 1.5 },
    { "ln", isk__ln_row, log, 1.2e-38f, 3.4e38f, 1.5 },
    { "tanh", isk__tanh_row, tanh, -1e30f, 1e30f, 3 },
    { "sigmoid", isk__sigmoid_row, sigmoid, -87.3f, 1e30f, 3 },
    { "softplus", isk__softplus_row, softplus, -87.3f, 1e30f, 3 },
    { "erf", isk__erf_row, erf, -1e30f, 1e30f, 2 },
};
#define FUNCTIONS (sizeof functions / sizeof functions[0])

/* One ulp of a float near x; that of the smallest normal number for smaller ones. */
static double ulp_of(double x) {
    const float magnitude = fabsf((float)x);
    return magnitude < 1.2e-38f ? 1.4e-45 : (double)nextafterf(magnitude, INFINITY) - (double)magnitude;
}

static void call(const function *f, int level, float *to, const float *from, int count) {
    isk__loop l;
    memset(&l, 0, sizeof l);
    l.cols = count;
    l.level = level;
    f->row(&l, to, from);
}

static void test_accuracy(void **state) {
    enum { block = 1000 };
    float x[block], y[block];
    size_t k;
    int level, count, i;
    (void)state;
    for (k = 0; k < FUNCTIONS; k++) {
        for (level = 0; level <= (isk__cpu_level() > 0); level++) {
            const function *f = &functions[k];
            double worst = 0, at = 0;
            uint64_t bits = 0;
            while (bits <= 0xFFFFFFFFu) {
                for (count = 0; count < block && bits <= 0xFFFFFFFFu; bits += 2003) {
                    const uint32_t pattern = (uint32_t)bits;
                    float value;
                    memcpy(&value, &pattern, sizeof value);
                    if (value >= f->low && value <= f->high) x[count++] = value;
                }
                call(f, level, y, x, count);
                for (i = 0; i < count; i++) {
                    const double want = f->true_value((double)x[i]), error = fabs((double)y[i] - want) / ulp_of(want);
                    if (!(error <= worst)) {
                        worst = error;
                        at = (double)x[i];
                    }
                }
            }
            print_message("# %-8s level %d: %.2f ulp, at %.9g\n", f->name, level, worst, at);
            if (!(worst <= f->ulps)) fail_msg("%s(%.9g) is off by %.2f ulp, %.1f are allowed", f->name, at, worst, f->ulps);
        }
    }
}

/* Rows of every length up to several vectors, in place or not, and nothing beside them. */
static void test_lengths(void **state) {
    size_t k;
    int level, count, i;
    (void)state;
    for (k = 0; k < FUNCTIONS; k++) {
        for (level = 0; level <= (isk__cpu_level() > 0); level++) {
            for (count = 0; count < 40; count++) {
                float x[40], y[41];
                for (i = 0; i < 40; i++) x[i] = y[i] = 0.1f + 0.07f * (float)i;
                y[count] = 4321;
                call(&functions[k], level, y, x, count);
                assert_true(y[count] == 4321);
                for (i = 0; i < count; i++) {
                    const double want = functions[k].true_value((double)x[i]);
                    assert_true(fabs((double)y[i] - want) <= 4 * ulp_of(want));
                }
                call(&functions[k], level, x, x, count);
                assert_memory_equal(x, y, (size_t)count * sizeof *x);
            }
        }
    }
}

static float apply(const function *f, int level, float x) {
    float from[9], to[9];
    int i;
    for (i = 0; i < 9; i++) from[i] = x;
    call(f, level, to, from, 9);                    /* one vector and a tail */
    assert_true(memcmp(&to[0], &to[8], sizeof to[0]) == 0 || isnan(x));
    assert_int_equal(isnan(to[0]) != 0, isnan(to[8]) != 0);
    return to[0];
}

static void test_ends(void **state) {
    int level;
    size_t k;
    (void)state;
    for (level = 0; level <= (isk__cpu_level() > 0); level++) {
        for (k = 0; k < FUNCTIONS; k++) assert_true(isnan(apply(&functions[k], level, NAN)));
        assert_true(apply(&functions[0], level, -INFINITY) == 0);
        assert_true(apply(&functions[0], level, -90) == 0);
        assert_true(apply(&functions[0], level, 0) == 1);
        assert_true(isinf(apply(&functions[0], level, 88.8f)));
        assert_true(isinf(apply(&functions[0], level, INFINITY)));
        assert_true(apply(&functions[1], level, 1) == 0);
        assert_true(isinf(apply(&functions[1], level, INFINITY)));
        assert_true(apply(&functions[2], level, INFINITY) == 1);
        assert_true(apply(&functions[2], level, -INFINITY) == -1);
        assert_true(apply(&functions[2], level, 1e-40f) == 1e-40f);
        assert_true(apply(&functions[3], level, -INFINITY) == 0);
        assert_true(apply(&functions[3], level, INFINITY) == 1);
        assert_true(apply(&functions[4], level, -INFINITY) == 0);
        assert_true(isinf(apply(&functions[4], level, INFINITY)));
        assert_true(apply(&functions[5], level, INFINITY) == 1);
        assert_true(apply(&functions[5], level, -INFINITY) == -1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accuracy),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
