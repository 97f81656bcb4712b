#!/usr/bin/env python3
# build: simulation study
"""simulation and study as their users run them: tables, pictures, resumed and lone runs.

Runs the programs from BUILD on tiny data of its own; scratch data under build/, removed when all is well.
"""
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree

sys.path[:0] = ["tests/base", "tests/runs"]
from programs import (
    METHODS, npy, PATIENCE, probe_labels, program, read_page, ROWS, run, SIMULATION, SIZE, state, text, views, write, x)
from tap import at, equal, inside, main, test


# ---- simulation -------------------------------------------------------------------------------------------------------

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


if __name__ == "__main__":
    sys.exit(main())
