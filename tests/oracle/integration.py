#!/usr/bin/env python3
"""The ten metrics of an integration by scib-metrics, on data drawn here.

    pip install --target FOLDER scib-metrics==0.5.10; PYTHONPATH=FOLDER python3 tests/oracle/integration.py
                        writes tests/oracle/integration.safetensors (committed)

WHAT IS COMPUTED
    480 rows of an embedding: 4 labels about centres of their own, 3 batches that are shifted a little, label 3 in batches 0 and 1
    alone, label 2 in two pieces that no neighbour joins.  Neighbours are exact and each row is its own first.
    The functions of scib_metrics 0.5.10, fed as 0.4 fed its own: 0.4 took the row itself out of its 90 neighbours, and so does this
    for LISI; the silhouettes of batches are those of silhouette_batch.  Some values are stated again by numpy and scikit-learn:
    kbet, as scib_metrics finds neighbours in the diffusion map by approximation, by eigh and all distances; nmi and ari, as its k-means
    is another one, of the best of 200 starts of scikit-learn's.

THE FILE: safetensors, F64, but F32 where that loses nothing.
    x before            [480, 6] [480, 9] exactly representable in float32
    labels batches      [480]
    silhouettes         [480] of the labels
    lisi.batches lisi.labels        [480]
    degrees             [480] row sums of the fuzzy neighbours of 50
    value               [10] in the order of ISK_INTEGRATION_LIST; kbet, nmi and ari as stated again
    kbet                [] as scib_metrics finds it
    means               [3] batch, bio, total
"""
import os

import numpy
import scib_metrics
import scipy.sparse.csgraph
import scipy.spatial.distance
import scipy.stats
import sklearn.cluster
import sklearn.metrics
from scib_metrics.nearest_neighbors import NeighborsResults

from linear import write_safetensors

ROWS, SEED = 480, 5
TARGET = os.path.join(os.path.dirname(os.path.abspath(__file__)), "integration.safetensors")


def draw():
    random = numpy.random.default_rng(SEED)
    labels = numpy.repeat(numpy.arange(4), (190, 130, 110, 50))
    batches = random.integers(0, 3, ROWS)
    batches[labels == 3] = random.integers(0, 2, (labels == 3).sum())
    centres, shifts = 2 * random.normal(size=(4, 6)), 0.7 * random.normal(size=(3, 6))
    x = random.normal(size=(ROWS, 6)) + centres[labels] + shifts[batches]
    x[(labels == 2) & (numpy.arange(ROWS) % 2 == 0), 0] += 40
    before = numpy.concatenate([x, random.normal(size=(ROWS, 3))], 1) + 2 * random.normal(size=(3, 9))[batches]
    order = random.permutation(ROWS)
    return [value[order] for value in (x.astype(numpy.float32).astype(float), before.astype(numpy.float32).astype(float), labels, batches)]


def neighbours(x, count):
    """The row itself first."""
    distances = scipy.spatial.distance.cdist(x, x)
    numpy.fill_diagonal(distances, -1)
    indices = numpy.argsort(distances, 1, kind="stable")[:, :count]
    return NeighborsResults(indices=indices.astype(numpy.int32), distances=numpy.maximum(numpy.take_along_axis(distances, indices, 1), 0))


def diffusion_neighbours(graph, count):
    """The row itself among them."""
    weights = graph.toarray().astype(float)
    weights = weights / numpy.outer(weights.sum(0), weights.sum(0))
    root = numpy.sqrt(weights.sum(0))
    values, vectors = numpy.linalg.eigh(weights / numpy.outer(root, root))
    chosen = numpy.argsort(-abs(values))[:min(100, len(root) - 1)]
    values = values[chosen].astype(numpy.float32) + numpy.float32(1e-8)
    scale = numpy.array([e if e >= 1 else e / (1 - e) for e in values])
    distances = scipy.spatial.distance.cdist(vectors[:, chosen] * scale, vectors[:, chosen] * scale)
    numpy.fill_diagonal(distances, -1)
    return numpy.argsort(distances, 1)[:, :count]


def kbet(graph, labels, batches):
    scores = []
    for label in numpy.unique(labels):
        rows = numpy.flatnonzero(labels == label)
        part, of = graph[rows][:, rows], batches[rows]
        present = numpy.unique(of)
        if len(rows) < 10 or len(present) < 2:
            continue
        k = int(numpy.clip(len(rows) / len(present) // 4, 10, 70))
        pieces, piece = scipy.sparse.csgraph.connected_components(part)
        kept = numpy.flatnonzero((numpy.bincount(piece)[piece] >= 3 * k) | (pieces == 1))
        print("label %d: %d rows, k0 %d, %d pieces, %d rows kept" % (label, len(rows), k, pieces, len(kept)))
        near, of = diffusion_neighbours(part[kept][:, kept], k + 1), of[kept]
        share = numpy.bincount(of)[present] / len(of)
        counts = (of[near][:, :, None] == present).sum(1)
        statistic = ((counts - share * (k + 1)) ** 2 / (share * (k + 1))).sum(1)
        p = scipy.stats.chi2.sf(statistic, len(present) - 1)
        scores.append((p >= 0.05).mean())
        print("    accepted %.4f, next to the limit %.2g" % (scores[-1], abs(p - 0.05).min()))
    return numpy.mean(scores)


def main():
    x, before, labels, batches = draw()
    ninety, fifty, fifteen = (neighbours(x, count) for count in (90, 50, 15))
    others = NeighborsResults(indices=ninety.indices[:, 1:], distances=ninety.distances[:, 1:])
    graph = fifty.knn_graph_connectivities.tocsr()
    found = sklearn.cluster.KMeans(4, n_init=200, random_state=0).fit(x).labels_
    theirs = scib_metrics.nmi_ari_cluster_labels_kmeans(x, labels)
    value = {
        "silhouette_batch": scib_metrics.silhouette_batch(x, labels, batches),
        "ilisi": scib_metrics.ilisi_knn(others, batches),
        "kbet": kbet(graph, labels, batches),
        "graph_connectivity": scib_metrics.graph_connectivity(fifteen, labels),
        "pcr_comparison": scib_metrics.pcr_comparison(before, x, batches, categorical=True),
        "isolated_labels": scib_metrics.isolated_labels(x, labels, batches),
        "nmi": sklearn.metrics.normalized_mutual_info_score(labels, found),
        "ari": sklearn.metrics.adjusted_rand_score(labels, found),
        "silhouette_label": scib_metrics.silhouette_label(x, labels),
        "clisi": scib_metrics.clisi_knn(others, labels),
    }
    approximate = scib_metrics.kbet_per_label(fifty, batches, labels)
    for name, number in value.items():
        print("%-20s %.8g" % (name, number))
    print("kbet by scib_metrics %.8g; nmi and ari by its k-means %s" % (approximate, theirs))
    value = numpy.array(list(value.values()), float)
    batch, bio = value[:5].mean(), value[5:].mean()
    out = {
        "x": x, "before": before, "labels": labels, "batches": batches, "value": value, "kbet": approximate,
        "silhouettes": sklearn.metrics.silhouette_samples(x, labels),
        "lisi.batches": scib_metrics.lisi_knn(others, batches), "lisi.labels": scib_metrics.lisi_knn(others, labels),
        "degrees": numpy.asarray(graph.sum(1)).ravel(), "means": [batch, bio, 0.4 * batch + 0.6 * bio],
    }
    size = write_safetensors(TARGET, {name: numpy.asarray(values, float) for name, values in out.items()})
    print("%s: %d tensors, %d bytes" % (os.path.relpath(TARGET), len(out), size))


if __name__ == "__main__":
    main()
