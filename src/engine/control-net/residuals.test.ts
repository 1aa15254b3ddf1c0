import { expect, test } from "vitest";
import type { AnyTensor, HostTensor } from "../../onnx/index.ts";
import { onHost } from "../arithmetic/on-host.ts";
import { latentGrid } from "../latents.ts";
import type { Model } from "../model.ts";
import type { ControlPass } from "./library.ts";
import type { ControlParams } from "./params.ts";
import { controlResiduals } from "./residuals.ts";

const numbers = (tensor: AnyTensor): Float32Array => (tensor as HostTensor).data;

const SIDE = 32;
const SIGMAS = [1, 0.75, 0.5, 0.25, 0];
const image = { width: SIDE, height: SIDE, pixels: new Uint8Array(SIDE * SIDE * 3).fill(255) };
const tensor = (...data: number[]): HostTensor => ({ data: Float32Array.from(data), dims: [1, data.length] });
const prompt = { text: tensor(1), rotary: { cos: tensor(1), sin: tensor(0) } };

/** ControlNets by folder, "plain/13" or "inpainting/2" for kind and number of residuals; residual j is [j, strength of j]. */
function withNets() {
  const passes: ControlPass[] = [];
  const encoded: Float32Array[] = [];
  const model = {
    arithmetic: onHost,
    latentChannels: 2,
    pixelFactor: 8,
    async encodePicture({ data }: HostTensor) {
      encoded.push(data);
      return new Float32Array(2 * (SIDE / 8) ** 2);
    },
    controlNets: {
      async open(folder: string) {
        const [kind, residuals] = folder.split("/") as [string, string];
        return {
          residuals: Number(residuals),
          inpainting: kind === "inpainting",
          modulations: async (sigmas: readonly number[]) => sigmas.map((sigma) => Float32Array.of(sigma)),
          async run(pass: ControlPass) {
            passes.push(pass);
            return [...pass.strengths].map((strength, j) => tensor(j, strength));
          },
        };
      },
    },
  } as unknown as Model;
  const open = (controls: readonly ControlParams[]) =>
    controlResiduals(model, latentGrid(model, { width: SIDE, height: SIDE }), controls, SIGMAS, prompt);
  return { open, passes, encoded };
}

const strengthsOf = async (control: Partial<ControlParams>) => {
  const { open, passes } = withNets();
  const at = await open([{ folder: "plain/13", image, ...control }]);
  await at(tensor(0), 1, 0);
  return [...passes[0]!.strengths];
};

test("with the mode balanced, every residual has the whole weight", async () => {
  expect(await strengthsOf({ weight: 0.5 })).toEqual(Array(13).fill(0.5));
  expect(await strengthsOf({ mode: "controlnet" })).toEqual(Array(13).fill(1));
});

test("if the prompt prevails, residuals grow from a tenth to the whole weight", async () => {
  const strengths = await strengthsOf({ weight: 2, mode: "prompt" });
  for (const [i, strength] of strengths.entries()) expect(strength).toBeCloseTo(2 * 0.825 ** (12 - i), 5);
  const { open, passes } = withNets();
  await (await open([{ folder: "plain/1", image, mode: "prompt" }]))(tensor(0), 1, 0);
  expect([...passes[0]!.strengths]).toEqual([1]);
});

test("a net acts from its start up to, but not including, its end", async () => {
  const { open, passes } = withNets();
  const at = await open([{ folder: "plain/2", image, start: 1, end: 3 }]);
  const acted = [];
  for (const [step, sigma] of SIGMAS.slice(0, -1).entries())
    acted.push((await at(tensor(0), sigma, step)) !== undefined);
  expect(acted).toEqual([false, true, true, false]);
  expect(passes.map(({ modulation }) => modulation[0])).toEqual([0.75, 0.5]);
});

test("residuals of the same number add up, others stay separate; a weight of 0 omits a net", async () => {
  const { open } = withNets();
  const at = await open([
    { folder: "plain/2", image, weight: 1 },
    { folder: "plain/2", image, weight: 0.5 },
    { folder: "plain/1", image, weight: -1 },
    { folder: "plain/3", image, weight: 0 },
  ]);
  const { positive } = (await at(tensor(0), 1, 0))!;
  expect(positive.controls).toEqual([2, 1]);
  const values = Object.entries(positive.feeds).map(([name, tensor]) => [name, ...numbers(tensor)]);
  expect(values).toEqual([
    ["control/2/0", 0, 1.5],
    ["control/2/1", 2, 1.5],
    ["control/1/0", 0, -1],
  ]);
});

test("the guide image applies to the negative pass too, unless the ControlNet prevails", async () => {
  const negative = async (mode: "balanced" | "controlnet" | "prompt") => {
    const at = await withNets().open([{ folder: "plain/2", image, mode }]);
    return Object.values((await at(tensor(0), 1, 0))!.negative.feeds).some((tensor) =>
      numbers(tensor).some((value) => value !== 0),
    );
  };
  expect(await negative("balanced")).toBe(true);
  expect(await negative("prompt")).toBe(true);
  expect(await negative("controlnet")).toBe(false);
});

test("an inpainting net gets the part to replace as black, and a plane with the kept part; greys are cut at one half", async () => {
  const pixels = Uint8Array.from({ length: SIDE * SIDE }, (_, i) => (i % SIDE < 8 ? 127 : 128));
  const { open, passes, encoded } = withNets();
  const mask = { width: SIDE, height: SIDE, pixels };
  await (await open([{ folder: "inpainting/1", image, mask }]))(tensor(0), 1, 0);
  const firstRow = encoded[0]!.slice(0, SIDE);
  expect([...firstRow]).toEqual([...Array(8).fill(1), ...Array(SIDE - 8).fill(-1)]);
  const { data, dims } = passes[0]!.guide;
  expect(dims).toEqual([1, 4, 12]);
  // Tokens of 2×2 cells: of those at the left, the left cells are kept.
  expect([...data.slice(8, 12)]).toEqual([1, 0, 1, 0]);
  expect([...data.slice(12 + 8, 12 + 12)]).toEqual([0, 0, 0, 0]);
  await expect(open([{ folder: "inpainting/1", image }])).rejects.toMatchObject({ parameter: "controls[0].mask" });
});
