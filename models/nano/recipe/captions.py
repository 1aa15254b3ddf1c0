"""Samples a scene (what is drawn) and says it in words (the caption), in many orders and wordings."""

import os
import re

from drawing import COLORS, COLOR_NAMES, hash_name
from fonts import ICONS
from layout import on_grid

LUM = {k: 0.3 * v[0] + 0.59 * v[1] + 0.11 * v[2] for k, v in COLORS.items()}
ICON_NAMES = list(ICONS)

# common characters, 246 of them; the ones of the example prompts first
HANZI = (
    "运河乌龙清香春桥锅贴木偶奇谭"
    "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自以会家可下而过天去能对小多然于心学之都好看起发当没成只如事把还用第样道想作种开美总从无情己面最女但现前些所同日手又行意动方期它头经长儿回位分爱老因很给名法间斯知世什两次使身者被高已亲其进此话常与活正感"
    "茶店花鸟鱼马牛羊鸡米面包酒水火山石田土金银玉红黄蓝绿白黑色光明月星云雨雪风东西南北左右新旧书画笔纸门窗街市城村海江湖林森果菜肉蛋糖盐酱醋油饭粥饺汤杯碗盘刀叉灯笼福寿喜财安平乐吉祥龙凤虎兔猫狗"
)
HANZI = list(dict.fromkeys(HANZI))

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789&!?.-'"
CLASSES = {c: i + 1 for i, c in enumerate(LETTERS + "".join(HANZI))}
CLASSES |= {name: 452 + i for i, name in enumerate(ICONS)}
NUM_CLASSES = 512                                                          # room for more

_words = None


def words():
    """Common words by length, without the held-out ones (one in twelve, chosen by hash; those are for the evaluation)."""
    global _words
    if _words is None:
        train, held = {}, {}
        for w in open(os.environ.get("NANO_WORDS", "/usr/share/dict/american-english"), encoding="utf-8"):
            w = w.strip()
            if re.fullmatch("[a-z]{2,10}", w):
                (held if hash_name(w) % 12 == 0 else train).setdefault(len(w), []).append(w)
        _words = (train, held)
    return _words


def pick(rng, seq, p=None):
    return seq[int(rng.integers(len(seq)))] if p is None else seq[int(rng.choice(len(seq), p=p))]


def sample_word(rng, lo, hi, held_out=False):
    n = int(rng.integers(lo, hi + 1))
    lists = words()[1 if held_out else 0]
    if not held_out and (n == 1 or rng.random() < 0.35):                   # made-up strings: spelling, not vocabulary
        return "".join(pick(rng, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(n)).lower()
    return pick(rng, lists[max(2, n)])


def sample_text(rng, lo, hi, held_out=False):
    r = rng.random()
    if r < 0.06 and not held_out:
        return str(int(rng.integers(0, 10 ** int(rng.integers(1, 5)))))
    w = sample_word(rng, lo, hi, held_out)
    if held_out and len(w) > hi:
        w = w[:hi]
    r = rng.random()
    return w.upper() if r < 0.62 else (w.capitalize() if r < 0.87 else w)


def sample_hanzi(rng, n):
    return "".join(pick(rng, HANZI) for _ in range(n))


def contrast(a, b):
    return abs(LUM[a] - LUM[b])


def sample_scene(rng, width, height, min_len=1, max_len=5, max_lines=1, p_hanzi=0.0, p_icon=0.25, held_out=False, p_fewest=0.5,
                 min_lines=1):
    """What is drawn on a sign. A share `p_fewest` has `min_lines` lines of text for certain, the others up to `max_lines`; of the lines, `p_hanzi` are Chinese."""
    shape = pick(rng, ["rectangle", "rounded", "oval", "circle", "banner", "hexagon", "arch", "shield", "tag", "none"],
                 [0.30, 0.16, 0.09, 0.09, 0.08, 0.06, 0.06, 0.05, 0.04, 0.07])
    bg = pick(rng, COLOR_NAMES)
    bg_material = pick(rng, ["plain", "brick", "wood", "stone"], [0.76, 0.09, 0.08, 0.07]) if shape != "none" else "plain"
    material = pick(rng, ["plain", "wood", "paper", "stone", "enamel", "metal", "chalkboard", "brick", "fabric"],
                    [0.36, 0.2, 0.08, 0.08, 0.08, 0.07, 0.05, 0.04, 0.04])
    while True:
        color = pick(rng, COLOR_NAMES)
        if material == "chalkboard":
            color = pick(rng, ["black", "dark green"])
        if shape == "none":
            color, material = bg, "plain"
            break
        if contrast(color, bg) > 30 or (color != bg and contrast(color, bg) > 12):
            break
        bg = pick(rng, COLOR_NAMES)
    readable = [c for c in COLOR_NAMES if contrast(c, color) > 80]
    text_color = pick(rng, readable)
    # box of the shape
    m = 0.05
    sw = 1 - 2 * m
    sh = 0.56 if shape in ("banner", "tag") else pick(rng, [0.74, 0.74])    # (once two heights; still drawn, so that the evaluation's prompts stay the same)
    bw, bh = sw * width, sh * height
    if shape == "circle":
        bw = bh = 0.92 * min(width, height)
    elif shape == "shield":
        bw, bh = 0.86 * width, 0.9 * height
    bh = max(bh, min(0.9 * height, 0.42 * width))
    cx, cy = width / 2, height / 2
    box = [cx - bw / 2, cy - bh / 2, cx + bw / 2, cy + bh / 2]
    if shape == "none":
        box = [0.06 * width, 0.06 * height, 0.94 * width, 0.94 * height]
    box = [on_grid(v) for v in box]
    n = min_lines if rng.random() < p_fewest else int(rng.integers(min_lines, max_lines + 1))
    icon = pick(rng, ICON_NAMES) if rng.random() < p_icon else None
    only_icon = icon and rng.random() < 0.12
    style = pick(rng, ["serif", "sans", "script", "mono", "slab", "handwritten"], [0.26, 0.3, 0.12, 0.1, 0.14, 0.08])
    lines = []
    for i in range(0 if only_icon else n):
        if rng.random() < p_hanzi:
            text = sample_hanzi(rng, pick(rng, [1, 2, 2, 2, 3, 4] if max_len > 3 else range(1, max_len + 1)))
        else:
            text = sample_text(rng, min_len, max_len, held_out)
            if max_len >= 6 and rng.random() < 0.12 and not held_out:      # two short words on a line
                text = sample_text(rng, 1, max_len // 2) + " " + sample_text(rng, 1, max_len // 2)
        line = {"text": text, "style": style, "color": text_color}
        if lines and rng.random() < 0.3:
            line["color"] = pick(rng, readable)
        if lines and rng.random() < 0.25:
            line["scale"] = 0.6
            line["said_small"] = True
        lines.append(line)
    border = pick(rng, [c for c in COLOR_NAMES if contrast(c, color) > 50]) if shape != "none" and rng.random() < 0.22 else None
    same = rng.random() < 0.75
    return {
        "width": width, "height": height, "seed": int(rng.integers(1 << 31)), "bg": bg, "bg_material": bg_material, "shape": shape,
        "color": color, "material": material, "box": box, "border": border, "lines": lines, "icon": icon,
        "icon_pos": pick(rng, ["above", "below", "left", "right"], [0.5, 0.3, 0.1, 0.1]) if icon else None,
        "icon_color": text_color if same else pick(rng, readable), "shadow": shape != "none" and rng.random() < 0.3,
        "chains": shape in ("rectangle", "rounded", "oval", "hexagon", "arch") and rng.random() < 0.1, "glow": rng.random() < 0.05,
        "light": float(rng.uniform(-14, 14)),
    }


SHAPE_WORDS = {
    "rectangle": ["sign", "sign", "board", "label", "poster", "rectangular sign", "panel", "card"], "rounded": ["rounded sign", "rounded label", "rounded plate", "sign with rounded corners"],
    "oval": ["oval sign", "oval label", "oval plaque"], "circle": ["round sign", "circular sign", "round badge", "round label"],
    "banner": ["banner", "ribbon", "ribbon banner"], "hexagon": ["hexagonal sign", "hexagon sign", "hexagonal label"], "arch": ["arched sign", "arch sign", "arched board"],
    "shield": ["shield", "shield sign", "crest"], "tag": ["tag", "price tag", "gift tag"], "none": ["text", "lettering", "words", "typography"],
}
MATERIAL_ADJ = {"wood": ["wooden", "wood"], "paper": ["paper"], "stone": ["stone"], "enamel": ["enamel", "glossy enamel"], "metal": ["metal", "brushed metal"],
                "chalkboard": ["chalkboard"], "brick": ["brick"], "fabric": ["fabric", "cloth"], "plain": [""]}
BG_WORDS = {"plain": ["background", "backdrop", "wall"], "brick": ["brick wall", "bricks"], "wood": ["wooden wall", "wood planks"], "stone": ["stone wall", "stone"]}
OPENERS = ["a", "a", "a", "the", "one", "", "", "photo of a", "picture of a", "a cozy", "a vintage", "an old", "a small", "a simple", "a beautiful", "a hand-painted"]
ENDINGS = ["crisp text", "sharp focus", "highly detailed", "clean layout", "readable typography", "soft light", "vintage look", "centered composition", "high quality"]
PLACES = ["bakery", "shop", "cafe", "market", "street", "garden", "tea house", "hotel", "school", "library", "harbor"]
QUOTES = [('"', '"'), ('"', '"'), ('"', '"'), ("'", "'"), ("“", "”")]
STYLE_WORDS = {"serif": ["serif"], "sans": ["sans", "sans-serif", "bold sans"], "script": ["script", "cursive"], "mono": ["mono", "monospace", "typewriter"],
               "slab": ["slab", "slab serif"], "handwritten": ["handwritten", "brush"]}


def caption(scene, rng, detail=1.0):
    """A sentence about a scene. `detail` is the chance that each optional attribute is said."""
    q0, q1 = pick(rng, QUOTES)
    say = lambda p=0.85: rng.random() < p * detail

    lines = scene["lines"]
    style = lambda l, first: " ".join(x for x in [
        "small" if l.get("said_small") else "", l["color"] if first or l["color"] != lines[0]["color"] else "",
        pick(rng, STYLE_WORDS[l["style"]]) if first and say(0.8) else ""] if x)
    hold = pick(rng, ["letters", "letters", "lettering", "text", "type"])

    def text_clause():
        if not lines:
            return ""
        quoted = [q0 + l["text"] + q1 for l in lines]
        first = style(lines[0], True) if say(0.92) else ""
        sty = f" in {first} {hold}" if first else ""
        if len(lines) == 1:
            verb = pick(rng, ["that says", "that says", "reading", "that reads", "with the text", "saying", "with the word", "labeled", "with", "lettered"])
            return f"{verb} {quoted[0]}{sty}"
        small = [style(l, False) for l in lines[1:]]
        r = rng.random()
        verb = pick(rng, ["that says", "reading", "with the text", "saying", "with the words"])
        if r < 0.35 and not any(small):                                     # all lines in one quotation
            return f"{verb} {q0}{' '.join(l['text'] for l in lines)}{q1}{sty}" if r < 0.12 else f"{verb} {' '.join(quoted)}{sty}"
        parts = [f"{verb} {quoted[0]}{sty}"]
        for q, s in zip(quoted[1:], small):
            joint = pick(rng, ["and below", "and", "then", "and underneath", "below it", "over"])
            parts.append(f"{joint} {q}" + (f" in {s} {hold}" if s else ""))
        return " ".join(parts)

    color = scene["color"] if say(0.93) else ""
    mat = pick(rng, MATERIAL_ADJ[scene["material"]]) if say(0.9) else ""
    noun = pick(rng, SHAPE_WORDS[scene["shape"]])
    opener = pick(rng, OPENERS)
    if rng.random() < 0.1:
        noun = pick(rng, PLACES) + " " + noun
    icon = ""
    if scene["icon"]:
        ic = (scene["icon_color"] + " " if scene["icon_color"] != (lines[0]["color"] if lines else None) and say(0.9) else "") + scene["icon"]
        pos = {"above": ["above the text", "on top", "above"], "below": ["below the text", "below", "at the bottom"], "left": ["on the left", "at left"],
               "right": ["on the right", "at right"]}[scene["icon_pos"]]
        icon = pick(rng, ["with a", "and a", "showing a"]) + " " + ic + (" " + pick(rng, pos) if lines else "") if say(0.97) else ""
    border = pick(rng, ["with a {} border", "{} border", "{} frame", "with a {} frame"]).format(scene["border"]) if scene["border"] and say(0.9) else ""
    bgn = pick(rng, BG_WORDS[scene["bg_material"]])
    bg = pick(rng, ["on a {} {}", "{} {}", "against a {} {}", "with a {} {}"]).format(scene["bg"], bgn) if say(0.92) else ""
    extras = []
    if scene.get("glow") and say():
        extras.append("glowing neon letters")
    if scene.get("chains") and say():
        extras.append("hanging from chains")
    if rng.random() < 0.12:
        extras.append(pick(rng, ENDINGS))

    words_ = lambda *xs: " ".join(x for x in xs if x)
    if scene["shape"] == "none":
        core = words_(text_clause().replace("that says ", "").replace("labeled ", "").replace("lettered ", ""), "on a", scene["bg"], bgn)
        if not lines:
            core = words_("a", icon.split(" a ", 1)[-1] if icon else "", "on a", scene["bg"], bgn)
            icon = ""
        bg = ""
    else:
        r = rng.random()
        t = text_clause()
        if r < 0.55 or not lines:
            core = words_(opener, color, mat, noun, t)
        elif r < 0.8 and scene["material"] != "plain" and mat:             # ... in white letters on dark green wood
            core = words_(opener, noun, t, "on", color, pick(rng, [scene["material"], mat]))
        else:                                                             # "TEXT" in white letters on a green wooden sign
            bare = t
            for v in ("that says ", "reading ", "that reads ", "with the text ", "saying ", "with the words ", "with the word ", "labeled ", "lettered ", "with "):
                if bare.startswith(v):
                    bare = bare[len(v):]
                    break
            core = words_(bare, "on a", color, mat, noun)
    tail = [x for x in (icon, border, bg) if x]
    if rng.random() < 0.5:
        rng.shuffle(tail)
    sep = ", " if rng.random() < 0.6 else " "
    out = core
    for x in tail:
        out += (sep if not x[0].isdigit() and (x.startswith(("with", "on", "and", "against", "showing")) is False or sep == ", ") else " ") + x
    for x in extras:
        out += ", " + x
    out = re.sub(r" +", " ", out).strip()
    if rng.random() < 0.3:
        out = out[0].upper() + out[1:]
    if rng.random() < 0.15:
        out += "."
    return out
