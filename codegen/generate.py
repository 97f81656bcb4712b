#!/usr/bin/env python3
"""Writes what is generated: kernels/*.cu, the generated blocks of indiseek.h, and tests/library/op_vectors.h.

    python3 codegen/generate.py                writes what changed
    python3 codegen/generate.py --check        only compares; names what differs and exits 1
    python3 codegen/generate.py --list         prints the op table
    python3 codegen/generate.py --root DIR     works on a copy of the repository

A block of indiseek.h stands between two marks:

    /* >>generated NAME: begin (python3 codegen/generate.py; do not edit) */
    /* >>generated NAME: end */

BLOCKS says what makes each. To add one: write a function of the op table there, and put the two marks into indiseek.h.

CUDA text that is written by hand is codegen/templates/NAME.cu. Each becomes a module, kernels/NAME.cu and text in indiseek.h,
but for prelude.cu, which stands before every module, intrinsics.cu, which stands before gemm.cu, and block.cu.
"""

import argparse
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
MARK = "/* >>generated %s: begin (python3 codegen/generate.py; do not edit) */\n"
END = "/* >>generated %s: end */\n"
SHAPES = {"e": "[rows, cols]", "r": "[rows, 1]", "c": "[1, cols]", "s": "[1, 1]"}


class GenerateError(Exception):
    pass


# ---- blocks made from the op table ----------------------------------------------------------------------------------

def wrapped(words, first, rest, width=120):
    """Words in lines of at most `width` columns."""
    lines, line = [], first
    for word in words:
        if len(line) + len(word) > width and line.strip():
            lines.append(line.rstrip())
            line = rest
        line += word + " "
    return lines + [line.rstrip()]


def prototype(op, end):
    """Lines of the public function's head."""
    args = ["isk_tensor " + name for name, kind in op.inputs if kind != "w"] + ["double " + name for name, _ in op.attributes]
    first = "INDISEEK_API isk_tensor isk_%s(" % op.name
    words = [a + "," for a in args[:-1]] + [args[-1] + end]
    return wrapped(words, first, " " * len(first))


def shapes(op):
    """"x, a [rows, cols], b [1, cols] -> [rows, 1]" """
    groups = []
    for name, kind in op.inputs:
        if kind == "w": continue
        if groups and groups[-1][1] == kind: groups[-1][0].append(name)
        else: groups.append(([name], kind))
    left = ", ".join("%s %s" % (", ".join(names), SHAPES[kind]) for names, kind in groups)
    return "%s -> %s" % (left, SHAPES[op.out_kind]) + ("; takes row weights" if "w" in dict(op.inputs).values() else "")


TITLES = {"elementwise": "element by element", "activations": "activations, alone and with a bias", "rows": "over the columns of each row",
          "columns": "over the rows of each column", "losses": "to one number"}


def op_declarations(ops):
    lines = ["/* Ops of codegen/ops.py.  Row weights, w below, are those of the tensor; a row of weight 0 is absent. */"]
    for module in ops.MODULES:
        lines += ["", "/* %s */" % TITLES.get(module, module)]
        for op in ops.OPS:
            if op.module == module:
                lines += wrapped((op.doc + ".  " + shapes(op) + " */").split(" "), "/* ", "   ")
                lines += prototype(op, ");")
    return lines


def counts(ops):
    """What must be known before the generated text, which stands last."""
    return ["enum { ISK__OP_COUNT = %d, ISK__MODULES = %d };" % (len(ops.OPS), len(kernel_files(ops)))]


def op_list(ops):
    words = ["ISK__OP_%s," % op.name.upper() for op in ops.OPS] + ["ISK__OP_LIST_END"]
    return ["enum {"] + wrapped(words, "    ", "    ") + ["};"]


def public_function(op):
    inputs = ", ".join(name for name, kind in op.inputs if kind != "w")
    head = prototype(op, ") {")
    if op.attributes:
        values = "const double attributes[] = { %s };" % ", ".join(name for name, _ in op.attributes)
        body = [values, "ISK__RECORD_WITH(%s, attributes, %s);" % (op.name.upper(), inputs)]
    else:
        body = ["ISK__RECORD(%s, %s);" % (op.name.upper(), inputs)]
    line = " ".join(head + body) + " }"
    return [line] if len(head) == 1 and len(line) <= 120 else head + ["    " + statement for statement in body] + ["}"]


def bits(flags):
    return "0x%xu" % sum(1 << i for i, flag in enumerate(flags) if flag)


def table_row(op, work_rows, work_cols, forward_grids, backward_grids, module):
    differentiable = bits(name in dict(op.gradients) for name, _ in op.inputs)
    kinds = "".join(kind for _, kind in op.inputs)
    row = "ISK__OP_ROW(%s, %d, \"%s\", '%s', %d, %s, %s, %d, %d, %d, %d, \"%s\", \"%s\")" % (
        op.name, len(op.inputs), kinds, op.out_kind, len(op.attributes), differentiable, bits(op.reads_inputs),
        op.reads_output, work_rows, work_cols, module, forward_grids, backward_grids)
    return wrapped(row.split(" "), "    ", "      ")


def ops_block(ops):
    import emit_c
    import emit_cuda
    lines, rows = ["/* ---- ops: the list ---- */", ""] + op_list(ops) + ["", "/* ---- ops: loops ---- */", ""], []
    for op in ops.OPS:
        text, loop_rows, loop_cols = emit_c.functions(op)
        _, forward_grids, backward_grids, kernel_rows, kernel_cols = emit_cuda.kernels(op)
        lines += text
        rows += table_row(op, max(loop_rows, kernel_rows), max(loop_cols, kernel_cols), forward_grids, backward_grids,
                          ops.MODULES.index(op.module))
    lines += ["/* ---- ops: the table, in the order of the list ---- */", "", "static const isk__op_info isk__op_table[] = {"] + rows
    lines += ["};", "", "/* ---- ops: public functions ---- */", ""]
    for op in ops.OPS:
        lines += public_function(op)
    return lines


def kernel_files(ops):
    """{name of the module: lines}, without what all modules share: first those of the table, then the templates."""
    import emit_cuda
    made = {name: [line for op in ops.OPS if op.module == name for line in emit_cuda.kernels(op)[0]] for name in ops.MODULES}
    both = set(made) & set(emit_cuda.templates())
    if both:
        raise GenerateError("a module of the table and codegen/templates/%s.cu have one name" % both.pop())
    made.update(emit_cuda.templates())
    return made


def kernel_names(ops):
    """Of the ops alone."""
    import emit_cuda
    return [name for module, lines in kernel_files(ops).items() if module in ops.MODULES for name, _ in emit_cuda.kernels_in(lines)]


def literals(lines):
    """C string literals, one an element of an array: each kernel has its own, so that a change of one changes only its lines.
    As many lines of text as fit stand on one line here; kernels/ has them for reading. C99 promises 4095 bytes in a literal."""
    texts = [[]]
    for line in lines:
        texts[-1].append(line)
        if line.startswith("}") or sum(len(each) + 1 for each in texts[-1]) > 3800: texts.append([])
    made = []
    for text in filter(None, texts):
        rows = []
        for line in text:
            piece = line.replace("\\", "\\\\").replace('"', '\\"') + "\\n"
            if rows and len(rows[-1]) + len(piece) <= 112: rows[-1] += piece
            else: rows.append(piece)
        made += ['    "%s"' % row for row in rows]
        made[-1] += ","
    return made


def kernel_text(ops):
    import emit_cuda
    files = kernel_files(ops)
    texts = {"prelude": emit_cuda.template("prelude") + [""], "block": emit_cuda.template("block")}
    texts.update(("kernels_" + name, text) for name, text in files.items())
    lines = []
    for name, text in texts.items():
        lines += ["ISK__UNUSED static const char *const isk__%s[] = {" % (name if "kernels_" in name else "kernel_" + name)]
        lines += literals(text) + ["    NULL };", ""]
    lines += ["/* isk__op_info.module is an index; the text of a module is the prelude and then its own. */"]
    lines += ["static const isk__kernel_module isk__kernel_modules[] ISK__UNUSED = {"]
    lines += ['    { "%s", isk__kernels_%s },' % (name, name) for name in files] + ["};", ""]
    lines += ["/* The kernels that are not those of an op. */"]
    lines += ["static const isk__kernel_info isk__template_kernels[] ISK__UNUSED = {"]
    kernels = ["{ \"%s\", %d, '%s' }," % (name, module, letter) for module, text in enumerate(files.values())
               if module >= len(ops.MODULES) for name, letter in emit_cuda.kernels_in(text)]
    return lines + ["    " + kernel for kernel in kernels] + ["};"]


def cuda_file(name, lines, ops):
    source = "codegen/ops.py" if name in ops.MODULES else "codegen/templates/%s.cu" % name
    head = "/* Kernels of the module \"%s\". Generated by python3 codegen/generate.py from %s; do not edit. */\n\n" % (name, source)
    return head + '#include "prelude.cu"\n\n' + "\n".join(lines).rstrip("\n") + "\n"


def cuda_prelude():
    import emit_cuda
    head = "/* Generated by python3 codegen/generate.py from codegen/templates/prelude.cu; do not edit. */\n\n"
    return head + "\n".join(emit_cuda.template("prelude")).rstrip("\n") + "\n"


BLOCKS = {"op-declarations": op_declarations, "counts": counts, "ops": ops_block, "kernel-text": kernel_text}


# ---- injection ------------------------------------------------------------------------------------------------------

def header(root, ops):
    """indiseek.h with every generated block made anew."""
    with open(os.path.join(root, "indiseek.h"), encoding="utf-8") as file:
        text = file.read()
    names = re.findall(r"/\* >>generated ([a-z-]+): begin", text)
    missing = [name for name in BLOCKS if name not in names]
    if missing:
        raise GenerateError("indiseek.h has no marks for the generated block %s" % ", ".join(missing))
    unknown = [name for name in names if name not in BLOCKS]
    if unknown:
        raise GenerateError("indiseek.h has a generated block %s, which is not one of BLOCKS" % ", ".join(unknown))
    for name in names:
        begin, end = MARK % name, END % name
        if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
            raise GenerateError("indiseek.h: the marks of the generated block %s are damaged" % name)
        lines = BLOCKS[name](ops)
        wide = [line for line in lines if len(line) > 120]
        if wide:
            raise GenerateError("block %s has a line of %d columns: %s" % (name, len(wide[0]), wide[0]))
        before, rest = text.split(begin)
        text = before + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1]
    return text


def outputs(root, ops):
    """{path: text} of everything generated."""
    import vectors
    for op in ops.OPS:
        vectors.check(op)
    made = {"indiseek.h": header(root, ops), "tests/library/op_vectors.h": vectors.header(ops.OPS, kernel_names(ops))}
    made["kernels/prelude.cu"] = cuda_prelude()
    made.update(("kernels/%s.cu" % name, cuda_file(name, lines, ops)) for name, lines in kernel_files(ops).items())
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="only compare")
    parser.add_argument("--list", action="store_true", help="print the op table")
    parser.add_argument("--root", default=os.path.dirname(HERE), help="the repository, or a copy of it")
    options = parser.parse_args()
    sys.path.insert(0, os.path.join(options.root, "codegen"))
    sys.dont_write_bytecode = True
    import expr
    try:
        import ops
        if options.list:
            for op in ops.OPS:
                print("%-22s %-12s %s.  %s" % (op.name, op.module, op.doc, shapes(op)))
            return 0
        changed = []
        for path, text in outputs(options.root, ops).items():
            full = os.path.join(options.root, path)
            old = open(full, encoding="utf-8").read() if os.path.exists(full) else None
            if old != text:
                changed.append(path)
                if not options.check:
                    os.makedirs(os.path.dirname(full) or ".", exist_ok=True)
                    with open(full, "w", encoding="utf-8") as file:
                        file.write(text)
    except (expr.ExpressionError, GenerateError) as mistake:
        print("generate.py: %s" % mistake, file=sys.stderr)
        return 1
    for path in changed:
        print("%s %s" % ("differs:" if options.check else "wrote", path))
    if not changed:
        print("nothing changed")
    return 1 if changed and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
