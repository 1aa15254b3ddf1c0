import { cp, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { openWeights } from "../../weights/weights.ts";
import { readConfig, type TransformerConfig, transformerConfig } from "../checkpoint/config.ts";
import { Pipeline } from "../pipeline.ts";
import { type ControlNetLibrary, controlNetLibrary } from "./library.ts";

/** The graphs for which a session was loaded. */
const loaded = vi.hoisted(() => [] as string[]);
vi.mock("../../onnx/session.ts", async (original) => {
  const real = await original<typeof import("../../onnx/session.ts")>();
  const createSession: typeof real.createSession = (graph, options) => {
    loaded.push(graph.name);
    return real.createSession(graph, options);
  };
  return { ...real, createSession };
});
/** No two ControlNets fit into the memory. */
vi.mock("./library.ts", async (original) => {
  const real = await original<typeof import("./library.ts")>();
  const small: typeof real.controlNetLibrary = (transformer, options) =>
    real.controlNetLibrary(transformer, options, 1);
  return { ...real, controlNetLibrary: small };
});

const union = resolve("test/fixtures/controlnet/union");
const FILE = "diffusion_pytorch_model.safetensors";
const BIAS = "time_text_embed.timestep_embedder.linear_1.bias";

let transformer: TransformerConfig;
let library: ControlNetLibrary;
let folder: string;
beforeEach(async () => {
  loaded.length = 0;
  transformer = await readConfig("test/fixtures/odd/checkpoint/transformer/config.json", transformerConfig);
  library = controlNetLibrary(transformer, { threads: 1 });
  folder = await mkdtemp(join(tmpdir(), "inkstone-controlnets-"));
  await cp(union, folder, { recursive: true });
});
afterEach(async () => {
  await library.dispose();
  await rm(folder, { recursive: true });
});

const modulations = async (path: string) => (await (await library.open(path)).modulations([0.5]))[0]!;

/** Puts other weights in the file's place, `more` bytes further back. */
async function replaceWeights(more: number): Promise<void> {
  const { offset, byteLength } = (await openWeights(folder, "diffusion_pytorch_model")).find(BIAS)!;
  const bytes = await readFile(join(folder, FILE));
  bytes.fill(0, offset, offset + byteLength);
  const length = Number(bytes.readBigUInt64LE());
  bytes.writeBigUInt64LE(BigInt(length + more));
  const padded = Buffer.concat([bytes.subarray(0, 8 + length), Buffer.alloc(more, " "), bytes.subarray(8 + length)]);
  await writeFile(join(folder, "new"), padded);
  await rename(join(folder, "new"), join(folder, FILE));
}

describe("a ControlNet replaced on disk", () => {
  test.each([0, 8])("is used in its new form, its tensors %i bytes further", async (more) => {
    const before = await modulations(folder);
    await replaceWeights(more);
    const after = await modulations(folder);
    expect(after).not.toEqual(before);
    await library.dispose();
    library = controlNetLibrary(transformer, { threads: 1 });
    expect(await modulations(folder)).toEqual(after);
  });

  test("is checked in its new form", async () => {
    await library.open(folder);
    const config = JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
    await writeFile(join(folder, "config.json"), JSON.stringify({ ...config, attention_head_dim: 16 }));
    await expect(library.open(folder)).rejects.toThrow("attention_head_dim is 16, the transformer's is 12");
  });

  test("is not loaded again if it is unchanged", async () => {
    await modulations(folder);
    await modulations(folder);
    expect(loaded).toEqual(["time embedding"]);
  });
});

test("two nets of one request are loaded once each, even if both do not fit in memory", async () => {
  const pipeline = await Pipeline.load("test/fixtures/odd/checkpoint", { threads: 1 });
  loaded.length = 0;
  const size = { width: 32, height: 32 };
  const image = { ...size, pixels: new Uint8Array(32 * 32 * 3) };
  const controls = [folder, union].map((net) => ({ folder: net, image }));
  await pipeline.generate({ prompt: "A red fox", ...size, steps: 3, guidance: 1, controls });
  await pipeline.dispose();
  expect(loaded.filter((name) => name === "ControlNet")).toHaveLength(2);
});
