#!/usr/bin/env python3
# build: indiseek cells_sample
"""indiseek compare on a few simulated cells: its files, its means, going on after a signal, and what it refuses."""
import csv
import html.parser
import json
import math
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, "tests/base")
from tap import at, equal, inside, main, test

BUILD = os.environ.get("BUILD", "build")
PROGRAM = os.path.join(BUILD, "indiseek")
SAMPLE = os.path.join("build/objects", os.path.basename(BUILD) if BUILD != "build" else "release", "tests/cells/cells_sample")
PATIENCE = 120
METHODS, LAMBDAS, SEEDS = ["indiseek", "factorizedcl"], ["0.1", "10"], ["5", "6"]
SMALL = "--width 8 --layers 2 --dim 3 --shared-dim 4 --batch 32 --shared-epochs 6 --diagnoses 1 --diagnosis-epochs 1".split()
FILES = ["compare.tsv", "manifest.sha256", "report.html", "results.json", "results.jsonl", "table.tsv"]
os.environ.update(INDISEEK_CUDA_LIB="/nowhere/libcuda.so.1", INDISEEK_NVRTC_LIB="/nowhere/libnvrtc.so")


def text(name):
    with open(at(name), encoding="utf-8") as file:
        return file.read()


def close(value, expected, what):
    assert abs(value - expected) <= 2e-5 * max(1, abs(expected)), "%s: %r is not %r" % (what, value, expected)


# ---- a data set ---------------------------------------------------------------------------------------------------------

def simulate(name, cells, types):
    subprocess.run([SAMPLE, at(name), str(cells), "120", "12", str(types), "0", "400"], check=True)


def line_of(out, *arguments, epochs=4, data="cells", methods=METHODS):
    return [PROGRAM, "compare", at(data), "--cells", at("cells/cells.tsv"), "--labels", "cell_type", "--test", "0.5", "--least-cells", "5",
            "--bootstrap", "20", "--rna", "hvg=60,pca=10", "--methods", ",".join(methods), "--lambda", ",".join(LAMBDAS), "--seeds",
            len(SEEDS), "--seed", SEEDS[0], *SMALL, "--epochs", epochs, "--threads", 1, "--out", at(out), *arguments]


def run(line):
    return subprocess.run([str(word) for word in line], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)


def compare(out, *arguments, **how):
    done = run(line_of(out, *arguments, **how))
    equal(done.returncode, 0, done.stderr)
    return done


def table(name):
    return list(csv.DictReader(text(name).splitlines(), delimiter="\t"))


def number(word):
    return float(word) if word else math.nan


# ---- what it writes -----------------------------------------------------------------------------------------------------

@test("a line a model, a line a method and lambda, and the files that are promised")
def _():
    simulate("cells", 300, 8)
    compare("whole", "--json", at("whole.json"))
    equal(sorted(os.listdir(at("whole"))), FILES)
    models = table("whole/compare.tsv")
    wanted = [(method, value, seed) for method in METHODS for value in LAMBDAS for seed in SEEDS]
    equal([(row["method"], row["lambda"], row["seed"]) for row in models], [("inputs", "", "")] + wanted)
    rows = table("whole/table.tsv")
    equal([(row["method"], row["lambda"]) for row in rows], [("inputs", "")] + [(method, value) for method in METHODS for value in LAMBDAS])
    for row in models:
        assert -1 <= number(row["rho_low"]) <= number(row["rho_high"]) <= 1, row
        equal(row["types"], "8")
        for name in ("ari", "nmi", "accuracy"):
            assert math.isfinite(number(row[name])), (name, row)
    for row in models[1:]:
        best = [max(number(row["%s_%s_%d" % (what, how, view)]) for how in ("ridge", "knn")) for what in ("leakage", "completeness")
                for view in (1, 2)]
        close(number(row["leakage"]), (best[0] + best[1]) / 2, "leakage")
        close(number(row["completeness"]), (best[2] + best[3]) / 2, "completeness")
        equal(row["leakage_mlp_1"], "", "without --mlp")
    assert len({row["rho"] for row in models}) > 3, "models differ"


@test("means and standard errors are those of the models, and the lambda of highest rho has the largest mean")
def _():
    models, rows = table("whole/compare.tsv")[1:], table("whole/table.tsv")[1:]
    for row in rows:
        of = [model for model in models if (model["method"], model["lambda"]) == (row["method"], row["lambda"])]
        equal(len(of), len(SEEDS))
        for name in ("rho", "ari", "nmi", "accuracy", "leakage", "completeness", "rho_low", "rho_high"):
            a, b = (number(model[name]) for model in of)
            close(number(row[name]), (a + b) / 2, name)
            if name + "_error" in row:
                close(number(row[name + "_error"]), abs(a - b) / 2, name + "_error")        # sd / sqrt(2) of two numbers
    for method in METHODS:
        of = [row for row in rows if row["method"] == method]
        most = max(number(row["rho"]) for row in of)
        equal([row["highest_rho"] for row in of], ["yes" if number(row["rho"]) == most else "no" for row in of], "rows of " + method)
    equal(table("whole/table.tsv")[0]["highest_rho"], "", "of the inputs nothing is chosen")


@test("results.json and results.jsonl say the same as the tables")
def _():
    found = json.loads(text("whole/results.json"))
    equal(json.loads(text("whole.json")), found)
    lines = [json.loads(line) for line in text("whole/results.jsonl").splitlines()]
    equal(found["models"], lines[1:])
    equal(sorted(lines[0]), ["configuration"])
    equal(lines[0]["configuration"], found["configuration"])
    equal([found["configuration"][name] for name in ("methods", "seeds", "epochs", "cells_read")], [",".join(METHODS), 2, 4, 300])
    for row, model in zip(table("whole/compare.tsv")[1:], found["models"]):
        equal(list(model), list(row))
        for name in row:
            if name != "method":
                close(number(row[name]) if row[name] else -9, -9 if model[name] is None else model[name], name)
    close(found["inputs"]["rho"], number(table("whole/compare.tsv")[0]["rho"]), "rho of the inputs")
    for i, row in enumerate(found["table"]):
        close(row["rho"], sum(model["rho"] for model in found["models"][2 * i:2 * i + 2]) / 2, "rho of the table")


class Page(html.parser.HTMLParser):
    def __init__(self, content):
        super().__init__()
        self.headings, self.words, self.open = [], [], None
        self.feed(content)

    def handle_starttag(self, tag, attributes):
        self.open = tag

    def handle_data(self, data):
        self.words.append(data)
        if self.open == "h2" and data.strip():
            self.headings.append(data.strip())


@test("the report: Figure 5, how many types, intervals, the inputs as a line; the table on the terminal")
def _():
    content = text("whole/report.html")
    page = Page(content)
    words = " ".join(page.words)
    equal(len(page.headings), 8, page.headings)
    inside("8 types of cell_type have at least 5 held-out cells and are compared.", words)
    inside("all are held to one division of the cells, that of seed 5", words)
    equal(content.count("<svg"), 5)
    inside("inputs as prepared", re.findall(r"<text [^>]*>([^<]*)</text>", content))
    assert not re.search(r"\braw\b", words), words
    inside("It was chosen on the same held-out cells that are reported here", words)
    inside("highest ρ", page.words)
    equal(page.words.count("highest"), len(METHODS))
    rows = table("whole/table.tsv")
    for row in rows:
        inside("%.3f to %.3f" % (number(row["rho_low"]), number(row["rho_high"])), words)
    for name, choice, heading in (("rho", max, page.headings[0]), ("leakage", min, "Leakage")):
        after = content[content.index(heading + "</h2>"):]
        strong = re.findall(r'<th scope="row">(\S+?)</th>.*?<b>(\S+)', after[after.index("<table"):after.index("</table>")], re.S)
        equal(strong, [(method, "%.3f" % choice(number(row[name]) for row in rows if row["method"] == method)) for method in METHODS], name)
    done = compare("whole", "--resume")
    for row in rows[1:]:
        cell = "%.3f (%.3f)" % (number(row["rho"]), number(row["rho_error"]))
        assert any(line.split()[:2] == [row["method"], row["lambda"]] and cell in line
                   for line in done.stdout.splitlines()), (cell, done.stdout)
    equal(done.stdout.count("  highest rho\n"), len(METHODS))
    inside("(highest rho: of a method's lambdas, chosen on the same held-out cells that are reported here)\n", done.stdout)
    assert re.search(r"^inputs as prepared +- ", done.stdout, re.M), done.stdout


@test("lambdas of equal rho are tied, in the table, in results.json, on the terminal and in the report")
def _():
    shutil.copytree(at("whole"), at("tied"))
    lines = text("tied/results.jsonl").splitlines(keepends=True)
    for i in range(1, 1 + len(LAMBDAS) * len(SEEDS)):
        lines[i] = re.sub(r'"rho": [^,]*', '"rho": %s' % ("0.5000000000001" if i == 1 else "0.5"), lines[i])
    with open(at("tied/results.jsonl"), "w", encoding="utf-8") as file:
        file.write("".join(lines))
    done = compare("tied", "--resume")
    wanted = ["tie", "tie"] + [row["highest_rho"] for row in table("whole/table.tsv")[3:]]
    equal([row["highest_rho"] for row in table("tied/table.tsv")[1:]], wanted)
    equal([row["highest_rho"] for row in json.loads(text("tied/results.json"))["table"]], wanted)
    equal((done.stdout.count("  highest rho, tie\n"), done.stdout.count("  highest rho\n")), (2, 1))
    content = text("tied/report.html")
    equal(Page(content).words.count("tie"), 2)
    first = content[content.index("<table"):content.index("</table>")]
    equal(first.count("<b>"), 3, "bold is all that tie")


@test("methods without lambda are one point; comm and clip have no theta; --no-clusters leaves those out, --mlp brings its columns")
def _():
    compare("points", "--no-clusters", "--mlp", "--residual-epochs", 3, "--lambda", "1", "--seeds", 1,
            methods=["residual", "clip", "indiseek"], epochs=2)
    models = table("points/compare.tsv")
    equal([(row["method"], row["lambda"]) for row in models], [("inputs", ""), ("residual", ""), ("clip", ""), ("indiseek", "1")])
    equal([math.isfinite(number(row["rho"])) for row in models], [True, True, False, True])
    equal([row["ari"] + row["nmi"] for row in models], [""] * 4)
    equal([row["leakage_mlp_1"] != "" for row in models], [False, True, False, True])
    equal([row["rho_error"] for row in table("points/table.tsv")], [""] * 4, "errors over one seed")
    equal([row["highest_rho"] for row in table("points/table.tsv")], [""] * 4, "one point each")
    equal([row["highest_rho"] for row in json.loads(text("points/results.json"))["table"]], [None] * 3)
    content = text("points/report.html")
    equal(content.count("<svg"), 3, "figures without clusters")
    inside("residual", " ".join(Page(content[content.index("<svg"):content.index("</svg>")]).words))


# ---- going on -----------------------------------------------------------------------------------------------------------

def stop(out, ready, epochs):
    """A run that is sent SIGINT when ready() first holds; what it said."""
    process = subprocess.Popen([str(word) for word in line_of(out, "--checkpoint-every", 5, epochs=epochs)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.time() + PATIENCE
    while process.poll() is None and time.time() < until and not ready():
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=PATIENCE)
    equal(process.returncode, 75, err)
    return err


def lines_in(name):
    return text(name).count("\n") if os.path.exists(at(name)) else 0


@test("stopped while it trains and while it judges, it goes on to the same numbers")
def _():
    epochs = 300
    compare("long", epochs=epochs)
    err = stop("stopped", lambda: os.path.exists(at("stopped/checkpoint.indiseek.safetensors")), epochs)
    equal(lines_in("stopped/results.jsonl"), 1)
    equal(sorted(os.listdir(at("stopped"))), ["checkpoint.indiseek.safetensors", "results.jsonl"])
    line = next(line for line in err.splitlines() if line.startswith("to go on:"))
    again = subprocess.run(shlex.split(line[len("to go on:"):]), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    equal(again.returncode, 0, again.stderr)
    inside("resumed from %s after round" % at("stopped/checkpoint.indiseek.safetensors"), again.stderr)
    stop("later", lambda: lines_in("later/results.jsonl") >= 3, epochs)
    assert 3 <= lines_in("later/results.jsonl") < 9, "stopped in its middle"
    compare("later", "--resume", epochs=epochs)
    # What a kill between two models leaves: some lines, and half of another.
    shutil.copytree(at("long"), at("killed"))
    for name in FILES:
        if name != "results.jsonl":
            os.remove(at("killed/" + name))
    lines = text("long/results.jsonl").splitlines(keepends=True)
    with open(at("killed/results.jsonl"), "w", encoding="utf-8") as file:
        file.write("".join(lines[:6]) + lines[6][:40])
    done = compare("killed", "--resume", epochs=epochs)
    inside("indiseek: finished before\n", done.stderr)
    assert "factorizedcl: finished before" not in done.stderr, done.stderr
    for out in ("stopped", "later", "killed"):
        equal(sorted(os.listdir(at(out))), FILES, out)
        for name in ("compare.tsv", "table.tsv"):
            equal(text(out + "/" + name), text("long/" + name), out + "/" + name)
        equal(text(out + "/results.jsonl").splitlines()[1:], text("long/results.jsonl").splitlines()[1:], out)
        one, two = json.loads(text(out + "/results.json")), json.loads(text("long/results.json"))
        equal((one["models"], one["table"], one["inputs"]), (two["models"], two["table"], two["inputs"]))


@test("--resume refuses other settings and what is no results.jsonl; without it the earlier one is kept")
def _():
    before = text("whole/results.jsonl")
    done = run(line_of("whole", "--resume", epochs=5))
    equal(done.returncode, 2, done.stderr)
    inside("indiseek compare: %s: epochs is 4 in the results and 5 here; resume with what they were made with, or start afresh\n"
           % at("whole/results.jsonl"), done.stderr)
    done = run(line_of("whole", "--resume", "--test", "0.4"))
    inside("%s: test is 0.5 in the results and 0.4 here" % at("whole/results.jsonl"), done.stderr)
    lines = before.splitlines(keepends=True)
    for content, sentence in ((lines[0] + lines[1].replace('"seed": 5', '"seed": 9'),
                               "line 2 is not the one that is due there"),
                              (lines[0] + lines[1] + lines[1], "line 3 is not the one that is due there"),
                              (lines[0] + lines[1].replace('"rho":', '"rha":'), "line 2: rha is %s" % json.loads(lines[1])["rho"]),
                              (lines[0] + re.sub(', "diverged": 0', "", lines[1]), "line 2 lacks a member"),
                              (lines[1], "line 1: 'method' stands where the settings are due; start afresh")):
        with open(at("whole/results.jsonl"), "w", encoding="utf-8") as file:
            file.write(content)
        done = run(line_of("whole", "--resume"))
        equal(done.returncode, 65, done.stderr)
        inside("indiseek compare: %s: %s\n" % (at("whole/results.jsonl"), sentence), done.stderr)
    with open(at("whole/results.jsonl"), "w", encoding="utf-8") as file:
        file.write(before)
    done = compare("whole")
    inside("warning: %s is there from an earlier comparison; it is kept as %s, --resume would have gone on with it\n"
           % (at("whole/results.jsonl"), at("whole/results.previous.jsonl")), done.stderr)
    equal(text("whole/results.previous.jsonl"), before)
    equal(text("whole/results.jsonl").splitlines()[1:], before.splitlines()[1:], "the same again")


# ---- what it refuses ----------------------------------------------------------------------------------------------------

def refuses(code, sentence, line):
    done = run(line)
    equal((done.returncode, done.stdout), (code, ""), done.stderr)
    assert done.stderr.splitlines() and any(words == "indiseek compare: " + sentence for words in done.stderr.splitlines()), done.stderr


@test("what it refuses, in one sentence")
def _():
    names = "indiseek, indiseek0, clip, factorizedcl, infodisen, residual-indiseek, residual, comm, cca, ajive, transport and invae"
    refuses(2, "there is no method 'indisek'; the methods are %s; did you mean 'indiseek'?" % names,
            line_of("no", "--methods", "clip,indisek"))
    refuses(2, "--methods has clip twice", line_of("no", "--methods", "clip,clip"))
    refuses(2, "--lambda has 1 twice", line_of("no", "--lambda", "1,0.1,1"))
    refuses(2, "--labels COLUMN is missing: methods are compared by how they rank types",
            [PROGRAM, "compare", at("cells"), "--out", at("no")])
    refuses(2, "--out DIR is missing", [PROGRAM, "compare", at("cells"), "--labels", "cell_type"])
    refuses(2, "--labels: nothing is known of the cells by the name 'cell_typ'; did you mean 'cell_type'?",
            line_of("no", "--labels", "cell_typ"))
    refuses(65, "--labels cell_type: 0 types have at least 500 held-out cells, and ranks need two; a smaller --least-cells or a larger "
            "--test may help", line_of("no", "--least-cells", 500))
    simulate("alike", 60, 1)
    refuses(65, "--labels cell_type: all cells are of one type, 'A1', and methods are compared by how they rank types",
            line_of("no", "--cells", at("alike/cells.tsv"), data="alike"))


@test("few types: it says that they say little")
def _():
    simulate("few", 200, 4)
    done = compare("few-types", "--cells", at("few/cells.tsv"), "--seeds", 1, "--lambda", 1, data="few", methods=["indiseek"], epochs=1)
    inside("warning: only 4 types have at least 5 held-out cells: how they rank says little\n", done.stderr)
    inside("(4 types are few: how they rank says little)\n", done.stdout)
    inside("4 types of cell_type have at least 5 held-out cells and are compared; with fewer than 6 of them a rank correlation says "
           "little.",
           " ".join(Page(text("few-types/report.html")).words))


if __name__ == "__main__":
    sys.exit(main())
