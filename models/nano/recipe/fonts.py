"""The fonts of the lettering styles and the pictograms, from packages."""

import glob
import importlib.util
import json
import os
from functools import lru_cache

from PIL import ImageFont

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


def is_chinese(text):
    return any(ord(c) > 0x2E00 for c in text)


def font_for(style, text):
    if is_chinese(text):
        return CJK_STYLES.get(style, CJK_STYLES["sans"])
    return STYLES[style][0], (2 if style == "serif" else 0)
