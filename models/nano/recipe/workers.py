"""Training in several processes that keep in step."""

import torch
import torch.distributed as dist


class Shared:
    """Keeps the workers in step: one process for each core, with one thread, so that a busy core delays only its share of the batch."""

    def __init__(self, rank, world, params, port, extra):
        self.rank, self.world, self.params, self.extra = rank, world, params, extra
        if world > 1:
            dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world)
        self.flat = torch.zeros(sum(p.numel() for p in params) + extra)

    def barrier(self):
        if self.world > 1:
            dist.barrier()

    def gradients(self, extra):
        """Mean of the gradients over the workers; all of them get `extra`, the announced number of values from worker 0."""
        if self.world == 1:
            return extra
        i, used = 0, [p for p in self.params if p.grad is not None]         # (the last block's text half has none)
        for p in used:
            self.flat[i:i + p.numel()] = p.grad.reshape(-1)
            i += p.numel()
        flat = self.flat[:i + self.extra]
        flat[i:] = torch.tensor(extra) * self.world if self.rank == 0 else 0.0
        dist.all_reduce(flat)
        flat /= self.world
        i = 0
        for p in used:
            p.grad.copy_(self.flat[i:i + p.numel()].view_as(p))
            i += p.numel()
        return flat[i:].tolist()
