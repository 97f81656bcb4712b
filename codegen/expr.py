"""Expressions over a matrix, and their gradients.

An expression is a directed acyclic graph of nodes. Every node has a kind, the shape it has for a matrix of `rows` x `cols`:

    e  [rows, cols]      r  [rows, 1]      c  [1, cols]      s  [1, 1]

Kinds broadcast: r + c is an e. Reductions narrow: row_sum(e) is an r, col_sum(e) a c, all_sum(e) an s. Kinds are inferred;
a mistake raises ExpressionError.

Nodes are hash-consed: equal expressions are the same object. So a sub-expression of a gradient that equals the op's output
is recognised and read instead of computed again, and common sub-expressions cost nothing.

The gradient of an expression is derived by walking it backwards (reverse mode); the derivative of each primitive is given
once, in PRIMITIVES, the derivative of a reduction in `gradients`.
"""

import math

FLT_MAX = 3.4028234663852886e38
FLT_TRUE_MIN = 1.401298464324817e-45
LOWEST = -3.0e38                     # below every number that a float matrix holds in practice; what an absent row counts as in a maximum


class ExpressionError(Exception):
    """A mistake in the op table."""


# ---- kinds ----------------------------------------------------------------------------------------------------------

HAS_ROWS = {"e": True, "r": True, "c": False, "s": False}
HAS_COLS = {"e": True, "r": False, "c": True, "s": False}
KIND = {(True, True): "e", (True, False): "r", (False, True): "c", (False, False): "s"}


def join(kinds):
    """The kind that holds all of `kinds` by broadcasting."""
    kinds = list(kinds)
    return KIND[any(HAS_ROWS[k] for k in kinds), any(HAS_COLS[k] for k in kinds)]


# ---- nodes ----------------------------------------------------------------------------------------------------------

class Node:
    """One expression. `op` is a primitive, a reduction, or one of: leaf, constant, stop, route."""

    __slots__ = ("op", "args", "value", "kind", "name", "depends", "order")
    pool = {}

    def __new__(cls, op, args=(), value=None, kind=None):
        key = (op, value, kind) + tuple(id(a) for a in args)
        node = cls.pool.get(key)
        if node is None:
            node = object.__new__(cls)
            node.op, node.args, node.value, node.name = op, args, value, None
            node.kind = kind if kind is not None else join(a.kind for a in args)
            node.depends = frozenset().union(*(a.depends for a in args)) if args else frozenset()
            node.order = len(cls.pool)
            if op == "leaf":
                node.depends = frozenset([value])
            cls.pool[key] = node
        return node

    @classmethod
    def existing(cls, op, args):
        return cls.pool.get((op, None, None) + tuple(id(a) for a in args))

    def __add__(self, other): return add(self, wrap(other))
    def __radd__(self, other): return add(wrap(other), self)
    def __sub__(self, other): return sub(self, wrap(other))
    def __rsub__(self, other): return sub(wrap(other), self)
    def __mul__(self, other): return mul(self, wrap(other))
    def __rmul__(self, other): return mul(wrap(other), self)
    def __truediv__(self, other): return div(self, wrap(other))
    def __rtruediv__(self, other): return div(wrap(other), self)
    def __neg__(self): return neg(self)
    def __lt__(self, other): return less(self, wrap(other))
    def __gt__(self, other): return less(wrap(other), self)

    def __bool__(self):
        raise ExpressionError("an expression has no truth value: use where(condition, a, b)")


class fresh_pool:
    """Expressions of one op live together: `with fresh_pool(): ...` starts anew."""

    def __enter__(self):
        self.saved, Node.pool = Node.pool, {}

    def __exit__(self, *_):
        Node.pool = self.saved


def constant(value): return Node("constant", (), float(value), "s")
def leaf(name, kind): return Node("leaf", (), name, kind)


def wrap(value):
    if isinstance(value, Node):
        return value
    if isinstance(value, (int, float)):
        return constant(value)
    raise ExpressionError("%r is neither an expression nor a number" % (value,))


def is_constant(node, value=None):
    return node.op == "constant" and (value is None or node.value == value)


def let(name, node):
    """Give a node the name that the emitted code shows."""
    if node.name is None and node.op not in ("leaf", "constant"):
        node.name = name
    return node


rows, cols = "rows", "cols"          # names of the two leaves that hold the extents


def row_count(): return leaf(rows, "s")
def col_count(): return leaf(cols, "s")


# ---- arithmetic, simplified where that leaves less to compute --------------------------------------------------------
#
# A product is kept flat and sorted by kind, narrow factors first: what depends on the row only is multiplied once per row,
# and equal products are equal nodes whatever the order in which the derivation met their factors.

NARROW_FIRST = {"s": 0, "r": 1, "c": 2, "e": 3}


def _factors(node):
    """(number, nodes) whose product is the node."""
    if node.op == "constant": return node.value, []
    if node.op == "neg":
        number, nodes = _factors(node.args[0])
        return -number, nodes
    if node.op == "mul":
        left, right = _factors(node.args[0]), _factors(node.args[1])
        return left[0] * right[0], left[1] + right[1]
    return 1.0, [node]


def _reuse_quotient(nodes):
    """(p / q) * f becomes p * (f / q) where f / q exists already: that is how the gradient of softmax finds its output."""
    for numerator in nodes:
        for factor in nodes:
            if numerator.op == "div" and factor is not numerator:
                quotient = Node.existing("div", (factor, numerator.args[1]))
                if quotient is not None:
                    number, more = _factors(numerator.args[0])
                    if number == 1.0 and more:
                        rest = list(nodes)
                        rest.remove(numerator)     # each once: a factor may stand there several times
                        rest.remove(factor)
                        return rest + more + [quotient]
    return nodes


def _times(left, right):
    return right if left is None else left if right is None else Node("mul", (left, right))


def _product(number, nodes):
    if number == 0.0: return constant(0)
    nodes = sorted(_reuse_quotient(nodes), key=lambda n: (NARROW_FIRST[n.kind], n.order))
    group = {kind: None for kind in NARROW_FIRST}
    if number not in (1.0, -1.0) or not nodes:
        group[nodes[0].kind if nodes else "s"] = constant(number)
    for node in nodes:
        group[node.kind] = _times(group[node.kind], node)
    if number == -1.0 and nodes:
        group[nodes[0].kind] = Node("neg", (group[nodes[0].kind],))
    if group["r"] is None:
        return _times(_times(_times(group["s"], group["c"]), group["e"]), None)
    return _times(_times(group["s"], group["r"]), _times(group["c"], group["e"]))


def mul(a, b):
    (m, left), (n, right) = _factors(a), _factors(b)
    return _product(m * n, left + right)


def neg(a):
    if a.op == "sub": return sub(a.args[1], a.args[0])
    if a.op == "where": return where(a.args[0], neg(a.args[1]), neg(a.args[2]))
    number, nodes = _factors(a)
    return _product(-number, nodes)


def _merged(a, b, combine):
    """p / q + r / q as (p + r) / q, and f * p + f * r as f * (p + r); None where nothing is shared."""
    if a.op == "div" and b.op == "div" and a.args[1] is b.args[1]:
        return div(combine(a.args[0], b.args[0]), a.args[1])
    (m, left), (n, right) = _factors(a), _factors(b)
    shared = []
    for node in list(left):
        if node in right:
            shared.append(node)
            left.remove(node)
            right.remove(node)
    if not shared:
        return None
    return mul(_product(1.0, shared), combine(_product(m, left), _product(n, right)))


def add(a, b):
    if is_constant(a, 0): return b
    if is_constant(b, 0): return a
    if is_constant(a) and is_constant(b): return constant(a.value + b.value)
    if a is b: return mul(constant(2), a)
    if _factors(b)[0] < 0: return sub(a, neg(b))
    if _factors(a)[0] < 0: return sub(b, neg(a))
    merged = _merged(a, b, add)
    if merged is None: merged = Node.existing("add", (b, a))
    return Node("add", (a, b)) if merged is None else merged


def sub(a, b):
    if is_constant(b, 0): return a
    if is_constant(a, 0): return neg(b)
    if a is b: return constant(0)
    if is_constant(a) and is_constant(b): return constant(a.value - b.value)
    if _factors(b)[0] < 0: return add(a, neg(b))
    if a.op == "sub" and b.op == "sub" and a.args[1] is b.args[1]: return sub(a.args[0], b.args[0])
    merged = _merged(a, b, sub)
    return Node("sub", (a, b)) if merged is None else merged


def div(a, b):
    if is_constant(a, 0): return a
    if is_constant(b): return mul(constant(1 / b.value), a)
    if b.op == "neg": return neg(div(a, b.args[0]))
    number, nodes = _factors(a)
    narrow = [n for n in nodes if join((n.kind, b.kind)) != join((a.kind, b.kind))]
    wide = [n for n in nodes if n not in narrow]
    if wide and narrow:                            # divide what is narrow, once a row or column, and multiply the rest
        number, nodes = _factors(_quotient(number, narrow, b))
        return _product(number, nodes + wide)
    if wide and number != 1.0:
        return _product(number, [_quotient(1.0, wide, b)])
    return _quotient(number, nodes, b)


def _quotient(number, nodes, b):
    if number < 0: return neg(_quotient(-number, nodes, b))
    return Node("div", (_product(number, nodes), b))


def where(condition, a, b):
    """a where the condition holds, else b. The branch not taken contributes nothing, not even NaN."""
    a, b = wrap(a), wrap(b)
    if condition.op not in ("less", "equal"):
        raise ExpressionError("where() wants a comparison first, not %r" % condition.op)
    if a is b or (is_constant(a) and is_constant(b, a.value)): return a
    return Node("where", (condition, a, b))


def less(a, b): return Node("less", (wrap(a), wrap(b)))
def equal(a, b): return Node("equal", (wrap(a), wrap(b)))
def maximum(a, b): return Node("maximum", (wrap(a), wrap(b)))      # at a tie the first has the gradient
def minimum(a, b): return Node("minimum", (wrap(a), wrap(b)))
def exp(a): return Node("exp", (wrap(a),))
def log(a): return Node("log", (wrap(a),))
def tanh(a): return Node("tanh", (wrap(a),))
def sigmoid(a): return Node("sigmoid", (wrap(a),))
def softplus(a): return Node("softplus", (wrap(a),))
def erf(a): return Node("erf", (wrap(a),))
def log1p(a): return Node("log1p", (wrap(a),))
def lgamma(a): return Node("lgamma", (wrap(a),))
def digamma(a): return Node("digamma", (wrap(a),))
def trigamma(a): return Node("trigamma", (wrap(a),))


def rising(counts, theta):
    """lgamma(counts + theta) - lgamma(theta) - counts ln theta, which is the sum over k < counts of ln(1 + k / theta): 0 for 0 and 1,
    and small for a large theta, where the difference of the three would be noise. No gradient flows into the counts."""
    return Node("rising", (wrap(counts), wrap(theta)))


def rising_slope(counts, theta):
    """-theta d rising / d theta, the sum over k < counts of k / (theta + k)."""
    return Node("rising_slope", (wrap(counts), wrap(theta)))


def sqrt(a): return Node("sqrt", (wrap(a),))
def rsqrt(a): return Node("rsqrt", (wrap(a),))
def sign(a): return Node("sign", (wrap(a),))
def absolute(a): return Node("absolute", (wrap(a),))
def relu(a): return Node("relu", (wrap(a),))
def square(a): return mul(wrap(a), wrap(a))


def stop(a):
    """a, but no gradient flows into it."""
    return a if is_constant(a) else Node("stop", (a,))


# ---- reductions -----------------------------------------------------------------------------------------------------

def _sum(a, op, axis_of, count, kept):
    """Sum over the axis that `axis_of` tells of; factors without that axis are taken out of the sum."""
    if not axis_of[a.kind]: return mul(count(), a)
    number, nodes = _factors(a)
    outside = [n for n in nodes if not axis_of[n.kind]]
    if outside or number != 1.0:
        inside = _product(1.0, [n for n in nodes if axis_of[n.kind]])
        return mul(_product(number, outside), _sum(inside, op, axis_of, count, kept))
    if a.op == "div" and not axis_of[a.args[1].kind]:
        return div(_sum(a.args[0], op, axis_of, count, kept), a.args[1])
    return Node(op, (a,), None, kept[a.kind])


WITHOUT_COLS = {"e": "r", "c": "s"}
WITHOUT_ROWS = {"e": "c", "r": "s"}


def row_sum(a): return _sum(wrap(a), "row_sum", HAS_COLS, col_count, WITHOUT_COLS)
def col_sum(a): return _sum(wrap(a), "col_sum", HAS_ROWS, row_count, WITHOUT_ROWS)
def all_sum(a): return col_sum(row_sum(a))
def row_mean(a): return let("mean", row_sum(a) / col_count())


def _row_largest(a): return Node("row_max", (a,), None, WITHOUT_COLS[a.kind]) if HAS_COLS[a.kind] else a
def _col_largest(a): return Node("col_max", (a,), None, WITHOUT_ROWS[a.kind]) if HAS_ROWS[a.kind] else a
def row_max(a): return Node("route", (a, _row_largest(a)), None, _row_largest(a).kind)
def col_max(a): return Node("route", (a, _col_largest(a)), None, _col_largest(a).kind)


def all_max(a):
    largest = _col_largest(_row_largest(a))
    return Node("route", (a, largest), None, largest.kind)


REDUCTIONS = ("row_sum", "col_sum", "row_max", "col_max")


# ---- primitives -----------------------------------------------------------------------------------------------------

def _select(condition, a, b): return a if condition else b
def _exp(x): return math.exp(x) if x < 709.0 else math.inf
def _sigmoid(x): return 1.0 / (1.0 + _exp(-x))


def _div(a, b):
    if b != 0.0: return a / b
    return math.nan if a == 0.0 or a != a else math.copysign(math.inf, a) * math.copysign(1.0, b)


def _asymptotic(x, above, below):
    """above(x) + the sum of below(x + k) that leads up to an x where the asymptotic series holds to float64's digits."""
    total = 0.0
    while x < 12.0:
        total += below(x)
        x += 1.0
    return total + above(x)


def _digamma(x):
    def series(x):
        z = 1.0 / (x * x)
        return math.log(x) - 0.5 / x - z * (1 / 12 - z * (1 / 120 - z * (1 / 252 - z * (1 / 240 - z * (1 / 132 - z * 691 / 32760)))))
    return _asymptotic(x, series, lambda x: -1.0 / x)


def _trigamma(x):
    def series(x):
        z = 1.0 / (x * x)
        return 1.0 / x + 0.5 * z + z / x * (1 / 6 - z * (1 / 30 - z * (1 / 42 - z * (1 / 30 - z * (5 / 66 - z * 691 / 2730)))))
    return _asymptotic(x, series, lambda x: 1.0 / (x * x))


class Primitive:
    """value: on numbers. gradient(node, g): one expression for each argument, None where there is no derivative."""

    def __init__(self, value, gradient): self.value, self.gradient = value, gradient


PRIMITIVES = {
    "add": Primitive(lambda a, b: a + b, lambda n, g: (g, g)),
    "sub": Primitive(lambda a, b: a - b, lambda n, g: (g, -g)),
    "mul": Primitive(lambda a, b: a * b, lambda n, g: (g * n.args[1], g * n.args[0])),
    "div": Primitive(_div, lambda n, g: (g / n.args[1], -(g * n / n.args[1]))),
    "neg": Primitive(lambda a: -a, lambda n, g: (-g,)),
    "less": Primitive(lambda a, b: a < b, lambda n, g: (None, None)),
    "equal": Primitive(lambda a, b: a == b, lambda n, g: (None, None)),
    "where": Primitive(_select, lambda n, g: (None, where(n.args[0], g, 0), where(n.args[0], 0, g))),
    "maximum": Primitive(lambda a, b: b if a < b else a,
                         lambda n, g: (where(less(*n.args), 0, g), where(less(*n.args), g, 0))),
    "minimum": Primitive(lambda a, b: b if b < a else a,
                         lambda n, g: (where(less(n.args[1], n.args[0]), 0, g), where(less(n.args[1], n.args[0]), g, 0))),
    "exp": Primitive(_exp, lambda n, g: (g * n,)),
    "log": Primitive(lambda a: math.log(a) if a > 0 else -math.inf, lambda n, g: (g / n.args[0],)),
    "tanh": Primitive(math.tanh, lambda n, g: (g * (1 - n * n),)),
    "sigmoid": Primitive(_sigmoid, lambda n, g: (g * (n * (1 - n)),)),
    "softplus": Primitive(lambda a: max(a, 0.0) + math.log1p(_exp(-abs(a))), lambda n, g: (g * sigmoid(n.args[0]),)),
    "erf": Primitive(math.erf, lambda n, g: (g * (2 / math.sqrt(math.pi) * exp(-square(n.args[0]))),)),
    "sqrt": Primitive(lambda a: math.sqrt(a) if a > 0 else 0.0, lambda n, g: (where(0 < n, 0.5 * g / n, 0),)),
    "rsqrt": Primitive(lambda a: 1.0 / math.sqrt(a) if a > 0 else math.inf, lambda n, g: (-0.5 * g * n * n * n,)),
    "sign": Primitive(lambda a: float(a > 0) - float(a < 0), lambda n, g: (None,)),
    "absolute": Primitive(abs, lambda n, g: (g * sign(n.args[0]),)),
    "relu": Primitive(lambda a: 0.0 if a < 0 else a, lambda n, g: (where(0 < n, g, 0),)),
    "log1p": Primitive(lambda a: math.log1p(a) if a > -1 else -math.inf, lambda n, g: (g / (1 + n.args[0]),)),
    "lgamma": Primitive(lambda a: math.lgamma(a) if a > 0 else math.inf, lambda n, g: (g * digamma(n.args[0]),)),
    "digamma": Primitive(lambda a: _digamma(a) if a > 0 else -math.inf, lambda n, g: (g * trigamma(n.args[0]),)),
    "trigamma": Primitive(lambda a: _trigamma(a) if a > 0 else math.inf, lambda n, g: (None,)),
    "rising": Primitive(lambda x, theta: sum(math.log1p(k / theta) for k in range(round(x))),
                        lambda n, g: (None, -(g * rising_slope(*n.args) / n.args[1]))),
    "rising_slope": Primitive(lambda x, theta: sum(k / (theta + k) for k in range(round(x))), lambda n, g: (None, None)),
}
TRANSCENDENTAL = ("exp", "log", "tanh", "sigmoid", "softplus", "erf", "log1p", "rising", "rising_slope")
UNCOMMON = ("lgamma", "digamma", "trigamma")       # computed element by element, never a row at a time


# ---- the gradient ---------------------------------------------------------------------------------------------------

def topological(roots):
    """Every node below the roots, arguments first."""
    order, seen = [], set()

    def visit(node):
        if id(node) not in seen:
            seen.add(id(node))
            for argument in node.args:
                visit(argument)
            order.append(node)

    for root in roots:
        visit(root)
    return order


def _narrow(gradient, origin, target):
    """The gradient of an argument of kind `target` that was broadcast to `origin`: sum over the axes it lacks."""
    if HAS_COLS[origin] and not HAS_COLS[target]: gradient = row_sum(gradient)
    if HAS_ROWS[origin] and not HAS_ROWS[target]: gradient = col_sum(gradient)
    return gradient


def gradients(output, seed, wanted):
    """d(sum of seed * output) / d(leaf), for each leaf in `wanted`; the constant 0 where it does not depend on it."""
    names = frozenset(node.value for node in wanted)
    incoming = {id(output): seed}
    for node in reversed(topological([output])):
        g = incoming.get(id(node))
        if g is None or node.op in ("leaf", "constant", "stop") or not node.depends & names:
            continue
        if node.op == "route":                     # a maximum: to the elements that attain it, in equal parts
            source, largest = node.args
            ties = _narrow(where(equal(source, largest), 1, 0), source.kind, node.kind)
            contributions = (where(equal(source, largest), g / ties, 0), None)
        elif node.op in ("row_sum", "col_sum"):    # broadcasting back is implicit
            contributions = (g,)
        else:
            contributions = PRIMITIVES[node.op].gradient(node, g)
        here = {}                                  # by argument: x * x gives x two equal contributions
        for argument, contribution in zip(node.args, contributions):
            if contribution is None or is_constant(argument) or not argument.depends & names:
                continue
            if node.op not in ("route", "row_sum", "col_sum"):
                contribution = _narrow(contribution, node.kind, argument.kind)
            here[argument] = here[argument] + contribution if argument in here else contribution
        for argument, contribution in here.items():
            before = incoming.get(id(argument))
            incoming[id(argument)] = contribution if before is None else before + contribution
    return [incoming.get(id(node), constant(0)) for node in wanted]


REBUILD = {"add": add, "sub": sub, "mul": mul, "div": div, "neg": neg, "where": where,
           "row_sum": row_sum, "col_sum": col_sum}


def settle(roots, known=()):
    """The roots as they are computed: stop and route, which concern only derivatives, are gone, and every node in `known`
    (a list of pairs) is replaced."""
    done = {id(node): replacement for node, replacement in known}
    for node in topological(roots):
        if id(node) in done:
            continue
        if node.op == "stop":
            result = done[id(node.args[0])]
        elif node.op == "route":
            result = done[id(node.args[1])]
        elif not node.args:
            result = node
        else:
            args = tuple(done[id(a)] for a in node.args)
            if all(a is b for a, b in zip(args, node.args)):
                result = node
            elif node.op in REBUILD:
                result = REBUILD[node.op](*args)
            else:
                result = Node(node.op, args, node.value, node.kind)
            if node.name:
                let(node.name, result)
        done[id(node)] = result
    return [done[id(root)] for root in roots]


# ---- evaluation, for checks and test vectors ---------------------------------------------------------------------------

def spread(value, kind, to, n_rows, n_cols):
    """A value of one kind as a flat list of another, wider one."""
    if kind == to: return value
    if kind == "s": return value * {"e": n_rows * n_cols, "r": n_rows, "c": n_cols}[to]
    if kind == "r": return [v for v in value for _ in range(n_cols)]
    return value * n_rows


def as_single(values):
    """Overflow and underflow as float32 has them; the digits stay those of float64."""
    return [0.0 if -FLT_TRUE_MIN < v < FLT_TRUE_MIN else v if -FLT_MAX <= v <= FLT_MAX or v != v
            else math.copysign(math.inf, v) for v in values]


def evaluate(roots, leaves, n_rows, n_cols, single=False):
    """Values of the roots as flat lists, row by row. `leaves` maps a leaf's name to such a list."""
    leaves = dict(leaves, rows=[float(n_rows)], cols=[float(n_cols)])
    values = {}
    for node in topological(roots):
        if node.op == "leaf":
            result = leaves[node.value]
        elif node.op == "constant":
            result = [node.value]
        elif node.op in ("stop", "route"):
            result = values[id(node.args[-1])]
        elif node.op in REDUCTIONS:
            argument = node.args[0]
            v, fold = values[id(argument)], sum if node.op.endswith("sum") else max
            if node.op.startswith("row"):
                result = [fold(v[i:i + n_cols]) for i in range(0, len(v), n_cols)]
            else:
                width = n_cols if argument.kind == "e" else 1
                result = [fold(v[j::width]) for j in range(width)]
        else:
            args = [spread(values[id(a)], a.kind, node.kind, n_rows, n_cols) for a in node.args]
            result = list(map(PRIMITIVES[node.op].value, *args))
        if single and node.op not in ("less", "equal"):
            result = as_single(result)
        values[id(node)] = result
    return [values[id(root)] for root in roots]
