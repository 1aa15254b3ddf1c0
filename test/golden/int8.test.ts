import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openCheckpoint } from "../../src/engine/checkpoint/checkpoint.ts";
import { Pipeline } from "../../src/engine/index.ts";
import { loadModel, type Model } from "../../src/engine/model.ts";
import { torchGenerator } from "../../src/engine/noise/torch-generator.ts";
import { jointRotary } from "../../src/engine/rope.ts";
import { int8Checkpoint } from "../support/int8-checkpoint.ts";

/** The bundled checkpoint in int8 beside the same in float32: the bounds that int8 promises. */

const NANO = new URL("../../models/nano", import.meta.url).pathname;
const PROMPT = 'A wooden sign that says "OPEN" beside a teapot';
const ONE_THREAD = { threads: 1 };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-int8-"));
  await int8Checkpoint(NANO, folder);
});
afterAll(() => rm(folder, { recursive: true }));

test("the velocity differs by 4 % at most, at the beginning and at the end; the text by 1 %", async () => {
  const [plain, int8] = [await open(NANO), await open(folder)];
  const text = await plain.encodePrompt(PROMPT);
  expect(relativeError((await int8.encodePrompt(PROMPT)).data, text.data)).toBeLessThan(1e-2);
  const side = 8;
  const latents = { data: torchGenerator(7n).randn(side * side * 64), dims: [1, side * side, 64] };
  const rotary = jointRotary(text.dims[1]!, [{ rows: side, columns: side }], plain.ropeAxes);
  for (const sigma of [0.98, 0.6, 0.2]) {
    const velocity = async (model: Model) => {
      const [modulation] = await model.modulations([sigma]);
      return model.velocity({ latents, text, rotary, modulation: modulation! });
    };
    const error = relativeError(await velocity(int8), await velocity(plain));
    expect(error, `at σ ${sigma}`).toBeLessThan(4e-2);
    expect(error).toBeGreaterThan(0);
  }
  await plain.dispose();
  await int8.dispose();
});

test("a picture is the same to the eye: 30 dB", async () => {
  const draw = async (checkpoint: string) => {
    const pipeline = await Pipeline.load(checkpoint, ONE_THREAD);
    const [image] = await pipeline.generate({ prompt: PROMPT, width: 128, height: 128, steps: 8, seed: 7n });
    await pipeline.dispose();
    return image!.pixels;
  };
  const [plain, int8] = [await draw(NANO), await draw(folder)];
  const squares = plain.reduce((sum, value, i) => sum + (value - int8[i]!) ** 2, 0);
  expect(10 * Math.log10(255 ** 2 / (squares / plain.length))).toBeGreaterThan(30);
});

async function open(checkpoint: string): Promise<Model> {
  return loadModel(await openCheckpoint(checkpoint), ONE_THREAD);
}

function relativeError(actual: Float32Array, wanted: Float32Array): number {
  let [difference, size] = [0, 0];
  for (const [i, value] of wanted.entries()) {
    difference += (actual[i]! - value) ** 2;
    size += value ** 2;
  }
  return Math.sqrt(difference / size);
}
