"""Runs diffusers' Qwen-Image pipelines in float32 on the CPU and records every stage of an image by name."""

import json
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

import numpy as np
import torch
from diffusers import QwenImageImg2ImgPipeline, QwenImageInpaintPipeline, QwenImagePipeline
from diffusers.pipelines.qwenimage import pipeline_qwenimage_img2img, pipeline_qwenimage_inpaint
from PIL import Image
from safetensors.torch import save

Stages = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Run:
    """One image. `negative` None: no guidance, for any scale."""

    name: str
    prompt: str
    negative: str | None
    width: int
    height: int
    steps: int
    scale: float
    seed: int
    strength: float | None = None
    inpaint: bool = False
    detailed: bool = True

    def metadata(self) -> dict[str, str]:
        """The parameters that reproduce the image; safetensors metadata has strings only."""
        values = {"prompt": self.prompt, "width": self.width, "height": self.height, "steps": self.steps,
                  "true_cfg_scale": self.scale, "seed": self.seed}  # fmt: skip
        if self.negative is not None:
            values["negative_prompt"] = self.negative
        if self.strength is not None:
            values["strength"] = self.strength
        return {name: str(value) for name, value in values.items()}


def load(folder: Path) -> QwenImagePipeline:
    """The checkpoint in float32, from any stored type."""
    pipe = QwenImagePipeline.from_pretrained(folder, dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    return pipe


class Recorder:
    """Collects the inputs and outputs of the pipeline's modules while it runs."""

    def __init__(self, pipe: QwenImagePipeline) -> None:
        self.pipe = pipe
        self.velocities: list[torch.Tensor] = []  # [1, L, 64], in order of calls
        self.first_input: torch.Tensor | None = None  # [1, L, 64]
        self.blocks: list[tuple[torch.Tensor, torch.Tensor]] = []  # (text [1, T, D], image [1, L, D]) of the first forward
        self.time: list[torch.Tensor] = []  # [1, D]
        self.rope: list[tuple[torch.Tensor, torch.Tensor]] = []  # (image, text), complex
        self.guided: list[torch.Tensor] = []  # [1, L, 64], the input of the solver
        self.decoded: torch.Tensor | None = None  # [1, 3, H, W]
        self.latents: list[torch.Tensor] = []  # [1, L, 64] after each step

    @contextmanager
    def attached(self) -> Iterator[None]:
        transformer, scheduler, vae = self.pipe.transformer, self.pipe.scheduler, self.pipe.vae
        handles = [
            transformer.register_forward_pre_hook(self._on_input, with_kwargs=True),
            transformer.register_forward_hook(lambda _m, _a, out: self.velocities.append(out[0])),
            transformer.time_text_embed.register_forward_hook(lambda _m, _a, out: self.time.append(out)),
            transformer.pos_embed.register_forward_hook(lambda _m, _a, out: self.rope.append(out)),
        ]
        count = len(transformer.transformer_blocks)
        for block in transformer.transformer_blocks:
            handles.append(block.register_forward_hook(lambda _m, _a, out: self._on_block(out, count)))
        step, decode = scheduler.step, vae.decode

        def recording_step(velocity: torch.Tensor, *args, **kwargs):
            self.guided.append(velocity)
            return step(velocity, *args, **kwargs)

        def recording_decode(*args, **kwargs):
            out = decode(*args, **kwargs)
            self.decoded = out[0][:, :, 0]
            return out

        scheduler.step, vae.decode = recording_step, recording_decode
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            del scheduler.step, vae.decode

    def _on_input(self, _module, _args, kwargs) -> None:
        if self.first_input is None:
            self.first_input = kwargs["hidden_states"].clone()

    def _on_block(self, out: tuple[torch.Tensor, torch.Tensor], count: int) -> None:
        if len(self.blocks) < count:
            self.blocks.append(out)

    def on_step_end(self, _pipe, _index, _timestep, values: dict) -> dict:
        self.latents.append(values["latents"].clone())
        return {}


def prompt_stages(pipe: QwenImagePipeline, prompt: str) -> Stages:
    """`ids` [S] of the whole template, `embeddings` [T, D] after the first 34 are dropped."""
    text = pipe.prompt_template_encode.format(prompt)
    ids = pipe.tokenizer([text], max_length=1024 + 34, truncation=True, return_tensors="pt").input_ids
    embeddings, mask = pipe.encode_prompt(prompt, max_sequence_length=512)
    assert mask is None
    return {"ids": ids[0].to(torch.int32), "embeddings": embeddings[0]}


def picture_tensor(image: Image.Image) -> torch.Tensor:
    """u8 [H, W, 3]"""
    return torch.from_numpy(np.array(image.convert("RGB")))


def record(pipe: QwenImagePipeline, run: Run, source: Image.Image | None = None, mask: Image.Image | None = None) -> Stages:
    """Generates the image with diffusers' pipeline and returns its stages."""
    recorder = Recorder(pipe)
    arguments = {"prompt": run.prompt, "negative_prompt": run.negative, "true_cfg_scale": run.scale, "width": run.width,
                 "height": run.height, "num_inference_steps": run.steps,
                 "generator": torch.Generator("cpu").manual_seed(run.seed),
                 "callback_on_step_end": recorder.on_step_end}  # fmt: skip
    if source is None:
        drawing = pipe
    else:
        drawing = (QwenImageInpaintPipeline if run.inpaint else QwenImageImg2ImgPipeline)(**pipe.components)
        drawing.set_progress_bar_config(disable=True)
        arguments |= {"image": source, "strength": run.strength}
        if run.inpaint:
            arguments["mask_image"] = mask
    with recorder.attached():
        image = drawing(**arguments).images[0]

    guidance = run.negative is not None and run.scale > 1
    stages: Stages = prompt_stages(pipe, run.prompt)
    if guidance:
        stages |= {f"negative/{name}": value for name, value in prompt_stages(pipe, run.negative).items()}
    stages["sigmas"] = pipe.scheduler.sigmas.float()
    stages["noise" if source is None else "start"] = recorder.first_input
    stages["velocity"] = recorder.velocities[0]
    if guidance:
        stages["velocity/negative"] = recorder.velocities[1]
    stages["guided"] = recorder.guided[0]
    stages |= {f"latents/{i}": latents for i, latents in enumerate(recorder.latents)}
    stages["picture"] = picture_tensor(image)
    if source is not None:
        stages["source"] = picture_tensor(source)
    if mask is not None:
        stages["mask"] = torch.from_numpy(np.array(mask.convert("L")))
    if run.detailed:
        image_rope, text_rope = recorder.rope[0]
        per_step = recorder.time[:: 2 if guidance else 1]
        stages |= {
            "timestep_embedding": torch.cat(per_step),
            "rope/image/cos": image_rope.real, "rope/image/sin": image_rope.imag,
            "rope/text/cos": text_rope.real, "rope/text/sin": text_rope.imag,
            "vae/decoded": recorder.decoded,
        }  # fmt: skip
        for i, (text, image_tokens) in enumerate(recorder.blocks):
            stages |= {f"block/{i}/text": text, f"block/{i}/image": image_tokens}
    return stages


def encode_stages(pipe: QwenImagePipeline, source: Image.Image) -> Stages:
    """The autoencoder's posterior mean of an image: raw, and normalised for the transformer."""
    pixels = pipe.image_processor.preprocess(source).unsqueeze(2)  # [1, 3, 1, H, W]
    mean = pipe.vae.encode(pixels).latent_dist.mode()  # [1, 16, 1, h, w]
    shape = (1, -1, 1, 1, 1)
    offset = torch.tensor(pipe.vae.config.latents_mean).view(shape)
    spread = torch.tensor(pipe.vae.config.latents_std).view(shape)
    return {
        "vae/encode/picture": picture_tensor(source),
        "vae/encode/mean": mean[:, :, 0],
        "vae/encode/normalised": ((mean - offset) * (1.0 / spread))[:, :, 0],
    }


def batch_stages(pipe: QwenImagePipeline, grid: tuple[int, int], seed: int) -> Stages:
    """One forward pass of the transformer for two images: texts of one length, and texts padded to one length."""
    rows, columns = grid
    generator = torch.Generator("cpu").manual_seed(seed)
    hidden = torch.randn((2, rows * columns, 64), generator=generator)
    long, _ = pipe.encode_prompt("two cups of tea")
    short, _ = pipe.encode_prompt("a fox")
    length = short.shape[1]
    shared = {
        "hidden_states": hidden,
        "timestep": torch.full((2,), 0.75),
        "img_shapes": [[(1, rows, columns)]] * 2,
        "return_dict": False,
    }
    equal = torch.cat([long[:, :length], short])
    padded, mask = pipe.encode_prompt(["two cups of tea", "a fox"])
    return {
        "batch/hidden": hidden,
        "batch/sigma": torch.tensor([0.75]),
        "batch/embeddings": equal,
        "batch/velocity": pipe.transformer(encoder_hidden_states=equal, **shared)[0],
        "batch/padded/embeddings": padded,
        "batch/padded/mask": mask.to(torch.uint8),
        "batch/padded/velocity": pipe.transformer(
            encoder_hidden_states=padded, encoder_hidden_states_mask=mask, **shared
        )[0],
    }


@contextmanager
def posterior_mean() -> Iterator[None]:
    """Makes the image-to-image pipelines use the posterior's mean, as Inkstone does, instead of a sample of it.

    A sample would take random numbers from the generator before the noise. The mean takes none, so the noise of a seed is the
    same with and without a source image.
    """
    modules = (pipeline_qwenimage_img2img, pipeline_qwenimage_inpaint)
    originals = [module.retrieve_latents for module in modules]
    for module, original in zip(modules, originals):
        module.retrieve_latents = lambda output, generator=None, sample_mode="argmax", take=original: take(
            output, generator=generator, sample_mode="argmax"
        )
    try:
        yield
    finally:
        for module, original in zip(modules, originals):
            module.retrieve_latents = original


def write_stages(path: Path, stages: Stages, metadata: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().contiguous().clone() for name, tensor in stages.items()}
    data = save(tensors)
    # The library writes metadata in a random order; equal fixtures must have equal bytes.
    length = int.from_bytes(data[:8], "little")
    header = {"__metadata__": dict(sorted(metadata.items()))} | json.loads(data[8 : 8 + length])
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
