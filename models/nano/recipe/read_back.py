"""Reads the content of an image with independent programs: words, Chinese characters, pictograms, colours.

Two OCR programs: RapidOCR (PP-OCR) sees the whole image without help; tesseract needs the place of each line. `scene` is the scene of the
prompt: it has the places and colours to read, not the content.
"""

import io
import os
import subprocess
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from drawing import COLORS, shape_mask
from fonts import ICON_CHARS, ICON_TTF, ICONS, font, font_for
from scenes import HANZI, ICON_NAMES

SIDE = 32                                                                  # side of the templates of characters and pictograms


def ink(im, scene, color):
    """Share of an image in `color` instead of the colour of the sign, 0..1."""
    paper, pen = [np.array(COLORS[c], np.float32) for c in (scene["color"], color)]
    axis = pen - paper
    return np.clip(((im.astype(np.float32) - paper) @ axis) / (axis @ axis), 0, 1)


def gray(im):
    """Lightness, so that the smaller part (the letters) is dark."""
    g = np.asarray(Image.fromarray(im).convert("L"), np.float32) / 255
    return g if np.median(g) > g.mean() else 1 - g


def cut(im, box, pad_x, pad_y):
    x0, y0, x1, y1 = box
    h, w = im.shape[:2]
    dx, dy = pad_x * (y1 - y0), pad_y * (y1 - y0)
    return im[max(0, int(y0 - dy)):min(h, int(y1 + dy) + 1), max(0, int(x0 - dx)):min(w, int(x1 + dx) + 1)]


def around(chars):
    return min(c.x0 for c in chars), min(c.y0 for c in chars), max(c.x1 for c in chars), max(c.y1 for c in chars)


def by_line(scene, chars):
    """The characters' boxes, one list for each line of the sign."""
    out, i = [], 0
    for l in scene["lines"]:
        n = len(l["text"].replace(" ", ""))
        out.append(chars[i:i + n])
        i += n
    return out


@lru_cache(maxsize=None)
def rapid_ocr():
    """It keeps state between its stages, so it must run in one thread."""
    from rapidocr import RapidOCR
    return RapidOCR(params={"Global.log_level": "error", "Global.use_cls": False, "EngineConfig.onnxruntime.intra_op_num_threads": 1})


def read_whole(im):
    """All letters, digits and characters that RapidOCR finds in an image, row by row."""
    found = rapid_ocr()(np.ascontiguousarray(im[..., ::-1]))
    rows = []
    for box, text in sorted(zip(found.boxes, found.txts), key=lambda f: f[0][:, 1].mean()) if found.txts else []:
        y, height = box[:, 1].mean(), np.ptp(box[:, 1])
        if not rows or y - rows[-1][0] > height / 2:
            rows.append((y, []))
        rows[-1][1].append((box[:, 0].min(), text))
    return "".join(c for _, row in rows for _, text in sorted(row) for c in text if c.isalnum())


def tesseract(dark, psm):
    """The text that tesseract reads in an image of 0 (ink) .. 1 (paper), letters about 48 pixels high."""
    im = Image.fromarray((dark * 255).astype(np.uint8))
    k = max(1.0, 64 / im.height) if psm == 7 else max(1.0, 128 / im.height)
    im = im.resize((max(1, round(im.width * k)), max(1, round(im.height * k))), Image.LANCZOS)
    page = Image.new("L", (im.width + 40, im.height + 40), int(np.median(np.asarray(im))))
    page.paste(im, (20, 20))
    b = io.BytesIO()
    page.save(b, "PNG")
    r = subprocess.run(["tesseract", "-", "-", "--psm", str(psm), "-l", "eng"], input=b.getvalue(), capture_output=True, env={**os.environ, "OMP_THREAD_LIMIT": "1"})
    return "".join(c for c in r.stdout.decode() if c.isalnum())


def read_words(im, scene, chars):
    """Readings of all lines together, in letters and digits: line by line and as a block, by the requested colours and by lightness alone."""
    lines = by_line(scene, chars)
    pad = 0.3 if len(lines) == 1 else 0.15
    for dark in (lambda part, l: 1 - ink(part, scene, l["color"]), lambda part, l: gray(part)):
        yield "".join(tesseract(dark(cut(im, around(c), 0.5, pad), l), 7) for l, c in zip(scene["lines"], lines))
        yield tesseract(dark(cut(im, around(chars), 0.5, 0.2), scene["lines"][0]), 6)


def squared(mask):
    """A shape scaled to SIDE x SIDE: its bounding box with the same aspect ratio, centred."""
    ys, xs = np.where(mask > 0.5)
    if len(ys) < 4:
        return np.zeros((SIDE, SIDE), np.float32)
    part = mask[ys.min():ys.max() + 1, xs.min():xs.max() + 1]
    k = SIDE / max(part.shape)
    size = max(1, round(part.shape[1] * k)), max(1, round(part.shape[0] * k))
    out = Image.new("L", (SIDE, SIDE))
    out.paste(Image.fromarray((part * 255).astype(np.uint8)).resize(size, Image.BILINEAR), ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return np.asarray(out, np.float32) / 255


def nearest(shape, names, templates):
    """The template that correlates best."""
    a = shape - shape.mean()
    b = templates - templates.mean((1, 2), keepdims=True)
    score = (b * a).sum((1, 2)) / np.sqrt((b * b).sum((1, 2)) * (a * a).sum() + 1e-6)
    return names[int(score.argmax())]


def glyph(text, f):
    m = Image.new("L", (4 * f.size, 4 * f.size))
    ImageDraw.Draw(m).text((2 * f.size, 2 * f.size), text, font=f, fill=255, anchor="mm")
    return squared(np.asarray(m, np.float32) / 255)


@lru_cache(maxsize=None)
def hanzi_templates(style):
    path, index = font_for(style, HANZI[0])
    return np.stack([glyph(c, font(path, 48, index)) for c in HANZI])


@lru_cache(maxsize=None)
def icon_templates():
    return np.stack([glyph(ICON_CHARS[ICONS[n]], font(ICON_TTF, 48)) for n in ICON_NAMES])


def read_hanzi(im, scene, chars):
    """The nearest of all trained characters in each place."""
    out = ""
    for l, boxes in zip(scene["lines"], by_line(scene, chars)):
        out += "".join(nearest(squared(ink(cut(im, c.box, 0, 0.1), scene, l["color"])), HANZI, hanzi_templates(l["style"])) for c in boxes)
    return out


def read_icon(im, scene, box):
    return nearest(squared(ink(cut(im, box, 0.08, 0.08), scene, scene["icon_color"])), ICON_NAMES, icon_templates())


def colour_right(rgb, name):
    """True when the named colour is the nearest of all, or within 34 of 255 on average (light and texture change it)."""
    near = min(COLORS, key=lambda n: np.abs(np.array(COLORS[n]) - rgb).sum())
    return near == name or np.abs(rgb - np.array(COLORS[name])).mean() < 34


def background(im, n=6):
    return np.median(np.concatenate([im[:n, :n], im[:n, -n:], im[-n:, :n], im[-n:, -n:]]).reshape(-1, 3).astype(np.float32), 0)


def sign(im, scene, chars):
    """Median over the sign, without its border and the lettering."""
    h, w = im.shape[:2]
    on = shape_mask(scene["shape"], w, h, scene["box"], shrink=2.5 * np.sqrt(w * h) / 45) > 0.9
    for x0, y0, x1, y1 in (c.box for c in chars):
        on[max(0, int(y0) - 2):int(y1) + 3, max(0, int(x0) - 2):int(x1) + 3] = False
    return np.median(im[on].astype(np.float32), 0)


def lettering(im, chars):
    """The most distinct colour in the place of the letters."""
    part = cut(im, around(chars), 0, 0).reshape(-1, 3).astype(np.float32)
    away = np.abs(part - np.median(cut(im, around(chars), 0.4, 0.4).reshape(-1, 3), 0)).sum(1)
    return np.median(part[away >= np.quantile(away, 0.9)], 0)
