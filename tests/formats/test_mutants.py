#!/usr/bin/env python3
# build: test_h5
"""Files of HDF5 that are nearly right: each object of a small .h5ad, .h5mu and 10x .h5 is lost, emptied, cut, retyped, or holds numbers
that point nowhere, and each attribute is lost or changed.  What is read is read, or refused in a sentence; nothing crashes, hangs or asks
for memory that the file does not bear out.  (Single bytes of HDF5's own structures are not changed: its version 1.10 itself crashes on
some, in H5HG_read.)

Some are tried, by a seed that is said (MUTANTS_SEED chooses it); `make soak` tries all (MUTANTS=all).
"""
import os
import random
import resource
import shutil
import subprocess
import sys

sys.path.insert(0, "tests/base")
from modules import need
need("h5py", "numpy", skipped="h5py is missing, and the files are changed by it (apt-get install python3-h5py)")

import h5py
import numpy

from tap import at, main, test

build = os.path.basename(os.environ.get("BUILD", "build"))
PROGRAM = os.path.join("build/objects", "release" if build == "build" else build, "tests/formats/test_h5")
if not os.path.exists(PROGRAM) or b"libhdf5" not in open(PROGRAM, "rb").read():
    print("skipped: %s is not there, or was made without HDF5" % PROGRAM)
    sys.exit(77)
EACH = os.environ.get("MUTANTS", "40")
SEED = int(os.environ.get("MUTANTS_SEED", "1"))
PATIENCE = 60
MEMORY = 0 if build == "sanitize" else 1 << 30      # for all that a file of some kilobytes holds
CELLS, GENES = 12, 7


# ---- files that are right ---------------------------------------------------------------------------------------------

def encoded(group, kind, version="0.1.0"):
    group.attrs["encoding-type"], group.attrs["encoding-version"] = kind, version
    return group


def words(group, name, values):
    item = group.create_dataset(name, data=numpy.array(values, object), dtype=h5py.string_dtype())
    return encoded(item, "string-array", "0.2.0")


def frame(group, name, index, columns=()):
    made = encoded(group.create_group(name), "dataframe", "0.2.0")
    made.attrs["_index"] = "_index"
    made.attrs.create("column-order", [column for column, _ in columns], shape=(len(columns),), dtype=h5py.string_dtype())
    words(made, "_index", index)
    for column, values in columns:
        if isinstance(values[0], str):
            kinds = sorted(set(values))
            one = encoded(made.create_group(column), "categorical", "0.2.0")
            one.attrs["ordered"] = False
            words(one, "categories", kinds)
            one["codes"] = numpy.array([kinds.index(value) for value in values], "int8")
        else:
            encoded(made.create_dataset(column, data=numpy.array(values, float)), "array", "0.2.0")


def sparse(group, name, dense):
    rows, cols = dense.nonzero()
    made = encoded(group.create_group(name), "csr_matrix")
    made.attrs["shape"] = numpy.array(dense.shape, "int64")
    made["data"], made["indices"] = dense[rows, cols].astype("float32"), cols.astype("int32")
    made["indptr"] = numpy.searchsorted(rows, range(len(dense) + 1)).astype("int32")


COUNTS = numpy.array([[(5 * i + 3 * j) % 7 % 4 for j in range(GENES)] for i in range(CELLS)])
SURFACE = numpy.array([[10 * i + j for j in range(3)] for i in range(CELLS)], "float32")
NAMES = ["c%d" % i for i in range(CELLS)]
COLUMNS = [("type", ["T" if i % 3 else "B" for i in range(CELLS)]), ("age", [float(i) for i in range(CELLS)])]


def h5ad(path):
    with h5py.File(path, "w") as file:
        encoded(file, "anndata")
        sparse(file, "X", COUNTS)
        frame(file, "obs", NAMES, COLUMNS)
        frame(file, "var", ["g%d" % j for j in range(GENES)])
        for name in ("obsm", "layers", "uns"):
            encoded(file.create_group(name), "dict")
        encoded(file["obsm"].create_dataset("protein_expression", data=SURFACE), "array", "0.2.0")


def h5mu(path):
    with h5py.File(path, "w") as file:
        encoded(file, "MuData")
        frame(file, "obs", NAMES, COLUMNS)
        mod = encoded(file.create_group("mod"), "dict")
        for name, values in (("rna", COUNTS), ("prot", SURFACE)):
            one = encoded(mod.create_group(name), "anndata")
            sparse(one, "X", values)
            frame(one, "obs", NAMES, COLUMNS[:1])
            frame(one, "var", ["%s%d" % (name, j) for j in range(values.shape[1])])


def tenx(path):
    both = numpy.hstack([COUNTS, SURFACE.astype(int)])
    cells, features = both.nonzero()
    with h5py.File(path, "w") as file:
        matrix = file.create_group("matrix")
        matrix["barcodes"] = numpy.array([name.encode() for name in NAMES])
        matrix["data"], matrix["indices"] = both[cells, features].astype("int32"), features.astype("int64")
        matrix["indptr"], matrix["shape"] = numpy.searchsorted(cells, range(CELLS + 1)), numpy.array(both.shape[::-1], "int32")
        names = ["g%d" % j for j in range(GENES)] + ["p%d" % j for j in range(3)]
        kinds = ["Gene Expression"] * GENES + ["Antibody Capture"] * 3
        for key, values in (("id", names), ("name", names), ("feature_type", kinds), ("genome", ["x"] * len(names))):
            matrix["features/" + key] = numpy.array([value.encode() for value in values])


# ---- what is done to them ---------------------------------------------------------------------------------------------

def changed(values, kind):
    """Another dataset in place of one; None: this cannot be done to it."""
    number = values.dtype.kind in "iuf"
    if kind == "empty":
        return values[:0] if values.ndim else None
    if kind == "cut":
        return values[:-1] if values.ndim and len(values) > 1 else None
    if kind == "longer":
        return numpy.concatenate([values, values[-1:]]) if values.ndim and len(values) else None
    if kind == "scalar":
        return numpy.array(values.flat[0]) if values.ndim and values.size else None
    if kind == "square":
        return numpy.array([values, values]) if values.ndim == 1 else None
    if kind == "words":
        return numpy.array([b"x"] * max(values.size, 1)) if number else None
    if kind == "numbers":
        return None if number else numpy.arange(max(values.size, 1))
    if kind == "same":
        return numpy.full_like(values, values.flat[0]) if values.size else None
    if not number or not values.size:
        return None
    new = values.copy()
    last = {"minus": -1, "much": numpy.iinfo(values.dtype).max if values.dtype.kind in "iu" else 1e38, "nan": float("nan")}[kind]
    if last != last and values.dtype.kind != "f" or last == -1 and values.dtype.kind == "u":
        return None
    new.flat[new.size // 2] = last
    return new


KINDS = "empty cut longer scalar square words numbers same minus much nan".split()


def mutants(path):
    """(object, what is done to it) of all that can be."""
    found = []
    with h5py.File(path, "r") as file:
        names = []
        file.visit(names.append)
        for name in ["/"] + names:
            item = file[name]
            found += [(name, "attribute %s %s" % (key, how)) for key in item.attrs for how in ("lost", "number", "words", "array")]
            if name != "/":
                found += [(name, how) for how in ("lost", "group", "loop", "outside")]
            if isinstance(item, h5py.Dataset):
                found += [(name, kind) for kind in KINDS if changed(item[()] if item.ndim == 0 else item[:], kind) is not None]
    return found


def mutate(path, name, how):
    with h5py.File(path, "a") as file:
        item = file[name]
        if how.startswith("attribute"):
            _, key, change = how.split(" ")
            del item.attrs[key]
            if change != "lost":
                item.attrs[key] = {"number": 7, "words": "csc_matrix", "array": numpy.array([3, -1, 1 << 40])}[change]
            return
        values = item[()] if isinstance(item, h5py.Dataset) else None
        kept = dict(item.attrs)
        del file[name]
        if how == "group":
            file.create_group(name)
        elif how == "loop":
            file[name] = h5py.SoftLink("/" + name)
        elif how == "outside":
            file[name] = h5py.ExternalLink("nowhere.h5", "/x")
        elif how != "lost":
            made = file.create_dataset(name, data=changed(values, how))
            for key, value in kept.items():
                made.attrs[key] = value


def within():
    if MEMORY:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def judge(path):
    """What is wrong, in words; None: nothing."""
    try:
        done = subprocess.run([PROGRAM, "convert", path, at("back.h5ad")], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=PATIENCE, preexec_fn=within)
    except subprocess.TimeoutExpired:
        return "still running after %d s" % PATIENCE
    if done.returncode < 0 or "Sanitizer" in done.stderr or "runtime error" in done.stderr:
        return "exit code %d: %s" % (done.returncode, done.stderr[-600:])
    if "memory" in done.stderr:
        return "asks for more than %d MB: %s" % (MEMORY >> 20, done.stderr[-300:])
    if done.returncode != 0 and not done.stderr.strip():
        return "exit code %d without a sentence" % done.returncode
    return None


def battery(name, make):
    made, mutant = at(name), at("mutant" + os.path.splitext(name)[1])
    draw = random.Random(SEED)
    make(made)
    assert judge(made) is None, judge(made)
    every, faults = mutants(made), []
    tried = every if EACH == "all" else draw.sample(every, min(int(EACH), len(every)))
    for object, how in tried:
        shutil.copy(made, mutant)
        mutate(mutant, object, how)
        wrong = judge(mutant)
        if wrong:
            faults.append("%s, %s: %s" % (object, how, wrong))
    print("# %s, seed %d: %d of %d changes tried, %d fell" % (name, SEED, len(tried), len(every), len(faults)))
    assert not faults, "\n".join(faults[:40])


for name, make in (("small.h5ad", h5ad), ("small.h5mu", h5mu), ("small.h5", tenx)):
    @test("%s, nearly right: read or refused in a sentence" % name)
    def _(name=name, make=make):
        battery(name, make)

if __name__ == "__main__":
    sys.exit(main())
