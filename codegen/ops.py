"""The op table: each op once, forward expression only. Everything else follows from a line here: the CPU loops, the CUDA
kernels, the gradient and its check, the test vectors, the public function and its comment.

    op(name, signature, forward, doc)

signature  inputs as name:kind, then attributes (constants of a recorded op) as name=example; tests use the example.
           Kinds: e [rows, cols], r [rows, 1], c [1, cols], s [1, 1], w row weights. Row weights are never differentiated
           and are no parameter of the public function: the recorder takes them from the tensor. A row of weight 0 is absent.
forward    the expression; its kind is the kind of the output. In scope: what expr.py offers.
doc        one line: the formula, with any guard that keeps value and gradient finite.
rare       True where few programs spend time in the op: gcc then compiles its loops without vectors, in half the time.

Names to avoid: y (the output), g (its gradient), rows, cols.
"""

import math

from expr import (LOWEST, ExpressionError, absolute, all_max, all_sum, col_count, col_max, col_sum, constant, erf, exp,
                  digamma, fresh_pool, gradients, is_constant, leaf, let, less, lgamma, log, log1p, maximum, minimum, relu, rising, row_max,
                  row_mean, row_sum, rsqrt, settle, sigmoid, softplus, sqrt, square, stop, tanh, topological, where, wrap)

OPS = []
MODULES = []                         # one file of kernels/ each, in this order


class Op:
    """One row of the table, with the gradient derived."""

    def __init__(self, name, signature, forward, doc, rare):
        self.name, self.doc, self.module, self.rare = name, doc, MODULES[-1], rare
        self.inputs, self.attributes = _parse(signature)
        leaves = [leaf(n, "r" if kind == "w" else kind) for n, kind in self.inputs]
        constants = [leaf(n, "s") for n, _ in self.attributes]
        output = wrap(forward(*leaves, *constants))
        if output.op == "leaf":
            raise ExpressionError("the output is an input")
        unknown = [n.value for n in topological([output]) if n.op == "leaf"
                   and n.value not in dict(self.inputs) and n.value not in dict(self.attributes) and n.value not in ("rows", "cols")]
        unused = [n for n in list(dict(self.inputs)) + list(dict(self.attributes)) if n not in output.depends]
        if unknown or unused:
            raise ExpressionError("; ".join(["%s is no argument" % n for n in unknown] + ["%s is not used" % n for n in unused]))
        self.out_kind = output.kind
        self.expression = output                       # with stop() in place: what the gradient is derived from
        self.forward, = settle([output])
        wanted = [l for l, (_, kind) in zip(leaves, self.inputs) if kind != "w"]
        derived = gradients(output, leaf("g", output.kind), wanted)
        derived = settle(derived, known=[(output, leaf("y", output.kind))])
        self.gradients = [(w.value, d) for w, d in zip(wanted, derived) if not is_constant(d, 0)]
        read = {n.value for n in topological([d for _, d in self.gradients]) if n.op == "leaf"}
        self.reads_inputs = [n in read for n, _ in self.inputs]
        self.reads_output = "y" in read

    def input_index(self, name):
        return [n for n, _ in self.inputs].index(name)


def _parse(signature):
    inputs, attributes = [], []
    for part in signature.replace(",", " ").split():
        if "=" in part:
            name, example = part.split("=")
            attributes.append((name, float(example)))
        else:
            name, kind = part.split(":")
            if attributes or kind not in "ercsw":
                raise ExpressionError("signature: %s" % part)
            inputs.append((name, kind))
    names = [n for n, _ in inputs + attributes]
    if len(set(names)) < len(names) or set(names) & {"y", "g", "rows", "cols", "i", "j", "l", "work"}:
        raise ExpressionError("signature: a name twice, or one that the emitted code uses itself")
    return inputs, attributes


def op(name, signature, forward, doc, rare=False):
    if name in [o.name for o in OPS]:
        raise ExpressionError("op %s is declared twice" % name)
    with fresh_pool():
        try:
            OPS.append(Op(name, signature, forward, doc, rare))
        except (ExpressionError, TypeError, ValueError) as mistake:
            raise ExpressionError("op %s: %s" % (name, mistake)) from mistake


def module(name):
    """The ops that follow stand in kernels/<name>.cu."""
    MODULES.append(name)


# ---- what several ops share -----------------------------------------------------------------------------------------

SQRT_HALF = math.sqrt(0.5)


def gelu(x): return 0.5 * x * (1 + erf(SQRT_HALF * x))
def quick_gelu(x): return x * sigmoid(1.702 * x)


def apart_from_zero(x):
    """x with |x| >= 1e-12, for denominators."""
    return where(absolute(x) < 1e-12, where(x < 0, -1e-12, 1e-12), x)


def any_present(w): return less(0, col_sum(w))
def present(w): return let("present", where(less(0, w), 1, 0))
def total(w): return let("weight", maximum(col_sum(w), 1e-12))            # no row present: sums are 0, and so are means


def mean_over_rows(x, w): return let("mean", col_sum(w * x) / total(w))


def variance_over_rows(x, mean, w):
    """Population variance. It has no slope in the mean, at the mean: stop() spares deriving a sum that is 0."""
    return let("variance", col_sum(w * square(x - stop(mean))) / total(w))


def inverse_deviation(variance, eps): return let("scale", rsqrt(variance + eps))


def variance_in_row(x, mean): return let("variance", row_sum(square(x - stop(mean))) / col_count())


def shifted(x, w, largest):
    """(m, u) with exp(u) = exp(x - m) in present rows and 0 in absent ones, m the largest present value."""
    m = let("largest", stop(largest(where(less(0, w), x, LOWEST))))
    return m, where(less(0, w), x - m, LOWEST)


def exp_row_shift(x):
    """exp(x - max of the row) without overflow."""
    return let("power", exp(x - let("largest", stop(row_max(x)))))


def within(x, low, high): return minimum(maximum(x, low), high)


def negative_binomial(counts, log_mean, log_theta):
    """ln NB + ln counts!. With m / theta in place of the mean no two large terms cancel, whatever theta: theta ln(1 + m / theta) tends
    to m, and what remains of three lgamma tends to 0 as theta grows."""
    log_mean = within(log_mean, -50, 50)
    theta = let("theta", exp(log_theta))
    excess = let("excess", softplus(log_mean - log_theta))           # ln(1 + mean / theta)
    return counts * (log_mean - excess) - theta * excess + rising(counts, theta)


def shared_out(counts, logits, total, log_theta):
    """negative_binomial where the means are shares of a total: with the softmax at hand no further exponential is needed."""
    largest, theta, inverse = let("largest", stop(row_max(logits))), let("theta", exp(log_theta)), let("inverse", exp(-log_theta))
    power = let("power", exp(logits - largest))
    sum_of = let("sum", row_sum(power))
    excess = let("excess", log1p(power * (total / sum_of) * inverse))
    return counts * (logits - largest + log(total / sum_of) - excess) - theta * excess + rising(counts, theta)


def zero_inflated(counts, log_density, logits):
    """ln(pi [counts = 0] + (1 - pi) e^log_density), pi = sigmoid(logits)."""
    return where(counts < 0.5, softplus(log_density - logits) - softplus(-logits), log_density - softplus(logits))


def precision(logvar):
    """exp(-logvar), at most e^50."""
    return let("precision", exp(minimum(-logvar, 50)))


def club(mu, logvar, z, w):
    """All pairs by moments: the mean over j of (z_j - mu_i)^2 is variance(z) + (mean(z) - mu_i)^2."""
    mean = mean_over_rows(z, w)
    variance = variance_over_rows(z, mean, w)
    return mean_over_rows(0.5 * row_sum(precision(logvar) * (variance + square(mean - mu) - square(z - mu))), w)


# ---- the table ------------------------------------------------------------------------------------------------------

module("elementwise")
op("add", "a:e b:e", lambda a, b: a + b, "a + b")
op("sub", "a:e b:e", lambda a, b: a - b, "a - b")
op("mul", "a:e b:e", lambda a, b: a * b, "a * b, element by element")
op("div", "a:e b:e", lambda a, b: a / apart_from_zero(b), "a / b; |b| counts as at least 1e-12, with b's sign", rare=True)
op("min", "a:e b:e", lambda a, b: minimum(a, b), "the smaller of a and b; at a tie the gradient is a's", rare=True)
op("max", "a:e b:e", lambda a, b: maximum(a, b), "the larger of a and b; at a tie the gradient is a's", rare=True)
op("neg", "x:e", lambda x: -x, "-x", rare=True)
op("reciprocal", "x:e", lambda x: 1 / apart_from_zero(x), "1 / x; |x| counts as at least 1e-12, with x's sign", rare=True)
op("square", "x:e", lambda x: square(x), "x^2")
op("sqrt", "x:e", lambda x: sqrt(x), "sqrt(x); 0 with gradient 0 for x <= 0", rare=True)
op("abs", "x:e", lambda x: absolute(x), "|x|; gradient 0 at 0", rare=True)
op("exp", "x:e", lambda x: exp(minimum(x, 88)), "e^x; x counts as at most 88, which is finite in float")
op("log", "x:e", lambda x: log(maximum(x, 1e-32)), "ln x; x counts as at least 1e-32", rare=True)
op("log1p", "x:e", lambda x: log1p(maximum(x, -0.99)), "ln(1 + x); x counts as at least -0.99")
op("lgamma", "shape:e", lambda shape: lgamma(maximum(shape, 1e-16)), "ln Gamma(shape); shape counts as at least 1e-16", rare=True)
op("digamma", "shape:e", lambda shape: digamma(maximum(shape, 1e-16)), "the slope of ln Gamma at shape; shape counts as at least 1e-16",
   rare=True)
op("clamp", "x:e low=-0.75 high=1.25", lambda x, low, high: minimum(maximum(x, low), high), "x within [low, high]", rare=True)
op("affine", "x:e factor=1.5 offset=-0.25", lambda x, factor, offset: factor * x + offset, "factor * x + offset")
op("scale", "x:e a:s", lambda x, a: a * x, "a * x, a one number")
op("mul_rows", "x:e a:r", lambda x, a: a * x, "a_i * x_ij", rare=True)
op("mul_cols", "x:e a:c", lambda x, a: a * x, "a_j * x_ij")
op("add_rows", "x:e a:r", lambda x, a: x + a, "x_ij + a_i", rare=True)
op("bias", "x:e b:c", lambda x, b: x + b, "x_ij + b_j")
op("sample_normal", "mu:e logvar:e noise:e", lambda mu, logvar, noise: mu + exp(minimum(0.5 * logvar, 44)) * noise,
   "mu + e^(logvar / 2) noise, the reparameterised draw of Kingma and Welling 2014; logvar counts as at most 88", rare=True)

module("activations")
op("relu", "x:e", lambda x: relu(x), "max(x, 0); gradient 0 at 0")
op("leaky_relu", "x:e slope=0.125", lambda x, slope: x * where(less(x, 0), slope, 1), "x, or slope * x for x < 0", rare=True)
op("gelu", "x:e", lambda x: gelu(x), "x/2 (1 + erf(x / sqrt 2)), the exact GELU of Hendrycks and Gimpel 2016", rare=True)
op("quick_gelu", "x:e", lambda x: quick_gelu(x), "x sigmoid(1.702 x), their approximation of it", rare=True)
op("tanh", "x:e", lambda x: tanh(x), "tanh x")
op("sigmoid", "x:e", lambda x: sigmoid(x), "1 / (1 + e^-x)", rare=True)
op("softplus", "x:e", lambda x: softplus(x), "ln(1 + e^x)", rare=True)

module("rows")
op("row_sum", "x:e", lambda x: row_sum(x), "sum over the columns of a row")
op("row_mean", "x:e", lambda x: row_mean(x), "mean over the columns of a row")
op("row_max", "x:e", lambda x: row_max(x), "largest of a row; ties share the gradient evenly", rare=True)
op("row_logsumexp", "x:e", lambda x: stop(row_max(x)) + log(row_sum(exp_row_shift(x))), "ln sum_j e^x_ij, shifted by the maximum",
   rare=True)
op("row_dot", "a:e b:e", lambda a, b: row_sum(a * b), "sum_j a_ij b_ij")
op("squared_error_rows", "a:e b:e", lambda a, b: row_sum(square(a - b)), "sum_j (a_ij - b_ij)^2")
op("softmax", "x:e", lambda x: exp_row_shift(x) / row_sum(exp_row_shift(x)), "e^x_ij / sum_j e^x_ij, shifted by the maximum")
op("log_softmax", "x:e", lambda x: x - stop(row_max(x)) - log(row_sum(exp_row_shift(x))), "x_ij - ln sum_j e^x_ij, shifted by the maximum",
   rare=True)
op("l2_normalize", "x:e eps=1e-12", lambda x, eps: x / maximum(sqrt(row_sum(square(x))), eps),
   "x_i / max(|x_i|, eps); the gradient at a zero row is g / eps")
op("layer_norm", "x:e gamma:c beta:c eps=1e-5",
   lambda x, gamma, beta, eps: (x - row_mean(x)) * inverse_deviation(variance_in_row(x, row_mean(x)), eps) * gamma + beta,
   "(x - mean of the row) / sqrt(variance of the row + eps) * gamma_j + beta_j; Ba et al. 2016")
op("normal_log_density", "x:e mu:e logvar:e",
   lambda x, mu, logvar: -0.5 * row_sum(square(x - mu) * precision(logvar) + logvar + math.log(2 * math.pi)),
   "ln N(x_i; mu_i, e^logvar_i), summed over the columns; e^-logvar counts as at most e^50", rare=True)
op("normal_kl", "mu:e logvar:e prior_mu:e prior_logvar:e",
   lambda mu, logvar, prior_mu, prior_logvar: 0.5 * row_sum(
       prior_logvar - logvar - 1 + exp(minimum(logvar - prior_logvar, 50)) + square(mu - prior_mu) * precision(prior_logvar)),
   "KL(N(mu_i, e^logvar_i) || N(prior)), summed over the columns; each exponential counts as at most e^50", rare=True)

op("negative_binomial", "counts:e log_mean:e log_theta:c",
   lambda counts, log_mean, log_theta: row_sum(negative_binomial(stop(counts), log_mean, within(log_theta, -23, 23))),
   "ln NB(counts_ij; e^log_mean_ij, theta_j = e^log_theta_j) + ln counts_ij!, summed over the columns; variance mean + mean^2 / theta; "
   "log_mean counts as within [-50, 50], log_theta as within [-23, 23]; no gradient passes to the counts")
op("negative_binomial_shares", "counts:e logits:e total:r log_theta:c",
   lambda counts, logits, total, log_theta: row_sum(shared_out(stop(counts), logits, maximum(total, 1e-6), within(log_theta, -23, 23))),
   "the same with the means total_i softmax(logits)_ij, in half the time")
op("zero_inflated_negative_binomial", "counts:e log_mean:e log_theta:c logits:e",
   lambda counts, log_mean, log_theta, logits: row_sum(zero_inflated(
       stop(counts), negative_binomial(stop(counts), log_mean, within(log_theta, -23, 23)), within(logits, -1e4, 1e4))),
   "the same of a mixture: ln(pi 1[counts = 0] + (1 - pi) NB(counts)) + ln counts!, pi = sigmoid(logits)", rare=True)
op("poisson", "counts:e log_mean:e",
   lambda counts, log_mean: row_sum(stop(counts) * within(log_mean, -50, 50) - exp(within(log_mean, -50, 50))),
   "ln Poisson(counts_ij; e^log_mean_ij) + ln counts_ij!, summed over the columns; log_mean counts as within [-50, 50]", rare=True)

module("columns")
op("col_sum", "x:e w:w", lambda x, w: col_sum(w * x), "sum_i w_i x_ij", rare=True)
op("col_mean", "x:e w:w", lambda x, w: mean_over_rows(x, w), "sum_i w_i x_ij / sum_i w_i; 0 without a present row")
op("col_var", "x:e w:w", lambda x, w: variance_over_rows(x, mean_over_rows(x, w), w), "population variance over the rows, weighted",
   rare=True)
op("col_max", "x:e w:w", lambda x, w: where(any_present(w), col_max(where(less(0, w), x, LOWEST)), 0),
   "largest over the present rows; ties share the gradient evenly; 0 without a present row", rare=True)
op("col_logsumexp", "x:e w:w",
   lambda x, w: where(any_present(w), shifted(x, w, col_max)[0] + log(col_sum(exp(shifted(x, w, col_max)[1]))), 0),
   "ln sum_i e^x_ij over the present rows, shifted by the maximum; 0 without a present row", rare=True)
op("standardize", "x:e w:w eps=1e-5",
   lambda x, w, eps: present(w) * (x - mean_over_rows(x, w))
   * inverse_deviation(variance_over_rows(x, mean_over_rows(x, w), w), eps),
   "(x - column mean) / sqrt(column's population variance + eps), moments over the present rows, weighted; absent rows 0")
op("batch_norm", "x:e gamma:c beta:c w:w eps=1e-5",
   lambda x, gamma, beta, w, eps: present(w) * ((x - mean_over_rows(x, w))
                                                * inverse_deviation(variance_over_rows(x, mean_over_rows(x, w), w), eps) * gamma + beta),
   "standardize(x) * gamma_j + beta_j; absent rows 0; Ioffe and Szegedy 2015")
op("standardize_by", "x:e mean:c variance:c eps=1e-5",
   lambda x, mean, variance, eps: (x - mean) * inverse_deviation(variance, eps),
   "(x - mean_j) / sqrt(variance_j + eps), with moments from elsewhere: the form for evaluation", rare=True)
op("batch_norm_by", "x:e mean:c variance:c gamma:c beta:c eps=1e-5",
   lambda x, mean, variance, gamma, beta, eps: (x - mean) * inverse_deviation(variance, eps) * gamma + beta,
   "standardize_by(x) * gamma_j + beta_j", rare=True)

module("losses")
op("sum_all", "x:e w:w", lambda x, w: col_sum(w * row_sum(x)), "sum_i w_i sum_j x_ij", rare=True)
op("mean_all", "x:e w:w", lambda x, w: mean_over_rows(row_mean(x), w), "sum_i w_i sum_j x_ij / (cols sum_i w_i); 0 without a present row",
   rare=True)
op("max_all", "x:e w:w", lambda x, w: where(any_present(w), all_max(where(less(0, w), x, LOWEST)), 0),
   "largest over the present rows; ties share the gradient evenly; 0 without a present row", rare=True)
op("logsumexp_all", "x:e w:w",
   lambda x, w: where(any_present(w), shifted(x, w, all_max)[0] + log(all_sum(exp(shifted(x, w, all_max)[1]))), 0),
   "ln sum_ij e^x_ij over the present rows, shifted by the maximum; 0 without a present row", rare=True)
op("squared_error", "a:e b:e w:w", lambda a, b, w: mean_over_rows(row_sum(square(a - b)), w),
   "weighted mean over the rows of sum_j (a_ij - b_ij)^2")
op("gaussian_deviance", "mu:e logvar:e z:e w:w",
   lambda mu, logvar, z, w: mean_over_rows(row_sum(square(mu - z) * precision(logvar) + logvar), w),
   "weighted mean over the rows of sum_j (mu - z)^2 e^-logvar + logvar, what CLUB's density learns by (Cheng et al. 2020); "
   "e^-logvar counts as at most e^50")
op("club", "mu:e logvar:e z:e w:w", club,
   "mean_i sum_j e^-logvar_ij / 2 (mean_k (z_kj - mu_ij)^2 - (z_ij - mu_ij)^2), means weighted: CLUB (Cheng et al. 2020), z of row k "
   "against the density of row i; e^-logvar counts as at most e^50")
op("club_paired", "mu:e logvar:e z:e z_permuted:e w:w",
   lambda mu, logvar, z, z_permuted, w: mean_over_rows(0.5 * row_sum(precision(logvar) * (square(z_permuted - mu) - square(z - mu))), w),
   "mean_i sum_j e^-logvar_ij / 2 ((z_permuted - mu)^2 - (z - mu)^2), weighted: CLUB by one permutation; "
   "e^-logvar counts as at most e^50", rare=True)
op("cross_entropy", "logits:e target:e w:w",
   lambda logits, target, w: mean_over_rows(row_sum(target * (
       log(row_sum(exp_row_shift(logits))) - (logits - stop(row_max(logits))))), w),
   "weighted mean over the rows of -sum_j target_ij log_softmax(logits)_ij; target is one-hot or holds probabilities")
op("binary_cross_entropy", "logits:e target:e w:w",
   lambda logits, target, w: mean_over_rows(row_sum(softplus(logits) - target * logits), w),
   "weighted mean over the rows of sum_j -target ln p - (1 - target) ln(1 - p), p = sigmoid(logits)", rare=True)
