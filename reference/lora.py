"""Writes test/fixtures/lora: adapter files in every key grammar, and images with them.

For grammars that diffusers reads, diffusers loads the file and generates. The others are applied to the weights here, by their
published formulas, then diffusers generates.

    python reference/lora.py        (needs peft)
"""

import json
import math
import os
import shutil
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch  # noqa: E402
from diffusers import QwenImagePipeline  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from stages import load, picture_tensor, write_stages  # noqa: E402
from weights import draw  # noqa: E402

FIXTURES = Path(__file__).resolve().parent.parent / "test" / "fixtures"
FOLDER = FIXTURES / "lora"
Tensors = dict[str, torch.Tensor]

CHECKPOINT = "plain"
WEIGHT = 0.8
RUN = {"prompt": "A red fox", "negative_prompt": "blurry", "width": 64, "height": 48, "steps": 3, "true_cfg_scale": 2.0, "seed": 5}

ATTENTION = ["to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"]
BLOCK = [f"attn.{name}" for name in ATTENTION] + [
    f"{mlp}.net.{layer}" for mlp in ("img_mlp", "txt_mlp") for layer in ("0.proj", "2")
]  # fmt: skip
MODULATIONS = ["img_mod.1", "txt_mod.1"]
TOP = ["img_in", "txt_in", "proj_out", "norm_out.linear",
       "time_text_embed.timestep_embedder.linear_1", "time_text_embed.timestep_embedder.linear_2"]  # fmt: skip


def block_layers(names: list[str]) -> list[str]:
    return [f"transformer_blocks.{i}.{name}" for i in range(2) for name in names]


def factors(layer: str, shape: torch.Size, rank: int, salt: int) -> tuple[torch.Tensor, torch.Tensor]:
    """down [rank, in] and up [out, rank], whose product is about a third as large as the weights of the layer."""
    out, width = shape
    down = draw(f"{layer}.down", torch.Size([rank, width]), salt) / math.sqrt(width)
    up = draw(f"{layer}.up", torch.Size([out, rank]), salt) * 0.3 / math.sqrt(rank)
    return down, up


def flat(layer: str) -> str:
    return layer.replace(".", "_")


def low_rank_files(shapes: dict[str, torch.Size]) -> dict[str, tuple[Tensors, dict[str, str]]]:
    """Files that diffusers reads: tensors and metadata."""
    files: dict[str, tuple[Tensors, dict[str, str]]] = {}

    def add(name: str, layers: list[str], rank: int, salt: int, down: str, up: str, alpha: str | None = None,
            value: float = 0.0, dtype: torch.dtype = torch.float32, metadata: dict[str, str] | None = None) -> None:  # fmt: skip
        tensors: Tensors = {}
        for layer in layers:
            a, b = factors(layer, shapes[layer], rank, salt)
            for pattern, tensor in ((down, a), (up, b)):
                tensors[pattern.format(layer=layer, flat=flat(layer))] = tensor.to(dtype)
            if alpha is not None:
                tensors[alpha.format(layer=layer, flat=flat(layer))] = torch.tensor(value).to(dtype)
        files[name] = (tensors, metadata or {})

    add("peft", block_layers(BLOCK), 4, 1, "transformer.{layer}.lora_A.weight", "transformer.{layer}.lora_B.weight")
    config = {"transformer.r": 4, "transformer.lora_alpha": 6, "transformer.target_modules": ATTENTION,
              "transformer.alpha_pattern": {"to_q": 2}}  # fmt: skip
    add("peft-metadata", block_layers(BLOCK[:8]), 4, 2, "transformer.{layer}.lora_A.weight",
        "transformer.{layer}.lora_B.weight", metadata={"format": "pt", "lora_adapter_metadata": json.dumps(config)})  # fmt: skip
    stabilised = {"transformer.r": 4, "transformer.lora_alpha": 3, "transformer.target_modules": ATTENTION,
                  "transformer.use_rslora": True}  # fmt: skip
    add("peft-rslora", block_layers(BLOCK[:8]), 4, 8, "transformer.{layer}.lora_A.weight",
        "transformer.{layer}.lora_B.weight", metadata={"format": "pt", "lora_adapter_metadata": json.dumps(stabilised)})  # fmt: skip
    # No lora_alpha: PEFT's default of 8. Patterns are regular expressions, and the first one that matches counts.
    patterns = {"transformer.r": 4, "transformer.target_modules": ATTENTION,
                "transformer.alpha_pattern": {r"transformer_blocks\.1\..*to_[qk]": 2, "to_q": 12, "attn.to_out.0": 1}}  # fmt: skip
    add("peft-patterns", block_layers(BLOCK[:8]), 4, 9, "transformer.{layer}.lora_A.weight",
        "transformer.{layer}.lora_B.weight", metadata={"format": "pt", "lora_adapter_metadata": json.dumps(patterns)})  # fmt: skip
    add("peft-default", block_layers(BLOCK[:3]), 3, 3, "{layer}.lora_A.default.weight",
        "{layer}.lora_B.default.weight", dtype=torch.bfloat16)  # fmt: skip
    add("dotted", block_layers(BLOCK + MODULATIONS), 4, 4, "{layer}.lora_down.weight", "{layer}.lora_up.weight",
        "{layer}.alpha", 8.0, torch.bfloat16)  # fmt: skip
    add("comfyui", block_layers(BLOCK[:8]), 8, 5, "diffusion_model.{layer}.lora_A.weight",
        "diffusion_model.{layer}.lora_B.weight", "diffusion_model.{layer}.alpha", 4.0, torch.float16)  # fmt: skip
    add("comfyui-down", block_layers(BLOCK[8:]), 2, 6, "diffusion_model.{layer}.lora_down.weight",
        "diffusion_model.{layer}.lora_up.weight", "diffusion_model.{layer}.alpha", 3.0)  # fmt: skip
    add("kohya", block_layers(BLOCK + MODULATIONS) + TOP, 4, 7, "lora_unet_{flat}.lora_down.weight",
        "lora_unet_{flat}.lora_up.weight", "lora_unet_{flat}.alpha", 2.0)  # fmt: skip
    return files


def formula_files(weights: Tensors) -> dict[str, tuple[Tensors, Tensors]]:
    """Files that diffusers does not read: tensors, and their differences to the weights, times WEIGHT."""
    files: dict[str, tuple[Tensors, Tensors]] = {}
    layers = block_layers(BLOCK[:3] + ["img_mlp.net.2", "img_mod.1"])

    def add(name: str, make) -> None:
        tensors: Tensors = {}
        differences: Tensors = {}
        for layer in layers:
            made, difference = make(layer, weights[f"{layer}.weight"])
            tensors |= made
            differences[f"{layer}.weight"] = difference
        files[name] = (tensors, differences)

    def old_diffusers(layer: str, weight: torch.Tensor):
        down, up = factors(layer, weight.shape, 3, 20)
        endings = ("_lora.down.weight", "_lora.up.weight") if ".attn." in layer else (".lora.down.weight", ".lora.up.weight")
        if layer.endswith("to_v"):
            endings = (".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight")
        written = layer.replace(".attn.", ".attn.processor.") if endings[0].startswith("_") else layer
        return {f"transformer.{written}{endings[0]}": down, f"transformer.{written}{endings[1]}": up}, up @ down

    def dora_rows(layer: str, weight: torch.Tensor):
        down, up = factors(layer, weight.shape, 4, 21)
        scale = weight.norm(dim=1, keepdim=True) * (1 + 0.2 * draw(f"{layer}.m", torch.Size([weight.shape[0], 1]), 21))
        directed = weight + (2.0 / 4) * (up @ down)
        made = {f"lora_unet_{flat(layer)}.{key}": value for key, value in
                {"lora_down.weight": down, "lora_up.weight": up, "alpha": torch.tensor(2.0), "dora_scale": scale}.items()}  # fmt: skip
        return made, directed * scale / (weight.norm(dim=1, keepdim=True) + torch.finfo(torch.float32).eps) - weight

    def dora_columns(layer: str, weight: torch.Tensor):
        down, up = factors(layer, weight.shape, 4, 22)
        scale = weight.norm(dim=0, keepdim=True) * (1 + 0.2 * draw(f"{layer}.m", torch.Size([1, weight.shape[1]]), 22))
        directed = weight + up @ down
        made = {f"diffusion_model.{layer}.{key}": value for key, value in
                {"lora_A.weight": down, "lora_B.weight": up, "dora_scale": scale}.items()}  # fmt: skip
        norm = directed.norm(dim=0, keepdim=True) + torch.finfo(torch.float32).eps
        # In a square layer the length does not distinguish columns and rows; the shape [1, in] does.
        return made, directed * scale / norm - weight

    def dora_peft(layer: str, weight: torch.Tensor):
        down, up = factors(layer, weight.shape, 4, 23)
        magnitude = weight.norm(dim=1) * (1 + 0.2 * draw(f"{layer}.m", torch.Size([weight.shape[0]]), 23))
        directed = weight + WEIGHT * up @ down  # the weight applies inside the norm, as in training
        made = {f"transformer.{layer}.{key}": value for key, value in
                {"lora_A.weight": down, "lora_B.weight": up, "lora_magnitude_vector": magnitude}.items()}  # fmt: skip
        return made, (directed * (magnitude / directed.norm(dim=1))[:, None] - weight) / WEIGHT

    def loha(layer: str, weight: torch.Tensor):
        (w1b, w1a), (w2b, w2a) = factors(layer, weight.shape, 4, 24), factors(layer, weight.shape, 4, 25)
        w1a, w2a = 2 * w1a, 2 * w2a
        made = {f"lycoris_{flat(layer)}.{key}": value for key, value in
                {"hada_w1_a": w1a, "hada_w1_b": w1b, "hada_w2_a": w2a, "hada_w2_b": w2b, "alpha": torch.tensor(12.0)}.items()}  # fmt: skip
        return made, (w1a @ w1b) * (w2a @ w2b) * (12.0 / 4)

    def lokr(layer: str, weight: torch.Tensor):
        out, width = weight.shape
        w1 = draw(f"{layer}.w1", torch.Size([4, 2]), 26) * 0.3
        prefix, rank = f"lycoris_{flat(layer)}", 2
        if layer.endswith("to_k"):  # both factors full: alpha has no effect
            w2 = draw(f"{layer}.w2", torch.Size([out // 4, width // 2]), 26) * 0.2
            return {f"{prefix}.lokr_w1": w1, f"{prefix}.lokr_w2": w2, f"{prefix}.alpha": torch.tensor(5.0)}, torch.kron(w1, w2)
        a = draw(f"{layer}.w2a", torch.Size([out // 4, rank]), 26) * 0.2
        b = draw(f"{layer}.w2b", torch.Size([rank, width // 2]), 26)
        made = {f"{prefix}.lokr_w1": w1, f"{prefix}.lokr_w2_a": a, f"{prefix}.lokr_w2_b": b, f"{prefix}.alpha": torch.tensor(3.0)}
        if layer.endswith("to_q"):
            w1a, w1b = draw(f"{layer}.w1a", torch.Size([4, 1]), 26), draw(f"{layer}.w1b", torch.Size([1, 2]), 26) * 0.3
            del made[f"{prefix}.lokr_w1"]
            made |= {f"{prefix}.lokr_w1_a": w1a, f"{prefix}.lokr_w1_b": w1b}
            w1 = w1a @ w1b
        return made, torch.kron(w1, a @ b) * (3.0 / rank)

    for name, make in (("old-diffusers", old_diffusers), ("dora-rows", dora_rows), ("dora-columns", dora_columns),
                       ("dora-peft", dora_peft), ("loha", loha), ("lokr", lokr)):  # fmt: skip
        add(name, make)

    # Full differences of weights, biases and norms, and a replaced weight.
    tensors, differences = {}, {}
    for target, ending in (
        ("transformer_blocks.0.attn.to_q.weight", "diff"),
        ("transformer_blocks.0.attn.to_q.bias", "diff_b"),
        ("transformer_blocks.1.attn.norm_q.weight", "w_norm"),
        ("txt_norm.weight", "diff"),
        ("transformer_blocks.1.img_mod.1.bias", "diff_b"),
        ("transformer_blocks.1.attn.to_out.0.weight", "set_weight"),
    ):  # fmt: skip
        weight = weights[target]
        value = draw(target, weight.shape, 27) * 0.3 * weight.std()
        tensors[f"diffusion_model.{target.rsplit('.', 1)[0]}.{ending}"] = value
        differences[target] = value - weight if ending == "set_weight" else value
    files["diff"] = (tensors, differences)
    return files


def paint(pipe: QwenImagePipeline) -> Tensors:
    latents: list[torch.Tensor] = []
    image = pipe(
        prompt=RUN["prompt"], negative_prompt=RUN["negative_prompt"], true_cfg_scale=RUN["true_cfg_scale"],
        width=RUN["width"], height=RUN["height"], num_inference_steps=RUN["steps"],
        generator=torch.Generator("cpu").manual_seed(RUN["seed"]),
        callback_on_step_end=lambda _p, _i, _t, values: latents.append(values["latents"].clone()) or {},
    ).images[0]  # fmt: skip
    return {"picture": picture_tensor(image), "latents": latents[-1]}


def write_picture(name: str, stages: Tensors, adapters: list[tuple[str, float]], plain: Tensors) -> None:
    change = (stages["picture"].float() - plain["picture"].float()).abs().mean().item()
    print(f"{name}: mean change of a pixel {change:.1f}")
    assert change > 2, name
    metadata = {name: str(value) for name, value in RUN.items()} | {"checkpoint": CHECKPOINT, "loras": json.dumps(adapters)}
    write_stages(FOLDER / "pictures" / f"{name}.safetensors", stages, metadata)


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    shutil.rmtree(FOLDER, ignore_errors=True)
    checkpoint = FIXTURES / CHECKPOINT / "checkpoint"
    weights = load_file(checkpoint / "transformer" / "diffusion_pytorch_model.safetensors")
    shapes = {name.removesuffix(".weight"): tensor.shape for name, tensor in weights.items()}
    plain = paint(load(checkpoint))

    files = low_rank_files(shapes)
    for name, (tensors, metadata) in files.items():
        write_stages(FOLDER / "files" / f"{name}.safetensors", tensors, metadata)

    def by_diffusers(name: str, adapters: list[tuple[str, float]]) -> None:
        pipe = load(checkpoint)
        for adapter, _ in adapters:
            pipe.load_lora_weights(FOLDER / "files", weight_name=f"{adapter}.safetensors", adapter_name=adapter)
            loaded = [layer for layer in pipe.transformer.modules() if adapter in getattr(layer, "scaling", {})]
            assert len(loaded) == sum("down" in k or "lora_A" in k for k in files[adapter][0]), adapter
        pipe.set_adapters([adapter for adapter, _ in adapters], [weight for _, weight in adapters])
        write_picture(name, paint(pipe), adapters, plain)

    for name in files:
        by_diffusers(name, [(name, WEIGHT)])
    by_diffusers("several", [("peft", 0.7), ("kohya", -0.5), ("comfyui", 1.5)])

    for name, (tensors, differences) in formula_files(weights).items():
        write_stages(FOLDER / "files" / f"{name}.safetensors", tensors, {})
        pipe = load(checkpoint)
        for target, difference in differences.items():
            assert difference.shape == weights[target].shape
            pipe.transformer.get_parameter(target).add_(WEIGHT * difference)
        write_picture(name, paint(pipe), [(name, WEIGHT)], plain)

    total = sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file())
    print(f"{total / 2**10:.0f} KiB in {FOLDER}")


if __name__ == "__main__":
    main()
