#!/usr/bin/env python3
"""Prints the constants of tests/library/test_metrics.c from numpy, scipy and scikit-learn, on data that both sides can draw."""
import numpy
import scipy.stats
import sklearn.cluster
import sklearn.linear_model
import sklearn.metrics
import sklearn.neighbors

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


def permuted(i, n, key):
    """Where isk__permute puts i."""
    half = 1
    while 1 << 2 * half < n:
        half += 1
    mask = (1 << half) - 1
    while True:
        left, right = i >> half, i & mask
        for turn in range(6):
            x = (right + turn * 0x9E3779B9 ^ (key >> 32 if turn % 2 else key)) & 0xffffffff
            x = x * 0x85EBCA6B & 0xffffffff
            x = (x ^ x >> 13) * 0xC2B2AE35 & 0xffffffff
            left, right = right, left ^ ((x ^ x >> 16) & mask)
        i = left << half | right
        if i < n:
            return i


def mixed(x):
    """isk__mix64."""
    x = (x + 0x9E3779B97F4A7C15) & (1 << 64) - 1
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & (1 << 64) - 1
    x = (x ^ x >> 27) * 0x94D049BB133111EB & (1 << 64) - 1
    return x ^ x >> 31


def whitening(x, shrinkage):
    """(S + r I)^-1/2 of the covariance S of x, r the shrinkage times the mean of the eigenvalues that are not 0."""
    values, vectors = numpy.linalg.eigh(numpy.atleast_2d(numpy.cov(x, rowvar=False)))
    there = values > 1e-6 * values.max()
    values, vectors = values[there], vectors[:, there]
    return vectors / numpy.sqrt(values + shrinkage * values.mean()) @ vectors.T


def canonical(x, y, k, shrinkage):
    """Weights of both sides, correlations."""
    x, y = x - x.mean(0), y - y.mean(0)
    white_x, white_y = whitening(x, shrinkage), whitening(y, shrinkage)
    u, s, v = numpy.linalg.svd(white_x @ x.T @ y @ white_y, full_matrices=False)
    a, b = white_x @ u[:, :k], white_y @ v[:k].T
    a, b = a / (x @ a).std(0, ddof=1), b / (y @ b).std(0, ddof=1)
    sign = numpy.sign(a[numpy.argmax(abs(a), 0), numpy.arange(k)])
    return a * sign, b * sign, correlations(x @ a, y @ b)


def correlations(a, b):
    return [numpy.corrcoef(a[:, j], b[:, j])[0, 1] for j in range(a.shape[1])]


def canonical_case(name, n, d, e, k, shrinkages, seed):
    """Of the rows that are not for testing; then of all."""
    reset(29)
    hidden, mix_x, mix_y = uniform(n, 2), uniform(2, d), uniform(2, e)
    x = (hidden @ mix_x + 0.3 * uniform(n, d) + 1).astype(numpy.float32).astype(float)
    y = (hidden @ mix_y + 0.2 * uniform(n, e) - 2).astype(numpy.float32).astype(float)
    for rows in (numpy.flatnonzero(numpy.arange(n) % 3 < 2), numpy.arange(n)):
        best = -1
        fold = numpy.array([permuted(i, len(rows), mixed(seed)) % 5 for i in range(len(rows))])
        for shrinkage in shrinkages:
            validated = 0
            for held in range(5):
                train, held = rows[fold != held], rows[fold == held]
                a, b, s = canonical(x[train], y[train], k, shrinkage)
                validated = validated + numpy.array(correlations(x[held] @ a, y[held] @ b)) / 5
            kept = numpy.cumprod(validated > max(0.3, 2 / numpy.sqrt(len(rows) / 5))).sum()
            if (validated[:kept] ** 2).sum() >= best:
                best = (validated[:kept] ** 2).sum()
                chosen = kept, shrinkage, validated
        a, b, s = canonical(x[rows], y[rows], k, chosen[1])
        show(name + ", %d rows: kept and shrinkage" % len(rows), chosen[:2])
        show("    correlations", s)
        show("    validated", chosen[2])
        show("    first x weights", a[:6, 0])
        show("    first y weights", b[:, 0])


shrinkages = 1e-3, 1e-2, 3e-2, 0.1, 0.3, 1
canonical_case("cca", 180, 6, 4, 4, shrinkages, 3)
canonical_case("cca of many columns", 90, 70, 3, 2, shrinkages, 4)
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
