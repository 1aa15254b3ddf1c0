"""Batches for training: scenes rendered during the training, encoded once, used a few times, each time with another caption."""

import os

import numpy as np
import torch
import torch.nn.functional as F

from captions import caption
from drawing import draw
from layout import cell_map
from long_captions import long_caption
from model import pack, rope_table
from scenes import CLASSES, sample_scene
from tokenizer import PREFIX, SUFFIX

HERE = os.path.dirname(os.path.abspath(__file__))
LATENTS = np.load(os.path.join(HERE, "latents.npz"))                       # kernel, mean and std of the latents: these never change
TOKENIZER = os.path.join(HERE, "..", "tokenizer")


class Data:
    """Rolling buffer of encoded scenes of one size.

    `a` (a plan's kind, or options of the same names) selects the scenes: min_len, max_len, min_lines, max_lines, fewest, hanzi, icons. `long` is the share of
    captions with filler sentences. With `keep`, a sample has only that many of its image tokens, in one piece with lettering or a pictogram in it. That
    piece is what the model has to learn; a plain background is learned soon.
    """

    def __init__(self, tok, a, rng, size, capacity, draw=draw):
        self.draw, self.tok, self.a, self.rng, self.size, self.cap = draw, tok, a, rng, size, capacity
        self.text_len, self.keep, self.long = a.text_len, a.keep, a.long
        self.grid = size[1] // 16, size[0] // 16
        self.mean, self.std = [torch.from_numpy(LATENTS[k]).view(1, -1, 1, 1) for k in ("mean", "std")]
        self.kernel = torch.from_numpy(LATENTS["kernel"])                    # the VAE's encoder is this kernel, exactly (linear_encoder.py)
        self.rope = rope_table(*self.grid, a.text_len)
        self.items, self.next = [], 0
        self.suffix = tok(SUFFIX)["input_ids"]
        self.prefix = torch.tensor([tok(PREFIX)["input_ids"]])
        self.classes = {c: i + 1 for i, c in enumerate(CLASSES)}

    def ids(self, text):
        return self.tok(text)["input_ids"] + self.suffix if text else list(self.suffix)

    def scene(self, held_out=False):
        a = self.a
        lines = a.max_lines if self.rng.random() < 0.3 else min(a.max_lines, 2)
        return sample_scene(self.rng, *self.size, a.min_len, a.max_len, lines, a.hanzi, a.icons, held_out, a.fewest, a.min_lines)

    def encode(self, pictures):
        """uint8 images (H, W, 3) -> packed, normalised latents (B, L, 64)."""
        x = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
        return pack(((F.conv2d(x, self.kernel, stride=8) - self.mean) / self.std).contiguous())

    def make(self, n, held_out=False):
        """n of (scene, latents (L, 64) half, classes under the four cells of each token (L, 4), the cells' place in their letters (L, 16: size, kind, column, row of
        each), ink of its 8x8 pixel pairs (L, 64) uint8)."""
        scenes, pictures, cells, inks = [self.scene(held_out) for _ in range(n)], [], [], []
        for s in scenes:
            picture, chars, icons, ink = self.draw(s)
            pictures.append(picture)
            cells.append(cell_map(icons + chars, self.classes, *self.size))
            inks.append(ink)
        ink = 255 * F.avg_pool2d(torch.from_numpy(np.stack(inks))[:, None], 2)[:, 0]
        names, *places = [self.by_token(c, 2) for c in torch.from_numpy(np.stack(cells)).to(torch.int16).unbind(-1)]
        return list(zip(scenes, self.encode(pictures).half(), names, torch.stack(places, -1).flatten(2), self.by_token(ink, 8).to(torch.uint8)))

    def by_token(self, x, k):
        """(n, rows, columns) with k x k values a token -> (n, L, k * k)."""
        gh, gw = self.grid
        return x.view(-1, gh, k, gw, k).permute(0, 1, 3, 2, 4).reshape(len(x), gh * gw, k * k)

    def add(self, n):
        for it in self.make(n):
            if len(self.items) < self.cap:
                self.items.append(it)
            else:
                self.items[self.next] = it
                self.next = (self.next + 1) % self.cap

    def caption_ids(self, scene, most):
        """Ids of a caption that fits; sometimes a long one."""
        if self.long and self.rng.random() < self.long:
            text = long_caption(scene, self.rng, lambda text: len(self.ids(text)) <= most)
            if text:
                return self.ids(text)
        for k in range(4):
            ids = self.ids(caption(scene, self.rng, 1.0 - 0.3 * k))
            if len(ids) <= most:
                break
        return ids

    def text_batch(self, scenes, drop=True):
        """Padded ids and mask (B, T); a tenth of the captions are omitted, half of them as the blank of the negative prompt."""
        rows, t = [], self.text_len
        for s in scenes:
            r = self.rng.random()
            if drop and r < 0.10:
                ids = self.ids("" if r < 0.05 else " ")
            else:
                ids = self.caption_ids(s, t)
            rows.append(ids[:t])
        ids = torch.zeros(len(rows), t, dtype=torch.long)
        mask = torch.zeros(len(rows), t, dtype=torch.bool)
        for i, r in enumerate(rows):
            ids[i, :len(r)] = torch.tensor(r)
            mask[i, :len(r)] = True
        return ids, mask

    def batch(self, n, fresh):
        """ids, mask, latents (n, L or keep, 64), (cells (.., 4), places (.., 16), ink (.., 64) 0..1), rope's cos and sin; first renders `fresh` new scenes."""
        self.add(fresh)
        got = [self.items[int(i)] for i in self.rng.integers(0, len(self.items), n)]
        ids, mask = self.text_batch([g[0] for g in got])
        latents, cells, places, ink = [torch.stack(x) for x in list(zip(*got))[1:]]
        latents, marks = latents.float(), (cells.long(), places.long(), ink / 255)
        return ids, mask, *(self.thin(latents, marks) if self.keep else (latents, marks, *self.rope))

    def busy(self, latents, cells):
        """True for tokens (n, L) with lettering or a pictogram."""
        return (cells > 0).any(-1)

    def thin(self, latents, marks):
        """`keep` tokens consecutive tokens of each sample in reading order, around one with lettering or a pictogram."""
        n, l, keep = *latents.shape[:2], self.keep
        busy = self.busy(latents, marks[0]).float() + 1e-3
        start = (busy.multinomial(1) - torch.randint(0, keep, (n, 1))).clamp(0, l - keep)
        at = start + torch.arange(keep)                                      # [n, keep]
        take = lambda x: x.gather(1, at[..., None].expand(-1, -1, x.shape[-1]))
        rope = [torch.cat([r[:self.text_len].expand(n, -1, -1), r[self.text_len:][at]], 1) for r in self.rope]    # [n, T + keep, 32]
        return take(latents), tuple(map(take, marks)), *rope
