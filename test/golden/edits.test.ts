import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Checkpoint, openCheckpoint } from "../../src/engine/checkpoint/checkpoint.ts";
import { type GenerateParams, Pipeline } from "../../src/engine/index.ts";
import { loadModel } from "../../src/engine/model.ts";
import { jointRotary } from "../../src/engine/rope.ts";
import { decodeImage, onWhite, resample } from "../../src/pictures/index.ts";
import { velocityOf } from "../support/some-pass.ts";
import { expectIdentical, expectPicture, expectStage } from "./compare.ts";
import { EDITS, type EditFixture, type EditingCase, editingCheckpointPath, readEdit } from "./edit-fixture.ts";
import { fixturePath, ONE_THREAD } from "./fixture.ts";
import { record } from "./record.ts";

describe("an edit equals that of diffusers", () => {
  it.each(EDITS)("%s/%s", async (name, run) => {
    const fixture = readEdit(name, run);
    const model = await loadModel(await checkpointFor(name, fixture), ONE_THREAD);
    try {
      const { stages, picture } = await record(model, paramsOf(fixture), fixture.has("mask") ? "start" : "noise");
      for (const [stage, actual] of stages) expectStage(stage, { data: actual }, fixture.tensor(stage));
      expect([...stages.keys()]).toContain("condition");
      expectPicture(picture, fixture.tensor("picture"));
    } finally {
      await model.dispose();
    }
  });
});

// Rank 2 is merged into the weights by `mergeRule`, rank 1 is computed beside them.
describe("with a LoRA on every layer of the blocks", () => {
  it.each([
    ["edit", "lora"],
    ["edit-plus", "lightning"],
  ] as const)("%s/%s equals diffusers'", async (name, run) => {
    const fixture = readEdit(name, run);
    const { lora, lightning } = fixture;
    const pipeline = await Pipeline.load(editingCheckpointPath(name), ONE_THREAD);
    // Of Qwen-Image-Lightning: shift 3 at every size, no terminal.
    const schedule = lightning && { base_shift: Math.log(3), max_shift: Math.log(3), shift_terminal: null };
    const draw = async (loras: GenerateParams["loras"]) =>
      (await pipeline.generate({ ...paramsOf(fixture), ...(schedule && { schedule }), loras }))[0]!.pixels;
    const file = fixturePath(`${name}/adapter.safetensors`);
    try {
      expectPicture(await draw([{ file, weight: lora! }]), fixture.tensor("picture"));
      const plain = await draw([]);
      expect(() => expectPicture(plain, fixture.tensor("picture"))).toThrow("differ");
    } finally {
      await pipeline.dispose();
    }
  });
});

it("references with EXIF orientation or transparent parts equal those of diffusers' loader and Pillow", async () => {
  const fixture = readEdit("edit-plus", "files");
  const files = await Promise.all(
    ["turned", "clear"].map(async (name) => decodeImage(await readFile(fixturePath(`edit-plus/${name}.png`)))),
  );
  const references = files.map(onWhite);
  for (const [i, { width, height, pixels }] of references.entries()) {
    const wanted = fixture.tensor(`reference/${i}`);
    expect([height, width, 3]).toEqual(wanted.dims);
    // Turned exactly; what is half clear may be rounded the other way.
    if (i === 0) expectIdentical("turned", pixels, wanted.data);
    else expectPicture(pixels, wanted);
  }
  const pipeline = await Pipeline.load(editingCheckpointPath("edit-plus"), ONE_THREAD);
  const [image] = await pipeline.generate({ ...paramsOf(fixture), references });
  await pipeline.dispose();
  expectPicture(image!.pixels, fixture.tensor("picture"));
});

/** Without `zero_cond_t` the same weights are a checkpoint of Edit-2509. */
async function checkpointFor(name: EditingCase, { zeroCond }: EditFixture): Promise<Checkpoint> {
  const checkpoint = await openCheckpoint(editingCheckpointPath(name));
  const { config, weights } = checkpoint.transformer;
  return zeroCond ? checkpoint : { ...checkpoint, transformer: { config: { ...config, zero_cond_t: false }, weights } };
}

function paramsOf(fixture: EditFixture): GenerateParams {
  const { prompt, negativePrompt, steps, guidance, seed, strength, references, referencePixels } = fixture;
  const { width, height, sizeGiven } = fixture;
  return {
    ...{ prompt, negativePrompt, steps, guidance, seed, strength, references, referencePixels },
    ...(sizeGiven && { width, height }),
    ...(fixture.has("mask") && {
      image: resample(references[0]!, width, height, "lanczos"),
      // The reference makes a mask black and white at one half before it looks at it.
      mask: { width, height, pixels: (fixture.tensor("mask").data as Uint8Array).map((g) => (g >= 128 ? 255 : 0)) },
    }),
  };
}

it("a pass of Edit-2511 without references has no token without noise", async () => {
  const model = await loadModel(await openCheckpoint(editingCheckpointPath("edit-plus")), ONE_THREAD);
  const fixture = readEdit("edit-plus", "stages");
  const floats = (name: string) => fixture.tensor(name).data as Float32Array;
  const [tokens, text] = [floats("noise").length / 64, floats("embeddings")];
  const [modulation, clean] = await model.modulations([0.7, 0]);
  const pass = {
    latents: { data: floats("noise"), dims: [1, tokens, 64] },
    text: { data: text, dims: [1, ...fixture.tensor("embeddings").dims] },
    rotary: jointRotary(text.length / 24, [{ rows: fixture.height / 16, columns: fixture.width / 16 }], model.ropeAxes),
    modulation: modulation!,
  };
  const alone = await velocityOf(model, pass);
  const said = await velocityOf(model, { ...pass, clean: { from: tokens, modulation: clean! } });
  expectIdentical("velocity", alone, said);
  expect(await velocityOf(model, { ...pass, clean: { from: 0, modulation: clean! } })).not.toEqual(alone);
  await model.dispose();
});

describe("step caches", () => {
  const { prompt, guidance, seed, references, referencePixels } = readEdit("edit-plus", "stages");
  const params = { prompt, guidance, seed, references, referencePixels, width: 64, height: 64, steps: 6 };
  let pipeline: Pipeline;
  let plain: Uint8Array;
  beforeAll(async () => {
    pipeline = await Pipeline.load(editingCheckpointPath("edit-plus"), ONE_THREAD);
    plain = (await pipeline.generate(params))[0]!.pixels;
  });
  afterAll(() => pipeline?.dispose());

  it.each(["fbCache", "teaCache", "dbCache"] as const)(
    "%s skips, and changes no bit of computed steps",
    async (kind) => {
      const draw = async (more: object) =>
        (await pipeline.generate({ ...params, cache: { kind, threshold: 1e9, ...more } }))[0]!;
      const never = await draw({ start: 0, end: 1 });
      expect(never.skippedSteps).toBe(0);
      expectIdentical("picture", never.pixels, plain);
      expect((await draw({})).skippedSteps).toBeGreaterThan(2);
    },
  );
});

describe("parameters of an editing checkpoint", () => {
  const image = { width: 40, height: 30, pixels: new Uint8Array(40 * 30 * 3).fill(90) };
  const edit = { prompt: "make it red", steps: 1, referencePixels: 4096, seed: 1n };
  const refusal = async (name: EditingCase | "plain", params: Partial<GenerateParams>) => {
    const folder =
      name === "plain"
        ? editingCheckpointPath("edit").replace(/edit(?=.checkpoint)/, name)
        : editingCheckpointPath(name);
    const pipeline = await Pipeline.load(folder, ONE_THREAD);
    const error = await pipeline.generate({ ...edit, ...params }).catch((error) => error);
    await pipeline.dispose();
    return error;
  };

  it.each([
    ["edit", {}, "references", /references is "0 images"; allowed: one image/],
    ["edit", { references: [image, image] }, "references", /"2 images"; allowed: one image/],
    ["edit-plus", { references: [image, image, image, image] }, "references", /"4 images"; allowed: 1 to 3 images/],
    [
      "plain",
      { references: [image], width: 64, height: 64 },
      "references",
      /allowed: none: this checkpoint generates from text/,
    ],
    ["edit", { references: [{ ...image, width: 41 }] }, "references[0]", /exactly 41×30/],
    ["edit", { references: [{ width: 600, height: 2, pixels: new Uint8Array(3600) }] }, "references[0]", /aspect/],
    ["edit", { references: [image], referencePixels: 1e9 }, "referencePixels", /from 1024 to 4194304/],
    [
      "edit",
      { references: [image], controls: [{ folder: "/nowhere", image }] },
      "controls",
      /editing checkpoints do not support ControlNets/,
    ],
  ] as const)("%s with %o", async (name, params, parameter, message) => {
    expect(await refusal(name, params as Partial<GenerateParams>)).toMatchObject({
      ...{ name: "ParameterError", parameter },
      message: expect.stringMatching(message),
    });
  });
});
