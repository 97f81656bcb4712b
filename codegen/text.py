"""Expressions as text of C or CUDA."""

import struct

from expr import LOWEST, topological

# op: (text, how tightly it binds, how tightly each argument must bind)
OPERATORS = {
    "where": ("{} ? {} : {}", 1, (2, 2, 2)),
    "less": ("{} < {}", 3, (4, 4)),
    "equal": ("{} == {}", 3, (4, 4)),
    "add": ("{} + {}", 4, (4, 5)),
    "sub": ("{} - {}", 4, (4, 5)),
    "mul": ("{} * {}", 5, (5, 6)),
    "div": ("{} / {}", 5, (5, 6)),
    "neg": ("-{}", 6, (7,)),
}
ATOM = 9
WIDEST_PART = 84                       # a longer expression is broken up by naming its longest argument


def is_single(value):
    return struct.unpack("f", struct.pack("f", value))[0] == value


class Language:
    """How a target spells a scalar type, numbers, and the functions of expr.PRIMITIVES; and how wide its lines may be."""

    def __init__(self, scalar, functions, wide_number, lowest, width):
        self.scalar, self.functions, self.wide_number, self.lowest, self.width = scalar, functions, wide_number, lowest, width

    def number(self, value):
        if value == LOWEST:
            return self.lowest
        if value == int(value) and abs(value) < 1e6:
            return "%d" % value
        text = repr(value)
        return text + "f" if is_single(value) else self.wide_number % text


class Names:
    """Identifiers of one function, each once."""

    def __init__(self, taken=()): self.taken = set(taken)

    def unique(self, wish=None):
        name, number = wish or "t1", 1
        while name in self.taken:
            number += 1
            name = "%s%d" % (wish or "t", number)
        self.taken.add(name)
        return name


def _break(text, limit):
    """Where a wide line ends: before the last operator of those that bind least."""
    best, depth = None, 0
    for at, character in enumerate(text[:limit]):
        depth += (character == "(") - (character == ")")
        if at > 0 and text[at - 1] == " " and text[at + 1] == " " and character in "+-*/?:":
            rank = (depth, character in "*/")
            if best is None or rank <= best[0]: best = (rank, at - 1)
    if best is None: raise ValueError("no place to break: " + text)
    return best[1]


class Scope:
    """The statements of one block, and by what text each node is at hand in it."""

    def __init__(self, language, names, indent, outer=None):
        self.language, self.names, self.indent, self.outer = language, names, indent, outer
        self.at_hand = {}
        self.lines = []

    def inner(self):
        return Scope(self.language, self.names, self.indent + "    ", self)

    def line(self, text):
        """One statement; a wide one goes on in a next line, before an operator."""
        indent = self.indent
        while len(indent) + len(text) > self.language.width:
            at = _break(text, self.language.width - len(indent))
            self.lines.append(indent + text[:at])
            text, indent = text[at + 1:], self.indent + "    "
        self.lines.append(indent + text)

    def block(self, head, inner):
        """`head { inner }`, without braces where one statement follows."""
        if len(inner.lines) == 1 and "\n" not in inner.lines[0]:
            self.lines += [self.indent + head] + inner.lines
        else:
            self.lines += [self.indent + head + " {"] + inner.lines + [self.indent + "}"]

    def find(self, node):
        scope = self
        while scope is not None:
            if id(node) in scope.at_hand:
                return scope.at_hand[id(node)]
            scope = scope.outer
        return None

    def call(self, node, text): self.at_hand[id(node)] = text

    def define(self, node):
        """Give the node a name in this scope."""
        if self.find(node) is None and node.args:
            text = self._composed(node)[0]
            name = self.names.unique(node.name)
            self.line("const %s %s = %s;" % (self.language.scalar, name, text))
            self.call(node, name)

    def prepare(self, roots):
        """Name what is used more than once, and what has a name of its own, so that text(root) is short."""
        uses, order = {}, []

        def visit(node):
            uses[id(node)] = uses.get(id(node), 0) + 1
            if uses[id(node)] == 1 and self.find(node) is None:
                for argument in node.args:
                    visit(argument)
                order.append(node)

        for root in roots:
            visit(root)
        for node in order:
            if node.op not in ("less", "equal", "leaf", "constant") and (uses[id(node)] > 1 or (node.name and node not in roots)):
                self.define(node)

    def hoist(self, nodes, kinds, is_read=lambda node: False):
        """Define here the largest parts of the nodes that are of these kinds; what `is_read` is not taken apart."""
        parts, seen = [], set()

        def visit(node):
            if id(node) in seen or self.find(node) is not None: return
            seen.add(id(node))
            if node.kind in kinds and node.args and node.op not in ("less", "equal"):
                parts.append(node)
            elif not is_read(node):
                for argument in node.args: visit(argument)

        for node in nodes: visit(node)
        self.prepare(parts)
        for part in parts: self.define(part)

    def text(self, node, binding=0):
        found = self.find(node)
        if found is not None:
            return found
        text, own = self._composed(node)
        return "(%s)" % text if own < binding else text

    def _composed(self, node):
        if node.op == "constant":
            return self.language.number(node.value), ATOM if node.value >= 0 else 6
        if node.op == "leaf":
            raise KeyError("%s is not at hand" % node.value)
        while True:
            if node.op in self.language.functions:
                form, own, bindings = self.language.functions[node.op], ATOM, (0,) * len(node.args)
            else:
                form, own, bindings = OPERATORS[node.op]
            args = [self.text(a, b) for a, b in zip(node.args, bindings)]
            if node.op == "where" and own < ATOM:          # two whole numbers would make an int of it
                args[1:] = [a + ".0f" if b.op == "constant" and a.lstrip("-").isdigit() else a for a, b in zip(args[1:], node.args[1:])]
            text = form.format(*args)
            breakable = [(len(t), a) for t, a in zip(args, node.args)
                         if self.find(a) is None and a.args and a.op not in ("less", "equal")]
            if len(text) <= WIDEST_PART or not breakable:
                return text, own
            self.define(max(breakable, key=lambda pair: pair[0])[1])
