"""Styles for the bundled LoRAs: a scene rendered in another style. Each returns the same as `drawing.draw`."""

import numpy as np
from PIL import Image, ImageFilter

from drawing import COLORS, draw, texture


def filtered(mask, *filters):
    im = Image.fromarray((mask * 255).astype(np.uint8))
    for f in filters:
        im = im.filter(f)
    return np.asarray(im, np.float32)[..., None] / 255


def colour(scene):
    named = scene["lines"][0]["color"] if scene["lines"] else scene["icon_color"]
    return np.array(COLORS[named], np.float32)


def neon(scene):
    """Glass tubes along the outline of the letters, glowing in the letters' colour on a darkened sign."""
    dark, *marks = draw({**scene, "glow": False, "lines": [{**l, "color": scene["color"]} for l in scene["lines"]], "icon_color": scene["color"]})
    m = marks[-1]
    tube = filtered(m, ImageFilter.MaxFilter(3)) - filtered(m, ImageFilter.MinFilter(3))
    unit = float(np.sqrt(scene["width"] * scene["height"]))
    glow = sum(filtered(tube[..., 0], ImageFilter.GaussianBlur(unit / k)) for k in (80, 30, 12))
    light = colour(scene) * 0.75 + 64
    im = dark * 0.22 + light * np.clip(glow, 0, 1.2) * 0.9
    im = im * (1 - tube) + (0.45 * light + 0.55 * 255) * tube
    return np.clip(im, 0, 255).astype(np.uint8), *marks


def chalk(scene):
    """Rough, dusty strokes on a chalkboard."""
    board = {"glow": False, "material": "chalkboard", "color": "black" if scene["seed"] % 2 else "dark green", "border": None, "bg_material": "wood"}
    plain, marks = draw({**scene, **board, "lines": [], "icon": None})[0], draw(scene)[1:]
    rng = np.random.default_rng(scene["seed"])
    h, w = scene["height"], scene["width"]
    m = marks[-1]
    grain = texture("paper")[:h, :w] * 18 + rng.standard_normal((h, w)).astype(np.float32) * 0.45
    rough = np.clip(m * 1.15 - 0.5 * (grain > 0.35) - 0.25 * (grain > 0.0), 0, 1)[..., None]
    dust = filtered(m, ImageFilter.GaussianBlur(float(np.sqrt(w * h)) / 50)) * 0.16
    stick = colour(scene) * 0.45 + 0.55 * 245
    im = plain * (1 - dust) + stick * dust
    im = im * (1 - rough) + stick * rough
    return np.clip(im, 0, 255).astype(np.uint8), *marks


STYLES = {"neon": neon, "chalk": chalk}
