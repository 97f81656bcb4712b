"""In which order the parts of an expression can be computed.

A matrix is swept row by row. In a row, sums over its columns come first, each after what it is made of, then what is summed
over the rows, then what is stored. A sum over the rows is complete only after the sweep: that begins the next stage. Between
two sweeps stand the values of kind c and s; there a sum over the columns of a c begins a next level.

    stage 0, columns: c and s values that need no sweep           (level 0, 1, ...)
    stage 0, rows:    for each row its r values, sums over rows, e values
    stage 1, columns: c and s values made of the sums of stage 0
    stage 1, rows:    ...
"""

from expr import TRANSCENDENTAL, UNCOMMON, topological

COSTLY = TRANSCENDENTAL + UNCOMMON + ("div", "sqrt", "rsqrt")


def is_row_reduction(node): return node.op in ("row_sum", "row_max")
def is_col_reduction(node): return node.op in ("col_sum", "col_max")


class Root:
    """An expression and where it is stored. index: the input whose gradient it is; None for the output."""

    def __init__(self, name, node, kind, index=None):
        self.name, self.node, self.kind, self.index = name, node, kind, index


def roots_of(op, direction):
    """What an op computes in a direction, "forward" or "backward"."""
    if direction == "forward":
        return [Root("y", op.forward, op.out_kind)]
    kinds = dict(op.inputs)
    return [Root("d" + name, node, kinds[name], op.input_index(name)) for name, node in op.gradients]


def _positions(order, stage_of_sum):
    result = {}
    for node in order:
        before = [result[id(a)] for a in node.args]
        stage = max((p[0] for p in before), default=0)
        if is_col_reduction(node):
            stage, level = stage_of_sum(node, stage + 1), 0
        elif node.kind in "er":
            level = 0
        else:
            level = max((p[1] for p in before if p[0] == stage), default=0) + is_row_reduction(node)
        result[id(node)] = (stage, level)
    return result


def positions(roots):
    """{id(node): (stage, level)}; e and r nodes have level 0. A sum over the rows is made in the last sweep that is early
    enough for what needs it: sums that go through the same values then share a sweep."""
    order = topological([r.node for r in roots])
    earliest = _positions(order, lambda node, stage: stage)
    latest = {id(node): max(p[0] for p in earliest.values()) for node in order}
    for root in roots:
        together = max(earliest[id(r.node)][0] for r in roots if r.kind == root.kind)
        latest[id(root.node)] = min(latest[id(root.node)], together)
    for node in reversed(order):
        for argument in node.args:
            latest[id(argument)] = min(latest[id(argument)], latest[id(node)] - is_col_reduction(node))
    return _positions(order, lambda node, stage: latest[id(node)])


def _below(node, crosses):
    """The node and what it is made of; not below a node that `crosses`."""
    seen, order, todo = set(), [], [node]
    while todo:
        n = todo.pop()
        if id(n) not in seen:
            seen.add(id(n))
            order.append(n)
            if not crosses(n):
                todo.extend(n.args)
    return order


def has_row_reduction(node):
    """Does an r depend on a sum over the columns of its row?"""
    return any(is_row_reduction(n) and n.kind == "r" for n in _below(node, lambda n: n.kind in "sc" or is_row_reduction(n)))


def is_costly(node):
    """Does computing a c node anew for each row take more than additions and products?"""
    return any(n.op in COSTLY and n.kind == "c" for n in _below(node, lambda n: n.kind != "c" or is_col_reduction(n)))


def has_reduction(node):
    return any(is_row_reduction(n) or is_col_reduction(n) for n in topological([node]))
