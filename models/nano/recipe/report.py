"""Writes the results of evaluate.py: EVALUATION.md and the contact sheet."""

import numpy as np
from PIL import Image


def sheet(ims, columns, path):
    rows = [np.concatenate(ims[i:i + columns], 1) for i in range(0, len(ims) - columns + 1, columns)]
    if rows:
        Image.fromarray(np.concatenate(rows, 0)).save(path, quality=85)


def percent(pair):
    return f"{100 * pair[0] / pair[1]:.1f} %" if pair and pair[1] else "–"


def report(a, card, scenes, sizes, vae_drawings, got, true, vae, agreement, seconds, history):
    """EVALUATION.md: `a` the options of evaluate.py, `got` and `true` figures {name: (right, of)} of the generated images and of the true scenes."""
    text = ["# Evaluation of inkstone-nano", "", *([open(a.note).read().strip(), ""] if a.note else []),
            f"Written by `recipe/evaluate.py`. There are four groups of prompts:", "",
            f"- {a.prompts} with words that were never trained on (chosen by hash)",
            f"- {a.chinese} with two Chinese characters of the trained set",
            f"- {a.long} long ones, up to 160 words",
            f"- {a.others} in {sizes} other sizes, 128×128 to 384×160", "",
            f"Inkstone generated the images at its defaults ({card['width']}×{card['height']}, {card['steps']} steps, guidance {card['CFGScale']}), in {seconds:.1f} s each.", "",
            "Words are read back letter by letter, case included, by two programs. For tesseract, the place of each line is given. "
            "It may read in four ways: line by line or as a block, by the requested colours or by lightness. "
            "RapidOCR (PP-OCRv6) finds and reads the text on the whole image without help, and reads the Chinese signs too. "
            "Pictograms, and Chinese characters by shape, are the nearest of all trained ones. "
            "The same readers on the true scenes show the best possible result.", "",
            "| right | generated images | of | true scenes |", "|---|---|---|---|"]
    text += [f"| {k} | {percent(got[k])} | {got[k][1]} | {percent(true.get(k))} |" for k in sorted(got)]
    text += ["", f"PSNR of the VAE on the first {vae_drawings} of these scenes: {vae:.2f} dB."]
    if agreement:
        text += ["", f"The first {agreement['pictures']} prompts through diffusers, with the same seeds in float32: largest difference of an 8-bit value {agreement['largest']}, "
                 f"mean {agreement['mean']:.4f}, lowest PSNR {agreement['psnr']:.1f} dB."]
    text += ["", "## How it grew", "", "| weights | one line | two lines | characters | background | sign | letters | pictogram | Chinese | VAE |", "|---|---|---|---|---|---|---|---|---|---|"]
    columns = ["one line", "two lines", "characters (1 - edit distance)", "colour of the background", "colour of the sign", "colour of the letters", "pictogram", "Chinese, two characters"]
    text += [f"| {h['label']} | " + " | ".join(percent(h["right"].get(k)) for k in columns) + f" | {h['vae']:.2f} dB |" for h in history]
    text += ["", "## Images", "", "The first 24, uncurated, row by row:", "", "![contact sheet](contact.jpg)", ""]
    return "\n".join(text + [f"{i + 1}. `{c}`" for i, (_, c) in enumerate(scenes[:24])]) + "\n"
