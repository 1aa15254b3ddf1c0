import { expect, test } from "vitest";
import type { WorkerSetting } from "../../../test/support/workers.ts";
import { workersPerTest } from "../../../test/support/workers-per-test.ts";
import { type EngineProcess, PictureRefused } from "../../drawing/index.ts";

const { start, submit, final } = workersPerTest();

/** An engine that draws one picture, and ends with the second. */
const refusing: EngineProcess = {
  async draw(_folder, { drawing: { width, height, seed } }, { onImage } = {}) {
    await onImage?.({ width, height, seed, pixels: new Uint8Array(width * height * 3) }, 0, {});
    throw new PictureRefused(1);
  },
  makeGuide: () => Promise.reject(new Error("no guides here")),
  upscale: () => Promise.reject(new Error("no upscaler here")),
  load: () => Promise.reject(new Error("no checkpoints here")),
  ready: async () => {},
  device: { name: "cpu", note: "cpu" },
  pid: undefined,
  checkpoint: undefined,
  async stop() {},
};

/** How a task of twenty pictures ends that such an engine draws. */
async function end(setting: WorkerSetting) {
  await start(setting);
  return final(await submit({ numberResults: 20 }));
}

test("a refused image ends the task with the documented error; those before it are kept", async () => {
  const record = await end({ engine: refusing });
  expect(record).toMatchObject({ state: "failed", attempt: 1, results: [{ index: 0 }] });
  expect(record.error).toMatchObject({
    code: "nsfwContentDetected",
    message: expect.stringContaining("result 2"),
  });
});

test("an image that cannot be stored ends the generation of those after it", async () => {
  const broken = async () => Promise.reject(new Error("no such bucket"));
  expect(await end({ files: { put: broken } })).toMatchObject({
    state: "failed",
    error: { code: "inferenceError", message: expect.stringContaining("no such bucket") },
  });
});
