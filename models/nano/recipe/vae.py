"""AutoencoderKLQwenImage for one frame as a 2-D network, with the same parameter names (5-D weights lose all but their last tap)."""

import torch
import torch.nn as nn
import torch.nn.functional as F

CONFIG = dict(base_dim=16, z_dim=16, dim_mult=[1, 2, 4, 6], num_res_blocks=1, attn_scales=[], temperal_downsample=[False, True, True], dropout=0.0)


class Norm(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(c, 1, 1))
        self.c = c

    def forward(self, x):
        return F.normalize(x, dim=1) * (self.c ** 0.5) * self.gamma


class Res(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.norm1, self.conv1 = Norm(a), nn.Conv2d(a, b, 3, padding=1)
        self.norm2, self.conv2 = Norm(b), nn.Conv2d(b, b, 3, padding=1)
        if a != b:
            self.conv_shortcut = nn.Conv2d(a, b, 1)

    def forward(self, x):
        h = self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x
        return h + self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))


class Attn(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm, self.to_qkv, self.proj = Norm(c), nn.Conv2d(c, 3 * c, 1), nn.Conv2d(c, c, 1)

    def forward(self, x):
        b, c, h, w = x.shape
        q, k, v = self.to_qkv(self.norm(x)).reshape(b, 3, c, h * w).transpose(2, 3).unbind(1)
        o = F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]
        return x + self.proj(o.transpose(1, 2).reshape(b, c, h, w))


class Mid(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.resnets, self.attentions = nn.ModuleList([Res(c, c), Res(c, c)]), nn.ModuleList([Attn(c)])

    def forward(self, x):
        return self.resnets[1](self.attentions[0](self.resnets[0](x)))


class Down(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.resample = nn.ModuleList([nn.Identity(), nn.Conv2d(c, c, 3, stride=2)])

    def forward(self, x):
        return self.resample[1](F.pad(x, (0, 1, 0, 1)))


class Up(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.resample = nn.ModuleList([nn.Identity(), nn.Conv2d(c, c // 2, 3, padding=1)])

    def forward(self, x):
        return self.resample[1](F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Encoder(nn.Module):
    def __init__(self, dim, z, mult, n):
        super().__init__()
        dims = [dim * m for m in [1] + mult]
        self.conv_in = nn.Conv2d(3, dims[0], 3, padding=1)
        blocks = []
        for i, (a, b) in enumerate(zip(dims[:-1], dims[1:])):
            for _ in range(n):
                blocks.append(Res(a, b))
                a = b
            if i != len(mult) - 1:
                blocks.append(Down(b))
        self.down_blocks = nn.ModuleList(blocks)
        self.mid_block, self.norm_out, self.conv_out = Mid(b), Norm(b), nn.Conv2d(b, 2 * z, 3, padding=1)

    def forward(self, x):
        x = self.conv_in(x)
        for b in self.down_blocks:
            x = b(x)
        return self.conv_out(F.silu(self.norm_out(self.mid_block(x))))


class UpBlock(nn.Module):
    def __init__(self, a, b, n, up):
        super().__init__()
        self.resnets = nn.ModuleList([Res(a if i == 0 else b, b) for i in range(n + 1)])
        if up:
            self.upsamplers = nn.ModuleList([Up(b)])

    def forward(self, x):
        for r in self.resnets:
            x = r(x)
        return self.upsamplers[0](x) if hasattr(self, "upsamplers") else x


class Decoder(nn.Module):
    def __init__(self, dim, z, mult, n):
        super().__init__()
        dims = [dim * m for m in [mult[-1]] + mult[::-1]]
        self.conv_in, self.mid_block = nn.Conv2d(z, dims[0], 3, padding=1), Mid(dims[0])
        ups = []
        for i, (a, b) in enumerate(zip(dims[:-1], dims[1:])):
            ups.append(UpBlock(a // 2 if i > 0 else a, b, n, i != len(mult) - 1))
        self.up_blocks = nn.ModuleList(ups)
        self.norm_out, self.conv_out = Norm(b), nn.Conv2d(b, 3, 3, padding=1)

    def forward(self, x):
        x = self.mid_block(self.conv_in(x))
        for b in self.up_blocks:
            x = b(x)
        return self.conv_out(F.silu(self.norm_out(x)))


class Vae(nn.Module):
    def __init__(self, config=CONFIG):
        super().__init__()
        a = (config["base_dim"], config["z_dim"], config["dim_mult"], config["num_res_blocks"])
        z = config["z_dim"]
        self.encoder, self.decoder = Encoder(*a), Decoder(*a)
        self.quant_conv, self.post_quant_conv = nn.Conv2d(2 * z, 2 * z, 1), nn.Conv2d(z, z, 1)

    def encode(self, x):
        """Mean and log variance; x in -1..1, (B, 3, H, W)."""
        mean, logvar = self.quant_conv(self.encoder(x)).chunk(2, 1)
        return mean, logvar.clamp(-30, 20)

    def decode(self, z):
        return self.decoder(self.post_quant_conv(z))

    def forward(self, x):
        mean, logvar = self.encode(x)
        z = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
        return self.decode(z), mean, logvar


def to_5d(state, reference):
    """2-D weights -> the state dict of diffusers' AutoencoderKLQwenImage (reference: that state dict, for names and shapes)."""
    out = {}
    for name, ref in reference.items():
        w = torch.zeros_like(ref, dtype=torch.float32)
        if name in state:
            v = state[name].detach().float()
            if v.shape == ref.shape:
                w = v.clone()
            elif ref.dim() == 5:
                w[:, :, -1] = v
            else:
                w = v.reshape(ref.shape).clone()
        out[name] = w
    return out


def from_5d(state):
    """The inverse, to continue from exported weights."""
    out = {}
    for name, v in state.items():
        if "time_conv" in name:
            continue
        v = v.float()
        if v.dim() == 5:
            v = v[:, :, -1]
        elif v.dim() == 4 and name.endswith("gamma"):
            v = v[..., 0]
        out[name] = v.clone()
    return out
