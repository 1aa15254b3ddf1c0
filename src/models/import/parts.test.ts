import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { openSource, type SourceTensor, type TensorSource } from "../../weights/index.ts";
import { openComponent } from "./component-folder.ts";
import { configOf } from "./configs.ts";
import { partsOf } from "./parts.ts";

const FORMATS = "test/fixtures/formats";

/** A file that holds these tensors, their numbers counted on from 0. */
function holding(
  tensors: Readonly<Record<string, readonly number[]>>,
  metadata: Readonly<Record<string, string>> = {},
): TensorSource {
  const tensor = (shape: readonly number[]): SourceTensor => ({
    shape,
    stored: "F32",
    byteLength: 0,
    decode: (start, count) => Float32Array.from({ length: count }, (_, i) => start + i),
  });
  return {
    name: "some.safetensors",
    metadata: new Map(Object.entries(metadata)),
    tensors: new Map(Object.entries(tensors).map(([name, shape]) => [name, tensor(shape)])),
    close() {},
  };
}

const TRANSFORMER = {
  "txt_norm.weight": [3584],
  "img_in.weight": [3072, 64],
  "proj_out.weight": [64, 3072],
  "transformer_blocks.0.attn.add_q_proj.weight": [3072, 3072],
  "transformer_blocks.0.attn.norm_q.weight": [128],
  "transformer_blocks.59.attn.norm_q.weight": [128],
  ...Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`transformer_blocks.${i}.img_mod.1.bias`, [18432]])),
};
const TEXT = {
  "model.embed_tokens.weight": [152064, 3584],
  "model.layers.0.self_attn.q_proj.bias": [3584],
  "model.layers.0.mlp.gate_proj.weight": [18944, 3584],
  ...Object.fromEntries(Array.from({ length: 28 }, (_, i) => [`model.layers.${i}.input_layernorm.weight`, [3584]])),
  "lm_head.weight": [152064, 3584],
};
const prefixed = (prefix: string, tensors: object) =>
  Object.fromEntries(Object.entries(tensors).map(([name, shape]) => [prefix + name, shape]));

test("an autoencoder with Wan's names gets those of diffusers", async () => {
  const names: Record<string, string> = JSON.parse(await readFile(`${FORMATS}/wan-names.json`, "utf8"));
  const [part] = partsOf(holding(Object.fromEntries(Object.keys(names).map((name) => [name, [1]]))));
  expect([part!.kind, [...part!.tensors.keys()].sort()]).toEqual(["vae", Object.values(names).sort()]);
});

test.each([
  ["transformer.gguf", "transformer", "transformer"],
  ["fp8-scaled.safetensors", "transformer", "transformer"],
  ["text-encoder.gguf", "text_encoder", "text_encoder"],
] as const)("%s has the tensors of the %s of a checkpoint", async (file, kind, component) => {
  const source = openSource(`${FORMATS}/${file}`);
  const [part] = partsOf(source);
  const whole = await openComponent(`test/fixtures/half/checkpoint/${component}`, component);
  const rest = (name: string) => name.replace("model.language_model.", "model.");
  const shapes = (tensors: ReadonlyMap<string, SourceTensor>) =>
    Object.fromEntries(
      [...tensors].filter(([name]) => !name.includes("visual.")).map(([name, { shape }]) => [rest(name), shape]),
    );
  expect([part!.kind, shapes(part!.tensors)]).toEqual([kind, shapes(whole.tensors)]);
  source.close();
  whole.close();
});

test("a merged checkpoint is split into components", () => {
  const merged = holding({
    ...prefixed("model.diffusion_model.", TRANSFORMER),
    ...prefixed("text_encoders.qwen25_7b.transformer.", TEXT),
    ...prefixed("vae.", { "decoder.middle.0.residual.0.gamma": [384, 1, 1, 1], "conv2.weight": [16, 16, 1, 1, 1] }),
  });
  const parts = partsOf(merged);
  expect(parts.map(({ kind }) => kind).sort()).toEqual(["text_encoder", "transformer", "vae"]);
  const text = parts.find(({ kind }) => kind === "text_encoder")!;
  expect([text.tensors.has("model.embed_tokens.weight"), text.tensors.has("lm_head.weight")]).toEqual([true, false]);
});

test("configs of the published sizes follow from the tensors", () => {
  const [part] = partsOf(holding({ ...TRANSFORMER, __index_timestep_zero__: [0] }));
  expect(configOf(part!, undefined)).toMatchObject({
    ...{ num_layers: 60, num_attention_heads: 24, attention_head_dim: 128, joint_attention_dim: 3584 },
    ...{ in_channels: 64, out_channels: 16, axes_dims_rope: [16, 56, 56], zero_cond_t: true },
  });
  expect(part!.tensors.has("__index_timestep_zero__")).toBe(false);
  const [text] = partsOf(holding(TEXT));
  expect(configOf(text!, undefined)).toMatchObject({
    vocab_size: 152064,
    num_hidden_layers: 28,
    intermediate_size: 18944,
  });
});

test("the vision tower of llama.cpp is assembled", () => {
  const [part] = partsOf(
    holding({
      "v.patch_embd.weight": [2, 3, 2, 2],
      "v.patch_embd.weight.1": [2, 3, 2, 2],
      "v.blk.0.attn_q.weight": [4, 4],
      "v.blk.0.attn_k.weight": [4, 4],
      "v.blk.0.attn_v.weight": [4, 4],
      "v.blk.0.ln1.weight": [4],
      "v.post_ln.weight": [4],
      "mm.0.bias": [4],
    }),
  );
  const { tensors } = part!;
  expect([part!.kind, [...tensors.keys()].sort()]).toEqual([
    "vision",
    [
      "visual.blocks.0.attn.qkv.weight",
      "visual.blocks.0.norm1.weight",
      "visual.merger.ln_q.weight",
      "visual.merger.mlp.0.bias",
      "visual.patch_embed.proj.weight",
    ],
  ]);
  const qkv = tensors.get("visual.blocks.0.attn.qkv.weight")!;
  expect([qkv.shape, ...qkv.decode(14, 4)]).toEqual([[12, 4], 14, 15, 0, 1]);
  const patches = tensors.get("visual.patch_embed.proj.weight")!;
  expect(patches.shape).toEqual([2, 3, 2, 2, 2]);
  // Both moments of the first channel, then those of the second.
  expect([...patches.decode(0, 16)]).toEqual([0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7]);
});

describe("a file that is no part of a Qwen-Image checkpoint is named for what it contains", () => {
  test.each<[string, Record<string, readonly number[]>, RegExp]>([
    ["Flux", { "double_blocks.0.img_attn.qkv.weight": [1] }, /is a Flux transformer/],
    [
      "Flux in a merged file",
      { "model.diffusion_model.double_blocks.0.img_attn.qkv.weight": [1] },
      /is a Flux transformer/,
    ],
    ["Qwen-Image-2.1", { "txt_in.text_norm.weight": [1] }, /Qwen-Image-2\.1 transformer/],
    [
      "Qwen3-VL",
      { "model.language_model.embed_tokens.weight": [1], "model.language_model.layers.0.self_attn.q_norm.weight": [1] },
      /Qwen3 text encoder/,
    ],
    [
      "Layered",
      { ...TRANSFORMER, "time_text_embed.addition_t_embedding.weight": [2, 3072] },
      /splits an image into layers/,
    ],
    ["Mage-Flow", { ...TRANSFORMER, "txt_norm.weight": [2560], "proj_out.weight": [128, 3072] }, /Mage-Flow/],
    ["SDXL", { "model.diffusion_model.input_blocks.0.0.weight": [1] }, /Stable Diffusion network/],
    ["Wan", { "blocks.0.self_attn.q.weight": [1] }, /Wan video/],
    ["T5", { "encoder.block.0.layer.0.SelfAttention.q.weight": [1] }, /T5/],
    ["a LoRA", { "transformer_blocks.0.attn.to_q.lora_down.weight": [1] }, /a LoRA: add it with --kind lora/],
    ["a ControlNet", { "controlnet_blocks.0.weight": [1], "txt_norm.weight": [1] }, /a ControlNet: add its folder/],
    [
      "another language model",
      { "model.embed_tokens.weight": [1], "model.layers.0.self_attn.q_proj.weight": [1] },
      /no part of a Qwen-Image checkpoint/,
    ],
    ["anything", { some: [1], thing: [1] }, /it holds 2 tensors, among them "some"/],
    ["nothing", {}, /it holds 0 tensors/],
  ])("%s", (_, tensors, message) => {
    expect(() => partsOf(holding(tensors))).toThrow(message);
    expect(() => partsOf(holding(tensors))).toThrow("some.safetensors");
  });

  test("a language model of the same sizes that cannot see", () => {
    const llama = { "token_embd.weight": [152064, 3584], "blk.0.attn_q.bias": [3584] };
    expect(() => partsOf(holding(llama, { "general.architecture": "qwen2" }))).toThrow(
      /is a Qwen2 or Qwen2\.5 language model .* text encoder is Qwen2\.5-VL-7B/,
    );
    expect(partsOf(holding(llama, { "general.architecture": "qwen2vl" }))[0]!.kind).toBe("text_encoder");
  });

  test("unknown sizes, and missing layers", () => {
    const config = (tensors: Record<string, readonly number[]>) => configOf(partsOf(holding(tensors))[0]!, undefined);
    expect(() => config({ ...TRANSFORMER, "transformer_blocks.0.attn.norm_q.weight": [96] })).toThrow(
      /heads have 96 .*--base/,
    );
    expect(() => config({ ...TRANSFORMER, "transformer_blocks.999999999.a": [1] })).toThrow(/to layer 1000000000/);
    expect(() => config({ ...TEXT, "model.embed_tokens.weight": [99, 2048] })).toThrow(/Qwen2\.5-VL-7B has 28 of 3584/);
    const vae = { "decoder.mid_block.resnets.0.norm1.gamma": [384, 1, 1, 1], "decoder.conv_in.weight": [384, 16] };
    const ofChannels = (channels: number) => config({ ...vae, "decoder.conv_out.weight": [channels, 96] });
    expect(ofChannels(3)).toMatchObject({ base_dim: 96, z_dim: 16 });
    expect(() => ofChannels(4)).toThrow(/decodes to 4 channels, perhaps for Qwen-Image-Layered; Inkstone supports 3/);
  });
});
