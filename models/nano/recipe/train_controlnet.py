"""Trains a ControlNet for Canny edges on the committed checkpoint, with diffusers' own modules and in its layout.

    python train_controlnet.py --out $W/canny --minutes 120

It begins as a copy of the checkpoint's first blocks whose residuals are zero; guides are encoded as pictures are.
"""

import argparse
import os
import time
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageFilter

import train as T
from drawing import draw
from export import load
from model import DIT, Nano, pack

HERE = os.path.dirname(os.path.abspath(__file__))


def edges(im, low=60, high=140):
    """Canny's edges, white on black, (H, W, 3): thin ridges of the gradient that are strong, or touch strong ones."""
    g = np.asarray(Image.fromarray(im).convert("L").filter(ImageFilter.GaussianBlur(1)), np.float32)
    p = np.pad(g, 1, "edge")
    gx = (p[:-2, 2:] + 2 * p[1:-1, 2:] + p[2:, 2:]) - (p[:-2, :-2] + 2 * p[1:-1, :-2] + p[2:, :-2])
    gy = (p[2:, :-2] + 2 * p[2:, 1:-1] + p[2:, 2:]) - (p[:-2, :-2] + 2 * p[:-2, 1:-1] + p[:-2, 2:])
    m = np.pad(np.hypot(gx, gy), 1)
    here = m[1:-1, 1:-1]
    sector = np.round(np.arctan2(gy, gx) / (np.pi / 4)).astype(int) % 4
    ridge = np.zeros_like(here, bool)
    for k, (dy, dx) in enumerate([(0, 1), (1, 1), (1, 0), (1, -1)]):
        ahead, behind = [m[1 + s * dy:m.shape[0] - 1 + s * dy, 1 + s * dx:m.shape[1] - 1 + s * dx] for s in (1, -1)]
        ridge |= (sector == k) & (here >= ahead) & (here > behind)
    weak, strong = ridge & (here > low), ridge & (here > high)
    while True:
        grown = np.asarray(Image.fromarray(strong).convert("L").filter(ImageFilter.MaxFilter(3))) > 0
        grown &= weak
        if (grown == strong).all():
            return np.repeat((strong * 255).astype(np.uint8)[..., None], 3, 2)
        strong = grown


class Guided(T.Data):
    """Drawings together with their edges."""

    def latents(self, im):
        x = torch.from_numpy(im.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        return pack(((F.conv2d(x, self.kernel, stride=8) - self.mean) / self.std).contiguous())[0]

    def guided(self, n):
        scenes = [self.scene() for _ in range(n)]
        pictures = [draw(s)[0] for s in scenes]
        ids, mask = self.text_batch(scenes)
        return ids, mask, *(torch.stack([self.latents(p) for p in some]) for some in (pictures, [edges(p) for p in pictures]))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--model", default=os.path.join(HERE, ".."))
    ap.add_argument("--out", required=True)
    ap.add_argument("--minutes", type=float, default=120)
    ap.add_argument("--layers", type=int, default=2)
    ap.add_argument("--size", type=int, default=256)
    ap.add_argument("--batch", type=int, default=8)
    ap.add_argument("--lr", type=float, default=5e-4)
    ap.add_argument("--shift", type=float, default=4.0)
    ap.add_argument("--text-len", type=int, default=64)
    ap.add_argument("--max-len", type=int, default=8)
    ap.add_argument("--max-lines", type=int, default=2)
    ap.add_argument("--hanzi", type=float, default=0.05)
    ap.add_argument("--icons", type=float, default=0.25)
    ap.add_argument("--long", type=float, default=0.1)
    ap.add_argument("--threads", type=int, default=2)
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    from diffusers import QwenImageControlNetModel, QwenImageTransformer2DModel
    from transformers import AutoTokenizer
    base = QwenImageTransformer2DModel.from_pretrained(os.path.join(a.model, "transformer"), torch_dtype=torch.float32).requires_grad_(False)
    net = QwenImageControlNetModel.from_transformer(base, num_layers=a.layers, attention_head_dim=DIT["head_dim"], num_attention_heads=DIT["heads"])
    net.txt_norm.load_state_dict(base.txt_norm.state_dict())
    nano = Nano()
    nano.load_state_dict(load(a.model)[0])
    scenes = SimpleNamespace(**vars(a), min_len=1)
    data = Guided(None, AutoTokenizer.from_pretrained(T.TOKENIZER), scenes, np.random.default_rng(11), (a.size, a.size), 1, a.text_len)
    optimizer = torch.optim.AdamW(net.parameters(), lr=a.lr, weight_decay=0.01)
    shapes = [[(1, a.size // 16, a.size // 16)]] * a.batch
    began, step, mean = time.time(), 0, None
    while (left := 1 - (time.time() - began) / (a.minutes * 60)) > 0:
        ids, mask, x0, guide = data.guided(a.batch)
        with torch.no_grad():
            text = nano.text(data.prefix, ids)
        sigma, eps = T.sample_sigma(a.batch, a.shift), torch.randn_like(x0)
        s = sigma[:, None, None]
        seen = dict(hidden_states=(1 - s) * x0 + s * eps, encoder_hidden_states=text, encoder_hidden_states_mask=mask, timestep=sigma, img_shapes=shapes, return_dict=False)
        residuals = net(controlnet_cond=guide, **seen)[0]
        loss = F.mse_loss(base(controlnet_block_samples=residuals, **seen)[0], eps - x0)
        optimizer.zero_grad()
        loss.backward()
        for g in optimizer.param_groups:
            g["lr"] = a.lr * min(1, (step + 1) / 20, 0.1 + 3 * left)
        optimizer.step()
        step, mean = step + 1, loss.item() if mean is None else 0.95 * mean + 0.05 * loss.item()
        if step % 20 == 1:
            print(f"{(time.time() - began) / 60:.1f} min step {step} loss {mean:.4f}", flush=True)
    net.to(torch.bfloat16).save_pretrained(a.out)


if __name__ == "__main__":
    main()
