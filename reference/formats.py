"""Files in common formats, written by the libraries of these formats: GGUF, fp8, ComfyUI's scaled layouts, Wan's names.

    python formats.py ../test/fixtures

Every file has weights of the checkpoint `half`; the names are those of `bf16`'s autoencoder. `expected.json` has the SHA-256 of every tensor as the libraries decode it
(float32, little-endian), so that tests compare a reader bit for bit.
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

import gguf
import ml_dtypes
import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

SEED = 25


def digest(values):
    return hashlib.sha256(np.ascontiguousarray(values, dtype="<f4").tobytes()).hexdigest()


# --- GGUF ---------------------------------------------------------------------------------------------------------------

BLOCKS = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "IQ4_NL", "IQ4_XS", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"]
# Positions of the half-precision scales of a block.
SCALES_AT = {"Q4_1": [0, 2], "Q5_1": [0, 2], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q2_K": [80, 82], "Q3_K": [108], "Q6_K": [208]}


def random_blocks(rng, kind, rows, columns):
    """Blocks of random bytes, with random numbers as scales."""
    elements, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
    blocks = rng.integers(0, 256, (rows * columns // elements, size), dtype=np.uint8)
    for at in SCALES_AT.get(kind, [0]):
        scales = rng.normal(0, 1, len(blocks)).astype(np.float16)
        blocks[:, at : at + 2] = scales.view(np.uint8).reshape(-1, 2)
    return blocks.reshape(rows, -1)


def write_blocks(path):
    """Every number type, in random blocks."""
    rng = np.random.default_rng(SEED)
    writer = gguf.GGUFWriter(path, "qwen_image")
    writer.add_quantization_version(2)
    writer.add_token_list(["a", "b", "c" * 1000] * 20)
    writer.add_array("numbers", list(range(40)))
    expected = {}
    for kind in BLOCKS:
        blocks = random_blocks(rng, kind, 2, 512)
        writer.add_tensor(kind, blocks, raw_dtype=gguf.GGMLQuantizationType[kind])
        expected[kind] = gguf.quants.dequantize(blocks, gguf.GGMLQuantizationType[kind])
    for kind, dtype in [("F32", np.float32), ("F16", np.float16)]:
        values = rng.normal(0, 1, (3, 5)).astype(dtype)
        writer.add_tensor(kind, values)
        expected[kind] = values
    bfloats = rng.normal(0, 1, (3, 5)).astype(ml_dtypes.bfloat16)
    writer.add_tensor("BF16", bfloats.view(np.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)
    expected["BF16"] = bfloats.astype(np.float32)
    flat = rng.normal(0, 1, (1, 36)).astype(np.float32)
    writer.add_array("comfy.gguf.orig_shape.flat", [2, 3, 3, 2])
    writer.add_tensor("flat", flat)
    expected["flat"] = flat.reshape(2, 3, 3, 2)
    finish(writer)
    return expected


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_gguf(path, architecture, tensors, kind_of):
    writer = gguf.GGUFWriter(path, architecture)
    expected = {}
    for name, values in tensors.items():
        kind = gguf.GGMLQuantizationType[kind_of(name, values)]
        data = gguf.quants.quantize(values.astype(np.float32), kind)
        writer.add_tensor(name, data, raw_dtype=kind)
        expected[name] = gguf.quants.dequantize(data, kind)
    finish(writer)
    return expected


def transformer_kind(name, values):
    if values.ndim == 1:
        return "F32"
    if not name.startswith("transformer_blocks."):
        return "BF16"
    # Types vary by tensor, as in files with better types for the first and last blocks.
    return {"to_q": "Q4_0", "to_k": "Q4_1", "to_v": "Q5_0", "to_o": "Q5_1"}.get(name.split(".")[3][:4], "Q8_0")


def text_encoder_kind(name, values):
    if values.ndim == 1:
        return "F32"
    return "Q8_0" if values.shape[1] % 32 == 0 and name != "token_embd.weight" else "F16"


def llama_name(name):
    """The name that llama.cpp's converter gives a tensor of the language tower."""
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2VL, 64)
    return names.get_name(name.replace("model.language_model.", "model."), try_suffixes=(".weight", ".bias"))


# --- safetensors with fp8 and int8 ----------------------------------------------------------------------------------------


def save_eights(path, tensors, metadata=None):
    """`save_file` of numpy does not support fp8: the bytes are saved as U8, then the header gets the types."""
    fp8 = {ml_dtypes.float8_e4m3fn: "F8_E4M3", ml_dtypes.float8_e5m2: "F8_E5M2"}
    types = {name: fp8[value.dtype.type] for name, value in tensors.items() if value.dtype.type in fp8}
    save_file({name: value.view(np.uint8) if name in types else value for name, value in tensors.items()}, path, metadata)
    data = Path(path).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    for name, kind in types.items():
        header[name]["dtype"] = kind
    text = json.dumps(header, separators=(",", ":")).encode()
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


def is_layer(name, value):
    return name.startswith("transformer_blocks.") and value.ndim == 2


def write_plain_fp8(path, tensors):
    stored = {
        name: value.astype(ml_dtypes.float8_e4m3fn if is_layer(name, value) else ml_dtypes.float8_e5m2)
        if value.ndim == 2
        else value
        for name, value in tensors.items()
    }
    save_eights(path, stored)
    return {name: value.astype(np.float32) for name, value in stored.items()}


def scaled_fp8(value):
    scale = np.float32(np.abs(value).max() / 448)
    return (value.astype(np.float32) / scale).astype(ml_dtypes.float8_e4m3fn), scale


def write_old_scaled(path, tensors, prefix):
    stored = {f"{prefix}scaled_fp8": np.zeros(0, ml_dtypes.float8_e4m3fn)}
    expected = {}
    for name, value in tensors.items():
        if not is_layer(name, value):
            stored[prefix + name] = value
            expected[name] = value.astype(np.float32)
            continue
        codes, scale = scaled_fp8(value)
        layer = prefix + name.removesuffix(".weight")
        stored |= {f"{layer}.weight": codes, f"{layer}.scale_weight": scale.reshape(1), f"{layer}.scale_input": np.ones(1, np.float32)}
        expected[name] = codes.astype(np.float32) * scale
    save_eights(path, stored)
    return expected


def hadamard(group):
    h4 = np.array([[1, 1, 1, -1], [1, 1, -1, 1], [1, -1, 1, 1], [-1, 1, 1, 1]], np.float64)
    matrix = np.ones((1, 1))
    while len(matrix) < group:
        matrix = np.kron(matrix, h4)
    return matrix / np.sqrt(group)


def write_comfy(path, tensors, convrot):
    """ComfyUI's layout with a `comfy_quant` tensor for each layer; fp8 layers as well as int8 ones, rotated and not."""
    stored, expected = {}, {}
    group = 16
    rotated = False
    for name, value in tensors.items():
        if not is_layer(name, value):
            stored[name] = value
            expected[name] = value.astype(np.float32)
            continue
        layer = name.removesuffix(".weight")
        if convrot:
            rotated = not rotated
            matrix = value.astype(np.float64)
            if rotated:
                matrix = (matrix.reshape(len(value), -1, group) @ hadamard(group)).reshape(value.shape)
            scale = (np.abs(matrix).max(axis=1, keepdims=True) / 127).astype(np.float32)
            codes = np.clip(np.round(matrix / scale), -127, 127).astype(np.int8)
            note = {"format": "int8_tensorwise"} | ({"convrot": True, "convrot_groupsize": group} if rotated else {})
            exact = codes.astype(np.float64) * scale
            if rotated:
                exact = (exact.reshape(len(value), -1, group) @ hadamard(group)).reshape(value.shape)
            expected[name] = exact.astype(np.float32)
        else:
            codes, scale = scaled_fp8(value)
            note = {"format": "float8_e4m3fn"}
            expected[name] = codes.astype(np.float32) * scale
        stored |= {
            name: codes,
            f"{layer}.weight_scale": np.asarray(scale, np.float32),
            f"{layer}.comfy_quant": np.frombuffer(json.dumps(note).encode(), np.uint8),
        }
    save_eights(path, stored)
    return expected


# --- Wan's names ------------------------------------------------------------------------------------------------------------


def wan_names(names):
    """Wan's name of every tensor of a VAE, from diffusers' converter, applied to all possible names."""
    from diffusers.loaders.single_file_utils import convert_wan_vae_to_diffusers

    ends = [f"residual.{i}.{kind}" for i in (0, 2, 3, 6) for kind in ("gamma", "weight", "bias")]
    ends += [f"{part}.{kind}" for part in ("shortcut", "resample.1", "time_conv") for kind in ("weight", "bias")]
    ends += ["norm.gamma", "to_qkv.weight", "to_qkv.bias", "proj.weight", "proj.bias"]
    candidates = [f"{conv}.{kind}" for conv in ("conv1", "conv2") for kind in ("weight", "bias")]
    for side, steps in (("encoder", "downsamples"), ("decoder", "upsamples")):
        candidates += [f"{side}.conv1.{kind}" for kind in ("weight", "bias")]
        candidates += [f"{side}.head.{end}" for end in ("0.gamma", "2.weight", "2.bias")]
        candidates += [f"{side}.middle.{i}.{end}" for i in range(3) for end in ends]
        candidates += [f"{side}.{steps}.{i}.{end}" for i in range(16) for end in ends]
    found = {}
    for name in candidates:
        for converted in convert_wan_vae_to_diffusers({name: name}):
            if converted in names:
                found[name] = converted
    assert sorted(found.values()) == sorted(names), set(names) - set(found.values())
    return found


def main(fixtures):
    folder = fixtures / "formats"
    folder.mkdir(exist_ok=True)
    half = fixtures / "half/checkpoint"
    transformer = load_file(half / "transformer/diffusion_pytorch_model.safetensors")
    tower = {
        llama_name(name): value
        for name, value in load_file(half / "text_encoder/model.safetensors").items()
        if name.startswith("model.language_model.")
    }
    codes = np.arange(256, dtype=np.uint8)
    eights = {"e4m3": codes.view(ml_dtypes.float8_e4m3fn), "e5m2": codes.view(ml_dtypes.float8_e5m2)}
    save_eights(folder / "codes.safetensors", eights)
    expected = {
        "blocks.gguf": write_blocks(folder / "blocks.gguf"),
        "transformer.gguf": write_gguf(folder / "transformer.gguf", "qwen_image", transformer, transformer_kind),
        "text-encoder.gguf": write_gguf(folder / "text-encoder.gguf", "qwen2vl", tower, text_encoder_kind),
        "fp8.safetensors": write_plain_fp8(folder / "fp8.safetensors", transformer),
        "fp8-scaled.safetensors": write_old_scaled(folder / "fp8-scaled.safetensors", transformer, "model.diffusion_model."),
        "fp8-mixed.safetensors": write_comfy(folder / "fp8-mixed.safetensors", transformer, convrot=False),
        "int8-convrot.safetensors": write_comfy(folder / "int8-convrot.safetensors", transformer, convrot=True),
    }
    digests = {file: {name: digest(value) for name, value in tensors.items()} for file, tensors in expected.items()}
    (folder / "expected.json").write_text(json.dumps(digests, indent=1) + "\n")
    e4m3, e5m2 = (value.astype(np.float32) for value in eights.values())
    np.concatenate([e4m3, e5m2]).astype("<f4").tofile(folder / "codes.f32")
    with safe_open(fixtures / "bf16/checkpoint/vae/diffusion_pytorch_model.safetensors", "numpy") as vae:
        names = wan_names(set(vae.keys()))
    (folder / "wan-names.json").write_text(json.dumps(names, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
