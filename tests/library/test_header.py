#!/usr/bin/env python3
"""The header as a stranger compiles it: every standard, every configuration macro, C and C++, one file and several.

Runs with the compilers that are there (CC, gcc, clang and their C++ twins) and says which are not.
"""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

WARNINGS = "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror".split()
STANDARDS = ["c99", "c11", "c++11", "c++17"]
MACROS = ["INDISEEK_DOUBLE", "INDISEEK_NO_METRICS", "INDISEEK_NO_FILES", "INDISEEK_NO_CUDA", "INDISEEK_NO_THREADS",
          "INDISEEK_NO_SIMD", "INDISEEK_NO_TUNING"]
ALL_OUT = [name for name in MACROS if "_NO_" in name]
VARIANTS = [[]] + [[name] for name in MACROS] + [ALL_OUT, ALL_OUT + ["INDISEEK_DOUBLE"]]

IMPLEMENTATION = '#define INDISEEK_IMPLEMENTATION\n#include "indiseek.h"\nint main(void) { return 0; }\n'

# Two files that only see declarations, one that holds the implementation, one function of each called.
FIRST = '''#include <stdio.h>
#include "indiseek.h"
const char *second(void);
const char *second(void) { return isk_status_text(ISK_SHAPE); }
'''
SECOND = '''#include "indiseek.h"
#ifdef __cplusplus
#include <cstring>
#else
#include <string.h>
#endif
const char *second(void);
int main(void) {
    isk_context_desc desc;
    isk_context *context;
    memset(&desc, 0, sizeof desc);
    context = isk_open(&desc);
    if (!context || !second()[0] || isk_error(context)[0]) { return 1; }
    isk_close(context);
    return 0;
}
'''
HOLDER = '#define INDISEEK_IMPLEMENTATION\n#include "indiseek.h"\n'
# Declarations in double against an implementation in float: isk_open must refuse, nothing may crash.
MISMATCH = '''#define INDISEEK_DOUBLE
#include "indiseek.h"
#include <string.h>
int main(void) {
    isk_context_desc desc;
    memset(&desc, 0, sizeof desc);
    return isk_open(&desc) == NULL ? 0 : 1;
}
'''
# A small fit; prints the bits of its features.
FIT = '''#define INDISEEK_IMPLEMENTATION
#define INDISEEK_NO_CUDA
#include "indiseek.h"
enum { ROWS = 150, COLS = 9, DIM = 5 };
static float x1[ROWS][COLS], x2[ROWS][COLS], c[2][ROWS][DIM], z[2][ROWS][DIM];
int main(void) {
    isk_context_desc desc;
    isk_context *context;
    isk_fit_desc fit;
    isk_transform_desc out;
    isk_model *model = NULL;
    int i, j;
    memset(&desc, 0, sizeof desc);
    memset(&fit, 0, sizeof fit);
    memset(&out, 0, sizeof out);
    for (i = 0; i < ROWS; i++) {
        for (j = 0; j < COLS; j++) {
            x1[i][j] = (float)((i * 37 + j * 101) % 211) / 100;
            x2[i][j] = (float)((i * 37 + j * 59) % 173) / 100;
        }
    }
    fit.views[0].x.data = x1[0];
    fit.views[1].x.data = x2[0];
    for (i = 0; i < 2; i++) {
        static const char *const names[2][2] = { { "shared1", "specific1" }, { "shared2", "specific2" } };
        fit.views[i].x.rows = ROWS;
        fit.views[i].x.cols = COLS;
        out.views[i] = fit.views[i];
        out.out[2 * i].name = names[i][0];
        out.out[2 * i].values = c[i][0];
        out.out[2 * i + 1].name = names[i][1];
        out.out[2 * i + 1].values = z[i][0];
    }
    fit.view_count = 2;
    fit.options.dim = fit.options.shared_dim = DIM;
    fit.options.epochs = fit.options.shared_epochs = 3;
    context = isk_open(&desc);
    if (!context || isk_fit(context, &fit, &model) != ISK_OK || isk_transform(model, &out) != ISK_OK) { return 1; }
    for (i = 0; i < 2 * ROWS * DIM; i++) { printf("%a %a\\n", (double)(&c[0][0][0])[i], (double)(&z[0][0][0])[i]); }
    isk_model_close(model);
    isk_close(context);
    return 0;
}
'''
# Compilers for other systems, of which whatever is there is tried: warning-free, as a stranger's.
ELSEWHERE = ["musl-gcc", "aarch64-linux-gnu-gcc", "s390x-linux-gnu-gcc", "x86_64-w64-mingw32-gcc"]
LATE = '#include <stdio.h>\n#define INDISEEK_IMPLEMENTATION\n#include "indiseek.h"\nint main(void) { return 0; }\n'

root = os.getcwd()
folder = tempfile.mkdtemp(prefix="indiseek-header-")
count = failed = 0


def result(name, fault):
    """One TAP line; fault is the text that explains a failure, or nothing."""
    global count, failed
    count += 1
    failed += bool(fault)
    print("%sok %d - %s" % ("not " if fault else "", count, name), flush=True)
    for line in (fault or "").splitlines()[:30]:
        print("#   " + line)


def skip(name, why):
    global count
    count += 1
    print("ok %d # SKIP %s: %s" % (count, name, why))


def run(command, text=None):
    return subprocess.run(command, input=text, text=True, capture_output=True, cwd=folder)


def place(name, text):
    with open(os.path.join(folder, name), "w") as file:
        file.write(text)
    return name


def compiler(family, standard):
    """The command of a family for a standard; None when it is not there."""
    twin = {"gcc": "g++", "clang": "clang++"}.get(family)
    if family not in ("gcc", "clang"):                          # CC from outside: C only, its twin is unknown
        return None if standard.startswith("c++") else family.split()
    name = twin if standard.startswith("c++") else family
    return [name] if shutil.which(name) else None


def compile_one(family, standard, variant, mode):
    """Warning-free or not: returns the compiler's words."""
    command = compiler(family, standard)
    language = "c++" if standard.startswith("c++") else "c"
    strict = [] if language == "c++" else ["-Wstrict-prototypes"]
    command = command + ["-std=" + standard, "-x", language, *WARNINGS, *strict, "-I", root, *["-D" + name for name in variant],
                         *mode, "-"]
    done = run(command, IMPLEMENTATION)
    if done.returncode == 0 and not done.stderr.strip():
        return ""
    return " ".join(command) + "\n" + (done.stderr.strip() or "exit code %d" % done.returncode)


def matrix(pool, families):
    jobs = {}
    for family in families:
        for standard in STANDARDS:
            if not compiler(family, standard):
                skip("%s %s" % (family, standard), "no such compiler here")
                continue
            for variant in VARIANTS:
                # Warnings of the optimizer (uninitialised, out of bounds) need a real compilation; one a language is enough.
                # (clang finds what a left-out part leaves unused without compiling; gcc would have to.)
                full = standard in ("c99", "c++17") and variant in ([], ["INDISEEK_DOUBLE"])
                mode = ["-O2", "-c", "-o", os.devnull] if full else ["-fsyntax-only"]
                jobs[(family, standard, " ".join(variant))] = pool.submit(compile_one, family, standard, variant, mode)
    for (family, standard, variant), job in jobs.items():
        result("%s -std=%s %s" % (family, standard, variant or "as it is"), job.result())


def build(name, *steps):
    """Runs commands one after the other; the first that fails is the fault."""
    for command in steps:
        done = run(command)
        if done.returncode != 0:
            result(name, " ".join(command) + "\n" + done.stdout + done.stderr)
            return False
    result(name, "")
    return True


def several_files(family):
    c = compiler(family, "c99") + ["-std=c99", "-I", root]
    link = ["-pthread", "-lm"]
    place("first.c", FIRST), place("second.c", SECOND), place("holder.c", HOLDER), place("mismatch.c", MISMATCH)
    built = build("%s: declarations in two files, implementation in one" % family,
                  c + ["-c", "-O2", "holder.c", "-o", "holder.o"],
                  c + ["first.c", "second.c", "holder.o", "-o", "several"] + link, ["./several"])
    if not built:
        return
    build("%s: isk_open refuses another scalar type" % family,
          c + ["mismatch.c", "holder.o", "-o", "mismatch"] + link, ["./mismatch"])
    if not compiler(family, "c++11"):
        skip("%s: declarations in C++, implementation in C" % family, "no C++ compiler")
    else:
        cxx = compiler(family, "c++11") + ["-std=c++11", "-I", root]
        build("%s: declarations in C++, implementation in C" % family,
              cxx + ["-x", "c++", "first.c", "second.c", "-x", "none", "holder.o", "-o", "mixed"] + link, ["./mixed"])
        build("%s: declarations and implementation in C++" % family,
              cxx + ["-x", "c++", "first.c", "second.c", "holder.c", "-o", "cxx"] + link, ["./cxx"])


def symbols(family):
    """holder.o of several_files: what it gives to and takes from the linker."""
    if not shutil.which("nm") or not os.path.exists(os.path.join(folder, "holder.o")):
        return skip("%s: symbols" % family, "no nm or no object")
    given, taken = [], []
    for line in run(["nm", "holder.o"]).stdout.splitlines():
        kind, name = line.split()[-2:]
        if kind == "U":
            taken.append(name)
        elif kind.isupper():
            given.append(name)
    alien = [name for name in given if not name.startswith("isk_") or name.startswith("isk__")]
    result("%s: every public symbol is isk_" % family, "\n".join(alien))
    banned = {"printf", "puts", "putchar", "perror", "fprintf", "exit", "_exit", "abort", "setlocale", "stdout", "stderr",
              "rand", "srand", "__assert_fail"}
    result("%s: no output, no exit, no locale, no global random numbers" % family, "\n".join(sorted(banned & set(taken))))
    # Constant tables of pointers lie in .data.rel.ro; what a program could write to lies in these.
    writable = [line for line in run(["size", "-A", "holder.o"]).stdout.splitlines()
                if line.split()[:1] and line.split()[0] in (".data", ".bss", ".tdata", ".tbss", ".data.rel.local", ".data.rel")
                and line.split()[1] != "0"]
    result("%s: no state outside a context" % family, "\n".join(writable))


def tuning(family):
    """gcc is told how hard to work on which section: the results must not hang on it."""
    place("fit.c", FIT)
    c = compiler(family, "c99") + ["-std=c99", "-O2", "-I", root, "fit.c", "-pthread"]
    if not build("%s: a fit as it is and with INDISEEK_NO_TUNING" % family, c + ["-o", "tuned", "-lm"],
                 c + ["-DINDISEEK_NO_TUNING", "-o", "untuned", "-lm"]):
        return
    tuned, untuned = run(["./tuned"]), run(["./untuned"])
    result("%s: INDISEEK_NO_TUNING gives the same bits" % family,
           "" if tuned.returncode == 0 and tuned.stdout and tuned.stdout == untuned.stdout else tuned.stderr or "they differ")


def elsewhere(family):
    for variant in ([], ["INDISEEK_DOUBLE"]):
        result("%s -std=c99 %s" % (family, " ".join(variant) or "as it is"), compile_one(family, "c99", variant, ["-fsyntax-only"]))


def excess_precision(family):
    """FLT_EVAL_METHOD 2, as of x87: it compiles without warnings, and a fit is what it is elsewhere but for rounding."""
    x87 = ["-mfpmath=387"]
    if "__x86_64__" not in run([family, "-dM", "-E", "-x", "c", os.devnull]).stdout:
        return skip("%s: excess precision" % family, "no x86-64")
    for variant in ([], ["INDISEEK_DOUBLE"]):
        result("%s: excess precision %s" % (family, " ".join(variant)), compile_one(family, "c99", variant, x87 + ["-fsyntax-only"]))
    c = compiler(family, "c99") + ["-std=c99", "-O2", "-I", root, "fit.c", "-pthread"]
    if not build("%s: a fit with excess precision" % family, c + x87 + ["-o", "x87", "-lm"]):
        return
    values = [[float.fromhex(word) for word in run(["./" + name]).stdout.split()] for name in ("tuned", "x87")]
    far = max((abs(a - b) for a, b in zip(*values)), default=1)
    result("%s: excess precision gives the same fit to 1e-2" % family,
           "" if len(values[0]) == len(values[1]) > 1000 and far < 1e-2 else "%d and %d values, %g apart" % (*map(len, values), far))


def order(family):
    """After a system header strict C99 has lost the feature macros: the first error says so and what to do."""
    place("late.c", LATE)
    c = compiler(family, "c99")
    done = run(c + ["-std=c99", "-I", root, "-fsyntax-only", "late.c"])
    errors = [line for line in done.stderr.splitlines() if " error: " in line]
    told = [line for line in errors if "include indiseek.h before any system header" in line]
    result("%s: too late an include is told by one #error, first of all" % family,
           "" if done.returncode != 0 and len(told) == 1 and told[0] == errors[0] else done.stderr or "it compiled")
    done = run(c + ["-std=gnu99", "-I", root, "-fsyntax-only", "late.c"])
    result("%s: with gnu99 the order does not matter" % family, "" if done.returncode == 0 else done.stderr)


def misuse():
    """Two tests call every public function wrongly; the ops are called through a generated list."""
    with open(os.path.join(root, "indiseek.h")) as file:
        public = file.read().partition("#endif /* INDISEEK_H */")[0]
    called = ""
    for name in ("test_misuse.c", "test_own_methods_misuse.c", "op_vectors.h"):
        with open(os.path.join(root, "tests/library", name)) as file:
            called += file.read()
    called = set(re.findall(r"\bisk_\w+(?=\()|\bisk_\w+_r2\b", called))
    named = re.findall(r"^INDISEEK_API [^;(]*?\b(isk_\w+)\(", public, re.MULTILINE)
    missing = [name for name in named if name not in called]
    result("every public function (%d) is called wrongly in a test of misuse" % len(named),
           "\n".join(missing) if len(named) > 150 else "only %d were found" % len(named))


def main():
    families = [name for name in ("gcc", "clang") if shutil.which(name)]
    for name in ("gcc", "clang"):
        if name not in families:
            skip(name, "not installed")
    if not families:
        families = [os.environ.get("CC", "cc")]
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        matrix(pool, families)
    for family in families:
        several_files(family)
        symbols(family)
        if family == "gcc":
            tuning(family)
            excess_precision(family)
        order(family)
    for family in ELSEWHERE:
        if shutil.which(family):
            elsewhere(family)
        else:
            skip(family, "not installed")
    misuse()
    shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
