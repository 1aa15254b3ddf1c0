"""The shapes of Chinese characters and pictograms, by token. Their embeddings start with them, and the text encoder has to predict them.

An embedding then has the shape of its character. So the model learns one thing for all of them, how to render such a vector,
instead of every shape separately.
"""

import numpy as np
import torch
from PIL import Image, ImageDraw

from fonts import ICON_CHARS, ICON_TTF, ICONS, font, font_for
from model import GLYPH, TEXT
from read_back import hanzi_templates, icon_templates
from scenes import HANZI, ICON_NAMES


def single_id(tok, name):
    ids = tok(name if name in HANZI else " " + name)["input_ids"]
    assert len(ids) == 1, name
    return ids[0]


def shape_vectors(pictures, size, std):
    """Images (n, h, w) -> (n, size): their principal components, half whitened, rotated at random."""
    x = pictures.reshape(len(pictures), -1)
    u, s, _ = np.linalg.svd(x - x.mean(0), full_matrices=False)
    k = min(size, len(s) - 1)
    turn = np.linalg.qr(np.random.default_rng(5).standard_normal((size, size)))[0]
    v = (u[:, :k] * np.sqrt(s[:k])) @ turn[:k]
    return torch.from_numpy(v * std / v.std()).float()


@torch.no_grad()
def teach(embedding, tok, std=0.3):
    """Chinese characters get their shape as embedding; the words for pictograms get it added to their embedding."""
    vectors = shape_vectors(np.concatenate([hanzi_templates("sans"), icon_templates()]), embedding.shape[1], std)
    for name, vector in zip([*HANZI, *ICON_NAMES], vectors):
        i = single_id(tok, name)
        embedding[i] = vector if name in HANZI else embedding[i] + vector


def bitmaps(tok, scale=4):
    """The shapes of the tokens of Chinese characters (sans) and pictograms, (vocabulary, GLYPH * GLYPH) 0..1, and 1 for tokens with a shape, (vocabulary,)."""
    side = GLYPH * scale
    table, known = torch.zeros(TEXT["vocab"], GLYPH * GLYPH), torch.zeros(TEXT["vocab"])
    path, index = font_for("sans", HANZI[0])
    hanzi, icons = font(path, side, index), font(ICON_TTF, side)
    for name in (*HANZI, *ICONS):
        picture = Image.new("L", (side, side))
        char, f = (name, hanzi) if name in HANZI else (ICON_CHARS[ICONS[name]], icons)
        ImageDraw.Draw(picture).text((side / 2, side / 2), char, font=f, fill=255, anchor="mm")
        i = single_id(tok, name)
        table[i] = torch.from_numpy(np.asarray(picture.resize((GLYPH, GLYPH), Image.BOX), np.float32).copy()).flatten() / 255
        known[i] = 1
    return table, known
