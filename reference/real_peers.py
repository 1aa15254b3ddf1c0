"""The peers in `npm run bench:real -- --peer PYTHON` and `npm run check:gpu -- --peer PYTHON`: diffusers and stable-diffusion.cpp at Qwen-Image's true widths.

    python reference/real_peers.py diffusers --model FOLDER --stage pass|decode --side N --dtype bfloat16|float32 --threads N [--device cuda]
    python reference/real_peers.py sdcpp --model FOLDER --stage pass|decode --side N --type q8_0|q4_0 --threads N

FOLDER is a checkpoint in diffusers layout. Only its configs are read: the weights are random numbers. It prints a line when it is
ready. Then every line on stdin is one turn. The answer is {"seconds", "processor"} of one pass of the transformer or one decoding.
PYTHON has `reference/requirements-peers.txt`.
"""

import argparse
import json
import os
import re
import sys
import tempfile
import time

# A prompt with about the number of tokens of the other peers.
PROMPT = "a wooden sign that says open beside a teapot"
TEXT_TOKENS = 16


def config_of(folder: str, part: str) -> dict:
    with open(os.path.join(folder, part, "config.json")) as file:
        return json.load(file)


# Libraries write to stdout too. Their output goes to stderr, and answers go to the original stdout.
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def answer(message: dict) -> None:
    print(json.dumps(message), file=ANSWERS, flush=True)


def clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def since(start: tuple[float, float]) -> dict:
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        torch.cuda.synchronize()
    now = clocks()
    return {"seconds": now[0] - start[0], "processor": now[1] - start[1]}


def diffusers_turns(a: argparse.Namespace) -> None:
    import torch
    from diffusers import AutoencoderKLQwenImage, QwenImageTransformer2DModel

    torch.set_num_threads(a.threads)
    torch.set_grad_enabled(False)
    dtype = getattr(torch, a.dtype)
    kind, part = (QwenImageTransformer2DModel, "transformer") if a.stage == "pass" else (AutoencoderKLQwenImage, "vae")
    config = config_of(a.model, part)
    with torch.device("meta"):
        network = kind.from_config(config).to(dtype)
    network = network.to_empty(device=a.device).eval()
    torch.set_default_device(a.device)
    for parameter in network.parameters():
        parameter.normal_(std=0.02) if parameter.ndim > 1 else parameter.fill_(1)
    cells = a.side // 16
    if a.stage == "decode":
        latents = torch.randn(1, config["z_dim"], 1, a.side // 8, a.side // 8, dtype=dtype)
        run = lambda: network.decode(latents)  # noqa: E731
    else:
        # Made after to_empty, because its tables are not parameters.
        network.pos_embed = type(network.pos_embed)(theta=10000, axes_dim=list(config["axes_dims_rope"]), scale_rope=True)
        inputs = {
            "hidden_states": torch.randn(1, cells * cells, config["in_channels"], dtype=dtype),
            "encoder_hidden_states": torch.randn(1, TEXT_TOKENS, config["joint_attention_dim"], dtype=dtype),
            "encoder_hidden_states_mask": torch.ones(1, TEXT_TOKENS, dtype=torch.int64),
            "timestep": torch.tensor([0.7], dtype=dtype),
            "img_shapes": [[(1, cells, cells)]],
        }
        run = lambda: network(**inputs)  # noqa: E731
    run()
    answer({"load": 0})
    for _ in sys.stdin:
        start = clocks()
        run()
        answer(since(start))


def sdcpp_turns(a: argparse.Namespace) -> None:
    """One image whose steps are the turns: its progress callback waits for the next line."""
    from stable_diffusion_cpp import StableDiffusion

    with tempfile.TemporaryDirectory() as folder:
        files = sdcpp_files(a.model, folder, a.type)
        stable_diffusion = StableDiffusion(
            **files, n_threads=a.threads, vae_decode_only=True, diffusion_flash_attn=True, flash_attn=True, verbose=False
        )
        began = [clocks()]
        steps = a.turns + 1 if a.stage == "pass" else 1

        def stepped(step: int, _steps: int, _time: float) -> None:
            if step == 0:  # the first step starts
                began[0] = clocks()
                return
            took = since(began[0])
            if a.stage == "pass":
                # The first step warms up.
                answer({"load": 0} if step == 1 else took)
                if step == steps or not sys.stdin.readline():
                    leave(folder)
            began[0] = clocks()

        stable_diffusion.generate_image(
            prompt=PROMPT, width=a.side, height=a.side, cfg_scale=1, sample_method="euler", sample_steps=steps, seed=7, progress_callback=stepped
        )
        # The decoding follows the last step. It runs once, without a warm-up.
        took = since(began[0])
        answer({"load": 0})
        sys.stdin.readline()
        answer(took)


def leave(folder: str) -> None:
    """Ends immediately, because decoding would follow."""
    for name in os.listdir(folder):
        os.remove(os.path.join(folder, name))
    os.rmdir(folder)
    os._exit(0)


def sdcpp_files(model: str, folder: str, kind: str) -> dict:
    """Transformer, a text encoder of one layer, and VAE as it reads them; with random numbers."""
    import gguf
    import numpy as np
    import torch
    from diffusers import AutoencoderKLQwenImage, QwenImageTransformer2DModel
    from safetensors.torch import save_file

    with torch.device("meta"):
        transformer = QwenImageTransformer2DModel.from_config(config_of(model, "transformer"))
        vae = AutoencoderKLQwenImage.from_config(config_of(model, "vae"))
    shapes = {name: tuple(tensor.shape) for name, tensor in transformer.state_dict().items()}
    text = config_of(model, "text_encoder")
    rng = np.random.default_rng(1)
    noise = (rng.standard_normal(2**18) * 0.02).astype(np.float32)
    type_of = getattr(gguf.GGMLQuantizationType, kind.upper())

    def write(name: str, shapes: dict, arch: str, rounded) -> str:
        path = os.path.join(folder, name)
        writer = gguf.GGUFWriter(path, arch)
        for tensor, shape in shapes.items():
            size = int(np.prod(shape))
            if not rounded(tensor, shape):
                values = np.resize(noise, size).reshape(shape) if len(shape) > 1 else np.ones(shape, np.float32)
                writer.add_tensor(tensor, values)
                continue
            # A row of noise, rounded once and repeated.
            row = gguf.quants.quantize(np.resize(noise, 2**18).reshape(-1, 256), type_of).reshape(-1)
            per_row = shape[1] // 32 * gguf.GGML_QUANT_SIZES[type_of][1]
            data = np.resize(row, shape[0] * per_row).reshape(shape[0], per_row)
            writer.add_tensor(tensor, data, raw_dtype=type_of)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    large = lambda name, shape: len(shape) == 2 and shape[1] % 256 == 0 and "transformer_blocks." in name  # noqa: E731
    hidden, inner, words = text["hidden_size"], text["intermediate_size"], text["vocab_size"]
    keys = hidden // text["num_attention_heads"] * text["num_key_value_heads"]
    layer = {
        "attn_norm.weight": (hidden,),
        "ffn_norm.weight": (hidden,),
        **{f"attn_{n}.weight": (size, hidden) for n, size in (("q", hidden), ("k", keys), ("v", keys), ("output", hidden))},
        **{f"attn_{n}.bias": (size,) for n, size in (("q", hidden), ("k", keys), ("v", keys))},
        **{f"ffn_{n}.weight": (inner, hidden) for n in ("gate", "up")},
        "ffn_down.weight": (hidden, inner),
    }
    encoder = {"token_embd.weight": (words, hidden), "output_norm.weight": (hidden,), **{f"blk.0.{n}": s for n, s in layer.items()}}
    vae_path = os.path.join(folder, "vae.safetensors")
    save_file({wan_name(n): torch.randn(t.shape) * 0.02 if t.ndim > 1 else torch.ones(t.shape) for n, t in vae.state_dict().items()}, vae_path)
    return {
        "diffusion_model_path": write("transformer.gguf", shapes, "qwen_image", large),
        "llm_path": write("text.gguf", encoder, "qwen2vl", lambda _, shape: len(shape) == 2),
        "vae_path": vae_path,
    }


def wan_name(name: str) -> str:
    """The VAE's names in Wan's files, which stable-diffusion.cpp reads."""
    for ours, theirs in (("quant_conv.", "conv1."), ("post_quant_conv.", "conv2.")):
        if name.startswith(ours):
            return theirs + name[len(ours) :]
    name = re.sub(r"coder\.conv_in\.", "coder.conv1.", name)
    name = re.sub(r"coder\.norm_out\.", "coder.head.0.", name)
    name = re.sub(r"coder\.conv_out\.", "coder.head.2.", name)
    name = re.sub(r"mid_block\.resnets\.0\.", "middle.0.", name)
    name = re.sub(r"mid_block\.attentions\.0\.", "middle.1.", name)
    name = re.sub(r"mid_block\.resnets\.1\.", "middle.2.", name)
    name = name.replace("encoder.down_blocks.", "encoder.downsamples.")
    name = re.sub(r"decoder\.up_blocks\.(\d)\.resnets\.(\d)\.", lambda m: f"decoder.upsamples.{4 * int(m[1]) + int(m[2])}.", name)
    name = re.sub(r"decoder\.up_blocks\.(\d)\.upsamplers\.0\.", lambda m: f"decoder.upsamples.{4 * int(m[1]) + 3}.", name)
    for ours, theirs in (("norm1", "residual.0"), ("conv1", "residual.2"), ("norm2", "residual.3"), ("conv2", "residual.6"), ("conv_shortcut", "shortcut")):
        name = re.sub(rf"((?:samples\.\d+|middle\.[02])\.){ours}\.", rf"\g<1>{theirs}.", name)
    return name


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=["diffusers", "sdcpp"])
    parser.add_argument("--model", required=True)
    parser.add_argument("--stage", choices=["pass", "decode"], required=True)
    parser.add_argument("--side", type=int, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--type", default="q8_0")
    a = parser.parse_args()
    {"diffusers": diffusers_turns, "sdcpp": sdcpp_turns}[a.peer](a)


if __name__ == "__main__":
    main()
