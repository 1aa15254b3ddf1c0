"""Writes the best linear encoder into the VAE's weights, without training: PCA of 8x8 blocks of the scenes.

A latent of this VAE sees 192 numbers (8x8 pixels, 3 colours) and keeps 16. The 16 principal components of scenes keep 28 dB.
That is more than after hours of training on two cores, and this architecture computes them exactly:

* residual blocks have no effect (conv2 = 0), their 1x1 shortcuts copy;
* a stride-2 convolution whose third tap is zero sees 2x2 cells: 12 numbers after the first, the best 32 of 48 after the second,
  the 16 components after the third;
* the last norm divides by the length of a vector in which spare channels hold a large constant, so the length hardly varies;
* silu(z) - silu(-z) = z makes the last activation linear.

Run: `python linear_encoder.py --out DIR` -> DIR/vae.pt (decoder untrained) and DIR/latents.npz, the kernel with its statistics.
"""

import argparse
import os

import numpy as np
import torch
import torch.nn.functional as F

from drawing import draw
from scenes import sample_scene
from vae import Vae

SIZES = [(128, 128), (160, 112), (112, 160), (256, 256), (192, 288), (288, 192), (256, 192)]
CONSTANT = 64.0


def blocks(count, seed, size=8):
    """8x8 blocks of `count` scenes, (n, 192) in -1..1, features ordered (y, x, colour)."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(count):
        w, h = SIZES[int(rng.integers(len(SIZES)))]
        a = draw(sample_scene(rng, w, h, 1, 10, 3, p_hanzi=0.12, p_icon=0.4))[0].astype(np.float32) / 127.5 - 1
        b = a.reshape(h // size, size, w // size, size, 3).transpose(0, 2, 1, 3, 4).reshape(-1, size * size * 3)
        out.append(b[rng.permutation(len(b))[:150]])
    return np.concatenate(out)


def power(matrix, exponent):
    w, v = np.linalg.eigh(matrix)
    w = np.maximum(w, 1e-5 * w.max())
    return (v * w**exponent) @ v.T


def quadrants(features):
    """Of (n, 192) or (192, n)-like feature axis: the index lists of the four 4x4 quadrants, each 48 long, ordered (y, x, colour)."""
    index = np.arange(192).reshape(8, 8, 3)
    return [index[y:y + 4, x:x + 4].reshape(-1) for y in (0, 4) for x in (0, 4)]


def solve(samples):
    """-> components (16, 192) as the network computes them, second stage (32, 48), third stage (16, 4, 32), mean, eigenvalues."""
    covariance = np.cov(samples.T)
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1][:16], vectors[:, ::-1][:, :16]
    whitened = (vectors / np.sqrt(values)).T                                     # (16, 192), unit variance outputs
    q = quadrants(192)
    small = np.cov(np.concatenate([samples[:, i] for i in q]).T)                 # (48, 48)
    root, inverse = power(small, 0.5), power(small, -0.5)
    wanted = np.concatenate([(whitened[:, i] * np.sqrt(values)[:, None]) @ root for i in q])  # weight functionals by their energy
    basis = np.linalg.svd(wanted)[2][:32]                                        # (32, 48)
    second = basis @ inverse
    third = np.stack([whitened[:, i] @ root @ basis.T for i in q], 1)            # (16, 4, 32)
    components = np.zeros((16, 192))
    for k, i in enumerate(q):
        components[:, i] = third[:, k] @ second
    return components, second, third, values


def install(vae, second, third):
    """Writes the stages into the encoder. Cells are ordered (dy, dx); level-1 features (dy, dx, colour)."""
    e = vae.encoder
    with torch.no_grad():
        for p in list(e.parameters()) + list(vae.quant_conv.parameters()):
            p.zero_()
        for m in e.modules():
            if hasattr(m, "gamma"):
                m.gamma.fill_(1)
        for c in range(3):
            e.conv_in.weight[c, c, 1, 1] = 1
        res = [b for b in e.down_blocks if hasattr(b, "conv1")]
        down = [b.resample[1] for b in e.down_blocks if hasattr(b, "resample")]
        for dy in (0, 1):
            for dx in (0, 1):
                for c in range(3):
                    down[0].weight[(dy * 2 + dx) * 3 + c, c, dy, dx] = 1
        for r, n in ((res[1], 12), (res[2], 32)):
            for i in range(n):
                r.conv_shortcut.weight[i, i, 0, 0] = 1
        two = torch.tensor(second.reshape(32, 2, 2, 2, 2, 3), dtype=torch.float32)     # out, Y, dy, X, dx, colour
        for y in (0, 1):
            for x in (0, 1):
                down[1].weight[:32, :12, y, x] = two[:, y, :, x].reshape(32, 12)
        three = torch.tensor(third, dtype=torch.float32)
        for y in (0, 1):
            for x in (0, 1):
                down[2].weight[:16, :32, y, x] = three[:, y * 2 + x]
        width = res[3].conv_shortcut.weight.shape[0]
        for i in range(16):
            res[3].conv_shortcut.weight[i, i, 0, 0] = 1
            res[3].conv_shortcut.weight[16 + i, i, 0, 0] = -1
        res[3].conv_shortcut.bias[32:] = CONSTANT
        scale = width**0.5 / (CONSTANT * (width - 32) ** 0.5)
        for i in range(16):
            e.conv_out.weight[i, i, 1, 1] = 1 / scale
            e.conv_out.weight[i, 16 + i, 1, 1] = -1 / scale
        for i in range(32):
            vae.quant_conv.weight[i, i, 0, 0] = 1
        vae.quant_conv.bias[16:] = -9.0                                          # log variance: a standard deviation of 0.011


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--drawings", type=int, default=1500)
    ap.add_argument("--vae", default="", help="a vae.pt with the decoder to keep")
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)
    components, second, third, values = solve(blocks(a.drawings, 11))
    vae = Vae()
    if a.vae:
        vae.load_state_dict(torch.load(a.vae))
    install(vae, second, third)
    held = blocks(150, 12)
    kernel = torch.tensor(components.reshape(16, 8, 8, 3).transpose(0, 3, 1, 2), dtype=torch.float32)   # (16, 3, 8, 8)
    x = torch.tensor(held.reshape(-1, 8, 8, 3)).permute(0, 3, 1, 2)
    z = F.conv2d(x, kernel, stride=8)[:, :, 0, 0]
    network = vae.encode(x[:500])[0][:, :, 0, 0]
    print("network against kernel, largest difference:", (network - z[:500]).abs().max().item())
    zc, target = z.double().numpy(), held.astype(np.float64)
    zc = np.concatenate([zc, np.ones((len(zc), 1))], 1)
    linear = np.linalg.lstsq(zc, target, rcond=None)[0]
    mse = ((zc @ linear - target) ** 2).mean()
    print(f"best linear decoding of held-out blocks: {10 * np.log10(4 / mse):.2f} dB (of the mean square error)")
    ratio = (values / values[0]) ** 0.25
    stats = {"mean": z.mean(0).tolist(), "std": (1 / ratio).tolist(), "measured_std": z.std(0).tolist()}
    torch.save(vae.state_dict(), os.path.join(a.out, "vae.pt"))
    np.savez(os.path.join(a.out, "latents.npz"), kernel=kernel, **{k: np.round(v, 4).astype(np.float32) for k, v in stats.items()})    # (as many digits as the VAE's config)


if __name__ == "__main__":
    main()
