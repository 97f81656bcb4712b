#!/usr/bin/env python3
"""The methods in PyTorch, float64, written from the papers' formulas alone: the vectors that tests/oracle/test_oracle.c compares with.

    make oracle              writes tests/oracle/indiseek.safetensors (committed; the C tests need no Python)
    indiseek.py --search     looks for another SEED_OF_OTHERS first (minutes)

WHAT IS COMPUTED (methods: Gui, Ma and Ma 2025, sections 3.1-3.3; CLUB: Cheng et al. 2020; CLIP: Radford et al. 2021;
orthogonality: Wang et al. 2025)
    Two views of n = 40 samples, x1 [40, 6] and x2 [40, 4].  Every network is 5 linear maps of width 8 with ReLU between, unless
    another size is given.
    clip     encoders shared1, shared2 -> 3 coordinates, L2-normalized to u, v; logits = exp(logit_scale) u v^T; loss = mean
             of the two cross entropies.  logit_scale starts at ln(1/0.07) and is kept in [0, ln 100] after each update.
    The others train one view i, given C_1 and C_2, data with unit rows, by loss = APART + lambda / 2 KEEP, lambda = 10:
      APART  club       CLUB(z; C) by its definition, over all pairs of the batch (B x B x p numbers), with q(z|C) from critic_i.mean
                        and critic_i.logvar (tanh after its last map).  The critic is not touched by this loss.
             frob       ||A||_F, A = mean over rows of z c^T, both scaled to norm 1; frob_sum: the sum over rows instead;
             cos, cos2  mean over rows of <z, c>, of <z, c>^2, both scaled to norm 1
      KEEP   reconstruction   mean over rows of ||decoder_i([z, C]) - x_i||^2 / M_i, M_i = mean of ||x_i||^2 over all n rows
             contrast         the loss of clip with u = joint_i([C, z]), v = input_i(x_i), scaled to norm 1, logits u v^T / 0.07
      and which C is seen by each is in CASES, below.  One update is of specific_i and of decoder_i, or joint_i and input_i.
      q step (where APART is club): of critic_i; loss = mean over rows of sum_d (mean - z)^2 exp(-logvar) + logvar; z is data here.
      A step is 5 q steps, where there is a critic, then an update of the rest, on the same batch.
    residual-indiseek   C_i = shared_i(x_i) scaled to norm 1, with the first parameters.  m = mean_i(C_i) learns x_i, then v =
             spread_i(C_i) learns ln((x_i - m)^2 + 1e-4), squared errors summed over columns, 20 steps each, weight decay 1e-4;
             mean_i and spread_i are 3 linear maps of width 100.  Of a normal X the mean of that logarithm falls short of the
             log-variance by s = -(digamma(1/2) + ln 2), so r = (x_i - m) / u, u = exp((v + s) / 2).  Then IndiSeek with r in the
             place of x_i, but KEEP in the units of x_i: mean over rows of ||u (decoder_i([z, C]) - r)||^2 / that of ||u r||^2, over
             the batch both.
    Adam everywhere: rate 1e-3, 0.9, 0.999, 1e-8, no weight decay but where it is named, constant rate.
    "standardized": z passes through standardize_i: (z - mean) / sqrt(variance + 1e-5) over the batch, population variance.  Its
             running moments start at 0 and 1 and follow with weight 0.1, with the population variance (PyTorch's own layer
             takes the unbiased one here), once per update: the forward pass that makes z for the q steps does not move them.
    "raw":   z is the encoder's output.

THE FILE: safetensors, F64, but F32 where that loses nothing, and `order` I64; names joined by dots, PyTorch's names of parameters,
weights [out, in].  Inputs and first parameters are exactly representable in float32.  A bias that only shifts z has gradient 0 in
"standardized" (its own, or that of a unit which is on for every row).  In any arithmetic that 0 is rounding noise, and Adam's first
update divides it by itself or by 1e-8.  So an entry of after.NAME is compared only where its gradient is above 1e-6 in size.
    data.x1 data.x2 data.c1 data.c2     [40, 6] [40, 4] [40, 3] [40, 3]
    order                               [20, 12] rows of the batch of each step; step 0 is the one that is written in full
    initial.NAME                        shared1.{0,2,4,6,8}.{weight,bias}, logit_scale, specific1, decoder1, critic1.mean,
                                        critic1.logvar, joint1, input1, mean1.{0,2,4}, spread1, and the same with 2 where a case
                                        needs them
    square.NAME                         the same of the networks of a Z with 3 coordinates, as C has
    clip.losses [20]   clip.scales [20]     loss of each step before its update; exp(logit_scale) after it
    clip.u clip.v clip.logits clip.loss     of step 0; clip.gradient.NAME, clip.after.NAME before and after its update
    residual.c1 residual.c2 [40, 3]   residual.r [40, 6]   of residual-indiseek, all rows, when they are learned
    residual.losses.mean [20]   residual.losses.spread [20]
    CASE.*                              names of CASES; p is the number of coordinates of Z.  Of step 0:
        z                               [12, p] what the critic and the decoder see (after standardization)
        encoded                         [12, p] specific_i(x_i) before it
        q.mean q.logvar                 [12, p] in the first q step;  q.gradient.NAME of the first, q.after.NAME after the fifth
        club.mean club.logvar           [12, p] in the main step
        decoded                         [12, d_i]
        gradient_z                      [12, p] of loss, with respect to z
        gradient.NAME  after.NAME       main step
        running_mean running_var        [p] of standardize_i after step 0 (standardized only)
      Of all 20 steps, each before its update:
        steps.q [20, 5]  steps.loss [20]  steps.APART [20] (club or overlap)  steps.KEEP [20] (reconstruction or contrast)
    short.*                             step 0 with only the first 7 of its rows: what a batch of 12 with 5 absent rows must give
        clip.loss [], CASE: q [] (of the first q step), loss, APART, KEEP [], gradient_z [7, p]; critics are the initial ones
        throughout; not of residual-indiseek
"""
import collections
import json
import math
import os
import struct
import sys

import torch
import torch.nn.functional as F
from torch import nn

N, D, WIDTH, DIM, SHARED, BATCH, SHORT, STEPS, Q_STEPS, LAMBDA, RATE = 40, (6, 4), 8, 5, 3, 12, 7, 20, 5, 10.0, 1e-3
SHORT_OF_NORMAL = -(torch.digamma(torch.tensor(0.5, dtype=torch.float64)) + math.log(2)).item()
SEED, SEED_OF_OTHERS = 141, 13              # the second is the first that --search accepts
OWN, OTHER = 0, 1
Case = collections.namedtuple("Case", "name view standardized apart apart_from keep keep_with model")
CASES = (
    Case("indiseek.1", 1, True, "club", OTHER, "reconstruction", OWN, "initial"),
    Case("indiseek.2", 2, True, "club", OTHER, "reconstruction", OWN, "initial"),
    Case("indiseek.raw.1", 1, False, "club", OTHER, "reconstruction", OWN, "initial"),
    Case("indiseek0.1", 1, True, "club", OWN, "reconstruction", OWN, "initial"),
    Case("factorizedcl.1", 1, True, "club", OWN, "contrast", OWN, "initial"),
    Case("factorizedcl.raw.2", 2, False, "club", OWN, "contrast", OWN, "initial"),
    Case("infodisen.frob.1", 1, True, "frob", OWN, "contrast", OTHER, "initial"),
    Case("infodisen.frob_sum.raw.2", 2, False, "frob_sum", OWN, "contrast", OTHER, "initial"),
    Case("infodisen.cos.raw.1", 1, False, "cos", OWN, "contrast", OTHER, "square"),
    Case("infodisen.cos2.raw.2", 2, False, "cos2", OWN, "contrast", OTHER, "square"),
)
RESIDUAL = Case("residual-indiseek.1", 1, True, "club", OTHER, "reconstruction", OWN, "initial")
TARGET = os.path.join(os.path.dirname(os.path.abspath(__file__)), "indiseek.safetensors")
DTYPE = torch.float64


# ---- the model ----------------------------------------------------------------------------------------------------------

def mlp(inputs, outputs, width=WIDTH, maps=5):
    """Linear maps with ReLU between them; PyTorch's own first values and names 0, 2, 4, ..."""
    sizes = [inputs] + [width] * (maps - 1) + [outputs]
    layers = []
    for i in range(maps):
        layers += [nn.Linear(sizes[i], sizes[i + 1])] + ([nn.ReLU()] if i < maps - 1 else [])
    return nn.Sequential(*layers)


class Critic(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.mean, self.logvar = mlp(SHARED, dim), mlp(SHARED, dim)

    def forward(self, c):
        return self.mean(c), torch.tanh(self.logvar(c))


class Standardize(nn.Module):
    """Over the rows of the batch; population variance, in the running moments too."""
    def __init__(self, dim):
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(dim))
        self.register_buffer("running_var", torch.ones(dim))

    def forward(self, z, follow=False):
        mean, variance = z.mean(0), z.var(0, unbiased=False)
        if follow:
            with torch.no_grad():
                self.running_mean.lerp_(mean, 0.1)
                self.running_var.lerp_(variance, 0.1)
        return (z - mean) / torch.sqrt(variance + 1e-5)


class Model(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        for view, inputs in enumerate(D, 1):
            setattr(self, "shared%d" % view, mlp(inputs, SHARED))
            setattr(self, "specific%d" % view, mlp(inputs, dim))
            setattr(self, "decoder%d" % view, mlp(dim + SHARED, inputs))
            setattr(self, "critic%d" % view, Critic(dim))
            setattr(self, "standardise%d" % view, Standardize(dim))

    def draw_others(self, dim):
        """What only the other methods have."""
        for view, inputs in enumerate(D, 1):
            setattr(self, "joint%d" % view, mlp(SHARED + dim, dim))
            setattr(self, "input%d" % view, mlp(inputs, dim))
            setattr(self, "mean%d" % view, mlp(SHARED, inputs, 100, 3))
            setattr(self, "spread%d" % view, mlp(SHARED, inputs, 100, 3))

    def of(self, name, view):
        return getattr(self, "%s%d" % (name, view))


# ---- the losses, each by its definition ---------------------------------------------------------------------------------

def info_nce(u, v, logit_scale):
    logits = logit_scale.exp() * u @ v.T
    target = torch.arange(len(u))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2, logits


def learning_loss(z, mean, logvar):
    return ((mean - z) ** 2 * torch.exp(-logvar) + logvar).sum(1).mean()


def club(z, mean, logvar):
    """Mean over i of log q(z_i|c_i) - mean over j of log q(z_j|c_i); the normalizing terms of row i cancel."""
    variance = logvar.exp()
    positive = -((z - mean) ** 2) / variance / 2
    negative = -((z[None, :, :] - mean[:, None, :]) ** 2).mean(1) / variance / 2
    return (positive - negative).sum(1).mean()


def overlap(kind, z, c):
    z, c = F.normalize(z, dim=1), F.normalize(c, dim=1)
    if kind.startswith("frob"):
        cross = torch.einsum("np,nd->pd", z, c)
        return torch.linalg.matrix_norm(cross if kind == "frob_sum" else cross / len(z), "fro")
    return (F.cosine_similarity(z, c) ** (2 if kind == "cos2" else 1)).mean()


def adam(*modules, **options):
    return torch.optim.Adam([p for module in modules for p in (module.parameters() if isinstance(module, nn.Module) else [module])],
                            lr=RATE, **options)


# ---- training -----------------------------------------------------------------------------------------------------------

def named(model, *parts):
    """The parameters below these parts, by full name."""
    return {name: p for name, p in model.named_parameters() if name.split(".")[0] in parts}


def keep(out, prefix, tensors):
    for name, tensor in tensors.items():
        out[prefix + name] = tensor.detach().clone()


def run_clip(model, data, order, out):
    optimizer = adam(model.shared1, model.shared2, model.logit_scale)
    losses, scales = [], []
    parts = named(model, "shared1", "shared2", "logit_scale")
    for step, rows in enumerate(order):
        u = F.normalize(model.shared1(data["x1"][rows]), dim=1)
        v = F.normalize(model.shared2(data["x2"][rows]), dim=1)
        loss, logits = info_nce(u, v, model.logit_scale)
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            keep(out, "clip.", dict(u=u, v=v, logits=logits, loss=loss))
            keep(out, "clip.gradient.", {name: p.grad for name, p in parts.items()})
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
        if step == 0:
            keep(out, "clip.after.", parts)
        losses.append(loss.detach())
        scales.append(model.logit_scale.detach().exp())
    out["clip.losses"], out["clip.scales"] = torch.stack(losses), torch.stack(scales)


def c_of(data, case, which):
    return data["c%d" % (case.view if which == OWN else 3 - case.view)]


def trained(model, case):
    """Names of the networks that the loss updates."""
    return ["%s%d" % (name, case.view)
            for name in (("specific", "decoder") if case.keep == "reconstruction" else ("specific", "joint", "input"))]


def case_loss(model, data, case, rows, z):
    """The loss, its two terms by name, and what was on the way."""
    x, c, other = data["x%d" % case.view], c_of(data, case, case.keep_with)[rows], c_of(data, case, case.apart_from)[rows]
    way, terms = {}, {}
    if case.apart == "club":
        mean, logvar = model.of("critic", case.view)(other)
        way["club.mean"], way["club.logvar"] = mean, logvar
        apart = terms["club"] = club(z, mean.detach(), logvar.detach())
    else:
        apart = terms["overlap"] = overlap(case.apart, z, other)
    if case.keep == "reconstruction":
        way["decoded"] = model.of("decoder", case.view)(torch.cat([z, c], 1))
        units = data["units"][rows] if case is RESIDUAL else 1
        power = (units * x[rows] if case is RESIDUAL else x).square().sum(1).mean()
        keep_in = (units * (way["decoded"] - x[rows])).square().sum(1).mean() / power
    else:
        joint = F.normalize(model.of("joint", case.view)(torch.cat([c, z], 1)), dim=1)
        own = F.normalize(model.of("input", case.view)(x[rows]), dim=1)
        keep_in, _ = info_nce(joint, own, torch.tensor(-math.log(0.07)))
    terms[case.keep] = keep_in
    return apart + LAMBDA / 2 * keep_in, terms, way


def encode(model, data, case, rows, follow=False):
    encoded = model.of("specific", case.view)(data["x%d" % case.view][rows])
    return encoded, model.of("standardise", case.view)(encoded, follow) if case.standardized else encoded


def q_steps(model, data, case, rows, optimizer, out):
    """Five updates of the critic; z is data and the same in all of them."""
    critic, other = model.of("critic", case.view), c_of(data, case, case.apart_from)[rows]
    names = named(model, "critic%d" % case.view)
    losses = []
    with torch.no_grad():
        _, z = encode(model, data, case, rows)
    for inner in range(Q_STEPS):
        mean, logvar = critic(other)
        loss = learning_loss(z, mean, logvar)
        optimizer.zero_grad()
        loss.backward()
        if inner == 0:
            keep(out, case.name + ".q.", dict(mean=mean, logvar=logvar))
            keep(out, case.name + ".q.gradient.", {name: p.grad for name, p in names.items()})
        optimizer.step()
        losses.append(loss.detach())
    keep(out, case.name + ".q.after.", names)
    return torch.stack(losses)


def run_case(model, data, order, case, out):
    prefix, names = case.name + ".", named(model, *trained(model, case))
    q_optimizer, optimizer = adam(model.of("critic", case.view)), adam(*names.values())
    history = collections.defaultdict(list)
    for step, rows in enumerate(order):
        first = out if step == 0 else {}                        # written in full
        if case.apart == "club":
            history["q"].append(q_steps(model, data, case, rows, q_optimizer, first))
        encoded, z = encode(model, data, case, rows, follow=True)
        z.retain_grad()
        loss, terms, way = case_loss(model, data, case, rows, z)
        optimizer.zero_grad()
        loss.backward()
        keep(first, prefix, dict(way, z=z, encoded=encoded, gradient_z=z.grad))
        keep(first, prefix + "gradient.", {name: p.grad for name, p in names.items()})
        optimizer.step()
        keep(first, prefix + "after.", names)
        if case.standardized:
            keep(first, prefix, dict(model.of("standardise", case.view).named_buffers()))
        for name, value in dict(terms, loss=loss).items():
            history[name].append(value.detach())
    for name, values in history.items():
        out[prefix + "steps." + name] = torch.stack(values)


def run_regression(network, inputs, target, order):
    optimizer = adam(network, weight_decay=1e-4)
    losses = []
    for rows in order:
        loss = (network(inputs[rows]) - target[rows]).square().sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    with torch.no_grad():
        return network(inputs), torch.stack(losses)


def run_residual(model, data, order, out):
    """What the view's own C does not say about X, then IndiSeek on that."""
    view = RESIDUAL.view
    x = data["x%d" % view]
    with torch.no_grad():
        c = {"c%d" % i: F.normalize(model.of("shared", i)(data["x%d" % i]), dim=1) for i in (1, 2)}
    mean, mean_losses = run_regression(model.of("mean", view), c["c%d" % view], x, order)
    logarithm = torch.log((x - mean) ** 2 + 1e-4)
    spread, spread_losses = run_regression(model.of("spread", view), c["c%d" % view], logarithm, order)
    units = torch.exp((spread + SHORT_OF_NORMAL) / 2)
    residual = (x - mean) / units
    keep(out, "residual.", dict(c, r=residual))
    keep(out, "residual.losses.", dict(mean=mean_losses, spread=spread_losses))
    run_case(model, dict(data, **c, **{"x%d" % view: residual, "units": units}), order, RESIDUAL, out)


def run_short(model, data, rows, case, out):
    """Losses of a batch of few rows, nothing trained."""
    prefix = "short.%s." % case.name
    _, z = encode(model, data, case, rows)
    z.retain_grad()
    loss, terms, way = case_loss(model, data, case, rows, z)
    loss.backward()
    keep(out, prefix, dict(terms, loss=loss, gradient_z=z.grad))
    if case.apart == "club":
        keep(out, prefix, dict(q=learning_loss(z, way["club.mean"], way["club.logvar"])))


# ---- the experiment -----------------------------------------------------------------------------------------------------

def experiment(seed_of_others, dtype, shake=0):
    """Everything in one dtype, from first values that both dtypes represent exactly, or those moved by a rounding error."""
    torch.manual_seed(SEED)
    torch.set_default_dtype(torch.float32)
    common = torch.randn(N, 2)
    data = {}
    for view, columns in enumerate(D, 1):
        hidden = torch.cat([common, torch.randn(N, 3)], 1)
        x = torch.tanh(hidden @ torch.randn(5, columns)) + 0.3 * torch.randn(N, columns)
        data["x%d" % view] = (x - x.mean(0)) / x.std(0)
        data["c%d" % view] = F.normalize(common @ torch.randn(2, SHARED) + 0.2 * torch.randn(N, SHARED), dim=1)
    order = torch.cat([torch.randperm(N)[:N // BATCH * BATCH].view(-1, BATCH) for _ in range(STEPS)])[:STEPS]
    models = {"initial": Model(DIM)}
    torch.manual_seed(seed_of_others)
    models["initial"].draw_others(DIM)
    models["square"] = Model(SHARED)
    models["square"].draw_others(SHARED)

    torch.set_default_dtype(dtype)
    data = {name: value.to(dtype) for name, value in data.items()}
    torch.manual_seed(shake)
    for model in models.values():
        model.to(dtype)
        with torch.no_grad():
            for p in model.parameters():
                p *= 1 + (6e-8 * torch.empty_like(p).uniform_(-1, 1) if shake else 0)
    first = {name: {key: value.clone() for key, value in model.state_dict().items()} for name, model in models.items()}
    out = {}
    keep(out, "data.", data)
    out["order"] = order

    def fresh(name, *parts):
        """The model with its first values; those of these parts are written."""
        models[name].load_state_dict(first[name])
        keep(out, name + ".", named(models[name], *parts))
        return models[name]

    run_clip(fresh("initial", "shared1", "shared2", "logit_scale"), data, order, out)
    for case in CASES:
        critic = ["critic%d" % case.view] if case.apart == "club" else []
        run_case(fresh(case.model, *trained(models[case.model], case), *critic), data, order, case, out)
    run_residual(fresh("initial", "mean%d" % RESIDUAL.view, "spread%d" % RESIDUAL.view), data, order, out)

    few, model = order[0][:SHORT], fresh("initial")
    u, v = F.normalize(model.shared1(data["x1"][few]), dim=1), F.normalize(model.shared2(data["x2"][few]), dim=1)
    out["short.clip.loss"] = info_nce(u, v, model.logit_scale)[0].detach()
    for case in CASES:
        run_short(fresh(case.model), data, few, case, out)
    return out


def distances(exact, rounded):
    """Largest |a - b| / max(1, |a|) of each tensor, over the entries that float32 can know (see the top)."""
    for name in exact:
        if name == "order":
            continue
        a, b = exact[name], rounded[name].double()
        difference = (a - b).abs() / a.abs().clamp(min=1)
        if "after." in name:
            difference = difference[exact[name.replace("after.", "gradient.")].abs() > 1e-6]
        yield (difference.max().item() if difference.numel() else 0.0), name


def write_safetensors(path, tensors):
    """8 bytes of header length, a JSON header, the numbers, wide ones first so that all are aligned; little-endian."""
    def kind(tensor):
        if tensor.dtype == torch.int64:
            return "I64", "q", 8
        return ("F32", "f", 4) if torch.equal(tensor.float().double(), tensor) else ("F64", "d", 8)

    header, blocks, offset = {}, [], 0
    for name in sorted(tensors, key=lambda name: (-kind(tensors[name])[2], name)):
        tensor = tensors[name].contiguous()
        dtype, code, _ = kind(tensor)
        block = struct.pack("<%d%s" % (tensor.numel(), code), *tensor.flatten().tolist())
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [offset, offset + len(block)]}
        blocks.append(block)
        offset += len(block)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blocks))
    return 8 + len(text) + offset


def main():
    torch.set_num_threads(1)
    # Seeds will do when float32 stays close to float64 whatever the rounding: PyTorch's own, and that of three more runs whose
    # first parameters are moved by a rounding error.  Then a float32 library can be held to 1e-5.
    for others in range(1000) if "--search" in sys.argv else (SEED_OF_OTHERS,):
        exact, worst = experiment(others, torch.float64), (0.0, "")
        for shake in range(4):
            worst = max(worst, *distances(exact, experiment(others, torch.float32, shake)))
            if worst[0] > 5e-6:
                break
        else:
            break
        print("seed %d will not do: float32 is off by %.1e at %s" % (others, *worst), flush=True)
    else:
        sys.exit(1)
    size = write_safetensors(TARGET, exact)
    print("%s: seed %d, %d tensors, %d bytes; PyTorch %s's float32 is within %.1e (%s)"
          % (os.path.relpath(TARGET), others, len(exact), size, torch.__version__, worst[0], worst[1]))
    for name in ("clip.losses", *(case.name + ".steps.loss" for case in (*CASES, RESIDUAL))):
        print("%-28s %s" % (name, " ".join("%.4f" % value for value in exact[name][::4].tolist())))


if __name__ == "__main__":
    main()
