#!/usr/bin/env python3
# build: indiseek
"""What the programs say of features whose truth is planted: each fault gets its verdict in words, and what is sound gets none."""
import json
import math
import os
import random
import struct
import subprocess
import sys

sys.path.insert(0, "tests/base")
from tap import at, equal, inside, main, test

PROGRAM = os.path.join(os.environ.get("BUILD", "build"), "indiseek")
PATIENCE = 300
ROWS = 1400                 # of which three tenths are held out: more than 400
SMALL = ("--method residual-indiseek --test 0.3 --width 32 --layers 2 --dim 8 --shared-dim 8 --epochs 40 --shared-epochs 40 "
         "--residual-epochs 40 --diagnoses 1 --diagnosis-epochs 1").split()
os.environ.update(INDISEEK_CUDA_LIB="/nowhere/libcuda.so.1", INDISEEK_NVRTC_LIB="/nowhere/libnvrtc.so")
draw = random.Random(5)


def normal(rows, cols):
    return [[draw.gauss(0, 1) for _ in range(cols)] for _ in range(rows)]


def times(a, b):
    columns = list(zip(*b))
    return [[sum(x * y for x, y in zip(row, column)) for column in columns] for row in a]


def scaled(a, by):
    return [[by * value for value in row] for row in a]


def total(*parts):
    return [[sum(values) for values in zip(*rows)] for rows in zip(*parts)]


def beside(*parts):
    return [sum(rows, []) for rows in zip(*parts)]


def write(name, rows):
    with open(at(name), "w", encoding="ascii") as file:
        file.writelines(",".join("%.6g" % value for value in row) + "\n" for row in rows)
    return at(name)


def run(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    equal(done.returncode, 0, done.stderr)
    return done


def evaluate(name, *arguments, **features):
    """Scores of given matrices, and all that was said."""
    named = [word for key in sorted(features) for word in ("--" + key, write("%s-%s.csv" % (name, key), features[key]))]
    done = run("evaluate", *named, "--threads", 1, *(arguments or ("--test", 0.5)))
    run("evaluate", *named, "--threads", 1, *(arguments or ("--test", 0.5)), "--quiet", "--json", at(name + ".json"))
    with open(at(name + ".json"), encoding="utf-8") as file:
        return json.load(file), done.stdout


def fit(name, x1, x2, *more):
    """metrics.json, and heads of all verdicts: the terminal, the file and the page say the same."""
    done = run("fit", "--x1", write(name + "1.csv", x1), "--x2", write(name + "2.csv", x2), *SMALL, "--threads", 1, "--out", at(name),
               *more)
    with open(at(name + "/metrics.json"), encoding="utf-8") as file:
        found = json.load(file)
    with open(at(name + "/report.html"), encoding="utf-8") as file:
        page = file.read()
    for verdict in found["verdicts"]:
        inside("\n" + verdict["head"], done.stdout)
        inside('<li class="%s"><b>%s</b>%s</li>' % (verdict["tone"], verdict["head"], verdict["says"]), page)
    return found, {verdict["head"]: verdict["tone"] for verdict in found["verdicts"]}


def views(rows, shared=3, own=2, cols=(12, 8), noise=0.3):
    s = normal(rows, shared)
    return [total(times(s, normal(shared, q)), times(normal(rows, own), normal(own, q)), scaled(normal(rows, q), noise)) for q in cols]


PAIR = views(ROWS)


# ---- features that are given --------------------------------------------------------------------------------------------

@test("a leak planted in Z2 is reported within 0.03, and in words")
def _():
    c1, c2, z1 = normal(5000, 4), normal(5000, 4), normal(5000, 4)
    for share, words in ((0, "is nearly free"), (0.05, "is nearly free"), (0.1, ""), (0.15, "leaks: it holds some"),
                         (0.3, ""), (0.4, "leaks: it still holds")):
        z2 = total(scaled(c1, math.sqrt(share)), scaled(normal(5000, 4), math.sqrt(1 - share)))
        found, said = evaluate("leak", c1=c1, c2=c2, z1=z1, z2=z2)
        most = max(found["leakage"]["2"].values())
        assert abs(most - share) < 0.03, "%g planted, %g reported" % (share, most)
        assert max(found["leakage"]["1"].values()) < 0.03, found["leakage"]
        inside("\nZ2 " + words, said)        # words change at one tenth and at three
        inside("\nZ1 is nearly free of shared information.\n", said)
        equal((found["regressions_on"], found["regression_rows"]), ("parts of the rows scored on", 2500))
        inside("fitted on 60 % of the 2500 test rows, which no network saw, chosen on 15 % and scored on 25 %.", said)


@test("few held-out rows: each fifth is scored in its turn; fewer are too few to tell")
def _():
    c1, c2, z1 = normal(500, 3), normal(500, 3), normal(500, 3)
    z2 = total(scaled(c1, math.sqrt(0.5)), scaled(normal(500, 3), math.sqrt(0.5)))
    found, said = evaluate("turns", c1=c1, c2=c2, z1=z1, z2=z2)
    equal((found["regressions_on"], found["regression_rows"]), ("fifths of the rows scored on, in turns", 250))
    assert abs(max(found["leakage"]["2"].values()) - 0.5) < 0.1 and max(found["leakage"]["1"].values()) < 0.05, found["leakage"]
    inside("fitted on three fifths of the 250 test rows, which no network saw, chosen on one and scored on one", said)
    inside("\nZ2 leaks: ", said)
    found, said = evaluate("few", c1=c1[:198], c2=c2[:198], z1=z1[:198], z2=z2[:198])
    inside("\nToo few rows to tell. 99 test rows have every view, and at least 100 are needed", said)
    assert "Z2 leaks" not in said and "nearly free" not in said, said
    equal([verdict["head"] for verdict in found["verdicts"]], ["Too few rows to tell."])


@test("C that is zeros, Z that is zeros: empty, also where rows are few")
def _():
    x1, x2 = PAIR
    for rows in (ROWS, 60):
        zeros = [[0, 0]] * rows
        _, said = evaluate("zeros", x1=x1[:rows], x2=x2[:rows], c1=zeros, c2=zeros, z1=x1[:rows], z2=zeros)
        for word in ("\nC1 is empty: nothing is shared. ", "\nC2 is empty: nothing is shared. ", "\nZ2 is empty: nothing was found"):
            inside(word, said)
        assert "Z1 is empty" not in said, said


@test("C that holds what the other view does not see is impure, with its share; Z that the other view sees is not specific")
def _():
    shared, own1, own2 = normal(3000, 2), normal(3000, 6), normal(3000, 4)
    x1, x2 = beside(shared, own1), beside(shared, own2)
    found, said = evaluate("impure", x1=x1, x2=x2, c1=beside(shared, own1), c2=[row[:1] for row in shared], z1=own1, z2=shared)
    assert abs(max(found["shared_told"]["1"].values()) - 0.25) < 0.03, found["shared_told"]
    inside("\nC1 is impure: X2 tells less than half of it. From X2 one predicts 2", said)
    inside("\nC2 is shared.\n", said)
    inside("\nZ1 is empty: it adds nothing about X1. ", said)         # C1 has it all
    inside("\nZ2 leaks: it holds much of the shared information.", said)
    found, said = evaluate("missed", x1=x1, x2=x2, c1=[row[:1] for row in shared], c2=[row[:1] for row in shared], z1=own1,
                           z2=[row[1:] for row in shared])
    inside("\nZ2 is not specific: X1 sees it too, though C1 does not hold it. ", said)


# ---- features that are learned ------------------------------------------------------------------------------------------

@test("views that share something and keep something: nothing is empty, impure or leaking")
def _():
    found, heads = fit("sound", *PAIR)
    for head in ("C1 is shared.", "C2 is shared.", "Z1 is nearly free of shared information.", "Z2 is nearly free of shared information."):
        equal(heads.get(head), "good", heads)
    equal(found["regressions_on"], "parts of the rows scored on")


@test("shuffled pairs: C is empty of shared information")
def _():
    other = PAIR[1][:]
    draw.shuffle(other)
    _, heads = fit("shuffled", PAIR[0], other)
    for view, other in ((1, 2), (2, 1)):
        equal(heads.get("C%d is empty of shared information: X%d tells nothing of it." % (view, other)), "bad", heads)


@test("identical and collinear views: Z is empty, or not specific")
def _():
    for name, other in (("identical", PAIR[0]), ("collinear", times(PAIR[0], normal(12, 8)))):
        _, heads = fit(name, PAIR[0], other)
        for view in (1, 2):
            equal(heads.get("C%d is shared." % view), "good", heads)
            assert any(head.startswith(("Z%d is empty" % view, "Z%d is nearly empty" % view, "Z%d is not specific" % view))
                       for head in heads), heads


@test("a view of noise: nothing is shared, and what is missing of it is probably noise")
def _():
    found, heads = fit("noise", PAIR[0], normal(ROWS, 40))
    for view, other in ((1, 2), (2, 1)):
        equal(heads.get("C%d is empty of shared information: X%d tells nothing of it." % (view, other)), "bad", heads)
    equal(heads.get("(Z2, C2) describe little of X2."), "warning", heads)
    said = " ".join(verdict["says"] for verdict in found["verdicts"])
    inside("No direction of X2 stands out from noise of equal variance: what is missing is probably noise.", said)
    assert "direction of X1" not in said, said


@test("too few dimensions are named as the reason of what is missing")
def _():
    found, heads = fit("small", *views(ROWS, 3, 12, (30, 20), 0.1), "--dim", 2, "--shared-dim", 3)
    said = [verdict["says"] for verdict in found["verdicts"] if verdict["head"].startswith("(Z1, C1) describe")]
    equal(len(said), 1, heads)
    inside("X1 has 30 columns and the features 5; as many principal components hold ", said[0])
    inside("These are probably too few dimensions: a larger dim brings more back.", said[0])


@test("three features, and 150 rows")
def _():
    _, heads = fit("three", *views(ROWS, 1, 1, (3, 3), 0.2), "--shared-epochs", 100)
    for head in ("C1 is shared.", "C2 is shared.", "(Z1, C1) together describe X1.", "(Z2, C2) together describe X2."):
        equal(heads.get(head), "good", heads)
    _, heads = fit("few", *[view[:150] for view in PAIR])
    equal(heads, {"Too few rows to tell.": "warning"})


@test("no verdict is good where the model's own decoder fails, which of a sequence is that of all steps")
def _():
    rows, steps = 600, 4
    s = normal(rows, steps)
    values = [value for row in s for moved in row for value in (moved, moved + draw.gauss(0, 0.3))]
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d, 2), }" % (rows, steps)
    head += " " * (-(len(head) + 11) % 64) + "\n"
    with open(at("steps.npy"), "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack("<%df" % len(values), *values))
    mean = [[sum(row) / steps] for row in s]
    found, heads = fit("steps", total(times(mean, [[4] * 5]), normal(rows, 5)), total(times(mean, [[4] * 4]), normal(rows, 4)),
                       "--x3", at("steps.npy"), "--x3-norm", "none", "--epochs", 1, "--rate", 1e-6)
    decoder = found["completeness"]["3"]["decoder"]
    tone, says = [(verdict["tone"], verdict["says"]) for verdict in found["verdicts"] if verdict["head"].startswith("(Z3, C3)")][0]
    assert decoder < 0.1 and tone == "warning", (decoder, heads)
    inside(" of all steps", says)


# ---- technical factors --------------------------------------------------------------------------------------------------

def counted(mean):
    """A Poisson count."""
    left, count = math.exp(-mean), 0
    while True:
        left /= max(draw.random(), 1e-12)
        if left >= 1:
            return count
        count += 1


def named(name, columns, rows):
    with open(at(name), "w", encoding="ascii") as file:
        file.write(",".join(["cell", *columns]) + "\n")
        file.writelines(",".join(["c%d" % i, *map(str, row)]) + "\n" for i, row in enumerate(rows))
    return at(name)


@test("technical factors: only those that there are, and where a planted one shows")
def _():
    draw.seed(7)                # whatever was drawn before
    cells = 500
    genes = ["G%d" % i for i in range(20)] + ["MT-%d" % i for i in range(4)] + ["RPS%d" % i for i in range(3)] + ["RPS6KA1", "IGGY"]
    proteins = ["P%d" % i for i in range(6)] + ["Mouse-IgG1-control", "isotype_2"]
    rna, adt, about = [], [], []
    for i in range(cells):
        kind, stress, donor, sticky = draw.random() < 0.5, draw.random(), i % 3, draw.random()
        rna.append([counted(6 if kind == (j % 2) else 2) for j in range(20)] + [counted(0.2 + 12 * stress) for _ in range(4)] +
                   [counted(4) for _ in range(3)] + [counted(3 if donor == 1 else 1), counted(2)])
        adt.append([counted(15 if kind == (j % 2) else 3) for j in range(6)] + [counted(1 + 12 * sticky) for _ in range(2)])
        about.append(["AB"[kind], "d%d" % donor, "x", round(stress, 3)])
    files = ["--rna-file", named("rna.csv", genes, rna), "--protein-file", named("adt.csv", proteins, adt), "--cells",
             named("about.csv", ["type", "donor_id", "batch", "stress"], about)]
    run("run", *files, "--labels", "type", *SMALL, "--test", 0.4, "--epochs", 100, "--rna", "pca=10,hvg=all", "--protein", "pca=6",
        "--no-umap", "--no-h5", "--threads", 1, "--controls", "keep", "--out", at("factors"))
    with open(at("factors/technical.tsv"), encoding="ascii") as file:
        rows = [line.split("\t") for line in file.read().splitlines()]
    equal(rows[0], ["factor", "shared_rna", "shared_protein", "specific_rna", "specific_protein"])
    equal([row[0] for row in rows[1:]],
          ["rna: log depth", "rna: log features detected", "rna: mitochondrial share", "rna: ribosomal share", "rna: doublet score",
           "protein: log depth", "protein: log features detected", "protein: isotype background", "donor_id"])
    of = {row[0]: dict(zip(rows[0][1:], map(float, row[1:]))) for row in rows[1:]}
    mito, isotype = of["rna: mitochondrial share"], of["protein: isotype background"]
    assert mito["specific_rna"] > 0.3 > 0.2 > max(mito["shared_protein"], mito["specific_protein"]), mito
    assert isotype["specific_protein"] > 0.5 > 0.2 > max(isotype["shared_rna"], isotype["specific_rna"]), isotype
    with open(at("factors/metrics.json"), encoding="utf-8") as file:
        found = json.load(file)["technical"]
    for name, values in of.items():
        assert all(abs(found[name][key] - value) < 1e-5 * max(1, abs(value)) for key, value in values.items()), name
    with open(at("factors/report.html"), encoding="utf-8") as file:
        page = file.read()
    inside("<h2>Technical factors</h2>", page)
    inside('<tr><th scope="row">rna: mitochondrial share</th>', page)
    inside("Z of rna follows ", page)


sys.exit(main())
