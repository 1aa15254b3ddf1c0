"""Where letters and pictograms stand on a sign: on the grid of the latents, eight pixels, and of the tokens, sixteen.

A letter's slot is a whole number of latents wide, baselines lie between tokens, sizes come from a short ladder. A letter of one size and style then is
the same handful of latents wherever it stands, and the model has a finite set of shapes to learn. With letters at any fraction of a pixel
(the first 393 k samples) it knew the words to 94 % and still blurred their strokes.
"""

import math

from fonts import font, font_for

GRID, TOKEN = 8, 16                                                        # pixels a latent, a token
LADDER = (12, 16, 20, 24, 32, 40, 48, 64, 80, 96)                          # font sizes in pixels
ICON_LADDER = (16, 32, 48, 64, 80, 96, 128, 160, 192, 224)                 # sides in pixels

# part of a shape's box in which text has room: x0, y0, x1, y1 as fractions
INNER = {
    "rectangle": (0.06, 0.08, 0.94, 0.92), "rounded": (0.07, 0.09, 0.93, 0.91), "oval": (0.13, 0.2, 0.87, 0.8), "circle": (0.13, 0.2, 0.87, 0.8),
    "banner": (0.12, 0.12, 0.88, 0.88), "hexagon": (0.12, 0.12, 0.88, 0.88), "arch": (0.09, 0.28, 0.91, 0.92), "shield": (0.09, 0.08, 0.91, 0.7),
    "tag": (0.14, 0.1, 0.94, 0.9), "none": (0.0, 0.0, 1.0, 1.0),
}


def on_grid(v, step=GRID):
    return round(v / step) * step


def slot(char, f):
    """Width of a letter's place: its advance, to the next multiple of the grid; a little may be taken from its margins."""
    return GRID * max(1, math.ceil((f.getlength(char) - 0.055 * f.size) / GRID))


def set_line(text, style, size):
    """A line in one size: font, slots' widths, pixels above and below the baseline."""
    path, index = font_for(style, text)
    f = font(path, size, index)
    above = max(f.getbbox("H", anchor="ls")[1] * -1, -f.getbbox(text, anchor="ls")[1])
    return f, [slot(c, f) for c in text], above, max(0, f.getbbox(text, anchor="ls")[3])


def fit_line(text, style, max_w, max_h, cap):
    """The line in the largest size of the ladder that has room; `cap` limits the height of its letters."""
    for size in LADDER[::-1]:
        line = f, slots, above, below = set_line(text, style, size)
        if sum(slots) <= max_w and above + below <= min(max_h, cap * 1.12):
            break
    return line


def inner_area(scene, unit):
    """Room for text and pictogram on the sign, x0, y0, x1, y1 in pixels."""
    box = scene["box"]
    fx0, fy0, fx1, fy1 = INNER[scene["shape"]]
    bw, bh = box[2] - box[0], box[3] - box[1]
    p = unit / 45 if scene.get("border") and scene["shape"] != "none" else 0
    return [box[0] + fx0 * bw + p, box[1] + fy0 * bh + p, box[0] + fx1 * bw - p, box[1] + fy1 * bh - p]


def place_icon(scene, area):
    """The pictogram's side and centre, (side, cx, cy), and the room that is left for the text."""
    x0, y0, x1, y1 = area
    w, h, pos = x1 - x0, y1 - y0, scene["icon_pos"]
    only, upright = not scene["lines"], pos in ("above", "below")
    most = min(h * (0.9 if only else 0.46), w * 0.8) if upright or only else min(h * 0.9, w * 0.34)
    side = max([s for s in ICON_LADDER if s <= most], default=GRID)
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
    """[(line, font, [(char, x0, x1)], baseline, top, bottom)] in pixels, each line centred in the area, all together in its middle."""
    x0, y0, x1, y1 = area
    lines = scene["lines"]
    total = sum(l.get("scale", 1.0) for l in lines)
    fitted = [fit_line(l["text"], l["style"], x1 - x0, (y1 - y0) * l.get("scale", 1.0) / total * 0.92, unit * 0.36 * l.get("scale", 1.0)) for l in lines]
    steps = [TOKEN * math.ceil((upper[3] + lower[2] + 4) / TOKEN) for upper, lower in zip(fitted, fitted[1:])]    # from one baseline to the next
    top, bottom = fitted[0][2], fitted[-1][3]
    baseline = on_grid((y0 + y1 + top - bottom - sum(steps)) / 2, TOKEN)
    out = []
    for line, (f, slots, above, below), step in zip(lines, fitted, [*steps, 0]):
        x, places = on_grid((x0 + x1 - sum(slots)) / 2), []
        for c, width in zip(line["text"], slots):
            places.append((c, x, x + width))
            x += width
        out.append((line, f, places, baseline, baseline - above, baseline + below))
        baseline += step
    return out
