#!/usr/bin/env python3
"""PyTorch's side of bench_gpu.c: the same training steps, eager, as CUDA graph, and many models by torch.func.vmap.

    peer_torch_gpu.py [--seconds S] [--small] [--cpu]

Prints one JSON object a row, as bench_gpu does, the most important rows first, and ends by itself after S seconds (60):
rows that it did not come to are named.  --cpu runs what can run without a GPU, to try this script; its numbers mean
nothing.  Adam is fused; float32 products unless a row says tf32; gradients are set to None.  The batch is made once and
stays the same; an IndiSeek step of bench_gpu also draws and gathers its batch, which is not asked of PyTorch.
Exit code 77: there is no PyTorch here that can use a GPU.
"""
import argparse
import json
import math
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("--seconds", type=float, default=60)
parser.add_argument("--small", action="store_true")
parser.add_argument("--cpu", action="store_true")
options = parser.parse_args()
start = time.monotonic()


def say(row, value=None, unit="", note=""):
    print(json.dumps({"row": row, "ok": value is not None, "value": value, "unit": unit, "note": note}), flush=True)


try:
    import torch
    import torch.nn.functional as F
except Exception as error:          # also libraries of CUDA that do not load
    say("PyTorch", note="not here: %s" % error)
    sys.exit(77)
if not options.cpu and not torch.cuda.is_available():
    say("PyTorch", note="PyTorch %s finds no GPU" % torch.__version__)
    sys.exit(77)
try:
    from torch.func import grad, vmap
except ImportError:
    try:
        from functorch import grad, vmap        # the same, before 2.0
    except ImportError:
        grad = vmap = None

device = "cpu" if options.cpu else "cuda"
SLICE = 0.01 if options.small else 0.6          # seconds that a row is measured
WIDTH, BATCH, DIM = (8, 16, 4) if options.small else (100, 128, 10)


# ---- networks as lists of tensors, so that one function serves one model and, under vmap, many -----------------------

def make(inputs, outputs, models):
    """Weights and biases of 5 linear maps, PyTorch's first values; [models, ...] when models > 0."""
    sizes = [inputs, WIDTH, WIDTH, WIDTH, WIDTH, outputs]
    lead = [models] if models else []
    out = []
    for i in range(5):
        bound = 1 / math.sqrt(sizes[i])
        for shape in ([sizes[i + 1], sizes[i]], [sizes[i + 1]]):
            out.append(torch.empty(lead + shape, device=device).uniform_(-bound, bound).requires_grad_())
    return out


def net(p, x):
    for i in range(0, 10, 2):
        x = F.linear(x, p[i], p[i + 1])
        if i < 8:
            x = F.relu(x)
    return x


def adam(parameters, graph):
    if options.cpu:
        return torch.optim.Adam(parameters, lr=1e-3)
    return torch.optim.Adam(parameters, lr=1e-3, fused=True, capturable=graph)


def update(parameters, optimizer, loss, inputs, many):
    """One step down loss(parameters, *inputs); `many`: which inputs have an axis of models, under vmap, else None."""
    if many is None:
        optimizer.zero_grad(set_to_none=True)
        loss(parameters, *inputs).backward()
    else:
        gradients = vmap(grad(loss), in_dims=(0,) + many)([p.detach() for p in parameters], *inputs)
        for p, g in zip(parameters, gradients):
            p.grad = g
    optimizer.step()


# ---- rows: each returns a function that does one step of all its models ----------------------------------------------

def mlp_step(models, graph):
    """Forward, mean over the rows of the summed squared error, backward, Adam."""
    p = make(6, 10, models)
    x, y = torch.randn(BATCH, 6, device=device), torch.randn(BATCH, 10, device=device)
    optimizer = adam(p, graph)

    def loss(p, x, y):
        return ((net(p, x) - y) ** 2).sum(1).mean()
    return lambda: update(p, optimizer, loss, (x, y), (None, None) if models else None)


def indiseek_step(models, graph):
    """5 updates of the critic on the batch's Z, one of encoder and decoder; CLUB over all pairs by the batch's moments."""
    encoder, decoder = make(6, DIM, models), make(DIM + 2, 6, models)
    critic = make(2, DIM, models) + make(2, DIM, models)
    x, c = torch.randn(BATCH, 6, device=device), torch.randn(BATCH, 2, device=device)
    main, fit = adam(encoder + decoder, graph), adam(critic, graph)

    def critic_loss(q, z, c):
        mean, logvar = net(q[:10], c), torch.tanh(net(q[10:], c))
        return (((mean - z) ** 2) * torch.exp(-logvar) + logvar).sum(1).mean()

    def main_loss(p, x, c, mean, logvar):
        z = net(p[:10], x)
        precision, center = torch.exp(-logvar), z.mean(0)
        spread = ((z - center) ** 2).mean(0)
        club = 0.5 * ((spread + (center - mean) ** 2 - (z - mean) ** 2) * precision).sum(1).mean()
        return club + 0.1 / 12 * ((net(p[10:], torch.cat([z, c], 1)) - x) ** 2).sum(1).mean()

    def apply(p, x):
        with torch.no_grad():
            return vmap(net, in_dims=(0, None))(p, x) if models else net(p, x)

    def step():
        z = apply(encoder, x)
        for _ in range(5):
            update(critic, fit, critic_loss, (z, c), (0, None) if models else None)
        mean, logvar = apply(critic[:10], c), torch.tanh(apply(critic[10:], c))
        update(encoder + decoder, main, main_loss, (x, c, mean, logvar), (None, None, 0, 0) if models else None)
    return step


def info_nce(rows):
    """Forward and backward to both sides, on unit rows at scale 1 / 0.07."""
    u, v = (F.normalize(torch.randn(rows, 50, device=device), dim=1).requires_grad_() for _ in range(2))
    target = torch.arange(rows, device=device)

    def step():
        u.grad = v.grad = None
        logits = (1 / 0.07) * (u @ v.T)
        ((F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2).backward()
    return step


# ---- measuring -------------------------------------------------------------------------------------------------------

def wait():
    if not options.cpu:
        torch.cuda.synchronize()


def captured(step):
    """A CUDA graph of the step; what it makes while warming up is on a stream of its own, as PyTorch asks for."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def seconds_of(step):
    """Of one step: the best chunk of several."""
    for _ in range(3):
        step()
    wait()
    begin = time.monotonic()
    step()
    wait()
    count = 1 + int(0.1 * SLICE / (time.monotonic() - begin + 1e-9))
    best, end = math.inf, time.monotonic() + SLICE
    while best == math.inf or time.monotonic() < end:
        begin = time.monotonic()
        for _ in range(count):
            step()
        wait()
        best = min(best, (time.monotonic() - begin) / count)
    return best


def measure(row, make_step, arguments, models, graph, tf32=False, unit="model-steps/s"):
    if graph and options.cpu:
        return say(row, note="no CUDA graphs on the CPU")
    if models > 1 and vmap is None:
        return say(row, note="this PyTorch has no vmap")
    try:
        torch.manual_seed(0)
        if not options.cpu:
            torch.backends.cuda.matmul.allow_tf32 = tf32
        step = make_step(*arguments)
        seconds = seconds_of(captured(step) if graph else step)
    except Exception as error:
        return say(row, note=" ".join(str(error).split())[:300] or repr(error))
    if unit == "us":
        return say(row, seconds * 1e6, unit)
    return say(row, models / seconds, unit, "%.1f us a step of all" % (seconds * 1e6))


def jobs():
    works = (("MLP step", mlp_step), ("IndiSeek step", indiseek_step))
    for models in (1, 132, 64, 264, 8):
        for name, make_step in works:
            for graph in (True, False):
                how = ("CUDA graph of vmap" if graph else "eager vmap") if models > 1 else "CUDA graph" if graph else "eager"
                row = "%s, %d model%s, PyTorch %s" % (name, models, "s" if models > 1 else "", how)
                yield row, make_step, (models if models > 1 else 0, graph), models, graph
        if models == 132:
            for name, make_step in works:
                row = name + ", 132 models, PyTorch CUDA graph of vmap, tf32"
                yield row, make_step, (132, True), models, True, True
    for rows in (128, 1024, 8192):
        for graph in (True, False):
            row = "InfoNCE forward and backward, %d x 50, PyTorch %s" % (rows, "CUDA graph" if graph else "eager")
            yield row, info_nce, (rows if not options.small else 16,), 1, graph, False, "us"


say("PyTorch", float(".".join(torch.__version__.split(".")[:2])), "version", "%s, CUDA %s, %s" % (
    torch.__version__, torch.version.cuda, "CPU" if options.cpu else torch.cuda.get_device_name(0)))
late = []
for job in jobs():
    if time.monotonic() - start > options.seconds - 3 * SLICE:
        late.append(job[0])
    else:
        measure(*job)
if late:
    say("PyTorch, further rows", note="%.0f s were spent; left out: %s" % (options.seconds, "; ".join(late)))
