/** `upscale` over the API: the real server, its engine process and the network, no checkpoint. */

import { readFile } from "node:fs/promises";
import { Runware } from "@runware/sdk-js";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { openUpscaler } from "../../src/drawing/upscaler.ts";
import { crop, decodeImage, encodeImage, type RgbImage, readMetadata } from "../../src/pictures/index.ts";
import { post } from "./memory-app.ts";
import { type ContractServer, startContractServer } from "./server.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let server: ContractServer;
let picture: RgbImage;
let image: string;

beforeAll(async () => {
  server = await startContractServer();
  const photo = await decodeImage(await readFile("test/fixtures/photos/astronaut.jpg"));
  picture = crop(photo, { left: 190, top: 80, width: 48, height: 32 });
  const png = Buffer.from(await encodeImage(picture, { format: "PNG" })).toString("base64");
  image = `data:image/png;base64,${png}`;
});
afterAll(() => server?.stop());

const upscale = (changes: object = {}) => ({
  taskType: "upscale",
  taskUUID: crypto.randomUUID(),
  inputs: { image },
  outputFormat: "PNG",
  ...changes,
});
const ask = (...tasks: object[]) => post(server.base, tasks, { key: server.key });
const bytesOf = async (url: string) => new Uint8Array(await (await fetch(url)).arrayBuffer());

describe("over HTTP", () => {
  test("the enlarged image by its address, as the network makes it, with its task inside", async () => {
    const task = upscale({ model: "runware:504@1", upscaleFactor: 4, includeCost: true });
    const { status, body } = await ask(task);
    expect([status, body.errors]).toEqual([200, undefined]);
    const [item] = body.data;
    expect(item).toEqual({
      taskType: "upscale",
      taskUUID: task.taskUUID,
      imageUUID: expect.any(String),
      inputImageUUID: expect.any(String),
      imageURL: `${server.base}/images/${item.imageUUID}.png`,
      cost: 0,
    });
    const bytes = await bytesOf(item.imageURL);
    const upscaler = await openUpscaler();
    const expected = await upscaler.upscale(picture, 4);
    await upscaler.release();
    const enlarged = await decodeImage(bytes);
    expect(enlarged).toMatchObject({ width: 192, height: 128 });
    expect(enlarged.pixels.filter((value, i) => Math.abs(value - expected.pixels[i]!) > 1)).toHaveLength(0);
    expect((await readMetadata(bytes))?.parameters).toMatchObject({ taskType: "upscale", upscaleFactor: 4 });
  });

  test("twofold by default; the result is an input of the next task; getResponse returns it again", async () => {
    const [first] = (await ask(upscale())).body.data;
    const task = upscale({ inputs: { image: first.imageUUID }, upscaleFactor: 3, deliveryMethod: "async" });
    expect((await ask(task)).body.data).toEqual([{ taskType: "upscale", taskUUID: task.taskUUID }]);
    const poll = async () => (await ask({ taskType: "getResponse", taskUUID: task.taskUUID })).body.data[0];
    await expect.poll(poll, { timeout: 60_000 }).toMatchObject({ status: "success", inputImageUUID: first.imageUUID });
    const enlarged = await decodeImage(await bytesOf((await poll()).imageURL));
    expect(enlarged).toMatchObject({ width: 288, height: 192 });
  });

  test.each([
    [{ upscaleFactor: 8 }, "invalidUpscaleFactor", "upscaleFactor"],
    [{ model: "runware:500@1" }, "invalidModel", "model"],
    [{ settings: { steps: 20 } }, "unsupportedParameter", "settings"],
    [{ inputs: {} }, "missingImage", "inputs.image"],
    [{ inputImage: crypto.randomUUID() }, "unsupportedParameter", "inputImage"],
    [{ inputs: { image: crypto.randomUUID() } }, "invalidImage", "inputs.image"],
  ])("%j is refused by name", async (changes, code, parameter) => {
    const { status, body } = await ask(upscale(changes));
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ code, parameter, taskType: "upscale" });
  });

  test("an image that would become too large is refused as an error of the caller", async () => {
    const large = { width: 2000, height: 1600, pixels: new Uint8Array(9_600_000) };
    const jpg = Buffer.from(await encodeImage(large, { format: "JPG" })).toString("base64");
    const { status, body } = await ask(upscale({ inputs: { image: jpg }, upscaleFactor: 4 }));
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ code: "invalidImage", parameter: "inputs.image" });
    expect(body.error.message).toContain("enlarged 4 times 8000×6400 pixels; the result may have at most 50000000");
  });
});

test.each([
  ["imageBackgroundRemoval", "Inkstone has no freely licensed weights for background removal"],
  ["caption", "Inkstone has no network that describes images"],
])("%s is refused with advice", async (taskType, sentence) => {
  const { status, body } = await ask({ taskType, taskUUID: crypto.randomUUID(), inputs: { image } });
  expect([status, body.error.code]).toEqual([400, "unsupportedTaskType"]);
  expect(body.error.message).toContain(sentence);
});

test("through the official client, old names and new", async () => {
  const runware = new Runware({ apiKey: server.key, url: server.socketUrl, globalMaxRetries: 1 });
  await runware.ensureConnection();
  const enlarged = await runware.upscale({ inputImage: image, upscaleFactor: 2 });
  expect(enlarged).toMatchObject({ imageUUID: expect.any(String), imageURL: expect.any(String) });
  await runware.disconnect();
  const old = await ask({ ...upscale({ inputs: undefined, inputImage: image }), taskType: "imageUpscale" });
  expect(old.body.data[0]).toMatchObject({ taskType: "upscale", imageURL: expect.any(String) });
});
