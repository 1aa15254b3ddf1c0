"""Generates held-out prompts with Inkstone at its defaults, reads the images back, and writes ../EVALUATION.md.

    python evaluate.py --label "120 k samples" --note note.md            (300 prompts: about ten minutes on two idle cores)
    python evaluate.py --prompts 8 --chinese 4 --beside 1 --out /tmp/e    (a try)
    python evaluate.py --figures --model FOLDER --long 0 --others 0       (the same weights in another form, compared with the published figures)

The same is measured on the true scenes, as the best possible result. history.json beside this file has the figures of every published
run.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from PIL import Image

import read_back as R
from captions import caption
from drawing import draw
from fonts import is_chinese
from long_captions import long_caption
from report import report, sheet
from scenes import sample_hanzi, sample_scene

HERE = os.path.dirname(os.path.abspath(__file__))
FIRST_SEED = 1000
VAE_DRAWINGS = 100
OTHER_SIZES = [(128, 128), (192, 192), (320, 192), (192, 320), (336, 192), (192, 336), (288, 224), (224, 288), (256, 160), (192, 256), (384, 160), (160, 320)]


def scenes_of(n, chinese, long, others, width, height):
    """Scenes with captions: `n` of words never trained on, `chinese` with two characters of the trained set, `long` ones as for large models,
    `others` in other sizes with one line."""
    rng = np.random.default_rng(2024)
    out = []
    while len(out) < n + chinese:
        if len(out) < n:
            s = sample_scene(rng, width, height, 2, 8, 3 if rng.random() < 0.3 else 2, p_icon=0.3, held_out=True)
        else:
            s = sample_scene(rng, width, height, 2, 2, 1, p_hanzi=1.0, p_icon=0.0)
            s["lines"][0]["text"] = sample_hanzi(rng, 2)
        if s["lines"] and len(s["lines"]) < 3:
            out.append((s, caption(s, rng, 1.2)))
    while len(out) < n + chinese + long:
        s = {**sample_scene(rng, width, height, 2, 8, 1, p_icon=0.0, held_out=True), "group": "long prompts"}
        if s["lines"]:
            out.append((s, long_caption(s, rng, lambda text: len(text.split()) < 160)))
    while len(out) < n + chinese + long + others:
        size = OTHER_SIZES[(len(out) - n - chinese - long) % len(OTHER_SIZES)]
        s = {**sample_scene(rng, *size, 2, 8, 1, p_icon=0.0, held_out=True), "group": "other sizes"}
        if s["lines"]:
            out.append((s, caption(s, rng, 1.2)))
    return out


def defaults_of(model):
    """Steps, guidance and size from a checkpoint's card. `inkstone models add` writes the card beside the folder, others have it inside."""
    path = next(p for p in (os.path.join(model, "card.json"), os.path.join(model, "..", "card.json")) if os.path.exists(p))
    return json.load(open(path))["defaults"]


def draw_through_inkstone(model, scenes, folder, workers=2, options=()):
    """One process for each core, with one thread; passes `options` to draw-prompts.ts. Returns the images, and the seconds for each."""
    paths = [os.path.join(folder, f"{i}.png") for i in range(len(scenes))]
    jobs, began = [], time.time()
    for w in range(workers):
        job = subprocess.Popen(["npx", "node", os.path.join(HERE, "draw-prompts.ts"), os.path.abspath(model), *options], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               cwd=os.path.join(HERE, "..", "..", ".."))
        lines = [json.dumps({"prompt": p, "seed": FIRST_SEED + i, "width": s["width"], "height": s["height"], "out": paths[i]})
                 for i, (s, p) in enumerate(scenes) if i % workers == w]
        job.stdin.write(("\n".join(lines) + "\n").encode())
        job.stdin.close()
        jobs.append(job)
    assert all(j.wait() == 0 for j in jobs), "Inkstone failed"
    return [np.asarray(Image.open(p).convert("RGB")) for p in paths], (time.time() - began) / len(scenes)


def edit_distance(a, b):
    d = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        prev, d[0] = d[0], i
        for j, y in enumerate(b, 1):
            prev, d[j] = d[j], min(d[j] + 1, d[j - 1] + 1, prev + (x != y))
    return d[-1]


def icon_box(s):
    """The position of the pictogram in the scene."""
    one, other = [draw({**s, "icon_color": c})[0].astype(int) for c in ("black", "white")]
    ys, xs = np.where(np.abs(one - other).sum(-1) > 150)
    return (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) if len(ys) > 30 else None


def measure_one(job):
    """(name of the figure, right, of) of one image."""
    im, (s, caption) = job
    chars = draw(s)[1]
    want = "".join(ch for l in s["lines"] for ch in l["text"] if ch.isalnum())
    read, n = R.read_whole(im), len(s["lines"])
    if is_chinese(want):
        near = R.read_hanzi(im, s, chars)
        return [("Chinese, two characters", read == want, 1), ("Chinese, two characters, by shape", near == want, 1),
                ("Chinese, single characters, by shape", sum(a == b for a, b in zip(near, want)), len(want))]
    readings = []
    for text in R.read_words(im, s, chars):
        readings.append(text)
        if text == want:
            break
    lines, exact, missed = "one line" if n == 1 else "two lines", want in readings, lambda text: edit_distance(text, want)
    out = [(lines, exact, 1), (f"{lines}, any case", want.lower() in [r.lower() for r in readings], 1), (f"{lines}, by RapidOCR", read == want, 1)]
    if n == 1:
        out.append((f"one line, {'2-3' if len(want) < 4 else '4-5' if len(want) < 6 else '6-8'} letters", exact, 1))
    for name, least in (("", min(map(missed, readings))), (", by RapidOCR", missed(read))):
        out.append((f"characters (1 - edit distance){name}", max(0, len(want) - least), len(want)))
    if s["bg"] in caption and s["bg_material"] == "plain":
        out.append(("colour of the background", R.colour_right(R.background(im), s["bg"]), 1))
    if s["shape"] != "none" and s["color"] in caption:
        out.append(("colour of the sign", R.colour_right(R.sign(im, s, chars), s["color"]), 1))
    if s["lines"][0]["color"] in caption and len({l["color"] for l in s["lines"]}) == 1:
        out.append(("colour of the letters", R.colour_right(R.lettering(im, chars), s["lines"][0]["color"]), 1))
    if s["icon"] and s["icon"] in caption and (box := icon_box(s)):
        out.append(("pictogram", R.read_icon(im, s, box) == s["icon"], 1))
    if "group" in s:
        return [(f"{s['group']}: {name}", right, of) for name, right, of in out if name in ("one line", "one line, by RapidOCR", "characters (1 - edit distance)", "colour of the sign")]
    return out


def measure(ims, scenes, workers=2):
    """{figure: (right, of)} of all images."""
    sums = {}
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        for rows in pool.map(measure_one, zip(ims, scenes), chunksize=4):
            for name, right, of in rows:
                a, b = sums.get(name, (0, 0))
                sums[name] = (a + int(right), b + of)
    return sums


def vae_psnr(model, drawings):
    """Mean PSNR in dB of encoder and decoder."""
    import torch
    from diffusers import AutoencoderKLQwenImage
    vae = AutoencoderKLQwenImage.from_pretrained(os.path.join(model, "vae"), torch_dtype=torch.float32)
    psnr = []
    for drawing in drawings:
        x = torch.from_numpy(drawing.copy()).permute(2, 0, 1)[None, :, None].float() / 127.5 - 1
        with torch.no_grad():
            y = vae.decode(vae.encode(x).latent_dist.mode()).sample[0, :, 0].clamp(-1, 1)
        got = ((y * 0.5 + 0.5) * 255).round().permute(1, 2, 0).numpy()
        psnr.append(20 * np.log10(255 / np.sqrt(((got - drawing) ** 2).mean())))
    return float(np.mean(psnr))


def beside_diffusers(model, card, prompts, ims):
    """The same prompts and seeds through diffusers: largest and mean difference of 8-bit values, lowest PSNR."""
    import torch
    from diffusers import QwenImagePipeline
    pipe = QwenImagePipeline.from_pretrained(model, torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    differences = []
    for i, prompt in enumerate(prompts):
        out = pipe(prompt=prompt, negative_prompt=" ", width=card["width"], height=card["height"], num_inference_steps=card["steps"], true_cfg_scale=card["CFGScale"],
                   generator=torch.Generator().manual_seed(FIRST_SEED + i), output_type="np").images[0]
        differences.append(np.abs((out * 255).round() - ims[i].astype(float)))
    d = np.stack(differences)
    worst = np.sqrt((d ** 2).mean((1, 2, 3)).max())
    return {"pictures": len(prompts), "largest": int(d.max()), "mean": float(d.mean()), "psnr": float(20 * np.log10(255 / worst)) if worst else float("inf")}


def figures(a):
    """The same prompts with another form of the weights, compared with the published figures."""
    card = defaults_of(a.model)
    scenes = scenes_of(a.prompts, a.chinese, a.long, a.others, card["width"], card["height"])
    with tempfile.TemporaryDirectory() as folder:
        ims, seconds = draw_through_inkstone(a.model, scenes, folder, a.workers)
    published = json.load(open(os.path.join(HERE, "history.json")))[-1]
    print(f"{len(scenes)} pictures, {seconds:.2f} s each; {published['label']}\n\n| right | here | published |\n|---|---|---|")
    for name, (right, of) in sorted(measure(ims, scenes, a.workers).items()):
        before = published["right"].get(name, [0, 1])
        print(f"| {name} | {right} of {of}, {100 * right / of:.1f} % | {before[0]} of {before[1]}, {100 * before[0] / before[1]:.1f} % |")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--model", default=os.path.join(HERE, ".."))
    ap.add_argument("--prompts", type=int, default=300)
    ap.add_argument("--chinese", type=int, default=40)
    ap.add_argument("--long", type=int, default=40, help="number of prompts of up to 160 words, most of which do not affect the image")
    ap.add_argument("--others", type=int, default=48, help="number of prompts in other sizes and aspect ratios")
    ap.add_argument("--beside", type=int, default=24, help="number of prompts that also run in diffusers")
    ap.add_argument("--workers", type=int, default=2, help="number of generating processes, of reading processes, and of torch's threads; 1 on a busy machine")
    ap.add_argument("--label", default="", help="names the weights in the history; without it they are not added")
    ap.add_argument("--note", default="", help="a Markdown file to insert before the figures")
    ap.add_argument("--out", default=os.path.join(HERE, ".."))
    ap.add_argument("--figures", action="store_true", help="only generate, read, and print each figure beside that of the last weights in the history; writes nothing")
    a = ap.parse_args()
    if a.figures:
        return figures(a)
    import torch
    torch.set_num_threads(a.workers)
    card = defaults_of(a.model)
    scenes = scenes_of(a.prompts, a.chinese, a.long, a.others, card["width"], card["height"])
    prompts = [c for _, c in scenes]
    with tempfile.TemporaryDirectory() as folder:
        ims, seconds = draw_through_inkstone(a.model, scenes, folder, a.workers)
    drawings = [draw(s)[0] for s, _ in scenes]
    vae = vae_psnr(a.model, drawings[:VAE_DRAWINGS])
    got, true = [measure(x, scenes, a.workers) for x in (ims, drawings)]
    agreement = beside_diffusers(a.model, card, prompts[:a.beside], ims) if a.beside else None
    past = os.path.join(HERE, "history.json")
    history = json.load(open(past)) if os.path.exists(past) else []
    if a.label:
        history = [h for h in history if h["label"] != a.label] + [{"label": a.label, "right": got, "vae": round(vae, 2)}]
        open(past, "w").write("[\n" + ",\n".join(json.dumps(h) for h in history) + "\n]\n")
    os.makedirs(a.out, exist_ok=True)
    sheet(ims[:24], 6, os.path.join(a.out, "contact.jpg"))
    text = report(a, card, scenes, len(OTHER_SIZES), min(len(scenes), VAE_DRAWINGS), got, true, vae, agreement, seconds, history)
    open(os.path.join(a.out, "EVALUATION.md"), "w").write(text)
    print(text)


if __name__ == "__main__":
    main()
