"""Matrix products in bfloat16, an option of all trainings."""

import torch


def add_option(ap):
    ap.add_argument("--bf16", action="store_true", help="matrix products in bfloat16: twice as fast where the processor has it (avx512_bf16), slower elsewhere")


def products(a):
    """The context in which the networks run: with --bf16, their matrix products are in bfloat16."""
    return torch.autocast("cpu", torch.bfloat16, enabled=a.bf16)
