"""Trains the VAE's decoder on crops of scenes; linear_encoder.py makes the encoder. It runs for a fixed time and starts from --init.

    python train_vae.py --init DIR/vae.pt --out DIR --minutes 60
"""

import argparse
import os
import time

import numpy as np
import torch
import torch.nn.functional as F

from drawing import draw
from muon import Muon
from scenes import sample_scene
from vae import Vae

SIZES = [(128, 128), (160, 112), (112, 160), (192, 128), (256, 256), (192, 192)]


def crops(rng, n, size, per=4):
    out = []
    while len(out) < n:
        w, h = SIZES[int(rng.integers(len(SIZES)))]
        s = sample_scene(rng, w, h, 1, 10, 3, p_hanzi=0.12, p_icon=0.4)
        im = draw(s)[0]
        for _ in range(per):
            y, x = int(rng.integers(0, h - size + 1)), int(rng.integers(0, w - size + 1))
            out.append(im[y:y + size, x:x + size])
    a = torch.from_numpy(np.stack(out[:n])).permute(0, 3, 1, 2).float() / 127.5 - 1
    return a.contiguous(memory_format=torch.channels_last)


def whole(rng, n, size):
    a = [draw(sample_scene(rng, size, size, 1, 8, 3, p_hanzi=0.1, p_icon=0.4, held_out=True))[0] for _ in range(n)]
    return torch.from_numpy(np.stack(a)).permute(0, 3, 1, 2).float() / 127.5 - 1


def psnr(a, b):
    return (10 * torch.log10(4 / ((a.clamp(-1, 1) - b) ** 2).mean((1, 2, 3)))).mean().item()


def loss_fn(y, x):
    d = y - x
    l = d.abs().mean() + 1.5 * (d * d).mean()
    gx = (d[..., 1:] - d[..., :-1]).abs().mean() + (d[..., 1:, :] - d[..., :-1, :]).abs().mean()
    p = F.avg_pool2d(d, 2)
    q = F.avg_pool2d(p, 2)
    return l + 0.4 * gx + 0.5 * p.abs().mean() + 0.5 * q.abs().mean()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--minutes", type=float, default=25)
    ap.add_argument("--batch", type=int, default=16)
    ap.add_argument("--crop", type=int, default=64)
    ap.add_argument("--lr", type=float, default=2e-3)
    ap.add_argument("--muon-lr", type=float, default=0.02)
    ap.add_argument("--noise", type=float, default=0.05, help="noise on the latents, in their standard deviations")
    ap.add_argument("--init", required=True, help="a vae.pt to start from (or the folder of a checkpoint)")
    ap.add_argument("--fresh", action="store_true", help="the decoder starts untrained")
    ap.add_argument("--decay", type=float, default=1.0, help="last part of the time, in which the rate falls (cosine)")
    ap.add_argument("--compile", action="store_true")
    ap.add_argument("--threads", type=int, default=2)
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    os.makedirs(a.out, exist_ok=True)
    path = os.path.join(a.out, "vae.pt")
    vae = Vae().to(memory_format=torch.channels_last)
    for m in vae.modules():                                                # residual branches start at zero
        if type(m).__name__ == "Res":
            torch.nn.init.zeros_(m.conv2.weight)
    if os.path.isdir(a.init):
        from export import load
        init = load(a.init)[1]
    else:
        init = torch.load(a.init)
    lin = np.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), "latents.npz"))
    kernel, std = torch.from_numpy(lin["kernel"]), torch.from_numpy(lin["measured_std"])
    vae.load_state_dict({k: v for k, v in init.items() if not (a.fresh and k.startswith("decoder"))}, strict=not a.fresh)
    if a.fresh:
        with torch.no_grad():
            vae.post_quant_conv.weight.copy_(torch.diag(1 / std)[..., None, None])
            vae.post_quant_conv.bias.zero_()
    for p in list(vae.encoder.parameters()) + list(vae.quant_conv.parameters()):
        p.requires_grad_(False)
    inner = {id(p) for n, p in vae.named_parameters() if p.dim() == 4 and p.shape[1] >= 16 and "conv_out" not in n and not n.startswith(("quant", "post"))}
    hidden = [p for p in vae.parameters() if id(p) in inner and p.requires_grad]
    rest = [p for p in vae.parameters() if id(p) not in inner and p.requires_grad]
    opts = [Muon(hidden, lr=a.muon_lr), torch.optim.AdamW(rest, lr=a.lr, betas=(0.9, 0.98), weight_decay=0.0, fused=True)]
    base = [g["lr"] for o in opts for g in o.param_groups]
    ema = {k: v.detach().clone() for k, v in vae.state_dict().items()}
    net = torch.compile(vae.decode) if a.compile else vae.decode
    rng = np.random.default_rng(int(time.time()))
    held = whole(np.random.default_rng(777), 32, 128)
    t0, step, acc = time.time(), 0, 0.0
    total = a.minutes * 60
    last = t0
    while True:
        frac = (time.time() - t0) / total
        if frac >= 1:
            break
        f = min(1, (step + 1) / 100) * (0.03 + 0.97 * 0.5 * (1 + np.cos(np.pi * max(0.0, (frac - 1 + a.decay) / a.decay))))
        for (o, g), b in zip([(o, g) for o in opts for g in o.param_groups], base):
            g["lr"] = b * f
        x = crops(rng, a.batch, a.crop)
        z = F.conv2d(x, kernel, stride=8)
        z = z + torch.randn_like(z) * std.view(1, -1, 1, 1) * (a.noise * torch.rand(len(z), 1, 1, 1))
        y = net(z.contiguous(memory_format=torch.channels_last))
        loss = rec = loss_fn(y, x)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(rest, 1.0)
        for o in opts:
            o.step()
        vae.zero_grad(set_to_none=True)
        step += 1
        acc = acc * 0.98 + rec.item() * 0.02 if step > 1 else rec.item()
        with torch.no_grad():
            d = min(0.998, step / (step + 10))
            sd = vae.state_dict()
            torch._foreach_lerp_(list(ema.values()), [sd[k] for k in ema], 1 - d)
        if time.time() - last > 60 or step in (20, 100):
            last = time.time()
            with torch.no_grad():
                now = {k: v.clone() for k, v in vae.state_dict().items()}
                vae.load_state_dict(ema)
                p = psnr(vae.decode(vae.encode(held)[0]), held)
                print(f"{(last - t0) / 60:5.1f} min step {step} crops {step * a.batch} loss {acc:.4f} psnr {p:.2f} ({step * a.batch / (last - t0):.1f}/s)", flush=True)
                torch.save(ema, path + ".tmp")
                os.replace(path + ".tmp", path)
                vae.load_state_dict(now)
    torch.save(ema, path)
    print("done", flush=True)


if __name__ == "__main__":
    main()
