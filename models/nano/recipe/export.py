"""Writes the checkpoint in diffusers layout (BF16), and reads it back to continue the training.

    python export.py --nano DIR/nano.pt --out ../                         (weights: the EMA of the training run; the VAE of the folder stays)
    python export.py --nano DIR/nano.pt --vae DIR/vae.pt --out ../        (another VAE as well)
    python export.py --check ../                                                                (same numbers through diffusers and transformers)
"""

import argparse
import json
import os
import tempfile

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from layer_names import export_state, import_state
from model import DIT, TEXT
from vae import CONFIG as VAE_CONFIG
from vae import from_5d, to_5d

SCHEDULER = {
    "_class_name": "FlowMatchEulerDiscreteScheduler", "base_image_seq_len": 256, "base_shift": 0.5, "invert_sigmas": False, "max_image_seq_len": 8192,
    "max_shift": 0.9, "num_train_timesteps": 1000, "shift": 1.0, "shift_terminal": 0.02, "stochastic_sampling": False, "time_shift_type": "exponential",
    "use_beta_sigmas": False, "use_dynamic_shifting": True, "use_exponential_sigmas": False, "use_karras_sigmas": False,
}
INDEX = {
    "_class_name": "QwenImagePipeline", "_diffusers_version": "0.42.1", "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    "text_encoder": ["transformers", "Qwen2_5_VLForConditionalGeneration"], "tokenizer": ["transformers", "Qwen2Tokenizer"],
    "transformer": ["diffusers", "QwenImageTransformer2DModel"], "vae": ["diffusers", "AutoencoderKLQwenImage"],
}


def place(new, path):
    """Moves a finished file into its place atomically. A process that has the old one open or mapped keeps its content."""
    os.chmod(new, 0o644)
    os.replace(new, path)


def dump(value, path):
    with open(path + ".new", "w") as f:
        f.write(json.dumps(value, indent=2) + "\n")
    place(path + ".new", path)


def save(module, folder):
    """Saves beside the folder, then moves file by file; configurations must not contain names of temporary folders."""
    folder = os.path.abspath(folder)
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(folder), prefix=".new-") as new:
        module.to(torch.bfloat16).save_pretrained(new)
        config = json.load(open(os.path.join(new, "config.json")))
        config.pop("_name_or_path", None)
        dump(config, os.path.join(new, "config.json"))
        for name in sorted(os.listdir(new)):
            place(os.path.join(new, name), os.path.join(folder, name))


def save_tensors(state, path, metadata=None):
    save_file(state, path + ".new", metadata)
    place(path + ".new", path)


def text_encoder_config(ids):
    from transformers import Qwen2_5_VLConfig
    d = TEXT["hidden"] // TEXT["heads"] // 2
    text = dict(hidden_size=TEXT["hidden"], intermediate_size=TEXT["inner"], num_hidden_layers=TEXT["layers"], num_attention_heads=TEXT["heads"],
                num_key_value_heads=TEXT["kv_heads"], hidden_act="silu", rms_norm_eps=TEXT["eps"], vocab_size=TEXT["vocab"], max_position_embeddings=4096,
                use_sliding_window=False, bos_token_id=None, eos_token_id=ids["<|im_end|>"], pad_token_id=ids["<|endoftext|>"],
                rope_theta=TEXT["theta"], rope_scaling={"rope_type": "default", "type": "mrope", "mrope_section": [d // 4, d * 3 // 8, d * 3 // 8], "rope_theta": TEXT["theta"]})
    vision = dict(depth=1, hidden_size=16, intermediate_size=16, num_heads=1, in_channels=3, patch_size=14, spatial_merge_size=2, temporal_patch_size=1,
                  window_size=112, fullatt_block_indexes=[0], out_hidden_size=TEXT["hidden"], tokens_per_second=2)
    c = Qwen2_5_VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=True, image_token_id=ids["<|image_pad|>"], video_token_id=ids["<|video_pad|>"],
                         vision_start_token_id=ids["<|vision_start|>"], vision_end_token_id=ids["<|vision_end|>"])
    c.text_config.tie_word_embeddings = True
    return c


def export(out, nano, vae_state):
    from diffusers import AutoencoderKLQwenImage, QwenImageTransformer2DModel
    from transformers import Qwen2_5_VLForConditionalGeneration
    text, dit = export_state(nano)
    aux = {k: v.to(torch.bfloat16) for k, v in nano.items() if "aux" in k}
    if aux:                                                                # the auxiliary heads, for the next training run only
        os.makedirs(os.path.join(out, "recipe"), exist_ok=True)
        save_tensors(aux, os.path.join(out, "recipe", "aux.safetensors"))
    os.makedirs(os.path.join(out, "scheduler"), exist_ok=True)
    dump(INDEX, os.path.join(out, "model_index.json"))
    dump(SCHEDULER, os.path.join(out, "scheduler", "scheduler_config.json"))

    ids = json.load(open(os.path.join(out, "tokenizer", "added_tokens.json")))
    te = Qwen2_5_VLForConditionalGeneration(text_encoder_config(ids))
    torch.manual_seed(0)
    state = te.state_dict()
    for k, v in state.items():                                             # the unused vision tower: zeros, so that it packs to nothing
        if "visual" in k:
            v.zero_()
    missing = [k for k in text if k not in state]
    assert not missing, missing
    state.update(text)
    te.load_state_dict(state)
    save(te, os.path.join(out, "text_encoder"))

    tr = QwenImageTransformer2DModel(patch_size=2, in_channels=64, out_channels=16, num_layers=DIT["layers"], attention_head_dim=DIT["head_dim"],
                                     num_attention_heads=DIT["heads"], joint_attention_dim=DIT["text_dim"], guidance_embeds=False, axes_dims_rope=DIT["axes"])
    tr.load_state_dict(dit)
    save(tr, os.path.join(out, "transformer"))

    lat = np.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), "latents.npz"))
    ae = AutoencoderKLQwenImage(**VAE_CONFIG, latents_mean=[float(f"{v:.4f}") for v in lat["mean"]], latents_std=[float(f"{v:.4f}") for v in lat["std"]])
    ae.load_state_dict(to_5d(vae_state, ae.state_dict()))
    save(ae, os.path.join(out, "vae"))


def load(folder):
    """Weights of a committed checkpoint: (nano state without auxiliary head, vae state)."""
    text = load_file(os.path.join(folder, "text_encoder", "model.safetensors"))
    text = {k if "language_model" in k else k.replace("model.", "model.language_model.", 1): v for k, v in text.items()}   # both spellings exist
    nano = import_state(text,
                        load_file(os.path.join(folder, "transformer", "diffusion_pytorch_model.safetensors")))
    vae = from_5d(load_file(os.path.join(folder, "vae", "diffusion_pytorch_model.safetensors")))
    return nano, vae


def check(folder):
    """Checks that the training code and diffusers / transformers give the same numbers for the same weights (float32)."""
    from diffusers import QwenImagePipeline

    from model import Nano, rope_table
    from tokenizer import PREFIX, SUFFIX
    from vae import Vae
    pipe = QwenImagePipeline.from_pretrained(folder, torch_dtype=torch.float32)
    nano_state, vae_state = load(folder)
    nano, vae = Nano(), Vae()
    nano.load_state_dict(nano_state)
    vae.load_state_dict(vae_state)
    prompt = 'a sign that says "OPEN" in white serif letters on dark green wood, with a cat'
    tok = pipe.tokenizer
    prefix = torch.tensor([tok(PREFIX)["input_ids"]])
    ids = torch.tensor([tok(PREFIX + prompt + SUFFIX)["input_ids"][34:]])
    with torch.no_grad():
        ref, mask = pipe.encode_prompt(prompt)
        got = nano.text(prefix, ids)
        print("text encoder", (ref - got).abs().max().item(), "of", ref.abs().max().item())
        torch.manual_seed(0)
        x, sigma, (gh, gw) = torch.randn(1, 7 * 9, 64), torch.tensor([0.7]), (7, 9)
        a = pipe.transformer(hidden_states=x, encoder_hidden_states=ref, encoder_hidden_states_mask=None, timestep=sigma, img_shapes=[[(1, gh, gw)]], return_dict=False)[0]
        b = nano.dit(x, got, None, sigma, *rope_table(gh, gw, ids.shape[1]))[0]
        print("transformer", (a - b).abs().max().item(), "of", a.abs().max().item())
        im = torch.rand(1, 3, 96, 128) * 2 - 1
        za, zb = pipe.vae.encode(im[:, :, None]).latent_dist.mode()[:, :, 0], vae.encode(im)[0]
        print("vae encode", (za - zb).abs().max().item(), "of", za.abs().max().item())
        da, db = pipe.vae.decode(za[:, :, None]).sample[:, :, 0], vae.decode(za).clamp(-1, 1)
        print("vae decode", (da - db).abs().max().item(), "of", da.abs().max().item())


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--nano")
    ap.add_argument("--vae")
    ap.add_argument("--out")
    ap.add_argument("--weights", default="ema", choices=["ema", "net"])
    ap.add_argument("--check", default="")
    a = ap.parse_args()
    if a.check:
        check(a.check)
    else:
        n = torch.load(a.nano, map_location="cpu")
        export(a.out, n[a.weights] if a.weights in n else n, torch.load(a.vae) if a.vae else load(a.out)[1])
