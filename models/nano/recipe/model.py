"""Text encoder (Qwen2.5-VL text part) and transformer (Qwen-Image) in light PyTorch for training: fused projections, static shapes."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from layout import KINDS, SIZES, SPAN

TEXT = dict(hidden=256, layers=3, heads=4, kv_heads=2, inner=768, vocab=2048, theta=1e6, eps=1e-6)
DIT = dict(hidden=256, layers=7, heads=4, head_dim=64, axes=(8, 28, 28), in_channels=64, text_dim=256)
PREFIX_LEN = 34
GLYPH = 24                                                                 # side of the bitmaps that the auxiliary head of the text encoder predicts
PLACE = len(SIZES), len(KINDS), SPAN, SPAN                                 # the outputs of the auxiliary head of places: size, kind, column, row


def linear(i, o, bias=True, split=1, zero=False):
    m = nn.Linear(i, o, bias=bias)
    if zero:
        nn.init.zeros_(m.weight)
    else:
        nn.init.normal_(m.weight, std=0.7 / math.sqrt(i))
    if bias:
        nn.init.zeros_(m.bias)
    m.weight.muon_split = split
    return m


class TextLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        h, d = c["hidden"], c["hidden"] // c["heads"]
        self.h, self.kv, self.d = c["heads"], c["kv_heads"], d
        self.norm1, self.norm2 = nn.Parameter(torch.ones(h)), nn.Parameter(torch.ones(h))
        self.qkv = linear(h, (c["heads"] + 2 * c["kv_heads"]) * d, split=(c["heads"] + 2 * c["kv_heads"]) // c["kv_heads"])
        self.o = linear(h, h, bias=False, zero=True)
        self.gate_up = linear(h, 2 * c["inner"], bias=False, split=2)
        self.down = linear(c["inner"], h, bias=False, zero=True)

    def project(self, x, rope):
        b, s, _ = x.shape
        q, k, v = self.qkv(F.rms_norm(x, (x.shape[-1],), self.norm1, 1e-6)).view(b, s, -1, self.d).split([self.h, self.kv, self.kv], 2)
        cos, sin = rope
        rot = lambda t: t * cos + torch.cat([-t[..., self.d // 2:], t[..., :self.d // 2]], -1) * sin
        return rot(q), rot(k), v

    def finish(self, x, o):
        x = x + self.o(o)
        g, u = self.gate_up(F.rms_norm(x, (x.shape[-1],), self.norm2, 1e-6)).chunk(2, -1)
        return x + self.down(F.silu(g) * u)


class TextEncoder(nn.Module):
    def __init__(self, c=TEXT):
        super().__init__()
        self.embed = nn.Embedding(c["vocab"], c["hidden"])
        nn.init.normal_(self.embed.weight, std=0.3)
        self.layers = nn.ModuleList([TextLayer(c) for _ in range(c["layers"])])
        self.norm = nn.Parameter(torch.ones(c["hidden"]))
        d = c["hidden"] // c["heads"]
        self.rep = c["heads"] // c["kv_heads"]
        inv = c["theta"] ** (-torch.arange(0, d, 2).float() / d)
        ang = torch.outer(torch.arange(1200).float(), inv)
        self.register_buffer("cos", torch.cat([ang.cos()] * 2, -1)[:, None], persistent=False)
        self.register_buffer("sin", torch.cat([ang.sin()] * 2, -1)[:, None], persistent=False)

    def forward(self, prefix, ids):
        """prefix (1, 34) ids of the template, ids (B, S) of prompt and suffix, right padded. Returns (B, S, hidden)."""
        p, (b, s) = prefix.shape[1], ids.shape
        xp, x = self.embed(prefix), self.embed(ids)
        rp, rx = (self.cos[:p], self.sin[:p]), (self.cos[p:p + s], self.sin[p:p + s])
        pos = torch.arange(s, device=ids.device)
        mask = torch.cat([torch.ones(s, p, dtype=torch.bool, device=ids.device), pos[:, None] >= pos[None]], 1)
        for layer in self.layers:
            qp, kp, vp = layer.project(xp, rp)
            q, k, v = layer.project(x, rx)
            k = torch.cat([kp.expand(b, -1, -1, -1), k], 1).repeat_interleave(self.rep, 2)
            v = torch.cat([vp.expand(b, -1, -1, -1), v], 1).repeat_interleave(self.rep, 2)
            o = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), attn_mask=mask)
            x = layer.finish(x, o.transpose(1, 2).reshape(b, s, -1))
            kp, vp = kp.repeat_interleave(self.rep, 2), vp.repeat_interleave(self.rep, 2)
            o = F.scaled_dot_product_attention(qp.transpose(1, 2), kp.transpose(1, 2), vp.transpose(1, 2), is_causal=True)
            xp = layer.finish(xp, o.transpose(1, 2).reshape(1, p, -1))
        return F.rms_norm(x, (x.shape[-1],), self.norm, 1e-6)


def attention(q, k, v, mask):
    """Softmax attention (B, S, heads, d) -> (B, S, heads * d), written out: in bfloat16 on a CPU the backward pass of the fused kernel takes longer (measured)."""
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    scores = q @ k.mT * q.shape[-1] ** -0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e4)
    return (scores.float().softmax(-1).to(v.dtype) @ v).transpose(1, 2).flatten(2)


def rope_table(grid_h, grid_w, text_len, axes=DIT["axes"]):
    """cos, sin of (text_len + grid_h*grid_w, sum(axes)/2): text first."""
    freqs = [10000 ** (-torch.arange(0, d, 2).double() / d) for d in axes]
    rows = torch.arange(grid_h).double() - (grid_h - grid_h // 2)
    cols = torch.arange(grid_w).double() - (grid_w - grid_w // 2)
    r, c = [t.reshape(-1) for t in torch.meshgrid(rows, cols, indexing="ij")]
    img = torch.cat([torch.outer(torch.zeros_like(r), freqs[0]), torch.outer(r, freqs[1]), torch.outer(c, freqs[2])], 1)
    p = max(grid_h // 2, grid_w // 2) + torch.arange(text_len).double()
    txt = torch.cat([torch.outer(p, f) for f in freqs], 1)
    a = torch.cat([txt, img])
    return a.cos().float(), a.sin().float()


def norm(x):
    """Layer norm over the last axis, without weights."""
    return F.layer_norm(x, (x.shape[-1],), eps=1e-6)


def timestep_embedding(sigma):
    f = torch.exp(-math.log(10000) * torch.arange(128, dtype=torch.float32, device=sigma.device) / 128)
    a = 1000 * (sigma.float()[:, None] * f[None])
    return torch.cat([a.cos(), a.sin()], -1)


class Stream(nn.Module):
    """One of a block's two streams."""

    def __init__(self, h, d):
        super().__init__()
        self.mod = linear(h, 6 * h, zero=True)
        with torch.no_grad():
            self.mod.bias.view(6, h)[2::3] = 1.0                             # gates open, branches start at zero
        self.qkv = linear(h, 3 * h, split=3)
        self.norm_q, self.norm_k = nn.Parameter(torch.ones(d)), nn.Parameter(torch.ones(d))
        self.out = linear(h, h, zero=True)
        self.up, self.down = linear(h, 4 * h), linear(4 * h, h, zero=True)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, self.d = c["heads"], c["head_dim"]
        self.img, self.txt = Stream(c["hidden"], self.d), Stream(c["hidden"], self.d)

    def qkv(self, s, x, shift, scale):
        b, n, h = x.shape
        x = norm(x) * (1 + scale) + shift
        q, k, v = s.qkv(x).view(b, n, 3, self.heads, self.d).unbind(2)
        return F.rms_norm(q, (self.d,), s.norm_q, 1e-6), F.rms_norm(k, (self.d,), s.norm_k, 1e-6), v

    @staticmethod
    def mlp(s, x, m):
        h = norm(x) * (1 + m[4]) + m[3]
        return x + m[5] * s.down(F.gelu(s.up(h), approximate="tanh"))

    def forward(self, img, txt, temb, cos, sin, mask, last=False):
        b, t = txt.shape[:2]
        mi, mt = [s.mod(temb)[:, None].chunk(6, -1) for s in (self.img, self.txt)]
        qkv_i, qkv_t = self.qkv(self.img, img, mi[0], mi[1]), self.qkv(self.txt, txt, mt[0], mt[1])
        q, k, v = [torch.cat([a, c], 1) for a, c in zip(qkv_t, qkv_i)]

        def rot(x):
            x = x.view(*x.shape[:-1], -1, 2)
            x0, x1 = x[..., 0], x[..., 1]
            return torch.stack([x0 * cos - x1 * sin, x0 * sin + x1 * cos], -1).flatten(-2)

        q, k = rot(q), rot(k)
        if last:
            q = q[:, t:]
        o = attention(q, k, v, mask)
        if last:
            img = img + mi[2] * self.img.out(o)
        else:
            img = img + mi[2] * self.img.out(o[:, t:])
            txt = self.mlp(self.txt, txt + mt[2] * self.txt.out(o[:, :t]), mt)
        return self.mlp(self.img, img, mi), txt


class Transformer(nn.Module):
    def __init__(self, c=DIT, aux_classes=0, aux_block=3, place_block=4, ink_block=5):
        super().__init__()
        h = c["hidden"]
        self.time1, self.time2 = linear(256, h), linear(h, h)
        self.txt_norm = nn.Parameter(torch.ones(c["text_dim"]))
        self.img_in, self.txt_in = linear(c["in_channels"], h), linear(c["text_dim"], h)
        self.blocks = nn.ModuleList([Block(c) for _ in range(c["layers"])])
        self.norm_out = linear(h, 2 * h, zero=True)
        self.proj_out = linear(h, c["in_channels"], zero=True)
        self.aux_block, self.place_block, self.ink_block = aux_block, place_block, ink_block
        self.aux_rows = None                                               # rows of the auxiliary head that are in use; None: all
        if aux_classes:
            self.aux, self.aux_place, self.aux_ink = linear(h, 4 * aux_classes), linear(h, 4 * sum(PLACE)), linear(h, 64)

    def embed(self, x, txt, mask, sigma, cos, sin):
        """The inputs of the blocks: both streams, the noise level, rope [(B,) T + L, 1, 32] and the mask over both."""
        temb = F.silu(self.time2(F.silu(self.time1(timestep_embedding(sigma)))))
        img = self.img_in(x)
        txt = self.txt_in(F.rms_norm(txt, (txt.shape[-1],), self.txt_norm, 1e-6))
        full = None if mask is None else torch.cat([mask, mask.new_ones(x.shape[:2])], 1)[:, None, None]
        return img, txt, temb, cos.unsqueeze(-2), sin.unsqueeze(-2), full

    def forward(self, x, txt, mask, sigma, cos, sin, residuals=None):
        """x (B, L, 64), txt (B, T, text_dim), mask (B, T) of valid text, cos and sin (T + L, 32) or one of them a sample, residuals of a ControlNet. Returns
        velocity and the auxiliary heads' logits: names (B, L, 4 * classes), places (B, L, 4 * sum(PLACE)) and ink (B, L, 64), or None."""
        img, txt, *rest = self.embed(x, txt, mask, sigma, cos, sin)
        temb, names, places, ink = rest[0], None, None, None
        for i, block in enumerate(self.blocks):
            img, txt = block(img, txt, *rest, last=i == len(self.blocks) - 1)
            if residuals:
                img = img + residuals[i // math.ceil(len(self.blocks) / len(residuals))]
            if i + 1 == self.aux_block and hasattr(self, "aux"):
                weight, bias = self.aux.weight, self.aux.bias
                if self.aux_rows is not None:
                    weight, bias = weight[self.aux_rows], bias[self.aux_rows]
                names = F.linear(norm(img), weight, bias)
            if i + 1 == self.place_block and hasattr(self, "aux"):
                places = self.aux_place(norm(img))
            if i + 1 == self.ink_block and hasattr(self, "aux"):
                ink = self.aux_ink(norm(img))
        scale, shift = self.norm_out(temb)[:, None].chunk(2, -1)
        return self.proj_out(norm(img) * (1 + scale) + shift), names, places, ink


class Nano(nn.Module):
    def __init__(self, aux_classes=0, used=None):
        """With `aux_classes` it has the auxiliary heads, which distinguish the `used` classes only."""
        super().__init__()
        self.text, self.dit = TextEncoder(), Transformer(aux_classes=aux_classes)
        if used:
            self.dit.aux_rows = (torch.arange(4)[:, None] * aux_classes + torch.tensor(used)).flatten()
        if aux_classes:
            self.aux_glyph = linear(TEXT["hidden"], GLYPH * GLYPH)

    def forward(self, prefix, ids, mask, x, sigma, cos, sin):
        """The output of the transformer, and the logits of the shape of each text token (B, T, GLYPH * GLYPH), or None."""
        txt = self.text(prefix, ids)
        return *self.dit(x, txt, mask, sigma, cos, sin), self.aux_glyph(norm(txt)) if hasattr(self, "aux_glyph") else None


def pack(z):
    b, c, h, w = z.shape
    return z.view(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(b, (h // 2) * (w // 2), c * 4)


def unpack(x, gh, gw):
    b, _, c = x.shape
    return x.view(b, gh, gw, c // 4, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(b, c // 4, gh * 2, gw * 2)
