#!/usr/bin/env python3
"""Method invae in JAX, float64, from the papers' formulas: Aliee et al. 2023 (FinVAE, NFinVAE), and the terms that are ours.

    make oracle         writes tests/oracle/invae.safetensors (committed); by itself it needs JAX alone: pip install jax

WHAT IS COMPUTED
    Each case is trained by 20 steps of Adam on all 24 rows at once: rate 1e-3, weight decay 1e-4 added to the gradient of everything
    but what `free_of_decay` names; dropout 0; the noise of z is given and the same in each step.  Of each step the loss and its terms:
        loss = nll + w (kl_weight (kl + kl_spurious) + t total_correlation + c invariance) + label + kl_weight score
    w = min(1, step / warm_up), steps counted from 1; nll and total_correlation without their constants ln x! and ln(rows * rows).
    Every density is written out, gradients are JAX's; those of score matching are of jacfwd and hessian, so that nothing is said of
    what a rectifier's second derivative is.  What differs from case to case stands in CASES.

THE FILE: safetensors, F64, but F32 where that loses nothing; weights are [in, out] and exactly representable in float32.
    x  gaussian                         [24, 9] counts, and other numbers
    label  some  batch  invariant  spurious  library       the extras; some: labels of which six are unknown
    noise                               [24, 5], of which CASE takes the first as many as it has latent variables
    CASE.first.PARAMETER                the values that training begins with
    CASE.gradient.PARAMETER             of the loss in the first step, without the decay
    CASE.TERM                           [20]
    CASE.last.BUFFER                    running moments, after the last step
"""
import os
import sys

import jax
import jax.numpy as jnp
import numpy
from jax.scipy.special import gammaln, logsumexp

from linear import write_safetensors

jax.config.update("jax_enable_x64", True)

ROWS, GENES, LABELS, BATCHES, WIDTH, STEPS = 24, 9, 3, 2, 6, 20
RATE, DECAY, BETAS, EPSILON = 1e-3, 1e-4, (0.9, 0.999), 1e-8
TARGET = os.path.join(os.path.dirname(os.path.abspath(__file__)), "invae.safetensors")
TERMS = ("loss", "nll", "kl", "kl_spurious", "invariance", "total_correlation", "label", "score")

DEFAULTS = dict(
    inv=3, spur=2, layers=2, likelihood="nb", encoder="expression", inject=False, input="log1p", prior="factorised", mean="learned",
    variance="learned", kl="analytic", kl_weight=1.0, tc=0.0, ci=5.0, classification=0.0, warm_up=0, penalty=0.0, published=False,
    extras=("label", "batch"))
CASES = {
    "both": dict(inject=True),
    "mean": dict(variance="one", kl="sampled"),
    "variance": dict(mean="zero", likelihood="zinb", layers=3, kl_weight=0.5),
    "neither": dict(mean="zero", variance="one", likelihood="poisson", input="normalized"),
    "gaussian": dict(likelihood="gaussian", extras=("label", "batch", "spurious")),
    "total": dict(tc=3.0, kl="sampled", warm_up=10),
    "inject": dict(inject=True, spur=0, encoder="published", extras=("label", "batch", "spurious", "library")),
    "bare": dict(extras=(), ci=0.0),
    "published": dict(published=True, mean="zero", encoder="published", kl="sampled", kl_weight=10.0, ci=0.0),
    "published.zinb": dict(published=True, likelihood="zinb", layers=3, tc=1.0, extras=("label", "invariant", "batch")),
    "published.gaussian": dict(published=True, likelihood="gaussian", variance="one", extras=("label", "spurious")),
    "mixture": dict(extras=("some", "batch"), kl="sampled", classification=0.5),
    "mixture.variance": dict(extras=("some", "batch"), mean="zero", tc=3.0),
    "mixture.invariant": dict(extras=("some", "invariant", "batch", "spurious"), variance="one", encoder="published"),
    "free": dict(prior="nonfactorised", penalty=0.3, tc=2.0, kl_weight=2.0, kl="sampled"),
    "free.published": dict(prior="nonfactorised", published=True, encoder="published", ci=0.0, extras=("invariant", "batch")),
}


# ---- data ---------------------------------------------------------------------------------------------------------------

def one_hot(codes, count):
    return numpy.eye(count)[codes]


def make_data():
    random = numpy.random.default_rng(3)
    labels, batches = random.choice(LABELS, ROWS, p=(.5, .3, .2)), random.choice(BATCHES, ROWS, p=(.6, .4))
    rates = numpy.exp(random.normal(0, 1, (LABELS, GENES)))[labels] * numpy.exp(random.normal(0, .5, (BATCHES, GENES)))[batches]
    data = {"x": random.negative_binomial(2, 1 / (1 + 3 * rates)).astype(float), "label": one_hot(labels, LABELS),
            "gaussian": random.normal(0, 1, (ROWS, GENES)) + rates, "batch": one_hot(batches, BATCHES),
            "invariant": random.normal(0, 1, (ROWS, 1)), "spurious": random.normal(0, 1, (ROWS, 1)),
            "library": numpy.round(random.lognormal(4, .3, (ROWS, 1))), "noise": random.normal(0, 1, (ROWS, 5))}
    data["some"] = data["label"] * (numpy.arange(ROWS) % 4 != 1)[:, None]
    for name, value in data.items():
        data[name] = value.astype(numpy.float32).astype(float)
    assert all(data["x"].sum(1) > 0) and all(data["some"].sum(0) > 1)
    return data


def covariates(case, data, names):
    """Those of `names` that the case has, side by side, or None."""
    there = [data[name] for name in names if name in case["extras"]]
    return jnp.concatenate(there, 1) if there else None


def stays(case, data): return covariates(case, data, ("label", "some", "invariant"))
def goes(case, data): return covariates(case, data, ("batch", "spurious"))


def labels_of(case, data): return covariates(case, data, ("label", "some"))


# ---- networks -----------------------------------------------------------------------------------------------------------

def first_values(case, data):
    """Name and shape of every parameter, with values."""
    seed = sorted(CASES).index(case["name"]) + 10
    random, p = numpy.random.default_rng(seed), {}
    latent = case["inv"] + case["spur"]

    def linear(name, inside, outside):
        p[name + ".weight"] = random.normal(0, 1 / numpy.sqrt(inside), (inside, outside))
        p[name + ".bias"] = random.normal(0, .3, outside)

    def maps(name, inside, count):
        for k in range(count):
            linear("%s.%d" % (name, k), inside if k == 0 else WIDTH, WIDTH)
            norm = "%s.%d.norm." % (name, k)
            p[norm + "weight"], p[norm + "bias"] = 1 + random.normal(0, .2, WIDTH), random.normal(0, .2, WIDTH)
            p[norm + "running_mean"], p[norm + "running_var"] = numpy.zeros(WIDTH), numpy.ones(WIDTH)

    def prior(name, inside, outside):
        if case["mean"] == "learned" or case["variance"] == "learned":
            linear(name + ".hidden", inside, WIDTH)
        if case["mean"] == "learned":
            linear(name + ".mean", WIDTH, outside)
        if case["variance"] == "learned":
            linear(name + ".logvar", WIDTH, outside)

    free = case["prior"] == "nonfactorised"
    d, e = stays(case, data), goes(case, data)
    cols = lambda covariates: 0 if covariates is None else covariates.shape[1]
    seen = cols(d) + cols(e) if case["encoder"] == "published" else 0
    maps("encoder", GENES + seen, case["layers"] - 1 + (case["published"] and free))
    linear("encoder.mean", WIDTH, latent)
    linear("encoder.logvar", WIDTH, latent)
    maps("decoder", latent + (cols(e) if case["inject"] else 0), case["layers"])
    linear("decoder.logits", WIDTH, GENES)
    if case["likelihood"] in ("nb", "zinb"):
        p["decoder.log_theta"] = random.normal(0, 1, GENES)
    if case["likelihood"] == "zinb":
        linear("decoder.zeros", WIDTH, GENES)
    if case["likelihood"] == "gaussian" and not case["published"]:
        p["decoder.logvar"] = random.normal(0, .5, GENES)
    if free:
        linear("statistic.0", case["inv"], WIDTH)
        linear("statistic.1", WIDTH, 2 * case["inv"])
        for net in "ab":
            linear("law.%s.0" % net, cols(d), WIDTH)
            linear("law.%s.1" % net, WIDTH, 2 * case["inv"])
    elif d is not None:
        prior("prior_invariant", cols(d), case["inv"])
    if case["spur"] and e is not None:
        prior("prior_spurious", cols(e), case["spur"])
    if mixes(case):
        p["labels.logits"] = random.normal(0, .5, LABELS)
    if case["warm_up"]:
        p["warmth.updates"] = numpy.zeros(1)
    return {name: jnp.array(value.astype(numpy.float32), dtype=float) for name, value in p.items()}


def is_buffer(name): return name.rsplit(".", 1)[1] in ("running_mean", "running_var", "updates")


def free_of_decay(case):
    """The public code has nothing that is."""
    return ("labels.logits",) if case["published"] else ("labels.logits", "decoder.log_theta", "decoder.logvar")


def linear(p, name, x): return x @ p[name + ".weight"] + p[name + ".bias"]


def maps(case, p, name, x, count, end, moved):
    """Linear, batch norm, ReLU; not after the last unless `end`.  moved: what the running moments become."""
    epsilon, momentum = (1e-3, .01) if case["published"] else (1e-5, .1)
    for k in range(count):
        norm = "%s.%d.norm." % (name, k)
        x = linear(p, "%s.%d" % (name, k), x)
        mean, variance = x.mean(0), ((x - x.mean(0)) ** 2).mean(0)
        running = variance * ROWS / (ROWS - 1) if case["published"] else variance
        moved[norm + "running_mean"] = (1 - momentum) * p[norm + "running_mean"] + momentum * mean
        moved[norm + "running_var"] = (1 - momentum) * p[norm + "running_var"] + momentum * running
        x = (x - mean) / jnp.sqrt(variance + epsilon) * p[norm + "weight"] + p[norm + "bias"]
        if k < count - 1 or end:
            x = jnp.maximum(x, 0)
    return x


def prior(case, p, name, cov, dim):
    """Mean and variance [rows, dim]."""
    rows = ROWS if cov is None else cov.shape[0]
    mean, variance = jnp.zeros((rows, dim)), jnp.ones((rows, dim))
    if cov is None or (case["mean"] == "zero" and case["variance"] == "one"):
        return mean, variance
    hidden = jnp.maximum(linear(p, name + ".hidden", cov), 0)
    if case["mean"] == "learned":
        mean = linear(p, name + ".mean", hidden)
    if case["variance"] == "learned":
        variance = jnp.exp(linear(p, name + ".logvar", hidden)) + 1e-4
    return mean, variance


# ---- densities ----------------------------------------------------------------------------------------------------------

def log_normal(x, mean, variance):
    return (-(x - mean) ** 2 / (2 * variance) - jnp.log(2 * jnp.pi * variance) / 2).sum(-1)


def divergence(mean, variance, prior_mean, prior_variance):
    return .5 * (jnp.log(prior_variance / variance) + (variance + (mean - prior_mean) ** 2) / prior_variance - 1).sum(1)


def log_negative_binomial(x, mu, theta):
    """Without ln x!"""
    return (gammaln(x + theta) - gammaln(theta) + theta * (jnp.log(theta) - jnp.log(theta + mu)) +
            x * (jnp.log(mu) - jnp.log(theta + mu)))


def likelihood(case, p, x, z, hidden, library):
    logits = linear(p, "decoder.logits", hidden)
    if case["likelihood"] == "gaussian":
        return log_normal(x, logits, .01 if case["published"] else jnp.exp(p["decoder.logvar"]))
    mu = library * jax.nn.softmax(logits, 1)
    if case["likelihood"] == "poisson":
        return (x * jnp.log(mu) - mu).sum(1)
    count = log_negative_binomial(x, mu, jnp.exp(p["decoder.log_theta"]))
    if case["likelihood"] == "zinb":
        zeros = jax.nn.sigmoid(linear(p, "decoder.zeros", hidden))
        count = jnp.where(x == 0, jnp.log(zeros + (1 - zeros) * jnp.exp(count)), jnp.log(1 - zeros) + count)
    return count.sum(1)


def total_correlation(z, mean, variance, first):
    """The mean over i of ln q(z_i) - ln q(z_i, block 1) - ln q(z_i, block 2), each ln sum_j."""
    pairs = [log_normal(z[:, None, a:b], mean[None, :, a:b], variance[None, :, a:b]) for a, b in ((0, first), (first, z.shape[1]))]
    return (logsumexp(pairs[0] + pairs[1], 1) - logsumexp(pairs[0], 1) - logsumexp(pairs[1], 1)).mean()


def conditional_invariance(z, labels, batches):
    labels = jnp.ones((ROWS, 1)) if labels is None else labels
    means = jnp.stack([(labels[:, k:k + 1] * z).sum(0) / labels[:, k].sum() for k in range(labels.shape[1])])
    z = z * labels.sum(1, keepdims=True) - labels @ means
    explained = 0
    for k in range(labels.shape[1]):
        for m in range(batches.shape[1]):
            weight = labels[:, k] * batches[:, m]
            explained += weight.sum() * ((weight[:, None] * z).sum(0) / (weight.sum() + 1)) ** 2
    return -.5 * jnp.log(1 - jnp.minimum(explained / (z ** 2).sum(0), .99)).sum()


# ---- the loss -----------------------------------------------------------------------------------------------------------

def mixes(case):
    """A row without label has the mixture of all labels' priors."""
    return (not case["published"] and case["prior"] == "factorised" and {"label", "some"} & set(case["extras"]) and
            (case["mean"] == "learned" or case["variance"] == "learned"))


def by_label(case, p, data, z):
    """[rows, labels]: ln p(label) + ln p(z_inv | label, the other covariates of the row)."""
    joint = []
    for k in range(LABELS):
        as_if = dict(data, label=jnp.tile(jnp.eye(LABELS)[k], (ROWS, 1)))
        named = dict(case, extras=tuple("label" if name == "some" else name for name in case["extras"]))
        mean, variance = prior(case, p, "prior_invariant", stays(named, as_if), case["inv"])
        joint.append(log_normal(z, mean, variance))
    return jnp.stack(joint, 1) + jax.nn.log_softmax(p["labels.logits"])


def log_free(case, p, z, d):
    """ln p~(z_inv | d) of one row."""
    two = lambda name, x: linear(p, name + ".1", jnp.maximum(linear(p, name + ".0", x), 0))
    b, L = two("law.b", d), case["inv"]
    square = b[L:] if case["published"] else -jnp.log1p(jnp.exp(b[L:])) - 1e-3
    return two("statistic", z) @ two("law.a", d) + z @ b[:L] + (z * z) @ square


def score_matching(case, p, z, d):
    def of_row(z, d):
        g = jax.jacfwd(lambda z: log_free(case, p, z, d))(z)
        h = jnp.diag(jax.hessian(lambda z: log_free(case, p, z, d))(z))
        return (h + g ** 2 / 2 + case["penalty"] * h ** 2).sum()
    return jax.vmap(of_row)(jax.lax.stop_gradient(z), d).mean()


def terms_of(case, data, step, p):
    L, moved, terms = case["inv"], {}, dict.fromkeys(TERMS, jnp.zeros(()))
    d, e, labels = stays(case, data), goes(case, data), labels_of(case, data)
    counts = case["likelihood"] != "gaussian"
    x = data["x" if counts else "gaussian"]
    total = x.sum(1, keepdims=True)
    inside = x
    if counts:
        inside = jnp.log(1 + (x / total * 1e4 if case["input"] == "normalized" else x))
    if case["encoder"] == "published":
        inside = jnp.concatenate([part for part in (inside, d, e) if part is not None], 1)
    free = case["prior"] == "nonfactorised"
    trunk = maps(case, p, "encoder", inside, case["layers"] - 1 + (case["published"] and free), True, moved)
    mean, variance = linear(p, "encoder.mean", trunk), jnp.exp(linear(p, "encoder.logvar", trunk)) + 1e-4
    z = mean + jnp.sqrt(variance) * data["noise"][:, :mean.shape[1]]
    inner = jnp.concatenate([z, e], 1) if case["inject"] else z
    hidden = maps(case, p, "decoder", inner, case["layers"], not case["published"], moved)
    library = data["library"] if "library" in case["extras"] else total
    terms["nll"] = -likelihood(case, p, x, z, hidden, library).mean()

    z_inv, log_q = z[:, :L], log_normal(z[:, :L], mean[:, :L], variance[:, :L])
    if free:
        still = jax.lax.stop_gradient(p)
        terms["kl"] = (log_q - jax.vmap(lambda z, d: log_free(case, still, z, d))(z_inv, d)).mean()
        terms["score"] = score_matching(case, p, z_inv, d)
    else:
        of_d = prior(case, p, "prior_invariant", d, L)
        if case["kl"] == "sampled":
            kl = log_q - log_normal(z_inv, *of_d)
        else:
            kl = divergence(mean[:, :L], variance[:, :L], *of_d)
        if mixes(case):
            joint, known = by_label(case, p, data, z_inv), labels.sum(1)
            kl = jnp.where(known > 0, kl, log_q - logsumexp(joint, 1))
            terms["label"] = -(labels * jax.nn.log_softmax(p["labels.logits"])).sum(1).mean()
            terms["label"] -= case["classification"] * (labels * jax.nn.log_softmax(joint, 1)).sum(1).mean()
        terms["kl"] = kl.mean()
    if case["spur"]:
        spurious = mean[:, L:], variance[:, L:]
        of_e = prior(case, p, "prior_spurious", e, case["spur"])
        if case["kl"] == "sampled":
            terms["kl_spurious"] = (log_normal(z[:, L:], *spurious) - log_normal(z[:, L:], *of_e)).mean()
        else:
            terms["kl_spurious"] = divergence(*spurious, *of_e).mean()
    if case["tc"]:
        terms["total_correlation"] = total_correlation(z, mean, variance, L)
    if "batch" in case["extras"]:
        terms["invariance"] = conditional_invariance(mean[:, :L], labels, data["batch"])
    warmth = jnp.minimum(1, step / case["warm_up"]) if case["warm_up"] else 1
    if case["warm_up"]:
        moved["warmth.updates"] = p["warmth.updates"] + 1
    terms["loss"] = (terms["nll"] + terms["label"] + case["kl_weight"] * terms["score"] + warmth * (
        case["kl_weight"] * (terms["kl"] + terms["kl_spurious"]) + case["tc"] * terms["total_correlation"] +
        case["ci"] * terms["invariance"]))
    return terms["loss"], (terms, moved)


# ---- training -----------------------------------------------------------------------------------------------------------

def train(case, data, out):
    p = first_values(case, data)
    first = {name: jnp.zeros_like(value) for name, value in p.items()}
    second, trace = dict(first), {name: [] for name in TERMS}
    step_of = jax.jit(jax.value_and_grad(lambda p, step: terms_of(case, data, step, p), has_aux=True))
    for name, value in p.items():
        out["%s.first.%s" % (case["name"], name)] = numpy.asarray(value)
    for step in range(1, STEPS + 1):
        (_, (terms, moved)), gradient = step_of(p, float(step))
        for name in TERMS:
            trace[name].append(float(terms[name]))
        for name in p:
            if is_buffer(name):
                continue
            if step == 1:
                out["%s.gradient.%s" % (case["name"], name)] = numpy.asarray(gradient[name])
            g = gradient[name] + (0 if name in free_of_decay(case) else DECAY) * p[name]
            first[name] = BETAS[0] * first[name] + (1 - BETAS[0]) * g
            second[name] = BETAS[1] * second[name] + (1 - BETAS[1]) * g ** 2
            unbiased = first[name] / (1 - BETAS[0] ** step), second[name] / (1 - BETAS[1] ** step)
            p[name] = p[name] - RATE * unbiased[0] / (jnp.sqrt(unbiased[1]) + EPSILON)
        p.update(moved)
    for name in p:
        if is_buffer(name):
            out["%s.last.%s" % (case["name"], name)] = numpy.asarray(p[name])
    for name in TERMS:
        out["%s.%s" % (case["name"], name)] = numpy.array(trace[name])
    print("%-20s loss %.6f -> %.6f" % (case["name"], trace["loss"][0], trace["loss"][-1]))
    assert all(numpy.isfinite(trace["loss"])) and trace["loss"][-1] < trace["loss"][0]


def main():
    data = make_data()
    out = dict(data)
    for name, changed in CASES.items():
        train(dict(DEFAULTS, name=name, **changed), {name: jnp.array(value) for name, value in data.items()}, out)
    size = write_safetensors(TARGET, out)
    print("%s: %d tensors, %d bytes" % (os.path.relpath(TARGET), len(out), size))


if __name__ == "__main__":
    sys.exit(main())
