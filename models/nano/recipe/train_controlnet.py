"""Trains a ControlNet for Canny edges on the committed checkpoint; it is saved in diffusers layout.

    python train_controlnet.py --out $W/canny --minutes 30 --compile

It starts as a copy of the checkpoint's first blocks with zero residuals. Guides are encoded like images.
"""

import os

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from diffusers import QwenImageControlNetModel, QwenImageTransformer2DModel
from safetensors.torch import load_file
from transformers import AutoTokenizer

from controlnet import ControlNet
from data import TOKENIZER, Data
from export import load
from export import save as save_layout
from model import DIT, Nano, rope_table
from objective import noised, sample_sigma
from precision import products, round_bfloat16
from short_run import optimise, options


# Bits of a weight's mantissa to keep, of BF16's seven, so that the file packs to 4.2 instead of 6.8 MB. Images with the guides of
# test/adapters stay within 38 to 41 dB, and follow their guides equally well.
KEPT_BITS = 3


def edges(picture, rng):
    """Canny's edges as `controlNetPreprocess` finds them, white on black, (H, W, 3); with common thresholds."""
    low = int(rng.integers(50, 151))
    found = cv2.Canny(picture, low, low + int(rng.integers(50, 151)))
    return np.repeat(found[..., None], 3, 2)


class Guided(Data):
    """Scenes with their edges: latents (n, L, 128), one after the other. Captions never mention the shape of the sign: the guide shows it."""

    def caption_ids(self, scene, most):
        return super().caption_ids(scene if scene["shape"] == "none" else {**scene, "shape": "rectangle"}, most)

    def busy(self, latents, cells):
        """True for tokens with edges."""
        black = super().encode([np.zeros((16, 16, 3), np.uint8)])           # [1, 1, 64]
        return (latents[..., 64:] - black).abs().amax(-1) > 0.1

    def encode(self, pictures):
        return torch.cat([super(Guided, self).encode(some) for some in (pictures, [edges(p, self.rng) for p in pictures])], -1)


def save(net, model, folder):
    """Saves in diffusers layout, rounded. Returns the largest difference of a residual from diffusers' module."""
    base = QwenImageTransformer2DModel.from_pretrained(os.path.join(model, "transformer"), torch_dtype=torch.float32)
    theirs = QwenImageControlNetModel.from_transformer(base, num_layers=len(net.outs), attention_head_dim=DIT["head_dim"], num_attention_heads=DIT["heads"])
    rounded = {k: round_bfloat16(v, KEPT_BITS) for k, v in net.export_state().items()}
    net.import_state(rounded)
    theirs.load_state_dict(rounded)
    x, guide, txt = torch.randn(1, 16, 64), torch.randn(1, 16, 64), torch.randn(1, 5, DIT["text_dim"])
    with torch.no_grad():
        a = net(x, guide, txt, None, torch.tensor([0.7]), *rope_table(4, 4, 5))
        b = theirs(hidden_states=x, controlnet_cond=guide, encoder_hidden_states=txt, encoder_hidden_states_mask=torch.ones(1, 5, dtype=torch.bool),
                   timestep=torch.tensor([0.7]), img_shapes=[[(1, 4, 4)]], return_dict=False)[0]
    save_layout(theirs, folder)
    return max((p - q).abs().max().item() for p, q in zip(a, b))


def main():
    ap = options(__doc__, lr=5e-4)
    ap.add_argument("--layers", type=int, default=2)
    ap.add_argument("--resume-from", default="", help="folder of a ControlNet to continue from")
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    nano = Nano()
    nano.load_state_dict(load(a.model)[0])
    nano.requires_grad_(False)
    net = ControlNet(nano.dit, a.layers).requires_grad_(True)
    if a.resume_from:
        net.import_state(load_file(os.path.join(a.resume_from, "diffusion_pytorch_model.safetensors")))
    data = Guided(AutoTokenizer.from_pretrained(TOKENIZER), a, np.random.default_rng(11), (a.size, a.size), 512)
    data.add(4 * a.batch)

    def velocity(ids, mask, x, guide, sigma, *rope):
        text = nano.text(data.prefix, ids)
        return nano.dit(x, text, mask, sigma, *rope, residuals=net(x, guide, text, mask, sigma, *rope))[0]

    run = torch.compile(velocity, dynamic=False) if a.compile else velocity

    def loss_of_batch():
        ids, mask, both, _, *rope = data.batch(a.batch, max(1, a.batch // 3))
        sigma = sample_sigma(a.batch, a.shift)
        x0, guide = both.chunk(2, -1)
        x, target = noised(x0.contiguous(), sigma)
        with products(a):
            v = run(ids, mask, x, guide.contiguous(), sigma, *rope)
        return F.mse_loss(v.float(), target)

    optimise(a, list(net.parameters()), loss_of_batch)
    print(f"largest difference from diffusers: {save(net, a.model, a.out):.1e}")


if __name__ == "__main__":
    main()
