"""Writes test/fixtures/caches: images by diffusers with its First Block Cache.

    python reference/caches.py
"""

import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch  # noqa: E402
from diffusers import FirstBlockCacheConfig, QwenImagePipeline  # noqa: E402
from diffusers.hooks import first_block_cache  # noqa: E402

from stages import load, picture_tensor, write_stages  # noqa: E402

FIXTURES = Path(__file__).resolve().parent.parent / "test" / "fixtures"

# checkpoint, prompt, negative, width, height, steps, scale, seed, threshold
RUNS = {
    "guided": ("odd", "two cups of tea", "blurry", 80, 64, 12, 3.0, 3, 0.95),
    "unguided": ("plain", "A red fox", " ", 64, 80, 10, 1.0, 8, 1.05),
}


def record(name: str) -> None:
    checkpoint, prompt, negative, width, height, steps, scale, seed, threshold = RUNS[name]
    pipe: QwenImagePipeline = load(FIXTURES / checkpoint / "checkpoint")
    pipe.transformer.enable_cache(FirstBlockCacheConfig(threshold=threshold))

    decisions: list[bool] = []  # for every pass except the first of each branch: was it skipped
    margins: list[float] = []
    decide = first_block_cache.FBCHeadBlockHook._should_compute_remaining_blocks

    def deciding(self, residual: torch.Tensor) -> bool:
        state = self.state_manager.get_state()
        if state.head_block_residual is not None:
            before = state.head_block_residual
            change = ((residual - before).abs().mean() / before.abs().mean()).item()
            margins.append(abs(change / threshold - 1))
        computes = decide(self, residual)
        decisions.append(not computes)
        return computes

    first_block_cache.FBCHeadBlockHook._should_compute_remaining_blocks = deciding
    try:
        latents: list[torch.Tensor] = []
        image = pipe(
            prompt=prompt, negative_prompt=negative, true_cfg_scale=scale, width=width, height=height,
            num_inference_steps=steps, generator=torch.Generator("cpu").manual_seed(seed),
            callback_on_step_end=lambda _p, _i, _t, values: latents.append(values["latents"].clone()) or {},
        ).images[0]  # fmt: skip
    finally:
        first_block_cache.FBCHeadBlockHook._should_compute_remaining_blocks = decide


    print(f"{name}: {''.join('.s'[skipped] for skipped in decisions)}, closest decision {min(margins):.3f}")
    # Some steps are skipped and some are not, and no decision depends on rounding.
    assert 0 < sum(decisions) < len(decisions) - 2 and min(margins) > 0.005
    metadata = {
        "checkpoint": checkpoint, "prompt": prompt, "negative_prompt": negative, "width": width, "height": height,
        "steps": steps, "true_cfg_scale": scale, "seed": seed, "threshold": threshold,
    }  # fmt: skip
    stages = {
        "picture": picture_tensor(image),
        "skipped": torch.tensor(decisions, dtype=torch.uint8),  # [passes]
        "latents": latents[-1],
    }
    write_stages(FIXTURES / "caches" / f"{name}.safetensors", stages, {k: str(v) for k, v in metadata.items()})


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for name in RUNS:
        record(name)


if __name__ == "__main__":
    main()
