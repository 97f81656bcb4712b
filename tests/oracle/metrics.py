#!/usr/bin/env python3
"""Prints the constants of tests/library/test_metrics.c from numpy, scipy and scikit-learn, on data that both sides can draw."""
import numpy
import scipy.stats
import sklearn.cluster
import sklearn.linear_model
import sklearn.metrics
import sklearn.neighbors

from linear import SHRINKAGES, best_pairs, canonical, validated_pairs

state = 1


def uniform(*shape):
    """The generator of tests/library/test_metrics.c: exact in float32."""
    global state
    values = numpy.empty(int(numpy.prod(shape)))
    for i in range(values.size):
        state = (state * 1664525 + 1013904223) & 0xffffffff
        values[i] = (state >> 8) / 16777216.0 - 0.5
    return values.reshape(shape).astype(numpy.float32).astype(float)


def reset(seed):
    global state
    state = seed


def show(name, values):
    values = numpy.atleast_1d(values)
    print("%s: %s" % (name, ", ".join("%.10g" % value for value in values)))


def probe_data(n, d, classes):
    """x with columns of different size and offset; labels by the largest of noisy linear scores."""
    x = uniform(n, d)
    score = uniform(n, classes) * 0.5
    labels = numpy.empty(n, int)
    for i in range(n):
        labels[i] = int(numpy.argmax(score[i] + x[i, :classes]))
    size = numpy.float32(2.0) ** (numpy.arange(d) % 3)
    return x * size + (numpy.arange(d) % 2), labels


def probe(name, n, d, classes, c):
    reset(7)
    x, labels = probe_data(n, d, classes)
    train = numpy.arange(n) % 3 != 0
    model = sklearn.linear_model.LogisticRegression(C=c, tol=1e-10, max_iter=100000)
    model.fit(x[train], labels[train])
    predicted = model.predict(x[~train])
    show(name + " accuracy", sklearn.metrics.accuracy_score(labels[~train], predicted))
    show(name + " balanced", sklearn.metrics.balanced_accuracy_score(labels[~train], predicted))
    show(name + " last weights", model.coef_[-1])
    show(name + " intercepts", model.intercept_)


probe("three classes", 300, 5, 3, 1.0)
probe("two classes", 300, 5, 2, 0.1)

reset(11)
x = uniform(200, 6)
weights = uniform(6, 3)
y = x @ weights + 0.3 * uniform(200, 3)
train = numpy.arange(200) % 4 != 0
mean, scale = x[train].mean(0), x[train].std(0)
z = (x - mean) / scale
y = y.astype(numpy.float32).astype(float)
for alpha in (1e-3, 0.5):
    model = sklearn.linear_model.Ridge(alpha=alpha * train.sum()).fit(z[train], y[train])
    left = ((y[~train] - model.predict(z[~train])) ** 2).sum(0)
    total = ((y[~train] - y[train].mean(0)) ** 2).sum(0)
    show("ridge %g" % alpha, 1 - left.sum() / total.sum())
    show("ridge %g columns" % alpha, 1 - left / total)
neighbours = sklearn.neighbors.KNeighborsRegressor(10).fit(x[train], y[train]).predict(x[~train])
show("knn", 1 - ((y[~train] - neighbours) ** 2).sum() / total.sum())

reset(13)
x = uniform(120, 8) @ numpy.diag(2.0 ** -numpy.arange(8)) + 3
x = x.astype(numpy.float32).astype(float)
u, s, v = numpy.linalg.svd(x - x.mean(0), full_matrices=False)
show("pca variances", (s ** 2 / 119)[:4])
first = v[0] * numpy.sign(v[0, numpy.argmax(abs(v[0]))])
show("pca first", first)


def canonical_case(name, n, d, e, k, shrinkages, seed):
    """Of the rows that are not for testing; then of all."""
    reset(29)
    hidden, mix_x, mix_y = uniform(n, 2), uniform(2, d), uniform(2, e)
    x = (hidden @ mix_x + 0.3 * uniform(n, d) + 1).astype(numpy.float32).astype(float)
    y = (hidden @ mix_y + 0.2 * uniform(n, e) - 2).astype(numpy.float32).astype(float)
    for rows in (numpy.flatnonzero(numpy.arange(n) % 3 < 2), numpy.arange(n)):
        chosen = best_pairs(validated_pairs(x, y, rows, k, shrinkages, seed))
        a, b, s = canonical(x[rows], y[rows], k, chosen[1])
        show(name + ", %d rows: kept and shrinkage" % len(rows), chosen[:2])
        show("    correlations", s)
        show("    validated", chosen[2])
        show("    first x weights", a[:6, 0])
        show("    first y weights", b[:, 0])


canonical_case("cca", 180, 6, 4, 4, SHRINKAGES, 3)
canonical_case("cca of many columns", 90, 70, 3, 2, SHRINKAGES, 4)
canonical_case("cca that shrinks nothing", 180, 6, 4, 4, [0], 5)
canonical_case("cca that shrinks by 0.05, the sides changed", 180, 3, 8, 3, [0.05], 6)

reset(17)
a = numpy.array([int((uniform(1)[0] + 0.5) * 4) for _ in range(60)])
b = numpy.array([(p + int((uniform(1)[0] + 0.5) * 2)) % 5 for p in a])
show("ari", sklearn.metrics.adjusted_rand_score(a, b))
show("nmi", sklearn.metrics.normalized_mutual_info_score(a, b))

reset(19)
p = numpy.floor(uniform(40) * 12)
q = numpy.floor(p * 0.5 + uniform(40) * 8)
show("spearman", scipy.stats.spearmanr(p, q)[0])

reset(23)
x = uniform(500, 3)
show("kmeans", sklearn.cluster.KMeans(8, n_init=200, tol=0, random_state=0).fit(x).inertia_)
