"""Joint training of transformer and text encoder on scenes rendered during the training.

    python train.py --out DIR --vae DIR/vae.pt --minutes 60 --plan plans/begin.csv
    python train.py --out DIR --resume-from ../ ...            continues from the committed BF16 weights (no optimizer state: warm-up again)

Continues from DIR/nano.pt (weights, EMA, optimizer) if it exists.
"""

import argparse
import os
import signal
import subprocess
import sys
import time

import numpy as np
import torch

import precision
from data import LATENTS, TOKENIZER, Data
from glyph_shapes import bitmaps, teach
from model import Nano
from muon import Muon
from objective import char_loss, glyph_loss, ink_loss, lettering, noised, pixel_weights, place_loss, sample_sigma, velocity_loss
from plan import read as read_plan
from preview import PREVIEW, char_accuracy, contact
from scenes import NUM_CLASSES, USED_CLASSES
from vae import Vae
from workers import Shared

HERE = os.path.dirname(os.path.abspath(__file__))
LOSSES = "velocity", "names", "places", "ink", "glyphs"


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--vae", default="")
    ap.add_argument("--resume-from", default="", help="folder of a checkpoint in diffusers layout")
    ap.add_argument("--minutes", type=float, default=60)
    ap.add_argument("--plan", default=os.path.join(HERE, "plans", "begin.csv"), help="table of the kinds of samples (plan.py)")
    ap.add_argument("--last", type=float, default=0.4, help="last part of the time, in which kinds have their last shares")
    ap.add_argument("--reuse", type=int, default=4, help="how often a rendered scene is used")
    ap.add_argument("--buffer", type=int, default=4096)
    ap.add_argument("--aux", type=float, default=0.2, help="weight of the auxiliary loss on names")
    ap.add_argument("--place", type=float, default=0.5, help="weight of the auxiliary loss on places")
    ap.add_argument("--ink", type=float, default=0.3, help="weight of the auxiliary loss on ink")
    ap.add_argument("--glyph", type=float, default=1.0, help="weight of the auxiliary loss on the shapes of text tokens")
    ap.add_argument("--text-weight", type=float, default=3.0, help="weight of the velocity of tokens with lettering")
    ap.add_argument("--pixel-weight", type=float, default=0.5, help="weight of a channel's share of the image: 0 not at all, 1 as squared pixels")
    ap.add_argument("--teach-shapes", action="store_true", help="start with shapes in the embeddings of Chinese characters and pictograms (once, before their training)")
    ap.add_argument("--lr", type=float, default=1e-3)
    ap.add_argument("--embed-lr", type=float, default=3e-3)
    ap.add_argument("--muon-lr", type=float, default=0.02)
    ap.add_argument("--warmup", type=int, default=50)
    ap.add_argument("--decay", type=float, default=0.0, help="last part of the time, in which the rate falls to a fiftieth")
    ap.add_argument("--ema", type=float, default=0.995)
    ap.add_argument("--pictures", type=float, default=20, help="minutes between contact sheets")
    ap.add_argument("--compile", action="store_true")
    precision.add_option(ap)
    ap.add_argument("--workers", type=int, default=2, help="processes; each takes its share of the batch")
    ap.add_argument("--threads", type=int, default=1, help="threads of a process")
    ap.add_argument("--rank", type=int, default=-1, help="(of a worker)")
    ap.add_argument("--port", type=int, default=0, help="(of a worker)")
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    if a.rank < 0:                                                         # start the workers and wait
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))            # (so that they end with this process)
        port = str(20000 + os.getpid() % 20000)
        jobs = [subprocess.Popen([sys.executable, os.path.abspath(__file__), *sys.argv[1:], "--rank", str(r), "--port", port]) for r in range(a.workers)]
        try:
            sys.exit(max(abs(j.wait()) for j in jobs))
        finally:
            for j in jobs:
                j.terminate()
    work(a.rank, a, a.port)


def work(rank, a, port):
    torch.set_num_threads(a.threads)
    os.makedirs(a.out, exist_ok=True)
    from transformers import AutoTokenizer
    tok = AutoTokenizer.from_pretrained(TOKENIZER)
    kinds = read_plan(a.plan)
    path = os.path.join(a.out, "nano.pt")
    torch.manual_seed(a.seed)
    nano = Nano(NUM_CLASSES, USED_CLASSES)
    vae_state = torch.load(a.vae) if a.vae else None
    ck = torch.load(path, map_location="cpu") if os.path.exists(path) else None
    if a.resume_from:
        from export import load
        st, vs = load(a.resume_from)
        vae_state = vae_state or vs
        if ck is None:
            missing, unexpected = nano.load_state_dict(st, strict=False)
            assert not unexpected, unexpected
            side = os.path.join(a.resume_from, "recipe", "aux.safetensors")
            if os.path.exists(side):
                from safetensors.torch import load_file
                nano.load_state_dict({k: v.float() for k, v in load_file(side).items()}, strict=False)
    if a.teach_shapes and ck is None:
        teach(nano.text.embed.weight, tok)
    vae = Vae()
    vae.load_state_dict(vae_state)
    vae.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    step, samples = 0, 0
    if ck:
        nano.load_state_dict(ck["net"])
        step, samples = ck["step"], ck["samples"]
    ema = {k: v.clone() for k, v in (ck["ema"] if ck else {k: v.detach() for k, v in nano.state_dict().items()}).items()}
    hidden, embed, rest = [], [], []
    for n, p in nano.named_parameters():
        if "embed" in n:
            embed.append(p)
        elif p.dim() == 2 and ".mod." not in n and not any(x in n for x in ("img_in", "proj_out", "norm_out", "aux", "time1", "time2")):
            hidden.append(p)
        else:
            rest.append(p)
    opts = [Muon(hidden, lr=a.muon_lr, weight_decay=0.01, dtype=torch.bfloat16 if a.bf16 else torch.float32),
            torch.optim.AdamW([{"params": rest, "lr": a.lr}, {"params": embed, "lr": a.embed_lr}], betas=(0.9, 0.95), weight_decay=0.0, fused=True)]
    base = [g["lr"] for o in opts for g in o.param_groups]
    start = 0
    if ck and "opts" in ck:
        for o, s in zip(opts, ck["opts"]):
            o.load_state_dict(s)
        start = -10 ** 9                                                   # no warm-up
    base_groups = [g for o in opts for g in o.param_groups]

    share = Shared(rank, a.workers, hidden + embed + rest, port, 1 + len(LOSSES))    # (the remaining time, and the losses)
    opts[0].share = share
    rng = np.random.default_rng([a.seed, step, rank])
    torch.manual_seed(a.seed + step + 7919 * rank)
    shares, last_shares = [np.array([getattr(kind, name) for kind in kinds]) for name in ("share", "last_share")]
    datas = [Data(tok, kind, rng, (kind.width, kind.height), a.buffer // len(kinds)) for kind in kinds]

    channels = pixel_weights(datas[0].kernel, torch.from_numpy(LATENTS["std"]), a.pixel_weight)

    looks = bitmaps(tok)

    def loss_of(prefix, ids, mask, x, target, cells, places, ink, sigma, cos, sin):
        with precision.products(a):
            v, names, at, drawn, shapes = nano(prefix, ids, mask, x, sigma, cos, sin)
        weight = lettering(cells, places)
        weighted, plain = velocity_loss(v.float(), target, weight, a.text_weight, channels)
        auxiliary = char_loss(names.float(), cells), place_loss(at.float(), places, cells), ink_loss(drawn.float(), ink, weight), glyph_loss(shapes.float(), ids, *looks)
        loss = weighted + sum(w * part for w, part in zip((a.aux, a.place, a.ink, a.glyph), auxiliary))
        return loss, plain.detach(), *(l.detach() for l in auxiliary)

    run = torch.compile(loss_of, dynamic=False) if a.compile else loss_of
    hd = Data(tok, kinds[0]._replace(keep=0, long=0.0), np.random.default_rng(99), datas[0].size, 0)
    got = hd.make(48)
    ids, mask = hd.text_batch([g[0] for g in got], drop=False)
    held = (ids, mask, torch.stack([g[1] for g in got]).float(), torch.stack([g[2] for g in got]).long())
    for d, kind in zip(datas, kinds):
        d.add(min(d.cap, kind.batch // a.workers * 4))

    def one(k, n):
        """Gradients of n samples of kind k; returns the LOSSES."""
        d, micro = datas[k], kinds[k].micro
        ids, mask, x0, (cells, places, ink), *rope = d.batch(n, max(1, n // a.reuse))
        sigma = sample_sigma(n, kinds[k].shift)
        x, target = noised(x0, sigma)
        parts, losses = n // micro, np.zeros(len(LOSSES))
        for i in range(0, n, micro):
            part = slice(i, i + micro)
            loss, *told = run(d.prefix, *(t[part] for t in (ids, mask, x, target, cells, places, ink, sigma)), *(r[part] if r.dim() == 3 else r for r in rope))
            (loss / parts).backward()
            losses += [l.item() / parts for l in told]
        return losses.tolist()

    if a.compile:                                                          # each worker compiles its part; the others find it in the cache
        shapes = {}
        for k, kind in enumerate(kinds):
            shapes.setdefault((kind.micro, kind.text_len, kind.tokens), k)
        for turn in range(a.workers):
            for i, k in enumerate(shapes.values()):
                if (i + rank) % a.workers == turn:
                    one(k, kinds[k].micro)
            share.barrier()
        nano.zero_grad(set_to_none=True)
    if rank == 0:
        print(f"start at step {step}, {samples} samples, {sum(p.numel() for p in nano.parameters()) / 1e6:.1f} M parameters", flush=True)

    def save():
        torch.save({"net": nano.state_dict(), "ema": ema, "opts": [o.state_dict() for o in opts], "step": step, "samples": samples}, path + ".tmp")
        os.replace(path + ".tmp", path)

    t0 = last_log = last_save = last_pic = time.time()
    first, mark, left, means = step, samples, 1.0, np.full((len(kinds), len(LOSSES)), np.nan)
    while left > 0:
        weights = shares if left > a.last else last_shares
        k = int(np.random.default_rng([a.seed, step]).choice(len(kinds), p=weights / weights.sum()))    # the same kind on all workers
        f = min(1.0, (step - first + 1 - start) / a.warmup)
        if a.decay:
            f *= max(0.02, min(1.0, left / a.decay))
        for g, b in zip(base_groups, base):
            g["lr"] = b * f
        left, *losses = share.gradients([1 - (time.time() - t0) / (a.minutes * 60), *one(k, kinds[k].batch // a.workers)])
        torch.nn.utils.clip_grad_norm_(rest + embed, 1.0)
        for o in opts:
            o.step()
        nano.zero_grad(set_to_none=True)
        step, samples = step + 1, samples + kinds[k].batch
        if rank:
            continue
        with torch.no_grad():
            e = min(a.ema, (step + 1) / (step + 10))
            sd = nano.state_dict()
            keys = list(ema)
            torch._foreach_lerp_([ema[q] for q in keys], [sd[q] for q in keys], 1 - e)
        means[k] = losses if np.isnan(means[k, 0]) else means[k] * 0.95 + 0.05 * np.array(losses)
        if step - first in (3, 10, 30) or time.time() - last_log > 120:
            now = time.time()
            acc, icons = char_accuracy(nano, hd, held)
            told = " ".join(f"{name} " + " ".join(f"{v:.3f}" for v in column) for name, column in zip(LOSSES, means.T))
            print(f"{(now - t0) / 60:6.1f} min step {step} samples {samples} {told} | held at .999: letters {acc:.3f} pictograms {icons:.3f} | {(samples - mark) / (now - last_log):.1f}/s", flush=True)
            last_log, mark = time.time(), samples
        if time.time() - last_save > 240:
            save()
            last_save = time.time()
        if time.time() - last_pic > a.pictures * 60:
            last_pic = time.time()
            now = {q: v.clone() for q, v in nano.state_dict().items()}
            nano.load_state_dict(ema)
            contact(nano, vae, datas[0], os.path.join(a.out, f"step{step}-{kinds[0].width}.png"), PREVIEW)
            nano.load_state_dict(now)
    if rank == 0:
        save()
        print("done", flush=True)
    share.barrier()


if __name__ == "__main__":
    main()
