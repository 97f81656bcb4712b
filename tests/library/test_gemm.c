/* build: float double */
/* The built-in matrix product and the optimizer loops against double precision, on every instruction set of this CPU:
   all layouts, tails, epilogues and strides, with NaN around every operand; and the promise that a row's bits depend on
   that row alone. */

#define INDISEEK_IMPLEMENTATION
#define INDISEEK_NO_CUDA
#include "indiseek.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#ifdef INDISEEK_DOUBLE
#define PRECISION 2.3e-16
#else
#define PRECISION 1.2e-7
#endif

enum { guard = 40 };                /* NaN elements before and after each operand */

/* A matrix inside a larger allocation: what lies around it, and its padding columns, is NaN. */
typedef struct matrix {
    isk_scalar *all, *data;
    int rows, cols, stride;
    size_t size;
} matrix;

static uint32_t seed = 1;

static double uniform(void) {
    seed = seed * 1664525u + 1013904223u;
    return (double)(seed >> 8) / 16777216.0 - 0.5;
}

static matrix matrix_of(int rows, int cols, int padding, int offset) {
    matrix x;
    size_t i;
    int r, j;
    x.rows = rows;
    x.cols = cols;
    x.stride = cols + padding;
    /* without padding the block ends with the last element, so that the address sanitizer sees what reads beyond it */
    x.size = (size_t)rows * (size_t)x.stride + (size_t)(guard + offset) + (padding ? guard : 0);
    x.all = (isk_scalar *)malloc(x.size * sizeof *x.all);
    assert_non_null(x.all);
    for (i = 0; i < x.size; i++) { x.all[i] = (isk_scalar)NAN; }
    x.data = x.all + guard + offset;
    for (r = 0; r < rows; r++) {
        for (j = 0; j < cols; j++) { x.data[(size_t)r * (size_t)x.stride + (size_t)j] = (isk_scalar)uniform(); }
    }
    return x;
}

static isk_scalar at(const matrix *x, int r, int j) { return x->data[(size_t)r * (size_t)x->stride + (size_t)j]; }

/* Everything but the matrix itself is still NaN. */
static void assert_untouched(const matrix *x) {
    size_t i;
    for (i = 0; i < x->size; i++) {
        size_t place = i - (size_t)(x->data - x->all);
        int inside = i >= (size_t)(x->data - x->all) && place / (size_t)x->stride < (size_t)x->rows &&
                     place % (size_t)x->stride < (size_t)x->cols;
        if (!inside && !isnan((double)x->all[i])) { fail_msg("wrote outside the matrix, at element %ld", (long)place); }
    }
}

typedef struct problem {
    int m, n, k, a_transposed, b_transposed, padding, offset;
    int accumulate, bias, relu, mask;
} problem;

static void check(const problem *q, int level) {
    matrix a = q->a_transposed ? matrix_of(q->k, q->m, q->padding, q->offset) : matrix_of(q->m, q->k, q->padding, q->offset);
    matrix b = q->b_transposed ? matrix_of(q->n, q->k, q->padding, q->offset) : matrix_of(q->k, q->n, q->padding, q->offset);
    matrix c = matrix_of(q->m, q->n, q->padding, q->offset), before = matrix_of(q->m, q->n, q->padding, 0);
    matrix bias = matrix_of(1, q->n, 0, q->offset), mask = matrix_of(q->m, q->n, q->padding, q->offset);
    size_t work = isk__gemm_work(q->n, q->k, q->b_transposed ? b.stride : 1);
    isk_scalar *space = (isk_scalar *)malloc((work + 1) * sizeof *space);
    isk__gemm_call call;
    int i, j, p;
    assert_non_null(space);
    for (i = 0; i < q->m; i++) {
        for (j = 0; j < q->n; j++) {
            before.data[i * before.stride + j] = at(&c, i, j);
            if (!q->accumulate) { c.data[i * c.stride + j] = (isk_scalar)NAN; }
        }
    }
    memset(&call, 0, sizeof call);
    call.level = level;
    call.m = q->m; call.n = q->n; call.k = q->k;
    call.a = a.data; call.a_row = q->a_transposed ? 1 : a.stride; call.a_col = q->a_transposed ? a.stride : 1;
    call.b = b.data; call.b_row = q->b_transposed ? 1 : b.stride; call.b_col = q->b_transposed ? b.stride : 1;
    call.c = c.data; call.c_row = c.stride;
    call.accumulate = q->accumulate;
    call.bias = q->bias ? bias.data : NULL;
    call.relu = q->relu;
    call.mask = q->mask ? mask.data : NULL; call.mask_row = mask.stride;
    call.work = work > 0 ? space : NULL;
    isk__gemm(&call);
    for (i = 0; i < q->m; i++) {
        for (j = 0; j < q->n; j++) {
            double sum = q->accumulate ? (double)at(&before, i, j) : 0, size = fabs(sum);
            for (p = 0; p < q->k; p++) {
                double term = (double)(q->a_transposed ? at(&a, p, i) : at(&a, i, p)) *
                              (double)(q->b_transposed ? at(&b, j, p) : at(&b, p, j));
                sum += term;
                size += fabs(term);
            }
            sum += q->bias ? (double)at(&bias, 0, j) : 0;
            if (q->relu && sum < 0) { sum = 0; }
            if (q->mask && !(at(&mask, i, j) > 0)) { sum = 0; }
            if (!(fabs((double)at(&c, i, j) - sum) <= PRECISION * (q->k + 4) * (size + 1))) {
                fail_msg("level %d, %d x %d x %d, A%c B%c padding %d, bias %d relu %d mask %d accumulate %d: C[%d, %d] is %g, "
                         "should be %g", level, q->m, q->n, q->k, q->a_transposed ? 't' : 'n', q->b_transposed ? 't' : 'n',
                         q->padding, q->bias, q->relu, q->mask, q->accumulate, i, j, (double)at(&c, i, j), sum);
            }
        }
    }
    assert_untouched(&c);
    free(a.all); free(b.all); free(c.all); free(before.all); free(bias.all); free(mask.all); free(space);
}

/* Every layout and epilogue of one shape, spread over the shapes so that neighbours differ. */
static void check_shape(int m, int n, int k, int level) {
    static int turn = 0;
    problem q;
    int variant;
    for (variant = 0; variant < 4; variant++, turn++) {
        memset(&q, 0, sizeof q);
        q.m = m; q.n = n; q.k = k;
        q.a_transposed = variant & 1;
        q.b_transposed = variant >> 1;
        q.padding = turn % 3 == 0 ? 0 : turn % 3 == 1 ? 1 + turn % 16 : 16;
        q.offset = turn % 5;
        q.accumulate = turn / 3 % 2;
        q.bias = turn / 5 % 2;
        q.relu = turn / 7 % 2;
        q.mask = turn / 11 % 2;
        check(&q, level);
    }
}

static void every_small_shape_is_right(void **state) {
    int level, m, n, k;
    (void)state;
    for (level = isk__cpu_level(); level >= 0; level--) {
        for (m = 1; m <= 33; m++) {
            for (n = 1; n <= 33; n++) {
                for (k = 1 + (m + n) % 3; k <= 33; k += 5) { check_shape(m, n, k, level); }
            }
        }
    }
}

static void larger_shapes_are_right(void **state) {
    static const int shapes[][3] = {
        { 128, 100, 6 }, { 128, 100, 100 }, { 128, 10, 100 }, { 100, 100, 128 }, { 6, 100, 128 }, { 128, 50, 200 },
        { 50, 50, 128 }, { 128, 128, 50 }, { 1, 1, 1 }, { 1, 1, 1000 }, { 61, 67, 257 }, { 2, 97, 1031 }, { 127, 1, 513 },
        { 17, 512, 19 }, { 5, 1024, 3 }, { 131, 149, 263 }, { 9, 200, 256 }, { 9, 47, 512 }, { 9, 48, 768 }, { 300, 49, 7 }, { 11, 66, 20 },
        { 13, 97, 9 }, { 15, 116, 33 }, { 21, 114, 40 }, { 23, 52, 1025 }, { 7, 83, 41 },
        { 3, 4, 0 },
    };
    int level;
    size_t i;
    (void)state;
    for (level = isk__cpu_level(); level >= 0; level--) {
        for (i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            check_shape(shapes[i][0], shapes[i][1], shapes[i][2], level);
        }
    }
}

/* Strides of 0 are no layout of ours, but the tiles take them. */
static void ones_times_b_sum_its_rows(void **state) {
    isk_scalar one = 1;
    int level, j, p;
    (void)state;
    for (level = isk__cpu_level(); level >= 0; level--) {
        matrix b = matrix_of(77, 59, 5, 1), c = matrix_of(1, 59, 0, 0);
        isk__gemm_call call;
        memset(&call, 0, sizeof call);
        call.level = level;
        call.m = 1; call.n = 59; call.k = 77;
        call.a = &one;
        call.b = b.data; call.b_row = b.stride; call.b_col = 1;
        call.c = c.data; call.c_row = c.stride;
#ifndef INDISEEK_USE_CBLAS
        isk__gemm(&call);
        for (j = 0; j < 59; j++) {
            double sum = 0;
            for (p = 0; p < 77; p++) { sum += (double)at(&b, p, j); }
            assert_true(fabs((double)at(&c, 0, j) - sum) < 100 * PRECISION);
        }
#else
        (void)j; (void)p;
#endif
        free(b.all); free(c.all);
    }
}

/* The same row times the same columns gives the same bits: alone or in a batch, wherever it stands, however the matrices
   are stored, and whichever other columns there are. */
static void bits_depend_on_row_and_column_alone(void **state) {
    const int m = 45, n = 103, k = 601;
    int level;
    (void)state;
#ifdef INDISEEK_USE_CBLAS
    print_message("# skipped: these are the bits of the built-in product, and this build calls cblas\n");
    skip();
#endif
    for (level = isk__cpu_level(); level >= 0; level--) {
        matrix a = matrix_of(m, k, 3, 0), at_ = matrix_of(k, m, 0, 0), b = matrix_of(k, n, 7, 1), bt = matrix_of(n, k, 0, 0);
        matrix whole = matrix_of(m, n, 0, 0), part = matrix_of(m, n, 1, 0), bias = matrix_of(1, n, 0, 0);
        isk_scalar *work = (isk_scalar *)malloc(isk__gemm_work(n, k, 2) * sizeof *work);
        isk__gemm_call call;
        int i, j, trial;
        assert_non_null(work);
        for (i = 0; i < m; i++) {
            for (j = 0; j < k; j++) { at_.data[j * at_.stride + i] = at(&a, i, j); }
        }
        for (i = 0; i < k; i++) {
            for (j = 0; j < n; j++) { bt.data[j * bt.stride + i] = at(&b, i, j); }
        }
        memset(&call, 0, sizeof call);
        call.level = level;
        call.k = k;
        call.work = work;
        call.a = a.data; call.a_row = a.stride; call.a_col = 1;
        call.b = b.data; call.b_row = b.stride; call.b_col = 1;
        call.m = m; call.n = n;
        call.c = whole.data; call.c_row = whole.stride;
        call.bias = bias.data;
        call.relu = 1;
        isk__gemm(&call);
        for (trial = 0; trial < 300; trial++) {
            int row = (int)((uniform() + 0.5) * m), rows = 1 + (int)((uniform() + 0.5) * (m - row - 1));
            int col = (int)((uniform() + 0.5) * n), cols = 1 + (int)((uniform() + 0.5) * (n - col - 1));
            if (trial & 1) { call.a = at_.data + row; call.a_row = 1; call.a_col = at_.stride; }
            else { call.a = a.data + row * a.stride; call.a_row = a.stride; call.a_col = 1; }
            if (trial & 2) { call.b = bt.data + col * bt.stride; call.b_row = 1; call.b_col = bt.stride; }
            else { call.b = b.data + col; call.b_row = b.stride; call.b_col = 1; }
            call.m = rows; call.n = cols;
            call.bias = bias.data + col;
            call.c = part.data; call.c_row = part.stride;
            isk__gemm(&call);
            for (i = 0; i < rows; i++) {
                for (j = 0; j < cols; j++) {
                    isk_scalar x = at(&whole, row + i, col + j), y = at(&part, i, j);
                    if (memcmp(&x, &y, sizeof x)) {
                        fail_msg("level %d: [%d, %d] of a %d x %d product is %.9g, and %.9g in the whole", level, i, j, rows, cols,
                                 (double)y, (double)x);
                    }
                }
            }
        }
        free(a.all); free(at_.all); free(b.all); free(bt.all); free(whole.all); free(part.all); free(bias.all); free(work);
    }
}

static void relu_lets_nan_through(void **state) {
    int level;
    (void)state;
    for (level = isk__cpu_level(); level >= 0; level--) {
        isk_scalar a[20], b[20], c[20];
        isk__gemm_call call;
        int i;
        for (i = 0; i < 20; i++) { a[i] = 1; b[i] = i % 2 ? (isk_scalar)NAN : (isk_scalar)-1; }
        memset(&call, 0, sizeof call);
        call.level = level;
        call.m = 1; call.n = 20; call.k = 1;
        call.a = a; call.a_row = 1; call.a_col = 1;
        call.b = b; call.b_row = 20; call.b_col = 1;
        call.c = c; call.c_row = 20;
        call.relu = 1;
        isk__gemm(&call);
        for (i = 0; i < 20; i++) { assert_true(i % 2 ? isnan((double)c[i]) : c[i] == 0); }
    }
}

static void adam_follows_its_formula(void **state) {
    int level, length, coupled, step;
    (void)state;
    for (level = isk__cpu_level(); level >= 0; level--) {
        for (length = 0; length < 70; length++) {
            for (coupled = 0; coupled < 2; coupled++) {
                matrix p = matrix_of(1, length, 0, 3), g = matrix_of(1, length, 0, 1), m = matrix_of(1, length, 0, 2);
                matrix v = matrix_of(1, length, 0, 0);
                double want[70][3];
                isk__adam_call call;
                int i;
                for (i = 0; i < length; i++) {
                    m.data[i] = v.data[i] = 0;
                    want[i][0] = (double)p.data[i];
                    want[i][1] = want[i][2] = 0;
                }
                memset(&call, 0, sizeof call);
                call.level = level;
                call.n = (size_t)length;
                call.p = p.data; call.m = m.data; call.v = v.data; call.gradient = g.data;
                call.rate = 0.01; call.beta1 = 0.9; call.beta2 = 0.999; call.epsilon = 1e-8;
                call.weight_decay = 0.1; call.coupled = coupled; call.gradient_scale = 0.7;
                for (step = 1; step <= 3; step++) {
                    call.step = (uint64_t)step;
                    isk__adam(&call);
                    for (i = 0; i < length; i++) {
                        double gradient = 0.7 * (double)g.data[i] + (coupled ? 0.1 * want[i][0] : 0);
                        want[i][1] = 0.9 * want[i][1] + 0.1 * gradient;
                        want[i][2] = 0.999 * want[i][2] + 0.001 * gradient * gradient;
                        want[i][0] = want[i][0] * (coupled ? 1 : 1 - 0.01 * 0.1) - 0.01 / (1 - pow(0.9, step)) * want[i][1] /
                                     (sqrt(want[i][2]) / sqrt(1 - pow(0.999, step)) + 1e-8);
                    }
                }
                for (i = 0; i < length; i++) {
                    assert_true(fabs((double)p.data[i] - want[i][0]) < 20 * PRECISION);
                    assert_true(fabs((double)m.data[i] - want[i][1]) < 20 * PRECISION);
                    assert_true(fabs((double)v.data[i] - want[i][2]) < 20 * PRECISION);
                }
                assert_untouched(&p); assert_untouched(&m); assert_untouched(&v);
                free(p.all); free(g.all); free(m.all); free(v.all);
            }
        }
    }
}

static void sgd_follows_its_formula(void **state) {
    int level, length, step;
    (void)state;
    for (level = isk__cpu_level(); level >= 0; level--) {
        for (length = 0; length < 40; length++) {
            matrix p = matrix_of(1, length, 0, 3), g = matrix_of(1, length, 0, 1), m = matrix_of(1, length, 0, 2);
            double want[40][2];
            isk__sgd_call call;
            int i;
            for (i = 0; i < length; i++) {
                m.data[i] = 0;
                want[i][0] = (double)p.data[i];
                want[i][1] = 0;
            }
            memset(&call, 0, sizeof call);
            call.level = level;
            call.n = (size_t)length;
            call.p = p.data; call.m = m.data; call.gradient = g.data;
            call.rate = 0.1; call.momentum = 0.9; call.weight_decay = 0.01; call.gradient_scale = 0.5;
            for (step = 0; step < 3; step++) {
                isk__sgd(&call);
                for (i = 0; i < length; i++) {
                    want[i][1] = 0.9 * want[i][1] + 0.5 * (double)g.data[i] + 0.01 * want[i][0];
                    want[i][0] -= 0.1 * want[i][1];
                }
            }
            for (i = 0; i < length; i++) { assert_true(fabs((double)p.data[i] - want[i][0]) < 20 * PRECISION); }
            assert_untouched(&p); assert_untouched(&m);
            free(p.all); free(g.all); free(m.all);
        }
    }
}

static void sums_of_squares_are_right(void **state) {
    static const int lengths[] = { 0, 1, 7, 8, 16, 17, 63, 64, 65, 127, 1000, 4095, 4096, 4097, 100003 };
    size_t i;
    int level, j;
    (void)state;
    for (level = isk__cpu_level(); level >= 0; level--) {
        for (i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            matrix x = matrix_of(1, lengths[i], 0, 1);
            double sum = 0;
            for (j = 0; j < lengths[i]; j++) { sum += (double)x.data[j] * (double)x.data[j]; }
            assert_true(fabs(isk__sum_squares(level, x.data, (size_t)lengths[i]) - sum) <= 1e-6 * sum);
            free(x.all);
        }
    }
}

static void sums_of_rows_are_right(void **state) {
    int level, rows, cols, accumulate, i, j;
    (void)state;
    for (level = isk__cpu_level(); level >= 0; level--) {
        for (rows = 0; rows < 20; rows++) {
            for (cols = 1; cols < 40; cols++) {
                for (accumulate = 0; accumulate < 2; accumulate++) {
                    matrix x = matrix_of(rows, cols, cols % 3, rows % 4), sum = matrix_of(1, cols, 0, 1);
                    isk_scalar before[40];
                    isk__row_sum_call call;
                    memcpy(before, sum.data, (size_t)cols * sizeof *before);
                    memset(&call, 0, sizeof call);
                    call.level = level;
                    call.rows = rows; call.cols = cols; call.row = x.stride;
                    call.x = x.data;
                    call.sum = sum.data;
                    call.accumulate = accumulate;
                    isk__row_sum(&call);
                    for (j = 0; j < cols; j++) {
                        double want = accumulate ? (double)before[j] : 0;
                        for (i = 0; i < rows; i++) { want += (double)at(&x, i, j); }
                        assert_true(fabs((double)sum.data[j] - want) <= 30 * PRECISION);
                    }
                    assert_untouched(&sum);
                    free(x.all); free(sum.all);
                }
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_small_shape_is_right),
        cmocka_unit_test(larger_shapes_are_right),
        cmocka_unit_test(ones_times_b_sum_its_rows),
        cmocka_unit_test(bits_depend_on_row_and_column_alone),
        cmocka_unit_test(relu_lets_nan_through),
        cmocka_unit_test(adam_follows_its_formula),
        cmocka_unit_test(sgd_follows_its_formula),
        cmocka_unit_test(sums_of_squares_are_right),
        cmocka_unit_test(sums_of_rows_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
