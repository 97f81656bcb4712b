#!/usr/bin/env python3
# build: indiseek simulation study standin
"""What the programs say: help, devices, and one sentence for everything that is wrong with what they are given.

Runs the programs from BUILD on tiny data of its own; scratch data under build/, removed when all is well.
"""
import json
import os
import re
import shutil
import struct
import sys

sys.path[:0] = ["tests/base", "tests/runs"]
from programs import (
    FEATURES, features_of, fit, fit_first, gpu, LABELS, labels, MASKED, METHOD, METHODS, metrics, NAN, NO_DRIVER, npy,
    npy_read, probe_labels, read, read_page, records, RESULTS, ROWS, run, SEQUENCE, SIMULATION, SIZE, SMALL, STANDIN, state,
    table, text, transposed, views, write, x)
from tap import at, equal, folder, inside, main, test

fit_first()


# ---- words ------------------------------------------------------------------------------------------------------------

@test("--quiet: nothing but warnings on success, and the scores of evaluate")
def _():
    warning = re.compile(r"^(warning: .*\n)*$")
    done = fit("quiet", "--quiet", *LABELS)
    equal(done.out, "")
    assert warning.match(done.err), done.err
    equal(fit("quiet", "--quiet", "--epochs", 0, "--shared-epochs", 0).err, "")
    equal([metrics(at("quiet"))["training"][name] for name in ("epochs", "shared_epochs")], [0, 0], "0 on the line is 0")
    done = run("indiseek", "evaluate", at("first"), "--quiet")
    equal(done.err, "")
    assert done.out.startswith("features"), done.out
    done = run("simulation", *SIMULATION, "--quiet")
    assert done.code == 0 and warning.match(done.err), str(done)
    assert done.out.startswith("setting 1, indiseek, 60 rows"), done.out


@test("--help of every program and command: exit code 0, usage and examples first, on standard output")
def _():
    for line in (["indiseek"], ["indiseek", "fit"], ["indiseek", "transform"], ["indiseek", "evaluate"], ["indiseek", "devices"],
                 ["indiseek", "run"],
                 ["indiseek", "integrate"], ["indiseek", "differ"],
                 ["indiseek", "annotate"], ["indiseek", "impute"], ["indiseek", "demo"], ["simulation"], ["study"],
                 ["study", "simulations"], ["study", "probe"], ["study", "truth"], ["study", "time"]):
        for word in ("--help", "-h"):
            done = run(*line, word)
            equal((done.code, done.err), (0, ""), str(line))
            assert done.out.startswith("Usage: %s " % " ".join(line)), done.out[:200]
            assert done.out.index("\nExamples:\n  ") < 600, done.out[:800]
            inside("Exit status: 0 done, 1 failure, 2 wrong usage, 65 bad data, 75 stopped but resumable.", done.out)
            equal([row for row in done.out.split("\n") if len(row) > 120], [], "lines of --help that are too wide")
        options = re.findall(r"^  --([\w-]+)", done.out, re.M)
        equal(sorted(set(options)), sorted(options), "an option stands twice")
    options = re.findall(r"^  --([\w-]+)", run("indiseek", "fit", "--help").out, re.M)
    for name in ("x1 x2 x1-transpose x2-transpose x1-norm x2-norm x1-pca x2-pca labels label-ignore test split group method preset lambda "
                 "epochs batch lr width layers dim seed threads device gpu precision trainer auto-split config out resume quiet").split():
        assert name in options, "--%s is not in --help" % name


@test("--version of every program")
def _():
    said = {run(*line, "--version").out for line in (["indiseek"], ["simulation"], ["study"], ["indiseek", "fit"],
                                                     ["study", "simulations"])}
    equal({words.split()[-1] for words in said}, {json.loads(text(at("first/config.json")))["indiseek"]})


@test("one class of labels, one feature that a norm sets in relation to others: a warning says so")
def _():
    one = write("one-class.txt", "same\n" * ROWS)
    said = "warning: --labels %s: all rows that have a type are of one, 'same': scores of types, which need two, say nothing\n" % one
    equal([fit("one", *labels).err.count(said) for labels in (["--labels", one], LABELS)], [1, 0])
    alone = write("alone.npy", npy([[1 + i % 7] for i in range(ROWS)]))
    said = ("warning: x2 has one feature, and %s sets counts in relation to others of the same sample: zscore, or raw of `indiseek run`, "
            "takes them as they are\n")
    for norm, count in (("clr", 1), ("log1p-cp10k", 1), ("zscore", 0), ("clr-feature", 0)):
        done = run("indiseek", "fit", *views(x2=alone), "--out", at("one"), *SMALL, "--x2-norm", norm)
        equal(done.err.count(said % norm), count, str(done))


# ---- devices ----------------------------------------------------------------------------------------------------------

def devices(**environment):
    """The words and the object; the words name all that the object does."""
    words, done = run("indiseek", "devices", **environment), run("indiseek", "devices", "--json", **environment)
    equal((words.code, words.err, done.code, done.err), (0, "", 0, ""))
    found = json.loads(done.out)
    for key in ("cpu", "driver", "compiler", "missing", "kernel_cache"):
        inside(found[key] or "", words.out)
    for each in found["gpus"]:
        inside("GPU %-7d%s: compute capability %s" % (each["gpu"], each["name"], each["compute_capability"]), words.out)
        inside(each["problem"] or "", words.out)
    return found, words.out


@test("devices: without a driver it says what is missing")
def _():
    found, words = devices()
    assert re.match(r"cpu, \d+ threads?, \w", found["cpu"]), found["cpu"]
    equal((found["driver"], found["compiler"], found["gpus"]), (None, None, []))
    assert found["missing"].startswith(NO_DRIVER), found["missing"]
    equal(found["kernel_cache"], os.environ["INDISEEK_CACHE_DIR"])
    inside("No GPU can be used: training runs on the CPU.", words)


@test("devices: GPU, driver and NVRTC")
def _():
    found, words = devices(**gpu())
    equal(found["missing"], None)
    inside(STANDIN + ", CUDA ", found["driver"])
    inside(STANDIN + ", NVRTC ", found["compiler"])
    equal(found["gpus"], [{"gpu": 0, "name": "Emulated GPU", "compute_capability": "9.0", "multiprocessors": 132,
                           "memory_bytes": 2 ** 33, "usable": True, "problem": None}])
    inside("Training runs on GPU 0", words)


@test("devices: a driver that does not start, no NVRTC, a GPU too old; where kernels are kept")
def _():
    found = devices(STANDIN_INIT=999, **gpu())[0]
    inside("does not start: CUDA_ERROR_UNKNOWN (999)", found["missing"])
    found = devices(**dict(gpu(), INDISEEK_NVRTC_LIB="/nowhere/libnvrtc.so"))[0]
    inside("NVRTC, which compiles the kernels, is not there", found["missing"])
    equal((found["compiler"], [each["usable"] for each in found["gpus"]]), (None, [False]))
    found, words = devices(STANDIN_DEVICES=2, STANDIN_ARCH=61, **gpu())
    equal([(each["usable"], "7.5 (Turing) or newer is needed" in each["problem"]) for each in found["gpus"]], 2 * [(False, True)])
    inside("No GPU can be used", words)
    equal(devices(INDISEEK_CACHE_DIR="")[0]["kernel_cache"], None)


@test("--device cuda without a GPU: one sentence, exit code 1, no folder")
def _():
    for line in (["indiseek", "fit", *views(), "--out", at("no-gpu"), *SMALL], ["simulation", *SIMULATION]):
        done = run(*line, "--device", "cuda")
        equal((done.code, done.out, done.err.count("\n")), (1, "", 1), str(done))
        assert done.err.startswith("%s: device cuda: %s" % (" ".join(line[:2]) if "fit" in line else line[0], NO_DRIVER)), done.err
    assert not os.path.exists(at("no-gpu"))
    done = run("simulation", *SIMULATION, "--device", "cuda", "--gpu", 1, **gpu())
    equal((done.code, done.err), (1, "simulation: device cuda: there is no GPU 1: this machine has 1, counted from 0\n"))


@test("--device auto without a GPU says so once; --quiet and --device cpu do not")
def _():
    said = "no GPU is used: there is no GPU driver\n"
    equal(fit("auto").err.count(said), 1)
    equal(fit("auto", "--quiet").err.count("GPU"), 0)
    equal(fit("auto", "--device", "cpu").err.count("GPU"), 0)
    done = run("simulation", *SIMULATION)
    equal((done.code, done.err.count(said)), (0, 1))
    equal(run("simulation", *SIMULATION, "--quiet").err.count("GPU"), 0)
    for line in (["evaluate", at("auto")], ["transform", "--model", at("auto"), "--x1", at("x1.npy"), "--out", at("auto-new")]):
        done = run("indiseek", *line)
        equal((done.code, done.err.count("GPU")), (0, 0), str(done))


def losses(name):
    return [(r["stage"], r["epoch"], r["loss"]) for r in records(at(name + "/log.jsonl")) if "epoch" in r]


# 60 rows; every launch of the stand-in costs far more than on a GPU.
TINY = METHOD + SIZE + "--epochs 2 --shared-epochs 2 --diagnoses 1 --diagnosis-epochs 1 --quiet".split()


def tiny_views():
    return {"x1": write("tiny1.npy", npy(x[0][:60])), "x2": write("tiny2.npy", npy(x[1][:60]))}


@test("fit --device cuda: the files and, to 1e-3, the losses of the CPU; it is recorded what it ran on")
def _():
    for name, line, environment in (("tiny-cpu", ["--device", "cpu"], {}),
                                    ("tiny-gpu", ["--device", "cuda", "--trainer", "graph"], gpu())):
        done = run("indiseek", "fit", *views(**tiny_views()), "--out", at(name), *TINY, *line, **environment)
        assert done.code == 0, str(done)
        equal(sorted(os.listdir(at(name))), RESULTS)
    one, two = losses("tiny-cpu"), losses("tiny-gpu")
    equal([each[:2] for each in two], [each[:2] for each in one])
    for a, b in zip(one, two):
        assert abs(a[2] - b[2]) <= 1e-3 * max(1, abs(a[2])), (a, b)
    config = json.loads(text(at("tiny-gpu/config.json")))
    equal((config["trained_on"], config["device"], config["precision"], config["trainer"]),
          ("cuda, Emulated GPU, sm_90, 8.6 GB", "cuda", "fp32", "graph"))
    assert any(name.endswith(".cubin") for name in os.listdir(at("kernels"))), "no compiled kernels are kept"


@test("fit --device cuda: a GPU that is lost ends the run with exit code 1; earlier results stay, --resume goes on")
def _():
    wanted = features_of(at("tiny-gpu"))
    line = ["indiseek", "fit", *views(**tiny_views()), "--out", at("lost"), *TINY, "--device", "cuda", "--checkpoint-every", 1]
    done = run(*line, STANDIN_FAIL_LAUNCH=200, STANDIN_QUIET=1, **gpu())
    equal((done.code, done.err.count("\n")), (1, 1), str(done))
    inside("training failed on Emulated GPU: CUDA_ERROR_LAUNCH_FAILED (719)", done.err)
    assert not set(os.listdir(at("lost"))) & set(RESULTS), os.listdir(at("lost"))
    done = run(*line, "--resume", **gpu())
    assert done.code == 0, str(done)
    equal(features_of(at("lost")), wanted)


@test("simulation --device cuda: two lambdas, two seeds, by both trainers, as on the CPU")
def _():
    found = {}
    for name, environment in (("cpu", {}), ("graph", gpu()), ("block", gpu())):
        line = ["--device", "cuda", "--trainer", name, "--auto-split"] if environment else ["--device", "cpu"]
        done = run("simulation", *SIMULATION, "--lambda", "0.1,1", "--seeds", 2, "--json", at("runs.json"), "--quiet", *line,
                   **environment)
        assert done.code == 0, str(done)
        found[name] = json.loads(text(at("runs.json")))
        equal([(r["lambda"], r["seed"]) for r in found[name]], [(0.1, 0), (0.1, 1), (1, 0), (1, 1)])
    for name in ("graph", "block"):
        for a, b in zip(found["cpu"], found[name]):
            for one, two in zip(a["importance"] + [a["reconstruction_error"]], b["importance"] + [b["reconstruction_error"]]):
                assert abs(one - two) <= 2e-3 * max(1, abs(one)), (name, a, b)


# ---- bad input: exit code, sentence, and an existing folder of results that stays as it was -----------------------------

@test("study probe reads sequences and masks as fit does; comm is a row of its tables")
def _():
    done = run("study", "probe", *views(x2=at("holes.npy")), *MASKED, *SEQUENCE, *LABELS, "--label-ignore", "unknown", "--methods",
               "comm,indiseek", "--lambda", "1", "--seeds", 1, "--dims", 3, "--out", at("probe-views"), "--quiet",
               *("--width 8 --layers 2 --batch 32 --epochs 1 --shared-epochs 1 --diagnoses 0 --blocks 1 --token-width 16 "
                 "--feed-forward 16").split())
    equal(done.code, 0, str(done))
    found = json.loads(text(at("probe-views/results.json")))
    rows = {one["method"]: one for one in found["runs"]}
    assert {"comm", "indiseek", "raw"} <= set(rows), sorted(rows)
    page = text(at("probe-views/report.html"))
    inside("comm", page)
    done = run("study", "probe", *views(), "--x3", at("steps.npy"), "--x3-lengths", at("lengths.npy"), "--x3-pca", 2, *LABELS, "--quiet")
    inside("--x3-pca: %s holds sequences, which have no principal components here; leave it out" % at("steps.npy"), done.err)


def bad(name, code, sentence, *arguments, usage=False, command="indiseek fit"):
    """One test.  `sentence`: all that stands on standard error behind "PROGRAM: "; `usage`: a pointer to --help follows."""
    @test("bad input: " + name)
    def _():
        if not os.path.exists(at("kept")):
            shutil.copytree(at("first"), at("kept"))
        before = state(at("kept"))
        line = [str(a() if callable(a) else a) for a in arguments]
        if command == "indiseek fit":
            line = [*views(), "--out", at("kept"), *SMALL, "--quiet", *line]
        done = run(*command.split(), *line)
        words = sentence() if callable(sentence) else sentence
        wanted = "%s: %s\n" % (command, words) + ("(%s --help lists the options)\n" % command if usage else "")
        equal((done.code, done.err, done.out), (code, wanted, ""), " ".join(done.arguments))
        equal(state(at("kept")), before, "the folder of results")


def bad_file(name, code, file, content, words, *more):
    """The file as x1.  {path} stands for its path."""
    path = at(file)
    bad(name, code, words.replace("{path}", path), "--x1", lambda: write(file, content() if callable(content) else content), *more)


def changed(row, col, value):
    rows = [list(r) for r in x[0]]
    rows[row][col] = value
    return rows


def changed_csv(value):
    rows = [[str(v) for v in r] for r in x[0]]
    rows[34][1] = value
    return table(rows, header=list("abcde"), form="%s")


good = npy(x[0])
total = len(good)
BANNER = "%%MatrixMarket matrix coordinate real general\n"

UNMEASURED = " (samples that were not measured are marked by --x%d-present)"

bad("missing file", 1, at("none.npy") + ": cannot be opened: No such file or directory", "--x1", at("none.npy"))
bad("a folder for a file", 1, folder + ": cannot be read as a file: Is a directory", "--x1", folder)
bad_file("empty file", 65, "bad.npy", b"", "{path}: is empty")
bad_file("truncated header", 65, "bad.npy", good[:20], "{path}: ends at offset 20 where data up to offset %d are due; it is cut off" % (
    10 + struct.unpack("<H", good[8:10])[0]))
bad_file("truncated data", 65, "bad.npy", good[:-3], "{path}: its header asks for %d bytes, but it has %d; it is cut off" % (total,
        total - 3))
bad_file("more data than the header says", 65, "bad.npy", good + b"x", "{path}: its last value ends at offset %d, but it has %d bytes" % (
    total, total + 1))
bad_file("header of 4 GB", 65, "bad.npy", b"\x93NUMPY\x02\x00\xf0\xff\xff\xff" + good[10:],
         "{path}: its .npy header is 4294967280 bytes long; at most 10000 are read")
bad_file("shape of a trillion rows", 65, "bad.npy", npy(x[0], shape=(10 ** 12, 5)),
         "{path}: its header asks for %d bytes, but it has %d; it is cut off" % (2 * 10 ** 13 + 128, total))
bad_file("shape beyond 64 bits", 65, "bad.npy", npy(x[0], shape=(2 ** 62, 5)),
         "{path}: its shape [%d, 5] is larger than memory can be" % 2 ** 62)
bad_file("complex dtype", 65, "bad.npy", good.replace(b"<f4", b"<c8"),
         "{path}: dtype '<c8' is not read, only f4, f8, i4, i8, u1 and b1; save it with numpy.save(path, array.astype('<f4'))")
bad_file("HDF5 file", 65, "bad.h5", b"\x89HDF\r\n\x1a\n" + bytes(50),
         "{path}: is an HDF5 file (.h5, .h5ad, .h5mu, .mat); .npy, .safetensors, .mtx and tables as text are read")
bad_file("NaN", 65, "bad.npy", lambda: npy(changed(7, 3, float("nan"))), "{path}: row 8, column 4 is NaN" + UNMEASURED % 1)
bad_file("infinity", 65, "bad.npy", lambda: npy(changed(0, 4, float("-inf"))), "{path}: row 1, column 5 is infinite")
bad_file("no rows", 65, "bad.npy", lambda: npy([[0] * 5], shape=(0, 5))[:128], "{path}: holds no values: 0 rows, 5 columns")
bad_file("text for a number", 65, "bad.csv", lambda: changed_csv("foo"), "{path}: line 36 (row 35), column 2 'b': 'foo' is not a number")
bad_file("a missing value", 65, "bad.csv", lambda: changed_csv(""),
         "{path}: line 36 (row 35), column 2 'b': '' is a missing value; fill it in or leave the row out" + UNMEASURED % 1)
bad_file("NaN in a table", 65, "bad.csv", lambda: changed_csv("nan"),
         "{path}: line 36 (row 35), column 2 'b': 'nan' is a missing value; fill it in or leave the row out" + UNMEASURED % 1)
bad_file("infinity in a table", 65, "bad.csv", lambda: changed_csv("-Inf"), "{path}: line 36 (row 35), column 2 'b': '-Inf' is infinite")
bad_file("a row too short", 65, "bad.csv", lambda: changed_csv("1\n2"), "{path}: line 36 has 2 fields where line 2 has 5")
bad_file("a quote never closed", 65, "bad.csv", lambda: changed_csv('"2'),
         "{path}: the quote that opens on line 36, field 2 is never closed")
bad_file("a header alone", 65, "bad.csv", "a,b,c\n", "{path}: has a header but no rows")
bad_file("an empty table", 65, "bad.csv", "", "{path}: is empty")
bad_file("Matrix Market: outside of the matrix", 65, "bad.mtx", BANNER + "120 3 2\n1 1 1.5\n121 1 2\n",
         "{path}: line 4: row 121, column 1 is outside of 1 .. 120, 1 .. 3")
bad_file("Matrix Market: cut off", 65, "bad.mtx", BANNER + "120 3 2\n1 1 1.5\n",
         "{path}: has 1 of the 2 entries that it announces; it is cut off")
bad_file("Matrix Market: text for a number", 65, "bad.mtx", BANNER + "120 3 1\n1 1 abc\n", "{path}: line 3: 'abc' is not a number")
bad_file("negative counts", 65, "x1-copy.npy", good, "{path}: row %d, column %d is %d; clr takes counts, which are not negative" % next(
    (i + 1, j + 1, v) for i, row in enumerate(x[0]) for j, v in enumerate(row) if v < 0), "--x1-norm", "clr")
bad_file("views of other lengths", 65, "bad.npy", lambda: npy(x[0][:90]),
         "{path} has 90 samples, %s has %d; rows must be the same samples in both" % (at("x2.npy"), ROWS))
bad("a transposed view", 65, lambda: "%s has %d samples, %s has 4; rows must be the same samples in both (is the second one transposed? "
    "--x2-transpose)" % (at("x1.npy"), ROWS, at("turned.npy")), "--x2", lambda: write("turned.npy", npy(transposed(x[1]))))
bad("samples in another order", 65, lambda: "sample 1 is 'c0' in %s and 'c119' in %s, where 'c0' is sample 120; bring both into the same "
                                            "order" % (
    at("one.csv"), at("two.csv")), "--x1", lambda: write("one.csv", table(x[0], ",", list("abcde"), ["c%d" % i for i in range(ROWS)])),
    "--x2", lambda: write("two.csv", table(x[1][::-1], ",", list("abcd"), ["c%d" % i for i in reversed(range(ROWS))])))
ONE = ["--x1", lambda: write("single.npy", npy([[1, 2]])), "--x2", at("single.npy")]
bad("one row", 65, "there is 1 row; training needs at least 2", *ONE, "--test", 0)
bad("two rows, one to be tested", 65, "2 rows at validation 0 and test 0.2 leave the test part without a row", "--x1",
    lambda: write("pair.npy", npy([[1, 2], [3, 4]])), "--x2", at("pair.npy"))
bad("every column constant", 65, "x1 is zero in every training row; there is nothing to encode", "--x1",
    lambda: write("same.npy", npy([[3, 4]] * ROWS)))
bad("more components than columns", 2, "--x1-pca is 9, but 86 training rows of 5 columns have at most 5 principal components",
    "--x1-pca", 9)

bad("labels of another length", 65, at("l90.tsv") + ": has 90 labels where 120 rows are due", "--labels",
    lambda: write("l90.tsv", "kind\n" + "a\n" * 90) + ":kind")
bad("no such column of labels", 2, at("labels.tsv") + ": has no column 'kinds'; its first line has 3 fields, the last is 'group'",
    "--labels", at("labels.tsv") + ":kinds")
bad("a label of its own for each row", 65, "--labels %s:cell: 120 types for 120 rows: they are names, not types that several rows share; "
    "give another column, or none" % at("labels.tsv"), "--labels", at("labels.tsv") + ":cell")
bad("no file of labels", 1, at("no.tsv") + ": cannot be opened: No such file or directory", "--labels", at("no.tsv") + ":kind")
bad("no such label to ignore", 2, "--label-ignore: %s has no label 'unknwon'; did you mean 'unknown'?" % LABELS[1], *LABELS,
    "--label-ignore", "unknwon")
bad("--x4 without --x3", 2, "--x4 is given, but --x3 is not", "--x4", at("x3.npy"))
bad("a mask without its view", 2, "--x3-present is given, but --x3 is not", "--x3-present", at("present.csv"))
bad("lengths of what is no sequence", 2, "--x1-lengths: %s holds no sequences; those are a .npy of samples x steps x features"
    % at("x1.npy"), "--x1-lengths", at("lengths.npy"))
bad("lengths beyond the steps", 65, "%s: row 3 is '6'; --x3-lengths is a whole number from 0 to 5" % at("long.npy"), "--x3",
    at("steps.npy"),
    "--x3-lengths", lambda: write("long.npy", npy([[6 if i == 2 else 1] for i in range(ROWS)], "<i4", shape=(ROWS,))))
bad("a mask of other values", 65, at("mask.csv") + ": row 2 is 'yes'; --x2-present is a whole number from 0 to 1", "--x2-present",
    lambda: write("mask.csv", "present\n" + "".join("%s\n" % ("yes" if i == 1 else 1) for i in range(ROWS))))
bad("a mask with an empty row", 65, at("mask2.tsv") + ":2: row 2 is ''; --x2-present is a whole number from 0 to 1", "--x2-present",
    lambda: write("mask2.tsv", "id\tthere\n" + "".join("%d\t%s\n" % (i, "" if i == 1 else 1) for i in range(ROWS))) + ":2")
bad("a mask of other rows", 65, at("mask3.csv") + ": has 90 labels where 120 rows are due", "--x2-present",
    lambda: write("mask3.csv", "1\n" * 90))
bad("a mask with a header and one value too few", 65, at("mask6.csv") + ": has 119 values under the header 'seen' where 120 are due",
    "--x2-present", lambda: write("mask6.csv", "seen\n" + "1\n" * (ROWS - 1)))
bad("a mask that leaves nothing", 65, at("mask4.csv") + ": no sample of x2 is there", "--x2-present",
    lambda: write("mask4.csv", "0\n" * ROWS))
bad("NaN where a row is there", 65, at("holes.npy") + ": row 3, column 1 is missing (or NaN)", "--x2", at("holes.npy"), "--x2-present",
    lambda: write("mask5.csv", "1\n" * (ROWS - 1) + "0\n"))
bad("NaN among the steps that are there", 65, at("short.npy") + ": row 3, step 2, feature 1 is missing (or NaN)", "--x3",
    lambda: write("short.npy", npy([[1, 2, NAN, 3] if i == 2 else [1, i, 2, 3] for i in range(ROWS)], shape=(ROWS, 2, 2))), "--x3-lengths",
    lambda: write("twos.csv", "2\n" * ROWS))
bad("a sequence without lengths that holds NaN", 65, at("nan.npy") + ": row 1, step 2, feature 1 is NaN" + UNMEASURED % 3, "--x3",
    lambda: write("nan.npy", npy([[1, 2, NAN, 3]] * ROWS, shape=(ROWS, 2, 2))))
bad("PCA of sequences", 2, "--x3-pca: %s holds sequences, which have no principal components here; leave it out" % at("steps.npy"),
    "--x3", at("steps.npy"), "--x3-lengths", at("lengths.npy"), "--x3-pca", 2)
bad("counts of sequences", 2, "--x3-norm clr is for counts of a sample; %s holds sequences, which take zscore or none" % at("steps.npy"),
    "--x3", at("steps.npy"), "--x3-lengths", at("lengths.npy"), "--x3-norm", "clr")
bad("a target without --reduce", 2, "--target needs --reduce target: labels for scores are --labels", "--target",
    at("labels.tsv") + ":kind")
bad("--reduce target without a target", 2, "--reduce target needs --target FILE:COLUMN", "--reduce", "target")
bad("a target of words where numbers are due", 65, at("labels.tsv") + ":kind: row 1 is '%s', which is no number" % labels[0], "--reduce",
    "target", "--target", at("labels.tsv") + ":kind", "--target-numbers")
bad("--target-numbers alone", 2, "--target-numbers needs --target", "--target-numbers", usage=True)
bad("--choose with ajive", 2, "method ajive has no lambda to choose", "--choose", "knee", "--method", "ajive")
bad("--choose with comm", 2, "method comm has no specific features, whose leakage and completeness choose a lambda", "--choose", "knee",
    "--method", "comm")
bad("--label-ignore without labels", 2, "--label-ignore needs --labels", "--label-ignore", "unknown", usage=True)
bad("a split of other words", 65, lambda: at("words.txt")
    + ": row 3 is 'tset'; it must be train, validation or test (did you mean test?)", "--split",
    lambda: write("words.txt", "train\n" * 2 + "tset\n" + "train\n" * 117))
bad("a split of another length", 65, at("l90.tsv") + ": has 90 labels where 120 rows are due", "--split", at("l90.tsv") + ":kind")
bad("a split that trains nothing", 65, lambda: at("words.txt") + ": no row is for training", "--split",
    lambda: write("words.txt", "test\n" * ROWS))
bad("groups of another length", 65, at("l90.tsv") + ": has 90 labels where 120 rows are due", "--group", at("l90.tsv") + ":kind")

for option, value, words in (
        ("--lambda", "-1", "--lambda is -1; it must lie between 0 and 1000000000"),
        ("--lambda", "nan", '--lambda is "nan"; it must be a number'),
        ("--lambda", "1,2", "--lambda has 2 numbers: --choose knee or --choose probe says which model is kept"),
        ("--seeds", "2", "--seeds 2 needs --choose knee or --choose probe"),
        ("--choose", "probe", "--choose probe needs --labels"),
        ("--choose", "best", '--choose is "best"; it must be one of none|knee|probe'),
        ("--tau", "0", "option tau is 0; it must be from 0.001 to 100"),
        ("--tau", "101", "option tau is 101; it must be from 0.001 to 100"),
        ("--epochs", "1.5", "option epochs is '1.5'; it must be a whole number from 0 to 1e+09"),
        ("--epochs", "", "option epochs is ''; it must be a whole number from 0 to 1e+09"),
        ("--batch", "1", "option batch is 1; it must be from 2 to 1e+06"),
        ("--activation", "swish", "option activation is 'swish'; it must be one of relu|gelu|quick_gelu|tanh|linear"),
        ("--stop-on", "accuracy", "option stop_on is 'accuracy'; it must be one of loss|reconstruction|club"),
        ("--x1-norm", "zscor", '--x1-norm is "zscor"; it must be one of none|zscore|log1p-cp10k|clr|clr-feature|tfidf'),
        ("--device", "gpu", '--device is "gpu"; it must be one of auto|cpu|cuda'),
        ("--test", "1", "--test is 1; it must lie between 0 and 0.950"),
        ("--threads", "-1", "--threads is -1; it must lie between 0 and 256"),
        ("--seed", "-1", '--seed is "-1"; it must be a whole number below 2^64'),
        ("--x1", "", "--x1 is empty"),
        ("--lamda", "1", "unknown option --lamda; did you mean --lambda?"),
        ("--epoch", "1", "unknown option --epoch; did you mean --epochs?"),
        ("--zzzzzzzzzz", "1", "unknown option --zzzzzzzzzz"),
        ("-x", "1", "unknown option -x; options have long names"),
        ("--resume=1", "", "--resume takes no value"),
        ("stray", "", '"stray" is no option; options begin with --')):
    bad("%s %s" % (option, value), 2, words, option, value, usage=True)
bad("an option without its value", 2, "--lambda needs a value: --lambda LIST", "--lambda", usage=True)
bad("a choice from one lambda", 2, "--choose knee needs several numbers in --lambda; for one lambda it is --choose none", "--choose",
    "knee", "--lambda", 3, usage=True)
bad("a choice where there is none", 2, "method clip has no lambda to choose", "--choose", "knee", "--method", "clip")
bad("a choice without validation rows", 65, "--choose needs validation rows, and there are none: give --validation 0.1, or name some in "
                                            "--split",
    "--choose", "knee", "--validation", 0)
bad("unknown method", 2, "there is no method 'indiseak'; the methods are " + METHODS, "--method", "indiseak")
bad("unknown preset", 2, "there is no preset 'robst'; the presets are robust, paper and simulation", "--preset", "robst")

bad("no --config file", 1, at("no.json") + ": cannot be opened: No such file or directory", "--config", at("no.json"))
for content, code, words in (
        ('{"lamda": 1}', 2, '"lamda" is no option; did you mean "lambda"?'),
        ('{"epochs": "x"}', 2, "\"epochs\": option epochs is 'x'; it must be a whole number from 0 to 1e+09"),
        ('{"x1-transpose": "no"}', 2, '"x1-transpose" is "no"; it must be true or false'),
        ('{"epochs": 3,', 65, "JSON at offset 13: a string is due"),
        ("epochs 3", 65, "JSON at offset 0: an object, {, is due")):
    bad("--config of " + content, code, "%s: %s" % (at("bad.json"), words), "--config",
        lambda content=content: write("bad.json", content), usage=code == 2)

bad("--out is a file", 1, at("x1.npy") + " is a file; --out wants a folder", "--out", at("x1.npy"))
bad("--out is below a file", 1, "the folder %s cannot be made: Not a directory" % at("x1.npy/deeper"), "--out", at("x1.npy/deeper"))
bad("--out is a device", 1, "/dev/full is a file; --out wants a folder", "--out", "/dev/full")
bad("no command", 2, "a command is missing; indiseek --help lists them", command="indiseek", usage=True)
bad("unknown command", 2, 'there is no command "fti"; did you mean fit?', "fti", command="indiseek", usage=True)

TRANSFORM = "indiseek transform"
bad("transform without a model", 2, "--model FILE is missing", command=TRANSFORM, usage=True)
bad("transform without input", 2, "--x1 FILE and --x2 FILE are both missing", "--model", at("first"), "--out", at("kept"),
    command=TRANSFORM, usage=True)
bad("transform: no such model", 1, at("no") + ": cannot be opened: No such file or directory", "--model", at("no"), "--x1", at("x1.npy"),
    "--out", at("kept"), command=TRANSFORM)
bad("transform: truncated model", 65, lambda: "%s: its header asks for %d bytes, but it has 20000; it is cut off" % (
    at("half.safetensors"), len(read(at("first/model.safetensors")))), "--model",
    lambda: write("half.safetensors", read(at("first/model.safetensors"))[:20000]), "--x1", at("x1.npy"), "--out", at("kept"),
    command=TRANSFORM)
bad("transform: other columns", 65, at("x2.npy") + ": has 120 samples of 4 features; the model was trained on 5 features of x1",
    "--model", at("first"), "--x1", at("x2.npy"), "--out", at("kept"), "--quiet", command=TRANSFORM)
bad("transform: rows that differ", 65, lambda: "%s has 120 samples, %s has 90; rows must be the same samples in both" % (at("x1.npy"),
        at("y.npy")),
    "--model", at("first"), "--x1", at("x1.npy"), "--x2", lambda: write("y.npy", npy(x[1][:90])), "--out", at("kept"), "--quiet",
    command=TRANSFORM)

EVALUATE = "indiseek evaluate"
bad("evaluate of nothing", 2, "there are no features: give DIR, or --c1, --c2, --z1, --z2", command=EVALUATE)
bad("evaluate: no such folder", 1, at("no/config.json") + ": cannot be opened: No such file or directory", at("no"), command=EVALUATE)
bad("evaluate: features of other rows", 65, lambda: "%s has 120 rows where the other features have 90" % at("first/c2.npy"), at("first"),
    "--c1", lambda: write("y.npy", npy(x[1][:90])), "--quiet", command=EVALUATE)
bad("evaluate: --json to nowhere", 1, at("no/scores.json") + " cannot be written: No such file or directory", at("first"), "--json",
    at("no/scores.json"), command=EVALUATE)
bad("evaluate: --json to a device", 1, "/dev/full is there and is no regular file", at("first"), "--json", "/dev/full", command=EVALUATE)

for option, value, code, words in (
        ("--setting", "5", 2, "--setting is 5; it must lie between 1 and 4"),
        ("--lambda", "1,x", 2, '--lambda is "x"; it must be a number'),
        ("--lambda", "1,-1", 2, "--lambda is -1; it must lie between 0 and 1000000000"),
        ("--seeds", "0", 2, "--seeds is 0; it must lie between 1 and 100000"),
        ("--n", "1", 2, "--n is 1; it must lie between 2 and 100000000"),
        ("--sead", "1", 2, "unknown option --sead; did you mean --seed?"),
        ("--tau", "0", 2, "option tau is 0; it must be from 0.001 to 100")):
    bad("simulation %s %s" % (option, value), code, words, option, value, command="simulation", usage=True)
bad("simulation --method clip", 2, "method clip learns shared features, so given ones leave it nothing to do", "--method", "clip",
    "--quiet", command="simulation")
bad("simulation --method foo", 2, "there is no method 'foo'; the methods are " + METHODS, "--method", "foo", command="simulation")
bad("simulation --json to nowhere", 1, at("no/x.json") + " cannot be written: No such file or directory", "--json", at("no/x.json"),
    command="simulation")
bad("simulation --svg to a device", 1, "/dev/full is there and is no regular file", "--svg", "/dev/full", command="simulation")
STUDIES = "study simulations"
for option, value, words in (
        ("--settings", "5", "--settings is 5; it must lie between 1 and 4"),
        ("--settings", "1.5", "--settings is 1.5; it must be a whole number"),
        ("--settings", "1,2,1", "--settings has 1 twice"),
        ("--lambda", "0.1,x", '--lambda is "x"; it must be a number'),
        ("--lambda", "1,1.0", "--lambda has 1 twice"),
        ("--setings", "1", "unknown option --setings; did you mean --settings?"),
        ("--seeds", "0", "--seeds is 0; it must lie between 1 and 100000")):
    bad("study simulations %s %s" % (option, value), 2, words, option, value, command=STUDIES, usage=True)
bad("study simulations --resume without --out", 2, "--resume needs --out", "--resume", command=STUDIES, usage=True)
bad("study simulations --methods foo", 2, "there is no method 'foo'; the methods are " + METHODS, "--methods", "indiseek,foo",
    command=STUDIES)
bad("study simulations --methods twice", 2, "--methods has indiseek twice", "--methods", "indiseek,indiseek", command=STUDIES)
bad("study simulations --methods clip", 2, "method clip learns shared features, so given ones leave it nothing to do", "--methods",
    "indiseek,clip", "--out", at("no-study"), command=STUDIES)
bad("study simulations --json to nowhere", 1, at("no/x.json") + " cannot be written: No such file or directory", "--json",
    at("no/x.json"), command=STUDIES)
bad("study simulations --out is a file", 1, at("x1.npy") + " is a file; --out wants a folder", "--out", at("x1.npy"), command=STUDIES)
bad("study probe without labels", 2, "--labels is missing: a probe needs labels", *views(), command="study probe", usage=True)
bad("study probe with one view", 2, "--x2 is missing: two views or more are needed", "--x1", at("x1.npy"), *probe_labels(),
    command="study probe", usage=True)
bad("study probe with a gap between views", 2, "--x4 is given, but --x3 is not", *views(), "--x4", at("x1.npy"), *probe_labels(),
    command="study probe")
bad("study probe --resume without --out", 2, "--resume needs --out", *views(), *probe_labels(), "--resume", command="study probe",
    usage=True)
bad("study probe: a lambda twice", 2, "--lambda has 1 twice", *views(), *probe_labels(), "--lambda", "1,1", command="study probe",
    usage=True)
bad("study probe: half a dimension", 2, "--dims is 2.5; it must be a whole number", *views(), *probe_labels(), "--dims", "2.5",
    command="study probe", usage=True)
bad("study probe: --dims and --dim", 2, "--dims stands for --dim and --shared-dim; give it or them", *views(), *probe_labels(), "--dims", 2,
    "--dim", 3, command="study probe", usage=True)
bad("study probe: labels of one class", 65, "label label: every row with a label is 'a'; a probe needs two classes", *views(), "--quiet",
    "--labels", lambda: write("one.txt", "a\n" * ROWS), command="study probe")
bad("study probe: a class without training rows", 65,
    "label label: class 'c' has 1 rows, none of them for training, so no probe can learn it; --label-ignore 'c', another --split, "
    "--groups or --seed", *views(), "--quiet", "--labels", lambda: write("rare.txt", "a\nb\n" * (ROWS // 2 - 1) + "a\nc\n"), "--split",
    lambda: write("last.txt", "train\n" * (ROWS - 10) + "test\n" * 10), command="study probe")
bad("study probe: a split without test rows", 65, lambda: "%s: no row is for the test" % at("all.txt"), *views(), *probe_labels(),
    "--quiet", "--split", lambda: write("all.txt", "train\n" * ROWS), command="study probe")
bad("study probe: no such label to ignore", 2, "--label-ignore: there is no label 'unknwon'", *views(), *probe_labels(), "--quiet",
    "--label-ignore", "unknwon", command="study probe")
bad("study probe: other numbers of samples", 65, lambda: "%s has 120 samples, %s has 119; rows must be the same samples in both" % (
    at("x1.npy"), at("short.npy")), "--x1", at("x1.npy"), "--x2", lambda: write("short.npy", npy(x[1][1:])), *probe_labels(), "--quiet",
    command="study probe")
bad("study time of unknown size", 2, "--like has \"mosa\"; there are mosi, mosei, ur-funny, mustard and mimic", "--like", "mosi,mosa",
    "--quiet", command="study time")
bad("study without a name", 2, "a study is missing: simulations, probe, truth, invae, integrate or time", command="study", usage=True)
bad("an unknown study", 2, 'there is no study "simulation"; did you mean simulations?', "simulation", command="study", usage=True)
bad("demo --out is a file", 1, at("x1.npy") + " is a file; --out wants a folder", "--out", at("x1.npy"), command="indiseek demo")
bad("demo: unknown option", 2, "unknown option --sed; did you mean --seed?", "--sed", "1", command="indiseek demo", usage=True)


# ---- unusual input that works -----------------------------------------------------------------------------------------

def good_input(name, *arguments, check=None):
    @test("works: " + name)
    def _():
        done = fit("unusual", "--quiet", *[str(a() if callable(a) else a) for a in arguments])
        held_out = metrics(at("unusual"))["scored_on"] != "none"
        equal(sorted(os.listdir(at("unusual"))), [file for file in RESULTS if held_out or file != "coordinates.tsv"])
        for file in FEATURES:
            assert all(abs(v) < 1e6 for v in npy_read(at("unusual/" + file))[2]), file + " holds values that are not finite"
        read_page(at("unusual/report.html"))
        metrics(at("unusual"))
        if check:
            check(done)


def split_of(train, validation=10):
    return write("parts.txt", "train\n" * train + "validation\n" * validation + "test\n" * (ROWS - train - validation))


good_input("one column (d = 1) in each view", "--x1", lambda: write("d1.npy", npy([row[:1] for row in x[0]])), "--x2", at("d1.npy"))
good_input("one column of text without header", "--x1", lambda: write("d1.csv", table([row[:1] for row in x[0]])))
good_input("constant columns", "--x1", lambda: write("constant.npy", npy([[3, row[0], 0, row[1]] for row in x[0]])))
good_input("a constant view as it is", "--x1", lambda: write("same.npy", npy([[3, 4]] * ROWS)), "--x1-norm", "none")
good_input("a batch larger than the rows", "--batch", 1000)
good_input("a batch larger than the rows, last batch dropped", "--batch", 1000, "--last-batch", "drop")
good_input("rows % batch == 1", "--split", lambda: split_of(65), "--batch", 32)
good_input("rows % batch == 1, last batch dropped", "--split", lambda: split_of(65), "--batch", 32, "--last-batch", "drop")
good_input("two training rows", "--split", lambda: split_of(2))
good_input("two rows in all", "--x1", lambda: write("pair.npy", npy([[1, 2], [3, 4]])), "--x2", at("pair.npy"), "--test", 0)
good_input("one test row", "--split", lambda: split_of(109))
good_input("no rows held out", "--test", 0, "--validation", 0, check=lambda done: equal(metrics(at("unusual"))["scored_on"], "none"))
good_input("one label for all rows", "--labels", lambda: write("alike.txt", "same\n" * ROWS))
good_input("lambda 0", "--lambda", 0)
good_input("no epochs", "--epochs", 0, "--shared-epochs", 0)
good_input("early stopping", "--patience", 1, "--epochs", 50, "--rate", 0.1)
good_input("values of 1e30", "--x1", lambda: write("huge.npy", npy([[1e30 * v for v in row] for row in x[0]])))
good_input("values of 1e-30", "--x1", lambda: write("tiny.npy", npy([[1e-30 * v for v in row] for row in x[0]])))


if __name__ == "__main__":
    sys.exit(main(first=10))
