"""The losses of the training: the velocity at random noise levels; the character under each cell, and the position in it;
and the position of the ink in any colour."""

import torch
import torch.nn.functional as F

from layout import SIZES
from model import PLACE

WEIGHT = (72 / torch.tensor(list(SIZES))).clamp(1, 3)                      # weight of lettering by size: small letters cover few tokens, and a sign has more of
                                                                           # them (after 962 k samples one letter in twenty was wrong in words of six to eight, one in fifty in shorter ones)


def sample_sigma(n, shift):
    """n noise levels: logit-normal, one from each n-th of the distribution in random order, moved towards noise by `shift`."""
    quantile = ((torch.randperm(n) + torch.rand(n)) / n).clamp(1e-6, 1 - 1e-6)
    s = torch.sigmoid(torch.special.ndtri(quantile))
    return shift * s / (1 + (shift - 1) * s)


def noised(x0, sigma):
    """Latents at noise level sigma (B,) and the velocity towards noise, both (B, L, 64)."""
    eps, s = torch.randn_like(x0), sigma[:, None, None]
    return (1 - s) * x0 + s * eps, eps - x0


def pixel_weights(kernel, std, power):
    """Weight of each of a token's 64 numbers, mean 1: the energy of one unit of it in the image, to a power (0: all equal)."""
    energy = (std / kernel.flatten(1).norm(dim=1)) ** (2 * power)           # [16]
    return (energy / energy.mean()).repeat_interleave(4)                   # (a token holds 2x2 places of each channel)


def lettering(cells, places):
    """Weight of each token (B, L): 0 without lettering or pictogram, else 1, or more for a small one."""
    return (WEIGHT[places.unflatten(-1, (4, 4))[..., 0]] * (cells > 0)).amax(-1)


def velocity_loss(v, target, weight, text_weight, channels=1.0):
    """Mean squared error, with a higher weight for tokens with lettering (`weight` (B, L) from `lettering`) and for some channels; and the plain mean."""
    square = (v - target).square()                                         # [B, L, 64]
    error = (square * channels).mean(-1)
    w = 1 + (text_weight - 1) * weight
    return (error * w).sum() / w.sum(), square.mean()


def char_loss(logits, cells):
    """Cross-entropy of the character under each cell; cells without one count little."""
    b, l, _ = logits.shape
    lg, y = logits.view(b, l, 4, -1).flatten(0, 2), cells.flatten()
    w = torch.where(y > 0, 1.0, 0.08)
    return (F.cross_entropy(lg, y, reduction="none") * w).sum() / w.sum()


def place_loss(logits, places, cells):
    """Mean cross-entropy of size, kind, column and row, (B, L, 16), of the cells that have a character."""
    on = (cells > 0).float()                                               # [B, L, 4]
    logits, places = logits.unflatten(-1, (4, -1)), places.unflatten(-1, (4, 4))
    parts = [F.cross_entropy(part.flatten(0, 2), places[..., i].flatten(), reduction="none") for i, part in enumerate(logits.split(PLACE, -1))]
    return (sum(parts) / len(parts) * on.flatten()).sum() / on.sum().clamp(min=1)


def ink_loss(logits, ink, weight):
    """Binary cross-entropy of the ink in each pair of pixels, (B, L, 64) each; tokens without lettering count little."""
    w = weight.clamp(min=0.1)
    return (F.binary_cross_entropy_with_logits(logits, ink, reduction="none").mean(-1) * w).sum() / w.sum()


def glyph_loss(logits, ids, bitmaps, known):
    """Binary cross-entropy of the bitmaps (vocabulary, GLYPH * GLYPH) of the tokens `ids` (B, T), if they have one (vocabulary,)."""
    w = known[ids]
    return (F.binary_cross_entropy_with_logits(logits, bitmaps[ids], reduction="none").mean(-1) * w).sum() / w.sum().clamp(min=1)
