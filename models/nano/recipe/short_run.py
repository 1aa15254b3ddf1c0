"""The common parts of the short trainings on the committed checkpoint: options, and the loop of AdamW steps until the time is over."""

import argparse
import os
import time

import torch

import precision

HERE = os.path.dirname(os.path.abspath(__file__))


def options(description, lr):
    ap = argparse.ArgumentParser(description=description)
    ap.add_argument("--model", default=os.path.join(HERE, ".."))
    ap.add_argument("--out", required=True)
    ap.add_argument("--minutes", type=float, default=60)
    ap.add_argument("--size", type=int, default=256)
    ap.add_argument("--batch", type=int, default=8)
    ap.add_argument("--lr", type=float, default=lr)
    ap.add_argument("--shift", type=float, default=4.0)
    ap.add_argument("--text-len", type=int, default=64)
    ap.add_argument("--min-len", type=int, default=1)
    ap.add_argument("--max-len", type=int, default=8)
    ap.add_argument("--min-lines", type=int, default=1)
    ap.add_argument("--max-lines", type=int, default=2)
    ap.add_argument("--fewest", type=float, default=0.5, help="share of signs with exactly the fewest lines")
    ap.add_argument("--hanzi", type=float, default=0.0)
    ap.add_argument("--icons", type=float, default=0.25)
    ap.add_argument("--long", type=float, default=0.1)
    ap.add_argument("--keep", type=int, default=128, help="image tokens of a sample in use; 0: all")
    ap.add_argument("--compile", action="store_true", help="three times as fast after two minutes")
    precision.add_option(ap)
    ap.add_argument("--threads", type=int, default=2)
    return ap


def optimise(a, parameters, loss_of_batch):
    """Steps on `loss_of_batch()`; the rate rises for 20 steps and falls to a tenth over the last third of the time."""
    optimizer = torch.optim.AdamW(parameters, lr=a.lr, weight_decay=0.01)
    began, step, mean = time.time(), 0, None
    while (left := 1 - (time.time() - began) / (a.minutes * 60)) > 0:
        loss = loss_of_batch()
        optimizer.zero_grad()
        loss.backward()
        for g in optimizer.param_groups:
            g["lr"] = a.lr * min(1, (step + 1) / 20, 0.1 + 2.7 * left)
        optimizer.step()
        step, mean = step + 1, loss.item() if mean is None else 0.95 * mean + 0.05 * loss.item()
        if step % 20 == 1:
            print(f"{(time.time() - began) / 60:.1f} min step {step} loss {mean:.4f}", flush=True)
