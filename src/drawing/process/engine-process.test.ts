import { existsSync, readdirSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { recorded } from "../../../test/support/recorded-finishing.ts";
import { type GeneratedImage, ParameterError, Pipeline } from "../../engine/index.ts";
import { guideImage } from "../../pictures/index.ts";
import type { Drawing } from "../drawing.ts";
import type { DrawHooks, DrawingPlan } from "../finish.ts";
import type { PictureProgress } from "../progress.ts";
import type { Findings, Stages } from "../stages.ts";
import { createEngineProcess, type EngineProcess } from "./engine-process.ts";
import { EngineDied } from "./follow-request.ts";

const folder = "test/fixtures/plain/checkpoint";
const drawing: Drawing = { prompt: "A red fox", width: 64, height: 64, steps: 3, seed: 7n };
const plan = (given: Partial<Drawing> = {}, stages: Stages = {}): DrawingPlan => ({
  drawing: { ...drawing, ...given },
  stages,
});

/** The pictures of a drawing, and what was found in them. */
async function drawn(checkpoint: string, work: DrawingPlan, hooks: DrawHooks = {}) {
  const images: GeneratedImage[] = [];
  const found: Findings[] = [];
  await engine.draw(checkpoint, work, {
    ...hooks,
    onImage(image, index, findings) {
      images[index] = image;
      found[index] = findings;
      return hooks.onImage?.(image, index, findings);
    },
  });
  return { images, found };
}

let engine: EngineProcess;
afterEach(() => engine.stop());

test("generates the same pixels as the pipeline in this process, and reports each step and image", async () => {
  engine = createEngineProcess();
  const steps: PictureProgress[] = [];
  const previews: unknown[] = [];
  const images: GeneratedImage[] = [];
  await engine.draw(folder, plan({ count: 2 }), {
    previews: true,
    async onStep(step) {
      steps.push(step);
      previews.push(await step.preview?.());
    },
    onImage: (image) => void images.push(image),
  });
  const pipeline = await Pipeline.load(folder);
  expect(images).toEqual(await pipeline.generate({ ...drawing, count: 2 }));
  await pipeline.dispose();
  expect(steps.map(({ image, step }) => [image, step])).toEqual([0, 1].flatMap((i) => [1, 2, 3].map((s) => [i, s])));
  expect(steps.map(({ share }) => share)).toEqual([1, 2, 3, 1, 2, 3].map((step) => step / 3));
  expect(previews[0]).toMatchObject({ width: 8, height: 8 });
});

test("previews are made only on request", async () => {
  engine = createEngineProcess();
  const steps: PictureProgress[] = [];
  await engine.draw(folder, plan(), { onStep: (step) => void steps.push(step) });
  expect(steps.map(({ preview }) => preview)).toEqual([undefined, undefined, undefined]);
});

describe("finished", () => {
  const rule = { classes: ["Neutral"], threshold: 0.5 } as const;

  test("faces are found and refined there, and the image is checked", async () => {
    engine = createEngineProcess();
    const [{ picture }] = await recorded();
    const faces = {
      confidence: 0.9,
      maskPadding: 5,
      maskBlur: 5,
      positivePrompt: "",
      negativePrompt: "",
      steps: 2,
      CFGScale: 1,
      strength: 0.5,
    };
    const still = { image: picture, strength: 0, width: picture.width, height: picture.height };
    const stages: Stages = { faces, safety: { rule, policy: "withhold", asked: true } };
    const { images, found } = await drawn(folder, { ...plan(still, { faces }), maxPixels: 4096 });
    expect(found).toEqual([{ faces: 1 }]);
    const changed = images[0]!.pixels.filter((value, i) => value !== picture.pixels[i]).length;
    expect(changed).toBeGreaterThan(1000);
    expect(changed).toBeLessThan(picture.pixels.length / 10);

    const checked = await drawn(folder, { ...plan(still, stages), maxPixels: 4096 });
    expect(checked.found).toMatchObject([{ faces: 1, NSFWContent: true, safety: { flagged: true } }]);
    expect(new Set(checked.images[0]!.pixels)).toEqual(new Set([128]));
  });

  test("an image that the safety check refuses is reported with its class and index", async () => {
    engine = createEngineProcess();
    const [{ picture: image }] = await recorded();
    const stages: Stages = { safety: { rule, policy: "refuse", asked: true } };
    const refused = drawn(folder, plan({ image, strength: 0, count: 2 }, stages));
    await expect(refused).rejects.toMatchObject({ name: "PictureRefused", index: 0 });
  });

  test("a guide image equals one from this process, and needs no checkpoint", async () => {
    engine = createEngineProcess();
    const [{ picture }] = await recorded();
    const filter = { kind: "canny", low: 100, high: 200 } as const;
    expect(await engine.makeGuide(picture, filter)).toEqual(guideImage(picture, filter));
  });
});

describe("finished images", () => {
  test("are processed one after the other, and the task is finished after the last one", async () => {
    engine = createEngineProcess();
    const events: string[] = [];
    await engine.draw(folder, plan({ count: 3, steps: 1 }), {
      async onImage(_, index) {
        events.push(`begin ${index}`);
        await new Promise((resolve) => setTimeout(resolve, index === 0 ? 300 : 0));
        events.push(`end ${index}`);
      },
    });
    expect(events).toEqual([0, 1, 2].flatMap((index) => [`begin ${index}`, `end ${index}`]));
  });

  test("a failure ends the images after it, and is the reason", async () => {
    engine = createEngineProcess();
    let steps = 0;
    const drawing = engine.draw(folder, plan({ count: 20, steps: 100 }), {
      onStep: () => void steps++,
      onImage: () => Promise.reject(new Error("no such bucket")),
    });
    await expect(drawing).rejects.toThrow("no such bucket");
    expect(steps).toBeLessThan(300);
  });
});

test("errors keep their class and parameter", async () => {
  engine = createEngineProcess();
  const error = await drawn(folder, plan({ steps: 0 })).catch((e) => e);
  expect(error).toBeInstanceOf(ParameterError);
  expect(error.parameter).toBe("steps");
  await expect(drawn("test/fixtures/nowhere", plan())).rejects.toThrow(/model_index\.json is missing/);
});

test("a checkpoint that loads only in part is unloaded before the next one", async () => {
  const damaged = await mkdtemp(join(tmpdir(), "inkstone-damaged-"));
  onTestFinished(() => rm(damaged, { recursive: true }));
  await cp(folder, damaged, { recursive: true });
  engine = createEngineProcess();
  const { images } = await drawn(damaged, plan());
  await rm(join(damaged, "vae/diffusion_pytorch_model.safetensors"));
  await expect(drawn(damaged, plan({ image: images[0]!, strength: 0.5 }))).rejects.toThrow(/VAE encoder/);
  const pid = engine.pid;
  expect((await drawn(folder, plan())).images).toEqual(images);
  expect(engine.pid).toBe(pid);
});

test("an abort stops within a step and leaves the process ready", async () => {
  engine = createEngineProcess();
  const abort = new AbortController();
  let last = 0;
  const stopped = drawn(folder, plan({ steps: 1000 }), {
    signal: abort.signal,
    onStep({ step }) {
      last = step;
      if (step === 5) abort.abort(new Error("enough"));
    },
  });
  await expect(stopped).rejects.toThrow("enough");
  const pid = engine.pid;
  expect(last).toBeLessThan(100);
  await drawn(folder, plan());
  expect(engine.pid).toBe(pid);
});

test("a killed process fails only its request; the next request starts a new process", async () => {
  engine = createEngineProcess();
  const first = await drawn(folder, plan());
  const pid = engine.pid!;
  const doomed = drawn(folder, plan({ steps: 1000 }), { onStep: () => void process.kill(pid, "SIGKILL") });
  const next = drawn(folder, plan());
  await expect(doomed).rejects.toThrow(EngineDied);
  expect(await next).toEqual(first);
  expect(engine.pid).not.toBe(pid);
});

test("signals to the whole process group, such as Ctrl-C, do not end it", async () => {
  engine = createEngineProcess();
  await drawn(folder, plan());
  const pid = engine.pid!;
  const onStep = () => {
    for (const signal of ["SIGINT", "SIGTERM"]) process.kill(pid, signal);
  };
  expect((await drawn(folder, plan({ steps: 20 }), { onStep })).images).toHaveLength(1);
  expect(engine.pid).toBe(pid);
});

test("a process that does not start fails only its request; the next request tries again", async () => {
  engine = createEngineProcess();
  const { execPath } = process;
  process.execPath = "/nowhere/node";
  try {
    const error = await drawn(folder, plan()).catch((e) => e);
    expect(error).toBeInstanceOf(EngineDied);
    expect(error.message).toMatch(/could not be started: .*ENOENT/);
    expect(engine.pid).toBeUndefined();
    await engine.stop();
  } finally {
    process.execPath = execPath;
  }
  expect((await drawn(folder, plan())).images).toHaveLength(1);
});

test("a silent process is killed", async () => {
  engine = createEngineProcess({ program: "test/stand-ins/silent-engine.mjs", stallTimeout: 300 });
  await expect(drawn(folder, plan())).rejects.toThrow(/silent for 300 ms/);
});

test("the caller stays responsive while the engine computes", async () => {
  engine = createEngineProcess();
  let ticks = 0;
  const ticking = setInterval(() => ticks++, 5);
  let computing = 0;
  await drawn(folder, plan({ width: 256, height: 256, steps: 8 }), { onStep: () => void computing++ });
  clearInterval(ticking);
  expect(computing).toBe(8);
  // Computed on this thread, it would turn once between two steps.
  expect(ticks).toBeGreaterThan(3 * computing);
});

test.skipIf(!existsSync("/proc/self/task"))("uses the requested number of threads", async () => {
  const counts: number[] = [];
  for (const threads of [1, 5]) {
    engine = createEngineProcess({ threads });
    await drawn(folder, plan(), {
      onStep: () => void counts.push(readdirSync(`/proc/${engine.pid}/task`).length),
    });
    await engine.stop();
  }
  expect(counts.at(-1)! - counts[0]!).toBeGreaterThanOrEqual(4); // a pool of its own for each network
});
