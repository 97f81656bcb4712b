"""CPU loops: one function for each op and direction, over an `isk__loop` (see indiseek.h).

The shape of a function follows plan.py: for each stage what lies between sweeps, then one loop over the rows; in a row one
loop over the columns for each sum or maximum of the row, one for each sum over rows, and one for each output.

- A sum over the columns of a row first writes its terms to a row of workspace, then adds them up in isk__sum(), whose order
  depends on the number of columns only. So the loops vectorise although float addition may not be reordered.
- where() is a call, so that both branches are computed first: a load under a condition keeps gcc from using vectors.
- exp, tanh and the like are applied to whole rows by functions of their own (isk__exp_row and so on), which choose the
  instruction set: they alone are worth variants for it, and the compiler meets each polynomial once.
- Each gradient has a loop of its own, skipped where its pointer is NULL. Two inputs may thus share one gradient buffer, as
  they do in mul(x, x): gradients are stored in the order of the inputs.
- What every loop repeats (rows of operands, the loop over columns, storing a gradient) is a macro under >>ops of indiseek.h.
"""

import re

from expr import TRANSCENDENTAL, UNCOMMON, is_constant, topological
from plan import has_row_reduction, is_col_reduction, is_costly, is_row_reduction, positions, roots_of
from text import Language, Names, Scope

C = Language("isk_scalar", {
    "exp": "isk__exp({})", "log": "isk__ln({})", "tanh": "isk__tanh({})", "sigmoid": "isk__sigmoid({})",
    "softplus": "isk__softplus({})", "erf": "isk__erf({})", "log1p": "isk__ln1p({})", "lgamma": "isk__lgamma({})",
    "digamma": "isk__digamma({})", "trigamma": "isk__trigamma({})", "rising": "isk__rising({}, {})",
    "rising_slope": "isk__rising_slope({}, {})", "sqrt": "isk__sqrt({})", "rsqrt": "isk__rsqrt({})",
    "sign": "isk__sign({})", "absolute": "isk__absolute({})", "relu": "isk__relu({})",
    "where": "isk__where({}, {}, {})", "maximum": "isk__maximum({}, {})", "minimum": "isk__minimum({}, {})"},
    "(isk_scalar)%s", "ISK__LOWEST", 118)

ROW_FUNCTION = dict({name: name for name in TRANSCENDENTAL}, log="ln", log1p="ln1p")
TAKEN = ("l", "i", "j", "rows", "cols", "y", "g", "double", "int", "float", "const")
EACH_ROW = "for (int i = 0; i < rows; i++)"
EACH_COLUMN, EACH_COLUMN_PLAIN = "ISK__EACH_COLUMN", "for (int j = 0; j < cols; j++)"
LOOPS_OF_MACROS = re.compile(r"\bISK__(EACH_COLUMN|GRADIENT|GRADIENT_COPY)\b")      # they read `cols`
ROW_HEAD = re.compile(r" *ISK__(IN|OUT|GRAD)_(ROW|VALUE)\(")
WIDEST_GRADIENT = 78                   # a longer value is named before it is stored


def packed(statements, indent):
    """As many statements on a line as it holds."""
    lines = []
    for statement in statements:
        if lines and len(lines[-1]) + 1 + len(statement) <= C.width: lines[-1] += " " + statement
        else: lines.append(indent + statement)
    return lines


class Loops:
    """The text of one function, and the workspace it needs."""

    def __init__(self, op, direction):
        self.op, self.direction = op, direction
        self.roots = roots_of(op, direction)
        for root in self.roots:
            root.pointer = "l->out" if root.index is None else "l->grad_in[%d]" % root.index
            root.stride = "l->out_stride" if root.index is None else "l->grad_in_stride[%d]" % root.index
        self.position = positions(self.roots)
        self.names = Names(TAKEN + tuple(n for n, _ in op.inputs + op.attributes) + tuple(r.name for r in self.roots))
        self.top = Scope(C, self.names, "    ")
        self.arrays = []                               # workspace: (name, "rows" or "cols")
        self._collect()
        self._emit()

    # ---- what is computed where ----

    def _collect(self):
        self.seen = set()
        self.scalars, self.columns, self.inner_sums, self.kept = {}, {}, {}, {}
        self.row_sums, self.col_sums, self.row_leaves = {}, {}, {}
        sums = [n for n in topological([r.node for r in self.roots]) if is_col_reduction(n)]
        for node in sorted(sums, key=lambda n: self.position[id(n)]):
            self._need(node, None)
        for root in self.roots:                        # roots of one kind are stored together, in the order of the inputs
            root.place = max(self.position[id(r.node)] for r in self.roots if r.kind == root.kind)
            place = {"e": ("row", root.place[0]), "r": ("row", root.place[0]), "c": ("col",) + root.place, "s": None}
            self._need(root.node, place[root.kind])

    def _put(self, table, key, node):
        if node not in table.setdefault(key, []):
            table[key].append(node)

    def _need(self, node, place):
        """Note what must be at hand for the node to be read at `place`: ("row", stage), ("col", stage, level) or None."""
        if (id(node), place) in self.seen or is_constant(node):
            return
        self.seen.add((id(node), place))
        stage, level = self.position[id(node)]
        if node.op == "leaf":
            if node.kind in "er": self._put(self.row_leaves, place[1], node)
        elif is_col_reduction(node):
            self._put(self.col_sums, stage - 1, node)
            self._need(node.args[0], ("row", stage - 1))
        elif node.kind == "s" and is_row_reduction(node):
            self._put(self.inner_sums, (stage, level - 1), node)
            self._need(node.args[0], ("col", stage, level - 1))
        elif node.kind == "s":
            if node.op not in ("less", "equal"): self._put(self.scalars, (stage, level), node)
            for argument in node.args: self._need(argument, None)
        elif node.kind == "c":
            here = ("col", stage, level)
            if place != here and is_costly(node):
                self._put(self.columns, (stage, level), node)
                place = here
            for argument in node.args: self._need(argument, place)
        elif node.kind == "r" and has_row_reduction(node) and self._earlier(node, place[1]) is not None:
            self._put(self.kept, self._earlier(node, place[1]), node)
        else:
            if is_row_reduction(node): self._put(self.row_sums, place[1], node)
            for argument in node.args: self._need(argument, place)

    def _earlier(self, node, stage):
        """The sweep before this one that computes the r node, if one does."""
        return max((s for s in range(stage) if (id(node), ("row", s)) in self.seen), default=None)

    # ---- text ----

    def _emit(self):
        for node in topological([r.node for r in self.roots]):
            if node.op == "leaf" and node.kind in "sc":
                extent = node.value in ("rows", "cols")
                self.top.call(node, "(isk_scalar)" + node.value if extent else node.value + ("[j]" if node.kind == "c" else ""))
        places = list(self.scalars) + list(self.columns) + list(self.inner_sums)
        places += [r.place for r in self.roots if r.kind in "cs"]
        last = max([p[0] for p in places] + list(self.row_leaves) + [r.place[0] for r in self.roots])
        for stage in range(last + 1):
            levels = [p[1] for p in places if p[0] == stage]
            for level in range(max(levels, default=-1) + 1):
                self._emit_columns(stage, level)
            self._emit_rows(stage)
        self.lines = self._declarations() + self.top.lines
        if self.direction == "backward" and len(self.roots) == 1:
            self.lines.insert(0, "    if (!%s) return;" % self.roots[0].pointer)

    def _arguments(self):
        """(name, kind) of what the function reads through pointers."""
        found = [(n, "r" if k == "w" else k) for n, k in self.op.inputs]
        if self.direction == "backward": found += [("y", self.op.out_kind), ("g", self.op.out_kind)]
        return found

    def _array(self, wish, extent):
        name = self.names.unique(wish)
        self.arrays.append((name, extent))
        return name

    def _loop(self, scope, body, nodes):
        """A loop over columns; marked as free of dependences between iterations unless it calls a function that does not vectorise."""
        head = EACH_COLUMN_PLAIN if self._calls(nodes, scope) else EACH_COLUMN
        if len(body.lines) == 1 and len(scope.indent + head) + len(body.lines[0].lstrip()) < C.width:
            scope.lines.append(scope.indent + head + " " + body.lines[0].lstrip())
        else:
            scope.block(head, body)

    def _calls(self, nodes, scope):
        """Does a loop that computes the nodes call a function that does not vectorise?"""
        calls = ("sqrt", "rsqrt") + TRANSCENDENTAL + UNCOMMON
        return any(n.op in calls and n.kind in "ec" and scope.find(n) is None for n in topological(nodes))

    def _copied(self, root, scope):
        """The array that a gradient equals, if it is one."""
        text = scope.find(root.node) or ""
        return text[:-3] if root.index is not None and text.endswith("[j]") else None

    def _value(self, root, body):
        """Text of a root in the body of a loop, after what it needs is defined there."""
        body.prepare([root.node])
        if root.index is not None and len(body.text(root.node)) > WIDEST_GRADIENT: body.define(root.node)
        return body.text(root.node)

    def _guarded(self, roots, scope, write):
        """Write a block that serves only these gradients: behind a test, unless the function has no others."""
        if not roots or roots[0].index is None or len(roots) == len(self.roots):
            write(scope)
            return
        body = scope.inner()
        write(body)
        head = "if (%s)" % " || ".join(r.pointer for r in roots)
        joined = scope.indent + head + " " + body.lines[0].lstrip()
        if len(body.lines) == 1 and len(joined) <= C.width: scope.lines.append(joined)
        else: scope.lines += [scope.indent + head + " {"] + body.lines + [scope.indent + "}"]

    def _put_one(self, scope, root, target):
        """Store a gradient that is one number."""
        test = "if (%s) " % root.pointer if len(self.roots) > 1 else ""
        if len(test) + len(target) + len(scope.text(root.node)) > 80: scope.define(root.node)
        scope.line("%sisk__put(%s, ISK__ADDS(%d), %s);" % (test, target, root.index, scope.text(root.node)))

    def _emit_columns(self, stage, level):
        """What stands between two sweeps: s values, then one loop for the c values kept, one for each sum and each output."""
        top, here = self.top, (stage, level)
        wanted = self.scalars.get(here, [])
        top.prepare(wanted)
        readers = [n for n in wanted if not any(n in m.args for m in wanted)]
        for node in wanted:
            if node in readers: top.define(node)
        for root in self.roots:
            if root.kind == "s" and root.place == here:
                if root.index is None: top.line("*l->out = %s;" % top.text(root.node))
                else: self._put_one(top, root, root.pointer)
        kept = self.columns.get(here, [])
        if kept:
            body = top.inner()
            for node in sorted(kept, key=lambda n: n.order):
                body.prepare([node])
                name = self._array(node.name or "column", "cols")
                body.line("%s[j] = %s;" % (name, body.text(node)))
                body.call(node, name + "[j]")
            self._loop(top, body, kept)
            for node in kept: top.call(node, body.at_hand[id(node)])
        for node in self.inner_sums.get(here, []):
            terms = self._array("terms", "cols")
            body = top.inner()
            body.prepare(node.args)
            body.line("%s[j] = %s;" % (terms, body.text(node.args[0])))
            self._loop(top, body, node.args)
            self._fold(top, node, terms)
        for root in self.roots:
            if root.kind == "c" and root.place == here:
                self._guarded([root], top, lambda s, root=root: self._column_output(root, s))

    def _column_output(self, root, scope):
        array = self._copied(root, scope)
        if array is not None:
            scope.line("isk__put_all(%s, ISK__ADDS(%d), %s, cols);" % (root.pointer, root.index, array))
            return
        body = scope.inner()
        value = self._value(root, body)
        if root.index is None:
            scope.line("isk_scalar *ISK__RESTRICT %s = %s;" % (root.name, root.pointer))
            body.line("%s[j] = %s;" % (root.name, value))
        else:
            scope.line("ISK__GRADIENT_COLUMNS(%s, %d);" % (root.name, root.index))
            body.line("ISK__ADD(%s, %s);" % (root.name, value))
        self._loop(scope, body, [root.node])

    def _fold(self, scope, node, terms):
        """Name the sum or maximum over a row of workspace."""
        name = self.names.unique(node.name or ("largest" if node.op == "row_max" else "sum"))
        scope.line("const isk_scalar %s = %s(%s, cols);" % (name, "isk__largest" if node.op == "row_max" else "isk__sum", terms))
        scope.call(node, name)

    def _emit_rows(self, stage):
        col_sums = self.col_sums.get(stage, [])
        e_roots = [r for r in self.roots if r.kind == "e" and r.place[0] == stage]
        r_roots = [r for r in self.roots if r.kind == "r" and r.place[0] == stage]
        if not (col_sums or e_roots or r_roots): return
        top = self.top
        starts = []
        for node in col_sums:
            start = "ISK__LOWEST" if node.op == "col_max" else "0"
            wish = node.name or ("largest" if node.op == "col_max" else "sum")
            if node.kind == "s":
                name = self.names.unique(wish)
                starts.append("isk_scalar %s = %s;" % (name, start))
                top.call(node, name)
            else:
                name = self._array(wish, "cols")
                starts.append("isk__fill(%s, cols, %s);" % (name, start))
                top.call(node, name + "[j]")
        top.lines += packed(starts, top.indent)
        row = top.inner()
        self._row_leaves(stage, row)
        self._row_loops(stage, row, col_sums, e_roots)
        row.prepare([n.args[0] for n in col_sums if n.kind == "s"] + [r.node for r in r_roots if r.node not in col_sums])
        for node in col_sums:
            if node.kind == "s":
                name, value = top.find(node), row.text(node.args[0])
                row.line("%s = isk__maximum(%s, %s);" % (name, name, value) if node.op == "col_max" else "%s += %s;" % (name, value))
        for root in r_roots:
            where = "isk__row_of(%s, %s, i)" % (root.pointer, root.stride)
            if root.index is None: row.line("*%s = %s;" % (where, row.text(root.node)))
            else: self._put_one(row, root, where)
        for node in self.kept.get(stage, []):
            name = self._array("kept", "rows")
            row.line("%s[i] = %s;" % (name, row.text(node)))
            top.call(node, name + "[i]")
        top.block(EACH_ROW, row)

    def _row_leaves(self, stage, row):
        inputs, heads = dict(self.op.inputs), []
        for node in sorted(self.row_leaves.get(stage, []), key=lambda n: [a for a, _ in self._arguments()].index(n.value)):
            name = node.value
            if inputs.get(name) == "w":
                heads.append("ISK__WEIGHT(%s, %d);" % (name, self.op.input_index(name)))
            else:
                what = {"y": "OUT", "g": "GRAD"}.get(name, "IN") + ("_ROW" if node.kind == "e" else "_VALUE")
                which = "" if name in ("y", "g") else ", %d" % self.op.input_index(name)
                heads.append("ISK__%s(%s%s);" % (what, name, which))
            row.call(node, name + "[j]" if node.kind == "e" else name)
        row.lines += packed(heads, row.indent)

    def _row_loops(self, stage, row, col_sums, e_roots):
        """All loops over the columns of one row."""
        sums = sorted(self.row_sums.get(stage, []), key=lambda n: n.order)
        adds = [n for n in col_sums if n.kind == "c"]
        while sums:                                    # sums that need no other sum of the row share one loop
            group = [n for n in sums if not any(other in topological(n.args) for other in sums)]
            sums = [n for n in sums if n not in group]
            self._row_sums(group, row)
        for root in e_roots:
            self._ready(root.node.args[0] if self._in_place(root) else root.node, row)
            if root.index is None: self._element_output(root, row)
            else: self._element_gradient(root, row)
        groups = {}
        for node in adds:                              # sums over rows that serve the same gradients share one loop
            groups.setdefault(tuple(r.name for r in self._serves(node)), []).append(node)
        for group in groups.values():
            for node in group: self._ready(node.args[0], row)
            self._guarded(self._serves(group[0]), row, lambda scope, group=group: self._column_sums(group, scope))

    def _ready(self, node, row):
        """What a loop for the e node finds outside of it: r values, and rows of exp, tanh, ..."""
        row.hoist([node], "rs")
        for part in topological([node]):
            if part.kind == "e" and part.op in TRANSCENDENTAL and row.find(part) is None and id(part) in self._reachable(node, row):
                row.hoist([part], "rs")
                terms = self._array("terms", "cols")
                self._apply(part, row, terms)
                row.call(part, terms + "[j]")

    def _apply(self, node, scope, target):
        """exp, tanh, ... of a row, into the row `target`."""
        sources = []
        for argument in node.args:
            at_hand = scope.find(argument)
            if at_hand is None:
                at_hand = (target if target not in sources else self._array("terms", "cols")) + "[j]"
                body = scope.inner()
                body.prepare([argument])
                body.line("%s = %s;" % (at_hand, body.text(argument)))
                self._loop(scope, body, [argument])
            sources.append(at_hand[:-3])
        scope.line("isk__%s_row(l, %s, %s);" % (ROW_FUNCTION[node.op], target, ", ".join(sources)))

    def _in_place(self, root):
        """Is the output one function of a row, so that it is computed where it is stored?"""
        return root.index is None and root.node.op in TRANSCENDENTAL

    def _row_sums(self, group, row):
        for node in group: self._ready(node.args[0], row)
        arguments = [n.args[0] for n in group if row.find(n.args[0]) is None]
        terms = self._buffer(arguments, row) if arguments else {}
        for node in group:
            at_hand = row.find(node.args[0])
            self._fold(row, node, terms[id(node.args[0])] if at_hand is None else at_hand[:-3])

    def _reachable(self, node, scope):
        """ids of the e nodes that a loop for `node` would compute."""
        found, todo = set(), [node]
        while todo:
            n = todo.pop()
            if id(n) not in found and n.kind == "e":
                found.add(id(n))
                if scope.find(n) is None and not is_row_reduction(n): todo.extend(n.args)
        return found

    def _buffer(self, nodes, row):
        """Compute e nodes into rows of workspace: {id(node): name}."""
        names = {}
        body = row.inner()
        body.prepare(nodes)
        for node in nodes:
            if id(node) not in names:
                names[id(node)] = self._array("terms", "cols")
                body.line("%s[j] = %s;" % (names[id(node)], body.text(node)))
        self._loop(row, body, nodes)
        return names

    def _element_output(self, root, scope):
        head = "ISK__RESULT_ROW(%s);" % root.name
        if scope.lines and ROW_HEAD.match(scope.lines[-1]): scope.lines[-1:] = packed([scope.lines[-1].strip(), head], scope.indent)
        else: scope.line(head)
        if self._in_place(root):
            self._apply(root.node, scope, root.name)
            return
        body = scope.inner()
        body.line("%s[j] = %s;" % (root.name, self._value(root, body)))
        self._loop(scope, body, [root.node])

    def _element_gradient(self, root, scope):
        """Row i of a gradient, where it is wanted."""
        array = self._copied(root, scope)
        if array is not None:
            scope.line("ISK__GRADIENT_COPY(%d, %s);" % (root.index, array))
            return
        inner = scope.inner()
        body = inner.inner()
        value = self._value(root, body)
        short = "ISK__GRADIENT(%s, %d, %s);" % (root.name, root.index, value)
        if not body.lines and not self._calls([root.node], scope):
            scope.line(short)
            return
        body.line("ISK__ADD(%s, %s);" % (root.name, value))
        inner.line("ISK__GRADIENT_ROW(%s, %d);" % (root.name, root.index))
        self._loop(inner, body, [root.node])
        scope.block("if (%s)" % root.pointer, inner)

    def _column_sums(self, group, scope):
        body = scope.inner()
        arguments = [n.args[0] for n in group]
        body.prepare(arguments)
        for node in group:
            target, value = self.top.find(node), body.text(node.args[0])
            body.line("%s = isk__maximum(%s, %s);" % (target, target, value) if node.op == "col_max" else "%s += %s;" % (target, value))
        self._loop(scope, body, arguments)

    def _serves(self, node):
        """The roots that a sum over rows is for."""
        return [r for r in self.roots if node in topological([r.node])]

    def _declarations(self):
        """Names from l that the text mentions."""
        body = "\n".join(self.top.lines)
        found = []

        def used(name): return re.search(r"\b%s\b" % name, body) is not None

        extents = [n for n in ("rows", "cols") if used(n) or any(e == n for _, e in self.arrays)]
        if LOOPS_OF_MACROS.search(body) and "cols" not in extents: extents.append("cols")
        if self.arrays: extents = ["rows", "cols"]     # workspace is counted in both
        if extents: found.append("const int %s;" % ", ".join("%s = l->%s" % (n, n) for n in extents))
        for k, (name, _) in enumerate(self.op.attributes):
            if used(name): found.append("ISK__ATTRIBUTE(%s, %d);" % (name, k))
        for name, kind in self._arguments():
            if self.direction == "forward" and name == "y" or not used(name): continue
            pointer = {"y": "l->out", "g": "l->grad"}.get(name)
            if pointer is None: pointer = "l->in[%d]" % self.op.input_index(name)
            if kind == "s": found.append("const isk_scalar %s = *%s;" % (name, pointer))
            if kind == "c": found.append("ISK__COLUMNS(%s, %s);" % (name, pointer))
        columns, rows = [[name for name, extent in self.arrays if extent == which] for which in ("cols", "rows")]
        found += ["ISK__WORK(%s, %d, 0);" % (name, k) for k, name in enumerate(columns)]
        found += ["ISK__WORK(%s, %d, %d);" % (name, len(columns), k) for k, name in enumerate(rows)]
        found = packed(found, "    ")
        return found

    def work(self, extent):
        return len([a for a in self.arrays if a[1] == extent])


def functions(op):
    """(text of the op's loops, rows of workspace, columns of workspace)"""
    lines, work = [], [0, 0]
    for direction in ("forward", "backward"):
        loops = Loops(op, direction)
        attribute = "" if op.rare else "ISK__LOOPS "
        lines += ["%sstatic void isk__%s_%s(const isk__loop *l) {" % (attribute, op.name, direction)] + loops.lines + ["}"]
        work = [max(work[0], loops.work("rows")), max(work[1], loops.work("cols"))]
    return lines + [""], work[0], work[1]
