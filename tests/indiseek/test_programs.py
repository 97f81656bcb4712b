#!/usr/bin/env python3
# build: indiseek simulation study standin
"""The programs as their users run them: files in, files out, exit codes, sentences, signals.

Runs indiseek, simulation and study from BUILD on tiny data of its own; scratch data under build/, removed when all is well.
"""
import array
import ast
import gzip
import hashlib
import json
import os
import random
import re
import resource
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import time
import xml.etree.ElementTree

sys.path.insert(0, "tests/base")
import browser
from tap import Skip, at, equal, folder, inside, main, test

BUILD = os.environ.get("BUILD", "build")
PATIENCE = 120              # seconds for one run of a program; they take some 0.1 s
ROWS, COLS = 120, (5, 4)
RESULTS = ["c1.npy", "c2.npy", "config.json", "coordinates.tsv", "log.jsonl", "manifest.sha256", "metrics.json", "model.safetensors",
           "report.html", "split.tsv", "z1.npy", "z2.npy"]
FEATURES = ["c1.npy", "c2.npy", "z1.npy", "z2.npy"]
# One that has lambda, networks of every kind and most stages.
METHOD = ["--method", "residual-indiseek"]
# Small networks; a fit of them takes milliseconds.
SIZE = "--width 8 --layers 2 --dim 3 --shared-dim 4 --batch 32".split()
SMALL = METHOD + SIZE + "--epochs 4 --shared-epochs 3 --residual-epochs 3 --diagnoses 1 --diagnosis-epochs 1".split()
# Many short epochs with many checkpoints, for what comes in the middle of a run: about a second.
LONG = METHOD + SIZE + "--epochs 800 --shared-epochs 600 --diagnoses 2 --diagnosis-epochs 1 --checkpoint-every 6".split()


# ---- files ------------------------------------------------------------------------------------------------------------

def write(name, content):
    """Bytes or text to a scratch file; its path."""
    with open(at(name), "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    return at(name)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def text(path):
    return read(path).decode()


def npy(rows, dtype="<f4", fortran=False, shape=None):
    """The bytes of a .npy file."""
    kind = {"f4": "f", "f8": "d", "i4": "i", "i8": "q"}[dtype[1:]]
    values = [row[j] for j in range(len(rows[0])) for row in rows] if fortran else [v for row in rows for v in row]
    if dtype[1] == "i":
        values = [int(v) for v in values]
    head = "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }" % (dtype, fortran, shape or (len(rows), len(rows[0])))
    head += " " * (-(len(head) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack("%s%d%s" % (dtype[0], len(values), kind),
                                                                                             *values)


def npy_read(path):
    """Shape and values of a little-endian float .npy file."""
    data = read(path)
    assert data[:8] == b"\x93NUMPY\x01\x00", path + " is no .npy file of version 1"
    end = 10 + struct.unpack("<H", data[8:10])[0]
    head = ast.literal_eval(data[10:end].decode())
    assert head["descr"] == "<f4" and not head["fortran_order"] and end % 64 == 0, "%s: header %s" % (path, head)
    rows, cols = head["shape"]
    assert len(data) == end + 4 * rows * cols, "%s: %d bytes for %s" % (path, len(data), head["shape"])
    values = array.array("f", data[end:])
    return rows, cols, values if sys.byteorder == "little" else values.byteswap() or values


def table(rows, separator=",", header=None, names=None, form="%d"):
    lines = [separator.join(([""] if names else []) + header)] if header else []
    for i, row in enumerate(rows):
        lines.append(separator.join(([names[i]] if names else []) + [form % v for v in row]))
    return "\n".join(lines) + "\n"


def mtx(rows):
    entries = ["%d %d %d" % (i + 1, j + 1, v) for i, row in enumerate(rows) for j, v in enumerate(row) if v]
    random.Random(3).shuffle(entries)
    return "%%%%MatrixMarket matrix coordinate integer general\n%% made by a test\n%d %d %d\n%s\n" % (
        len(rows), len(rows[0]), len(entries), "\n".join(entries))


def transposed(rows):
    return [list(column) for column in zip(*rows)]


def sha(path):
    return hashlib.sha256(read(path)).hexdigest()


def state(path):
    """What a folder holds: name and SHA-256 of each file."""
    inner = {name: os.path.join(path, name) for name in sorted(os.listdir(path))}
    return {name: "a folder" if os.path.isdir(file) else sha(file) for name, file in inner.items()}


def disown(path):
    """As a person does who changed a result: its line goes from the manifest."""
    folder_of, name = os.path.split(path)
    kept = [line for line in lines(at(folder_of + "/manifest.sha256")) if not line.endswith("  " + name)]
    write(folder_of + "/manifest.sha256", "".join(line + "\n" for line in kept))


def metrics(path):
    return json.loads(text(path + "/metrics.json"))


def lines(path):
    return text(path).split("\n")[:-1]


# ---- programs ---------------------------------------------------------------------------------------------------------

class Run:
    def __init__(self, arguments, code, out, err):
        self.arguments, self.code, self.out, self.err = arguments, code, out, err

    def __str__(self):
        return "%s\nexit code %d\nstdout: %s\nstderr: %s" % (shlex.join(self.arguments), self.code, self.out[-1500:], self.err[-1500:])


def program(name):
    return os.path.join(BUILD, name)


# Compiled kernels stay in the test's own folder, and no program finds a GPU of this machine: results are the CPU's
# wherever the tests run.
os.environ.update(INDISEEK_CACHE_DIR=os.path.abspath(at("kernels")), INDISEEK_CUDA_LIB="/nowhere/libcuda.so.1",
                  INDISEEK_NVRTC_LIB="/nowhere/libnvrtc.so")


def run(name, *arguments, stdout=subprocess.PIPE, before=None, **environment):
    """before: called in the new process.  SIGXFSZ stays ignored, as Python has it, so that a full disk is an error code.
    environment: variables beside those of this process."""
    line = [program(name)] + [str(a) for a in arguments]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, text=True, errors="replace",
                          timeout=PATIENCE, preexec_fn=before, restore_signals=before is None,
                          env=dict(os.environ, **{name: str(value) for name, value in environment.items()}))
    return Run(line, done.returncode, done.stdout or "", done.stderr)


def views(x1=None, x2=None):
    return ["--x1", x1 or at("x1.npy"), "--x2", x2 or at("x2.npy")]


def fit(out, *arguments, options=SMALL, **inputs):
    """A fit that must do well."""
    done = run("indiseek", "fit", *views(**inputs), "--out", at(out), *options, *arguments)
    assert done.code == 0, str(done)
    return done


def start(out, *arguments):
    line = [program("indiseek"), "fit", *views(), "--out", at(out), *LONG, *arguments]
    return subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_records(process, path, count):
    """Until the log has grown to `count` lines, or the process has ended."""
    until = time.time() + PATIENCE
    while process.poll() is None and time.time() < until:
        if os.path.exists(path) and read(path).count(b"\n") >= count:
            return
        time.sleep(0.002)


# ---- data: whole numbers, so that every format holds the same values --------------------------------------------------

def make_data():
    r = random.Random(7)
    shared = [r.gauss(0, 1) for _ in range(ROWS)]
    x = [[[round(8 * (shared[i] * (j + 1) / cols + r.gauss(0, 1))) for j in range(cols)] for i in range(ROWS)] for cols in COLS]
    counts = [[max(0, round(4 * shared[i] + 6 + 4 * r.gauss(0, 1))) * (r.random() < 0.7) + (j == 0) for j in range(5)] for i in range(ROWS)]
    kinds = ["T & <em>", "B cell", "unknown"]
    labels = [kinds[2 if i % 10 == 9 else shared[i] > 0.3] for i in range(ROWS)]
    write("x1.npy", npy(x[0]))
    write("x2.npy", npy(x[1]))
    write("counts.npy", npy(counts))
    write("labels.tsv", "cell\tkind\tgroup\n" + "".join("c%d\t%s\tg%d\n" % (i, labels[i], i * 7 % 20) for i in range(ROWS)))
    return x, counts, labels, ["g%d" % (i * 7 % 20) for i in range(ROWS)]


x, counts, labels, groups = make_data()
LABELS = ["--labels", at("labels.tsv") + ":kind"]


# ---- fit: what it writes ----------------------------------------------------------------------------------------------

@test("fit writes eleven files and nothing else")
def _():
    done = fit("first", *LABELS, "--label-ignore", "unknown")
    equal(sorted(os.listdir(at("first"))), RESULTS)
    inside("open %s/report.html" % at("first"), done.out)
    inside("rows: ", done.err)


@test("c1, c2, z1, z2 hold finite features of all rows")
def _():
    for name, cols in zip(FEATURES, (4, 4, 3, 3)):
        rows, got, values = npy_read(at("first/" + name))
        equal((rows, got), (ROWS, cols), name)
        assert all(abs(v) < 1e6 for v in values), name + " holds values that are not finite"
        assert len(set(values)) > ROWS, name + " is all but constant"
    rows, cols, c = npy_read(at("first/c1.npy"))
    assert all(abs(sum(v * v for v in c[i * cols:i * cols + cols]) - 1) < 1e-5 for i in range(rows)), "C1 is not of norm 1"


@test("split.tsv has a header and a word a row")
def _():
    words = lines(at("first/split.tsv"))
    equal(words[0], "split")
    counted = {word: words[1:].count(word) for word in ("train", "validation", "test")}
    equal(sum(counted.values()), ROWS)
    equal(metrics(at("first"))["rows"], counted)


@test("model.safetensors: header, metadata and PyTorch's names")
def _():
    data = read(at("first/model.safetensors"))
    size = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8:8 + size])
    equal(max(e["data_offsets"][1] for n, e in head.items() if n != "__metadata__"), len(data) - 8 - size)
    equal(head["__metadata__"]["user.x1.recipe"], "norm=zscore pca=0 transpose=0 columns=5")
    assert sum(name.endswith(".weight") for name in head) >= 8, sorted(head)
    for name, entry in head.items():
        if name.endswith(".bias"):
            equal(entry["shape"], head[name[:-4] + "weight"]["shape"][:1], name)


@test("config.json holds every option in one flat object")
def _():
    config = json.loads(text(at("first/config.json")))
    for key, value in {"x1": os.path.abspath(at("x1.npy")), "labels": os.path.abspath(LABELS[1]), "label-ignore": "unknown",
                       "method": "residual-indiseek", "preset": "robust", "epochs": 4, "shared_epochs": 3, "width": 8, "lambda": 10,
                       "seed": 0, "test": 0.2, "batch": 32, "device": "auto", "precision": "fp32", "trainer": "auto",
                       "out": os.path.abspath(at("first"))}.items():
        equal(config.get(key), value, key)
    assert re.match(r"cpu, \d+ threads?, \w", config["trained_on"]), config["trained_on"]
    assert not any(isinstance(v, (dict, list)) or v is None for v in config.values()), config


def records(path):
    """The log's lines, each of which must be one JSON object."""
    found = []
    for number, line in enumerate(lines(path), 1):
        try:
            found.append(json.loads(line))
        except ValueError:
            raise AssertionError("%s: line %d is no JSON: %r" % (path, number, line))
    return found


def epochs_of(path):
    """For each stage the epochs that the log holds."""
    epochs = {}
    for record in records(path):
        if "epoch" in record:
            epochs.setdefault(record["stage"], []).append(record["epoch"])
    return epochs


@test("log.jsonl: one JSON object a line, one for each epoch of each stage")
def _():
    log = records(at("first/log.jsonl"))
    equal(log[0]["event"], "start")
    epochs = epochs_of(at("first/log.jsonl"))
    equal(epochs["shared"], [1, 2, 3])
    equal((epochs["specific1"], epochs["specific2"]), ([1, 2, 3, 4], [1, 2, 3, 4]))
    last = [record for record in log if record.get("stage") == "specific1"][-1]
    for key in ("loss", "club", "reconstruction", "critic_loss", "saturation", "variance", "validation.loss", "validation.reconstruction"):
        assert isinstance(last[key], float) or isinstance(last[key], int), key


@test("metrics.json: probes, leakage and completeness are numbers in range")
def _():
    found = metrics(at("first"))
    for name in ("shared", "all", "specific_1", "specific_2", "raw"):
        for key in ("accuracy", "balanced_accuracy"):
            assert 0 <= found["probe"][name][key] <= 1, (name, key)
        assert 0 <= found["knn_agreement"][name] <= 1, name
    for view in ("1", "2"):
        for key in ("ridge", "knn", "mlp"):
            assert found["leakage"][view][key] <= 1, (view, key)
            assert found["completeness"][view][key] <= 1, (view, key)
        assert found["completeness"][view]["best"] == max(found["completeness"][view][k] for k in ("ridge", "knn", "mlp"))
    equal((found["method"], found["lambda"], found["seed"], found["scored_on"]), ("residual-indiseek", 10, 0, "test"))
    equal((found["training"]["status"], found["training"]["epochs"], found["training"]["shared_epochs"]), ("ok", 4, 3))


# ---- fit: more views, sequences, masks, a target ----------------------------------------------------------------------

STEPS = 5
NAN = float("nan")
TOKENS = SMALL + "--blocks 1 --token-width 16 --feed-forward 16 --tokens 3".split()


def make_views():
    """A third view, the sequences of a fourth with their lengths, and which samples the second has."""
    r = random.Random(11)
    third = [[round(x[0][i][0] / 2 + 6 * r.gauss(0, 1)) for _ in range(3)] for i in range(ROWS)]
    lengths = [r.randint(0 if i % 8 == 3 else 1, STEPS) for i in range(ROWS)]
    steps = [[round(x[1][i][0] / 2 + 4 * r.gauss(0, 1)) if k // 2 < lengths[i] else NAN for k in range(2 * STEPS)] for i in range(ROWS)]
    present = [int(i % 6 != 2) for i in range(ROWS)]
    holes = [row if there else [NAN] * len(row) for row, there in zip(x[1], present)]
    write("x3.npy", npy(third))
    write("steps.npy", npy(steps, shape=(ROWS, STEPS, 2)))
    write("lengths.npy", npy([[v] for v in lengths], "<i4", shape=(ROWS,)))
    write("holes.npy", npy(holes))
    write("holes.csv", table([["NA" if v != v else str(v) for v in row] for row in holes], form="%s"))
    write("present.csv", "present\n" + "".join("%d\n" % there for there in present))
    return lengths, present


lengths, present = make_views()
THREE = ["--x3", at("x3.npy")]
SEQUENCE = ["--x3", at("steps.npy"), "--x3-lengths", at("lengths.npy")]
MASKED = ["--x2-present", at("present.csv")]


def absent_rows(path):
    """Rows of NaN; a row that holds NaN beside numbers fails."""
    rows, cols, values = npy_read(path)
    found = [[v != v for v in values[i * cols:i * cols + cols]] for i in range(rows)]
    assert all(all(row) or not any(row) for row in found), path + " holds rows that are NaN in part"
    return [i for i, row in enumerate(found) if row[0]]


@test("three views: c3, z3; scores of each view, leakage about both others; transform and evaluate do the same")
def _():
    done = fit("three-views", *THREE, *LABELS)
    inside("leakage of Z2 about C1, C3", done.out)
    inside("C1, Z1, C2, Z2, C3, Z3", done.out)
    equal(sorted(os.listdir(at("three-views"))), sorted(RESULTS + ["c3.npy", "z3.npy"]))
    found = metrics(at("three-views"))
    equal(list(found["probe"]), ["shared", "all", "specific_1", "specific_2", "specific_3", "raw"])
    for key in ("leakage", "completeness", "training"):
        assert {"1", "2", "3"} <= set(found[key]) and "4" not in found[key], key
    done = run("indiseek", "transform", "--model", at("three-views"), *THREE, "--out", at("third"))
    equal(done.code, 0, str(done))
    equal(sorted(os.listdir(at("third"))), ["c3.npy", "manifest.sha256", "z3.npy"])
    equal(read(at("third/z3.npy")), read(at("three-views/z3.npy")))
    done = run("indiseek", "evaluate", at("three-views"), "--json", at("again.json"), "--quiet")
    equal(done.code, 0, str(done))
    again = json.loads(text(at("again.json")))
    equal([again[key] for key in ("probe", "leakage", "completeness")], [found[key] for key in ("probe", "leakage", "completeness")])
    page = read_page(at("three-views/report.html"))
    for words in ("C3: shared, seen by view 3", "Z3: specific to view 3", "leakage of Z1 about C2, C3", "x3 prepared"):
        inside(words, text(at("three-views/report.html")))
    config = json.loads(text(at("three-views/config.json")))
    equal((config["x3"], config["x3-norm"], "x4-norm" in config, "x4" in config), (os.path.abspath(at("x3.npy")), "zscore", False, False))


@test("--choose with three views and rows that are absent: a column of the curve for each view")
def _():
    fit("three-curve", *THREE, *MASKED, *LABELS, "--lambda", "1,10", "--choose", "knee")
    inside("leakage_3", lines(at("three-curve/tradeoff.csv"))[0])
    words = " ".join(read_page(at("three-curve/report.html"))[0].words)
    for each in ("means over all views and 1 seed", "regressions of C of the other views on Z"):
        inside(each, words)
    equal(set(metrics(at("three-curve"))["tradeoff"]["points"][0]) & {"1", "2", "3", "4"}, {"1", "2", "3"})


@test("a mask: NaN exactly in the rows that were not measured, whatever stands there, from .npy and from text")
def _():
    due = [i for i in range(ROWS) if not present[i]]
    for name, path in (("masked", at("holes.npy")), ("masked-text", at("holes.csv")), ("masked-whole", at("x2.npy"))):
        done = fit(name, *MASKED, *LABELS, x2=path)
        inside("%d of its samples are not there" % len(due), done.err)
        for file in FEATURES:
            equal(absent_rows(at("%s/%s" % (name, file))), due if "2" in file else [], file)
    equal(features_of(at("masked")), features_of(at("masked-text")))
    equal(features_of(at("masked")), features_of(at("masked-whole")))
    done = run("indiseek", "evaluate", at("masked"), "--json", at("again.json"))
    equal(done.code, 0, str(done))
    equal(json.loads(text(at("again.json")))["leakage"], metrics(at("masked"))["leakage"])
    done = run("indiseek", "transform", "--model", at("masked"), "--x2", at("holes.npy"), *MASKED, "--out", at("masked-new"))
    equal((done.code, absent_rows(at("masked-new/z2.npy"))), (0, due), str(done))
    read_page(at("masked/report.html"))


@test("a sequence with lengths: what stands beyond is not seen, rows of length 0 are absent")
def _():
    due = [i for i in range(ROWS) if not lengths[i]]
    done = fit("sequence", *SEQUENCE, *LABELS, options=TOKENS)
    inside("120 samples x 5 steps of 2 features", done.err)
    page = text(at("sequence/report.html"))
    inside("\ncompleteness of (Z3, C3) about the mean of X3 over its steps ", done.out)
    inside("\ncompleteness of (Z1, C1) about X1 ", done.out)
    if isinstance(metrics(at("sequence"))["completeness"]["3"]["decoder"], float):
        inside("R^2 of all steps", done.out)
        inside("is of all steps, not of their mean", page)
    equal(absent_rows(at("sequence/c3.npy")), due)
    equal(absent_rows(at("sequence/z3.npy")), due)
    values = read(at("steps.npy"))[-8 * STEPS * ROWS:]
    filled = [[0 if v != v else v for v in struct.unpack_from("<%df" % (2 * STEPS), values, 8 * STEPS * i)] for i in range(ROWS)]
    write("filled.npy", npy(filled, shape=(ROWS, STEPS, 2)))
    fit("sequence-filled", "--x3", at("filled.npy"), *SEQUENCE[2:], *LABELS, options=TOKENS)
    equal(features_of(at("sequence")), features_of(at("sequence-filled")))
    fit("sequence-whole", "--x3", at("filled.npy"), *LABELS, options=TOKENS)
    equal(absent_rows(at("sequence-whole/z3.npy")), [])
    done = run("indiseek", "transform", "--model", at("sequence"), *SEQUENCE, "--out", at("sequence-new"))
    equal((done.code, read(at("sequence-new/z3.npy"))), (0, read(at("sequence/z3.npy"))), str(done))
    done = run("indiseek", "transform", "--model", at("sequence"), "--x3", at("x3.npy"), "--out", at("sequence-new"))
    equal((done.code, done.err), (65, "indiseek transform: %s: has 120 samples of 1 steps, 3 numbers each; the model was trained on x3 of "
                                      "5 steps of 2 features\n" % at("x3.npy")))
    done = run("indiseek", "evaluate", at("sequence"), "--json", at("again.json"))
    equal(json.loads(text(at("again.json")))["completeness"], metrics(at("sequence"))["completeness"])


@test("--target: labels, and numbers of which some are unknown; the model's words hold what determines it")
def _():
    done = fit("to-labels", "--reduce", "target", "--target", at("labels.tsv") + ":kind", *LABELS)
    inside("target: 3 labels, unknown in 0 rows", done.err)
    write("doses.csv", "dose\n" + "".join("%s\n" % ("NA" if i % 5 == 1 else i * i) for i in range(ROWS)))
    done = fit("to-numbers", "--reduce", "target", "--target", at("doses.csv"), "--target-numbers")
    inside("target: 1 number, unknown in 24 rows", done.err)
    assert features_of(at("to-labels")) != features_of(at("to-numbers"))
    equal(metrics(at("to-numbers"))["completeness"]["1"]["decoder"], None)
    fit("to-numbers-npy", "--reduce", "target", "--target-numbers", "--target",
        write("doses.npy", npy([[NAN if i % 5 == 1 else i * i] for i in range(ROWS)])))
    equal(features_of(at("to-numbers")), features_of(at("to-numbers-npy")))
    config = json.loads(text(at("to-numbers/config.json")))
    equal((config["target"], config["target-numbers"], config["reduce"]), (os.path.abspath(at("doses.csv")), True, "target"))
    equal(run("indiseek", "evaluate", at("to-numbers"), "--quiet").code, 0)


@test("--method comm: fused.npy instead of C and Z, which earlier runs' files make way for")
def _():
    fit("fused", *LABELS)
    done = fit("fused", "--method", "comm", *MASKED, *SEQUENCE, *LABELS, options=TOKENS, x2=at("holes.npy"))
    inside("there is fused.npy, and no c1, z1, ... .npy", done.out)
    equal(sorted(os.listdir(at("fused"))), sorted(set(RESULTS) - set(FEATURES) | {"fused.npy"}))
    equal((npy_read(at("fused/fused.npy"))[:2], absent_rows(at("fused/fused.npy"))), ((ROWS, 16), []))
    found = metrics(at("fused"))
    assert 0 <= found["probe"]["fused"]["accuracy"] <= 1 and found["probe"]["shared"]["accuracy"] is None, found["probe"]
    equal((found["leakage"]["1"]["ridge"], found["completeness"]["1"]["ridge"] is None), (None, False))
    inside("fused: all views", text(at("fused/report.html")))
    equal(run("indiseek", "evaluate", at("fused"), "--json", at("again.json")).code, 0)
    equal(json.loads(text(at("again.json")))["probe"], found["probe"])
    done = run("indiseek", "transform", "--model", at("fused"), "--x2", at("holes.npy"), *MASKED, "--out", at("fused-new"))
    equal((done.code, absent_rows(at("fused-new/fused.npy"))), (0, [i for i in range(ROWS) if not present[i]]), str(done))


@test("linear methods, and transport on one: nothing is said of lambda, or of epochs where nothing trains; what they found is among "
      "the metrics; new rows of one view")
def _():
    for method, trains in (("cca", False), ("ajive", False), ("transport", True)):
        done = fit("linear", "--method", method, "--transport-epochs", 3, *MASKED, *LABELS, x2=at("holes.npy"))
        inside("%s, preset robust, seed 0 on" % method, done.err)
        found = metrics(at("linear"))
        equal((found["lambda"], found["training"]["epochs"] is None, found["training"]["status"]), (None, not trains, "ok"))
        assert found["training"]["shared_dims"] >= 0 and found["training"]["1"]["specific_dims"] >= 1, found["training"]
        equal((npy_read(at("linear/z2.npy"))[0], absent_rows(at("linear/z2.npy"))), (ROWS, [i for i in range(ROWS) if not present[i]]))
        inside("Method %s, seed 0;" % method, text(at("linear/report.html")))
        equal(run("indiseek", "transform", "--model", at("linear"), "--x1", at("x1.npy"), "--out", at("linear-new"), "--quiet").code, 0)
        equal(open(at("linear-new/z1.npy"), "rb").read(), open(at("linear/z1.npy"), "rb").read())


@test("the preset's own method is the default, but that of robust gives way to one that has lambda, and takes sequences and reduce")
def _():
    named = " ".join(run("indiseek", "fit", "--help").out.split())
    few = SMALL[len(METHOD):] + ["--transport-epochs", 2, "--diagnoses", 0]
    for more, method in (((), "transport"), (("--lambda", 3), "residual-indiseek"),
                         (("--choose", "knee"), "residual-indiseek"), (SEQUENCE, "residual-indiseek"),
                         (("--reduce", "augment"), "residual-indiseek"), (("--preset", "paper"), "indiseek")):
        done = fit("preset", *more, options=few)
        equal(metrics(at("preset"))["method"], method)
        inside(method + ", ", done.err)
        equal(json.load(open(at("preset/config.json")))["method"], method)
    for preset, method in (("robust", "transport"), ("paper", "indiseek")):
        inside(preset + " " + method, named)


# ---- fit: the report --------------------------------------------------------------------------------------------------

class Page(browser.Page):
    """Without scripts; what is read off it, too."""
    BARRED = browser.Page.BARRED | {"script"}
    OPTIONAL = browser.Page.OPTIONAL | {"li", "p", "dt", "dd"}

    def __init__(self):
        super().__init__()
        self.svgs, self.words, self.headings = 0, [], 0

    def handle_starttag(self, tag, attributes):
        self.svgs += tag == "svg"
        self.headings += tag in ("h1", "h2")
        super().handle_starttag(tag, attributes)

    def handle_data(self, data):
        self.words.append(data)


def read_page(path):
    content = text(path)
    page = Page()
    page.feed(content)
    page.close()
    equal(page.faults, [], path)
    equal(page.open, [], path + ": never closed")
    pictures = re.findall(r"<svg\b.*?</svg>", content, re.S)
    equal(len(pictures), page.svgs, "svg elements")
    for picture in pictures:
        xml.etree.ElementTree.fromstring(picture)
    rest = re.sub(r'xmlns(:\w+)?="http://www\.w3\.org/[^"]*"', "", content)
    assert not re.search(r"https?://|//\w+\.\w+/|@import|url\((?!#)", rest), "something outside is named"
    return page, pictures


@test("report.html: self-contained, balanced, every svg well-formed, labels escaped")
def _():
    page, pictures = read_page(at("first/report.html"))
    words = " ".join(page.words)
    for word in ("C1", "C2", "Z1", "Z2", "T & <em>", "B cell", "PC 1", "leakage", "completeness", at("x1.npy")):
        inside(word.lower(), words.lower())
    assert "<em>" not in text(at("first/report.html")), "a label's markup got through"


@test("report.html shows the whole course of a short run")
def _():
    # Its log is shorter than a buffer of the C library.
    fit("short", *LABELS, "--epochs", 3, "--shared-epochs", 2)
    read_page(at("short/report.html"))
    short, long = (re.findall(r'<svg[^>]* aria-label="([^"]*)"', text(at(name + "/report.html"))) for name in ("short", "first"))
    equal(short, long, "pictures")
    assert len(short) >= 7, "four embeddings and at least three curves, not %s" % short


# ---- fit: what the result depends on ----------------------------------------------------------------------------------

def features_of(path):
    return {name: sha(os.path.join(path, name)) for name in FEATURES}


def formats():
    header = ["a", "b", "c", "d", "e"]
    names = ["c%d" % i for i in range(ROWS)]
    yield "f8.npy", npy(x[0], "<f8"), []
    yield "i4.npy", npy(x[0], "<i4"), []
    yield "i8.npy", npy(x[0], "<i8"), []
    yield "big.npy", npy(x[0], ">f4"), []
    yield "fortran.npy", npy(x[0], "<f8", fortran=True), []
    yield "turned.npy", npy(transposed(x[0])), ["--x1-transpose"]
    yield "plain.csv", table(x[0]), []
    yield "header.csv", table(x[0], ",", header, form="%.2f"), []
    yield "crlf.csv", table(x[0], ";", header).replace("\n", "\r\n"), []
    yield "names.tsv", table(x[0], "\t", header, names, "%e"), []
    yield "blank.txt", table(x[0], " "), []
    yield "turned.csv", table(transposed(x[0]), ",", names, header), ["--x1-transpose"]
    yield "one.mtx", mtx(x[0]), []
    yield "turned.mtx", mtx(transposed(x[0])), ["--x1-transpose"]


@test("the same features whatever the format of the input")
def _():
    fit("npy", "--quiet")
    wanted = features_of(at("npy"))
    faults = []
    for name, content, more in formats():
        fit("format", "--quiet", *more, x1=write("in-" + name, content))
        if features_of(at("format")) != wanted:
            faults.append(name)
    equal(faults, [], "other features from")


@test("the same from .mtx.gz and .csv.gz")
def _():
    wanted = features_of(at("npy"))
    for name, content in (("in.mtx.gz", mtx(x[0])), ("in.csv.gz", table(x[0]))):
        done = run("indiseek", "fit", *views(x1=write(name, gzip.compress(content.encode()))), "--out", at("gz"), *SMALL)
        if "built without zlib" in done.err:
            raise Skip("built without zlib")
        assert done.code == 0, str(done)
        equal(features_of(at("gz")), wanted, name)


@test("--threads 1, 2 and 5: the same model, features and scores")
def _():
    wanted = None
    for threads in (1, 2, 5):
        fit("threads", "--quiet", *LABELS, "--threads", threads)
        found = metrics(at("threads"))
        del found["training"]["seconds"]
        got = sha(at("threads/model.safetensors")), features_of(at("threads")), found
        wanted = wanted or got
        equal(got, wanted, "%d threads" % threads)


@test("another seed or lambda gives another model, the same ones the same")
def _():
    models = set()
    for more in ([], ["--seed", 1], ["--lambda", 3], ["--seed", 18446744073709551615], []):
        fit("seeds", "--quiet", *more)
        models.add(sha(at("seeds/model.safetensors")))
    equal(len(models), 4, "different models")


@test("--choose keeps one model of a sweep: the same as it alone; the curve is in tradeoff.csv, metrics.json and the report")
def _():
    sweep = ["--lambda", "100,0.1,3", "--seeds", 2, *LABELS]
    done = fit("choose", *sweep, "--choose", "knee")
    found, points = metrics(at("choose")), metrics(at("choose"))["tradeoff"]["points"]
    equal(([p["lambda"] for p in points], {p["models"] for p in points}), ([0.1, 3, 100], {2}))
    equal((found["tradeoff"]["kept_by"], found["tradeoff"]["kept"], found["lambda"], found["seed"]),
          ("knee", found["tradeoff"]["knee"], found["tradeoff"]["knee"], 0))
    rows = [line.split(",") for line in lines(at("choose/tradeoff.csv"))]
    equal(rows[0][:5] + rows[0][-3:], ["lambda", "models", "diverged", "leakage", "leakage_error", "probe", "probe_error", "remark"])
    column = {name: i for i, name in enumerate(rows[0])}
    for row, point in zip(rows[1:], points):
        for name in ("leakage", "leakage_ridge", "leakage_knn", "leakage_mlp", "fresh_club", "completeness", "probe"):
            assert abs(float(row[column[name]]) - point[name]["mean"]) < 1e-6 and point[name]["error"] >= 0, (name, row, point)
        for view in ("1", "2"):
            leakage = point[view]["leakage"]["mean"]
            assert abs(float(row[column["leakage_" + view]]) - leakage) < 1e-6 and 0 <= leakage <= 1, (view, row, point)
        assert "kept" in ",".join(row[column["remark"]:]) if point["lambda"] == found["lambda"] else True, row
    inside("on the validation rows, means over views and seeds", done.out)
    inside("knee, ", done.out)
    page = text(at("choose/report.html"))
    for words in ("Choice of lambda", "Kept: lambda %g, by the knee of the curve" % found["lambda"], "What a larger lambda buys and costs"):
        inside(words, page)
    fit("choice", "--quiet", *LABELS, "--lambda", found["lambda"])
    equal(sha(at("choose/model.safetensors")), sha(at("choice/model.safetensors")), "the model alone")
    again = run("indiseek", "fit", "--config", at("choose/config.json"), "--out", at("choice"), "--quiet")
    equal((again.code, metrics(at("choice"))["tradeoff"]), (0, found["tradeoff"]))
    again = run("indiseek", "fit", "--config", at("choose/config.json"), "--lambda", 1, "--out", at("choice"), "--quiet")
    equal((again.code, metrics(at("choice"))["lambda"], "tradeoff" in metrics(at("choice"))), (0, 1, False), str(again))
    inside(">0.1</text>", page.split("What a larger lambda buys and costs")[2].split("</svg>")[0])
    done = run("indiseek", "evaluate", at("choose"))
    equal(done.code, 0, str(done))
    fit("choose", *sweep, "--choose", "probe", "--quiet")
    found = metrics(at("choose"))["tradeoff"]
    equal((found["kept_by"], found["kept"]), ("probe", found["best_probe"]))
    equal(max(p["probe"]["mean"] for p in found["points"]),
          [p for p in found["points"] if p["lambda"] == found["kept"]][0]["probe"]["mean"])
    fit("choose", "--quiet")
    assert not os.path.exists(at("choose/tradeoff.csv")) and "tradeoff" not in metrics(at("choose"))


@test("an option counts from --lr, --rate=, --shared_epochs alike")
def _():
    fit("spelling", "--quiet", "--lr", 0.01, "--shared-epochs", 4)
    one = sha(at("spelling/model.safetensors"))
    fit("spelling", "--quiet", "--rate=0.01", "--shared_epochs=4")
    equal(sha(at("spelling/model.safetensors")), one)


@test("config.json repeats the run; the line has the last word, wherever --config stands")
def _():
    config = at("first/config.json")
    done = run("indiseek", "fit", "--out", at("again"), "--config", config)
    assert done.code == 0, str(done)
    equal(sha(at("again/model.safetensors")), sha(at("first/model.safetensors")))
    equal(features_of(at("again")), features_of(at("first")))
    one, two = (json.loads(text(at(name + "/config.json"))) for name in ("first", "again"))
    equal(dict(two, out=one["out"]), one)
    models = []
    for line in (["--lambda", 3, "--config", config], ["--config=" + config, "--lambda", 3]):
        done = run("indiseek", "fit", "--out", at("again"), *line)
        assert done.code == 0, str(done)
        models.append(sha(at("again/model.safetensors")))
        equal(metrics(at("again"))["lambda"], 3)
    equal(models[0], models[1])
    assert models[0] != sha(at("first/model.safetensors"))


@test("--method clip writes c1 and c2, and takes away z1 and z2 of the run before")
def _():
    fit("clip", "--quiet")
    fit("clip", "--quiet", *LABELS, "--method", "clip")
    equal(sorted(os.listdir(at("clip"))), [name for name in RESULTS if name[0] != "z"])
    found = metrics(at("clip"))
    assert found["probe"]["shared"]["accuracy"] is not None
    equal((found["leakage"]["1"]["ridge"], found["probe"]["specific_1"]["accuracy"]), (None, None))
    read_page(at("clip/report.html"))


@test("programs name the features that there are, lambda where a method has one, and draw every stage")
def _():
    scored = fit("clip", *LABELS, "--method", "clip")
    for words in ("\nC1, C2 ", "completeness of C1 about X1"):
        inside(words, scored.out)
    for words in (scored.out, scored.err):
        assert "Z1" not in words and "lambda" not in words, words
    page = text(at("clip/report.html"))
    assert "Method clip, seed" in page and "(Z1, C1)" not in page, page[:2000]
    inside("residual-indiseek, preset robust, lambda 10, seed 0", fit("stages", *LABELS).err)
    page = text(at("stages/report.html"))
    for words in ("Method residual-indiseek, lambda 10, seed", "Stage mean1", "Stage spread2"):
        inside(words, page)


@test("--method indiseek0 and every preset run")
def _():
    for more in (["--method", "indiseek0"], ["--preset", "paper"], ["--preset", "simulation"]):
        fit("preset", "--quiet", *more)
        read_page(at("preset/report.html"))


# ---- which rows train -------------------------------------------------------------------------------------------------

@test("every label has its share of the test rows")
def _():
    fit("strata", "--quiet", *LABELS, "--test", 0.25)
    part = lines(at("strata/split.tsv"))[1:]
    for kind in sorted(set(labels)):
        rows = [i for i in range(ROWS) if labels[i] == kind]
        share = sum(part[i] == "test" for i in rows)
        assert abs(share - 0.25 * len(rows)) <= 1, "%d of %d rows of '%s' are for the test" % (share, len(rows), kind)
    fit("strata", "--quiet", *LABELS, "--test", 0.25, "--seed", 5)
    assert lines(at("strata/split.tsv"))[1:] != part, "another seed, the same split"


@test("a group is never divided")
def _():
    fit("groups", "--quiet", "--group", at("labels.tsv") + ":group", "--test", 0.3, "--validation", 0.2)
    part = lines(at("groups/split.tsv"))[1:]
    equal(set(part), {"train", "validation", "test"})
    places = {}
    for i in range(ROWS):
        places.setdefault(groups[i], set()).add(part[i])
    equal([name for name, where in places.items() if len(where) > 1], [], "divided")
    assert 0.2 <= part.count("test") / ROWS <= 0.4


@test("--split is kept to the letter; without validation rows some training rows become them")
def _():
    words = ["test" if i % 4 == 0 else "validation" if i % 7 == 0 else "train" for i in range(ROWS)]
    fit("split", "--quiet", "--split", write("split.txt", "\n".join(words) + "\n"))
    equal(lines(at("split/split.tsv"))[1:], words)
    words = ["test" if i % 4 == 0 else "train" for i in range(ROWS)]
    fit("split", "--quiet", "--split", write("split.tsv", "".join("%d\t%s\n" % (i, w) for i, w in enumerate(["part"] + words))) + ":part")
    got = lines(at("split/split.tsv"))[1:]
    equal([w == "test" for w in got], [w == "test" for w in words])
    equal(got.count("validation"), 9)
    fit("split", "--quiet", "--split", at("split.tsv") + ":2", "--validation", 0)
    equal(lines(at("split/split.tsv"))[1:], words)


@test("split.tsv of one run is the --split of another")
def _():
    fit("split", "--quiet", "--split", at("strata/split.tsv"))
    equal(lines(at("split/split.tsv")), lines(at("strata/split.tsv")))


@test("--label-ignore: these rows train, but are not scored and not in the picture")
def _():
    same = ["--split", at("first/split.tsv")]
    fit("all-labels", *LABELS, *same)
    done = fit("ignored", *LABELS, *same, "--label-ignore", "unknown")
    inside("labels: 2 kinds, %d rows without one, or with the ignored one, unknown" % labels.count("unknown"), done.err)
    equal(sha(at("ignored/model.safetensors")), sha(at("all-labels/model.safetensors")), "the model")
    part = lines(at("first/split.tsv"))[1:]
    scored = [labels[i] for i in range(ROWS) if part[i] == "test" and labels[i] != "unknown"]
    equal(round(metrics(at("ignored"))["probe"]["shared"]["accuracy"] * len(scored), 6) % 1, 0.0)
    trained = [labels[i] for i in range(ROWS) if part[i] == "train" and labels[i] != "unknown"]
    most = max(set(trained), key=trained.count)
    assert abs(metrics(at("ignored"))["majority"] - scored.count(most) / len(scored)) < 1e-12
    words = " ".join(read_page(at("all-labels/report.html"))[0].words)
    inside("unknown", words)
    legend = re.findall(r">\s*unknown\s*<", "".join(read_page(at("ignored/report.html"))[1]))
    equal(legend, [])


# ---- transform --------------------------------------------------------------------------------------------------------

PREPARATIONS = [
    ("zscore", []),
    ("none", ["--x1-norm", "none", "--x2-norm", "none"]),
    ("pca", ["--x1-pca", 3, "--x2-pca", 2]),
    ("counts", ["--x1-norm", "log1p-cp10k", "--x1-hvg", 4, "--x1-pca", 3, "--x2-norm", "clr"]),
    ("ratios", ["--x1-norm", "clr-feature", "--x2-norm", "tfidf", "--x2-pca", 2]),
]


@test("transform of the training files gives the very same features, of single rows too; evaluate the same scores")
def _():
    for name, more in PREPARATIONS:
        used = (at("counts.npy"), at("counts.npy")) if name in ("counts", "ratios") else (at("x1.npy"), at("x2.npy"))
        rows = (counts, counts) if name in ("counts", "ratios") else x
        fit("prepared", "--quiet", *more, x1=used[0], x2=used[1])
        done = run("indiseek", "transform", "--model", at("prepared"), *views(*used), "--out", at("new"))
        assert done.code == 0, str(done)
        equal(sorted(os.listdir(at("new"))), sorted(FEATURES + ["manifest.sha256"]))
        equal(features_of(at("new")), features_of(at("prepared")), name)
        evaluated = run("indiseek", "evaluate", at("prepared"), "--json", at("scores.json"), "--quiet")
        assert evaluated.code == 0, str(evaluated)
        scores, wanted = json.loads(text(at("scores.json"))), metrics(at("prepared"))
        equal({key: scores[key] for key in ("rows", "leakage", "completeness")},
              {key: wanted[key] for key in ("rows", "leakage", "completeness")})
        inside("features are in %s: c1.npy [%d, 4] c2.npy [%d, 4] z1.npy [%d, 3] z2.npy [%d, 3]" % ((at("new"),) + 4 * (ROWS,)), done.out)
        few = [write("few%d.npy" % i, npy(rows[i][37:40])) for i in (0, 1)]
        done = run("indiseek", "transform", "--model", at("prepared/model.safetensors"), *views(*few), "--out", at("few"), "--threads", 2)
        assert done.code == 0, str(done)
        for file in FEATURES:
            _rows, cols, values = npy_read(at("prepared/" + file))
            equal(npy_read(at("few/" + file))[2], values[37 * cols:40 * cols], "%s: three rows of %s" % (name, file))


@test("transform of one view alone; a stale feature of the other is taken away")
def _():
    fit("prepared", "--quiet")
    for view in (1, 2):
        done = run("indiseek", "transform", "--model", at("prepared"), "--x%d" % view, at("x%d.npy" % view), "--out", at("one"), "--quiet")
        equal((done.code, done.out, done.err), (0, "", ""))
        equal(sorted(os.listdir(at("one"))), ["c%d.npy" % view, "manifest.sha256", "z%d.npy" % view])
        for name in set(os.listdir(at("one"))) - {"manifest.sha256"}:
            equal(sha(at("one/" + name)), sha(at("prepared/" + name)), name)


@test("transform knows whether the training file was transposed, and its features' names")
def _():
    turned = write("turned.csv", table(transposed(x[0]), ",", ["c%d" % i for i in range(ROWS)], list("abcde")))
    fit("named", "--quiet", "--x1-transpose", x1=turned)
    done = run("indiseek", "transform", "--model", at("named"), "--x1", turned, "--out", at("new"), "--quiet")
    assert done.code == 0, str(done)
    equal(sha(at("new/z1.npy")), sha(at("named/z1.npy")))
    columns = transposed(x[0])
    more = ",".join(["z"] + ["5"] * ROWS) + "\n"
    order = [3, 0, 4, 1, 2]
    swapped = write("swapped.csv", table([columns[j] for j in order], ",", ["c%d" % i for i in range(ROWS)], ["abcde"[j] for j in order])
                    + more)
    done = run("indiseek", "transform", "--model", at("named"), "--x1", swapped, "--out", at("new"), "--quiet")
    equal((done.code, done.err), (0, ""))
    equal(sha(at("new/z1.npy")), sha(at("named/z1.npy")))
    lacking = write("lacking.csv", table([columns[j] for j in order[:4]], ",", ["c%d" % i for i in range(ROWS)],
                                         ["abcde"[j] for j in order[:4]]))
    done = run("indiseek", "transform", "--model", at("named"), "--x1", lacking, "--out", at("new"))
    equal(done.code, 0)
    inside("lacking.csv lacks 1 of the 5 features of x1, which count as their training mean: c", done.err)
    before = state(at("new"))
    foreign = write("foreign.csv", table(columns, ",", ["c%d" % i for i in range(ROWS)], list("abxyz")))
    done = run("indiseek", "transform", "--model", at("named"), "--x1", foreign, "--out", at("new"), "--quiet")
    equal((done.code, done.err), (65, "indiseek transform: %s: lacks 3 of the 5 features that x1 of the model was trained on (c, d, e); "
                                      "features are matched by name, so use the names of the training data\n" % foreign))
    equal(state(at("new")), before)


# ---- evaluate ---------------------------------------------------------------------------------------------------------

@test("evaluate gives the numbers of metrics.json again, in a file and as a table")
def _():
    done = run("indiseek", "evaluate", at("first"), "--json", at("scores.json"), "--quiet")
    equal((done.code, done.err), (0, ""))
    got, wanted = json.loads(text(at("scores.json"))), metrics(at("first"))
    for key in ("rows", "scored_on", "majority", "probe", "knn_agreement", "leakage", "completeness"):
        equal(got[key], wanted[key], key)
    for line in ("C1, C2 ", "C1, Z1, C2, Z2 ", "leakage of Z1 about C2", "completeness of (Z2, C2) about X2"):
        inside(line, done.out)
    inside("%.3f" % wanted["leakage"]["1"]["ridge"], done.out)


@test("evaluate takes other labels, though the fit ignored one of its own")
def _():
    done = run("indiseek", "evaluate", at("first"), "--labels", at("labels.tsv") + ":group", "--json", at("scores.json"))
    assert done.code == 0, str(done)
    inside("labels: 20 kinds", done.err)
    got = json.loads(text(at("scores.json")))
    equal(got["leakage"], metrics(at("first"))["leakage"])
    assert got["probe"]["shared"] != metrics(at("first"))["probe"]["shared"]


@test("evaluate of features from elsewhere needs no folder; missing inputs are said and left out")
def _():
    files = [part for name in FEATURES for part in ("--" + name[:2], at("first/" + name))]
    done = run("indiseek", "evaluate", *files, *LABELS, "--label-ignore", "unknown", "--split", at("first/split.tsv"), "--json",
               at("scores.json"))
    assert done.code == 0, str(done)
    got, wanted = json.loads(text(at("scores.json"))), metrics(at("first"))
    equal(got["probe"]["all"], wanted["probe"]["all"])
    equal((got["leakage"], got["completeness"]["1"]["ridge"], got["probe"]["raw"]["accuracy"]), (wanted["leakage"], None, None))
    shutil.copytree(at("first"), at("moved"))
    config = text(at("moved/config.json"))
    write("moved/config.json", config.replace(at("x1.npy"), at("gone.npy")).replace(at("labels.tsv"), at("gone.tsv")))
    disown("moved/config.json")
    done = run("indiseek", "evaluate", at("moved"), "--json", at("scores.json"))
    assert done.code == 0, str(done)
    inside("warning: %s cannot be read; what needs x1 is left out (--x1 FILE names it)\n" % os.path.abspath(at("gone.npy")), done.err)
    inside("warning: %s:kind cannot be read; what needs labels is left out (--labels FILE:COLUMN names them)\n" %
           os.path.abspath(at("gone.tsv")), done.err)
    got = json.loads(text(at("scores.json")))
    equal((got["completeness"]["2"]["ridge"], got["probe"]["all"]["accuracy"]), (wanted["completeness"]["2"]["ridge"], None))
    for option, value in (("--x1", at("gone.npy")), ("--labels", at("gone.tsv"))):
        done = run("indiseek", "evaluate", at("moved"), "--quiet", "--labels", at("labels.tsv") + ":kind", option, value)
        equal((done.code, done.err.split("\n")[-2]), (1, "indiseek evaluate: %s: cannot be opened: No such file or directory" % value))


@test("evaluate works from any folder, and --config too")
def _():
    line = [os.path.abspath(program("indiseek")), "evaluate", os.path.abspath(at("first")), "--json", "scores.json", "--quiet"]
    os.mkdir(at("elsewhere"))
    done = subprocess.run(line, cwd=at("elsewhere"), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    equal((done.returncode, done.stderr), (0, ""))
    equal(json.loads(text(at("elsewhere/scores.json")))["probe"], metrics(at("first"))["probe"])
    line[1:] = ["fit", "--config", os.path.abspath(at("first/config.json")), "--out", "again", "--quiet"]
    done = subprocess.run(line, cwd=at("elsewhere"), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    equal(done.returncode, 0, done.stderr)
    equal(sha(at("elsewhere/again/model.safetensors")), sha(at("first/model.safetensors")))


# ---- stopping and going on --------------------------------------------------------------------------------------------

@test("killed by SIGKILL five times and resumed: the same model, the whole log, nothing left over")
def _():
    whole = start("whole")
    assert whole.wait(PATIENCE) == 0
    seed = int(time.time()) % 100000
    r = random.Random(seed)
    killed, log = 0, at("killed/log.jsonl.new")
    for _turn in range(5):
        process = start("killed", "--resume")
        already = read(log).count(b"\n") if os.path.exists(log) else 0
        wait_for_records(process, log, already + r.randrange(300))
        time.sleep(r.random() * 0.01)
        process.kill()
        process.communicate()
        if process.returncode == 0:
            break
        equal(process.returncode, -signal.SIGKILL)
        killed += 1
        left = set(os.listdir(at("killed"))) if os.path.exists(at("killed")) else set()
        assert not left & set(RESULTS), "results of a run that was killed: %s" % sorted(left)
    assert killed > 0, "it was too fast to be killed"
    print("# killed %d times, seed %d" % (killed, seed))
    if killed == 5:
        process = start("killed", "--resume")
        process.communicate(timeout=PATIENCE)
        equal(process.returncode, 0)
    equal(sha(at("killed/model.safetensors")), sha(at("whole/model.safetensors")))
    equal(features_of(at("killed")), features_of(at("whole")))
    equal(sorted(os.listdir(at("killed"))), RESULTS)
    one, two = epochs_of(at("whole/log.jsonl")), epochs_of(at("killed/log.jsonl"))
    for stage in ("shared", "specific1", "specific2"):
        equal(sorted(set(two[stage])), one[stage], "epochs of %s in the log" % stage)
    read_page(at("killed/report.html"))
    one, two = metrics(at("whole")), metrics(at("killed"))
    one["training"]["seconds"] = two["training"]["seconds"] = 0
    equal(two, one)


def stopped(name, number=signal.SIGINT, earlier=None):
    """A run, in a copy of the folder `earlier`, that was stopped by a signal; what it said."""
    for _turn in range(5):
        shutil.rmtree(at(name), ignore_errors=True)
        if earlier:
            shutil.copytree(at(earlier), at(name))
        process = start(name)
        wait_for_records(process, at(name + "/log.jsonl.new"), 60)
        process.send_signal(number)
        _out, err = process.communicate(timeout=PATIENCE)
        if process.returncode != 0:
            break                   # else this process slept too long, and the run had ended
    equal(process.returncode, 75, err)
    return err


@test("SIGINT: exit code 75, a checkpoint, and a line to go on with that does")
def _():
    err = stopped("stopped")
    inside("stopping at the next good moment; once more stops at once\n", err)
    assert re.search(r"^indiseek fit: stopped after round \d+; resume from %s$" % at("stopped/checkpoint.safetensors"), err, re.M), err
    line = re.search(r"^to go on:  (.*)$", err, re.M).group(1)
    equal(shlex.split(line)[0], program("indiseek"))
    equal(sorted(os.listdir(at("stopped"))), ["checkpoint.safetensors", "log.jsonl.new"])
    done = subprocess.run(line, shell=True, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    equal(done.returncode, 0, done.stderr)
    assert re.search(r"^resumed from %s after round \d+$" % at("stopped/checkpoint.safetensors"), done.stderr, re.M), done.stderr
    equal(sorted(os.listdir(at("stopped"))), RESULTS)
    equal(sha(at("stopped/model.safetensors")), sha(at("whole/model.safetensors")))


@test("a second SIGINT ends at once, and earlier results stay")
def _():
    shutil.copytree(at("first"), at("twice"))
    before = state(at("twice"))
    process = start("twice", "--epochs", "100000")
    wait_for_records(process, at("twice/log.jsonl.new"), 20)
    # Both before the process runs again, or it may have stopped well after the first.
    process.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    _out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode in (128 + signal.SIGINT, 128 + signal.SIGTERM), (process.returncode, err)
    after = state(at("twice"))
    equal({name: after[name] for name in RESULTS}, before)


@test("SIGHUP does the same, but under nohup, where a run goes on")
def _():
    stopped("hangup", signal.SIGHUP)
    equal(sorted(os.listdir(at("hangup"))), ["checkpoint.safetensors", "log.jsonl.new"])
    shutil.rmtree(at("hangup"))
    process = subprocess.Popen(["nohup", program("indiseek"), "fit", *views(), "--out", at("hangup"), *LONG, "--quiet"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for_records(process, at("hangup/log.jsonl.new"), 20)
    process.send_signal(signal.SIGHUP)
    equal(process.wait(PATIENCE), 0)
    equal(sorted(os.listdir(at("hangup"))), RESULTS)


@test("SIGTERM does the same, and leaves the results of an earlier run alone")
def _():
    stopped("term", signal.SIGTERM, earlier="first")
    after = state(at("term"))
    equal({name: after[name] for name in RESULTS}, state(at("first")))
    done = run("indiseek", "fit", *views(), "--out", at("term"), *LONG, "--resume", "--quiet", "--threads", 1, "--checkpoint-every", 7)
    assert done.code == 0, str(done)
    equal(sha(at("term/model.safetensors")), sha(at("whole/model.safetensors")))
    equal(sorted(os.listdir(at("term"))), RESULTS)


@test("--stability: the kept model is the same, its coordinates are told from further seeds', and what is unstable is said")
def _():
    done = fit("stable", *LABELS, "--label-ignore", "unknown", "--stability", 2)
    equal(sorted(os.listdir(at("stable"))), RESULTS)
    equal({name: sha(at("stable/" + name)) for name in FEATURES}, {name: sha(at("first/" + name)) for name in FEATURES})
    equal(len(lines(at("stable/log.jsonl"))), len(lines(at("first/log.jsonl"))))
    inside("training 2 further seeds from 1, for stability\n", done.err)
    found = metrics(at("stable"))["stability"]
    equal([found["seeds"], found["diverged"], sorted(found)], [2, 0, ["C1", "C2", "Z1", "Z2", "diverged", "seeds"]])
    rows = [line.split("\t") for line in lines(at("stable/coordinates.tsv"))]
    for row in rows[1:]:
        kind, number = row[0].split("_")
        told = found[kind]["coordinates"][int(number) - 1]
        assert abs(float(row[rows[0].index("stable")]) - told) < 1e-5 and told <= 1, row
    below = [kind for kind in ("Z1", "Z2", "C1", "C2") if found[kind]["mean"] < 0.5]
    assert below, "these networks hardly train: %s" % found
    words = "not stable (R^2 below 0.5): " + ", ".join("%s %.2f" % (kind, found[kind]["mean"]) for kind in below)
    inside("warning: " + words, done.err)
    inside(words.replace("not stable", "ot stable"), text(at("stable/report.html")).replace("Not stable", "not stable"))
    inside("stability: Z1 ", done.out)
    inside("stable", run("indiseek", "explain", at("stable")).out)
    assert "stability" not in metrics(at("first"))
    done = run("indiseek", "fit", *views(), "--out", at("refused"), "--stability", 1)
    equal((done.code, done.err.splitlines()[0]),
          (2, "indiseek fit: --stability is 1; it must be at least 2 further seeds, or 0"))


@test("--stability that was stopped goes on to the same numbers")
def _():
    more = ["--stability", "2", "--checkpoint-every", "5"]
    line = [program("indiseek"), "fit", *views(), "--out", at("halfway"), *LONG, *more]
    process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.time() + PATIENCE
    while process.poll() is None and time.time() < until and not os.path.exists(at("halfway/checkpoint.stability.safetensors")):
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=PATIENCE)
    equal(process.returncode, 75, err)
    done = run("indiseek", "fit", *views(), "--out", at("halfway"), *LONG, *more, "--resume")
    assert done.code == 0, str(done)
    inside("resumed from %s after round " % at("halfway/checkpoint.stability.safetensors"), done.err)
    equal(sorted(os.listdir(at("halfway"))), RESULTS)
    done = run("indiseek", "fit", *views(), "--out", at("at_once"), *LONG, *more, "--quiet")
    assert done.code == 0, str(done)
    equal(metrics(at("halfway"))["stability"], metrics(at("at_once"))["stability"])
    equal(sha(at("halfway/model.safetensors")), sha(at("at_once/model.safetensors")))


@test("explain prints what a fit left, by the columns of its files")
def _():
    own = [[i % 7, 3 * (i % 7) + i % 2, -(i % 7)] for i in range(ROWS)]
    write("named.csv", table(own, header=["up", "most", "down"]))
    fit("named", x1=at("named.csv"))
    printed = run("indiseek", "explain", at("named")).out
    inside("Z1, specific to x1:\n", printed)
    head, *rest = [line.split("\t") for line in lines(at("named/coordinates.tsv"))]
    rows = [dict(zip(head, row)) for row in rest]
    equal({row["rises_1"] for row in rows if row["coordinate"][1] == "1"} - {"up", "most", "down"}, set())
    equal({row["rises_1"] for row in rows if row["coordinate"][1] == "2"} - {"", "1", "2", "3", "4"}, set())
    write("named/coordinates.tsv", "coordinate\tmodality\tr2_x1\tr2_x2\tr2_cumulative\trises_1\trises_1_r\n"
                                   "Z2_1\tx2\t0.5\t\t0.5\tmost\t0.25\n")
    disown("named/coordinates.tsv")
    equal(run("indiseek", "explain", at("named")).out,
          "Z2, specific to x2:\n"
          "        R^2 x1  R^2 x2  cumulative  rises (+) and falls (-) with\n"
          "Z2_1     0.500       -       0.500  + most 0.25\n")
    equal(json.loads(run("indiseek", "explain", at("named"), "--json", "-").out)[0]["rises_1"], "most")
    done = run("indiseek", "explain")
    equal((done.code, done.err.splitlines()[0]), (2, "indiseek explain: RESULTS is missing: a folder of `indiseek run` or `indiseek fit`"))


@test("--resume before the first checkpoint starts afresh, in a new folder and in a finished one")
def _():
    fit("fresh", "--resume", "--quiet")
    equal(sha(at("fresh/model.safetensors")), sha(at("npy/model.safetensors")))
    fit("fresh", "--resume", "--quiet", "--lambda", 3)
    equal(metrics(at("fresh"))["lambda"], 3)


@test("--resume with other options or data names the field and loses nothing")
def _():
    stopped("other")
    checkpoint = at("other/checkpoint.safetensors")
    before = sha(checkpoint)
    def named(field, there, here):
        return "%s: %s is %s in the checkpoint and %s here; resume with what it was started with, or start afresh\n" % (
            checkpoint, field, there, here)
    data = ("%s: the data or the split are not those that the checkpoint was made from; resume with the same files, or start afresh\n"
            % checkpoint)
    for more, sentence in (
            (["--lambda", 3], named("option.lambda", 10, 3)), (["--width", 9], named("option.width", 8, 9)),
            (["--method", "indiseek0"], named("method", "residual-indiseek", "indiseek0")),
            (["--seed", 4], "seed is 0 in the checkpoint and 4 here"),
            (["--x2", at("x1.npy")], data), (["--test", 0.3], data), (["--x1-norm", "none"], data)):
        done = run("indiseek", "fit", *views(), "--out", at("other"), *LONG, "--resume", "--quiet", *more)
        equal(done.code, 2, str(done))
        inside(sentence, done.err)
        equal(sha(checkpoint), before, "the checkpoint after %s" % more)
    done = run("indiseek", "fit", *views(), "--out", at("other"), *LONG, "--resume", "--quiet")
    assert done.code == 0, str(done)
    equal(sha(at("other/model.safetensors")), sha(at("whole/model.safetensors")))


@test("--resume from a damaged checkpoint says so and leaves it")
def _():
    stopped("damaged")
    data = read(at("damaged/checkpoint.safetensors"))
    write("damaged/checkpoint.safetensors", data[:len(data) // 2])
    done = run("indiseek", "fit", *views(), "--out", at("damaged"), *LONG, "--resume", "--quiet")
    equal((done.code, done.err), (65, "indiseek fit: %s: its header asks for %d bytes, but it has %d; it is cut off\n" % (
        at("damaged/checkpoint.safetensors"), len(data), len(data) // 2)))
    equal(len(read(at("damaged/checkpoint.safetensors"))), len(data) // 2)


@test("a run that starts afresh keeps another's checkpoint; one on bad data does not touch it")
def _():
    stopped("keeps")
    before = state(at("keeps"))
    for wrong in (["--x1", at("none.npy")], ["--lambda", -1], ["--method", "nothing"], ["--split", at("labels.tsv") + ":kind"]):
        done = run("indiseek", "fit", *views(), "--out", at("keeps"), *SMALL, "--quiet", *wrong)
        assert done.code in (1, 2, 65), str(done)
        equal(state(at("keeps")), before, str(wrong))
    done = fit("keeps", "--quiet")
    kept = at("keeps/checkpoint.previous.safetensors")
    inside("warning: %s holds the checkpoint of a run that was stopped; it is kept as %s" % (at("keeps"), kept), done.err)
    equal(sha(kept), before["checkpoint.safetensors"])


@test("killed at any moment, while it writes results too: every file is the old one or the new one, whole")
def _():
    r = random.Random(time.time())
    fit("new", "--quiet", *LABELS, "--lambda", 3)
    old, new = state(at("first")), state(at("new"))
    begin = time.time()
    fit("new", "--quiet", *LABELS, "--lambda", 3)
    seconds = time.time() - begin
    for _turn in range(8):
        shutil.copytree(at("first"), at("moment"))
        process = subprocess.Popen([program("indiseek"), "fit", *views(), "--out", at("moment"), *SMALL, "--quiet", *LABELS, "--lambda",
                                    "3"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(r.random() * 1.2 * seconds)
        process.kill()
        process.wait()
        now = state(at("moment"))
        for name in FEATURES + ["model.safetensors", "split.tsv"]:
            assert now[name] in (old[name], new[name]), name + " is neither the old nor the new one"
        records(at("moment/log.jsonl"))
        read_page(at("moment/report.html"))
        for name in ("metrics.json", "config.json"):
            json.loads(text(at("moment/" + name)))
        shutil.rmtree(at("moment"))


@test("a run that diverges says when, exits 1 and leaves earlier results alone")
def _():
    shutil.copytree(at("first"), at("diverged"))
    before = state(at("diverged"))
    done = run("indiseek", "fit", *views(), "--out", at("diverged"), *SMALL, "--optimizer", "sgd", "--rate", 1000, "--quiet")
    equal(done.code, 1, str(done))
    assert re.search(r"^indiseek fit: diverged at epoch \d+ of stage \w+[12]: \w+ is not finite; a smaller --rate or --clip-norm 1 "
                     r"may help \(log: %s\)$" % at("diverged/log.jsonl.new"), done.err, re.M), done.err
    after = state(at("diverged"))
    equal({name: after[name] for name in RESULTS}, before)
    records(at("diverged/log.jsonl.new"))


# ---- whose files they are ---------------------------------------------------------------------------------------------

USERS = ("has %s, which would be replaced, and by manifest.sha256 no run of this program wrote %s now; name another folder, "
         "or move %s away\n")


def users(*names):
    many = len(names) > 1
    return USERS % (", ".join(names), "them as they are" if many else "it as it is", "them" if many else "it")



@test("a file that is the user's is never replaced: refused before any work, by name; a link neither")
def _():
    for names in (["split.tsv"], ["report.html", "z1.npy"], ["manifest.sha256"]):
        os.makedirs(at("users"))
        for name in names:
            write("users/" + name, "mine")
        write("users/notes.txt", "mine")
        before = state(at("users"))
        done = run("indiseek", "fit", *views(), "--out", at("users"), *SMALL)
        equal((done.code, done.out), (1, ""))
        for found in (names, names[::-1]):
            listed = "indiseek fit: %s %s" % (at("users"), users(*found))
            if listed == done.err:
                break
        equal(done.err, listed)
        equal(state(at("users")), before)
        shutil.rmtree(at("users"))
    os.makedirs(at("users"))
    write("precious", "mine")
    for name in ("c1.npy", "log.jsonl.new", ".indiseek-lock"):
        os.symlink(os.path.abspath(at("precious")), at("users/" + name))
        done = run("indiseek", "fit", *views(), "--out", at("users"), *SMALL)
        equal(done.code, 1, str(done))
        inside(at("users"), done.err)
        equal((text(at("precious")), os.listdir(at("users"))), ("mine", [name]), str(done))
        os.remove(at("users/" + name))
    write("users/notes.txt", "mine")
    write("users/.writable", "mine")
    fit("users")
    equal(sorted(os.listdir(at("users"))), sorted(RESULTS + ["notes.txt", ".writable"]))
    equal((text(at("users/notes.txt")), text(at("users/.writable"))), ("mine", "mine"))


@test("a result that its user changed is the user's; without a line in the manifest no command minds")
def _():
    fit("changed")
    equal(subprocess.run(["sha256sum", "-c", "--quiet", "manifest.sha256"], cwd=at("changed")).returncode, 0)
    equal(sorted(line[66:] for line in lines(at("changed/manifest.sha256"))[1:]), [name for name in RESULTS if name != "manifest.sha256"])
    write("changed/split.tsv", text(at("changed/split.tsv")) + "\n")
    before = state(at("changed"))
    done = run("indiseek", "fit", *views(), "--out", at("changed"), *SMALL)
    equal((done.code, done.err), (1, "indiseek fit: %s %s" % (at("changed"), users("split.tsv"))))
    done = run("indiseek", "evaluate", at("changed"))
    equal((done.code, done.err), (65, "indiseek evaluate: %s is not as %s says: a later run was stopped while its files took their names, "
                                      "or it was changed; run again, or take its line out of there if the change is yours\n" %
                                  (at("changed/split.tsv"), at("changed/manifest.sha256"))))
    equal(state(at("changed")), before)
    disown("changed/split.tsv")
    equal(run("indiseek", "evaluate", at("changed")).code, 0)


@test("a file that comes while a run works is not replaced either, nor by --resume; an input is not stale")
def _():
    process = start("late", "--checkpoint-every", "1")
    wait_for_records(process, at("late/log.jsonl.new"), 20)
    write("late/report.html", "mine")
    process.communicate(timeout=PATIENCE)
    equal(process.returncode, 1)
    done = run("indiseek", "fit", *views(), "--out", at("late"), *LONG, "--resume")
    equal((done.code, done.err), (1, "indiseek fit: %s %s" % (at("late"), users("report.html"))))
    equal(text(at("late/report.html")), "mine")
    os.remove(at("late/report.html"))
    equal(run("indiseek", "fit", *views(), "--out", at("late"), *LONG, "--resume", "--quiet").code, 0)
    equal(sorted(os.listdir(at("late"))), RESULTS)
    shutil.copytree(at("first"), at("reread"))
    done = run("indiseek", "fit", "--x1", at("reread/z2.npy"), "--x2", at("x2.npy"), "--out", at("reread"), *SMALL, "--method", "clip")
    assert done.code == 0, str(done)
    inside("z2.npy", "".join(os.listdir(at("reread"))))
    assert "z1.npy" not in os.listdir(at("reread"))


@test("transform does not write features of others beside a model")
def _():
    before = state(at("first"))
    done = run("indiseek", "transform", "--model", at("first"), "--x1", at("x1.npy"), "--out", at("first"))
    equal((done.code, done.err), (2, "indiseek transform: %s is the folder of a run, whose features would be written over; name "
                                      "another\n" % at("first")))
    equal(state(at("first")), before)


@test("--json F: neither F.new nor what it links to is touched")
def _():
    write("scores.json.new", "mine")
    run("indiseek", "evaluate", at("first"), "--json", at("scores.json"))
    equal(text(at("scores.json.new")), "mine")
    os.remove(at("scores.json.new"))


@test("of eight runs at once into one folder one goes on, seven are refused with its pid; the folder is of that one")
def _():
    runs = [subprocess.Popen([program("indiseek"), "fit", *views(), "--out", at("crowd"), *LONG, "--seed", str(seed), "--quiet"],
                             stderr=subprocess.PIPE, text=True) for seed in range(8)]
    said = [(process, process.communicate(timeout=PATIENCE)[1]) for process in runs]
    good = [process for process, _err in said if process.returncode == 0]
    equal(len(good), 1, str(said))
    for process, err in said:
        if process is not good[0]:
            equal((process.returncode, err), (1, "indiseek fit: process %d is writing into %s; wait for it, or name another folder\n" %
                                              (good[0].pid, at("crowd"))))
    equal(sorted(os.listdir(at("crowd"))), RESULTS)
    equal(run("indiseek", "evaluate", at("crowd")).code, 0)


@test("killed at any rename: evaluate refuses or is right, and the next run ends what was begun")
def _():
    fit("before", "--quiet")
    fit("after", "--seed", 5, "--quiet")
    names = [line[66:] for line in lines(at("after/manifest.sha256"))[1:]] + ["manifest.sha256"]
    old, new = [json.loads(run("indiseek", "evaluate", at(name), "--json", "-").out)["leakage"] for name in ("before", "after")]
    refused = 0
    for moved in range(len(names) + 1):
        shutil.copytree(at("before"), at("killed_there"))
        os.mkdir(at("killed_there/.indiseek-new"))
        for i, name in enumerate(names):
            shutil.copy(at("after/" + name), at("killed_there/" + ("" if i < moved else ".indiseek-new/") + name))
        done = run("indiseek", "evaluate", at("killed_there"), "--json", "-")
        if done.code == 0:
            assert json.loads(done.out)["leakage"] == (old if moved == 0 else new), moved
        else:
            refused += 1
            equal((done.code, done.out), (65, ""))
            inside("a run is giving its files their names, or was stopped while it did; run again", done.err)
        done = run("indiseek", "fit", *views(), "--out", at("killed_there"), *SMALL, "--x1-norm", "tfidf", "--x2-norm", "log1p-cp10k")
        assert done.code not in (0, None), "this run was to be refused after it had opened the folder: %s" % done
        equal(state(at("killed_there")), state(at("after")), "%d files had their names" % moved)
        shutil.rmtree(at("killed_there"))
    assert refused > 3, refused


# ---- disks and outputs ------------------------------------------------------------------------------------------------

@test("a full disk ends the run at the first checkpoint: exit code 1, earlier results stay")
def _():
    shutil.copytree(at("first"), at("full"))
    before = state(at("full"))
    for size in (0, 1000, 8000):
        # At most `size` bytes a file: writing fails as on a full disk.
        done = run("indiseek", "fit", *views(), "--out", at("full"), *LONG, "--epochs", 1000000, "--quiet",
                   before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
        equal((done.code, done.err), (1, "indiseek fit: %s: cannot be written: File too large\n" % at("full/checkpoint.safetensors")))
        after = state(at("full"))
        if "checkpoint.safetensors" in after:           # there was room for the first, in which nothing is trained yet
            os.remove(at("full/checkpoint.safetensors"))
            os.remove(at("full/log.jsonl.new"))
            after = {name: value for name, value in after.items() if name in RESULTS}
        equal(after, before, "%d bytes a file" % size)


@test("whichever result cannot be written: exit code 1, it is named, the earlier ones stay; --resume goes on from the end")
def _():
    before = state(at("full"))
    for name in RESULTS:
        blocked = at("full/.indiseek-new/%s" % name)
        os.makedirs(blocked)
        done = run("indiseek", "fit", *views(), "--out", at("full"), *SMALL, "--quiet", "--lambda", 3)
        equal(done.code, 1, str(done))
        assert re.search(r"^indiseek fit: %s:? cannot be \w+: .+$" % re.escape(blocked), done.err, re.M), done.err
        os.removedirs(blocked)
        after = state(at("full"))
        equal({file: after[file] for file in RESULTS}, before, name)
        left = set(after) - set(RESULTS)
        assert left <= {"checkpoint.safetensors", "log.jsonl.new"}, left
        if name != RESULTS[-1]:
            for file in left:
                os.remove(at("full/" + file))
    done = fit("full", "--lambda", 3, "--resume")
    inside("resumed from ", done.err)
    fit("three", "--quiet", "--lambda", 3)
    equal(sha(at("full/model.safetensors")), sha(at("three/model.safetensors")))


@test("standard output that cannot be written is a failure")
def _():
    for name, *arguments in (("indiseek", "evaluate", at("first")), ("indiseek", "fit", "--help"), ("indiseek", "--help"),
                             ("simulation", "--help"), ("simulation", *SIMULATION)):
        with open("/dev/full", "w") as full:
            done = run(name, *arguments, stdout=full)
        equal(done.code, 1, str(done))
        inside("%s: what goes to standard output cannot be written\n" % name, done.err)


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


# ---- simulation -------------------------------------------------------------------------------------------------------

SIMULATION = "--n 60 --test 20 --epochs 1 --shared-epochs 1 --width 8 --layers 2 --dim 3".split()


@test("simulation --json: one object for each lambda and seed")
def _():
    for setting in (1, 2, 3, 4):
        done = run("simulation", *SIMULATION, "--setting", setting, "--lambda", "0.1,2", "--seeds", 3, "--seed", 5, "--json",
                   at("runs.json"))
        assert done.code == 0, str(done)
        runs = json.loads(text(at("runs.json")))
        equal([(r["setting"], r["method"], r["lambda"], r["seed"]) for r in runs],
              [(setting, "indiseek", value, seed) for value in (0.1, 2) for seed in (5, 6, 7)])
        for each in runs:
            equal(sorted(each), ["importance", "lambda", "method", "reconstruction_error", "seconds", "seed", "setting"])
            equal(len(each["importance"]), 6)
            assert all(0 <= v <= 1 for v in each["importance"]) and abs(sum(each["importance"]) - 1) < 1e-6, each
            assert each["reconstruction_error"] > 0 and each["seconds"] >= 0, each
        inside("setting %d, indiseek, 60 rows, 3 seeds\n" % setting, done.out)
        equal(len(re.findall(r"^lambda [\d.]+: ", done.out, re.M)), 2)


@test("simulation: a model is the same alone and in a sweep, whatever the threads")
def _():
    runs = {}
    for name, more in (("sweep", ["--lambda", "1,0.1", "--seeds", 2, "--threads", 2]),
                       ("alone", ["--lambda", 0.1, "--seeds", 1, "--threads", 1])):
        done = run("simulation", *SIMULATION, "--setting", 2, *more, "--json", at("runs.json"), "--quiet")
        assert done.code == 0, str(done)
        runs[name] = [r for r in json.loads(text(at("runs.json"))) if (r["lambda"], r["seed"]) == (0.1, 0)][0]
    equal((runs["sweep"]["importance"], runs["sweep"]["reconstruction_error"]),
          (runs["alone"]["importance"], runs["alone"]["reconstruction_error"]))


@test("simulation --svg: a well-formed chart with six groups")
def _():
    done = run("simulation", *SIMULATION, "--lambda", "0.1,1", "--seeds", 2, "--svg", at("chart.svg"), "--quiet")
    assert done.code == 0, str(done)
    root = xml.etree.ElementTree.fromstring(text(at("chart.svg")))
    equal(root.tag, "{http://www.w3.org/2000/svg}svg")
    words = " ".join(root.itertext())
    for word in ("x1", "x6", "shared", "specific", "importance", "0.1"):
        inside(word, words)


# ---- study ------------------------------------------------------------------------------------------------------------

STUDY = "--settings 1,2 --n 300 --test 50 --seeds 1 --epochs 1 --width 8 --layers 2 --dim 3".split()
SWEEPS = [(setting, method) for setting in (1, 2) for method in ("indiseek", "factorizedcl", "infodisen")]
STALE = ", stale critic"


def study(out, *arguments):
    done = run("study", "simulations", *STUDY, "--out", at(out), *arguments)
    assert done.code == 0, str(done)
    return done


def results(out):
    return json.loads(text(at(out + "/results.json")))


@test("study simulations: results.json, --json and report.html")
def _():
    done = study("study", "--lambda", "0.1,1", "--json", at("study.json"))
    equal(sorted(os.listdir(at("study"))), ["manifest.sha256", "report.html", "results.json"])
    found = results("study")
    equal(found["runs"], json.loads(text(at("study.json"))))
    fresh = [r for r in found["runs"] if STALE not in r["method"]]
    equal([(r["setting"], r["method"], r["lambda"], r["seed"]) for r in fresh], [s + (value, 0) for s in SWEEPS for value in (0.1, 1)])
    for each in found["runs"]:
        equal(sorted(each), ["importance", "lambda", "method", "reconstruction_error", "seconds", "seed", "setting"])
        assert len(each["importance"]) == 6 and abs(sum(each["importance"]) - 1) < 1e-6, each
        equal(each["reconstruction_error"] is None, each["method"] != "indiseek")
    for key, value in {"n": 300, "test": 50, "lambda": "0.1,1", "seeds": 1, "seed": 0, "preset": "simulation", "epochs": 1, "width": 8,
                       "made_by": shlex.join(done.arguments)}.items():
        equal(found["configuration"][key], value, key)
    equal(len(re.findall(r"^setting [12], \w+, 300 rows, 1 seed$", done.out, re.M)), 6)
    equal(len(re.findall(r"^setting [12], factorizedcl, stale critic, 300 rows, 1 seed$", done.out, re.M)), 2)
    inside("; with a stale critic ", done.out)
    inside("/report.html\n", done.out)
    page, pictures = read_page(at("study/report.html"))
    equal(len(pictures), 4)
    words = " ".join(page.words)
    for each in ("What the paper claims", "Setting 1, λ = 0.1", "x5 + x6 > 0.9", "unclear", "factorizedcl", shlex.join(done.arguments)):
        inside(each, words)


@test("study simulations: a model is that of simulation, with a stale critic too")
def _():
    stale = ["--critic-inner", "per_epoch", "--critic-steps", 5]
    for method, more, name in (("infodisen", [], "infodisen"), ("factorizedcl", [], "factorizedcl"),
                               ("factorizedcl", stale, "factorizedcl" + STALE)):
        done = run("simulation", *STUDY[2:], "--setting", 2, "--lambda", 1, "--method", method, *more, "--json", at("runs.json"), "--quiet")
        assert done.code == 0, str(done)
        there = [r["importance"] for r in results("study")["runs"] if (r["setting"], r["method"], r["lambda"]) == (2, name, 1)]
        equal([json.loads(text(at("runs.json")))[0]["importance"]], there, name)


@test("study simulations: a stale critic where the paper shows a failure, at a lambda of the grid, beside the fresh value")
def _():
    every = ["--lambda", "1,10", "--settings", "2,3,4", "--methods", "indiseek,factorizedcl", "--seeds", 2, "--quiet"]
    stale = [(2, "indiseek", 10), (2, "factorizedcl", 1), (3, "factorizedcl", 1), (4, "factorizedcl", 1)]
    for arguments, wanted in ((every, stale), (every + ["--lambda", "0.1"], []), (every + ["--methods", "infodisen"], []),
                              (every + ["--critic-inner", "per_epoch"], [])):
        shutil.rmtree(at("study-stale"), ignore_errors=True)
        study("study-stale", *arguments)
        found = [(r["setting"], r["method"], r["lambda"], r["seed"]) for r in results("study-stale")["runs"] if STALE in r["method"]]
        equal(found, [(setting, method + STALE, value, seed) for setting, method, value in wanted for seed in (0, 1)])
        words = " ".join(read_page(at("study-stale/report.html"))[0].words)
        equal(len(re.findall(r"\d ± [\d.]+(?:; 2 of 2 runs left a coordinate unlearned)?; with a stale critic: [\d.]+ ± ", words)),
              len(wanted) and 5)
        equal("critic_inner per_epoch, critic_steps 5" in words, bool(wanted))


@test("study simulations --resume: results from before there were stale critics get them, and nothing else")
def _():
    whole, before = text(at("study/results.json")), results("study")["runs"]
    write("study/results.json", re.sub(r'\{"setting": \d, "method": "factorizedcl, stale critic".*?\},\n\s*', "", whole))
    fresh = results("study")["runs"]
    equal(fresh, [r for r in before if STALE not in r["method"]])
    done = study("study", "--lambda", "0.1,1", "--resume")
    equal(len(re.findall(r": finished before$", done.err, re.M)), 6)
    after = results("study")["runs"]
    equal(after[:12], fresh)
    stale = [[(r["setting"], r["method"], r["lambda"], r["importance"]) for r in runs if STALE in r["method"]]
             for runs in (before, after[12:])]
    equal(*stale)
    equal(len(stale[0]), 2)
    write("study/results.json", whole)


@test("study simulations --resume: nothing is run again, other settings are added")
def _():
    before = results("study")
    done = study("study", "--lambda", "0.1,1", "--json", at("study.json"), "--resume")
    equal(len(re.findall(r"^setting [12], [\w, ]+: finished before$", done.err, re.M)), 8)
    equal(results("study"), before)
    done = study("study", "--lambda", "0.1,1", "--settings", 3, "--methods", "infodisen", "--resume", "--quiet")
    equal(results("study")["runs"][:-2], before["runs"])
    equal([(r["setting"], r["method"]) for r in results("study")["runs"][-2:]], 2 * [(3, "infodisen")])
    equal(results("study")["configuration"]["made_by"].split("\n")[1], shlex.join(a for a in done.arguments if a != "--resume"))
    equal(len(read_page(at("study/report.html"))[1]), 6)


@test("study simulations --resume: another option is named, a damaged file too, and nothing changes")
def _():
    file, before = at("study/results.json"), state(at("study"))
    for arguments, words in ((["--n", 301], "n is 300 in the results and 301 here"),
                             (["--rate", 0.01], "rate is 0.001 in the results and 0.01 here"),
                             (["--lambda", 1], "lambda is 0.1,1 in the results and 1 here")):
        done = run("study", "simulations", *STUDY, "--lambda", "0.1,1", "--out", at("study"), "--resume", "--quiet", *arguments)
        equal((done.code, done.out), (2, ""), str(done))
        equal(done.err, "study simulations: %s: %s; resume with what they were made with, or start afresh\n" % (file, words))
        equal(state(at("study")), before)
    whole = text(file)
    for content, words in (
            (whole[:-40], "JSON at offset"),
            (whole.replace('"seed": 0, "importance"', '"seed": 1, "importance"', 1), "runs[0] is not the one that is due there"),
            (whole.replace('"seconds": ', '"second": ', 1), "runs[0]: second is"),
            (re.sub(r'\{"setting": 3.*?\},\n\s*', "", whole, count=1), " has 1 models where 2 are due"),
            (whole.replace('1, "method": "factorizedcl, stale', '1, "method": "infodisen, stale', 1),
             "runs[4] is not the one that is due there"),
            (whole.replace('"factorizedcl, stale', '"foo, stale', 1), "there is no method 'foo, stale critic'"),
            ("[1]", "is no results.json of this study")):
        write("study/results.json", content)
        done = run("study", "simulations", *STUDY, "--lambda", "0.1,1", "--out", at("study"), "--resume", "--quiet")
        equal((done.code, done.out, done.err.count("\n")), (65, "", 1), str(done))
        assert done.err.startswith("study simulations: %s: " % file) and words in done.err, done.err
    write("study/results.json", whole)


@test("study simulations without --resume keeps the results of an earlier study under another name")
def _():
    before = text(at("study/results.json"))
    done = study("study", "--lambda", 1, "--settings", 1, "--methods", "indiseek", "--quiet")
    equal(done.err, "warning: %s is there from an earlier study; it is kept as %s, --resume would have gone on with it\n" % (
        at("study/results.json"), at("study/results.previous.json")))
    equal(text(at("study/results.previous.json")), before)
    equal(len(results("study")["runs"]), 1)


@test("study simulations: SIGINT saves, --resume goes on with the same results")
def _():
    more = ["--settings", 1, "--methods", "infodisen,indiseek", "--lambda", 1, "--epochs", 1500, "--n", 500]
    for _turn in range(5):
        shutil.rmtree(at("study-stopped"), ignore_errors=True)
        line = [program("study"), "simulations", *STUDY, "--out", at("study-stopped"), *[str(word) for word in more]]
        process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        until = time.time() + PATIENCE
        while process.poll() is None and not os.path.exists(at("study-stopped/checkpoint.1-indiseek.safetensors")) and time.time() < until:
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=PATIENCE)
        if process.returncode != 0:
            break                   # else this process slept too long
    equal(process.returncode, 75, err)
    equal([r["method"] for r in results("study-stopped")["runs"]], ["infodisen"])
    line = re.search(r"^to go on:  (.*)$", err, re.M).group(1)
    done = subprocess.run(line, shell=True, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    equal(done.returncode, 0, done.stderr)
    inside("setting 1, infodisen: finished before\n", done.stderr)
    inside("resumed from %s after round" % at("study-stopped/checkpoint.1-indiseek.safetensors"), done.stderr)
    equal(sorted(os.listdir(at("study-stopped"))), ["manifest.sha256", "report.html", "results.json"])
    study("study-whole", *more)
    equal(*([(r["method"], r["importance"], r["reconstruction_error"]) for r in results(name)["runs"]]
            for name in ("study-stopped", "study-whole")))


# ---- study probe and time ---------------------------------------------------------------------------------------------

PROBE = "--lambda 0.1,10 --seeds 2 --epochs 2 --shared-epochs 2 --residual-epochs 2 --test 0.25".split() + SIZE
CONTROLS = ["autoencoder", "random-z", "random", "raw", "majority"]


def probe_labels(*columns):
    return ["--labels", at("labels.tsv") + ":" + ",".join(columns or ("kind",))]


def probe(out, *arguments, code=0, labels=("kind",)):
    done = run("study", "probe", *views(), *probe_labels(*labels), *PROBE, "--label-ignore", "unknown", "--out", at(out), *arguments)
    equal(done.code, code, str(done))
    return done


def measured(out):
    """The runs of results.json without their seconds."""
    return [{key: value for key, value in each.items() if key != "seconds"} for each in results(out)["runs"]]


def names_of_methods():
    listed = METHODS.replace(" and ", ", ").split(", ")
    return [name for name in listed if name in {each["method"] for each in results("probe")["runs"]}]


@test("study probe: every method by lambda and seed, and what the paper omits; results.json, --json and report.html")
def _():
    done = probe("probe", "--json", at("probe.json"))
    equal(sorted(os.listdir(at("probe"))), ["manifest.sha256", "report.html", "results.json"])
    found = results("probe")
    equal(found["runs"], json.loads(text(at("probe.json"))))
    methods = names_of_methods()
    known = ["indiseek", "indiseek0", "clip", "factorizedcl", "infodisen", "residual-indiseek"]
    assert set(known) <= set(methods), methods
    free = {r["method"] for r in found["runs"] if r["lambda"] is None}          # of lambda
    equal([name for name in known if name in free], ["clip"])
    wanted = []
    for name in methods:
        wanted += [(name, 3, value, seed) for value in ([None] if name in free else [0.1, 10]) for seed in (0, 1)]
    for name in CONTROLS[:3]:
        wanted += [(name, 3, None, seed) for seed in (0, 1)]
    wanted += [(name, None, None, None) for name in CONTROLS[3:]]
    equal([(r["method"], r["dim"], r["lambda"], r["seed"]) for r in found["runs"]], wanted)
    for each in found["runs"]:
        equal(sorted(each), ["completeness_knn", "completeness_mlp", "completeness_ridge", "dim", "diverged", "lambda", "leakage_knn",
                             "leakage_mlp", "leakage_ridge", "method", "seconds", "seed", "test", "test_balanced", "validation",
                             "validation_balanced"])
        assert len(each["test"]) == 1 and 0 <= each["test"][0] <= 1, each
        trained, parted = each["seed"] is not None, each["seed"] is not None and each["method"] != "clip"
        for key in each if each["method"] in known + CONTROLS else ():          # a method of the future may lack some
            if key.startswith(("leakage", "completeness")):
                there = parted if key.startswith("leakage") else trained
                assert len(each[key]) == 2 and all((value is not None and value <= 1) == there for value in each[key]), (key, each)
        assert (each["validation"][0] is None) == (each["method"] == "majority"), each
    equal({r["diverged"] for r in found["runs"] if r["seed"] is not None}, {0})
    for key, value in {"lambda": "0.1,10", "seeds": 2, "tasks": "kind", "epochs": 2, "dims": "3", "probe": "standardized",
                       "x1": "z-score", "made_by": shlex.join(done.arguments)}.items():
        equal(found["configuration"][key], value, key)
    majority = found["runs"][-1]["test"][0]
    inside("majority %.1f %% of the test rows" % (100 * majority), done.err)
    assert re.search(r"^majority class +%.2f +%.2f *$" % (100 * majority, 100 * majority), done.out, re.M), done.out
    page, pictures = read_page(at("probe/report.html"))
    equal(len(pictures), 2)
    words = " ".join(page.words)
    for each in ("λ = 0.1", "best on test, as the paper", "chosen on validation", "raw features", "majority class", "Z1 → C2: mlp",
                 "Z2, C2 → X2: ridge", "%.2f" % (100 * majority), shlex.join(done.arguments), *methods):
        inside(each, words)


@test("study probe: means and standard errors are those of the runs")
def _():
    runs = [r["test"][0] for r in results("probe")["runs"] if r["method"] == "factorizedcl" and r["lambda"] == 10]
    mean = sum(runs) / 2
    words = "%.2f (%.2f)" % (100 * mean, 100 * abs(runs[0] - runs[1]) / 2)
    inside(words, " ".join(read_page(at("probe/report.html"))[0].words))


@test("study probe --resume: nothing is run again; another option or other data are named")
def _():
    before = results("probe")
    done = probe("probe", "--resume")
    equal(len(re.findall(r"^[a-z0-9-]+: finished before$", done.err, re.M)), len(names_of_methods()) + 3)
    equal(results("probe"), before)
    kept = state(at("probe"))
    inside("epochs is 2 in the results and 3 here", probe("probe", "--resume", "--epochs", 3, code=2).err)
    done = probe("probe", "--resume", "--x1", write("other.npy", npy([[v + (i == 3) for v in row] for i, row in enumerate(x[0])])), code=2)
    assert re.search(r": data is [0-9a-f]{16} in the results and [0-9a-f]{16} here; ", done.err), done.err
    inside("tasks is kind in the results and kind,group here", probe("probe", "--resume", labels=("kind", "group"), code=2).err)
    equal(state(at("probe")), kept)


@test("study probe: SIGINT saves, --resume goes on with the same results")
def _():
    more = ["--methods", "infodisen,indiseek", "--epochs", 1200]
    for _turn in range(5):
        shutil.rmtree(at("probe-stopped"), ignore_errors=True)
        line = [program("study"), "probe", *views(), *probe_labels(), *PROBE, "--label-ignore", "unknown", "--out", at("probe-stopped"),
                *[str(word) for word in more]]
        process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        until = time.time() + PATIENCE
        while process.poll() is None and not os.path.exists(at("probe-stopped/checkpoint.indiseek-3.safetensors")) and time.time() < until:
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=PATIENCE)
        if process.returncode != 0:
            break                   # else this process slept too long
    equal(process.returncode, 75, err)
    equal({r["method"] for r in results("probe-stopped")["runs"]}, {"infodisen"})
    line = re.search(r"^to go on:  (.*)$", err, re.M).group(1)
    done = subprocess.run(line, shell=True, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    equal(done.returncode, 0, done.stderr)
    inside("infodisen: finished before\n", done.stderr)
    inside("resumed from %s after round" % at("probe-stopped/checkpoint.indiseek-3.safetensors"), done.stderr)
    equal(sorted(os.listdir(at("probe-stopped"))), ["manifest.sha256", "report.html", "results.json"])
    probe("probe-whole", *more)
    equal(measured("probe-stopped"), measured("probe-whole"))


@test("study probe: several tasks and dimensions; split and groups from files; labels from a .npy")
def _():
    r = random.Random(5)
    parts = ["train" if i % 4 < 2 else "valid" if i % 4 == 2 else "test" for i in range(ROWS)]
    write("parts.txt", "".join(each + "\n" for each in parts))
    write("parts.npy", npy([[{"train": 0, "valid": 1, "test": 2}[each]] for each in parts], dtype="<i4"))
    write("tasks.npy", npy([[int(x[0][i][0] > 0), r.randrange(3)] for i in range(ROWS)], dtype="<i4"))
    some = ["--methods", "indiseek", "--dims", "2,4", "--labels", at("tasks.npy"),
            *[w for w in PROBE if w not in ("--dim", "--shared-dim", "3", "4")]]
    found = []
    for name in ("parts.txt", "parts.npy"):
        done = run("study", "probe", *views(), *some, "--split", at(name), "--out", at("tasks-" + name))
        equal(done.code, 0, str(done))
        inside("rows: 60 train, 30 validation, 30 test\n", done.err)
        found.append(measured("tasks-" + name))
    equal(found[0], found[1])
    each = [("indiseek", 4)] + [(name, 2) for name in CONTROLS[:3]]
    equal([(r["method"], r["dim"]) for r in found[0]],
          [(name, 2) for name, count in each for _model in range(count)] + [(name, None) for name in CONTROLS[3:]] +
          [(name, 4) for name, count in each for _model in range(count)])
    assert all(len(r["test"]) == 2 for r in found[0])
    words = " ".join(read_page(at("tasks-parts.txt/report.html"))[0].words)
    for each in ("outdim = 4", "mean over the tasks", "accuracy, %: 2"):
        inside(each, words)
    done = run("study", "probe", *views(), *probe_labels(), *PROBE, "--label-ignore", "unknown", "--methods", "clip", "--groups",
               at("labels.tsv") + ":group", "--out", at("grouped"))
    equal(done.code, 0, str(done))
    inside("; no group is divided\n", done.err)


@test("study probe: files that are sorted, with test rows first and a view that few of the first rows have")
def _():
    parts = ["test" if i < 40 else "validation" if i < 50 else "train" for i in range(ROWS)]
    write("sorted.txt", "".join(each + "\n" for each in parts))
    write("sorted.csv", "".join("%d\n" % (i % 20 == 0 or i >= 90) for i in range(ROWS)))
    done = run("study", "probe", *views(), *PROBE, "--labels", write("alternating.npy", npy([[i % 2] for i in range(ROWS)], dtype="<i4")),
               "--split", at("sorted.txt"), "--x2-present", at("sorted.csv"), "--methods", "indiseek,clip,residual-indiseek", "--out",
               at("sorted"))
    equal(done.code, 0, str(done))
    equal({r["method"] for r in results("sorted")["runs"] if r["lambda"] is not None}, {"indiseek", "residual-indiseek"})


@test("study probe: with 400 test rows regressions are fitted, chosen and scored on those alone")
def _():
    r = random.Random(7)
    both = [[r.gauss(0, 1) for _column in range(2)] for _row in range(900)]
    for i in (1, 2):
        write("many%d.npy" % i, npy([[*row, r.gauss(0, 1)] for row in both]))
    labels = write("many.npy", npy([[int(row[0] > 0)] for row in both], dtype="<i4"))
    found = []
    for test, words in ((0.5, "regressions are fitted on 60 % of the test rows, which no network saw, chosen on 15 % and scored on 25 %\n"),
                        (0.4, "regressions are fitted on training rows and scored on test rows, of which fewer than 400 have "
                              "every view\n")):
        done = run("study", "probe", "--x1", at("many1.npy"), "--x2", at("many2.npy"), *PROBE, "--labels", labels, "--methods", "indiseek",
                   "--test", test, "--out", at("many"))
        equal(done.code, 0, str(done))
        inside("leakage and completeness: " + words, done.err)
        found.append(results("many")["configuration"]["regressions_on"])
        assert all(None not in each[key] for each in results("many")["runs"] if each["method"] == "indiseek"
                   for key in ("leakage_ridge", "leakage_mlp", "completeness_ridge", "completeness_knn")), results("many")["runs"]
    equal(found, ["parts of the test rows", "training rows"])


@test("study time: seconds and steps of every method that trains specific features, the paper's beside them")
def _():
    some = ["--methods", "infodisen,clip,indiseek", "--repetitions", 2, "--epochs", 2, "--batch", 64]
    done = run("study", "time", "--like", "mustard", *some, "--out", at("time"), "--json", at("time.json"))
    equal(done.code, 0, str(done))
    inside("clip trains no specific features\n", done.err)
    found = results("time")
    equal(found["runs"], json.loads(text(at("time.json"))))
    equal([(r["data"], r["method"], r["seed"], r["rows"], r["columns"], r["epochs"], r["steps"], r["paper_seconds_2000_epochs"])
           for r in found["runs"]],
          [("mustard", name, seed, 414, [371, 300], 2, 14, value) for name, value in (("infodisen", 265), ("indiseek", 263))
           for seed in (0, 1)])
    for each in found["runs"]:
        assert each["seconds"] > 0 and abs(each["seconds"] / 14 - each["seconds_per_step"]) < 1e-6, each
    for key in ("machine", "threads", "made_by", "made_on"):
        assert key in found["configuration"], key
    inside("of the size of mustard: 414 rows of 371 + 300", " ".join(read_page(at("time/report.html"))[0].words))
    done = run("study", "time", *views(), *some, "--json", at("time.json"))
    equal(done.code, 0, str(done))
    equal({(r["data"], r["rows"], r["paper_seconds_2000_epochs"]) for r in json.loads(text(at("time.json")))}, {("data", ROWS, None)})
    done = run("study", "time", *views(), "--x2", at("steps.npy"), "--x2-lengths", at("lengths.npy"), "--methods", "residual", "--out",
               at("time-own"))
    equal(done.code, 0, str(done))
    assert re.search(r"^residual +[0-9.]+ +- *$", done.out, re.M), done.out
    words = " ".join(read_page(at("time-own/report.html"))[0].words)
    inside("data: 120 rows of 5 + 5 x 2", words)
    assert "MLPs on vectors" not in words, words


# ---- devices ----------------------------------------------------------------------------------------------------------

# What stands in for driver and NVRTC: its kernels are C, run by an emulator.
STANDIN = os.path.abspath("build/objects/%s/tests/gpu/emulator/libstandin.so" %
                          (os.path.basename(BUILD) if BUILD != "build" else "release"))
NO_DRIVER = "there is no GPU driver: /nowhere/libcuda.so.1: "


def gpu():
    if not os.path.exists(STANDIN):
        raise Skip("there is no %s" % STANDIN)
    return {"INDISEEK_CUDA_LIB": STANDIN, "INDISEEK_NVRTC_LIB": STANDIN}


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
# "a, b and c", as the header declares them.
METHODS = re.search(r"INDISEEK_DATA const isk_method ([^;]*);", text("indiseek.h")).group(1)
METHODS = re.sub("isk_|_method", "", METHODS).replace("_", "-")
METHODS = " and ".join(", ".join(METHODS.replace(",", " ").split()).rsplit(", ", 1))
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
bad("every column constant", 65, "view 1 is zero in every training row; there is nothing to encode", "--x1",
    lambda: write("same.npy", npy([[3, 4]] * ROWS)))
bad("more components than columns", 2, "--x1-pca is 9, but 86 training rows of 5 columns have at most 5 principal components",
    "--x1-pca", 9)

bad("labels of another length", 65, at("l90.tsv") + ": has 90 labels where 120 rows are due", "--labels",
    lambda: write("l90.tsv", "kind\n" + "a\n" * 90) + ":kind")
bad("no such column of labels", 2, at("labels.tsv") + ": has no column 'kinds'; its first line has 3 fields, the last is 'group'",
    "--labels", at("labels.tsv") + ":kinds")
bad("a label of its own for each row", 65, "120 rows at validation 0 and test 0.2 leave the test part without a row", "--labels",
    at("labels.tsv") + ":cell")
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
bad("study without a name", 2, "a study is missing: simulations, probe, truth or time", command="study", usage=True)
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
