"""Passes over all parameters of a group, as C text for the generated block "optimiser-loops" of indiseek.h.

The same loops for every instruction set: a step of Adam, a step of SGD, the sum of squares that clipping needs, and the sum
of rows that is the gradient of a bias.  Each is one pass over memory.  Multiply-adds are written out, so the bits do not
hang on how a compiler contracts a * b + c, and the last, partial vector goes through the same operations as all others.
"""

SETS = {"plain": "", "avx2": "ISK__TARGET_AVX2\n", "avx512": "ISK__TARGET_AVX512\n"}

STEP = """\
@static ISK__INLINE isk__$ isk__$_adam_step(const isk__adam_factors *f, isk__$ p, isk__$ g,
                                            isk__$ *m, isk__$ *v) {
    isk__$ decay = isk__$_set1(f->decay), scale = isk__$_set1(f->scale), root;
    g = isk__$_fma(decay, p, g * scale);
    *m = isk__$_fma(isk__$_set1(f->beta1), *m, isk__$_set1(f->rest1) * g);
    *v = isk__$_fma(isk__$_set1(f->beta2), *v, isk__$_set1(f->rest2) * g * g);
    root = isk__$_fma(isk__$_sqrt(*v), isk__$_set1(f->root_scale), isk__$_set1(f->epsilon));
    return isk__$_fma(isk__$_set1(-f->rate), *m / root, p * isk__$_set1(f->keep));
}

@static void isk__adam_$(const isk__adam_factors *f, size_t n, isk_scalar *p, const isk_scalar *g, isk_scalar *m,
                         isk_scalar *v) {
    isk__$ y, moment, square;
    for (; n >= isk__$_width; n -= isk__$_width) {
        moment = isk__$_load(m);
        square = isk__$_load(v);
        y = isk__$_adam_step(f, isk__$_load(p), isk__$_load(g), &moment, &square);
        isk__$_store(m, moment);
        isk__$_store(v, square);
        isk__$_store(p, y);
        p += isk__$_width;
        g += isk__$_width;
        m += isk__$_width;
        v += isk__$_width;
    }
    if (n > 0) {
        const isk__$_tail tail = isk__$_tail_of((int)n);
        moment = isk__$_load_tail(m, tail);
        square = isk__$_load_tail(v, tail);
        y = isk__$_adam_step(f, isk__$_load_tail(p, tail), isk__$_load_tail(g, tail), &moment, &square);
        isk__$_store_tail(m, moment, tail);
        isk__$_store_tail(v, square, tail);
        isk__$_store_tail(p, y, tail);
    }
}

@static ISK__INLINE isk__$
isk__$_sgd_step(const isk__sgd_factors *f, isk__$ p, isk__$ g, isk__$ *m) {
    g = isk__$_fma(isk__$_set1(f->decay), p, g * isk__$_set1(f->scale));
    *m = isk__$_fma(isk__$_set1(f->momentum), *m, g);
    return isk__$_fma(isk__$_set1(-f->rate), *m, p);
}

@static void isk__sgd_$(const isk__sgd_factors *f, size_t n, isk_scalar *p, const isk_scalar *g,
                        isk_scalar *m) {
    isk__$ y, moment;
    for (; n >= isk__$_width; n -= isk__$_width) {
        moment = isk__$_load(m);
        y = isk__$_sgd_step(f, isk__$_load(p), isk__$_load(g), &moment);
        isk__$_store(m, moment);
        isk__$_store(p, y);
        p += isk__$_width;
        g += isk__$_width;
        m += isk__$_width;
    }
    if (n > 0) {
        const isk__$_tail tail = isk__$_tail_of((int)n);
        moment = isk__$_load_tail(m, tail);
        y = isk__$_sgd_step(f, isk__$_load_tail(p, tail), isk__$_load_tail(g, tail), &moment);
        isk__$_store_tail(m, moment, tail);
        isk__$_store_tail(p, y, tail);
    }
}

@static double isk__squares_$(const isk_scalar *x, size_t n) {
    isk__$ s0 = isk__$_set1(0), s1 = s0, s2 = s0, s3 = s0, y;
    isk_scalar lanes[isk__$_width];
    double sum = 0;
    int i;
    for (; n >= 4 * isk__$_width; n -= 4 * isk__$_width, x += 4 * isk__$_width) {
        y = isk__$_load(x);
        s0 = isk__$_fma(y, y, s0);
        y = isk__$_load(x + isk__$_width);
        s1 = isk__$_fma(y, y, s1);
        y = isk__$_load(x + 2 * isk__$_width);
        s2 = isk__$_fma(y, y, s2);
        y = isk__$_load(x + 3 * isk__$_width);
        s3 = isk__$_fma(y, y, s3);
    }
    for (; n >= isk__$_width; n -= isk__$_width, x += isk__$_width) {
        y = isk__$_load(x);
        s0 = isk__$_fma(y, y, s0);
    }
    y = isk__$_load_tail(x, isk__$_tail_of((int)n));
    s1 = isk__$_fma(y, y, s1);
    isk__$_store(lanes, (s0 + s1) + (s2 + s3));
    for (i = 0; i < isk__$_width; i++) { sum += (double)lanes[i]; }
    return sum;
}

@static void isk__row_sum_$(const isk__row_sum_call *c) {
    const isk_scalar *x = c->x;
    isk_scalar *sum = c->sum;
    const ptrdiff_t row = c->row;
    int left, p;
    for (left = c->cols; left > 0; left -= isk__$_width, x += isk__$_width, sum += isk__$_width) {
        const isk__$_tail tail = isk__$_tail_of(left < isk__$_width ? left : isk__$_width);
        const isk_scalar *at = x;
        isk__$ s0 = isk__$_set1(0), s1 = s0, s2 = s0, s3 = s0;
        for (p = c->rows; p >= 4; p -= 4, at += 4 * row) {
            s0 = s0 + isk__$_load_tail(at, tail);
            s1 = s1 + isk__$_load_tail(at + row, tail);
            s2 = s2 + isk__$_load_tail(at + 2 * row, tail);
            s3 = s3 + isk__$_load_tail(at + 3 * row, tail);
        }
        for (; p > 0; p--, at += row) { s0 = s0 + isk__$_load_tail(at, tail); }
        s0 = (s0 + s1) + (s2 + s3);
        if (c->accumulate) { s0 = s0 + isk__$_load_tail(sum, tail); }
        isk__$_store_tail(sum, s0, tail);
    }
}
"""


def emit() -> str:
    text = []
    for name, attribute in SETS.items():
        text += {"plain": ["#ifdef ISK__HAVE_VECTORS"], "avx2": ["#ifdef ISK__HAVE_AVX2"]}.get(name, [])
        text += [STEP.replace("$", name).replace("@", attribute)]
        text += {"plain": ["#endif"], "avx512": ["#endif"]}.get(name, [])
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    print(emit(), end="")
