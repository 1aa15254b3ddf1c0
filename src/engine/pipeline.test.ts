import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ParameterError } from "./check.ts";
import type { GenerateParams, StepEvent } from "./params.ts";
import { Pipeline } from "./pipeline.ts";

const base = { prompt: "A red fox", width: 64, height: 48, steps: 2, seed: 3n };
let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await Pipeline.load("test/fixtures/plain/checkpoint");
});
afterAll(() => pipeline.dispose());

describe("refuses and names", () => {
  const picture = { width: 64, height: 48, pixels: new Uint8Array(64 * 48 * 3) };
  const cases: [string, Partial<Record<keyof GenerateParams, unknown>>][] = [
    ["prompt", { prompt: 7 }],
    ["width", { width: 15 }],
    ["width", { width: 100_000 }],
    ["height", { height: 64.5 }],
    ["steps", { steps: 0 }],
    ["steps", { steps: 1001 }],
    ["guidance", { guidance: Number.NaN }],
    ["seed", { seed: -1n }],
    ["seed", { seed: 1n << 64n }],
    ["seed", { seed: 5 }],
    ["count", { count: 21 }],
    ["strength", { image: picture, strength: 0 }],
    ["strength", { image: picture, strength: 1.1 }],
    ["image", { image: { ...picture, width: 48 } }],
    ["mask", { mask: picture }],
    ["mask", { image: picture, mask: picture }],
  ];
  test.each(cases)("%s in %o", async (parameter, wrong) => {
    const error = await pipeline.generate({ ...base, ...wrong } as GenerateParams).catch((e) => e);
    expect(error).toBeInstanceOf(ParameterError);
    expect(error.parameter).toBe(parameter);
    expect(error.message).toMatch(/allowed: /);
  });
});

test("sizes are rounded down to whole tokens, as in the reference", async () => {
  const [image] = await pipeline.generate({ ...base, width: 79, height: 50 });
  expect(image).toMatchObject({ width: 64, height: 48 });
});

test("equal parameters give equal bytes; adding 2³² to the seed changes nothing, because torch uses only its low half", async () => {
  const [a, b, c] = await Promise.all([
    pipeline.generate(base),
    pipeline.generate(base),
    pipeline.generate({ ...base, seed: base.seed + (1n << 32n) }),
  ]);
  expect(a![0]!.pixels).toEqual(b![0]!.pixels);
  expect(a![0]!.pixels).toEqual(c![0]!.pixels);
});

test("image i of a call equals the single image of seed + i", async () => {
  const both = await pipeline.generate({ ...base, count: 2 });
  const [second] = await pipeline.generate({ ...base, seed: base.seed + 1n });
  expect(both.map(({ seed }) => seed)).toEqual([3n, 4n]);
  expect(both[1]!.pixels).toEqual(second!.pixels);
});

test("without guidance, the negative prompt has no effect", async () => {
  const [a] = await pipeline.generate({ ...base, guidance: 1, negativePrompt: "blue" });
  const [b] = await pipeline.generate({ ...base, guidance: 0.5 });
  expect(a!.pixels).toEqual(b!.pixels);
});

test.each([
  [5, 0.5, 3],
  [4, 0.3, 2],
  [20, 0.6, 12],
  [3, 0.1, 1],
  [10, undefined, 8],
])("of %d steps, strength %s runs %d", async (steps, strength, expected) => {
  const image = { width: 32, height: 32, pixels: new Uint8Array(32 * 32 * 3) };
  let ran = 0;
  await pipeline.generate({ ...base, width: 32, height: 32, steps, strength, image }, { onStep: () => void ran++ });
  expect(ran).toBe(expected);
});

test("a step reports its noise level; the last preview is close to the final image", async () => {
  const events: StepEvent[] = [];
  let preview: Awaited<ReturnType<StepEvent["preview"]>> | undefined;
  await pipeline.generate(base, {
    async onStep(event) {
      events.push(event);
      preview = await event.preview();
    },
  });
  expect(events.map(({ step, steps }) => `${step}/${steps}`)).toEqual(["1/2", "2/2"]);
  expect(events.at(-1)!.sigma).toBe(0);
  expect(preview).toMatchObject({ width: 8, height: 6 });
});

test("an abort between steps rejects with its reason before the next step", async () => {
  const abort = new AbortController();
  let last = 0;
  const drawing = pipeline.generate(
    { ...base, steps: 50 },
    {
      signal: abort.signal,
      onStep({ step }) {
        last = step;
        if (step === 3) abort.abort(new Error("changed my mind"));
      },
    },
  );
  await expect(drawing).rejects.toThrow("changed my mind");
  expect(last).toBe(3);
});
