"""Matrix products in bfloat16, an option of all trainings; numbers with fewer bits."""

import torch


def add_option(ap):
    ap.add_argument("--bf16", action="store_true", help="matrix products in bfloat16: twice as fast on processors with avx512_bf16, slower on others")


def products(a):
    """The context in which the networks run: with --bf16, their matrix products are in bfloat16."""
    return torch.autocast("cpu", torch.bfloat16, enabled=a.bf16)


def round_bfloat16(values, bits):
    """Rounds to the nearest numbers with `bits` bits of mantissa, ties to even; bfloat16 holds them exactly."""
    drop = 23 - bits
    raw = values.float().contiguous().view(torch.int32)
    even = (raw >> drop) & 1
    return ((raw + ((1 << (drop - 1)) - 1) + even) & -(1 << drop)).view(torch.float32)
