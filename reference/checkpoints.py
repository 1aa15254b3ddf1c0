"""Small random Qwen-Image checkpoints in the diffusers folder layout, each with another shape."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from diffusers import AutoencoderKLQwenImage, QwenImageTransformer2DModel
from safetensors.torch import save_file
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from small_tokenizer import write_tokenizer
from weights import randomise

QWEN_IMAGE_SCHEDULER = {
    "_class_name": "FlowMatchEulerDiscreteScheduler",
    "_diffusers_version": "0.35.0",
    "base_image_seq_len": 256,
    "base_shift": 0.5,
    "invert_sigmas": False,
    "max_image_seq_len": 8192,
    "max_shift": 0.9,
    "num_train_timesteps": 1000,
    "shift": 1.0,
    "shift_terminal": 0.02,
    "stochastic_sampling": False,
    "time_shift_type": "exponential",
    "use_beta_sigmas": False,
    "use_dynamic_shifting": True,
    "use_exponential_sigmas": False,
    "use_karras_sigmas": False,
}

# Qwen-Image-Lightning: a constant shift of 3 and no terminal stretch.
LIGHTNING_SCHEDULER = QWEN_IMAGE_SCHEDULER | {
    "base_shift": 1.0986122886681098,
    "max_shift": 1.0986122886681098,
    "shift_terminal": None,
}


@dataclass(frozen=True)
class Vision:
    """The vision tower. Text-to-image checkpoints have one too, which is not used."""

    depth: int = 1
    hidden: int = 8
    inner: int = 8
    heads: int = 1
    patch: int = 2
    window: int = 8
    full: tuple[int, ...] = (0,)

    def config(self, out: int) -> dict:
        return {
            "model_type": "qwen2_5_vl", "depth": self.depth, "hidden_size": self.hidden, "intermediate_size": self.inner,
            "num_heads": self.heads, "in_chans": 3, "in_channels": 3, "patch_size": self.patch, "spatial_merge_size": 2,
            "temporal_patch_size": 2, "window_size": self.window, "fullatt_block_indexes": list(self.full),
            "out_hidden_size": out, "hidden_act": "silu",
        }  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """The shape of one checkpoint. `hidden` is the text encoder's width and the transformer's joint dimension."""

    name: str
    seed: int
    # transformer
    heads: int
    axes: tuple[int, int, int]
    layers: int
    # text encoder
    hidden: int
    text_heads: int
    text_kv_heads: int
    text_layers: int
    mrope: tuple[int, int, int]
    merges: int
    # autoencoder
    base_dim: int
    dim_mult: tuple[int, ...] = (1, 2, 4, 4)
    num_res_blocks: int = 2
    # files
    dtype: torch.dtype = torch.float32
    shards: int = 1
    old_names: bool = False
    tied: bool = False
    theta: float = 1_000_000.0
    rms_norm_eps: float = 1e-6
    scheduler: dict = field(default_factory=lambda: QWEN_IMAGE_SCHEDULER)
    # editing
    pipeline: str = "QwenImagePipeline"
    zero_cond_t: bool = False
    vision: Vision = Vision()


CHECKPOINTS = [
    Checkpoint("plain", 11, heads=2, axes=(4, 6, 6), layers=2, hidden=48, text_heads=3, text_kv_heads=1,
               text_layers=2, mrope=(2, 3, 3), merges=400, base_dim=4, dim_mult=(1, 2, 3, 3)),
    Checkpoint("odd", 12, heads=3, axes=(2, 4, 6), layers=3, hidden=40, text_heads=5, text_kv_heads=5,
               text_layers=3, mrope=(1, 1, 2), merges=120, base_dim=6, dim_mult=(1, 1, 2, 2), shards=3, tied=True,
               theta=50_000.0, rms_norm_eps=1e-5),
    Checkpoint("bf16", 13, heads=4, axes=(4, 2, 6), layers=2, hidden=32, text_heads=4, text_kv_heads=2,
               text_layers=2, mrope=(1, 1, 2), merges=250, base_dim=4, dtype=torch.bfloat16, old_names=True),
    Checkpoint("half", 14, heads=1, axes=(8, 12, 12), layers=1, hidden=32, text_heads=2, text_kv_heads=1,
               text_layers=1, mrope=(2, 3, 3), merges=60, base_dim=6, dim_mult=(1, 2, 2, 3), num_res_blocks=1,
               dtype=torch.float16, scheduler=LIGHTNING_SCHEDULER),
]  # fmt: skip

# Similar to those of Qwen-Image, but all different, so that a swapped pair shows.
LATENTS_MEAN = [-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921]  # fmt: skip
LATENTS_STD = [1.8184, 1.4541, 1.3275, 1.6558, 1.2196, 0.7708, 1.6052, 1.0743, 0.8687, 1.1526, 0.8652, 0.5579, 1.6382, 1.1253, 0.8251, 1.9160]  # fmt: skip


def write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_weights(folder: Path, stem: str, tensors: dict[str, torch.Tensor], shards: int) -> None:
    """Writes one file, or several with the index of their tensors."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    if shards == 1:
        save_file(tensors, folder / f"{stem}.safetensors", metadata={"format": "pt"})
        return
    names = list(tensors)
    # Distributed one by one, so that the tensors of a layer are in several files.
    weight_map = {name: f"{stem}-{i % shards + 1:05d}-of-{shards:05d}.safetensors" for i, name in enumerate(names)}
    for file in sorted(set(weight_map.values())):
        save_file({n: tensors[n] for n in names if weight_map[n] == file}, folder / file, metadata={"format": "pt"})
    total = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    write_json(folder / f"{stem}.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": weight_map})


def text_encoder_config(checkpoint: Checkpoint, vocab_size: int, special: dict[str, int]) -> dict:
    """The config file: nested under `text_config` as written today, or flat as in Qwen-Image's first files."""
    text = {
        "hidden_size": checkpoint.hidden,
        "intermediate_size": 2 * checkpoint.hidden + 8,
        "num_hidden_layers": checkpoint.text_layers,
        "num_attention_heads": checkpoint.text_heads,
        "num_key_value_heads": checkpoint.text_kv_heads,
        "hidden_act": "silu",
        "rms_norm_eps": checkpoint.rms_norm_eps,
        "rope_theta": checkpoint.theta,
        "rope_scaling": {"mrope_section": list(checkpoint.mrope), "rope_type": "default", "type": "default"},
        "vocab_size": vocab_size,
        "max_position_embeddings": 2048,
        "max_window_layers": checkpoint.text_layers,
        "sliding_window": 2048,
        "use_sliding_window": False,
        "initializer_range": 0.02,
        "attention_dropout": 0.0,
        "tie_word_embeddings": checkpoint.tied,
        "bos_token_id": special["<|endoftext|>"],
        "eos_token_id": special["<|im_end|>"],
        "use_cache": True,
    }
    head = {
        "architectures": ["Qwen2_5_VLForConditionalGeneration"],
        "model_type": "qwen2_5_vl",
        "torch_dtype": str(checkpoint.dtype).removeprefix("torch."),
        "tie_word_embeddings": checkpoint.tied,
        "image_token_id": special["<|image_pad|>"],
        "video_token_id": special["<|video_pad|>"],
        "vision_start_token_id": special["<|vision_start|>"],
        "vision_end_token_id": special["<|vision_end|>"],
        "vision_config": checkpoint.vision.config(checkpoint.hidden),
    }
    if checkpoint.old_names:
        return head | text
    return head | {"text_config": text | {"model_type": "qwen2_5_vl_text"}}


def write_text_encoder(folder: Path, checkpoint: Checkpoint, vocab_size: int, special: dict[str, int]) -> None:
    config = text_encoder_config(checkpoint, vocab_size, special)
    write_json(folder / "config.json", config)
    model = Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig.from_pretrained(folder)).float()
    randomise(model, checkpoint.seed)
    tensors = {name: p.detach().to(checkpoint.dtype) for name, p in model.named_parameters()}
    if checkpoint.tied:
        tensors.pop("lm_head.weight", None)
    if checkpoint.old_names:
        renames = {"model.language_model.": "model.", "model.visual.": "visual."}
        tensors = {_rename(name, renames): tensor for name, tensor in tensors.items()}
    write_weights(folder, "model", tensors, checkpoint.shards)


def _rename(name: str, renames: dict[str, str]) -> str:
    for old, new in renames.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def write_transformer(folder: Path, checkpoint: Checkpoint) -> None:
    model = QwenImageTransformer2DModel(
        num_layers=checkpoint.layers,
        attention_head_dim=sum(checkpoint.axes),
        num_attention_heads=checkpoint.heads,
        joint_attention_dim=checkpoint.hidden,
        axes_dims_rope=checkpoint.axes,
        zero_cond_t=checkpoint.zero_cond_t,
    )
    randomise(model, checkpoint.seed)
    config = {"_class_name": "QwenImageTransformer2DModel", "_diffusers_version": "0.35.0"}
    names = ["patch_size", "in_channels", "out_channels", "num_layers", "attention_head_dim", "num_attention_heads",
             "joint_attention_dim", "guidance_embeds", "axes_dims_rope"]  # fmt: skip
    config |= {name: model.config[name] for name in names}
    if checkpoint.zero_cond_t:
        config["zero_cond_t"] = True
    if checkpoint.old_names:
        config["pooled_projection_dim"] = 768  # early configs have it; it is not used
    write_json(folder / "config.json", config)
    tensors = {name: tensor.to(checkpoint.dtype) for name, tensor in model.state_dict().items()}
    write_weights(folder, "diffusion_pytorch_model", tensors, checkpoint.shards)


def write_vae(folder: Path, checkpoint: Checkpoint) -> None:
    config = {
        "base_dim": checkpoint.base_dim,
        "z_dim": 16,
        "dim_mult": list(checkpoint.dim_mult),
        "num_res_blocks": checkpoint.num_res_blocks,
        "attn_scales": [],
        "temperal_downsample": [False, True, True],
        "dropout": 0.0,
        "latents_mean": LATENTS_MEAN,
        "latents_std": LATENTS_STD,
    }
    model = AutoencoderKLQwenImage(**config)
    randomise(model, checkpoint.seed)
    write_json(folder / "config.json", {"_class_name": "AutoencoderKLQwenImage", "_diffusers_version": "0.35.0"} | config)
    tensors = {name: tensor.to(checkpoint.dtype) for name, tensor in model.state_dict().items()}
    write_weights(folder, "diffusion_pytorch_model", tensors, 1)


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Writes the whole folder: model_index.json, scheduler, tokenizer, text encoder, transformer, autoencoder."""
    write_json(folder / "model_index.json", {
        "_class_name": checkpoint.pipeline,
        "_diffusers_version": "0.35.0",
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "text_encoder": ["transformers", "Qwen2_5_VLForConditionalGeneration"],
        "tokenizer": ["transformers", "Qwen2Tokenizer"],
        "transformer": ["diffusers", "QwenImageTransformer2DModel"],
        "vae": ["diffusers", "AutoencoderKLQwenImage"],
    } | ({"processor": ["transformers", "Qwen2VLProcessor"]} if checkpoint.pipeline != "QwenImagePipeline" else {}))  # fmt: skip
    write_json(folder / "scheduler" / "scheduler_config.json", checkpoint.scheduler)
    special = write_tokenizer(folder / "tokenizer", checkpoint.merges)
    vocab_size = max(special.values()) + 9  # larger than the tokenizer's, as Qwen's is
    write_text_encoder(folder / "text_encoder", checkpoint, vocab_size, special)
    write_transformer(folder / "transformer", checkpoint)
    write_vae(folder / "vae", checkpoint)
