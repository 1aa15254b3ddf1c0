"""A ControlNet of the transformer, as in diffusers for Qwen-Image."""

import copy

import torch
import torch.nn as nn

from layer_names import pairs
from model import linear


class ControlNet(nn.Module):
    """A copy of a transformer's first blocks that also sees a guide. Its residuals, (B, L, hidden) for each block, start at zero."""

    def __init__(self, dit, layers):
        super().__init__()
        self.dit = copy.deepcopy(dit)
        del self.dit.blocks[layers:], self.dit.norm_out, self.dit.proj_out
        h = dit.img_in.out_features
        self.guide_in = linear(dit.img_in.in_features, h, zero=True)
        self.outs = nn.ModuleList([linear(h, h, zero=True) for _ in range(layers)])

    def forward(self, x, guide, txt, mask, sigma, cos, sin):
        img, txt, *rest = self.dit.embed(x, txt, mask, sigma, cos, sin)
        img, residuals = img + self.guide_in(guide), []
        for block, out in zip(self.dit.blocks, self.outs):
            img, txt = block(img, txt, *rest)
            residuals.append(out(img))
        return residuals

    def _names(self):
        """(name here, [names of diffusers])."""
        known = [(ours, [n[2:] for n in theirs]) for ours, theirs in pairs(0, len(self.outs)) if ours in self.state_dict()]
        own = [("guide_in", "controlnet_x_embedder"), *((f"outs.{i}", f"controlnet_blocks.{i}") for i in range(len(self.outs)))]
        return known + [(f"{ours}.{k}", [f"{theirs}.{k}"]) for ours, theirs in own for k in ("weight", "bias")]

    def export_state(self):
        state = self.state_dict()
        return {n: p.clone() for ours, theirs in self._names() for n, p in zip(theirs, state[ours].chunk(len(theirs)))}

    def import_state(self, state):
        self.load_state_dict({ours: torch.cat([state[n].float() for n in theirs]) for ours, theirs in self._names()})
