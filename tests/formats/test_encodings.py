#!/usr/bin/env python3
# build: test_h5
"""Every encoding of anndata 0.7 to 0.13 and mudata 0.1 to 0.4 is read: each as its specification has it (anndata's "On-disk format"),
written here by h5py, and whole files by the libraries themselves, of which ANNDATA_PYTHONS may name Pythons with other versions:

    ANNDATA_PYTHONS="/tmp/a07/bin/python /tmp/a13/bin/python" make only=test_encodings test

Needs h5py and a program with HDF5; without them the test is skipped.
"""
import importlib.util
import os
import shutil
import subprocess
import sys

sys.path.insert(0, "tests/base")
from modules import need
need("h5py", "numpy", skipped="h5py is missing, and the encodings are written by it (apt-get install python3-h5py)")

import h5py
import numpy

from tap import Skip, at, equal, folder, inside, main, test

build = os.path.basename(os.environ.get("BUILD", "build"))
PROGRAM = os.path.join("build/objects", "release" if build == "build" else build, "tests/formats/test_h5")
CELLS = ["c%d" % i for i in range(6)]
GENES = ["g%d" % j for j in range(4)]
COUNTS = numpy.array([[(3 * i + j) % 5 for j in range(4)] for i in range(6)], "float32")
SURFACE = numpy.array([[10 * i + j for j in range(3)] for i in range(6)], "float32")
NAN = float("nan")


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)


def converted(source, *options, target="back.h5ad"):
    """What our reader makes of a file, as our writer leaves it."""
    done = run("convert", source, at(target), *options)
    equal(done.returncode, 0, "%s: %s" % (source, done.stderr))
    return h5py.File(at(target), "r")


# ---- what we write, which is one encoding of each ---------------------------------------------------------------------

def texts(dataset):
    return [value.decode() for value in dataset[()]]


def column(file, name):
    """Numbers, or words with None for what is missing."""
    item = file["obs"][name]
    if isinstance(item, h5py.Dataset):
        return [float(value) for value in item[()]]
    words = texts(item["categories"])
    return [words[code] if code >= 0 else None for code in item["codes"][()]]


def same_column(file, name, due):
    found = column(file, name)
    both = list(zip(found, due))
    assert len(found) == len(due) and all(a == b or (a != a and b != b) for a, b in both), "%s is %r, not %r" % (name, found, due)


def matrix(group):
    if isinstance(group, h5py.Dataset):
        return group[()]
    rows, cols = group.attrs["shape"]
    dense = numpy.zeros((rows, cols), "float32")
    for i in range(rows):
        for k in range(group["indptr"][i], group["indptr"][i + 1]):
            dense[i, group["indices"][k]] = group["data"][k]
    return dense


def frame(group):
    return numpy.stack([group[name][()] for name in group.attrs["column-order"]], 1)


def same(a, b):
    assert numpy.array_equal(a, b, equal_nan=True), "\n%s\nnot\n%s" % (a, b)


# ---- encodings by their specification ---------------------------------------------------------------------------------

TEXT = h5py.string_dtype("utf-8")


def encoded(item, kind, version):
    item.attrs["encoding-type"], item.attrs["encoding-version"] = kind, version
    return item


def array(group, name, values):
    return encoded(group.create_dataset(name, data=values), "array", "0.2.0")


def strings(group, name, values):
    return encoded(group.create_dataset(name, data=numpy.array(values, object), dtype=TEXT), "string-array", "0.2.0")


def nullable(kind, write):
    """Values beside a mask: nullable-integer, nullable-boolean (0.8), nullable-string-array (0.11)."""
    def put(group, name, values):
        known = [value for value in values if value is not None]
        item = encoded(group.create_group(name), kind, "0.1.0")
        write(item, "values", [known[0] if value is None else value for value in values])
        array(item, "mask", numpy.array([value is None for value in values]))
        if kind == "nullable-string-array":
            item.attrs["na-value"] = "NA"
        return item
    return put


nullable_strings = nullable("nullable-string-array", strings)
nullable_integers = nullable("nullable-integer", array)
nullable_booleans = nullable("nullable-boolean", array)


def categorical(write, ordered=False):
    def put(group, name, values):
        words = sorted({value for value in values if value is not None})
        item = encoded(group.create_group(name), "categorical", "0.2.0")
        item.attrs["ordered"] = ordered
        write(item, "categories", words)
        array(item, "codes", numpy.array([-1 if value is None else words.index(value) for value in values], "int8"))
        return item
    return put


def referred(group, name, values):
    """0.7: codes with an attribute that refers to __categories/NAME."""
    words = sorted({value for value in values if value is not None})
    item = group.require_group("__categories").create_dataset(name, data=numpy.array(words, object), dtype=TEXT)
    codes = group.create_dataset(name, data=numpy.array([-1 if value is None else words.index(value) for value in values], "int8"))
    codes.attrs["categories"] = item.ref
    item.attrs["ordered"] = False


def fixed(group, name, values):
    group.create_dataset(name, data=numpy.array(values, "S"))


WORDS, HOLES, TRUTH = ["a", "b", "a", "c", "b", "a"], ["a", None, "a", "c", "b", None], [True, False, True, True, False, False]
SAID = ["True", "False", "True", "True", "False", "False"]
COLUMNS = {
    "array of whole numbers (0.7 to 0.13)": (array, [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]),
    "array of small unsigned numbers": (array, numpy.arange(6, dtype="uint8"), range(6)),
    "array of floats": (array, [1.5, NAN, 3, 4, 5, 6], [1.5, NAN, 3, 4, 5, 6]),
    "array of half floats": (array, numpy.array([1.5, NAN, 3, 4, 5, 6], "float16"), [1.5, NAN, 3, 4, 5, 6]),
    "array of truth": (array, TRUTH, SAID),
    "string-array (0.7 to 0.12)": (strings, WORDS, WORDS),
    "strings of one size": (fixed, WORDS, WORDS),
    "categorical by reference (0.7)": (referred, HOLES, HOLES),
    "categorical (0.8 to 0.13)": (categorical(strings), HOLES, HOLES),
    "categorical, ordered": (categorical(strings, True), HOLES, HOLES),
    "categorical of whole numbers": (categorical(array), [10, 20, None, 20, 10, 10], ["10", "20", None, "20", "10", "10"]),
    "categorical of truth": (categorical(array), TRUTH, SAID),
    "categorical of nullable strings (0.13)": (categorical(nullable_strings), HOLES, HOLES),
    "nullable-integer (0.8)": (nullable_integers, [1, None, 3, 4, 5, 6], [1, NAN, 3, 4, 5, 6]),
    "nullable-boolean (0.8)": (nullable_booleans, [True, None, True, True, False, False], ["True", None] + SAID[2:]),
    "nullable-string-array (0.11 to 0.13)": (nullable_strings, HOLES, HOLES),
}
INDICES = {
    "string-array": strings, "nullable-string-array (0.13)": nullable_strings, "categorical": categorical(strings),
    "categorical of nullable strings (0.13)": categorical(nullable_strings), "strings of one size": fixed,
}


def put_frame(file, name, index, write=strings, called="_index", columns=()):
    group = encoded(file.create_group(name), "dataframe", "0.2.0")
    group.attrs["_index"] = called
    group.attrs["column-order"] = numpy.array(columns, dtype=TEXT) if len(columns) else numpy.zeros(0)
    write(group, called, index)
    return group


def compressed(file, name, x, by_columns=False, wide="int32"):
    turned = x.T if by_columns else x
    group = encoded(file.create_group(name), "csc_matrix" if by_columns else "csr_matrix", "0.1.0")
    group.attrs["shape"] = numpy.array(x.shape)
    rows = [numpy.flatnonzero(row) for row in turned]
    group["indptr"] = numpy.cumsum([0] + [len(row) for row in rows]).astype(wide)
    group["indices"] = numpy.concatenate(rows).astype(wide)
    group["data"] = numpy.concatenate([line[row] for line, row in zip(turned, rows)])


def h5sparse(file, name, x):
    compressed(file, name, x)
    group = file[name]
    shape = group.attrs["shape"]
    for key in list(group.attrs):
        del group.attrs[key]
    group.attrs["h5sparse_format"], group.attrs["h5sparse_shape"] = "csr", shape


def none(file, name, x):
    """None (0.12); the values stand in a layer."""
    encoded(file.create_dataset(name, data=h5py.Empty("f4")), "null", "0.1.0")
    array(file.require_group("layers"), "counts", x)


def absent(file, name, x):
    array(file.require_group("layers"), "counts", x)


def raw(file, name, x):
    array(file, name, 2 * x)
    group = encoded(file.create_group("raw"), "raw", "0.1.0")
    compressed(group, "X", x)
    put_frame(group, "var", GENES)


MATRICES = {
    "array (0.7 to 0.13)": (lambda *place: array(*place), ()),
    "array, packed": (lambda file, name, x: file.create_dataset(name, data=x, chunks=(2, 2), compression="gzip"), ()),
    "csr_matrix": (compressed, ()),
    "csr_matrix of 64 bits": (lambda *place: compressed(*place, wide="int64"), ()),
    "csc_matrix": (lambda *place: compressed(*place, by_columns=True), ()),
    "h5sparse (before 0.7)": (h5sparse, ()),
    "none, and a layer": (none, ("layer=counts",)),
    "absent, and a layer": (absent, ("layer=counts",)),
    "raw": (raw, ("layer=raw",)),
}


def anndata_file(name, x=compressed, index=strings, called="_index", columns=()):
    path = at(name)
    with h5py.File(path, "w") as file:
        encoded(file, "anndata", "0.1.0")
        x(file, "X", COUNTS)
        obs = put_frame(file, "obs", CELLS, index, called, [key for key, _, _ in columns])
        for key, write, values in columns:
            write(obs, key, values)
        put_frame(file, "var", GENES, index, called)
    return path


@test("columns of obs, in every encoding")
def _():
    columns = [(name.replace("/", " "), write, values) for name, (write, values, _) in COLUMNS.items()]
    with converted(anndata_file("columns.h5ad", columns=columns)) as file:
        for name, (_, _, due) in COLUMNS.items():
            same_column(file, name, list(due))


@test("a column that is none is left out, and the others are read")
def _():
    path = anndata_file("odd.h5ad", columns=[("x", array, range(6))])
    with h5py.File(path, "r+") as file:
        encoded(file["obs"].create_group("chains"), "awkward-array", "0.1.0")
        array(file["obs"], "wide", numpy.zeros((6, 2)))
        file["obs"].attrs["column-order"] = numpy.array(["chains", "x", "wide"], dtype=TEXT)
    with converted(path) as file:
        equal([name for name in file["obs"].attrs["column-order"] if not name.startswith("indiseek")], ["x"])


for name, write in INDICES.items():
    @test("names of cells and features: " + name)
    def _(write=write):
        for called in ("_index", "CellID"):
            with converted(anndata_file("index.h5ad", index=write, called=called)) as file:
                equal(texts(file["obs"]["_index"]), CELLS)
                equal(texts(file["var"]["_index"]), GENES)

for name, (write, options) in MATRICES.items():
    @test("the matrix: " + name)
    def _(write=write, options=options):
        with converted(anndata_file("matrix.h5ad", write), *options) as file:
            same(matrix(file["X"]), COUNTS)


@test("a matrix that is None is said to be absent")
def _():
    done = run("convert", anndata_file("none.h5ad", none), at("back.h5ad"))
    equal(done.returncode, 1)
    inside("none.h5ad: has no X; name one of its layers instead\n", done.stderr)


MAPS = {"mudata 0.1 and 0.2": lambda rows: rows, "mudata 0.3 and 0.4": lambda rows: rows.reshape(-1, 1)}
for name, shape in MAPS.items():
    for ordered in (True, False):
        @test("modalities, as %s%s" % (name, "" if ordered else ", without their order"))
        def _(shape=shape, ordered=ordered):
            path = at("two.h5mu")
            with h5py.File(path, "w", userblock_size=512) as file:
                encoded(file, "MuData", "0.1.0").attrs["axis"] = 0
                for key, x, cells, features in (("rna", COUNTS[:5], CELLS[:5], GENES),
                                                ("prot", SURFACE[1:], CELLS[1:], ["p1", "p2", "p3"])):
                    group = encoded(file.create_group("mod/" + key), "anndata", "0.1.0")
                    compressed(group, "X", x)
                    put_frame(group, "obs", cells)
                    put_frame(group, "var", features)
                if ordered:
                    file["mod"].attrs["mod-order"] = numpy.array(["rna", "prot"], dtype=TEXT)
                array(put_frame(file, "obs", CELLS, columns=["n"]), "n", range(6))
                put_frame(file, "var", GENES + ["p1", "p2", "p3"])
                for key, there in (("rna", numpy.arange(6) < 5), ("prot", numpy.arange(6) > 0)):
                    array(file.require_group("obsm"), key, shape(there))
                    array(file.require_group("obsmap"), key, numpy.cumsum(there) * there)
            with converted(path, target="back.h5mu") as file:
                equal(sorted(file["mod"]), ["protein", "rna"])
                equal(sorted(texts(file["obs"]["_index"])), CELLS)
                for key, x in (("rna", COUNTS), ("protein", SURFACE)):
                    cells = texts(file["mod/%s/obs/_index" % key])
                    same(matrix(file["mod/%s/X" % key]), x[[CELLS.index(name) for name in cells]])
                same_column(file, "n", [float(name[1:]) for name in texts(file["obs"]["_index"])])


# ---- files of the libraries -------------------------------------------------------------------------------------------

OBS = {
    "type": ["T", "B", None, "T", "NK", "B"], "sample": ["10", "20"] * 3, "depth": [1.5, 2.5, NAN, 4, 5, 6], "genes": range(6),
    "doublet": ["True", "False", "False", "True", "False", "False"], "donor": ["x", "y", "x", "y", "z", "x"],
}
NULLABLE = {"age": [30, NAN, 50, 60, 70, 80], "treated": ["True", None, "False", "True", "True", "False"]}
NOTES = {"note": ["a", None, "b", "a", "NA", "b"], "kind": ["u", "v", "u", "v", "u", None]}


def check_h5ad(path):
    name = os.path.basename(path)[:-len(".h5ad")]
    with converted(path) as file:
        equal(texts(file["obs"]["_index"]), CELLS)
        equal(texts(file["var"]["_index"]), GENES)
        same(matrix(file["X"]), 2 * COUNTS if name == "raw" else COUNTS)
        known = dict(OBS, **(NULLABLE if name in ("nullable", "strings") else {}), **(NOTES if name == "strings" else {}))
        for key, due in known.items():
            same_column(file, key, list(due))
        if name == "raw":
            same(frame(file["obsm/protein_counts"]), SURFACE)
    for layer, times in (("spliced", 3), ("raw", 1)) if name == "raw" else ():
        with converted(path, "layer=" + layer) as file:
            same(matrix(file["X"]), times * COUNTS)


def check_h5mu(path):
    with converted(path, target="back.h5mu") as file:
        equal(sorted(file["mod"]), ["protein", "rna"])
        equal(texts(file["obs"]["_index"]), CELLS)
        same(matrix(file["mod/rna/X"]), COUNTS[:5])
        same(matrix(file["mod/protein/X"]), SURFACE[1:])


def check_all(python):
    target = at("written")
    shutil.rmtree(target, ignore_errors=True)
    os.mkdir(target)
    done = subprocess.run([python, "tests/formats/write_encodings.py", target], capture_output=True, text=True)
    assert done.returncode == 0, "%s\n%s" % (python, done.stderr[-1500:])
    files = [line for line in done.stdout.splitlines() if line.startswith(target)]
    assert len(files) >= 4, done.stdout
    for path in files:
        (check_h5ad if path.endswith(".h5ad") else check_h5mu)(path)


@test("what the anndata that is here writes")
def _():
    if not importlib.util.find_spec("anndata"):
        raise Skip("anndata is missing (apt-get install python3-anndata)")
    check_all(sys.executable)


@test("what other versions of anndata and mudata write")
def _():
    pythons = os.environ.get("ANNDATA_PYTHONS", "").split()
    if not pythons:
        raise Skip("ANNDATA_PYTHONS names no Python with another one")
    for python in pythons:
        check_all(python)


if not os.path.exists(PROGRAM) or run("convert", "x").returncode == 77:
    shutil.rmtree(folder)
    print("skipped: %s is not there, or was made without HDF5" % PROGRAM)
    sys.exit(77)
sys.exit(main())
