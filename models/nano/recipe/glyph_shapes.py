"""Token embeddings that say what a character or pictogram looks like, as a start for those that were never trained.

What is new about a character is then known from its embedding, and the model has one thing to learn for all of them, how such a vector is drawn,
instead of every shape by itself.
"""

import numpy as np
import torch

import captions as C
from read_back import hanzi_templates, icon_templates


def shape_vectors(pictures, size, std):
    """Pictures (n, h, w) -> (n, size): their principal components, half whitened, turned at random."""
    x = pictures.reshape(len(pictures), -1)
    u, s, _ = np.linalg.svd(x - x.mean(0), full_matrices=False)
    k = min(size, len(s) - 1)
    turn = np.linalg.qr(np.random.default_rng(5).standard_normal((size, size)))[0]
    v = (u[:, :k] * np.sqrt(s[:k])) @ turn[:k]
    return torch.from_numpy(v * std / v.std()).float()


@torch.no_grad()
def teach(embedding, tok, std=0.3):
    """Chinese characters get their shape as embedding; the words for pictograms get it added to what they have."""
    vectors = shape_vectors(np.concatenate([hanzi_templates("sans"), icon_templates()]), embedding.shape[1], std)
    for token, vector in zip([*C.HANZI, *(" " + n for n in C.ICON_NAMES)], vectors):
        ids = tok(token)["input_ids"]
        assert len(ids) == 1, token
        embedding[ids[0]] = vector if token in C.HANZI else embedding[ids[0]] + vector
