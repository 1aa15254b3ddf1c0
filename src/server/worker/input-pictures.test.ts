import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { workersPerTest } from "../../../test/support/workers-per-test.ts";
import { encodeImage, type ImageFormat } from "../../pictures/index.ts";
import { controlNetPreprocess } from "../../protocol/controlnet-preprocess.ts";

const { tasks, start, submit, final } = workersPerTest();

const encoded = (format: ImageFormat) =>
  encodeImage({ width: 64, height: 64, pixels: new Uint8Array(64 * 64 * 3).fill(90) }, { format });
const picture = async (format: ImageFormat) => Buffer.from(await encoded(format)).toString("base64");
const cutShort = async (format: ImageFormat) =>
  Buffer.from((await encoded(format)).subarray(0, -30)).toString("base64");

test("an unavailable input fails at once, by name", async () => {
  await start();
  const record = await final(await submit({ inputs: { seedImage: "http://127.0.0.1:9/a.png" } }));
  expect(record).toMatchObject({
    state: "failed",
    attempt: 1,
    error: { code: "downloadFailed", parameter: "inputs.seedImage" },
  });
});

describe.each(["PNG", "JPG"] as const)("a %s with a good header and a truncated body fails at once", (format) => {
  const refusal = (code: string, parameter: string) => ({ state: "failed", attempt: 1, error: { code, parameter } });

  test.each(["seedImage", "maskImage"] as const)("as %s", async (name) => {
    await start();
    const inputs = {
      seedImage: await picture(format),
      maskImage: await picture(format),
      [name]: await cutShort(format),
    };
    const record = await final(await submit({ inputs }));
    expect(record).toMatchObject(refusal(`invalid${name[0]!.toUpperCase()}${name.slice(1)}`, `inputs.${name}`));
  });

  test("as guideImage", async () => {
    await start();
    const guides = [await picture(format), await cutShort(format)];
    const controlNet = guides.map((guideImage) => ({
      model: "me:canny@1",
      guideImage,
      weight: 1,
      controlMode: "balanced" as const,
    }));
    const record = await final(await submit({ controlNet }));
    expect(record).toMatchObject(refusal("invalidControlNetGuideImage", "controlNet.1.guideImage"));
  });

  test("as inputImage", async () => {
    await start();
    const sent = { taskType: "controlNetPreprocess", taskUUID: randomUUID(), preProcessorType: "canny" };
    const task = controlNetPreprocess.parse({ ...sent, inputImage: await cutShort(format) });
    await tasks.service.submit("me", { task, request: JSON.stringify(task) });
    expect(await final(task.taskUUID)).toMatchObject(refusal("invalidInputImage", "inputImage"));
  });
});
