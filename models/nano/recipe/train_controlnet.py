"""Trains a ControlNet for Canny edges on the committed checkpoint, with diffusers' own modules and in its layout.

    python train_controlnet.py --out $W/canny --minutes 120

It begins as a copy of the checkpoint's first blocks whose residuals are zero; guides are encoded as pictures are.
"""

import os

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from diffusers import QwenImageControlNetModel, QwenImageTransformer2DModel
from transformers import AutoTokenizer

from data import TOKENIZER, Data
from export import load
from model import DIT, Nano
from objective import noised, sample_sigma
from short_run import optimise, options


def edges(picture, rng):
    """Canny's edges as `controlNetPreprocess` finds them, white on black, (H, W, 3); thresholds as people choose them."""
    low = int(rng.integers(50, 151))
    found = cv2.Canny(picture, low, low + int(rng.integers(50, 151)))
    return np.repeat(found[..., None], 3, 2)


class Guided(Data):
    """Drawings together with their edges."""

    def guided(self, n):
        """ids, mask, latents and the edges' latents, both (n, L, 64)."""
        scenes = [self.scene() for _ in range(n)]
        pictures = [self.draw(s)[0] for s in scenes]
        return *self.text_batch(scenes), self.encode(pictures), self.encode([edges(p, self.rng) for p in pictures])


def main():
    ap = options(__doc__, lr=5e-4)
    ap.add_argument("--layers", type=int, default=2)
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    base = QwenImageTransformer2DModel.from_pretrained(os.path.join(a.model, "transformer"), torch_dtype=torch.float32).requires_grad_(False)
    net = QwenImageControlNetModel.from_transformer(base, num_layers=a.layers, attention_head_dim=DIT["head_dim"], num_attention_heads=DIT["heads"])
    net.txt_norm.load_state_dict(base.txt_norm.state_dict())
    nano = Nano()
    nano.load_state_dict(load(a.model)[0])
    data = Guided(AutoTokenizer.from_pretrained(TOKENIZER), a, np.random.default_rng(11), (a.size, a.size), 1, a.text_len)
    shapes = [[(1, *data.grid)]] * a.batch

    def loss_of_batch():
        ids, mask, x0, guide = data.guided(a.batch)
        with torch.no_grad():
            text = nano.text(data.prefix, ids)
        sigma = sample_sigma(a.batch, a.shift)
        x, target = noised(x0, sigma)
        seen = dict(hidden_states=x, encoder_hidden_states=text, encoder_hidden_states_mask=mask, timestep=sigma, img_shapes=shapes, return_dict=False)
        residuals = net(controlnet_cond=guide, **seen)[0]
        return F.mse_loss(base(controlnet_block_samples=residuals, **seen)[0], target)

    optimise(a, list(net.parameters()), loss_of_batch)
    net.to(torch.bfloat16).save_pretrained(a.out)


if __name__ == "__main__":
    main()
