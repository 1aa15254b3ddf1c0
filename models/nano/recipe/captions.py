"""Describes a scene in many orders and wordings."""

import re

from scenes import pick

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
    """A sentence about a scene. `detail` is the probability of mentioning each optional attribute."""
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
