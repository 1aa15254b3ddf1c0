"""The names of layers here and in transformers and diffusers, and the conversion of weights between them."""

import torch

from model import DIT, TEXT


def pairs(text_layers=TEXT["layers"], dit_layers=DIT["layers"]):
    """(name here, [names there]): several names there are rows of one fused matrix here."""
    t = [("text.embed.weight", ["T:model.language_model.embed_tokens.weight"]), ("text.norm", ["T:model.language_model.norm.weight"])]
    for i in range(text_layers):
        a, b = f"text.layers.{i}.", f"T:model.language_model.layers.{i}."
        t += [(a + "norm1", [b + "input_layernorm.weight"]), (a + "norm2", [b + "post_attention_layernorm.weight"])]
        for k in ("weight", "bias"):
            t.append((a + "qkv." + k, [b + f"self_attn.{n}_proj.{k}" for n in "qkv"]))
        t += [(a + "o.weight", [b + "self_attn.o_proj.weight"]), (a + "gate_up.weight", [b + "mlp.gate_proj.weight", b + "mlp.up_proj.weight"]),
              (a + "down.weight", [b + "mlp.down_proj.weight"])]
    for k in ("weight", "bias"):
        t += [(f"dit.time1.{k}", [f"D:time_text_embed.timestep_embedder.linear_1.{k}"]), (f"dit.time2.{k}", [f"D:time_text_embed.timestep_embedder.linear_2.{k}"]),
              (f"dit.img_in.{k}", [f"D:img_in.{k}"]), (f"dit.txt_in.{k}", [f"D:txt_in.{k}"]), (f"dit.norm_out.{k}", [f"D:norm_out.linear.{k}"]),
              (f"dit.proj_out.{k}", [f"D:proj_out.{k}"])]
    t.append(("dit.txt_norm", ["D:txt_norm.weight"]))
    for i in range(dit_layers):
        for s, mod, qkv, nq, nk, out, mlp in [("img", "img_mod.1", ("to_q", "to_k", "to_v"), "norm_q", "norm_k", "to_out.0", "img_mlp"),
                                             ("txt", "txt_mod.1", ("add_q_proj", "add_k_proj", "add_v_proj"), "norm_added_q", "norm_added_k", "to_add_out", "txt_mlp")]:
            a, b = f"dit.blocks.{i}.{s}.", f"D:transformer_blocks.{i}."
            t += [(a + "norm_q", [b + f"attn.{nq}.weight"]), (a + "norm_k", [b + f"attn.{nk}.weight"])]
            for k in ("weight", "bias"):
                t += [(a + "mod." + k, [b + f"{mod}.{k}"]), (a + "qkv." + k, [b + f"attn.{n}.{k}" for n in qkv]), (a + "out." + k, [b + f"attn.{out}.{k}"]),
                      (a + "up." + k, [b + f"{mlp}.net.0.proj.{k}"]), (a + "down." + k, [b + f"{mlp}.net.2.{k}"])]
    return t


def export_state(state):
    """Two state dicts: text encoder, transformer."""
    out = {"T": {}, "D": {}}
    kv = TEXT["hidden"] // TEXT["heads"] * TEXT["kv_heads"]
    for ours, theirs in pairs():
        v = state[ours].detach().float()
        if len(theirs) == 1:
            parts = [v]
        elif ".qkv." in ours and ours.startswith("text."):
            parts = v.split([TEXT["hidden"], kv, kv])
        else:
            parts = v.chunk(len(theirs))
        for n, p in zip(theirs, parts):
            out[n[0]][n[2:]] = p.clone()
    return out["T"], out["D"]


def import_state(text, dit):
    """Accepts a checkpoint with fewer layers. The missing layers keep their initial weights, which have no effect."""
    src = {**{"T:" + k: v for k, v in text.items()}, **{"D:" + k: v for k, v in dit.items()}}
    count = lambda pattern: sum(pattern in k for k in src)
    known = pairs(count("input_layernorm.weight"), count("img_mod.1.weight"))
    return {ours: torch.cat([src[n].float() for n in theirs]) for ours, theirs in known}
