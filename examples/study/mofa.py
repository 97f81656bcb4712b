#!/usr/bin/env python3
"""MOFA+ (Argelaguet et al. 2020, by mofapy2) on the data of `study truth --write`, so that the study judges it beside our methods:

    build/study truth --write data --seeds 1
    examples/study/mofa.py data features
    build/study truth --methods transport,cca --seeds 1 --external mofa=features --out results

Trained on the rows that split.tsv calls train and validation.  A factor that explains at least 1 % of the variance of both views is shared,
one that explains so much of one view alone is that view's, others are dropped.  C_i and Z_i of all rows are the factors'
posterior means given X_i alone, as our features are functions of one view each.  Needs numpy and mofapy2 (pip install mofapy2).
"""
import contextlib
import io
import os
import sys

import numpy
from mofapy2.run.entry_point import entry_point

FACTORS = 25
LEAST = 0.01                # of a view's variance, for a factor to be of it


def train(views):
    """Weights [columns, factors] and precision of the noise [columns] of each view."""
    entry = entry_point()
    with contextlib.redirect_stdout(io.StringIO()):
        entry.set_data_options(scale_views=True, center_groups=True)
        entry.set_data_matrix([[view] for view in views], likelihoods=["gaussian"] * len(views))
        entry.set_model_options(factors=FACTORS, spikeslab_weights=False, ard_weights=True)
        entry.set_train_options(seed=1, convergence_mode="medium", quiet=True)
        entry.build()
        entry.run()
    nodes = entry.model.nodes
    scale = [view.std() for view in views]          # as scale_views has it: of all values together
    weights = [w * s for w, s in zip(nodes["W"].getExpectation(), scale)]
    precision = [numpy.ravel(t[0] if t.ndim > 1 else t) / s ** 2 for t, s in zip(nodes["Tau"].getExpectation(), scale)]
    return weights, precision


def posterior(x, weights, precision):
    """E of the factors given one view."""
    scaled = weights * precision[:, None]
    return x @ scaled @ numpy.linalg.inv(weights.T @ scaled + numpy.eye(weights.shape[1]))


def main(data, out):
    for name in sorted(os.listdir(data)):
        views = [numpy.load(os.path.join(data, name, "x%d.npy" % i)).astype(float) for i in (1, 2)]
        with open(os.path.join(data, name, "split.tsv"), encoding="ascii") as file:
            split = numpy.array(file.read().split()[-len(views[0]):])
        mean = [view[split != "test"].mean(0) for view in views]
        views = [view - m for view, m in zip(views, mean)]
        weights, precision = train([view[split != "test"] for view in views])
        told = numpy.array([(w ** 2).sum(0) / view[split != "test"].var(0).sum() for w, view in zip(weights, views)])
        of = told >= LEAST
        shared = of.all(0)
        os.makedirs(os.path.join(out, name), exist_ok=True)
        for i, view in enumerate(views):
            factors = posterior(view, weights[i], precision[i])
            own = of[i] & ~shared
            for key, columns in (("c", shared), ("z", own)):
                values = factors[:, columns] if columns.any() else numpy.zeros((len(view), 1))
                numpy.save(os.path.join(out, name, "%s%d.npy" % (key, i + 1)), values.astype("float32"))
        print("%s: %d shared factors, %d of view 1, %d of view 2" % (name, shared.sum(), *(of & ~shared).sum(1)))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
