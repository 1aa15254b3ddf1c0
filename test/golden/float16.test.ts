/**
 * Precision `float16`: products of matrices and attention in float16, all else in float32. The processor has no kernels for float16,
 * and ONNX Runtime drops a cast to it that a cast back follows. So the graphs are those of a GPU, but every operand and result in
 * float16 is rounded to it and computed with in float32.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { bundledCheckpoint } from "../../src/bundled.ts";
import { openCheckpoint } from "../../src/engine/checkpoint/checkpoint.ts";
import { type GenerateParams, Pipeline } from "../../src/engine/index.ts";
import { loadModel } from "../../src/engine/model.ts";
import { EXACT, Graph } from "../../src/onnx/index.ts";
import { relativeError } from "../support/relative-error.ts";
import { somePass, velocityOf } from "../support/some-pass.ts";
import { makeCheckpoint, smallWidths } from "../support/synthetic-checkpoint.ts";
import { checkpointPath } from "./fixture.ts";

vi.setConfig({ testTimeout: 120_000 });

const cast = Graph.prototype.cast;
/** Weights in the files have names with dots, results of operators have none. */
const isWeight = (value: string) => value.includes(".");

beforeAll(() => {
  vi.spyOn(Graph.prototype, "cast").mockImplementation(function (this: Graph, value, type) {
    if (type === "F32" && isWeight(value)) return cast.call(this, value, type);
    const rounded = () => this.op("Cast", [this.op("Cast", [value], { to: 10 })], { to: 1 }); // to float16, to float32
    return this.shared(`${value} rounded`, rounded);
  });
});
afterAll(() => void vi.restoreAllMocks());

const half = { device: { ...EXACT, precision: "float16" }, note: "cpu" } as const;
const lettering = { prompt: 'a sign that says "TEA"', width: 128, height: 128, steps: 8, seed: 3n };
const small = { prompt: "a red square", width: 48, height: 32, steps: 3, seed: 5n };

const CASES: readonly [string, string, GenerateParams][] = [
  ["the bundled checkpoint", bundledCheckpoint, lettering],
  ["a checkpoint in float32", checkpointPath("plain"), small],
  ["a checkpoint in BF16", checkpointPath("bf16"), small],
];

test.each(CASES)("%s: the velocity differs by 0.2 % at most, the image by 8 of 255", async (_, folder, params) => {
  const checkpoint = await openCheckpoint(folder);
  const models = [await loadModel(checkpoint), await loadModel(checkpoint, { device: half })] as const;
  const pass = await somePass(models[0], 64, 20);
  const [exact, narrow] = [await velocityOf(models[0], pass), await velocityOf(models[1], pass)];
  const error = relativeError(narrow, exact);
  await Promise.all(models.map((model) => model.dispose()));

  const pictures = [];
  for (const device of ["cpu", half] as const) {
    const pipeline = await Pipeline.load(folder, { device });
    pictures.push((await pipeline.generate(params))[0]!.pixels);
    await pipeline.dispose();
  }
  const [wanted, drawn] = pictures as [Uint8Array, Uint8Array];
  const differences = wanted.map((value, i) => Math.abs(value - drawn[i]!));
  expect(error).toBeGreaterThan(1e-4);
  expect(error).toBeLessThan(2e-3);
  expect(Math.max(...differences)).toBeLessThanOrEqual(8);
  expect(differences.reduce((a, b) => a + b, 0) / differences.length).toBeLessThan(0.5);
});

test.each(["blocks4", "blocks8"] as const)(
  "%s: the velocity differs by less than the rounding of the weights",
  async (form) => {
    const folder = await mkdtemp(join(tmpdir(), "inkstone-float16-"));
    try {
      const tokenizer = fileURLToPath(new URL("../fixtures/edit/checkpoint/tokenizer", import.meta.url));
      await makeCheckpoint(folder, { widths: smallWidths(430), blocks: 2, layers: 1, form, tokenizer });
      const checkpoint = await openCheckpoint(folder);
      const models = [await loadModel(checkpoint), await loadModel(checkpoint, { device: half })] as const;
      const pass = await somePass(models[0], 64, 20);
      const [exact, narrow] = [await velocityOf(models[0], pass), await velocityOf(models[1], pass)];
      await Promise.all(models.map((model) => model.dispose()));
      // MatMulNBits rounds activations to 8 bits on the processor, which hides most of the difference or doubles it.
      expect(relativeError(narrow, exact)).toBeGreaterThan(0);
      expect(relativeError(narrow, exact)).toBeLessThan(1e-2);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);
