"""Muon (momentum orthogonalised by Newton-Schulz) for hidden matrices, batched over matrices of one shape, with AdamW for the rest."""

import torch


def orthogonalise(g, steps=5):
    """Batched Newton-Schulz: g (n, a, b) -> nearly orthogonal. Its dtype may be bfloat16."""
    a, b, c = 3.4445, -4.7750, 2.0315
    flip = g.shape[-2] > g.shape[-1]
    x = g.mT if flip else g
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        s = x @ x.mT
        x = a * x + (b * s + c * (s @ s)) @ x
    return x.mT if flip else x


class Muon(torch.optim.Optimizer):
    """Parameters of any shape: 4-D kernels are reshaped to (out, in*k*k). `split` cuts fused matrices into square-ish blocks first."""

    def __init__(self, params, lr=0.02, momentum=0.95, weight_decay=0.0, steps=4, dtype=torch.float32):
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay, steps=steps, dtype=dtype))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            buckets = {}
            for p in group["params"]:
                if p.grad is None:
                    continue
                st = self.state[p]
                if "m" not in st:
                    st["m"] = torch.zeros_like(p)
                st["m"].mul_(group["momentum"]).add_(p.grad)
                u = p.grad.add(st["m"], alpha=group["momentum"])
                n = getattr(p, "muon_split", 1)
                u = u.reshape(n, p.shape[0] // n, -1)
                buckets.setdefault(tuple(u.shape[1:]), []).append((p, u))
            share = getattr(self, "share", None)                          # several workers: each orthogonalises its part
            done = {}
            for (r, c), items in buckets.items():
                g = torch.cat([u for _, u in items]).to(group["dtype"])
                if share is None or share.world == 1:
                    done[r, c] = orthogonalise(g, group["steps"])
                else:
                    n = g.shape[0]
                    lo, hi = n * share.rank // share.world, n * (share.rank + 1) // share.world
                    done[r, c] = torch.zeros_like(g)
                    if hi > lo:
                        done[r, c][lo:hi] = orthogonalise(g[lo:hi], group["steps"])
            if share is not None and share.world > 1:
                flat = torch.cat([o.reshape(-1) for o in done.values()])
                torch.distributed.all_reduce(flat)
                i = 0
                for k, o in done.items():
                    done[k] = flat[i:i + o.numel()].view_as(o)
                    i += o.numel()
            for (r, c), items in buckets.items():
                o = done[r, c] * max(1.0, r / c) ** 0.5 * group["lr"]
                i = 0
                for p, u in items:
                    if group["weight_decay"]:
                        p.mul_(1 - group["lr"] * group["weight_decay"])
                    p.sub_(o[i:i + u.shape[0]].reshape(p.shape))
                    i += u.shape[0]
