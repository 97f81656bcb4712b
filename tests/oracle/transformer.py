#!/usr/bin/env python3
"""PyTorch's own transformer encoder, float64: the vectors that tests/oracle/test_oracle_transformer.c compares with.

    make oracle         writes tests/oracle/transformer.safetensors (committed)

WHAT IS COMPUTED (nn.TransformerEncoderLayer and nn.TransformerEncoder, batch_first, no dropout, no last norm)
    Three samples of at most 5 steps, of lengths 5, 3 and 1, with 8 columns, 2 heads and 12 units in the feed-forward maps.
    src_key_padding_mask hides the steps beyond a sample's length; what stands there in x is not zero and must not matter.
    value = sum over the present steps of <g, output>, and the gradients are those of value.

THE FILE: safetensors, F64, but F32 where that loses nothing, and `lengths` I64; PyTorch's names, weights [out, in].  x and the
weights are exactly representable in float32.
    x g                                 [3, 5, 8]; g is 0 at absent steps
    lengths                             [3]
    net.layers.{0,1}.NAME               self_attn.{in_proj_weight,in_proj_bias,out_proj.weight,out_proj.bias},
                                        {linear1,linear2,norm1,norm2}.{weight,bias}: [24, 8] [24] [8, 8] [8] [12, 8] [12] [8, 12] [8] [8]
    CASE.*                              LAYERS.NORM.ACTIVATION: {1,2}.{post,pre}.{relu,gelu}, as in CASES; one layer is layers.0
        output                          [3, 5, 8], 0 at absent steps
        value                           []
        gradient.x                      [3, 5, 8]
        gradient.net.layers.N.NAME      as the weights
"""
import os

import torch
from torch import nn

from indiseek import write_safetensors

LENGTHS, STEPS, WIDTH, HEADS, FEED_FORWARD, LAYERS, SEED = (5, 3, 1), 5, 8, 2, 12, 2, 1
CASES = ((1, "post", "relu"), (1, "post", "gelu"), (1, "pre", "relu"), (1, "pre", "gelu"), (2, "post", "relu"), (2, "pre", "gelu"))
TARGET = os.path.join(os.path.dirname(os.path.abspath(__file__)), "transformer.safetensors")


def encoder(layers, norm, activation):
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, FEED_FORWARD, dropout=0.0, activation=activation, batch_first=True,
                                       norm_first=norm == "pre")
    return nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)


def draw(model):
    """No bias of 0, no norm of 1 and no two layers alike, which would hide that two were mixed up."""
    values = {}
    for name, value in model.state_dict().items():
        value = torch.empty_like(value)
        if name.endswith("bias"):
            value.normal_(0, 0.3)
        elif "norm" in name:
            value.normal_(1, 0.3)
        else:
            nn.init.xavier_uniform_(value, 2 if "in_proj" in name else 1)       # sharp attention
        values[name] = value
    return values


def run(case, weights, x, g, present, out):
    prefix, model = "%d.%s.%s." % case, encoder(*case)
    model.load_state_dict({name: weights[name] for name in model.state_dict()})
    x = x.clone().requires_grad_()
    output = model(x, src_key_padding_mask=~present)
    value = (g * output)[present].sum()
    value.backward()
    for i, length in enumerate(LENGTHS):                        # a short sample by itself, without a mask
        assert torch.allclose(model(x[i:i + 1, :length])[0], output[i, :length], rtol=0, atol=1e-13)
    out[prefix + "output"] = (output * present[:, :, None]).detach()
    out[prefix + "value"] = value.detach()
    out[prefix + "gradient.x"] = x.grad
    out.update({prefix + "gradient.net." + name: p.grad for name, p in model.named_parameters()})


def main():
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    present = torch.arange(STEPS)[None, :] < torch.tensor(LENGTHS)[:, None]
    weights = draw(encoder(LAYERS, "post", "relu"))
    x, g = torch.randn(2, len(LENGTHS), STEPS, WIDTH)
    g /= 4                                      # gradients of size 1, of which float32 knows 1e-6
    torch.set_default_dtype(torch.float64)
    x, g = x.double(), g.double() * present[:, :, None]
    weights = {name: value.double() for name, value in weights.items()}
    out = {"x": x, "g": g, "lengths": torch.tensor(LENGTHS)}
    out.update({"net." + name: value for name, value in weights.items()})
    for case in CASES:
        run(case, weights, x, g, present, out)
    size = write_safetensors(TARGET, out)
    print("%s: %d tensors, %d bytes" % (os.path.relpath(TARGET), len(out), size))
    for case in CASES:
        print("%d.%s.%-14s %.10f" % (*case, out["%d.%s.%s.value" % case]))


if __name__ == "__main__":
    main()
