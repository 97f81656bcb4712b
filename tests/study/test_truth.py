#!/usr/bin/env python3
# build: study
"""`study truth` on few cells: the data that it writes, its tables, going on, features from outside, and what it refuses."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, "tests/base")
from browser import Page
from tap import at, equal, inside, main, test

PROGRAM = os.path.join(os.environ.get("BUILD", "build"), "study")
PATIENCE = 300              # seconds for one run; most take a few
DATA = "--cells 240 --genes 120 --proteins 12".split()
SMALL = DATA + ("--width 8 --layers 2 --dim 3 --shared-dim 4 --batch 32 --epochs 2 --shared-epochs 2 --residual-epochs 2 "
                "--diagnoses 1 --diagnosis-epochs 1").split()
FACTORS = {"plain": ["type", "state", "cycle", "activation"]}
FACTORS["graded"] = FACTORS["plain"] + ["half_both", "half_rna", "batch", "lot", "weak_rna", "weak_protein"]
FACTORS["curved"] = FACTORS["plain"] + ["rare_types", "folded"]
FACTORS["noisy"] = FACTORS["graded"] + ["rare_types", "folded"]
C1, C2, Z1, Z2, FUSED, X1, X2 = range(7)
os.environ.update(INDISEEK_CUDA_LIB="/nowhere/libcuda.so.1")        # results are the CPU's wherever the tests run


def truth(*arguments, code=0):
    done = subprocess.run([PROGRAM, "truth", *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=PATIENCE)
    assert done.returncode == code, done
    return done


def read(path):
    with open(path, "rb") as file:
        return file.read()


def results(out):
    return json.loads(read(at(out + "/results.json")))


def measured(out):
    return [{key: value for key, value in each.items() if key != "seconds"} for each in results(out)["runs"]]


def told(run, key):
    """R^2 of a truth from each of C1, C2, Z1, Z2, fused, X1, X2."""
    return [max((v for v in pair if v is not None), default=None) for pair in zip(run[key + "_ridge"], run[key + "_mlp"])]


@test("--write: matrices, what each column of the truth is, and which rows train; the same every time")
def _():
    truth(*DATA, "--write", at("data"), "--seeds", 2, "--seed", 3, "--quiet")
    equal(sorted(os.listdir(at("data"))), sorted("%s-%d" % (name, seed) for name in FACTORS for seed in (3, 4)))
    for name, factors in FACTORS.items():
        where = at("data/%s-3" % name)
        equal(sorted(os.listdir(where)), ["manifest.sha256", "split.tsv", "truth.npy", "truth.txt", "x1.npy", "x2.npy"])
        lines = [line.split("\t") for line in read(where + "/truth.txt").decode().splitlines()]
        equal(lines[0], ["column", "name", "belongs_to"])
        equal([int(line[0]) for line in lines[1:]], list(range(len(lines) - 1)))
        equal({re.sub("=.*|_cos|_sin", "", line[1]) for line in lines[1:]}, set(factors) - {"rare_types"})
        equal({line[2] for line in lines[1:]}, {"shared", "rna", "protein"} | ({"function of shared"} if "folded" in factors else set()))
        inside(b"'shape': (240, %d)" % (len(lines) - 1), read(where + "/truth.npy")[:128])
        parts = read(where + "/split.tsv").decode().split()[1:]
        equal((len(parts), set(parts)), (240, {"train", "validation", "test"}))
        assert abs(parts.count("test") - 120) <= 8, parts.count("test")
    truth(*DATA, "--write", at("again"), "--difficulties", "noisy", "--seeds", 1, "--seed", 4, "--quiet")
    for file in os.listdir(at("again/noisy-4")):
        equal(read(at("again/noisy-4/" + file)), read(at("data/noisy-4/" + file)), file)
    assert read(at("data/noisy-3/x1.npy")) != read(at("data/noisy-4/x1.npy"))


ROWS = [("inputs", None), ("autoencoder", None), ("clip", None), ("residual-indiseek", 1), ("residual-indiseek", 10)]
STUDY = [*SMALL, "--methods", "clip,residual-indiseek", "--lambda", "1,10", "--seeds", 2]


@test("a row for each difficulty, method, lambda and seed in results.json, truth.tsv, on the terminal and in the report")
def _():
    done = truth(*STUDY, "--difficulties", "plain,noisy", "--out", at("found"), "--json", at("found.json"))
    equal(sorted(os.listdir(at("found"))), ["manifest.sha256", "report.html", "results.json", "truth.tsv"])
    runs = results("found")["runs"]
    equal(runs, json.loads(read(at("found.json"))))
    equal([(r["data"], r["method"], r["lambda"]) for r in runs],
          [("%s-%d" % (name, seed), *row) for name in ("plain", "noisy") for seed in (0, 1) for row in ROWS])
    for each in runs:
        factors, name = FACTORS[each["data"][:-2]], each["method"]
        there = {"inputs": [X1, X2], "clip": [C1, C2]}.get(name, [C1, C2, Z1, Z2])
        for key in FACTORS["noisy"]:
            values = told(each, key)
            if key not in factors:
                equal(values, 7 * [None], key)
            elif key != "rare_types":       # of which few of these cells are scored, or none
                equal([i for i in range(7) if values[i] is not None], there, (key, each))
                assert all(values[i] <= 1 for i in there), values
        equal([v is not None for v in each["leakage_mlp"]], 2 * [Z1 in there], name)
        equal([v is not None for v in each["completeness_ridge"]], 2 * [C1 in there], name)
        equal([v is not None for v in each["stability_z"]], 2 * [Z1 in there], name)
        equal([v is not None for v in each["stability_c"]], 2 * [C1 in there], name)
    inputs = [told(r, "type") for r in runs if r["method"] == "inputs"]
    assert all(values[X1] > 0.15 and values[X2] > 0.4 for values in inputs), inputs
    equal(results("found")["configuration"]["told_from"], "c1,c2,z1,z2,fused,x1,x2")
    lines = [line.split("\t") for line in read(at("found/truth.tsv")).decode().splitlines()]
    equal([tuple(line[:4]) for line in lines[1:]],
          [(name, row[0], str(row[1] or ""), str(seed)) for name in ("plain", "noisy") for kind in ("inputs", "autoencoder", "clip",
           "residual-indiseek") for seed in (0, 1) for row in ROWS if row[0] == kind])
    column = lines[0].index("state_x2")
    assert abs(float(lines[1][column]) - told(runs[0], "state")[X2]) < 1e-5, lines[1][column]
    equal(lines[0][-8:], [word + "_%d" % view for word in ("leakage", "completeness", "stability_z", "stability_c") for view in (1, 2)])
    for each in ("plain: ", "noisy: ", "private in Z", "residual-indiseek, λ = 10", "function of state"):
        inside(each, done.stdout)
    page, parsed = read(at("found/report.html")).decode(), Page()
    parsed.feed(page)
    parsed.close()
    equal((parsed.faults, parsed.open), ([], []))
    for each in ("What is found of the truth", "weak, of protein", "residual-indiseek, λ = 10", "R² of each where it does not belong"):
        inside(each, page)
    mean = sum(told(r, "cycle")[X1] for r in runs if r["method"] == "inputs" and r["data"].startswith("plain")) / 2
    inside("%.2f" % mean, page)


@test("--resume: nothing is run again; difficulties and features from outside are added; another option is named")
def _():
    before = measured("found")
    done = truth(*STUDY, "--difficulties", "plain,noisy", "--out", at("found"), "--resume")
    equal(len(re.findall(r": finished before$", done.stderr, re.M)), 16)
    equal(measured("found"), before)
    inside("epochs is 2 in the results and 3 here; ", truth(*STUDY, "--out", at("found"), "--resume", "--epochs", 3, code=2).stderr)
    inside("cells is 240 in the results and 250 here; ", truth(*STUDY, "--out", at("found"), "--resume", "--cells", 250, code=2).stderr)
    truth(*DATA, "--write", at("inputs"), "--difficulties", "plain,curved", "--seeds", 2, "--quiet")
    for data in os.listdir(at("inputs")):           # inputs as if they were features: they must score what the inputs do
        os.makedirs(at("mine/" + data))
        shutil.copy(at("inputs/%s/x1.npy" % data), at("mine/%s/z1.npy" % data))
        shutil.copy(at("inputs/%s/x2.npy" % data), at("mine/%s/c2.npy" % data))
    truth(*STUDY, "--difficulties", "plain,curved", "--out", at("found"), "--resume", "--quiet", "--external", "mine=" + at("mine"))
    after = measured("found")
    equal(after[:len(before)], before)
    equal([(r["data"], r["method"]) for r in after[len(before):]],
          [("plain-0", "mine"), ("plain-1", "mine")] +
          [("curved-%d" % seed, name) for seed in (0, 1) for name, _value in ROWS + [("mine", None)]])
    for mine in (r for r in after if r["method"] == "mine"):
        inputs = next(r for r in after if (r["data"], r["method"]) == (mine["data"], "inputs"))
        for key in ("type_ridge", "type_mlp", "cycle_ridge", "cycle_mlp", "activation_mlp"):
            equal((mine[key][Z1], mine[key][C2], mine[key][C1]), (inputs[key][X1], inputs[key][X2], None), key)
        assert mine["leakage_mlp"][0] is not None and mine["leakage_mlp"][1] is None, mine
    inside("mine", read(at("found/report.html")).decode())


@test("SIGINT saves, --resume goes on with the same results")
def _():
    more = [*SMALL, "--methods", "indiseek", "--difficulties", "curved", "--seeds", 2, "--epochs", 400, "--out"]
    for _turn in range(5):
        shutil.rmtree(at("stopped"), ignore_errors=True)
        process = subprocess.Popen([PROGRAM, "truth", *map(str, more), at("stopped")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        until = time.time() + PATIENCE
        while (process.poll() is None and time.time() < until and
               not os.path.exists(at("stopped/checkpoint.indiseek-curved-0.safetensors"))):
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=PATIENCE)
        if process.returncode != 0:
            break                   # else this process slept too long
    equal(process.returncode, 75, err)
    equal([r["method"] for r in results("stopped")["runs"]], ["inputs", "autoencoder"])
    done = subprocess.run(re.search(r"^to go on:  (.*)$", err, re.M).group(1), shell=True, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=PATIENCE)
    equal(done.returncode, 0, done.stderr)
    inside("autoencoder, curved-0: finished before\n", done.stderr)
    equal(sorted(os.listdir(at("stopped"))), ["manifest.sha256", "report.html", "results.json", "truth.tsv"])
    truth(*more, at("whole"), "--quiet")
    equal(measured("stopped"), measured("whole"))


@test("one seed: nothing is said of stability; comm has one representation of both")
def _():
    truth(*SMALL, "--methods", "comm", "--difficulties", "plain", "--seeds", 1, "--out", at("one"), "--quiet")
    run = results("one")["runs"][-1]
    equal(([i for i in range(7) if told(run, "state")[i] is not None], run["stability_z"], run["leakage_mlp"]),
          ([FUSED], [None, None], [None, None]))
    assert all(value is not None for value in run["completeness_mlp"]), run


def bad(name, code, sentence, *arguments):
    @test("refused: " + name)
    def _():
        done = truth(*SMALL, *[a() if callable(a) else a for a in arguments], "--quiet", code=code)
        equal(done.stderr.split("\n")[0], "study truth: " + (sentence() if callable(sentence) else sentence))
        equal(done.stdout, "")


@test("refused: an unknown method")
def _():
    inside("; did you mean 'indiseek'?\n", truth(*SMALL, "--methods", "indisek", code=2).stderr)


def lacking():
    os.makedirs(at("lacking/plain-0"), exist_ok=True)
    return "mine=" + at("lacking")


def short():
    os.makedirs(at("short/plain-0"), exist_ok=True)
    truth("--cells", 100, "--genes", 120, "--proteins", 12, "--write", at("few"), "--difficulties", "plain", "--seeds", 1, "--quiet")
    shutil.copy(at("few/plain-0/x1.npy"), at("short/plain-0/z1.npy"))
    return "mine=" + at("short")


PLAIN = ["--difficulties", "plain", "--seeds", 1, "--methods", "clip"]
bad("an unknown difficulty", 2, "there is no difficulty 'gradet'; did you mean 'graded'?", "--difficulties", "plain,gradet")
bad("a difficulty twice", 2, "--difficulties has plain twice", "--difficulties", "plain,plain")
bad("a lambda twice", 2, "--lambda has 1 twice", "--lambda", "1,1")
bad("--resume without --out", 2, "--resume needs --out", "--resume")
bad("too few genes", 2, "--genes is 39; it must lie between 40 and 100000", "--genes", "39")
bad("features from outside without a name", 2, "--external is 'folder'; it must be NAME=DIR, with commas between", *PLAIN, "--external",
    "folder")
bad("features from outside that are called as a method", 2, "--external clip: there is a row of that name already", *PLAIN, "--external",
    "clip=folder")
bad("features from outside that are not there", 65,
    lambda: "--external mine: %s/plain-0 has none of c1.npy, c2.npy, z1.npy and z2.npy" % at("lacking"), *PLAIN, "--external", lacking)
bad("features from outside of other cells", 65, lambda: "%s/plain-0/z1.npy: has 100 rows where 240 are due" % at("short"), *PLAIN,
    "--external", short)


sys.exit(main())
