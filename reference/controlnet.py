"""Writes test/fixtures/controlnet: small random ControlNets, and images by diffusers with them.

    python reference/controlnet.py
"""

import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np  # noqa: E402
import torch  # noqa: E402
from diffusers import (  # noqa: E402
    QwenImageControlNetInpaintPipeline,
    QwenImageControlNetModel,
    QwenImageControlNetPipeline,
    QwenImageMultiControlNetModel,
)
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution  # noqa: E402
from PIL import Image  # noqa: E402

from checkpoints import write_json, write_weights  # noqa: E402
from fixtures import mask_picture, source_picture  # noqa: E402
from stages import load, picture_tensor, write_stages  # noqa: E402
from weights import randomise  # noqa: E402

FIXTURES = Path(__file__).resolve().parent.parent / "test" / "fixtures"
FOLDER = FIXTURES / "controlnet"

# name: checkpoint, blocks, extra condition channels, stored as
NETS = {
    "union": ("odd", 2, 0, torch.bfloat16),  # of three blocks, the first two take one residual
    "inpainting": ("plain", 1, 4, torch.float16),
}

# name: net, width, height, steps, scale of guidance, seed, [(weight, first step, end)]
RUNS = {
    "union": ("union", 80, 64, 3, 3.0, 4, [(1.0, 0, 3)]),
    "union-window": ("union", 64, 80, 4, 2.0, 9, [(0.8, 1, 3)]),
    "union-unguided": ("union", 64, 64, 2, 1.0, 6, [(-0.5, 0, 2)]),
    "union-twice": ("union", 64, 64, 4, 2.0, 7, [(0.6, 0, 2), (-0.9, 1, 4)]),
    "inpainting": ("inpainting", 80, 64, 3, 3.0, 8, [(1.0, 0, 3)]),
}


@contextmanager
def posterior_mean() -> Iterator[None]:
    """Encodes guides to the posterior's mean, as Inkstone does. diffusers samples it: for one pipeline from
    the image's generator, which shifts the noise of its seed, for the other from the global one, which no seed repeats."""
    sample = DiagonalGaussianDistribution.sample
    DiagonalGaussianDistribution.sample = lambda self, generator=None: self.mode()
    try:
        yield
    finally:
        DiagonalGaussianDistribution.sample = sample


def write_net(name: str) -> None:
    checkpoint, layers, extra, dtype = NETS[name]
    transformer = json.loads((FIXTURES / checkpoint / "checkpoint" / "transformer" / "config.json").read_text())
    sizes = ("in_channels", "out_channels", "attention_head_dim", "num_attention_heads", "joint_attention_dim", "axes_dims_rope")
    config = {key: transformer[key] for key in sizes}
    config |= {"patch_size": 2, "num_layers": layers, "extra_condition_channels": extra}
    net = QwenImageControlNetModel(**config)
    randomise(net, 100 + layers)
    write_json(FOLDER / name / "config.json", {"_class_name": "QwenImageControlNetModel", "_diffusers_version": "0.36.0"} | config)
    tensors = {key: tensor.to(dtype) for key, tensor in net.state_dict().items()}
    write_weights(FOLDER / name, "diffusion_pytorch_model", tensors, 1)


def guide_picture(width: int, height: int, index: int) -> Image.Image:
    """White lines on black, different for every index."""
    y, x = np.mgrid[0:height, 0:width]
    lines = ((x + (index + 1) * y) % 23 < 3) | ((x - width // 2) ** 2 + (y - height // 2) ** 2 < 60 * (index + 1))
    return Image.fromarray((255 * lines).astype(np.uint8)).convert("RGB")


def draw_run(name: str) -> None:
    net_name, width, height, steps, scale, seed, acting = RUNS[name]
    checkpoint = NETS[net_name][0]
    net = QwenImageControlNetModel.from_pretrained(FOLDER / net_name, torch_dtype=torch.float32)
    base = load(FIXTURES / checkpoint / "checkpoint")
    guides = [guide_picture(width, height, i) for i in range(len(acting))]
    mask = mask_picture(width, height) if net_name == "inpainting" else None
    arguments = {
        "prompt": "two cups of tea", "negative_prompt": "blurry", "true_cfg_scale": scale, "width": width, "height": height,
        "num_inference_steps": steps,
    }  # fmt: skip
    windows = {
        "controlnet_conditioning_scale": [weight for weight, _, _ in acting],
        "control_guidance_start": [start / steps for _, start, _ in acting],
        "control_guidance_end": [end / steps for _, _, end in acting],
    }
    if len(acting) == 1:
        windows["controlnet_conditioning_scale"] = acting[0][0]
        arguments |= {"control_image": guides[0]}
    else:
        net = QwenImageMultiControlNetModel([net])
        arguments |= {"control_image": guides}
    if mask is None:
        pipe = QwenImageControlNetPipeline(**base.components, controlnet=net)
    else:
        guides = [source_picture(width, height)]
        pipe = QwenImageControlNetInpaintPipeline(**base.components, controlnet=net)
        arguments |= {"control_image": guides[0], "control_mask": mask}
    pipe.set_progress_bar_config(disable=True)

    latents: list[torch.Tensor] = []
    with posterior_mean():
        image = pipe(
            **arguments, **windows, generator=torch.Generator("cpu").manual_seed(seed),
            callback_on_step_end=lambda _p, _i, _t, values: latents.append(values["latents"].clone()) or {},
        ).images[0]  # fmt: skip
    plain = base(**{key: value for key, value in arguments.items() if not key.startswith("control_")},
                 generator=torch.Generator("cpu").manual_seed(seed)).images[0]  # fmt: skip
    change = np.abs(np.asarray(image, float) - np.asarray(plain, float)).mean()
    print(f"{name}: mean change of a pixel {change:.1f}")
    assert change > 2, name

    metadata = arguments | {"seed": seed, "net": net_name, "checkpoint": checkpoint, "acting": json.dumps(acting)}
    metadata["steps"] = metadata.pop("num_inference_steps")
    del metadata["control_image"]
    metadata.pop("control_mask", None)
    stages = {"picture": picture_tensor(image), "latents": latents[-1]}
    stages |= {f"guide/{i}": picture_tensor(guide) for i, guide in enumerate(guides)}
    if mask is not None:
        stages["mask"] = torch.from_numpy(np.array(mask))
    write_stages(FOLDER / "pictures" / f"{name}.safetensors", stages, {key: str(value) for key, value in metadata.items()})


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name in NETS:
        write_net(name)
    for name in RUNS:
        draw_run(name)
    total = sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file())
    print(f"{total / 2**10:.0f} KiB in {FOLDER}")


if __name__ == "__main__":
    main()
