"""CUDA text: for each op and direction a few kernels, launched one after the other.

Every kernel is barrier-free and without atomics, so its bits do not change from run to run, and it can be run on a CPU.
A kernel has one of four grids, named by a letter as the operands are; see the forms of templates/prelude.cu:

    e   a thread for each element      r   for each row      c   for each column      s   one thread for each model

Kernels that are no op (products, batches, optimizers, ...) are written by hand: codegen/templates/*.cu. What is done here for
them is to read the files, and to find the kernels in them.

What one kernel finds and a later one reads lies in the workspace of the model: 16 scalars, then arrays of `cols`, then
arrays of `rows`. An op without reductions is one kernel of grid e; softmax is "re": each row's maximum and sum, then elements.
A thread that sums goes through its row or column in order.
"""

import os
import re

from expr import is_constant, topological
from plan import has_reduction, has_row_reduction, is_col_reduction, is_row_reduction, positions, roots_of
from text import Language, Names, Scope

CUDA = Language("float", {
    "exp": "expf({})", "log": "logf({})", "tanh": "tanhf({})", "sigmoid": "dev_sigmoid({})", "softplus": "dev_softplus({})",
    "erf": "erff({})", "sqrt": "dev_sqrt({})", "rsqrt": "dev_rsqrt({})", "sign": "dev_sign({})", "absolute": "fabsf({})",
    "log1p": "log1pf({})", "lgamma": "lgammaf({})", "digamma": "dev_digamma({})", "trigamma": "dev_trigamma({})",
    "rising": "dev_rising({}, {})", "rising_slope": "dev_rising_slope({}, {})",
    "relu": "dev_relu({})", "maximum": "dev_maximum({}, {})", "minimum": "dev_minimum({}, {})"}, "%sf", "ISK_LOWEST", 108)

SCALARS = 16                           # floats at the start of the workspace

FORMS = {"e": "ISK_ELEMENTS", "r": "ISK_ROWS", "c": "ISK_COLUMNS", "s": "ISK_MODELS", "t": "ISK_TILES"}


class Kernels:
    """The kernels of one op in one direction. A step is (stage, level, part), in the order of launches; part 0 finds s values,
    1 c values, 2 r values; rows come after all levels of their stage, outputs of kind e come last."""

    ROWS = 10 ** 6
    LAST = (10 ** 6, 0, 3)

    def __init__(self, op, direction):
        self.op, self.direction = op, direction
        self.roots = roots_of(op, direction)
        self.position = positions(self.roots)
        self.seen = set()
        self.wanted = {}               # step: nodes that it stores into the workspace
        self.reductions = {}           # step: reductions that it computes
        self.outputs = {}              # step: roots that it stores
        self._collect()
        self.slots = self._assign()
        self.texts = [self._kernel(number, step) for number, step in enumerate(self.steps)]
        self.grids = "".join(self._grid(step) for step in self.steps)

    # ---- what is computed in which kernel ----

    def _home(self, node):
        """The step that finds the node, None where any kernel computes it from what it reads."""
        stage, level = self.position[id(node)]
        if node.op in ("less", "equal"): return None
        if node.kind == "s": return (stage, level, 0) if has_reduction(node) else None
        if node.kind == "c": return (stage, level, 1) if has_reduction(node) else None
        if node.kind == "r": return (stage, self.ROWS, 2) if has_row_reduction(node) else None
        return None

    def _collect(self):
        sums = [n for n in topological([r.node for r in self.roots]) if is_col_reduction(n)]
        for node in sorted(sums, key=lambda n: self.position[id(n)]): self._need(node, self._home(node))
        for root in self.roots:
            stage, level = max(self.position[id(r.node)] for r in self.roots if r.kind == root.kind)
            step = {"e": self.LAST, "r": (stage, self.ROWS, 2), "c": (stage, level, 1), "s": (stage, level, 0)}[root.kind]
            self.outputs.setdefault(step, []).append(root)
            self._need(root.node, step)
        self.steps = sorted(set(self.wanted) | set(self.outputs))

    def _need(self, node, step):
        if (id(node), step) in self.seen or is_constant(node) or node.op == "leaf": return
        self.seen.add((id(node), step))
        home = self._home(node)
        if home is not None and home != step:
            rows_again = step[2] == 2 and home[2] == 2 and (id(node), home) not in self.seen
            if not rows_again:                             # a sum of a row that only a later row kernel reads is made there
                if node not in self.wanted.setdefault(home, []): self.wanted[home].append(node)
                self._need(node, home)
                return
        if is_row_reduction(node) or is_col_reduction(node):
            self.reductions.setdefault(step, []).append(node)
        for argument in node.args: self._need(argument, step)

    def _assign(self):
        """{id(node): (kind, number)} of what is stored."""
        slots, count = {}, {"s": 0, "c": 0, "r": 0}
        for step in sorted(self.wanted):
            for node in sorted(self.wanted[step], key=lambda n: n.order):
                slots[id(node)] = (node.kind, count[node.kind])
                count[node.kind] += 1
        if count["s"] > SCALARS: raise ValueError("%s: more than %d scalars" % (self.op.name, SCALARS))
        self.count = count
        return slots

    def _grid(self, step): return "scre"[step[2]]

    def _slot(self, node):
        kind, number = self.slots[id(node)]
        if kind == "s": return "work[%d]" % number
        parts = [str(SCALARS)]
        columns = self.count["c"] if kind == "r" else number
        if columns: parts.append("call.cols" if columns == 1 else "%d * call.cols" % columns)
        if kind == "r" and number: parts.append("call.rows" if number == 1 else "%d * call.rows" % number)
        return "work[%s]" % " + ".join(parts + ["i" if kind == "r" else "j"])

    # ---- text ----

    def _kernel(self, number, step):
        op, grid = self.op, self._grid(step)
        taken = ("call", "model", "index", "work", "i", "j", "y", "g") + tuple(n for n, _ in op.inputs + op.attributes)
        names = Names(taken)
        top = Scope(CUDA, names, "    ")
        self.step = step
        self.axes = {"e": "ij", "r": "i", "c": "j", "s": ""}[grid]
        self.attributes_read = []
        here = sorted(self.reductions.get(step, []), key=lambda n: n.order)
        self._bind(top, [r.node for r in self.outputs.get(step, [])] + self.wanted.get(step, []) + [n.args[0] for n in here], self.axes)
        while here:                                        # reductions that need no other of this kernel share one loop
            group = [n for n in here if not any(other in self._inside(n.args) for other in here)]
            axis = "i" if is_col_reduction(group[0]) else "j"
            group = [n for n in group if is_col_reduction(n) == (axis == "i")]
            here = [n for n in here if n not in group]
            self._loop(top, group, axis)
        stored = sorted(self.wanted.get(step, []), key=lambda n: n.order)
        outputs = self.outputs.get(step, [])
        self._prepare(top, [r.node for r in outputs] + stored)
        for node in stored:
            top.line("%s = %s;" % (self._slot(node), top.text(node)))
        for root in outputs: self._store(top, root)
        body = "\n".join(top.lines)
        lines = ["%s(isk_%s_%s_%d) {" % (FORMS[grid], op.name, self.direction, number)]
        if "work[" in body: lines.append("    float *work = dev_at(call.work, model, 0, 0);")
        lines += ["    const float %s = call.attributes[%d];" % (name, k) for k, (name, _) in enumerate(op.attributes)
                  if name in self.attributes_read]
        return lines + top.lines + ["}"]

    def _inside(self, nodes):
        """Nodes that this kernel computes for these: not below what it reads from the workspace."""
        found, todo = [], list(nodes)
        while todo:
            node = todo.pop()
            if node in found: continue
            found.append(node)
            if not self._is_read(node): todo.extend(node.args)
        return found

    def _is_read(self, node):
        return id(node) in self.slots and not (node in self.wanted.get(self.step, [])) and self._home(node) < self.step \
            and not (self.step[2] == 2 and node in self.reductions.get(self.step, []))

    def _bind(self, scope, nodes, axes):
        """Put at hand what `nodes` read through pointers, as far as the indices `axes` of the scope reach."""
        for node in sorted(self._inside(nodes), key=lambda n: n.order):
            if scope.find(node) is not None: continue
            needs = {"e": "ij", "r": "i", "c": "j", "s": ""}[node.kind]
            if any(axis not in axes for axis in needs): continue
            if self._is_read(node):
                scope.call(node, self._slot(node))
                if node.name:
                    name = scope.names.unique(node.name)
                    scope.line("const float %s = %s;" % (name, self._slot(node)))
                    scope.call(node, name)
            elif node.op == "leaf" and node.value in ("rows", "cols"):
                scope.call(node, "(float)call." + node.value)
            elif node.op == "leaf" and node.value in dict(self.op.attributes):
                scope.call(node, node.value)
                self.attributes_read.append(node.value)
            elif node.op == "leaf":
                self._load(scope, node)

    def _load(self, scope, node):
        name, inputs = node.value, dict(self.op.inputs)
        base = {"y": "call.out", "g": "call.grad"}.get(name) or "call.in[%d]" % self.op.input_index(name)
        i, j = ("i" if node.kind in "er" else "0"), ("j" if node.kind in "ec" else "0")
        text = "dev_weight(%s, model, i)" % base if inputs.get(name) == "w" else "*dev_at(%s, model, %s, %s)" % (base, i, j)
        scope.line("const float %s = %s;" % (name, text))
        scope.call(node, name)

    def _prepare(self, scope, nodes):
        scope.prepare([n for n in nodes if scope.find(n) is None])

    def _loop(self, top, group, axis):
        extent = "call.rows" if axis == "i" else "call.cols"
        reach = {"": "s", "i": "sr", "j": "sc", "ij": "secr"}[self.axes]
        top.hoist([n.args[0] for n in group], reach, self._is_read)
        for node in group:
            name = top.names.unique(node.name or ("sum" if node.op.endswith("sum") else "largest"))
            top.line("float %s = %s;" % (name, "0" if node.op.endswith("sum") else "ISK_LOWEST"))
            top.call(node, name)
        body = top.inner()
        arguments = [n.args[0] for n in group]
        self._bind(body, arguments, self.axes + axis)
        self._prepare(body, arguments)
        for node in group:
            name, value = top.find(node), body.text(node.args[0])
            body.line("%s += %s;" % (name, value) if node.op.endswith("sum") else "%s = dev_maximum(%s, %s);" % (name, name, value))
        top.block("for (int %s = 0; %s < %s; %s++)" % (axis, axis, extent, axis), body)

    def _store(self, top, root):
        i, j = ("i" if root.kind in "er" else "0"), ("j" if root.kind in "ec" else "0")
        if root.index is None:
            top.line("*dev_at(call.out, model, %s, %s) = %s;" % (i, j, top.text(root.node)))
            return
        target = "call.grad_in[%d]" % root.index
        text = "if (%s.data) dev_put(dev_at(%s, model, %s, %s), call.accumulate & %du, %s);" % (target, target, i, j, 1 << root.index, "%s")
        if len(text) + len(top.text(root.node)) > 104: top.define(root.node)
        top.line(text % top.text(root.node))


def kernels(op):
    """(lines of all kernels of the op, grids forward, grids backward, arrays of rows, arrays of columns)"""
    lines, grids, count = ["/* %s */" % op.name], [], {"r": 0, "c": 0}
    for direction in ("forward", "backward"):
        made = Kernels(op, direction)
        for text in made.texts: lines += text
        grids.append(made.grids)
        for kind in count: count[kind] = max(count[kind], made.count[kind])
    return lines + [""], grids[0], grids[1], count["r"], count["c"]


# ---- templates ----

TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")
NO_MODULES = ("prelude", "intrinsics", "block")        # stands before all modules; before gemm; behind the text of others


def template(name):
    """Lines of a file of templates/."""
    with open(os.path.join(TEMPLATES, name + ".cu"), encoding="utf-8") as file:
        return file.read().rstrip("\n").split("\n")


def templates():
    """{name: lines} of those that are modules."""
    names = sorted(path[:-3] for path in os.listdir(TEMPLATES) if path.endswith(".cu"))
    before = {"gemm": template("intrinsics") + [""]}
    return {name: before.get(name, []) + template(name) for name in names if name not in NO_MODULES}


def kernels_in(lines):
    """[(name, letter of its grid)] of the kernels of a text."""
    letters = {form: letter for letter, form in FORMS.items()}
    found = re.finditer(r"^(%s)\((\w+)\)" % "|".join(letters), "\n".join(lines), re.M)
    return [(match.group(2), letters[match.group(1)]) for match in found]
