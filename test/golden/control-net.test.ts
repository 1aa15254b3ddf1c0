import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ControlParams, Pipeline } from "../../src/engine/index.ts";
import { expectIdentical, expectPicture } from "./compare.ts";
import { type Case, checkpointPath, fixturePath, readTensors } from "./fixture.ts";

/** What `reference/controlnet.py` drew with diffusers. */
function readRun(name: string) {
  const { metadata, tensors } = readTensors(`controlnet/pictures/${name}.safetensors`);
  const number = (key: string) => Number(metadata[key]);
  const [width, height] = [number("width"), number("height")];
  const mask = tensors.get("mask");
  const acting = JSON.parse(metadata.acting!) as [number, number, number][];
  const controls: ControlParams[] = acting.map(([weight, start, end], i) => ({
    folder: fixturePath(`controlnet/${metadata.net}`),
    image: { width, height, pixels: tensors.get(`guide/${i}`)!.data as Uint8Array },
    ...(mask && { mask: { width, height, pixels: mask.data as Uint8Array } }),
    ...{ weight, start, end },
  }));
  return {
    checkpoint: metadata.checkpoint as Case,
    picture: tensors.get("picture")!,
    params: {
      ...{ prompt: metadata.prompt!, negativePrompt: metadata.negative_prompt!, width, height },
      ...{ steps: number("steps"), guidance: number("true_cfg_scale"), seed: BigInt(metadata.seed!) },
      controls,
    },
  };
}

describe("an image with ControlNets equals that of diffusers", () => {
  it.each(["union", "union-window", "union-unguided", "union-twice", "inpainting"])("%s", async (name) => {
    const { checkpoint, params, picture } = readRun(name);
    const pipeline = await Pipeline.load(checkpointPath(checkpoint));
    const [image] = await pipeline.generate(params);
    await pipeline.dispose();
    expectPicture(image!.pixels, picture);
  });
});

describe("with a union net on three blocks", () => {
  const { params } = readRun("union");
  const [control] = params.controls as [ControlParams];
  let pipeline: Pipeline;
  let plain: Uint8Array;
  let folder: string;

  const draw = async (controls?: readonly Partial<ControlParams>[], more: object = {}) => {
    const given = controls?.map((part) => ({ ...control, ...part }));
    const { controls: _, ...rest } = params;
    return (await pipeline.generate({ ...rest, ...more, ...(given && { controls: given }) }))[0]!;
  };

  beforeAll(async () => {
    pipeline = await Pipeline.load(checkpointPath("odd"));
    plain = (await draw()).pixels;
    folder = await mkdtemp(join(tmpdir(), "controlnet-"));
  });
  afterAll(async () => {
    await pipeline?.dispose();
    await rm(folder ?? "", { recursive: true, force: true });
  });

  it("a weight of 0 and a window after the last step change no bit", async () => {
    expectIdentical("picture", (await draw([{ weight: 0 }])).pixels, plain);
    expectIdentical("picture", (await draw([{ start: params.steps, end: params.steps + 1 }])).pixels, plain);
    expectIdentical("picture", (await draw()).pixels, plain);
  });

  it("steps outside the window equal those of an image without it", async () => {
    // Acting in the last step only, the latents before it are the plain ones: two nets in other steps do not meet.
    const first = await draw([{ start: 0, end: 1 }]);
    const last = await draw([{ start: 2, end: 3 }]);
    const both = await draw([
      { start: 0, end: 1 },
      { start: 2, end: 3 },
    ]);
    const windowed = [first, last, both].map((image) => Buffer.from(image.pixels).toString("base64"));
    expect(new Set(windowed).size).toBe(3);
    expectIdentical(
      "picture",
      (
        await draw([
          { start: 0, end: 1 },
          { start: 1, end: 3 },
        ])
      ).pixels,
      (await draw([{}])).pixels,
    );
  });

  it("the modes differ; without guidance, controlnet equals balanced", async () => {
    const modes = ["balanced", "controlnet", "prompt"] as const;
    const pictures = await Promise.all(modes.map(async (mode) => (await draw([{ mode }])).pixels));
    expect(pictures[1]).not.toEqual(pictures[0]);
    expect(pictures[2]).not.toEqual(pictures[0]);
    const unguided = await Promise.all(
      modes.map(async (mode) => (await draw([{ mode }], { guidance: 1, negativePrompt: " " })).pixels),
    );
    expectIdentical("picture", unguided[1]!, unguided[0]!);
    expect(unguided[2]).not.toEqual(unguided[0]);
  });

  it("works together with a cache and a seed image", async () => {
    const cache = { kind: "fbCache", threshold: 1e9, start: 1 } as const;
    expect((await draw([{}], { cache })).skippedSteps).toBe(2);
    const image = await draw([{}], { image: control.image, strength: 0.7 });
    expect(image.pixels).not.toEqual((await draw(undefined, { image: control.image, strength: 0.7 })).pixels);
  });

  it("refuses a net for another checkpoint, a folder without a net, and an inpainting net without a mask", async () => {
    await expect(draw([{ folder: fixturePath("controlnet/inpainting") }])).rejects.toThrow(
      /controls\[0\]\.folder: .*attention_head_dim is 16, the transformer's is 12/,
    );
    await expect(draw([{ folder }])).rejects.toThrow(/config\.json is missing/);
    const config = JSON.parse(await readFile(join(control.folder, "config.json"), "utf8"));
    await writeFile(join(folder, "config.json"), JSON.stringify({ ...config, extra_condition_channels: 4 }));
    await writeFile(
      join(folder, "diffusion_pytorch_model.safetensors"),
      await readFile(join(control.folder, "diffusion_pytorch_model.safetensors")),
    );
    await expect(draw([{ folder }])).rejects.toMatchObject({ name: "ParameterError", parameter: "controls[0].mask" });
  });

  it.each([
    [{ weight: 4.1 }, "controls[0].weight"],
    [{ start: -1 }, "controls[0].start"],
    [{ start: 2, end: 2 }, "controls[0].end"],
    [{ mode: "strict" as "prompt" }, "controls[0].mode"],
    [{ image: { width: 16, height: 16, pixels: new Uint8Array(768) } }, "controls[0].image"],
    [{ mask: { width: 16, height: 16, pixels: new Uint8Array(256) } }, "controls[0].mask"],
    [{ folder: "" }, "controls[0].folder"],
  ])("refuses %j", async (part, parameter) => {
    await expect(draw([part])).rejects.toMatchObject({ name: "ParameterError", parameter });
  });
});
