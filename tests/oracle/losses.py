#!/usr/bin/env python3
"""Losses on given embeddings in PyTorch, float64, from the papers' formulas: CoMM's, and the critic of NCE-CLUB.

    make oracle         writes tests/oracle/losses.safetensors (committed)

WHAT IS COMPUTED
    comm       (Dufumier et al. 2024; the weight lambda: Gui et al. A.4.3)  Two augmentations, first and second, of B pairs
               are projected from modality 1, from modality 2 and from both: six [B, 5], each row scaled to norm 1.
               contrast(a, b): the 2B rows of a and b; each has to find its partner among the 2B - 1 others; mean cross entropy
               of their products / tau (NT-Xent, Chen et al. 2020).
               loss_m = (contrast(first_m, second_both) + contrast(second_m, first_both)) / 2 for m = 1, 2, both;
               loss = loss_both + lambda (loss_1 + loss_2) / 2;  tau = 0.1, lambda = 0.7.
    nce_club   (Liang et al. 2023)  critic: 4 + 3 -> 7 -> 7 -> 1, ReLU between, of [y_i, x_j] concatenated; scores_ij.
               learning = -(mean_i scores_ii - mean_i (logsumexp_j scores_ij - ln B)), updates the critic;
               upper = mean_i scores_ii - mean_ij scores_ij, an upper bound that the encoder of y minimizes, the critic being constant.

THE FILE: safetensors, F64, but F32 where that loses nothing; B = 6.  Inputs and weights are exactly representable in float32.  SIZE
is `whole`, all rows, or `short`, the first 4: what a batch of 6 with 2 absent rows must give.
    comm.{first,second}.{1,2,both}      [6, 5], not yet of norm 1
    comm.SIZE.{1,2,both}, comm.SIZE.loss                []
    comm.SIZE.gradient.{first,second}.{1,2,both}        [B, 5] of loss, with respect to the six as they are given
    nce_club.y nce_club.x               [6, 4] [6, 3]
    nce_club.critic.{0,2,4}.{weight,bias}               [7, 7] [7] [7, 7] [7] [1, 7] [1]
    nce_club.SIZE.scores                [B, B]
    nce_club.SIZE.learning              []  and  nce_club.SIZE.learning.gradient.critic.NAME
    nce_club.SIZE.upper                 []  and  nce_club.SIZE.upper.gradient.{y,x}
"""
import math
import os

import torch
import torch.nn.functional as F
from torch import nn

from indiseek import keep, write_safetensors

BATCH, SIZES, DIM, TAU, LAMBDA, SEED = 6, (("whole", 6), ("short", 4)), 5, 0.1, 0.7, 1
PARTS = ("1", "2", "both")
TARGET = os.path.join(os.path.dirname(os.path.abspath(__file__)), "losses.safetensors")


def contrast(a, b):
    rows = torch.cat([a, b])
    logits = (rows @ rows.T / TAU).masked_fill(torch.eye(len(rows), dtype=torch.bool), -math.inf)
    return F.cross_entropy(logits, torch.arange(len(rows)).roll(len(a)))


def contrast_by_sums(a, b):
    """The same, each probability written out."""
    total = 0.0
    for own, other in ((a, b), (b, a)):
        for i in range(len(own)):
            near = [math.exp(own[i].dot(other[j]) / TAU) for j in range(len(own))]
            same = [math.exp(own[i].dot(own[j]) / TAU) for j in range(len(own)) if j != i]
            total -= math.log(near[i] / (sum(near) + sum(same))) / (2 * len(a))
    return total


def comm(given, rows, prefix, out):
    leaves = {name: value[:rows].clone().requires_grad_() for name, value in given.items()}
    z = {name: F.normalize(value, dim=1) for name, value in leaves.items()}
    losses = {m: (contrast(z["first." + m], z["second.both"]) + contrast(z["second." + m], z["first.both"])) / 2 for m in PARTS}
    loss = losses["both"] + LAMBDA * (losses["1"] + losses["2"]) / 2
    loss.backward()
    with torch.no_grad():
        assert abs(losses["both"].item() - contrast_by_sums(z["first.both"], z["second.both"])) < 1e-13
    keep(out, prefix, dict(losses, loss=loss))
    keep(out, prefix + "gradient.", {name: value.grad for name, value in leaves.items()})


def nce_club(critic, y, x, prefix, out):
    y, x = y.clone().requires_grad_(), x.clone().requires_grad_()
    pairs = torch.stack([torch.stack([torch.cat([yi, xj]) for xj in x]) for yi in y])
    scores = critic(pairs)[:, :, 0]
    learning = -(scores.diag().mean() - (scores.logsumexp(1) - math.log(len(y))).mean())
    upper = scores.diag().mean() - scores.mean()
    names = ["critic." + name for name, _ in critic.named_parameters()]
    keep(out, prefix, dict(scores=scores, learning=learning, upper=upper))
    keep(out, prefix + "learning.gradient.", dict(zip(names, torch.autograd.grad(learning, critic.parameters(), retain_graph=True))))
    keep(out, prefix + "upper.gradient.", dict(zip("yx", torch.autograd.grad(upper, (y, x)))))


def main():
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    common = torch.randn(BATCH, DIM)
    given = {"%s.%s" % (copy, m): common + torch.randn(BATCH, DIM) for copy in ("first", "second") for m in PARTS}
    y, x = torch.randn(BATCH, 4), torch.randn(BATCH, 3)
    critic = nn.Sequential(nn.Linear(7, 7), nn.ReLU(), nn.Linear(7, 7), nn.ReLU(), nn.Linear(7, 1))
    with torch.no_grad():
        for p in critic.parameters():
            p *= 3                              # scores that differ
    torch.set_default_dtype(torch.float64)
    critic.double()
    given, y, x = {name: value.double() for name, value in given.items()}, y.double(), x.double()
    out = {}
    keep(out, "comm.", given)
    keep(out, "nce_club.", dict(y=y, x=x))
    keep(out, "nce_club.critic.", dict(critic.named_parameters()))
    for name, rows in SIZES:
        comm(given, rows, "comm.%s." % name, out)
        nce_club(critic, y[:rows], x[:rows], "nce_club.%s." % name, out)
    size = write_safetensors(TARGET, out)
    print("%s: %d tensors, %d bytes" % (os.path.relpath(TARGET), len(out), size))
    for name in ("comm.whole.loss", "comm.short.loss", "nce_club.whole.learning", "nce_club.whole.upper"):
        print("%-28s %.10f" % (name, out[name]))


if __name__ == "__main__":
    main()
