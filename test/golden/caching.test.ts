import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openCheckpoint } from "../../src/engine/checkpoint/checkpoint.ts";
import { Pipeline } from "../../src/engine/index.ts";
import { loadModel } from "../../src/engine/model.ts";
import { jointRotary } from "../../src/engine/rope.ts";
import type { CacheParams } from "../../src/engine/step-cache/params.ts";
import type { Pass, Streams } from "../../src/engine/transformer-chain.ts";
import type { HostTensor } from "../../src/onnx/index.ts";
import { velocityOf } from "../support/some-pass.ts";
import { expectIdentical, expectPicture } from "./compare.ts";
import { type Case, checkpointPath, readFixture, readRun } from "./fixture.ts";

/** What `reference/caches.py` drew with diffusers' First Block Cache. */
function readCacheFixture(name: string) {
  const { metadata, number, tensor, asked } = readRun(`caches/${name}.safetensors`);
  return {
    checkpoint: metadata.checkpoint as Case,
    params: { ...asked, cache: { kind: "fbCache", threshold: number("threshold") } as const },
    skipped: [...tensor("skipped").data],
    picture: tensor("picture"),
  };
}

describe("First Block Cache equals diffusers'", () => {
  it.each(["guided", "unguided"])("%s", async (name) => {
    const { checkpoint, params, skipped, picture } = readCacheFixture(name);
    const pipeline = await Pipeline.load(checkpointPath(checkpoint));
    const [image] = await pipeline.generate(params);
    await pipeline.dispose();
    const passes = params.guidance > 1 ? 2 : 1;
    expect(image!.skippedSteps).toBe(skipped.reduce((sum, flag) => sum + flag, 0) / passes);
    expectPicture(image!.pixels, picture);
  });
});

describe("with random weights of three blocks", () => {
  const { prompt, negativePrompt, width, height, guidance, seed } = readFixture("odd");
  const params = { prompt, negativePrompt, width, height, guidance, seed, steps: 9 };
  let pipeline: Pipeline;
  let plain: Uint8Array;

  beforeAll(async () => {
    pipeline = await Pipeline.load(checkpointPath("odd"));
    plain = (await pipeline.generate(params))[0]!.pixels;
  });
  afterAll(() => pipeline?.dispose());

  const draw = async (cache: CacheParams, more: object = {}) =>
    (await pipeline.generate({ ...params, ...more, cache }))[0]!;

  const kinds = ["fbCache", "teaCache", "dbCache"] as const;
  const always = (kind: (typeof kinds)[number], more: object = {}): CacheParams => ({ kind, threshold: 1e9, ...more });

  it.each(kinds)("%s that never skips changes no bit, not even after skipping in another call", async (kind) => {
    const never = await draw({ kind, threshold: 1e9, start: 0, end: 1 });
    expect(never.skippedSteps).toBe(0);
    expectIdentical("picture", never.pixels, plain);
    expect((await draw(always(kind))).pixels).not.toEqual(plain);
    const [off] = await pipeline.generate(params);
    expect(off!.skippedSteps).toBeUndefined();
    expectIdentical("picture", off!.pixels, plain);
  });

  it.each(kinds)("%s computes the first step and skips within its limits", async (kind) => {
    const spared = kind === "teaCache" ? 1 : 0; // the last step
    expect((await draw(always(kind))).skippedSteps).toBe(8 - spared);
    expect((await draw(always(kind, { start: 3, end: 6 }))).skippedSteps).toBe(3);
    expect((await draw(always(kind, { maxConsecutive: 2, end: 8 }))).skippedSteps).toBe(5); // .ss.ss.s|.
  });

  it("dbCache refreshes at its interval", async () => {
    expect((await draw(always("dbCache", { refreshInterval: 4 }))).skippedSteps).toBe(6); // .sss.sss.
    expect((await draw(always("dbCache", { refreshInterval: 1 }))).skippedSteps).toBe(0);
  });

  it("dbCache with more first blocks than the model has computes everything, and does not affect the next call", async () => {
    expectIdentical("picture", (await draw(always("dbCache", { firstBlocks: 99, lastBlocks: 99 }))).pixels, plain);
    const [after] = await pipeline.generate(params);
    expectIdentical("picture", after!.pixels, plain);
  });

  it("dbCache with all blocks at its ends skips nothing and reports it", async () => {
    const { pixels, skippedSteps } = await draw(always("dbCache", { firstBlocks: 2, lastBlocks: 1 }));
    expect(skippedSteps).toBe(8);
    expectIdentical("picture", pixels, plain);
  });

  it("dbCache's last blocks run in skipped steps too", async () => {
    const without = await draw(always("dbCache", { firstBlocks: 1 }));
    const with1 = await draw(always("dbCache", { firstBlocks: 1, lastBlocks: 1 }));
    expect(with1.pixels).not.toEqual(without.pixels);
    expect(with1.pixels).not.toEqual(plain);
  });

  it("every image of a call starts with an empty cache", async () => {
    const cache = { kind: "fbCache", threshold: 0.95 } as const;
    const both = await pipeline.generate({ ...params, cache, seed: seed - 1n, count: 2 });
    const alone = await draw(cache);
    expectIdentical("picture", both[1]!.pixels, alone.pixels);
    expect(both[1]!.skippedSteps).toBe(alone.skippedSteps);
  });

  it("skips with a solver that evaluates several times per step", async () => {
    const heun = await draw(always("fbCache", { start: 2, end: 4 }), { scheduler: "Heun" });
    expect(heun.skippedSteps).toBe(2);
  });

  it.each([
    [{ kind: "fbCache", threshold: -1 }, "cache.threshold"],
    [{ kind: "fbCache", threshold: Number.NaN }, "cache.threshold"],
    [{ kind: "noCache", threshold: 1 }, "cache.kind"],
    [{ kind: "fbCache", threshold: 1, start: 4, end: 4 }, "cache.start"],
    [{ kind: "dbCache", threshold: 1, maxConsecutive: 0 }, "cache.maxConsecutive"],
    [{ kind: "dbCache", threshold: 1, firstBlocks: 0 }, "cache.firstBlocks"],
  ])("refuses %j", async (cache, parameter) => {
    await expect(draw(cache as CacheParams)).rejects.toMatchObject({ name: "ParameterError", parameter });
  });
});

describe("the transformer in pieces", () => {
  it.each(["plain", "odd", "bf16"] as const)("%s: gives the same bits, wherever it is split", async (name) => {
    const model = await loadModel(await openCheckpoint(checkpointPath(name)));
    const fixture = readFixture(name);
    const text = fixture.floats("embeddings");
    const pass: Pass = {
      latents: fixture.floats("noise"),
      text: { data: text.data, dims: [1, ...text.dims] },
      rotary: jointRotary(text.dims[0]!, [{ rows: fixture.height / 16, columns: fixture.width / 16 }], model.ropeAxes),
      modulation: (await model.modulations([0.7]))[0]!,
    };
    const whole = await velocityOf(model, pass);
    const { transformer } = model;
    for (let to = 0; to <= transformer.blocks; to++) {
      await transformer.openAt([to]);
      let streams: Streams = await transformer.begin(pass, 0);
      for (let from = 0; from < to; from++) streams = await transformer.between(pass, streams, from, from + 1);
      expectIdentical(
        `velocity, cut at 0…${to}`,
        ((await transformer.finish(pass, streams, to)) as HostTensor).data,
        whole,
      );
      expectIdentical(`velocity in ${to + 2} pieces`, await velocityOf(model, pass), whole);
    }
    await model.dispose();
  });
});
