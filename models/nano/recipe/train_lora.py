"""Trains a small LoRA of a style (styles.py) on the committed checkpoint, with PEFT's names as diffusers writes them.

    python train_lora.py --style neon --out $W/neon.safetensors --minutes 11 --compile
    python train_lora.py --style chalk --out $W/chalk.safetensors --minutes 11 --compile

Every attention and feed-forward matrix of both streams gets one; the fused projections share their first factor.
"""

import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file
from transformers import AutoTokenizer

from data import TOKENIZER, Data
from export import load, save_tensors
from layer_names import pairs
from model import Nano
from objective import noised, sample_sigma
from precision import products
from short_run import optimise, options
from styles import STYLES


class Adapted(nn.Module):
    """A frozen linear layer, plus `B A x`."""

    def __init__(self, layer, rank):
        super().__init__()
        self.layer = layer
        self.a = nn.Parameter(torch.randn(rank, layer.in_features) / rank)
        self.b = nn.Parameter(torch.zeros(layer.out_features, rank))

    def forward(self, x):
        return self.layer(x) + F.linear(F.linear(x, self.a), self.b)


def adapt(nano, rank):
    """Puts adapters into the transformer's blocks; their names here, without `.weight`."""
    nano.requires_grad_(False)
    found = {}
    for i, block in enumerate(nano.dit.blocks):
        for stream in ("img", "txt"):
            for name in ("qkv", "out", "up", "down"):
                side = getattr(block, stream)
                setattr(side, name, Adapted(getattr(side, name), rank))
                found[f"dit.blocks.{i}.{stream}.{name}"] = getattr(side, name)
    return found


def names():
    """Matrix here -> matrices of diffusers."""
    return {ours[:-7]: [n[2:-7] for n in theirs] for ours, theirs in pairs() if ours.endswith(".weight")}


def exported(adapters):
    out, theirs = {}, names()
    for ours, adapter in adapters.items():
        for name, b in zip(theirs[ours], adapter.b.chunk(len(theirs[ours]))):
            out[f"transformer.{name}.lora_A.weight"] = adapter.a.detach().to(torch.bfloat16).clone()
            out[f"transformer.{name}.lora_B.weight"] = b.detach().to(torch.bfloat16).clone()
    return out


def import_state(adapters, state):
    """The inverse of `exported`. Layers that the LoRA does not have start untrained."""
    theirs = names()
    for ours, adapter in adapters.items():
        keys = [f"transformer.{name}.lora_" for name in theirs[ours]]
        if keys[0] + "A.weight" not in state:
            continue
        adapter.a.data.copy_(state[keys[0] + "A.weight"])
        adapter.b.data.copy_(torch.cat([state[k + "B.weight"] for k in keys]))


def main():
    ap = options(__doc__, lr=1e-3)
    ap.add_argument("--style", required=True, choices=list(STYLES))
    ap.add_argument("--rank", type=int, default=8)
    ap.add_argument("--resume-from", default="", help="a LoRA to continue from, for example after the checkpoint has changed")
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    nano = Nano()
    nano.load_state_dict(load(a.model)[0])
    adapters = adapt(nano, a.rank)
    if a.resume_from:
        import_state(adapters, load_file(a.resume_from))
    data = Data(AutoTokenizer.from_pretrained(TOKENIZER), a, np.random.default_rng(7), (a.size, a.size), 512, STYLES[a.style])
    data.add(4 * a.batch)

    run = torch.compile(nano, dynamic=False) if a.compile else nano

    def loss_of_batch():
        ids, mask, x0, _, *rope = data.batch(a.batch, max(1, a.batch // 4))
        sigma = sample_sigma(a.batch, a.shift)
        x, target = noised(x0, sigma)
        with products(a):
            v = run(data.prefix, ids, mask, x, sigma, *rope)[0]
        return F.mse_loss(v.float(), target)

    optimise(a, [p for p in nano.parameters() if p.requires_grad], loss_of_batch)
    os.makedirs(os.path.dirname(os.path.abspath(a.out)), exist_ok=True)
    save_tensors(exported(adapters), a.out, metadata={"format": "pt", "style": a.style})


if __name__ == "__main__":
    main()
