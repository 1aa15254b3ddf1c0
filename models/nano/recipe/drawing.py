"""Draws the training pictures: a sign, label or poster with text, a material, a border, a pictogram and a background.

`draw(scene)` returns an RGB picture (H, W, 3 uint8) and the boxes of the drawn characters and pictograms. A scene is a plain dict, made by
`captions.sample_scene`; everything in it is named, so that a caption can say it.
"""

import glob
import importlib.util
import json
import math
import os
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

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

STYLES = {
    "serif": ("/usr/share/fonts/opentype/noto/NotoSerifCJK-Bold.ttc", "fonts-noto-cjk"),
    "sans": ("/usr/share/fonts/truetype/lato/Lato-Bold.ttf", "fonts-lato"),
    "script": ("/usr/share/fonts/opentype/lobster/lobster.otf", "fonts-lobster"),
    "mono": ("/usr/share/fonts/truetype/jetbrains-mono/JetBrainsMono-Bold.ttf", "fonts-jetbrains-mono"),
    "slab": ("/usr/share/fonts/opentype/roboto/slab/RobotoSlab-Bold.otf", "fonts-roboto-slab"),
    "handwritten": ("/usr/share/fonts/truetype/lxgw-wenkai/LXGWWenKai-Bold.ttf", "fonts-lxgw-wenkai"),
}
CJK_STYLES = {
    "serif": ("/usr/share/fonts/opentype/noto/NotoSerifCJK-Bold.ttc", 2),
    "handwritten": ("/usr/share/fonts/truetype/lxgw-wenkai/LXGWWenKai-Bold.ttf", 0),
    "sans": ("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc", 2),
}

# caption word -> name in the Material Design Icons font
ICONS = {
    "bread": "baguette", "tea": "tea", "kettle": "kettle", "coffee": "coffee", "cat": "cat", "dog": "dog", "moon": "moon-waning-crescent",
    "flower": "flower", "tulip": "flower-tulip", "fish": "fish", "star": "star", "heart": "heart", "sun": "white-balance-sunny",
    "pine": "pine-tree", "key": "key", "anchor": "anchor", "umbrella": "umbrella", "bird": "bird", "owl": "owl", "car": "car",
    "house": "home", "cloud": "cloud", "leaf": "leaf", "crown": "crown", "bell": "bell", "apple": "food-apple", "cupcake": "cupcake",
    "note": "music-note", "bicycle": "bike", "boat": "sail-boat", "mushroom": "mushroom", "rabbit": "rabbit", "rocket": "rocket",
    "cherry": "fruit-cherries", "carrot": "carrot", "bee": "bee", "butterfly": "butterfly", "snowflake": "snowflake", "feather": "feather",
    "paw": "paw", "diamond": "diamond-stone", "hammer": "hammer", "lighthouse": "lighthouse", "ghost": "ghost",
}


def _icon_font():
    root = os.path.join(os.path.dirname(importlib.util.find_spec("qtawesome").origin), "fonts")
    ttf = glob.glob(os.path.join(root, "materialdesignicons6-webfont-*.ttf"))[0]
    cmap = glob.glob(os.path.join(root, "materialdesignicons6-webfont-charmap-*.json"))[0]
    return ttf, {k: chr(int(v, 16)) for k, v in json.load(open(cmap)).items()}


ICON_TTF, ICON_CHARS = _icon_font()


@lru_cache(maxsize=2048)
def font(path, size, index=0):
    return ImageFont.truetype(path, size, index=index, layout_engine=ImageFont.Layout.BASIC)


def font_for(style, text):
    if any(ord(c) > 0x2E00 for c in text):
        return CJK_STYLES.get(style, CJK_STYLES["sans"])
    return STYLES[style][0], (2 if style == "serif" else 0)


# --- textures: one large tile a material, cut at a random place; values about -1..1 -------------------------------------------------

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
        row = (y // 12).astype(int)
        xx = x + (row % 2) * 12
        mortar = ((y % 12) < 1.8) | ((xx % 24) < 1.8)
        tone = rng.standard_normal((n // 12 + 2, n // 24 + 3)).astype(np.float32)[row, (xx // 24).astype(int)] * 0.09
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


def _fill(h, w, rgb, material, rng, offset=None):
    """A (h, w, 3) float picture of a colour in a material."""
    out = np.empty((h, w, 3), np.float32)
    out[:] = rgb
    if material == "enamel":
        gloss = np.linspace(0.16, -0.12, h, dtype=np.float32)[:, None]
        tex = np.broadcast_to(gloss, (h, w))
    elif material == "plain":
        return out
    else:
        t = texture(material)
        oy, ox = (int(rng.integers(0, t.shape[0] - h)), int(rng.integers(0, t.shape[1] - w)))
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
        q = bh * 0.3
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


# part of a shape's box in which text has room: x0, y0, x1, y1 as fractions
INNER = {
    "rectangle": (0.06, 0.08, 0.94, 0.92), "rounded": (0.07, 0.09, 0.93, 0.91), "oval": (0.13, 0.2, 0.87, 0.8), "circle": (0.13, 0.2, 0.87, 0.8),
    "banner": (0.12, 0.12, 0.88, 0.88), "hexagon": (0.12, 0.12, 0.88, 0.88), "arch": (0.09, 0.28, 0.91, 0.92), "shield": (0.09, 0.08, 0.91, 0.7),
    "tag": (0.14, 0.1, 0.94, 0.9), "none": (0.0, 0.0, 1.0, 1.0),
}


def fit_line(text, style, max_w, max_h, cap):
    """Largest font size at which a line fits; the height is that of capitals and descenders."""
    path, index = font_for(style, text)
    size = 100
    f = font(path, size, index)
    w = max(1, f.getlength(text))
    x0, y0, x1, y1 = f.getbbox(text)
    hh = max(1, y1 - y0, f.getbbox("H")[3] - f.getbbox("H")[1])
    s = min(max_w / w, max_h / hh, cap / (hh * 0.9)) * size
    return max(6, int(s))


def draw(scene):
    """Picture, characters and pictograms: lists of (char or name, x0, y0, x1, y1) in pixels."""
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

    fx0, fy0, fx1, fy1 = INNER[shape]
    bw, bh = box[2] - box[0], box[3] - box[1]
    area = [box[0] + fx0 * bw, box[1] + fy0 * bh, box[0] + fx1 * bw, box[1] + fy1 * bh]
    if scene.get("border") and shape != "none":
        p = unit / 45
        area = [area[0] + p, area[1] + p, area[2] - p, area[3] - p]

    layers, icons = [], []
    icon = scene.get("icon")
    if icon:
        pos = scene["icon_pos"]
        aw, ah = area[2] - area[0], area[3] - area[1]
        only = not scene["lines"]
        if pos in ("above", "below"):
            side = min(ah * (0.9 if only else 0.46), aw * 0.8)
            cx = (area[0] + area[2]) / 2
            cy = (area[1] + area[3]) / 2 if only else (area[1] + side / 2 if pos == "above" else area[3] - side / 2)
            if not only:
                if pos == "above":
                    area[1] += side * 1.06
                else:
                    area[3] -= side * 1.06
        else:
            side = min(ah * 0.9, aw * 0.34)
            cy = (area[1] + area[3]) / 2
            cx = area[0] + side / 2 if pos == "left" else area[2] - side / 2
            if pos == "left":
                area[0] += side * 1.12
            else:
                area[2] -= side * 1.12
        f = font(ICON_TTF, max(8, int(side)))
        m = Image.new("L", (w, h), 0)
        ImageDraw.Draw(m).text((cx, cy), ICON_CHARS[ICONS[icon]], font=f, fill=255, anchor="mm")
        layers.append((np.asarray(m, np.float32) / 255, rgb(scene["icon_color"])))
        icons.append((icon, cx - side / 2, cy - side / 2, cx + side / 2, cy + side / 2))

    chars = []
    lines = scene["lines"]
    if lines:
        aw, ah = area[2] - area[0], area[3] - area[1]
        total = sum(l.get("scale", 1.0) for l in lines)
        sizes, boxes = [], []
        for l in lines:
            share = ah * l.get("scale", 1.0) / total
            size = fit_line(l["text"], l["style"], aw, share * 0.88, unit * 0.36 * l.get("scale", 1.0))
            path, index = font_for(l["style"], l["text"])
            f = font(path, size, index)
            x0, y0, x1, y1 = f.getbbox(l["text"])
            sizes.append((f, share, (y0, y1)))
            boxes.append(y1 - y0)
        gap = min(ah - sum(boxes), unit * 0.08 * (len(lines) - 1)) / max(1, len(lines) - 1) if len(lines) > 1 else 0
        gap = max(gap, 1)
        y = (area[1] + area[3]) / 2 - (sum(boxes) + gap * (len(lines) - 1)) / 2
        for l, (f, share, (t0, t1)), bhh in zip(lines, sizes, boxes):
            tw = f.getlength(l["text"])
            x = (area[0] + area[2]) / 2 - tw / 2
            m = Image.new("L", (w, h), 0)
            ImageDraw.Draw(m).text((x, y - t0), l["text"], font=f, fill=255)
            layers.append((np.asarray(m, np.float32) / 255, rgb(l["color"])))
            cap0 = y - t0 + f.getbbox("H")[1]
            for i, c in enumerate(l["text"]):
                if c != " ":
                    a, b = x + f.getlength(l["text"][:i]), x + f.getlength(l["text"][:i + 1])
                    chars.append((c, a, min(y, cap0), b, y + bhh))
            y += bhh + gap

    for m, color in layers:
        if scene.get("glow"):
            g = Image.fromarray((m * 255).astype(np.uint8)).resize((max(1, w // 6), max(1, h // 6)), Image.BOX).resize((w, h), Image.BICUBIC)
            g = np.asarray(g, np.float32)[..., None] / 255
            img = img * (1 - 0.45 * g) + color * 0.45 * g
        img = img * (1 - m[..., None]) + color * m[..., None]
    return np.clip(img + 0.5, 0, 255).astype(np.uint8), chars, icons


def cell_map(chars, classes, w, h, cell=8):
    """Class of the character under the centre of each 8x8 cell (0: none)."""
    gh, gw = h // cell, w // cell
    out = np.zeros((gh, gw), np.int64)
    for c, x0, y0, x1, y1 in chars:
        k = classes.get(c, 0)
        c0, c1 = math.ceil((x0 - cell / 2) / cell), math.ceil((x1 - cell / 2) / cell)
        r0, r1 = math.ceil((y0 - 1 - cell / 2) / cell), math.ceil((y1 + 1 - cell / 2) / cell)
        out[max(0, r0):max(0, r1), max(0, c0):max(0, c1)] = k
    return out
