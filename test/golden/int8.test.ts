import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openCheckpoint } from "../../src/engine/checkpoint/checkpoint.ts";
import { Pipeline } from "../../src/engine/index.ts";
import { loadModel, type Model } from "../../src/engine/model.ts";
import { torchGenerator } from "../../src/engine/noise/torch-generator.ts";
import { jointRotary } from "../../src/engine/rope.ts";
import { int8Checkpoint } from "../support/int8-checkpoint.ts";
import { relativeError } from "../support/relative-error.ts";
import { type StoredTensor, writeSafetensors } from "../support/safetensors.ts";
import { velocityOf } from "../support/some-pass.ts";

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
      return velocityOf(model, { latents, text, rotary, modulation: modulation! });
    };
    const error = relativeError(await velocity(int8), await velocity(plain));
    expect(error, `at σ ${sigma}`).toBeLessThan(4e-2);
    expect(error).toBeGreaterThan(0);
  }
  await plain.dispose();
  await int8.dispose();
});

test("an image looks the same: 30 dB", async () => {
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

test("a LoRA has the same effect on int8 weights and on plain ones", async () => {
  const [plain, int8] = [await open(NANO), await open(folder)];
  const loras = [{ file: join(NANO, "adapters/neon/neon.safetensors") }];
  const text = await plain.encodePrompt(PROMPT);
  const side = 8;
  const latents = { data: torchGenerator(7n).randn(side * side * 64), dims: [1, side * side, 64] };
  const rotary = jointRotary(text.dims[1]!, [{ rows: side, columns: side }], plain.ropeAxes);
  const velocity = async (model: Model, adapted: boolean) => {
    const adaptation = adapted ? await model.loras.adaptation(loras, () => {}) : undefined;
    const [modulation] = await model.modulations([0.6], adaptation?.time);
    return velocityOf(model, { latents, text, rotary, modulation: modulation!, attachments: adaptation?.transformer });
  };
  const wanted = await velocity(plain, true);
  const change = relativeError(wanted, await velocity(plain, false));
  const error = relativeError(await velocity(int8, true), wanted);
  expect(error).toBeLessThan(4e-2);
  expect(change).toBeGreaterThan(2 * error);
  await plain.dispose();
  await int8.dispose();
});

test("a full-rank difference is refused on int8 weights, with the remedy; a bias still changes", async () => {
  const int8 = await open(folder);
  const file = join(folder, "difference.safetensors");
  const layer = "transformer_blocks.0.attn.to_q";
  const adapt = async (tensors: Record<string, StoredTensor>) => {
    await writeFile(file, writeSafetensors(new Map(Object.entries(tensors))));
    return int8.loras.adaptation([{ file }], () => {});
  };
  const bias = { [`${layer}.diff_b`]: { data: new Float32Array(256).fill(0.1), dims: [256] } };
  const whole = { [`${layer}.diff`]: { data: new Float32Array(256 * 256).fill(0.1), dims: [256, 256] } };
  await expect(adapt(whole)).rejects.toThrow(/not low-rank.*to_q\.weight.*BF16 or F16.*--merge/);
  expect((await adapt(bias))?.transformer?.fed?.replaced).toEqual(new Set([`${layer}.bias`]));
  await int8.dispose();
});

async function open(checkpoint: string): Promise<Model> {
  return loadModel(await openCheckpoint(checkpoint), ONE_THREAD);
}
