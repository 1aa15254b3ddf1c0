/** `controlNetPreprocess` over the API: the real server and its guide process, no engine. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Runware } from "@runware/sdk-js";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { decodeImage, encodeImage, guideImage, readMetadata } from "../../src/pictures/index.ts";
import { post } from "./memory-app.ts";
import { type ContractServer, startContractServer } from "./server.ts";
import { login } from "./socket-client.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let server: ContractServer;
let inputImage: string;
const [width, height] = [96, 64];
const picture = {
  width,
  height,
  pixels: Uint8Array.from({ length: width * height * 3 }, (_, i) => (Math.floor(i / 3 / 16) % 2 ? 230 : 20)),
};
const edges = guideImage(picture, { kind: "canny", low: 100, high: 200 });

beforeAll(async () => {
  server = await startContractServer({ INKSTONE_ALLOWED_ADDRESSES: "127.0.0.1" });
  const png = Buffer.from(await encodeImage(picture, { format: "PNG" })).toString("base64");
  inputImage = `data:image/png;base64,${png}`;
});
afterAll(() => server?.stop());

const preprocess = (changes: object = {}) => ({
  taskType: "controlNetPreprocess",
  taskUUID: crypto.randomUUID(),
  inputImage,
  preProcessorType: "canny",
  outputFormat: "PNG",
  ...changes,
});
const ask = (...tasks: object[]) => post(server.base, tasks, { key: server.key });
const bytesOf = async (url: string) => new Uint8Array(await (await fetch(url)).arrayBuffer());

describe("over HTTP", () => {
  test("the guide image by its address, pixel for pixel, and as an input of the next task", async () => {
    const task = preprocess({ includeCost: true });
    const { status, body } = await ask(task);
    expect(status).toBe(200);
    const [item] = body.data;
    expect(item).toEqual({
      taskType: "controlNetPreprocess",
      taskUUID: task.taskUUID,
      guideImageUUID: expect.any(String),
      inputImageUUID: expect.any(String),
      guideImageURL: `${server.base}/images/${item.guideImageUUID}.png`,
      cost: 0,
    });
    const bytes = await bytesOf(item.guideImageURL);
    expect(Buffer.compare((await decodeImage(bytes)).pixels, edges.pixels)).toBe(0);
    expect((await readMetadata(bytes))?.parameters).toMatchObject({ preProcessorType: "canny" });

    const again = await ask(preprocess({ inputImage: item.inputImageUUID, outputType: "dataURI" }));
    expect(again.body.data[0].inputImageUUID).toBe(item.inputImageUUID);
    const [, base64] = again.body.data[0].guideImageDataURI.split("base64,");
    expect(Buffer.compare((await decodeImage(Buffer.from(base64, "base64"))).pixels, edges.pixels)).toBe(0);
    const twice = await ask(preprocess({ inputImage: item.guideImageUUID, preProcessorType: "tile" }));
    expect(twice.status).toBe(200);
  });

  test("the newer form, and shrinking", async () => {
    const { inputImage: image, preProcessorType: _, ...rest } = preprocess({ outputType: "base64Data" });
    const newer = {
      ...rest,
      inputs: { image },
      model: "runware:controlnet-preprocess@softedge",
      width: 48,
      height: 48,
    };
    const { status, body } = await ask(newer);
    expect(status).toBe(200);
    const guide = await decodeImage(Buffer.from(body.data[0].guideImageBase64Data, "base64"));
    expect(guide).toMatchObject({ width: 48, height: 32 });
  });

  test("async, then getResponse and getTaskDetails; the same task again is the same result", async () => {
    const task = preprocess({ deliveryMethod: "async" });
    expect((await ask(task)).body.data).toEqual([{ taskType: "controlNetPreprocess", taskUUID: task.taskUUID }]);
    const poll = async () => (await ask({ taskType: "getResponse", taskUUID: task.taskUUID })).body.data[0];
    await expect.poll(poll, { timeout: 30_000 }).toMatchObject({ status: "success" });
    const { guideImageUUID } = await poll();
    const same = await ask({ ...task, deliveryMethod: "async" });
    expect(same.body.data).toHaveLength(1);
    const details = await ask({ taskType: "getTaskDetails", taskUUID: task.taskUUID });
    expect(details.body.data[0].response.data[0]).toMatchObject({ guideImageUUID });
  });

  test("its webhook and its upload", async () => {
    const heard = new Map<string, Buffer>();
    const receiver = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part) => parts.push(part));
      request.on("end", () => {
        heard.set(request.method!, Buffer.concat(parts));
        response.end();
      });
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => receiver.once("listening", resolve));
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    const { body } = await ask(preprocess({ webhookURL: url, uploadEndpoint: url }));
    await expect.poll(() => heard.size, { timeout: 30_000 }).toBe(2);
    expect(JSON.parse(String(heard.get("POST")))).toEqual(body);
    expect(Buffer.compare((await decodeImage(heard.get("PUT")!)).pixels, edges.pixels)).toBe(0);
    receiver.close();
  });

  test.each([
    [{ preProcessorType: "openpose_full" }, "unsupportedPreProcessorType", "preProcessorType"],
    [{ preProcessorType: "doodle" }, "invalidPreProcessorType", "preProcessorType"],
    [{ lowThresholdCanny: 200 }, "invalidLowThresholdCanny", "lowThresholdCanny"],
    [{ inputImage: crypto.randomUUID() }, "invalidInputImage", "inputImage"],
    [{ inputImage: undefined }, "missingInputImage", "inputImage"],
    [{ inputs: { image: "x", mask: "y" } }, "unsupportedParameter", "inputs"],
    [{ steps: 5 }, "unsupportedParameter", "steps"],
  ])("%j is refused by name", async (changes, code, parameter) => {
    const { status, body } = await ask(preprocess(changes));
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ code, parameter, taskType: "controlNetPreprocess" });
    if (code === "unsupportedPreProcessorType")
      expect(body.error.allowedValues).toEqual(["canny", "scribble", "softedge", "tile"]);
  });
});

test("over a WebSocket, under its old name", async () => {
  const client = await login(server.socketUrl, { apiKey: server.key });
  const task = preprocess({ taskType: "imageControlNetPreProcess", preProcessorType: "scribble" });
  client.send(task);
  expect(await client.next()).toMatchObject({
    data: [{ taskType: "controlNetPreprocess", taskUUID: task.taskUUID, guideImageURL: expect.any(String) }],
  });
  client.socket.close();
});

test("through the official client", async () => {
  const runware = new Runware({ apiKey: server.key, url: server.socketUrl, globalMaxRetries: 1 });
  await runware.ensureConnection();
  const guide = await runware.controlNetPreProcess({ inputImage, preProcessorType: "canny" as never });
  expect(guide).toMatchObject({ guideImageUUID: expect.any(String), inputImageUUID: expect.any(String) });
  await runware.disconnect();
});
