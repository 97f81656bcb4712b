#!/usr/bin/env python3
# build: indiseek
"""indiseek integrate: cells of several batches from files to latents, new cells by the model alone, stopping and going on, and one
sentence for everything that is wrong with what it is given.

Runs the program from BUILD on tiny simulated data; scratch data under build/, removed when all is well.
"""
import csv
import json
import math
import os
import random
import signal
import subprocess
import sys

sys.path[:0] = ["tests/base", "tests/runs"]
from programs import lines, metrics, npy_read, PATIENCE, program, read_page, run, sha, state, text, wait_for_records, write
from tap import at, equal, inside, main, Skip, test

CELLS, GENES, TYPES = 70, 60, 3         # of a batch
BATCHES = ["north", "south", "west"]
SMALL = "--width 16 --epochs 4 --batch-size 32 --no-umap --invariant-dim 10 --spurious-dim 5".split()
SOME = ["adata.h5ad", "cells.tsv", "config.json", "genes.tsv", "integration.tsv", "invariant.npy", "log.jsonl", "manifest.sha256",
        "metrics.json", "model.safetensors", "report.html", "split.tsv", "spurious.npy", "told.tsv"]


# ---- data -------------------------------------------------------------------------------------------------------------

def poisson(r, mean):
    limit, count, product = math.exp(-mean), 0, r.random()
    while product > limit:
        count += 1
        product *= r.random()
    return count


def simulate():
    """Counts by type and batch: genes 0 to 29 tell types, 30 to 49 batches; gene 59 is never counted."""
    r = random.Random(5)
    marks = [[r.random() * 6 for _ in range(GENES)] for _ in range(TYPES)]
    shifts = [[math.exp(r.gauss(0, 0.8)) if 30 <= g < 50 else 1 for g in range(GENES)] for _ in BATCHES]
    cells = []
    for b, batch in enumerate(BATCHES):
        for i in range(CELLS):
            kind = r.randrange(TYPES)
            counts = [poisson(r, (marks[kind][g] if g < 30 else 2) * shifts[b][g]) if g < 59 else 0 for g in range(GENES)]
            cells.append({"cell": "%s_%d" % (batch, i), "batch": batch, "type": "T%d" % kind, "age": "%.2f" % (20 + 50 * r.random()),
                          "stage": "late" if r.random() < 0.5 else "early", "counts": counts})
    return cells


cells = simulate()


def table_of(name, some, genes=range(GENES), name_of="g%d", key="cell"):
    return write(name, "\n".join(",".join(row) for row in [["cell"] + [name_of % g for g in genes]] +
                                 [[c[key]] + [str(c["counts"][g]) for g in genes] for c in some]) + "\n")


def known_of(name, some, columns=("batch", "type", "age", "stage")):
    return write(name, "\n".join("\t".join(row) for row in [("cell",) + tuple(columns)] + [(c["cell"],) + tuple(c[k] for k in columns)
                                                                                        for c in some]) + "\n")


ALL, KNOWN = table_of("all.csv", cells), known_of("known.tsv", cells)


def integrate(out, *arguments, files=(ALL,)):
    return run("indiseek", "integrate", *files, "--out", at(out), *arguments)


def must(out, *arguments, files=(ALL,)):
    done = integrate(out, *arguments, files=files)
    assert done.code == 0, str(done)
    return done


def columns_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


TOLD = ["--cells", KNOWN, "--batch", "batch", "--labels", "type", "--spurious", "age", "--invariant", "stage"]


# ---- what it leaves ---------------------------------------------------------------------------------------------------

@test("one table: latents, predictions, scores and a page; what is said of it")
def _():
    done = must("first", *TOLD, *SMALL, "--hide-labels", "0.2")
    for words in ("rna: 59 of 60 genes; 1 have no count in the cells that train and are left out\n", "in 3 batches by batch\n",
                  "type: 3 types; 210 of 210 cells have one, and training is told 168 of these\n", "spurious: age (numbers)\n",
                  "invariant: stage (2 levels)\n"):
        inside(words, done.err)
    left = sorted(os.listdir(at("first")))
    equal([name for name in left if name != "adata.h5ad"], [name for name in SOME if name != "adata.h5ad"])
    equal(npy_read(at("first/invariant.npy"))[0], len(cells))
    equal(len(lines(at("first/genes.tsv"))), 60)
    rows = columns_of(at("first/cells.tsv"))
    equal([row["cell"] for row in rows], [c["cell"] for c in cells])
    equal(sum(float(row["indiseek_label_hidden"]) for row in rows), 42)
    assert {row["indiseek_label"] for row in rows} <= {"T0", "T1", "T2"}
    assert all(1 / 3 - 1e-6 <= float(row["indiseek_label_probability"]) <= 1 for row in rows)
    for batch in BATCHES:                       # every batch alike
        equal(sum(row["batch"] == batch and row["indiseek_part"] == "validation" for row in rows), 7)
    found = metrics(at("first"))
    equal((found["cells"], found["genes"], found["predicted"]["hidden_labels"], found["labels_of_one_batch"]), (210, 59, 42, []))
    for side in ("before", "invariant"):
        assert 0 <= found[side]["hidden_accuracy"] <= 1, found[side]
    equal({key: len(found["integration"][key]["after"]) for key in ("all", "hidden")}, {"all": 13, "hidden": 13})
    read_page(at("first/report.html"))
    inside("42 cells whose labels were hidden", text(at("first/report.html")))


@test("the line in config.json repeats the run, to the bit")
def _():
    done = run("indiseek", "integrate", "--config", at("first/config.json"), "--no-umap", "--out", at("again"))
    equal(done.code, 0, str(done))
    equal(sha(at("again/model.safetensors")), sha(at("first/model.safetensors")))


@test("without labels; types of one batch are named")
def _():
    done = must("plain", "--cells", KNOWN, "--batch", "batch", *SMALL)
    inside("There are no labels", done.out)
    assert "indiseek_label" not in text(at("plain/cells.tsv"))
    other = known_of("one.tsv", [dict(c, type="rare") if c["batch"] == "west" and c["type"] == "T0" else c for c in cells])
    done = must("rare", "--cells", other, "--batch", "batch", "--labels", "type", *SMALL)
    inside("This type occurs in one batch only and cannot be told apart from batch: rare.", done.out)
    equal(metrics(at("rare"))["labels_of_one_batch"], ["rare"])


@test("several files are batches: genes in common, and how many are lost")
def _():
    files = [table_of("north.csv", cells[:CELLS]), table_of("south.csv", cells[CELLS:2 * CELLS], range(5, GENES))]
    done = must("files", *SMALL, files=files)
    inside("55 genes are in all 2 files; left out: 5 of the 60 of north\n", done.err)
    inside("in 2 batches by file\n", done.err)
    equal({row["file"] for row in columns_of(at("files/cells.tsv"))}, {"north", "south"})
    done = run("indiseek", "integrate", "--config", at("files/config.json"), "--no-umap", "--out", at("files2"))
    equal((done.code, sha(at("files2/model.safetensors"))), (0, sha(at("files/model.safetensors"))), "the files of config.json")
    alike = [dict(c, cell="c%d" % (i % CELLS)) for i, c in enumerate(cells[:2 * CELLS])]
    files = [table_of("s1.csv", alike[:CELLS]), table_of("s2.csv", alike[CELLS:])]
    done = must("alike", *SMALL, files=files)
    inside("files have cells of the same name: each gets that of its file behind it, as 'c0-s1'\n", done.err)
    files[1] = table_of("ids.csv", cells[CELLS:2 * CELLS], name_of="ENSG00000%06d")
    done = integrate("ids", *SMALL, files=files)
    equal(done.code, 65)
    inside("; one names Ensembl's ids and the other symbols: name both alike\n", done.err)


@test("denoised: of 10000 counts, at the cell's own batch, at another, at the mean of all")
def _():
    must("own", *TOLD, *SMALL, "--denoised")
    rows, cols, values = npy_read(at("own/denoised.npy"))
    equal((rows, cols), (210, 59))
    for i in range(0, rows, 50):
        assert abs(sum(values[i * cols:(i + 1) * cols]) - 10000) < 1
    must("west", *TOLD, *SMALL, "--as-batch", "west")
    must("mean", *TOLD, *SMALL, "--as-batch", "mean")
    equal(sha(at("west/model.safetensors")), sha(at("own/model.safetensors")))
    west, mean = npy_read(at("west/denoised.npy"))[2], npy_read(at("mean/denoised.npy"))[2]
    equal(west[140 * cols:], values[140 * cols:], "cells of that batch are as they are")
    assert west[:cols] != values[:cols] and mean[:cols] != west[:cols]
    done = integrate("none", *TOLD, *SMALL, "--as-batch", "wets")
    equal((done.code, os.path.exists(at("none/model.safetensors"))), (2, False), str(done))
    inside("--as-batch: 'wets' is no batch that the model was trained on, nor mean; did you mean 'west'?\n", done.err)


# ---- new cells --------------------------------------------------------------------------------------------------------

def query(out, *arguments, files=(ALL,)):
    return integrate(out, "--model", at("first"), "--no-umap", *arguments, files=files)


@test("a model maps the cells that it was trained on to the same bits, whatever order genes and levels have")
def _():
    done = query("same", "--cells", KNOWN)
    equal(done.code, 0, str(done))
    inside("of 210 cells whose type is known the model names ", done.err)
    equal(sha(at("same/invariant.npy")), sha(at("first/invariant.npy")))
    equal(sha(at("same/spurious.npy")), sha(at("first/spurious.npy")))
    turned = [dict(c, batch="a_new_one" if c["batch"] == "north" else c["batch"]) for c in cells]
    other = known_of("turned.tsv", turned, ("stage", "batch", "age"))
    done = query("turned", "--cells", other, "--denoised", files=(table_of("turned.csv", cells, range(GENES - 1, -1, -1)),))
    equal(done.code, 0, str(done))
    inside("batch 'batch': 70 of 210 cells are of levels that training did not have (a_new_one) and count as unknown\n", done.err)
    equal(sha(at("turned/invariant.npy")), sha(at("first/invariant.npy")))
    done = query("bare", "--denoised")              # nothing is known of these
    equal(done.code, 0, str(done))
    inside("batch: these cells have no column 'batch': it counts as unknown\n", done.err)


@test("genes that new cells lack are zeros and said; more than a fifth is refused, unless forced")
def _():
    some = table_of("some.csv", cells, range(4, GENES))
    done = query("some", files=(some,))
    equal(done.code, 0, str(done))
    inside("warning: 4 of the 59 genes that the model was trained on are missing, and count as zeros\n", done.err)
    few = table_of("few.csv", cells, range(30, GENES))
    done = query("few", files=(few,))
    equal((done.code, os.path.exists(at("few/invariant.npy"))), (65, False), str(done))
    inside("30 of the 59 genes that the model was trained on are missing, which is more than a fifth (its first is 'g0', the data's "
           "'g30'); "
           "--force takes them as zeros\n", done.err)
    equal(query("few", "--force", files=(few,)).code, 0)


@test("a model of something else, and the folder of the model itself, are refused")
def _():
    before = state(at("first"))
    done = run("indiseek", "integrate", "--model", at("first"), ALL, "--out", at("first"))
    equal(done.code, 2, str(done))
    inside("--out is the folder of the model, whose files would be written over\n", done.err)
    equal(state(at("first")), before)
    done = run("indiseek", "integrate", "--model", at("first"), ALL, "--batch", "batch", "--out", at("x"))
    equal(done.code, 2)
    inside("--model knows its columns; --batch, --labels, --invariant and --spurious are for training\n", done.err)
    done = run("indiseek", "integrate", "--model", at("first"), ALL, "--resume", "--out", at("x"))
    equal(done.code, 2)
    inside("--resume is for training, and --model trains nothing\n", done.err)


@test("an encoder that takes the labels: said wherever its embedding is")
def _():
    done = must("published", *TOLD, *SMALL, "--encoder", "published")
    inside("The labels were inputs of this embedding: scores of label conservation on the same labels are not evidence.", done.out)
    inside("Labels were inputs", text(at("published/report.html")))
    done = run("indiseek", "integrate", "--model", at("published"), ALL, "--no-umap", "--out", at("published2"))
    equal(done.code, 0, str(done))
    inside("warning: the encoder of this model takes covariates: ", done.err)
    assert "were inputs" not in text(at("first/report.html"))


# ---- what differs ------------------------------------------------------------------------------------------------------

def differ(out, *arguments):
    return run("indiseek", "differ", "--model", at("first"), "--out", at(out), *arguments)


@test("differ: a line a gene, the likeliest first, raw means beside; cells are those of the run or others")
def _():
    done = differ("differ", "--group", "T0", "--against", "T1")
    equal(done.code, 0, str(done))
    rows = columns_of(at("differ/differ.tsv"))
    equal(len(rows), 59)
    chances = [float(row["probability"]) for row in rows]
    equal(chances, sorted(chances, reverse=True))
    for row in rows:
        number = {key: float(value) for key, value in row.items() if key != "gene"}
        assert 0 <= number["probability_up"] <= 1 and number["low"] <= number["log2_change"] <= number["high"], row
    raw = {row["gene"]: (float(row["mean_group"]), float(row["mean_against"])) for row in rows}
    ones = [c for c in cells if c["type"] == "T0"]
    due = sum(10000 * c["counts"][7] / sum(c["counts"]) for c in ones) / len(ones)
    assert abs(raw["g7"][0] - due) < 1e-3 * due, (raw["g7"], due)
    again = run("indiseek", "differ", "--model", at("first/model.safetensors"), ALL, "--cells", KNOWN, "--group", "T0", "--against",
                "T1", "--out", at("differ2"))
    equal(again.code, 0, str(again))
    equal(sha(at("differ2/differ.tsv")), sha(at("differ/differ.tsv")))
    done = differ("differ3", "--by", "batch", "--group", "north")
    equal(done.code, 0, str(done))
    inside("warning: no batch has cells of both groups", done.err)


@test("differ: what is wrong is said")
def _():
    for line, code, words in ((["--group", "T9"], 2, "--group: no cell's type is 'T9'\n"),
                              (["--group", "T0", "--against", "T0"], 2, "--group and --against are both 'T0'\n"),
                              (["--by", "typo", "--group", "T0"], 2, "--by: nothing is known of the cells by the name 'typo'; did you "
                               "mean 'type'?\n"),
                              ([], 2, "--group NAME is missing\n")):
        done = differ("x", *line)
        equal(done.code, code, str(done))
        inside(words, done.err)
        assert not os.path.exists(at("x/differ.tsv"))


# ---- what is wrong ----------------------------------------------------------------------------------------------------

@test("one sentence for what is wrong with data or line, and nothing is written")
def _():
    changed = [dict(c, counts=list(c["counts"])) for c in cells]
    normal = table_of("normal.csv", [dict(c, counts=["%.3f" % math.log1p(n) for n in c["counts"]]) for c in cells])
    changed[3]["counts"][2] = 30.5
    fraction = table_of("fraction.csv", changed)
    changed[3]["counts"][2] = -1
    negative = table_of("negative.csv", changed)
    empty = [dict(c, counts=[0] * GENES) if c["cell"] == "south_4" else c for c in cells]
    empty = table_of("empty.csv", empty)
    extra = known_of("extra.tsv", [dict(c, one="x", twin="of " + c["batch"], name=c["cell"], flat="2.5") for c in cells],
                     ("batch", "type", "age", "stage", "one", "twin", "name", "flat"))
    cases = [
        (normal, ["--batch", "batch"], 65, ": these look log-normalised: max "),
        (fraction, ["--batch", "batch"], 65, "cell 'north_3', gene 'g2' is 30.5, which is no whole number: these look normalised"),
        (fraction, ["--batch", "batch"], 65, "; give --counts LAYER, which may be raw, or --likelihood gaussian\n"),
        (negative, ["--batch", "batch"], 65, "cell 'north_3', gene 'g2' is -1, and counts are not negative"),
        (empty, ["--batch", "batch"], 65, "cell 'south_4' has no count over the 59 genes that are learned from; --drop-empty leaves such "
         "cells "
         "out\n"),
        (ALL, [], 2, "there is one batch: --batch COLUMN says which batch each cell is of, or give a file a batch\n"),
        (ALL, ["--batch", "one"], 65, "--batch: column 'one' has one level in the cells that train, 'x'; it needs two levels\n"),
        (ALL, ["--batch", "name"], 65, "--batch: column 'name' is another in each of the "),
        (ALL, ["--batch", "batc"], 2, "--batch: nothing is known of the cells by the name 'batc'; did you mean 'batch'?\n"),
        (ALL, ["--batch", "batch", "--labels", "twin"], 65, "--labels: column 'twin' divides the cells as the batch, 'batch', does"),
        (ALL, ["--batch", "batch", "--spurious", "flat"], 65, "--spurious: column 'flat' is the same number in the cells that train, and "
         "says "),
        (ALL, ["--batch", "batch", "--spurious", "stage", "--numbers", "stage"], 65, "--spurious: column 'stage' is words, such as "),
        (ALL, ["--batch", "batch", "--spurious", "age", "--invariant", "stage,age"], 2, "column 'age' stands in --invariant and in "
         "--spurious"),
        (ALL, ["--batch", "batch,stage"], 2, "--batch batch,stage: names 2 columns, and takes one; --spurious takes more\n"),
        (ALL, ["--batch", "batch", "--invariant-dim", "x"], 2, "invariant_dim"),
    ]
    for number, (file, line, code, words) in enumerate(cases):
        name = "wrong%d" % number
        done = integrate(name, "--cells", extra, *SMALL, *line, files=(file,))
        equal(done.code, code, str(done))
        inside(words, done.err)
        equal([left for left in (os.listdir(at(name)) if os.path.exists(at(name)) else []) if not left.startswith(".")], [], str(done))
    done = must("dropped", "--cells", extra, "--batch", "batch", "--drop-empty", *SMALL, files=(empty,))
    inside("1 cells without a count over these genes are left out\n", done.err)
    equal(npy_read(at("dropped/invariant.npy"))[0], 209)
    must("numbers", "--cells", extra, "--batch", "batch", "--likelihood", "gaussian", *SMALL, files=(fraction,))
    done = run("indiseek", "integrate", "--out", at("x"))
    equal((done.code, done.out), (2, ""))
    inside("FILE is missing", done.err)


# ---- stopping and going on --------------------------------------------------------------------------------------------

@test("interrupted and resumed: the same bits")
def _():
    line = [program("indiseek"), "integrate", ALL, *TOLD, *SMALL, "--epochs", "600", "--checkpoint-every", "5", "--patience", "0", "--out"]
    whole = subprocess.run(line + [at("whole")], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    equal(whole.returncode, 0, whole.stderr)
    process = subprocess.Popen(line + [at("halves")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for_records(process, at("halves/log.jsonl.new"), 40)
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=PATIENCE)
    equal(process.returncode, 75, err)
    inside("to go on: ", err)
    done = subprocess.run(line + [at("halves"), "--resume"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    equal(done.returncode, 0, done.stderr)
    for name in ("model.safetensors", "invariant.npy", "spurious.npy"):
        equal(sha(at("halves/" + name)), sha(at("whole/" + name)), name)


# ---- HDF5 -------------------------------------------------------------------------------------------------------------

@test("a user's .h5ad gets the results beside what is in it, and counts from a layer")
def _():
    source = at("first/adata.h5ad")
    if not os.path.exists(source):
        raise Skip("made without HDF5")
    done = must("h5", "--batch", "batch", "--labels", "type", "--denoised", *SMALL, files=(source,))
    assert done.err.count("warning") == 0, done.err
    done = must("layer", "--batch", "batch", "--counts", "denoised", "--likelihood", "gaussian", *SMALL, files=(at("h5/adata.h5ad"),))
    python = next((p for p in (sys.executable, "/usr/bin/python3") if os.path.exists(p) and
                   subprocess.run([p, "-c", "import h5py"], capture_output=True).returncode == 0), None)
    if not python:
        raise Skip("no Python with h5py")
    script = """
import h5py, numpy, sys
one, two = h5py.File(sys.argv[1]), h5py.File(sys.argv[2])
assert (one["X/data"][:] == two["X/data"][:]).all()
assert sorted(two["obsm"]) == ["X_invae", "X_invae_spurious"], list(two["obsm"])
assert two["obsm/X_invae"].shape[0] == 210
layer = two["layers/denoised"]
assert list(layer.attrs["shape"]) == [210, 60], list(layer.attrs["shape"])
assert abs(layer["data"][:59].sum() - 10000) < 1
assert "indiseek_label" in two["obs"]
"""
    done = subprocess.run([python, "-c", script, source, at("h5/adata.h5ad")], capture_output=True, text=True)
    equal(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    sys.exit(main(1))
