#!/usr/bin/env python3
# build: indiseek standin
"""indiseek fit, transform and evaluate as their users run them: files in, files out, the same bits whatever the way.

Runs the program from BUILD on tiny data of its own; scratch data under build/, removed when all is well.
"""
import gzip
import json
import os
import re
import shutil
import struct
import subprocess
import sys

sys.path[:0] = ["tests/base", "tests/runs"]
from programs import (
    counts, disown, epochs_of, FEATURES, features_of, fit, groups, LABELS, labels, lengths, lines, MASKED, METHOD, metrics,
    mtx, NAN, npy, npy_read, PATIENCE, present, program, read, read_page, records, RESULTS, ROWS, run, SEQUENCE, sha, SMALL,
    state, STEPS, table, text, THREE, TOKENS, transposed, views, write, x)
from tap import Skip, at, equal, inside, main, test


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
    read_page(at("three-views/report.html"))
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


if __name__ == "__main__":
    sys.exit(main())
