#!/usr/bin/env python3
# build: indiseek cells_sample
"""indiseek run, annotate and impute as a biologist runs them: the same data set in every form that programs exchange, cells in another
order and cells that a modality lacks, what is written, stopping and going on, new cells, and the report in a browser.

The data are simulated, so that what is right is known.  Needs h5py and anndata for the files of HDF5; those tests are skipped without.
"""
import array
import ast
import csv
import glob
import gzip
import hashlib
import importlib.util
import json
import math
import os
import random
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import time

sys.path[:0] = ["tests/base", "tests/formats"]
import browser
import forms

if not importlib.util.find_spec("anndata") and os.path.exists("/usr/bin/python3") and not os.environ.get("TRIED_SYSTEM_PYTHON"):
    # Debian has it for its own Python, which may not be the first one that is found.
    os.environ["TRIED_SYSTEM_PYTHON"] = "1"
    os.execv("/usr/bin/python3", ["/usr/bin/python3"] + sys.argv)
from tap import Skip, at, equal, folder, inside, main, test

BUILD = os.environ.get("BUILD", "build")
PROGRAM = os.path.join(BUILD, "indiseek")
kind = os.path.basename(BUILD)
VERSION = re.search(r'#define ISK_VERSION "([^"]*)"', open("indiseek.h").read()).group(1)
SAMPLE = os.path.join("build/objects", "release" if kind == "build" else kind, "tests/cells/cells_sample")
PATIENCE = 240
CELLS, GENES, PROTEINS, TYPES = 600, 200, 15, 4
FEATURES = ["c1.npy", "c2.npy", "z1.npy", "z2.npy"]
RESULTS = sorted(FEATURES + ["cells.tsv", "clusters.tsv", "config.json", "coordinates.tsv", "explained.tsv", "log.jsonl", "manifest.sha256",
                             "metrics.json", "model.safetensors", "report.html", "split.tsv", "technical.tsv", "theta.tsv", "umap.tsv"])
# Small networks: a run takes a second.  The method is one that has lambda, and most stages.
SMALL = ("--method residual-indiseek --width 32 --layers 2 --dim 10 --shared-dim 10 --epochs 40 --shared-epochs 60 "
         "--residual-epochs 10 --diagnoses 1 --diagnosis-epochs 1").split()
os.environ.update(INDISEEK_CUDA_LIB="/nowhere/libcuda.so.1", LC_ALL="C")


# ---- files and programs -----------------------------------------------------------------------------------------------

def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(name, content):
    with (gzip.open if name.endswith(".gz") else open)(at(name), "wb") as file:
        file.write(content.encode())
    return at(name)


def table(path):
    """Rows of a TSV file as dictionaries."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def npy(path):
    """Rows of a matrix."""
    data = read(path)
    end = 10 + struct.unpack("<H", data[8:10])[0]
    rows, cols = ast.literal_eval(data[10:end].decode())["shape"]
    values = array.array("f", data[end:])
    if sys.byteorder == "big":
        values.byteswap()
    return [list(values[i * cols:(i + 1) * cols]) for i in range(rows)]


def sha(path):
    return hashlib.sha256(read(path)).hexdigest()


def state(name):
    return {file: sha(os.path.join(at(name), file)) for file in sorted(os.listdir(at(name)))}


def features(name):
    return {file: sha(os.path.join(at(name), file)) for file in FEATURES}


def result(name, file="metrics.json"):
    def never(word):
        raise AssertionError("%s/%s holds %s, which is no JSON" % (name, file, word))
    return json.loads(read(os.path.join(at(name), file)), parse_constant=never)


def indiseek(*arguments, code=0):
    line = [PROGRAM, *map(str, arguments)]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=PATIENCE)
    assert done.returncode == code, "%s\nexit code %d\n%s\n%s" % (shlex.join(line), done.returncode, done.stdout[-1500:],
                                                                  done.stderr[-1500:])
    return done


def run(source, out, *arguments, options=SMALL, **more):
    return indiseek("run", *source, "--out", at(out), *options, *arguments, **more)


def fails(sentence, code, *arguments):
    """It ends with that code, says exactly that, and leaves no results."""
    done = indiseek(*arguments, code=code)
    inside(sentence + "\n", done.stderr)
    equal(done.stdout, "")
    out = arguments[arguments.index("--out") + 1] if "--out" in arguments else None
    assert not out or not os.path.exists(out) or not os.listdir(out), "%s holds %s" % (out, os.listdir(out))


def hdf5():
    """Skips the test where there is none, for the program or for Python."""
    if not importlib.util.find_spec("h5py") or not importlib.util.find_spec("anndata"):
        raise Skip("h5py and anndata are missing (apt-get install python3-anndata)")
    if not with_hdf5:
        raise Skip("the program was made without HDF5")


def anndata_of(path):
    hdf5()
    import anndata
    import warnings
    warnings.simplefilter("ignore")
    return anndata.read_h5ad(path)


# ---- data -------------------------------------------------------------------------------------------------------------

class Simulated(forms.Data):
    """What the sample program wrote; `proteins_of` and `genes_of` say the counts of one cell by feature."""
    def __init__(self, folder):
        described = [line.split("\t") for line in forms.lines_of(os.path.join(folder, "features.tsv"))]
        self.genes = [name for _, name, what in described if what == "Gene Expression"]
        self.proteins = [name for _, name, what in described if what == "Antibody Capture"]
        self.table = os.path.join(folder, "cells.tsv")
        with open(self.table, encoding="utf-8", newline="") as file:
            self.header, *rows = csv.reader(file, delimiter="\t")
        self.cells = [row[0] for row in rows]
        self.columns = list(zip(*rows))[1:]
        equal(self.cells, forms.lines_of(os.path.join(folder, "barcodes.tsv")))
        self.adt = [[0] * len(self.proteins) for _ in self.cells]
        self.entries = []
        lines = forms.lines_of(os.path.join(folder, "matrix.mtx"))
        sizes, *lines = [line for line in lines if not line.startswith("%")]
        for line in lines:
            feature, cell, count = map(int, line.split())
            if feature <= len(self.genes):
                self.entries.append((feature, cell, count))
            else:
                self.adt[cell - 1][feature - 1 - len(self.genes)] = count
        equal(list(map(int, sizes.split())), [len(described), len(self.cells), len(lines)])
        self.entries.sort(key=lambda entry: (entry[1], entry[0]))
        self.rna = [[0] * len(self.genes) for _ in self.cells]
        for gene, cell, count in self.entries:
            self.rna[cell - 1][gene - 1] = count

    def text(self, values, names, rows, columns=None, separator=","):
        """Cells x features as text, of these rows and columns, in this order."""
        columns = range(len(names)) if columns is None else columns
        lines = [separator.join(["cell"] + [names[k] for k in columns])]
        lines += [separator.join([self.cells[i]] + [str(values[i][k]) for k in columns]) for i in rows]
        return "\n".join(lines) + "\n"

    def files(self, name, rna=None, proteins=None, genes_kept=None, proteins_kept=None):
        """A table of each modality with these cells; the options that name them."""
        every = range(len(self.cells))
        one = write(name + "_rna.csv", self.text(self.rna, self.genes, every if rna is None else rna, genes_kept))
        two = write(name + "_protein.tsv.gz", self.text(self.adt, self.proteins, every if proteins is None else proteins, proteins_kept,
                                                        "\t"))
        return ["--rna-file", one, "--protein-file", two]


def simulate(name, cells, seed):
    subprocess.run([SAMPLE, at(name), str(cells), str(GENES), str(PROTEINS), str(TYPES), str(seed)], check=True)
    return Simulated(at(name))


data = simulate("cells", CELLS, 1)
KNOWN = ["--cells", data.table]
LABELS = ["--labels", "cell_type", "--coarse", "lineage"]
QUICK = ["--no-umap", "--no-h5", "--quiet"]
TENX = ["--10x", at("cells"), *KNOWN]
with_leiden = b"libigraph" in read(PROGRAM)
with_hdf5 = "without HDF5" not in indiseek("run", at("cells"), "--out", at("asks"), *SMALL, "--epochs", 1, "--shared-epochs", 1,
                                           "--no-umap").stderr


# ---- what a run leaves ------------------------------------------------------------------------------------------------

@test("a run of a 10x folder leaves its files, and they are of all cells")
def _():
    done = run(TENX, "base", *LABELS)
    inside("rna: 200 features; log1p-cp10k, z-score, 50 principal components\n", done.stderr)
    inside("protein: 15 features; clr, z-score, 14 principal components\n", done.stderr)
    inside("cells: 432 train, 48 validation, 120 test\ncell_type: 4 types; 600 of 600 cells have one\n", done.stderr)
    inside("results are in %s; open %s/report.html\n" % (at("base"), at("base")), done.stdout)
    equal(sorted(os.listdir(at("base"))), sorted(RESULTS + (["adata.h5ad", "mdata.h5mu"] if with_hdf5 else [])))
    for file in FEATURES:
        rows = npy(at("base/" + file))
        equal((len(rows), len(rows[0])), (CELLS, 10), file)
        assert all(math.isfinite(value) for row in rows for value in row), file
    equal(len(read(at("base/split.tsv")).split()), CELLS + 1)


@test("metrics.json: scores of the features, theta and clusters, and what gave them")
def _():
    m = result("base")
    equal([m[key] for key in ("method", "lambda", "seed", "cells", "scored_on")], ["residual-indiseek", 10, 0, CELLS, "test"])
    equal(m["rows"], {"train": 432, "validation": 48, "test": 120})
    assert m["probe"]["all"]["accuracy"] > 0.9, m["probe"]
    for name in ("leakage", "completeness"):
        equal(sorted(m[name]), ["1", "2"])
    assert m["completeness"]["2"]["best"] > 0.3
    equal(sorted(m["theta"]["types"]), ["A1", "A2", "B1", "C1"])
    equal(m["theta"]["types_compared"], 4)
    assert -1 <= m["theta"]["low"] <= m["theta"]["high"] <= 1 and -1 <= m["theta_of_inputs"]["rho"] <= 1
    equal(sum(kind["cells"] for kind in m["theta"]["types"].values()), 120)
    joint = {"shared", "specific", "all", "inputs"}
    by = {kind: [row for row in m["clusters"] if row["algorithm"] == kind] for kind in ("k-means", "leiden")}
    equal({(row["label"], row["k"]) for row in by["k-means"]}, {("cell_type", 4), ("lineage", 3)})
    equal([row["embedding"] for row in by["k-means"] if row["label"] == "lineage"],
          ["shared_rna", "specific_rna", "rna", "shared_protein", "specific_protein", "protein", "shared", "specific", "all", "inputs"])
    equal({row["embedding"] for row in by["leiden"]}, joint if with_leiden else set())


@test("cells.tsv, umap.tsv, theta.tsv and clusters.tsv agree with each other and with metrics.json")
def _():
    m, cells, places, types, clusters = result("base"), *(table(at("base/%s.tsv" % name))
                                                          for name in ("cells", "umap", "theta", "clusters"))
    equal([row["cell"] for row in cells], data.cells)
    equal([row["cell"] for row in places], data.cells)
    known = dict(zip(data.header[1:], data.columns))
    equal([row["cell_type"] for row in cells], list(known["cell_type"]))
    equal([float(row["state"]) for row in cells], [float(value) for value in known["state"]])
    equal([row["indiseek_part"] for row in cells], read(at("base/split.tsv")).decode().split()[1:])
    for row in cells:
        assert abs(float(row["indiseek_wnn_rna"]) + float(row["indiseek_wnn_protein"]) - 1) < 1e-4, row
        assert not with_leiden or int(row["indiseek_leiden"]) in range(1, 20), row
        equal([bool(row["indiseek_" + name]) for name in ("theta", "beta_rna", "beta_protein")], [row["indiseek_part"] == "test"] * 3)
    for row in types:
        own = [cell for cell in cells if cell["cell_type"] == row["type"]]
        scored = [float(cell["indiseek_theta"]) for cell in own if cell["indiseek_theta"]]
        equal([int(row["cells"]), int(row["scored"])], [len(own), len(scored)], row["type"])
        assert abs(sum(scored) / len(scored) - float(row["theta"])) < 1e-4, row
        assert abs(sum(float(cell["indiseek_wnn_rna"]) for cell in own) / len(own) - float(row["weight_rna"])) < 1e-4, row
        assert abs(m["theta"]["types"][row["type"]]["theta"] - float(row["theta"])) < 1e-5
    ranked = sorted(types, key=lambda row: float(row["theta"]))
    equal([float(row["theta_rank"]) for row in ranked], [1, 2, 3, 4])
    names = ["rna_shared", "protein_shared", "rna_specific", "protein_specific", "rna_input", "protein_input", "all"]
    equal(list(places[0]), ["cell"] + [name + axis for name in names for axis in ("_1", "_2")])
    assert all(math.isfinite(float(row[name + "_2"])) for row in places for name in names)
    equal([(row["embedding"], row["label"], float(row["ari"])) for row in clusters],
          [(row["embedding"], row["label"], float("%.6g" % row["ari"])) for row in m["clusters"]])


@test("explained.tsv: R^2 of every gene and protein, and genes that the cell cycle moves are told by Z of RNA")
def _():
    rows = table(at("base/explained.tsv"))
    equal([(row["modality"], row["feature"]) for row in rows],
          [("rna", name) for name in data.genes] + [("protein", name) for name in data.proteins])
    equal(list(rows[0]), ["modality", "feature", "r2_shared", "r2_specific", "r2_both", "r2_other"])
    assert all(float(row[key] or 0) <= 1 for row in rows for key in list(row)[2:])
    told = {kind: [row for row in rows if row["modality"] == kind] for kind in ("rna", "protein")}
    for kind, view in (("rna", "1"), ("protein", "2")):
        best = max(told[kind], key=lambda row: float(row["r2_both"] or 0) - float(row["r2_shared"] or 0))
        inside('<th scope="row">%s</th>' % best["feature"], page_of("base").split("%s: what Z adds to C" % kind)[1].split("</tr>")[1])
    run(TENX, "trained_on_all", *LABELS, *QUICK, "--test", 0, "--validation", 0)
    assert "explained.tsv" not in os.listdir(at("trained_on_all"))


@test("coordinates.tsv: what each follows, and indiseek explain prints it")
def _():
    rows = table(at("base/coordinates.tsv"))
    equal(sorted(row["coordinate"] for row in rows), sorted("%s_%d" % (kind, k) for kind in ("Z1", "Z2", "C1", "C2") for k in range(1, 11)))
    held = [row["indiseek_part"] == "test" for row in table(at("base/cells.tsv"))]
    for kind, modality, known in (("Z1", "rna", data.genes), ("Z2", "protein", data.proteins)):
        own = [row for row in rows if row["coordinate"].startswith(kind)]
        equal({row["modality"] for row in own}, {modality})
        shares = [float(row["r2_" + modality]) for row in own]
        equal(shares, sorted(shares, reverse=True))
        assert all(row["rises_1"] in known and row["falls_1"] in known for row in own), own
        # a protein that a coordinate rises with is higher where the coordinate is
        if kind == "Z2":
            column = int(own[0]["coordinate"][3:]) - 1
            z = [row[column] for row in npy(at("base/z2.npy"))]
            counts = [row[known.index(own[0]["rises_1"])] for row in data.adt]
            cells = sorted((i for i in range(CELLS) if held[i]), key=lambda i: z[i])
            assert sum(counts[i] for i in cells[60:]) > sum(counts[i] for i in cells[:60]), own[0]
    printed = indiseek("explain", at("base"), "--most", 2).stdout
    equal([line.split(" ")[0] for line in printed.splitlines() if re.match("[CZ][12]_", line)],
          [row["coordinate"] for kind in ("Z1", "Z2", "C1", "C2") for row in [r for r in rows if r["coordinate"].startswith(kind)][:2]])
    inside("Z1, specific to rna: 2 of 10 coordinates\n", printed)
    equal(indiseek("explain", at("base"), "--tsv", "-").stdout.encode(), read(at("base/coordinates.tsv")))
    equal([row["rises_1"] for row in json.loads(indiseek("explain", at("base"), "--json", "-").stdout)], [row["rises_1"] for row in rows])
    assert "coordinates.tsv" not in os.listdir(at("trained_on_all"))
    fails("indiseek explain: %s/coordinates.tsv is not there: `indiseek run` and `indiseek fit` write it where rows are held out" %
          at("trained_on_all"), 1, "explain", at("trained_on_all"))


@test("the types lie apart in the picture of all features: most neighbours there are of a cell's own type")
def _():
    places = [(float(row["all_1"]), float(row["all_2"])) for row in table(at("base/umap.tsv"))]
    kinds = data.columns[0]
    agree = 0
    for i in range(0, CELLS, 10):
        near = sorted(range(CELLS), key=lambda k: math.dist(places[i], places[k]))[1:11]
        agree += sum(kinds[k] == kinds[i] for k in near)
    assert agree > 0.6 * CELLS, "%d of %d" % (agree, CELLS)


@test("names with tabs, ends of lines, quotes, blanks and = + - @: every table keeps its columns, the names are read again as they are")
def _():
    cells = [["=c%d", "c\t%d", '"c" %d ', "-1.%d"][i % 4] % i for i in range(CELLS)]
    genes = [["=%s", "g\t%s", "+%s", "%s\rx"][i % 4] % name for i, name in enumerate(data.genes)]
    proteins = [["@%s", "%s\n", " %s", "-%s"][i % 4] % name for i, name in enumerate(data.proteins)]
    kinds = {name: word for name, word in zip(sorted(set(data.columns[0])), ("T\tcell\nx", "=A1", '"B"', "-1"))}
    def quoted(name, rows):
        return write(name, "".join(",".join('"%s"' % str(field).replace('"', '""') for field in row) + "\n" for row in rows))
    source = ["--rna-file", quoted("odd-rna.csv", [["cell", *genes], *([cell, *row] for cell, row in zip(cells, data.rna))]),
              "--protein-file", quoted("odd-adt.csv", [["cell", *proteins], *([cell, *row] for cell, row in zip(cells, data.adt))]),
              "--cells", quoted("odd-cells.csv", [["cell", "ki\tnd", "number"],
                                                  *([cell, kinds[kind], -1.5] for cell, kind in zip(cells, data.columns[0]))])]
    run(source, "odd", "--labels", "ki\tnd", "--no-h5", "--quiet")
    indiseek("annotate", "--model", at("odd"), "--out", at("odd-annotated"), "--quiet")
    indiseek("impute", "--model", at("odd"), "--out", at("odd-imputed"), "--quiet")
    def plain(word):
        return re.sub("[\t\r\n]", " ", word)
    paths = glob.glob(at("odd*/*.tsv"))
    equal(sorted(os.path.basename(path) for path in paths), sorted([name for name in RESULTS if name.endswith(".tsv")] +
                                                                   ["annotation.tsv", "imputation.tsv"]))
    for path in paths:
        lines = read(path).decode().split("\n")
        equal({line.count("\t") for line in lines[:-1]}, {lines[0].count("\t")}, path)
        assert "\r" not in "".join(lines) and not lines[-1], path
    rows = table(at("odd/cells.tsv"))
    equal([row["cell"] for row in rows], [plain(cell) for cell in cells])
    equal({row["ki nd"] for row in rows}, {plain(word) for word in kinds.values()})
    equal({row["number"] for row in rows}, {"-1.5"})
    equal({row["type"] for row in table(at("odd/theta.tsv"))}, {plain(word) for word in kinds.values()})
    equal([row["feature"] for row in table(at("odd/explained.tsv"))], [plain(name) for name in genes + proteins])
    equal([row["feature"] for row in table(at("odd-imputed/imputation.tsv"))], [plain(name) for name in proteins])
    assert {row["cell"] for row in table(at("odd-annotated/annotation.tsv"))} <= {plain(cell) for cell in cells}
    for name, due in (("cells", cells), ("features", proteins)):
        equal(read(at("odd-imputed/imputed_%s.txt" % name)).decode().split("\n")[:-1], [re.sub("[\r\n]", " ", word) for word in due])


@test("what is wrong with a modality is said by its name; of one class, or one feature, a warning says what it is worth")
def _():
    zeros = write("zeros.csv", data.text([[0] * len(data.proteins)] * CELLS, data.proteins, range(CELLS)))
    rna = write("named-rna.csv", data.text(data.rna, data.genes, range(CELLS)))
    fails("indiseek run: protein is zero in every training row; there is nothing to encode", 65, "run", "--rna-file", rna,
          "--protein-file", zeros, "--out", at("zeros"), *SMALL, "--quiet")
    fails("indiseek run: rna is zero in every training row; there is nothing to encode", 65, "run", "--rna-file",
          write("zeros-rna.csv", data.text([[0] * len(data.genes)] * CELLS, data.genes, range(CELLS))), "--protein-file",
          write("named-adt.csv", data.text(data.adt, data.proteins, range(CELLS))), "--out", at("zeros"), *SMALL, "--quiet")
    one = write("one-protein.csv", data.text(data.adt, data.proteins, range(CELLS), [0]))
    kind = write("one-kind.csv", "cell,kind\n" + "".join("%s,same\n" % cell for cell in data.cells))
    done = run(["--rna-file", rna, "--protein-file", one, "--cells", kind], "alone", "--labels", "kind", "--no-umap", "--no-h5")
    inside("kind: 1 type; 600 of 600 cells have one\n", done.stderr)
    inside("warning: protein has one feature, and clr sets counts in relation to others of the same sample: zscore, or raw of "
           "`indiseek run`, takes them as they are\n", done.stderr)
    inside("warning: --labels kind: all cells that have a type are of one, 'same': scores of types, which need two, say nothing\n",
           done.stderr)


# ---- the same data in other forms -------------------------------------------------------------------------------------

def same_as_base(name, *arguments):
    run(arguments, name, *LABELS, *QUICK)
    equal(features(name), features("base"))
    one, two = result(name), result("base")
    one["training"]["seconds"] = two["training"]["seconds"] = 0
    equal(one, two)
    equal([row["indiseek_wnn_rna"] for row in table(at(name + "/cells.tsv"))],
          [row["indiseek_wnn_rna"] for row in table(at("base/cells.tsv"))])


def form(name):
    hdf5()
    os.makedirs(at("forms"), exist_ok=True)
    getattr(forms, "write_" + name)(data, at("forms"))
    return at("forms/data." + name)


@test("the same features and scores from .h5 of Cell Ranger")
def _():
    same_as_base("h5", form("h5"), *KNOWN)


@test("the same from .h5ad, with the proteins in obsm, and the types in obs")
def _():
    same_as_base("h5ad", form("h5ad"))


@test("the same from .h5mu, whose proteins have the cells in another order")
def _():
    same_as_base("h5mu", form("h5mu"))


@test("the same from a table of each modality, one of them with the cells in another order")
def _():
    order = list(range(CELLS))
    random.Random(5).shuffle(order)
    same_as_base("tables", *data.files("tables", proteins=order), *KNOWN)


def turned(cells, names, values):
    """Features x cells as Seurat's write.csv gives them."""
    lines = [",".join(['""'] + ['"%s"' % cell for cell in cells])]
    lines += [",".join(['"%s"' % name] + [str(row[k]) for row in values]) for k, name in enumerate(names)]
    return "\n".join(lines) + "\n"


@test("the same from features x cells, also where proteins are named as genes; found by barcodes, by the other file, or said")
def _():
    known = data.genes[:10] + data.proteins[10:]
    assert re.match("[ACGT]{16}-1$", data.cells[0]), data.cells[0]
    rna, adt = (write("turned_%d.csv" % k, turned(data.cells, names, values))
                for k, (names, values) in enumerate(((data.genes, data.rna), (data.proteins, data.adt))))
    shared = write("shared_names.csv", turned(data.cells, known, data.adt))
    say = "%s: columns are the cells, as %s: taken as 600 cells x %d features; --transpose none reads rows as cells\n"
    same_as_base("turned_tables", "--rna-file", rna, "--protein-file", adt, *KNOWN)
    same_as_base("turned_said", "--rna-file", rna, "--protein-file", data.files("rows")[3], *KNOWN, "--transpose", "rna")
    done = run(["--rna-file", rna, "--protein-file", shared, *KNOWN], "shared_names", *LABELS, "--no-umap", "--no-h5")
    inside(say % (rna, "their names are barcodes", GENES) + say % (shared, "their names are barcodes", PROTEINS), done.stderr)
    inside("reading 600 cells x 200 genes (rna), 600 x 15 (protein): about", done.stderr)
    equal(features("shared_names"), features("base"))
    own = ["cell %d" % i for i in range(CELLS)]
    files = ["--rna-file", write("own_0.csv", turned(own, data.genes, data.rna)), "--protein-file",
             write("own_1.csv", turned(own, known, data.adt))]
    done = run(files, "own_names", "--no-umap", "--no-h5")
    inside(say % (files[1], "another file names them so", GENES) + say % (files[3], "another file names them so", PROTEINS), done.stderr)
    equal(len(npy(at("own_names/c1.npy"))), CELLS)
    equal(result("turned_said", "config.json")["transpose"], "rna")
    indiseek("annotate", "--model", at("turned_said"), "--out", at("turned_said_named"), "--quiet")
    new = write("turned_new.csv", turned(more.cells[CELLS:], more.genes, more.rna[CELLS:]))
    annotated, _, rows = annotate("turned_new", "--rna-file", new)
    inside(say.replace("600", "300") % (new, "their names are barcodes", GENES), annotated.stderr)
    equal([row["cell"] for row in rows], more.cells[CELLS:])


@test("--transpose of files without names, of what is not given, and against what the files say")
def _():
    plain = [write("unnamed_%d.csv" % k, "\n".join(",".join(map(str, row)) for row in values) + "\n")
             for k, values in enumerate((zip(*data.rna), data.adt))]
    files = ["--rna-file", plain[0], "--protein-file", plain[1]]
    fails("indiseek run: %s: has 600 rows (protein) where %s has 200 (rna), and neither names its cells; if columns are the cells, say "
          "--transpose rna" % (plain[1], plain[0]), 65, "run", *files, "--out", at("refused"), *SMALL)
    run(files, "unnamed_turned", *QUICK, "--transpose", "rna")
    equal(len(npy(at("unnamed_turned/c1.npy"))), CELLS)
    fails("indiseek run: --transpose rna,adt,atac: 'atac' is none of the files that are given by --rna-file and its like\n"
          "(indiseek run --help lists the options)", 2, "run", *files, "--transpose", "rna,adt,atac", "--out", at("refused"))
    fails("indiseek run: --transpose rna: 'rna' is none of the files that are given by --rna-file and its like\n"
          "(indiseek run --help lists the options)", 2, "run", at("cells"), "--transpose", "rna", "--out", at("refused"))
    fails("indiseek run: %s: no cell of protein, whose first is '%s', is among the others, whose first is '%s'; the names of cells must "
          "agree" % (at("turned_1.csv"), data.proteins[0], data.cells[0]), 65, "run", "--rna-file", at("turned_0.csv"), "--protein-file",
          at("turned_1.csv"), "--transpose", "rna", "--out", at("refused"), *SMALL)
    odd = write("odd.csv", data.text(data.adt, data.proteins, range(CELLS)).replace("\n", "\nother ")[:-6])
    own = write("own_rna.csv", data.text(data.rna, data.genes, range(CELLS)).replace("\n", "\ncell ")[:-5])
    for table in (odd, own):
        with open(table) as file:
            content = file.read()
        content = re.sub("[ACGT]{16}-1", lambda found: str(data.cells.index(found.group())), content)
        write(os.path.basename(table), content)
    fails("indiseek run: %s: no cell of protein, whose first is 'other 0', is among the others, whose first is 'cell 0', nor is a column, "
          "whose first is '%s'; the names of cells must agree" % (odd, data.proteins[0]), 65, "run", "--rna-file", own, "--protein-file",
          odd, "--out", at("refused"), *SMALL)


# ---- one file a modality, of any kind ---------------------------------------------------------------------------------

def market(name, values, turned_too=False):
    """A matrix of cells x features, or the other way round."""
    entries = [(i + 1, k + 1, value) for i, row in enumerate(values) for k, value in enumerate(row) if value]
    size = [len(values), len(values[0])]
    if turned_too:
        entries, size = [(k, i, value) for i, k, value in entries], size[::-1]
    lines = ["%%MatrixMarket matrix coordinate integer general", "%d %d %d" % (*size, len(entries))]
    return write(name, "\n".join(lines + ["%d %d %d" % entry for entry in entries]) + "\n")


def lines_file(name, words):
    return write(name, "".join(word + "\n" for word in words))


def triplet(folder, prefix, values, names, kind=None):
    """A folder of 10x, whose files begin with the prefix; without a kind its features are names alone, as GEO has them."""
    os.makedirs(at(folder), exist_ok=True)
    market(folder + "/" + prefix + "matrix.mtx.gz", values, True)
    lines_file(folder + "/" + prefix + "barcodes.tsv.gz", data.cells)
    lines_file(folder + "/" + prefix + "features.tsv.gz", ["%s\t%s\t%s" % (name, name, kind) if kind else name for name in names])
    return at(folder + "/" + prefix)


@test("two 10x triplets of one folder, as GEO has them: the sentence gives the line, and that line reads them")
def _():
    triplet("geo", "GSM1_RNA_3P-", data.rna, data.genes)
    triplet("geo", "GSM2_ADT_3P-", data.adt, data.proteins)
    line = "--rna-file %s/GSM1_RNA_3P- --protein-file %s/GSM2_ADT_3P-" % (at("geo"), at("geo"))
    fails("indiseek run: %s: holds several matrices, whose names begin with 'GSM1_RNA_3P-' and 'GSM2_ADT_3P-'; read one for each modality: "
          "%s" % (at("geo"), line), 65, "run", at("geo"), "--out", at("refused"), *SMALL)
    same_as_base("geo_read", *line.split(), *KNOWN)
    fails("indiseek run: the input holds one modality, rna; two are needed: a column of feature types tells them apart in one file, "
          "--rna-file and --protein-file read one from each", 65, "run", "--rna-file", at("geo/GSM1_RNA_3P-"), "--out", at("refused"),
          *SMALL)


@test("two .h5ad; a 10x folder and a table; .mtx and .npy with names beside them, or that the line gives")
def _():
    table_of_proteins = data.files("any")[3]
    rna10x = triplet("rna10x", "", data.rna, data.genes, "Gene Expression")
    same_as_base("folder_and_table", "--rna-file", rna10x, "--protein-file", table_of_proteins, *KNOWN)
    counts = market("x_counts.mtx", data.rna, True)
    lines_file("x_counts.barcodes.txt", data.cells)
    lines_file("x_counts.genes.txt", data.genes)
    done = run(["--rna-file", counts, "--protein-file", table_of_proteins, *KNOWN], "beside", *LABELS, "--no-umap", "--no-h5")
    inside("%s: named by %s and %s: taken as 600 cells x 200 features\n" % (counts, at("x_counts.barcodes.txt"), at("x_counts.genes.txt")),
           done.stderr)
    equal(features("beside"), features("base"))
    bare = market("bare_adt.mtx", data.adt)
    cells, names = lines_file("the_cells", data.cells), lines_file("the_proteins", data.proteins)
    fails("indiseek run: %s: protein has no names of its cells, so they cannot be found among those of rna; --protein-cells FILE names them"
          % bare, 65, "run", "--rna-file", counts, "--protein-file", bare, "--out", at("refused"), *SMALL)
    same_as_base("given_names", "--rna-file", counts, "--protein-file", bare, "--protein-cells", cells, "--protein-features", names, *KNOWN)
    equal(result("given_names", "config.json")["protein-cells"], os.path.abspath(cells))
    fails("indiseek run: --protein-cells needs --protein-file, whose names it gives\n(indiseek run --help lists the options)", 2, "run",
          "--rna-file", counts, "--protein-cells", cells, "--out", at("refused"))
    given = anndata_of(form("h5ad"))
    import anndata
    import pandas
    proteins = given.obsm.pop("protein_expression")
    given.write_h5ad(at("one.h5ad"))
    anndata.AnnData(proteins, pandas.DataFrame({"site": ["s%d" % (i % 2) for i in range(CELLS)]}, index=data.cells),
                    pandas.DataFrame(index=data.proteins)).write_h5ad(at("two.h5ad"), compression="lzf")
    same_as_base("two_h5ad", "--rna-file", at("one.h5ad"), "--protein-file", at("two.h5ad"))
    equal({row["site"] for row in table(at("two_h5ad/cells.tsv"))}, {"s0", "s1"})
    same_as_base("parts_of_files", "--rna-file", form("h5"), "--protein-file", form("h5mu"), *KNOWN)
    given.layers["counts"] = given.X.copy()
    given.X = given.X * 0.5
    given.write_h5ad(at("halved.h5ad"))
    same_as_base("layer_of_one", "--rna-file", at("halved.h5ad"), "--protein-file", at("two.h5ad"), "--layer", "counts")
    fails("indiseek run: --layer: nothing that is read has a layer 'raw'", 65, "run", "--rna-file", at("halved.h5ad"), "--protein-file",
          at("two.h5ad"), "--layer", "raw", "--out", at("refused"), *SMALL)
    fails("indiseek run: %s: says itself which of its names are cells; --transpose is for matrices" % at("two.h5ad"), 2, "run",
          "--rna-file", at("one.h5ad"), "--protein-file", at("two.h5ad"), "--transpose", "protein", "--out", at("refused"), *SMALL)


@test("--layer and --obsm of what has none; a file of another kind than its option; one file for two modalities; sizes said once")
def _():
    tables = data.files("chosen")
    for line in (tables, [at("cells")]):
        fails("indiseek run: --layer: nothing that is read has a layer 'raw'", 65, "run", *line, "--layer", "raw", "--quiet", "--out",
              at("refused"), *SMALL)
        fails("indiseek run: --obsm: nothing that is read has an obsm 'ADT'; .h5ad files have some", 65, "run", *line, "--obsm", "ADT",
              "--quiet", "--out", at("refused"), *SMALL)
    rna = triplet("kind_rna", "", data.rna, data.genes, "Gene Expression")
    adt, untyped = triplet("kind_adt", "", data.adt, data.proteins, "Antibody Capture"), triplet("untyped", "", data.adt, data.proteins)
    said = "warning: %s: says that it is '%s', and is taken for %s, as --%s-file says\n"
    done = run(["--rna-file", adt, "--protein-file", rna], "swapped", "--no-umap", "--no-h5")
    inside(said % (adt, "Antibody Capture", "rna", "rna"), done.stderr)
    inside(said % (rna, "Gene Expression", "protein", "protein"), done.stderr)
    done = run(["--rna-file", rna, "--protein-file", untyped], "as_said", "--no-umap", "--no-h5")
    assert "says that it is" not in done.stderr, done.stderr
    sizes = re.findall("^reading .*(?=: about)", done.stderr, re.M)
    equal(sizes, ["reading 600 cells x 200 genes (rna)", "reading 600 cells x 15 features (protein)"])
    assert re.search(r"\(protein\): about \S+ MB in all$", done.stderr, re.M), done.stderr
    done = run(["--rna-file", tables[1], "--protein-file", adt, "--drop-features", "atac:X*"], "mixed", "--no-umap", "--no-h5")
    equal(re.findall("^reading .*(?=: about)", done.stderr, re.M),
          ["reading 600 cells x 15 features (protein)", "reading 600 cells x 200 genes (rna)"])
    inside("warning: --drop-features: no feature fits 'atac:X*'\n", done.stderr)
    os.symlink(os.path.abspath(tables[1]), at("also.csv"))
    for one, other in ((tables[1], at("also.csv")), (adt, adt)):
        fails("indiseek run: %s: is given for rna and for protein, with the same features" % one, 2, "run", "--rna-file", other,
              "--protein-file", one, "--quiet", "--out", at("refused"), *SMALL)


@test("what cannot be read: each in one sentence with what to do")
def _():
    packed = at("filtered_feature_bc_matrix.h5.gz")
    with gzip.open(packed, "wb") as file:
        file.write(b"\x89HDF\r\n\x1a\n" + bytes(600))
    os.makedirs(at("outs/filtered_feature_bc_matrix"), exist_ok=True)
    os.makedirs(at("cells.zarr"), exist_ok=True)
    write("cells.zarr/.zgroup", "{}")
    with gzip.open(at("seurat.rds"), "wb") as file:
        file.write(b"X\n\0\0\0\3" + bytes(600))
    os.mkfifo(at("pipe"))
    words = {
        packed: "is an HDF5 file (.h5, .h5ad, .h5mu, .mat) that gzip has packed; unpack it first (gunzip -k)",
        at("outs"): "is what Cell Ranger leaves; of it give %s/filtered_feature_bc_matrix" % at("outs"),
        at("cells.zarr"): 'is a Zarr store; write it as .h5ad: anndata.read_zarr("%s").write_h5ad("cells.h5ad")' % at("cells.zarr"),
        at("seurat.rds"): "is an R data file (.rds); in R write its counts by Matrix::writeMM and the names of both sides by writeLines",
        at("pipe"): "is a pipe, and files are read more than once; write it to a file first",
    }
    for path, sentence in words.items():
        for line in ([path], ["--rna-file", path, "--protein-file", data.files("any")[3]]):
            fails("indiseek run: %s: %s" % (path, sentence), 65, "run", *line, "--out", at("refused"), *SMALL)


# ---- which features train ---------------------------------------------------------------------------------------------

def with_tags(name):
    """The proteins, of which every cell has four hashtags and two isotype controls too."""
    tags = ["HTO_%d" % k for k in range(1, 5)] + ["Mouse-IgG1-control", "IgG2a_TotalSeqB"]
    draw = random.Random(11)
    values = [row + [40 if i % 4 == k else draw.randrange(3) for k in range(4)] + [draw.randrange(9) for _ in range(2)]
              for i, row in enumerate(data.adt)]
    lines = [",".join(["cell", *data.proteins, *tags])] + [",".join([cell, *map(str, row)]) for cell, row in zip(data.cells, values)]
    return ["--rna-file", data.files("tags")[1], "--protein-file", write(name, "\n".join(lines) + "\n"), *KNOWN]


@test("hashtags and isotype controls are named, and trained on only where that is asked for; the background is still measured")
def _():
    source = with_tags("tags.csv")
    said = ("protein: kept out of training, as their names say: 4 hashtags: HTO_1, HTO_2, HTO_3, HTO_4; 2 isotype controls: "
            "Mouse-IgG1-control, IgG2a_TotalSeqB (still the measure of background); --controls keep trains on them\n")
    done = run(source, "tags", *LABELS, "--no-umap", "--no-h5")
    inside(said, done.stderr)
    equal(features("tags"), features("base"))
    equal([row["feature"] for row in table(at("tags/explained.tsv"))], data.genes + data.proteins)
    inside("protein: isotype background", [row["factor"] for row in table(at("tags/technical.tsv"))])
    equal({row["factor"] for row in table(at("tags/technical.tsv"))} - {row["factor"] for row in table(at("base/technical.tsv"))},
          {"protein: isotype background"})
    equal(result("tags", "config.json")["controls"], "drop")
    done = run(source, "tags_kept", *LABELS, "--no-umap", "--no-h5", "--controls", "keep")
    assert "kept out" not in done.stderr, done.stderr
    equal(len(table(at("tags_kept/explained.tsv"))), GENES + PROTEINS + 6)
    run(source, "tags_all", *LABELS, *QUICK, "--keep-features", "protein:*")
    equal(features("tags_all"), features("tags_kept"))


@test("--keep-features and --drop-features, for one modality or for each; new cells of a run are read likewise")
def _():
    kept = [k for k, name in enumerate(data.proteins) if name != data.proteins[3]]
    plain = data.files("dropped", proteins_kept=kept)
    run([*plain, *KNOWN], "dropped_plain", *LABELS, *QUICK)
    source = with_tags("tags.csv")
    done = run(source, "dropped", *LABELS, "--no-umap", "--no-h5", "--drop-features", "adt:%s,rna:none*" % data.proteins[3])
    inside("warning: --drop-features: no feature fits 'rna:none*'\n", done.stderr)
    inside("protein: left out, as --keep-features or --drop-features says: 1 feature: %s\n" % data.proteins[3], done.stderr)
    equal(features("dropped"), features("dropped_plain"))
    run(source, "kept_some", *LABELS, *QUICK, "--keep-features", "protein:" + ",protein:".join(data.proteins[k] for k in kept))
    equal(features("kept_some"), features("dropped_plain"))
    fails("indiseek run: no feature of rna is left: a pattern of --keep-features is for every modality, unless one stands before it "
          "(protein:CD*), and --controls keep trains on hashtags and isotype controls", 2, "run", *source, "--keep-features",
          data.proteins[0], "--quiet", "--out", at("refused"), *SMALL)
    named = [held_out(name) for name in ("dropped", "dropped_plain")]
    equal(named[0], named[1])
    indiseek("annotate", "--model", at("dropped"), *source[:4], "--out", at("dropped_new"), "--quiet")
    indiseek("annotate", "--model", at("dropped_plain"), *plain, "--out", at("dropped_plain_new"), "--quiet")
    equal(sha(at("dropped_new/annotation.tsv")), sha(at("dropped_plain_new/annotation.tsv")))


@test("a run of before there was --controls had hashtags among its features, and its model is given them still")
def _():
    shutil.copytree(at("tags_kept"), at("tags_before"))
    config = result("tags_before", "config.json")
    del config["controls"]
    write("tags_before/config.json", json.dumps(config))
    manifest = [line for line in read(at("tags_before/manifest.sha256")).decode().splitlines(True) if "config.json" not in line]
    write("tags_before/manifest.sha256", "".join(manifest))
    equal(held_out("tags_before"), held_out("tags_kept"))


# ---- cells that hardly pair -------------------------------------------------------------------------------------------

def renamed(name, rows, of):
    """Proteins of these cells, called as `of` says; droplets that hold no cell are "" for it, and no gene was counted there."""
    lines = [",".join(["cell", *data.proteins])]
    lines += [",".join([of(data.cells[i % CELLS] if i < CELLS else "", i), *map(str, data.adt[i % CELLS])]) for i in rows]
    return write(name, "\n".join(lines) + "\n")


def droplet(i):
    return "".join("ACGT"[i >> 2 * k & 3] for k in range(16))


def pair(protein):
    return ["--rna-file", write("rna_alone.csv", data.text(data.rna, data.genes, range(CELLS))), "--protein-file", protein, *KNOWN]


@test("barcodes of antibodies that nobody translated, of which hardly any agree: refused with the numbers and the cause")
def _():
    other = dict(zip("ACGT", "TGCA"))
    v3 = renamed("v3.csv", range(CELLS), lambda name, i: name if i < 2 else name[:7] + other[name[7]] + other[name[8]] + name[9:])
    why = ("with bases 8 and 9 of their barcodes complemented: those of antibodies of 10x 3' v3 are so, and must be translated to those of "
           "RNA first, as Cell Ranger does")
    fails("indiseek run: %s: only 2 of the 600 cells of protein are among the 600 of rna, too few to learn from (20 and 1 %% are the "
          "least); 598 would be %s" % (v3, why), 65, "run", *pair(v3), "--out", at("refused"), *SMALL)
    bare = renamed("bare.csv", range(CELLS), lambda name, i: name[:-2])
    fails("indiseek run: %s: no cell of protein, whose first is '%s', is among the others, whose first is '%s'; 600 would be without the "
          "\"-1\" or the like at the end of names, which --strip-suffix drops" % (bare, data.cells[0][:-2], data.cells[0]), 65, "run",
          *pair(bare), "--out", at("refused"), *SMALL)
    same_as_base("stripped", *pair(bare), "--strip-suffix")
    equal([dict(row, cell=row["cell"] + "-1") for row in held_out("stripped")], held_out("base"))
    some = renamed("some.csv", range(CELLS), lambda name, i: name if i < 100 else "other %d" % i)
    done = run(pair(some), "some", *LABELS, "--no-umap", "--no-h5")
    inside("warning: only 100 of the 600 cells of protein are among the 600 of rna: what they share is learned from these alone\n",
           done.stderr)
    done = run(pair(some), "some_paired", *LABELS, "--no-umap", "--no-h5", "--paired")
    inside("100 of 1100 cells have all modalities: the others are left out\n", done.stderr)
    equal([row["cell"] for row in table(at("some_paired/cells.tsv"))], data.cells[:100])
    equal(len(held_out("some_paired")), sum(row["indiseek_part"] == "test" for row in table(at("some_paired/cells.tsv"))))


@test("empty droplets, whose proteins were counted, are no cells unless that is asked for")
def _():
    raw = renamed("raw.csv", range(3 * CELLS), lambda name, i: name or droplet(i))
    done = run(pair(raw), "filtered", *LABELS, "--no-umap", "--no-h5")
    inside("warning: 1200 of 1800 cells have no RNA: they are left out as empty droplets; --keep-empty keeps them\n", done.stderr)
    equal(features("filtered"), features("base"))
    run(pair(raw), "kept", *LABELS, *QUICK, "--keep-empty", "--epochs", 1, "--shared-epochs", 1)
    equal(len(table(at("kept/cells.tsv"))), 3 * CELLS)


@test("an .h5ad whose names lose their suffix gets its results at its own cells")
def _():
    given = anndata_of(form("h5ad"))
    given.obs_names = [name + "-0" for name in given.obs_names]
    given.write_h5ad(at("suffix.h5ad"))
    run([at("suffix.h5ad")], "suffix", *LABELS, "--quiet", "--no-umap", "--strip-suffix")
    equal(features("suffix"), features("base"))
    written = anndata_of(at("suffix/adata.h5ad"))
    equal(list(written.obs_names), [name + "-0" for name in data.cells])
    equal(written.obsm["X_indiseek_shared_rna"].tolist(), npy(at("suffix/c1.npy")))


@test("the same by one thread and by three; another seed gives other features")
def _():
    same_as_base("threads1", *TENX, "--threads", 1)
    same_as_base("threads3", *TENX, "--threads", 3)
    run(TENX, "seed", *LABELS, *QUICK, "--seed", 1)
    assert not set(features("seed").values()) & set(features("base").values())
    run(TENX, "drawn", *LABELS, "--threads", 1, "--no-h5", "--quiet")
    equal(sha(at("drawn/umap.tsv")), sha(at("base/umap.tsv")), "UMAPs by one thread")


MISSING = {"rna": set(range(0, 60)), "protein": set(range(580, CELLS))}     # cells without that modality


@test("cells that a modality lacks: NaN in its features, everything else is there")
def _():
    every = range(CELLS)
    source = [*data.files("missing", [i for i in every if i not in MISSING["rna"]], [i for i in every if i not in MISSING["protein"]]),
              *KNOWN]
    done = run(source, "missing", *LABELS)
    inside("    not measured in 60 cells, whose features of it are NaN\n", done.stderr)
    inside("    not measured in 20 cells, whose features of it are NaN\n", done.stderr)
    cells = table(at("missing/cells.tsv"))
    place = {row["cell"]: i for i, row in enumerate(cells)}
    equal(sorted(place), sorted(data.cells))
    for file, absent in zip(FEATURES, [MISSING["rna"], MISSING["protein"]] * 2):
        rows = npy(at("missing/" + file))
        for i in every:
            equal({math.isfinite(value) for value in rows[place[data.cells[i]]]}, {i not in absent}, "%s, cell %d" % (file, i))
    places = table(at("missing/umap.tsv"))
    for i, name in enumerate(data.cells):
        whole = i not in MISSING["rna"] | MISSING["protein"]
        equal([bool(places[place[name]][key]) for key in ("rna_shared_1", "protein_specific_2", "all_1")],
              [i not in MISSING["rna"], i not in MISSING["protein"], whole])
        equal(bool(cells[place[name]]["indiseek_wnn_rna"]), whole)
    kinds = dict(zip(data.cells, data.columns[0]))
    equal([row["cell_type"] for row in cells], [kinds[row["cell"]] for row in cells])
    assert result("missing")["probe"]["all"]["accuracy"] > 0.8
    m = result("missing")
    for name, absent in (("shared", MISSING["rna"] | MISSING["protein"]), ("all", MISSING["rna"] | MISSING["protein"]),
                         ("specific_1", MISSING["rna"]),
                         ("specific_2", MISSING["protein"]), ("raw", MISSING["rna"] | MISSING["protein"])):
        there = [row for row in cells if data.cells.index(row["cell"]) not in absent]
        scored, trained = ([row["cell_type"] for row in there if row["indiseek_part"] == part] for part in ("test", "train"))
        equal(m["probe"][name]["rows"], len(scored), name)
        assert abs(m["probe"][name]["majority"] - scored.count(max(sorted(set(trained)), key=trained.count)) / len(scored)) < 1e-9, name
    assert m["probe"]["specific_1"]["rows"] != m["probe"]["specific_2"]["rows"], "else the test tells nothing"
    for words, name in (("C1, C2", "shared"), ("Z1", "specific_1"), ("X1, X2 (as prepared)", "raw")):
        one = m["probe"][name]
        assert re.search(r"^%s  .*  %d +%.3f$" % (re.escape(words), one["rows"], one["majority"]), done.stdout, re.M), (name, done.stdout)
    inside("(rows differ because some lack a view; those that have all that is named are scored)\n", done.stdout)


@test("--paired of an .h5mu: the copy of it keeps the cells that were left out, without features")
def _():
    hdf5()
    import h5py
    import numpy
    run([at("missing/mdata.h5mu")], "whole_cells", *LABELS, "--quiet", "--no-umap", "--paired")
    both = set(data.cells) - {data.cells[i] for i in MISSING["rna"] | MISSING["protein"]}
    equal({row["cell"] for row in table(at("whole_cells/cells.tsv"))}, both)
    with h5py.File(at("whole_cells/mdata.h5mu")) as file:
        for name in ("rna", "protein"):
            cells = [cell.decode() for cell in file["mod"][name]["obs/_index"][()]]
            equal(len(cells), CELLS - len(MISSING[name]))
            there = numpy.isfinite(file["mod"][name]["obsm/X_indiseek_shared"][()]).all(axis=1)
            equal([cell for cell, is_there in zip(cells, there) if is_there], [cell for cell in cells if cell in both], name)


# ---- files of the field -----------------------------------------------------------------------------------------------

OBSM = ["X_indiseek_shared_rna", "X_indiseek_shared_protein", "X_indiseek_specific_rna", "X_indiseek_specific_protein", "X_umap_shared_rna",
        "X_umap_shared_protein", "X_umap_specific_rna", "X_umap_specific_protein", "X_umap_input_rna", "X_umap_input_protein", "X_umap_all"]
OBS = ["indiseek_part", "indiseek_wnn_rna", "indiseek_wnn_protein", "indiseek_theta", "indiseek_beta_rna", "indiseek_beta_protein"] + [
    "indiseek_leiden"] * with_leiden


def read_from_folder():
    """The files of the 10x folder and the table, as a run of both reads them."""
    return [at("cells/" + name) for name in ("matrix.mtx", "features.tsv", "barcodes.tsv")] + [data.table]


def check_facts(facts, files):
    """uns/indiseek; files: all that were read."""
    facts = {key: str(value) for key, value in facts.items() if key != "columns"}
    equal([facts[key] for key in ("version", "method", "preset", "lambda", "seed")],
          [VERSION, "residual-indiseek", "robust", "10", "0"])
    config = json.loads(facts["config"])
    equal([config[key] for key in ("labels", "coarse", "epochs", "width")], ["cell_type", "lineage", 40, 32])
    equal({key: value for key, value in facts.items() if key.startswith("sha256")},
          {"sha256_" + os.path.basename(path): sha(path) for path in files})


def check_columns(columns, keys):
    """uns/indiseek/columns: of each embedding the coordinates, each with the features that it follows, as coordinates.tsv has them."""
    rows = {row["coordinate"]: row for row in table(at("base/coordinates.tsv"))}
    equal(sorted(columns), sorted(keys))
    for key in keys:
        for number, name in enumerate(columns[key], 1):
            coordinate, *followed = name.replace("(", "").replace(")", "").split(" ")
            equal(int(coordinate.split("_")[1]), number)
            row = rows[coordinate]
            equal(len(followed), 3)
            assert {word[1:] for word in followed if word[0] == "+"} <= {row["rises_%d" % k] for k in range(1, 4)}, (name, row)
            assert {word[1:] for word in followed if word[0] == "-"} <= {row["falls_%d" % k] for k in range(1, 4)}, (name, row)
            assert followed[0] in ("+" + row["rises_1"], "-" + row["falls_1"]), (name, row)


@test("adata.h5ad by anndata: counts, features, UMAPs, weights, theta, and what gave them")
def _():
    import numpy
    a = anndata_of(at("base/adata.h5ad"))
    equal(list(a.obs_names), data.cells)
    equal(list(a.var_names), data.genes)
    assert numpy.array_equal(a.X.toarray(), numpy.array(data.rna, "float32"))
    assert numpy.array_equal(numpy.asarray(a.obsm["protein_counts"]), numpy.array(data.adt, "float32"))
    equal(set(OBSM) - set(a.obsm), set())
    for name, file in zip(OBSM, ("c1", "c2", "z1", "z2")):
        assert numpy.array_equal(a.obsm[name], numpy.array(npy(at("base/%s.npy" % file)), "float32")), name
    equal(a.obsm["X_umap_all"].shape, (CELLS, 2))
    equal(set(OBS) - set(a.obs), set())
    equal(list(a.obs["cell_type"].astype(str)), list(data.columns[0]))
    rows = table(at("base/cells.tsv"))
    for name in ("indiseek_part", "indiseek_leiden")[:1 + with_leiden]:
        equal(list(a.obs[name].astype(str)), [row[name] for row in rows], name)
    for name in OBS[1:6]:
        written = numpy.array([float(row[name] or "nan") for row in rows])
        assert numpy.allclose(a.obs[name], written, rtol=1e-5, equal_nan=True), name
    check_facts(a.uns["indiseek"], read_from_folder())
    check_columns(a.uns["indiseek"]["columns"], ["X_indiseek_%s_%s" % (kind, name) for kind in ("shared", "specific")
                                                 for name in ("rna", "protein")])
    import pandas
    key = "X_indiseek_specific_rna"
    equal(pandas.DataFrame(a.obsm[key], index=a.obs_names, columns=a.uns["indiseek"]["columns"][key]).shape, (CELLS, 10))


@test("mdata.h5mu: a modality each, its own features beside it")
def _():
    hdf5()
    import h5py
    import numpy
    with h5py.File(at("base/mdata.h5mu")) as file:
        equal(sorted(file["mod"]), ["protein", "rna"])
        for number, name in enumerate(("rna", "protein"), 1):
            obsm = file["mod"][name]["obsm"]
            for words, letter in (("shared", "c"), ("specific", "z")):
                equal(numpy.asarray(obsm["X_indiseek_" + words]).tolist(), npy(at("base/%s%d.npy" % (letter, number))), name + words)
        check_facts({key: file["uns/indiseek"][key][()].decode() for key in file["uns/indiseek"] if key != "columns"},
                    read_from_folder())
        for name in ("rna", "protein"):
            kept = file["mod"][name]["uns/indiseek/columns"]
            equal(sorted(kept), ["X_indiseek_shared", "X_indiseek_specific"])
            equal([value.decode().split(" ")[0] for value in kept["X_indiseek_specific"][()]],
                  ["Z%d_%d" % (1 + (name == "protein"), k) for k in range(1, 11)])
        assert set(OBS) <= set(file["obs"]), sorted(file["obs"])
    if importlib.util.find_spec("mudata"):
        import mudata
        equal(mudata.read(at("base/mdata.h5mu")).shape[0], CELLS)


def contents(path):
    """What stands in a file: by name the attributes of groups, the values and attributes of data sets."""
    import h5py
    import numpy
    found = {}

    def visit(name, item):
        attributes = {key: numpy.asarray(value).tolist() for key, value in item.attrs.items()}
        found[name] = (attributes, None if isinstance(item, h5py.Group) else (str(item.dtype), numpy.asarray(item[()]).tolist()))
    with h5py.File(path, "r") as file:
        visit("", file)
        file.visititems(visit)
    return found


def check_copy(form_name, result_name):
    """The user's file again with ours beside it, and nothing else changed."""
    given = form(form_name)
    before = sha(given)
    run([given], "own_" + form_name, *LABELS, "--quiet", "--no-umap")
    equal(sha(given), before, "the file that was read")
    was, now = contents(given), contents(at("own_%s/%s" % (form_name, result_name)))
    for name, (attributes, values) in was.items():
        assert name in now, name + " is gone"
        if name in ("obs", "mod/rna/obs", "mod/prot/obs"):           # names the columns, of which there are more
            kept = [dict(each[0], **{"column-order": []}) for each in (was[name], now[name])]
            equal(kept[0], kept[1], name)
            order = was[name][0].get("column-order", [])
            equal(now[name][0]["column-order"][:len(order)], order, name)
        elif values and values[1] != values[1]:
            pass
        else:
            equal(repr(now[name]), repr(was[name]), name)
    added = sorted(set(now) - set(was))
    assert all("indiseek" in name for name in added), added
    return now, added


@test("an .h5ad that was read is copied with the results beside what it holds")
def _():
    now, added = check_copy("h5ad", "adata.h5ad")
    equal([name for name in added if name.startswith("obsm/")],
          sorted("obsm/" + name for name in OBSM if "indiseek" in name))
    equal([name for name in added if re.match("obs/[^/]*$", name)], sorted("obs/" + name for name in OBS))
    check_facts({name[len("uns/indiseek/"):]: now[name][1][1].decode() for name in added
                 if re.match("uns/indiseek/[^/]*$", name) and now[name][1]},
                [at("forms/data.h5ad")])


@test("an .h5mu that was read, likewise")
def _():
    _, added = check_copy("h5mu", "mdata.h5mu")
    for name in ("mod/rna/obsm/X_indiseek_shared", "mod/rna/obsm/X_indiseek_specific", "mod/prot/obsm/X_indiseek_shared",
                 "mod/prot/obsm/X_indiseek_specific", "uns/indiseek", "obs/indiseek_theta"):
        assert name in added, (name, added)


@test("--no-counts leaves the counts out, --no-h5 the files, --no-umap the pictures")
def _():
    run(TENX, "bare", *LABELS, "--quiet", "--no-umap", "--no-counts")
    assert "umap.tsv" not in os.listdir(at("bare"))
    if with_hdf5:
        assert os.path.getsize(at("bare/adata.h5ad")) < os.path.getsize(at("base/adata.h5ad"))
    run(TENX, "bare", *LABELS, *QUICK)
    equal(sorted(os.listdir(at("bare"))), [file for file in RESULTS if file != "umap.tsv"], "what an earlier run left is stale")


@test("without labels: features and files, and neither theta nor clusters")
def _():
    run(TENX, "unnamed", *QUICK)
    equal(sorted(os.listdir(at("unnamed"))), [file for file in RESULTS if file not in ("umap.tsv", "theta.tsv", "clusters.tsv")])
    m = result("unnamed")
    assert "theta" not in m and "clusters" not in m, sorted(m)
    equal([m["majority"], m["probe"]["all"]["accuracy"], m["knn_agreement"]["shared"]], [None] * 3)


# ---- options ----------------------------------------------------------------------------------------------------------

@test("--json - is metrics.json alone on standard output; --quiet says nothing")
def _():
    done = run(TENX, "json", *LABELS, "--no-umap", "--no-h5", "--json", "-")
    equal(json.loads(done.stdout), result("json"))
    done = run(TENX, "quiet", *LABELS, *QUICK)
    equal((done.stdout, done.stderr), ("", ""))


@test("config.json repeats the run from any folder")
def _():
    done = subprocess.run([os.path.abspath(PROGRAM), "run", "--config", os.path.abspath(at("base/config.json")), "--out", "again",
                           "--no-umap", "--quiet",
                           "--no-h5"], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    equal((done.returncode, done.stderr), (0, ""))
    equal(features("again"), features("base"))
    run([at("cells"), *KNOWN], "by_path", *LABELS, *QUICK)
    equal(result("by_path", "config.json")["PATH"], os.path.abspath(at("cells")))
    config = ["--config", at("by_path/config.json"), "--no-umap", "--no-h5", "--quiet"]
    indiseek("run", *config, "--out", at("again"))
    equal(features("again"), features("base"))
    fails("indiseek run: %s: cannot be opened: No such file or directory" % at("elsewhere"), 1, "run", at("elsewhere"), *config, "--out",
          at("refused"))
    fails("indiseek run: \"%s\" is one argument too many" % at("elsewhere"), 2, "run", at("cells"), at("elsewhere"), *config, "--out",
          at("refused"))
    indiseek("annotate", "--model", at("by_path"), "--out", at("again_named"), "--quiet")


@test("--split, --group and --label-ignore are kept to the letter")
def _():
    parts = ["test" if i % 5 == 0 else "validation" if i % 5 == 1 else "train" for i in range(CELLS)]
    donors = ["d%d" % (i * 7 % 20) for i in range(CELLS)]
    names = ["alpha" if i % 50 else "doublet" for i in range(CELLS)]
    rows = ["%s\t%s\t%s\t%s\t%d" % row for row in zip(data.cells, parts, donors, data.columns[0], [i % 3 for i in range(CELLS)])]
    rows = [row if i % 50 else row.replace(data.columns[0][i], "doublet") for i, row in enumerate(rows)]
    known = ["--cells", write("more.tsv", "barcode\tpart\tdonor\tkind\tbatch\n" + "\n".join(reversed(rows)) + "\n")]
    run(["--10x", at("cells"), *known], "split", "--labels", "kind", "--label-ignore", "doublet", "--split", "part", *QUICK)
    equal(read(at("split/split.tsv")).decode().split()[1:], parts)
    equal(sorted(result("split")["theta"]["types"]), ["A1", "A2", "B1", "C1"])
    run(["--10x", at("cells"), *known], "group", "--labels", "kind", "--group", "donor", *QUICK)
    of = {}
    for donor, part in zip(donors, read(at("group/split.tsv")).decode().split()[1:]):
        of.setdefault(donor, set()).add(part)
    assert all(len(each) == 1 for each in of.values()) and len(set().union(*of.values())) == 3, of


def refused(name, sentence, code, *arguments):
    @test(name)
    def _():
        fails("indiseek run: " + sentence.replace("FOLDER", folder), code, "run", *(str(a).replace("FOLDER", folder) for a in arguments),
              "--out", at("refused"), *SMALL)


NONE = "nothing is known of the cells by the name"
refused("--labels of no column, with the nearest", "--labels: %s 'cel_type'; did you mean 'cell_type'?" % NONE, 2, *TENX, "--labels",
        "cel_type")
refused("--coarse of no column", "--coarse: %s 'linage'; did you mean 'lineage'?" % NONE, 2, *TENX, "--labels", "cell_type", "--coarse",
        "linage")
refused("--split of no column", "--split: %s 'phases'; did you mean 'phase'?" % NONE, 2, *TENX, "--split", "phases")
refused("--group of no column", "--group: %s 'lineages'; did you mean 'lineage'?" % NONE, 2, *TENX, "--group", "lineages")
refused("--labels without a table", "--labels: %s 'cell_type'; --cells FILE gives a table of them" % NONE, 2, at("cells"), "--labels",
        "cell_type")
@test("whole numbers are classes; a few labels are warned of")
def _():
    kinds = sorted(set(data.columns[0]))
    number = {name: kinds.index(kind) for name, kind in zip(data.cells, data.columns[0])}
    leiden = write("leiden.csv", "cell,leiden,cell_type\n" + "".join("%s,%d,mine\n" % pair for pair in number.items()))
    run([at("cells"), "--cells", leiden], "leiden", "--labels", "leiden", *QUICK)
    equal(sorted(result("leiden")["theta"]["types"]), sorted(map(str, range(len(kinds)))))
    equal({row["cell_type"] for row in table(at("leiden/cells.tsv"))}, {"mine"})
    few = write("few.csv", "cell,cell_type\n" + "".join("%s,%s\n" % pair for pair in list(zip(data.cells, data.columns[0]))[:60]))
    done = run([at("cells"), "--cells", few], "few_labels", "--labels", "cell_type", "--no-umap", "--no-h5")
    inside("cell_type: 4 types; 60 of 600 cells have one\n", done.stderr)
    inside("held-out cells have a type: scores of types say little\n", done.stderr)


@test("a table that is given goes before what an .h5ad says of its cells")
def _():
    hdf5()
    mine = write("mine.csv", "cell,cell_type\n" + "".join("%s,mine %d\n" % (name, i % 2) for i, name in enumerate(data.cells)))
    run([at("forms/data.h5ad"), "--cells", mine], "given", "--labels", "cell_type", *QUICK)
    equal({row["cell_type"] for row in table(at("given/cells.tsv"))}, {"mine 0", "mine 1"})


@test("values that are no counts are warned of, and taken as they are where that is asked for; one modality is too few")
def _():
    halves = write("halves.csv", data.text([[value / 2 for value in row] for row in data.rna], data.genes, range(CELLS)))
    other = data.files("halved")[2:]
    done = run(["--rna-file", halves, *other], "halved", *QUICK)
    inside("warning: rna: not all values are whole numbers, and log1p-cp10k takes counts: were they normalized before?  --layer NAME or "
           "--layer raw reads counts that stand beside them, --rna raw takes the values as they are\n", done.stderr)
    done = run(["--rna-file", halves, *other], "halved", *QUICK, "--rna", "raw")
    assert "whole numbers" not in done.stderr, done.stderr
    fails("indiseek run: --modalities chooses among those of PATH; of --rna-file and its like give those that are wanted", 2, "run",
          "--rna-file", at("rna.csv"), "--protein-file", at("adt.csv"), "--modalities", "rna", "--out", at("refused"))
    fails("indiseek run: --modalities rna leaves one modality; two are needed", 2, "run", at("cells"), "--modalities", "rna", "--out",
          at("refused"))


refused("--labels of numbers", "--labels: column 'state' holds numbers that are not whole, not classes", 2, *TENX, "--labels", "state")
refused("--group of numbers", "--group: column 'activation' holds numbers that are not whole, not classes", 2, *TENX, "--group",
        "activation")
refused("--label-ignore of no type", "--label-ignore: cell_type has no label 'A3'", 2, *TENX, "--labels", "cell_type",
        "--label-ignore", "A3")
refused("--coarse without --labels", "--coarse needs --labels", 2, *TENX, "--coarse", "lineage")
refused("PATH and --10x", "PATH and --10x both say what to read; one is enough", 2, at("cells"), "--10x", at("cells"))
refused("a folder and tables", at("cells") + " holds all modalities; --rna-file and its like stand instead of it", 2, at("cells"),
        "--rna-file", "x.csv")
refused("nothing to read", "what to read is missing: a 10x folder, an .h5, .h5ad or .h5mu file, or --rna-file and --protein-file", 2)


# ---- what files of the field hold -------------------------------------------------------------------------------------

def encoded(item, kind, version):
    item.attrs["encoding-type"], item.attrs["encoding-version"] = kind, version
    return item


def nullable_strings(path):
    """Every string of a file becomes values beside a mask, as anndata 0.13 writes them."""
    import h5py
    with h5py.File(path, "r+") as file:
        lists = []
        file.visititems(lambda name, item: lists.append(name) if item.attrs.get("encoding-type") == "string-array" else None)
        assert any(name.endswith("categories") for name in lists) and any(name.endswith("_index") for name in lists), lists
        for name in lists:
            values = file[name][()]
            del file[name]
            group = encoded(file.create_group(name), "nullable-string-array", "0.1.0")
            encoded(group.create_dataset("values", data=values, dtype=h5py.string_dtype()), "string-array", "0.2.0")
            encoded(group.create_dataset("mask", data=[False] * len(values)), "array", "0.2.0")
    return path


@test("the same features where strings stand beside a mask")
def _():
    for name in ("h5ad", "h5mu"):
        path = shutil.copy(form(name), at("strings." + name))
        run([nullable_strings(path)], "strings_" + name, *LABELS, *QUICK)
        equal(features("strings_" + name), features("base"))


def write_h5mu(name, modalities, obs=None):
    """modalities: name -> (matrix or None, cells, {column: words}, features)"""
    hdf5()
    import anndata
    import h5py
    import numpy
    import pandas
    try:
        from anndata.io import write_elem
    except ImportError:                         # anndata before 0.11
        from anndata._io.specs import write_elem
    with h5py.File(at(name), "w") as file:
        encoded(file, "MuData", "0.1.0")
        group = file.create_group("mod")
        group.attrs["mod-order"] = list(modalities)
        for key, (x, cells, columns, features_) in modalities.items():
            frame = pandas.DataFrame({k: pandas.Categorical(v) if isinstance(v[0], (str, type(None))) else v for k, v in columns.items()},
                                     index=cells)
            values = numpy.array(x, "float32") if x else numpy.zeros((len(cells), 0), "float32")
            write_elem(group, key, anndata.AnnData(values, frame, pandas.DataFrame(index=features_)))
            if x is None:
                del group[key]["X"]
                encoded(group[key].create_dataset("X", data=h5py.Empty("f4")), "null", "0.1.0")
        every = list(dict.fromkeys(cell for _, cells, _, _ in modalities.values() for cell in cells))
        write_elem(file, "obs", pandas.DataFrame(obs or {}, index=every))
    return at(name)


RNA_ONLY, PROTEIN_ONLY = range(0, 60), range(540, CELLS)


def mosaic(name, more=lambda modality, cells: {}):
    """Each modality's own obs says of its own cells what they are; cells of protein alone are of types of their own, too."""
    kinds = ["plasma" if i in PROTEIN_ONLY and i % 3 == 0 else kind for i, kind in enumerate(data.columns[0])]
    modalities = {}
    for key, values, left, features_ in (("rna", data.rna, PROTEIN_ONLY, data.genes), ("prot", data.adt, RNA_ONLY, data.proteins)):
        own = [i for i in range(CELLS) if i not in left]
        columns = {"kind": [kinds[i] for i in own], "donor": ["d%d" % (i % 6) for i in own], **more(key, own)}
        modalities[key] = ([values[i] for i in own], [data.cells[i] for i in own], columns, features_)
    return write_h5mu(name, modalities), kinds


@test("columns of each modality's own obs fill each other, and a group is divided nowhere")
def _():
    path, kinds = mosaic("mosaic.h5mu")
    done = run([path], "mosaic", "--labels", "kind", "--group", "donor", "--no-umap", "--no-h5")
    inside("donor: 6 groups; no group is divided\nkind: 5 types; 600 of 600 cells have one\n", done.stderr)
    cells = table(at("mosaic/cells.tsv"))
    equal({row["cell"]: row["kind"] for row in cells}, dict(zip(data.cells, kinds)))
    of = {}
    for row in cells:
        of.setdefault(row["donor"], set()).add(row["indiseek_part"])
    assert len(of) == 6 and all(len(parts) == 1 for parts in of.values()), of


@test("columns that say otherwise are named, and one table's alone is taken")
def _():
    path, _ = mosaic("contradicts.h5mu", lambda key, own: {"depth": [i + (key == "prot") for i in own],
                                                           "cluster": ["%s%d" % (key, i % 3) for i in own]})
    done = run([path], "contradicts", "--labels", "kind", "--no-umap", "--no-h5")
    inside("warning: %s: mod/rna/obs and mod/prot/obs disagree in columns depth, cluster; what mod/rna/obs says is taken, also where it "
           "says nothing\n" % path, done.stderr)
    for row in table(at("contradicts/cells.tsv")):
        i = data.cells.index(row["cell"])
        equal([row["depth"], row["cluster"]], ["", ""] if i in PROTEIN_ONLY else [str(i), "rna%d" % (i % 3)])


def receptors(name):
    """Of T-cell receptors there are no features."""
    known = {"kind": list(data.columns[0])}
    return write_h5mu(name, {"gex": (data.rna, data.cells, known, data.genes), "prot": (data.adt, data.cells, known, data.proteins),
                             "airr": (None, data.cells[:200], {"chains": ["TRA"] * 200}, [])})


@test("a modality without features is left out with a word; where it is asked for it is an error")
def _():
    path = receptors("airr.h5mu")
    done = run([path], "airr", "--labels", "kind", "--no-umap", "--no-h5")
    inside("%s: mod/airr: has no X; it is left out\n" % path, done.stderr)
    equal(features("airr"), features("base"))
    done = run([path], "airr_named", "--labels", "kind", "--modalities", "gex,prot", "--no-umap", "--no-h5")
    assert "airr:" not in done.stderr, done.stderr
    equal(features("airr_named"), features("base"))
    fails("indiseek run: %s: mod/airr: has no X; leave it out of --modalities" % path, 65, "run", path, "--modalities", "gex,airr", "--out",
          at("refused"), *SMALL)


@test("--modalities says what a modality is, and names as they are printed can be given back")
def _():
    known = {"kind": list(data.columns[0])}
    half = [row[:100] for row in data.rna]
    path = write_h5mu("subset.h5mu", {"rna_counts": (data.rna, data.cells, known, data.genes),
                                      "adt": (data.adt, data.cells, known, data.proteins),
                                      "rna": (half, data.cells, known, data.genes[:100])})
    run([path], "called", "--labels", "kind", "--modalities", "rna=rna_counts,protein=adt", "--no-umap", "--no-h5")
    equal(features("called"), features("base"))
    done = indiseek("run", path, "--modalities", "rna,guides", "--out", at("refused"), *SMALL, code=2)
    names = re.search(r"has no modality 'guides'; it has (.*)$", done.stderr, re.M).group(1).split(", ")
    equal(names, ["rna_counts", "protein", "rna"])
    done = run([path], "given_back", "--labels", "kind", "--modalities", ",".join(names[:2]), "--no-umap", "--no-h5", "--quiet")
    equal([row["modality"] for row in table(at("given_back/explained.tsv"))], ["rna_counts"] * GENES + ["protein"] * PROTEINS)


def known_as(table_name, **columns):
    rows = zip(data.cells, *columns.values())
    return ["--10x", at("cells"), "--cells", write(table_name + ".tsv", "\t".join(["cell", *columns]) + "\n" +
                                                   "\n".join("\t".join(map(str, row)) for row in rows) + "\n")]


@test("labels that are names, of one value, or of none have sentences of their own")
def _():
    source = known_as("labels", number=range(CELLS), name=["c%d" % i for i in range(CELLS)], one=["T"] * CELLS, none=[""] * CELLS,
                      truth=[str(i % 3 == 0) for i in range(CELLS)])
    for column in ("number", "name"):
        fails("indiseek run: --labels %s: 600 types for 600 cells: they are names, not types that several cells share; give another "
              "column, or none" % column, 65, "run", *source, "--labels", column, "--out", at("refused"), *SMALL)
    for column, sentence in (("one", "all cells that have a type are of one, 'T': scores of types, which need two, say nothing"),
                             ("none", "no cell has a type: nothing is scored by types")):
        done = run(source, "labels_" + column, "--labels", column, "--no-umap", "--no-h5")
        inside("warning: --labels %s: %s\n" % (column, sentence), done.stderr)
        assert "only 0 held-out cells" not in done.stderr, done.stderr
    inside("truth: 2 types; 600 of 600 cells have one\n", run(source, "labels_truth", "--labels", "truth", "--no-umap", "--no-h5").stderr)


@test("of two donors one is held out, and validation is drawn within the other; cells without one are counted")
def _():
    source = known_as("donors", kind=data.columns[0], two=["control" if i % 2 else "treated" for i in range(CELLS)],
                      some=["" if i % 10 == 0 else "d%d" % (i % 7) for i in range(CELLS)], one=["all"] * CELLS)
    done = run(source, "two", "--labels", "kind", "--group", "two", "--no-umap", "--no-h5")
    found = re.search(r"^two: 2 groups; '(\w+)' is held out, and validation is drawn within '(\w+)', the only group that trains$",
                      done.stderr, re.M)
    assert found, done.stderr
    of = {}
    for row in table(at("two/cells.tsv")):
        of.setdefault(row["two"], set()).add(row["indiseek_part"])
    equal(of, {found.group(1): {"test"}, found.group(2): {"train", "validation"}})
    done = run(source, "some", "--labels", "kind", "--group", "some", "--no-umap", "--no-h5")
    inside("some: 7 groups; no group is divided; 60 without a group are divided one by one\n", done.stderr)
    fails("indiseek run: --group one: all rows are of one group, 'all', which cannot be divided between training and test; leave out "
          "--group", 65, "run", *source, "--group", "one", "--out", at("refused"), *SMALL)
    x = [write("two_%s.csv" % key, "\n".join(",".join(map(str, row[:15])) for row in values) + "\n")
         for key, values in (("rna", data.rna), ("adt", data.adt))]
    done = indiseek("fit", "--x1", x[0], "--x2", x[1], "--group", at("donors.tsv:two"), "--out", at("fit_two"), *SMALL)
    assert re.search(r"^rows: \d+ train, \d+ validation, 300 test; '\w+' is held out, and validation is drawn within '\w+'", done.stderr,
                     re.M), done.stderr


@test("a method whose last stage has no loss diverges as others do")
def _():
    done = indiseek("run", *TENX, "--method", "residual", "--lr", 1000, "--shared-epochs", 20, "--residual-epochs", 20, "--no-h5", "--out",
                    at("diverges"), code=1)
    assert re.search(r"^indiseek run: diverged \w.* not finite; a smaller --rate or --clip-norm 1 may help", done.stderr, re.M), done.stderr


# ---- stopping and going on --------------------------------------------------------------------------------------------

LONG = SMALL + ["--epochs", "400", "--shared-epochs", "300", "--checkpoint-every", "10"]


@test("SIGINT: exit code 75, a checkpoint, and a line that goes on to the same bits")
def _():
    run(TENX, "whole", *LABELS, *QUICK, options=LONG)
    log = at("stopped/log.jsonl.new")
    process = subprocess.Popen([PROGRAM, "run", *TENX, "--out", at("stopped"), *LONG, *LABELS, "--no-umap", "--no-h5"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.time() + PATIENCE
    while process.poll() is None and time.time() < until and not (os.path.exists(log) and read(log).count(b"\n") > 100):
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    equal((process.returncode, out), (75, ""), err)
    assert re.search(r"^indiseek run: stopped after round \d+; resume from %s$" % at("stopped/checkpoint.safetensors"), err, re.M), err
    equal(sorted(os.listdir(at("stopped"))), ["checkpoint.safetensors", "log.jsonl.new"])
    line = re.search(r"^to go on:  (.*)$", err, re.M).group(1)
    done = subprocess.run(line, shell=True, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    equal(done.returncode, 0, done.stderr)
    assert re.search(r"^resumed from %s after round \d+$" % at("stopped/checkpoint.safetensors"), done.stderr, re.M), done.stderr
    equal(sorted(os.listdir(at("stopped"))), sorted(os.listdir(at("whole"))))
    equal(features("stopped"), features("whole"))
    equal(sha(at("stopped/cells.tsv")), sha(at("whole/cells.tsv")))


@test("SIGINT while UMAPs are drawn: exit code 75, and results of an earlier run stay as they were")
def _():
    shutil.copytree(at("base"), at("drawing"))
    process = subprocess.Popen([PROGRAM, "run", *TENX, "--out", at("drawing"), *SMALL, *LABELS, "--seed", "3"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = ""
    while "scoring" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    equal((process.returncode, out), (75, ""), err)
    inside("indiseek run: stopped while drawing\n", err)
    after = state("drawing")
    equal({name: after.get(name) for name in state("base")}, state("base"))
    equal(set(after) - set(state("base")) - {"checkpoint.safetensors", "log.jsonl.new"}, set())


# ---- limits -----------------------------------------------------------------------------------------------------------

@test("--max-mem too small: what it would take, before it is read")
def _():
    fails("indiseek run: %s: 600 cells x 200 genes (rna), 600 x 15 (protein) need about 2.8 MB of memory, where 1.1 MB are allowed; fewer "
          "modalities need less, and --rna hvg=N keeps fewer genes dense" % at("cells"), 1, "run", *TENX, "--out", at("small"), *SMALL,
          "--max-mem", "0.001")


@test("one modality is too few; --modalities asks for one that is not there")
def _():
    only = write("rna_alone.csv", data.text(data.rna, data.genes, range(CELLS)))
    fails("indiseek run: the input holds one modality, rna; two are needed: a column of feature types tells them apart in one "
          "file, --rna-file and --protein-file read one from each", 65, "run", "--rna-file", only, "--out", at("refused"), *SMALL)
    done = indiseek("run", at("cells"), "--modalities", "rna,atac", "--out", at("refused"), *SMALL, code=2)
    assert re.search(r"^indiseek run: .*atac", done.stderr, re.M), done.stderr


@test("tables that share no cell")
def _():
    named = data.text(data.adt, data.proteins, range(CELLS)).replace("\n", "\nother_")[:-6]
    fails("indiseek run: %s: no cell of protein, whose first is 'other_%s', is among the others, whose first is '%s'; the names of cells "
          "must agree" % (at("others.csv"), data.cells[0], data.cells[0]), 65, "run", "--rna-file",
          write("rna_alone.csv", data.text(data.rna, data.genes, range(CELLS))), "--protein-file", write("others.csv", named), "--out",
          at("refused"), *SMALL)


@test("without HDF5, zlib and igraph the program builds, and says what is missing")
def _():
    objects = os.path.dirname(os.path.dirname(os.path.dirname(SAMPLE)))
    rooms = ("base", "formats", "cells", "runs", "report", "indiseek")
    sources = sorted(source for room in rooms for source in glob.glob("examples/%s/*.c" % room))
    changed = [source for source in sources if re.search(rb"HAVE_(HDF5|ZLIB|IGRAPH)", read(source))]
    same = ["%s/%s.o" % (objects, source[:-2]) for source in sources if source not in changed]
    flags = ["-fsanitize=address,undefined", "-g"] if kind == "sanitize" else []
    blas = ["-lopenblas"] if "cblas" in kind else []
    done = subprocess.run([*os.environ.get("CC", "cc").split(), "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror",
                           "-D_POSIX_C_SOURCE=200809L", "-I.", *flags, *changed, *same, "-pthread", "-lm", "-ldl", *blas,
                           "-o", at("plain")], capture_output=True, text=True)
    equal(done.returncode, 0, done.stderr[-3000:])

    def plain(*arguments):
        done = subprocess.run([at("plain"), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
        return done.returncode, done.stderr
    code, said = plain("run", *TENX, "--out", at("plain_out"), *SMALL, *LABELS, "--no-umap")
    equal(code, 0, said)
    inside("no adata.h5ad and mdata.h5mu: this program was made without HDF5 (libhdf5-dev)\n", said)
    inside("no clusters by Leiden: this program was made without igraph (libigraph-dev, 0.10)\n", said)
    equal(features("plain_out"), features("base"))
    h5 = at("signature.h5")
    with open(h5, "wb") as file:
        file.write(b"\x89HDF\r\n\x1a\n" + bytes(100))
    code, said = plain("run", h5, "--out", at("plain_h5"))
    equal((code, said), (65, "indiseek run: %s: HDF5 files need libhdf5, which was not there when this program was made; install "
                             "libhdf5-dev and run make again\n" % h5))


# ---- new cells --------------------------------------------------------------------------------------------------------

more = simulate("more", CELLS + 300, 1)         # the same cells, and 300 others
NEW = range(CELLS, CELLS + 300)
truth = dict(zip(more.cells, more.columns[0]))
NAMED = ["--cells", more.table]


@test("the simulation draws cells one by one: more of them begin with the same")
def _():
    equal(more.cells[:CELLS], data.cells)
    equal(more.rna[:CELLS], data.rna)
    equal(more.adt[:CELLS], data.adt)


def annotate(out, *arguments):
    done = indiseek("annotate", "--model", at("base"), "--out", at(out), *arguments)
    return done, result(out, "annotation.json"), table(at(out + "/annotation.tsv"))


def right(rows, way):
    return sum(row["label_" + way] == truth[row["cell"]] for row in rows) / len(rows)


@test("annotate without new cells names the held-out ones")
def _():
    done, m, rows = annotate("held")
    equal(m["cells"], 120)
    parts = read(at("base/split.tsv")).decode().split()[1:]
    equal([row["cell"] for row in rows], [name for name, part in zip(data.cells, parts) if part == "test"])
    equal([row["truth"] for row in rows], [truth[row["cell"]] for row in rows])
    for way in ("knn", "probe"):
        assert m[way]["accuracy"] > 0.9, m[way]
        assert abs(right(rows, way) - m[way]["accuracy"]) < 1e-9
        assert m["baseline"][way]["accuracy"] > 0.9
        assert all(0 < float(row["confidence_" + way]) <= 1 for row in rows)
    equal(sorted(os.listdir(at("held"))), ["annotation.json", "annotation.tsv", "manifest.sha256"])
    inside("the same in the inputs as prepared:\n", done.stdout)
    inside("annotation.tsv is in %s\n" % at("held"), done.stdout)


def held_out(name):
    indiseek("annotate", "--model", at(name), "--out", at(name + "_held"), "--quiet")
    return table(at(name + "_held/annotation.tsv"))


@test("annotate names new cells; where their types are known it is judged")
def _():
    _, m, rows = annotate("new", *more.files("new", NEW, NEW), "--quiet")
    equal([row["cell"] for row in rows], more.cells[CELLS:])
    assert "truth" not in rows[0] or not any(row["truth"] for row in rows)
    for way in ("knn", "probe"):
        assert right(rows, way) > 0.9, right(rows, way)
    equal(sorted(os.listdir(at("new"))), sorted(FEATURES + ["annotation.json", "annotation.tsv", "manifest.sha256"]))
    equal({len(npy(at("new/" + name))) for name in FEATURES}, {300})
    said = annotate("new", *more.files("new", NEW, NEW))[0].stdout
    inside("cells, knn  median confidence cells, probe  median confidence\n", said)
    for kind in sorted(set(truth.values())):
        counts = [[row["label_" + way] for row in rows].count(kind) for way in ("knn", "probe")]
        assert re.search(r"^%s +%d +\S+ +%d +\S+$" % (re.escape(kind), *counts), said, re.M), (kind, counts, said)
    _, m, judged = annotate("judged", *more.files("new", NEW, NEW), *NAMED, "--quiet")
    equal([row["label_probe"] for row in judged], [row["label_probe"] for row in rows])
    assert abs(m["probe"]["accuracy"] - right(rows, "probe")) < 1e-9


@test("new cells of a type that the reference lacks are wrong whatever they are called; cells of the run's own are warned of")
def _():
    kinds = sorted(set(truth[name] for name in more.cells[CELLS:]))
    renamed = {name: "novel" if truth[name] == kinds[0] else truth[name] for name in more.cells}
    known = write("novel.csv", "cell,cell_type\n" + "".join("%s,%s\n" % pair for pair in renamed.items()))
    _, m, rows = annotate("novel", *more.files("novel_cells", NEW, NEW), "--cells", known, "--quiet")
    novel = sum(renamed[row["cell"]] == "novel" for row in rows)
    assert novel > 10, novel
    equal([row["truth"] for row in rows], [renamed[row["cell"]] for row in rows])
    right_ones = sum(row["label_probe"] == renamed[row["cell"]] for row in rows)
    assert abs(m["probe"]["accuracy"] - right_ones / len(rows)) < 1e-9, (m["probe"]["accuracy"], right_ones, len(rows))
    done, _, _ = annotate("own", *TENX, "--quiet")
    inside("warning: 600 of the 600 new cells have names of the run's own: what they are told by may be themselves\n", done.stderr)


@test("the run's own folder is not written over by features of new cells")
def _():
    before = sha(at("base/c1.npy"))
    done = indiseek("annotate", "--model", at("base"), *more.files("over", NEW, NEW), "--out", at("base"), code=2)
    inside("indiseek annotate: --out is the folder of the run, whose files would be written over\n", done.stderr)
    equal(sha(at("base/c1.npy")), before)


@test("which cells were held out goes by their names, whatever their order by now; data that have changed are refused")
def _():
    order = list(range(CELLS))
    random.Random(3).shuffle(order)
    paths = data.files("turned", range(CELLS), range(CELLS))
    run([*paths, *KNOWN], "turned", *LABELS, *QUICK)
    before = held_out("turned")
    data.files("turned", order, order)
    equal(sorted((row["cell"], row["label_knn"]) for row in held_out("turned")), sorted((row["cell"], row["label_knn"]) for row in before))
    more.files("turned", range(CELLS + 1), range(CELLS + 1))
    fails("indiseek annotate: %s: cell '%s' of the data is not in it; the data have changed since that run" %
          (at("turned/cells.tsv"), more.cells[CELLS]), 65, "annotate", "--model", at("turned"), "--out", at("refused"))


@test("features of new cells do not depend on the order of their genes and proteins, and those of old cells are the run's")
def _():
    order = list(range(GENES))
    random.Random(2).shuffle(order)
    annotate("order", *more.files("order", NEW, reversed(NEW), order, list(reversed(range(PROTEINS)))), "--quiet")
    for name in FEATURES:
        for one, two in zip(npy(at("order/" + name)), npy(at("new/" + name))):
            assert max(abs(a - b) for a, b in zip(one, two)) < 1e-5, name
    annotate("old", *TENX, "--quiet")
    for name in FEATURES:
        for one, two in zip(npy(at("old/" + name)), npy(at("base/" + name))):
            assert max(abs(a - b) for a, b in zip(one, two)) < 1e-5, name


@test("new cells of one modality only")
def _():
    rna = more.files("alone", NEW, NEW)
    for options, way, least, files in ((rna[:2], "probe", 0.9, ["c1.npy", "z1.npy"]), (rna[2:], "probe", 0.8, ["c2.npy", "z2.npy"])):
        out = "alone_" + files[0][:2]
        _, m, rows = annotate(out, *options, "--quiet")
        assert right(rows, way) > least, (options, right(rows, way))
        equal(sorted(os.listdir(at(out))), sorted(["annotation.json", "annotation.tsv", "manifest.sha256"] + files))


@test("new cells of which some lack a modality: those are left without a name, the others are named")
def _():
    _, m, rows = annotate("partly", *more.files("partly", NEW, range(CELLS, CELLS + 200)), "--quiet")
    equal(len(rows), 300)
    equal(m["missing"], 100)
    equal([bool(row["label_knn"]) for row in rows], [True] * 200 + [False] * 100)
    assert right(rows[:200], "probe") > 0.9


@test("some features that new cells lack are warned of, most of them are too many")
def _():
    few = [k for k in range(GENES) if k not in (3, 5)]
    done, _, rows = annotate("lack", *more.files("lack", NEW, NEW, few))
    warning = ("warning: %s lacks 2 of the 200 features of rna, which count as their training mean: GENE0004, GENE0006\n"
               % at("lack_rna.csv")[:60])
    inside(warning, done.stderr)
    assert right(rows, "probe") > 0.9
    files = more.files("lost", NEW, NEW, range(0, GENES, 3))
    fails("indiseek annotate: %s: lacks 133 of the 200 features that rna of the model was trained on (GENE0002, GENE0003, GENE0005, "
          "GENE0006, "
          "GENE0008, ...); features are matched by name, so use the names of the training data" % files[1], 65, "annotate", "--model",
          at("base"), "--out", at("lost"), *files)


@test("annotate --labels of another column, --least, --features, --weighted, --json")
def _():
    done, m, rows = annotate("lineages", "--labels", "lineage", "--json", "-", "--least", 0.99, "--weighted")
    equal(json.loads(done.stdout), m)
    equal(m["knn"]["unassigned"], sum(row["label_knn"] in ("", "unassigned") for row in rows))
    assert m["knn"]["unassigned"] > 0 and m["classes"] == ["A", "B", "C"] and m["labels"] == "lineage"
    _, shared, _ = annotate("by_shared", "--features", "shared", "--quiet")
    _, specific, _ = annotate("by_specific", "--features", "specific", "--quiet")
    assert shared["probe"]["accuracy"] > specific["probe"]["accuracy"]
    done = indiseek("annotate", "--model", at("unnamed"), "--out", at("nameless"), code=2)
    inside("indiseek annotate: %s was run without --labels; --labels COLUMN says which types to carry over\n" % at("unnamed"), done.stderr)
    annotate_of = indiseek("annotate", "--model", at("unnamed"), "--labels", "cell_type", "--out", at("named_later"), "--quiet")
    equal(annotate_of.stderr, "")


@test("--model of no run, of nothing, of features by fit")
def _():
    fails("indiseek annotate: %s is no folder of `indiseek run`: it has no config.json" % at("cells"), 1, "annotate", "--model",
          at("cells"), "--out", at("nothing"))
    fails("indiseek annotate: --model DIR is missing", 2, "annotate", "--out", at("nothing"))
    fails("indiseek impute: --out DIR is missing", 2, "impute", "--model", at("base"))
    one, two = (write("plain_%d.csv" % k, "\n".join(",".join(map(str, row[:12])) for row in values))
                for k, values in enumerate((data.rna, data.adt)))
    indiseek("fit", "--x1", one, "--x2", two, "--out", at("fitted"), *SMALL, "--quiet")
    fails("indiseek annotate: %s/config.json names no data; was it written by `indiseek run`?" % at("fitted"), 65, "annotate", "--model",
          at("fitted"), "--out", at("nothing"))
    shutil.copytree(at("base"), at("without_model"))
    os.unlink(at("without_model/model.safetensors"))
    done = indiseek("impute", "--model", at("without_model"), "--out", at("nothing"), code=1)
    inside(at("without_model/model.safetensors"), done.stderr)


def impute(out, *arguments):
    done = indiseek("impute", "--model", at("base"), "--out", at(out), *arguments)
    return done, result(out, "imputation.json"), table(at(out + "/imputation.tsv"))


def r2(values, predictions, training):
    """Of one column, beside the mean of the training cells."""
    mean = sum(training) / len(training)
    return 1 - sum((a - b) ** 2 for a, b in zip(values, predictions)) / sum((a - mean) ** 2 for a in values)


def clr(row):
    """Seurat's margin 2: log1p(x / exp(mean of log1p of those above zero over all))."""
    scale = math.exp(sum(math.log1p(x) for x in row if x > 0) / len(row))
    return [math.log1p(x / scale) for x in row]


@test("impute tells proteins from RNA, beside the nearest neighbours; the units are those of the normalization")
def _():
    done, m, rows = impute("imputed")
    equal([m[key] for key in ("from", "to", "features", "scored_cells", "scored_on")], ["rna", "protein", PROTEINS, 120, "test"])
    equal([row["feature"] for row in rows], data.proteins)
    for way in ("c", "cz", "baseline"):
        assert 0.2 < m[way]["r2"] < 1, m[way]
    equal(read(at("imputed/imputed_cells.txt")).decode().split(), data.cells)
    equal(read(at("imputed/imputed_features.txt")).decode().split(), data.proteins)
    told, parts = npy(at("imputed/imputed.npy")), read(at("base/split.tsv")).decode().split()[1:]
    held = [i for i in range(CELLS) if parts[i] == "test"]
    measured = [clr(row) for row in data.adt]
    for k, row in enumerate(rows):
        known = [measured[i][k] for i in range(CELLS) if parts[i] == "train"]
        assert abs(r2([measured[i][k] for i in held], [told[i][k] for i in held], known) - float(row["r2_cz"])) < 1e-4, row


@test("impute the proteins of new cells that have RNA only; RNA from proteins")
def _():
    files = more.files("alone", NEW, NEW)
    inside("protein from rna\non the run's held-out cells, with all their features:\nR^2 from ",
           impute("new_proteins", *files[:2])[0].stdout)
    told, measured = npy(at("new_proteins/imputed.npy")), [clr(row) for row in more.adt[CELLS:]]
    equal(read(at("new_proteins/imputed_cells.txt")).decode().split(), more.cells[CELLS:])
    columns = [[row[k] for row in measured] for k in range(PROTEINS)]
    each = sorted(r2(columns[k], [row[k] for row in told], columns[k]) for k in range(PROTEINS))
    assert each[PROTEINS // 2] > 0.2, each
    done, m, rows = impute("genes", "--to", "rna", "--from", "protein", "--epochs", 20)
    inside("(the features that are told best and worst, 20 of %d; all of them are in imputation.tsv)\n" % GENES, done.stdout)
    assert "held-out cells" not in done.stdout, done.stdout
    equal((m["from"], m["to"], m["features"], len(rows)), ("protein", "rna", GENES, GENES))
    assert m["c"]["r2"] > 0, m["c"]
    fails("indiseek impute: the new cells have no rna, from which protein is to be predicted", 65, "impute", "--model", at("base"),
          *files[2:], "--out", at("nothing"))
    fails("indiseek impute: --to: the run has no modality 'protien'; did you mean 'protein'?", 2, "impute", "--model", at("base"),
          "--to", "protien", "--out", at("nothing"))
    fails("indiseek impute: --from and --to are both 'rna'", 2, "impute", "--model", at("base"), "--to", "rna", "--from", "rna", "--out",
          at("nothing"))


@test("four modalities, hvg=N and scale=no: features, pictures and files of each, one imputed from another")
def _():
    def counts(name, first, last):
        return write(name, data.text(data.rna, data.genes, range(CELLS), range(first, last)))
    files = ["--rna-file", counts("four_rna.csv", 0, 90), "--protein-file",
             write("four_protein.csv", data.text(data.adt, data.proteins, range(CELLS))),
             "--atac-file", counts("four_atac.csv", 90, 160), "--other-file", counts("spots.csv", 160, 200)]
    run([*files, *KNOWN], "four", *LABELS, "--quiet", "--rna", "hvg=60,pca=20", "--protein", "clr=cell,scale=no,pca=10", "--atac",
        "hvg=50,pca=10")
    assert {"c3.npy", "c4.npy", "z3.npy", "z4.npy"} < set(os.listdir(at("four"))), os.listdir(at("four"))
    equal(len(table(at("four/umap.tsv"))[0]), 1 + 2 * 13)
    names = [each.rsplit("_", 1)[-1] for each in table(at("four/cells.tsv"))[0] if each.startswith("indiseek_wnn")]
    equal(names[:3], ["rna", "protein", "atac"])
    for to, count in (("rna", 60), ("protein", PROTEINS), ("atac", 50)):
        indiseek("impute", "--model", at("four"), "--to", to, "--from", "rna" if to != "rna" else "protein", "--out", at("four_" + to),
                 "--quiet",
                        "--epochs", 20)
        rows = npy(at("four_%s/imputed.npy" % to))
        equal((len(rows), len(rows[0])), (CELLS, count), to)
        equal(len(read(at("four_%s/imputed_features.txt" % to)).split()), count)
        assert all(math.isfinite(value) for row in rows for value in row)
    indiseek("annotate", "--model", at("four"), *files[:2], *files[6:], "--out", at("four_named"), "--quiet")
    equal(sorted(name for name in os.listdir(at("four_named")) if name.endswith(".npy")), ["c1.npy", "c4.npy", "z1.npy", "z4.npy"])


@test("few cells with both modalities: no weights and no theta, everything else")
def _():
    done = run([*data.files("few", range(581), range(562, CELLS)), *KNOWN], "few", *LABELS, *QUICK)
    inside("warning: only 19 of the 38 cells of protein are among the 581 of rna: what they share is learned from these alone\n",
           done.stderr)
    cells = table(at("few/cells.tsv"))
    equal({row.get("indiseek_wnn_rna", "") for row in cells} | {row.get("indiseek_theta", "") for row in cells}, {""})
    equal(len(npy(at("few/c1.npy"))), CELLS)
    assert "theta.tsv" not in os.listdir(at("few"))


@test("a run in which cells lack a modality is annotated and imputed from: those cells' proteins are told too")
def _():
    indiseek("annotate", "--model", at("missing"), "--out", at("missing_named"), "--quiet")
    indiseek("impute", "--model", at("missing"), "--out", at("missing_told"), "--quiet")
    names = read(at("missing_told/imputed_cells.txt")).decode().split()
    told = dict(zip(names, npy(at("missing_told/imputed.npy"))))
    for i, name in enumerate(data.cells):
        equal(all(map(math.isfinite, told[name])), i not in MISSING["rna"], name)


@test("adata.h5ad and mdata.h5mu of a run are read by the next one to the same features")
def _():
    hdf5()
    same_as_base("from_h5ad", at("base/adata.h5ad"))
    same_as_base("from_h5mu", at("base/mdata.h5mu"))


# ---- the report -------------------------------------------------------------------------------------------------------

def page_of(name):
    with open(at(name + "/report.html"), encoding="utf-8") as file:
        return file.read()


def check_page(page):
    parsed = browser.Page()
    parsed.feed(page)
    parsed.close()
    equal((parsed.faults, parsed.open), ([], []))
    return re.findall(r"<h2[^>]*>(.*?)</h2>", page)


SECTIONS = ["Data", "Embeddings", "Which modality tells the types apart", "What each coordinate follows",
            "What the features follow", "Technical factors", "Clusters and labels", "Scores",
            "Training", "Settings", "How it was made", "How to cite"]


@test("report.html is balanced, fetches nothing, and has its sections")
def _():
    page = page_of("base")
    equal(check_page(page), SECTIONS)
    for words in ("600 of them have both modalities", "200 features of rna and 15 features of protein", "4 of cell_type",
                  "95 % of 200 bootstraps of the cells", "specific to rna (Z1)", "all features (C and Z of every modality)",
                  "share of a cell's 10 nearest cells"):
        inside(words, page)
    for number, kind in enumerate(("rna", "protein"), 1):
        rows = [row for row in table(at("base/explained.tsv")) if row["modality"] == kind]
        best = max(rows, key=lambda row: float(row["r2_both"] or 0) - float(row["r2_shared"] or 0))["feature"]
        inside("specific to %s (Z%d), by %s (%s)" % (kind, number, best, kind), page)
    equal(check_page(page_of("missing")), SECTIONS)
    inside("520 of them have both modalities", page_of("missing"))
    equal(check_page(page_of("unnamed")), [name for name in SECTIONS if name not in (*SECTIONS[1:3], "Clusters and labels")])
    assert page.index("types at random would give") < page.index("θ of each type"), "what theta rests on is said before it is drawn"
    inside("most frequent label of them", page_of("missing"))
    assert "most frequent label of them" not in page_of("base")


PROBE = """<pre id="result"></pre><script>
(async () => {
  const result = {};
  try {
    await new Promise(done => setTimeout(done, 50));
    const root = document.querySelector('.plots'), canvases = [...root.querySelectorAll('canvas')];
    result.ready = root.dataset.ready;
    result.failure = !root.querySelector('.plot-failure').hidden;
    result.drawn = canvases.map(canvas => Number(canvas.dataset.drawn));
    result.legend = [...root.querySelectorAll('.plot-legend button')].map(button => button.querySelector('span').textContent);
    result.options = [...root.querySelector('select').options].map(option => option.textContent);
    result.titles = [...root.querySelectorAll('.plot-panel')].map(panel => panel.textContent.trim());
    const select = root.querySelector('select');
    for (let i = 0; i < select.options.length; i++) {
      select.value = i;
      select.dispatchEvent(new Event('change'));
      await new Promise(done => setTimeout(done, 10));
    }
    result.width = [document.documentElement.scrollWidth, innerWidth];
  } catch (error) { faults.push('the probe: ' + error.stack); }
  document.getElementById('result').textContent = JSON.stringify({...result, faults});
})();
</script>"""


def seen(name):
    if not browser.BROWSER:
        raise Skip("neither chromium nor google-chrome is on PATH")
    page = page_of(name).replace("<head>", "<head>" + browser.FAULTS, 1).replace("</body>", PROBE + "</body>", 1)
    document, console = browser.browse(write(name + ".html", page), at("profile"))
    found = re.search(r'<pre id="result">(.*?)</pre>', document, re.S)
    assert found and found.group(1), "the probe did not come to its end: %s" % console
    equal(console, [])
    shown = json.loads(found.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    equal(shown["faults"], [])
    equal(shown["failure"], False)
    assert shown["width"][0] <= shown["width"][1], "the page is wider than its window: %s" % shown["width"]
    return shown


@test("the report says what was made of what, when and how, and lists the settings of the method alone")
def _():
    page = page_of("base")
    inside("<title>cells: what cells say twice, and what they say once</title>", page)
    made = page[page.index("<h2>How it was made</h2>"):]
    inside("indiseek run ", made)
    assert re.search(r"<span>date</span> 20\d\d-\d\d-\d\d \d\d:\d\d UTC</li>", made), made[:2000]
    for file in ("matrix.mtx.gz", "matrix.mtx"):
        if os.path.exists(at("cells/" + file)):
            with open(at("cells/" + file), "rb") as content:
                inside("<span>sha256_%s</span> %s</li>" % (file, hashlib.sha256(content.read()).hexdigest()), made)
            break
    else:
        raise AssertionError("no matrix in " + at("cells"))
    inside("<span>residual_epochs</span>", page)
    for option in ("project_dim", "token_width"):
        assert "<span>%s</span>" % option not in page, "an option that the method does not read, or not of these views"


@test("in the pictures cells of the ignored type are of none")
def _():
    run(TENX, "ignored", *LABELS, "--label-ignore", "A1", "--no-h5", "--quiet")
    for name, there in (("base", True), ("ignored", False)):
        data = json.loads(re.search(r'class="plot-data">(.*?)</script>', page_of(name), re.S).group(1))
        column = [column for column in data["columns"] if column["name"] == "cell_type"][0]
        equal("A1" in column["classes"], there, name)


@test("in a browser every panel of the report is drawn, and every column colours it")
def _():
    shown = seen("base")
    equal(shown["ready"], "9")
    equal(shown["drawn"][:7], [CELLS] * 7)
    assert all(0 < count < CELLS for count in shown["drawn"][7:]), shown["drawn"]
    equal(shown["legend"], ["A1", "A2", "B1", "C1"])
    equal(shown["options"][:-2], data.header[1:] + OBS)
    for (gene, modality), known in zip((option.split(" ") for option in shown["options"][-2:]), (data.genes, data.proteins)):
        assert gene in known and modality == ("(rna)" if known is data.genes else "(protein)"), shown["options"]
    inside("specific to protein (Z2), the 40 % of types with the largest weight", shown["titles"][8])


@test("in a browser the report of cells that lack a modality shows those that there are")
def _():
    equal(seen("missing")["drawn"][:7], [540, 580, 540, 580, 540, 580, 520])


if __name__ == "__main__":
    sys.exit(main(first=1))
