"""What evaluate.py measured, written down: EVALUATION.md and the contact sheet."""

import numpy as np
from PIL import Image


def sheet(ims, columns, path):
    rows = [np.concatenate(ims[i:i + columns], 1) for i in range(0, len(ims) - columns + 1, columns)]
    if rows:
        Image.fromarray(np.concatenate(rows, 0)).save(path, quality=85)


def percent(pair):
    return f"{100 * pair[0] / pair[1]:.1f} %" if pair and pair[1] else "–"


def report(a, card, scenes, sizes, vae_drawings, got, true, vae, agreement, seconds, history):
    """EVALUATION.md: `a` the options of evaluate.py, `got` and `true` figures {name: (right, of)} of the pictures and of the true drawings."""
    text = ["# Evaluation of inkstone-nano", "", *([open(a.note).read().strip(), ""] if a.note else []),
            f"Written by `recipe/evaluate.py`: {a.prompts} prompts with words never trained on (chosen by hash), {a.chinese} with two Chinese characters of the trained set, "
            f"{a.long} long prompts (of up to 160 words) and {a.others} in {sizes} other sizes (128×128 to 384×160), "
            f"drawn through Inkstone at its defaults ({card['width']}×{card['height']}, {card['steps']} steps, guidance {card['CFGScale']}), {seconds:.1f} s a picture. "
            "Words are read back letter for letter with their case: by tesseract, which is shown where each line belongs and may read it in four ways (line by line or as a block, by the colours asked for or by lightness); "
            "and by RapidOCR (PP-OCRv6), which finds and reads the text on the whole picture, told nothing, and reads the Chinese signs too. "
            "Pictograms, and Chinese characters by shape: the nearest of all trained ones. "
            "The same readers on the true drawings say what could be reached at best.", "",
            "| right | pictures drawn | of | true drawings |", "|---|---|---|---|"]
    text += [f"| {k} | {percent(got[k])} | {got[k][1]} | {percent(true.get(k))} |" for k in sorted(got)]
    text += ["", f"PSNR of the VAE on the first {vae_drawings} of these drawings: {vae:.2f} dB."]
    if agreement:
        text += ["", f"The first {agreement['pictures']} prompts through diffusers, same seeds, float32: largest difference of an 8-bit value {agreement['largest']}, "
                 f"mean {agreement['mean']:.4f}, lowest PSNR {agreement['psnr']:.1f} dB."]
    text += ["", "## How it grew", "", "| weights | one line | two lines | characters | background | sign | letters | pictogram | Chinese | VAE |", "|---|---|---|---|---|---|---|---|---|---|"]
    columns = ["one line", "two lines", "characters (1 - edit distance)", "colour of the background", "colour of the sign", "colour of the letters", "pictogram", "Chinese, two characters"]
    text += [f"| {h['label']} | " + " | ".join(percent(h["right"].get(k)) for k in columns) + f" | {h['vae']:.2f} dB |" for h in history]
    text += ["", "## Pictures", "", "The first 24, uncurated, left to right and down:", "", "![contact sheet](contact.jpg)", ""]
    return "\n".join(text + [f"{i + 1}. {c}" for i, (_, c) in enumerate(scenes[:24])]) + "\n"
