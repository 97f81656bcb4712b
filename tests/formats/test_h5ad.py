#!/usr/bin/env python3
# build: test_h5
"""Files written by anndata (and mudata, where it is there) read by our code and written again: what comes back is compared with what went
in.  Needs anndata and a program with HDF5; without them the test is skipped."""
import os
import shutil
import subprocess
import sys
import warnings

sys.path.insert(0, "tests/base")
from modules import need
need("anndata", "h5py", "numpy", "pandas", "scipy",
     skipped="anndata is missing, and the round trips need it (apt-get install python3-anndata)")

import anndata
import h5py
import numpy
import pandas
import scipy.sparse

try:
    import anndata.io as specs
    specs.write_elem
except (ImportError, AttributeError):                      # before 0.11
    import anndata._io.specs as specs
try:
    import mudata
except ImportError:
    mudata = None

from tap import at, folder, main, test

warnings.simplefilter("ignore")
build = os.path.basename(os.environ.get("BUILD", "build"))
PROGRAM = os.path.join("build/objects", "release" if build == "build" else build, "tests/formats/test_h5")


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)


def convert(source, target, *options, verb="convert"):
    done = run(verb, at(source), at(target), *options)
    assert done.returncode == 0, (done.returncode, done.stderr)
    return at(target)


def dense(x):
    return x.toarray() if scipy.sparse.issparse(x) else numpy.asarray(x)


CELLS = ["AAA-1", "CCC-1", "GGG-1", "TTT-1", "ACG-1", "Zürich"]
GENES = ["TP53", "CD3E", "MT-CO1", "HLA-A/B"]
random = numpy.random.default_rng(7)
COUNTS = random.poisson(0.8, (6, 4)).astype("float32")


def obs():
    frame = pd_frame()
    frame["type"] = pandas.Categorical(["T", "B", None, "T", "NK", "B"], categories=["T", "NK", "B"])
    frame["sample"] = pandas.Categorical.from_codes([0, 1, 0, 1, 0, 1], categories=[10, 20])
    frame["depth"] = [1.5, 2.5, numpy.nan, 4, 5, 6]
    frame["genes"] = numpy.arange(6, dtype="int16")
    frame["doublet"] = [True, False, False, True, False, False]
    frame["donor"] = ["x", "y", "x", "y", "z", "x"]
    frame["age"] = pandas.array([30, None, 50, 60, 70, 80], dtype="Int64")
    frame["treated"] = pandas.array([True, None, False, True, True, False], dtype="boolean")
    return frame


def pd_frame():
    return pandas.DataFrame(index=CELLS)


def make(x, **rest):
    var = pandas.DataFrame({"gene_ids": ["E1", "E2", "E3", "E4"]}, index=GENES)
    return anndata.AnnData(X=x, obs=obs(), var=var, **rest)


def check_obs(frame):
    due = obs()
    assert list(frame.index) == CELLS
    assert list(frame["type"].cat.categories) == ["T", "NK", "B"]
    assert [None if pandas.isna(v) else v for v in frame["type"]] == ["T", "B", None, "T", "NK", "B"]
    assert list(frame["sample"].astype(str)) == ["10", "20"] * 3
    assert numpy.array_equal(frame["depth"], due["depth"], equal_nan=True)
    assert list(frame["genes"]) == list(range(6))
    assert list(frame["doublet"].astype(str)) == ["True", "False", "False", "True", "False", "False"]
    assert list(frame["donor"]) == list(due["donor"])
    assert numpy.array_equal(frame["age"], [30, numpy.nan, 50, 60, 70, 80], equal_nan=True)
    assert [None if pandas.isna(v) else v for v in frame["treated"]] == ["True", None, "False", "True", "True", "False"]
    assert numpy.array_equal(frame["indiseek_theta"], numpy.arange(6) / 4)
    assert list(frame["indiseek_class"]) == ["even", "odd"] * 3


def shared(rows, of=0):
    rows = numpy.asarray(rows, float)
    return 1000 * of + rows[:, None] + numpy.arange(3) / 4


def umap(rows):
    return -(numpy.asarray(rows, float)[:, None] + numpy.arange(2) / 4)


LAYOUTS = {
    "dense": COUNTS, "csr": scipy.sparse.csr_matrix(COUNTS), "csc": scipy.sparse.csc_matrix(COUNTS),
    "double": COUNTS.astype("float64"), "int64": scipy.sparse.csr_matrix(COUNTS.astype("int64")), "uint8": COUNTS.astype("uint8"),
}
for layout, values in LAYOUTS.items():
    @test("h5ad to h5ad: " + layout)
    def _(layout=layout, values=values):
        make(values).write_h5ad(at(layout + ".h5ad"))
        back = anndata.read_h5ad(convert(layout + ".h5ad", "back.h5ad"))
        assert numpy.array_equal(dense(back.X), COUNTS) and back.X.dtype == "float32"
        assert scipy.sparse.issparse(back.X) == (layout in ("csr", "csc", "int64"))
        assert list(back.var_names) == GENES and list(back.var["gene_ids"]) == ["E1", "E2", "E3", "E4"]
        assert set(back.var["feature_types"]) == {"Gene Expression"}
        check_obs(back.obs)
        assert numpy.array_equal(back.obsm["X_indiseek_shared_rna"], shared(range(6)))
        assert numpy.array_equal(back.obsm["X_umap_all"], umap(range(6)))
        assert back.uns["indiseek"] == {"method": "indiseek", "config": '{"lambda":1}'}


@test("packed by gzip, and large enough that we pack too")
def _():
    x = scipy.sparse.random(500, 300, 0.1, "csr", dtype="float32", random_state=1)
    a = anndata.AnnData(X=x)
    a.write_h5ad(at("large.h5ad"), compression="gzip")
    back = anndata.read_h5ad(convert("large.h5ad", "back.h5ad"))
    assert (back.X != x).nnz == 0
    with h5py.File(at("back.h5ad")) as file:
        assert file["X/data"].compression == "gzip"
    anndata.AnnData(X=x.toarray()).write_h5ad(at("large.h5ad"), compression="gzip")
    assert numpy.array_equal(anndata.read_h5ad(convert("large.h5ad", "back.h5ad")).X, x.toarray())


@test("LZF is read")
def _():
    for x in (scipy.sparse.random(500, 300, 0.1, "csr", dtype="float32", random_state=1), random.poisson(3, (700, 90)).astype("float32"),
              numpy.repeat(numpy.arange(100, dtype="float32"), 900).reshape(300, 300)):
        anndata.AnnData(X=x).write_h5ad(at("lzf.h5ad"), compression="lzf")
        with h5py.File(at("lzf.h5ad")) as file:
            assert (file["X/data"] if isinstance(file["X"], h5py.Group) else file["X"]).compression == "lzf"
        assert numpy.array_equal(dense(anndata.read_h5ad(convert("lzf.h5ad", "back.h5ad")).X), dense(x))


@test("LZF that is damaged is refused, and never read beyond its end")
def _():
    x = numpy.repeat(numpy.arange(400, dtype="float32"), 10).reshape(40, 100)
    with h5py.File(at("damaged.h5ad"), "w") as file:
        specs.write_elem(file, "obs", pandas.DataFrame(index=["c%d" % i for i in range(40)]))
        specs.write_elem(file, "var", pandas.DataFrame(index=["g%d" % i for i in range(100)]))
        data = file.create_dataset("X", data=x, chunks=(40, 100), compression="lzf")
        where = data.id.get_chunk_info(0).byte_offset
        length = data.id.get_chunk_info(0).size
    with open(at("damaged.h5ad"), "rb") as file:
        whole = file.read()
    refused = 0
    for place in range(0, length, length // 20):
        for value in (0, 31, 0xE0, 0xFF):
            with open(at("damaged.h5ad"), "wb") as file:
                file.write(whole[:where + place] + bytes([value]) + whole[where + place + 1:])
            done = run("convert", at("damaged.h5ad"), at("back.h5ad"))
            assert done.returncode in (0, 1), (place, value, done.returncode, done.stderr)
            refused += done.returncode == 1
    assert refused > 10, refused


@test("a filter whose plug-in is not there is named, with where to get it")
def _():
    with h5py.File(at("zstd.h5ad"), "w") as file:
        specs.write_elem(file, "obs", pandas.DataFrame(index=["c%d" % i for i in range(4)]))
        specs.write_elem(file, "var", pandas.DataFrame(index=["g%d" % i for i in range(4)]))
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk((4, 4))
        plan.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, ())
        data = h5py.h5d.create(file.id, b"X", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((4, 4)), plan)
        h5py.Dataset(data)[...] = 1
    done = run("convert", at("zstd.h5ad"), at("back.h5ad"))
    assert done.returncode == 1
    sentence = ("X: is packed by Zstandard, whose plug-in of HDF5 (filter 32015) is not there: set HDF5_PLUGIN_PATH to its folder (pip "
                "install hdf5plugin; hdf5plugin.PLUGINS_PATH), or write the file again with compression='gzip'")
    assert sentence in done.stderr, done.stderr


@test("loom is refused with a way out")
def _():
    with h5py.File(at("cells.loom"), "w") as file:
        file["matrix"] = numpy.ones((3, 4))
        file.create_group("row_attrs")
        file.create_group("col_attrs")
    done = run("convert", at("cells.loom"), at("back.h5ad"))
    assert done.returncode == 1
    assert "cells.loom: is a loom file; write it as .h5ad: scanpy.read_loom(FILE).write_h5ad(\"cells.h5ad\")" in done.stderr, done.stderr


@test("layers, raw, and no counts")
def _():
    a = make(COUNTS)
    a.raw = a
    a = a[:, :2].copy()
    a.layers["counts"] = scipy.sparse.csr_matrix(2 * a.X)
    a.write_h5ad(at("layers.h5ad"))
    back = anndata.read_h5ad(convert("layers.h5ad", "back.h5ad", "layer=counts"))
    assert numpy.array_equal(dense(back.X), 2 * COUNTS[:, :2])
    back = anndata.read_h5ad(convert("layers.h5ad", "back.h5ad", "layer=raw"))
    assert numpy.array_equal(dense(back.X), COUNTS) and list(back.var_names) == GENES
    back = anndata.read_h5ad(convert("layers.h5ad", "back.h5ad", "layer=raw", "counts=0"))
    assert back.shape == (6, 4) and back.X.nnz == 0


PROTEINS = random.poisson(3, (6, 3)).astype("float64")


@test("proteins in obsm: a data frame, an array, a sparse matrix")
def _():
    frame = pandas.DataFrame(PROTEINS, index=CELLS, columns=["CD3", "CD4/8", "IgG1"])
    make(COUNTS, obsm={"protein_expression": frame, "X_pca": COUNTS}).write_h5ad(at("obsm.h5ad"))
    back = anndata.read_h5ad(convert("obsm.h5ad", "back.h5ad"))
    assert list(back.obsm["protein_counts"].columns) == ["CD3", "CD4_8", "IgG1"]
    assert numpy.array_equal(back.obsm["protein_counts"], PROTEINS)
    assert numpy.array_equal(back.obsm["X_indiseek_shared_protein"], shared(range(6), 1))
    for kind in (numpy.asarray, scipy.sparse.csr_matrix):
        make(COUNTS, obsm={"ADT": kind(PROTEINS)}).write_h5ad(at("obsm.h5ad"))
        back = anndata.read_h5ad(convert("obsm.h5ad", "back.h5ad", "obsm=protein=ADT"))
        assert list(back.obsm["protein_counts"].columns) == ["ADT_1", "ADT_2", "ADT_3"]
        assert numpy.array_equal(back.obsm["protein_counts"], PROTEINS)


@test("features of several types become modalities")
def _():
    a = make(scipy.sparse.csr_matrix(COUNTS))
    a.var["feature_types"] = ["Gene Expression", "Antibody Capture", "Gene Expression", "Antibody Capture"]
    for kind in (str, "category"):
        a.var["feature_types"] = a.var["feature_types"].astype(kind)
        a.write_h5ad(at("types.h5ad"))
        back = anndata.read_h5ad(convert("types.h5ad", "back.h5ad"))
        assert numpy.array_equal(dense(back.X), COUNTS[:, [0, 2]])
        assert numpy.array_equal(back.obsm["protein_counts"], COUNTS[:, [1, 3]])


@test("an old file: categories beside the columns, sparse matrices of h5sparse")
def _():
    make(scipy.sparse.csr_matrix(COUNTS)).write_h5ad(at("old.h5ad"))
    with h5py.File(at("old.h5ad"), "r+") as file:
        for name in ("X", "obs"):
            for attribute in ("encoding-type", "encoding-version"):
                del file[name].attrs[attribute]
        file["X"].attrs["h5sparse_format"], file["X"].attrs["h5sparse_shape"] = "csr", file["X"].attrs["shape"]
        del file["X"].attrs["shape"]
        group = file["obs"].create_group("__categories")
        for name in ("type", "sample"):
            codes, categories = file["obs"][name]["codes"][:], file["obs"][name]["categories"][:]
            del file["obs"][name]
            group[name] = categories
            file["obs"][name] = codes
    back = anndata.read_h5ad(convert("old.h5ad", "back.h5ad"))
    assert numpy.array_equal(dense(back.X), COUNTS)
    check_obs(back.obs)


@test("10x, as h5py writes it")
def _():
    x = scipy.sparse.csc_matrix(COUNTS.T)
    with h5py.File(at("tenx.h5"), "w") as file:
        m = file.create_group("matrix")
        m["data"], m["indices"] = x.data.astype("int32"), x.indices.astype("int64")
        m["indptr"], m["shape"] = x.indptr.astype("int64"), x.shape
        m["barcodes"] = numpy.array(CELLS[:5] + ["TGC-1"], dtype="S")
        f = m.create_group("features")
        f["id"] = numpy.array(["E1", "E2", "E3", "P1"], dtype="S")
        f["name"] = numpy.array(["TP53", "TP53", "CD3", "CD3"], dtype="S")
        f["feature_type"] = numpy.array(["Gene Expression"] * 3 + ["Antibody Capture"], dtype="S")
        f["genome"] = numpy.array(["GRCh38"] * 3 + [""], dtype="S")
    back = anndata.read_h5ad(convert("tenx.h5", "back.h5ad"))
    assert numpy.array_equal(dense(back.X), COUNTS[:, :3])
    assert list(back.var_names) == ["TP53", "TP53-1", "CD3"] and list(back.var["gene_ids"]) == ["E1", "E2", "E3"]
    assert list(back.obsm["protein_counts"].columns) == ["CD3"]
    assert numpy.array_equal(back.obsm["protein_counts"]["CD3"], COUNTS[:, 3])


def everything(path):
    """All datasets and attributes of a file as comparable values, by path."""
    found = {}
    with h5py.File(path) as file:
        def visit(name, item):
            value = item[()] if isinstance(item, h5py.Dataset) else None
            found[name] = value.tobytes() if hasattr(value, "tobytes") and item.dtype.kind != "O" else str(value)
            for key, value in item.attrs.items():
                found[name + "@" + key] = str(value)
        file.visititems(visit)
    return found


@test("added to a copy of a .h5ad, twice; nothing else changes")
def _():
    frame = pandas.DataFrame(PROTEINS, index=CELLS, columns=["CD3", "CD4", "IgG1"])
    a = make(scipy.sparse.csr_matrix(COUNTS), obsm={"protein_expression": frame}, uns={"colours": numpy.array(["red", "blue"])})
    a.write_h5ad(at("own.h5ad"))
    convert("own.h5ad", "added.h5ad", verb="add")
    before, after = everything(at("own.h5ad")), everything(at("added.h5ad"))
    for key, value in before.items():
        assert after[key] == value or key == "obs@column-order", key
    new = {key.split("@")[0] for key in after if key not in before}
    assert all("indiseek" in key or key == "obsm/X_umap_all" for key in new), new
    back = anndata.read_h5ad(convert("added.h5ad", "twice.h5ad", verb="add"))
    assert back.obs[obs().columns].equals(a.obs)
    assert list(back.obs.columns) == list(obs().columns) + ["indiseek_theta", "indiseek_class"]
    assert numpy.array_equal(back.obsm["X_indiseek_shared_rna"], shared(range(6)))
    assert numpy.array_equal(back.obsm["X_indiseek_shared_protein"], shared(range(6), 1))
    assert back.obsm["protein_expression"].equals(a.obsm["protein_expression"])


def mudata_file(path):
    """rna has the cells 0 to 4; prot 5, 3, 1, in that order; the root all, in the order 5 to 0."""
    rna = make(scipy.sparse.csr_matrix(COUNTS))[:5].copy()
    prot = anndata.AnnData(X=PROTEINS[[5, 3, 1]], obs=pandas.DataFrame({"n": [5, 3, 1]}, index=[CELLS[i] for i in (5, 3, 1)]),
                           var=pandas.DataFrame(index=["CD3", "CD4", "IgG1"]))
    with h5py.File(path, "w") as file:
        write = specs.write_elem
        file.create_group("mod").attrs["mod-order"] = ["rna", "prot"]
        for name, modality in (("rna", rna), ("prot", prot)):
            write(file["mod"], name, modality)
        index = CELLS[::-1]
        write(file, "obs", pandas.DataFrame({"batch": list("uvwxyz")}, index=index))
        write(file, "var", pandas.DataFrame(index=list(rna.var_names) + list(prot.var_names)))
        for name in ("varm", "obsp", "varp", "uns"):
            write(file, name, {})
        write(file, "obsm", {"rna": numpy.isin(index, rna.obs_names), "prot": numpy.isin(index, prot.obs_names)})
        where = {"rna": [0, 5, 4, 3, 2, 1], "prot": [1, 0, 2, 0, 3, 0]}
        write(file, "obsmap", {key: numpy.array(value, "uint32") for key, value in where.items()})
        write(file, "varmap", {"rna": numpy.array([1, 2, 3, 4, 0, 0, 0], "uint32"), "prot": numpy.array([0, 0, 0, 0, 1, 2, 3], "uint32")})
        file.attrs["encoding-type"], file.attrs["encoding-version"], file.attrs["axis"] = "MuData", "0.1.0", 0


def read_modality(path, name):
    with h5py.File(path) as file:
        return [specs.read_elem(file[key]) for key in ("mod/" + name, "obs", "obsm")]


@test("h5mu to h5mu: cells that differ, in other orders")
def _():
    mudata_file(at("own.h5mu"))
    target = convert("own.h5mu", "back.h5mu")
    rna, frame, obsm = read_modality(target, "rna")
    prot, _, _ = read_modality(target, "protein")
    assert list(frame.index) == CELLS                      # first those of rna, then what protein has beside them
    assert list(frame["batch"]) == list("zyxwvu")
    assert list(rna.obs_names) == CELLS[:5] and numpy.array_equal(dense(rna.X), COUNTS[:5])
    assert list(prot.obs_names) == [CELLS[i] for i in (1, 3, 5)] and numpy.array_equal(dense(prot.X), PROTEINS[[1, 3, 5]])
    assert numpy.array_equal(frame["n"], [numpy.nan, 1, numpy.nan, 3, numpy.nan, 5], equal_nan=True)
    assert numpy.array_equal(rna.obsm["X_indiseek_shared"], shared(range(5)))
    assert numpy.array_equal(prot.obsm["X_indiseek_shared"], shared([1, 3, 5], 1))
    assert numpy.array_equal(obsm["X_umap_all"], umap(range(6)))
    with open(target, "rb") as file:
        assert file.read(40).startswith(b"MuData (format-version=0.1.0;creator=")


@test("h5mu to h5ad: one AnnData, what is missing is NaN")
def _():
    mudata_file(at("own.h5mu"))
    back = anndata.read_h5ad(convert("own.h5mu", "back.h5ad"))
    due = PROTEINS.copy()
    due[[0, 2, 4]] = numpy.nan
    assert numpy.array_equal(back.obsm["protein_counts"], due, equal_nan=True)
    assert numpy.array_equal(dense(back.X), numpy.vstack([COUNTS[:5], numpy.zeros((1, 4))]))


@test("added to a copy of a .h5mu, in the order of its own cells")
def _():
    mudata_file(at("own.h5mu"))
    target = convert("own.h5mu", "added.h5mu", verb="add")
    prot, frame, obsm = read_modality(target, "prot")
    assert list(frame.index) == CELLS[::-1] and list(frame["batch"]) == list("uvwxyz")
    assert numpy.array_equal(frame["indiseek_theta"], numpy.arange(6)[::-1] / 4)
    assert numpy.array_equal(prot.obsm["X_indiseek_shared"], shared([5, 3, 1], 1))
    assert numpy.array_equal(obsm["X_umap_all"], umap(range(6)[::-1]))
    before, after = everything(at("own.h5mu")), everything(target)
    for key, value in before.items():
        assert after[key] == value or key == "obs@column-order", key


@test("mudata reads what we write", skip="" if mudata else "mudata is not installed")
def _():
    mudata_file(at("own.h5mu"))
    for verb in ("convert", "add"):
        m = mudata.read_h5mu(convert("own.h5mu", "back.h5mu", verb=verb))
        order = [CELLS.index(name) for name in m.obs_names]            # mudata sorts them by its modalities
        assert sorted(order) == list(range(6))
        assert m.mod["rna"].shape == (5, 4) and list(m.mod)[0] == "rna" and m.n_mod == 2
        assert numpy.array_equal(m.obsm["X_umap_all"], umap(order))
        m.update()
        assert list(m.obs_names) == [CELLS[i] for i in order]
        assert numpy.array_equal(m.obs["indiseek_theta"], numpy.array(order) / 4)
        m.write_h5mu(at("again.h5mu"))
        assert mudata.read_h5mu(at("again.h5mu")).shape == m.shape


if not os.path.exists(PROGRAM) or run("convert", "x").returncode == 77:
    shutil.rmtree(folder)
    print("skipped: %s is not there, or was made without HDF5" % PROGRAM)
    sys.exit(77)
sys.exit(main())
