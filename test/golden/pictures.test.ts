import { describe, expect, it } from "vitest";
import { openCheckpoint } from "../../src/engine/checkpoint/checkpoint.ts";
import { generate } from "../../src/engine/generate.ts";
import { Pipeline } from "../../src/engine/index.ts";
import { loadModel, type Model } from "../../src/engine/model.ts";
import type { GrayImage, RgbImage } from "../../src/pictures/index.ts";
import { expectPicture, expectStage } from "./compare.ts";
import { checkpointPath, type Fixture, ONE_THREAD, PICTURES, readFixture } from "./fixture.ts";

describe("a picture equals diffusers'", () => {
  it.each(PICTURES)("%s/%s", async (name, run) => {
    const fixture = readFixture(name, run);
    const model = await loadModel(await openCheckpoint(checkpointPath(name)), ONE_THREAD);
    try {
      const { recorded, picture } = await draw(model, fixture);
      for (const [stage, actual] of recorded) expectStage(stage, { data: actual }, fixture.tensor(stage));
      expectPicture(picture, fixture.tensor("picture"));
    } finally {
      await model.dispose();
    }
  });

  it("and so does every picture of a call, each by its own seed", async () => {
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

/** Draws with the engine's own recipe and keeps what passes between its parts, under the reference's names, in order. */
async function draw(
  model: Model,
  fixture: Fixture,
): Promise<{ recorded: Map<string, Float32Array>; picture: Uint8Array }> {
  const { prompt, negativePrompt, width, height, steps, guidance, seed, strength = 1 } = fixture;
  const recorded = new Map<string, Float32Array>();
  const passes = guidance > 1 ? 2 : 1;
  const start = fixture.names.includes("source") ? "start" : "noise";
  let prompts = 0;
  let forwards = 0;
  const recording: Model = {
    ...model,
    async encodePrompt(text) {
      const embeddings = await model.encodePrompt(text);
      recorded.set(prompts++ === 0 ? "embeddings" : "negative/embeddings", embeddings.data);
      return embeddings;
    },
    async velocity(pass) {
      const [step, branch] = [Math.floor(forwards / passes), forwards++ % passes];
      if (branch === 0) recorded.set(step === 0 ? start : `latents/${step - 1}`, pass.latents.data.slice());
      const velocity = await model.velocity(pass);
      if (step === 0) recorded.set(branch === 0 ? "velocity" : "velocity/negative", velocity.slice());
      return velocity;
    },
  };
  const recipe = {
    ...{ prompt, negativePrompt, width, height, steps, guidance, seed, strength, count: 1, scheduler: "Default" },
    ...sources(fixture),
  };
  const [image] = await generate(recording, recipe, {}, () => Promise.reject(new Error("no preview wanted")));
  return { recorded, picture: image!.pixels };
}
