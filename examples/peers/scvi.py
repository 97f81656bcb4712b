#!/usr/bin/env python3
"""scVI and scANVI (Lopez et al. 2018, Xu et al. 2021, by scvi-tools) on the data of `study integrate --write`, so that the study judges
them beside our methods:

    build/study integrate --counts counts.npy --batches cells.tsv:batch --labels cells.tsv:type --write data
    examples/peers/scvi.py data 200
    build/study integrate --counts ... --external scvi=data/scvi-#.npy,scanvi=data/scanvi-#.npy --out results

The number is that of epochs, of the first model; scANVI then goes on from it for 20, as its authors have it.  For each column label_SEED
of cells.tsv a pair of models of that seed is trained; scANVI gets these labels, of which those to be scored are empty, and scVI none.
Writes data/scvi-SEED.npy and data/scanvi-SEED.npy.  Needs numpy, pandas, anndata and scvi-tools (pip install scvi-tools).
"""
import os
import sys

# Its own name is that of the package, which must not be looked for here.
sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != os.path.dirname(os.path.abspath(__file__))]

import anndata
import numpy
import pandas
import scvi

ADDED_EPOCHS = 20
UNKNOWN = "unknown label"


def main(data, epochs):
    cells = pandas.read_csv(os.path.join(data, "cells.tsv"), sep="\t", dtype=str, keep_default_na=False)
    counts = numpy.load(os.path.join(data, "counts.npy"))
    columns = [name for name in cells.columns if name.startswith("label_")]
    for column in columns or [None]:
        seed = int(column[len("label_"):]) if column else 0
        scvi.settings.seed = seed
        adata = anndata.AnnData(counts, obs=pandas.DataFrame(index=cells.index.astype(str)))
        adata.obs["batch"] = pandas.Categorical(cells["batch"])
        scvi.model.SCVI.setup_anndata(adata, batch_key="batch")
        model = scvi.model.SCVI(adata, n_layers=2, gene_likelihood="nb")
        model.train(max_epochs=epochs)
        numpy.save(os.path.join(data, "scvi-%d.npy" % seed), model.get_latent_representation().astype("float32"))
        if not column:
            continue
        adata.obs["label"] = pandas.Categorical(cells[column].replace("", UNKNOWN))
        model = scvi.model.SCANVI.from_scvi_model(model, unlabeled_category=UNKNOWN, labels_key="label", adata=adata)
        model.train(max_epochs=ADDED_EPOCHS)
        numpy.save(os.path.join(data, "scanvi-%d.npy" % seed), model.get_latent_representation().astype("float32"))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]))
