"""What training minimises: the velocity at random noise levels, and which character lies under each cell."""

import torch
import torch.nn.functional as F


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
    """Weight of each of a token's 64 numbers, mean 1: the energy that one unit of it has in the picture, to a power (0: all alike)."""
    energy = (std / kernel.flatten(1).norm(dim=1)) ** (2 * power)           # [16]
    return (energy / energy.mean()).repeat_interleave(4)                   # (a token holds 2x2 places of each channel)


def velocity_loss(v, target, cells, text_weight, channels=1.0):
    """Mean squared error, with the tokens that hold lettering and some channels counted more; and the plain mean."""
    square = (v - target).square()                                         # [B, L, 64]
    error = (square * channels).mean(-1)
    w = 1 + (text_weight - 1) * (cells > 0).any(-1)
    return (error * w).sum() / w.sum(), square.mean()


def char_loss(logits, cells):
    """Cross-entropy of the character under each cell; cells without one count little."""
    b, l, _ = logits.shape
    lg, y = logits.view(b, l, 4, -1).flatten(0, 2), cells.flatten()
    w = torch.where(y > 0, 1.0, 0.08)
    return (F.cross_entropy(lg, y, reduction="none") * w).sum() / w.sum()
