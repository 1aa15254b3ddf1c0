import { expect, test } from "vitest";
import type { WorkerSetting } from "../../../test/support/workers.ts";
import { workersPerTest } from "../../../test/support/workers-per-test.ts";
import { openFinishing } from "../../drawing/index.ts";
import type { EngineProcess } from "../../drawing/process/engine-process.ts";
import { readConfig } from "../../settings/read.ts";

const { start, submit, final } = workersPerTest();

/** An engine that draws one picture, and the next one for ever: until it is told to stop, which it answers with `answer`. */
const tireless = (answer?: Error): EngineProcess => ({
  generate(_folder, { width, height, seed }, { signal, onImage } = {}) {
    const pixels = new Uint8Array(width! * height! * 3).fill(90);
    void onImage?.({ width: width!, height: height!, seed: BigInt(seed!), pixels }, 0);
    return new Promise((_, reject) => {
      signal!.addEventListener("abort", () => reject(answer ?? signal!.reason), { once: true });
    });
  },
  pid: undefined,
  async stop() {},
});

/** How a task of twenty pictures ends that such an engine draws. */
async function end(setting: WorkerSetting) {
  await start({ engine: tireless(), ...setting });
  return final(await submit({ numberResults: 20 }));
}

/** Finds every picture unsafe, and refuses it. */
const strict = {
  ...openFinishing(readConfig()),
  checker: {
    check: async () => ({ scores: { Drawing: 0, Hentai: 0, Neutral: 0, Porn: 1, Sexy: 0 }, flagged: true }),
    pid: undefined,
    async stop() {},
  },
  policy: "refuse",
  checkAll: true,
} as const;

test("a picture that is refused ends the drawing of those after it", async () => {
  expect(await end({ finishing: strict })).toMatchObject({
    state: "failed",
    attempt: 1,
    error: { code: "nsfwContentDetected" },
  });
});

test("what the engine says to being stopped is not the reason", async () => {
  const engine = tireless(new Error("interrupted"));
  expect(await end({ finishing: strict, engine })).toMatchObject({ error: { code: "nsfwContentDetected" } });
});

test("a picture that cannot be stored for good ends the drawing of those after it", async () => {
  const broken = async () => Promise.reject(new Error("no such bucket"));
  expect(await end({ files: { put: broken, get: async () => undefined, delete: broken } })).toMatchObject({
    state: "failed",
    error: { code: "inferenceError", message: expect.stringContaining("no such bucket") },
  });
});
