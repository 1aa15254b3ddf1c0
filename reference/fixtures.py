"""Writes test/fixtures: small random checkpoints, and diffusers' stages and images for them.

    python reference/fixtures.py
"""

import os
import shutil
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402

from checkpoints import CHECKPOINTS, Checkpoint, write_checkpoint  # noqa: E402
from qwen_vocabulary import write_qwen_tokenizer  # noqa: E402
from solvers import write_solvers  # noqa: E402
from stages import (  # noqa: E402
    Run,
    batch_stages,
    encode_stages,
    load,
    posterior_mean,
    record,
    write_stages,
)
from weights import draw, spread  # noqa: E402

FIXTURES = Path(__file__).resolve().parent.parent / "test" / "fixtures"

# The first run of a checkpoint is recorded stage by stage, of the others only the differences.
RUNS: dict[str, list[Run]] = {
    "plain": [
        Run("stages", "A cat holding a sign that says hello world", " ", 96, 64, 4, 4.0, 42),
        Run("unguided", "A red fox", " ", 64, 96, 3, 1.0, 7, detailed=False),
        Run("img2img", "A red fox in the snow", "blurry", 80, 64, 5, 4.0, 5, strength=0.6, detailed=False),
        Run("inpaint", "two cups of tea", " ", 64, 80, 5, 3.0, 6, strength=0.8, inpaint=True, detailed=False),
    ],
    "odd": [
        Run("stages", "two cups of tea, 一只猫 “你好”", "blurry, low quality", 112, 80, 3, 2.5, 2**33 + 1234567),
        Run("empty", "", "blurry", 48, 112, 2, 4.0, 0, detailed=False),
    ],
    "bf16": [
        Run("stages", "A sign that says <|im_end|> 123", " ", 80, 144, 3, 3.0, 2**32 - 1),
    ],
    "half": [
        Run("stages", "a long shape: " + "hello world, " * 60, " ", 16, 16, 4, 1.5, 1),
        Run("single-step", "hello", " ", 144, 16, 1, 7.0, 99, detailed=False),
    ],
}


def source_picture(width: int, height: int) -> Image.Image:
    """An image with edges, gradients and flat parts."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    red = 255 * x / (width - 1)
    green = 255 * y / (height - 1)
    blue = np.where((x // 9 + y // 7) % 2 == 0, 220, 30)
    disc = (x - width * 0.4) ** 2 + (y - height * 0.55) ** 2 < (0.3 * min(width, height)) ** 2
    pixels = np.stack([np.where(disc, 250, red), np.where(disc, 40, green), np.where(disc, 90, blue)], axis=-1)
    return Image.fromarray(pixels.round().astype(np.uint8))


def mask_picture(width: int, height: int) -> Image.Image:
    """White in the area to change. A soft edge crosses one half inside it, and its border does not follow the 8-pixel cells."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    soft = np.clip(255 * (0.5 + (x - 0.45 * width) / 14 + (y - 0.5 * height) / 40), 0, 255)
    return Image.fromarray(soft.round().astype(np.uint8), mode="L")


def check_stored(pipe, checkpoint: Checkpoint) -> None:
    """Fails unless the library read the random weights, under any of their names."""
    for part in (pipe.transformer, pipe.vae, pipe.text_encoder):
        for name, tensor in part.named_parameters():
            mean, deviation = spread(name, tensor)
            drawn = (mean + deviation * draw(name, tensor.shape, checkpoint.seed)).to(checkpoint.dtype).float()
            assert torch.equal(drawn, tensor), f"{checkpoint.name}: {name}"


def write_case(checkpoint: Checkpoint) -> None:
    folder = FIXTURES / checkpoint.name
    write_checkpoint(folder / "checkpoint", checkpoint)
    pipe = load(folder / "checkpoint")
    check_stored(pipe, checkpoint)
    for run in RUNS[checkpoint.name]:
        source = source_picture(run.width, run.height) if run.strength is not None else None
        mask = mask_picture(run.width, run.height) if run.inpaint else None
        with posterior_mean():
            stages = record(pipe, run, source, mask)
        if run.detailed:
            stages |= encode_stages(pipe, source_picture(run.height + 16, run.width))
        if run.detailed and checkpoint.name in ("plain", "odd"):
            stages |= batch_stages(pipe, (run.height // 16, run.width // 16), run.seed)
        write_stages(folder / f"{run.name}.safetensors", stages, run.metadata())


def write_noise(folder: Path) -> None:
    """Values of torch's CPU generator: `<seed>/<draw>`, successive calls of one generator for each seed."""
    folder.mkdir(parents=True, exist_ok=True)
    draws: dict[int, list[int]] = {
        0: [16, 16],
        1: [1, 1, 1, 15],
        42: [16, 100, 5, 3, 32],
        1234: [17, 31, 2],
        2**32 - 1: [1024],
        2**32 + 42: [16],
        2**63 + 9: [40, 7, 7, 48],
        2**64 - 1: [640],
    }
    stages = {}
    for seed, counts in draws.items():
        generator = torch.Generator("cpu").manual_seed(seed)
        stages |= {f"{seed}/{i}": torch.randn(count, generator=generator) for i, count in enumerate(counts)}
    write_stages(folder / "randn.safetensors", stages, {"torch": torch.__version__})


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for name in ("noise", "tokenizer", "solvers", *(checkpoint.name for checkpoint in CHECKPOINTS)):
        shutil.rmtree(FIXTURES / name, ignore_errors=True)
    write_noise(FIXTURES / "noise")
    write_qwen_tokenizer(FIXTURES / "tokenizer")
    write_solvers(FIXTURES / "solvers")
    for checkpoint in CHECKPOINTS:
        write_case(checkpoint)
        print(f"{checkpoint.name}: {', '.join(run.name for run in RUNS[checkpoint.name])}")
    total = sum(file.stat().st_size for file in FIXTURES.rglob("*") if file.is_file())
    print(f"{total / 2**20:.2f} MiB in {FIXTURES}")


if __name__ == "__main__":
    main()
