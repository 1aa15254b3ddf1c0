"""Random weights that keep activations healthy, so that a wrong sign, axis or scale shows in the numbers."""

import math
import zlib

import torch


def draw(name: str, shape: torch.Size, seed: int) -> torch.Tensor:
    """Standard normal values that depend on the tensor's name alone, not on the order of a model's tensors."""
    generator = torch.Generator("cpu").manual_seed(zlib.crc32(name.encode()) ^ seed)
    return torch.randn(shape, generator=generator, dtype=torch.float32)


# Weights directly before a norm may be small, so that the norm's epsilon affects the numbers.
FAINT = ("embed_tokens", "img_in", "to_q", "to_k", "add_q_proj", "add_k_proj")


def spread(name: str, tensor: torch.Tensor) -> tuple[float, float]:
    """Mean and standard deviation for a tensor's values."""
    faint = 0.03 if any(part in name for part in FAINT) and "to_qkv" not in name else 1.0
    if name.endswith("gamma") or (tensor.dim() == 1 and name.endswith("weight")):
        return 1.0, 0.2
    if name.endswith("bias"):
        return 0.0, 0.15 * faint
    if "embed_tokens" in name:
        return 0.0, faint
    if name == "decoder.conv_out.weight":
        # Images that use most of [-1, 1] and rarely saturate.
        return 0.0, 0.9 / math.sqrt(tensor[0, :, -1].numel())
    if tensor.dim() == 5:
        # A single frame uses only the last temporal tap of a causal kernel; the others have no effect.
        return 0.0, 1.0 / math.sqrt(tensor[0, :, -1].numel())
    return 0.0, faint / math.sqrt(tensor[0].numel())


@torch.no_grad()
def randomise(model: torch.nn.Module, seed: int) -> None:
    """Overwrites every parameter of `model`; the same seed gives the same model."""
    for name, parameter in model.named_parameters():
        mean, deviation = spread(name, parameter)
        parameter.copy_(mean + deviation * draw(name, parameter.shape, seed))
