"""Draws held-out prompts with a checkpoint through diffusers and measures the pictures. Writes ../EVALUATION.md and ../contact.png.

    python evaluate.py --model .. --count 96 --size 128 --note note.md

Measured: words read back by tesseract (an OCR we did not write), named colours (on pixels), pictograms (nearest template), PSNR of the VAE.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time

import numpy as np
import torch
from PIL import Image, ImageDraw

import captions as C
from drawing import COLORS, ICON_CHARS, ICON_TTF, ICONS, draw, font


def ocr(im):
    """The word tesseract reads on a picture (letters and digits only)."""
    im = Image.fromarray(im).convert("L")
    im = im.resize((im.width * 4, im.height * 4), Image.LANCZOS)
    best = ""
    with tempfile.TemporaryDirectory() as d:
        p = os.path.join(d, "a.png")
        im.save(p)
        for psm in ("7", "6", "11"):
            r = subprocess.run(["tesseract", p, "-", "--psm", psm, "-l", "eng"], capture_output=True, text=True).stdout
            t = "".join(c for c in r if c.isalnum())
            best = t if len(t) > len(best) else best
            yield t


def edit_distance(a, b):
    d = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        prev, d[0] = d[0], i
        for j, y in enumerate(b, 1):
            prev, d[j] = d[j], min(d[j] + 1, d[j - 1] + 1, prev + (x != y))
    return d[-1]


def nearest_color(rgb):
    names = list(COLORS)
    return names[int(np.argmin([np.abs(np.array(COLORS[n]) - rgb).sum() for n in names]))]


def color_ok(im, mask, name):
    """The median colour of a region is the named one, or closer to it than 60 of 255 in every channel on average."""
    if mask.sum() < 12:
        return None
    m = np.median(im[mask].astype(np.float32), 0)
    return nearest_color(m) == name or np.abs(m - np.array(COLORS[name])).mean() < 34


def icon_templates(size=28):
    out = {}
    for word, glyph in ICONS.items():
        m = Image.new("L", (size * 2, size * 2), 0)
        ImageDraw.Draw(m).text((size, size), ICON_CHARS[glyph], font=font(ICON_TTF, size), fill=255, anchor="mm")
        a = np.asarray(m, np.float32) / 255
        ys, xs = np.where(a > 0.5)
        out[word] = np.asarray(Image.fromarray((a[ys.min():ys.max() + 1, xs.min():xs.max() + 1] * 255).astype(np.uint8)).resize((24, 24), Image.BOX), np.float32) / 255
    return out


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--model", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    ap.add_argument("--count", type=int, default=96)
    ap.add_argument("--size", type=int, default=128)
    ap.add_argument("--steps", type=int, default=20)
    ap.add_argument("--batch", type=int, default=8)
    ap.add_argument("--max-len", type=int, default=8)
    ap.add_argument("--max-lines", type=int, default=2)
    ap.add_argument("--large", type=int, default=0, help="so many pictures at 256x256 as well, on a sheet of their own")
    ap.add_argument("--note", default="", help="a Markdown file to put in front of the figures")
    ap.add_argument("--out", default="")
    ap.add_argument("--threads", type=int, default=1)
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    from diffusers import QwenImagePipeline
    from train_vae import psnr, whole
    pipe = QwenImagePipeline.from_pretrained(a.model, torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    rng = np.random.default_rng(2024)
    S = a.size
    scenes = []
    while len(scenes) < a.count:
        s = C.sample_scene(rng, S, S, 2, a.max_len, a.max_lines, p_icon=0.3, held_out=True)
        if s["lines"]:
            scenes.append((s, C.caption(s, rng, 1.2)))
    ims, t0 = [], time.time()
    for i in range(0, len(scenes), a.batch):
        part = [c for _, c in scenes[i:i + a.batch]]
        g = [torch.Generator().manual_seed(1000 + i + j) for j in range(len(part))]
        out = pipe(prompt=part, negative_prompt=[" "] * len(part), width=S, height=S, num_inference_steps=a.steps, true_cfg_scale=4.0, generator=g, output_type="np").images
        ims += list((out * 255).round().astype(np.uint8))
    seconds = (time.time() - t0) / len(ims)
    large = []
    for i in range(a.large):
        g = torch.Generator().manual_seed(1000 + i)
        im = pipe(prompt=scenes[i][1], negative_prompt=" ", width=256, height=256, num_inference_steps=a.steps, true_cfg_scale=4.0, generator=g, output_type="np").images[0]
        large.append((im * 255).round().astype(np.uint8))

    stats, chars, total = {}, 0, 0
    hit = lambda k, v: stats.setdefault(k, []).append(bool(v))
    templates = icon_templates()
    for (s, c), im in zip(scenes, ims):
        want = "".join(l["text"] for l in s["lines"]).lower()
        want = "".join(ch for ch in want if ch.isalnum())
        reads = [t.lower() for t in ocr(im)]
        err = min(edit_distance(t, want) for t in reads)
        n = len(s["lines"])
        hit(f"text, {n} line{'s' if n > 1 else ''}", err == 0)
        if n == 1:
            hit(f"one line, {'2-3' if len(want) < 4 else '4-5' if len(want) < 6 else '6-8'} letters", err == 0)
        chars += max(0, len(want) - err)
        total += len(want)
        # regions of the drawing this prompt was made from tell where to look
        corner = np.zeros((S, S), bool)
        corner[:3, :3] = corner[:3, -3:] = corner[-3:, :3] = corner[-3:, -3:] = True
        if s["bg"] in c and s["bg_material"] == "plain":
            hit("background colour", color_ok(im, corner, s["bg"]))
        x0, y0, x1, y1 = s["box"]
        if s["shape"] != "none" and s["color"] in c:
            m = np.zeros((S, S), bool)
            cy, h = (y0 + y1) / 2, (y1 - y0) / 2
            w = max(3, int((x1 - x0) * 0.05))
            xs = int(x0 + (x1 - x0) * (0.16 if s["shape"] in ("banner", "hexagon", "tag") else 0.08))
            m[int(cy - h * 0.25):int(cy + h * 0.25), xs:xs + w] = True
            hit("sign colour", color_ok(im, m, s["color"]))
        if s["icon"] and s["icon"] in c:
            ref, _ = draw({**s, "lines": s["lines"]})
            base, _ = draw({**s, "icon_color": s["color"]})
            diff = np.abs(ref.astype(int) - base.astype(int)).sum(-1) > 60
            if diff.sum() > 30:
                ys, xs = np.where(diff)
                crop = im[ys.min():ys.max() + 1, xs.min():xs.max() + 1].astype(np.float32)
                d0 = np.abs(crop - np.array(COLORS[s["icon_color"]])).sum(-1)
                d1 = np.abs(crop - np.array(COLORS[s["color"]])).sum(-1)
                t = np.asarray(Image.fromarray(((d0 < d1) * 255).astype(np.uint8)).resize((24, 24), Image.BOX), np.float32) / 255
                best = min(templates, key=lambda k: np.abs(templates[k] - t).mean())
                hit("pictogram", best == s["icon"])
    held = whole(np.random.default_rng(777), 32, 128)
    held2 = whole(np.random.default_rng(778), 8, 256)
    with torch.no_grad():
        rec = lambda x: pipe.vae.decode(pipe.vae.encode(x[:, :, None]).latent_dist.mode()).sample[:, :, 0]
        p1, p2 = psnr(rec(held), held), psnr(rec(held2), held2)
    out = a.out or a.model
    show = ims[:24]
    rows = [np.concatenate(show[i:i + 6], 1) for i in range(0, len(show) - 5, 6)]
    Image.fromarray(np.concatenate(rows, 0)).save(os.path.join(out, "contact.png"), optimize=True)
    if large:
        rows = [np.concatenate(large[i:i + 3], 1) for i in range(0, len(large) - 2, 3)]
        Image.fromarray(np.concatenate(rows, 0)).save(os.path.join(out, "contact-256.png"), optimize=True)
    L = ["# Evaluation of inkstone-nano", ""]
    if a.note:
        L += [open(a.note).read().strip(), ""]
    L += [f"Written by `recipe/evaluate.py`: {len(ims)} held-out prompts (words never trained on, by hash), {S}x{S}, {a.steps} steps, guidance 4, negative prompt one space, "
          f"through diffusers {__import__('diffusers').__version__} in float32, {seconds:.1f} s a picture. Text is read back by tesseract.", "",
          "| measured | right | of |", "|---|---|---|"]
    for k in sorted(stats):
        L.append(f"| {k} | {100 * np.mean(stats[k]):.1f} % | {len(stats[k])} |")
    L += [f"| characters (1 - edit distance) | {100 * chars / max(1, total):.1f} % | {total} |", f"| VAE PSNR, 128x128 held-out drawings | {p1:.2f} dB | 32 |",
          f"| VAE PSNR, 256x256 held-out drawings | {p2:.2f} dB | 8 |", "", "The first 24 pictures, uncurated, left to right and down:", "", "![contact sheet](contact.png)", ""]
    if large:
        L += [f"The first {len(large) // 3 * 3} of these prompts at 256x256:", "", "![contact sheet at 256x256](contact-256.png)", ""]
    L += [f"{i + 1}. {c}" for i, (_, c) in enumerate(scenes[:24])]
    open(os.path.join(out, "EVALUATION.md"), "w").write("\n".join(L) + "\n")
    print("\n".join(L[:30]))


if __name__ == "__main__":
    main()
