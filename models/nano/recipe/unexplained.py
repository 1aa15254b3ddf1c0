"""The share of the lettering that the model does not know: the part of a scene that its prediction from one noise level does not explain.

    python unexplained.py                                  (the committed checkpoint; or the EMA of --nano DIR/nano.pt)

On held-out words at 256x256, with complete captions and all tokens: the squared error on tokens with lettering as a share of their variance, by noise
level; and how often the auxiliary heads name the character under a cell, and the cell's column in it. (Another light and grain of the same
sign give 1 %.)
"""

import argparse
import os
from types import SimpleNamespace

import numpy as np
import torch

from captions import caption
from data import TOKENIZER, Data
from model import PLACE, Nano
from objective import noised
from scenes import CHARACTERS, NUM_CLASSES, USED_CLASSES

HERE = os.path.dirname(os.path.abspath(__file__))
LEVELS = 0.999, 0.8, 0.6
COLUMN = slice(sum(PLACE[:2]), sum(PLACE[:3]))                             # of a cell's logits of places


def load_net(model, nano):
    """The network with its auxiliary heads."""
    net = Nano(NUM_CLASSES, USED_CLASSES)
    if nano:
        net.load_state_dict(torch.load(nano, map_location="cpu")["ema"])
        return net.eval()
    from safetensors.torch import load_file

    from export import load
    side = os.path.join(model, "recipe", "aux.safetensors")
    if not os.path.exists(side):
        raise SystemExit(f"{side} is missing: Git does not store the auxiliary heads. Train them with train.py --resume-from, then name its nano.pt with --nano")
    heads = load_file(side)
    net.load_state_dict(load(model)[0] | {k: v.float() for k, v in heads.items()})
    return net.eval()


def held_out(tok, n, chinese):
    """Data, and n scenes of held-out words, or of Chinese characters, with their captions as ids."""
    kind = SimpleNamespace(min_len=2, max_len=8, min_lines=1, max_lines=2, fewest=0.5, hanzi=float(chinese), icons=0.0, text_len=64, long=0.0, keep=0)
    data = Data(tok, kind, np.random.default_rng(4), (256, 256), 0)
    drawn = data.make(n, held_out=True)
    ids, mask = torch.zeros(n, kind.text_len, dtype=torch.long), torch.zeros(n, kind.text_len, dtype=torch.bool)
    for i, (scene, *_) in enumerate(drawn):
        row = data.ids(caption(scene, data.rng, 1.2))[:kind.text_len]
        ids[i, :len(row)], mask[i, :len(row)] = torch.tensor(row), True
    return data, ids, mask, *(torch.stack(x) for x in list(zip(*drawn))[1:4])


@torch.no_grad()
def measure(net, data, ids, mask, x0, cells, places):
    """Unexplained shares at LEVELS, and the heads' shares of correct names and columns when only the caption can determine them."""
    x0, cells, columns = x0.float(), cells.long(), places.unflatten(-1, (4, 4))[..., 2].long()
    written = (cells > 0) & (cells <= CHARACTERS)
    busy, shares = written.any(-1), []
    torch.manual_seed(5)
    for sigma in LEVELS:
        level = torch.full((len(x0),), sigma)
        x, _ = noised(x0, level)
        v, names, at, *_ = net(data.prefix, ids, mask, x, level, *data.rope)
        error = (x - sigma * v - x0)[busy]
        shares.append((error.square().sum() / (x0[busy] - x0[busy].mean(0)).square().sum()).item())
        if sigma == LEVELS[0]:
            named = (names.unflatten(-1, (4, -1)).argmax(-1) == cells)[written].float().mean().item()
            placed = (at.unflatten(-1, (4, -1))[..., COLUMN].argmax(-1) == columns)[written].float().mean().item()
    return shares, named, placed


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--model", default=os.path.join(HERE, ".."))
    ap.add_argument("--nano", default="", help="a training's nano.pt instead")
    ap.add_argument("--drawings", type=int, default=96)
    a = ap.parse_args()
    from transformers import AutoTokenizer
    net, tok = load_net(a.model, a.nano), AutoTokenizer.from_pretrained(TOKENIZER)
    for chinese in (False, True):
        shares, named, placed = measure(net, *held_out(tok, a.drawings, chinese))
        told = ", ".join(f"{share:.0%} at {sigma}" for sigma, share in zip(LEVELS, shares))
        print(f"{'Chinese' if chinese else 'Latin'}: unexplained {told}; names {named:.0%}, columns {placed:.0%}")


if __name__ == "__main__":
    main()
