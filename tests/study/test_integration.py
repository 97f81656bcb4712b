#!/usr/bin/env python3
# build: study
"""`study invae` and `study integrate` on few cells: their tables, going on, embeddings from outside, and what they refuse."""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path[:0] = ["tests/base", "tests/runs"]
from browser import Page
from programs import mtx, npy, npy_read, table, transposed, write
from tap import at, equal, inside, main, test

PROGRAM = os.path.join(os.environ.get("BUILD", "build"), "study")
PATIENCE = 300              # seconds for one run; most take a few
FEW = "--width 16 --batch 32 --epochs 2 --seeds 1".split()
SIMULATED = "--cells 480 --genes 40".split() + FEW
INVAE_ROWS = ["truth", "pca", "vae", "cvae", "published", "invae", "ci", "ci-no-dropout", "nfinvae", "inject-ci"]
ROWS = ["pca", "vae", "cvae", "published", "invae", "unlabelled", "ci", "inject-ci", "strong", "classified"]
WITHOUT_SPURIOUS = ["pca", "cvae", "inject-ci"]
os.environ.update(INDISEEK_CUDA_LIB="/nowhere/libcuda.so.1")        # results are the CPU's wherever the tests run


def study(*arguments, code=0):
    done = subprocess.run([PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == code, done
    return done


def results(out):
    with open(at(out + "/results.json"), encoding="utf-8") as file:
        return json.load(file)


def measured(out):
    return [{key: value for key, value in each.items() if key != "seconds"} for each in results(out)["runs"]]


def lines_of(path):
    with open(at(path), encoding="utf-8") as file:
        return [line.split("\t") for line in file.read().split("\n")[:-1]]


def page_of(out):
    with open(at(out + "/report.html"), encoding="utf-8") as file:
        page = file.read()
    parsed = Page()
    parsed.feed(page)
    parsed.close()
    equal((parsed.faults, parsed.open), ([], []))
    return page


def there(values):
    return [value is not None for value in values]


# ---- invae ------------------------------------------------------------------------------------------------------------

@test("invae: every row of both simulations in results.json, invae.tsv, on the terminal and in the report")
def _():
    done = study("invae", *SIMULATED, "--out", at("known"), "--json", at("known.json"))
    equal(sorted(os.listdir(at("known"))), ["invae.tsv", "manifest.sha256", "report.html", "results.json"])
    runs = results("known")["runs"]
    with open(at("known.json"), encoding="utf-8") as file:
        equal(runs, json.load(file))
    equal([(r["data"], r["method"]) for r in runs], [("%s-0" % kind, row) for kind in ("shift", "public") for row in INVAE_ROWS])
    for each in runs:
        shift, spurious = each["data"] == "shift-0", each["method"] not in WITHOUT_SPURIOUS
        for key in ("invariant", "leaks", "invariant_within", "spurious_all"):
            equal(there(each[key]), 2 * [shift], key)
        for key in ("spurious", "leaks_back", "spurious_within"):
            equal(there(each[key]), 2 * [shift and spurious], key)
        for key in ("accuracy_seen", "accuracy_unseen"):
            equal(there(each[key]), 2 * [shift], key)
        for key in ("mcc", "mcc_within", "mcc_public"):
            assert 0 <= each[key] <= 1, each
        assert each["r2_public"] <= 1.001, each
        equal(each["seconds"] is None, each["method"] in ("truth", "pca"))
        if shift and not spurious:
            equal(each["accuracy_seen"][0], each["accuracy_seen"][1])
    truth, pca = runs[:2]
    assert max(truth["invariant"]) > 0.99 and max(truth["spurious"]) > 0.99 and max(truth["leaks"]) < 0.5 and truth["mcc"] > 0.999, truth
    assert pca["accuracy_seen"][0] > 0.8 and max(pca["invariant"]) > 0.5 and max(pca["leaks"]) > 0.5, pca
    found = lines_of("known/invae.tsv")
    equal([line[:2] for line in found[1:]], [[r["data"], r["method"]] for r in runs])
    assert abs(float(found[2][found[0].index("leaks_mlp")]) - pca["leaks"][1]) < 1e-5, found[2]
    equal(found[2][found[0].index("spurious_ridge")], "")
    inside("accuracy_unseen_inv", found[0])
    for each in ("shift: R^2", "leak: ridge", "public protocol", "it is met by no row."):
        inside(each, done.stdout)
    for each in ("Invariant and spurious", "NFinVAE as published", "The public protocol", "%.3f" % max(pca["leaks"])):
        inside(each, page_of("known"))


@test("invae: --resume runs nothing again and adds a simulation and rows; the same alone; another option is named")
def _():
    some = [*SIMULATED, "--out", at("grown")]
    study("invae", *some, "--simulation", "public", "--rows", "invae", "--quiet")
    done = study("invae", *some, "--resume", "--rows", "pca,invae")
    equal(len(re.findall(r": finished before$", done.stderr, re.M)), 1)
    key = lambda run: (run["data"], run["method"])
    equal(sorted(measured("grown"), key=key), sorted((r for r in measured("known") if r["method"] in ("pca", "invae")), key=key))
    inside("unseen_shift is 1.5 in the results and 3 here; ", study("invae", *some, "--resume", "--unseen-shift", 3, code=2).stderr)
    inside("own is invariant_dim=8,spurious_dim=2 in the results and ",
           study("invae", *some, "--resume", "--own", "invariant_dim=4", code=2).stderr)


@test("invae: a batch that is moved further away is harder")
def _():
    seen = {}
    for shift in (0, 20):
        study("invae", *SIMULATED, "--rows", "pca", "--simulation", "shift", "--unseen-shift", shift, "--out", at("moved%d" % shift),
              "--quiet")
        seen[shift] = results("moved%d" % shift)["runs"][0]["accuracy_unseen"][0]
    assert seen[20] < seen[0] - 0.2, seen


@test("invae: SIGINT saves, --resume goes on with the same results")
def _():
    more = [*SIMULATED, "--simulation", "shift", "--rows", "pca,ci", "--epochs", 1500, "--patience", 0, "--out"]
    for _turn in range(5):
        shutil.rmtree(at("stopped"), ignore_errors=True)
        process = subprocess.Popen([PROGRAM, "invae", *map(str, more), at("stopped")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        until = time.time() + PATIENCE
        while process.poll() is None and time.time() < until and not os.path.exists(at("stopped/checkpoint.ci-1.safetensors")):
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=PATIENCE)
        if process.returncode != 0:
            break                   # else this process slept too long
    equal(process.returncode, 75, err)
    equal([r["method"] for r in results("stopped")["runs"]], ["pca"])
    done = subprocess.run(re.search(r"^to go on:  (.*)$", err, re.M).group(1), shell=True, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=PATIENCE)
    equal(done.returncode, 0, done.stderr)
    equal(sorted(os.listdir(at("stopped"))), ["invae.tsv", "manifest.sha256", "report.html", "results.json"])
    study("invae", *more, at("whole"), "--quiet")
    equal(measured("stopped"), measured("whole"))


# ---- integrate --------------------------------------------------------------------------------------------------------

CELLS, GENES, TYPES, BATCHES = 240, 30, 3, 2


def cells():
    """Counts of types and batches that move genes of their own; batch and type of each cell, of which some types are unknown."""
    draw = random.Random(5)
    types = [draw.randrange(TYPES) for _i in range(CELLS)]
    batches = [draw.randrange(BATCHES) for _i in range(CELLS)]
    counts = [[int(draw.expovariate(1 / (1 + 12 * (g % 5 == t) + 6 * (g % 7 == 5 + b)))) for g in range(GENES)]
              for t, b in zip(types, batches)]
    for row in counts:
        row[0] += 1                 # no cell is without counts
    return counts, ["lane %d" % b for b in batches], ["" if i % 24 == 0 else "kind %d" % t for i, t in enumerate(types)]


COUNTS, LANES, KINDS = cells()
DATA = [write("counts.npy", npy(COUNTS)), write("cells.tsv", "lane\tkind\n" + "".join("%s\t%s\n" % each for each in zip(LANES, KINDS)))]
GIVEN = ["--counts", DATA[0], "--batches", DATA[1] + ":lane", "--labels", DATA[1] + ":kind"]


@test("integrate: hidden cells, all cells and each batch left out, in results.json, integrate.tsv, on the terminal and in the report")
def _():
    done = study("integrate", *GIVEN, *FEW, "--out", at("mixed"))
    equal(sorted(os.listdir(at("mixed"))), ["integrate.tsv", "manifest.sha256", "report.html", "results.json"])
    runs = results("mixed")["runs"]
    equal([(r["data"], r["method"]) for r in runs], [(name, row) for name in ("0", "0 without lane 0", "0 without lane 1") for row in ROWS])
    for each in runs:
        whole, name = each["data"] == "0", each["method"]
        equal(all(there(each["hidden"])) and all(there(each["all"])), whole, name)
        equal(any(there(each["unknown"])), whole and name == "published")
        equal(there(each["transfer"]),
              4 * [not whole] + [not whole and name in ("invae", "ci", "inject-ci", "strong", "classified")], name)
        equal(there(each["transfer_balanced"]), there(each["transfer"]))
        if whole:
            score = each["hidden"]
            assert abs(score[10] - sum(score[:5]) / 5) < 1e-9 and abs(score[11] - sum(score[5:10]) / 5) < 1e-9, score
            assert abs(score[12] - 0.4 * score[10] - 0.6 * score[11]) < 1e-9, score
            assert each["hidden"] != each["all"], name
    equal(max(abs(v) for v in runs[0]["all"][4:5]), 0)         # PCA takes nothing away
    assert runs[ROWS.index("pca") + len(ROWS)]["transfer"][0] > 0.8, runs[len(ROWS)]
    found = lines_of("mixed/integrate.tsv")
    equal([line[:2] for line in found[1:]], [[r["data"], r["method"]] for r in runs])
    assert abs(float(found[1][found[0].index("hidden_total")]) - runs[0]["hidden"][12]) < 1e-5, found[1]
    for each in ("all_ilisi", "transfer_linear_inv", "transfer_balanced_own", "unknown_kbet"):
        inside(each, found[0])
    for each in ("hidden labels", "all cells (labels took part)", "batch left out", "inVAE as published, labels unknown"):
        inside(each, done.stdout)
    for each in ("Cells whose labels were hidden", "Labels of a batch that was left out", "%.3f" % runs[0]["hidden"][12]):
        inside(each, page_of("mixed"))


@test("integrate: the same from a sparse file of genes x cells; --resume runs nothing again, and other data are named")
def _():
    sparse = ["--counts", write("counts.mtx", mtx(transposed(COUNTS))), "--transpose", *GIVEN[2:]]
    study("integrate", *sparse, *FEW, "--rows", "pca,invae", "--out", at("sparse"), "--quiet", "--left-out", 1)
    key = lambda run: (run["data"], run["method"])
    equal(sorted(measured("sparse"), key=key),
          sorted((r for r in measured("mixed") if r["method"] in ("pca", "invae") and r["data"] != "0 without lane 1"), key=key))
    done = study("integrate", *GIVEN, *FEW, "--rows", "pca,invae", "--out", at("sparse"), "--resume")
    equal(len(re.findall(r": finished before$", done.stderr, re.M)), 4)
    equal(sorted(measured("sparse"), key=key), sorted((r for r in measured("mixed") if r["method"] in ("pca", "invae")), key=key))
    inside("hide is 0.5 in the results and 0.3 here; ",
           study("integrate", *GIVEN, *FEW, "--out", at("sparse"), "--resume", "--hide", 0.3, code=2).stderr)
    other = [*GIVEN[:2], "--batches", DATA[1] + ":kind", *GIVEN[4:]]
    write("cells2.tsv", "lane\tkind\n" + "".join("%s\t%s\n" % each for each in zip(reversed(LANES), KINDS)))
    other[3] = at("cells2.tsv") + ":lane"
    inside("data is ", study("integrate", *other, *FEW, "--out", at("sparse"), "--resume", code=2).stderr)


@test("integrate: --write, and what another program makes of it is scored beside ours")
def _():
    study("integrate", *GIVEN, *FEW, "--genes", 20, "--write", at("given"), "--seeds", 2, "--quiet")
    equal(sorted(os.listdir(at("given"))), ["cells.tsv", "counts.npy", "manifest.sha256", "pca.npy"])
    equal([npy_read(at("given/%s.npy" % name))[:2] for name in ("counts", "pca")], [(CELLS, 20), (CELLS, 20)])
    head, *rows = lines_of("given/cells.tsv")
    equal(head, ["batch", "label", "label_0", "label_1"])
    equal([row[:2] for row in rows], [list(each) for each in zip(LANES, KINDS)])
    for column in (2, 3):
        assert all(row[column] in ("", row[1]) for row in rows)
        hidden = sum(row[1] != row[column] for row in rows)
        assert abs(hidden - sum(bool(kind) for kind in KINDS) / 2) <= TYPES * BATCHES, hidden
    assert any(row[2] != row[3] for row in rows)
    for seed in (0, 1):
        shutil.copy(at("given/pca.npy"), at("given/mine-%d.npy" % seed))
    study("integrate", *GIVEN, *FEW, "--genes", 20, "--seeds", 2, "--rows", "pca", "--external", "mine=" + at("given/mine-#.npy"), "--out",
          at("mine"), "--quiet")
    runs = results("mine")["runs"]
    equal([(r["data"], r["method"]) for r in runs],
          [("0", "pca"), ("0", "mine"), ("0 without lane 0", "pca"), ("0 without lane 1", "pca"),
           ("1", "pca"), ("1", "mine"), ("1 without lane 0", "pca"), ("1 without lane 1", "pca")])
    for mine, pca in ((runs[1], runs[0]), (runs[5], runs[4])):      # the same numbers: the same scores
        for field in ("hidden", "all"):
            assert all(abs(a - b) < 0.02 for a, b in zip(mine[field][:2], pca[field][:2])), (mine, pca)
    inside("mine", page_of("mine"))


@test("integrate: without labels only what needs none is scored")
def _():
    done = study("integrate", *GIVEN[:4], *FEW, "--rows", "pca,published,invae", "--out", at("bare"))
    runs = results("bare")["runs"]
    equal([(r["data"], r["method"]) for r in runs], [("0", row) for row in ("pca", "published", "invae")])
    for each in runs:
        equal(any(there(each["hidden"])) or any(there(each["unknown"])) or any(there(each["transfer"])), False)
        equal([i for i in range(10) if each["all"][i] is not None], [1, 4])         # ilisi and pcr_comparison
    inside("all cells", done.stdout)
    assert "hidden" not in done.stdout, done.stdout


# ---- refused ----------------------------------------------------------------------------------------------------------

def bad(which, name, code, sentence, *arguments):
    @test("refused: " + name)
    def _():
        done = study(which, *[a() if callable(a) else a for a in arguments], "--quiet", code=code)
        equal(done.stderr.split("\n")[0], "study %s: %s" % (which, sentence() if callable(sentence) else sentence))
        equal(done.stdout, "")


def changed(name, row, column, value):
    def make():
        counts = [list(map(float, each)) for each in COUNTS]
        for j in range(GENES) if column is None else [column]:
            counts[row][j] = value
        return write(name, npy(counts))
    return make


bad("invae", "an unknown row", 2, "there is no row 'vea'; did you mean 'vae'?", *SIMULATED, "--rows", "pca,vea")
bad("invae", "a row twice", 2, "--rows has vae twice", *SIMULATED, "--rows", "vae,vae")
bad("invae", "--own without a value", 2, "--own beta: give NAME=VALUE, with commas between", *SIMULATED, "--own", "beta")
bad("invae", "--resume without --out", 2, "--resume needs --out", "--resume")
bad("integrate", "no counts", 2, "--counts is missing: cells x genes", *GIVEN[2:])
bad("integrate", "no batches", 2, "--batches is missing: what is to be integrated", *GIVEN[:2])
bad("integrate", "numbers that are no counts", 65,
    lambda: "%s: row 3, column 2 is 0.5; counts are due, whole numbers from 0 on" % at("half.npy"),
    "--counts", changed("half.npy", 2, 1, 0.5), *GIVEN[2:])
bad("integrate", "a cell without counts", 65,
    lambda: "%s: row 8 has no count in the 30 genes that are used; take it out, or more --genes" % at("empty.npy"),
    "--counts", changed("empty.npy", 7, None, 0), *GIVEN[2:])
bad("integrate", "one batch", 65, lambda: "%s:one: all cells are of one batch, so there is nothing to integrate" % at("one.tsv"),
    *GIVEN[:2], "--batches", lambda: write("one.tsv", table([[1]] * CELLS, "\t", ["one"])) + ":one")
bad("integrate", "a batch that is missing", 65, lambda: "%s:kind: 10 of 240 cells have no batch" % DATA[1], *GIVEN[:2], "--batches",
    DATA[1] + ":kind")
bad("integrate", "an embedding that is not there", 1, lambda: "--external mine: there is no %s-0.npy" % at("nothing"), *GIVEN, *FEW,
    "--external", lambda: "mine=" + at("nothing-#.npy"))
bad("integrate", "an embedding called as a row", 2, "--external vae: there is a row of that name already", *GIVEN, "--external",
    "vae=" + DATA[0])
bad("integrate", "an embedding without a name", 2, "--external is 'file.npy'; it must be NAME=FILE, with commas between", *GIVEN,
    "--external", "file.npy")
bad("integrate", "an embedding of other cells", 65, lambda: "%s: has 3 rows where 240 are due" % at("short.npy"), *GIVEN, *FEW, "--rows",
    "pca", "--external", lambda: "mine=" + write("short.npy", npy([[1.0, 2.0]] * 3)))


sys.exit(main())
