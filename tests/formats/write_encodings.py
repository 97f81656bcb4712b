"""Writes one small data set in every form that the installed anndata, and mudata where it is there, have for it; test_encodings.py runs it
by every Python that ANNDATA_PYTHONS names, from anndata 0.7 on.

    PYTHON tests/formats/write_encodings.py FOLDER      prints the versions, and the files, one a line
"""
import os
import sys
import warnings

import anndata
import numpy
import pandas
import scipy.sparse
try:
    import mudata
except Exception:                                          # absent, or of a version that does not fit anndata's
    mudata = None

warnings.simplefilter("ignore")
CELLS = ["c%d" % i for i in range(6)]
GENES = ["g%d" % j for j in range(4)]
PROTEINS = ["CD3", "CD4", "IgG1"]
COUNTS = numpy.array([[(3 * i + j) % 5 for j in range(4)] for i in range(6)], "float32")
SURFACE = numpy.array([[10 * i + j for j in range(3)] for i in range(6)], "float32")


def obs(cells):
    frame = pandas.DataFrame(index=CELLS)
    frame["type"] = pandas.Categorical(["T", "B", None, "T", "NK", "B"], categories=["T", "NK", "B"])
    frame["sample"] = pandas.Categorical.from_codes([0, 1, 0, 1, 0, 1], categories=[10, 20])
    frame["depth"] = [1.5, 2.5, numpy.nan, 4, 5, 6]
    frame["genes"] = numpy.arange(6, dtype="int16")
    frame["doublet"] = [True, False, False, True, False, False]
    frame["donor"] = ["x", "y", "x", "y", "z", "x"]
    return frame.loc[cells]


def with_nullable(frame):
    frame = frame.copy()
    frame["age"] = pandas.array([30, None, 50, 60, 70, 80], dtype="Int64")
    frame["treated"] = pandas.array([True, None, False, True, True, False], dtype="boolean")
    return frame


def with_strings(frame):
    frame = with_nullable(frame)
    frame["note"] = pandas.array(["a", None, "b", "a", "NA", "b"], dtype="string")
    frame["kind"] = pandas.Categorical(pandas.array(["u", "v", "u", "v", "u", None], dtype="string"))
    frame.index = pandas.Index(pandas.array(frame.index, dtype="string"))
    return frame


def make(x, frame=None):
    var = pandas.DataFrame({"gene_ids": ["E%d" % j for j in range(4)]}, index=GENES)
    return anndata.AnnData(X=x, obs=obs(CELLS) if frame is None else frame, var=var)


def h5ads():
    yield "dense", lambda: make(COUNTS)
    yield "csr", lambda: make(scipy.sparse.csr_matrix(COUNTS))
    yield "csc", lambda: make(scipy.sparse.csc_matrix(COUNTS))
    yield "nullable", lambda: make(COUNTS, with_nullable(obs(CELLS)))
    yield "strings", lambda: make(COUNTS, with_strings(obs(CELLS)))

    def raw():
        a = make(COUNTS)
        a.raw = a
        a.X = 2 * COUNTS
        a.layers["spliced"] = scipy.sparse.csr_matrix(3 * COUNTS)
        a.obsm["protein_expression"] = pandas.DataFrame(SURFACE, index=CELLS, columns=PROTEINS)
        return a
    yield "raw", raw


def h5mus():
    rna = make(scipy.sparse.csr_matrix(COUNTS))[:5].copy()
    prot = anndata.AnnData(X=SURFACE[1:], obs=obs(CELLS[1:]), var=pandas.DataFrame(index=PROTEINS))
    yield "two", lambda: mudata.MuData({"rna": rna, "prot": prot})

    def airr():
        return mudata.MuData({"gex": rna, "prot": prot, "airr": anndata.AnnData(obs=obs(CELLS[:4])[["donor"]])})
    yield "airr", airr


def main(folder):
    print(anndata.__version__, mudata.__version__ if mudata else "-", sep="\n")
    if hasattr(getattr(anndata, "settings", None), "allow_write_nullable_strings"):
        anndata.settings.allow_write_nullable_strings = True
    for name, make_one in h5ads():
        path = os.path.join(folder, name + ".h5ad")
        try:
            make_one().write_h5ad(path) if hasattr(anndata.AnnData, "write_h5ad") else make_one().write(path)
        except Exception as no:                            # nullable arrays came with 0.8, strings among them with 0.11
            if name not in ("nullable", "strings"):
                raise
            print("%s: not of this version (%s)" % (name, type(no).__name__), file=sys.stderr)
            continue
        print(path)
    for name, make_one in h5mus() if mudata else []:
        path = os.path.join(folder, name + ".h5mu")
        make_one().write_h5mu(path)
        print(path)


if __name__ == "__main__":
    main(sys.argv[1])
