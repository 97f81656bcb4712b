"""Checks every derived gradient, and writes tests/library/op_vectors.h: what each op gives in float64, for the C tests.

The checks run whenever the generator runs; a mistake in the table raises ExpressionError with the op and the argument.
"""

import math
import zlib

from expr import ExpressionError, evaluate, leaf

SPECIAL = (0.0, 1e-30, -1e-30, 90.0, -90.0, 1e4, -1e4)       # value and gradient stay finite in float here
POSITIVE = ("variance", "shape")                                # inputs of these names are positive
COUNTS = ("counts",)                                         # inputs of these names are whole numbers from 0 on, data without a gradient
SHAPES = ((1, 1), (1, 9), (5, 3), (6, 11))
WITHOUT, SOME_ABSENT, ALL_ABSENT = 0, 1, 2                   # row weights of a case


class Random:
    """Multiples of 1/1024 in [-2, 2): exact in float, and the same from the generator in tests/library/test_ops.c."""

    def __init__(self, seed): self.state = seed & 0xFFFFFFFF

    def next(self):
        self.state = (self.state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self.state >> 20) / 1024.0 - 2.0

    def list(self, count): return [self.next() for _ in range(count)]


def size(kind, rows, cols):
    return {"e": rows * cols, "r": rows, "w": rows, "c": cols, "s": 1}[kind]


def row_weights(mode, rows):
    """1, 0, 2, 0.5, 1, 0, ... : see tests/library/test_ops.c"""
    if mode == WITHOUT: return [1.0] * rows
    return [0.0 if mode == ALL_ABSENT else (1.0, 0.0, 2.0, 0.5)[i % 4] for i in range(rows)]


def leaves_of(op, rows, cols, random, mode):
    """Values of all leaves, in the order of tests/library/test_ops.c: inputs, then the gradient of the output."""
    values = {}
    for name, kind in op.inputs:
        if kind == "w": values[name] = row_weights(mode, rows)
        else:
            values[name] = random.list(size(kind, rows, cols))
            if name in POSITIVE: values[name] = [abs(v) + 0.25 for v in values[name]]
            if name in COUNTS: values[name] = [math.floor(20 * v * v) for v in values[name]]
    values["g"] = random.list(size(op.out_kind, rows, cols))
    values.update((name, [value]) for name, value in op.attributes)
    return values


def results(op, values, rows, cols, single=False):
    """(output, [gradient of each differentiable input]), each a flat list of the operand's size."""
    from expr import spread
    output, = evaluate([op.forward], values, rows, cols, single)
    values = dict(values, y=output)
    kinds = dict(op.inputs)
    gradients = evaluate([node for _, node in op.gradients], values, rows, cols, single)
    return output, [spread(v, node.kind, kinds[name], rows, cols) for v, (name, node) in zip(gradients, op.gradients)]


# ---- checks ---------------------------------------------------------------------------------------------------------

def check_gradient(op, rows, cols, mode):
    """Central differences along one random direction for each argument."""
    random = Random(12345 + rows)
    values = leaves_of(op, rows, cols, random, mode)

    def objective(changed):
        return sum(a * b for a, b in zip(evaluate([op.forward], changed, rows, cols)[0], values["g"]))

    for name, kind in op.inputs:
        if kind == "w" or name in COUNTS: continue
        # Off the grid of the values, and not near 0: no kink of an op lies between two steps.
        direction = random.list(len(values[name]))
        base = [v + math.copysign(0.05, v) + 0.00037 * d for v, d in zip(values[name], direction)]
        step = 1e-6
        ends = [dict(values, **{name: [v + sign * step * d for v, d in zip(base, direction)]}) for sign in (1, -1)]
        numeric = (objective(ends[0]) - objective(ends[1])) / (2 * step)
        _, moved = results(op, dict(values, **{name: base}), rows, cols)
        derived = dict(zip([n for n, _ in op.gradients], moved))
        analytic = sum(a * b for a, b in zip(derived.get(name, [0.0] * len(direction)), direction))
        scale = max(1.0, abs(numeric), math.sqrt(sum(v * v for v in derived.get(name, [0.0]))))
        if not abs(numeric - analytic) <= 2e-7 * scale:
            raise ExpressionError("op %s: the gradient of %s is %.9g, by central differences %.9g (%d x %d)"
                                  % (op.name, name, analytic, numeric, rows, cols))


def check_special(op):
    """Extreme values and a row of zeros: nothing may leave the range of float."""
    rows, cols = 5, len(SPECIAL)
    random = Random(99)
    values = leaves_of(op, rows, cols, random, SOME_ABSENT)
    for shift, (name, kind) in enumerate(op.inputs):
        if kind == "w": continue
        count = size(kind, rows, cols)
        values[name] = [SPECIAL[(k + k // cols * 2 + 3 * shift) % cols] if k // cols != rows - 1 else 0.0 for k in range(count)]
        if name in POSITIVE + COUNTS: values[name] = [abs(v) for v in values[name]]
        if name in COUNTS: values[name] = [math.floor(v) for v in values[name]]
    output, gradients = results(op, values, rows, cols, single=True)
    for what, found in [("value", output)] + [("gradient of " + n, v) for (n, _), v in zip(op.gradients, gradients)]:
        if not all(math.isfinite(v) for v in found):
            raise ExpressionError("op %s: the %s is not finite at extreme inputs" % (op.name, what))


def check(op):
    weighted = "w" in dict(op.inputs).values()
    for rows, cols in ((1, 1), (4, 3)):
        check_gradient(op, rows, cols, SOME_ABSENT if weighted else WITHOUT)
    check_special(op)


# ---- tests/library/op_vectors.h -------------------------------------------------------------------------------------

HEAD = """\
/* Generated by python3 codegen/generate.py; do not edit.

   What every op gives in float64.  The inputs are drawn in the test itself: with the seed of the case, input after input and
   then the gradient of the output.  Expected: the output, then the gradient of each differentiable input.  Seeds come from
   the op's name and numbers stand op by op, so that a change of one op changes its own lines. */

typedef struct op_case {
    const char *op;
    int rows, cols;
    int weights;                    /* 0: none given, 1: some rows absent, 2: all rows absent */
    unsigned seed;
    const char *domains;            /* a letter for each input: + is |drawn| + 0.25, # the whole part of 20 drawn^2, . what is drawn */
    double attributes[4];
    const double *expected;
} op_case;

"""


def seed_of(name, case):
    """Of a case of an op, whatever other ops there are."""
    return (zlib.crc32(name.encode()) + case) & 0xFFFFFFFF


def wrapped(numbers):
    lines = [""]
    for number in numbers:
        if lines[-1] and len(lines[-1]) + len(number) + 2 > 116: lines.append("")
        lines[-1] += " %s," % number
    return ["   " + line for line in lines]


def cases_of(op):
    """(lines of the op's cases, its numbers)"""
    cases, numbers = [], []
    weighted = "w" in dict(op.inputs).values()
    domains = "".join("+" if name in POSITIVE else "#" if name in COUNTS else "." for name, _ in op.inputs)
    attributes = ", ".join("%.9g" % value for _, value in op.attributes) or "0"
    for rows, cols in SHAPES:
        modes = (WITHOUT, SOME_ABSENT) if weighted and rows > 1 else (WITHOUT, ALL_ABSENT) if weighted and cols > 1 else (WITHOUT,)
        for mode in modes:
            seed = seed_of(op.name, len(cases))
            output, gradients = results(op, leaves_of(op, rows, cols, Random(seed), mode), rows, cols)
            cases.append('    { "%s", %d, %d, %d, %du, "%s", { %s }, expected_%s + %d },'
                         % (op.name, rows, cols, mode, seed, domains, attributes, op.name, len(numbers)))
            numbers += ["%.9g" % v for part in [output] + gradients for v in part]
    return cases, numbers


def header(ops, kernel_names):
    """Text of tests/library/op_vectors.h."""
    made = [(op.name,) + cases_of(op) for op in ops]
    lines = []
    for name, _, numbers in made:
        lines += ["static const double expected_%s[] = {" % name] + wrapped(numbers) + ["};"]
    lines += ["", "static const op_case op_cases[] = {"] + [line for _, cases, _ in made for line in cases] + ["};", ""]
    lines += ["/* Every kernel of kernels/. */", "#define OP_KERNELS(X) \\"]
    lines += ["    X(%s) \\" % name for name in kernel_names] + [""]
    lines += ["/* A call of every op, x in place of each of its tensors. */", "#define OP_CALLS(X, x) \\"]
    return HEAD + "\n".join(lines + ["    X(isk_%s(%s)) \\" % (op.name, call(op)) for op in ops]) + "\n\n"


def call(op):
    """Arguments of the public function: row weights are filled in by the recorder."""
    tensors = ["x" for _, kind in op.inputs if kind != "w"]
    return ", ".join(tensors + ["%.9g" % value for _, value in op.attributes])
