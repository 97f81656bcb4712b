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


def whitened(x, negligible):
    """Means and directions of variance 1 whose singular values are above that part of the largest, a quarter of the rows at most."""
    mean = x.mean(0)
    u, s, v = numpy.linalg.svd(x - mean, full_matrices=False)
    there = (s > negligible * s[0]) & (numpy.arange(len(s)) < len(x) // 4)
    return mean, v[there].T / s[there] * numpy.sqrt(len(x) - 1)


def canonical(x, y, k, negligible=0.02):
    """Means, weights of both sides, correlations."""
    (mean_x, white_x), (mean_y, white_y) = whitened(x, negligible), whitened(y, negligible)
    cross = ((x - mean_x) @ white_x).T @ ((y - mean_y) @ white_y) / (len(x) - 1)
    u, s, v = numpy.linalg.svd(cross, full_matrices=False)
    weights_x, weights_y = white_x @ u[:, :k], white_y @ v[:k].T
    sign = numpy.sign(weights_x[numpy.argmax(abs(weights_x), 0), numpy.arange(weights_x.shape[1])])
    return mean_x, mean_y, weights_x * sign, weights_y * sign, s[:k]


def correlations(a, b):
    return [numpy.corrcoef(a[:, j], b[:, j])[0, 1] for j in range(a.shape[1])]


def canonical_case(name, n, d, e, negligible, k):
    reset(29)
    hidden, mix_x, mix_y = uniform(n, 2), uniform(2, d), uniform(2, e)
    x = (hidden @ mix_x + 0.3 * uniform(n, d) + 1).astype(numpy.float32).astype(float)
    y = (hidden @ mix_y + 0.2 * uniform(n, e) - 2).astype(numpy.float32).astype(float)
    part = numpy.arange(n) % 3
    train, held = part == 0, part == 1
    mean_x, mean_y, a, b, s = canonical(x[train], y[train], k, negligible)
    show(name + " correlations", s)
    show(name + " validated", correlations((x[held] - mean_x) @ a, (y[held] - mean_y) @ b))
    show(name + " first x weights", a[:6, 0])
    show(name + " first y weights", b[:, 0])
    folded = numpy.zeros((2, n, k))
    for fold in range(5):
        left = numpy.arange(n) % 5 == fold
        mean_x, mean_y, a, b, s = canonical(x[~left], y[~left], k, negligible)
        folded[0, left, :a.shape[1]], folded[1, left, :b.shape[1]] = (x[left] - mean_x) @ a, (y[left] - mean_y) @ b
    show(name + " folded", correlations(*folded))


canonical_case("cca", 180, 6, 4, 0.02, 4)
canonical_case("cca of many columns", 90, 70, 3, 0.2, 2)

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
