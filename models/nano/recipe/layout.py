"""Positions of letters and pictograms on a sign: on the grid of the latents, eight pixels, and of the tokens, sixteen.

All letters of a line have one pitch, as on a letter board. Pitch and size follow from their number. So the caption determines the place of a
letter, and a letter of one size and style has the same few latents in every place. (With proportional letters, a model of 580 k samples knew the letter under
a cell to 93 %, its size and its row to 85 %, but its column to 41 % only. It could not render what it knew.)
"""

import math
from typing import NamedTuple

import numpy as np

from fonts import STYLES, font, font_for, is_chinese

GRID, TOKEN = 8, 16                                                        # pixels of a latent and of a token
PITCHES = (8, 16, 24, 32, 40, 48, 64, 80, 96)                              # pixels from letter to letter; a Chinese character is as high as its pitch,
LETTER = 1.5                                                               # the font size of letters is larger by this factor,
HIGHEST = 96                                                               # and at most this
SMALL = 24                                                                 # a line at this pitch or below may use the sign's width up to
WIDE = 0.87                                                                # this share,
READABLE = 36                                                              # and this many pixels of its height, even if it is described as small: one at this pitch needs 34
ICON_LADDER = (8, 16, 32, 48, 64, 80, 96, 128, 160, 192, 224)              # sides in pixels

# part of a shape's box in which text has room: x0, y0, x1, y1 as fractions
INNER = {
    "rectangle": (0.06, 0.08, 0.94, 0.92), "rounded": (0.07, 0.09, 0.93, 0.91), "oval": (0.13, 0.2, 0.87, 0.8), "circle": (0.13, 0.2, 0.87, 0.8),
    "banner": (0.12, 0.12, 0.88, 0.88), "hexagon": (0.12, 0.12, 0.88, 0.88), "arch": (0.09, 0.28, 0.91, 0.92), "shield": (0.09, 0.08, 0.91, 0.7),
    "tag": (0.14, 0.1, 0.94, 0.9), "none": (0.0, 0.0, 1.0, 1.0),
}

SIZES = {s: i for i, s in enumerate(sorted({*PITCHES, *(round(LETTER * p) for p in PITCHES), *ICON_LADDER}))}
SPAN = 32                                                                  # cells that a mark is wide or high at most
KINDS = {s: i for i, s in enumerate((*STYLES, "pictogram"))}


class Mark(NamedTuple):
    """A character or pictogram in its place, in pixels: its box, its origin's height (baseline or lower edge), its size, its style."""

    name: str
    x0: float
    y0: float
    x1: float
    y1: float
    origin: int
    size: int
    kind: str

    @property
    def box(self):
        return self[1:5]


def cell_map(marks, classes, w, h):
    """The content at the centre of each 8x8 cell, (rows, columns, 5): class of the character or pictogram (0: none), its size and kind, and the cell's
    column (from its left edge) and row (from its origin, SPAN - 8) in it."""
    out = np.zeros((h // GRID, w // GRID, 5), np.int64)
    cell = lambda v: max(0, math.ceil((v - GRID / 2) / GRID))
    for m in marks:
        rows, columns = slice(cell(m.y0 - 1), cell(m.y1 + 1)), slice(cell(m.x0), cell(m.x1))
        part = out[rows, columns]
        part[..., :3] = classes.get(m.name, 0), SIZES[m.size], KINDS[m.kind]
        r, c = np.mgrid[rows.start:rows.start + part.shape[0], columns.start:columns.start + part.shape[1]]
        part[..., 3] = np.clip(c - m.x0 // GRID, 0, SPAN - 1)
        part[..., 4] = np.clip(r - m.origin // GRID + SPAN - 8, 0, SPAN - 1)
    return out


def on_grid(v, step=GRID):
    return round(v / step) * step


def fit_line(text, style, max_w, wide, max_h, cap):
    """The line at the widest pitch that fits: `wide` if it is small, `cap` for the height of its letters. Returns font, pitch, pixels above and below the baseline."""
    path, index = font_for(style, text)
    factor, rise, fall = (1, 0.88, 0.12) if is_chinese(text) else (LETTER, 0.72, 0.22)
    for pitch in PITCHES[::-1]:
        size = round(factor * pitch)
        if size <= HIGHEST and len(text) * pitch <= (wide if pitch <= SMALL else max_w) and (rise + fall) * size <= max_h and rise * size <= cap:
            break
    return font(path, size, index), pitch, round(rise * size), round(fall * size)


def inner_area(scene, unit):
    """Room for text and pictogram on the sign, x0, y0, x1, y1 in pixels."""
    box = scene["box"]
    fx0, fy0, fx1, fy1 = INNER[scene["shape"]]
    bw, bh = box[2] - box[0], box[3] - box[1]
    p = unit / 45 if scene.get("border") and scene["shape"] != "none" else 0
    return [box[0] + fx0 * bw + p, box[1] + fy0 * bh + p, box[0] + fx1 * bw - p, box[1] + fy1 * bh - p]


def place_icon(scene, area):
    """The pictogram's side and centre, (side, cx, cy), and the remaining room for the text."""
    x0, y0, x1, y1 = area
    w, h, pos = x1 - x0, y1 - y0, scene["icon_pos"]
    only, upright = not scene["lines"], pos in ("above", "below")
    share = 0.9 if only else 0.46 if len(scene["lines"]) == 1 else 0.36     # (of the height: two lines have room at a readable size)
    most = min(h * share, w * 0.8) if upright or only else min(h * 0.9, w * 0.34)
    side = max([s for s in ICON_LADDER if s <= most], default=ICON_LADDER[0])
    middle = on_grid((x0 + x1) / 2), on_grid((y0 + y1) / 2)
    if only:
        return (side, *middle), area
    away = on_grid(side * 1.06)
    if upright:
        top = on_grid(y0 + 4, TOKEN) if pos == "above" else on_grid(y1 - 4 - side, TOKEN)
        return (side, middle[0], top + side // 2), ([x0, top + away, x1, y1] if pos == "above" else [x0, y0, x1, top + side - away])
    left = math.ceil(x0 / GRID) * GRID if pos == "left" else math.floor(x1 / GRID) * GRID - side
    return (side, left + side // 2, middle[1]), ([left + away, y0, x1, y1] if pos == "left" else [x0, y0, left + side - away, y1])


def place_lines(scene, area, unit):
    """[(line, font, marks)], each line centred in the area, all together in its middle."""
    x0, y0, x1, y1 = area
    lines = scene["lines"]
    scales = [l.get("scale", 1.0) for l in lines]
    total = sum(scales)
    whole = not (scene.get("icon") and scene["icon_pos"] in ("left", "right"))
    wide = max(x1 - x0, WIDE * (scene["box"][2] - scene["box"][0])) if whole else x1 - x0
    room = (y1 - y0) * (0.92 if len(lines) == 1 else 0.86)                  # (baselines are on the grid of tokens, which needs some)
    least = min(READABLE, (y1 - y0) / len(lines))
    fitted = [fit_line(l["text"], l["style"], x1 - x0, wide, max(least, room * scale / total), unit * 0.36 * scale) for l, scale in zip(lines, scales)]
    steps = [TOKEN * math.ceil((upper[3] + lower[2] + 4) / TOKEN) for upper, lower in zip(fitted, fitted[1:])]    # from one baseline to the next
    baseline = on_grid((y0 + y1 + fitted[0][2] - sum(steps)) / 2, TOKEN)
    out = []
    for line, (f, pitch, above, below), step in zip(lines, fitted, [*steps, 0]):
        x = on_grid((x0 + x1 - pitch * len(line["text"])) / 2)
        out.append((line, f, [Mark(c, x + i * pitch, baseline - above, x + (i + 1) * pitch, baseline + below, baseline, f.size, line["style"])
                              for i, c in enumerate(line["text"]) if c != " "]))
        baseline += step
    return out
