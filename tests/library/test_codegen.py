#!/usr/bin/env python3
"""The generator: one line in codegen/ops.py makes an op in every place; a stale file and a mistake in the table are found."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

count = 0
failed = 0
GENERATED = ["kernels/%s.cu" % name for name in ("elementwise", "activations", "rows", "columns", "losses",
                                                 "gemm", "memory", "nce", "optimizer", "schedule", "prelude")]
GENERATED += ["tests/library/op_vectors.h"]


def check(name, good, detail=""):
    """One TAP line."""
    global count, failed
    count += 1
    failed += not good
    print("%sok %d - %s" % ("" if good else "not ", count, name))
    if not good:
        for line in str(detail).splitlines()[:20]: print("# " + line)


def scratch():
    os.makedirs("build", exist_ok=True)
    return tempfile.TemporaryDirectory(dir="build")


def copy(root):
    """What the generator reads and writes, and the C tests of ops, in a scratch folder."""
    shutil.copytree("codegen", os.path.join(root, "codegen"), ignore=shutil.ignore_patterns("__pycache__"))
    for path in ["indiseek.h", "tests/library/test_ops.c", "tests/library/op_instance.h"] + GENERATED:
        os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
        shutil.copy(path, os.path.join(root, path))


def generate(root, *options):
    done = subprocess.run([sys.executable, os.path.join(root, "codegen", "generate.py")] + list(options),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    return done.returncode, done.stdout


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file: return file.read()


def append(root, path, text):
    with open(os.path.join(root, path), "a", encoding="utf-8") as file: file.write(text)


def try_line(line):
    """What the generator says of a table with one more line."""
    with scratch() as root:
        copy(root)
        append(root, "codegen/ops.py", line + "\n")
        return generate(root, "--check")


code, said = generate(".", "--check")
check("the committed files are what the generator writes", code == 0 and said == "nothing changed\n", said)

with scratch() as root:
    copy(root)
    append(root, "kernels/rows.cu", "/* by hand */\n")
    code, said = generate(root, "--check")
    check("--check finds an edited kernel", code == 1 and "kernels/rows.cu" in said, said)
    header = read(root, "indiseek.h").replace("isk__add_forward(const isk__loop *l) {", "isk__add_forward(const isk__loop *l) { ", 1)
    with open(os.path.join(root, "indiseek.h"), "w", encoding="utf-8") as file: file.write(header)
    code, said = generate(root, "--check")
    check("--check finds an edited block of the header", code == 1 and "indiseek.h" in said, said)
    code, said = generate(root)
    check("writing mends both", code == 0 and all(read(root, p) == read(".", p) for p in ["indiseek.h"] + GENERATED), said)

    before = read(root, "tests/library/op_vectors.h").split("\n")
    table = read(root, "codegen/ops.py").replace('module("activations")', 'op("damped", "x:e b:c slope=0.5", lambda x, b, slope: '
        '(x + b) * exp(-slope * square(x)), "(x_ij + b_j) e^(-slope x^2)")\nmodule("activations")')
    with open(os.path.join(root, "codegen", "ops.py"), "w", encoding="utf-8") as file: file.write(table)
    code, said = generate(root)
    check("an op is added by one line", code == 0, said)
    header = read(root, "indiseek.h")
    check("it has a public function with its formula above",
          "/* (x_ij + b_j) e^(-slope x^2).  x [rows, cols], b [1, cols] -> [rows, cols] */\n"
          "INDISEEK_API isk_tensor isk_damped(isk_tensor x, isk_tensor b, double slope);" in header)
    check("it has CPU loops, forward and backward", "isk__damped_forward(const isk__loop *l) {" in header
          and "l->grad_in[1]" in header.split("isk__damped_backward(const isk__loop *l) {")[1].split("\n}")[0])
    check("it is in the table", 'ISK__OP_ROW(damped, 2, "ec", \'e\', 1, 0x3u,' in header and "ISK__OP_DAMPED" in header)
    kernels = read(root, "kernels/elementwise.cu")
    check("it has CUDA kernels, in kernels/ and in the header", "ISK_ELEMENTS(isk_damped_forward_0) {" in kernels
          and "isk_damped_backward_1) {" in kernels and "ISK_ELEMENTS(isk_damped_forward_0) {" in header)
    vectors = read(root, "tests/library/op_vectors.h").split("\n")
    check("it has test vectors", any(line.startswith('    { "damped", 5, 3, 0,') for line in vectors))
    rest = iter(vectors)
    lost = [line for line in before if line not in rest]            # `in` goes on from where it found the last one
    check("no line of another op's vectors changed", not lost, "\n".join(lost))
    with open(os.path.join(root, "codegen", "templates", "new.cu"), "w", encoding="utf-8") as file:
        file.write("ISK_ROWS(isk_new) { *dev_at(call.out, model, i, 0) = 1.0f; }\n")
    code, said = generate(root)
    header = read(root, "indiseek.h")
    module = len(re.findall(r"^    \{ \"\w+\", isk__kernels_\w+ },$", header.split('{ "new", isk__kernels_new },')[0], re.M))
    check("a file of codegen/templates/ becomes a module", code == 0 and "ISK_ROWS(isk_new)" in read(root, "kernels/new.cu")
          and "{ \"isk_new\", %d, 'r' }," % module in header, said)

    code, said = generate(root, "--list")
    check("it is in the list of ops", "damped" in said, said)

    compiler = os.environ.get("CC", "cc").split()
    built = subprocess.run(compiler + ["-std=c99", "-O1", "-D_POSIX_C_SOURCE=200809L", "-DINDISEEK_DOUBLE", "-I" + root,
                                       os.path.join(root, "tests", "library", "test_ops.c"), "-o", os.path.join(root, "test_ops"),
                                       "-lcmocka", "-lm", "-pthread"],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    if built.returncode != 0 and "cmocka" in built.stdout:
        print("ok %d - the new op passes the tests of ops # SKIP no cmocka" % (count + 1))
        count += 1
    else:
        ran = built.returncode == 0 and subprocess.run([os.path.join(root, "test_ops")], stdout=subprocess.PIPE,
                                                       stderr=subprocess.STDOUT, universal_newlines=True)
        check("the new op passes the tests of ops", ran and ran.returncode == 0, ran.stdout if ran else built.stdout)

for name, line, word in (
        ("a name that is no argument", 'op("wrong", "x:e", lambda x: x + leaf("z", "e"), "")', "wrong: z is no argument"),
        ("an argument that is not used", 'op("wrong", "x:e b:c", lambda x, b: exp(x), "")', "wrong: b is not used"),
        ("a condition that is no comparison", 'op("wrong", "x:e", lambda x: where(x, x, 0), "")', "wrong: where() wants a comparison"),
        ("a kind that does not exist", 'op("wrong", "x:q", lambda x: -x, "")', "wrong: signature"),
        ("an op declared twice", 'op("relu", "x:e", lambda x: -x, "")', "relu is declared twice"),
        ("a value that overflows", 'op("wrong", "x:e", lambda x: exp(x), "")', "wrong: the value is not finite"),
        ("a derivative that is wrong", 'from expr import PRIMITIVES; PRIMITIVES["tanh"].gradient = lambda n, g: (g * n,)\n'
         'op("wrong", "x:e", lambda x: tanh(2 * x), "")', "wrong: the gradient of x")):
    code, said = try_line(line)
    check("the generator reports " + name, code == 1 and word in said, said)

print("1..%d" % count)
sys.exit(1 if failed else 0)
