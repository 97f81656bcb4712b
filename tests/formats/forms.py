#!/usr/bin/env python3
"""Writes a CITE-seq data set of plain files in the forms that single-cell programs exchange.

    python3 tests/formats/forms.py [--only 10x|h5|h5ad|h5mu]... DATA_DIR OUT_DIR

DATA_DIR holds rna_counts.mtx[.gz] (genes x cells), genes.txt, adt_counts.npy (cells x proteins), proteins.txt and cells.tsv, whose first
column names the cells.  OUT_DIR gets 10x/ (matrix.mtx.gz, features.tsv.gz, barcodes.tsv.gz), data.h5 (Cell Ranger 3), data.h5ad (RNA
in X, proteins in obsm/protein_expression), data.h5mu (the cells of mod/prot in another order) and cells.tsv.  What a Python lacks h5py or
anndata for is passed over with a line.
"""
import argparse
import array
import ast
import csv
import gzip
import os
import shutil
import struct
import sys

FORMS = ("10x", "h5", "h5ad", "h5mu")


def lines_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


def read_npy(path):
    """Rows of a float32 or float64 matrix."""
    with open(path, "rb") as file:
        assert file.read(6) == b"\x93NUMPY", path
        major = file.read(2)[0]
        length = struct.unpack("<H" if major == 1 else "<I", file.read(2 if major == 1 else 4))[0]
        header = ast.literal_eval(file.read(length).decode("latin1"))
        assert header["descr"] in ("<f4", "<f8") and not header["fortran_order"], header
        rows, cols = header["shape"]
        values = array.array("f" if header["descr"] == "<f4" else "d")
        values.frombytes(file.read())
    if sys.byteorder == "big":
        values.byteswap()
    return [values[row * cols:(row + 1) * cols] for row in range(rows)]


class Data:
    """genes, proteins, cells; columns: of cells.tsv; entries: (gene, cell, count) by cell; adt: rows of counts."""

    def __init__(self, folder):
        def path(*names):
            return next((found for found in (os.path.join(folder, name) for name in names) if os.path.exists(found)), None)
        self.genes, self.proteins = lines_of(path("genes.txt")), lines_of(path("proteins.txt"))
        self.table = path("cells.tsv")
        with open(self.table, encoding="utf-8", newline="") as file:
            self.header, *rows = csv.reader(file, delimiter="\t")
        self.cells = [row[0] for row in rows]
        self.columns = list(zip(*rows))[1:]
        self.adt = [[int(value) for value in row] for row in read_npy(path("adt_counts.npy"))]
        matrix = path("rna_counts.mtx.gz", "rna_counts.mtx")
        with (gzip.open if matrix.endswith("gz") else open)(matrix, "rt") as file:
            size = next(line for line in file if not line.startswith("%"))
            genes, cells, count = map(int, size.split())
            numbers = list(map(int, file.read().split()))
        self.entries = list(zip(numbers[0::3], numbers[1::3], numbers[2::3]))
        assert (genes, cells, count) == (len(self.genes), len(self.cells), len(self.entries)) and len(self.adt) == cells
        self.entries.sort(key=lambda entry: entry[1])       # genes ascend within a cell, as 10x and scanpy write them

    def by_cell(self):
        """For each cell the numbers (from 0) and counts of all its features, genes before proteins."""
        features = [([], []) for _ in self.cells]
        for gene, cell, count in self.entries:
            features[cell - 1][0].append(gene - 1)
            features[cell - 1][1].append(count)
        for (numbers, counts), row in zip(features, self.adt):
            for protein, count in enumerate(row):
                if count:
                    numbers.append(len(self.genes) + protein)
                    counts.append(count)
        return features

    def features(self):
        """(id, name, type) of each: the data have no ids, so they are made up."""
        return ([("GENE%05d" % number, name, "Gene Expression") for number, name in enumerate(self.genes, 1)] +
                [(name, name, "Antibody Capture") for name in self.proteins])


def write_text(path, text):
    # no time in the file, so that equal data give equal bytes
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 1, raw, 0) as file:
        file.write(text.encode("utf-8"))


def write_10x(data, out):
    folder = os.path.join(out, "10x")
    os.makedirs(folder, exist_ok=True)
    features = data.by_cell()
    parts = ["%%MatrixMarket matrix coordinate integer general\n%metadata_json: {\"format_version\": 2}\n",
             "%d %d %d\n" % (len(data.genes) + len(data.proteins), len(data.cells), sum(len(numbers) for numbers, _ in features))]
    for cell, (numbers, counts) in enumerate(features, 1):
        parts += ["%d %d %d\n" % (number + 1, cell, count) for number, count in zip(numbers, counts)]
    write_text(os.path.join(folder, "matrix.mtx.gz"), "".join(parts))
    write_text(os.path.join(folder, "features.tsv.gz"), "".join("\t".join(feature) + "\n" for feature in data.features()))
    write_text(os.path.join(folder, "barcodes.tsv.gz"), "".join(cell + "\n" for cell in data.cells))


def write_h5(data, out):
    import h5py
    import numpy
    features, described = data.by_cell(), data.features()

    def strings(values):
        return numpy.array([value.encode("utf-8") for value in values])
    with h5py.File(os.path.join(out, "data.h5"), "w") as file:
        file.attrs["filetype"], file.attrs["version"] = "matrix", 2
        matrix = file.create_group("matrix")
        packed = dict(compression="gzip", compression_opts=1)
        matrix.create_dataset("barcodes", data=strings(data.cells), **packed)
        matrix.create_dataset("data", data=numpy.concatenate([counts for _, counts in features]).astype("int32"), **packed)
        matrix.create_dataset("indices", data=numpy.concatenate([numbers for numbers, _ in features]).astype("int64"), **packed)
        starts = numpy.cumsum([0] + [len(numbers) for numbers, _ in features])
        matrix.create_dataset("indptr", data=starts.astype("int64"), **packed)
        matrix.create_dataset("shape", data=numpy.array([len(described), len(data.cells)], "int32"))
        group = matrix.create_group("features")
        for name, column in zip(("id", "name", "feature_type", "genome"), list(zip(*described)) + [["GRCh38"] * len(described)]):
            group.create_dataset(name, data=strings(column), **packed)
        group.create_dataset("_all_tag_keys", data=strings(["genome"]))


def anndata_of(data):
    """RNA as an AnnData, protein counts as a data frame."""
    import anndata
    import numpy
    import pandas
    from scipy import sparse
    genes, cells, counts = (numpy.array(column) for column in zip(*data.entries))
    x = sparse.csr_matrix((counts.astype("float32"), (cells - 1, genes - 1)), (len(data.cells), len(data.genes)))
    # pandas finds the types as a user's read_csv would; "NA" is a word in some cell types' names, so only empty fields are missing
    obs = pandas.read_csv(data.table, sep="\t", index_col=0, keep_default_na=False, na_values=[""])
    obs.index = obs.index.astype(str)
    names = anndata.utils.make_index_unique(pandas.Index(data.genes))
    rna = anndata.AnnData(x, obs, pandas.DataFrame({"gene_ids": [f[0] for f in data.features()[:len(names)]]}, index=names),
                          dtype="float32")
    rna.strings_to_categoricals()
    return rna, pandas.DataFrame(numpy.array(data.adt, "float32"), data.cells, data.proteins)


def write_h5ad(data, out):
    rna, proteins = anndata_of(data)
    rna.obsm["protein_expression"] = proteins
    rna.write_h5ad(os.path.join(out, "data.h5ad"), compression="gzip")


def write_h5mu(data, out):
    """As mudata 0.2 does: mod/NAME are AnnData; obs, var and the maps of all stand beside them."""
    import anndata
    import h5py
    import numpy
    import pandas
    try:
        from anndata.experimental import write_elem
    except ImportError:                         # anndata before 0.8
        from anndata._io.specs import write_elem
    rna, proteins = anndata_of(data)
    count = len(data.cells)
    order = numpy.arange(count)[::-1]
    obs = rna.obs
    rna.obs = rna.obs[[]]
    prot = anndata.AnnData(proteins.iloc[order], dtype="float32")
    place = numpy.empty(count, int)
    place[order] = numpy.arange(count)
    with h5py.File(os.path.join(out, "data.h5mu"), "w") as file:
        file.attrs.update({"encoding-type": "MuData", "encoding-version": "0.1.0", "encoder": "forms.py", "encoder-version": "1",
                           "axis": 0})
        modalities = file.create_group("mod")
        modalities.attrs["mod-order"] = ["rna", "prot"]
        for name, one in (("rna", rna), ("prot", prot)):
            write_elem(modalities, name, one)
        write_elem(file, "obs", obs)
        write_elem(file, "var", pandas.DataFrame(index=list(rna.var_names) + ["prot:" + name for name in prot.var_names]))
        ones = numpy.ones(count, bool)
        numbers = numpy.arange(1, rna.n_vars + prot.n_vars + 1)
        first = numpy.where(numbers <= rna.n_vars, numbers, 0)
        second = numpy.where(numbers > rna.n_vars, numbers - rna.n_vars, 0)
        write_elem(file, "obsm", {"rna": ones, "prot": ones})
        write_elem(file, "varm", {"rna": first > 0, "prot": second > 0})
        write_elem(file, "obsmap", {"rna": numpy.arange(1, count + 1).astype("uint32"), "prot": (place + 1).astype("uint32")})
        write_elem(file, "varmap", {"rna": first.astype("uint32"), "prot": second.astype("uint32")})
        for name in ("obsp", "varp", "uns"):
            write_elem(file, name, {})


def main():
    parser = argparse.ArgumentParser(description="writes a CITE-seq data set as a 10x folder, .h5, .h5ad and .h5mu")
    parser.add_argument("--only", action="append", choices=FORMS)
    parser.add_argument("data")
    parser.add_argument("out")
    options = parser.parse_args()
    data = Data(options.data)
    os.makedirs(options.out, exist_ok=True)
    shutil.copyfile(data.table, os.path.join(options.out, "cells.tsv"))
    for form, write in zip(FORMS, (write_10x, write_h5, write_h5ad, write_h5mu)):
        if options.only and form not in options.only:
            continue
        try:
            write(data, options.out)
        except ImportError as missing:
            print("skipped: %s needs the Python package %s" % (form, missing.name))


if __name__ == "__main__":
    main()
