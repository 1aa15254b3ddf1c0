"""Trains a small LoRA of a style (styles.py) on the committed checkpoint, in PEFT's grammar of names as diffusers writes it.

    python train_lora.py --style neon --out $W/neon.safetensors --minutes 60
    python train_lora.py --style chalk --out $W/chalk.safetensors --minutes 60

Every attention and feed-forward matrix of both streams gets one; the fused projections share their first factor.
"""

import argparse
import os
import time
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file

import train as T
from export import load
from model import Nano, _pairs, rope_table
from styles import STYLES

HERE = os.path.dirname(os.path.abspath(__file__))


class Adapted(nn.Module):
    """A frozen linear layer and what is added to it: `B A x`."""

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
    return {ours[:-7]: [n[2:-7] for n in theirs] for ours, theirs in _pairs() if ours.endswith(".weight")}


def exported(adapters):
    out, theirs = {}, names()
    for ours, adapter in adapters.items():
        for name, b in zip(theirs[ours], adapter.b.chunk(len(theirs[ours]))):
            out[f"transformer.{name}.lora_A.weight"] = adapter.a.detach().to(torch.bfloat16).clone()
            out[f"transformer.{name}.lora_B.weight"] = b.detach().to(torch.bfloat16).clone()
    return out


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--style", required=True, choices=list(STYLES))
    ap.add_argument("--model", default=os.path.join(HERE, ".."))
    ap.add_argument("--out", required=True)
    ap.add_argument("--minutes", type=float, default=60)
    ap.add_argument("--size", type=int, default=256)
    ap.add_argument("--batch", type=int, default=8)
    ap.add_argument("--rank", type=int, default=8)
    ap.add_argument("--lr", type=float, default=1e-3)
    ap.add_argument("--shift", type=float, default=4.0)
    ap.add_argument("--text-len", type=int, default=64)
    ap.add_argument("--max-len", type=int, default=8)
    ap.add_argument("--max-lines", type=int, default=2)
    ap.add_argument("--hanzi", type=float, default=0.05)
    ap.add_argument("--icons", type=float, default=0.25)
    ap.add_argument("--long", type=float, default=0.2)
    ap.add_argument("--threads", type=int, default=2)
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    from transformers import AutoTokenizer
    nano = Nano()
    nano.load_state_dict(load(a.model)[0])
    adapters = adapt(nano, a.rank)
    scenes = SimpleNamespace(**vars(a), min_len=1)
    data = T.Data(None, AutoTokenizer.from_pretrained(T.TOKENIZER), scenes, np.random.default_rng(7), (a.size, a.size), 512, a.text_len, STYLES[a.style])
    data.add(4 * a.batch)
    rope = rope_table(a.size // 16, a.size // 16, a.text_len)
    parameters = [p for p in nano.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=a.lr, weight_decay=0.01)
    began, step, mean = time.time(), 0, None
    while (left := 1 - (time.time() - began) / (a.minutes * 60)) > 0:
        ids, mask, x0, _ = data.batch(a.batch, max(1, a.batch // 4))
        sigma, eps = T.sample_sigma(a.batch, a.shift), torch.randn_like(x0)
        s = sigma[:, None, None]
        loss = F.mse_loss(nano(data.prefix, ids, mask, (1 - s) * x0 + s * eps, sigma, *rope)[0], eps - x0)
        optimizer.zero_grad()
        loss.backward()
        for g in optimizer.param_groups:
            g["lr"] = a.lr * min(1, (step + 1) / 20, 0.1 + 3 * left)
        optimizer.step()
        step, mean = step + 1, loss.item() if mean is None else 0.95 * mean + 0.05 * loss.item()
        if step % 20 == 1:
            print(f"{(time.time() - began) / 60:.1f} min step {step} loss {mean:.4f}", flush=True)
    os.makedirs(os.path.dirname(os.path.abspath(a.out)), exist_ok=True)
    save_file(exported(adapters), a.out, metadata={"format": "pt", "style": a.style})


if __name__ == "__main__":
    main()
