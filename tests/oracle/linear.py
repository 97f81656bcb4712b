#!/usr/bin/env python3
"""The linear decompositions in numpy, float64, from their definitions: methods cca and ajive, and transport without its maps.

    make oracle         writes tests/oracle/linear.safetensors (committed); by itself it needs numpy alone

WHAT IS COMPUTED
    X_i = i + 2 + (S + view's own part of S, O_i) M_i + noise: 240 rows, 12, 9 and 7 columns; S two factors that the views share, O_i
    3, 2 and 1 that are their own, M_i orthogonal rows.  Of 7 rows 5 train and 1 validates.
    cca         A_i: canonical directions with the ridge, folds and choice that isk_cca documents, each of variance 1 times its
                validated correlation; of three views those of X_i and of the others side by side.
    ajive       Feng et al. 2018, from singular value decompositions of X_i and of the scores side by side: no Gram matrix, no
                whitening.  What a direction has to exceed is drawn with subspaces themselves, orthonormal frames of normal numbers.
    both        J_i by least squares on C_i; Z_i the principal components of the rest over their deviations; G_i = J_i + Z_i P_i+.
    transport   where nothing is moved, Z_i are those components with their deviations.
    Every number of dimensions has to be a matter of course, and columns of C_i and Z_i must not be nearly exchangeable; main() checks
    that before it writes.

THE FILE: safetensors, F64, but F32 where that loses nothing.  X_i are exactly representable in float32.  CASE is `two`, two views of
all rows; `some`, two views of which rows are absent; `three`, three such views.
    x{1,2,3} part present{1,2,3}        [240, 12] [240, 9] [240, 7] [240] [240]; what absent rows hold is no matter
    METHOD.CASE.shared_dims .shared_correlation         [views]: where the views have them in common, the same number for each
    METHOD.CASE.specific_dims .validation_r2, ajive.CASE.signal_dims        [views]
    METHOD.CASE.{c,j,z,g}{1,2,3}        rows 0, 5, 10 ... of C_i [48, 4], J_i, Z_i [48, 4], G_i
    METHOD.CASE.deviations{1,2,3}       [4] of the components, 0 of those that are not kept
    ajive.CASE.thresholds               [views] t_i
    ajive.CASE.random                   [] the largest squared singular value of subspaces at random: that which 95 of 100 stay below
    ajive.CASE.noise                    [] by the bound of Wedin: that which 95 of 100 exceed
    wide.signal{1,2} wide.noise{1,2}    [3] [26], [2] [27] singular values of two views of 30 rows, 80 and 60 columns; wide.random and
                                        wide.bound: of them as ajive.CASE.random and ajive.CASE.noise
"""
import json
import os
import struct

import numpy

ROWS, COLS, OWN, C_DIM, DIM, STEP, SEED, PLANT = 240, (12, 9, 7), (3, 2, 1), 4, 4, 5, 3, 134
SHRINKAGES, FOLDS, DRAWS = (1e-3, 1e-2, 3e-2, 0.1, 0.3, 1), 5, 20000
TRAIN, VALIDATION, TEST = 0, 1, 2
CASES = {"two": (2, False), "some": (2, True), "three": (3, True)}
NUMBERS = "shared_dims", "shared_correlation", "signal_dims", "thresholds"
TARGET = os.path.join(os.path.dirname(os.path.abspath(__file__)), "linear.safetensors")


# ---- canonical correlation ----------------------------------------------------------------------------------------------

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


def validated_pairs(x, y, rows, k, shrinkages, seed):
    """Of every shrinkage: the sum of squares that it is chosen by, the pairs that are kept, itself and validated correlations."""
    tried = []
    fold = numpy.array([permuted(i, len(rows), mixed(seed)) % FOLDS for i in range(len(rows))])
    for shrinkage in shrinkages:
        validated = 0
        for held in range(FOLDS):
            train, held = rows[fold != held], rows[fold == held]
            a, b, s = canonical(x[train], y[train], k, shrinkage)
            validated = validated + numpy.array(correlations(x[held] @ a, y[held] @ b)) / FOLDS
        kept = numpy.cumprod(validated > max(0.3, 2 / numpy.sqrt(len(rows) / FOLDS))).sum()
        tried.append(((validated[:kept] ** 2).sum(), kept, shrinkage, validated))
    return tried


def best_pairs(tried):
    """Of equals the largest shrinkage."""
    best = max(range(len(tried)), key=lambda i: (tried[i][0], i))
    return tried[best][1:]


def share_by_cca(xs, part, settled):
    """m_i and A_i of every view."""
    rows = numpy.flatnonzero(part != TEST)
    for view, x in enumerate(xs):
        others = numpy.hstack([other for i, other in enumerate(xs) if i != view])
        first, second = (x, others) if len(xs) > 2 or view == 0 else (xs[0], xs[1])
        k = min(first.shape[1], second.shape[1], C_DIM)
        tried = validated_pairs(first, second, rows, k, SHRINKAGES, SEED)
        kept, shrinkage, validated = best_pairs(tried)
        sums = sorted(one[0] for one in tried)
        settled(sums[-1] - sums[-2] > 1e-4, "shrinkage", sums)
        settled(validated[kept - 1] > 0.45 and abs(validated[kept:]).max() < 0.25, "pairs", validated)
        settled(validated[0] - validated[1] > 0.05, "order of pairs", validated)
        weights = canonical(first[rows], second[rows], k, shrinkage)[0 if first is x else 1]
        a = numpy.zeros((x.shape[1], C_DIM))
        a[:, :kept] = weights[:, :kept] * validated[:kept]
        yield {"mean": x[rows].mean(0), "a": a, "shared_dims": kept, "shared_correlation": validated[0], "floor": 0}


# ---- angle-based joint and individual variation explained ---------------------------------------------------------------

def frame(random, room, count):
    """Orthonormal columns at random."""
    return numpy.linalg.qr(random.standard_normal((room, count)))[0]


def drawn_bounds(random, views, rows):
    """What squared singular values of random subspaces 95 of 100 stay below, and which by Wedin's bound 95 of 100 exceed."""
    chance, noise = numpy.empty(DRAWS), numpy.full(DRAWS, float(len(views)))
    for draw in range(DRAWS):
        beside = numpy.hstack([frame(random, rows - 1, len(view["s"])) for view in views])
        chance[draw] = numpy.linalg.norm(beside, 2) ** 2
        for view in views:
            e, count = view["noise"], len(view["s"])            # diagonal: in its own singular vectors
            room = view["cols"] - count, rows - 1 - count
            most = max(numpy.linalg.norm(e[:, None] * frame(random, space, count)[:len(e)], 2) for space in room)
            noise[draw] -= min((most / view["s"][-1]) ** 2, 1)
    return numpy.sort(chance)[DRAWS * 95 // 100 - 1], numpy.sort(noise)[DRAWS * 5 // 100]


def share_by_ajive(xs, part, settled):
    rows = numpy.flatnonzero(part == TRAIN)
    views = []
    for x in xs:
        u, s, v = numpy.linalg.svd(x[rows] - x[rows].mean(0), full_matrices=False)
        r = x.shape[1] / len(rows)
        threshold = (0.56 * r ** 3 - 0.95 * r ** 2 + 1.82 * r + 1.43) * numpy.median(s)
        count = (s > threshold).sum()
        settled(s[count - 1] > 1.2 * threshold and s[count] < 0.95 * threshold, "signal", s / threshold)
        views.append({"u": u[:, :count], "s": s[:count], "v": v[:count], "noise": s[count:], "cols": x.shape[1], "t": threshold})
    t, s, _ = numpy.linalg.svd(numpy.hstack([view["u"] for view in views]), full_matrices=False)
    chance, noise = drawn_bounds(numpy.random.default_rng(SEED), views, len(rows))
    shared = [j for j in range(min(len(view["s"]) for view in views)) if s[j] ** 2 > max(chance, noise)]
    settled(len(shared) == 2 and all(abs(s[:4] ** 2 - max(chance, noise)) > 0.05), "shared", (s ** 2, chance, noise))
    settled(s[0] ** 2 - s[1] ** 2 > 0.03, "order of directions", s ** 2)
    for view, x in zip(views, xs):
        along = [numpy.linalg.norm(view["s"] * (view["u"].T @ t[:, j])) for j in shared]
        settled(all(length > 1.2 * view["t"] for length in along), "movement", along)
        a = numpy.zeros((x.shape[1], C_DIM))
        # sqrt(rows - 1) U U' T of the training rows, so of any row by X = U S V'
        a[:, shared] = numpy.sqrt(len(rows) - 1) * view["v"].T / view["s"] @ (view["u"].T @ t[:, shared])
        yield {"mean": x[rows].mean(0), "a": a, "shared_dims": len(shared), "shared_correlation": s[0] / numpy.sqrt(len(xs)),
               "floor": view["t"] ** 2 / (len(rows) - 1), "signal_dims": len(view["s"]), "thresholds": view["t"],
               "random": chance, "noise": noise}


# ---- what both make of it -----------------------------------------------------------------------------------------------

def decomposed(x, part, share, settled):
    """C, J, Z and G of all rows, and what the report says; part: of the rows that have the view."""
    train, held = part == TRAIN, part == VALIDATION
    c = (x - share["mean"]) @ share["a"]
    told = numpy.hstack([numpy.ones((len(x), 1)), c[:, :share["shared_dims"]]])
    j = told @ numpy.linalg.lstsq(told[train], x[train], rcond=None)[0]
    s, v = numpy.linalg.svd((x - j)[train], full_matrices=False)[1:]
    s /= numpy.sqrt(train.sum() - 1)
    kept = min(DIM, x.shape[1])
    dims = (s[:kept] ** 2 > max(share["floor"], 1e-6 * s[0] ** 2)).sum()
    settled(all(s[:dims] > 1.05 * s[1:dims + 1]) and dims > 0, "order of components", s)
    settled(dims == kept or s[dims] ** 2 < 0.9 * share["floor"], "components", s ** 2)
    settled(s[dims - 1] ** 2 > 1.2 * share["floor"], "components", s ** 2)
    v = v[:kept] * numpy.sign(v[numpy.arange(kept), numpy.argmax(abs(v[:kept]), 1)])[:, None]
    size = numpy.sort(abs(v), 1)
    settled(all(size[:, -1] - size[:, -2] > 1e-3), "signs", size)
    deviations = numpy.where(numpy.arange(kept) < dims, s[:kept], 0)
    z = numpy.zeros((len(x), kept))
    z[:, :dims] = (x - j) @ v[:dims].T / s[:dims]
    g = j + z * deviations @ v
    r2 = 1 - ((x - g)[held] ** 2).sum() / ((x[held] - x[train].mean(0)) ** 2).sum()
    return {"c": c, "j": j, "z": z, "g": g}, {"deviations": deviations, "specific_dims": dims, "validation_r2": r2}


# ---- data and file ------------------------------------------------------------------------------------------------------

def planted(seed):
    random = numpy.random.default_rng(seed)
    shared = random.standard_normal((ROWS, 2))
    xs = []
    for view, cols in enumerate(COLS):
        # own parts of the shared factors: so that directions meet at angles that differ
        factors = numpy.hstack([shared + (0.08, 0.3) * random.standard_normal((ROWS, 2)), random.standard_normal((ROWS, OWN[view]))])
        size = numpy.array([2.4, 2.0, 1.8, 2.8, 2.2][:factors.shape[1]])
        x = view + 3 + factors * size @ frame(random, cols, len(size)).T
        noise = 0.35 + 0.2 * numpy.arange(cols) / cols          # components of noise that could be exchanged would be no oracle
        xs.append((x + random.standard_normal(x.shape) * noise).astype(numpy.float32).astype(float))
    part = numpy.array([VALIDATION if i % 7 == 5 else TEST if i % 7 == 6 else TRAIN for i in range(ROWS)])
    present = [numpy.arange(ROWS) % (8 + view) != 3 + view for view in range(len(COLS))]
    return xs, part, present


def write_safetensors(path, tensors):
    """8 bytes of header length, a JSON header, the numbers, wide ones first so that all are aligned; little-endian."""
    arrays = {name: numpy.asarray(value, float) for name, value in tensors.items()}
    narrow = {name: bool((value.astype("<f4") == value).all()) for name, value in arrays.items()}
    header, blocks, offset = {}, [], 0
    for name in sorted(arrays, key=lambda name: (narrow[name], name)):
        block = arrays[name].astype("<f4" if narrow[name] else "<f8").tobytes()
        header[name] = {"dtype": "F32" if narrow[name] else "F64", "shape": arrays[name].shape,
                        "data_offsets": [offset, offset + len(block)]}
        blocks.append(block)
        offset += len(block)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blocks))
    return 8 + len(text) + offset


def main():
    xs, part, present = planted(PLANT)
    out = {"part": part}
    for view, x in enumerate(xs):
        out["x%d" % (view + 1)], out["present%d" % (view + 1)] = x, present[view]
    for method, share_by in (("cca", share_by_cca), ("ajive", share_by_ajive)):
        for case, (views, absent) in CASES.items():
            prefix = "%s.%s." % (method, case)

            def settled(certain, what, values):
                if not certain:
                    raise SystemExit("%s%s: not certain enough: %s" % (prefix, what, values))

            parts = [numpy.where(present[view] | (not absent), part, TEST) for view in range(views)]
            together = numpy.max(parts, 0)                      # absent rows are TEST, the largest
            shares = list(share_by(xs[:views], together, settled))
            numbers = {}
            for view, share in enumerate(shares):
                features, said = decomposed(xs[view], parts[view], share, settled)
                out.update({"%s%s%d" % (prefix, name, view + 1): value[::STEP] for name, value in features.items()})
                out["%sdeviations%d" % (prefix, view + 1)] = said.pop("deviations")
                said.update({name: share[name] for name in NUMBERS if name in share})
                for name, value in said.items():
                    numbers.setdefault(name, []).append(value)
            out.update({prefix + name: values for name, values in numbers.items()})
            if method == "ajive":
                out[prefix + "random"], out[prefix + "noise"] = shares[0]["random"], shares[0]["noise"]
                print("%s95 of 100: %.4f at random, %.4f of noise" % (prefix, shares[0]["random"], shares[0]["noise"]))
            for name, values in numbers.items():
                print("%s%s: %s" % (prefix, name, " ".join("%.8g" % value for value in values)))
    # More columns than rows: what noise turns the scores by is then more than what it turns the loadings by.
    wide = [{"s": numpy.array([40., 30, 25]), "noise": 6 - 0.125 * numpy.arange(26), "cols": 80},
            {"s": numpy.array([35., 20]), "noise": 5 - 0.125 * numpy.arange(27), "cols": 60}]
    for view, of in enumerate(wide):
        out["wide.signal%d" % (view + 1)], out["wide.noise%d" % (view + 1)] = of["s"], of["noise"]
    out["wide.random"], out["wide.bound"] = drawn_bounds(numpy.random.default_rng(SEED), wide, 30)
    print("wide: %.4f at random, %.4f of noise" % (out["wide.random"], out["wide.bound"]))
    size = write_safetensors(TARGET, out)
    print("%s: %d tensors, %d bytes" % (os.path.relpath(TARGET), len(out), size))


if __name__ == "__main__":
    main()
