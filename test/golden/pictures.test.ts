import { describe, expect, it } from "vitest";
import { openCheckpoint } from "../../src/engine/checkpoint/checkpoint.ts";
import { Pipeline } from "../../src/engine/index.ts";
import { loadModel } from "../../src/engine/model.ts";
import type { GrayImage, RgbImage } from "../../src/pictures/index.ts";
import { expectPicture, expectStage } from "./compare.ts";
import { checkpointPath, type Fixture, ONE_THREAD, PICTURES, readFixture } from "./fixture.ts";
import { record } from "./record.ts";

describe("an image equals that of diffusers", () => {
  it.each(PICTURES)("%s/%s", async (name, run) => {
    const fixture = readFixture(name, run);
    const model = await loadModel(await openCheckpoint(checkpointPath(name)), ONE_THREAD);
    try {
      const { prompt, negativePrompt, width, height, steps, guidance, seed, strength } = fixture;
      const params = { prompt, negativePrompt, width, height, steps, guidance, seed, strength, ...sources(fixture) };
      const { stages, picture } = await record(model, params, fixture.names.includes("source") ? "start" : "noise");
      for (const [stage, actual] of stages) expectStage(stage, { data: actual }, fixture.tensor(stage));
      expectPicture(picture, fixture.tensor("picture"));
    } finally {
      await model.dispose();
    }
  });

  it("and so does every image of a call, each with its seed", async () => {
    const pipeline = await Pipeline.load(checkpointPath("plain"), ONE_THREAD);
    const { prompt, width, height, steps, guidance, seed, ...fixture } = readFixture("plain");
    const images = await pipeline.generate({ prompt, width, height, steps, guidance, seed: seed - 1n, count: 2 });
    expect(images.map((image) => image.seed)).toEqual([seed - 1n, seed]);
    expectPicture(images[1]!.pixels, fixture.tensor("picture"));
    await pipeline.dispose();
  });
});

/** The pictures that a run starts from. The reference makes a mask black and white at one half before it looks at it. */
function sources(fixture: Fixture): { image?: RgbImage; mask?: GrayImage } {
  const { width, height, names } = fixture;
  const pixels = (name: string) => fixture.tensor(name).data as Uint8Array;
  return {
    ...(names.includes("source") && { image: { width, height, pixels: pixels("source") } }),
    ...(names.includes("mask") && { mask: { width, height, pixels: pixels("mask").map((g) => (g >= 128 ? 255 : 0)) } }),
  };
}
