import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeSafetensors } from "../../../test/support/safetensors.ts";
import { openSource } from "./open-source.ts";
import { elementsOf, type SourceTensor } from "./tensor-source.ts";

const FIXTURES = "test/fixtures/formats";
/** By file and tensor, the SHA-256 of what gguf-py, ml_dtypes and numpy decode it to (`reference/formats.py`). */
const expected: Record<string, Record<string, string>> = JSON.parse(
  await readFile(`${FIXTURES}/expected.json`, "utf8"),
);

const digest = (values: Float32Array) =>
  createHash("sha256")
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest("hex");
const all = (tensor: SourceTensor) => tensor.decode(0, elementsOf(tensor.shape));
const prefix = (file: string) => (file === "fp8-scaled.safetensors" ? "model.diffusion_model." : "");

describe.each(Object.keys(expected))("%s", (file) => {
  test("decodes to the numbers of the format's reference library, bit for bit", () => {
    const source = openSource(`${FIXTURES}/${file}`);
    const digests = [...source.tensors].map(([name, tensor]) => [name, digest(all(tensor))]);
    const wanted = Object.entries(expected[file]!).map(([name, hex]) => [prefix(file) + name, hex]);
    expect(Object.fromEntries(digests)).toEqual(Object.fromEntries(wanted));
    source.close();
  });

  test("decodes any part alike", () => {
    const source = openSource(`${FIXTURES}/${file}`);
    for (const tensor of source.tensors.values()) {
      const whole = all(tensor);
      for (const [start, count] of [
        [0, 1],
        [Math.floor(whole.length / 3), Math.ceil(whole.length / 2)],
        [whole.length - 1, 1],
      ] as const) {
        expect(tensor.decode(start, count)).toEqual(whole.slice(start, start + count));
      }
    }
    source.close();
  });
});

test("every code of both fp8 types", async () => {
  const source = openSource(`${FIXTURES}/codes.safetensors`);
  const wanted = new Float32Array(new Uint8Array(await readFile(`${FIXTURES}/codes.f32`)).buffer);
  expect(all(source.tensors.get("e4m3")!)).toEqual(wanted.slice(0, 256));
  expect(all(source.tensors.get("e5m2")!)).toEqual(wanted.slice(256));
  source.close();
});

test("GGUF: axes are reversed, recorded shapes are kept, the file's metadata is available", () => {
  const source = openSource(`${FIXTURES}/blocks.gguf`);
  expect(source.tensors.get("F32")!.shape).toEqual([3, 5]);
  expect(source.tensors.get("flat")!.shape).toEqual([2, 3, 3, 2]);
  expect(source.tensors.get("Q4_K")).toMatchObject({ shape: [2, 512], stored: "Q4_K", byteLength: 4 * 144 });
  expect(source.metadata.get("general.architecture")).toBe("qwen_image");
  expect(source.metadata.has("tokenizer.ggml.tokens")).toBe(false);
  source.close();
});

test("separated blocks give the same numbers once codes are centred", () => {
  const source = openSource(`${FIXTURES}/blocks.gguf`);
  for (const [name, tensor] of source.tensors) {
    if (!tensor.blocks) continue;
    const { type } = tensor.blocks;
    const { codes, scales, minima } = tensor.blocks.unpack(0, 1024);
    const range = 2 ** (type.bits - 1);
    const whole = all(tensor);
    codes.forEach((code, i) => {
      const [scale, group] = [scales[Math.floor(i / type.group)]!, Math.floor(i / type.group)];
      const centred = code - type.centre;
      expect(centred, name).toBeGreaterThanOrEqual(-range);
      expect(centred, name).toBeLessThan(range);
      const value = scale * centred - ((minima?.[group] ?? 0) - type.centre * scale);
      expect(Math.abs(value - whole[i]!)).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(whole[i]!)));
    });
  }
  source.close();
});

test("int8 files expose their codes and scales", () => {
  const source = openSource(`${FIXTURES}/int8-convrot.safetensors`);
  const layers = [...source.tensors.values()].filter(({ int8 }) => int8);
  expect(new Set(layers.map(({ int8 }) => int8!.rotation))).toEqual(new Set([1, 16]));
  for (const { int8, shape, decode } of layers.filter((layer) => layer.int8!.rotation === 1)) {
    const [rows, width] = shape as [number, number];
    const [codes, scales] = [int8!.codes(1, 1), int8!.scales()];
    expect([codes.length, scales.length]).toEqual([width, rows]);
    expect(decode(width, width)).toEqual(Float32Array.from(codes, (code) => code * scales[1]!));
  }
  source.close();
});

describe("files that look like weights are refused with their kind", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "inkstone-sources-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const zip = (name: string) => Buffer.concat([Buffer.from("PK\x03\x04"), Buffer.alloc(26), Buffer.from(name)]);
  const tensors = (entries: Record<string, Float32Array | Int8Array | Uint8Array>, metadata?: Record<string, string>) =>
    writeSafetensors(
      new Map(Object.entries(entries).map(([name, data]) => [name, { data, dims: [data.length] }])),
      metadata,
    );
  const note = (format: string) => new TextEncoder().encode(JSON.stringify({ format }));
  const eight = new Uint8Array(4);
  /** A file of tensors of one byte each, with any types. */
  const typed = (types: Record<string, string>) => {
    const entries = Object.entries(types).map(([name, dtype], i) => [
      name,
      { dtype, shape: [1], data_offsets: [i, i + 1] },
    ]);
    const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    return Buffer.concat([length, header, Buffer.alloc(entries.length)]);
  };

  test.each<[string, Uint8Array, RegExp]>([
    ["nothing", Buffer.alloc(0), /is empty/],
    [
      "an LFS pointer",
      Buffer.from("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
      /git lfs pull/,
    ],
    ["a page", Buffer.from("<!doctype html><title>401</title>"), /an HTML page/],
    ["an answer", Buffer.from('{"error":"Access to model is restricted"}'), /an error message in JSON/],
    ["an archive", zip("weights.safetensors"), /unpack it first/],
    ["a checkpoint of torch", zip("archive/data.pkl"), /can run code .* use the \.safetensors/],
    ["a pickle", Buffer.from([0x80, 2, 0x7d, 0x71, 0]), /can run code/],
    ["a packed one", Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0]), /compressed with gzip/],
    ["an old one", Buffer.from("ggjt\x03\0\0\0"), /older than GGUF/],
    ["nunchaku", tensors({ "transformer_blocks.0.attn.to_qkv.qweight": new Int8Array(4) }), /Nunchaku/],
    ["bitsandbytes", tensors({ "a.weight": eight, "a.weight.absmax": new Float32Array(1) }), /bitsandbytes/],
    [
      "nvfp4",
      tensors({ "a.weight": eight, "a.weight_scale": eight, "a.comfy_quant": note("nvfp4") }),
      /layer "a" is stored as nvfp4/,
    ],
    [
      "nvfp4 of other programs",
      tensors({ "a.weight": eight, "a.weight_scale": eight, "a.weight_scale_2": new Float32Array(1) }),
      /packed as NVFP4 .* use the bf16, fp8 or GGUF file/,
    ],
    [
      "the scales of mxfp8",
      typed({ "a.weight": "F8_E4M3", "a.weight_scale": "F8_E8M0" }),
      /"a\.weight_scale": dtype F8_E8M0 is of MXFP8, .* use the bf16, fp8 or GGUF file/,
    ],
    ["four bits", typed({ "a.weight": "F4" }), /dtype F4 is of MXFP8, MXFP4 or NVFP4 weights; use/],
    [
      "AWQ and GPTQ",
      tensors({ "a.qweight": new Int8Array(4), "a.qzeros": new Int8Array(4) }),
      /AWQ or GPTQ; use the GGUF or the fp8 file/,
    ],
    ["quanto", tensors({ "a.weight._data": new Int8Array(4) }), /quanto or torchao; use the GGUF or the fp8 file/],
    ...["convrot_w4a4", "asym_w4a8_int8", "awq_w4a16", "mxfp8", "nvfp4"].map((format): [string, Uint8Array, RegExp] => [
      `${format} in a note`,
      tensors({ "a.weight": eight, "a.weight_scale": eight, "a.comfy_quant": note(format) }),
      new RegExp(`layer "a" is stored as ${format}, .* use the bf16, fp8 or GGUF file`),
    ]),
    [
      "mxfp8",
      tensors(
        { "a.weight": eight },
        { _quantization_metadata: JSON.stringify({ layers: { a: { format: "mxfp8" } } }) },
      ),
      /mxfp8/,
    ],
    ["a converted one", tensors({ a: eight }, { stored_forms: "{}" }), /is already converted/],
    [
      "another type",
      tensors({ "a.weight": eight, "a.comfy_quant": note("int8_tensorwise") }),
      /is U8, its note says int8_tensorwise \(I8\)/,
    ],
    ["no scale", tensors({ "a.weight": new Int8Array(4) }), /has no weight_scale/],
    [
      "a scale that is no number",
      tensors({ "a.weight": new Int8Array(4), "a.weight_scale": new Float32Array([Number.NaN]) }),
      /scale of layer "a" is NaN/,
    ],
    [
      "too many scales",
      tensors({ "a.weight": new Int8Array(4), "a.weight_scale": new Float32Array(3) }),
      /has shape \[3\]/,
    ],
    [
      "a note that is none",
      tensors({ "a.weight": eight, "a.comfy_quant": new Uint8Array([1, 2]) }),
      /not a note on formats/,
    ],
  ])("%s", async (_, bytes, message) => {
    const path = join(folder, "some.safetensors");
    await writeFile(path, bytes);
    expect(() => openSource(path)).toThrow(message);
    expect(() => openSource(path)).toThrow(path);
  });

  test("a folder, and a missing file", () => {
    expect(() => openSource(folder)).toThrow("is a folder");
    expect(() => openSource(join(folder, "none"))).toThrow("the file does not exist");
  });
});
