"""Contact sheets of a model in training, and its share of correctly named characters and pictograms."""

import math

import numpy as np
import torch
from PIL import Image

from model import rope_table, unpack
from scenes import CHARACTERS


@torch.no_grad()
def generate(nano, data, prompts, gh, gw, steps=20, cfg=4.0, seed=0, negative=" "):
    """Euler with norm-rescaled guidance as in diffusers; latents (B, L, 64)."""
    n = len(prompts)
    rows = [data.ids(p) for p in prompts] + [data.ids(negative)] * n
    t = max(map(len, rows))
    ids, mask = torch.zeros(2 * n, t, dtype=torch.long), torch.zeros(2 * n, t, dtype=torch.bool)
    for i, r in enumerate(rows):
        ids[i, :len(r)], mask[i, :len(r)] = torch.tensor(r), True
    txt = nano.text(data.prefix, ids)
    L = gh * gw
    mu = 0.5 + 0.4 * (L - 256) / 7936
    sg = np.linspace(1, 1 / steps, steps)
    sg = math.exp(mu) / (math.exp(mu) + (1 / sg - 1))
    sg = 1 - (1 - sg) / ((1 - sg[-1]) / 0.98)
    sg = np.append(sg, 0.0)
    x = torch.randn(n, L, 64, generator=torch.Generator().manual_seed(seed))
    rope = rope_table(gh, gw, t)
    for a, b in zip(sg[:-1], sg[1:]):
        v = nano.dit(torch.cat([x, x]), txt, mask, torch.full((2 * n,), float(a)), *rope)[0]
        c, u = v.chunk(2)
        k = u + cfg * (c - u)
        k = k * (c.norm(dim=-1, keepdim=True) / k.norm(dim=-1, keepdim=True))
        x = x + float(b - a) * k
    return x


@torch.no_grad()
def contact(nano, vae, data, path, prompts, cols=6):
    x = generate(nano, data, prompts, *data.grid)
    im = vae.decode(unpack(x, *data.grid) * data.std + data.mean).clamp(-1, 1)
    im = ((im * 0.5 + 0.5) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    rows = [np.concatenate(list(im[i:i + cols]), 1) for i in range(0, len(im), cols)]
    Image.fromarray(np.concatenate(rows, 0)).save(path)


PREVIEW = [
    'a red sign that says "CAT" in white sans letters on a blue background', 'a cozy bakery sign that says "BREAD" in white serif letters on dark green wood',
    'a yellow round sign that says "STOP" in black sans letters, navy background', 'a wooden sign that says "TEA" in cream serif letters, with a kettle above the text',
    'a black chalkboard sign reading "Soup" in white script letters on a brick wall', 'a navy rounded label with the text "MOON" in gold slab letters and a moon on top, cream background',
    '"HI" in pink script letters on a white banner, teal background', 'a purple oval sign that says "Open" in yellow serif letters against a gray backdrop',
    'a white sign with a red heart on a pink background', 'a green hexagonal sign that says "LEAF" in cream mono letters, brown background',
    'a cream paper label saying "Jam" in maroon script letters with a maroon border, on a brown wooden wall', 'a teal shield that says "7" in white slab letters on a orange background',
]


@torch.no_grad()
def char_accuracy(net, data, held, sigma=0.999):
    """Share of cells with letters, and with pictograms, that the auxiliary head names correctly when only the caption can determine them."""
    ids, mask, x0, cells = held
    g = torch.Generator().manual_seed(3)
    eps = torch.randn(x0.shape, generator=g)
    s = torch.full((x0.shape[0],), sigma)
    x = (1 - sigma) * x0 + sigma * eps
    names = net(data.prefix, ids, mask, x, s, *data.rope)[1]
    p = names.view(*names.shape[:2], 4, -1).argmax(-1)
    right = lambda on: (p == cells)[on].float().mean().item()
    return right((cells > 0) & (cells <= CHARACTERS)), right(cells > CHARACTERS)
