#!/usr/bin/env python3
"""IndiSeek in PyTorch, float64, written from the paper's formulas alone: the vectors that tests/test_oracle.c compares with.

    make oracle              writes tests/oracle/indiseek.safetensors (committed; the C tests need no Python)
    indiseek.py --search     looks for another SEED first (minutes)

WHAT IS COMPUTED (METHODS: Gui, Ma and Ma 2025, sections 3.1-3.3; CLUB: Cheng et al. 2020; CLIP: Radford et al. 2021)
    Two views of n = 40 samples, x1 [40, 6] and x2 [40, 4].  Every network is 5 linear maps of width 8 with ReLU between.
    clip     encoders shared1, shared2 -> 3 coordinates, L2-normalised to u, v; logits = exp(logit_scale) u v^T; loss = mean
             of the two cross entropies.  logit_scale starts at ln(1/0.07) and is kept in [0, ln 100] after each update.
    q step   of view i: critic_i.mean and critic_i.logvar (tanh after its last map) of C_other; loss = mean over rows of
             sum_d (mean - z)^2 exp(-logvar) + logvar; z = specific_i(x_i) is data here.
    main     of view i: loss = CLUB(z; C_other) + lambda / (2 M_i) mean over rows of ||decoder_i([z, C_i]) - x_i||^2, M_i = mean of
             ||x_i||^2 over all n rows, lambda = 10.  CLUB by its definition, over all pairs of the batch (B x B x p numbers).
             Updates specific_i and decoder_i together; the critic is not touched.
    IndiSeek step = 5 q steps, then a main step, on the same batch, for view 1 and for view 2 (they do not meet).
    Adam everywhere: rate 1e-3, 0.9, 0.999, 1e-8, no weight decay, constant rate.
    C_1, C_2 of the IndiSeek part are given data (unit rows, [40, 3]), so that it does not depend on the clip part.
    "standardised": z passes through standardise_i: (z - mean) / sqrt(variance + 1e-5) over the batch, population variance.  Its
             running moments start at 0 and 1 and follow with weight 0.1, with the population variance (PyTorch's own layer
             takes the unbiased one here), once per main step: the forward pass that makes z for the q steps does not move them.
    "raw":   z is the encoder's output.

THE FILE: safetensors, all F64 but `order` (I64), names joined by dots, PyTorch's names of parameters, weights [out, in].
Inputs and first parameters are exactly representable in float32.  A bias that only shifts z has gradient 0 in "standardised"
(its own, or that of a unit which is on for every row).  In any arithmetic that 0 is rounding noise, and Adam's first update
divides it by itself or by 1e-8.  So an entry of after.NAME is compared only where its gradient is above 1e-6 in size.
    data.x1 data.x2 data.c1 data.c2     [40, 6] [40, 4] [40, 3] [40, 3]
    order                               [20, 12] rows of the batch of each step; step 0 is the one that is written in full
    initial.NAME                        shared1.{0,2,4,6,8}.{weight,bias}, shared2, logit_scale, specific1, decoder1,
                                        critic1.mean, critic1.logvar, and the same with 2
    clip.losses [20]   clip.scales [20]     loss of each step before its update; exp(logit_scale) after it
    clip.u clip.v clip.logits clip.loss     of step 0; clip.gradient.NAME, clip.after.NAME before and after its update
    VARIANT.*                           standardised.1, standardised.2 or raw.1: Z's scale and the view.  Of step 0:
        z                               [12, 5] what the critic and the decoder see (after standardisation)
        encoded                         [12, 5] specific_i(x_i) before it (standardised only)
        q.loss [5]                      of the five q steps, each before its update
        q.mean q.logvar                 [12, 5] in the first q step;  q.gradient.NAME of the first, q.after.NAME after the fifth
        club.mean club.logvar           [12, 5] in the main step
        club.loss                       []
        decoded                         [12, d_i]
        reconstruction                  [] mean ||decoded - x||^2 / M_i
        loss                            []
        gradient_z                      [12, 5] of loss, with respect to z
        gradient.NAME  after.NAME       main step
        running_mean running_var        [5] of standardise_i after step 0 (standardised only)
      Of all 20 steps:
        steps.q [20, 5]  steps.club [20]  steps.reconstruction [20]  steps.loss [20]
    short.*                             step 0 with only the first 7 of its rows: what a batch of 12 with 5 absent rows must give
        clip.loss [], VARIANT: q.loss [] (of the first q step), club.loss, reconstruction, loss [], gradient_z [7, 5]; critics
        are the initial ones throughout
"""
import json
import math
import os
import struct
import sys

import torch
import torch.nn.functional as F
from torch import nn

N, D, WIDTH, DIM, SHARED, BATCH, SHORT, STEPS, Q_STEPS, LAMBDA, RATE = 40, (6, 4), 8, 5, 3, 12, 7, 20, 5, 10.0, 1e-3
VARIANTS = (("standardised", 1), ("standardised", 2), ("raw", 1))
SEED = 141                  # the first that --search accepts
TARGET = os.path.join(os.path.dirname(os.path.abspath(__file__)), "indiseek.safetensors")
DTYPE = torch.float64


# ---- the model ----------------------------------------------------------------------------------------------------------

def mlp(inputs, outputs):
    """5 linear maps, ReLU between them; PyTorch's own first values and names 0, 2, 4, 6, 8."""
    sizes = [inputs, WIDTH, WIDTH, WIDTH, WIDTH, outputs]
    layers = []
    for i in range(5):
        layers += [nn.Linear(sizes[i], sizes[i + 1])] + ([nn.ReLU()] if i < 4 else [])
    return nn.Sequential(*layers)


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.logvar = mlp(SHARED, DIM), mlp(SHARED, DIM)

    def forward(self, c):
        return self.mean(c), torch.tanh(self.logvar(c))


class Standardise(nn.Module):
    """Over the rows of the batch; population variance, in the running moments too."""
    def __init__(self):
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(DIM))
        self.register_buffer("running_var", torch.ones(DIM))

    def forward(self, z, follow=False):
        mean, variance = z.mean(0), z.var(0, unbiased=False)
        if follow:
            with torch.no_grad():
                self.running_mean.lerp_(mean, 0.1)
                self.running_var.lerp_(variance, 0.1)
        return (z - mean) / torch.sqrt(variance + 1e-5)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        for view, inputs in enumerate(D, 1):
            setattr(self, "shared%d" % view, mlp(inputs, SHARED))
            setattr(self, "specific%d" % view, mlp(inputs, DIM))
            setattr(self, "decoder%d" % view, mlp(DIM + SHARED, inputs))
            setattr(self, "critic%d" % view, Critic())
            setattr(self, "standardise%d" % view, Standardise())


# ---- the losses, each by its definition ---------------------------------------------------------------------------------

def info_nce(u, v, logit_scale):
    logits = logit_scale.exp() * u @ v.T
    target = torch.arange(len(u))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2, logits


def learning_loss(z, mean, logvar):
    return ((mean - z) ** 2 * torch.exp(-logvar) + logvar).sum(1).mean()


def club(z, mean, logvar):
    """Mean over i of log q(z_i|c_i) - mean over j of log q(z_j|c_i); the normalising terms of row i cancel."""
    variance = logvar.exp()
    positive = -((z - mean) ** 2) / variance / 2
    negative = -((z[None, :, :] - mean[:, None, :]) ** 2).mean(1) / variance / 2
    return (positive - negative).sum(1).mean()


def adam(*modules):
    return torch.optim.Adam([p for module in modules for p in (module.parameters() if isinstance(module, nn.Module) else [module])],
                            lr=RATE)


# ---- training -----------------------------------------------------------------------------------------------------------

def named(model, *parts):
    """The parameters below these parts, by full name."""
    return {name: p for name, p in model.named_parameters() if name.split(".")[0] in parts}


def keep(out, prefix, tensors):
    for name, tensor in tensors.items():
        out[prefix + name] = tensor.detach().clone()


def run_clip(model, data, order, out):
    optimiser = adam(model.shared1, model.shared2, model.logit_scale)
    losses, scales = [], []
    parts = named(model, "shared1", "shared2", "logit_scale")
    for step, rows in enumerate(order):
        u = F.normalize(model.shared1(data["x1"][rows]), dim=1)
        v = F.normalize(model.shared2(data["x2"][rows]), dim=1)
        loss, logits = info_nce(u, v, model.logit_scale)
        optimiser.zero_grad()
        loss.backward()
        if step == 0:
            keep(out, "clip.", dict(u=u, v=v, logits=logits, loss=loss))
            keep(out, "clip.gradient.", {name: p.grad for name, p in parts.items()})
        optimiser.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
        if step == 0:
            keep(out, "clip.after.", parts)
        losses.append(loss.detach())
        scales.append(model.logit_scale.detach().exp())
    out["clip.losses"], out["clip.scales"] = torch.stack(losses), torch.stack(scales)


def parts_of(model, view):
    return [getattr(model, "%s%d" % (name, view)) for name in ("specific", "decoder", "critic", "standardise")]


def main_loss(model, data, view, rows, z):
    """CLUB, the reconstruction as a fraction of M_i, the decoded rows, the moments."""
    _, decoder, critic, _ = parts_of(model, view)
    x, own, other = data["x%d" % view], data["c%d" % view], data["c%d" % (3 - view)]
    mean, logvar = critic(other[rows])
    decoded = decoder(torch.cat([z, own[rows]], 1))
    power = (x ** 2).sum(1).mean()
    reconstruction = ((decoded - x[rows]) ** 2).sum(1).mean() / power
    return club(z, mean.detach(), logvar.detach()), reconstruction, decoded, mean, logvar


def run_view(model, data, order, view, standardised, out, prefix):
    encoder, decoder, critic, standardise = parts_of(model, view)
    x, other = data["x%d" % view], data["c%d" % (3 - view)]
    q_optimiser, optimiser = adam(critic), adam(encoder, decoder)
    critic_names = named(model, "critic%d" % view)
    names = named(model, "specific%d" % view, "decoder%d" % view)
    history = dict(q=[], club=[], reconstruction=[], loss=[])
    for step, rows in enumerate(order):
        # Five updates of the critic; z is data and the same in all of them.
        with torch.no_grad():
            z = encoder(x[rows])
            z = standardise(z) if standardised else z
        q_losses = []
        for inner in range(Q_STEPS):
            mean, logvar = critic(other[rows])
            loss = learning_loss(z, mean, logvar)
            q_optimiser.zero_grad()
            loss.backward()
            if step == 0 and inner == 0:
                keep(out, prefix + "q.", dict(mean=mean, logvar=logvar))
                keep(out, prefix + "q.gradient.", {name: p.grad for name, p in critic_names.items()})
            q_optimiser.step()
            q_losses.append(loss.detach())
        if step == 0:
            keep(out, prefix + "q.after.", critic_names)

        # One update of encoder and decoder.
        encoded = encoder(x[rows])
        z = standardise(encoded, follow=True) if standardised else encoded
        z.retain_grad()
        bound, reconstruction, decoded, mean, logvar = main_loss(model, data, view, rows, z)
        loss = bound + LAMBDA / 2 * reconstruction
        optimiser.zero_grad()
        loss.backward()
        if step == 0:
            keep(out, prefix, dict(z=z, decoded=decoded, reconstruction=reconstruction, loss=loss, gradient_z=z.grad))
            keep(out, prefix, dict(encoded=encoded) if standardised else {})
            keep(out, prefix + "club.", dict(mean=mean, logvar=logvar, loss=bound))
            keep(out, prefix + "q.", dict(loss=torch.stack(q_losses)))
            keep(out, prefix + "gradient.", {name: p.grad for name, p in names.items()})
        optimiser.step()
        if step == 0:
            keep(out, prefix + "after.", names)
            if standardised:
                keep(out, prefix, dict(running_mean=standardise.running_mean, running_var=standardise.running_var))
        for name, value in (("q", torch.stack(q_losses)), ("club", bound), ("reconstruction", reconstruction), ("loss", loss)):
            history[name].append(value.detach())
    for name, values in history.items():
        out[prefix + "steps." + name] = torch.stack(values)


def run_short(model, data, rows, out):
    """Losses of a batch of few rows, nothing trained."""
    u, v = F.normalize(model.shared1(data["x1"][rows]), dim=1), F.normalize(model.shared2(data["x2"][rows]), dim=1)
    out["short.clip.loss"] = info_nce(u, v, model.logit_scale)[0].detach()
    for variant, view in VARIANTS:
        encoder, _, critic, standardise = parts_of(model, view)
        z = encoder(data["x%d" % view][rows])
        z = standardise(z) if variant == "standardised" else z
        z.retain_grad()
        q_loss = learning_loss(z.detach(), *critic(data["c%d" % (3 - view)][rows]))
        bound, reconstruction, _, _, _ = main_loss(model, data, view, rows, z)
        loss = bound + LAMBDA / 2 * reconstruction
        loss.backward()
        keep(out, "short.%s.%d." % (variant, view), {"q.loss": q_loss, "club.loss": bound, "reconstruction": reconstruction,
                                                     "loss": loss, "gradient_z": z.grad})


# ---- the experiment -----------------------------------------------------------------------------------------------------

def experiment(seed, dtype, shake=0):
    """Everything in one dtype, from first values that both dtypes represent exactly, or those moved by a rounding error."""
    torch.manual_seed(seed)
    torch.set_default_dtype(torch.float32)
    common = torch.randn(N, 2)
    data = {}
    for view, columns in enumerate(D, 1):
        hidden = torch.cat([common, torch.randn(N, 3)], 1)
        x = torch.tanh(hidden @ torch.randn(5, columns)) + 0.3 * torch.randn(N, columns)
        data["x%d" % view] = (x - x.mean(0)) / x.std(0)
        data["c%d" % view] = F.normalize(common @ torch.randn(2, SHARED) + 0.2 * torch.randn(N, SHARED), dim=1)
    order = torch.cat([torch.randperm(N)[:N // BATCH * BATCH].view(-1, BATCH) for _ in range(STEPS)])[:STEPS]
    model = Model()

    torch.set_default_dtype(dtype)
    model.to(dtype)
    data = {name: value.to(dtype) for name, value in data.items()}
    if shake:
        torch.manual_seed(shake)
        with torch.no_grad():
            for p in model.parameters():
                p *= 1 + 6e-8 * torch.empty_like(p).uniform_(-1, 1)
    first = {name: value.clone() for name, value in model.state_dict().items()}
    out = {}
    keep(out, "data.", data)
    keep(out, "initial.", dict(model.named_parameters()))
    out["order"] = order

    run_clip(model, data, order, out)
    for variant, view in VARIANTS:
        model.load_state_dict(first)
        run_view(model, data, order, view, variant == "standardised", out, "%s.%d." % (variant, view))
    model.load_state_dict(first)
    run_short(model, data, order[0][:SHORT], out)
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
    """8 bytes of header length, a JSON header with sorted names, the numbers; little-endian."""
    header, blocks, offset = {}, [], 0
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        kind, code = ("I64", "q") if tensor.dtype == torch.int64 else ("F64", "d")
        block = struct.pack("<%d%s" % (tensor.numel(), code), *tensor.flatten().tolist())
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [offset, offset + len(block)]}
        blocks.append(block)
        offset += len(block)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blocks))
    return 8 + len(text) + offset


def main():
    torch.set_num_threads(1)
    # A seed will do when float32 stays close to float64 whatever the rounding: PyTorch's own, and that of three more runs
    # whose first parameters are moved by a rounding error.  Then a float32 library can be held to 1e-5.
    for seed in range(1000) if "--search" in sys.argv else (SEED,):
        exact, worst = experiment(seed, torch.float64), (0.0, "")
        for shake in range(4):
            worst = max(worst, *distances(exact, experiment(seed, torch.float32, shake)))
            if worst[0] > 3e-6:
                break
        else:
            break
        print("seed %d will not do: float32 is off by %.1e at %s" % (seed, *worst), flush=True)
    else:
        sys.exit(1)
    size = write_safetensors(TARGET, exact)
    print("%s: seed %d, %d tensors, %d bytes; PyTorch %s's float32 is within %.1e (%s)"
          % (os.path.relpath(TARGET), seed, len(exact), size, torch.__version__, worst[0], worst[1]))
    for name in ("clip.losses", "standardised.1.steps.loss", "raw.1.steps.club"):
        print("%-28s %s" % (name, " ".join("%.4f" % value for value in exact[name][::4].tolist())))


if __name__ == "__main__":
    main()
