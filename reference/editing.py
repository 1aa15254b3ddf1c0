"""Writes test/fixtures/edit and edit-plus: small random editing checkpoints, and diffusers' stages and images for them.

    python reference/editing.py
"""

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace as changed
from pathlib import Path
from typing import Iterator

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np  # noqa: E402
import torch  # noqa: E402
from diffusers import (  # noqa: E402
    AutoencoderKLQwenImage,
    FlowMatchEulerDiscreteScheduler,
    QwenImageEditInpaintPipeline,
    QwenImageEditPipeline,
    QwenImageEditPlusPipeline,
    QwenImageTransformer2DModel,
)
from diffusers.utils import load_image  # noqa: E402
from diffusers.pipelines.qwenimage import (  # noqa: E402
    pipeline_qwenimage_edit,
    pipeline_qwenimage_edit_inpaint,
    pipeline_qwenimage_edit_plus,
)
from PIL import Image  # noqa: E402
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2Tokenizer  # noqa: E402
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil  # noqa: E402

from checkpoints import LIGHTNING_SCHEDULER, Checkpoint, Vision, write_checkpoint, write_json  # noqa: E402
from fixtures import mask_picture, source_picture  # noqa: E402
from lora import BLOCK, MODULATIONS, factors  # noqa: E402
from stages import Recorder, Stages, picture_tensor, write_stages  # noqa: E402

FIXTURES = Path(__file__).resolve().parent.parent / "test" / "fixtures"

# `preprocessor_config.json` of Qwen-Image-Edit.
PROCESSOR = {
    "do_convert_rgb": True, "do_normalize": True, "do_rescale": True, "do_resize": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_processor_type": "Qwen2VLImageProcessorFast",
    "image_std": [0.26862954, 0.26130258, 0.27577711], "max_pixels": 12845056, "merge_size": 2, "min_pixels": 3136,
    "patch_size": 14, "resample": 3, "rescale_factor": 1 / 255,
    "size": {"longest_edge": 12845056, "shortest_edge": 3136}, "temporal_patch_size": 2,
}  # fmt: skip


EDIT = Checkpoint("edit", 21, heads=2, axes=(2, 4, 6), layers=2, hidden=32, text_heads=2, text_kv_heads=1, text_layers=2,
                  mrope=(2, 3, 3), merges=300, base_dim=4, dim_mult=(1, 1, 2, 2), num_res_blocks=1, tied=True,
                  pipeline="QwenImageEditPipeline", vision=Vision(3, 16, 22, 2, 14, 112, (1,)))  # fmt: skip
PLUS = Checkpoint("edit-plus", 22, heads=1, axes=(4, 6, 6), layers=3, hidden=24, text_heads=3, text_kv_heads=1,
                  text_layers=2, mrope=(1, 1, 2), merges=120, base_dim=4, dim_mult=(1, 2, 2, 2), num_res_blocks=1,
                  dtype=torch.bfloat16, old_names=True, pipeline="QwenImageEditPlusPipeline", zero_cond_t=True,
                  vision=Vision(4, 24, 30, 3, 14, 56, (1, 3)))  # fmt: skip


@dataclass(frozen=True)
class Edit:
    """One image. `pixels` is the area that replaces 1024², so that the fixtures stay small."""

    name: str
    prompt: str
    negative: str | None
    references: list[tuple[int, int]]
    pixels: int
    steps: int
    scale: float
    seed: int
    size: tuple[int, int] | None = None
    strength: float | None = None
    zero_cond_t: bool = True
    detailed: bool = False
    lora: float | None = None  # weight of `adapter.safetensors`
    lightning: bool = False  # the noise levels that Lightning LoRAs are made for
    from_files: bool = False  # the references are files, see `write_reference_files`

    def metadata(self, width: int, height: int) -> dict[str, str]:
        values = {"prompt": self.prompt, "width": width, "height": height, "steps": self.steps, "seed": self.seed,
                  "true_cfg_scale": self.scale if self.negative is not None else 1, "reference_pixels": self.pixels,
                  "references": len(self.references), "negative_prompt": self.negative or " ",
                  "size_given": int(self.size is not None), "zero_cond_t": int(self.zero_cond_t)}  # fmt: skip
        optional = {"strength": self.strength, "lora": self.lora, "lightning": int(self.lightning) or None}
        values |= {name: value for name, value in optional.items() if value is not None}
        return {name: str(value) for name, value in values.items()}


RUNS: dict[str, list[Edit]] = {
    "edit": [
        Edit("stages", 'make the cat red and add the text "Hi"', " ", [(133, 79)], 12288, 3, 4.0, 7, detailed=True),
        Edit("sized", "", "blurry", [(61, 97)], 9216, 2, 2.5, 2**33 + 5, size=(80, 112)),
        Edit("inpaint", "a red fox", " ", [(90, 67)], 12288, 5, 3.0, 6, strength=0.8),
        Edit("lora", "make it blue", " ", [(57, 71)], 9216, 3, 3.0, 8, lora=0.8),
    ],
    "edit-plus": [
        Edit("stages", "put the hat of picture 2 on the cat of picture 1", " ", [(101, 67), (45, 80)], 25600, 2, 4.0, 3,
             detailed=True),
        Edit("three", "一只猫", None, [(48, 48), (66, 31), (30, 71)], 12544, 3, 1.0, 11, size=(96, 64)),
        Edit("one", "make it night", "day", [(93, 57)], 12544, 3, 3.0, 1, zero_cond_t=False),
        Edit("lightning", "make it snow", None, [(64, 49), (35, 52)], 12544, 4, 1.0, 9, lora=1.0, lightning=True),
        Edit("files", "put both beside each other", None, [(37, 80), (52, 41)], 12544, 2, 1.0, 10, from_files=True),
    ],
}  # fmt: skip


class PillowProcessor:
    """`Qwen2VLProcessor` with Pillow's resampling and without videos, which would need torchvision."""

    def __init__(self, tokenizer: Qwen2Tokenizer) -> None:
        names = ("do_resize", "size", "patch_size", "temporal_patch_size", "merge_size")
        self.image_processor = Qwen2VLImageProcessorPil(**{name: PROCESSOR[name] for name in names})
        self.tokenizer = tokenizer
        self.latest: dict[str, torch.Tensor] = {}

    def __call__(self, text: list[str], images, **_):
        pixels = self.image_processor(images=images, return_tensors="pt")
        counts = [int(grid.prod()) // 4 for grid in pixels["image_grid_thw"]]
        parts = text[0].split("<|image_pad|>")
        assert len(parts) == len(counts) + 1
        expanded = parts[0] + "".join("<|image_pad|>" * n + part for n, part in zip(counts, parts[1:]))
        inputs = self.tokenizer([expanded], return_tensors="pt")
        inputs["mm_token_type_ids"] = (inputs["input_ids"] == self.tokenizer.convert_tokens_to_ids("<|image_pad|>")).long()
        inputs.update(pixels)
        self.latest = dict(inputs)
        return inputs


def load(folder: Path, zero_cond_t: bool) -> dict:
    """The parts of a pipeline in float32, from any stored type."""
    tokenizer = Qwen2Tokenizer.from_pretrained(folder / "tokenizer")
    processor = PillowProcessor(tokenizer)
    encoder = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder / "text_encoder", dtype=torch.float32)
    forward = encoder.forward

    def with_types(*args, **kwargs):
        # diffusers 0.42 does not pass them on, and without them transformers 5 uses positions on one axis.
        return forward(*args, mm_token_type_ids=processor.latest["mm_token_type_ids"], **kwargs)

    encoder.forward = with_types
    transformer = QwenImageTransformer2DModel.from_pretrained(
        folder / "transformer", dtype=torch.float32, zero_cond_t=zero_cond_t
    )
    return {
        "tokenizer": tokenizer,
        "processor": processor,
        "text_encoder": encoder,
        "transformer": transformer,
        "vae": AutoencoderKLQwenImage.from_pretrained(folder / "vae", dtype=torch.float32),
        "scheduler": FlowMatchEulerDiscreteScheduler.from_pretrained(folder / "scheduler"),
    }


@contextmanager
def small_and_exact(pixels: int) -> Iterator[None]:
    """Shrinks every area by pixels / 1024², and uses the posterior's mean, which the inpainting pipeline samples."""
    modules = (pipeline_qwenimage_edit, pipeline_qwenimage_edit_plus, pipeline_qwenimage_edit_inpaint)
    sizes = [module.calculate_dimensions for module in modules]
    inpaint = pipeline_qwenimage_edit_inpaint
    retrieve = inpaint.retrieve_latents
    for module, original in zip(modules, sizes):
        module.calculate_dimensions = lambda area, ratio, take=original: take(area * pixels / 1024**2, ratio)
    inpaint.retrieve_latents = lambda output, generator=None, sample_mode="argmax": retrieve(
        output, generator=generator, sample_mode="argmax"
    )
    try:
        yield
    finally:
        for module, original in zip(modules, sizes):
            module.calculate_dimensions = original
        inpaint.retrieve_latents = retrieve


class EditRecorder(Recorder):
    """Also collects the output of the text encoder and its vision tower."""

    def __init__(self, pipe) -> None:
        super().__init__(pipe)
        self.prompts: list[dict[str, torch.Tensor]] = []
        self.tokens: list[torch.Tensor] = []  # [M, D] of each image, in order of calls

    @contextmanager
    def attached(self) -> Iterator[None]:
        pipe = self.pipe
        encode = pipe._get_qwen_prompt_embeds

        def recording(*args, **kwargs):
            embeddings, mask = encode(*args, **kwargs)
            positions = self.positions()
            self.prompts.append(dict(pipe.processor.latest) | {"embeddings": embeddings[0], "positions": positions})
            return embeddings, mask

        pipe._get_qwen_prompt_embeds = recording
        handle = pipe.text_encoder.model.visual.register_forward_hook(
            lambda _m, _a, out: self.tokens.append(out.pooler_output)
        )
        try:
            with super().attached():
                yield
        finally:
            handle.remove()
            pipe._get_qwen_prompt_embeds = encode

    def positions(self) -> torch.Tensor:
        """[3, S]"""
        latest = self.pipe.processor.latest
        positions, _ = self.pipe.text_encoder.model.get_rope_index(
            input_ids=latest["input_ids"], mm_token_type_ids=latest["mm_token_type_ids"],
            image_grid_thw=latest["image_grid_thw"], attention_mask=latest["attention_mask"],
        )  # fmt: skip
        return positions[:, 0]


def tower_input(pixel_values: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """The input image of the tower, u8 [H, W, 3], read back from its patches."""
    _, rows, columns = grid.tolist()
    patches = pixel_values.reshape(rows // 2, columns // 2, 2, 2, 3, 2, 14, 14)
    assert torch.equal(patches[:, :, :, :, :, 0], patches[:, :, :, :, :, 1])
    planes = patches[:, :, :, :, :, 0].permute(0, 2, 5, 1, 3, 6, 4).reshape(rows * 14, columns * 14, 3)
    mean, deviation = torch.tensor(PROCESSOR["image_mean"]), torch.tensor(PROCESSOR["image_std"])
    return ((planes * deviation + mean) * 255).round().to(torch.uint8)


def pictures(sizes: list[tuple[int, int]]) -> list[Image.Image]:
    return [source_picture(width, height).rotate(180 * k) for k, (width, height) in enumerate(sizes)]


def write_reference_files(folder: Path, sizes: list[tuple[int, int]]) -> list[Image.Image]:
    """An image that EXIF rotates by a quarter, and one with transparent areas; and their form for the pipeline.

    `load_image` of diffusers rotates the first. It would show the colours of transparent pixels in the second, so that one is blended with white.
    """
    turned, clear = pictures(sizes)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was upright
    turned.save(folder / "turned.png", exif=exif)
    rows = np.mgrid[0 : clear.height, 0 : clear.width][0]
    clear.putalpha(Image.fromarray((255 * rows / (clear.height - 1)).astype(np.uint8)))
    clear.save(folder / "clear.png")
    white = Image.new("RGBA", clear.size, "white")
    loaded = load_image(str(folder / "turned.png"))
    assert loaded.size == turned.size[::-1]
    return [loaded, Image.alpha_composite(white, clear).convert("RGB")]


def write_lora(folder: Path, pipe, rank: int) -> None:
    """On every layer of the blocks, modulations included: those of references have a separate row in Edit-2511.

    alpha / rank is a power of two, which diffusers multiplies into BF16 factors without rounding.
    """
    tensors = {}
    for i in range(len(pipe.transformer.transformer_blocks)):
        for name in BLOCK + MODULATIONS:
            layer = f"transformer_blocks.{i}.{name}"
            weight = pipe.transformer.get_parameter(f"{layer}.weight")
            down, up = factors(layer, weight.shape, rank, 30)
            tensors |= {f"{layer}.lora_down.weight": down, f"{layer}.lora_up.weight": up, f"{layer}.alpha": torch.tensor(2.0 * rank)}
    write_stages(folder / "adapter.safetensors", {name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}, {})


def record(pipe, edit: Edit, references: list[Image.Image]) -> tuple[Stages, dict[str, str]]:
    recorder = EditRecorder(pipe)
    arguments = {
        "image": references if len(references) > 1 else references[0], "prompt": edit.prompt,
        "negative_prompt": edit.negative, "true_cfg_scale": edit.scale, "num_inference_steps": edit.steps,
        "generator": torch.Generator("cpu").manual_seed(edit.seed), "callback_on_step_end": recorder.on_step_end,
    }  # fmt: skip
    if edit.size is not None:
        arguments |= {"width": edit.size[0], "height": edit.size[1]}
    mask = None
    if edit.strength is not None:
        width, height, _ = pipeline_qwenimage_edit.calculate_dimensions(
            edit.pixels, references[0].width / references[0].height
        )
        mask = mask_picture(width, height)
        arguments |= {"mask_image": mask, "strength": edit.strength}
    with small_and_exact(edit.pixels), recorder.attached():
        picture = pipe(**arguments).images[0]

    prompt = recorder.prompts[0]
    grids = prompt["image_grid_thw"]
    counts = [int(grid.prod()) for grid in grids]
    stages: Stages = {f"reference/{i}": picture_tensor(reference) for i, reference in enumerate(references)}
    if edit.from_files or edit.lora is not None:
        return stages | {"picture": picture_tensor(picture)}, edit.metadata(picture.width, picture.height)
    stages["embeddings"] = prompt["embeddings"]
    guided = edit.negative is not None and edit.scale > 1
    if guided:
        stages["negative/embeddings"] = recorder.prompts[1]["embeddings"]
    start = "noise" if edit.strength is None else "start"
    tokens = recorder.guided[0].shape[1]
    stages[start], stages["condition"] = recorder.first_input[:, :tokens], recorder.first_input[:, tokens:]
    stages["velocity"] = recorder.velocities[0][:, :tokens]
    if guided:
        stages["velocity/negative"] = recorder.velocities[1][:, :tokens]
    stages |= {f"latents/{i}": latents for i, latents in enumerate(recorder.latents)}
    stages["picture"] = picture_tensor(picture)
    if mask is not None:
        stages["mask"] = torch.from_numpy(np.array(mask))
    if edit.detailed:
        image_rope, text_rope = recorder.rope[0]
        stages |= {
            "ids": prompt["input_ids"][0].to(torch.int32), "positions": prompt["positions"].to(torch.int32),
            "rope/image/cos": image_rope.real, "rope/image/sin": image_rope.imag,
            "rope/text/cos": text_rope.real, "rope/text/sin": text_rope.imag, "guided": recorder.guided[0],
        }  # fmt: skip
        pictures = torch.split(prompt["pixel_values"], counts)
        for i, (values, grid) in enumerate(zip(pictures, grids)):
            stages[f"tower/{i}/picture"] = tower_input(values, grid)
            stages[f"tower/{i}/patches"] = values[::11]  # every eleventh: all of them would be most of the file
        for i, seen in enumerate(torch.split(recorder.tokens[0], [count // 4 for count in counts])):
            stages[f"tower/{i}/tokens"] = seen
    return stages, edit.metadata(picture.width, picture.height)


def write_case(checkpoint: Checkpoint) -> None:
    folder = FIXTURES / checkpoint.name
    write_checkpoint(folder / "checkpoint", checkpoint)
    write_json(folder / "checkpoint" / "processor" / "preprocessor_config.json", PROCESSOR)
    for edit in RUNS[checkpoint.name]:
        parts = load(folder / "checkpoint", checkpoint.zero_cond_t and edit.zero_cond_t)
        if edit.lightning:
            parts["scheduler"] = FlowMatchEulerDiscreteScheduler.from_config(LIGHTNING_SCHEDULER)
        editing = QwenImageEditPipeline if checkpoint is EDIT else QwenImageEditPlusPipeline
        pipe = (editing if edit.strength is None else QwenImageEditInpaintPipeline)(**parts)
        pipe.set_progress_bar_config(disable=True)
        references = write_reference_files(folder, edit.references) if edit.from_files else pictures(edit.references)
        if edit.lora is None:
            write_stages(folder / f"{edit.name}.safetensors", *record(pipe, edit, references))
            continue
        plain, _ = record(pipe, changed(edit, lora=None), references)
        write_lora(folder, pipe, 2 if checkpoint is EDIT else 1)
        pipe.load_lora_weights(folder, weight_name="adapter.safetensors", adapter_name="lora")
        pipe.set_adapters(["lora"], [edit.lora])
        stages, metadata = record(pipe, edit, references)
        change = (stages["picture"].float() - plain["picture"].float()).abs().mean().item()
        print(f"{edit.name}: mean change of a pixel {change:.1f}")
        assert change > 2
        write_stages(folder / f"{edit.name}.safetensors", stages, metadata)


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for checkpoint in (EDIT, PLUS):
        shutil.rmtree(FIXTURES / checkpoint.name, ignore_errors=True)
        write_case(checkpoint)
        size = sum(file.stat().st_size for file in (FIXTURES / checkpoint.name).rglob("*") if file.is_file())
        print(f"{checkpoint.name}: {', '.join(edit.name for edit in RUNS[checkpoint.name])}, {size / 2**10:.0f} KiB")


if __name__ == "__main__":
    main()
