"""Renders the training images: a sign, label or poster with text, a material, a border, a pictogram and a background.

`draw(scene)` returns an RGB image (H, W, 3 uint8), and the positions of characters and pictograms in it. A scene is a plain dict, made by
`scenes.sample_scene`; everything in it has a name, so that a caption can mention it.
"""

import math
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from fonts import ICON_CHARS, ICON_TTF, ICONS, font
from layout import Mark, inner_area, place_icon, place_lines

COLORS = {
    "white": (250, 250, 248), "cream": (247, 235, 203), "black": (22, 22, 24), "gray": (128, 130, 134), "silver": (192, 197, 204),
    "red": (206, 32, 38), "orange": (238, 126, 28), "yellow": (250, 214, 48), "gold": (206, 160, 52), "brown": (112, 70, 38),
    "tan": (208, 176, 132), "green": (46, 150, 66), "dark green": (20, 76, 46), "lime": (164, 214, 60), "teal": (16, 128, 128),
    "turquoise": (74, 206, 200), "blue": (38, 92, 204), "navy": (22, 34, 88), "sky blue": (140, 198, 238), "purple": (112, 52, 160),
    "lavender": (196, 178, 232), "pink": (246, 154, 186), "maroon": (116, 22, 42),
}
COLOR_NAMES = list(COLORS)

SHAPES = ["rectangle", "rounded", "oval", "circle", "banner", "hexagon", "arch", "shield", "tag", "none"]
MATERIALS = ["plain", "wood", "brick", "paper", "stone", "enamel", "metal", "chalkboard", "fabric"]

# --- textures: one large tile for each material, cropped at a random place; values about -1..1 -------------------------------------------------

def _smooth_noise(rng, n, cell, cell_x=None):
    cell_x = cell_x or cell
    small = rng.standard_normal((n // cell + 2, n // cell_x + 2)).astype(np.float32)
    im = Image.fromarray(small).resize((n, n), Image.BICUBIC)
    return np.asarray(im, np.float32)


@lru_cache(maxsize=None)
def texture(material, n=640):
    rng = np.random.default_rng(abs(hash_name(material)))
    y, x = np.mgrid[0:n, 0:n].astype(np.float32)
    if material == "wood":
        grain = np.sin((y + 5 * _smooth_noise(rng, n, 24, 80)) * 2 * math.pi / 9) * 0.35 + _smooth_noise(rng, n, 3, 64) * 0.25
        plank = (y % 32 < 1.6).astype(np.float32)
        tone = np.repeat(rng.standard_normal(n // 32 + 1), 32)[:n, None].astype(np.float32) * 0.35
        return np.clip(grain + tone - 1.6 * plank, -2, 1.2) * 0.11
    if material == "brick":
        row = (y // 16).astype(int)
        xx = x + (row % 2) * 16
        mortar = ((y % 16) < 2) | ((xx % 32) < 2)
        tone = rng.standard_normal((n // 16 + 2, n // 32 + 3)).astype(np.float32)[row, (xx // 32).astype(int)] * 0.09
        return np.where(mortar, 0.22, tone).astype(np.float32)
    if material == "stone":
        return (_smooth_noise(rng, n, 6) * 0.05 + _smooth_noise(rng, n, 24) * 0.08).astype(np.float32)
    if material == "paper":
        return (_smooth_noise(rng, n, 40) * 0.02 + _smooth_noise(rng, n, 3) * 0.008).astype(np.float32)
    if material == "metal":
        return (_smooth_noise(rng, n, 2, 96) * 0.045 + _smooth_noise(rng, n, 64) * 0.05).astype(np.float32)
    if material == "chalkboard":
        return (_smooth_noise(rng, n, 20, 40) * 0.06).astype(np.float32)
    if material == "fabric":
        return (np.sin(x * 2 * math.pi / 6) * np.sin(y * 2 * math.pi / 6) * 0.07).astype(np.float32)
    return np.zeros((n, n), np.float32)


def hash_name(name):
    h = 2166136261
    for c in name.encode():
        h = ((h ^ c) * 16777619) & 0xFFFFFFFF
    return h


def _fill(h, w, rgb, material, rng):
    """A (h, w, 3) float image of a colour in a material."""
    out = np.empty((h, w, 3), np.float32)
    out[:] = rgb
    if material == "enamel":
        gloss = np.linspace(0.16, -0.12, h, dtype=np.float32)[:, None]
        tex = np.broadcast_to(gloss, (h, w))
    elif material == "plain":
        return out
    else:
        t = texture(material)
        oy, ox = [32 * int(rng.integers(0, (t.shape[i] - side) // 32)) for i, side in ((0, h), (1, w))]    # (bricks and planks repeat every 32 pixels)
        tex = t[oy:oy + h, ox:ox + w]
    # light colours are darkened by the texture, dark ones lightened as well: add part of it as grey
    return out * (1 + tex[..., None]) + 26 * tex[..., None]


# --- shapes ------------------------------------------------------------------------------------------------------------------------

def shape_mask(shape, w, h, box, shrink=0.0, ss=3):
    """Anti-aliased mask (h, w) in 0..1 of a shape in a box, optionally shrunk by some pixels."""
    x0, y0, x1, y1 = [v * ss for v in (box[0] + shrink, box[1] + shrink, box[2] - shrink, box[3] - shrink)]
    im = Image.new("L", (w * ss, h * ss), 0)
    d = ImageDraw.Draw(im)
    bw, bh = x1 - x0, y1 - y0
    if shape == "rectangle":
        d.rectangle((x0, y0, x1, y1), fill=255)
    elif shape == "rounded":
        d.rounded_rectangle((x0, y0, x1, y1), radius=min(bw, bh) * 0.22, fill=255)
    elif shape in ("oval", "circle"):
        d.ellipse((x0, y0, x1, y1), fill=255)
    elif shape == "banner":
        q = bh * 0.12
        d.polygon([(x0, y0), (x1, y0), (x1 - q, (y0 + y1) / 2), (x1, y1), (x0, y1), (x0 + q, (y0 + y1) / 2)], fill=255)
    elif shape == "hexagon":
        q = min(bw * 0.2, bh * 0.5)
        d.polygon([(x0 + q, y0), (x1 - q, y0), (x1, (y0 + y1) / 2), (x1 - q, y1), (x0 + q, y1), (x0, (y0 + y1) / 2)], fill=255)
    elif shape == "arch":
        r = min(bw, bh)
        d.ellipse((x0, y0, x1, y0 + r), fill=255)
        d.rectangle((x0, y0 + r / 2, x1, y1), fill=255)
    elif shape == "shield":
        d.rectangle((x0, y0, x1, y0 + bh * 0.5), fill=255)
        pts = [(x0, y0 + bh * 0.5)]
        pts += [((x0 + x1) / 2 - math.cos(a) * bw / 2, y0 + bh * 0.5 + math.sin(a) * bh * 0.5) for a in np.linspace(0, math.pi, 24)]
        d.polygon(pts, fill=255)
    elif shape == "tag":
        q = bh * 0.35
        d.polygon([(x0 + q, y0), (x1, y0), (x1, y1), (x0 + q, y1), (x0, (y0 + y1) / 2 + q * 0.3), (x0, (y0 + y1) / 2 - q * 0.3)], fill=255)
    return np.asarray(im.reduce(ss), np.float32) / 255


@lru_cache(maxsize=8192)
def glyph(char, f, most):
    """A letter's mask, at most `most` pixels wide, and its height above the baseline."""
    x0, y0, x1, y1 = f.getbbox(char, anchor="ls")
    im = Image.new("L", (max(1, x1 - x0), max(1, y1 - y0)))
    ImageDraw.Draw(im).text((-x0, -y0), char, font=f, fill=255, anchor="ls")
    return im if im.width <= most else im.resize((most, im.height), Image.LANCZOS), -y0


def draw(scene):
    """Returns the image, its characters and pictograms (lists of `Mark`), and the share of lettering or pictogram in each pixel, (H, W), 0..1."""
    w, h = scene["width"], scene["height"]
    rng = np.random.default_rng(scene["seed"])
    unit = math.sqrt(w * h)

    def rgb(name):
        return np.clip(np.array(COLORS[name], np.float32) + rng.uniform(-7, 7, 3), 0, 255)

    img = _fill(h, w, rgb(scene["bg"]), scene.get("bg_material", "plain"), rng)
    img += np.linspace(scene.get("light", 8), -scene.get("light", 8), h, dtype=np.float32)[:, None, None]

    shape = scene["shape"]
    box = tuple(scene["box"])                                              # pixels
    if shape != "none":
        m = shape_mask(shape, w, h, box)
        if scene.get("shadow"):
            s = max(2, int(unit / 50))
            sm = np.zeros_like(m)
            sm[s:, s:] = m[:-s, :-s]
            img *= 1 - 0.45 * sm[..., None]
        if scene.get("chains"):
            cx = np.clip(np.array([box[0] + 0.2 * (box[2] - box[0]), box[0] + 0.8 * (box[2] - box[0])]), 1, w - 2).astype(int)
            for c in cx:
                img[: int(box[1]) + 3, c - 1:c + 1] = 40
        fill = _fill(h, w, rgb(scene["color"]), scene["material"], rng)
        img = img * (1 - m[..., None]) + fill * m[..., None]
        if scene.get("border"):
            t = max(1.5, unit / 45)
            inner = shape_mask(shape, w, h, box, shrink=t * 0.9)
            inner2 = shape_mask(shape, w, h, box, shrink=t * 2.1)
            ring = np.clip(inner - inner2, 0, 1)[..., None]
            img = img * (1 - ring) + rgb(scene["border"]) * ring

    area = inner_area(scene, unit)
    layers, icons, chars = [], [], []
    if scene.get("icon"):
        (side, cx, cy), area = place_icon(scene, area)
        m = Image.new("L", (w, h), 0)
        ImageDraw.Draw(m).text((cx, cy), ICON_CHARS[ICONS[scene["icon"]]], font=font(ICON_TTF, side), fill=255, anchor="mm")
        layers.append((np.asarray(m, np.float32) / 255, rgb(scene["icon_color"])))
        icons.append(Mark(scene["icon"], cx - side / 2, cy - side / 2, cx + side / 2, cy + side / 2, cy + side // 2, side, "pictogram"))
    for line, f, marks in place_lines(scene, area, unit) if scene["lines"] else ():
        m = Image.new("L", (w, h), 0)
        for c in marks:
            letter, above = glyph(c.name, f, c.x1 - c.x0 - 2)
            m.paste(255, (c.x0 + (c.x1 - c.x0 - letter.width) // 2, c.origin - above), letter)
        layers.append((np.asarray(m, np.float32) / 255, rgb(line["color"])))
        chars += marks

    ink = np.zeros((h, w), np.float32)
    for m, color in layers:
        ink = np.maximum(ink, m)
        if scene.get("glow"):
            g = Image.fromarray((m * 255).astype(np.uint8)).resize((max(1, w // 6), max(1, h // 6)), Image.BOX).resize((w, h), Image.BICUBIC)
            g = np.asarray(g, np.float32)[..., None] / 255
            img = img * (1 - 0.45 * g) + color * 0.45 * g
        img = img * (1 - m[..., None]) + color * m[..., None]
    return np.clip(img + 0.5, 0, 255).astype(np.uint8), chars, icons, ink
