/* Every op of the generated table, as CPU loops: against float64 vectors from the generator, against central differences,
   and for what a caller relies on: strides, workspace, accumulation, missing gradients, absent rows, extreme inputs. */
/* build: float double */

#define INDISEEK_IMPLEMENTATION
#include "indiseek.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "op_instance.h"

#define MAX_SCALARS 20000

/* ---- against the generator's float64 ---- */

#ifdef INDISEEK_DOUBLE
static const double relative = 1e-8, to_largest = 1e-8;             /* the vectors have nine digits */
#else
static const double relative = 2e-5, to_largest = 5e-6;
#endif

static void compare(const operand *o, const double *expected, double added, const char *what, const op_case *c, variant v) {
    double largest = 0;
    int i, j;
    for (i = 0; i < o->rows * o->cols; i++) largest = fmax(largest, fabs(expected[i]));
    for (i = 0; i < o->rows; i++) {
        for (j = 0; j < o->cols; j++) {
            const double want = expected[i * o->cols + j] + added, got = (double)*at(o, i, j);
            if (!(fabs(got - want) <= relative * fabs(want) + to_largest * (largest + added + 0.1))) {
                fail_msg("%s of %s (%s), %d x %d, weights %d, at [%d, %d]: %.9g, expected %.9g", what, c->op, variant_name(v),
                         c->rows, c->cols, c->weights, i, j, got, want);
            }
        }
    }
}

static void test_vectors(void **state) {
    int n, extra, v, k;
    (void)state;
    for (n = 0; n < COUNT(op_cases); n++) {
        const op_case *c = &op_cases[n];
        for (extra = 0; extra <= 5; extra += 5) {
            for (v = 0; v < variant_count(); v++) {
                instance t = make(find_op(c->op), c->rows, c->cols, extra, c->seed, c->domains, c->weights);
                const double *expected = c->expected;
                memcpy(t.attributes, c->attributes, sizeof t.attributes);
                forward(&t, (variant)v);
                compare(&t.out, expected, 0, "value", c, (variant)v);
                expected += t.out.rows * t.out.cols;
                backward(&t, (variant)v, ALL, 0);
                for (k = 0; k < t.info->inputs; k++) {
                    if (!(t.info->differentiable >> k & 1u)) continue;
                    compare(&t.grad_in[k], expected, 0, "gradient", c, (variant)v);
                    set_all(&t.grad_in[k], 1);
                    expected += t.grad_in[k].rows * t.grad_in[k].cols;
                }
                backward(&t, (variant)v, ALL, ALL);
                expected = c->expected + t.out.rows * t.out.cols;
                for (k = 0; k < t.info->inputs; k++) {
                    if (!(t.info->differentiable >> k & 1u)) continue;
                    compare(&t.grad_in[k], expected, 1, "accumulated gradient", c, (variant)v);
                    expected += t.grad_in[k].rows * t.grad_in[k].cols;
                }
                drop(&t);
            }
        }
    }
}

/* ---- what does not depend on values ---- */

static void test_table(void **state) {
    int k, other, i;
    (void)state;
    assert_int_equal(COUNT(isk__op_table), ISK__OP_COUNT);
    for (k = 0; k < ISK__OP_COUNT; k++) {
        const isk__op_info *info = &isk__op_table[k];
        assert_int_equal((int)strlen(info->kinds), info->inputs);
        assert_true(info->attributes <= 4);
        assert_non_null(info->forward);
        assert_non_null(info->backward);
        for (i = 0; i < info->inputs; i++) assert_non_null(strchr("ercsw", info->kinds[i]));
        for (other = 0; other < k; other++) assert_string_not_equal(info->name, isk__op_table[other].name);
        example(info);
    }
    assert_string_equal(isk__op_table[ISK__OP_RELU].name, "relu");
    assert_string_equal(isk__op_table[ISK__OP_CLUB].name, "club");
}

static void assert_same_bits(const operand *a, const operand *b, const char *op, const char *what) {
    int i, j;
    for (i = 0; i < a->rows; i++) {
        for (j = 0; j < a->cols; j++) {
            if (memcmp(at(a, i, j), at(b, i, j), sizeof(isk_scalar)) != 0) {
                fail_msg("%s: %s at [%d, %d]: %.9g and %.9g", op, what, i, j, (double)*at(a, i, j), (double)*at(b, i, j));
            }
        }
    }
}

static const int shapes[][2] = { { 1, 1 }, { 1, 23 }, { 13, 1 }, { 17, 13 }, { 37, 131 } };

/* Padding and its contents change no bit. */
static void test_strides(void **state) {
    int n, s, v, k;
    (void)state;
    for (n = 0; n < ISK__OP_COUNT; n++) {
        for (s = 0; s < COUNT(shapes); s++) {
            for (v = 0; v < variant_count(); v++) {
                instance tight = make_example(&isk__op_table[n], shapes[s][0], shapes[s][1], 0, 1);
                instance padded = make_example(&isk__op_table[n], shapes[s][0], shapes[s][1], 11, 1);
                forward(&tight, (variant)v);
                forward(&padded, (variant)v);
                assert_same_bits(&tight.out, &padded.out, tight.info->name, "padding changes the value");
                backward(&tight, (variant)v, ALL, 0);
                backward(&padded, (variant)v, ALL, 0);
                for (k = 0; k < tight.info->inputs; k++) {
                    if (!(tight.info->differentiable >> k & 1u)) continue;
                    assert_same_bits(&tight.grad_in[k], &padded.grad_in[k], tight.info->name, "padding changes the gradient");
                }
                drop(&tight);
                drop(&padded);
            }
        }
    }
}

/* A gradient does not depend on which others are wanted. */
static void test_missing_gradients(void **state) {
    int n, v, k;
    (void)state;
    for (n = 0; n < ISK__OP_COUNT; n++) {
        for (v = 0; v < variant_count(); v++) {
            instance all = make_example(&isk__op_table[n], 9, 21, 3, 1), one = make_example(&isk__op_table[n], 9, 21, 3, 1);
            forward(&all, (variant)v);
            forward(&one, (variant)v);
            backward(&all, (variant)v, ALL, 0);
            backward(&one, (variant)v, 0, 0);
            for (k = 0; k < all.info->inputs; k++) {
                if (!(all.info->differentiable >> k & 1u)) continue;
                backward(&one, (variant)v, 1u << k, 0);
                assert_same_bits(&all.grad_in[k], &one.grad_in[k], all.info->name, "a gradient alone differs");
            }
            drop(&all);
            drop(&one);
        }
    }
}

/* mul(x, x): both gradients go into one buffer, the second added to the first. */
static void test_shared_gradient(void **state) {
    int n, v, a, b, i, j;
    (void)state;
    for (n = 0; n < ISK__OP_COUNT; n++) {
        const isk__op_info *info = &isk__op_table[n];
        for (a = 0; a < info->inputs; a++) {
            for (b = a + 1; b < info->inputs; b++) {
                if (info->kinds[a] != info->kinds[b]) continue;
                if (!(info->differentiable >> a & 1u) || !(info->differentiable >> b & 1u)) continue;
                for (v = 0; v < variant_count(); v++) {
                    instance apart = make_example(info, 5, 19, 2, 1), shared = make_example(info, 5, 19, 2, 1);
                    forward(&apart, (variant)v);
                    forward(&shared, (variant)v);
                    backward(&apart, (variant)v, 1u << a | 1u << b, 0);
                    set_all(&shared.grad_in[a], not_a_number());
                    shared.loop.grad_in[a] = shared.loop.grad_in[b] = shared.grad_in[a].data;
                    shared.loop.accumulate = 1u << b;
                    info->backward(&shared.loop);
                    for (i = 0; i < apart.grad_in[a].rows; i++) {
                        for (j = 0; j < apart.grad_in[a].cols; j++) {
                            const double want = (double)*at(&apart.grad_in[a], i, j) + (double)*at(&apart.grad_in[b], i, j);
                            const double size = fabs((double)*at(&apart.grad_in[a], i, j)) + largest_of(&apart.grad_in[b]);
                            if (!(fabs((double)*at(&shared.grad_in[a], i, j) - want) <= 1e-6 * size)) {
                                fail_msg("%s: inputs %d and %d with one gradient buffer", info->name, a, b);
                            }
                        }
                    }
                    drop(&apart);
                    drop(&shared);
                }
            }
        }
    }
}

/* The variants agree on a matrix of many blocks. */
static void test_variants(void **state) {
    int n, k, i, j;
    (void)state;
    if (variant_count() < 2) {
        print_message("# skipped: this build or processor has one variant of the loops\n");
        skip();
    }
    for (n = 0; n < ISK__OP_COUNT; n++) {
        instance a = make_example(&isk__op_table[n], 37, 131, 0, 1), b = make_example(&isk__op_table[n], 37, 131, 0, 1);
        forward(&a, PORTABLE);
        forward(&b, AVX2);
        backward(&a, PORTABLE, ALL, 0);
        backward(&b, AVX2, ALL, 0);
        for (k = -1; k < a.info->inputs; k++) {
            const operand *p = k < 0 ? &a.out : &a.grad_in[k], *q = k < 0 ? &b.out : &b.grad_in[k];
            const double size = largest_of(p);
            if (k >= 0 && !(a.info->differentiable >> k & 1u)) continue;
            for (i = 0; i < p->rows; i++) {
                for (j = 0; j < p->cols; j++) {
                    const double x = (double)*at(p, i, j), y = (double)*at(q, i, j);
                    if (!(fabs(x - y) <= 2e-5 * fabs(x) + 2e-6 * size)) {
                        fail_msg("%s, operand %d at [%d, %d]: portable %.9g, avx2 %.9g", a.info->name, k, i, j, x, y);
                    }
                }
            }
        }
        drop(&a);
        drop(&b);
    }
}

/* ---- rows that are absent ---- */

static void copy_rows(const operand *from, const operand *to, const int *kept, int count) {
    int i, j;
    for (i = 0; i < count; i++) {
        for (j = 0; j < to->cols; j++) *at(to, i, j) = *at(from, to->rows == 1 ? 0 : kept[i], j);
        if (to->rows == 1) return;
    }
}

static void assert_close(double got, double want, double size, const char *op, const char *what) {
    if (!(fabs(got - want) <= relative * fabs(want) + to_largest * (1 + size))) {
        fail_msg("%s: %s: %.9g, expected %.9g", op, what, got, want);
    }
}

/* A batch with absent rows gives what the present rows alone give, whatever the absent ones hold. */
static void test_absent_rows(void **state) {
    static const int kept[] = { 0, 2, 3, 4, 6, 7 };                 /* the rows with weight in the pattern 1, 0, 2, 0.5 */
    const int present = COUNT(kept), rows = 8, cols = 11;
    int n, v, k, i, j;
    (void)state;
    for (n = 0; n < ISK__OP_COUNT; n++) {
        const isk__op_info *info = &isk__op_table[n];
        if (strchr(info->kinds, 'w') == NULL) continue;
        for (v = 0; v < variant_count(); v++) {
            instance whole = make_example(info, rows, cols, 0, 1), part = make_example(info, present, cols, 0, 1);
            for (k = 0; k < info->inputs; k++) copy_rows(&whole.in[k], &part.in[k], kept, present);
            copy_rows(&whole.grad, &part.grad, kept, present);
            forward(&whole, (variant)v);
            forward(&part, (variant)v);
            backward(&whole, (variant)v, ALL, 0);
            backward(&part, (variant)v, ALL, 0);
            for (k = -1; k < info->inputs; k++) {
                const operand *a = k < 0 ? &whole.out : &whole.grad_in[k], *b = k < 0 ? &part.out : &part.grad_in[k];
                const char *what = k < 0 ? "value with absent rows" : "gradient with absent rows";
                if (k >= 0 && !(info->differentiable >> k & 1u)) continue;
                for (i = 0; i < b->rows; i++) {
                    for (j = 0; j < b->cols; j++) {
                        assert_close((double)*at(a, a->rows == 1 ? 0 : kept[i], j), (double)*at(b, i, j), largest_of(b), info->name, what);
                    }
                }
                for (i = 0; a->rows > 1 && i < rows; i++) {
                    for (j = 0; i % 4 == 1 && j < a->cols; j++) {
                        if (*at(a, i, j) != 0) fail_msg("%s: operand %d, absent row %d is not 0", info->name, k, i);
                    }
                }
            }
            drop(&whole);
            drop(&part);
        }
    }
}

/* No weights and weights of 1 give the same bits; no present row gives 0. */
static void test_weights(void **state) {
    int n, v, k;
    (void)state;
    for (n = 0; n < ISK__OP_COUNT; n++) {
        const isk__op_info *info = &isk__op_table[n];
        if (strchr(info->kinds, 'w') == NULL) continue;
        for (v = 0; v < variant_count(); v++) {
            instance none = make_example(info, 6, 10, 0, 0), ones = make_example(info, 6, 10, 0, 1);
            instance absent = make_example(info, 6, 10, 0, 2);
            set_all(&ones.in[ones.weighted], 1);
            forward(&none, (variant)v);
            forward(&ones, (variant)v);
            forward(&absent, (variant)v);
            backward(&none, (variant)v, ALL, 0);
            backward(&ones, (variant)v, ALL, 0);
            backward(&absent, (variant)v, ALL, 0);
            assert_same_bits(&none.out, &ones.out, info->name, "weights of 1 change the value");
            assert_true(largest_of(&absent.out) == 0);
            for (k = 0; k < info->inputs; k++) {
                if (!(info->differentiable >> k & 1u)) continue;
                assert_same_bits(&none.grad_in[k], &ones.grad_in[k], info->name, "weights of 1 change the gradient");
                if (largest_of(&absent.grad_in[k]) != 0) fail_msg("%s: gradient %d without a present row is not 0", info->name, k);
            }
            drop(&none);
            drop(&ones);
            drop(&absent);
        }
    }
}

/* ---- extreme inputs ---- */

static void test_extreme(void **state) {
    static const double special[] = { 0, 1e-30, -1e-30, 90, -90, 1e4, -1e4 };
    int n, v, k, i, j;
    (void)state;
    for (n = 0; n < ISK__OP_COUNT; n++) {
        const isk__op_info *info = &isk__op_table[n];
        for (v = 0; v < variant_count(); v++) {
            instance t = make_example(info, 9, 21, 0, 1);
            for (k = 0; k < info->inputs; k++) {
                const operand *o = &t.in[k];
                if (o->kind == 'w') continue;
                for (i = 0; i < o->rows; i++) {
                    for (j = 0; j < o->cols; j++) {
                        const double value = i == t.rows - 1 ? 0 : special[(i * 2 + j + 3 * k) % COUNT(special)];
                        const char domain = example(info)->domains[k];
                        *at(o, i, j) = (isk_scalar)(domain == '+' ? fabs(value) : domain == '#' ? floor(fabs(value)) : value);
                    }
                }
            }
            forward(&t, (variant)v);
            backward(&t, (variant)v, ALL, 0);
            for (k = -1; k < info->inputs; k++) {
                const operand *o = k < 0 ? &t.out : &t.grad_in[k];
                if (k >= 0 && !(info->differentiable >> k & 1u)) continue;
                for (i = 0; i < o->rows; i++) {
                    for (j = 0; j < o->cols; j++) {
                        if (!isfinite(*at(o, i, j))) {
                            fail_msg("%s (%s): operand %d at [%d, %d] is not finite", info->name, variant_name((variant)v), k, i, j);
                        }
                    }
                }
            }
            drop(&t);
        }
    }
}

/* ---- gradients of the C loops against central differences of the C loops ---- */

#ifdef INDISEEK_DOUBLE

/* The sum of grad * out at in[k] + step * direction. */
static double objective(instance *t, int k, const double *base, const double *direction, double step) {
    const operand *o = &t->in[k];
    double sum = 0;
    int i, j;
    for (i = 0; i < o->rows; i++) {
        for (j = 0; j < o->cols; j++) *at(o, i, j) = base[i * o->cols + j] + step * direction[i * o->cols + j];
    }
    forward(t, PORTABLE);
    for (i = 0; i < t->out.rows; i++) {
        for (j = 0; j < t->out.cols; j++) sum += *at(&t->out, i, j) * *at(&t->grad, i, j);
    }
    return sum;
}

static void test_differences(void **state) {
    static double base[MAX_SCALARS], direction[MAX_SCALARS];
    int n, s, k, i, j;
    (void)state;
    for (n = 0; n < ISK__OP_COUNT; n++) {
        const isk__op_info *info = &isk__op_table[n];
        for (s = 0; s < COUNT(shapes); s++) {
            for (k = 0; k < info->inputs; k++) {
                instance t = make_example(info, shapes[s][0], shapes[s][1], 2, 1);
                const operand *o = &t.in[k];
                unsigned seed = 4242;
                double numeric, derived = 0, size = 0;
                if (!(info->differentiable >> k & 1u)) {
                    drop(&t);
                    continue;
                }
                assert_true(o->rows * o->cols <= MAX_SCALARS);
                for (i = 0; i < o->rows; i++) {
                    for (j = 0; j < o->cols; j++) {         /* off the grid of the draws and away from 0, where ops have kinks */
                        const double x = *at(o, i, j);
                        direction[i * o->cols + j] = draw(&seed);
                        base[i * o->cols + j] = x + (x < 0 ? -0.05 : 0.05) + 0.00037 * direction[i * o->cols + j];
                    }
                }
                numeric = (objective(&t, k, base, direction, 1e-6) - objective(&t, k, base, direction, -1e-6)) / 2e-6;
                objective(&t, k, base, direction, 0);
                backward(&t, PORTABLE, 1u << k, 0);
                for (i = 0; i < o->rows; i++) {
                    for (j = 0; j < o->cols; j++) {
                        const double g = *at(&t.grad_in[k], i, j);
                        derived += g * direction[i * o->cols + j];
                        size += g * g;
                    }
                }
                if (!(fabs(numeric - derived) <= 2e-6 * (1 + fabs(numeric) + sqrt(size)))) {
                    fail_msg("%s, %d x %d: gradient of input %d is %.9g, by central differences %.9g", info->name, t.rows, t.cols, k,
                             derived, numeric);
                }
                drop(&t);
            }
        }
    }
}

#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_strides),
        cmocka_unit_test(test_missing_gradients),
        cmocka_unit_test(test_shared_gradient),
        cmocka_unit_test(test_variants),
        cmocka_unit_test(test_absent_rows),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_extreme),
#ifdef INDISEEK_DOUBLE
        cmocka_unit_test(test_differences),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
