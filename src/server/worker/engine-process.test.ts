import { existsSync, readdirSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { createEngineProcess, EngineDied, type EngineProcess } from "../../drawing/process/engine-process.ts";
import type { EngineStep } from "../../drawing/process/messages.ts";
import { ParameterError, Pipeline } from "../../engine/index.ts";

const folder = "test/fixtures/plain/checkpoint";
const params = { prompt: "A red fox", width: 64, height: 64, steps: 3, seed: 7n };

let engine: EngineProcess;
afterEach(() => engine.stop());

test("draws the same pixels as the pipeline in this process, and reports each step and picture", async () => {
  engine = createEngineProcess();
  const steps: EngineStep[] = [];
  const ready: number[] = [];
  const images = await engine.generate(
    folder,
    { ...params, count: 2 },
    { previews: true, onStep: (step) => steps.push(step), onImage: (_, index) => void ready.push(index) },
  );
  const pipeline = await Pipeline.load(folder);
  expect(images).toEqual(await pipeline.generate({ ...params, count: 2 }));
  await pipeline.dispose();
  expect(steps.map(({ image, step }) => [image, step])).toEqual([0, 1].flatMap((i) => [1, 2, 3].map((s) => [i, s])));
  expect(steps[0]!.preview).toMatchObject({ width: 8, height: 8 });
  expect(ready).toEqual([0, 1]);
});

test("refusals arrive with their class and parameter", async () => {
  engine = createEngineProcess();
  const error = await engine.generate(folder, { ...params, steps: 0 }).catch((e) => e);
  expect(error).toBeInstanceOf(ParameterError);
  expect(error.parameter).toBe("steps");
  await expect(engine.generate("test/fixtures/nowhere", params)).rejects.toThrow(/model_index\.json is missing/);
});

test("a checkpoint of which a part cannot be loaded makes room for the next one", async () => {
  const damaged = await mkdtemp(join(tmpdir(), "inkstone-damaged-"));
  onTestFinished(() => rm(damaged, { recursive: true }));
  await cp(folder, damaged, { recursive: true });
  engine = createEngineProcess();
  const [drawn] = await engine.generate(damaged, params);
  await rm(join(damaged, "vae/diffusion_pytorch_model.safetensors"));
  await expect(engine.generate(damaged, { ...params, image: drawn! })).rejects.toThrow(/VAE encoder/);
  const pid = engine.pid;
  expect(await engine.generate(folder, params)).toEqual([drawn]);
  expect(engine.pid).toBe(pid);
});

test("an abort stops within a step and leaves the process ready", async () => {
  engine = createEngineProcess();
  const abort = new AbortController();
  let last = 0;
  const drawing = engine.generate(
    folder,
    { ...params, steps: 1000 },
    {
      signal: abort.signal,
      onStep({ step }) {
        last = step;
        if (step === 5) abort.abort(new Error("enough"));
      },
    },
  );
  await expect(drawing).rejects.toThrow("enough");
  const pid = engine.pid;
  expect(last).toBeLessThan(100);
  await engine.generate(folder, params);
  expect(engine.pid).toBe(pid);
});

test("a killed process fails its request alone; the next one starts a new process", async () => {
  engine = createEngineProcess();
  const first = await engine.generate(folder, params);
  const pid = engine.pid!;
  const doomed = engine.generate(folder, { ...params, steps: 1000 }, { onStep: () => process.kill(pid, "SIGKILL") });
  const next = engine.generate(folder, params);
  await expect(doomed).rejects.toThrow(EngineDied);
  expect(await next).toEqual(first);
  expect(engine.pid).not.toBe(pid);
});

test("signals to the whole process group, such as Ctrl-C, do not end it", async () => {
  engine = createEngineProcess();
  await engine.generate(folder, params);
  const pid = engine.pid!;
  const onStep = () => {
    for (const signal of ["SIGINT", "SIGTERM"]) process.kill(pid, signal);
  };
  expect(await engine.generate(folder, { ...params, steps: 20 }, { onStep })).toHaveLength(1);
  expect(engine.pid).toBe(pid);
});

test("a process that cannot be started fails its request alone; the next one tries again", async () => {
  engine = createEngineProcess();
  const { execPath } = process;
  process.execPath = "/nowhere/node";
  try {
    const error = await engine.generate(folder, params).catch((e) => e);
    expect(error).toBeInstanceOf(EngineDied);
    expect(error.message).toMatch(/could not be started: .*ENOENT/);
    expect(engine.pid).toBeUndefined();
    await engine.stop();
  } finally {
    process.execPath = execPath;
  }
  expect(await engine.generate(folder, params)).toHaveLength(1);
});

test("a silent process is killed", async () => {
  engine = createEngineProcess({ program: "test/stand-ins/silent-engine.mjs", stallTimeout: 300 });
  await expect(engine.generate(folder, params)).rejects.toThrow(/silent for 300 ms/);
});

test("the caller stays responsive while the engine computes", async () => {
  engine = createEngineProcess();
  let ticks = 0;
  const ticking = setInterval(() => ticks++, 5);
  let computing = 0;
  await engine.generate(folder, { ...params, width: 256, height: 256, steps: 8 }, { onStep: () => computing++ });
  clearInterval(ticking);
  expect(computing).toBe(8);
  // Computed on this thread, it would turn once between two steps.
  expect(ticks).toBeGreaterThan(3 * computing);
});

test.skipIf(!existsSync("/proc/self/task"))("draws with as many threads as it is told", async () => {
  const counts: number[] = [];
  for (const threads of [1, 5]) {
    engine = createEngineProcess({ threads });
    await engine.generate(folder, params, {
      onStep: () => counts.push(readdirSync(`/proc/${engine.pid}/task`).length),
    });
    await engine.stop();
  }
  expect(counts.at(-1)! - counts[0]!).toBeGreaterThanOrEqual(4); // a pool of its own for each network
});
