import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type StoredTensor, writeSafetensors } from "../../../test/support/safetensors.ts";
import { openWeights, type Weights } from "../../weights/weights.ts";
import { adapt } from "./adaptation.ts";
import { readLora } from "./read.ts";

const LAYER = "transformer_blocks.0.attn.to_q";
const transformer = resolve("test/fixtures/plain/checkpoint/transformer");

let folder: string;
let file: string;
let weights: Weights;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "inkstone-lora-")));
  file = join(folder, "lora.safetensors");
  weights = await openWeights(transformer, "diffusion_pytorch_model");
});
afterAll(() => rm(folder, { recursive: true }));

type LowRank = { up: { data: Float32Array }; down: { data: Float32Array } };

/** Values that differ from one another. */
const values = (length: number, salt = 0) => Float32Array.from({ length }, (_, i) => Math.sin(i + 1 + salt));

/** A file of exactly these tensors, read. */
async function readFrom(
  tensors: Record<string, StoredTensor>,
  { metadata, path = file }: { metadata?: Record<string, string>; path?: string } = {},
) {
  await writeFile(path, writeSafetensors(new Map(Object.entries(tensors)), metadata));
  return readLora(path, weights);
}

/** How much larger the adapter's factor is than it is stored. */
async function scaleOf(
  metadata: Record<string, string> | undefined,
  { layer = LAYER, rank = 4, path }: { layer?: string; rank?: number; path?: string } = {},
): Promise<number> {
  const [out, width] = weights.find(`${layer}.weight`)!.shape as [number, number];
  const tensors = {
    [`${layer}.lora_A.weight`]: { data: values(width * rank), dims: [rank, width] },
    [`${layer}.lora_B.weight`]: { data: new Float32Array(out * rank).fill(1), dims: [out, rank] },
  };
  const { changes } = await readFrom(tensors, { metadata, path });
  return (changes.get(`${layer}.weight`) as unknown as LowRank).up.data[0]!;
}

/** A file of rank 2 for one layer. */
async function write(tensors: Record<string, StoredTensor>): Promise<void> {
  const [out, width] = weights.find(`${LAYER}.weight`)!.shape as [number, number];
  const all = {
    [`${LAYER}.lora_up.weight`]: { data: new Float32Array(out * 2).fill(0.5), dims: [out, 2] },
    [`${LAYER}.lora_down.weight`]: { data: new Float32Array(width * 2).fill(0.25), dims: [2, width] },
    ...tensors,
  };
  await writeFile(file, writeSafetensors(new Map(Object.entries(all))));
}

const openDescriptors = (path: string) =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false; // that of the listing itself
    }
  }).length;

describe("an alpha stored as integers", () => {
  test.each([
    BigInt64Array.of(6n),
    BigInt64Array.of(-6n),
    Int32Array.of(6),
    Int16Array.of(-6),
    Int8Array.of(-6),
    Uint8Array.of(6),
  ])("equals the same alpha in F32: %o", async (data) => {
    const alpha = `${LAYER}.alpha`;
    await write({ [alpha]: { data: Float32Array.of(Number(data[0])), dims: [] } });
    const expected = await readLora(file, weights);
    await write({ [alpha]: { data, dims: [] } });
    expect(await readLora(file, weights)).toEqual(expected);
    await write({});
    expect(await readLora(file, weights)).not.toEqual(expected);
  });
});

test("a matrix of integers is refused with its type", async () => {
  const [out] = weights.find(`${LAYER}.weight`)!.shape as [number, number];
  await write({ [`${LAYER}.lora_up.weight`]: { data: new Int8Array(out * 2), dims: [out, 2] } });
  await expect(readLora(file, weights)).rejects.toThrow("a tensor of I8 where floating-point numbers are expected");
});

describe.skipIf(!existsSync("/proc/self/fd"))("no file stays open", () => {
  test("after a refused adapter", async () => {
    const [out] = weights.find(`${LAYER}.weight`)!.shape as [number, number];
    await write({ [`${LAYER}.lora_up.weight`]: { data: new Int8Array(out * 2), dims: [out, 2] } });
    await expect(readLora(file, weights)).rejects.toThrow();
    expect(openDescriptors(file)).toBe(0);
  });

  test("after a checkpoint whose weights cannot be merged", async () => {
    await write({});
    const { changes } = await readLora(file, weights);
    const weighted = new Map([...changes].map(([name, change]) => [name, [{ change, weight: 1 }]]));
    const failing = () => Promise.reject(new Error("no memory"));
    const merging = adapt(weights, weighted, failing, { addedWork: 0, bytes: 1e9, mostBytes: 1e9 });
    await expect(merging).rejects.toThrow("no memory");
    expect(openDescriptors(weights.find(`${LAYER}.weight`)!.file)).toBe(0);
  });
});

const [OUT, WIDTH] = [32, 32];
const pair = (layer: string, out = OUT) => ({
  [`${layer}.lora_A.weight`]: { data: values(2 * WIDTH), dims: [2, WIDTH] },
  [`${layer}.lora_B.weight`]: { data: values(out * 2, 7), dims: [out, 2] },
});

describe("names of layers", () => {
  test.each([
    "pipe.dit.",
    "dit.",
    "unet.",
    "model.",
    "module.",
    "base_model.model.",
    "model.diffusion_model.",
    "module.transformer.",
  ])("can begin with %s", async (prefix) => {
    const expected = await readFrom(pair(LAYER));
    expect(expected.changes.size).toBe(1);
    expect(await readFrom(pair(prefix + LAYER))).toEqual(expected);
  });

  test("to_out means the layer now named to_out.0", async () => {
    const old = "transformer_blocks.0.attn.processor.to_out_lora";
    const { changes } = await readFrom({
      [`transformer.${old}.down.weight`]: { data: values(2 * WIDTH), dims: [2, WIDTH] },
      [`transformer.${old}.up.weight`]: { data: values(OUT * 2), dims: [OUT, 2] },
    });
    expect([...changes.keys()]).toEqual(["transformer_blocks.0.attn.to_out.0.weight"]);
  });

  test.each([
    ["to_qkv", ["to_q", "to_k", "to_v"]],
    ["to_added_qkv", ["add_q_proj", "add_k_proj", "add_v_proj"]],
    ["add_qkv_proj", ["add_q_proj", "add_k_proj", "add_v_proj"]],
  ])("%s covers its three layers, with a third of the rows each", async (fused, parts) => {
    const attention = "transformer_blocks.0.attn";
    const alpha = { data: Float32Array.of(6), dims: [] };
    const { changes, unused } = await readFrom({
      ...pair(`diffusion_model.${attention}.${fused}`, 3 * OUT),
      [`diffusion_model.${attention}.${fused}.alpha`]: alpha,
    });
    expect(unused).toEqual([]);
    expect([...changes.keys()]).toEqual(parts.map((part) => `${attention}.${part}.weight`));
    for (const [i, part] of parts.entries()) {
      const up = { data: values(3 * OUT * 2, 7).slice(i * OUT * 2, (i + 1) * OUT * 2), dims: [OUT, 2] };
      const alone = { ...pair(`${attention}.${part}`), [`${attention}.${part}.lora_B.weight`]: up };
      const expected = await readFrom({ ...alone, [`${attention}.${part}.alpha`]: alpha });
      expect(changes.get(`${attention}.${part}.weight`)).toEqual(expected.changes.get(`${attention}.${part}.weight`));
    }
  });
});

test("factors can be stored as convolutions of one position", async () => {
  const expected = await readFrom(pair(LAYER));
  const convolutions = Object.entries(pair(LAYER)).map(([key, { data, dims }]) => [
    key,
    { data, dims: [...dims, 1, 1] },
  ]);
  expect(await readFrom(Object.fromEntries(convolutions))).toEqual(expected);
});

test("factors can be stored in fp8", async () => {
  const one = 0x38; // of E4M3
  const [down, up] = [new Uint8Array(2 * WIDTH).fill(one), new Uint8Array(OUT * 2).fill(one)];
  const { changes } = await readFrom({
    [`${LAYER}.lora_A.weight`]: { data: down, dims: [2, WIDTH], dtype: "F8_E4M3" },
    [`${LAYER}.lora_B.weight`]: { data: up, dims: [OUT, 2], dtype: "F8_E4M3" },
  });
  const { up: read } = changes.get(`${LAYER}.weight`) as unknown as LowRank;
  expect(read.data).toEqual(new Float32Array(OUT * 2).fill(1));
});

test.each([
  ["oft_blocks", "OFT"],
  ["oft_R.weight", "OFT"],
  ["a1.weight", "GLoRA"],
  ["boft_R.weight", "BOFT"],
  ["lora_mid.weight", "Tucker decomposition"],
])("a key that ends with %s is omitted, with the reason %s", async (ending, kind) => {
  const { unused } = await readFrom({ [`diffusion_model.${LAYER}.${ending}`]: { data: values(4), dims: [2, 2] } });
  expect(unused).toEqual([`diffusion_model.${LAYER}.${ending} (${kind} is not supported)`]);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  "a tensor with %s is refused by name",
  async (bad) => {
    const tensors = pair(`transformer.${LAYER}`);
    tensors[`transformer.${LAYER}.lora_B.weight`]!.data[5] = bad;
    await expect(readFrom(tensors)).rejects.toThrow(`transformer.${LAYER}.lora_B.weight holds NaN or infinity`);
  },
);

test("the bias of an adapter is scaled like its factors", async () => {
  const tensors = {
    ...pair(LAYER),
    [`${LAYER}.lora_B.bias`]: { data: values(OUT, 3), dims: [OUT] },
    [`${LAYER}.alpha`]: { data: Float32Array.of(6), dims: [] },
  };
  const change = (await readFrom(tensors)).changes.get(`${LAYER}.bias`)!;
  if (change.kind !== "dense") throw new Error("a bias has no ranks");
  const difference = change.difference(new Float32Array(OUT), 0.5);
  for (const [i, value] of values(OUT, 3).entries()) expect(difference(i)).toBeCloseTo(0.5 * 3 * value, 5);
});

describe("the scale", () => {
  const json = (config: object) => ({ lora_adapter_metadata: JSON.stringify(config) });

  test("is 1 without metadata, alpha / rank with it, alpha / √rank if rank-stabilised", async () => {
    expect(await scaleOf(undefined)).toBe(1);
    expect(await scaleOf(json({ "transformer.lora_alpha": 6 }))).toBe(1.5);
    expect(await scaleOf(json({ "transformer.lora_alpha": 6, "transformer.use_rslora": true }))).toBe(3);
    expect(await scaleOf(json({ lora_alpha: 6, r: 4 }))).toBe(1.5);
  });

  test("uses PEFT's default alpha of 8 if the metadata has none", async () => {
    expect(await scaleOf(json({ "transformer.r": 4 }))).toBe(2);
    expect(await scaleOf(json({ "text_encoder.r": 4 }))).toBe(1);
  });

  test.each([
    [{ to_q: 12 }, 3],
    [{ o_q: 12 }, 1],
    [{ "attn.to_[qk]": 12, to_q: 20 }, 3],
    [{ "transformer_blocks\\.1\\..*": 20, "transformer_blocks\\.\\d+\\.attn": 16, ".*to_q": 12 }, 3],
    [{ "to_q|to_k": 12 }, 3],
    [{ "": 12 }, 1],
  ])(
    "uses the alpha of the first pattern that matches the layer or the end of its name: %j",
    async (patterns, scale) => {
      expect(await scaleOf(json({ "transformer.lora_alpha": 4, "transformer.alpha_pattern": patterns }))).toBe(scale);
    },
  );

  test("can come from plain keys of the header", async () => {
    expect(await scaleOf({ lora_alpha: "8", use_rslora: "True" })).toBe(4);
    expect(await scaleOf({ lora_alpha: "4", alpha_pattern: '{"to_q": 6}' })).toBe(1.5);
    expect(await scaleOf({ format: "pt" })).toBe(1);
  });

  test("comes from adapter_config.json next to adapter_model.safetensors, and from no other file", async () => {
    await writeFile(join(folder, "adapter_config.json"), JSON.stringify({ peft_type: "LORA", r: 4, lora_alpha: 10 }));
    const path = join(folder, "adapter_model.safetensors");
    expect(await scaleOf(undefined, { path })).toBe(2.5);
    expect(await scaleOf(json({ "transformer.lora_alpha": 6 }), { path })).toBe(1.5);
    expect(await scaleOf(undefined)).toBe(1);
    await writeFile(join(folder, "adapter_config.json"), JSON.stringify({ peft_type: "OFT", r: 4 }));
    await expect(scaleOf(undefined, { path })).rejects.toThrow(/adapter_config.json: peft_type: .*"LORA"/);
  });

  test.each([
    [{ lora_adapter_metadata: "{" }, "lora_adapter_metadata is not JSON"],
    [json({ "transformer.lora_alpha": "much" }), "lora_alpha"],
    [json({ "transformer.alpha_pattern": { "(": 2 } }), "alpha_pattern cannot be used"],
    [json({ "transformer.alpha_pattern": { "((.|.)*)*x": 2 } }), "alpha_pattern cannot be used"],
    [{ lora_alpha: "much" }, "lora_alpha"],
  ])("is refused if it is unusable: %j", async (metadata, message) => {
    await expect(scaleOf(metadata)).rejects.toThrow(message);
  });
});
