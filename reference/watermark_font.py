"""Makes assets/watermark.ttf: Latin, Greek, Cyrillic and Vietnamese of Noto Sans SemiBold in one file, under a name that no system font has.

Needs fonttools, and `npm pack @fontsource/noto-sans@5.3.0` unpacked into the folder of the argument.
"""

import sys
from pathlib import Path

from fontTools.merge import Merger
from fontTools.subset import Options, Subsetter

folder = Path(sys.argv[1]) / "files"
parts = [folder / f"noto-sans-{script}-600-normal.woff" for script in ("latin", "latin-ext", "greek", "cyrillic", "vietnamese")]
font = Merger().merge([str(part) for part in parts])
names = {1: "Inkstone Mark", 2: "Regular", 3: "Inkstone Mark, Noto Sans SemiBold", 4: "Inkstone Mark", 6: "InkstoneMark"}
for kind in (1, 3, 4, 6, 16, 17):
    font["name"].removeNames(kind)
for kind, text in names.items():
    font["name"].setName(text, kind, 3, 1, 0x409)
font["OS/2"].usWeightClass = 400
font.flavor = None  # sharp's FreeType reads no WOFF
options = Options(hinting=False, layout_features=["kern", "mark", "mkmk", "ccmp"], name_IDs=["*"], notdef_outline=True)
subsetter = Subsetter(options)
subsetter.populate(unicodes=font.getBestCmap())
subsetter.subset(font)
font.save("assets/watermark.ttf")
