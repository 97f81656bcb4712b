#!/usr/bin/env python3
"""Harmony (Korsunsky et al. 2019, by harmonypy) on the data of `study integrate --write`, so that the study judges it beside our methods:

    build/study integrate --counts counts.npy --batches cells.tsv:batch --labels cells.tsv:type --write data
    examples/peers/harmony.py data
    build/study integrate --counts ... --external harmony=data/harmony-#.npy --out results

Corrects pca.npy by the batches of cells.tsv, with harmonypy's defaults, for each seed that has a column label_SEED there, and writes
data/harmony-SEED.npy; labels are not looked at.  Needs numpy, pandas and harmonypy (pip install harmonypy==0.0.10 pandas).
"""
import os
import sys

import harmonypy
import numpy
import pandas


def main(data):
    cells = pandas.read_csv(os.path.join(data, "cells.tsv"), sep="\t", dtype=str, keep_default_na=False)
    pcs = numpy.load(os.path.join(data, "pca.npy")).astype(float)
    seeds = [int(name[len("label_"):]) for name in cells.columns if name.startswith("label_")] or [0]
    for seed in seeds:
        harmony = harmonypy.run_harmony(pcs, cells, ["batch"], random_state=seed, verbose=False)
        corrected = numpy.asarray(harmony.Z_corr)
        corrected = corrected if corrected.shape == pcs.shape else corrected.T       # later versions turn it
        numpy.save(os.path.join(data, "harmony-%d.npy" % seed), corrected.astype("float32"))
        print("harmony-%d.npy" % seed)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
