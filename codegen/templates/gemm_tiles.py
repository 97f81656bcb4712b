"""Register tiles of the built-in GEMM, as C text for the generated block "gemm-tiles" of indiseek.h.

A tile computes rows x vectors of C in registers:  C[r, v] = sum over p of A[r, p] * B[p, v],  then bias, ReLU and mask.
Every accumulator is a scalar variable with a name of its own (acc0_0, acc0_1, ...): an array of vectors spills in clang.
An element is one chain of fused multiply-adds over p in every tile, so its bits do not depend on the tile it falls in.

What the tiles use (isk__avx2_load, isk__avx512_fma, ...) is hand-written just above the block, see `>>gemm`.
"""

# name of the instruction set: (attribute of a function, rows of a tile by its width in vectors)
# AVX2 has 16 registers, AVX-512 has 32: accumulators, one row of B and one element of A must fit.
SETS = {
    "plain": ("", {1: (4, 1), 2: (4, 1), 3: (3, 1)}),
    "avx2": ("ISK__TARGET_AVX2 ", {1: (8, 1), 2: (6, 2, 1), 3: (4, 2, 1)}),
    "avx512": ("ISK__TARGET_AVX512 ", {1: (16, 4, 1), 2: (8, 4, 2, 1), 3: (8, 4, 2, 1), 4: (2, 1)}),
}

WIDTHS = {"avx2": 8, "avx512": 16}       # scalars in a vector; of "plain" only the compiler knows

# Tiles of AVX-512 whose last vector has at most 4 columns: those of four rows share one register, a quad, so that a matrix of
# 100 columns costs 6.25 registers a row and not 7.
QUADS = {3: (8,), 4: (8, 4)}


# Tiles that are never at the last columns: there is no register left for the mask.
WHOLE = [("avx2", 3)]


def wrap(statements: list, indent: str) -> list:
    """Statements in lines of at most 120 columns."""
    lines, line = [], indent.rstrip("\n")
    for statement in statements:
        if len(line) + 1 + len(statement) > 120:
            lines.append(line)
            line = indent
        line += statement if line == indent else " " + statement
    return lines + [line]


def tile(name: str, attribute: str, rows: int, vectors: int, quad: bool = False) -> list:
    """One function: the tile of `rows` x `vectors`, whose last vector holds t->tail columns."""
    kind, last = f"isk__{name}", vectors - 1
    last += (name, vectors) in WHOLE                    # none of them is partial
    groups = range(0, rows, 4) if quad else []
    whole = vectors - 1 if quad else vectors            # vectors with an accumulator in each row

    def sum_over(r: int, step) -> list:
        """step(accumulator, row, vector) for the accumulators of row r, then for the quad that ends with it."""
        out = [step(f"acc{r}_{v}", r, v) for v in range(whole)]
        return out + ([step(f"quad{r - 3}", r - 3, last)] if quad and r % 4 == 3 else [])

    def each(step, indent: str) -> list:
        return [line for r in range(rows) for line in wrap(sum_over(r, step), indent) if line.strip()]

    def place(base: str, stride: str, r: int, v: int) -> str:
        parts = [base]
        parts += [f"{r} * {stride}" if r > 1 else stride] if r else []
        parts += [str(v * WIDTHS[name]) if name in WIDTHS else f"{v} * {kind}_width"] if v else []
        return " + ".join(parts)

    def load(base: str, stride: str, r: int, v: int) -> str:
        at = place(base, stride, r, v)
        if v < last:
            return f"{kind}_load({at})"
        return f"{kind}_load_quad({at}, {stride}, tail)" if quad else f"{kind}_load_tail({at}, tail)"

    def load_row(base: str, v: int) -> str:             # a row that all rows of the tile share
        at = place(base, "", 0, v)
        if v < last:
            return f"{kind}_load({at})"
        return f"{kind}_spread(" * quad + f"{kind}_load_tail({at}, tail)" + ")" * quad

    def store(r: int, v: int, x: str) -> str:
        at = place("c", "c_row", r, v)
        if v < last:
            return f"{kind}_store({at}, {x});"
        return f"{kind}_store_quad({at}, c_row, {x}, tail);" if quad else f"{kind}_store_tail({at}, {x}, tail);"

    text = [f"{attribute}static void isk__tile_{name}_{rows}x{vectors}{'q' * quad}(const isk__tile *t) {{"]
    text += ["    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;"]
    text += ["    const ptrdiff_t a_row = t->a_row, mask_row = t->mask_row;", "    ptrdiff_t c_row = t->c_row;"] if rows > 1 else []
    text += ["    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;", "    isk_scalar *c = t->c;"]
    text += [f"    const {kind}_tail tail = {kind}_tail_of(t->tail);"] if last < vectors else []
    text += [f"    const {kind} zero = {kind}_set1(0);"]
    text += [f"    {kind} x, {'y, ' * quad}" + ", ".join(f"b{v}" for v in range(vectors)) + ";"]
    for r in range(rows):
        text += [f"    {kind} " + ", ".join(sum_over(r, lambda acc, r, v: f"{acc} = zero")) + ";"] if sum_over(r, lambda *_: "") else []
    text += [f"    {kind}_tail row1 = 0xF0, row2 = 0xF00, row3 = 0xF000;"] if quad else []
    text += ["    int p;", ""]
    text += ["    ISK__FORGET(row1); ISK__FORGET(row2); ISK__FORGET(row3);"] if quad else []
    text += ["    if (t->accumulate) {"] + each(lambda acc, r, v: f"{acc} = {load('c', 'c_row', r, v)};", " " * 8) + ["    }"]
    bases = ["a"] if rows <= 8 else [f"a{r}" for r in range(0, rows, 4)]
    text += [f"    const isk_scalar *a{r} = a + {r} * a_row;" for r in range(0, rows, 4)] if rows > 8 else []
    text += [f"    for (p = t->k; p > 0; p--, {', '.join(f'{base} += a_col' for base in bases)}, b += b_row) {{"]
    text += wrap([f"b{v} = {load_row('b', v)};" for v in range(vectors)], " " * 8)
    for r in range(rows):
        base, step = ("a", r) if rows <= 8 else (f"a{r // 4 * 4}", r % 4)
        element = f"{base}[0]" if step == 0 else f"{base}[a_row]" if step == 1 else f"{base}[{step} * a_row]"
        line = [f"x = {kind}_set1({element});"]
        line += [f"acc{r}_{v} = {kind}_fma(x, b{v}, acc{r}_{v});" for v in range(whole)]
        if quad:
            line += ["y = x;" if r % 4 == 0 else f"y = {kind}_select(row{r % 4}, x, y);"]
            line += [f"quad{r - 3} = {kind}_fma(y, b{last}, quad{r - 3});"] if r % 4 == 3 else []
        if (name, vectors) in WHOLE and r < rows - 1:
            line += [f"ISK__AFTER(a, acc{r}_{v});" for v in range(whole)]
        text += wrap(line, " " * 8)
    text += ["    }"] + (["    ISK__FORGET(c); ISK__FORGET(c_row);"] if rows > 1 else []) + ["    if (t->bias != NULL) {"]
    text += wrap([f"b{v} = {load_row('t->bias', v)};" for v in range(vectors)], " " * 8)
    text += each(lambda acc, r, v: f"{acc} = {acc} + b{v};", " " * 8)
    text += ["    }", "    if (t->relu) {"] + each(lambda acc, r, v: f"{acc} = {kind}_relu({acc});", " " * 8)
    text += ["    }", "    if (mask != NULL) {"]
    text += each(lambda acc, r, v: f"{acc} = {kind}_keep({acc}, {load('mask', 'mask_row', r, v)});", " " * 8)
    text += ["    }"] + each(lambda acc, r, v: store(r, v, acc), " " * 4)
    return text + ["}", ""]


def emit() -> str:
    text = []
    for name, (attribute, shapes) in SETS.items():
        text += {"plain": ["#ifdef ISK__HAVE_VECTORS"], "avx2": ["#ifdef ISK__HAVE_AVX2"]}.get(name, [])
        entries = []
        for vectors, heights in shapes.items():
            for rows in QUADS.get(vectors, ()) if name == "avx512" else ():
                text += tile(name, attribute, rows, vectors, quad=True)
                entries += [f"    {{ {rows}, {vectors}, 1, isk__tile_{name}_{rows}x{vectors}q }},"]
            for rows in heights:
                text += tile(name, attribute, rows, vectors)
                entries += [f"    {{ {rows}, {vectors}, 0, isk__tile_{name}_{rows}x{vectors} }},"]
        text += [f"static const isk__tile_entry isk__tiles_{name}[] = {{"] + entries + ["};", ""]
        text += {"plain": ["#endif"], "avx512": ["#endif"]}.get(name, [])
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    print(emit(), end="")
