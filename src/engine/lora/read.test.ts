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

describe("an alpha that is stored as whole numbers", () => {
  test.each([
    BigInt64Array.of(6n),
    BigInt64Array.of(-6n),
    Int32Array.of(6),
    Int16Array.of(-6),
    Int8Array.of(-6),
    Uint8Array.of(6),
  ])("counts as the same alpha in F32: %o", async (data) => {
    const alpha = `${LAYER}.alpha`;
    await write({ [alpha]: { data: Float32Array.of(Number(data[0])), dims: [] } });
    const expected = await readLora(file, weights);
    await write({ [alpha]: { data, dims: [] } });
    expect(await readLora(file, weights)).toEqual(expected);
    await write({});
    expect(await readLora(file, weights)).not.toEqual(expected);
  });
});

test("a matrix of whole numbers is refused by its type", async () => {
  const [out] = weights.find(`${LAYER}.weight`)!.shape as [number, number];
  await write({ [`${LAYER}.lora_up.weight`]: { data: new Int8Array(out * 2), dims: [out, 2] } });
  await expect(readLora(file, weights)).rejects.toThrow("a tensor of I8 where floating-point numbers are expected");
});

describe.skipIf(!existsSync("/proc/self/fd"))("no file stays open", () => {
  test("of an adapter that is refused", async () => {
    const [out] = weights.find(`${LAYER}.weight`)!.shape as [number, number];
    await write({ [`${LAYER}.lora_up.weight`]: { data: new Int8Array(out * 2), dims: [out, 2] } });
    await expect(readLora(file, weights)).rejects.toThrow();
    expect(openDescriptors(file)).toBe(0);
  });

  test("of a checkpoint whose weights could not be merged", async () => {
    await write({});
    const { changes } = await readLora(file, weights);
    const weighted = new Map([...changes].map(([name, change]) => [name, [{ change, weight: 1 }]]));
    const failing = () => Promise.reject(new Error("no memory"));
    const merging = adapt(weights, weighted, failing, { addedWork: 0, bytes: 1e9, mostBytes: 1e9 });
    await expect(merging).rejects.toThrow("no memory");
    expect(openDescriptors(weights.find(`${LAYER}.weight`)!.file)).toBe(0);
  });
});
