#!/usr/bin/env python3
"""PyTorch's side of bench.c: reads the name of a row, times it for a moment, answers with the best seconds so far.

    stdin    one row a line, e.g. "mlp 6 100 10 128"
    stdout   first line: version, BLAS, threads.  Then for each row "SECONDS" for rows without an optimizer, and
             "SECONDS SECONDS" with torch.optim.Adam as it comes and with foreach=True; "none" for an unknown row

Run alone it times every row by itself:   peer_torch.py --all
One thread, processor time as in bench.c, eager mode, gradients set to None rather than to zero (the faster way), inputs made once.
"""
import os
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"       # before torch opens its BLAS
import re
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

SLICE = 0.15                # seconds of one answer, for each optimizer
CHUNK = 0.004               # seconds between two looks at the clock, at least


def mlp(inputs, width, outputs):
    """5 linear maps, as everywhere in IndiSeek."""
    sizes = [inputs, width, width, width, width, outputs]
    layers = []
    for i in range(5):
        layers += [nn.Linear(sizes[i], sizes[i + 1])] + ([nn.ReLU()] if i < 4 else [])
    return nn.Sequential(*layers)


def adam(modules, foreach):
    return torch.optim.Adam([p for module in modules for p in module.parameters()], lr=1e-3, foreach=foreach)


def minimize(loss, optimizer):
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


# ---- rows: each returns a function that does one step -------------------------------------------------------------------

def mlp_step(foreach, inputs, width, outputs, batch):
    """Forward, mean squared error, backward, Adam."""
    net = mlp(inputs, width, outputs)
    x, target = torch.randn(batch, inputs), torch.randn(batch, outputs)
    optimizer = adam([net], foreach)
    return lambda: minimize(F.mse_loss(net(x), target), optimizer)


class View:
    """One view of IndiSeek: encoder, decoder, critic, their optimizers and the two losses."""
    def __init__(self, foreach, inputs, width, dim, shared, weight, standardize):
        self.encoder, self.decoder = mlp(inputs, width, dim), mlp(dim + shared, width, inputs)
        self.mean, self.logvar = mlp(shared, width, dim), mlp(shared, width, dim)
        self.norm = nn.BatchNorm1d(dim, affine=False) if standardize else nn.Identity()
        self.optimizer = adam([self.encoder, self.decoder], foreach)
        self.critic = adam([self.mean, self.logvar], foreach)
        self.weight = weight            # lambda / (2 E||x||^2)

    def step(self, x, own, other):
        """5 updates of the critic on the batch's Z, one of encoder and decoder; CLUB over all pairs by the batch's moments."""
        z = self.norm(self.encoder(x))
        fixed = z.detach()
        for _ in range(5):
            mean, logvar = self.mean(other), torch.tanh(self.logvar(other))
            minimize((((mean - fixed) ** 2) * torch.exp(-logvar) + logvar).sum(1).mean(), self.critic)
        with torch.no_grad():
            mean, logvar = self.mean(other), torch.tanh(self.logvar(other))
            precision = torch.exp(-logvar)
        center = z.mean(0)
        spread = ((z - center) ** 2).mean(0)
        club = 0.5 * ((spread + (center - mean) ** 2 - (z - mean) ** 2) * precision).sum(1).mean()
        reconstruction = ((self.decoder(torch.cat([z, own], 1)) - x) ** 2).sum(1).mean()
        minimize(club + self.weight * reconstruction, self.optimizer)


def simulation_step(foreach):
    """Gui et al. 1.1, setting 1: 6 coordinates, 2 shared features, width 100, batch 128: 5 critic updates and a main one."""
    view = View(foreach, 6, 100, 10, 2, 0.1 / 12, False)
    x, c = torch.randn(128, 6), torch.randn(128, 2)
    return lambda: view.step(x, c, c)


def indiseek_epoch(foreach):
    """Both views of 3400 x (200, 14), width 50, batch 128 with the last partial batch kept, shared features given."""
    n, columns, batch = 3400, (200, 14), 128
    x = [torch.randn(n, d) for d in columns]
    c = [F.normalize(torch.randn(n, 50), dim=1) for _ in columns]
    views = [View(foreach, d, 50, 50, 50, 10 / (2 * d), True) for d in columns]

    def epoch():
        for i, view in enumerate(views):
            for rows in torch.randperm(n).split(batch):
                view.step(x[i][rows], c[i][rows], c[1 - i][rows])
    return epoch


def invae_step(foreach):
    """inVAE of 2000 genes, 8 labels and 4 batches, batch 256, width 128, latents 10 + 5: the likelihood's count terms at nonzeros alone."""
    genes, batch, width, labels, batches = 2000, 256, 128, 8, 4
    norm = [lambda: nn.BatchNorm1d(width), nn.ReLU, lambda: nn.Dropout(0.1)]
    hidden = lambda inputs: nn.Sequential(nn.Linear(inputs, width), *(make() for make in norm))
    encoder, mean, logvar = hidden(genes), nn.Linear(width, 15), nn.Linear(width, 15)
    decoder = nn.Sequential(hidden(15 + batches), hidden(width), nn.Linear(width, genes))
    priors = [[nn.Sequential(nn.Linear(kinds, width), nn.ReLU()), nn.Linear(width, dim), nn.Linear(width, dim)]
              for kinds, dim in ((labels, 10), (batches, 5))]
    theta = nn.ParameterList([nn.Parameter(torch.zeros(genes))])
    modules = [encoder, mean, logvar, decoder, theta] + [net for prior in priors for net in prior]
    optimizer = torch.optim.Adam([p for module in modules for p in module.parameters()], lr=1e-3, weight_decay=1e-4, foreach=foreach)
    x = torch.floor(-(1.3 * torch.arange(1, genes + 1) / genes) * torch.log(1 - torch.rand(batch, genes)))
    label = F.one_hot(torch.randint(labels, (batch,)), labels).float()
    kind = F.one_hot(torch.randint(batches, (batch,)), batches).float()

    def divergence(m, v, prior, covariates):
        h = prior[0](covariates)
        s = torch.exp(prior[2](h)) + 1e-4
        return 0.5 * (torch.log(s / v) + (v + (m - prior[1](h)) ** 2) / s - 1).sum(1).mean()

    def step():
        h = encoder(torch.log1p(x))
        m, v = mean(h), torch.exp(logvar(h)) + 1e-4
        z = m + v.sqrt() * torch.randn_like(m)
        mu = torch.softmax(decoder(torch.cat([z, kind], 1)), 1) * x.sum(1, keepdim=True)
        shape = theta[0].exp()
        ratio = torch.log1p(mu / shape)
        i, j = torch.nonzero(x, as_tuple=True)
        counts, at = x[i, j], shape[j]
        terms = counts * (torch.log(mu[i, j] / at) - ratio[i, j]) + torch.lgamma(counts + at) - torch.lgamma(at)
        loss = (shape * ratio).sum(1).mean() - terms.sum() / batch
        minimize(loss + divergence(m[:, :10], v[:, :10], priors[0], label) + divergence(m[:, 10:], v[:, 10:], priors[1], kind), optimizer)
    return step


def info_nce(foreach, columns, batch):
    """Forward and backward to both sides, on unit rows at scale 1/0.07."""
    u, v = (F.normalize(torch.randn(batch, columns), dim=1).requires_grad_() for _ in range(2))
    target = torch.arange(batch)

    def step():
        u.grad = v.grad = None
        logits = (1 / 0.07) * (u @ v.T)
        ((F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2).backward()
    return step


def matmul(foreach, m, n, k):
    a, b, c = torch.randn(m, k), torch.randn(k, n), torch.empty(m, n)
    return lambda: torch.mm(a, b, out=c)


ROWS = {"mlp": (mlp_step, True), "simulation": (simulation_step, True), "epoch": (indiseek_epoch, True),
        "invae": (invae_step, True), "infonce": (info_nce, False), "matmul": (matmul, False)}
steps = {}                  # row name -> [step function, steps a chunk, best seconds] for each optimizer


def measure(name):
    """Another slice of the row; the best seconds of all its slices."""
    kind, *sizes = name.split()
    if kind not in ROWS:
        return "none"
    make, optimizes = ROWS[kind]
    if name not in steps:
        steps[name] = []
        for foreach in (False, True) if optimizes else (False,):
            torch.manual_seed(0)
            step = make(foreach, *map(int, sizes))
            step(), step()
            start = time.process_time()
            step()
            steps[name].append([step, max(1, int(CHUNK / (time.process_time() - start))), float("inf")])
    for entry in steps[name]:
        step, count, _ = entry
        end = time.process_time() + SLICE
        while time.process_time() < end:
            start = time.process_time()
            for _ in range(count):
                step()
            entry[2] = min(entry[2], (time.process_time() - start) / count)
    return " ".join("%.9g" % best for _, _, best in steps[name])


def blas():
    """The library that matrix products really use: what the process has opened."""
    torch.mm(torch.randn(64, 64), torch.randn(64, 64))
    try:
        files = {os.path.realpath(line.split()[-1]) for line in open("/proc/self/maps") if "blas" in line}
    except OSError:
        files = set()
    built = re.search(r"BLAS_INFO=(\w+)", torch.__config__.show())
    return ", ".join(sorted("/".join(path.split("/")[-2:]) for path in files)) or (built.group(1) if built else "unknown")


def main():
    torch.set_num_threads(1)
    print("PyTorch %s, BLAS %s, %d thread" % (torch.__version__, blas(), torch.get_num_threads()), flush=True)
    if sys.argv[1:] == ["--all"]:
        for name in ("mlp 6 100 10 128", "mlp 6 100 10 1000", "mlp 200 50 50 128", "mlp 200 50 50 1000", "mlp 2000 50 50 128",
                     "mlp 2000 50 50 1000", "simulation", "epoch", "invae", "infonce 50 128", "infonce 50 1000", "matmul 128 100 100",
                     "matmul 512 512 512"):
            print("%-22s %s us" % (name, "  ".join("%10.1f" % (1e6 * float(best)) for best in measure(name).split())))
        return
    for line in sys.stdin:
        print(measure(line.strip()), flush=True)


if __name__ == "__main__":
    main()
