import { describe, expect, it } from "vitest";
import type { GenerateParams } from "../engine/index.ts";
import type { Adapter, AdapterKind } from "../models/index.ts";
import type { RgbImage } from "../pictures/index.ts";
import { type ImageInferenceTask, parseTask } from "../protocol/index.ts";
import { findAdapters } from "./adapters.ts";
import { draw } from "./draw.ts";
import { drawingFromTask } from "./from-task.ts";

const guide = (width: number, height: number): RgbImage => ({
  width,
  height,
  pixels: new Uint8Array(width * height * 3).fill(200),
});

function task(more: object): ImageInferenceTask {
  const parsed = parseTask({
    taskType: "imageInference",
    taskUUID: "0b2aa6f5-6d4c-4f5f-9f3c-0e6d1c5a7b11",
    model: "runware:108@1",
    positivePrompt: "a sign",
    ...{ width: 256, height: 128, steps: 8 },
    ...more,
  });
  if (!parsed.ok) throw parsed.errors[0];
  return parsed.task as ImageInferenceTask;
}

const lightning = { base_shift: 1.0986, max_shift: 1.0986, shift_terminal: null };

/** Every AIR is known; `fast:…` is a distilled LoRA. */
async function find(air: string, kind: AdapterKind): Promise<Adapter> {
  const card = { kind, air, ...(air.startsWith("fast:") && { schedule: lightning }) };
  return { card, path: `/${kind}/${air}`, registration: "/" } as Adapter;
}

async function drawingOf(more: object, guides: RgbImage[] = []) {
  const wanted = task(more);
  return drawingFromTask(wanted, 1n, { defaults: { CFGScale: 4 } }, { guides }, await findAdapters(wanted, find));
}

describe("LoRAs and ControlNets of a task", () => {
  it("become files and folders with weights, windows and modes", async () => {
    const image = "6a0f0d3e-0b0c-4c57-9a57-3f4f7a0b2c11";
    const lora = [{ model: "a:1@1", weight: -0.5, transformer: "high" }, { model: "a:2@1" }];
    const controlNet = [
      { model: "c:1@1", guideImage: image, startStep: 2, endStepPercentage: 50, controlMode: "prompt" },
      { model: "c:2@1", guideImage: image, weight: 0.5 },
    ];
    const [first, second] = [guide(10, 10), guide(20, 10)];
    expect(await drawingOf({ lora, controlNet }, [first, second])).toMatchObject({
      loras: [
        { file: "/lora/a:1@1", weight: -0.5, transformer: "high" },
        { file: "/lora/a:2@1", weight: 1, transformer: "both" },
      ],
      controls: [
        { folder: "/controlnet/c:1@1", image: first, weight: 1, start: 2, end: 4, mode: "prompt" },
        { folder: "/controlnet/c:2@1", image: second, weight: 0.5, start: 0, end: 8, mode: "balanced" },
      ],
    });
  });

  it("a distilled LoRA sets the noise levels, unless its weight is 0", async () => {
    expect((await drawingOf({ lora: [{ model: "a:1@1" }, { model: "fast:4@1" }] })).schedule).toEqual(lightning);
    expect((await drawingOf({ lora: [{ model: "fast:4@1", weight: 0 }] })).schedule).toBeUndefined();
    expect((await drawingOf({})).loras).toBeUndefined();
  });

  it("guide images are stretched over the image and rendered at the model's size", async () => {
    const controlNet = [{ model: "c:1@1", guideImage: "6a0f0d3e-0b0c-4c57-9a57-3f4f7a0b2c11" }];
    const asked: GenerateParams[] = [];
    const engine = {
      async generate(params: GenerateParams) {
        asked.push(params);
        return [];
      },
    };
    await draw(engine, await drawingOf({ controlNet }, [guide(64, 64)]), { maxPixels: 128 * 64 });
    expect(asked[0]).toMatchObject({ width: 128, height: 64, controls: [{ image: { width: 128, height: 64 } }] });
    expect(new Set(asked[0]!.controls![0]!.image.pixels)).toEqual(new Set([200]));
  });

  it("an adapter that is not installed is reported", async () => {
    await expect(findAdapters(task({ lora: [{ model: "a:1@1" }] }))).rejects.toMatchObject({ reason: "unknownModel" });
  });
});
