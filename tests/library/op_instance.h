/* One op of the generated table with operands to call it on: drawn values, strides, poisoned padding.  For test_ops.c and
   test_cuda_text.c, after indiseek.h with its implementation and cmocka.h. */

#include "op_vectors.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof(array)[0]))

typedef enum variant { PORTABLE, AVX2 } variant;         /* isk__loop.level */

typedef struct operand {
    char kind;
    int rows, cols, stride;
    isk_scalar *data;               /* between elements of padding lies NaN */
} operand;

typedef struct instance {
    const isk__op_info *info;
    int rows, cols, extra;          /* extra: columns of padding */
    operand in[ISK__MAX_INPUTS], grad_in[ISK__MAX_INPUTS], out, grad;
    double attributes[4];
    int weighted;                   /* index of the row weights, -1 without */
    int work_count;
    isk_scalar *work;
    isk__loop loop;
} instance;

static inline isk_scalar not_a_number(void) { return (isk_scalar)NAN; }

static inline operand make_operand(char kind, int rows, int cols, int extra) {
    operand o;
    int i, count;
    o.kind = kind;
    o.rows = kind == 'e' || kind == 'r' || kind == 'w' ? rows : 1;
    o.cols = kind == 'e' || kind == 'c' ? cols : 1;
    o.stride = o.cols + extra;
    count = o.rows * o.stride;
    o.data = (isk_scalar *)malloc((size_t)count * sizeof *o.data);
    assert_non_null(o.data);
    for (i = 0; i < count; i++) o.data[i] = not_a_number();
    return o;
}

static inline isk_scalar *at(const operand *o, int i, int j) { return o->data + (ptrdiff_t)i * o->stride + j; }

static inline void set_all(const operand *o, isk_scalar value) {
    int i, j;
    for (i = 0; i < o->rows; i++) {
        for (j = 0; j < o->cols; j++) *at(o, i, j) = value;
    }
}

static inline void check_padding(const operand *o) {
    int i, j;
    for (i = 0; i < o->rows; i++) {
        for (j = o->cols; j < o->stride; j++) assert_true(isnan(*at(o, i, j)));
    }
}

/* Multiples of 1/1024 in [-2, 2), the same as in codegen/vectors.py. */
static inline double draw(unsigned *state) {
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 20) / 1024.0 - 2.0;
}

static inline void draw_all(const operand *o, unsigned *state) {
    int i, j;
    for (i = 0; i < o->rows; i++) {
        for (j = 0; j < o->cols; j++) *at(o, i, j) = (isk_scalar)draw(state);
    }
}

/* A drawn number as an input of that letter of op_case.domains holds it. */
static inline isk_scalar in_domain(char domain, double value) {
    return (isk_scalar)(domain == '+' ? fabs(value) + 0.25 : domain == '#' ? floor(20 * value * value) : value);
}

static inline void bring_into(char domain, const operand *o) {
    int i, j;
    for (i = 0; i < o->rows; i++) {
        for (j = 0; j < o->cols; j++) *at(o, i, j) = in_domain(domain, (double)*at(o, i, j));
    }
}

static inline const isk__op_info *find_op(const char *name) {
    int k;
    for (k = 0; k < ISK__OP_COUNT; k++) {
        if (strcmp(isk__op_table[k].name, name) == 0) return &isk__op_table[k];
    }
    fail_msg("no op %s in the table: run python3 codegen/generate.py", name);
    return NULL;
}

/* Operands drawn from `seed`; weights as op_case has them. */
static inline instance make(const isk__op_info *info, int rows, int cols, int extra, unsigned seed, const char *domains, int weights) {
    instance t;
    int k, i;
    memset(&t, 0, sizeof t);
    t.info = info;
    t.rows = rows;
    t.cols = cols;
    t.extra = extra;
    t.weighted = -1;
    for (k = 0; k < info->inputs; k++) {
        t.in[k] = make_operand(info->kinds[k], rows, cols, extra);
        t.grad_in[k] = make_operand(info->kinds[k], rows, cols, extra);
        if (info->kinds[k] == 'w') {
            static const double pattern[4] = { 1, 0, 2, 0.5 };
            t.weighted = k;
            for (i = 0; i < rows; i++) *at(&t.in[k], i, 0) = (isk_scalar)(weights == 2 ? 0 : pattern[i % 4]);
        } else {
            draw_all(&t.in[k], &seed);
            bring_into(domains[k], &t.in[k]);
        }
    }
    t.out = make_operand(info->out_kind, rows, cols, extra);
    t.grad = make_operand(info->out_kind, rows, cols, extra);
    draw_all(&t.grad, &seed);
    t.work_count = info->work_rows * rows + info->work_cols * cols + 16;
    t.work = (isk_scalar *)malloc((size_t)(t.work_count + 1) * sizeof *t.work);
    assert_non_null(t.work);
    for (k = 0; k <= t.work_count; k++) t.work[k] = not_a_number();
    t.work[t.work_count] = 4321;                                    /* what lies behind the workspace */
    t.loop.rows = rows;
    t.loop.cols = cols;
    for (k = 0; k < info->inputs; k++) {
        t.loop.in[k] = t.in[k].data;
        t.loop.in_stride[k] = t.in[k].stride;
        t.loop.grad_in_stride[k] = t.grad_in[k].stride;
    }
    if (t.weighted >= 0 && weights == 0) t.loop.in[t.weighted] = NULL;
    t.loop.out = t.out.data;
    t.loop.out_stride = t.out.stride;
    t.loop.grad = t.grad.data;
    t.loop.grad_stride = t.grad.stride;
    t.loop.work = t.work;
    return t;
}

static inline void drop(instance *t) {
    int k;
    for (k = 0; k < t->info->inputs; k++) {
        free(t->in[k].data);
        free(t->grad_in[k].data);
    }
    free(t->out.data);
    free(t->grad.data);
    free(t->work);
}

static inline void forward(instance *t, variant v) {
    t->loop.attributes = t->attributes;
    set_all(&t->out, not_a_number());
    t->loop.level = (int)v;
    t->info->forward(&t->loop);
    check_padding(&t->out);
    assert_true(t->work[t->work_count] == 4321);
}

/* Gradients of the inputs in `wanted`; those in `accumulate` are added to what grad_in holds. */
static inline void backward(instance *t, variant v, unsigned wanted, unsigned accumulate) {
    int k;
    for (k = 0; k < t->info->inputs; k++) {
        t->loop.grad_in[k] = wanted & t->info->differentiable & 1u << k ? t->grad_in[k].data : NULL;
        if (!(accumulate >> k & 1u)) set_all(&t->grad_in[k], not_a_number());
    }
    t->loop.accumulate = accumulate;
    t->loop.attributes = t->attributes;
    t->loop.level = (int)v;
    t->info->backward(&t->loop);
    for (k = 0; k < t->info->inputs; k++) check_padding(&t->grad_in[k]);
    assert_true(t->work[t->work_count] == 4321);
}

#define ALL 0xFFu

/* The variants that this processor can run. */
static inline int variant_count(void) { return isk__cpu_level() > 0 ? 2 : 1; }
static inline const char *variant_name(variant v) { return v == AVX2 ? "avx2" : "portable"; }

static inline double largest_of(const operand *o) {
    double largest = 0;
    int i, j;
    for (i = 0; i < o->rows; i++) {
        for (j = 0; j < o->cols; j++) largest = fmax(largest, fabs((double)*at(o, i, j)));
    }
    return largest;
}

/* For each op the attributes and domains that its first case has. */
static inline const op_case *example(const isk__op_info *info) {
    int n;
    for (n = 0; n < COUNT(op_cases); n++) {
        if (strcmp(op_cases[n].op, info->name) == 0) return &op_cases[n];
    }
    fail_msg("op %s has no case in op_vectors.h: run python3 codegen/generate.py", info->name);
    return NULL;
}

static inline instance make_example(const isk__op_info *info, int rows, int cols, int extra, int weights) {
    const op_case *c = example(info);
    instance t = make(info, rows, cols, extra, 7u + (unsigned)(rows * 1000 + cols), c->domains, weights);
    memcpy(t.attributes, c->attributes, sizeof t.attributes);
    return t;
}
