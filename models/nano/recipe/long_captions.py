"""Captions as people write prompts for large models: sentences around the description, full of words that do not affect the image.

Text in quotes is always on the sign, and colours and materials always describe the image. So the model has one thing to learn: to ignore
the rest.
"""

import re

from captions import QUOTES, caption
from scenes import pick, sample_text, sample_word

SUBJECTS = ["street", "alley", "market", "harbor", "kitchen", "studio", "garden", "storefront", "food lane", "corner shop", "riverside town", "library", "workshop", "tea house"]
VIEWS = ["viewed from the street at a slight angle", "viewed at street level", "seen from below", "close up", "at early morning", "at dusk", "in the rain", "on a busy evening",
         "in an old town", "looking upward", "centered", "with a shallow depth of field"]
MOODS = ["warmly detailed", "lively", "quiet", "premium", "richly detailed", "tall", "cinematic", "charming", "delicate", "weathered", "authentic", "luxurious", "imaginative"]
THINGS = ["baskets of bread near the entrance", "flower boxes", "striped awnings", "stacks of bamboo steamers", "glass jars of pickled vegetables", "bulbs strung overhead",
          "steam rising from pans", "scooters parked nearby", "passing customers in casual clothes", "peeling paint", "paper charms", "narrow steps", "hanging lanterns",
          "carved balconies above", "polished windows", "willow branches and teacups", "line illustrations of bridges", "a handwritten menu", "scattered confetti", "textured pavement"]
LOOKS = ["realistic materials", "refined composition", "natural reflections", "commercial photography look", "clean layout", "accurate spelling", "no extra text", "sharp focus",
         "soft diffused lighting", "dramatic evening glow", "highly detailed brushwork", "crisp signage text", "strong composition emphasizing the sign text", "rich atmosphere",
         "symmetrical composition", "refined spacing", "inviting atmosphere", "documentary photography", "legible typography", "natural skin tones", "8k", "film grain"]
LABELS = ["Main sign text", "Main window text", "Main English title", "Sign text", "Title", "The sign reads", "Text, neatly legible"]
NEXT_LABELS = ["Small subtitle line", "Smaller text below", "Secondary text", "Additional text near the bottom", "and below in smaller letters"]
# descriptions of things around the sign, which are not in the image
ELSEWHERE = ["Chalkboard menu text", "Smaller door sign text", "A small stamp reading", "On a far storefront", "Tiny letters on the jars"]


def unknown(rng):
    """A word that the captions never use; sometimes a name."""
    w = sample_word(rng, 4, 9)
    return w.capitalize() if rng.random() < 0.3 else w


def opening(rng):
    a = f"A {pick(rng, MOODS)} {pick(rng, SUBJECTS)}"
    if rng.random() < 0.4:
        a += f" of a fictional {unknown(rng)} {pick(rng, ['brand', 'premiere', 'company', 'festival'])}"
    return a + ", " + ", ".join(pick(rng, VIEWS) for _ in range(int(rng.integers(1, 3))))


def surroundings(rng):
    things = [pick(rng, THINGS) if rng.random() < 0.7 else f"{pick(rng, MOODS)} {unknown(rng)}" for _ in range(int(rng.integers(1, 5)))]
    return pick(rng, ["Around it: ", "", "The scene blends ", "With "]) + ", ".join(things)


def looks(rng):
    return ", ".join(pick(rng, LOOKS) for _ in range(int(rng.integers(2, 7))))


def elsewhere(rng):
    q0, q1 = pick(rng, QUOTES)
    return f"{pick(rng, ELSEWHERE)}: " + ", ".join(q0 + sample_text(rng, 3, 8) + q1 for _ in range(int(rng.integers(1, 4))))


def labelled(scene, rng):
    """The description, with the text after a colon: `Main sign text: "TEA".`"""
    q0, q1 = pick(rng, QUOTES)
    bare = {**scene, "lines": []}
    out = re.sub(r"\.$", "", caption(bare, rng, 1.2))
    for i, l in enumerate(scene["lines"]):
        label = pick(rng, NEXT_LABELS if i else LABELS)
        letters = f" in {l['color']} letters" if rng.random() < 0.8 else ""
        out += f". {label}{letters}: {q0}{l['text']}{q1}"
    return out


def long_caption(scene, rng, fits=lambda text: True):
    """Sentences about a scene. Filler sentences are removed until the caption fits; None when the core does not fit."""
    core = labelled(scene, rng) if scene["lines"] and scene["shape"] != "none" and rng.random() < 0.4 else re.sub(r"\.$", "", caption(scene, rng, 1.2))
    some = lambda kinds: [pick(rng, kinds)(rng) for _ in range(int(rng.integers(0, 4)) ** 2)]
    before, after = some([opening, surroundings]), some([surroundings, surroundings, looks, looks, elsewhere])
    while True:
        text = ". ".join(s[0].upper() + s[1:] for s in (*before, core, *after)) + "."
        if fits(text):
            return text
        if not before and not after:
            return None
        longer = before if len(before) > len(after) or (before and rng.random() < 0.5) or not after else after
        longer.pop(int(rng.integers(len(longer))))
