import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MODEL } from "../../../test/support/stand-in-model.ts";
import { aTask, openTasks } from "../../../test/support/tasks.ts";
import { openWorker } from "../../../test/support/workers.ts";
import { workersPerTest } from "../../../test/support/workers-per-test.ts";
import { decodeImage, readMetadata } from "../../pictures/index.ts";
import { MAX_SEED } from "../../protocol/index.ts";
import type { TaskEvent } from "../tasks/index.ts";

const { tasks, start, submit, final } = workersPerTest();

async function firstSteps(taskUUID: string, count = 1): Promise<TaskEvent[]> {
  const heard: TaskEvent[] = [];
  const enough = Promise.withResolvers<void>();
  await tasks.service.subscribe("me", taskUUID, (event) => {
    heard.push(event);
    if (heard.filter(({ type }) => type === "progress").length >= count) enough.resolve();
  });
  await enough.promise;
  return heard;
}

describe("a task that succeeds", () => {
  test("gives files with their parameters, a price, and consecutive seeds", async () => {
    const { images } = await start();
    const record = await final(await submit({ numberResults: 3, seed: 41n, outputFormat: "PNG" }));
    expect(record.state).toBe("succeeded");
    expect(record.results.map(({ index, seed, cost }) => [index, seed, cost])).toEqual([
      [0, 41n, 0],
      [1, 42n, 0],
      [2, 43n, 0],
    ]);
    for (const result of record.results) {
      const { bytes, contentType } = (await images.read(result.fileName))!;
      expect([contentType, bytes.length]).toEqual(["image/png", result.byteLength]);
      expect(await decodeImage(bytes)).toMatchObject({ width: 128, height: 128 });
      const metadata = await readMetadata(bytes);
      expect(metadata).toMatchObject({
        software: "inkstone test",
        parameters: { positivePrompt: "a teapot", steps: 4 },
      });
      expect(BigInt(metadata!.parameters.seed as number)).toBe(result.seed);
    }
  });

  test("after a time without tasks the engine process ends; the next task starts another one", async () => {
    const { engine } = await start({ modelIdleMs: 200 });
    await final(await submit());
    const first = engine.pid;
    await expect.poll(() => engine.pid, { timeout: 20_000 }).toBeUndefined();
    expect((await final(await submit())).state).toBe("succeeded");
    expect(first).toBeDefined();
    expect(engine.pid).not.toBe(first);
  });

  test("costs the amount of the price curve", async () => {
    await start();
    const record = await final(await submit({ width: 1024, height: 768, steps: 28 }));
    expect(record.results[0]!.cost).toBe(0.0058);
  });

  test("a model is loaded before its first task, not while a task runs, and leaves memory like any other", async () => {
    const { engine, worker } = await start({ modelIdleMs: 200 });
    expect(worker.prepare("/first")).toBe(true);
    await expect.poll(() => engine.checkpoint).toEqual({ folder: "/first", state: "ready" });
    const first = engine.pid;
    expect(worker.prepare("/first")).toBe(true);
    const taskUUID = await submit({ steps: 5, positivePrompt: "step 30" });
    await firstSteps(taskUUID);
    expect(worker.prepare("/second")).toBe(false);
    expect((await final(taskUUID)).state).toBe("succeeded");
    expect(engine.pid).toBe(first);
    await expect.poll(() => worker.prepare("/second")).toBe(true);
    await expect.poll(() => engine.checkpoint?.folder).toBe("/second");
    await expect.poll(() => engine.pid, { timeout: 20_000 }).toBeUndefined();
  });

  test("the same task gives the same bytes", async () => {
    const { images } = await start();
    const fields = { seed: 7n, outputFormat: "WEBP" } as const;
    const bytes = [];
    for (let i = 0; i < 2; i++) {
      const record = await final(await submit(fields));
      bytes.push(Buffer.from((await images.read(record.results[0]!.fileName))!.bytes));
    }
    expect(bytes[0]!.equals(bytes[1]!)).toBe(true);
  });

  test("seeds wrap around after the largest one", async () => {
    await start();
    const record = await final(await submit({ numberResults: 3, seed: MAX_SEED - 1n }));
    expect(record.results.map(({ seed }) => seed)).toEqual([MAX_SEED - 1n, MAX_SEED, 0n]);
  });

  test("progress covers all images and never falls", async () => {
    await start();
    const heard = await firstSteps(await submit({ numberResults: 2, steps: 5, positivePrompt: "step 15" }), 10);
    const percentages = heard.flatMap((event) => (event.type === "progress" ? [event.percentage] : []));
    expect(percentages).toEqual([...percentages].sort((a, b) => a - b));
    expect(percentages.at(-1)).toBe(100);
  });

  test("a model's pixel budget changes the generation, not the size of the image, and is logged", async () => {
    const small = { ...MODEL, card: { ...MODEL.card, maxPixels: 65_536 } };
    const { images, logged } = await start({ findModel: async () => small });
    const record = await final(await submit({ width: 512, height: 512 }));
    expect(await decodeImage((await images.read(record.results[0]!.fileName))!.bytes)).toMatchObject({
      width: 512,
      height: 512,
    });
    expect(logged.some(({ message }) => message.includes("generated at 256×256"))).toBe(true);
  });

  test("starts when it is submitted, without waiting for a poll; so does its waiting client", async () => {
    const patient = await openTasks(tasks.db, 20, 600_000);
    const { close } = await openWorker(patient);
    for (let i = 0; i < 5; i++) {
      const sent = aTask({ steps: 1 });
      await patient.service.submit("me", sent);
      const record = await patient.service.waitForFinal("me", sent.task.taskUUID, AbortSignal.timeout(20_000));
      expect(record?.state).toBe("succeeded");
    }
    await close();
    await patient.close();
  });
});

describe("a task that is stopped", () => {
  test("cancelled while running: it stops within a step, and the next one starts in the same engine process", async () => {
    const { engine } = await start({ abortGrace: 10_000 });
    const taskUUID = await submit({ steps: 50, positivePrompt: "step 150" });
    await firstSteps(taskUUID, 2);
    const pid = engine.pid;
    const next = await submit();
    let steps = 0;
    const stop = tasks.signals.listen((signal) => {
      if (signal.type === "progress" && "steps" in signal.progress && signal.progress.steps === 50) steps++;
    });
    expect((await tasks.service.cancel("me", taskUUID))?.state).toBe("cancelled");
    steps = 0;
    expect((await final(next)).state).toBe("succeeded");
    stop();
    expect(steps).toBeLessThanOrEqual(1);
    expect(engine.pid).toBe(pid);
    expect(await final(taskUUID)).toMatchObject({ state: "cancelled", results: [] });
  });

  test("cancelled in a step that never ends: the engine is killed after its grace", async () => {
    const { engine } = await start();
    const taskUUID = await submit({ positivePrompt: "spin at 2" });
    await firstSteps(taskUUID);
    const pid = engine.pid;
    await tasks.service.cancel("me", taskUUID);
    expect((await final(await submit())).state).toBe("succeeded");
    expect(engine.pid).not.toBe(pid);
  });

  test("returned to the queue when the server stops, and finished after the next start", async () => {
    const first = await start();
    const taskUUID = await submit({ steps: 20, positivePrompt: "step 20", seed: 3n });
    await firstSteps(taskUUID, 2);
    await first.close();
    expect(await tasks.service.get("me", taskUUID)).toMatchObject({ state: "queued", attempt: 1 });
    await start();
    expect(await final(taskUUID)).toMatchObject({ state: "succeeded", attempt: 2, results: [{ seed: 3n }] });
  });

  test("given time to finish when the server stops gracefully", async () => {
    const { worker } = await start();
    const taskUUID = await submit({ steps: 10, positivePrompt: "step 20" });
    const waiting = await submit();
    await firstSteps(taskUUID);
    await worker.stop(10_000);
    expect((await tasks.service.get("me", taskUUID))?.state).toBe("succeeded");
    expect((await tasks.service.get("me", waiting))?.state).toBe("queued");
  });
});

describe("a task that fails", () => {
  test("an engine that dies each time fails this task only: two attempts, then the reason", async () => {
    await start();
    const bad = await submit({ positivePrompt: "die at 2" });
    const good = await submit();
    expect(await final(bad)).toMatchObject({
      state: "failed",
      attempt: 2,
      error: { code: "inferenceError", message: expect.stringContaining("The engine process was lost.") },
    });
    expect((await final(good)).state).toBe("succeeded");
  });

  test.each(["hang at 2", "spin at 2"])(
    "an engine without progress (%s) is ended, three times, then engineTimeout",
    async (positivePrompt) => {
      await start({ stepTimeoutMs: 2_500, abortGrace: 50 });
      const record = await final(await submit({ positivePrompt }));
      expect(record).toMatchObject({ state: "failed", attempt: 3, error: { code: "engineTimeout" } });
      expect((await final(await submit())).state).toBe("succeeded");
    },
  );

  test("an error of the engine is tried three times, then reported", async () => {
    await start();
    const record = await final(await submit({ positivePrompt: "error" }));
    expect(record).toMatchObject({
      state: "failed",
      attempt: 3,
      error: { message: expect.stringContaining("no such kernel") },
    });
  });

  test("a full disk delays, and loses nothing: the image is not generated again", async () => {
    let full = true;
    const { worker, logged } = await start({
      calls: {
        async write(path, bytes) {
          if (full) throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
          await writeFile(path, bytes);
        },
      },
    });
    const taskUUID = await submit();
    const waiting = await submit();
    await expect.poll(() => worker.trouble?.message, { timeout: 15_000 }).toContain("ENOSPC");
    expect(await tasks.service.get("me", taskUUID)).toMatchObject({ state: "running", results: [] });
    full = false;
    expect(await final(taskUUID)).toMatchObject({ state: "succeeded", attempt: 1 });
    expect((await final(waiting)).state).toBe("succeeded");
    expect(worker.trouble).toBeUndefined();
    expect(logged.filter(({ level }) => level === "warn").length).toBeGreaterThan(0);
  });

  test("a task that is cancelled while the disk is full causes no later error", async () => {
    const { worker } = await start({
      calls: {
        async write() {
          throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
        },
      },
    });
    const taskUUID = await submit();
    await expect.poll(() => worker.trouble?.message, { timeout: 15_000 }).toContain("ENOSPC");
    await tasks.service.cancel("me", taskUUID);
    await expect.poll(() => worker.trouble, { timeout: 15_000 }).toBeUndefined();
  });
});

describe("a device", () => {
  let file: string;
  beforeEach(async () => {
    file = join(await mkdtemp(join(tmpdir(), "inkstone-device-")), "trouble");
    process.env.INKSTONE_TEST_DEVICE_FILE = file;
  });
  afterEach(async () => {
    delete process.env.INKSTONE_TEST_DEVICE_FILE;
    await rm(dirname(file), { recursive: true });
  });

  test("that is lost costs one attempt of one task; the engine returns in a new process", async () => {
    const { engine, logged } = await start({ device: "webgpu" });
    const before = await final(await submit());
    const first = engine.pid;
    expect(engine.device).toEqual({ name: "webgpu", note: `webgpu in ${first}` });
    await writeFile(file, "");
    const lost = await final(await submit({ positivePrompt: "lose device" }));
    expect([before.state, lost.state, lost.attempt]).toEqual(["succeeded", "succeeded", 2]);
    expect(engine.pid).not.toBe(first);
    expect(engine.device).toEqual({ name: "webgpu", note: `webgpu in ${engine.pid}` });
    expect((await final(await submit())).attempt).toBe(1);
    expect(logged).toContainEqual(expect.objectContaining({ message: "an attempt failed" }));
  });

  test("that cannot be used costs tasks no attempt: they wait until it can", async () => {
    await writeFile(file, "no adapter");
    const { engine, worker, logged } = await start({ device: "cuda:1" });
    await worker.tried;
    expect(engine.device).toEqual({ name: "cuda:1", trouble: "no adapter" });
    expect(engine.pid).toBeUndefined();
    const waiting = await submit();
    await rm(file);
    const record = (await tasks.service.waitForFinal("me", waiting, AbortSignal.timeout(20_000)))!;
    expect([record.state, record.attempt]).toEqual(["succeeded", 1]);
    expect(engine.device.trouble).toBeUndefined();
    expect(logged).toContainEqual(
      expect.objectContaining({
        level: "error",
        facts: expect.objectContaining({ device: "cuda:1", retrySeconds: 5 }),
      }),
    );
  });
});
